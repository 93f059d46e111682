/* Losses, deltas and output activations against the formulas in a wider type; a template, needs
 * check_arrays.h and check_math.h. */

#if FMLP_IS_F32
#define W(name) name
#else
#define W(name) name##l
#endif

static FN(wide) FN(clipped)(FN(wide) p) {
    const FN(wide) eps = FMLP_IS_F32 ? FLT_EPSILON : DBL_EPSILON;
    return p < eps ? eps : p > 1 - eps ? 1 - eps : p;
}

static FN(wide) FN(xlogy_wide)(FN(wide) x, FN(wide) y) { return x == 0 ? 0 : x * W(log)(y); }

/* One row: predictions to p, returns the loss. */
static FN(wide) FN(loss_of_row)(int output, int loss, ptrdiff_t n, const T *z, const T *y,
                                FN(wide) *p) {
    FN(wide) top = z[0], sum = 0, value = 0;
    for (ptrdiff_t j = 1; j < n; j++) top = z[j] > top ? z[j] : top;
    for (ptrdiff_t j = 0; j < n; j++) sum += W(exp)(z[j] - top);
    for (ptrdiff_t j = 0; j < n; j++) {
        const FN(wide) zj = z[j], yj = y[j];
        switch (output) {
        case FMLP_OUT_SOFTMAX: p[j] = W(exp)(zj - top) / sum; break;
        case FMLP_OUT_LOGISTIC: p[j] = FN(reference)(FMLP_MATH_LOGISTIC, z[j]); break;
        case FMLP_OUT_EXP: p[j] = W(exp)(zj); break;
        default: p[j] = zj; break;
        }
        const FN(wide) q = FN(clipped)(p[j]);
        if (loss == FMLP_LOSS_SQUARED_ERROR) value += (p[j] - yj) * (p[j] - yj) / (FN(wide))(2 * n);
        else if (loss == FMLP_LOSS_POISSON) value += FN(xlogy_wide)(yj, yj / p[j]) - yj + p[j];
        else value -= FN(xlogy_wide)(yj, q);
        if (output == FMLP_OUT_LOGISTIC) value -= FN(xlogy_wide)(1 - yj, 1 - q);
    }
    return value;
}

static int FN(near)(T got, FN(wide) want, FN(wide) size) {
    const FN(wide) eps = FMLP_IS_F32 ? FLT_EPSILON : DBL_EPSILON, error = got - want;
    return (error < 0 ? -error : error) <= 40 * eps * size;
}

static void FN(check_loss_shape)(int output, int loss, int by_class, int weighted, ptrdiff_t m,
                                 ptrdiff_t n) {
    const ptrdiff_t ldz = n + 2;
    T *z = FN(output_array)(0, m, ldz), *before = FN(array)(1, m * ldz), *y = FN(array)(2, m * n);
    T *weight = FN(array)(3, m), *losses = FN(output_array)(4, m, 1);
    T *out = FN(output_array)(7, m, ldz);
    int32_t *classes = array_at(5, (size_t)m * sizeof *classes);
    T *scratch = array_at(6, ((size_t)n * LANES * sizeof(T) + 63) / 64 * 64);
    FN(wide) p[64];
    ptrdiff_t index[64] = {0};
    int ok = 1;
    for (ptrdiff_t i = 0; i < m; i++) {
        index[i] = m - 1 - i;
        classes[i] = (int32_t)(random_bits() % (uint64_t)n);
        weight[i] = i % 3 == 1 ? 0 : (T)random_uniform(0, 2);
        for (ptrdiff_t j = 0; j < n; j++) {
            z[i * ldz + j] = (T)random_uniform(-5, 5);
            y[i * n + j] = output == FMLP_OUT_SOFTMAX    ? (T)(classes[i] == j)
                           : output == FMLP_OUT_LOGISTIC ? (T)(random_bits() % 2)
                                                         : (T)(random_bits() % 4);
        }
    }
    memcpy(before, z, (size_t)(m * ldz) * sizeof(T));
    const fmlp_head head = {.output = output, .loss = loss, .groups = &n, .n_groups = 1};
    const fmlp_target target = {by_class ? NULL : y, by_class ? classes : NULL,
                                weighted ? weight : NULL};
    FN(kernels).output(&head, 0, m, n, z, ldz, out, ldz, scratch);
    FN(kernels).loss(&head, m, n, z, ldz, index, &target, losses, scratch);
    for (ptrdiff_t i = 0; i < m; i++) {
        const FN(wide) w = weighted ? weight[index[i]] : 1;
        const T *yi = y + index[i] * n;
        const FN(wide) want = FN(loss_of_row)(output, loss, n, before + i * ldz, yi, p);
        /* errors of exp grow with its argument; those of p next to 1 grow in 1 - p */
        const FN(wide) loose = output == FMLP_OUT_LOGISTIC ? 150 : 10;
        ok &= FN(near)(losses[i], w * want, w * (want + loose * (FN(wide))n));
        for (ptrdiff_t j = 0; j < n; j++) {
            const FN(wide) size = p[j] < 0 ? 1 - p[j] : 1 + p[j];
            ok &= FN(near)(out[i * ldz + j], p[j], p[j] < 0 ? -p[j] : p[j]);
            ok &= FN(near)(z[i * ldz + j], w * (p[j] - yi[j]), w * (size + 3));
            if (w == 0) ok &= z[i * ldz + j] == 0 && losses[i] == 0;
        }
    }
    ok &= FN(untouched)(z, m, n, ldz) && FN(untouched)(out, m, n, ldz);
    FN(report)(ok, "loss", FN(REAL), m, output, n);
}

