"""libnst against PyTorch: seconds per iteration in turn in one run, ratios of medians; with --optimise the time to the picture.

    python3 tests/bench/versus_pytorch.py BUILD/lib/libnst.so.0 --sizes 256,512,1024 --json FILE
    python3 tests/bench/versus_pytorch.py BUILD/lib/libnst.so.0 --nst amx --nst avx512:fp32          # several settings of libnst
    python3 tests/bench/versus_pytorch.py BUILD/lib/libnst.so.0 --isa avx2                           # both held to AVX2
    python3 tests/bench/versus_pytorch.py BUILD/lib/libnst.so.0 --optimise --sizes 512

An iteration is one evaluation of loss and gradient and the optimiser's move: neural-style's objective (relu4_2, Gram matrices at relu1_1 to
relu5_1) on VGG-19, square pictures. Evaluations are counted, not iterations. For every size PyTorch's modes (fp32 and bf16 autocast,
channels_last or not, every number of threads) are tried shortly; the fastest fp32 and the fastest bf16 one then run in turn with libnst, a
block of steps each, several rounds. Everyone is a process of its own that stays alive (and asleep: OMP_WAIT_POLICY=passive) meanwhile.
The anchor, SHA-256 over a fixed buffer on as many threads before every block, says how steady the machine was.

--optimise runs L-BFGS (PyTorch: lr 1, history 100, variable 0..255) in both from the content image, in turn, and prints when libnst has
the loss that PyTorch has after its last iteration. Both are judged by the pictures they would write (0..1), re-evaluated by PyTorch in fp32.
Needs PyTorch, numpy and the test data (NST_TEST_DATA, else ../shared beside the source); without them it skips (exit 77).
"""
import argparse
import concurrent.futures
import hashlib
import importlib.util
import itertools
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "golden")]
import bench_images  # noqa: E402
import libnst  # noqa: E402

PAIRS = [("tubingen.jpg", "starry_night_google.jpg"), ("golden_gate.jpg", "wave.jpg"), ("lion.jpg", "the_scream.jpg")]
# Holding a process to an instruction set: ATen's own kernels, oneDNN (new and old name), MKL, OpenBLAS.
ISA_LIMITS = {"avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2",
                       "MKL_ENABLE_INSTRUCTIONS": "AVX2", "OPENBLAS_CORETYPE": "Haswell"},
              "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "DNNL_MAX_CPU_ISA": "AVX512_CORE",
                         "MKL_ENABLE_INSTRUCTIONS": "AVX512", "OPENBLAS_CORETYPE": "SkylakeX"}}


HOPELESS = 3  # a setting of PyTorch that is so many times slower than the fastest is not tried further


class TooSlow(Exception):
    pass


class Worker:
    """A contestant. `name` is how it is called in tables."""

    def __init__(self, name, spec, environment, limit=None):
        self.name, self.spec, self.seconds, self.blocks = name, spec, [], []
        variables = dict(os.environ, OMP_NUM_THREADS=str(spec["threads"]), OMP_WAIT_POLICY="passive", PYTHONDONTWRITEBYTECODE="1",
                         **environment)
        variables.setdefault("OPENBLAS_NUM_THREADS", str(spec["threads"]))
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "bench_workers.py"), json.dumps(spec)], env=variables,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        hello = self.read(limit)
        if "error" in hello:
            self.close()
            level = environment.get("NST_CPU")
            sys.exit("%s: %s%s" % (name, hello["error"], "; has this machine and build the level %s?" % level if level else ""))
        self.about, self.prepared, self.start_loss = hello["ready"], hello["total"], hello["start_loss"]

    def read(self, limit=None):
        if limit and not select.select([self.process.stdout], [], [], limit)[0]:
            self.process.kill()
            self.process.wait()
            raise TooSlow(self.name)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended: exit %s" % (self.name, self.process.wait()))
        return json.loads(line)

    def ask(self, do, limit=None, **members):
        self.process.stdin.write((json.dumps(dict(do=do, **members)) + "\n").encode())
        self.process.stdin.flush()
        return self.read(limit)

    def block(self, count):
        """Steps; keeps seconds per evaluation of each, and of all together."""
        done = self.ask("steps", count=count)
        self.seconds += [s / e for s, e in zip(done["seconds"], done["evaluations"])]
        self.blocks.append(sum(done["seconds"]) / sum(done["evaluations"]))

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def report(self):
        kept = {key: value for key, value in self.spec.items() if key not in ("content", "style", "library", "weights")}
        return {"name": self.name, **kept, **self.about, "median": statistics.median(self.seconds), "minimum": min(self.seconds),
                "maximum": max(self.seconds), "samples": len(self.seconds), "blocks": self.blocks, "start_loss": self.start_loss, **self.ask("memory")}


