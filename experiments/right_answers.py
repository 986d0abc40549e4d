"""The default bench, and what each estimator earns where."""

from __future__ import annotations

from experiments import style
from minixai.columns import interval
from minixai.evaluate import Bench
from minixai.evaluate.problems import PROBLEMS

__all__ = ["tables"]

SHOWN = (
    "PatternAttribution S_w",
    "PatternAttribution S_a",
    "PatternAttribution S_a±",
    "PatternAttribution S_a± centred",
    "PatternNet S_a",
    "PatternNet S_a± centred",
    "integrated gradients",
    "gradient",
    "|x|",
)


def tables(b: Bench) -> list[str]:
    """All marks over all problems; ROC AUC by problem, of some; false alarms by problem, of the same."""
    return [b.markdown(), *(_by_problem(b, mark, title) for mark, title in MARKS.items())]


MARKS = {"roc_auc": "ROC AUC", "false_alarms": "false alarms"}


def _by_problem(b: Bench, mark: str, title: str) -> str:
    rows = []
    for problem in b.problems:
        found = [b.mean(row, mark, problem) for row in SHOWN]
        if found[0][0] == found[0][0]:  # no NaN: the problem has suppressors
            rows.append([PROBLEMS[problem].title, *(interval(each, ".2f") for each in found)])
    return style.markdown([title, *(row.replace("|", r"\|") for row in SHOWN)], rows)
