/* The trainer's memory, and what goes in and out of it. */
#include <string.h>

#include "solvers.h"
#include "trainer.h"

enum { CHUNK_ROWS = 1024 };

/* -------------------------------------------------------------------- memory */
static struct fmlp_thread_memory take_thread(const struct fmlp_trainer *t,
                                             struct fmlp_arena *arena) {
    const struct fmlp_plan *plan = &t->plan;
    struct fmlp_thread_memory m = {0};
    m.item = fmlp_take(arena, plan->item_len, plan->k->size);
    m.group = fmlp_take(arena, fmlp_size_mul(plan->n_outputs, plan->k->lanes), plan->k->size);
    if (t->pack_len) m.packed = fmlp_take(arena, t->pack_len, plan->k->size);
    return m;
}

struct fmlp_thread_memory fmlp_thread_memory(const struct fmlp_trainer *t, int thread) {
    struct fmlp_arena arena = {t->threads + thread * t->bytes_thread, 0, 0};
    return take_thread(t, &arena);
}

/* Room for (held, ld) elements of a layer if it is wanted. */
static void *take_rows(const struct fmlp_trainer *t, const struct fmlp_layer_plan *p, int wanted,
                       struct fmlp_arena *arena) {
    return wanted ? fmlp_take(arena, fmlp_size_mul(t->held, p->ld), t->plan.k->size) : 0;
}

static void take_layer(struct fmlp_trainer *t, const fmlp_net *net, int l,
                       struct fmlp_arena *arena) {
    const struct fmlp_layer_plan p = fmlp_layer_shape(t->plan.k, net, l, t->entries >= 0);
    const int last = l == net->n_layers - 1, batch = p.norm == FMLP_NORM_BATCH;
    const int residual_above = l + 1 < net->n_layers - 1 && net->layers[l + 1].residual;
    void *a = take_rows(t, &p, 1, arena), *d = take_rows(t, &p, p.stored, arena);
    void *e = take_rows(t, &p, p.slopes || p.pieces > 1, arena);
    void *dz = last ? a : take_rows(t, &p, 1, arena);
    void *z = take_rows(t, &p, p.norm, arena), *dy = take_rows(t, &p, p.norm, arena);
    void *dh = take_rows(t, &p, p.residual || residual_above, arena);
    void *rstd = p.norm && !batch ? fmlp_take(arena, t->chunk, t->plan.k->size) : 0;
    void *moments = batch ? fmlp_take(arena, fmlp_size_mul(4, p.out_pad), t->plan.k->size) : 0;
    if (!arena->base) return;
    t->a[l] = a, t->d[l] = d, t->e[l] = e, t->dz[l] = dz, t->z[l] = z, t->dy[l] = dy, t->dh[l] = dh;
    t->rstd[l] = rstd, t->stats[l] = moments;
}

/* Pointers to the rows of what matrix q reads and of its deltas. */
static void take_pointers(struct fmlp_trainer *t, const fmlp_net *net, int q,
                          struct fmlp_arena *arena) {
    const int l = fmlp_matrix_layer(net, q);
    const void **in_rows = q == l ? fmlp_take(arena, t->held, sizeof(void *)) : 0;
    const void **dz_rows = fmlp_take(arena, t->held, sizeof(void *));
    const struct fmlp_plan *plan = &t->plan;
    if (!arena->base) return;
    if (q != l) t->dz[q] = t->dh[l];
    t->in_rows[q] = q == l ? in_rows : t->in_rows[l];
    t->dz_rows[q] = dz_rows;
    for (ptrdiff_t i = 0; i < t->held; i++) {
        dz_rows[i] = fmlp_at(plan, t->dz[q], i * plan->layers[q].ld);
        if (q == l && l > 0) in_rows[i] = fmlp_at(plan, t->a[l - 1], i * plan->layers[l - 1].ld);
    }
}

