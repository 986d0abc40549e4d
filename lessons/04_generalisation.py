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
# # 4 · Generalisation: how a network does on what it has not seen
#
# Training makes the error on the *training* samples small. What we want is a small error on samples that the
# network has never seen. This lesson is about the distance between the two: what makes it large, what makes
# it small, and how easily we deceive ourselves when we measure it.
#
# **You will do:** fit polynomials, test the rule of ten samples per weight, derive L2 from a prior, watch a
# network learn false labels by heart and stop it in three ways, and repair a cross-validation that finds
# signal in coin flips.
#
# **You will learn:** to tell under- from overfitting; what ten samples per weight are good for, and where the
# rule fails; double descent, and why it depends on when you stop; what L2, dropout and early stopping assume;
# to read a learning curve; to ask whom a test set stands for.
#
# **You need:** lesson 3 (training), least squares, the normal distribution; NumPy.
#
# **Time:** 90 minutes, of which the cells run about 15 seconds. The long runs come from a file that
# `python -m results.generalisation` writes in a few minutes. Code BSD-3-Clause, text CC BY 4.0.

# %%
from functools import partial

import numpy as np
from figures.generalisation import (  # needs lessons/figures/ beside this notebook
    coin_flips,
    error_over_samples,
    learning_curves,
    one_polynomial,
    polynomials,
    regularisers,
    widths_at_two_times,
)
from figures.maps import sliders
from results import generalisation as results  # and lessons/results/
from sklearn.datasets import load_digits

from minixai.checks import tell
from minixai.checks.generalisation import check_cross_validate, check_polynomial_fit, check_ridge

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 4.1 Too simple, too flexible
#
# We draw twenty samples of a curve with noise: $y=\sin(\pi x)+\epsilon$, with $x\sim U(-1,1)$ and
# $\epsilon\sim N(0,\sigma^2)$, $\sigma=0.3$. To them we fit a polynomial $c_0+c_1x+\dots+c_Dx^D$ of degree
# $D$ by least squares, which makes $\sum_i(\hat y_i-y_i)^2$ smallest.
#
# ### Exercise 4.1 — least squares
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
# **Checkpoint.** From here on the lesson uses its own `polynomial_fit`, so you can go on even if yours is not
# finished.
#
# > **Predict 1.** We raise the degree from 0 to 15 and measure the root mean square error twice: on the 20
# > training samples, and on 2 000 new ones. Sketch both curves. Where is the lowest point of each?


# %%
def polynomial_fit(x, y, degree):
    return np.linalg.lstsq(np.vander(x, degree + 1, increasing=True), y)[0]


def samples(n, rng, noise=0.3):
    x = rng.uniform(-1, 1, n)
    return x, np.sin(np.pi * x) + rng.normal(0, noise, n)


def rmse(c, x, y):
    return np.sqrt(np.mean((np.vander(x, len(c), increasing=True) @ c - y) ** 2))


tell(check_polynomial_fit, polynomial_fit)
rng = np.random.default_rng(3)
train, test = samples(20, rng), samples(2000, rng)
fits = [polynomial_fit(*train, degree) for degree in range(16)]
train_error, test_error = (np.array([rmse(c, *points) for c in fits]) for points in (train, test))
best = int(np.argmin(test_error))
for degree in sorted({0, 1, best, 9, 12, 15}):
    print(f"degree {degree:2d}: training {train_error[degree]:.2f}, test {test_error[degree]:.2f}")
polynomials(train, {degree: fits[degree] for degree in (1, best, 15)}, train_error, test_error)

# %% [markdown]
# **Answer to prediction 1.** The training error never rises, because each degree contains the ones below it;
# its lowest point is at the right end. The test error falls to its lowest point at degree 3 and then rises,
# by a factor of more than ten thousand (mind the logarithmic scale).
#
# - On the left a line **underfits**: it is bad on both sets. More samples would not help it.
# - On the right degree 15 **overfits**: its 16 weights bend through the noise of 20 samples. They bring the
#   training error well below $\sigma$, which no fit can reach on new samples.
#
# The training error alone does not tell the second case from a success. So we keep some samples away from
# training.
#
# Now with sliders. Take degree 15 and more and more samples: when does it stop bending through the noise?
# Take 20 samples and no noise: is degree 15 still bad? And which degree is best with 10 samples, which with
# 200?


