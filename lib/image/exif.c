/* Reads tag 0x0112 of the first directory of a TIFF structure. Every offset is checked against the length; nothing is followed
 * twice. */
#include "image/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4, ENTRY = 12 };

typedef struct tiff {
    const unsigned char *data;
    size_t length;
    bool big_endian;
} tiff;

static uint32_t get(const tiff *t, size_t at, int bytes)
{
    uint32_t value = 0;
    if (at > t->length || (size_t)bytes > t->length - at) return 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | t->data[at + (size_t)(t->big_endian ? i : bytes - 1 - i)];
    return value;
}

static int orientation_of_entry(const tiff *t, size_t at)
{
    uint32_t type = get(t, at + 2, 2), value;
    if (get(t, at + 4, 4) != 1 || (type != TYPE_SHORT && type != TYPE_LONG)) return 1;
    value = get(t, at + 8, type == TYPE_SHORT ? 2 : 4);
    return value >= 1 && value <= 8 ? (int)value : 1;
}

int nst_exif_orientation(const void *data, size_t length)
{
    tiff t = {data, length, false};
    size_t directory, entries;
    if (length >= 6 && memcmp(t.data, "Exif\0\0", 6) == 0) {
        t.data += 6;
        t.length -= 6;
    }
    if (t.length < 8 || (memcmp(t.data, "II*\0", 4) != 0 && memcmp(t.data, "MM\0*", 4) != 0)) return 1;
    t.big_endian = t.data[0] == 'M';
    directory = get(&t, 4, 4);
    if (directory < 8 || directory > t.length) return 1;
    entries = get(&t, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        size_t at = directory + 2 + i * ENTRY;
        if (at > t.length || t.length - at < ENTRY) return 1;
        if (get(&t, at, 2) == TAG_ORIENTATION) return orientation_of_entry(&t, at);
    }
    return 1;
}
