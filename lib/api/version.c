/* What this library is, at run time. */
#include "build_features.h"
#include "nst/nst.h"

const char *nst_version(void)
{
    return NST_VERSION_STRING;
}

uint32_t nst_api_version(void)
{
    return NST_API_VERSION;
}

const char *nst_build_info(void)
{
    return "libnst " NST_VERSION_STRING ", BLAS: " NST_BLAS_NAME ", lcms2: " NST_YES_NO_LCMS2 ", pth: " NST_YES_NO_PTH ", h5: "
           NST_YES_NO_H5;
}
