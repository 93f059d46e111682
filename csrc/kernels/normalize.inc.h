/* normalize.inc.h - layer and batch normalisation, forward and backward.
 *
 *   z^ = (z - mean) / sqrt(var + eps)     y = gamma z^ + beta
 *
 * Layer: mean and variance of a row's units (Ba, Kiros, Hinton 2016, arXiv:1607.06450). Batch: of a
 * unit over the rows of the mini-batch (Ioffe, Szegedy 2015, arXiv:1502.03167), where a row counts
 * as often as its weight says. Variances are biased, as in PyTorch.
 */

/* ---- layer: a row at a time, n real units ---- */

/* 1 in the first n lanes, else 0 */
FMLP_INLINE VT FN(first_ones)(int n) {
    T ones[LANES];
    V(store)(ones, V(set1)(1));
    return V(load_n)(ones, n);
}

static void FN(layer_norm)(ptrdiff_t m, ptrdiff_t n, void *z_, ptrdiff_t ldz, const void *gamma_,
                           const void *beta_, double eps, void *y_, ptrdiff_t ldy, void *rstd_) {
    const T *gamma = gamma_, *beta = beta_;
    T *z = z_, *y = y_, *rstd = rstd_;
    const ptrdiff_t whole = n / LANES * LANES;
    const int rest = (int)(n - whole);
    const VT real = FN(first_ones)(rest);
    for (ptrdiff_t i = 0; i < m; i++, z += ldz, y += ldy) {
        VT sum = V(zero)(), squares = V(zero)();
        for (ptrdiff_t j = 0; j < whole; j += LANES) sum = V(add)(sum, V(load)(z + j));
        if (rest) sum = V(add)(sum, V(load_n)(z + whole, rest));
        const VT mean = V(set1)(V(hsum)(sum) / (T)n);
        for (ptrdiff_t j = 0; j < whole; j += LANES) {
            const VT c = V(sub)(V(load)(z + j), mean);
            squares = V(fma)(c, c, squares);
        }
        if (rest) {
            const VT c = V(mul)(real, V(sub)(V(load_n)(z + whole, rest), mean));
            squares = V(fma)(c, c, squares);
        }
        const VT var = V(set1)(V(hsum)(squares) / (T)n);
        const VT scale = V(div)(V(set1)(1), V(sqrt)(V(add)(var, V(set1)((T)eps))));
        if (rstd) V(store_n)(rstd + i, scale, 1);
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const VT h = V(mul)(V(sub)(V(load)(z + j), mean), scale);
            V(store)(z + j, h);
            V(store)(y + j, V(fma)(V(load)(gamma + j), h, V(load)(beta + j)));
        }
    }
}

/* dz = rstd (g - mean(g) - z^ mean(g z^)) with g = gamma dy */
static void FN(layer_norm_backward)(ptrdiff_t m, ptrdiff_t n, const void *dy_, ptrdiff_t ldd,
                                    const void *zhat_, ptrdiff_t ldz, const void *gamma_,
                                    const void *rstd_, void *dz_, ptrdiff_t ldo) {
    const T *dy = dy_, *zhat = zhat_, *gamma = gamma_, *rstd = rstd_;
    T *dz = dz_;
    for (ptrdiff_t i = 0; i < m; i++, dy += ldd, zhat += ldz, dz += ldo) {
        VT sum = V(zero)(), dot = V(zero)();
        for (ptrdiff_t j = 0; j < n; j += LANES) { /* gamma is zero in the padding */
            const VT g = V(mul)(V(load)(gamma + j), V(load)(dy + j));
            sum = V(add)(sum, g);
            dot = V(fma)(g, V(load)(zhat + j), dot);
        }
        const VT s = V(set1)(rstd[i]);
        const VT mean = V(set1)(V(hsum)(sum) / (T)n), slope = V(set1)(V(hsum)(dot) / (T)n);
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const VT g = V(fma)(V(load)(gamma + j), V(load)(dy + j), V(neg)(mean));
            VT d = V(mul)(s, V(fnma)(slope, V(load)(zhat + j), g));
            if (n - j < LANES) d = V(mul)(d, FN(first_ones)((int)(n - j)));
            V(store)(dz + j, d);
        }
    }
}

