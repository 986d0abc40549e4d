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
# # 3 · Training a network: what it learns, and how we know
#
# Training makes the error on the *training* samples small. What we want is a small error on samples that
# the network has never seen. This lesson is about the distance between the two: what makes it large, what
# makes it small, and which of the old rules about it hold for networks.
#
# **You will do:** fit polynomials, test the rule of ten samples per weight, write the loss and the step
# that train nearly every network in this course, wire XOR by hand with a single hidden unit, and train
# logistic regression, a multi-layer perceptron (MLP) and a small LeNet on digits.
#
# **You will learn:** to tell under- from overfitting; what the ten samples per weight are good for, and
# where the rule fails; cross entropy and momentum; to read a learning curve; to ask whom a test set stands
# for.
#
# **You need:** lesson 1 (gradients by the tape) and lesson 2 (convolution); least squares; NumPy.
#
# **Data:** scikit-learn's digits come with it. Section 3.7 also takes MNIST's test images (1.7 MB), from
# `MINIXAI_DATA` or fetched once; without them it says so and the lesson goes on.
#
# **Time:** 75 minutes, of which the cells run about half a minute. Code BSD-3-Clause, text CC BY 4.0.

# %%
import matplotlib
import numpy as np
import pooch
from sklearn.datasets import load_digits

import minixai as mx
from minixai import nn, ops
from minixai.checks import tell
from minixai.checks.training import (
    check_cross_entropy,
    check_polynomial_fit,
    check_sgd_step,
    check_xor_weights,
)
from minixai.errors import WeightsNotFoundError
from minixai.plot import Picture, style

pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr
matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 3.1 Too simple, too flexible
#
# Twenty samples of a curve with noise: $y=\sin(\pi x)+\epsilon$, with $x\sim U(-1,1)$ and
# $\epsilon\sim N(0,\sigma^2)$, $\sigma=0.3$. We fit a polynomial $c_0+c_1x+\dots+c_Dx^D$ of degree $D$ by
# least squares: it makes $\sum_i(\hat y_i-y_i)^2$ smallest.
#
# ### Exercise 3.1 — least squares
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `polynomial_fit(x, y, degree)`: `x` and `y` float64 (n,), `degree` an integer; the result float64
# (degree + 1,), the constant first. Worked example: the line through (0, 1) and (1, 3) is $1+2x$, so
# `polynomial_fit([0, 1], [1, 3], 1)` is `[1, 2]`.
#
# <details><summary>Hint</summary>
#
# Row $i$ of the matrix $A$ holds $1, x_i, x_i^2, \dots$: `np.vander(x, degree + 1, increasing=True)`. Then
# `np.linalg.lstsq` finds the $c$ for which $Ac$ is closest to $y$.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def polynomial_fit(x, y, degree):
#     return np.linalg.lstsq(np.vander(x, degree + 1, increasing=True), y)[0]
# ```
#
# </details>


# %%
def polynomial_fit(x, y, degree):
    """Coefficients (degree + 1,), constant first, of the least-squares polynomial through x, y (n,)."""
    return None  # your line


tell(check_polynomial_fit, polynomial_fit)

# %% [markdown]
# **Checkpoint.** From here on the lesson takes its own `polynomial_fit`, whatever became of yours.
#
# > **Predict 1.** We raise the degree from 0 to 15 and measure the root mean square error twice: on the 20
# > training samples, and on 2 000 new ones. Sketch both curves. Where is the lowest point of each?


# %%
def polynomial_fit(x, y, degree):
    return np.linalg.lstsq(np.vander(x, degree + 1, increasing=True), y)[0]


tell(check_polynomial_fit, polynomial_fit)


def samples(n, rng, noise=0.3):
    x = rng.uniform(-1, 1, n)
    return x, np.sin(np.pi * x) + rng.normal(0, noise, n)


def rmse(c, x, y):
    return np.sqrt(np.mean((np.vander(x, len(c), increasing=True) @ c - y) ** 2))


rng = np.random.default_rng(3)
train, test = samples(20, rng), samples(2000, rng)
degrees = np.arange(16)
fits = [polynomial_fit(*train, degree) for degree in degrees]
train_error, test_error = ([rmse(c, *points) for c in fits] for points in (train, test))
best = int(np.argmin(test_error))

picture = Picture(figsize=(15, 4), dpi=68, layout="constrained")
*panels, curves = picture.subplots(1, 4)
line = np.linspace(-1, 1, 400)
for axes, degree in zip(panels, (1, best, 15), strict=True):
    axes.plot(line, np.sin(np.pi * line), color=style.FAINT, linewidth=5, alpha=0.5)
    axes.plot(*train, "o", color=style.SIGNAL, markersize=5)
    axes.plot(
        line, np.vander(line, degree + 1, increasing=True) @ fits[degree], color=style.FILTER, linewidth=3
    )
    axes.set(ylim=(-2, 2), xlabel="$x$", ylabel="$y$", title=f"degree {degree}")
