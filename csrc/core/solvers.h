/* solvers.h - what a solver is to the engine. */
#ifndef FMLP_SOLVERS_H
#define FMLP_SOLVERS_H

#include "../include/fmlp.h"
#include "../kernels/kernels.h"

struct fmlp_solver {
    const char *name;
    int rule;         /* enum fmlp_rule, of weights and biases */
    int n_state;      /* state vectors per parameter */
    const char *takes[4]; /* hyperparameters of its own, by their names in fmlp_hyper; 0 ends */
    /* The rule's scalars of step t = 1, 2, ...; 0: none but the hyperparameters. */
    void (*scalars)(const fmlp_hyper *h, double t, struct fmlp_rule_args *args);
};

/* The row of a code, or 0. */
const struct fmlp_solver *fmlp_solver_get(int solver);
/* What the rule needs at step t = 1, 2, ... of a mini-batch whose weights sum to `weights`. */
struct fmlp_rule_args fmlp_solver_args(int solver, const fmlp_hyper *h, double t, double weights);

#endif
