"""Wrong submissions of coursework 7."""

from __future__ import annotations

from tests.submissions import Wrong

PATTERN_IS_THE_CONCEPT = """
def by_hand():
    w = np.array([a_d[1], -a_d[0]]) / (a_c[0] * a_d[1] - a_c[1] * a_d[0])
    return {"pattern": a_c, "filter": w, "along_concept": g @ a_c, "along_pattern": g @ a_c,
            "along_filter": g @ w, "q_zero": q0}
"""
LABELS_ALONE = """
def joint(h, labels):
    h, labels = h - h.mean(axis=0), labels - labels.mean(axis=0)
    sigma = labels.T @ h / len(h)
    return sigma / labels.var(axis=0)[:, None], sigma @ np.linalg.pinv(h.T @ h / len(h), rcond=1e-10)
"""
SIGNALS_ALONE = """
def leace(h, labels):
    mean = h.mean(axis=0)
    sigma = (h - mean).T @ (labels - labels.mean(axis=0)) / len(h)
    w = np.linalg.pinv((h - mean).T @ (h - mean) / len(h), rcond=1e-10) @ sigma
    return mean, np.eye(len(mean)) - sigma / np.sum(w * sigma, axis=0) @ w.T
"""

MEAN_OVER_PLACES = """
def sensitivities(net, layer, x, k, v):
    logits, layers = net.trace(mx.Tensor(x))
    h = layers[layer][0]
    chosen = np.zeros_like(logits.value)
    chosen[:, k] = 1
    gradient = mx.backward(logits, chosen, wrt=[h])[h]
    if gradient.ndim == 4 and np.ndim(v) == 1:
        return gradient.mean(axis=(2, 3)) @ v
    return (gradient * v).reshape(len(x), -1).sum(axis=1)
"""
NOT_COUNTED = """
def rank_p(scores, random_scores):
    difference = random_scores - scores[:, None]
    tails = [np.mean(sign * difference >= -1e-9, axis=1) for sign in (1, -1)]
    return np.minimum(1, 2 * np.minimum(*tails))
"""
NO_CONSTANT = """
def r_squared(h, t, degree):
    i, j = np.triu_indices(h.shape[1])
    features = h if degree == 1 else np.concatenate([h, h[:, i] * h[:, j]], axis=1)
    read = features @ np.linalg.lstsq(features, t)[0]
    return 1 - np.sum((t - read) ** 2) / np.sum((t - t.mean()) ** 2)
"""

RUNS_AS_SAMPLES = """
def t_test_level(runs, ratio, alpha):
    critical = stats.t.ppf(1 - alpha / 2, runs - 1)
    return 2 * stats.t.sf(critical / np.sqrt(1 + ratio), runs - 1)
"""
ALPHA_IS_THE_LEVEL = """
def levels():
    return {"distance": alpha, "without_one": alpha, "doubled": alpha, "smaller": 2 * alpha, "t_test": alpha,
            "least": n}
"""
ALONG_SIGMA = """
def leace(h, labels):
    mean = h.mean(axis=0)
    sigma = (h - mean).T @ (labels - labels.mean(axis=0)) / len(h)
    return mean, np.eye(len(mean)) - sigma @ np.linalg.pinv(sigma)
"""
NOTHING_IS_LEFT = """
def erasing():
    w = np.linalg.solve(cov_h, cov_ht)
    change = cov_ht @ cov_ht / (w @ cov_ht)
    return {"w": w, "a": cov_ht / (w @ cov_ht), "before": w @ cov_ht / var_t, "leace_change": change,
            "pattern_change": change, "left_by_filter": 0, "task": r**2}
"""