/* ---- batch: columns [0, n), n padded, rows in order ---- */

/* Sums of so many rows are added up, so that rounding grows with their number, not that of rows. */
enum { FN(SUM_ROWS) = 64 };

/* sum_i w_i (z_ij - shift_j)^power, power 1 or 2, of nv vectors of columns */
FMLP_INLINE void FN(weighted_sums)(const int nv, const int power, ptrdiff_t m, const T *z,
                                   ptrdiff_t ldz, const T *weight, const VT *shift, VT *total) {
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) total[v] = V(zero)();
    for (ptrdiff_t i0 = 0; i0 < m; i0 += FN(SUM_ROWS)) {
        const ptrdiff_t i1 = m - i0 < FN(SUM_ROWS) ? m : i0 + FN(SUM_ROWS);
        VT sum[4];
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) sum[v] = V(zero)();
        for (ptrdiff_t i = i0; i < i1; i++) {
            if (weight && weight[i] == 0) continue; /* absent, even where it is not finite */
            const VT w = V(set1)(weight ? weight[i] : (T)1);
            FMLP_UNROLL
            for (int v = 0; v < nv; v++) {
                const VT c = V(sub)(V(load)(z + i * ldz + v * LANES), shift[v]);
                sum[v] = V(fma)(power == 1 ? w : V(mul)(w, c), c, sum[v]);
            }
        }
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) total[v] = V(add)(total[v], sum[v]);
    }
}

struct FN(batch) {
    T *mean, *var, *running_mean, *running_var;
    VT count, momentum, keep, unbiased;
    int replace;
};

FMLP_INLINE void FN(batch_stats_n)(const int nv, ptrdiff_t m, const T *z, ptrdiff_t ldz,
                                   const T *weight, ptrdiff_t j, const struct FN(batch) *b) {
    VT mean[4] = {V(zero)(), V(zero)(), V(zero)(), V(zero)()}, sum[4];
    FN(weighted_sums)(nv, 1, m, z + j, ldz, weight, mean, sum);
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) mean[v] = V(div)(sum[v], b->count);
    FN(weighted_sums)(nv, 2, m, z + j, ldz, weight, mean, sum);
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        const ptrdiff_t at = j + v * LANES;
        const VT var = V(div)(sum[v], b->count), large = V(mul)(var, b->unbiased);
        V(store)(b->mean + at, mean[v]);
        V(store)(b->var + at, var);
        const VT m0 = V(mul)(b->keep, V(load)(b->running_mean + at));
        const VT v0 = V(mul)(b->keep, V(load)(b->running_var + at));
        V(store)(b->running_mean + at, b->replace ? mean[v] : V(fma)(b->momentum, mean[v], m0));
        V(store)(b->running_var + at, b->replace ? large : V(fma)(b->momentum, large, v0));
    }
}

static void FN(batch_stats)(ptrdiff_t m, ptrdiff_t n, const void *z, ptrdiff_t ldz,
                            const void *weight, double total, double momentum, void *mean,
                            void *var, void *running_mean, void *running_var) {
    /* weights below one are no counts: the factor never falls below 1 */
    const double unbiased = total > 2 ? total / (total - 1) : total > 1 ? total : 1;
    const struct FN(batch) b = {
        .mean = mean, .var = var, .running_mean = running_mean, .running_var = running_var,
        .count = V(set1)((T)total), .momentum = V(set1)((T)momentum),
        .keep = V(set1)((T)(1 - momentum)), .unbiased = V(set1)((T)unbiased),
        .replace = momentum == 1};
    ptrdiff_t j = 0;
    for (; j + 4 * LANES <= n; j += 4 * LANES) FN(batch_stats_n)(4, m, z, ldz, weight, j, &b);
    for (; j < n; j += LANES) FN(batch_stats_n)(1, m, z, ldz, weight, j, &b);
}

FMLP_INLINE VT FN(rstd)(const T *var, double eps) {
    return V(div)(V(set1)(1), V(sqrt)(V(add)(V(load)(var), V(set1)((T)eps))));
}

