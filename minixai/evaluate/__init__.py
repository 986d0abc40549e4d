"""How good an explanation is."""

from minixai.evaluate.degradation import Degradation, DegradationComparison, degrade, insertion_deletion

__all__ = ["Degradation", "DegradationComparison", "degrade", "insertion_deletion"]
