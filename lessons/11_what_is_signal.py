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
# # 11 · What is signal? Estimators and the quality criterion ρ
#
# Lesson 5 split the input of a linear filter into signal and distractor. There we knew the true signal, but
# in a network nobody does. So how can we say that one estimator of the signal is better than another? The
# paper of PatternNet proposes a number for that, ρ. This lesson computes it, and then asks what it measures.
#
# **You will do:** derive the two-component estimator $S_{a\pm}$; compute ρ by least squares; fit the patterns
# of a convolution with one backward pass; measure ρ in every layer of a small network; design a control that
# needs no truth.
#
# **You will learn:** why ρ of $S_a$ and $S_{a\pm}$ is 1 on the data that they were fitted to; what changes on
# other images; when $S_{a\pm}$ is wrong and ρ does not see it; what else ρ cannot see.
#
# **You need:** lesson 5; lessons 1 and 2 for the backward pass of a convolution; least squares.
#
# **Time:** 75 minutes, of which the cells run about 15 seconds. Everything runs offline, on points that we
# draw and on scikit-learn's digits (1 797 images of 8×8, a copy of a UCI test set, not MNIST). Code
# BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
from figures import what_is_signal as figures  # needs lessons/figures/ beside this notebook
from sklearn.datasets import load_digits

import minixai as mx
from minixai.checks import signal as checks
from minixai.checks import tell
from minixai.data import toy

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 11.1 Five answers
#
# A filter has the output $y=w^\top x$. (A bias is left out. It only moves $y$, and all that follows is about
# what *varies* together.) A signal estimator splits $x=S(x)+\hat d$ into the signal, the part that $y$ tells
# us about, and the rest $\hat d$.
#
# | | estimator | where it comes from |
# |---|---|---|
# | identity | $S_x(x)=x$ | all is signal, $\hat d=0$ |
# | random | $\dfrac{u}{w^\top u}\,y$ | a random direction $u$: the baseline |
# | filter | $S_w(x)=\dfrac{w}{w^\top w}\,y$ | the signal lies along the weights |
# | linear | $S_a(x)=a\,y,\quad a=\dfrac{\mathrm{cov}[x,y]}{\mathrm{var}[y]}$ | $\mathrm{cov}[\hat d,y]=0$ |
# | two-component | $S_{a\pm}(x)=a_+\,y$ if $y>0$, else $a_-\,y$ | the same, for each side of the ReLU |
#
# The last one is new. A ReLU passes on only what is active, so a unit's input may be built in one way where
# $y>0$ and in another where it is not. We call these the two *regimes*. Let $E_+$ be the mean over the
# samples with $y>0$, and $\pi_+$ their share. Then $\mathrm{cov}[\hat d,y]=0$ says
#
# $$\pi_+\left(E_+[xy]-E_+[x]\,E[y]\right)+\dots\;=\;\pi_+\,a_+\left(E_+[y^2]-E_+[y]\,E[y]\right)+\dots$$
#
# with the same for $y\le0$ behind the dots. Match the two sides regime by regime. As $w^\top x=y$, the
# bracket on the right is $w^\top$ times that on the left:
#
# $$a_+=\frac{E_+[xy]-E_+[x]\,E[y]}{w^\top\left(E_+[xy]-E_+[x]\,E[y]\right)},\qquad w^\top a_+=1 .$$
#
# ### Exercise 11.1 — the pattern of the active samples
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `positive_pattern(x, y, w)`: float64 `x` (n, d), `y` (n,), `w` (d,); the result float64 (d,). Worked
# example: `w = [1, -1]`, `x = [[3, 1], [1, 0], [0, 0]]`, `y = [2, 1, 0]`. Two samples are active, and
# $E[y]=1$. The numerator is $\tfrac12[(3,1)(2-1)+(1,0)(1-1)]=(\tfrac32,\tfrac12)$, $w^\top$ of it is $1$, so
# $a_+=(\tfrac32,\tfrac12)$.
#
# <details><summary>Hint</summary>
#
# $E_+[xy]-E_+[x]\,E[y]=E_+[x\,(y-E[y])]$: one mean, and one matrix product. $E[y]$ is the mean over *all*
# samples. Any factor cancels in the quotient.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def positive_pattern(x, y, w):
#     active = y > 0
#     numerator = x[active].T @ (y[active] - y.mean())
#     return numerator / (w @ numerator)
# ```
#
# </details>


