/* The words on unsigned lanes, and Philox by the published answers of Random123 (kat_vectors). */

static void expect_lanes(const char *name, vu_t got, const uint64_t *want) {
    uint64_t g[FMLP_D_LANES];
    vu_store(g, got);
    for (int i = 0; i < FMLP_D_LANES; i++) check(g[i] == want[i], name, NULL);
}

#define LANES_ARE(name, got, formula)                                 \
    do {                                                              \
        for (int i = 0; i < FMLP_D_LANES; i++) want[i] = (formula);   \
        expect_lanes(name, got, want);                                \
    } while (0)

static void check_unsigned_lanes(void) {
    for (int round = 0; round < 1000; round++) {
        uint64_t a[FMLP_D_LANES], b[FMLP_D_LANES], c[FMLP_D_LANES], want[FMLP_D_LANES];
        for (int i = 0; i < FMLP_D_LANES; i++)
            a[i] = random_bits(), b[i] = random_bits(), c[i] = random_bits();
        const vu_t x = vu_load(a), y = vu_load(b), z = vu_load(c);
        LANES_ARE("vu_set1", vu_set1(a[0]), a[0]);
        LANES_ARE("vu_add", vu_add(x, y), a[i] + b[i]);
        LANES_ARE("vu_and", vu_and(x, y), a[i] & b[i]);
        LANES_ARE("vu_or", vu_or(x, y), a[i] | b[i]);
        LANES_ARE("vu_xor3", vu_xor3(x, y, z), a[i] ^ b[i] ^ c[i]);
        LANES_ARE("vu_shl16", vu_shl16(x), a[i] << 16);
        LANES_ARE("vu_shr32", vu_shr32(x), a[i] >> 32);
        LANES_ARE("vu_mul32", vu_mul32(x, y), (a[i] & 0xffffffffu) * (b[i] & 0xffffffffu));
    }
}

static void check_philox(void) {
    static const uint32_t known[3][3][4] = { /* counter, key, answer */
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (int k = 0; k < 3; k++) {
        const uint32_t *counter = known[k][0], *key = known[k][1], *answer = known[k][2];
        const struct fmlp_random place = {.seed = (uint64_t)key[1] << 32 | key[0],
                                          .step = counter[3], .stream = counter[2]};
        const struct fmlp_philox philox = fmlp_philox_start(&place);
        vu_t x[4];
        fmlp_philox_at(&philox, counter[1], vu_set1(counter[0]), x);
        for (int w = 0; w < 4; w++) {
            uint64_t want[FMLP_D_LANES];
            LANES_ARE("philox", x[w], answer[w]);
        }
    }
}
