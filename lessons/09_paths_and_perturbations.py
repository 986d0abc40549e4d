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
# # 9 · Paths and perturbations: asking the network at other inputs
#
# The methods so far walked back from one image. Those of this lesson ask the network at *other* inputs: on a
# path from a baseline to the image, in a cloud around it, with parts of it covered. Some guarantee that their
# map adds up to the score. Everything hangs on *which* other inputs are asked.
#
# **You will do:** derive integrated gradients and watch its gap; compute Shapley values by enumeration; give
# a feature that knows nothing of the target its share, by three definitions; choose a baseline that makes a
# complete method say what you wish.
#
# **You will learn:** what a gap near zero does not show; why black pixels get nothing from a black baseline;
# that the fill of a test favours the maps of the same fill; what completeness buys and what it does not.
#
# **You need:** lesson 1 (gradients), lesson 5 (signal, distractor, attribution), lesson 6 (occlusion), lesson
# 8 (the ledger).
#
# **Time:** 90 minutes, of which the cells run for about 25 seconds. Everything works offline, on points that
# we draw and on scikit-learn's digits (1 797 images of 8×8, a copy of a UCI test set, not MNIST); one cell
# with a photo is optional. Code BSD-3-Clause, text CC BY 4.0.

# %%
from math import erf, factorial, sqrt

import numpy as np
import pooch
from figures import maps  # needs lessons/figures/ beside this notebook
from figures import paths_and_perturbations as figures
from figures.digits import digits, network

import minixai as mx
from minixai.checks import paths, tell
from minixai.errors import WeightsNotFoundError
from minixai.similarity import cosine, rank_correlation

np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr
M = mx.methods
images, labels = digits()  # (1797, 1, 24, 24), enlarged
net = network(seed=0)  # that of lessons 6 and 8
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=4, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
test, test_labels = images[1400:], labels[1400:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")

# %% [markdown]
# ## 9.1 Along a line
#
# Take the score $f(x_1,x_2)=x_1x_2^2$ at $x=(1,2)$. It is 4. How much of it is owed to each input? Input ×
# gradient says $(1\cdot4,\;2\cdot4)=(4,8)$, which adds up to 12. The gradient holds at $x$ only, and a score
# of 4 was not made there, but on the way from somewhere.
#
# So say from where. Choose a **baseline** $x'$, here $(0,0)$, and go to $x$ on a straight line,
# $\gamma(\alpha)=x'+\alpha(x-x')$. By the chain rule the score changes on the way by
#
# $$\frac{d}{d\alpha}f(\gamma(\alpha))=\sum_i(x_i-x'_i)\,\partial_if(\gamma(\alpha)),$$
#
# one summand for each input. Integrate both sides. On the left the fundamental theorem of calculus gives
# $f(x)-f(x')$, on the right the summands stay apart:
#
# $$f(x)-f(x')
# =\sum_i\underbrace{(x_i-x'_i)\int_0^1\partial_if(\gamma(\alpha))\,d\alpha}_{\text{share of }i}.$$
#
# These shares are **integrated gradients** (IG). That they add up to the difference of the two scores is
# called **completeness**.
#
# By hand: on the line $(\alpha,2\alpha)$ both partial derivatives are $4\alpha^2$, so the shares are
# $1\cdot\tfrac43$ and $2\cdot\tfrac43$. They add up to 4.
#
# A network's integral has no formula. One takes the mean over $K$ points in the middles of $K$ equal steps,
# $\alpha_k=(k+\tfrac12)/K$ with $k=0,\dots,K-1$. What the sum then misses is the **gap**, the map's sum less
# $f(x)-f(x')$.
#
# > **Predict 1.** With one step, $\alpha=\tfrac12$, the shares are $(1,2)$ and the gap is $-1$. What is it
# > with two steps?

# %%
for steps in (1, 2, 4, 8):
    alpha = (np.arange(steps) + 0.5) / steps
    shares = np.array([1, 2]) * np.mean(4 * alpha**2)
    print(f"{steps} steps: shares {shares}, gap {shares.sum() - 4:+.4f}")
figures.line(steps=4)

# %% [markdown]
# **Answer to prediction 1.** A quarter of it: the gap is $-1/K^2$. Left, the score and the line, and two
# other ways from the same baseline, along the edges: 9.6 comes back to them. Right, what is integrated, and
# what four steps make of it.
#
# ### Exercise 9.1 — integrated gradients
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `integrated_gradients(gradient, x, baseline, steps)`: `gradient` is a function (d,) → (d,); `x` and
# `baseline` are float64 (d,), `steps` an int; the result float64 (d,). Worked example: the gradient of
# $x_1x_2^2$ is `lambda x: np.array([x[1] ** 2, 2 * x[0] * x[1]])`; at `x = [1, 2]`, `baseline = [0, 0]` and
# one step the result is `[1, 2]`.
#
# <details><summary>Hint</summary>
#
# A loop over $k$: the point is `baseline + (k + 0.5) / steps * (x - baseline)`. The factor $x-x'$ comes last.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def integrated_gradients(gradient, x, baseline, steps):
#     points = [baseline + (k + 0.5) / steps * (x - baseline) for k in range(steps)]
#     return (x - baseline) * np.mean([gradient(point) for point in points], axis=0)
# ```
#
# </details>


# %%
def integrated_gradients(gradient, x, baseline, steps):
    """The shares (d,) of f(x) − f(baseline) on a straight line, by the midpoint rule."""
    return None  # your lines


tell(paths.check_integrated_gradients, integrated_gradients)

# %% [markdown]
# **Checkpoint.** From here on we use minixai's methods, and this cell compares its IG with the few lines of
# the solution on a digit. The baseline is the black image.


# %%
def reference_integrated_gradients(gradient, x, baseline, steps):
    points = [baseline + (k + 0.5) / steps * (x - baseline) for k in range(steps)]
    return (x - baseline) * np.mean([gradient(point) for point in points], axis=0)


tell(paths.check_integrated_gradients, reference_integrated_gradients)
e = M.integrated_gradients(net, test[:1], baseline=0.0, steps=16, progress=False)
by_hand = reference_integrated_gradients(
    lambda point: M.gradient(net, point, target=e.target).map, test[:1], np.zeros_like(test[:1]), 16
)
print(f"a {test_labels[0]}: by hand less minixai at most {np.abs(by_hand - e.map).max():.0e}")
rise = e.map.sum() - e.gap[0]
print(f"the score rises by {rise:.3f} from black to the image; the map adds up to {e.map.sum():.3f}, "
      f"gap {e.gap[0]:+.3f}")  # fmt: skip

# %% [markdown]
# ## 9.2 The gap
#
# The gap can be computed without knowing the integral: it takes two scores and the map. So papers give it as
# a check, "the gap was below 5 %" (of the score's rise from the baseline to the image, as in the next cell).
#
# We put beside it what the check is meant to vouch for, the *error of the map*: its distance from the map of
# 400 steps, over the length of that.
#
# > **Predict 2.** Does the gap of a digit shrink with every step that is added? And is the map right when its
# > gap is small?

# %%
counts = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)
few = test[:20]
fine = M.integrated_gradients(net, few, steps=400, progress=False)
rise = fine.map.sum((1, 2, 3)) - fine.gap


