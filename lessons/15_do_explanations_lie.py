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
# # 15 · Do explanations lie?
#
# You can make a dozen maps of one photo, most of them convincing. Which may be believed, and as an answer
# to what? This lesson collects the tests, says what each shows, and shows that none is enough.
#
# **You will do:** pick out maps in a line-up; design a control; find the bug in a test that everybody passes;
# compute by hand how much a map gives to a feature that knows nothing; write a map that cheats; give a
# verdict; write a report on a network.
#
# **You will learn:** to ask two questions apart, *is it faithful to the model?* and *is it right about the
# data?*; why edges look like explanations; what a randomisation test shows and what it does not; why a
# correct map can point at a suppressor.
#
# **You need:** lesson 5 (signal, distractor), lesson 7 (guided backprop), lesson 8 (LRP). Lessons 11 and 12
# help with the rows of the pattern methods.
#
# **Time:** 100 minutes, of which the cells run about 30 seconds, offline: a CIFAR-10 network that comes with
# minixai, scikit-image's photos, and images that we draw. One section reads the stored marks of a longer run
# from this repository; without that file it goes on with a short run of its own. Code BSD-3-Clause, text CC
# BY 4.0.

# %%
from math import erf, exp, pi, sqrt
from pathlib import Path

import numpy as np
from figures import do_explanations_lie as figures  # needs lessons/figures/ beside this notebook
from figures.half_an_hour import marked
from figures.maps import sliders

import minixai as mx
from minixai.bootstrap import mean_interval
from minixai.checks import controls as checks
from minixai.checks import tell
from minixai.data import suppressor_2d, watermarked
from minixai.evaluate import Bench, bench, compare_degradation, infidelity, marks, randomise, untrained
from minixai.evaluate.problems import PROBLEMS, Samples, train
from minixai.similarity import edges, rank_correlation

np.set_printoptions(precision=3, suppress=True)

# %%
net = mx.models.pretrained("cifar10_maxpool").eval()
names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
photos = [mx.data.photo(name) for name in names]
corners = [(photo, int(0.8 * min(photo.shape[:2]))) for photo in photos]
squares = [square for photo, side in corners for square in (photo[:side, :side], photo[-side:, -side:])]
x = net.preprocess(squares)  # (12, 3, 32, 32): two overlapping squares of each photo
first, second = np.argsort(-net.predict(x), axis=1)[:, :2].T
print(f"{net.about['test accuracy']} of CIFAR-10's test images right")
print(f"our {len(x)} squares:", ", ".join(net.classes[k] for k in first))

# %% [markdown]
# The photos are not from CIFAR-10, and of what they show only the cat belongs to one of its ten classes. That
# does no harm here: we ask whether a map is about the network, whatever the network takes the photo for.
#
# ## 15.1 A line-up
#
# Six maps of one photo, by the size of their values (white is strong, each on its own scale).
#
# > **Predict 1.** Three come from the trained network, two from the same network with random weights, and one
# > from no network at all. Write down which.

# %%
methods = {
    "gradient": mx.methods.gradient,
    "input × gradient": mx.methods.input_x_gradient,
    "guided backprop": mx.methods.guided_backprop,
    "LRP": mx.methods.lrp,
    "deep Taylor": mx.methods.deep_taylor,
}
controls = {"edges": mx.methods.sobel_edges, "|x|": mx.methods.input_size, "random": mx.methods.random_map}
blank = untrained(net, seed=1)  # every layer drawn anew


def walk(name, model, images, target):
    """The maps (n, 3, h, w) of a method, started before the last ReLU as in lesson 7."""
    if name in controls:
        return np.asarray(controls[name](model, images))
    maps = np.zeros_like(images)
    for k in np.unique(target):
        unit = {"layer": "classifier.4", "neuron": (k,), "seed": "one"}
        maps[target == k] = methods[name](model, images[target == k], **unit)
    return maps


def heat(*question):
    """The maps by size (n, h, w), summed over the colours."""
    return np.abs(walk(*question)).sum(axis=1)


# %% tags=["thumbnail"]
suspects = [("deep Taylor", blank), ("guided backprop", net), ("edges", None), ("gradient", net),
            ("guided backprop", blank), ("LRP", net)]  # fmt: skip
line_up = [heat(name, model or net, x[1:2], first[1:2])[0] for name, model in suspects]
figures.line_up(net.preprocess.photos(x[1:2])[0], line_up)

# %%
for letter, (name, model) in zip("ABCDEF", suspects, strict=True):
    state = {id(net): "trained", id(blank): "random weights"}.get(id(model), "no network")
    print(f"{letter}: {name}, {state}")

# %% [markdown]
# **Answer to prediction 1.** It is printed above. Two or more wrong answers are easily made: the edge filter
# C and the untrained E have a cat in them, and the trained gradient D has none that one could see. **What a
# map looks like says little about where it comes from.** We need numbers, and something to compare them with.
#
# ## 15.2 Controls
#
# A *control* is the same measurement where the answer is known to be nothing.
#
# | the claim | its control |
# |---|---|
# | the map is of this network | an untrained network; edges; \|x\| |
# | … of this class | another class |
# | … of this image | another image |
# | … better than chance | a random map |
#
# We measure how alike two maps are by Spearman's rank correlation of the sizes of their values: 1 if both put
# the pixels in the same order, 0 if the two orders have nothing in common.
#
# > **Predict 2.** Of the methods that need a network, whose map will be most like the edges? And whose is
# > most like its own map for another class?

# %%
reference = {"edges": edges(x).sum(axis=1), "|x|": np.abs(x).sum(axis=1)}
table = {}
for name in methods | controls:
    own = heat(name, net, x, first)
    against = reference | {
        "another class": heat(name, net, x, second),
        "another photo": np.roll(own, 2, axis=0),  # by 2: the neighbour may be of the same photo
        "untrained": heat(name, blank, x, first),
    }
    table[name] = {what: rank_correlation(own, other) for what, other in against.items()}
figures.against_controls(table)

# %%
for name in ("guided backprop", "LRP", "gradient"):
    words = (f"{what} {np.nanmedian(v):.2f} ({np.nanmin(v):.2f} to {np.nanmax(v):.2f})"
             for what, v in table[name].items())  # fmt: skip
    print(f"{name}: {'; '.join(words)}")

