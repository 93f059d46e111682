/* features.h - what this CPU and its operating system can run. Knows no kernels.
 *
 * Never put this folder on the include path with -I: glibc has a <features.h> of its own. */
#ifndef FMLP_FEATURES_H
#define FMLP_FEATURES_H

enum fmlp_cpu {
    FMLP_CPU_X86_V3 = 1, /* AVX2, FMA, BMI, BMI2, LZCNT, MOVBE, F16C and what they imply */
    FMLP_CPU_X86_V4 = 2, /* v3 and AVX-512 F, BW, CD, DQ, VL */
    FMLP_CPU_NEON = 4    /* aarch64 */
};

/* Bits of enum fmlp_cpu; a level's bit is set if every instruction set its kernels are compiled
 * for is there and the operating system saves its registers. Cheap after the first call. */
unsigned fmlp_cpu_features(void);

#endif
