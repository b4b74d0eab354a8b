/* Text entries of an image: a key and a value, checked so that a PNG file can hold them. */
#include <string.h>

#include "image/image.h"

static bool key_is_valid(const char *key)
{
    size_t length = strlen(key);
    if (length == 0 || length > 79 || key[0] == ' ' || key[length - 1] == ' ') return false;
    for (size_t i = 0; i < length; i++)
        if (key[i] < 0x20 || key[i] > 0x7e || (key[i] == ' ' && key[i + 1] == ' ')) return false;
    return true;
}

static bool is_control(unsigned c)
{
    return (c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0);
}

/* The length in bytes of the UTF-8 character at `p`; 0 where there is none (overlong, surrogate, beyond U+10FFFF, cut off). */
static int utf8_character(const unsigned char *p, unsigned *code)
{
    static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (length == 0) return 0;
    *code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    if (*code < smallest[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000)) return 0;
    return length;
}

static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned code;
    while (*p) {
        int length = utf8_character(p, &code);
        if (length == 0) return false;
        p += length;
    }
    return true;
}

static bool has_control(const char *utf8)
{
    const unsigned char *p = (const unsigned char *)utf8;
    unsigned code;
    while (*p) {
        p += utf8_character(p, &code);
        if (is_control(code)) return true;
    }
    return false;
}

static int find_text(const nst_image *image, const char *key)
{
    for (int i = 0; i < image->text_count; i++)
        if (strcmp(image->texts[i][0], key) == 0) return i;
    return -1;
}

const char *nst_image_find_text(const nst_image *image, const char *key)
{
    int at = find_text(image, key);
    return at < 0 ? NULL : image->texts[at][1];
}

static int32_t store(nst_image *image, const char *key, const char *value, nst_error *error)
{
    nst_memory *memory = &image->ctx->memory;
    int at = find_text(image, key);
    char *own_key = at < 0 ? nst_strdup(memory, key) : image->texts[at][0];
    char *own_value = nst_strdup(memory, value);
    if (!own_key || !own_value) {
        if (at < 0) nst_free(memory, own_key);
        nst_free(memory, own_value);
        return nst_fail_nomem(error, "a text entry of an image");
    }
    if (at < 0) {
        at = image->text_count++;
        image->texts[at][0] = own_key;
    } else {
        nst_free(memory, image->texts[at][1]);
    }
    image->texts[at][1] = own_value;
    return NST_OK;
}

int32_t nst_image_set_text(nst_image *image, const char *key, const char *value, nst_error *error)
{
    if (!key_is_valid(key))
        return nst_fail(error, NST_ERR_INVALID_ARG, "text key '%s': 1 to 79 printable ASCII characters, single blanks inside",
                        key);
    if (strlen(value) > NST_MAX_TEXT_LENGTH)
        return nst_fail(error, NST_ERR_LIMIT, "the text of '%s' is longer than 1 MiB", key);
    if (!is_utf8(value) || has_control(value))
        return nst_fail(error, NST_ERR_INVALID_ARG, "the text of '%s' is not UTF-8 without control characters", key);
    if (find_text(image, key) < 0 && image->text_count == NST_MAX_TEXTS)
        return nst_fail(error, NST_ERR_LIMIT, "no room for the text '%s': an image holds %d", key, NST_MAX_TEXTS);
    return store(image, key, value, error);
}

/* `to` has room for two bytes for each of `from`. */
static void latin1_to_utf8(const char *from, char *to)
{
    for (const unsigned char *p = (const unsigned char *)from; *p; p++) {
        if (*p >= 0x80) {
            *to++ = (char)(0xc0 | *p >> 6);
            *to++ = (char)(0x80 | (*p & 0x3f));
        } else {
            *to++ = (char)*p;
        }
    }
    *to = '\0';
}

static void blank_controls(char *utf8)
{
    unsigned char *p = (unsigned char *)utf8;
    while (*p) {
        unsigned code;
        int length = utf8_character(p, &code);
        if (is_control(code)) memset(p, ' ', (size_t)length);
        p += length;
    }
}

int32_t nst_image_keep_text(nst_image *image, const char *key, const char *value, nst_error *error)
{
    nst_memory *memory = &image->ctx->memory;
    size_t length = strlen(value);
    char *clean;
    int32_t status;
    if (!key_is_valid(key) || image->text_count == NST_MAX_TEXTS || find_text(image, key) >= 0) return NST_OK;
    if (length > NST_MAX_TEXT_LENGTH / (is_utf8(value) ? 1 : 2)) return NST_OK;
    clean = nst_alloc(memory, 2 * length + 1);
    if (!clean) return nst_fail_nomem(error, "a text entry of an image");
    if (is_utf8(value)) memcpy(clean, value, length + 1);
    else latin1_to_utf8(value, clean);
    blank_controls(clean);
    status = store(image, key, clean, error);
    nst_free(memory, clean);
    return status;
}

int32_t nst_image_copy_texts(nst_image *to, const nst_image *from, nst_error *error)
{
    int32_t status = NST_OK;
    for (int i = 0; i < from->text_count && status >= 0; i++) status = store(to, from->texts[i][0], from->texts[i][1], error);
    return status;
}
