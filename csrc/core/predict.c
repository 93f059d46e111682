#include "predict.h"

#include <string.h>

#include "../cpu/dispatch.h"
#include "epilogue.h"
#include "threads.h"

/* One thread's part of the scratch, for row blocks of `rows`. */
struct scratch {
    void *a, *b;            /* (rows, max_ld): outputs of even and odd layers */
    void *side;             /* (rows, max_ld): projected inputs of residuals, or NULL */
    const void **pointers;  /* (rows) */
    ptrdiff_t *index;       /* (rows) */
    void *group;            /* (n_outputs, lanes) */
};

static struct scratch take(const struct fmlp_plan *plan, ptrdiff_t rows, struct fmlp_arena *arena) {
    struct scratch s;
    s.a = fmlp_take(arena, fmlp_size_mul(rows, plan->max_ld), plan->k->size);
    s.b = fmlp_take(arena, fmlp_size_mul(rows, plan->max_ld), plan->k->size);
    s.side = plan->any_projection
                 ? fmlp_take(arena, fmlp_size_mul(rows, plan->max_ld), plan->k->size)
                 : 0;
    s.pointers = fmlp_take(arena, rows, sizeof(void *));
    s.index = fmlp_take(arena, rows, sizeof(ptrdiff_t));
    s.group = fmlp_take(arena, fmlp_size_mul(plan->n_outputs, plan->k->lanes), plan->k->size);
    return s;
}

struct fmlp_predict_scratch fmlp_predict_take(const struct fmlp_plan *plan, int n_threads,
                                              ptrdiff_t n_rows, struct fmlp_arena *arena) {
    struct fmlp_arena count = {0, 0, 0};
    struct fmlp_predict_scratch s = {.rows = fmlp_min(n_rows, plan->row_block)};
    take(plan, s.rows, &count);
    s.bytes_thread = count.bytes;
    s.base = fmlp_take(arena, n_threads, count.bytes);
    return s;
}

struct job {
    const struct fmlp_plan *plan;
    const struct fmlp_predict_scratch *scratch;
    const void *w;      /* kernel layout, */
    const void *params; /* or flat, for layers that have none */
    const fmlp_matrix *x;
    int raw;
    void *out;
};

static void layer(const struct job *job, const struct scratch *s, int l, ptrdiff_t m,
                  const struct fmlp_inputs *in, void *out) {
    const struct fmlp_plan *plan = job->plan;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const int act = fmlp_product_act(plan, l, 0);
    if (p->layout == FMLP_FLAT)
        plan->k->forward_flat(m, p->n_in, p->n_out, in->rows, fmlp_at(plan, job->params, p->flat_w),
                              fmlp_at(plan, job->params, p->flat_b), act, out, p->ld);
    else
        fmlp_product(plan, l, m, in, job->w, act, out);
    if (!fmlp_has_epilogue(plan, l, 0)) return;
    const void *mean = fmlp_at(plan, job->w, p->running_at);
    const struct fmlp_epilogue e = {.m = m, .in = *in, .z = out, .a = out, .side = s->side,
                                    .mean = mean, .var = fmlp_at(plan, mean, p->out_pad)};
    fmlp_epilogue(plan, l, job->w, &e);
}

static void predict_block(const struct job *job, const struct scratch *s, ptrdiff_t first,
                          ptrdiff_t m) {
    const struct fmlp_plan *plan = job->plan;
    const struct fmlp_inputs inputs = {s->pointers, fmlp_csr_of(job->x), s->index};
    const ptrdiff_t n = plan->n_outputs;
    void *in = 0, *out = s->a;
    for (int l = 0; l < plan->n_layers; l++) {
        for (ptrdiff_t i = 0; i < m; i++) {
            s->index[i] = first + i;
            s->pointers[i] = l ? fmlp_at(plan, in, i * plan->layers[l - 1].ld)
                               : fmlp_at(plan, job->x->data, (first + i) * job->x->ld);
        }
        layer(job, s, l, m, &inputs, out);
        in = out;
        out = in == s->a ? s->b : s->a;
    }
    plan->k->output(&plan->head, job->raw, m, n, in,
                    plan->layers[plan->n_layers - 1].ld, fmlp_at(plan, job->out, first * n), n,
                    s->group);
}

