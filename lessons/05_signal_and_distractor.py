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
# # 5 · Signal and distractor: why the weights do not show the signal
#
# A linear model reads a quantity $y$ from an input $x$ without any error, and its weights are there for all
# to see. Do they show *where in $x$* the quantity is? They do not, and this lesson is about what they show
# instead.
#
# **You will do:** fit a filter to two-dimensional points whose signal you know, turn the distractor, add
# noise and L2, and write the two formulas that the rest of the course rests on.
#
# **You will learn:** to tell *function*, *signal* and *attribution* apart; why a filter turns with what it
# must cancel; what the signal estimators $S_x$, $S_w$ and $S_a$ call signal, and when each of them is wrong.
#
# **You need:** dot products, covariance, least squares; NumPy. No neural network yet. Nothing is fetched.
#
# **Time:** 60 minutes, of which the cells run for about 5 seconds. Code BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
from figures import maps  # needs lessons/figures/ beside this notebook
from figures import signal_and_distractor as figures
from figures.signal_and_distractor import angle

from minixai import demo
from minixai.checks import signal_distractor as checks
from minixai.checks import tell
from minixai.data import toy
from minixai.signal import FilterEstimator, IdentityEstimator, LinearEstimator, ridge

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 5.1 A signal, a distractor, a filter
#
# Someone measures two numbers, $x = (x_1, x_2)$. What we want to know is $y$, but something that we do not
# care about, $\epsilon$, is in the measurement too:
#
# $$x = a_s\,y + a_d\,\epsilon,\quad a_s=(1,0),\ a_d=(1,1),\quad y\sim U(-1,1),\ \epsilon\sim N(0,1).$$
#
# $a_s y$ is the **signal**: what changes in $x$ when $y$ changes. $a_d\epsilon$ is the **distractor**. One
# point by hand: $y=\tfrac12$ and $\epsilon=1$ give $x=(\tfrac12,0)+(1,1)=(\tfrac32,1)$.
#
# In the picture, the colour of a point is its $y$.

# %%
sample = toy(n=2000, angle=45, seed=0)
figures.points(sample, "signal and distractor")

# %% [markdown]
# We fit the **filter**, the weights $w$ that read $y$ back: $\hat y = w^\top x + b$, by least squares.
#
# > **Predict 1.** In which direction will $w$ point? Along $a_s$, which carries all there is of $y$? Draw it
# > on paper, then run the cell.

# %% tags=["thumbnail"]
w, b = ridge(sample.x, sample.y)
largest = np.abs(sample.x @ w + b - sample.y).max()
print(f"w = {w}, {angle(w):.1f}° off the signal; largest error {largest:.1e}")
print(f"w·a_s = {w @ sample.a_s:.3f}, |w·a_d| = {abs(w @ sample.a_d):.3f}")
figures.points(sample, "the filter $w$", w=w)

# %% [markdown]
# **Answer to prediction 1.** The filter is exact, and it points 45° away from the signal. It even gives a
# weight of $-1$ to $x_2$, a number in which there is *no signal at all*. It has to: in order to get rid of
# $\epsilon$ it subtracts $x_2=\epsilon$ from $x_1=y+\epsilon$. Two conditions fix it:
#
# $$w^\top a_s = 1\ \text{ (read the signal)},\qquad w^\top a_d = 0\ \text{ (cancel the distractor)}.$$
#
# ### Exercise 5.1 — the filter from its two conditions
# *Difficulty 1/5 · importance 5/5 · at most 5 minutes*
#
# Write `filter_of(a_s, a_d)`. It takes two float64 arrays of shape (2,) and returns $w$, float64 of shape
# (2,). Worked example: `filter_of([1, 0], [1, 1])` is `[1, -1]`, for $1\cdot1-1\cdot0=1$ and
# $1\cdot1-1\cdot1=0$.
#
# <details><summary>Hint</summary>
#
# Two linear equations in two unknowns: the rows of the matrix are $a_s$ and $a_d$, the right side is
# $(1, 0)$. `np.linalg.solve(matrix, right_side)` does the rest.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def filter_of(a_s, a_d):
#     return np.linalg.solve(np.array([a_s, a_d]), [1.0, 0.0])
# ```
#
# </details>


# %%
def filter_of(a_s, a_d):
    """w (2,) with w·a_s = 1 and w·a_d = 0, for a_s and a_d (2,)."""
    return None  # your line


tell(checks.check_filter_of, filter_of)