/* One row in the middle: certain and wrong costs -log(eps), NaN is kept, weight 0 hides it. */
static void FN(check_loss_extremes)(int output, T z0, T y0, int weight, T want) {
    enum { ROWS = LANES + 2, AT = LANES / 2 };
    T z[2 * ROWS], y[2 * ROWS], w[ROWS], losses[ROWS];
    T *scratch = array_at(6, (2 * LANES * sizeof(T) + 63) / 64 * 64);
    ptrdiff_t index[ROWS];
    int ok = 1;
    for (int i = 0; i < ROWS; i++) {
        index[i] = i, w[i] = 1;
        z[2 * i] = z[2 * i + 1] = 0, y[2 * i] = 0, y[2 * i + 1] = 1;
    }
    z[2 * AT] = z0, z[2 * AT + 1] = -z0, y[2 * AT] = y0, y[2 * AT + 1] = 1 - y0;
    w[AT] = (T)weight;
    const ptrdiff_t two = 2;
    const fmlp_head head = {.output = output, .loss = FMLP_LOSS_LOG, .groups = &two, .n_groups = 1};
    const fmlp_target target = {y, NULL, w};
    FN(kernels).loss(&head, ROWS, 2, z, 2, index, &target, losses, scratch);
    ok &= want != want ? losses[AT] != losses[AT] : FN(near)(losses[AT], want, 1 + want);
    if (!weight) ok &= z[2 * AT] == 0 && z[2 * AT + 1] == 0;
    for (int i = 0; i < ROWS; i++)
        if (i != AT) ok &= FN(near)(losses[i], (FN(wide))0.69314718055994530942L
                                                   * (output == FMLP_OUT_LOGISTIC ? 2 : 1), 2);
    FN(report)(ok, "loss at its extremes", FN(REAL), output, weight, z0 > 0);
}

/* A loss of one number, m = z or exp(z): value, and the slope by z. */
static FN(wide) FN(loss_of_number)(int loss, FN(wide) arg, FN(wide) z, FN(wide) y, FN(wide) *slope) {
    const FN(wide) d = z - y, size = d < 0 ? -d : d, sign = d > 0 ? 1 : d < 0 ? -1 : 0;
    const FN(wide) m = W(exp)(z);
    switch (loss) {
    case FMLP_LOSS_ABSOLUTE_ERROR: *slope = sign; return size;
    case FMLP_LOSS_HUBER:
        *slope = size > arg ? arg * sign : d;
        return size > arg ? arg * (size - arg / 2) : d * d / 2;
    case FMLP_LOSS_LOG_COSH: *slope = W(tanh)(d); return W(log)(W(cosh)(d));
    case FMLP_LOSS_QUANTILE:
        *slope = d > 0 ? 1 - arg : d < 0 ? -arg : 0;
        return d * *slope;
    case FMLP_LOSS_GAMMA: *slope = 1 - y / m; return y / m - W(log)(y / m) - 1;
    case FMLP_LOSS_TWEEDIE:
        *slope = W(pow)(m, 2 - arg) - y * W(pow)(m, 1 - arg);
        return W(pow)(y, 2 - arg) / ((1 - arg) * (2 - arg)) - y * W(pow)(m, 1 - arg) / (1 - arg) +
               W(pow)(m, 2 - arg) / (2 - arg);
    default: *slope = 0; return 0;
    }
}

