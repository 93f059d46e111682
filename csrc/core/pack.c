/* Flat row-major parameters <-> the kernels' layouts. Element sizes only, no arithmetic. */
#include <string.h>

#include "plan.h"
#include "threads.h"

/* Which vectors, and which way. */
struct copying {
    const struct fmlp_plan *plan;
    char *flat, *w;
    char *wt;    /* NULL, or to be written from w, without flat */
    int to_flat; /* else from it */
};

static void copy(const struct copying *c, char *flat, char *w, ptrdiff_t n, ptrdiff_t padded) {
    const ptrdiff_t size = c->plan->k->size;
    if (c->to_flat) memcpy(flat, w, (size_t)(n * size));
    else memcpy(w, flat, (size_t)(n * size));
    if (!c->to_flat && padded > n) memset(w + n * size, 0, (size_t)((padded - n) * size));
}

/* From column j on; a projection has none, its product adds zeros. */
static void copy_biases(const struct copying *c, const struct fmlp_layer_plan *p, ptrdiff_t j,
                        char *w, ptrdiff_t n, ptrdiff_t padded) {
    const ptrdiff_t size = c->plan->k->size;
    if (p->flat_b >= 0) copy(c, c->flat + (p->flat_b + j) * size, w, n, padded);
    else if (!c->to_flat) memset(w, 0, (size_t)(padded * size));
}

/* Inputs [k0, k1) of a layer's panels (or rows layout); biases with the first. */
static void copy_panels(const struct copying *c, const struct fmlp_layer_plan *p, ptrdiff_t k0,
                        ptrdiff_t k1) {
    const ptrdiff_t size = c->plan->k->size;
    const ptrdiff_t nr = p->layout == FMLP_ROWS ? p->out_pad : c->plan->k->nr;
    for (ptrdiff_t j = 0; j < p->n_out; j += nr) {
        const ptrdiff_t width = fmlp_min(nr, p->out_pad - j), n = fmlp_min(width, p->n_out - j);
        char *panel = c->w + (p->w_at + j * (p->n_in + 1)) * size;
        char *flat = c->flat + (p->flat_w + j) * size;
        for (ptrdiff_t k = k0; k < k1; k++)
            copy(c, flat + k * p->n_out * size, panel + k * width * size, n, width);
        if (k0 == 0) copy_biases(c, p, j, panel + p->n_in * width * size, n, width);
    }
}

static void copy_narrow(const struct copying *c, const struct fmlp_layer_plan *p, ptrdiff_t k0,
                        ptrdiff_t k1) {
    const struct fmlp_kernels *kernels = c->plan->k;
    const ptrdiff_t size = kernels->size, n = k1 - k0, rest = p->in_pad - p->n_in;
    char *const flat = c->flat + (p->flat_w + k0 * p->n_out) * size;
    char *const w = c->w + p->w_at * size, *const biases = w + p->n_out * p->in_pad * size;
    if (c->to_flat)
        kernels->transpose(p->n_out, n, w + k0 * size, p->in_pad, flat, p->n_out);
    else
        kernels->transpose(n, p->n_out, flat, p->n_out, w + k0 * size, p->in_pad);
    for (ptrdiff_t j = 0; j < p->n_out && k1 == p->n_in && !c->to_flat; j++)
        memset(w + (j * p->in_pad + p->n_in) * size, 0, (size_t)(rest * size));
    if (k0 == 0) copy_biases(c, p, 0, biases, p->n_out, kernels->lanes);
}

/* Two vectors of n_out: one after the other in flat memory, out_pad apart in the kernels'. */
static void copy_pair(const struct copying *c, const struct fmlp_layer_plan *p, ptrdiff_t flat_at,
                      ptrdiff_t w_at) {
    const ptrdiff_t size = c->plan->k->size;
    for (int i = 0; i < 2; i++, flat_at += p->n_out, w_at += p->out_pad)
        copy(c, c->flat + flat_at * size, c->w + w_at * size, p->n_out, p->out_pad);
}

static void transpose(const struct copying *c, int q, ptrdiff_t k0, ptrdiff_t k1) {
    const struct fmlp_layer_plan *p = &c->plan->layers[q];
    const ptrdiff_t nr = c->plan->k->nr;
    for (ptrdiff_t j = 0; j < p->out_pad; j += nr)
        fmlp_transpose_item(c->plan, q, j, fmlp_min(nr, p->out_pad - j), k0, k1, c->w, c->wt);
}

