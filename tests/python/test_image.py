"""Images in and out."""
import array
import ctypes
import io
import os
import struct
import sys
import threading
import unittest
from unittest import mock

import support
from support import TestCase, gradient_bytes, needs_numpy, needs_pillow, png

import nst


def view(data, code, shape):
    return memoryview(data).cast("B").cast(code, shape=list(shape))


class Interface:
    """An object with nothing but __array_interface__."""

    def __init__(self, **described):
        self.__array_interface__ = dict(version=3, **described)


class In(TestCase):
    def same(self, source, width=7, height=5, channels=3, data=None):
        image = nst.Image(source)
        self.assertEqual((image.width, image.height, image.size), (width, height, (width, height)))
        self.assertEqual(image.pixels(channels=channels).tobytes(), data or gradient_bytes(width, height, channels))
        return image

    def test_paths(self):
        path = self.folder / "bild \u00e4.png"
        path.write_bytes(png(7, 5))
        self.same(path)
        self.same(str(path))
        self.assertEqual(self.same(path).source_bits, 8)

    def test_encoded_bytes(self):
        data = png(7, 5)
        for source in (data, bytearray(data), memoryview(data), array.array("B", data), io.BytesIO(data)):
            self.same(source)

    def test_open_file(self):
        path = self.folder / "a.png"
        path.write_bytes(png(7, 5))
        with open(str(path), "rb") as file:
            self.same(file)

    def test_buffers_of_every_channel_count(self):
        for channels in (1, 2, 3, 4):
            image = self.same(view(gradient_bytes(7, 5, channels), "B", (5, 7, channels)), channels=channels)
            self.assertEqual(image.channels, 4 if channels in (2, 4) else 3)
        self.same(view(gradient_bytes(7, 5, 1), "B", (5, 7)), channels=1)

    def test_wider_numbers(self):
        bytes_ = gradient_bytes(7, 5)
        shape = (5, 7, 3)
        self.same(view(array.array("H", [257 * b for b in bytes_]), "H", shape))
        self.same(view(array.array("f", [b / 255 for b in bytes_]), "f", shape))
        self.same(view(array.array("d", [b / 255 for b in bytes_]), "d", shape))

    def test_foreign_byte_order(self):
        other = ">" if sys.byteorder == "little" else "<"
        bytes_ = gradient_bytes(7, 5)
        data = struct.pack("%s%dH" % (other, len(bytes_)), *[257 * b for b in bytes_])
        self.same(Interface(shape=(5, 7, 3), typestr=other + "u2", data=data))

    def test_array_interface(self):
        data = gradient_bytes(7, 5)
        keep = ctypes.create_string_buffer(data, len(data))
        self.same(Interface(shape=(5, 7, 3), typestr="|u1", data=(ctypes.addressof(keep), True)))
        self.same(Interface(shape=(5, 7, 3), typestr="|u1", data=data, strides=(21, 3, 1)))
        self.same(Interface(shape=(5, 7, 3), typestr="|u1", data=b"xx" + data, offset=2))
        with self.assertRaisesRegex(ValueError, "contiguous"):
            nst.Image(Interface(shape=(5, 7, 3), typestr="|u1", data=data, strides=(1, 5, 35)))
        with self.assertRaisesRegex(ValueError, "fewer bytes"):
            nst.Image(Interface(shape=(6, 7, 3), typestr="|u1", data=data))
        with self.assertRaisesRegex(TypeError, "<i8"):
            nst.Image(Interface(shape=(5, 7, 3), typestr="<i8", data=data))

    def test_images_of_its_own(self):
        image = self.same(png(7, 5))
        self.same(image)
        self.same(image.pixels())
        self.same(Interface(**{k: v for k, v in image.__array_interface__.items() if k != "version"}))

    def test_refusals(self):
        for source in (3, None, 1.5, object()):
            with self.assertRaisesRegex(TypeError, "an image must be a path"):
                nst.Image(source)
        with self.assertRaisesRegex(ValueError, "last axis"):
            nst.Image(view(bytes(105), "B", (3, 5, 7)))
        with self.assertRaisesRegex(ValueError, "shape"):
            nst.Image(view(bytes(24), "B", (2, 3, 2, 2)))
        with self.assertRaisesRegex(TypeError, "uint8"):
            nst.Image(view(array.array("l", range(6)), "l", (2, 3)))
        with self.assertRaises(ValueError):
            nst.Image(view(array.array("f", [float("nan")] * 6), "f", (2, 3)))

    @needs_numpy
    def test_numpy(self):
        n = support.numpy
        pixels = n.frombuffer(gradient_bytes(7, 5), n.uint8).reshape(5, 7, 3)
        for source in (pixels, n.asfortranarray(pixels), pixels.astype(">u2") * 257, pixels / 255.0,
                       (pixels / 255).astype("float32"), n.ascontiguousarray(pixels[::-1])[::-1],
                       n.ascontiguousarray(pixels[:, :, ::-1])[:, :, ::-1], n.repeat(pixels, 2, axis=1)[:, ::2]):
            self.same(source)
        half = nst.Image((pixels / 255).astype("float16")).pixels().tobytes()
        self.assertLessEqual(max(abs(a - b) for a, b in zip(half, pixels.tobytes())), 1)
        for bad in ("int64", "bool", "complex64"):
            with self.assertRaises(TypeError):
                nst.Image(pixels.astype(bad))

        class Tensor:
            def __array__(self):
                return pixels

        self.same(Tensor())

    @needs_pillow
    def test_pillow(self):
        pillow = support.pillow
        rgb = pillow.frombytes("RGB", (7, 5), gradient_bytes(7, 5))
        self.same(rgb)
        rgba = pillow.frombytes("RGBA", (7, 5), gradient_bytes(7, 5, 4))
        self.same(rgba, channels=4)
        self.same(pillow.frombytes("L", (7, 5), gradient_bytes(7, 5, 1)), channels=1)
        self.same(pillow.frombytes("LA", (7, 5), gradient_bytes(7, 5, 2)), channels=2)
        for mode in ("1", "P", "CMYK", "YCbCr", "HSV", "La", "RGBa"):
            other = (rgba if mode in ("RGBa",) else rgba.convert("LA") if mode == "La" else rgb).convert(mode)
            wanted = other.convert({"La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
            self.same(other, channels=len(wanted.getbands()), data=wanted.tobytes())
        transparent = rgb.quantize(16)
        transparent.info["transparency"] = 3
        self.same(transparent, channels=4, data=transparent.convert("RGBA").tobytes())
        words = struct.pack("<35H", *[257 * b for b in gradient_bytes(7, 5, 1)])
        self.same(pillow.frombytes("I;16", (7, 5), words), channels=1)
        for mode in ("I", "F"):
            with self.assertRaisesRegex(TypeError, "convert it"):
                nst.Image(pillow.new(mode, (2, 2)))


class Out(TestCase):
    def setUp(self):
        super().setUp()
        self.image = nst.Image(png(7, 5))

    def test_save_and_encode(self):
        for name, magic in (("a.png", b"\x89PNG"), ("a.jpg", b"\xff\xd8"), ("a.JPEG", b"\xff\xd8")):
            path = self.folder / name
            self.image.save(path)
            self.image.save(str(path))
            self.assertTrue(path.read_bytes().startswith(magic))
        self.assertEqual(sorted(os.listdir(str(self.folder))), ["a.JPEG", "a.jpg", "a.png"])
        for format, magic in (("png", b"\x89PNG"), ("jpeg", b"\xff\xd8"), ("JPG", b"\xff\xd8")):
            self.assertTrue(self.image.to_bytes(format).startswith(magic))
        self.assertEqual(nst.Image(self.folder / "a.png").pixels(), self.image.pixels())
        self.assertEqual(self.image._repr_png_(), self.image.to_bytes())

    def test_save_to_a_file_object(self):
        file = io.BytesIO()
        self.image.save(file)
        self.assertEqual(nst.Image(file.getvalue()).pixels(), self.image.pixels())

    def test_sixteen_bits(self):
        words = array.array("H", range(0, 60000, 571))[:105]
        image = nst.Image(view(words, "H", (5, 7, 3)))
        again = nst.Image(image.to_bytes(bits=16))
        self.assertEqual(again.source_bits, 16)
        self.assertEqual(again.pixels("u16").tobytes(), words.tobytes())

    def test_quality(self):
        self.assertLess(len(self.image.to_bytes("jpeg", quality=5)), len(self.image.to_bytes("jpeg", quality=100)))

    def test_overwrite(self):
        path = self.folder / "a.png"
        path.write_bytes(b"before")
        with self.assertRaises(FileExistsError):
            self.image.save(path, overwrite=False)
        self.assertEqual(path.read_bytes(), b"before")

    def test_pixels(self):
        for format, code in (("u8", "B"), ("u16", "H"), ("f32", "f"), ("uint8", "B"), ("float32", "f")):
            pixels = self.image.pixels(format)
            self.assertEqual((pixels.shape, pixels.format, pixels.readonly), ((5, 7, 3), code, False))
        self.assertEqual(self.image.pixels(channels=4)[0, 0, 3], 255)
        for bad in (dict(format="u32"), dict(channels=0), dict(channels=5)):
            with self.assertRaises(ValueError):
                self.image.pixels(**bad)

    def test_encoding_in_another_thread(self):
        found = []
        thread = threading.Thread(target=lambda: found.append(self.image.to_bytes()))
        thread.start()
        thread.join()
        self.assertEqual(found, [self.image.to_bytes()])

    @needs_numpy
    def test_numpy(self):
        n = support.numpy
        wanted = n.frombuffer(gradient_bytes(7, 5), n.uint8).reshape(5, 7, 3)
        shared = n.asarray(self.image)
        self.assertTrue((shared == wanted).all())
        self.assertFalse(shared.flags.writeable)
        self.image.close()  # what numpy holds stays
        self.assertTrue((shared == wanted).all())

    @needs_numpy
    def test_to_numpy(self):
        for format, dtype, scale in (("u8", "uint8", 1), ("u16", "uint16", 257), ("f32", "float32", 1 / 255)):
            found = self.image.to_numpy(format)
            self.assertEqual((found.dtype, found.shape), (dtype, (5, 7, 3)))
            self.assertAlmostEqual(float(found[2, 3, 1]), gradient_bytes(7, 5)[(2 * 7 + 3) * 3 + 1] * scale, places=6)
            found[0] = 0  # one's own

    @needs_pillow
    def test_pillow(self):
        self.assertEqual(self.image.to_pil().tobytes(), gradient_bytes(7, 5))
        self.assertEqual(nst.Image(png(7, 5, 4)).to_pil().mode, "RGBA")

    def test_without_numpy_and_pillow(self):
        """Neither is imported unless asked for, and what needs them says so by an ordinary ImportError."""
        with mock.patch.dict(sys.modules, {"numpy": None, "PIL": None, "PIL.Image": None}):
            image = nst.Image(view(gradient_bytes(7, 5), "B", (5, 7, 3)))
            self.assertEqual(image.pixels().tobytes(), gradient_bytes(7, 5))
            self.assertEqual(image.__array_interface__["data"], gradient_bytes(7, 5))
            nst.Image(image.to_bytes())
            for method in (image.to_numpy, image.to_pil):
                with self.assertRaises(ImportError):
                    method()
        code = "import sys; sys.modules['numpy'] = sys.modules['PIL'] = None\nimport nst, support\n" \
               "nst.Image(nst.Image(support.png(4, 4)).pixels()).to_bytes()"
        self.run_clean(code)

    def test_match_colour(self):
        reference = nst.Image(png(6, 3))
        for method in ("symmetric", "cholesky"):
            matched = self.image.match_colour(reference, method)
            self.assertEqual(matched.size, self.image.size)
            self.assertNotEqual(bytes(matched.pixels()), bytes(self.image.pixels()))
        with self.assertRaises(nst.InvalidArgumentError):
            self.image.match_colour(reference, "pca")

    def test_warp(self):
        width, height = self.image.size
        flow = view(array.array("f", [1.0, 0.0] * (width * height)), "f", (height, width, 2))
        warped, inside = self.image.warp(flow)
        before, after = self.image.pixels(), warped.pixels()
        self.assertEqual(after[0, 0, 0], before[0, 1, 0])
        self.assertEqual([inside.pixels()[0, x, 0] for x in (0, width - 2, width - 1)], [255, 255, 0])
        for wrong in (b"12", self.image, None, view(b"12345678", "B", (2, 2, 2))):
            with self.assertRaises((TypeError, ValueError)):
                self.image.warp(wrong)
        with self.assertRaises(nst.InvalidArgumentError):
            self.image.warp(view(array.array("f", [0.0] * 8), "f", (2, 2, 2)))

    def test_filters(self):
        other = self.image.resize(self.image.width, self.image.height)
        for result in (self.image.guided_filter(other, 2, 1e-9), self.image.screened_poisson(other)):
            self.assertEqual((result.width, result.height), (self.image.width, self.image.height))
        with self.assertRaises(ValueError):
            self.image.guided_filter(self.image.resize(3, 2), 2, 0.1)
        with self.assertRaises(ValueError):
            self.image.screened_poisson(other, luma=-1)

    def test_resize(self):
        small = self.image.resize(3, 2)
        self.assertEqual(small.size, (3, 2))
        for bad in ((0, 2), (-1, 2), (1 << 32, 2)):
            with self.assertRaises(ValueError):
                self.image.resize(*bad)
        with self.assertRaises(TypeError):
            self.image.resize("3", 2)

    def test_text(self):
        self.assertEqual(nst.Image(png(7, 5, text="Title\0Hello")).get_text("Title"), "Hello")
        self.assertIsNone(self.image.get_text("Title"))
        self.assertEqual(self.image.get_text("Title", "none"), "none")
        marked = self.image.with_text("Title", "Gr\u00fc\u00dfe").with_text("nst:params", "{}")
        again = nst.Image(marked.to_bytes())
        self.assertEqual((again.get_text("Title"), again.get_text("nst:params")), ("Gr\u00fc\u00dfe", "{}"))
        self.assertIsNone(nst.Image(marked.to_bytes(strip=True)).get_text("Title"))
        for key, value in (("", "x"), ("k" * 80, "x"), ("k", "a\0b")):
            with self.assertRaises(ValueError):
                self.image.with_text(key, value)

    def test_repr(self):
        self.assertEqual(repr(self.image), "<nst.Image 7x5 RGB>")


class Failures(TestCase):
    def test_missing(self):
        with self.assertRaises(FileNotFoundError) as caught:
            nst.Image(self.folder / "none.png")
        self.assertIsInstance(caught.exception, nst.NotFoundError)
        self.assertIn("none.png", str(caught.exception))
        self.assertEqual(caught.exception.code, nst.Status.ERR_NOT_FOUND)

    def test_damaged(self):
        for data in (b"", b"GIF89a", png(7, 5)[:40], b"\xff\xd8\xff"):
            with self.assertRaises(nst.ImageFormatError) as caught:
                nst.Image(data)
            self.assertIsInstance(caught.exception, ValueError)
            self.assertTrue(str(caught.exception))

    def test_directory(self):
        with self.assertRaises(OSError):
            nst.Image(self.folder)

    def test_nul_in_a_path(self):
        with self.assertRaises(ValueError):
            nst.Image("a\0b.png")

    def test_unwritable(self):
        image = nst.Image(png(2, 2))
        with self.assertRaises(OSError):
            image.save(self.folder / "none" / "a.png")
        with self.assertRaises(ValueError):
            image.save(self.folder / "a.gif")
        for bad in (dict(bits=9), dict(quality=0), dict(format="gif")):
            with self.assertRaises(ValueError):
                image.to_bytes(**bad)

    def test_limit(self):
        with nst.Context(max_pixels=10) as context:
            with self.assertRaises(nst.LimitError):
                nst.Image(png(7, 5), context=context)
            self.assertEqual(nst.Image(png(2, 5), context=context).width, 2)

    def test_closed(self):
        with nst.Image(png(2, 2)) as image:
            self.assertFalse(image.closed)
        self.assertTrue(image.closed)
        with self.assertRaisesRegex(nst.StateError, "this Image is closed"):
            image.pixels()


if __name__ == "__main__":
    unittest.main()
