"""Modules: layers, and networks of layers, with named parameters."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np

from minixai import context
from minixai.arrays import as_array, floats, frozen, holds, numbers, owned
from minixai.columns import aligned
from minixai.errors import ShapeError, came, foreign_package
from minixai.ops.sizes import lacks
from minixai.settings import whole_number
from minixai.tape import Tensor
from minixai.typing import Array

__all__ = ["Module", "Parameter", "check_model", "taking", "traced"]

Kind = TypeVar("Kind")
COLLECTIONS = (list, tuple, dict, set, frozenset)


class Parameter(Tensor):
    """A leaf of the tape that training changes. It owns its array: a copy, if what it is given can change.

    Each new value is another array, so that a tape keeps the one that it was made with.
    """

    @property
    def value(self) -> Array:
        """The array, as a read-only view."""
        return self._value

    @value.setter
    def value(self, array: Any) -> None:
        self._value = owned(floats("Parameter", "array", array))

    def take_over(self, array: Any) -> None:
        """Hold an array that belongs to nobody else, without a copy. From now on nobody can write to it."""
        self._value = frozen(floats("Parameter", "array", array))


@dataclass
class _NetworkCall:
    """One call of a whole network: the names of its modules, and what each of them returned."""

    names: dict[Module, str]
    outputs: dict[str, list[Any]] | None = field(default=None)


class Module:
    """A function of tensors with parameters. A subclass says in `forward` what it computes.

    Attributes that are parameters or modules are registered by being set, as in PyTorch, and named
    by their path, such as "features.3.squeeze.weight". So are those that stand in a list, a tuple or a dict,
    by their place in it: "body.0.weight".
    """

    _mode = True
    _buffers: tuple[str, ...] = ()
    _added_later: tuple[str, ...] = ()  # buffers that older files of weights may lack

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name, value in vars(cls).items():
            if isinstance(value, Module | Parameter):
                raise TypeError(f"{cls.__name__}: {name} is an attribute of the class: set it in __init__")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module | Parameter):
            if not name or "." in name:
                raise ValueError(
                    f"{type(self).__name__}: a name is {name!r}, expected one that can be part of a path"
                )
            if hasattr(Module, name) or inspect.isroutine(getattr(type(self), name, None)):
                raise ValueError(
                    f"{type(self).__name__}: a name is {name!r}, which is a method's; expected another"
                )
        super().__setattr__(name, value)

    @property
    def training(self) -> bool:
        """Whether dropout and batch normalisation train: as the context says, else as the module was set."""
        found = context.training.get()
        return self._mode if found is None else found

    @training.setter
    def training(self, mode: bool) -> None:
        self._mode = mode

    def forward(self, x: Any) -> Any:
        """Compute the output."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Compute the output; a module that is not within another names the layers.

        Inputs that are arrays or numbers become tensors; dicts, and lists and tuples that hold tensors, are
        passed as they are, and so are arguments with a name. So is what `forward` returns; of the whole
        network it should be one tensor.
        """
        whole = context.network_call.get()
        if whole is None:
            call = _NetworkCall(self._names())
            return context.apart(lambda: self(*inputs, **settings), network_call=call)
        name = whole.names.get(self)
        token = context.current_layer.set(name)
        try:
            output = self.forward(*map(_as_input, inputs), **settings)
            if (edit := context.edits.get().get(self)) is not None:
                output = edit(output)
        except TypeError:
            self._check_arguments(inputs, settings)
            raise
        finally:
            context.current_layer.reset(token)
        if whole.outputs is not None and name is not None:
            whole.outputs.setdefault(name, []).append(output)
        return output

    def _check_arguments(self, inputs: tuple[Any, ...], settings: dict[str, Any]) -> None:
        """TypeError where `forward` does not take them, with what it takes."""
        takes = inspect.signature(self.forward)
        try:
            takes.bind(*inputs, **settings)
        except TypeError as error:
            named = [each.replace(annotation=each.empty) for each in takes.parameters.values()]
            expected = takes.replace(parameters=named, return_annotation=takes.empty)
            hint = "" if len(inputs) != 1 or settings else "; methods, predict and fit give one input"
            raise TypeError(f"{type(self).__name__}: {error}, expected {expected}{hint}") from None

    def _names(self) -> dict[Module, str]:
        return {module: name for name, module in self.named_modules()}

    def trace(self, x: Tensor, record: bool = True) -> tuple[Any, dict[str, list[Any]]]:
        """The output in eval mode, and for every module's name what it returned, call by call.

        The model is left as it is, and what the caller's context says of modes and tapes has no influence.
        record: whether there is a tape.
        """
        call = _NetworkCall(self._names(), outputs={})
        output = context.apart(lambda: self(x), training=False, recording=record, network_call=call)
        return output, call.outputs or {}

    def register_buffer(self, name: str, array: Any) -> None:
        """Set a copy of an array that belongs to the state, but that no gradient changes."""
        self._buffers = (*self._buffers, name)
        setattr(self, name, np.array(array))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, or stand in its lists, tuples and dicts."""
        return self._registered(Module)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module (named "") and all within it, each once, under its first name."""
        seen: dict[Module, str] = {}
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            name, module = stack.pop()
            if module not in seen:
                seen[module] = name
                yield name, module
                prefix = f"{name}." if name else ""
                stack.extend(reversed([(prefix + child, value) for child, value in module.named_children()]))
        if len(names := set(seen.values())) < len(seen):
            twice = next(name for name in names if list(seen.values()).count(name) > 1)
            raise ValueError(
                f"{type(self).__name__}: two modules are called {twice!r}, expected one of each name"
            )

    def _registered(self, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
        for name, value in vars(self).items():
            if isinstance(value, kind):
                yield name, value
            elif isinstance(value, COLLECTIONS):
                yield from _within(name, value, kind)

    def _named_state(self) -> Iterator[tuple[str, Any, Callable[[Any], None]]]:
        """(key, what is there, what puts an array in its place) of every parameter and buffer."""
        for name, module in self.named_modules():
            prefix = f"{name}." if name else ""
            for key, parameter in module._registered(Parameter):
                yield prefix + key, parameter, parameter.take_over
            for key in module._buffers:
                yield prefix + key, getattr(module, key), partial(setattr, module, key)

    def named_state(self) -> Iterator[tuple[str, Parameter | np.ndarray]]:
        """All parameters and buffers themselves, by PyTorch's keys."""
        yield from ((key, held) for key, held, _ in self._named_state())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The parameters by name, each once."""
        seen: set[Parameter] = set()
        for key, held, _ in self._named_state():
            if isinstance(held, Parameter) and held not in seen:
                seen.add(held)
                yield key, held

    def parameters(self) -> list[Parameter]:
        """All parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters; float32 where there are none."""
        return next((p.dtype for _, p in self.named_parameters()), np.dtype(np.float32))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by PyTorch's keys."""
        return {key: np.array(held) for key, held in self.named_state()}

    def load_state_dict(self, arrays: Mapping[str, Any]) -> None:
        """Set all parameters and buffers; float64 arrays make a float64 model, float16 becomes float32.

        Files older than `num_batches_tracked` of batch normalisation are taken: it stays as it is.

        Raises KeyError for a missing or an unknown name, ShapeError for another shape, TypeError
        for mixed or other dtypes, ValueError for a NaN or an infinity; then nothing is changed.
        """
        if not isinstance(arrays, Mapping):
            raise TypeError(f"load_state_dict: arrays is {came(arrays)}, expected {{name: array}}")
        state = {key: (held, put) for key, held, put in self._named_state()}
        missing = sorted(state.keys() - arrays.keys() - self._keys_added_later())
        unknown = sorted(arrays.keys() - state.keys())
        if missing or unknown:
            raise KeyError(f"load_state_dict: missing {_some(missing)}, unknown {_some(unknown)}")
        loaded = {key: _checked(key, arrays[key], held) for key, (held, _) in state.items() if key in arrays}
        dtypes = {str(array.dtype) for array in loaded.values() if array.dtype.kind == "f"}
        if len(dtypes) > 1:
            raise TypeError(f"load_state_dict: arrays of different dtypes ({', '.join(sorted(dtypes))})")
        for key, array in loaded.items():
            state[key][1](array)

    def _keys_added_later(self) -> set[str]:
        modules = self.named_modules()
        return {f"{name}.{key}".lstrip(".") for name, module in modules for key in module._added_later}

    def train(self, mode: bool = True) -> Module:
        """Switch dropout and batch normalisation to training, in all modules."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch dropout and batch normalisation to prediction, in all modules."""
        return self.train(False)

    def check_input(self, call: str, x: Any, name: str = "x") -> Array:
        """x as an array of the model's dtype; an empty or a not finite one raises ValueError, by its name."""
        x = numbers(call, name, x)
        with np.errstate(over="ignore"):
            x = x.astype(self.dtype, copy=False)
        if x.ndim == 0 or x.size == 0:
            raise ShapeError(f"{call}: {name} has shape {x.shape}, expected a batch (n, …) that is not empty")
        if not np.isfinite(x).all():
            raise ValueError(f"{call}: {name} holds NaN or inf, expected finite numbers")
        return x

    def check_output(self, call: str, output: Any) -> Tensor:
        """The output, if it is one tensor, else TypeError; not finite, ValueError with what is to blame."""
        output = self._one_tensor(call, output)
        if not np.isfinite(output.value).all():
            bad = [name for name, p in self.named_parameters() if not np.isfinite(p.value).all()]
            cause = f"NaN or inf in {_some(bad)}" if bad else "an overflow: all parameters are finite"
            raise ValueError(f"{call}: the model's output is not finite; the cause is {cause}")
        return output

    def _one_tensor(self, call: str, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            what = f"{type(self).__name__}.forward returned {came(output)}"
            raise TypeError(f"{call}: {what}, expected one Tensor")
        return output

    def predict(self, x: Any, batch_size: int = 64) -> Array:
        """The output for a batch of arrays, in eval mode and without a tape.

        x: (n, …), cast to the model's dtype. batch_size: images at a time; bounds the memory.
        """
        batch_size = whole_number("predict", "batch_size", batch_size)
        x = self.check_input("predict", x)
        starts = range(0, len(x), batch_size)

        def batches() -> list[Array]:
            return [self.check_output("predict", self(x[i : i + batch_size])).value for i in starts]

        with taking("predict", x):
            return np.concatenate(context.apart(batches, training=False, recording=False))

    def summary(self, input_shape: tuple[int, ...]) -> str:
        """A table of the layers with their output's shape and number of parameters.

        input_shape: that of one input, without the batch: (c, h, w).
        """
        _, outputs = self.trace(Tensor(np.zeros((1, *input_shape), self.dtype)), record=False)
        rows = [("layer", "kind", "output", "parameters")]
        for name, module in self.named_modules():
            if name and not any(module.named_children()):
                shape = " ".join(str(y.shape[1:]) for y in outputs.get(name, []) if isinstance(y, Tensor))
                rows.append((name, type(module).__name__, shape, f"{_count(module):,}"))
        rows.append(("total", "", "", f"{_count(self):,}"))
        return aligned(rows, left=(0, 1, 2))

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}" for name, child in self.named_children()]
        inner = "".join(f"\n{line}" for line in lines).replace("\n", "\n  ")
        return f"{type(self).__name__}({inner}{inner and chr(10)})"


