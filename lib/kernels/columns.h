/* Between planes (C, H, W) and the columns of a convolution as a matrix product: row (c, v, u) of the matrix (C * size * size,
 * N) holds what tap (v, u) of channel c reads at each of the N positions of the rows [row0, row1). */
#ifndef NST_KERNELS_COLUMNS_H
#define NST_KERNELS_COLUMNS_H

#include "kernels/kernels.h"

typedef struct nst_columns {
    size_t size, height, width, row0, row1;
    nst_pad_mode pad;
} nst_columns;

/* columns = im2col(planes). One task per channel. */
void nst_columns_gather(const nst_exec *exec, const nst_columns *shape, size_t channels, const nst_real *planes,
                        nst_real *columns);
/* planes += col2im(columns), the exact adjoint of the above. One task per channel, so that no two write to the same place. */
void nst_columns_scatter(const nst_exec *exec, const nst_columns *shape, size_t channels, const nst_real *columns,
                         nst_real *planes);

#endif
