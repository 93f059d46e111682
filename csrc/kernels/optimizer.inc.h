/* optimizer.inc.h - one update rule over a run of parameters; n is a multiple of LANES.
 *
 * A rule sees the finished gradient g of one vector of parameters w and its state. Adding one is
 * one enum value, one inline function, one line of rule_step and one row of the switch. What
 * changes from step to step but not from weight to weight is computed in core/solvers.c.
 */

struct FN(rule_const) {
    VT scale, alpha, lr, momentum, beta_1, beta_2, one_beta_1, one_beta_2, eps, rho, one_rho;
    VT step, step_gradient, root, mix, decay, one_decay, threshold, minus_threshold;
};

/* v = momentum * v - lr * g;  w += v, or momentum * v - lr * g with Nesterov (Sutskever 2013) */
FMLP_INLINE VT FN(rule_sgd)(VT w, VT g, T *v, int nesterov, const struct FN(rule_const) *c) {
    const VT step = V(mul)(c->lr, g);
    VT u = V(sub)(V(mul)(c->momentum, V(load)(v)), step);
    V(store)(v, u);
    if (nesterov) u = V(sub)(V(mul)(c->momentum, u), step);
    return V(add)(w, u);
}

/* mean <- beta * mean + one_beta * x */
FMLP_INLINE VT FN(moment)(T *mean, VT beta, VT one_beta, VT x) {
    const VT next = V(fma)(beta, V(load)(mean), V(mul)(one_beta, x));
    V(store)(mean, next);
    return next;
}

/* Kingma & Ba 2014, algorithm 1 in the form at the end of section 2: epsilon outside the bias
 * correction, which is in lr */
FMLP_INLINE VT FN(rule_adam)(VT w, VT g, T *m, T *v, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT v1 = FN(moment)(v, c->beta_2, c->one_beta_2, V(mul)(g, g));
    return V(sub)(w, V(div)(V(mul)(c->lr, m1), V(add)(V(sqrt)(v1), c->eps)));
}

/* w - step * m / (root * sqrt(v) + eps) */
FMLP_INLINE VT FN(moments_step)(VT w, VT m, VT v, const struct FN(rule_const) *c) {
    const VT below = V(fma)(c->root, V(sqrt)(v), c->eps);
    return V(sub)(w, V(div)(V(mul)(c->step, m), below));
}

/* Algorithm 1 itself, epsilon inside, as in PyTorch: AdamW and RAdam (Liu et al. 2020), whose
 * first steps have root = 0 and eps = 1: no second moment */
FMLP_INLINE VT FN(rule_moments)(VT w, VT g, T *m, T *v, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT v1 = FN(moment)(v, c->beta_2, c->one_beta_2, V(mul)(g, g));
    return FN(moments_step)(w, m1, v1, c);
}

/* The largest v so far in place of v: Reddi, Kale & Kumar 2018 */
FMLP_INLINE VT FN(rule_amsgrad)(VT w, VT g, T *m, T *v, T *most, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT v1 = FN(moment)(v, c->beta_2, c->one_beta_2, V(mul)(g, g));
    const VT top = V(max)(V(load)(most), v1);
    V(store)(most, top);
    return FN(moments_step)(w, m1, top, c);
}

/* Dozat 2016: w -= (step_gradient * g + step * m) / (root * sqrt(v) + eps) */
FMLP_INLINE VT FN(rule_nadam)(VT w, VT g, T *m, T *v, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT v1 = FN(moment)(v, c->beta_2, c->one_beta_2, V(mul)(g, g));
    const VT below = V(fma)(c->root, V(sqrt)(v1), c->eps);
    return V(sub)(w, V(div)(V(fma)(c->step_gradient, g, V(mul)(c->step, m1)), below));
}

/* Kingma & Ba 2014, algorithm 2: u = max(beta_2 * u, |g| + eps);  w -= step * m / u */
FMLP_INLINE VT FN(rule_adamax)(VT w, VT g, T *m, T *u, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT u1 = V(max)(V(mul)(c->beta_2, V(load)(u)), V(add)(V(abs)(g), c->eps));
    V(store)(u, u1);
    return V(sub)(w, V(div)(V(mul)(c->step, m1), u1));
}

