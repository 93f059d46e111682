/* Muon (Keller Jordan 2024): a step along the matrix nearest to the momentum whose singular values
 * are all alike, found by five Newton-Schulz iterations
 *   A = X X',  B = -4.7750 A + 2.0315 A A,  X = 3.4445 X + B X
 * from X = momentum / |momentum|.
 *
 * Each product is a phase of items, blocks of the result, and of the form P'Q, which is the kernel
 * of weight gradients: A = Y'Y with Y = X', A A = A'A and B X = B'X. An element is one chain of
 * operations, whatever the block and the thread. */
#include "muon.h"

#include <math.h>

#include "solvers.h"
#include "trainer.h"

enum { ITERATIONS = 5, HEIGHT = 48 /* rows of a block */ };

struct work {
    const struct fmlp_chunk *c;
    int iteration;
};

/* -------------------------------------------------------------------- memory */
static const void **take_rows(struct fmlp_arena *arena, const struct fmlp_plan *plan,
                              const void *matrix, ptrdiff_t n, ptrdiff_t ld) {
    const void **rows = fmlp_take(arena, n, sizeof(void *));
    for (ptrdiff_t i = 0; arena->base && i < n; i++) rows[i] = fmlp_at(plan, matrix, i * ld);
    return rows;
}

static struct fmlp_muon_layer take_layer(const struct fmlp_plan *plan,
                                         const struct fmlp_layer_plan *layer,
                                         struct fmlp_arena *arena) {
    const ptrdiff_t size = plan->k->size;
    struct fmlp_muon_layer m = {.tall = layer->n_in > layer->n_out};
    m.p = m.tall ? layer->n_out : layer->n_in;
    m.q = m.tall ? layer->n_in : layer->n_out;
    m.ldp = fmlp_row_stride(plan->k, m.p);
    m.ldq = fmlp_row_stride(plan->k, m.q);
    for (int i = 0; i < 2; i++) m.x[i] = fmlp_take(arena, fmlp_size_mul(m.p, m.ldq), size);
    m.y = fmlp_take(arena, fmlp_size_mul(m.q, m.ldp), size);
    m.a = fmlp_take(arena, fmlp_size_mul(m.p, m.ldp), size);
    m.b = fmlp_take(arena, fmlp_size_mul(m.p, m.ldp), size);
    m.y_rows = take_rows(arena, plan, m.y, m.q, m.ldp);
    m.a_rows = take_rows(arena, plan, m.a, m.p, m.ldp);
    m.b_rows = take_rows(arena, plan, m.b, m.p, m.ldp);
    return m;
}

void fmlp_muon_take(struct fmlp_muon *muon, struct fmlp_plan *plan, const fmlp_net *net,
                    struct fmlp_arena *arena) {
    muon->n_layers = net->n_layers > 2 ? net->n_layers - 2 : 0;
    muon->layers = fmlp_take(arena, muon->n_layers, sizeof *muon->layers);
    muon->squares = fmlp_take(arena, plan->n_items, sizeof *muon->squares);
    muon->flops = 0;
    for (int i = 0; i < muon->n_layers; i++) {
        const struct fmlp_layer_plan layer = fmlp_layer_shape(plan->k, net, i + 1, 0);
        const struct fmlp_muon_layer m = take_layer(plan, &layer, arena);
        const double p = (double)m.p, q = (double)m.q;
        muon->flops += ITERATIONS * (4 * p * p * q + 2 * p * p * p);
        if (!arena->base) continue;
        muon->layers[i] = m;
        for (ptrdiff_t j = 0; j < plan->n_items; j++)
            if (plan->items[j].layer == i + 1 && plan->items[j].kind == FMLP_ITEM_MATRIX &&
                !muon->layers[i].n_items++)
                muon->layers[i].item = j;
    }
    if (muon->n_layers && plan->item_len < HEIGHT * plan->k->nr)
        plan->item_len = HEIGHT * plan->k->nr;
}

/* -------------------------------------------------------------------- blocks */
struct block {
    struct fmlp_muon_layer *m;
    ptrdiff_t k0, k1, j, width; /* rows [k0, k1) of columns [j, j + width) */
};

/* Block `item` of the matrices with p rows and, all of them, p or q columns. */
static struct block block_at(const struct fmlp_muon *muon, const struct fmlp_kernels *k,
                             ptrdiff_t item, int square) {
    struct fmlp_muon_layer *m = muon->layers;
    for (;; m++) {
        const ptrdiff_t n = square ? m->p : m->q, rows = (m->p + HEIGHT - 1) / HEIGHT;
        const ptrdiff_t panels = (n + k->nr - 1) / k->nr;
        if (item >= rows * panels) {
            item -= rows * panels;
            continue;
        }
        struct block b = {.m = m, .k0 = item % rows * HEIGHT, .j = item / rows * k->nr};
        b.k1 = fmlp_min(b.k0 + HEIGHT, m->p);
        b.width = n - b.j <= k->lanes ? k->lanes : k->nr;
        return b;
    }
}

