/* fmlp.h - the public C API of the fastmlp engine.
 *
 * SIMPLE
 *   A network is a const description (fmlp_net) and one flat vector of parameters: all weight
 *   matrices first, layer by layer, each (n_in, n_out) row-major, then all biases, layer by layer,
 *   then what else a layer has, layer by layer: normalisation scale and shift (one of each for a
 *   column of W), slopes of prelu (n_out), the projection P of its residual (n_in, n_out).
 *   The caller owns all memory. The library allocates nothing, prints nothing, keeps no global
 *   state but the OpenMP runtime's threads, and reports every failure as an fmlp_status.
 *
 *     fmlp_check(&net)                         is the description sound?
 *     fmlp_n_params(&net)                      length of the flat vector
 *     fmlp_predict_size / fmlp_predict         X -> outputs
 *
 * TRAINING
 *   A fmlp_trainer lives in caller memory of fmlp_trainer_size() bytes and keeps weights and
 *   optimizer state in the kernels' own layout from call to call. Data stay where they are.
 *
 *     fmlp_trainer_init       lay out the memory, choose tiles and threads
 *     fmlp_trainer_load       flat vectors -> kernel layout
 *     fmlp_trainer_run        mini-batches of a permutation; one call is a chunk of them
 *     fmlp_trainer_loss_grad  loss and gradient over all rows (L-BFGS, tests)
 *     fmlp_trainer_predict    forward with the current weights
 *     fmlp_trainer_store      kernel layout -> flat vectors
 *
 *   Results do not depend on n_threads, bit for bit.
 *
 * All sizes are ptrdiff_t and count elements unless a name ends in _bytes. Element type is the
 * network's dtype throughout. Arrays are C-contiguous and aligned to their element.
 */
#ifndef FMLP_H
#define FMLP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ errors */
typedef enum fmlp_status {
    FMLP_OK = 0,
    FMLP_E_NET = 1,       /* description unsound: sizes < 1, unknown codes, wrong pair */
    FMLP_E_SIZE = 2,      /* a product of sizes overflows */
    FMLP_E_WORKSPACE = 3, /* caller memory smaller than reported or not 64-byte aligned */
    FMLP_E_ARGUMENT = 4,  /* row, class or column index out of range, negative count */
    FMLP_E_ISA = 5        /* ISA not built in or not supported by this machine */
} fmlp_status;

const char *fmlp_status_str(fmlp_status status);

/* ------------------------------------------------------------- description */
typedef enum fmlp_dtype { FMLP_F32 = 0, FMLP_F64 = 1 } fmlp_dtype;

typedef enum fmlp_output { /* output activation */
    FMLP_OUT_IDENTITY = 0,
    FMLP_OUT_LOGISTIC = 1,
    FMLP_OUT_SOFTMAX = 2,
    FMLP_OUT_EXP = 3,
    FMLP_OUT_TANH = 4,
    FMLP_OUT_SOFTPLUS = 5
} fmlp_output;

/* Formulas: kernels/loss_regression.inc.h, kernels/loss_classification.inc.h. */
typedef enum fmlp_loss {
    FMLP_LOSS_SQUARED_ERROR = 0,
    FMLP_LOSS_POISSON = 1,
    FMLP_LOSS_LOG = 2, /* cross-entropy */
    FMLP_LOSS_ABSOLUTE_ERROR = 3,
    FMLP_LOSS_HUBER = 4,    /* loss_args: where it turns linear */
    FMLP_LOSS_LOG_COSH = 5,
    FMLP_LOSS_QUANTILE = 6, /* loss_args: levels; outputs: those of a target side by side */
    FMLP_LOSS_GAMMA = 7,
    FMLP_LOSS_TWEEDIE = 8,  /* loss_args: power */
    FMLP_LOSS_GAUSSIAN_NLL = 9, /* outputs: all means, then all logarithms of variances */
    FMLP_LOSS_FOCAL = 10,   /* loss_args: gamma */
    FMLP_LOSS_BRIER = 11,   /* squared error of probabilities */
    FMLP_LOSS_CUSTOM = 12   /* the caller's: see fmlp_trainer_forward */
} fmlp_loss;

typedef enum fmlp_domain { /* values of y that a loss is defined for */
    FMLP_Y_REAL = 0,
    FMLP_Y_NONNEGATIVE = 1,
    FMLP_Y_POSITIVE = 2,
    FMLP_Y_PROBABILITY = 3
} fmlp_domain;