/* Duchi, Hazan & Singer 2011: s += g * g;  w -= lr * g / (sqrt(s) + eps) */
FMLP_INLINE VT FN(rule_adagrad)(VT w, VT g, T *s, const struct FN(rule_const) *c) {
    const VT s1 = V(fma)(g, g, V(load)(s));
    V(store)(s, s1);
    return V(sub)(w, V(div)(V(mul)(c->lr, g), V(add)(V(sqrt)(s1), c->eps)));
}

/* Zeiler 2012: d = g * sqrt((mean of d * d) + eps) / sqrt((mean of g * g) + eps);  w -= lr * d */
FMLP_INLINE VT FN(rule_adadelta)(VT w, VT g, T *s, T *a, const struct FN(rule_const) *c) {
    const VT s1 = FN(moment)(s, c->rho, c->one_rho, V(mul)(g, g));
    const VT ratio = V(div)(V(add)(V(load)(a), c->eps), V(add)(s1, c->eps));
    const VT d = V(mul)(V(sqrt)(ratio), g);
    FN(moment)(a, c->rho, c->one_rho, V(mul)(d, d));
    return V(fnma)(c->lr, d, w);
}

/* Hinton 2012: s = mean of g * g;  w -= lr * g / (sqrt(s) + eps) */
FMLP_INLINE VT FN(rule_rmsprop)(VT w, VT g, T *s, const struct FN(rule_const) *c) {
    const VT s1 = FN(moment)(s, c->rho, c->one_rho, V(mul)(g, g));
    return V(sub)(w, V(div)(V(mul)(c->lr, g), V(add)(V(sqrt)(s1), c->eps)));
}

/* size with the sign of x; 0 where x is 0, NaN where it is NaN */
FMLP_INLINE VT FN(signed)(VT size, VT x) {
    const VT no_sign = V(mul)(x, V(zero)());
    return V(sel)(V(gt)(V(abs)(x), V(zero)()), V(xorsign)(size, x), no_sign);
}

/* Chen et al. 2023: w -= lr * sign(beta_1 * m + (1 - beta_1) * g), then m with beta_2 */
FMLP_INLINE VT FN(rule_lion)(VT w, VT g, T *m, const struct FN(rule_const) *c) {
    const VT direction = V(fma)(c->beta_1, V(load)(m), V(mul)(c->one_beta_1, g));
    FN(moment)(m, c->beta_2, c->one_beta_2, g);
    return V(sub)(w, FN(signed)(c->lr, direction));
}

/* Zhuang et al. 2020: s = mean of (g - m)^2, plus eps every step */
FMLP_INLINE VT FN(rule_adabelief)(VT w, VT g, T *m, T *s, const struct FN(rule_const) *c) {
    const VT m1 = FN(moment)(m, c->beta_1, c->one_beta_1, g);
    const VT off = V(sub)(g, m1);
    const VT s1 = V(fma)(c->beta_2, V(load)(s), V(fma)(c->one_beta_2, V(mul)(off, off), c->eps));
    V(store)(s, s1);
    return FN(moments_step)(w, m1, s1, c);
}

/* |w| less the threshold, and exactly 0 where that is less than 0 */
FMLP_INLINE VT FN(soft)(VT w, const struct FN(rule_const) *c) {
    const VT inner = V(min)(V(max)(c->minus_threshold, w), c->threshold);
    return V(sub)(w, inner);
}

/* Defazio et al. 2024 in the form of AdamW; w is y, where gradients are taken:
 *   z -= lr * g / (root * sqrt(v) + eps) + lr * weight_decay * y;  x += mix * (z - x);
 *   y = (1 - beta_1) * z + beta_1 * x */
FMLP_INLINE VT FN(rule_schedulefree)(VT y, VT g, T *z, T *v, T *x,
                                     const struct FN(rule_const) *c) {
    const VT v1 = FN(moment)(v, c->beta_2, c->one_beta_2, V(mul)(g, g));
    const VT step = V(div)(V(mul)(c->lr, g), V(fma)(c->root, V(sqrt)(v1), c->eps));
    const VT z1 = FN(soft)(V(fnma)(c->one_decay, y, V(sub)(V(load)(z), step)), c);
    const VT x0 = V(load)(x), x1 = V(fma)(c->mix, V(sub)(z1, x0), x0);
    V(store)(z, z1);
    V(store)(x, x1);
    return V(fma)(c->beta_1, x1, V(mul)(c->one_beta_1, z1));
}

