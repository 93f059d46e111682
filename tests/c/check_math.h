/* The vector functions' error against libm in a wider type, their special values, and that a result
 * depends on nothing but its argument. A template like the kernels; check_simd.h comes first. */

#if FMLP_IS_F32
typedef double FN(wide);
#define W(name) name
#define FORMAT FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP
#else
typedef long double FN(wide);
#define W(name) name##l
#define FORMAT DBL_MANT_DIG, DBL_MIN_EXP, DBL_MAX_EXP
#endif

static FN(wide) FN(reference)(int op, T x) {
    const FN(wide) w = x;
    switch (op) {
    case FMLP_MATH_EXP: return W(exp)(w);
    case FMLP_MATH_LOG: return W(log)(w);
    case FMLP_MATH_TANH: return W(tanh)(w);
    case FMLP_MATH_EXPM1: return W(expm1)(w);
    case FMLP_MATH_LOG1P: return W(log1p)(w);
    case FMLP_MATH_NORMAL_CDF: return W(erfc)(-w * (FN(wide))0.70710678118654752440L) / 2;
    default: return w < 0 ? W(exp)(w) / (1 + W(exp)(w)) : 1 / (1 + W(exp)(-w));
    }
}

struct FN(worst) {
    double ulps;
    T at;
};

static void FN(measure)(int op, ptrdiff_t n, const T *x, struct FN(worst) *worst) {
    T y[1024];
    FN(math_map)(op, n, x, y);
    for (ptrdiff_t i = 0; i < n; i++) {
        const FN(wide) want = FN(reference)(op, x[i]);
        if ((T)want == y[i]) continue; /* at most half a unit; keeps the exhaustive run short */
        const double e = (double)ulps(y[i], want, FORMAT);
        if (e > worst->ulps) worst->ulps = e, worst->at = x[i];
    }
}

static void FN(check_error)(int op, const char *name, double bound, long samples) {
    struct FN(worst) worst = {0, 0};
    T x[1024];
    char text[120];
#if FMLP_IS_F32
    /* bit patterns in steps: all of them (samples = 2^32) or a prime apart */
    const uint64_t step = (uint64_t)samples >> 32 ? 1 : (((uint64_t)1 << 32) / (uint64_t)samples) | 1;
    for (uint64_t u = 0; u < (uint64_t)1 << 32;) {
        ptrdiff_t n = 0;
        for (; n < 1024 && u < (uint64_t)1 << 32; n++, u += step) {
            x[n] = FN(from_bits)((uint32_t)u);
        }
        FN(measure)(op, n, x, &worst);
    }
#endif
    /* dense where the function lives, then all magnitudes, then just around 1 */
    const double lo = op == FMLP_MATH_LOG ? 0 : FMLP_IS_F32 ? -110 : -750;
    const double hi = op == FMLP_MATH_LOG ? 10 : FMLP_IS_F32 ? 95 : 715;
    const long random_samples = samples > 4000000 ? 4000000 : samples;
    for (long k = 0; k < random_samples; k += 1024) {
        for (int i = 0; i < 1024; i++) {
            const double sign = op != FMLP_MATH_LOG && i & 16 ? -1 : 1;
            if (i % 4 == 0) x[i] = (T)random_uniform(lo, hi);
            else if (i % 4 == 1) x[i] = (T)random_uniform(op == FMLP_MATH_LOG ? 0.5 : -25, 25);
            else if (i % 4 == 2) x[i] = (T)(sign * exp2(random_uniform(-150, 100)));
            else x[i] = (T)(sign * exp2(random_uniform(-3, 3)));
        }
        FN(measure)(op, 1024, x, &worst);
    }
    snprintf(text, sizeof text, "%.3f ulp at %a, bound %.0f", worst.ulps, (double)worst.at, bound);
    printf("%-8s %s  max %s\n", name, FMLP_IS_F32 ? "float " : "double", text);
    check(worst.ulps <= bound, name, text);
}

static void FN(check_value)(int op, const char *name, T x, T want) {
    T y;
    char text[120];
    FN(math_map)(op, 1, &x, &y);
    snprintf(text, sizeof text, "f(%a) = %a, not %a", (double)x, (double)y, (double)want);
    check(FN(same)(y, want), name, text);
}

