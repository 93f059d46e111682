/* trainer.h - the trainer's memory and the two phases of a step. */
#ifndef FMLP_TRAINER_H
#define FMLP_TRAINER_H

#include "lazy.h"
#include "muon.h"
#include "plan.h"
#include "predict.h"
#include "threads.h"
#include "tuner.h"

struct fmlp_trainer {
    struct fmlp_plan plan;
    fmlp_exec exec;
    int solver;
    ptrdiff_t entries; /* sparse input: most entries of a chunk; -1: dense */
    ptrdiff_t batch;  /* rows of an optimizer step */
    ptrdiff_t chunk;  /* rows whose activations are held at once, <= batch */

    /* kernel layout, (w_len) each */
    void *w;                 /* (w_len + running_len): the running statistics behind */
    void *s[FMLP_MAX_STATE]; /* what the rule reads and writes beside w: the solver's state, */
    int n_s;                 /* average if it is the solver's own; without a solver: gradient */
    void *average;           /* of the weights, which predicts; NULL: w does */
    int averages_itself;     /* the solver does, not fmlp_average_item */
    int clip;                /* gradients are clipped */
    void *wt;                /* (wt_len) */
    void *g;                 /* gradient sums over the chunks of a step; NULL where not needed */
    int parts;               /* see parts.c; 1: gradients are summed in phase 2 */
    ptrdiff_t held;          /* rows of memory for the chunk */
    void *part_sums;         /* (parts, w_len) gradient sums of each; NULL for one */
    void *part_biases;       /* (parts, max_ld) likewise of biases, see fmlp_early */

    /* per layer l, (n_layers); NULL where the layer has no use for it */
    void **a;                /* outputs (held, ld); the last layer's become its deltas */
    void **d;                /* (held, ld) f'(z), times the dropout mask */
    void **e;                /* (held, ld) prelu: z, then gradients of slopes; maxout: the winners */
    void **z;                /* (held, ld) normalisation: z^ */
    void **dy;               /* (held, ld) deltas of scale * z^ + shift */
    void **dh;               /* (held, ld) residual: deltas of the output */
    void **rstd;             /* (chunk) layer normalisation: 1 / sqrt(var + eps) of each row */
    void **stats;            /* (4, out_pad) batch normalisation: mean, var, dscale, dshift */
    /* per matrix: layers, then projections, whose deltas are dh; (n_matrices) */
    void **dz;               /* deltas (held, ld) */
    const void ***in_rows;   /* (held) pointers to the layer's input rows; [0]: rows of X */
    const void ***dz_rows;   /* (held) pointers to the rows of dz */

    ptrdiff_t *index;        /* (held) rows of X and y */
    void *loss_rows;         /* (held) */
    void *row_weight;        /* (chunk) sample weights, batch normalisation only */
    struct fmlp_noisy *noisy; /* inputs with noise or dropout; NULL: X as it is */
    uint64_t seed;           /* of dropout and noise */
    /* since the call that began at row 0: */
    double loss_sum;         /* of data, each step's mean times its rows */
    ptrdiff_t rows_seen, rows_trained; /* since then; mini-batches without weight are not trained */
    ptrdiff_t rows_forward;  /* custom losses: of the forward pass that waits for its step */
    double *penalty;         /* (n_items) 1/2 alpha |w|^2 * rows / weights, summed over steps */
    double *squares;         /* (n_items) of the gradient, clip only */
    double clip_factor;      /* of the step at hand */
    struct fmlp_muon muon;   /* solvers with a rule for matrices */
    struct fmlp_columns columns[2]; /* sparse input: the chunk by columns; lazy: and the next */
    struct fmlp_lazy lazy;
    char *threads;           /* (n_threads, bytes_thread): see fmlp_thread_memory */
    ptrdiff_t bytes_thread;
    ptrdiff_t pack_len;      /* elements of a thread's packed inputs; 0: none are packed */
    struct fmlp_predict_scratch predict;
    struct fmlp_team *team;
    struct fmlp_tuner tuner;
    ptrdiff_t *split;        /* (n_threads + 1) the items' shares */
    int used;                /* weights and state have been something else than zero */
};

