#!/usr/bin/env python3
"""Decoding, colour and resizing compared with Pillow, through the library's public interface. Usage: pillow.py LIBNST.SO

Skips (exit status 77) without Pillow and numpy.
"""
import ctypes
import io
import os
import pathlib
import sys

try:
    import numpy as np
    from PIL import Image, ImageCms, ImageOps
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

U8, U16, F32 = 1, 2, 3
nst = ctypes.CDLL(sys.argv[1])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("NST_TEST_DATA") or SOURCE.parent / "shared")
failures = 0


class Desc(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint32) for n in ("size", "format", "width", "height", "channels", "source_bits")]
    _fields_ += [("stride", ctypes.c_uint64), ("reserved", ctypes.c_uint64 * 2)]


class Writer(ctypes.Structure):
    WRITE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
    _fields_ = [("size", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("write", WRITE), ("user", ctypes.c_void_p)]


class SaveParams(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32)] + [(n, ctypes.c_int32) for n in ("type", "bits", "quality", "overwrite", "strip")]
    _fields_ += [("reserved", ctypes.c_uint64 * 2)]


nst.nst_ctx_error.restype = ctypes.c_char_p
ctx = ctypes.c_void_p()
assert nst.nst_ctx_new(None, ctypes.byref(ctx)) == 0


def check(what, ok, detail=""):
    global failures
    failures += not ok
    if not ok or detail:
        print(f"{'ok  ' if ok else 'FAIL'} {what} {detail}")


def load(data):
    """The image, or the sentence that says why not."""
    image = ctypes.c_void_p()
    status = nst.nst_image_load_memory(ctx, data, ctypes.c_uint64(len(data)), ctypes.byref(image))
    return image if status >= 0 else nst.nst_ctx_error(ctx).decode()


def pixels(image, form=U8, channels=0):
    desc = Desc(size=ctypes.sizeof(Desc))
    nst.nst_image_get_desc(image, ctypes.byref(desc))
    desc.format, desc.channels = form, channels or desc.channels
    out = np.zeros((desc.height, desc.width, desc.channels), {U8: np.uint8, U16: np.uint16, F32: np.float32}[form])
    status = nst.nst_image_read(image, ctypes.byref(desc), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(out.nbytes))
    assert status == 0, nst.nst_ctx_error(ctx)
    return out


def from_array(array):
    form = {np.dtype(np.uint8): U8, np.dtype(np.uint16): U16, np.dtype(np.float32): F32}[array.dtype]
    array = np.ascontiguousarray(array)
    desc = Desc(ctypes.sizeof(Desc), form, array.shape[1], array.shape[0], array.shape[2])
    image = ctypes.c_void_p()
    status = nst.nst_image_new(ctx, ctypes.byref(desc), array.ctypes.data_as(ctypes.c_void_p), ctypes.byref(image))
    assert status == 0, nst.nst_ctx_error(ctx)
    return image


def encoded(image, **params):
    out = bytearray()

    def write(_, data, count):
        out.extend(ctypes.string_at(data, count))
        return 0

    writer = Writer(ctypes.sizeof(Writer), 0, Writer.WRITE(write), None)
    settings = SaveParams(size=ctypes.sizeof(SaveParams), **params)
    assert nst.nst_image_save_writer(image, ctypes.byref(writer), ctypes.byref(settings)) == 0, nst.nst_ctx_error(ctx)
    return bytes(out)


