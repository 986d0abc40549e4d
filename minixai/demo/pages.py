"""The distractor demo as one web page: Python computes its numbers over a grid, the page only draws them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from minixai.data.signal_distractor import A_D_LENGTH, toy
from minixai.demo.numbers import Params, angle_to, extent_of, fit_filter, note_of, sample_of, standard_error
from minixai.evaluate import quality
from minixai.files import write_whole
from minixai.nn import Linear, Sequential
from minixai.plot.distractor import LABEL_GAP
from minixai.plot.page import output_colours, render
from minixai.signal import fit_patterns, ridge

__all__ = ["GRID", "save_page", "table_of"]

GRID = {  # by parameter, the values of its slider; λ/N turns the filter as noise² does, hence the squares
    "angle": [float(angle) for angle in range(-180, 181, 15)],
    "sigma": [0.0, 0.5, 1.0, 1.5, 2.0],
    "noise": [0.0, 0.25, 0.5, 0.75, 1.0],
    "l2_per_point": [0.0, 0.0625, 0.25, 0.5625, 1.0],
}
COLUMNS = {  # of the table, with the digits after the point that the page shows
    "w_1": 2, "w_2": 2, "a_1": 2, "a_2": 2,
    "angle_w": 1, "angle_a": 1, "angle_plus": 1, "angle_minus": 1,
    "rho_S_w": 2, "rho_S_a": 2, "rho_S_pm": 2,
    "extent": 2, "note": 0,
}  # fmt: skip
POINTS = 300  # drawn at most


def save_page(path: str | Path, params: Params | None = None) -> None:
    """Write the demo as one web page with sliders, which needs no server and no network.

    The sliders run over `GRID` and the parameters' own values, where they start; μ, the number of points
    and the seed are fixed.

    Raises:
        ValueError: the suffix is not .html, or a parameter is out of its range.
        OSError: the file cannot be written.
    """
    from minixai.plot.picture import checked_suffix

    path = checked_suffix("save_page", path, [".html"])
    params = params or Params()
    sample = sample_of(params)
    error_a = standard_error(sample, params, fit_filter(sample, params.l2_per_point).pattern)
    page = render(table_of(params), points=str(params.points), error_a=f"{error_a:.1f}°")
    write_whole("save_page", path, page.encode())


def table_of(params: Params) -> dict[str, Any]:
    """What the page draws, ready for JSON.

    grid: {parameter: values of its slider}; start: where the sliders stand at first. columns and rows: the
    numbers at each combination of the values, those of the last slider running fastest; ρ is None where it
    is undefined, and note counts into notes. points: the y, ε and η of those drawn, and the colours of y.
    a_s, a_d_length, made (the parameters without a slider), label_gap: what else the drawing needs.
    """
    start = {name: float(getattr(params, name)) for name in GRID}
    grid = {name: sorted({*values, start[name]}) for name, values in GRID.items()}
    notes, rows = [""], []
    for angle, sigma, noise in itertools.product(grid["angle"], grid["sigma"], grid["noise"]):
        at = replace(params, angle=angle, sigma=sigma, noise=noise)
        note = note_of(at)
        if note not in notes:
            notes.append(note)
        for fitted in _fits(at, grid["l2_per_point"]):
            numbers = [*fitted, extent_of(at), notes.index(note)]
            rows.append([_rounded(*each) for each in zip(numbers, COLUMNS.values(), strict=True)])
    return {
        "grid": grid,
        "start": start,
        "columns": list(COLUMNS),
        "rows": rows,
        "notes": notes,
        "points": _points(params),
        "a_s": sample_of(params).a_s.tolist(),
        "a_d_length": float(A_D_LENGTH),
        "made": {"mu": float(params.mu), "points": params.points, "seed": params.seed},
        "label_gap": LABEL_GAP,
    }


def _fits(params: Params, l2_per_point: list[float]) -> np.ndarray:
    """(penalties, numbers): those of the columns up to ρ. The filters are units of one layer."""
    sample, for_v, test = (sample_of(replace(params, seed=params.seed + k)) for k in range(3))
    fits = [ridge(sample.x, sample.y, l2=params.points * each) for each in l2_per_point]
    w, b = np.array([w for w, _ in fits]), np.array([b for _, b in fits])
    model = Sequential(Linear(2, len(w)))
    model.load_state_dict({"0.weight": w, "0.bias": b})
    patterns = fit_patterns(model, [sample.x], {"0": ("linear", "positive", "negative")}, progress=False)
    measured = quality(
        model,
        [for_v.x],
        [test.x],
        ("filter", "linear", "two_component"),
        patterns=patterns,
        units=None,
        draws=1,
        progress=False,
    )
    directions = [w, *patterns["0"].by_kind.values()]
    angles = [[angle_to(v, sample.a_s) for v in of_all] for of_all in directions]
    return np.vstack([w.T, directions[1].T, angles, measured.rho["0"][0]]).T


def _rounded(value: float, digits: int) -> float | None:
    return None if np.isnan(value) else round(float(value), digits) + 0.0  # no minus zero


def _points(params: Params) -> dict[str, Any]:
    """The y, ε and η of points that `toy` draws, so that the page can put them together again."""
    n = min(params.points, POINTS)
    y = toy(n, seed=params.seed).y
    epsilon = toy(n, angle=90, seed=params.seed).x[:, 1] / A_D_LENGTH
    eta = toy(n, angle=90, sigma=0, noise=1, seed=params.seed)
    numbers = {"y": y, "epsilon": epsilon, "eta": eta.x - np.outer(y, eta.a_s)}
    points: dict[str, Any] = {name: (array.round(3) + 0.0).tolist() for name, array in numbers.items()}
    return points | {"colour": output_colours(y)}