def size(maps_):
    return np.linalg.norm(maps_.reshape(len(maps_), -1), axis=1)


tried = [M.integrated_gradients(net, few, steps=steps, progress=False) for steps in counts]
gaps = np.array([each.gap / rise for each in tried])  # (counts, images), as parts of the rise
errors = np.array([size(each.map - fine.map) / size(fine.map) for each in tried])
for k in (0, 1, 3, 5, 9, 10):
    print(f"{counts[k]:>3} steps: gap {np.median(np.abs(gaps[k])):6.2%} (median), at most "
          f"{np.abs(gaps[k]).max():6.2%}; error of the map {np.median(errors[k]):5.1%}")  # fmt: skip
i = np.abs(gaps[0]).argmin()
print(f"\nthe image with the smallest gap after 1 step: gap {gaps[0, i]:+.2%}, error of the map "
      f"{errors[0, i]:.1%}; after 2 steps: gap {gaps[1, i]:+.2%}, error {errors[1, i]:.1%}")  # fmt: skip
print(f"all images, 1 step: mean gap {gaps[0].mean():+.1%}, mean size of the gap "
      f"{np.abs(gaps[0]).mean():.1%}")  # fmt: skip
print(f"the standard for the errors, 400 steps: gap at most {np.abs(fine.gap / rise).max():.2%}")
figures.gaps(counts, gaps, errors)

# %% [markdown]
# **Answer to prediction 2.** No, twice. Single curves jump up again on the way down, and the median gap of
# two steps is over twice that of one. A gap has a sign, so now and then it crosses zero, and there it is
# small by accident. Whoever chooses the number of steps *by the gap* finds such a place: the image printed
# below the table has a gap below one percent after a single step, while its map is off by 15 %, and the
# second step makes the map better and the gap worse. A *mean* gap over many images is small as signs
# cancel.
#
# A gap is one number, a map has 576. **A large gap convicts; a small one acquits only if it stays small
# when the steps are doubled.** Better: double the steps and compare the maps.

# %% [markdown]
# ## 9.3 The baseline is a choice
#
# The share of a pixel has the factor $x_i-x'_i$: *what is as in the baseline gets nothing.* The baseline
# stands for "nothing there". For a digit, is that black? White? Grey? The mean of the training images? Each
# is complete, for its own difference of scores.
#
# > **Predict 3.** From black, what do the black pixels get? From white, what do the strokes get? How similar
# > are the two maps: is their cosine nearer 1, 0 or −1?

# %% tags=["thumbnail"]
mean = images[:1400].mean(axis=0)
noise = np.random.default_rng(0).random((1, 24, 24)).astype(np.float32)
baselines = {"black": 0.0, "grey": 0.5, "white": 1.0, "mean digit": mean, "noise": noise,
             "another digit": images[0]}  # fmt: skip
explained = {
    name: M.integrated_gradients(net, test[:32], baseline=baseline, steps=48, progress=False)
    for name, baseline in baselines.items()
}
for name, one in explained.items():
    start = one.score[0] - (one.map[0].sum() - one.gap[0])
    print(f"from {name:>13}: score {start:5.1f} → {one.score[0]:.1f}; map adds up to {one.map[0].sum():5.1f}")
grounds = {name: np.broadcast_to(baseline, (1, 24, 24))[0] for name, baseline in baselines.items()}
figures.baselines(test[0, 0], grounds, {name: one.map[0, 0] for name, one in explained.items()})

# %%
names = list(baselines)
alike = [[np.median(cosine(explained[a].map, explained[b].map)) for b in names] for a in names]
next_one = np.roll(np.arange(32), 1)
others = [np.median(cosine(one.map, one.map[next_one])) for one in explained.values()]
by_name = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, others, strict=True))
print(f"the same baseline, another image: {by_name}")
figures.table(np.array(alike), names, names, "cosine of the maps from two baselines, median of 32 digits")

# %% [markdown]
# **Answer to prediction 3.** From black, exactly nothing for black pixels: the open bay of a 2, the empty
# middle of a 0 cannot matter. From white it is the other way round: what is nearly white gets nearly nothing.
# **The median cosine of the two is negative**: what speaks for the class in one map speaks against it in the
# other. The control, printed above the table, is what the maps of two different images have in common, from
# −.06 to .18: black and noise, with .14, are hardly more alike than that.
#
# None of the six is wrong. Each answers "what made the score, compared with *this*?", and the comparison
# must be said whenever the map is shown. (With another digit as the baseline, the question is "why a 2 and
# not *that* 6?", which may be more useful than any "nothing there".)

# %% [markdown]
# Try other baselines, classes and images in the next cell. For which does the map of the *wrong* class look
# most convincing?


