/* SIMD vocabulary for AVX-512 F, BW, CD, DQ, VL: 16 floats or 8 doubles. simd_scalar.h has the
 * meaning of each word. */
#ifndef FMLP_SIMD_H
#define FMLP_SIMD_H

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

#define FMLP_F_LANES 16
#define FMLP_D_LANES 8

typedef __m512 vf_t;
typedef __m512d vd_t;
typedef __m512i vu_t;
typedef __mmask16 vf_m;
typedef __mmask8 vd_m;

/* ---- float ---- */
FMLP_INLINE __mmask16 fmlp_first_f(int n) { return (__mmask16)((1u << n) - 1u); }
FMLP_INLINE vf_t vf_load(const float *p) { return _mm512_loadu_ps(p); }
FMLP_INLINE void vf_store(float *p, vf_t v) { _mm512_storeu_ps(p, v); }
FMLP_INLINE vf_t vf_load_n(const float *p, int n) {
    return _mm512_maskz_loadu_ps(fmlp_first_f(n), p);
}
FMLP_INLINE void vf_store_n(float *p, vf_t v, int n) {
    _mm512_mask_storeu_ps(p, fmlp_first_f(n), v);
}
FMLP_INLINE vf_t vf_load_strided(const float *p, ptrdiff_t s, int n) {
    if (n == 16) {
        return _mm512_setr_ps(p[0], p[s], p[2 * s], p[3 * s], p[4 * s], p[5 * s], p[6 * s],
                              p[7 * s], p[8 * s], p[9 * s], p[10 * s], p[11 * s], p[12 * s],
                              p[13 * s], p[14 * s], p[15 * s]);
    }
    float b[16] = {0};
    for (int i = 0; i < n; i++) b[i] = p[i * s];
    return _mm512_loadu_ps(b);
}
FMLP_INLINE void vf_store_strided(float *p, ptrdiff_t s, vf_t v, int n) {
    float b[16];
    _mm512_storeu_ps(b, v);
    for (int i = 0; i < n; i++) p[i * s] = b[i];
}
FMLP_INLINE vf_t vf_set1(float x) { return _mm512_set1_ps(x); }
FMLP_INLINE vf_t vf_zero(void) { return _mm512_setzero_ps(); }
FMLP_INLINE vf_t vf_add(vf_t a, vf_t b) { return _mm512_add_ps(a, b); }
FMLP_INLINE vf_t vf_sub(vf_t a, vf_t b) { return _mm512_sub_ps(a, b); }
FMLP_INLINE vf_t vf_mul(vf_t a, vf_t b) { return _mm512_mul_ps(a, b); }
FMLP_INLINE vf_t vf_div(vf_t a, vf_t b) { return _mm512_div_ps(a, b); }
/* Newton's method on 1 / (2 sqrt(a)) and sqrt(a) at once (Markstein 1990), rounded as the instruction
 * rounds it (all floats from 2^-100 on were compared; below, to one ULP): on Intel's cores the
 * divider has 12 cycles of work for a root, and the division that follows has to wait for it. */
