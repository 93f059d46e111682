/* loss.inc.h - from raw outputs to losses and deltas, and to predictions. Rows run in the lanes,
 * LANES rows at a time, so a loss reads like its formula for one row; column j of the group of
 * rows is scratch[j].
 *
 * A loss turns raw outputs z into d loss / d z and returns the rows' losses. Constants and
 * clipping as in scikit-learn's neural_network/_base.py where it has the loss, so that loss_curve_
 * agrees. */

/* One softmax, or all elementwise outputs. */
FMLP_INLINE VT FN(loss_group)(const fmlp_head *h, ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    switch (h->loss) {
    case FMLP_LOSS_SQUARED_ERROR:
        if (h->output == FMLP_OUT_IDENTITY) return FN(loss_squared_error)(n, z, y);
        return FN(loss_regression)(h, n, z, y);
    case FMLP_LOSS_POISSON:
        if (h->output == FMLP_OUT_EXP) return FN(loss_poisson_exp)(n, z, y);
        return FN(loss_regression)(h, n, z, y);
    case FMLP_LOSS_GAUSSIAN_NLL: return FN(loss_gaussian_nll)(n, z, y);
    case FMLP_LOSS_LOG:
    case FMLP_LOSS_FOCAL:
    case FMLP_LOSS_BRIER: return FN(loss_classification)(h, n, z, y);
    default: return FN(loss_regression)(h, n, z, y);
    }
}

/* A custom loss: the deltas, and behind them the loss, are the targets. */
FMLP_INLINE VT FN(loss_given)(ptrdiff_t n, VT *z, const struct FN(targets) *y) {
    for (ptrdiff_t j = 0; j < n; j++) z[j] = FN(target)(y, j);
    return FN(target)(y, n);
}

static ptrdiff_t FN(target_columns)(const fmlp_head *h, ptrdiff_t n) {
    if (h->loss == FMLP_LOSS_CUSTOM) return n + 1;
    if (h->loss == FMLP_LOSS_QUANTILE) return n / h->n_loss_args;
    return h->loss == FMLP_LOSS_GAUSSIAN_NLL ? n / 2 : n;
}

/* One column of `rows` rows, at most LANES. A single column lies side by side. */
FMLP_INLINE VT FN(load_column)(const T *z, ptrdiff_t ldz, int rows) {
    if (ldz > 1) return V(load_strided)(z, ldz, rows);
    return rows == LANES ? V(load)(z) : V(load_n)(z, rows);
}

FMLP_INLINE void FN(store_column)(T *z, ptrdiff_t ldz, VT column, int rows) {
    if (ldz > 1) V(store_strided)(z, ldz, column, rows);
    else if (rows == LANES) V(store)(z, column);
    else V(store_n)(z, column, rows);
}

static void FN(loss)(const fmlp_head *h, ptrdiff_t m, ptrdiff_t n, void *z_, ptrdiff_t ldz,
                     const ptrdiff_t *index, const fmlp_target *target, void *loss_rows_,
                     void *scratch) {
    T *z = z_, *loss_rows = loss_rows_;
    const int custom = h->loss == FMLP_LOSS_CUSTOM;
    const T *weight = custom ? 0 : target->weight; /* which a custom loss has in it */
    VT *c = scratch;
    struct FN(targets) y = {.dense = target->dense,
                            .classes = target->classes,
                            .columns = FN(target_columns)(h, n),
                            .n_groups = h->n_groups,
                            .smoothing = (T)h->label_smoothing};
    for (ptrdiff_t i = 0; i < m; i += LANES, z += LANES * ldz) {
        y.rows = m - i < LANES ? (int)(m - i) : LANES;
        y.index = index + i;
        for (ptrdiff_t j = 0; j < n; j++) c[j] = FN(load_column)(z + j, ldz, y.rows);
        VT row = V(zero)();
        if (custom) row = FN(loss_given)(n, c, &y);
        y.first = 0;
        for (y.group = 0; y.group < h->n_groups && !custom; y.first += h->groups[y.group++])
            row = V(add)(row, FN(loss_group)(h, h->groups[y.group], c + y.first, &y));
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
        for (ptrdiff_t j = 0; j < n; j++) FN(store_column)(z + j, ldz, c[j], y.rows);
    }
}

static void FN(output_softmax)(const fmlp_head *h, ptrdiff_t m, ptrdiff_t n, const T *z,
                               ptrdiff_t ldz, T *out, ptrdiff_t ldo, VT *c) {
    for (ptrdiff_t i = 0; i < m; i += LANES, z += LANES * ldz, out += LANES * ldo) {
        const int rows = m - i < LANES ? (int)(m - i) : LANES;
        VT *group = c;
        for (ptrdiff_t j = 0; j < n; j++) c[j] = FN(load_column)(z + j, ldz, rows);
        for (int g = 0; g < h->n_groups; group += h->groups[g++]) FN(softmax)(h->groups[g], group);
        for (ptrdiff_t j = 0; j < n; j++) FN(store_column)(out + j, ldo, c[j], rows);
    }
}

static void FN(output)(const fmlp_head *h, int raw, ptrdiff_t m, ptrdiff_t n, const void *z_,
                       ptrdiff_t ldz, void *out_, ptrdiff_t ldo, void *scratch) {
    const T *z = z_;
    T *out = out_;
    const int output = raw ? FMLP_OUT_IDENTITY : h->output;
    if (output == FMLP_OUT_SOFTMAX) {
        FN(output_softmax)(h, m, n, z, ldz, out, ldo, scratch);
        return;
    }
    if (ldz == n && ldo == n) n *= m, m = 1; /* or a single output would be a vector a row */
    for (ptrdiff_t i = 0; i < m; i++) {
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int w = n - j < LANES ? (int)(n - j) : LANES;
            V(store_n)(out + i * ldo + j, FN(link_value)(output, V(load_n)(z + i * ldz + j, w)), w);
        }
    }
}
