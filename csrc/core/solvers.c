/* The table of solvers. A solver is a row here, its rule in kernels/optimizer.inc.h, and what of
 * that rule changes from step to step but not from weight to weight, which is computed here in
 * double. docs/adding-a-solver.md walks through it. */
#include "solvers.h"

#include <math.h>

typedef const struct fmlp_step *step;

static double bias_1(const fmlp_hyper *h, step at) { return 1 - pow(h->beta_1, at->number); }
static double bias_2(const fmlp_hyper *h, step at) { return 1 - pow(h->beta_2, at->number); }

/* The bias corrections of both moments go into the rate. */
static void adam(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    args->learning_rate *= sqrt(bias_2(h, at)) / bias_1(h, at);
}

/* The correction of the second moment goes under the root, away from epsilon. */
static void adamw(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    args->step = at->rate / bias_1(h, at);
    args->root = 1 / sqrt(bias_2(h, at));
}

static void adamax(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    args->step = at->rate / bias_1(h, at);
}

/* The momentum of step t in NAdam, as in PyTorch with its momentum_decay. */
static double nadam_momentum(const fmlp_hyper *h, double t) {
    return h->beta_1 * (1 - 0.5 * pow(0.96, t * 0.004));
}

static void nadam(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    double product = 1; /* of the momenta so far; the first ones are near beta_1 / 2 */
    for (double t = 1; t <= at->number && product > 1e-18; t++) product *= nadam_momentum(h, t);
    const double now = nadam_momentum(h, at->number), next = nadam_momentum(h, at->number + 1);
    args->step_gradient = at->rate * (1 - now) / (1 - product);
    args->step = at->rate * next / (1 - product * next);
    args->root = 1 / sqrt(bias_2(h, at));
}

/* The second moment is used from where its average is long enough to have a variance. */
static void radam(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    const double longest = 2 / (1 - h->beta_2) - 1, correction = bias_2(h, at);
    const double length = longest - 2 * at->number * (1 - correction) / correction;
    args->step = at->rate / bias_1(h, at);
    if (length > 5) {
        args->step *= sqrt(correction * (length - 4) * (length - 2) * longest /
                           ((longest - 4) * (longest - 2) * length));
        args->root = 1;
    } else {
        args->root = 0;
        args->epsilon = 1;
    }
}


/* torch.optim.Muon's momentum; the parameters that are no matrices follow AdamW. */
static void muon(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    adamw(h, at, args);
    args->momentum = 0.95;
}

/* The average weighs steps by their squared rates: a warm-up counts for little. */
static void schedulefree(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    args->root = 1 / sqrt(bias_2(h, at));
    args->mix = at->rate_sum > 0 ? at->rate * at->rate / at->rate_sum : 1;
}

/* The first step has the size of the learning rate. */
static void rprop(const fmlp_hyper *h, step at, struct fmlp_rule_args *args) {
    (void)h;
    args->step = at->number == 1 ? at->rate : 0;
    args->mix = at->number == 1 ? 0 : 1;
}

static const struct fmlp_solver solvers[] = {
    {.name = "gradient", /* writes the gradient, changes nothing: L-BFGS */
     .rule = FMLP_RULE_GRADIENT},
    {.name = "sgd", .rule = FMLP_RULE_SGD, .n_state = 1,
     .takes = {"momentum", "nesterov"}},
    {.name = "adam", .rule = FMLP_RULE_ADAM, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = adam},
    {.name = "adamw", .rule = FMLP_RULE_MOMENTS, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = adamw},
    {.name = "amsgrad", .rule = FMLP_RULE_AMSGRAD, .n_state = 3,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = adamw},
    {.name = "nadam", .rule = FMLP_RULE_NADAM, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = nadam},
    {.name = "radam", .rule = FMLP_RULE_MOMENTS, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = radam},
    {.name = "adamax", .rule = FMLP_RULE_ADAMAX, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = adamax},
    {.name = "adagrad", .rule = FMLP_RULE_ADAGRAD, .n_state = 1,
     .takes = {"epsilon"}},
    {.name = "adadelta", .rule = FMLP_RULE_ADADELTA,
     .n_state = 2, .takes = {"rho", "epsilon"}},
    {.name = "rmsprop", .rule = FMLP_RULE_RMSPROP, .n_state = 1,
     .takes = {"rho", "epsilon"}},
    {.name = "lion", .rule = FMLP_RULE_LION, .n_state = 1,
     .takes = {"beta_1", "beta_2"}},
    {.name = "adabelief", .rule = FMLP_RULE_ADABELIEF,
     .n_state = 2, .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = adamw},
    {.name = "muon", .rule = FMLP_RULE_MOMENTS, .matrix_rule = FMLP_RULE_MUON, .n_state = 2,
     .takes = {"beta_1", "beta_2", "epsilon"}, .scalars = muon},
    {.name = "schedulefree", .rule = FMLP_RULE_SCHEDULEFREE, .n_state = 2, .n_points = 1,
     .traits = FMLP_SOLVER_AVERAGES, .takes = {"beta_1", "beta_2", "epsilon"},
     .scalars = schedulefree},
    {.name = "rprop", .rule = FMLP_RULE_RPROP, .n_state = 2,
     .traits = FMLP_SOLVER_FULL_BATCH, .scalars = rprop},
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

int fmlp_solver_traits(int solver) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    return s ? s->traits : 0;
}

const char *fmlp_solver_takes(int solver, int i) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    const int n = (int)(sizeof s->takes / sizeof *s->takes);
    return s && i >= 0 && i < n ? s->takes[i] : 0;
}

struct fmlp_rule_args fmlp_solver_args(int solver, const fmlp_hyper *h,
                                       const struct fmlp_step *at, double weights) {
    const struct fmlp_solver *s = fmlp_solver_get(solver);
    struct fmlp_rule_args args = {.scale = 1 / weights,
                                  .alpha = h->alpha,
                                  .learning_rate = at->rate,
                                  .momentum = h->momentum,
                                  .nesterov = h->nesterov,
                                  .beta_1 = h->beta_1,
                                  .beta_2 = h->beta_2,
                                  .epsilon = h->epsilon,
                                  .rho = h->rho,
                                  .decay = 1 - at->rate * h->weight_decay,
                                  .threshold = at->rate * h->l1};
    if (s->scalars) s->scalars(h, at, &args);
    return args;
}
