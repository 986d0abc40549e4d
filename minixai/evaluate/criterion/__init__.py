"""The quality criterion ρ(S): how much of a unit's output can still be read from what S calls distractor?

An estimator S leaves the distractor d̂ = x − S(x) of a unit y = wᵀx + b. All estimators here have the form
S(x) = a₊·s₊ + a₋·s₋, where s = wᵀx, s₊ = s where y > 0 and else 0, s₋ = s − s₊; and all but the two-component
ones have a₊ = a₋. So d̂ is linear in z = (x, s₊, s₋), and the covariance of z is all that a least-squares
fit of s from d̂ needs: one matrix for all units and estimators of a layer.

The sign is that of y, as when the patterns are fitted. The factor is s, as in the paper, and not y: with a
bias in it, S_a± would leave cov[d̂, y] = −b·π₊·(E₊[y] − E[y])·(a₊ − a₋) on the samples it was fitted to.
"""

from minixai.evaluate.criterion.cohorts import ESTIMATORS
from minixai.evaluate.criterion.measuring import quality
from minixai.evaluate.criterion.result import Quality

__all__ = ["ESTIMATORS", "Quality", "quality"]
