/* What the first layer reads: the rows of X where they lie, or copies of them with noise and
 * dropout. */
#include <string.h>

#include "../kernels/compiler.h"
#include "trainer.h"

/* The rows of a permutation lie anywhere: have their first lines on the way before they are
 * needed; the hardware's prefetcher finds the rest of long ones. */
static void prefetch_row(const char *row, ptrdiff_t bytes) {
    for (ptrdiff_t at = 0; at < bytes && at < 256; at += 64) FMLP_PREFETCH(row + at);
}

/* Rows [from, from + m) of the chunk, in_rows pointing to them: copied, changed, pointed to. */
static void disturb(const struct fmlp_chunk *c, ptrdiff_t from, ptrdiff_t m) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const ptrdiff_t n = plan->n_inputs, ld = t->noisy->ld;
    char *const x = fmlp_at(plan, t->noisy->x, from * ld);
    for (ptrdiff_t r = 0; r < m; r++) {
        void *copy = fmlp_at(plan, x, r * ld);
        memcpy(copy, t->in_rows[0][from + r], (size_t)(n * plan->k->size));
        t->in_rows[0][from + r] = copy;
    }
    if (plan->input_noise > 0) {
        const struct fmlp_random random = fmlp_random_at(c, FMLP_STREAM_INPUT_NOISE);
        plan->k->noise(m, n, &random, c->row + from, plan->input_noise, x, ld);
    }
    if (plan->input_dropout > 0) {
        const struct fmlp_random random = fmlp_random_at(c, FMLP_STREAM_INPUT_DROPOUT);
        plan->k->dropout(m, n, &random, c->row + from, plan->input_dropout, FMLP_ACT_IDENTITY, x,
                         ld, 0, 0);
    }
}

void fmlp_inputs_block(const struct fmlp_chunk *c, ptrdiff_t from, ptrdiff_t m) {
    struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    for (ptrdiff_t r = from; r < from + m; r++) {
        const ptrdiff_t row = fmlp_chunk_row(c, r);
        t->index[r] = row;
        if (t->row_weight && c->y->weight)
            memcpy(fmlp_at(plan, t->row_weight, r), fmlp_at(plan, c->y->weight, row),
                   (size_t)plan->k->size);
        if (t->entries >= 0) continue;
        t->in_rows[0][r] = fmlp_at(plan, c->x->data, row * c->x->ld);
        prefetch_row(t->in_rows[0][r], plan->n_inputs * plan->k->size);
    }
    if (t->noisy && t->entries < 0) disturb(c, from, m);
}

/* ------------------------------------------------------------------ sparse */
struct fmlp_csr fmlp_chunk_csr(const struct fmlp_chunk *c) {
    const struct fmlp_noisy *noisy = c->t->noisy;
    struct fmlp_csr csr = fmlp_csr_of(c->x);
    if (noisy && csr.indptr)
        csr.data = noisy->data, csr.indices = noisy->indices, csr.indptr = noisy->indptr;
    return csr;
}

const ptrdiff_t *fmlp_chunk_index(const struct fmlp_chunk *c) {
    return c->t->noisy && c->t->entries >= 0 ? c->t->noisy->index : c->t->index;
}

static ptrdiff_t row_start(const struct fmlp_chunk *c, ptrdiff_t r) {
    return fmlp_index_at(c->x->indptr, c->x->index64, fmlp_chunk_row(c, r));
}

static ptrdiff_t row_entries(const struct fmlp_chunk *c, ptrdiff_t r) {
    return fmlp_index_at(c->x->indptr, c->x->index64, fmlp_chunk_row(c, r) + 1) - row_start(c, r);
}

static void set_start(const struct fmlp_chunk *c, ptrdiff_t r, ptrdiff_t at) {
    void *indptr = c->t->noisy->indptr;
    if (c->x->index64) ((int64_t *)indptr)[r] = at;
    else ((int32_t *)indptr)[r] = (int32_t)at;
}

void fmlp_inputs_sparse_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_plan *plan = &c->t->plan;
    const struct fmlp_noisy *noisy = c->t->noisy;
    const ptrdiff_t from = c->rows * item / c->blocks, to = c->rows * (item + 1) / c->blocks;
    const ptrdiff_t index_size = c->x->index64 ? sizeof(int64_t) : sizeof(int32_t);
    const struct fmlp_random random = fmlp_random_at(c, FMLP_STREAM_INPUT_DROPOUT);
    ptrdiff_t at = 0;
    (void)thread;
    for (ptrdiff_t r = 0; r < from; r++) at += row_entries(c, r);
    for (ptrdiff_t r = from; r < to; r++) {
        const ptrdiff_t n = row_entries(c, r), start = row_start(c, r);
        const void *columns = (const char *)c->x->indices + start * index_size;
        noisy->index[r] = r;
        set_start(c, r, at);
        memcpy((char *)noisy->indices + at * index_size, columns, (size_t)(n * index_size));
        plan->k->dropout_entries(n, &random, c->row + r, plan->input_dropout, columns,
                                 c->x->index64, fmlp_at(plan, c->x->data, start),
                                 fmlp_at(plan, noisy->data, at));
        at += n;
    }
    if (to == c->rows) set_start(c, to, at);
}
