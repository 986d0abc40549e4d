"""Patterns fitted by the workers of a cluster."""

from __future__ import annotations

import functools
import os
import signal
import time

import numpy as np
import pytest

from minixai.signal import fit_patterns
from minixai.signal.patterns import KINDS
from tests.fits import assert_same, far_from_zero, network

distributed = pytest.importorskip("distributed", reason="the extra `distributed` is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # those of dask and tornado are not ours
]
BATCHES = [np.random.default_rng(seed).random((4, 2, 8, 8)) for seed in range(13)]


def slowly(batch: np.ndarray) -> np.ndarray:
    """A batch that takes a while to load."""
    time.sleep(0.2)
    return batch


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_gives_what_one_process_gives(client) -> None:
    alone = fit_patterns(network(), BATCHES, progress=False)
    assert_same(fit_patterns(network(), BATCHES, progress=False, client=client), alone, 1e-9)
    one = fit_patterns(network(), BATCHES[:1], progress=False)
    assert_same(fit_patterns(network(), iter(BATCHES[:1]), progress=False, client=client), one)


def test_far_from_zero_a_cluster_is_exact(client) -> None:
    net, x = far_from_zero()
    together = fit_patterns(net, np.split(x, 8), KINDS, progress=False, client=client)
    assert_same(together, fit_patterns(net, [x], KINDS, progress=False), 1e-6)


def test_a_worker_may_die_on_the_way(client) -> None:
    loaders = [functools.partial(slowly, batch) for batch in BATCHES]
    killed = []

    def batches():
        for number, load in enumerate(loaders):
            if number == 7:  # those before it are at work or merged
                time.sleep(0.3)
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], getattr(signal, "SIGKILL", signal.SIGTERM))
            yield load

    alone = fit_patterns(network(), BATCHES, progress=False)
    assert_same(fit_patterns(network(), batches(), progress=False, client=client), alone, 1e-9)
    client.wait_for_workers(2, timeout=30)  # the dead one is replaced
    assert killed[0] not in client.run(os.getpid).values()


def test_an_error_on_a_worker_is_raised_here(client) -> None:
    wrong = [*BATCHES[:2], np.full((1, 2, 8, 8), np.nan)]
    with pytest.raises(ValueError, match="x of batches holds NaN or inf"):
        fit_patterns(network(), wrong, progress=False, client=client)
