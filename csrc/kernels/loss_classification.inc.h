/* loss_classification.inc.h - losses of probabilities p = softmax(z), or logistic(z) one by one;
 * needs targets.inc.h and link.inc.h. A loss returns its value and turns z into d loss / d z. */

FMLP_INLINE void FN(softmax)(ptrdiff_t n, VT *z) {
    VT top = z[0], sum = V(zero)();
    for (ptrdiff_t j = 1; j < n; j++) top = V(max)(top, z[j]);
    for (ptrdiff_t j = 0; j < n; j++) {
        z[j] = FN(vexp)(V(sub)(z[j], top));
        sum = V(add)(sum, z[j]);
    }
    for (ptrdiff_t j = 0; j < n; j++) z[j] = V(div)(z[j], sum);
}

/* z becomes log softmax(z) */
FMLP_INLINE void FN(log_softmax)(ptrdiff_t n, VT *z) {
    VT top = z[0], sum = V(zero)();
    for (ptrdiff_t j = 1; j < n; j++) top = V(max)(top, z[j]);
    for (ptrdiff_t j = 0; j < n; j++) {
        z[j] = V(sub)(z[j], top);
        sum = V(add)(sum, FN(vexp)(z[j]));
    }
    const VT log_sum = FN(vlog)(sum);
    for (ptrdiff_t j = 0; j < n; j++) z[j] = V(sub)(z[j], log_sum);
}

/* ------------------------------------------------------------- log loss: clipped like scikit-learn */
FMLP_INLINE VT FN(clip_probability)(VT p) {
    const T eps = FMLP_IS_F32 ? (T)1.1920928955078125e-07 : (T)2.220446049250313e-16;
    /* min and max keep their second operand when it is NaN */
    return V(min)(V(set1)(1 - eps), V(max)(V(set1)(eps), p));
}

/* n independent binary cross-entropies */
FMLP_INLINE VT FN(log_loss_logistic)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    const VT one = V(set1)(1);
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(label)(y, j, 2), p = FN(vlogistic)(z[j]), q = FN(clip_probability)(p);
        z[j] = V(sub)(p, yj);
        sum = V(sub)(sum, V(add)(FN(xlogy)(yj, q), FN(xlogy)(V(sub)(one, yj), V(sub)(one, q))));
    }
    return sum;
}

/* Row i's class in the group; rows beyond those in use repeat the first. */
FMLP_INLINE ptrdiff_t FN(class_of)(const struct FN(targets) *y, int i) {
    return y->classes[y->index[i < y->rows ? i : 0] * y->n_groups + y->group];
}

/* Of probabilities z and the class of each row: one logarithm a row. */
FMLP_INLINE VT FN(log_loss_class)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    T p[LANES];
    if (n <= 8) { /* elements written one by one are slow to read as a vector */
        for (int i = 0; i < LANES; i++) p[i] = (T)FN(class_of)(y, i);
        const VT class = V(load)(p), one = V(set1)(1);
        VT own = z[0];
        for (ptrdiff_t j = 0; j < n; j++) {
            const VM here = V(eq)(class, V(set1)((T)j));
            own = V(sel)(here, z[j], own);
            z[j] = V(sub)(z[j], V(sel)(here, one, V(zero)()));
        }
        return V(neg)(FN(vlog)(FN(clip_probability)(own)));
    }
    for (int i = 0; i < LANES; i++) {
        T *zi = (T *)z + FN(class_of)(y, i) * LANES + i;
        p[i] = *zi;
        *zi -= 1;
    }
    return V(neg)(FN(vlog)(FN(clip_probability)(V(load)(p))));
}

FMLP_INLINE VT FN(log_loss_softmax)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    FN(softmax)(n, z);
    if (y->classes && y->smoothing == 0) return FN(log_loss_class)(n, z, y);
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(label)(y, j, n);
        sum = V(sub)(sum, FN(xlogy)(yj, FN(clip_probability)(z[j])));
        z[j] = V(sub)(z[j], yj);
    }
    return sum;
}

/* --------------------------------------- focal: -(1 - p)^gamma log p, Lin et al. 2017, equation 4 */