static void FN(check_loss_of_numbers)(int loss, int output, double arg, int n_args) {
    enum { ROWS = 3 * LANES + 2 };
    T *z = FN(output_array)(0, ROWS, 1), *y = FN(array)(2, ROWS), before[ROWS], losses[ROWS];
    T *scratch = array_at(6, (LANES * sizeof(T) + 63) / 64 * 64);
    ptrdiff_t index[ROWS];
    int ok = 1;
    for (int i = 0; i < ROWS; i++) {
        index[i] = i;
        before[i] = z[i] = (T)random_uniform(-3, 3);
        y[i] = (T)random_uniform(0.1, 4);
    }
    if (output == FMLP_OUT_IDENTITY) before[1] = z[1] = y[1]; /* the kink */
    const ptrdiff_t one = 1;
    const fmlp_head head = {.output = output, .loss = loss, .loss_args = &arg,
                            .n_loss_args = n_args, .groups = &one, .n_groups = 1};
    const fmlp_target target = {y, NULL, NULL};
    FN(kernels).loss(&head, ROWS, 1, z, 1, index, &target, losses, scratch);
    for (int i = 0; i < ROWS; i++) {
        FN(wide) slope;
        const FN(wide) want = FN(loss_of_number)(loss, (T)arg, before[i], y[i], &slope);
        ok &= FN(near)(losses[i], want, 20 + want);
        ok &= FN(near)(z[i], slope, 20 + (slope < 0 ? -slope : slope));
    }
    FN(report)(ok, "loss of numbers", FN(REAL), loss, output, n_args);
}

/* Softmax: focal with gamma 0 is the log-loss, with gamma 2 and Brier their formulas. */
static void FN(check_loss_of_probabilities)(int loss, double gamma) {
    enum { ROWS = 2 * LANES + 1, N = 3 };
    T *z = FN(output_array)(0, ROWS, N), before[ROWS * N], losses[ROWS];
    T *scratch = array_at(6, (N * LANES * sizeof(T) + 63) / 64 * 64);
    int32_t classes[ROWS];
    ptrdiff_t index[ROWS];
    FN(wide) p[N];
    int ok = 1;
    for (int i = 0; i < ROWS; i++) {
        index[i] = i, classes[i] = (int32_t)(random_bits() % N);
        for (int j = 0; j < N; j++) before[i * N + j] = z[i * N + j] = (T)random_uniform(-3, 3);
    }
    const ptrdiff_t n = N;
    const fmlp_head head = {.output = FMLP_OUT_SOFTMAX, .loss = loss, .loss_args = &gamma,
                            .n_loss_args = loss == FMLP_LOSS_FOCAL, .groups = &n, .n_groups = 1};
    const fmlp_target target = {NULL, classes, NULL};
    FN(kernels).loss(&head, ROWS, N, z, N, index, &target, losses, scratch);
    for (int i = 0; i < ROWS; i++) {
        const T y[N] = {classes[i] == 0, classes[i] == 1, classes[i] == 2};
        (void)FN(loss_of_row)(FMLP_OUT_SOFTMAX, FMLP_LOSS_LOG, N, before + i * N, y, p);
        const FN(wide) q = p[classes[i]], power = gamma == 0 ? 1 : (1 - q) * (1 - q);
        FN(wide) want = -power * W(log)(q), mean = 0;
        FN(wide) slope = (gamma == 0 ? 0 : 2 * (1 - q) * q * W(log)(q)) - power; /* by log q */
        if (loss == FMLP_LOSS_BRIER) want = 0;
        for (int j = 0; j < N; j++) mean += (p[j] - y[j]) * p[j];
        for (int j = 0; j < N; j++) {
            FN(wide) dz = slope * (y[j] - p[j]);
            if (loss == FMLP_LOSS_BRIER) {
                want += (p[j] - y[j]) * (p[j] - y[j]) / 2;
                dz = p[j] * (p[j] - y[j] - mean);
            }
            ok &= FN(near)(z[i * N + j], dz, 8);
        }
        ok &= FN(near)(losses[i], want, 8 + want);
    }
    FN(report)(ok, "loss of probabilities", FN(REAL), loss, (int)gamma, N);
}

