/* SIMD vocabulary, one lane in plain C: the generic ISA and the second oracle.
 *
 * The same words in every simd_*.h (vf_ float, vd_ double):
 *   load store            unaligned
 *   load_n store_n        the first n lanes, 0 <= n <= LANES; the others read as 0 or stay
 *   load_strided store_strided   lane i = p[i * stride] for i < n; memory beyond n is never touched
 *   max(a, b) = a > b ? a : b   min(a, b) = a < b ? a : b   (so NaN in either gives b)
 *   fma(a, b, c) = a * b + c    fnma(a, b, c) = c - a * b
 *   lt le gt ge eq ne     -> mask, IEEE; sel(m, a, b) = m ? a : b; mand mor mnot any
 *   transpose(v[LANES])  lane j of vector i <-> lane i of vector j
 *   hsum hmax             lane i with lane i + LANES / 2, then halves again: a fixed order
 *   shift pow2            v + shift is rounded to an integer v, ends in the biased exponent of 2^v
 *                         and minus shift is v, for |v| < 2^21 (float), 2^50 (double);
 *                         pow2(v + shift) = 2^v where that is normal
 *   scale(a, v)           a * 2^v, rounded once, for a in [0.5, 2] or NaN and integral
 *                         v in [-200, 200] (float), [-1400, 1400] (double)
 *   getexp getmant        v = getmant * 2^getexp, getmant in [1, 2), for positive normal v
 *   signof(v)             its sign bit alone; or(a, b) bitwise; xorsign(a, b): a, negated where
 *                         b has its sign bit set
 * and for vu_, as many unsigned 64-bit lanes as doubles:
 *   load store set1 add and or xor3(a, b, c)
 *   shl16 shr32           shifts by 16 and 32 bits, zeros coming in
 *   mul32(a, b)           the 64-bit products of the lanes' lower halves
 */
#ifndef FMLP_SIMD_H
#define FMLP_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

#define FMLP_F_LANES 1
#define FMLP_D_LANES 1

typedef float vf_t;
typedef double vd_t;
typedef uint64_t vu_t;
typedef int vf_m;
typedef int vd_m;

FMLP_INLINE uint32_t fmlp_bits_f(float v) { uint32_t u; memcpy(&u, &v, sizeof u); return u; }
FMLP_INLINE uint64_t fmlp_bits_d(double v) { uint64_t u; memcpy(&u, &v, sizeof u); return u; }
FMLP_INLINE float fmlp_from_bits_f(uint32_t u) { float v; memcpy(&v, &u, sizeof v); return v; }
FMLP_INLINE double fmlp_from_bits_d(uint64_t u) { double v; memcpy(&v, &u, sizeof v); return v; }