/* Keller Jordan 2024, Nesterov momentum of a weight matrix: u = g + momentum * (m - g) with
 * m += (1 - momentum) * (g - m). core/muon.c takes the step from u. */
FMLP_INLINE VT FN(rule_muon)(VT w, VT g, T *m, T *u, const struct FN(rule_const) *c) {
    const VT before = V(load)(m), m1 = V(fma)(c->momentum, V(sub)(before, g), g);
    V(store)(m, m1);
    V(store)(u, V(fma)(c->momentum, V(sub)(m1, g), g));
    return w;
}

/* iRprop- of Igel & Huesken 2000: a step grows while the gradient keeps its sign; when that
 * changes it shrinks, and nothing else is done. The first step has the size `step`, mix being 0,
 * later ones the size they had, mix being 1 and step 0. */
FMLP_INLINE VT FN(rule_rprop)(VT w, VT g, T *before, T *size, const struct FN(rule_const) *c) {
    const VT zero = V(zero)(), turn = FN(signed)(g, V(load)(before)); /* sign of the product */
    const VT factor = V(sel)(V(gt)(turn, zero), V(set1)((T)1.2),
                             V(sel)(V(lt)(turn, zero), V(set1)((T)0.5), V(set1)(1)));
    const VT grown = V(mul)(V(fma)(c->mix, V(load)(size), c->step), factor);
    const VT now = V(min)(V(max)(V(set1)((T)1e-6), grown), V(set1)(50));
    const VT used = V(sel)(V(lt)(turn, zero), zero, g);
    V(store)(size, now);
    V(store)(before, used);
    return V(sub)(w, FN(signed)(now, used));
}

/* The weights w after one step; state at element i of s[0], s[1] ... */
FMLP_INLINE VT FN(rule_step)(const int rule, VT w, VT g, void *const *s, ptrdiff_t i, int nesterov,
                             const struct FN(rule_const) *c) {
    T *const s0 = (T *)s[0] + i;
    switch (rule) { /* a constant */
    case FMLP_RULE_GRADIENT: V(store)(s0, g); return w;
    case FMLP_RULE_DESCENT: return V(fnma)(c->lr, g, w);
    case FMLP_RULE_SGD: return FN(rule_sgd)(w, g, s0, nesterov, c);
    case FMLP_RULE_ADAM: return FN(rule_adam)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_MOMENTS: return FN(rule_moments)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_AMSGRAD: return FN(rule_amsgrad)(w, g, s0, (T *)s[1] + i, (T *)s[2] + i, c);
    case FMLP_RULE_NADAM: return FN(rule_nadam)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_ADAMAX: return FN(rule_adamax)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_ADAGRAD: return FN(rule_adagrad)(w, g, s0, c);
    case FMLP_RULE_ADADELTA: return FN(rule_adadelta)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_RMSPROP: return FN(rule_rmsprop)(w, g, s0, c);
    case FMLP_RULE_LION: return FN(rule_lion)(w, g, s0, c);
    case FMLP_RULE_ADABELIEF: return FN(rule_adabelief)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_MUON: return FN(rule_muon)(w, g, s0, (T *)s[1] + i, c);
    case FMLP_RULE_SCHEDULEFREE:
        return FN(rule_schedulefree)(w, g, s0, (T *)s[1] + i, (T *)s[2] + i, c);
    case FMLP_RULE_RPROP: return FN(rule_rprop)(w, g, s0, (T *)s[1] + i, c);
    default: return w;
    }
}

/* g: the sum over the rows; penalty: with alpha * w */
FMLP_INLINE VT FN(finished)(VT g, VT w, int penalty, const struct FN(rule_const) *c) {
    return V(mul)(penalty ? V(fma)(c->alpha, w, g) : g, c->scale);
}

/* Elements: with Adam some 60 ns, where a line from another core takes 90. */
enum { FN(RULE_AHEAD) = 16 * LANES };

/* In a step all cores read the weights; the one that writes them takes the lines from the others
 * beforehand, by writing what is there (prefetchw leaves a line shared that it has a copy of, on Zen
 * 4), and many at once: one by one they save nothing. Whole vectors: a load of more than was stored
 * would wait. */
enum { FN(LINE) = 64 / (int)sizeof(T), FN(RULE_TAKES) = 32 * FN(LINE) };

