/* The rows of a chunk of a CSR matrix by columns: a counting sort, stable in the rows. */
#include <string.h>

#include "trainer.h"

void fmlp_columns_build(const struct fmlp_chunk *c) {
    const struct fmlp_columns *out = &c->t->columns;
    const fmlp_matrix *x = c->x;
    const size_t size = (size_t)c->t->plan.k->size;
    ptrdiff_t *start = out->start; /* (n_cols + 2); counts first, two ahead of their place */
    memset(start, 0, (size_t)(x->n_cols + 2) * sizeof *start);
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        const ptrdiff_t row = fmlp_chunk_row(c, r);
        const ptrdiff_t stop = fmlp_index_at(x->indptr, x->index64, row + 1);
        for (ptrdiff_t p = fmlp_index_at(x->indptr, x->index64, row); p < stop; p++)
            start[fmlp_index_at(x->indices, x->index64, p) + 2]++;
    }
    for (ptrdiff_t k = 2; k < x->n_cols + 2; k++) start[k] += start[k - 1];
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        const ptrdiff_t row = fmlp_chunk_row(c, r);
        const ptrdiff_t stop = fmlp_index_at(x->indptr, x->index64, row + 1);
        for (ptrdiff_t p = fmlp_index_at(x->indptr, x->index64, row); p < stop; p++) {
            const ptrdiff_t e = start[fmlp_index_at(x->indices, x->index64, p) + 1]++;
            out->row[e] = (int32_t)r;
            memcpy((char *)out->value + (size_t)e * size, (const char *)x->data + (size_t)p * size,
                   size);
        }
    }
}
