# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 1 · Your own tape
#
# In lesson 1 you walked back along a tape of single numbers, and read how minixai does it with arrays. Now
# you write the whole thing: the order of the walk, the walk, the VJPs, the check that they are right. At
# the end a network learns to read digits on *your* tape, and your walk shows how its answer depends on
# each pixel.
#
# **You need:** lesson 1, and from lesson 3 what gradient descent is. Nothing to fetch: the images are
# scikit-learn's digits.
#
# **Time:** 90 to 120 minutes. The cells run about 5 seconds.
#
# | exercise | points |
# |---|---|
# | 1 · by hand | 5 |
# | 2 · the order of the walk | 15 |
# | 3 · the walk | 15 |
# | 4 · broadcasting, backwards | 10 |
# | 5 · the VJP of a stack of matrix products | 10 |
# | 6 · the VJP of indexing | 10 |
# | 7 · log-softmax and its VJP | 10 |
# | 8 · a gradient check | 10 |
# | 9 · a network on your tape | 15 |
# | **all** | **100** |
#
# **Rules.** Write where `raise NotImplementedError` stands, and replace that line. The work is your own:
# while the checks run, minixai's tape, operations, layers and gradient check are out of reach. Use NumPy as
# you like.
#
# **Checks.** Below each exercise a cell checks your answer. A cell that prints nothing has passed; an error
# says what is wrong. When the work is marked, the same checks run with other numbers and some more cases
# (other shapes, float32, unusual inputs that the text names). Each exercise is marked on its own: one that
# is missing takes no points from the next.
#
# **To hand in:** *Restart and run all* first, see that no check fails, save.

# %%
from types import SimpleNamespace

import matplotlib
import numpy as np
from sklearn.datasets import load_digits

from minixai.course.cw1 import checks as cw1
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-by-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1 · By hand (5 points)
#
# A neuron with two weights and a bias sees three inputs, the rows of $X$. Each has a target:
#
# $$z_i=x_{i1}w_1+x_{i2}w_2+b,\qquad y_i=\max(z_i,0),\qquad L=\tfrac12\sum_{i=1}^3 (y_i-t_i)^2.$$
#
# There is one $b$ for all three rows: it is used three times. Find $\partial L/\partial w_1$,
# $\partial L/\partial w_2$ and $\partial L/\partial b$ with pencil and paper for the numbers that the next
# cell prints. Then write the three numbers in this order: first by $w_1$, then by $w_2$, last by $b$, such
# as `by_hand = [3, -1, 2]`.

# %%
X, w, b, t = cw1.hand_numbers(SEED)
print(f"X =\n{X}\nw = {w}\nb = {b}\nt = {t}")

# %% nbgrader={"grade": false, "grade_id": "cw1-by-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
z = X @ w + b
error = (z - t) * (z > 0)
by_hand = [*(error @ X), error.sum()]
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cw1-by-hand-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw1.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-node", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## The tape
#
# A **node** holds an array, the nodes that it was computed from, and its VJP. The VJP is a function: it takes
# the cotangent of the node, of the shape of `value`, and returns a tuple with one cotangent for each input,
# each of the shape of that input. A leaf has no inputs, and its VJP is `None`. A node knows where it comes
# from, not where it goes.


# %% nbgrader={"grade": false, "grade_id": "cw1-node-code", "locked": true, "schema_version": 3, "solution": false, "task": false}
class Node:
    """An array on the tape, the nodes that it was computed from, and g -> a cotangent for each of them."""

    def __init__(self, value, inputs=(), vjp=None):
        self.value, self.inputs, self.vjp = np.asarray(value), tuple(inputs), vjp


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-order-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2 · The order of the walk (15 points)
#
# The walk may leave a node only when *all* that was computed from this node is done. Otherwise a part of its
# cotangent is still to come. In lesson 1 every scalar had a number, and sorting by that gave the order. Our
# nodes have none, so the order must be found: a **topological order**.
#
# Write `order(output)`. It returns a list of all nodes that `output` was computed from, each *once*, each
# *after* all of its inputs, with `output` last. Where several orders are right, any will do.
#
# Worked example: `a` and `b` are leaves, `c` was computed from `(a, b)`, and `d` from `(c, a)`. Then
# `order(d)` is `[a, b, c, d]` or `[b, a, c, d]`. Something else that was computed from `c` is not in it.
#
# Your function must cope with a chain of 10 000 nodes. A function that calls itself for each of them does
# not: Python stops at 1 000 calls within calls. It is best to keep a list of what is still to do. (To raise
# Python's limit with `sys.setrecursionlimit` is allowed, too.) And $a+a$, doubled again and again 30 times,
# has 31 nodes but $2^{30}$ ways back: look at the inputs of each node a few times only. Leave no marks on
# the nodes; what you want to remember of them goes into a dict or a set of your own.
#
# <details><summary>Hint</summary>
#
# Go from the output backwards and turn the list round at the end. Kahn (1962) first counts how often each
# node is used as an input. The output is ready at once. Whenever you put a node into the list, count down
# each of its inputs; one that has reached 0 is ready. (A node that is used twice by the same other node
# counts twice.)
#
# </details>
#
# Reference: A. B. Kahn, *Topological sorting of large networks*, Communications of the ACM 5 (1962).


