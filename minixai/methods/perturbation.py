"""What the score does when parts of the image are covered: no gradient, many forward passes.

x: images (n, c, h, w). The unit is chosen at x and stays the same for the covered images.

A pixel has one value, of which each of its c channels gets an equal share: the map's sum over the
channels, which `plot` shows, is in units of the score.

batch_size: covered images at a time; bounds the memory, and does not change the result beyond rounding.
progress: whether to show a bar. An interrupted call leaves the model as it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.methods.catalogue import method
from minixai.methods.question import Answer, Question
from minixai.ops.sizes import Size, check_images, pair
from minixai.settings import finite_array, finite_number, whole_number
from minixai.typing import Array

__all__ = ["occlusion", "rise"]


@method(
    "occlusion",
    "attribution",
    asks="score",
    shows="how far the score falls when a patch is covered",
    cost="many forward passes",
    wants="any model",
    fails="coarse; a patch of the fill colour is an input as the model never saw",
    paper="Zeiler and Fergus 2014",
)
def occlusion(
    ask: Question,
    *,
    patch: Size | None = None,
    stride: Size | None = None,
    fill: Any = 0.0,
    batch_size: int = 8,
    progress: bool = True,
) -> Array:
    """Σ_c map = the mean, over all windows that cover the pixel, of score(x) − score(x, window filled).

    Zeiler and Fergus 2014, section 4.2, slide a grey square over the image. Windows start at every
    stride-th row and column; the last ones are cut at the edge. Positive where covering lowers the score.

    patch: the window's side or (height, width), in pixels; None means an eighth of the image.
    stride: at most patch; None means half of patch.
    fill: a number, or one for each channel, in the model's input; there 0 is the mean colour, if the
        model's `preprocess` takes that off.

    Raises, besides what `gradient` raises, ValueError for a patch that is larger than the image or a
    stride that leaves pixels out, ShapeError for a fill of a wrong shape.
    """
    x = _images(ask)
    n, _, h, w = x.shape
    size = pair(ask.call, "patch", (max(h // 8, 1), max(w // 8, 1)) if patch is None else patch)
    half = max(size[0] // 2, 1), max(size[1] // 2, 1)
    step = pair(ask.call, "stride", half if stride is None else stride)
    windows = _windows(ask.call, (h, w), size, step)
    colour = _fill(ask.call, fill, x)
    drops, covers = np.zeros((n, h, w)), np.zeros((h, w))
    for window in windows:
        covers[window] += 1
    for numbers, images in ask.pairs(len(windows), progress):
        points = x[images]
        for point, k in zip(points, numbers, strict=True):
            point[:, *windows[k]] = colour
        drop = ask.score[images] - ask.values(points, images)
        for k, i, d in zip(numbers, images, drop, strict=True):
            drops[i, *windows[k]] += d
    return ask.of_pixels(drops / covers)


@method(
    "RISE",
    "attribution",
    asks="class",
    shows="how the probability varies with what random masks leave visible",
    cost="thousands of forward passes",
    wants="any model",
    fails="coarse and noisy; inputs as the model never saw",
    paper="Petsiuk et al. 2018",
)
def rise(
    ask: Question,
    *,
    n_masks: int = 1000,
    grid: int = 7,
    p: float = 0.5,
    centred: bool = True,
    mask_seed: int = 0,
    batch_size: int = 8,
    progress: bool = True,
) -> Answer:
    """Σ_c map = 1/(N·p) · Σ_k (P_k − P̄) · mask_k, with P_k = P(target | x ⊙ mask_k) and P̄ their mean.

    What it adds to the expected probability of the class that the pixel is seen (Petsiuk et al. 2018,
    eq. 6, less its constant part). A mask is grid × grid cells, 1 with probability p, else 0, enlarged
    bilinearly and shifted by up to a cell (section 3.2). It multiplies the model's input, in which 0
    should be a colour that says nothing, such as the mean of the training images.

    n_masks: N; the paper takes 4 000 to 8 000.
    centred: False leaves out "− P̄", as eq. 6 does: the map is then about P̄ where a pixel does not
        matter, and noisier.
    mask_seed: of the masks, which are the same for every image of every batch.

    The probability is the model's own where it ends with a softmax or a sigmoid; else the softmax of its
    logits, or the sigmoid of a single one: `quantity` says which. `score` is the logit. Raises, besides
    what `gradient` raises, ValueError for p outside (0, 1) or too few masks.
    """
    x = _images(ask)
    n, _, h, w = x.shape
    n_masks = whole_number(ask.call, "n_masks", n_masks)
    grid = whole_number(ask.call, "grid", grid)
    seed = whole_number(ask.call, "mask_seed", mask_seed, least=0)
    p = finite_number(ask.call, "p", p, above=0, below=1)
    seen, covers, mean = np.zeros((n, h, w)), np.zeros((n, h, w)), np.zeros(n)
    for numbers, images in ask.pairs(n_masks, progress):
        masks = np.stack([_mask((h, w), grid, p, np.random.default_rng([seed, k])) for k in numbers])
        points = x[images] * masks[:, None].astype(x.dtype)
        for i, probability, mask in zip(images, ask.probabilities(points, images), masks, strict=True):
            seen[i] += probability * mask
            covers[i] += mask
            mean[i] += probability / n_masks
    if centred:
        seen -= mean[:, None, None] * covers
    return Answer(ask.of_pixels(seen / (n_masks * p)), quantity=str(ask.probability))


def _images(ask: Question) -> Array:
    check_images(ask.call, ask.x)
    return ask.x


def _windows(
    call: str, image: tuple[int, int], size: tuple[int, int], step: tuple[int, int]
) -> list[tuple[slice, slice]]:
    """The rows and columns of every window."""
    if any(side > whole for side, whole in zip(size, image, strict=True)):
        raise ValueError(f"{call}: patch is {size}, expected at most the image {image}")
    if any(s > side for s, side in zip(step, size, strict=True)):
        raise ValueError(
            f"{call}: stride is {step}, expected at most the patch {size}: it would leave pixels out"
        )
    rows, columns = (
        [slice(start, start + side) for start in range(0, whole - side + s, s)]
        for whole, side, s in zip(image, size, step, strict=True)
    )
    return [(row, column) for row in rows for column in columns]


def _fill(call: str, fill: Any, x: Array) -> Array:
    """(c, 1, 1), or one number for all channels."""
    colour = finite_array(call, "fill", fill, x.dtype)
    if colour.shape not in ((), (x.shape[1],)):
        raise ShapeError(f"{call}: fill has shape {colour.shape}, expected a number or {x.shape[1]} of them")
    return colour.reshape(-1, 1, 1)


def _mask(image: tuple[int, int], grid: int, p: float, rng: np.random.Generator) -> Array:
    """(h, w), in [0, 1], of mean p."""
    cells = (rng.random((grid, grid)) < p).astype(np.float64)
    rows, columns = (_enlargement(side, grid, rng) for side in image)
    return kernels.product.between(rows, cells, columns)


def _enlargement(side: int, grid: int, rng: np.random.Generator) -> Array:
    """(side, grid): bilinear interpolation of grid cells to grid + 1 times the cell's width, then a crop."""
    cell = -(-side // grid)
    shift = rng.integers(cell)
    centres = (np.arange(shift, shift + side) + 0.5) * grid / ((grid + 1) * cell) - 0.5
    return np.maximum(0, 1 - np.abs(centres.clip(0, grid - 1)[:, None] - np.arange(grid)))
