/* Phase 2: every weight belongs to one item and every item to one thread, which sums its gradient
 * over the rows in order and applies the rule while the sum is in L1. */
#include <math.h>
#include <string.h>

#include "../kernels/compiler.h"
#include "trainer.h"

/* Where the item's gradient is summed: the step's own array, or the thread's buffer. */
static void *sum_at(const struct fmlp_trainer *t, const struct fmlp_thread_memory *mem,
                    ptrdiff_t at) {
    return t->g ? fmlp_at(&t->plan, t->g, at) : mem->item;
}

/* The rule over n parameters, or the size of their gradient: a sum of squares either way. g: its
 * sums, without those of `more` unless NULL. */
static double finish(struct fmlp_trainer *t, const struct fmlp_chunk *c, int l, ptrdiff_t at,
                     ptrdiff_t n, const void *g, const void *more, int is_bias) {
    const struct fmlp_plan *plan = &t->plan;
    struct fmlp_rule_args args = is_bias ? c->biases : c->weights;
    void *w = fmlp_at(plan, t->w, at), *s[FMLP_MAX_STATE];
    if (c->measures) return plan->k->gradient_squares(n, g, w, &args);
    if (!c->applies) return 0;
    if (t->clip) args.scale *= t->clip_factor;
    args.more = more;
    for (int i = 0; i < t->n_s; i++) s[i] = fmlp_at(plan, t->s[i], at);
    const int rule = !is_bias && fmlp_muon_has(&t->muon, l) ? c->matrix_rule : c->rule;
    return plan->k->rule(rule, n, g, w, s, &args);
}

static double bias(struct fmlp_trainer *t, const struct fmlp_chunk *c, int l, ptrdiff_t j,
                 ptrdiff_t n, ptrdiff_t at, ptrdiff_t width, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    void *g = sum_at(t, mem, at);
    const void *more = 0;
    if (c->sums && c->parts > 1)
        g = fmlp_parts_add(c, at, width, &more);
    else if (c->sums)
        plan->k->grad_bias(c->rows, n, fmlp_at(plan, t->dz[l], j), plan->layers[l].ld, !c->first,
                           g);
    return finish(t, c, l, at, width, g, more, 1);
}

static int has_bias(const struct fmlp_layer_plan *p, const struct fmlp_item *it) {
    return it->k0 == 0 && p->flat_b >= 0;
}

/* Have weights and state left L2 since they were last used? */
static int is_far(const struct fmlp_trainer *t) {
    return t->plan.w_len * (1 + t->n_s) * t->plan.k->size > 512 << 10;
}

/* What the rule and the transposition will touch of this item. */
static struct fmlp_ahead ahead_of(const struct fmlp_trainer *t, const struct fmlp_item *it,
                                  ptrdiff_t at) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[it->layer];
    const ptrdiff_t nr = plan->k->nr;
    const void *w = fmlp_at(plan, t->w, at);
    struct fmlp_ahead ahead;
    for (int i = 0; i < FMLP_AHEAD; i++) {
        ahead.at[i] = i > 0 && i <= t->n_s ? fmlp_at(plan, t->s[i - 1], at) : w;
        ahead.stride[i] = nr * it->width * plan->k->size;
    }
    if (p->wt_at >= 0) {
        ahead.at[FMLP_AHEAD - 1] = fmlp_at(plan, t->wt, p->wt_at + it->k0 * p->n_out + it->j * nr);
        ahead.stride[FMLP_AHEAD - 1] = nr * p->n_out * plan->k->size;
    }
    return ahead;
}

/* The gradient of a panel, by way of packed inputs where its neighbours use them too. */
static void panel_gradient(struct fmlp_trainer *t, struct fmlp_chunk *c, const struct fmlp_item *it,
                           const struct fmlp_thread_memory *mem, void *g,
                           const struct fmlp_ahead *ahead) {
    enum { FEW_ROWS = 24 };
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const void *const *rows = t->in_rows[l], *dz = fmlp_at(plan, t->dz[l], it->j);
    const ptrdiff_t n = fmlp_item_columns(p, it);
    const int packs = mem->packed && n == plan->k->nr && c->rows >= FEW_ROWS;
    if (!packs || !fmlp_packing_pays(plan, p, t->team->n_shares)) {
        plan->k->grad(c->rows, it->k0, it->k1, n, rows, dz, p->ld, !c->first, g, ahead);
        return;
    }
    if (c->packed_layer != l || c->packed_k0 != it->k0)
        plan->k->pack_inputs(c->rows, it->k0, it->k1, rows, mem->packed);
    c->packed_layer = l, c->packed_k0 = it->k0;
    plan->k->grad_packed(c->rows, it->k1 - it->k0, mem->packed, dz, p->ld, !c->first, g, ahead);
}

