"""The checks of lessons and coursework: each takes an answer, and says what is wrong with it.

A check is a function of the student's answer, most often a function itself. It raises CheckError at the
first thing that is wrong; `tell` prints that, or that all is right. They go from the shape over a tiny
case by hand to random input against plain loops, and to a property that must hold.
"""

from minixai.checks.report import CheckError, compare, tell

__all__ = ["CheckError", "compare", "tell"]
