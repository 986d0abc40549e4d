"""How good an explanation is."""

from minixai.evaluate.criterion import Quality, quality
from minixai.evaluate.degradation import Degradation, DegradationComparison, degrade, insertion_deletion

__all__ = ["Degradation", "DegradationComparison", "Quality", "degrade", "insertion_deletion", "quality"]