for error, name, colour in ((train_error, "training", style.SIGNAL), (test_error, "test", style.FILTER)):
    curves.plot(degrees, np.minimum(error, 1.5), color=colour, linewidth=3, label=name)
curves.axhline(0.3, color=style.FAINT, linestyle=":", label="noise $\\sigma$")
curves.set(ylim=(0, 1.2), xticks=[0, 5, 10, 15], xlabel="degree", title="root mean square error")
curves.legend(frameon=False)
for degree in sorted({0, 1, best, 9, 12, 15}):
    print(f"degree {degree:2d}: training {train_error[degree]:.2f}, test {test_error[degree]:.2f}")
picture

# %% [markdown]
# The training error never rises: each degree contains the ones below it. The test error falls, then rises.
#
# - On the left a line **underfits**: it is bad on both sets. More samples would not help it.
# - On the right degree 15 **overfits**: its 16 weights bend through the noise of 20 samples, to well below
#   $\sigma$, which no honest fit can reach on new samples.
#
# The training error alone does not tell the second from a success. So we keep samples away from training.
#
# ## 3.2 Ten samples per weight?
#
# How many samples does a model with $W$ weights need? A rule of thumb says ten for each weight. It is
# called after Widrow and his adaptive linear filters, and often quoted for networks.
#
# We test it on least squares first: polynomials with 6 and 10 weights, and a linear model with 20 inputs,
# drawn from $N(0,1)$. The measure is the mean squared error on new samples, divided by the variance of the
# noise: 1 is as good as it gets.
#
# > **Predict 2.** At ten samples per weight, how far above 1 is the error: 1 %, 10 %, a factor of 2? What
# > happens at one sample per weight? And what with *fewer* samples than weights, where `lstsq` takes the
# > smallest of the many $c$ that fit exactly?


# %% tags=["thumbnail"]
def linear_error(n, rng, weights=20):
    """Error on new samples over the variance of the noise (1), for a linear model with N(0, 1) inputs."""
    x, w = rng.normal(size=(n, weights)), rng.normal(size=weights) / np.sqrt(weights)
    found = np.linalg.lstsq(x, x @ w + rng.normal(size=n))[0]
    return 1 + np.sum((found - w) ** 2)


def polynomial_error(n, rng, weights, noise=0.3):
    found = polynomial_fit(*samples(n, rng, noise), weights - 1)
    miss = np.vander(line, weights, increasing=True) @ found - np.sin(np.pi * line)
    return 1 + np.mean(miss**2) / noise**2


def typical(error, n, repeats=200):
    """The median over repeats: at one sample per weight the mean is ruled by the few worst."""
    rng = np.random.default_rng(n)
    return np.median([error(n, rng) for _ in range(repeats)])


kinds = {
    "linear, 20 weights": (20, linear_error, [0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 40]),
    "polynomial, 10 weights": (10, lambda n, rng: polynomial_error(n, rng, 10), [2, 3, 5, 10, 20, 40]),
    "polynomial, 6 weights": (6, lambda n, rng: polynomial_error(n, rng, 6), [2, 3, 5, 10, 20, 40]),
}
picture = Picture(figsize=(9, 5), dpi=76, layout="constrained")
axes = picture.subplots()
for (name, (weights, error, ratios)), colour in zip(
    kinds.items(), (style.SIGNAL, style.FILTER, style.PATTERN), strict=True
):
    errors = [typical(error, round(ratio * weights)) for ratio in ratios]
    axes.plot(ratios, errors, "o-", color=colour, linewidth=2, label=name)
    ten, two = (errors[ratios.index(ratio)] for ratio in (10, 2))
    print(f"{name:22}: {ten:.2f} at 10 samples per weight, {two:.2f} at 2")
above = np.geomspace(1.2, 40, 100)
axes.plot(above, 1 + 1 / (above - 1), color=style.FAINT, linewidth=8, alpha=0.3, label="$1 + 1/(r-1)$")
axes.vlines(10, 0, 4, color=style.FAINT, linestyle=":")
axes.text(10, 4.1, "the rule", color=style.FAINT, ha="center")
axes.axhline(1, color=style.FAINT, linewidth=1)
axes.set(xscale="log", ylim=(0, 8), xlabel="samples per weight $r$", ylabel="test error / noise variance")
axes.set_xticks([0.25, 0.5, 1, 2, 5, 10, 20, 40], ["¼", "½", "1", "2", "5", "10", "20", "40"])
axes.set_xticks([], minor=True)
axes.legend(frameon=False)