static double panel_item(struct fmlp_trainer *t, struct fmlp_chunk *c,
                         const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t at = fmlp_item_weights(p, it), n = (it->k1 - it->k0) * it->width;
    void *g = sum_at(t, mem, at);
    const void *more = 0;
    const struct fmlp_ahead ahead = ahead_of(t, it, at);
    if (c->sums && c->parts > 1)
        g = fmlp_parts_add(c, at, n, &more);
    else if (c->sums)
        panel_gradient(t, c, it, mem, g, c->applies && is_far(t) ? &ahead : 0);
    double squares = finish(t, c, l, at, n, g, more, 0);
    if (p->wt_at >= 0 && c->transposes && !fmlp_muon_has(&t->muon, l))
        fmlp_transpose_item(plan, l, it->j, it->width, it->k0, it->k1, t->w, t->wt);
    if (has_bias(p, it))
        squares += bias(t, c, l, it->j, it->width, fmlp_item_biases(p, it), it->width, mem);
    return squares;
}

static double narrow_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                          const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t lanes = plan->k->lanes, n = (it->k1 - it->k0 + lanes - 1) / lanes * lanes;
    const ptrdiff_t ldg = t->g ? p->in_pad : n, at = fmlp_item_weights(p, it);
    void *g = sum_at(t, mem, at);
    double squares = 0;
    if (c->sums && c->parts == 1)
        plan->k->grad_narrow(c->rows, it->k0, it->k1, p->n_out, t->in_rows[l], t->dz[l], p->ld,
                             !c->first, g, ldg);
    for (ptrdiff_t j = 0; j < p->n_out; j++) {
        const ptrdiff_t row = at + j * p->in_pad;
        const void *sum = fmlp_at(plan, g, j * ldg), *more = 0;
        if (c->sums && c->parts > 1) sum = fmlp_parts_add(c, row, n, &more);
        squares += finish(t, c, l, row, n, sum, more, 0);
    }
    if (has_bias(p, it)) squares += bias(t, c, l, 0, p->n_out, fmlp_item_biases(p, it), lanes, mem);
    return squares;
}

static double rows_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                        const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t at = fmlp_item_weights(p, it);
    void *g = sum_at(t, mem, at);
    if (c->sums)
        plan->k->grad_sparse(it->k0, it->k1, p->out_pad, c->columns, t->dz[l], p->ld, !c->first,
                             g);
    double squares = finish(t, c, l, at, (it->k1 - it->k0) * p->out_pad, g, 0, 0);
    if (has_bias(p, it))
        squares += bias(t, c, l, 0, p->out_pad, fmlp_item_biases(p, it), p->out_pad, mem);
    return squares;
}

static int touches(const struct fmlp_columns *x, ptrdiff_t k) {
    return x->start[k] < x->start[k + 1];
}

/* Columns in use lie anywhere; their weights and state are on their way while others are in hand. */
static void prefetch_column(const struct fmlp_trainer *t, ptrdiff_t k) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[0];
    const ptrdiff_t at = (p->w_at + k * p->out_pad) * plan->k->size;
    const ptrdiff_t bytes = p->out_pad * plan->k->size;
    for (ptrdiff_t b = 0; b < bytes && b < 512; b += 64) {
        FMLP_PREFETCH((const char *)t->w + at + b);
        for (int i = 0; i < t->n_s; i++) FMLP_PREFETCH((const char *)t->s[i] + at + b);
    }
}

/* Columns that these rows touch take the step, those that the next ones touch are made ready. */
static double lazy_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                        const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const struct fmlp_layer_plan *p = &plan->layers[0];
    struct fmlp_lazy *lazy = &t->lazy;
    for (ptrdiff_t k = it->k0; k < it->k1; k++) {
        const ptrdiff_t at = p->w_at + k * p->out_pad, ahead = k + 6;
        if (ahead < p->n_in && (touches(c->columns, ahead) ||
                                (c->build.rows && touches(c->build.out, ahead))))
            prefetch_column(t, ahead);
        if (touches(c->columns, k)) {
            plan->k->grad_sparse(k, k + 1, p->out_pad, c->columns, t->dz[0], p->ld, 0, mem->item);
            lazy->penalty[k] +=
                c->penalty_factor * finish(t, c, 0, at, p->out_pad, mem->item, 0, 0);
            lazy->done[k] = c->lazy_step + 1;
        }
        if (c->build.rows && touches(c->build.out, k)) fmlp_lazy_catch_up(t, k, c->lazy_step + 1);
    }
    if (it->k0 == 0) bias(t, c, 0, 0, p->out_pad, p->w_at + p->n_in * p->out_pad, p->out_pad, mem);
    return 0; /* the penalty is kept column by column */
}