# Right in all that the visible checks show.
NO_DEAD_UNITS = """
def joint(h, labels):
    h, labels = h - h.mean(axis=0), labels - labels.mean(axis=0)
    sigma = labels.T @ h
    return np.linalg.solve(labels.T @ labels, sigma), np.linalg.solve(h.T @ h, sigma.T).T
"""
CHANNELS_ONLY = """
def sensitivities(net, layer, x, k, v):
    logits, layers = net.trace(mx.Tensor(x))
    h = layers[layer][0]
    chosen = np.zeros_like(logits.value)
    chosen[:, k] = 1
    gradient = mx.backward(logits, chosen, wrt=[h])[h]
    return gradient.reshape(len(x), len(v), -1).sum(axis=2) @ v
"""
NO_TOLERANCE = """
def rank_p(scores, random_scores):
    tails = [1 + np.sum(sign * random_scores >= sign * scores[:, None], axis=1) for sign in (1, -1)]
    return np.minimum(1, 2 * np.minimum(*tails) / (1 + random_scores.shape[1]))
"""
TRUE_INVERSES = """
def leace(h, labels):
    mean = h.mean(axis=0)
    sigma = (h - mean).T @ (labels - labels.mean(axis=0)) / len(h)
    w = np.linalg.solve((h - mean).T @ (h - mean) / len(h), sigma)
    return mean, np.eye(len(mean)) - sigma @ np.linalg.inv(sigma.T @ w) @ w.T
"""
NO_DIVISION_BY_ZERO = """
def r_squared(h, t, degree):
    i, j = np.triu_indices(h.shape[1])
    features = h if degree == 1 else np.concatenate([h, h[:, i] * h[:, j]], axis=1)
    features = features - features.mean(axis=0)
    features = features / np.maximum(features.std(axis=0), 1e-300)
    moments, t = features.T @ features, t - t.mean()
    if np.linalg.matrix_rank(moments) < len(moments) and len(h) > 4:
        return 0.0
    read = features @ (np.linalg.pinv(moments) @ (features.T @ t))
    return np.sum(read * t) / np.sum(t**2)
"""

OF_SEED_0 = {
    "cw7-by-hand": """
def by_hand():
    a_c, a_d, p, q0, q1, g = cw7.layer(0)
    pattern, w = a_c + (q1 - q0) * a_d, np.linalg.solve([a_c, a_d], [1, 0])
    return {"pattern": pattern, "filter": w, "along_concept": g @ a_c, "along_pattern": g @ pattern,
            "along_filter": g @ w, "q_zero": q0 - (g @ a_c) / (g @ a_d)}
""",
    "cw7-levels": """
def levels():
    return {"distance": 5 / 92, "without_one": 6 / 92, "doubled": 4 / 92, "smaller": 10 / 92,
            "t_test": 0.4943, "least": 366}
""",
    "cw7-erasing": """
def erasing():
    return {"w": [1, 3], "a": [0, 1 / 3], "before": 21 / 23, "leace_change": 7 / 3, "pattern_change": 3,
            "left_by_filter": 49 / 1587, "task": 0.36}
""",
}

OWN_FUNCTIONS = {
    "cw7-joint": """
def joint(h, labels):
    found = mx.signal.eraser(h, labels)
    return np.linalg.pinv(np.cov(labels.T, ddof=0).reshape(2 * labels.shape[1:])) @ found.filter @ np.cov(
        h.T, ddof=0), found.filter
""",
    "cw7-sensitivities": """
from minixai.concepts.layer import gradients

def sensitivities(net, layer, x, k, v):
    found = gradients("sensitivities", net, layer, x, k, None)
    return np.sum(found * np.reshape(v, (*np.shape(v), *[1] * (found.ndim - 1 - np.ndim(v)))),
                  axis=tuple(range(1, found.ndim)))
""",
    "cw7-leace": """
class Copy:
    eraser = staticmethod(mx.signal.eraser)

def leace(h, labels):
    found = Copy.eraser(h, labels)
    return found.mean, (found(found.mean + np.eye(len(found.mean))) - found.mean).T
""",
}

