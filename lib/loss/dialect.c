#include "loss/dialect.h"

const char *nst_dialect_name(nst_dialect dialect)
{
    static const char *const names[] = {[NST_DIALECT_NEURAL_STYLE] = "neural-style",
                                        [NST_DIALECT_GATYS_PAPER] = "gatys-paper",
                                        [NST_DIALECT_GATYS_CODE] = "gatys-code",
                                        [NST_DIALECT_NORMALISED] = "normalised"};
    return names[dialect];
}

nst_dialect_defaults nst_dialect_get_defaults(nst_dialect dialect)
{
    static const nst_dialect_defaults defaults[] = {
        [NST_DIALECT_NEURAL_STYLE] = {5, 100, 1e-3, 1000},
        [NST_DIALECT_GATYS_PAPER] = {1, 1000, 0, 1000},
        [NST_DIALECT_GATYS_CODE] = {1, 1000, 0, 1000},
        [NST_DIALECT_NORMALISED] = {0.005, 1, 0, 1},
    };
    return defaults[dialect];
}

double nst_dialect_layer_weight(nst_dialect dialect, size_t count)
{
    return dialect == NST_DIALECT_GATYS_PAPER || dialect == NST_DIALECT_NORMALISED ? 1 / (double)count : 1;
}
