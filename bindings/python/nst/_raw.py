"""The C interface as ctypes sees it. Made by generate_raw.py from include/nst/*.h; do not edit."""
from __future__ import annotations

import enum
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_uint32, c_uint64,
                    c_void_p)
from typing import Any, Dict, Tuple

NST_VERSION_STRING = "0.1.0"
NST_API_VERSION_MAJOR = 0
NST_API_VERSION_MINOR = 1
NST_API_VERSION = NST_API_VERSION_MAJOR << 16 | NST_API_VERSION_MINOR


class nst_ctx(Structure):
    """Opaque."""


class nst_model(Structure):
    """Opaque."""


class nst_image(Structure):
    """Opaque."""


class nst_options(Structure):
    """Opaque."""


class nst_targets(Structure):
    """Opaque."""


class nst_session(Structure):
    """Opaque."""


class nst_measure(Structure):
    """Opaque."""


nst_reader_read = CFUNCTYPE(c_int64, c_void_p, c_void_p, c_uint64)


class nst_reader(Structure):
    size: int
    reserved: int
    read: Any
    user: Any
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("read", nst_reader_read),
        ("user", c_void_p),
    ]


nst_writer_write = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_uint64)


class nst_writer(Structure):
    size: int
    reserved: int
    write: Any
    user: Any
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("write", nst_writer_write),
        ("user", c_void_p),
    ]


class Status(enum.IntEnum):
    """nst_status"""

    OK = 0
    CONTINUE = 0
    DONE = 1
    ERR_INVALID_ARG = -1
    ERR_NOMEM = -2
    ERR_IO = -3
    ERR_STATE = -4
    ERR_BUSY = -5
    ERR_CANCELLED = -6
    ERR_UNSUPPORTED = -7
    ERR_LIMIT = -8
    ERR_NOT_FOUND = -9
    ERR_EXISTS = -10
    ERR_IMAGE_FORMAT = -20
    ERR_WEIGHTS_FORMAT = -40
    ERR_PREPROCESSING = -41
    ERR_PARAMS_FORMAT = -42
    ERR_CHECKPOINT_FORMAT = -43
    ERR_NUMERIC = -60
    ERR_STRUCT_SIZE = -80
    ERR_STRUCT_VERSION = -81
    ERR_INTERNAL = -99


nst_allocator_allocate = CFUNCTYPE(c_void_p, c_void_p, c_uint64, c_uint64)


nst_allocator_release = CFUNCTYPE(None, c_void_p, c_void_p)


class nst_allocator(Structure):
    size: int
    reserved: int
    allocate: Any
    release: Any
    user: Any
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("allocate", nst_allocator_allocate),
        ("release", nst_allocator_release),
        ("user", c_void_p),
    ]


class LogLevel(enum.IntEnum):
    """nst_log_level"""

    ERROR = 1
    WARNING = 2
    INFO = 3
    DEBUG = 4


nst_log_fn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


nst_job_fn = CFUNCTYPE(None, c_void_p, c_uint32)


nst_run_fn = CFUNCTYPE(None, c_void_p, nst_job_fn, c_void_p, c_uint32)


class nst_ctx_config(Structure):
    size: int
    threads: int
    log_level: int
    reserved0: int
    allocator: Any
    log: Any
    log_user: Any
    run: Any
    run_user: Any
    max_pixels: int
    max_weights_size: int
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("log_level", c_int32),
        ("reserved0", c_int32),
        ("allocator", POINTER(nst_allocator)),
        ("log", nst_log_fn),
        ("log_user", c_void_p),
        ("run", nst_run_fn),
        ("run_user", c_void_p),
        ("max_pixels", c_uint64),
        ("max_weights_size", c_uint64),
        ("reserved", c_uint64 * 4),
    ]


class Format(enum.IntEnum):
    """nst_format"""

    U8 = 1
    U16 = 2
    F32 = 3


class nst_image_desc(Structure):
    size: int
    format: int
    width: int
    height: int
    channels: int
    source_bits: int
    stride: int
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("channels", c_uint32),
        ("source_bits", c_uint32),
        ("stride", c_uint64),
        ("reserved", c_uint64 * 2),
    ]


