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

# %% [markdown]
# # 1 · The chain rule as a tape
#
# How much does the output of a network change if one of its numbers, somewhere deep inside, changes a
# little? One walk back along the computation answers that for *all* numbers at once. Training rests on this
# walk, and so does every explanation in this course.
#
# **You will do:** write the walk for single numbers, write the rules for whole arrays, catch a wrong rule,
# and measure how much of the error reaches the first of twenty layers.
#
# **You will learn:** what a tape, a cotangent and a vector-Jacobian product (VJP) are; how to test a
# gradient; what the slope of an activation function does to a deep network.
#
# **You need:** derivatives, the chain rule, products of matrices; NumPy.
#
# **Time:** 90 minutes, of which the cells run about 10 seconds. Nothing to fetch: the images are
# scikit-learn's digits. Code BSD-3-Clause, text CC BY 4.0.

# %%
import inspect
import itertools
import math
from functools import partial

import numpy as np
from figures import projected  # needs lessons/figures/ beside this notebook
from figures.chain_rule_as_a_tape import (
    difference_errors,
    functions_and_slopes,
    gradients_through_depth,
    maps_of_rules,
)
from sklearn.datasets import load_digits

import minixai as mx
from minixai import nn, ops
from minixai.checks import autodiff as checks
from minixai.checks import tell
from minixai.gradcheck import check_vjp
from minixai.op import Op
from minixai.plot import draw_tape
from minixai.tape import tape_of

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 1.1 One number after the other
#
# A neuron has two inputs, and we want its output to be 1. Its loss is the squared error:
#
# $$z = x_1w_1 + x_2w_2 + b,\qquad y=\tanh z,\qquad e = y-1,\qquad L = e\cdot e.$$
#
# A computer takes one step at a time, and we know the derivative of each step: the **slope** of a sum is 1
# for both numbers, that of a product is the *other* factor, and that of $\tanh$ is $1-y^2$. So let every
# number remember the numbers it was computed from, together with the slopes. Nothing else needs recording.
# The list of these records, in the order in which they were made, is the **tape**.


# %%
class Scalar:
    """A number, the scalars that it was computed from, and the slope with respect to each of them."""

    count = itertools.count()

    def __init__(self, value, inputs=(), slopes=(), name=""):
        self.value, self.inputs, self.slopes, self.name = value, inputs, slopes, name
        self.number = next(Scalar.count)

    def __add__(self, other):
        return Scalar(self.value + other.value, (self, other), (1.0, 1.0), "sum")

    def __mul__(self, other):
        return Scalar(self.value * other.value, (self, other), (other.value, self.value), "product")

    def tanh(self):
        y = math.tanh(self.value)
        return Scalar(y, (self,), (1 - y * y,), "tanh")


# %% [markdown]
# The next cell computes the loss with such numbers and collects its tape: everything that the loss was
# computed from, in order. It prints one record a line.


# %%
def scalar_tape(output):
    """All scalars that output was computed from, in the order in which they were made, itself last."""
    found, todo = {output}, [output]
    while todo:
        new = set(todo.pop().inputs) - found
        found |= new
        todo.extend(new)
    return sorted(found, key=lambda scalar: scalar.number)


VALUES = {"x1": 2.0, "w1": 0.5, "x2": -1.0, "w2": 1.5, "b": 0.25, "-target": -1.0}
x1, w1, x2, w2, b, minus_target = (Scalar(value, name=name) for name, value in VALUES.items())
error = (x1 * w1 + x2 * w2 + b).tanh() + minus_target
loss = error * error
numbers = {scalar: k for k, scalar in enumerate(scalar_tape(loss))}
for scalar, k in numbers.items():
    record = f"{k:3} {scalar.name:8}{scalar.value:7.3f}"
    for each, slope in zip(scalar.inputs, scalar.slopes, strict=True):
        record += f"   from {numbers[each]:2}, slope {slope:6.3f}"
    print(record)

