/* Operations of FN(math_map), the array door to math.inc.h. */
#ifndef FMLP_MATH_OPS_H
#define FMLP_MATH_OPS_H

enum fmlp_math_op { FMLP_MATH_EXP, FMLP_MATH_LOG, FMLP_MATH_LOGISTIC, FMLP_MATH_TANH };

#endif
