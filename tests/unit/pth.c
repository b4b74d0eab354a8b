/* .pth: files written by PyTorch, the pickle machine, the zip rules, the old format. */
#include "weights_support.h"

#include <zlib.h>

#include "weights/pickle.h"

/* ---- files that PyTorch wrote ---- */

static void files_of_pytorch_load_bit_identically(void **state)
{
    static const char *const names[] = {"plain", "views", "parameters", "checkpoint", "double"};
    static const char *const pairs[][2] = {{"half", "f16"}, {"bfloat16", "bf16"}};
    char expected[72], got[72], path[64];
    blob file = read_seed("safetensors/plain");
    fingerprint_of(*state, &file, expected);
    blob_free(&file);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int legacy = 0; legacy < 2; legacy++) {
            snprintf(path, sizeof path, "pth/%s_%s", names[i], legacy ? "legacy" : "zip");
            file = read_seed(path);
            fingerprint_of(*state, &file, got);
            assert_string_equal(got, expected);
            blob_free(&file);
        }
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "safetensors/%s", pairs[i / 2][1]);
        file = read_seed(path);
        fingerprint_of(*state, &file, expected);
        blob_free(&file);
        snprintf(path, sizeof path, "pth/%s_%s", pairs[i / 2][0], i % 2 ? "legacy" : "zip");
        file = read_seed(path);
        fingerprint_of(*state, &file, got);
        blob_free(&file);
        if (strncmp(pairs[i / 2][0], "half", 4) == 0)
            assert_string_equal(got, expected); /* bfloat16 rounds where the seed cuts */
    }
}

/* ---- the machine ---- */

