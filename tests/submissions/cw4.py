"""Wrong submissions of coursework 4."""

from __future__ import annotations

from tests.submissions import Wrong

OVER_THE_OUTPUTS = """
def epsilon_dense(x, w, b, r, epsilon):
    z = x @ w.T + b
    offset = epsilon * np.where(z >= 0, 1, -1)
    s, dropped = divide(r, z + offset)
    q = x[:, None, :] * w
    relevance = (q / q.sum(axis=1, keepdims=True) * r[:, :, None]).sum(axis=1)
    return relevance, {"bias": total(b * s), "epsilon": total(offset * s), "zero": total(dropped)}
"""
OVER_ABSOLUTE_VALUES = """
def epsilon_layer(op, x, w, b, r, epsilon):
    size = op(np.abs(x), np.abs(w)).value + np.abs(b) + epsilon
    x = mx.Tensor(x)
    linear = op(x, w)
    s, dropped = divide(r, size)
    relevance = x.value * mx.backward(linear, s, wrt=[x])[x]
    rest = total(r - b * s) - total(relevance)
    return relevance, {"bias": total(b * s), "epsilon": rest, "zero": total(dropped)}
"""

DENSE_WITHOUT_BIAS = """
def epsilon_dense(x, w, b, r, epsilon):
    z = x @ w.T
    offset = epsilon * np.where(z >= 0, 1, -1)
    s, dropped = divide(r, z + offset)
    return x * (s @ w), {"bias": np.zeros(len(x)), "epsilon": total(offset * s), "zero": total(dropped)}
"""
LAYER_WITHOUT_BIAS = """
def epsilon_layer(op, x, w, b, r, epsilon):
    x = mx.Tensor(x)
    z = op(x, w)
    offset = epsilon * np.where(z.value >= 0, 1, -1)
    s, dropped = divide(r, z.value + offset)
    relevance = x.value * mx.backward(z, s, wrt=[x])[x]
    return relevance, {"bias": np.zeros(len(r)), "epsilon": total(offset * s), "zero": total(dropped)}
"""

DENSE_SIGN_0_IS_0 = """
def epsilon_dense(x, w, b, r, epsilon):
    z = x @ w.T + b
    offset = epsilon * np.sign(z)
    s, dropped = divide(r, z + offset)
    return x * (s @ w), {"bias": total(b * s), "epsilon": total(offset * s), "zero": total(dropped)}
"""
LAYER_SIGN_0_IS_0 = """
def epsilon_layer(op, x, w, b, r, epsilon):
    x = mx.Tensor(x)
    linear = op(x, w)
    z = linear.value + b
    offset = epsilon * np.sign(z)
    s, dropped = divide(r, z + offset)
    relevance = x.value * mx.backward(linear, s, wrt=[x])[x]
    return relevance, {"bias": total(b * s), "epsilon": total(offset * s), "zero": total(dropped)}
"""
BETA_IS_ADDED = """
def alpha_beta_layer(op, x, w, b, r, alpha, beta):
    relevance, bias, zero = 0, 0, 0
    for scale, half, other in [(alpha, np.maximum, np.minimum), (beta, np.minimum, np.maximum)]:
        xp, xn = mx.Tensor(np.maximum(x, 0)), mx.Tensor(np.minimum(x, 0))
        z = op(xp, half(w, 0)) + op(xn, other(w, 0))
        s, dropped = divide(scale * r, z.value + half(b, 0))
        g = mx.backward(z, s, wrt=[xp, xn])
        relevance = relevance + xp.value * g[xp] + xn.value * g[xn]
        bias, zero = bias + total(half(b, 0) * s), zero + total(dropped)
    return relevance, {"bias": bias, "zero": zero}
"""