class FileType(enum.IntEnum):
    """nst_file_type"""

    AUTO = 0
    PNG = 1
    JPEG = 2


class nst_save_params(Structure):
    size: int
    type: int
    bits: int
    quality: int
    overwrite: int
    strip: int
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("type", c_int32),
        ("bits", c_int32),
        ("quality", c_int32),
        ("overwrite", c_int32),
        ("strip", c_int32),
        ("reserved", c_uint64 * 2),
    ]


class ColourMethod(enum.IntEnum):
    """nst_colour_method"""

    SYMMETRIC = 0
    CHOLESKY = 1


class Preprocessing(enum.IntEnum):
    """nst_preprocessing"""

    UNKNOWN = 0
    TORCH = 1
    CAFFE = 2
    UNIT = 3


class Padding(enum.IntEnum):
    """nst_padding"""

    AUTO = 0
    ZERO = 1
    REFLECT = 2
    REPLICATE = 3


class nst_model_info(Structure):
    size: int
    preprocessing: int
    padding: int
    convolutions: int
    parameters: int
    has_input_convolution: int
    reserved0: int
    architecture: bytes
    name: bytes
    fingerprint: bytes
    source: bytes
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("preprocessing", c_int32),
        ("padding", c_int32),
        ("convolutions", c_uint32),
        ("parameters", c_uint64),
        ("has_input_convolution", c_uint32),
        ("reserved0", c_uint32),
        ("architecture", c_char * 16),
        ("name", c_char * 64),
        ("fingerprint", c_char * 72),
        ("source", c_char * 256),
        ("reserved", c_uint64 * 4),
    ]


nst_weights_fn = CFUNCTYPE(c_int32, c_void_p, c_char_p, c_int32, c_uint64)


class nst_weights_identity(Structure):
    size: int
    known: int
    length: int
    sha256: bytes
    name: bytes
    note: bytes
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("known", c_uint32),
        ("length", c_uint64),
        ("sha256", c_char * 72),
        ("name", c_char * 64),
        ("note", c_char * 256),
        ("reserved", c_uint64 * 2),
    ]


class OptionType(enum.IntEnum):
    """nst_option_type"""

    INT = 1
    FLOAT = 2
    BOOL = 3
    CHOICE = 4
    LAYERS = 5
    FLOATS = 6
    STRING = 7


class OptionChange(enum.IntEnum):
    """nst_option_change"""

    LIVE = 1
    RESTART = 2
    PLAN = 3
    FIXED = 4


class nst_option_info(Structure):
    size: int
    type: int
    change: int
    since: int
    key: bytes
    default_text: bytes
    choices: bytes
    unit: bytes
    group: bytes
    doc: bytes
    minimum: float
    maximum: float
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("type", c_int32),
        ("change", c_int32),
        ("since", c_uint32),
        ("key", c_char_p),
        ("default_text", c_char_p),
        ("choices", c_char_p),
        ("unit", c_char_p),
        ("group", c_char_p),
        ("doc", c_char_p),
        ("minimum", c_double),
        ("maximum", c_double),
        ("reserved", c_uint64 * 2),
    ]


class StopReason(enum.IntEnum):
    """nst_stop_reason"""

    NONE = 0
    ITERATIONS = 1
    TOLERANCE = 2
    CONVERGED = 3
    CANCELLED = 4
    NUMERIC = 5


class nst_progress(Structure):
    size: int
    stop_reason: int
    iteration: int
    iterations: int
    evaluations: int
    scale: int
    scales: int
    width: int
    height: int
    terms: int
    loss: float
    content: float
    style: float
    tv: float
    gradient_norm: float
    seconds: float
    seconds_left: float
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("stop_reason", c_int32),
        ("iteration", c_uint32),
        ("iterations", c_uint32),
        ("evaluations", c_uint32),
        ("scale", c_uint32),
        ("scales", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("terms", c_uint32),
        ("loss", c_double),
        ("content", c_double),
        ("style", c_double),
        ("tv", c_double),
        ("gradient_norm", c_double),
        ("seconds", c_double),
        ("seconds_left", c_double),
        ("reserved", c_uint64 * 4),
    ]


