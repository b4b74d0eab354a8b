"""Every public header compiles alone, without warnings, in every language it promises.

headers.py INCLUDE_DIR CC [CXX]: compiler commands as single words separated by commas.
"""
import pathlib
import subprocess
import sys
import tempfile

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror", "-fsyntax-only"]
C_MODES = [["-std=c99"], ["-std=c11"], ["-std=c17"], ["-std=c11", "-D_GNU_SOURCE"], ["-std=c11", "-DNST_STATIC"]]
CXX_MODES = [["-std=c++17"], ["-std=c++17", "-D_GNU_SOURCE"], ["-std=c++11"]]


def compile_alone(compiler, mode, header, include, folder, suffix):
    source = folder / f"alone{suffix}"
    use = "int main(void) { nst_progress p; NST_INIT(p); return (int)p.size == 0; }\n" if header == "nst.h" else ""
    source.write_text(f"#include <nst/{header}>\n#include <nst/{header}>\n{use}typedef int not_empty;\n")
    command = [*compiler.split(","), *mode, *STRICT, f"-I{include}", str(source)]
    return subprocess.run(command, capture_output=True, text=True)


def main(include, *compilers):
    headers = sorted(path.name for path in (pathlib.Path(include) / "nst").glob("*.h"))
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        for compiler, modes, suffix in zip(compilers, (C_MODES, CXX_MODES), (".c", ".cc")):
            for mode in modes:
                for header in headers:
                    result = compile_alone(compiler, mode, header, include, pathlib.Path(name), suffix)
                    if result.returncode != 0:
                        failures += 1
                        print(f"{header} {' '.join(mode)}:\n{result.stderr}")
    print(f"{len(headers)} headers, {failures} failures")
    return failures or not headers


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
