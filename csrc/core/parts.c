/* parts.c - gradients of a small network, summed part by part of the mini-batch.
 *
 * Where a step takes microseconds, what it costs to share is to move lines between cores. With few
 * weights and many activations the thread that computed a part's activations and deltas sums their
 * gradients as well, and phase 2 adds the parts in order: only sums travel. Rows of a part depend
 * on the mini-batch alone, so the bits do not depend on the threads.
 */
#include <string.h>

#include "trainer.h"

enum { PARTS = 2, LEAST_ROWS = 32, MOST_BYTES = 1 << 20 };

/* Rows of memory left free behind those of each part. A core that walks down its rows prefetches
 * beyond the last; were the next part's there, it would take them from the thread that writes them. */
enum { GAP_ROWS = 128 };

/* Parts pay where their sums are at most as long as the activations and deltas of their rows: half
 * of the sums travels, or all of those. They must lie in L2 beside the weights.
 * Plain networks alone: dense input, a loss in one pass, nothing but matrices and biases. */
int fmlp_parts_of(const struct fmlp_trainer *t, const fmlp_net *net) {
    ptrdiff_t width = 0;
    if (t->entries >= 0 || net->head.loss == FMLP_LOSS_CUSTOM) return 1;
    for (int l = 0; l < net->n_layers; l++) {
        const struct fmlp_layer_plan p = fmlp_layer_shape(t->plan.k, net, l, 0);
        if (p.norm || p.slopes || p.residual) return 1;
        width += 2 * p.ld;
    }
    const ptrdiff_t rows = t->chunk / PARTS;
    const int fit = t->plan.w_len * t->plan.k->size <= MOST_BYTES;
    return rows >= LEAST_ROWS && fit && t->plan.w_len <= rows * width ? PARTS : 1;
}

int fmlp_parts_of_rows(const struct fmlp_trainer *t, ptrdiff_t rows) {
    return rows >= t->parts * LEAST_ROWS / 2 ? t->parts : 1;
}

ptrdiff_t fmlp_rows_held(const struct fmlp_trainer *t) {
    return t->parts > 1 ? fmlp_size_add(t->chunk, t->parts * GAP_ROWS) : t->chunk;
}

void fmlp_part_block(const struct fmlp_chunk *c, ptrdiff_t part, ptrdiff_t i, ptrdiff_t m, int thread,
                     struct fmlp_early *early) {
    const ptrdiff_t shift = part * GAP_ROWS;
    struct fmlp_chunk shifted = *c; /* rows have the numbers of their memory there */
    shifted.start -= shift, shifted.row -= shift;
    fmlp_rows_block(&shifted, i + shift, m, thread, early);
}

static ptrdiff_t first_row(const struct fmlp_chunk *c, ptrdiff_t part) {
    return c->rows * part / c->parts;
}

/* Where in memory a part's rows are; returns how many. */
static ptrdiff_t rows_of(const struct fmlp_chunk *c, ptrdiff_t part, ptrdiff_t *first) {
    *first = first_row(c, part) + part * GAP_ROWS;
    return first_row(c, part + 1) - first_row(c, part);
}

double fmlp_parts_loss(const struct fmlp_chunk *c) {
    const struct fmlp_plan *plan = &c->t->plan;
    double sum = 0;
    for (ptrdiff_t part = 0, first; part < c->parts; part++) {
        const ptrdiff_t m = rows_of(c, part, &first);
        sum += plan->k->sum(m, fmlp_at(plan, c->t->loss_rows, first));
    }
    return sum;
}

/* early: NULL, or what has been summed already */
static void gradient(const struct fmlp_chunk *c, const struct fmlp_item *it, ptrdiff_t part,
                     const struct fmlp_early *early) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[it->layer];
    ptrdiff_t i;
    const ptrdiff_t m = rows_of(c, part, &i);
    const void *const *rows = t->in_rows[it->layer] + i;
    const void *dz = fmlp_at(plan, t->dz[it->layer], i * p->ld + it->j);
    const ptrdiff_t sums = part * plan->w_len;
    void *g = fmlp_at(plan, t->part_sums, sums + fmlp_item_weights(p, it));
    void *biases = fmlp_at(plan, t->part_sums, sums + fmlp_item_biases(p, it));
    const int last = plan->n_layers - 1, summed = early && early->done;
    if (p->layout != FMLP_NARROW)
        plan->k->grad(m, it->k0, it->k1, fmlp_item_columns(p, it), rows, dz, p->ld, 0, g, 0);
    else if (!summed || it->layer != last)
        plan->k->grad_narrow(m, it->k0, it->k1, p->n_out, rows, dz, p->ld, 0, g, p->in_pad);
    if (it->k0 > 0) return;
    if (summed && it->layer == last - 1)
        memcpy(biases, fmlp_at(plan, early->biases, it->j), (size_t)(it->width * plan->k->size));
    else plan->k->grad_bias(m, it->width, dz, p->ld, 0, biases);
}

void fmlp_part_item(void *arg, ptrdiff_t part, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_plan *plan = &c->t->plan;
    const ptrdiff_t first = first_row(c, part), end = first_row(c, part + 1);
    const ptrdiff_t g = part * plan->w_len + plan->layers[plan->n_layers - 1].w_at;
    struct fmlp_early early = {.g = fmlp_at(plan, c->t->part_sums, g),
                               .biases = fmlp_at(plan, c->t->part_biases, part * plan->max_ld)};
    const int one = end - first <= plan->row_block; /* sums begin anew with each block */
    for (ptrdiff_t i = first; i < end; i += plan->row_block)
        fmlp_part_block(c, part, i, fmlp_min(plan->row_block, end - i), thread, one ? &early : 0);
    for (ptrdiff_t k = 0; k < plan->n_items; k++) gradient(c, &plan->items[k], part, &early);
}

void fmlp_part_gradient_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_plan *plan = &c->t->plan;
    (void)thread;
    gradient(c, &plan->items[item % plan->n_items], item / plan->n_items, 0);
}

void *fmlp_parts_add(const struct fmlp_chunk *c, ptrdiff_t at, ptrdiff_t n, const void **more) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    void *sum = fmlp_at(plan, t->part_sums, at);
    const int last = c->parts - 1;
    for (int part = 1; part < last; part++)
        plan->k->add(1, n, fmlp_at(plan, sum, part * plan->w_len), n, sum, n);
    *more = fmlp_at(plan, sum, last * plan->w_len);
    if (!t->g) return sum;
    plan->k->add(1, n, *more, n, sum, n);
    *more = 0;
    void *g = fmlp_at(plan, t->g, at);
    if (c->first) memcpy(g, sum, (size_t)(n * plan->k->size));
    else plan->k->add(1, n, sum, n, g, n);
    return g;
}
