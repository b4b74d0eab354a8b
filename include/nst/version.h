/* libnst: version numbers. SPDX-License-Identifier: MIT
 *
 * The build reads these lines: the package version, the API version and the soname come from here and nowhere else.
 */
#ifndef NST_VERSION_H
#define NST_VERSION_H

/* Package version: what a release is called. */
#define NST_VERSION_MAJOR 0
#define NST_VERSION_MINOR 1
#define NST_VERSION_PATCH 0
#define NST_VERSION_STRING "0.1.0"

/* API version: MAJOR is the soname and changes only when an old program would break (until 1.0 it stays 0 and may break between
 * minors, see docs/abi.md); MINOR grows with every added function or struct member. */
#define NST_API_VERSION_MAJOR 0
#define NST_API_VERSION_MINOR 1

#define NST_API_VERSION ((NST_API_VERSION_MAJOR << 16) | NST_API_VERSION_MINOR)

#endif