/* The output layer: its activation and its loss. */
typedef struct fmlp_head {
    int output;              /* fmlp_output */
    int loss;                /* fmlp_loss */
    const double *loss_args; /* (n_loss_args) */
    int n_loss_args;
    double label_smoothing;  /* s in [0, 1): targets become (1 - s) y + s / number of classes */
    const ptrdiff_t *groups; /* (n_groups) outputs of each of several softmaxes, */
    int n_groups;            /* or 0: one softmax over all outputs */
} fmlp_head;

/* The tables of core/losses.c; the i-th row, NULL behind the last. */
typedef struct fmlp_name {
    const char *name;
    int code;
} fmlp_name;

typedef struct fmlp_loss_info {
    const char *name;
    int code;               /* fmlp_loss */
    int output;             /* fmlp_output it takes by default */
    unsigned outputs;       /* it goes with: bit 1 << fmlp_output of each */
    int n_args;             /* numbers in loss_args; -1: one or more */
    int outputs_per_target; /* network outputs for a column of y; 0: as many as loss_args */
    int domain;             /* fmlp_domain of y */
} fmlp_loss_info;

const fmlp_name *fmlp_output_at(int i);
const fmlp_loss_info *fmlp_loss_at(int i);
int fmlp_loss_domain(const fmlp_head *head); /* with respect to loss_args */
ptrdiff_t fmlp_outputs_per_target(const fmlp_head *head);

/* The table of core/activations.c; an activation is known by its row. */
typedef struct fmlp_activation {
    const char *name;
    int stored; /* f' is no function of f: the forward pass of training leaves it in memory */
    int slopes; /* a unit has a slope, which is trained */
    int pieces; /* a unit has several columns of W */
} fmlp_activation;

const fmlp_activation *fmlp_activation_at(int activation); /* NULL: no such activation */
int fmlp_activation_by_name(const char *name);             /* -1: no such activation */

typedef enum fmlp_normalization { /* of a hidden layer, before its activation */
    FMLP_NORM_NONE = 0,
    FMLP_NORM_BATCH = 1, /* Ioffe & Szegedy 2015; running statistics at predict */
    FMLP_NORM_LAYER = 2  /* Ba, Kiros & Hinton 2016 */
} fmlp_normalization;

/* A hidden layer: x W + b, normalised, activated, dropped out, plus x or, where its width is
 * another, x P. The last layer: x W + b. */
typedef struct fmlp_layer {
    ptrdiff_t n_in;
    ptrdiff_t n_out; /* units */
    /* ignored in the last layer: */
    int activation;    /* from fmlp_activation_by_name */
    int pieces;        /* maxout, >= 2: column p * n_out + j of W is piece p of unit j */
    int normalization; /* fmlp_normalization */
    double dropout;    /* probability of dropping a unit in training, [0, 1) */
    int residual;      /* adds its input to its output */
} fmlp_layer;

typedef struct fmlp_net {
    int dtype;                /* fmlp_dtype */
    int n_layers;             /* weight matrices, >= 1 */
    const fmlp_layer *layers; /* (n_layers) */
    fmlp_head head;
    double input_dropout; /* probability of dropping an input in training, [0, 1) */
    double input_noise;   /* standard deviation of what is added to inputs in training; dense X */
} fmlp_net;

fmlp_status fmlp_check(const fmlp_net *net);
ptrdiff_t fmlp_n_params(const fmlp_net *net);
ptrdiff_t fmlp_n_columns(const fmlp_net *net, int layer); /* of the weight matrix of a layer */
/* Running statistics, which are no parameters: mean, then variance of each batch-normalised layer. */
ptrdiff_t fmlp_n_running(const fmlp_net *net);

/* --------------------------------------------------------------- execution */
typedef struct fmlp_exec {
    int isa;       /* from fmlp_isa_by_name or fmlp_isa_best */
    int n_threads; /* upper limit, >= 1; small work runs on fewer */
    int exact_threads; /* tests: run on exactly n_threads, however small the work */
} fmlp_exec;

int fmlp_isa_count(void);             /* ISAs this library knows */
const char *fmlp_isa_name(int isa);   /* "generic", "x86_v3", "x86_v4", "neon" */
int fmlp_isa_by_name(const char *name); /* -1: no such name */
int fmlp_isa_built(int isa);          /* compiled in */
int fmlp_isa_supported(int isa);      /* compiled in and runnable here */
int fmlp_isa_best(void);

