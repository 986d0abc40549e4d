"""Pictures drawn from arrays. matplotlib is imported with the first picture, not with this package."""

import importlib
from typing import Any

_HOME = {
    "Picture": "minixai.plot.picture",
    "draw_feature_maps": "minixai.plot.activations",
    "draw_filters": "minixai.plot.activations",
    "draw_tape": "minixai.plot.tape",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