# %%
def positive_pattern(x, y, w):
    """a₊ (d,) for samples x (n, d) with outputs y (n,) of the filter w (d,)."""
    return None  # your lines


tell(checks.check_positive_pattern, positive_pattern)

# %% [markdown]
# ## 11.2 A criterion: what can still be read from the rest?
#
# If $S$ is good, then everything that has to do with $y$ is in $S(x)$, and from the rest $\hat d=x-S(x)$
# nothing of $y$ can be read any more. We test this with the best linear reader $v$ that there is:
#
# $$\rho(S)=1-\max_v\,\mathrm{corr}\left(y,\;v^\top\hat d\right).$$
#
# $\rho=1$ means that nothing of $y$ is left in the rest, $\rho=0$ that all of it is still there. The best $v$
# need not be searched for: it is the least-squares fit of $y$ to $\hat d$, both centred.
#
# ### Exercise 11.2 — ρ by hand
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `rho(d, y)`: `d` float64 (n, k), the rests; `y` float64 (n,); the result a number. Worked example with
# one column: `d = [[1], [-1], [1], [-1]]`, `y = [7, 1, -1, -7]`. The reader is $v=3$, the covariance of $3d$
# and $y$ is $9$, their standard deviations are $3$ and $5$, the correlation is $0.6$ and $\rho=0.4$.
#
# <details><summary>Hint</summary>
#
# `np.linalg.lstsq(d_centred, y_centred)[0]` is $v$, and `np.corrcoef(p, y)[0, 1]` a correlation.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def rho(d, y):
#     v = np.linalg.lstsq(d - d.mean(axis=0), y - y.mean())[0]
#     return 1 - np.corrcoef(d @ v, y)[0, 1]
# ```
#
# </details>


# %%
def rho(d, y):
    """1 − the best correlation of v·d with y, for the rests d (n, k) and the outputs y (n,)."""
    return None  # your lines


tell(checks.check_rho, rho)

# %% [markdown]
# **Checkpoint.** From here on we use minixai's estimators and `reference_rho`, so the lesson goes on whatever
# you wrote above.
#
# Back to the toy model of lesson 5: $x=a_s\,y+a_d\,\epsilon$ with $a_s=(1,0)$, $a_d=(1,1)$, $y\sim U(-1,1)$,
# $\epsilon\sim N(\mu,1)$ and the filter $w=(1,-1)$. First $\mu=0$.


# %%
def reference_rho(d, y, d_test=None, y_test=None):
    """ρ with v fitted to d (n, k), y (n,); on the same samples, or on others."""
    v = np.linalg.lstsq(d - d.mean(axis=0), y - y.mean(), rcond=1e-10)[0]
    d_test, y_test = (d, y) if d_test is None else (d_test, y_test)
    return 1 - np.corrcoef(d_test @ v, y_test)[0, 1]


def fitted(sample, w):
    """The five estimators that have a ρ, fitted to a sample of the toy model."""
    signal = mx.signal
    estimators = signal.RandomEstimator(w, seed=3), signal.FilterEstimator(w), signal.LinearEstimator(w)
    estimators += signal.TwoComponentEstimator(w), signal.TwoComponentEstimator(w, centred=True)
    return dict(zip(figures.LOOKS, (each.fit(sample.x, sample.x @ w) for each in estimators), strict=True))


tell(checks.check_rho, reference_rho)

# %% [markdown]
# > **Predict 1.** Which estimators get $\rho=1$? And what is the ρ of $S_x$, for which all is signal?

# %%
w = np.array([1.0, -1.0])
sample = toy(20_000, seed=0)
estimators = fitted(sample, w)
rests = {name: sample.x - each.signal(sample.x) for name, each in estimators.items()}
along = {
    name: rest @ sample.a_d / 2 for name, rest in rests.items()
}  # as w·rest = 0, all rests lie along a_d
rhos = {name: reference_rho(rest, sample.y) for name, rest in rests.items()}
variance = 1 / 3  # of y
by_formula = 1 - np.sqrt(variance / 4 / (1 + variance / 4))
print(f"S_w by the formula 1 − (σ_y/2) / √(1 + σ_y²/4): {by_formula:.3f}")
print(f"centred S_a±: {rhos['two_component_centred']:.3f}")
figures.readers(sample.y, dict(list(along.items())[:4]), rhos)