# %% [markdown]
# Read the last line: the loss is the product of number 11 with itself, so there are two slopes.
#
# Now walk back. Let $g_k$ be the derivative of the *last* number with respect to number $k$, its
# **cotangent**. The last one has $g=1$. If number $k$ was computed from $i$ with slope $s$, a part
# $g_k\cdot s$ of what happens at the end passes through $k$ to $i$. If $i$ was used several times, the parts
# add up. This is the chain rule:
#
# $$g_i=\sum_{k\text{ computed from }i} g_k\cdot s_{k,i}.$$
#
# ### Exercise 1.1 — the walk
# *Difficulty 2/5 · importance 5/5 · at most 20 minutes*
#
# Write `walk(tape)`. The tape is a list of scalars, each with `.inputs` and `.slopes` (tuples of one
# length); inputs stand before what was computed from them. Return a dict from every scalar on the tape to
# its cotangent, a float.
#
# Worked example, $(a+b)\cdot a$ with $a=3$, $b=2$. The tape has $a$, $b$, the sum $5$ and the product $15$.
# The product gets 1. It has slope 3 for the sum and slope 5 for $a$. The sum has the slopes 1 and 1. So
# the sum gets 3, $b$ gets $3\cdot1=3$, and $a$ gets $5+3\cdot1=8$.
#
# <details><summary>Hint 1</summary>
#
# Go through the tape from last to first. When you reach a number, you have already passed everything that
# was computed from it, so its cotangent is complete.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `g = dict.fromkeys(tape, 0.0)`, then set the last one to 1. Two nested loops, one line within.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def walk(tape):
#     g = dict.fromkeys(tape, 0.0)
#     g[tape[-1]] = 1.0
#     for scalar in reversed(tape):
#         for each, slope in zip(scalar.inputs, scalar.slopes):
#             g[each] += g[scalar] * slope
#     return g
# ```
#
# </details>


# %%
def walk(tape):
    """A dict from every scalar of the tape to the derivative of the last one with respect to it."""
    return None  # your lines


tell(checks.check_walk, walk)
if (found := walk(scalar_tape(loss))) is not None:
    print({scalar.name: round(found[scalar], 3) for scalar in (x1, w1, x2, w2, b)})

# %% [markdown]
# **Checkpoint.** From here on the lesson uses minixai's own tape, so you can go on even if your `walk` is not
# finished.
#
# > **Predict 1.** The neuron's output is far too small. Which of $w_1$, $w_2$, $b$ must go up to make the
# > loss smaller, and which must go down? Which of the five numbers changes the loss most when it changes a
# > little? Do it in your head: $x_1=2$, $w_1=0.5$, $x_2=-1$, $w_2=1.5$, $b=0.25$.

# %%
leaves = {name: mx.Tensor(np.float64(value)) for name, value in VALUES.items()}
y = ops.tanh(leaves["x1"] * leaves["w1"] + leaves["x2"] * leaves["w2"] + leaves["b"])
error = y + leaves["-target"]
loss = error * error
cotangents = mx.backward(loss, wrt=tape_of(loss))
projected(draw_tape(loss, {leaf: name for name, leaf in leaves.items()}, cotangents, "A neuron and its loss"))

# %% [markdown]
# **Answer to prediction 1.** Values run from left to right, in black; cotangents run from right to left, in
# orange. Two arrows lead into the last box, so the error's cotangent is twice the error. At $\tanh$ it is
# multiplied by $1-y^2$. At a product each factor receives it times the other one, so $w_1$ gets the largest
# cotangent, because $x_1=2$ is the largest factor; for $w_2$ the sign is reversed by $x_2=-1$. A step
# *against* the cotangents makes the loss smaller: $w_1$ and $b$ go up, $w_2$ goes down.
#
# The next cell prints the heart of minixai's `backward`. It is your walk, with arrays in place of numbers;
# `targets` and `needs` leave out what nobody asked for, and `answered` checks what a rule returns.
#
# | your tape | minixai's |
# |---|---|
# | `Scalar` | `Tensor`: an array, and the node that made it |
# | its name and inputs | `Node`: the operation, its inputs, its value, its settings |
# | `g · slope` | `rule_for(node, rules)(g, node)`: a **rule**, by default the operation's VJP |
# | `scalar_tape` | `tape_of` |

# %%
source = inspect.getsource(mx.backward)
print(source[source.index("    arrived, found") :])

