/* The products of dense layers against plain loops at edge sizes; a template, needs check_arrays.h.
 * Row i of a product is row m - 1 - i of its input in memory. */

/* out[i, j] and the kernel's relu of it */
static int FN(product_agrees)(T got, const struct FN(sum_of) *s, int relu, int kind) {
    if (!relu || s->value > 0) return FN(agrees)(got, s, kind);
    return got == 0 || (kind == FN(REAL) && got > 0 && FN(agrees)(got, s, kind));
}

/* w (rows, n) -> panels; padding is zero */
static T *FN(panels)(int slot, const T *w, ptrdiff_t rows, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(n, LANES);
    T *p = FN(array)(slot, rows * pad), *q = p;
    for (ptrdiff_t j = 0; j < pad; j += 2 * LANES) {
        const ptrdiff_t width = pad - j < 2 * LANES ? pad - j : 2 * LANES;
        for (ptrdiff_t r = 0; r < rows; r++)
            for (ptrdiff_t c = j; c < j + width; c++) *q++ = c < n ? w[r * n + c] : 0;
    }
    return p;
}

static void FN(check_forward)(int kind, int relu, ptrdiff_t m, ptrdiff_t k, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(n, LANES), ldo = pad + 3, ldx = k + 1;
    const T *x = FN(input)(0, m * ldx - 1, kind), *w = FN(input)(1, (k + 1) * n, kind);
    const void **rows = FN(row_pointers)(x, m, ldx);
    T *out = FN(output_array)(3, m, ldo);
    int ok = 1;
    FN(kernels).forward(m, k, n, rows, FN(panels)(2, w, k + 1, n),
                        relu ? FMLP_ACT_RELU : FMLP_ACT_IDENTITY, out, ldo);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            struct FN(sum_of) s = {0};
            FN(add_product)(&s, 1, w[k * n + j]);
            for (ptrdiff_t r = 0; r < k; r++)
                FN(add_product)(&s, ((const T *)rows[i])[r], w[r * n + j]);
            ok &= FN(product_agrees)(out[i * ldo + j], &s, relu, kind);
        }
        for (ptrdiff_t j = n; j < pad; j++) ok &= out[i * ldo + j] == 0;
    }
    FN(report)(ok && FN(untouched)(out, m, pad, ldo), "forward", kind, m, k, n);

    T *flat = FN(output_array)(5, m, ldo);
    FN(kernels).forward_flat(m, k, n, rows, w, w + k * n, relu ? FMLP_ACT_RELU : FMLP_ACT_IDENTITY,
                             flat, ldo);
    ok = 1;
    for (ptrdiff_t i = 0; i < m; i++)
        ok &= memcmp(flat + i * ldo, out + i * ldo, (size_t)n * sizeof(T)) == 0;
    FN(report)(ok && FN(untouched)(flat, m, n, ldo), "forward_flat", kind, m, k, n);
}

static void FN(check_backward)(int kind, int relu, ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in) {
    const ptrdiff_t pad = padded_to(n_in, LANES), ldd = pad + 1, ldz = n_out + 2;
    const T *dz = FN(input)(0, m * ldz - 2, kind), *wt = FN(input)(1, n_out * n_in, kind);
    const void **rows = FN(row_pointers)(dz, m, ldz);
    T *a = FN(input)(4, m * pad, kind), *out = FN(output_array)(3, m, ldd);
    int ok = 1;
    for (ptrdiff_t i = 0; i < m * pad; i++) a[i] = a[i] > 0 ? a[i] : 0;
    FN(kernels).backward(m, n_out, n_in, rows, FN(panels)(2, wt, n_out, n_in),
                         relu ? FMLP_ACT_RELU : FMLP_ACT_IDENTITY, a, pad, out, ldd);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n_in; j++) {
            struct FN(sum_of) s = {0};
            for (ptrdiff_t r = 0; r < n_out; r++)
                FN(add_product)(&s, ((const T *)rows[i])[r], wt[r * n_in + j]);
            if (relu && a[i * pad + j] == 0) ok &= out[i * ldd + j] == 0;
            else ok &= FN(agrees)(out[i * ldd + j], &s, kind);
        }
        for (ptrdiff_t j = n_in; j < pad; j++) ok &= out[i * ldd + j] == 0;
    }
    FN(report)(ok && FN(untouched)(out, m, pad, ldd), "backward", kind, m, n_out, n_in);
}

