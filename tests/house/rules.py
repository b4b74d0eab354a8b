"""The repository's own rules, each a function from a source tree to a list of violations."""
import pathlib
import re
import statistics

# Which rooms of lib/ a room may include headers of. Everything may include itself and the public headers' types.
ROOMS = {
    "base": set(),
    "tensor": set(),
    "kernels": {"tensor"},
    "image": {"base"},
    "weights": {"base"},
    "net": {"base", "tensor", "kernels", "weights"},
    "loss": {"base", "tensor", "kernels"},
    "optim": {"base", "kernels"},
    "session": {"base", "tensor", "kernels", "image", "weights", "net", "loss", "optim"},
    "measure": {"base", "tensor", "kernels", "image", "weights", "net", "loss", "session"},
    "api": {"base", "image", "weights", "session", "measure"},
}
# Single headers of other rooms that a room may also include, with the reason.
ALSO = {
    "kernels": {"base/real.h": "the type of a number, float or double"},
}
# Single headers of lib/ that programs may include, with the reason.
SHARED = {
    "base/nearest.h": "compiled into the command as well: both suggest words",
}
# Headers that belong to named files of lib/ alone.
HOMES = {
    "png.h": {"image/png.c"},
    "jpeglib.h": {"image/jpeg.c"},
    "setjmp.h": {"image/png.c", "image/jpeg.c"},
    "lcms2.h": {"image/icc.c"},
    "cblas.h": {"kernels/cblas.c"},
    "pthread.h": {"base/thread.c"},
    "signal.h": {"base/thread.c"},
    "sched.h": {"base/cpu.c"},
    "locale.h": {"base/number.c"},
    "zlib.h": {"weights/load.c", "weights/pickle.c", "weights/pth_zip.c"},
    "jansson.h": {"weights/safetensors.c", "session/options_json.c", "session/checkpoint.c"},
    "immintrin.h": {"kernels/x86/v16_avx2.h", "kernels/x86/v16_avx512.h"},
    "cpuid.h": {"base/cpu.c"},
    "sys/syscall.h": {"base/cpu.c", "base/futex.c"},
}
# Calls that only named files of lib/ may make.
CALLS = {
    r"malloc|calloc|realloc|free|posix_memalign|aligned_alloc|strdup|strndup": {"base/alloc.c"},
    r"getenv|secure_getenv": {"base/cpu.c", "weights/search.c"},
    r"fopen|fdopen|freopen|open|openat|creat|mkstemp|mkostemp|tmpfile": {"base/file.c", "base/cpu.c"},
    r"pthread_\w+": {"base/thread.c"},
    r"printf|vprintf|puts|putchar|perror": set(),
    r"setlocale|uselocale|localeconv|newlocale": {"base/number.c"},
    r"strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca": set(),
    r"atof|atoi|atol|strtod|strtof|sscanf": {"base/number.c"},
    r"exit|_exit|abort|quick_exit|assert|signal|sigaction|system|popen|fork": {"base/thread.c"},
    r"rand|srand|random|drand48|time|gettimeofday": set(),
    r"mmap|munmap|dlopen": set(),
}
FORMAT = re.compile(r"%[-+ #0-9.*]*(?:L|l)?[fFgGeEaA]\b")
FORBIDDEN = re.compile("|".join([r"\bTO" + "DO\\b", r"\bFIX" + "ME\\b", r"\bXX" + "X\\b", r"\bHA" + "CK\\b", "/wo" + "rk/", "Clau" + "de",
                                 "Anthro" + "pic", "Chat" + "GPT", r"\bA" + r"I\b", r"\bLL" + r"M\b"]))
LONGEST_LINE = 140
MEDIAN_FUNCTION, P90_FUNCTION, LONGEST_FUNCTION = 15, 60, 150


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def sources(root, *folders, suffixes=(".c", ".h")):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path