# %% [markdown]
# ## 1.2 Arrays: slopes become vector-Jacobian products
#
# An operation on arrays has many slopes: $J_{ki}=\partial y_k/\partial x_i$, the Jacobian. For
# $y=\tanh x$ with a batch of 64 images of 4 096 numbers it would have 262 144² entries, nearly all of them
# zero. Nobody stores it, because the walk needs only its product with the cotangent that arrived,
#
# $$g^x_i=\sum_k g^y_k\,\frac{\partial y_k}{\partial x_i},$$
#
# the **vector-Jacobian product**. It has the shape of $x$, and it is often a single line of code. In
# `minixai.ops` every operation has its VJP directly below it.
#
# ### Exercise 1.2 — three VJPs
# *Difficulty 3/5 · importance 5/5 · at most 25 minutes*
#
# All arrays are float64. `g` has the shape of the output, and each answer the shape of its input.
#
# - `tanh_vjp(g, y)`: $y=\tanh x$, entry by entry; you get the *output*. Returns `gx`. Worked example:
#   `g = [[2, -4]]`, `y = [[0.5, 0]]` give `[[1.5, -4]]`.
# - `product_vjp(g, x, y)`: $x\cdot y$, entry by entry. Returns the tuple `(gx, gy)`. Worked example:
#   `g = [[1, 10]]`, `x = [[2, 3]]`, `y = [[5, 7]]` give `[[5, 70]]` and `[[2, 30]]`.
# - `matmul_vjp(g, x, y)`: the matrix product $xy$, of shapes (m, j) and (j, n). Returns `(gx, gy)`.
#   Worked example: `g = [[1, 0], [0, 2]]`, `x = [[1, 2], [3, 4]]`, `y = [[5, 6], [7, 8]]` give
#   `[[5, 7], [12, 16]]` and `[[1, 6], [2, 8]]`.
#
# <details><summary>Hint for the matrices</summary>
#
# $(xy)_{mn}=\sum_j x_{mj}y_{jn}$. So $x_{mj}$ takes part in row $m$ of the output only, at column $n$ with
# the slope $y_{jn}$: $g^x_{mj}=\sum_n g_{mn}y_{jn}$. Which matrix product is that? The shapes leave
# one choice only: (m, n) and (j, n) are to give (m, j).
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def tanh_vjp(g, y):
#     return g * (1 - y**2)
#
#
# def product_vjp(g, x, y):
#     return g * y, g * x
#
#
# def matmul_vjp(g, x, y):
#     return g @ y.T, x.T @ g
# ```
#
# </details>


# %%
def tanh_vjp(g, y):
    """The cotangent of x, for y = tanh(x)."""
    return None  # your line


def product_vjp(g, x, y):
    """The cotangents of x and y, for x·y entry by entry."""
    return None  # your line


def matmul_vjp(g, x, y):
    """The cotangents of x (m, j) and y (j, n), for x @ y."""
    return None  # your line


tell(checks.check_tanh_vjp, tanh_vjp)
tell(checks.check_product_vjp, product_vjp)
tell(checks.check_matmul_vjp, matmul_vjp)

# %% [markdown]
# `backward` accepts a **table of rules**, which says for an operation what to use in place of its VJP. A rule
# takes the cotangent and the node, and returns a cotangent for every input. So your three answers can carry a
# whole network: the check below walks back through one with them. The network ends in `cross_entropy`, which
# makes a single number, the loss, of each sample's ten outputs and its right class (lesson 3 derives it). The
# picture is drawn with the package's own VJPs, so it appears in any case.

# %%
rules = {
    ops.tanh: lambda g, node: [tanh_vjp(g, node.value)],
    ops.multiply: lambda g, node: product_vjp(g, *node.arrays),
    ops.matmul: lambda g, node: matmul_vjp(g, *node.arrays),
}
tell(checks.check_rules, rules)

rng = np.random.default_rng(0)
shapes = {"x": (5, 64), "w": (64, 32), "s": (5, 32), "v": (32, 10)}
leaves = {name: mx.Tensor(rng.normal(size=shape) / 8) for name, shape in shapes.items()}
output = (ops.tanh(leaves["x"] @ leaves["w"]) * leaves["s"]) @ leaves["v"]
loss = ops.cross_entropy(output, np.arange(5))
cotangents = mx.backward(loss, wrt=tape_of(loss))
projected(draw_tape(loss, {leaf: name for name, leaf in leaves.items()}, cotangents, "The same with arrays"))

