"""Joint patterns beside those of each unit on its own, as what the units read is correlated."""

from __future__ import annotations

import numpy as np
from matplotlib import rc_context

from minixai.nn import Linear, Sequential
from minixai.plot import Picture, style
from minixai.signal import fit_patterns

CORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)
SEEDS = range(4)
SAMPLES, FEATURES, LATENTS, NOISE = 20_000, 8, 3, 0.5
KINDS = {"joint": "joint, $A$", "linear": "unit by unit, $a$", "filter": "filter, $w$"}
COLOURS = {"joint": style.GREEN, "linear": style.PATTERN, "filter": style.FILTER}


def cosines(correlation: float, seed: int) -> dict[str, np.ndarray]:
    """{kind: (3,)}: of the patterns, and of the filters, to the directions that three latents have in x.

    x = s A + ½·noise, the latents s correlated, the filters fitted to them by least squares.
    """
    rng = np.random.default_rng(seed)
    covariance = np.full((LATENTS, LATENTS), correlation) + (1 - correlation) * np.eye(LATENTS)
    s = rng.multivariate_normal(np.zeros(LATENTS), covariance, SAMPLES)
    truth = rng.normal(size=(LATENTS, FEATURES))
    x = s @ truth + NOISE * rng.normal(size=(SAMPLES, FEATURES))
    w = np.linalg.lstsq(x - x.mean(axis=0), s - s.mean(axis=0))[0].T
    model = Sequential(Linear(FEATURES, LATENTS, bias=False))
    model.load_state_dict({"0.weight": w})
    patterns = fit_patterns(model, [x], ("linear", "joint"), progress=False)["0"]
    return {
        kind: (a * truth).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(truth, axis=1)
        for kind, a in (("filter", w), *patterns.by_kind.items())
    }


def joint() -> Picture:
    """The cosines against the correlation: a line through the mean, a band from the least to the most."""
    found = [[cosines(correlation, seed) for seed in SEEDS] for correlation in CORRELATIONS]
    with rc_context(style.RC):
        picture = Picture((9.6, 5.4), 100, layout="constrained")
        axes = picture.add_subplot()
        for kind, label in KINDS.items():
            values = np.array([[of_seed[kind] for of_seed in row] for row in found]).reshape(len(found), -1)
            axes.fill_between(
                CORRELATIONS, values.min(1), values.max(1), color=COLOURS[kind], alpha=0.15, linewidth=0
            )
            axes.plot(CORRELATIONS, values.mean(1), "o-", color=COLOURS[kind], linewidth=3, label=label)
        axes.axhline(1, color=style.FAINT, linewidth=1, zorder=0)
        axes.set(xlabel="correlation of the three latents", ylabel="cosine to the true directions")
        axes.set_ylim(0, 1.04)
        axes.legend(frameon=False, loc="lower left")
        picture.suptitle(
            "Where outputs are correlated, patterns of single units err; joint ones hardly",
            size=style.HEADING_SIZE,
            weight="bold",
            x=0.01,
            ha="left",
        )
    return picture
