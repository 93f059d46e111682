/* epilogue.h - what follows the product x W + b in a hidden layer:
 *
 *   z -> normalisation -> activation -> dropout -> + residual
 *
 * A layer that has none of it but an activation whose derivative is a function of its output stays
 * in the matrix kernels. */
#ifndef FMLP_EPILOGUE_H
#define FMLP_EPILOGUE_H

#include "plan.h"

/* Added to a variance before the root, as in PyTorch. */
static const double fmlp_norm_eps = 1e-5;

/* m rows of a layer; NULL: not wanted. */
struct fmlp_epilogue {
    ptrdiff_t m;
    struct fmlp_inputs in;
    void *z;                /* (m, ld) the product; a normalised layer leaves z^ there */
    void *a;                /* (m, ld) the layer's output; may be z */
    void *d;                /* (m, ld) training: f' times the dropout mask */
    void *e;                /* (m, ld) training: prelu's and maxout's, see kernels.h */
    void *rstd;             /* (m) layer normalisation in training: 1 / sqrt(var + eps) */
    const void *mean, *var; /* (out_pad) batch normalisation */
    void *side;             /* (m, ld) room for a projected input */
    const struct fmlp_random *random; /* of dropout; NULL: prediction */
    ptrdiff_t row;          /* of the mini-batch, the first of the m */
};

/* Is there anything to do behind the product of layer l? training: with stored derivatives */
int fmlp_has_epilogue(const struct fmlp_plan *plan, int l, int training);
/* What the product itself is to apply to its results. */
int fmlp_product_act(const struct fmlp_plan *plan, int l, int training);
void fmlp_epilogue(const struct fmlp_plan *plan, int l, const void *w,
                   const struct fmlp_epilogue *e);

#endif