# %% [markdown]
# Each box now states a shape. A cotangent has the shape of its array, and the picture gives its norm. A
# single walk found the derivatives with respect to all entries of all nine arrays.

# %% [markdown]
# ## 1.3 Is a gradient right?
#
# A wrong VJP raises no error. The network learns a little worse, or the explanation shows something slightly
# different, and nobody notices. So we compare with the definition. For a small $h$ there are two candidates:
#
# $$\text{one-sided } \frac{f(x+h)-f(x)}{h},\qquad \text{central } \frac{f(x+h)-f(x-h)}{2h}.$$
#
# > **Predict 2.** We take the neuron's loss as a function of $w_1$ and make $h$ smaller and smaller, from
# > $10^{-1}$ to $10^{-14}$. Does the error always fall? At which $h$ is it smallest, and for which of the
# > two?


# %%
def neuron_loss(w1, dtype=np.float64):
    """The loss of 1.1 at another w1."""
    v = {name: dtype(value) for name, value in VALUES.items()}
    return (np.tanh(v["x1"] * dtype(w1) + v["x2"] * v["w2"] + v["b"]) + v["-target"]) ** 2


def central(w1, h, dtype=np.float64):
    return float(neuron_loss(w1 + h, dtype) - neuron_loss(w1 - h, dtype)) / (2 * h)


w1 = mx.Tensor(np.float64(VALUES["w1"]))
error = ops.tanh(w1 * VALUES["x1"] + VALUES["x2"] * VALUES["w2"] + VALUES["b"]) - 1
exact = float(mx.backward(error * error, wrt=[w1])[w1])
print(f"by the tape the derivative is {exact:.6f}, by central differences {central(VALUES['w1'], 1e-5):.6f}")

# %%
at, steps = VALUES["w1"], 10.0 ** np.arange(-1, -14.1, -0.25)
derivatives = {
    "central, float32": [central(at, h, np.float32) for h in steps],
    "one-sided, float64": [(neuron_loss(at + h) - neuron_loss(at)) / h for h in steps],
    "central, float64": [central(at, h) for h in steps],
}
errors = {name: np.abs(np.array(found) - exact) / abs(exact) for name, found in derivatives.items()}
for name, error in errors.items():
    best, million = np.argmin(error), np.isclose(steps, 1e-6)
    print(f"{name:18}: smallest relative error {error[best]:.0e} at h = {steps[best]:.0e}, "
          f"at h = 1e-06 {error[million][0]:.0e}")  # fmt: skip
difference_errors(steps, errors)

# %% [markdown]
# **Answer to prediction 2.** It falls and then rises, because two errors are at work. The error of the
# formula shrinks with $h$ (with $h^2$ for central differences, which is why they win). The rounding error of
# $f$ is divided by $h$, so it grows as $h$ shrinks. The total is smallest where the two meet; further right
# the curves are noise. At $h=10^{-6}$, a good step in float64, float32 already has the last relative error of
# its line above, and soon after an error of 100 %: **check in float64**.
#
# An operation has many outputs, but differences need a single number. So we multiply the output by a
# cotangent $c$ and check $f(x)=\sum_k c_k\,y_k(x)$. Which $c$? The obvious choice is ones. We try it on
# softmax, $y_i=e^{x_i}/\sum_j e^{x_j}$.
#
# > **Predict 3.** Somebody writes a VJP of softmax that returns *zeros*, whatever arrives. Does it pass a
# > check with a cotangent of ones? (The answer comes after the exercise.)
#
# ### Exercise 1.3 — the VJP of softmax
# *Difficulty 4/5 · importance 3/5 · at most 15 minutes*
#
# Write `softmax_vjp(g, y)`: `g` and the output `y` are float64 (n, k), softmax goes along the rows, the
# result is (n, k). Here every output depends on every input of its row:
# $\partial y_j/\partial x_i=y_j(\delta_{ij}-y_i)$, where $\delta_{ij}$ is 1 if $i=j$ and else 0.
#
# Worked example, two rows: `g = [[1, 0], [2, 4]]`, `y = [[0.25, 0.75], [0.5, 0.5]]` give
# `[[0.1875, -0.1875], [-0.5, 0.5]]`.
#
# <details><summary>Hint</summary>
#
# Put the derivative into $g^x_i=\sum_j g_j\,\partial y_j/\partial x_i$ and split the sum in two. The first
# has one term only. The second is $y_i$ times a number that is the same for the whole row.
#
# </details>
# <details><summary>Solution</summary>
#
# $g^x_i=g_iy_i-y_i\sum_jg_jy_j$:
#
# ```python
# def softmax_vjp(g, y):
#     return y * (g - (g * y).sum(axis=-1, keepdims=True))
# ```
#
# </details>