class Anchor:
    """MB/s of SHA-256 on `threads` threads (hashlib works without the interpreter's lock)."""

    def __init__(self, threads):
        self.threads, self.buffer, self.samples = threads, bytes(8 << 20), []
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.take()
        self.samples.clear()

    def take(self):
        start = time.perf_counter()
        list(self.pool.map(lambda _: hashlib.sha256(self.buffer).digest(), range(self.threads)))
        self.samples.append(self.threads * len(self.buffer) / 1e6 / (time.perf_counter() - start))

    def report(self):
        return {"unit": "MB/s of SHA-256, %d threads" % self.threads, "median": statistics.median(self.samples),
                "minimum": min(self.samples), "maximum": max(self.samples), "samples": len(self.samples)}


def processor():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())


def torch_version():
    done = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__); print(torch.__config__.show())"],
                          capture_output=True, text=True)
    return done.stdout.splitlines()[0] if done.stdout else "", done.stdout


def torch_spec(arguments, common, mode, layout, threads):
    return dict(common, side="pytorch", mode=mode, layout=layout, threads=threads, history=arguments.history)


def nst_worker(arguments, common, setting, **members):
    """setting: LEVEL[:PRECISION]; an empty level is the machine's best."""
    level, _, precision = setting.partition(":")
    options = dict(option.split("=", 1) for option in arguments.option)
    if precision:
        options["precision"] = precision
    environment = dict(ISA_LIMITS.get(arguments.isa, {}))
    if level:
        environment["NST_CPU"] = level
    spec = dict(common, side="libnst", library=os.path.abspath(arguments.library), threads=arguments.threads, options=options,
                history=arguments.history, **members)
    return Worker("libnst" + (" " + setting if setting else ""), spec, environment)


def try_setting(arguments, common, setting, fastest):
    """Seconds of a step, or None when it is hopeless."""
    limit = 20 + (arguments.probe + 1) * HOPELESS * fastest if fastest else None
    name = "PyTorch %(mode)s %(layout)s %(threads)d" % setting
    try:
        worker = Worker(name, torch_spec(arguments, common, **setting), ISA_LIMITS.get(arguments.isa, {}), limit)
        worker.ask("steps", limit, count=1)
        seconds = statistics.median(worker.ask("steps", limit, count=arguments.probe)["seconds"])
        worker.close()
    except TooSlow:
        return None
    return None if fastest and seconds > HOPELESS * fastest else seconds


def probe(arguments, common):
    """[{mode, layout, threads, seconds}], the fastest first. A mode that is hopeless (bf16 without instructions for it) is left."""
    found, fastest = [], None
    for mode in arguments.torch_modes.split(","):
        for layout, threads in itertools.product(arguments.layouts.split(","), map(int, arguments.torch_threads.split(","))):
            setting = {"mode": mode, "layout": layout, "threads": threads}
            seconds = try_setting(arguments, common, setting, fastest)
            print("  tried PyTorch %(mode)-4s %(layout)-13s %(threads)d threads: " % setting
                  + ("%.3f s" % seconds if seconds else "more than %d times slower, left" % HOPELESS), flush=True)
            found.append(dict(setting, seconds=seconds))
            if not seconds and mode != "fp32":
                break
            fastest = min(fastest or seconds, seconds) if seconds else fastest
    return sorted(found, key=lambda s: s["seconds"] or float("inf"))


def best_of(probed, mode):
    return next((s for s in probed if s["mode"] == mode and s["seconds"]), None)


def prepare_images(arguments, folder, size, pair):
    nst = libnst.Library(arguments.library)
    common = {"size": size, "weights": arguments.weights, "optimizer": arguments.optimizer, "tv": arguments.tv}
    for kind, name in zip(("content", "style"), pair):
        common[kind] = os.path.join(folder, "%s-%d.raw" % (kind, size))
        bench_images.write_square(nst, libnst.data("images", kind, name), size, common[kind])
    return common


def interleave(workers, rounds, seconds, anchor):
    """A B C A B C ...; a block lasts about `seconds`. The first block of each is not kept."""
    counts = []
    for worker in workers:
        worker.block(2)
        counts.append(max(1, min(20, round(seconds / worker.blocks[-1]))))
        worker.seconds.clear()
        worker.blocks.clear()
    for _ in range(rounds):
        for worker, count in zip(workers, counts):
            anchor.take()
            worker.block(count)