# %% [markdown]
# (The figure shows medians over the twelve squares; the printed lines add the smallest and the largest
# value.)
#
# **Answer to prediction 2.** Deep Taylor, then guided backprop and LRP, have a correlation of .4 to .6 with
# the edges, which know no network. LRP and deep Taylor do not notice that the class has changed: 1.00. (In
# this network without dense layers all of their rules are z⁺ or similar, see 8.8.) Guided backprop hardly
# does: .97. And with random weights the maps of LRP and deep Taylor have a correlation of .7 to .8 with those
# of the trained network.
#
# How much is much? By these methods the maps of two different *photos* have .3 to .4. So LRP's .39 with the
# edges means nothing, .5 means little, and .97 a lot. The gradient's map is hardly like the edges (.12); with
# its own map in the untrained network it has .29, which is not much, but more than another photo has (.17).
#
# Each row needs its own baseline: *another photo* is the number with which the others in the row should be
# compared.

# %% [markdown]
# ### Exercise 15.1 — a control by exchange
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# A paper says: "*48 % of the map lies on the object's outline, which is only 20 % of the image.*" A map that
# is the same for every image could do that, if objects stand in the middle. Design the control: lay the map
# of one image over the outline of *another*.
#
# Write `excess(maps, regions)`: `maps` float64 (n, h, w), `regions` bool (n, h, w). The share of map $i$ in
# region $j$ is $\sum|m_i|r_j/\sum|m_i|$. Return the mean share in the own region, $i=j$, less the mean over
# all pairs $i\ne j$. Worked example: `maps = [[[3, -1]], [[1, 1]]]`,
# `regions = [[[True, False]], [[False, True]]]`: own shares $\tfrac34$ and $\tfrac12$, others' $\tfrac14$ and
# $\tfrac12$, so
# $\tfrac58-\tfrac38=\tfrac14$.
#
# <details><summary>Hint</summary>
#
# Reshape both to (n, h·w). One matrix product gives all n × n shares, and `np.trace` the own ones.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def excess(maps, regions):
#     n = len(maps)
#     heat = np.abs(maps).reshape(n, -1)
#     shares = heat / heat.sum(axis=1, keepdims=True) @ regions.reshape(n, -1).T
#     own = np.trace(shares)
#     return own / n - (shares.sum() - own) / (n * (n - 1))
# ```
#
# </details>


# %%
def excess(maps, regions):
    """The mean share of |map| in its own region, less that in the regions of the other images."""
    return None  # your lines


tell(checks.check_excess, excess)

# %% [markdown]
# **Checkpoint.** The solution is in the next cell. The regions: in each square the fifth of the pixels with
# the strongest edges.
#
# > **Predict 3.** For which maps is the excess above 0? What will a reader conclude from it who has no other
# > control?


# %%
def reference_excess(maps, regions):
    n = len(maps)
    heat = np.abs(maps).reshape(n, -1)
    shares = heat / heat.sum(axis=1, keepdims=True) @ regions.reshape(n, -1).T
    own = np.trace(shares)
    return own / n - (shares.sum() - own) / (n * (n - 1))


tell(checks.check_excess, reference_excess)
outlines = reference["edges"] >= np.quantile(reference["edges"], 0.8, axis=(1, 2), keepdims=True)
found = {}
for name in methods | controls:
    found[name] = [reference_excess(heat(name, model, x, first), outlines) for model in (net, blank)]
    print(f"{name:>16}: excess {found[name][0]:+.2f}, untrained {found[name][1]:+.2f}")
figures.excesses(found)

# %% [markdown]
# **Answer to prediction 3.** For guided backprop, LRP and deep Taylor: .14 to .18. A reader who has no other
# control will conclude that "*the network looks at outlines*". But the edge filter has more than any of them,
# and is no network; and with random weights the three are still above 0. Only the difference of the two bars
# could say something about the *trained* network, and even that rests on one draw of random weights and
# twelve squares.
#
# The gradient's excess is 0. Does that make it better, or only noisier? This control cannot say. **A control
# can convict, it cannot acquit.**

# %% [markdown]
# ## 15.3 Take away what was learned
#
# Adebayo et al. (2018) go from the trained to an untrained network in steps: **a cascade.** Forget the last
# layer (draw its weights anew), then the last two, and so on to the first, and compare each map with that of
# the trained network. A map that stays does not depend on what was forgotten.
#
# An author reports the next figure. "*We randomised the network layer by layer. All methods pass: as soon as
# anything is forgotten, the map is gone.*" The code comes first, and the figure is true to the code.
#
# > **Predict 4.** In 15.2 guided backprop's maps of two classes were alike, so forgetting the last layer
# > should hardly matter to it. What else about these curves cannot be right?


# %%
def authors_cascade(weights, layers, draw):
    """State dicts, the k-th with the last k + 1 layers drawn anew."""
    changed, made = dict(weights), []
    for layer in reversed(layers):
        for name in weights:
            if name.startswith(f"{layer}."):
                changed[name] = draw(weights[name])
        made.append(changed)
    return made


# %%
weights = net.state_dict()
layers = list(dict.fromkeys(name.rpartition(".")[0] for name in weights))
other = mx.models.pretrained("cifar10_maxpool").eval()


def curve(cascade, name):
    """The likeness (layers, n) to the map of the trained network, the last layer first."""
    rng, before, alike = np.random.default_rng(0), heat(name, net, x, first), []
    for each in cascade(weights, layers, lambda a: rng.permutation(a.ravel()).reshape(a.shape)):
        other.load_state_dict(each)
        alike.append(rank_correlation(before, heat(name, other, x, first)))
    return np.array(alike)


authors = {name: curve(authors_cascade, name) for name in ("gradient", "guided backprop")}
figures.cascades({"the author's": authors}, layers[::-1])

