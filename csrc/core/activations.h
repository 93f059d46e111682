/* activations.h - what the engine needs to know of an activation beside its kernel. */
#ifndef FMLP_CORE_ACTIVATIONS_H
#define FMLP_CORE_ACTIVATIONS_H

#include "../include/fmlp.h"
#include "../kernels/activations.h"

struct fmlp_activation {
    const char *name;
    int stored; /* f' is no function of f: the forward pass of training leaves it in memory */
};

/* NULL: no such activation. */
const struct fmlp_activation *fmlp_activation_get(int act);

#endif
