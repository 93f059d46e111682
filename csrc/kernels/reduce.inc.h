/* reduce.inc.h - sums, checks, transposition, and the FMA peak that benchmarks measure against. */

static double FN(sum)(ptrdiff_t n, const void *x_) {
    const T *x = x_;
    double s[8] = {0};
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int l = 0; l < 8; l++) s[l] += (double)x[i + l];
    for (; i < n; i++) s[i & 7] += (double)x[i];
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static int FN(finite)(ptrdiff_t n, const void *x_) {
    const T *x = x_;
    VT bad = V(zero)(); /* x - x is 0 for finite x, else NaN */
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const VT v = n - i < LANES ? V(load_n)(x + i, (int)(n - i)) : V(load)(x + i);
        bad = V(add)(bad, V(sub)(v, v));
    }
    return V(hsum)(bad) == 0;
}

static void FN(transpose)(ptrdiff_t m, ptrdiff_t n, const void *src_, ptrdiff_t lds, void *dst_,
                          ptrdiff_t ldd) {
    const T *src = src_;
    T *dst = dst_;
    for (ptrdiff_t i = 0; i < m; i += LANES) {
        const int rows = m - i < LANES ? (int)(m - i) : LANES;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int columns = n - j < LANES ? (int)(n - j) : LANES;
            const T *s = src + i * lds + j;
            T *d = dst + j * ldd + i;
            VT v[LANES];
            if (rows == LANES && columns == LANES) {
                FMLP_UNROLL
                for (int r = 0; r < LANES; r++) v[r] = V(load)(s + r * lds);
                V(transpose)(v);
                FMLP_UNROLL
                for (int c = 0; c < LANES; c++) V(store)(d + c * ldd, v[c]);
            } else {
                for (int r = 0; r < LANES; r++)
                    v[r] = r < rows ? V(load_n)(s + r * lds, columns) : V(zero)();
                V(transpose)(v);
                for (int c = 0; c < columns; c++) V(store_n)(d + c * ldd, v[c], rows);
            }
        }
    }
}

static double FN(fma_peak)(ptrdiff_t n) {
    VT acc[12];
    const VT a = V(set1)((T)0.999), b = V(set1)((T)0.001);
    for (int i = 0; i < 12; i++) acc[i] = V(set1)((T)i);
    for (ptrdiff_t r = 0; r < n; r++) {
        FMLP_UNROLL
        for (int i = 0; i < 12; i++) acc[i] = V(fma)(acc[i], a, b);
    }
    for (int i = 1; i < 12; i++) acc[0] = V(add)(acc[0], acc[i]);
    /* the sum is used, so that the loop stays */
    return V(hsum)(acc[0]) < 0 ? 0 : 2.0 * 12 * LANES * (double)n;
}
