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
# # 3 · Training a network
#
# Training changes the weights of a network until its answers to the training samples are right. It takes a
# loss that says how wrong an answer is, a step that makes the loss smaller, and a network that can represent
# the answer at all. Whether the result is right on *new* samples is the subject of the next lesson.
#
# **You will do:** write the loss and the step that train nearly every network in this course, wire XOR by
# hand with a single hidden unit, train logistic regression, a multi-layer perceptron (MLP) and a LeNet on
# digits, and count the hidden units that no longer answer to anything when the training is over.
#
# **You will learn:** why the gradient of the cross entropy is so simple; what momentum does, and what it does
# not; why one layer cannot learn XOR, and how often training fails on it; to read a loss over time.
#
# **You need:** lesson 1 (gradients by the tape) and lesson 2 (convolution); NumPy.
#
# **Data:** scikit-learn's digits come with it. Section 3.5 also takes MNIST's test images (1.7 MB), from
# `MINIXAI_DATA` or fetched once; without them it says so and the lesson goes on.
#
# **Time:** 75 minutes, of which the cells run about 20 seconds. Code BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
import pooch
from figures.maps import sliders  # needs lessons/figures/ beside this notebook
from figures.training_a_network import (
    dying_units,
    losses,
    mistakes,
    momentum,
    outputs_on_the_plane,
    valley,
)
from sklearn.datasets import load_digits

import minixai as mx
from minixai import nn, ops
from minixai.checks import tell
from minixai.checks.training import check_cross_entropy, check_sgd_step, check_xor_weights
from minixai.errors import WeightsNotFoundError

pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr
np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 3.1 From numbers to classes
#
# A classifier returns $K$ numbers, the **logits** $z$. The softmax turns them into probabilities,
# $p_k=e^{z_k}/\sum_je^{z_j}$, and the **cross entropy** is the mean of $-\log p_{\text{label}}$ over the
# samples. A network that is sure and wrong pays most.
#
# ### Exercise 3.1 — cross entropy and its gradient
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# Write `cross_entropy(z, labels)`: `z` float64 (n, k), `labels` integers (n,). It returns the mean loss, a
# number, and the gradient of that mean with respect to `z`, float64 (n, k). Derive the gradient on paper; it
# is short.
#
# Worked example, one sample with the label 0: `z = [[0, 0]]` gives $p=(\tfrac12,\tfrac12)$, the loss
# $\log2=0.693$ and the gradient $(-\tfrac12,\tfrac12)$.
#
# <details><summary>Hint 1</summary>
#
# For the label $l$: $-\log p_l=-z_l+\log\sum_je^{z_j}$. What is the derivative of the second term with
# respect to $z_k$?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Softmax − one-hot, divided by $n$, where *one-hot* is 1 at the label and 0 elsewhere. Subtract each row's
# largest logit before `np.exp`: the softmax stays the same, and nothing overflows. Take $-\log p_l$ as in
# hint 1: a $p_l$ that is rounded to 0 has no logarithm. `z[np.arange(n), labels]` picks one number from each
# row.
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
# sample that is answered right, with confidence, no longer pulls.

# %% [markdown]
# ## 3.2 A step
#
# Stochastic gradient descent (SGD) takes a few samples (a mini-batch), computes the gradient $g$ of their
# loss with respect to every weight $p$, and takes a step, whose length is set by the **learning rate**
# $\eta$. One pass through all training samples is an **epoch**. With **momentum** $m$ the method keeps a
# velocity $v$, which remembers the earlier steps:
#
# $$v\leftarrow m\,v+g,\qquad p\leftarrow p-\eta\,v.$$
#
# ### Exercise 3.2 — one step of SGD with momentum
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
# **Checkpoint.** From here on the lesson uses minixai's `ops.cross_entropy` and `nn.SGD`. The next cell puts
# both through the checks of your functions.


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

# %% [markdown]
# Now both at work, on two problems: logistic regression on digits of 8×8 pixels, and a narrow valley,
# $\frac12(p_1^2+100\,p_2^2)$, which curves 100 times as strongly across as along. There are three settings:
# $\eta=0.05$ without momentum, the same with momentum 0.9, and $\eta=0.5$ without momentum. In the valley
# every $\eta$ is ten times smaller.
#
# > **Predict 1.** Which two curves will look alike on the digits? Which of the three settings will never get
# > down into the valley?

