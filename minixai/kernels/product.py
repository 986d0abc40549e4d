"""Products of matrices by BLAS, cut into blocks so that our own threads share the work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from minixai.kernels.compiling import njit
from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["between", "matrix_product", "one_blas_thread", "rows_dot"]

Result = TypeVar("Result")

ROWS_A_TASK = 8
LINES_A_TASK = 512  # rows or columns of the result; with 256, OpenBLAS takes twice as long for one image
FEW = 1 << 13  # multiplications, which BLAS does in one thread of itself
WORK_A_TASK = 1 << 22  # multiplications: less is done before a second thread has woken up


def one_blas_thread(call: Callable[[], Result]) -> Result:
    """The result of a call in which BLAS has one thread: with several, sums are rounded otherwise."""
    results: list[Result] = []
    for_each(lambda _: results.append(call()), 1)
    return results[0]


def matrix_product(a: Array, b: Array) -> Array:
    """a (…, m, j) times b (…, j, n), stacks of matrices being broadcast; the same bits by any threads."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim + b.ndim > 4 else ()
    each = a.shape[-2] * a.shape[-1] * b.shape[-1]
    work = math.prod(stack) * each
    if work == 0 or (each <= FEW and work <= WORK_A_TASK):
        return np.matmul(a, b)
    if not stack:
        return _product(a, b)
    product = np.empty((*stack, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    if each > WORK_A_TASK and max(product.shape[-2:]) > LINES_A_TASK:  # each is more than one task
        a, b = (np.broadcast_to(factor, (*stack, *factor.shape[-2:])) for factor in (a, b))
        for place in np.ndindex(stack):
            product[place] = _product(a[place], b[place])
        return product
    axis = max(range(len(stack)), key=lambda i: stack[i])  # along which the stacks are cut
    count = max(1, stack[axis] * WORK_A_TASK // work)

    def fill(number: int) -> None:
        block = slice(number * count, (number + 1) * count)
        some_a, some_b, out = (_cut(of_all, len(stack) - axis, block) for of_all in (a, b, product))
        np.matmul(some_a, some_b, out=out)

    for_each(fill, -(-stack[axis] // count))
    return product


def between(rows: Array, x: Array, columns: Array) -> Array:
    """rows · x · columnsᵀ of every plane: (…, h, w) to (…, len(rows), len(columns))."""
    return matrix_product(matrix_product(rows, x), columns.T)


def _cut(stack: Array, axis: int, block: slice) -> Array:
    """Some of the matrices, along an axis counted from the last of the stack; all where it is broadcast."""
    place = stack.ndim - 2 - axis
    if place < 0 or stack.shape[place] == 1:
        return stack
    return stack[(*[slice(None)] * place, block)]


def _product(a: Array, b: Array) -> Array:
    """Blocks of rows where there are more of them, else of columns."""
    if a.shape[1] == 1:  # BLAS takes three times as long
        return a * b
    product = np.empty((a.shape[0], b.shape[1]), np.result_type(a, b))
    by_rows = a.shape[0] >= b.shape[1]

    def fill(number: int) -> None:
        block = slice(number * LINES_A_TASK, (number + 1) * LINES_A_TASK)
        if by_rows:
            np.matmul(a[block], b, out=product[block])
        else:
            product[:, block] = a @ b[:, block]

    for_each(fill, -(-max(product.shape) // LINES_A_TASK))
    return product


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums in any order, so that it can be vectorised
def _rows_dot(a, b, rows, product):
    for k in range(rows.size):
        row = b[rows[k]]
        for i in range(a.shape[0]):
            total = 0.0
            for j in range(row.size):
                total += a[i, j] * np.float64(row[j])
            product[k, i] = total


def rows_dot(a: Array, b: Array, rows: np.ndarray) -> Array:
    """a (m, j) times some rows of b (n, j), in float64 though b may be float32: (m, rows)."""
    a, b, product = readable(a.astype(np.float64)), readable(b), np.empty((len(rows), len(a)))

    def fill(number: int) -> None:
        some = slice(number * ROWS_A_TASK, (number + 1) * ROWS_A_TASK)
        _rows_dot(a, b, rows[some], product[some])

    for_each(fill, -(-len(rows) // ROWS_A_TASK), blas=False)
    return product.T