# %% nbgrader={"grade": false, "grade_id": "cw1-order", "locked": false, "schema_version": 3, "solution": true, "task": false}
def order(output):
    """All nodes that output was computed from: a list, inputs before what was computed from them.

    output: a Node.
    """
    ### BEGIN SOLUTION
    uses, todo = {output: 0}, [output]
    while todo:
        for each in todo.pop().inputs:
            if each not in uses:
                uses[each] = 0
                todo.append(each)
            uses[each] += 1

    nodes, ready = [], [output]
    while ready:
        nodes.append(ready.pop())
        for each in nodes[-1].inputs:
            uses[each] -= 1
            if uses[each] == 0:
                ready.append(each)
    return nodes[::-1]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-order-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw1.check_order(order, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_order(order, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-walk-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3 · The walk (15 points)
#
# Let $\bar v$ be the cotangent of node $v$. The walk starts with the $g$ that it is given for the last node.
# At each node, the VJP says which part goes to which input, and parts that meet are added:
#
# $$\bar v_i=\sum_{k\text{ computed from }i}\bar v_k\,\frac{\partial v_k}{\partial v_i}$$
#
# (reverse mode; Baydin et al., *Automatic differentiation in machine learning: a survey*, 2018,
# section 3.2).
#
# Write `walk(nodes, g, wrt)`, where `nodes` is in the order of exercise 2 and `g` has the shape of
# `nodes[-1].value`. It returns a list with one array for each node in `wrt`: its cotangent, of the shape and
# dtype of its value. (Right VJPs already give that; only the zeros are yours to make.)
#
# - A node in `wrt` that is not among `nodes` takes no part: its cotangent is *zeros*. One in `wrt` may also
#   be an inner node, or the output.
# - Call the VJP of each node at most once. That of a leaf is `None`. Again, leave no marks on the nodes.
# - A VJP may hand on the very array that it got. That of $a+b$ may be `lambda g: (g, g)`. So never change an
#   array: what you add to may be the cotangent of another node, too.
#
# Worked example: $(a+b)\cdot a$, entry by entry, with `a = [3, 1]`, `b = [2, 5]` and `g = [1, 10]`. The
# factor $a+b$ gets $g\cdot a$ = `[3, 10]`, and hands that to `a` and to `b`. The factor `a` gets
# $g\cdot(a+b)$ = `[5, 60]`. So `walk([a, b, total, product], g, [a, b])` is `[[8, 70], [3, 10]]`.


# %% nbgrader={"grade": false, "grade_id": "cw1-walk", "locked": false, "schema_version": 3, "solution": true, "task": false}
def walk(nodes, g, wrt):
    """The cotangents of the nodes in wrt: a list of arrays.

    nodes: a list of Node, inputs before what was computed from them. g: the cotangent of the last one.
    wrt: a list of Node.
    """
    ### BEGIN SOLUTION
    arrived = {nodes[-1]: g}
    for node in reversed(nodes):
        if node.inputs:
            for each, part in zip(node.inputs, node.vjp(arrived[node]), strict=True):
                arrived[each] = arrived[each] + part if each in arrived else part
    return [arrived[node] if node in arrived else np.zeros_like(node.value) for node in wrt]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-walk-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw1.check_walk(walk, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_walk(walk, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-unbroadcast-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 · Broadcasting, backwards (10 points)
#
# NumPy stretches small arrays: for $X$ of shape (3, 2) and $b$ of shape (2,), `X + b` uses each entry of $b$
# three times. What is used several times gets the *sum* of what arrives. So the VJP of every operation that
# stretches its inputs ends with the same step.
#
# Write `unbroadcast(g, shape)`: `g` is the cotangent of an array that was stretched from `shape` to
# `g.shape`. Return the cotangent of what it was before. NumPy's rule: shapes are aligned at the *last* axis;
# missing axes in front count as 1; an axis of size 1 is stretched. The dtype stays.
#
# Worked example: `g = [[1, 2, 3], [4, 5, 6]]` gives `[5, 7, 9]` for the shape `(3,)`, `[[6], [15]]` for
# `(2, 1)`, and `21` for `()`.


# %% nbgrader={"grade": false, "grade_id": "cw1-unbroadcast", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unbroadcast(g, shape):
    """The cotangent of an array of this shape that was broadcast to the shape of g.

    g: a float array. shape: a tuple of numbers, to which g.shape fits by NumPy's rule.
    """
    ### BEGIN SOLUTION
    new = g.ndim - len(shape)
    stretched = [new + k for k, size in enumerate(shape) if size == 1]
    return g.sum(axis=(*range(new), *stretched)).reshape(shape)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-unbroadcast-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw1.check_unbroadcast(unbroadcast, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_unbroadcast(unbroadcast, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-matmul-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 · The VJP of a stack of matrix products (10 points)
#
# NumPy's `x @ y` multiplies whole stacks of matrices: of shapes (…, m, j) and (…, j, n). The axes in front
# are broadcast, so one matrix `y` may meet every matrix of a stack `x`. For a single pair,
#
# $$\bar X=\bar Z\,Y^{\mathsf T},\qquad \bar Y=X^{\mathsf T}\bar Z,\qquad\text{for } Z=XY$$
#
# (Giles, *Collected matrix derivative results for forward and reverse mode algorithmic differentiation*,
# 2008, section 2.2). Write `matmul_vjp(g, x, y, unbroadcast)` for stacks; it returns the tuple `(gx, gy)`, in
# the dtype of `x` and `y`. The function of exercise 4 comes as an argument: the check hands in one that is
# right.
#
# Worked example: `x = [[[1, 2]], [[3, 4]]]` is a stack of two, `y = [[5, 6], [7, 8]]` serves for both, and
# `g = [[[1, 0]], [[0, 10]]]`. Then `gx = [[[5, 7]], [[60, 80]]]` and `gy = [[1, 30], [2, 40]]`.
#
# <details><summary>Hint</summary>
#
# `.T` turns *all* axes round, those of the stack too; `.swapaxes(-1, -2)` only the last two.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "cw1-matmul", "locked": false, "schema_version": 3, "solution": true, "task": false}
def matmul_vjp(g, x, y, unbroadcast):
    """The cotangents (gx, gy), of the shapes of x and y, for x @ y.

    x: (…, m, j). y: (…, j, n). g: the shape of x @ y. All of one float dtype, which stays.
    unbroadcast: the function of exercise 4.
    """
    ### BEGIN SOLUTION
    gx = g @ y.swapaxes(-1, -2)
    gy = x.swapaxes(-1, -2) @ g
    return unbroadcast(gx, x.shape), unbroadcast(gy, y.shape)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-matmul-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw1.check_matmul_vjp(matmul_vjp, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_matmul_vjp(matmul_vjp, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-index-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6 · The VJP of indexing (10 points)
#
# `y = x[index]` picks entries of $x$: every second row, the diagonal, for each image the logit of its label.
# Each entry of `y` has slope 1 for the entry that it was picked from. So each entry of `g` goes back there:
#
# $$\bar x_p=\sum_{q\text{ picked from }p}\bar y_q.$$
#
# What nobody picked gets 0. What was picked twice gets two parts. Write `index_vjp(g, shape, index)`, where
# `shape` is that of $x$. `index` is anything that NumPy takes in brackets: a number, a slice, an array of
# numbers (some may be negative) or of True and False, or a tuple of such, which may hold `...` and `None`,
# too. The result has the dtype of `g`.
#
# Worked example: $x$ has the shape `(3,)`, `index = [2, 0, 2]`, `g = [1, 10, 100]`. The result is
# `[10, 0, 101]`.


# %% nbgrader={"grade": false, "grade_id": "cw1-index", "locked": false, "schema_version": 3, "solution": true, "task": false}
def index_vjp(g, shape, index):
    """The cotangent of x, for y = x[index].

    g: a float array of the shape of y, whose dtype stays. shape: that of x. index: as in x[index].
    """
    ### BEGIN SOLUTION
    gx = np.zeros(shape, g.dtype)
    np.add.at(gx, index, g)
    return gx
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-index-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw1.check_index_vjp(index_vjp, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_index_vjp(index_vjp, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-log-softmax-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 · Log-softmax and its VJP (10 points)
#
# The last VJP, along the last axis of $x$:
#
# $$y_i=x_i-\log\sum_k e^{x_k}=(x_i-m)-\log\sum_k e^{x_k-m},\qquad
# \frac{\partial y_j}{\partial x_i}=\delta_{ij}-e^{y_i}.$$
#
# The two forms are equal for every $m$. But $e^{1000}$ is too large for a float, and with the largest entry
# as $m$ nothing overflows (Goodfellow, Bengio and Courville, *Deep learning*, 2016, section 4.1).
#
# - `stable_log_softmax(x)`: `x` has the shape (…, k), the result too. It must be right for entries such as
#   1000 and -3000.
# - `log_softmax_vjp(g, y)`: `y` is the *output*. Put the derivative into $\bar x_i=\sum_j\bar y_j\,\partial
#   y_j/\partial x_i$ and split the sum in two, as in lesson 1.
#
# Both keep the dtype. Worked example: `x = [0, log 3]` gives `y = [log ¼, log ¾]`. With this `y`,
# `g = [1, 0]` gives `[0.75, -0.75]`.


# %% nbgrader={"grade": false, "grade_id": "cw1-log-softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def stable_log_softmax(x):
    """The logarithm of softmax along the last axis. x and the result: (…, k), of one float dtype."""
    ### BEGIN SOLUTION
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
    ### END SOLUTION


def log_softmax_vjp(g, y):
    """The cotangent of x, for y = log_softmax(x) along the last axis. g and y: (…, k), float."""
    ### BEGIN SOLUTION
    return g - np.exp(y) * g.sum(axis=-1, keepdims=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-log-softmax-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw1.check_log_softmax(stable_log_softmax, log_softmax_vjp, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_log_softmax(stable_log_softmax, log_softmax_vjp, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-check-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8 · A gradient check (10 points)
#
# A gradient of a million numbers cannot be checked number by number. So move *all* arrays at once, along
# random directions $v$. If the gradient is right, the slope along $v$ is
#
# $$\sum\bar x\cdot v\;\approx\;\frac{f(x+hv)-f(x-hv)}{2h},$$
#
# where the sum runs over all entries of all arrays. Which $h$? The formula is off by about
# $h^2|f'''|/6$, and the rounding of $f$ by about $\varepsilon|f|/h$, where $\varepsilon$ is
# `np.finfo(dtype).eps`. If $f$ and $f'''$ are of order 1, both are about equal at $h=\sqrt[3]\varepsilon$
# (Nocedal and Wright, *Numerical optimization*, 2nd edition, section 8.1).
#
# - `step_of(dtype)`: that $h$, a number. For `np.float64` it is about $6\cdot10^{-6}$.
# - `directional_error(f, arrays, gradients, directions, h)`: by how much the two sides differ, at least 0.
#   `f` takes a list of arrays and returns a number. `arrays`, `gradients` and `directions` are lists of
#   arrays whose shapes agree. Move all arrays at once: call `f` once ahead and once behind, no more. The
#   arrays that you hand to it have the dtype of `arrays`. Change no array in place.
#
# Worked example: $f=x^3$ at $x=1$, with gradient 3, direction 1 and $h=0.1$. The difference is
# $(1.331-0.729)/0.2=3.01$, so the error is 0.01.


# %% nbgrader={"grade": false, "grade_id": "cw1-check", "locked": false, "schema_version": 3, "solution": true, "task": false}
def step_of(dtype):
    """The step for central differences in this dtype: the cube root of its machine epsilon."""
    ### BEGIN SOLUTION
    return float(np.finfo(dtype).eps) ** (1 / 3)
    ### END SOLUTION


def directional_error(f, arrays, gradients, directions, h):
    """By how much the slope of f along the directions differs from the central difference: a number.

    f: a list of arrays -> a number. arrays, gradients, directions: lists of float arrays. h: the step.
    """
    ### BEGIN SOLUTION
    slope = sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True))
    forth = f([x + h * v for x, v in zip(arrays, directions, strict=True)])
    back = f([x - h * v for x, v in zip(arrays, directions, strict=True)])
    return abs(slope - (forth - back) / (2 * h))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-check-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw1.check_gradient_check(step_of, directional_error, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_gradient_check(step_of, directional_error, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-tape-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## Your tape, put together
#
# Nothing to write here. The next cell makes operations on nodes from your functions, and collects them in
# `tape`. The one after it draws random inputs, and checks each operation with your `directional_error`. All
# errors should be below 1e-8.


# %%
def add(a, b):
    """a + b, with broadcasting."""

    def vjp(g):
        return unbroadcast(g, a.value.shape), unbroadcast(g, b.value.shape)

    return Node(a.value + b.value, (a, b), vjp)


def matmul(a, b):
    """a @ b."""
    return Node(a.value @ b.value, (a, b), lambda g: matmul_vjp(g, a.value, b.value, unbroadcast))


def relu(a):
    """max(a, 0), entry by entry."""
    return Node(np.maximum(a.value, 0), (a,), lambda g: (g * (a.value > 0),))


def scale(a, factor):
    """a times a plain number."""
    return Node(a.value * factor, (a,), lambda g: (g * factor,))


def mean(a):
    """The mean of all entries."""
    return Node(np.mean(a.value), (a,), lambda g: (np.full(a.value.shape, g / a.value.size),))


def log_softmax(a):
    """Along the last axis."""
    y = stable_log_softmax(a.value)
    return Node(y, (a,), lambda g: (log_softmax_vjp(g, y),))


def index(a, at):
    """a[at]."""
    return Node(a.value[at], (a,), lambda g: (index_vjp(g, a.value.shape, at),))


def backward(output, g, wrt):
    """The cotangents of the nodes in wrt, where g is that of output."""
    return walk(order(output), np.asarray(g, output.value.dtype), wrt)


tape = SimpleNamespace(
    leaf=Node,
    add=add,
    matmul=matmul,
    relu=relu,
    scale=scale,
    mean=mean,
    log_softmax=log_softmax,
    index=index,
    backward=backward,
)

# %%
rng = np.random.default_rng(SEED)
OPERATIONS = {
    "add": (add, [(4, 3), (3,)]),
    "matmul": (matmul, [(2, 4, 3), (3, 5)]),
    "relu": (relu, [(4, 3)]),
    "scale": (lambda a: scale(a, -2.0), [(4, 3)]),
    "mean": (mean, [(4, 3)]),
    "log_softmax": (log_softmax, [(4, 3)]),
    "index": (lambda a: index(a, [2, 0, 2]), [(4, 3)]),
}


def error_of(operation, shapes):
    """Of the sum of a random cotangent times the output, at a random place along a random direction."""
    arrays, directions = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    leaves = [Node(array) for array in arrays]
    output = operation(*leaves)
    cotangent = rng.normal(size=output.value.shape)
    gradients = backward(output, cotangent, leaves)

    def f(moved):
        return np.sum(cotangent * operation(*map(Node, moved)).value)

    return directional_error(f, arrays, gradients, directions, step_of(np.float64))


for name, (operation, shapes) in OPERATIONS.items():
    print(f"{name:12} error {error_of(operation, shapes):.0e}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-train-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9 · A network on your tape (15 points)
#
# The network has one hidden layer, and the loss is the mean cross entropy:
#
# $$\text{logits}=\max(XW_1+b_1,0)\,W_2+b_2,\qquad
# L=-\frac1n\sum_i \operatorname{log\,softmax}(\text{logits})_{i,\,\text{label}_i}.$$
#
# - `network(tape, x, leaves)`: the node of the logits. `x` is a node, and `leaves` a dict with the nodes
#   `"w1"`, `"b1"`, `"w2"` and `"b2"`.
# - `train(tape, weights, images, labels, rate, steps)`: gradient descent on all images at once. In each
#   step, make *new* leaves of the weights you have by now, compute the loss, note it, walk back, and take
#   $w\leftarrow w-\text{rate}\cdot\bar w$ for all four. Return the dict of the trained weights and the list
#   of the losses, one for each step, noted *before* it. (With `steps = 0`: the weights as they came, and an
#   empty list.) `images` is an array: make a leaf of it. Leave the given weights as they are.
#
# Use the operations of the argument `tape` only, the check hands in its own: `tape.leaf(array)`,
# `tape.add(a, b)`, `tape.matmul(a, b)`, `tape.relu(a)`, `tape.scale(a, factor)`, `tape.mean(a)`,
# `tape.log_softmax(a)`, `tape.index(a, at)`, `tape.backward(output, g, wrt)`. The cotangent of a loss is
# `1.0`.
#
# <details><summary>Hint</summary>
#
# The log-probabilities of the right labels are `tape.index(log_p, (np.arange(n), labels))`.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "cw1-train", "locked": false, "schema_version": 3, "solution": true, "task": false}
def network(tape, x, leaves):
    """The logits, a node (n, k).

    x: a node (n, d). leaves: a dict of nodes, w1 (d, h), b1 (h,), w2 (h, k), b2 (k,).
    """
    ### BEGIN SOLUTION
    hidden = tape.relu(tape.add(tape.matmul(x, leaves["w1"]), leaves["b1"]))
    return tape.add(tape.matmul(hidden, leaves["w2"]), leaves["b2"])
    ### END SOLUTION


def train(tape, weights, images, labels, rate, steps):
    """Gradient descent. Returns the dict of trained weights and the list of losses, one before each step.

    weights: a dict of arrays, as the leaves of network. images: (n, d), float. labels: (n,), 0 to k − 1.
    """
    ### BEGIN SOLUTION
    rows, losses = np.arange(len(labels)), []
    for _ in range(steps):
        leaves = {name: tape.leaf(array) for name, array in weights.items()}
        log_p = tape.log_softmax(network(tape, tape.leaf(images), leaves))
        loss = tape.scale(tape.mean(tape.index(log_p, (rows, labels))), -1.0)
        losses.append(float(loss.value))
        gradients = tape.backward(loss, 1.0, list(leaves.values()))
        weights = {name: weights[name] - rate * g for name, g in zip(leaves, gradients, strict=True)}
    return weights, losses
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw1-train-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw1.check_training(network, train, SEED)
### BEGIN HIDDEN TESTS
cw1.mark_training(network, train, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw1-result-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## What you have built
#
# Your tape trains a network on 250 digits and reads 1 547 others, drawn by your seed. Then the *same walk*
# answers another question: by how much does a digit's own logit change if a pixel does? We start at the
# logits of the right labels and ask for the cotangent of the images. That is the simplest explanation of
# this course, the gradient. Where it is red, more ink raises the logit of the digit's own label. Where it is
# blue, more ink lowers it. The titles say where the network reads another digit.

# %%
images, labels = load_digits(return_X_y=True)
chosen = np.random.default_rng(SEED).permutation(len(images))
images, labels = images[chosen] / 16, labels[chosen]
rng = np.random.default_rng(SEED)
weights = {
    "w1": rng.normal(size=(64, 16)) / 8,
    "b1": np.zeros(16),
    "w2": rng.normal(size=(16, 10)) / 4,
    "b2": np.zeros(10),
}
trained, losses = train(tape, weights, images[:250], labels[:250], rate=0.5, steps=300)

leaves = {name: Node(array) for name, array in trained.items()}
x = Node(images[250:])
logits = network(tape, x, leaves)
own = index(logits, (np.arange(len(labels) - 250), labels[250:]))
(maps,) = backward(own, np.ones(own.value.shape), [x])
read = logits.value.argmax(axis=1)
share = np.mean(read == labels[250:])
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f}; of the other digits it reads {share:.0%}")

picture = Picture(figsize=(13, 3.7), dpi=80, layout="constrained")
left, right = picture.subfigures(1, 2, width_ratios=(1, 1.3))
left.suptitle("Training on your tape", fontsize=style.HEADING_SIZE)
axes = left.subplots()
axes.plot(losses, color=style.INK, linewidth=2)
axes.set(xlabel="step", ylabel="loss", yscale="log")
right.suptitle("Gradient of the digit's own logit", fontsize=style.HEADING_SIZE)
largest = np.abs(maps[:4]).max()
for k, (top, bottom) in enumerate(right.subplots(2, 4).T):
    top.imshow(images[250 + k].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    shown = bottom.imshow(maps[k].reshape(8, 8), cmap="RdBu_r", vmin=-largest, vmax=largest)
    label, said = labels[250 + k], read[k]
    top.set_title(f"a {label}" if said == label else f"a {label}, read as {said}")
    for axes in (top, bottom):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    if k == 0:
        top.set_ylabel("image")
        bottom.set_ylabel("gradient")
right.colorbar(shown, ax=right.axes, shrink=0.8, label="change per unit of ink")
picture
