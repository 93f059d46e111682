/* Mini-batches, and what is built on them. */
#include <math.h>
#include <string.h>

#include "solvers.h"
#include "trainer.h"

/* FLOPs (or their worth in time) of one call: some 10-50 ms */
static const double call_cost = 1e9;

struct job {
    struct fmlp_trainer *t;
    const fmlp_matrix *x;
    const fmlp_target *y;
    const ptrdiff_t *order;
    ptrdiff_t start, stop, first_step;
    fmlp_hyper hyper;
    int passes;       /* enum fmlp_pass */
    ptrdiff_t steps;  /* done; written by thread 0, */
    ptrdiff_t rows;   /* in them, */
    double rate_sum;  /* like this */
    double own;       /* and its share of the items */
};

/* Of running statistics, as in PyTorch. */
static const double batch_norm_momentum = 0.1;

static double weight_of(const struct job *job, ptrdiff_t i) {
    const ptrdiff_t row = job->order ? job->order[i] : i;
    return job->t->plan.k->size == sizeof(float) ? (double)((const float *)job->y->weight)[row]
                                                 : ((const double *)job->y->weight)[row];
}

/* Sum of the sample weights of a mini-batch; every thread computes it alike. */
static double weight_sum(const struct job *job, ptrdiff_t start, ptrdiff_t rows) {
    if (!job->y->weight) return (double)rows;
    double sum = 0;
    for (ptrdiff_t i = start; i < start + rows; i++) sum += weight_of(job, i);
    return sum;
}

/* Whether a mini-batch can be learnt from: some weight, and for batch statistics two rows of it. */
static int enough(const struct job *job, ptrdiff_t start, ptrdiff_t rows, double weights) {
    if (weights == 0) return 0;
    if (!job->t->plan.any_batch_norm || job->t->solver == FMLP_SOLVER_NONE) return 1;
    ptrdiff_t present = job->y->weight ? 0 : rows;
    for (ptrdiff_t i = start; job->y->weight && i < start + rows; i++)
        present += weight_of(job, i) != 0;
    return present > 1;
}

/* A mini-batch to learn from. */
struct step {
    ptrdiff_t start, rows; /* rows == 0: there is none */
    double weights;        /* their sum */
    ptrdiff_t number;      /* 0: the job's first */
    struct fmlp_step at;
};

/* The first at or after `start`, following the step `last`. */
static struct step step_from(const struct job *job, ptrdiff_t start, const struct step *last) {
    const fmlp_hyper *h = &job->hyper;
    struct step s = {.number = last ? last->number + 1 : 0};
    for (; start < job->stop; start += job->t->batch) {
        const ptrdiff_t rows = fmlp_min(job->stop - start, job->t->batch);
        const double weights = weight_sum(job, start, rows);
        if (!enough(job, start, rows, weights)) continue;
        const double rate = h->rates ? h->rates[s.number] : h->learning_rate;
        const double rate_sum = (last ? last->at.rate_sum : h->rate_sum) + rate * rate;
        s.start = start, s.rows = rows, s.weights = weights;
        s.at = (struct fmlp_step){(double)(job->first_step + s.number + 1), rate, rate_sum};
        break;
    }
    return s;
}

static struct fmlp_chunk chunk_of(struct job *job, const struct step *s) {
    const fmlp_hyper *h = &job->hyper;
    const int solver = job->t->solver;
    struct fmlp_chunk c = {.t = job->t, .x = job->x, .y = job->y, .order = job->order,
                           .rule = fmlp_solver_get(solver)->rule,
                           .matrix_rule = fmlp_solver_get(solver)->matrix_rule, .hyper = h,
                           .loss_sum = &job->t->loss_sum, .parts = 1};
    c.weights = c.biases = fmlp_solver_args(solver, h, &s->at, s->weights);
    c.biases.alpha = c.biases.threshold = 0;
    c.biases.decay = 1;
    /* From step 1 on as if the average had begun with all the weight that it is to have. */
    c.average_mix = (1 - h->ema_decay) / (1 - pow(h->ema_decay, s->at.number));
    c.loss_factor = (double)s->rows / s->weights;
    c.penalty_factor = 0.5 * h->alpha * c.loss_factor;
    c.start = s->start;
    c.passes = job->passes;
    c.columns = &job->t->columns[0];
    c.sums = 1;
    c.step = (uint32_t)((int64_t)s->at.number - 1);
    c.total_weight = s->weights;
    c.momentum = solver == FMLP_SOLVER_NONE ? 1 : batch_norm_momentum;
    return c;
}