def scene(width, height, mode="RGB"):
    """A smooth scene with edges and some grain, up to the ends of the range."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    grain = np.random.default_rng(5).normal(0, 4, (height, width, 3))
    rgb = np.stack([128 + 100 * np.sin(x / 9 + y / 23), 255 * x / max(width - 1, 1), 200 * ((x // 11 + y // 7) % 2)], 2)
    image = Image.fromarray(np.clip(rgb + grain, 0, 255).astype(np.uint8))
    if mode == "RGBA":
        radius = np.hypot(x - width / 2, y - height / 2) / max(width, height)
        image.putalpha(Image.fromarray(np.clip(255 * (1.2 - 2 * radius), 0, 255).astype(np.uint8)))
        return image
    return image.convert(mode)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def compare_jpeg(what, data, most):
    mine = load(data)
    if isinstance(mine, str):
        check(what, False, mine)
        return
    theirs = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")).astype(int)
    ours = pixels(mine).astype(int)
    nst.nst_image_unref(mine)
    difference = np.abs(ours - theirs).max() if ours.shape == theirs.shape else 999
    check(what, difference <= most, f"largest difference {difference}")


def test_jpeg():
    exif = Image.Exif()
    exif[0x0112] = 7
    for width, height in ((64, 48), (1, 1), (17, 31), (8, 9), (255, 3)):
        rgb = scene(width, height)
        for subsampling in (0, 1, 2):
            compare_jpeg(f"jpeg {width}x{height} subsampling {subsampling}", jpeg(rgb, quality=90, subsampling=subsampling), 1)
        compare_jpeg(f"jpeg {width}x{height} progressive", jpeg(rgb, quality=75, progressive=True), 1)
        compare_jpeg(f"jpeg {width}x{height} gray", jpeg(rgb.convert("L")), 1)
        compare_jpeg(f"jpeg {width}x{height} CMYK", jpeg(rgb.convert("CMYK"), quality=90), 1)
        compare_jpeg(f"jpeg {width}x{height} restarts", jpeg(rgb, restart_marker_blocks=1), 1)
        compare_jpeg(f"jpeg {width}x{height} orientation", jpeg(rgb, exif=exif.tobytes()), 1)


def ycck(data):
    """The same samples declared as YCCK in the Adobe marker: another picture, but the same for every decoder."""
    at = data.index(b"Adobe")
    return data[:at + 11] + b"\2" + data[at + 12:]


def test_ycck():
    compare_jpeg("jpeg YCCK", ycck(jpeg(scene(40, 30).convert("CMYK"), quality=95)), 2)


def test_png():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        out = io.BytesIO()
        image = scene(33, 21, "RGBA").convert("RGB").quantize(13) if mode == "P" else scene(33, 21).convert(mode)
        image.save(out, "PNG")
        mine = load(out.getvalue())
        same = not isinstance(mine, str) and np.array_equal(pixels(mine, U8, 4), np.asarray(image.convert("RGBA")))
        check(f"png {mode}", same, "" if same else str(mine))
    rgb16 = np.random.default_rng(1).integers(0, 65536, (9, 12, 3), dtype=np.uint16)
    data = encoded(from_array(rgb16), bits=16)
    check("png 16 bits both ways", np.array_equal(pixels(load(data), U16), rgb16))
    rgba = np.asarray(scene(30, 20, "RGBA"))
    back = Image.open(io.BytesIO(encoded(from_array(rgba))))
    check("png that Pillow reads", np.array_equal(np.asarray(back), rgba) and "srgb" in back.info, str(back.info))
    rgb = np.asarray(scene(50, 40))
    back = np.asarray(Image.open(io.BytesIO(encoded(from_array(rgb), type=2, quality=100)))).astype(int)
    difference = np.abs(back - rgb).max()
    check("jpeg that Pillow reads", difference <= 6, f"largest difference {difference}")


def with_profile(image, profile, kind="PNG"):
    out = io.BytesIO()
    image.save(out, kind, icc_profile=profile, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))
    return out.getvalue()


def swapped_profile():
    """An RGB profile made of sRGB's own by exchanging its red and green primaries, which exchanges them in every colour."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(int.from_bytes(profile[128:132], "big")):
        tag = 132 + 12 * i
        if profile[tag:tag + 4] in (b"rXYZ", b"gXYZ"):
            profile[tag:tag + 4] = b"gXYZ" if profile[tag:tag + 4] == b"rXYZ" else b"rXYZ"
    return bytes(profile)


