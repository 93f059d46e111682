/* The trainer: memory, mini-batches, and what is built on them. */
#include <math.h>
#include <string.h>

#include "trainer.h"

enum { CHUNK_ROWS = 1024 };

/* FLOPs (or their worth in time) of one call: some 10-50 ms */
static const double call_cost = 1e9;

int fmlp_solver_n_state(int solver) {
    return solver == FMLP_SOLVER_ADAM ? 2 : solver == FMLP_SOLVER_SGD ? 1 : 0;
}

/* -------------------------------------------------------------------- memory */
static struct fmlp_thread_memory take_thread(const struct fmlp_plan *plan,
                                             struct fmlp_arena *arena) {
    struct fmlp_thread_memory m;
    m.item = fmlp_take(arena, plan->item_len, plan->k->size);
    m.group = fmlp_take(arena, fmlp_size_mul(plan->n_outputs, plan->k->lanes), plan->k->size);
    return m;
}

struct fmlp_thread_memory fmlp_thread_memory(const struct fmlp_trainer *t, int thread) {
    struct fmlp_arena arena = {t->threads + thread * t->bytes_thread, 0};
    return take_thread(&t->plan, &arena);
}

static void take_layers(struct fmlp_trainer *t, const fmlp_net *net, struct fmlp_arena *arena) {
    const ptrdiff_t n = net->n_layers, pointer = sizeof(void *);
    t->a = fmlp_take(arena, n, pointer);
    t->dz = fmlp_take(arena, n, pointer);
    t->in_rows = fmlp_take(arena, n, pointer);
    t->dz_rows = fmlp_take(arena, n, pointer);
    for (int l = 0; l < n; l++) {
        const ptrdiff_t len = fmlp_size_mul(
            t->chunk, fmlp_layer_shape(t->plan.k, net, l, t->entries >= 0).ld);
        void *a = fmlp_take(arena, len, t->plan.k->size);
        void *dz = l == n - 1 ? a : fmlp_take(arena, len, t->plan.k->size);
        const void **in_rows = fmlp_take(arena, t->chunk, pointer);
        const void **dz_rows = fmlp_take(arena, t->chunk, pointer);
        if (!arena->base) continue;
        t->a[l] = a, t->dz[l] = dz;
        t->in_rows[l] = in_rows, t->dz_rows[l] = dz_rows;
        for (ptrdiff_t i = 0; i < t->chunk; i++) {
            dz_rows[i] = fmlp_at(&t->plan, dz, i * t->plan.layers[l].ld);
            if (l > 0) in_rows[i] = fmlp_at(&t->plan, t->a[l - 1], i * t->plan.layers[l - 1].ld);
        }
    }
}

/* Runs twice: arena->base == NULL only counts. */
static fmlp_status layout(struct fmlp_trainer *t, const fmlp_exec *exec, const fmlp_net *net,
                          int solver, ptrdiff_t batch_size, ptrdiff_t csr_entries,
                          struct fmlp_arena *arena) {
    const int sparse = csr_entries >= 0;
    t->exec = *exec;
    t->solver = solver;
    t->entries = csr_entries;
    t->batch = batch_size;
    t->chunk = batch_size < CHUNK_ROWS ? batch_size : CHUNK_ROWS;
    if (batch_size < 1) return FMLP_E_ARGUMENT;
    const fmlp_status status = fmlp_plan_make(&t->plan, exec, net, sparse, 1, arena);
    if (status != FMLP_OK) return status;
    const struct fmlp_plan *plan = &t->plan;
    const ptrdiff_t size = plan->k->size;
    const int n_state = fmlp_solver_n_state(solver);
    t->w = fmlp_take(arena, plan->w_len, size);
    t->wt = fmlp_take(arena, plan->wt_len, size);
    t->s1 = n_state > 0 || solver == FMLP_SOLVER_NONE ? fmlp_take(arena, plan->w_len, size) : 0;
    t->s2 = n_state > 1 ? fmlp_take(arena, plan->w_len, size) : 0;
    t->g = t->batch > t->chunk ? fmlp_take(arena, plan->w_len, size) : 0;
    take_layers(t, net, arena);
    t->index = fmlp_take(arena, t->chunk, sizeof(ptrdiff_t));
    t->loss_rows = fmlp_take(arena, t->chunk, size);
    t->penalty = fmlp_take(arena, plan->n_items, sizeof(double));
    struct fmlp_arena thread = {0, 0};
    take_thread(plan, &thread);
    t->bytes_thread = thread.bytes;
    t->threads = fmlp_take(arena, exec->n_threads, thread.bytes);
    t->predict = fmlp_predict_take(plan, exec->n_threads, plan->row_block, arena);
    t->team = fmlp_take(arena, 1, sizeof *t->team);
    struct fmlp_cursor *cursors = fmlp_take(arena, exec->n_threads, sizeof *cursors);
    if (t->team) t->team->cursors = cursors;
    t->split = fmlp_take(arena, (ptrdiff_t)exec->n_threads + 1, sizeof *t->split);
    if (sparse) {
        t->columns.start = fmlp_take(arena, fmlp_size_add(plan->n_inputs, 2), sizeof(ptrdiff_t));
        t->columns.row = fmlp_take(arena, csr_entries, sizeof(int32_t));
        t->columns.value = fmlp_take(arena, csr_entries, size);
    }
    return fmlp_size_bad(arena->bytes) ? FMLP_E_SIZE : FMLP_OK;
}

