/* What follows a step: the cap on each unit's incoming weights, and the average of the weights. */
#include "solvers.h"
#include "trainer.h"

enum { AVERAGE_LEN = 4096 }; /* elements of an item */

static ptrdiff_t blocks_of(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p) {
    return p->layout == FMLP_NARROW ? 1 : (p->out_pad + plan->k->nr - 1) / plan->k->nr;
}

ptrdiff_t fmlp_cap_items(const struct fmlp_plan *plan) {
    ptrdiff_t n = 0;
    for (int q = 0; q < plan->n_matrices; q++) n += blocks_of(plan, &plan->layers[q]);
    return n;
}

/* Columns [j, j + width) of one matrix in w; the biases stay. */
static void cap(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, ptrdiff_t j,
                ptrdiff_t width, void *w, double limit) {
    const struct fmlp_kernels *k = plan->k;
    switch (p->layout) {
    case FMLP_PANELS:
        k->cap_columns(p->n_in, width, fmlp_at(plan, w, p->w_at + j * (p->n_in + 1)), width, limit);
        break;
    case FMLP_ROWS:
        k->cap_columns(p->n_in, width, fmlp_at(plan, w, p->w_at + j), p->out_pad, limit);
        break;
    case FMLP_NARROW:
        for (ptrdiff_t i = 0; i < p->n_out; i++)
            k->cap_row(p->in_pad, fmlp_at(plan, w, p->w_at + i * p->in_pad), limit);
        break;
    case FMLP_FLAT: break; /* prediction only */
    }
}

void fmlp_cap_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const double limit = c->hyper->max_norm;
    int l = 0;
    (void)thread;
    while (item >= blocks_of(plan, &plan->layers[l])) item -= blocks_of(plan, &plan->layers[l++]);
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t j = item * plan->k->nr, width = fmlp_min(plan->k->nr, p->out_pad - j);
    cap(plan, p, j, width, t->w, limit);
    if (t->averages_itself) { /* the weights of the next step are made of these */
        for (int i = 0; i < fmlp_solver_get(t->solver)->n_points; i++)
            cap(plan, p, j, width, t->s[i], limit);
        cap(plan, p, j, width, t->average, limit);
    }
    if (p->wt_at >= 0) fmlp_transpose_item(plan, l, j, width, 0, p->n_in, t->w, t->wt);
}

ptrdiff_t fmlp_average_items(const struct fmlp_plan *plan) {
    return (plan->w_len + AVERAGE_LEN - 1) / AVERAGE_LEN;
}

void fmlp_average_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_plan *plan = &c->t->plan;
    const ptrdiff_t at = item * AVERAGE_LEN;
    (void)thread;
    plan->k->average(fmlp_min(AVERAGE_LEN, plan->w_len - at), fmlp_at(plan, c->t->w, at),
                     fmlp_at(plan, c->t->average, at), c->average_mix);
}