# %%
def explain(baseline, digit, image):
    """The picture of one digit's map."""
    one = M.integrated_gradients(net, test[image : image + 1], target=digit, baseline=baselines[baseline],
                                 steps=48, progress=False)  # fmt: skip
    return maps.one_map(test[image, 0], one.map[0, 0], f"from {baseline}, class {digit}")


explain("another digit", 6, 0)

# %%
maps.sliders(explain, {"baseline": names, "digit": range(10), "image": range(20)})

# %% [markdown]
# ## 9.4 Around the image
#
# **SmoothGrad** is the mean gradient at $x+\varepsilon$, $\varepsilon\sim N(0,\sigma^2)$. Mean and derivative
# change places, so it is the gradient of a blurred function, $\nabla\,E[f(x+\varepsilon)]$: still *function*,
# no attribution. **VarGrad** is the variance of the same gradients.
#
# By hand for one ReLU, $f(x)=\max(0,x)$: the gradient is 1 where $x+\varepsilon>0$ and 0 elsewhere. That is a
# coin with probability $\Phi(x/\sigma)$, the normal distribution function. Its mean is $\Phi$, its variance
# $\Phi(1-\Phi)$.
#
# > **Predict 4.** Where is VarGrad largest: where the function is steep, or where it bends? What do the two
# > give for a linear network?

# %%
relu = mx.nn.Sequential({"relu": mx.nn.ReLU()})
x = np.linspace(-3, 3, 13)[:, None]
draws = np.random.default_rng(0).standard_normal((4000, 1, 1)) + np.zeros((4000, len(x), 1))
settings = {"noise": draws, "batch_size": 4000, "progress": False}
smooth, variance = M.smoothgrad(relu, x, **settings).map[:, 0], M.vargrad(relu, x, **settings).map[:, 0]
for k in (4, 6, 8):
    phi = (1 + erf(x[k, 0] / sqrt(2))) / 2
    print(f"x = {x[k, 0]:+.0f}: SmoothGrad {smooth[k]:.3f}, by hand {phi:.3f}; "
          f"VarGrad {variance[k]:.3f}, by hand {phi * (1 - phi):.3f}")  # fmt: skip

gradient = M.gradient(net, test[:32]).map
noisy = {"n_samples": 24, "sigma": 0.15, "progress": False}
smoothed, again = (M.smoothgrad(net, test[:32], noise_seed=seed, **noisy).map for seed in (0, 1))
varied = M.vargrad(net, test[:32], **noisy).map
print(f"\nSmoothGrad: cosine with the gradient {np.median(cosine(smoothed, gradient)):.3f}, "
      f"with other noise {np.median(cosine(smoothed, again)):.3f} (medians of 32 digits)")  # fmt: skip
of_image = {"gradient": gradient[0, 0], "SmoothGrad": smoothed[0, 0], "VarGrad": varied[0, 0]}
figures.around(x[:, 0], smooth, variance, test[0, 0], of_image)

# %% [markdown]
# **Answer to prediction 4.** VarGrad is largest where the function bends. It says where the gradient is
# uncertain, not what speaks for or against, and has no sign. For a linear network SmoothGrad is the weights,
# and VarGrad 0.
#
# On this network SmoothGrad changes next to nothing: its gradient is smooth already, with three convolutions.
# The noise σ, here 15 % of the image's range, is a choice as the baseline is.
#
# The next cell asks the same of a photo in SqueezeNet, with 12 samples, and compares the baselines there. It
# needs the weights (676 kB), from `MINIXAI_DATA` or fetched once, and is left out without them. It prints the
# cosine, how many pixels have the same sign in both maps (½ by chance), and the **rank correlation** of their
# sizes, |map|: the correlation after each value is replaced by its place in the sorted list (Spearman's).
#
# > **Predict 5.** In the deeper network, will SmoothGrad still look like the gradient? Will two runs with
# > different noise look like each other?

# %%
picture = None
try:
    squeezenet = mx.models.squeezenet1_0(weights="imagenet").eval()
except WeightsNotFoundError as error:
    print(f"The photo is left out. {error}")
else:
    photo = squeezenet.preprocess(mx.data.photo("chelsea"))
    offset = np.array(squeezenet.preprocess.mean, np.float32).reshape(3, 1, 1)  # black is 0 − offset
    on_photo = {"gradient": M.gradient(squeezenet, photo)}
    for seed in (0, 1):
        on_photo[f"SmoothGrad, run {seed + 1}"] = M.smoothgrad(
            squeezenet, photo, n_samples=12, sigma=0.15, noise_seed=seed, progress=False)  # fmt: skip
    for name, baseline in {"black": 0 - offset, "white": 255 - offset}.items():
        on_photo[f"IG from {name}"] = M.integrated_gradients(
            squeezenet, photo, baseline=baseline, steps=16, progress=False)  # fmt: skip
    on_photo = {name: one.map.sum(axis=1) for name, one in on_photo.items()}
    pairs = (("SmoothGrad, run 1", "gradient"), ("SmoothGrad, run 1", "SmoothGrad, run 2"),
             ("IG from black", "IG from white"))  # fmt: skip
    for a, b in pairs:
        one, two = on_photo[a], on_photo[b]
        in_size = rank_correlation(np.abs(one), np.abs(two))[0]
        print(f"{a} and {b}: cosine {cosine(one, two)[0]:.2f}, same sign at {np.mean(one * two > 0):.0%}, "
              f"rank correlation of the sizes {in_size:.2f}")  # fmt: skip
    picture = figures.of_a_photo(squeezenet.preprocess.photos(photo)[0], on_photo)
picture

# %% [markdown]
# **Answer to prediction 5.** No, and hardly. The gradient of the deeper network jumps from pixel to pixel, so
# its mean over a cloud is another map, and 12 samples are too few for it: pixel by pixel the two runs have
# little in common. They agree better on *where* they are large, and that is what one sees: eyes and nose come
# out in both. So a picture of SmoothGrad can look convincing while its signs come out again at 53 % of the
# pixels, where chance has 50 %. The two baselines disagree as they did on digits; from black the dark rims of
# the eyes are empty.