/* Items of phase 1: as many for each thread, two at least, so that there is something to take over
 * from a slow one. */
static ptrdiff_t row_blocks(const struct fmlp_trainer *t, ptrdiff_t rows, int parts,
                            int n_shares) {
    const ptrdiff_t most = (rows + t->plan.k->mr - 1) / t->plan.k->mr;
    const ptrdiff_t least = (rows + t->plan.row_block - 1) / t->plan.row_block;
    const ptrdiff_t each = (least + n_shares - 1) / n_shares;
    const ptrdiff_t want = n_shares == 1 ? least : n_shares * (each < 2 ? 2 : each);
    const ptrdiff_t n = want < most ? want : most;
    return n / parts * parts; /* none reaches into two parts */
}

/* Phase 1. Statistics of a batch-normalised layer are a phase of their own between two parts of it,
 * on the way forward and on the way back. */
static void run_rows(struct fmlp_walk *walk, struct fmlp_chunk *c) {
    const struct fmlp_trainer *t = c->t;
    const int n = t->plan.n_layers, forward = c->passes & FMLP_FORWARD;
    const int from = forward ? 0 : n, to = c->passes & FMLP_BACKWARD ? 2 * n : n;
    c->layer = -1, c->backward = 0;
    c->blocks = row_blocks(t, c->rows, c->parts, t->team->n_shares);
    if (forward && t->noisy && t->entries >= 0)
        fmlp_phase(walk, c->blocks, 0, fmlp_inputs_sparse_item, c);
    fmlp_phase(walk, c->blocks + (c->build.rows > 0), 0, fmlp_rows_item, c);
    for (int i = from; i < to && t->plan.any_batch_norm; i++) {
        c->backward = i >= n;
        c->layer = i < n ? i : 2 * n - 1 - i;
        if (t->plan.layers[c->layer].norm != FMLP_NORM_BATCH) continue;
        fmlp_phase(walk, fmlp_batch_items(t, c->layer), 0, fmlp_batch_item, c);
        fmlp_phase(walk, c->blocks, 0, fmlp_rows_item, c);
    }
}

static void run_chunk(struct fmlp_walk *walk, struct fmlp_chunk *c) {
    const struct fmlp_trainer *t = c->t;
    c->parts = fmlp_parts_of_rows(t, c->rows);
    if (c->parts > 1 && c->parts >= t->team->n_shares) {
        c->layer = -1, c->backward = 0;
        fmlp_phase(walk, c->parts, 0, fmlp_part_item, c);
    } else {
        run_rows(walk, c);
        if (c->parts > 1) fmlp_phase(walk, c->parts * t->plan.n_items, 0, fmlp_part_gradient_item, c);
    }
    c->packed_layer = -1;
    fmlp_phase(walk, c->t->plan.n_items + 1, c->t->split, fmlp_update_item, c);
}

static void run_step(struct job *job, struct fmlp_walk *walk, const struct step *s) {
    struct fmlp_trainer *t = job->t;
    const struct fmlp_plan *plan = &t->plan;
    const int capped = job->hyper.max_norm > 0, averaged = t->average && !t->averages_itself;
    struct fmlp_chunk c = chunk_of(job, s);
    for (ptrdiff_t done = 0; done < s->rows; done += c.rows) {
        c.start = s->start + done;
        c.rows = fmlp_min(s->rows - done, t->chunk);
        c.first = done == 0;
        c.last = done + c.rows == s->rows;
        c.measures = c.last && t->clip;
        c.applies = c.last && !t->clip;
        c.transposes = c.applies && !capped && c.rule != FMLP_RULE_GRADIENT;
        c.row = done;
        if (t->entries >= 0) c.build = (struct fmlp_sorting){c.start, c.rows, &t->columns[0]};
        run_chunk(walk, &c);
    }
    if (t->clip) {
        fmlp_phase(walk, 1, 0, fmlp_clip_item, &c);
        c.sums = c.measures = 0;
        c.applies = 1;
        c.transposes = !capped;
        fmlp_phase(walk, plan->n_items + 1, t->split, fmlp_update_item, &c);
    }
    if (t->muon.n_layers) fmlp_muon_step(walk, &c);
    if (capped) fmlp_phase(walk, fmlp_cap_items(plan), 0, fmlp_cap_item, &c);
    if (averaged) fmlp_phase(walk, fmlp_average_items(plan), 0, fmlp_average_item, &c);
}

