"""Modules: layers, and networks of layers, with named parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minixai import context
from minixai.arrays import as_array, floats, read_only
from minixai.columns import aligned
from minixai.errors import ShapeError
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["Module", "Parameter", "Sequential"]


class Parameter(Tensor):
    """A leaf of the tape that training changes. It owns its array: a copy of what it is given.

    Each new value is another array, so that a tape keeps the one that it was made with.
    """

    @property
    def value(self) -> Array:
        """The array, as a read-only view."""
        return self._value

    @value.setter
    def value(self, array: Any) -> None:
        self.take_over(np.array(floats("Parameter", "array", array)))

    def take_over(self, array: Any) -> None:
        """Hold an array that belongs to nobody else, without a copy."""
        self._value = read_only(floats("Parameter", "array", array))


@dataclass
class _Trace:
    """One call of a whole network: the names of its modules, and what each of them returned."""

    names: dict[Module, str]
    outputs: dict[str, list[Tensor]] | None = field(default=None)


class Module:
    """A function of tensors with parameters. A subclass says in `forward` what it computes.

    Attributes that are parameters or modules are registered by being set, as in PyTorch, and named
    by their path, such as "features.3.squeeze.weight".
    """

    _mode = True

    @property
    def training(self) -> bool:
        """Whether dropout and batch normalisation train: as the context says, else as the module was set."""
        found = context.training.get()
        return self._mode if found is None else found

    @training.setter
    def training(self, mode: bool) -> None:
        self._mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Compute the output."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any) -> Tensor:
        """Compute the output of tensors or arrays; a module that is not within another names the layers."""
        trace = context.trace.get()
        if trace is None:
            return context.apart(lambda: self(*inputs), trace=_Trace(self._names()))
        tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
        name = trace.names.get(self)
        token = context.current_layer.set(name)
        try:
            output = self.forward(*tensors)
        finally:
            context.current_layer.reset(token)
        if trace.outputs is not None and name is not None:
            trace.outputs.setdefault(name, []).append(output)
        return output

    def _names(self) -> dict[Module, str]:
        return {module: name for name, module in self.named_modules()}

    def trace(self, x: Tensor, record: bool = True) -> tuple[Tensor, dict[str, list[Tensor]]]:
        """The output in eval mode, and for every module's name what it returned, call by call.

        The model is left as it is, and what the caller's context says of modes and tapes has no influence.
        record: whether there is a tape.
        """
        trace = _Trace(self._names(), outputs={})
        output = context.apart(lambda: self(x), training=False, recording=record, trace=trace)
        return output, trace.outputs or {}

    def register_buffer(self, name: str, array: Any) -> None:
        """Set a copy of an array that belongs to the state, but that no gradient changes."""
        self.__dict__.setdefault("_buffers", []).append(name)
        setattr(self, name, np.array(array))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one."""
        yield from ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module (named "") and all within it, each once, under its first name."""
        seen: set[Module] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            name, module = stack.pop()
            if module not in seen:
                seen.add(module)
                yield name, module
                prefix = f"{name}." if name else ""
                stack.extend(reversed([(prefix + child, value) for child, value in module.named_children()]))

    def _named_state(self) -> Iterator[tuple[str, Module, str]]:
        """(key, the module that holds it, its attribute) of every parameter and buffer."""
        for name, module in self.named_modules():
            prefix = f"{name}." if name else ""
            attributes = [key for key, value in vars(module).items() if isinstance(value, Parameter)]
            for attribute in attributes + vars(module).get("_buffers", []):
                yield prefix + attribute, module, attribute

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters by name, each once."""
        seen: set[Parameter] = set()
        for key, module, attribute in self._named_state():
            value = getattr(module, attribute)
            if isinstance(value, Parameter) and value not in seen:
                seen.add(value)
                yield key, value

    def parameters(self) -> list[Parameter]:
        """All parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters; float32 where there are none."""
        return next((p.dtype for _, p in self.named_parameters()), np.dtype(np.float32))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by PyTorch's keys."""
        return {key: np.array(getattr(module, name)) for key, module, name in self._named_state()}

    def load_state_dict(self, arrays: Mapping[str, Any]) -> None:
        """Set all parameters and buffers; float64 arrays make a float64 model, float16 becomes float32.

        Raises KeyError for a missing or an unknown name, ShapeError for another shape, TypeError
        for mixed or other dtypes, ValueError for a NaN or an infinity; then nothing is changed.
        """
        state = {key: (module, name) for key, module, name in self._named_state()}
        missing, unknown = sorted(state.keys() - arrays.keys()), sorted(arrays.keys() - state.keys())
        if missing or unknown:
            raise KeyError(f"load_state_dict: missing {_some(missing)}, unknown {_some(unknown)}")
        loaded = {key: _checked(key, arrays[key], getattr(*place)) for key, place in state.items()}
        dtypes = {str(array.dtype) for array in loaded.values() if array.dtype.kind == "f"}
        if len(dtypes) > 1:
            raise TypeError(f"load_state_dict: arrays of different dtypes ({', '.join(sorted(dtypes))})")
        for key, (module, name) in state.items():
            if isinstance(held := getattr(module, name), Parameter):
                held.take_over(loaded[key])
            else:
                setattr(module, name, loaded[key])

    def train(self, mode: bool = True) -> Module:
        """Switch dropout and batch normalisation to training, in all modules."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch dropout and batch normalisation to prediction, in all modules."""
        return self.train(False)

    def check_input(self, call: str, x: Any) -> Array:
        """x as an array of the model's dtype; an empty or a not finite one raises ValueError."""
        x = as_array(call, "x", x)
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{call}: x has dtype {x.dtype}, expected numbers")
        x = x.astype(self.dtype, copy=False)
        if x.ndim == 0 or x.size == 0:
            raise ShapeError(f"{call}: x has shape {x.shape}, expected a batch (n, …) that is not empty")
        if not np.isfinite(x).all():
            raise ValueError(f"{call}: x holds NaN or inf, expected finite numbers")
        return x

    def check_output(self, call: str, y: Array) -> None:
        """Raise ValueError where an output is not finite, and name the parameters that are to blame."""
        if not np.isfinite(y).all():
            bad = [name for name, p in self.named_parameters() if not np.isfinite(p.value).all()]
            cause = f"NaN or inf in {_some(bad)}" if bad else "an overflow: all parameters are finite"
            raise ValueError(f"{call}: the model's output is not finite; the cause is {cause}")

    def predict(self, x: Any, batch_size: int = 64) -> Array:
        """The output for a batch of arrays, in eval mode and without a tape.

        x: (n, …), cast to the model's dtype. batch_size: images at a time; bounds the memory.
        """
        if batch_size < 1:
            raise ValueError(f"predict: batch_size is {batch_size}, expected at least 1")
        x = self.check_input("predict", x)
        starts = range(0, len(x), batch_size)

        def batches() -> list[Array]:
            return [self(x[i : i + batch_size]).value for i in starts]

        y = np.concatenate(context.apart(batches, training=False, recording=False))
        self.check_output("predict", y)
        return y

    def summary(self, input_shape: tuple[int, ...]) -> str:
        """A table of the layers with their output's shape and number of parameters.

        input_shape: that of one input, without the batch: (c, h, w).
        """
        _, outputs = self.trace(Tensor(np.zeros((1, *input_shape), self.dtype)), record=False)
        rows = [("layer", "kind", "output", "parameters")]
        for name, module in self.named_modules():
            if name and not any(module.named_children()):
                shape = " ".join(str(output.shape[1:]) for output in outputs.get(name, []))
                rows.append((name, type(module).__name__, shape, f"{_count(module):,}"))
        rows.append(("total", "", "", f"{_count(self):,}"))
        return aligned(rows, left=(0, 1, 2))

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}" for name, child in self.named_children()]
        inner = "".join(f"\n{line}" for line in lines).replace("\n", "\n  ")
        return f"{type(self).__name__}({inner}{inner and chr(10)})"


