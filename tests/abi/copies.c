/* Two copies of the library in one process, one linked in statically and one loaded by a plug-in: neither disturbs the other, and
 * loading leaves the floating-point state of the host alone. copies PATH_OF_SHARED_LIBRARY */
#include <dlfcn.h>
#include <fenv.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <nst/nst.h>

typedef int32_t (*ctx_new_fn)(const nst_ctx_config *config, nst_ctx **out);
typedef void (*ctx_unref_fn)(nst_ctx *ctx);

/* Rounding and, on x86-64, the whole control word with flush-to-zero and denormals-are-zero. */
static unsigned float_state(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & 0xffc0u;
#else
    return (unsigned)fegetround();
#endif
}

static void load_function(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address); /* ISO C has no cast from object to function pointer */
}

int main(int argc, char **argv)
{
    unsigned before = float_state();
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    ctx_new_fn new_there;
    ctx_unref_fn unref_there;
    nst_ctx *here = NULL, *there = NULL;
    if (!library) return printf("%s\n", argc > 1 ? dlerror() : "no library given"), 1;
    if (float_state() != before) return puts("loading changed the floating-point state"), 1;
    load_function(library, "nst_ctx_new", &new_there);
    load_function(library, "nst_ctx_unref", &unref_there);
    if (!new_there || !unref_there || new_there == nst_ctx_new) return puts("the copies are not apart"), 1;
    if (nst_ctx_new(NULL, &here) < 0 || new_there(NULL, &there) < 0) return puts("no context"), 1;
    if (float_state() != before) return puts("a context changed the floating-point state"), 1;
    unref_there(there);
    nst_ctx_unref(here);
    return 0;
}