/* lazy: the mini-batch's columns are sorted and up to date; those of the next one are made so. */
static void run_lazy_step(struct job *job, struct fmlp_walk *walk, const struct step *s,
                          const struct step *next) {
    struct fmlp_trainer *t = job->t;
    struct fmlp_chunk c = chunk_of(job, s);
    c.rows = s->rows;
    c.first = c.last = c.applies = c.transposes = 1;
    c.lazy_step = t->lazy.steps + (int)s->number;
    c.columns = &t->columns[s->number % 2];
    c.build = (struct fmlp_sorting){next->start, next->rows, &t->columns[next->number % 2]};
    run_chunk(walk, &c);
}

static void lazy_ready(struct job *job, struct fmlp_walk *walk, const struct step *s) {
    struct fmlp_trainer *t = job->t;
    ptrdiff_t n_items = 0;
    while (n_items < t->plan.n_items && t->plan.items[n_items].layer == 0) n_items++;
    struct fmlp_chunk c = chunk_of(job, s);
    c.lazy_step = t->lazy.steps;
    c.build = (struct fmlp_sorting){s->start, s->rows, &t->columns[0]};
    fmlp_phase(walk, 1, 0, fmlp_columns_item, &c);
    fmlp_phase(walk, n_items, 0, fmlp_lazy_ready_item, &c);
}

static void run_task(void *arg, int thread, int n_threads) {
    struct job *job = arg;
    struct fmlp_trainer *t = job->t;
    struct fmlp_walk walk = {.team = t->team, .thread = thread};
    ptrdiff_t steps = 0, rows_trained = 0;
    double rate_sum = job->hyper.rate_sum;
    struct step s = step_from(job, job->start, 0), next;
    (void)n_threads; /* shares without a thread are taken over */
    if (t->lazy.on && s.rows) lazy_ready(job, &walk, &s);
    for (; s.rows; s = next) {
        next = step_from(job, s.start + t->batch, &s);
        if (t->lazy.on) run_lazy_step(job, &walk, &s, &next);
        else run_step(job, &walk, &s);
        steps = s.number + 1, rows_trained += s.rows, rate_sum = s.at.rate_sum;
    }
    if (thread) return;
    job->steps = steps, job->rows = rows_trained, job->rate_sum = rate_sum;
    job->own = walk.base > 0 ? (double)walk.done / (double)walk.base : 1;
}

static void forward_task(void *arg, int thread, int n_threads) {
    struct job *job = arg;
    struct fmlp_trainer *t = job->t;
    struct fmlp_walk walk = {.team = t->team, .thread = thread};
    const struct step s = step_from(job, job->start, 0);
    struct fmlp_chunk c = chunk_of(job, &s);
    (void)n_threads;
    c.rows = s.rows;
    run_rows(&walk, &c);
}

/* What the columns left behind will need: the rule's arguments of each step to come. */
static void lazy_begin(struct job *job) {
    struct fmlp_lazy *lazy = &job->t->lazy;
    if (lazy->steps == FMLP_LAZY_STEPS) fmlp_lazy_settle(job->t);
    const ptrdiff_t room = FMLP_LAZY_STEPS - lazy->steps;
    if (job->stop - job->start > room * job->t->batch)
        job->stop = job->start + room * job->t->batch;
    for (struct step s = step_from(job, job->start, 0); s.rows;
         s = step_from(job, s.start + job->t->batch, &s)) {
        const struct fmlp_chunk c = chunk_of(job, &s);
        lazy->args[lazy->steps + s.number] = c.weights;
        lazy->factor[lazy->steps + s.number] = c.penalty_factor;
    }
}

/* A step's worth in FLOPs: the products, and some 30 for each parameter's rule and traffic. */
static double step_cost(const struct fmlp_trainer *t, const fmlp_matrix *x, ptrdiff_t rows) {
    double row = t->plan.flops_row;
    if (x->indptr) /* the first layer costs what it has entries */
        row -= 4 * (double)t->plan.layers[0].n_out *
               ((double)x->n_cols - (double)x->nnz / (double)(x->n_rows + 1));
    return row * (double)rows + (t->lazy.on ? 10.0 : 30.0) * (double)t->plan.w_len +
           t->muon.flops;
}