def check_same_objective(workers):
    """The losses of the start picture: the same in fp32, near in other arithmetic."""
    truth = next((w.start_loss for w in workers if w.spec.get("mode") == "fp32"), None)
    for worker in workers if truth else []:
        error = abs(worker.start_loss / truth - 1)
        if error > 0.05:
            raise RuntimeError("%s begins with the loss %.6g, PyTorch fp32 with %.6g" % (worker.name, worker.start_loss, truth))


def ratios(workers):
    rows = []
    for ours in (w for w in workers if w.spec["side"] == "libnst"):
        for theirs in (w for w in workers if w.spec["side"] == "pytorch"):
            rows.append({"libnst": ours.name, "pytorch": theirs.name, "mode": theirs.spec["mode"],
                         "ratio": statistics.median(theirs.seconds) / statistics.median(ours.seconds),
                         "rounds": [t / o for t, o in zip(theirs.blocks, ours.blocks)]})
    return rows


def compare(arguments, folder, size):
    print("%dx%d" % (size, size), flush=True)
    common = prepare_images(arguments, folder, size, PAIRS[0])
    probed = probe(arguments, common)
    chosen = [best_of(probed, mode) for mode in arguments.torch_modes.split(",")]
    workers = [nst_worker(arguments, common, setting) for setting in arguments.nst]
    for setting in filter(None, chosen):
        values = {key: setting[key] for key in ("mode", "layout", "threads")}
        workers.append(Worker("PyTorch %(mode)s, %(layout)s, %(threads)d threads" % values, torch_spec(arguments, common, **values),
                              ISA_LIMITS.get(arguments.isa, {})))
    check_same_objective(workers)
    anchor = Anchor(arguments.threads)
    interleave(workers, arguments.rounds, arguments.block_seconds, anchor)
    result = {"size": size, "probed": probed, "contestants": [worker.report() for worker in workers], "ratios": ratios(workers),
              "anchor": anchor.report()}
    for worker in workers:
        worker.close()
    print_comparison(result)
    return result


def print_comparison(result):
    for one in result["contestants"]:
        print("  %-44s median %8.3f s  (%.3f to %.3f, %d)  peak %5.0f MB" % (one["name"], one["median"], one["minimum"], one["maximum"],
              one["samples"], one["peak_rss"] / 1e6))
    for row in result["ratios"]:
        print("  %s / %s: %.2f  (rounds %.2f to %.2f)" % (row["pytorch"], row["libnst"], row["ratio"], min(row["rounds"]),
              max(row["rounds"])))
    anchor = result["anchor"]
    print("  anchor %.0f (%.0f to %.0f) %s" % (anchor["median"], anchor["minimum"], anchor["maximum"], anchor["unit"]), flush=True)


# ---- time to the picture ----

class Trail:
    """Pictures of a run on the way: when they were there, and where they are."""

    def __init__(self, worker, folder, every, total):
        self.worker, self.folder, self.every, self.total, self.steps, self.done, self.points = worker, folder, every, total, 0, False, []

    def advance(self, count):
        """`count` steps, with a picture every `every` of them and at the end."""
        target = min(self.steps + count, self.total)
        while not self.done and self.steps < target:
            reply = self.worker.ask("steps", count=min(self.every, target - self.steps))
            self.steps += len(reply["seconds"])
            self.done = reply["done"]
            path = os.path.join(self.folder, "%s-%d.f32" % (self.worker.spec["side"], len(self.points)))
            self.worker.ask("save", path=path)
            self.points.append({"step": self.steps, "seconds": reply["total"], "own_loss": reply["loss"], "path": path})


