"""Training by mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minixai import ops
from minixai.arrays import as_array
from minixai.context import apart
from minixai.errors import ShapeError
from minixai.nn.module import Module, Parameter
from minixai.nn.optimisers import SGD, Adam
from minixai.progress import progress_bar
from minixai.tape import Tensor, backward
from minixai.typing import Array

__all__ = ["Epoch", "fit"]


class Epoch(NamedTuple):
    """What one pass over the images gave: mean loss while training, and on the validation images."""

    loss: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


def fit(
    model: Module,
    x: Any,
    y: Any,
    epochs: int = 1,
    batch_size: int = 64,
    optimiser: SGD | Adam | None = None,
    loss: Callable[..., Tensor] = ops.cross_entropy,
    validation: tuple[Any, Any] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[Epoch]:
    """Train a model on shuffled mini-batches and return what each epoch gave.

    x: (n, …) inputs. y: (n,) integer labels for `cross_entropy`, or what else `loss(output, y)` takes; floats
    are cast to the model's dtype.
    optimiser: None means Adam with lr 1e-3. validation: (x, y) to report on after each epoch; the
    accuracy is there for integer labels. seed: of the shuffling.
    Whatever its mode, the model trains as in train mode and is validated as in eval mode; its mode stays.
    Raises FloatingPointError as soon as the loss is not finite, ValueError where there is nothing to train.
    """
    x, y = model.check_input("fit", x), _targets(model, y)
    if len(x) != len(y):
        raise ShapeError(f"fit: {len(x)} inputs and {len(y)} targets, expected as many")
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"fit: epochs {epochs}, batch_size {batch_size}, expected at least 1")
    if not model.parameters():
        raise ValueError("fit: the model has no parameters, expected some to train")
    optimiser = Adam(model.parameters()) if optimiser is None else optimiser
    rng = np.random.default_rng(seed)
    history = []

    def step(batch: np.ndarray, epoch: int) -> float:
        value, gradients = apart(
            lambda: _gradients(model, x[batch], y[batch], loss, optimiser.parameters),
            training=True,
            recording=True,
        )
        if not np.isfinite(value):
            raise FloatingPointError(
                f"fit: the loss is {value} in epoch {epoch}; a smaller learning rate may help"
            )
        optimiser.step(gradients)
        return value

    for number in range(1, epochs + 1):
        order = rng.permutation(len(x))
        batches = [order[i : i + batch_size] for i in range(0, len(x), batch_size)]
        total = 0.0
        with progress_bar(progress, batches, f"epoch {number}/{epochs}", leave=False) as bar:
            for batch in bar:
                value = step(batch, number)
                total += value * len(batch)
                bar.set_postfix(loss=f"{value:.3f}", refresh=False)
        history.append(Epoch(total / len(x), *(_validate(model, *validation, loss) if validation else ())))
    return history


def _gradients(
    model: Module, x: Array, y: Any, loss: Callable[..., Tensor], parameters: list[Parameter]
) -> tuple[float, dict[Tensor, Array]]:
    """The loss and its gradients. The tape ends here: it would keep the weights of before the step."""
    value = loss(model(Tensor(x)), y)
    return float(value.value), backward(value, wrt=parameters)


def _targets(model: Module, y: Any) -> np.ndarray[Any, Any]:
    """Labels as they are; floats in the model's dtype."""
    y = as_array("fit", "y", y)
    return y.astype(model.dtype, copy=False) if y.dtype.kind == "f" else y


def _validate(model: Module, x: Any, y: Any, loss: Callable[..., Tensor]) -> tuple[float, float | None]:
    output, y = model.predict(x), _targets(model, y)
    accuracy = float((output.argmax(axis=1) == y).mean()) if y.dtype.kind in "iu" else None
    return float(loss(Tensor(output), y).value), accuracy