fmlp_status fmlp_trainer_size(const fmlp_exec *exec, const fmlp_net *net, int solver,
                              ptrdiff_t batch_size, ptrdiff_t csr_entries, ptrdiff_t *bytes) {
    struct fmlp_trainer t;
    struct fmlp_arena arena = {0, 0};
    fmlp_take(&arena, 1, sizeof t);
    const fmlp_status status = layout(&t, exec, net, solver, batch_size, csr_entries, &arena);
    *bytes = arena.bytes;
    return status;
}

fmlp_status fmlp_trainer_init(const fmlp_exec *exec, const fmlp_net *net, int solver,
                              ptrdiff_t batch_size, ptrdiff_t csr_entries, void *memory,
                              ptrdiff_t bytes, fmlp_trainer **out) {
    ptrdiff_t need;
    const fmlp_status status = fmlp_trainer_size(exec, net, solver, batch_size, csr_entries, &need);
    if (status != FMLP_OK) return status;
    if ((uintptr_t)memory % 64 || bytes < need) return FMLP_E_WORKSPACE;
    memset(memory, 0, (size_t)need); /* padding must be zero */
    struct fmlp_arena arena = {memory, 0};
    struct fmlp_trainer *t = fmlp_take(&arena, 1, sizeof *t);
    *out = t;
    return layout(t, exec, net, solver, batch_size, csr_entries, &arena);
}

fmlp_status fmlp_trainer_load(fmlp_trainer *t, const void *params, const void *state) {
    const int n_state = fmlp_solver_n_state(t->solver);
    const size_t bytes = (size_t)(t->plan.w_len * t->plan.k->size);
    memset(t->w, 0, bytes); /* padding too: training that ran off leaves NaN there */
    if (n_state > 0) memset(t->s1, 0, bytes);
    if (n_state > 1) memset(t->s2, 0, bytes);
    fmlp_pack(&t->plan, params, t->w);
    fmlp_trainer_weights_changed(t);
    if (state && n_state > 0) fmlp_pack(&t->plan, state, t->s1);
    if (state && n_state > 1) fmlp_pack(&t->plan, fmlp_at(&t->plan, state, t->plan.n_params), t->s2);
    return FMLP_OK;
}

fmlp_status fmlp_trainer_store(const fmlp_trainer *t, void *params, void *state) {
    const int n_state = fmlp_solver_n_state(t->solver);
    fmlp_unpack(&t->plan, t->w, params);
    if (state && n_state > 0) fmlp_unpack(&t->plan, t->s1, state);
    if (state && n_state > 1) fmlp_unpack(&t->plan, t->s2, fmlp_at(&t->plan, state, t->plan.n_params));
    return FMLP_OK;
}

ptrdiff_t fmlp_trainer_weights_bytes(const fmlp_trainer *t) {
    return t->plan.w_len * t->plan.k->size;
}

void *fmlp_trainer_weights(fmlp_trainer *t) { return t->w; }

void fmlp_trainer_weights_changed(fmlp_trainer *t) {
    memset(t->wt, 0, (size_t)(t->plan.wt_len * t->plan.k->size));
    fmlp_pack_transposed(&t->plan, t->w, t->wt);
}

int fmlp_trainer_weights_finite(const fmlp_trainer *t) {
    return t->plan.k->finite(t->plan.w_len, t->w);
}

/* ------------------------------------------------------------------ training */
struct job {
    struct fmlp_trainer *t;
    const fmlp_matrix *x;
    const fmlp_target *y;
    const ptrdiff_t *order;
    ptrdiff_t start, stop, first_step;
    int rule;
    fmlp_hyper hyper;
    ptrdiff_t steps;  /* done; written by thread 0 */
    double loss_sum;  /* of data, each step's mean times its rows */
};

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

