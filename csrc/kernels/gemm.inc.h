/* gemm.inc.h - the products of a dense layer forward and backward, panel layout. */

FMLP_INLINE ptrdiff_t FN(tiles)(ptrdiff_t m) { return (m + FMLP_MR - 1) / FMLP_MR; }

/* m rows are cut into tiles of nearly equal height rather than full ones and a small rest. */
FMLP_INLINE ptrdiff_t FN(tile_height)(ptrdiff_t left) {
    const ptrdiff_t tiles = FN(tiles)(left);
    return (left + tiles - 1) / tiles;
}

/* A part of a sum whose weights, one panel wide, stay in L1 while the rows pass over them. Parts
 * are added to in memory, in order: the result is that of one long sum. */
enum { FN(PART) = 32 * 1024 / (2 * LANES * (int)sizeof(T)) };

FMLP_INLINE ptrdiff_t FN(part)(ptrdiff_t left) {
    return left <= FN(PART) * 5 / 4 ? left : FN(PART);
}

/* What comes next is fetched at an even pace, so many bytes in every round: a core waits for few
 * lines at once, and a burst of them would be in the way of the tiles' own. Mostly that is less than
 * a line; asking for the same one again costs little. */
FMLP_INLINE ptrdiff_t FN(pace)(ptrdiff_t bytes, ptrdiff_t rounds) {
    const ptrdiff_t pace = (bytes + rounds - 1) / rounds;
    return pace < 64 ? pace : 64;
}

/* Width of the next panel where n columns are left. */
FMLP_INLINE ptrdiff_t FN(panel_width)(ptrdiff_t n) { return n > LANES ? 2 * LANES : LANES; }

/* Long rows of X come from memory, where the hardware's prefetcher starts anew with each: the first
 * panel's tiles fetch those of the next tile, or for the last one, of the next part. (Inner layers'
 * are in L2 already; theirs are fetched in vain.) */
FMLP_INLINE int FN(next_rows)(ptrdiff_t m, ptrdiff_t next, const void *const *rows,
                              struct FN(tile) *t) {
    if (m < FN(NEXT_ROWS) || t->n < 4 * FN(NEXT_ROWS)) return 0;
    t->next_first = next < m ? t->first : t->first + t->n;
    next = next < m ? next : 0;
    t->next = rows + (next + FN(NEXT_ROWS) <= m ? next : m - FN(NEXT_ROWS));
    return 1;
}

static void FN(forward)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                        const void *w_, int act, void *out_, ptrdiff_t ldo) {
    const T *w = w_;
    T *out = out_;
    const int in_registers = act == FMLP_ACT_IDENTITY || act == FMLP_ACT_RELU;
    struct FN(tile) t = {.ldo = ldo, .pace = FN(pace)(FN(PANEL_BYTES), FN(tiles)(m))};
    for (ptrdiff_t j = 0; j < n; j += 2 * LANES) {
        const ptrdiff_t width = FN(panel_width)(n - j);
        const int rest = FN(is_rest)(n - j, k);
        t.ldb = width, t.bias = w + k * width;
        for (t.first = 0; t.first < k; t.first += t.n) {
            t.n = FN(part)(k - t.first);
            t.b = w + t.first * width;
            t.ahead = (const char *)(t.b + t.n * width); /* the next part */
            t.resume = t.first > 0, t.finish = t.first + t.n == k;
            t.floor = t.finish && act == FMLP_ACT_RELU ? 0 : (T)-INFINITY;
            for (ptrdiff_t i = 0, h; i < m; i += h, t.ahead += t.n * t.pace) {
                h = FN(tile_height)(m - i);
                t.rows = rows + i, t.out = out + i * ldo + j;
                if (rest) h = FN(rest_rows)(FN(TILE_FORWARD), (int)(n - j), m - i, &t);
                else if (width == LANES)
                    FN(tile_any)(FN(TILE_FORWARD), h, 1, FN(AHEAD_NOTHING), &t);
                else if (j == 0 && FN(next_rows)(m, i + h, rows, &t))
                    FN(tile_any)(FN(TILE_FORWARD), h, 2, FN(AHEAD_ROWS), &t);
                else FN(tile_any)(FN(TILE_FORWARD), h, 2, FN(AHEAD_WEIGHTS), &t);
                if (t.finish && !in_registers) FN(act_forward)(act, h, width, t.out, ldo);
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
    struct FN(tile) t = {.ldo = ldd, .lda = lda, .relu = act == FMLP_ACT_RELU,
                         .pace = FN(pace)(FN(PANEL_BYTES), FN(tiles)(m))};
    for (ptrdiff_t k = 0; k < n_in; k += 2 * LANES) {
        const ptrdiff_t width = FN(panel_width)(n_in - k);
        const int rest = FN(is_rest)(n_in - k, n_out);
        t.ldb = width;
        for (t.first = 0; t.first < n_out; t.first += t.n) {
            t.n = FN(part)(n_out - t.first);
            t.b = wt + t.first * width;
            t.ahead = (const char *)(t.b + t.n * width); /* the next part */
            t.resume = t.first > 0, t.finish = t.first + t.n == n_out;
            for (ptrdiff_t i = 0, h; i < m; i += h, t.ahead += t.n * t.pace) {
                h = FN(tile_height)(m - i);
                t.rows = dz + i, t.out = dz_in + i * ldd + k, t.a = a + i * lda + k;
                if (rest) h = FN(rest_rows)(FN(TILE_BACKWARD), (int)(n_in - k), m - i, &t);
                else if (width == LANES)
                    FN(tile_any)(FN(TILE_BACKWARD), h, 1, FN(AHEAD_NOTHING), &t);
                else FN(tile_any)(FN(TILE_BACKWARD), h, 2, FN(AHEAD_WEIGHTS), &t);
                if (t.finish && !t.relu) FN(act_backward)(act, h, width, t.a, lda, t.out, ldd);
            }
        }
        wt += n_out * width;
    }
}