#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\6\0\0\0cuda:0K\4tQ"
#define ORDERED "ccollections\nOrderedDict\n)R"
#define TENSOR(offset, sizes, strides) "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K" offset sizes strides "\x89" ORDERED "tR"
#define SQUARE TENSOR("\0", "(K\2K\2t", "(K\2K\1t")
#define BYTES(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *sentence; /* NULL: runs */
} programs[] = {
    {BYTES("\x80\2}."), NULL},
    {BYTES("\x80\2}X\1\0\0\0a" SQUARE "s."), NULL},
    {BYTES("\x80\2}(X\1\0\0\0a" SQUARE "X\1\0\0\0bK\1u."), NULL},
    {BYTES("\x80\2" ORDERED "}X\11\0\0\0_metadata" ORDERED "sb."), NULL},
    {BYTES("\x80\2ccollections\nOrderedDict\n(](](U\1aK\1ee" "tR."), NULL}, /* Python 2 */
    {BYTES("\x80\2](NNe."), NULL},
    {BYTES("\x80\2]Na."), NULL},
    {BYTES("\x80\2G\0\0\0\0\0\0\0\0."), NULL},
    {BYTES("\x80\2\x8a\0."), NULL},
    {BYTES("\x80\2N\x85\x85q\0h\0\x86."), NULL},
    {BYTES("\x80\2}X\1\0\0\0actorch._utils\n_rebuild_parameter\n" SQUARE "\x88" ORDERED "\x87Rs."), NULL},
    {BYTES("\x80\2" TENSOR("\1", "(K\1K\3t", "(K\7K\1t") "."), NULL}, /* the stride of a dimension of one is free */
    {BYTES("\x80\2" TENSOR("\4", "(K\0t", "(K\1t") "."), NULL},
    {BYTES("\x80\2" TENSOR("\3", ")", ")") "."), NULL},
    {BYTES(""), "truncated"},
    {BYTES("\x80"), "truncated"},
    {BYTES("\x80\2}"), "truncated"},
    {BYTES("\x80\2X\3\0\0\0ab"), "longer than the file"},
    {BYTES("\x80\2X\xff\xff\xff\xff" "ab."), "longer than the file"},
    {BYTES("\x80\2X\2\0\0\0a\0."), "zero byte"},
    {BYTES("\x80\2."), "empty stack"},
    {BYTES("\x80\2(."), "empty stack"},
    {BYTES("\x80\2NN."), "more than one"},
    {BYTES("\x80\2s."), "empty stack"},
    {BYTES("\x80\2NNs."), "empty stack"},
    {BYTES("\x80\2}(Ns."), "empty stack"},
    {BYTES("\x80\2R."), "empty stack"},
    {BYTES("\x80\2b."), "empty stack"},
    {BYTES("\x80\2Q."), "empty stack"},
    {BYTES("\x80\2a."), "empty stack"},
    {BYTES("\x80\2q\0."), "empty stack"},
    {BYTES("\x80\2\x85."), "empty stack"},
    {BYTES("\x80\2N(\x86."), "empty stack"},
    {BYTES("\x80\2t."), "no mark"},
    {BYTES("\x80\2Nu."), "no mark"},
    {BYTES("\x80\2Ne."), "no mark"},
    {BYTES("\x80\2(u."), "empty stack"},
    {BYTES("\x80\2}(Nu."), "empty stack"},
    {BYTES("\x80\2](NNu."), "list or dictionary"},
    {BYTES("\x80\2}(Ne."), "list or dictionary"},
    {BYTES("\x80\2NNa."), "list or dictionary"},
    {BYTES("\x80\2h\5."), "unknown memo"},
    {BYTES("\x80\2Nq\5h\4."), "unknown memo"},
    {BYTES("\x80\2Nr\x40\x42\x0f\0."), "memo index"},
    {BYTES("\x80\2\x8a\xff."), "too large a number"},
    {BYTES("\x80\2\x8a\x09\1\1\1\1\1\1\1\1\1."), "too large a number"},
    {BYTES("\x80\3}."), "protocol 3"},
    {BYTES("\x80\4\x95\0\0\0\0\0\0\0\0}."), "protocol 4"},
    {BYTES("\x80\2cos\nsystem\n(X\2\0\0\0lstR."), "os.system"},
    {BYTES("\x80\2c__builtin__\neval\n."), "__builtin__.eval"},
    {BYTES("\x80\2ctorch\nload\n."), "torch.load"},
    {BYTES("\x80\2ctorch\nFloatStorag\n."), "torch.FloatStorag'"},
    {BYTES("\x80\2ctorch\nFloatStorageX\n."), "torch.FloatStorageX"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v3\n."), "_rebuild_tensor_v3"},
    {BYTES("\x80\2ctorch.nn.modules.container\nSequential\n."), "whole model"},
    {BYTES("\x80\2ctorchvision.models.vgg\nVGG\n."), "whole model"},
    {BYTES("\x80\2" "c0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
           "012345678901234567890123456789012345678901234567890123456789\nx\n."), "too long a name"},
    {BYTES("\x80\2ctorch\nFloatStorage\n)R."), "a call of a type"},
    {BYTES("\x80\2X\1\0\0\0a)R."), "something else than a function"},
    {BYTES("\x80\2ccollections\nOrderedDict\nNR."), "something else than a function"},
    {BYTES("\x80\2ccollections\nOrderedDict\nN\x85R."), "OrderedDict"},
    {BYTES("\x80\2ccollections\nOrderedDict\n](]Nae\x85R."), "OrderedDict"},
    {BYTES("\x80\2" SQUARE "}b."), "state for something else"},
    {BYTES("\x80\2}Nb."), "state for something else"},
    {BYTES("\x80\2NQ."), "no storage"},
    {BYTES("\x80\2(X\7\0\0\0moduletQ."), "no storage"},
    {BYTES("\x80\2(NNNNNtQ."), "no plain storage"},
    {BYTES("\x80\2(X\7\0\0\0storageccollections\nOrderedDict\nX\1\0\0\0kX\1\0\0\0cK\4tQ."), "no plain storage"},
    {BYTES("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\1\0\0\0cJ\xff\xff\xff\xfftQ."), "no plain storage"},
    {BYTES("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\1\0\0\0cK\4N)tQ."), "no storage"},
    {BYTES("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\1\0\0\0cK\4)tQ."), "no plain storage"},
    {BYTES("\x80\2" STORAGE "(X\7\0\0\0storagectorch\nHalfStorage\nX\1\0\0\0kX\1\0\0\0cK\4tQ\x86."), "two ways"},
    {BYTES("\x80\2" STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0kX\1\0\0\0cK\5tQ\x86."), "two ways"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), "wrong arguments"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR."), "wrong arguments"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "J\xff\xff\xff\xff(K\1t(K\1tNNtR."), "wrong arguments"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K\0NNNNtR."), "sizes and strides"},
    {BYTES("\x80\2ctorch._utils\n_rebuild_parameter\n)R."), "parameter"},
    {BYTES("\x80\2" TENSOR("\0", "(K\2K\2t", "(K\1K\2t") "."), "contiguous"},
    {BYTES("\x80\2" TENSOR("\0", "(K\2K\2t", "(K\2K\0t") "."), "contiguous"},
    {BYTES("\x80\2" TENSOR("\0", "(K\2t", "(J\xff\xff\xff\xfft") "."), "contiguous"},
    {BYTES("\x80\2" TENSOR("\0", "(K\2K\2t", "(K\1t") "."), "sizes and strides"},
    {BYTES("\x80\2" TENSOR("\0", "(J\xff\xff\xff\xfft", "(K\1t") "."), "sizes and strides"},
    {BYTES("\x80\2" TENSOR("\0", "(NNt", "(NNt") "."), "sizes and strides"},
    {BYTES("\x80\2" TENSOR("\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t") "."), "sizes and strides"},
    {BYTES("\x80\2" TENSOR("\1", "(K\2K\2t", "(K\2K\1t") "."), "past its storage"},
    {BYTES("\x80\2" TENSOR("\5", "(K\0t", "(K\1t") "."), "past its storage"},
    {BYTES("\x80\2" TENSOR("\0", "(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ft", "(K\1t") "."), "past its storage"},
    {BYTES("\x80\2" TENSOR("\0", "(\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\4t", "(K\4K\1t") "."), "too large"},
};

static int32_t run_program(nst_ctx *ctx, const void *data, size_t length, nst_error *error)
{
    nst_pickle *pickle = nst_pickle_new(ctx);
    nst_pickle_value root;
    nst_tensor_list list;
    nst_bytes bytes;
    size_t next;
    int32_t status;
    assert_non_null(pickle);
    nst_bytes_from_memory(&bytes, data, length);
    nst_tensor_list_init(&list, ctx);
    status = nst_pickle_run(pickle, &bytes, 0, length, &next, &root, error);
    if (status >= 0) {
        assert_int_equal(next, length);
        nst_pickle_list(pickle, root, &bytes, &list, NULL);
    }
    nst_tensor_list_clear(&list);
    nst_pickle_free(pickle);
    return status;
}

static void programs_run_or_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        nst_error error = {""};
        int32_t status = run_program(*state, programs[i].bytes, programs[i].length, &error);
        if (programs[i].sentence ? status >= 0 || !strstr(error.text, programs[i].sentence) : status != NST_OK)
            fail_msg("program %zu, expected '%s': %d \"%s\"", i, programs[i].sentence ? programs[i].sentence : "", (int)status,
                     error.text);
    }
}

