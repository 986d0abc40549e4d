"""One model for all: threads, forked and spawned processes and a cluster get the bits that one caller gets.

MINIXAI_ROUNDS=200 makes the stress run of it; by default a few rounds.
"""

from __future__ import annotations

import inspect
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import minixai as mx
from minixai import nn, ops
from minixai.methods import METHODS

ROUNDS = int(os.environ.get("MINIXAI_ROUNDS", 2))
X = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
SETTINGS = {"progress": False, "n_masks": 6, "steps": 3, "n_samples": 3}


class Net(nn.Module):
    """Dropout and an operation as an attribute; in train mode as built."""

    def __init__(self) -> None:
        self.conv, self.drop = nn.Conv2d(3, 6, 3, padding=1, rng=0), nn.Dropout(0.5, rng=1)
        self.act, self.pool, self.dense = ops.relu, nn.MaxPool2d(2), nn.Linear(96, 4, rng=2)

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.dense(self.drop(ops.flatten(self.pool(self.act(self.conv(x))))))


class Normed(nn.Module):
    """Batch normalisation, which training would change."""

    def __init__(self) -> None:
        self.norm, self.net = nn.BatchNorm2d(3), Net()

    def forward(self, x: mx.Tensor) -> mx.Tensor:
        return self.net(self.norm(x))


NET, NORMED = Net(), Normed()
PATTERNS = mx.signal.fit_patterns(NET, [X], progress=False)
RELEVANCE = {"lrp", "deep_taylor", "pattern_net", "pattern_attribution"}  # know no batch norm before a layer


def explained(name: str, net: nn.Module) -> np.ndarray:
    function = METHODS[name].function
    known = inspect.signature(function).parameters
    given = {key: value for key, value in {**SETTINGS, "patterns": PATTERNS}.items() if key in known}
    return function(net, X, **given).map


def questions(nets: tuple[nn.Module, nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    of_any = METHODS.keys() - {"cam"}  # which takes neither network
    yield from ((name, nets[0]) for name in sorted(of_any))
    yield from ((name, nets[1]) for name in sorted(of_any - RELEVANCE))


def all_maps(nets: tuple[nn.Module, nn.Module] = (NET, NORMED)) -> list[bytes]:
    found = [explained(name, net).tobytes() for name, net in questions(nets)]
    return [*found, nets[0].predict(X).tobytes(), nets[1].predict(X).tobytes()]


def trained_alike(net: nn.Module) -> bytes:
    """The gradient of a loss, for every parameter."""
    loss = ops.cross_entropy(
        net.dense(ops.flatten(net.pool(net.act(net.conv(mx.Tensor(X)))))), np.array([0, 3])
    )
    g = mx.backward(loss)
    return b"".join(g[p].tobytes() for p in (net.dense.weight, net.dense.bias))


@pytest.fixture(scope="module")
def alone() -> list[bytes]:
    return all_maps()


def test_threads_that_share_a_model_in_train_mode(alone: list[bytes]) -> None:
    before = {key: a.copy() for key, a in NORMED.state_dict().items()}
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: all_maps(), range(8 * ROUNDS)):
            assert found == alone
    assert (NET.training, NORMED.norm.training) == (True, True)
    for key, a in NORMED.state_dict().items():
        np.testing.assert_array_equal(a, before[key])


def rounds_alike(nets: Any, alone: list[bytes], gradient: bytes) -> bool:
    return all(all_maps(nets) == alone for _ in range(ROUNDS)) and trained_alike(nets[0]) == gradient


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_that_are_sent_the_model(start: str, alone: list[bytes]) -> None:
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"platform: no {start} here")
    given = (NET, NORMED), alone, trained_alike(NET)
    with multiprocessing.get_context(start).Pool(4) as workers:
        assert workers.starmap(rounds_alike, [given] * 4) == [True] * 4


@pytest.mark.slow
def test_a_cluster_is_sent_tables_models_and_operations(alone: list[bytes]) -> None:
    from distributed import Client, LocalCluster

    table = mx.rules.composite(first=mx.rules.w_square(), conv=mx.rules.gamma(0.5))
    here = mx.methods.lrp(NET, X, rules=table).map
    settings = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": ":0"}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        there = client.submit(lambda net, x, rules: mx.methods.lrp(net, x, rules=rules).map, NET, X, table)
        np.testing.assert_array_equal(there.result(), here)
        assert client.submit(lambda op: op is mx.ops.relu, mx.ops.relu).result()
