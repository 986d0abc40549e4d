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

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw7-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 7 · Concepts and erasing
#
# Lesson 13 ended with an open question: the filter of a concept errs when a distractor turns, its pattern when
# the distractor comes along with the concept. If the distractor is labelled, too, which direction errs in
# neither case? Here you answer it, and see what hangs on it: what a class is said to depend on, whether a test
# of that can be believed, and what is lost when the concept is erased.
#
# **You will do:** the patterns and filters of several concepts at once; how a class changes along each, beside
# a truth that is known; a rank that is a p-value, and the exact level of five tests, one of which is in wide
# use and wrong far more often than it says; an eraser with a proof (LEACE); what it costs, and what it cannot do.
#
# **You need:** lessons 5, 11 and 13. **Time:** 90 minutes, of which the cells run about 15 seconds.
#
# | | exercise | points |
# |---|---|---|
# | 7.1 | by hand: a concept, its company, and a class | 10 |
# | 7.2 | patterns and filters of several concepts | 15 |
# | 7.3 | how a class changes along a direction | 10 |
# | 7.4 | a two-sided rank | 10 |
# | 7.5 | the level of the t-test | 10 |
# | 7.6 | the numbers of your tests | 10 |
# | 7.7 | LEACE | 15 |
# | 7.8 | by hand: what erasing changes and leaves | 10 |
# | 7.9 | what can still be read | 10 |
#
# **Rules.** The work is your own. While the checks run, `minixai.concepts`, `minixai.signal`,
# `minixai.methods`, `minixai.evaluate`, `minixai.demo` and the checks themselves are out of reach: an answer
# that calls them gets nothing. NumPy and SciPy are free to use, and 7.3 uses `mx.Tensor`, `net.trace` and
# `mx.backward`. Loops are fine. No function may write to its arguments.
#
# **Checks.** Below each exercise a cell checks your answer. A test cell that prints nothing has passed; an
# error says what is wrong. Of the numbers of 7.1, 7.6 and 7.8 it looks only at what the text there says.
# Marking runs the same checks with other numbers, and the hidden tests that the text names. No exercise needs
# the one before it to be right, but the pictures do.
#
# **Handing in.** *Kernel → Restart Kernel and Run All Cells*, see that no check fails that you count on, save,
# hand in this notebook. Code BSD-3-Clause, text CC BY 4.0.

# %%
import matplotlib
import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

import minixai as mx
from minixai.course.cw7 import checks as cw7
from minixai.demo.concepts import orientations
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)
threadpool_limits(1)  # all matrices here are small: more threads would only wait for each other

# %% [markdown]
# ## A concept and its company
#
# ### Exercise 7.1 — by hand: a concept, its company, and a class (10 points)
#
# The toy model inside a layer of two units. An image shows a concept ($t=1$) or not, and a distractor ($e=1$)
# or not:
#
# $$h=t\,a_c+e\,a_d.$$
#
# There is no noise. The share of images with the concept is $p=P(t=1)$. The distractor comes with the concept
# more or less often than without it: $q_1=P(e=1\mid t=1)$, $q_0=P(e=1\mid t=0)$. The logit of a class has the
# gradient $g$ in this layer, the same for all images. The cell prints the numbers of this term.

# %%
a_c, a_d, p, q0, q1, g = cw7.layer(SEED)
print(f"a_c = {a_c}, a_d = {a_d}, p = {p}, q0 = {q0}, q1 = {q1}, g = {g}")

# %% [markdown]
# With paper and pencil, for the model itself, with no samples drawn (fractions may be typed in, and decimals,
# at least four of them):
#
# - `pattern` (2,), $\mathrm{cov}[h,t]/\mathrm{var}[t]$, and `filter` (2,), the $w$ with $w^\top h=t$;
# - `along_concept`, `along_pattern`, `along_filter`: the derivative of the logit along $a_c$ itself, along your
#   pattern and along your filter, each as long as it is;
# - `q_zero`: the $q_1$ at which the derivative along the pattern would be 0, all other numbers as they are.
#
# Example: $a_c=(1,0)$, $a_d=(1,1)$, $q_0=\tfrac14$, $q_1=\tfrac34$ give the pattern $(\tfrac32,\tfrac12)$ and
# the filter $(1,-1)$. With $g=(1,-2)$ the derivatives are $1$, $\tfrac12$ and $3$, and `q_zero` is
# $\tfrac54$ (in this example no probability; in yours it is one).
#
# The visible check looks only at the filter, and that it reads 1 along the pattern. Your pattern and `q_zero`
# you can check yourself: draw a few thousand $t$ and $e$, and take the difference of the two means of $h$.


