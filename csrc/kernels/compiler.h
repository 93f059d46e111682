/* What differs between compilers: forced inlining, restrict, prefetch, unrolling. */
#ifndef FMLP_COMPILER_H
#define FMLP_COMPILER_H

#if defined(_MSC_VER) && !defined(__clang__)
#define FMLP_INLINE static __forceinline
#define FMLP_NOINLINE static __declspec(noinline)
#define FMLP_RESTRICT __restrict
#else
#define FMLP_INLINE static inline __attribute__((always_inline))
#define FMLP_NOINLINE static __attribute__((noinline))
#define FMLP_RESTRICT __restrict__
#endif

/* Ask for the cache line at p. OWN: to write it, so that no other core keeps a copy. */
#if defined(__clang__) || defined(__GNUC__)
#define FMLP_PREFETCH(p) __builtin_prefetch(p)
#define FMLP_PREFETCH_L2(p) __builtin_prefetch(p, 0, 2)
#define FMLP_PREFETCH_OWN(p) __builtin_prefetch(p, 1)
#else
#define FMLP_PREFETCH(p) ((void)(p))
#define FMLP_PREFETCH_L2(p) ((void)(p))
#define FMLP_PREFETCH_OWN(p) ((void)(p))
#endif

/* Hide where the pointer p comes from: gcc would keep a register for each constant offset from it. */
#if defined(__clang__) || defined(__GNUC__)
#define FMLP_OPAQUE(p) __asm__("" : "+r"(p))
#else
#define FMLP_OPAQUE(p) ((void)(p))
#endif

/* Have the compiler believe that the object x is another one now. */
#if defined(__clang__) || defined(__GNUC__)
#define FMLP_CHANGED(x) __asm__ volatile("" : "+m"(x))
#else
#define FMLP_CHANGED(x) ((void)(x))
#endif

/* Load the pointer p, a place in memory, anew. Where general registers run out gcc keeps pointers in
 * vector registers, and on Intel's cores getting them back takes turns of an FMA port. */
#if defined(__clang__) || defined(__GNUC__)
#define FMLP_RELOAD(p) __asm__("" : "+m"(p))
#else
#define FMLP_RELOAD(p) ((void)(p))
#endif

/* Unroll the next loop, whose trip count is a constant after inlining. */
#if defined(__clang__)
#define FMLP_UNROLL _Pragma("unroll")
#elif defined(__GNUC__)
#define FMLP_UNROLL _Pragma("GCC unroll 16")
#else
#define FMLP_UNROLL
#endif

#endif
