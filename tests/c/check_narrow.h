/* Narrow layers and sparse input against plain loops; a template, needs check_arrays.h. */

static void FN(check_narrow_shape)(int kind, ptrdiff_t m, ptrdiff_t k, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(k, LANES), ldx = k + 1, ldo = n + 1;
    const T *x = FN(input)(0, m * ldx - 1, kind), *w = FN(input)(1, (k + 1) * n, kind);
    const void **rows = FN(row_pointers)(x, m, ldx);
    T *p = FN(array)(2, n * pad + LANES), *out = FN(output_array)(3, m, ldo);
    int ok = 1;
    for (ptrdiff_t j = 0; j < n; j++)
        for (ptrdiff_t r = 0; r < pad; r++) p[j * pad + r] = r < k ? w[r * n + j] : 0;
    for (ptrdiff_t j = 0; j < LANES; j++) p[n * pad + j] = j < n ? w[k * n + j] : 0;
    FN(kernels).forward_narrow(m, k, n, rows, p, FMLP_ACT_IDENTITY, out, ldo);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            struct FN(sum_of) s = {0};
            FN(add_product)(&s, 1, w[k * n + j]);
            for (ptrdiff_t r = 0; r < k; r++)
                FN(add_product)(&s, ((const T *)rows[i])[r], w[r * n + j]);
            ok &= FN(agrees)(out[i * ldo + j], &s, kind);
        }
    }
    FN(report)(ok && FN(untouched)(out, m, n, ldo), "forward_narrow", kind, m, k, n);

    T *dz = FN(input)(5, m * ldo - 1, kind), *a = FN(input)(4, m * pad, kind);
    T *dx = FN(output_array)(3, m, pad + 2);
    ok = 1;
    for (ptrdiff_t i = 0; i < m * pad; i++) a[i] = a[i] > 0 ? a[i] : 0;
    FN(kernels).backward_narrow(m, n, pad, dz, ldo, p, FMLP_ACT_RELU, a, pad, dx, pad + 2);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t r = 0; r < pad; r++) {
            const T got = dx[i * (pad + 2) + r];
            struct FN(sum_of) s = {0};
            for (ptrdiff_t j = 0; j < n && r < k; j++)
                FN(add_product)(&s, dz[i * ldo + j], w[r * n + j]);
            ok &= a[i * pad + r] == 0 ? got == 0 : FN(agrees)(got, &s, kind);
        }
    }
    FN(report)(ok && FN(untouched)(dx, m, pad, pad + 2), "backward_narrow", kind, m, n, k);

    for (int accumulate = 0; accumulate < 2; accumulate++) {
        const ptrdiff_t k0 = k > 2 * LANES ? LANES : 0, width = padded_to(k - k0, LANES);
        const T *start = FN(input)(6, n * k, kind);
        T *g = FN(output_array)(3, n, width + 1);
        ok = 1;
        for (ptrdiff_t j = 0; j < n; j++)
            for (ptrdiff_t r = 0; r < width; r++)
                g[j * (width + 1) + r] = !accumulate ? (T)NAN : k0 + r < k ? start[j * k + r] : 0;
        FN(kernels).grad_narrow(m, k0, k, n, rows, dz, ldo, accumulate, g, width + 1);
        for (ptrdiff_t j = 0; j < n; j++) {
            for (ptrdiff_t r = k0; r < k0 + width; r++) {
                struct FN(sum_of) s = {0};
                if (accumulate && r < k) FN(add_product)(&s, 1, start[j * k + r - k0]);
                for (ptrdiff_t i = 0; i < m && r < k; i++)
                    FN(add_product)(&s, ((const T *)rows[i])[r], dz[i * ldo + j]);
                ok &= FN(agrees)(g[j * (width + 1) + r - k0], &s, kind);
            }
        }
        FN(report)(ok && FN(untouched)(g, n, width, width + 1), "grad_narrow", kind, m, k, n);
    }
}

