/* act_forward and act_backward against plain loops; a template like the kernels, needs
 * check_math.h before it. Everything between and after the rows must keep its bits. */

static T FN(plain_f)(int act, T z) {
    T a = z;
    if (act == FMLP_ACT_LOGISTIC) FN(math_map)(FMLP_MATH_LOGISTIC, 1, &z, &a);
    else if (act == FMLP_ACT_TANH) FN(math_map)(FMLP_MATH_TANH, 1, &z, &a);
    else if (act == FMLP_ACT_RELU && z < 0) a = 0;
    return a;
}

static long double FN(plain_d)(int act, T a, T g) {
    const long double w = a;
    if (act == FMLP_ACT_LOGISTIC) return g * w * (1 - w);
    if (act == FMLP_ACT_TANH) return g * (1 - w * w);
    if (act == FMLP_ACT_RELU) return a == 0 ? 0 : (long double)g;
    return g;
}

static void FN(check_act_shape)(int act, ptrdiff_t m, ptrdiff_t n, ptrdiff_t lda, ptrdiff_t ldd) {
    enum { MOST = 4 * (3 * LANES + 12) + 64 };
    static T z[MOST], a[MOST], g[MOST], d[MOST];
    const T eps = FMLP_IS_F32 ? (T)FLT_EPSILON : (T)DBL_EPSILON;
    const T special[] = {0, (T)-0.0, NAN, INFINITY, -INFINITY};
    for (int i = 0; i < MOST; i++) {
        z[i] = a[i] = i % 7 == 4 ? special[random_bits() % 5] : (T)random_uniform(-12, 12);
        g[i] = d[i] = (T)random_uniform(-3, 3);
    }
    int ok = 1;
    FN(act_forward)(act, m, n, a, lda);
    for (ptrdiff_t i = 0; i < MOST; i++) {
        const int inside = i / lda < m && i % lda < n;
        ok &= FN(same)(a[i], inside ? FN(plain_f)(act, z[i]) : z[i]);
    }
    check(ok, "act_forward", NULL);

    /* relu's derivative asks for a == 0 and nothing else, so try it on more than relu returns */
    if (act == FMLP_ACT_RELU) memcpy(a, z, sizeof a);
    ok = 1;
    FN(act_backward)(act, m, n, a, lda, d, ldd);
    for (ptrdiff_t i = 0; i < MOST; i++) {
        const ptrdiff_t row = i / ldd, column = i % ldd;
        if (row < m && column < n) {
            const T out = a[row * lda + column];
            const long double want = FN(plain_d)(act, out, g[i]);
            if (want != want) ok &= d[i] != d[i];
            else if (act == FMLP_ACT_RELU) ok &= d[i] == (T)want;
            else ok &= fabsl(d[i] - want) <= 3 * eps * fabsl((long double)g[i]);
        } else {
            ok &= FN(same)(d[i], g[i]);
        }
    }
    check(ok, "act_backward", NULL);
}

/* act_store of every activation: the values of act_forward, and derivatives that are the slope
 * between two neighbours; nothing else is written. */
static void FN(check_act_store)(int act, ptrdiff_t m, ptrdiff_t n, ptrdiff_t lda, ptrdiff_t ldd) {
    enum { MOST = 4 * (3 * LANES + 12) + 64 };
    static T z[MOST], a[MOST], f[MOST], d[MOST], low[MOST], high[MOST];
    const T h = FMLP_IS_F32 ? (T)0x1p-8 : (T)0x1p-20, sentinel = (T)-12345;
    for (int i = 0; i < MOST; i++) {
        z[i] = a[i] = f[i] = (T)random_uniform(-6, 6);
        if (fabs(fabs((double)z[i]) - 3) < 0.1 || fabs((double)z[i]) < 0.1) z[i] = a[i] = f[i] = 1;
        low[i] = z[i] - h, high[i] = z[i] + h, d[i] = sentinel;
    }
    FN(act_forward)(act, m, n, f, lda);
    FN(act_forward)(act, m, n, low, lda);
    FN(act_forward)(act, m, n, high, lda);
    FN(act_store)(act, m, n, a, lda, d, ldd);
    int ok = 1;
    for (ptrdiff_t i = 0; i < MOST; i++) ok &= FN(same)(a[i], f[i]);
    check(ok, "act_store: values", NULL);
    ok = 1;
    for (ptrdiff_t i = 0; i < MOST; i++) {
        const ptrdiff_t row = i / ldd, column = i % ldd, at = row * lda + column;
        if (row < m && column < n)
            ok &= fabs((double)(d[i] - (high[at] - low[at]) / (2 * h))) <= (FMLP_IS_F32 ? 1e-3 : 1e-8);
        else ok &= d[i] == sentinel;
    }
    check(ok, "act_store: derivatives", NULL);
}

static void FN(check_activation)(void) {
    const ptrdiff_t widths[] = {0, 1, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES + 1};
    for (int act = FMLP_ACT_IDENTITY; act <= FMLP_ACT_RELU; act++) {
        for (ptrdiff_t m = 0; m <= 4; m++) {
            for (int k = 0; k < 7; k++) {
                const ptrdiff_t n = widths[k], ld = n ? n : 1;
                FN(check_act_shape)(act, m, n, ld, ld);
                FN(check_act_shape)(act, m, n, ld + 5, ld);
                FN(check_act_shape)(act, m, n, ld, ld + 3);
                FN(check_act_shape)(act, m, n, ld + 1, ld + 11);
            }
        }
    }
    for (int act = FMLP_ACT_IDENTITY; act < FMLP_ACT_COUNT; act++) {
        if (act == FMLP_ACT_PRELU || act == FMLP_ACT_MAXOUT) continue; /* check_units.h */
        for (int k = 0; k < 7; k++) {
            const ptrdiff_t n = widths[k], ld = n ? n : 1;
            FN(check_act_store)(act, 3, n, ld, ld);
            FN(check_act_store)(act, 4, n, ld + 5, ld + 2);
        }
    }
}
