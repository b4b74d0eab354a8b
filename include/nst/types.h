/* libnst: what every header shares: export macro, handles, fixed-width types. SPDX-License-Identifier: MIT */
#ifndef NST_TYPES_H
#define NST_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(NST_STATIC)
#define NST_API
#elif defined(_WIN32) && defined(NST_BUILDING)
#define NST_API __declspec(dllexport)
#elif defined(_WIN32)
#define NST_API __declspec(dllimport)
#elif defined(__GNUC__)
#define NST_API __attribute__((visibility("default")))
#else
#define NST_API
#endif

#ifdef __cplusplus
#define NST_BEGIN_DECLS extern "C" {
#define NST_END_DECLS }
#else
#define NST_BEGIN_DECLS
#define NST_END_DECLS
#endif

NST_BEGIN_DECLS

/* The nouns. ctx, model, image and targets are reference counted and may be shared between threads (each header says how);
 * options and session belong to one owner and one thread at a time; a measure is one owner's, and never changes. */
typedef struct nst_ctx nst_ctx;
typedef struct nst_model nst_model;
typedef struct nst_image nst_image;
typedef struct nst_options nst_options;
typedef struct nst_targets nst_targets;
typedef struct nst_session nst_session;
typedef struct nst_measure nst_measure;

/* A source of bytes for nst_image_load_reader() and nst_model_load_reader().
 * read() stores up to `count` bytes at `buffer` and returns how many it stored, 0 at the end, a negative number on failure.
 * Short reads are fine. The library reads to the end once, from front to back, in the thread of the call. */
typedef struct nst_reader {
    uint32_t size;     /* sizeof(nst_reader) */
    uint32_t reserved; /* 0 */
    int64_t (*read)(void *user, void *buffer, uint64_t count);
    void *user;
} nst_reader;

/* A sink of bytes. write() consumes all `count` bytes and returns 0, or anything else to give up. */
typedef struct nst_writer {
    uint32_t size;     /* sizeof(nst_writer) */
    uint32_t reserved; /* 0 */
    int32_t (*write)(void *user, const void *data, uint64_t count);
    void *user;
} nst_writer;

NST_END_DECLS

#endif
