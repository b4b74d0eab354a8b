"""From a folder of pictures and a VGG-19 file to the weights of the network built into libnst.

    python3 weights/train/train.py --corpus FOLDER --teacher vgg19.safetensors --out FOLDER

Prunes VGG-19 (Simonyan and Zisserman) to a fifth of its multiplications in closed form, then trains what is left to give the teacher's
features. Seeded; a run that was stopped goes on when it is started again. FOLDER/log.csv has a line every 50 steps, and
FOLDER/builtin.safetensors is the result. Needs PyTorch, NumPy and Pillow. docs/builtin.md tells how it was found and what was tried.
"""
import argparse
import math
import os
import pathlib
import sys
import time

import numpy as np
import torch

import pack
import pictures
from networks import NAMES, STUDENT_WIDTHS, Network, Teacher, gram, normalise
from prune import prune

SIDE = 112  # pixels of a crop
BATCH, LEARNING_RATE, WARM_UP = 8, 2e-4, 20
VALIDATION, LOG_EVERY = 48, 50
MEANS = 192  # crops over which the layers of the finished network have mean 1
LICENSE = ("MIT, as libnst; distilled from VGG-19 by Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford, which "
           "is under Creative Commons Attribution: whoever passes these numbers on names them too")
TEACHER = "VGG-19 (Simonyan, Zisserman, arXiv:1409.1556), Caffe weights, Visual Geometry Group, Oxford, CC BY"


class Training:
    def __init__(self, arguments):
        self.arguments = {name: getattr(arguments, name) for name in ("crops", "steps", "seed", "corpus", "teacher")}
        self.steps, self.out = arguments.steps, pathlib.Path(arguments.out)
        self.rng = np.random.default_rng(arguments.seed)
        torch.manual_seed(arguments.seed)
        torch.set_flush_denormal(True)
        self.corpus = pictures.Corpus(arguments.corpus)
        self.teacher, self.student = Teacher(arguments.teacher), Network(STUDENT_WIDTHS)
        self.optimiser = torch.optim.Adam(self.student.parameters(), lr=LEARNING_RATE)
        self.step, self.seconds, self.copied, self.rows = 0, 0.0, {}, []
        self.validation = pictures.held_out(self.corpus, SIDE, VALIDATION)

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def crops(self, count):
        return torch.stack([pictures.draw(self.corpus, SIDE, self.rng) for _ in range(count)])

    # ---- keeping and going on ----

    def state_path(self):
        return self.out / "state.pt"

    def save(self):
        state = {"student": self.student.state_dict(), "optimiser": self.optimiser.state_dict(), "copied": self.copied, "step": self.step,
                 "seconds": self.seconds, "rows": self.rows, "arguments": self.arguments, "rng": self.rng.bit_generator.state}
        torch.save(state, str(self.state_path()) + ".new")
        os.replace(str(self.state_path()) + ".new", self.state_path())

    def resume(self):
        state = torch.load(self.state_path(), weights_only=False)
        for name, value in state["arguments"].items():
            if value != self.arguments[name]:
                raise SystemExit("%s was begun with --%s %s" % (self.out, name, value))
        self.student.load_state_dict(state["student"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.copied, self.step, self.seconds, self.rows = (state[key] for key in ("copied", "step", "seconds", "rows"))
        self.rng.bit_generator.state = state["rng"]

    # ---- the teacher's features ----

    def targets(self, x):
        """{layer: (B, W, H, W)}: the channels of the teacher that the student copies, in the student's scale"""
        with torch.no_grad():
            return {name: f[:, self.copied[name][0]] / self.copied[name][1] for name, f in self.teacher(x).items()}

    @staticmethod
    def error(mine, its):
        return (mine - its).pow(2).sum() / its.pow(2).sum()

    @torch.no_grad()
    def validate(self):
        """{layer: (relative error of the features, mean over pictures of that of the Gram matrices)}, on pictures never trained on"""
        found = {}
        mine, its = self.student(self.validation), self.targets(self.validation)
        for name in NAMES:
            a, b = gram(mine[name]), gram(its[name])
            found[name] = (float(self.error(mine[name], its[name])),
                           float(((a - b).flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1)).pow(2).mean()))
        return found

    # ---- training ----

    def train_step(self):
        share = self.step / self.steps
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = LEARNING_RATE * min(1, (self.step + 1) / WARM_UP) * (1 + math.cos(math.pi * share)) / 2
        x = self.crops(BATCH)
        its, mine = self.targets(x), self.student(x)
        loss = sum(self.error(mine[name], its[name]) for name in NAMES) / len(NAMES)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step += 1

    def log(self):
        errors = self.validate()
        self.rows.append("%d,%.0f," % (self.step, self.seconds) + ",".join("%.4f" % errors[name][kind] for kind in (0, 1) for name in NAMES))
        head = "step,seconds," + ",".join("%s relu%s" % (kind, name) for kind in ("features", "gram") for name in NAMES)
        (self.out / "log.csv").write_text("\n".join([head] + self.rows) + "\n")
        left = self.seconds / max(self.step, 1) * (self.steps - self.step) / 60
        self.say("step %d of %d, about %.0f min left; held-out error of features %s; of Gram matrices %s" % (
            self.step, self.steps, left, *(" ".join("%.3f" % errors[name][kind] for name in NAMES) for kind in (0, 1))))

    def begin(self):
        self.copied = prune(self.student, self.teacher, self.crops(self.arguments["crops"]), self.arguments["seed"], self.say)
        self.log()
        self.save()

    def run(self):
        if self.state_path().exists():
            self.resume()
        else:
            self.begin()
        clock = time.monotonic() - self.seconds
        while self.step < self.steps:
            self.train_step()
            self.seconds = time.monotonic() - clock
            if self.step % LOG_EVERY == 0 or self.step == self.steps:
                self.log()
                self.save()
        self.finish()

    # ---- the result ----

    def finish(self):
        """Divides every layer by its mean activation and writes the weights. Not every channel by its own: the strengths of the channels among
        each other are the teacher's, and its Gram matrices are what the picture is judged by."""
        x = pictures.held_out(self.corpus, SIDE, MEANS)
        with torch.no_grad():
            means = {name: f.mean() for name, f in self.student(x).items()}
        normalise(self.student, means)
        state = {}
        for name, conv in zip(NAMES, self.student.convs):
            state["conv%s.weight" % name], state["conv%s.bias" % name] = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        path = self.out / "builtin.safetensors"
        self.say("%s: fingerprint %s" % (path, pack.write(path, state, self.metadata())))

    def metadata(self):
        return {"preprocessing": "torch", "padding": "zero", "license": LICENSE, "teacher": TEACHER,
                "origin": "made by the libnst project: weights/train/train.py --crops %(crops)d --steps %(steps)d "
                          "--seed %(seed)d" % self.arguments,
                "training": "pruned and distilled on crops of %d photographs and paintings of public image collections" % len(
                    self.corpus.train)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", required=True, help="folder of pictures, searched with its subfolders")
    parser.add_argument("--teacher", required=True, help="VGG-19, Caffe weights, safetensors")
    parser.add_argument("--out", required=True, help="folder for the state, the log and the weights")
    parser.add_argument("--crops", type=int, default=1024, help="to prune by; default: 1024, which take 11 GB of memory")
    parser.add_argument("--steps", type=int, default=2000, help="of training after the pruning; default: 2000, an hour and a quarter on one core with the pruning")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    Training(arguments).run()


if __name__ == "__main__":
    main()