static ptrdiff_t n_blocks(const struct fmlp_muon *muon, const struct fmlp_kernels *k, int square) {
    ptrdiff_t n = 0;
    for (int i = 0; i < muon->n_layers; i++) {
        const struct fmlp_muon_layer *m = &muon->layers[i];
        const ptrdiff_t columns = square ? m->p : m->q;
        n += (m->p + HEIGHT - 1) / HEIGHT * ((columns + k->nr - 1) / k->nr);
    }
    return n;
}

/* The item of the plan that item i of all these layers is, and its layer. */
static const struct fmlp_item *plan_item(const struct fmlp_trainer *t, ptrdiff_t i,
                                         struct fmlp_muon_layer **m) {
    for (*m = t->muon.layers; i >= (*m)->n_items; (*m)++) i -= (*m)->n_items;
    return &t->plan.items[(*m)->item + i];
}

/* A piece of layer l in kernel layout: `rows` rows of `n`, at w[at], `ld` apart; in the panels it
 * is rows [k0, k1) and columns j ... of the matrix, in the narrow layout of its transpose. */
struct piece {
    ptrdiff_t at, ld, rows, n;
    ptrdiff_t row, column; /* its place in the matrix or its transpose */
    ptrdiff_t real;        /* columns that are not padding */
    int transposed;
};

static struct piece piece_of(const struct fmlp_plan *plan, const struct fmlp_item *it) {
    const struct fmlp_layer_plan *p = &plan->layers[it->layer];
    struct piece s = {.transposed = p->layout == FMLP_NARROW};
    if (s.transposed) {
        s.at = p->w_at + it->k0, s.ld = p->in_pad, s.rows = p->n_out;
        s.real = it->k1 - it->k0, s.column = it->k0;
        s.n = (s.real + plan->k->lanes - 1) / plan->k->lanes * plan->k->lanes;
    } else {
        s.at = p->w_at + it->j * (p->n_in + 1) + it->k0 * it->width;
        s.ld = s.n = it->width, s.rows = it->k1 - it->k0;
        s.row = it->k0, s.column = it->j, s.real = fmlp_min(it->width, p->n_out - it->j);
    }
    return s;
}

/* -------------------------------------------------------------------- phases */
static void measure_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    struct fmlp_trainer *t = work->c->t;
    const struct fmlp_rule_args as_it_is = {.scale = 1};
    struct fmlp_muon_layer *m;
    const struct fmlp_item *it = plan_item(t, item, &m);
    const struct piece s = piece_of(&t->plan, it);
    double squares = 0;
    (void)thread;
    for (ptrdiff_t i = 0; i < s.rows; i++) {
        const void *u = fmlp_at(&t->plan, t->s[1], s.at + i * s.ld);
        squares += t->plan.k->gradient_squares(s.n, u, u, &as_it_is);
    }
    t->muon.squares[it - t->plan.items] = squares;
}

/* X = momentum / |momentum|, and Y. */
static void load_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    struct fmlp_trainer *t = work->c->t;
    const struct fmlp_plan *plan = &t->plan;
    struct fmlp_muon_layer *m;
    const struct piece s = piece_of(plan, plan_item(t, item, &m));
    const int into_x = m->tall == s.transposed; /* the piece lies as X does */
    void *to = into_x ? m->x[0] : m->y, *other = into_x ? m->y : m->x[0];
    const ptrdiff_t ld = into_x ? m->ldq : m->ldp, ld_other = into_x ? m->ldp : m->ldq;
    double squares = 0;
    (void)thread;
    for (ptrdiff_t i = 0; i < m->n_items; i++) squares += t->muon.squares[m->item + i];
    const double norm = sqrt(squares);
    void *block = fmlp_at(plan, to, s.row * ld + s.column);
    plan->k->combine(s.rows, s.n, 1 / (norm > 1e-7 ? norm : 1e-7), fmlp_at(plan, t->s[1], s.at),
                     s.ld, 0, 0, 0, block, ld);
    plan->k->transpose(s.rows, s.real, block, ld,
                       fmlp_at(plan, other, s.column * ld_other + s.row), ld_other);
}

/* A = Y'Y */
static void gram_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    struct fmlp_trainer *t = work->c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct block b = block_at(&t->muon, plan->k, item, 1);
    void *sum = fmlp_thread_memory(t, thread).item;
    plan->k->grad(b.m->q, b.k0, b.k1, b.width, b.m->y_rows, fmlp_at(plan, b.m->y, b.j), b.m->ldp, 0,
                  sum, 0);
    plan->k->combine(b.k1 - b.k0, b.width, 1, sum, b.width, 0, 0, 0,
                     fmlp_at(plan, b.m->a, b.k0 * b.m->ldp + b.j), b.m->ldp);
}

