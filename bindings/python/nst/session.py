"""Targets and sessions."""
from __future__ import annotations

import atexit
import ctypes
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union, cast

from . import _raw, errors
from ._library import known, lib, make, releaser
from ._properties import TABLE, OptionInfo
from ._raw import Clamped, Reconstruction, Status, StopReason
from .context import Child, Context, call, default_context
from .image import Image, ImageSource, as_image, path_bytes
from .model import Model, Path
from .options import OptionMapping, Options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._properties import RunOptionValues

FREE_SESSION = releaser("nst_session_free")
UNREF_TARGETS = releaser("nst_targets_unref")

ModelSource = Union[Model, Path, None]
OptionSource = Union[Options, Mapping[str, Any], None]
MaskSources = Union[ImageSource, Sequence[ImageSource], None]


@dataclass(frozen=True)
class Progress:
    """Where a session is."""

    iteration: int  # done, counted on through all scales; 0: only the start image was evaluated
    iterations: int  # planned over all scales
    evaluations: int  # of loss and gradient
    scale: int  # 1-based
    scales: int
    width: int  # of this scale
    height: int
    loss: float  # content + style + tv
    content: float
    style: float
    tv: float
    gradient_norm: float
    seconds: float  # of work
    seconds_left: Optional[float]  # estimate
    stop_reason: StopReason

    @property
    def done(self) -> bool:
        """Whether the run has ended."""
        return self.stop_reason != StopReason.NONE

    @property
    def fraction(self) -> float:
        """Iterations done, 0 to 1."""
        return self.iteration / self.iterations if self.iterations else 1.0


@dataclass(frozen=True)
class LossTerm:
    """One layer's part of the loss. `value` is weighted; the values add up to Progress.loss."""

    kind: str
    layer: str
    weight: float
    value: float


@dataclass(frozen=True)
class Strength:
    """What the option strength came to."""

    strength: Optional[float]  # None: alpha and beta are what they are
    target: Optional[float]  # retention wanted
    retention: Optional[float]  # of the content, at relu4_2: 1 is all of it; None: not known
    content_weight: float  # alpha
    floor: Optional[float]  # retention that the style alone led to; None: not known
    clamped: Clamped  # why the target is another than the strength's own
    settled: bool  # the search at the coarsest scale is over
    photo_target: Optional[float]  # share of the picture that no recolouring of the content explains, as the option photo wants it
    photo_share: Optional[float]  # and as it is; None: not known, or the option is not in use
    photo_weight: Optional[float]  # of the matting loss
    style_left: Optional[float]  # share of the content's own style loss, at the last scale; None: not known
    style_incomplete: bool  # the run is over, and more of that is left than was asked for: something holds too much of the content


@dataclass(frozen=True)
class Estimate:
    """What a session takes. The parts are those of the moment at which most is held, and add up to `bytes`."""

    bytes: int  # most that the session holds, statistics of the images included
    beside: int  # what was held before: images, model, other sessions
    limit: int  # memory_limit, on both together; 0: none
    network: int
    features: int
    losses: int
    targets: int
    optimizer: int
    images: int
    seconds_per_iteration: Optional[float]  # None unless measured
    scale: int  # 1-based number of the scale at which most is held
    width: int  # of the final picture
    height: int
    tile_width: int  # pixels, without the surroundings; all of the last scale: not tiled
    tile_height: int
    tiles: int
    history: int  # curvature pairs; 0: another optimiser
    history_bits: int
    packed: bool  # the filters lie ready
    recomputed: int  # layers that are computed again on the way back
    precision: str
    target_bits: int  # of a value of the content's features


