#include "base/abi.h"

#include <string.h>

static int32_t check_size(const void *caller, size_t first_size, size_t *caller_size)
{
    uint32_t size;
    if (!caller) return NST_ERR_INVALID_ARG;
    memcpy(&size, caller, sizeof size);
    if (size < first_size || size > NST_ABI_MAX_SIZE) return NST_ERR_STRUCT_SIZE;
    *caller_size = size;
    return NST_OK;
}

static int all_zero(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i]) return 0;
    return 1;
}

int32_t nst_abi_read(void *own, size_t own_size, const void *caller, size_t first_size)
{
    size_t caller_size = 0;
    int32_t status = check_size(caller, first_size, &caller_size);
    if (status < 0) return status;
    if (caller_size > own_size && !all_zero((const unsigned char *)caller + own_size, caller_size - own_size))
        return NST_ERR_STRUCT_VERSION;
    memset(own, 0, own_size);
    memcpy(own, caller, caller_size < own_size ? caller_size : own_size);
    return NST_OK;
}

int32_t nst_abi_reserved(const void *member, size_t size)
{
    return all_zero(member, size) ? NST_OK : NST_ERR_STRUCT_VERSION;
}

int32_t nst_abi_write(void *caller, const void *own, size_t own_size, size_t first_size)
{
    size_t caller_size = 0;
    int32_t status = check_size(caller, first_size, &caller_size);
    if (status < 0) return status;
    if (caller_size < own_size) own_size = caller_size;
    memcpy((unsigned char *)caller + sizeof(uint32_t), (const unsigned char *)own + sizeof(uint32_t), own_size - sizeof(uint32_t));
    return NST_OK;
}