# %%
pixels, digits = load_digits(return_X_y=True)
images = (pixels / 16).reshape(-1, 1, 8, 8).astype(np.float32)  # from 0 to 1
order = np.random.default_rng(0).permutation(len(images))
x_train, y_train = images[order[:1200]], digits[order[:1200]]
x_test, y_test = images[order[1200:]], digits[order[1200:]]
print(f"{len(x_train)} digits to train and {len(x_test)} to test, of {images.shape[1:]} numbers each")


def logistic(seed=0):
    """Logistic regression: one layer from the 64 pixels to the 10 logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=seed))


# %%
def down_the_valley(lr, momentum, steps=200):
    """The places (steps, 2) on the way from (1, 1), and their heights."""
    p, v, places = np.array([1.0, 1.0]), np.zeros(2), []
    for _ in range(steps):
        places.append(p)
        v = momentum * v + np.array([1, 100]) * p
        p = p - lr * v
    return np.array(places), 0.5 * np.square(places) @ [1, 100]


settings = {"η = 0.05": (0.05, 0), "η = 0.05, momentum 0.9": (0.05, 0.9), "η = 0.5": (0.5, 0)}
on_digits, in_valley = {}, {}
for name, (lr, m) in settings.items():
    model = logistic()
    optimiser = nn.SGD(model.parameters(), lr, m)
    history = nn.fit(model, x_train, y_train, epochs=12, optimiser=optimiser, progress=False)
    on_digits[name] = [epoch.loss for epoch in history]
    _, in_valley[name] = down_the_valley(lr / 10, m)
    height = f"{in_valley[name][-1]:.0e}"
    print(f"{name:23} digits: loss {on_digits[name][-1]:.2f}; valley: height {height} after 200 steps")
momentum(on_digits, in_valley)

# %% [markdown]
# **Answer to prediction 1.** On the left, momentum 0.9 looks like a learning rate ten times as large: where
# the gradient hardly changes, the velocity adds up to $g(1+m+m^2+\dots)=g/(1-m)$. On the right, the tenfold
# learning rate never gets down. It jumps from wall to wall, higher each time, because across the valley each
# step overshoots the bottom by more than the last, and the gradient changes its sign. With momentum such
# changes of sign cancel part of the velocity, so it is fast along the valley and still stays inside it.
#
# Why does it jump? Without momentum a step multiplies $p_2$ by $1-100\,\eta$ and $p_1$ by $1-\eta$. The
# second number is what one has to wait for, the first must stay between −1 and 1. So the largest $\eta$ is
# 0.02, whatever the way along the valley would need. Below is the way for 0.018. With the sliders, find two
# things: the largest $\eta$ that still comes down with momentum 0.9, and a momentum that is *too* large.


# %%
def way(eta, momentum):
    """The picture of 60 steps in the valley."""
    return valley(*down_the_valley(eta, momentum, steps=60), f"η = {eta:g}, momentum {momentum:g}")


way(0.018, 0)

# %%
sliders(way, {"eta": (0.002, 0.005, 0.01, 0.015, 0.018, 0.02, 0.021, 0.025, 0.03, 0.035, 0.04),
              "momentum": (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)})  # fmt: skip

# %% [markdown]
# ## 3.3 XOR: what one layer cannot do
#
# XOR is 1 where exactly one of two inputs is 1. Logistic regression computes $z=d\cdot x+b$, and for every
# $d$ and $b$
#
# $$z(0,0)+z(1,1)=d_1+d_2+2b=z(0,1)+z(1,0).$$
#
# XOR wants the left side negative and the right side positive. No weights do that, so no training can find
# them. A **hidden unit** $h$ helps. Most textbooks take two. Rumelhart, Hinton and Williams (1986) also have
# a network with *one*, beside direct connections from the inputs to the output:
#
# $$h=\mathrm{step}(v\cdot x+c),\qquad y=\mathrm{step}(d\cdot x+u\,h+b),\qquad
# \mathrm{step}(z)=1\text{ where }z>0\text{, else }0.$$
#
# ### Exercise 3.3 — XOR with one hidden unit
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
# weights are stacks of 600 matrices, and the starts do not influence each other. One third of the starts
# draws its weights from $N(0,s^2)$ with $s=0.2$, one third with $s=1$, one third with $s=4$.
#
# > **Predict 2.** The authors met local minima in two of hundreds of runs. Which network will get stuck more
# > often: the one with two hidden units, or the one with one hidden unit and direct connections? Does the
# > size of the first weights matter?


# %%
XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_Y = np.array([[0], [1], [1], [0]], np.float32)
SCALES = (0.2, 1, 4)  # of the first weights, 200 starts each


class Stack(nn.Module):
    """Networks of 2 inputs, `hidden` sigmoids and 1 output; with direct connections or without."""

    def __init__(self, hidden, direct, seed=0):
        rng = np.random.default_rng(seed)
        scale = np.repeat(SCALES, 200)[:, None, None]
        shapes = {"v": (2, hidden), "c": (1, hidden), "u": (hidden, 1)} if hidden else {}
        shapes |= {"d": (2, 1), "b": (1, 1)} if direct else {"b": (1, 1)}
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter((scale * rng.normal(size=(600, *shape))).astype(np.float32)))
        self.hidden, self.direct = hidden, direct

    def units(self, x):
        return ops.sigmoid(x @ self.v + self.c)

    def forward(self, x):
        z = x @ self.d + self.b if self.direct else self.b
        return ops.sigmoid(z + self.units(x) @ self.u if self.hidden else z)


# %% [markdown]
# The three lines of the inner loop do what `nn.fit` does, too: an answer and how far it misses; a loss; a
# walk back and a step.

# %%
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
    solved[name] = (np.abs(network(XOR_X).value - XOR_Y) < 0.5).all(axis=(1, 2)).reshape(3, 200)
    print(f"{name:26}" + "".join(f"{count:<12}" for count in solved[name].sum(axis=1)))

# %% tags=["thumbnail"]
grid = np.stack(np.meshgrid(np.linspace(-0.2, 1.2, 57), np.linspace(-0.2, 1.2, 57)), -1)
shown = {
    "logistic regression": ("logistic regression", False),
    "2 hidden units": ("2 hidden", True),
    "2 hidden units, stuck": ("2 hidden", False),
    "1 hidden unit + direct": ("1 hidden + direct", True),
}
surfaces = {}
for title, (name, wanted) in shown.items():
    start = 200 + np.flatnonzero(solved[name][1] == wanted)[0]  # the first such start with s = 1
    found = networks[name](grid.reshape(-1, 2).astype(np.float32)).value
    surfaces[title] = found[start].reshape(57, 57)
outputs_on_the_plane(surfaces, XOR_X, XOR_Y[:, 0])

# %% [markdown]
# The white lines are where the output is ½. Logistic regression finds no line and answers ½ everywhere.
#
# **Answer to prediction 2.** Starts that are not solved after 1 000 steps, because they are stuck or slow,
# are not rare here: there are far more than two in hundreds. Their number depends on the size of the first
# weights as much as on the network, and so does the order of the two small networks. Four hidden units, twice
# as many as needed, fail least often. More weights than the task needs make training *easier*; what they cost
# is a question for lesson 4.
#
# What does the hidden unit of the third network stand for? The next cell lists the inputs for which it is on,
# in every solved start with $s=1$ ("on" is above the middle of the unit's range).

# %%
units = networks["1 hidden + direct"].units(XOR_X).value[200:400, :, 0]
on = units > (units.min(axis=1, keepdims=True) + units.max(axis=1, keepdims=True)) / 2
kinds, counts = np.unique(on[solved["1 hidden + direct"][1]], axis=0, return_counts=True)
print("the one hidden unit at (0,0) (0,1) (1,0) (1,1):")
for kind, count in zip(kinds, counts, strict=True):
    print(f"    {' '.join('on ' if unit else 'off' for unit in kind)}   {count} starts")

# %% [markdown]
# All these networks give the same four answers, with as many kinds of hidden unit as the list has lines: on
# for one input alone, or off for one input alone. So the task does not determine what the hidden unit means.
# An explanation is always one of *this* network.

# %% [markdown]
# ## 3.4 Logistic regression, MLP, LeNet
#
# Back to the digits. Three models are trained alike, with about 300 updates on 64 images each. The optimiser
# is **Adam**: momentum, with each weight's step divided by the running size of its gradient. The models:
#
# - logistic regression: each class is one template of 64 weights;
# - an MLP with 32 hidden units: `Linear → ReLU → Linear`;
# - a small LeNet, a network for images of the kind that read digits in the 1990s: `Conv → ReLU → MaxPool`
#   twice, then one linear layer.
#
# > **Predict 3.** Which model will have the lowest training loss at the end? For which will the training loss
# > end far below the test loss?


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


# %%
def percent_wrong(model, x, y):
    return 100 * np.mean(model.predict(x, batch_size=1000).argmax(axis=1) != y)


models = {"logistic": logistic(), "MLP": mlp(), "small LeNet": small_lenet()}
training, test = {}, {}
print("              weights   training error    test error, with its standard error")
for name, model in models.items():
    optimiser = nn.Adam(model.parameters(), lr=0.01)
    history = nn.fit(model, x_train, y_train, epochs=16, optimiser=optimiser,
                     validation=(x_test, y_test), progress=False)  # fmt: skip
    training[name] = [epoch.loss for epoch in history]
    test[name] = [epoch.validation_loss for epoch in history]
    wrong = percent_wrong(model, x_test, y_test)
    doubt = np.sqrt(wrong * (100 - wrong) / len(x_test))
    size = sum(parameter.value.size for parameter in model.parameters())
    print(f"{name:14}{size:6}{percent_wrong(model, x_train, y_train):14.1f} %{wrong:12.1f} ± {doubt:.1f} %")
losses(training, test)

# %% [markdown]
# **Answer to prediction 3.** The LeNet has the lowest training loss. For the two networks the dotted curve
# ends well below the solid one: they know something about the training set that does not hold for new images.
# For logistic regression the two curves lie on top of each other, so it could be more flexible. This picture
# of the loss over time is one of two that are called a **learning curve** (the other one, over the number of
# training images, comes in lesson 4). It shows when training can stop: where the test loss no longer falls.
# At first the training loss lies *above* the test loss, because it is the mean over an epoch in which the
# weights still improved.
#
# The ± in the table is the standard error of a percentage $p$ on $n$ test images, $\sqrt{p(100-p)/n}$. It
# says how much is owed to chance in the choice of the test images, and nothing about other first weights. Two
# models whose intervals overlap, such as logistic regression and the MLP here, are not ranked by this table.

# %% [markdown]
# ## 3.5 LeNet-5 on MNIST
#
# LeNet-5 has 61 706 weights for images of 28×28. Here it gets 8 000 images and passes over them twice. They
# come from MNIST's *test* set of 10 000, and the other 2 000 are our test. So the number below cannot be
# compared with published ones, for which the network was trained on 60 000 images.

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
    print(f"LeNet-5: test error {len(wrong) / 20:.1f} %. The first eight mistakes:")
    picture = mistakes(scans[wrong[:8], 0], names[wrong[:8]], guesses[wrong[:8]])
picture

# %% [markdown]
# ## 3.6 Where it fails: units that die
#
# A hidden unit is **dead** if it is off for *every* training image, $z_j=w_j\cdot x+c_j\le0$. There the ReLU
# has the slope 0, so no cotangent passes it: the gradient of the loss with respect to $w_j$ and $c_j$ is
# exactly 0, plain gradient descent does not move them, and the unit stays dead. One step that is too large
# can kill it. (Adam and momentum still move it for as long as their velocity lasts.) The next cell tests the
# argument on a network that learned with a large step.


# %%
def is_dead(model):
    """Which hidden units (32,) no training image turns on."""
    return model[1](mx.Tensor(x_train.reshape(1200, 64))).value.max(axis=0) <= 0


model = mlp(0)
nn.fit(model, x_train, y_train, epochs=8, optimiser=nn.Adam(model.parameters(), lr=0.1), progress=False)
weight, dead = model[1].weight, is_dead(model)
loss = ops.cross_entropy(model(mx.Tensor(x_train)), y_train)
slopes, before = np.abs(mx.backward(loss, wrt=[weight])[weight]), weight.value.copy()
nn.fit(model, x_train, y_train, epochs=8, optimiser=nn.SGD(model.parameters(), 0.1), progress=False)
moved, still = np.abs(weight.value - before), is_dead(model)
born = [int(is_dead(mlp(seed)).sum()) for seed in range(3)]
print(f"dead before any training, from three starts: {born}")
print(f"{dead.sum()} of 32 units are dead; after 8 more epochs of plain SGD {still[dead].sum()} of them are")
for name, which in {"dead": dead, "other": ~dead}.items():
    print(f"{name:>5} units: gradient at most {slopes[which].max():.1g}, moved by at most "
          f"{moved[which].max():.1g}")  # fmt: skip

# %% [markdown]
# Exactly 0, twice. Now we train the MLP with learning rates from 0.0003 to 1, from three starts each, and
# count the dead units.
#
# > **Predict 4.** From which learning rate on do units die? Does the test error show it? How much will a dead
# > unit's weights still look like those that it started with?

# %%
rates = np.array([0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
dead, errors = np.empty((len(rates), 3)), np.empty((len(rates), 3))
ink = x_train.reshape(1200, 64).max(axis=0) > 0  # pixels that are always white move no weight
for k, rate in enumerate(rates):
    likeness = {True: [], False: []}  # to the first weights; of dead units, and of living ones
    for seed in range(3):
        model = mlp(seed)
        first = model[1].weight.value[:, ink]
        optimiser = nn.Adam(model.parameters(), lr=rate)
        nn.fit(model, x_train, y_train, epochs=8, optimiser=optimiser, seed=seed, progress=False)
        off = is_dead(model)
        dead[k, seed], errors[k, seed] = off.sum(), percent_wrong(model, x_test, y_test)
        for unit, before, after in zip(off, first, model[1].weight.value[:, ink], strict=True):
            likeness[unit].append(before @ after / np.linalg.norm(before) / np.linalg.norm(after))
    cosines = [f"{np.mean(found):.2f}" if found else "–" for found in likeness.values()]
    print(f"rate {rate:<7g} dead {dead[k].astype(int)}  test error {np.round(errors[k], 1)} %"
          f"  cosine to the first weights: dead {cosines[0]}, living {cosines[1]}")  # fmt: skip
dying_units(rates, dead, errors)

# %% [markdown]
# **Answer to prediction 4.** There are dead units at every learning rate (at the smallest hardly more than
# before training), including those with which the network learns well: at 0.1 more than half are off for all
# images, and the test error is as low as anywhere. The error shows it only when almost all are dead. So a
# network can be right and half dead.
#
# This matters for explanations. At 0.003 and 0.01 the filters of dead units still look much like their random
# start (the cosines say how much), those of living units far less: a picture of a dead unit's filter shows
# what it began with, and little of what was learned. So count the dead units before you read meaning into
# filters. What helps most against them is a smaller learning rate.
#
# **Open question.** The two small XOR networks get stuck for different sizes of the first weights. Is "stuck"
# a property of the network, of the start, or of the step? What would you change, one thing at a time, to find
# out?
#
# ## References
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams: *Learning internal representations by error propagation*,
#   in *Parallel Distributed Processing*, vol. 1, chapter 8, MIT Press, 1986. XOR with one hidden unit, local
#   minima, momentum (there $\eta$ is inside the velocity).
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: *Gradient-based learning applied to document recognition*,
#   Proceedings of the IEEE 86, 1998. LeNet-5, MNIST.
# - D. P. Kingma, J. Ba: *Adam: a method for stochastic optimization*, ICLR 2015,
#   [arXiv 1412.6980](https://arxiv.org/abs/1412.6980).
# - X. Glorot, A. Bordes, Y. Bengio: *Deep sparse rectifier neural networks*, AISTATS 2011, 315–323. ReLU, and
#   what it means for the gradient that a unit is off.
