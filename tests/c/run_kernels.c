/* Kernel tests without Python, one ISA per program: `make all` builds and runs every ISA.
 *
 *   run_kernels [samples]    samples per function and element type, default 1000000;
 *                            4294967296 tries every float (minutes)
 *
 * FMLP_TEST_ISA names the kernel file: generic, x86_v3, x86_v4 or neon. The last line is
 * "N passed, N failed"; the exit status is 0 if nothing failed.
 */
#define _GNU_SOURCE

#define FMLP_STRING(x) #x
#define FMLP_FILE(isa) FMLP_FILE_(isa)
#define FMLP_FILE_(isa) FMLP_STRING(isa_##isa.c)
#include FMLP_FILE(FMLP_TEST_ISA) /* all templates, for both element types */

#include "check.h"
#include "check_random.h"
#include "check_tuner.h"
#include "../../csrc/core/tuner.c"

#include "template_f32.h"
#include "check_simd.h"
#include "check_math.h"
#include "check_activation.h"
#include "check_arrays.h"
#include "check_units.h"
#include "check_gemm.h"
#include "check_narrow.h"
#include "check_loss.h"
#include "check_rules.h"
#include "template_end.h"

#include "template_f64.h"
#include "check_simd.h"
#include "check_math.h"
#include "check_activation.h"
#include "check_arrays.h"
#include "check_units.h"
#include "check_gemm.h"
#include "check_narrow.h"
#include "check_loss.h"
#include "check_rules.h"
#include "template_end.h"

int main(int argc, char **argv) {
    const long samples = argc > 1 ? atol(argv[1]) : 1000000;
    check_unsigned_lanes();
    check_philox();
    check_tuner();
    check_simd_f32();
    check_simd_f64();
    check_math_f32(samples);
    check_math_f64(samples > 4000000 ? 4000000 : samples);
    check_activation_f32();
    check_activation_f64();
    check_units_f32();
    check_units_f64();
    check_gemm_f32();
    check_gemm_f64();
    check_narrow_f32();
    check_narrow_f64();
    check_loss_f32();
    check_loss_f64();
    check_rules_f32();
    check_rules_f64();
    printf("%ld passed, %ld failed\n", checks_passed, checks_failed);
    return checks_failed != 0;
}
