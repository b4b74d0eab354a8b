"""What the tests share."""
from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINDINGS = ROOT / "bindings" / "python"
sys.path.insert(0, str(BINDINGS))

try:
    import numpy
except ImportError:
    numpy = None
try:
    import PIL.Image as pillow
except ImportError:
    pillow = None

needs_numpy = unittest.skipUnless(numpy, "needs numpy")
needs_pillow = unittest.skipUnless(pillow, "needs Pillow")


def gradient_bytes(width: int, height: int, channels: int = 3) -> bytes:
    """Smooth, different in every channel."""
    return bytes((x * 7 + y * 5 * (c + 1) + 40 * c) % 256 for y in range(height) for x in range(width) for c in range(channels))


def png(width: int, height: int, channels: int = 3, text: str = "") -> bytes:
    """A PNG of gradient_bytes(), written by nothing but zlib."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = width * channels
    data = gradient_bytes(width, height, channels)
    rows = b"".join(b"\0" + data[y * row:(y + 1) * row] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    extra = chunk(b"tEXt", text.encode()) if text else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def run_python(code: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess:
    """A fresh interpreter that sees the bindings and this folder."""
    full = dict(os.environ, PYTHONPATH=os.pathsep.join([str(BINDINGS), str(Path(__file__).parent)]), **environment)
    return subprocess.run([sys.executable, "-c", code], env=full, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


class TestCase(unittest.TestCase):
    """With a folder of its own in self.folder."""

    def setUp(self) -> None:
        keeper = tempfile.TemporaryDirectory()
        self.addCleanup(keeper.cleanup)
        self.folder = Path(keeper.name)

    def run_clean(self, code: str, **environment: str) -> str:
        """Runs code that must end with status 0 and say nothing on standard error; gives its output."""
        result = run_python(code, **environment)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        return result.stdout


def small_session(iterations: int = 4, size: int = 32, **options):
    """A session that takes a moment: two tiny pictures, four filters."""
    import nst

    content, style = nst.Image(png(32, 24)), nst.Image(png(24, 32))
    targets = nst.Targets(content, style, model=nst.Model.untrained(width=2, seed=1))
    return nst.Session(targets, iterations=iterations, size=size, **options)
