"""What the lessons on maps draw alike: signals, heat maps, values beside their baselines, and sliders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from figures import projected, show_image, slide
from minixai.plot import Picture, style

Values = np.ndarray


def show_signal(axes: Axes, values: Values, title: str = "", **settings: Any) -> None:
    """A signal (h, w): grey is 0, black and white are − and + its largest magnitude."""
    limit = np.abs(values).max() or 1
    show_image(axes, values, title, cmap="gray", vmin=-limit, vmax=limit, **settings)


def show_heat(axes: Axes, values: Values, title: str = "") -> None:
    """A heat map (h, w) centred on 0, red where positive, with its scale below."""
    limit = np.abs(values).max() or 1
    show_image(axes, values, title, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_xlabel(f"±{limit:.2g}")


def show_colours(axes: Axes, values: Values, title: str = "") -> None:
    """A signal (3, h, w) in colours: grey is 0; the strongest half percent of the values is clipped."""
    limit = np.percentile(np.abs(values), 99.5) or 1
    show_image(axes, np.clip(values.transpose(1, 2, 0) / (2 * limit) + 0.5, 0, 1), title)


def beside_baselines(
    axes: Axes, values: Sequence[Values], baselines: Sequence[Sequence[float]], names: Sequence[str]
) -> None:
    """For each name the median of its values with the middle half, and its baselines as grey lines."""
    for k, (each, lines) in enumerate(zip(values, baselines, strict=True)):
        low, middle, high = np.percentile(each, (25, 50, 75))
        axes.vlines(k, low, high, color=style.FILTER, linewidth=6)
        axes.plot(k, middle, "o", color=style.FILTER, markersize=13)
        for line, kind in zip(lines, ("-", "--"), strict=False):
            axes.hlines(line, k - 0.4, k + 0.4, color=style.FAINT, linewidth=4, linestyle=kind)
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(xticks=range(len(names)), xticklabels=names, xlim=(-0.6, len(names) - 0.4))


def beside_images(images: Values, scores: Values, maps: Mapping[str, Values]) -> Picture:
    """Images (n, h, w), and beside each its map (n, h, w) by every method."""
    picture = slide(1.75 * len(images) + 0.5)
    for i, row in enumerate(picture.subplots(len(images), 1 + len(maps), squeeze=False)):
        show_image(row[0], images[i], cmap="gray")
        row[0].set_ylabel(f"score {scores[i]:.1f}")
        for axes, (name, each) in zip(row[1:], maps.items(), strict=True):
            show_heat(axes, each[i], "" if i else name)
    return picture


def one_map(image: Values, values: Values, title: str) -> Picture:
    """An image (h, w) and a heat map of it."""
    return beside_image(4.6, image, {title: values}, show_heat)


def beside_image(
    height: float, image: Values, maps: Mapping[str, Values], show: Callable[[Axes, Values, str], None]
) -> Picture:
    """An image (h, w) and maps of it side by side, each as `show` draws it."""
    picture = slide(height)
    first, *others = picture.subplots(1, 1 + len(maps))
    show_image(first, image, "image", cmap="gray")
    for axes, (title, values) in zip(others, maps.items(), strict=True):
        show(axes, values, title)
    return picture


def waterfall(ledger: Any, title: str) -> Picture:
    """The ledger's own picture, with text for a projector."""
    picture = projected(ledger.plot(title))
    for text in picture.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), 14 * picture.get_figwidth() / 13.34))
    return picture


def sliders(draw: Callable[..., Picture], choices: Mapping[str, Sequence[Any]]) -> Any:
    """A slider for each argument of `draw`, with its choices, above the picture. Needs ipywidgets."""
    import ipywidgets
    from IPython.display import display

    chosen = {
        name: ipywidgets.SelectionSlider(
            options=list(values), description=name, continuous_update=False, layout={"width": "480px"}
        )
        for name, values in choices.items()
    }
    shown = ipywidgets.interactive_output(lambda **each: display(draw(**each)), chosen)
    shown.layout.min_height = "420px"  # a fixed height does not flicker
    return ipywidgets.VBox([*chosen.values(), shown])
