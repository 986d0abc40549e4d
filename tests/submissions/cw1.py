"""Wrong submissions of coursework 1."""

from __future__ import annotations

from tests.submissions import Wrong

ORDER_BY_DISTANCE = '''\
def order(output):
    """Nearest to the output first, turned round."""
    found = [output]
    for node in found:
        for each in node.inputs:
            if each not in found:
                found.append(each)
    return found[::-1]
'''

RECURSIVE_ORDER = '''\
def order(output):
    """Depth first."""
    nodes = []

    def visit(node):
        if node not in nodes:
            for each in node.inputs:
                visit(each)
            nodes.append(node)

    visit(output)
    return nodes
'''

LAST_PATH_COUNTS = '''\
def walk(nodes, g, wrt):
    """What arrives replaces what was there."""
    arrived = {nodes[-1]: g}
    for node in reversed(nodes):
        if node.inputs:
            arrived.update(zip(node.inputs, node.vjp(arrived[node])))
    return [arrived.get(node, np.zeros_like(node.value)) for node in wrt]
'''

ADDED_IN_PLACE = '''\
def walk(nodes, g, wrt):
    """What arrives is added to what is there, in the same array."""
    arrived = {nodes[-1]: g.copy()}
    for node in reversed(nodes):
        if node.inputs:
            for each, part in zip(node.inputs, node.vjp(arrived[node])):
                if each in arrived:
                    arrived[each] += part
                else:
                    arrived[each] = part
    return [arrived.get(node, np.zeros_like(node.value)) for node in wrt]
'''

AXES_IN_FRONT_ONLY = '''\
def unbroadcast(g, shape):
    """Sums the axes that are new, and forgets those of size 1."""
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    return g
'''

STACK_NOT_SUMMED = '''\
def matmul_vjp(g, x, y, unbroadcast):
    """Each product of the stack alone."""
    return g @ y.swapaxes(-1, -2), x.swapaxes(-1, -2) @ g
'''

PICKED_TWICE_COUNTS_ONCE = '''\
def index_vjp(g, shape, index):
    """Fancy += keeps one part only."""
    gx = np.zeros(shape, g.dtype)
    gx[index] += g
    return gx
'''

ALWAYS_FLOAT64 = '''\
def index_vjp(g, shape, index):
    """Right but for the dtype."""
    gx = np.zeros(shape)
    np.add.at(gx, index, g)
    return gx
'''

NORMALISED_WRONGLY = '''\
def stable_log_softmax(x):
    """Right."""
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def log_softmax_vjp(g, y):
    """Takes the sum of g for 1, as it is for the cross entropy of one image."""
    return g - np.exp(y)
'''

OVERFLOWS = '''\
def stable_log_softmax(x):
    """Not stable."""
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def log_softmax_vjp(g, y):
    """Right."""
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)
'''

ONE_SIDED = '''\
def step_of(dtype):
    """Right."""
    return float(np.finfo(dtype).eps) ** (1 / 3)


def directional_error(f, arrays, gradients, directions, h):
    """One-sided."""
    slope = sum(np.sum(g * v) for g, v in zip(gradients, directions))
    moved = [x + h * v for x, v in zip(arrays, directions)]
    return abs(slope - (f(moved) - f(arrays)) / h)
'''

NO_GATE_BY_HAND = """\
error = np.maximum(X @ w + b, 0) - t
by_hand = [*(error @ X), error.sum()]
"""

NO_RELU = '''\
def network(tape, x, leaves):
    """Forgets the ReLU."""
    hidden = tape.add(tape.matmul(x, leaves["w1"]), leaves["b1"])
    return tape.add(tape.matmul(hidden, leaves["w2"]), leaves["b2"])


def train(tape, weights, images, labels, rate, steps):
    """Right."""
    losses = []
    for _ in range(steps):
        leaves = {name: tape.leaf(array) for name, array in weights.items()}
        log_p = tape.log_softmax(network(tape, tape.leaf(images), leaves))
        loss = tape.scale(tape.mean(tape.index(log_p, (np.arange(len(labels)), labels))), -1.0)
        losses.append(float(loss.value))
        gradients = tape.backward(loss, 1.0, list(leaves.values()))
        weights = {name: weights[name] - rate * g for name, g in zip(leaves, gradients)}
    return weights, losses
'''

OWN_WALK = '''\
def walk(nodes, g, wrt):
    """With minixai's tape."""
    from minixai.op import Op
    from minixai.tape import Node, Tensor, backward

    tensors = {}
    for node in [*nodes, *wrt]:
        op = Op.__new__(Op)
        op.name, op.traits, op.unless = "mine", (), None
        op.vjp = lambda g, made, node=node: node.vjp(g)
        inputs = tuple(tensors[each] for each in node.inputs)
        arrays = tuple(each.value for each in node.inputs)
        made = Node(op, inputs, arrays, node.value, {}, None, None) if inputs else None
        tensors.setdefault(node, Tensor(node.value, made))
    end = tensors[nodes[-1]]
    found = backward(end, g, wrt=[tensors[node] for node in wrt if node in nodes])
    return [found.get(tensors[node], np.zeros_like(node.value)) for node in wrt]
'''