class nst_loss_term(Structure):
    size: int
    reserved0: int
    kind: bytes
    layer: bytes
    weight: float
    value: float
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("reserved0", c_uint32),
        ("kind", c_char * 16),
        ("layer", c_char * 16),
        ("weight", c_double),
        ("value", c_double),
        ("reserved", c_uint64 * 2),
    ]


class Clamped(enum.IntEnum):
    """nst_clamped"""

    NOT = 0
    STYLE = 1
    FLAT = 2


class nst_strength_info(Structure):
    size: int
    in_use: int
    clamped: int
    settled: int
    strength: float
    target: float
    retention: float
    content_weight: float
    floor: float
    photo_target: float
    photo_share: float
    photo_weight: float
    style_left: float
    style_incomplete: int
    reserved0: int
    _fields_ = [
        ("size", c_uint32),
        ("in_use", c_uint32),
        ("clamped", c_uint32),
        ("settled", c_uint32),
        ("strength", c_double),
        ("target", c_double),
        ("retention", c_double),
        ("content_weight", c_double),
        ("floor", c_double),
        ("photo_target", c_double),
        ("photo_share", c_double),
        ("photo_weight", c_double),
        ("style_left", c_double),
        ("style_incomplete", c_uint32),
        ("reserved0", c_uint32),
    ]


class nst_estimate(Structure):
    size: int
    scale: int
    bytes: int
    beside: int
    limit: int
    network: int
    features: int
    losses: int
    targets: int
    optimizer: int
    images: int
    seconds_per_iteration: float
    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: int
    history: int
    history_bits: int
    packed: int
    recomputed: int
    precision: bytes
    target_bits: int
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("scale", c_uint32),
        ("bytes", c_uint64),
        ("beside", c_uint64),
        ("limit", c_uint64),
        ("network", c_uint64),
        ("features", c_uint64),
        ("losses", c_uint64),
        ("targets", c_uint64),
        ("optimizer", c_uint64),
        ("images", c_uint64),
        ("seconds_per_iteration", c_double),
        ("width", c_uint32),
        ("height", c_uint32),
        ("tile_width", c_uint32),
        ("tile_height", c_uint32),
        ("tiles", c_uint32),
        ("history", c_uint32),
        ("history_bits", c_uint32),
        ("packed", c_uint32),
        ("recomputed", c_uint32),
        ("precision", c_char * 12),
        ("target_bits", c_uint64),
        ("reserved", c_uint64 * 6),
    ]


class Reconstruction(enum.IntEnum):
    """nst_reconstruction"""

    CONTENT = 1
    STYLE = 2


nst_progress_fn = CFUNCTYPE(c_int32, c_void_p, POINTER(nst_session), POINTER(nst_progress))


class nst_measure_summary(Structure):
    size: int
    layers: int
    width: int
    height: int
    held_out_style: float
    retention: float
    ssim: float
    edge_ssim: float
    edge_correlation: float
    high_frequency: float
    high_frequency_content: float
    high_frequency_style: float
    precision: bytes
    held_out: int
    held_out_style_half: float
    held_out_style_quarter: float
    self_similarity: float
    erosion: float
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("layers", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("held_out_style", c_double),
        ("retention", c_double),
        ("ssim", c_double),
        ("edge_ssim", c_double),
        ("edge_correlation", c_double),
        ("high_frequency", c_double),
        ("high_frequency_content", c_double),
        ("high_frequency_style", c_double),
        ("precision", c_char * 12),
        ("held_out", c_uint32),
        ("held_out_style_half", c_double),
        ("held_out_style_quarter", c_double),
        ("self_similarity", c_double),
        ("erosion", c_double),
        ("reserved", c_uint64 * 4),
    ]