void fmlp_lazy_ready_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    const struct fmlp_item *it = &c->t->plan.items[item];
    (void)thread;
    for (ptrdiff_t k = it->k0; k < it->k1; k++)
        if (touches(c->columns, k)) fmlp_lazy_catch_up(c->t, k, c->lazy_step);
}

/* Scale and shift of a normalisation; they are not penalised. */
static double norm_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                        const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t scale = p->norm_at + it->j, shift = scale + p->out_pad;
    void *dscale = t->g ? fmlp_at(plan, t->g, scale) : mem->item;
    void *dshift = t->g ? fmlp_at(plan, t->g, shift) : fmlp_at(plan, mem->item, it->width);
    if (c->sums && p->norm == FMLP_NORM_BATCH) { /* summed already, the backward pass needed them */
        const size_t bytes = (size_t)(it->width * plan->k->size);
        memcpy(dscale, fmlp_at(plan, t->stats[l], 2 * p->out_pad + it->j), bytes);
        memcpy(dshift, fmlp_at(plan, t->stats[l], 3 * p->out_pad + it->j), bytes);
    } else if (c->sums) {
        plan->k->norm_sums(c->rows, it->width, fmlp_at(plan, t->dy[l], it->j), p->ld,
                           fmlp_at(plan, t->z[l], it->j), p->ld, !c->first, dscale, dshift);
    }
    return finish(t, c, l, scale, it->width, dscale, 0, 1) +
           finish(t, c, l, shift, it->width, dshift, 0, 1);
}

/* Slopes of prelu; they are not penalised. */
static double slopes_item(struct fmlp_trainer *t, const struct fmlp_chunk *c,
                          const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    const struct fmlp_plan *plan = &t->plan;
    const int l = it->layer;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const ptrdiff_t at = p->slopes_at + it->j;
    void *g = sum_at(t, mem, at);
    if (c->sums)
        plan->k->grad_bias(c->rows, it->width, fmlp_at(plan, t->e[l], it->j), p->ld, !c->first, g);
    return finish(t, c, l, at, it->width, g, 0, 1);
}

static double matrix_item(struct fmlp_trainer *t, struct fmlp_chunk *c,
                          const struct fmlp_item *it, const struct fmlp_thread_memory *mem) {
    switch (t->plan.layers[it->layer].layout) {
    case FMLP_PANELS: return panel_item(t, c, it, mem);
    case FMLP_NARROW: return narrow_item(t, c, it, mem);
    default: return t->lazy.on ? lazy_item(t, c, it, mem) : rows_item(t, c, it, mem);
    }
}

void fmlp_update_item(void *arg, ptrdiff_t item, int thread) {
    struct fmlp_chunk *c = arg;
    struct fmlp_trainer *t = c->t;
    if (item == t->plan.n_items) {
        if (c->sums) *c->loss_sum += fmlp_parts_loss(c) * c->loss_factor;
        return;
    }
    const struct fmlp_thread_memory mem = fmlp_thread_memory(t, thread);
    const struct fmlp_item *it = &t->plan.items[item];
    double squares = 0;
    switch (it->kind) {
    case FMLP_ITEM_MATRIX: squares = matrix_item(t, c, it, &mem); break;
    case FMLP_ITEM_NORM: squares = norm_item(t, c, it, &mem); break;
    case FMLP_ITEM_SLOPES: squares = slopes_item(t, c, it, &mem); break;
    }
    if (c->measures) t->squares[item] = squares;
    else t->penalty[item] += squares * c->penalty_factor;
}

void fmlp_clip_item(void *arg, ptrdiff_t item, int thread) {
    const struct fmlp_chunk *c = arg;
    struct fmlp_trainer *t = c->t;
    double squares = 0;
    (void)item, (void)thread;
    for (ptrdiff_t i = 0; i < t->plan.n_items; i++) squares += t->squares[i];
    const double norm = sqrt(squares), most = c->hyper->gradient_clip;
    t->clip_factor = norm > most ? most / norm : 1;
}
