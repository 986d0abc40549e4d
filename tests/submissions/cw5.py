"""Wrong submissions of coursework 5."""

from __future__ import annotations

from tests.submissions import Wrong

ACTIVE_ONLY = """\
def patterns(positive, negative, w):
    def divided(numerator):
        denominator = np.sum(w * numerator, axis=1, keepdims=True)
        return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)

    everything = merge(positive, negative)
    return divided(everything.cross), divided(positive.cross), divided(negative.cross)
"""

HAND_WITHOUT_MEAN = """\
by_hand = {
    "w": np.array([a_d[1], -a_d[0]]) / (a_s[0] * a_d[1] - a_s[1] * a_d[0]),
    "a": a_s,
    "a_plus": a_s,
    "a_minus": a_s,
    "b_zero": 2 * c / 3,
}
"""

VARIANCE_OF_THE_REGIME = """\
def patterns(positive, negative, w):
    n = positive.n + negative.n
    mean_y = (positive.n * positive.mean_y + negative.n * negative.mean_y) / n

    def pattern(m):
        numerator = m.cross + (m.n * (m.mean_y - mean_y))[:, None] * m.mean_x
        variance = np.sum(w * m.cross, axis=1, keepdims=True)
        return np.divide(numerator, variance, out=np.zeros_like(numerator), where=variance != 0)

    return pattern(merge(positive, negative)), pattern(positive), pattern(negative)
"""

NOT_CENTRED = """\
def moments(x, y, keep):
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n = keep.sum(axis=0).astype(np.float64)
    share = keep / np.maximum(n, 1)
    return Moments(n, share.T @ x, (share * y).sum(axis=0), (y * keep).T @ x)
"""

CONV_NOT_CENTRED = """\
def conv_moments(x, w, b, **how):
    weight = mx.Tensor(w)
    y = mx.ops.conv2d(mx.Tensor(x), weight, mx.Tensor(b), **how)

    def of(keep):
        sums = [mx.backward(y, g, wrt=[weight])[weight].reshape(len(w), -1) for g in (keep, y.value * keep)]
        n = keep.sum(axis=(0, 2, 3)).astype(np.float64)
        mean_y = (y.value * keep).sum(axis=(0, 2, 3)) / np.maximum(n, 1)
        return Moments(n, sums[0] / np.maximum(n, 1)[:, None], mean_y, sums[1])

    return of(y.value > 0), of(y.value <= 0)
"""

IN_SAMPLE = """\
def rho(d_v, y_v, d_test, y_test):
    result = np.full(len(d_test), np.nan)
    for j, d in enumerate(d_test):
        y = y_test[:, j] - y_test[:, j].mean()
        read = d @ np.linalg.lstsq(d - d.mean(axis=0), y, rcond=1e-10)[0]
        if np.ptp(read) > 0 and np.ptp(y) > 0:
            result[j] = 1 - np.corrcoef(read, y)[0, 1]
    return result
"""

EQUAL_BATCHES = """\
def merge(one, other):
    return Moments(
        one.n + other.n,
        (one.mean_x + other.mean_x) / 2,
        (one.mean_y + other.mean_y) / 2,
        one.cross + other.cross,
    )
"""

FACTOR_WITH_BIAS = """\
def rest(x, w, b, a_plus, a_minus):
    y = (x @ w.T + b).T[:, :, None]
    return x - np.where(y > 0, a_plus[:, None], a_minus[:, None]) * y
"""

MOVED_LIKE_SAMPLES = """\
def in_other_coordinates(w, b, a, m, t):
    return w @ m.T, b, a @ m.T
"""

PLACES_FIRST = """\
def patches(x, size, stride, padding):
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(2, 3))[:, :, ::stride, ::stride]
    return windows.transpose(2, 3, 0, 1, 4, 5).reshape(-1, x.shape[1] * size[0] * size[1])
"""

OWN_MOMENTS = """\
def moments(x, y, keep):
    return cw5.answers.moments_of(x, y, keep)
"""

OWN_PATTERNS = """\
from minixai.signal.moments import Moments as Sums

def patterns(positive, negative, w):
    n = positive.n + negative.n
    mean_y = (positive.n * positive.mean_y + negative.n * negative.mean_y) / n
    cross = {
        name: m.cross + (m.n * (m.mean_y - mean_y))[:, None] * m.mean_x
        for name, m in (("positive", positive), ("negative", negative))
    }
    square_y = np.sum(w * (cross["positive"] + cross["negative"]), axis=1)
    sums = Sums(n[0], mean_y, square_y, positive.n, positive.mean_y, positive.mean_x, cross, positive.mean_x)
    return tuple(mx.signal.pattern_of(sums, w, kind) for kind in ("linear", "positive", "negative"))
"""

OWN_RHO = """\
def rho(d_v, y_v, d_test, y_test):
    return cw5.answers.rho(d_v, y_v, d_test, y_test)
"""

OWN_CONV_MOMENTS = """\
from minixai.signal.moments import moments_of

def conv_moments(x, w, b, **how):
    sums = moments_of(mx.ops.conv2d(mx.Tensor(x), mx.Tensor(w), mx.Tensor(b), **how).node)

    def of(n, total_x, total_y, cross):
        step = total_y / np.maximum(n, 1)
        total_x, cross = total_x.reshape(len(w), -1), cross.reshape(len(w), -1)
        return Moments(
            n,
            total_x / np.maximum(n, 1)[:, None],
            np.where(n > 0, sums.mean_y + step, 0),
            cross - step[:, None] * total_x,
        )

    others = sums.sum_x - sums.positive_x
    return (
        of(sums.positive_count, sums.positive_x, sums.positive_y, sums.cross["positive"]),
        of(sums.count - sums.positive_count, others, -sums.positive_y, sums.cross["negative"]),
    )
"""

WRONG = {
    "E[y] over the active samples only": Wrong(
        {"cw5-patterns": ACTIVE_ONLY, "cw5-by-hand": HAND_WITHOUT_MEAN},
        {"cw5-patterns-test", "cw5-by-hand-test"},
    ),
    "means not subtracted, divided by the variance of the wrong samples": Wrong(
        {
            "cw5-moments": NOT_CENTRED,
            "cw5-conv-moments": CONV_NOT_CENTRED,
            "cw5-patterns": VARIANCE_OF_THE_REGIME,
        },
        {"cw5-moments-test", "cw5-conv-moments-test", "cw5-patterns-test"},
    ),
    "in sample, and batches merged as if they were alike": Wrong(
        {"cw5-rho": IN_SAMPLE, "cw5-merge": EQUAL_BATCHES}, {"cw5-rho-test", "cw5-merge-test"}
    ),
    "biases, coordinates and places": Wrong(
        {
            "cw5-rest": FACTOR_WITH_BIAS,
            "cw5-in-other-coordinates": MOVED_LIKE_SAMPLES,
            "cw5-patches": PLACES_FIRST,
        },
        {"cw5-rest-test", "cw5-in-other-coordinates-test", "cw5-patches-test"},
    ),
    "minixai's own function": Wrong(
        {
            "cw5-moments": OWN_MOMENTS,
            "cw5-patterns": OWN_PATTERNS,
            "cw5-rho": OWN_RHO,
            "cw5-conv-moments": OWN_CONV_MOMENTS,
        },
        {"cw5-moments-test", "cw5-patterns-test", "cw5-rho-test", "cw5-conv-moments-test"},
    ),
}
