#include "kernels/x86/level_avx2.h"
#include "kernels/x86/v16_avx2.h"

#include "kernels/x86/histogram_body.h"