static void every_other_opcode_is_refused(void **state)
{
    static const char known[] = "\x80" "c}])(qrhjXUJKM\x8aGN\x88\x89t\x85\x86\x87QRbsuae.";
    for (int opcode = 0; opcode < 256; opcode++) {
        unsigned char program[] = {0x80, 2, (unsigned char)opcode, '0', '\n', '\n', '.'};
        nst_error error = {""};
        if (opcode != 0 && strchr(known, opcode)) continue;
        assert_int_equal(run_program(*state, program, sizeof program, &error), NST_ERR_WEIGHTS_FORMAT);
        assert_non_null(strstr(error.text, "opcode"));
    }
}

static void deep_and_wide_programs_stay_bounded(void **state)
{
    enum { DEPTH = 100000 };
    blob deep = {NULL, 0}, wide = {NULL, 0};
    nst_error error = {""};
    blob_put(&deep, "\x80\2", 2);
    blob_put(&wide, "\x80\2", 2);
    deep.data = realloc(deep.data, 2 * DEPTH + 3);
    memset(deep.data + 2, '(', DEPTH);
    memset(deep.data + 2 + DEPTH, 't', DEPTH);
    deep.data[2 + 2 * DEPTH] = '.';
    deep.length = 2 * DEPTH + 3;
    assert_int_equal(run_program(*state, deep.data, deep.length, &error), NST_OK);
    wide.data = realloc(wide.data, 3 << 20);
    wide.length = 3 << 20;
    memset(wide.data + 2, 'N', wide.length - 2);
    assert_int_equal(run_program(*state, wide.data, wide.length, &error), NST_ERR_WEIGHTS_FORMAT);
    assert_non_null(strstr(error.text, "too much"));
    assert_true(nst_ctx_memory_peak(*state) < (uint64_t)64 << 20);
    blob_free(&deep);
    blob_free(&wide);
}

