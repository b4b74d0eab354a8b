"""What the tests of the command share: running it, making tiny pictures without it, reading PNG chunks."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from pathlib import Path

NST = os.environ["NST"]


def environment(**changes):
    """No weights, caches or settings of the person who runs the tests."""
    values = {key: value for key, value in os.environ.items() if not key.startswith(("NST_", "XDG_", "HF_", "TORCH_", "KERAS_"))}
    values.update(HOME="/nonexistent", OPENBLAS_NUM_THREADS="1")
    values.update(changes)
    return values


def nst(*arguments, expect=0, cwd=None, binary=False, **options):
    done = subprocess.run([NST, *map(str, arguments)], capture_output=True, cwd=cwd, timeout=120,
                          env=options.pop("env", environment()), stdin=subprocess.DEVNULL, **options)
    if not binary:
        done.stdout = done.stdout.decode()
    done.stderr = done.stderr.decode()
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"nst {' '.join(map(str, arguments))}: exit {done.returncode}, not {expect}\n{done.stderr}")
    return done


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path, width, height, pixel):
    """pixel(x, y) -> (r, g, b)"""
    rows = b"".join(b"\0" + bytes(v % 256 for x in range(width) for v in pixel(x, y)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def png_chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:16]
    at, found = 8, []
    while at < len(data):
        length, = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + body)
        found.append((kind, body))
        at += 12 + length
    assert found[-1][0] == b"IEND"
    return found


def png_size(path):
    data = path if isinstance(path, bytes) else Path(path).read_bytes()
    return struct.unpack(">II", png_chunks(data)[0][1][:8])


def start(*arguments, cwd, **options):
    return subprocess.Popen([NST, *map(str, arguments)], cwd=cwd, env=options.pop("env", environment()), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def wait_for_lines(process, path, lines):
    """Until the log at `path` has so many lines. The run must be far longer than that."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        if process.poll() is not None:
            raise AssertionError(f"the run ended early: {process.returncode} {process.stderr.read().decode()}")
        time.sleep(0.002)
    raise AssertionError(f"no {lines} lines in {path}")


def finish(process):
    """(exit code, standard output, standard error)"""
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors.decode()


class Case(unittest.TestCase):
    """A test with its own folder that holds a content and a style picture; `small` makes a run take a moment."""
    small = ("--weights", "builtin", "--size", "32", "--iterations", "3")

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="nst-cli-")
        self.addCleanup(holder.cleanup)
        self.dir = Path(holder.name)
        self.content, self.style, self.out = self.dir / "content.png", self.dir / "style.png", self.dir / "out.png"
        write_png(self.content, 40, 30, lambda x, y: (x * 6, y * 8, (x * y) % 256))
        write_png(self.style, 33, 47, lambda x, y: ((x // 4 + y // 4) % 2 * 255, x * 7, 255 - y * 5))

    def run_nst(self, *arguments, **options):
        return nst(*arguments, cwd=self.dir, **options)

    def stylize(self, *arguments, **options):
        return self.run_nst(self.content, self.style, "-o", self.out, *self.small, *arguments, **options)

    def records(self, path):
        return [json.loads(line) for line in (self.dir / path).read_text().splitlines()]

    def info(self, path):
        return json.loads(self.run_nst("info", path, "--json").stdout)

    def no_leftovers(self):
        self.assertEqual([name for name in os.listdir(self.dir) if name.endswith(".tmp")], [])


def main():
    sys.exit(not unittest.main(exit=False, verbosity=2).result.wasSuccessful())
