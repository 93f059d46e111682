/* The rows of a chunk of a CSR matrix by columns: a counting sort, stable in the rows. */
#include <string.h>

#include "trainer.h"

void fmlp_columns_build(const struct fmlp_chunk *c) {
    const struct fmlp_columns *out = c->build.out;
    const ptrdiff_t *order = c->order, first = c->build.start;
    const struct fmlp_csr x = fmlp_chunk_csr(c);
    const int copied = c->t->noisy != 0; /* the chunk's rows, one after the other */
    const ptrdiff_t n_cols = c->x->n_cols;
    const int is_float = c->t->plan.k->size == sizeof(float);
    ptrdiff_t *start = out->start; /* (n_cols + 2); counts first, two ahead of their place */
    memset(start, 0, (size_t)(n_cols + 2) * sizeof *start);
    for (ptrdiff_t r = 0; r < c->build.rows; r++) {
        const ptrdiff_t row = copied ? r : order ? order[first + r] : first + r;
        const ptrdiff_t stop = fmlp_index_at(x.indptr, x.index64, row + 1);
        for (ptrdiff_t p = fmlp_index_at(x.indptr, x.index64, row); p < stop; p++)
            start[fmlp_index_at(x.indices, x.index64, p) + 2]++;
    }
    for (ptrdiff_t k = 2; k < n_cols + 2; k++) start[k] += start[k - 1];
    for (ptrdiff_t r = 0; r < c->build.rows; r++) {
        const ptrdiff_t row = copied ? r : order ? order[first + r] : first + r;
        const ptrdiff_t stop = fmlp_index_at(x.indptr, x.index64, row + 1);
        for (ptrdiff_t p = fmlp_index_at(x.indptr, x.index64, row); p < stop; p++) {
            const ptrdiff_t e = start[fmlp_index_at(x.indices, x.index64, p) + 1]++;
            out->row[e] = (int32_t)r;
            if (is_float) ((float *)out->value)[e] = ((const float *)x.data)[p];
            else ((double *)out->value)[e] = ((const double *)x.data)[p];
        }
    }
}

void fmlp_columns_item(void *arg, ptrdiff_t item, int thread) {
    (void)item, (void)thread;
    fmlp_columns_build(arg);
}
