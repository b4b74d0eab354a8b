"""Every rule fails when it is broken: each is tried on a small sound tree, and on that tree with one violation of it."""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True

import rules  # noqa: E402

SOUND = {
    "include/nst/error.h": "/* Codes. */\n    NST_ERR_IO = -3, /* io */\n    NST_ERR_NOMEM = -2,\n\n"
                           "/* Says what. */\nNST_API const char *nst_strerror(int32_t status);\n",
    "lib/base/error.c": '#include "base/error.h"\n/* free() is called elsewhere */\nconst char *nst_strerror(int32_t status)\n{\n'
                        "    return texts[status]; /* NST_ERR_IO NST_ERR_NOMEM */\n}\n",
    "lib/base/alloc.c": "void nst_free(void *block)\n{\n    free(block);\n}\n",
    "lib/kernels/gram.c": '#include "kernels/kernels.h"\n#include "tensor/shape.h"\nstatic int f(void)\n{\n    return 0;\n}\n',
    "lib/session/objective.c": '#include "net/net.h"\n#include "loss/loss.h"\n#include "optim/optim.h"\n',
    "tools/main.c": "#include <nst/nst.h>\nint main(void)\n{\n    return puts(\"%f\");\n}\n",
    "nst.map": "NST_0.1 {\nglobal:\n    nst_strerror;\nlocal:\n    *;\n};\n",
}


def body(lines):
    return "static int f(void)\n{\n" + "    g();\n" * lines + "}\n"


# Rule -> files that break it, added to the sound tree or put in place of its own.
BROKEN = {
    "room_arrows": [{"lib/optim/a.c": '#include "image/image.h"\n'}, {"lib/loss/a.c": '#include "optim/optim.h"\n'},
                    {"lib/net/a.c": '#include "loss/loss.h"\n'}, {"lib/base/a.c": '#include "kernels/kernels.h"\n'},
                    {"lib/kernels/a.c": '#include "base/alloc.h"\n'}],
    "objective_alone": [{"lib/api/a.c": '#include "net/n.h"\n#include "loss/l.h"\n#include "optim/o.h"\n'}],
    "foreign_headers": [{"lib/image/a.c": "#include <png.h>\n"}, {"lib/session/a.c": "#include <pthread.h>\n"},
                        {"lib/kernels/a.c": "#include <immintrin.h>\n"}],
    "public_headers": [{"include/nst/a.h": "#include <png.h>\n"}],
    "users_stay_outside": [{"tools/a.c": '#include "base/alloc.h"\n'}, {"docs/examples/a.cpp": '#include "../lib/base/alloc.h"\n'}],
    "banned_calls": [{"lib/net/a.c": "    p = malloc(4);\n"}, {"lib/net/a.c": "    getenv(\"HOME\");\n"},
                     {"lib/net/a.c": "    printf(\"x\");\n"}, {"lib/net/a.c": "    fprintf(stderr, \"x\");\n"},
                     {"lib/net/a.c": "    if (fopen(p, \"r\")) return;\n"}, {"lib/net/a.c": "    strcpy(a, b);\n"},
                     {"lib/net/a.c": "    setlocale(1, \"\");\n"}, {"lib/net/a.c": "    assert(x);\n"}],
    "number_formats": [{"lib/net/a.c": '    snprintf(b, n, "%.3f", x);\n'}, {"lib/net/a.c": '    nst_fail(e, C, "at %g", x);\n'}],
    "documented": [{"include/nst/a.h": "NST_API int32_t nst_strerror(int32_t x);\n"}],
    "map_matches_headers": [{"include/nst/a.h": "/* New. */\nNST_API int32_t nst_new_call(int32_t x);\n"}],
    "defined_once": [{"lib/base/error.c": "/* NST_ERR_IO NST_ERR_NOMEM */\n"}],
    "error_codes": [{"include/nst/error.h": SOUND["include/nst/error.h"].replace("-3", "-2")},
                    {"lib/base/error.c": SOUND["lib/base/error.c"].replace("NST_ERR_IO", "")}],
    "short_functions": [{"lib/net/a.c": body(151)}, {"lib/net/a.c": body(16) * 9}, {"lib/net/a.c": body(61) + body(1) * 3}],
    "line_lengths": [{"lib/net/a.c": "x" * 141 + "\n"}],
    "links": [{"README.md": "see [there](docs/nowhere.md)\n"}, {"docs/lost.md": "Nobody links here.\n"}],
    "forbidden_words": [{"docs/a.md": "TO" + "DO: later\n"}, {"lib/net/a.c": "/* see /wo" + "rk/shared */\n"}],
}


def violations(files):
    with tempfile.TemporaryDirectory() as name:
        for path, text in files.items():
            target = pathlib.Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return rules.check(name)


def main():
    sound = {name: found for name, found in violations(SOUND).items() if found}
    assert not sound, f"the sound tree is called broken: {sound}"
    assert BROKEN.keys() == {rule.__name__ for rule in rules.RULES}, "a rule has no example of its violation"
    for rule, examples in BROKEN.items():
        for example in examples:
            assert violations({**SOUND, **example})[rule], f"{rule} did not see {example}"
    print(f"{len(BROKEN)} rules, {sum(map(len, BROKEN.values()))} violations, all seen")


if __name__ == "__main__":
    main()
