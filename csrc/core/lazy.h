/* lazy.h - the first layer on sparse input is brought up to date only where it is read.
 *
 * A step changes every weight: penalty and moments go on where the gradient is zero. But between two
 * mini-batches with an entry in a column nobody reads that column's weights. So they are left
 * behind, and catch up by the same rule with a gradient of zero, step by step, before the next
 * mini-batch that reads them: the same operations on each weight in the same order, so the same
 * bits, but while it is in L1 instead of once a step at the speed of memory. */
#ifndef FMLP_LAZY_H
#define FMLP_LAZY_H

#include "plan.h"

enum { FMLP_LAZY_STEPS = 64 };

struct fmlp_trainer;

struct fmlp_lazy {
    int on;
    int rule;
    int steps;         /* begun since all columns were up to date, <= FMLP_LAZY_STEPS */
    struct fmlp_rule_args *args; /* (FMLP_LAZY_STEPS) of each step */
    double *factor;    /* (FMLP_LAZY_STEPS) each step's penalty_factor */
    int32_t *done;     /* (n_inputs) how many of the steps a column has taken */
    double *penalty;   /* (n_inputs) a column's part of the trainer's penalty */
    void *zeros;       /* (out_pad) a gradient */
};

/* Do steps of this trainer look at each weight alone, and never at all of them together? */
int fmlp_lazy_possible(const struct fmlp_trainer *t);
void fmlp_lazy_take(struct fmlp_trainer *t, struct fmlp_arena *arena);
/* Column k takes the steps up to `to`. */
void fmlp_lazy_catch_up(struct fmlp_trainer *t, ptrdiff_t k, int32_t to);
/* All columns take all steps. Whoever reads the weights outside of training calls this first. */
void fmlp_lazy_settle(struct fmlp_trainer *t);

#endif
