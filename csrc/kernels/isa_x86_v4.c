/* x86-64-v4: AVX-512 F, BW, CD, DQ, VL, 32 registers of 512 bits. */
#include "simd_avx512.h"

#define FMLP_MR 12 /* 12 x 2 accumulators, 2 of b, 1 of a: 27 registers */
#define FMLP_POINTERS 8 /* of rows in registers: there are 16 in all, 6 have other uses */

#include "kernels_all.inc.h"

const struct fmlp_isa fmlp_isa_x86_v4 = {"x86_v4", &kernels_f32, &kernels_f64};
