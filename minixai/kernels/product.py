"""Products of matrices by BLAS, cut into blocks so that our own threads share the work."""

from __future__ import annotations

import numpy as np
from numba import njit

from minixai.kernels.layout import readable
from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["matrix_product", "rows_dot"]


ROWS_A_TASK = 8
LINES_A_TASK = 512  # rows or columns of the result; with 256, OpenBLAS takes twice as long for one image


def matrix_product(a: Array, b: Array) -> Array:
    """a (m, j) times b (j, n): blocks of rows where there are more of them, else of columns."""
    if a.shape[1] == 1:  # BLAS takes three times as long
        return a * b
    product = np.empty((a.shape[0], b.shape[1]), a.dtype)
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
