/* SIMD vocabulary for AVX2 + FMA: 8 floats or 4 doubles. simd_scalar.h has the meaning of each
 * word. */
#ifndef FMLP_SIMD_H
#define FMLP_SIMD_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

#define FMLP_F_LANES 8
#define FMLP_D_LANES 4

typedef __m256 vf_t;
typedef __m256d vd_t;
typedef __m256i vu_t;
typedef __m256 vf_m;
typedef __m256d vd_m;

/* ---- float ---- */
FMLP_INLINE __m256i fmlp_first_f(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FMLP_INLINE vf_t vf_load(const float *p) { return _mm256_loadu_ps(p); }
FMLP_INLINE void vf_store(float *p, vf_t v) { _mm256_storeu_ps(p, v); }
FMLP_INLINE vf_t vf_load_n(const float *p, int n) { return _mm256_maskload_ps(p, fmlp_first_f(n)); }
FMLP_INLINE void vf_store_n(float *p, vf_t v, int n) { _mm256_maskstore_ps(p, fmlp_first_f(n), v); }
FMLP_INLINE vf_t vf_load_strided(const float *p, ptrdiff_t s, int n) {
    if (n == 8) {
        return _mm256_setr_ps(p[0], p[s], p[2 * s], p[3 * s], p[4 * s], p[5 * s], p[6 * s],
                              p[7 * s]);
    }
    float b[8] = {0};
    for (int i = 0; i < n; i++) b[i] = p[i * s];
    return _mm256_loadu_ps(b);
}
FMLP_INLINE void vf_store_strided(float *p, ptrdiff_t s, vf_t v, int n) {
    float b[8];
    _mm256_storeu_ps(b, v);
    for (int i = 0; i < n; i++) p[i * s] = b[i];
}
FMLP_INLINE vf_t vf_set1(float x) { return _mm256_set1_ps(x); }
FMLP_INLINE vf_t vf_zero(void) { return _mm256_setzero_ps(); }
FMLP_INLINE vf_t vf_add(vf_t a, vf_t b) { return _mm256_add_ps(a, b); }
FMLP_INLINE vf_t vf_sub(vf_t a, vf_t b) { return _mm256_sub_ps(a, b); }
FMLP_INLINE vf_t vf_mul(vf_t a, vf_t b) { return _mm256_mul_ps(a, b); }
FMLP_INLINE vf_t vf_div(vf_t a, vf_t b) { return _mm256_div_ps(a, b); }
FMLP_INLINE vf_t vf_sqrt(vf_t a) { return _mm256_sqrt_ps(a); }
FMLP_INLINE vf_t vf_fma(vf_t a, vf_t b, vf_t c) { return _mm256_fmadd_ps(a, b, c); }
FMLP_INLINE vf_t vf_fnma(vf_t a, vf_t b, vf_t c) { return _mm256_fnmadd_ps(a, b, c); }
FMLP_INLINE vf_t vf_max(vf_t a, vf_t b) { return _mm256_max_ps(a, b); }
FMLP_INLINE vf_t vf_min(vf_t a, vf_t b) { return _mm256_min_ps(a, b); }
FMLP_INLINE vf_m vf_lt(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
FMLP_INLINE vf_m vf_le(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
FMLP_INLINE vf_m vf_gt(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
FMLP_INLINE vf_m vf_ge(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
FMLP_INLINE vf_m vf_eq(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
FMLP_INLINE vf_m vf_ne(vf_t a, vf_t b) { return _mm256_cmp_ps(a, b, _CMP_NEQ_UQ); }
FMLP_INLINE vf_t vf_sel(vf_m m, vf_t a, vf_t b) { return _mm256_blendv_ps(b, a, m); }
FMLP_INLINE vf_m vf_mand(vf_m a, vf_m b) { return _mm256_and_ps(a, b); }
FMLP_INLINE vf_m vf_mor(vf_m a, vf_m b) { return _mm256_or_ps(a, b); }
FMLP_INLINE vf_m vf_mnot(vf_m a) {
    return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
}
FMLP_INLINE int vf_any(vf_m a) { return _mm256_movemask_ps(a) != 0; }
FMLP_INLINE float vf_hsum(vf_t v) {
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
FMLP_INLINE float vf_hmax(vf_t v) {
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
FMLP_INLINE vf_t vf_or(vf_t a, vf_t b) { return _mm256_or_ps(a, b); }
FMLP_INLINE vf_t vf_signof(vf_t v) { return _mm256_and_ps(v, _mm256_set1_ps(-0.0f)); }
FMLP_INLINE vf_t vf_abs(vf_t v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
FMLP_INLINE vf_t vf_neg(vf_t v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }
FMLP_INLINE vf_t vf_xorsign(vf_t a, vf_t b) { return _mm256_xor_ps(a, vf_signof(b)); }
FMLP_INLINE vf_t vf_shift(void) { return _mm256_set1_ps(12583039.0f); } /* 1.5 * 2^23 + 127 */
FMLP_INLINE vf_t vf_pow2(vf_t v) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 23));
}
FMLP_INLINE vf_t vf_scale(vf_t a, vf_t v) {
    vf_t h = vf_max(vf_min(v, vf_set1(100.0f)), vf_set1(-100.0f)); /* only the last step rounds */
    const vf_t first = vf_pow2(vf_add(h, vf_shift()));
    return vf_mul(vf_mul(a, first), vf_pow2(vf_add(vf_sub(v, h), vf_shift())));
}
FMLP_INLINE vf_t vf_getexp(vf_t v) {
    __m256i e = _mm256_srli_epi32(_mm256_castps_si256(vf_abs(v)), 23);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(e, _mm256_set1_epi32(127)));
}
FMLP_INLINE vf_t vf_getmant(vf_t v) {
    vf_t m = _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(0x007fffff)));
    return _mm256_or_ps(m, _mm256_set1_ps(1.0f));
}

/* ---- double ---- */
FMLP_INLINE __m256i fmlp_first_d(int n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
FMLP_INLINE vd_t vd_load(const double *p) { return _mm256_loadu_pd(p); }
FMLP_INLINE void vd_store(double *p, vd_t v) { _mm256_storeu_pd(p, v); }
FMLP_INLINE vd_t vd_load_n(const double *p, int n) {
    return _mm256_maskload_pd(p, fmlp_first_d(n));
}
FMLP_INLINE void vd_store_n(double *p, vd_t v, int n) {
    _mm256_maskstore_pd(p, fmlp_first_d(n), v);
}
FMLP_INLINE vd_t vd_load_strided(const double *p, ptrdiff_t s, int n) {
    if (n == 4) return _mm256_setr_pd(p[0], p[s], p[2 * s], p[3 * s]);
    double b[4] = {0};
    for (int i = 0; i < n; i++) b[i] = p[i * s];
    return _mm256_loadu_pd(b);
}
FMLP_INLINE void vd_store_strided(double *p, ptrdiff_t s, vd_t v, int n) {
    double b[4];
    _mm256_storeu_pd(b, v);
    for (int i = 0; i < n; i++) p[i * s] = b[i];
}
FMLP_INLINE vd_t vd_set1(double x) { return _mm256_set1_pd(x); }
FMLP_INLINE vd_t vd_zero(void) { return _mm256_setzero_pd(); }
FMLP_INLINE vd_t vd_add(vd_t a, vd_t b) { return _mm256_add_pd(a, b); }
FMLP_INLINE vd_t vd_sub(vd_t a, vd_t b) { return _mm256_sub_pd(a, b); }
FMLP_INLINE vd_t vd_mul(vd_t a, vd_t b) { return _mm256_mul_pd(a, b); }
FMLP_INLINE vd_t vd_div(vd_t a, vd_t b) { return _mm256_div_pd(a, b); }
FMLP_INLINE vd_t vd_sqrt(vd_t a) { return _mm256_sqrt_pd(a); }
FMLP_INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) { return _mm256_fmadd_pd(a, b, c); }
FMLP_INLINE vd_t vd_fnma(vd_t a, vd_t b, vd_t c) { return _mm256_fnmadd_pd(a, b, c); }
FMLP_INLINE vd_t vd_max(vd_t a, vd_t b) { return _mm256_max_pd(a, b); }
FMLP_INLINE vd_t vd_min(vd_t a, vd_t b) { return _mm256_min_pd(a, b); }
FMLP_INLINE vd_m vd_lt(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
FMLP_INLINE vd_m vd_le(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
FMLP_INLINE vd_m vd_gt(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_GT_OQ); }
FMLP_INLINE vd_m vd_ge(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_GE_OQ); }
FMLP_INLINE vd_m vd_eq(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
FMLP_INLINE vd_m vd_ne(vd_t a, vd_t b) { return _mm256_cmp_pd(a, b, _CMP_NEQ_UQ); }
FMLP_INLINE vd_t vd_sel(vd_m m, vd_t a, vd_t b) { return _mm256_blendv_pd(b, a, m); }
FMLP_INLINE vd_m vd_mand(vd_m a, vd_m b) { return _mm256_and_pd(a, b); }
FMLP_INLINE vd_m vd_mor(vd_m a, vd_m b) { return _mm256_or_pd(a, b); }
FMLP_INLINE vd_m vd_mnot(vd_m a) {
    return _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi32(-1)));
}
FMLP_INLINE int vd_any(vd_m a) { return _mm256_movemask_pd(a) != 0; }
FMLP_INLINE double vd_hsum(vd_t v) {
    __m128d a = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(a, _mm_unpackhi_pd(a, a)));
}
FMLP_INLINE double vd_hmax(vd_t v) {
    __m128d a = _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_max_sd(a, _mm_unpackhi_pd(a, a)));
}
FMLP_INLINE vd_t vd_or(vd_t a, vd_t b) { return _mm256_or_pd(a, b); }
FMLP_INLINE vd_t vd_signof(vd_t v) { return _mm256_and_pd(v, _mm256_set1_pd(-0.0)); }
FMLP_INLINE vd_t vd_abs(vd_t v) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v); }
FMLP_INLINE vd_t vd_neg(vd_t v) { return _mm256_xor_pd(v, _mm256_set1_pd(-0.0)); }
FMLP_INLINE vd_t vd_xorsign(vd_t a, vd_t b) { return _mm256_xor_pd(a, vd_signof(b)); }
FMLP_INLINE vd_t vd_shift(void) {
    return _mm256_set1_pd(6755399441056767.0); /* 1.5 * 2^52 + 1023 */
}
FMLP_INLINE vd_t vd_pow2(vd_t v) {
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(v), 52));
}
FMLP_INLINE vd_t vd_scale(vd_t a, vd_t v) {
    vd_t h = vd_max(vd_min(v, vd_set1(900.0)), vd_set1(-900.0));
    const vd_t first = vd_pow2(vd_add(h, vd_shift()));
    return vd_mul(vd_mul(a, first), vd_pow2(vd_add(vd_sub(v, h), vd_shift())));
}
FMLP_INLINE vd_t vd_getexp(vd_t v) {
    /* AVX2 has no int64 -> double: the exponent becomes the low bits of 2^52 + e. */
    __m256i e = _mm256_srli_epi64(_mm256_castpd_si256(vd_abs(v)), 52);
    vd_t two52 = _mm256_set1_pd(4503599627370496.0);
    vd_t d = _mm256_or_pd(_mm256_castsi256_pd(e), two52);
    return _mm256_sub_pd(d, _mm256_set1_pd(4503599627370496.0 + 1023.0));
}
FMLP_INLINE vd_t vd_getmant(vd_t v) {
    vd_t m = _mm256_and_pd(v, _mm256_castsi256_pd(_mm256_set1_epi64x(0x000fffffffffffff)));
    return _mm256_or_pd(m, _mm256_set1_pd(1.0));
}

