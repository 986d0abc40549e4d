"""Activations drawn from arrays: a layer's feature maps, and filters beside their patterns."""

from __future__ import annotations

import numpy as np

from minixai.errors import ShapeError
from minixai.plot import style
from minixai.plot.maps import HEAT_COLOURS, in_channels, largest, number
from minixai.plot.picture import Picture
from minixai.plot.projection import mosaic

__all__ = ["draw_feature_maps", "draw_filters"]

DPI = 150
WIDTH, TALL = 12.8, 6.4  # inches
NOTE_SIZE = 11


@style.drawn(style.PLAIN_TEXT)
def draw_feature_maps(maps: np.ndarray, photo: np.ndarray | None = None, title: str = "") -> Picture:
    """Draw a layer's maps (k, h, w) of one image row by row, all on one scale, beside the photo.

    Dark is 0 where no value is below; else white is 0, red above and blue below. photo: (h, w, 3) uint8 or
    floats in [0, 1]. Raises ShapeError for other shapes, ValueError for a NaN.
    """
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or 0 in maps.shape:
        raise ShapeError(f"draw_feature_maps: maps have shape {maps.shape}, expected (k, h, w)")
    if not np.isfinite(maps).all():
        raise ValueError("draw_feature_maps: maps holds NaN or inf, expected finite numbers")
    limit, signed = largest(maps) or 1.0, bool((maps < 0).any())
    sheet = mosaic([np.repeat(each[..., None], 3, axis=2) for each in maps], empty=np.nan)[..., 0]
    picture = Picture((WIDTH, TALL), DPI, layout="constrained")
    panels = picture.subplots(1, 1 if photo is None else 2, squeeze=False)[0]
    for axes in panels:
        axes.set_axis_off()
    if photo is not None:
        panels[0].imshow(photo)
    colours = HEAT_COLOURS if signed else style.OUTPUT_MAP
    shown = panels[-1].imshow(
        sheet, colours, vmin=-limit if signed else 0, vmax=limit, interpolation="nearest"
    )
    picture.colorbar(shown, ax=panels[-1], shrink=0.8)
    dead = int((maps == 0).all(axis=(1, 2)).sum())
    note = f"{len(maps)} maps of {maps.shape[1]}×{maps.shape[2]}, one scale"
    if dead:
        note += f"; {dead} zero everywhere"
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    _foot(picture, f"{note}; the largest is {number(maps.max(), 3)}")
    return picture


@style.drawn(style.PLAIN_TEXT)
def draw_filters(filters: np.ndarray, patterns: np.ndarray, title: str = "") -> Picture:
    """Draw filters (k, c, h, w) of the image's channels, c 1 or 3, and their patterns of the same shape.

    Each is shown as v/(2·max|v|) + ½: its own scale, grey is zero. Raises ShapeError for other shapes.
    """
    filters, patterns = (np.asarray(each, np.float64) for each in (filters, patterns))
    if filters.shape != patterns.shape or filters.ndim != 4 or filters.shape[1] not in (1, 3):
        came = f"filters have shape {filters.shape}, patterns {patterns.shape}"
        raise ShapeError(f"draw_filters: {came}, expected one shape (k, 1 or 3, h, w)")
    products = (filters * patterns).reshape(len(filters), -1).sum(axis=1)
    lengths = [np.linalg.norm(each.reshape(len(each), -1), axis=1) for each in (filters, patterns)]
    cosines = products / np.where(lengths[0] * lengths[1] == 0, 1, lengths[0] * lengths[1])
    picture = Picture((WIDTH, TALL), DPI, layout="constrained")
    for axes, (name, each) in zip(
        picture.subplots(1, 2), (("filters", filters), ("patterns", patterns)), strict=True
    ):
        tiles = [in_channels(v, largest(v) or 1).transpose(1, 2, 0) for v in each]
        axes.imshow(mosaic([np.broadcast_to(t, (*t.shape[:2], 3)) for t in tiles]), interpolation="nearest")
        axes.set_title(name, loc="left")
        axes.set_axis_off()
    picture.suptitle(title, size=style.HEADING_SIZE, weight="bold", x=0.01, ha="left")
    middle = number(float(np.median(cosines)), 2)
    note = f"Each on its own scale, grey is zero. Cosine of a filter and its pattern: median {middle}."
    _foot(picture, note)
    return picture


def _foot(picture: Picture, note: str) -> None:
    picture.supxlabel(note, size=NOTE_SIZE, x=0.01, ha="left")
