/* tile.inc.h - the register tile of the matrix products: m rows by nv vectors.
 *
 * Forward and backward sum over units, the weight gradient sums over rows. mode, m, nv and far are
 * constants after inlining, so that the tile lives in registers; FN(tile_any) instantiates every m
 * up to FMLP_MR, so no remainder is slow.
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

/* Rows whose pointers a sum over units keeps in registers; x86-64 has 16 in all. */
enum { FN(POINTERS) = 8 };

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
    const T *p[FMLP_MR], *in_memory[FMLP_MR], *b = t->b;
    const void *const *rows = t->rows;
    const ptrdiff_t n = t->n, ldb = t->ldb, first = t->first, ahead = t->ahead;
    if (mode != FN(TILE_GRAD)) {
        FMLP_UNROLL
        for (int i = 0; i < m; i++) p[i] = in_memory[i] = (const T *)rows[i] + first;
    }
    for (ptrdiff_t k = 0; k < n; k++, b += ldb) {
        const T *q = mode == FN(TILE_GRAD) ? (const T *)rows[k] + first : 0;
        if (mode == FN(TILE_GRAD)) { /* rows lie pages apart, beyond the hardware's prefetcher */
            FMLP_OPAQUE(q);
            FMLP_PREFETCH((const T *)rows[k + 8 < n ? k + 8 : k] + first + m - 1);
            FMLP_PREFETCH_L2((const T *)rows[k + 32 < n ? k + 32 : k] + first + m - 1);
        }
        if (far && mode == FN(TILE_GRAD))
            FMLP_PREFETCH_L2(t->streams[k % FMLP_AHEAD] + k / FMLP_AHEAD * 64);
        else if (far) FMLP_PREFETCH_L2(b + ahead);
        const VT b0 = V(load)(b);
        const VT b1 = nv > 1 ? V(load)(b + LANES) : b0;
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            if (mode != FN(TILE_GRAD) && i >= FN(POINTERS)) {
                FMLP_RELOAD(in_memory[i]);
                p[i] = in_memory[i];
            }
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
