"""How good an explanation is: degradation, the quality criterion ρ, invariance and occlusion studies."""

from minixai.evaluate.criterion import Quality, quality
from minixai.evaluate.degradation import (
    Degradation,
    DegradationComparison,
    compare_degradation,
    degrade,
    insertion_deletion,
)
from minixai.evaluate.invariance import InvarianceCurves, correspondence, invariance_curves
from minixai.evaluate.right_answers import Bench, bench
from minixai.evaluate.sensitivity import OcclusionSensitivity, occlusion_sensitivity

__all__ = [
    "Bench",
    "Degradation",
    "DegradationComparison",
    "InvarianceCurves",
    "OcclusionSensitivity",
    "Quality",
    "bench",
    "compare_degradation",
    "correspondence",
    "degrade",
    "insertion_deletion",
    "invariance_curves",
    "occlusion_sensitivity",
    "quality",
]