def test_profiles():
    rgb = scene(40, 30)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = load(with_profile(rgb, srgb))
    check("an sRGB profile leaves the pixels exactly", np.array_equal(pixels(image), np.asarray(rgb)))
    ours = pixels(load(with_profile(rgb, swapped_profile()))).astype(int)
    exchanged = np.asarray(rgb)[:, :, [1, 0, 2]].astype(int)
    plain = np.abs(ours - np.asarray(rgb)).max() == 0
    if plain:
        print("skipped: this build has no lcms2, profiles are not applied")
        return
    difference = np.abs(ours - exchanged).max()
    check("a profile with red and green exchanged", difference <= 2, f"largest difference {difference}")
    rgba = rgb.copy()
    rgba.putalpha(scene(40, 30, "RGBA").getchannel("A"))
    ours = pixels(load(with_profile(rgba, swapped_profile())))
    difference = np.abs(ours[:, :, :3].astype(int) - exchanged).max()
    check("the same with alpha", difference <= 2 and np.array_equal(ours[:, :, 3], np.asarray(rgba)[:, :, 3]),
          f"largest difference {difference}")
    data = with_profile(rgb, swapped_profile(), "JPEG")
    decoded = np.asarray(Image.open(io.BytesIO(data)))[:, :, [1, 0, 2]].astype(int)
    difference = np.abs(pixels(load(data)).astype(int) - decoded).max()
    check("the same in JPEG", difference <= 3, f"largest difference {difference}")
    for name, broken in (("cut off", swapped_profile()[:200]), ("noise", b"noise" * 100), ("of gray", gray_profile())):
        image = load(with_profile(rgb, broken, "JPEG"))
        theirs = np.asarray(Image.open(io.BytesIO(with_profile(rgb, broken, "JPEG")))).astype(int)
        check(f"a profile that is {name} is ignored", not isinstance(image, str) and np.abs(pixels(image) - theirs).max() <= 1)


def gray_profile():
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    return bytes(profile)


def resized(array, width, height):
    out = ctypes.c_void_p()
    image = from_array(array)
    status = nst.nst_image_resize(image, ctypes.c_uint32(width), ctypes.c_uint32(height), ctypes.byref(out))
    assert status == 0, nst.nst_ctx_error(ctx)
    result = pixels(out, F32 if array.dtype == np.float32 else U8)
    nst.nst_image_unref(image)
    nst.nst_image_unref(out)
    return result


RATIOS = ((320, 200, 80, 50), (320, 200, 319, 201), (320, 200, 511, 77), (33, 21, 264, 168), (200, 3, 7, 50), (301, 207, 100, 69),
          (640, 480, 1, 1), (5, 5, 5, 40))


def pillow_plane(values, to_width, to_height):
    return np.asarray(Image.fromarray(values).resize((to_width, to_height), Image.LANCZOS))


def alpha_difference(rgba, to_width, to_height):
    """Against Pillow's float planes, multiplied by alpha before and divided after; where anything is seen."""
    alpha = pillow_plane(rgba[:, :, 3], to_width, to_height)
    seen = alpha > 0.01
    colours = [pillow_plane(rgba[:, :, c] * rgba[:, :, 3], to_width, to_height)[seen] / alpha[seen] for c in range(3)]
    exact = np.stack(colours + [alpha[seen]], 1).clip(0, 1)
    return np.abs(resized(rgba, to_width, to_height)[seen] - exact).max() if seen.any() else 0.0


