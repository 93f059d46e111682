# What _kernels.pyx uses of csrc/kernels/kernels.h.
from libc.stdint cimport int32_t, uint32_t

from ._core cimport fmlp_head, fmlp_target

cdef extern from "kernels/kernels.h" nogil:
    enum: FMLP_MAX_STATE

    cdef struct fmlp_rule_args:
        double scale
        double alpha
        double learning_rate
        double momentum
        double beta_1
        double beta_2
        double epsilon
        double rho
        double step
        double step_gradient
        double root
        double mix
        double decay
        double threshold
        int nesterov
        const void *more

    cdef struct fmlp_csr:
        const void *data
        const void *indices
        const void *indptr
        int index64

    cdef struct fmlp_columns:
        Py_ssize_t *start
        int32_t *row
        void *value

    cdef struct fmlp_random:
        unsigned long long seed
        unsigned int step
        unsigned int stream

    cdef struct fmlp_ahead:
        pass

    cdef struct fmlp_kernels:
        Py_ssize_t size
        Py_ssize_t lanes
        Py_ssize_t nr
        Py_ssize_t mr
        Py_ssize_t narrow_max
        void (*forward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **, const void *, int,
                        void *, Py_ssize_t) noexcept
        void (*forward_flat)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **, const void *,
                             const void *, int, void *, Py_ssize_t) noexcept
        void (*forward_narrow)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **, const void *, int,
                               void *, Py_ssize_t) noexcept
        void (*forward_sparse)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const fmlp_csr *,
                               const Py_ssize_t *, const void *, int, void *, Py_ssize_t) noexcept
        void (*backward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **, const void *, int,
                         const void *, Py_ssize_t, void *, Py_ssize_t) noexcept
        void (*backward_narrow)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t,
                                const void *, int, const void *, Py_ssize_t, void *,
                                Py_ssize_t) noexcept
        int (*backward_narrow_sums)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t,
                                    const void *, int, const void *, Py_ssize_t, void *,
                                    Py_ssize_t, void *, void *) noexcept
        void (*grad)(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **, const void *,
                     Py_ssize_t, int, void *, const fmlp_ahead *) noexcept
        Py_ssize_t (*pack_inputs)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **,
                                  void *) noexcept
        void (*grad_packed)(Py_ssize_t, Py_ssize_t, const void *, const void *, Py_ssize_t, int,
                            void *, const fmlp_ahead *) noexcept
        void (*grad_narrow)(Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const void **,
                            const void *, Py_ssize_t, int, void *, Py_ssize_t) noexcept
        void (*grad_sparse)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const fmlp_columns *,
                            const void *, Py_ssize_t, int, void *) noexcept
        void (*grad_bias)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, int, void *) noexcept
        void (*act_forward)(int, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t) noexcept
        void (*act_backward)(int, Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, void *,
                             Py_ssize_t) noexcept
        void (*act_store)(int, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t, void *,
                          Py_ssize_t) noexcept
        void (*prelu)(Py_ssize_t, Py_ssize_t, const void *, void *, Py_ssize_t, void *, Py_ssize_t,
                      void *, Py_ssize_t) noexcept
        void (*prelu_backward)(Py_ssize_t, Py_ssize_t, const void *, void *, Py_ssize_t, void *,
                               Py_ssize_t) noexcept
        void (*maxout)(Py_ssize_t, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t, void *, Py_ssize_t,
                       void *, Py_ssize_t) noexcept
        void (*maxout_backward)(Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t,
                                void *, Py_ssize_t) noexcept
        void (*dropout)(Py_ssize_t, Py_ssize_t, const fmlp_random *, Py_ssize_t, double, int,
                        void *, Py_ssize_t, void *, Py_ssize_t) noexcept
        void (*dropout_entries)(Py_ssize_t, const fmlp_random *, Py_ssize_t, double, const void *,
                                int, const void *, void *) noexcept
        void (*noise)(Py_ssize_t, Py_ssize_t, const fmlp_random *, Py_ssize_t, double, void *,
                      Py_ssize_t) noexcept
        void (*layer_norm)(Py_ssize_t, Py_ssize_t, void *, Py_ssize_t, const void *, const void *,
                           double, void *, Py_ssize_t, void *) noexcept
        void (*layer_norm_backward)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, const void *,
                                    Py_ssize_t, const void *, const void *, void *,
                                    Py_ssize_t) noexcept
        void (*batch_stats)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, const void *, double,
                            double, void *, void *, void *, void *) noexcept
        void (*batch_norm)(Py_ssize_t, Py_ssize_t, void *, Py_ssize_t, const void *, const void *,
                           double, const void *, const void *, void *, Py_ssize_t) noexcept
        void (*batch_norm_backward)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, const void *,
                                    Py_ssize_t, const void *, double, const void *, const void *,
                                    const void *, double, const void *, void *,
                                    Py_ssize_t) noexcept
        void (*norm_sums)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, const void *,
                          Py_ssize_t, int, void *, void *) noexcept
        void (*add)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, void *, Py_ssize_t) noexcept
        void (*add_rows)(Py_ssize_t, Py_ssize_t, const void **, void *, Py_ssize_t) noexcept
        void (*add_sparse)(Py_ssize_t, const fmlp_csr *, const Py_ssize_t *, void *,
                           Py_ssize_t) noexcept
        void (*loss)(const fmlp_head *, Py_ssize_t, Py_ssize_t, void *, Py_ssize_t,
                     const Py_ssize_t *, const fmlp_target *, void *, void *) noexcept
        void (*output)(const fmlp_head *, int, Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t,
                       void *, Py_ssize_t, void *) noexcept
        double (*rule)(int, Py_ssize_t, const void *, void *, void **,
                       const fmlp_rule_args *) noexcept
        double (*gradient_squares)(Py_ssize_t, const void *, const void *,
                                   const fmlp_rule_args *) noexcept
        void (*average)(Py_ssize_t, const void *, void *, double) noexcept
        void (*combine)(Py_ssize_t, Py_ssize_t, double, const void *, Py_ssize_t, double,
                        const void *, Py_ssize_t, void *, Py_ssize_t) noexcept
        void (*cap_columns)(Py_ssize_t, Py_ssize_t, void *, Py_ssize_t, double) noexcept
        void (*cap_row)(Py_ssize_t, void *, double) noexcept
        void (*transpose)(Py_ssize_t, Py_ssize_t, const void *, Py_ssize_t, void *,
                          Py_ssize_t) noexcept
        void (*mt_renew)(uint32_t *) noexcept
        void (*mt_temper)(Py_ssize_t, const uint32_t *, uint32_t *) noexcept
        void (*mt_uniform)(Py_ssize_t, double, double, const uint32_t *, void *) noexcept
        double (*sum)(Py_ssize_t, const void *) noexcept
        int (*finite)(Py_ssize_t, const void *) noexcept
        void (*math)(int, Py_ssize_t, const void *, void *) noexcept
        double (*fma_peak)(Py_ssize_t) noexcept nogil