/* B = -4.7750 A + 2.0315 A A */
static void square_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    struct fmlp_trainer *t = work->c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct block b = block_at(&t->muon, plan->k, item, 1);
    const ptrdiff_t at = b.k0 * b.m->ldp + b.j;
    void *sum = fmlp_thread_memory(t, thread).item;
    plan->k->grad(b.m->p, b.k0, b.k1, b.width, b.m->a_rows, fmlp_at(plan, b.m->a, b.j), b.m->ldp, 0,
                  sum, 0);
    plan->k->combine(b.k1 - b.k0, b.width, 2.0315, sum, b.width, -4.7750,
                     fmlp_at(plan, b.m->a, at), b.m->ldp, fmlp_at(plan, b.m->b, at), b.m->ldp);
}

/* X = 3.4445 X + B X into the other X, and its transpose into Y */
static void iterate_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    struct fmlp_trainer *t = work->c->t;
    const struct fmlp_plan *plan = &t->plan;
    const struct block b = block_at(&t->muon, plan->k, item, 0);
    const void *x = b.m->x[work->iteration % 2];
    const ptrdiff_t at = b.k0 * b.m->ldq + b.j;
    void *sum = fmlp_thread_memory(t, thread).item;
    void *next = fmlp_at(plan, b.m->x[(work->iteration + 1) % 2], at);
    plan->k->grad(b.m->p, b.k0, b.k1, b.width, b.m->b_rows, fmlp_at(plan, x, b.j), b.m->ldq, 0,
                  sum, 0);
    plan->k->combine(b.k1 - b.k0, b.width, 1, sum, b.width, 3.4445, fmlp_at(plan, x, at), b.m->ldq,
                     next, b.m->ldq);
    plan->k->transpose(b.k1 - b.k0, fmlp_min(b.width, b.m->q - b.j), next, b.m->ldq,
                       fmlp_at(plan, b.m->y, b.j * b.m->ldp + b.k0), b.m->ldp);
}

/* w -= rate * sqrt(max(1, n_out / n_in)) * X */
static void apply_item(void *arg, ptrdiff_t item, int thread) {
    const struct work *work = arg;
    const struct fmlp_chunk *c = work->c;
    struct fmlp_trainer *t = c->t;
    const struct fmlp_plan *plan = &t->plan;
    struct fmlp_muon_layer *m;
    const struct fmlp_item *it = plan_item(t, item, &m);
    const struct fmlp_layer_plan *p = &plan->layers[it->layer];
    const struct piece s = piece_of(plan, it);
    const int in_x = m->tall == s.transposed;
    const ptrdiff_t ld = in_x ? m->ldq : m->ldp;
    const void *step = fmlp_at(plan, in_x ? m->x[ITERATIONS % 2] : m->y, s.row * ld + s.column);
    const double ratio = (double)p->n_out / (double)p->n_in;
    struct fmlp_rule_args args = c->weights;
    (void)thread;
    args.learning_rate *= sqrt(ratio > 1 ? ratio : 1);
    args.alpha = 0, args.scale = 1;
    for (ptrdiff_t i = 0; i < s.rows; i++)
        plan->k->rule(FMLP_RULE_DESCENT, s.n, fmlp_at(plan, step, i * ld),
                      fmlp_at(plan, t->w, s.at + i * s.ld), t->s, &args);
    if (p->wt_at >= 0 && c->hyper->max_norm == 0)
        fmlp_transpose_item(plan, it->layer, it->j, it->width, it->k0, it->k1, t->w, t->wt);
}

void fmlp_muon_step(struct fmlp_walk *walk, const struct fmlp_chunk *c) {
    const struct fmlp_trainer *t = c->t;
    const struct fmlp_muon *muon = &t->muon;
    struct work work = {.c = c};
    ptrdiff_t items = 0;
    for (int i = 0; i < muon->n_layers; i++) items += muon->layers[i].n_items;
    const ptrdiff_t squares = n_blocks(muon, t->plan.k, 1), blocks = n_blocks(muon, t->plan.k, 0);
    fmlp_phase(walk, items, 0, measure_item, &work);
    fmlp_phase(walk, items, 0, load_item, &work);
    for (; work.iteration < ITERATIONS; work.iteration++) {
        fmlp_phase(walk, squares, 0, gram_item, &work);
        fmlp_phase(walk, squares, 0, square_item, &work);
        fmlp_phase(walk, blocks, 0, iterate_item, &work);
    }
    fmlp_phase(walk, items, 0, apply_item, &work);
}
