/* predict.h - rows through all layers with O(row block) memory. */
#ifndef FMLP_PREDICT_H
#define FMLP_PREDICT_H

#include "plan.h"

/* Per-thread scratch of n_threads threads; NULL while the arena only counts. */
struct fmlp_predict_scratch {
    char *base;
    ptrdiff_t bytes_thread;
    ptrdiff_t rows; /* a thread takes so many at a time */
};

struct fmlp_predict_scratch fmlp_predict_take(const struct fmlp_plan *plan, int n_threads,
                                              ptrdiff_t n_rows, struct fmlp_arena *arena);
/* w: kernel layout (w_len); params: flat, read for layers of the layout FMLP_FLAT alone.
 * out (n_rows, n_outputs) */
void fmlp_predict_rows(const struct fmlp_plan *plan, int n_threads,
                       const struct fmlp_predict_scratch *scratch, const void *w,
                       const void *params, const fmlp_matrix *x, int raw, void *out);

#endif