# %% [markdown]
# **Answer to prediction 4.** They are level: the same number to the last digit at each step, although each
# step forgets one more layer.
#
# ### Exercise 15.2 — a curve that is wrong
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Find the bug. Then write `cascade(weights, layers, draw)`: `weights` a state dict, name → array; `layers`
# the names of the layers from the first to the last, layer `"a"` has the arrays `"a.weight"` and possibly
# `"a.bias"`; `draw(array)` returns an array of other values. Return a list of `len(layers)` state dicts, in
# the k-th of which the last k + 1 layers are drawn anew. A layer that has been drawn stays as drawn, and
# `weights` stays as it was. Worked example: for `{"a.weight": [1], "b.weight": [2]}`, layers `("a", "b")` and
# a `draw` that gives zeros: `[{"a.weight": [1], "b.weight": [0]}, {"a.weight": [0], "b.weight": [0]}]`.
#
# <details><summary>Hint 1</summary>
#
# When do seven networks have the same map?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `made[0] is made[1]`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def cascade(weights, layers, draw):
#     changed, made = dict(weights), []
#     for layer in reversed(layers):
#         for name in weights:
#             if name.startswith(f"{layer}."):
#                 changed[name] = draw(weights[name])
#         made.append(dict(changed))
#     return made
# ```
#
# The list had seven references to one dictionary. When the loop was over, all layers had been drawn anew in
# each of its entries.
#
# </details>


# %%
def cascade(weights, layers, draw):
    """State dicts, the k-th with the last k + 1 layers drawn anew."""
    return authors_cascade(weights, layers, draw)  # mend it


tell(checks.check_cascade, cascade)

# %% [markdown]
# **A control has bugs like any other code, and its wrong result is easily believed if it says what everybody
# hoped for.** So a control needs controls of its own: a map that must fail (edges), one that must change, and
# a look at every step.
#
# **Checkpoint.** On the left are the author's curves, on the right the mended ones, together with edges,
# which must not change. Dotted lines: the correlation with another photo's map.
#
# Then the maps of one square of a photo, from left to right: of the trained network, and with one more layer
# forgotten each time, named above; below, the correlation with the first. The cell after it has sliders. Up
# to which layer would *you* have said "still the cat"? Is that where the number falls?


# %%
def reference_cascade(weights, layers, draw):
    changed, made = dict(weights), []
    for layer in reversed(layers):
        changed |= {name: draw(a) for name, a in weights.items() if name.startswith(f"{layer}.")}
        made.append(dict(changed))
    return made


tell(checks.check_cascade, reference_cascade)
mended = {name: curve(reference_cascade, name) for name in [*methods, "edges"]}
floors = {name: np.nanmean(table[name]["another photo"]) for name in mended}
for name, alike in mended.items():
    a, b = np.nanmean(alike[0]), np.nanmean(alike[-1])
    print(
        f"{name:>16}: {a:5.2f} without the last layer, {b:5.2f} without any; another photo {floors[name]:.2f}"
    )
figures.cascades({"the author's": authors, "mended": mended}, layers[::-1], floors)


# %%
def forgetting(method, square):
    """The maps of one of the twelve squares while the layers are forgotten, the last one first."""
    rng, one = np.random.default_rng(0), slice(square, square + 1)
    found = {"trained": heat(method, net, x[one], first[one])}
    states = reference_cascade(weights, layers, lambda a: rng.permutation(a.ravel()).reshape(a.shape))
    for layer, state in zip(reversed(layers), states, strict=True):
        other.load_state_dict(state)
        found[layer] = heat(method, other, x[one], first[one])
    alike = [rank_correlation(found["trained"], each)[0] for each in found.values()]
    return figures.forgotten(net.preprocess.photos(x[one])[0], found, alike)


forgetting("guided backprop", 1)

# %%
sliders(forgetting, {"method": [*methods, "edges"], "square": range(len(x))})

# %% [markdown]
# Read each curve with its dotted line.
#
# - **The gradient** loses half with the last layer, and ends a little above its line (.28 and .19): it
#   depends on the weights.
# - **Guided backprop** hardly notices the last layer (.99), and has .7 left when only the first convolution
#   is as it was. What Adebayo et al. found is here: the higher layers do not matter to it. It does not even
#   come down to its line: without anything learned it keeps .49, where another photo has .27.
# - **LRP and deep Taylor** keep .99 without the last layer, and .6 to .7 without anything learned, where
#   another photo has about .35. (LRP with z⁺ in all convolutions. Other tables of rules, other curves: try
#   it.)
# - **Edges** stay at 1, as they must.
#
# A curve is of one network. In that of minixai 0.2, of the same layers but trained by another recipe, guided
# backprop began at .90 and did come down to its line.
#
# (Means over the twelve squares, one draw of the weights. minixai has all of this as
# `mx.evaluate.randomise`.)

# %% [markdown]
# ## 15.4 Suppressors: a correct map that points at nothing
#
# So far we asked whether a map depends on the model. Now we ask whether it is right about the *data*. Take
# two features (Wilming et al. 2023), and let $z=\pm1$ be the class:
#
# $$x_1=z+\eta_1,\qquad x_2=\eta_2,\qquad \mathrm{var}\,\eta_1=s_1^2,\;\mathrm{var}\,\eta_2=s_2^2,\;
# \mathrm{corr}(\eta_1,\eta_2)=c .$$
#
# $x_2$ knows nothing of the class. But it knows the noise of $x_1$, and a good model uses that. The best
# guess of $\eta_1$ from $\eta_2$ is the regression line, with slope $\kappa=c\,s_1s_2/s_2^2=c\,s_1/s_2$.
# Subtract it:
#
# $$y=x_1-\kappa x_2=z+(\eta_1-\kappa\eta_2),\qquad w=(1,\,-\kappa).$$
#
# The noise that is left has the variance $s_1^2-2\kappa c\,s_1s_2+\kappa^2s_2^2=s_1^2(1-c^2)$. With $c=.8$,
# $s_1=1$ and $s_2=.7$: $\kappa=1.14$, and the noise falls from 1 to $\sqrt{.36}=.6$. Such an $x_2$ is a
# *suppressor*. And the pattern, $\mathrm{cov}[x,y]$?
#
# $$\mathrm{cov}[x_2,y]=\mathrm{cov}[\eta_2,\eta_1]-\kappa\,\mathrm{var}\,\eta_2=c\,s_1s_2-\kappa s_2^2=0 .$$