# %% [markdown]
# **Answer to prediction 1.** The black line is the reader: what it says of $y$, given the rest. The rest of
# $S_w$ is $(\epsilon+\tfrac12y)\,a_d$; it holds half of $y$, and the reader finds it. A random direction,
# with this seed, is hardly worse. From the rest of $S_a$ and $S_{a\pm}$ nothing can be read. And $S_x$? Its
# rest is 0. As nothing varies, there is no correlation, and ρ is undefined. (The paper's figure leaves $S_x$
# out, too.)
#
# The values of $S_a$ and $S_{a\pm}$ are not just close to 1, they *are* 1, but for rounding. Remember where
# these estimators came from: $a$ was *made* so that $\mathrm{cov}[\hat d,y]=0$, and $a_\pm$ so that the
# contributions of the two regimes to it add up to 0. Then $v^\top\mathrm{cov}[\hat d,y]=0$ for every $v$.
# **On the samples that they were fitted to, ρ of $S_a$ and $S_{a\pm}$ is 1 for any data and any filter,
# whether the signal is right or wrong.**
#
# ## 11.3 Wrong, and ρ = 1
#
# So let us look for a case in which one of them is wrong. We give the distractor a mean, $\mu=0.7$.
#
# > **Predict 2.** The true signal is still $(1,0)\,y$. Which of $a$, $a_+$, $a_-$ stay at $(1,0)$? Will ρ
# > show it?

# %%
sample = toy(20_000, mu=0.7, seed=0)
y, estimators = sample.y, fitted(sample, w)
two = estimators["two_component"]
patterns = {"a": estimators["linear"].pattern, "a_+": two.positive, "a_-": two.negative}
for name, a in patterns.items():
    print(f"{name:>3} = {a}")
print(f"\n{'':>22}  ρ, all  ρ, y > 0  rms error of the signal")
for name, estimator in estimators.items():
    signal = estimator.signal(sample.x)
    rest = sample.x - signal
    error = np.sqrt(np.mean((signal - np.outer(y, sample.a_s)) ** 2))
    active = reference_rho(rest[y > 0], y[y > 0])
    print(f"{name:>22} {reference_rho(rest, y):7.3f} {active:9.3f} {error:24.3f}")

# %%
along = (sample.x - two.signal(sample.x)) @ sample.a_d / 2
rho_of = {"all": reference_rho(along[:, None], y), "y > 0": reference_rho(along[y > 0, None], y[y > 0])}
figures.roof(sample.x, y, patterns, along, rho_of)

# %% [markdown]
# **Answer to prediction 2.** $S_a$ finds the signal. $S_{a\pm}$ does not: it has taken the mean of the
# distractor for signal. Put $x=a_s y+a_d\epsilon$ into the formula of 11.1, with $E[y]=0$:
#
# $$a_+=a_s+\mu\,a_d\,\frac{E_+[y]-E[y]}{E_+[y^2]-E_+[y]\,E[y]}=a_s+\mu\,a_d\,\frac{1/2}{1/3}
# =a_s+1.5\,\mu\,a_d,\qquad a_-=a_s-1.5\,\mu\,a_d .$$
#
# The paper says that the two-component estimator solves the toy. **It does for $\mu=0$ only.** And ρ over all
# samples does not see it. The middle panel shows why: plotted over $y$, the mean of the rest has the shape of
# a roof, and the best straight line through a roof is level. ρ looks only for *straight* lines, through *all*
# samples.
#
# Over the active samples alone (right) there is a slope, and ρ falls. There is a cure, too: take $E_+[y]$ in
# place of $E[y]$ for $a_+$, which makes it the covariance *within* the regime. The table calls this
# *centred*. The paper and the two published implementations take the mean over all samples; in minixai,
# centring is an option.

