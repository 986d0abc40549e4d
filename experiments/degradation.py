"""The probability of the class while patches are replaced in the order of an attribution: figure 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context

from experiments import style
from experiments.networks import KINDS, Network
from minixai import methods, nn, signal
from minixai.bootstrap import mean_interval
from minixai.columns import interval
from minixai.evaluate import Degradation, degrade
from minixai.plot import Picture
from minixai.signal.patterns import units_dot

SHARE = 100 / 625  # of the patches: what the paper replaces of an image of 224×224
OF_KIND = {"linear": "linear", "positive": "two_component", "positive_centred": "two_component_centred"}
BASELINES = ("random", "two_component", "two_component_centred")  # of the differences listed

IMAGES = {  # to fit to and to test on
    "cifar10_allcnn": (2000, 120),
    "cifar10_maxpool": (2000, 120),
    "squeezenet": (300, 10),
    "squeezenet_photos": (300, 6),
}

Attribution = Callable[[np.ndarray], Any]


def attributions(network: Network, patterns: signal.Patterns) -> dict[str, Attribution | None]:
    """By estimator, the attribution whose order is followed; None is a random order.

    S_x: input × gradient, which is LRP with the ε-rule at ε = 0 on these networks. S_w, S_a, S_a±:
    PatternAttribution with a = w/(wᵀw), the linear and the positive patterns, these
    as in the paper or centred.
    """
    model = network.model
    filters = {name: filter_pattern(model.state_dict()[f"{name}.weight"]) for name in patterns}
    return {
        "random": None,
        "gradient": lambda x: np.abs(methods.gradient(model, x)),
        "identity": lambda x: methods.input_x_gradient(model, x),
        "filter": lambda x: methods.pattern_attribution(model, x, patterns=filters),
        "linear": lambda x: methods.pattern_attribution(model, x, patterns=patterns, kind="linear"),
        "two_component": lambda x: methods.pattern_attribution(model, x, patterns=patterns),
        "two_component_centred": lambda x: methods.pattern_attribution(
            model, x, patterns=patterns, kind="positive_centred"
        ),
    }


def filter_pattern(w: np.ndarray) -> np.ndarray:
    """The pattern of S_w for every unit: a = w / (wᵀw), or 0 where w is 0."""
    squares = norm(w).reshape(-1, *[1] * (w.ndim - 1)) ** 2
    return np.divide(w, squares, out=np.zeros_like(w), where=squares > 0)


def stretches(model: nn.Module, patterns: signal.Patterns, kind: str) -> dict[str, np.ndarray]:
    """‖w‖·‖a‖ of every unit, (units,) by layer; 0 where the unit never fired.

    As wᵀa = 1, it is 1/cos of their angle: how far a pattern reaches for what the filter hardly sees.
    """
    state = model.state_dict()
    return {
        name: norm(state[f"{name}.weight"]) * norm(layer.of(kind) if kind in layer.by_kind else layer.linear)
        for name, layer in patterns.items()
    }


def stretch(network: Network, patterns: signal.Patterns, kind: str) -> list[float]:
    """The `stretches` of all layers: the median, the 90 % quantile and the largest."""
    units = np.concatenate([*stretches(network.model, patterns, kind).values()])
    return [round(float(np.quantile(units[units > 0], share)), 2) for share in (0.5, 0.9, 1)]


def reversed_units(patterns: signal.Patterns) -> float:
    """The share of units where a₊ is a numerator over a negative number, wᵀ(E₊[xy] − E₊[x]E[y]) < 0.

    There the mean of x outweighs its covariance with y, and points the other way: a unit that fires thanks
    to its bias, with wᵀE₊[x] < 0.
    """
    assert patterns.weights is not None
    assert patterns.moments is not None
    numerators = {name: m.cross.get("positive") for name, m in patterns.moments.items()}
    found = [units_dot(patterns.weights[name], a) for name, a in numerators.items() if a is not None]
    return round(float(np.mean(np.concatenate(found) < 0)), 4)


def norm(w: np.ndarray) -> np.ndarray:
    """(k,): the length of the row of every unit."""
    return np.sqrt(np.square(w.reshape(len(w), -1)).sum(axis=1))


def measure(network: Network, fit_images: int, test_images: int, folder: Path) -> dict[str, Any]:
    """The curves of all attributions on the same images.

    Of images of 32×32 all patches of 3×3 are replaced, of larger ones 100 of 9×9 as in the paper.
    """
    patterns = network.patterns(fit_images, folder)
    x = np.concatenate([make() for make in network.batches(network.test[:test_images])])
    patch, steps = (3, None) if x.shape[2] == 32 else (9, 100)
    curves = {}
    for name, attribution in attributions(network, patterns).items():
        parts = np.array_split(x, -(-len(x) // network.batch))
        maps = np.concatenate([np.asarray(attribution(part)) for part in parts]) if attribution else None
        curves[name] = degrade(network.model, x, maps, patch=patch, steps=steps, batch_size=network.batch)
    random = curves["random"]
    early = min(round(SHARE * random.patches), random.steps[-1])
    return {
        "title": network.title,
        "images": len(x),
        "fit_images": fit_images,
        "patch": patch,
        "patches": random.patches,
        "early": int(early),
        "reversed": reversed_units(patterns),
        "stretch": {kind: stretch(network, patterns, kind) for kind in KINDS},
        "curves": {name: _summary(curve, curves, early) for name, curve in curves.items()},
    }


def _summary(curve: Degradation, curves: dict[str, Degradation], early: int) -> dict[str, Any]:
    """The mean curve with its interval; the areas, and their paired differences from other curves."""
    found: dict[str, Any] = {"curve": _triples(curve.scores)}
    for key, last in {"early": early, "area": curve.steps[-1]}.items():
        area = _area(curve, last)
        found[key] = _triples(area)
        found[f"{key} differences"] = {
            name: _triples(area - _area(other, last)) for name, other in curves.items() if other is not curve
        }
    return found


def _area(curve: Degradation, last: int) -> np.ndarray:
    """(n,): the mean height of the curve up to a step."""
    return replace(curve, steps=curve.steps[: last + 1], scores=curve.scores[:, : last + 1]).area


def _triples(values: np.ndarray) -> Any:
    """Mean, low and high over the images, as JSON has them."""
    return np.round(np.stack(mean_interval(values)), 4).tolist()


def draw(results: dict[str, Any]) -> Picture:
    """A panel for each network and kind of images."""
    rows = -(-len(results) // 2)
    with rc_context({**style.RC, "text.parse_math": False}):
        picture = Picture((12.8, 0.8 + 3.7 * rows), 150, layout="constrained")
        panels = picture.subplots(rows, 2, sharey=True, squeeze=False)
        for axes, result in zip(panels.flat, results.values(), strict=False):
            for name, found in result["curves"].items():
                mean, low, high = found["curve"]
                steps = np.arange(len(mean))
                line = {**style.line(name), "marker": None}
                axes.fill_between(steps, low, high, color=line["color"], alpha=0.09, linewidth=0)
                axes.plot(steps, mean, linewidth=2, **line)
            axes.axvline(result["early"], color=style.FAINT, linewidth=0.8, linestyle="--")
            side = f"{result['patch']}×{result['patch']}"
            axes.set(xmargin=0, ylim=(0, 1.02), xlabel=f"{side} patches replaced, of {result['patches']}")
            axes.set_title(f"{result['title']} ({result['images']} images)", loc="left", size=12)
        for axes in panels[:, 0]:
            axes.set_ylabel("probability of the class")
        for axes in panels.flat[len(results) :]:
            axes.set_axis_off()
        style.legend(picture, panels[0][0])
        style.title(
            picture, "Replacing patches in the order of an attribution, by the signal estimator behind it"
        )
    return picture


def tables(results: dict[str, Any]) -> list[str]:
    """For every network, the areas and their paired differences from BASELINES; then the patterns' reach."""
    rows = [
        [
            result["title"],
            f"{100 * result['reversed']:.0f} %",
            *(" / ".join(f"{value:.1f}" for value in result["stretch"][kind]) for kind in KINDS),
        ]
        for result in results.values()
    ]
    stretch = (f"‖w‖·‖a‖ of {style.LABELS[OF_KIND[kind]]}: median / 90 % / largest" for kind in KINDS)
    heading = ["", "units with wᵀ(E₊[xy] − E₊[x]E[y]) < 0", *stretch]
    return [*(_areas(result) for result in results.values()), style.markdown(heading, rows)]


def _areas(result: dict[str, Any]) -> str:
    spans = {"early": f"first {result['early']} of {result['patches']}"}
    last = len(result["curves"]["random"]["curve"][0]) - 1
    if last != result["early"]:
        spans["area"] = f"{last} of {result['patches']}"
    heading = [f"{result['title']}, {result['images']} images"]
    for text in spans.values():
        heading += [f"area, {text}", *(f"less that of {style.LABELS[name]}" for name in BASELINES)]
    rows = []
    for name, found in result["curves"].items():
        row = [style.LABELS[name]]
        for key in spans:
            differences = found[f"{key} differences"]
            row += [
                interval(found[key]),
                *(interval(differences[b], "+.3f") if b != name else "" for b in BASELINES),
            ]
        rows.append(row)
    return style.markdown(heading, rows)