# %% [markdown]
# ### Exercise 15.3 — what the suppressor gets
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# For this model, what share of the map goes to $x_2$, $E|m_2|/(E|m_1|+E|m_2|)$? Write `suppressor_shares(c,
# s1, s2)`, three numbers ($c$ may be negative, $s_1,s_2>0$). Return two numbers: the share for the gradient,
# $m=w$, and for input × gradient, $m_j=w_jx_j$. For $\eta\sim N(0,s^2)$,
#
# $$E|\eta|=s\sqrt{2/\pi},\qquad
# E|z+\eta|=s\sqrt{2/\pi}\;e^{-1/(2s^2)}+\mathrm{erf}\left(\frac1{s\sqrt2}\right).$$
#
# Worked example: $c=.6$, $s_1=1$, $s_2=2$. Then $\kappa=.3$ and the gradient's share is $.3/1.3=.231$. Input
# × gradient: $E|x_1|=.798\cdot.607+.683=1.167$ and $\kappa E|x_2|=.3\cdot2\cdot.798=.479$, so
# $.479/1.646=.291$.
#
# <details><summary>Hint</summary>
#
# `erf`, `exp`, `pi` and `sqrt` have been imported from `math`. $|w_2|=|c|s_1/s_2$: a size has no sign.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def suppressor_shares(c, s1, s2):
#     from math import erf, exp, pi, sqrt
#
#     kappa = abs(c) * s1 / s2
#     of_first = s1 * sqrt(2 / pi) * exp(-1 / (2 * s1**2)) + erf(1 / (s1 * sqrt(2)))
#     of_second = kappa * s2 * sqrt(2 / pi)
#     return kappa / (1 + kappa), of_second / (of_first + of_second)
# ```
#
# </details>


# %%
def suppressor_shares(c, s1, s2):
    """The suppressor's share of the gradient, and of input × gradient: two numbers."""
    return None  # your lines


tell(checks.check_suppressor_shares, suppressor_shares)

# %% [markdown]
# **Checkpoint.** The next cells hold the solution, and the same measured with minixai: a network that is just
# $y=w^\top x$, on 20 000 drawn points, with the methods that you know.
#
# (Integrated gradients add up gradients on the way from 0 to $x$, lesson 9; the pattern methods walk back
# with patterns in the place of weights, lesson 12. Here there is one unit, and they show $a\,y$ and $w\odot
# a\,y$.)
#
# > **Predict 5.** Which methods give the suppressor nothing? Gradient, input × gradient, occlusion (put 0 in
# > the place of a feature), LRP, integrated gradients, PatternNet, PatternAttribution.


# %%
def reference_shares(c, s1, s2):
    kappa = abs(c) * s1 / s2
    of_first = s1 * sqrt(2 / pi) * exp(-1 / (2 * s1**2)) + erf(1 / (s1 * sqrt(2)))
    of_second = kappa * s2 * sqrt(2 / pi)
    return kappa / (1 + kappa), of_second / (of_first + of_second)


tell(checks.check_suppressor_shares, reference_shares)
c, s1, s2 = 0.8, 1.0, 0.7
kappa = c * s1 / s2
drawn = suppressor_2d(20_000, c, s1, s2, seed=0)
points = drawn.x.astype(np.float32).reshape(-1, 1, 1, 2)
reader = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(2, 1, rng=0))
reader.load_state_dict({"1.weight": np.array([[1, -kappa]], np.float32), "1.bias": np.zeros(1, np.float32)})
reader.patterns = mx.signal.fit_patterns(reader, [points], kinds=("linear",), progress=False)

# %%
M, linear = mx.methods, {"kind": "linear"}
quiet = {"progress": False, "batch_size": 20_000}
of_two = {
    "gradient": M.gradient(reader, points),
    "input × gradient": M.input_x_gradient(reader, points),
    "occlusion": M.occlusion(reader, points, patch=1, **quiet),
    "LRP": M.lrp(reader, points),
    "integrated gradients": M.integrated_gradients(reader, points, steps=5, **quiet),
    "PatternNet": M.pattern_net(reader, points, **linear),
    "PatternAttribution": M.pattern_attribution(reader, points, **linear),
}
formula = dict(zip(("gradient", "input × gradient"), reference_shares(c, s1, s2), strict=True))
shares = {}
for name, e in of_two.items():
    m1, m2 = np.abs(e.map).reshape(-1, 2).mean(axis=0)
    shares[name] = m2 / (m1 + m2)
    by_hand = f", by hand {formula[name]:.3f}" if name in formula else ""
    print(f"{name:>20}: the suppressor gets {shares[name]:.3f}{by_hand}")
z = 2 * drawn.y - 1
for what, y in {"x₁ alone": drawn.x[:, 0], "x₁ − κx₂": drawn.x @ [1, -kappa]}.items():
    print(f"accuracy of {what}: {np.mean(np.sign(y) == z):.3f}")
figures.suppressor_shares(shares, formula)

# %% [markdown]
# **Answer to prediction 5.** Only the two pattern methods, by the line above the exercise. The gradient gives
# the suppressor **more than half**. (By hand, with the normal distribution function $\Phi$, the accuracies
# are $\Phi(1/s_1)=\Phi(1)=.841$ and $\Phi(1/.6)=.952$: the suppressor earns its weight.)
#
# ## 15.5 Faithful, or right?
#
# So does the gradient lie? The model *does* use $x_2$; without it the accuracy falls from 95 % to 84 %. So we
# ask how well a map $m$ predicts what the model $f$ does when the input is nudged by $I\sim N(0,\sigma^2)$:
# the *infidelity* (Yeh et al. 2019) is the mean of $(I^\top m-(f(x)-f(x-I)))^2$.
#
# By hand: $f(x)-f(x-I)=w^\top I$. For the gradient, $m=w$, it is 0. The direction of the true signal,
# $(1,0)$, misses $\kappa I_2$, which has the mean square $\kappa^2\sigma^2$.

# %%
some, sigma = points[:50], 0.1
for name, m in {"gradient, (1, −κ)": [1, -kappa], "signal, (1, 0)": [1, 0]}.items():
    as_maps = np.broadcast_to(np.array(m, np.float32).reshape(1, 1, 1, 2), some.shape)
    of_all = infidelity(reader, some, as_maps, sigma=sigma, samples=400, progress=False)
    false = marks.false_alarms(as_maps, drawn.truth[:50].reshape(some.shape)).mean()
    print(f"{name:>18}: infidelity {of_all.mean():.5f}, share on what knows nothing of the class {false:.2f}")