# %%
def fitted(degree, samples_drawn, noise, draw):
    """The picture of one fit, with its errors on its own samples and on 2 000 new ones."""
    rng = np.random.default_rng(draw)
    drawn, new = samples(samples_drawn, rng, noise), samples(2000, rng, noise)
    c = polynomial_fit(*drawn, degree)
    return one_polynomial(drawn, c, rmse(c, *drawn), rmse(c, *new), noise)


fitted(9, 20, 0.3, 3)

# %%
sliders(fitted, {"degree": range(16), "samples_drawn": (20, 10, 50, 200, 1000),
                 "noise": (0.3, 0.0, 0.1, 1.0), "draw": (3, 0, 1, 2)})  # fmt: skip

# %% [markdown]
# ## 4.2 Ten samples per weight?
#
# How many samples does a model with $W$ weights need? A rule of thumb says ten for each weight. It comes from
# adaptive linear filters, is named after Widrow (1987), and is often quoted for networks.
#
# We first test it on least squares: polynomials with 6 and 10 weights, and a linear model with 20 inputs
# drawn from $N(0,1)$. The measure is the mean squared error on new samples, divided by the variance of the
# noise: 1 is as good as it gets.
#
# > **Predict 2.** At ten samples per weight, how far above 1 is the error: 1 %, 10 %, a factor of 2? What
# > happens at one sample per weight? And what with *fewer* samples than weights, where `lstsq` takes the
# > smallest of the many exact solutions?


# %%
def least_squares(x, y):
    return np.linalg.lstsq(x, y)[0]


def linear_error(n, rng, fit=least_squares, weights=20):
    """Error on new samples over the variance of the noise (1), for a linear model with N(0, 1) inputs."""
    x, w = rng.normal(size=(n, weights)), rng.normal(size=weights) / np.sqrt(weights)
    found = fit(x, x @ w + rng.normal(size=n))
    return 1 + np.sum((found - w) ** 2)


def polynomial_error(n, rng, weights, noise=0.3):
    line = np.linspace(-1, 1, 400)
    found = polynomial_fit(*samples(n, rng, noise), weights - 1)
    miss = np.vander(line, weights, increasing=True) @ found - np.sin(np.pi * line)
    return 1 + np.mean(miss**2) / noise**2


def quartiles(error, n, repeats=200):
    """The lower quartile, the median and the upper quartile of the error over repeats."""
    rng = np.random.default_rng(n)
    return np.quantile([error(n, rng) for _ in range(repeats)], [0.25, 0.5, 0.75])


# %% tags=["thumbnail"]
linear = np.array([0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 40])
kinds = {
    "linear, 20 weights": (20, linear_error, linear),
    "polynomial, 10 weights": (10, partial(polynomial_error, weights=10), linear[linear >= 2]),
    "polynomial, 6 weights": (6, partial(polynomial_error, weights=6), linear[linear >= 2]),
}
bands = {}
for name, (weights, error, ratios) in kinds.items():
    bands[name] = ratios, np.array([quartiles(error, round(r * weights)) for r in ratios])
    ten, two = (bands[name][1][ratios == r, 1][0] for r in (10, 2))
    print(f"{name:22}: {ten:.2f} at 10 samples per weight, {two:.2f} at 2 (medians)")
clean = quartiles(partial(polynomial_error, weights=10, noise=0.001), 20)[1]
miss = 0.001 * np.sqrt(clean - 1)
print(f"10 weights, 20 samples, noise of 0.001 in place of 0.3: misses the curve by {miss:.4f}")
error_over_samples(bands, law=True)

# %% [markdown]
# **Answer to prediction 2.** For least squares the rule is sound, and we can say what it buys. From about
# five samples per weight on, all three models lie on one curve, whatever their size: with $r=n/W$ samples per
# weight the error is $1+\frac1{r-1}$ (for normal inputs and many weights). At $r=10$ that is 11 % above the
# noise. Ten is a choice, not a threshold: with twenty it is 5 %. (Lines are medians of 200 draws, bands reach
# from quartile to quartile.)
#
# Two things do not fit into a rule of thumb:
#
# - **What costs samples is noise.** With almost none, two samples per weight give the curve to a few
#   thousandths, as the last line printed shows.
# - **The worst place is one sample per weight**, where the model can only just fit all the noise, and in one
#   way only. With *more* weights than samples the error falls again: of the many exact fits, the smallest one
#   spreads the noise over many weights. This is called **double descent**. (Here it helps little: always to
#   answer 0 would give an error of 2.)
#
# Keep both in mind for networks, in 4.5.

