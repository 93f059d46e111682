/* The epilogue of a hidden layer, for training and prediction. A row needs no other row, but for
 * statistics of the mini-batch, which are there when it begins. */
#include "epilogue.h"

int fmlp_has_epilogue(const struct fmlp_plan *plan, int l, int training) {
    const struct fmlp_layer_plan *p = &plan->layers[l];
    return p->norm || p->residual || p->slopes || p->pieces > 1 || (training && p->stored);
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
    else if (e->d)
        k->act_store(p->act, e->m, p->units, e->a, p->ld, e->d, p->ld);
    else
        k->act_forward(p->act, e->m, p->units, e->a, p->ld);
}

void fmlp_epilogue(const struct fmlp_plan *plan, int l, const void *w,
                   const struct fmlp_epilogue *e) {
    const struct fmlp_kernels *k = plan->k;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    if (p->norm) normalise(plan, p, w, e);
    activate(plan, p, w, e);
    if (p->dropout > 0 && e->random) {
        k->dropout(e->m, p->units, e->random, e->row, p->dropout, e->a, p->ld, e->d, p->ld);
        if (p->slopes) /* by the slope as well */
            k->dropout(e->m, p->units, e->random, e->row, p->dropout, e->e, p->ld, 0, 0);
    }
    if (p->residual) add_input(plan, p, w, e);
}
