/* Checks a network description and counts its parameters. */
#include <math.h>

#include "plan.h"

ptrdiff_t fmlp_n_columns(const fmlp_net *net, int l) {
    const fmlp_layer *layer = &net->layers[l];
    const int last = l == net->n_layers - 1;
    const int many = !last && fmlp_activation_at(layer->activation)->pieces;
    return many ? fmlp_size_mul(layer->n_out, layer->pieces) : layer->n_out;
}

ptrdiff_t fmlp_n_params(const fmlp_net *net) {
    ptrdiff_t n = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const fmlp_layer *layer = &net->layers[l];
        const ptrdiff_t columns = fmlp_n_columns(net, l);
        n = fmlp_size_add(n, fmlp_size_mul(fmlp_size_add(layer->n_in, 1), columns));
        if (l == net->n_layers - 1) break;
        if (layer->normalization) n = fmlp_size_add(n, fmlp_size_mul(2, columns));
        if (fmlp_activation_at(layer->activation)->slopes) n = fmlp_size_add(n, layer->n_out);
        if (fmlp_has_projection(net, l))
            n = fmlp_size_add(n, fmlp_size_mul(layer->n_in, layer->n_out));
    }
    return n;
}

ptrdiff_t fmlp_n_running(const fmlp_net *net) {
    ptrdiff_t n = 0;
    for (int l = 0; l < net->n_layers - 1; l++)
        if (net->layers[l].normalization == FMLP_NORM_BATCH)
            n = fmlp_size_add(n, fmlp_size_mul(2, fmlp_n_columns(net, l)));
    return n;
}

int fmlp_has_projection(const fmlp_net *net, int l) {
    const fmlp_layer *layer = &net->layers[l];
    return l < net->n_layers - 1 && layer->residual && layer->n_in != layer->n_out;
}

int fmlp_n_matrices(const fmlp_net *net) {
    int n = net->n_layers;
    for (int l = 0; l < net->n_layers; l++) n += fmlp_has_projection(net, l);
    return n;
}

int fmlp_matrix_layer(const fmlp_net *net, int q) {
    int l = 0, n = net->n_layers; /* the projection of layer l, if it has one, is matrix n */
    if (q < n) return q;
    while (n < q || !fmlp_has_projection(net, l)) n += fmlp_has_projection(net, l++);
    return l;
}

static int probability(double p) { return p >= 0 && p < 1; }

static int layer_sound(const fmlp_layer *layer) {
    const fmlp_activation *act = fmlp_activation_at(layer->activation);
    if (!act || (act->pieces && layer->pieces < 2)) return 0;
    return layer->n_in >= 1 && layer->n_out >= 1 && layer->normalization >= FMLP_NORM_NONE &&
           layer->normalization <= FMLP_NORM_LAYER && probability(layer->dropout);
}

fmlp_status fmlp_check(const fmlp_net *net) {
    if (net->dtype != FMLP_F32 && net->dtype != FMLP_F64) return FMLP_E_NET;
    if (net->n_layers < 1 || !net->layers) return FMLP_E_NET;
    if (!fmlp_head_sound(&net->head, net->layers[net->n_layers - 1].n_out)) return FMLP_E_NET;
    for (int l = 0; l < net->n_layers; l++) {
        const fmlp_layer *layer = &net->layers[l];
        if (!layer_sound(layer)) return FMLP_E_NET;
        if (l > 0 && layer->n_in != net->layers[l - 1].n_out) return FMLP_E_NET;
    }
    if (!probability(net->input_dropout) || !(net->input_noise >= 0 && net->input_noise < INFINITY))
        return FMLP_E_NET;
    /* Sizes in bytes, with padding, have room to spare. */
    const ptrdiff_t bytes = fmlp_size_mul(fmlp_n_params(net), 1024);
    return fmlp_size_bad(bytes) ? FMLP_E_SIZE : FMLP_OK;
}

fmlp_status fmlp_check_csr(const fmlp_matrix *x) {
    if (x->n_rows < 0 || x->nnz < 0) return FMLP_E_ARGUMENT;
    if (fmlp_index_at(x->indptr, x->index64, 0) != 0) return FMLP_E_ARGUMENT;
    for (ptrdiff_t i = 0; i < x->n_rows; i++)
        if (fmlp_index_at(x->indptr, x->index64, i) > fmlp_index_at(x->indptr, x->index64, i + 1))
            return FMLP_E_ARGUMENT;
    if (fmlp_index_at(x->indptr, x->index64, x->n_rows) > x->nnz) return FMLP_E_ARGUMENT;
    for (ptrdiff_t p = 0; p < x->nnz; p++) {
        const ptrdiff_t k = fmlp_index_at(x->indices, x->index64, p);
        if (k < 0 || k >= x->n_cols) return FMLP_E_ARGUMENT;
    }
    return FMLP_OK;
}