static void take_layers(struct fmlp_trainer *t, const fmlp_net *net, struct fmlp_arena *arena) {
    void ***const arrays[] = {&t->a, &t->d, &t->e, &t->z, &t->dy, &t->dh, &t->rstd, &t->stats};
    const ptrdiff_t n = t->plan.n_matrices, pointer = sizeof(void *);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = fmlp_take(arena, net->n_layers, pointer);
    t->dz = fmlp_take(arena, n, pointer);
    t->in_rows = fmlp_take(arena, n, pointer);
    t->dz_rows = fmlp_take(arena, n, pointer);
    for (int l = 0; l < net->n_layers; l++) take_layer(t, net, l, arena);
    for (int q = 0; q < n; q++) take_pointers(t, net, q, arena);
}

/* Memory for inputs that are changed. */
static void take_noisy(struct fmlp_trainer *t, struct fmlp_arena *arena) {
    struct fmlp_noisy noisy = {0}, *place;
    const ptrdiff_t size = t->plan.k->size, lanes = t->plan.k->lanes;
    t->noisy = 0;
    if (t->plan.input_dropout == 0 && t->plan.input_noise == 0) return;
    place = fmlp_take(arena, 1, sizeof noisy);
    if (t->entries < 0) {
        noisy.ld = (t->plan.n_inputs + lanes - 1) / lanes * lanes;
        noisy.x = fmlp_take(arena, fmlp_size_mul(t->held, noisy.ld), size);
    } else {
        noisy.data = fmlp_take(arena, t->entries, size);
        noisy.indices = fmlp_take(arena, t->entries, sizeof(int64_t));
        noisy.indptr = fmlp_take(arena, fmlp_size_add(t->chunk, 1), sizeof(int64_t));
        noisy.index = fmlp_take(arena, t->chunk, sizeof(ptrdiff_t));
    }
    if (place) *place = noisy;
    t->noisy = place;
}

