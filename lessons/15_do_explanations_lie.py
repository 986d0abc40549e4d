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
# You can now make a dozen maps of one photo, and most of them look convincing. Which may be believed, and
# what for? This lesson collects the tests, says what each one shows, and shows that none of them is enough.
#
# **You will do:** pick out maps in a line-up; design a control; find the bug in a test that everybody passes;
# compute by hand how much a map gives to a feature that knows nothing; write a map that cheats; give a
# verdict; write a report on a network.
#
# **You will learn:** to ask two questions apart, *is it faithful to the model?* and *is it right about the
# data?*; why edges look like explanations; what a randomisation test shows and what not; why a correct map
# can point at a suppressor.
#
# **You need:** lesson 5 (signal, distractor), lesson 7 (guided backprop), lesson 8 (LRP). Lessons 11 and 12
# help with the rows of the pattern methods.
#
# **Time:** 100 minutes, of which the cells run about 30 seconds, offline: a CIFAR-10 network that comes with
# minixai, scikit-image's photos, and images that we draw. One section reads the stored marks of a longer run
# from this repository; without that file it goes on with a short run of its own. Code BSD-3-Clause, text
# CC BY 4.0.

# %%
from math import erf, exp, pi, sqrt
from pathlib import Path

import numpy as np
from figures import do_explanations_lie as figures

import minixai as mx
from minixai.checks import controls as checks
from minixai.checks import tell
from minixai.data import suppressor_2d, watermarked
from minixai.evaluate import Bench, bench, infidelity, marks, randomise, untrained
from minixai.evaluate.problems import PROBLEMS, Samples, train
from minixai.similarity import edges, rank_correlation

np.set_printoptions(precision=3, suppress=True)

net = mx.models.pretrained("cifar10_maxpool").eval()
names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
photos = [mx.data.photo(name) for name in names]
corners = [(photo, int(0.8 * min(photo.shape[:2]))) for photo in photos]
squares = [square for photo, side in corners for square in (photo[:side, :side], photo[-side:, -side:])]
x = net.preprocess(squares)  # (12, 3, 32, 32): two overlapping squares of each photo
first, second = np.argsort(-net.predict(x), axis=1)[:, :2].T
print(f"{net.about['test accuracy']} of CIFAR-10's test images right")
print("our squares:", ", ".join(net.classes[k] for k in first))

# %% [markdown]
# The photos are none of CIFAR-10's, and of what they show only the cat is one of its ten classes. That is no
# loss here. We ask whether a map is about the network, whatever the network takes the photo for.
#
# ## 15.1 A line-up
#
# Six maps of one photo, by the size of their values (white is strong, each on its own scale).
#
# > **Predict 1.** Three come from the trained network, two from the same network with random weights, and one
# > from no network at all. Write down which.

# %% tags=["thumbnail"]
methods = {
    "gradient": mx.methods.gradient,
    "input × gradient": mx.methods.input_x_gradient,
    "guided backprop": mx.methods.guided_backprop,
    "LRP": mx.methods.lrp,
    "deep Taylor": mx.methods.deep_taylor,
}
controls = {"edges": mx.methods.sobel_edges, "|x|": mx.methods.input_size, "random": mx.methods.random_map}
blank = untrained(net, seed=1)  # every layer drawn anew


def heat(name, model, images, target):
    """The maps by size (n, h, w), summed over the colours, of the class's feature map as in lesson 7."""
    if name in controls:
        return np.abs(np.asarray(controls[name](model, images))).sum(axis=1)
    which = [{"layer": "classifier.4", "neuron": (k,), "seed": "one"} for k in target]
    each = [methods[name](model, image[None], **unit) for image, unit in zip(images, which, strict=True)]
    return np.abs(np.concatenate(each)).sum(axis=1)


suspects = [("deep Taylor", blank), ("guided backprop", net), ("edges", None), ("gradient", net),
            ("guided backprop", blank), ("LRP", net)]  # fmt: skip
line_up = [heat(name, model or net, x[:1], first[:1])[0] for name, model in suspects]
figures.line_up(net.preprocess.photos(x[:1])[0], line_up)

