"""Measures everything docs/performance.md shows, and writes its tables: one command.

    python3 tests/bench/tables.py BUILD                      # all of it: hours, on a machine that does nothing else
    python3 tests/bench/tables.py BUILD --only kernels,nst   # parts: kernels, nst, versus, isa, optimise
    python3 tests/bench/tables.py BUILD --only none          # only writes the tables, from the results that are there
    python3 tests/bench/tables.py BUILD --only nst --sizes 256,512 --steps 3                  # less of a part
    python3 tests/bench/tables.py BUILD --only versus,optimise --torch-modes fp32             # on a processor without bf16
    python3 tests/bench/tables.py BUILD --quick --page FILE  # tiny sizes, to see that it works: never for the page itself

BUILD is a build folder (use --buildtype=release); the results stay in BUILD/performance as JSON. What could not be measured is left out of
the page with the command that measures it. Needs the test data; the comparisons also need PyTorch.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
PARTS = ("kernels", "nst", "versus", "isa", "optimise")
LEVELS = {"amx": "amx", "avx512": "avx512:fp32", "avx2": "avx2:fp32", "cblas": "cblas:fp32"}  # how each is set against PyTorch
FULL = {"kernels": "256,512,1024", "nst": "256,512,1024,2048,4096", "versus": "256,512,1024", "optimise": "512"}
QUICK = {"kernels": "32", "nst": "32,48", "versus": "32", "optimise": "32"}


# ---- measuring ----

class Measuring:
    def __init__(self, arguments):
        self.arguments, self.build = arguments, pathlib.Path(arguments.build).resolve()
        self.results = self.build / "performance"
        self.sizes = QUICK if arguments.quick else FULL
        if arguments.sizes:
            self.sizes = dict.fromkeys(self.sizes, arguments.sizes)
        self.nst, self.library = self.build / "tools/nst", self.build / "lib/libnst.so"
        data = pathlib.Path(os.environ.get("NST_TEST_DATA", SOURCE.parent / "shared"))
        self.weights = data / "weights/vgg19-caffe-bgr.safetensors"

    def call(self, name, *command, environment=None):
        """A program that writes results/NAME.json; a failure leaves the old results away, so that a table never mixes runs."""
        path = self.results / (name + ".json")
        path.unlink(missing_ok=True)
        words = [*map(str, command), "--json", str(path)]
        print("+", " ".join(words), flush=True)
        status = subprocess.run(words, env=dict(os.environ, **(environment or {}))).returncode
        if status:
            print("%s: exit %d%s" % (name, status, ", skipped" if status == 77 else ""), flush=True)

    def levels(self):
        found = []
        for level in LEVELS:
            done = subprocess.run([self.nst, "--version"], env=dict(os.environ, NST_CPU=level), capture_output=True, text=True)
            if "processor level: " + level in done.stdout:
                found.append(level)
        return found

    def kernels(self):
        repeat = ["--repeat", "2"] if self.arguments.quick else []
        self.call("kernels", self.build / "tests/bench/kernel_bench", "--size", self.sizes["kernels"], "--threads", self.arguments.threads,
                  *repeat)

    def bench(self):
        steps = ["--steps", 2 if self.arguments.quick else self.arguments.steps]
        weights = self.weights if self.weights.exists() else "builtin"
        for level in self.levels():
            for threads in sorted({1, self.arguments.threads}):
                self.call("nst-%s-%d" % (level, threads), self.nst, "bench", "--size", self.sizes["nst"], "--weights", weights, "--level",
                          level, "--threads", threads, *steps)

    def compare(self, name, settings, modes, *more):
        quick = ["--rounds", "2", "--block-seconds", "0.1", "--probe", "1", "--layouts", "channels_last"] if self.arguments.quick else []
        words = [word for setting in settings for word in ("--nst", setting)]
        self.call(name, sys.executable, HERE / "versus_pytorch.py", self.library, "--threads", self.arguments.threads, "--torch-modes",
                  modes, *words, *quick, *more)

    def all(self, parts):
        self.results.mkdir(exist_ok=True)
        (self.results / "machine.json").write_text(json.dumps(machine(self.build), indent=1))
        levels, modes = self.levels(), self.arguments.torch_modes
        if "kernels" in parts:
            self.kernels()
        if "nst" in parts:
            self.bench()
        if "versus" in parts:
            self.compare("versus", [LEVELS[level] for level in levels], modes, "--sizes", self.sizes["versus"])
        if "isa" in parts and "avx2" in levels:
            self.compare("isa", [LEVELS["avx2"]], "fp32", "--sizes", self.sizes["versus"], "--isa", "avx2")
        if "optimise" in parts:
            quick = ["--iterations", "10", "--pairs", "1", "--every", "2"] if self.arguments.quick else []
            best = levels[:1] if levels[:1] == ["amx"] else [LEVELS[level] for level in levels[:1]]
            self.compare("optimise", best, modes, "--optimise", "--sizes", self.sizes["optimise"], *quick)


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def field(path, name, fallback="unknown"):
    match = re.search(r"^%s\s*[:=]\s*\"?([^\"\n]*)" % re.escape(name), pathlib.Path(path).read_text(), re.M)
    return match.group(1).strip() if match else fallback


def machine(build):
    options = {o["name"]: o["value"] for o in json.loads(text_of(build / "meson-info/intro-buildoptions.json"))}
    return {"processor": field("/proc/cpuinfo", "model name", platform.machine()),
            "cores": len(os.sched_getaffinity(0)), "memory": "%.0f GiB" % (int(field("/proc/meminfo", "MemTotal").split()[0]) / 2 ** 20),
            "system": "%s, Linux %s" % (field("/etc/os-release", "PRETTY_NAME"), platform.release()),
            "compiler": first_line(shutil.which("cc") or "cc", "--version"), "buildtype": options.get("buildtype", "unknown"),
            "libnst": first_line(build / "tools/nst", "--version"), "commit": first_line("git", "-C", SOURCE, "describe", "--always", "--dirty"),
            "pytorch": first_line(sys.executable, "-c", "import torch; print(torch.__version__)"), "date": time.strftime("%Y-%m-%d")}


def text_of(path):
    return path.read_text() if path.exists() else "[]"


# ---- tables ----

def table(head, rows):
    lines = ["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head))]
    return "\n".join(lines + ["| %s |" % " | ".join(map(str, row)) for row in rows])


def seconds(value):
    return "-" if value is None else "%.3f" % value if value < 10 else "%.1f" % value


def megabytes(value):
    return "-" if not value else "%.0f" % (value / 1e6)


def percent(value):
    return "-" if value is None else "%.0f %%" % (100 * value)


def ratio(row):
    return "-" if not row else "%.1f (%.1f to %.1f)" % (row["ratio"], min(row["rounds"]), max(row["rounds"]))


class Tables:
    def __init__(self, results):
        self.loaded = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))} if results.exists() else {}

    def machine(self):
        about = self.loaded.get("machine")
        names = {"processor": "processor", "cores": "processors this process may use", "memory": "memory", "system": "system",
                 "compiler": "compiler", "buildtype": "build type", "libnst": "libnst", "commit": "commit", "pytorch": "PyTorch",
                 "date": "measured"}
        return table(["", ""], [(name, about[key]) for key, name in names.items()]) if about else None

    def versus(self, name="versus"):
        report = self.loaded.get(name)
        if not report:
            return None
        rows = []
        for result in report["results"]:
            contestants = {one["name"]: one for one in result["contestants"]}
            for ours in (one for one in result["contestants"] if one["side"] == "libnst"):
                mine = {row["mode"]: row for row in result["ratios"] if row["libnst"] == ours["name"]}
                theirs = {mode: contestants[row["pytorch"]] for mode, row in mine.items()}
                rows.append([result["size"], "%s, %s" % (ours["level"], ours["precision"]), seconds(ours["median"])]
                            + [cell for mode in ("fp32", "bf16") for cell in self.versus_cells(theirs.get(mode), mine.get(mode))]
                            + ["%.0f (%.0f to %.0f)" % tuple(result["anchor"][key] for key in ("median", "minimum", "maximum"))])
        head = ["size", "libnst", "s", "PyTorch fp32", "s", "ratio", "PyTorch bf16", "s", "ratio", "anchor MB/s"]
        settings = "PyTorch %s, %d threads, %s, history %d, %s." % (report["pytorch"], report["threads"], report["optimizer"],
                   report["history"], ", ".join("%s=%s" % pair for pair in report["environment"].items()))
        return table(head, rows) + "\n\n" + settings

    @staticmethod
    def versus_cells(theirs, row):
        if not theirs:
            return ["-", "-", "-"]
        return ["%s, %d threads" % (theirs["layout"], theirs["threads"]), seconds(theirs["median"]), ratio(row)]

    def isa(self):
        return self.versus("isa")

    def optimise(self):
        report = self.loaded.get("optimise")
        if not report:
            return None
        rows = []
        for results in report["results"]:
            for one in results:
                goal, reached = one["goal"], one["reached"]
                rows.append(["%s, %s" % (one["content"], one["style"]), one["size"], "%s, %s" % (one["about"]["level"],
                            one["about"]["precision"]), "%.5g" % goal["loss"], "%.1f" % goal["seconds"],
                            "%.1f" % reached["seconds"] if reached else "not reached", reached["step"] if reached else "-",
                            "%.1f" % one["ratio"] if reached else "-"])
        steps = report["results"][0][0]["goal"]["step"]
        return table(["pair", "size", "libnst", "PyTorch's loss after %d iterations" % steps, "PyTorch s", "libnst s", "iterations", "ratio"],
                     rows)

    def memory(self):
        report = self.loaded.get("versus")
        if not report:
            return None
        rows = []
        for result in report["results"]:
            theirs = {one["mode"]: one["peak_rss"] for one in result["contestants"] if one["side"] == "pytorch"}
            rows += [[result["size"], "%s, %s" % (one["level"], one["precision"]), megabytes(one["peak_allocator"]), megabytes(one["peak_rss"]),
                      megabytes(theirs.get("fp32")), megabytes(theirs.get("bf16"))]
                     for one in result["contestants"] if one["side"] == "libnst"]
        return table(["size", "libnst", "its allocator MB", "its process MB", "PyTorch fp32 MB", "PyTorch bf16 MB"], rows)

    def iteration(self):
        reports = [report for name, report in self.loaded.items() if name.startswith("nst-")]
        if not reports:
            return None
        alone = {(r["level"], s["size"]): s["evaluation_seconds"]["median"] for r in reports if r["threads"] == 1 for s in r["sizes"]}
        rows = []
        for report in sorted(reports, key=lambda r: (list(LEVELS).index(r["level"]) if r["level"] in LEVELS else 9, -r["threads"])):
            for one in report["sizes"]:
                middle = one["evaluation_seconds"]["median"]
                single = alone.get((report["level"], one["size"]))
                shares = [percent(one[key] / middle if one[key] is not None else None)
                          for key in ("network_seconds", "losses_seconds", "optimiser_seconds")]
                rows.append([report["level"], report["threads"], one["size"], seconds(middle), "%.2f" % one["seconds_per_megapixel"],
                             "%.2f" % (single / middle) if single and report["threads"] > 1 else "-", *shares, seconds(one["first_seconds"]),
                             megabytes(one["peak_allocated"]), megabytes(one["peak_resident"]), "%.1f" % one["anchor_gflops"]["median"]])
        return table(["level", "threads", "size", "s", "s per megapixel", "against one thread", "network", "losses", "L-BFGS", "first s",
                      "allocator MB", "process MB", "anchor GFLOP/s"], rows)

    def sums(self):
        report = self.loaded.get("kernels")
        if not report:
            return None
        rows = []
        for run in report["runs"]:
            sums = {one["group"]: one for one in run["sums"]}
            rows.append(["%s, %s" % (run["level"], run["precision"]), run["size"], "%.0f (%s)" % (run["peak_gflops"], run["peak_loop"]),
                         "%.1f" % (1e3 * sums["all"]["seconds"]), "%.0f" % sums["convolutions"]["gflops"],
                         percent(sums["convolutions"]["share_of_peak"])]
                        + [percent(sums[group]["share_of_iteration"]) for group in ("convolutions", "gram", "pools", "content", "vectors")])
        return table(["level", "size", "peak GFLOP/s", "sum ms", "convolutions GFLOP/s", "of peak", "convolutions", "Gram", "pools", "content",
                      "vectors"], rows)

    def layers(self):
        report = self.loaded.get("kernels")
        if not report:
            return None
        size = sorted({run["size"] for run in report["runs"]})
        size = 512 if 512 in size else size[-1]
        blocks = []
        for run in (run for run in report["runs"] if run["size"] == size):
            rows = [[row["layer"], row["kernel"] + (" (not in the sum)" if row["times"] == 0 else ""), "%.3f" % (1e3 * row["seconds"]),
                     "%.0f" % row["gflops"] if row["gflop"] else "-", percent(row["share_of_peak"]) if row["gflop"] else "-",
                     "%.1f" % row["gigabytes_per_second"], "%.1f %%" % (100 * row["share_of_iteration"])] for row in run["rows"]]
            title = "**%s, %s**, %d x %d, %d threads, peak %.0f GFLOP/s (%s):" % (run["level"], run["precision"], size, size, run["threads"],
                                                                              run["peak_gflops"], run["peak_loop"])
            blocks.append(title + "\n\n" + table(["layer", "kernel", "ms", "GFLOP/s", "of peak", "GB/s", "of the sum"], rows))
        return "\n\n".join(blocks)


def write(page, tables):
    """Replaces what stands between <!-- begin NAME --> and <!-- end NAME -->."""
    text = page.read_text()
    for name in re.findall(r"<!-- begin (\w+) -->", text):
        made = getattr(tables, name)() or "Not measured yet: `python3 tests/bench/tables.py BUILD`."
        text = re.sub(r"(<!-- begin %s -->\n).*?(<!-- end %s -->)" % (name, name), lambda m: m.group(1) + made + "\n" + m.group(2), text,
                      flags=re.S)
    page.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--sizes", help="of the pictures, in place of every part's own")
    parser.add_argument("--steps", type=int, default=10, help="nst: steps to measure per setting")
    parser.add_argument("--torch-modes", default="fp32,bf16", help="versus, optimise: precisions of PyTorch")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--page", type=pathlib.Path, default=SOURCE / "docs/performance.md")
    arguments = parser.parse_args()
    if arguments.quick and arguments.page.resolve() == SOURCE / "docs/performance.md":
        parser.error("--quick figures mean nothing: give another --page")
    parts = [part for part in arguments.only.split(",") if part != "none"]
    if set(parts) - set(PARTS):
        parser.error("--only takes some of " + ",".join(PARTS))
    measuring = Measuring(arguments)
    if parts:
        subprocess.run(["ninja", "-C", str(measuring.build), "tools/nst", "tests/bench/kernel_bench"], check=True, stdout=subprocess.DEVNULL)
        measuring.all(parts)
    write(arguments.page, Tables(measuring.results))
    print("written:", arguments.page)


main()
