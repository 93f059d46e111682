/* table.inc.h - the ISA's table for this element type. */

static void FN(act_forward_any)(int act, ptrdiff_t m, ptrdiff_t n, void *a, ptrdiff_t lda) {
    FN(act_forward)(act, m, n, a, lda);
}

static void FN(act_backward_any)(int act, ptrdiff_t m, ptrdiff_t n, const void *a, ptrdiff_t lda,
                                 void *d, ptrdiff_t ldd) {
    FN(act_backward)(act, m, n, a, lda, d, ldd);
}

static void FN(act_store_any)(int act, ptrdiff_t m, ptrdiff_t n, void *a, ptrdiff_t lda, void *d,
                              ptrdiff_t ldd) {
    FN(act_store)(act, m, n, a, lda, d, ldd);
}

static void FN(math_any)(int op, ptrdiff_t n, const void *x, void *y) {
    FN(math_map)(op, n, x, y);
}

static const struct fmlp_kernels FN(kernels) = {
    .size = sizeof(T),
    .lanes = LANES,
    .nr = 2 * LANES,
    .mr = FMLP_MR,
    .narrow_max = LANES / 4,
    .forward = FN(forward),
    .forward_narrow = FN(forward_narrow),
    .forward_flat = FN(forward_flat),
    .forward_sparse = FN(forward_sparse),
    .backward = FN(backward),
    .backward_narrow = FN(backward_narrow),
    .backward_narrow_sums = FN(backward_narrow_sums),
    .grad = FN(grad),
    .pack_inputs = FN(pack_inputs),
    .grad_packed = FN(grad_packed),
    .grad_narrow = FN(grad_narrow),
    .grad_sparse = FN(grad_sparse),
    .grad_bias = FN(grad_bias),
    .act_forward = FN(act_forward_any),
    .act_backward = FN(act_backward_any),
    .act_store = FN(act_store_any),
    .prelu = FN(prelu),
    .prelu_backward = FN(prelu_backward),
    .maxout = FN(maxout),
    .maxout_backward = FN(maxout_backward),
    .dropout = FN(dropout),
    .dropout_entries = FN(dropout_entries),
    .noise = FN(noise),
    .layer_norm = FN(layer_norm),
    .layer_norm_backward = FN(layer_norm_backward),
    .batch_stats = FN(batch_stats),
    .batch_norm = FN(batch_norm),
    .batch_norm_backward = FN(batch_norm_backward),
    .norm_sums = FN(norm_sums),
    .add = FN(add),
    .add_rows = FN(add_rows),
    .add_sparse = FN(add_sparse),
    .loss = FN(loss),
    .output = FN(output),
    .rule = FN(rule),
    .gradient_squares = FN(gradient_squares),
    .average = FN(average),
    .combine = FN(combine),
    .cap_columns = FN(cap_columns),
    .cap_row = FN(cap_row),
    .transpose = FN(transpose),
    .mt_renew = mt_renew,
    .mt_temper = mt_temper,
    .mt_uniform = FN(mt_uniform),
    .sum = FN(sum),
    .finite = FN(finite),
    .math = FN(math_any),
    .fma_peak = FN(fma_peak),
};