# %% [markdown]
# ## 5.2 The distractor turns
#
# > **Predict 2.** We keep the signal where it is and turn the distractor from 30° to 60°, 90° and 135°.
# > What will $w$ do? At which of the four is $w$ along the signal, and at which is it longest?

# %%
samples = {degrees: toy(n=1000, angle=degrees, seed=0) for degrees in (30, 60, 90, 135)}
filters = {degrees: ridge(turned.x, turned.y)[0] for degrees, turned in samples.items()}
figures.turned(samples, filters)

# %% [markdown]
# **Answer to prediction 2.** The signal did not move, and $w$ followed the distractor, always at a right
# angle to it. **$w$ tells you about the distractor.** Only where the distractor happens to be orthogonal to
# the signal, at 90°, does $w$ point along the signal. And the closer the distractor lies to the signal, the
# longer $w$ must be in order to keep $w^\top a_s=1$: it is longest at 30°.
#
# So an explanation has to say which question it answers. Three words, which the course keeps apart:
#
# | word | question | in the linear model |
# |---|---|---|
# | **function** | how does the output change if I change the input? | the gradient, $w$ |
# | **signal** | what in the input made the output what it is? | $a_s\,y$ |
# | **attribution** | how much does each input, through its signal, add to the output? | $w\odot a_s\,y$ |
#
# ($\odot$ multiplies entry by entry.) For the point of 5.1, $x=(\tfrac32,1)$ with $y=\tfrac12$:

# %%
x_one, y_one, w_one = np.array([1.5, 1.0]), 0.5, np.array([1.0, -1.0])
attribution = w_one * sample.a_s * y_one + 0.0  # + 0.0: no minus zero
print("function         w        ", w_one)
print("signal           a_s y    ", sample.a_s * y_one)
print("attribution      w ⊙ a_s y", attribution, " sum", attribution.sum())
print("input×gradient   w ⊙ x    ", w_one * x_one, " sum", (w_one * x_one).sum())

# %% [markdown]
# The last two lines both add up to the output $\tfrac12$. Input×gradient, a popular attribution that uses all
# of $x$ in place of the signal, spreads it over both inputs, $\tfrac32$ and $-1$: it counts the distractor
# in. The attribution by the signal gives all of it to $x_1$.
#
# ## 5.3 Estimating the signal
#
# For a real network nobody tells us $a_s$. A **signal estimator** $S$ splits $x$ into $S(x)$ and a
# distractor, from the filter and data alone. There are three that we compare:
#
# - **identity** $S_x(x)=x$: all is signal. It has no single direction; each point has its own.
# - **filter** $S_w(x)=\dfrac{w}{w^\top w}\,y$: the signal lies along the weights. ($w^\top w$ makes
#   $w^\top S_w(x)=y$.)
# - **linear** $S_a(x)=a\,y$ with the **pattern** $a=\dfrac{\mathrm{cov}[x,y]}{\mathrm{var}[y]}$: the signal
#   is what changes together with the output.
#
# In this section $y=w^\top x+b$ is the filter's *output*, which we can compute for any input. (For the exact
# filter of 5.1 it is the same as the true $y$.)
#
# Where does $a$ come from? Write $x=a\,y+d$ and ask that the distractor $d$ have nothing more to do with the
# output: $\mathrm{cov}[d,y]=\mathrm{cov}[x,y]-a\,\mathrm{var}[y]=0$.
#
# ### Exercise 5.2 — the pattern
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `pattern(x, y)`: `x` float64 (n, d), `y` float64 (n,), the result float64 (d,). Worked example with
# two points: `x = [[2, 1], [-1, 3]]`, `y = [1, -1]`. The means are $(\tfrac12,2)$ and $0$; the covariance
# is $\tfrac12[(\tfrac32,-1)\cdot1+(-\tfrac32,1)\cdot(-1)]=(\tfrac32,-1)$, the variance $1$, so
# $a=(\tfrac32,-1)$.
#
# <details><summary>Hint</summary>
#
# Subtract the means from both; then it is one matrix product divided by one dot product. The two factors
# $1/n$ cancel.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def pattern(x, y):
#     centred = y - y.mean()
#     return (x - x.mean(axis=0)).T @ centred / (centred @ centred)
# ```
#
# </details>


# %%
def pattern(x, y):
    """a = cov[x, y] / var[y] (d,), for x (n, d) and y (n,)."""
    return None  # your lines


tell(checks.check_pattern, pattern)

