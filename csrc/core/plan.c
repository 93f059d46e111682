#include "plan.h"

#include "../cpu/dispatch.h"
#include "activations.h"

static ptrdiff_t pad(ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) / to * to; }

/* Rows that lie a multiple of 1 KiB apart fight for few cache sets. */
static ptrdiff_t row_stride(const struct fmlp_kernels *k, ptrdiff_t n) {
    const ptrdiff_t ld = pad(n, k->lanes);
    return ld * k->size % 1024 == 0 ? ld + 64 / k->size : ld;
}

struct fmlp_layer_plan fmlp_layer_shape(const struct fmlp_kernels *k, const fmlp_net *net, int l,
                                        int sparse) {
    const fmlp_layer *in = &net->layers[l];
    const int last = l == net->n_layers - 1;
    struct fmlp_layer_plan p = {.n_in = in->n_in, .n_out = in->n_out, .wt_at = -1};
    p.in_pad = pad(p.n_in, k->lanes);
    p.out_pad = pad(p.n_out, k->lanes);
    p.act = last ? FMLP_ACT_IDENTITY : in->activation;
    p.stored = fmlp_activation_get(p.act)->stored;
    p.layout = l == 0 && sparse ? FMLP_ROWS : p.n_out <= k->narrow_max ? FMLP_NARROW : FMLP_PANELS;
    p.w_len = p.layout == FMLP_NARROW ? p.n_out * p.in_pad + k->lanes : (p.n_in + 1) * p.out_pad;
    p.ld = last && p.layout == FMLP_NARROW ? p.n_out : row_stride(k, p.n_out);
    return p;
}

/* Lays the layers one behind the other; writes them when plan->layers is set. */
static void plan_layers(struct fmlp_plan *plan, const fmlp_net *net, int sparse, int training) {
    ptrdiff_t flat_w = 0, flat_b = 0;
    for (int l = 0; l < net->n_layers; l++) flat_b += net->layers[l].n_in * net->layers[l].n_out;
    for (int l = 0; l < net->n_layers; l++) {
        struct fmlp_layer_plan p = fmlp_layer_shape(plan->k, net, l, sparse);
        p.w_at = plan->w_len;
        plan->w_len += p.w_len;
        if (training && l > 0 && p.layout == FMLP_PANELS) {
            p.wt_at = plan->wt_len;
            plan->wt_len += p.n_out * p.in_pad;
        }
        p.flat_w = flat_w, flat_w += p.n_in * p.n_out;
        p.flat_b = flat_b, flat_b += p.n_out;
        if (p.ld > plan->max_ld) plan->max_ld = p.ld;
        const double products = (double)p.n_in * (double)p.n_out;
        plan->flops_row_forward += 2 * products;
        plan->flops_row += (l == 0 ? 4 : 6) * products;
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
    /* multiples of lanes, which transpose whole */
    const ptrdiff_t low = pad(k->mr, k->lanes);
    return plan->w_len / (k->nr * low) < 64 ? low : 48;
}

/* Counts the items; writes them when plan->items is set. */
static void plan_items(struct fmlp_plan *plan, const fmlp_net *net, int sparse) {
    const struct fmlp_kernels *k = plan->k;
    plan->n_items = plan->item_len = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const struct fmlp_layer_plan p = fmlp_layer_shape(k, net, l, sparse);
        const ptrdiff_t height = item_height(plan, &p);
        const ptrdiff_t step = p.layout == FMLP_PANELS ? k->nr : p.out_pad;
        for (ptrdiff_t j = 0; j < p.out_pad; j += step) {
            const ptrdiff_t width =
                p.layout == FMLP_NARROW ? p.n_out : fmlp_min(step, p.out_pad - j);
            const ptrdiff_t len = pad(fmlp_min(height, p.n_in), k->lanes) * width;
            if (len > plan->item_len) plan->item_len = len;
            for (ptrdiff_t k0 = 0; k0 < p.n_in; k0 += height, plan->n_items++) {
                if (!plan->items) continue;
                struct fmlp_item *it = &plan->items[plan->n_items];
                it->layer = l, it->j = j, it->width = width;
                it->k0 = k0, it->k1 = fmlp_min(k0 + height, p.n_in);
                it->cost = (double)(it->k1 - k0 + (k0 == 0)) * (double)width;
            }
        }
    }
    plan->item_len += k->nr; /* never less than a panel's biases */
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
    if (!arena->base) return;
    for (int i = 0; i < head->n_loss_args; i++) args[i] = head->loss_args[i];
    for (int g = 0; g < n_groups; g++)
        groups[g] = head->n_groups ? head->groups[g] : plan->n_outputs;
}

fmlp_status fmlp_plan_make(struct fmlp_plan *plan, const fmlp_exec *exec, const fmlp_net *net,
                           int sparse, int training, struct fmlp_arena *arena) {
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

    plan->layers = fmlp_take(arena, net->n_layers, sizeof(struct fmlp_layer_plan));
    plan_layers(plan, net, sparse, training);
    if (training) {
        plan_items(plan, net, sparse);
        plan->items = fmlp_take(arena, plan->n_items, sizeof(struct fmlp_item));
        plan_items(plan, net, sparse);
    }
    return FMLP_OK;
}

int fmlp_plan_threads(const fmlp_exec *exec, double cost) {
    /* A thread is worth the ends of its phases from some 5 us of work on. */
    const double worth = cost / 2e5;
    if (exec->exact_threads || worth >= exec->n_threads) return exec->n_threads;
    return worth < 1 ? 1 : (int)worth;
}