/* Of one side, with q = 1 - p and the logarithms of both: the value. *slope: d value / d log p. */
FMLP_INLINE VT FN(focal)(VT p, VT q, VT log_p, VT log_q, T gamma, VT *slope) {
    const VT one = V(set1)(1);
    const VT power = gamma == 0 ? one : FN(vexp)(V(mul)(V(set1)(gamma), log_q)); /* q^gamma */
    /* d / d p = gamma q^(gamma-1) log p - q^gamma / p; log(p) / q goes to -1 where q goes to 0 */
    const VT ratio = V(sel)(V(eq)(q, V(zero)()), V(neg)(one), V(div)(log_p, q));
    *slope = V(mul)(power, V(sub)(V(mul)(V(set1)(gamma), V(mul)(p, ratio)), one));
    return V(neg)(V(mul)(power, log_p));
}

FMLP_INLINE VT FN(focal_logistic)(T gamma, ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yes = FN(label)(y, j, 2), no = V(sub)(V(set1)(1), yes), nz = V(neg)(z[j]);
        const VT p = FN(vlogistic)(z[j]), q = FN(vlogistic)(nz);
        const VT log_p = V(neg)(FN(vsoftplus)(nz)), log_q = V(neg)(FN(vsoftplus)(z[j]));
        VT slope_yes, slope_no;
        const VT a = FN(focal)(p, q, log_p, log_q, gamma, &slope_yes);
        const VT b = FN(focal)(q, p, log_q, log_p, gamma, &slope_no);
        /* d log p / d z = q, d log q / d z = -p */
        z[j] = V(sub)(V(mul)(V(mul)(yes, slope_yes), q), V(mul)(V(mul)(no, slope_no), p));
        sum = V(add)(sum, V(add)(V(mul)(yes, a), V(mul)(no, b)));
    }
    return sum;
}

FMLP_INLINE VT FN(focal_of_log)(VT log_p, T gamma, VT *p, VT *slope) {
    *p = V(min)(V(set1)(1), FN(vexp)(log_p)); /* log_p may round to a little more than 0 */
    const VT q = V(sub)(V(set1)(1), *p);
    return FN(focal)(*p, q, log_p, FN(vlog)(q), gamma, slope);
}

FMLP_INLINE VT FN(focal_softmax)(T gamma, ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)(), slopes = V(zero)(), p, slope;
    FN(log_softmax)(n, z);
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(label)(y, j, n), value = FN(focal_of_log)(z[j], gamma, &p, &slope);
        sum = V(fma)(yj, value, sum);
        slopes = V(fma)(yj, slope, slopes);
    }
    /* d log p_j / d z_k = (j == k) - p_k */
    for (ptrdiff_t k = 0; k < n; k++) {
        FN(focal_of_log)(z[k], gamma, &p, &slope);
        z[k] = V(fnma)(p, slopes, V(mul)(FN(label)(y, k, n), slope));
    }
    return sum;
}

/* ------------------------------------------------------- Brier 1950: 1/2 sum_j (p_j - y_j)^2 */
FMLP_INLINE VT FN(brier_logistic)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        const struct FN(link) l = FN(link)(FMLP_OUT_LOGISTIC, z[j]);
        sum = V(add)(sum, FN(squared_error)(&l, FN(label)(y, j, 2), &z[j]));
    }
    return sum;
}

FMLP_INLINE VT FN(brier_softmax)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)(), mean = V(zero)();
    FN(softmax)(n, z);
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT d = V(sub)(z[j], FN(label)(y, j, n));
        sum = V(fma)(d, d, sum);
        mean = V(fma)(d, z[j], mean);
    }
    /* d p_j / d z_k = p_j ((j == k) - p_k) */
    for (ptrdiff_t k = 0; k < n; k++) {
        const VT d = V(sub)(z[k], FN(label)(y, k, n));
        z[k] = V(mul)(z[k], V(sub)(d, mean));
    }
    return V(mul)(V(set1)((T)0.5), sum);
}

static VT FN(loss_classification)(const fmlp_head *h, ptrdiff_t n, VT *z,
                                  const struct FN(targets) *y) {
    const int softmax = h->output == FMLP_OUT_SOFTMAX;
    if (h->loss == FMLP_LOSS_FOCAL) {
        const T gamma = (T)h->loss_args[0];
        return softmax ? FN(focal_softmax)(gamma, n, z, y) : FN(focal_logistic)(gamma, n, z, y);
    }
    if (h->loss == FMLP_LOSS_BRIER)
        return softmax ? FN(brier_softmax)(n, z, y) : FN(brier_logistic)(n, z, y);
    return softmax ? FN(log_loss_softmax)(n, z, y) : FN(log_loss_logistic)(n, z, y);
}
