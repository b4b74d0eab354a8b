"""How near a small network comes to VGG-19: pictures made with each, all judged by VGG-19.

    python3 weights/train/compare.py NST --data FOLDER --vgg19 FILE --out FOLDER [--network NAME=FILE ...]

Stylises pairs of DATA/content and DATA/style with every network at several content weights (dialect normalised), measures each picture with
`nst measure --weights VGG19`, and prints, at the content distances that VGG-19 itself reached, the style distance at the layers that no
objective holds, as a multiple of VGG-19's own. A run that was stopped goes on; sheets of pictures lie in the output folder.
"""
import argparse
import hashlib
import json
import math
import os
import statistics
import subprocess

from PIL import Image

ALPHAS = {"vgg19": (0.001, 0.005, 0.025)}
SMALL_ALPHAS = (0.0003, 0.001, 0.005, 0.025, 0.1)  # wider: the curve is read off where VGG-19's content distances are
REFERENCE_ALPHA, NOISE_PAIRS, NOISE_ALPHAS = 0.005, 3, (0.001, 0.005, 0.025)


def pairs_of(folder, count):
    contents, styles = (sorted(os.listdir(os.path.join(folder, kind))) for kind in ("content", "style"))
    order = sorted(((c, s) for c in range(len(contents)) for s in range(len(styles))), key=lambda p: ((p[0] + p[1]) % len(contents), p))
    return [(os.path.join(folder, "content", contents[c]), os.path.join(folder, "style", styles[s])) for c, s in order[:count]]


def runs_of(arguments, network):
    alphas = ALPHAS.get(network, SMALL_ALPHAS)
    for index, (content, style) in enumerate(pairs_of(arguments.data, arguments.pairs)):
        for alpha in alphas:
            yield index, content, style, "content", alpha
        for alpha in ((REFERENCE_ALPHA,) if network in ALPHAS else NOISE_ALPHAS) if index < NOISE_PAIRS else ():
            yield index, content, style, "noise", alpha


