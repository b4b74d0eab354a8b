#!/usr/bin/env python3
"""Writes the seeds of the image fuzz targets, small drawn pictures of every kind, into corpus/png and corpus/jpeg.

PNG needs the standard library only; JPEG needs Pillow. The seeds are committed; this is how they were made.
"""
import io
import pathlib
import struct
import sys
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"
SIDE = 5


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def passes(interlaced, width, height):
    if not interlaced:
        return [(0, 0, 1, 1)]
    adam7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    return [p for p in adam7 if p[0] < width and p[1] < height]


def scanlines(depth, channels, interlaced):
    out = b""
    for x0, y0, dx, dy in passes(interlaced, SIDE, SIDE):
        for y in range(y0, SIDE, dy):
            bits = "".join(format((x * 37 + y * 91 + c * 53) % (1 << depth), f"0{depth}b")
                           for x in range(x0, SIDE, dx) for c in range(channels))
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out


def png(colour, depth, interlaced=False, extra=(), after=()):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, interlaced))
    for kind, data in extra:
        out += chunk(kind, data)
    if colour == 3:
        out += chunk(b"PLTE", bytes((i * 29) % 256 for i in range(3 << depth)))
    for kind, data in after:
        out += chunk(kind, data)
    return out + chunk(b"IDAT", zlib.compress(scanlines(depth, channels, interlaced))) + chunk(b"IEND", b"")


def exif(orientation):
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def png_seeds():
    for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)), (4, (8, 16)), (6, (8, 16))):
        for depth in depths:
            for interlaced in (False, True):
                yield f"c{colour}d{depth}{'i' if interlaced else ''}", png(colour, depth, interlaced)
    yield "text", png(2, 8, extra=[(b"tEXt", b"nst:params\0{\"alpha\": 1}"), (b"tEXt", b"Comment\0caf\xe9")])
    yield "ztxt", png(2, 8, extra=[(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 1000))])
    yield "exif", png(2, 8, extra=[(b"eXIf", exif(6))])
    yield "srgb-gama", png(2, 8, extra=[(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455))])
    yield "trns-gray", png(0, 8, after=[(b"tRNS", b"\0\x25")])
    yield "trns-rgb", png(2, 16, after=[(b"tRNS", b"\0\0\0\1\0\2")])
    yield "trns-palette", png(3, 4, after=[(b"tRNS", b"\0\x80\xff")])
    try:
        from PIL import ImageCms
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        yield "iccp", png(2, 8, extra=[(b"iCCP", b"icc\0\0" + zlib.compress(profile))])
    except ImportError:
        print("no Pillow: the seed iccp.png is left as it is", file=sys.stderr)


def jpeg_seeds():
    from PIL import Image, ImageCms
    side = 17
    rgb = Image.frombytes("RGB", (side, side), bytes((x * 13 + y * 7 + c * 85) % 256 for y in range(side) for x in range(side)
                                                     for c in range(3)))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    variants = {
        "gray": (rgb.convert("L"), {}), "rgb444": (rgb, {"subsampling": 0}), "rgb420": (rgb, {"subsampling": 2}),
        "progressive": (rgb, {"progressive": True}), "cmyk": (rgb.convert("CMYK"), {}),
        "exif": (rgb, {"exif": b"Exif\0\0" + exif(8)}), "icc": (rgb, {"icc_profile": profile}),
        "restart": (rgb, {"restart_marker_blocks": 1}),
    }
    for name, (image, options) in variants.items():
        out = io.BytesIO()
        image.save(out, "JPEG", quality=40, optimize=True, **options)
        yield name, out.getvalue()


def main():
    for folder, seeds in (("png", png_seeds()), ("jpeg", jpeg_seeds())):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
        for name, data in seeds:
            (CORPUS / folder / f"{name}.{folder}").write_bytes(data)


main()
