#include "threads.h"

#include "../include/fmlp.h"

#ifdef FMLP_HAVE_OPENMP
#include <omp.h>
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#ifdef _WIN32
#include <windows.h>
#else
#include <sched.h>
#ifdef FMLP_HAVE_OPENMP
#define FMLP_HAVE_ATFORK
#include <pthread.h>
#endif
#endif

/* ---------------------------------------------------- floating-point state */
/* Denormals slow training 2-50 times where dying units let moments underflow. */
#if defined(__x86_64__) || defined(_M_X64)
typedef unsigned int fp_state;
static fp_state fp_flush_denormals(void) {
    const fp_state old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u); /* FTZ, DAZ */
    return old;
}
static void fp_restore(fp_state old) { _mm_setcsr(old); }
#elif defined(__aarch64__) && defined(__GNUC__)
typedef uint64_t fp_state;
static fp_state fp_flush_denormals(void) {
    fp_state old;
    __asm__ volatile("mrs %0, fpcr" : "=r"(old));
    __asm__ volatile("msr fpcr, %0" : : "r"(old | ((uint64_t)1 << 24)));
    return old;
}
static void fp_restore(fp_state old) { __asm__ volatile("msr fpcr, %0" : : "r"(old)); }
#else
typedef int fp_state;
static fp_state fp_flush_denormals(void) { return 0; }
static void fp_restore(fp_state old) { (void)old; }
#endif

/* ------------------------------------------------------------------ phases */
static void spin_hint(void) {
#if defined(__x86_64__) || defined(_M_X64)
    _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
    __asm__ volatile("yield");
#endif
}

static void give_way(void) {
#ifdef _WIN32
    SwitchToThread();
#else
    sched_yield();
#endif
}

/* The next item of a share in this phase, or -1. A cursor of an earlier phase counts as untouched;
 * one of a later phase means that this phase is over. */
static ptrdiff_t claim(struct fmlp_cursor *c, uint32_t phase, ptrdiff_t from, ptrdiff_t to) {
    uint64_t old = atomic_load_explicit(&c->at, memory_order_relaxed);
    for (;;) {
        const uint32_t tag = (uint32_t)(old >> 32);
        const ptrdiff_t next = tag == phase ? (ptrdiff_t)(uint32_t)old : from;
        if (tag > phase || next >= to) return -1;
        const uint64_t mine = (uint64_t)phase << 32 | (uint64_t)(next + 1);
        if (atomic_compare_exchange_weak_explicit(&c->at, &old, mine, memory_order_relaxed,
                                                  memory_order_relaxed))
            return next;
    }
}

static void wait_for(struct fmlp_team *team, int64_t done) {
    /* Spin for some 20 us, the length of a small step; then let others have the core. */
    for (int spins = 0;
         atomic_load_explicit(&team->done, memory_order_acquire) < done; spins++) {
        if (spins < 1000) spin_hint();
        else give_way();
    }
}

/* Takes what is left of share s in this phase; returns how many items that were. */
static int64_t work_on(struct fmlp_walk *walk, int s, ptrdiff_t n_items, const ptrdiff_t *split,
                       fmlp_item_task task, void *arg) {
    struct fmlp_team *team = walk->team;
    const int n = team->n_shares;
    const ptrdiff_t from = split ? split[s] : n_items * s / n;
    const ptrdiff_t to = split ? split[s + 1] : n_items * (s + 1) / n;
    int64_t done = 0;
    ptrdiff_t i;
    for (; (i = claim(&team->cursors[s], walk->phase, from, to)) >= 0; done++)
        task(arg, i, walk->thread);
    return done;
}

void fmlp_phase(struct fmlp_walk *walk, ptrdiff_t n_items, const ptrdiff_t *split,
                fmlp_item_task task, void *arg) {
    struct fmlp_team *team = walk->team;
    const int n = team->n_shares;
    if (n == 1) {
        for (ptrdiff_t i = 0; i < n_items; i++) task(arg, i, 0);
        return;
    }
    const int64_t base = walk->base;
    walk->phase++;
    walk->base += n_items;
    wait_for(team, base);
    for (int k = 0; k < n; k++) { /* the own share first */
        const int s = (walk->thread + k) % n;
        const int64_t done = work_on(walk, s, n_items, split, task, arg);
        walk->done += done;
        /* Who ends the phase has no need to look at the other shares. */
        if (done && atomic_fetch_add_explicit(&team->done, done, memory_order_acq_rel) + done ==
                        base + n_items)
            return;
    }
}

/* -------------------------------------------------------------------- fork */
static atomic_int is_child; /* of a fork that the OpenMP runtime's threads did not survive */

#ifdef FMLP_HAVE_ATFORK
/* libgomp's pool does not survive fork: a child of a process that ran a region hangs in its first
 * one. Ending the forking thread's pool beforehand costs some 50 us a fork. libgomp < 9 cannot do
 * that (the wheels for old Linux carry 8.5): there such a child works on one thread. */
#ifdef FMLP_HAVE_OMP_PAUSE
static void before_fork(void) { omp_pause_resource_all(omp_pause_hard); }
static void after_fork(void) {}
#else
static void before_fork(void) {}
static void after_fork(void) { atomic_store(&is_child, 1); }
#endif

static void register_fork_handler(void) {
    static atomic_flag registered = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&registered)) pthread_atfork(before_fork, 0, after_fork);
}
#elif defined(FMLP_HAVE_OPENMP)
static void register_fork_handler(void) {}
#endif

/* ---------------------------------------------------------------- parallel */
static void run_task(fmlp_task task, void *arg, int thread, int n_threads) {
    const fp_state old = fp_flush_denormals();
    task(arg, thread, n_threads);
    fp_restore(old);
}

void fmlp_parallel(int n_threads, fmlp_task task, void *arg) {
    if (n_threads <= 1 || atomic_load_explicit(&is_child, memory_order_relaxed)) {
        run_task(task, arg, 0, 1);
        return;
    }
#ifdef FMLP_HAVE_OPENMP
    register_fork_handler();
#pragma omp parallel num_threads(n_threads)
    run_task(task, arg, omp_get_thread_num(), omp_get_num_threads());
#else
    run_task(task, arg, 0, 1);
#endif
}

double fmlp_seconds(void) {
#ifdef FMLP_HAVE_OPENMP
    return omp_get_wtime();
#else
    return 0;
#endif
}

int fmlp_has_openmp(void) {
#ifdef FMLP_HAVE_OPENMP
    return 1;
#else
    return 0;
#endif
}

int fmlp_max_threads(void) {
#ifdef FMLP_HAVE_OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

int fmlp_in_parallel(void) {
#ifdef FMLP_HAVE_OPENMP
    return omp_in_parallel();
#else
    return 0;
#endif
}
