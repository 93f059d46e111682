/* The activations there are. A row here, a body in kernels/activation.inc.h:
 * docs/adding-an-activation.md. */
#include <string.h>

#include "../include/fmlp.h"
#include "../kernels/activations.h"

static const fmlp_activation table[FMLP_ACT_COUNT] = {
    [FMLP_ACT_IDENTITY] = {.name = "identity"},
    [FMLP_ACT_LOGISTIC] = {.name = "logistic"},
    [FMLP_ACT_TANH] = {.name = "tanh"},
    [FMLP_ACT_RELU] = {.name = "relu"},
    [FMLP_ACT_LEAKY_RELU] = {.name = "leaky_relu"},
    [FMLP_ACT_ELU] = {.name = "elu"},
    [FMLP_ACT_SELU] = {.name = "selu"},
    [FMLP_ACT_GELU] = {.name = "gelu", .stored = 1},
    [FMLP_ACT_SILU] = {.name = "silu", .stored = 1},
    [FMLP_ACT_MISH] = {.name = "mish", .stored = 1},
    [FMLP_ACT_SOFTPLUS] = {.name = "softplus", .stored = 1},
    [FMLP_ACT_SOFTSIGN] = {.name = "softsign"},
    [FMLP_ACT_HARD_SIGMOID] = {.name = "hard_sigmoid"},
    [FMLP_ACT_HARD_SWISH] = {.name = "hard_swish", .stored = 1},
    [FMLP_ACT_PRELU] = {.name = "prelu", .slopes = 1},
    [FMLP_ACT_MAXOUT] = {.name = "maxout", .pieces = 1},
};

const fmlp_activation *fmlp_activation_at(int act) {
    return act >= 0 && act < FMLP_ACT_COUNT ? &table[act] : 0;
}

int fmlp_activation_by_name(const char *name) {
    for (int i = 0; i < FMLP_ACT_COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return i;
    return -1;
}
