/* Memory between pages that cannot be touched, so that an access out of bounds is a fault. */
#ifndef GUARDED_H
#define GUARDED_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
#undef far /* words of 16-bit times */
#undef near
#else
#include <sys/mman.h>
#endif

enum { GUARD = 1 << 16 }; /* a multiple of every system's page size */

/* `bytes` (a multiple of GUARD) of zeros, GUARD unreadable bytes before and behind. */
static char *guarded(size_t bytes) {
#ifdef _WIN32
    char *p = VirtualAlloc(NULL, bytes + 2 * GUARD, MEM_RESERVE, PAGE_NOACCESS);
    if (p && VirtualAlloc(p + GUARD, bytes, MEM_COMMIT, PAGE_READWRITE)) return p + GUARD;
#else
    char *p = mmap(NULL, bytes + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED && !mprotect(p + GUARD, bytes, PROT_READ | PROT_WRITE)) return p + GUARD;
#endif
    fprintf(stderr, "no memory\n");
    exit(2);
}

#endif
