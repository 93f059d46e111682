/* philox.h - Philox 4x32-10, a counter-based generator: the random numbers of a unit are a function
 * of the seed and of where the unit is, so that no order of work changes them.
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 *
 * A vector holds one word of FMLP_D_LANES counters, each in the lower half of a 64-bit lane, where
 * the widening product wants it; upper halves are left to fill with rubbish.
 */
#ifndef FMLP_PHILOX_H
#define FMLP_PHILOX_H

#include "compiler.h"
#include "kernels.h"

enum { FMLP_PHILOX_ROUNDS = 10 };

struct fmlp_philox {
    uint64_t key[FMLP_PHILOX_ROUNDS][2]; /* of each round */
    uint32_t stream, step;               /* words 2 and 3 of the counter */
};

FMLP_INLINE struct fmlp_philox fmlp_philox_start(const struct fmlp_random *r) {
    struct fmlp_philox p = {.stream = r->stream, .step = r->step};
    uint32_t k0 = (uint32_t)r->seed, k1 = (uint32_t)(r->seed >> 32);
    for (int i = 0; i < FMLP_PHILOX_ROUNDS; i++) {
        p.key[i][0] = k0, p.key[i][1] = k1;
        k0 += 0x9e3779b9u, k1 += 0xbb67ae85u; /* the golden ratio, the root of 3 */
    }
    return p;
}

/* x: four words of each lane's counter -> four random words, upper halves cleared */
FMLP_INLINE void fmlp_philox_rounds(const struct fmlp_philox *p, vu_t x[4]) {
    const vu_t m0 = vu_set1(0xd2511f53u), m1 = vu_set1(0xcd9e8d57u), low = vu_set1(0xffffffffu);
    FMLP_UNROLL
    for (int i = 0; i < FMLP_PHILOX_ROUNDS; i++) {
        const vu_t a = vu_mul32(x[0], m0), b = vu_mul32(x[2], m1);
        x[0] = vu_xor3(vu_shr32(b), x[1], vu_set1(p->key[i][0]));
        x[2] = vu_xor3(vu_shr32(a), x[3], vu_set1(p->key[i][1]));
        x[1] = b, x[3] = a;
    }
    FMLP_UNROLL
    for (int w = 0; w < 4; w++) x[w] = vu_and(x[w], low);
}

/* The lanes of `row` whose first words are at counter. */
FMLP_INLINE void fmlp_philox_at(const struct fmlp_philox *p, uint32_t row, vu_t counter,
                                vu_t x[4]) {
    x[0] = counter, x[1] = vu_set1(row), x[2] = vu_set1(p->stream), x[3] = vu_set1(p->step);
    fmlp_philox_rounds(p, x);
}

/* first, first + 1 ... */
FMLP_INLINE vu_t fmlp_philox_counter(uint64_t first) {
    static const uint64_t lane[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return vu_add(vu_load(lane), vu_set1(first));
}

/* 64 units share 8 counters: unit 16 w + 2 i + h of a group has the h-th 16 bits of word w of
 * counter i, as the float 2^23 + (0 .. 65535). */
enum { FMLP_GROUP = 64 };

union fmlp_group {
    uint64_t bits[FMLP_GROUP / 2];
    float value[FMLP_GROUP];
};

FMLP_INLINE void fmlp_philox_group(const struct fmlp_philox *p, uint32_t row, ptrdiff_t group,
                                   union fmlp_group *out) {
    const vu_t half = vu_set1(0x0000ffff0000ffffu), exponent = vu_set1(0x4b0000004b000000u);
    for (int i = 0; i < 8; i += FMLP_D_LANES) {
        vu_t x[4];
        fmlp_philox_at(p, row, fmlp_philox_counter(8 * (uint64_t)group + (uint64_t)i), x);
        FMLP_UNROLL
        for (int w = 0; w < 4; w++) {
            const vu_t halves = vu_and(vu_or(x[w], vu_shl16(x[w])), half);
            vu_store(out->bits + 8 * w + i, vu_or(halves, exponent));
        }
    }
}

#endif
