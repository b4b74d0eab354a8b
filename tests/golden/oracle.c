/* What the golden tests need beyond the public API: the gradient in the engine's own arithmetic. Built once with the library's float
 * core and once with its double core. */
#include "session/session.h"

NST_API int32_t oracle_real_bytes(void);
NST_API int32_t oracle_gradient(const nst_session *session, double *gradient, uint64_t capacity);

int32_t oracle_real_bytes(void)
{
    return (int32_t)sizeof(nst_real);
}

/* gradient (3, height, width) of the latest accepted picture; `capacity` in values. */
int32_t oracle_gradient(const nst_session *session, double *gradient, uint64_t capacity)
{
    size_t values = 3 * nst_session_width(session) * nst_session_height(session);
    if (!session->optimizer || capacity < values) return NST_ERR_INVALID_ARG;
    for (size_t i = 0; i < values; i++) gradient[i] = (double)nst_optimizer_gradient(session->optimizer)[i];
    return NST_OK;
}
