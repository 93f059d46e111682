/* plan.h - how a network lies in memory for one ISA, and what a training step consists of. */
#ifndef FMLP_PLAN_H
#define FMLP_PLAN_H

#include "../include/fmlp.h"
#include "../kernels/kernels.h"
#include "workspace.h"

enum fmlp_layout { FMLP_PANELS, FMLP_NARROW, FMLP_ROWS }; /* see kernels.h */

struct fmlp_layer_plan {
    ptrdiff_t n_in, n_out;
    ptrdiff_t in_pad, out_pad; /* padded to lanes */
    enum fmlp_layout layout;
    int act;
    int stored; /* training keeps f'(z) of the outputs, see kernels.h: act_store */
    ptrdiff_t w_at;    /* kernel layout: where weights and bias start */
    ptrdiff_t w_len;   /* elements, padding and bias included */
    ptrdiff_t wt_at;   /* transposed panels for the backward pass; -1: none needed */
    ptrdiff_t flat_w;  /* flat vector: where the weights start, */
    ptrdiff_t flat_b;  /* where the biases start */
    ptrdiff_t ld;      /* of this layer's outputs and deltas */
};

/* One piece of phase 2: columns [j, j + width) of the weights from inputs [k0, k1), and the
 * biases of those columns where k0 == 0. Narrow layers: all columns. */
struct fmlp_item {
    int layer;
    ptrdiff_t j, width, k0, k1;
    double cost;
};

struct fmlp_plan {
    const struct fmlp_kernels *k;
    int n_layers;
    fmlp_head head;                 /* a copy with at least one group */
    struct fmlp_layer_plan *layers; /* (n_layers) */
    ptrdiff_t n_inputs, n_outputs, n_params;
    ptrdiff_t w_len, wt_len;        /* all layers, elements */
    ptrdiff_t max_ld;               /* widest output */
    ptrdiff_t row_block;            /* rows taken through all layers at once */
    double flops_row;               /* of one row, forward and backward */
    double flops_row_forward;
    struct fmlp_item *items;        /* (n_items), fixed by the network alone */
    ptrdiff_t n_items;
    ptrdiff_t item_len;             /* the largest item's gradient, elements */
};

/* Everything about layer l but where it starts. */
struct fmlp_layer_plan fmlp_layer_shape(const struct fmlp_kernels *k, const fmlp_net *net, int l,
                                        int sparse);

/* training: with transposed weights and items. Takes its arrays from the arena. */
fmlp_status fmlp_plan_make(struct fmlp_plan *plan, const fmlp_exec *exec, const fmlp_net *net,
                           int sparse, int training, struct fmlp_arena *arena);
/* Threads worth using for `cost` FLOPs: at most exec's. */
int fmlp_plan_threads(const fmlp_exec *exec, double cost);

/* losses.c: can a network of so many outputs have this head? */
int fmlp_head_sound(const fmlp_head *head, ptrdiff_t n_outputs);

/* pack.c: flat vector <-> kernel layout. w (w_len), zeroed padding; wt (wt_len) or NULL. */
void fmlp_pack(const struct fmlp_plan *plan, const void *flat, void *w);
void fmlp_pack_transposed(const struct fmlp_plan *plan, const void *w, void *wt);
void fmlp_unpack(const struct fmlp_plan *plan, const void *w, void *flat);
/* Inputs [k0, k1) of columns [j, j + width) of layer l: w -> wt. */
void fmlp_transpose_item(const struct fmlp_plan *plan, int l, ptrdiff_t j, ptrdiff_t width,
                         ptrdiff_t k0, ptrdiff_t k1, const void *w, void *wt);

/* forward.c: one layer for m rows, dense inputs through row pointers or CSR rows by index.
 * out, d: (m, ld); d takes f'(z), NULL: not wanted. */
void fmlp_forward_layer(const struct fmlp_plan *plan, int l, ptrdiff_t m, const void *const *rows,
                        const struct fmlp_csr *csr, const ptrdiff_t *index, const void *w,
                        void *out, void *d);

static inline ptrdiff_t fmlp_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static inline void *fmlp_at(const struct fmlp_plan *plan, const void *p, ptrdiff_t i) {
    return (char *)(uintptr_t)p + i * plan->k->size;
}

static inline struct fmlp_csr fmlp_csr_of(const fmlp_matrix *x) {
    const struct fmlp_csr csr = {x->data, x->indices, x->indptr, x->index64};
    return csr;
}

#endif