/* Runs twice: arena->base == NULL only counts. */
static fmlp_status layout(struct fmlp_trainer *t, const fmlp_exec *exec, const fmlp_net *net,
                          const fmlp_optimizer *optimizer, ptrdiff_t batch_size,
                          ptrdiff_t csr_entries, struct fmlp_arena *arena) {
    const int sparse = csr_entries >= 0, solver = optimizer->solver;
    t->exec = *exec;
    t->solver = solver;
    t->entries = csr_entries;
    t->batch = batch_size;
    if (batch_size < 1 || !fmlp_solver_get(solver)) return FMLP_E_ARGUMENT;
    const fmlp_status status = fmlp_plan_make(&t->plan, exec, net, sparse, FMLP_TRAINING, arena);
    if (status != FMLP_OK) return status;
    if (sparse && t->plan.input_noise > 0) return FMLP_E_ARGUMENT;
    const struct fmlp_plan *plan = &t->plan;
    /* Batch statistics need the whole mini-batch; a custom loss sees it between its two passes. */
    const int whole = plan->any_batch_norm || plan->head.loss == FMLP_LOSS_CUSTOM;
    t->chunk = whole ? batch_size : fmlp_min(batch_size, CHUNK_ROWS);
    const ptrdiff_t size = plan->k->size;
    t->averages_itself = (fmlp_solver_traits(solver) & FMLP_SOLVER_AVERAGES) != 0;
    t->clip = optimizer->clip;
    t->w = fmlp_take(arena, fmlp_size_add(plan->w_len, plan->running_len), size);
    t->wt = fmlp_take(arena, plan->wt_len, size);
    t->n_s = solver == FMLP_SOLVER_NONE ? 1 : fmlp_solver_n_state(solver);
    for (int i = 0; i < t->n_s; i++) t->s[i] = fmlp_take(arena, plan->w_len, size);
    t->average = 0;
    if (optimizer->average || t->averages_itself)
        t->average = fmlp_take(arena, fmlp_size_add(plan->w_len, plan->running_len), size);
    if (t->averages_itself) t->s[t->n_s++] = t->average;
    t->g = t->batch > t->chunk || t->clip ? fmlp_take(arena, plan->w_len, size) : 0;
    t->parts = fmlp_parts_of(t, net);
    t->held = fmlp_rows_held(t);
    t->part_sums = t->part_biases = 0;
    const int packs = plan->pack_height && t->parts == 1;
    t->pack_len = packs ? plan->k->pack_inputs(t->chunk, 0, plan->pack_height, 0, 0) : 0;
    if (t->parts > 1) {
        t->part_sums = fmlp_take(arena, fmlp_size_mul(t->parts, plan->w_len), size);
        t->part_biases = fmlp_take(arena, fmlp_size_mul(t->parts, plan->max_ld), size);
    }
    t->muon = (struct fmlp_muon){0};
    if (fmlp_solver_get(solver)->matrix_rule) fmlp_muon_take(&t->muon, &t->plan, net, arena);
    take_layers(t, net, arena);
    take_noisy(t, arena);
    t->row_weight = plan->any_batch_norm ? fmlp_take(arena, t->chunk, size) : 0;
    t->index = fmlp_take(arena, t->held, sizeof(ptrdiff_t));
    t->loss_rows = fmlp_take(arena, t->held, size);
    t->penalty = fmlp_take(arena, plan->n_items, sizeof(double));
    t->squares = t->clip ? fmlp_take(arena, plan->n_items, sizeof(double)) : 0;
    struct fmlp_arena thread = {0, 0, 0};
    take_thread(t, &thread);
    t->bytes_thread = thread.bytes;
    t->threads = fmlp_take(arena, exec->n_threads, thread.bytes);
    t->predict = fmlp_predict_take(plan, exec->n_threads, batch_size < 16 ? 16 : batch_size, arena);
    t->team = fmlp_take(arena, 1, sizeof *t->team);
    struct fmlp_cursor *cursors = fmlp_take(arena, exec->n_threads, sizeof *cursors);
    if (t->team) t->team->cursors = cursors;
    t->split = fmlp_take(arena, (ptrdiff_t)exec->n_threads + 1, sizeof *t->split);
    t->lazy.on = sparse && fmlp_lazy_possible(t);
    for (int i = 0; i < (t->lazy.on ? 2 : sparse); i++) {
        struct fmlp_columns *x = &t->columns[i];
        x->start = fmlp_take(arena, fmlp_size_add(plan->n_inputs, 2), sizeof(ptrdiff_t));
        x->row = fmlp_take(arena, csr_entries, sizeof(int32_t));
        x->value = fmlp_take(arena, csr_entries, size);
    }
    if (t->lazy.on) fmlp_lazy_take(t, arena);
    return fmlp_size_bad(arena->bytes) ? FMLP_E_SIZE : FMLP_OK;
}

fmlp_status fmlp_trainer_size(const fmlp_exec *exec, const fmlp_net *net,
                              const fmlp_optimizer *optimizer, ptrdiff_t batch_size,
                              ptrdiff_t csr_entries, ptrdiff_t *bytes) {
    struct fmlp_trainer t;
    struct fmlp_arena arena = {0, 0, 0};
    fmlp_take(&arena, 1, sizeof t);
    const fmlp_status status = layout(&t, exec, net, optimizer, batch_size, csr_entries, &arena);
    *bytes = arena.bytes;
    return status;
}

fmlp_status fmlp_trainer_init(const fmlp_exec *exec, const fmlp_net *net,
                              const fmlp_optimizer *optimizer, ptrdiff_t batch_size,
                              ptrdiff_t csr_entries, void *memory, ptrdiff_t bytes,
                              fmlp_trainer **out) {
    ptrdiff_t need;
    const fmlp_status status =
        fmlp_trainer_size(exec, net, optimizer, batch_size, csr_entries, &need);
    if (status != FMLP_OK) return status;
    if ((uintptr_t)memory % 64 || bytes < need) return FMLP_E_WORKSPACE;
    struct fmlp_arena arena = {memory, 0, 0};
    struct fmlp_trainer *t = fmlp_take(&arena, 1, sizeof *t);
    *out = t;
    return layout(t, exec, net, optimizer, batch_size, csr_entries, &arena);
}

/* Row i of the flat vectors into kernel layout; NULL: zeros. Where training ran off, padding may be
 * NaN; it is written too. */