# %% [markdown]
# ## 4.3 A prior: where L2 comes from
#
# Least squares takes all weights to be equally likely beforehand. Suppose we know better: before we see any
# samples, each weight is drawn from $N(0,\tau^2)$. By Bayes' rule the posterior is the likelihood times this
# prior,
#
# $$p(w\mid X,y)\;\propto\;\prod_i e^{-(y_i-x_i\cdot w)^2/2\sigma^2}\;\prod_j e^{-w_j^2/2\tau^2},$$
#
# and its logarithm, times $-2\sigma^2$, is up to a constant
#
# $$\sum_i(y_i-x_i\cdot w)^2+\lambda\sum_jw_j^2,\qquad \lambda=\frac{\sigma^2}{\tau^2}.$$
#
# This is **L2 regularisation**, also called ridge regression or weight decay. So $\lambda$ is not a knob
# without meaning: it is the variance of the noise over the variance that we expect of the weights. For a
# linear model the posterior is itself normal, so its mean is where this sum is smallest.
#
# ### Exercise 4.2 — the posterior mean
# *Difficulty 2/5 · importance 5/5 · at most 15 minutes*
#
# Set the gradient of the sum to zero, solve for $w$, and write `ridge(x, y, noise, spread)`: `x` float64
# (n, k), `y` (n,), `noise` is $\sigma$ and `spread` is $\tau$; the result is float64 (k,). Worked example:
# `x = [[1], [1]]`, `y = [2, 4]`, both standard deviations 1: least squares says 3, the posterior mean is
# $6/(2+1)=2$.
#
# <details><summary>Hint</summary>
#
# The gradient is $-2X^\top(y-Xw)+2\lambda w$. So $(X^\top X+\lambda I)\,w=X^\top y$.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def ridge(x, y, noise, spread):
#     penalty = (noise / spread) ** 2
#     return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
# ```
#
# </details>


# %%
def ridge(x, y, noise, spread):
    """The posterior mean (k,) of the weights, for x (n, k), y (n,) and two standard deviations."""
    return None  # your lines


tell(check_ridge, ridge)

# %% [markdown]
# **Checkpoint.** The next cell has its own `ridge`. The linear model of 4.2 drew its 20 weights with variance
# $\frac1{20}$ and had noise of variance 1, so the right $\lambda$ is 20.
#
# > **Predict 3.** What happens to the peak at one sample per weight with $\lambda=20$? And if we are wrong by
# > a factor of ten, with $\lambda=2$ or $\lambda=200$?


# %%
def ridge(x, y, noise, spread):
    penalty = (noise / spread) ** 2
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)


tell(check_ridge, ridge)
bands = {"least squares": bands["linear, 20 weights"]}
for penalty in (2, 20, 200):
    fit = partial(ridge, noise=1.0, spread=1 / np.sqrt(penalty))
    found = [quartiles(partial(linear_error, fit=fit), round(r * 20)) for r in linear]
    bands[f"λ = {penalty}"] = linear, np.array(found)
for name, (_, found) in bands.items():
    at_1, at_10 = found[linear == 1, 1][0], found[linear == 10, 1][0]
    print(f"{name:14} median error {at_1:6.2f} at 1 sample per weight, {at_10:.2f} at 10")
error_over_samples(bands)

# %% [markdown]
# **Answer to prediction 3.** With the right prior the peak is gone: the error falls from left to right, as
# one would wish of more samples. Even $\lambda=2$ and $\lambda=200$ remove it. A prior that is wrong by a
# factor of ten costs little compared with the peak. But too strong a prior is worse than none once there are
# enough samples: at ten per weight $\lambda=200$ is the worst of all.
#
# So the peak says nothing about the number of weights as such. It belongs to a fit that trusts its samples
# completely.

# %% [markdown]
# ## 4.4 Learning curves: what would more data bring?
#
# Now networks, with the three models of lesson 3: logistic regression, an MLP with 32 hidden units, and a
# small LeNet. Each is trained on 75 to 1 200 digits, from five starts, and each start draws its own images.
# The left panel is for 300 updates of Adam, the right one for 1 000. These runs take minutes, so they come
# from a stored file; the next cell makes one of its numbers anew, to show that the two agree.
#
# > **Predict 4.** Which of the three gains most from more images? Will every curve fall all the way?

