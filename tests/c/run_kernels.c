/* Kernel tests without Python, one ISA per program: `make all` builds and runs every ISA.
 *
 *   run_kernels [samples]    samples per function and element type, default 1000000;
 *                            4294967296 tries every float (minutes)
 *
 * FMLP_TEST_ISA names the simd header: scalar, avx2, avx512 or neon. The last line is
 * "N passed, N failed"; the exit status is 0 if nothing failed.
 */
#define _GNU_SOURCE

#define FMLP_STRING(x) #x
#define FMLP_HEADER(isa) FMLP_HEADER_(isa)
#define FMLP_HEADER_(isa) FMLP_STRING(simd_##isa.h)
#include FMLP_HEADER(FMLP_TEST_ISA)

#include "activations.h"
#include "math_ops.h"

#include "check.h"

#include "template_f32.h"
#include "math.inc.h"
#include "activation.inc.h"
#include "check_simd.h"
#include "check_math.h"
#include "check_activation.h"
#include "template_end.h"

#include "template_f64.h"
#include "math.inc.h"
#include "activation.inc.h"
#include "check_simd.h"
#include "check_math.h"
#include "check_activation.h"
#include "template_end.h"

int main(int argc, char **argv) {
    const long samples = argc > 1 ? atol(argv[1]) : 1000000;
    check_simd_f32();
    check_simd_f64();
    check_math_f32(samples);
    check_math_f64(samples > 4000000 ? 4000000 : samples);
    check_activation_f32();
    check_activation_f64();
    printf("%ld passed, %ld failed\n", checks_passed, checks_failed);
    return checks_failed != 0;
}
