/* sparse.inc.h - the first layer on CSR input, rows layout: a row of weights is contiguous. */

/* nv vectors of one row's outputs: bias + sum over the row's entries, in stored order */
FMLP_INLINE void FN(forward_sparse_tile)(const int nv, ptrdiff_t k, ptrdiff_t n,
                                         const struct fmlp_csr *x, ptrdiff_t p0, ptrdiff_t p1,
                                         const T *w, VT floor, T *out) {
    const T *data = x->data;
    VT acc[8];
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) acc[v] = V(load)(w + k * n + v * LANES);
    for (ptrdiff_t p = p0; p < p1; p++) {
        const T *wp = w + fmlp_index_at(x->indices, x->index64, p) * n;
        const VT a = V(set1)(data[p]);
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) acc[v] = V(fma)(a, V(load)(wp + v * LANES), acc[v]);
    }
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) V(store)(out + v * LANES, V(max)(floor, acc[v]));
}

static void FN(forward_sparse)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const struct fmlp_csr *x,
                               const ptrdiff_t *index, const void *w_, int act, void *out_,
                               ptrdiff_t ldo) {
    const T *w = w_;
    T *out = out_;
    const VT floor = V(set1)(act == FMLP_ACT_RELU ? (T)0 : (T)-INFINITY);
    for (ptrdiff_t i = 0; i < m; i++) {
        const ptrdiff_t p0 = fmlp_index_at(x->indptr, x->index64, index[i]);
        const ptrdiff_t p1 = fmlp_index_at(x->indptr, x->index64, index[i] + 1);
        for (ptrdiff_t j = 0; j < n;) {
            T *o = out + i * ldo + j;
            if (n - j >= 8 * LANES) {
                FN(forward_sparse_tile)(8, k, n, x, p0, p1, w + j, floor, o);
                j += 8 * LANES;
            } else if (n - j >= 4 * LANES) {
                FN(forward_sparse_tile)(4, k, n, x, p0, p1, w + j, floor, o);
                j += 4 * LANES;
            } else {
                FN(forward_sparse_tile)(1, k, n, x, p0, p1, w + j, floor, o);
                j += LANES;
            }
        }
    }
    if (act != FMLP_ACT_IDENTITY && act != FMLP_ACT_RELU) FN(act_forward)(act, m, n, out, ldo);
}

/* nv vectors of one row of the gradient */
FMLP_INLINE void FN(grad_sparse_tile)(const int nv, ptrdiff_t e0, ptrdiff_t e1,
                                      const struct fmlp_columns *x, const T *dz, ptrdiff_t ldz,
                                      int accumulate, T *g) {
    const T *value = x->value;
    VT acc[8];
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) acc[v] = accumulate ? V(load)(g + v * LANES) : V(zero)();
    for (ptrdiff_t e = e0; e < e1; e++) {
        const T *d = dz + x->row[e] * ldz;
        const VT a = V(set1)(value[e]);
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) acc[v] = V(fma)(a, V(load)(d + v * LANES), acc[v]);
    }
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) V(store)(g + v * LANES, acc[v]);
}

static void FN(grad_sparse)(ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n, const struct fmlp_columns *x,
                            const void *dz_, ptrdiff_t ldz, int accumulate, void *g_) {
    const T *dz = dz_;
    T *g = g_;
    for (ptrdiff_t k = k0; k < k1; k++, g += n) {
        const ptrdiff_t e0 = x->start[k], e1 = x->start[k + 1];
        for (ptrdiff_t j = 0; j < n;) {
            const ptrdiff_t left = n - j;
            if (left >= 8 * LANES) {
                FN(grad_sparse_tile)(8, e0, e1, x, dz + j, ldz, accumulate, g + j);
                j += 8 * LANES;
            } else if (left >= 4 * LANES) {
                FN(grad_sparse_tile)(4, e0, e1, x, dz + j, ldz, accumulate, g + j);
                j += 4 * LANES;
            } else {
                FN(grad_sparse_tile)(1, e0, e1, x, dz + j, ldz, accumulate, g + j);
                j += LANES;
            }
        }
    }
}
