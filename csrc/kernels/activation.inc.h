/* Activation functions and their derivatives on blocks; needs math.inc.h and special.inc.h.
 *
 * Formulas, and derivatives at kinks, are PyTorch's. There are two kinds of activations:
 *   whose derivative is a function of the output a:  f(z) in FN(act_f), g * f'(z) in terms of a in
 *                                                    FN(act_d), one row each
 *   all others:                                      f(z) and f'(z) at once in FN(act_both), and
 *                                                    the `stored` flag in core/activations.c
 * and each has a row in FN(act_blocks).
 */

/* ------------------------------------------------------ derivative from the output */

/* max and min return their second operand for NaN, which is how it gets through. */
FMLP_INLINE VT FN(relu_f)(VT z) { return V(max)(V(zero)(), z); }

#define FMLP_SLOPE ((T)0.01) /* of leaky_relu */

/* Klambauer et al. 2017 */
#define FMLP_SELU_SCALE ((T)1.0507009873554804934)
#define FMLP_SELU_ALPHA ((T)1.7580993408473768599) /* times the scale */

FMLP_INLINE VT FN(elu_f)(VT z) { return V(sel)(V(gt)(z, V(zero)()), z, FN(vexpm1)(z)); }

FMLP_INLINE VT FN(selu_f)(VT z) {
    return V(sel)(V(gt)(z, V(zero)()), V(mul)(z, V(set1)(FMLP_SELU_SCALE)),
                  V(mul)(FN(vexpm1)(z), V(set1)(FMLP_SELU_ALPHA)));
}

FMLP_INLINE VT FN(softsign_f)(VT z) { return V(div)(z, V(add)(V(abs)(z), V(set1)(1))); }

/* z + 3 clipped to [0, 6] */
FMLP_INLINE VT FN(hard_step)(VT z) {
    return V(max)(V(zero)(), V(min)(V(set1)(6), V(add)(z, V(set1)(3))));
}

/* g times the slope that belongs to the sign of a; zero counts as negative */
FMLP_INLINE VT FN(by_sign)(VT a, VT g, VT positive, VT negative) {
    return V(mul)(g, V(sel)(V(gt)(a, V(zero)()), positive, negative));
}

/* --------------------------------------------------------------- f and f' together */

/* Hendrycks & Gimpel 2016: z Phi(z) */
FMLP_INLINE VT FN(gelu)(VT z, VT *d) {
    VT density;
    const VT cdf = FN(vnormal_cdf)(z, &density);
    *d = V(fma)(z, density, cdf);
    return V(mul)(z, cdf);
}

/* z s with s = logistic(z); derivative s + z s (1 - s), where 1 - s = logistic(-z) */
FMLP_INLINE VT FN(silu)(VT z, VT *d) {
    const VT one = V(set1)(1), t = FN(vexp)(V(neg)(V(abs)(z)));
    const VT high = V(div)(one, V(add)(one, t)), low = V(mul)(t, high);
    const VM negative = V(lt)(z, V(zero)());
    const VT s = V(sel)(negative, low, high), a = V(mul)(z, s);
    *d = V(fma)(a, V(sel)(negative, high, low), s);
    return a;
}

/* Misra 2019: z h with h = tanh(log(1 + exp(z))); derivative h + z logistic(z) (1 - h) (1 + h).
 * With t = exp(-|z|), h = n / (n + k), where n = t (t + 2) and k = 2 for negative z, else
 * n = 1 + 2 t and k = 2 t^2; 1 - h = k / (n + k). */
FMLP_INLINE VT FN(mish)(VT z, VT *d) {
    const VT one = V(set1)(1), two = V(set1)(2), t = FN(vexp)(V(neg)(V(abs)(z)));
    const VM negative = V(lt)(z, V(zero)());
    const VT n = V(sel)(negative, V(mul)(t, V(add)(t, two)), V(fma)(two, t, one));
    const VT k = V(sel)(negative, two, V(mul)(two, V(mul)(t, t))), m = V(add)(n, k);
    const VT h = V(div)(n, m), s = V(div)(V(sel)(negative, t, one), V(add)(t, one));
    const VT slope = V(mul)(V(mul)(V(div)(k, m), V(add)(one, h)), s);
    *d = V(fma)(z, slope, h);
    return V(mul)(z, h);
}

/* log(1 + exp(z)), exact for all z: no threshold beyond which it is z */
FMLP_INLINE VT FN(softplus)(VT z, VT *d) {
    const VT one = V(set1)(1), t = FN(vexp)(V(neg)(V(abs)(z)));
    *d = V(div)(V(sel)(V(lt)(z, V(zero)()), t, one), V(add)(one, t));
    return V(add)(V(max)(V(zero)(), z), FN(vlog1p)(t));
}

