/* Optimizer rules, transposition, sum and finite against plain loops; a template, needs
 * check_arrays.h and check_loss.h. */

static FN(wide) FN(root)(FN(wide) x) {
    return FMLP_IS_F32 ? (FN(wide))sqrt((double)x) : (FN(wide))sqrtl(x);
}

static FN(wide) FN(sign)(FN(wide) x) { return (FN(wide))((x > 0) - (x < 0)); }

static FN(wide) FN(mean)(double beta, FN(wide) before, FN(wide) x) {
    return (FN(wide))beta * before + (FN(wide))(1 - beta) * x;
}

/* One weight w and its state s after a step with the finished gradient g: optimizer.inc.h once
 * more, number by number. */
static FN(wide) FN(rule_one)(int rule, FN(wide) w, FN(wide) g, FN(wide) *s,
                             const struct fmlp_rule_args *a) {
    const FN(wide) lr = a->learning_rate, eps = a->epsilon;
    const FN(wide) m = FN(mean)(a->beta_1, s[0], g), v = FN(mean)(a->beta_2, s[1], g * g);
    FN(wide) x, turn;
    switch (rule) {
    case FMLP_RULE_GRADIENT: s[0] = g; return w;
    case FMLP_RULE_DESCENT: return w - lr * g;
    case FMLP_RULE_SGD:
        s[0] = a->momentum * s[0] - lr * g;
        return w + (a->nesterov ? a->momentum * s[0] - lr * g : s[0]);
    case FMLP_RULE_ADAM: s[0] = m, s[1] = v; return w - lr * m / (FN(root)(v) + eps);
    case FMLP_RULE_MOMENTS:
        s[0] = m, s[1] = v;
        return w - a->step * m / (a->root * FN(root)(v) + eps);
    case FMLP_RULE_AMSGRAD:
        s[0] = m, s[1] = v, s[2] = v > s[2] ? v : s[2];
        return w - a->step * m / (a->root * FN(root)(s[2]) + eps);
    case FMLP_RULE_NADAM:
        s[0] = m, s[1] = v;
        return w - (a->step_gradient * g + a->step * m) / (a->root * FN(root)(v) + eps);
    case FMLP_RULE_ADAMAX:
        x = FN(sign)(g) * g + eps;
        s[0] = m, s[1] = a->beta_2 * s[1] > x ? a->beta_2 * s[1] : x;
        return w - a->step * m / s[1];
    case FMLP_RULE_ADAGRAD: s[0] += g * g; return w - lr * g / (FN(root)(s[0]) + eps);
    case FMLP_RULE_ADADELTA:
        s[0] = FN(mean)(a->rho, s[0], g * g);
        x = FN(root)((s[1] + eps) / (s[0] + eps)) * g;
        s[1] = FN(mean)(a->rho, s[1], x * x);
        return w - lr * x;
    case FMLP_RULE_RMSPROP:
        s[0] = FN(mean)(a->rho, s[0], g * g);
        return w - lr * g / (FN(root)(s[0]) + eps);
    case FMLP_RULE_LION:
        s[0] = FN(mean)(a->beta_2, s[0], g);
        return w - lr * FN(sign)(m);
    case FMLP_RULE_ADABELIEF:
        s[0] = m, s[1] = FN(mean)(a->beta_2, s[1], (g - m) * (g - m)) + eps;
        return w - a->step * m / (a->root * FN(root)(s[1]) + eps);
    case FMLP_RULE_MUON:
        s[0] = FN(mean)(a->momentum, s[0], g), s[1] = FN(mean)(a->momentum, s[0], g);
        return w;
    case FMLP_RULE_SCHEDULEFREE: /* z, v, x */
        s[1] = v, s[0] -= lr * g / (a->root * FN(root)(v) + eps);
        s[2] += a->mix * (s[0] - s[2]);
        return (1 - a->beta_1) * s[0] + a->beta_1 * s[2];
    case FMLP_RULE_RPROP:
        turn = g * s[0];
        x = (a->mix * s[1] + a->step) * (turn > 0 ? (FN(wide))1.2 : turn < 0 ? (FN(wide))0.5 : 1);
        s[1] = x < (FN(wide))1e-6 ? (FN(wide))1e-6 : x > 50 ? 50 : x;
        s[0] = turn < 0 ? 0 : g;
        return w - s[1] * FN(sign)(s[0]);
    default: return (FN(wide))NAN;
    }
}

static void FN(check_rule)(int rule, ptrdiff_t n, double alpha, int nesterov, int parts) {
    const T *more = parts > 1 ? FN(input)(6, n, FN(REAL)) : 0;
    const struct fmlp_rule_args args = {
        .scale = 0.125, .alpha = alpha, .learning_rate = 0.0625, .momentum = 0.75, .beta_1 = 0.875,
        .beta_2 = 0.96875, .epsilon = 0.0078125, .rho = 0.625, .step = 0.25, .root = 1.5,
        .step_gradient = 0.375, .mix = 0.4375, .decay = 1, .nesterov = nesterov, .more = more};
    const T *g = FN(input)(0, n, FN(REAL));
    T *w = FN(input)(1, n, FN(REAL));
    T *s[] = {FN(input)(2, n, FN(REAL)), FN(input)(3, n, FN(REAL)), FN(input)(4, n, FN(REAL))};
    T *before = FN(array)(5, 4 * n);
    FN(wide) squares = 0;
    int ok = 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (rule == FMLP_RULE_ADAGRAD || rule == FMLP_RULE_ADADELTA || rule == FMLP_RULE_RMSPROP)
            s[0][i] = s[0][i] < 0 ? -s[0][i] : s[0][i]; /* a sum of squares */
        for (int k = 1; k < 3; k++) s[k][i] = s[k][i] < 0 ? -s[k][i] : s[k][i];
        before[4 * i] = w[i];
        for (int k = 0; k < 3; k++) before[4 * i + 1 + k] = s[k][i];
        squares += (FN(wide))w[i] * w[i];
    }
    void *state[] = {s[0], s[1], s[2]};
    const double returned = FN(kernels).rule(rule, n, g, w, state, &args);
    if (alpha != 0) ok &= FN(near)((T)returned, squares, squares * (FN(wide))n);
    for (ptrdiff_t i = 0; i < n; i++) {
        const T *b = before + 4 * i;
        const FN(wide) sum = more ? (FN(wide))g[i] + more[i] : g[i];
        const FN(wide) gradient = (sum + args.alpha * b[0]) * args.scale;
        FN(wide) want[] = {b[1], b[2], b[3]};
        ok &= FN(near)(w[i], FN(rule_one)(rule, b[0], gradient, want, &args), 10);
        for (int k = 0; k < 3; k++) ok &= FN(near)(s[k][i], want[k], 10);
    }
    FN(report)(ok, "rule", FN(REAL), rule, nesterov + 2 * (parts - 1), n);
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
    for (int i = 1; i < 20; i++) { /* beyond what a rule fetches ahead */
        for (int rule = FMLP_RULE_GRADIENT; rule <= FMLP_RULE_DESCENT; rule++) {
            FN(check_rule)(rule, i * LANES, 0, 0, 1);
            FN(check_rule)(rule, i * LANES, 0.25, 1, 1);
            FN(check_rule)(rule, i * LANES, 0.25, 0, 2);
        }
    }
    for (int i = 0; i < 8; i++) {
        if (sizes[i]) FN(check_sum)(sizes[i]);
        for (int j = 0; j < 8; j++)
            if (sizes[i] && sizes[j]) FN(check_transpose)(sizes[i], sizes[j]);
    }
}
