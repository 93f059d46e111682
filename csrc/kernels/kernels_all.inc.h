/* kernels_all.inc.h - every template, both element types, in order of use. */
#include <math.h>

#include "compiler.h"
#include "kernels.h"

#include "template_f32.h"
#include "math.inc.h"
#include "activation.inc.h"
#include "gemm.inc.h"
#include "narrow.inc.h"
#include "sparse.inc.h"
#include "loss.inc.h"
#include "optimizer.inc.h"
#include "reduce.inc.h"
#include "table.inc.h"
#include "template_end.h"

#include "template_f64.h"
#include "math.inc.h"
#include "activation.inc.h"
#include "gemm.inc.h"
#include "narrow.inc.h"
#include "sparse.inc.h"
#include "loss.inc.h"
#include "optimizer.inc.h"
#include "reduce.inc.h"
#include "table.inc.h"
#include "template_end.h"
