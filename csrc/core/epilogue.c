/* The epilogue of a hidden layer, for training and prediction. A row needs no other row, but for
 * statistics of the mini-batch, which are there when it begins. */
#include "epilogue.h"

static int has_own_kernel(const struct fmlp_layer_plan *p) { return p->slopes || p->pieces > 1; }

int fmlp_has_epilogue(const struct fmlp_plan *plan, int l, int training) {
    const struct fmlp_layer_plan *p = &plan->layers[l];
    return p->norm || p->residual || has_own_kernel(p) || (training && p->stored);
}

/* Does dropout make the derivative, from the output? */
static int by_output(const struct fmlp_layer_plan *p) {
    return p->dropout > 0 && !has_own_kernel(p) && !fmlp_activation_at(p->act)->stored;
}

int fmlp_product_act(const struct fmlp_plan *plan, int l, int training) {
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const int later = p->norm || has_own_kernel(p) || (training && p->stored && !by_output(p));
    return later ? FMLP_ACT_IDENTITY : p->act;
}

static void normalise(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, const void *w,
                      const struct fmlp_epilogue *e) {
    const void *scale = fmlp_at(plan, w, p->norm_at), *shift = fmlp_at(plan, scale, p->out_pad);
    if (p->norm == FMLP_NORM_LAYER)
        plan->k->layer_norm(e->m, p->n_out, e->z, p->ld, scale, shift, fmlp_norm_eps, e->a, p->ld,
                            e->rstd);
    else
        plan->k->batch_norm(e->m, p->out_pad, e->z, p->ld, e->mean, e->var, fmlp_norm_eps, scale,
                            shift, e->a, p->ld);
}

static void add_input(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, const void *w,
                      const struct fmlp_epilogue *e) {
    const struct fmlp_kernels *k = plan->k;
    if (p->projection >= 0) {
        fmlp_product(plan, p->projection, e->m, &e->in, w, FMLP_ACT_IDENTITY, e->side);
        k->add(e->m, p->units, e->side, p->ld, e->a, p->ld);
    } else if (p->layout == FMLP_ROWS) {
        k->add_sparse(e->m, &e->in.csr, e->in.index, e->a, p->ld);
    } else {
        k->add_rows(e->m, p->units, e->in.rows, e->a, p->ld);
    }
}

static void activate(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p, const void *w,
                     const struct fmlp_epilogue *e) {
    const struct fmlp_kernels *k = plan->k;
    if (p->slopes)
        k->prelu(e->m, p->units, fmlp_at(plan, w, p->slopes_at), e->a, p->ld, e->d, p->ld, e->e,
                 p->ld);
    else if (p->pieces > 1)
        k->maxout(e->m, p->units, p->pieces, e->a, p->ld, e->d, p->ld, e->e, p->ld);
    else if (e->d && !by_output(p))
        k->act_store(p->act, e->m, p->units, e->a, p->ld, e->d, p->ld);
    else if (p->norm) /* the product left it */
        k->act_forward(p->act, e->m, p->units, e->a, p->ld);
}

void fmlp_epilogue(const struct fmlp_plan *plan, int l, const void *w,
                   const struct fmlp_epilogue *e) {
    const struct fmlp_kernels *k = plan->k;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    if (p->norm) normalise(plan, p, w, e);
    activate(plan, p, w, e);
    if (p->dropout > 0 && e->random)
        k->dropout(e->m, p->units, e->random, e->row, p->dropout,
                   by_output(p) ? p->act : FMLP_ACT_STORED, e->a, p->ld, e->d, p->ld);
    if (p->residual) add_input(plan, p, w, e);
}
