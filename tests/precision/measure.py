"""What bf16 costs: the figures of docs/precision.md, with the library whose bf16 kernels work on emulated tiles.

    ninja -C build tests/precision/libnst_oracle_bf16.so
    python3 tests/precision/measure.py build/tests/precision/libnst_oracle_bf16.so gradients|runs [--size N] [--iterations N]

gradients: loss and gradient in bf16 against fp32 at the same picture, on the real VGG-19.
runs: final losses, evaluated in fp32 with the weights of the objective unchanged, on the slim network: fp32 and bf16.
"""
import argparse
import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import libnst  # noqa: E402

PAIRS = [("tubingen", "starry_night_google.jpg"), ("golden_gate", "the_scream.jpg"), ("lion", "wave.jpg")]


class Case:
    def __init__(self, nst, weights, pair):
        self.nst = nst
        self.content = nst.load(libnst.data("images", "content", pair[0] + ".jpg"))
        self.style = nst.load(libnst.data("images", "style", pair[1]))
        self.targets = nst.targets(weights, self.content, [self.style])

    def session(self, start=None, **options):
        if start is not None:
            options["init"] = "image"
        handle = self.nst.options(**options)
        session = self.nst.session(self.targets, handle, start)
        self.nst.free(options=handle)
        return session

    def at(self, start, **options):
        """Loss and gradient at a picture."""
        session = self.session(start, **options)
        self.nst.step(session)
        found = self.nst.progress(session).loss, self.nst.gradient(session)
        self.nst.free(session=session)
        return found

    def run(self, start=None, **options):
        """The picture, evaluations, iterations, stop reason."""
        session = self.session(start, **options)
        while self.nst.step(session):
            pass
        progress = self.nst.progress(session)
        image = self.nst.new("nst_session_get_image", session)
        self.nst.free(session=session)
        return image, progress.evaluations, progress.iteration, progress.stop_reason

    def free(self):
        self.nst.free(targets=self.targets)
        self.nst.free(image=self.content)
        self.nst.free(image=self.style)


def show_gradients(nst, arguments):
    import numpy as np
    model = nst.model(libnst.data("weights", "vgg19-caffe-bgr.safetensors"))
    print("| pair | pooling | picture | loss bf16 / fp32 | cosine | relative error |\n|---|---|---|---|---|---|")
    for pair in PAIRS[:arguments.pairs]:
        case = Case(nst, model, pair)
        for pooling in ("max", "average"):
            common = dict(size=arguments.size, pooling=pooling)
            pictures = [("content", case.run(iterations=0, precision="fp32", **common)[0]),
                        ("noise", case.run(iterations=0, init="noise", precision="fp32", **common)[0]),
                        ("after 30", case.run(iterations=30, precision="fp32", **common)[0])]
            for name, picture in pictures:
                f, g = case.at(picture, precision="fp32", **common)
                f16, g16 = case.at(picture, precision="bf16", **common)
                cosine = (g * g16).sum() / np.linalg.norm(g) / np.linalg.norm(g16)
                print("| %s | %s | %s | %.4f | %.5f | %.3f |" % (pair[0], pooling, name, f16 / f, cosine,
                                                               np.linalg.norm(g - g16) / np.linalg.norm(g)), flush=True)
        case.free()


def show_runs(nst, arguments):
    model = nst.model(libnst.data("weights", "slim-vgg19-5.pth"))
    common = dict(size=arguments.size, preprocessing="unit", padding="reflect")
    print("| pair | optimiser | arithmetic | evaluations | stop | loss in fp32 | / fp32 |\n|---|---|---|---|---|---|---|")
    for pair in PAIRS[:arguments.pairs]:
        case = Case(nst, model, pair)
        for optimizer in arguments.optimizers.split(","):
            base = None
            for precision in arguments.precisions.split(","):
                picture, evaluations, iterations, stop = case.run(precision=precision, optimizer=optimizer,
                                                                  iterations=arguments.iterations, **common)
                loss = case.at(picture, precision="fp32", **common)[0]
                base = base or loss
                print("| %s | %s | %s | %d | %d %d | %.6g | %.4f |" % (pair[0], optimizer, precision, evaluations, iterations, stop,
                                                                        loss, loss / base), flush=True)
                nst.free(image=picture)
        case.free()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("what", choices=["gradients", "runs"])
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--iterations", type=int, default=150)
    parser.add_argument("--pairs", type=int, default=len(PAIRS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--optimizers", default="lbfgs,adam")
    arguments = parser.parse_args()
    nst = libnst.Library(arguments.library, arguments.threads)
    (show_gradients if arguments.what == "gradients" else show_runs)(nst, arguments)


if __name__ == "__main__":
    main()