class nst_measure_layer(Structure):
    size: int
    content_in_objective: int
    layer: bytes
    style_in_objective: int
    reserved0: int
    content: float
    style: float
    retention: float
    reserved: Any
    _fields_ = [
        ("size", c_uint32),
        ("content_in_objective", c_uint32),
        ("layer", c_char * 16),
        ("style_in_objective", c_uint32),
        ("reserved0", c_uint32),
        ("content", c_double),
        ("style", c_double),
        ("retention", c_double),
        ("reserved", c_uint64 * 2),
    ]


# C name and prefix of the members of every enum above.
ENUMS: Dict[Any, Tuple[str, str]] = {
    Status: ("nst_status", "NST_"),
    LogLevel: ("nst_log_level", "NST_LOG_"),
    Format: ("nst_format", "NST_FORMAT_"),
    FileType: ("nst_file_type", "NST_FILE_"),
    ColourMethod: ("nst_colour_method", "NST_COLOUR_"),
    Preprocessing: ("nst_preprocessing", "NST_PREPROCESSING_"),
    Padding: ("nst_padding", "NST_PADDING_"),
    OptionType: ("nst_option_type", "NST_OPTION_"),
    OptionChange: ("nst_option_change", "NST_CHANGE_"),
    StopReason: ("nst_stop_reason", "NST_STOP_"),
    Clamped: ("nst_clamped", "NST_CLAMPED_"),
    Reconstruction: ("nst_reconstruction", "NST_RECONSTRUCT_"),
}
STRUCTS = (
    nst_reader,
    nst_writer,
    nst_allocator,
    nst_ctx_config,
    nst_image_desc,
    nst_save_params,
    nst_model_info,
    nst_weights_identity,
    nst_option_info,
    nst_progress,
    nst_loss_term,
    nst_strength_info,
    nst_estimate,
    nst_measure_summary,
    nst_measure_layer,
)
CALLBACKS = {
    "nst_log_fn": nst_log_fn,
    "nst_job_fn": nst_job_fn,
    "nst_run_fn": nst_run_fn,
    "nst_weights_fn": nst_weights_fn,
    "nst_progress_fn": nst_progress_fn,
}

