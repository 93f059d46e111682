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
#if defined(FMLP_HAVE_OPENMP) && defined(FMLP_HAVE_OMP_PAUSE)
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

/* ----------------------------------------------------------------- barrier */
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

void fmlp_barrier_wait(struct fmlp_barrier *b, int n_threads) {
    if (n_threads == 1) return;
    const int round = atomic_load_explicit(&b->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == n_threads - 1) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&b->round, round + 1, memory_order_release);
        return;
    }
    /* Spin for some 20 us, the length of a small step; then let others have the core. */
    for (int spins = 0; atomic_load_explicit(&b->round, memory_order_acquire) == round; spins++) {
        if (spins < 1000) spin_hint();
        else give_way();
    }
}

/* -------------------------------------------------------------------- fork */
#ifdef FMLP_HAVE_ATFORK
/* libgomp's pool does not survive fork: a child of a process that ran a region hangs in its first
 * one. Ending the forking thread's pool beforehand costs some 50 us a fork. */
static void before_fork(void) { omp_pause_resource_all(omp_pause_hard); }

static void register_fork_handler(void) {
    static atomic_flag registered = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&registered)) pthread_atfork(before_fork, 0, 0);
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
    if (n_threads <= 1) {
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
