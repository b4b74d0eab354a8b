/* SHA-256 (FIPS 180-4). */
#ifndef NST_WEIGHTS_SHA256_H
#define NST_WEIGHTS_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define NST_SHA256_HEX 65

typedef struct nst_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    unsigned char block[64];
} nst_sha256;

void nst_sha256_init(nst_sha256 *hash);
void nst_sha256_update(nst_sha256 *hash, const void *data, size_t length);
/* 64 lower-case hex digits and NUL. */
void nst_sha256_final(nst_sha256 *hash, char hex[NST_SHA256_HEX]);

#endif
