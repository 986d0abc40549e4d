"""Products of matrices by BLAS, cut into blocks so that our own threads share the work."""

from __future__ import annotations

import numpy as np

from minixai.kernels.threads import for_each
from minixai.typing import Array

__all__ = ["matrix_product"]


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