static void FN(check_loss)(void) {
    FN(check_loss_of_numbers)(FMLP_LOSS_ABSOLUTE_ERROR, FMLP_OUT_IDENTITY, 0, 0);
    FN(check_loss_of_numbers)(FMLP_LOSS_HUBER, FMLP_OUT_IDENTITY, 0.5, 1);
    FN(check_loss_of_numbers)(FMLP_LOSS_LOG_COSH, FMLP_OUT_IDENTITY, 0, 0);
    FN(check_loss_of_numbers)(FMLP_LOSS_QUANTILE, FMLP_OUT_IDENTITY, 0.2, 1);
    FN(check_loss_of_numbers)(FMLP_LOSS_GAMMA, FMLP_OUT_EXP, 0, 0);
    FN(check_loss_of_numbers)(FMLP_LOSS_TWEEDIE, FMLP_OUT_EXP, 1.5, 1);
    FN(check_loss_of_numbers)(FMLP_LOSS_TWEEDIE, FMLP_OUT_EXP, 3, 1);
    FN(check_loss_of_numbers)(FMLP_LOSS_TWEEDIE, FMLP_OUT_EXP, -1, 1);
    FN(check_loss_of_probabilities)(FMLP_LOSS_FOCAL, 0);
    FN(check_loss_of_probabilities)(FMLP_LOSS_FOCAL, 2);
    FN(check_loss_of_probabilities)(FMLP_LOSS_BRIER, 0);
    const T worst = -(T)log(FMLP_IS_F32 ? FLT_EPSILON : DBL_EPSILON);
    for (int output = FMLP_OUT_LOGISTIC; output <= FMLP_OUT_SOFTMAX; output++) {
        const T terms = output == FMLP_OUT_LOGISTIC ? 2 : 1;
        FN(check_loss_extremes)(output, 1000, 0, 1, terms * worst);
        FN(check_loss_extremes)(output, -1000, 1, 1, terms * worst);
        FN(check_loss_extremes)(output, 1000, 1, 1, 0);
        FN(check_loss_extremes)(output, (T)NAN, 1, 1, (T)NAN);
        FN(check_loss_extremes)(output, (T)NAN, 1, 0, 0);
        FN(check_loss_extremes)(output, 1000, 0, 0, 0);
    }
    const ptrdiff_t rows[] = {1, LANES - 1, LANES, LANES + 1, 3 * LANES - 1};
    const ptrdiff_t columns[] = {1, 2, 3, 10};
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 4 && rows[i]; j++) {
            for (int weighted = 0; weighted < 2; weighted++) {
                const ptrdiff_t m = rows[i], n = columns[j];
                FN(check_loss_shape)(FMLP_OUT_IDENTITY, FMLP_LOSS_SQUARED_ERROR, 0, weighted, m, n);
                FN(check_loss_shape)(FMLP_OUT_EXP, FMLP_LOSS_POISSON, 0, weighted, m, n);
                FN(check_loss_shape)(FMLP_OUT_LOGISTIC, FMLP_LOSS_LOG, 0, weighted, m, n);
                FN(check_loss_shape)(FMLP_OUT_SOFTMAX, FMLP_LOSS_LOG, 0, weighted, m, n);
                FN(check_loss_shape)(FMLP_OUT_SOFTMAX, FMLP_LOSS_LOG, 1, weighted, m, n);
            }
        }
    }
}

#undef W
