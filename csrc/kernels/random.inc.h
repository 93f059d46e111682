/* random.inc.h - dropout and Gaussian noise, keyed by where a unit is (philox.h). Needs math.inc.h
 * and activation.inc.h.
 *
 * A unit of a row has the same number whatever the ISA, the element type, the number of threads and
 * the block of rows it is met in.
 */

/* The smallest number of 16 bits that keeps a unit: the probability in steps of 2^-16. */
FMLP_INLINE int FN(dropout_limit)(double p) {
    const int limit = (int)(p * 65536 + 0.5);
    return limit < 65535 ? limit : 65535;
}

FMLP_INLINE void FN(dropout_units)(VM keep, VT scale, int act, T *a, T *d, int n) {
    const VT va = n == LANES ? V(load)(a) : V(load_n)(a, n), zero = V(zero)();
    const VT out = V(sel)(keep, V(mul)(va, scale), zero);
    VT vd = va;
    if (n == LANES) V(store)(a, out);
    else V(store_n)(a, out, n);
    if (!d) return;
    if (act == FMLP_ACT_STORED) vd = n == LANES ? V(load)(d) : V(load_n)(d, n);
    vd = V(sel)(keep, FN(act_d)(act, vd, scale), zero);
    if (n == LANES) V(store)(d, vd);
    else V(store_n)(d, vd, n);
}

static void FN(dropout)(ptrdiff_t m, ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row,
                        double p, int act, void *a_, ptrdiff_t lda, void *d_, ptrdiff_t ldd) {
    const struct fmlp_philox philox = fmlp_philox_start(random);
    const VT limit = V(set1)((T)(8388608 + FN(dropout_limit)(p)));
    const VT scale = V(set1)((T)(1 / (1 - p)));
    T *a = a_, *d = d_;
    for (ptrdiff_t i = 0; i < m; i++, a += lda, d = d ? d + ldd : d) {
        for (ptrdiff_t j = 0; j < n; j += FMLP_GROUP) {
            const int units = n - j < FMLP_GROUP ? (int)(n - j) : FMLP_GROUP;
            union fmlp_group u;
            fmlp_philox_group(&philox, (uint32_t)(row + i), j / FMLP_GROUP, &u);
#if FMLP_IS_F32
            const T *value = u.value;
#else
            T value[FMLP_GROUP];
            for (int k = 0; k < FMLP_GROUP; k++) value[k] = (T)u.value[k];
#endif
            for (int k = 0; k < units; k += LANES) {
                const int left = units - k < LANES ? units - k : LANES;
                const VM keep = V(ge)(V(load)(value + k), limit);
                FN(dropout_units)(keep, scale, act, a + j + k, d ? d + j + k : 0, left);
            }
        }
    }
}

/* The same masks for the stored entries of one row. */
static void FN(dropout_entries)(ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row,
                                double p, const void *columns, int index64, const void *x_,
                                void *out_) {
    const struct fmlp_philox philox = fmlp_philox_start(random);
    const uint64_t limit = (uint64_t)FN(dropout_limit)(p);
    const T scale = (T)(1 / (1 - p)), *x = x_;
    T *out = out_;
    for (ptrdiff_t e = 0; e < n; e += FMLP_D_LANES) {
        const int lanes = n - e < FMLP_D_LANES ? (int)(n - e) : FMLP_D_LANES;
        uint64_t counter[FMLP_D_LANES] = {0}, word[4][FMLP_D_LANES];
        vu_t v[4];
        for (int i = 0; i < lanes; i++) {
            const uint64_t c = (uint64_t)fmlp_index_at(columns, index64, e + i);
            counter[i] = c / FMLP_GROUP * 8 + c % 16 / 2;
        }
        fmlp_philox_at(&philox, (uint32_t)row, vu_load(counter), v);
        for (int w = 0; w < 4; w++) vu_store(word[w], v[w]);
        for (int i = 0; i < lanes; i++) {
            const uint64_t c = (uint64_t)fmlp_index_at(columns, index64, e + i);
            const uint64_t u = word[c % FMLP_GROUP / 16][i] >> c % 2 * 16 & 0xffff;
            out[e + i] = u >= limit ? x[e + i] * scale : 0;
        }
    }
}

