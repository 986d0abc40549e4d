"""The pictures of lesson 7, All-CNN and guided backprop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import Image
from matplotlib.axes import Axes

from figures import as_jpeg, show_image, slide
from figures.maps import Values, beside_baselines, show_colours
from minixai.plot import Picture, style

OWN_SCALE = "Each map is on its own scale; grey is zero. The strongest half percent is clipped."
COLOURS = (style.FAINT, style.PATTERN, style.FILTER)  # of the gradient, DeConvNet and guided backprop


def p_norms(windows: Mapping[str, Values], changes: Mapping[int, float]) -> Picture:
    """Left the p-norms of windows; right by p the change of a network's logits when it takes them for max."""
    ps = np.geomspace(1, 64, 60)
    picture = slide(4.8)
    left, right = picture.subplots(1, 2)
    for (title, window), colour in zip(windows.items(), style.LINES, strict=False):
        left.semilogx(ps, [(window**p).sum() ** (1 / p) for p in ps], color=colour, label=title)
    left.legend(title="window", frameon=False)
    left.set(xlabel="p", ylim=(0, 4.2), title="p-norm of a window whose largest value is 1")
    right.loglog(list(changes), list(changes.values()), "o-", color=style.PATTERN)
    right.set(xlabel="p", title="twin: change of the logits, max → p-norm", ylim=(5e-4, 4))
    right.set_yticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
    for axes in (left, right):
        axes.set_xticks(list(changes), [str(p) for p in changes])
        axes.minorticks_off()
    return picture


def errors_of_the_paper(errors: Mapping[str, Mapping[str, float]], standard_error: float) -> Picture:
    """By base and variant the error on CIFAR-10, with one standard error."""
    picture = slide(4.6)
    axes = picture.subplots()
    for k, ((base, by_variant), colour) in enumerate(zip(errors.items(), style.LINES, strict=False)):
        places = np.arange(len(by_variant)) + 0.12 * (k - 1)
        values = list(by_variant.values())
        axes.errorbar(places, values, standard_error, fmt="o-", color=colour, label=f"base {base}")
    axes.set(xticks=range(len(by_variant)), xticklabels=list(by_variant), ylim=(8, 13.2), xlim=(-0.4, 2.8))
    axes.set(ylabel="error, % of 10 000 test images")
    axes.set_title("errors that the paper reports (bars: ± one standard error of a single run; from 8 %)")
    axes.legend(frameon=False)
    return picture


def side_by_side(
    photos: Sequence[Values], names: Sequence[str], maps: Mapping[str, Sequence[Values]]
) -> Image:
    """Photos (h, w, 3), and beside each its maps (3, h, w) by name."""
    picture = slide(1.85 * len(photos) + 0.9 if len(maps) > 1 else 4.8)
    for i, row in enumerate(picture.subplots(len(photos), 1 + len(maps), squeeze=False)):
        show_image(row[0], photos[i])
        row[0].set_ylabel(names[i])
        for axes, (title, each) in zip(row[1:], maps.items(), strict=True):
            show_colours(axes, each[i], "" if i else title)
    picture.supxlabel(OWN_SCALE, size=14)
    return as_jpeg(picture)


def all_classes(photo: Values, classes: Sequence[str], rows: Mapping[str, Values]) -> Image:
    """The maps (10, 3, h, w) of all classes, a row for each rule and network."""
    picture = slide(1.4 * len(rows) + 0.9)
    for i, (row, (name, maps)) in enumerate(zip(picture.subplots(len(rows), 11), rows.items(), strict=True)):
        show_image(row[0], photo, "" if i else "photo")
        row[0].set_ylabel(name)
        for axes, values, title in zip(row[1:], maps, classes, strict=True):
            show_colours(axes, values, "" if i else title)
            axes.title.set_fontsize(14)
    picture.supxlabel(OWN_SCALE, size=14)
    return as_jpeg(picture)


