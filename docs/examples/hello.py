#!/usr/bin/env python3
"""Paints a photograph in the manner of a painting: hello.py PHOTO PAINTING OUT.png [OPTIONS.json-text]

For instance: hello.py photo.jpg painting.jpg out.png '{"size": 384, "iterations": 200}'
"""
import sys

import nst


def main(photo: str, painting: str, out: str, options: str = "{}") -> None:
    session = nst.Session(nst.Targets(photo, painting), nst.Options.from_json(options))
    try:
        for progress in session:
            print("\r%d of %d, loss %.4g " % (progress.iteration, progress.iterations, progress.loss), end="", flush=True)
    except KeyboardInterrupt:
        pass  # what there is so far is worth keeping
    print()
    session.image.save(out)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: hello.py PHOTO PAINTING OUT.png [OPTIONS.json-text]")
    try:
        main(*sys.argv[1:])
    except nst.Error as problem:
        sys.exit(str(problem))