# %%
def softmax_vjp(g, y):
    """The cotangent of x (n, k), for y = softmax(x) along the rows."""
    return None  # your line


tell(checks.check_softmax_vjp, softmax_vjp)

# %%
# The VJP of Predict 3, at one entry of x.
broken = Op(ops.softmax.forward)
broken.define_vjp(lambda g, node: [np.zeros_like(g)])

x = rng.normal(size=(2, 4))
for name, c in {"ones": np.ones((2, 4)), "random": rng.normal(size=(2, 4))}.items():
    tensor, h = mx.Tensor(x), np.zeros((2, 4))
    h[0, 1] = 1e-6
    difference = np.sum(c * (ops.softmax.forward(x + h) - ops.softmax.forward(x - h))) / 2e-6
    vjp = mx.backward(broken(tensor), c)[tensor][0, 1]
    difference = round(difference, 6) + 0.0  # + 0.0: no minus zero
    print(f"cotangent of {name:6}: the broken VJP gives {vjp:.6f}, differences give {difference:.6f}")

for name, op in {"the package's": ops.softmax, "the broken one": broken}.items():
    try:
        check_vjp(op, x)
        print(f"{name}: right")
    except AssertionError as error:
        print(f"{name}: {error}")

# %% [markdown]
# **Answer to prediction 3.** It passes. The outputs of softmax add up to 1 for every $x$, so with ones the
# true answer *is* zero. minixai's `check_vjp` draws its cotangents at random and catches it. Every operation
# of the package is tested this way, and `check_vjp` itself is tested with wrong VJPs.

# %% [markdown]
# ### Exercise 1.4 — an investigation: five suspects
# *Difficulty 3/5 · importance 4/5 · at most 20 minutes*
#
# `checks.suspects()` returns five operations on an array (n,): `softplus`, `reverse` ($y_i=x_{n+1-i}$),
# `centre` ($y=x-\text{mean}$), `magnitude` ($y=|x|$) and `sine`. Three of them have a wrong VJP. Each of the
# three would have passed a careless check: with a cotangent of *ones*, with *positive* numbers $x$ only, or
# at $x=0$ (*zero*).
#
# Find out which ones, and set `answers` to a dict from the name of each wrong one to the careless check that
# accepts it, for example `{"softplus": "positive"}`. `check_vjp(op, x)` draws its own cotangents; for a
# cotangent of your own compare `mx.backward(op(tensor), c)[tensor]` with differences, as the cell above does.
#
# <details><summary>Hint</summary>
#
# Start with `check_vjp(op, rng.normal(size=5))` for all five. Then work out what the true VJP is, and for
# which $x$ or which cotangent the wrong one is equal to it.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# suspects = {"reverse": "ones", "magnitude": "positive", "sine": "zero"}
# ```
#
# All three return the cotangent as it came. The true VJP of `reverse` reverses it, which ones do not show.
# That of `magnitude` multiplies it by the sign of $x$, which positive numbers do not show. That of `sine`
# multiplies it by $\cos x$, which is 1 at 0. So check at random cotangents *and* at random points of both
# signs.
#
# </details>

# %%
answers = None  # your dict

tell(checks.check_suspects, answers)

# %% [markdown]
# ## 1.4 Activation functions
#
# At an activation function the walk does a single thing: it multiplies the cotangent by the slope
# $\varphi'(z)$. So the slopes decide how much gets through.
#
# > **Predict 4.** Five functions: a step, sigmoid, tanh, ReLU, and softplus $\log(1+e^z)$. Sketch their
# > derivatives. Which is nowhere larger than $\tfrac14$? Which are near zero on both sides? Which one lets
# > nothing through at all? And is one of the *derivatives* a function from the list?

