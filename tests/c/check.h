/* Counters, messages, guarded memory and error in units of the last place, for run_kernels.c. */
#ifndef CHECK_H
#define CHECK_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"

static long checks_passed, checks_failed;

/* One named check; `detail` (may be NULL) is printed with the first failures only. */
static void check(int ok, const char *name, const char *detail) {
    if (ok) {
        checks_passed++;
    } else if (++checks_failed <= 50) {
        printf("FAILED %s%s%s\n", name, detail ? ": " : "", detail ? detail : "");
    }
}

/* Bytes that end where unreadable memory begins; likewise before their start. */
static char *guarded_page(size_t *size) {
    *size = GUARD;
    return guarded(GUARD);
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static double random_uniform(double lo, double hi) {
    return lo + (hi - lo) * ((double)(random_bits() >> 11) * 0x1p-53);
}

/* |got - want| in units of the last place of want, in a format with `digits` bits and smallest
 * normal exponent `emin`, largest `emax` (as FLT_MANT_DIG, FLT_MIN_EXP, FLT_MAX_EXP). inf counts as
 * the next power of two, so rounding up to it just below the limit is no error. */
static long double ulps(long double got, long double want, int digits, int emin, int emax) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
    const long double limit = ldexpl(1, emax);
    if (got > limit) got = limit;
    if (got < -limit) got = -limit;
    if (want > limit) want = limit;
    if (want < -limit) want = -limit;
    int e = emin;
    if (want != 0) frexpl(want, &e);
    if (e < emin) e = emin;
    if (e > emax) e = emax;
    return fabsl(got - want) / ldexpl(1, e - digits);
}

#endif
