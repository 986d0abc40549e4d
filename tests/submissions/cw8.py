"""Wrong submissions of coursework 8, and other right problems."""

from __future__ import annotations

from typing import NamedTuple

from tests.submissions import Wrong


class Another(NamedTuple):
    """A problem of one's own, with its network and its failure."""

    problem: str
    network: str
    failure: str

    @property
    def answers(self) -> dict[str, str]:
        return {f"cw8-{name}": source for name, source in self._asdict().items()}


SENSORS = Another(
    problem="""
def problem(rng, n, strength):
    # Three sensors, each with a reference of its own that sees the sensor's drift, and an idle one.
    y = rng.integers(2, size=n)
    drift = rng.standard_normal((n, 3))
    own = np.sqrt(1 - strength**2) * rng.standard_normal((n, 3))
    sensors = np.array([1.0, 0.8, 1.2]) * (2 * y - 1)[:, None] + strength * drift + own
    references = np.array([0.7, 1.0, 2.0]) * drift
    idle = rng.standard_normal((n, 1))
    return np.hstack([sensors, references, idle]), y, np.arange(7) < 3
""",
    network="""
def network(strength):
    w = np.zeros(7)
    w[:3] = np.array([1.0, 0.8, 1.2]) / (1 - strength**2)
    w[3:6] = -w[:3] * strength / np.array([0.7, 1.0, 2.0])
    return [(w[None], np.zeros(1))]
""",
    failure="""
from math import erf, exp, pi, sqrt

def failure(strength):
    # w_j x_j of a sensor, N(±m, 1) with w ∝ m, and of its reference, N(0, r²) with w ∝ −m·strength/r.
    def size(m, s):
        return s * sqrt(2 / pi) * exp(-(m**2) / (2 * s**2)) + m * erf(m / (s * sqrt(2)))

    true = sum(m * size(m, 1) for m in (1.0, 0.8, 1.2))
    false = sum(m * strength / r * size(0, r) for m, r in ((1.0, 0.7), (0.8, 1.0), (1.2, 2.0)))
    return "input_x_gradient", false / (true + false)
""",
)
CORRELATED = Another(
    problem="""
def covariance(strength):
    # 20 time steps of noise whose neighbours are alike.
    steps = np.arange(20)
    return strength ** np.abs(steps[:, None] - steps)

def problem(rng, n, strength):
    y = rng.integers(2, size=n)
    pulse = np.isin(np.arange(20), (8, 9, 10, 11))
    noise = rng.standard_normal((n, 20)) @ np.linalg.cholesky(covariance(strength)).T
    return noise + 0.7 * np.outer(2 * y - 1, pulse), y, pulse
""",
    network="""
def network(strength):
    w = np.linalg.inv(covariance(strength)) @ np.isin(np.arange(20), (8, 9, 10, 11))
    return [(w[None], np.zeros(1))]
""",
    failure="""
def failure(strength):
    # The inverse of r^|i−j| has three diagonals: 1 + r² and −r beside it, over 1 − r². Of the pulse's four
    # steps the outer ones keep 1 − r + r², the inner ones (1 − r)², and the two neighbours get −r.
    r = strength
    true = 2 * (1 - r + r**2) + 2 * (1 - r) ** 2
    return "guided_backprop", 2 * r / (true + 2 * r)
""",
)
PRODUCT = Another(
    problem="""
def problem(rng, n, strength):
    # The class says whether two features have the same sign; each has a carrier that is seen by another.
    y = rng.integers(2, size=n)
    one = rng.choice([-1, 1], n)
    signs = np.stack([one, one * (2 * y - 1)], axis=1)
    carriers = rng.standard_normal((n, 2))
    x = signs + strength * carriers + 0.4 * rng.standard_normal((n, 2))
    return np.hstack([x, carriers, rng.standard_normal((n, 1))]), y, np.arange(5) < 2
""",
    network="""
def network(strength):
    u, v = np.array([[1, 0, -strength, 0, 0], [0, 1, 0, -strength, 0]])
    w = np.stack([u + v, -u - v, u - v, v - u])
    return [(w, np.zeros(4)), (np.array([[1.0, 1, -1, -1]]), np.zeros(1))]
""",
    failure="""
def failure(strength):
    # |u + v| − |u − v| = ±2·min(|u|, |v|): the gradient is that of u or of v, (1, −strength) either way.
    return "gradient", strength / (1 + strength)
""",
)
RIGHT = {"sensors": SENSORS, "correlated": CORRELATED, "product": PRODUCT}

