/* Optimizer rules, transposition, sum and finite against plain loops; a template, needs
 * check_arrays.h and check_loss.h. */

static void FN(check_rule)(int rule, ptrdiff_t n, double alpha, int nesterov) {
    const struct fmlp_rule_args args = {.scale = 0.125, .alpha = alpha, .learning_rate = 0.0625,
                                        .momentum = 0.75, .beta_1 = 0.875, .beta_2 = 0.96875,
                                        .epsilon = 0.0078125, .decay = 1,
                                        .nesterov = nesterov};
    const T *g = FN(input)(0, n, FN(REAL));
    T *w = FN(input)(1, n, FN(REAL)), *s1 = FN(input)(2, n, FN(REAL));
    T *s2 = FN(input)(3, n, FN(REAL));
    T *before = FN(array)(4, 3 * n);
    FN(wide) squares = 0;
    int ok = 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        s2[i] = s2[i] < 0 ? -s2[i] : s2[i];
        before[3 * i] = w[i], before[3 * i + 1] = s1[i], before[3 * i + 2] = s2[i];
        squares += (FN(wide))w[i] * w[i];
    }
    void *s[] = {s1, rule == FMLP_RULE_ADAM ? s2 : NULL};
    const double returned = FN(kernels).rule(rule, n, g, w, s, &args);
    if (alpha != 0) ok &= FN(near)((T)returned, squares, squares * (FN(wide))n);
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *b = before + 3 * i;
        const FN(wide) gradient = (g[i] + args.alpha * b[0]) * args.scale;
        if (rule == FMLP_RULE_GRADIENT) {
            ok &= FN(near)(s1[i], gradient, 1) && w[i] == b[0];
        } else if (rule == FMLP_RULE_SGD) {
            const FN(wide) step = args.learning_rate * gradient, v = args.momentum * b[1] - step;
            ok &= FN(near)(s1[i], v, 1);
            ok &= FN(near)(w[i], b[0] + (nesterov ? args.momentum * v - step : v), 1);
        } else {
            const FN(wide) m = args.beta_1 * b[1] + (1 - args.beta_1) * gradient;
            const FN(wide) v = args.beta_2 * b[2] + (1 - args.beta_2) * gradient * gradient;
            const FN(wide) root = FMLP_IS_F32 ? sqrt((double)v) : (FN(wide))sqrtl(v);
            ok &= FN(near)(s1[i], m, 1) && FN(near)(s2[i], v, 1);
            ok &= FN(near)(w[i], b[0] - args.learning_rate * m / (root + args.epsilon), 10);
        }
    }
    FN(report)(ok, "rule", FN(REAL), rule, nesterov, n);
}

static void FN(check_transpose)(ptrdiff_t m, ptrdiff_t n) {
    const ptrdiff_t lds = n + 1, ldd = m + 2;
    const T *src = FN(input)(0, m * lds - 1, FN(REAL));
    T *dst = FN(output_array)(1, n, ldd);
    int ok = 1;
    FN(kernels).transpose(m, n, src, lds, dst, ldd);
    for (ptrdiff_t i = 0; i < m; i++)
        for (ptrdiff_t j = 0; j < n; j++) ok &= FN(same)(dst[j * ldd + i], src[i * lds + j]);
    FN(report)(ok && FN(untouched)(dst, n, m, ldd), "transpose", FN(REAL), m, 1, n);
}

static void FN(check_sum)(ptrdiff_t n) {
    T *x = FN(input)(0, n, FN(EXACT));
    double want = 0;
    for (ptrdiff_t i = 0; i < n; i++) want += (double)x[i];
    FN(report)(FN(kernels).sum(n, x) == want, "sum", FN(EXACT), 1, 1, n);
    int ok = FN(kernels).finite(n, x) == 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        const T keep = x[i];
        x[i] = i % 2 ? (T)NAN : (T)-INFINITY;
        ok &= FN(kernels).finite(n, x) == 0;
        x[i] = keep;
    }
    FN(report)(ok, "finite", FN(EXACT), 1, 1, n);
}

static void FN(check_rules)(void) {
    const ptrdiff_t sizes[] = {1, 2, LANES - 1, LANES, LANES + 1, 2 * LANES + 1, 3 * LANES, 37};
    for (int i = 1; i < 9; i++) {
        for (int rule = FMLP_RULE_GRADIENT; rule <= FMLP_RULE_ADAM; rule++) {
            FN(check_rule)(rule, i * LANES, 0, 0);
            FN(check_rule)(rule, i * LANES, 0.25, 1);
        }
    }
    for (int i = 0; i < 8; i++) {
        if (sizes[i]) FN(check_sum)(sizes[i]);
        for (int j = 0; j < 8; j++)
            if (sizes[i] && sizes[j]) FN(check_transpose)(sizes[i], sizes[j]);
    }
}
