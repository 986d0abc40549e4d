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

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw5-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 5 · What is signal? Pattern estimators and ρ
#
# **You will do:** fit the patterns of $S_a$ and $S_{a\pm}$ for many units at once, from batches that are
# seen only once; find by hand when $S_{a\pm}$ goes wrong, and when its denominator is zero; measure ρ on
# samples that nothing was fitted to; do all of it for the convolutions of a small network that you train on
# digits.
#
# **You need:** lessons 5 and 11; lesson 2 for the patches of a convolution, lesson 1 for the backward pass.
#
# **Time:** 90 minutes, of which the cells run less than half a minute.
#
# | | exercise | points |
# |---|---|---|
# | 5.1 | the moments of some samples | 10 |
# | 5.2 | merging them | 15 |
# | 5.3 | $a$, $a_+$ and $a_-$ of many units | 15 |
# | 5.4 | by hand: a mean, a bias, and a denominator of 0 | 10 |
# | 5.5 | the rest | 5 |
# | 5.6 | ρ, held out | 15 |
# | 5.7 | in other coordinates | 5 |
# | 5.8 | patches | 10 |
# | 5.9 | the moments of a convolution, without patches | 15 |
#
# **Rules.** The work is your own. While the checks run, `minixai.signal`, `minixai.rules`, `minixai.methods`,
# `minixai.evaluate` and the checks themselves are out of reach: an answer that calls them gets nothing. NumPy is
# free to use, loops over units are fine. Exercise 5.9 uses `mx.Tensor`, `mx.ops` and `mx.backward`, and 5.8 NumPy
# alone. No function may write to its arguments.
#
# **Checks.** Below each exercise a cell checks your answer. A test cell that prints nothing has passed; an
# error says what is wrong. Marking runs the same checks with other numbers, and the hidden tests that the
# text names. No exercise needs the one before it to be right, but the pictures do.
#
# **Handing in.** *Kernel → Restart Kernel and Run All Cells*, see that no check fails that you count on,
# save, hand in this notebook. Code BSD-3-Clause, text CC BY 4.0.

# %%
import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import minixai as mx
from minixai.course.cw5 import checks as cw5
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)
threadpool_limits(1)  # all matrices here are small: more threads would only wait for each other
for dtype in (np.float32, np.float64):  # compiles the kernels, which takes some seconds the first time
    weight = mx.Tensor(np.ones((1, 1, 3, 3), dtype))
    compiled = mx.backward(mx.ops.conv2d(mx.Tensor(np.ones((1, 1, 4, 4), dtype)), weight), wrt=[weight])

# %% [markdown]
# ## Many units, many batches
#
# Throughout: samples are the rows of $x$ `(n, d)`, filters the rows of $w$ `(k, d)`, biases $b$ `(k,)`. The
# outputs are $y=x\,w^\top+b$, an array `(n, k)`. Unit $j$ is **active** on a sample where $y_j>0$. So every
# unit has active samples of its own.
#
# A real data set does not fit into memory, and is read batch by batch. What has to be kept of the samples
# that are gone? Of every unit four things, for its samples with $y>0$ and again for those with $y\le0$:
#
# | `Moments` | shape | |
# |---|---|---|
# | `n` | (k,) | how many samples |
# | `mean_x` | (k, d) | $\bar x$, their mean |
# | `mean_y` | (k,) | $\bar y$, the mean of their outputs |
# | `cross` | (k, d) | $C=\sum(x-\bar x)(y-\bar y)$ |
#
# all float64, `n` too, and all 0 for a unit without samples. `Moments(n, mean_x, mean_y, cross)` makes one,
# and `m.cross` reads from it. What returns moments returns `Moments(...)`, not a tuple.

# %%
Moments = cw5.Moments

# %% [markdown]
# ### Exercise 5.1 — the moments of some samples (10 points)
#
# Write `moments(x, y, keep)`. `keep` says which samples count for which unit. Samples may be float32; the
# sums are float64 all the same. Hidden tests: a unit that keeps none, and means of $10^5$ where the samples
# vary by about 1: there $\sum xy-n\,\bar x\bar y$ is a small difference of large numbers, and loses all but
# a few digits.


