/* Phase 1: rows forward through all layers, the loss, and deltas back. A row needs no other row,
 * but for batch statistics, where the phase is cut. */
#include <string.h>

#include "epilogue.h"
#include "trainer.h"

static void *row_of(const struct fmlp_trainer *t, void *const *arrays, int l, ptrdiff_t i) {
    return arrays[l] ? fmlp_at(&t->plan, arrays[l], i * t->plan.layers[l].ld) : 0;
}

static struct fmlp_inputs inputs_of(const struct fmlp_chunk *c, int l, ptrdiff_t i) {
    const struct fmlp_inputs in = {c->t->in_rows[l] + i, fmlp_chunk_csr(c),
                                   fmlp_chunk_index(c) + i};
    return in;
}

/* ----------------------------------------------------------------- forward */
static void product(const struct fmlp_chunk *c, int l, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_inputs in = inputs_of(c, l, i);
    fmlp_product(&t->plan, l, m, &in, t->w, fmlp_product_act(&t->plan, l, 1),
                 row_of(t, t->z[l] ? t->z : t->a, l, i));
}

static void epilogue(const struct fmlp_chunk *c, int l, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    if (!fmlp_has_epilogue(plan, l, 1)) return;
    const struct fmlp_random random = fmlp_random_at(c, FMLP_STREAM_LAYERS + l);
    const struct fmlp_epilogue e = {
        .m = m,
        .in = inputs_of(c, l, i),
        .z = row_of(t, t->z, l, i),
        .a = row_of(t, t->a, l, i),
        .d = row_of(t, t->d, l, i),
        .e = row_of(t, t->e, l, i),
        .rstd = t->rstd[l] ? fmlp_at(plan, t->rstd[l], i) : 0,
        .mean = t->stats[l],
        .var = t->stats[l] ? fmlp_at(plan, t->stats[l], plan->layers[l].out_pad) : 0,
        .side = row_of(t, t->dh, l, i),
        .random = &random,
        .row = c->row + i};
    fmlp_epilogue(plan, l, t->w, &e);
}

static void loss(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m, void *group) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const int last = plan->n_layers - 1;
    plan->k->loss(&plan->head, m, plan->n_outputs, row_of(t, t->a, last, i),
                  plan->layers[last].ld, t->index + i, c->y, fmlp_at(plan, t->loss_rows, i), group);
}

/* ---------------------------------------------------------------- backward */
/* out (m, ld of a) = act'(a) * deltas of matrix q times its transpose */
static void product_back(const struct fmlp_trainer *t, int q, ptrdiff_t i, ptrdiff_t m, int act,
                         const void *a, void *out, ptrdiff_t ld) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[q];
    if (p->layout == FMLP_NARROW)
        plan->k->backward_narrow(m, p->n_out, p->in_pad, row_of(t, t->dz, q, i), p->ld,
                                 fmlp_at(plan, t->w, p->w_at), act, a, ld, out, ld);
    else
        plan->k->backward(m, p->n_out, p->n_in, t->dz_rows[q] + i,
                          fmlp_at(plan, t->wt, p->wt_at), act, a, ld, out, ld);
}

/* prelu and maxout: dz, deltas of the outputs of layer l times the mask, becomes its deltas. */
static void units_back(const struct fmlp_trainer *t, int l, ptrdiff_t i, ptrdiff_t m, void *dz) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    void *e = row_of(t, t->e, l, i);
    if (p->slopes)
        plan->k->prelu_backward(m, p->units, fmlp_at(plan, t->w, p->slopes_at), e, p->ld, dz,
                                p->ld);
    else if (p->pieces > 1)
        plan->k->maxout_backward(m, p->units, p->pieces, e, p->ld, dz, p->ld);
}

/* Deltas of layer l's input, and with them of the layer below up to its activation: into dy where
 * that layer is normalised, else into dz. */
static void deltas_below(const struct fmlp_trainer *t, int l, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[l], *below = &plan->layers[l - 1];
    /* for prelu and maxout, whose own part comes after, a mask or nothing */
    const int act = below->stored ? FMLP_ACT_STORED : below->act;
    const ptrdiff_t ld = below->ld;
    const void *a = row_of(t, below->stored ? t->d : t->a, l - 1, i);
    void *dz = row_of(t, t->dz, l - 1, i);
    void *out = below->norm ? row_of(t, t->dy, l - 1, i) : dz, *dh = row_of(t, t->dh, l - 1, i);
    if (!dh) { /* no residual here or above */
        product_back(t, l, i, m, act, a, out, ld);
        units_back(t, l - 1, i, m, out);
        return;
    }
    product_back(t, l, i, m, FMLP_ACT_IDENTITY, a, dh, ld);
    if (p->projection >= 0) {
        product_back(t, p->projection, i, m, FMLP_ACT_IDENTITY, a, dz, ld);
        plan->k->add(m, below->units, dz, ld, dh, ld);
    } else if (p->residual) {
        plan->k->add(m, below->units, row_of(t, t->dh, l, i), p->ld, dh, ld);
    }
    memcpy(out, dh, (size_t)(m * ld * plan->k->size));
    plan->k->act_backward(act, m, below->units, a, ld, out, ld);
    units_back(t, l - 1, i, m, out);
}

