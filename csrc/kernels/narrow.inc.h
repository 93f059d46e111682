/* narrow.inc.h - layers of a few outputs (at most narrow_max), weights transposed (n_out, n_in).
 *
 * Lanes run over the inputs: an output is a dot product, so that two columns do not pay for a whole
 * panel. n_out is a constant after inlining.
 */

enum { FN(NARROW_ROWS) = 6, FN(NARROW_VECTORS) = 6 };

FMLP_INLINE ptrdiff_t FN(padded)(ptrdiff_t n) { return (n + LANES - 1) / LANES * LANES; }

/* m <= NARROW_ROWS rows */
FMLP_INLINE void FN(forward_narrow_tile)(const int m, const int n, ptrdiff_t k,
                                         const void *const *rows, const T *w, T *out,
                                         ptrdiff_t ldo) {
    VT acc[FN(NARROW_ROWS)][4];
    const ptrdiff_t ldw = FN(padded)(k);
    const T *bias = w + n * ldw;
    FMLP_UNROLL
    for (int i = 0; i < m; i++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) acc[i][j] = V(zero)();
    }
    for (ptrdiff_t kk = 0; kk < k; kk += LANES) {
        const int left = k - kk < LANES ? (int)(k - kk) : LANES;
        VT wv[4];
        FMLP_UNROLL
        for (int j = 0; j < n; j++) wv[j] = V(load)(w + j * ldw + kk);
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            const T *p = (const T *)rows[i] + kk;
            const VT a = left == LANES ? V(load)(p) : V(load_n)(p, left);
            FMLP_UNROLL
            for (int j = 0; j < n; j++) acc[i][j] = V(fma)(a, wv[j], acc[i][j]);
        }
    }
    FMLP_UNROLL
    for (int i = 0; i < m; i++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) out[i * ldo + j] = V(hsum)(acc[i][j]) + bias[j];
    }
}

FMLP_INLINE void FN(forward_narrow_n)(ptrdiff_t m, const int n, ptrdiff_t k,
                                      const void *const *rows, const T *w, T *out, ptrdiff_t ldo) {
    ptrdiff_t i = 0;
    for (; i + FN(NARROW_ROWS) <= m; i += FN(NARROW_ROWS))
        FN(forward_narrow_tile)(FN(NARROW_ROWS), n, k, rows + i, w, out + i * ldo, ldo);
    for (; i < m; i++) FN(forward_narrow_tile)(1, n, k, rows + i, w, out + i * ldo, ldo);
}

static void FN(forward_narrow)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                               const void *w, int act, void *out, ptrdiff_t ldo) {
    switch (n) {
    case 1: FN(forward_narrow_n)(m, 1, k, rows, w, out, ldo); break;
    case 2: FN(forward_narrow_n)(m, 2, k, rows, w, out, ldo); break;
    case 3: FN(forward_narrow_n)(m, 3, k, rows, w, out, ldo); break;
    case 4: FN(forward_narrow_n)(m, 4, k, rows, w, out, ldo); break;
    default: break;
    }
    FN(act_forward)(act, m, n, out, ldo);
}

/* nv vectors of inputs */
FMLP_INLINE void FN(backward_narrow_strip)(const int nv, ptrdiff_t m, const int n, ptrdiff_t ldw,
                                           const T *dz, ptrdiff_t ldz, const T *w, int relu,
                                           const T *a, ptrdiff_t lda, T *dz_in, ptrdiff_t ldd) {
    VT wv[4][3];
    FMLP_UNROLL
    for (int j = 0; j < n; j++) {
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) wv[j][v] = V(load)(w + j * ldw + v * LANES);
    }
    for (ptrdiff_t i = 0; i < m; i++, dz += ldz, a += lda, dz_in += ldd) {
        VT d[4];
        FMLP_UNROLL
        for (int j = 0; j < n; j++) d[j] = V(set1)(dz[j]);
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) {
            VT s = V(mul)(d[0], wv[0][v]);
            FMLP_UNROLL
            for (int j = 1; j < n; j++) s = V(fma)(d[j], wv[j][v], s);
            if (relu) s = V(sel)(V(ne)(V(load)(a + v * LANES), V(zero)()), s, V(zero)());
            V(store)(dz_in + v * LANES, s);
        }
    }
}

FMLP_INLINE void FN(backward_narrow_n)(ptrdiff_t m, const int n, ptrdiff_t n_in, const T *dz,
                                       ptrdiff_t ldz, const T *w, int relu, const T *a,
                                       ptrdiff_t lda, T *dz_in, ptrdiff_t ldd) {
    ptrdiff_t k = 0;
    for (; k + 3 * LANES <= n_in; k += 3 * LANES)
        FN(backward_narrow_strip)(3, m, n, n_in, dz, ldz, w + k, relu, a + k, lda, dz_in + k, ldd);
    for (; k < n_in; k += LANES)
        FN(backward_narrow_strip)(1, m, n, n_in, dz, ldz, w + k, relu, a + k, lda, dz_in + k, ldd);
}

