/* kernels.h - the table of kernels that every ISA fills, one per element type.
 *
 * Kernels are serial, allocate nothing and know no network. T is the table's element type; arrays
 * of T are passed as void pointers so that csrc/core is written once for both. Strides ("ld") count
 * elements. "Padded" widths are multiples of `lanes`; every buffer the engine lays out is padded.
 *
 * PANEL LAYOUT of a weight matrix (n_in, n_out): columns in panels of `nr` = 2 * lanes (the last
 * one may be `lanes` wide), each panel contiguous (n_in + 1, width): row n_in is the bias.
 * NARROW LAYOUT (n_out <= narrow_max): transposed (n_out, n_in padded), then the bias (lanes).
 * ROWS LAYOUT (sparse input): (n_in + 1, n_out padded), row n_in is the bias.
 *
 * Every output element is one chain of operations in a fixed order (k = 0, 1, 2 ...), whatever
 * the tile it falls into: a row's result does not depend on the rows around it.
 */
#ifndef FMLP_KERNELS_H
#define FMLP_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "activations.h"
#include "math_ops.h"

#include "../include/fmlp.h"

enum fmlp_rule {
    FMLP_RULE_GRADIENT = 0,
    FMLP_RULE_SGD,
    FMLP_RULE_ADAM,
    FMLP_RULE_MOMENTS, /* adamw, radam */
    FMLP_RULE_AMSGRAD,
    FMLP_RULE_NADAM,
    FMLP_RULE_ADAMAX,
    FMLP_RULE_ADAGRAD,
    FMLP_RULE_ADADELTA,
    FMLP_RULE_RMSPROP,
    FMLP_RULE_LION,
    FMLP_RULE_ADABELIEF,
    FMLP_RULE_MUON,
    FMLP_RULE_SCHEDULEFREE,
    FMLP_RULE_RPROP,
    FMLP_RULE_DESCENT /* w -= learning_rate * g, no state */
};

enum { FMLP_MAX_STATE = 4 }; /* state vectors of a rule */

/* What a rule needs at one step; weights and biases get one each (biases: alpha = 0). */
struct fmlp_rule_args {
    double scale;         /* 1 / sum of sample weights, times what gradients are clipped by */
    double alpha;         /* gradient = (g + alpha * w) * scale */
    double learning_rate; /* adam: with bias correction in */
    double momentum;
    double beta_1, beta_2, epsilon, rho;
    double step, step_gradient, root, mix; /* of the step at hand: see optimizer.inc.h */
    double decay;     /* factor of the weights before the step; 1: no weight decay */
    double threshold; /* what their sizes lose after it; 0: no l1 */
    int nesterov;
    const void *more; /* gradient sums to be added to those that the rule is given, or NULL */
};

struct fmlp_csr {
    const void *data;    /* (nnz) T */
    const void *indices; /* (nnz) */
    const void *indptr;  /* (n_rows + 1) */
    int index64;
};

/* Element i of indices or indptr. */
static inline ptrdiff_t fmlp_index_at(const void *p, int index64, ptrdiff_t i) {
    return index64 ? (ptrdiff_t)((const int64_t *)p)[i] : (ptrdiff_t)((const int32_t *)p)[i];
}

/* Where a random number is: it belongs to (seed, step, stream, row of the mini-batch, unit). */
struct fmlp_random {
    uint64_t seed;
    uint32_t step;   /* of the optimizer */
    uint32_t stream; /* what it is for: one number per layer and use */
};

/* The rows of a mini-batch by columns; entries of a column in order of rows. */
struct fmlp_columns {
    ptrdiff_t *start; /* (n_cols + 1) */
    int32_t *row;     /* (entries) row of the mini-batch */
    void *value;      /* (entries) T */
};

/* What will be written next, to be brought into the caches meanwhile: arrays (k1 - k0, width) whose
 * blocks of nr rows lie `stride` bytes apart. */
enum { FMLP_AHEAD = 4 };
struct fmlp_ahead {
    const void *at[FMLP_AHEAD];
    ptrdiff_t stride[FMLP_AHEAD];
};

struct fmlp_kernels {
    ptrdiff_t size;       /* sizeof(T) */
    ptrdiff_t lanes;      /* elements per vector */
    ptrdiff_t nr;         /* panel width, 2 * lanes */
    ptrdiff_t mr;         /* rows of a register tile */
    ptrdiff_t narrow_max; /* layers of at most so many outputs use the narrow layout */

