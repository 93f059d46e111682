/* residual.inc.h - a layer's input added to its output. */

FMLP_INLINE void FN(add_row)(ptrdiff_t n, const T *x, T *a) {
    ptrdiff_t j = 0;
    for (; j + LANES <= n; j += LANES) V(store)(a + j, V(add)(V(load)(a + j), V(load)(x + j)));
    if (j < n) {
        const int rest = (int)(n - j);
        V(store_n)(a + j, V(add)(V(load_n)(a + j, rest), V(load_n)(x + j, rest)), rest);
    }
}

static void FN(add_rows)(ptrdiff_t m, ptrdiff_t n, const void *const *rows, void *a_,
                         ptrdiff_t lda) {
    T *a = a_;
    for (ptrdiff_t i = 0; i < m; i++, a += lda) FN(add_row)(n, rows[i], a);
}

static void FN(add)(ptrdiff_t m, ptrdiff_t n, const void *x_, ptrdiff_t ldx, void *a_,
                    ptrdiff_t lda) {
    const T *x = x_;
    T *a = a_;
    for (ptrdiff_t i = 0; i < m; i++, x += ldx, a += lda) FN(add_row)(n, x, a);
}

static void FN(add_sparse)(ptrdiff_t m, const struct fmlp_csr *x, const ptrdiff_t *index, void *a_,
                           ptrdiff_t lda) {
    const T *data = x->data;
    T *a = a_;
    for (ptrdiff_t i = 0; i < m; i++, a += lda) {
        const ptrdiff_t p1 = fmlp_index_at(x->indptr, x->index64, index[i] + 1);
        for (ptrdiff_t p = fmlp_index_at(x->indptr, x->index64, index[i]); p < p1; p++)
            a[fmlp_index_at(x->indices, x->index64, p)] += data[p];
    }
}
