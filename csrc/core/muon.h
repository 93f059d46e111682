/* muon.h - the part of a step that needs a whole weight matrix: Muon's orthogonalization. */
#ifndef FMLP_MUON_H
#define FMLP_MUON_H

#include "plan.h"
#include "threads.h"

struct fmlp_chunk;

/* The matrix of one layer between two hidden ones, and what becomes of it. x is the smaller way
 * up: (p, q) with p <= q. Rows are padded, padding is zero. */
struct fmlp_muon_layer {
    ptrdiff_t p, q;
    ptrdiff_t ldp, ldq;    /* strides of rows of length p, q */
    int tall;              /* n_in > n_out: x is the transpose of the matrix */
    void *x[2], *y;        /* x before and after an iteration (p, ldq); its transpose (q, ldp) */
    void *a, *b;           /* (p, ldp) */
    const void **y_rows, **a_rows, **b_rows; /* (q), (p), (p) */
    ptrdiff_t item, n_items; /* of the plan: those of this layer */
};

struct fmlp_muon {
    int n_layers;                   /* 0: the solver has no matrices of its own */
    struct fmlp_muon_layer *layers; /* (n_layers), of layers 1 ... n_layers of the network */
    double *squares;                /* (n_items of the plan) of the momentum */
    double flops;                   /* of a step */
};

/* Takes its memory from the arena; grows plan->item_len to what its items need. */
void fmlp_muon_take(struct fmlp_muon *muon, struct fmlp_plan *plan, const fmlp_net *net,
                    struct fmlp_arena *arena);
/* The phases that follow phase 2, whose rule has left the momentum in state vector 1. All threads
 * call it alike. */
void fmlp_muon_step(struct fmlp_walk *walk, const struct fmlp_chunk *c);

/* Is layer l, but its biases, one of them? */
static inline int fmlp_muon_has(const struct fmlp_muon *muon, int l) {
    return l >= 1 && l <= muon->n_layers;
}

#endif