FMLP_INLINE vf_t vf_sqrt(vf_t a) {
    const vf_t half = _mm512_set1_ps(0.5f), y = _mm512_rsqrt14_ps(a);
    vf_t s = _mm512_mul_ps(a, y), h = _mm512_mul_ps(half, y);
    const vf_t e = _mm512_fnmadd_ps(s, h, half);
    s = _mm512_fmadd_ps(s, e, s);
    h = _mm512_fmadd_ps(h, e, h);
    s = _mm512_fmadd_ps(_mm512_fnmadd_ps(s, s, a), h, s);
    return _mm512_mask_mov_ps(s, _mm512_fpclass_ps_mask(a, 0x0E), a); /* 0, -0, inf: themselves */
}
FMLP_INLINE vf_t vf_fma(vf_t a, vf_t b, vf_t c) { return _mm512_fmadd_ps(a, b, c); }
FMLP_INLINE vf_t vf_fnma(vf_t a, vf_t b, vf_t c) { return _mm512_fnmadd_ps(a, b, c); }
FMLP_INLINE vf_t vf_max(vf_t a, vf_t b) { return _mm512_max_ps(a, b); }
FMLP_INLINE vf_t vf_min(vf_t a, vf_t b) { return _mm512_min_ps(a, b); }
FMLP_INLINE vf_m vf_lt(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
FMLP_INLINE vf_m vf_le(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
FMLP_INLINE vf_m vf_gt(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
FMLP_INLINE vf_m vf_ge(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
FMLP_INLINE vf_m vf_eq(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
FMLP_INLINE vf_m vf_ne(vf_t a, vf_t b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
FMLP_INLINE vf_t vf_sel(vf_m m, vf_t a, vf_t b) { return _mm512_mask_blend_ps(m, b, a); }
FMLP_INLINE vf_m vf_mand(vf_m a, vf_m b) { return (__mmask16)(a & b); }
FMLP_INLINE vf_m vf_mor(vf_m a, vf_m b) { return (__mmask16)(a | b); }
FMLP_INLINE vf_m vf_mnot(vf_m a) { return (__mmask16)~a; }
FMLP_INLINE int vf_any(vf_m a) { return a != 0; }
FMLP_INLINE float vf_hsum(vf_t v) {
    __m256 w = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}
FMLP_INLINE float vf_hmax(vf_t v) {
    __m256 w = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 a = _mm_max_ps(_mm256_castps256_ps128(w), _mm256_extractf128_ps(w, 1));
    a = _mm_max_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)));
}
FMLP_INLINE vf_t vf_or(vf_t a, vf_t b) { return _mm512_or_ps(a, b); }
FMLP_INLINE vf_t vf_signof(vf_t v) { return _mm512_and_ps(v, _mm512_set1_ps(-0.0f)); }
FMLP_INLINE vf_t vf_abs(vf_t v) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), v); }
FMLP_INLINE vf_t vf_neg(vf_t v) { return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f)); }
FMLP_INLINE vf_t vf_xorsign(vf_t a, vf_t b) { return _mm512_xor_ps(a, vf_signof(b)); }
FMLP_INLINE vf_t vf_shift(void) { return _mm512_set1_ps(12583039.0f); } /* 1.5 * 2^23 + 127 */
FMLP_INLINE vf_t vf_pow2(vf_t v) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(v), 23));
}
FMLP_INLINE vf_t vf_scale(vf_t a, vf_t v) { return _mm512_scalef_ps(a, v); }
FMLP_INLINE vf_t vf_getexp(vf_t v) { return _mm512_getexp_ps(v); }
FMLP_INLINE vf_t vf_getmant(vf_t v) {
    return _mm512_getmant_ps(v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
}

/* ---- double ---- */
FMLP_INLINE __mmask8 fmlp_first_d(int n) { return (__mmask8)((1u << n) - 1u); }
FMLP_INLINE vd_t vd_load(const double *p) { return _mm512_loadu_pd(p); }
FMLP_INLINE void vd_store(double *p, vd_t v) { _mm512_storeu_pd(p, v); }
FMLP_INLINE vd_t vd_load_n(const double *p, int n) {
    return _mm512_maskz_loadu_pd(fmlp_first_d(n), p);
}
FMLP_INLINE void vd_store_n(double *p, vd_t v, int n) {
    _mm512_mask_storeu_pd(p, fmlp_first_d(n), v);
}
FMLP_INLINE vd_t vd_load_strided(const double *p, ptrdiff_t s, int n) {
    if (n == 8) {
        return _mm512_setr_pd(p[0], p[s], p[2 * s], p[3 * s], p[4 * s], p[5 * s], p[6 * s],
                              p[7 * s]);
    }
    double b[8] = {0};
    for (int i = 0; i < n; i++) b[i] = p[i * s];
    return _mm512_loadu_pd(b);
}
FMLP_INLINE void vd_store_strided(double *p, ptrdiff_t s, vd_t v, int n) {
    double b[8];
    _mm512_storeu_pd(b, v);
    for (int i = 0; i < n; i++) p[i * s] = b[i];
}
FMLP_INLINE vd_t vd_set1(double x) { return _mm512_set1_pd(x); }
FMLP_INLINE vd_t vd_zero(void) { return _mm512_setzero_pd(); }
FMLP_INLINE vd_t vd_add(vd_t a, vd_t b) { return _mm512_add_pd(a, b); }
FMLP_INLINE vd_t vd_sub(vd_t a, vd_t b) { return _mm512_sub_pd(a, b); }
FMLP_INLINE vd_t vd_mul(vd_t a, vd_t b) { return _mm512_mul_pd(a, b); }
FMLP_INLINE vd_t vd_div(vd_t a, vd_t b) { return _mm512_div_pd(a, b); }
FMLP_INLINE vd_t vd_sqrt(vd_t a) { /* as vf_sqrt, one round more; to one ULP below 2^-960 */
    const vd_t half = _mm512_set1_pd(0.5), y = _mm512_rsqrt14_pd(a);
    vd_t s = _mm512_mul_pd(a, y), h = _mm512_mul_pd(half, y);
    vd_t e = _mm512_fnmadd_pd(s, h, half);
    s = _mm512_fmadd_pd(s, e, s);
    h = _mm512_fmadd_pd(h, e, h);
    e = _mm512_fnmadd_pd(s, h, half);
    s = _mm512_fmadd_pd(s, e, s);
    s = _mm512_fmadd_pd(_mm512_fnmadd_pd(s, s, a), h, s);
    return _mm512_mask_mov_pd(s, _mm512_fpclass_pd_mask(a, 0x0E), a);
}
FMLP_INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) { return _mm512_fmadd_pd(a, b, c); }
FMLP_INLINE vd_t vd_fnma(vd_t a, vd_t b, vd_t c) { return _mm512_fnmadd_pd(a, b, c); }
FMLP_INLINE vd_t vd_max(vd_t a, vd_t b) { return _mm512_max_pd(a, b); }
FMLP_INLINE vd_t vd_min(vd_t a, vd_t b) { return _mm512_min_pd(a, b); }
FMLP_INLINE vd_m vd_lt(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
FMLP_INLINE vd_m vd_le(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
FMLP_INLINE vd_m vd_gt(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_GT_OQ); }
FMLP_INLINE vd_m vd_ge(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ); }
FMLP_INLINE vd_m vd_eq(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }
FMLP_INLINE vd_m vd_ne(vd_t a, vd_t b) { return _mm512_cmp_pd_mask(a, b, _CMP_NEQ_UQ); }
FMLP_INLINE vd_t vd_sel(vd_m m, vd_t a, vd_t b) { return _mm512_mask_blend_pd(m, b, a); }
FMLP_INLINE vd_m vd_mand(vd_m a, vd_m b) { return (__mmask8)(a & b); }
FMLP_INLINE vd_m vd_mor(vd_m a, vd_m b) { return (__mmask8)(a | b); }
FMLP_INLINE vd_m vd_mnot(vd_m a) { return (__mmask8)~a; }
FMLP_INLINE int vd_any(vd_m a) { return a != 0; }
FMLP_INLINE double vd_hsum(vd_t v) {
    __m256d w = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
    __m128d a = _mm_add_pd(_mm256_castpd256_pd128(w), _mm256_extractf128_pd(w, 1));
    return _mm_cvtsd_f64(_mm_add_sd(a, _mm_unpackhi_pd(a, a)));
}
FMLP_INLINE double vd_hmax(vd_t v) {
    __m256d w = _mm256_max_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
    __m128d a = _mm_max_pd(_mm256_castpd256_pd128(w), _mm256_extractf128_pd(w, 1));
    return _mm_cvtsd_f64(_mm_max_sd(a, _mm_unpackhi_pd(a, a)));
}
FMLP_INLINE vd_t vd_or(vd_t a, vd_t b) { return _mm512_or_pd(a, b); }
FMLP_INLINE vd_t vd_signof(vd_t v) { return _mm512_and_pd(v, _mm512_set1_pd(-0.0)); }
FMLP_INLINE vd_t vd_abs(vd_t v) { return _mm512_andnot_pd(_mm512_set1_pd(-0.0), v); }
FMLP_INLINE vd_t vd_neg(vd_t v) { return _mm512_xor_pd(v, _mm512_set1_pd(-0.0)); }
FMLP_INLINE vd_t vd_xorsign(vd_t a, vd_t b) { return _mm512_xor_pd(a, vd_signof(b)); }
FMLP_INLINE vd_t vd_shift(void) {
    return _mm512_set1_pd(6755399441056767.0); /* 1.5 * 2^52 + 1023 */
}
FMLP_INLINE vd_t vd_pow2(vd_t v) {
    return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(v), 52));
}
FMLP_INLINE vd_t vd_scale(vd_t a, vd_t v) { return _mm512_scalef_pd(a, v); }
FMLP_INLINE vd_t vd_getexp(vd_t v) { return _mm512_getexp_pd(v); }
FMLP_INLINE vd_t vd_getmant(vd_t v) {
    return _mm512_getmant_pd(v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
}

/* ---- unsigned 64-bit ---- */
FMLP_INLINE vu_t vu_load(const uint64_t *p) { return _mm512_loadu_si512(p); }
FMLP_INLINE void vu_store(uint64_t *p, vu_t v) { _mm512_storeu_si512(p, v); }
FMLP_INLINE vu_t vu_set1(uint64_t x) { return _mm512_set1_epi64((int64_t)x); }
FMLP_INLINE vu_t vu_add(vu_t a, vu_t b) { return _mm512_add_epi64(a, b); }
FMLP_INLINE vu_t vu_and(vu_t a, vu_t b) { return _mm512_and_si512(a, b); }
FMLP_INLINE vu_t vu_or(vu_t a, vu_t b) { return _mm512_or_si512(a, b); }
FMLP_INLINE vu_t vu_xor3(vu_t a, vu_t b, vu_t c) {
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
FMLP_INLINE vu_t vu_shl16(vu_t v) { return _mm512_slli_epi64(v, 16); }
FMLP_INLINE vu_t vu_shr32(vu_t v) { return _mm512_srli_epi64(v, 32); }
FMLP_INLINE vu_t vu_mul32(vu_t a, vu_t b) { return _mm512_mul_epu32(a, b); }

/* ---- transpose: pairs, then pairs of pairs, then 128-bit blocks twice ---- */
FMLP_INLINE void vf_transpose(vf_t v[16]) {
    vf_t a[16], b[16];
    FMLP_UNROLL
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    FMLP_UNROLL
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xEE);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xEE);
    }
    FMLP_UNROLL
    for (int i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xDD);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xDD);
    }
    FMLP_UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xDD);
        v[i + 4] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
        v[i + 12] = _mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xDD);
    }
}
FMLP_INLINE void vd_transpose(vd_t v[8]) {
    vd_t a[8], b[8];
    FMLP_UNROLL
    for (int i = 0; i < 8; i += 2) {
        a[i] = _mm512_unpacklo_pd(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_pd(v[i], v[i + 1]);
    }
    FMLP_UNROLL
    for (int i = 0; i < 2; i++) {
        b[i] = _mm512_shuffle_f64x2(a[i], a[i + 2], 0x88);
        b[i + 2] = _mm512_shuffle_f64x2(a[i], a[i + 2], 0xDD);
        b[i + 4] = _mm512_shuffle_f64x2(a[i + 4], a[i + 6], 0x88);
        b[i + 6] = _mm512_shuffle_f64x2(a[i + 4], a[i + 6], 0xDD);
    }
    FMLP_UNROLL
    for (int i = 0; i < 2; i++) {
        v[i] = _mm512_shuffle_f64x2(b[i], b[i + 4], 0x88);
        v[i + 4] = _mm512_shuffle_f64x2(b[i], b[i + 4], 0xDD);
        v[i + 2] = _mm512_shuffle_f64x2(b[i + 2], b[i + 6], 0x88);
        v[i + 6] = _mm512_shuffle_f64x2(b[i + 2], b[i + 6], 0xDD);
    }
}

#endif
