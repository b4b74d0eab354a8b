"""The few library calls the golden tests need, straight through ctypes: they test the C library, not the Python bindings."""
import ctypes as c
import os
import sys

SKIP = 77


def skip(reason):
    print("SKIP:", reason)
    sys.exit(SKIP)


def data(*parts):
    """A path in the test data folder (NST_TEST_DATA, else ../shared beside the source), or a skip where it is absent."""
    root = os.environ.get("NST_TEST_DATA") or os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared")
    path = os.path.abspath(os.path.join(root, *parts))
    if not os.path.exists(path):
        skip("no test data at " + path)
    return path


class ImageDesc(c.Structure):
    _fields_ = [("size", c.c_uint32), ("format", c.c_uint32), ("width", c.c_uint32), ("height", c.c_uint32),
                ("channels", c.c_uint32), ("source_bits", c.c_uint32), ("stride", c.c_uint64), ("reserved", c.c_uint64 * 2)]


class Progress(c.Structure):
    _fields_ = [("size", c.c_uint32), ("stop_reason", c.c_int32), ("iteration", c.c_uint32), ("iterations", c.c_uint32),
                ("evaluations", c.c_uint32), ("scale", c.c_uint32), ("scales", c.c_uint32), ("width", c.c_uint32),
                ("height", c.c_uint32), ("terms", c.c_uint32), ("loss", c.c_double), ("content", c.c_double),
                ("style", c.c_double), ("tv", c.c_double), ("gradient_norm", c.c_double), ("seconds", c.c_double),
                ("seconds_left", c.c_double), ("reserved", c.c_uint64 * 4)]


class MeasureSummary(c.Structure):
    _fields_ = [("size", c.c_uint32), ("layers", c.c_uint32), ("width", c.c_uint32), ("height", c.c_uint32),
                ("held_out_style", c.c_double), ("retention", c.c_double), ("ssim", c.c_double), ("edge_ssim", c.c_double),
                ("edge_correlation", c.c_double), ("high_frequency", c.c_double), ("high_frequency_content", c.c_double),
                ("high_frequency_style", c.c_double), ("precision", c.c_char * 12), ("held_out", c.c_uint32),
                ("held_out_style_half", c.c_double), ("held_out_style_quarter", c.c_double), ("self_similarity", c.c_double),
                ("erosion", c.c_double), ("reserved", c.c_uint64 * 4)]


class MeasureLayer(c.Structure):
    _fields_ = [("size", c.c_uint32), ("content_in_objective", c.c_uint32), ("layer", c.c_char * 16),
                ("style_in_objective", c.c_uint32), ("reserved0", c.c_uint32), ("content", c.c_double), ("style", c.c_double),
                ("retention", c.c_double), ("reserved", c.c_uint64 * 2)]


class CtxConfig(c.Structure):
    _fields_ = [("size", c.c_uint32), ("threads", c.c_int32), ("log_level", c.c_int32), ("reserved0", c.c_int32),
                ("allocator", c.c_void_p), ("log", c.c_void_p), ("log_user", c.c_void_p), ("run", c.c_void_p), ("run_user", c.c_void_p),
                ("max_pixels", c.c_uint64), ("max_weights_size", c.c_uint64), ("reserved", c.c_uint64 * 4)]


class Library:
    def __init__(self, path, threads=0):
        self.lib = c.CDLL(path)
        for name in ("nst_ctx_error", "nst_session_error", "nst_options_error", "nst_ctx_cpu_level"):
            getattr(self.lib, name).restype = c.c_char_p
            getattr(self.lib, name).argtypes = [c.c_void_p]
        self.ctx = self.new("nst_ctx_new", c.byref(CtxConfig(c.sizeof(CtxConfig), threads)))

    def new(self, function, *arguments):
        out = c.c_void_p()
        status = getattr(self.lib, function)(*arguments, c.byref(out))
        if status < 0:
            text = self.lib.nst_ctx_error(self.ctx).decode() if hasattr(self, "ctx") else ""
            raise RuntimeError("%s: %d %s" % (function, status, text))
        return out

    def model(self, path):
        return self.new("nst_model_open", self.ctx, path.encode())

    def image(self, array):
        """array (H, W, 3) float32 in 0..1"""
        import numpy as np
        array = np.ascontiguousarray(array, np.float32)
        desc = ImageDesc(c.sizeof(ImageDesc), 3, array.shape[1], array.shape[0], array.shape[2], 0, 0)
        return self.new("nst_image_new", self.ctx, c.byref(desc), array.ctypes.data_as(c.c_void_p))

    def load(self, path):
        return self.new("nst_image_load", self.ctx, path.encode())

    def options(self, **values):
        options = self.new("nst_options_new", self.ctx)
        for key, value in values.items():
            if self.lib.nst_options_set_str(options, key.encode(), str(value).encode()) < 0:
                raise ValueError(self.lib.nst_options_error(options).decode())
        return options

    def targets(self, model, content, styles):
        array = (c.c_void_p * max(1, len(styles)))(*styles)
        return self.new("nst_targets_new", model, content, array, c.c_uint32(len(styles)))

    def session(self, targets, options, init=None):
        return self.new("nst_session_new", targets, options, init)

    def step(self, session):
        status = self.lib.nst_session_step(session)
        if status < 0:
            raise RuntimeError("%d %s" % (status, self.lib.nst_session_error(session).decode()))
        return status == 0

    def progress(self, session):
        progress = Progress(c.sizeof(Progress))
        assert self.lib.nst_session_get_progress(session, c.byref(progress)) == 0
        return progress

    def measure(self, targets, image):
        """(summary, [layer, ...])"""
        measure = self.new("nst_measure_new", targets, image, None)
        summary = MeasureSummary(c.sizeof(MeasureSummary))
        assert self.lib.nst_measure_get_summary(measure, c.byref(summary)) == 0
        layers = [MeasureLayer(c.sizeof(MeasureLayer)) for _ in range(summary.layers)]
        for index, layer in enumerate(layers):
            assert self.lib.nst_measure_get_layer(measure, c.c_uint32(index), c.byref(layer)) == 0
        self.free(measure=measure)
        return summary, layers

    def gradient(self, session):
        """(3, H, W) float64, of an oracle library"""
        import numpy as np
        progress = self.progress(session)
        out = np.empty((3, progress.height, progress.width))
        assert self.lib.oracle_gradient(session, out.ctypes.data_as(c.c_void_p), c.c_uint64(out.size)) == 0
        return out

    def free(self, **handles):
        for kind, handle in handles.items():
            function = "nst_%s_%s" % (kind, "free" if kind in ("session", "options", "measure") else "unref")
            getattr(self.lib, function)(handle)