# %% [markdown]
# **Checkpoint.** From here on we take minixai's `LinearEstimator`, which passes the same check, so you can
# carry on even if your `pattern` does not work yet.
#
# > **Predict 3.** Distractor at 45°. Which of the three estimators gives back the true signal (the grey bar)?
# > What does the cloud of $S_w(x)$ look like?

# %%
# It takes the filter, too: here the one whose output is y.
tell(checks.check_pattern, lambda x, y: LinearEstimator(*ridge(x, y)).fit(x, y).pattern)

output = sample.x @ w + b
estimators = {"S_x": IdentityEstimator(w, b), "S_w": FilterEstimator(w, b), "S_a": LinearEstimator(w, b)}
signals = {name: each.fit(sample.x, output).signal(sample.x) for name, each in estimators.items()}
for name, signal in signals.items():
    error = np.sqrt(np.mean((signal - np.outer(sample.y, sample.a_s)) ** 2))
    print(f"{name}: root mean square error to the true signal {error:.3f}")
print(f"the pattern of S_a is {estimators['S_a'].pattern}, {angle(estimators['S_a'].pattern):.1f}° off")
figures.called_signal(signals, sample.y)

# %% [markdown]
# **Answer to prediction 3.** $S_a$ finds the signal, to within a degree or two; $S_w$ puts all of it on a
# line along $w$. Is the small rest a fault of $S_a$, or chance? In $n$ points $\epsilon$ and $y$ are never
# quite uncorrelated, and whatever covariance remains goes into the pattern: $a=a_s+a_d\,c$ with
# $c=\mathrm{cov}[\epsilon,y]/\mathrm{var}[y]$. From sample to sample $c$ has the standard deviation
# $\sigma/(\sigma_y\sqrt n)$, where $\sigma$ is that of $\epsilon$ and $\sigma_y$ that of $y$. The second
# coordinate of the pattern, $a_2$, is $c$ itself.
#
# That is a prediction that can fail, so let us test it with 500 seeds for each of four sample sizes. The
# formula subtracts the means; what if one forgets that, and takes $\sum xy/\sum y^2$, while $\epsilon$ has a
# mean of $\mu=2$? Then $\mu$ times the mean of $y$ is added to the covariance, and the spread should grow by
# a factor of $\sqrt{1+\mu^2/\sigma^2}$.

# %%
numbers, seeds, mu = (100, 300, 1000, 3000), range(500), 2.0
found = {"means subtracted": [], "means forgotten, μ = 2": []}
for n in numbers:
    others = [toy(n=n, mu=mu, seed=seed) for seed in seeds]
    centred = [LinearEstimator(*ridge(o.x, o.y)).fit(o.x, o.y).pattern[1] for o in others]
    raw = [(o.x.T @ o.y / (o.y @ o.y))[1] for o in others]
    for each, values in zip(found.values(), (centred, raw), strict=True):
        each.append(np.std(values))
    error = np.std(centred) / np.sqrt(len(seeds))
    print(f"n = {n:6}: mean of a₂ {np.mean(centred):7.4f}, its standard error {error:.4f}")
by_formula = 1 / (np.sqrt(1 / 3) * np.sqrt(numbers))  # σ / (σ_y √n), and y ~ U(−1, 1) has the variance 1/3
lines = dict(zip(found, (by_formula, by_formula * np.sqrt(1 + mu**2)), strict=True))
figures.scatter_of_patterns(numbers, found, lines)

# %% [markdown]
# The dots lie on the lines, within the few per cent to which 500 seeds determine a standard deviation. What
# is left over is chance: it falls with $1/\sqrt n$, and the printed means lie within two standard errors of
# zero. With the means subtracted the distractor's mean cannot matter, as it shifts all points alike. (In
# lesson 11 you will meet an estimator that is not so lucky.)
#
# ## 5.4 Noise, and L2
#
# So far everything in $x$ was signal or distractor. Now every coordinate gets noise of its own, and from here
# on $\sigma$ is the standard deviation of that noise (that of $\epsilon$ stays at 1). It has no direction, so
# no filter can cancel it.
#
# > **Predict 4.** As $\sigma$ grows, which way will $w$ turn: towards the signal, or away from it? And $a$?
# >
# > **Predict 5.** Statisticians say that an L2 penalty $\lambda\lVert w\rVert^2$ acts like such noise. If
# > we keep the points clean and raise $\lambda$, does $w$ do the same? Does $a$?


# %%
def fit(sample, l2=0.0):
    """The filter w and the pattern a of its output."""
    w, b = ridge(sample.x, sample.y, l2)
    return w, LinearEstimator(w, b).fit(sample.x, sample.x @ w + b).pattern


