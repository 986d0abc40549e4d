"""The drawing of lesson 2: numbers on cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.patches import Rectangle

import minixai as mx
from figures import DPI, WIDTH, show_image, slide
from minixai.checks.convolution import Example
from minixai.plot import Picture, style
from minixai.typing import Array

WINDOW, ZEROS = to_rgba_array(["#FFC48A", "#E4E4E4"])
EDGES = {"cmap": "gray_r", "vmin": 0, "vmax": 0.4}


def canvas(width: float, height: float) -> tuple[Picture, Axes]:
    """A picture of a slide's width, and axes of width × height cells with (0, 0) at their top left."""
    picture = Picture(figsize=(WIDTH, WIDTH * height / width), dpi=DPI)
    axes = picture.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return picture, axes


def table(
    axes: Axes, values: Array, left: float, top: float, title: str = "", faces: Array | None = None
) -> None:
    """A matrix (rows, columns) as numbers on cells of colour `faces`; NaN stays blank."""
    size = 0.58 * 72 * WIDTH / axes.get_xlim()[1]  # points: of a cell, a bit more than half
    for (r, q), value in np.ndenumerate(values):
        face = "white" if faces is None else faces[r, q]
        axes.add_patch(Rectangle((left + q, top + r), 1, 1, facecolor=face, edgecolor=style.FAINT))
        if not np.isnan(value):
            number = f"{value:g}".replace("-", "−")
            fit = size if len(number) < 3 else 0.8 * size
            axes.text(left + q + 0.5, top + r + 0.53, number, ha="center", va="center", size=fit)
    axes.text(left + values.shape[1] / 2, top - 0.35, title, ha="center", size=17)


def frame(axes: Axes, left: float, top: float) -> None:
    """A thick frame around one cell."""
    axes.add_patch(Rectangle((left, top), 1, 1, fill=False, edgecolor=style.FILTER, linewidth=4))


def padded_faces(side: int, padding: int) -> Array:
    """Colours of a padded image: white, its zeros grey."""
    faces = np.tile(ZEROS, (side, side, 1))
    faces[padding : side - padding, padding : side - padding] = 1
    return faces


def tint(values: Array, limit: float) -> Array:
    """Colours of numbers: blue below 0, red above, pale near 0."""
    return matplotlib.colormaps["RdBu_r"](0.5 + 0.3 * np.clip(np.nan_to_num(values) / limit, -1, 1))


def one_window(
    example: Example, k: int = 0, place: int = 0, stride: int = 2, padding: int = 1, dilation: int = 1
) -> Picture:
    """One step of the convolution with filter k; places are counted along the rows of y."""
    x, w, b = (mx.Tensor(array) for array in (example.x[None], example.w[k : k + 1], example.b[k : k + 1]))
    y = mx.ops.conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation).value[0, 0]
    place = min(place, y.size - 1)
    r, q = divmod(place, y.shape[1])
    seen = np.ix_(*(stride * at + dilation * np.arange(3) for at in (r, q)))
    x_pad = np.pad(example.x, ((0, 0), (padding, padding), (padding, padding)))

    room = 9.0  # for each channel
    picture, axes = canvas(3 * room + 8.0, 14.6)
    sums = {}
    for c in range(3):
        products = x_pad[c][seen] * example.w[k, c] + 0.0  # + 0.0: no minus zero
        sums[f"channel {c}"] = products.sum()
        _channel(axes, (c + 0.5) * room, (x_pad[c], example.w[k, c], products), seen, padding, (k, c))
    sums |= {"bias": example.b[k], f"$y_{{{k},{r},{q}}}$": y[r, q]}
    left, top = 3 * room + 3.8 - y.shape[1] / 2, 5 - y.shape[0] / 2
    known = np.where(np.arange(y.size).reshape(y.shape) <= place, y, np.nan)
    table(axes, known, left, top, f"$y_{k}$", tint(known, 10))
    frame(axes, left + q, top + r)
    for line, (name, number) in enumerate(sums.items()):
        axes.text(3 * room + 1.0, 10.1 + line, name, size=17)
        axes.text(3 * room + 6.8, 10.1 + line, f"{number:g}".replace("-", "−"), size=17, ha="right")
    axes.plot([3 * room + 1.0, 3 * room + 6.8], [13.3, 13.3], color=style.INK, linewidth=2)
    return picture


def _channel(
    axes: Axes, middle: float, arrays: Sequence[Array], seen: Any, padding: int, names: tuple[int, int]
) -> None:
    """A padded channel with its window; below it the kernel and the products."""
    x_pad, kernel, products = arrays
    faces = padded_faces(len(x_pad), padding)
    faces[seen] = WINDOW
    k, c = names
    table(axes, x_pad, middle - len(x_pad) / 2, 5 - len(x_pad) / 2, f"$x_{c}$", faces)
    table(axes, kernel, middle - 3.9, 11, f"$w_{{{k},{c}}}$", tint(kernel, 2))
    table(axes, products, middle + 0.9, 11, "products", tint(products, 2))
    axes.text(middle, 12.5, "→", ha="center", va="center", size=22)


def layouts(sizes: Mapping[str, tuple[int, Mapping[str, int], tuple[int, int]]]) -> Picture:
    """Ways to lay windows over 5×5 pixels, by name: side of the kernel, settings, size of the output."""
    picture, axes = canvas(8.6 * len(sizes), 9.4)
    for number, (name, (side_w, layout, (rows, columns))) in enumerate(sizes.items()):
        padding, taps = layout.get("padding", 0), layout.get("dilation", 1) * np.arange(side_w)
        side = 5 + 2 * padding
        faces = padded_faces(side, padding)
        faces[np.ix_(taps, taps)] = WINDOW
        left, top = 8.6 * number + 4.3 - side / 2, 5.7 - side / 2
        table(axes, np.full((side, side), np.nan), left, top, "", faces)
        axes.text(left + side / 2, 1.7, f"{name}\n{rows}×{columns}", ha="center", va="bottom", size=16)
        second_r, second_q = np.meshgrid(taps, taps + layout.get("stride", 1))
        axes.scatter(left + second_q + 0.5, top + second_r + 0.5, s=90, color=style.PATTERN)
    return picture


