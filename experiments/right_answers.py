"""The default bench, and what each estimator earns where."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from experiments import style
from minixai.bootstrap import mean_interval
from minixai.columns import interval
from minixai.evaluate import Bench
from minixai.evaluate.problems import NETWORKS, PROBLEMS

__all__ = ["tables"]

SHOWN = (
    "PatternAttribution S_w",
    "PatternAttribution S_a",
    "PatternAttribution S_a±",
    "PatternAttribution S_a± centred",
    "PatternNet S_a",
    "PatternNet S_a±",
    "PatternNet S_a± centred",
    "integrated gradients",
    "gradient",
    "|x|",
)


MARKS = {"roc_auc": "ROC AUC", "false_alarms": "false alarms"}
PAIRS = (
    ("PatternAttribution S_a", "PatternAttribution S_a±"),
    ("PatternAttribution S_a± centred", "PatternAttribution S_a±"),
    ("PatternAttribution S_a", "PatternAttribution S_a± centred"),
    ("PatternAttribution S_a", "SmoothGrad"),
    ("PatternAttribution S_a", "PatternNet S_a"),
)
PLANTED = ("two_features", "distractor")  # where a suppressor was planted that linear models need


def tables(b: Bench) -> list[str]:
    """All marks; ROC AUC over some problems and by network; paired differences; two marks by problem."""
    return [
        b.markdown(),
        _over_some(b),
        _differences(b),
        *(_by_problem(b, mark, title) for mark, title in MARKS.items()),
    ]


def _over_some(b: Bench) -> str:
    """The mean ROC AUC where problems are left out, and of each kind of network."""
    left_out = {
        "all problems": (),
        "without two features": PLANTED[:1],
        "without 8×8 distractor either": PLANTED,
    }
    rows = []
    for row in b.sorted_rows:
        auc = {problem: b.values(row, "roc_auc", problem) for problem in b.problems}
        auc = {problem: values for problem, values in auc.items() if len(values)}  # of networks that it takes
        kept = [[auc[problem] for problem in auc if problem not in some] for some in left_out.values()]
        found = [mean_interval(np.mean(values, axis=0)) if values else (np.nan,) * 3 for values in kept]
        found += [b.mean(row, "roc_auc", network=network) for network in NETWORKS]
        rows.append([row.replace("|", r"\|"), *map(_words, found)])
    return style.markdown(["ROC AUC", *left_out, *NETWORKS], rows)


def _words(triple: Iterable[float]) -> str:
    mean, *ends = map(float, triple)
    return "–" if np.isnan(mean) else interval((mean, *ends), ".2f")


def _differences(b: Bench) -> str:
    """Of the mean ROC AUC, paired by training."""
    rows = []
    for one, other in PAIRS:
        difference = b.values(one, "roc_auc") - b.values(other, "roc_auc")
        rows.append([f"{one} less {other}", interval(map(float, mean_interval(difference)), "+.3f")])
    for row in ("PatternNet S_a", "PatternAttribution S_a", "gradient"):
        difference = b.values(row, "roc_auc") - b.values(row, "roc_auc", state="untrained")
        rows.append(
            [f"{row}, trained less untrained", interval(map(float, mean_interval(difference)), "+.3f")]
        )
    return style.markdown(["ROC AUC", "difference"], rows)


def _by_problem(b: Bench, mark: str, title: str) -> str:
    rows = []
    for problem in b.problems:
        found = [b.mean(row, mark, problem) for row in SHOWN]
        if found[0][0] == found[0][0]:  # no NaN: the problem has suppressors
            rows.append([PROBLEMS[problem].title, *(interval(each, ".2f") for each in found)])
    return style.markdown([title, *(row.replace("|", r"\|") for row in SHOWN)], rows)
