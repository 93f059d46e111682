/* The trainer's memory, and what goes in and out of it. */
#include <string.h>

#include "solvers.h"
#include "trainer.h"

enum { CHUNK_ROWS = 1024 };

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
    t->d = fmlp_take(arena, n, pointer);
    t->dz = fmlp_take(arena, n, pointer);
    t->in_rows = fmlp_take(arena, n, pointer);
    t->dz_rows = fmlp_take(arena, n, pointer);
    for (int l = 0; l < n; l++) {
        const struct fmlp_layer_plan p = fmlp_layer_shape(t->plan.k, net, l, t->entries >= 0);
        const ptrdiff_t len = fmlp_size_mul(t->chunk, p.ld);
        void *a = fmlp_take(arena, len, t->plan.k->size);
        void *d = p.stored ? fmlp_take(arena, len, t->plan.k->size) : 0;
        void *dz = l == n - 1 ? a : fmlp_take(arena, len, t->plan.k->size);
        const void **in_rows = fmlp_take(arena, t->chunk, pointer);
        const void **dz_rows = fmlp_take(arena, t->chunk, pointer);
        if (!arena->base) continue;
        t->a[l] = a, t->d[l] = d, t->dz[l] = dz;
        t->in_rows[l] = in_rows, t->dz_rows[l] = dz_rows;
        for (ptrdiff_t i = 0; i < t->chunk; i++) {
            dz_rows[i] = fmlp_at(&t->plan, dz, i * t->plan.layers[l].ld);
            if (l > 0) in_rows[i] = fmlp_at(&t->plan, t->a[l - 1], i * t->plan.layers[l - 1].ld);
        }
    }
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
    /* a custom loss sees the whole mini-batch between its forward and its backward pass */
    const int whole = batch_size < CHUNK_ROWS || net->head.loss == FMLP_LOSS_CUSTOM;
    t->chunk = whole ? batch_size : CHUNK_ROWS;
    if (batch_size < 1 || !fmlp_solver_get(solver)) return FMLP_E_ARGUMENT;
    const fmlp_status status = fmlp_plan_make(&t->plan, exec, net, sparse, 1, arena);
    if (status != FMLP_OK) return status;
    const struct fmlp_plan *plan = &t->plan;
    const ptrdiff_t size = plan->k->size;
    t->averages_itself = (fmlp_solver_traits(solver) & FMLP_SOLVER_AVERAGES) != 0;
    t->clip = optimizer->clip;
    t->w = fmlp_take(arena, plan->w_len, size);
    t->wt = fmlp_take(arena, plan->wt_len, size);
    t->n_s = solver == FMLP_SOLVER_NONE ? 1 : fmlp_solver_n_state(solver);
    for (int i = 0; i < t->n_s; i++) t->s[i] = fmlp_take(arena, plan->w_len, size);
    t->average = 0;
    if (optimizer->average || t->averages_itself) t->average = fmlp_take(arena, plan->w_len, size);
    if (t->averages_itself) t->s[t->n_s++] = t->average;
    t->g = t->batch > t->chunk || t->clip ? fmlp_take(arena, plan->w_len, size) : 0;
    take_layers(t, net, arena);
    t->index = fmlp_take(arena, t->chunk, sizeof(ptrdiff_t));
    t->loss_rows = fmlp_take(arena, t->chunk, size);
    t->penalty = fmlp_take(arena, plan->n_items, sizeof(double));
    t->squares = t->clip ? fmlp_take(arena, plan->n_items, sizeof(double)) : 0;
    struct fmlp_arena thread = {0, 0};
    take_thread(plan, &thread);
    t->bytes_thread = thread.bytes;
    t->threads = fmlp_take(arena, exec->n_threads, thread.bytes);
    t->predict = fmlp_predict_take(plan, exec->n_threads, plan->row_block, arena);
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
    struct fmlp_arena arena = {0, 0};
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
    memset(memory, 0, (size_t)need); /* padding must be zero */
    struct fmlp_arena arena = {memory, 0};
    struct fmlp_trainer *t = fmlp_take(&arena, 1, sizeof *t);
    *out = t;
    return layout(t, exec, net, optimizer, batch_size, csr_entries, &arena);
}

/* Row i of the flat vectors into kernel layout; NULL: zeros. */
static void load(const struct fmlp_trainer *t, const void *flat, int i, void *w) {
    const struct fmlp_plan *plan = &t->plan;
    memset(w, 0, (size_t)(plan->w_len * plan->k->size)); /* padding too: where training ran off */
    if (flat) fmlp_pack(plan, fmlp_at(plan, flat, i * plan->n_params), w); /* it may be NaN */
}

static void transpose_weights(struct fmlp_trainer *t) {
    memset(t->wt, 0, (size_t)(t->plan.wt_len * t->plan.k->size));
    fmlp_pack_transposed(&t->plan, t->w, t->wt);
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
    return FMLP_OK;
}

fmlp_status fmlp_trainer_store(fmlp_trainer *t, void *params, void *state) {
    const struct fmlp_plan *plan = &t->plan;
    fmlp_lazy_settle(t);
    const int n_state = fmlp_solver_n_state(t->solver);
    fmlp_unpack(plan, t->average ? t->average : t->w, params);
    for (int i = 0; state && i < n_state; i++)
        fmlp_unpack(plan, t->s[i], fmlp_at(plan, state, i * plan->n_params));
    if (state && t->average) fmlp_unpack(plan, t->w, fmlp_at(plan, state, n_state * plan->n_params));
    return FMLP_OK;
}

ptrdiff_t fmlp_trainer_weights_bytes(const fmlp_trainer *t) {
    return t->plan.w_len * t->plan.k->size;
}

void *fmlp_trainer_weights(fmlp_trainer *t) {
    fmlp_lazy_settle(t);
    return t->average ? t->average : t->w;
}

/* Behind an average, training goes on from it. */
void fmlp_trainer_weights_changed(fmlp_trainer *t) {
    const struct fmlp_solver *solver = fmlp_solver_get(t->solver);
    const size_t bytes = (size_t)(t->plan.w_len * t->plan.k->size);
    if (t->average) memcpy(t->w, t->average, bytes);
    for (int i = 0; i < solver->n_points; i++) memcpy(t->s[i], t->w, bytes);
    transpose_weights(t);
}

int fmlp_trainer_weights_finite(fmlp_trainer *t) {
    const struct fmlp_plan *plan = &t->plan;
    fmlp_lazy_settle(t);
    return plan->k->finite(plan->w_len, t->w) &&
           (!t->average || plan->k->finite(plan->w_len, t->average));
}
