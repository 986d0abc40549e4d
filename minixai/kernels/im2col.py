"""The pixels under a window that moves over images, laid side by side as the columns of a matrix."""

from __future__ import annotations

import numpy as np

from minixai.kernels.compiling import njit

__all__ = ["im2col"]


@njit(cache=True, nogil=True)
def _inside(offset, size, stride, out_size):
    """The range of outputs, along one axis, whose input (output · stride + offset) lies inside the image."""
    first = min(out_size, max(0, (stride - 1 - offset) // stride))
    return first, max(first, min(out_size, (size - 1 - offset) // stride + 1))


@njit(cache=True, nogil=True)
def _copy(source, s, step, target, t, count):
    """target[t + q] = source[s + q·step]. Unsigned indices spare numba its test for negative ones."""
    s, t = np.uint64(max(s, 0)), np.uint64(t)
    if step == 1:  # a loop of its own: the compiler can vectorise it
        for q in range(np.uint64(max(count, 0))):
            target[t + q] = source[s + q]
    else:
        for q in range(np.uint64(max(count, 0))):
            target[t + q] = source[s + q * np.uint64(step)]


@njit(cache=True, nogil=True)
def _clear(target, first, last):
    """target[first:last] = 0."""
    for q in range(np.uint64(first), np.uint64(last)):
        target[q] = 0


@njit(cache=True, nogil=True)
def im2col(x, cols, begin, out_w, kernel, stride, padding, dilation):
    """cols[(c, u, v), i, (r, q)] = x[i, c, r·sh + u·dh − ph, q·sw + v·dw − pw], 0 outside.

    `begin` holds the first i, c and r; the shape of cols tells how many there are.
    """
    channels, h, w = x.shape[1:]
    rows = cols.shape[2] // out_w
    in_one_run = stride == (1, 1) and out_w == w  # rows follow each other in cols as they do in x
    source, target = x.reshape(-1), cols.reshape(-1)
    start = 0  # in cols, of the places of one image
    for c in range(begin[1], begin[1] + cols.shape[0] // (kernel[0] * kernel[1])):
        for u in range(kernel[0]):
            down = begin[2] * stride[0] + u * dilation[0] - padding[0]
            top, bottom = _inside(down, h, stride[0], rows)
            for v in range(kernel[1]):
                right = v * dilation[1] - padding[1]
                first, last = _inside(right, w, stride[1], out_w)
                for i in range(begin[0], begin[0] + cols.shape[1]):
                    s = ((i * channels + c) * h + top * stride[0] + down) * w + first * stride[1] + right
                    t = start + top * out_w
                    _clear(target, start, t)
                    if in_one_run and first < last:
                        _copy(source, s, 1, target, t + first, (bottom - top - 1) * w + last - first)
                    for _ in range(top, bottom):
                        if not in_one_run:
                            _copy(source, s, stride[1], target, t + first, last - first)
                        _clear(target, t, t + first)
                        _clear(target, t + last, t + out_w)
                        s += stride[0] * w
                        t += out_w
                    start += cols.shape[2]
                    _clear(target, t, start)
