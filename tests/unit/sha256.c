/* SHA-256 against the vectors of FIPS 180-4 and of NIST's CAVP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "weights/sha256.h"

static void expect(const char *data, size_t length, const char *hex)
{
    /* In pieces of every size up to 70: borders of blocks fall everywhere. */
    for (size_t piece = 1; piece <= 70; piece++) {
        nst_sha256 hash;
        char got[NST_SHA256_HEX];
        nst_sha256_init(&hash);
        for (size_t at = 0; at < length; at += piece)
            nst_sha256_update(&hash, data + at, length - at < piece ? length - at : piece);
        nst_sha256_final(&hash, got);
        assert_string_equal(got, hex);
    }
}

static void published_vectors(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const char four[] =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
        "nopqrstu";
    (void)state;
    expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(two_blocks, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(four, 112, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    expect("\xbd", 1, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
}

static void a_million_letters(void **state)
{
    nst_sha256 hash;
    char letters[1000], got[NST_SHA256_HEX];
    (void)state;
    memset(letters, 'a', sizeof letters);
    nst_sha256_init(&hash);
    for (int i = 0; i < 1000; i++) nst_sha256_update(&hash, letters, sizeof letters);
    nst_sha256_final(&hash, got);
    assert_string_equal(got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Lengths around the padding's borders, against Python's hashlib: SHA-256 over all 131 digests, each of n letters. */
static void every_length(void **state)
{
    nst_sha256 outer;
    char letters[130], got[NST_SHA256_HEX];
    (void)state;
    memset(letters, 'x', sizeof letters);
    nst_sha256_init(&outer);
    for (size_t n = 0; n <= sizeof letters; n++) {
        nst_sha256 hash;
        nst_sha256_init(&hash);
        nst_sha256_update(&hash, letters, n);
        nst_sha256_final(&hash, got);
        nst_sha256_update(&outer, got, 64);
    }
    nst_sha256_final(&outer, got);
    assert_string_equal(got, "87aca1c44bc7ba8897768170211f0a02063de70801131ff86c7edb9ce32c6a50");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_vectors), cmocka_unit_test(a_million_letters),
                                       cmocka_unit_test(every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
