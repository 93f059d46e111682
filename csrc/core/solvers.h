/* solvers.h - what a solver is to the engine. */
#ifndef FMLP_SOLVERS_H
#define FMLP_SOLVERS_H

#include "../include/fmlp.h"
#include "../kernels/kernels.h"

/* Where the optimizer stands when a step begins. */
struct fmlp_step {
    double number;   /* 1, 2, ... */
    double rate;     /* learning rate of this step */
    double rate_sum; /* of the squared rates of all steps, this one included */
};

struct fmlp_solver {
    const char *name;
    int rule;             /* enum fmlp_rule, of weights and biases */
    int matrix_rule;      /* of the weights between two hidden layers; 0: the same */
    int n_state;          /* state vectors per parameter, the first `n_points` of which */
    int n_points;         /* start as the weights, the others as zeros */
    int traits;           /* enum fmlp_solver_trait */
    const char *takes[4]; /* hyperparameters of its own, by their names in fmlp_hyper; 0 ends */
    /* The rule's scalars of a step; 0: none but the hyperparameters. */
    void (*scalars)(const fmlp_hyper *h, const struct fmlp_step *at, struct fmlp_rule_args *args);
};

/* The row of a code, or 0. */
const struct fmlp_solver *fmlp_solver_get(int solver);
/* What the rule needs at this step of a mini-batch whose weights sum to `weights`. */
struct fmlp_rule_args fmlp_solver_args(int solver, const fmlp_hyper *h,
                                       const struct fmlp_step *at, double weights);

#endif
