/* Compiled without ISA flags: this code runs before anything is known about the CPU. */
#include "features.h"

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>

static void cpuid(unsigned leaf, unsigned r[4]) {
    int v[4];
    __cpuid(v, (int)(leaf & 0x80000000u)); /* the highest leaf of this range */
    if ((unsigned)v[0] < leaf) v[0] = v[1] = v[2] = v[3] = 0;
    else __cpuidex(v, (int)leaf, 0);
    for (int i = 0; i < 4; i++) r[i] = (unsigned)v[i];
}

static unsigned xcr0(void) { return (unsigned)_xgetbv(0); }

#else
#include <cpuid.h>

static void cpuid(unsigned leaf, unsigned r[4]) {
    r[0] = r[1] = r[2] = r[3] = 0;
    __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]); /* leaves r alone if there is no leaf */
}

static unsigned xcr0(void) {
    unsigned low, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" /* xgetbv */ : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif

enum { EAX, EBX, ECX, EDX };

static int has(unsigned reg, unsigned bits) { return (reg & bits) == bits; }

static unsigned detect(void) {
    /* leaf 1 ecx: SSE3, SSSE3, FMA, SSE4.1, SSE4.2, MOVBE, POPCNT, OSXSAVE, AVX, F16C */
    const unsigned v3_1c = 1u << 0 | 1u << 9 | 1u << 12 | 1u << 19 | 1u << 20 | 1u << 22 |
                           1u << 23 | 1u << 27 | 1u << 28 | 1u << 29;
    const unsigned v3_7b = 1u << 3 | 1u << 5 | 1u << 8; /* leaf 7 ebx: BMI, AVX2, BMI2 */
    const unsigned v3_xc = 1u << 5;                     /* leaf 0x80000001 ecx: LZCNT */
    /* leaf 7 ebx: AVX-512 F, DQ, CD, BW, VL */
    const unsigned v4_7b = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
    const unsigned os_v3 = 0x06; /* xmm, ymm saved */
    /* and mask registers, zmm0-15, zmm16-31; macOS shows these only after a first use: v3 there */
    const unsigned os_v4 = 0xe6;

    unsigned l1[4], l7[4], lx[4], os, found = 0;
    cpuid(1, l1);
    cpuid(7, l7);
    cpuid(0x80000001u, lx);
    if (has(l1[ECX], v3_1c) && has(l7[EBX], v3_7b) && has(lx[ECX], v3_xc)) {
        os = xcr0(); /* only legal with OSXSAVE */
        if (has(os, os_v3)) found |= FMLP_CPU_X86_V3;
        if (has(os, os_v4) && has(l7[EBX], v4_7b)) found |= FMLP_CPU_X86_V4;
    }
    return found;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

static unsigned detect(void) { return FMLP_CPU_NEON; } /* part of the base architecture */

#else

static unsigned detect(void) { return 0; }

#endif

/* cpuid traps in virtual machines, so ask once. Threads may race here: all write the same value. */
#define DETECTED (1u << 31)
#if defined(_MSC_VER) && !defined(__clang__)
static volatile long cached;
#define LOAD() ((unsigned)cached)
#define STORE(v) (cached = (long)(v))
#else
static unsigned cached;
#define LOAD() __atomic_load_n(&cached, __ATOMIC_RELAXED)
#define STORE(v) __atomic_store_n(&cached, (v), __ATOMIC_RELAXED)
#endif

unsigned fmlp_cpu_features(void) {
    unsigned v = LOAD();
    if (!v) {
        v = detect() | DETECTED;
        STORE(v);
    }
    return v & ~DETECTED;
}
