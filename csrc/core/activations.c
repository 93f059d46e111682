/* The activations there are. A row here, a body in kernels/activation.inc.h:
 * docs/adding-an-activation.md. */
#include "activations.h"

#include <string.h>

static const struct fmlp_activation table[] = {
    [FMLP_ACT_IDENTITY] = {"identity", 0},
    [FMLP_ACT_LOGISTIC] = {"logistic", 0},
    [FMLP_ACT_TANH] = {"tanh", 0},
    [FMLP_ACT_RELU] = {"relu", 0},
    [FMLP_ACT_LEAKY_RELU] = {"leaky_relu", 0},
    [FMLP_ACT_ELU] = {"elu", 0},
    [FMLP_ACT_SELU] = {"selu", 0},
    [FMLP_ACT_GELU] = {"gelu", 1},
    [FMLP_ACT_SILU] = {"silu", 1},
    [FMLP_ACT_MISH] = {"mish", 1},
    [FMLP_ACT_SOFTPLUS] = {"softplus", 1},
    [FMLP_ACT_SOFTSIGN] = {"softsign", 0},
    [FMLP_ACT_HARD_SIGMOID] = {"hard_sigmoid", 0},
    [FMLP_ACT_HARD_SWISH] = {"hard_swish", 1},
};

enum { COUNT = sizeof table / sizeof table[0] };

const struct fmlp_activation *fmlp_activation_get(int act) {
    return act >= 0 && act < COUNT ? &table[act] : 0;
}

int fmlp_activation_count(void) { return COUNT; }

const char *fmlp_activation_name(int act) {
    return act >= 0 && act < COUNT ? table[act].name : "";
}

int fmlp_activation_by_name(const char *name) {
    for (int i = 0; i < COUNT; i++)
        if (strcmp(table[i].name, name) == 0) return i;
    return -1;
}