def test_resize():
    for width, height, to_width, to_height in RATIOS:
        what = f"resize {width}x{height} to {to_width}x{to_height}"
        plane = np.asarray(scene(width, height).convert("L")).astype(np.float32) / 255 * 0.5 + 0.25
        exact = pillow_plane(plane, to_width, to_height)
        ours = resized(np.repeat(plane[:, :, None], 3, 2), to_width, to_height)
        difference = np.abs(ours[:, :, 0] - exact.clip(0, 1)).max()
        check(f"{what}, float", difference < 2e-6, f"largest difference {difference:.1e}")
        # Between its two passes Pillow cuts 8-bit images to 0..255, which flattens the overshoot at edges between extremes; we
        # do not, so that the order of the passes does not matter. Full range is compared with its float images, 8 bits where
        # nothing is cut.
        full = np.asarray(scene(width, height)).astype(np.float32) / 255
        exact = np.stack([pillow_plane(full[:, :, c], to_width, to_height) for c in range(3)], 2)
        difference = np.abs(resized(full, to_width, to_height) - exact.clip(0, 1)).max()
        check(f"{what}, full range", difference < 2e-6, f"largest difference {difference:.1e}")
        difference = alpha_difference(np.asarray(scene(width, height, "RGBA")).astype(np.float32) / 255, to_width, to_height)
        check(f"{what}, alpha", difference < 1e-4, f"largest difference {difference:.1e}")
        for mode in ("RGB", "RGBA"):
            image = scene(width, height, mode)
            softened = [band.point(lambda v: 77 + v * 2 // 5) for band in image.split()[:3]]
            image = Image.merge(mode, softened + list(image.split()[3:]))
            theirs = np.asarray(image.resize((to_width, to_height), Image.LANCZOS)).astype(int)
            ours = resized(np.asarray(image), to_width, to_height).astype(int)
            off = np.abs(ours - theirs)
            if mode == "RGBA":  # three roundings to 8 bits in Pillow; what matters is what is seen
                off = np.concatenate([off[:, :, :3] * theirs[:, :, 3:] / 255, off[:, :, 3:]], 2)
            check(f"{what}, {mode}", off.max() <= (1 if mode == "RGB" else 3), f"largest difference {off.max():.2f}")


def test_orientations():
    for path in sorted((DATA / "badimages/exif-orientation").glob("*.jpg")):
        compare_jpeg(path.name, path.read_bytes(), 1)


EXPLAINED = {
    "1ae14e57b7062597279134ff2eeb39c0.png": "Pillow compares the 4-bit transparent value with 8-bit samples",
    "4f14b7aab3a41855378c5517342598b9.png": "tRNS longer than the palette: libpng drops it, Pillow uses it",
}


def compare_found(path):
    """True if both decode, and to the same picture."""
    data = path.read_bytes()
    mine = load(data)
    if isinstance(mine, str):
        return False
    ours = pixels(mine, U8, 4).astype(int)
    nst.nst_image_unref(mine)
    try:
        theirs = Image.open(path)
        if "icc_profile" in theirs.info or theirs.mode.startswith("I") or path.name in EXPLAINED:
            return False
        theirs = np.asarray(ImageOps.exif_transpose(theirs).convert("RGBA")).astype(int)
    except Exception as refused:  # Pillow raises many kinds
        print(f"     {path.name}: only Pillow refuses: {refused}")
        return False
    exact = path.suffix == ".png" and data[24] != 16  # Pillow cuts 16 bits to 8 where we round
    difference = np.abs(ours - theirs).max() if ours.shape == theirs.shape else 999
    check(path.name, difference <= (0 if exact else 1), f"largest difference {difference}" if difference else "")
    return difference <= 1


def test_found_files():
    """Whatever both this library and Pillow decode must be the same picture."""
    same = sum(compare_found(path) for path in sorted((DATA / "badimages/imagetestsuite").glob("*/*")))
    print(f"{same} found files decode as in Pillow")


if not (DATA / "badimages").exists():
    print("without test data (NST_TEST_DATA): only what is made here is compared")
for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
nst.nst_ctx_unref(ctx)
print(f"{failures} failures")
sys.exit(failures > 0)