nearly_clean = typical(lambda n, rng: polynomial_error(n, rng, 10, noise=0.001), 20)
miss = 0.001 * np.sqrt(nearly_clean - 1)
print(f"10 weights, 20 samples, noise of 0.001 in place of 0.3: misses the curve by {miss:.4f}")
picture

# %% [markdown]
# For least squares the rule is sound, and we can say what it buys. From about five samples per weight on,
# all three models lie on one curve, whatever their size: with $r=n/W$ samples per weight the error is
# $1+\frac1{r-1}$ (for inputs from a normal distribution and many weights). At $r=10$ that is 11 % above the
# noise. Ten is a choice, not a threshold: twenty buys 5 %.
#
# Two things do not fit into a rule of thumb:
#
# - **What is paid for is noise.** With almost none, two samples per weight give the curve to a few
#   thousandths, as the last line printed shows.
# - **The worst place is one sample per weight**, where the model can just fit all the noise, and only in one
#   way. With *more* weights than samples the error falls again: of the many exact fits, the smallest one
#   spreads the noise over many weights. This is called double descent. (Here it helps little: always to
#   answer 0 would give an error of 2.)
#
# Keep both in mind for networks, in 3.6.
#
# ## 3.3 From numbers to classes
#
# A classifier returns $K$ numbers, the **logits** $z$. The softmax makes probabilities of them,
# $p_k=e^{z_k}/\sum_je^{z_j}$, and the **cross entropy** is the mean of $-\log p_{\text{label}}$ over the
# samples. A network that is sure and wrong pays most.
#
# ### Exercise 3.2 — cross entropy and its gradient
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# Write `cross_entropy(z, labels)`: `z` float64 (n, k), `labels` integers (n,). It returns the mean loss, a
# number, and the gradient of that mean by `z`, float64 (n, k). Derive the gradient on paper; it is short.
#
# Worked example, one sample with the label 0: `z = [[0, 0]]` gives $p=(\tfrac12,\tfrac12)$, the loss
# $\log2=0.693$ and the gradient $(-\tfrac12,\tfrac12)$.
#
# <details><summary>Hint 1</summary>
#
# $-\log p_l=-z_l+\log\sum_je^{z_j}$. What is the derivative of the second term by $z_k$?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Softmax − one-hot, divided by $n$. Subtract each row's largest logit before `np.exp`: the softmax stays
# the same, and nothing overflows. Take $-\log p_l$ as in hint 1: a $p_l$ that is rounded to 0 has no
# logarithm. `z[np.arange(n), labels]` picks one number from each row.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def cross_entropy(z, labels):
#     n, k = z.shape
#     z = z - z.max(axis=1, keepdims=True)
#     log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
#     return -log_p[np.arange(n), labels].mean(), (np.exp(log_p) - np.eye(k)[labels]) / n
# ```
#
# </details>


# %%
def cross_entropy(z, labels):
    """The mean loss () and its gradient (n, k), for logits z (n, k) and labels (n,)."""
    return None  # your lines: loss, gradient


tell(check_cross_entropy, cross_entropy)

# %% [markdown]
# The gradient is worth a second look. Each logit is pulled by *what the network says − what is true*. A
# sample that is right and sure pulls no more.
#
# ## 3.4 A step
#
# Stochastic gradient descent takes a few samples (a mini-batch), computes the gradient $g$ of their loss by
# every weight $p$, and takes a step. With **momentum** $m$ it keeps a velocity $v$, which remembers the
# steps before:
#
# $$v\leftarrow m\,v+g,\qquad p\leftarrow p-\eta\,v.$$
#
# ### Exercise 3.3 — one step of SGD with momentum
# *Difficulty 1/5 · importance 4/5 · at most 5 minutes*
#
# Write `sgd_step(p, v, g, lr, momentum)`: `p`, `v`, `g` float64 arrays of one shape, `lr` is $\eta$. It
# returns the new `p` and the new `v` and leaves the arrays that it was given as they are. Worked example:
# $p=1$, $v=2$, $g=3$, $\eta=0.1$, $m=0.5$ give $v=0.5\cdot2+3=4$ and $p=1-0.1\cdot4=0.6$.
#
# <details><summary>Hint</summary>
#
# Two lines, and their order matters: first the velocity, then the weights with the *new* velocity.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def sgd_step(p, v, g, lr, momentum):
#     v = momentum * v + g
#     return p - lr * v, v
# ```
#
# </details>


# %%
def sgd_step(p, v, g, lr, momentum):
    """The new p and v, for p, v and the gradient g of one shape."""
    return None  # your lines: p, v


