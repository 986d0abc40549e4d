"""Which modules of minixai can be imported with an extra only."""

from __future__ import annotations

NEED_NBGRADER = ("minixai.course.container", "minixai.course.inside")
