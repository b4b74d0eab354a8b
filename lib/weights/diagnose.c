/* What people have in hand when a weights file does not load. */
#include <string.h>

#include "weights/load.h"

static bool starts_with(const unsigned char *head, size_t length, const char *magic)
{
    size_t n = strlen(magic);
    return length >= n && memcmp(head, magic, n) == 0;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *name_text(const unsigned char *head, size_t length)
{
    while (length > 0 && (is_blank(*head) || *head >= 0x80)) head++, length--; /* blanks, byte order mark */
    if (length > 0 && *head == '<') return "this is a web page (HTML or XML), not the file itself: the download went wrong";
    if (starts_with(head, length, "version https://git-lfs"))
        return "this is a git-lfs pointer, not the file itself: run 'git lfs pull' or download the file";
    if (length > 0 && (*head == '{' || *head == '[')) return "this is a JSON text, not a weights file";
    return NULL;
}

static const char *name_binary(const unsigned char *head, size_t length)
{
    if (starts_with(head, length, "PK\3\4") || starts_with(head, length, "\x80\2\x8a\nl\xfc\x9c\x46"))
        return "this is a .pth file or another zip archive, and this build was made without the reader for it (-Dpth=disabled)";
    if (starts_with(head, length, "\x89HDF"))
        return "this is an .h5 file, and this build was made without the reader for it (-Dh5=disabled)";
    if (starts_with(head, length, "MATLAB 5.0"))
        return "this is a MATLAB .mat file; get the PyTorch, safetensors or Keras version of the network";
    if (starts_with(head, length, "\x93NUMPY"))
        return "this is a NumPy array file; get the PyTorch, safetensors or Keras version of the network";
    if (starts_with(head, length, "GGUF")) return "this is a GGUF file, not a VGG network";
    if (starts_with(head, length, "\x1f\x8b") || starts_with(head, length, "BZh") || starts_with(head, length, "\xfd" "7zXZ"))
        return "this is a compressed file: unpack it first";
    if (starts_with(head, length, "\x89PNG") || starts_with(head, length, "\xff\xd8\xff"))
        return "this is a picture, not a weights file";
    if (length > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)
        return "this is a plain Python pickle, not a file of torch.save(); load it in Python and save its state_dict with "
               "torch.save()";
    if (length > 1 && head[0] == 0x0a && (head[1] < 0x40 || head[1] >= 0x80))
        return "this may be a Caffe model (.caffemodel) or an ONNX file: convert it to a PyTorch state_dict or to safetensors";
    return NULL;
}

/* The footer of a LevelDB table, which ends the .index files of TensorFlow checkpoints; old ones are such a table whole. */
static bool is_tensorflow(const nst_bytes *bytes)
{
    static const unsigned char magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    unsigned char tail[8];
    return bytes->length >= 48 && nst_bytes_read(bytes, bytes->length - 8, tail, 8, NULL) >= 0 && memcmp(tail, magic, 8) == 0;
}

/* The tar of torch.save() before version 0.1.1 names its first member so. */
static bool is_old_tar(const nst_bytes *bytes)
{
    char magic[5];
    return bytes->length >= 512 && nst_bytes_read(bytes, 257, magic, 5, NULL) >= 0 && memcmp(magic, "ustar", 5) == 0;
}

int32_t nst_weights_diagnose(const nst_bytes *bytes, const unsigned char *head, size_t head_length, const char *label,
                             nst_error *error)
{
    const char *what = name_text(head, head_length);
    if (bytes->length == 0) what = "the file is empty";
    if (!what) what = name_binary(head, head_length);
    if (!what && is_tensorflow(bytes)) what = "this is a TensorFlow checkpoint: convert it to .h5 or safetensors";
    if (!what && is_old_tar(bytes))
        what = "this is a tar archive (torch.save() before 0.1.1?): load and save it again with a new PyTorch";
    if (!what && bytes->length < 16) what = "the file is too small to hold anything";
    if (!what) what = "neither safetensors, PyTorch .pth nor Keras .h5 (is it whole?)";
    return nst_fail(error, NST_ERR_WEIGHTS_FORMAT, "%s: %s", label, what);
}