# %%
saved = np.load(results.FILE)
print("from", saved["made"])
x, y, x_test, y_test = results.digits_in_two()
part = np.random.default_rng(0).permutation(1200)[:300]
images = x.reshape(-1, 1, 8, 8)
model = results.trained(results.mlp(0), images[part], y[part])
wrong = 100 * np.mean(model.predict(x_test.reshape(-1, 1, 8, 8)).argmax(axis=1) != y_test)
print(f"made anew, MLP, 300 images, 300 updates, start 0: {wrong:.1f} %, "
      f"in the file {saved['curve/MLP'][0, 2, 0]:.1f} %")  # fmt: skip

# %%
curves = {name: saved[f"curve/{name}"] for name in results.MODELS}
for name, found in curves.items():
    for updates, errors in zip(results.UPDATES, found, strict=True):
        means = "  ".join(f"{mean:4.1f}" for mean in errors.mean(axis=1))
        rises = f"in {np.sum(errors[-1] > errors[-2])} of 5 starts more with 1 200 than with 600"
        print(f"{name:12} {updates:5} updates: {means} % wrong, {rises}")
learning_curves(curves, results.SIZES, results.UPDATES)


# %% [markdown]
# **Answer to prediction 4.** All means fall all the way, and the LeNet gains most: with 75 images there is
# little to choose between the three, with 1 200 it is ahead and logistic regression is last. A curve that is
# still falling asks for more data; one that is flat, as that of logistic regression nearly is at its end,
# asks for another model.
#
# Single starts are less orderly, as the end of each printed line says: one start of logistic regression gets
# worse from 600 to 1 200 images, although it has 600 more of them. A curve from a single start can rise by
# chance. There is a second trap: with the same number of updates for every size, a larger set is passed over
# less often. Compare the two panels before you explain a rise.

# %% [markdown]
# ## 4.5 More weights, and two times to stop
#
# None of the three has ten samples per weight, and all work. So is the rule wrong for networks? We test it as
# in 4.2, but now with 1 200 images throughout, and vary the width of the MLP: from 1 hidden unit, which obeys
# the rule, to 512, with 32 weights for each training image. And since noise is what costs samples, we do it
# with noise, too: 30 % of the training labels are replaced by random ones. The test labels stay true. Every
# network is measured twice, after 400 and after 4 000 updates. The table's last columns say what share of the
# false labels it gives back as its answer.
#
# > **Predict 5.** Draw four curves of the test error over the width: true and partly random labels, stopped
# > early and late. Where do you expect a peak?

# %%
noisy = results.partly_random(y)
again = results.errors_over_time(results.Stack(16), x, noisy, {"test": (x_test, y_test)}, stops=(50,))
k = results.WIDTHS.index(16)
print(f"made anew, 16 hidden units, 50 updates: {again['test'][0]} %")
print(f"                           in the file: {saved['random/test'][k, 0]} %")
early, late = results.STOPS.index(400), results.STOPS.index(4000)
print("\nrandom labels  test error, 400   test error, 4 000   false labels learned, 400 and 4 000")
for width, test, false in zip(results.WIDTHS, saved["random/test"], saved["random/false"], strict=True):
    cells = [
        f"{test[stop].mean():5.1f} ({test[stop].min():.1f}–{test[stop].max():.1f})" for stop in (early, late)
    ]
    learned = [f"{100 - false[stop].mean():5.0f} %" for stop in (early, late)]
    print(f"{width:5} hidden  {cells[0]:>18} {cells[1]:>18} {learned[0]:>14} {learned[1]}")

# %%
widths_at_two_times(
    np.array(results.WIDTHS),
    {name: saved[f"{kind}/test"] for name, kind in (("true labels", "true"), ("30 % random", "random"))},
    100 - saved["random/false"],
    {"400 updates": early, "4 000 updates": late},
)

