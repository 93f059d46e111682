#include "lazy.h"

#include <string.h>

#include "solvers.h"
#include "trainer.h"

int fmlp_lazy_possible(const struct fmlp_trainer *t) {
    /* Input dropout copies the rows of one mini-batch at a time, a projection is a second matrix by
     * columns of X, and of a custom loss the forward pass is a call of its own. */
    const struct fmlp_plan *plan = &t->plan;
    return t->solver != FMLP_SOLVER_NONE && t->batch == t->chunk && !t->clip && !t->average &&
           !fmlp_solver_get(t->solver)->matrix_rule && plan->input_dropout == 0 &&
           !plan->any_projection && plan->head.loss != FMLP_LOSS_CUSTOM;
}

void fmlp_lazy_take(struct fmlp_trainer *t, struct fmlp_arena *arena) {
    struct fmlp_lazy *lazy = &t->lazy;
    const ptrdiff_t n = t->plan.n_inputs;
    lazy->rule = fmlp_solver_get(t->solver)->rule;
    lazy->args = fmlp_take(arena, FMLP_LAZY_STEPS, sizeof *lazy->args);
    lazy->factor = fmlp_take(arena, FMLP_LAZY_STEPS, sizeof *lazy->factor);
    lazy->done = fmlp_take(arena, n, sizeof *lazy->done);
    lazy->penalty = fmlp_take(arena, n, sizeof *lazy->penalty);
    lazy->zeros = fmlp_take(arena, t->plan.max_ld, t->plan.k->size);
}

void fmlp_lazy_catch_up(struct fmlp_trainer *t, ptrdiff_t k, int32_t to) {
    struct fmlp_lazy *lazy = &t->lazy;
    const struct fmlp_layer_plan *p = &t->plan.layers[0];
    const ptrdiff_t at = p->w_at + k * p->out_pad;
    void *w = fmlp_at(&t->plan, t->w, at), *state[FMLP_MAX_STATE];
    for (int i = 0; i < t->n_s; i++) state[i] = fmlp_at(&t->plan, t->s[i], at);
    for (int32_t s = lazy->done[k]; s < to; s++)
        lazy->penalty[k] += lazy->factor[s] * t->plan.k->rule(lazy->rule, p->out_pad, lazy->zeros,
                                                              w, state, &lazy->args[s]);
    lazy->done[k] = to;
}

static void settle_task(void *arg, int thread, int n_threads) {
    struct fmlp_trainer *t = arg;
    const ptrdiff_t n = t->plan.n_inputs;
    for (ptrdiff_t k = n * thread / n_threads; k < n * (thread + 1) / n_threads; k++)
        fmlp_lazy_catch_up(t, k, t->lazy.steps);
}

void fmlp_lazy_settle(struct fmlp_trainer *t) {
    struct fmlp_lazy *lazy = &t->lazy;
    if (!lazy->on || lazy->steps == 0) return;
    const double cost = 30.0 * (double)t->plan.layers[0].w_len;
    fmlp_parallel(fmlp_plan_threads(&t->exec, cost), settle_task, t);
    memset(lazy->done, 0, (size_t)t->plan.n_inputs * sizeof *lazy->done);
    lazy->steps = 0;
}
