/* tile_rest.inc.h - tiles of a few columns, at most FN(REST): the last ones of many layers.
 *
 * As columns of a panel they would take a vector for themselves, a layer of 100 seven instead of
 * 6.25. So lanes run over rows, which are transposed in registers (forward, backward), or over
 * inputs (gradient). Every element is the same chain of operations as in tile.inc.h.
 */

/* With fewer lanes there is little to gain, nor is a sum of fewer terms worth the transposition. */
enum { FN(REST) = LANES > 8 ? 8 : 0, FN(REST_TERMS) = 2 * LANES };

/* May a panel of so many real columns, all there are left, go without a vector of its own? */
FMLP_INLINE int FN(is_rest)(ptrdiff_t columns, ptrdiff_t terms) {
    return columns <= FN(REST) && terms >= FN(REST_TERMS);
}

#if LANES > 8

/* sums[g][j] += sum over units of rows p[g * LANES + lane] times b: `groups` of LANES rows, two where
 * n chains alone would wait for one another */
FMLP_INLINE void FN(rest_sum)(const int groups, const int n, const struct FN(tile) *t,
                              const T *const *p, VT sums[2][LANES]) {
    VT acc[2][FN(REST)], x[LANES];
    const T *b = t->b;
    FMLP_UNROLL
    for (int g = 0; g < groups; g++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) acc[g][j] = sums[g][j];
    }
    for (ptrdiff_t k = 0; k < t->n; k += LANES, b += LANES * t->ldb) {
        const int left = t->n - k < LANES ? (int)(t->n - k) : LANES;
        FMLP_UNROLL
        for (int g = 0; g < groups; g++) {
            FMLP_UNROLL
            for (int i = 0; i < LANES; i++) {
                const T *row = p[g * LANES + i] + k;
                x[i] = left == LANES ? V(load)(row) : V(load_n)(row, left);
            }
            V(transpose)(x);
            FMLP_UNROLL
            for (int s = 0; s < LANES; s++) {
                if (s >= left) break;
                FMLP_UNROLL
                for (int j = 0; j < n; j++)
                    acc[g][j] = V(fma)(x[s], V(set1)(b[s * t->ldb + j]), acc[g][j]);
            }
        }
    }
    FMLP_UNROLL
    for (int g = 0; g < groups; g++) {
        FMLP_UNROLL
        for (int j = 0; j < n; j++) sums[g][j] = acc[g][j];
    }
}

FMLP_NOINLINE void FN(rest_sum_any)(int groups, int n, const struct FN(tile) *t,
                                    const T *const *p, VT sums[2][LANES]) {
    switch (groups == 2 ? -n : n) {
    case -1: FN(rest_sum)(2, 1, t, p, sums); break;
    case -2: FN(rest_sum)(2, 2, t, p, sums); break;
    case -3: FN(rest_sum)(2, 3, t, p, sums); break;
    case -4: FN(rest_sum)(2, 4, t, p, sums); break;
    case 1: FN(rest_sum)(1, 1, t, p, sums); break;
    case 2: FN(rest_sum)(1, 2, t, p, sums); break;
    case 3: FN(rest_sum)(1, 3, t, p, sums); break;
    case 4: FN(rest_sum)(1, 4, t, p, sums); break;
    case 5: FN(rest_sum)(1, 5, t, p, sums); break;
    case 6: FN(rest_sum)(1, 6, t, p, sums); break;
    case 7: FN(rest_sum)(1, 7, t, p, sums); break;
    case 8: FN(rest_sum)(1, 8, t, p, sums); break;
    default: break;
    }
}

/* The next of `left` rows by n columns, forward or backward. Returns how many rows it took. */
FMLP_NOINLINE ptrdiff_t FN(rest_rows)(int mode, int n, ptrdiff_t left, const struct FN(tile) *t) {
    const int groups = n <= 4 && left > LANES ? 2 : 1;
    const ptrdiff_t m = left < groups * LANES ? left : groups * LANES;
    const VT floor = V(set1)(t->floor), zero = V(zero)();
    const T *p[2 * LANES];
    VT sums[2][LANES];
    for (int g = 0; g < groups; g++) {
        for (int i = 0; i < LANES; i++) {
            const ptrdiff_t row = g * LANES + i < m ? g * LANES + i : m - 1; /* again, for nobody */
            p[g * LANES + i] = (const T *)t->rows[row] + t->first;
            sums[g][i] = t->resume ? V(load)(t->out + row * t->ldo)
                         : mode == FN(TILE_FORWARD) ? V(set1)(t->bias[i]) : zero;
        }
        if (t->resume) V(transpose)(sums[g]);
    }
    FN(rest_sum_any)(groups, n, t, p, sums);
    for (int g = 0; g < groups; g++) {
        V(transpose)(sums[g]);
        for (ptrdiff_t i = g * LANES, end = i + LANES; i < end && i < m; i++) {
            VT c = sums[g][i % LANES];
            if (mode == FN(TILE_FORWARD)) c = V(max)(floor, c);
            if (mode == FN(TILE_BACKWARD) && t->relu)
                c = V(sel)(V(ne)(V(load)(t->a + i * t->lda), zero), c, zero);
            V(store)(t->out + i * t->ldo, c);
        }
    }
    return m;
}

