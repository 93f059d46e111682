#include "plan.h"

#include "../cpu/dispatch.h"

/* to: a power of two */
static ptrdiff_t pad(ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) & -to; }

/* Rows that lie a multiple of four lines apart fight for few of L1's sets: a panel is two lines wide,
 * and the gradient passes down its rows. */
ptrdiff_t fmlp_row_stride(const struct fmlp_kernels *k, ptrdiff_t n) {
    const ptrdiff_t ld = pad(n, k->lanes);
    return ld * k->size % 256 == 0 ? ld + 64 / k->size : ld;
}

/* Packing takes as long as a panel's products, and saves a tenth of each. Doubles are bound by other
 * things too, and save less. */
static ptrdiff_t panels_that_pay(const struct fmlp_kernels *k) {
    return k->size == sizeof(float) ? 8 : 12;
}

static int may_pack(const struct fmlp_kernels *k, const struct fmlp_layer_plan *p) {
    return p->layout == FMLP_PANELS && p->n_out >= panels_that_pay(k) * k->nr;
}

int fmlp_packing_pays(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p,
                      int n_threads) {
    if (!p->packs) return 0;
    /* Of the pieces of inputs that an item takes, neighbours in the order pack one twice. */
    const ptrdiff_t pieces = (p->n_in + plan->pack_height - 1) / plan->pack_height;
    const ptrdiff_t panels = p->n_out / plan->k->nr, packed = pieces + n_threads - 1;
    return panels * pieces >= panels_that_pay(plan->k) * packed;
}

struct fmlp_layer_plan fmlp_layer_shape(const struct fmlp_kernels *k, const fmlp_net *net, int q,
                                        int sparse) {
    const int l = fmlp_matrix_layer(net, q), last = l == net->n_layers - 1, layer = q == l;
    const fmlp_layer *in = &net->layers[l];
    const ptrdiff_t columns = fmlp_n_columns(net, l);
    struct fmlp_layer_plan p = {.n_in = in->n_in, .n_out = layer ? columns : in->n_out,
                                .units = in->n_out, .wt_at = -1, .projection = -1};
    p.act = last || !layer ? FMLP_ACT_IDENTITY : in->activation;
    const fmlp_activation *act = fmlp_activation_at(p.act);
    p.slopes = act->slopes;
    p.pieces = act->pieces ? in->pieces : 1;
    if (layer && !last) {
        p.norm = in->normalization;
        p.dropout = in->dropout;
        p.residual = in->residual;
    }
    p.in_pad = pad(p.n_in, k->lanes);
    p.out_pad = pad(p.n_out, k->lanes);
    p.stored = act->stored || p.dropout > 0 || p.residual;
    p.layout = l == 0 && sparse ? FMLP_ROWS : p.n_out <= k->narrow_max ? FMLP_NARROW : FMLP_PANELS;
    p.packs = may_pack(k, &p);
    p.w_len = p.layout == FMLP_NARROW ? p.n_out * p.in_pad + k->lanes : (p.n_in + 1) * p.out_pad;
    p.ld = last && p.layout == FMLP_NARROW ? p.n_out : fmlp_row_stride(k, columns);
    return p;
}

/* Where the parameters of each kind begin in the flat vector. */
struct flat {
    ptrdiff_t w, b, extra, running;
};

/* Products, biases and activations alone? */
static int is_plain(const fmlp_net *net) {
    for (int l = 0; l < net->n_layers; l++) {
        const fmlp_activation *act = fmlp_activation_at(net->layers[l].activation);
        if (net->layers[l].normalization || net->layers[l].residual || act->slopes || act->pieces)
            return 0;
    }
    return 1;
}

