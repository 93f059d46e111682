/* workspace.h - bump arena over caller memory, 64-byte aligned.
 *
 * A layout function runs twice: with base == NULL it only counts, with memory it hands out
 * addresses. Or once, with the room there is, and `bytes` tells whether that was enough. Sizes
 * saturate: after an overflow `bytes` stays at PTRDIFF_MAX. */
#ifndef FMLP_WORKSPACE_H
#define FMLP_WORKSPACE_H

#include <stddef.h>

struct fmlp_arena {
    char *base;      /* NULL: count only */
    ptrdiff_t bytes; /* used so far */
    ptrdiff_t room;  /* at base: what does not fit is NULL; 0: there is enough */
};

ptrdiff_t fmlp_size_add(ptrdiff_t a, ptrdiff_t b); /* saturating, a, b >= 0 */
ptrdiff_t fmlp_size_mul(ptrdiff_t a, ptrdiff_t b);
int fmlp_size_bad(ptrdiff_t size);

void *fmlp_take(struct fmlp_arena *arena, ptrdiff_t count, ptrdiff_t size);

#endif
