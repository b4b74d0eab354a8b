/* libnst: status codes. SPDX-License-Identifier: MIT
 *
 * Functions that can fail return an int32_t: 0 or positive is success, negative is one of these codes. Numbers are never reused.
 * The sentence that says what was wrong and what to do is kept on the handle the call was made on: nst_ctx_error() for calls on a
 * context, model, image or targets, nst_options_error() and nst_session_error() for those two. Calls that only look, calls refused
 * as NST_ERR_BUSY, and calls with NULL where it is not allowed may leave none: nst_strerror() has a text for every code.
 */
#ifndef NST_ERROR_H
#define NST_ERROR_H

#include <nst/types.h>

NST_BEGIN_DECLS

typedef enum nst_status {
    NST_OK = 0,
    NST_CONTINUE = 0, /* nst_session_step(): one iteration was done, more can follow */
    NST_DONE = 1,     /* nst_session_step(): the run has ended; nst_progress.stop_reason says why */

    /* -1 .. -19: general */
    NST_ERR_INVALID_ARG = -1, /* an argument is NULL, out of range or contradicts another */
    NST_ERR_NOMEM = -2,       /* an allocation failed; nothing is lost, the call may be repeated */
    NST_ERR_IO = -3,          /* the operating system or a reader/writer callback refused; the sentence carries its reason */
    NST_ERR_STATE = -4,       /* the call does not fit the state of the handle */
    NST_ERR_BUSY = -5,        /* the session is inside a step in this or another thread */
    NST_ERR_CANCELLED = -6,   /* nst_session_cancel() or a callback stopped the work; the handle stays usable */
    NST_ERR_UNSUPPORTED = -7, /* valid input of a kind that this library, or this build of it, does not handle */
    NST_ERR_LIMIT = -8,       /* a limit (pixels, memory, file size) would be exceeded; nothing was allocated */
    NST_ERR_NOT_FOUND = -9,   /* no file, layer or option of that name; the sentence lists what there is */
    NST_ERR_EXISTS = -10,     /* the target file exists and overwriting was not asked for */

    /* -20 .. -39: images */
    NST_ERR_IMAGE_FORMAT = -20, /* neither PNG nor JPEG, or a damaged one */

    /* -40 .. -59: weights, parameters, checkpoints */
    NST_ERR_WEIGHTS_FORMAT = -40,    /* not a weights file that can be read; the sentence diagnoses it */
    NST_ERR_PREPROCESSING = -41,     /* unknown weights: the caller must say which preprocessing they expect */
    NST_ERR_PARAMS_FORMAT = -42,     /* a parameter text is not JSON or has wrong members */
    NST_ERR_CHECKPOINT_FORMAT = -43, /* not a checkpoint, or of another model, image or version */

    /* -60 .. -79: numbers */
    NST_ERR_NUMERIC = -60, /* a non-finite value appeared; the last finite image is kept */

    /* -80 .. -99: binary interface */
    NST_ERR_STRUCT_SIZE = -80,    /* a struct's size member is smaller than its first version or larger than 4096 */
    NST_ERR_STRUCT_VERSION = -81, /* a struct uses members the library does not know: newer ones, or reserved ones that are not 0 */

    NST_ERR_INTERNAL = -99 /* a bug in this library: please report the sentence */
} nst_status;

/* A short, static, English text for a code; never NULL. Any thread. */
NST_API const char *nst_strerror(int32_t status);

/* The name of a code as in this header ("NST_ERR_IO"), or NULL. Any thread. */
NST_API const char *nst_status_name(int32_t status);

NST_END_DECLS

#endif