/* One pass against the three kernels in whose place it is, bit by bit. */
static void FN(check_narrow_sums)(int act, ptrdiff_t m, ptrdiff_t k, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(k, LANES), lda = pad + LANES, ldd = pad + 2, ldz = n + 1;
    const size_t bytes = sizeof(T);
    const T *dz = FN(input)(0, m * ldz - 1, FN(REAL)), *w = FN(input)(1, n * pad, FN(REAL));
    T *a = FN(input)(4, m * lda, FN(REAL)), *biases[2], *g[2], *dx[2];
    for (ptrdiff_t i = 0; i < m * lda; i++)
        if (i % lda >= k) a[i] = 0;
    FN(kernels).act_forward(act, m, lda, a, lda); /* in the padding as well */
    const void *rows[16];
    for (ptrdiff_t i = 0; i < m; i++) rows[i] = a + i * lda;
    T *weights = FN(array)(2, n * pad + LANES);
    for (ptrdiff_t i = 0; i < n * pad; i++) weights[i] = i % pad < k ? w[i] : 0;
    for (int i = 0; i < 2; i++) {
        dx[i] = FN(output_array)(i ? 5 : 3, m, ldd);
        g[i] = FN(array)(i ? 7 : 6, n * pad);
        biases[i] = FN(array)(i ? 9 : 8, pad);
    }
    FN(kernels).backward_narrow(m, n, pad, dz, ldz, weights, act, a, lda, dx[0], ldd);
    FN(kernels).grad_narrow(m, 0, k, n, rows, dz, ldz, 0, g[0], pad);
    FN(kernels).grad_bias(m, pad, dx[0], ldd, 0, biases[0]);
    const int done = FN(kernels).backward_narrow_sums(m, n, k, dz, ldz, weights, act, a, lda,
                                                      dx[1], ldd, g[1], biases[1]);
    const int has = n <= 2 && (act == FMLP_ACT_IDENTITY || act == FMLP_ACT_LOGISTIC ||
                               act == FMLP_ACT_TANH || act == FMLP_ACT_RELU);
    int ok = done == has;
    if (done) {
        for (ptrdiff_t i = 0; i < m; i++)
            ok &= !memcmp(dx[0] + i * ldd, dx[1] + i * ldd, (size_t)pad * bytes);
        ok &= !memcmp(g[0], g[1], (size_t)(n * pad) * bytes);
        ok &= !memcmp(biases[0], biases[1], (size_t)pad * bytes);
        ok &= FN(untouched)(dx[1], m, pad, ldd);
    }
    FN(report)(ok, "backward_narrow_sums", FN(REAL), m, n, k);
}