def fingerprint(arguments, weights):
    text = subprocess.run([arguments.nst, "info", weights, "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(text)["fingerprint"]


def keep_settings(arguments, networks):
    """Pictures lie in the output folder by network, pair and alpha alone: one folder never holds those of two settings."""
    with open(arguments.nst, "rb") as file:
        settings = {"size": arguments.size, "iterations": arguments.iterations, "nst": hashlib.sha256(file.read()).hexdigest(),
                    "data": os.path.abspath(arguments.data), "vgg19": fingerprint(arguments, arguments.vgg19)}
    settings.update((name, fingerprint(arguments, weights)) for name, weights in networks.items() if weights != "untrained")
    path = os.path.join(arguments.out, "settings.json")
    if os.path.exists(path):
        with open(path) as file:
            kept = json.load(file)
        changed = sorted(key for key in settings if key in kept and kept[key] != settings[key])
        if changed:
            raise SystemExit("%s holds pictures made with another %s: name another folder" % (arguments.out, ", ".join(changed)))
        settings = {**kept, **settings}
    with open(path, "w") as file:
        json.dump(settings, file, indent=1)


def stylise(arguments, network, weights, index, content, style, init, alpha):
    """The path of the picture, made if it is not there."""
    path = os.path.join(arguments.out, "%s-%02d-%s-%g.png" % (network, index, init, alpha))
    if not os.path.exists(path):
        subprocess.run([arguments.nst, "stylize", content, style, "-o", path, "--weights", weights, "--dialect", "normalised",
                        "--alpha", str(alpha), "--tv", "0", "--octaves", "1", "--scales", "1", "--preconditioner", "none", "--init", init,
                        "--size", str(arguments.size),
                        "--iterations", str(arguments.iterations), "--threads", str(arguments.threads), "--precision", "fp32",
                        "--quiet"], check=True)
    return path


def measure(arguments, path, content, style):
    kept = path[:-4] + ".json"
    if not os.path.exists(kept):
        text = subprocess.run([arguments.nst, "measure", path, "--content", content, "--style", style, "--weights", arguments.vgg19,
                               "--json"], check=True, capture_output=True, text=True).stdout
        with open(kept + ".new", "w") as file:
            file.write(text)
        os.replace(kept + ".new", kept)
    with open(kept) as file:
        return json.load(file)


def line_through(points, x):
    """log y at log x along sorted points (x, y); beyond the ends the end's own y: a smaller content weight would bring it down, not up"""
    points = sorted((math.log(a), math.log(b)) for a, b in points)
    x, k = min(max(math.log(x), points[0][0]), points[-1][0]), 1
    while k < len(points) - 1 and points[k][0] < x:
        k += 1
    (x0, y0), (x1, y1) = points[k - 1], points[k]
    return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y0)


def collect(arguments, networks):
    """{network: {pair: {(init, alpha): measures}}}"""
    found = {}
    for network, weights in networks.items():
        for index, content, style, init, alpha in runs_of(arguments, network):
            path = stylise(arguments, network, weights, index, content, style, init, alpha)
            found.setdefault(network, {}).setdefault(index, {})[init, alpha] = measure(arguments, path, content, style)
            print("%s, pair %d, %s, alpha %g" % (network, index, init, alpha), flush=True)
    return found


def distances(measures):
    """Content distance at relu4_2 and the mean style distance at the held-out layers, in VGG-19's eyes."""
    content = next(layer["content"] for layer in measures["layers"] if layer["layer"] == "relu4_2")
    return content, measures["held_out_style"]


def multiples(vgg19, other, start, alpha):
    """For each pair: the style distance of `other` where its content distance is VGG-19's at `alpha`, over VGG-19's own."""
    found = []
    for index, runs in vgg19.items():
        if (start, alpha) not in runs:
            continue
        content, style = distances(runs[start, alpha])
        points = [distances(m) for (init, _), m in other[index].items() if init == start]
        found.append(line_through(points, content) / style)
    return found


def report(found):
    vgg19 = found["vgg19"]
    print("\n| network | start | VGG-19's alpha | median multiple | worst | best |\n|---|---|---|---|---|---|")
    for network in found:
        if network == "vgg19":
            continue
        for start, alpha in [("content", alpha) for alpha in ALPHAS["vgg19"]] + [("noise", REFERENCE_ALPHA)]:
            values = multiples(vgg19, found[network], start, alpha)
            print("| %s | %s | %g | %.2f | %.2f | %.2f |" % (network, start, alpha, statistics.median(values), max(values), min(values)))
    grain = {network: max(runs["content", REFERENCE_ALPHA]["high_frequency"]["ratio"] for runs in pairs.values())
             for network, pairs in found.items()}
    print("\nhigh-frequency energy over the greater of content's and style's, worst pair: "
          + ", ".join("%s %.2f" % item for item in grain.items()))


def sheet(arguments, networks, init, alpha, pairs):
    """One row a pair: content, style, and each network's picture."""
    rows = []
    for index, (content, style) in enumerate(pairs_of(arguments.data, arguments.pairs)[:pairs]):
        files = [content, style] + [os.path.join(arguments.out, "%s-%02d-%s-%g.png" % (n, index, init, alpha)) for n in networks]
        rows.append([Image.open(file).convert("RGB") for file in files])
    cell = arguments.size
    page = Image.new("RGB", (cell * len(rows[0]), cell * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            image.thumbnail((cell, cell))
            page.paste(image, (x * cell, y * cell))
    page.save(os.path.join(arguments.out, "sheet-%s-%g.png" % (init, alpha)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("nst", help="the command")
    parser.add_argument("--data", required=True, help="folder with content/ and style/")
    parser.add_argument("--vgg19", required=True, help="the judge")
    parser.add_argument("--out", required=True)
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FILE", help="besides builtin, untrained and vgg19")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", action="append", help="make the pictures of this network alone, and no report")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    networks = {"vgg19": arguments.vgg19, "builtin": "builtin", "untrained": "untrained"}
    networks.update(network.split("=", 1) for network in arguments.network)
    keep_settings(arguments, networks)
    if arguments.only:
        collect(arguments, {name: networks[name] for name in arguments.only})
        return
    report(collect(arguments, networks))
    sheet(arguments, networks, "content", REFERENCE_ALPHA, arguments.pairs)
    sheet(arguments, networks, "noise", REFERENCE_ALPHA, NOISE_PAIRS)


if __name__ == "__main__":
    main()