def without_comments(text):
    """Comments become blanks; line numbers stay."""
    def blank(match):
        return match.group(0) if match.group(0)[0] in "\"'" else re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def without_strings(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def lines_matching(root, path, pattern, text, what):
    for number, line in enumerate(text.splitlines(), 1):
        for match in re.finditer(pattern, line):
            yield f"{path.relative_to(root)}:{number}: {what} {match.group(0).strip(' (')}"


def includes(path):
    return re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', without_comments(read(path)), re.M)


def room_arrows(root):
    """A room of lib/ includes only the rooms below it."""
    found = []
    for path in sources(root, "lib"):
        room = path.relative_to(root / "lib").parts[0]
        for header in includes(path):
            other = header.split("/")[0]
            if other not in ROOMS or other == room or room not in ROOMS:
                continue
            if other not in ROOMS[room] and header not in ALSO.get(room, {}):
                found.append(f"{path.relative_to(root)}: {room} must not include {header}")
    return found


def objective_alone(root):
    """Only the objective sees the network, the losses and the optimiser's world together."""
    found = []
    for path in sources(root, "lib"):
        rooms = {header.split("/")[0] for header in includes(path)}
        if {"net", "loss", "optim"} <= rooms and path.parent.name != "session":
            found.append(f"{path.relative_to(root)}: sees net, loss and optim")
    return found


def foreign_headers(root):
    """Headers of other libraries, threads and jumps each have their named files."""
    found = []
    for path in sources(root, "lib"):
        for header in includes(path):
            home = HOMES.get(header)
            if home is not None and str(path.relative_to(root / "lib")) not in home:
                found.append(f"{path.relative_to(root)}: {header} belongs to {', '.join(sorted(home)) or 'no file'}")
    return found


def public_headers(root):
    """Public headers include only each other and two C headers."""
    allowed = {"stddef.h", "stdint.h"}
    return [f"{path.relative_to(root)}: includes {header}" for path in sources(root, "include") for header in includes(path)
            if header not in allowed and not header.startswith("nst/")]


def users_stay_outside(root):
    """Programs, examples and the tests of the interface see the public headers alone."""
    rooms = tuple(f"{room}/" for room in ROOMS)
    exempt = {"first_sizes.c"}
    found = []
    for path in sources(root, "tools", "docs/examples", "bindings", "tests/api", "tests/abi", "tests/fault",
                        suffixes=(".c", ".h", ".cpp")):
        if path.name in exempt:
            continue
        found += [f"{path.relative_to(root)}: includes lib header {header}" for header in includes(path)
                  if (header.startswith(rooms) or "lib/" in header) and not (header in SHARED and path.parent.name == "tools")]
    return found


def banned_calls(root):
    """Memory, files, threads, environment and locale are touched in their own files; nothing prints, exits or asserts."""
    found = []
    for path in sources(root, "lib"):
        text = without_strings(without_comments(read(path)))
        name = str(path.relative_to(root / "lib"))
        for pattern, homes in CALLS.items():
            if name not in homes:
                found += lines_matching(root, path, rf"(?<![\w.>])(?:{pattern})\s*\(", text, "calls")
        found += lines_matching(root, path, r"\b(?:stdout|stderr)\b", text, "uses")
    return found


def number_formats(root):
    """Floating-point numbers are never printed with the locale's decimal point."""
    found = []
    for path in sources(root, "lib"):
        if path.relative_to(root / "lib").parts != ("base", "number.c"):
            for number, line in enumerate(without_comments(read(path)).splitlines(), 1):
                found += [f"{path.relative_to(root)}:{number}: formats with {match.group(0)}"
                          for text in re.findall(r'"(?:\\.|[^"\\\n])*"', line) for match in FORMAT.finditer(text.replace("%%", ""))]
    return found


def documented(root):
    """Every public function stands in a paragraph that has a comment."""
    found = []
    for path in sources(root, "include"):
        for paragraph in re.split(r"\n\s*\n", read(path)):
            names = re.findall(r"^NST_API\b[^;]*?\b(nst_\w+)\s*\(", paragraph, re.M)
            if names and "/*" not in paragraph:
                found += [f"{path.relative_to(root)}: {name} has no comment" for name in names]
    return found


def map_matches_headers(root):
    """nst.map lists what the headers declare, experimental calls excepted."""
    declared = set()
    for path in sources(root, "include"):
        declared.update(re.findall(r"^NST_API\b[^;]*?\b(nst_\w+)\s*\(", without_comments(read(path)), re.M))
    exports = read(root / "nst.map").split("local:")[0]
    listed = set(re.findall(r"\b(nst_\w+)\s*;", without_comments(exports)))
    declared = {name for name in declared if not name.startswith("nst_x_")}
    return [f"nst.map and the headers differ in {name}" for name in sorted(declared ^ listed)]


def defined_once(root):
    """Every public function is defined once."""
    text = "\n".join(without_comments(read(path)) for path in sources(root, "lib", suffixes=(".c",)))
    listed = set(re.findall(r"\b(nst_\w+)\s*;", read(root / "nst.map")))
    return [f"{name} is defined {count} times in lib" for name in sorted(listed)
            if (count := len(re.findall(rf"^\w[\w *]*?\b{name}\([^;{{]*\)\n{{", text, re.M))) != 1]


def error_codes(root):
    """Numbers and names of status codes are unique, and every one has a text and a name."""
    header, table = read(root / "include/nst/error.h"), read(root / "lib/base/error.c")
    codes = re.findall(r"^\s*(NST_ERR_\w+)\s*=\s*(-\d+)", header, re.M)
    found = [f"error.h: {number} is used twice" for number in {n for _, n in codes if [m for _, m in codes].count(n) > 1}]
    for name, _ in codes:
        if not re.search(rf"\b{name}\b", table) and not re.search(rf"\b{name.removeprefix('NST_ERR_')}\b", table):
            found.append(f"lib/base/error.c: {name} has no text")
    return found + ([] if codes else ["error.h: no codes found"])


def function_lengths(path):
    """(name, lines) of every function, from the brace in column 0 to the closing one."""
    lines, start = read(path).splitlines(), None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = next((text for text in reversed(lines[:start]) if re.match(r"[A-Za-z_]", text)), "?")
            yield (re.search(r"(\w+)\(", head) or re.search(r"(\w+)", head)).group(1), number - start - 1
            start = None
        elif re.match(r"[A-Za-z_][^;=]*\)\s*\{.*\}$", line):
            yield re.search(r"(\w+)\(", line).group(1), 1


def short_functions(root):
    """Half of the functions fit in 15 lines, nine of ten in 60, none has more than 150."""
    found, lengths = [], []
    for path in sources(root, "lib", "tools", "docs/examples", suffixes=(".c",)):
        for name, length in function_lengths(path):
            lengths.append(length)
            if length > LONGEST_FUNCTION:
                found.append(f"{path.relative_to(root)}: {name} has {length} lines")
    lengths.sort()
    if lengths and statistics.median(lengths) > MEDIAN_FUNCTION:
        found.append(f"the median function has {statistics.median(lengths)} lines, more than {MEDIAN_FUNCTION}")
    if lengths and lengths[len(lengths) * 9 // 10] > P90_FUNCTION:
        found.append(f"a tenth of the functions has more than {lengths[len(lengths) * 9 // 10]} lines")
    return found


def line_lengths(root):
    """No line is longer than 140 characters."""
    return [f"{path.relative_to(root)}:{number}: {len(line)} characters"
            for path in sources(root, "include", "lib", "tools", "docs/examples", "tests", suffixes=(".c", ".h", ".cpp"))
            for number, line in enumerate(read(path).splitlines(), 1) if len(line) > LONGEST_LINE]


def forbidden_words(root):
    """Nothing unfinished, and nothing about how or where the code was written."""
    found = []
    for path in sources(root, "include", "lib", "tools", "docs", "tests", "bindings", "pkgconfig", "weights",
                        suffixes=(".c", ".h", ".cpp", ".py", ".sh", ".md", ".build", ".in", ".txt")):
        if "corpus" not in path.parts:
            found += lines_matching(root, path, FORBIDDEN, read(path), "says")
    return found


def links(root):
    """Links in the documentation lead somewhere, and README.md leads to every page of docs."""
    readme = read(root / "README.md") if (root / "README.md").exists() else ""
    found = [f"README.md: does not mention docs/{path.name}" for path in sorted(root.glob("docs/*.md"))
             if f"(docs/{path.name})" not in readme]
    for path in [*sorted(root.glob("*.md")), *sources(root, "docs", suffixes=(".md",))]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(path)):
            if "://" not in target and not (path.parent / target).exists():
                found.append(f"{path.relative_to(root)}: leads to {target}, which is not there")
    return found


RULES = [room_arrows, objective_alone, foreign_headers, public_headers, users_stay_outside, banned_calls, number_formats,
         documented, map_matches_headers, defined_once, error_codes, short_functions, line_lengths, forbidden_words, links]


def check(root):
    """Rule name -> violations."""
    return {rule.__name__: rule(pathlib.Path(root)) for rule in RULES}