tell(check_sgd_step, sgd_step)

# %% [markdown]
# **Checkpoint.** From here on the lesson takes minixai's `ops.cross_entropy` and `nn.SGD`. The next cell
# puts both through the checks of your functions.
#
# > **Predict 3.** Left: logistic regression on digits, with $\eta=0.05$; then with momentum 0.9 too; then
# > without momentum, but with $\eta=0.5$. Which two curves will look alike? Right: a narrow valley,
# > $\frac12(p_1^2+100\,p_2^2)$, 100 times steeper across than along. Which of the three settings, all ten
# > times smaller, will not get down at all?


# %%
def by_the_tape(z, labels):
    z = mx.Tensor(z)
    loss = ops.cross_entropy(z, labels)
    return loss.value, mx.backward(loss)[z]


def by_the_optimiser(p, v, g, lr, momentum):
    weight = nn.Parameter(p.copy())
    optimiser = nn.SGD([weight], lr, momentum)
    optimiser.step({weight: v})  # the first step makes the velocity
    weight.value = p
    optimiser.step({weight: g})
    return weight.value, (p - weight.value) / lr


tell(check_cross_entropy, by_the_tape)
tell(check_sgd_step, by_the_optimiser)

pixels, digits = load_digits(return_X_y=True)
images = (pixels / 16).reshape(-1, 1, 8, 8).astype(np.float32)  # from 0 to 1
order = np.random.default_rng(0).permutation(len(images))
x_train, y_train = images[order[:1200]], digits[order[:1200]]
x_test, y_test = images[order[1200:]], digits[order[1200:]]
print(f"{len(x_train)} digits to train and {len(x_test)} to test, of {images.shape[1:]} numbers each")


