/* plan.h - how a network lies in memory for one ISA, and what a training step consists of. */
#ifndef FMLP_PLAN_H
#define FMLP_PLAN_H

#include "../include/fmlp.h"
#include "../kernels/kernels.h"
#include "workspace.h"

/* See kernels.h. FLAT: as in the flat vector, nothing of their own. */
enum fmlp_layout { FMLP_PANELS, FMLP_NARROW, FMLP_ROWS, FMLP_FLAT };

/* What a plan is for: transposed weights and items belong to training; for a few rows it does not
 * pay to bring weights into panels. */
enum fmlp_purpose { FMLP_TRAINING, FMLP_PREDICTION, FMLP_FEW_ROWS };

struct fmlp_layer_plan {
    ptrdiff_t n_in, n_out;     /* of the matrix: n_out columns, */
    ptrdiff_t units;           /* which belong to so many units: fewer for maxout */
    ptrdiff_t in_pad, out_pad; /* padded to lanes */
    enum fmlp_layout layout;
    int packs;                 /* training: items may pack inputs, see grad.inc.h */
    int act;
    int slopes; /* prelu: parameters of its own */
    int pieces; /* maxout: columns of a unit, else 1 */
    int stored; /* training keeps f'(z) of the outputs, see kernels.h: act_store */
    int norm;          /* fmlp_normalization */
    double dropout;
    int residual;
    int projection;    /* the matrix that a residual's input is multiplied by; -1: none */
    ptrdiff_t w_at;    /* kernel layout: where weights and bias start */
    ptrdiff_t w_len;   /* elements, padding and bias included */
    ptrdiff_t wt_at;   /* transposed panels for the backward pass; -1: none needed */
    ptrdiff_t flat_w;  /* flat vector: where the weights start, */
    ptrdiff_t flat_b;  /* where the biases start; -1: a projection, which has none */
    ptrdiff_t norm_at; /* kernel layout: scale, then shift, (out_pad) each */
    ptrdiff_t flat_norm;
    ptrdiff_t slopes_at; /* kernel layout: (out_pad) */
    ptrdiff_t flat_slopes;
    ptrdiff_t running_at;   /* kernel layout: running mean, then variance, (out_pad) each */
    ptrdiff_t flat_running; /* flat vector of its own */
    ptrdiff_t ld;      /* of this layer's outputs and deltas */
};

/* One piece of phase 2: columns [j, j + width) of a matrix from inputs [k0, k1), and the biases of
 * those columns where k0 == 0. Narrow layers: all columns. Or columns of a normalisation's scale
 * and shift, or of a layer's slopes. */
enum fmlp_item_kind { FMLP_ITEM_MATRIX, FMLP_ITEM_NORM, FMLP_ITEM_SLOPES };

struct fmlp_item {
    int layer; /* or matrix */
    enum fmlp_item_kind kind;
    ptrdiff_t j, width, k0, k1;
    double cost;
};

struct fmlp_plan {
    const struct fmlp_kernels *k;
    int n_layers;
    fmlp_head head;                 /* a copy with at least one group */
    int n_matrices;     /* layers and projections */
    int any_batch_norm, any_projection;
    double input_dropout, input_noise;
    struct fmlp_layer_plan *layers; /* (n_matrices): layers, then projections */
    ptrdiff_t n_inputs, n_outputs, n_params;
    ptrdiff_t w_len, wt_len;        /* all parameters, elements */
    ptrdiff_t running_len;          /* running statistics, behind the parameters */
    ptrdiff_t max_ld;               /* widest output */
    ptrdiff_t row_block;            /* rows taken through all layers at once */
    double flops_row;               /* of one row, forward and backward */
    double flops_row_forward;
    struct fmlp_item *items;        /* (n_items), fixed by the network alone */
    ptrdiff_t n_items;
    ptrdiff_t item_len;             /* the largest item's gradient, elements */
    ptrdiff_t pack_height;          /* most inputs of an item that packs; 0: there is none */
};

/* Of rows of n elements: padded, and not a multiple of 1 KiB. */
ptrdiff_t fmlp_row_stride(const struct fmlp_kernels *k, ptrdiff_t n);
/* Layers, and projections behind them; the layer that matrix q belongs to. */
int fmlp_n_matrices(const fmlp_net *net);
int fmlp_matrix_layer(const fmlp_net *net, int q);
int fmlp_has_projection(const fmlp_net *net, int l);
/* Everything about matrix q but where it starts. */
struct fmlp_layer_plan fmlp_layer_shape(const struct fmlp_kernels *k, const fmlp_net *net, int q,
                                        int sparse);

/* Takes its arrays from the arena. */
fmlp_status fmlp_plan_make(struct fmlp_plan *plan, const fmlp_exec *exec, const fmlp_net *net,
                           int sparse, enum fmlp_purpose purpose, struct fmlp_arena *arena);
/* Where an item's weights and the biases of its columns are in the kernel layout. */
ptrdiff_t fmlp_item_weights(const struct fmlp_layer_plan *p, const struct fmlp_item *it);
ptrdiff_t fmlp_item_biases(const struct fmlp_layer_plan *p, const struct fmlp_item *it);
/* Do enough of a layer's panels pass over inputs that a thread packs? */
int fmlp_packing_pays(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p,
                      int n_threads);
/* How many of its columns are real. */
ptrdiff_t fmlp_item_columns(const struct fmlp_layer_plan *p, const struct fmlp_item *it);
/* Threads worth using for `cost` FLOPs: at most exec's. */
int fmlp_plan_threads(const fmlp_exec *exec, double cost);

/* losses.c: can a network of so many outputs have this head? */
int fmlp_head_sound(const fmlp_head *head, ptrdiff_t n_outputs);

/* pack.c: flat vector <-> kernel layout. w (w_len), all of it is written; wt (wt_len), whose padding
 * stays as it is: zero. */
void fmlp_pack(const struct fmlp_plan *plan, int n_threads, const void *flat, void *w);
void fmlp_pack_transposed(const struct fmlp_plan *plan, int n_threads, const void *w, void *wt);
void fmlp_unpack(const struct fmlp_plan *plan, int n_threads, const void *w, void *flat);
void fmlp_pack_running(const struct fmlp_plan *plan, const void *flat, void *w);
void fmlp_unpack_running(const struct fmlp_plan *plan, const void *w, void *flat);
/* Inputs [k0, k1) of columns [j, j + width) of layer l: w -> wt. */
void fmlp_transpose_item(const struct fmlp_plan *plan, int l, ptrdiff_t j, ptrdiff_t width,
                         ptrdiff_t k0, ptrdiff_t k1, const void *w, void *wt);

/* The rows a layer reads: pointers, or CSR rows by index. */
struct fmlp_inputs {
    const void *const *rows; /* (m) */
    struct fmlp_csr csr;     /* the first layer on sparse input */
    const ptrdiff_t *index;  /* (m) */
};

/* forward.c: out (m, ld) = act(x W + b) of matrix q. */
void fmlp_product(const struct fmlp_plan *plan, int q, ptrdiff_t m, const struct fmlp_inputs *in,
                  const void *w, int act, void *out);

static inline ptrdiff_t fmlp_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static inline void *fmlp_at(const struct fmlp_plan *plan, const void *p, ptrdiff_t i) {
    return (char *)(uintptr_t)p + i * plan->k->size;
}

static inline struct fmlp_csr fmlp_csr_of(const fmlp_matrix *x) {
    const struct fmlp_csr csr = {x->data, x->indices, x->indptr, x->index64};
    return csr;
}

#endif
