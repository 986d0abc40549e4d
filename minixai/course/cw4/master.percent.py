# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw4-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 4 · LRP with a ledger that closes
#
# **You will do:** write the rules of layer-wise relevance propagation for batches and for any linear layer,
# each with an account of what it loses; walk a network of your own with them and print a ledger whose rows
# close to $10^{-9}$; then find out what a closed ledger does *not* prove.
#
# **You need:** lesson 8 (the rules, the ledger) and lesson 1 (VJPs, `mx.backward`).
#
# **Time:** 60 to 120 minutes. The cells run about 8 seconds, offline, on scikit-learn's digits.
#
# | exercise | | points |
# |---|---|---|
# | 1 | ε on a dense layer, a batch with three leaks | 15 |
# | 2 | One neuron by hand | 10 |
# | 3 | ε on any linear layer, by its own VJP | 15 |
# | 4 | αβ on any linear layer | 20 |
# | 5 | $z^B$ for pixels | 14 |
# | 6 | The walk and its rows | 14 |
# | 7 | A test that a closed ledger cannot replace | 12 |
#
# **Rules.** This is your own work. While the checks run, `minixai.rules`, `minixai.methods` and
# `minixai.evaluate` are out of reach: an answer that calls them fails. NumPy, `mx.Tensor`, `mx.ops` and
# `mx.backward` are yours to use. An exercise needs no other one to be right.
#
# **Checks.** A test cell that prints nothing has passed; an error says what is wrong. The test cells that
# you see check the essentials; marking looks at other numbers and edge cases: everything the text states.
#
# **To hand in:** *Kernel → Restart and run all*, check that no test cell raises an error, save.

# %%
from functools import partial

import matplotlib
import numpy as np
from sklearn.datasets import load_digits

import minixai as mx
from minixai.course.cw4 import checks as cw4
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=4, suppress=True)
mx.ops.conv2d(np.zeros((1, 1, 3, 3)), np.zeros((1, 1, 3, 3)))  # numba compiles here, not in a test

# %% [markdown]
# Two functions are given, and useful in all exercises. All arrays are float64; leave your arguments as they
# are. The first axis counts images: **nothing may be added up over it.**


# %%
def total(a):
    """(n,): the sum over each image."""
    return a.reshape(len(a), -1).sum(axis=1)


def divide(r, z):
    """r / z, with 0 where z is 0; and the r that were dropped there."""
    return np.divide(r, z, out=np.zeros(np.shape(z)), where=z != 0), np.where(z == 0, r, 0)


print(divide(np.array([6.0, 5.0]), np.array([3.0, 0.0])))

# %% [markdown]
# ## 1 · ε on a dense layer
#
# A layer computes $z_{nj}=\sum_i x_{ni}w_{ij}+b_j$, and relevance $R_{nj}$ arrives. The ε rule (Bach et al.
# 2015, eq. 58) gives
#
# $$R_{ni}=\sum_j \frac{x_{ni}w_{ij}}{z_{nj}+\varepsilon\,\mathrm{sign}\,z_{nj}}\,R_{nj},
# \qquad \mathrm{sign}\,0=+1.$$
#
# Three things can take relevance away. **bias:** $b_j$ is a claim as well. **epsilon:** so is
# $\varepsilon\,\mathrm{sign}\,z_{nj}$. **zero:** with $\varepsilon=0$ the denominator can be 0, and then
# all of $R_{nj}$ is dropped. Return each by its formula, as a sum over the units, for each image. For every
# image it must hold that
#
# $$\sum_i R_{ni}+\text{bias}_n+\text{epsilon}_n+\text{zero}_n=\sum_j R_{nj}.$$


