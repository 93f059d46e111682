/* The tables of output activations and losses: what there is, what goes with what, and which
 * targets a loss is defined for. A new loss is a row here and a function in kernels/loss_*.inc.h;
 * docs/adding-a-loss.md walks through it. */
#include <math.h>

#include "plan.h"

static const fmlp_name output_names[] = {
    {"identity", FMLP_OUT_IDENTITY}, {"logistic", FMLP_OUT_LOGISTIC},
    {"softmax", FMLP_OUT_SOFTMAX},   {"exp", FMLP_OUT_EXP},
    {"tanh", FMLP_OUT_TANH},         {"softplus", FMLP_OUT_SOFTPLUS},
};

/* Sets of output activations, one bit each. */
enum {
    IDENTITY = 1 << FMLP_OUT_IDENTITY,
    PROBABILITY = 1 << FMLP_OUT_LOGISTIC | 1 << FMLP_OUT_SOFTMAX,
    POSITIVE = 1 << FMLP_OUT_EXP | 1 << FMLP_OUT_SOFTPLUS | 1 << FMLP_OUT_LOGISTIC,
    ELEMENTWISE = IDENTITY | POSITIVE | 1 << FMLP_OUT_TANH
};

enum { ONE_EACH = 0, ANY_NUMBER = -1 }; /* outputs per target; number of arguments */

/* name, code, default output, outputs allowed, arguments, outputs per target, domain of y */
static const fmlp_loss_info losses[] = {
    {"squared_error", FMLP_LOSS_SQUARED_ERROR, FMLP_OUT_IDENTITY, ELEMENTWISE, 0, 1, FMLP_Y_REAL},
    {"poisson", FMLP_LOSS_POISSON, FMLP_OUT_EXP, POSITIVE, 0, 1, FMLP_Y_NONNEGATIVE},
    {"log_loss", FMLP_LOSS_LOG, FMLP_OUT_SOFTMAX, PROBABILITY, 0, 1, FMLP_Y_PROBABILITY},
    {"absolute_error", FMLP_LOSS_ABSOLUTE_ERROR, FMLP_OUT_IDENTITY, ELEMENTWISE, 0, 1, FMLP_Y_REAL},
    {"huber", FMLP_LOSS_HUBER, FMLP_OUT_IDENTITY, ELEMENTWISE, 1, 1, FMLP_Y_REAL},
    {"log_cosh", FMLP_LOSS_LOG_COSH, FMLP_OUT_IDENTITY, ELEMENTWISE, 0, 1, FMLP_Y_REAL},
    {"quantile", FMLP_LOSS_QUANTILE, FMLP_OUT_IDENTITY, ELEMENTWISE, ANY_NUMBER, ONE_EACH,
     FMLP_Y_REAL},
    {"gamma", FMLP_LOSS_GAMMA, FMLP_OUT_EXP, POSITIVE, 0, 1, FMLP_Y_POSITIVE},
    {"tweedie", FMLP_LOSS_TWEEDIE, FMLP_OUT_EXP, POSITIVE, 1, 1, FMLP_Y_REAL},
    {"gaussian_nll", FMLP_LOSS_GAUSSIAN_NLL, FMLP_OUT_IDENTITY, IDENTITY, 0, 2, FMLP_Y_REAL},
    {"focal", FMLP_LOSS_FOCAL, FMLP_OUT_SOFTMAX, PROBABILITY, 1, 1, FMLP_Y_PROBABILITY},
    {"brier", FMLP_LOSS_BRIER, FMLP_OUT_SOFTMAX, PROBABILITY, 0, 1, FMLP_Y_PROBABILITY},
    {"custom", FMLP_LOSS_CUSTOM, FMLP_OUT_IDENTITY, ELEMENTWISE | PROBABILITY, 0, 1, FMLP_Y_REAL},
};

enum { N_OUTPUTS = sizeof output_names / sizeof *output_names };
enum { N_LOSSES = sizeof losses / sizeof *losses };

const fmlp_name *fmlp_output_at(int i) { return i >= 0 && i < N_OUTPUTS ? &output_names[i] : 0; }
const fmlp_loss_info *fmlp_loss_at(int i) { return i >= 0 && i < N_LOSSES ? &losses[i] : 0; }

static const fmlp_loss_info *info_of(int loss) {
    for (int i = 0; i < N_LOSSES; i++)
        if (losses[i].code == loss) return &losses[i];
    return 0;
}

int fmlp_loss_domain(const fmlp_head *head) {
    const fmlp_loss_info *info = info_of(head->loss);
    if (!info || head->loss != FMLP_LOSS_TWEEDIE) return info ? info->domain : FMLP_Y_REAL;
    const double power = head->loss_args[0];
    return power < 1 ? FMLP_Y_REAL : power < 2 ? FMLP_Y_NONNEGATIVE : FMLP_Y_POSITIVE;
}

ptrdiff_t fmlp_outputs_per_target(const fmlp_head *head) {
    const fmlp_loss_info *info = info_of(head->loss);
    return info && info->outputs_per_target == ONE_EACH ? head->n_loss_args
           : info                                       ? info->outputs_per_target
                                                        : 1;
}

/* Written so that NaN is refused. */
static int arg_sound(int loss, double arg) {
    switch (loss) {
    case FMLP_LOSS_HUBER: return arg > 0 && arg < INFINITY;
    case FMLP_LOSS_QUANTILE: return arg > 0 && arg < 1;
    case FMLP_LOSS_TWEEDIE: return (arg > -INFINITY && arg <= 0) || (arg >= 1 && arg < INFINITY);
    case FMLP_LOSS_FOCAL: return arg >= 0 && arg < INFINITY;
    default: return 1;
    }
}

static int args_sound(const fmlp_loss_info *info, const fmlp_head *head) {
    const int n = head->n_loss_args;
    if (info->n_args == ANY_NUMBER ? n < 1 : n != info->n_args) return 0;
    if (n > 0 && !head->loss_args) return 0;
    for (int i = 0; i < n; i++)
        if (!arg_sound(head->loss, head->loss_args[i])) return 0;
    return 1;
}

/* Softmaxes that divide the outputs among them. */
static int groups_sound(const fmlp_head *head, ptrdiff_t n_outputs) {
    if (head->n_groups == 0) return 1;
    if (head->n_groups < 0 || !head->groups || head->output != FMLP_OUT_SOFTMAX) return 0;
    ptrdiff_t left = n_outputs;
    for (int g = 0; g < head->n_groups; g++) {
        if (head->groups[g] < 1 || head->groups[g] > left) return 0;
        left -= head->groups[g];
    }
    return left == 0;
}

int fmlp_head_sound(const fmlp_head *head, ptrdiff_t n_outputs) {
    const fmlp_loss_info *info = info_of(head->loss);
    if (!info || head->output < 0 || head->output >= N_OUTPUTS) return 0;
    if (!(info->outputs & 1u << head->output) || !args_sound(info, head)) return 0;
    if (n_outputs < 1 || n_outputs % fmlp_outputs_per_target(head) != 0) return 0;
    if (!(head->label_smoothing >= 0 && head->label_smoothing < 1)) return 0;
    if (head->label_smoothing > 0 && info->domain != FMLP_Y_PROBABILITY) return 0;
    return groups_sound(head, n_outputs);
}
