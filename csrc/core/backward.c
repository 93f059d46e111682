/* Phase 1: rows forward through all layers, the loss, and deltas back. No barrier between layers:
 * a row needs no other row. */
#include "../kernels/compiler.h"
#include "trainer.h"

/* The rows of a permutation lie anywhere: have their first lines on the way before they are
 * needed; the hardware's prefetcher finds the rest of long ones. */
static void prefetch_row(const char *row, ptrdiff_t bytes) {
    for (ptrdiff_t at = 0; at < bytes && at < 256; at += 64) FMLP_PREFETCH(row + at);
}

static void backward_layer(const struct fmlp_trainer *t, int l, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_kernels *k = plan->k;
    const struct fmlp_layer_plan *p = &plan->layers[l], *below = &plan->layers[l - 1];
    const int act = below->stored ? FMLP_ACT_STORED : below->act;
    const void *a = fmlp_at(plan, below->stored ? t->d[l - 1] : t->a[l - 1], i * below->ld);
    void *dz_in = fmlp_at(plan, t->dz[l - 1], i * below->ld);
    if (p->layout == FMLP_NARROW)
        k->backward_narrow(m, p->n_out, p->in_pad, fmlp_at(plan, t->dz[l], i * p->ld), p->ld,
                           fmlp_at(plan, t->w, p->w_at), act, a, below->ld, dz_in, below->ld);
    else
        k->backward(m, p->n_out, p->in_pad, t->dz_rows[l] + i, fmlp_at(plan, t->wt, p->wt_at),
                    act, a, below->ld, dz_in, below->ld);
}

static void forward_block(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m) {
    struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_csr csr = fmlp_csr_of(c->x);
    for (ptrdiff_t r = i; r < i + m; r++) {
        const ptrdiff_t row = fmlp_chunk_row(c, r);
        t->index[r] = row;
        if (t->entries >= 0) continue;
        t->in_rows[0][r] = fmlp_at(plan, c->x->data, row * c->x->ld);
        prefetch_row(t->in_rows[0][r], plan->n_inputs * plan->k->size);
    }
    for (int l = 0; l < plan->n_layers; l++) {
        const ptrdiff_t at = i * plan->layers[l].ld;
        fmlp_forward_layer(plan, l, m, t->in_rows[l] + i, &csr, t->index + i, t->w,
                           fmlp_at(plan, t->a[l], at), t->d[l] ? fmlp_at(plan, t->d[l], at) : 0);
    }
}

static void backward_block(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m, void *group) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const int last = plan->n_layers - 1;
    plan->k->loss(&plan->head, m, plan->n_outputs,
                  fmlp_at(plan, t->a[last], i * plan->layers[last].ld), plan->layers[last].ld,
                  t->index + i, c->y, fmlp_at(plan, t->loss_rows, i), group);
    for (int l = last; l > 0; l--) backward_layer(t, l, i, m);
}

void fmlp_rows_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    if (item == c->blocks) { /* beside the blocks: nobody needs it before phase 2 */
        fmlp_columns_build(c);
        return;
    }
    const ptrdiff_t from = c->rows * item / c->blocks, to = c->rows * (item + 1) / c->blocks;
    if (c->passes & FMLP_FORWARD) forward_block(c, from, to - from);
    if (c->passes & FMLP_BACKWARD)
        backward_block(c, from, to - from, fmlp_thread_memory(c->t, thread).group);
}