# %% [markdown]
# **Answer to prediction 5.** The narrowest networks, with 14 and 7.5 samples per weight, are the worst: they
# **underfit**. With true labels the error then falls all the way, down to 0.03 samples per weight, at both
# stopping times.
#
# With random labels the answer depends on *when we stop*. After 400 updates the error has one valley and
# rises slowly for wide networks, which begin to learn the false labels by heart. After 4 000 updates there is
# a **peak**, about at the width from which on the false labels can all be learned (right panel), and beyond
# it the error falls again: double descent, as in 4.2. With one stopping time only we would have seen half of
# this: among wide networks the wider one is worse at 400 updates, and better at 4 000.
#
# (Lines are means of five starts, bands reach from the lowest to the highest.)
#
# So for networks the number of weights is the wrong thing to count. What replaces the rule is a measurement:
# a set that is kept away from training.

# %% [markdown]
# ## 4.6 Three ways to hold back
#
# Take the MLP with 64 hidden units and the partly random labels: 1 000 images to train with, 200 for
# **validation** (their labels are as noisy), 597 to test. There are three ways to keep it from learning the
# noise:
#
# - **L2**: the prior of 4.3. The mean cross entropy over $n$ samples plus $\frac{1}{2n\tau^2}\sum_jw_j^2$ is
#   minus the logarithm of the posterior, divided by $n$, up to a constant. Optimisers call $\frac1{n\tau^2}$
#   `weight_decay`. Here it is 0.01, so $\tau\approx0.32$.
# - **Dropout**: in every update each hidden unit is silenced with probability ½, and the others count double.
#   No unit can rely on another one being there. Once the network is trained, all units are on.
# - **Early stopping**: train without either, and keep the weights of the update where the *validation* error
#   was lowest.
#
# > **Predict 6.** How will the test error develop over 4 000 updates, with nothing, with L2, with dropout?
# > Will early stopping come close to the best?

# %%
stops = np.array(results.STOPS)
test = {kind: saved[f"{kind}/test"] for kind in results.REGULARISED}
validation = saved["nothing/validation"]
chosen = validation.argmin(axis=0)  # for each start
print(f"{np.mean(noisy[1000:] != y[1000:]):.0%} of the validation labels are false")
stopped = test["nothing"][chosen, np.arange(results.STARTS)]
for kind, errors in test.items():
    last = errors[-1]
    print(
        f"{kind:15} after 4 000 updates: test error {last.mean():4.1f} % ({last.min():.1f}–{last.max():.1f})"
    )
print(f"early stopping  after {', '.join(map(str, stops[chosen]))} updates: "
      f"test error {stopped.mean():.1f} % ({stopped.min():.1f}–{stopped.max():.1f})")  # fmt: skip
regularisers(stops, test, validation, (stops[chosen], stopped))

# %% [markdown]
# **Answer to prediction 6.** Without anything the test error is low after one or two hundred updates and then
# climbs as the false labels are learned. L2 keeps it low to the end; dropout slows the climb. Early stopping
# even saves training time, and it comes close to the best. All three say the same thing in different ways: do
# not trust the samples completely. Each has a setting (a strength, or the time to stop), which has to be
# chosen on the validation set.
#
# The validation error lies some 20 points above the test error, because so many of the validation labels are
# false. Its *minimum* is in about the right place all the same.

# %% [markdown]
# ## 4.7 Whom does a test set stand for?
#
# We shuffled the digits before we split them. scikit-learn's description says that they were written by 13
# people. Who wrote what was not recorded, but neighbours in the file seem to be by the same hand. After
# shuffling, every writer is in both sets. Without shuffling, the test set is mostly by people whom the
# network has never seen.
#
# > **Predict 7.** We cut the digits into thirds, at random or in the order of the file. Each third is the
# > test set once (599 images), with the other two to train on, so that every image is tested once. Which
# > error is larger, and by how much?

# %%
pixels, digits = load_digits(return_X_y=True)
scans = (pixels / 16).reshape(-1, 1, 8, 8).astype(np.float32)
everything = np.arange(len(scans))
shuffled = np.random.default_rng(1).permutation(everything)
for name, order in (("shuffled", shuffled), ("in order", everything)):
    for model_name in ("logistic", "MLP"):
        errors = []
        for held_out in np.array_split(order, 3):
            rest = np.setdiff1d(everything, held_out)
            model = results.trained(results.MODELS[model_name](0), scans[rest], digits[rest])
            guesses = model.predict(scans[held_out]).argmax(axis=1)
            errors.append(100 * np.mean(guesses != digits[held_out]))
        mean = np.mean(errors)
        doubt = np.sqrt(mean * (100 - mean) / len(scans))
        print(
            f"{name}, {model_name:9} test error {mean:4.1f} ± {doubt:.1f} %, by thirds {np.round(errors, 1)}"
        )

