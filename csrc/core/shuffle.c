/* NumPy's legacy shuffle from its own generator: the same draws, the same order, a third of the time.
 *
 * RandomState.shuffle: for i = n - 1 ... 1 a number j <= i, by drawing as many bits as i has until
 * they fit, then swap i and j. About a quarter of the draws do not fit, which no branch predictor
 * foresees; here such a draw swaps i with itself. */
#include "../include/fmlp.h"

static uint32_t bits_of(uint32_t i) {
    for (int shift = 1; shift < 32; shift *= 2) i |= i >> shift;
    return i;
}

void fmlp_shuffle(ptrdiff_t n, ptrdiff_t *order, fmlp_next_uint32 next, void *generator) {
    uint32_t i = n > 1 ? (uint32_t)(n - 1) : 0;
    while (i > 0) {
        const uint32_t mask = bits_of(i);
        while (i > mask / 2) {
            const uint32_t draw = next(generator) & mask;
            const uint32_t fits = draw <= i, j = fits ? draw : i;
            const ptrdiff_t last = order[i];
            order[i] = order[j];
            order[j] = last;
            i -= fits;
        }
    }
}
