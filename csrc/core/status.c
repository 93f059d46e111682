#include "../include/fmlp.h"

const char *fmlp_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC";
#else
    return "unknown";
#endif
}

const char *fmlp_status_str(fmlp_status status) {
    switch (status) {
    case FMLP_OK: return "ok";
    case FMLP_E_NET: return "network description is unsound";
    case FMLP_E_SIZE: return "sizes overflow the address space";
    case FMLP_E_WORKSPACE: return "memory is too small or not 64-byte aligned";
    case FMLP_E_ARGUMENT: return "row, class or column index out of range";
    case FMLP_E_ISA: return "instruction set not available";
    }
    return "unknown status";
}