def logistic(seed=0):
    """Logistic regression: one layer from the 64 pixels to the 10 logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=seed))


settings = {
    "η = 0.05": (0.05, 0, style.SIGNAL),
    "η = 0.05, momentum 0.9": (0.05, 0.9, style.FILTER),
    "η = 0.5": (0.5, 0, style.PATTERN),
}
picture = Picture(figsize=(12, 4.4), dpi=76, layout="constrained")
left, right = picture.subplots(1, 2)
for name, (lr, momentum, colour) in settings.items():
    model = logistic()
    optimiser = nn.SGD(model.parameters(), lr, momentum)
    history = nn.fit(model, x_train, y_train, epochs=12, optimiser=optimiser, progress=False)
    left.plot(range(1, 13), [epoch.loss for epoch in history], color=colour, linewidth=3, label=name)

    p, v, heights = np.array([1.0, 1.0]), np.zeros(2), []
    for _ in range(200):
        heights.append(0.5 * (p[0] ** 2 + 100 * p[1] ** 2))
        v = momentum * v + np.array([1, 100]) * p
        p = p - lr / 10 * v
    right.plot(np.clip(heights, None, 1e6), color=colour, linewidth=3)
    print(f"{name:23} digits: loss {history[-1].loss:.2f}; valley: height {heights[-1]:.0e} after 200 steps")
left.set(xlabel="epoch", ylabel="training loss", title="digits", ylim=(0, None))
left.legend(frameon=False)
right.set(yscale="log", ylim=(1e-8, 1e5), xlabel="step", ylabel="height", title="a narrow valley, all η / 10")
picture

# %% [markdown]
# **Left.** Momentum 0.9 acts like a learning rate ten times as large: where the gradient hardly changes, the
# velocity adds up to $g(1+m+m^2+\dots)=g/(1-m)$. **Right.** Ten times the learning rate jumps from wall to
# wall, higher each time: across the valley the gradient changes its sign at every step. There the velocity
# cancels a part of itself, so momentum is fast along the valley and still does not leave it.
#
# ## 3.5 XOR: what one layer cannot do
#
# XOR is 1 where exactly one of two inputs is 1. Logistic regression computes $z=d\cdot x+b$, and for every
# $d$ and $b$
#
# $$z(0,0)+z(1,1)=d_1+d_2+2b=z(0,1)+z(1,0).$$
#
# XOR wants the left side negative and the right side positive. No weights do that, and no training finds
# them. A **hidden unit** $h$ helps. Most textbooks take two of them. Rumelhart, Hinton and Williams (1986)
# also have a network with *one*, beside direct connections from the inputs to the output:
#
# $$h=\mathrm{step}(v\cdot x+c),\qquad y=\mathrm{step}(d\cdot x+u\,h+b),\qquad
# \mathrm{step}(z)=1\text{ where }z>0\text{, else }0.$$
#
# ### Exercise 3.4 — XOR with one hidden unit
# *Difficulty 2/5 · importance 3/5 · at most 10 minutes*
#
# Find the seven weights by hand. `xor_weights()` returns `v` (two numbers), `c`, `d` (two numbers), `u`,
# `b`. Worked example for OR, which needs no hidden unit: `[0, 0], 0, [1, 1], 0, -0.5`.
#
# <details><summary>Hint 1</summary>
#
# OR is right for three of the four inputs. For which is it wrong?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Let the hidden unit be AND, and let it push the output down when it is on.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def xor_weights():
#     return [1, 1], -1.5, [1, 1], -2, -0.5
# ```
#
# </details>


# %%
def xor_weights():
    """v (2,), c, d (2,), u, b: XOR is step(d·x + u·step(v·x + c) + b)."""
    return None  # your numbers


tell(check_xor_weights, xor_weights)

# %% [markdown]
# Now let training find them, as in 1986: sigmoids in place of steps, half the squared error summed over the
# four inputs, $\eta=0.5$, momentum 0.9. Every network is trained from 600 random starts *at once*: its
# weights are stacks of 600 matrices, and the starts do not touch each other. A third of the starts draws the
# weights from $N(0,s^2)$ with $s=0.2$, a third with $s=1$, a third with $s=4$.
#
# The four lines of the loop are what `nn.fit` does, too.
#
# > **Predict 4.** The authors met local minima in two of hundreds of runs. Which network will get stuck more
# > often: the one with two hidden units, or the one with one hidden unit and direct connections? Does the
# > size of the first weights matter?


# %%
XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_Y = np.array([[0], [1], [1], [0]], np.float32)
SCALES, STARTS = (0.2, 1, 4), 200


class Stack(nn.Module):
    """Networks of 2 inputs, `hidden` sigmoids and 1 output, one network for each start."""

    def __init__(self, hidden, direct, seed=0):
        rng = np.random.default_rng(seed)
        scale = np.repeat(SCALES, STARTS)[:, None, None]

        def draw(*shape):
            return nn.Parameter((scale * rng.normal(size=(len(scale), *shape))).astype(np.float32))

        if hidden:
            self.v, self.c, self.u = draw(2, hidden), draw(1, hidden), draw(hidden, 1)
        if direct:
            self.d = draw(2, 1)
        self.hidden, self.direct, self.b = hidden, direct, draw(1, 1)

    def units(self, x):
        return ops.sigmoid(x @ self.v + self.c)

    def forward(self, x):
        z = self.b
        if self.hidden:
            z = z + self.units(x) @ self.u
        if self.direct:
            z = z + x @ self.d
        return ops.sigmoid(z)


networks = {
    "logistic regression": Stack(0, direct=True),
    "2 hidden": Stack(2, direct=False),
    "1 hidden + direct": Stack(1, direct=True),
    "4 hidden": Stack(4, direct=False),
}
solved = {}
print("solved of 200 starts      " + "".join(f"s = {scale:<8}" for scale in SCALES))
for name, network in networks.items():
    optimiser = nn.SGD(network.parameters(), lr=0.5, momentum=0.9)
    for _ in range(1000):
        miss = network(mx.Tensor(XOR_X)) - XOR_Y
        loss = ops.sum(miss * miss) * 0.5
        optimiser.step(mx.backward(loss, wrt=optimiser.parameters))
    solved[name] = (np.abs(network(XOR_X).value - XOR_Y) < 0.5).all(axis=(1, 2))
    print(f"{name:26}" + "".join(f"{count:<12}" for count in solved[name].reshape(3, STARTS).sum(axis=1)))

# %%
middle = slice(STARTS, 2 * STARTS)  # s = 1
grid = np.stack(np.meshgrid(np.linspace(-0.2, 1.2, 57), np.linspace(-0.2, 1.2, 57)), -1).reshape(-1, 2)
shown = [
    ("logistic regression", False, "logistic regression"),
    ("2 hidden", True, "2 hidden units"),
    ("2 hidden", False, "2 hidden units, stuck"),
    ("1 hidden + direct", True, "1 hidden unit + direct"),
]
picture = Picture(figsize=(15, 4), dpi=68, layout="constrained")
panels = picture.subplots(1, 4, sharey=True)
for axes, (name, wanted, title) in zip(panels, shown, strict=True):
    start = STARTS + int(np.flatnonzero(solved[name][middle] == wanted)[0])
    output = networks[name](grid.astype(np.float32)).value[start].reshape(57, 57)
    surface = axes.imshow(
        output, cmap=style.OUTPUT_MAP, vmin=0, vmax=1, origin="lower", extent=(-0.2, 1.2) * 2
    )
    if np.ptp(output) > 0.1:
        axes.contour(output, [0.5], colors="white", linewidths=3, extent=(-0.2, 1.2) * 2)
    for point, label in zip(XOR_X, XOR_Y[:, 0], strict=True):
        axes.text(*point, f"{label:.0f}", color="black", weight="bold", ha="center", va="center", size=14,
                  bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": "none"})  # fmt: skip
    axes.set(title=title, xlabel="$x_1$", xticks=[0, 1], yticks=[0, 1])
panels[0].set_ylabel("$x_2$")
picture.colorbar(surface, ax=panels, label="output", shrink=0.9)

units = networks["1 hidden + direct"].units(XOR_X).value[middle, :, 0]
on = units > (units.min(axis=1, keepdims=True) + units.max(axis=1, keepdims=True)) / 2
patterns, counts = np.unique(on[solved["1 hidden + direct"][middle]], axis=0, return_counts=True)
print("the one hidden unit at (0,0) (0,1) (1,0) (1,1), in the solved starts with s = 1:")
for pattern, count in zip(patterns, counts, strict=True):
    print(f"    {' '.join('on ' if unit else 'off' for unit in pattern)}   {count} starts")
picture

# %% [markdown]
# The white lines are where the output is ½. Logistic regression finds no line and gives up, with ½
# everywhere.
#
# Starts that are not solved after 1 000 sweeps, stuck or slow, are no rarity here: far more than two in
# hundreds. Their number depends on the size of the first weights as much as on the network, and so does
# which of the two small networks is better. Four hidden units, twice as many as needed, fail least. More
# weights than the task needs make training *easier*: a first hint at what 3.6 will show.
#
# Look at the list of hidden units, too ("on" is above the middle of the unit's range). All these networks
# give the same four answers, with eight kinds of hidden unit: on for one input alone, or off for one input
# alone. So "what does the hidden unit mean?" has no answer that the task gives. An explanation is one of
# *this* network.
#
# ## 3.6 Logistic regression, MLP, LeNet
#
# Back to the digits, 8×8 pixels. Three models, all trained alike (Adam, 300 updates of 64 images):
#
# - logistic regression: each class is one template of 64 weights;
# - an MLP with 32 hidden units: `Linear → ReLU → Linear`;
# - a small LeNet: `Conv → ReLU → MaxPool` twice, then one linear layer.
#
# > **Predict 5.** Which of the three overfits: where is the training error far below the test error? How do
# > the three compare when they get only 75 training images?


# %%
def mlp(seed=0, hidden=32):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, hidden, rng=rng), nn.ReLU(), nn.Linear(hidden, 10, rng=rng)
    )


def small_lenet(seed=0):
    """LeNet's plan for 8×8 images: 8 and 16 maps, each pooled to half its size."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10, rng=rng)),
    )