def optimise(arguments, folder, size, pair, setting, probed):
    common = dict(prepare_images(arguments, folder, size, pair), optimizer="lbfgs")
    values = {key: probed[key] for key in ("mode", "layout", "threads")}
    theirs = Worker("PyTorch %(mode)s" % values, dict(torch_spec(arguments, common, **values), history=100),
                    ISA_LIMITS.get(arguments.isa, {}))
    ours = nst_worker(arguments, common, setting, iterations=arguments.iterations)
    check_same_objective([theirs, ours])
    anchor = Anchor(arguments.threads)
    total = arguments.iterations
    trails = [Trail(theirs, folder, total // 10 or 1, total), Trail(ours, folder, arguments.every, total)]
    for _ in range(10):  # in turn, a tenth of the run each
        for trail in trails:
            anchor.take()
            trail.advance(-(-total // 10))
    for trail in trails:
        for point, loss in zip(trail.points, theirs.ask("loss", paths=[p["path"] for p in trail.points])["losses"]):
            point["loss"] = loss
            os.remove(point.pop("path"))
    goal = trails[0].points[-1]
    reached = next((point for point in trails[1].points if point["loss"] <= goal["loss"]), None)
    result = {"size": size, "content": pair[0], "style": pair[1], "setting": ours.name, "about": ours.about, "pytorch": theirs.name,
              "goal": goal, "reached": reached, "ratio": goal["seconds"] / reached["seconds"] if reached else None,
              "pytorch_trail": trails[0].points, "libnst_trail": trails[1].points, "anchor": anchor.report()}
    ours.close()
    theirs.close()
    where = "reached after %.1f s, %d iterations: %.2f times sooner" % (reached["seconds"], reached["step"], result["ratio"]) \
        if reached else "not reached: %.6g after %.1f s" % (trails[1].points[-1]["loss"], trails[1].points[-1]["seconds"])
    print("  %s in the style of %s, %s: PyTorch %.6g after %.1f s, %d iterations; %s" % (pair[0], pair[1], ours.name, goal["loss"],
          goal["seconds"], goal["step"], where), flush=True)
    return result


def optimise_all(arguments, folder, size):
    print("%dx%d, %d iterations of L-BFGS" % (size, size, arguments.iterations), flush=True)
    probed = best_of(probe(argparse.Namespace(**{**vars(arguments), "torch_modes": arguments.torch_modes.split(",")[0]}),
                           prepare_images(arguments, folder, size, PAIRS[0])), arguments.torch_modes.split(",")[0])
    return [optimise(arguments, folder, size, pair, setting, probed) for pair in PAIRS[:arguments.pairs] for setting in arguments.nst]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library")
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nst", action="append", metavar="LEVEL[:PRECISION]", help="a setting of libnst; may be repeated")
    parser.add_argument("--level", default="", help="NST_CPU of libnst, where --nst is not given")
    parser.add_argument("--precision", default="", help="option precision of libnst, where --nst is not given")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="an option of libnst")
    parser.add_argument("--isa", choices=sorted(ISA_LIMITS), help="hold both sides to this instruction set")
    parser.add_argument("--optimizer", default="lbfgs", choices=["lbfgs", "adam"])
    parser.add_argument("--history", type=int, default=10, help="curvature pairs of both per iteration; --optimise: of libnst")
    parser.add_argument("--tv", type=float, default=0.001)
    parser.add_argument("--torch-modes", default="fp32,bf16")
    parser.add_argument("--layouts", default="channels_last,contiguous")
    parser.add_argument("--torch-threads", help="numbers of threads to try; 1 and --threads if not given")
    parser.add_argument("--probe", type=int, default=3, help="steps to try a mode of PyTorch with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--block-seconds", type=float, default=2)
    parser.add_argument("--weights", help="a safetensors file of the Caffe VGG-19; the test data's if not given")
    parser.add_argument("--optimise", action="store_true")
    parser.add_argument("--iterations", type=int, default=300, help="--optimise")
    parser.add_argument("--every", type=int, default=5, help="--optimise: iterations from picture to picture")
    parser.add_argument("--pairs", type=int, default=3, help="--optimise")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    level = arguments.level or (arguments.isa or "")
    arguments.nst = arguments.nst or [level + (":" + arguments.precision if arguments.precision else "")]
    arguments.torch_threads = arguments.torch_threads or ",".join(str(n) for n in sorted({1, arguments.threads}, reverse=True))
    arguments.weights = arguments.weights or libnst.data("weights", "vgg19-caffe-bgr.safetensors")
    return arguments


def main():
    arguments = parse()
    for module in ("torch", "numpy"):
        if not importlib.util.find_spec(module):
            libnst.skip("no Python module " + module)
    version, build = torch_version()
    print("PyTorch %s, libnst as %s, %d threads, %s" % (version, ", ".join(n or "the machine allows" for n in arguments.nst),
          arguments.threads, processor()))
    run = optimise_all if arguments.optimise else compare
    with tempfile.TemporaryDirectory(prefix="nst-versus-") as folder:
        results = [run(arguments, folder, int(size)) for size in arguments.sizes.split(",")]
    report = {"kind": "optimise" if arguments.optimise else "versus", "pytorch": version, "pytorch_build": build, "processor": processor(),
              "threads": arguments.threads, "isa": arguments.isa or "", "optimizer": arguments.optimizer, "history": arguments.history,
              "tv": arguments.tv, "environment": dict({"OMP_WAIT_POLICY": "passive"}, **ISA_LIMITS.get(arguments.isa, {})),
              "results": results}
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(report, file, indent=1)


main()
