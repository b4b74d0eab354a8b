/* The arithmetic type of the engine. The library is built with float; the same sources built with NST_REAL_DOUBLE are the oracle of
 * the tests (gradient checks, comparison with PyTorch in float64). */
#ifndef NST_BASE_REAL_H
#define NST_BASE_REAL_H

#ifdef NST_REAL_DOUBLE
typedef double nst_real;
#define NST_REAL_NAME "double"
#define NST_REAL_DTYPE "F64"
#else
typedef float nst_real;
#define NST_REAL_NAME "float"
#define NST_REAL_DTYPE "F32"
#endif

#endif
