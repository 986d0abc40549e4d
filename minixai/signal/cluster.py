"""Fitting patterns on a cluster of `dask.distributed`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minixai.nn import Module
from minixai.signal.layers import Batch, LinearLayer, add_batch, images_of
from minixai.signal.moments import Moments

__all__ = ["fit_on_cluster"]

IN_FLIGHT = 4  # tasks for each worker: enough to keep it busy, few enough to bound the memory


def fit_on_cluster(
    client: Any, model: Module, batches: Iterable[Batch], layers: Mapping[str, LinearLayer]
) -> dict[str, Moments]:
    """The moments of all batches: each batch is a task, and their results are merged in pairs.

    The scheduler keeps the batches until the end, to hand them to another worker should one die: give
    functions that load a batch rather than the images.
    """
    from distributed import wait

    # With a key of its own: that of a fit before, of the same model, may be on its way out.
    shared = client.scatter((model, dict(layers)), broadcast=True, hash=False)
    waiting: list[Any] = []  # one result, or none, for 1, 2, 4, … batches, like the digits of their number
    running: set[Any] = set()
    for batch in batches:
        result = client.submit(_moments_of_batch, shared, batch, pure=False)
        running.add(result)
        level = 0
        while level < len(waiting) and waiting[level] is not None:
            result = client.submit(_merge, waiting[level], result, pure=False)
            running.add(result)
            waiting[level] = None
            level += 1
        waiting[level : level + 1] = [result]
        if len(running) >= IN_FLIGHT * max(1, len(client.scheduler_info()["workers"])):
            running = set(wait(running, return_when="FIRST_COMPLETED").not_done)
    total, *others = (result for result in waiting if result is not None)
    for other in others:
        total = client.submit(_merge, total, other, pure=False)
    moments: dict[str, Moments] = total.result()
    return moments


def _moments_of_batch(shared: tuple[Any, Mapping[str, LinearLayer]], batch: Batch) -> dict[str, Moments]:
    model, layers = shared
    return add_batch({}, model, images_of("fit_patterns", model, batch), layers)


def _merge(a: dict[str, Moments], b: dict[str, Moments]) -> dict[str, Moments]:
    return {name: a[name].merge(b[name]) for name in a}