def check_model(call: str, model: Any, name: str = "model") -> Module:
    """The model; TypeError where it is something else, with the way on."""
    if isinstance(model, Module):
        return model
    way_on = ""
    if isinstance(model, type) and issubclass(model, Module):
        way_on = f": {model.__name__}() makes one"
    elif foreign_package(type(model)) == "torch":
        way_on = ": build it of mx.nn's layers, which have the same names, and load its state_dict()"
    raise TypeError(f"{call}: {name} is {came(model)}, expected a minixai Module{way_on}")


def traced(call: str, model: Module, x: Tensor, record: bool = True) -> tuple[Tensor, dict[str, list[Any]]]:
    """What `Module.trace` gives; errors in the call's name where x does not fit or y is no tensor."""
    with taking(call, x.value):
        output, layers = model.trace(x, record)
    return model.check_output(call, output), layers


@contextlib.contextmanager
def taking(call: str, x: Array) -> Iterator[None]:
    """A wrong shape where a model takes x is said in the call's name, with what x may lack."""
    try:
        yield
    except ShapeError as error:
        what = f"{call}: x of shape {x.shape} does not fit the model: {error}"
        raise ShapeError(what if lacks(x) in what else what + lacks(x)) from error


def _as_input(x: Any) -> Any:
    """A tensor, or what is passed as it is."""
    return x if x is None or isinstance(x, Tensor | dict) or holds(x, Tensor) else Tensor(x)