N = 20_000
levels = np.linspace(0, 1, 11)
by_noise = [fit(toy(n=N, noise=s, seed=0)) for s in levels]
by_l2 = [fit(toy(n=N, seed=0), l2=N * s**2) for s in levels]
for s, noisy, shrunk in list(zip(levels, by_noise, by_l2, strict=True))[::5]:
    print(f"σ = {s:.1f}: w {angle(noisy[0]):6.1f}°  a {angle(noisy[1]):5.1f}°     "
          f"λ = Nσ²: w {angle(shrunk[0]):6.1f}°  a {angle(shrunk[1]):5.1f}°")  # fmt: skip
figures.sweeps(levels, {"noise $\\sigma$": by_noise, "L2 $\\sqrt{\\lambda/N}$": by_l2})

# %%
# Noise of σ = 0.5 with nothing left to chance: each point four times, shifted with the covariance σ²I.
shifts = np.sqrt(2) * 0.5 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
copies = (sample.x[:, None, :] + shifts).reshape(-1, 2)
w_noise, _ = ridge(copies, np.repeat(sample.y, 4))
w_l2, _ = ridge(sample.x, sample.y, l2=len(sample.y) * 0.5**2)
print(f"four copies: w {w_noise}, L2 on the clean points: w {w_l2}")

alone = toy(n=200_000, sigma=0, noise=0.5)
w_alone, _ = ridge(alone.x, alone.y)
print(f"no distractor, σ = 0.5: w·a_s = {w_alone[0]:.3f}, by the formula {(1 / 3) / (1 / 3 + 0.5**2):.3f}")

# %% [markdown]
# **Answer to prediction 4.** With noise $w$ turns *towards* the signal, from −45° to about −27°. It has two
# things to keep out now. At a right angle to the distractor it would have to be long, and a long filter lets
# more noise through. The compromise cancels the distractor only in part. The pattern stays where it is.
#
# **Answer to prediction 5.** With L2 $w$ does the same as with noise. That is exact, as the line with the
# four copies shows: averaged over all noise, least squares on noisy points is least squares on clean ones
# with the penalty $\lambda=N\sigma^2$. The line after it shows the second effect of both, that $w$ shrinks.
# Without a distractor, $w^\top a_s$ falls from 1 to $\mathrm{var}[y]\,/\,(\mathrm{var}[y]+\sigma^2)$.
#
# **But the pattern is not the same.** With noise it stays on the signal, with L2 it leans towards the
# distractor. Both filters let some of the distractor through. Why does the pattern show it in one case only?

# %% [markdown]
# ### Exercise 5.3 — what L2 leaves behind
# *Difficulty 3/5 · importance 4/5 · at most 15 minutes*
#
# Here $y$ is the true quantity again, and the output is $\hat y$. Split the covariance of the output:
# $\mathrm{cov}[x,\hat y]=\mathrm{cov}[x,y]-\mathrm{cov}[x,\,y-\hat y]$. The first term is along $a_s$, as
# $\epsilon$ and the noise have nothing to do with $y$. So everything depends on the second. The fitted filter
# solves $(X^\top X+\lambda I)\,w=X^\top y$ with $X$ and $y$ centred. Derive $\mathrm{cov}[x,\,y-\hat y]$
# from that and write it as `left_behind(w, l2, n)`: `w` float64 (2,), `l2` is $\lambda$, `n` is $N$, the
# number of points; the result float64 (2,).
#
# Worked example: $w=(1,-1)$, $\lambda=10$, $N=5$ give $(2,-2)$.
#
# <details><summary>Hint 1</summary>
#
# $N\,\mathrm{cov}[x,\,y-\hat y]=X^\top(y-Xw)$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Bring $X^\top X w$ to the other side of the equation that $w$ solves.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def left_behind(w, l2, n):
#     return l2 / n * np.asarray(w)
# ```
#
# Least squares ($\lambda=0$) leaves nothing: $\mathrm{cov}[x,\hat y]=\mathrm{cov}[x,y]$, whatever the
# noise. L2 takes $\tfrac{\lambda}{N}w$ away, which tilts the pattern *against* $w$, and so towards the
# distractor.
#
# </details>


# %%
def left_behind(w, l2, n):
    """cov[x, y − ŷ] (2,) of a filter w (2,) fitted with the penalty l2 to n points."""
    return None  # your line


tell(checks.check_left_behind, left_behind)