static void predict_task(void *arg, int thread, int n_threads) {
    const struct job *job = arg;
    const ptrdiff_t n = job->x->n_rows, block = job->scratch->rows;
    struct fmlp_arena arena = {job->scratch->base + thread * job->scratch->bytes_thread, 0, 0};
    const struct scratch s = take(job->plan, block, &arena);
    /* padding that narrow layers leave alone is read by the next one: it must be finite */
    memset(arena.base, 0, (size_t)arena.bytes);
    const ptrdiff_t stop = n / n_threads * (thread + 1) + n % n_threads * (thread + 1) / n_threads;
    ptrdiff_t i = n / n_threads * thread + n % n_threads * thread / n_threads;
    for (ptrdiff_t m; i < stop; i += m) {
        m = stop - i < block ? stop - i : block;
        predict_block(job, &s, i, m);
    }
}

void fmlp_predict_rows(const struct fmlp_plan *plan, int n_threads,
                       const struct fmlp_predict_scratch *scratch, const void *w,
                       const void *params, const fmlp_matrix *x, int raw, void *out) {
    struct job job = {plan, scratch, w, params, x, raw, out};
    fmlp_parallel(n_threads, predict_task, &job);
}

/* ------------------------------------------------------------------ public */
struct predictor {
    struct fmlp_plan plan;
    void *w;
    struct fmlp_predict_scratch scratch;
    int n_threads;
};

/* Up to so many rows weights are multiplied as they lie. Where they do not fit L2, panels are twice
 * the traffic, in memory that is new in each call. */
static ptrdiff_t few_rows(const fmlp_net *net) { return fmlp_n_params(net) < 1 << 20 ? 8 : 32; }

static fmlp_status layout(struct predictor *p, const fmlp_exec *exec, const fmlp_net *net,
                          ptrdiff_t n_rows, int sparse, struct fmlp_arena *arena) {
    const enum fmlp_purpose purpose = n_rows <= few_rows(net) ? FMLP_FEW_ROWS : FMLP_PREDICTION;
    const fmlp_status status = fmlp_plan_make(&p->plan, exec, net, sparse, purpose, arena);
    if (status != FMLP_OK) return status;
    p->n_threads = fmlp_plan_threads(exec, p->plan.flops_row_forward * (double)n_rows);
    p->w = fmlp_take(arena, fmlp_size_add(p->plan.w_len, p->plan.running_len), p->plan.k->size);
    p->scratch = fmlp_predict_take(&p->plan, p->n_threads, n_rows, arena);
    return fmlp_size_bad(arena->bytes) ? FMLP_E_SIZE : FMLP_OK;
}

fmlp_status fmlp_predict_size(const fmlp_exec *exec, const fmlp_net *net, ptrdiff_t n_rows,
                              int sparse, ptrdiff_t *bytes) {
    struct fmlp_arena arena = {0, 0, 0};
    struct predictor p;
    const fmlp_status status = layout(&p, exec, net, n_rows, sparse, &arena);
    *bytes = arena.bytes;
    return status;
}

fmlp_status fmlp_predict(const fmlp_exec *exec, const fmlp_net *net, const void *params,
                         const void *running, const fmlp_matrix *x, int raw, void *workspace,
                         ptrdiff_t bytes, void *out) {
    struct fmlp_arena arena = {workspace, 0, bytes};
    struct predictor p;
    if ((uintptr_t)workspace % 64 || bytes < 1) return FMLP_E_WORKSPACE;
    if (x->n_cols != net->layers[0].n_in || x->n_rows < 0) return FMLP_E_ARGUMENT;
    const fmlp_status status = layout(&p, exec, net, x->n_rows, x->indptr != 0, &arena);
    if (status != FMLP_OK) return status;
    if (arena.bytes > bytes) return FMLP_E_WORKSPACE;
    fmlp_pack(&p.plan, p.n_threads, params, p.w);
    if (p.plan.any_batch_norm) fmlp_pack_running(&p.plan, running, p.w);
    fmlp_predict_rows(&p.plan, p.n_threads, &p.scratch, p.w, params, x, raw, out);
    return FMLP_OK;
}

int fmlp_all_finite(int isa, fmlp_dtype dtype, ptrdiff_t n, const void *x) {
    return fmlp_kernels_get(isa, (int)dtype)->finite(n, x);
}

void fmlp_with_complement(fmlp_dtype dtype, ptrdiff_t n, const void *p, void *both) {
    const float *f = p;
    const double *d = p;
    for (ptrdiff_t i = 0; i < n && dtype == FMLP_F32; i++) {
        ((float *)both)[2 * i] = 1 - f[i];
        ((float *)both)[2 * i + 1] = f[i];
    }
    for (ptrdiff_t i = 0; i < n && dtype == FMLP_F64; i++) {
        ((double *)both)[2 * i] = 1 - d[i];
        ((double *)both)[2 * i + 1] = d[i];
    }
}
