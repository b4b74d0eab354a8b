"""The declarations against the headers: by the generator's own check, and by a C compiler."""
import ctypes
import os
import re
import shutil
import subprocess
import sys
import unittest

from support import BINDINGS, ROOT, TestCase

from nst import _raw, errors

COMPILER = os.environ.get("NST_TEST_CC", "cc").split()

C_NAMES = {ctypes.c_int32: "int32_t", ctypes.c_uint32: "uint32_t", ctypes.c_int64: "int64_t", ctypes.c_uint64: "uint64_t",
           ctypes.c_float: "float", ctypes.c_double: "double", ctypes.c_char: "char", ctypes.c_char_p: "char *",
           ctypes.c_void_p: "void *", None: "void"}


def declare(kind, name):
    """C for something of a ctypes type."""
    if kind in C_NAMES:
        return "%s %s" % (C_NAMES[kind], name)
    if issubclass(kind, ctypes.Structure):
        return "%s %s" % (kind.__name__, name)
    if issubclass(kind, ctypes.Array):
        return declare(kind._type_, "%s[%d]" % (name, kind._length_))
    if issubclass(kind, ctypes._CFuncPtr):
        return function(kind._restype_, kind._argtypes_, "(*%s)" % name)
    return declare(kind._type_, "*" + name)


def function(result, arguments, name):
    return declare(result, "%s(%s)" % (name, ", ".join(declare(kind, "") for kind in arguments) or "void"))


def program():
    """C that compiles only if every declaration of _raw means what the headers say. `const` is defined away: ctypes has none."""
    lines = ["#include <stddef.h>", "#include <stdint.h>", "#define const", "#include <nst/nst.h>"]
    check = "_Static_assert(%s, \"%s\");"
    for name, (result, arguments) in _raw.PROTOTYPES.items():
        lines.append(function(result, arguments, name) + ";")
    for name, kind in _raw.CALLBACKS.items():
        lines.append("typedef %s;" % declare(kind, name))
    for struct in _raw.STRUCTS:
        name = struct.__name__
        lines.append(check % ("sizeof(%s) == %d" % (name, ctypes.sizeof(struct)), name))
        for field, kind in struct._fields_:
            where = "offsetof(%s, %s) == %d" % (name, field, getattr(struct, field).offset)
            same = "__builtin_types_compatible_p(__typeof__(((%s *)0)->%s), __typeof__(%s))" % (
                name, field, declare(kind, "").strip())
            lines += [check % (where, name + "." + field), check % (same, name + "." + field)]
    for enum, (name, prefix) in _raw.ENUMS.items():
        for member, value in enum.__members__.items():
            lines.append(check % ("(%s)%s%s == %d" % (name, prefix, member, value), member))
    lines.append(check % ("NST_API_VERSION == %d" % _raw.NST_API_VERSION, "NST_API_VERSION"))
    return "\n".join(lines) + "\nint main(void) { return 0; }\n"


class Declarations(TestCase):
    def compile(self, source):
        path = self.folder / "check.c"
        path.write_text(source)
        return subprocess.run(COMPILER + ["-std=gnu11", "-fsyntax-only", "-Werror", "-I", str(ROOT / "include"), str(path)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def test_generated_file_is_current(self):
        for script in ("generate_raw.py", "generate_stubs.py"):
            result = subprocess.run([sys.executable, str(BINDINGS / script), "--check"], stderr=subprocess.PIPE)
            self.assertEqual(result.returncode, 0, result.stderr)

    @unittest.skipUnless(shutil.which(COMPILER[0]), "needs a C compiler")
    def test_compiler_agrees(self):
        result = self.compile(program())
        self.assertEqual(result.returncode, 0, result.stdout)

    @unittest.skipUnless(shutil.which(COMPILER[0]), "needs a C compiler")
    def test_compiler_would_object(self):
        """The check above can fail: a wrong size, a wrong argument, a wrong enumerator."""
        source = program()
        for right, wrong in [("sizeof(nst_progress) == ", "sizeof(nst_progress) == 1"), ("nst_image_resize(nst_image *, uint32_t",
                             "nst_image_resize(nst_image *, uint64_t"), ("NST_ERR_IO == -3", "NST_ERR_IO == -4")]:
            self.assertIn(right, source)
            self.assertNotEqual(self.compile(source.replace(right, wrong)).returncode, 0, right)

    def test_every_exported_function(self):
        exported = set(re.findall(r"^\s+(nst_\w+);", (ROOT / "nst.map").read_text(), re.M))
        stable = {name for name in exported if not name.startswith("nst_x_")}
        self.assertEqual(stable, set(_raw.PROTOTYPES))

    def test_structs_begin_with_size(self):
        for struct in _raw.STRUCTS:
            self.assertEqual(struct._fields_[0], ("size", ctypes.c_uint32), struct)

    def test_every_error_has_a_class(self):
        for status in _raw.Status:
            if status < 0:
                kind = errors.CLASSES[status]
                made = errors.error(status, "text")
                self.assertIs(type(made), kind)
                self.assertEqual((made.code, str(made)), (status, "text"))


if __name__ == "__main__":
    unittest.main()
