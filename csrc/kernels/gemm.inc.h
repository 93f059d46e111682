/* gemm.inc.h - the three matrix products of a dense layer, panel layout.
 *
 * A register tile is m rows by nv vectors. Forward and backward sum over units, the weight gradient
 * sums over rows. mode, m, nv and far are constants after inlining, so that the tile lives in
 * registers; FN(tile_any) instantiates every m up to FMLP_MR, so no remainder is slow.
 */

struct FN(tile) {
    ptrdiff_t n;              /* length of the sum */
    const void *const *rows;  /* (m) -> (first + n); gradient: (n) -> (first + m) */
    ptrdiff_t first;          /* where in the rows the sum, or the tile, begins */
    const T *b;               /* (n, nv * LANES), ld ldb: weights, or deltas for the gradient */
    ptrdiff_t ldb;
    /* far (what comes next is not in L2, and brought there meanwhile): */
    ptrdiff_t ahead;          /* forward, backward: so far after b, a line of weights to come */
    const char *streams[FMLP_AHEAD]; /* gradient: what the rule will touch */
    T *out;                   /* (m, nv * LANES), ld ldo */
    ptrdiff_t ldo;
    int resume;               /* start from out */
    const T *bias;            /* forward: (nv * LANES), where not to resume */
    int finish;               /* the sum is complete: apply what follows it */
    T floor;                  /* forward: 0 for relu, else -inf */
    int relu;                 /* backward: mask by a != 0 */
    const T *a;               /* backward: (m, nv * LANES), ld lda */
    ptrdiff_t lda;
};

enum { FN(TILE_FORWARD), FN(TILE_BACKWARD), FN(TILE_GRAD) };

FMLP_INLINE void FN(tile_start)(const int mode, const int m, const int nv, const struct FN(tile) *t,
                                VT acc[FMLP_MR][2]) {
    FMLP_UNROLL
    for (int i = 0; i < m; i++) {
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) {
            if (mode == FN(TILE_BACKWARD) && t->finish) /* for the mask at the end */
                FMLP_PREFETCH(t->a + i * t->lda + v * LANES);
            if (t->resume) acc[i][v] = V(load)(t->out + i * t->ldo + v * LANES);
            else if (mode == FN(TILE_FORWARD)) acc[i][v] = V(load)(t->bias + v * LANES);
            else acc[i][v] = V(zero)();
        }
    }
}

FMLP_INLINE void FN(tile_sum)(const int mode, const int m, const int nv, const int far,
                              const struct FN(tile) *t, VT acc[FMLP_MR][2]) {
    const T *p[FMLP_MR], *b = t->b;
    const void *const *rows = t->rows;
    const ptrdiff_t n = t->n, ldb = t->ldb, first = t->first, ahead = t->ahead;
    if (mode != FN(TILE_GRAD)) {
        FMLP_UNROLL
        for (int i = 0; i < m; i++) p[i] = (const T *)rows[i] + first;
    }
    for (ptrdiff_t k = 0; k < n; k++, b += ldb) {
        const T *q = mode == FN(TILE_GRAD) ? (const T *)rows[k] + first : 0;
        if (mode == FN(TILE_GRAD)) /* rows lie pages apart, beyond the hardware's prefetcher */
            FMLP_PREFETCH((const T *)rows[k + 24 < n ? k + 24 : k] + first + m - 1);
        if (far && mode == FN(TILE_GRAD))
            FMLP_PREFETCH_L2(t->streams[k % FMLP_AHEAD] + k / FMLP_AHEAD * 64);
        else if (far) FMLP_PREFETCH_L2(b + ahead);
        const VT b0 = V(load)(b);
        const VT b1 = nv > 1 ? V(load)(b + LANES) : b0;
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            const VT a = V(set1)(mode == FN(TILE_GRAD) ? q[i] : p[i][k]);
            acc[i][0] = V(fma)(a, b0, acc[i][0]);
            if (nv > 1) acc[i][1] = V(fma)(a, b1, acc[i][1]);
        }
    }
}

FMLP_INLINE void FN(tile_end)(const int mode, const int m, const int nv, const struct FN(tile) *t,
                              VT acc[FMLP_MR][2]) {
    const VT floor = V(set1)(t->floor), zero = V(zero)();
    const int mask = mode == FN(TILE_BACKWARD) && t->relu && t->finish;
    FMLP_UNROLL
    for (int i = 0; i < m; i++) {
        FMLP_UNROLL
        for (int v = 0; v < nv; v++) {
            VT c = acc[i][v];
            if (mode == FN(TILE_FORWARD)) c = V(max)(floor, c); /* NaN stays NaN */
            if (mask) c = V(sel)(V(ne)(V(load)(t->a + i * t->lda + v * LANES), zero), c, zero);
            V(store)(t->out + i * t->ldo + v * LANES, c);
        }
    }
}