# %% nbgrader={"grade": false, "grade_id": "cw4-epsilon-dense", "locked": false, "schema_version": 3, "solution": true, "task": false}
def epsilon_dense(x, w, b, r, epsilon):
    """The ε rule of a dense layer.

    x: (n, d) inputs. w: (k, d), w[j, i] leads from input i to unit j. b: (k,). r: (n, k) the relevance that
    arrives. epsilon: a number, at least 0.
    Returns (relevance, leaks): relevance (n, d); leaks a dict with "bias", "epsilon" and "zero", each (n,).

    Worked example: x = [[1., 2.]], w = [[1., 1.], [1., -1.]], b = [1., -4.], r = [[10., -6.]], epsilon = 1.
    z = (4, -5), the denominators are (5, -6), r over them is (2, 1).
    relevance = [[1·(2 + 1), 2·(2 - 1)]] = [[3, 2]]; bias = [1·2 - 4·1] = [-2];
    epsilon = [1·2 - 1·1] = [1]; zero = [0]. Together 4, which is 10 - 6.
    With epsilon = 0 and b = [-3., -4.]: z = (0, -5), so zero = [10].
    """
    ### BEGIN SOLUTION
    z = x @ w.T + b
    offset = epsilon * np.where(z >= 0, 1, -1)
    s, dropped = divide(r, z + offset)
    return x * (s @ w), {"bias": total(b * s), "epsilon": total(offset * s), "zero": total(dropped)}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-epsilon-dense-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw4.check_epsilon_dense(epsilon_dense, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_epsilon_dense(epsilon_dense, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## 2 · One neuron by hand
#
# Your neuron has four inputs. The next cell prints their claims $q_i=x_iw_i$, the bias and the relevance
# that arrives.

# %%
claims, bias, arrives = cw4.neuron(SEED)
print(f"claims {claims}, bias {bias}, R = {arrives}")

# %% [markdown]
# Give four numbers, to three significant figures or more:
#
# 1. What does the **bias** get by the ε rule with $\varepsilon=0$?
# 2. For which $\varepsilon$ do the four **inputs together** get exactly half of $R$?
# 3. By the **αβ rule** (exercise 4) with $\alpha=2$, $\beta=1$: what does the **fourth input** get?
# 4. By the same rule: what does the **bias** get?
#
# The test that you see looks at the first number only.

# %% nbgrader={"grade": false, "grade_id": "cw4-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
# hand = [0.0, 0.0, 0.0, 0.0]
### BEGIN SOLUTION
positive, negative = claims[:2].sum(), claims[2:].sum()
hand = [
    bias / (positive + negative + bias) * arrives,
    positive + negative - bias,  # (z − b) / (z + ε) = ½
    -claims[3] / negative * arrives,
    2 * bias / (positive + bias) * arrives,
]
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cw4-hand-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw4.check_hand(hand, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_hand(hand, SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## 3 · ε on any linear layer
#
# Read the rule again: $R=x\odot W^\top s$ with $s=R/(z+\varepsilon\,\mathrm{sign}\,z)$. The product
# $W^\top s$ is what the layer's VJP computes from the cotangent $s$. So a layer that can be differentiated
# can share relevance, and nobody has to write the matrix down. A layer is now an operation `op(x, w)`,
# which is linear in `x` and in `w`:
#
# | layer | `op` | `w` |
# |---|---|---|
# | dense | `mx.ops.linear` | (k, d) |
# | convolution | `partial(mx.ops.conv2d, stride=2, padding=1)` | (k, c, 3, 3) |
# | average pooling, 16 channels, 2×2 | `partial(mx.ops.conv2d, stride=2, groups=16)` | (16, 1, 2, 2): ¼ |
#
# Average pooling *is* a convolution of each channel with itself, and what this function does to it is to
# share in proportion to the pixels. The bias broadcasts to $z$: (k,), (k, 1, 1) or the number 0. It is not
# handed to `op`.
#
# The engine: `z = op(mx.Tensor(x), w)` is a tensor, `z.value` its array, and
# `mx.backward(z, s, wrt=[t])[t]` the VJP of `s` for the tensor `t`.


# %% nbgrader={"grade": false, "grade_id": "cw4-epsilon-layer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def epsilon_layer(op, x, w, b, r, epsilon):
    """The ε rule of the layer z = op(x, w) + b.

    op: an operation of two arrays or tensors. x: (n, …). w: what op takes. b: a number or an array that
    broadcasts to z. r: of z's shape. epsilon: a number, at least 0.
    Returns (relevance, leaks): relevance of x's shape; leaks with "bias", "epsilon", "zero", each (n,).

    Worked example: op = mx.ops.linear and the numbers of exercise 1 give what they gave there.
    """
    ### BEGIN SOLUTION
    x = mx.Tensor(x)
    linear = op(x, w)
    z = linear.value + b
    offset = epsilon * np.where(z >= 0, 1, -1)
    s, dropped = divide(r, z + offset)
    relevance = x.value * mx.backward(linear, s, wrt=[x])[x]
    return relevance, {"bias": total(b * s), "epsilon": total(offset * s), "zero": total(dropped)}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-epsilon-layer-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw4.check_epsilon_layer(epsilon_layer, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_epsilon_layer(epsilon_layer, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## 4 · αβ on any linear layer
#
# With $v^+=\max(v,0)$ and $v^-=\min(v,0)$, the αβ rule (Bach et al. 2015, eq. 60; there β has the other
# sign) shares twice and subtracts:
#
# $$R_i=\sum_j\Big(\alpha\,\frac{(x_iw_{ij})^+}{\sum_{i'}(x_{i'}w_{i'j})^++b_j^+}
# -\beta\,\frac{(x_iw_{ij})^-}{\sum_{i'}(x_{i'}w_{i'j})^-+b_j^-}\Big)R_j,\qquad \alpha-\beta=1.$$
#
# Inputs can have either sign, so $(x_iw_{ij})^+=x_i^+w_{ij}^++x_i^-w_{ij}^-$, and
# $(x_iw_{ij})^-=x_i^+w_{ij}^-+x_i^-w_{ij}^+$. **bias:** what $b^+$ gets, and with its sign what $b^-$ gets.
# **zero:** a unit without positive claims drops $\alpha R_j$, one without negative claims $-\beta R_j$, which
# is negative: the part that should be taken back is taken from nobody.
#
# <details><summary>Hint</summary>
#
# Each half is one `op(…) + op(…)` of tensors, and one `mx.backward` with two tensors in `wrt` answers for
# both.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "cw4-alpha-beta", "locked": false, "schema_version": 3, "solution": true, "task": false}
def alpha_beta_layer(op, x, w, b, r, alpha, beta):
    """The αβ rule of the layer z = op(x, w) + b.

    op, x, w, b, r: as in exercise 3. alpha, beta: numbers, alpha - beta = 1, beta at least 0.
    Returns (relevance, leaks): relevance of x's shape; leaks with "bias" and "zero", each (n,).

    Worked example: op = mx.ops.linear, x = [[1., 2., 1.], [1., 1., 0.]], w = [[2., 1., -2.]], b = [1.],
    r = [[10.], [4.]], alpha = 2, beta = 1.
    First image: claims 2, 2, -2 and b⁺ = 1. α·10 / 5 = 4 gives (8, 8, 0), and 4 to the bias;
    -β·10 / -2 = 5 gives (0, 0, -10). Second: claims 2, 1, 0. α·4 / 4 = 2 gives (4, 2, 0), and 2 to the
    bias; there is no negative claim, and -β·4 is dropped.
    relevance = [[8, 8, -10], [4, 2, 0]], bias = [4, 2], zero = [0, -4].
    """
    ### BEGIN SOLUTION
    xp, xn = mx.Tensor(np.maximum(x, 0)), mx.Tensor(np.minimum(x, 0))
    wp, wn = np.maximum(w, 0), np.minimum(w, 0)
    halves = [
        (alpha, op(xp, wp) + op(xn, wn), np.maximum(b, 0)),
        (-beta, op(xp, wn) + op(xn, wp), np.minimum(b, 0)),
    ]
    relevance, to_bias, zero = np.zeros_like(x), 0, 0
    for scale, z, b_half in halves:
        s, dropped = divide(scale * r, z.value + b_half)
        g = mx.backward(z, s, wrt=[xp, xn])
        relevance += xp.value * g[xp] + xn.value * g[xn]
        to_bias += total(b_half * s)
        zero += total(dropped)
    return relevance, {"bias": to_bias, "zero": zero}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-alpha-beta-test", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
cw4.check_alpha_beta_layer(alpha_beta_layer, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_alpha_beta_layer(alpha_beta_layer, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## 5 · $z^B$ for pixels
#
# Pixels lie in a box, $l_i\le x_i\le h_i$, and a black one should be able to get relevance. The rule of the
# first layer (Montavon et al. 2017, the $z^{\mathcal B}$ rule) is
#
# $$R_i=\sum_j\frac{q_{ij}}{\sum_{i'}q_{i'j}}\,R_j,\qquad q_{ij}=x_iw_{ij}-l_iw_{ij}^+-h_iw_{ij}^-
# =(x_i-l_i)\,w_{ij}^++(x_i-h_i)\,w_{ij}^-.$$
#
# The bias is not in it. A unit whose claims are all 0 drops its relevance (**zero**). So compute the claims
# in the second form: its parts are at least 0, and claims that are all 0 have exactly the sum 0. In the first
# form terms cancel, rounding leaves some $10^{-16}$ in place of 0, and noise shares the unit's relevance.
# The zeros that a convolution pads with are not pixels and claim nothing.
#
# <details><summary>Hint</summary>
#
# Two tensors, `x - low` and `x - high`, one `op(…) + op(…)`, and one `mx.backward`, as in exercise 4. What
# does a convolution pad `x - low` with, and what does that claim?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "cw4-box", "locked": false, "schema_version": 3, "solution": true, "task": false}
def box_layer(op, x, w, r, low, high):
    """The z^B rule of the layer z = op(x, w) + b.

    op, x, w, r: as in exercise 3. low, high: numbers, or arrays that broadcast to x, such as (c, 1, 1).
    Returns (relevance, leaks): relevance of x's shape; leaks with "zero" (n,).

    Worked example: op = mx.ops.linear, x = [[.5, .5], [0., 1.]], w = [[2., -1.]], r = [[3.], [5.]], low = 0,
    high = 1. First image: claims .5·2 = 1 and (.5 - 1)·(-1) = .5. Second: both are 0.
    relevance = [[2, 1], [0, 0]], zero = [0, 5].
    """
    ### BEGIN SOLUTION
    above, below = mx.Tensor(x - low), mx.Tensor(x - high)
    z = op(above, np.maximum(w, 0)) + op(below, np.minimum(w, 0))
    s, dropped = divide(r, z.value)
    g = mx.backward(z, s, wrt=[above, below])
    return above.value * g[above] + below.value * g[below], {"zero": total(dropped)}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-box-test", "locked": true, "points": 14, "schema_version": 3, "solution": false, "task": false}
cw4.check_box_layer(box_layer, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_box_layer(box_layer, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## 6 · The walk and its rows
#
# A network is now a list of steps `(name, forward, rule)`, from the input to the output: `forward(x)` is
# the step's output, and `rule(x, r)` is `(relevance, leaks)`, where `x` is the step's *input* and `r` what
# arrives at its output. The walk goes forward once and remembers. Then it starts with the score of the
# target class, 0 at all other classes, and goes back. Each step leaves a row
# `(name, came, passed_on, leaks)`: what arrived at it, what it passed on, and its rule's leaks.


# %% nbgrader={"grade": false, "grade_id": "cw4-walk", "locked": false, "schema_version": 3, "solution": true, "task": false}
def walk(steps, x, target):
    """Walk the relevance of the target's score back to x.

    steps: a list of (name, forward, rule). x: (n, …). target: (n,) integers, a class for each image.
    Returns (relevance, rows): relevance of x's shape; rows in the order of the walk, so from the last step
    to the first: (name, came (n,), passed_on (n,), leaks), the leaks as the rule gave them.

    Worked example: two steps, "halve" (forward x / 2, rule r·x, and the rest is the leak "lost") and "swap"
    (the two columns change places, of relevance as well). x = [[4., 2.]], target = [0].
    Forward: [[2, 1]], then [[1, 2]]. The score of class 0 is 1, so the walk starts with [[1, 0]].
    swap passes on [[0, 1]], and halve 1·2 of that, as its input was [[4, 2]]: relevance = [[0, 2]],
    rows = [("swap", [1], [1], {}), ("halve", [1], [2], {"lost": [-1]})].
    """
    ### BEGIN SOLUTION
    inputs = []
    for _, forward, _ in steps:
        inputs.append(x)
        x = forward(x)
    image = np.arange(len(x))
    r = np.zeros_like(x)
    r[image, target] = x[image, target]
    rows = []
    for (name, _, rule), x in zip(reversed(steps), reversed(inputs), strict=True):
        came = total(r)
        r, leaks = rule(x, r)
        rows.append((name, came, total(r), leaks))
    return r, rows
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-walk-test", "locked": true, "points": 14, "schema_version": 3, "solution": false, "task": false}
cw4.check_walk(walk, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_walk(walk, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## Your network, your ledger
#
# The next cell trains a small network on scikit-learn's digits (1 797 images of 8×8): the split and the
# first weights come from your seed. Max pooling gives relevance to the pixel that won, which is its VJP;
# flattening only moves it; ReLU passes it on.

# %%
digits = load_digits()
order = np.random.default_rng(SEED).permutation(len(digits.target))
images, labels = digits.images[order, None] / 16, digits.target[order]

rng = np.random.default_rng(SEED)
net = mx.nn.Sequential({
    "conv1": mx.nn.Conv2d(1, 8, 3, padding=1, rng=rng), "relu1": mx.nn.ReLU(), "max": mx.nn.MaxPool2d(2),
    "conv2": mx.nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": mx.nn.ReLU(), "average": mx.nn.AvgPool2d(2),
    "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(64, 10, rng=rng),
})  # fmt: skip
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=15, batch_size=32, seed=SEED, progress=False,
                       optimiser=mx.nn.Adam(net.parameters(), lr=5e-3),
                       validation=(images[1400:], labels[1400:]))  # fmt: skip
print(f"{last.validation_accuracy:.1%} of {len(images) - 1400} digits that were not trained on are right")

trained = {name: a.astype(np.float64) for name, a in net.state_dict().items()}
test, target = images[1400:], labels[1400:]


def weighted(name, op, w, b, rule):
    """The step of a layer with weights, whose rule is rule(op, x, w, b, r)."""
    return name, lambda x: op(x, w).value + b, lambda x, r: rule(op, x, w, b, r)


def by_vjp(name, op):
    """The step of an operation that passes relevance on by its VJP and loses nothing."""

    def rule(x, r):
        tensor = mx.Tensor(x)
        return mx.backward(op(tensor), r, wrt=[tensor])[tensor], {}

    return name, lambda x: op(x).value, rule


def relu(name):
    """The step of a ReLU, which passes all relevance on."""
    return name, lambda x: np.maximum(x, 0), lambda x, r: (r, {})


def network(first, conv, pool, dense):
    """The steps of the trained network, with four rules rule(op, x, w, b, r)."""
    w1, w2, w3 = (trained[f"{name}.weight"] for name in ("conv1", "conv2", "dense"))
    b1, b2, b3 = (trained[f"{name}.bias"] for name in ("conv1", "conv2", "dense"))
    convolution, average = partial(mx.ops.conv2d, padding=1), partial(mx.ops.conv2d, stride=2, groups=16)
    return [
        weighted("conv1", convolution, w1, b1.reshape(8, 1, 1), first),
        relu("relu1"),
        by_vjp("max", partial(mx.ops.max_pool2d, kernel_size=2)),
        weighted("conv2", convolution, w2, b2.reshape(16, 1, 1), conv),
        relu("relu2"),
        weighted("average", average, np.full((16, 1, 2, 2), 0.25), 0.0, pool),
        by_vjp("flatten", mx.ops.flatten),
        weighted("dense", mx.ops.linear, w3, b3, dense),
    ]


def target_score(x):
    """The score (n,) of the first n targets, for their images x (n, 1, 8, 8)."""
    logits = x
    for _, forward, _ in network(None, None, None, None):
        logits = forward(logits)
    return logits[np.arange(len(x)), target[: len(x)]]


# %% [markdown]
# Two tables of rules: ε in every layer; and $z^B$ on the pixels, αβ with $\alpha=2$, $\beta=1$ in the other
# convolution, ε above. This is the ledger of the second, for the mean of 100 digits. In the last column is
# the row's largest gap, over all images. A mean of 0.000 can hide leaks of both signs. Hardly any unit of
# this network is without claims, so *zero* stays empty here, or nearly so; the test of exercise 4 has one.

# %%
epsilon_rule = partial(epsilon_layer, epsilon=0.1)
alpha_beta_rule = partial(alpha_beta_layer, alpha=2, beta=1)


def box_rule(op, x, w, b, r):
    """The z^B rule for pixels from 0 to 1."""
    return box_layer(op, x, w, r, low=0, high=1)


def print_ledger(rows):
    """The mean over the images of each row, and its largest gap."""
    reasons = ("bias", "epsilon", "zero")
    print(f"{'':8}     came  passed on     bias  epsilon     zero      gap")
    for name, came, passed_on, leaks in rows:
        lost = [np.mean(leaks.get(reason, 0.0)) for reason in reasons]
        gap = np.abs(came - passed_on - sum(leaks.values())).max()
        means = " ".join(f"{a:8.3f}" for a in lost)
        print(f"{name:>8} {came.mean():8.3f} {passed_on.mean():10.3f} {means} {gap:8.0e}")
        assert gap < 1e-9, f"the row of {name} does not close"


tables = {
    "ε": network(epsilon_rule, epsilon_rule, epsilon_rule, epsilon_rule),
    "zᴮ, α2β1, ε": network(box_rule, alpha_beta_rule, epsilon_rule, epsilon_rule),
}
maps = {name: walk(steps, test[:100], target[:100])[0] for name, steps in tables.items()}
print_ledger(walk(tables["zᴮ, α2β1, ε"], test[:100], target[:100])[1])

# %% [markdown]
# ## 7 · A test that a closed ledger cannot replace
#
# Here is a third rule: every input that a unit has gets the *same* share of what the unit has. It does not
# look at the weights, and not at the values. Look at its ledger.


# %%
def even_rule(op, x, w, b, r):
    """R_i = Σ_j R_j / (number of inputs of j)."""
    ones = mx.Tensor(np.ones_like(x))
    z = op(ones, np.ones_like(w))
    return mx.backward(z, r / z.value, wrt=[ones])[ones], {}


tables["even shares"] = network(even_rule, even_rule, even_rule, even_rule)
maps["even shares"], rows = walk(tables["even shares"], test[:100], target[:100])
print_ledger(rows)

# %% [markdown]
# Nothing is lost anywhere: no ledger could look better, and the rule knows nothing. **Conservation does not
# prove correctness.** What does tell them apart is an experiment on the function itself: take away what a map
# calls most relevant, and see how far the score falls (Samek et al. 2017).


# %% nbgrader={"grade": false, "grade_id": "cw4-removal", "locked": false, "schema_version": 3, "solution": true, "task": false}
def removal(score, x, relevance, counts, fill=0.0):
    """The score of each image without its k most relevant pixels.

    score: a function of images (n, …) -> (n,). x: (n, …). relevance: of x's shape. counts: numbers k of
    pixels, in any order, 0 and all of them included. fill: what a pixel that is taken away becomes.
    The most relevant pixels are those with the largest relevance, with its sign; of equal ones, the first
    in row-major order go first. A pixel here is one entry of an image. x stays as it is.
    Returns (n, len(counts)).

    Worked example: score adds up 1·x₁ + 2·x₂ + 3·x₃, x = [[1., 2., 3.]], relevance = [[.5, -2., 1.]],
    counts = [0, 1, 2]. The third goes first, then the first: [[14, 5, 4]].
    """
    ### BEGIN SOLUTION
    order = np.argsort(-relevance.reshape(len(x), -1), axis=1, kind="stable")
    scores = []
    for k in counts:
        changed = x.reshape(len(x), -1).copy()
        np.put_along_axis(changed, order[:, :k], fill, axis=1)
        scores.append(score(changed.reshape(x.shape)))
    return np.stack(scores, axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw4-removal-test", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
cw4.check_removal(removal, SEED)
### BEGIN HIDDEN TESTS
cw4.mark_removal(removal, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# Now the three maps, and two orders that know nothing of the network beside them: the brightest pixels
# first, and a random order. **Predict** before you run it: which curve falls fastest, and which of them
# could you have told apart by a ledger?

# %%
maps["brightest first"] = test[:100]
maps["random order"] = np.random.default_rng(SEED).normal(size=test[:100].shape)
counts = range(0, 25, 2)
falls = {name: removal(target_score, test[:100], a, counts).mean(axis=0) for name, a in maps.items()}


def ink(x):
    """How many pixels (n,) of each image are not black."""
    return (x > 0).sum(axis=(1, 2, 3))


for name, fall in falls.items():
    before, after = removal(ink, test[:100], maps[name], [0, 8]).mean(axis=0)
    print(f"{name:>15}: the mean score falls from {fall[0]:.1f} to {fall[4]:.1f} without its first 8 pixels, "
          f"of which {before - after:.1f} have ink")  # fmt: skip

picture = Picture(figsize=(15, 5.4), dpi=72, layout="constrained")
left, right = picture.subfigures(1, 2, width_ratios=(1.15, 1))
grid = left.subplots(3, 4)
for axes, name in zip(grid[0], ("image", *maps), strict=False):
    axes.set_title(name)
for row, digit in zip(grid, (0, 4, 7), strict=True):
    i = np.flatnonzero(target == digit)[0]
    row[0].imshow(test[i, 0], "gray")
    row[0].set_ylabel(f"a {digit}")
    for axes, relevance in zip(row[1:], maps.values(), strict=False):
        limit = np.abs(relevance[i]).max()
        axes.imshow(relevance[i, 0], "RdBu_r", vmin=-limit, vmax=limit)
        axes.set_xlabel(f"±{limit:.2g}")
    for axes in row:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
axes = right.subplots()
axes.axhline(0, color=style.FAINT, linewidth=0.8)
colours = (style.PATTERN, style.FILTER, style.DISTRACTOR, style.INK, style.FAINT)
for (name, fall), colour in zip(falls.items(), colours, strict=True):
    axes.plot(counts, fall, color=colour, linewidth=3, label=name)
axes.set(xlabel="pixels taken away, the most relevant first", ylabel="mean score of 100 digits")
axes.legend(frameon=False)
picture

# %% [markdown]
# Red speaks for the class, blue against it; each map has its own scale, the number below it.
#
# **Your prediction.** ε falls fastest, and no ledger could tell: all three close. Two things help it. Its
# map has $x_i$ as a factor, so black pixels, about half of all, get 0; $z^B$ spends relevance on black pixels,
# which are taken away for nothing. And with ε = 0 it would be gradient × input in this network: what the
# score loses, to first order, when a pixel becomes 0, and that is what this experiment does.
#
# **Read it with care.** Taking away ink lowers the score whatever a map says, as *brightest first* shows. So
# it is the distance to that curve that speaks for a map, not its fall alone. And a digit with holes is an
# image that the network never saw.
#
# **Open question.** Even shares do better than a random order. Two things in that walk can be the reason:
# one has looked at the image, the other only knows where digits are. Which are they, and how would you
# separate them?
#
# ## References
# - S. Bach, A. Binder, G. Montavon, F. Klauschen, K.-R. Müller, W. Samek: *On pixel-wise explanations for
#   non-linear classifier decisions by layer-wise relevance propagation*, PLoS ONE 10(7), 2015.
# - G. Montavon, S. Lapuschkin, A. Binder, W. Samek, K.-R. Müller: *Explaining nonlinear classification
#   decisions with deep Taylor decomposition*, Pattern Recognition 65, 2017.
# - W. Samek, A. Binder, G. Montavon, S. Lapuschkin, K.-R. Müller: *Evaluating the visualization of what a
#   deep neural network has learned*, IEEE TNNLS 28(11), 2017.
#
# Code BSD-3-Clause, text CC BY 4.0.