class Targets(Child):
    """What the picture should resemble. Sessions made from the same targets share features that were computed once.

    Images are anything that nst.Image() takes; content None is a texture of the styles. `content_mask` and `style_masks`, one for
    each style, are maps of regions: every colour one, or in gray white and black; a region of the picture takes its style from the same
    region of the styles. `content_weights` is a gray map of where the content counts.
    """

    __slots__ = ("_model",)

    def __init__(self, content: Optional[ImageSource], *styles: ImageSource, model: ModelSource = None,
                 context: Optional[Context] = None, content_mask: Optional[ImageSource] = None,
                 style_masks: MaskSources = None, content_weights: Optional[ImageSource] = None) -> None:
        self._model, self._context = _open_model(model, context)
        content_image = None if content is None else as_image(content, self._context)
        images, array = _image_array(styles, self._context)
        self._own(call(self._context, _raw.nst_targets, lib.nst_targets_new, self._model._handle,
                       content_image and content_image._handle, array, len(images)), UNREF_TARGETS)
        self._set_masks(content_mask, style_masks)
        if content_weights is not None:
            weights = as_image(content_weights, self._context)
            self._context._check(lib.nst_targets_set_content_weights(self._handle, weights._handle))

    def _set_masks(self, content_mask: Optional[ImageSource], style_masks: MaskSources) -> None:
        if (content_mask is None) != (style_masks is None):
            raise TypeError("content_mask and style_masks belong together")
        if content_mask is None or style_masks is None:
            return
        masks = style_masks if isinstance(style_masks, (list, tuple)) else [style_masks]
        mask = as_image(content_mask, self._context)
        images, array = _image_array(masks, self._context)
        self._context._check(lib.nst_targets_set_guides(self._handle, mask._handle, array, len(images)))

    @property
    def model(self) -> Model:
        return self._model


def _image_array(sources: Sequence[ImageSource], context: Context) -> Tuple[List[Image], Any]:
    """The images, which must live as long as the array of their handles."""
    images = [as_image(source, context) for source in sources]
    return images, (ctypes.POINTER(_raw.nst_image) * len(images))(*[image._handle for image in images])


def _open_model(model: ModelSource, context: Optional[Context]) -> Tuple[Model, Context]:
    if not isinstance(model, Model):
        model = Model(model, context=context)
    return model, context or model.context


def _merge(context: Context, options: OptionSource, changes: Mapping[str, Any]) -> Options:
    """A private copy of the options with the changes made."""
    merged = Options(context=context)
    if isinstance(options, Options):
        merged._read_json(options.to_json())
    else:
        merged.update(**dict(options or {}))
    merged.update(**dict(changes))
    return merged


def _start_image(init: ImageSource, options: Options, context: Context) -> Optional[Image]:
    """`init` is one of the option's words or a picture, which means init=image."""
    if init is None:
        return None
    words = TABLE["init"].choices
    if isinstance(init, str) and init in words:
        options["init"] = init
        return None
    options["init"] = "image"
    return as_image(init, context)


