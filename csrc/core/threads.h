/* threads.h - the only door to OpenMP: a parallel region, a barrier, the fork handler.
 * Without OpenMP everything runs on the calling thread. */
#ifndef FMLP_THREADS_H
#define FMLP_THREADS_H

#include <stdatomic.h>

/* Spin-then-yield barrier; zero-initialise, one per team. */
struct fmlp_barrier {
    atomic_int arrived;
    char pad_1[60]; /* the two counters on cache lines of their own */
    atomic_int round;
    char pad_2[60];
};

void fmlp_barrier_wait(struct fmlp_barrier *b, int n_threads);

/* Calls task(arg, thread, n) on a team of n <= n_threads threads, the runtime may give fewer.
 * Denormals are flushed to zero inside; the callers' floating-point state is restored. */
typedef void (*fmlp_task)(void *arg, int thread, int n_threads);
void fmlp_parallel(int n_threads, fmlp_task task, void *arg);

#endif