static void FN(check_specials)(void) {
    const T inf = INFINITY, nan = NAN, tiny = FN(from_bits)(1);
    const T max = FMLP_IS_F32 ? (T)FLT_MAX : (T)DBL_MAX;
    const T min = FMLP_IS_F32 ? (T)FLT_MIN : (T)DBL_MIN;
    const struct {
        int op;
        const char *name;
        T x, want;
    } cases[] = {
        {FMLP_MATH_EXP, "exp", 0, 1},           {FMLP_MATH_EXP, "exp", (T)-0.0, 1},
        {FMLP_MATH_EXP, "exp", inf, inf},       {FMLP_MATH_EXP, "exp", -inf, 0},
        {FMLP_MATH_EXP, "exp", max, inf},       {FMLP_MATH_EXP, "exp", -max, 0},
        {FMLP_MATH_EXP, "exp", tiny, 1},        {FMLP_MATH_EXP, "exp", nan, nan},
        {FMLP_MATH_LOG, "log", 1, 0},           {FMLP_MATH_LOG, "log", 0, -inf},
        {FMLP_MATH_LOG, "log", (T)-0.0, -inf},  {FMLP_MATH_LOG, "log", -1, nan},
        {FMLP_MATH_LOG, "log", -tiny, nan},     {FMLP_MATH_LOG, "log", -inf, nan},
        {FMLP_MATH_LOG, "log", inf, inf},       {FMLP_MATH_LOG, "log", nan, nan},
        {FMLP_MATH_TANH, "tanh", 0, 0},         {FMLP_MATH_TANH, "tanh", (T)-0.0, (T)-0.0},
        {FMLP_MATH_TANH, "tanh", inf, 1},       {FMLP_MATH_TANH, "tanh", -inf, -1},
        {FMLP_MATH_TANH, "tanh", max, 1},       {FMLP_MATH_TANH, "tanh", -20, -1},
        {FMLP_MATH_TANH, "tanh", tiny, tiny},   {FMLP_MATH_TANH, "tanh", -min, -min},
        {FMLP_MATH_TANH, "tanh", nan, nan},     {FMLP_MATH_LOGISTIC, "logistic", 0, (T)0.5},
        {FMLP_MATH_LOGISTIC, "logistic", inf, 1},  {FMLP_MATH_LOGISTIC, "logistic", -inf, 0},
        {FMLP_MATH_LOGISTIC, "logistic", max, 1},  {FMLP_MATH_LOGISTIC, "logistic", -max, 0},
        {FMLP_MATH_LOGISTIC, "logistic", 40, 1},   {FMLP_MATH_LOGISTIC, "logistic", tiny, (T)0.5},
        {FMLP_MATH_LOGISTIC, "logistic", nan, nan},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FN(check_value)(cases[i].op, cases[i].name, cases[i].x, cases[i].want);
    }
}

/* What is defined on a part of the line: expm1 on x <= 0, log1p on [0, 1]. */
static void FN(check_part)(int op, const char *name, double low, double high, double bound) {
    struct FN(worst) worst = {0, 0};
    T x[1024];
    char text[120];
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 1024; i++) {
            const double scale = i % 2 ? 1 : exp2(random_uniform(-60, 0));
            x[i] = (T)(random_uniform(low, high) * scale);
        }
        FN(measure)(op, 1024, x, &worst);
    }
    snprintf(text, sizeof text, "%.3f ulp at %a, bound %.0f", worst.ulps, (double)worst.at, bound);
    printf("%-8s %s  max %s\n", name, FMLP_IS_F32 ? "float " : "double", text);
    check(worst.ulps <= bound, name, text);
}

/* Any n, any place in the array, in place or not: the bits of a call with n = 1. Nothing else is
 * written. */
static void FN(check_positions)(int op, const char *name) {
    enum { MOST = 3 * LANES + 2, GUARD = 8 };
    T x[MOST], y[MOST + 2 * GUARD], one;
    const T special[] = {NAN, INFINITY, -INFINITY, 0, -1, FN(from_bits)(7), 1000};
    const T sentinel = (T)-12345;
    for (ptrdiff_t n = 0; n <= MOST; n++) {
        for (int i = 0; i < MOST; i++) {
            x[i] = i % 5 == 3 ? special[random_bits() % 7] : (T)random_uniform(-20, 20);
        }
        for (int i = 0; i < MOST + 2 * GUARD; i++) y[i] = sentinel;
        FN(math_map)(op, n, x, y + GUARD);
        int ok = 1;
        for (int i = 0; i < MOST + 2 * GUARD; i++) {
            if (i < GUARD || i >= GUARD + n) {
                ok &= y[i] == sentinel;
            } else {
                FN(math_map)(op, 1, x + i - GUARD, &one);
                ok &= FN(same)(one, y[i]);
            }
        }
        FN(math_map)(op, n, x, x);
        for (ptrdiff_t i = 0; i < n; i++) ok &= FN(same)(x[i], y[GUARD + i]);
        check(ok, name, "depends on lane or n, or writes outside");
    }
}

static void FN(check_math)(long samples) {
    const struct {
        int op;
        const char *name;
        double bound;
    } functions[] = {{FMLP_MATH_EXP, "exp", 2},
                     {FMLP_MATH_LOG, "log", 2},
                     {FMLP_MATH_LOGISTIC, "logistic", 3},
                     {FMLP_MATH_TANH, "tanh", 3}};
    for (int i = 0; i < 4; i++) {
        FN(check_error)(functions[i].op, functions[i].name, functions[i].bound, samples);
        FN(check_positions)(functions[i].op, functions[i].name);
    }
    FN(check_part)(FMLP_MATH_EXPM1, "expm1", -60, 0, 3);
    FN(check_part)(FMLP_MATH_LOG1P, "log1p", 0, 1, 3);
    FN(check_part)(FMLP_MATH_NORMAL_CDF, "normal", FMLP_IS_F32 ? -13 : -37, 9, 12);
    FN(check_specials)();
}

#undef W
#undef FORMAT