static struct fmlp_chunk step_of(struct job *job, ptrdiff_t start, ptrdiff_t rows,
                                 double weights, ptrdiff_t step) {
    const fmlp_hyper *h = &job->hyper;
    struct fmlp_rule_args args = {.scale = 1 / weights,
                                  .alpha = h->alpha,
                                  .learning_rate = h->learning_rate,
                                  .momentum = h->momentum,
                                  .nesterov = h->nesterov,
                                  .beta_1 = h->beta_1,
                                  .beta_2 = h->beta_2,
                                  .epsilon = h->epsilon};
    if (job->rule == FMLP_RULE_ADAM) {
        const double t = (double)step + 1;
        args.learning_rate *= sqrt(1 - pow(h->beta_2, t)) / (1 - pow(h->beta_1, t));
    }
    struct fmlp_chunk c = {.t = job->t, .x = job->x, .y = job->y, .order = job->order,
                           .rule = job->rule, .loss_sum = &job->loss_sum};
    c.weights = c.biases = args;
    c.biases.alpha = 0;
    c.loss_factor = (double)rows / weights;
    c.penalty_factor = 0.5 * h->alpha * c.loss_factor;
    c.start = start;
    return c;
}

/* Two blocks a thread, so that there is something to take over from a slow one. */
static ptrdiff_t row_blocks(const struct fmlp_trainer *t, ptrdiff_t rows, int n_shares) {
    const ptrdiff_t most = (rows + t->plan.k->mr - 1) / t->plan.k->mr;
    const ptrdiff_t least = (rows + t->plan.row_block - 1) / t->plan.row_block;
    const ptrdiff_t want = n_shares == 1 || least > 2 * n_shares ? least : 2 * n_shares;
    return want < most ? want : most;
}

static void run_step(struct job *job, struct fmlp_walk *walk, ptrdiff_t start, ptrdiff_t rows,
                     double weights, ptrdiff_t step) {
    struct fmlp_trainer *t = job->t;
    struct fmlp_chunk c = step_of(job, start, rows, weights, step);
    for (ptrdiff_t done = 0; done < rows; done += c.rows) {
        c.start = start + done;
        c.rows = rows - done < t->chunk ? rows - done : t->chunk;
        c.first = done == 0;
        c.last = done + c.rows == rows;
        c.blocks = row_blocks(t, c.rows, t->team->n_shares);
        fmlp_phase(walk, c.blocks + (t->entries >= 0), 0, fmlp_rows_item, &c);
        fmlp_phase(walk, t->plan.n_items + 1, t->split, fmlp_update_item, &c);
    }
}

static void run_task(void *arg, int thread, int n_threads) {
    struct job *job = arg;
    struct fmlp_walk walk = {.team = job->t->team, .thread = thread};
    const ptrdiff_t batch = job->t->batch;
    ptrdiff_t step = job->first_step;
    (void)n_threads; /* shares without a thread are taken over */
    for (ptrdiff_t at = job->start; at < job->stop; at += batch) {
        const ptrdiff_t rows = job->stop - at < batch ? job->stop - at : batch;
        const double weights = weight_sum(job, at, rows);
        if (weights == 0) continue; /* nothing to learn from: no step */
        run_step(job, &walk, at, rows, weights, step);
        step++;
    }
    if (thread == 0) job->steps = step - job->first_step;
}

static ptrdiff_t csr_at(const void *p, int index64, ptrdiff_t i) {
    return index64 ? (ptrdiff_t)((const int64_t *)p)[i] : (ptrdiff_t)((const int32_t *)p)[i];
}

/* Do the entries of every chunk fit the memory laid out for them? */
static int entries_fit(const struct fmlp_trainer *t, const fmlp_matrix *x, const ptrdiff_t *order,
                       ptrdiff_t start, ptrdiff_t stop) {
    for (ptrdiff_t at = start; at < stop; at += t->batch) {
        const ptrdiff_t end = stop - at < t->batch ? stop : at + t->batch;
        ptrdiff_t entries = 0;
        for (ptrdiff_t i = at; i < end; i++) {
            const ptrdiff_t row = order ? order[i] : i;
            if ((i - at) % t->chunk == 0) entries = 0;
            entries += csr_at(x->indptr, x->index64, row + 1) - csr_at(x->indptr, x->index64, row);
            if (entries > t->entries) return 0;
        }
    }
    return 1;
}

