/* The table of solvers. A solver is a row here, its rule in kernels/optimizer.inc.h, and what of
 * that rule changes from step to step but not from weight to weight, which is computed here in
 * double. docs/adding-a-solver.md walks through it. */
#include "solvers.h"

#include <math.h>

/* The bias corrections of both moments go into the rate. */
static void adam(const fmlp_hyper *h, double t, struct fmlp_rule_args *args) {
    args->learning_rate *= sqrt(1 - pow(h->beta_2, t)) / (1 - pow(h->beta_1, t));
}

static const struct fmlp_solver solvers[] = {
    {"gradient", FMLP_RULE_GRADIENT, 0, {0}, 0}, /* writes gradients, changes nothing: L-BFGS */
    {"sgd", FMLP_RULE_SGD, 1, {"momentum", "nesterov"}, 0},
    {"adam", FMLP_RULE_ADAM, 2, {"beta_1", "beta_2", "epsilon"}, adam},
};

int fmlp_solver_count(void) { return (int)(sizeof solvers / sizeof *solvers); }

const struct fmlp_solver *fmlp_solver_get(int solver) {
    return solver >= 0 && solver < fmlp_solver_count() ? &solvers[solver] : 0;
}

const char *fmlp_solver_name(int solver) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    return s ? s->name : 0;
}

int fmlp_solver_n_state(int solver) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    return s ? s->n_state : 0;
}

const char *fmlp_solver_takes(int solver, int i) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    const int n = (int)(sizeof s->takes / sizeof *s->takes);
    return s && i >= 0 && i < n ? s->takes[i] : 0;
}

struct fmlp_rule_args fmlp_solver_args(int solver, const fmlp_hyper *h, double t, double weights) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    struct fmlp_rule_args args = {.scale = 1 / weights,
                                  .alpha = h->alpha,
                                  .learning_rate = h->learning_rate,
                                  .momentum = h->momentum,
                                  .nesterov = h->nesterov,
                                  .beta_1 = h->beta_1,
                                  .beta_2 = h->beta_2,
                                  .epsilon = h->epsilon};
    if (s->scalars) s->scalars(h, t, &args);
    return args;
}
