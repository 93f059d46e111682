#include "plan.h"

void fmlp_forward_layer(const struct fmlp_plan *plan, int l, ptrdiff_t m, const void *const *rows,
                        const struct fmlp_csr *csr, const ptrdiff_t *index, const void *w,
                        void *out, void *d) {
    const struct fmlp_kernels *k = plan->k;
    const struct fmlp_layer_plan *p = &plan->layers[l];
    const void *wl = fmlp_at(plan, w, p->w_at);
    const int act = d ? FMLP_ACT_IDENTITY : p->act;
    switch (p->layout) {
    case FMLP_PANELS: k->forward(m, p->n_in, p->out_pad, rows, wl, act, out, p->ld); break;
    case FMLP_NARROW: k->forward_narrow(m, p->n_in, p->n_out, rows, wl, act, out, p->ld); break;
    case FMLP_ROWS:
        k->forward_sparse(m, p->n_in, p->out_pad, csr, index, wl, act, out, p->ld);
        break;
    }
    if (d) k->act_store(p->act, m, p->n_out, out, p->ld, d, p->ld);
}
