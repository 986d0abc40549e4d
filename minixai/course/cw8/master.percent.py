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

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 8 · A problem with a right answer, on which a popular method fails
#
# You invent a problem whose right answer you planted. You prove by a formula, and measure, that a popular method
# points elsewhere. Then you repair the explanation, and look for the place where your repair fails. The course
# ends with your report on it.
#
# **You need:** lessons 5 (filter and pattern), 8 (LRP), 9 (integrated gradients), 11 and 12 (pattern estimators,
# PatternAttribution), 15 (suppressors, controls, the bench). **Time:** about 180 minutes, 80 of them for the
# report. The cells run about 10 seconds. Nothing is fetched.
#
# | exercise | what | points |
# |---|---|---|
# | 1 | two features by hand | 4 |
# | 2 | your problem | 10 |
# | 3 | its network, in closed form | 6 |
# | 4 | the failure, as a formula | 8 |
# | 5 | two marks | 5 |
# | 6 | a scale with two controls | 5 |
# | 7 | the repair | 8 |
# | 8 | what the report rests on | 4 |
# | 9 | the report, in four parts | 50 |
# | | | **100** |
#
# **Rules.** The work is your own. While the checks run, `minixai.data` (but for its `photo`), `signal`,
# `rules`, `methods`, `evaluate` and `bootstrap` are out of reach of your answers: an answer that calls them gets no
# points. All else of NumPy and minixai may be used, and `math`. An answer does not write to the arrays it is given.
#
# **Checks.** Below each exercise a cell checks your answer. A test cell that prints nothing has passed (in exercise 1
# it looks at the form alone); an error says what is wrong. Marking runs the same checks with other numbers, and some
# further cases that the text names. Exercises 3 and 4 are about *your* problem and rest on exercise 2; 8 rests on 2
# to 7. The others stand alone.
#
# **To hand in:** *Kernel → Restart Kernel and Run All Cells*, see that no check fails, save.


# %%
from math import sqrt

import matplotlib
import numpy as np

from minixai.course.cw8 import checks as cw8
from minixai.course.cw8 import networks
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1 · Two features by hand
#
# Two classes, equally frequent, $z=\pm1$. Within a class $x$ has the covariance $\Sigma$; the class means are
# $\pm\tfrac12\delta$. The best linear score is $w^\top x$ with $w=\Sigma^{-1}\delta$. Over all samples together the
# covariance of $x$ is $\Sigma_x=\Sigma+\tfrac14\delta\delta^\top$, and the pattern of the score is
#
# $$a=\frac{\Sigma_x w}{w^\top\Sigma_x w}.$$
#
# The numbers are your term's own.


# %%
delta, sigma = cw8.two_features(SEED)
print(f"δ = {delta}\nΣ = {sigma.tolist()}")


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-hand-question", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Take paper and pencil. What are $w$ and $a$? What share of the *gradient's* map goes to $x_2$, and what share of
# *PatternAttribution's*? A share is $E|m_2|/(E|m_1|+E|m_2|)$; the gradient's map is $m=w$, PatternAttribution's
# $m=w\odot a\,y$. The check below looks only at the form of your answer. Whether the numbers are right, you learn
# from the marking.


# %% nbgrader={"grade": false, "grade_id": "cw8-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
def by_hand():
    """Your numbers, two for each, to three decimals or as fractions; shares: gradient, PatternAttribution.

    Example: δ = (2, 0) and Σ = [[2, 1], [1, 1]] have Σ⁻¹ = [[1, −1], [−1, 2]], so w = (2, −2). Σ_x is
    [[3, 1], [1, 1]], Σ_x w = (4, 0), wᵀΣ_x w = 8, a = (½, 0):
    {"w": [2, -2], "pattern": [1 / 2, 0], "shares": [1 / 2, 0]}.
    """
    ### BEGIN SOLUTION
    w = np.linalg.solve(sigma, delta)
    reached = (sigma + np.outer(delta, delta) / 4) @ w
    of_gradient, of_repair = np.abs(w), np.abs(w * reached)
    shares = [of_gradient[1] / of_gradient.sum(), of_repair[1] / of_repair.sum()]
    return {"w": w, "pattern": reached / (w @ reached), "shares": shares}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-hand-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
