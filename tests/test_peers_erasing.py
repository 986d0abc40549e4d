"""The eraser beside concept-erasure's LEACE."""

from __future__ import annotations

import numpy as np
import pytest

from minixai.signal import eraser
from tests.peers.compare import assert_close

torch = pytest.importorskip("torch", reason="torch is not installed (pip install -e '.[peers]')")
theirs = pytest.importorskip("concept_erasure", reason="concept-erasure is not installed")

pytestmark = pytest.mark.peers
EXACT = {"shrinkage": False, "svd_tol": 1e-12, "dtype": torch.float64}


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("trace", [True, False])
def test_it_erases_as_leace_does(k: int, trace: bool) -> None:
    """Theirs also keeps the trace of the covariance from growing; here it shrinks."""
    rng = np.random.default_rng(k)
    t = (rng.normal(size=(500, k)) > 0).astype(float)
    x = rng.normal(size=(500, 12)) @ (np.eye(12) + 0.1 * rng.normal(size=(12, 12))) + t @ rng.normal(
        size=(k, 12)
    )
    fitter = theirs.LeaceFitter(12, k, constrain_cov_trace=trace, **EXACT)
    ours = eraser(x[:200], t[:200]).update(x[200:400], t[200:400])
    for part in (slice(0, 200), slice(200, 400)):
        fitter.update(torch.from_numpy(x[part]), torch.from_numpy(t[part]))
    erased = fitter.eraser(torch.from_numpy(x)).numpy()  # of held-out samples too
    assert_close(ours(x), erased, 1e-11)