# %% [markdown]
# ## 11.4 Other samples
#
# On its own samples ρ is 1 by construction. On *other* samples it need not be. The paper splits the samples
# into three parts: the patterns are fitted to the first, $v$ to the second, and ρ is measured on the third.
#
# ### Exercise 11.3 — ρ held out
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Write `held_out_rho(w, x_a, x_v, x_test)` for $S_a$: `w` float64 (d,), three float64 arrays of samples (n,
# d), the outputs are `x @ w`; the result a number. Worked example, `w = [1, -1]`: `x_a = [[2, 1], [0, -1],
# [0, 1], [-2, -1]]` gives $a=(1,0)$, so the rest is $(x_2,x_2)$. `x_v = [[0, 1], [0, -1]]` has $y=-x_2$: the
# reader learns a *negative* $v$. `x_test = [[8, 1], [0, -1], [0, 1], [-8, -1]]` has the $y$ and the $d$ of
# 11.2, where the correlation is $+0.6$. So $v$ reads the rest with the wrong sign: the correlation is $-0.6$
# and $\rho=1.6$.
#
# <details><summary>Hint</summary>
#
# Three steps, and each takes its own part of the samples: the pattern $a$; the rest of `x_v` and the reader;
# the rest of `x_test` and the correlation. As $w^\top\hat d=0$, the covariance of $\hat d$ is singular:
# `np.linalg.lstsq(..., rcond=1e-10)` can handle that, `np.linalg.solve` cannot.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def held_out_rho(w, x_a, x_v, x_test):
#     y = x_a @ w - (x_a @ w).mean()
#     a = (x_a - x_a.mean(axis=0)).T @ y / (y @ y)
#     y_v, y_test = x_v @ w, x_test @ w
#     d_v, d_test = x_v - np.outer(y_v, a), x_test - np.outer(y_test, a)
#     v = np.linalg.lstsq(d_v - d_v.mean(axis=0), y_v - y_v.mean(), rcond=1e-10)[0]
#     return 1 - np.corrcoef(d_test @ v, y_test)[0, 1]
# ```
#
# </details>


# %%
def held_out_rho(w, x_a, x_v, x_test):
    """ρ of S_a of the filter w (d,) on x_test, with a from x_a and v from x_v, all (n, d)."""
    return None  # your lines


tell(checks.check_held_out_rho, held_out_rho)

# %% [markdown]
# Why can ρ exceed 1? Because the best $v$ was chosen on other samples. What the reader learned there may have
# been an accident, which on the test samples has the opposite sign.
#
# ## 11.5 A network
#
# A convolution is a linear filter that looks at every patch, so its samples $x$ are the patches of all
# images, at all places, with the zeros of the padding included. Do we have to cut them out? No: in lesson 2
# the backward pass of a convolution with respect to its weight, for a cotangent $g$, was $\sum g\,x$ over all
# patches, and we may choose $g$. With $g=y-\bar y$ it is
#
# $$\sum x\,(y-\bar y)=N\,\mathrm{cov}[x,y].$$
#
# **One weight-VJP gives the patterns of a whole layer**, for any stride and padding. With $g=(y-\bar y)$
# where $y>0$ and 0 elsewhere, it is the numerator of $a_+$.
#
# ### Exercise 11.4 — the patterns of a convolution
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Write `conv_pattern(x, w, stride, padding)`: float64 `x` (n, c, h, w) and weights `w` (k, c, kh, kw), two
# ints. Return the pattern $a$ of $S_a$ for each of the k units, in an array of `w`'s shape. Worked example:
# one image, one channel, one row `[1, 2, 4]` and one filter `[1, -1]`, stride 1, no padding. The patches are
# $(1,2)$ and $(2,4)$, $y=(-1,-2)$, $\bar y=-1.5$. The sum is $0.5\,(1,2)-0.5\,(2,4)=(-0.5,-1)$, $w^\top$ of
# it $0.5$, and $a=(-1,-2)$.
#
# <details><summary>Hint 1</summary>
#
# `weight = mx.Tensor(w)`, `y = mx.ops.conv2d(mx.Tensor(x), weight, stride=stride, padding=padding)`, then
# `mx.backward(y, g, wrt=[weight])[weight]` with an array `g` of `y.value`'s shape.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A unit is a channel of `y.value`: its mean is over images, rows and columns, `axis=(0, 2, 3)`. The
# denominator, $w^\top$ of the sum, is taken over the last three axes of `w`. `keepdims=True` helps with both.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def conv_pattern(x, w, stride, padding):
#     weight = mx.Tensor(w)
#     y = mx.ops.conv2d(mx.Tensor(x), weight, stride=stride, padding=padding)
#     g = y.value - y.value.mean(axis=(0, 2, 3), keepdims=True)
#     numerator = mx.backward(y, g, wrt=[weight])[weight]
#     return numerator / (w * numerator).sum(axis=(1, 2, 3), keepdims=True)
# ```
#
# </details>


# %%
def conv_pattern(x, w, stride, padding):
    """a = cov[x, y] / var[y] of every unit, over all patches, in the shape of w (k, c, kh, kw)."""
    return None  # your lines


tell(checks.check_conv_pattern, conv_pattern)

# %% [markdown]
# **Checkpoint.** Now a network: two convolutions and two dense layers, trained on 1 200 digits. Of these 600
# are for the patterns, the other 600 for $v$, and the rest, which the network has not seen, for ρ. (The
# layers have biases. A sample is active where $w^\top x+b>0$, as the ReLU sees it; the paper's equation has
# no bias, but the two published implementations do as we do.)

# %%
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images, labels = (digits.images[order, None] / 16).astype(np.float32), digits.target[order]
rng = np.random.default_rng(0)
net = mx.nn.Sequential({
    "conv1": mx.nn.Conv2d(1, 8, 3, padding=1, rng=rng), "relu1": mx.nn.ReLU(),
    "conv2": mx.nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": mx.nn.ReLU(), "pool": mx.nn.MaxPool2d(2),
    "flatten": mx.nn.Flatten(), "dense1": mx.nn.Linear(16 * 16, 32, rng=rng), "relu3": mx.nn.ReLU(),
    "dense2": mx.nn.Linear(32, 10, rng=rng),
})  # fmt: skip
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1200], labels[:1200], epochs=8, batch_size=32, optimiser=optimiser,
                       validation=(images[1200:], labels[1200:]), progress=False)  # fmt: skip