/* The next matrix, behind those before. */
static struct fmlp_layer_plan plan_matrix(struct fmlp_plan *plan, const fmlp_net *net, int q,
                                          int sparse, enum fmlp_purpose purpose) {
    struct fmlp_layer_plan p = fmlp_layer_shape(plan->k, net, q, sparse);
    const int first = fmlp_matrix_layer(net, q) == 0;
    if (purpose == FMLP_FEW_ROWS && p.layout == FMLP_PANELS && is_plain(net)) {
        p.layout = FMLP_FLAT;
        p.w_len = 0;
    }
    p.w_at = plan->w_len;
    plan->w_len += p.w_len;
    if (purpose == FMLP_TRAINING && !first && p.layout == FMLP_PANELS) {
        p.wt_at = plan->wt_len;
        plan->wt_len += p.n_out * p.in_pad;
    }
    if (p.ld > plan->max_ld) plan->max_ld = p.ld;
    const double products = (double)p.n_in * (double)p.n_out;
    plan->flops_row_forward += 2 * products;
    plan->flops_row += (first ? 4 : 6) * products;
    return p;
}

/* What a layer has beside its matrix and bias. */
static void plan_extras(struct fmlp_plan *plan, struct fmlp_layer_plan *p, struct flat *flat) {
    p->norm_at = plan->w_len;
    p->flat_norm = flat->extra;
    plan->w_len += p->norm ? 2 * p->out_pad : 0;
    flat->extra += p->norm ? 2 * p->n_out : 0;
    p->slopes_at = plan->w_len;
    p->flat_slopes = flat->extra;
    plan->w_len += p->slopes ? p->out_pad : 0;
    flat->extra += p->slopes ? p->n_out : 0;
}

static void plan_running(struct fmlp_plan *plan, struct fmlp_layer_plan *p, struct flat *flat) {
    p->running_at = plan->w_len + plan->running_len;
    p->flat_running = flat->running;
    if (p->norm != FMLP_NORM_BATCH) return;
    plan->running_len += 2 * p->out_pad;
    flat->running += 2 * p->n_out;
}

/* What is known of a matrix; before there is memory for it, how large it is. */
static struct fmlp_layer_plan planned(const struct fmlp_plan *plan, const fmlp_net *net, int q,
                                      int sparse) {
    return plan->layers ? plan->layers[q] : fmlp_layer_shape(plan->k, net, q, sparse);
}

/* Lays the parameters one behind the other; writes plan->layers when it is set. */
static void plan_layers(struct fmlp_plan *plan, const fmlp_net *net, int sparse,
                        enum fmlp_purpose purpose) {
    struct flat flat = {0, 0, 0, 0};
    int q = net->n_layers; /* the next projection */
    for (int l = 0; l < net->n_layers; l++) flat.b += net->layers[l].n_in * fmlp_n_columns(net, l);
    flat.extra = flat.b;
    for (int l = 0; l < net->n_layers; l++) flat.extra += fmlp_n_columns(net, l);
    for (int l = 0; l < net->n_layers; l++) {
        struct fmlp_layer_plan p = plan_matrix(plan, net, l, sparse, purpose), projection;
        p.flat_w = flat.w, flat.w += p.n_in * p.n_out;
        p.flat_b = flat.b, flat.b += p.n_out;
        plan_extras(plan, &p, &flat);
        if (fmlp_has_projection(net, l)) {
            projection = plan_matrix(plan, net, q, sparse, purpose);
            projection.flat_w = flat.extra, flat.extra += p.n_in * p.units;
            projection.flat_b = -1;
            p.projection = q++;
            if (plan->layers) plan->layers[p.projection] = projection;
        }
        if (plan->layers) plan->layers[l] = p;
    }
    for (int l = 0; l < net->n_layers; l++) {
        struct fmlp_layer_plan p = planned(plan, net, l, sparse);
        plan_running(plan, &p, &flat);
        if (plan->layers) plan->layers[l] = p;
    }
    /* A block's widest layer should stay in L2. */
    const ptrdiff_t rows = (512 << 10) / (plan->max_ld * plan->k->size);
    const ptrdiff_t mr = plan->k->mr;
    plan->row_block = (rows < 4 * mr ? 4 * mr : rows > 264 ? 264 : rows) / mr * mr;
}

/* Items are small enough to balance the threads and depend on the network alone, never on the
 * number of threads: the penalty is summed item by item. */
