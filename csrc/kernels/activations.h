/* Activation functions of hidden layers. The numbers are stable. */
#ifndef FMLP_ACTIVATIONS_H
#define FMLP_ACTIVATIONS_H

enum fmlp_act {
    FMLP_ACT_IDENTITY = 0,
    FMLP_ACT_LOGISTIC = 1,
    FMLP_ACT_TANH = 2,
    FMLP_ACT_RELU = 3
};

#endif
