"""Arithmetic with broadcasting, products of matrices, exponential and logarithm."""

from __future__ import annotations

import numpy as np

from minixai import kernels
from minixai.errors import ShapeError
from minixai.op import Trait, operation, several
from minixai.ops.places import same
from minixai.ops.sizes import unbroadcast
from minixai.tape import Node
from minixai.typing import Array

__all__ = ["add", "divide", "exp", "linear", "log", "matmul", "multiply", "negative", "power", "subtract"]


def _broadcast_shapes(name: str, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    if x == y:
        return
    try:
        np.broadcast_shapes(x, y)
    except ValueError:
        raise ShapeError(f"{name}: shapes {x} and {y} do not broadcast together") from None


@operation(Trait.AFFINE, unless=several(Trait.SUM, Trait.HOMOGENEOUS))
def add(x: Array, y: Array) -> Array:
    """x + y, with broadcasting."""
    _broadcast_shapes("add", x.shape, y.shape)
    return x + y


@add.define_vjp
def _add_vjp(g: Array, node: Node) -> tuple[Array, Array]:
    x, y = node.arrays
    return unbroadcast(g, x.shape), unbroadcast(g, y.shape)


@operation(Trait.AFFINE, unless=several(Trait.SUM, Trait.HOMOGENEOUS))
def subtract(x: Array, y: Array) -> Array:
    """x − y, with broadcasting."""
    _broadcast_shapes("subtract", x.shape, y.shape)
    return x - y


@subtract.define_vjp
def _subtract_vjp(g: Array, node: Node) -> tuple[Array, Array]:
    x, y = node.arrays
    return unbroadcast(g, x.shape), unbroadcast(-g, y.shape)


@operation(Trait.AFFINE, unless=several(Trait.PRODUCT), looks=same)
def multiply(x: Array, y: Array) -> Array:
    """x · y elementwise, with broadcasting."""
    _broadcast_shapes("multiply", x.shape, y.shape)
    return x * y


@multiply.define_vjp
def _multiply_vjp(g: Array, node: Node) -> tuple[Array, Array]:
    x, y = node.arrays
    return unbroadcast(g * y, x.shape), unbroadcast(g * x, y.shape)


@operation(Trait.AFFINE, unless=lambda node: (Trait.PRODUCT,) if node.needs[1] else (), looks=same)
def divide(x: Array, y: Array) -> Array:
    """x / y elementwise, with broadcasting."""
    _broadcast_shapes("divide", x.shape, y.shape)
    return x / y


@divide.define_vjp
def _divide_vjp(g: Array, node: Node) -> tuple[Array, Array]:
    x, y = node.arrays
    return unbroadcast(g / y, x.shape), unbroadcast(-g * node.value / y, y.shape)


@operation(Trait.AFFINE)
def negative(x: Array) -> Array:
    """−x."""
    return -x


@negative.define_vjp
def _negative_vjp(g: Array, node: Node) -> tuple[Array]:
    return (-g,)


@operation(Trait.GATE, unless=several(Trait.PRODUCT))
def power(x: Array, exponent: Array) -> Array:
    """x to the power of the exponent, with broadcasting; NaN where x < 0 and the exponent is not whole.

    The derivative with respect to x is 0 where the exponent is 0; with respect to the exponent it is 0 where
    x is 0, if the exponent is not negative.
    """
    _broadcast_shapes("power", x.shape, exponent.shape)
    return x**exponent


@power.define_vjp
def _power_vjp(g: Array, node: Node) -> tuple[Array | None, Array | None]:
    (x, exponent), gx, ge = node.arrays, None, None
    with np.errstate(divide="ignore", invalid="ignore"):  # what is set to 0, or NaN
        if node.needs[0]:
            gx = unbroadcast(np.where(exponent == 0, 0, g * exponent * x ** (exponent - 1)), x.shape)
        if node.needs[1]:
            ge = np.where((x == 0) & (exponent >= 0), 0, g * node.value * np.log(x))
            ge = unbroadcast(ge, exponent.shape)
    return gx, ge


@operation(Trait.GATE)
def exp(x: Array) -> Array:
    """e to the power of x."""
    return np.exp(x)


@exp.define_vjp
def _exp_vjp(g: Array, node: Node) -> tuple[Array]:
    return (g * node.value,)


@operation(Trait.GATE)
def log(x: Array) -> Array:
    """The natural logarithm of x."""
    return np.log(x)


@log.define_vjp
def _log_vjp(g: Array, node: Node) -> tuple[Array]:
    (x,) = node.arrays
    return (g / x,)


@operation(Trait.DENSE, Trait.WEIGHTED, unless=several(Trait.PRODUCT))
def matmul(x: Array, y: Array) -> Array:
    """The product x @ y of matrices (m, j) and (j, n), or of stacks of them, with broadcasting."""
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        raise ShapeError(f"matmul: expected x (…, m, j) and y (…, j, n), got x {x.shape} and y {y.shape}")
    _broadcast_shapes("matmul, stacks of matrices", x.shape[:-2], y.shape[:-2])
    return kernels.product.matrix_product(x, y)


@matmul.define_vjp
def _matmul_vjp(g: Array, node: Node) -> tuple[Array | None, Array | None]:
    x, y = node.arrays
    product = kernels.product.matrix_product
    gx = unbroadcast(product(g, y.swapaxes(-1, -2)), x.shape) if node.needs[0] else None
    gy = unbroadcast(product(x.swapaxes(-1, -2), g), y.shape) if node.needs[1] else None
    return gx, gy


@operation(Trait.UNITS, Trait.DENSE, Trait.WEIGHTED)
def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """y[i, k] = Σ_j x[i, j] · w[k, j] + b[k].

    x: (n, j). w: (k, j). b: (k,) or None. Returns (n, k).
    Raises ShapeError where the shapes do not fit.
    """
    if x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[1]:
        raise ShapeError(f"linear: expected x (n, j) and w (k, j), got x {x.shape} and w {w.shape}")
    if b is not None and b.shape != w.shape[:1]:
        raise ShapeError(f"linear: b has shape {b.shape}, w {w.shape} expects ({w.shape[0]},)")
    y = kernels.product.matrix_product(x, w.T)
    return y if b is None else np.add(y, b, out=y)


@linear.define_vjp
def _linear_vjp(g: Array, node: Node) -> tuple[Array | None, ...]:
    x, w, _ = node.arrays
    gx = kernels.product.matrix_product(g, w) if node.needs[0] else None
    gw = kernels.product.matrix_product(g.T, x) if node.needs[1] else None
    gb = g.sum(axis=0) if node.needs[2] else None
    return gx, gw, gb
