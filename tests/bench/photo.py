"""Photographs by nst photo: how much of the content's edges stays, how near the style is, what is painted, and the time.

    python3 tests/bench/photo.py NST --data FOLDER --out FOLDER [--weights FILE] [--judge FILE] [--size N] [--setting FLAGS ...]

DATA has pairs inN.png and tarN.png, and maps of their regions, inN_mask.png and tarN_mask.png. Every setting, flags of nst photo in one
word, is run on every pair; "masks" among them stands for the pair's maps. Of each picture the table has the structural similarity of its
edges with the content's, the style distance at layers that no objective has seen (nst measure), and the share that no recolouring of the
content explains beside the one that the option photo asks for; of each setting the seconds of a megapixel. docs/photo.md has the results.
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess

from recipes import known, nst_json

SETTINGS = ["--photo 0 --finish none", "--photo 0.7 --finish none", "--photo 0.85 --finish none", "--photo 1 --finish none", "--photo 0",
            "", "--photo 1", "--finish guided", "masks", "masks --finish none"]


def pairs_of(folder):
    for content in sorted(glob.glob(os.path.join(folder, "in*.png"))):
        if not content.endswith("_mask.png"):
            yield content, os.path.join(folder, os.path.basename(content).replace("in", "tar"))


def mask_of(path):
    return path[:-4] + "_mask.png"


def flags_of(setting, content, style):
    words = [word for word in setting.split() if word != "masks"]
    return words + (["--content-mask", mask_of(content), "--style-mask", mask_of(style)] if "masks" in setting.split() else [])


def run(arguments, content, style, setting):
    name = "-".join([os.path.basename(content)[:-4], *re.findall("[a-z0-9.]+", setting)])
    path = os.path.join(arguments.out, name + ".png")

    def make():
        weights, threads = (["--weights", arguments.weights] if arguments.weights else []), ["--threads", str(arguments.threads)]
        subprocess.run([arguments.nst, "photo", content, style, "-o", path, "--size", str(arguments.size), "--quiet", "--overwrite",
                        "--log", path[:-4] + ".log", *weights, *threads, *flags_of(setting, content, style)], check=True)
        judge = ["--weights", arguments.judge] if arguments.judge else weights
        measured = nst_json(arguments, "measure", path, "--content", content, "--style", style, *judge, *threads)
        last = json.loads(open(path[:-4] + ".log").readlines()[-1])
        return {"edges": measured["edge_ssim"], "style": measured["held_out_style"], "share": last.get("photo_share"),
                "target": last.get("photo_target"), "pixels": last["width"] * last["height"], "seconds": last["seconds"], "retention": last["retention"]}

    return known(arguments, path, [setting], make)


def cell(found):
    share = ", %.2g (%.2g)" % (100 * found["share"], 100 * found["target"]) if found["target"] else ""
    return "%.2f, %.3f%s" % (found["edges"], found["style"], share)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("nst", help="the command")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--weights", help="default: what nst finds")
    parser.add_argument("--judge", help="the network that measures; default: the same")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--setting", action="append", help="flags of nst photo; default: those of docs/photo.md")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    pairs = list(pairs_of(arguments.data))
    print("edges' SSIM, style distance, per cent painted (wanted)\n\n| setting | %s | s/MP |" % " | ".join(os.path.basename(c) for c, _ in pairs))
    print("|---" * (len(pairs) + 2) + "|")
    for setting in arguments.setting or SETTINGS:
        found = [run(arguments, content, style, setting) for content, style in pairs]
        speed = statistics.median(1e6 * f["seconds"] / f["pixels"] for f in found)
        print("| %s | %s | %.0f |" % (setting or "(defaults)", " | ".join(cell(f) for f in found), speed), flush=True)


if __name__ == "__main__":
    main()
