"""Modules that hold others, with PyTorch's names and keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minixai.errors import came
from minixai.nn.module import Module, check_model

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Container(Module):
    """Modules by their keys, which are attributes."""

    def __len__(self) -> int:
        return len(self._modules())

    def _modules(self) -> dict[str, Module]:
        return dict(self.named_children())

    def _add(self, key: Any, module: Any) -> None:
        kind = type(self).__name__
        if not isinstance(key, str):
            raise TypeError(f"{kind}: a key is {came(key)}, expected a string")
        setattr(self, key, check_model(kind, module, key))


class Sequential(_Container):
    """Modules one after the other, named "0", "1", … or by the keys of a dict."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        first = modules[0] if len(modules) == 1 else None
        named = first if isinstance(first, Mapping) else {str(i): module for i, module in enumerate(modules)}
        for key, module in named.items():
            self._add(key, module)

    def forward(self, x: Any) -> Any:
        """Every module in turn."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules().values())

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place; or those of a slice, in a Sequential that calls them by the same names."""
        items = list(self._modules().items())
        return Sequential(dict(items[index])) if isinstance(index, slice) else items[index][1]


class ModuleList(_Container):
    """A list of modules, named "0", "1", …; what is done with them, the module that holds it says."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end."""
        self._add(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end."""
        for module in modules:
            self.append(module)
        return self

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules().values())

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place; or those of a slice, in a ModuleList."""
        modules = list(self)[index]
        return ModuleList(modules) if isinstance(modules, list) else modules

    def __setitem__(self, index: int, module: Module) -> None:
        self._add(list(self._modules())[index], module)


class ModuleDict(_Container):
    """A dict of modules, named by its keys; what is done with them, the module that holds it says."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add modules, or put others in their place."""
        for key, module in modules.items():
            self[key] = module

    def keys(self) -> Iterable[str]:
        """The keys, in the order in which they were added."""
        return self._modules().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """The keys and their modules."""
        return self._modules().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules())

    def __contains__(self, key: object) -> bool:
        return key in self._modules()

    def __getitem__(self, key: str) -> Module:
        return self._modules()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self._add(key, module)

    def __delitem__(self, key: str) -> None:
        del vars(self)[key]