for_patterns, for_v, test = images[:600], images[600:1200], images[1200:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")

# %% [markdown]
# `fit_patterns` fits every kind of pattern to every layer in one pass over the images. For `conv2` we compare
# them with those of the exercise's solution.


# %%
def batches(images):
    return [images[i : i + 50] for i in range(0, len(images), 50)]


def reference_conv_pattern(x, w, stride, padding):
    weight = mx.Tensor(w)
    y = mx.ops.conv2d(mx.Tensor(x), weight, stride=stride, padding=padding)
    g = y.value - y.value.mean(axis=(0, 2, 3), keepdims=True)
    numerator = mx.backward(y, g, wrt=[weight])[weight]
    return numerator / (w * numerator).sum(axis=(1, 2, 3), keepdims=True)


layers = ("conv1", "conv2", "dense1", "dense2")
kinds = ("linear", "positive", "negative", "positive_centred", "negative_centred")
patterns = mx.signal.fit_patterns(net, batches(for_patterns), dict.fromkeys(layers, kinds), progress=False)
for name in layers:
    fired = patterns[name].positive_count
    print(f"{name}: {patterns[name].count:6,} samples; {np.sum(fired == 0)} of {len(fired)} units never fire")

_, outputs = net.trace(mx.Tensor(for_patterns))
weight = net.state_dict()["conv2.weight"].astype(np.float64)
by_hand = reference_conv_pattern(outputs["relu1"][0].value.astype(np.float64), weight, 1, 1)
difference = np.abs(by_hand - patterns["conv2"].linear).max()
print(f"conv2 by hand less minixai: at most {difference:.1e} of {np.abs(by_hand).max():.2f}")

# %% [markdown]
# > **Predict 3.** Three measurements of ρ: *in sample* (patterns, $v$ and ρ on the same images), *held out*
# > (three sets of images), and held out *over the active samples only*. In which of them is $S_a$ at 1? And
# > over the active samples, which has the higher ρ, $S_a$ or $S_{a\pm}$?

# %%
share = {"estimators": figures.LOOKS, "ridge": 1e-4, "units": 8, "draws": 100, "progress": False}
same = batches(for_patterns[:200])
of_same = mx.signal.fit_patterns(net, same, dict.fromkeys(layers, kinds), progress=False)
quality, apart = mx.evaluate.quality, (batches(for_v), batches(test))
held_out = {"patterns": patterns, "patches": 8, **share}
measured = {
    "in sample": quality(net, same, same, patterns=of_same, patches=None, **share),
    "held out": quality(net, *apart, **held_out),
    "held out, y > 0 only": quality(net, *apart, samples="active", **held_out),
}
means = {title: tuple(a[:, 0] for a in q.means()) for title, q in measured.items()}
for title, (mean, _, _) in means.items():
    print(title)
    for layer, row in zip(layers, mean, strict=True):
        print(f"{layer:>8} {row}")
figures.by_layer(means, layers)

# %% [markdown]
# **Answer to prediction 3.** (Each printed row has the five estimators in the order of the legend. Bars: 95 %
# intervals, by bootstrap over the test images, with patterns and $v$ held fixed.)
#
# - **In sample** $S_a$ and $S_{a\pm}$ are at 1 in every layer, as they must be. This says nothing about the
#   network.
# - **Held out** the two stay together. They lose most in `dense1`: it has the most inputs, 256, and only one
#   sample per image. What the drop shows is how badly $a$ and $v$ *generalise*.
# - **Over the active samples** the order is reversed. In the layers after `conv1`, $S_{a\pm}$ leaves nearly
#   all of $y$ in the rest, more than $S_a$: the estimator made for the active samples is worse on just these.
#   The inputs of these layers are never negative, so they have means, as in 11.3. (So have the pixels, and in
#   `conv1` the two are close: how much harm a mean does depends on the data.)
# - **Centred** is the best over the active samples, so the mean *is* the cause. Over all samples it is worse:
#   the rests of the two regimes have different means, which makes a step at $y=0$, and from the step $y$ can
#   be read.
#
# So which estimator is best depends on the samples that ρ is taken over. The paper's figure is like the
# middle panel, but for a large network.

# %% [markdown]
# And $S_w$? Its ρ is 0 in all layers but the first. Is it that bad? Look at one input $x_i$ that never
# varies. For $S=p\,y$ with a pattern $p$ its rest is $\hat d_i=x_i-p_i\,y$: constant minus a multiple of $y$.
# *All* of $y$ can be read from it, unless $p_i=0$. Fitted patterns have $p_i=0$ at such an input, weights do
# not.
#
# > **Predict 4.** A third input is added to the toy model of 11.2. It is always 0, and its weight is 0.1.
# > What becomes of $\rho(S_w)=0.72$?

# %%
sample = toy(20_000, seed=0)
three, w_three = np.c_[sample.x, np.zeros(20_000)], np.array([1.0, -1.0, 0.1])
rest = three - mx.signal.FilterEstimator(w_three).signal(three)
print(f"toy model, ρ(S_w) with the third input: {reference_rho(rest, sample.y):.3f}\n")

for name, source in {"conv2": "relu1", "dense1": "flatten", "dense2": "relu3"}.items():
    value = outputs[source][0].value  # (images, inputs, …)
    never = value.reshape(len(value), value.shape[1], -1).std(axis=(0, 2)) == 0
    what = "channels" if name == "conv2" else "inputs"
    print(f"{name}: {never.sum()} of its {len(never)} {what} never vary")

# %% [markdown]
# **Answer to prediction 4.** It falls to 0: an input that says nothing at all decides it. The network has
# such inputs, namely the outputs of units that never fire. What would $\rho(S_w)$ be without them? The next
# cell takes one unit of `dense2` by hand, in float64.

# %%
of_v, of_test = (net.trace(mx.Tensor(part))[1] for part in (for_v, test))
x_a, x_v, x_test = (each["relu3"][0].value.astype(np.float64) for each in (outputs, of_v, of_test))
q = measured["held out"]
w_unit = net.state_dict()["dense2.weight"][q.units["dense2"][0]].astype(np.float64)
w_varying = np.where(never, 0, w_unit)
y_v, y_test = x_v @ w_unit, x_test @ w_unit
a_unit = mx.signal.LinearEstimator(w_unit).fit(x_a, x_a @ w_unit).pattern
for label, pattern in {
    f"S_a (minixai: {q.rho['dense2'][0, 2, 0]:.3f})": a_unit,
    "S_a, its pattern rounded to float32": a_unit.astype(np.float32),
    "S_w": w_unit / (w_unit @ w_unit),
    "S_w of the inputs that vary": w_varying / (w_varying @ w_varying),
}.items():
    value = reference_rho(x_v - np.outer(y_v, pattern), y_v, x_test - np.outer(y_test, pattern), y_test)
    print(f"one unit of dense2, {label}: {value:.3f}")

# %% [markdown]
# In the last line the weights of the inputs that never vary were set to 0, and yet ρ hardly rises. The reason
# is that nearly the same happens along any *direction* in which the inputs hardly vary, and inputs that go up
# and down together leave such directions. So a low $\rho(S_w)$ is first of all a statement about the inputs.
# (The second line, with float32, is explained in 11.6.)
#
# ### Exercise 11.5 — a control that needs no truth (investigation)
# *Difficulty 4/5 · importance 5/5 · at most 20 minutes*
#
# In a network nobody knows the true signal. How could one still find out that an estimator takes the *mean*
# of its inputs for signal, without ρ? Add the same constant vector $c$ to every input, and let the bias
# take $w^\top c$ off: then no output has changed, and nothing varies that did not vary before. A pattern
# that speaks of what varies with $y$ must stay where it was.
#
# Write `moved_by(fit, x, y, c)`: `fit(x, y)` gives a pattern (d,) from `x` float64 (n, d) and `y` (n,); `c`
# is float64 (d,). Return $\|a'-a\|/\|a\|$, $a$ before and $a'$ after. Worked example: for `fit = lambda x,
# y: x.mean(axis=0)`, `x = [[3, 4]]`, `y = [1]` and `c = [0, 5]` it is 1.
#
# The second cell below applies the solution to `dense1`, with two constants: minus the mean of the inputs,
# and 1 everywhere. Judge in three sentences what comes out, and try a constant of your own.
#
# <details><summary>Hint</summary>
#
# $y$ stays as it is, since the bias makes up for $w^\top c$. So the fit gets `x + c` and the old `y`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def moved_by(fit, x, y, c):
#     before = fit(x, y)
#     return np.linalg.norm(fit(x + c, y) - before) / np.linalg.norm(before)
# ```
#
# </details>


# %%
def moved_by(fit, x, y, c):
    """How far the pattern fit(x, y) moves, relative to its length, when c (d,) is added to every x."""
    return None  # your lines


tell(checks.check_moved_by, moved_by)


# %%
def reference_moved_by(fit, x, y, c):
    before = fit(x, y)
    return np.linalg.norm(fit(x + c, y) - before) / np.linalg.norm(before)


def fits_of(w):
    """The fits (x, y) -> pattern of three kinds, for a unit with the filter w."""
    linear, two = mx.signal.LinearEstimator, mx.signal.TwoComponentEstimator
    return {
        "a": lambda x, y: linear(w).fit(x, y).pattern,
        "a₊": lambda x, y: two(w).fit(x, y).positive,
        "a₊ centred": lambda x, y: two(w, centred=True).fit(x, y).positive,
    }


x = outputs["flatten"][0].value.astype(np.float64)  # the inputs of dense1
w_all, b_all = (net.state_dict()[f"dense1.{name}"].astype(np.float64) for name in ("weight", "bias"))
often = patterns["dense1"].positive_count >= 50
for what, c in {"minus the mean": -x.mean(axis=0), "one everywhere": np.ones(x.shape[1])}.items():
    for kind in fits_of(w_all[0]):
        moved = [
            reference_moved_by(fits_of(w)[kind], x, x @ w + b, c)
            for w, b in zip(w_all[often], b_all[often], strict=True)
        ]
        print(f"{what} added: {kind:>10} moves by {np.median(moved):.2f} lengths, at most {max(moved):.2f}")


# %% [markdown]
# <details><summary>Three sentences, as one might write them</summary>
#
# Adding a constant changes no output, and $a$ and the centred $a_+$ do not move, to rounding, as a covariance
# must not. The paper's $a_+$ moves with either constant, by .8 and .2 of its length, so part of what it calls
# signal is the mean of the inputs. This does not show that $S_a$ is right, only that it cannot be wrong in
# this way: a control can convict, it cannot acquit.
#
# </details>
#
# ## 11.6 What else changes ρ
#
# > **Predict 5.** We fit the patterns and $v$ of `dense1` and `dense2` to fewer images. Does the held-out ρ
# > of $S_a$ go up or down? And with a larger *ridge*, a penalty that keeps the reader's $v$ small (lesson 5)?

# %%
counts, ridges = (75, 200, 600), (1e-6, 1e-4, 1e-2, 1e0)
by_count = []
for n in counts:
    part = [*batches(for_patterns[:n]), *batches(for_v[:n])]  # minixai halves it: patterns, v
    q = mx.evaluate.quality(net, part, batches(test), ("linear",), layers[2:], ridge=ridges, units=8,
                            draws=100, progress=False)  # fmt: skip
    mean_low_high = np.array([a[..., 0].T for a in q.means()])  # (3, ridges, layers)
    by_count.append(mean_low_high[:, 1])
of_counts = {name: np.array(by_count)[..., k].T for k, name in enumerate(layers[2:])}
of_ridges = {name: mean_low_high[..., k] for k, name in enumerate(layers[2:])}
for x, found in ((counts, of_counts), (ridges, of_ridges)):
    for name, (mean, _, _) in found.items():
        print(f"{name}: " + ", ".join(f"{at:g} → {value:.2f}" for at, value in zip(x, mean, strict=True)))
figures.over({
    "images for the patterns, and as many for $v$": (counts, of_counts),
    "ridge, over the mean variance of the inputs": (ridges, of_ridges),
})  # fmt: skip

# %% [markdown]
# **Answer to prediction 5.** With fewer images (left) ρ goes down: $a$ and $v$ are estimated less well. With
# a larger ridge (right) it goes up, but only because the reader gets *worse* and finds less. (Bars: 95 %, by
# bootstrap over the test images.) Why not leave the ridge out? As $w^\top a=1$, the filter should read
# nothing from the rest, $w^\top\hat d=0$, but this holds only up to rounding. Look at the line with float32
# in 11.5: there $w^\top\hat d$ is a tiny multiple of $y$, and a reader without a ridge magnifies it and reads
# all of $y$. The paper states neither its ridge nor its number of samples, so only values that were measured
# in the same way can be compared.
#
# ## 11.7 Where it fails: ρ is one-sided
#
# ρ looks at the rest only. It finds *signal that was left in the rest*. But what about *distractor that was
# left in the signal*? Take the best estimator of the toy model and spoil it: give a share $\kappa$ of the
# rest back to the signal,
#
# $$S_\kappa(x)=a\,y+\kappa\,\hat d,\qquad x-S_\kappa(x)=(1-\kappa)\,\hat d .$$
#
# > **Predict 6.** $\kappa=0$ is $S_a$, and $\kappa=0.99$ is nearly $S_x$. Sketch ρ against κ.

# %% tags=["thumbnail"]
y = sample.x @ w
linear = mx.signal.LinearEstimator(w).fit(sample.x, y)
rest = sample.x - linear.signal(sample.x)
shares = np.array([0, 0.25, 0.5, 0.75, 0.99])
spoiled = [linear.signal(sample.x) + share * rest for share in shares]
rhos = [reference_rho(sample.x - signal, y) for signal in spoiled]
errors = [np.sqrt(np.mean((signal - np.outer(y, sample.a_s)) ** 2)) for signal in spoiled]
for share, value, error in zip(shares, rhos, errors, strict=True):
    print(f"κ = {share:.2f}: ρ = {value:.3f}, rms error of the signal {error:.3f}")
figures.one_sided(shares, rhos, errors)

# %% [markdown]
# **Answer to prediction 6.** ρ is 1 for every $\kappa<1$, as a correlation does not depend on scale. So an
# estimator that calls nearly all of $x$ signal gets full marks. In 11.5 this loophole was closed only because
# all the estimators there have *one or two directions*. So ρ shows what $S_w$ and random directions leave
# behind, but between fitted estimators it cannot tell which signal is right.
#
# **To take home.** A value of ρ means something only together with *which samples* (held out, all or active),
# *how many*, and *which ridge*. For $S_a$ and $S_{a\pm}$, 1 in sample is a theorem. A held-out ρ below 1 says
# that $a$ and $v$ were fitted to too few samples, or to samples of another kind. For $S_w$, a single input
# that never varies decides it. And ρ is blind to what is not linear, and to distractor in the signal.
#
# **Open question.** Exercise 11.5 convicts an estimator that depends on a mean. Which change of the inputs
# would convict one that takes *noise* for signal? Lesson 12 takes the patterns back through a network, and
# measures the maps in another way.
#
# ## References
# - P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to
#   explain neural networks: PatternNet and PatternAttribution*, ICLR 2018,
#   [arXiv 1705.05598](https://arxiv.org/abs/1705.05598). The estimators, ρ, and its figure by layer.
# - S. Haufe, F. Meinecke, K. Görgen, S. Dähne, J.-D. Haynes, B. Blankertz, F. Bießmann: *On the
#   interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage 87, 2014.
#   Filters and patterns.
# - E. Alpaydin, C. Kaynak: *Optical recognition of handwritten digits*, UCI Machine Learning Repository,
#   1998. The digits.