OWN_UNBROADCAST = '''\
def unbroadcast(g, shape):
    """With minixai's addition."""
    import minixai as mx

    small = mx.Tensor(np.zeros(shape, g.dtype))
    return mx.backward(mx.ops.add(small, np.zeros_like(g)), g)[small]
'''

OWN_MATMUL = '''\
def matmul_vjp(g, x, y, unbroadcast):
    """With minixai's product."""
    import minixai as mx

    x, y = mx.Tensor(x), mx.Tensor(y)
    found = mx.backward(mx.ops.matmul(x, y), g)
    return found[x], found[y]
'''

OWN_LOG_SOFTMAX = '''\
def stable_log_softmax(x):
    """With minixai's log_softmax."""
    from minixai import ops

    return ops.log_softmax(x).value


def log_softmax_vjp(g, y):
    """Right."""
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)
'''

OWN_TRAINING = '''\
def network(tape, x, leaves):
    """Right."""
    hidden = tape.relu(tape.add(tape.matmul(x, leaves["w1"]), leaves["b1"]))
    return tape.add(tape.matmul(hidden, leaves["w2"]), leaves["b2"])


def train(tape, weights, images, labels, rate, steps):
    """With minixai's tape and operations."""
    import minixai as mx
    from minixai import ops

    losses = []
    for _ in range(steps):
        leaves = {name: mx.Tensor(array) for name, array in weights.items()}
        hidden = ops.relu(images @ leaves["w1"] + leaves["b1"])
        loss = ops.cross_entropy(hidden @ leaves["w2"] + leaves["b2"], labels)
        losses.append(float(loss.value))
        found = mx.backward(loss)
        weights = {name: weights[name] - rate * found[leaf] for name, leaf in leaves.items()}
    return weights, losses
'''

REFERENCE_UNBROADCAST = """\
from minixai.course.cw1.answers import unbroadcast as right

def unbroadcast(g, shape):
    return right(g, shape)
"""

REFERENCE_MATMUL = """\
import functools
from minixai.course.cw1 import answers

right = functools.partial(answers.matmul_cotangents)

def matmul_vjp(g, x, y, unbroadcast):
    return tuple(each.astype(g.dtype) for each in right(g, x, y))
"""

REFERENCE_INDEX = """\
def index_vjp(g, shape, index, right=cw1.answers.index_cotangent):
    return right(g, shape, index).astype(g.dtype)
"""

REFERENCE_ORDER = """\
def order(output):
    return cw1.answers.sorted_from(output)[::-1]
"""

REFERENCE_LOG_SOFTMAX = """\
tape = cw1.answers.tape()

def stable_log_softmax(x):
    return tape.log_softmax(tape.leaf(x)).value

def log_softmax_vjp(g, y):
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)
"""

WRONG = {
    "one path of many": Wrong(
        {"cw1-order": ORDER_BY_DISTANCE, "cw1-walk": LAST_PATH_COUNTS, "cw1-index": PICKED_TWICE_COUNTS_ONCE},
        {"cw1-order-test", "cw1-walk-test", "cw1-index-test"},
    ),
    "recursive, added in place, broadcasting half undone": Wrong(
        {
            "cw1-order": RECURSIVE_ORDER,
            "cw1-walk": ADDED_IN_PLACE,
            "cw1-unbroadcast": AXES_IN_FRONT_ONLY,
            "cw1-matmul": STACK_NOT_SUMMED,
        },
        {"cw1-order-test", "cw1-walk-test", "cw1-unbroadcast-test", "cw1-matmul-test"},
    ),
    "ReLU missing, wrong normalisation": Wrong(
        {"cw1-by-hand": NO_GATE_BY_HAND, "cw1-log-softmax": NORMALISED_WRONGLY, "cw1-train": NO_RELU},
        {"cw1-by-hand-test", "cw1-log-softmax-test", "cw1-train-test"},
    ),
    "numerically careless": Wrong(
        {"cw1-index": ALWAYS_FLOAT64, "cw1-log-softmax": OVERFLOWS, "cw1-check": ONE_SIDED},
        {"cw1-index-test", "cw1-log-softmax-test", "cw1-check-test"},
    ),
    "minixai's own functions": Wrong(
        {
            "cw1-walk": OWN_WALK,
            "cw1-unbroadcast": OWN_UNBROADCAST,
            "cw1-matmul": OWN_MATMUL,
            "cw1-log-softmax": OWN_LOG_SOFTMAX,
            "cw1-train": OWN_TRAINING,
        },
        {
            "cw1-walk-test",
            "cw1-unbroadcast-test",
            "cw1-matmul-test",
            "cw1-log-softmax-test",
            "cw1-train-test",
        },
    ),
    "the reference's own functions": Wrong(
        {
            "cw1-order": REFERENCE_ORDER,
            "cw1-unbroadcast": REFERENCE_UNBROADCAST,
            "cw1-matmul": REFERENCE_MATMUL,
            "cw1-index": REFERENCE_INDEX,
            "cw1-log-softmax": REFERENCE_LOG_SOFTMAX,
        },
        {
            "cw1-order-test",
            "cw1-unbroadcast-test",
            "cw1-matmul-test",
            "cw1-index-test",
            "cw1-log-softmax-test",
        },
    ),
}