print(f"by hand κ²σ² = {kappa**2 * sigma**2:.5f}")

# %% [markdown]
# One map is perfectly faithful, and more than half of it lies on a feature that knows nothing of the class;
# the other is perfectly right, and predicts the model badly. **Neither lies. They answer different
# questions**, and here no map can have full marks in both.
#
# | question | "importance of $x_2$" is right to be | asked by |
# |---|---|---|
# | faithful to the model? | large: take it away and the output changes | the one who debugs the model |
# | right about the data? | zero: it knows nothing of the class | the one who wants to learn about the world |
#
# A physician who reads "the network looks at $x_2$" as "$x_2$ has to do with the disease" has made the step
# from the first row to the second. The map did not.
#
# ## 15.6 The bench
#
# Where the truth has been planted, answers to the second question can be given marks. minixai's bench trains
# small networks on thirteen such problems and marks all methods (lesson 12.8 defines the marks): how much of
# the map lies on the *truth* (features that know the class), how much on *suppressors* (false alarms), and
# ROC AUC, the probability that a feature of the truth gets more than another one; ½ is chance. The same is
# done with untrained networks, and with networks that were trained on shuffled labels.

# %% [markdown]
# The two features of 15.4 as an image (Wilming et al. 2022; you have met it in lesson 0): 8×8 pixels, a
# signal in two blobs on the left (*truth*), and a distractor in the upper left, too, *and* in the upper right
# (*suppressor*). A linear network learns to tell the two classes. The maps are means of $|m|$ over 64 images.


# %%
def learned(problem, network, seed=0, n=4000, shown=64):
    """A network of the bench's, with its patterns, and new images that it gets right."""
    planted = PROBLEMS[problem].draw(n=n + 2 * shown, seed=seed)
    samples = Samples.of(planted, float(planted.x[:n].std()))
    model, test = train(network, samples[:n], seed), samples[n:]
    model.patterns = mx.signal.fit_patterns(model, [samples[:n].x], kinds=("linear",), progress=False)
    right = model.predict(test.x).argmax(axis=1) == test.y
    return model, test[np.flatnonzero(right)[:shown]]


model, test = learned("distractor", "linear")
of_blobs = {
    "gradient": M.gradient(model, test.x, test.y),
    "LRP": M.lrp(model, test.x, test.y),
    "PatternNet": M.pattern_net(model, test.x, test.y, **linear),
    "|x|": M.input_size(model, test.x),
}
lines = {"what is right": "red: truth\nblue: suppressor"}
for name, e in of_blobs.items():
    auc, false = (mark(e.map, test.truth).mean() for mark in (marks.roc_auc, marks.false_alarms))
    lines[name] = f"ROC AUC {auc:.2f}\nfalse alarms {false:.2f}"
marked(
    {"what is right": test.truth[0, 0]} | {n: np.abs(e.map).mean(axis=(0, 1)) for n, e in of_blobs.items()},
    lines,
)

# %% [markdown]
# (First what a right map would show: red on the truth, nothing on the suppressor. Then the maps, each on its
# own scale.) The gradient gives the suppressor .17, hardly less than an even map (.19), and LRP more, since
# it multiplies by $x$. The pattern leaves .03 there and has full marks, a ROC AUC of 1: the problem is
# linear, and so made for it.
#
# Now a short run of the bench, with two problems: this one, and *rigid*, a bright tetromino (a T or an L of
# four pixels) somewhere in noise. The pattern methods have a row for each estimator of lesson 11; $S_a$ is
# the pattern of lesson 5, and with $S_w$ the weights themselves, scaled, take the place of the pattern.

# %%
chosen = ["gradient", "input_x_gradient", "guided_backprop", "lrp", "pattern_net", "pattern_attribution"]
short = bench(chosen, ["distractor", "rigid_white"], "quick", progress=False)
for row in short.sorted_rows:
    values = [short.mean(row, "roc_auc", problem)[0] for problem in short.problems]
    blank_too = short.mean(row, "roc_auc", "rigid_white", "untrained")[0]
    name = f"[{row}]" if short.rows[row] else row
    print(f"{name:>32}: distractor {values[0]:.2f}, rigid {values[1]:.2f}; rigid, untrained {blank_too:.2f}")

# %% [markdown]
# Look at the controls first (in brackets). On *rigid*, $|x|$ alone has full marks: the tetromino is simply
# brighter. There a good mark says nothing about a method, and untrained networks have good ones, too. **A
# problem on which a control is good is no test.**
#
# A single training gives no interval. For the whole table we read the stored result of a longer run.
#
# (SmoothGrad and VarGrad are the mean and the variance of the gradient under noise; RISE covers the image
# with random masks: lesson 9.)
#
# > **Predict 6.** Sort the methods by their mean over thirteen problems. On how many problems will the first
# > one be the best?

# %%
stored = Path("../experiments/results/bench.json")
whole = Bench.load(stored) if stored.exists() else short
trainings = len({cell.training for cell in whole.cells})
where = "" if stored.exists() else ": there is no stored run"
print(f"{len(whole.problems)} problems, {trainings} training(s){where}")
ours = [row for row in whole.sorted_rows if not row.endswith(("S_w", "centred")) and row != "VarGrad"]
best = {}
for problem in whole.problems:
    by_row = {row: whole.mean(row, "roc_auc", problem)[0] for row in whole.rows}
    top = np.nanmax(list(by_row.values()))
    best[problem] = [row for row, value in by_row.items() if value >= top - 5e-4]
    print(f"{PROBLEMS[problem].title:>26}: {top:.3f} {' = '.join(best[problem][:2])}"
          + (f" and {len(best[problem]) - 2} more" if len(best[problem]) > 2 else ""))  # fmt: skip
alone = sum(found == whole.sorted_rows[:1] for found in best.values())
print(f"the highest mean has {whole.sorted_rows[0]}; alone the best on {alone} of {len(best)} problems")
figures.bench_marks(whole, ours)

