"""Training by mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minixai import ops
from minixai.arrays import as_array
from minixai.context import apart
from minixai.errors import ShapeError, came, speaking_as
from minixai.nn.module import Module, Parameter, check_model, taking
from minixai.nn.optimisers import SGD, Adam
from minixai.progress import progress_bar
from minixai.settings import generator, whole_number
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
    check_model("fit", model)
    if not callable(loss) or isinstance(loss, type):
        raise TypeError(
            f"fit: loss is {came(loss)}, expected a function (output, y), such as mx.ops.cross_entropy"
        )
    x, y = _pairs(model, ("x", "y"), x, y, loss)
    if validation is not None and not (isinstance(validation, tuple | list) and len(validation) == 2):
        raise TypeError(f"fit: validation is {came(validation)}, expected a pair (x, y)")
    held_out = (
        None
        if validation is None
        else _pairs(model, ("x of validation", "y of validation"), *validation, loss)
    )
    epochs, batch_size = whole_number("fit", "epochs", epochs), whole_number("fit", "batch_size", batch_size)
    rng = generator("fit", "seed", seed)
    if not model.parameters():
        raise ValueError("fit: the model has no parameters, expected some to train")
    optimiser = Adam(model.parameters()) if optimiser is None else optimiser
    if isinstance(optimiser, type) or not hasattr(optimiser, "step"):
        raise TypeError(
            f"fit: optimiser is {came(optimiser)}, expected one such as mx.nn.Adam(model.parameters())"
        )
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
        history.append(Epoch(total / len(x), *(_validate(model, *held_out, loss) if held_out else ())))
    return history


def _pairs(model: Module, names: tuple[str, str], x: Any, y: Any, loss: Any) -> tuple[Array, np.ndarray]:
    """x and y as arrays, as many of one as of the other, floats in the model's dtype."""
    x, y = model.check_input("fit", x, names[0]), as_array("fit", names[1], y)
    if y.ndim == 0 or len(x) != len(y):
        both = " and ".join(names)
        raise ShapeError(f"fit: {both} have shapes {x.shape} and {y.shape}, expected as many of both")
    if loss is ops.cross_entropy and (y.ndim != 1 or y.dtype.kind not in "iu"):
        what = f"{names[1]} has shape {y.shape} and dtype {y.dtype}"
        raise ShapeError(f"fit: {what}, expected labels (n,) of integers, as by y.astype(int)")
    return x, y.astype(model.dtype, copy=False) if y.dtype.kind == "f" else y


def _gradients(
    model: Module, x: Array, y: Any, loss: Callable[..., Tensor], parameters: list[Parameter]
) -> tuple[float, dict[Tensor, Array]]:
    """The loss and its gradients. The tape ends here: it would keep the weights of before the step."""
    with taking("fit", x):
        output = model(Tensor(x))
    value = loss(model._one_tensor("fit", output), y)
    return float(value.value), backward(value, wrt=parameters)


def _validate(model: Module, x: Any, y: Any, loss: Callable[..., Tensor]) -> tuple[float, float | None]:
    with speaking_as("fit", "predict"):
        output = model.predict(x)
    accuracy = float((output.argmax(axis=1) == y).mean()) if y.dtype.kind in "iu" else None
    return float(loss(Tensor(output), y).value), accuracy
