/* loss_regression.inc.h - losses of numbers, one target and one prediction m = link(z) at a time.
 * Needs link.inc.h and targets.inc.h. A loss returns its value and writes d loss / d z to *dz; its
 * constants are such that a perfect prediction costs nothing, but for gaussian_nll. At kinks the
 * derivative is 0. */

/* x log(y), 0 where x is 0 */
FMLP_INLINE VT FN(xlogy)(VT x, VT y) {
    return V(sel)(V(eq)(x, V(zero)()), V(zero)(), V(mul)(x, FN(vlog)(y)));
}

/* x y, 0 where x is 0 */
FMLP_INLINE VT FN(product)(VT x, VT y) {
    return V(sel)(V(eq)(x, V(zero)()), V(zero)(), V(mul)(x, y));
}

/* ------------------------------------------------------------- of the residual m - y */
FMLP_INLINE VT FN(squared_error)(const struct FN(link) *l, VT y, VT *dz) {
    const VT d = V(sub)(l->m, y);
    *dz = V(mul)(d, l->dm);
    return V(mul)(V(set1)((T)0.5), V(mul)(d, d));
}

FMLP_INLINE VT FN(absolute_error)(const struct FN(link) *l, VT y, VT *dz) {
    const VT d = V(sub)(l->m, y), zero = V(zero)();
    /* at 0 and NaN the residual itself */
    const VT sign = V(sel)(V(gt)(d, zero), V(set1)(1), V(sel)(V(lt)(d, zero), V(set1)(-1), d));
    *dz = V(mul)(sign, l->dm);
    return V(abs)(d);
}

/* Huber 1964: d^2 / 2 up to delta, then a straight line */
FMLP_INLINE VT FN(huber)(const struct FN(link) *l, VT y, VT delta, VT *dz) {
    const VT half = V(set1)((T)0.5), d = V(sub)(l->m, y), size = V(abs)(d);
    const VM far = V(gt)(size, delta);
    *dz = V(mul)(V(sel)(far, V(xorsign)(delta, d), d), l->dm);
    return V(sel)(far, V(mul)(delta, V(fnma)(half, delta, size)), V(mul)(half, V(mul)(d, d)));
}

/* log cosh d = |d| + log(1 + exp(-2 |d|)) - log 2 */
FMLP_INLINE VT FN(log_cosh)(const struct FN(link) *l, VT y, VT *dz) {
    const VT d = V(sub)(l->m, y), size = V(abs)(d);
    *dz = V(mul)(FN(vtanh)(d), l->dm);
    const VT rest = FN(vlog1p)(FN(vexp)(V(mul)(V(set1)(-2), size)));
    return V(add)(size, V(sub)(rest, V(set1)((T)0.69314718055994530942)));
}

/* Koenker & Bassett 1978: q (y - m) below the target, (1 - q) (m - y) above */
FMLP_INLINE VT FN(quantile)(const struct FN(link) *l, VT y, VT q, VT *dz) {
    const VT d = V(sub)(l->m, y), zero = V(zero)(), above = V(sub)(V(set1)(1), q);
    const VT slope = V(sel)(V(gt)(d, zero), above, V(sel)(V(lt)(d, zero), V(neg)(q), d));
    *dz = V(mul)(slope, l->dm);
    return V(mul)(slope, d);
}

/* ------------------------------------------------- half deviances; m is a positive mean */

/* y log(y / m) - y + m */
FMLP_INLINE VT FN(poisson)(const struct FN(link) *l, VT y, VT *dz) {
    *dz = V(fnma)(y, l->dlog_m, l->dm);
    const VT log_ratio = V(sub)(FN(xlogy)(y, y), FN(product)(y, l->log_m));
    return V(add)(log_ratio, V(sub)(l->m, y));
}

/* y / m - log(y / m) - 1 */
FMLP_INLINE VT FN(gamma)(const struct FN(link) *l, VT y, VT *dz) {
    const VT ratio = V(div)(y, l->m), one = V(set1)(1);
    *dz = V(mul)(l->dlog_m, V(sub)(one, ratio));
    return V(add)(V(sub)(ratio, one), V(sub)(l->log_m, FN(vlog)(y)));
}

/* max(y, 0)^(2-p) / (1-p) / (2-p) - y m^(1-p) / (1-p) + m^(2-p) / (2-p): Jorgensen 1987. Powers
 * 0, 1 and 2 are its limits: squared error, poisson, gamma. */
FMLP_INLINE VT FN(tweedie)(const struct FN(link) *l, VT y, T p, VT *dz) {
    if (p == 0) return FN(squared_error)(l, y, dz);
    if (p == 1) return FN(poisson)(l, y, dz);
    if (p == 2) return FN(gamma)(l, y, dz);
    const T a = 1 - p, b = 2 - p;
    const VT zero = V(zero)(), ia = V(set1)(1 / a), ib = V(set1)(1 / b);
    const VT low = FN(vexp)(V(mul)(V(set1)(a), l->log_m)); /* m^(1-p) */
    const VT yb = FN(vexp)(V(mul)(V(set1)(b), FN(vlog)(y)));
    const VT constant = V(sel)(V(gt)(y, zero), V(mul)(V(mul)(yb, ia), ib), zero);
    if (p < 0) { /* both powers overflow together */
        *dz = V(mul)(V(mul)(low, V(sub)(l->m, y)), l->dlog_m);
        return V(fma)(low, V(sub)(V(mul)(l->m, ib), V(mul)(y, ia)), constant);
    }
    /* where m goes to 0 and p > 2, m^(1-p) goes to infinity first, and is to win */
    const VT most = V(set1)(p > 2 ? (FMLP_IS_F32 ? 88 : 709) : (T)INFINITY);
    const VT high = FN(vexp)(V(min)(most, V(mul)(V(set1)(b), l->log_m))); /* m^(2-p) */
    const VT ylow = FN(product)(y, low);
    *dz = V(mul)(V(sub)(high, ylow), l->dlog_m);
    return V(add)(V(sub)(V(mul)(high, ib), V(mul)(ylow, ia)), constant);
}

