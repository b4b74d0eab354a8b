"""What each element of the default recipe is worth, and what other recipes give for the same work.

    python3 tests/bench/recipes.py NST ablation|peers --data FOLDER --out FOLDER --judge VGG19 [--weights FILE] [--pairs N] [--size N]

ablation runs the default recipe and the recipe without one of its elements; peers runs neural-style's recipe in its own dialect
and crowsonkb's in PyTorch (crowsonkb.py), then ours at the retention that each has: --weights and --judge are VGG-19 of Caffe there.
Every picture is compared with its images by the network --judge (nst measure): the style at layers that no objective has seen, at the
full, the half and the quarter size, retention and edges. Work is counted in evaluations at the full size: an evaluation of a quarter
of the pixels is a quarter, and octaves add theirs. Of each measure the table has the median over the pairs of its ratio to the default
recipe's. A run that was stopped goes on. docs/quality.md has the results.
"""
import argparse
import json
import math
import os
import statistics
import subprocess

from quality import pairs_of

# What stands in the way of the default recipe, by the name of the element that is taken out.
ABLATION = {
    "one octave": ["--octaves", "1"],
    "two octaves": ["--octaves", "2"],
    "no preconditioner": ["--preconditioner", "none"],
    "no detail put back": ["--detail", "0"],
    "start: content as it is": ["--init", "content"],
    "one scale, as much work": ["--scales", "1"],
}
STYLE = ["held_out_style", "held_out_style_half", "held_out_style_quarter"]
OTHERS = ["edge_ssim", "self_similarity"]


def work_of(log, octaves):
    """Evaluations at the full size, of the lines of a log."""
    lines = [json.loads(line) for line in open(log)]
    full, before, work = lines[-1]["width"] * lines[-1]["height"], 0, 0.0
    for line in lines:
        work += (line["evaluations"] - before) * line["width"] * line["height"] / full
        before = line["evaluations"]
    return work * sum(0.25 ** k for k in range(octaves))


def path_of(arguments, pair, name):
    return os.path.join(arguments.out, "%02d-%s.png" % (pair[0], "".join(c if c.isalnum() else "_" for c in name)))


def nst_json(arguments, *words):
    return json.loads(subprocess.run([arguments.nst, *words, "--json"], check=True, capture_output=True, text=True).stdout)


def measure(arguments, pair, path):
    """What the judge says of a picture, whatever made it."""
    found = nst_json(arguments, "measure", path, "--content", pair[1], "--style", pair[2], "--weights", arguments.judge, "--threads",
                     str(arguments.threads))
    return {**{m: found[m] for m in STYLE + OTHERS}, "judged": found["retention"], "path": path}


def known(arguments, path, words, make):
    """make()'s result, kept beside the picture so that a run that was stopped goes on; `words`, size and networks must be the same."""
    told, asked = path[:-4] + ".json", [*words, arguments.size, arguments.weights, arguments.judge]
    kept = json.load(open(told)) if os.path.exists(told) else {}
    if kept.get("asked") == asked:
        return kept
    found = {**make(), "asked": asked}
    json.dump(found, open(told, "w"))
    return found


def run(arguments, pair, name, flags):
    path = path_of(arguments, pair, name)

    def make():
        weights = ["--weights", arguments.weights] if arguments.weights else []
        subprocess.run([arguments.nst, "stylize", pair[1], pair[2], "-o", path, "--size", str(arguments.size), "--threads",
                        str(arguments.threads), "--log", path[:-4] + ".log", "--quiet", "--overwrite", *weights, *flags], check=True)
        info = nst_json(arguments, "info", path)
        told = {k: info["result"].get(k) for k in ("retention", "content_weight", "target", "clamped", "evaluations")}
        return {**told, **measure(arguments, pair, path), "work": work_of(path[:-4] + ".log", info["params"]["octaves"])}

    return known(arguments, path, flags, make)