/* ---- unsigned 64-bit ---- */
FMLP_INLINE vu_t vu_load(const uint64_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
FMLP_INLINE void vu_store(uint64_t *p, vu_t v) { _mm256_storeu_si256((__m256i *)p, v); }
FMLP_INLINE vu_t vu_set1(uint64_t x) { return _mm256_set1_epi64x((int64_t)x); }
FMLP_INLINE vu_t vu_add(vu_t a, vu_t b) { return _mm256_add_epi64(a, b); }
FMLP_INLINE vu_t vu_and(vu_t a, vu_t b) { return _mm256_and_si256(a, b); }
FMLP_INLINE vu_t vu_or(vu_t a, vu_t b) { return _mm256_or_si256(a, b); }
FMLP_INLINE vu_t vu_xor3(vu_t a, vu_t b, vu_t c) {
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
FMLP_INLINE vu_t vu_shl16(vu_t v) { return _mm256_slli_epi64(v, 16); }
FMLP_INLINE vu_t vu_shr32(vu_t v) { return _mm256_srli_epi64(v, 32); }
FMLP_INLINE vu_t vu_mul32(vu_t a, vu_t b) { return _mm256_mul_epu32(a, b); }

/* ---- transpose ---- */
FMLP_INLINE void vf_transpose(vf_t v[8]) {
    vf_t a[8], b[8];
    FMLP_UNROLL
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    FMLP_UNROLL
    for (int i = 0; i < 8; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xEE);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xEE);
    }
    FMLP_UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}
FMLP_INLINE void vd_transpose(vd_t v[4]) {
    const vd_t a0 = _mm256_unpacklo_pd(v[0], v[1]), a1 = _mm256_unpackhi_pd(v[0], v[1]);
    const vd_t a2 = _mm256_unpacklo_pd(v[2], v[3]), a3 = _mm256_unpackhi_pd(v[2], v[3]);
    v[0] = _mm256_permute2f128_pd(a0, a2, 0x20);
    v[1] = _mm256_permute2f128_pd(a1, a3, 0x20);
    v[2] = _mm256_permute2f128_pd(a0, a2, 0x31);
    v[3] = _mm256_permute2f128_pd(a1, a3, 0x31);
}

#endif