FMLP_INLINE void FN(tile)(const int mode, const int m, const int nv, const int far,
                          const struct FN(tile) *t) {
    VT acc[FMLP_MR][2];
    FN(tile_start)(mode, m, nv, t, acc);
    FN(tile_sum)(mode, m, nv, far, t, acc);
    FN(tile_end)(mode, m, nv, t, acc);
}

FMLP_INLINE void FN(tile_any)(const int mode, ptrdiff_t m, const int nv, const int far,
                              const struct FN(tile) *t) {
    switch (m) {
    case 1: FN(tile)(mode, 1, nv, far, t); break;
    case 2: FN(tile)(mode, 2, nv, far, t); break;
    case 3: FN(tile)(mode, 3, nv, far, t); break;
    case 4: FN(tile)(mode, 4, nv, far, t); break;
#if FMLP_MR > 4
    case 5: FN(tile)(mode, 5, nv, far, t); break;
    case 6: FN(tile)(mode, 6, nv, far, t); break;
#endif
#if FMLP_MR > 6
    case 7: FN(tile)(mode, 7, nv, far, t); break;
    case 8: FN(tile)(mode, 8, nv, far, t); break;
    case 9: FN(tile)(mode, 9, nv, far, t); break;
    case 10: FN(tile)(mode, 10, nv, far, t); break;
    case 11: FN(tile)(mode, 11, nv, far, t); break;
    case 12: FN(tile)(mode, 12, nv, far, t); break;
#endif
    default: break;
    }
}

/* m rows are cut into tiles of nearly equal height rather than full ones and a small rest. */
FMLP_INLINE ptrdiff_t FN(tile_height)(ptrdiff_t left) {
    const ptrdiff_t tiles = (left + FMLP_MR - 1) / FMLP_MR;
    return (left + tiles - 1) / tiles;
}

/* A part of a sum whose weights, one panel wide, stay in L1 while the rows pass over them. Parts
 * are added to in memory, in order: the result is that of one long sum. */
enum { FN(PART) = 24 * 1024 / (2 * LANES * (int)sizeof(T)) };

FMLP_INLINE ptrdiff_t FN(part)(ptrdiff_t left) {
    return left < FN(PART) * 3 / 2 ? left : FN(PART);
}

/* Too many weights to be in L2 since the last mini-batch? */
FMLP_INLINE int FN(is_far)(ptrdiff_t k, ptrdiff_t n) {
    return k * n * (ptrdiff_t)sizeof(T) > 256 << 10;
}

static void FN(forward)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                        const void *w_, int act, void *out_, ptrdiff_t ldo) {
    const T *w = w_;
    T *out = out_;
    const int far = FN(is_far)(k, n);
    const int in_registers = act == FMLP_ACT_IDENTITY || act == FMLP_ACT_RELU;
    struct FN(tile) t = {.ldo = ldo};
    for (ptrdiff_t j = 0; j < n; j += 2 * LANES) {
        const ptrdiff_t width = n - j < 2 * LANES ? LANES : 2 * LANES;
        t.ldb = width, t.bias = w + k * width;
        for (t.first = 0; t.first < k; t.first += t.n) {
            ptrdiff_t ahead = 0; /* the next part's lines, by turns */
            t.n = FN(part)(k - t.first);
            t.b = w + t.first * width;
            t.resume = t.first > 0, t.finish = t.first + t.n == k;
            t.floor = t.finish && act == FMLP_ACT_RELU ? 0 : (T)-INFINITY;
            for (ptrdiff_t i = 0; i < m;) {
                const ptrdiff_t h = FN(tile_height)(m - i);
                t.ahead = t.n * width + (ahead = LANES - ahead);
                t.rows = rows + i, t.out = out + i * ldo + j;
                if (width == LANES) FN(tile_any)(FN(TILE_FORWARD), h, 1, 0, &t);
                else if (far) FN(tile_any)(FN(TILE_FORWARD), h, 2, 1, &t);
                else FN(tile_any)(FN(TILE_FORWARD), h, 2, 0, &t);
                if (t.finish && !in_registers) FN(act_forward)(act, h, width, t.out, ldo);
                i += h;
            }
        }
        w += (k + 1) * width;
    }
}

