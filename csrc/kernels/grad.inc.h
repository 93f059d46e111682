/* grad.inc.h - the weight gradient of a dense layer, panel layout, and the bias's. */

/* Of what the rule will touch, where the tile begins that is `row` rows down an item, and where its
 * share for the mini-batch's rows from i on. */
FMLP_INLINE const char *FN(stream)(const struct fmlp_ahead *ahead, int s, ptrdiff_t row,
                                   ptrdiff_t i, ptrdiff_t pace) {
    return (const char *)ahead->at[s] + row / (2 * LANES) * ahead->stride[s] +
           row % (2 * LANES) * FN(PANEL_BYTES) + i / FMLP_AHEAD * pace;
}

/* Rows at most whose deltas, and one line of inputs each, stay in L1 while the tiles of an item pass
 * over them. */
enum { FN(GRAD_ROWS) = 144 };

/* m rows are cut into equal pieces of that. */
FMLP_INLINE ptrdiff_t FN(grad_rows)(ptrdiff_t left) {
    const ptrdiff_t pieces = (left + FN(GRAD_ROWS) - 1) / FN(GRAD_ROWS);
    return (left + pieces - 1) / pieces;
}

static void FN(grad)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n, const void *const *rows,
                     const void *dz, ptrdiff_t ldz, int accumulate, void *g_,
                     const struct fmlp_ahead *ahead) {
    const ptrdiff_t width = FN(panel_width)(n);
    const int rest = FN(is_rest)(n, m);
    T *g = g_;
    struct FN(tile) t = {.ldb = ldz, .ldo = width,
                         .pace = FN(pace)(FMLP_AHEAD * FMLP_MR * FN(PANEL_BYTES), m)};
    for (ptrdiff_t i = 0; i < m; i += t.n) {
        t.n = FN(grad_rows)(m - i);
        t.rows = rows + i;
        t.b = (const T *)dz + i * ldz;
        t.resume = accumulate || i > 0;
        for (ptrdiff_t k = k0, h; k < k1; k += h) {
            h = FN(tile_height)(k1 - k);
            for (int s = 0; ahead && s < FMLP_AHEAD; s++)
                t.streams[s] = FN(stream)(ahead, s, k - k0, i, t.pace);
            t.first = k, t.out = g + (k - k0) * width;
            if (rest) h = FN(rest_grad)((int)n, k1 - k, &t);
            else if (width == LANES) FN(tile_any)(FN(TILE_GRAD), h, 1, FN(AHEAD_NOTHING), &t);
            else if (ahead) FN(tile_any)(FN(TILE_GRAD), h, 2, FN(AHEAD_STREAMS), &t);
            else FN(tile_any)(FN(TILE_GRAD), h, 2, FN(AHEAD_NOTHING), &t);
        }
    }
}

/* Rows of inputs lie pages apart, and a tile takes a line or two of each: with all of them in L2 the
 * gradient waits for lines. Where many panels pass over the same inputs, these are first brought into
 * the order of the tiles' reading, one stream for each (Goto, van de Geijn: "Anatomy of
 * high-performance matrix multiplication", 2008). */

/* From one tile to the next: an odd number of lines, so that all fall into other sets of L1. */
FMLP_INLINE ptrdiff_t FN(pack_stride)(ptrdiff_t m) {
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof(T), lines = (m * FMLP_MR + line - 1) / line;
    return (lines | 1) * line;
}

static ptrdiff_t FN(pack_inputs)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, const void *const *rows,
                                 void *packed) {
    const ptrdiff_t stride = FN(pack_stride)(m);
    for (ptrdiff_t r = 0; packed && r < m; r++) {
        T *to = (T *)packed + r * FMLP_MR;
        const T *row = rows[r], *later = rows[r + 4 < m ? r + 4 : r];
        for (ptrdiff_t k = k0; k < k1; k += 64 / (ptrdiff_t)sizeof(T)) FMLP_PREFETCH(later + k);
        for (ptrdiff_t k = k0, h; k < k1; k += h, to += stride) {
            h = FN(tile_height)(k1 - k);
            /* a constant number, more than h where the next tile's are there to be read */
            if (k + FMLP_MR <= k1) memcpy(to, row + k, FMLP_MR * sizeof(T));
            else memcpy(to, row + k, (size_t)h * sizeof(T));
        }
    }
    return FN(tiles)(k1 - k0) * stride;
}

static void FN(grad_packed)(ptrdiff_t m, ptrdiff_t k, const void *packed, const void *dz,
                            ptrdiff_t ldz, int accumulate, void *g_,
                            const struct fmlp_ahead *ahead) {
    const ptrdiff_t stride = FN(pack_stride)(m);
    const T *const deltas = dz;
    T *const g = g_;
    struct FN(tile) t = {.ldb = ldz, .ldo = 2 * LANES};
    if (ahead) t.pace = FN(pace)(FMLP_AHEAD * FMLP_MR * FN(PANEL_BYTES), m);
    for (ptrdiff_t i = 0; i < m; i += t.n) {
        t.n = FN(grad_rows)(m - i);
        t.b = deltas + i * ldz;
        t.resume = accumulate || i > 0;
        t.packed = (const T *)packed + i * FMLP_MR;
        const T *next = i + t.n < m ? t.b + t.n * ldz : deltas + 2 * LANES; /* piece, or panel */
        for (ptrdiff_t at = 0, h; at < k; at += h, t.packed += stride) {
            h = FN(tile_height)(k - at);
            t.out = g + at * 2 * LANES;
            t.next_b = at + h == k ? next : t.b;
            /* nothing to fetch: its own line again and again */
            for (int s = 0; s < FMLP_AHEAD; s++)
                t.streams[s] = ahead ? FN(stream)(ahead, s, at, i, t.pace) : (const char *)t.out;
            FN(tile_any)(FN(TILE_PACKED), h, 2, FN(AHEAD_STREAMS), &t);
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