static fmlp_status check_rows(const struct fmlp_trainer *t, const fmlp_matrix *x,
                              const fmlp_target *y, const ptrdiff_t *order, ptrdiff_t start,
                              ptrdiff_t stop) {
    if (x->n_cols != t->plan.n_inputs || (x->indptr != 0) != (t->entries >= 0)) return FMLP_E_ARGUMENT;
    if (start < 0 || stop < start || (!order && stop > x->n_rows)) return FMLP_E_ARGUMENT;
    if (!y->dense && (!y->classes || t->plan.output != FMLP_OUT_SOFTMAX)) return FMLP_E_ARGUMENT;
    for (ptrdiff_t i = start; i < stop; i++) {
        const ptrdiff_t row = order ? order[i] : i;
        if (row < 0 || row >= x->n_rows) return FMLP_E_ARGUMENT;
        if (!y->dense && (y->classes[row] < 0 || y->classes[row] >= t->plan.n_outputs))
            return FMLP_E_ARGUMENT;
    }
    return t->entries < 0 || entries_fit(t, x, order, start, stop) ? FMLP_OK : FMLP_E_ARGUMENT;
}

/* A step's worth in FLOPs: the products, and some 30 for each parameter's rule and traffic. */
static double step_cost(const struct fmlp_trainer *t, ptrdiff_t rows) {
    return t->plan.flops_row * (double)rows + 30.0 * (double)t->plan.w_len;
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

static double run(struct job *job, double cost) {
    struct fmlp_trainer *t = job->t;
    const int most = fmlp_plan_threads(&t->exec, cost);
    const int tune = most > 1 && !t->exec.exact_threads;
    const int n = tune ? fmlp_tuner_choose(&t->tuner, most) : most;
    const double start = tune ? fmlp_seconds() : 0;
    double loss;
    memset(t->penalty, 0, (size_t)t->plan.n_items * sizeof(double));
    memset(t->team->cursors, 0, (size_t)n * sizeof(struct fmlp_cursor));
    t->team->done = 0;
    t->team->n_shares = n;
    split_items(t, n);
    fmlp_parallel(n, run_task, job);
    if (tune) fmlp_tuner_learn(&t->tuner, n, (double)(job->stop - job->start), fmlp_seconds() - start);
    loss = job->loss_sum;
    for (ptrdiff_t i = 0; i < t->plan.n_items; i++) loss += t->penalty[i];
    return loss;
}

fmlp_status fmlp_trainer_run(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                             const ptrdiff_t *order, ptrdiff_t start, ptrdiff_t stop,
                             ptrdiff_t first_step, const fmlp_hyper *hyper,
                             fmlp_progress *progress) {
    const double cost = step_cost(t, t->batch);
    const double steps = cost < call_cost ? call_cost / cost : 1;
    if (stop > start && steps < (double)(stop - start) / (double)t->batch)
        stop = start + (ptrdiff_t)steps * t->batch;
    const fmlp_status status = check_rows(t, x, y, order, start, stop);
    if (status != FMLP_OK) return status;
    if (t->solver == FMLP_SOLVER_NONE) return FMLP_E_ARGUMENT;
    struct job job = {.t = t, .x = x, .y = y, .order = order, .start = start, .stop = stop,
                      .first_step = first_step, .hyper = *hyper,
                      .rule = t->solver == FMLP_SOLVER_ADAM ? FMLP_RULE_ADAM : FMLP_RULE_SGD};
    progress->loss_sum = run(&job, cost);
    progress->position = stop;
    progress->steps = job.steps;
    return FMLP_OK;
}

fmlp_status fmlp_trainer_loss_grad(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                   double alpha, double *loss, void *grad) {
    const fmlp_status status = check_rows(t, x, y, 0, 0, x->n_rows);
    if (status != FMLP_OK) return status;
    if (t->solver != FMLP_SOLVER_NONE || x->n_rows > t->batch) return FMLP_E_ARGUMENT;
    struct job job = {.t = t, .x = x, .y = y, .stop = x->n_rows, .rule = FMLP_RULE_GRADIENT,
                      .hyper = {.alpha = alpha}};
    memset(t->s1, 0, (size_t)(t->plan.w_len * t->plan.k->size));
    *loss = run(&job, step_cost(t, x->n_rows)) / (double)x->n_rows;
    fmlp_unpack(&t->plan, t->s1, grad);
    return FMLP_OK;
}

fmlp_status fmlp_trainer_predict(fmlp_trainer *t, const fmlp_matrix *x, int raw, void *out) {
    if (x->n_cols != t->plan.n_inputs || (x->indptr != 0) != (t->entries >= 0)) return FMLP_E_ARGUMENT;
    const double cost = t->plan.flops_row_forward * (double)x->n_rows;
    fmlp_predict_rows(&t->plan, fmlp_plan_threads(&t->exec, cost), &t->predict, t->w, x, raw, out);
    return FMLP_OK;
}