const char *fmlp_compiler(void); /* name and version */
int fmlp_has_openmp(void);
int fmlp_max_threads(void);  /* OpenMP's own view; 1 without OpenMP */
int fmlp_in_parallel(void);  /* called from inside an OpenMP region? */

/* -------------------------------------------------------------------- data */
typedef struct fmlp_matrix {
    ptrdiff_t n_rows;
    ptrdiff_t n_cols;
    const void *data; /* dense: (n_rows, n_cols), ld ld;  CSR: (nnz) */
    ptrdiff_t ld;
    /* CSR when indptr is set */
    const void *indices; /* (nnz) int32 or int64 */
    const void *indptr;  /* (n_rows + 1) same type */
    int index64;         /* 0: int32, 1: int64 */
    ptrdiff_t nnz;
} fmlp_matrix;

/* Are n elements all finite? */
int fmlp_all_finite(int isa, fmlp_dtype dtype, ptrdiff_t n, const void *x);

fmlp_status fmlp_check_csr(const fmlp_matrix *x); /* indptr monotone, indices in range */

typedef struct fmlp_target {
    const void *dense;      /* (n_rows, n_outputs / outputs per target), or NULL; custom loss:
                             * (n_rows, n_outputs + 1), see fmlp_trainer_forward */
    const int32_t *classes; /* (n_rows, n_groups or 1) class indices: softmax only, or NULL */
    const void *weight;     /* (n_rows) sample weights, or NULL */
} fmlp_target;

/* ----------------------------------------------------------------- predict */
/* out (n_rows, n_outputs). raw: outputs before the output activation. */
fmlp_status fmlp_predict_size(const fmlp_exec *exec, const fmlp_net *net, ptrdiff_t n_rows,
                              int sparse, ptrdiff_t *bytes);
fmlp_status fmlp_predict(const fmlp_exec *exec, const fmlp_net *net,
                         const void *params /* (n_params) */,
                         const void *running /* (n_running), or NULL if that is 0 */,
                         const fmlp_matrix *x, int raw, void *workspace, ptrdiff_t bytes,
                         void *out);

/* p (n) probabilities of one side -> both (n, 2): 1 - p, p */
void fmlp_with_complement(fmlp_dtype dtype, ptrdiff_t n, const void *p, void *both);

/* ---------------------------------------------------------------- training */
/* Solvers are numbered 0 .. count; core/solvers.c is the table. */
enum { FMLP_SOLVER_NONE = 0 }; /* gradients only */

int fmlp_solver_count(void);
const char *fmlp_solver_name(int solver);         /* NULL: no such solver */
int fmlp_solver_n_state(int solver);              /* state vectors per parameter */
const char *fmlp_solver_takes(int solver, int i); /* name of hyperparameter i, NULL: no more */

enum fmlp_solver_trait {
    FMLP_SOLVER_AVERAGES = 1,  /* trains at one point, predicts at an average */
    FMLP_SOLVER_FULL_BATCH = 2 /* its steps need all rows */
};
int fmlp_solver_traits(int solver);

/* What a trainer is laid out for. */
typedef struct fmlp_optimizer {
    int solver;
    int average; /* keep an average of the weights, which predicts: hyper.ema_decay */
    int clip;    /* keep whole gradients, to clip them: hyper.gradient_clip */
} fmlp_optimizer;

typedef struct fmlp_hyper {
    double learning_rate; /* adam: before bias correction */
    const double *rates;  /* (steps) learning rate of each step of the call, or NULL: all alike */
    ptrdiff_t n_rates;
    double rate_sum;      /* of the squared rates of the steps before: schedulefree */
    double alpha;         /* L2 penalty on weights, divided by the batch's sum of weights */
    double momentum;      /* sgd */
    int nesterov;         /* sgd */
    double beta_1, beta_2, epsilon, rho;
    double weight_decay;  /* before a step weights lose rate * weight_decay of themselves, */
    double l1;            /* after it rate * l1 of their size, down to 0 */
    double max_norm;      /* most of a unit's incoming weights; 0: no limit */
    double gradient_clip; /* most of the whole gradient's norm; trainers laid out for it */
    double ema_decay;     /* of the average of the weights; trainers laid out for it */
} fmlp_hyper;

/* State of the generator MT19937, laid out as NumPy does (numpy/random/src/mt19937). */
#define FMLP_MT19937_WORDS 624
typedef struct fmlp_mt19937 {
    uint32_t words[FMLP_MT19937_WORDS];
    int position; /* words used, 0 .. FMLP_MT19937_WORDS */
} fmlp_mt19937;

