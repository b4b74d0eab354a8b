/* libnst: experimental calls, named nst_x_*. They may change or vanish in any release and carry no symbol version promise.
 * SPDX-License-Identifier: MIT
 */
#ifndef NST_EXPERIMENTAL_H
#define NST_EXPERIMENTAL_H

#include <nst/types.h>

#endif
