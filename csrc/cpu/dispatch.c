#include "dispatch.h"

#include <string.h>

#include "../include/fmlp.h"
#include "features.h"

/* Worst first; the last supported one is the best. */
static const struct {
    const char *name;
    unsigned needs; /* bits of fmlp_cpu_features() */
    const struct fmlp_isa *isa;
} isas[] = {
    {"generic", 0, &fmlp_isa_generic},
#ifdef FMLP_HAVE_X86_V3
    {"x86_v3", FMLP_CPU_X86_V3, &fmlp_isa_x86_v3},
#else
    {"x86_v3", 0, 0},
#endif
#ifdef FMLP_HAVE_X86_V4
    {"x86_v4", FMLP_CPU_X86_V4, &fmlp_isa_x86_v4},
#else
    {"x86_v4", 0, 0},
#endif
#ifdef FMLP_HAVE_NEON
    {"neon", FMLP_CPU_NEON, &fmlp_isa_neon},
#else
    {"neon", 0, 0},
#endif
};

int fmlp_isa_count(void) { return (int)(sizeof isas / sizeof isas[0]); }

const char *fmlp_isa_name(int isa) {
    return isa >= 0 && isa < fmlp_isa_count() ? isas[isa].name : "";
}

int fmlp_isa_by_name(const char *name) {
    for (int i = 0; i < fmlp_isa_count(); i++)
        if (!strcmp(name, isas[i].name)) return i;
    return -1;
}

int fmlp_isa_built(int isa) { return isa >= 0 && isa < fmlp_isa_count() && isas[isa].isa; }

int fmlp_isa_supported(int isa) {
    return fmlp_isa_built(isa) && (fmlp_cpu_features() & isas[isa].needs) == isas[isa].needs;
}

int fmlp_isa_best(void) {
    int best = 0;
    for (int i = 1; i < fmlp_isa_count(); i++)
        if (fmlp_isa_supported(i)) best = i;
    return best;
}

const struct fmlp_kernels *fmlp_kernels_get(int isa, int dtype) {
    if (!fmlp_isa_supported(isa)) return 0;
    return dtype == FMLP_F32 ? isas[isa].isa->f32 : isas[isa].isa->f64;
}