# %% [markdown]
# ## 9.5 Covering
#
# **Occlusion** needs no gradient: cover a part, and see how far the score falls (lesson 6). By hand, covered
# by 0: $x_1x_2^2$ falls from 4 to 0 whichever input is covered. The map is $(4,4)$, and the sum is 8. For
# $\max(x_1,x_2)$ at $(1,1)$ it is $(0,0)$: either can do without the other, and *one at a time* never finds
# out.
#
# **RISE** covers many parts at once. A random mask $m$ keeps each part with probability $p$; with $P_k$ the
# probability of the class under mask $k$ and $\bar P$ the mean over all $N$ masks,
#
# $$R_i=\frac1{N\,p}\sum_k(P_k-\bar P)\,m_{ki}.$$
#
# By hand, with the score in the place of $P$, $p=\tfrac12$ and each of the four masks once: the scores are
# $0,0,0,4$, their mean is 1. The first input is kept by two masks, so
# $R_1=\frac{(0-1)+(4-1)}{4/2}=1$. And $R_2=1$.
#
# > **Predict 6.** A digit is covered with black squares, and then with white ones. Do the two maps agree? How
# > many masks does RISE need until two runs agree?

# %%
windows = {"patch": 6, "stride": 3, "progress": False}
covered = {fill: M.occlusion(net, test[:8], fill=value, **windows).map
           for fill, value in {"black": 0.0, "white": 1.0}.items()}  # fmt: skip
in_black_in_white = cosine(covered["black"], covered["white"])
print(f"occlusion, black and white: cosine {np.median(in_black_in_white):.2f} (median of 8 digits), "
      f"from {in_black_in_white.min():.2f} to {in_black_in_white.max():.2f}")  # fmt: skip
masked = {}
for n_masks in (50, 150, 300):
    run = [M.rise(net, test[:8], n_masks=n_masks, grid=6, mask_seed=seed, progress=False).map
           for seed in (0, 1)]  # fmt: skip
    masked[n_masks] = [each[0, 0] for each in run]
    print(f"RISE, {n_masks} masks: cosine of two runs {np.median(cosine(*run)):.2f} (median of 8 digits)")
shown = {f"occlusion,\n{fill} 6×6": each[0, 0] for fill, each in covered.items()}
shown |= {f"RISE, {n} masks,\nrun {k + 1}": masked[n][k] for n, k in ((50, 0), (50, 1), (300, 0))}
figures.row(test[0, 0], shown)

# %% [markdown]
# **Answer to prediction 6.** They do not. Black takes strokes away, white draws them in, and both are asked
# of a network that has never seen a square. The fill is occlusion's baseline. RISE is a mean over random
# masks, so its runs differ by noise that falls slowly, as one over the square root of the number of masks.
# Two runs must be compared before anything is read from one. Its fill is black, too: a mask multiplies.

# %% [markdown]
# ## 9.6 In every order: Shapley values
#
# Occlusion takes one part from the whole; one could also add one part to nothing. Let $v(S)$ be the score
# when only the parts in $S$ are there. Bring the parts in one by one, in some order, and give each the rise
# that it causes. In $x_1x_2^2$ from $(0,0)$ to $(1,2)$: if $x_1$ comes first it gets 0, and $x_2$ the 4. In
# the other order it is the reverse. These are the two ways along the edges in the first figure. **The mean
# over all orders is the Shapley value**, here $(2,2)$:
#
# $$\varphi_i=\sum_{S\not\ni i}\frac{|S|!\,(n-|S|-1)!}{n!}\bigl(v(S\cup\{i\})-v(S)\bigr).$$
#
# In each order the rises add up to $v(\text{all})-v(\varnothing)$, so the mean does: it is complete. For $n$
# parts it takes $2^n$ scores.
#
# ### Exercise 9.2 — Shapley values by enumeration
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Write `shapley(v)`: float64 `v` (2**n,) has the score of every set. Set number $s$ holds part $i$ if bit $i$
# of $s$ is set, `s >> i & 1`. The result is float64 (n,). Worked example: `v = [0, 0, 0, 4]` (no part, part
# 0, part 1, both) gives `[2, 2]`.
#
# <details><summary>Hint</summary>
#
# Loop over $i$ and over the sets $s$ without it. The set with it is `s + 2**i` (or `s | 1 << i`),
# $|S|$ is `s.bit_count()`, $n$ is `len(v).bit_length() - 1`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def shapley(v):
#     from math import factorial
#     n = len(v).bit_length() - 1
#     values = np.zeros(n)
#     for i in range(n):
#         for s in range(len(v)):
#             if not s >> i & 1:
#                 k = s.bit_count()
#                 weight = factorial(k) * factorial(n - k - 1) / factorial(n)
#                 values[i] += weight * (v[s + 2**i] - v[s])
#     return values
# ```
#
# </details>


# %%
def shapley(v):
    """The Shapley value (n,) of every part, from the scores v (2**n,) of all sets of parts."""
    return None  # your lines


tell(paths.check_shapley, shapley)

# %% [markdown]
# **Checkpoint.** Below, `reference_shapley` does the same for many images at once.
#
# > **Predict 7.** Six ways to share out a score of 4 have come up by now, counting the one that gives all of
# > it to the first input. Which of them are complete?


# %%
def reference_shapley(v):
    """(n, …) from v (2**n, …)."""
    n, sets = len(v).bit_length() - 1, np.arange(len(v))
    counts = np.array([s.bit_count() for s in range(len(v))])
    weights = np.array([factorial(k) * factorial(n - k - 1) / factorial(n) for k in range(n)])
    values = []
    for i in range(n):
        without = sets[sets >> i & 1 == 0]
        values.append(np.tensordot(weights[counts[without]], v[without + 2**i] - v[without], 1))
    return np.array(values)