static void FN(backward)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in, const void *const *dz,
                         const void *wt_, int act, const void *a_, ptrdiff_t lda, void *dz_in_,
                         ptrdiff_t ldd) {
    const T *wt = wt_, *a = a_;
    T *dz_in = dz_in_;
    const int far = FN(is_far)(n_out, n_in);
    struct FN(tile) t = {.ldo = ldd, .lda = lda, .relu = act == FMLP_ACT_RELU};
    for (ptrdiff_t k = 0; k < n_in; k += 2 * LANES) {
        const ptrdiff_t width = n_in - k < 2 * LANES ? LANES : 2 * LANES;
        t.ldb = width;
        for (t.first = 0; t.first < n_out; t.first += t.n) {
            ptrdiff_t ahead = 0; /* the next part's lines, by turns */
            t.n = FN(part)(n_out - t.first);
            t.b = wt + t.first * width;
            t.resume = t.first > 0, t.finish = t.first + t.n == n_out;
            for (ptrdiff_t i = 0; i < m;) {
                const ptrdiff_t h = FN(tile_height)(m - i);
                t.ahead = t.n * width + (ahead = LANES - ahead);
                t.rows = dz + i, t.out = dz_in + i * ldd + k, t.a = a + i * lda + k;
                if (width == LANES) FN(tile_any)(FN(TILE_BACKWARD), h, 1, 0, &t);
                else if (far) FN(tile_any)(FN(TILE_BACKWARD), h, 2, 1, &t);
                else FN(tile_any)(FN(TILE_BACKWARD), h, 2, 0, &t);
                if (t.finish && !t.relu) FN(act_backward)(act, h, width, t.a, lda, t.out, ldd);
                i += h;
            }
        }
        wt += n_out * width;
    }
}

FMLP_INLINE const char *FN(stream)(const struct fmlp_ahead *ahead, int s, ptrdiff_t row,
                                   ptrdiff_t width) {
    return (const char *)ahead->at[s] + row / (2 * LANES) * ahead->stride[s] +
           row % (2 * LANES) * width * (ptrdiff_t)sizeof(T);
}

/* Rows whose deltas stay in L1 while the tiles of an item pass over them. */
enum { FN(GRAD_ROWS) = 256 };

static void FN(grad)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t width,
                     const void *const *rows, const void *dz, ptrdiff_t ldz, int accumulate,
                     void *g_, const struct fmlp_ahead *ahead) {
    T *g = g_;
    struct FN(tile) t = {.ldb = ldz, .ldo = width};
    for (ptrdiff_t i = 0; i < m; i += t.n) {
        const ptrdiff_t left = m - i;
        t.n = left < FN(GRAD_ROWS) * 3 / 2 ? left : FN(GRAD_ROWS);
        t.rows = rows + i;
        t.b = (const T *)dz + i * ldz;
        t.resume = accumulate || i > 0;
        for (ptrdiff_t k = k0; k < k1;) {
            const ptrdiff_t h = FN(tile_height)(k1 - k);
            for (int s = 0; ahead && s < FMLP_AHEAD; s++)
                t.streams[s] = FN(stream)(ahead, s, k - k0, width);
            t.first = k, t.out = g + (k - k0) * width;
            if (width == LANES) FN(tile_any)(FN(TILE_GRAD), h, 1, 0, &t);
            else if (ahead) FN(tile_any)(FN(TILE_GRAD), h, 2, 1, &t);
            else FN(tile_any)(FN(TILE_GRAD), h, 2, 0, &t);
            k += h;
        }
    }
}

static void FN(grad_bias)(ptrdiff_t m, ptrdiff_t n, const void *dz_, ptrdiff_t ldz, int accumulate,
                          void *g_) {
    T *g = g_;
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        const int w = n - j < LANES ? (int)(n - j) : LANES;
        const T *dz = (const T *)dz_ + j;
        VT s0 = accumulate ? V(load_n)(g + j, w) : V(zero)();
        VT s1 = V(zero)(), s2 = s1, s3 = s1; /* four chains hide the latency of the addition */
        ptrdiff_t r = 0;
        for (; r + 4 <= m; r += 4, dz += 4 * ldz) {
            s0 = V(add)(s0, V(load_n)(dz, w));
            s1 = V(add)(s1, V(load_n)(dz + ldz, w));
            s2 = V(add)(s2, V(load_n)(dz + 2 * ldz, w));
            s3 = V(add)(s3, V(load_n)(dz + 3 * ldz, w));
        }
        for (; r < m; r++, dz += ldz) s0 = V(add)(s0, V(load_n)(dz, w));
        V(store)(g + j, V(add)(V(add)(s0, s1), V(add)(s2, s3)));
    }
}