/* ---- zip ---- */

enum { WIDE_END = 76, END = 22, ENTRY = 46, LOCAL = 30 };

/* Where the directory's record of the member whose name ends so begins. */
static size_t find_entry(const blob *zip, const char *ending)
{
    size_t at = (size_t)blob_number(zip, zip->length - END + 16, 4);
    while (at + ENTRY < zip->length - END) {
        size_t name = (size_t)blob_number(zip, at + 28, 2), extra = (size_t)blob_number(zip, at + 30, 2), n = strlen(ending);
        if (name >= n && memcmp(zip->data + at + ENTRY + name - n, ending, n) == 0) return at;
        at += ENTRY + name + extra;
    }
    fail_msg("no member %s", ending);
    return 0;
}

static size_t local_of(const blob *zip, size_t entry)
{
    return (size_t)blob_number(zip, entry + 42, 4);
}

static size_t data_of(const blob *zip, size_t entry)
{
    size_t local = local_of(zip, entry);
    return local + LOCAL + (size_t)blob_number(zip, local + 26, 2) + (size_t)blob_number(zip, local + 28, 2);
}

/* Gives a member another name of the same length, here and there. */
static void rename_member(blob *zip, const char *ending, const char *to)
{
    size_t entry = find_entry(zip, ending), name = (size_t)blob_number(zip, entry + 28, 2), n = strlen(to);
    memcpy(zip->data + entry + ENTRY + name - n, to, n);
    memcpy(zip->data + local_of(zip, entry) + LOCAL + name - n, to, n);
}

static void change_method(blob *zip)
{
    blob_set_number(zip, find_entry(zip, "data/0") + 10, 8, 2);
}

static void change_local_method(blob *zip)
{
    blob_set_number(zip, local_of(zip, find_entry(zip, "data/0")) + 8, 8, 2);
}

static void encrypt(blob *zip)
{
    size_t entry = find_entry(zip, "data/0");
    blob_set_number(zip, entry + 8, 1, 2);
    blob_set_number(zip, local_of(zip, entry) + 6, 1, 2);
}

static void change_local_flags(blob *zip)
{
    size_t local = local_of(zip, find_entry(zip, "data/0"));
    blob_set_number(zip, local + 6, blob_number(zip, local + 6, 2) ^ 0x800, 2);
}

static void change_local_name(blob *zip)
{
    zip->data[local_of(zip, find_entry(zip, "data/0")) + LOCAL] ^= 1;
}

static void change_local_size(blob *zip)
{
    blob_set_number(zip, local_of(zip, find_entry(zip, "data/0")) + 22, 9, 4);
}

static void change_local_crc(blob *zip)
{
    blob_set_number(zip, local_of(zip, find_entry(zip, "data/0")) + 14, 9, 4);
}

static void grow_member(blob *zip)
{
    size_t entry = find_entry(zip, "data/1"), local = local_of(zip, entry);
    for (int i = 0; i < 2; i++) {
        blob_set_number(zip, entry + 20 + (size_t)i * 4, 500, 4);
        if (blob_number(zip, local + 22, 4)) blob_set_number(zip, local + 18 + (size_t)i * 4, 500, 4);
    }
}

static void put_member_outside(blob *zip)
{
    blob_set_number(zip, find_entry(zip, "data/1") + 42, zip->length + 5, 4);
}

static void change_number(blob *zip)
{
    zip->data[data_of(zip, find_entry(zip, "data/2"))] ^= 1;
}

static void change_pickle(blob *zip)
{
    zip->data[data_of(zip, find_entry(zip, "data.pkl")) + 40] ^= 1;
}

static void add_comment(blob *zip)
{
    blob_set_number(zip, zip->length - 2, 3, 2);
    blob_put(zip, "abc", 3);
}

static void add_byte_behind(blob *zip)
{
    blob_put(zip, "x", 1);
}

