/* Activation functions and their derivatives on blocks; needs math.inc.h before it.
 *
 * One activation = a pair of vector functions, one case in each of FN(act_f) and FN(act_d), and
 * one row in each of FN(act_forward) and FN(act_backward).
 *   f(z)     the activation
 *   d(a, g)  g * f'(z), written in terms of a = f(z)
 */

FMLP_INLINE VT FN(logistic_d)(VT a, VT g) {
    return V(mul)(g, V(mul)(a, V(sub)(V(set1)(1), a)));
}

FMLP_INLINE VT FN(tanh_d)(VT a, VT g) { return V(mul)(g, V(fnma)(a, a, V(set1)(1))); }

/* max returns its second operand for NaN. */
FMLP_INLINE VT FN(relu_f)(VT z) { return V(max)(V(zero)(), z); }
FMLP_INLINE VT FN(relu_d)(VT a, VT g) { return V(sel)(V(eq)(a, V(zero)()), V(zero)(), g); }

FMLP_INLINE VT FN(act_f)(int act, VT z) {
    switch (act) {
    case FMLP_ACT_LOGISTIC: return FN(vlogistic)(z);
    case FMLP_ACT_TANH: return FN(vtanh)(z);
    case FMLP_ACT_RELU: return FN(relu_f)(z);
    default: return z;
    }
}

FMLP_INLINE VT FN(act_d)(int act, VT a, VT g) {
    switch (act) {
    case FMLP_ACT_LOGISTIC: return FN(logistic_d)(a, g);
    case FMLP_ACT_TANH: return FN(tanh_d)(a, g);
    case FMLP_ACT_RELU: return FN(relu_d)(a, g);
    default: return g;
    }
}

FMLP_INLINE void FN(act_f_block)(int act, ptrdiff_t m, ptrdiff_t n, T *a, ptrdiff_t lda) {
    if (lda == n) n *= m, m = 1; /* no gaps: one long row */
    for (; m > 0; m--, a += lda) {
        ptrdiff_t j = 0;
        for (; j + LANES <= n; j += LANES) V(store)(a + j, FN(act_f)(act, V(load)(a + j)));
        if (j < n) {
            const int rest = (int)(n - j);
            V(store_n)(a + j, FN(act_f)(act, V(load_n)(a + j, rest)), rest);
        }
    }
}

FMLP_INLINE void FN(act_d_block)(int act, ptrdiff_t m, ptrdiff_t n, const T *a, ptrdiff_t lda,
                                 T *d, ptrdiff_t ldd) {
    if (lda == n && ldd == n) n *= m, m = 1;
    for (; m > 0; m--, a += lda, d += ldd) {
        ptrdiff_t j = 0;
        for (; j + LANES <= n; j += LANES) {
            V(store)(d + j, FN(act_d)(act, V(load)(a + j), V(load)(d + j)));
        }
        if (j < n) {
            const int rest = (int)(n - j);
            V(store_n)(d + j, FN(act_d)(act, V(load_n)(a + j, rest), V(load_n)(d + j, rest)), rest);
        }
    }
}

/* a <- f(a); act: enum fmlp_act */
static void FN(act_forward)(int act, ptrdiff_t m, ptrdiff_t n, T *a /* (m, n), ld lda */,
                            ptrdiff_t lda) {
    switch (act) { /* a constant act in each row makes a loop without branches of it */
    case FMLP_ACT_LOGISTIC: FN(act_f_block)(FMLP_ACT_LOGISTIC, m, n, a, lda); break;
    case FMLP_ACT_TANH: FN(act_f_block)(FMLP_ACT_TANH, m, n, a, lda); break;
    case FMLP_ACT_RELU: FN(act_f_block)(FMLP_ACT_RELU, m, n, a, lda); break;
    default: break; /* identity */
    }
}

/* d <- d * f'(z) with a = f(z) */
static void FN(act_backward)(int act, ptrdiff_t m, ptrdiff_t n,
                             const T *a /* (m, n), ld lda */, ptrdiff_t lda,
                             T *d /* (m, n), ld ldd */, ptrdiff_t ldd) {
    switch (act) {
    case FMLP_ACT_LOGISTIC: FN(act_d_block)(FMLP_ACT_LOGISTIC, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_TANH: FN(act_d_block)(FMLP_ACT_TANH, m, n, a, lda, d, ldd); break;
    case FMLP_ACT_RELU: FN(act_d_block)(FMLP_ACT_RELU, m, n, a, lda, d, ldd); break;
    default: break;
    }
}