# %% tags=["thumbnail"]
FUNCTIONS = {
    "step": ops.step,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "ReLU": ops.relu,
    "softplus": ops.softplus,
}
z = mx.Tensor(np.linspace(-5, 5, 1001))
values, slopes = {}, {}
for name, function in FUNCTIONS.items():
    y = function(z)
    values[name], slopes[name] = y.value, mx.backward(y)[z]
    largest, (left, right) = slopes[name].max(), slopes[name][[100, 900]]
    print(f"{name:8}: largest slope {largest:.3f}, at z = -4 {left:.4f}, at z = 4 {right:.4f}")
functions_and_slopes(z.value, values, slopes)

# %% [markdown]
# **Answer to prediction 4.** The step lets nothing through, so no walk can tell the layers before it what
# they did wrong. The perceptrons of 1958 were made of steps, and only their last layer was trained. The
# sigmoid passes on a quarter at best and is nearly flat on both sides; tanh passes everything at 0 and little
# far from it; ReLU is all or nothing. Two derivatives are themselves on the list: that of ReLU is the step,
# and that of softplus is the sigmoid.

# %% [markdown]
# ## 1.5 Credit through depth
#
# A walk through twenty layers multiplies twenty slopes and twenty weight matrices. How large is what arrives
# at the first layer? Here is a back-of-the-envelope answer. Let the $n$ weights of each of the $n$ units of
# a layer be independent, with mean 0 and variance $\text{gain}^2/n$. From the output of a layer back to its
# input, the squared norm of a cotangent is then multiplied, on average, by
#
# $$\text{gain}^2\cdot\text{mean of }\varphi'(z)^2\text{ over the units}.$$
#
# ### Exercise 1.5 — the factor of one layer
# *Difficulty 1/5 · importance 4/5 · at most 5 minutes*
#
# Write `layer_factor(gain, slopes)`, the factor by which one layer changes the *norm* of a cotangent. `gain`
# is a float, `slopes` float64 (n,), the result a float. Worked example: `layer_factor(3.0, [1, 0, 0, 1])`
# is $3\sqrt{1/2}\approx2.121$.
#
# Then use it. ReLU has slope 1 for about half of its units, else 0. Which gain keeps the norm? And which
# one would the sigmoid need, at least?
#
# <details><summary>Solution</summary>
#
# ```python
# def layer_factor(gain, slopes):
#     return gain * np.sqrt(np.mean(np.square(slopes)))
# ```
#
# For ReLU the mean of the squares is $\tfrac12$, so gain $\sqrt2$ keeps the norm: the initialisation of He
# et al. The sigmoid's slopes are $\tfrac14$ at most, so it needs a gain of 4 or more; but with such weights
# $z$ is large, and the slopes are much smaller than $\tfrac14$.
#
# </details>


# %%
def layer_factor(gain, slopes):
    """The factor of a cotangent's norm from the output of a layer to its input."""
    return None  # your line


tell(checks.check_layer_factor, layer_factor)

# %% [markdown]
# Now we measure it, with 19 hidden layers of 64 units, 256 digits, and three ways to draw the first weights.
# Each is a function of `nn.init` and has a gain: PyTorch's default for a layer
# ($1/\sqrt3\approx0.58$), Xavier (1) and He ($\sqrt2$).
#
# > **Predict 5.** The picture will show the norm of the gradient over the layers, on a logarithmic axis, for
# > three activation functions and three ways to draw the weights. Will the curves be straight, bent, or flat
# > up to a threshold? For which of the nine pairs will the gradient at layer 1 be about as large as at layer
# > 19? By how many powers of ten will the sigmoid shrink it with PyTorch's default?


# %%
def network(activation, init, depth, seed=0):
    """depth linear layers, 64 units each but 10 in the last, with an activation between."""
    rng = np.random.default_rng(seed)
    hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(64, 64), activation())]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    for parameter in model.parameters():
        zeros = np.zeros_like(parameter.value)
        parameter.value = init(parameter.shape, rng) if parameter.ndim == 2 else zeros
    return model


def through_depth(model, x, labels):
    """Norms of the loss' gradient at the activations' outputs, and the slopes of the activations."""
    output, layers = model.trace(mx.Tensor(x))
    hidden = [layers[str(k)][0] for k in range(1, len(model), 2)]
    g = mx.backward(ops.cross_entropy(output, labels), wrt=hidden)
    slopes = [mx.backward(each, wrt=each.inputs)[each.inputs[0]] for each in hidden]
    return [np.linalg.norm(g[each]) for each in hidden], slopes