# %% nbgrader={"grade": false, "grade_id": "cw7-by-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
def by_hand():
    """Your numbers, as {"pattern": [.., ..], "filter": [.., ..], "along_concept": .., "along_pattern": ..,
    "along_filter": .., "q_zero": ..}.
    """
    ### BEGIN SOLUTION
    # The pattern is the difference of the means: a_c + q1·a_d less q0·a_d. The filter: wᵀa_c = 1, wᵀa_d = 0.
    pattern = a_c + (q1 - q0) * a_d
    w = np.array([a_d[1], -a_d[0]]) / (a_c[0] * a_d[1] - a_c[1] * a_d[0])
    return {
        "pattern": pattern,
        "filter": w,
        "along_concept": g @ a_c,
        "along_pattern": g @ pattern,
        "along_filter": g @ w,
        "q_zero": q0 - (g @ a_c) / (g @ a_d),
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-by-hand-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS

# %% [markdown]
# Which images were collected decides the sign: with $q_1$ on the other side of your `q_zero`, the same class,
# in the same network, grows along the pattern where it now shrinks, or the other way round. The share $p$ of
# images with the concept has no part in it. And the filter has a sign of its own: along $w$ the distractor
# changes, too, against its direction.
#
# ### Exercise 7.2 — patterns and filters of several concepts (15 points)
#
# Now there are $k$ labels for each image, such as the concept and the distractor; $T$ `(n, k)` holds them, 0
# and 1, or a grade. Suppose that the layer is linear in them, up to noise that is independent of all labels:
#
# $$h=\sum_j T_j\,a_j+\text{constant}+\text{noise}.$$
#
# - The **patterns** $a_j$ are then least squares of $h$ *from the labels*, all together and with a constant.
# - The **filters** are least squares of each label *from $h$*, with a constant: $w_j=\Sigma^{-1}\mathrm{cov}[h,
#   T_j]$, $\Sigma=\mathrm{cov}[h,h]$.
#
# For $k=1$ both are those of lesson 13. Which matrix takes the place of $\mathrm{var}[t]$ in
# $\mathrm{cov}[h,t]/\mathrm{var}[t]$? Write `joint(h, labels)`. In a layer some unit may be 0 for all images,
# and then $\Sigma$ has no inverse: take `np.linalg.pinv(..., rcond=1e-10, hermitian=True)`, which gives a unit
# that is always 0 the weight 0. No label is a linear function of the others, so $\mathrm{cov}[T,T]$ has an
# inverse. Hidden tests: such a unit, labels that are grades, means of 1000.


# %% nbgrader={"grade": false, "grade_id": "cw7-joint", "locked": false, "schema_version": 3, "solution": true, "task": false}
def joint(h, labels):
    """The patterns and the filters of k labels, each float64 (k, d): row j is that of label j.

    h (n, d) and labels (n, k), float64.

    Example: the labels t, e of six images, [[0, 0], [0, 0], [1, 0], [0, 1], [1, 1], [1, 1]], and
    h = t·(1, 0) + e·(1, 1), which is [[0, 0], [0, 0], [1, 0], [1, 1], [2, 1], [2, 1]]. The patterns are
    [[1, 0], [1, 1]], the filters [[1, -1], [0, 1]]. With the first label alone the pattern is [[4/3, 1/3]],
    as e = 1 comes with t = 1 more often, and the filter [[1, -1]].
    """
    ### BEGIN SOLUTION
    h, labels = h - h.mean(axis=0), labels - labels.mean(axis=0)
    sigma = labels.T @ h / len(h)
    patterns = np.linalg.solve(labels.T @ labels / len(h), sigma)
    return patterns, sigma @ np.linalg.pinv(h.T @ h / len(h), rcond=1e-10, hermitian=True)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-joint-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw7.check_joint(joint, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_joint(joint, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### The open question of lesson 13
#
# The planted images of lesson 13: half of them show upright stripes, the concept, half show stripes that are
# turned by an angle, the distractor; the layer has eight filters of different orientation, each with a ReLU,
# and we take their means over places. As each image exists with the concept and without it, the true
# direction is known. Your functions get the labels of the concept alone, or both labels.
#
# > **Predict 1.** The distractor's correlation with the concept grows. Which of three directions leave the
# > truth: the filter, the pattern of $t$ alone, the pattern of $t$ beside $e$? And as the distractor turns?


# %%
def numbers_of(images):
    """(n, 8): the mean of each unit over places."""
    return orientations().predict(images).mean(axis=(2, 3))


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def directions_at(angle, correlation, n=600):
    """The cosine of three directions to the truth."""
    sample = mx.data.planted(n, angle, correlation, seed=SEED)
    with_it, without = numbers_of(sample.with_it), numbers_of(sample.without)
    h = np.where(sample.t[:, None], with_it, without)
    both = np.stack([sample.t, sample.distractor], axis=1).astype(float)
    truth = (with_it - without).mean(axis=0)
    (alone,), (weight,) = joint(h, both[:, :1])
    beside = joint(h, both)[0][0]
    return [cosine(each, truth) for each in (weight, alone, beside)]


DIRECTIONS = {"filter": style.FILTER, "pattern of t alone": style.PATTERN, "pattern of t beside e": "#009E73"}
sweeps = {
    "the distractor, at 90°, comes along": (
        "correlation",
        (0, 0.3, 0.6, 0.8),
        lambda r: directions_at(90, r),
    ),
    "the distractor, at a correlation of 0.6, turns": (
        "angle in degrees",
        (15, 40, 65, 90),
        lambda angle: directions_at(angle, 0.6),
    ),
}
picture = Picture(figsize=(13, 4.2), dpi=76, layout="constrained")
panels = picture.subplots(1, 2, sharey=True)
for axes, (title, (label, along, at)) in zip(panels, sweeps.items(), strict=True):
    found = np.array([at(each) for each in along])
    for (name, colour), values in zip(DIRECTIONS.items(), found.T, strict=True):
        axes.plot(along, values, "o-", color=colour, linewidth=2.5, label=name)
        print(f"{title}: {name:>21}: " + ", ".join(f"{value:.2f}" for value in values))
    axes.set(title=title, xlabel=label, ylim=(0, 1.05))
panels[0].set_ylabel("cosine to the truth")
panels[0].legend(frameon=False, loc="lower left")
picture

# %% [markdown]
# The filter is off in both panels: it reads $t$, and cancels all that would disturb it. (It is plain least squares
# here; lesson 13 took a ridge classifier, which lies nearer to the pattern.) The pattern of $t$ alone leaves the
# truth as the distractor comes along, and the more, the less the two look alike.
#
# The pattern of $t$ *beside* $e$ stays on the truth in both panels. It asks how $h$ changes with the concept
# *while the distractor stays as it is*. That has its price: the distractor must be known, and labelled. Of a
# distractor that nobody has thought of, this pattern still contains a share.
#
# ## What a class makes of it
#
# ### Exercise 7.3 — how a class changes along a direction (10 points)
#
# Let $h$ be what a layer puts out for an image, $f_k$ the logit of class $k$. Write `sensitivities(net, layer,
# x, k, v)`: for each image the derivative of $f_k$ when the layer is moved along $v$,
#
# $$\sum_{\text{all numbers of the layer}}\frac{\partial f_k}{\partial h}\,v,$$
#
# where $v$ has the shape of the layer's output for one image. If that is `(channels, rows, columns)`, $v$ may have
# a number for each channel instead, which then holds at every place.
#
# `logits, layers = net.trace(mx.Tensor(x))` gives the logits `(n, classes)` and, by the layer's name, a list;
# `h = layers[layer][0]` is the layer's output, a tensor. `mx.backward(logits, c, wrt=[h])[h]` is the
# derivative of $\sum c\cdot\text{logits}$ with respect to $h$; `c = np.zeros_like(logits.value)` is an array
# of the shape and dtype that it needs, for you to fill. The images are independent of each other. Hidden
# tests: a $v$ with a number for each place, one image.


# %% nbgrader={"grade": false, "grade_id": "cw7-sensitivities", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sensitivities(net, layer, x, k, v):
    """(n,): the derivative of logit k along v, at each of n images.

    net: a network. layer: a name. x (n, ...), the images. k: a class.
    v: (channels,), or of the shape of the layer's output for one image.

    Example: a layer with two numbers, and logit 1 is 2·relu(h₁ + h₂ - 1) + h₂. At h = (1, 1) its gradient is
    (2, 3), along v = (1, 2) it is 8. At h = (0, 0.5) the ReLU is off: the gradient is (0, 1), along v it is 2.
    """
    ### BEGIN SOLUTION
    logits, layers = net.trace(mx.Tensor(x))
    h = layers[layer][0]
    chosen = np.zeros_like(logits.value)
    chosen[:, k] = 1
    gradient = mx.backward(logits, chosen, wrt=[h])[h]
    v = np.reshape(v, (*np.shape(v), *[1] * (gradient.ndim - 1 - np.ndim(v))))
    return (gradient * v).sum(axis=tuple(range(1, gradient.ndim)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-sensitivities-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_sensitivities(sensitivities, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_sensitivities(sensitivities, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### A class that does not look at the concept
#
# We train a small network on top of the eight units. Its class 1 is "the image shows the *distractor*", at 60°.
# In its training images the concept is there or not, independently. So the network has learned to be blind to
# the concept. How blind, we know: the cell adds the concept to each image and sees how the logit changes.
#
# Then somebody collects images of the concept, in which the distractor comes along ($r=0.6$), and asks with
# TCAV whether the class depends on it. All directions are made as long as the true one.
#
# > **Predict 2.** Which direction says the truth? In which does the *share* of positive derivatives, the score
# > of TCAV, say what the *mean* does?

# %%
ANGLE, CORRELATION = 60, 0.6
rng = np.random.default_rng(SEED)
net = mx.nn.Sequential({
    "conv": mx.nn.Conv2d(1, 8, 7), "units": mx.nn.ReLU(), "mean": mx.nn.AvgPool2d(18), "flatten": mx.nn.Flatten(),
    "hidden": mx.nn.Linear(8, 16, rng=rng), "relu": mx.nn.ReLU(), "dense": mx.nn.Linear(16, 2, rng=rng),
})  # fmt: skip
oriented = {
    f"conv.{name[2:]}": value.astype(np.float32) for name, value in orientations().state_dict().items()
}
net.load_state_dict(net.state_dict() | oriented)
head = net[4:]
learned = mx.data.planted(1500, ANGLE, 0, seed=SEED + 1)
mx.nn.fit(head, numbers_of(learned.x).astype(np.float32), learned.distractor.astype(int), epochs=40, batch_size=64,
          optimiser=mx.nn.Adam(head.parameters(), lr=1e-2), seed=SEED, progress=False)  # fmt: skip

collected = mx.data.planted(1500, ANGLE, CORRELATION, seed=SEED + 2)
with_it, without = numbers_of(collected.with_it), numbers_of(collected.without)
h = np.where(collected.t[:, None], with_it, without)
labels = np.stack([collected.t, collected.distractor], axis=1).astype(float)
t, e = labels.T
called = head.predict(h.astype(np.float32)).argmax(axis=1)
changes = (head.predict(with_it.astype(np.float32)) - head.predict(without.astype(np.float32)))[:, 1]
print(f"the network is right about the distractor in {np.mean(called == e):.1%} of the collected images")

# %%
truth = (with_it - without).mean(axis=0)
(alone,), (weight,) = joint(h, labels[:, :1])
shown = {
    "true direction": truth,
    "pattern of t beside e": joint(h, labels)[0][0],
    "pattern of t alone": alone,
    "filter": weight,
}
of_class = collected.x[collected.distractor].astype(np.float32)
length = np.linalg.norm(truth)
found = {
    name: sensitivities(net, "units", of_class, 1, v * length / np.linalg.norm(v))
    for name, v in shown.items()
}
print(f"the concept is added to the same images: the logit changes by {changes.mean():+.2f} on average")
for name, each in found.items():
    print(f"{name:>21}: mean derivative {each.mean():+6.2f}, share above 0 {np.mean(each > 0):.2f}")

picture = Picture(figsize=(13, 3.6), dpi=76, layout="constrained")
panels = picture.subplots(1, 2, sharey=True)
colours = (style.SIGNAL, "#009E73", style.PATTERN, style.FILTER)
panels[0].barh(list(found), [each.mean() for each in found.values()], color=colours)
panels[0].axvline(changes.mean(), color=style.INK, linestyle="--", label="the concept is added")
panels[0].axvline(0, color=style.INK, linewidth=0.8)
panels[0].legend(frameon=False)
panels[0].set(title="mean derivative of the logit")
panels[0].invert_yaxis()
panels[1].barh(list(found), [np.mean(each > 0) for each in found.values()], color=colours)
panels[1].set(title="share above 0: TCAV's score", xlim=(0, 1.02))
panels[1].axvline(0.5, color=style.INK, linewidth=0.8)
picture

# %% [markdown]
# The logit does not move by much when the concept is added, and along the pattern of $t$ beside $e$ it does
# not either. The pattern of $t$ alone says that the class grows steeply with the concept, as it holds a part
# of the distractor. The filter says something else again, with most seeds that it shrinks, as it holds the
# distractor with the other sign. No test will help against that: these derivatives are real, and they are about
# other directions.
#
# The right panel shows what the score of signs makes of a small derivative that has the same sign for most
# images: it may be near 0 or 1 where next to nothing happens. Report the mean beside the share.
#
# ## Whether to believe a test
#
# ### Exercise 7.4 — a two-sided rank (10 points)
#
# A score is compared with those of $n$ random concepts, which are treated alike. In lesson 13 "far" meant far
# from ½. But random concepts need not lie about ½, nor symmetrically about anything. The two-sided p-value of a
# rank needs no middle: count on either side, and double the smaller tail,
#
# $$p=\min\left(1,\;2\min\left(\frac{1+\#\{s_i\ge s\}}{1+n},\;\frac{1+\#\{s_i\le s\}}{1+n}\right)\right).$$
#
# Why double? A random concept has *two* ways to be extreme.
#
# Write `rank_p(scores, random_scores)` for $m$ concepts, each with $n$ random scores of its own. Scores are
# means of many runs, so two equal ones may differ by rounding: those that differ by at most $10^{-9}$ are
# tied, and count on both sides; those that differ by more are not (`np.isclose` ties more than that). Hidden
# tests: that, all tied, $n=1$.


# %% nbgrader={"grade": false, "grade_id": "cw7-rank-p", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rank_p(scores, random_scores):
    """The two-sided p-values, float64 (m,), of scores (m,) among random_scores (m, n), float64.

    Example: the scores 1 and 0.5, each among [0.25, 0.5, 0.75, 1, 0.5, 0.5, 0]. One of the seven is 1 or more,
    all are 1 or less: p = 2·min(2/8, 8/8) = 1/2. Five are 0.5 or more, five are 0.5 or less:
    p = min(1, 2·6/8) = 1.
    """
    ### BEGIN SOLUTION
    difference = random_scores - scores[:, None]
    tails = [1 + np.sum(sign * difference >= -1e-9, axis=1) for sign in (1, -1)]
    return np.minimum(1, 2 * np.minimum(*tails) / (1 + random_scores.shape[1]))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-rank-p-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_rank_p(rank_p, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_rank_p(rank_p, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 7.5 — the level of the t-test (10 points)
#
# The **level** of a test is the probability that it calls a random concept significant. A test at
# $\alpha$ holds its level if that is at most $\alpha$.
#
# TCAV's t-test takes $R$ runs with the same images of the concept and other images without it, and asks
# whether the mean of the runs' scores is that of a random concept, which we call 0 here. The runs share the
# concept's images. So a random concept has scores
#
# $$s_r=c+\varepsilon_r,\quad r=1\dots R,\qquad c\sim N(0,\tau^2),\quad\varepsilon_r\sim N(0,\varsigma^2),$$
#
# $c$ drawn once for the concept, $\varepsilon_r$ for each run, all independent. The test calls it significant
# if
#
# $$|T|>t_{\text{crit}},\qquad T=\frac{\bar s}{\mathrm{sd}/\sqrt R},\qquad P\left(|t_{R-1}|>t_{\text{crit}}\right)
# =\alpha,$$
#
# with sd the standard deviation of the $R$ scores (divided by $R-1$), and $t_{R-1}$ Student's distribution
# with $R-1$ degrees of freedom. If $c$ were 0, $T$ would follow it. Now: which of numerator and denominator does
# $c$ change? What is the variance of $\bar s$? So $T$ is Student's $t$ times which factor?
#
# Write `t_test_level(runs, ratio, alpha)`: $P(|T|>t_{\text{crit}})$ with ratio $=\tau^2/\varsigma^2$.
# `stats.t.ppf(q, df)` is the quantile, `stats.t.sf(x, df)` is $P(t>x)$. Hidden tests: few runs, many runs.


# %% nbgrader={"grade": false, "grade_id": "cw7-t-test-level", "locked": false, "schema_version": 3, "solution": true, "task": false}
def t_test_level(runs, ratio, alpha):
    """How often the t-test calls a random concept significant at alpha, a number.

    Example: runs = 2, ratio = 4 and alpha = ½. With one degree of freedom P(|t| > 1) = ½, so t_crit = 1. The
    level is P(|t| > 1/3) = 0.795.
    """
    ### BEGIN SOLUTION
    # The variance of the mean is τ² + ς²/R, (1 + R·ratio) times ς²/R; sd does not know of c.
    critical = stats.t.ppf(1 - alpha / 2, runs - 1)
    return 2 * stats.t.sf(critical / np.sqrt(1 + runs * ratio), runs - 1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-t-test-level-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_t_test_level(t_test_level, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_t_test_level(t_test_level, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 7.6 — the numbers of your tests (10 points)
#
# The cell prints how you are going to test.

# %%
percent, n, tests, runs, images, others = cw7.tests(SEED)
alpha = percent / 100
print(f"each test at alpha = {percent} %, against n = {n} random concepts; {tests} tests in all")
print(f"the t-test: {runs} runs; {images} images of the concept; each run draws {others} others anew")

# %% [markdown]
# Let the concept be random like the others, with no two scores tied, and no two of their distances from ½.
# Then its place among all $1+n$ is any of them, with the same probability. Find the exact levels (as
# fractions, or with at least four decimals) of
#
# - `distance`: $p=\frac{1+b}{1+n}$, $b$ the number of random scores that are at least as far from ½ as the
#   concept's (lesson 13); significant if $p\le\alpha$;
# - `without_one`: the same with $p=\frac bn$;
# - `doubled`: the p-value of 7.4;
# - `smaller`: the smaller of the two tails of 7.4, *not* doubled;
# - `t_test`: the t-test. Its score is the mean of some number $x$ over the concept's images less its mean over
#   the others of the run, and all images are drawn from an endless pool, in which $x$ is normally distributed.
#   What is the ratio of 7.5? (You may call your function, if it is right.)
#
# and one more number:
#
# - `least`: how many random concepts the p-value of 7.4 needs, at least, if *all* of your tests are made with
#   it and Holm's correction: the smallest of the p-values is significant if $p\le\alpha/\text{tests}$.
#
# Example: at 5 % with $n=30$, one in 31 may be called significant: $p\le0.05$ for $b=0$ only, so `distance` is
# $\frac1{31}$. `without_one` calls $b=0$ and $b=1$: $\frac2{31}$, more than 5 %. `doubled` is 0, for $\frac2{31}$
# is too much already, and `smaller` is $\frac2{31}$. With five tests `least` is 199. And with 10 runs, 20
# images and 40 others `t_test` is 0.633.
#
# The visible check looks only at the form: probabilities, and a whole number. The next cell checks all but
# `least`.


# %% nbgrader={"grade": false, "grade_id": "cw7-levels", "locked": false, "schema_version": 3, "solution": true, "task": false}
def levels():
    """Your numbers, as {"distance": .., "without_one": .., "doubled": .., "smaller": .., "t_test": ..,
    "least": ..}.
    """
    ### BEGIN SOLUTION
    # Of a random concept's score the concept's images give var[x]/images, a run's others var[x]/others.
    places = n + 1
    return {
        "distance": (percent * places // 100) / places,
        "without_one": (percent * n // 100 + 1) / places,
        "doubled": 2 * (percent * places // 200) / places,
        "smaller": 2 * (percent * places // 100) / places,
        "t_test": t_test_level(runs, others / images, alpha),
        "least": -(-200 * tests // percent) - 1,
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-levels-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_levels(levels, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_levels(levels, SEED)
### END HIDDEN TESTS

# %% [markdown]
# Are they right? The cell draws 50 000 random concepts with their comparisons and counts. Your number is
# outside of the 95 % interval in one line of twenty by chance.

# %%
rng = np.random.default_rng([SEED, 1])
draws = 50_000
own, random = rng.random(draws), rng.random((draws, n))
far = np.sum(np.abs(random - 0.5) >= np.abs(own - 0.5)[:, None], axis=1)
above = 1 + np.sum(random >= own[:, None], axis=1)
run_scores = rng.normal(size=(draws, 1)) / np.sqrt(images) + rng.normal(size=(draws, runs)) / np.sqrt(others)
yours = levels()
simulated = {
    "distance": (1 + far) / (1 + n),
    "without_one": far / n,
    "doubled": rank_p(own, random),
    "smaller": np.minimum(above, n + 2 - above) / (1 + n),
    "t_test": stats.ttest_1samp(run_scores, 0, axis=1).pvalue,
}
for name, each in simulated.items():
    rate, holds = np.mean(each <= alpha), "holds" if yours[name] <= alpha else "does not hold"
    error = 1.96 * np.sqrt(rate * (1 - rate) / draws)
    print(f"{name:>11}: yours {yours[name]:.4f}, simulated {rate:.4f} ± {error:.4f}; {holds} {percent} %")

# %% [markdown]
# That was the model. Now the network. A random concept is so many images drawn from all that were collected, its
# pattern is the mean of their $h$ less that of the others in a run, and its score is the mean derivative of the
# logit along that. The derivative is linear in the pattern, so each image has one number, $x=\bar g^\top h$, and
# the score is a difference of two means of $x$. Each concept is compared with $n$ others.
#
# > **Predict 3.** The p-values of a test that holds its level for every $\alpha$ lie on or below the diagonal.
# > Where will those of the t-test lie? And those of a careful colleague, who ranks the concept among random
# > ones of *four times as many images*, "to have them more exactly"? What do more runs do to the t-test?

# %%
g_mean = np.array([sensitivities(net, "units", of_class, 1, unit).mean() for unit in np.eye(8)])
x = h @ g_mean
rng = np.random.default_rng([SEED, 2])
CONCEPTS = 1500


def random_concepts(size, runs):
    """(CONCEPTS, runs): the scores of random concepts of so many images."""
    of_concepts = rng.choice(x, (CONCEPTS, size)).mean(axis=1)
    return np.stack(
        [of_concepts - rng.choice(x, (CONCEPTS, others)).mean(axis=1) for _ in range(runs)], axis=1
    )


def called_at(p):
    return np.array([np.mean(p <= each) for each in grid])


alike, larger = random_concepts(images, runs), random_concepts(4 * images, runs).mean(axis=1)
means = alike.mean(axis=1)
# For concept i: n of the others, each but i itself.
among = (np.arange(CONCEPTS)[:, None] + 1 + rng.permuted(
    np.tile(np.arange(CONCEPTS - 1), (CONCEPTS, 1)), axis=1)[:, :n]) % CONCEPTS  # fmt: skip
grid = np.linspace(0, 1, 201)
curves = {
    "rank, treated alike": (rank_p(means, means[among]), style.PATTERN),
    "rank among larger ones": (rank_p(means, larger[among]), "#E69F00"),
    "t-test of the runs": (stats.ttest_1samp(alike, 0, axis=1).pvalue, style.FILTER),
}
picture = Picture(figsize=(13, 4.6), dpi=76, layout="constrained")
panels = picture.subplots(1, 2)
for name, (each, colour) in curves.items():
    panels[0].plot(grid, called_at(each), color=colour, linewidth=2.5, label=name)
    print(f"{name:>22}: calls {np.mean(each <= alpha):.1%} of random concepts significant at {percent} %")
panels[0].plot([0, 1], [0, 1], color=style.INK, linewidth=0.8)
panels[0].set(title="random concepts in the network", xlabel="α", ylabel="share with p ≤ α")
panels[0].legend(frameon=False, loc="lower right")
many = np.arange(2, 81)
panels[1].plot(many, [t_test_level(r, others / images, alpha) for r in many], color=style.FILTER,
               linewidth=2.5, label="yours (7.5)")  # fmt: skip
measured = {
    r: stats.ttest_1samp(random_concepts(images, r), 0, axis=1).pvalue for r in (2, 5, 10, 20, 40, 80)
}
panels[1].plot(list(measured), [np.mean(each <= alpha) for each in measured.values()], "o", color=style.INK,
               label="in the network")  # fmt: skip
panels[1].axhline(alpha, color=style.INK, linewidth=0.8)
panels[1].set(title="level of the t-test", xlabel="runs", ylim=(0, 1))
panels[1].legend(frameon=False, loc="center right")
picture

# %% [markdown]
# The rank holds its level, as long as the random concepts are treated *alike*, down to the number of their
# images. The colleague's larger ones lie closer together, so an ordinary random concept looks extreme among
# them. The t-test's unit is the run. Its runs know the others better and better, and of the concept's own
# images they know nothing: with more runs its level goes to 1. More *others* in each run make it worse as
# well. (Your formula is exact for normal $x$. That of the network is not normal, so the points may lie a little
# off the line.) **The unit of a test must be what was drawn: the image, or the concept, not the run.**
#
# ## Erasing
#
# ### Exercise 7.7 — LEACE (15 points)
#
# For one label, lesson 13 subtracts the signal, $h\mapsto h-a\,w^\top(h-\mu)$, with $w=\Sigma^{-1}\sigma$ and
# $a=\sigma/(w^\top\sigma)$. For $k$ labels $\sigma=\mathrm{cov}[h,T]$ is a matrix `(d, k)`, and
#
# $$h\;\mapsto\;\mu+P\,(h-\mu),\qquad P=I-\sigma\left(\sigma^\top\Sigma^{-1}\sigma\right)^{-1}\sigma^\top\Sigma^{-1}
# .$$
#
# - **Guarantee.** $\mathrm{cov}[Ph,T]=P\sigma=\sigma-\sigma=0$: no linear reader of any label does better than a
#   constant, on these samples.
# - **Minimal change.** Among all linear erasers with this guarantee, it has the smallest mean of
#   $\lVert h-h'\rVert^2$ (Belrose et al. 2023). In whitened coordinates $P$ becomes an orthogonal projection,
#   $\Sigma^{-1/2}P\,\Sigma^{1/2}$.
#
# Write `leace(h, labels)`, which returns $\mu$ and $P$; it can then be used for other samples. Neither inverse
# need exist: units may be 0 always, or there may be fewer samples than units; and for classes, given as columns
# of zeros and ones, the columns add up to 1. Take `np.linalg.pinv(..., rcond=1e-10, hermitian=True)` for both.
# If $\sigma=0$, nothing is there to erase: $P=I$. But $P$ does not depend on the scale of $\sigma$, so a
# $\sigma$ that is only rounding error would erase something. So set those $\sigma_{ij}$ to 0 that are at most
# $10^{-10}$ of the product of the standard deviations of $h_i$ and $T_j$. Hidden tests: all of these, and
# samples that were erased already.


# %% nbgrader={"grade": false, "grade_id": "cw7-leace", "locked": false, "schema_version": 3, "solution": true, "task": false}
def leace(h, labels):
    """μ, float64 (d,), and P, float64 (d, d), for which h ↦ μ + P(h - μ) erases the labels.

    h (n, d) and labels (n, k), float64. Rows h are erased together as μ + (h - μ) @ P.T.

    Example: h = [[0, 0], [1, 0], [1, 1], [2, 1]] with the labels t = [[0], [1], [0], [1]] has μ = (1, ½),
    σ = (¼, 0), w = (1, -1), and P = [[0, 1], [0, 1]]. With e = [0, 0, 1, 1] as a second label, P = 0.
    """

    ### BEGIN SOLUTION
    def inverse(matrix):
        return np.linalg.pinv(matrix, rcond=1e-10, hermitian=True)

    mean = h.mean(axis=0)
    sigma = (h - mean).T @ (labels - labels.mean(axis=0)) / len(h)
    sigma[np.abs(sigma) <= 1e-10 * np.outer(h.std(axis=0), labels.std(axis=0))] = 0
    w = inverse((h - mean).T @ (h - mean) / len(h)) @ sigma
    return mean, np.eye(len(mean)) - sigma @ inverse(sigma.T @ w) @ w.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-leace-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw7.check_leace(leace, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_leace(leace, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 7.8 — by hand: what erasing changes and leaves (10 points)
#
# A layer has two units, and all that is known of a label $t$ is its covariances.

# %%
cov_h, cov_ht, var_t, r = cw7.moments(SEED)
print(f"Σ = {cov_h.tolist()}, σ = cov[h, t] = {cov_ht.tolist()}, var[t] = {var_t}; r = {r}")

# %% [markdown]
# $R^2$ is the share of $\mathrm{var}[t]$ that the best linear reader finds, $\sigma^\top\Sigma^{-1}\sigma\,/\,
# \mathrm{var}[t]$. The change of an eraser is the mean of $\lVert h-h'\rVert^2$. Find
#
# - `w` (2,) and `a` (2,), LEACE's filter and its pattern with $w^\top a=1$;
# - `before`, the $R^2$ of $t$ in $h$;
# - `leace_change`, the change by LEACE;
# - `pattern_change`, that by the orthogonal projection $h'=h-\frac{\sigma\sigma^\top}{\sigma^\top\sigma}(h-\mu)$,
#   which has the same guarantee;
# - `left_by_filter`, the $R^2$ of $t$ in $h'=h-\frac{ww^\top}{w^\top w}(h-\mu)$, which removes the direction of
#   a CAV (which direction is left?);
# - `task`: in another layer $t$ and the label $y$ of a task can both be read without an error, and their
#   correlation is $r$. LEACE erases $t$ there. What is the $R^2$ of $y$ then?
#
# Example: $\Sigma=\begin{pmatrix}2&1\\1&1\end{pmatrix}$, $\sigma=(1,0)$, $\mathrm{var}[t]=2$ give $w=(1,-1)$,
# $a=(1,0)$; $R^2=\tfrac12$ before; LEACE changes by 1, the projection by 2; without the direction $w$,
# $(1,1)/\sqrt2$ is left, with $R^2=\tfrac1{10}$. (`task` has no example; the last picture shows yours.)
#
# Fractions may be typed in, and decimals, at least four of them. The visible check looks only at $w$ and
# $w^\top a$.


# %% nbgrader={"grade": false, "grade_id": "cw7-erasing", "locked": false, "schema_version": 3, "solution": true, "task": false}
def erasing():
    """Your numbers, as {"w": [.., ..], "a": [.., ..], "before": .., "leace_change": .., "pattern_change": ..,
    "left_by_filter": .., "task": ..}.
    """
    ### BEGIN SOLUTION
    # LEACE subtracts a·wᵀ(h - μ), of the mean square ‖a‖²·wᵀΣw, and wᵀΣw = wᵀσ. The projection along w keeps
    # u. Of y there is left what t does not tell of it, 1 - r².
    w = np.linalg.solve(cov_h, cov_ht)
    u = np.array([-w[1], w[0]])
    return {
        "w": w,
        "a": cov_ht / (w @ cov_ht),
        "before": w @ cov_ht / var_t,
        "leace_change": cov_ht @ cov_ht / (w @ cov_ht),
        "pattern_change": cov_ht @ cov_h @ cov_ht / (cov_ht @ cov_ht),
        "left_by_filter": (u @ cov_ht) ** 2 / (u @ cov_h @ u * var_t),
        "task": 1 - r**2,
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-erasing-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_erasing(erasing, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_erasing(erasing, SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 7.9 — what can still be read (10 points)
#
# The guarantee is about *linear* readers. A slightly richer reader has the squares $h_i^2$ and the
# products $h_ih_j$ as well. Write `r_squared(h, t, degree)`: the share of $\mathrm{var}[t]$ that least squares
# with a constant finds on these samples, in $h$ (degree 1), or in $h$, all $h_i^2$ and all $h_ih_j$, $i<j$
# (degree 2). $t$ varies. Two things keep the digits:
#
# - Before you multiply, subtract the mean of each unit, and divide the units that vary by their standard
#   deviation; those vary whose standard deviation is above $10^{-10}$ of the largest one. Then centre all
#   features. It changes none of the numbers that you look for: why?
# - Features may be constant, or combinations of others. Take `np.linalg.lstsq(..., rcond=1e-10)`: after erasing,
#   one direction is only rounding error, and the default would read it.
#
# Hidden tests: a unit that is always 0, means of $10^6$, units between $10^{-3}$ and $10^3$, erased samples,
# more features than samples.


# %% nbgrader={"grade": false, "grade_id": "cw7-r-squared", "locked": false, "schema_version": 3, "solution": true, "task": false}
def r_squared(h, t, degree):
    """R² of the best reader of this degree, 1 or 2, on the samples h (n, d), t (n,), float64: a number.

    Example: h = [[1, 1], [1, -1], [-1, 1], [-1, -1]], t = [1, 0, 0, 1]: t is 1 where h₁h₂ = 1. A linear reader
    finds nothing, R² = 0. With degree 2 it is 1.
    """
    ### BEGIN SOLUTION
    spread = h.std(axis=0)
    h = (h - h.mean(axis=0)) / np.where(spread > 1e-10 * spread.max(), spread, 1)
    features = h
    if degree == 2:
        i, j = np.triu_indices(h.shape[1])
        features = np.concatenate([h, h[:, i] * h[:, j]], axis=1)
    features, t = features - features.mean(axis=0), t - t.mean()
    read = features @ np.linalg.lstsq(features, t, rcond=1e-10)[0]
    return 1 - np.sum((t - read) ** 2) / np.sum(t**2)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw7-r-squared-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw7.check_r_squared(r_squared, SEED)
### BEGIN HIDDEN TESTS
cw7.mark_r_squared(r_squared, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ### What is left, and what it costs
#
# The images that were collected, with $r=0.6$ between concept and distractor. $t$ is erased with LEACE, and
# with the two projections of 7.8. Then other images from the same source are erased by the *same* $\mu$ and
# $P$.
#
# > **Predict 4.** After LEACE: the $R^2$ of $t$ by a linear reader, by a quadratic one, on the images that $P$
# > was fitted to, on others? And what becomes of the distractor $e$, which is what the network is there for?

# %%
fresh = mx.data.planted(1500, ANGLE, CORRELATION, seed=SEED + 3)
h_fresh, t_fresh = numbers_of(fresh.x), fresh.t.astype(float)
mean, leace_p = leace(h, t[:, None])
sigma = (h - mean).T @ (t - t.mean())
projections = {
    "nothing": np.eye(8),
    "filter": np.eye(8) - np.outer(weight, weight) / (weight @ weight),
    "pattern": np.eye(8) - np.outer(sigma, sigma) / (sigma @ sigma),
    "LEACE": leace_p,
}
readers = {"linear": (h, t, 1), "linear, other images": (h_fresh, t_fresh, 1), "quadratic": (h, t, 2)}
left = {
    reader: [r_squared(mean + (x - mean) @ P.T, of, degree) for P in projections.values()]
    for reader, (x, of, degree) in readers.items()
}
for reader, values in left.items():
    print(
        f"{reader:>21}: "
        + ", ".join(f"{k} {max(v, 0):.3f}" for k, v in zip(projections, values, strict=True))
    )
variance = np.sum((h - mean) ** 2)
for name, P in projections.items():
    after = (mean + (h - mean) @ P.T).astype(np.float32)
    right = np.mean(head.predict(after).argmax(axis=1) == e)
    print(f"{name:>8}: changes {np.sum(((h - mean) @ (np.eye(8) - P).T) ** 2) / variance:5.1%} of the variance; "
          f"the network is right about the distractor in {right:.1%}")  # fmt: skip

# %%
correlations, of_task = sorted({0, 0.2, 0.4, 0.6, 0.8, 0.95, r}), []
for each in correlations:
    sample = mx.data.planted(800, ANGLE, each, seed=SEED + 4)
    units, concept, task = numbers_of(sample.x), sample.t[:, None] * 1.0, sample.distractor * 1.0
    middle, P = leace(units, concept)
    of_task.append([r_squared(x, task, 1) for x in (units, middle + (units - middle) @ P.T)])

picture = Picture(figsize=(13, 4.4), dpi=76, layout="constrained")
panels = picture.subplots(1, 2, sharey=True)
places = np.arange(len(projections))
for k, (reader, values) in enumerate(left.items()):
    colour = (style.PATTERN, style.FAINT, "#E69F00")[k]
    panels[0].bar(places + 0.27 * (k - 1), values, 0.25, color=colour, label=reader)
panels[0].set_xticks(places, list(projections))
panels[0].set(title="concept, after it was erased", ylabel="$R^2$", ylim=(0, 1.05))
panels[0].legend(frameon=False)
before, after = np.array(of_task).T
panels[1].plot(correlations, before, "o-", color=style.INK, label="before")
panels[1].plot(correlations, after, "o-", color=style.PATTERN, label="after LEACE of the concept")
panels[1].plot(r, erasing()["task"], "D", color=style.FILTER, markersize=9, label="yours (7.8)")
panels[1].set(title="distractor (the task)", xlabel="correlation with the concept")
panels[1].legend(frameon=False, loc="lower left")
picture

# %% [markdown]
# As proved, a linear reader finds nothing on the samples themselves, and next to nothing on others. The
# quadratic reader finds some of it again: "erased" is a word about a class of readers. If the rest of your
# network is no linear model, the proof says nothing about it. And where $\mathrm{cov}[h,t]=0$ to begin with, as
# in the example of 7.9, there is nothing that LEACE would change, though any quadratic reader sees $t$.
#
# The projection along $\sigma$ leaves just what LEACE leaves: both lose the direction $\sigma$, and each result is
# a linear function of the other. But LEACE moves the samples less. For the network behind, which was not trained
# anew, that may matter; the accuracies of one term cannot show it: compare over several seeds.
#
# On the right, the price. What the task has in common with the concept goes with the concept, and the more of
# it, the more they are correlated; your number of 7.8 should lie near the lower line. The eraser cannot know
# which of two correlated things you meant to keep. It is the choice of images again, as in 7.1: **with $r=0$
# erasing is free, and no formula makes up for images in which it is not.**
#
# **References.** B. Kim et al.: *Interpretability beyond feature attribution: quantitative testing with concept
# activation vectors (TCAV)*, ICML 2018, [arXiv 1711.11279](https://arxiv.org/abs/1711.11279). F. Pahde et al.:
# *Navigating neural space*, ICLR 2025, [arXiv 2202.03482](https://arxiv.org/abs/2202.03482). S. Haufe et al.: *On
# the interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage 87, 2014.
# N. Belrose et al.: *LEACE: perfect linear concept erasure in closed form*, NeurIPS 2023,
# [arXiv 2306.03819](https://arxiv.org/abs/2306.03819). S. Holm: *A simple sequentially rejective multiple test
# procedure*, Scandinavian Journal of Statistics 6, 1979.
