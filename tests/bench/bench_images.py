"""Square pictures out of the test data, as files of raw bytes (size, size, 3), so that every program in a comparison sees the same."""
import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import libnst  # noqa: E402

U8 = 1


def read_bytes(nst, image):
    """(width, height, bytes) of an image as 8-bit RGB"""
    desc = libnst.ImageDesc(ctypes.sizeof(libnst.ImageDesc))
    assert nst.lib.nst_image_get_desc(image, ctypes.byref(desc)) == 0
    desc.format, desc.channels, desc.stride = U8, 3, 0
    pixels = ctypes.create_string_buffer(desc.width * desc.height * 3)
    assert nst.lib.nst_image_read(image, ctypes.byref(desc), pixels, ctypes.c_uint64(len(pixels))) == 0
    return desc.width, desc.height, pixels.raw


def from_bytes(nst, width, height, pixels):
    desc = libnst.ImageDesc(ctypes.sizeof(libnst.ImageDesc), U8, width, height, 3, 0, 0)
    return nst.new("nst_image_new", nst.ctx, ctypes.byref(desc), pixels)


def write_square(nst, path, size, out):
    """The middle of a picture, resized."""
    picture = nst.load(path)
    width, height, pixels = read_bytes(nst, picture)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    rows = [pixels[3 * (y * width + left):3 * (y * width + left + side)] for y in range(top, top + side)]
    square = from_bytes(nst, side, side, b"".join(rows))
    resized = nst.new("nst_image_resize", square, size, size)
    with open(out, "wb") as file:
        file.write(read_bytes(nst, resized)[2])
    for image in (picture, square, resized):
        nst.free(image=image)


def read_square(nst, path, size):
    with open(path, "rb") as file:
        return from_bytes(nst, size, size, file.read())