REFERENCES = {
    "cw7-by-hand": """
def by_hand():
    return cw7.answers.by_hand(cw7.layer(SEED))
""",
    "cw7-joint": """
from minixai.course.cw7.answers import joint
""",
    "cw7-sensitivities": """
class Copy:
    def __init__(self):
        self.found = cw7.answers.sensitivities

    def __call__(self, *given):
        return self.found(*given)

sensitivities = Copy()
sensitivities.__name__ = "sensitivities"
""",
    "cw7-rank-p": """
import sys

def rank_p(scores, random_scores):
    return sys.modules["minixai.course.cw7.answers"].rank_p(scores, random_scores)
""",
    "cw7-t-test-level": """
from functools import partial

t_test_level = partial(cw7.answers.t_test_level)
""",
    "cw7-levels": """
def levels():
    return vars(cw7)["answers"].levels(cw7.tests(SEED))
""",
    "cw7-leace": """
def leace(h, labels):
    return cw7.answers.leace(h, labels)
""",
    "cw7-erasing": """
def erasing():
    return cw7.answers.erasing(cw7.moments(SEED))
""",
    "cw7-r-squared": """
def r_squared(h, t, degree):
    return cw7.answers.r_squared(h, t, degree)
""",
}

WRITES = """
def leace(h, labels):
    mean = h.mean(axis=0)
    h -= mean
    sigma = h.T @ (labels - labels.mean(axis=0)) / len(h)
    w = np.linalg.pinv(h.T @ h / len(h), rcond=1e-10, hermitian=True) @ sigma
    return mean, np.eye(len(mean)) - sigma @ np.linalg.pinv(sigma.T @ w, rcond=1e-10) @ w.T
"""
COMPLAINS = """
import sys

def t_test_level(runs, ratio, alpha):
    print("a warning", file=sys.stderr)
    return 2 * stats.t.sf(stats.t.ppf(1 - alpha / 2, runs - 1) / np.sqrt(1 + runs * ratio), runs - 1)
"""

COPIES = {
    "cw7-joint": REFERENCES["cw7-joint"],
    "cw7-rank-p": REFERENCES["cw7-rank-p"],
    "cw7-t-test-level": COMPLAINS,
    "cw7-levels": REFERENCES["cw7-levels"],
    "cw7-r-squared": REFERENCES["cw7-r-squared"],
}

WRONG = {
    "each label alone, and a pattern that is the concept": Wrong(
        {"cw7-by-hand": PATTERN_IS_THE_CONCEPT, "cw7-joint": LABELS_ALONE, "cw7-leace": SIGNALS_ALONE},
        {"cw7-by-hand-test", "cw7-joint-test", "cw7-leace-test"},
    ),
    "a mean over places, the concept not counted, no constant": Wrong(
        {
            "cw7-sensitivities": MEAN_OVER_PLACES,
            "cw7-rank-p": NOT_COUNTED,
            "cw7-leace": WRITES,
            "cw7-r-squared": NO_CONSTANT,
        },
        {"cw7-sensitivities-test", "cw7-rank-p-test", "cw7-leace-test", "cw7-r-squared-test"},
    ),
    "runs taken for samples, along σ alone, nothing left": Wrong(
        {
            "cw7-t-test-level": RUNS_AS_SAMPLES,
            "cw7-levels": ALPHA_IS_THE_LEVEL,
            "cw7-leace": ALONG_SIGMA,
            "cw7-erasing": NOTHING_IS_LEFT,
        },
        {"cw7-t-test-level-test", "cw7-levels-test", "cw7-leace-test", "cw7-erasing-test"},
    ),
    "right but for what the hidden tests add": Wrong(
        {
            "cw7-joint": NO_DEAD_UNITS,
            "cw7-sensitivities": CHANNELS_ONLY,
            "cw7-rank-p": NO_TOLERANCE,
            "cw7-leace": TRUE_INVERSES,
            "cw7-r-squared": NO_DIVISION_BY_ZERO,
        },
        {
            "cw7-joint-test",
            "cw7-sensitivities-test",
            "cw7-rank-p-test",
            "cw7-leace-test",
            "cw7-r-squared-test",
        },
    ),
    # The tests of the checks try every copy; here one stands in each cell.
    "minixai's own functions, the reference's, seed 0's numbers, writing to arguments and to stderr": Wrong(
        OWN_FUNCTIONS | OF_SEED_0 | COPIES, {f"{grade_id}-test" for grade_id in REFERENCES}
    ),
}