EVEN_SHARES = """
def epsilon_dense(x, w, b, r, epsilon):
    nothing = np.zeros(len(x))
    even = np.repeat(total(r)[:, None] / x.shape[1], x.shape[1], axis=1)
    return even, {"bias": nothing, "epsilon": nothing, "zero": nothing}
"""
CHANGED_PLACES = """
def box_layer(op, x, w, r, low, high):
    above, below = mx.Tensor(x - low), mx.Tensor(x - high)
    z = op(above, np.minimum(w, 0)) + op(below, np.maximum(w, 0))
    s, dropped = divide(r, z.value)
    g = mx.backward(z, s, wrt=[above, below])
    return above.value * g[above] + below.value * g[below], {"zero": total(dropped)}
"""
ALL_SCORES = """
def walk(steps, x, target):
    inputs = []
    for _, forward, _ in steps:
        inputs.append(x)
        x = forward(x)
    r, rows = x, []
    for (name, _, rule), x in zip(reversed(steps), reversed(inputs)):
        came = total(r)
        r, leaks = rule(x, r)
        rows.append((name, came, total(r), leaks))
    return r, rows
"""
BY_SIZE = """
def removal(score, x, relevance, counts, fill=0.0):
    order = np.argsort(-np.abs(relevance).reshape(len(x), -1), axis=1, kind="stable")
    scores = []
    for k in counts:
        changed = x.reshape(len(x), -1).copy()
        np.put_along_axis(changed, order[:, :k], fill, axis=1)
        scores.append(score(changed.reshape(x.shape)))
    return np.stack(scores, axis=1)
"""
FIRST_NUMBER_ONLY = """
z = claims.sum() + bias
hand = [bias / z * arrives, z, claims[3] / z * arrives, 2 * bias / z * arrives]
"""

BY_RULE = """
def ruled(op, x, w, b, r, rule, *reasons):
    x, leaks = mx.Tensor(x), {}

    def booked(g, node):
        shares = rule(g, node)
        leaks.update({reason: shares.leaks[reason] for reason in reasons})
        return shares

    z = op(x, w, np.ravel(b)) if np.ndim(b) else op(x, w)
    return mx.backward(z, r, rules={z.node.op: booked}, wrt=[x])[x], leaks
"""
OWN_FUNCTIONS = {
    "cw4-epsilon-dense": BY_RULE
    + """

def epsilon_dense(x, w, b, r, epsilon):
    return ruled(mx.ops.linear, x, w, b, r, mx.rules.epsilon(epsilon), "bias", "epsilon", "zero")
""",
    "cw4-epsilon-layer": BY_RULE
    + """

def epsilon_layer(op, x, w, b, r, epsilon):
    return ruled(op, x, w, b, r, mx.rules.epsilon(epsilon), "bias", "epsilon", "zero")
""",
    "cw4-alpha-beta": BY_RULE
    + """

def alpha_beta_layer(op, x, w, b, r, alpha, beta):
    return ruled(op, x, w, b, r, mx.rules.alpha_beta(alpha, beta), "bias", "zero")
""",
    "cw4-box": BY_RULE
    + """

def box_layer(op, x, w, r, low, high):
    return ruled(op, x, w, 0.0, r, mx.rules.box(low, high), "zero")
""",
}

WRONG = {
    "sums over the outputs and over absolute values": Wrong(
        answers={"cw4-epsilon-dense": OVER_THE_OUTPUTS, "cw4-epsilon-layer": OVER_ABSOLUTE_VALUES},
        loses={"cw4-epsilon-dense-test", "cw4-epsilon-layer-test"},
    ),
    "bias left out and the ledger closes": Wrong(
        answers={"cw4-epsilon-dense": DENSE_WITHOUT_BIAS, "cw4-epsilon-layer": LAYER_WITHOUT_BIAS},
        loses={"cw4-epsilon-dense-test", "cw4-epsilon-layer-test"},
    ),
    "sign 0 is 0 and beta is added": Wrong(
        answers={
            "cw4-epsilon-dense": DENSE_SIGN_0_IS_0,
            "cw4-epsilon-layer": LAYER_SIGN_0_IS_0,
            "cw4-alpha-beta": BETA_IS_ADDED,
        },
        loses={"cw4-epsilon-dense-test", "cw4-epsilon-layer-test", "cw4-alpha-beta-test"},
    ),
    "even shares that conserve and other misreadings": Wrong(
        answers={
            "cw4-epsilon-dense": EVEN_SHARES,
            "cw4-hand": FIRST_NUMBER_ONLY,
            "cw4-box": CHANGED_PLACES,
            "cw4-walk": ALL_SCORES,
            "cw4-removal": BY_SIZE,
        },
        loses={
            "cw4-epsilon-dense-test",
            "cw4-hand-test",
            "cw4-box-test",
            "cw4-walk-test",
            "cw4-removal-test",
        },
    ),
    "minixai's own functions": Wrong(
        answers=OWN_FUNCTIONS, loses={f"{grade_id}-test" for grade_id in OWN_FUNCTIONS}
    ),
}
