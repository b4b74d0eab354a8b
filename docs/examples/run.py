"""Runs example programs on small pictures that the project's own program makes, and looks at what they wrote.

run.py PICTURES_PROGRAM EXAMPLE...: examples named sliders and video write three pictures, the others one.
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

OPTIONS = '{"size": 48, "iterations": 3}'


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is not a PNG file"
    return struct.unpack(">II", head[16:24])


def make_pictures(program, folder):
    for subject in ("scene", "pattern"):
        for name in (f"{subject}.png", f"{subject}-again.png"):
            subprocess.run([program, subject, folder / name, "96"], check=True)
        first, second = (folder / f"{subject}.png").read_bytes(), (folder / f"{subject}-again.png").read_bytes()
        assert first == second, f"{subject} is not the same twice"
    assert png_size(folder / "scene.png") == (96, 64)
    assert png_size(folder / "pattern.png") == (96, 77)


def run_example(program, folder):
    """In a folder of its own: two builds of an example may have one name."""
    name = pathlib.Path(program).name
    pictures, folder = folder, pathlib.Path(tempfile.mkdtemp(dir=folder))
    several = "sliders" in name or "video" in name
    out = folder / (name if several else name + ".png")
    environment = dict(os.environ, NST_WEIGHTS="builtin")
    subprocess.run([program, pictures / "scene.png", pictures / "pattern.png", out, OPTIONS], check=True, env=environment)
    written = sorted(folder.glob(out.name + "*"))
    assert len(written) == (3 if several else 1), f"{name} wrote {written}"
    for path in written:
        assert png_size(path) == (48, 32), f"{path} is {png_size(path)}"
    print(name, "ok")


def main(pictures, *examples):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_pictures(pictures, folder)
        for example in examples:
            run_example(example, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
