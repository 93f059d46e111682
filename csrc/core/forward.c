#include "plan.h"

void fmlp_product(const struct fmlp_plan *plan, int q, ptrdiff_t m, const struct fmlp_inputs *in,
                  const void *w, int act, void *out) {
    const struct fmlp_kernels *k = plan->k;
    const struct fmlp_layer_plan *p = &plan->layers[q];
    const void *wq = fmlp_at(plan, w, p->w_at);
    switch (p->layout) {
    case FMLP_PANELS: k->forward(m, p->n_in, p->n_out, in->rows, wq, act, out, p->ld); break;
    case FMLP_NARROW: k->forward_narrow(m, p->n_in, p->n_out, in->rows, wq, act, out, p->ld); break;
    case FMLP_ROWS:
        k->forward_sparse(m, p->n_in, p->out_pad, &in->csr, in->index, wq, act, out, p->ld);
        break;
    case FMLP_FLAT: break; /* predict.c alone has the flat vector */
    }
}
