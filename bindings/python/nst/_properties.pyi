"""Made by generate_stubs.py from the option table; do not edit."""
from dataclasses import dataclass
from typing import Any, Dict, Literal, Mapping, Optional, Sequence, Tuple, TypedDict, Union

from ._raw import OptionChange, OptionType

@dataclass(frozen=True)
class OptionInfo:
    key: str
    type: OptionType
    change: OptionChange
    default: str
    choices: Tuple[str, ...]
    unit: str
    group: str
    doc: str
    minimum: float
    maximum: float
    since: int
    @property
    def name(self) -> str: ...

TABLE: Mapping[str, OptionInfo]

def to_text(entry: OptionInfo, value: Any) -> str: ...
def from_text(entry: OptionInfo, text: str) -> Any: ...
def document(entry: OptionInfo) -> str: ...

Layers = Union[str, Sequence[str], Mapping[str, Optional[float]]]
Floats = Union[str, float, Sequence[float], Mapping[str, Sequence[float]]]

class RunOptionValues(TypedDict, total=False):
    strength: Optional[float]
    dialect: Optional[Literal["neural-style", "gatys-paper", "gatys-code", "normalised"]]
    alpha: Optional[float]
    beta: Optional[float]
    tv: Optional[float]
    laplacian: Optional[float]
    laplacian_pool: Optional[int]
    temporal: Optional[float]
    content_layers: Optional[Layers]
    style_layers: Optional[Layers]
    style_statistics: Optional[Literal["gram", "mean-std", "covariance", "shifted-gram", "wasserstein", "chained"]]
    histogram: Optional[float]
    histogram_layers: Optional[Layers]
    style_weights: Optional[Floats]
    style_scale: Optional[float]
    guide_mode: Optional[Literal["simple", "inside"]]
    colour: Optional[Literal["none", "match", "luminance", "keep"]]
    photo: Optional[float]
    octaves: Optional[int]
    init_noise: Optional[float]
    seed: Optional[int]
    preset: Optional[Literal["draft", "default", "quality"]]
    size: Optional[int]
    width: Optional[int]
    height: Optional[int]
    scales: Optional[int]
    enlarge: Optional[int]
    detail: Optional[float]
    iterations: Optional[int]
    tolerance: Optional[float]
    optimizer: Optional[Literal["lbfgs", "adam"]]
    learning_rate: Optional[float]
    history: Optional[int]
    history_precision: Optional[Literal["auto", "fp32", "bf16"]]
    line_search: Optional[Literal["armijo", "strong-wolfe"]]
    preconditioner: Optional[Literal["auto", "none", "pyramid"]]
    pooling: Optional[Literal["max", "average", "l2"]]
    pooling_rescale: Optional[bool]
    padding: Optional[Literal["auto", "zero", "reflect", "replicate"]]
    preprocessing: Optional[Literal["auto", "torch", "caffe", "unit"]]
    precision: Optional[Literal["auto", "fp32", "bf16"]]
    memory_limit: Optional[int]
    finish: Optional[Literal["none", "poisson", "guided"]]

class OptionValues(RunOptionValues, total=False):
    init: Optional[Literal["auto", "content", "noise", "gray", "style", "image", "matched"]]

