/* The network that is compiled in: a safetensors file in memory, read as any other. */
#include "weights/builtin.h"

#include "weights/weights.h"

int32_t nst_weights_builtin(nst_ctx *ctx, nst_weights *out, nst_error *error)
{
    nst_bytes bytes;
    nst_bytes_from_memory(&bytes, nst_builtin_file, nst_builtin_length);
    return nst_weights_read(ctx, &bytes, "builtin", out, error);
}