static void FN(batch_norm)(ptrdiff_t m, ptrdiff_t n, void *z, ptrdiff_t ldz, const void *mean,
                           const void *var, double eps, const void *gamma, const void *beta,
                           void *y, ptrdiff_t ldy) {
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const VT center = V(load)((const T *)mean + j), scale = FN(rstd)((const T *)var + j, eps);
        const VT g = V(load)((const T *)gamma + j), b = V(load)((const T *)beta + j);
        T *zj = (T *)z + j, *yj = (T *)y + j;
        for (ptrdiff_t i = 0; i < m; i++, zj += ldz, yj += ldy) {
            const VT h = V(mul)(V(sub)(V(load)(zj), center), scale);
            V(store)(zj, h);
            V(store)(yj, V(fma)(g, h, b));
        }
    }
}

/* dz = gamma rstd (dy - w / total (dbeta + z^ dgamma)) */
static void FN(batch_norm_backward)(ptrdiff_t m, ptrdiff_t n, const void *dy_, ptrdiff_t ldd,
                                    const void *zhat_, ptrdiff_t ldz, const void *weight_,
                                    double total, const void *dgamma, const void *dbeta,
                                    const void *var, double eps, const void *gamma, void *dz_,
                                    ptrdiff_t ldo) {
    const T *weight = weight_;
    const VT inverse = V(set1)((T)(1 / total));
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const VT scale = V(mul)(V(load)((const T *)gamma + j), FN(rstd)((const T *)var + j, eps));
        const VT dg = V(mul)(inverse, V(load)((const T *)dgamma + j));
        const VT db = V(mul)(inverse, V(load)((const T *)dbeta + j));
        const T *dy = (const T *)dy_ + j, *zhat = (const T *)zhat_ + j;
        T *dz = (T *)dz_ + j;
        for (ptrdiff_t i = 0; i < m; i++, dy += ldd, zhat += ldz, dz += ldo) {
            VT shared = V(fma)(V(load)(zhat), dg, db);
            if (weight) {
                if (weight[i] == 0) shared = V(zero)(); /* absent, even where z^ is not finite */
                shared = V(mul)(V(set1)(weight[i]), shared);
            }
            V(store)(dz, V(mul)(scale, V(sub)(V(load)(dy), shared)));
        }
    }
}

/* ---- both: gradients of gamma and beta ---- */

static void FN(norm_sums)(ptrdiff_t m, ptrdiff_t n, const void *dy_, ptrdiff_t ldd,
                          const void *zhat_, ptrdiff_t ldz, int accumulate, void *dgamma_,
                          void *dbeta_) {
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        T *dgamma = (T *)dgamma_ + j, *dbeta = (T *)dbeta_ + j;
        const T *dy = (const T *)dy_ + j, *zhat = (const T *)zhat_ + j;
        VT g = accumulate ? V(load)(dgamma) : V(zero)();
        VT b = accumulate ? V(load)(dbeta) : V(zero)();
        for (ptrdiff_t i0 = 0; i0 < m; i0 += FN(SUM_ROWS)) {
            const ptrdiff_t i1 = m - i0 < FN(SUM_ROWS) ? m : i0 + FN(SUM_ROWS);
            VT g0 = V(zero)(), g1 = g0, b0 = g0, b1 = g0; /* two chains hide latency */
            for (ptrdiff_t i = i0; i + 1 < i1; i += 2) {
                const VT d0 = V(load)(dy + i * ldd), d1 = V(load)(dy + (i + 1) * ldd);
                g0 = V(fma)(d0, V(load)(zhat + i * ldz), g0);
                g1 = V(fma)(d1, V(load)(zhat + (i + 1) * ldz), g1);
                b0 = V(add)(b0, d0);
                b1 = V(add)(b1, d1);
            }
            if ((i1 - i0) % 2) {
                const VT d = V(load)(dy + (i1 - 1) * ldd);
                g0 = V(fma)(d, V(load)(zhat + (i1 - 1) * ldz), g0);
                b0 = V(add)(b0, d);
            }
            g = V(add)(g, V(add)(g0, g1));
            b = V(add)(b, V(add)(b0, b1));
        }
        V(store)(dgamma, g);
        V(store)(dbeta, b);
    }
}