class OptionProperties:
    def _get(self, entry: OptionInfo) -> str: ...
    def _set(self, entry: OptionInfo, value: Optional[str]) -> None: ...
    @property
    def strength(self) -> Optional[float]:
        """How far the picture goes from the content to the style, the same for every pair of images, size and network: 0
        barely touches the content, 1 leaves little of it. The content weight alpha is found by measuring, so that as
        much of the content stays as the strength says (docs/objective.md). When not given: 0.5, or no such search where
        alpha, beta or another dialect than normalised is.

        Default: auto. From 0 to 1.
        """
    @strength.setter
    def strength(self, value: Optional[float]) -> None: ...
    @strength.deleter
    def strength(self) -> None: ...
    @property
    def dialect(self) -> Literal["neural-style", "gatys-paper", "gatys-code", "normalised"]:
        """Whose loss formulas and defaults apply, so that weights known from another tool mean the same here
        (docs/objective.md). Those of normalised do not depend on size, layers or network.

        Default: normalised. One of: neural-style, gatys-paper, gatys-code, normalised.
        """
    @dialect.setter
    def dialect(self, value: Optional[Literal["neural-style", "gatys-paper", "gatys-code", "normalised"]]) -> None: ...
    @dialect.deleter
    def dialect(self) -> None: ...
    @property
    def alpha(self) -> Optional[float]:
        """Weight of the content loss. When not given: what strength finds, or the dialect's own: neural-style 5, gatys-
        paper 1, gatys-code 1, normalised 0.005.

        Default: auto. From 0 to 1e+30.
        """
    @alpha.setter
    def alpha(self, value: Optional[float]) -> None: ...
    @alpha.deleter
    def alpha(self) -> None: ...
    @property
    def beta(self) -> Optional[float]:
        """Weight of the style loss. The dialect's own when not given: neural-style 100, gatys-paper 1000, gatys-code 1000,
        normalised 1.

        Default: auto. From 0 to 1e+30.
        """
    @beta.setter
    def beta(self, value: Optional[float]) -> None: ...
    @beta.deleter
    def beta(self) -> None: ...
    @property
    def tv(self) -> Optional[float]:
        """Weight of the total variation loss, which smooths. When not given: 0.001 in the dialect neural-style with
        weights that see pixels in 0..255 (preprocessing caffe), else 0.

        Default: auto. From 0 to 1e+30.
        """
    @tv.setter
    def tv(self, value: Optional[float]) -> None: ...
    @tv.deleter
    def tv(self) -> None: ...
    @property
    def laplacian(self) -> float:
        """Weight of the Laplacian loss, which keeps the edges of the content image in place (docs/objective.md). 0 does
        without; in the dialect normalised 0.05 is a little and 1 much, in neural-style 100 is its authors' choice.

        Default: 0. From 0 to 1e+30.
        """
    @laplacian.setter
    def laplacian(self, value: Optional[float]) -> None: ...
    @laplacian.deleter
    def laplacian(self) -> None: ...
    @property
    def laplacian_pool(self) -> int:
        """Side of the squares that the Laplacian loss averages over before it looks for edges; larger leaves finer detail
        to the style.

        Default: 4. From 1 to 256 pixels.
        """
    @laplacian_pool.setter
    def laplacian_pool(self, value: Optional[int]) -> None: ...
    @laplacian_pool.deleter
    def laplacian_pool(self) -> None: ...
    @property
    def temporal(self) -> Optional[float]:
        """Weight of the temporal loss, which holds a frame of a film to the previous one where a program has given that
        (nst_session_set_previous()); without one it is nothing. The dialect's own when not given: normalised 1, the
        others 1000.

        Default: auto. From 0 to 1e+30.
        """
    @temporal.setter
    def temporal(self, value: Optional[float]) -> None: ...
    @temporal.deleter
    def temporal(self) -> None: ...
    @property
    def content_layers(self) -> str:
        """Layers whose features the picture shares with the content image, each with an optional weight:
        relu4_2:1,relu3_1:0.5.

        Default: relu4_2.
        """
    @content_layers.setter
    def content_layers(self, value: Optional[Layers]) -> None: ...
    @content_layers.deleter
    def content_layers(self) -> None: ...
    @property
    def style_layers(self) -> str:
        """Layers whose statistics the picture shares with the style images, each with an optional weight.

        Default: relu1_1,relu2_1,relu3_1,relu4_1,relu5_1.
        """
    @style_layers.setter
    def style_layers(self, value: Optional[Layers]) -> None: ...
    @style_layers.deleter
    def style_layers(self) -> None: ...
    @property
    def style_statistics(self) -> Literal["gram", "mean-std", "covariance", "shifted-gram", "wasserstein", "chained"]:
        """What of the features at the style layers is shared with the style images: Gram matrices; means and deviations
        alone, which is the quickest and knows least; covariances and means; Gram matrices of features shifted by their
        mean activation; the distance between normal distributions, which is slow where there are many channels; or Gram
        matrices of features with those that the layer's convolution has read (docs/objective.md).

        Default: gram. One of: gram, mean-std, covariance, shifted-gram, wasserstein, chained.
        """
    @style_statistics.setter
    def style_statistics(self, value: Optional[Literal["gram", "mean-std", "covariance", "shifted-gram", "wasserstein", "chained"]]) -> None: ...
    @style_statistics.deleter
    def style_statistics(self) -> None: ...
    @property
    def histogram(self) -> float:
        """Weight of the histogram loss, which gives each channel of features the style's distribution of values, beside
        what style-statistics compares (docs/objective.md). 0 does without; in the dialect normalised 0.3 is a little
        and 1 much.

        Default: 0. From 0 to 1e+30.
        """
    @histogram.setter
    def histogram(self, value: Optional[float]) -> None: ...
    @histogram.deleter
    def histogram(self) -> None: ...
    @property
    def histogram_layers(self) -> str:
        """Layers of the histogram loss, each with an optional weight.

        Default: relu1_1,relu4_1.
        """
    @histogram_layers.setter
    def histogram_layers(self, value: Optional[Layers]) -> None: ...
    @histogram_layers.deleter
    def histogram_layers(self) -> None: ...
    @property
    def style_weights(self) -> Optional[Union[Tuple[float, ...], Dict[str, Tuple[float, ...]]]]:
        """How several style images are blended, one number each; they are scaled to sum to 1. Equal when not given. Groups
        separated by ';' may say where they apply: 'relu1_1:1,0' at that layer, '/4:0,1' where the picture is compared
        at a quarter of its size (/1 is its own), 'relu4_1/2:0,1' at both; the most particular one counts. '1,0;/4:0,1'
        takes large shapes of the second, strokes of the first.

        Default: auto.
        """
    @style_weights.setter
    def style_weights(self, value: Optional[Floats]) -> None: ...
    @style_weights.deleter
    def style_weights(self) -> None: ...
    @property
    def style_scale(self) -> float:
        """Size of the style images: their longer side is this many times the output's longer side. Larger means larger
        strokes.

        Default: 1. From 0.01 to 16.
        """
    @style_scale.setter
    def style_scale(self, value: Optional[float]) -> None: ...
    @style_scale.deleter
    def style_scale(self) -> None: ...
    @property
    def guide_mode(self) -> Literal["simple", "inside"]:
        """With maps of regions, what of a region counts at a layer: all of it, or only what lies so far inside that the
        layer sees nothing else, which keeps styles from running into each other and leaves small regions out at deep
        layers.

        Default: simple. One of: simple, inside.
        """
    @guide_mode.setter
    def guide_mode(self, value: Optional[Literal["simple", "inside"]]) -> None: ...
    @guide_mode.deleter
    def guide_mode(self) -> None: ...
    @property
    def colour(self) -> Literal["none", "match", "luminance", "keep"]:
        """Whose colours the result has. none: the style's, as far as it brings them. The others keep the content's: match
        gives the style images the content's mean and covariance of colours before they are looked at; luminance paints
        brightness alone, in gray; keep paints in colour and puts the content's back at the end (neural-style's
        original_colors).

        Default: none. One of: none, match, luminance, keep.
        """
    @colour.setter
    def colour(self, value: Optional[Literal["none", "match", "luminance", "keep"]]) -> None: ...
    @colour.deleter
    def colour(self) -> None: ...
    @property
    def photo(self) -> float:
        """How far the picture stays a photograph: a loss that allows the content image to be recoloured, smoothly, and
        nothing to be painted (docs/photo.md). In the dialect normalised its weight is corrected on the way until 0.1 *
        10^(-2.2 photo) of the variation in the picture is painted; in others it is 10^(3 photo - 1.5). 0 is none.

        Default: 0. From 0 to 1.
        """
    @photo.setter
    def photo(self, value: Optional[float]) -> None: ...
    @photo.deleter
    def photo(self) -> None: ...
    @property
    def octaves(self) -> Optional[int]:
        """Sizes at which the style is compared, the picture's own, half of it and so on: more than one gives large strokes
        to large areas. When not given: 3 in the dialect normalised, else 1. Sizes under 64 pixels are left out.

        Default: auto. From 1 to 4.
        """
    @octaves.setter
    def octaves(self, value: Optional[int]) -> None: ...
    @octaves.deleter
    def octaves(self) -> None: ...
    @property
    def init(self) -> Literal["auto", "content", "noise", "gray", "style", "image", "matched"]:
        """The picture the optimisation starts from; matched is the content in the style's colours. The command also takes
        a file name, which means image. When not given: matched in the dialect normalised, where a style's colours are
        wanted, else content; noise where there is no content.

        Default: auto. One of: auto, content, noise, gray, style, image, matched. Fixed once the session is made.
        """
    @init.setter
    def init(self, value: Optional[Literal["auto", "content", "noise", "gray", "style", "image", "matched"]]) -> None: ...
    @init.deleter
    def init(self) -> None: ...
    @property
    def init_noise(self) -> float:
        """Blends the start picture with noise: 0 is the picture, 1 is noise alone.

        Default: 0. From 0 to 1. Fixed once the session is made.
        """
    @init_noise.setter
    def init_noise(self, value: Optional[float]) -> None: ...
    @init_noise.deleter
    def init_noise(self) -> None: ...
    @property
    def seed(self) -> int:
        """Seed of the noise.

        Default: 0. From 0 to 9.00719925474099e+15. Fixed once the session is made.
        """
    @seed.setter
    def seed(self, value: Optional[int]) -> None: ...
    @seed.deleter
    def seed(self) -> None: ...
    @property
    def preset(self) -> Literal["draft", "default", "quality"]:
        """How much work goes into the picture in the dialect normalised, where iterations is not given: from the coarsest
        scale on 60, 25, 10, 10 iterations, 80, 50, 30, 20, or 150, 100, 100, 60. draft also sets enlarge.

        Default: default. One of: draft, default, quality.
        """
    @preset.setter
    def preset(self, value: Optional[Literal["draft", "default", "quality"]]) -> None: ...
    @preset.deleter
    def preset(self) -> None: ...
    @property
    def size(self) -> int:
        """Longer side of the output; 0 keeps the size of the content image.

        Default: 512. From 0 to 65535 pixels.
        """
    @size.setter
    def size(self, value: Optional[int]) -> None: ...
    @size.deleter
    def size(self) -> None: ...
    @property
    def width(self) -> int:
        """Width of an output that has no content image to take its shape from; with height, and in place of size. 0: the
        shape of the first style image.

        Default: 0. From 0 to 65535 pixels.
        """
    @width.setter
    def width(self, value: Optional[int]) -> None: ...
    @width.deleter
    def width(self) -> None: ...
    @property
    def height(self) -> int:
        """Height of an output that has no content image, with width.

        Default: 0. From 0 to 65535 pixels.
        """
    @height.setter
    def height(self, value: Optional[int]) -> None: ...
    @height.deleter
    def height(self) -> None: ...
    @property
    def scales(self) -> Optional[int]:
        """Work from coarse to fine over this many sizes, each twice the one before; 1 is the final size alone. When not
        given: from about 128 pixels on in the dialect normalised, the shorter side no less than 32, else 1.

        Default: auto. From 1 to 12.
        """
    @scales.setter
    def scales(self, value: Optional[int]) -> None: ...
    @scales.deleter
    def scales(self) -> None: ...
    @property
    def enlarge(self) -> Optional[int]:
        """The picture is painted so many times smaller and enlarged when it is handed out, with the content's edges: 2
        takes a third of the time at large sizes and has coarser strokes. When not given: 2 with preset draft from size
        512 on, where a content is stylised in the dialect normalised, else 1. More than 1 needs a content image.

        Default: auto. From 1 to 4.
        """
    @enlarge.setter
    def enlarge(self, value: Optional[int]) -> None: ...
    @enlarge.deleter
    def enlarge(self) -> None: ...
    @property
    def detail(self) -> Optional[float]:
        """How much of the content's fine detail is put back when the picture grows to the next scale. When not given: 0.5
        in the dialect normalised where the start is the content, else 0.

        Default: auto. From 0 to 1.
        """
    @detail.setter
    def detail(self, value: Optional[float]) -> None: ...
    @detail.deleter
    def detail(self) -> None: ...
    @property
    def iterations(self) -> Optional[int]:
        """Iterations in total, shared evenly by the scales. When not given: what preset says in the dialect normalised,
        and up to twice that at the coarsest scale, two and a half times where it is the only one, to find what strength
        asks for; else 500.

        Default: auto. From 0 to 1000000 iterations.
        """
    @iterations.setter
    def iterations(self, value: Optional[int]) -> None: ...
    @iterations.deleter
    def iterations(self) -> None: ...
    @property
    def tolerance(self) -> float:
        """Ends a scale when the loss has fallen by less than this fraction over 20 iterations; 0 never does. 0.002 suits
        most pictures.

        Default: 0. From 0 to 1.
        """
    @tolerance.setter
    def tolerance(self, value: Optional[float]) -> None: ...
    @tolerance.deleter
    def tolerance(self) -> None: ...
    @property
    def optimizer(self) -> Literal["lbfgs", "adam"]:
        """L-BFGS needs fewer evaluations; Adam needs less memory.

        Default: lbfgs. One of: lbfgs, adam.
        """
    @optimizer.setter
    def optimizer(self, value: Optional[Literal["lbfgs", "adam"]]) -> None: ...
    @optimizer.deleter
    def optimizer(self) -> None: ...
    @property
    def learning_rate(self) -> float:
        """Adam: step length in units of the full brightness range. L-BFGS: its first step has a twentieth of that as root
        mean square.

        Default: 0.02. From 1e-06 to 10.
        """
    @learning_rate.setter
    def learning_rate(self, value: Optional[float]) -> None: ...
    @learning_rate.deleter
    def learning_rate(self) -> None: ...
    @property
    def history(self) -> int:
        """Curvature pairs that L-BFGS keeps; each takes as much memory as two pictures.

        Default: 10. From 1 to 1000.
        """
    @history.setter
    def history(self, value: Optional[int]) -> None: ...
    @history.deleter
    def history(self) -> None: ...
    @property
    def history_precision(self) -> Literal["auto", "fp32", "bf16"]:
        """Numbers in which L-BFGS keeps its curvature pairs; bf16 (16 bits) takes half the memory and half the time to
        read. auto: as precision.

        Default: auto. One of: auto, fp32, bf16.
        """
    @history_precision.setter
    def history_precision(self, value: Optional[Literal["auto", "fp32", "bf16"]]) -> None: ...
    @history_precision.deleter
    def history_precision(self) -> None: ...
    @property
    def line_search(self) -> Literal["armijo", "strong-wolfe"]:
        """How L-BFGS chooses its step length: safeguarded backtracking or the strong Wolfe conditions.

        Default: armijo. One of: armijo, strong-wolfe.
        """
    @line_search.setter
    def line_search(self, value: Optional[Literal["armijo", "strong-wolfe"]]) -> None: ...
    @line_search.deleter
    def line_search(self) -> None: ...
    @property
    def preconditioner(self) -> Literal["auto", "none", "pyramid"]:
        """What L-BFGS takes the inverse Hessian for before it has learnt: a multiple of the identity, or of a pyramid,
        under which coarse structure moves first. auto is pyramid in the dialect normalised, else none.

        Default: auto. One of: auto, none, pyramid.
        """
    @preconditioner.setter
    def preconditioner(self, value: Optional[Literal["auto", "none", "pyramid"]]) -> None: ...
    @preconditioner.deleter
    def preconditioner(self) -> None: ...
    @property
    def pooling(self) -> Literal["max", "average", "l2"]:
        """Pooling of the network. The weights were trained with max; average gives smoother gradients.

        Default: max. One of: max, average, l2.
        """
    @pooling.setter
    def pooling(self, value: Optional[Literal["max", "average", "l2"]]) -> None: ...
    @pooling.deleter
    def pooling(self) -> None: ...
    @property
    def pooling_rescale(self) -> bool:
        """Multiplies average pooling by 2 and L2 pooling by 0.78, which restores the activations' magnitude under max
        pooling.

        Default: false.
        """
    @pooling_rescale.setter
    def pooling_rescale(self, value: Optional[bool]) -> None: ...
    @pooling_rescale.deleter
    def pooling_rescale(self) -> None: ...
    @property
    def padding(self) -> Literal["auto", "zero", "reflect", "replicate"]:
        """How convolutions see beyond the border; auto is what the weights file says or is known for, else zero.

        Default: auto. One of: auto, zero, reflect, replicate.
        """
    @padding.setter
    def padding(self, value: Optional[Literal["auto", "zero", "reflect", "replicate"]]) -> None: ...
    @padding.deleter
    def padding(self) -> None: ...
    @property
    def preprocessing(self) -> Literal["auto", "torch", "caffe", "unit"]:
        """What the weights expect of a pixel: RGB mean and deviation, BGR 0..255 minus mean, or RGB 0..1; auto asks the
        file.

        Default: auto. One of: auto, torch, caffe, unit.
        """
    @preprocessing.setter
    def preprocessing(self, value: Optional[Literal["auto", "torch", "caffe", "unit"]]) -> None: ...
    @preprocessing.deleter
    def preprocessing(self) -> None: ...
    @property
    def precision(self) -> Literal["auto", "fp32", "bf16"]:
        """Arithmetic of the network: 32-bit, or 16-bit (bf16) with 32-bit sums. auto is the fastest whose result looks the
        same: bf16 where the processor has instructions for it, else fp32.

        Default: auto. One of: auto, fp32, bf16.
        """
    @precision.setter
    def precision(self, value: Optional[Literal["auto", "fp32", "bf16"]]) -> None: ...
    @precision.deleter
    def precision(self) -> None: ...
    @property
    def memory_limit(self) -> int:
        """Most memory that a run may take, images and weights included: 800M, 1.5G; Mi and Gi count in 1024s. To stay
        below, the plan keeps fewer curvature pairs, then does work again instead of keeping it, then goes over the
        picture in tiles, which gives the same loss and gradient (docs/memory.md). 0 is no limit.

        Default: 0. From 0 to 9.00719925474099e+15 bytes.
        """
    @memory_limit.setter
    def memory_limit(self, value: Optional[int]) -> None: ...
    @memory_limit.deleter
    def memory_limit(self) -> None: ...
    @property
    def finish(self) -> Literal["none", "poisson", "guided"]:
        """What is done to a picture that is handed out, for photographs (docs/photo.md): poisson gives it the content
        image's gradients, guided makes it a locally affine recolouring of the content image. The optimisation does not
        know of it.

        Default: none. One of: none, poisson, guided.
        """
    @finish.setter
    def finish(self, value: Optional[Literal["none", "poisson", "guided"]]) -> None: ...
    @finish.deleter
    def finish(self) -> None: ...
