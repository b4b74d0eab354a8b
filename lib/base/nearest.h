/* "Did you mean": which word a misspelt one was meant as. The command is compiled with this file as well. */
#ifndef NST_BASE_NEAREST_H
#define NST_BASE_NEAREST_H

#include <stddef.h>

/* The word of `words` (count) nearest to `word`, or NULL if none is near. */
const char *nst_nearest(const char *word, const char *const *words, size_t count);

#endif