tell(paths.check_shapley, reference_shapley)

# %%
x, v = np.array([1.0, 2.0]), np.array([0.0, 0.0, 0.0, 4.0])
kept_by = np.array([[0, 1, 0, 1], [0, 0, 1, 1]])  # which of the four masks keep each input


def slope(x):
    return np.array([x[1] ** 2, 2 * x[0] * x[1]])


answers = {
    "input ×\ngradient": x * slope(x),
    "integrated\ngradients": reference_integrated_gradients(slope, x, 0 * x, 1000),
    "Shapley": reference_shapley(v),
    "all to\nthe first": np.array([4, 0]),
    "occlusion": v[3] - v[[2, 1]],
    "RISE": kept_by @ (v - v.mean()) / (len(v) * 0.5),
}
for name, shares in answers.items():
    print(f"{name:>21}: {shares}".replace("\n", " "))
figures.shares_of_four(answers)

# %% [markdown]
# **Answer to prediction 7.** Three: integrated gradients, Shapley, and *all to the first*. The first two have
# the same baseline, the same score, both come with axioms, and they disagree: they take different ways
# through inputs that nobody has seen. And the third does not even look at the function.

# %% [markdown]
# ## 9.7 A feature that knows nothing gets a share
#
# What does it mean that only the parts in $S$ are *there*? For data there are two answers: draw the others
# from their own distribution, whatever $x_S$ is (**marginal**), or from their distribution given $x_S$
# (**conditional**). Each makes another $v$, which Shapley called a **game**.
#
# Now a problem where the truth is known. The target is $z=\pm1$, and
#
# $$x_1=z+\eta_1,\qquad x_2=\eta_2,\qquad\mathrm{corr}[\eta_1,\eta_2]=c=0.8 .$$
#
# $x_2$ knows nothing of $z$. But it knows something of $\eta_1$, which the best linear model takes off,
# $f=x_1-c\tfrac{s_1}{s_2}x_2$, with $s_1,s_2$ the standard deviations of the two normal $\eta$. Such a
# feature is a **suppressor** (lesson 0). As $E[x]=0$, a missing input counts as 0 in the marginal game, and
# $v$ is a sum over what is there:
#
# $$\varphi_2^\text{marginal}=w_2x_2 ,$$
#
# which is also what integrated gradients from 0, occlusion by 0 and the z rule of lesson 8 give.
#
# In the conditional game $v(\{2\})=w_2x_2+w_1E[x_1|x_2]=w_2x_2+w_1c\tfrac{s_1}{s_2}x_2=0$: seen alone, $x_2$
# tells nothing of the score. In the other order it gets what is left,
#
# $$\varphi_2^\text{conditional}=\tfrac12\cdot0+\tfrac12\bigl(w_2x_2-w_2E[x_2|x_1]\bigr).$$
#
# > **Predict 8.** Which of the two gives the suppressor nothing?

# %% [markdown]
# ### Exercise 9.3 — the conditional shares
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `conditional_shares(w, x, given_1, given_2)` for $f=w^\top x$ with $E[f]=0$: float64 `w` (2,) and `x`
# (2,); `given_1` is $E[x_2|x_1]$ and `given_2` is $E[x_1|x_2]$, two numbers. The result is float64 (2,).
# Worked example: `w = [1, -1]`, `x = [2, 1]`, `given_1 = 1`, `given_2 = 1`. Then
# $v(\{1\})=2-1=1$, $v(\{2\})=-1+1=0$, $v(\{1,2\})=1$, and $\varphi=(\tfrac12(1-0)+\tfrac12(1-0),\;
# \tfrac12(0-0)+\tfrac12(1-1))=(1,0)$.
#
# <details><summary>Hint</summary>
#
# Four scores: $v(\varnothing)=0$, $v(\{1\})=w_1x_1+w_2E[x_2|x_1]$, $v(\{2\})$ alike, $v(\{1,2\})=w^\top x$.
# Two orders.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def conditional_shares(w, x, given_1, given_2):
#     first = w[0] * x[0] + w[1] * given_1
#     second = w[1] * x[1] + w[0] * given_2
#     both = w @ x
#     return np.array([first + both - second, second + both - first]) / 2
# ```
#
# </details>


# %%
def conditional_shares(w, x, given_1, given_2):
    """The Shapley values (2,) of w·x, where a missing input is drawn given the other."""
    return None  # your lines


tell(paths.check_conditional_shares, conditional_shares)

# %% [markdown]
# Here $E[x_1|x_2]=c\tfrac{s_1}{s_2}x_2$, and $E[x_2|x_1]=c\tfrac{s_2}{s_1}(x_1-E[z|x_1])$ with
# $E[z|x_1]=\tanh(x_1/s_1^2)$, by Bayes. The second cell tests the formulas on the data, slice by slice. The
# control is the same problem with $c=0$, where the model has no use for $x_2$.


# %%
def share_of_suppressor(c, s1=1.0, s2=0.7):
    """The sample, f (n,), and the shares of both features, marginal and conditional (2, n)."""
    sample = mx.data.suppressor_2d(20_000, c=c, s1=s1, s2=s2, seed=0)
    (x1, x2), (w1, w2) = sample.x.T, (1, -c * s1 / s2)
    given_1, given_2 = c * s2 / s1 * (x1 - np.tanh(x1 / s1**2)), c * s1 / s2 * x2
    nothing, both = np.zeros(len(x1)), w1 * x1 + w2 * x2
    marginal = np.array([nothing, w1 * x1, w2 * x2, both])
    conditional = np.array([nothing, w1 * x1 + w2 * given_1, w2 * x2 + w1 * given_2, both])
    return sample, both, reference_shapley(marginal), reference_shapley(conditional), given_1


def in_slices(by, values):
    """Means of 20 slices of equal count along `by`."""
    return np.array([values[part].mean() for part in np.array_split(np.argsort(by), 20)])