/* nv vectors of inputs, of which `left` are real, by n columns of the gradient */
FMLP_INLINE void FN(rest_grad_tile)(const int nv, const int n, ptrdiff_t left,
                                    const struct FN(tile) *t) {
    VT acc[FN(REST)][3], x[LANES];
    const T *b = t->b;
    const int last = (int)(left - (nv - 1) * LANES);
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        if (t->resume) {
            for (ptrdiff_t i = 0; i < LANES; i++) {
                const ptrdiff_t row = v * LANES + i < left ? v * LANES + i : left - 1;
                x[i] = V(load)(t->out + row * t->ldo);
            }
            V(transpose)(x);
        }
        FMLP_UNROLL
        for (int j = 0; j < n; j++) acc[j][v] = t->resume ? x[j] : V(zero)();
    }
    for (ptrdiff_t r = 0; r < t->n; r++, b += t->ldb) {
        const T *q = (const T *)t->rows[r] + t->first;
        const T *ahead = (const T *)t->rows[r + 24 < t->n ? r + 24 : r] + t->first;
        VT a[3];
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) {
            FMLP_PREFETCH(ahead + v * LANES);
            a[v] = v < nv - 1 || last == LANES ? V(load)(q + v * LANES)
                                               : V(load_n)(q + v * LANES, last);
        }
        FMLP_UNROLL
        for (int j = 0; j < n; j++) {
            const VT d = V(set1)(b[j]);
            FMLP_UNROLL
            for (int v = 0; v < nv; v++) acc[j][v] = V(fma)(a[v], d, acc[j][v]);
        }
    }
    FMLP_UNROLL
    for (int v = 0; v < nv; v++) {
        FMLP_UNROLL
        for (int j = 0; j < LANES; j++) x[j] = j < n ? acc[j][v] : V(zero)();
        V(transpose)(x);
        for (ptrdiff_t i = 0; i < LANES && v * LANES + i < left; i++)
            V(store)(t->out + (v * LANES + i) * t->ldo, x[i]);
    }
}

FMLP_INLINE ptrdiff_t FN(rest_grad_n)(const int n, ptrdiff_t left, const struct FN(tile) *t) {
    const ptrdiff_t vectors = (left + LANES - 1) / LANES, tiles = (vectors + 2) / 3;
    const ptrdiff_t nv = (vectors + tiles - 1) / tiles; /* 3, 2 or 1 */
    const ptrdiff_t h = left < nv * LANES ? left : nv * LANES;
    if (nv == 3) FN(rest_grad_tile)(3, n, h, t);
    else if (nv == 2) FN(rest_grad_tile)(2, n, h, t);
    else FN(rest_grad_tile)(1, n, h, t);
    return h;
}

/* The next of `left` inputs by n columns of the gradient. Returns how many inputs it took. */
FMLP_NOINLINE ptrdiff_t FN(rest_grad)(int n, ptrdiff_t left, const struct FN(tile) *t) {
    switch (n) {
    case 1: return FN(rest_grad_n)(1, left, t);
    case 2: return FN(rest_grad_n)(2, left, t);
    case 3: return FN(rest_grad_n)(3, left, t);
    case 4: return FN(rest_grad_n)(4, left, t);
    case 5: return FN(rest_grad_n)(5, left, t);
    case 6: return FN(rest_grad_n)(6, left, t);
    case 7: return FN(rest_grad_n)(7, left, t);
    case 8: return FN(rest_grad_n)(8, left, t);
    default: return left;
    }
}

#else /* every column has its vector */

FMLP_INLINE ptrdiff_t FN(rest_rows)(int mode, int n, ptrdiff_t left, const struct FN(tile) *t) {
    (void)mode, (void)n, (void)t;
    return left;
}

FMLP_INLINE ptrdiff_t FN(rest_grad)(int n, ptrdiff_t left, const struct FN(tile) *t) {
    (void)n, (void)t;
    return left;
}

#endif
