/* Eigenvalues and eigenvectors of symmetric matrices, in double. */
#ifndef NST_LOSS_EIGEN_H
#define NST_LOSS_EIGEN_H

#include "kernels/kernels.h"

/* Doubles that nst_eigen() works in. */
size_t nst_eigen_workspace(size_t n);

/* A = Q diag(values) Q^T, values in no order. a (n, n), both triangles, is destroyed. z (n, columns), row by row, becomes Q^T z: of the
 * identity the eigenvectors, as rows. False: it has not converged, as where A is not finite. The same bytes for any number of threads. */
bool nst_eigen(const nst_exec *exec, size_t n, double *a, double *values, size_t columns, double *z, double *workspace);

#endif