for c in (0.8, 0.0):
    sample, f, *games, given_1 = share_of_suppressor(c)
    parts = [np.abs(two).mean() / np.abs(one).mean() for one, two in games]
    print(f"c = {c}: mean |share of x₂| / mean |share of x₁|: marginal {parts[0]:.2f}, "
          f"conditional {parts[1]:.2f}")  # fmt: skip

# %%
sample, f, marginal, conditional, given_1 = share_of_suppressor(0.8)
(x1, x2), z = sample.x.T, 2 * sample.y - 1
off = np.abs(in_slices(x1, x2) - in_slices(x1, given_1)).max()
print(f"E[x₂|x₁] in 20 slices of x₁: at most {off:.2f} from the formula")
print(f"E[f|x₂] in 20 slices of x₂: at most {np.abs(in_slices(x2, f)).max():.2f} "
      f"(standard error of a slice {f.std() / sqrt(1000):.2f})")  # fmt: skip
print(f"accuracy of f {np.mean((f > 0) == sample.y):.3f}, of x₁ alone {np.mean((x1 > 0) == sample.y):.3f}")
shares = {"marginal": marginal[1], "conditional": conditional[1]}
for name, each in {"x₂ itself": x2, **shares}.items():
    print(f"correlation with the target, {name}: {np.corrcoef(each, z)[0, 1]:+.2f}")
figures.suppressor(sample, f, shares, (in_slices(x2, x2), in_slices(x2, f)))

# %% [markdown]
# **Answer to prediction 8.** Neither. Marginally the suppressor gets more than half of what $x_1$ gets, and
# conditionally more than a quarter. (As it has $x_1$ in it, the conditional share even *tells the class*,
# which $x_2$ does not: the colours part.) Only $E[f|x_2]$, which is not complete, gives it nothing. With
# $c=0$ all do.
#
# Is that an error? The model *does* use $x_2$, and earns eleven points of accuracy by it: a question for
# *function*, and there the share is right. If the question is "which feature tells of the target", the share
# is a false alarm. **Complete methods must give the score to someone; no axiom says that it goes to what
# knows the target.**
#
# ## 9.8 By enumeration on patches
#
# 576 pixels have $2^{576}$ sets. Nine patches of 8×8 have 512, and that is one batch. So we can compare IG,
# added up within each patch, with the exact Shapley values of the patches. A missing patch is filled with
# the baseline of IG: the same "nothing there" for both.
#
# > **Predict 9.** Which differ more: Shapley and IG of one baseline, or Shapley values of two baselines?

# %%
place = np.arange(24) // 8
patch = place[:, None] * 3 + place  # (24, 24): the number of the patch of each pixel
kept = (np.arange(512)[:, None] >> np.arange(9) & 1)[:, patch][:, None]  # (512, 1, 24, 24)
digits_, targets = test[:32], net.predict(test[:32]).argmax(axis=1)


def in_patches(maps_):
    return np.array([np.bincount(patch.ravel(), each.ravel(), 9) for each in maps_])


by_patch = {}
for name in ("black", "white", "mean digit"):
    ground = baselines[name]
    sets = [np.where(kept, x, ground).astype(np.float32) for x in digits_]
    v = np.array([net.predict(each)[:, k] for each, k in zip(sets, targets, strict=True)]).T  # (512, images)
    alone = 511 - 2 ** np.arange(9)  # all patches but one
    by_patch[f"Shapley, {name}"] = reference_shapley(v.astype(np.float64)).T
    by_patch[f"IG, {name}"] = in_patches(explained[name].map)
    by_patch[f"occlusion, {name}"] = (v[511] - v[alone]).T
    sums = [by_patch[f"{method}, {name}"].sum(axis=1) for method in ("Shapley", "IG", "occlusion")]
    print(f"{name:>10}: score less that of the baseline {v[511, 0] - v[0, 0]:5.2f}; sums: Shapley "
          f"{sums[0][0]:5.2f}, IG {sums[1][0]:5.2f}, occlusion {sums[2][0]:5.2f}")  # fmt: skip


# %%
def between(a, b):
    """Median cosine over the images, and the share of images with the same first patch."""
    a, b = by_patch[a], by_patch[b]
    same = np.mean(a.argmax(axis=1) == b.argmax(axis=1))
    return f"cosine {np.median(cosine(a, b)):5.2f}, same first patch {same:.0%}"


for a, b in (("Shapley, black", "IG, black"), ("Shapley, black", "occlusion, black"),
             ("Shapley, white", "IG, white"), ("Shapley, black", "Shapley, white"),
             ("Shapley, black", "Shapley, mean digit")):  # fmt: skip
    print(f"{a} and {b}: {between(a, b)}")
shuffled = by_patch["Shapley, black"][next_one]
chance = cosine(by_patch["Shapley, black"], shuffled)
print(f"control, Shapley, black, of an image and of another: cosine {np.median(chance):.2f}")
figures.patches(test[0, 0], {name: each[0].reshape(3, 3) for name, each in by_patch.items()})

# %% [markdown]
# **Answer to prediction 9.** The baseline, by far. With one baseline IG and Shapley agree about patches so
# well that which of the two sets of axioms one prefers hardly matters here: 48 gradients do the work of 512
# scores. (From white they still name another first patch in a third of the digits. And on $x_1x_2^2$ they
# disagreed: this is a finding about this network and these patches, not a theorem.) With two baselines even
# the sign changes.

# %% [markdown]
# ## 9.9 What completeness buys
#
# It buys *units*: shares are parts of a score, and can be added up over patches. And it buys a *test of the
# program*, as the ledger of lesson 8 is one. Here are five programs for the map of a digit from the mean
# digit. One is right, one has a worse rule for the integral, three have a bug.
#
# > **Predict 10.** Which bugs does the gap find? What becomes of the five gaps with more steps?

# %%
x, start = test[:1], mean[None]


def program(steps, shift=0.5, path_from=start, factor=x - start):
    points = np.concatenate([path_from + (k + shift) / steps * (x - path_from) for k in range(steps)])
    return factor[0] * M.gradient(net, points, target=targets[0]).map.mean(axis=0)