def weights_in(model):
    return sum(parameter.value.size for parameter in model.parameters())


def percent_wrong(model, x, y):
    """The percentage of wrong answers."""
    return 100 * np.mean(model.predict(x, batch_size=1000).argmax(axis=1) != y)


def trained(model, x, y, updates=300, validation=None):
    """The model after Adam's steps on mini-batches of 64, and what each epoch gave."""
    batch = min(64, len(x))
    epochs = round(updates / np.ceil(len(x) / batch))
    optimiser = nn.Adam(model.parameters(), lr=0.01)
    history = nn.fit(model, x, y, epochs, batch, optimiser, validation=validation, progress=False)
    return model, history


models = {
    "logistic": (logistic, style.SIGNAL),
    "MLP": (mlp, style.FILTER),
    "small LeNet": (small_lenet, style.PATTERN),
}
full, histories = {}, {}
print("              weights  samples per weight  training error   test error")
for name, (make, _) in models.items():
    full[name], histories[name] = trained(make(), x_train, y_train, validation=(x_test, y_test))
    wrong = percent_wrong(full[name], x_test, y_test)
    doubt = np.sqrt(wrong * (100 - wrong) / len(x_test))
    size = weights_in(full[name])
    print(f"{name:14}{size:6}{len(x_train) / size:15.2f}{percent_wrong(full[name], x_train, y_train):18.1f} %"
          f"{wrong:12.1f} ± {doubt:.1f} %")  # fmt: skip

# %%
sizes = [75, 150, 300, 600, 1200]
picture = Picture(figsize=(13, 4.6), dpi=74, layout="constrained")
left, right = picture.subplots(1, 2)
for name, (make, colour) in models.items():
    epochs = range(1, len(histories[name]) + 1)
    left.plot(epochs, [epoch.loss for epoch in histories[name]], color=colour, linewidth=2, linestyle=":")
    left.plot(
        epochs, [epoch.validation_loss for epoch in histories[name]], color=colour, linewidth=3, label=name
    )
    errors = [percent_wrong(trained(make(), x_train[:n], y_train[:n])[0], x_test, y_test) for n in sizes[:-1]]
    errors.append(percent_wrong(full[name], x_test, y_test))
    right.plot(sizes, errors, "o-", color=colour, linewidth=3, label=name)
    print(
        f"{name:12} test error with {sizes[0]} images {errors[0]:.1f} %, with {sizes[-1]} {errors[-1]:.1f} %"
    )
