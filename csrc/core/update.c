/* Phase 2: every weight belongs to one item and every item to one thread, which sums its gradient
 * over the rows in order and applies the rule while the sum is in L1. */
#include <string.h>

#include "trainer.h"

/* Where the item's gradient is summed: the step's own array, or the thread's buffer. */
static void *sum_at(const struct fmlp_trainer *t, const struct fmlp_thread_memory *mem,
                    ptrdiff_t at) {
    return t->g ? fmlp_at(&t->plan, t->g, at) : mem->item;
}

static double apply(struct fmlp_trainer *t, const struct fmlp_chunk *c, ptrdiff_t at, ptrdiff_t n,
                    const void *g, int is_bias) {
    const struct fmlp_plan *plan = &t->plan;
    return plan->k->rule(c->rule, n, g, fmlp_at(plan, t->w, at),
                         t->s1 ? fmlp_at(plan, t->s1, at) : 0,
                         t->s2 ? fmlp_at(plan, t->s2, at) : 0, is_bias ? &c->biases : &c->weights);
}

static void bias(struct fmlp_trainer *t, const struct fmlp_chunk *c, int l, ptrdiff_t j,
                 ptrdiff_t n, ptrdiff_t at, ptrdiff_t width, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    void *g = sum_at(t, mem, at);
    plan->k->grad_bias(c->rows, n, fmlp_at(plan, t->dz[l], j), plan->layers[l].ld, !c->first, g);
    if (c->last) apply(t, c, at, width, g, 1);
}

static double panel_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                         const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t panel = p->w_at + it->j * (p->n_in + 1);
    const ptrdiff_t at = panel + it->k0 * it->width;
    void *g = sum_at(t, mem, at);
    double squares = 0;
    plan->k->grad(c->rows, it->k0, it->k1, it->width, t->in_rows[l], fmlp_at(plan, t->dz[l], it->j),
                  p->ld, !c->first, g);
    if (c->last) {
        squares = apply(t, c, at, (it->k1 - it->k0) * it->width, g, 0);
        if (p->wt_at >= 0 && c->rule != FMLP_RULE_GRADIENT)
            fmlp_transpose_item(plan, l, it->j, it->width, it->k0, it->k1, t->w, t->wt);
    }
    if (it->k0 == 0) bias(t, c, l, it->j, it->width, panel + p->n_in * it->width, it->width, mem);
    return squares;
}

static double narrow_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                          const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t lanes = plan->k->lanes, n = (it->k1 - it->k0 + lanes - 1) / lanes * lanes;
    const ptrdiff_t ldg = t->g ? p->in_pad : n, at = p->w_at + it->k0;
    void *g = sum_at(t, mem, at);
    double squares = 0;
    plan->k->grad_narrow(c->rows, it->k0, it->k1, p->n_out, t->in_rows[l], t->dz[l], p->ld,
                         !c->first, g, ldg);
    if (c->last)
        for (ptrdiff_t j = 0; j < p->n_out; j++)
            squares += apply(t, c, at + j * p->in_pad, n, fmlp_at(plan, g, j * ldg), 0);
    if (it->k0 == 0) bias(t, c, l, 0, p->n_out, p->w_at + p->n_out * p->in_pad, lanes, mem);
    return squares;
}

/* g holds zeros between steps where no chunk is pending. */
static double rows_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                        const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[0];
    const ptrdiff_t at = p->w_at + it->k0 * p->out_pad, n = (it->k1 - it->k0) * p->out_pad;
    double squares = 0;
    if (c->last) {
        void *g = fmlp_at(plan, t->g, at);
        squares = apply(t, c, at, n, g, 0);
        memset(g, 0, (size_t)(n * plan->k->size));
    }
    if (it->k0 == 0) bias(t, c, 0, 0, p->out_pad, p->w_at + p->n_in * p->out_pad, p->out_pad, mem);
    return squares;
}

/* This thread's items are those whose middle lies in its share of the cost. */
static void share(const struct fmlp_plan *plan, int thread, int n_threads, ptrdiff_t *from,
                  ptrdiff_t *to) {
    double total = 0, seen = 0;
    *from = *to = 0;
    for (ptrdiff_t i = 0; i < plan->n_items; i++) total += plan->items[i].cost;
    for (ptrdiff_t i = 0; i < plan->n_items; i++) {
        const double middle = seen + plan->items[i].cost / 2;
        if (middle < total * thread / n_threads) *from = i + 1;
        if (middle < total * (thread + 1) / n_threads) *to = i + 1;
        seen += plan->items[i].cost;
    }
}

static void sparse_sums(struct fmlp_trainer *t, const struct fmlp_chunk *c, ptrdiff_t from,
                        ptrdiff_t to) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[0];
    while (to > from && plan->items[to - 1].layer > 0) to--;
    if (to == from) return;
    const struct fmlp_csr csr = fmlp_csr_of(c->x);
    const ptrdiff_t k0 = plan->items[from].k0, k1 = plan->items[to - 1].k1;
    plan->k->grad_sparse(c->rows, k0, k1, p->out_pad, &csr, t->index, t->dz[0], p->ld,
                         fmlp_at(plan, t->g, p->w_at + k0 * p->out_pad));
}

void fmlp_update_phase(struct fmlp_trainer *t, const struct fmlp_chunk *c, int thread,
                       int n_threads) {
    const struct fmlp_thread_memory mem = fmlp_thread_memory(t, thread);
    ptrdiff_t from, to;
    share(&t->plan, thread, n_threads, &from, &to);
    if (t->sparse) sparse_sums(t, c, from, to);
    for (ptrdiff_t i = from; i < to; i++) {
        const struct fmlp_item *it = &t->plan.items[i];
        double squares = 0;
        switch (t->plan.layers[it->layer].layout) {
        case FMLP_PANELS: squares = panel_item(t, c, it, &mem); break;
        case FMLP_NARROW: squares = narrow_item(t, c, it, &mem); break;
        case FMLP_ROWS: squares = rows_item(t, c, it, &mem); break;
        }
        t->penalty[i] += squares * c->penalty_factor;
    }
}