/* ---- float ---- */
FMLP_INLINE vf_t vf_load(const float *p) { return *p; }
FMLP_INLINE void vf_store(float *p, vf_t v) { *p = v; }
FMLP_INLINE vf_t vf_load_n(const float *p, int n) { return n > 0 ? *p : 0.0f; }
FMLP_INLINE void vf_store_n(float *p, vf_t v, int n) { if (n > 0) *p = v; }
FMLP_INLINE vf_t vf_load_strided(const float *p, ptrdiff_t stride, int n) {
    (void)stride;
    return vf_load_n(p, n);
}
FMLP_INLINE void vf_store_strided(float *p, ptrdiff_t stride, vf_t v, int n) {
    (void)stride;
    vf_store_n(p, v, n);
}
FMLP_INLINE vf_t vf_set1(float x) { return x; }
FMLP_INLINE vf_t vf_zero(void) { return 0.0f; }
FMLP_INLINE vf_t vf_add(vf_t a, vf_t b) { return a + b; }
FMLP_INLINE vf_t vf_sub(vf_t a, vf_t b) { return a - b; }
FMLP_INLINE vf_t vf_mul(vf_t a, vf_t b) { return a * b; }
FMLP_INLINE vf_t vf_div(vf_t a, vf_t b) { return a / b; }
FMLP_INLINE vf_t vf_sqrt(vf_t a) { return sqrtf(a); }
FMLP_INLINE vf_t vf_fma(vf_t a, vf_t b, vf_t c) { return a * b + c; }
FMLP_INLINE vf_t vf_fnma(vf_t a, vf_t b, vf_t c) { return c - a * b; }
FMLP_INLINE vf_t vf_max(vf_t a, vf_t b) { return a > b ? a : b; }
FMLP_INLINE vf_t vf_min(vf_t a, vf_t b) { return a < b ? a : b; }
FMLP_INLINE vf_m vf_lt(vf_t a, vf_t b) { return a < b; }
FMLP_INLINE vf_m vf_le(vf_t a, vf_t b) { return a <= b; }
FMLP_INLINE vf_m vf_gt(vf_t a, vf_t b) { return a > b; }
FMLP_INLINE vf_m vf_ge(vf_t a, vf_t b) { return a >= b; }
FMLP_INLINE vf_m vf_eq(vf_t a, vf_t b) { return a == b; }
FMLP_INLINE vf_m vf_ne(vf_t a, vf_t b) { return a != b; }
FMLP_INLINE vf_t vf_sel(vf_m m, vf_t a, vf_t b) { return m ? a : b; }
FMLP_INLINE vf_m vf_mand(vf_m a, vf_m b) { return a & b; }
FMLP_INLINE vf_m vf_mor(vf_m a, vf_m b) { return a | b; }
FMLP_INLINE vf_m vf_mnot(vf_m a) { return !a; }
FMLP_INLINE int vf_any(vf_m a) { return a; }
FMLP_INLINE float vf_hsum(vf_t v) { return v; }
FMLP_INLINE float vf_hmax(vf_t v) { return v; }
FMLP_INLINE vf_t vf_or(vf_t a, vf_t b) { return fmlp_from_bits_f(fmlp_bits_f(a) | fmlp_bits_f(b)); }
FMLP_INLINE vf_t vf_signof(vf_t v) { return fmlp_from_bits_f(fmlp_bits_f(v) & 0x80000000u); }
FMLP_INLINE vf_t vf_abs(vf_t v) { return fmlp_from_bits_f(fmlp_bits_f(v) & 0x7fffffffu); }
FMLP_INLINE vf_t vf_neg(vf_t v) { return fmlp_from_bits_f(fmlp_bits_f(v) ^ 0x80000000u); }
FMLP_INLINE vf_t vf_xorsign(vf_t a, vf_t b) {
    return fmlp_from_bits_f(fmlp_bits_f(a) ^ (fmlp_bits_f(b) & 0x80000000u));
}
FMLP_INLINE vf_t vf_shift(void) { return 12583039.0f; } /* 1.5 * 2^23 + 127 */
FMLP_INLINE vf_t vf_pow2(vf_t v) { return fmlp_from_bits_f(fmlp_bits_f(v) << 23); }
FMLP_INLINE vf_t vf_scale(vf_t a, vf_t v) {
    vf_t h = vf_max(vf_min(v, 100.0f), -100.0f); /* the second factor alone may round */
    return a * vf_pow2(h + vf_shift()) * vf_pow2(v - h + vf_shift());
}
FMLP_INLINE vf_t vf_getexp(vf_t v) {
    return (float)((int32_t)(fmlp_bits_f(v) >> 23 & 0xffu) - 127);
}
FMLP_INLINE vf_t vf_getmant(vf_t v) {
    return fmlp_from_bits_f((fmlp_bits_f(v) & 0x007fffffu) | 0x3f800000u);
}