def own_image(found: Mapping[str, tuple[Values, float, float]]) -> Picture:
    """The cosines of maps with their own image, (own, other, mean) by name."""
    picture = slide(5.0)
    axes = picture.subplots()
    values, others, means = zip(*found.values(), strict=True)
    beside_baselines(axes, values, list(zip(others, means, strict=True)), list(found))
    axes.set(ylim=(-0.2, 0.6))
    axes.set_title(
        "cosine of a map with its own image: median and middle half\n"
        "(grey: with another image; dashed: with the mean image)"
    )
    return picture


def classes_and_images(
    between: Mapping[str, Mapping[str, float]], own: Mapping[str, Mapping[str, tuple[float, float, float]]]
) -> Picture:
    """By network and rule: left the cosine of two classes, right that of map and image with its baselines."""
    picture = slide(5.4)
    left, right = picture.subplots(1, 2, sharey=True)
    _bars(left, between)
    _bars(right, {name: {rule: each[0] for rule, each in by_rule.items()} for name, by_rule in own.items()})
    for i, by_rule in enumerate(own.values()):
        for k, (_, *baselines) in enumerate(by_rule.values()):
            for value, kind in zip(baselines, ("-", "--"), strict=True):
                place = i + 0.27 * (k - 1)
                right.hlines(value, place - 0.15, place + 0.15, color=style.INK, linewidth=3, linestyle=kind)
    left.set_title("cosine of the maps of two classes, median")
    right.set_title("cosine of a map and its image, median\n(lines: another image; dashed: the mean image)")
    picture.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return picture


def controls(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Picture:
    """By network and state of its weights: guided backprop's (two classes, own image, other, mean image)."""
    picture = slide(4.8)
    for axes, (title, by_state) in zip(
        picture.subplots(1, len(found), sharey=True), found.items(), strict=True
    ):
        own = [np.array(values[1:2]) for values in by_state.values()]
        beside_baselines(axes, own, [values[2:] for values in by_state.values()], list(by_state))
        axes.set(title=f"{title}: cosine of a map and its image", ylim=(-0.1, 1))
        axes.tick_params(axis="x", rotation=20)
    picture.supxlabel("Medians; grey lines: with another image; dashed: with the mean image.", size=14)
    return picture


def _bars(axes: Axes, heights: Mapping[str, Mapping[str, float]]) -> None:
    for k, (rule, colour) in enumerate(zip(next(iter(heights.values())), COLOURS, strict=True)):
        values = [by_rule[rule] for by_rule in heights.values()]
        axes.bar(np.arange(len(values)) + 0.27 * (k - 1), values, 0.25, color=colour, label=rule)
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(ylim=(-0.2, 1.05), xticks=range(len(heights)), xticklabels=list(heights))


def one_layer(
    curves: Mapping[str, Values], numbers: Sequence[int], photo: Values, returned: Mapping[str, Values]
) -> Image:
    """Left the cosines (own, another) by the number of filters; right what comes back from noise."""
    picture = slide(5.6)
    grid = picture.add_gridspec(2, 4, width_ratios=(2.2, 1, 1, 1))
    axes = picture.add_subplot(grid[:, 0])
    for (name, values), colour in zip(curves.items(), COLOURS, strict=True):
        own, another = np.transpose(values)
        axes.semilogx(numbers, own, "o-", color=colour, label=name)
        axes.semilogx(numbers, another, ":", color=colour)
    axes.set_xticks(numbers, [str(n) for n in numbers])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="upper left")
    axes.set(xlabel="random filters", ylim=(-0.2, 1.4), yticks=(0, 0.5, 1))
    axes.set_title("cosine of what comes back and the photo\n(dotted: and another photo)")
    show_image(picture.add_subplot(grid[0, 1]), photo, "photo\n")
    for k, (name, values) in enumerate(returned.items(), start=1):
        show_colours(picture.add_subplot(grid[k // 3, 1 + k % 3]), values, name)
    return as_jpeg(picture)
