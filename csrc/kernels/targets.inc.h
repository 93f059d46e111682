/* targets.inc.h - the targets of LANES rows, column by column. */

struct FN(targets) {
    const T *dense;          /* (n_rows, columns) or NULL */
    const int32_t *classes;  /* (n_rows, n_groups) or NULL */
    ptrdiff_t columns, n_groups;
    const ptrdiff_t *index;  /* (LANES) rows */
    int rows;                /* <= LANES used */
    ptrdiff_t group, first;  /* at work: a group of outputs, and its first column */
    T smoothing;
};

/* Column j of the group; one-hot where the targets are classes. */
FMLP_INLINE VT FN(target)(const struct FN(targets) *y, ptrdiff_t j) {
    T v[LANES];
    for (int i = 0; i < LANES; i++) {
        const ptrdiff_t r = y->index[i < y->rows ? i : 0];
        v[i] = y->dense ? y->dense[r * y->columns + y->first + j]
                        : (T)(y->classes[r * y->n_groups + y->group] == j);
    }
    return V(load)(v);
}

/* The same with label smoothing over n classes (Szegedy et al. 2016, section 7). */
FMLP_INLINE VT FN(label)(const struct FN(targets) *y, ptrdiff_t j, ptrdiff_t n) {
    const VT v = FN(target)(y, j);
    if (y->smoothing == 0) return v;
    return V(fma)(v, V(set1)(1 - y->smoothing), V(set1)(y->smoothing / (T)n));
}
