/* narrow_sums.inc.h - back through a narrow layer, with the sums that need the same numbers.
 *
 * Its gradient reads the inputs whose derivatives the deltas below need, and the gradient of the
 * biases below reads those deltas: one pass instead of three. Every number is the same chain of
 * operations as that of the three kernels.
 */

/* Vectors of inputs at once: for each a weight, a sum of the gradient and four of the biases. */
enum { FN(SUMS_VECTORS) = FMLP_MR > 6 ? 3 : 1 };

/* one row: dz_in, and onto g and bias */
FMLP_INLINE void FN(narrow_sums_row)(const int nv, const int n, const int act, int last,
                                     const T *dz, VT w[2][FN(SUMS_VECTORS)], const T *a, T *dz_in,
                                     VT g[2][FN(SUMS_VECTORS)], VT bias[FN(SUMS_VECTORS)]) {
    VT d[2];
    FMLP_UNROLL
    for (int j = 0; j < n; j++) d[j] = V(set1)(dz[j]);
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        const T *p = a + v * LANES;
        const VT in = v < nv - 1 || last == LANES ? V(load)(p) : V(load_n)(p, last);
        VT s = V(mul)(d[0], w[0][v]);
        if (n > 1) s = V(fma)(d[1], w[1][v], s);
        s = FN(act_d)(act, in, s);
        V(store)(dz_in + v * LANES, s);
        bias[v] = V(add)(bias[v], s);
        FMLP_UNROLL
        for (int j = 0; j < n; j++) g[j][v] = V(fma)(in, d[j], g[j][v]);
    }
}

/* nv vectors of inputs, `last` real elements in the last one */
FMLP_INLINE void FN(narrow_sums_strip)(const int nv, const int n, const int act, ptrdiff_t m,
                                       int last, const T *dz, ptrdiff_t ldz,
                                       const T *w /* (n, nv * LANES), ld ldw, as is g */,
                                       ptrdiff_t ldw, const T *a, ptrdiff_t lda, T *dz_in,
                                       ptrdiff_t ldd, T *g, T *bias /* (nv * LANES) */) {
    VT wv[2][FN(SUMS_VECTORS)], gv[2][FN(SUMS_VECTORS)], sum[4][FN(SUMS_VECTORS)];
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) {
            wv[j][v] = V(load)(w + j * ldw + v * LANES);
            gv[j][v] = V(zero)();
        }
        FMLP_UNROLL
        for (int c = 0; c < 4; c++) sum[c][v] = V(zero)();
    }
    ptrdiff_t r = 0;
    for (; r + 4 <= m; r += 4) { /* four chains, as in FN(grad_bias) */
        FMLP_UNROLL
        for (int c = 0; c < 4; c++)
            FN(narrow_sums_row)(nv, n, act, last, dz + (r + c) * ldz, wv, a + (r + c) * lda,
                                dz_in + (r + c) * ldd, gv, sum[c]);
    }
    for (; r < m; r++)
        FN(narrow_sums_row)(nv, n, act, last, dz + r * ldz, wv, a + r * lda, dz_in + r * ldd, gv,
                            sum[0]);
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) V(store)(g + j * ldw + v * LANES, gv[j][v]);
        V(store)(bias + v * LANES,
                 V(add)(V(add)(sum[0][v], sum[1][v]), V(add)(sum[2][v], sum[3][v])));
    }
}

FMLP_INLINE void FN(narrow_sums_n)(const int n, const int act, ptrdiff_t m, ptrdiff_t n_in,
                                   const T *dz, ptrdiff_t ldz, const T *w, const T *a,
                                   ptrdiff_t lda, T *dz_in, ptrdiff_t ldd, T *g, T *bias) {
    const ptrdiff_t ldw = FN(padded)(n_in);
    ptrdiff_t k = 0;
    for (ptrdiff_t nv; k < ldw; k += nv * LANES) { /* strips of nearly equal width */
        const ptrdiff_t left = (ldw - k) / LANES;
        const ptrdiff_t strips = (left + FN(SUMS_VECTORS) - 1) / FN(SUMS_VECTORS);
        nv = (left + strips - 1) / strips;
        const int last = k + nv * LANES < n_in ? LANES : (int)(n_in - k - (nv - 1) * LANES);
        if (nv == 3 && FN(SUMS_VECTORS) == 3)
            FN(narrow_sums_strip)(FN(SUMS_VECTORS), n, act, m, last, dz, ldz, w + k, ldw, a + k,
                                  lda, dz_in + k, ldd, g + k, bias + k);
        else if (nv == 2 && FN(SUMS_VECTORS) == 3)
            FN(narrow_sums_strip)(FN(SUMS_VECTORS) - 1, n, act, m, last, dz, ldz, w + k, ldw,
                                  a + k, lda, dz_in + k, ldd, g + k, bias + k);
        else
            FN(narrow_sums_strip)(1, n, act, m, last, dz, ldz, w + k, ldw, a + k, lda, dz_in + k,
                                  ldd, g + k, bias + k);
    }
}

FMLP_INLINE void FN(narrow_sums_act)(const int act, ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in,
                                     const T *dz, ptrdiff_t ldz, const T *w, const T *a,
                                     ptrdiff_t lda, T *dz_in, ptrdiff_t ldd, T *g, T *bias) {
    if (n_out == 1)
        FN(narrow_sums_n)(1, act, m, n_in, dz, ldz, w, a, lda, dz_in, ldd, g, bias);
    else FN(narrow_sums_n)(2, act, m, n_in, dz, ldz, w, a, lda, dz_in, ldd, g, bias);
}

static int FN(backward_narrow_sums)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in, const void *dz,
                                    ptrdiff_t ldz, const void *w, int act, const void *a,
                                    ptrdiff_t lda, void *dz_in, ptrdiff_t ldd, void *g,
                                    void *bias) {
    if (n_out > 2) return 0;
    switch (act) { /* a constant */
    case FMLP_ACT_IDENTITY:
        FN(narrow_sums_act)(FMLP_ACT_IDENTITY, m, n_out, n_in, dz, ldz, w, a, lda, dz_in, ldd, g,
                            bias);
        return 1;
    case FMLP_ACT_LOGISTIC:
        FN(narrow_sums_act)(FMLP_ACT_LOGISTIC, m, n_out, n_in, dz, ldz, w, a, lda, dz_in, ldd, g,
                            bias);
        return 1;
    case FMLP_ACT_TANH:
        FN(narrow_sums_act)(FMLP_ACT_TANH, m, n_out, n_in, dz, ldz, w, a, lda, dz_in, ldd, g, bias);
        return 1;
    case FMLP_ACT_RELU:
        FN(narrow_sums_act)(FMLP_ACT_RELU, m, n_out, n_in, dz, ldz, w, a, lda, dz_in, ldd, g, bias);
        return 1;
    default: return 0;
    }
}