left.set(yscale="log", xlabel="epoch", ylabel="loss", title="over time: training (dotted), test (solid)")
right.set(xscale="log", ylim=(0, None), xlabel="training images", ylabel="test error (%)", title="over data")
right.set_xticks(sizes, [str(n) for n in sizes])
right.set_xticks([], minor=True)
right.legend(frameon=False)
picture

# %% [markdown]
# The networks leave next to no error on the training set, and keep some on the test set. Logistic regression
# has about the same on both: it overfits least, and could be more flexible. With 75 images there is little
# to choose between the three. Mind the ± of the table: differences of less than one per cent may be chance.
#
# Two curves go by the name of **learning curve**, and you need both.
#
# - **Over time** (left) you see when training can stop: where the solid curve no longer falls. Its gap to
#   the dotted one is overfitting. (The dotted curve begins above the solid one because it is the mean over
#   an epoch in which the weights still improved.)
# - **Over data** (right) you see what more data would bring. A curve that is still falling asks for more
#   data; a flat one asks for another model.
#
# None of the three has ten samples per weight, and all work. So is the rule wrong for networks? We test it
# as in 3.2, by the width of the MLP: from 1 hidden unit, which obeys the rule, to 512, with 32 weights for
# each training image. And since 3.2 said that the price is for noise, once more with noise: 30 % of the
# training labels are replaced by random ones. The test labels stay true.
#
# > **Predict 6.** Draw the test error over the samples per weight, with true labels and with false ones.


# %%
widths = (1, 2, 4, 8, 16, 64, 512)
rng = np.random.default_rng(1)
y_noisy = np.where(rng.random(1200) < 0.3, rng.integers(0, 10, 1200), y_train)
false = y_noisy != y_train
picture = Picture(figsize=(9, 5), dpi=76, layout="constrained")
axes = picture.subplots()
for labels, name, colour in (
    (y_train, "true labels", style.PATTERN),
    (y_noisy, "30 % random labels", style.FILTER),
):
    print(name)
    per_weight, errors = [], []
    for width in widths:
        model, _ = trained(mlp(hidden=width), x_train, labels, updates=400)
        per_weight.append(1200 / weights_in(model))
        errors.append(percent_wrong(model, x_test, y_test))
        print(f"    {width:3} hidden units: test error {errors[-1]:4.1f} %", end="")
        learned = 100 - percent_wrong(model, x_train[false], y_noisy[false])
        print(f", {learned:.0f} % of the false labels learned" if labels is y_noisy else "")
    axes.plot(per_weight, errors, "o-", color=colour, linewidth=3, label=name)
for width, r, wrong in zip(widths, per_weight, errors, strict=True):
    axes.annotate(
        f"{width}", (r, wrong), (-6, 8), textcoords="offset points", ha="center", color=style.FILTER
    )
axes.axvline(10, color=style.FAINT, linestyle=":")
axes.text(10.5, 2, "the rule", color=style.FAINT)
axes.set(xscale="log", yscale="log", ylim=(1, 150), xlabel="samples per weight", ylabel="test error (%)")
axes.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
axes.set_xticks([0.03, 0.1, 0.3, 1, 3, 10], ["0.03", "0.1", "0.3", "1", "3", "10"])
axes.minorticks_off()
axes.set_title("MLPs of 1 to 512 hidden units, trained on 1 200 digits")
axes.legend(frameon=False, loc="upper left")
picture

# %% [markdown]
# The networks near the rule, with one and two hidden units, are the worst: they **underfit**. From there to
# the left the error falls, and with true labels it stays low down to 0.03 samples per weight.
#
# With false labels the old trouble is back: the error falls, then rises for the widest network, which has
# begun to learn the false labels by heart, as the last column shows. Even so it is far better than the
# networks near the rule.
#
# (Each point is one start; differences of a per cent may be chance.)
#
# So for networks the number of weights is the wrong thing to count: the widest, with 32 weights for each
# image, is as good as any when the labels are true. The rule of thumb is one for least squares. What replaces
# it is a measurement: a set kept for testing.
#
# ## 3.7 LeNet-5 on MNIST
#
# LeNet-5 has 61 706 weights for images of 28×28. Here it gets 8 000 images, 0.13 samples per weight, and
# passes over them twice. They are from MNIST's *test* set, of which 2 000 are kept for our test. So the
# number below does not compare with published ones, which train on 60 000.

