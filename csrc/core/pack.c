/* Flat row-major parameters <-> the kernels' layouts. Element sizes only, no arithmetic. */
#include <string.h>

#include "plan.h"

/* The panel that holds column j: its start, and its width through *width. */
static ptrdiff_t panel_at(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p,
                          ptrdiff_t j, ptrdiff_t *width) {
    const ptrdiff_t nr = p->layout == FMLP_ROWS ? p->out_pad : plan->k->nr;
    *width = fmlp_min(nr, p->out_pad - j);
    return p->w_at + j * (p->n_in + 1);
}

/* Copies between one layer's panels (or rows layout) and its flat weights and biases. */
static void copy_panels(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, char *flat,
                        char *w, int to_flat) {
    const ptrdiff_t size = plan->k->size;
    ptrdiff_t width;
    for (ptrdiff_t j = 0; j < p->n_out; j += width) {
        char *panel = w + panel_at(plan, p, j, &width) * size;
        const size_t bytes = (size_t)(fmlp_min(width, p->n_out - j) * size);
        for (ptrdiff_t k = 0; k < p->n_in + (p->flat_b >= 0); k++) {
            char *f = flat + (k < p->n_in ? p->flat_w + k * p->n_out + j : p->flat_b + j) * size;
            char *q = panel + k * width * size;
            if (to_flat) memcpy(f, q, bytes);
            else memcpy(q, f, bytes);
        }
    }
}

static void copy_narrow(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, char *flat,
                        char *w, int to_flat) {
    const ptrdiff_t size = plan->k->size;
    char *const fw = flat + p->flat_w * size, *const fb = flat + p->flat_b * size;
    char *const nw = w + p->w_at * size, *const nb = nw + p->n_out * p->in_pad * size;
    if (to_flat) {
        plan->k->transpose(p->n_out, p->n_in, nw, p->in_pad, fw, p->n_out);
        if (p->flat_b >= 0) memcpy(fb, nb, (size_t)(p->n_out * size));
    } else {
        plan->k->transpose(p->n_in, p->n_out, fw, p->n_out, nw, p->in_pad);
        if (p->flat_b >= 0) memcpy(nb, fb, (size_t)(p->n_out * size));
    }
}

static void copy_vector(const struct fmlp_plan *plan, ptrdiff_t n, char *flat, char *w,
                        int to_flat) {
    memcpy(to_flat ? flat : w, to_flat ? w : flat, (size_t)(n * plan->k->size));
}

/* Two vectors of n_out: one after the other in flat memory, out_pad apart in the kernels'. */
static void copy_pair(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, char *flat,
                      char *w, int to_flat) {
    const ptrdiff_t size = plan->k->size;
    for (int i = 0; i < 2; i++, flat += p->n_out * size, w += p->out_pad * size)
        copy_vector(plan, p->n_out, flat, w, to_flat);
}

static void copy_all(const struct fmlp_plan *plan, void *flat, void *w, int to_flat) {
    for (int q = 0; q < plan->n_matrices; q++) {
        const struct fmlp_layer_plan *p = &plan->layers[q];
        if (p->layout == FMLP_NARROW) copy_narrow(plan, p, flat, w, to_flat);
        else if (p->layout != FMLP_FLAT) copy_panels(plan, p, flat, w, to_flat);
        if (p->norm)
            copy_pair(plan, p, fmlp_at(plan, flat, p->flat_norm), fmlp_at(plan, w, p->norm_at),
                      to_flat);
        if (p->slopes)
            copy_vector(plan, p->n_out, fmlp_at(plan, flat, p->flat_slopes),
                        fmlp_at(plan, w, p->slopes_at), to_flat);
    }
}

static void copy_running(const struct fmlp_plan *plan, void *flat, void *w, int to_flat) {
    for (int l = 0; l < plan->n_layers; l++) {
        const struct fmlp_layer_plan *p = &plan->layers[l];
        if (p->norm == FMLP_NORM_BATCH)
            copy_pair(plan, p, fmlp_at(plan, flat, p->flat_running),
                      fmlp_at(plan, w, p->running_at), to_flat);
    }
}

void fmlp_pack(const struct fmlp_plan *plan, const void *flat, void *w) {
    copy_all(plan, (void *)(uintptr_t)flat, w, 0);
}

void fmlp_unpack(const struct fmlp_plan *plan, const void *w, void *flat) {
    copy_all(plan, flat, (void *)(uintptr_t)w, 1);
}

void fmlp_pack_running(const struct fmlp_plan *plan, const void *flat, void *w) {
    copy_running(plan, (void *)(uintptr_t)flat, w, 0);
}

void fmlp_unpack_running(const struct fmlp_plan *plan, const void *w, void *flat) {
    copy_running(plan, flat, (void *)(uintptr_t)w, 1);
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

void fmlp_pack_transposed(const struct fmlp_plan *plan, const void *w, void *wt) {
    for (int l = 0; l < plan->n_matrices; l++) {
        const struct fmlp_layer_plan *p = &plan->layers[l];
        if (p->wt_at < 0) continue;
        for (ptrdiff_t j = 0; j < p->out_pad; j += plan->k->nr)
            fmlp_transpose_item(plan, l, j, fmlp_min(plan->k->nr, p->out_pad - j), 0, p->n_in, w,
                                wt);
    }
}