struct fmlp_thread_memory {
    void *item;   /* (item_len) gradient of an item */
    void *group;  /* (n_outputs, lanes) scratch of the loss */
    void *packed; /* inputs of an item; NULL: none are packed */
};

struct fmlp_thread_memory fmlp_thread_memory(const struct fmlp_trainer *t, int thread);

/* What phase 1 does. A custom loss needs two calls: the loss itself is in between. */
enum fmlp_pass { FMLP_FORWARD = 1, FMLP_BACKWARD = 2, FMLP_BOTH = 3 };

/* Rows order[start : start + rows] are to be written to `out` by columns; no rows: nothing to do. */
struct fmlp_sorting {
    ptrdiff_t start, rows;
    struct fmlp_columns *out;
};

/* Copies of the chunk's inputs, since X itself never changes. */
struct fmlp_noisy {
    void *x;              /* dense: (held, ld) */
    ptrdiff_t ld;
    void *data, *indices, *indptr; /* sparse: CSR of the chunk's rows */
    ptrdiff_t *index;     /* (chunk) 0, 1, 2 ... */
};

/* Behind an average of the weights, the running statistics are the last ones. */
void fmlp_trainer_share_running(const struct fmlp_trainer *t);

/* What the phases need to know of the rows at hand. */
struct fmlp_chunk {
    struct fmlp_trainer *t;
    const fmlp_matrix *x;
    const fmlp_target *y;
    const ptrdiff_t *order; /* or NULL */
    ptrdiff_t start, rows;  /* order[start : start + rows] */
    int first, last;        /* of the optimizer step */
    int passes;             /* of phase 1: enum fmlp_pass */
    /* What phase 2 does: add up gradients, take their size, apply the rule, transpose the weights */
    int sums, measures, applies, transposes;
    int rule, matrix_rule;
    struct fmlp_rule_args weights, biases;
    const fmlp_hyper *hyper;
    double average_mix;     /* weight of this step in the average */
    double penalty_factor;  /* of sum w^2 in the loss */
    double loss_factor;     /* of the rows' weighted losses */
    ptrdiff_t blocks;       /* items of phase 1 */
    int parts;              /* of these rows */
    int lazy_step;          /* which of the trainer's lazy steps */
    const struct fmlp_columns *columns; /* sparse input: these rows by columns */
    struct fmlp_sorting build;          /* sparse input: to be sorted beside phase 1 */
    /* Every thread has a chunk of its own: the inputs in that thread's memory are */
    int packed_layer;       /* of this layer, or -1: of none, */
    ptrdiff_t packed_k0;    /* from here on */
    double *loss_sum;
    ptrdiff_t row;          /* of the mini-batch: the first of the chunk */
    uint32_t step;
    double total_weight;    /* of the mini-batch */
    double momentum;        /* of running statistics */
    /* Batch normalisation cuts phase 1 where it needs all rows: it goes on behind the statistics of
     * this layer (-1: from the start), forward or back. */
    int layer, backward;
};

static inline ptrdiff_t fmlp_chunk_row(const struct fmlp_chunk *c, ptrdiff_t r) {
    return c->order ? c->order[c->start + r] : c->start + r;
}

/* Of a unit's random numbers; the seed is the trainer's. */
enum { FMLP_STREAM_INPUT_DROPOUT = 0, FMLP_STREAM_INPUT_NOISE = 1, FMLP_STREAM_LAYERS = 2 };

static inline struct fmlp_random fmlp_random_at(const struct fmlp_chunk *c, int stream) {
    const struct fmlp_random random = {c->t->seed, c->step, (uint32_t)stream};
    return random;
}

/* Phase 1, `blocks` items: a block of rows forward, loss, and back, as far as batch statistics let
 * it. With sparse input one more at the start: the chunk by columns. arg: struct fmlp_chunk */
