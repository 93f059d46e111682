/* optimizer.inc.h - one update rule over a run of parameters; n is a multiple of LANES.
 *
 * A rule sees the finished gradient of one vector of parameters and their state. Adding one is one
 * enum value, one inline function, one line of rule_step and one row of the switch.
 */

struct FN(rule_const) {
    VT scale, alpha, lr, momentum, beta_1, beta_2, one_beta_1, one_beta_2, eps;
};

/* v = momentum * v - lr * g;  w += v, or momentum * v - lr * g with Nesterov (Sutskever 2013) */
FMLP_INLINE VT FN(rule_sgd)(VT w, VT g, T *v, int nesterov, const struct FN(rule_const) *c) {
    const VT step = V(mul)(c->lr, g);
    VT u = V(sub)(V(mul)(c->momentum, V(load)(v)), step);
    V(store)(v, u);
    if (nesterov) u = V(sub)(V(mul)(c->momentum, u), step);
    return V(add)(w, u);
}

/* Kingma & Ba 2014, algorithm 1 in the form at the end of section 2: epsilon outside the bias
 * correction, which is in lr */
FMLP_INLINE VT FN(rule_adam)(VT w, VT g, T *m, T *v, const struct FN(rule_const) *c) {
    const VT m1 = V(fma)(c->beta_1, V(load)(m), V(mul)(c->one_beta_1, g));
    const VT v1 = V(fma)(c->beta_2, V(load)(v), V(mul)(c->one_beta_2, V(mul)(g, g)));
    V(store)(m, m1);
    V(store)(v, v1);
    return V(sub)(w, V(div)(V(mul)(c->lr, m1), V(add)(V(sqrt)(v1), c->eps)));
}

/* The weights w after one step; state at element i of s[0], s[1] ... */
FMLP_INLINE VT FN(rule_step)(const int rule, VT w, VT g, void *const *s, ptrdiff_t i, int nesterov,
                             const struct FN(rule_const) *c) {
    T *const s0 = (T *)s[0] + i;
    switch (rule) { /* a constant */
    case FMLP_RULE_GRADIENT: V(store)(s0, g); return w;
    case FMLP_RULE_SGD: return FN(rule_sgd)(w, g, s0, nesterov, c);
    case FMLP_RULE_ADAM: return FN(rule_adam)(w, g, s0, (T *)s[1] + i, c);
    default: return w;
    }
}

FMLP_INLINE double FN(rule_run)(const int rule, const int penalty, ptrdiff_t n, const T *g, T *w,
                                void *const *s, int nesterov, const struct FN(rule_const) *c) {
    VT squares = V(zero)();
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const VT wi = V(load)(w + i);
        VT gi = V(load)(g + i);
        if (penalty) {
            gi = V(fma)(c->alpha, wi, gi);
            squares = V(fma)(wi, wi, squares);
        }
        gi = V(mul)(gi, c->scale);
        const VT next = FN(rule_step)(rule, wi, gi, s, i, nesterov, c);
        if (rule != FMLP_RULE_GRADIENT) V(store)(w + i, next);
    }
    return penalty ? (double)V(hsum)(squares) : 0;
}

static double FN(rule)(int rule, ptrdiff_t n, const void *g, void *w, void *const *s,
                       const struct fmlp_rule_args *args) {
    const struct FN(rule_const) c = {
        .scale = V(set1)((T)args->scale),
        .alpha = V(set1)((T)args->alpha),
        .lr = V(set1)((T)args->learning_rate),
        .momentum = V(set1)((T)args->momentum),
        .beta_1 = V(set1)((T)args->beta_1),
        .beta_2 = V(set1)((T)args->beta_2),
        .one_beta_1 = V(set1)((T)(1 - args->beta_1)),
        .one_beta_2 = V(set1)((T)(1 - args->beta_2)),
        .eps = V(set1)((T)args->epsilon)};
    const int penalty = args->alpha != 0;
    switch (rule) {
    case FMLP_RULE_GRADIENT:
        return FN(rule_run)(FMLP_RULE_GRADIENT, penalty, n, g, w, s, 0, &c);
    case FMLP_RULE_SGD:
        return FN(rule_run)(FMLP_RULE_SGD, penalty, n, g, w, s, args->nesterov, &c);
    case FMLP_RULE_ADAM:
        return FN(rule_run)(FMLP_RULE_ADAM, penalty, n, g, w, s, 0, &c);
    default: return 0;
    }
}