class SessionOptions(OptionMapping):
    """The options of a running session: reads what is in force, "auto" resolved; a change takes effect at the next step."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def _get(self, entry: OptionInfo) -> str:
        with self._session._lock:
            return str(lib.nst_session_get_option(self._session._handle, entry.key.encode()).decode())

    def _set(self, entry: OptionInfo, value: Optional[str]) -> None:
        text = entry.default if value is None else value
        session = self._session
        with session._lock:
            session._check(lib.nst_session_set_option(session._handle, entry.key.encode(), text.encode()))

    def __repr__(self) -> str:
        return "nst.SessionOptions(%s)" % ", ".join("%s=%r" % (entry.name, self[entry.key]) for entry in TABLE.values())


_stepping: Dict[int, Session] = {}  # sessions inside a step


def _stop_stepping() -> None:
    """At the interpreter's exit a daemon thread may be inside a step. It is asked to leave and waited for, since the process must
    not be torn down under it; the lock is kept, so that it does not begin another one."""
    for session in list(_stepping.values()):
        session.cancel()
        session._lock.acquire(timeout=60)


atexit.register(_stop_stepping)


class Session(Child):
    """One run. Iterate over it, or call step() or run():

        session = nst.Session(nst.Targets("photo.jpg", "painting.jpg"), size=512)
        for progress in session:
            print(progress.iteration, progress.loss)
        session.image.save("out.png")

    The loop ends with the run; session.progress.stop_reason then says why. Leaving it by break, by an exception or by Ctrl-C
    leaves the session usable: look at its image, change its options, save it, go on. Options come as an Options object or a
    mapping, and as keywords, which win. `init` is one of the option's words or a picture. `previous` is the previous frame's
    result as it is seen in this one (Image.warp()), to which the option temporal holds the picture as far as the brightness of
    `previous_weights` says. A session may be used from any thread; a call waits for a step in progress, cancel() does not.
    """

    # _lock is held during every call into the session but cancel(); _cancelling keeps that one from a session just freed.
    __slots__ = ("_targets", "_lock", "_cancelling", "_progress", "_options")

    def __init__(self, targets: Targets, options: OptionSource = None, *, init: ImageSource = None,
                 previous: Optional[ImageSource] = None, previous_weights: Optional[ImageSource] = None,
                 **changes: Unpack[RunOptionValues]) -> None:
        context = targets.context
        merged = _merge(context, options, changes)
        start = _start_image(init, merged, context)
        self._adopt(targets, context, call(context, _raw.nst_session, lib.nst_session_new, targets._handle, merged._handle,
                                           start and start._handle))
        if previous is not None or previous_weights is not None:
            self._set_previous(previous, previous_weights)

    def _set_previous(self, previous: Optional[ImageSource], weights: Optional[ImageSource]) -> None:
        images = [None if source is None else as_image(source, self._context) for source in (previous, weights)]
        with self._lock:
            self._check(lib.nst_session_set_previous(self._handle, *[image and image._handle for image in images]))

    def _adopt(self, targets: Any, context: Context, pointer: Any) -> None:
        self._targets = targets
        self._context = context
        self._lock = threading.Lock()
        self._cancelling = threading.RLock()  # a signal handler that cancels may interrupt a cancel
        self._progress: Optional[Progress] = None
        self._options = SessionOptions(self)
        self._own(pointer, FREE_SESSION)

    @classmethod
    def reconstruct(cls, kind: str, image: ImageSource, layers: Any, options: OptionSource = None, *, model: ModelSource = None,
                    context: Optional[Context] = None, **changes: Unpack[RunOptionValues]) -> Session:
        """What the network keeps of an image: kind "content" from the features at `layers`, "style" a texture from their Gram
        matrices. Starts from noise."""
        if kind not in ("content", "style"):
            raise errors.InvalidArgumentError("kind must be 'content' or 'style', not %r" % (kind,))
        opened, context = _open_model(model, context)
        merged = _merge(context, options, changes)
        source = as_image(image, context)
        scratch = Options(context=context)
        scratch["content-layers"] = layers  # checks the list, and puts every form of it into text
        text = scratch["content-layers"].encode()
        made = cls.__new__(cls)
        made._adopt(opened, context, call(context, _raw.nst_session, lib.nst_session_new_reconstruction, opened._handle,
                                          source._handle, Reconstruction[kind.upper()], text, merged._handle))
        return made

    @classmethod
    def resume(cls, targets: Targets, path: Path) -> Session:
        """The session that save() wrote, given the same targets; it goes on with the same bytes."""
        context = targets.context
        made = cls.__new__(cls)
        made._adopt(targets, context, call(context, _raw.nst_session, lib.nst_session_resume, targets._handle, path_bytes(path),
                                           not_found=errors.MissingFileError))
        return made

    # ---- running ----

    def step(self) -> Progress:
        """One iteration; the first step, and the first at every scale, evaluates the start image instead. Other threads run
        meanwhile. After the last iteration it does nothing; Progress.done tells."""
        return self._advance()[1]

    def _advance(self) -> Tuple[int, Progress]:
        try:
            with self._lock:
                status = self._step_noted()
                self._progress = progress = self._read_progress()
                self._check(status)
        finally:
            self._context._log.drain()  # without the lock: a log handler may look at the session
        return status, progress

    def _step_noted(self) -> int:
        try:
            _stepping[id(self)] = self
            return int(lib.nst_session_step(self._handle))
        finally:
            _stepping.pop(id(self), None)  # a signal may have come before it was there

    def __iter__(self) -> Session:
        return self

    def __next__(self) -> Progress:
        before = (self._progress or self.progress).evaluations
        status, progress = self._advance()
        if status == Status.DONE and progress.evaluations == before:
            raise StopIteration
        return progress

    def run(self, callback: Optional[Callable[[Progress], object]] = None) -> Image:
        """Steps to the end and gives the image. `callback` runs between steps and may use the session; its exceptions end the run
        and come out of this call."""
        for progress in self:
            if callback is not None:
                callback(progress)
        return self.image

    def cancel(self) -> None:
        """From any thread: the step in progress, or the next one, raises Cancelled. A later step goes on."""
        with self._cancelling:
            lib.nst_session_cancel(self._handle)

    # ---- looking ----

    @property
    def progress(self) -> Progress:
        """Of the latest finished step; never waits."""
        if self._lock.acquire(blocking=False):
            try:
                self._progress = self._read_progress()
            finally:
                self._lock.release()
        return self._progress or NOTHING_YET

    @property
    def image(self) -> Image:
        """The picture as it is now, in the size of the present scale."""
        with self._lock:
            pointer = ctypes.POINTER(_raw.nst_image)()
            self._check(lib.nst_session_get_image(self._handle, ctypes.byref(pointer)))
        return Image._wrap(self._context, pointer)

    @property
    def terms(self) -> Tuple[LossTerm, ...]:
        """Every layer's part of the loss at the latest accepted iteration."""
        with self._lock:
            count = self._raw_progress().terms
            return tuple(self._read_term(index) for index in range(count))

    @property
    def gradient(self) -> memoryview:
        """The gradient of the latest accepted picture: float, shape (3, height, width), for pixels in 0..1."""
        with self._lock:
            raw = self._raw_progress()
            flat = memoryview(bytearray(12 * raw.width * raw.height))
            place = (ctypes.c_float * (len(flat) // 4)).from_buffer(flat)
            self._check(lib.nst_session_get_gradient(self._handle, place, len(flat)))
        return cast(memoryview, flat.cast("f", shape=[3, raw.height, raw.width]))

    @property
    def options(self) -> SessionOptions:
        """The options in force; assign to change the running session: `session.options.beta = 300`."""
        return self._options

    @property
    def targets(self) -> Optional[Targets]:
        """None for a reconstruction."""
        return self._targets if isinstance(self._targets, Targets) else None

    @property
    def strength(self) -> Strength:
        """What was chosen so that as much of the content stays as the option strength says, and how much does."""
        raw = make(_raw.nst_strength_info)
        with self._lock:
            self._check(lib.nst_session_get_strength(self._handle, ctypes.byref(raw)))
        return Strength(strength=known(raw.strength), target=known(raw.target), retention=known(raw.retention),
                        content_weight=raw.content_weight, floor=known(raw.floor), clamped=Clamped(raw.clamped), settled=bool(raw.settled),
                        photo_target=known(raw.photo_target), photo_share=known(raw.photo_share), photo_weight=known(raw.photo_weight),
                        style_left=known(raw.style_left), style_incomplete=bool(raw.style_incomplete))

    def estimate(self, probe: bool = False) -> Estimate:
        """What the session will take; with `probe`, evaluations of a small picture tell the seconds of an iteration."""
        raw = make(_raw.nst_estimate)
        with self._lock:
            self._check(lib.nst_session_estimate(self._handle, int(probe), ctypes.byref(raw)))
        return Estimate(bytes=raw.bytes, beside=raw.beside, limit=raw.limit, network=raw.network, features=raw.features,
                        losses=raw.losses, targets=raw.targets, optimizer=raw.optimizer, images=raw.images,
                        seconds_per_iteration=raw.seconds_per_iteration if raw.seconds_per_iteration >= 0 else None,
                        scale=raw.scale, width=raw.width, height=raw.height, tile_width=raw.tile_width,
                        tile_height=raw.tile_height, tiles=raw.tiles, history=raw.history, history_bits=raw.history_bits,
                        packed=bool(raw.packed), recomputed=raw.recomputed, precision=raw.precision.decode(),
                        target_bits=raw.target_bits)

    def save(self, path: Path) -> None:
        """Writes a checkpoint, atomically, for Session.resume(). The picture is saved with session.image.save()."""
        with self._lock:
            self._check(lib.nst_session_save(self._handle, path_bytes(path)))

    def close(self) -> None:
        """Frees the session; a step in progress in another thread is cancelled first."""
        if self.closed:
            return
        self.cancel()
        with self._lock, self._cancelling:
            super().close()

    def __repr__(self) -> str:
        if self.closed:
            return "<nst.Session closed>"
        now = self.progress
        return "<nst.Session iteration %d of %d, loss %.6g>" % (now.iteration, now.iterations, now.loss)

    def _raw_progress(self) -> _raw.nst_progress:
        raw = make(_raw.nst_progress)
        self._check(lib.nst_session_get_progress(self._handle, raw))
        return raw

    def _read_progress(self) -> Progress:
        raw = self._raw_progress()
        names = Progress.__dataclass_fields__
        values = {name: getattr(raw, name) for name in names}
        values["stop_reason"] = StopReason(raw.stop_reason)
        values["seconds_left"] = raw.seconds_left if raw.seconds_left >= 0 else None
        return Progress(**values)

    def _read_term(self, index: int) -> LossTerm:
        raw = make(_raw.nst_loss_term)
        self._check(lib.nst_session_get_term(self._handle, index, raw))
        return LossTerm(raw.kind.decode(), raw.layer.decode(), raw.weight, raw.value)

    def _check(self, status: int) -> None:
        if status < 0:
            text = lib.nst_session_error(self._handle).decode("utf-8", "replace")
            raise errors.error(status, text or lib.nst_strerror(status).decode())


NOTHING_YET = Progress(0, 0, 0, 1, 1, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, StopReason.NONE)


def transfer(content: ImageSource, *styles: ImageSource, model: ModelSource = None, init: ImageSource = None,
             callback: Optional[Callable[[Progress], object]] = None, context: Optional[Context] = None,
             content_mask: Optional[ImageSource] = None, style_masks: MaskSources = None,
             content_weights: Optional[ImageSource] = None, **options: Unpack[RunOptionValues]) -> Image:
    """The content image in the look of the style images.

    Images are anything that nst.Image() takes. model: a Model, a weights file or a known name; None is the first one found. init:
    where to start, a word of the option or a picture. callback(progress) runs after every step. Masks as in Targets. Everything else
    is an option.
    """
    if not styles:
        raise ValueError("transfer() needs at least one style image")
    with Targets(content, *styles, model=model, context=context, content_mask=content_mask, style_masks=style_masks,
                 content_weights=content_weights) as targets, Session(targets, init=init, **options) as session:
        return session.run(callback)


def _natural_scale(styles: Sequence[Image], options: Options) -> float:
    """The style-scale at which no style is enlarged, so that a larger texture has more of it and not larger strokes; as nst texture."""
    side = max(options["width"], options["height"]) or options["size"] or max(styles[0].size)
    return float(min(1.0, max(0.01, max(max(style.size) for style in styles) / side)))


def texture(*styles: ImageSource, model: ModelSource = None, init: ImageSource = None,
            callback: Optional[Callable[[Progress], object]] = None, context: Optional[Context] = None,
            content_mask: Optional[ImageSource] = None, style_masks: MaskSources = None,
            **options: Unpack[RunOptionValues]) -> Image:
    """The look of the style images alone, in any size: `width` and `height`, or `size`, the longer side in the shape of the first image.

    A style smaller than the picture is not enlarged; the option style_scale says otherwise. content_mask is a map of the picture's own
    regions. Everything else as in transfer().
    """
    if not styles:
        raise ValueError("texture() needs at least one style image")
    opened, context = _open_model(model, context)
    merged = _merge(context, None, options)
    images = [as_image(style, context) for style in styles]
    if not merged.is_set("style-scale"):
        merged["style-scale"] = _natural_scale(images, merged)
    with Targets(None, *images, model=opened, context=context, content_mask=content_mask, style_masks=style_masks) as targets, \
            Session(targets, merged, init=init) as session:
        return session.run(callback)


def reconstruct(kind: str, image: ImageSource, layers: Any, *, model: ModelSource = None,
                callback: Optional[Callable[[Progress], object]] = None, context: Optional[Context] = None,
                **options: Unpack[RunOptionValues]) -> Image:
    """What the network keeps of an image at `layers`: kind "content", or "style" for a texture like it."""
    with Session.reconstruct(kind, image, layers, model=model, context=context, **options) as session:
        return session.run(callback)
