/* aarch64 with Advanced SIMD, 32 registers of 128 bits. */
#include "simd_neon.h"

#define FMLP_MR 12 /* 12 x 2 accumulators, 2 of b, 1 of a: 27 registers */

#include "kernels_all.inc.h"

const struct fmlp_isa fmlp_isa_neon = {"neon", &kernels_f32, &kernels_f64};
