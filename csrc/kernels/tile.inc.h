/* tile.inc.h - the register tile of the matrix products: m rows by nv vectors.
 *
 * Forward and backward sum over units, the weight gradient sums over rows. mode, m, nv and ahead
 * are constants after inlining, so that the tile lives in registers; FN(tile_any) has an instance of
 * every m up to FMLP_MR, so no remainder is slow.
 */

struct FN(tile) {
    ptrdiff_t n;              /* length of the sum */
    const void *const *rows;  /* (m) -> (first + n); gradient: (n) -> (first + m) */
    ptrdiff_t first;          /* where in the rows the sum, or the tile, begins */
    const T *b;               /* (n, nv * LANES), ld ldb: weights, or deltas for the gradient */
    ptrdiff_t ldb;
    const T *packed;          /* FN(TILE_PACKED): (n, FMLP_MR) in place of rows; */
    const T *next_b;          /* the b of the tiles to come, or this one */
    /* what comes next and is fetched meanwhile: */
    const char *ahead;        /* FN(AHEAD_WEIGHTS): those of the next part, */
    ptrdiff_t pace;           /* so many bytes in every round, or in every one of a stream's */
    const void *const *next;  /* FN(AHEAD_ROWS): (NEXT_ROWS) rows to come, */
    ptrdiff_t next_first;     /* from here on */
    const char *streams[FMLP_AHEAD]; /* FN(AHEAD_STREAMS): what the rule will touch */
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

/* TILE_PACKED: the gradient from packed inputs, always with FN(AHEAD_STREAMS). */
enum { FN(TILE_FORWARD), FN(TILE_BACKWARD), FN(TILE_GRAD), FN(TILE_PACKED) };

enum { FN(PANEL_BYTES) = 2 * LANES * (int)sizeof(T) }; /* of a row of a panel */

/* What is fetched beside the products: nothing; the next part of the weights (forward, backward);
 * that and rows of X for the next tile (forward); weights and state to be written (gradient). */
enum { FN(AHEAD_NOTHING), FN(AHEAD_WEIGHTS), FN(AHEAD_ROWS), FN(AHEAD_STREAMS) };
enum { FN(NEXT_ROWS) = 16 }; /* no fewer than a tile has, a power of two */

/* Rows whose pointers a sum over units keeps in registers; the others' are read in every round. */
#ifndef FMLP_POINTERS
#define FMLP_POINTERS FMLP_MR
#endif

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

/* The k-th share of the next tile's rows: NEXT_ROWS elements of one of them. */
FMLP_INLINE void FN(fetch_rows)(const struct FN(tile) *t, ptrdiff_t k) {
    const T *row = (const T *)t->next[k % FN(NEXT_ROWS)] + t->next_first;
    const T *at = row + k / FN(NEXT_ROWS) * FN(NEXT_ROWS);
    FMLP_PREFETCH_L2(at);
    if (FN(NEXT_ROWS) * sizeof(T) > 64) FMLP_PREFETCH_L2(at + FN(NEXT_ROWS) / 2);
}

/* forward, backward: sum over units */
FMLP_INLINE void FN(tile_units)(const int m, const int nv, const int ahead,
                                const struct FN(tile) *t, VT acc[FMLP_MR][2]) {
    const T *p[FMLP_MR], *in_memory[FMLP_MR], *b = t->b;
    const ptrdiff_t n = t->n, ldb = t->ldb;
    ptrdiff_t pace = t->pace;
    const char *next = t->ahead;
    FMLP_UNROLL
    for (int i = 0; i < m; i++) p[i] = in_memory[i] = (const T *)t->rows[i] + t->first;
    for (ptrdiff_t k = 0; k < n; k++, b += ldb) {
        if (ahead == FN(AHEAD_WEIGHTS) || ahead == FN(AHEAD_ROWS)) {
            FMLP_PREFETCH_L2(next);
            FMLP_RELOAD(pace);
            next += pace;
        }
        if (ahead == FN(AHEAD_ROWS)) FN(fetch_rows)(t, k);
        const VT b0 = V(load)(b);
        const VT b1 = nv > 1 ? V(load)(b + LANES) : b0;
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            if (i >= FMLP_POINTERS) {
                FMLP_RELOAD(in_memory[i]);
                p[i] = in_memory[i];
            }
            const VT a = V(set1)(p[i][k]);
            acc[i][0] = V(fma)(a, b0, acc[i][0]);
            if (nv > 1) acc[i][1] = V(fma)(a, b1, acc[i][1]);
        }
    }
}