static ptrdiff_t item_height(const struct fmlp_plan *plan, const struct fmlp_layer_plan *p) {
    const struct fmlp_kernels *k = plan->k;
    if (p->layout == FMLP_ROWS) return 32;
    if (p->layout == FMLP_NARROW) return pad(p->n_in < 1024 ? 64 : 256, k->lanes);
    /* Some 64 items at least; tall ones use a panel's deltas longer. Multiples of lanes transpose
     * whole. */
    const ptrdiff_t height = plan->w_len / (k->nr * 64) / k->lanes * k->lanes;
    const ptrdiff_t most = height < 64 ? 64 : fmlp_min(height, 192), rest = p->n_in % most;
    if (rest == 0 || rest >= most / 4) return most;
    const ptrdiff_t n = (p->n_in + most - 1) / most; /* nearly equal ones, none so small */
    return pad((p->n_in + n - 1) / n, k->lanes);
}

/* Inputs [k0, k1), columns [j, end). */
static void plan_matrix_item(struct fmlp_plan *plan, int l, const struct fmlp_layer_plan *p,
                             ptrdiff_t k0, ptrdiff_t k1, ptrdiff_t j, ptrdiff_t end) {
    const ptrdiff_t width = p->layout == FMLP_NARROW ? p->n_out : end - j;
    const ptrdiff_t len = pad(k1 - k0, plan->k->lanes) * width;
    if (len > plan->item_len) plan->item_len = len;
    if (p->packs && k1 - k0 > plan->pack_height) plan->pack_height = k1 - k0;
    if (plan->items) {
        struct fmlp_item *it = &plan->items[plan->n_items];
        it->layer = l, it->kind = FMLP_ITEM_MATRIX, it->j = j, it->width = width;
        it->k0 = k0, it->k1 = k1;
        it->cost = (double)(k1 - k0 + (k0 == 0)) * (double)width;
    }
    plan->n_items++;
}

enum { VECTOR_WIDTH = 4 }; /* panels of an item of scale and shift, or of slopes */

static void plan_vector_items(struct fmlp_plan *plan, int l, enum fmlp_item_kind kind,
                              ptrdiff_t out_pad) {
    const ptrdiff_t step = VECTOR_WIDTH * plan->k->nr;
    for (ptrdiff_t j = 0; j < out_pad; j += step, plan->n_items++) {
        if (!plan->items) continue;
        struct fmlp_item *it = &plan->items[plan->n_items];
        it->layer = l, it->kind = kind, it->j = j;
        it->width = fmlp_min(step, out_pad - j);
        it->cost = 2 * (double)it->width;
    }
}

/* Counts the items; writes them when plan->items is set. */
static void plan_items(struct fmlp_plan *plan, const fmlp_net *net, int sparse) {
    const struct fmlp_kernels *k = plan->k;
    plan->n_items = plan->item_len = plan->pack_height = 0;
    for (int l = 0; l < fmlp_n_matrices(net); l++) {
        const struct fmlp_layer_plan p = planned(plan, net, l, sparse);
        const ptrdiff_t height = item_height(plan, &p);
        const ptrdiff_t width = p.layout == FMLP_PANELS ? k->nr : p.out_pad;
        const ptrdiff_t n_high = (p.n_in + height - 1) / height;
        const ptrdiff_t n_wide = (p.out_pad + width - 1) / width;
        for (ptrdiff_t i = 0; i < n_high * n_wide; i++) {
            /* The larger operand stays in L2 piece by piece, the other passes over it. */
            const int inputs_stay = p.n_in > p.n_out || p.packs;
            const ptrdiff_t k0 = (inputs_stay ? i / n_wide : i % n_high) * height;
            const ptrdiff_t j = (inputs_stay ? i % n_wide : i / n_high) * width;
            plan_matrix_item(plan, l, &p, k0, fmlp_min(k0 + height, p.n_in), j,
                             fmlp_min(j + width, p.out_pad));
        }
    }
    for (int l = 0; l < net->n_layers; l++) {
        const struct fmlp_layer_plan p = planned(plan, net, l, sparse);
        if (p.norm) plan_vector_items(plan, l, FMLP_ITEM_NORM, p.out_pad);
        if (p.slopes) plan_vector_items(plan, l, FMLP_ITEM_SLOPES, p.out_pad);
    }
    /* never less than a panel's biases or two vectors */
    plan->item_len += 2 * VECTOR_WIDTH * k->nr;
}

