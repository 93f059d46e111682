/* mt19937.inc.h - the loops of NumPy's legacy generator, for the compiler to make vectors of.
 * Matsumoto, Nishimura: "Mersenne Twister", 1998.
 */
#ifndef FMLP_MT19937_INC_H
#define FMLP_MT19937_INC_H

enum { MT_WORDS = FMLP_MT19937_WORDS, MT_MIDDLE = 397 };

FMLP_INLINE uint32_t mt_twist(uint32_t high, uint32_t low) {
    const uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return y >> 1 ^ ((0u - (low & 1u)) & 0x9908b0dfu);
}

static void mt_renew(uint32_t *w) {
    int i = 0;
    for (; i < MT_WORDS - MT_MIDDLE; i++) w[i] = w[i + MT_MIDDLE] ^ mt_twist(w[i], w[i + 1]);
    for (; i < MT_WORDS - 1; i++) w[i] = w[i + MT_MIDDLE - MT_WORDS] ^ mt_twist(w[i], w[i + 1]);
    w[i] = w[i + MT_MIDDLE - MT_WORDS] ^ mt_twist(w[i], w[0]);
}

static void mt_temper(ptrdiff_t n, const uint32_t *words, uint32_t *FMLP_RESTRICT numbers) {
    for (ptrdiff_t i = 0; i < n; i++) {
        uint32_t y = words[i];
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c5680u;
        y ^= y << 15 & 0xefc60000u;
        numbers[i] = y ^ y >> 18;
    }
}

#endif

/* 53 bits of two numbers. The casts are of few bits, and vectors have them signed. */
static void FN(mt_uniform)(ptrdiff_t n, double low, double high, const uint32_t *numbers,
                           void *out_) {
    T *FMLP_RESTRICT out = out_;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double a = (int32_t)(numbers[2 * i] >> 5), b = (int32_t)(numbers[2 * i + 1] >> 6);
        out[i] = (T)(low + (high - low) * ((a * 0x1p26 + b) * 0x1p-53));
    }
}
