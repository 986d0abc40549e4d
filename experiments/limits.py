"""What ρ can see and what not: in-sample, on new images, on active samples, by images and by ridge."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context

from experiments import style
from experiments.networks import Network
from experiments.rho import RIDGE, Triple, by_layer, marks
from minixai import nn, signal
from minixai.columns import interval
from minixai.evaluate import Quality, quality
from minixai.plot import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

IMAGES = {"lenet": (8000, 2000)}  # to fit to and to test on
ESTIMATORS = ("random", "filter", "linear", "two_component", "two_component_centred")
KINDS = ("linear", "positive", "negative", "positive_centred", "negative_centred")
RIDGES = (1e-8, 1e-6, 1e-4, 1e-2, 1.0)
SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # of the images to fit to

Rho = dict[str, dict[str, Triple]]


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """ρ in-sample, where fitting and testing share the images and all patches; held-out in all else."""
    model, fit, test = network.model, network.fit[:fit_images], network.test[:test_images]
    linear = [name for name, each in model.named_modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    same = network.batches(fit[: len(fit) // 2])
    kinds = dict.fromkeys(linear, KINDS)
    patterns = signal.fit_patterns(model, same, kinds, progress=False)
    settings: dict[str, Any] = {"estimators": ESTIMATORS, "ridge": RIDGE, "progress": False}
    in_sample = quality(model, same, same, patterns=patterns, patches=None, **settings)

    def held_out(images: int, **changed: Any) -> Quality:
        batches = network.batches(fit[:images]), network.batches(test)
        return quality(model, *batches, **{**settings, **changed})

    by_ridge = held_out(len(fit), ridge=RIDGES)
    counts = [int(share * len(fit)) // (2 * network.batch) * (2 * network.batch) for share in SHARES]
    return {
        "title": network.title,
        "fit_images": len(fit),
        "test_images": len(test),
        "in_sample": by_layer(in_sample),
        "held_out": by_layer(by_ridge, RIDGES.index(RIDGE)),
        "active": by_layer(held_out(len(fit), samples="active")),
        "by_images": {str(count // 2): by_layer(held_out(count)) for count in counts if count},
        "by_ridge": {f"{ridge:g}": by_layer(by_ridge, k) for k, ridge in enumerate(RIDGES)},
    }


TITLE = "S_a and S_a± have ρ = 1 where they were fitted; elsewhere ρ is about the estimate"
PANELS = {
    "in_sample": "the images fitted to",
    "held_out": "new images",
    "active": "new images, y > 0 only",
}
AGAINST = {"by_images": "images for the patterns, and as many for v", "by_ridge": "ridge"}
LAYERS = ("features.3", "classifier.1")  # the second convolution, and the dense layer with the most inputs


def draw(results: dict[str, Any]) -> Picture:
    """ρ by layer on three kinds of samples; below, against the number of images and the ridge."""
    result = results["lenet"]
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 8.4), 150, layout="constrained")
        panels = picture.subplots(2, 3, sharey=True)
        for axes, (samples, text) in zip(panels[0], PANELS.items(), strict=True):
            marks(axes, result[samples])
            axes.set_title(text, loc="left")
        conv, dense = LAYERS
        _curve(
            panels[1][0],
            result["by_images"],
            conv,
            f"images for a, and as many for v; layer {style.short(conv)}",
        )
        _curve(
            panels[1][1],
            result["by_images"],
            dense,
            f"images for a, and as many for v; layer {style.short(dense)}",
        )
        _curve(panels[1][2], result["by_ridge"], dense, f"ridge; layer {style.short(dense)}")
        for axes in panels[:, 0]:
            axes.set_ylabel("ρ")
        style.legend(picture, panels[0][0])
        style.title(picture, f"{TITLE} ({result['title']})")
    return picture


def _curve(axes: Axes, found: dict[str, Rho], layer: str, label: str) -> None:
    """ρ in a layer over the numbers that `found` has as keys."""
    numbers = [float(number) for number in found]
    for estimator in next(iter(found.values())):
        mean, low, high = zip(*(rho[estimator][layer] for rho in found.values()), strict=True)
        axes.fill_between(numbers, low, high, color=style.COLOURS[estimator], alpha=0.15, linewidth=0)
        axes.plot(numbers, mean, linewidth=2, **style.line(estimator))
    axes.set_xscale("log")
    axes.set_xticks(numbers, found, size=style.TICK_SIZE)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(label, size=11)
    for level in (0, 1):
        axes.axhline(level, color=style.FAINT, linewidth=0.8, zorder=0)


def tables(results: dict[str, Any]) -> list[str]:
    """ρ by layer on three kinds of samples; against the number of images; against the ridge."""
    result = results["lenet"]
    layers = list(result["held_out"]["linear"])
    by_samples = [
        [PANELS[samples], style.LABELS[name], *(interval(of_layer) for of_layer in rho.values())]
        for samples in PANELS
        for name, rho in result[samples].items()
    ]
    columns = [(name, layer) for layer in LAYERS for name in ("linear", "two_component")]
    heading = [f"{style.LABELS[name]} in {layer}" for name, layer in columns]
    over = {
        label: [
            [number, *(interval(rho[name][layer]) for name, layer in columns)]
            for number, rho in result[key].items()
        ]
        for key, label in AGAINST.items()
    }
    return [
        style.markdown([result["title"], "", *layers], by_samples),
        *(style.markdown([label, *heading], rows) for label, rows in over.items()),
    ]
