/* SIMD vocabulary for NEON on aarch64: 4 floats or 2 doubles. simd_scalar.h says what each word
 * means. */
#ifndef FMLP_SIMD_H
#define FMLP_SIMD_H

#include <arm_neon.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

#define FMLP_F_LANES 4
#define FMLP_D_LANES 2

typedef float32x4_t vf_t;
typedef float64x2_t vd_t;
typedef uint64x2_t vu_t;
typedef uint32x4_t vf_m;
typedef uint64x2_t vd_m;

/* ---- float ---- */
FMLP_INLINE vf_t vf_load(const float *p) { return vld1q_f32(p); }
FMLP_INLINE void vf_store(float *p, vf_t v) { vst1q_f32(p, v); }
FMLP_INLINE vf_t vf_load_strided(const float *p, ptrdiff_t s, int n) {
    vf_t v = vdupq_n_f32(0.0f);
    if (n > 0) v = vld1q_lane_f32(p, v, 0);
    if (n > 1) v = vld1q_lane_f32(p + s, v, 1);
    if (n > 2) v = vld1q_lane_f32(p + 2 * s, v, 2);
    if (n > 3) v = vld1q_lane_f32(p + 3 * s, v, 3);
    return v;
}
FMLP_INLINE void vf_store_strided(float *p, ptrdiff_t s, vf_t v, int n) {
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + s, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2 * s, v, 2);
    if (n > 3) vst1q_lane_f32(p + 3 * s, v, 3);
}
FMLP_INLINE vf_t vf_load_n(const float *p, int n) { return vf_load_strided(p, 1, n); }
FMLP_INLINE void vf_store_n(float *p, vf_t v, int n) { vf_store_strided(p, 1, v, n); }
FMLP_INLINE vf_t vf_set1(float x) { return vdupq_n_f32(x); }
FMLP_INLINE vf_t vf_zero(void) { return vdupq_n_f32(0.0f); }
FMLP_INLINE vf_t vf_add(vf_t a, vf_t b) { return vaddq_f32(a, b); }
FMLP_INLINE vf_t vf_sub(vf_t a, vf_t b) { return vsubq_f32(a, b); }
FMLP_INLINE vf_t vf_mul(vf_t a, vf_t b) { return vmulq_f32(a, b); }
FMLP_INLINE vf_t vf_div(vf_t a, vf_t b) { return vdivq_f32(a, b); }
FMLP_INLINE vf_t vf_sqrt(vf_t a) { return vsqrtq_f32(a); }
FMLP_INLINE vf_t vf_fma(vf_t a, vf_t b, vf_t c) { return vfmaq_f32(c, a, b); }
FMLP_INLINE vf_t vf_fnma(vf_t a, vf_t b, vf_t c) { return vfmsq_f32(c, a, b); }
FMLP_INLINE vf_m vf_lt(vf_t a, vf_t b) { return vcltq_f32(a, b); }
FMLP_INLINE vf_m vf_le(vf_t a, vf_t b) { return vcleq_f32(a, b); }
FMLP_INLINE vf_m vf_gt(vf_t a, vf_t b) { return vcgtq_f32(a, b); }
FMLP_INLINE vf_m vf_ge(vf_t a, vf_t b) { return vcgeq_f32(a, b); }
FMLP_INLINE vf_m vf_eq(vf_t a, vf_t b) { return vceqq_f32(a, b); }
FMLP_INLINE vf_m vf_mand(vf_m a, vf_m b) { return vandq_u32(a, b); }
FMLP_INLINE vf_m vf_mor(vf_m a, vf_m b) { return vorrq_u32(a, b); }
FMLP_INLINE vf_m vf_mnot(vf_m a) { return vmvnq_u32(a); }
FMLP_INLINE int vf_any(vf_m a) { return vmaxvq_u32(a) != 0; }
FMLP_INLINE vf_m vf_ne(vf_t a, vf_t b) { return vf_mnot(vceqq_f32(a, b)); }
FMLP_INLINE vf_t vf_sel(vf_m m, vf_t a, vf_t b) { return vbslq_f32(m, a, b); }
/* Not FMAX and FMIN: those return NaN whichever operand holds it. */
FMLP_INLINE vf_t vf_max(vf_t a, vf_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
FMLP_INLINE vf_t vf_min(vf_t a, vf_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
FMLP_INLINE float vf_hsum(vf_t v) {
    float32x4_t a = vaddq_f32(v, vextq_f32(v, v, 2));
    return vgetq_lane_f32(a, 0) + vgetq_lane_f32(a, 1);
}
FMLP_INLINE float vf_hmax(vf_t v) {
    float32x4_t a = vf_max(v, vextq_f32(v, v, 2));
    return vgetq_lane_f32(vf_max(a, vextq_f32(a, a, 1)), 0);
}
FMLP_INLINE vf_t vf_or(vf_t a, vf_t b) {
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}
FMLP_INLINE vf_t vf_signof(vf_t v) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), vdupq_n_u32(0x80000000u)));
}
FMLP_INLINE vf_t vf_abs(vf_t v) { return vabsq_f32(v); }
FMLP_INLINE vf_t vf_neg(vf_t v) { return vnegq_f32(v); }
FMLP_INLINE vf_t vf_xorsign(vf_t a, vf_t b) {
    return vreinterpretq_f32_u32(
        veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(vf_signof(b))));
}
FMLP_INLINE vf_t vf_shift(void) { return vdupq_n_f32(12583039.0f); } /* 1.5 * 2^23 + 127 */
FMLP_INLINE vf_t vf_pow2(vf_t v) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(v), 23));
}
FMLP_INLINE vf_t vf_scale(vf_t a, vf_t v) {
    vf_t h = vf_max(vf_min(v, vf_set1(100.0f)), vf_set1(-100.0f)); /* only the last step rounds */
    const vf_t first = vf_pow2(vf_add(h, vf_shift()));
    return vf_mul(vf_mul(a, first), vf_pow2(vf_add(vf_sub(v, h), vf_shift())));
}
FMLP_INLINE vf_t vf_getexp(vf_t v) {
    uint32x4_t e = vshrq_n_u32(vreinterpretq_u32_f32(vabsq_f32(v)), 23);
    return vsubq_f32(vcvtq_f32_u32(e), vdupq_n_f32(127.0f));
}
FMLP_INLINE vf_t vf_getmant(vf_t v) {
    uint32x4_t m = vandq_u32(vreinterpretq_u32_f32(v), vdupq_n_u32(0x007fffffu));
    return vreinterpretq_f32_u32(vorrq_u32(m, vdupq_n_u32(0x3f800000u)));
}