# %% [markdown]
# **Answer to prediction 6.** Alone, on none. PatternAttribution with $S_a$ has the highest mean, since it is
# bad nowhere, but it is first only on *two features*, where it shares the place with others. Look at the
# width of each row: the gradient goes from .19 on *two features*, where the suppressor gets more than half,
# to .99. **A mean over problems tells as much about the choice of problems as about the methods.** Two rows
# do not even share the choice: CAM has marks on two problems only, since it asks for a network of its own
# (lesson 10), and PatternLocal, the first on six of them, was *tuned* on problems of this kind.
#
# The crosses are networks that know nothing. PatternNet has .7 there: its patterns were fitted to the data,
# and know some of it whatever the network. So of its .85 only a part is about what the network learned.
#
# (Bars: 95 % intervals over three trainings, hardly more than their range.) What 15.5 said still holds: a
# network may need a suppressor, and a map that shows it is faithful and gets a bad mark.

# %% [markdown]
# ## 15.7 Does passing mean right?
#
# Two checks, then: *does the map change when the network forgets* (15.3), and *does it lie on the truth*
# (15.6). We do both on the same networks: five problems, four methods, 64 images each.
#
# > **Predict 7.** Plot the ROC AUC of a map over how much of it stays when all layers are forgotten. Do maps
# > that change more have the higher ROC AUC?


# %%
def both_checks(model, test, name, method):
    """The likeness without any layer, that of another image, and the ROC AUC: means over the images."""
    settings = {"measures": ("spearman_abs",), "target": test.y, "progress": False}
    found = randomise(model, test.x, {name: method}, **settings)
    likeness, elsewhere = found.likeness[name]["spearman_abs"][-1], found.elsewhere[name]["spearman_abs"]
    auc = marks.roc_auc(np.asarray(method(model, test.x, test.y)), test.truth)
    return tuple(np.nanmean(values) for values in (likeness, elsewhere, auc))


# %%
tasks = dict.fromkeys(("rigid_white", "linear_white", "multiplicative_white", "linear_correlated"), "cnn")
tasks["distractor"] = "mlp"
networks = {problem: learned(problem, network) for problem, network in tasks.items()}
checked = {}
for problem, (model, test) in networks.items():
    for name in ("gradient", "input × gradient", "guided backprop", "LRP"):
        checked[problem, name] = both_checks(model, test, name, methods[name])
for (problem, name), (stays, elsewhere, auc) in checked.items():
    print(f"{PROBLEMS[problem].title:>22}, {name:>16}: stays {stays:5.2f} (another image {elsewhere:4.2f}), "
          f"ROC AUC {auc:.2f}")  # fmt: skip
points = np.array(list(checked.values()))
correlation = np.corrcoef(points[:, 0], points[:, 2])[0, 1]
print(f"correlation of the two checks over these {len(points)}: {correlation:.2f}")
figures.two_checks(checked, {name: problem.title for name, problem in PROBLEMS.items()})

# %% [markdown]
# **Answer to prediction 7.** There is hardly a relation: the correlation is .14. How far to the right a point
# lies depends mostly on the *method* (the gradient is on the left, LRP on the right), how high it lies mostly
# on the *problem*. LRP on *rigid* keeps .67 of its map, which is eight times what another image has, so it
# fails the test. And it is right (.97). On *8×8, distractor* nothing of the gradient's map stays, so it
# passes, but with .62 it is not far above chance. (One training of each network, and no intervals: read large
# differences only.)
#
# This is the objection of Yona and Greenfeld (2021): **the task confounds the test.** Where the object is the
# only bright thing in the image, any network's map lies on it, trained or not (15.6: LRP has .99 there
# *untrained*). If a map stays, this is then no fault of the method. What the test can refute is the sentence
# "*this map shows what the network has learned*".

# %% [markdown]
# ## 15.8 A watermark that tells nothing
#
# A bright stripe, a watermark, lies over some of the images. Clark et al. (2026) found that maps react to its
# *presence*, whether or not it tells anything about the class. We do their experiment on a small scale: one
# set of digits, 2 or 5, three times. In the first no image has the stripe; in the second it stands on nine of
# ten 5s and on one of ten 2s (*informative*); in the third on half of the images, *at random*. We train three
# networks on each. Then we show them the *same* new images with and without the stripe, and measure what
# share of the map lies on it.
#
# > **Predict 8.** In which of the three kinds of networks does the share rise when the stripe is put on? In
# > which does the score change?

# %%
rows, columns = np.indices((16, 16))
stripe = np.isin(rows + columns, (13, 14))
plain, marked_some = watermarked("none", 3000, 0), watermarked("random", 3000, 0)
with_mark = np.where(stripe, 0.5 * plain.x + 0.75, plain.x)
has = (marked_some.x != plain.x).any(axis=(1, 2, 3))
print("the same digits but for the stripe:", np.allclose(marked_some.x[has], with_mark[has]),
      np.array_equal(marked_some.x[~has], plain.x[~has]))  # fmt: skip


def on_stripe(maps):
    """The mean share of |map| on the stripe."""
    return np.mean((np.abs(maps) * stripe).sum(axis=(1, 2, 3)) / np.abs(maps).sum(axis=(1, 2, 3)))


# %%
of_marks = {"gradient": M.gradient, "input × gradient": M.input_x_gradient, "|x|": M.input_size}
on_mark, moved = {name: {} for name in of_marks}, {}
for kind in ("none", "random", "informative"):
    planted = watermarked(kind, 3000, 0)
    samples = Samples.of(planted, scale := float(planted.x[:2500].std()))
    moved[kind] = []
    for seed in range(3):
        model = train("mlp", samples[:2500], seed)
        pair = [(each[2500:] / scale).astype(np.float32) for each in (plain.x, with_mark)]
        off, on = (np.diff(model.predict(each), axis=1) for each in pair)  # of 5 less of 2
        moved[kind].append((on - off).mean() / off.std())
        for name, method in of_marks.items():
            both = [on_stripe(np.asarray(method(model, each, plain.y[2500:]))) for each in pair]
            on_mark[name].setdefault(kind, []).append(both)
for name, by_kind in on_mark.items():
    for kind, each in by_kind.items():
        (off, on), rise = np.mean(each, axis=0), np.diff(each, axis=1)
        print(f"{name:>16}, {kind:>11}: {off:.3f} without, {on:.3f} with it; "
              f"rises by {rise.min():.3f} to {rise.max():.3f}")  # fmt: skip
