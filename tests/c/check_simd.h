/* Each word of the SIMD vocabulary against its meaning in scalar C; a template as the kernels. */

#if FMLP_IS_F32
#define U uint32_t
#define SIGN 0x80000000u
#define MANT_BITS 23
#define BIAS 127
#define M(name) name##f
#else
#define U uint64_t
#define SIGN ((uint64_t)1 << 63)
#define MANT_BITS 52
#define BIAS 1023
#define M(name) name
#endif

static U FN(bits)(T v) {
    U u;
    memcpy(&u, &v, sizeof u);
    return u;
}
static T FN(from_bits)(U u) {
    T v;
    memcpy(&v, &u, sizeof v);
    return v;
}
/* Bitwise, any NaN being as good as any other. */
static int FN(same)(T a, T b) { return FN(bits)(a) == FN(bits)(b) || (a != a && b != b); }

static T FN(scalar_fma)(T a, T b, T c) { return LANES == 1 ? a * b + c : M(fma)(a, b, c); }
static T FN(scalar_fnma)(T a, T b, T c) { return LANES == 1 ? c - a * b : M(fma)(-a, b, c); }
static T FN(scalar_max)(T a, T b) { return a > b ? a : b; }

static void FN(expect)(const char *name, VT got, const T *want) {
    T g[LANES];
    char text[160];
    V(store)(g, got);
    for (int i = 0; i < LANES; i++) {
        int ok = FN(same)(g[i], want[i]);
        snprintf(text, sizeof text, "lane %d is %a, not %a (%d bytes)", i, (double)g[i],
                 (double)want[i], (int)sizeof(T));
        check(ok, name, text);
    }
}

#define EXPECT(name, got, formula)                             \
    do {                                                       \
        for (int i = 0; i < LANES; i++) want[i] = (T)(formula); \
        FN(expect)(name, got, want);                           \
    } while (0)
#define MASK(name, mask, formula)                                                        \
    do {                                                                                 \
        int any = 0;                                                                     \
        for (int i = 0; i < LANES; i++) any |= (formula) != 0;                           \
        EXPECT(name, V(sel)(mask, V(set1)(1), V(set1)(0)), (formula) ? 1 : 0);           \
        check((V(any)(mask) != 0) == any, "any of " name, NULL);                         \
    } while (0)

static void FN(check_arithmetic)(const T *a, const T *b, const T *c) {
    T want[LANES];
    const VT x = V(load)(a), y = V(load)(b), z = V(load)(c);
    EXPECT("load", x, a[i]);
    EXPECT("add", V(add)(x, y), a[i] + b[i]);
    EXPECT("sub", V(sub)(x, y), a[i] - b[i]);
    EXPECT("mul", V(mul)(x, y), a[i] * b[i]);
    EXPECT("div", V(div)(x, y), a[i] / b[i]);
    EXPECT("sqrt", V(sqrt)(x), M(sqrt)(a[i]));
    EXPECT("fma", V(fma)(x, y, z), FN(scalar_fma)(a[i], b[i], c[i]));
    EXPECT("fnma", V(fnma)(x, y, z), FN(scalar_fnma)(a[i], b[i], c[i]));
    EXPECT("max", V(max)(x, y), a[i] > b[i] ? a[i] : b[i]);
    EXPECT("min", V(min)(x, y), a[i] < b[i] ? a[i] : b[i]);
    EXPECT("abs", V(abs)(x), M(fabs)(a[i]));
    EXPECT("neg", V(neg)(x), -a[i]);
    EXPECT("or", V(or)(x, y), FN(from_bits)(FN(bits)(a[i]) | FN(bits)(b[i])));
    EXPECT("signof", V(signof)(x), FN(from_bits)(FN(bits)(a[i]) & SIGN));
    EXPECT("xorsign", V(xorsign)(x, y), FN(from_bits)(FN(bits)(a[i]) ^ (FN(bits)(b[i]) & SIGN)));
    MASK("lt", V(lt)(x, y), a[i] < b[i]);
    MASK("le", V(le)(x, y), a[i] <= b[i]);
    MASK("gt", V(gt)(x, y), a[i] > b[i]);
    MASK("ge", V(ge)(x, y), a[i] >= b[i]);
    MASK("eq", V(eq)(x, y), a[i] == b[i]);
    MASK("ne", V(ne)(x, y), a[i] != b[i]);
    MASK("mand", V(mand)(V(lt)(x, y), V(lt)(y, z)), a[i] < b[i] && b[i] < c[i]);
    MASK("mor", V(mor)(V(lt)(x, y), V(lt)(y, z)), a[i] < b[i] || b[i] < c[i]);
    MASK("mnot", V(mnot)(V(lt)(x, y)), !(a[i] < b[i]));
    EXPECT("sel", V(sel)(V(lt)(x, y), z, x), a[i] < b[i] ? c[i] : a[i]);

    T sum[LANES], top[LANES];
    memcpy(sum, a, sizeof sum);
    memcpy(top, a, sizeof top);
    for (int h = LANES / 2; h > 0; h /= 2) {
        for (int i = 0; i < h; i++) {
            sum[i] = sum[i] + sum[i + h];
            top[i] = FN(scalar_max)(top[i], top[i + h]);
        }
    }
    check(FN(same)(V(hsum)(x), sum[0]), "hsum", NULL);
    check(FN(same)(V(hmax)(x), top[0]), "hmax", NULL);
}

