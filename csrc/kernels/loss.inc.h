/* loss.inc.h - output activations and losses. Rows run in the lanes, LANES rows at a time, so a
 * loss reads like its formula for one row; column j of the group is scratch[j].
 *
 * A loss function turns the group's raw outputs z into d loss / d z and returns the rows' losses.
 * Constants and clipping as in scikit-learn's neural_network/_base.py, so that loss_curve_ agrees.
 */

struct FN(targets) { /* of LANES rows */
    const T *dense;          /* (n_rows, n) or NULL */
    const int32_t *classes;  /* (n_rows) or NULL */
    const ptrdiff_t *index;  /* (LANES) rows */
    int rows;                /* <= LANES used */
    ptrdiff_t n;
};

FMLP_INLINE VT FN(target)(const struct FN(targets) *y, ptrdiff_t j) {
    T v[LANES];
    for (int i = 0; i < LANES; i++) {
        const ptrdiff_t r = y->index[i < y->rows ? i : 0];
        v[i] = y->dense ? y->dense[r * y->n + j] : (T)(y->classes[r] == j);
    }
    return V(load)(v);
}

FMLP_INLINE void FN(softmax)(ptrdiff_t n, VT *z) {
    VT top = z[0], sum = V(zero)();
    for (ptrdiff_t j = 1; j < n; j++) top = V(max)(top, z[j]);
    for (ptrdiff_t j = 0; j < n; j++) {
        z[j] = FN(vexp)(V(sub)(z[j], top));
        sum = V(add)(sum, z[j]);
    }
    for (ptrdiff_t j = 0; j < n; j++) z[j] = V(div)(z[j], sum);
}

FMLP_INLINE VT FN(clip_probability)(VT p) {
    const T eps = FMLP_IS_F32 ? (T)1.1920928955078125e-07 : (T)2.220446049250313e-16;
    /* min and max keep their second operand when it is NaN */
    return V(min)(V(set1)(1 - eps), V(max)(V(set1)(eps), p));
}

/* x log(y), 0 where x is 0 */
FMLP_INLINE VT FN(xlogy)(VT x, VT y) {
    return V(sel)(V(eq)(x, V(zero)()), V(zero)(), V(mul)(x, FN(vlog)(y)));
}

/* 1/2 mean_j (z_j - y_j)^2 with the derivative z - y: scikit-learn leaves 1 / n out of it */
FMLP_INLINE VT FN(loss_squared_error)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        z[j] = V(sub)(z[j], FN(target)(y, j));
        sum = V(fma)(z[j], z[j], sum);
    }
    return V(div)(V(mul)(V(set1)((T)0.5), sum), V(set1)((T)n));
}

FMLP_INLINE VT FN(loss_poisson)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(target)(y, j), mean = FN(vexp)(z[j]);
        z[j] = V(sub)(mean, yj);
        sum = V(add)(sum, V(add)(FN(xlogy)(yj, V(div)(yj, mean)), z[j]));
    }
    return sum;
}

/* n independent binary cross-entropies */
FMLP_INLINE VT FN(loss_log_logistic)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    const VT one = V(set1)(1);
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(target)(y, j), p = FN(vlogistic)(z[j]), q = FN(clip_probability)(p);
        z[j] = V(sub)(p, yj);
        sum = V(sub)(sum, V(add)(FN(xlogy)(yj, q), FN(xlogy)(V(sub)(one, yj), V(sub)(one, q))));
    }
    return sum;
}

FMLP_INLINE VT FN(loss_log_softmax)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    VT sum = V(zero)();
    FN(softmax)(n, z);
    if (y->classes) { /* one logarithm a row */
        T p[LANES];
        for (int i = 0; i < LANES; i++) {
            T *zi = (T *)z + y->classes[y->index[i < y->rows ? i : 0]] * LANES + i;
            p[i] = *zi;
            *zi -= 1;
        }
        return V(neg)(FN(vlog)(FN(clip_probability)(V(load)(p))));
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        const VT yj = FN(target)(y, j);
        sum = V(sub)(sum, FN(xlogy)(yj, FN(clip_probability)(z[j])));
        z[j] = V(sub)(z[j], yj);
    }
    return sum;
}

static void FN(loss)(int output, int loss, ptrdiff_t m, ptrdiff_t n, void *z_, ptrdiff_t ldz,
                     const ptrdiff_t *index, const void *dense, const int32_t *classes,
                     const void *weight_, void *loss_rows_, void *scratch) {
    T *z = z_, *loss_rows = loss_rows_;
    const T *weight = weight_;
    VT *c = scratch;
    struct FN(targets) y = {.dense = dense, .classes = classes, .n = n};
    for (ptrdiff_t i = 0; i < m; i += LANES, z += LANES * ldz) {
        y.rows = m - i < LANES ? (int)(m - i) : LANES;
        y.index = index + i;
        for (ptrdiff_t j = 0; j < n; j++) c[j] = V(load_strided)(z + j, ldz, y.rows);
        VT row;
        if (loss == FMLP_LOSS_SQUARED_ERROR) row = FN(loss_squared_error)(n, c, &y);
        else if (loss == FMLP_LOSS_POISSON) row = FN(loss_poisson)(n, c, &y);
        else if (output == FMLP_OUT_SOFTMAX) row = FN(loss_log_softmax)(n, c, &y);
        else row = FN(loss_log_logistic)(n, c, &y);
        if (weight) {
            T w[LANES];
            for (int r = 0; r < LANES; r++) w[r] = weight[y.index[r < y.rows ? r : 0]];
            const VT wv = V(load)(w);
            /* a row of weight 0 is absent, even where its loss is infinite */
            const VM absent = V(eq)(wv, V(zero)());
            row = V(sel)(absent, V(zero)(), V(mul)(row, wv));
            for (ptrdiff_t j = 0; j < n; j++)
                c[j] = V(sel)(absent, V(zero)(), V(mul)(c[j], wv));
        }
        V(store_n)(loss_rows + i, row, y.rows);
        for (ptrdiff_t j = 0; j < n; j++) V(store_strided)(z + j, ldz, c[j], y.rows);
    }
}

static void FN(output)(int output, ptrdiff_t m, ptrdiff_t n, const void *z_, ptrdiff_t ldz,
                       void *out_, ptrdiff_t ldo, void *scratch) {
    const T *z = z_;
    T *out = out_;
    VT *c = scratch;
    if (output != FMLP_OUT_SOFTMAX) { /* elementwise */
        for (ptrdiff_t i = 0; i < m; i++) {
            const T *zi = z + i * ldz;
            T *oi = out + i * ldo;
            for (ptrdiff_t j = 0; j < n; j += LANES) {
                const int w = n - j < LANES ? (int)(n - j) : LANES;
                VT v = V(load_n)(zi + j, w);
                if (output == FMLP_OUT_LOGISTIC) v = FN(vlogistic)(v);
                else if (output == FMLP_OUT_EXP) v = FN(vexp)(v);
                V(store_n)(oi + j, v, w);
            }
        }
        return;
    }
    for (ptrdiff_t i = 0; i < m; i += LANES, z += LANES * ldz, out += LANES * ldo) {
        const int rows = m - i < LANES ? (int)(m - i) : LANES;
        for (ptrdiff_t j = 0; j < n; j++) c[j] = V(load_strided)(z + j, ldz, rows);
        FN(softmax)(n, c);
        for (ptrdiff_t j = 0; j < n; j++) V(store_strided)(out + j, ldo, c[j], rows);
    }
}