print("an even map:", stripe.mean().round(3))
figures.watermarks(on_mark, moved, stripe.mean())

# %% [markdown]
# **Answer to prediction 8.** (Each line is a training; the score is that of 5 less that of 2.) The score
# changes where the stripe is informative: it rises by .4 standard deviations in the *informative* network,
# and stays where it was in the *random* one. In the network that has never seen a stripe it moves a little
# towards the 2, two strokes of which the stripe crosses.
#
# Input × gradient rises in *all* of them. Where the stripe tells nothing it rises by .02, just as much as
# $|x|$, which knows no network: that is the stripe's brightness, and the paper's finding. **But where the
# stripe is informative, the rise is more than twice as large.** And the gradient, which changes little when
# the stripe is put on, has a *level*, with or without it, that sorts the three kinds: .13, .14, .19. So in
# these small networks maps do reflect what the watermark tells, which the paper says they hardly do. But no
# single map shows that. It takes a second network to compare with.
#
# And the score itself? Put the watermark on, take it off, and read what happens. That needs no map at all.

# %% [markdown]
# ## 15.9 Pass one, fail another
#
# ### Exercise 15.4 — a map that cheats (investigation)
# *Difficulty 4/5 · importance 5/5 · at most 25 minutes*
#
# Make a map that passes the randomisation test better than any method, and shows nothing. Write
# `cheat(weights, x)`: `weights` a state dict, name → array; `x` (n, c, h, w). Return an array of `x`'s shape
# that
#
# - is the same whenever weights and x are the same,
# - is a completely different one as soon as *any* weight differs by a little,
# - has nothing to do with the image.
#
# Worked example: there is none to check by hand. With other weights the rank correlation must be about 0.
#
# Then look for the opposite in the figure of 15.7: a map that fails the randomisation test, and is right.
# Write three sentences: which map it is, and by which numbers; what the reason is; what each test can
# therefore show.
#
# <details><summary>Hint</summary>
#
# A random generator with a seed that is made from the weights. A float's bytes are whole numbers:
# `np.float64(s).view(np.uint64)`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def cheat(weights, x):
#     total = np.float64(sum(a.sum(dtype=np.float64) for a in weights.values()))
#     return np.random.default_rng(int(total.view(np.uint64))).normal(size=x.shape)
# ```
#
# (A sum may stay the same when two weights change, but for a test with random weights it is good enough.)
#
# </details>


# %%
def cheat(weights, x):
    """A map of x's shape that depends on every weight, and shows nothing."""
    return None  # your lines


tell(checks.check_cheat, cheat)


# %%
def reference_cheat(weights, x):
    total = np.float64(sum(a.sum(dtype=np.float64) for a in weights.values()))
    return np.random.default_rng(int(total.view(np.uint64))).normal(size=x.shape)


tell(checks.check_cheat, reference_cheat)
candidates = {
    "cheat": lambda model, images, target: reference_cheat(model.state_dict(), images),
    "|x|": M.input_size,
    "LRP": M.lrp,
    "gradient": M.gradient,
}
for problem in ("rigid_white", "distractor"):
    for name, method in candidates.items():
        stays, elsewhere, auc = both_checks(*networks[problem], name, method)
        print(f"{PROBLEMS[problem].title:>16}, {name:>8}: stays {stays:5.2f} "
              f"(another image {elsewhere:5.2f}), ROC AUC {auc:.2f}")  # fmt: skip

# %% [markdown]
# <details><summary>Three sentences, as one might write them</summary>
#
# LRP on *rigid* keeps .67 of its map when all weights are forgotten, where another image has .08, and still
# lies on the truth with a ROC AUC of .97, while the cheat keeps nothing (−.03) and lies on it with .5. The
# reason is the problem, on which $|x|$ has 1.00: the tetromino is the only bright thing, so any map that
# multiplies by the input finds it. So failing the randomisation test shows only that the weights do not
# matter to the map, passing it shows only that they do, and a good mark shows something only on a problem
# where the controls have bad ones.
#
# </details>
#
# ## 15.10 A verdict
#
# ### Exercise 15.5 — your table
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# Fill in the table before you open ours. For each question: which method would you take, and what must a
# reader of your map find beside it, and why?
#
# | | question | method | beside it, because |
# |---|---|---|---|
# | 1 | How would the score change if this pixel changed? | … | … |
# | 2 | How is this score made up? | … | … |
# | 3 | What in the image varies with what this unit reads? | … | … |
# | 4 | Does the network need this region? | … | … |
# | 5 | What is this inner unit active for? | … | … |
# | 6 | Has the network learned to use the watermark? | … | … |
# | 7 | Which measurements tell sick from healthy? | … | … |

# %% [markdown]
# <details><summary>Ours</summary>
#
# | | method | beside it, because |
# |---|---|---|
# | 1 | gradient, SmoothGrad | how large a change is meant; not a word on what the pixel knows (15.5) |
# | 2 | LRP, integrated gradients | rules or baseline, the ledger, the map of another class (8, 15.2) |
# | 3 | PatternNet with $S_a$ | what it was fitted to; the map of an untrained network (15.6) |
# | 4 | occlusion, degradation | the fill; the same with edges, and in a random order (15.11) |
# | 5 | guided backprop, nine strongest images | other units, random weights: gates draw the image (7) |
# | 6 | no map: put it on and off, read the score | maps show that it is there (15.8) |
# | 7 | no map of a network: ask the data | suppressors (15.4); another network may use others |
#
# </details>
#
# Give yourself a point for each row whose last column names something that a reader could *check*. Where your
# method differs from ours and you can name the control that would settle the matter, take two.
#
# ## 15.11 Your report
#
# ### Exercise 15.6 — one network, two pages
# *Difficulty 4/5 · importance 5/5 · at most a weekend*
#
# Explain one network, your own or one of this course's, under these headings:
#
# 1. **Network and data.** What it was trained on, how accurate it is, and on which data.
# 2. **Question.** One sentence. Function, signal or attribution? Of the model or of the data?
# 3. **Method.** With all settings, and why it answers *this* question.
# 4. **Maps.** With scale and sign; chosen how, of how many?
# 5. **Controls.** At least two, with numbers beside the map's own, and intervals.
# 6. **A test that could have failed.** What would you have seen if you were wrong?
# 7. **Conclusion.** What is shown, what is not, what would change your mind.
# 8. **To repeat it.** Code, seeds, versions.