static void FN(check_exponents)(void) {
    T want[LANES], v[LANES], w[LANES];
    for (int e = 1 - BIAS; e <= BIAS; e++) {
        for (int i = 0; i < LANES; i++) v[i] = (T)(e + i > BIAS ? BIAS : e + i);
        EXPECT("pow2", V(pow2)(V(add)(V(load)(v), V(shift)())), M(ldexp)((T)1, (int)v[i]));
        for (int i = 0; i < LANES; i++) {
            w[i] = M(ldexp)((T)random_uniform(1, 2), (int)v[i]);
            if (i % 3 == 1) w[i] = M(ldexp)((T)1, (int)v[i]);
            if (i % 3 == 2) w[i] = M(nextafter)(M(ldexp)((T)2, (int)v[i]), (T)0);
        }
        EXPECT("getexp", V(getexp)(V(load)(w)), v[i]);
        EXPECT("getmant", V(getmant)(V(load)(w)), M(ldexp)(w[i], -(int)v[i]));
    }
    for (int round = 0; round < 1000; round++) { /* to the nearest; halfway either will do */
        const T most = FMLP_IS_F32 ? 0x1p21f : (T)0x1p50;
        for (int i = 0; i < LANES; i++) {
            v[i] = (T)random_uniform(-1, 1) * (round % 2 ? most : 1000);
            if (v[i] - M(floor)(v[i]) == (T)0.5) v[i] += (T)0.25;
        }
        EXPECT("shift", V(sub)(V(add)(V(load)(v), V(shift)()), V(shift)()), M(nearbyint)(v[i]) + 0);
    }
    const int far = FMLP_IS_F32 ? 200 : 1400;
    for (int e = -far; e <= far; e++) {
        for (int i = 0; i < LANES; i++) v[i] = (T)(e + i > far ? far : e + i);
        for (int i = 0; i < LANES; i++) w[i] = (T)random_uniform(0.5, 2);
        w[e & (LANES - 1)] = e & 64 ? (T)0.5 : (T)NAN;
        EXPECT("scale", V(scale)(V(load)(w), V(load)(v)), M(ldexp)(w[i], (int)v[i]));
    }
}

/* Roots rounded correctly, for float all mantissas with an even and an odd exponent; far below,
 * where a residual may be subnormal, to one ULP. */
static void FN(check_roots)(void) {
    const int exact_from = FMLP_IS_F32 ? -100 : -960;
    T v[LANES], g[LANES];
    for (int e = 1 - BIAS; e <= BIAS; e++) {
        const int all = FMLP_IS_F32 && (e == 0 || e == 1);
        const long count = all ? 1L << 23 : 2000;
        int wrong = 0;
        for (long k = 0; k < count; k += LANES) {
            for (int i = 0; i < LANES; i++) {
                const double part = all ? (double)(k + i) / (double)count : random_uniform(0, 1);
                v[i] = M(ldexp)((T)(1 + part), e);
            }
            if (k == 0) v[1] = M(ldexp)((T)1, e), v[2] = M(nextafter)(v[1], (T)INFINITY);
            V(store)(g, V(sqrt)(V(load)(v)));
            for (int i = 0; i < LANES; i++) {
                const T want = M(sqrt)(v[i]);
                wrong += e >= exact_from ? g[i] != want
                                         : g[i] < M(nextafter)(want, (T)0) ||
                                               g[i] > M(nextafter)(want, (T)INFINITY);
            }
        }
        check(wrong == 0, "sqrt of many numbers", NULL);
    }
}