/* ---- double ---- */
FMLP_INLINE vd_t vd_load(const double *p) { return vld1q_f64(p); }
FMLP_INLINE void vd_store(double *p, vd_t v) { vst1q_f64(p, v); }
FMLP_INLINE vd_t vd_load_strided(const double *p, ptrdiff_t s, int n) {
    vd_t v = vdupq_n_f64(0.0);
    if (n > 0) v = vld1q_lane_f64(p, v, 0);
    if (n > 1) v = vld1q_lane_f64(p + s, v, 1);
    return v;
}
FMLP_INLINE void vd_store_strided(double *p, ptrdiff_t s, vd_t v, int n) {
    if (n > 0) vst1q_lane_f64(p, v, 0);
    if (n > 1) vst1q_lane_f64(p + s, v, 1);
}
FMLP_INLINE vd_t vd_load_n(const double *p, int n) { return vd_load_strided(p, 1, n); }
FMLP_INLINE void vd_store_n(double *p, vd_t v, int n) { vd_store_strided(p, 1, v, n); }
FMLP_INLINE vd_t vd_set1(double x) { return vdupq_n_f64(x); }
FMLP_INLINE vd_t vd_zero(void) { return vdupq_n_f64(0.0); }
FMLP_INLINE vd_t vd_add(vd_t a, vd_t b) { return vaddq_f64(a, b); }
FMLP_INLINE vd_t vd_sub(vd_t a, vd_t b) { return vsubq_f64(a, b); }
FMLP_INLINE vd_t vd_mul(vd_t a, vd_t b) { return vmulq_f64(a, b); }
FMLP_INLINE vd_t vd_div(vd_t a, vd_t b) { return vdivq_f64(a, b); }
FMLP_INLINE vd_t vd_sqrt(vd_t a) { return vsqrtq_f64(a); }
FMLP_INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) { return vfmaq_f64(c, a, b); }
FMLP_INLINE vd_t vd_fnma(vd_t a, vd_t b, vd_t c) { return vfmsq_f64(c, a, b); }
FMLP_INLINE vd_m vd_lt(vd_t a, vd_t b) { return vcltq_f64(a, b); }
FMLP_INLINE vd_m vd_le(vd_t a, vd_t b) { return vcleq_f64(a, b); }
FMLP_INLINE vd_m vd_gt(vd_t a, vd_t b) { return vcgtq_f64(a, b); }
FMLP_INLINE vd_m vd_ge(vd_t a, vd_t b) { return vcgeq_f64(a, b); }
FMLP_INLINE vd_m vd_eq(vd_t a, vd_t b) { return vceqq_f64(a, b); }
FMLP_INLINE vd_m vd_mand(vd_m a, vd_m b) { return vandq_u64(a, b); }
FMLP_INLINE vd_m vd_mor(vd_m a, vd_m b) { return vorrq_u64(a, b); }
FMLP_INLINE vd_m vd_mnot(vd_m a) { return veorq_u64(a, vdupq_n_u64(~(uint64_t)0)); }
FMLP_INLINE int vd_any(vd_m a) { return vmaxvq_u32(vreinterpretq_u32_u64(a)) != 0; }
FMLP_INLINE vd_m vd_ne(vd_t a, vd_t b) { return vd_mnot(vceqq_f64(a, b)); }
FMLP_INLINE vd_t vd_sel(vd_m m, vd_t a, vd_t b) { return vbslq_f64(m, a, b); }
FMLP_INLINE vd_t vd_max(vd_t a, vd_t b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
FMLP_INLINE vd_t vd_min(vd_t a, vd_t b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
FMLP_INLINE double vd_hsum(vd_t v) { return vgetq_lane_f64(v, 0) + vgetq_lane_f64(v, 1); }
FMLP_INLINE double vd_hmax(vd_t v) { return vgetq_lane_f64(vd_max(v, vextq_f64(v, v, 1)), 0); }
FMLP_INLINE vd_t vd_or(vd_t a, vd_t b) {
    return vreinterpretq_f64_u64(vorrq_u64(vreinterpretq_u64_f64(a), vreinterpretq_u64_f64(b)));
}
FMLP_INLINE vd_t vd_signof(vd_t v) {
    return vreinterpretq_f64_u64(
        vandq_u64(vreinterpretq_u64_f64(v), vdupq_n_u64((uint64_t)1 << 63)));
}
FMLP_INLINE vd_t vd_abs(vd_t v) { return vabsq_f64(v); }
FMLP_INLINE vd_t vd_neg(vd_t v) { return vnegq_f64(v); }
FMLP_INLINE vd_t vd_xorsign(vd_t a, vd_t b) {
    return vreinterpretq_f64_u64(
        veorq_u64(vreinterpretq_u64_f64(a), vreinterpretq_u64_f64(vd_signof(b))));
}
FMLP_INLINE vd_t vd_shift(void) { return vdupq_n_f64(6755399441056767.0); } /* 1.5 * 2^52 + 1023 */
FMLP_INLINE vd_t vd_pow2(vd_t v) {
    return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(v), 52));
}
FMLP_INLINE vd_t vd_scale(vd_t a, vd_t v) {
    vd_t h = vd_max(vd_min(v, vd_set1(900.0)), vd_set1(-900.0));
    const vd_t first = vd_pow2(vd_add(h, vd_shift()));
    return vd_mul(vd_mul(a, first), vd_pow2(vd_add(vd_sub(v, h), vd_shift())));
}
FMLP_INLINE vd_t vd_getexp(vd_t v) {
    uint64x2_t e = vshrq_n_u64(vreinterpretq_u64_f64(vabsq_f64(v)), 52);
    return vsubq_f64(vcvtq_f64_u64(e), vdupq_n_f64(1023.0));
}
FMLP_INLINE vd_t vd_getmant(vd_t v) {
    uint64x2_t m = vandq_u64(vreinterpretq_u64_f64(v), vdupq_n_u64(0x000fffffffffffffu));
    return vreinterpretq_f64_u64(vorrq_u64(m, vdupq_n_u64(0x3ff0000000000000u)));
}