static void add_bytes_in_front(blob *zip)
{
    blob moved = {NULL, 0};
    size_t end = zip->length - END, begin = (size_t)blob_number(zip, end + 16, 4);
    blob_put(&moved, "PK\3\4", 4);
    for (size_t at = begin; at < end - WIDE_END;) {
        blob_set_number(zip, at + 42, blob_number(zip, at + 42, 4) + 4, 4);
        at += ENTRY + (size_t)blob_number(zip, at + 28, 2) + (size_t)blob_number(zip, at + 30, 2);
    }
    blob_set_number(zip, end + 16, begin + 4, 4);
    blob_set_number(zip, end - WIDE_END + 48, begin + 4, 8);
    blob_set_number(zip, end - 20 + 8, end - WIDE_END + 4, 8);
    blob_put(&moved, zip->data, zip->length);
    blob_free(zip);
    *zip = moved;
}

static void comment_a_member(blob *zip)
{
    blob_set_number(zip, find_entry(zip, "data/1") + 32, 1, 2);
}

static void repeat_name(blob *zip)
{
    rename_member(zip, "data/1", "data/0");
}

static void repeat_name_in_capitals(blob *zip)
{
    rename_member(zip, "data/1", "DATA/0");
}

static void climb(blob *zip)
{
    rename_member(zip, "data/7", "../a/7");
}

static void lose_record(blob *zip)
{
    rename_member(zip, "data/7", "data/8");
}

static void pose_as_torchscript(blob *zip)
{
    rename_member(zip, "data/7", "code/7");
}

static void lose_pickle(blob *zip)
{
    rename_member(zip, "data.pkl", "data.pkk");
}

static void pose_as_big_endian(blob *zip)
{
    memcpy(zip->data + data_of(zip, find_entry(zip, "byteorder")), "bigbig", 6);
}

static void miscount(blob *zip)
{
    for (size_t i = 0; i < 2; i++) blob_set_number(zip, zip->length - END + 8 + 2 * i, 3, 2);
    for (size_t i = 0; i < 2; i++) blob_set_number(zip, zip->length - END - WIDE_END + 24 + 8 * i, 3, 8);
}

static void contradict_the_end(blob *zip)
{
    for (size_t i = 0; i < 2; i++) blob_set_number(zip, zip->length - END + 8 + 2 * i, 3, 2);
}

static void split_volumes(blob *zip)
{
    blob_set_number(zip, zip->length - END + 4, 1, 2);
}

static void move_directory(blob *zip)
{
    blob_set_number(zip, zip->length - END + 16, blob_number(zip, zip->length - END + 16, 4) - 1, 4);
    blob_set_number(zip, zip->length - END - WIDE_END + 48, blob_number(zip, zip->length - END + 16, 4), 8);
}

