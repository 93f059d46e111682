/* x86-64-v3: AVX2 and FMA, 16 registers of 256 bits. */
#include "simd_avx2.h"

#define FMLP_MR 6 /* 6 x 2 accumulators, 2 of b, 1 of a: 15 registers */

#include "kernels_all.inc.h"

const struct fmlp_isa fmlp_isa_x86_v3 = {"x86_v3", &kernels_f32, &kernels_f64};