void fmlp_rows_item(void *arg, ptrdiff_t item, int thread);
/* Gradients that a block of rows can sum on its way back through a narrow last layer. */
struct fmlp_early {
    void *g;      /* that layer's weights, in the kernels' layout */
    void *biases; /* (ld) of the layer below */
    int done;     /* they were */
};
/* Rows i to i + m of the chunk: what such an item does. early: NULL for none */
void fmlp_rows_block(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m, int thread,
                     struct fmlp_early *early);
/* In between, for layer c->layer: statistics of a stretch of columns over all rows, or with
 * c->backward the sums of its deltas. */
ptrdiff_t fmlp_batch_items(const struct fmlp_trainer *t, int l);
void fmlp_batch_item(void *arg, ptrdiff_t item, int thread);
/* Phase 2, n_items + 1 items: gradient and rule of some weights; the last sums the loss. */
void fmlp_update_item(void *arg, ptrdiff_t item, int thread);

/* parts.c: gradients of small networks. */
int fmlp_parts_of(const struct fmlp_trainer *t, const fmlp_net *net);
int fmlp_parts_of_rows(const struct fmlp_trainer *t, ptrdiff_t rows);
/* Phase 1 with as many threads as parts or fewer: a part's rows and their gradients. */
void fmlp_part_item(void *arg, ptrdiff_t part, int thread);
/* Rows of memory for those of the chunk: parts lie apart. */
ptrdiff_t fmlp_rows_held(const struct fmlp_trainer *t);
/* fmlp_rows_block for rows that belong to one part. */
void fmlp_part_block(const struct fmlp_chunk *c, ptrdiff_t part, ptrdiff_t i, ptrdiff_t m, int thread,
                     struct fmlp_early *early);
/* The rows' losses, part by part. */
double fmlp_parts_loss(const struct fmlp_chunk *c);
/* With more threads, behind phase 1: parts * n_items items. */
void fmlp_part_gradient_item(void *arg, ptrdiff_t item, int thread);
/* Adds the parts of n sums in the kernel layout; returns where they are. What it leaves to the rule
 * to add is at *more, or NULL. */
void *fmlp_parts_add(const struct fmlp_chunk *c, ptrdiff_t at, ptrdiff_t n, const void **more);

/* Between two passes of phase 2, one item: what to scale the gradient by. */
void fmlp_clip_item(void *arg, ptrdiff_t item, int thread);

/* constraints.c: further phases, where asked for */
ptrdiff_t fmlp_cap_items(const struct fmlp_plan *plan);
void fmlp_cap_item(void *arg, ptrdiff_t item, int thread);
ptrdiff_t fmlp_average_items(const struct fmlp_plan *plan);
void fmlp_average_item(void *arg, ptrdiff_t item, int thread);

/* inputs.c: what the first layer reads. Sparse input with dropout is copied in a phase before the
 * rows', of `blocks` items. */
struct fmlp_csr fmlp_chunk_csr(const struct fmlp_chunk *c);
const ptrdiff_t *fmlp_chunk_index(const struct fmlp_chunk *c); /* (rows) rows of that CSR */
void fmlp_inputs_block(const struct fmlp_chunk *c, ptrdiff_t from, ptrdiff_t m);
void fmlp_inputs_sparse_item(void *arg, ptrdiff_t item, int thread);

/* Before the first lazy step of a run, an item of the first layer: its columns that the chunk
 * touches catch up. */
void fmlp_lazy_ready_item(void *arg, ptrdiff_t item, int thread);

/* checks.c: is X what the trainer was made for? */
int fmlp_same_kind(const struct fmlp_trainer *t, const fmlp_matrix *x);
/* And are rows order[start:stop] there, with targets that the loss knows? */
fmlp_status fmlp_check_rows(const struct fmlp_trainer *t, const fmlp_matrix *x,
                            const fmlp_target *y, const ptrdiff_t *order, ptrdiff_t start,
                            ptrdiff_t stop);

/* columns.c: does what c->build says. */
void fmlp_columns_build(const struct fmlp_chunk *c);
/* The only item of a phase. */
void fmlp_columns_item(void *arg, ptrdiff_t item, int thread);

#endif