# Result and arguments of every function.
PROTOTYPES: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "nst_strerror": (c_char_p, (c_int32,)),
    "nst_status_name": (c_char_p, (c_int32,)),
    "nst_ctx_new": (c_int32, (POINTER(nst_ctx_config), POINTER(POINTER(nst_ctx)))),
    "nst_ctx_ref": (POINTER(nst_ctx), (POINTER(nst_ctx),)),
    "nst_ctx_unref": (None, (POINTER(nst_ctx),)),
    "nst_ctx_error": (c_char_p, (POINTER(nst_ctx),)),
    "nst_ctx_error_copy": (c_uint64, (POINTER(nst_ctx), c_char_p, c_uint64)),
    "nst_ctx_threads": (c_int32, (POINTER(nst_ctx),)),
    "nst_ctx_cpu_level": (c_char_p, (POINTER(nst_ctx),)),
    "nst_ctx_memory_used": (c_uint64, (POINTER(nst_ctx),)),
    "nst_ctx_memory_peak": (c_uint64, (POINTER(nst_ctx),)),
    "nst_version": (c_char_p, ()),
    "nst_api_version": (c_uint32, ()),
    "nst_build_info": (c_char_p, ()),
    "nst_image_new": (c_int32, (POINTER(nst_ctx), POINTER(nst_image_desc), c_void_p, POINTER(POINTER(nst_image)))),
    "nst_image_load": (c_int32, (POINTER(nst_ctx), c_char_p, POINTER(POINTER(nst_image)))),
    "nst_image_load_memory": (c_int32, (POINTER(nst_ctx), c_void_p, c_uint64, POINTER(POINTER(nst_image)))),
    "nst_image_load_reader": (c_int32, (POINTER(nst_ctx), POINTER(nst_reader), POINTER(POINTER(nst_image)))),
    "nst_image_ref": (POINTER(nst_image), (POINTER(nst_image),)),
    "nst_image_unref": (None, (POINTER(nst_image),)),
    "nst_image_get_desc": (c_int32, (POINTER(nst_image), POINTER(nst_image_desc))),
    "nst_image_read": (c_int32, (POINTER(nst_image), POINTER(nst_image_desc), c_void_p, c_uint64)),
    "nst_image_resize": (c_int32, (POINTER(nst_image), c_uint32, c_uint32, POINTER(POINTER(nst_image)))),
    "nst_image_match_colour": (c_int32, (POINTER(nst_image), POINTER(nst_image), c_int32, POINTER(POINTER(nst_image)))),
    "nst_image_guided_filter": (c_int32, (POINTER(nst_image), POINTER(nst_image), c_uint32, c_double,
        POINTER(POINTER(nst_image)))),
    "nst_image_screened_poisson": (c_int32, (POINTER(nst_image), POINTER(nst_image), c_double, c_double,
        POINTER(POINTER(nst_image)))),
    "nst_image_warp": (c_int32, (POINTER(nst_image), POINTER(c_float), c_uint32, c_uint32, POINTER(POINTER(nst_image)),
        POINTER(POINTER(nst_image)))),
    "nst_image_with_text": (c_int32, (POINTER(nst_image), c_char_p, c_char_p, POINTER(POINTER(nst_image)))),
    "nst_image_get_text": (c_char_p, (POINTER(nst_image), c_char_p)),
    "nst_image_save": (c_int32, (POINTER(nst_image), c_char_p, POINTER(nst_save_params))),
    "nst_image_save_writer": (c_int32, (POINTER(nst_image), POINTER(nst_writer), POINTER(nst_save_params))),
    "nst_model_open": (c_int32, (POINTER(nst_ctx), c_char_p, POINTER(POINTER(nst_model)))),
    "nst_model_load_memory": (c_int32, (POINTER(nst_ctx), c_void_p, c_uint64, POINTER(POINTER(nst_model)))),
    "nst_model_load_reader": (c_int32, (POINTER(nst_ctx), POINTER(nst_reader), POINTER(POINTER(nst_model)))),
    "nst_model_new_untrained": (c_int32, (POINTER(nst_ctx), c_uint32, c_uint64, POINTER(POINTER(nst_model)))),
    "nst_model_ref": (POINTER(nst_model), (POINTER(nst_model),)),
    "nst_model_unref": (None, (POINTER(nst_model),)),
    "nst_model_get_info": (c_int32, (POINTER(nst_model), POINTER(nst_model_info))),
    "nst_model_get_metadata": (c_char_p, (POINTER(nst_model), c_char_p)),
    "nst_model_layer_count": (c_uint32, (POINTER(nst_model),)),
    "nst_model_layer_name": (c_char_p, (POINTER(nst_model), c_uint32)),
    "nst_model_layer_channels": (c_uint32, (POINTER(nst_model), c_uint32)),
    "nst_model_save": (c_int32, (POINTER(nst_model), c_char_p, c_int32, c_char_p, c_int32)),
    "nst_weights_search": (c_int32, (POINTER(nst_ctx), c_char_p, nst_weights_fn, c_void_p)),
    "nst_weights_identify": (c_int32, (POINTER(nst_ctx), c_char_p, POINTER(nst_weights_identity))),
    "nst_option_count": (c_uint32, ()),
    "nst_option_info_by_index": (c_int32, (c_uint32, POINTER(nst_option_info))),
    "nst_option_info_by_key": (c_int32, (c_char_p, POINTER(nst_option_info))),
    "nst_options_new": (c_int32, (POINTER(nst_ctx), POINTER(POINTER(nst_options)))),
    "nst_options_copy": (c_int32, (POINTER(nst_options), POINTER(POINTER(nst_options)))),
    "nst_options_free": (None, (POINTER(nst_options),)),
    "nst_options_set_str": (c_int32, (POINTER(nst_options), c_char_p, c_char_p)),
    "nst_options_set_i64": (c_int32, (POINTER(nst_options), c_char_p, c_int64)),
    "nst_options_set_f64": (c_int32, (POINTER(nst_options), c_char_p, c_double)),
    "nst_options_get_str": (c_char_p, (POINTER(nst_options), c_char_p)),
    "nst_options_get_i64": (c_int32, (POINTER(nst_options), c_char_p, POINTER(c_int64))),
    "nst_options_get_f64": (c_int32, (POINTER(nst_options), c_char_p, POINTER(c_double))),
    "nst_options_is_set": (c_int32, (POINTER(nst_options), c_char_p)),
    "nst_options_unset": (c_int32, (POINTER(nst_options), c_char_p)),
    "nst_options_from_json": (c_int32, (POINTER(nst_options), c_char_p, c_uint64)),
    "nst_options_to_json": (c_int32, (POINTER(nst_options), c_int32, c_char_p, c_uint64, POINTER(c_uint64))),
    "nst_options_error": (c_char_p, (POINTER(nst_options),)),
    "nst_targets_new": (c_int32, (POINTER(nst_model), POINTER(nst_image), POINTER(POINTER(nst_image)), c_uint32,
        POINTER(POINTER(nst_targets)))),
    "nst_targets_ref": (POINTER(nst_targets), (POINTER(nst_targets),)),
    "nst_targets_unref": (None, (POINTER(nst_targets),)),
    "nst_targets_set_guides": (c_int32, (POINTER(nst_targets), POINTER(nst_image), POINTER(POINTER(nst_image)), c_uint32)),
    "nst_targets_set_content_weights": (c_int32, (POINTER(nst_targets), POINTER(nst_image))),
    "nst_session_estimate": (c_int32, (POINTER(nst_session), c_int32, POINTER(nst_estimate))),
    "nst_session_new": (c_int32, (POINTER(nst_targets), POINTER(nst_options), POINTER(nst_image), POINTER(POINTER(nst_session)))),
    "nst_session_new_reconstruction": (c_int32, (POINTER(nst_model), POINTER(nst_image), c_int32, c_char_p, POINTER(nst_options),
        POINTER(POINTER(nst_session)))),
    "nst_session_set_previous": (c_int32, (POINTER(nst_session), POINTER(nst_image), POINTER(nst_image))),
    "nst_session_free": (None, (POINTER(nst_session),)),
    "nst_session_step": (c_int32, (POINTER(nst_session),)),
    "nst_session_run": (c_int32, (POINTER(nst_session), nst_progress_fn, c_void_p)),
    "nst_session_callback_result": (c_int32, (POINTER(nst_session),)),
    "nst_session_cancel": (None, (POINTER(nst_session),)),
    "nst_session_get_progress": (c_int32, (POINTER(nst_session), POINTER(nst_progress))),
    "nst_session_get_strength": (c_int32, (POINTER(nst_session), POINTER(nst_strength_info))),
    "nst_session_get_term": (c_int32, (POINTER(nst_session), c_uint32, POINTER(nst_loss_term))),
    "nst_session_get_image": (c_int32, (POINTER(nst_session), POINTER(POINTER(nst_image)))),
    "nst_session_get_option": (c_char_p, (POINTER(nst_session), c_char_p)),
    "nst_session_set_option": (c_int32, (POINTER(nst_session), c_char_p, c_char_p)),
    "nst_session_get_gradient": (c_int32, (POINTER(nst_session), POINTER(c_float), c_uint64)),
    "nst_session_save": (c_int32, (POINTER(nst_session), c_char_p)),
    "nst_session_resume": (c_int32, (POINTER(nst_targets), c_char_p, POINTER(POINTER(nst_session)))),
    "nst_session_error": (c_char_p, (POINTER(nst_session),)),
    "nst_measure_new": (c_int32, (POINTER(nst_targets), POINTER(nst_image), POINTER(nst_options), POINTER(POINTER(nst_measure)))),
    "nst_measure_free": (None, (POINTER(nst_measure),)),
    "nst_measure_get_summary": (c_int32, (POINTER(nst_measure), POINTER(nst_measure_summary))),
    "nst_measure_get_layer": (c_int32, (POINTER(nst_measure), c_uint32, POINTER(nst_measure_layer))),
}