# %% [markdown]
# **Answer to prediction 7.** The models are the same and so is the number of images, but the error is larger
# for people who are new. Which number is right? Each answers a different question: *other digits by people we
# know*, or *digits by people we do not know*. All the test errors above are of the first kind. A test error
# says something about a use only as far as the test set resembles that use.
#
# The ± is the standard error of a percentage, $\sqrt{p(100-p)/n}$. It treats the 1 797 images as independent.
# For the question about new people there are only 13 samples, so there the true doubt is larger; the thirds
# give an idea of it.

# %% [markdown]
# ## 4.8 Where it fails: a protocol that finds signal in coin flips
#
# A colleague has 40 patients, half of them ill, and 500 measurements of each. She picks the 10 measurements
# in which ill and healthy differ most. Then she cross-validates with care: she divides the patients into 5
# **folds**, and each fold is the test set once. The class means come from the other four folds, and each
# patient of the fold gets the class with the nearer mean. She reports an error far below 50 %.


# %%
def nearest_mean_error(x, y, x_test, y_test):
    """The share of test samples that are nearer to the other class's mean."""
    means = np.stack([x[y == label].mean(axis=0) for label in (0, 1)])
    distances = ((x_test[:, None] - means) ** 2).sum(axis=2)
    return np.mean(distances.argmin(axis=1) != y_test)


def colleagues(x, y, folds=5, keep=10):
    """Errors (folds,) of the protocol as she tells it, for x (n, k) and y (n,) of 0 and 1."""
    difference = np.abs(x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0))
    x = x[:, np.argsort(-difference)[:keep]]
    errors = []
    for inside in np.array_split(np.arange(len(y)), folds):
        rest = np.setdiff1d(np.arange(len(y)), inside)
        errors.append(nearest_mean_error(x[rest], y[rest], x[inside], y[inside]))
    return np.array(errors)


# %% [markdown]
# ### Exercise 4.3 — an investigation
# *Difficulty 3/5 · importance 5/5 · at most 25 minutes*
#
# 1. Design a **control**: data for which you know the error that an honest protocol must report. Run
#    `colleagues` on it.
# 2. Which line is at fault? Write `cross_validate(x, y, folds, keep)` without the fault: `x` float64 (n, k),
#    `y` integers (n,), the result float64 (folds,). The folds are consecutive, as above. Worked example:
#    `x = [[0, 5], [9, 4], [1, 4], [8, 5], [0, 4], [9, 5]]`, `y = [0, 1, 0, 1, 0, 1]`, `folds = 3`, `keep = 1`
#    give `[0, 0, 0]`.
# 3. Write two sentences to the colleague: what her number means, and what she should report.
#
# <details><summary>Hint</summary>
#
# In the control no measurement has anything to do with the illness: `x = rng.normal(size=(40, 500))`, and `y`
# a shuffled row of 20 zeros and 20 ones. The honest error is 50 %. Who sees the labels of the held-out
# patients?
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def cross_validate(x, y, folds, keep):
#     errors = []
#     for inside in np.array_split(np.arange(len(y)), folds):
#         rest = np.setdiff1d(np.arange(len(y)), inside)
#         known, label = x[rest], y[rest]
#         difference = np.abs(known[label == 1].mean(axis=0) - known[label == 0].mean(axis=0))
#         chosen = np.argsort(-difference)[:keep]
#         means = np.stack([known[label == k][:, chosen].mean(axis=0) for k in (0, 1)])
#         distances = ((x[inside][:, None, chosen] - means) ** 2).sum(axis=2)
#         errors.append(np.mean(distances.argmin(axis=1) != y[inside]))
#     return np.array(errors)
# ```
#
# To the colleague: "The ten measurements were chosen with the labels of all patients, those held out
# included, so your error says how well they fit these 40 patients and nothing about new ones; on coin flips
# your protocol reports much the same. Please choose them anew inside each fold, and report that error beside
# the one on shuffled labels."
#
# </details>


# %%
def cross_validate(x, y, folds, keep):
    """Errors (folds,) from 0 to 1, for x (n, k) and y (n,); `keep` inputs are used."""
    return None  # your lines


