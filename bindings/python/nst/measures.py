"""Measures: how near a picture is to its content and its style."""
from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Tuple

from . import _raw
from ._library import known, lib, make
from .context import Context, call
from .image import ImageSource, as_image
from .session import OptionSource, Targets, _merge

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._properties import RunOptionValues


@dataclass(frozen=True)
class LayerMeasure:
    """At one layer of the network. None: not measured."""

    layer: str
    content: Optional[float]  # squared distance of the features from the content's, relative to these
    style: Optional[float]  # the same of the Gram matrices
    retention: Optional[float]  # centred cosine of picture's and content's features
    content_in_objective: bool  # False: content_layers leaves it out
    style_in_objective: bool


@dataclass(frozen=True)
class Measure:
    """How near a picture is to its targets; docs/measure.md has the formulas. None: not measured, because there is no content or
    no style, the network ends before, or the picture is too small."""

    width: int
    height: int
    held_out_style: Optional[float]  # mean style distance at layers that the objective leaves out
    held_out: int  # how many these are
    held_out_style_half: Optional[float]  # the same of picture and style at half their size
    held_out_style_quarter: Optional[float]
    retention: Optional[float]  # of the content at relu4_2, 1: all of it
    erosion: Optional[float]  # 1 - edge_correlation * retention, neither below 0
    self_similarity: Optional[float]  # how much else is alike than in the content, 0: nothing
    ssim: Optional[float]
    edge_ssim: Optional[float]
    edge_correlation: Optional[float]
    high_frequency: Optional[float]  # share of the picture's energy in fine detail
    high_frequency_content: Optional[float]
    high_frequency_style: Optional[float]
    precision: str
    layers: Tuple[LayerMeasure, ...]


def _read_layer(context: Context, pointer: Any, index: int) -> LayerMeasure:
    raw = make(_raw.nst_measure_layer)
    context._check(lib.nst_measure_get_layer(pointer, index, raw))
    return LayerMeasure(layer=raw.layer.decode(), content=known(raw.content), style=known(raw.style), retention=known(raw.retention),
                        content_in_objective=bool(raw.content_in_objective), style_in_objective=bool(raw.style_in_objective))


def _read(context: Context, pointer: Any) -> Measure:
    raw = make(_raw.nst_measure_summary)
    context._check(lib.nst_measure_get_summary(pointer, raw))
    return Measure(width=raw.width, height=raw.height, held_out_style=known(raw.held_out_style), held_out=raw.held_out,
                   held_out_style_half=known(raw.held_out_style_half), held_out_style_quarter=known(raw.held_out_style_quarter),
                   retention=known(raw.retention), erosion=known(raw.erosion), self_similarity=known(raw.self_similarity),
                   ssim=known(raw.ssim), edge_ssim=known(raw.edge_ssim),
                   edge_correlation=known(raw.edge_correlation), high_frequency=known(raw.high_frequency),
                   high_frequency_content=known(raw.high_frequency_content),
                   high_frequency_style=known(raw.high_frequency_style), precision=raw.precision.decode(),
                   layers=tuple(_read_layer(context, pointer, index) for index in range(raw.layers)))


def measure(picture: ImageSource, targets: Targets, options: OptionSource = None, **changes: Unpack[RunOptionValues]) -> Measure:
    """Measures a picture, whatever made it, in its own size:

        nst.measure("out.png", nst.Targets("photo.jpg", "painting.jpg")).held_out_style

    Of the options those count that say how features are computed and which layers the objective has seen (docs/measure.md).
    """
    if not isinstance(targets, Targets):
        raise TypeError("measure() compares a picture with nst.Targets(content, style, ...), not with %r" % type(targets).__name__)
    context = targets.context
    merged = _merge(context, options, changes)
    image = as_image(picture, context)
    pointer = call(context, _raw.nst_measure, lib.nst_measure_new, targets._handle, image._handle, merged._handle)
    try:
        return _read(context, pointer)
    finally:
        lib.nst_measure_free(pointer)
