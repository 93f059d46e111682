/* What a trainer is given to work on, looked at before any of it is read. */
#include "trainer.h"

/* Do the entries of every chunk fit the memory laid out for them? */
static int entries_fit(const struct fmlp_trainer *t, const fmlp_matrix *x, const ptrdiff_t *order,
                       ptrdiff_t start, ptrdiff_t stop) {
    for (ptrdiff_t at = start; at < stop; at += t->batch) {
        const ptrdiff_t end = stop - at < t->batch ? stop : at + t->batch;
        ptrdiff_t entries = 0;
        for (ptrdiff_t i = at; i < end; i++) {
            const ptrdiff_t row = order ? order[i] : i;
            if ((i - at) % t->chunk == 0) entries = 0;
            entries += fmlp_index_at(x->indptr, x->index64, row + 1) -
                       fmlp_index_at(x->indptr, x->index64, row);
            if (entries > t->entries) return 0;
        }
    }
    return 1;
}

int fmlp_same_kind(const struct fmlp_trainer *t, const fmlp_matrix *x) {
    return x->n_cols == t->plan.n_inputs && (x->indptr != 0) == (t->entries >= 0);
}

static int classes_known(const fmlp_head *head, const int32_t *classes, ptrdiff_t row) {
    for (int g = 0; g < head->n_groups; g++) {
        const int32_t c = classes[row * head->n_groups + g];
        if (c < 0 || c >= head->groups[g]) return 0;
    }
    return 1;
}

fmlp_status fmlp_check_rows(const struct fmlp_trainer *t, const fmlp_matrix *x,
                            const fmlp_target *y, const ptrdiff_t *order, ptrdiff_t start,
                            ptrdiff_t stop) {
    const fmlp_head *head = &t->plan.head;
    const int by_class = !y->dense;
    if (!fmlp_same_kind(t, x)) return FMLP_E_ARGUMENT;
    if (start < 0 || stop < start || (!order && stop > x->n_rows)) return FMLP_E_ARGUMENT;
    if (by_class && (!y->classes || head->output != FMLP_OUT_SOFTMAX)) return FMLP_E_ARGUMENT;
    if (by_class && head->loss == FMLP_LOSS_CUSTOM) return FMLP_E_ARGUMENT;
    for (ptrdiff_t i = start; i < stop; i++) {
        const ptrdiff_t row = order ? order[i] : i;
        if (row < 0 || row >= x->n_rows) return FMLP_E_ARGUMENT;
        if (by_class && !classes_known(head, y->classes, row)) return FMLP_E_ARGUMENT;
    }
    return t->entries < 0 || entries_fit(t, x, order, start, stop) ? FMLP_OK : FMLP_E_ARGUMENT;
}
