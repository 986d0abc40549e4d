"""Wrong submissions of coursework 6."""

from __future__ import annotations

from tests.submissions import Wrong

LENGTH_OF_D = """
def scaled(d, w):
    along = tuple(range(1, d.ndim))
    length = np.sqrt((d * d).sum(axis=along, keepdims=True))
    return np.divide(d, length, out=np.zeros_like(d), where=length != 0)
"""
BY_HAND_THE_SAME = """
def by_hand():
    a = d / np.sqrt(d @ d)
    return {"pattern": a, "PatternNet": g * a, "PatternAttribution": g * w * a}
"""

GATE_MISSING = """
def pattern_map(net, x, target, patterns, make_rule, start):
    leaf = mx.Tensor(x)
    output, _ = net.trace(leaf)
    cotangent = np.zeros_like(output.value)
    at = np.arange(len(x)), target
    cotangent[at] = output.value[at] if start == "score" else 1
    rules = {layer: make_rule(a) for layer, a in patterns.items()}
    rules[mx.ops.relu] = lambda g, node: (g,)
    return mx.backward(output, cotangent, rules, wrt=[leaf])[leaf]
"""
STARTS_AT_ONE = GATE_MISSING.replace('output.value[at] if start == "score" else 1', "1").replace(
    "    rules[mx.ops.relu] = lambda g, node: (g,)\n", ""
)

WEIGHTS_LEFT_IN = """
def pattern_net_rule(a):
    def rule(g, node):
        x, w = mx.Tensor(node.arrays[0]), node.arrays[1]
        gx = mx.backward(node.op(x, w * a, **node.params), g, wrt=[x])[x]
        return (gx, *[None] * (len(node.inputs) - 1))

    return rule
"""
DENSE_ONLY = """
def pattern_attribution_rule(a):
    def rule(g, node):
        return (g @ (node.arrays[1] * a), *[None] * (len(node.inputs) - 1))

    return rule
"""

ONE_AT_A_TIME = """
def degradation(predict, x, heat, target, patch, fill="mean"):
    def probability(images):
        y = predict(images)
        p = np.exp(y - y.max(axis=1, keepdims=True))
        return p[np.arange(len(p)), target] / p.sum(axis=1)

    n, _, height, width = x.shape
    columns = width // patch
    sums = heat.sum(axis=1).reshape(n, height // patch, patch, columns, patch).sum(axis=(2, 4)).reshape(n, -1)
    found = [probability(x)]
    for numbers in np.argsort(-sums, axis=1, kind="stable").T:
        changed = x.copy()
        for image, number in zip(changed, numbers):
            row, column = np.array(divmod(number, columns)) * patch
            window = image[:, row : row + patch, column : column + patch]
            window[:] = window.mean(axis=(1, 2), keepdims=True) if fill == "mean" else fill
        found.append(probability(changed))
    return np.stack(found, axis=1)
"""
ONE_MEAN = (
    ONE_AT_A_TIME.replace("        changed = x.copy()\n", "")
    .replace("    found = [", "    changed = x.copy()\n    found = [")
    .replace("window.mean(axis=(1, 2), keepdims=True)", "window.mean()")
)
OVERFLOWS = ONE_MEAN.replace("window.mean()", "window.mean(axis=(1, 2), keepdims=True)").replace(
    " - y.max(axis=1, keepdims=True)", ""
)
NOT_PAIRED = """
def difference_interval(areas, others, seed=0, resamples=2000):
    rng = np.random.default_rng(seed)
    n = len(areas)
    means = [np.asarray(a)[rng.integers(n, size=(resamples, n))].mean(axis=1) for a in (areas, others)]
    return np.mean(areas) - np.mean(others), *np.percentile(means[0] - means[1], [2.5, 97.5])
"""
CORRELATION = """
def similarity(maps, others):
    pairs = zip(maps.reshape(len(maps), -1), others.reshape(len(maps), -1))
    return np.array([abs(np.corrcoef(a, b)[0, 1]) if a.any() and b.any() else np.nan for a, b in pairs])
"""

OWN_FUNCTIONS = {
    "cw6-net": """
def pattern_net_rule(a):
    def rule(g, node):
        return mx.rules.pattern_net({node.layer: a}, "linear")[node.op](g, node)

    return rule
""",
    "cw6-attribution": """
def pattern_attribution_rule(a):
    def rule(g, node):
        return mx.rules.pattern_attribution({node.layer: a}, "linear")[node.op](g, node).shares

    return rule
""",
    "cw6-map": """
def pattern_map(net, x, target, patterns, make_rule, start):
    seed = "value" if start == "score" else "one"
    return mx.methods.pattern_net(net, x, target, seed=seed, patterns=patterns).map
""",
    "cw6-degradation": """
def degradation(predict, x, heat, target, patch, fill="mean"):
    fill = "patch mean" if fill == "mean" else fill
    return mx.evaluate.degrade(
        net, x, heat, target, patch=patch, steps=None, fill=fill, progress=False
    ).scores
""",
}

REFERENCES = {
    "cw6-scaled": """
from minixai.course.cw6.answers import scaled
""",
    "cw6-net": """
from minixai.course.cw6.answers import walked

def pattern_net_rule(a):
    return lambda g, node: (walked(g, a, node), *[None] * (len(node.inputs) - 1))
""",
    "cw6-attribution": """
from minixai.course.cw6.answers import walked

def pattern_attribution_rule(a):
    return lambda g, node: (walked(g, node.arrays[1] * a, node), *[None] * (len(node.inputs) - 1))
""",
    "cw6-degradation": """
def degradation(predict, x, heat, target, patch, fill="mean"):
    return cw6.answers.curve(predict, x, heat, target, patch, fill)
""",
}

WRONG = {
    "wrong normalisation, one mean for all channels": Wrong(
        {"cw6-scaled": LENGTH_OF_D, "cw6-hand": BY_HAND_THE_SAME, "cw6-degradation": ONE_MEAN},
        {"cw6-scaled-test", "cw6-hand-test", "cw6-degradation-test"},
    ),
    "the gate of ReLU missing, a softmax that overflows": Wrong(
        {"cw6-map": GATE_MISSING, "cw6-interval": NOT_PAIRED, "cw6-degradation": OVERFLOWS},
        {"cw6-map-test", "cw6-interval-test", "cw6-degradation-test"},
    ),
    "w left in PatternNet, and the start at one": Wrong(
        {"cw6-net": WEIGHTS_LEFT_IN, "cw6-map": STARTS_AT_ONE}, {"cw6-net-test", "cw6-map-test"}
    ),
    "patches not kept, dense layers only": Wrong(
        {"cw6-degradation": ONE_AT_A_TIME, "cw6-attribution": DENSE_ONLY, "cw6-similarity": CORRELATION},
        {"cw6-degradation-test", "cw6-attribution-test", "cw6-similarity-test"},
    ),
    "minixai's own functions": Wrong(OWN_FUNCTIONS, {f"{grade_id}-test" for grade_id in OWN_FUNCTIONS}),
    "the reference's own functions": Wrong(REFERENCES, {f"{grade_id}-test" for grade_id in REFERENCES}),
}