/* dz of a normalised layer from dy */
static void normalisation_back(const struct fmlp_chunk *c, int l, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const void *scale = fmlp_at(plan, t->w, p->norm_at);
    const void *dy = row_of(t, t->dy, l, i), *zhat = row_of(t, t->z, l, i);
    void *dz = row_of(t, t->dz, l, i);
    if (p->norm == FMLP_NORM_LAYER) {
        plan->k->layer_norm_backward(m, p->n_out, dy, p->ld, zhat, p->ld, scale,
                                     fmlp_at(plan, t->rstd[l], i), dz, p->ld);
        return;
    }
    const void *var = fmlp_at(plan, t->stats[l], p->out_pad);
    const void *dscale = fmlp_at(plan, var, p->out_pad);
    const void *dshift = fmlp_at(plan, dscale, p->out_pad);
    const void *weight = c->y->weight ? fmlp_at(plan, t->row_weight, i) : 0;
    plan->k->batch_norm_backward(m, p->out_pad, dy, p->ld, zhat, p->ld, weight, c->total_weight,
                                 dscale, dshift, var, fmlp_norm_eps, scale, dz, p->ld);
}

/* deltas_below of the last layer together with the sums of `early`. Returns whether there is a kernel
 * for that. (Who asks for sums has neither normalisation nor residual connections.) */
static int deltas_and_sums(const struct fmlp_trainer *t, int l, ptrdiff_t i, ptrdiff_t m,
                           const struct fmlp_early *early) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[l], *below = &plan->layers[l - 1];
    if (p->layout != FMLP_NARROW || below->stored || below->pieces > 1) return 0;
    return plan->k->backward_narrow_sums(
        m, p->n_out, p->n_in, row_of(t, t->dz, l, i), p->ld, fmlp_at(plan, t->w, p->w_at),
        below->act, row_of(t, t->a, l - 1, i), below->ld, row_of(t, t->dz, l - 1, i), below->ld,
        early->g, early->biases);
}

/* ------------------------------------------------------------------ blocks */
/* Forward behind layer c->layer, up to batch statistics that are still to come or to the outputs.
 * Returns whether it got there. */
static int forward(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_plan *plan = &c->t->plan;
    const int last = plan->n_layers - 1;
    if (c->layer < 0) fmlp_inputs_block(c, i, m);
    else epilogue(c, c->layer, i, m);
    for (int l = c->layer + 1; l <= last; l++) {
        product(c, l, i, m);
        if (plan->layers[l].norm == FMLP_NORM_BATCH) return 0;
        epilogue(c, l, i, m);
    }
    return 1;
}

static void backward(const struct fmlp_chunk *c, int from, ptrdiff_t i, ptrdiff_t m) {
    const struct fmlp_plan *plan = &c->t->plan;
    for (int l = from; l > 0; l--) {
        deltas_below(c->t, l, i, m);
        if (plan->layers[l - 1].norm == FMLP_NORM_BATCH) return;
        if (plan->layers[l - 1].norm) normalisation_back(c, l - 1, i, m);
    }
}

void fmlp_rows_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    if (item == c->blocks) { /* beside the blocks: nobody needs it before phase 2 */
        fmlp_columns_build(c);
        return;
    }
    const ptrdiff_t i = c->rows * item / c->blocks, end = c->rows * (item + 1) / c->blocks;
    fmlp_part_block(c, item * c->parts / c->blocks, i, end - i, thread, 0);
}

void fmlp_rows_block(const struct fmlp_chunk *c, ptrdiff_t i, ptrdiff_t m, int thread,
                     struct fmlp_early *early) {
    if (c->backward) {
        normalisation_back(c, c->layer, i, m);
        backward(c, c->layer, i, m);
        return;
    }
    if (c->passes & FMLP_FORWARD && !forward(c, i, m)) return;
    if (!(c->passes & FMLP_BACKWARD)) return;
    loss(c, i, m, fmlp_thread_memory(c->t, thread).group);
    int l = c->t->plan.n_layers - 1;
    if (early && l > 0) early->done = deltas_and_sums(c->t, l, i, m, early);
    backward(c, early && early->done ? l - 1 : l, i, m);
}

/* -------------------------------------------------------- batch statistics */
static ptrdiff_t stretch(const struct fmlp_plan *plan) { return 2 * plan->k->nr; }

ptrdiff_t fmlp_batch_items(const struct fmlp_trainer *t, int l) {
    const ptrdiff_t width = stretch(&t->plan);
    return (t->plan.layers[l].out_pad + width - 1) / width;
}

void fmlp_batch_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[c->layer];
    const ptrdiff_t j = item * stretch(plan), n = fmlp_min(stretch(plan), p->out_pad - j);
    const void *z = fmlp_at(plan, t->z[c->layer], j);
    char *const mean = fmlp_at(plan, t->stats[c->layer], j);
    void *var = fmlp_at(plan, mean, p->out_pad);
    void *running = fmlp_at(plan, t->w, p->running_at + j);
    (void)thread;
    if (c->backward)
        plan->k->norm_sums(c->rows, n, fmlp_at(plan, t->dy[c->layer], j), p->ld, z, p->ld, 0,
                           fmlp_at(plan, var, p->out_pad), fmlp_at(plan, var, 2 * p->out_pad));
    else
        plan->k->batch_stats(c->rows, n, z, p->ld, c->y->weight ? t->row_weight : 0,
                             c->total_weight, c->momentum, mean, var, running,
                             fmlp_at(plan, running, p->out_pad));
}
