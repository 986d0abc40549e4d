"""Signal and distractor: which part of the input does an output speak of?"""

from minixai.signal.estimators import (
    FilterEstimator,
    IdentityEstimator,
    LinearEstimator,
    SignalEstimator,
    ridge,
)

__all__ = ["FilterEstimator", "IdentityEstimator", "LinearEstimator", "SignalEstimator", "ridge"]
