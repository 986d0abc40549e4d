"""Maps of another size: adaptive pooling and upsampling."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Mask, Trait, operation
from minixai.ops.places import evenly, window_of
from minixai.ops.sizes import Size, check_images, pair
from minixai.settings import finite_number
from minixai.tape import Node, Tensor
from minixai.typing import Array

__all__ = ["adaptive_avg_pool2d", "adaptive_max_pool2d", "global_avg_pool2d", "upsample"]

OutputSize = int | tuple[int | None, int | None]


@operation(Trait.POOL, looks=evenly)
def adaptive_avg_pool2d(x: Array, *, output_size: OutputSize = 1) -> Array:
    """y = the means of output_size windows that cover the image evenly: rows ⌊i·h/r⌋ to ⌈(i+1)·h/r⌉ − 1.

    x: (n, c, h, w). output_size: (r, q), in which None is x's own size; it may be larger than the image.
    Returns (n, c, r, q); size 1 is global average pooling.
    """
    rows, columns = _averages(x, output_size)
    return kernels.product.between(rows, x, columns)


@adaptive_avg_pool2d.define_vjp
def _adaptive_avg_pool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    rows, columns = _averages(x, node.params["output_size"])
    return (kernels.product.between(rows.T, g, columns.T),)


def global_avg_pool2d(x: Tensor) -> Tensor:
    """The mean of each channel's plane: (n, c, h, w) → (n, c, 1, 1)."""
    return adaptive_avg_pool2d(x, 1)


def _averages(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """The matrices that average rows and columns: y = rows @ x @ columns.T."""
    counts = _counts("adaptive_avg_pool2d", x, output_size)
    rows, columns = (
        np.zeros((count, size), x.dtype) for count, size in zip(counts, x.shape[2:], strict=True)
    )
    for matrix in (rows, columns):
        for i, weights in enumerate(matrix):
            window = window_of(i, *matrix.shape)
            weights[window] = 1 / (window.stop - window.start)
    return rows, columns


def _counts(call: str, x: Array, output_size: OutputSize) -> tuple[int, int]:
    check_images(call, x)
    sizes: Any = output_size
    if isinstance(output_size, tuple | list) and len(output_size) == 2:
        sizes = tuple(own if s is None else s for s, own in zip(output_size, x.shape[2:], strict=True))
    return pair(call, "output_size", sizes)


@operation(Trait.MOVE, looks=evenly)
def adaptive_max_pool2d(x: Array, *, output_size: OutputSize = 1) -> tuple[Array, Any]:
    """y = the maxima of the windows of adaptive_avg_pool2d, which takes the same arguments.

    At a tie the cotangent goes to the first maximum in row-major order.
    """
    counts = _counts("adaptive_max_pool2d", x, output_size)
    (height, width), (n, c) = x.shape[2:], x.shape[:2]
    y, switches = np.empty((n, c, *counts), x.dtype), np.empty((n, c, *counts), np.int32)
    places = np.arange(height * width, dtype=np.int32).reshape(height, width)
    for r, q in np.ndindex(counts):
        window = window_of(r, counts[0], height), window_of(q, counts[1], width)
        values = x[:, :, *window].reshape(n, c, -1)
        largest = values.argmax(axis=2)
        y[:, :, r, q] = np.take_along_axis(values, largest[..., None], axis=2)[..., 0]
        switches[:, :, r, q] = places[window].ravel()[largest]
    return y, switches


@adaptive_max_pool2d.define_vjp
def _adaptive_max_pool2d_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (kernels.pooling.max_unpool2d(g, node.saved, x.shape[2:]),)


def _seen_in_upsampling(mask: Mask, size: int, node: Node, axis: int) -> Mask:
    matrix = _interpolation(node.arrays[0], **node.params)[axis]
    return np.asarray(matrix[mask].any(axis=0))


@operation(
    Trait.POOL,
    unless=lambda node: (Trait.REARRANGE, Trait.MOVE) if node.params["mode"] == "nearest" else (),
    looks=_seen_in_upsampling,
)
def upsample(
    x: Array,
    *,
    size: Size | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: Literal["nearest", "bilinear"] = "nearest",
    align_corners: bool = False,
) -> Array:
    """y[…, r, q] = x at (r′, q′), the place of (r, q) in x, for all channels alike.

    nearest: x[…, ⌊r/s⌋, ⌊q/s⌋], s being the output's size by the input's.
    bilinear: of r′ = max(0, (r + ½)/s − ½) the rows ⌊r′⌋ and ⌊r′⌋ + 1, within the image, in the shares
        1 − (r′ − ⌊r′⌋) and r′ − ⌊r′⌋, and so with columns; align_corners: r′ = r·(h − 1)/(h′ − 1).

    x: (n, c, h, w). size: (h′, w′), or scale_factor: s, one number or two, with h′ = ⌊s·h⌋; one of both.
    Returns (n, c, h′, w′).
    """
    rows, columns = _interpolation(x, size, scale_factor, mode, align_corners)
    if mode == "nearest":  # without a sum: NaN stays in its place
        return x[:, :, rows.argmax(axis=1)][..., columns.argmax(axis=1)]
    return kernels.product.between(rows, x, columns)


@upsample.define_vjp
def _upsample_vjp(g: Array, node: Node) -> tuple[Array]:
    rows, columns = _interpolation(node.arrays[0], **node.params)
    return (kernels.product.between(rows.T, g, columns.T),)


def _interpolation(
    x: Array, size: Any, scale_factor: Any, mode: str, align_corners: bool
) -> tuple[Array, Array]:
    """The matrices that resample rows and columns: y = rows @ x @ columns.T."""
    check_images("upsample", x)
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"upsample: size is {size}, scale_factor {scale_factor}, expected one of them, and the other None"
        )
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"upsample: mode is {mode!r}, expected 'nearest' or 'bilinear'")
    if align_corners and mode == "nearest":
        raise ValueError("upsample: align_corners is for mode 'bilinear'")
    own = x.shape[2:]
    extents = pair("upsample", "size", size) if scale_factor is None else _scaled(scale_factor, own)
    if min(extents) < 1:
        raise ShapeError(f"upsample: scale_factor {scale_factor} leaves nothing of x {x.shape}")
    lines = (_line(*each, mode, align_corners) for each in zip(own, extents, strict=True))
    rows, columns = (line.astype(x.dtype) for line in lines)
    return rows, columns


def _scaled(scale_factor: Any, sizes: tuple[int, ...]) -> list[float]:
    factors = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor, scale_factor)
    if len(factors) != 2:
        raise TypeError(f"upsample: scale_factor is {scale_factor!r}, expected a number or a pair of them")
    factors = [finite_number("upsample", "scale_factor", s, above=0) for s in factors]
    return [s * size for s, size in zip(factors, sizes, strict=True)]


def _line(size: int, extent: float, mode: str, align_corners: bool) -> Array:
    """(⌊extent⌋, size): the shares that the places of a line have in those of the resampled one."""
    count = int(extent)
    places, weights = np.arange(count), np.zeros((count, size))
    if mode == "nearest":
        weights[places, np.minimum(places * size / extent, size - 1).astype(int)] = 1
        return weights
    at = places * (size - 1) / max(count - 1, 1) if align_corners else (places + 0.5) * size / extent - 0.5
    low, share = np.divmod(np.clip(at, 0, size - 1), 1)
    low = low.astype(int)
    np.add.at(weights, (places, low), 1 - share)
    np.add.at(weights, (places, np.minimum(low + 1, size - 1)), share)
    return weights
