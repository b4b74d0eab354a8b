#include "kernels/x86/level_avx512.h"
#include "kernels/x86/v16_avx512.h"

#include "kernels/x86/histogram_body.h"