/* gradient: sum over rows. They lie pages apart, beyond the hardware's prefetcher: those lines of
 * the tile's inputs that did not come with the tile before are fetched 8 rows ahead. */
FMLP_INLINE void FN(tile_rows)(const int m, const int nv, const int ahead,
                               const struct FN(tile) *t, VT acc[FMLP_MR][2]) {
    const T *b = t->b;
    const void *const *rows = t->rows;
    const ptrdiff_t n = t->n, ldb = t->ldb, first = t->first, last = first + m - 1;
    const int line = 64 / (int)sizeof(T);
    for (ptrdiff_t k = 0; k < n; k++, b += ldb) {
        const T *q = (const T *)rows[k] + first;
        FMLP_OPAQUE(q);
        const T *next = (const T *)rows[k + 8 < n ? k + 8 : k] + last;
        FMLP_PREFETCH(next);
        if (m > line) FMLP_PREFETCH(next - line);
        if (ahead == FN(AHEAD_STREAMS))
            FMLP_PREFETCH_OWN(t->streams[k % FMLP_AHEAD] + k / FMLP_AHEAD * t->pace);
        const VT b0 = V(load)(b);
        const VT b1 = nv > 1 ? V(load)(b + LANES) : b0;
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            const VT a = V(set1)(q[i]);
            acc[i][0] = V(fma)(a, b0, acc[i][0]);
            if (nv > 1) acc[i][1] = V(fma)(a, b1, acc[i][1]);
        }
    }
}

/* The hardware's prefetcher keeps up with half a line of inputs a row, not with more than one. */
FMLP_INLINE void FN(tile_packed)(const int m, const struct FN(tile) *t, VT acc[FMLP_MR][2]) {
    const T *b = t->b, *q = t->packed, *next = t->next_b;
    const ptrdiff_t n = t->n, ldb = t->ldb;
    const int line = 64 / (int)sizeof(T);
    for (ptrdiff_t k = 0; k < n; k++, b += ldb, q += FMLP_MR, next += ldb) {
        if (FMLP_MR > line) FMLP_PREFETCH(q + 16 * FMLP_MR);
        if (FMLP_MR > line) FMLP_PREFETCH(q + 16 * FMLP_MR + line);
        FMLP_PREFETCH(next);
        if (FN(PANEL_BYTES) > 64) FMLP_PREFETCH(next + LANES);
        FMLP_PREFETCH_OWN(t->streams[k % FMLP_AHEAD] + k / FMLP_AHEAD * t->pace);
        const VT b0 = V(load)(b), b1 = V(load)(b + LANES);
        FMLP_UNROLL
        for (int i = 0; i < m; i++) {
            const VT a = V(set1)(q[i]);
            acc[i][0] = V(fma)(a, b0, acc[i][0]);
            acc[i][1] = V(fma)(a, b1, acc[i][1]);
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

FMLP_INLINE void FN(tile)(const int mode, const int m, const int nv, const int ahead,
                          const struct FN(tile) *t) {
    VT acc[FMLP_MR][2];
    FN(tile_start)(mode, m, nv, t, acc);
    if (mode == FN(TILE_GRAD)) FN(tile_rows)(m, nv, ahead, t, acc);
    else if (mode == FN(TILE_PACKED)) FN(tile_packed)(m, t, acc);
    else FN(tile_units)(m, nv, ahead, t, acc);
    FN(tile_end)(mode, m, nv, t, acc);
}

FMLP_INLINE void FN(tile_any)(const int mode, ptrdiff_t m, const int nv, const int ahead,
                              const struct FN(tile) *t) {
    switch (m) {
    case 1: FN(tile)(mode, 1, nv, ahead, t); break;
    case 2: FN(tile)(mode, 2, nv, ahead, t); break;
    case 3: FN(tile)(mode, 3, nv, ahead, t); break;
    case 4: FN(tile)(mode, 4, nv, ahead, t); break;
#if FMLP_MR > 4
    case 5: FN(tile)(mode, 5, nv, ahead, t); break;
    case 6: FN(tile)(mode, 6, nv, ahead, t); break;
#endif
#if FMLP_MR > 6
    case 7: FN(tile)(mode, 7, nv, ahead, t); break;
    case 8: FN(tile)(mode, 8, nv, ahead, t); break;
    case 9: FN(tile)(mode, 9, nv, ahead, t); break;
    case 10: FN(tile)(mode, 10, nv, ahead, t); break;
    case 11: FN(tile)(mode, 11, nv, ahead, t); break;
    case 12: FN(tile)(mode, 12, nv, ahead, t); break;
#endif
    default: break;
    }
}