# %%
images, labels = load_digits(return_X_y=True)
x = (images / 8 - 1).astype(np.float32)  # from -1, white, to 1, black
x = x - x.mean(axis=0)
ACTIVATIONS = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
INITS = {
    "PyTorch's default, gain 0.58": (partial(nn.init.kaiming_uniform, gain=1 / np.sqrt(3)), 1 / np.sqrt(3)),
    "Xavier, gain 1": (nn.init.xavier_uniform, 1.0),
    "He, gain 1.41": (nn.init.kaiming_normal, np.sqrt(2)),
}
measured, formula = {}, {}
print("of a layer:                             measured   by the formula    all 18")
for (how, (init, gain)), (name, activation) in itertools.product(INITS.items(), ACTIVATIONS.items()):
    norms, slopes = through_depth(network(activation, init, 20), x[:256], labels[:256])
    factors = [gain * np.sqrt(np.mean(each**2)) for each in slopes[1:]]
    measured[how, name] = norms
    formula[how, name] = norms[-1] * np.append(np.cumprod(factors[::-1])[::-1], 1)
    all_18, expected = norms[0] / norms[-1], np.prod(factors) ** (1 / 18)
    print(f"{how:28} {name:8}{all_18 ** (1 / 18):11.3f}{expected:17.3f}{all_18:10.0e}")
gradients_through_depth(measured, formula)

# %% [markdown]
# **Answer to prediction 5.** The curves are straight: the factor is about the same for every layer, so the
# change is exponential in the depth. This is the **vanishing gradient**, and your formula predicts how steep
# each of the nine lines is. ReLU keeps the gradient's size with He's weights, tanh nearly keeps it with
# Xavier's and with He's, and the sigmoid loses most of it in every layer, however the weights are drawn: some
# fifteen powers of ten over 18 layers with PyTorch's default. (A factor above 1 would give an *exploding*
# gradient.)
#
# The gradient is how training assigns **credit**: it tells every weight its share of the error. What happens
# when that share is $10^{-15}$?
#
# > **Predict 6.** We train four networks with ten layers for five epochs (passes through the training digits)
# > of plain gradient descent, starting from He's weights, and measure how far layers 1, 4, 7 and 10 move.
# > Which of step, sigmoid, tanh and ReLU will learn the digits? In the others, which layers will move?


# %%
class Step(nn.Module):
    def forward(self, x):
        return ops.step(x)


order = np.random.default_rng(0).permutation(len(x))
train, test = order[:1300], order[1300:]
trained = {}
print("moved, relative to the first weights:")
for name, activation in {"step": Step, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}.items():
    model = trained[name] = network(activation, nn.init.kaiming_normal, 10)
    first = model.state_dict()
    sgd = nn.SGD(model.parameters(), lr=0.05)
    history = nn.fit(model, x[train], labels[train], epochs=5, optimiser=sgd,
                     validation=(x[test], labels[test]), progress=False)  # fmt: skip
    last = model.state_dict()
    moved = ""
    for number in (1, 4, 7, 10):
        key = f"{2 * (number - 1)}.weight"
        share = np.linalg.norm(last[key] - first[key]) / np.linalg.norm(first[key])
        moved += f"layer {number} {share:.0e}   "
    print(f"{name:8} {moved}right on the test digits: {history[-1].validation_accuracy:.0%}")

# %% [markdown]
# **Answer to prediction 6.** Step and sigmoid do no better than guessing. With the step, only the last layer
# moves. With the sigmoid, the credit shrinks from layer to layer, and the distances shrink with it. The two
# that keep the gradient's size move all layers by a similar share, and they read the digits.

# %% [markdown]
# ## 1.6 Outlook: another answer at a node
#
# The rest of this course rests on one idea: **give a node another rule, and the same walk answers another
# question**. Here are two rules for ReLU. Both keep only what is positive in the cotangent that arrives; the
# second also keeps the gradient's own **gate**, which lets a cotangent through only where the ReLU's input
# was positive. Neither is the derivative of anything.