/* To the bits of grad, g; the place for packed inputs is no larger than it needs to be */
static void FN(check_grad_packed)(int kind, int accumulate, ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1,
                                  const void *const *rows, const T *dz, ptrdiff_t ldz, const T *g,
                                  const T *start) {
    const ptrdiff_t len = FN(kernels).pack_inputs(m, k0, k1, rows, 0), n = (k1 - k0) * 2 * LANES;
    T *packed = FN(array)(5, len), *got = FN(array)(4, n);
    char something[FMLP_AHEAD][64 * FMLP_AHEAD] = {{0}};
    struct fmlp_ahead ahead = {{0}, {0}};
    for (int i = 0; i < FMLP_AHEAD; i++) ahead.at[i] = something[i];
    for (ptrdiff_t i = 0; i < n; i++) got[i] = accumulate ? start[i] : (T)NAN;
    int ok = FN(kernels).pack_inputs(m, k0, k1, rows, packed) == len;
    FN(kernels).grad_packed(m, k1 - k0, packed, dz, ldz, accumulate, got, m % 2 ? &ahead : 0);
    ok &= memcmp(got, g, (size_t)n * sizeof(T)) == 0;
    FN(report)(ok, "grad_packed", kind, m, k1 - k0, 2 * LANES);
}

/* g of n columns, padding is zero */
static void FN(check_grad)(int kind, int accumulate, ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1,
                           ptrdiff_t n) {
    const ptrdiff_t width = padded_to(n, LANES), ldx = k1 + 1, ldz = width + 1;
    const T *x = FN(input)(0, m * ldx - 1, kind), *start = FN(input)(2, (k1 - k0) * width, kind);
    const void **rows = FN(row_pointers)(x, m, ldx);
    T *dz = FN(input)(1, m * ldz - 1, kind), *g = FN(array)(3, (k1 - k0) * width);
    int ok = 1;
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = n; j < width; j++) dz[i * ldz + j] = 0;
    for (ptrdiff_t i = 0; i < (k1 - k0) * width; i++)
        g[i] = !accumulate ? (T)NAN : i % width < n ? start[i] : 0;
    FN(kernels).grad(m, k0, k1, n, rows, dz, ldz, accumulate, g, 0);
    for (ptrdiff_t k = k0; k < k1; k++) {
        for (ptrdiff_t j = 0; j < n; j++) {
            struct FN(sum_of) s = {0};
            if (accumulate) FN(add_product)(&s, 1, start[(k - k0) * width + j]);
            for (ptrdiff_t i = 0; i < m; i++)
                FN(add_product)(&s, ((const T *)rows[i])[k], dz[i * ldz + j]);
            ok &= FN(agrees)(g[(k - k0) * width + j], &s, kind);
        }
        for (ptrdiff_t j = n; j < width; j++) ok &= g[(k - k0) * width + j] == 0;
    }
    FN(report)(ok, "grad", kind, m, k1 - k0, n);
    if (n == 2 * LANES) FN(check_grad_packed)(kind, accumulate, m, k0, k1, rows, dz, ldz, g, start);
}

static void FN(check_grad_bias)(int kind, int accumulate, ptrdiff_t m, ptrdiff_t n) {
    const ptrdiff_t pad = padded_to(n, LANES), ldz = n + 3;
    const T *dz = FN(input)(0, m * ldz - 3, kind), *start = FN(input)(1, n, kind);
    T *g = FN(array)(3, pad);
    int ok = 1;
    for (ptrdiff_t j = 0; j < pad; j++) g[j] = accumulate ? j < n ? start[j] : 0 : (T)NAN;
    FN(kernels).grad_bias(m, n, dz, ldz, accumulate, g);
    for (ptrdiff_t j = 0; j < pad; j++) {
        struct FN(sum_of) s = {0};
        if (accumulate && j < n) FN(add_product)(&s, 1, start[j]);
        for (ptrdiff_t i = 0; i < m && j < n; i++) FN(add_product)(&s, 1, dz[i * ldz + j]);
        ok &= FN(agrees)(g[j], &s, kind);
    }
    FN(report)(ok, "grad_bias", kind, m, 1, n);
}

