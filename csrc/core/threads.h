/* threads.h - the only door to OpenMP: a parallel region, work queues, the fork handler.
 * Without OpenMP everything runs on the calling thread. */
#ifndef FMLP_THREADS_H
#define FMLP_THREADS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Calls task(arg, thread, n) on a team of n <= n_threads threads, the runtime may give fewer.
 * Denormals are flushed to zero inside; the callers' floating-point state is restored. */
typedef void (*fmlp_task)(void *arg, int thread, int n_threads);
void fmlp_parallel(int n_threads, fmlp_task task, void *arg);

/* Monotonic seconds, 0 without OpenMP. */
double fmlp_seconds(void);

/* A team works through phases of independent items. Each thread has a share of every phase, takes
 * it in order, then helps where others are behind. A phase begins when all items of the one
 * before are done, not when all threads have arrived: a thread that the system has put aside
 * holds up nobody but for the item in its hands. Zero-initialise before the region. */
struct fmlp_cursor {
    _Atomic uint64_t at; /* phase << 32 | next item of this thread's share */
    char pad[56];        /* a cache line each */
};

struct fmlp_team {
    _Atomic int64_t done; /* items, over all phases */
    char pad[56];
    struct fmlp_cursor *cursors; /* (n_shares) */
    int n_shares;
};

/* A thread's way through the phases; every thread passes through the same ones. */
struct fmlp_walk {
    struct fmlp_team *team;
    int thread;
    uint32_t phase;
    int64_t base; /* items of the phases before */
    int64_t done; /* of them, those that this thread has done where there are several */
};

typedef void (*fmlp_item_task)(void *arg, ptrdiff_t item, int thread);
/* Items 0 .. n_items. split (n_shares + 1): share s has items split[s] to split[s + 1]; NULL: equal
 * shares. All threads of the team call it alike. */
void fmlp_phase(struct fmlp_walk *walk, ptrdiff_t n_items, const ptrdiff_t *split,
                fmlp_item_task task, void *arg);

#endif