def _within(name: str, value: Any, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
    """The objects of a kind in lists, tuples and dicts, by their path; a set would give them none."""
    if isinstance(value, set | frozenset) and any(isinstance(each, kind) for each in value):
        raise TypeError(f"{name} is a set that holds a {kind.__name__}, expected a list, a tuple or a dict")
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, kind):
            yield f"{name}.{key}", each
        elif isinstance(each, COLLECTIONS):
            yield from _within(f"{name}.{key}", each, kind)


def _count(module: Module) -> int:
    return sum(parameter.value.size for parameter in module.parameters())


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more or "none"


def _checked(key: str, array: Any, held: Any) -> np.ndarray:
    """A copy of an array that may take the place of what the model holds under this key."""
    if np.shape(array) != np.shape(held):  # known before the array is read, where it is in a file
        raise ShapeError(f"load_state_dict: {key} has shape {np.shape(array)}, expected {np.shape(held)}")
    array = np.array(as_array("load_state_dict", key, array), order="C")
    if np.asarray(held).dtype.kind != "f":
        return array.astype(np.asarray(held).dtype)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"load_state_dict: {key} has dtype {array.dtype}, expected float32 or float64")
    if not np.isfinite(array).all():
        raise ValueError(f"load_state_dict: {key} holds NaN or inf")
    return array