# %%
RULES = {
    "gradient": {},
    "deconvnet": {ops.relu: lambda g, node: [np.maximum(g, 0)]},
    "guided_backprop": {ops.relu: lambda g, node: [np.maximum(g, 0) * (node.value > 0)]},
}
digit, model = x[test[:1]], trained["ReLU"]
leaf = mx.Tensor(digit)
logits = model(leaf)
target = int(logits.value.argmax())
maps = {}
for name, rules in RULES.items():
    found = mx.backward(logits, np.eye(10)[[target]], rules=rules)[leaf]
    package = np.asarray(getattr(mx.methods, name)(model, digit, target=target))
    print(f"{name:15}: largest difference to mx.methods.{name} {np.abs(found - package).max()}")
    maps[name] = found.reshape(8, 8)
maps_of_rules(images[test[0]].reshape(8, 8), f"the network says {target}", maps)

# %% [markdown]
# The tape microscope shows two of these walks side by side, the gradient's and guided backprop's, node by
# node: what arrives, the rule, what leaves. Run the cell and press →. At which node do they part?

# %%
methods = mx.methods
methods.gradient(model, digit, target=target).trace(methods.guided_backprop(model, digit, target=target))

# %% [markdown]
# Change one line and the map changes (in the picture above the microscope red is positive and blue negative;
# each map has its own scale, given above it). The two new ones are DeConvNet and guided backprop, and they
# agree with the package's own, as the zeros in the printed lines show. Which of the three is right? That
# depends on the question, which is what the other lessons are about.

# %% [markdown]
# ## 1.7 Where it fails
#
# **At a kink.** ReLU has no derivative at 0. minixai takes 0, central differences give the mean of both
# sides, so a check that hits the kink complains about a correct VJP. Check at points away from it.
#
# **Where the function is flat.** A gradient is about *small* changes. A neuron that is very sure of itself
# lies where the sigmoid is flat:

# %%
try:
    check_vjp(ops.relu, np.array([-1.0, 0.0, 2.0]))
except AssertionError as error:
    print(error)

x_sure = mx.Tensor(np.array([3.0]))
y_sure = ops.sigmoid(5.0 * x_sure)
print(f"the output is {y_sure.value[0]:.7f}, its derivative {mx.backward(y_sure)[x_sure][0]:.1e}, "
      f"but without the input the output is {ops.sigmoid.forward(np.zeros(1))[0]}")  # fmt: skip

# %% [markdown]
# The input made the output what it is, and yet the gradient is nearly zero. The gradient does not lie: a
# *little* more or less of this input changes nothing. But that was not our question. **A vanishing gradient
# does not mean that the input is unimportant.** With step functions it is zero everywhere.
#
# **Open question.** The optimiser Adam divides every gradient by its own running size, so in the first
# layers of the sigmoid network the weights *do* move. Replace `nn.SGD` by `nn.Adam` in 1.5 and try ten and
# twenty layers. Is a credit of $10^{-10}$ that is scaled up still credit? How would you find out whether
# its *direction* is right?
#
# ## References
# - F. Rosenblatt: *The perceptron: a probabilistic model for information storage and organization in the
#   brain*, Psychological Review 65(6), 1958, 386–408. Learning with steps.
# - R. E. Wengert: *A simple automatic derivative evaluation program*, Communications of the ACM 7(8), 1964,
#   463–464. The list of elementary steps, which we call the tape.
# - S. Linnainmaa: *Taylor expansion of the accumulated rounding error*, BIT 16, 1976, 146–160. The walk
#   back.
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams: *Learning representations by back-propagating errors*,
#   Nature 323, 1986, 533–536. The same for neural networks.
# - S. Hochreiter: *Untersuchungen zu dynamischen neuronalen Netzen*, diploma thesis, TU München, 1991. The
#   vanishing gradient.
# - X. Glorot, Y. Bengio: *Understanding the difficulty of training deep feedforward neural networks*,
#   AISTATS 2010, 249–256. Xavier's weights.
# - K. He, X. Zhang, S. Ren, J. Sun: *Delving deep into rectifiers*, ICCV 2015,
#   [arXiv 1502.01852](https://arxiv.org/abs/1502.01852). The factor $\sqrt2$ for ReLU.
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind: *Automatic differentiation in machine
#   learning: a survey*, Journal of Machine Learning Research 18(153), 2018. To read on.
# - A. Karpathy: [micrograd](https://github.com/karpathy/micrograd). A tape for scalars in a hundred lines.
