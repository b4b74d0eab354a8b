#include "api/structs.h"

#include <string.h>

#include "base/abi.h"
#include "base/size.h"
#include "image/rows.h"

int32_t nst_fail_struct(nst_error *error, int32_t status, const char *what)
{
    return nst_fail(error, status, "%s: %s", what, status == NST_ERR_INVALID_ARG ? "must not be NULL" : nst_strerror(status));
}

int32_t nst_read_reader(const nst_reader *given, nst_reader *reader, nst_error *error)
{
    int32_t status = nst_abi_read(reader, sizeof *reader, given, NST_READER_FIRST_SIZE);
    if (status >= 0) status = nst_abi_reserved(&reader->reserved, sizeof reader->reserved);
    if (status < 0) return nst_fail_struct(error, status, "the reader");
    return reader->read ? NST_OK : nst_fail(error, NST_ERR_INVALID_ARG, "reader.read must not be NULL");
}

int32_t nst_read_writer(const nst_writer *given, nst_writer *writer, nst_error *error)
{
    int32_t status = nst_abi_read(writer, sizeof *writer, given, NST_WRITER_FIRST_SIZE);
    if (status >= 0) status = nst_abi_reserved(&writer->reserved, sizeof writer->reserved);
    if (status < 0) return nst_fail_struct(error, status, "the writer");
    return writer->write ? NST_OK : nst_fail(error, NST_ERR_INVALID_ARG, "writer.write must not be NULL");
}

int32_t nst_read_save_params(const nst_save_params *given, nst_save_params *params, nst_error *error)
{
    int32_t status;
    memset(params, 0, sizeof *params);
    if (!given) return NST_OK;
    status = nst_abi_read(params, sizeof *params, given, NST_SAVE_PARAMS_FIRST_SIZE);
    if (status >= 0) status = nst_abi_reserved(params->reserved, sizeof params->reserved);
    if (status < 0) return nst_fail_struct(error, status, "the save parameters");
    if (params->type < NST_FILE_AUTO || params->type > NST_FILE_JPEG)
        return nst_fail(error, NST_ERR_INVALID_ARG, "file type %d is none of NST_FILE_AUTO, _PNG, _JPEG", params->type);
    if (params->bits != 0 && params->bits != 8 && params->bits != 16)
        return nst_fail(error, NST_ERR_INVALID_ARG, "bits is %d: must be 0, 8 or 16", params->bits);
    if (params->quality < 0 || params->quality > 100)
        return nst_fail(error, NST_ERR_INVALID_ARG, "quality is %d: must be 0 (for 95) or 1 to 100", params->quality);
    return NST_OK;
}

int32_t nst_read_image_desc(const nst_image_desc *given, nst_image_desc *desc, size_t *row, size_t *total, nst_error *error)
{
    int32_t status = nst_abi_read(desc, sizeof *desc, given, NST_IMAGE_DESC_FIRST_SIZE);
    size_t rows_before_last;
    if (status >= 0) status = nst_abi_reserved(desc->reserved, sizeof desc->reserved);
    if (status < 0) return nst_fail_struct(error, status, "the image description");
    if (nst_sample_size(desc->format) == 0)
        return nst_fail(error, NST_ERR_INVALID_ARG, "format %u is none of NST_FORMAT_U8, _U16, _F32", desc->format);
    if (desc->channels < 1 || desc->channels > 4)
        return nst_fail(error, NST_ERR_INVALID_ARG, "%u channels: must be 1 to 4", desc->channels);
    if (desc->width == 0 || desc->height == 0) return nst_fail(error, NST_ERR_INVALID_ARG, "width and height must not be 0");
    if (!nst_size_mul3(desc->width, desc->channels, nst_sample_size(desc->format), row) || desc->stride > SIZE_MAX)
        return nst_fail(error, NST_ERR_LIMIT, "the described image does not fit into memory");
    if (desc->stride == 0) desc->stride = *row;
    if (desc->stride < *row)
        return nst_fail(error, NST_ERR_INVALID_ARG, "stride %ju is less than the %zu bytes of a row",
                        (uintmax_t)desc->stride, *row);
    if (!nst_size_mul((size_t)desc->stride, desc->height - 1, &rows_before_last) || !nst_size_add(rows_before_last, *row, total))
        return nst_fail(error, NST_ERR_LIMIT, "the described image does not fit into memory");
    return NST_OK;
}
