/* What NumPy draws from its legacy generator, bit for bit, without a call for every number. */
#include "../cpu/dispatch.h"
#include "../include/fmlp.h"
#include "../kernels/kernels.h"

enum { WORDS = FMLP_MT19937_WORDS };

/* The numbers that the words stand for, all at once from the next one on. */
struct numbers {
    const struct fmlp_kernels *k;
    uint32_t *words;
    int at; /* the next one */
    uint32_t of[WORDS];
};

static void temper(struct numbers *s) {
    s->k->mt_temper(WORDS - s->at, s->words + s->at, s->of + s->at);
}

static void start(struct numbers *s, int isa, fmlp_dtype dtype, fmlp_mt19937 *generator) {
    s->k = fmlp_kernels_get(isa, (int)dtype);
    s->words = generator->words;
    s->at = generator->position;
    temper(s);
}

static uint32_t draw(struct numbers *s) {
    if (s->at == WORDS) {
        s->k->mt_renew(s->words);
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

/* Threads that trained by this order have copies of its lines. Taken one after the other, by writing
 * what is there (as in kernels/optimizer.inc.h), they come sooner than when each swap waits for its
 * own. */
static void take_lines(ptrdiff_t n, ptrdiff_t *order) {
    const ptrdiff_t line = 64 / (ptrdiff_t)sizeof *order;
    for (ptrdiff_t i = 0; i < n; i += line) {
        volatile ptrdiff_t *const p = order + i;
        *p = *p;
    }
}

/* RandomState.shuffle: for i = n - 1 ... 1 a number j <= i, by drawing as many bits as i has until
 * they fit, then swap i and j. About a quarter of the draws do not fit, which no branch predictor
 * foresees; here such a draw swaps i with itself. */
void fmlp_shuffle(int isa, ptrdiff_t n, ptrdiff_t *order, fmlp_mt19937 *generator) {
    struct numbers s;
    start(&s, isa, FMLP_F32, generator);
    take_lines(n, order);
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

void fmlp_uniform(int isa, fmlp_dtype dtype, ptrdiff_t n, double low, double high, void *out,
                  fmlp_mt19937 *generator) {
    struct numbers s;
    start(&s, isa, dtype, generator);
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
        s.k->mt_uniform(pairs, low, high, pair, (char *)out + done * s.k->size);
        done += pairs;
    }
    generator->position = s.at;
}
