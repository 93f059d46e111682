/* Arrays for the kernels' checks: inputs that end where unreadable memory begins, outputs among
 * sentinels, small integers or real numbers, and comparison with plain loops. A template. */

#ifndef CHECK_ARRAYS_H
#define CHECK_ARRAYS_H

enum { ARRAYS = 10, ARRAY_BYTES = 1 << 20 };

/* `bytes` bytes of array number `slot` that end at a page which cannot be touched. */
static void *array_at(int slot, size_t bytes) {
    static char *pool[ARRAYS];
    if (!pool[slot]) pool[slot] = guarded(ARRAY_BYTES);
    if (bytes > ARRAY_BYTES) {
        printf("FAILED array of %zu bytes does not fit\n", bytes);
        exit(2);
    }
    return pool[slot] + ARRAY_BYTES - bytes;
}

static ptrdiff_t padded_to(ptrdiff_t n, ptrdiff_t lanes) { return (n + lanes - 1) / lanes * lanes; }

#endif

#define SENTINEL ((T)-12345)

enum { FN(EXACT), FN(REAL) }; /* small integers, whose sums are exact; real numbers */

static T *FN(array)(int slot, ptrdiff_t n) { return array_at(slot, (size_t)n * sizeof(T)); }

static T *FN(input)(int slot, ptrdiff_t n, int kind) {
    T *p = FN(array)(slot, n);
    for (ptrdiff_t i = 0; i < n; i++)
        p[i] = kind == FN(EXACT) ? (T)((i * 7 + i / 11 * 3 + slot) % 11 - 5)
                                 : (T)random_uniform(-1, 1);
    return p;
}

/* (m, ld) of sentinels of which (m, n) may be written; the last row ends at the last element */
static T *FN(output_array)(int slot, ptrdiff_t m, ptrdiff_t ld) {
    T *p = FN(array)(slot, m * ld);
    for (ptrdiff_t i = 0; i < m * ld; i++) p[i] = SENTINEL;
    return p;
}

static int FN(untouched)(const T *p, ptrdiff_t m, ptrdiff_t n, ptrdiff_t ld) {
    for (ptrdiff_t i = 0; i < m * ld; i++)
        if (i % ld >= n && p[i] != SENTINEL) return 0;
    return 1;
}

/* A sum of products: value and sum of absolute values. */
struct FN(sum_of) {
    FN(wide) value, magnitude;
    ptrdiff_t n;
};

static void FN(add_product)(struct FN(sum_of) *s, T a, T b) {
    const FN(wide) p = (FN(wide))a * (FN(wide))b;
    s->value += p;
    s->magnitude += p < 0 ? -p : p;
    s->n++;
}

/* Exact, or within 2 (n + 2) eps of the sum of absolute values. */
static int FN(agrees)(T got, const struct FN(sum_of) *s, int kind) {
    if (kind == FN(EXACT)) return got == (T)s->value;
    const FN(wide) eps = FMLP_IS_F32 ? FLT_EPSILON : DBL_EPSILON, error = got - s->value;
    return (error < 0 ? -error : error) <= 2 * (FN(wide))(s->n + 2) * eps * s->magnitude;
}

static void FN(report)(int ok, const char *name, int kind, ptrdiff_t m, ptrdiff_t k, ptrdiff_t n) {
    char text[120];
    snprintf(text, sizeof text, "%s, %td x %td x %td, %d bytes",
             kind == FN(EXACT) ? "integers" : "real numbers", m, k, n, (int)sizeof(T));
    check(ok, name, text);
}

/* Rows scattered in memory, as a permutation of X is: the last first. */
static const void **FN(row_pointers)(const T *x, ptrdiff_t m, ptrdiff_t ld) {
    static const void *rows[8192];
    for (ptrdiff_t i = 0; i < m; i++) rows[i] = x + (m - 1 - i) * ld;
    return rows;
}