/* Loads and stores of n lanes at both ends of a page between unreadable ones. */
static void FN(check_memory)(void) {
    size_t size;
    char *page = guarded_page(&size);
    T *p = (T *)(void *)page, *end = (T *)(void *)(page + size), want[LANES], v[LANES];
    const ptrdiff_t count = (ptrdiff_t)(size / sizeof(T));
    const T sentinel = (T)-12345;
    for (ptrdiff_t i = 0; i < count; i++) p[i] = (T)(i + 1);
    for (int i = 0; i < LANES; i++) v[i] = (T)(1000 + i);
    const VT x = V(load)(v);

    for (int n = 0; n <= LANES; n++) {
        EXPECT("load_n at the end", V(load_n)(end - n, n), i < n ? end[i - n] : 0);
        EXPECT("load_n at the start", V(load_n)(p, n), i < n ? p[i] : 0);
        for (ptrdiff_t s = -3; s <= 3; s++) {
            /* the last lane used is the last, or with s < 0 the first, element of the page */
            T *first = s < 0 ? p - s * (n ? n - 1 : 0) : end - 1 - s * (n ? n - 1 : 0);
            EXPECT("load_strided", V(load_strided)(first, s, n), i < n ? first[i * s] : 0);
        }
    }
    for (int n = 0; n <= LANES; n++) {
        for (ptrdiff_t s = -3; s <= 4; s++) { /* s = 4 stands for store_n */
            const ptrdiff_t step = s == 4 ? 1 : s;
            if (!step) continue;
            for (ptrdiff_t i = 0; i < count; i++) p[i] = sentinel;
            T *first = s < 0 ? p - s * (n ? n - 1 : 0) : end - step * n + (n ? step - 1 : 0);
            if (s == 4) V(store_n)(first, x, n);
            else V(store_strided)(first, s, x, n);
            int ok = 1;
            for (int i = 0; i < n; i++) {
                ok &= first[i * step] == v[i];
                first[i * step] = sentinel;
            }
            for (ptrdiff_t i = 0; i < count; i++) ok &= p[i] == sentinel;
            check(ok, s == 4 ? "store_n" : "store_strided", NULL);
        }
    }
    /* unaligned */
    for (int k = 0; k < LANES; k++) {
        for (ptrdiff_t i = 0; i < count; i++) p[i] = (T)i;
        EXPECT("load unaligned", V(load)(p + k), p[k + i]);
        V(store)(p + k, x);
        int ok = 1;
        for (int i = 0; i < 3 * LANES; i++) {
            ok &= p[i] == (i >= k && i < k + LANES ? v[i - k] : (T)i);
        }
        check(ok, "store unaligned", NULL);
    }
}

static void FN(check_simd)(void) {
    const T tiny = FN(from_bits)(1), normal = M(ldexp)((T)1, 1 - BIAS), big = 1 / normal;
    const T two_m = M(ldexp)((T)1, MANT_BITS);
    const T special[] = {0, (T)-0.0, 1, -1, (T)0.5, (T)-0.5, (T)1.5, (T)2.5, (T)-2.5, tiny, -tiny,
                         normal, -normal, big, -big, INFINITY, -INFINITY, NAN, two_m, -two_m,
                         two_m - (T)0.5, two_m + 1, (T)0.1, (T)-3.3, (T)1e10, (T)0.49999997};
    enum { N = sizeof special / sizeof special[0] };
    T want[LANES], a[LANES], b[LANES], c[LANES];
    for (int k = 0; k < N * N; k++) {
        for (int i = 0; i < LANES; i++) {
            a[i] = special[(k / N + i) % N];
            b[i] = special[(k + 3 * i) % N];
            c[i] = special[(k + k / N + 7 * i) % N];
        }
        FN(check_arithmetic)(a, b, c);
    }
    for (int k = 0; k < 2000; k++) {
        for (int i = 0; i < LANES; i++) {
            a[i] = (T)random_uniform(-9, 9);
            b[i] = (T)random_uniform(-9, 9);
            c[i] = -a[i] * b[i]; /* fma leaves the rounding error of a * b */
        }
        FN(check_arithmetic)(a, b, c);
    }
    EXPECT("set1", V(set1)((T)3.25), 3.25);
    EXPECT("zero", V(zero)(), 0);
    FN(check_exponents)();
    FN(check_roots)();
    FN(check_memory)();
}

#undef EXPECT
#undef MASK
#undef U
#undef SIGN
#undef MANT_BITS
#undef BIAS
#undef M
