/* Structs that cross the binary interface. Each begins with its size, as the caller's headers knew it. A smaller (older) struct is
 * accepted down to its first version, the missing members reading as zero; a larger (newer) one only if what we do not know is
 * zero, and so must what is reserved be. The library never writes past the caller's size. After libxkbcommon's rule. */
#ifndef NST_BASE_ABI_H
#define NST_BASE_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "nst/nst.h"

#define NST_ABI_MAX_SIZE 4096

/* Sizes of the first released version of each struct: never change a line, only add. */
#define NST_ALLOCATOR_FIRST_SIZE 32
#define NST_CTX_CONFIG_FIRST_SIZE 104
#define NST_READER_FIRST_SIZE 24
#define NST_WRITER_FIRST_SIZE 24
#define NST_IMAGE_DESC_FIRST_SIZE 48
#define NST_SAVE_PARAMS_FIRST_SIZE 40
#define NST_MODEL_INFO_FIRST_SIZE 472
#define NST_WEIGHTS_IDENTITY_FIRST_SIZE 424
#define NST_OPTION_INFO_FIRST_SIZE 96
#define NST_PROGRESS_FIRST_SIZE 128
#define NST_LOSS_TERM_FIRST_SIZE 72
#define NST_ESTIMATE_FIRST_SIZE 192
#define NST_STRENGTH_INFO_FIRST_SIZE 96
#define NST_MEASURE_SUMMARY_FIRST_SIZE 160
#define NST_MEASURE_LAYER_FIRST_SIZE 72

/* Copies the caller's struct into ours of `own_size` bytes. NST_ERR_INVALID_ARG for NULL, NST_ERR_STRUCT_*. */
int32_t nst_abi_read(void *own, size_t own_size, const void *caller, size_t first_size);
/* A reserved member of a struct that was read: what a later release keeps there would be lost on us. NST_ERR_STRUCT_VERSION unless 0. */
int32_t nst_abi_reserved(const void *member, size_t size);
/* Copies our struct into the caller's, as much as it has room for, keeping its size member. */
int32_t nst_abi_write(void *caller, const void *own, size_t own_size, size_t first_size);

#endif