programs = {
    "right": program,
    "ends of the steps, not their middles": lambda steps: program(steps, shift=1),
    "bug: the path begins at black": lambda steps: program(steps, path_from=0 * start),
    "bug: the factor is x, not x − x′": lambda steps: program(steps, factor=x),
    "bug: the map is upside down": lambda steps: program(steps)[:, ::-1],
}
rise = np.diff(net.predict(np.concatenate([start, x]))[:, targets[0]])[0]
for name, each in programs.items():
    gaps = [each(steps).sum() / rise - 1 for steps in (8, 32, 128)]
    print(f"{name:>37}: gap " + ", ".join(f"{gap:+7.2%}" for gap in gaps) + " with 8, 32, 128 steps")

# %% [markdown]
# **Answer to prediction 10.** The worse rule has a gap that shrinks, only slowly. Two bugs have gaps that
# stay: convicted. The third passes as well as the right program does, since a sum does not know where its
# parts lie, and *all to the first* would pass without a look at the network. (With 8 steps the worse rule has
# a smaller gap than the right one: the accident of 9.2 again.)
#
# So measure in another way. **Degradation** (lesson 12 looks at it closely): replace 3×3 patches, the most
# relevant first, and watch the probability of the class. A curve that falls early speaks for the map; the
# printed *area* below the curve is then small. The patches must be replaced with *something*.
#
# > **Predict 11.** Three IG maps, from black, white and the mean digit. Which falls fastest when the patches
# > turn black? When they turn white? Which of them falls more slowly than a random order?

# %%
ranked = {f"IG from {name}": explained[name].map for name in ("black", "white", "mean digit")}
ranked["occlusion by black"] = M.occlusion(net, digits_, fill=0.0, **windows).map
degraded = {}
for fill, value in {"black": 0.0, "white": 1.0}.items():
    degraded[fill] = mx.evaluate.compare_degradation(
        net, digits_, ranked, targets, controls=True, patch=3, steps=None, fill=value, progress=False
    )
    print(degraded[fill], "\n")
figures.degraded(degraded)

# %% [markdown]
# **Answer to prediction 11.** (Numbers in brackets and bands: 95 % intervals, by bootstrap over the 32
# images.) The map whose baseline has the colour of the fill wins, both times, and *the loser is worse than a
# random order*. Black squares cannot hurt where the image is black, and these are the places that IG from
# white calls relevant. Occlusion by black goes with IG from black, up and down: it is no second witness, it
# shares the fill.
#
# So degradation did not say which map is right. It asked the same question as one of them. **A test with a
# fill and a method with a baseline agree when the two are the same.** Note the grey controls as well: under
# the black fill the image itself, |x|, does as well as IG from the mean digit.

# %% [markdown]
# ## 9.10 Controls
#
# What must a map that explains *this class of this image by this network* depend on? On each of the three. So
# we change one at a time: the second most probable class, another image, an untrained network. And we
# compare with what knows nothing of the network: edges.
#
# Many papers show the *size* of a map, |map|. We do it both ways. The measure is the rank correlation of 9.4,
# 0 by chance. (A cosine would not do for sizes, which have no negative entry: the first line printed below is
# that of two random ones.)
#
# > **Predict 12.** The digits network and an untrained one: how alike are their IG maps from black? And the
# > sizes of these maps?

# %%
untrained = mx.evaluate.untrained(net, seed=0)
second = np.argsort(-net.predict(digits_), axis=1)[:, 1]
ig, quick = M.integrated_gradients, {"steps": 24, "progress": False}
calls = {
    "gradient": lambda model, k: M.gradient(model, digits_, target=k).map,
    "IG from black": lambda model, k: ig(model, digits_, target=k, **quick).map,
    "IG from mean": lambda model, k: ig(model, digits_, target=k, baseline=mean, **quick).map,
    "SmoothGrad": lambda model, k: M.smoothgrad(model, digits_, target=k, **noisy).map,
    "VarGrad": lambda model, k: M.vargrad(model, digits_, target=k, **noisy).map,
    "occlusion": lambda model, k: M.occlusion(model, digits_, target=k, **windows).map,
    "edges": lambda model, k: M.sobel_edges(model, digits_, target=k).map,
}
changed = {}
for name, call in calls.items():
    own, other_class, other_network = call(net, targets), call(net, second), call(untrained, targets)
    changed[name] = own, other_class, own[next_one], other_network

# %%
two = np.random.default_rng(0).standard_normal((2, *digits_.shape))
print(f"two random maps, their sizes: cosine {np.median(cosine(*np.abs(two))):.2f} (2/π = {2 / np.pi:.2f}), "
      f"rank correlation {np.median(rank_correlation(*np.abs(two))):.2f}")  # fmt: skip


def alike_in_rank(own, others):
    return [np.median(rank_correlation(own, other)) for other in others]


edges = mx.similarity.edges(digits_)
signed = [alike_in_rank(own, others) for own, *others in changed.values()]
sizes = [alike_in_rank(np.abs(own), [*map(np.abs, others), edges]) for own, *others in changed.values()]
figures.controls(list(calls), np.array(signed), np.array(sizes))

# %% [markdown]
# **Answer to prediction 12.** (Medians of 32 digits.) With its sign, the map of IG has nothing to do with
# that of an untrained network. *Without* it the ranks agree at about .95. The size is dominated by
# $|x-x'|$, which is there before the network is asked. Who shows |IG| from black shows the digit.
#
# With their signs, the gradient, IG and SmoothGrad change with all three, so they are about this class, image
# and network. **VarGrad has no sign**, so its left is its right: whichever of the three is changed, its ranks
# stay above .5. The edges do not change with class and network at all, and everybody's sizes correlate with
# them. Occlusion keeps more of the class than the gradients do.
#
# These controls convict and cannot acquit. IG from black passes them on the left, and in 9.9 it lost to
# chance in white.