LEAKS = """
def problem(rng, n, strength):
    y = rng.integers(2, size=n)
    obj, wall = (np.zeros((4, 4)) for _ in range(2))
    obj[:2, :2] = wall[2:, :2] = 1
    light = strength * rng.standard_normal(n) + 0.3 * (2 * y - 1)
    x = 0.6 * np.multiply.outer(2.0 * y - 1, obj) + np.multiply.outer(light, obj + wall)
    x += 0.5 * rng.standard_normal(x.shape)
    return x.reshape(n, 16), y, obj.ravel() == 1
"""
TOO_WEAK = LEAKS.replace(" + 0.3 * (2 * y - 1)", "").replace("0.6 *", "0.2 *")
BY_HAND_OF_SEED_0 = """
def by_hand():
    return {"w": [0.7, -0.6], "pattern": [1 / 1.4, 0], "shares": [6 / 13, 0]}
"""
RATIO = """
def failure(strength):
    q = 4 * strength**2 / (0.25 + 8 * strength**2)
    return "gradient", q / (1 - q)
"""
MEAN_OF_SHARES = """
def marks(maps, truth):
    heat, k = np.abs(maps), int(truth.sum())
    shares = heat[:, ~truth].sum(axis=1) / heat.sum(axis=1)
    order = np.argsort(-heat, axis=1)[:, :k]
    return shares.mean(), truth[order].mean()
"""
NO_RANDOM_MAP = """
def on_scale(marks, right, random, seed=0, resamples=2000):
    less = np.asarray(marks) - right
    drawn = np.random.default_rng(seed).integers(len(less), size=(resamples, len(less)))
    return less.mean(), *np.percentile(less[drawn].mean(axis=1), [2.5, 97.5])
"""
NO_CONTROLS = """
def findings():
    found, _ = results["closed form", 0.9]
    shares = {"failure": found[method][:, 0], "repair": found["repair"][:, 0], "repair fails": failing}
    return {name: interval(values) for name, values in shares.items()}
"""
SIGN_OF_THE_WALL = """
def network(strength):
    w = np.zeros((4, 4))
    q = strength**2 * 4 / (0.25 + 8 * strength**2)
    w[:2, :2], w[2:, :2] = 1 - q, q
    return [(w.reshape(1, 16), np.zeros(1))]
"""
PATTERN_NET = """
def repair(layers, fitted_to, x):
    h, patterns = fitted_to, []
    for w, b in layers:
        y = h @ w.T + b
        centred = y - y.mean(axis=0)
        power = (centred**2).sum(axis=0)[:, None]
        together = centred.T @ (h - h.mean(axis=0))
        patterns.append(np.divide(together, power, out=np.zeros_like(together), where=power > 0))
        h = np.maximum(y, 0)
    h, active = x, []
    for w, b in layers:
        y = h @ w.T + b
        active.append(y > 0)
        h = np.maximum(y, 0)
    g = y
    for k in reversed(range(len(layers))):
        g = (g * active[k] if k < len(layers) - 1 else g) @ patterns[k]
    return g
"""