/* ---- unsigned 64-bit ---- */
FMLP_INLINE vu_t vu_load(const uint64_t *p) { return vld1q_u64(p); }
FMLP_INLINE void vu_store(uint64_t *p, vu_t v) { vst1q_u64(p, v); }
FMLP_INLINE vu_t vu_set1(uint64_t x) { return vdupq_n_u64(x); }
FMLP_INLINE vu_t vu_add(vu_t a, vu_t b) { return vaddq_u64(a, b); }
FMLP_INLINE vu_t vu_and(vu_t a, vu_t b) { return vandq_u64(a, b); }
FMLP_INLINE vu_t vu_or(vu_t a, vu_t b) { return vorrq_u64(a, b); }
FMLP_INLINE vu_t vu_xor3(vu_t a, vu_t b, vu_t c) { return veorq_u64(veorq_u64(a, b), c); }
FMLP_INLINE vu_t vu_shl16(vu_t v) { return vshlq_n_u64(v, 16); }
FMLP_INLINE vu_t vu_shr32(vu_t v) { return vshrq_n_u64(v, 32); }
FMLP_INLINE vu_t vu_mul32(vu_t a, vu_t b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }

/* ---- transpose ---- */
FMLP_INLINE void vf_transpose(vf_t v[4]) {
    const float32x4_t a0 = vtrn1q_f32(v[0], v[1]), a1 = vtrn2q_f32(v[0], v[1]);
    const float32x4_t a2 = vtrn1q_f32(v[2], v[3]), a3 = vtrn2q_f32(v[2], v[3]);
    v[0] = vcombine_f32(vget_low_f32(a0), vget_low_f32(a2));
    v[1] = vcombine_f32(vget_low_f32(a1), vget_low_f32(a3));
    v[2] = vcombine_f32(vget_high_f32(a0), vget_high_f32(a2));
    v[3] = vcombine_f32(vget_high_f32(a1), vget_high_f32(a3));
}
FMLP_INLINE void vd_transpose(vd_t v[2]) {
    const float64x2_t a0 = vtrn1q_f64(v[0], v[1]), a1 = vtrn2q_f64(v[0], v[1]);
    v[0] = a0;
    v[1] = a1;
}

#endif
