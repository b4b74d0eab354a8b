"""The knob on every pair: how near the content that stays comes to what the strength asks for, beside fixed Gatys weights.

    python3 tests/bench/quality.py NST --data FOLDER --out FOLDER [--weights FILE] [--pairs N] [--size N] [--strength S ...]

Stylises pairs of DATA/content and DATA/style with nothing given but the strength, reads retention, target and reason from each PNG, and
prints per strength the mean and standard deviation of the distance from the target, the share of pairs within 0.03 of it, and those that
were clamped; then whether every pair keeps less content and comes nearer to the style at each step of the strength. The same
pairs with alpha and beta of the dialect gatys-code stand beside it. A run that was stopped goes on; sheets of the pictures lie in
the output folder. docs/quality.md has the results.
"""
import argparse
import json
import os
import statistics
import subprocess

from PIL import Image

CLOSE = 0.03


def files_in(folder):
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def pairs_of(arguments):
    contents, styles = files_in(os.path.join(arguments.data, "content")), files_in(os.path.join(arguments.data, "style"))
    order = sorted(((c, s) for c in range(len(contents)) for s in range(len(styles))), key=lambda p: ((p[0] + p[1]) % len(contents), p))
    return [(index, contents[c], styles[s]) for index, (c, s) in enumerate(order[:arguments.pairs])]


def stylise(arguments, pair, name, *flags):
    """The result that the picture carries, with its path; the picture is made if it is not there."""
    index, content, style = pair
    path = os.path.join(arguments.out, "%02d-%s.png" % (index, name))
    if not os.path.exists(path):
        weights = ["--weights", arguments.weights] if arguments.weights else []
        subprocess.run([arguments.nst, "stylize", content, style, "-o", path, "--size", str(arguments.size), "--threads",
                        str(arguments.threads), "--quiet", *weights, *flags], check=True)
    text = subprocess.run([arguments.nst, "info", path, "--json"], check=True, capture_output=True, text=True).stdout
    return {**json.loads(text)["result"], "path": path}


def run_all(arguments):
    """{strength, or "gatys-code": [result of each pair]}"""
    found = {}
    for pair in pairs_of(arguments):
        for strength in arguments.strength:
            found.setdefault(strength, []).append(stylise(arguments, pair, "s%g" % strength, "--strength", "%g" % strength))
        if arguments.fixed:
            found.setdefault("gatys-code", []).append(stylise(arguments, pair, "gatys", "--dialect", "gatys-code", "--iterations", "100"))
        print("pair %d" % pair[0], flush=True)
    return found


def tell(name, results):
    free = [r for r in results if r.get("clamped", "no") == "no"]
    kept = [r["retention"] for r in free]
    off = [r["retention"] - r["target"] for r in free if "target" in r]
    close = "%d of %d" % (sum(abs(o) <= CLOSE for o in off), len(off)) if off else ""
    target = "%.3f" % free[0]["target"] if off else ""
    print("| %s | %s | %.3f | %.3f | %.3f to %.3f | %s | %d | %.0f |" % (
        name, target, statistics.mean(kept), statistics.pstdev(kept), min(kept), max(kept), close, len(results) - len(free),
        statistics.median(r["evaluations"] for r in results)))


def tell_steps(found, strengths):
    worse = [(a, b, i) for a, b in zip(strengths, strengths[1:]) for i, (x, y) in enumerate(zip(found[a], found[b]))
             if y["retention"] > x["retention"] and y["clamped"] == "no"]
    print("\nsteps of the strength at which a pair kept more content than before: %d of %d %s" % (
        len(worse), (len(strengths) - 1) * len(found[strengths[0]]), worse or ""))


def tell_weights(found, strengths):
    for strength in strengths:
        weights = [r["content_weight"] for r in found[strength] if r["clamped"] == "no"]
        if weights:
            print("content weights found at strength %g: %.3g to %.3g" % (strength, min(weights), max(weights)))


def sheet(arguments, found, strength):
    results, cell = found[strength], arguments.size
    across = 6
    page = Image.new("RGB", (cell * across, cell * -(-len(results) // across)), "white")
    for i, result in enumerate(results):
        image = Image.open(result["path"]).convert("RGB")
        image.thumbnail((cell, cell))
        page.paste(image, (i % across * cell, i // across * cell))
    page.save(os.path.join(arguments.out, "sheet-s%g.png" % strength))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("nst", help="the command")
    parser.add_argument("--data", required=True, help="folder with content/ and style/")
    parser.add_argument("--out", required=True)
    parser.add_argument("--weights", help="default: what nst finds")
    parser.add_argument("--pairs", type=int, default=42)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--strength", type=float, nargs="+", default=[0.25, 0.5, 0.75])
    parser.add_argument("--fixed", action="store_true", help="also with the fixed weights of gatys-code")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    found = run_all(arguments)
    print("\n| strength | target | mean retention | deviation | range | within %g | clamped | evaluations |\n|---|---|---|---|---|---|---|---|" % CLOSE)
    for name, results in found.items():
        tell(name, results)
    tell_steps(found, arguments.strength)
    tell_weights(found, arguments.strength)
    for strength in arguments.strength:
        sheet(arguments, found, strength)


if __name__ == "__main__":
    main()