    /* out[i, j] = act(bias[j] + sum_k rows[i][k] * w[k, j]); w in panel layout, n real; columns of
     * padding get act(0) */
    void (*forward)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows /* (m) -> (k) */,
                    const void *w, int act, void *out /* (m, n), ld ldo */, ptrdiff_t ldo);
    /* same, narrow layout; out (m, n) with ld ldo, n real */
    void (*forward_narrow)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                           const void *w, int act, void *out, ptrdiff_t ldo);
    /* same with w (k, n) and bias (n) as they lie in the flat vector; any n */
    void (*forward_flat)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const void *const *rows,
                         const void *w, const void *bias, int act, void *out, ptrdiff_t ldo);
    /* same for rows `index` of a CSR matrix, rows layout; n padded */
    void (*forward_sparse)(ptrdiff_t m, ptrdiff_t k, ptrdiff_t n, const struct fmlp_csr *x,
                           const ptrdiff_t *index /* (m) */, const void *w, int act, void *out,
                           ptrdiff_t ldo);
    /* dz_in[i, k] = f'(a[i, k]) * sum_j dz[i, j] * wt[j, k];
     * wt: panels over k, each (n_out, width), no bias row; n_in real, padding gets 0 */
    void (*backward)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in, const void *const *dz /* (m) */,
                     const void *wt, int act, const void *a, ptrdiff_t lda,
                     void *dz_in, ptrdiff_t ldd);
    /* same with the narrow layout's w */
    void (*backward_narrow)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in,
                            const void *dz, ptrdiff_t ldz, const void *w, int act,
                            const void *a, ptrdiff_t lda, void *dz_in, ptrdiff_t ldd);
    /* backward_narrow, grad_narrow with the rows of a, and grad_bias of dz_in in one pass, to the
     * same bits, accumulating nothing; n_in real, columns of a beyond hold act(0). Returns 0, having
     * done nothing, where it has no code: more than two outputs, activations that are seldom used */
    int (*backward_narrow_sums)(ptrdiff_t m, ptrdiff_t n_out, ptrdiff_t n_in,
                                const void *dz, ptrdiff_t ldz, const void *w, int act,
                                const void *a, ptrdiff_t lda, void *dz_in, ptrdiff_t ldd,
                                void *g /* (n_out, n_in padded) */, void *bias /* (n_in padded) */);
    /* g[k - k0, j] (+)= sum_i rows[i][k] * dz[i, j], k0 <= k < k1, j < n: the n <= nr real columns
     * of a panel; dz is padded by zeros, so is g, contiguous (k1 - k0, n padded). accumulate == 0
     * never reads g. ahead: NULL for nothing */
    void (*grad)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n, const void *const *rows,
                 const void *dz, ptrdiff_t ldz, int accumulate, void *g,
                 const struct fmlp_ahead *ahead);
    /* Inputs k0 to k1 of m rows for grad_packed; returns how many elements that are. packed: may be
     * NULL, then that is all */
    ptrdiff_t (*pack_inputs)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, const void *const *rows,
                             void *packed);
    /* grad of a whole panel from k packed inputs of the same m rows, to the same bits */
    void (*grad_packed)(ptrdiff_t m, ptrdiff_t k, const void *packed, const void *dz, ptrdiff_t ldz,
                        int accumulate, void *g, const struct fmlp_ahead *ahead);
    /* g[j, k - k0] (+)= sum_i dz[i, j] * rows[i][k], k0 multiple of lanes, columns k >= k_end
     * (up to the next multiple of lanes) get 0; g has ld ldg */
    void (*grad_narrow)(ptrdiff_t m, ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n_out,
                        const void *const *rows, const void *dz, ptrdiff_t ldz, int accumulate,
                        void *g, ptrdiff_t ldg);
    /* g[k - k0, j] (+)= sum over entries e of column k of value[e] * dz[row[e], j], k0 <= k < k1:
     * sparse input by columns, column k has entries start[k] to start[k + 1]; n padded,
     * g contiguous (k1 - k0, n) */
    void (*grad_sparse)(ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t n, const struct fmlp_columns *x,
                        const void *dz, ptrdiff_t ldz, int accumulate, void *g);
    /* g[j] (+)= sum_i dz[i, j], j < n (any n); padding of g up to lanes gets 0 */
    void (*grad_bias)(ptrdiff_t m, ptrdiff_t n, const void *dz, ptrdiff_t ldz, int accumulate,
                      void *g);

    /* a <- f(a) */
    void (*act_forward)(int act, ptrdiff_t m, ptrdiff_t n, void *a, ptrdiff_t lda);
    /* d <- d * f'(z) with a = f(z); only for activations whose f' is a function of f. For
     * FMLP_ACT_STORED, here and in `backward`, a is f'(z) itself as act_store leaves it. */
    void (*act_backward)(int act, ptrdiff_t m, ptrdiff_t n, const void *a, ptrdiff_t lda,
                         void *d, ptrdiff_t ldd);
    /* a <- f(a), d <- f'(a); all of those but prelu and maxout */
    void (*act_store)(int act, ptrdiff_t m, ptrdiff_t n, void *a, ptrdiff_t lda, void *d,
                      ptrdiff_t ldd);
    /* n units; a <- outputs, d <- 1, e <- inputs; d, e may be NULL. Back: dz of the outputs -> of
     * the inputs, e <- the rows' contributions to the gradient of the slopes */
    void (*prelu)(ptrdiff_t m, ptrdiff_t n, const void *slopes, void *a, ptrdiff_t lda, void *d,
                  ptrdiff_t ldd, void *e, ptrdiff_t lde);
    void (*prelu_backward)(ptrdiff_t m, ptrdiff_t n, const void *slopes, void *e, ptrdiff_t lde,
                           void *dz, ptrdiff_t ldz);
    /* column p * n + j is piece p of unit j; a (m, n pieces) -> its first n columns, zeros up to the
     * next multiple of lanes; d (m, n) <- 1, e (m, n) <- which piece it was; d, e may be NULL.
     * Back: dz (m, n) -> (m, n pieces) */
    void (*maxout)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t pieces, void *a, ptrdiff_t lda, void *d,
                   ptrdiff_t ldd, void *e, ptrdiff_t lde);
    void (*maxout_backward)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t pieces, const void *e,
                            ptrdiff_t lde, void *dz, ptrdiff_t ldz);

    /* a <- a * mask / (1 - p), and unless NULL d <- f'(z) * mask / (1 - p) with a = f(z), or with
     * FMLP_ACT_STORED d <- d * mask / (1 - p); mask 0 with probability p (to a multiple of 2^-16).
     * The rows of a are `row`, row + 1 ... of the mini-batch. any n */
    void (*dropout)(ptrdiff_t m, ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row,
                    double p, int act, void *a, ptrdiff_t lda, void *d, ptrdiff_t ldd);
    /* out[e] = x[e] * mask / (1 - p) for the n entries of a sparse row, masks as in dropout */
    void (*dropout_entries)(ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row, double p,
                            const void *columns, int index64, const void *x, void *out);
    /* a <- a + sigma * standard normal deviates. any n */
    void (*noise)(ptrdiff_t m, ptrdiff_t n, const struct fmlp_random *random, ptrdiff_t row,
                  double sigma, void *a, ptrdiff_t lda);

    /* Normalisation: y = gamma z^ + beta with z^ = (z - mean) / sqrt(var + eps). z <- z^; y may be
     * z, which then holds y. gamma and beta are padded by zeros.
     * layer: over the n real units of a row; rstd (m): 1 / sqrt(var + eps), or NULL */
    void (*layer_norm)(ptrdiff_t m, ptrdiff_t n, void *z, ptrdiff_t ldz, const void *gamma,
                       const void *beta, double eps, void *y, ptrdiff_t ldy, void *rstd);
    /* dz from dy, padding 0 */
    void (*layer_norm_backward)(ptrdiff_t m, ptrdiff_t n, const void *dy, ptrdiff_t ldd,
                                const void *zhat, ptrdiff_t ldz, const void *gamma,
                                const void *rstd, void *dz, ptrdiff_t ldo);
    /* batch: over the rows, which count as weight (m) says, or NULL: 1 each; total: their sum.
     * n padded. mean and var (n) out; running <- (1 - momentum) running + momentum * the batch's,
     * var times total / (total - 1), which is unbiased */
    void (*batch_stats)(ptrdiff_t m, ptrdiff_t n, const void *z, ptrdiff_t ldz, const void *weight,
                        double total, double momentum, void *mean, void *var, void *running_mean,
                        void *running_var);
    void (*batch_norm)(ptrdiff_t m, ptrdiff_t n, void *z, ptrdiff_t ldz, const void *mean,
                       const void *var, double eps, const void *gamma, const void *beta, void *y,
                       ptrdiff_t ldy);
    /* dgamma, dbeta: norm_sums over all rows of the mini-batch */
    void (*batch_norm_backward)(ptrdiff_t m, ptrdiff_t n, const void *dy, ptrdiff_t ldd,
                                const void *zhat, ptrdiff_t ldz, const void *weight, double total,
                                const void *dgamma, const void *dbeta, const void *var, double eps,
                                const void *gamma, void *dz, ptrdiff_t ldo);
    /* dgamma[j] (+)= sum_i dy[i, j] z^[i, j], dbeta[j] (+)= sum_i dy[i, j]; n padded */
    void (*norm_sums)(ptrdiff_t m, ptrdiff_t n, const void *dy, ptrdiff_t ldd, const void *zhat,
                      ptrdiff_t ldz, int accumulate, void *dgamma, void *dbeta);

    /* a += x; any n */
    void (*add)(ptrdiff_t m, ptrdiff_t n, const void *x, ptrdiff_t ldx, void *a, ptrdiff_t lda);
    /* a[i, j] += rows[i][j]; any n */
    void (*add_rows)(ptrdiff_t m, ptrdiff_t n, const void *const *rows, void *a, ptrdiff_t lda);
    /* a[i] += row index[i] of x */
    void (*add_sparse)(ptrdiff_t m, const struct fmlp_csr *x, const ptrdiff_t *index, void *a,
                       ptrdiff_t lda);

    /* z (m, n) raw outputs -> deltas d loss / d z times the row's weight, in place; loss_rows[i] =
     * the row's weighted loss. Row i has target y[index[i]]. head: n_groups >= 1, which divide the
     * outputs. scratch: (n, lanes) */
    void (*loss)(const fmlp_head *head, ptrdiff_t m, ptrdiff_t n, void *z, ptrdiff_t ldz,
                 const ptrdiff_t *index, const fmlp_target *y, void *loss_rows, void *scratch);
    /* out = output activation of z, z itself when raw */
    void (*output)(const fmlp_head *head, int raw, ptrdiff_t m, ptrdiff_t n, const void *z,
                   ptrdiff_t ldz, void *out, ptrdiff_t ldo, void *scratch);

    /* One optimizer rule over n (padded) parameters and their state vectors s[0], s[1] ...; g: raw
     * gradient sums. GRADIENT writes the finished gradient to s[0]. Returns sum of w * w before the update when args->alpha != 0. */
    double (*rule)(int rule, ptrdiff_t n, const void *g, void *w, void *const *s /* -> (n) */,
                   const struct fmlp_rule_args *args);
    /* sum of squares of the gradient, finished as rule does it */
    double (*gradient_squares)(ptrdiff_t n, const void *g, const void *w,
                               const struct fmlp_rule_args *args);
    /* e += mix * (w - e), n padded */
    void (*average)(ptrdiff_t n, const void *w, void *e, double mix);
    /* out = a * x + b * y, (m, n) with strides, n padded; y not read where b == 0 */
    void (*combine)(ptrdiff_t m, ptrdiff_t n, double a, const void *x, ptrdiff_t ldx, double b,
                    const void *y, ptrdiff_t ldy, void *out, ptrdiff_t ldo);
    /* columns of w (k, n) with a norm above limit are scaled down to it, n padded; a run of n */
    void (*cap_columns)(ptrdiff_t k, ptrdiff_t n, void *w, ptrdiff_t ldw, double limit);
    void (*cap_row)(ptrdiff_t n, void *w, double limit);
    /* dst[j * ldd + i] = src[i * lds + j], i < m, j < n */
    void (*transpose)(ptrdiff_t m, ptrdiff_t n, const void *src, ptrdiff_t lds, void *dst,
                      ptrdiff_t ldd);
    /* MT19937, the generator: the next state (624 words); the numbers that n words stand for;
     * n numbers of [low, high) from 2 n of those */
    void (*mt_renew)(uint32_t *words);
    void (*mt_temper)(ptrdiff_t n, const uint32_t *words, uint32_t *numbers);
    void (*mt_uniform)(ptrdiff_t n, double low, double high, const uint32_t *numbers, void *out);
    double (*sum)(ptrdiff_t n, const void *x); /* in double, fixed order */
    int (*finite)(ptrdiff_t n, const void *x); /* all finite? */

    void (*math)(int op, ptrdiff_t n, const void *x, void *y); /* enum fmlp_math_op, elementwise */
    double (*fma_peak)(ptrdiff_t n); /* n rounds of independent FMAs; returns FLOPs done */
};

/* One ISA's two tables. */
struct fmlp_isa {
    const char *name;
    const struct fmlp_kernels *f32, *f64;
};

extern const struct fmlp_isa fmlp_isa_generic;
#ifdef FMLP_HAVE_X86_V3
extern const struct fmlp_isa fmlp_isa_x86_v3;
#endif
#ifdef FMLP_HAVE_X86_V4
extern const struct fmlp_isa fmlp_isa_x86_v4;
#endif
#ifdef FMLP_HAVE_NEON
extern const struct fmlp_isa fmlp_isa_neon;
#endif

#endif