# %% [markdown]
# So $S_a$ is honest about the *output*: under L2 the output carries some of the distractor, and what
# changes together with it includes that. Fitted to the labels $y$ instead of the output, the pattern would
# be $a_s$ again, and say nothing about the filter.
#
# ## 5.5 Play
#
# Here is the whole lesson in one picture: the arrows in their true lengths, what each estimator calls signal,
# and the sweeps over noise and L2 of 5.4, in which a dot marks the setting that is shown. Run the cell below
# the picture to get sliders; the command `minixai demo` shows them in a window of their own (in which all
# arrows have one length, so that directions can be compared).
#
# Try this, in order: turn the angle slowly from 30° to 150°; at 45° raise the noise; put it back and raise
# L2; give $\epsilon$ a mean; take 100 points. Finally, set the angle to 0.

# %%
figures.summary(angle=60, noise=0.3)

# %%
maps.sliders(
    figures.summary,
    {
        "angle": (*range(45, 181, 5), *range(0, 45, 5)),
        "noise": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0),
        "l2_per_point": (0.0, 0.01, 0.03, 0.1, 0.3, 1.0),
        "mu": (0.0, -2.0, -1.0, 1.0, 2.0),
        "points": (2000, 100, 500, 5000),
    },
)

# %% [markdown]
# ## 5.6 Where it fails
#
# **The distractor along the signal.** At 0° no filter can tell the two apart, and no estimator says so: each
# is perfectly aligned and calls everything signal.

# %%
scene = demo.compute(demo.Params(angle=0))
print(scene.note)
error = np.sqrt(np.mean((scene.signals["S_a"] - np.outer(scene.y, scene.a_s)) ** 2))
print(f"w {scene.angle_w:.0f}°, a {scene.angle_a:.0f}° off, yet S_a has an error of {error:.2f}")

# %% [markdown]
# **Correlated distractors.** All rests on $\epsilon$ and $y$ being uncorrelated. Suppose they are not, like a
# watermark that is on most photos of one class.
#
# > **Predict 6.** As the correlation of $y$ and $\epsilon$ grows from 0 to 0.6, which of the two moves, $w$
# > or $a$, and where to?

# %%
rng = np.random.default_rng(0)
y, other = rng.uniform(-1, 1, N), rng.normal(size=N)
strengths, angles, formula = (0.0, 0.15, 0.3, 0.45, 0.6), {"w": [], "a": []}, []
for r in strengths:
    eps = r * y / np.sqrt(1 / 3) + np.sqrt(1 - r**2) * other
    x = np.outer(y, sample.a_s) + np.outer(eps, sample.a_d)
    w_r, b_r = ridge(x, y)
    a_r = LinearEstimator(w_r, b_r).fit(x, x @ w_r + b_r).pattern
    angles["w"].append(angle(w_r))
    angles["a"].append(angle(a_r))
    formula.append(angle(sample.a_s + r / np.sqrt(1 / 3) * sample.a_d))  # a_s + a_d cov[ε, y] / var[y]
    print(f"correlation {r:.2f}: w {angles['w'][-1]:6.1f}°, a {angles['a'][-1]:5.1f}°, "
          f"a by the formula {formula[-1]:5.1f}°")  # fmt: skip
figures.correlated(strengths, angles, formula)

# %% [markdown]
# **Answer to prediction 6.** The filter does not move: it still cancels $\epsilon$, exactly. The pattern goes
# to $a_s+a_d\,\mathrm{cov}[\epsilon,y]/\mathrm{var}[y]$, so it shows the watermark, whether or not the model
# uses it. Here the model does *not*. For a model that does, the pattern would even be right, but it cannot
# tell you which of the two you have.
#
# **One direction.** $S_a$ knows one direction per filter. A neuron with a ReLU does one thing when it is
# active and another when it is not, so lesson 11 fits two.
#
# **Open question.** Inside a deep network a filter has outputs, but no labels. Exercise 5.3 showed that the
# pattern of a shrunk filter's output leans towards the distractor. Nearly all networks are trained with
# weight decay. How would you find out, without knowing $a_s$, how far their patterns lean?
#
# ## References
# - P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to
#   explain neural networks: PatternNet and PatternAttribution*, 2017,
#   [arXiv 1705.05598](https://arxiv.org/abs/1705.05598). The toy model, the three words, the estimators.
# - S. Haufe, F. Meinecke, K. Görgen, S. Dähne, J.-D. Haynes, B. Blankertz, F. Bießmann: *On the
#   interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage 87, 2014,
#   96–110. Filters and patterns, from where the idea comes.
