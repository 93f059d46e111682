/* Activation functions of hidden layers; csrc/core/activations.c has their names and needs. The
 * numbers are stable. */
#ifndef FMLP_ACTIVATIONS_H
#define FMLP_ACTIVATIONS_H

enum fmlp_act {
    FMLP_ACT_IDENTITY = 0,
    FMLP_ACT_LOGISTIC = 1,
    FMLP_ACT_TANH = 2,
    FMLP_ACT_RELU = 3,
    FMLP_ACT_LEAKY_RELU = 4,
    FMLP_ACT_ELU = 5,
    FMLP_ACT_SELU = 6,
    FMLP_ACT_GELU = 7,
    FMLP_ACT_SILU = 8,
    FMLP_ACT_MISH = 9,
    FMLP_ACT_SOFTPLUS = 10,
    FMLP_ACT_SOFTSIGN = 11,
    FMLP_ACT_HARD_SIGMOID = 12,
    FMLP_ACT_HARD_SWISH = 13,
    FMLP_ACT_PRELU = 14,  /* kernels of their own: units.inc.h */
    FMLP_ACT_MAXOUT = 15,
    FMLP_ACT_COUNT,

    FMLP_ACT_STORED = 100 /* backward pass only: "a" holds f'(z) itself, see act_store */
};

#endif
