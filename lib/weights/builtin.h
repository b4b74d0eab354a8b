/* The file weights/builtin.safetensors as it lies in the library; made by embed.py. */
#ifndef NST_WEIGHTS_BUILTIN_H
#define NST_WEIGHTS_BUILTIN_H

#include <stddef.h>

extern const unsigned char nst_builtin_file[];
extern const size_t nst_builtin_length;

#endif