/* ---- double ---- */
FMLP_INLINE vd_t vd_load(const double *p) { return *p; }
FMLP_INLINE void vd_store(double *p, vd_t v) { *p = v; }
FMLP_INLINE vd_t vd_load_n(const double *p, int n) { return n > 0 ? *p : 0.0; }
FMLP_INLINE void vd_store_n(double *p, vd_t v, int n) { if (n > 0) *p = v; }
FMLP_INLINE vd_t vd_load_strided(const double *p, ptrdiff_t stride, int n) {
    (void)stride;
    return vd_load_n(p, n);
}
FMLP_INLINE void vd_store_strided(double *p, ptrdiff_t stride, vd_t v, int n) {
    (void)stride;
    vd_store_n(p, v, n);
}
FMLP_INLINE vd_t vd_set1(double x) { return x; }
FMLP_INLINE vd_t vd_zero(void) { return 0.0; }
FMLP_INLINE vd_t vd_add(vd_t a, vd_t b) { return a + b; }
FMLP_INLINE vd_t vd_sub(vd_t a, vd_t b) { return a - b; }
FMLP_INLINE vd_t vd_mul(vd_t a, vd_t b) { return a * b; }
FMLP_INLINE vd_t vd_div(vd_t a, vd_t b) { return a / b; }
FMLP_INLINE vd_t vd_sqrt(vd_t a) { return sqrt(a); }
FMLP_INLINE vd_t vd_fma(vd_t a, vd_t b, vd_t c) { return a * b + c; }
FMLP_INLINE vd_t vd_fnma(vd_t a, vd_t b, vd_t c) { return c - a * b; }
FMLP_INLINE vd_t vd_max(vd_t a, vd_t b) { return a > b ? a : b; }
FMLP_INLINE vd_t vd_min(vd_t a, vd_t b) { return a < b ? a : b; }
FMLP_INLINE vd_m vd_lt(vd_t a, vd_t b) { return a < b; }
FMLP_INLINE vd_m vd_le(vd_t a, vd_t b) { return a <= b; }
FMLP_INLINE vd_m vd_gt(vd_t a, vd_t b) { return a > b; }
FMLP_INLINE vd_m vd_ge(vd_t a, vd_t b) { return a >= b; }
FMLP_INLINE vd_m vd_eq(vd_t a, vd_t b) { return a == b; }
FMLP_INLINE vd_m vd_ne(vd_t a, vd_t b) { return a != b; }
FMLP_INLINE vd_t vd_sel(vd_m m, vd_t a, vd_t b) { return m ? a : b; }
FMLP_INLINE vd_m vd_mand(vd_m a, vd_m b) { return a & b; }
FMLP_INLINE vd_m vd_mor(vd_m a, vd_m b) { return a | b; }
FMLP_INLINE vd_m vd_mnot(vd_m a) { return !a; }
FMLP_INLINE int vd_any(vd_m a) { return a; }
FMLP_INLINE double vd_hsum(vd_t v) { return v; }
FMLP_INLINE double vd_hmax(vd_t v) { return v; }
FMLP_INLINE vd_t vd_or(vd_t a, vd_t b) { return fmlp_from_bits_d(fmlp_bits_d(a) | fmlp_bits_d(b)); }
FMLP_INLINE vd_t vd_signof(vd_t v) { return fmlp_from_bits_d(fmlp_bits_d(v) & (uint64_t)1 << 63); }
FMLP_INLINE vd_t vd_abs(vd_t v) { return fmlp_from_bits_d(fmlp_bits_d(v) & ~((uint64_t)1 << 63)); }
FMLP_INLINE vd_t vd_neg(vd_t v) { return fmlp_from_bits_d(fmlp_bits_d(v) ^ (uint64_t)1 << 63); }
FMLP_INLINE vd_t vd_xorsign(vd_t a, vd_t b) {
    return fmlp_from_bits_d(fmlp_bits_d(a) ^ (fmlp_bits_d(b) & (uint64_t)1 << 63));
}
FMLP_INLINE vd_t vd_shift(void) { return 6755399441056767.0; } /* 1.5 * 2^52 + 1023 */
FMLP_INLINE vd_t vd_pow2(vd_t v) { return fmlp_from_bits_d(fmlp_bits_d(v) << 52); }
FMLP_INLINE vd_t vd_scale(vd_t a, vd_t v) {
    vd_t h = vd_max(vd_min(v, 900.0), -900.0);
    return a * vd_pow2(h + vd_shift()) * vd_pow2(v - h + vd_shift());
}
FMLP_INLINE vd_t vd_getexp(vd_t v) {
    return (double)((int64_t)(fmlp_bits_d(v) >> 52 & 0x7ffu) - 1023);
}
FMLP_INLINE vd_t vd_getmant(vd_t v) {
    return fmlp_from_bits_d((fmlp_bits_d(v) & 0x000fffffffffffffu) | 0x3ff0000000000000u);
}

/* ---- unsigned 64-bit ---- */
FMLP_INLINE vu_t vu_load(const uint64_t *p) { return *p; }
FMLP_INLINE void vu_store(uint64_t *p, vu_t v) { memcpy(p, &v, sizeof v); } /* also onto floats */
FMLP_INLINE vu_t vu_set1(uint64_t x) { return x; }
FMLP_INLINE vu_t vu_add(vu_t a, vu_t b) { return a + b; }
FMLP_INLINE vu_t vu_and(vu_t a, vu_t b) { return a & b; }
FMLP_INLINE vu_t vu_or(vu_t a, vu_t b) { return a | b; }
FMLP_INLINE vu_t vu_xor3(vu_t a, vu_t b, vu_t c) { return a ^ b ^ c; }
FMLP_INLINE vu_t vu_shl16(vu_t v) { return v << 16; }
FMLP_INLINE vu_t vu_shr32(vu_t v) { return v >> 32; }
FMLP_INLINE vu_t vu_mul32(vu_t a, vu_t b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }

/* ---- transpose ---- */
FMLP_INLINE void vf_transpose(vf_t v[1]) { (void)v; }
FMLP_INLINE void vd_transpose(vd_t v[1]) { (void)v; }

#endif