def crowsonkb(arguments, pair, name, work):
    path = path_of(arguments, pair, name)

    def make():
        import crowsonkb as recipe
        recipe.torch.set_num_threads(arguments.threads)
        picture, done = recipe.paint(pair[1], pair[2], arguments.weights, arguments.size, work)
        recipe.save(picture, path)
        return {**measure(arguments, pair, path), "work": done}

    return known(arguments, path, ["crowsonkb", "%.3f" % work], make)


def ratio(found, base, measure):
    return statistics.median(f[measure] / b[measure] for f, b in zip(found, base))


def tell(name, found, base):
    off = [f["retention"] - f["target"] for f in found if f["target"] is not None]
    spread = statistics.pstdev(f["retention"] for f in found)
    print("| %s | %s | %s | %.3f | %.3f | %s |" % (name, " | ".join("%.2f" % ratio(found, base, m) for m in ["work"] + STYLE + OTHERS),
                                                  "%+.3f" % statistics.mean(off) if off else "", statistics.mean(f["retention"] for f in found), spread,
                                                  "%.3f" % statistics.mean(f["judged"] for f in found)))


def head():
    print("\n| | work | style | half size | quarter | edges' SSIM | self-similarity | off target | retention | deviation | judge's retention |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)


def ablation(arguments, pairs):
    base = [run(arguments, pair, "default", []) for pair in pairs]
    head()
    tell("default", base, base)
    for name, flags in ABLATION.items():
        if name == "one scale, as much work":
            flags = flags + ["--iterations", "%d" % round(statistics.median(b["work"] for b in base) / 1.3125)]
        tell(name, [run(arguments, pair, name, flags) for pair in pairs], base)
    weight = math.exp(statistics.mean(math.log(b["content_weight"]) for b in base))
    tell("no feedback", [run(arguments, pair, "no feedback", ["--alpha", "%.6g" % weight]) for pair in pairs], base)


def strength_for(retention):
    """The strength whose target that is: what nst_session_get_strength() calls target, solved for it."""
    return min(max((-0.20 + math.sqrt(0.04 + 4 * 0.28 * (0.97 - retention))) / 0.56, 0), 1) if retention < 0.97 else 0.0


def compare(arguments, pairs, name, theirs):
    """Ours at the retention that they have; a strength takes that to within some hundredths."""
    print("\n%s: theirs / ours" % name)
    for pair, t in zip(pairs, theirs):
        o = run(arguments, pair, "as " + name, ["--strength", "%.4f" % strength_for(t["judged"])])
        print("| %02d | work %.0f / %.0f | retention %.3f / %.3f | %s |" % (pair[0], t["work"], o["work"], t["judged"], o["judged"], " | ".join(
            "%.4f / %.4f = %.2f" % (t[m], o[m], t[m] / o[m]) for m in STYLE)), flush=True)


def peers(arguments, pairs):
    """Other recipes at their own weights, with as much work as ours."""
    base = [run(arguments, pair, "default", []) for pair in pairs]
    for start in ("content", "noise"):
        name, flags = "neural-style, start " + start, ["--dialect", "neural-style", "--init", start, "--iterations"]
        compare(arguments, pairs, name, [run(arguments, pair, name, flags + [str(round(b["work"]))]) for pair, b in zip(pairs, base)])
    compare(arguments, pairs, "crowsonkb", [crowsonkb(arguments, pair, "crowsonkb", b["work"]) for pair, b in zip(pairs, base)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("nst", help="the command")
    parser.add_argument("what", choices=["ablation", "peers"])
    parser.add_argument("--data", required=True, help="folder with content/ and style/")
    parser.add_argument("--out", required=True)
    parser.add_argument("--judge", required=True, help="the network that measures")
    parser.add_argument("--weights", help="default: what nst finds")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the first pair")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    arguments.pairs, first = arguments.first + arguments.pairs, arguments.first
    {"ablation": ablation, "peers": peers}[arguments.what](arguments, pairs_of(arguments)[first:])


if __name__ == "__main__":
    main()