/* PyTorch always writes the 64-bit end records: the first member's fields, and those of the end, in 64 bits too. */
static void widen(blob *zip)
{
    blob wide = {NULL, 0};
    size_t end = zip->length - END - WIDE_END, begin = (size_t)blob_number(zip, end + WIDE_END + 16, 4);
    size_t count = (size_t)blob_number(zip, end + WIDE_END + 10, 2);
    size_t name = (size_t)blob_number(zip, begin + 28, 2), extra = (size_t)blob_number(zip, begin + 30, 2), size, at;
    uint64_t values[3] = {blob_number(zip, begin + 24, 4), blob_number(zip, begin + 20, 4), blob_number(zip, begin + 42, 4)};
    blob_set_number(zip, begin + 20, 0xffffffff, 4);
    blob_set_number(zip, begin + 24, 0xffffffff, 4);
    blob_set_number(zip, begin + 42, 0xffffffff, 4);
    blob_set_number(zip, begin + 30, extra + 28, 2);
    blob_put(&wide, zip->data, begin + ENTRY + name);
    blob_put_number(&wide, 1, 2);
    blob_put_number(&wide, 24, 2);
    for (int i = 0; i < 3; i++) blob_put_number(&wide, values[i], 8);
    blob_put(&wide, zip->data + begin + ENTRY + name, end - begin - ENTRY - name);
    at = wide.length, size = at - begin;
    blob_put(&wide, "PK\6\6", 4);
    blob_put_number(&wide, 44, 8);
    blob_put_number(&wide, 0x2d002d, 4);
    blob_put_number(&wide, 0, 8);
    blob_put_number(&wide, count, 8);
    blob_put_number(&wide, count, 8);
    blob_put_number(&wide, size, 8);
    blob_put_number(&wide, begin, 8);
    blob_put(&wide, "PK\6\7", 4);
    blob_put_number(&wide, 0, 4);
    blob_put_number(&wide, at, 8);
    blob_put_number(&wide, 1, 4);
    blob_put(&wide, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0", END);
    blob_free(zip);
    *zip = wide;
}

static void claim_a_million_members(blob *zip)
{
    widen(zip);
    for (size_t i = 0; i < 2; i++) blob_set_number(zip, zip->length - END - 76 + 24 + 8 * i, 1000000, 8);
}

static void lose_wide_end(blob *zip)
{
    widen(zip);
    zip->data[zip->length - END - 76] = 'Q';
}

static const struct {
    void (*change)(blob *zip);
    int32_t status;
    const char *sentence;
} zip_cases[] = {
    {widen, NST_OK, ""},
    {change_method, NST_ERR_WEIGHTS_FORMAT, "compressed"},
    {change_local_method, NST_ERR_WEIGHTS_FORMAT, "local header"},
    {encrypt, NST_ERR_WEIGHTS_FORMAT, "encrypted"},
    {change_local_flags, NST_ERR_WEIGHTS_FORMAT, "local header"},
    {change_local_name, NST_ERR_WEIGHTS_FORMAT, "another name"},
    {change_local_size, NST_ERR_WEIGHTS_FORMAT, "another size"},
    {change_local_crc, NST_ERR_WEIGHTS_FORMAT, "another checksum"},
    {grow_member, NST_ERR_WEIGHTS_FORMAT, "overlap"},
    {put_member_outside, NST_ERR_WEIGHTS_FORMAT, "outside the file"},
    {change_number, NST_ERR_WEIGHTS_FORMAT, "checksum of 'features.2.weight'"},
    {change_pickle, NST_ERR_WEIGHTS_FORMAT, "checksum of data.pkl"},
    {add_comment, NST_ERR_WEIGHTS_FORMAT, "bytes added"},
    {add_byte_behind, NST_ERR_WEIGHTS_FORMAT, "bytes added"},
    {add_bytes_in_front, NST_ERR_WEIGHTS_FORMAT, "bytes before"},
    {comment_a_member, NST_ERR_WEIGHTS_FORMAT, "comment"},
    {repeat_name, NST_ERR_WEIGHTS_FORMAT, "one name"},
    {repeat_name_in_capitals, NST_ERR_WEIGHTS_FORMAT, "one name"},
    {climb, NST_ERR_WEIGHTS_FORMAT, "improper name"},
    {lose_record, NST_ERR_WEIGHTS_FORMAT, "data/7 is missing"},
    {pose_as_torchscript, NST_ERR_UNSUPPORTED, "TorchScript"},
    {lose_pickle, NST_ERR_WEIGHTS_FORMAT, "no data.pkl"},
    {pose_as_big_endian, NST_ERR_UNSUPPORTED, "big-endian"},
    {miscount, NST_ERR_WEIGHTS_FORMAT, "longer than its members"},
    {contradict_the_end, NST_ERR_WEIGHTS_FORMAT, "two end records"},
    {split_volumes, NST_ERR_WEIGHTS_FORMAT, "volumes"},
    {move_directory, NST_ERR_WEIGHTS_FORMAT, "not where"},
    {claim_a_million_members, NST_ERR_WEIGHTS_FORMAT, "too many members"},
    {lose_wide_end, NST_ERR_WEIGHTS_FORMAT, "64-bit end record"},
};

static void rules_of_the_zip(void **state)
{
    for (size_t i = 0; i < sizeof zip_cases / sizeof zip_cases[0]; i++) {
        blob file = read_seed("pth/plain_zip");
        zip_cases[i].change(&file);
        if (zip_cases[i].status < 0) expect_refusal(*state, &file, zip_cases[i].status, zip_cases[i].sentence);
        else if (load_status(*state, &file) != NST_OK) fail_msg("case %zu: %s", i, nst_ctx_error(*state));
        blob_free(&file);
    }
}

/* A record shared by several tensors is checked as well. */
static void shared_records_are_checked(void **state)
{
    blob file = read_seed("pth/views_zip");
    file.data[data_of(&file, find_entry(&file, "data/0")) + 700] ^= 4;
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "checksum of record '0'");
    blob_free(&file);
}

/* ---- the old format ---- */

static const unsigned char legacy_magic[15] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                               0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