/* Shares of equal cost: a thread gets the items whose middle lies in its part. */
static void split_items(const struct fmlp_trainer *t, int n) {
    const struct fmlp_plan *plan = &t->plan;
    double total = 0, seen = 0;
    int share = 0;
    for (ptrdiff_t i = 0; i < plan->n_items; i++) total += plan->items[i].cost;
    t->split[0] = 0;
    for (ptrdiff_t i = 0; i < plan->n_items; i++) {
        while (share < n - 1 && seen + plan->items[i].cost / 2 >= total * (share + 1) / n)
            t->split[++share] = i;
        seen += plan->items[i].cost;
    }
    while (share < n) t->split[++share] = plan->n_items + 1;
}

/* Leaves so many rows to the job that it costs no more than `cost`, one mini-batch at least. */
static void shorten(struct job *job, double step, double cost) {
    const double steps = step < cost ? cost / step : 1;
    const ptrdiff_t batch = job->t->batch;
    if (steps < (double)(job->stop - job->start) / (double)batch)
        job->stop = job->start + (ptrdiff_t)steps * batch;
}

/* The sum goes on over the calls of an epoch, so that it does not depend on where they were cut.
 * Mini-batches without weight count as much as the mean of the others: as if they were absent. */
static double loss_sum(const struct fmlp_trainer *t) {
    double sum = t->loss_sum;
    for (ptrdiff_t i = 0; i < t->plan.n_items; i++) sum += t->penalty[i];
    for (ptrdiff_t k = 0; t->lazy.on && k < t->plan.n_inputs; k++) sum += t->lazy.penalty[k];
    const int all = t->rows_trained == t->rows_seen || t->rows_trained == 0;
    return all ? sum : sum * ((double)t->rows_seen / (double)t->rows_trained);
}

static void start_team(struct fmlp_trainer *t, int n) {
    memset(t->team->cursors, 0, (size_t)n * sizeof(struct fmlp_cursor));
    t->team->done = 0;
    t->team->n_shares = n;
}

/* step: a step's cost; whole: row after the last of the epoch. Trials of another number of threads
 * do fewer steps than asked for. */
static double run(struct job *job, double step, ptrdiff_t whole) {
    struct fmlp_trainer *t = job->t;
    if (job->hyper.max_norm > 0 && t->lazy.on) { /* the cap looks at whole units */
        fmlp_lazy_settle(t);
        t->lazy.on = 0;
    }
    const int most = fmlp_plan_threads(&t->exec, step);
    const int tune = most > 1 && !t->exec.exact_threads;
    const struct fmlp_choice choice =
        tune ? fmlp_tuner_choose(&t->tuner, most, step)
             : (struct fmlp_choice){.n_threads = most, .cost = call_cost};
    const int n = choice.n_threads;
    shorten(job, step, choice.cost);
    const double start = tune ? fmlp_seconds() : 0;
    if (job->start == 0) {
        t->loss_sum = 0;
        t->rows_seen = t->rows_trained = 0;
        memset(t->penalty, 0, (size_t)t->plan.n_items * sizeof(double));
        if (t->lazy.on) {
            fmlp_lazy_settle(t);
            memset(t->lazy.penalty, 0, (size_t)t->plan.n_inputs * sizeof(double));
        }
    }
    job->passes = t->plan.head.loss == FMLP_LOSS_CUSTOM ? FMLP_BACKWARD : FMLP_BOTH;
    if (t->lazy.on) lazy_begin(job);
    start_team(t, n);
    split_items(t, n);
    fmlp_parallel(n, run_task, job);
    t->rows_forward = 0;
    t->rows_seen += job->stop - job->start;
    t->rows_trained += job->rows;
    const double rows = (double)(job->stop - job->start);
    t->lazy.steps += t->lazy.on ? (int)job->steps : 0;
    fmlp_trainer_share_running(t);
    if (tune && rows > 0)
        fmlp_tuner_learn(&t->tuner, &choice, rows, fmlp_seconds() - start, job->own);
    if (job->stop == whole) fmlp_lazy_settle(t); /* the loss is complete */
    return loss_sum(t);
}

