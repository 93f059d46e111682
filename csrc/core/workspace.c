#include "workspace.h"

#include <stdint.h>

enum { ALIGN = 64 };

int fmlp_size_bad(ptrdiff_t size) { return size < 0 || size > PTRDIFF_MAX / 2; }

ptrdiff_t fmlp_size_add(ptrdiff_t a, ptrdiff_t b) {
    return a > PTRDIFF_MAX - b ? PTRDIFF_MAX : a + b;
}

ptrdiff_t fmlp_size_mul(ptrdiff_t a, ptrdiff_t b) {
    return b && a > PTRDIFF_MAX / b ? PTRDIFF_MAX : a * b;
}

void *fmlp_take(struct fmlp_arena *arena, ptrdiff_t count, ptrdiff_t size) {
    const ptrdiff_t start = arena->bytes;
    const ptrdiff_t bytes = fmlp_size_add(fmlp_size_mul(count, size), ALIGN - 1);
    arena->bytes = fmlp_size_add(start, bytes == PTRDIFF_MAX ? bytes : bytes / ALIGN * ALIGN);
    const int fits = !arena->room || arena->bytes <= arena->room;
    return arena->base && fits && !fmlp_size_bad(arena->bytes) ? arena->base + start : 0;
}
