/* Names for one float64 pass through the *.inc.h templates; template_end.h takes them back. */
#define T double
#define VT vd_t
#define VM vd_m
#define V(op) vd_##op
#define LANES FMLP_D_LANES
#define FN(name) name##_f64
#define FMLP_IS_F32 0