/* Has the forward pass been done, where it is a call of its own? */
static int is_ready(const struct fmlp_trainer *t, ptrdiff_t rows) {
    return t->plan.head.loss != FMLP_LOSS_CUSTOM || t->rows_forward == rows;
}

fmlp_status fmlp_trainer_forward(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                 const ptrdiff_t *order, ptrdiff_t start, ptrdiff_t stop,
                                 ptrdiff_t step, void *raw, int *trains) {
    const struct fmlp_plan *plan = &t->plan;
    const ptrdiff_t rows = stop - start, bytes = plan->n_outputs * plan->k->size;
    const fmlp_status status = fmlp_check_rows(t, x, y, order, start, stop);
    if (status != FMLP_OK) return status;
    if (plan->head.loss != FMLP_LOSS_CUSTOM || rows > t->batch) return FMLP_E_ARGUMENT;
    struct job job = {.t = t, .x = x, .y = y, .order = order, .start = start, .stop = stop,
                      .first_step = step, .passes = FMLP_FORWARD};
    t->rows_forward = rows;
    *trains = step_from(&job, start, 0).rows > 0;
    if (!*trains) return FMLP_OK;
    const int n = fmlp_plan_threads(&t->exec, plan->flops_row_forward * (double)rows);
    start_team(t, n);
    fmlp_parallel(n, forward_task, &job);
    for (ptrdiff_t i = 0; i < rows; i++)
        memcpy((char *)raw + i * bytes,
               fmlp_at(plan, t->a[plan->n_layers - 1], i * plan->layers[plan->n_layers - 1].ld),
               (size_t)bytes);
    return FMLP_OK;
}

fmlp_status fmlp_trainer_run(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                             const ptrdiff_t *order, ptrdiff_t start, ptrdiff_t stop,
                             ptrdiff_t first_step, const fmlp_hyper *hyper,
                             fmlp_progress *progress) {
    const double step = step_cost(t, x, t->batch);
    struct job job = {.t = t, .x = x, .y = y, .order = order, .start = start, .stop = stop,
                      .first_step = first_step, .hyper = *hyper};
    if (stop > start) shorten(&job, step, call_cost);
    const fmlp_status status = fmlp_check_rows(t, x, y, order, start, job.stop);
    if (status != FMLP_OK) return status;
    const ptrdiff_t most_steps = (job.stop - start + t->batch - 1) / t->batch;
    if (t->solver == FMLP_SOLVER_NONE || (hyper->rates && hyper->n_rates < most_steps))
        return FMLP_E_ARGUMENT;
    if (!is_ready(t, job.stop - start)) return FMLP_E_ARGUMENT;
    progress->loss_sum = run(&job, step, stop);
    progress->position = job.stop;
    progress->steps = job.steps;
    progress->rate_sum = job.rate_sum;
    return FMLP_OK;
}

fmlp_status fmlp_trainer_loss_grad(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                   double alpha, double *loss, void *grad) {
    const fmlp_status status = fmlp_check_rows(t, x, y, 0, 0, x->n_rows);
    if (status != FMLP_OK) return status;
    if (t->solver != FMLP_SOLVER_NONE || x->n_rows > t->batch) return FMLP_E_ARGUMENT;
    if (!is_ready(t, x->n_rows)) return FMLP_E_ARGUMENT;
    struct job job = {.t = t, .x = x, .y = y, .stop = x->n_rows, .hyper = {.alpha = alpha}};
    memset(t->s[0], 0, (size_t)(t->plan.w_len * t->plan.k->size));
    *loss = run(&job, step_cost(t, x, x->n_rows), x->n_rows) / (double)x->n_rows;
    fmlp_unpack(&t->plan, t->exec.n_threads, t->s[0], grad);
    return FMLP_OK;
}

fmlp_status fmlp_trainer_predict(fmlp_trainer *t, const fmlp_matrix *x, int raw, void *out) {
    if (!fmlp_same_kind(t, x)) return FMLP_E_ARGUMENT;
    const double cost = t->plan.flops_row_forward * (double)x->n_rows;
    fmlp_predict_rows(&t->plan, fmlp_plan_threads(&t->exec, cost), &t->predict,
                      fmlp_trainer_weights(t), 0, x, raw, out);
    return FMLP_OK;
}
