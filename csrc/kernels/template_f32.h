/* Names for one float32 pass through the *.inc.h templates; template_end.h takes them back. */
#define T float
#define VT vf_t
#define VM vf_m
#define V(op) vf_##op
#define LANES FMLP_F_LANES
#define FN(name) name##_f32
#define FMLP_IS_F32 1