static void load(const struct fmlp_trainer *t, const void *flat, int i, void *w) {
    const struct fmlp_plan *plan = &t->plan;
    if (flat) fmlp_pack(plan, t->exec.n_threads, fmlp_at(plan, flat, i * plan->n_params), w);
    else if (t->used) memset(w, 0, (size_t)(plan->w_len * plan->k->size));
}

/* Row i of the flat vectors from kernel layout. */
static void store(const struct fmlp_trainer *t, const void *w, void *flat, int i) {
    const struct fmlp_plan *plan = &t->plan;
    fmlp_unpack(plan, t->exec.n_threads, w, fmlp_at(plan, flat, i * plan->n_params));
}

static void transpose_weights(struct fmlp_trainer *t) {
    fmlp_pack_transposed(&t->plan, t->exec.n_threads, t->w, t->wt);
}

int fmlp_trainer_n_state(const fmlp_trainer *t) {
    return fmlp_solver_n_state(t->solver) + (t->average != 0);
}

fmlp_status fmlp_trainer_load(fmlp_trainer *t, const void *params, const void *state) {
    const int n_state = fmlp_solver_n_state(t->solver);
    fmlp_lazy_settle(t); /* nothing is to be caught up on what comes now */
    for (int i = 0; i < n_state; i++) load(t, state, i, t->s[i]);
    load(t, params, 0, fmlp_trainer_weights(t));
    if (state && t->average) {
        load(t, state, n_state, t->w);
        transpose_weights(t);
    } else {
        fmlp_trainer_weights_changed(t);
    }
    t->used = 1;
    return FMLP_OK;
}

fmlp_status fmlp_trainer_store(fmlp_trainer *t, void *params, void *state) {
    fmlp_lazy_settle(t);
    const int n_state = fmlp_solver_n_state(t->solver);
    store(t, t->average ? t->average : t->w, params, 0);
    for (int i = 0; state && i < n_state; i++) store(t, t->s[i], state, i);
    if (state && t->average) store(t, t->w, state, n_state);
    return FMLP_OK;
}

void fmlp_trainer_load_running(fmlp_trainer *t, const void *running) {
    fmlp_pack_running(&t->plan, running, t->w);
    fmlp_trainer_share_running(t);
}

void fmlp_trainer_share_running(const fmlp_trainer *t) {
    const struct fmlp_plan *plan = &t->plan;
    if (t->average)
        memcpy(fmlp_at(plan, t->average, plan->w_len), fmlp_at(plan, t->w, plan->w_len),
               (size_t)(plan->running_len * plan->k->size));
}

void fmlp_trainer_store_running(const fmlp_trainer *t, void *running) {
    fmlp_unpack_running(&t->plan, t->w, running);
}

void fmlp_trainer_seed(fmlp_trainer *t, uint64_t seed) { t->seed = seed; }

static ptrdiff_t weights_len(const fmlp_trainer *t) { return t->plan.w_len + t->plan.running_len; }

ptrdiff_t fmlp_trainer_weights_bytes(const fmlp_trainer *t) {
    return weights_len(t) * t->plan.k->size;
}

void *fmlp_trainer_weights(fmlp_trainer *t) {
    fmlp_lazy_settle(t);
    return t->average ? t->average : t->w;
}

/* Behind an average, training goes on from it. */
void fmlp_trainer_weights_changed(fmlp_trainer *t) {
    const struct fmlp_solver *solver = fmlp_solver_get(t->solver);
    const size_t bytes = (size_t)(t->plan.w_len * t->plan.k->size);
    if (t->average) memcpy(t->w, t->average, (size_t)fmlp_trainer_weights_bytes(t));
    for (int i = 0; i < solver->n_points; i++) memcpy(t->s[i], t->w, bytes);
    transpose_weights(t);
}

int fmlp_trainer_weights_finite(fmlp_trainer *t) {
    const struct fmlp_plan *plan = &t->plan;
    fmlp_lazy_settle(t);
    return plan->k->finite(weights_len(t), t->w) &&
           (!t->average || plan->k->finite(plan->w_len, t->average));
}