tell(check_cross_validate, cross_validate)

# %% [markdown]
# Here is the control, 100 times: 500 measurements that have nothing to do with the labels, which are shuffled
# so that each fold has four of both. Orange is the colleague's protocol, blue the same with the choice inside
# each fold.


# %%
def honest(x, y, folds=5, keep=10):
    """As `colleagues`, with the inputs chosen anew in each fold, on the other folds."""
    errors = []
    for inside in np.array_split(np.arange(len(y)), folds):
        rest = np.setdiff1d(np.arange(len(y)), inside)
        difference = np.abs(x[rest][y[rest] == 1].mean(axis=0) - x[rest][y[rest] == 0].mean(axis=0))
        chosen = x[:, np.argsort(-difference)[:keep]]
        errors.append(nearest_mean_error(chosen[rest], y[rest], chosen[inside], y[inside]))
    return np.array(errors)


# %%
rng = np.random.default_rng(0)
found = {"chosen on all patients": [], "chosen inside each fold": []}
for _ in range(100):
    x = rng.normal(size=(40, 500))
    y = np.concatenate([rng.permutation(np.repeat([0, 1], 4)) for _ in range(5)])
    found["chosen on all patients"].append(100 * colleagues(x, y).mean())
    found["chosen inside each fold"].append(100 * honest(x, y).mean())
for name, errors in found.items():
    print(f"{name:24} mean error {np.mean(errors):4.1f} %, from {min(errors):.0f} to {max(errors):.0f} %")
coin_flips(found)

# %% [markdown]
# On data without any signal the faulty protocol reports errors far below 50 %. Nothing in it looks wrong, and
# no held-out error reveals it: only the control does. This habit will be needed in the rest of the course:
# before you believe a number, run the method where you know the answer.
#
# **A fault of our own:** we looked at the test set while we wrote this lesson. That is how test sets wear
# out. When it matters, choose on the validation set, and test once.
#
# **Open question.** The widest network of 4.5 has enough weights to learn any labels by heart, and given time
# it does. Trained on true labels, the same network with the same optimiser gets new digits right. What would
# you measure *on the trained weights*, without a test set, to tell the network that has learned from the one
# that has memorised?
#
# ## References
# - B. Widrow: *ADALINE and MADALINE – 1963*, plenary speech, IEEE First International Conference on Neural
#   Networks, San Diego 1987, vol. 1, 143–158. Usually cited for the rule of thumb.
# - E. B. Baum, D. Haussler: *What size net gives valid generalization?*, Neural Computation 1, 1989,
#   151–160. In the worst case, of the order of $W/\varepsilon$ samples for an error of $\varepsilon$:
#   ten per weight for 10 %.
# - T. Hastie, A. Montanari, S. Rosset, R. J. Tibshirani: *Surprises in high-dimensional ridgeless least
#   squares interpolation*, Annals of Statistics 50, 2022, 949–986. The curve of 4.2, on both sides of $r=1$.
# - M. Belkin, D. Hsu, S. Ma, S. Mandal: *Reconciling modern machine-learning practice and the classical
#   bias–variance trade-off*, PNAS 116, 2019. Double descent.
# - P. Nakkiran, G. Kaplun, Y. Bansal, T. Yang, B. Barak, I. Sutskever: *Deep double descent*, ICLR 2020,
#   [arXiv 1912.02292](https://arxiv.org/abs/1912.02292). Double descent over width and over time.
# - A. E. Hoerl, R. W. Kennard: *Ridge regression: biased estimation for nonorthogonal problems*,
#   Technometrics 12, 1970, 55–67.
# - N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: *Dropout: a simple way to prevent
#   neural networks from overfitting*, Journal of Machine Learning Research 15, 2014, 1929–1958.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht, O. Vinyals: *Understanding deep learning requires rethinking
#   generalization*, ICLR 2017, [arXiv 1611.03530](https://arxiv.org/abs/1611.03530).
# - C. Ambroise, G. J. McLachlan: *Selection bias in gene extraction on the basis of microarray
#   gene-expression data*, PNAS 99, 2002, 6562–6566. The protocol of 4.8, in published work.
# - *Sample grouping*, in the [scikit-learn course](https://inria.github.io/scikit-learn-mooc/python_scripts/cross_validation_grouping.html).
#   The writers of the digits.