/* sin and cos of pi/2 f for |f| <= 1/2: Taylor, to the last place of T */
FMLP_INLINE void FN(sin_cos)(VT f, VT *s, VT *c) {
    const VT x = V(mul)(f, V(set1)((T)1.5707963267948966)), x2 = V(mul)(x, x);
    VT p = V(zero)(), q = V(zero)();
#if !FMLP_IS_F32
    p = V(set1)((T)(1 / 355687428096000.0));            /* 1 / 17! */
    p = V(fma)(p, x2, V(set1)((T)(-1 / 1307674368000.0)));
    p = V(fma)(p, x2, V(set1)((T)(1 / 6227020800.0)));
    p = V(fma)(p, x2, V(set1)((T)(-1 / 39916800.0)));
    q = V(set1)((T)(1 / 20922789888000.0));             /* 1 / 16! */
    q = V(fma)(q, x2, V(set1)((T)(-1 / 87178291200.0)));
    q = V(fma)(q, x2, V(set1)((T)(1 / 479001600.0)));
#endif
    p = V(fma)(p, x2, V(set1)((T)(1 / 362880.0)));
    p = V(fma)(p, x2, V(set1)((T)(-1 / 5040.0)));
    p = V(fma)(p, x2, V(set1)((T)(1 / 120.0)));
    p = V(fma)(p, x2, V(set1)((T)(-1 / 6.0)));
    q = V(fma)(q, x2, V(set1)((T)(-1 / 3628800.0)));
    q = V(fma)(q, x2, V(set1)((T)(1 / 40320.0)));
    q = V(fma)(q, x2, V(set1)((T)(-1 / 720.0)));
    q = V(fma)(q, x2, V(set1)((T)(1 / 24.0)));
    q = V(fma)(q, x2, V(set1)((T)(-0.5)));
    *s = V(fma)(V(mul)(p, x2), x, x);
    *c = V(fma)(q, x2, V(set1)(1));
}

/* Two uniform integers in [0, 2^32) -> two normal deviates (Box & Muller, 1958). The second chooses
 * one of four quadrants about the axes, and the angle in it. */
FMLP_INLINE void FN(normal_pair)(VT r, VT turn, VT *first, VT *second) {
    const VT one = V(set1)(1), two = V(set1)(2), zero = V(zero)();
    const VT unit = V(fma)(r, V(set1)((T)0x1p-32), V(set1)((T)0x1p-33)); /* in (0, 1] */
    const VT radius = V(sqrt)(V(mul)(V(set1)(-2), FN(vlog)(unit)));
    VT f = V(mul)(turn, V(set1)((T)0x1p-30)), s, c; /* in [0, 4] */
    const VM swap = V(ge)(f, two);
    f = V(sub)(f, V(sel)(swap, two, zero));
    const VM turned = V(ge)(f, one);
    f = V(sub)(f, V(sel)(turned, one, zero));
    FN(sin_cos)(V(sub)(f, V(set1)((T)0.5)), &s, &c);
    c = V(sel)(turned, V(neg)(c), c);
    *first = V(mul)(radius, V(sel)(swap, s, c));
    *second = V(mul)(radius, V(sel)(swap, c, s));
}

/* 64 units share 16 counters: deviates of words 0 and 1 of counter i are units i and 16 + i of a
 * group, those of words 2 and 3 units 32 + i and 48 + i. */
FMLP_INLINE void FN(normal_group)(const struct fmlp_philox *p, uint32_t row, ptrdiff_t group,
                                  T z[FMLP_GROUP]) {
    T u[4][16];
    for (int i = 0; i < 16; i += FMLP_D_LANES) {
        uint64_t word[4][FMLP_D_LANES];
        vu_t x[4];
        fmlp_philox_at(p, row, fmlp_philox_counter(16 * (uint64_t)group + (uint64_t)i), x);
        for (int w = 0; w < 4; w++) {
            vu_store(word[w], x[w]);
            for (int k = 0; k < FMLP_D_LANES; k++) u[w][i + k] = (T)(uint32_t)word[w][k];
        }
    }
    for (int i = 0; i < 16; i += LANES) {
        for (int w = 0; w < 4; w += 2) {
            VT first, second;
            FN(normal_pair)(V(load)(u[w] + i), V(load)(u[w + 1] + i), &first, &second);
            V(store)(z + 16 * w + i, first);
            V(store)(z + 16 * (w + 1) + i, second);
        }
    }
}

static void FN(noise)(ptrdiff_t m, ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row,
                      double sigma, void *a_, ptrdiff_t lda) {
    const struct fmlp_philox philox = fmlp_philox_start(random);
    const VT s = V(set1)((T)sigma);
    T *a = a_;
    for (ptrdiff_t i = 0; i < m; i++, a += lda) {
        for (ptrdiff_t j = 0; j < n; j += FMLP_GROUP) {
            T z[FMLP_GROUP];
            FN(normal_group)(&philox, (uint32_t)(row + i), j / FMLP_GROUP, z);
            for (int k = 0; k < FMLP_GROUP && j + k < n; k += LANES) {
                const int left = n - j - k < LANES ? (int)(n - j - k) : LANES;
                T *at = a + j + k;
                V(store_n)(at, V(fma)(s, V(load)(z + k), V(load_n)(at, left)), left);
            }
        }
    }
}