FMLP_INLINE void FN(take_lines)(T *w, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n && i < FN(RULE_TAKES); i += FN(LINE)) {
        const VT v = V(load)(w + i);
        FMLP_CHANGED(w[i]); /* or the compiler would leave it out */
        V(store)(w + i, v);
    }
}

/* shrink: with weight decay before the step and the l1 threshold after it. */
FMLP_INLINE double FN(rule_loop)(const int rule, const int shrink, ptrdiff_t n, const T *g, T *w,
                                 void *const *s, const struct fmlp_rule_args *args,
                                 const struct FN(rule_const) *c) {
    const T *more = args->more;
    const int penalty = args->alpha != 0, nesterov = args->nesterov;
    const int writes = rule != FMLP_RULE_GRADIENT && rule != FMLP_RULE_MUON;
    VT squares = V(zero)();
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        if (writes && i % FN(RULE_TAKES) == 0) FN(take_lines)(w + i, n - i);
        VT sum = V(load)(g + i);
        if (more) { /* often another core's */
            FMLP_PREFETCH(more + (i + FN(RULE_AHEAD) < n ? i + FN(RULE_AHEAD) : i));
            sum = V(add)(sum, V(load)(more + i));
        }
        const VT wi = V(load)(w + i), gi = FN(finished)(sum, wi, penalty, c);
        if (penalty) squares = V(fma)(wi, wi, squares);
        VT next = FN(rule_step)(rule, shrink ? V(mul)(c->decay, wi) : wi, gi, s, i, nesterov, c);
        if (shrink) next = FN(soft)(next, c);
        if (writes) V(store)(w + i, next);
    }
    return penalty ? (double)V(hsum)(squares) : 0;
}

/* Rules that leave the weights alone have nothing to shrink, SCHEDULEFREE shrinks its own z. */
FMLP_INLINE double FN(rule_run)(const int rule, const struct fmlp_rule_args *args, ptrdiff_t n,
                                const T *g, T *w, void *const *s, const struct FN(rule_const) *c) {
    const int own = rule == FMLP_RULE_GRADIENT || rule == FMLP_RULE_MUON ||
                    rule == FMLP_RULE_SCHEDULEFREE;
    if (own || (args->decay == 1 && args->threshold == 0))
        return FN(rule_loop)(rule, 0, n, g, w, s, args, c);
    return FN(rule_loop)(rule, 1, n, g, w, s, args, c);
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
        .eps = V(set1)((T)args->epsilon),
        .rho = V(set1)((T)args->rho),
        .one_rho = V(set1)((T)(1 - args->rho)),
        .step = V(set1)((T)args->step),
        .step_gradient = V(set1)((T)args->step_gradient),
        .root = V(set1)((T)args->root),
        .mix = V(set1)((T)args->mix),
        .decay = V(set1)((T)args->decay),
        .one_decay = V(set1)((T)(1 - args->decay)),
        .threshold = V(set1)((T)args->threshold),
        .minus_threshold = V(set1)((T)-args->threshold)};
    switch (rule) { /* a constant rule in each row makes a loop without branches of it */
    case FMLP_RULE_GRADIENT: return FN(rule_run)(FMLP_RULE_GRADIENT, args, n, g, w, s, &c);
    case FMLP_RULE_DESCENT: return FN(rule_run)(FMLP_RULE_DESCENT, args, n, g, w, s, &c);
    case FMLP_RULE_SGD: return FN(rule_run)(FMLP_RULE_SGD, args, n, g, w, s, &c);
    case FMLP_RULE_ADAM: return FN(rule_run)(FMLP_RULE_ADAM, args, n, g, w, s, &c);
    case FMLP_RULE_MOMENTS: return FN(rule_run)(FMLP_RULE_MOMENTS, args, n, g, w, s, &c);
    case FMLP_RULE_AMSGRAD: return FN(rule_run)(FMLP_RULE_AMSGRAD, args, n, g, w, s, &c);
    case FMLP_RULE_NADAM: return FN(rule_run)(FMLP_RULE_NADAM, args, n, g, w, s, &c);
    case FMLP_RULE_ADAMAX: return FN(rule_run)(FMLP_RULE_ADAMAX, args, n, g, w, s, &c);
    case FMLP_RULE_ADAGRAD: return FN(rule_run)(FMLP_RULE_ADAGRAD, args, n, g, w, s, &c);
    case FMLP_RULE_ADADELTA: return FN(rule_run)(FMLP_RULE_ADADELTA, args, n, g, w, s, &c);
    case FMLP_RULE_RMSPROP: return FN(rule_run)(FMLP_RULE_RMSPROP, args, n, g, w, s, &c);
    case FMLP_RULE_LION: return FN(rule_run)(FMLP_RULE_LION, args, n, g, w, s, &c);
    case FMLP_RULE_ADABELIEF: return FN(rule_run)(FMLP_RULE_ADABELIEF, args, n, g, w, s, &c);
    case FMLP_RULE_MUON: return FN(rule_run)(FMLP_RULE_MUON, args, n, g, w, s, &c);
    case FMLP_RULE_SCHEDULEFREE: return FN(rule_run)(FMLP_RULE_SCHEDULEFREE, args, n, g, w, s, &c);
    case FMLP_RULE_RPROP: return FN(rule_run)(FMLP_RULE_RPROP, args, n, g, w, s, &c);
    default: return 0;
    }
}