def _count(module: Module) -> int:
    return sum(parameter.value.size for parameter in module.parameters())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more or "none"


def _checked(key: str, array: Any, held: Any) -> np.ndarray:
    """A copy of an array that may take the place of what the model holds under this key."""
    array = np.array(as_array("load_state_dict", key, array), order="C")
    if array.shape != np.shape(held):
        raise ShapeError(f"load_state_dict: {key} has shape {array.shape}, expected {np.shape(held)}")
    if np.asarray(held).dtype.kind != "f":
        return array.astype(np.asarray(held).dtype)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"load_state_dict: {key} has dtype {array.dtype}, expected float32 or float64")
    if not np.isfinite(array).all():
        raise ValueError(f"load_state_dict: {key} holds NaN or inf")
    return array


class Sequential(Module):
    """Modules one after the other, named "0", "1", … or by the keys of a dict."""

    def __init__(self, *modules: Module | dict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], dict):
            named: dict[str, Any] = modules[0]
        else:
            named = {str(number): module for number, module in enumerate(modules)}
        for name, module in named.items():
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name} is {module!r}, expected a Module")
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Tensor:
        """Every module in turn."""
        for _, module in self.named_children():
            x = module(x)
        return x

    def __getitem__(self, number: int) -> Module:
        return [module for _, module in self.named_children()][number]

    def __len__(self) -> int:
        return sum(1 for _ in self.named_children())
