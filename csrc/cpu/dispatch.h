/* dispatch.h - ISA number <-> name <-> kernel tables. */
#ifndef FMLP_DISPATCH_H
#define FMLP_DISPATCH_H

#include "../kernels/kernels.h"

/* NULL unless built in and runnable on this machine. dtype: enum fmlp_dtype */
const struct fmlp_kernels *fmlp_kernels_get(int isa, int dtype);

#endif