# %%
try:
    scans, names = mx.data.mnist("test")
except WeightsNotFoundError as error:
    picture = None
    print(f"MNIST is left out. {error}")
else:
    order = np.random.default_rng(0).permutation(len(scans))
    scans, names = scans[order, None].astype(np.float32) / 255, names[order].astype(int)
    lenet = mx.models.lenet5(seed=0)
    optimiser = nn.Adam(lenet.parameters(), lr=0.005)
    nn.fit(lenet, scans[:8000], names[:8000], epochs=2, optimiser=optimiser, progress=False)
    guesses = lenet.predict(scans).argmax(axis=1)
    wrong = 8000 + np.flatnonzero(guesses[8000:] != names[8000:])
    print(
        f"LeNet-5, {weights_in(lenet)} weights: test error {len(wrong) / 20:.1f} %. The first eight mistakes:"
    )
    picture = Picture(figsize=(12, 2), dpi=72, layout="constrained")
    for axes, i in zip(picture.subplots(1, 8), wrong, strict=False):
        axes.imshow(scans[i, 0], cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"a {names[i]}, said {guesses[i]}")
        axes.axis("off")
picture

# %% [markdown]
# ## 3.8 Where it fails: a test set of old acquaintances
#
# We shuffled the digits before we split them. scikit-learn's description says that they were written by 13
# people. Nobody noted who wrote what, but neighbours in the file seem to be by the same hand. After
# shuffling, every writer is in both sets. Without shuffling, the test set is mostly by people whom the
# network has never seen.
#
# > **Predict 7.** We split into 1 198 and 599 images three times, by chance or in the order of the file.
# > Which error is larger, and by how much?

# %%
blocks = np.array_split(np.arange(len(images)), 3)
shuffled = np.array_split(np.random.default_rng(1).permutation(len(images)), 3)
for name, parts in (("shuffled", shuffled), ("in order", blocks)):
    for model_name, make in (("logistic", logistic), ("MLP", mlp)):
        errors = []
        for held_out in parts:
            rest = np.setdiff1d(np.arange(len(images)), held_out)
            model, _ = trained(make(), images[rest], digits[rest])
            errors.append(percent_wrong(model, images[held_out], digits[held_out]))
        print(f"{name}, {model_name:9} test error {np.mean(errors):4.1f} % on average, {np.round(errors, 1)}")

# %% [markdown]
# Same models, same number of images, and a larger error for people who are new. Which number is right?
# Each answers another question: *other digits by people we know*, or *digits by people we do not know*. All
# the test errors above are of the first kind. A test error is worth as much as the likeness of its test set
# to the use.
#
# **Also missing here:** we looked at the test set while we chose learning rates for this lesson. That is how
# test sets wear out. In earnest, choose on a third set, the validation set, and test once.
#
# **Open question.** The widest network of 3.6 has enough weights to learn any labels by heart, and given time
# such networks do (Zhang et al. 2017). Trained on true labels, the same network with the same optimiser gets
# new digits right. What would you measure *on the trained weights*, without a test set, to tell the network
# that learned from the one that memorised?
#
# ## References
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams: *Learning internal representations by error propagation*,
#   in *Parallel Distributed Processing*, vol. 1, chapter 8, MIT Press, 1986. XOR with one hidden unit, local
#   minima, momentum (there $\eta$ is inside the velocity).
# - E. B. Baum, D. Haussler: *What size net gives valid generalization?*, Neural Computation 1, 1989,
#   151–160. In the worst case, of the order of $W/\varepsilon$ samples for an error of $\varepsilon$:
#   ten per weight for 10 %.
# - T. Hastie, A. Montanari, S. Rosset, R. J. Tibshirani: *Surprises in high-dimensional ridgeless least
#   squares interpolation*, Annals of Statistics 50, 2022, 949–986. The curve of 3.2, on both sides of $r=1$.
# - M. Belkin, D. Hsu, S. Ma, S. Mandal: *Reconciling modern machine-learning practice and the classical
#   bias–variance trade-off*, PNAS 116, 2019. Double descent.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: *Gradient-based learning applied to document recognition*,
#   Proceedings of the IEEE 86, 1998. LeNet-5, MNIST.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals: *Understanding deep learning requires rethinking
#   generalization*, ICLR 2017, [arXiv 1611.03530](https://arxiv.org/abs/1611.03530).
# - *Sample grouping*, in the [scikit-learn course](https://inria.github.io/scikit-learn-mooc/python_scripts/cross_validation_grouping.html).
#   The writers of the digits.