/* Howard et al. 2019: z clip(z + 3, 0, 6) / 6 */
FMLP_INLINE VT FN(hard_swish)(VT z, VT *d) {
    const VT three = V(set1)(3), sixth = V(set1)((T)(1.0 / 6));
    const VT slope = V(fma)(z, V(set1)((T)(1.0 / 3)), V(set1)((T)0.5));
    *d = V(sel)(V(ge)(z, three), V(set1)(1), V(sel)(V(le)(z, V(neg)(three)), V(zero)(), slope));
    return V(mul)(z, V(mul)(FN(hard_step)(z), sixth));
}

/* ------------------------------------------------------------------------ the rows */
/* act is a constant after inlining: no branch is left. */

/* f(z) and f'(z) of those that compute them together; 0: not one of them */
FMLP_INLINE int FN(act_pair)(int act, VT z, VT *a, VT *d) {
    switch (act) {
    case FMLP_ACT_GELU: *a = FN(gelu)(z, d); return 1;
    case FMLP_ACT_SILU: *a = FN(silu)(z, d); return 1;
    case FMLP_ACT_MISH: *a = FN(mish)(z, d); return 1;
    case FMLP_ACT_SOFTPLUS: *a = FN(softplus)(z, d); return 1;
    case FMLP_ACT_HARD_SWISH: *a = FN(hard_swish)(z, d); return 1;
    default: return 0;
    }
}

/* f(z) */
FMLP_INLINE VT FN(act_f)(int act, VT z) {
    VT a = z, d;
    if (FN(act_pair)(act, z, &a, &d)) return a;
    switch (act) {
    case FMLP_ACT_LOGISTIC: return FN(vlogistic)(z);
    case FMLP_ACT_TANH: return FN(vtanh)(z);
    case FMLP_ACT_RELU: return FN(relu_f)(z);
    case FMLP_ACT_LEAKY_RELU: return V(max)(V(mul)(z, V(set1)(FMLP_SLOPE)), z);
    case FMLP_ACT_ELU: return FN(elu_f)(z);
    case FMLP_ACT_SELU: return FN(selu_f)(z);
    case FMLP_ACT_SOFTSIGN: return FN(softsign_f)(z);
    case FMLP_ACT_HARD_SIGMOID: return V(mul)(FN(hard_step)(z), V(set1)((T)(1.0 / 6)));
    default: return z;
    }
}

/* g * f'(z) with a = f(z) */
FMLP_INLINE VT FN(act_d)(int act, VT a, VT g) {
    const VT zero = V(zero)(), one = V(set1)(1);
    VT r;
    switch (act) {
    case FMLP_ACT_STORED: return V(mul)(g, a);
    case FMLP_ACT_LOGISTIC: return V(mul)(g, V(mul)(a, V(sub)(one, a)));
    case FMLP_ACT_TANH: return V(mul)(g, V(fnma)(a, a, one));
    case FMLP_ACT_RELU: return V(sel)(V(eq)(a, zero), zero, g);
    case FMLP_ACT_LEAKY_RELU: return FN(by_sign)(a, g, one, V(set1)(FMLP_SLOPE));
    case FMLP_ACT_ELU: return FN(by_sign)(a, g, one, V(add)(a, one));
    case FMLP_ACT_SELU:
        return FN(by_sign)(a, g, V(set1)(FMLP_SELU_SCALE), V(add)(a, V(set1)(FMLP_SELU_ALPHA)));
    case FMLP_ACT_SOFTSIGN: /* 1 / (1 + |z|)^2 */
        r = V(sub)(one, V(abs)(a));
        return V(mul)(g, V(mul)(r, r));
    case FMLP_ACT_HARD_SIGMOID:
        r = V(sel)(V(mor)(V(le)(a, zero), V(ge)(a, one)), zero, V(set1)((T)(1.0 / 6)));
        return V(mul)(g, r);
    default: return g;
    }
}

/* f(z), and f'(z) in *d */
FMLP_INLINE VT FN(act_both)(int act, VT z, VT *d) {
    VT a;
    if (FN(act_pair)(act, z, &a, d)) return a;
    a = FN(act_f)(act, z);
    *d = FN(act_d)(act, a, V(set1)(1));
    return a;
}

/* ---------------------------------------------------------------------- the blocks */

enum { FN(ACT_FORWARD), FN(ACT_BACKWARD), FN(ACT_STORE) };