/* ------------------------------------------------------------------- loops over outputs */

/* 1/2 mean_j (z_j - y_j)^2 with the derivative z - y: scikit-learn leaves 1 / n out of it */
FMLP_INLINE VT FN(loss_squared_error)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        z[j] = V(sub)(z[j], FN(target)(y, j));
        sum = V(fma)(z[j], z[j], sum);
    }
    return V(div)(V(mul)(V(set1)((T)0.5), sum), V(set1)((T)n));
}

/* y log(y / m) - y + m with m = exp(z), rounded as in scikit-learn's MLP while m is normal */
FMLP_INLINE VT FN(loss_poisson_exp)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    const VT tiny = V(set1)(FMLP_IS_F32 ? (T)0x1p-126 : (T)0x1p-1022), inf = V(set1)((T)INFINITY);
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(target)(y, j), mean = FN(vexp)(z[j]);
        const VM extreme = V(mor)(V(lt)(mean, tiny), V(eq)(mean, inf));
        VT log_ratio = FN(xlogy)(yj, V(div)(yj, mean));
        if (V(any)(extreme))
            log_ratio = V(sel)(extreme, V(sub)(FN(xlogy)(yj, yj), V(mul)(yj, z[j])), log_ratio);
        z[j] = V(sub)(mean, yj);
        sum = V(add)(sum, V(add)(log_ratio, z[j]));
    }
    return sum;
}

/* Nix & Weigend 1994: s / 2 + (y - m)^2 exp(-s) / 2, s = log of the variance. s is cut at the
 * variance 1e-6, as PyTorch's GaussianNLLLoss does, and at exp(80); beyond, the derivative by s
 * is that at the cut, so that s comes back. */
FMLP_INLINE VT FN(loss_gaussian_nll)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    const VT half = V(set1)((T)0.5), lowest = V(set1)((T)-13.815510557964274);
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n / 2; j++) {
        VT *mean = &z[j], *log_variance = &z[n / 2 + j];
        const VT d = V(sub)(*mean, FN(target)(y, j));
        const VT s = V(min)(V(set1)(80), V(max)(lowest, *log_variance));
        const VT scaled = V(mul)(d, FN(vexp)(V(neg)(s))), square = V(mul)(d, scaled);
        *mean = scaled;
        *log_variance = V(mul)(half, V(sub)(V(set1)(1), square));
        sum = V(fma)(half, V(add)(s, square), sum);
    }
    return sum;
}

FMLP_INLINE VT FN(loss_residual)(const fmlp_head *h, VT z, VT y, T arg, VT *dz) {
    const struct FN(link) l = FN(link)(h->output, z);
    switch (h->loss) {
    case FMLP_LOSS_ABSOLUTE_ERROR: return FN(absolute_error)(&l, y, dz);
    case FMLP_LOSS_HUBER: return FN(huber)(&l, y, V(set1)(arg), dz);
    case FMLP_LOSS_LOG_COSH: return FN(log_cosh)(&l, y, dz);
    case FMLP_LOSS_QUANTILE: return FN(quantile)(&l, y, V(set1)(arg), dz);
    default: return FN(squared_error)(&l, y, dz);
    }
}

FMLP_INLINE VT FN(loss_deviance)(const fmlp_head *h, VT z, VT y, T arg, VT *dz) {
    const struct FN(link) l = FN(positive_link)(h->output, z);
    switch (h->loss) {
    case FMLP_LOSS_GAMMA: return FN(gamma)(&l, y, dz);
    case FMLP_LOSS_TWEEDIE: return FN(tweedie)(&l, y, arg, dz);
    default: return FN(poisson)(&l, y, dz);
    }
}

/* Any loss with any output activation: the sum over outputs. Of the squared error the mean, as
 * above. */
static VT FN(loss_regression)(const fmlp_head *h, ptrdiff_t n, VT *z,
                              const struct FN(targets) *y) {
    const int deviance = h->loss == FMLP_LOSS_POISSON || h->loss == FMLP_LOSS_GAMMA ||
                         h->loss == FMLP_LOSS_TWEEDIE;
    const ptrdiff_t n_levels = h->loss == FMLP_LOSS_QUANTILE ? h->n_loss_args : 1;
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        const T arg = h->n_loss_args ? (T)h->loss_args[j % n_levels] : 0;
        const VT yj = FN(target)(y, j / n_levels);
        sum = V(add)(sum, deviance ? FN(loss_deviance)(h, z[j], yj, arg, &z[j])
                                   : FN(loss_residual)(h, z[j], yj, arg, &z[j]));
    }
    return h->loss == FMLP_LOSS_SQUARED_ERROR ? V(div)(sum, V(set1)((T)n)) : sum;
}
