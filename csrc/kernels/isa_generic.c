/* Any CPU: one lane of plain C. Compiled without ISA flags. */
#include "simd_scalar.h"

#define FMLP_MR 4 /* 4 x 2 accumulators */

#include "kernels_all.inc.h"

const struct fmlp_isa fmlp_isa_generic = {"generic", &kernels_f32, &kernels_f64};