OWN_FUNCTIONS = {
    "cw8-problem": """
from minixai.data import suppressor_8x8 as drawn_by_another

def problem(rng, n, strength):
    drawn = drawn_by_another(n, distractor=strength, seed=int(rng.integers(1 << 30)))
    return drawn.x.reshape(n, -1), drawn.y, drawn.truth[0].ravel() == 1
""",
    "cw8-marks": """
import minixai as mx

def marks(maps, truth):
    everywhere = np.broadcast_to(truth.astype(int), maps.shape)
    share = 1 - mx.evaluate.marks.share_on_truth(maps.reshape(1, -1), everywhere.reshape(1, -1))[0]
    return share, mx.evaluate.marks.precision(maps, everywhere).mean()
""",
    "cw8-scale": """
import sys

def on_scale(marks, right, random, seed=0, resamples=2000):
    mean_interval = sys.modules["minixai.bootstrap"].mean_interval
    positions = (np.asarray(marks) - right) / (np.asarray(random) - right)
    return mean_interval(positions, draws=resamples, seed=seed)
""",
    "cw8-repair": """
import minixai as mx

class Repair:
    def __call__(self, layers, fitted_to, x):
        net = self.net = networks.as_network(layers)
        net.patterns = mx.signal.fit_patterns(net, [fitted_to], kinds=("linear",), progress=False)
        return np.asarray(mx.methods.pattern_attribution(net, x, kind="linear"))

repair = Repair().__call__
""",
}
REFERENCES = {
    "cw8-marks": """
def marks(maps, truth):
    return cw8.answers.false_share(maps, truth), cw8.answers.precision(maps, truth)
""",
    "cw8-scale": """
from minixai.course.cw8.answers import on_scale as renamed

def on_scale(marks, right, random, seed=0, resamples=2000):
    n = len(marks)
    return renamed(*map(np.asarray, (marks, right, random)),
                   np.random.default_rng(seed).integers(n, size=(resamples, n)))
""",
    "cw8-repair": """
import sys

def repair(layers, fitted_to, x):
    return sys.modules["minixai.course.cw8.answers"].repaired(layers, fitted_to, x)
""",
}
SIMULATED = """
def failure(strength):
    x, y, truth = problem(np.random.default_rng(1), 20_000, strength)
    heat = np.abs(network(strength)[0][0]) * np.ones_like(x)
    return "gradient", heat[:, ~truth].sum() / heat.sum()
"""
WRITES = PATTERN_NET.replace("@ patterns[k]", "@ (layers[k][0] * patterns[k])").replace(
    "    h, patterns = fitted_to, []\n",
    "    fitted_to -= fitted_to.mean(axis=0)\n    h, patterns = fitted_to, []\n",
)
PRINTS_TO_STDERR = """
import sys

def marks(maps, truth):
    print("dividing", file=sys.stderr)
    heat, k = np.abs(maps), int(truth.sum())
    whole = heat.sum()
    least = np.sort(heat, axis=1)[:, -k][:, None]
    above, tied = heat > least, heat == least
    places = k - above.sum(axis=1)
    hits = above[:, truth].sum(axis=1) + places * tied[:, truth].sum(axis=1) / tied.sum(axis=1)
    return (heat[:, ~truth].sum() / whole if whole > 0 else np.nan), (hits / k).mean()
"""


def tests_of(*names: str) -> set[str]:
    return {f"cw8-{name}-test" for name in names}


WRONG = {
    "another right problem, a product": Wrong(PRODUCT.answers, set()),
    "the truth leaks into the rest, by hand the numbers of seed 0, an argument written to": Wrong(
        {"cw8-problem": LEAKS, "cw8-hand": BY_HAND_OF_SEED_0, "cw8-repair": WRITES},
        tests_of("problem", "network", "hand", "repair", "findings"),
    ),
    "the class cannot be told, wrong normalisation, no controls": Wrong(
        {
            "cw8-problem": TOO_WEAK,
            "cw8-failure": RATIO,
            "cw8-marks": MEAN_OF_SHARES,
            "cw8-scale": NO_RANDOM_MAP,
            "cw8-findings": NO_CONTROLS,
        },
        tests_of("problem", "failure", "marks", "scale", "findings"),
    ),
    "a sign of the network, PatternNet in place of PatternAttribution, words on stderr": Wrong(
        {"cw8-network": SIGN_OF_THE_WALL, "cw8-repair": PATTERN_NET, "cw8-marks": PRINTS_TO_STDERR},
        tests_of("network", "findings", "repair", "marks"),
    ),
    "minixai's own functions": Wrong(
        OWN_FUNCTIONS, tests_of("problem", "network", "failure", "findings", "marks", "scale", "repair")
    ),
    "the reference's own functions, a simulation for a formula": Wrong(
        REFERENCES | {"cw8-failure": SIMULATED}, tests_of("marks", "scale", "repair", "failure", "findings")
    ),
}