# %% [markdown]
# | points | for |
# |---|---|
# | 2 | a question that a map can answer, and a method that answers it |
# | 2 | a control that could have convicted the map, with its number |
# | 2 | a test whose outcome was open, with the number of images and an interval |
# | 2 | a conclusion no wider than the evidence; a finding against the author's hope is reported |
# | 1 | figures that can be read: scale, sign, how they were chosen |
# | 1 | somebody else can repeat it |
#
# Ten points. A report that finds *nothing* and shows it well has all of them.
#
# Here is the experiment for an example (degradation, lesson 12). The squares of 15.1 are covered, 4×4 pixels
# at a time, in the order of a map, until half of the image is gone, while we record the probability of the
# class. The lower the mean of that curve, printed as *area*, the better the map knows what the network needs.
# Edges and the maps of an untrained network are measured as well, as controls.
#
# > **Predict 9.** We fill a covered patch with its own mean, or with a blurred copy. What does the first do
# > to edges, and so to an order by edges?

# %%
asked = {name: lambda model, images, target, name=name: walk(name, model, images, target)
         for name in ("LRP", "input × gradient")}  # fmt: skip
settings = {"controls": True, "patch": 4, "steps": 32, "progress": False}
fallen = {
    fill: compare_degradation(net, x, asked, first, fill=fill, **settings) for fill in ("patch mean", "blur")
}
for each in fallen.values():
    print(each)
    for name in asked:
        less = each.curves[name].area - each.curves["edges (Sobel)"].area
        mean, low, high = mean_interval(less)
        print(f"{name} less edges, paired: {mean:+.3f} [{low:+.3f}, {high:+.3f}]")
figures.degraded(fallen)

# %% [markdown]
# **Answer to prediction 9.** The mean takes edges away, and leaves a flat patch as it is. So an order by
# edges does well, without any network. (Bars: 95 % intervals, by bootstrap over the squares.)
#
# **An example, half a page.**
#
# > **Network.** `cifar10_maxpool`, trained on CIFAR-10, 85.5 % of its test images right. Twelve squares of
# > six photos, none from CIFAR-10. **Question.** Does the network need the patches that LRP marks?
# > (Attribution, of the model.) **Method.** LRP with z⁺, from 1 in the class's map before the last ReLU;
# > patches of 4×4 by their sum; the mean probability over the first half of the patches.
# >
# > **Test.** Patches filled with their mean: .288, in random order .474 (paired difference −.186 [−.265,
# > −.072]). **Controls.** LRP of an untrained copy: −.126 [−.204, −.022]. Edges, which know no network: −.202
# > [−.274, −.092], and LRP less edges +.016 [−.017, +.053]. With a blurred fill: LRP −.101 [−.188, −.015],
# > edges −.084 [−.158, −.013], LRP less edges −.017 [−.056, +.029].

# %% [markdown]
# > **Conclusion.** We had hoped to show that LRP finds what the network needs. It beats a random order, but
# > on these squares it has not shown more than an edge filter, with either fill. Input × gradient has, with
# > the blurred one: less edges −.163 [−.231, −.096]; with the mean it has not (+.050 [−.012, +.123]). Not
# > shown: that this holds for CIFAR-10's images, or for other rules. The squares overlap in pairs, so the
# > intervals are too narrow. If LRP beat the edges with both fills on a hundred test images, we should change
# > our mind. **To repeat it:** the cell above; no seed but that of the untrained copy and of the random
# > order, 0.

# %% [markdown]
# ## 15.12 Where it fails
#
# - **All our controls convict; none acquits.** A map that survives them all has survived those that we
#   thought of.
# - **A planted truth is the truth of that problem.** Small images, known noise, networks of three layers: the
#   order of methods changes from problem to problem, and nobody knows which problem your photos are like.
# - **Marks can be optimised like any other number.** The cheat of 15.9 was made for one test. A method that
#   is tuned on a bench is made for that bench.
# - **We looked at one map at a time.** What people *do* with a map, whether they trust the network more than
#   they should, is measured with people.
#
# **Open question.** Suppose that you may publish one number beside every map, and only one. Which, and how
# would you cheat it?
#
# That is the end of the course. You came with the question what in an image made the network say *cat*. You
# leave with three questions in its place (function, signal, attribution), and the habit of asking what the
# same picture would look like if there were nothing to see.
#
# ## References
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim: *Sanity checks for saliency maps*,
#   NeurIPS 2018, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292). The cascade; edge detectors.
# - G. Yona, D. Greenfeld: *Revisiting sanity checks for saliency maps*, 2021, [arXiv
#   2110.14297](https://arxiv.org/abs/2110.14297). The task confounds the test.
# - R. Wilming, C. Budding, K.-R. Müller, S. Haufe: *Scrutinizing XAI using linear ground-truth data with
#   suppressor variables*, Machine Learning, 2022, [arXiv 2111.07473](https://arxiv.org/abs/2111.07473).
# - R. Wilming, L. Kieslich, B. Clark, S. Haufe: *Theoretical behavior of XAI methods in the presence of
#   suppressor variables*, ICML 2023, [arXiv 2306.01464](https://arxiv.org/abs/2306.01464). Two features.
# - B. Clark, R. Wilming, S. Haufe: *XAI-TRIS: non-linear image benchmarks to quantify false positive post-hoc
#   attribution of feature importance*, Machine Learning, 2024, [arXiv
#   2306.12816](https://arxiv.org/abs/2306.12816). Tetrominoes.
# - Clark et al. 2026, [arXiv 2602.09238](https://arxiv.org/abs/2602.09238). Watermarks.
# - C.-K. Yeh, C.-Y. Hsieh, A. S. Suggala, D. I. Inouye, P. Ravikumar: *On the (in)fidelity and sensitivity of
#   explanations*, NeurIPS 2019, [arXiv 1901.09392](https://arxiv.org/abs/1901.09392).
# - S. Haufe, R. Wilming, B. Clark et al.: *Explainable AI needs formalization*, 2024, [arXiv
#   2409.14590](https://arxiv.org/abs/2409.14590).