/* As Python 2 wrote it: short byte strings, OrderedDict of a list, _rebuild_tensor with four arguments. One convolution 3 -> 2.
 */
static blob make_python2_file(uint64_t first_count)
{
    static const char head[] = "\x80\2M\xe9\3.\x80\2}(U\rlittle_endian\x88U\nprotocol_vM\xe9\3u.";
    static const char object[] =
        "\x80\2ccollections\nOrderedDict\n(](](U\10c.weightctorch._utils\n_rebuild_tensor\n((U\7storage"
        "ctorch\nFloatStorage\nU\1aU\3cpuK\x36NtQK\0(K\2K\3K\3K\3t(K\x1bK\x09K\3K\1ttRe](U\6c.biasctorch._utils\n"
        "_rebuild_tensor\n((U\7storagectorch\nFloatStorage\nU\1bU\3cpuK\2NtQK\0(K\2t(K\1ttRee"
        "tR.";
    static const char keys[] = "\x80\2](U\1bU\1ae.";
    blob out = {NULL, 0};
    blob_put(&out, legacy_magic, sizeof legacy_magic);
    blob_put(&out, head, sizeof head - 1);
    blob_put(&out, object, sizeof object - 1);
    blob_put(&out, keys, sizeof keys - 1);
    blob_put_number(&out, first_count, 8);
    blob_put_number(&out, UINT64_C(0x400000003f800000), 8); /* 1, 2 */
    blob_put_number(&out, 54, 8);
    for (int i = 0; i < 54; i++) blob_put_number(&out, 0x3f800000 + (uint64_t)i, 4);
    return out;
}

static void files_of_python_2(void **state)
{
    blob file = make_python2_file(2);
    nst_weights weights;
    nst_bytes bytes;
    nst_error error;
    nst_bytes_from_memory(&bytes, file.data, file.length);
    if (nst_weights_read(*state, &bytes, "test", &weights, &error) < 0) fail_msg("%s", error.text);
    assert_int_equal(weights.conv_count, 1);
    assert_true(weights.convs[0].bias[1] == 2 && weights.convs[0].weight[0] == 1 && weights.convs[0].weight[53] > 1);
    nst_weights_clear(&weights);
    blob_free(&file);
}

static void rules_of_the_old_format(void **state)
{
    static const uint64_t counts[] = {0, 1, 3, UINT64_MAX, UINT64_C(1) << 62};
    blob file;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        file = make_python2_file(counts[i]);
        expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "length its tensors expect");
        blob_free(&file);
    }
    file = make_python2_file(2);
    blob_set_number(&file, 18, 1002, 2);
    expect_refusal(*state, &file, NST_ERR_UNSUPPORTED, "1001");
    blob_free(&file);
    file = make_python2_file(2);
    file.data[blob_find(&file, "endian\x88", 7, 0) + 6] = 0x89;
    expect_refusal(*state, &file, NST_ERR_UNSUPPORTED, "big-endian");
    blob_free(&file);
    file = make_python2_file(2);
    memcpy(file.data + blob_find(&file, "U\1bU\1ae", 7, 0), "U\1bU\1be", 7);
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "list of storages");
    blob_free(&file);
    file = make_python2_file(2);
    memcpy(file.data + blob_find(&file, "U\1bU\1ae", 7, 0), "U\1bNNNe", 7); /* a list shorter than the storages */
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "list of storages");
    blob_free(&file);
    file = read_seed("pth/plain_legacy");
    file.length -= 1;
    expect_refusal(*state, &file, NST_ERR_WEIGHTS_FORMAT, "truncated");
    blob_free(&file);
}

static void hostile_files(void **state)
{
    static const char *const names[] = {"pth/module_zip", "pth/module_legacy", "pth/checkpoint_legacy", "pth/views_zip"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        blob file = read_seed(names[i]);
        refuses_every_truncation(*state, &file);
        survives_every_flip(*state, &file, 0, file.length);
        survives_every_failed_allocation(&file);
        blob_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_of_pytorch_load_bit_identically, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(programs_run_or_are_refused, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(every_other_opcode_is_refused, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(deep_and_wide_programs_stay_bounded, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(rules_of_the_zip, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(shared_records_are_checked, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(files_of_python_2, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(rules_of_the_old_format, new_ctx, free_ctx),
        cmocka_unit_test_setup_teardown(hostile_files, new_ctx, free_ctx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
