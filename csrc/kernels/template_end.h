/* Ends what template_f32.h or template_f64.h began. */
#undef T
#undef VT
#undef VM
#undef V
#undef LANES
#undef FN
#undef FMLP_IS_F32
