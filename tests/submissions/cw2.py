"""Wrong submissions of coursework 2. Most are the solution but for a few characters."""

from __future__ import annotations

from tests import grading
from tests.submissions import Wrong

SOLUTIONS = grading.solutions_of("cw2")


def changed(grade_id: str, *changes: tuple[str, str]) -> str:
    """The solution of a cell with some text replaced."""
    source = SOLUTIONS[grade_id]
    for old, new in changes:
        assert old in source, (grade_id, old)
        source = source.replace(old, new)
    return source


OWN_CONV2D = """
def conv2d(x, w, stride, padding, dilation):
    return mx.ops.conv2d(mx.Tensor(x), mx.Tensor(w), stride=stride, padding=padding, dilation=dilation).value
"""
OWN_VJP_INPUT = """
def conv2d_vjp_input(g, w, height, width, stride, padding, dilation):
    x = mx.Tensor(np.zeros((len(g), w.shape[1], height, width), g.dtype))
    y = mx.ops.conv2d(x, mx.Tensor(w), stride=stride, padding=padding, dilation=dilation)
    return mx.backward(y, g)[x]
"""
OWN_VJP_WEIGHT = """
from minixai.kernels.convolution import Geometry
from minixai.kernels.convolution import conv2d_vjp_weight as kernel

def conv2d_vjp_weight(g, x, kh, kw, stride, padding, dilation):
    geometry = Geometry((stride, stride), (padding, padding), (dilation, dilation))
    return kernel(g, x, (g.shape[1], x.shape[1], kh, kw), geometry)
"""
OWN_MAX_POOL = """
from minixai.kernels import pooling

def max_pool2d(x, size, stride, padding):
    return pooling.max_pool2d(x, pooling.Windows((size, size), (stride, stride), (padding, padding)))
"""
OWN_UNPOOL = """
def max_unpool2d(y, switches, height, width):
    return mx.ops.max_unpool2d(mx.Tensor(y), switches, (height, width)).value

def gather(x, switches):
    return pooling.max_unpool2d_vjp(x, switches)
"""
OWN_FAST = """
from minixai.kernels.convolution import conv2d_direct

@numba.njit
def inside(offset, size, stride, count):
    first = min(max(0, -(offset // stride)), count)
    return first, max(first, min((size - 1 - offset) // stride + 1, count))

@numba.njit
def conv2d_fast(x, w, stride, padding, dilation):
    rows = (x.shape[2] + 2 * padding - dilation * (w.shape[2] - 1) - 1) // stride + 1
    columns = (x.shape[3] + 2 * padding - dilation * (w.shape[3] - 1) - 1) // stride + 1
    y = np.zeros((x.shape[0], w.shape[0], rows, columns), x.dtype)
    return conv2d_direct(x, w, (stride, stride), (padding, padding), (dilation, dilation), 1, y)
"""

WRONG: dict[str, Wrong] = {
    "kernel transposed": Wrong(
        {
            "cw2-conv2d": changed("cw2-conv2d", ("w[k, c, u, v]", "w[k, c, v, u]")),
            "cw2-transposed": changed(
                "cw2-transposed", ("w.swapaxes(0, 1)[:, :, ::-1, ::-1]", "w.transpose(1, 0, 3, 2)")
            ),
        },
        {"cw2-conv2d-test", "cw2-transposed-test"},
    ),
    "last value kept where windows overlap": Wrong(
        {
            "cw2-vjp-input": changed("cw2-vjp-input", ("+=", "=")),
            "cw2-unpool": changed("cw2-unpool", ("+=", "=")),
        },
        {"cw2-vjp-input-test", "cw2-unpool-test"},
    ),
    "kernel flipped, NaN overlooked, mean over the batch": Wrong(
        {
            "cw2-conv2d": changed("cw2-conv2d", ("w[k, c, u, v]", "w[k, c, kh - 1 - u, kw - 1 - v]")),
            "cw2-max-pool": changed("cw2-max-pool", (" or (np.isnan(value) and not np.isnan(best))", "")),
            "cw2-vjp-weight": changed("cw2-vjp-weight", ("= total", "= total / n")),
        },
        {"cw2-conv2d-test", "cw2-max-pool-test", "cw2-vjp-weight-test"},
    ),
    "not compiled, and the old order of loops": Wrong(
        {
            "cw2-vjp-input": changed("cw2-vjp-input", ("@numba.njit\n", "")),
            "cw2-fast": changed("cw2-fast").split("@numba.njit\ndef conv2d_fast")[0] + "conv2d_fast = conv2d",
        },
        {"cw2-vjp-input-test", "cw2-fast-test"},
    ),
    "minixai's own function": Wrong(
        {
            "cw2-conv2d": OWN_CONV2D,
            "cw2-vjp-input": OWN_VJP_INPUT,
            "cw2-vjp-weight": OWN_VJP_WEIGHT,
            "cw2-max-pool": OWN_MAX_POOL,
            "cw2-unpool": OWN_UNPOOL,
            "cw2-fast": OWN_FAST,
        },
        {
            f"cw2-{exercise}-test"
            for exercise in ("conv2d", "vjp-input", "vjp-weight", "max-pool", "unpool", "fast")
        },
    ),
}