/* With arrays of its own, and the groups of outputs spelt out. */
static void copy_head(struct fmlp_plan *plan, const fmlp_head *head, struct fmlp_arena *arena) {
    const int n_groups = head->n_groups ? head->n_groups : 1;
    double *args = fmlp_take(arena, head->n_loss_args, sizeof *args);
    ptrdiff_t *groups = fmlp_take(arena, n_groups, sizeof *groups);
    plan->head = *head;
    plan->head.n_groups = n_groups;
    plan->head.loss_args = args;
    plan->head.groups = groups;
    if (!args || !groups) return;
    for (int i = 0; i < head->n_loss_args; i++) args[i] = head->loss_args[i];
    for (int g = 0; g < n_groups; g++)
        groups[g] = head->n_groups ? head->groups[g] : plan->n_outputs;
}

fmlp_status fmlp_plan_make(struct fmlp_plan *plan, const fmlp_exec *exec, const fmlp_net *net,
                           int sparse, enum fmlp_purpose purpose, struct fmlp_arena *arena) {
    const fmlp_status status = fmlp_check(net);
    if (status != FMLP_OK) return status;
    const struct fmlp_kernels *k = fmlp_kernels_get(exec->isa, net->dtype);
    if (!k || exec->n_threads < 1) return k ? FMLP_E_ARGUMENT : FMLP_E_ISA;
    const struct fmlp_plan empty = {0};
    *plan = empty;
    plan->k = k;
    plan->n_layers = net->n_layers;
    plan->n_inputs = net->layers[0].n_in;
    plan->n_outputs = net->layers[net->n_layers - 1].n_out;
    plan->n_params = fmlp_n_params(net);
    copy_head(plan, &net->head, arena);

    plan->n_matrices = fmlp_n_matrices(net);
    plan->any_projection = plan->n_matrices > plan->n_layers;
    plan->any_batch_norm = fmlp_n_running(net) > 0;
    plan->input_dropout = net->input_dropout;
    plan->input_noise = net->input_noise;

    plan->layers = fmlp_take(arena, plan->n_matrices, sizeof(struct fmlp_layer_plan));
    plan_layers(plan, net, sparse, purpose);
    if (purpose == FMLP_TRAINING) {
        plan_items(plan, net, sparse);
        plan->items = fmlp_take(arena, plan->n_items, sizeof(struct fmlp_item));
        plan_items(plan, net, sparse);
    }
    return FMLP_OK;
}

ptrdiff_t fmlp_item_weights(const struct fmlp_layer_plan *p, const struct fmlp_item *it) {
    if (p->layout == FMLP_NARROW) return p->w_at + it->k0;
    return p->w_at + it->j * (p->n_in + 1) + it->k0 * it->width;
}

ptrdiff_t fmlp_item_biases(const struct fmlp_layer_plan *p, const struct fmlp_item *it) {
    if (p->layout == FMLP_NARROW) return p->w_at + p->n_out * p->in_pad;
    return p->w_at + it->j * (p->n_in + 1) + p->n_in * it->width;
}

ptrdiff_t fmlp_item_columns(const struct fmlp_layer_plan *p, const struct fmlp_item *it) {
    return fmlp_min(it->width, p->n_out - it->j);
}

int fmlp_plan_threads(const fmlp_exec *exec, double cost) {
    /* A thread is worth the ends of its phases from some 5 us of work on. */
    const double worth = cost / 2e5;
    if (exec->exact_threads || worth >= exec->n_threads) return exec->n_threads;
    return worth < 1 ? 1 : (int)worth;
}