/* Rows of 0, 1, 2 ... 4 entries; the even ones with a column twice. */
static void FN(check_sparse_shape)(int kind, int index64, ptrdiff_t m, ptrdiff_t k, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(n, LANES), nnz = 4 * m, ldo = pad + 1;
    const ptrdiff_t index_size = index64 ? 8 : 4;
    const T *data = FN(input)(0, nnz, kind), *w = FN(input)(1, (k + 1) * pad, kind);
    char *indices = array_at(2, (size_t)(nnz * index_size));
    char *indptr = array_at(4, (size_t)((m + 1) * index_size));
    T *out = FN(output_array)(3, m, ldo);
    ptrdiff_t column[4 * 64], first[64 + 1], index[64], last = 0;
    for (ptrdiff_t i = 0; i <= m; i++) {
        first[i] = last;
        for (ptrdiff_t e = 0; e < i % 5 && i < m; e++, last++)
            column[last] = i % 2 == 0 && e == 1 ? column[last - 1] : (i * 5 + e * 3) % k;
    }
    for (ptrdiff_t e = 0; e < nnz; e++) { /* beyond the last entry: never to be followed */
        if (index64) ((int64_t *)indices)[e] = e < last ? column[e] : INT64_MAX;
        else ((int32_t *)indices)[e] = e < last ? (int32_t)column[e] : INT32_MAX;
    }
    for (ptrdiff_t i = 0; i <= m; i++) {
        if (index64) ((int64_t *)indptr)[i] = first[i];
        else ((int32_t *)indptr)[i] = (int32_t)first[i];
    }
    for (ptrdiff_t i = 0; i < m; i++) index[i] = m - 1 - i;
    const struct fmlp_csr x = {data, indices, indptr, index64};
    int ok = 1;
    FN(kernels).forward_sparse(m, k, pad, &x, index, w, FMLP_ACT_RELU, out, ldo);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < pad; j++) {
            struct FN(sum_of) s = {0};
            FN(add_product)(&s, 1, w[k * pad + j]);
            for (ptrdiff_t e = first[index[i]]; e < first[index[i] + 1]; e++)
                FN(add_product)(&s, data[e], w[column[e] * pad + j]);
            ok &= FN(product_agrees)(out[i * ldo + j], &s, 1, kind);
        }
    }
    FN(report)(ok && FN(untouched)(out, m, pad, ldo), "forward_sparse", kind, m, k, n);

    /* the same entries by columns: here simply in order of rows, one column after the other */
    const T *dz = FN(input)(5, m * ldo - 1, kind), *start = FN(input)(6, k * pad, kind);
    T *value = FN(array)(7, last);
    int32_t row[4 * 64];
    ptrdiff_t starts[64 + 1], e = 0;
    for (ptrdiff_t c = 0; c <= k; c++) {
        starts[c] = e;
        for (ptrdiff_t i = 0; i < m && c < k; i++)
            for (ptrdiff_t f = first[i]; f < first[i + 1]; f++)
                if (column[f] == c) row[e] = (int32_t)i, value[e++] = data[f];
    }
    const struct fmlp_columns columns = {starts, row, value};
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        const ptrdiff_t k0 = k / 2;
        T *g = FN(array)(3, (k - k0) * pad);
        ok = 1;
        for (ptrdiff_t i = 0; i < (k - k0) * pad; i++) g[i] = accumulate ? start[i] : (T)NAN;
        FN(kernels).grad_sparse(k0, k, pad, &columns, dz, ldo, accumulate, g);
        for (ptrdiff_t c = k0; c < k; c++) {
            for (ptrdiff_t j = 0; j < pad; j++) {
                struct FN(sum_of) s = {0};
                if (accumulate) FN(add_product)(&s, 1, start[(c - k0) * pad + j]);
                for (ptrdiff_t f = 0; f < last; f++) {
                    ptrdiff_t i = 0;
                    while (first[i + 1] <= f) i++;
                    if (column[f] == c) FN(add_product)(&s, data[f], dz[i * ldo + j]);
                }
                ok &= FN(agrees)(g[(c - k0) * pad + j], &s, kind);
            }
        }
        FN(report)(ok, "grad_sparse", kind, m, k, n);
    }
}

static void FN(check_narrow)(void) {
    const ptrdiff_t rows[] = {1, 2, 5, 6, 7, 13};
    const ptrdiff_t inputs[] = {1,         LANES - 1,     LANES,         LANES + 1,
                                2 * LANES, 4 * LANES + 1, 6 * LANES - 1, 13 * LANES + 1};
    const ptrdiff_t columns[] = {1, LANES, LANES + 1, 4 * LANES, 5 * LANES + 1, 13 * LANES};
    for (int act = 0; act <= FMLP_ACT_LEAKY_RELU; act++)
        for (ptrdiff_t n = 1; n <= FN(kernels).narrow_max; n++)
            for (int i = 0; i < 6; i++)
                for (int j = 0; j < 8; j++)
                    if (inputs[j]) FN(check_narrow_sums)(act, rows[i], inputs[j], n);
    for (int kind = FN(EXACT); kind <= FN(REAL); kind++) {
        for (ptrdiff_t n = 1; n <= FN(kernels).narrow_max; n++)
            for (int i = 0; i < 6; i++)
                for (int j = 0; j < 8; j++)
                    if (inputs[j]) FN(check_narrow_shape)(kind, rows[i], inputs[j], n);
        for (int i = 0; i < 6; i++) {
            FN(check_sparse_shape)(kind, 0, 7, 9, columns[i]);
            FN(check_sparse_shape)(kind, 1, 13, 1, columns[i]);
            FN(check_sparse_shape)(kind, 1, 1, 30, columns[i]);
        }
    }
}