/* Sum of squares of the finished gradient, for its norm. */
static double FN(gradient_squares)(ptrdiff_t n, const void *g, const void *w,
                                   const struct fmlp_rule_args *args) {
    const struct FN(rule_const) c = {.scale = V(set1)((T)args->scale),
                                     .alpha = V(set1)((T)args->alpha)};
    VT squares = V(zero)();
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const VT wi = V(load)((const T *)w + i);
        const VT gi = FN(finished)(V(load)((const T *)g + i), wi, args->alpha != 0, &c);
        squares = V(fma)(gi, gi, squares);
    }
    return (double)V(hsum)(squares);
}

/* e += mix * (w - e) */
static void FN(average)(ptrdiff_t n, const void *w, void *e, double mix) {
    const VT m = V(set1)((T)mix);
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const VT ei = V(load)((const T *)e + i);
        V(store)((T *)e + i, V(fma)(m, V(sub)(V(load)((const T *)w + i), ei), ei));
    }
}

/* out = a * x + b * y */
static void FN(combine)(ptrdiff_t m, ptrdiff_t n, double a, const void *x, ptrdiff_t ldx, double b,
                        const void *y, ptrdiff_t ldy, void *out, ptrdiff_t ldo) {
    const VT va = V(set1)((T)a), vb = V(set1)((T)b);
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const VT ax = V(mul)(va, V(load)((const T *)x + i * ldx + j));
            V(store)((T *)out + i * ldo + j,
                     b == 0 ? ax : V(fma)(vb, V(load)((const T *)y + i * ldy + j), ax));
        }
    }
}

/* Factor that brings a norm down to limit, given its square; 1 for norms below, and for NaN. */
FMLP_INLINE VT FN(cap_factor)(VT squares, VT limit) {
    const VT norm = V(sqrt)(squares);
    return V(sel)(V(gt)(norm, limit), V(div)(limit, norm), V(set1)(1));
}

/* Columns of w (k, n), ld ldw, with a norm above limit are scaled down to it; n padded. */
static void FN(cap_columns)(ptrdiff_t k, ptrdiff_t n, void *w, ptrdiff_t ldw, double limit) {
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        T *const column = (T *)w + j;
        VT squares = V(zero)();
        for (ptrdiff_t i = 0; i < k; i++) {
            const VT x = V(load)(column + i * ldw);
            squares = V(fma)(x, x, squares);
        }
        const VT factor = FN(cap_factor)(squares, V(set1)((T)limit));
        if (!V(any)(V(ne)(factor, V(set1)(1)))) continue;
        for (ptrdiff_t i = 0; i < k; i++)
            V(store)(column + i * ldw, V(mul)(factor, V(load)(column + i * ldw)));
    }
}

/* The same for one contiguous run of n (padded) weights. */
static void FN(cap_row)(ptrdiff_t n, void *w, double limit) {
    T *const row = w;
    VT squares = V(zero)();
    for (ptrdiff_t i = 0; i < n; i += LANES) {
        const VT x = V(load)(row + i);
        squares = V(fma)(x, x, squares);
    }
    const VT factor = FN(cap_factor)(V(set1)(V(hsum)(squares)), V(set1)((T)limit));
    for (ptrdiff_t i = 0; i < n; i += LANES) V(store)(row + i, V(mul)(factor, V(load)(row + i)));
}