/* As numpy.random.RandomState.shuffle does; n <= 2^32. */
void fmlp_shuffle(int isa, ptrdiff_t n, ptrdiff_t *order /* (n) */, fmlp_mt19937 *generator);
/* As numpy.random.RandomState.uniform does. */
void fmlp_uniform(int isa, fmlp_dtype dtype, ptrdiff_t n, double low, double high,
                  void *out /* (n) */, fmlp_mt19937 *generator);

typedef struct fmlp_progress {
    ptrdiff_t position; /* next row of the order */
    ptrdiff_t steps;    /* optimizer steps done */
    double loss_sum;    /* sum over mini-batches of loss * rows, penalty included, since the last
                           call that began at row 0; complete when position is `stop` */
    double rate_sum;    /* hyper's, with the steps done */
} fmlp_progress;

typedef struct fmlp_trainer fmlp_trainer;

/* csr_entries: -1 for dense input, else the most entries that the rows of a mini-batch can have. */
fmlp_status fmlp_trainer_size(const fmlp_exec *exec, const fmlp_net *net,
                              const fmlp_optimizer *optimizer, ptrdiff_t batch_size,
                              ptrdiff_t csr_entries, ptrdiff_t *bytes);
/* memory: 64-byte aligned, `bytes` long, all zero; the net is copied in. */
fmlp_status fmlp_trainer_init(const fmlp_exec *exec, const fmlp_net *net,
                              const fmlp_optimizer *optimizer, ptrdiff_t batch_size,
                              ptrdiff_t csr_entries, void *memory, ptrdiff_t bytes,
                              fmlp_trainer **out);
/* params are what predicts. state: (n_state, n_params) flat, the solver's and, where an average
 * predicts, the weights in training behind it; NULL: start from params / not wanted. */
int fmlp_trainer_n_state(const fmlp_trainer *t);
fmlp_status fmlp_trainer_load(fmlp_trainer *t, const void *params, const void *state);
fmlp_status fmlp_trainer_store(fmlp_trainer *t, void *params, void *state);
void fmlp_trainer_load_running(fmlp_trainer *t, const void *running /* (n_running) */);
void fmlp_trainer_store_running(const fmlp_trainer *t, void *running);
/* Of dropout and noise: masks are a function of seed, step, layer, row of the mini-batch, unit. */
void fmlp_trainer_seed(fmlp_trainer *t, uint64_t seed);
/* Trains the mini-batches of order[start:stop], about 50 ms of work at most.
 * order: (stop) row numbers, or NULL for 0, 1, 2 ...; first_step: optimizer steps done before. */
fmlp_status fmlp_trainer_run(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                             const ptrdiff_t *order, ptrdiff_t start, ptrdiff_t stop,
                             ptrdiff_t first_step, const fmlp_hyper *hyper,
                             fmlp_progress *progress);
/* Custom losses: a step is two calls. This one does the forward pass of a mini-batch order[start :
 * stop], for the optimizer step `step`, and gives its outputs without activation, raw (stop - start,
 * n_outputs). The caller writes their derivatives and the row's loss, both times its weight, to the
 * rows of y->dense; then fmlp_trainer_run of the same rows, or fmlp_trainer_loss_grad of all, does
 * the rest. trains: 0 if they are going to do no step; there are no outputs then. */
fmlp_status fmlp_trainer_forward(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                 const ptrdiff_t *order, ptrdiff_t start, ptrdiff_t stop,
                                 ptrdiff_t step, void *raw, int *trains);
/* Loss and flat gradient (n_params) over all rows of x at the loaded weights. Running statistics
 * become those of x; dropout and noise are those of step 0. */
fmlp_status fmlp_trainer_loss_grad(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                   double alpha, double *loss, void *grad);
fmlp_status fmlp_trainer_predict(fmlp_trainer *t, const fmlp_matrix *x, int raw, void *out);
int fmlp_trainer_weights_finite(fmlp_trainer *t);
/* The weights that predict in kernel layout, to copy and put back: bytes and address. */
ptrdiff_t fmlp_trainer_weights_bytes(const fmlp_trainer *t);
void *fmlp_trainer_weights(fmlp_trainer *t);
void fmlp_trainer_weights_changed(fmlp_trainer *t); /* call after putting them back */

#ifdef __cplusplus
}
#endif
#endif