# %%
for letter, (name, model) in zip("ABCDEF", suspects, strict=True):
    state = {id(net): "trained", id(blank): "random weights"}.get(id(model), "no network")
    print(f"{letter}: {name}, {state}")

# %% [markdown]
# **Answer to prediction 1.** It is printed above. If you had two or more wrong, you are in good company: the
# edge filter C and the untrained E have a cat in them, and the trained gradient D has none that one could
# see. **What a map looks like says little about where it comes from.** We need numbers, and something to
# hold them against.
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
# We measure likeness by Spearman's rank correlation of the maps' sizes: 1 for the same order of pixels, 0
# for nothing in common.
#
# > **Predict 2.** Which row will be most like the edges, a method that needs a network? And which is most
# > like its own map for another class?

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
# (Medians over the twelve squares; printed with them the least and the largest.)
#
# **Answer to prediction 2.** TODO
#
# ### Exercise 15.1 — a control by exchange
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# A paper says: "*48 % of the map lies on the object's outline, which is only 20 % of the image.*" A map that
# is the same for every image could do that, if objects stand in the middle. Design the control: lay the map
# of one image over the outline of *another*.
#
# Write `excess(maps, regions)`: `maps` float64 (n, h, w), `regions` bool (n, h, w). The share of map $i$ in
# region $j$ is $\sum|m_i|r_j/\sum|m_i|$. Return the mean share in the own region, $i=j$, less the mean over
# all pairs $i\ne j$. Worked example: `maps = [[[3, -1]], [[1, 1]]]`, `regions = [[[True, False]], [[False,
# True]]]`: own shares $\tfrac34$ and $\tfrac12$, others' $\tfrac14$ and $\tfrac12$, so
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
# **Answer to prediction 3.** TODO
#
# ## 15.3 Take away what was learned
#
# Adebayo et al. (2018) make the untrained network in steps: **a cascade.** Forget the last layer, then the
# last two, and so on to the first, and compare each map with that of the trained network. A map that stays
# does not depend on what was forgotten.
#
# An author reports the next figure. "*We randomised the network layer by layer. All methods pass: as soon as
# anything is forgotten, the map is gone.*" The code is below it, and the figure is true to the code.
#
# > **Predict 4.** Guided backprop passes, against 15.2, where it was alike with and without training. What in
# > these curves cannot be?


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
# ### Exercise 15.2 — a curve that is wrong
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Find the bug. Then write `cascade(weights, layers, draw)`: `weights` a state dict, name → array; `layers`
# the names of the layers from the first to the last, layer `"a"` has the arrays `"a.weight"` and, it may be,
# `"a.bias"`; `draw(array)` gives other values for an array. Return a list of `len(layers)` state dicts, in
# the k-th of which the last k + 1 layers are drawn anew. A layer that has been drawn stays as drawn, and
# `weights` stays as it was. Worked example: for `{"a.weight": [1], "b.weight": [2]}`, layers `("a", "b")` and
# a `draw` that gives zeros: `[{"a.weight": [1], "b.weight": [0]}, {"a.weight": [0], "b.weight": [0]}]`.
#
# <details><summary>Hint 1</summary>
#
# The curves are level: not just low, but the same number at every layer. When do nine networks have the same
# map?
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
# The list had nine references to one dictionary. When the loop was over, all layers of "each" were drawn.
#
# </details>


# %%
def cascade(weights, layers, draw):
    """State dicts, the k-th with the last k + 1 layers drawn anew."""
    return authors_cascade(weights, layers, draw)  # mend it


tell(checks.check_cascade, cascade)

# %% [markdown]
# **Answer to prediction 4.** They are level to the last digit, although each step forgets one more layer. **A
# control has bugs like any other code, and a bug in a control is believed more easily, because it says what
# everybody hoped.** A control needs a control of its own: a map that must fail (edges), and one that must
# change.
#
# **Checkpoint.** Left the author's curve, right the mended one, with edges and another photo's map (dashed)
# as what they are to be read against.


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
    print(f"{name:>16}: {a:5.2f} without the last layer, {b:5.2f} without any; another photo {floors[name]:.2f}")
figures.cascades({"the author's": authors, "mended": mended}, layers[::-1], floors)

# %% [markdown]
# TODO reading.
