"""Signal and distractor: which part of the input does an output speak of?"""

from minixai.signal.erasing import Eraser, eraser, remove
from minixai.signal.estimators import (
    FilterEstimator,
    IdentityEstimator,
    LinearEstimator,
    RandomEstimator,
    SignalEstimator,
    TwoComponentEstimator,
    ridge,
)
from minixai.signal.fitting import PatternWarning, fit_patterns
from minixai.signal.local import local_pattern
from minixai.signal.patterns import LayerPatterns, Patterns, pattern_of

__all__ = [
    "Eraser",
    "FilterEstimator",
    "IdentityEstimator",
    "LayerPatterns",
    "LinearEstimator",
    "PatternWarning",
    "Patterns",
    "RandomEstimator",
    "SignalEstimator",
    "TwoComponentEstimator",
    "eraser",
    "fit_patterns",
    "local_pattern",
    "pattern_of",
    "remove",
    "ridge",
]
