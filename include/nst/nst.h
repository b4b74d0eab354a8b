/* libnst: neural style transfer after Gatys, Ecker and Bethge (CVPR 2016) on ordinary processors. SPDX-License-Identifier: MIT
 *
 * Read this header and the ones it includes, and you can use the library.
 *
 *   nst_ctx      how work is done: memory, log, threads. Usually one.                              context.h
 *   nst_image    pixels; PNG and JPEG in and out.                                                  image.h
 *   nst_model    the weights of a VGG-19 or VGG-16; immutable, shared.                             model.h
 *   nst_options  everything that can be chosen, by name.                                           options.h
 *   nst_targets  what the picture should resemble: content image, style images, model; shared.     session.h
 *   nst_session  one run: step, look, change, cancel, save, resume.                                session.h
 *   nst_measure  how near a picture has come to its targets, whatever made it.                     measure.h
 *
 *     nst_ctx *ctx; nst_model *model; nst_image *photo, *painting, *result; nst_targets *targets; nst_session *session;
 *     nst_ctx_new(NULL, &ctx);
 *     nst_model_open(ctx, NULL, &model);
 *     nst_image_load(ctx, "photo.jpg", &photo);
 *     nst_image_load(ctx, "painting.jpg", &painting);
 *     nst_targets_new(model, photo, &painting, 1, &targets);
 *     nst_session_new(targets, NULL, NULL, &session);
 *     while (nst_session_step(session) == NST_CONTINUE) { }
 *     nst_session_get_image(session, &result);
 *     nst_image_save(result, "out.png", NULL);
 *
 * Rules. Functions that can fail return int32_t, negative codes from error.h on failure, and then leave *out NULL. A pointer to
 * pointer hands a reference to the caller. Getters lend: what they return belongs to the handle. Every callback returns 0 to go on and
 * anything else to stop. Structs begin with `size`: set it to sizeof, zero the rest (NST_INIT does both); a struct from newer
 * headers with members this library does not know is refused only if it uses them. Strings are UTF-8.
 *
 * The library never writes to standard output or error, never exits or aborts, installs no signal handler, reads no locale, keeps
 * no global state and does not use the network. It reads the environment for NST_CPU and for the places weights are searched in.
 * Callbacks run in the thread that made the call (log and allocator: in any). They must not longjmp out.
 */
#ifndef NST_NST_H
#define NST_NST_H

#include <nst/types.h>
#include <nst/version.h>
#include <nst/error.h>
#include <nst/context.h>
#include <nst/image.h>
#include <nst/model.h>
#include <nst/options.h>
#include <nst/session.h>
#include <nst/measure.h>

/* struct nst_progress p; NST_INIT(p);  zeroes the struct and sets its size. */
#define NST_INIT(object)                                                   \
    do {                                                                   \
        unsigned char *nst_init_bytes = (unsigned char *)&(object);        \
        size_t nst_init_index;                                             \
        for (nst_init_index = 0; nst_init_index < sizeof(object); nst_init_index++) nst_init_bytes[nst_init_index] = 0; \
        (object).size = (uint32_t)sizeof(object);                          \
    } while (0)

#endif