/* Inputs [k0, k1) of a matrix; all that its layer has beside it with the first. */
static void copy_piece(const struct copying *c, int q, ptrdiff_t k0, ptrdiff_t k1) {
    const struct fmlp_layer_plan *p = &c->plan->layers[q];
    const ptrdiff_t size = c->plan->k->size;
    if (c->wt) {
        if (p->wt_at >= 0) transpose(c, q, k0, k1);
        return;
    }
    if (p->layout == FMLP_NARROW) copy_narrow(c, p, k0, k1);
    else if (p->layout != FMLP_FLAT) copy_panels(c, p, k0, k1);
    if (k0 > 0) return;
    if (p->norm) copy_pair(c, p, p->flat_norm, p->norm_at);
    if (p->slopes)
        copy(c, c->flat + p->flat_slopes * size, c->w + p->slopes_at * size, p->n_out, p->out_pad);
}

/* Pieces of a matrix lie in L2 in both layouts: a panel passes over all its flat rows. */
enum { PIECE = 1 << 15, SHARED = 1 << 18 /* elements; from so many on several threads pay */ };

static void copy_task(void *arg, int thread, int n_threads) {
    const struct copying *c = arg;
    const struct fmlp_plan *plan = c->plan;
    ptrdiff_t piece = 0;
    for (int q = 0; q < plan->n_matrices; q++) {
        const struct fmlp_layer_plan *p = &plan->layers[q];
        const ptrdiff_t lanes = plan->k->lanes, most = PIECE / p->n_out / lanes * lanes;
        const ptrdiff_t height = most < lanes ? lanes : most;
        for (ptrdiff_t k = 0; k < p->n_in; k += height, piece++)
            if (piece % n_threads == thread) copy_piece(c, q, k, fmlp_min(k + height, p->n_in));
    }
}

static void run(struct copying c, int n_threads) {
    fmlp_parallel(c.plan->w_len < SHARED ? 1 : n_threads, copy_task, &c);
}

static void copy_running(struct copying c) {
    for (int l = 0; l < c.plan->n_layers; l++) {
        const struct fmlp_layer_plan *p = &c.plan->layers[l];
        if (p->norm == FMLP_NORM_BATCH) copy_pair(&c, p, p->flat_running, p->running_at);
    }
}

static char *writable(const void *p) { return (char *)(uintptr_t)p; }

void fmlp_pack(const struct fmlp_plan *plan, int n_threads, const void *flat, void *w) {
    run((struct copying){plan, writable(flat), w, 0, 0}, n_threads);
}

void fmlp_unpack(const struct fmlp_plan *plan, int n_threads, const void *w, void *flat) {
    run((struct copying){plan, flat, writable(w), 0, 1}, n_threads);
}

void fmlp_pack_transposed(const struct fmlp_plan *plan, int n_threads, const void *w, void *wt) {
    run((struct copying){plan, 0, writable(w), wt, 0}, n_threads);
}

void fmlp_pack_running(const struct fmlp_plan *plan, const void *flat, void *w) {
    copy_running((struct copying){plan, writable(flat), w, 0, 0});
}

void fmlp_unpack_running(const struct fmlp_plan *plan, const void *w, void *flat) {
    copy_running((struct copying){plan, flat, writable(w), 0, 1});
}

void fmlp_transpose_item(const struct fmlp_plan *plan, int l, ptrdiff_t j, ptrdiff_t width,
                         ptrdiff_t k0, ptrdiff_t k1, const void *w, void *wt) {
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t nr = plan->k->nr, columns = fmlp_min(width, p->n_out - j);
    const ptrdiff_t panel = p->w_at + j * (p->n_in + 1);
    for (ptrdiff_t k = k0; k < k1;) { /* one panel of the transpose at a time */
        const ptrdiff_t q = k / nr * nr, wide = fmlp_min(nr, p->in_pad - q);
        const ptrdiff_t n = fmlp_min(k1, q + wide) - k;
        plan->k->transpose(n, columns, fmlp_at(plan, w, panel + k * width), width,
                           fmlp_at(plan, wt, p->wt_at + q * p->n_out + j * wide + (k - q)), wide);
        k += n;
    }
}
