"""The distractor demo: why a filter's weights do not show the signal that it reads.

`compute` makes all numbers from the parameters, `draw` draws them on any figure; `save`, `window`, `notebook`
and `save_page` are thin fronts. `concept_picture` and `concept_page` show the same lesson of a concept in a
layer.
"""

from minixai.demo.command import add_arguments, run
from minixai.demo.concepts import concept_page, concept_picture
from minixai.demo.drawing import draw, picture, save
from minixai.demo.notebooks import notebook
from minixai.demo.numbers import Params, compute
from minixai.demo.pages import save_page
from minixai.demo.play import add_play_arguments, play_page, run_play
from minixai.demo.windows import Window, window

__all__ = [
    "Params",
    "Window",
    "add_arguments",
    "add_play_arguments",
    "compute",
    "concept_page",
    "concept_picture",
    "draw",
    "notebook",
    "picture",
    "play_page",
    "run",
    "run_play",
    "save",
    "save_page",
    "window",
]
