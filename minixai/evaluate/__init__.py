"""How good an explanation is: degradation, the quality criterion ρ, invariance and occlusion studies."""

from minixai.evaluate.criterion import Quality, quality
from minixai.evaluate.degradation import (
    Degradation,
    DegradationComparison,
    compare_degradation,
    degrade,
    insertion_deletion,
)
from minixai.evaluate.faithfulness import infidelity, max_sensitivity, sparseness
from minixai.evaluate.invariance import InvarianceCurves, correspondence, invariance_curves
from minixai.evaluate.randomisation import Randomisation, randomise, untrained
from minixai.evaluate.right_answers import Bench, bench
from minixai.evaluate.sensitivity import OcclusionSensitivity, occlusion_sensitivity
from minixai.evaluate.way_back import Convergence, convergence

__all__ = [
    "Bench",
    "Convergence",
    "Degradation",
    "DegradationComparison",
    "InvarianceCurves",
    "OcclusionSensitivity",
    "Quality",
    "Randomisation",
    "bench",
    "compare_degradation",
    "convergence",
    "correspondence",
    "degrade",
    "infidelity",
    "insertion_deletion",
    "invariance_curves",
    "max_sensitivity",
    "occlusion_sensitivity",
    "quality",
    "randomise",
    "sparseness",
    "untrained",
]