def filtered_photo(photo: Array, outputs: Mapping[str, Array]) -> Picture:
    """A photo (3, h, w) and what filters make of it (h', w'), all on one scale."""
    picture = slide(3.6)
    first, *panels = picture.subplots(1, 1 + len(outputs))
    show_image(first, photo.transpose(1, 2, 0), "photo\n3×200×200")
    for axes, (title, values) in zip(panels, outputs.items(), strict=True):
        size = "×".join(map(str, values.shape))
        drawn = show_image(axes, values, f"{title}\n{size}", cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    picture.colorbar(drawn, ax=[first, *panels], shrink=0.8, pad=0.01)
    return picture


def row_of_tables(panels: Mapping[str, Array], limit: float, plain: Sequence[str] = ()) -> Picture:
    """Matrices side by side, tinted by their numbers but for those named in `plain`."""
    width = sum(values.shape[1] for values in panels.values()) + 2.6 * len(panels)
    high = max(len(values) for values in panels.values())
    picture, axes = canvas(width, high + 2.4)
    left = 1.3
    for title, values in panels.items():
        faces = None if title in plain else tint(values, limit)
        table(axes, values, left, 1.6 + (high - len(values)) / 2, title, faces)
        left += values.shape[1] + 2.6
    return picture


def windows_as_columns(x_pad: Array, columns: Array, filters: Array, y: Array, r: int, q: int) -> Picture:
    """The window at (r, q) of channel 0, its column, and the product; of other channels only their place."""
    picture, axes = canvas(40, 18)
    faces = padded_faces(7, 1)
    faces[2 * r : 2 * r + 3, 2 * q : 2 * q + 3] = WINDOW
    place = r * 3 + q
    table(axes, x_pad[0], 8, 3, "$x_0$", faces)
    axes.annotate(
        "", (25.6, 6.5), (15.6, 6.5), arrowprops={"arrowstyle": "->", "color": style.FILTER, "lw": 2}
    )
    faces = np.ones((9, 9, 4))
    faces[:, place] = WINDOW
    table(axes, columns[:9], 26, 1.6, "windows, 27×9", faces)
    _not_shown(axes, 26, 10.6, 9, 2, "18 rows of $x_1$ and $x_2$")
    table(axes, filters[:, :9], 8.4, 14.6, "filters, 2×27", tint(filters[:, :9], 2))
    _not_shown(axes, 17.4, 14.6, 6, 2, "18 of $w_1$, $w_2$")
    axes.text(24.7, 15.6, "→", ha="center", va="center", size=24)
    table(axes, y, 26, 14.6, "$y$ with the bias, 2×9", tint(y, 10))
    for k in range(2):
        frame(axes, 26 + place, 14.6 + k)
    return picture


def _not_shown(axes: Axes, left: float, top: float, width: float, height: float, text: str) -> None:
    box = Rectangle((left, top), width, height, facecolor=ZEROS, edgecolor=style.FAINT, hatch="//", alpha=0.6)
    axes.add_patch(box)
    axes.text(left + width / 2, top + height / 2, text, ha="center", va="center", size=15)


def times(seconds: Mapping[str, Mapping[str, float]], interpreted: Sequence[str]) -> Picture:
    """Bars of times, from 1, the fastest of each panel, on a logarithmic scale; `interpreted` are orange."""
    picture = slide(5.2)
    panels = picture.subplots(1, len(seconds))
    for axes, (title, of_ways) in zip(panels, seconds.items(), strict=True):
        ratios = np.array(list(of_ways.values())) / min(of_ways.values())
        colours = [style.FILTER if name in interpreted else style.PATTERN for name in of_ways]
        bars = axes.barh(list(of_ways), ratios - 1, left=1, color=colours)
        labels = [f"{ratio:,.0f}" if ratio > 9.5 else f"{ratio:.1f}" for ratio in ratios]
        axes.bar_label(bars, labels, padding=4)
        axes.set(xscale="log", xlim=(1, 8 * ratios.max()), title=title, xlabel="time, the fastest = 1")
        axes.invert_yaxis()
    return picture


def pooling(x: Array, maxima: Array, switches: Array, g: Array, unpooled: Array) -> Picture:
    """A plane in windows of 2×2 with its maxima framed, and what pooling and unpooling make of it."""
    names = {"$x$": x, "maxima": maxima, "switches": switches, "$g$": g, "$g$ unpooled": unpooled}
    picture = row_of_tables(
        {name: values[0, 0].astype(float) for name, values in names.items()}, 9, ["switches"]
    )
    axes = picture.axes[0]
    for left in (1.3, 1.3 + sum(values.shape[3] + 2.6 for values in (x, maxima, switches, g))):
        for cut in (2, 4):
            axes.plot([left + cut, left + cut], [1.6, 7.6], color=style.INK)
            axes.plot([left, left + 6], [1.6 + cut, 1.6 + cut], color=style.INK)
        for switch in switches.ravel().tolist():
            frame(axes, left + switch % 6, 1.6 + switch // 6)
    return picture


def edges_and_back(pictures: Mapping[str, Array]) -> Picture:
    """Maps of edges (h, w), on one scale."""
    picture = slide(3.3)
    for axes, (title, values) in zip(picture.subplots(1, len(pictures)), pictures.items(), strict=True):
        show_image(axes, values, title, **EDGES)
    return picture
