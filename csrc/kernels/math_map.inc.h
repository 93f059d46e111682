/* math_map.inc.h - the array door to math.inc.h and special.inc.h. */

FMLP_INLINE VT FN(math_vector)(int op, VT x) {
    VT unused;
    switch (op) {
    case FMLP_MATH_EXP: return FN(vexp)(x);
    case FMLP_MATH_LOG: return FN(vlog)(x);
    case FMLP_MATH_LOGISTIC: return FN(vlogistic)(x);
    case FMLP_MATH_TANH: return FN(vtanh)(x);
    case FMLP_MATH_EXPM1: return FN(vexpm1)(x);
    case FMLP_MATH_LOG1P: return FN(vlog1p)(x);
    case FMLP_MATH_NORMAL_CDF: return FN(vnormal_cdf)(x, &unused);
    default: return x;
    }
}

FMLP_INLINE void FN(math_loop)(int op, ptrdiff_t n, const T *x, T *y) {
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES) V(store)(y + i, FN(math_vector)(op, V(load)(x + i)));
    if (i < n) {
        const int rest = (int)(n - i);
        V(store_n)(y + i, FN(math_vector)(op, V(load_n)(x + i, rest)), rest);
    }
}

/* y[i] = op(x[i]) for i < n; op: enum fmlp_math_op; y may be x. */
static void FN(math_map)(int op, ptrdiff_t n, const T *x, T *y) {
    switch (op) { /* a constant op in each row makes a loop without branches of it */
    case FMLP_MATH_EXP: FN(math_loop)(FMLP_MATH_EXP, n, x, y); break;
    case FMLP_MATH_LOG: FN(math_loop)(FMLP_MATH_LOG, n, x, y); break;
    case FMLP_MATH_LOGISTIC: FN(math_loop)(FMLP_MATH_LOGISTIC, n, x, y); break;
    case FMLP_MATH_TANH: FN(math_loop)(FMLP_MATH_TANH, n, x, y); break;
    case FMLP_MATH_EXPM1: FN(math_loop)(FMLP_MATH_EXPM1, n, x, y); break;
    case FMLP_MATH_LOG1P: FN(math_loop)(FMLP_MATH_LOG1P, n, x, y); break;
    case FMLP_MATH_NORMAL_CDF: FN(math_loop)(FMLP_MATH_NORMAL_CDF, n, x, y); break;
    default: break;
    }
}