cw8.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-problem-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2 · Your problem
#
# Write a generator of samples whose right answer is known because you planted it. Some features are the *truth*:
# they know the class. The *rest* knows nothing of it, but shares something with the truth that a good model can
# subtract: a drift, a shadow, the light. How much of it there is, is the `strength`. At strength 0 the truth shares
# nothing with the rest: that is your control.
#
# Lesson 15 has this with two features. Yours must be a different problem: an image (flattened), sensors, a signal with
# a carrier; a class that only the *product* of two features reveals. Choose one for which you can do the algebra of
# exercises 3 and 4.
#
# **The contract**, which the check measures on 4500 samples, at strengths 0, 0.9, and one between that the seed picks:
#
# 1. `x` is float64 (n, d) with $4\le d\le400$, `y` integers 0 and 1, 40 to 60 % of them 1; `truth` is bool (d,), the
#    same at every strength, with at least two features in it and at least two outside.
# 2. All randomness comes from `rng`: the same state of it gives the same samples, another one others. Of 60
#    samples at least 30 differ from one another.
# 3. *The class can be told from the truth.* A machine that is fitted to 500 samples of `x[:, truth]` (the best of three
#    kernel machines: linear, quadratic, Gaussian) has a balanced accuracy (the mean of the two classes' accuracies) of
#    at least 65 % on new samples. That holds at strength 0.9, too, where it sees the truth alone, and nothing to
#    subtract with.
# 4. *The rest knows nothing of the class.* No feature outside the truth has different distributions in the two
#    classes (the distance of Kolmogorov and Smirnov, 4 standard errors: about what a shift by 0.3 standard deviations
#    gives), and the same machine, fitted to `x[:, ~truth]`, is right for at most 54 % (5 standard errors). A smaller
#    leak goes unseen here. Whoever reads your generator sees it.
# 5. *All of the truth is truth.* Each of its features, its square, or its product with another feature of the truth
#    has a covariance with `y` (6 standard errors).
#
# A frequent mistake: a "background" that is brighter in one class. It knows the class, so it is truth.


