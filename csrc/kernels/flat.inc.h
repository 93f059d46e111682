/* flat.inc.h - forward with weights as they lie in the flat vector, for a few rows: to bring them
 * into panels would cost more than to multiply by them once.
 *
 * A block of weight rows is added to all output rows while it is in L1, so that the weights stream
 * through once. An output is the same chain of operations as in gemm.inc.h: bias, then k = 0, 1, 2.
 */

enum { FN(FLAT_STEPS) = FMLP_MR > 6 ? 8 : FMLP_MR, FN(FLAT_COLUMNS) = 4096 / (int)sizeof(T) };

/* m output rows plus `steps` rows of weights; n columns */
FMLP_INLINE void FN(flat_block)(const int m, const int steps, ptrdiff_t n,
                                const void *const *rows, ptrdiff_t k,
                                const T *w /* (steps, n), ld ldw */, ptrdiff_t ldw,
                                T *out /* (m, n), ld ldo */, ptrdiff_t ldo) {
    VT x[2][FN(FLAT_STEPS)];
    FMLP_UNROLL
    for (int i = 0; i < m; i++) {
        FMLP_UNROLL
        for (int s = 0; s < steps; s++) x[i][s] = V(set1)(((const T *)rows[i])[k + s]);
    }
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const int rest = n - j < LANES ? (int)(n - j) : LANES;
        VT acc[2];
        FMLP_UNROLL
        for (int i = 0; i < m; i++)
            acc[i] = rest < LANES ? V(load_n)(out + i * ldo + j, rest) : V(load)(out + i * ldo + j);
        FMLP_UNROLL
        for (int s = 0; s < steps; s++) {
            const T *p = w + s * ldw + j;
            const VT v = rest < LANES ? V(load_n)(p, rest) : V(load)(p);
            FMLP_UNROLL
            for (int i = 0; i < m; i++) acc[i] = V(fma)(x[i][s], v, acc[i]);
        }
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            if (rest < LANES) V(store_n)(out + i * ldo + j, acc[i], rest);
            else V(store)(out + i * ldo + j, acc[i]);
        }
    }
}

FMLP_INLINE void FN(flat_steps)(const int steps, ptrdiff_t m, ptrdiff_t n, const void *const *rows,
                                ptrdiff_t k, const T *w, ptrdiff_t ldw, T *out, ptrdiff_t ldo) {
    ptrdiff_t i = 0;
    for (; i + 2 <= m; i += 2)
        FN(flat_block)(2, steps, n, rows + i, k, w, ldw, out + i * ldo, ldo);
    if (i < m) FN(flat_block)(1, steps, n, rows + i, k, w, ldw, out + i * ldo, ldo);
}

static void FN(forward_flat)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                             const void *w_, const void *bias, int act, void *out_, ptrdiff_t ldo) {
    T *out = out_;
    for (ptrdiff_t i = 0; i < m; i++) memcpy(out + i * ldo, bias, (size_t)n * sizeof(T));
    for (ptrdiff_t j = 0; j < n; j += FN(FLAT_COLUMNS)) {
        const ptrdiff_t width = n - j < FN(FLAT_COLUMNS) ? n - j : FN(FLAT_COLUMNS);
        const T *w = (const T *)w_ + j;
        ptrdiff_t at = 0;
        for (; at + FN(FLAT_STEPS) <= k; at += FN(FLAT_STEPS))
            FN(flat_steps)(FN(FLAT_STEPS), m, width, rows, at, w + at * n, n, out + j, ldo);
        for (; at < k; at++) FN(flat_steps)(1, m, width, rows, at, w + at * n, n, out + j, ldo);
    }
    FN(act_forward)(act, m, n, out, ldo);
}
