/* units.inc.h - activations that are more than a function of one number: prelu has a slope for each
 * unit, maxout takes the largest of several columns. Needs nothing of activation.inc.h.
 *
 * In training the forward pass leaves e, which says what came in, and d, which is 1, for the masks
 * of dropout. Either may be NULL.
 */

/* He et al. 2015: a <- z where positive, else slope z, for n units; e <- z. */
static void FN(prelu)(ptrdiff_t m, ptrdiff_t n, const void *slopes_ /* (n) */, void *a_,
                      ptrdiff_t lda, void *d_, ptrdiff_t ldd, void *e_, ptrdiff_t lde) {
    const VT zero = V(zero)(), one = V(set1)(1);
    const T *slopes = slopes_;
    for (ptrdiff_t i = 0; i < m; i++) {
        T *a = (T *)a_ + i * lda, *d = d_ ? (T *)d_ + i * ldd : 0, *e = e_ ? (T *)e_ + i * lde : 0;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int w = n - j < LANES ? (int)(n - j) : LANES;
            const VT z = V(load_n)(a + j, w);
            const VT slope = V(sel)(V(gt)(z, zero), one, V(load_n)(slopes + j, w));
            V(store_n)(a + j, V(mul)(z, slope), w);
            if (d) V(store_n)(d + j, one, w);
            if (e) V(store_n)(e + j, z, w);
        }
    }
}

/* dz: deltas of the outputs -> of the inputs; e -> contributions to the gradient of the slopes */
static void FN(prelu_backward)(ptrdiff_t m, ptrdiff_t n, const void *slopes_ /* (n) */, void *e_,
                               ptrdiff_t lde, void *dz_, ptrdiff_t ldz) {
    const VT zero = V(zero)(), one = V(set1)(1);
    const T *slopes = slopes_;
    for (ptrdiff_t i = 0; i < m; i++) {
        T *e = (T *)e_ + i * lde, *dz = (T *)dz_ + i * ldz;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int w = n - j < LANES ? (int)(n - j) : LANES;
            const VT g = V(load_n)(dz + j, w), z = V(load_n)(e + j, w);
            const VT slope = V(sel)(V(gt)(z, zero), one, V(load_n)(slopes + j, w));
            V(store_n)(e + j, V(mul)(g, V(min)(zero, z)), w);
            V(store_n)(dz + j, V(mul)(g, slope), w);
        }
    }
}

/* Goodfellow et al. 2013. Column p * n + j is piece p of unit j: a[j] <- the largest, the first of
 * equals, and zeros up to the next whole vector; e[j] <- which piece it was. */
static void FN(maxout)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t pieces, void *a_, ptrdiff_t lda,
                       void *d_, ptrdiff_t ldd, void *e_, ptrdiff_t lde) {
    const VT one = V(set1)(1);
    for (ptrdiff_t i = 0; i < m; i++) {
        T *a = (T *)a_ + i * lda, *d = d_ ? (T *)d_ + i * ldd : 0, *e = e_ ? (T *)e_ + i * lde : 0;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int w = n - j < LANES ? (int)(n - j) : LANES;
            VT best = V(load_n)(a + j, w), winner = V(zero)();
            for (ptrdiff_t p = 1; p < pieces; p++) {
                const VT z = V(load_n)(a + p * n + j, w);
                /* larger, or NaN, which then stays */
                const VM larger = V(mand)(V(mnot)(V(le)(z, best)), V(eq)(best, best));
                best = V(sel)(larger, z, best);
                winner = V(sel)(larger, V(set1)((T)p), winner);
            }
            V(store_n)(a + j, best, w);
            if (d) V(store_n)(d + j, one, w);
            if (e) V(store_n)(e + j, winner, w);
        }
        for (ptrdiff_t j = n; j % LANES && j < n * pieces; j++) a[j] = 0;
    }
}

/* dz: deltas of the n outputs -> of the n * pieces columns */
static void FN(maxout_backward)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t pieces, const void *e_,
                                ptrdiff_t lde, void *dz_, ptrdiff_t ldz) {
    const VT zero = V(zero)();
    for (ptrdiff_t i = 0; i < m; i++) {
        const T *e = (const T *)e_ + i * lde;
        T *dz = (T *)dz_ + i * ldz;
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            const int w = n - j < LANES ? (int)(n - j) : LANES;
            const VT g = V(load_n)(dz + j, w), winner = V(load_n)(e + j, w);
            for (ptrdiff_t p = 0; p < pieces; p++)
                V(store_n)(dz + p * n + j, V(sel)(V(eq)(winner, V(set1)((T)p)), g, zero), w);
        }
    }
}