# %% nbgrader={"grade": false, "grade_id": "cw8-problem", "locked": false, "schema_version": 3, "solution": true, "task": false}
def problem(rng, n, strength):
    """Samples of a problem whose right answer is planted.

    rng: a numpy Generator. n: how many. strength: a number from 0 to 0.9, how much the rest has in common with
    the truth.
    Returns x, float64 (n, d); y, integers (n,), 0 or 1; truth, bool (d,), True for features that know the class.

    Example: the two features of lesson 15 would return x (n, 2), y and [True, False]; they are too few here.
    """
    ### BEGIN SOLUTION
    # Images of 4×4 pixels: an object at the upper left, bright or dark by class, and a lamp, whose light falls
    # on the object and on the wall below it. A camera adds noise.
    y = rng.integers(2, size=n)
    obj, wall = (np.zeros((4, 4)) for _ in range(2))
    obj[:2, :2] = wall[2:, :2] = 1
    light = strength * rng.standard_normal(n)
    x = 0.6 * np.multiply.outer(2.0 * y - 1, obj) + np.multiply.outer(light, obj + wall)
    x += 0.5 * rng.standard_normal(x.shape)
    return x.reshape(n, 16), y, obj.ravel() == 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-problem-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw8.check_problem(problem, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_problem(problem, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-look-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Look at it
#
# The features of your problem at strength 0.9: as a square image where d is a square number, else as a row.


# %%
def as_image(values):
    side = round(sqrt(len(values)))
    return values.reshape(side, side) if side * side == len(values) else values[None]


def draw_images(panels):
    """A row of images by their titles, red above zero, blue below, each on its own scale."""
    picture = Picture(figsize=(2.6 * len(panels), 2.9), dpi=70, layout="constrained")
    for axes, (title, values) in zip(np.ravel(picture.subplots(1, len(panels))), panels.items(), strict=True):
        values = np.asarray(values, float)
        limit = np.abs(values).max() or 1
        axes.imshow(as_image(values), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set(title=title, xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    return picture


x, y, truth = problem(np.random.default_rng(SEED), 2000, 0.9)
draw_images({"truth": truth, "of class 1": x[y == 1][0], "of class 0": x[y == 0][0],
             "mean, 1 less 0": x[y == 1].mean(axis=0) - x[y == 0].mean(axis=0)})  # fmt: skip


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-network-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3 · Its network, in closed form
#
# If the method is to be blamed, the model must be beyond blame. So nothing is trained here: you derive the best
# weights for every strength, and write them down. Where $x$ has one covariance $\Sigma$ in both classes, and the
# class means differ by $\delta$, the best linear score has $w=\Sigma^{-1}\delta$. For a covariance that is noise plus
# one shared direction, $\Sigma=\sigma^2I+s^2dd^\top$, Sherman and Morrison have the inverse:
#
# $$\Sigma^{-1}=\frac1{\sigma^2}\Big(I-\frac{s^2\,dd^\top}{\sigma^2+s^2d^\top d}\Big).$$
#
# (`np.linalg.inv` of a $\Sigma$ that you know is a closed form, too.) Where only a product $uv$ knows the class, four
# ReLU units are enough: $|u+v|-|u-v|$ has the sign of $uv$.
#
# The check draws samples of your problem and asks:
#
# 1. Is the network at most 3 percentage points less accurate than the best of the three fitted machines?
# 2. Where the score is known, does any feature still tell of the class? Then its weight is not the best. (`y` is fitted
#    by a line in the score, and by a step function of it; with either, no feature may have a covariance of more than 6
#    standard errors with what is left.) Where only a product knows the class, features have no covariance with it,
#    whatever their weights; there the same is asked of all squares and products with a feature of the rest.
#
# A weight that is 10 % off goes unseen by either, and one that is 30 % off sometimes. So do not tune weights until
# the check is silent: derive them.
#
# A formula draws no random numbers: while it runs, `np.random` is out of reach. The strengths are those of exercise
# 2.


# %% nbgrader={"grade": false, "grade_id": "cw8-network", "locked": false, "schema_version": 3, "solution": true, "task": false}
def network(strength):
    """The layers of the best network for your problem at this strength, by formula.

    Returns a list of layers from the input to the output, each a pair (w, b): w (k, inputs), b (k,). A ReLU
    stands between any two layers, none behind the last, which has one output: the score, above 0 for class 1.

    Example: a linear score with the weights w (d,) is [(w[None, :], np.zeros(1))].
    """
    ### BEGIN SOLUTION
    obj, wall = (np.zeros((4, 4)) for _ in range(2))
    obj[:2, :2] = wall[2:, :2] = 1
    d = obj + wall
    w = obj - strength**2 * 4 / (0.25 + 8 * strength**2) * d
    return [(w.reshape(1, 16), np.zeros(1))]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-network-test", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
cw8.check_network(network, problem, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_network(network, problem, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-failure-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 · The failure, as a formula
#
# Choose a popular method: `"gradient"`, `"input_x_gradient"`, `"integrated_gradients"` (from 0), `"guided_backprop"`
# or `"lrp"` (minixai's, with its default rules: ε in dense layers). What share of its map is false, that is,
# outside the truth?
#
# $$\text{false share}=\frac{\sum_{j\notin\text{truth}}E|m_j|}{\sum_jE|m_j|}$$
#
# The gradient of a linear score is $w$, so its share is a quotient of weights. Input × gradient, integrated
# gradients from 0 and LRP give $w_jx_j$ in a linear network without bias. For those you need, as in lesson 15,
#
# $$E|N(m,s^2)|=s\sqrt{2/\pi}\;e^{-m^2/2s^2}+m\,\mathrm{erf}\Big(\frac m{s\sqrt2}\Big).$$
#
# (`erf`, `exp` and `pi` are in Python's `math`.)
#
# The check compares your formula with the map that minixai makes of your network, on 4500 samples at each of four
# strengths, among them 0 and 0.9: within 5 standard errors and 0.002. And the method has to *fail*: between strength 0
# and strength 0.9 the false share rises by at least 0.1.


# %% nbgrader={"grade": false, "grade_id": "cw8-failure", "locked": false, "schema_version": 3, "solution": true, "task": false}
def failure(strength):
    """The name of the method that fails, and the false share of its map, by formula.

    Example: for lesson 15's two features with s₁ = s₂ = 1 and c = strength it would be
    ("gradient", strength / (1 + strength)).
    """
    ### BEGIN SOLUTION
    # w is 1 − q on each of the four pixels of the object and −q on each of the wall's, with q = 4s²/(¼ + 8s²).
    q = 4 * strength**2 / (0.25 + 8 * strength**2)
    return "gradient", q / ((1 - q) + q)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-failure-test", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
cw8.check_failure(failure, network, problem, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_failure(failure, network, problem, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-marks-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 · Two marks
#
# To measure instead of deriving, you need marks. For maps of n samples:
#
# - The **false share**: $\sum|m|$ outside the truth over $\sum|m|$ everywhere. Both sums go over *all samples*: a
#   sample with a large map counts more. Where all maps are 0 it is `nan`.
# - The **precision**: of the $k$ features with the largest $|m|$, $k$ being the number of truth features, the share
#   that is truth; the mean over the samples. Where several values are equal to the $k$-th largest, those above it count
#   whole, and the places that are left go to the equal ones in equal parts. So a map of zeros has the precision
#   $k/d$.
#
# Marking adds one sample, a map of zeros among others, and nothing but zeros.


# %% nbgrader={"grade": false, "grade_id": "cw8-marks", "locked": false, "schema_version": 3, "solution": true, "task": false}
def marks(maps, truth):
    """The false share and the precision of maps.

    maps: (n, d). truth: bool (d,). Returns two numbers.

    Example: maps [[3, -1, 0], [0, -2, 2]] and truth [True, False, False]: the false share is (1 + 0 + 2 + 2)/8
    = 5/8. With k = 1 the first map has the precision 1. In the second two values are the largest, none of them
    truth: 0. So (0.625, 0.5).
    """
    ### BEGIN SOLUTION
    heat, k = np.abs(maps), int(truth.sum())
    whole = heat.sum()
    share = heat[:, ~truth].sum() / whole if whole > 0 else np.nan
    least = np.sort(heat, axis=1)[:, -k][:, None]
    above, tied = heat > least, heat == least
    places = k - above.sum(axis=1)
    hits = above[:, truth].sum(axis=1) + places * tied[:, truth].sum(axis=1) / tied.sum(axis=1)
    return share, (hits / k).mean()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-marks-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw8.check_marks(marks, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_marks(marks, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-scale-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6 · A scale with two controls
#
# Is a false share of 0.4 much? Where 12 of 16 features are no truth, a random map has 0.75; where 2 of 4 are none, it
# has 0.5. So put each mark on a scale between two controls: the mark of a right map, 0, and that of a random one, 1:
#
# $$\text{position}=\frac{\bar m-\bar r}{\bar q-\bar r},$$
#
# with $\bar m,\bar r,\bar q$ the *means over the seeds* of the method, the right map and the random map. Each seed is
# a new draw of the samples, or another training. For the interval draw seeds with repetition, the same for all
# three, and take the position again: `np.random.default_rng(seed).integers(n, size=(resamples, n))` for n seeds, from
# the 2.5th to the 97.5th percentile.
#
# Marking adds more seeds, one seed, and a mark for which higher is better.


# %% nbgrader={"grade": false, "grade_id": "cw8-scale", "locked": false, "schema_version": 3, "solution": true, "task": false}
def on_scale(marks, right, random, seed=0, resamples=2000):
    """Where marks stand between those of a right map, 0, and of a random one, 1, with a 95 % interval.

    marks, right, random: (n,), a seed each. Returns three numbers: position, low, high.

    Example: marks [0.2, 0.4], right [0, 0], random [0.5, 0.5]: the position is 0.3/0.5 = 0.6; resampled means
    are 0.2, 0.3 or 0.4, so low is 0.4 and high 0.8.
    """
    ### BEGIN SOLUTION
    n = len(marks)
    drawn = np.random.default_rng(seed).integers(n, size=(resamples, n))
    m, r, q = (np.asarray(each)[drawn].mean(axis=1) for each in (marks, right, random))
    position = (np.mean(marks) - np.mean(right)) / (np.mean(random) - np.mean(right))
    return position, *np.percentile((m - r) / (q - r), [2.5, 97.5])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-scale-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw8.check_on_scale(on_scale, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_on_scale(on_scale, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-repair-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 · The repair
#
# PatternAttribution with the linear estimator $S_a$ (lessons 11 and 12), for a network of dense layers. Each unit
# computes $y=w^\top h+b$ from its inputs $h$, and has a pattern, fitted to samples:
#
# $$a=\frac{\mathrm{cov}[h,y]}{\mathrm{var}[y]}.$$
#
# For hidden units $y$ is what comes *before* the ReLU. Where $y$ does not vary, the pattern is 0: that is where its
# standard deviation is at most $10^{-10}$ of the largest $|y|$, both over `fitted_to`, for rounding is no signal. The
# walk begins with the network's output $y$ (bias included) and goes back with $w\odot a$ in place of $w$; a ReLU
# passes back only where its unit is active, $y>0$. For a single linear layer this is $m=w\odot a\,y$.
#
# Patterns are fitted to `fitted_to`; the maps are of `x`. Marking adds three layers, a hidden unit that never fires, a
# unit whose weights are all 0, a unit that reads only an input with one value, and inputs with large means.


# %% nbgrader={"grade": false, "grade_id": "cw8-repair", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repair(layers, fitted_to, x):
    """The maps of PatternAttribution, with patterns of S_a.

    layers: a list of (w (k, inputs), b (k,)), as `network` returns it, the last with one output.
    fitted_to: (samples, d), for the patterns. x: (n, d). Returns the maps, float64 (n, d).

    Example: one layer w = [[1, -1]], b = [0.5], fitted_to [[2, 1], [0, 1], [-1, 0], [-1, -2]]: y is 1.5, -0.5,
    -0.5, 1.5, its mean 0.5, its variance 1. cov[h, y] = (0.5, -0.5), so a = (0.5, -0.5). x = [[1.5, 1]] has
    y = 1, and the map is w ⊙ a·1 = [[0.5, 0.5]].
    """
    ### BEGIN SOLUTION
    h, patterns = fitted_to, []
    for w, b in layers:
        y = h @ w.T + b
        centred = y - y.mean(axis=0)
        varies = (y.std(axis=0) > 1e-10 * np.abs(y).max(axis=0))[:, None]
        power = (centred**2).sum(axis=0)[:, None]
        together = centred.T @ (h - h.mean(axis=0))
        patterns.append(np.divide(together, power, out=np.zeros_like(together), where=varies))
        h = np.maximum(y, 0)
    h, active = x, []
    for w, b in layers:
        y = h @ w.T + b
        active.append(y > 0)
        h = np.maximum(y, 0)
    g = y
    for k in reversed(range(len(layers))):
        if k < len(layers) - 1:
            g = g * active[k]
        g = g @ (layers[k][0] * patterns[k])
    return g
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-repair-test", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
cw8.check_repair(repair, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_repair(repair, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-bench-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### The bench
#
# Now everything meets: your problem, your method, your repair, your marks, your controls. Each seed is a new draw of
# 1500 samples for fitting (patterns, and where a network is trained its weights) and of 1000 others to explain.
#
# Two networks: yours in closed form, and one with 16 hidden units that is trained on the samples. Lines without a
# map of a network are controls: `random` (numbers from a normal distribution), `right` (the truth itself) and `|x|`.
#
# **Predict** before you run it: does the repair help the trained network as much as yours? Does `|x|` do better than
# the method that fails? For the trained network look at strength 0 first: what is false there is no suppressor's doing.


# %%
SEEDS = 5
method, _ = failure(0.9)
noise = np.random.default_rng(SEED)
explanations = {
    method: lambda layers, fitted_to, x: networks.explain(method, layers, x),
    "repair": repair,
    "|x|": lambda layers, fitted_to, x: np.abs(x),
    "random": lambda layers, fitted_to, x: noise.normal(size=x.shape),
    "right": lambda layers, fitted_to, x: np.tile(truth * 1.0, (len(x), 1)),
}


def closed_form(strength, x, y, seed):
    return network(strength)


def trained(strength, x, y, seed):
    return networks.trained(x, y, seed)


def bench(layers_of, strength, explanations=explanations, seeds=SEEDS):
    """The false shares and precisions {name: (seeds, 2)} of explanations, and the accuracies (seeds,).

    layers_of: (strength, x, y, seed) -> layers, such as closed_form.
    """
    found, right = {name: [] for name in explanations}, []
    for seed in range(seeds):
        x, y, truth = problem(np.random.default_rng([SEED, seed]), 2500, strength)
        layers = layers_of(strength, x[:1500], y[:1500], seed)
        right.append(np.mean((networks.score(layers, x[1500:]) > 0) == y[1500:]))
        for name, explain in explanations.items():
            found[name].append(marks(explain(layers, x[:1500], x[1500:]), truth))
    return {name: np.array(each) for name, each in found.items()}, np.array(right)


def interval(values):
    """The mean over the seeds, and its 95 % interval."""
    return on_scale(values, np.zeros(len(values)), np.ones(len(values)))


results = {}
for kind, layers_of in {"closed form": closed_form, "trained": trained}.items():
    for strength in (0, 0.45, 0.9):
        results[kind, strength] = found, right = bench(layers_of, strength)
        if strength in (0, 0.9):
            print(f"\n{kind}, strength {strength}: {right.mean():.1%} right; "
                  "false share [95 % over seeds]; position, 0 right and 1 random; precision")  # fmt: skip
            for name, values in found.items():
                share, low, high = interval(values[:, 0])
                position = on_scale(values[:, 0], found["right"][:, 0], found["random"][:, 0])
                print(f"{name:>20} {share:.3f} [{low:.3f}, {high:.3f}]; {position[0]:+.2f} "
                      f"[{position[1]:+.2f}, {position[2]:+.2f}]; {values[:, 1].mean():.2f}")  # fmt: skip


# %%
def draw_bench(results):
    """The false share at the measured strengths, a panel for each network; the dotted line is your formula."""
    kinds = list(dict.fromkeys(kind for kind, _ in results))
    picture = Picture(figsize=(5.6 * len(kinds), 4.2), dpi=65, layout="constrained")
    for axes, kind in zip(picture.subplots(1, len(kinds), sharey=True), kinds, strict=True):
        strengths = [strength for each, strength in results if each == kind]
        for name, colour in zip(explanations, style.LINES, strict=False):
            shares = [interval(results[kind, strength][0][name][:, 0]) for strength in strengths]
            middle, low, high = np.transpose(shares)
            axes.errorbar(strengths, middle, [middle - low, high - middle], fmt="o", color=colour, label=name,
                          linewidth=2, markersize=6, capsize=4)  # fmt: skip
        fine = np.linspace(0, 0.9, 40)
        axes.plot(fine, [failure(s)[1] for s in fine], ":", color=style.INK, label="your formula", zorder=9)
        axes.set(title=f"network: {kind}", xlabel="strength", ylim=(-0.03, 1))
    picture.axes[0].set_ylabel("false share")
    picture.legend(*picture.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    return picture


draw_bench(results)


# %%
x, y, truth = problem(np.random.default_rng(SEED), 2500, 0.9)
panels = {"truth": truth}
for kind, layers in {"closed form": network(0.9), "trained": networks.trained(x[:1500], y[:1500], 0)}.items():
    for name in (method, "repair"):
        maps = explanations[name](layers, x[:1500], x[1500:])
        panels[f"{name.replace('_', ' ')},\n{kind}"] = np.abs(maps).mean(axis=0)
draw_images(panels)


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-fails-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Where the repair fails
#
# Every method has such a place, yours too. Find one for your repair: another network, fewer samples for the patterns,
# less training, a problem of another kind. `networks.trained(x, y, seed, hidden=16, epochs=12)` gives the layers of a
# trained network with so many hidden units (0: no hidden layer), trained for so many epochs. Replace the lines below
# by your own, and understand why it happens: the report asks for the reason. The cell is not graded, but exercise 8
# needs its numbers.


# %% nbgrader={"grade": false, "grade_id": "cw8-fails", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fails(seed):
    """The false share of your repair, for a seed, in a case in which it fails: a number.

    Example of a case: the patterns are fitted to 10 samples only.
    """
    ### BEGIN SOLUTION
    # A network with 16 hidden units: no unit takes the light away alone, so each unit's pattern has light in it.
    x, y, truth = problem(np.random.default_rng([SEED, 1000 + seed]), 2500, 0.9)
    layers = networks.trained(x[:1500], y[:1500], seed)
    return marks(repair(layers, x[:1500], x[1500:]), truth)[0]
    ### END SOLUTION


failing = np.array([fails(seed) for seed in range(SEEDS)])
print("the repair where it fails: {:.3f} [{:.3f}, {:.3f}]".format(*interval(failing)))


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-findings-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8 · What the report rests on
#
# A report without its controls is no report. Before you write it, put down five false shares at strength 0.9, each as
# mean, low and high over the seeds (`interval` makes them, `results["closed form", 0.9]` and `failing` have the
# numbers):
#
# | name | what |
# |---|---|
# | `"failure"` | the method that fails, on your network in closed form |
# | `"repair"` | the repair, on the same network |
# | `"random"` | the control that knows nothing |
# | `"right"` | the control that knows all |
# | `"repair fails"` | the repair in the case in which it fails |
#
# The check measures the first four on samples of its own, and refuses: a name that is missing; an interval that does
# not contain its mean; a number that is not true (further off than the sum of 0.02 and 3 standard deviations over its
# draws); a repair whose interval is not below that of the failure; a failing case whose interval is not above the
# repair's. The functions of exercises 2 to 4 and 7 are called, and `results` and `interval` use those of 5 and 6, so
# it needs all of them to be right.


# %% nbgrader={"grade": false, "grade_id": "cw8-findings", "locked": false, "schema_version": 3, "solution": true, "task": false}
def findings():
    """Five false shares at strength 0.9: {name: (mean, low, high)}.

    Example: {"failure": (0.4, 0.38, 0.42), "repair": (0.1, 0.05, 0.15), ...}, had these come out.
    """
    ### BEGIN SOLUTION
    found, _ = results["closed form", 0.9]
    shares = {
        "failure": found[method],
        "repair": found["repair"],
        "random": found["random"],
        "right": found["right"],
    }
    return {name: interval(values[:, 0]) for name, values in shares.items()} | {
        "repair fails": interval(failing)
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw8-findings-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
cw8.check_findings(findings, failure, network, problem, repair, SEED)
### BEGIN HIDDEN TESTS
cw8.mark_findings(findings, failure, network, problem, repair, HIDDEN_SEED)
### END HIDDEN TESTS


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-report-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9 · The report
#
# Four parts, in full sentences, at most 1000 words together, with the numbers of *your* outputs. The reader knows the
# lessons, not your problem. For each part stands what a marker looks for; what is claimed without a formula, a number
# or a figure does not count. A failure that turned out smaller than you hoped, and is shown well, has all the points.
#
# ### 9.1 The problem and the proof (15 points)
#
# Describe what you planted, so that somebody could rebuild it: the mechanism, the truth, what the rest
# shares with it. What is it like in the world, and how does it differ from lesson 15's two features by more than
# its size? Prove that the rest knows nothing of the class. Derive the best weights, and the false share of your
# method; state its limit at strength 0 and as the strength tends to infinity (of a correlation: to 1), and
# say in one sentence why that limit is right.


# %% [markdown] nbgrader={"grade": true, "grade_id": "cw8-report-1", "locked": false, "points": 15, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# **The problem.** An image of 4×4 pixels. An object, the four pixels at the upper left ($o$), is bright or dark by
# class: $0.6\,z$ with $z=\pm1$. A lamp of random strength $s\varepsilon$, $\varepsilon\sim N(0,1)$, falls on the
# object *and* on the four pixels of the wall below it ($v$). The camera adds noise of $\sigma=\tfrac12$. So
# $x=0.6\,z\,o+s\varepsilon\,(o+v)+\sigma\eta$; truth is $o$. A photo whose exposure varies is like that: the wall
# tells how much light there was. Lesson 15 has one feature of each kind with a given correlation; here one cause
# lights eight pixels, the object's four can also be averaged, and the weights are spread over all eight.
#
# **The rest knows nothing.** A pixel of the wall is $s\varepsilon+\sigma\eta_j$, and all other pixels are
# $\sigma\eta_j$. $\varepsilon$ and $\eta$ are drawn without regard to $z$. So all of the rest together is
# independent of $z$.
#
# **The weights.** Within a class $\Sigma=\sigma^2I+s^2dd^\top$ with $d=o+v$, $d^\top d=8$, and $\delta=1.2\,o$,
# $d^\top o=4$. Sherman and Morrison: $w\propto o-q\,d$ with $q=4s^2/(\sigma^2+8s^2)$, that is $1-q$ on the object,
# $-q$ on the wall, 0 elsewhere. As $z$ has only two values and the noise is normal, this is the log-odds up to a
# factor.
#
# **The false share.** The gradient is $w$ at every $x$. Four pixels have $|1-q|=1-q$, four have $q$, so the share
# is $4q/(4(1-q)+4q)=q=4s^2/(\tfrac14+8s^2)$. At $s=0$ it is 0: nothing to subtract. For $s\to\infty$ it goes to
# $\tfrac12$: then $w$ has to cancel the light exactly, $w^\top d=0$, and needs as much weight on the wall as on the
# object. The check compares it with minixai's gradient; at $s=0.9$ it is 0.481.
# ### END SOLUTION


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-report-text-2", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### 9.2 The failure, measured (12 points)
#
# How large is it, on your network and on trained ones, with intervals over seeds? Against which controls: random,
# right, $|x|$, strength 0? What do the two marks say, do they agree? Is the model to blame, or the method, or the
# question (lesson 15.5)? What do the intervals not cover?


# %% [markdown] nbgrader={"grade": true, "grade_id": "cw8-report-2", "locked": false, "points": 12, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# **The failure, measured** (numbers of the released notebook; mean and 95 % interval over five seeds). At strength
# 0.9 the gradient has a false share of 0.481 on the network in closed form, the same for each seed, since the
# gradient is $w$. The right map has 0, a random one 0.750 [0.747, 0.752] (12 of 16 pixels are no truth), so its
# position is 0.64. At strength 0, with the same method and the network made by the same formula, it is 0, and in
# between it follows the formula. So it is the shared light that makes it, and nothing else in the problem. Trained
# networks have 0.565 [0.558, 0.575], but 0.311 [0.265, 0.357] at strength 0 as well, for their weights on pixels
# that are only noise are not exactly 0: what the light does there is the difference, about 0.25. $|x|$ looks at no
# network and has 0.627 [0.624, 0.629], so the gradient is better than no network at all. Its precision is 1 in
# closed form all the same, since $1-q=0.519$ is a little above $q=0.481$, and 0.57 in the trained networks: by
# precision alone the failure would have been missed.
#
# **Whose fault?** Not the network's: with the object alone a fitted machine is right for 75 %, the network for 96
# %. Nor is the gradient wrong about the network: move a pixel of the wall by $h$, and the score moves by $-qh$. It
# answers "what would change the score?", and is wrong for who asks "what knows the class?". The bars are over draws
# of samples and first weights. They do not cover another architecture, number of samples, or family of problems.
# ### END SOLUTION


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-report-text-3", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### 9.3 The repair, and where it fails (15 points)
#
# Prove, for your problem, that the repair gives nothing to the rest, or say how much; why is the measured share not
# that number? Then the case in which the repair fails, with its number and interval beside the repair's, its
# *reason*, and one measurement that speaks for the reason.


# %% [markdown] nbgrader={"grade": true, "grade_id": "cw8-report-3", "locked": false, "points": 15, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# **Why the repair works.** $\mathrm{cov}[x,y]=\Sigma_xw$ with $\Sigma_x=\Sigma+\tfrac14\delta\delta^\top$. With
# $w=\Sigma^{-1}\delta$ this is $\delta+\tfrac14\delta\,(\delta^\top w)\propto\delta\propto o$: zero on the wall,
# though $w$ is not. PatternAttribution, $w\odot a\,y$, then has no false share at all. Measured it is 0.024 [0.014,
# 0.036] at strength 0.9, against the gradient's 0.481. It is not 0 because the patterns come from 1500 samples: a
# covariance has a standard error of $\mathrm{sd}(x_j)\,\mathrm{sd}(y)/\sqrt{1500}$, and the share takes its size.
#
# **Where it fails.** Patterns fitted to the same number of samples, strength 0.9, but on a network with 16 hidden
# units, trained: false share 0.231 [0.164, 0.305], against 0.024 [0.014, 0.036] on the network in closed form. The
# reason: $\Sigma w\propto\delta$ holds for the *best* score only, and a hidden unit is not the best score of
# anything. One unit may read object and light, another one light alone; only the last layer takes their difference.
# So a unit's own pattern $\mathrm{cov}[x,y_k]/\mathrm{var}[y_k]$ is not 0 on the wall, for $y_k$ has light left in
# it, and $w\odot a$ passes relevance there. A measurement that speaks for it: the same samples, seeds and training,
# but no hidden layer (`networks.trained(x, y, seed, hidden=0)`), give 0.029 [0.021, 0.037]. There the only unit is
# the score itself, and the light is out of it.
# ### END SOLUTION


# %% [markdown] nbgrader={"grade": false, "grade_id": "cw8-report-text-4", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### 9.4 What is not shown (8 points)
#
# One honest limitation that a reader could not find alone. One experiment that could refute you: what would you
# measure, against what, which result would make you change your mind?


# %% [markdown] nbgrader={"grade": true, "grade_id": "cw8-report-4", "locked": false, "points": 8, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# **Limitation.** I planted a suppressor and marked as false what is used to suppress. Who wants to know what the
# network *uses* must call my truth wrong: the wall is used, and the repair hides it. The repair also needs samples of
# the right distribution: were the light the same in all samples to which the patterns are fitted, they would be right
# for that light only. And the shift of a bright pixel by a constant amount is the easiest object there is; a
# rotating one has no linear pattern.
#
# **What would change my mind.** That the failure is the light's and not this image's: I should repeat it with a
# wall of 40 pixels. The formula then has $q=4s^2/(\tfrac14+44s^2)$, and the share $10q/(1-q+10q)$ still goes to
# $\tfrac12$, now in many small weights. If the trained networks' false share at strength 0.9, less that at strength
# 0, kept its size within the interval over ten seeds, I should believe the explanation; if it vanished, I should
# say that few bright pixels made it.
# ### END SOLUTION


# %% [markdown]
# **References.** S. Haufe, F. Meinecke, K. Görgen, S. Dähne, J.-D. Haynes, B. Blankertz, F. Bießmann: *On the
# interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage, 2014. The pattern Σw.
# R. Wilming, L. Kieslich, B. Clark, S. Haufe: *Theoretical behavior of XAI methods in the presence of suppressor
# variables*, ICML 2023, [arXiv 2306.01464](https://arxiv.org/abs/2306.01464). B. Clark, R. Wilming, S. Haufe:
# *XAI-TRIS*, Machine Learning, 2024, [arXiv 2306.12816](https://arxiv.org/abs/2306.12816). P.-J. Kindermans, K. T.
# Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to explain neural networks: PatternNet and
# PatternAttribution*, 2017, [arXiv 1705.05598](https://arxiv.org/abs/1705.05598).