static void FN(backward_narrow)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in, const void *dz,
                                ptrdiff_t ldz, const void *w, int act, const void *a,
                                ptrdiff_t lda, void *dz_in, ptrdiff_t ldd) {
    const int relu = act == FMLP_ACT_RELU;
    switch (n_out) {
    case 1: FN(backward_narrow_n)(m, 1, n_in, dz, ldz, w, relu, a, lda, dz_in, ldd); break;
    case 2: FN(backward_narrow_n)(m, 2, n_in, dz, ldz, w, relu, a, lda, dz_in, ldd); break;
    case 3: FN(backward_narrow_n)(m, 3, n_in, dz, ldz, w, relu, a, lda, dz_in, ldd); break;
    case 4: FN(backward_narrow_n)(m, 4, n_in, dz, ldz, w, relu, a, lda, dz_in, ldd); break;
    default: break;
    }
    if (!relu) FN(act_backward)(act, m, n_in, a, lda, dz_in, ldd);
}

/* nv vectors of inputs from k, `left` real elements in them */
FMLP_INLINE void FN(grad_narrow_tile)(const int nv, const int n, ptrdiff_t m, ptrdiff_t k, int left,
                                      const void *const *rows, const T *dz, ptrdiff_t ldz,
                                      int accumulate, T *g, ptrdiff_t ldg) {
    VT acc[4][FN(NARROW_VECTORS)];
    const int last = left - (nv - 1) * LANES; /* elements in the last vector */
    FMLP_UNROLL
    for (int j = 0; j < n; j++) {
        FMLP_UNROLL
        for (int v = 0; v < nv; v++)
            acc[j][v] = accumulate ? V(load)(g + j * ldg + v * LANES) : V(zero)();
    }
    for (ptrdiff_t r = 0; r < m; r++, dz += ldz) {
        const T *p = (const T *)rows[r] + k;
        VT d[4];
        FMLP_UNROLL
        for (int j = 0; j < n; j++) d[j] = V(set1)(dz[j]);
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) {
            const VT a = v < nv - 1 || last == LANES ? V(load)(p + v * LANES)
                                                     : V(load_n)(p + v * LANES, last);
            FMLP_UNROLL
            for (int j = 0; j < n; j++) acc[j][v] = V(fma)(a, d[j], acc[j][v]);
        }
    }
    FMLP_UNROLL
    for (int j = 0; j < n; j++) {
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) V(store)(g + j * ldg + v * LANES, acc[j][v]);
    }
}

FMLP_INLINE void FN(grad_narrow_n)(const int n, ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1,
                                   const void *const *rows, const T *dz, ptrdiff_t ldz,
                                   int accumulate, T *g, ptrdiff_t ldg) {
    const int wide = n > 2 ? 4 : FN(NARROW_VECTORS); /* n * wide accumulators fit the registers */
    for (ptrdiff_t k = k0; k < k1;) {
        const ptrdiff_t left = k1 - k;
        const ptrdiff_t vectors = (left + LANES - 1) / LANES;
        T *o = g + (k - k0);
        if (vectors >= wide) {
            const int w = left < wide * LANES ? (int)left : wide * LANES;
            FN(grad_narrow_tile)(wide, n, m, k, w, rows, dz, ldz, accumulate, o, ldg);
            k += wide * LANES;
        } else if (vectors >= 2) {
            const int w = left < 2 * LANES ? (int)left : 2 * LANES;
            FN(grad_narrow_tile)(2, n, m, k, w, rows, dz, ldz, accumulate, o, ldg);
            k += 2 * LANES;
        } else {
            FN(grad_narrow_tile)(1, n, m, k, (int)left, rows, dz, ldz, accumulate, o, ldg);
            k += LANES;
        }
    }
}

static void FN(grad_narrow)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n_out,
                            const void *const *rows, const void *dz, ptrdiff_t ldz, int accumulate,
                            void *g, ptrdiff_t ldg) {
    switch (n_out) {
    case 1: FN(grad_narrow_n)(1, m, k0, k1, rows, dz, ldz, accumulate, g, ldg); break;
    case 2: FN(grad_narrow_n)(2, m, k0, k1, rows, dz, ldz, accumulate, g, ldg); break;
    case 3: FN(grad_narrow_n)(3, m, k0, k1, rows, dz, ldz, accumulate, g, ldg); break;
    case 4: FN(grad_narrow_n)(4, m, k0, k1, rows, dz, ldz, accumulate, g, ldg); break;
    default: break;
    }
}
