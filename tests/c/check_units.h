/* prelu and maxout against plain loops; a template, needs check_arrays.h before it. Inputs end at
 * unreadable memory, everything between and after the rows must keep its value. Small integers, so
 * that all results are exact and columns are often equal. */

static void FN(check_prelu)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t ld) {
    const T *slopes = FN(input)(0, n, FN(EXACT)), *z = FN(input)(1, m * ld, FN(EXACT));
    const T *g = FN(input)(2, m * n, FN(EXACT));
    T *a = FN(output_array)(3, m, ld), *d = FN(output_array)(4, m, ld);
    T *e = FN(output_array)(5, m, ld), *dz = FN(array)(6, m * n);
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++) a[i * ld + j] = z[i * ld + j];
    FN(prelu)(m, n, slopes, a, ld, d, ld, e, ld);
    int ok = FN(untouched)(a, m, n, ld) && FN(untouched)(d, m, n, ld) && FN(untouched)(e, m, n, ld);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const T x = z[i * ld + j];
            ok &= a[i * ld + j] == (x > 0 ? x : slopes[j] * x);
            ok &= d[i * ld + j] == 1 && e[i * ld + j] == x;
        }
    }
    check(ok, "prelu", NULL);

    memcpy(dz, g, (size_t)(m * n) * sizeof(T));
    FN(prelu_backward)(m, n, slopes, e, ld, dz, n);
    ok = FN(untouched)(e, m, n, ld);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const T x = z[i * ld + j];
            ok &= dz[i * n + j] == g[i * n + j] * (x > 0 ? 1 : slopes[j]);
            ok &= e[i * ld + j] == g[i * n + j] * (x > 0 ? 0 : x);
        }
    }
    check(ok, "prelu_backward", NULL);
}

static void FN(check_maxout)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t pieces, ptrdiff_t gap) {
    const ptrdiff_t columns = n * pieces, ld = columns + gap;
    const T *z = FN(input)(1, m * columns, FN(EXACT));
    T *a = FN(output_array)(2, m, ld), *d = FN(output_array)(3, m, n + gap);
    T *e = FN(output_array)(4, m, n + gap), *dz = FN(output_array)(5, m, ld);
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < columns; j++) a[i * ld + j] = z[i * columns + j];
    FN(maxout)(m, n, pieces, a, ld, d, n + gap, e, n + gap);
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++) dz[i * ld + j] = (T)(j + 1);
    FN(maxout_backward)(m, n, pieces, e, n + gap, dz, ld);
    int ok = FN(untouched)(a, m, columns, ld) && FN(untouched)(d, m, n, n + gap) &&
             FN(untouched)(e, m, n, n + gap);
    int back = FN(untouched)(dz, m, columns, ld);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            const T *x = z + i * columns + j;
            ptrdiff_t best = 0;
            for (ptrdiff_t p = 1; p < pieces; p++)
                if (x[p * n] > x[best * n]) best = p;
            ok &= a[i * ld + j] == x[best * n] && d[i * (n + gap) + j] == 1;
            ok &= e[i * (n + gap) + j] == (T)best;
            for (ptrdiff_t p = 0; p < pieces; p++) {
                const ptrdiff_t at = p * n + j, vectors = padded_to(n, LANES);
                ok &= p == 0 || a[i * ld + at] == (at < vectors ? 0 : x[p * n]);
                back &= dz[i * ld + p * n + j] == (p == best ? (T)(j + 1) : 0);
            }
        }
    }
    check(ok, "maxout", NULL);
    check(back, "maxout_backward", NULL);
}

static void FN(check_units)(void) {
    const ptrdiff_t widths[] = {1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES + 1};
    for (int k = 0; k < 6; k++) {
        if (widths[k] < 1) continue;
        for (ptrdiff_t gap = 0; gap < 4; gap += 3) {
            FN(check_prelu)(3, widths[k], widths[k] + gap);
            for (ptrdiff_t pieces = 2; pieces < 5; pieces++)
                FN(check_maxout)(3, widths[k], pieces, gap);
        }
    }
}