/* All activations, in the tile or after it; each row the same bits alone; NaN stays in its row. */
static void FN(check_epilogues)(ptrdiff_t m, ptrdiff_t k) {
    enum { WIDTH = 3 * LANES };
    T *x = FN(input)(0, m * k, FN(REAL)), *w = FN(input)(1, (k + 1) * WIDTH, FN(REAL));
    T *z = FN(array)(3, m * WIDTH), *out = FN(array)(4, m * WIDTH), *one = FN(array)(5, WIDTH);
    const T *wp = FN(panels)(2, w, k + 1, WIDTH);
    for (int act = FMLP_ACT_IDENTITY; act <= FMLP_ACT_RELU; act++) {
        int ok = 1;
        const void **rows = FN(row_pointers)(x, m, k);
        FN(kernels).forward(m, k, WIDTH, rows, wp, FMLP_ACT_IDENTITY, z, WIDTH);
        FN(kernels).forward(m, k, WIDTH, rows, wp, act, out, WIDTH);
        for (ptrdiff_t i = 0; i < m * WIDTH; i++) ok &= FN(same)(out[i], FN(plain_f)(act, z[i]));
        for (ptrdiff_t i = 0; i < m; i++) {
            FN(kernels).forward(1, k, WIDTH, rows + i, wp, act, one, WIDTH);
            ok &= memcmp(one, out + i * WIDTH, sizeof(T) * WIDTH) == 0;
        }
        x[0] = (T)NAN; /* in the last row */
        FN(kernels).forward(m, k, WIDTH, rows, wp, act, z, WIDTH);
        for (ptrdiff_t i = 0; i < m * WIDTH; i++)
            ok &= i / WIDTH == m - 1 ? z[i] != z[i] : FN(same)(z[i], out[i]);
        x[0] = 1;
        FN(report)(ok, "forward's activation", FN(REAL), m, k, act);

        /* out is what this activation returns: its derivative there */
        const T *wt = FN(panels)(6, w, k, WIDTH);
        ok = 1;
        if (act == FMLP_ACT_RELU) out[m * WIDTH - 1] = (T)NAN;
        FN(kernels).backward(m, k, WIDTH, rows, wt, FMLP_ACT_IDENTITY, out, WIDTH, z, WIDTH);
        T *d = FN(array)(7, m * WIDTH);
        FN(kernels).backward(m, k, WIDTH, rows, wt, act, out, WIDTH, d, WIDTH);
        FN(kernels).act_backward(act, m, WIDTH, out, WIDTH, z, WIDTH);
        for (ptrdiff_t i = 0; i < m * WIDTH; i++) ok &= FN(same)(d[i], z[i]);
        for (ptrdiff_t i = 0; i < m; i++) {
            const T *a = out + i * WIDTH;
            FN(kernels).backward(1, k, WIDTH, rows + i, wt, act, a, WIDTH, one, WIDTH);
            for (int j = 0; j < WIDTH; j++) ok &= FN(same)(one[j], d[i * WIDTH + j]);
        }
        FN(report)(ok, "backward's derivative", FN(REAL), m, k, act);
    }
}

static void FN(check_gemm)(void) {
    const ptrdiff_t mr = FMLP_MR, rows[] = {1, 2, mr - 1, mr, mr + 1, 2 * mr + 1};
    const ptrdiff_t sums[] = {1, 2, LANES + 1, 13, 37};
    const ptrdiff_t columns[] = {1,         LANES - 1,     LANES,     LANES + 1,
                                 2 * LANES, 2 * LANES + 1, 3 * LANES, 4 * LANES + 1};
    const ptrdiff_t long_sums[] = {129, 192, 193, 289, 385, 577, 1153, 4609};
    for (int kind = FN(EXACT); kind <= FN(REAL); kind++) {
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 5; j++) {
                for (int l = 0; l < 8; l++) {
                    const ptrdiff_t m = rows[i], k = sums[j], n = columns[l] ? columns[l] : 1;
                    FN(check_forward)(kind, l % 2, m, k, n);
                    FN(check_backward)(kind, l % 2, m, k, n);
                    FN(check_grad_bias)(kind, l % 2, k, n);
                }
                FN(check_grad)(kind, 0, sums[j], 0, rows[i], LANES);
                FN(check_grad)(kind, 0, sums[j], 3, 3 + rows[i], 2 * LANES);
                FN(check_grad)(kind, 1, sums[j], 1, 1 + rows[i], LANES);
                FN(check_grad)(kind, 1, sums[j], 0, rows[i], 2 * LANES);
            }
        }
        for (int i = 0; i < 8; i++) {
            FN(check_forward)(kind, 1, 3, long_sums[i], LANES);
            FN(check_backward)(kind, 1, 3, long_sums[i], LANES);
            FN(check_grad)(kind, i % 2, long_sums[i], 0, 5, LANES);
            if (i < 6) FN(check_grad)(kind, i % 2, long_sums[i], 2, 2 + 3 * mr + i, 2 * LANES);
            FN(check_grad_bias)(kind, i % 2, long_sums[i], 3);
        }
        FN(check_forward)(kind, 0, mr + 1, 600, 2 * LANES);
        FN(check_backward)(kind, 0, mr + 1, 600, 2 * LANES);
        FN(check_grad)(kind, 0, 300, 0, mr + 1, 2 * LANES);
    }
    for (ptrdiff_t n = 1; n <= 8; n++) { /* a last panel of few columns */
        const ptrdiff_t alone = n < LANES ? n : LANES, behind = 2 * LANES + alone;
        for (int i = 0; i < 4; i++) {
            const ptrdiff_t m = 16 * i + n, k = 31 + 4 * n * i;
            FN(check_forward)(FN(REAL), i % 2, m, k, i < 2 ? alone : behind);
            FN(check_backward)(FN(REAL), i % 2, m, k, i < 2 ? alone : behind);
            FN(check_grad)(FN(REAL), i % 2, 31 + m, i, i + 17 * (i + 1), alone);
        }
    }
    for (int i = 0; i < 6; i++) FN(check_epilogues)(rows[i], 7);
    FN(check_epilogues)(2 * mr + 1, 600);
}