# %% nbgrader={"grade": false, "grade_id": "cw5-moments", "locked": false, "schema_version": 3, "solution": true, "task": false}
def moments(x, y, keep):
    """The Moments of each of k units over the samples that it keeps.

    x (n, d) and y (n, k), float32 or float64; keep (n, k) bool.

    Example: x = [[3, 1], [1, 0], [0, 1]] and one unit with y = [2, 1, -1] that keeps the first two samples.
    n = 2, x̄ = (2, ½), ȳ = 3/2, and the cross sum is (1, ½)·½ + (-1, -½)·(-½) = (1, ½).
    """
    ### BEGIN SOLUTION
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n = keep.sum(axis=0).astype(np.float64)
    share = keep / np.maximum(n, 1)
    mean_x, mean_y = share.T @ x, (share * y).sum(axis=0)
    cross = np.where(keep, y - mean_y, 0).T @ (x - x.mean(axis=0))
    return Moments(n, mean_x, mean_y, cross)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-moments-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw5.check_moments(moments, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_moments(moments, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.2 — merging them (15 points)
#
# One batch has the moments $n_1,\bar x_1,\bar y_1,C_1$, the next $n_2,\bar x_2,\bar y_2,C_2$. The moments of
# both together follow from these alone. Derive how. For $C$, write $x-\bar x=(x-\bar x_1)+(\bar x_1-\bar x)$
# for the samples of the first batch, the same for $y$, and multiply out: two of the four sums are zero.
# (Chan, Golub and LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances*,
# 1979.)
#
# Write `merge(one, other)`. However many batches are merged, the result has to be that of a single pass to
# $10^{-9}$ of its size. Hidden tests: no samples on one side or on both, means of $10^5$ as before, means
# that drift from batch to batch.


# %% nbgrader={"grade": false, "grade_id": "cw5-merge", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge(one, other):
    """The Moments of the samples of both, of k units.

    Example with one unit and one input: x = 0, 2 with y = 1, 3 has n = 2, x̄ = 1, ȳ = 2 and C = 2.
    x = 10 with y = -1 has n = 1, x̄ = 10, ȳ = -1 and C = 0. Together: n = 3, x̄ = 4, ȳ = 1, C = -16.
    """
    ### BEGIN SOLUTION
    n = one.n + other.n
    share = other.n / np.maximum(n, 1)
    step_x, step_y = other.mean_x - one.mean_x, other.mean_y - one.mean_y
    return Moments(
        n,
        one.mean_x + share[:, None] * step_x,
        one.mean_y + share * step_y,
        one.cross + other.cross + (one.n * share * step_y)[:, None] * step_x,
    )
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-merge-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw5.check_merge(merge, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_merge(merge, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.3 — $a$, $a_+$ and $a_-$ of many units (15 points)
#
# Lesson 11, and the two-component estimator of Kindermans et al. 2017 (arXiv 1705.05598):
#
# $$a_+=\frac{E_+[xy]-E_+[x]\,E[y]}{w^\top E_+[xy]-w^\top E_+[x]\,E[y]},\qquad
# a_-\text{ the same with }E_-,\qquad a=\frac{\mathrm{cov}[x,y]}{w^\top\mathrm{cov}[x,y]}.$$
#
# $E_+$ is over the samples with $y>0$, $E_-$ over those with $y\le0$, and $E[y]$ over *all* samples. Write
# them with the moments of the two regimes. (What has to be added to $C_+$, which is taken about $\bar y_+$?)
# Where a denominator is exactly 0, the pattern is 0: of a unit that never fires, $a_+$.
#
# Write `patterns(positive, negative, w)`. A denominator may be negative; keep its sign. Hidden tests: a unit
# that never fires, one that always does, a filter of zeros, filters of very different lengths.


# %% nbgrader={"grade": false, "grade_id": "cw5-patterns", "locked": false, "schema_version": 3, "solution": true, "task": false}
def patterns(positive, negative, w):
    """(a, a₊, a₋), each float64 (k, d), of the filters w (k, d).

    positive, negative: the Moments of the samples with y > 0, and of the others.

    Example: w = (1, -1), b = 0 and x = [[3, 1], [1, 0], [0, 1]], so that y = [2, 1, -1] and E[y] = 2/3.
    Two samples are active: the sum of x·(y - 2/3) over them is (13/3, 4/3), wᵀ of it 3, a₊ = (13/9, 4/9).
    The third: (0, -5/3), wᵀ of it 5/3, a₋ = (0, -1). Both: (13/3, -1/3), wᵀ of it 14/3, a = (13/14, -1/14).
    """
    ### BEGIN SOLUTION
    n = positive.n + negative.n
    mean_y = (positive.n * positive.mean_y + negative.n * negative.mean_y) / n

    def about_all(m):
        return m.cross + (m.n * (m.mean_y - mean_y))[:, None] * m.mean_x

    def divided(numerator):
        denominator = np.sum(w * numerator, axis=1, keepdims=True)
        return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)

    plus, minus = about_all(positive), about_all(negative)
    return divided(plus + minus), divided(plus), divided(minus)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-patterns-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw5.check_patterns(patterns, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_patterns(patterns, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.4 — by hand: a mean, a bias, and a denominator of 0 (10 points)
#
# The toy model again, with a filter that has a bias: $y=w^\top x+b$ is uniform on $(-c,c)$, and
#
# $$x=a_s\,(y-b)+a_d\,\epsilon,\qquad w^\top a_s=1,\quad w^\top a_d=0.$$
#
# $\epsilon$ is independent of $y$ and has the mean $\mu$. The cell prints the numbers of this term.

# %%
a_s, a_d, c, mu, b = cw5.numbers(SEED)
print(f"a_s = {a_s}, a_d = {a_d}, c = {c}, μ = {mu}, b = {b}")

# %% [markdown]
# With paper and pencil, for the model itself, with no samples drawn (fractions such as `5 / 3` may be typed
# in):
#
# - `w`, the filter (2,);
# - `a`, `a_plus`, `a_minus` (2,), the patterns of $S_a$ and $S_{a\pm}$;
# - `b_zero`, the bias at which $a_+$ has the denominator 0, all other numbers as they are.
#
# The visible check sees to $w$, and that $w^\top$ of each pattern is 1. Whether the patterns and `b_zero`
# are right you see in the picture that follows, once 5.1 to 5.3 are right.

# %% nbgrader={"grade": false, "grade_id": "cw5-by-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
# by_hand = {"w": [.., ..], "a": [.., ..], "a_plus": [.., ..], "a_minus": [.., ..], "b_zero": ..}
### BEGIN SOLUTION
# E₊[y] = c/2 and E₊[y²] = c²/3, E[y] = 0. The numerator of a₊ is a_s·(c²/3 - b·c/2) + a_d·μ·c/2, and wᵀ of
# it the first bracket. For a₋ the sign of E₋[y] = -c/2 is the other. S_a: cov[ε, y] = 0.
by_hand = {
    "w": np.array([a_d[1], -a_d[0]]) / (a_s[0] * a_d[1] - a_s[1] * a_d[0]),
    "a": a_s,
    "a_plus": a_s + mu * a_d * 3 / (2 * c - 3 * b),
    "a_minus": a_s - mu * a_d * 3 / (2 * c + 3 * b),
    "b_zero": 2 * c / 3,
}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cw5-by-hand-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw5.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS

# %% [markdown]
# Does it happen? The cell draws 40 000 points in 20 batches for each of many biases, streams them through
# your three functions, and shows how much of the distractor each pattern has taken for signal. The large
# dots are your patterns by hand, at this term's $b$, and should lie on the lines of their colours. The
# broken line is your `b_zero`.


# %%
def streamed(batches, w, b):
    """The Moments of y > 0 and of y ≤ 0, of samples that come in batches."""
    total = None
    for x in batches:
        y = x @ w.T + b
        batch = moments(x, y, y > 0), moments(x, y, y <= 0)
        total = batch if total is None else tuple(map(merge, total, batch))
    return total


def toy_batches(b, batches=20, n=2000):
    rng = np.random.default_rng([SEED, 1])
    for _ in range(batches):
        y, epsilon = rng.uniform(-c, c, (n, 1)), rng.normal(mu, 1, (n, 1))
        yield a_s * (y - b) + a_d * epsilon


hand_w = np.array([by_hand["w"]])
biases = np.linspace(-c / 2, max(0.95 * c, b + 0.1 * c), 40)
swept = [patterns(*streamed(toy_batches(bias), hand_w, bias), hand_w) for bias in biases]
LIMIT = 6
picture = Picture(figsize=(9, 4.6), dpi=76, layout="constrained")
axes = picture.subplots()
lines = {"a": ("$a$", style.PATTERN), "a_plus": ("$a_+$", "#009E73"), "a_minus": ("$a_-$", "#E69F00")}
for (name, (label, colour)), fitted in zip(lines.items(), zip(*swept, strict=True), strict=True):
    shares = (np.concatenate(fitted) - a_s) @ a_d / (a_d @ a_d)
    shown = np.where(np.abs(shares) < LIMIT, shares, np.nan)
    axes.plot(biases, shown, "o-", color=colour, linewidth=2, markersize=3, label=label)
    share = (np.array(by_hand[name]) - a_s) @ a_d / (a_d @ a_d)
    axes.plot(b, share, "o", color=colour, markeredgecolor=style.INK, markeredgewidth=1.5, markersize=9)
axes.plot([], [], "o", color="white", markeredgecolor=style.INK, markersize=9, label="yours, at $b$")
axes.axvline(by_hand["b_zero"], color=style.INK, linestyle="--", linewidth=1, label="your b_zero")
axes.set(ylim=(-LIMIT, LIMIT), xlabel="bias $b$", ylabel="share of $a_d$ in the pattern")
axes.set_title(f"μ = {mu}: $S_a$ is right for every bias".replace("-", "−"))
axes.legend(frameon=False, ncols=2, loc="upper left" if mu > 0 else "lower left")
picture

# %% [markdown]
# With $\mu=0$ all three lines would be level, at 0. With a mean, $a_+$ is wrong for any bias, and near
# `b_zero` it is hardly anything else but distractor; beyond it, it takes the distractor with the other sign.
# In general, divided by $n_+$, the denominator of $a_+$ is
#
# $$\mathrm{var}_+[y]+\left(\bar y_+-b\right)\left(\bar y_+-\bar y\right).$$
#
# $\bar y_+>\bar y$ unless the unit is always active, so it can be negative only if $b>\bar y_+$: the unit
# is active because of its bias, and on the average of its active samples its filter speaks *against* it.
# Without a bias it is never negative, nor is that of $a_-$. ρ over all samples, which comes next, will see
# nothing of all this.
#
# ### Exercise 5.5 — the rest (5 points)
#
# All estimators here have one or two directions: $S(x)=a_+\,w^\top x$ where $y=w^\top x+b>0$, and
# $a_-\,w^\top x$ elsewhere. $S_a$ has $a_+=a_-=a$ and $S_w$ has $a_+=a_-=w/(w^\top w)$. The factor is
# $w^\top x$, *without* the bias; what is active is decided *with* it. Write `rest(x, w, b, a_plus,
# a_minus)`, which returns $\hat d=x-S(x)$ of every unit. Hidden tests: $S_w$, and an output of exactly 0.


# %% nbgrader={"grade": false, "grade_id": "cw5-rest", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rest(x, w, b, a_plus, a_minus):
    """x - S(x), float64 (k, n, d): rest(...)[j] are the rests of unit j.

    x (n, d), w (k, d), b (k,), a_plus and a_minus (k, d), all float64.

    Example: w = (1, -1), b = 3/2, a₊ = (1, 0), a₋ = (0, -1). x = (1, 2) has wᵀx = -1 and y = ½, so it is
    active: S(x) = -1·(1, 0), and the rest is (2, 2). x = (1, 3) has wᵀx = -2 and y = -½: S(x) = -2·(0, -1),
    and the rest is (1, 1).
    """
    ### BEGIN SOLUTION
    s = (x @ w.T).T[:, :, None]  # (k, n, 1)
    active = s + b[:, None, None] > 0
    return x - np.where(active, a_plus[:, None], a_minus[:, None]) * s
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-rest-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw5.check_rest(rest, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_rest(rest, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.6 — ρ, held out (15 points)
#
# The quality criterion of the paper,
#
# $$\rho(S)=1-\max_v\,\mathrm{corr}\left(y,\;v^\top\hat d\right),\qquad\hat d=x-S(x).$$
#
# The best $v$ is least squares of $y$ from $\hat d$, both centred. As in the paper, it is fitted to samples
# of its own, and ρ is measured on others. Write `rho(d_v, y_v, d_test, y_test)` for all units at once.
#
# - As $w^\top\hat d=0$ but for rounding, $\hat d$ has a direction in which it must not be read:
#   `np.linalg.lstsq(..., rcond=1e-10)[0]` leaves it out.
# - The correlation on other samples has a sign. It stays, so ρ may exceed 1.
# - Where $v^\top\hat d$ or $y$ does not vary at all on the test samples (all values equal; no tolerance is
#   needed), ρ is `nan`. This is $S_x$, whose rest is 0.
#
# Hidden tests: the two cases of `nan`, few samples, $\hat d$ and $y$ far smaller or larger and with other
# means.


# %% nbgrader={"grade": false, "grade_id": "cw5-rho", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rho(d_v, y_v, d_test, y_test):
    """ρ of each of k units, float64 (k,), with v from the first two and the correlation from the others.

    d_v (k, n, d) and d_test (k, m, d), the rests; y_v (n, k) and y_test (m, k), the outputs; all float64.

    Example with one unit and one input: the rests 1, -1 with the outputs 1, -1 give v = 1. The test rests
    1, -1, 1, -1 with the outputs 7, 1, -1, -7 have the correlation 0.6 with them, ρ = 0.4. From the outputs
    -1, 1 the reader learns v = -1, and then ρ = 1.6.
    """
    ### BEGIN SOLUTION
    result = np.full(len(d_v), np.nan)
    for j, (d, d_new) in enumerate(zip(d_v, d_test, strict=True)):
        v = np.linalg.lstsq(d - d.mean(axis=0), y_v[:, j] - y_v[:, j].mean(), rcond=1e-10)[0]
        read, y = d_new @ v, y_test[:, j]
        if np.ptp(read) > 0 and np.ptp(y) > 0:
            result[j] = 1 - np.corrcoef(read, y)[0, 1]
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-rho-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw5.check_rho(rho, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_rho(rho, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.7 — in other coordinates (5 points)
#
# Somebody writes the same samples in other coordinates: $x'=Mx+t$ with a matrix $M$ `(d, d)` that has an
# inverse, and $t$ `(d,)`. Metres become feet, pixels of 0 to 255 become 0 to 1, colours are mixed. The
# network is to do what it did, $w'^\top x'+b'=w^\top x+b$ for every $x$. Write `in_other_coordinates(w, b,
# a, m, t)`, which returns its $w'$, its $b'$, and the pattern $a'$ of the new samples. ($w'^\top a'=1$
# still holds.)


# %% nbgrader={"grade": false, "grade_id": "cw5-in-other-coordinates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def in_other_coordinates(w, b, a, m, t):
    """(w', b', a') of shapes (k, d), (k,) and (k, d), where x is written as x' = m·x + t.

    w and a (k, d), b (k,), m (d, d), t (d,), all float64.

    Example: w = (1, -1), b = 0, a = (1, 0). The first input is written in tenths, m = diag(10, 1), and 3 is
    added to the second, t = (0, 3). Then w' = (0.1, -1), b' = 3 and a' = (10, 0).
    """
    ### BEGIN SOLUTION
    new = w @ np.linalg.inv(m)
    return new, b - new @ t, a @ m.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-in-other-coordinates-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw5.check_in_other_coordinates(in_other_coordinates, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_in_other_coordinates(in_other_coordinates, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# Now two questions for your functions. They go to samples with ten inputs: a signal, and nine distractors
# that a filter cancels.
#
# > **Predict 1.** The patterns, $v$ and ρ from the same $n$ samples, or from three sets of $n$. Where is ρ of
# > $S_a$, where that of $S_w$, as $n$ grows?
# >
# > **Predict 2.** The first input is multiplied by a factor from 1/100 to 100. Which ρ changes?


# %%
def rhos(parts, w, b):
    """ρ of S_w, S_a and S_a±: patterns from the first of three parts, v from the second, ρ from the third."""
    x_a, x_v, x_test = parts
    a, plus, minus = patterns(*streamed([x_a], w, b), w)
    filters = w / np.sum(w * w, axis=1, keepdims=True)
    y_v, y_test = x_v @ w.T + b, x_test @ w.T + b
    return np.array([
        rho(rest(x_v, w, b, *pair), y_v, rest(x_test, w, b, *pair), y_test)
        for pair in ((filters, filters), (a, a), (plus, minus))
    ])  # fmt: skip


rng = np.random.default_rng([SEED, 2])
directions = np.eye(10) + rng.normal(size=(10, 10)) / 3  # the first is the signal, the others distractors
ten_w, ten_b = np.linalg.inv(directions)[:, :1].T, np.zeros(1)


def ten_inputs(n):
    return np.c_[rng.uniform(-1, 1, n), rng.normal(0.5, 1, (n, 9))] @ directions


def mean_of_ten(parts_of, n):
    return np.mean([rhos(parts_of(n), ten_w, ten_b) for _ in range(10)], axis=0)


ns, factors = np.array([20, 50, 200, 1000, 3000]), np.logspace(-2, 2, 7)
by_n = {
    "in sample": [mean_of_ten(lambda n: [ten_inputs(n)] * 3, n) for n in ns],
    "held out": [mean_of_ten(lambda n: [ten_inputs(n) for _ in range(3)], n) for n in ns],
}
thirds = [ten_inputs(2000) for _ in range(3)]
for name, pattern in zip(("a", "a₊", "a₋"), patterns(*streamed(thirds, ten_w, ten_b), ten_w), strict=True):
    off = np.linalg.norm(pattern[0] - directions[0]) / np.linalg.norm(directions[0])
    print(f"{name} differs from the signal by {off:.0%} of its length")
by_factor = []
for factor in factors:
    m = np.diag([factor, *np.ones(9)])
    new_w, new_b, _ = in_other_coordinates(ten_w, ten_b, ten_w, m, np.zeros(10))
    by_factor.append(rhos([x @ m for x in thirds], new_w, new_b))
ESTIMATORS = {  # how they are drawn; the triangle stands in the hollow diamond where both are at one place
    "$S_w$": {"color": style.FILTER, "marker": "s", "ms": 6},
    "$S_a$": {"color": style.PATTERN, "marker": "D", "ms": 11, "mfc": "none", "mew": 1.5},
    r"$S_{a\pm}$": {"color": "#009E73", "marker": "^", "ms": 6},
}
picture = Picture(figsize=(14, 4.4), dpi=74, layout="constrained")
panels = picture.subplots(1, 3, sharey=True)
series = [(name, ns, values, "samples $n$") for name, values in by_n.items()]
series.append(("held out, n = 2000", factors, by_factor, "factor of the first input"))
for axes, (title, along, values, label) in zip(panels, series, strict=True):
    for k, (name, drawn) in enumerate(ESTIMATORS.items()):
        axes.plot(along, [each[k, 0] for each in values], linewidth=2, label=name, **drawn)
    axes.set(xscale="log", xlabel=label, ylim=(0, 1.1), title=title)
    axes.axhline(1, color=style.FAINT, linewidth=0.8, zorder=0)
panels[0].set_ylabel("ρ")
panels[0].legend(frameon=False, loc="center right")
picture

# %% [markdown]
# In sample $S_a$ and $S_{a\pm}$ are at 1 for every $n$: for both, $\mathrm{cov}[\hat d,y]=0$ by
# construction (put $\hat d=x-a\,w^\top x$ into it). And that, although the distractors have a mean and
# $a_+$ is far off, as the cell prints. Held out, they come to 1 as $n$ grows, both of them. For $S_a$ it is
# all the same in which coordinates the samples are written. For $S_w$ it is not: $w$ becomes $M^{-\top}w$
# where a direction $a$ becomes $Ma$, so its ρ depends on a choice that has nothing to do with the network.
#
# ## A convolution
#
# ### Exercise 5.8 — patches (10 points)
#
# A convolution is a filter that looks at every patch, so its samples are the patches of all images, zeros
# beyond the edge included. Write `patches(x, size, stride, padding)` with NumPy. Order: images, then places
# row by row; within a patch: channel, row, column, so that `weight.reshape(k, -1)` are the filters. The
# dtype stays. Hidden tests: kernels that are not square, strides that do not come out even.


# %% nbgrader={"grade": false, "grade_id": "cw5-patches", "locked": false, "schema_version": 3, "solution": true, "task": false}
def patches(x, size, stride, padding):
    """The samples (n·rows·columns, c·kh·kw) of a convolution with a kernel of size (kh, kw).

    x (n, c, h, w), of any float dtype, which stays; stride and padding: pixels, the same both ways.

    Example: one image [[1, 2, 3], [4, 5, 6]] and (2, 2), stride 1, no padding: [1, 2, 4, 5], [2, 3, 5, 6].
    """
    ### BEGIN SOLUTION
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(2, 3))  # (n, c, h', w', kh, kw)
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    return windows.reshape(-1, x.shape[1] * size[0] * size[1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-patches-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw5.check_patches(patches, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_patches(patches, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.9 — the moments of a convolution, without patches (15 points)
#
# The reader of ρ needs the patches. The patterns do not. The backward pass of a convolution with respect to
# its weight, for a cotangent $g$, is $\sum g\cdot x$ over all patches (lesson 11.5). Choose $g$ twice for
# each regime, and you have $\bar x_\pm$ and $C_\pm$, for any stride, padding and dilation:
#
# `weight = mx.Tensor(w)`, `y = mx.ops.conv2d(mx.Tensor(x), weight, mx.Tensor(b), **how)`, and
# `mx.backward(y, g, wrt=[weight])[weight]` with an array `g` of `y.value`'s shape, for as many `g` as you
# like.
#
# Write `conv_moments(x, w, b, **how)`. Here $C_\pm=\sum_\pm x\,(y-\bar y_\pm)$ will do: why is it the same
# as $\sum_\pm(x-\bar x_\pm)(y-\bar y_\pm)$? Hidden tests: dilation, kernels that are not square, a unit
# that never fires.


# %% nbgrader={"grade": false, "grade_id": "cw5-conv-moments", "locked": false, "schema_version": 3, "solution": true, "task": false}
def conv_moments(x, w, b, **how):
    """(positive, negative): the Moments of every unit over its patches with y > 0, and over the others.

    x (n, c, h, w), w (k, c, kh, kw), b (k,), all float64; how: stride, padding, dilation, as conv2d takes
    them. The moments have d = c·kh·kw inputs, in the order of w.reshape(k, -1).

    Example: one row [1, 3, 6, 6], one filter [1, -1], b = 2.5. The patches (1, 3), (3, 6), (6, 6) have
    y = 0.5, -0.5, 2.5. Two are active: n = 2, x̄ = (3.5, 4.5), ȳ = 1.5 and
    C = (1, 3)·(-1) + (6, 6)·1 = (5, 3).
    """
    ### BEGIN SOLUTION
    weight = mx.Tensor(w)
    y = mx.ops.conv2d(mx.Tensor(x), weight, mx.Tensor(b), **how)

    def total(g):
        return mx.backward(y, g, wrt=[weight])[weight].reshape(len(w), -1)

    def of(keep):
        n = keep.sum(axis=(0, 2, 3)).astype(np.float64)
        at_least_one = np.maximum(n, 1)
        mean_y = np.where(keep, y.value, 0).sum(axis=(0, 2, 3)) / at_least_one
        centred = np.where(keep, y.value - mean_y[:, None, None], 0)
        return Moments(n, total(keep) / at_least_one[:, None], mean_y, total(centred))

    return of(y.value > 0), of(y.value <= 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw5-conv-moments-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw5.check_conv_moments(conv_moments, SEED)
### BEGIN HIDDEN TESTS
cw5.mark_conv_moments(conv_moments, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## What you have made
#
# Two convolutions and a dense layer, trained on 1 200 of scikit-learn's digits (1 797 images of 8×8, a copy
# of a UCI test set). 600 of them are streamed through `conv_moments`, `merge` and `patterns`, the reader
# learns on 300 others, and ρ is measured on 300 that nothing has seen.
#
# > **Predict 3.** In the toy, $S_a$ and $S_{a\pm}$ could not be told apart by ρ. Here? And over the active
# > samples alone?

# %%
digits = load_digits()
rng = np.random.default_rng([SEED, 3])
order = rng.permutation(len(digits.target))
images, labels = (digits.images[order, None] / 16).astype(np.float32), digits.target[order]
net = mx.nn.Sequential({
    "conv1": mx.nn.Conv2d(1, 8, 3, padding=1, rng=rng), "relu1": mx.nn.ReLU(),
    "conv2": mx.nn.Conv2d(8, 8, 3, stride=2, padding=1, rng=rng), "relu2": mx.nn.ReLU(),
    "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(8 * 16, 10, rng=rng),
})  # fmt: skip
(*_, last) = mx.nn.fit(net, images[:1200], labels[:1200], epochs=6, batch_size=32, progress=False,
                       optimiser=mx.nn.Adam(net.parameters(), lr=3e-3), seed=SEED,
                       validation=(images[1200:], labels[1200:]))  # fmt: skip
print(f"{last.validation_accuracy:.1%} of {len(images) - 1200} digits that were not trained on are right")
_, outputs = net.trace(mx.Tensor(images))
state = {name: value.astype(np.float64) for name, value in net.state_dict().items()}
LAYERS = {  # the layer's input, and how the convolution goes over it
    "conv1": (images.astype(np.float64), {"stride": 1, "padding": 1}),
    "conv2": (outputs["relu1"][0].value.astype(np.float64), {"stride": 2, "padding": 1}),
}

# %%
found, measured = {}, {}
for layer, (x, how) in LAYERS.items():
    weight, bias = state[f"{layer}.weight"], state[f"{layer}.bias"]
    flat = weight.reshape(len(weight), -1)
    regimes = None
    for start in range(0, 600, 100):
        batch = conv_moments(x[start : start + 100], weight, bias, **how)
        regimes = batch if regimes is None else tuple(map(merge, regimes, batch))
    linear, plus, minus = found[layer] = patterns(*regimes, flat)
    positive, negative = regimes
    active, every = np.maximum(positive.n, 1), positive.n + negative.n
    mean_y = (positive.n * positive.mean_y + negative.n * negative.mean_y) / every
    within = np.sum(flat * positive.cross, axis=1) / active
    between = np.sum(flat * positive.mean_x, axis=1) * (positive.mean_y - mean_y)
    print(layer)
    for label, values in {
        "share of active samples": positive.n / every, "mean of y where y > 0": positive.mean_y, "bias": bias,
        "denominator of a₊: var₊": within, "second term": between,
    }.items():  # fmt: skip
        print(f"{label:>25} {values}")

    x_v, x_test = (patches(part, (3, 3), **how) for part in (x[600:900], x[1200:1500]))
    y_v, y_test = x_v @ flat.T + bias, x_test @ flat.T + bias
    filters = flat / np.sum(flat * flat, axis=1, keepdims=True)
    for k, pair in enumerate(((filters, filters), (linear, linear), (plus, minus))):
        d_v, d_test = rest(x_v, flat, bias, *pair), rest(x_test, flat, bias, *pair)
        measured[layer, "all samples", k] = rho(d_v, y_v, d_test, y_test)
        of_active = np.full(len(flat), np.nan)
        for j in np.flatnonzero(positive.n > 200):
            on_v, on_test = y_v[:, j] > 0, y_test[:, j] > 0
            one = slice(j, j + 1)
            of_active[j] = rho(d_v[one, on_v], y_v[on_v, one], d_test[one, on_test], y_test[on_test, one])[0]
        measured[layer, "y > 0 only", k] = of_active
identity = np.zeros((len(flat), *x_test.shape))
print("S_x:", rho(identity, y_test, identity, y_test), "for lack of a rest")

# %%
picture = Picture(figsize=(11, 5.0), dpi=80, layout="constrained")
rows = {"$w$": state["conv1.weight"], "$a$": found["conv1"][0], "$a_+$": found["conv1"][1]}
panels = picture.subplots(3, 8)
for row, (name, values) in zip(panels, rows.items(), strict=True):
    row[0].set_ylabel(name, rotation=0, labelpad=20, va="center")
    for j, axes in enumerate(row):
        image = np.reshape(values[j], (3, 3))
        limit = np.abs(image).max() or 1
        axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
        if not image.any():
            axes.text(1, 1, "never\nactive", ha="center", va="center")
        axes.set(xticks=[], yticks=[])
        for side in axes.spines.values():
            side.set_visible(True)
for j, axes in enumerate(panels[0]):
    axes.set_title(f"unit {j}", size=13)
picture.suptitle("conv1: filters and patterns, each on its own scale; red +, blue −", size=14)
picture

# %%
picture = Picture(figsize=(14, 4.6), dpi=74, layout="constrained")
titles = [(layer, samples) for layer in LAYERS for samples in ("all samples", "y > 0 only")]
panels = picture.subplots(1, 4, sharey=True)
for axes, (layer, samples) in zip(panels, titles, strict=True):
    for k, (label, drawn) in enumerate(ESTIMATORS.items()):
        values = measured[layer, samples, k]
        axes.plot(np.arange(8) + 0.2 * (k - 1), values, linestyle="none", label=label, **drawn)
        print(f"{layer}, {samples:>11}: mean ρ of {label:>10} {np.nanmean(values):.2f}")
    for j in np.flatnonzero(np.isnan(values)):
        axes.text(j, 0.5, "hardly ever active", rotation=90, ha="center", va="center", color=style.FAINT)
    for level in (0, 1):
        axes.axhline(level, color=style.FAINT, linewidth=0.8, zorder=0)
    axes.set(xticks=range(8), xlabel="unit", ylim=(-0.05, 1.25))
    axes.set_title(f"{layer}, {samples}", size=14)
panels[0].set_ylabel("ρ, held out")
picture.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
picture

# %% [markdown]
# Over all samples the two fitted estimators are one: for both, $\mathrm{cov}[\hat d,y]=0$ on the samples
# that they are fitted to. Over the active samples $S_{a\pm}$, made for these, leaves far more of $y$ in its
# rest in `conv2`: the inputs there have been through a ReLU, are never negative, and have means.
#
# Is there a unit in `conv1` whose $a_+$ looks unlike its $a$? See to its bias and to the second term of the
# denominator (both are printed): the nearer $b$ comes to $\bar y_+$, the smaller that term. In some
# networks it is even slightly negative, which is exercise 5.4. (A blank $a_+$ is a unit that never fires.)