/* n <= LANES elements */
FMLP_INLINE void FN(act_vector)(const int mode, const int act, T *a, T *d, const int n) {
    const VT va = n == LANES ? V(load)(a) : V(load_n)(a, n);
    VT vd = V(zero)(), f;
    if (mode == FN(ACT_BACKWARD)) {
        vd = FN(act_d)(act, va, n == LANES ? V(load)(d) : V(load_n)(d, n));
    } else {
        f = mode == FN(ACT_STORE) ? FN(act_both)(act, va, &vd) : FN(act_f)(act, va);
        if (n == LANES) V(store)(a, f);
        else V(store_n)(a, f, n);
    }
    if (mode == FN(ACT_FORWARD)) return;
    if (n == LANES) V(store)(d, vd);
    else V(store_n)(d, vd, n);
}

FMLP_INLINE void FN(act_block)(const int mode, const int act, ptrdiff_t m, ptrdiff_t n,
                               T *a /* (m, n), ld lda */, ptrdiff_t lda,
                               T *d /* (m, n), ld ldd */, ptrdiff_t ldd) {
    if (lda == n && (ldd == n || mode == FN(ACT_FORWARD))) n *= m, m = 1; /* one long row */
    for (; m > 0; m--, a += lda, d += ldd) {
        ptrdiff_t j = 0;
        for (; j + LANES <= n; j += LANES) FN(act_vector)(mode, act, a + j, d + j, LANES);
        if (j < n) FN(act_vector)(mode, act, a + j, d + j, (int)(n - j));
    }
}

/* act becomes a constant; identity has nothing to do */
FMLP_INLINE void FN(act_blocks)(const int mode, int act, ptrdiff_t m, ptrdiff_t n, T *a,
                                ptrdiff_t lda, T *d, ptrdiff_t ldd) {
    switch (act) {
    case FMLP_ACT_IDENTITY:
        if (mode == FN(ACT_STORE))
            FN(act_block)(mode, FMLP_ACT_IDENTITY, m, n, a, lda, d, ldd);
        break;
    case FMLP_ACT_STORED:
        if (mode == FN(ACT_BACKWARD)) FN(act_block)(mode, FMLP_ACT_STORED, m, n, a, lda, d, ldd);
        break;
    case FMLP_ACT_LOGISTIC: FN(act_block)(mode, FMLP_ACT_LOGISTIC, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_TANH: FN(act_block)(mode, FMLP_ACT_TANH, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_RELU: FN(act_block)(mode, FMLP_ACT_RELU, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_LEAKY_RELU:
        FN(act_block)(mode, FMLP_ACT_LEAKY_RELU, m, n, a, lda, d, ldd);
        break;
    case FMLP_ACT_ELU: FN(act_block)(mode, FMLP_ACT_ELU, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_SELU: FN(act_block)(mode, FMLP_ACT_SELU, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_GELU: FN(act_block)(mode, FMLP_ACT_GELU, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_SILU: FN(act_block)(mode, FMLP_ACT_SILU, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_MISH: FN(act_block)(mode, FMLP_ACT_MISH, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_SOFTPLUS: FN(act_block)(mode, FMLP_ACT_SOFTPLUS, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_SOFTSIGN: FN(act_block)(mode, FMLP_ACT_SOFTSIGN, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_HARD_SIGMOID:
        FN(act_block)(mode, FMLP_ACT_HARD_SIGMOID, m, n, a, lda, d, ldd);
        break;
    case FMLP_ACT_HARD_SWISH:
        FN(act_block)(mode, FMLP_ACT_HARD_SWISH, m, n, a, lda, d, ldd);
        break;
    default: break;
    }
}

/* a <- f(a); act: enum fmlp_act */
static void FN(act_forward)(int act, ptrdiff_t m, ptrdiff_t n, T *a, ptrdiff_t lda) {
    FN(act_blocks)(FN(ACT_FORWARD), act, m, n, a, lda, a, 0);
}

/* d <- d * f'(z) with a = f(z); FMLP_ACT_STORED: with a = f'(z) */
static void FN(act_backward)(int act, ptrdiff_t m, ptrdiff_t n, const T *a, ptrdiff_t lda, T *d,
                             ptrdiff_t ldd) {
    FN(act_blocks)(FN(ACT_BACKWARD), act, m, n, (T *)(uintptr_t)a, lda, d, ldd);
}

/* a <- f(a), d <- f'(a) */
static void FN(act_store)(int act, ptrdiff_t m, ptrdiff_t n, T *a, ptrdiff_t lda, T *d,
                          ptrdiff_t ldd) {
    FN(act_blocks)(FN(ACT_STORE), act, m, n, a, lda, d, ldd);
}

#undef FMLP_SLOPE
#undef FMLP_SELU_SCALE
#undef FMLP_SELU_ALPHA
