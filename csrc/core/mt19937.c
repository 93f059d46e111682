/* What NumPy draws from its legacy generator, bit for bit, without a call for every number. */
#include "../include/fmlp.h"

/* Matsumoto & Nishimura 1998 */
enum { WORDS = FMLP_MT19937_WORDS, MIDDLE = 397 };

static uint32_t twist(uint32_t high, uint32_t low) {
    const uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
    return y >> 1 ^ ((0u - (low & 1u)) & 0x9908b0dfu);
}

static void renew(uint32_t *w /* (WORDS) */) {
    int i = 0;
    for (; i < WORDS - MIDDLE; i++) w[i] = w[i + MIDDLE] ^ twist(w[i], w[i + 1]);
    for (; i < WORDS - 1; i++) w[i] = w[i + MIDDLE - WORDS] ^ twist(w[i], w[i + 1]);
    w[i] = w[i + MIDDLE - WORDS] ^ twist(w[i], w[0]);
}

/* The numbers that the words stand for, all at once from the next one on. */
struct numbers {
    uint32_t *words;
    int at; /* the next one */
    uint32_t of[WORDS];
};

static void temper(struct numbers *s) {
    for (int i = s->at; i < WORDS; i++) {
        uint32_t y = s->words[i];
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c5680u;
        y ^= y << 15 & 0xefc60000u;
        s->of[i] = y ^ y >> 18;
    }
}

static void start(struct numbers *s, fmlp_mt19937 *generator) {
    s->words = generator->words;
    s->at = generator->position;
    temper(s);
}

static uint32_t draw(struct numbers *s) {
    if (s->at == WORDS) {
        renew(s->words);
        s->at = 0;
        temper(s);
    }
    return s->of[s->at++];
}

/* All bits up to the highest one of i. */
static uint32_t bits_of(uint32_t i) {
    for (int shift = 1; shift < 32; shift *= 2) i |= i >> shift;
    return i;
}

/* RandomState.shuffle: for i = n - 1 ... 1 a number j <= i, by drawing as many bits as i has until
 * they fit, then swap i and j. About a quarter of the draws do not fit, which no branch predictor
 * foresees; here such a draw swaps i with itself. */
void fmlp_shuffle(ptrdiff_t n, ptrdiff_t *order, fmlp_mt19937 *generator) {
    struct numbers s;
    start(&s, generator);
    uint32_t i = n > 1 ? (uint32_t)(n - 1) : 0;
    while (i > 0) {
        const uint32_t mask = bits_of(i);
        while (i > mask / 2) {
            const uint32_t number = draw(&s) & mask;
            const uint32_t fits = number <= i, j = fits ? number : i;
            const ptrdiff_t last = order[i];
            order[i] = order[j];
            order[j] = last;
            i -= fits;
        }
    }
    generator->position = s.at;
}

/* Of [0, 1): 53 bits of two numbers. The casts are of few bits, and vectors have them signed. */
static double fraction(const uint32_t *number /* (2) */) {
    const double high = (int32_t)(number[0] >> 5), low = (int32_t)(number[1] >> 6);
    return (high * 0x1p26 + low) * 0x1p-53;
}

void fmlp_uniform(fmlp_dtype dtype, ptrdiff_t n, double low, double high, void *out,
                  fmlp_mt19937 *generator) {
    struct numbers s;
    start(&s, generator);
    for (ptrdiff_t done = 0; done < n;) {
        ptrdiff_t pairs = (WORDS - s.at) / 2;
        const uint32_t *pair = s.of + s.at;
        uint32_t parted[2]; /* the last number of these words and the first of the next ones */
        if (pairs > n - done) pairs = n - done;
        s.at += 2 * (int)pairs;
        if (pairs == 0) {
            for (int i = 0; i < 2; i++) parted[i] = draw(&s);
            pair = parted, pairs = 1;
        }
        for (ptrdiff_t i = done; i < done + pairs; i++, pair += 2) {
            const double number = low + (high - low) * fraction(pair);
            if (dtype == FMLP_F32) ((float *)out)[i] = (float)number;
            else ((double *)out)[i] = number;
        }
        done += pairs;
    }
    generator->position = s.at;
}
