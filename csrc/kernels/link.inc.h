/* link.inc.h - elementwise output activations with what a loss needs of them: needs special.inc.h.
 * Softmax, which is not elementwise, is in loss_classification.inc.h. */

/* log(1 + exp(z)) */
FMLP_INLINE VT FN(vsoftplus)(VT z) {
    const VT t = FN(vexp)(V(neg)(V(abs)(z)));
    return V(add)(V(max)(V(zero)(), z), FN(vlog1p)(t));
}

FMLP_INLINE VT FN(link_value)(int output, VT z) {
    switch (output) {
    case FMLP_OUT_LOGISTIC: return FN(vlogistic)(z);
    case FMLP_OUT_EXP: return FN(vexp)(z);
    case FMLP_OUT_TANH: return FN(vtanh)(z);
    case FMLP_OUT_SOFTPLUS: return FN(vsoftplus)(z);
    default: return z;
    }
}

/* A prediction m(z). */
struct FN(link) {
    VT m, dm;          /* value and derivative; */
    VT log_m, dlog_m;  /* of log m as well where m is positive: good where m underflows, too */
};

FMLP_INLINE struct FN(link) FN(link)(int output, VT z) {
    struct FN(link) l = {z, V(set1)(1), V(zero)(), V(zero)()};
    switch (output) {
    case FMLP_OUT_LOGISTIC:
        l.m = FN(vlogistic)(z);
        l.dm = V(mul)(l.m, FN(vlogistic)(V(neg)(z)));
        break;
    case FMLP_OUT_EXP:
        l.m = l.dm = FN(vexp)(z);
        break;
    case FMLP_OUT_TANH:
        l.m = FN(vtanh)(z);
        l.dm = V(fnma)(l.m, l.m, l.dm);
        break;
    case FMLP_OUT_SOFTPLUS:
        l.m = FN(vsoftplus)(z);
        l.dm = FN(vlogistic)(z);
        break;
    default: break;
    }
    return l;
}

FMLP_INLINE struct FN(link) FN(positive_link)(int output, VT z) {
    struct FN(link) l = FN(link)(output, z);
    switch (output) {
    case FMLP_OUT_LOGISTIC: /* 1 / m = 1 + exp(-z) */
        l.log_m = V(neg)(FN(vsoftplus)(V(neg)(z)));
        l.dlog_m = FN(vlogistic)(V(neg)(z));
        break;
    case FMLP_OUT_SOFTPLUS: { /* exp(z) far to the left */
        const VM left = V(lt)(z, V(set1)(FMLP_IS_F32 ? -50 : -400));
        l.log_m = V(sel)(left, z, FN(vlog)(l.m));
        l.dlog_m = V(sel)(left, V(set1)(1), V(div)(l.dm, l.m));
        break;
    }
    default: /* exp */
        l.log_m = z;
        l.dlog_m = V(set1)(1);
        break;
    }
    return l;
}