# %% [markdown]
# ## 9.11 Say what you wish
#
# ### Exercise 9.4 — a baseline for every wish (investigation)
# *Difficulty 4/5 · importance 5/5 · at most 25 minutes*
#
# For a linear model $f=w^\top x+b$ IG is $w_i(x_i-x'_i)$. Somebody wishes for a certain map. Write
# `baseline_for(w, x, wish)`, all float64 (d,) and no $w_i$ zero: the baseline from which IG *is* the wish.
# Worked example: `w = [2, -1]`, `x = [1, 1]`, `wish = [0, 1]` gives `[1, 2]`: IG is
# $(2\cdot0,\;-1\cdot(1-2))=(0,1)$.
#
# "But a baseline should be *neutral*", say Sundararajan et al., with a score near zero. Does that help? In
# the cells below a baseline is looked for that has pixels in [0, 1], a score of at most 0, and differs from
# the image only in a place that you may choose. Ours is the black frame, in which no digit has any ink.
# Choose another. Then judge, in three sentences, a paper that writes "*we use the neutral baseline of
# section 3, whose score is zero; by completeness, 100 % of the evidence for the 4 lies in the frame around
# it*".
#
# <details><summary>Hint</summary>
#
# Solve $w_i(x_i-x'_i)=\text{wish}_i$ for $x'_i$. For the sentences: what would every *other* image show, or
# an untrained network? Who chose the place?
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def baseline_for(w, x, wish):
#     return x - wish / w
# ```
#
# </details>


# %%
def baseline_for(w, x, wish):
    """The baseline (d,) from which integrated gradients of w·x + b at x are the wish (d,)."""
    return None  # your lines


tell(paths.check_baseline_for, baseline_for)

# %%
place = np.ones((24, 24), bool)  # where the baseline may differ: choose another
place[2:-2, 2:-2] = False


def neutral_baseline(model, x, target, tries=60):
    """x, but in the place the pixels go against the gradient until the score is at most 0."""
    baseline = x.copy()
    for _ in range(tries):
        if model.predict(baseline)[0, target] <= 0:
            break
        slope = M.gradient(model, baseline, target=target).map
        baseline = np.where(place, (baseline - 0.1 * np.sign(slope)).clip(0, 1), x).astype(np.float32)
    return baseline


def explain_from_it(model, x, name):
    """The baseline, the map from it and the map from black, with a line of numbers."""
    k = int(model.predict(x).argmax())
    baseline = neutral_baseline(model, x, k)
    of_x, of_baseline = model.predict(np.concatenate([x, baseline]))[:, k]
    found = [ig(model, x, target=k, baseline=start, **quick).map[0, 0] for start in (baseline, 0.0)]
    parts = [each[place].sum() / each.sum() for each in found]
    print(f"{name}: score {of_x:5.2f}, of the baseline {of_baseline:5.2f}; in the place {parts[0]:.0%} of "
          f"the map, from black {abs(parts[1]):.0%}")  # fmt: skip
    return x[0, 0], baseline[0, 0], *found


# %%
wished = [explain_from_it(net, test[i : i + 1], f"a {test_labels[i]}") for i in range(8)]
of_untrained = explain_from_it(untrained, test[3:4], "untrained network")
figures.wished({"a 4": wished[3], "a 9": wished[7], "a 4, untrained": of_untrained})

# %% [markdown]
# <details><summary>Model answer</summary>
#
# That 100 % lies in the frame follows from $x-x'$, which is zero everywhere else, whatever the network has
# learned: all eight digits above have 100 % there, and so has an untrained network. A score of zero does not
# make a baseline neutral: it was *searched for* (and in 3 of the 8 digits found), while from black, whose
# score is near zero without any search (9.3), the frame gets 0 %. The authors should show the maps from two
# or three baselines that were chosen before any map was seen, and claim only what these share.
#
# Give yourself a point for each sentence that a reader could check.
#
# </details>
#
# Your sentences:
#
# 1. …
# 2. …
# 3. …

# %% [markdown]
# ## 9.12 Where it fails
#
# Every method here asks the network at inputs that no data set has: half-faded digits, black squares, noise.
# What it answers there is extrapolation. Nor does any of them speak of signal: a complete share of the score
# can belong to a suppressor. And nearly all numbers here are those of *one* small network: change `seed=0` in
# the first cell, run all, and see which of the answers hold.
#
# **To take home.** With a map from a path or a perturbation goes, in one line: baseline or fill, number of
# steps or masks and how much the map changes when they are doubled, one other baseline, and one control.
#
# **Open question.** The conditional game asks only at inputs that the data could have, and still gave the
# suppressor a share. Is there a rule that shares out the *whole* score and gives a suppressor nothing? What
# would it have to know besides the model?
#
# ## References
# - M. Sundararajan, A. Taly, Q. Yan: *Axiomatic attribution for deep networks*, ICML 2017,
#   [arXiv 1703.01365](https://arxiv.org/abs/1703.01365). Integrated gradients, completeness, the advice on
#   baselines.
# - D. Smilkov, N. Thorat, B. Kim, F. Viégas, M. Wattenberg: *SmoothGrad: removing noise by adding noise*,
#   2017, [arXiv 1706.03825](https://arxiv.org/abs/1706.03825).
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim: *Sanity checks for saliency maps*,
#   NeurIPS 2018, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292). VarGrad; untrained networks, edges.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). Occlusion.
# - V. Petsiuk, A. Das, K. Saenko: *RISE: randomized input sampling for explanation of black-box models*,
#   BMVC 2018, [arXiv 1806.07421](https://arxiv.org/abs/1806.07421).
# - L. S. Shapley: *A value for n-person games*, in *Contributions to the Theory of Games II*, 1953.
# - R. Wilming, L. Kieslich, B. Clark, S. Haufe: *Theoretical behavior of XAI methods in the presence of
#   suppressor variables*, ICML 2023, [arXiv 2306.01464](https://arxiv.org/abs/2306.01464). The suppressor.
