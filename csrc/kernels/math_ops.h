/* Operations of FN(math_map), the array door to math.inc.h and special.inc.h. */
#ifndef FMLP_MATH_OPS_H
#define FMLP_MATH_OPS_H

enum fmlp_math_op {
    FMLP_MATH_EXP,
    FMLP_MATH_LOG,
    FMLP_MATH_LOGISTIC,
    FMLP_MATH_TANH,
    FMLP_MATH_EXPM1,     /* x <= 0 */
    FMLP_MATH_LOG1P,     /* 0 <= x <= 1 */
    FMLP_MATH_NORMAL_CDF
};

#endif
