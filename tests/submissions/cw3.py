"""Wrong submissions of coursework 3."""

from __future__ import annotations

from tests.submissions import Wrong

GATE_MISSING = """
def relu_rule(forward, backward):
    def rule(g, node):
        if backward:
            return (np.maximum(g, 0),)
        return (g * (node.arrays[0] > 0) if forward else g,)

    return rule
"""
BY_HAND_WITHOUT_THE_GATE = """
def by_hand():
    positive = np.maximum(w2, 0) @ w1
    return {"gradient": ((w1 @ x > 0) * w2) @ w1, "DeConvNet": positive, "guided": positive}
"""

SIGN_REVERSED = """
def relu_rule(forward, backward):
    def rule(g, node):
        gx = np.minimum(g, 0) if backward else g
        return (gx * (node.arrays[0] > 0) if forward else gx,)

    return rule
"""
WRONG_SIDE = """
def relu_rule(forward, backward):
    def rule(g, node):
        gx = np.maximum(g, 0) if backward else g
        return (gx * (node.arrays[0] < 0) if forward else gx,)

    return rule
"""
SWITCHES_IGNORED = """
def unpool_switches(g, node):
    return unpool_centre(g, node)
"""
OVERWRITTEN = """
def unpool_switches(g, node):
    (x,) = node.arrays
    gx = np.zeros(x.shape, g.dtype)
    for n, c in np.ndindex(*g.shape[:2]):
        gx[n, c].reshape(-1)[node.saved[n, c]] = g[n, c]
    return (gx,)
"""
TABLE_NOT_USED = """
def project(net, x, layer, start, rules=None):
    leaf = mx.Tensor(x)
    output = net.trace(leaf)[1][layer][0]
    return mx.backward(output, start(output.value), wrt=[leaf])[leaf]
"""
COUNTED_TWICE = """
def strongest(maps, channel, k):
    values = maps[:, channel]
    order = np.argsort(-values, axis=None, kind="stable")[:k]
    return np.stack(np.unravel_index(order, values.shape), axis=1)
"""
COSINE = """
def class_correlation(maps):
    flat = maps.reshape(*maps.shape[:2], -1).astype(np.float64)
    unit = flat / np.linalg.norm(flat, axis=2, keepdims=True)
    pairs = np.triu_indices(len(maps), 1)
    return (unit[pairs[0]] * unit[pairs[1]]).sum(axis=2).mean(axis=0)
"""
NOT_CUT_OFF = """
def receptive_field(windows, row, column, size):
    edges = []
    for place in (row, column):
        first = last = place
        for kernel, stride, padding in windows[::-1]:
            first, last = first * stride - padding, last * stride - padding + kernel - 1
        edges += [first, last + 1]
    return edges
"""

OWN_FUNCTIONS = {
    "cw3-relu": """
def relu_rule(forward, backward):
    if backward:
        return (mx.rules.guided_backprop() if forward else mx.rules.deconvnet())[mx.ops.relu]
    return mx.ops.relu.vjp if forward else lambda g, node: (g,)
""",
    "cw3-switches": """
def unpool_switches(g, node):
    return node.op.vjp(g, node)
""",
    "cw3-centre": """
def unpool_centre(g, node):
    return mx.rules.unpooling("centre")(g, node)
""",
    "cw3-project": """
def project(net, x, layer, start, rules=None):
    return mx.methods.guided_backprop(net, x, layer=layer).map
""",
    "cw3-field": """
def receptive_field(windows, row, column, size):
    image = unit = mx.Tensor(np.zeros((1, 1, *size)))
    for kernel, stride, padding in windows:
        unit = mx.ops.max_pool2d(unit, kernel, stride, padding)
    rows, columns = mx.nn.receptive_field(unit, image, row, column)
    return rows.start, rows.stop, columns.start, columns.stop
""",
}

REFERENCES = {
    "cw3-relu": """
from minixai.course.cw3.answers import through_gates

def relu_rule(forward, backward):
    return lambda g, node: (through_gates(g, node.arrays[0], forward, backward),)
""",
    "cw3-switches": """
def unpool_switches(g, node):
    return (cw3.answers.at_switches(g, node.arrays[0], node.saved),)
""",
    "cw3-centre": """
from minixai.course.cw3.answers import at_centres

def unpool_centre(g, node):
    kernel, stride, padding = (node.params[name] for name in ("kernel_size", "stride", "padding"))
    return (at_centres(g, node.arrays[0], (kernel, stride, padding)),)
""",
    "cw3-field": """
def receptive_field(windows, row, column, size):
    return cw3.answers.receptive_field(windows, (row, column), size)
""",
}

WRONG = {
    "guided backprop without the forward gate": Wrong(
        {"cw3-relu": GATE_MISSING, "cw3-by-hand": BY_HAND_WITHOUT_THE_GATE},
        {"cw3-relu-test", "cw3-by-hand-test"},
    ),
    "the sign of the cotangent reversed, switches ignored": Wrong(
        {"cw3-relu": SIGN_REVERSED, "cw3-switches": SWITCHES_IGNORED, "cw3-project": TABLE_NOT_USED},
        {"cw3-relu-test", "cw3-switches-test", "cw3-project-test"},
    ),
    "the gate of the wrong side, a shared switch overwritten": Wrong(
        {
            "cw3-relu": WRONG_SIDE,
            "cw3-switches": OVERWRITTEN,
            "cw3-strongest": COUNTED_TWICE,
            "cw3-field": NOT_CUT_OFF,
            "cw3-correlation": COSINE,
        },
        {
            "cw3-relu-test",
            "cw3-switches-test",
            "cw3-strongest-test",
            "cw3-field-test",
            "cw3-correlation-test",
        },
    ),
    "minixai's own functions": Wrong(OWN_FUNCTIONS, {f"{grade_id}-test" for grade_id in OWN_FUNCTIONS}),
    "the reference's own functions": Wrong(REFERENCES, {f"{grade_id}-test" for grade_id in REFERENCES}),
}
