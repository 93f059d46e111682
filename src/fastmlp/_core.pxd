# What _core.pyx uses of csrc/include/fmlp.h.
from libc.stdint cimport int32_t, uint32_t, uint64_t

cdef extern from "fmlp.h" nogil:
    ctypedef enum fmlp_status:
        FMLP_OK
        FMLP_E_NET
        FMLP_E_SIZE
        FMLP_E_WORKSPACE
        FMLP_E_ARGUMENT
        FMLP_E_ISA

    const char *fmlp_status_str(fmlp_status status)

    ctypedef struct fmlp_activation:
        const char *name
        int stored
        int slopes
        int pieces
    const fmlp_activation *fmlp_activation_at(int activation)

    ctypedef enum fmlp_dtype:
        FMLP_F32
        FMLP_F64

    ctypedef enum fmlp_normalization:
        FMLP_NORM_NONE
        FMLP_NORM_BATCH
        FMLP_NORM_LAYER

    ctypedef struct fmlp_layer:
        Py_ssize_t n_in
        Py_ssize_t n_out
        int activation
        int pieces
        int normalization
        double dropout
        int residual

    ctypedef struct fmlp_head:
        int output
        int loss
        const double *loss_args
        int n_loss_args
        double label_smoothing
        const Py_ssize_t *groups
        int n_groups

    ctypedef struct fmlp_name:
        const char *name
        int code

    ctypedef struct fmlp_loss_info:
        const char *name
        int code
        int output
        unsigned outputs
        int n_args
        int outputs_per_target
        int domain

    const fmlp_name *fmlp_output_at(int i)
    const fmlp_loss_info *fmlp_loss_at(int i)
    int fmlp_loss_domain(const fmlp_head *head)
    Py_ssize_t fmlp_outputs_per_target(const fmlp_head *head)

    ctypedef struct fmlp_net:
        int dtype
        int n_layers
        const fmlp_layer *layers
        fmlp_head head
        double input_dropout
        double input_noise

    fmlp_status fmlp_check(const fmlp_net *net)
    Py_ssize_t fmlp_n_params(const fmlp_net *net)
    Py_ssize_t fmlp_n_columns(const fmlp_net *net, int layer)
    Py_ssize_t fmlp_n_running(const fmlp_net *net)

    ctypedef struct fmlp_exec:
        int isa
        int n_threads
        int exact_threads

    int FMLP_MT19937_WORDS
    ctypedef struct fmlp_mt19937:
        uint32_t *words
        int position
    void fmlp_shuffle(int isa, Py_ssize_t n, Py_ssize_t *order, fmlp_mt19937 *generator)
    void fmlp_uniform(int isa, fmlp_dtype dtype, Py_ssize_t n, double low, double high, void *out,
                      fmlp_mt19937 *generator)

    int fmlp_isa_count()
    const char *fmlp_isa_name(int isa)
    int fmlp_isa_by_name(const char *name)
    int fmlp_isa_built(int isa)
    int fmlp_isa_supported(int isa)
    int fmlp_isa_best()
    const char *fmlp_compiler()
    int fmlp_has_openmp()
    int fmlp_max_threads()
    int fmlp_in_parallel()

    ctypedef struct fmlp_matrix:
        Py_ssize_t n_rows
        Py_ssize_t n_cols
        const void *data
        Py_ssize_t ld
        const void *indices
        const void *indptr
        int index64
        Py_ssize_t nnz

    fmlp_status fmlp_check_csr(const fmlp_matrix *x)
    int fmlp_all_finite(int isa, fmlp_dtype dtype, Py_ssize_t n, const void *x)
    void fmlp_with_complement(fmlp_dtype dtype, Py_ssize_t n, const void *p, void *both)

    ctypedef struct fmlp_target:
        const void *dense
        const int32_t *classes
        const void *weight

    fmlp_status fmlp_predict_size(const fmlp_exec *exec_, const fmlp_net *net, Py_ssize_t n_rows,
                                  int sparse, Py_ssize_t *bytes_)
    fmlp_status fmlp_predict(const fmlp_exec *exec_, const fmlp_net *net, const void *params,
                             const void *running, const fmlp_matrix *x, int raw,
                             void *workspace, Py_ssize_t bytes_, void *out)

    int fmlp_solver_count()
    const char *fmlp_solver_name(int solver)
    int fmlp_solver_n_state(int solver)
    const char *fmlp_solver_takes(int solver, int i)

    enum:
        FMLP_SOLVER_AVERAGES
        FMLP_SOLVER_FULL_BATCH

    int fmlp_solver_traits(int solver)

    ctypedef struct fmlp_optimizer:
        int solver
        int average
        int clip

    ctypedef struct fmlp_hyper:
        double learning_rate
        const double *rates
        Py_ssize_t n_rates
        double rate_sum
        double alpha
        double momentum
        int nesterov
        double beta_1
        double beta_2
        double epsilon
        double rho
        double weight_decay
        double l1
        double max_norm
        double gradient_clip
        double ema_decay

    ctypedef struct fmlp_progress:
        Py_ssize_t position
        Py_ssize_t steps
        double loss_sum
        double rate_sum

    ctypedef struct fmlp_trainer:
        pass

    fmlp_status fmlp_trainer_size(const fmlp_exec *exec_, const fmlp_net *net,
                                  const fmlp_optimizer *optimizer, Py_ssize_t batch_size,
                                  Py_ssize_t csr_entries, Py_ssize_t *bytes_)
    fmlp_status fmlp_trainer_init(const fmlp_exec *exec_, const fmlp_net *net,
                                  const fmlp_optimizer *optimizer, Py_ssize_t batch_size,
                                  Py_ssize_t csr_entries, void *memory, Py_ssize_t bytes_,
                                  fmlp_trainer **out)
    int fmlp_trainer_n_state(const fmlp_trainer *t)
    fmlp_status fmlp_trainer_load(fmlp_trainer *t, const void *params, const void *state)
    fmlp_status fmlp_trainer_store(fmlp_trainer *t, void *params, void *state)
    void fmlp_trainer_load_running(fmlp_trainer *t, const void *running)
    void fmlp_trainer_store_running(const fmlp_trainer *t, void *running)
    void fmlp_trainer_seed(fmlp_trainer *t, uint64_t seed)
    fmlp_status fmlp_trainer_run(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                 const Py_ssize_t *order, Py_ssize_t start, Py_ssize_t stop,
                                 Py_ssize_t first_step, const fmlp_hyper *hyper,
                                 fmlp_progress *progress)
    fmlp_status fmlp_trainer_forward(fmlp_trainer *t, const fmlp_matrix *x, const fmlp_target *y,
                                     const Py_ssize_t *order, Py_ssize_t start, Py_ssize_t stop,
                                     Py_ssize_t step, void *raw, int *trains)
    fmlp_status fmlp_trainer_loss_grad(fmlp_trainer *t, const fmlp_matrix *x,
                                       const fmlp_target *y, double alpha, double *loss,
                                       void *grad)
    fmlp_status fmlp_trainer_predict(fmlp_trainer *t, const fmlp_matrix *x, int raw, void *out)
    int fmlp_trainer_weights_finite(fmlp_trainer *t)
    Py_ssize_t fmlp_trainer_weights_bytes(const fmlp_trainer *t)
    void *fmlp_trainer_weights(fmlp_trainer *t)
    void fmlp_trainer_weights_changed(fmlp_trainer *t)

cdef extern from "cpu/dispatch.h" nogil:
    ctypedef struct fmlp_kernels "struct fmlp_kernels":
        pass
    const fmlp_kernels *fmlp_kernels_get(int isa, int dtype)
