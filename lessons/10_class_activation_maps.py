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
# # 10 · Class activation maps: where in the last layer?
#
# Most methods so far walked back to the pixels. A class activation map stops earlier: it takes the last maps
# of a network, which still have places (rows and columns), and asks which places speak for the class. Laid
# over a photo, such a map convinces at once. What does it say?
#
# **You will do:** compute CAM, Grad-CAM and Grad-CAM++ with pencil and paper; write their formulas and the
# size of a receptive field; judge maps of two objects; move a cat so that its map stays behind.
#
# **You will learn:** what the three are behind an average over all places; that a map which finds "both
# objects" may only be even; that the layer decides what is shown; to what a map is blind, and whose edges
# guided Grad-CAM shows.
#
# **You need:** lessons 7 (guided backprop, controls) and 8 (relevance).
#
# **Time:** 90 minutes, of which the cells run for about half a minute. All runs offline: a CIFAR-10 network
# that comes with minixai, and crops of three photos, of which only the cat belongs to a class of CIFAR-10.
# SqueezeNet is used, too, where its weights and class names (676 kB and 15 kB) are in `MINIXAI_DATA` or can
# be fetched once. Code BSD-3-Clause, text CC BY 4.0.

# %%
import json
import warnings
from pathlib import Path

import numpy as np
import pooch
from figures import class_activation_maps as figures  # needs lessons/figures/ beside this notebook
from figures.maps import sliders

import minixai as mx
from minixai.checks import activation_maps as checks
from minixai.checks import tell
from minixai.errors import WeightsNotFoundError
from minixai.methods import (
    cam,
    grad_cam,
    grad_cam_plus_plus,
    guided_backprop,
    guided_grad_cam,
    layer_relevance,
)
from minixai.similarity import cosine, rank_correlation

np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr

# %%
crops = {"cat": mx.data.photo("chelsea")[60:280, 100:320], "cup": mx.data.photo("coffee")[:, 100:500],
         "flower": mx.data.photo("flower")[:, 100:500]}  # fmt: skip
cnn = mx.models.pretrained("cifar10_maxpool").eval()
# A network, its classes, its last maps, and a class that is in no photo.
subjects = {"max pooling": (cnn, cnn.classes, "classifier.3", "truck")}
try:
    squeezenet, lines = mx.models.squeezenet1_0(weights="imagenet").eval(), mx.data.imagenet_labels()
except WeightsNotFoundError as error:
    print(f"SqueezeNet is left out. {error}")
else:
    words = [line.split(",")[0] for line in lines]
    subjects["SqueezeNet"] = (squeezenet, words, "features.12", "sports car")
inputs = {name: np.concatenate([net.preprocess(crop) for crop in crops.values()])
          for name, (net, *_) in subjects.items()}  # fmt: skip
for name, (net, words, layer, _) in subjects.items():
    best = net.predict(inputs[name]).argmax(axis=1)
    said = ", ".join(f"{crop} → {words[k]}" for crop, k in zip(crops, best, strict=True))
    shape = net.trace(mx.Tensor(inputs[name]))[1][layer][0].value.shape
    print(f"{name}: {said}; {layer} has {shape[1]} maps of {shape[2]}×{shape[3]} places")

# %% [markdown]
# ## 10.1 Three maps
#
# Zhou et al. (2016) look at networks with a simple end: the mean of each of the last maps $A^k$, then one
# dense layer. With $Z$ places $(i,j)$ the logit of class $c$ is
#
# $$S_c=\sum_k w_k^c\,\frac1Z\sum_{ij}A_{ij}^k+b_c
# =\frac1Z\sum_{ij}\underbrace{\sum_k w_k^c A_{ij}^k}_{M_{ij}^c}+b_c .$$
#
# All they do is change the order of the two sums. $M^c$ is the **class activation map**, CAM. *Its mean over
# the places, and the bias, are the logit*: nothing is lost, and nothing had to be walked back. Places where
# $M^c<0$ speak against the class.
#
# The smallest case: three maps of 2×2, and two classes,
#
# $$A^1=\begin{pmatrix}4&0\\0&4\end{pmatrix},\quad A^2=\begin{pmatrix}0&0\\2&0\end{pmatrix},\quad
# A^3=\begin{pmatrix}0&4\\0&2\end{pmatrix},\qquad
# \begin{aligned}w^\text{cat}&=(1,2,-1)\\w^\text{dog}&=(-1,0,-1)\end{aligned},\quad b=0 .$$
#
# > **Predict 1.** Work out $M^\text{cat}$ on paper. Which place speaks against the cat? What is the logit?

# %%
A = np.array([[[4.0, 0], [0, 4]], [[0, 0], [2, 0]], [[0, 4], [0, 2]]])  # (3 maps, 2, 2)
W = np.array([[1.0, 2, -1], [-1, 0, -1]])  # cat, dog
three = mx.nn.Sequential({"relu": mx.nn.ReLU(), "mean": mx.nn.AdaptiveAvgPool2d(1),
                          "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(3, 2)})  # fmt: skip
three.load_state_dict({"dense.weight": W, "dense.bias": np.zeros(2)})

by_hand = np.tensordot(W[0], A, 1)  # Σ_k w_k A^k
e = cam(three, A[None], target=0)
print(f"minixai's CAM is the same: {np.array_equal(e.layer_map[0], by_hand)}")
print(f"its mean is {by_hand.mean()}, the logit {e.score[0]}")
figures.numbers({"": {f"$A^{k}$, weight {w:g}".replace("-", "−"): each
                      for k, (w, each) in enumerate(zip(W[0], A, strict=True), 1)}
                     | {r"$M^\mathrm{cat}$": by_hand}})  # fmt: skip

# %% [markdown]
# **Answer to prediction 1.** The place at the top right, where only $A^3$ is active. The four places have the
# mean $(4-4+4+2)/4=1.5$, and so has the logit.
#
# ## 10.2 Grad-CAM: any end
#
# Many networks end otherwise, the older ones in several dense layers. Selvaraju et al. (2017) replace the
# weight of a map by the mean of its gradient, and cut off what is below zero:
#
# $$w_k=\frac1Z\sum_{ij}\frac{\partial S_c}{\partial A_{ij}^k},\qquad
# \text{map}=\mathrm{ReLU}\Big(\sum_k w_k A^k\Big).$$
#
# What is it for the end above? There $\partial S_c/\partial A_{ij}^k=w_k^c/Z$ at every place. The mean of $Z$
# equal numbers is that number: **before the ReLU, Grad-CAM is CAM$/Z$.**
#
# ### Exercise 10.1 — Grad-CAM before its ReLU
# *Difficulty 1/5 · importance 5/5 · at most 10 minutes*
#
# Write `grad_cam_map(maps, gradient)`: both float64 (k, h, w), the maps and $\partial S/\partial A$; the
# result float64 (h, w), *without* the ReLU. Worked example: `maps = [[[4, 0]], [[0, 2]]]` and `gradient =
# [[[1, 3]], [[-1, 0]]]`. The weights are $2$ and $-0.5$, the map is `[[8, -1]]`.
#
# <details><summary>Hint</summary>
#
# `gradient.mean(axis=(1, 2))` has shape (k,), and `np.tensordot(weights, maps, 1)` sums over k.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def grad_cam_map(maps, gradient):
#     return np.tensordot(gradient.mean(axis=(1, 2)), maps, 1)
# ```
#
# </details>


# %%
def grad_cam_map(maps, gradient):
    """Σ_k w_k·A^k (h, w), w_k the mean of the gradient over the places, from arrays (k, h, w)."""
    return None  # your lines


tell(checks.check_grad_cam_map, grad_cam_map)

# %% [markdown]
# **Checkpoint.** From here on we use minixai's functions, so you can go on whatever you wrote above.
#
# Our two networks end a little differently: a 1×1 convolution gives each *place* the classes' values
# $M_{ij}^c+b_c$, **a ReLU cuts them off at zero**, and then comes the mean.
#
# > **Predict 2.** Which gradient do places get at which the ReLU is shut? So by which factor does Grad-CAM,
# > before its own ReLU, differ from CAM$/Z$?

# %%
ends = {"max pooling": "classifier.4", "SqueezeNet": "classifier.1"}  # the 1×1 convolutions
for name, (net, _, layer, _) in subjects.items():
    x = inputs[name]
    mine, theirs = grad_cam(net, x, layer=layer, relu=False), cam(net, x)
    Z = mine.layer_map[0].size
    factor = np.median(mine.layer_map / (theirs.layer_map / Z), axis=(1, 2))
    values = net.trace(mx.Tensor(x))[1][ends[name]][0].value[np.arange(len(x)), mine.target]
    error = np.abs(mine.layer_map - factor[:, None, None] * theirs.layer_map / Z).max()
    print(f"{name}: Grad-CAM / (CAM / Z) is {factor}, the same at all places up to {error:.0e};\n"
          f"    share of places at which the ReLU is open: {(values > 0).mean(axis=(1, 2))}")  # fmt: skip

# %% [markdown]
# **Answer to prediction 2.** None. At a share $p$ of the places the gradient is $w_k/Z$, at the others 0; the
# mean is $p\,w_k/Z$, the same factor $p$ for every map. So it is still CAM, up to a factor. Only: the mean of
# CAM is now not the logit, since the ReLU has cut off the places that speak against the class. For a class
# that *no* place speaks for, $p=0$ (10.8).
#
# ## 10.3 Grad-CAM++: other weights
#
# Chattopadhay et al. (2018) were not content with the mean. Of two objects of one class, they argue, the
# larger makes the larger map and so gets the larger weight. They weigh each place,
#
# $$w_k=\sum_{ij}\alpha_{ij}^k\,\mathrm{ReLU}(g_{ij}^k),\qquad
# \alpha_{ij}^k=\frac{g^2}{2g^2+g^3\sum_{ab}A_{ab}^k},\qquad g=\frac{\partial S_c}{\partial A_{ij}^k},$$
#
# derived for $Y=e^{S}$ and a score that is linear in $A$: then $Y',Y'',Y'''$ are $g,g^2,g^3$ times $Y$.
#
# Their argument takes a gradient that is 1 on an object and 0 elsewhere: its mean grows with the object's
# area. Behind an average over all places it is otherwise. There $g=w_k/Z$ everywhere, whatever the object's
# size. Put it in, and write $c_k=w_k\cdot\frac1Z\sum A^k$ for what map $k$ *contributes to the logit*. Then
# $g\sum_{ab}A^k_{ab}=c_k$, and
#
# $$\alpha^k=\frac1{2+c_k},\qquad\boxed{\;w_k^{++}=\frac{\mathrm{ReLU}(w_k)}{2+c_k}\;}$$
#
# Two things happen: **what speaks against the class
# gets no weight**, and maps that contribute *much* are turned down. The authors' program divides α by its sum
# over the map, too ("normalised"); then α is $1/Z$ and **it is CAM$/Z$ with the negative weights set to
# zero**.

# %% [markdown]
# ### Exercise 10.2 — α
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `alpha(maps, gradient)`: float64 (k, h, w) each; the result float64 (k, h, w), and 0 where the
# denominator is 0. Worked example: `maps = [[[4, 0], [0, 4]]]`, and the gradient is ¼ at all four places.
# The denominator is $2\cdot\frac1{16}+\frac1{64}\cdot8=\frac14$, and α is $\frac1{16}/\frac14=\frac14$
# everywhere.
#
# <details><summary>Hint 1</summary>
#
# The sum is over the places of the *own* map: `maps.sum(axis=(1, 2), keepdims=True)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.divide(a, b, out=np.zeros_like(a), where=b != 0)`. The ReLU is not part of α.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def alpha(maps, gradient):
#     below = 2 * gradient**2 + gradient**3 * maps.sum(axis=(1, 2), keepdims=True)
#     return np.divide(gradient**2, below, out=np.zeros_like(gradient), where=below != 0)
# ```
#
# </details>


# %%
def alpha(maps, gradient):
    """Grad-CAM++'s α at each place, from arrays (k, h, w)."""
    return None  # your lines


tell(checks.check_alpha, alpha)

# %% [markdown]
# > **Predict 3.** For the three maps of 10.1, $c=(2,1,-1.5)$. What are the three weights of Grad-CAM++? Which
# > place gets the most?

# %%
hand = A[None]
shown = {
    "CAM / 4": by_hand / 4,
    "Grad-CAM": grad_cam(three, hand, 0, "relu").layer_map[0],
    "Grad-CAM++": grad_cam_plus_plus(three, hand, 0, "relu").layer_map[0],
    "++ normalised": grad_cam_plus_plus(three, hand, 0, "relu", formula="normalised").layer_map[0],
}
c = W[0] * A.mean(axis=(1, 2))
print(f"c = {c}, so the weights are {np.maximum(W[0], 0) / (2 + c)}")
for t in (0.01, 1, 100):  # the logits times t: no class moves in rank
    three.load_state_dict({"dense.weight": t * W, "dense.bias": np.zeros(2)})
    one, two = (method(three, hand, 0, "relu").layer_map[0] for method in (grad_cam, grad_cam_plus_plus))
    print(f"logits × {t:<5}: Grad-CAM {(one / one.max()).ravel()}, Grad-CAM++ {(two / two.max()).ravel()}")
three.load_state_dict({"dense.weight": W, "dense.bias": np.zeros(2)})
figures.numbers({"": shown})

# %% [markdown]
# **Answer to prediction 3.** $(1/4,\;2/3,\;0)$. The most goes to the bottom left, to the *small* map $A^2$:
# so far the authors' intention. The place that speaks against the cat is now merely neutral, and at the
# bottom right the 2 that $A^3$ takes off is forgotten.
#
# The printed lines show the price of the exponential: it has a unit. If all logits are multiplied by $t$,
# no decision changes, Grad-CAM keeps its form, and Grad-CAM++ does not. For small $t$ it is the normalised
# one; for large $t$ it tends to $A^k/\text{mean}(A^k)$, summed over all maps that speak for the class, *no
# matter how strongly they do*.
#
# And the denominator? With $A\ge0$ and $g>0$ it is positive. But if one names a convolution instead of its
# ReLU as the layer, $A$ has negative values, and $2+c_k$ may be zero or below. In the next cell a layer
# lowers $A^1$ by 5. Its mean is then $-3$, so $c_1=-3$, $\alpha=1/(2-3)=-1$, and the map that speaks *for*
# the cat gets the weight $-1$.

# %%
below = mx.nn.Sequential({"conv": mx.nn.Conv2d(3, 3, 1), "mean": mx.nn.AdaptiveAvgPool2d(1),
                          "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(3, 2)})  # fmt: skip
below.load_state_dict({"conv.weight": np.eye(3)[:, :, None, None], "conv.bias": np.array([-5.0, 0, 0]),
                       "dense.weight": W, "dense.bias": np.zeros(2)})  # fmt: skip
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    turned = grad_cam_plus_plus(below, hand, 0, "conv", relu=False)
print("\n".join(f"{w.category.__name__}: {w.message}" for w in caught))
print(f"Grad-CAM++ before its ReLU:\n{turned.layer_map[0]}")

# %% [markdown]
# A warning counts such places; the paper does not mention the case. ($Y'$ and $Y''$ in it are the derivatives
# of $Y=e^S$.) Now to the networks. Their ReLU before the mean makes the weights smaller by the share of open
# places, as in 10.2, and changes nothing else. Do the two formulas hold, up to that factor?

# %%
for name, (net, _, layer, _) in subjects.items():
    x = inputs[name][:1]
    maps = net.trace(mx.Tensor(x))[1][layer][0].value[0].astype(np.float64)
    plus, normalised = (grad_cam_plus_plus(net, x, layer=layer, formula=f, relu=False)
                        for f in ("exponential", "normalised"))  # fmt: skip
    w = net.state_dict()[f"{ends[name]}.weight"][plus.target[0]].ravel().astype(np.float64)
    part = w * maps.mean((1, 2))
    for what, weights, e in (("ReLU(w)/(2 + c)", np.maximum(w, 0) / (2 + part), plus),
                             ("ReLU(w)", np.maximum(w, 0), normalised)):  # fmt: skip
        ours = np.tensordot(weights, maps, 1)
        ours *= e.layer_map[0].max() / ours.max()
        print(f"{name}: {what} up to a factor: largest difference {np.abs(ours - e.layer_map[0]).max():.0e}")
    print(f"    c goes from {part.min():.2f} to {part.max():.2f}; {(w < 0).mean():.0%} of the weights are "
          "negative")  # fmt: skip

# %% [markdown]
# They hold: the differences are rounding. In the CIFAR network every contribution $c_k$ is small beside 2, so
# the two versions of Grad-CAM++ hardly differ. In SqueezeNet $c_k$ reaches 5, and the map with the largest
# contribution is turned down to $2/(2+5.2)=28$ %. In both, **Grad-CAM++ is CAM without the evidence against
# the class**, its weights more or less levelled.
#
# ## 10.4 On photos
#
# The layer's map has 6×6 or 13×13 places; to be laid over the photo it is enlarged, with values in between
# interpolated. The fourth method is *layer relevance*: LRP (lesson 8), stopped at the layer, summed over its
# maps and enlarged by the same function.
#
# > **Predict 4.** We ask for the network's class, and then for a vehicle, which is not in the photo. For
# > which of the methods do the two maps differ least? (10.3 has the reason.)


# %%
def methods_at(layer):
    """The four methods as functions (net, x, target) -> map."""
    return {
        "CAM": lambda net, x, target=None: cam(net, x, target),
        "Grad-CAM": lambda net, x, target=None: grad_cam(net, x, target, layer),
        "Grad-CAM++": lambda net, x, target=None: grad_cam_plus_plus(net, x, target, layer),
        "layer relevance": lambda net, x, target=None: layer_relevance(net, x, target, layer),
    }


# %%
def of_two_classes(name):
    """The cat by all four methods, for the network's class and for another one."""
    net, words, layer, other = subjects[name]
    x, rows = inputs[name][:1], {}
    for target in (int(net.predict(x)[0].argmax()), words.index(other)):
        with warnings.catch_warnings(action="ignore"):  # of a map without a value above 0
            found = {m: f(net, x, target) for m, f in methods_at(layer).items()}
        score = found["CAM"].score[0]
        against = found["CAM"].layer_map[0].flat[found["Grad-CAM++"].layer_map[0].argmax()]
        print(f"{words[target]}: where Grad-CAM++ is highest, CAM is {against:.1f}")
        rows[f"{words[target]}, logit {score:.1f}"] = (crops["cat"], {m: e.map[0].sum(axis=0)
                                                                     for m, e in found.items()})  # fmt: skip
    return figures.over_photos(rows)


of_two_classes("max pooling")

# %% tags=["thumbnail"]
of_two_classes("SqueezeNet" if "SqueezeNet" in subjects else "max pooling")

# %% [markdown]
# Red speaks for the class, blue against it; each map is on its own scale, which stands below. Now in
# numbers: the cosine between the map of the network's class and those of other classes, over the three
# photos. Maps that are nowhere negative have large cosines whatever they show. So below stand baselines,
# with weights $w_k$ drawn at random in the place of a class's: for CAM of either sign, for Grad-CAM the
# same with its ReLU, for Grad-CAM++ positive ones.

# %%
rng = np.random.default_rng(0)
for name, (net, _, layer, _) in subjects.items():
    x, logits = inputs[name], net.predict(inputs[name])
    ranked = np.argsort(-logits, axis=1)
    others = ranked[:, :: logits.shape[1] // 10].T[1:6]  # spread through the upper half of the ranking
    print(f"{name}, {len(x)} photos × 5 classes    median cosine, and the middle half")
    for method, f in methods_at(layer).items():
        with warnings.catch_warnings(action="ignore"):
            own = f(net, x, ranked[:, 0]).layer_map
            found = np.concatenate([cosine(own, f(net, x, other).layer_map) for other in others])
        low, middle, high = np.nanpercentile(found, (25, 50, 75))
        zeros = np.isnan(found).sum()
        print(f"{method:>22}: {middle:5.2f}  [{low:5.2f}, {high:5.2f}], maps of zeros left out: {zeros}")
    maps = net.trace(mx.Tensor(x))[1][layer][0].value
    weights = rng.normal(size=(11, len(x), maps.shape[1]))
    signed = np.einsum("dnk,nkhw->dnhw", weights, maps)
    positive = np.einsum("dnk,nkhw->dnhw", np.abs(weights), maps)
    for kind, each in {
        "either sign": signed,
        "with ReLU": np.maximum(signed, 0),
        "positive": positive,
    }.items():
        found = [cosine(each[0], other) for other in each[1:]]
        low, middle, high = np.nanpercentile(found, (25, 50, 75))
        print(f"{'random, ' + kind:>22}: {middle:5.2f}  [{low:5.2f}, {high:5.2f}]")

# %% [markdown]
# **Answer to prediction 4.** Those of Grad-CAM++: the median cosine is .97 and .83, where Grad-CAM has .55
# and .38, and CAM, which keeps its signs, .30 and −.16. The baselines put that into place. Positive weights
# alone make .99, since any such map shows where the layer is active *at all*; the ReLU alone makes .2 to
# .3. So in SqueezeNet the maps of Grad-CAM are about as different for two classes as for two draws of
# weights, in the CIFAR network less so; those of Grad-CAM++ are alike mostly because they have lost their
# negative weights.
#
# The cat's eye in SqueezeNet is the plainest case. CAM is negative there, since the eye speaks *against*
# Egyptian cat, and Grad-CAM++ has its highest value at that very place. And for a vehicle that is not there,
# the maps find red spots all the same: each is drawn on its own scale, so look at the logit beside it.

# %% [markdown]
# ## 10.5 Two objects: does Grad-CAM++ do what it was made for?
#
# A cat's face is put twice on grey, in opposite corners. The side of the smaller one goes from half of the
# larger one's to all of it: 32 images, all recognised as cats. The two squares are the *boxes*. Three marks:
# how high the peak in the one is beside that in the other, the weaker over the stronger; whether the map
# reaches half of its largest value in both; how much of the map lies in the boxes. (The picture shows one of
# the 32.) For SqueezeNet the same was measured on 64 photos (`python -m experiments two_objects`, 2 minutes);
# the cell reads the stored marks.
#
# > **Predict 5.** What do you expect of Grad-CAM++ for the cat? And for a truck, which is not there? And of a
# > map that has the same value everywhere?


# %%
def box_marks(maps, boxes):
    """The three marks of maps (n, h, w) ≥ 0 with boxes (n, 2, h, w)."""
    peaks = np.where(boxes, maps[:, None], 0).max(axis=(2, 3))
    highest = np.maximum(maps.max(axis=(1, 2)), 1e-12)
    inside = (maps * boxes.any(axis=1)).sum(axis=(1, 2)) / np.maximum(maps.sum(axis=(1, 2)), 1e-12)
    balance = peaks.min(axis=1) / np.maximum(peaks.max(axis=1), 1e-12)
    return {"weaker / stronger peak": balance, "both found": (peaks.min(axis=1) > highest / 2) * 1.0,
            "share inside": inside}  # fmt: skip


pairs, boxes = figures.two_on_grey(mx.data.photo("chelsea")[10:290, 90:370], size=32)
x, cat, truck = cnn.preprocess(pairs), cnn.classes.index("cat"), cnn.classes.index("truck")
print(f"{(cnn.predict(x).argmax(axis=1) == cat).mean():.0%} of {len(x)} are recognised as cats")
last = cnn.trace(mx.Tensor(x))[1]["classifier.3"][0].value
weights = np.abs(rng.normal(size=last.shape[:2]))
drawn = mx.ops.upsample(
    mx.Tensor(np.einsum("nk,nkhw->nhw", weights, last)[:, None]), size=32, mode="bilinear"
)
with warnings.catch_warnings(action="ignore"):
    found = {"Grad-CAM": grad_cam(cnn, x, cat), "Grad-CAM++": grad_cam_plus_plus(cnn, x, cat),
             "Grad-CAM++, truck": grad_cam_plus_plus(cnn, x, truck),
             "Grad-CAM, truck": grad_cam(cnn, x, truck)}  # fmt: skip
maps = {name: e.map.sum(axis=1) for name, e in found.items()}
maps |= {"random positive weights": drawn.value[:, 0], "the same everywhere": np.ones(x[:, 0].shape)}
marks = {"max pooling": {name: box_marks(each.astype(np.float64), boxes) for name, each in maps.items()}}
# %%
four = ("Grad-CAM", "Grad-CAM++", "Grad-CAM++, truck", "random positive weights")
titles = [*four[:3], "random weights ≥ 0"]
figures.over_photos({"": (pairs[1], {t: maps[name][1] for t, name in zip(titles, four, strict=True)})})

# %%
stored = json.loads(Path("../experiments/results/two_objects.json").read_text())["squeezenet"]["marks"]
keys = {"weaker / stronger peak": "balance", "both found": "both", "share inside": "inside"}
rows = {"Grad-CAM": "Grad-CAM", "Grad-CAM++": "Grad-CAM++, exponential",
        "Grad-CAM++, sports car": "[another class] Grad-CAM++",
        "Grad-CAM, sports car": "[another class] Grad-CAM",
        "random weights": "[weights at random]"}  # fmt: skip
marks["SqueezeNet (stored)"] = {name: {mark: np.array(stored[row][key]) for mark, key in keys.items()}
                                for name, row in rows.items()}  # fmt: skip
for network, of_rows in marks.items():
    for name, row in of_rows.items():
        print(f"{network:>20}, {name:<24} " + ", ".join(f"{mark} {v.mean():.2f}" for mark, v in row.items()))
controls = ("Grad-CAM++, truck", "Grad-CAM, truck", "random positive weights", "the same everywhere",
            "Grad-CAM++, sports car", "Grad-CAM, sports car", "random weights")  # fmt: skip
figures.marks(marks, controls)

# %% [markdown]
# **Answer to prediction 5.** (Bars: 95 % intervals, by bootstrap over the images; controls in grey.)
#
# - **SqueezeNet**: Grad-CAM finds both cats in all photos, so nothing is left to mend. Grad-CAM++ has *less*
#   of its map in the boxes (.81 against .88).
# - **The CIFAR network**: Grad-CAM finds both in 59 %, Grad-CAM++ in 94 %. Did it do what it was made for?
#   For a *truck* it finds both cats in 88 %, random positive weights do in 94 %, the same value everywhere
#   in 100 %. And here, too, it has *less* of its map in the boxes (.83 against .89).
#
# So "both found" can be had by being even. Grad-CAM++ becomes more even by leaving out what speaks against
# the class; nothing here shows that it knows more of the objects. And the argument about small objects has
# no hold behind an average, where Grad-CAM's weights are the layer's own, whatever an object's size (10.3).
# We have not tried photos with two objects in networks that end in dense layers.

# %% [markdown]
# **And one object?** minixai's bench (lesson 0) trains small networks to tell shapes apart, of which each
# image shows one at some place, and marks how well maps pick out its pixels, the *truth*. We look at ROC AUC,
# the probability that a pixel of the truth gets more than another; ½ is chance. (The other columns are
# defined in lesson 12.8.)
#
# > **Predict 6.** Will Grad-CAM++ be ahead of Grad-CAM? And where will positive weights drawn at random
# > stand?


# %%
def drawn_weights(model, x, target):
    """The map of the layer that Grad-CAM takes, with random positive weights."""
    layer = grad_cam(model, x, target).layer
    maps = model.trace(mx.Tensor(x))[1][layer][0].value
    weights = np.abs(rng.normal(size=maps.shape[:2]))
    coarse = mx.Tensor(np.einsum("nk,nkhw->nhw", weights, maps)[:, None])
    return mx.ops.upsample(coarse, size=x.shape[2:], mode="bilinear").value


marked = mx.evaluate.bench(
    {"Grad-CAM": grad_cam, "Grad-CAM++": grad_cam_plus_plus, "layer relevance": layer_relevance,
     "random positive weights": drawn_weights},
    ("rigid_white", "rigid_correlated"), effort="quick", progress=False,
)  # fmt: skip
print(marked)

# %% [markdown]
# **Answer to prediction 6.** By ROC AUC Grad-CAM++ is far ahead of Grad-CAM, .90 against .71. But **random
# positive weights have .91**, also on untrained networks (.78 each, against .57), and $|x|$, which
# asks no network, has .86. In these images the object is what is bright, and a sum of maps with positive
# weights shows where anything is active. (Two problems, one training, no interval. With shuffled labels the
# lead is nearly gone.)
#
# So both things are true: Grad-CAM++ marks one object better in the bench, and it does not help with two in
# SqueezeNet. Where it gains, here and above, weights that know nothing gain as much.

# %% [markdown]
# ## 10.6 What a place paints, and what it sees
#
# A value of the layer's map is painted over one cell of the photo, a bit more than 5×5 pixels of 32×32 in the
# CIFAR network. But the place that it belongs to has looked at more: each layer's windows lie on the windows
# of the layer below. What a place sees is its **receptive field** (lesson 6).
#
# ### Exercise 10.3 — the receptive field
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `receptive_field(kernels, strides)`: two lists of ints, from the first layer to the last; the result
# two ints: the side, in pixels, of the square that one place sees, and by how many pixels the squares of
# neighbouring places are apart. Worked example: kernels `[3, 2, 3]`, strides `[1, 2, 1]`. The first layer
# sees 3 pixels. The second adds 1 place, a pixel away: 4. From here on places are 2 pixels apart, so the
# third adds $2\cdot2$: 8. The result is `(8, 2)`.
#
# <details><summary>Hint</summary>
#
# Start with a side of 1 and steps of 1. A layer adds (kernel − 1) · (steps so far) to the side, *then*
# multiplies the steps by its stride.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def receptive_field(kernels, strides):
#     side, steps = 1, 1
#     for kernel, stride in zip(kernels, strides):
#         side += (kernel - 1) * steps
#         steps *= stride
#     return side, steps
# ```
#
# </details>


# %%
def receptive_field(kernels, strides):
    """The side of what a place sees, and the steps between neighbouring places, in pixels."""
    return None  # your lines


tell(checks.check_receptive_field, receptive_field)

# %% [markdown]
# > **Predict 7.** The CIFAR network has two 3×3 convolutions and a 3×3 pooling of stride 2, the same once
# > more, then a 3×3 and a 1×1 convolution. How much of a photo of 32×32 pixels does one place of the last
# > maps see? Which share of what it sees lies in the cell that it paints?


# %%
def reference_receptive_field(kernels, strides):
    side, steps = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        side, steps = side + (kernel - 1) * steps, steps * stride
    return side, steps


tell(checks.check_receptive_field, reference_receptive_field)

# %%
side, steps = reference_receptive_field([3, 3, 3, 3, 3, 3, 3, 1], [1, 1, 2, 1, 1, 2, 1, 1])
print(f"a place sees {side}×{side} pixels, and places are {steps} pixels apart")

leaf = mx.Tensor(inputs["max pooling"][:1])
maps = cnn.trace(leaf)[1]["classifier.3"][0]
slopes = np.zeros(leaf.shape[2:])
for k in range(maps.shape[1]):  # of every map, at the place in row 3, column 3, counted from 0
    start = np.zeros(maps.shape, np.float32)
    start[0, k, 3, 3] = 1
    slopes += np.abs(mx.backward(maps, start, wrt=[leaf])[leaf][0]).sum(axis=0)
rows, columns = np.nonzero(slopes > 1e-6 * slopes.max())  # what is smaller is rounding
print(f"the gradient reaches rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}")
painted = (np.arange(6) + 0.5) * 32 / 6 - 0.5  # where the enlarged map puts the centres of the places
centres = (rows.min() + rows.max()) / 2 + steps * np.arange(-3, 3)
print(f"centres painted: {painted.round(1)}\ncentres seen:    {centres}")
cell = (3 * 32 / 6, 3 * 32 / 6, 32 / 6)
share = slopes[16:21, 16:21].sum() / slopes.sum()
print(f"share of the gradient's size in the painted cell: {share:.1%}, by area {25 / 27**2:.1%}")
figures.field(crops["cat"], (rows.min(), columns.min(), np.ptp(rows) + 1), slopes, cell)

# %% [markdown]
# **Answer to prediction 7.** 27 of 32 pixels, so nearly all of the photo. About a tenth of the gradient's
# size lies in the cell that is painted, more than the 3 % of its area, and still nine tenths lie outside. A
# red cell says "a place that looks at a large part of the photo, most of all around here".
#
# The printed centres show more. The 3×3 convolution without padding has no places at the rim; the six
# places that are left stand 4 pixels apart, from pixel 4 to pixel 24, as the one that was measured looks at
# pixel 16. The enlarged map spreads them over the *whole* width, from 2.2 to 28.8. **The overlay is out of
# place by up to five pixels of 32**, most at the bottom right.

# %% [markdown]
# ## 10.7 The layer is a choice
#
# Grad-CAM takes any layer. An earlier one has more places, so a finer map. But there the argument of 10.2 is
# gone: the gradient differs from place to place, and its mean is a number that no place has. Layer relevance
# takes any layer, too. It can be LRP, with any table, or PatternAttribution, the table that lesson 12 makes
# (the pattern in the place of the weight), summed over the maps by the same function.
#
# > **Predict 8.** At the last layer, Grad-CAM and LRP look alike (10.4). Will they, three layers below? And
# > what of the sums of the maps: which should be the same at every layer?

# %%
layers = {
    "max pooling": [f"features.{k}" for k in (2, 4, 8, 10)] + ["classifier.1", "classifier.3"],
    "SqueezeNet": [f"features.{k}" for k in (3, 5, 7, 8, 10, 12)],
}
patterns = mx.rules.pattern_attribution(cnn.patterns, kind="linear")
ways = {"Grad-CAM": lambda *at: grad_cam(*at, relu=False), "LRP": layer_relevance}
by_layer = {}
for name, (net, _, _, _) in subjects.items():
    x, of_net = inputs[name][:1], dict(ways)
    if net is cnn:
        of_net["PatternAttribution"] = lambda *at: layer_relevance(*at, rules=patterns)
    with warnings.catch_warnings(action="ignore"):
        by_layer[name] = {way: {at: f(net, x, None, at) for at in layers[name]} for way, f in of_net.items()}
    first = by_layer[name]["Grad-CAM"]
    print(f"{name}: sum of the map / logit (and cosine with Grad-CAM), from the lowest layer to the last")
    print(f"{'':20} " + " ".join(f"{at:^14}" for at in first))
    for way, found in by_layer[name].items():
        print(f"{way:>20} ", end="")
        for at, e in found.items():
            alike = cosine(e.layer_map, first[at].layer_map)[0]
            print(f"{e.layer_map.sum() / e.score[0]:6.2f} ({alike:5.2f})", end=" ")
        print()

# %%
ledger = mx.methods.lrp(cnn, inputs["max pooling"][:1]).ledger
score = by_layer["max pooling"]["LRP"]["classifier.3"].score[0]
print(
    f"LRP down to the pixels, max pooling: {ledger.leaks['bias'][0] / score:.2f} of the logit went to biases"
)


def layer_by_layer(name):
    """Each way at each layer, over the cat, in the places of the layer."""
    rows = {way: (crops["cat"], {f"{at}, {e.layer_map.shape[1]}²": e.layer_map[0] for at, e in found.items()})
            for way, found in by_layer[name].items()}  # fmt: skip
    return figures.over_photos(rows)


layer_by_layer("SqueezeNet" if "SqueezeNet" in subjects else "max pooling")

# %% [markdown]
# **Answer to prediction 8.** (For one photo.) At the last layer the cosines of Grad-CAM and LRP are .99 and
# .89. Below they lie between −.60 and .49 in one network, between .51 and .80 in the other, and in the CIFAR
# network even the sign of Grad-CAM's sum changes from layer to layer: it is a share of nothing.
#
# LRP hands the same logit down at every layer. In SqueezeNet all of it arrives; in the CIFAR network biases
# take their part, as the ledger says. PatternAttribution loses it at the gates (lesson 12). That a sum is
# kept is bookkeeping, here as in lesson 8: it makes maps of two layers comparable, and neither of them
# right. (The dots of LRP below a max pooling, as in SqueezeNet's features.10, are the places that won it.)
#
# Choose a layer, a method and a class yourself in the cell below; beside your layer stands the last one. At
# which layer does the map look most like a reason for your class? Remember your choice.


# %%
tried = ways | {
    "Grad-CAM++": grad_cam_plus_plus,
    "PatternAttribution": lambda *at: layer_relevance(*at, rules=patterns),
}


def at_two_layers(photo, method, layer, category):
    """A photo, and its map by a method for a class of CIFAR-10: at a layer, and at the last one."""
    x = inputs["max pooling"][[list(crops).index(photo)]]
    with warnings.catch_warnings(action="ignore"):
        pair = {at: tried[method](cnn, x, cnn.classes.index(category), at) for at in (layer, "classifier.3")}
    score = pair[layer].score[0]
    drawn = {f"{method},\n{at}": e.layer_map[0] for at, e in pair.items()}
    return figures.over_photos({f"{category}, logit {score:.1f}": (crops[photo], drawn)})


at_two_layers("cat", "Grad-CAM", "features.8", "truck")

# %%
sliders(at_two_layers, {"photo": list(crops), "method": list(tried), "layer": layers["max pooling"],
                        "category": cnn.classes})  # fmt: skip

# %% [markdown]
# With so many layers one can choose. Somebody *wishes* that the map lay in a certain part of the photo. We
# draw 200 boxes, a quarter of the photo each, at random, and let the wish choose the layer after a look at
# the maps, as you did: first among six layers of Grad-CAM, then among these and the six of LRP.

# %%
x, rng, chosen = inputs["max pooling"], np.random.default_rng(1), {}
tops = rng.integers(0, 17, size=(200, 2))  # boxes of 16×16 pixels in 32×32
with warnings.catch_warnings(action="ignore"):
    families = {
        "one layer, the last": [grad_cam(cnn, x, layer="classifier.3").map],
        "the best of six layers": [grad_cam(cnn, x, layer=at).map for at in layers["max pooling"]],
    }
by_lrp = [np.maximum(layer_relevance(cnn, x, layer=at).map, 0) for at in layers["max pooling"]]
families["the best of six layers, two methods"] = [*families["the best of six layers"], *by_lrp]
for name, family in families.items():
    flat = [each.sum(axis=1) / each.sum(axis=(1, 2, 3))[:, None, None] for each in family]
    shares = np.array([[each[:, i : i + 16, j : j + 16].sum(axis=(1, 2)) for i, j in tops] for each in flat])
    chosen[name] = shares.max(axis=0).mean(axis=1)  # over the three photos
    print(f"{name}: {chosen[name].mean():.2f} of the map lies in a wished-for box")
chosen = {"an even map": np.full(len(tops), 0.25)} | chosen
figures.wishes(chosen)

# %% [markdown]
# Of the last layer's map .32 lies in such a box, little more than of an even map (.25). If the wish may
# choose among six layers, .46, and with a second method .48. (Lines: 95 % intervals, by bootstrap over the
# boxes; the mean over three photos.) None of this is about the network: it is what *choosing after the
# look* earns. So name the layer, with a reason, before you see the maps, or show all of them.

# %% [markdown]
# ## 10.8 Where it is blind
#
# **The last ReLU.** A class that nothing speaks for has an empty map, and it is the same for *no evidence*
# and *much evidence against it*. In the small network of 10.1 the dog's weights are $(-1,0,-1)$. In networks
# with a ReLU before the mean, the gradient is 0 as well.
#
# **Above the layer.** Let a dense layer with a weight for every place follow. Only its *mean* gradient enters
# Grad-CAM. So we take one map with two spots, and two networks: one reads the upper left spot only, the other
# the lower right one.
#
# > **Predict 9.** How do the two maps differ? Would layer relevance tell the two networks apart?


# %%
def empty(title, net, x, target, layer):
    """Print what Grad-CAM and CAM say of a class, and how Grad-CAM warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        e, signed = grad_cam(net, x, target, layer), cam(net, x, target).layer_map
    print(f"{title}: logit {e.score[0]:.2f}, Grad-CAM at most {e.map.max():.1g}, "
          f"CAM from {signed.min():.2f} to {signed.max():.2f}")  # fmt: skip
    for w in caught[:1]:
        print(f"    {w.category.__name__}: {w.message}")


empty("dog", three, hand, 1, "relu")
for name, (net, words, layer, _) in subjects.items():
    x = inputs[name][1:2]
    empty(f"{name}, cup, {words[net.predict(x)[0].argmin()]}", net, x, int(net.predict(x)[0].argmin()), layer)

spots, two_spots = {}, np.array([[[[1.0, 0], [0, 1]]]])
rules = mx.rules.composite(dense=mx.rules.epsilon(0))
for reads, place in {"reads upper left": 0, "reads lower right": 3}.items():
    dense = mx.nn.Sequential({"relu": mx.nn.ReLU(), "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(4, 1)})
    dense.load_state_dict({"dense.weight": 4 * np.eye(4)[[place]], "dense.bias": np.zeros(1)})
    relevance = layer_relevance(dense, two_spots, 0, "relu", rules=rules)
    spots[f"{reads}:\nGrad-CAM"] = grad_cam(dense, two_spots, 0, "relu").layer_map[0]
    spots[f"{reads}:\nlayer relevance"] = relevance.layer_map[0]
figures.numbers({"": spots})

# %% [markdown]
# **Answer to prediction 9.** Not at all: both have the mean gradient 1, and Grad-CAM paints both spots, of
# which each network reads one. Layer relevance, here, multiplies *before* it takes means,
# $\sum_kA^k\odot\partial S/\partial A^k$, and tells them apart. Draelos and Carin (2020) propose that sum
# under the name HiResCAM. Behind an average over all places it is CAM$/Z$ again.
#
# And the printed lines: dog and stork get the same empty map as a class that nothing in the photo has to do
# with, and deer, in the CIFAR network, one that is all but empty. CAM before any ReLU says what there is:
# evidence *against*, at nearly all places.
#
# ## 10.9 Guided Grad-CAM: whose detail?
#
# Maps are coarse, and Selvaraju et al. propose to multiply: the enlarged Grad-CAM says *where*, guided
# backprop shows the *detail*. Lesson 7 has told whose detail that is: guided backprop shows the photo,
# whatever the class, and most of all without training. How much of the product is left to the network?
#
# > **Predict 10.** We replace the factor guided backprop by something that knows less: guided backprop of
# > another class, of an untrained network, the photo's edges (Sobel), noise. Rank the products by how like
# > guided Grad-CAM they are (by the rank correlation of lesson 9, over the pixels where Grad-CAM is above 0).


# %%
def size(values):
    """|the sum over the channels| (n, h, w)."""
    return np.abs(np.asarray(values).sum(axis=1))


def likeness(one, other, where):
    """The rank correlation of two maps (n, h, w) over each image's pixels with where > 0."""
    return np.array([rank_correlation(a[lit][None], b[lit][None])[0]
                     for a, b, lit in zip(one, other, where > 0, strict=True)])  # fmt: skip


# %%
details = {}
for name, (net, words, layer, other) in subjects.items():
    x, target, another = inputs[name], net.predict(inputs[name]).argmax(axis=1), words.index(other)
    with warnings.catch_warnings(action="ignore"):
        untrained = mx.evaluate.untrained(net, 1)  # explained for the class that it prefers
        where, own = size(grad_cam(net, x, target, layer)), size(guided_backprop(net, x, target))
        factors = {
            "× another class": size(guided_backprop(net, x, another)),
            "× untrained": size(guided_backprop(untrained, x)),
            "× edges (Sobel)": size(mx.methods.sobel_edges(net, x)),
            "× noise": size(mx.methods.random_map(net, x)),
            "× 1": np.ones(own.shape),
        }
        of_other = size(guided_grad_cam(net, x, another, layer))
    details[name] = {"guided Grad-CAM": where * own, "all of another class": of_other}
    details[name] |= {what: where * factor for what, factor in factors.items()}
    print(f"{name:>20}  the product               the detail alone, with guided backprop; {', '.join(crops)}")
    for what, each in details[name].items():
        has_detail = what in factors and what != "× 1"
        alone = likeness(factors[what], own, where) if has_detail else ""
        print(f"{what:>20}: {likeness(each, where * own, where)!s:<24} {alone}")

# %%
name = "SqueezeNet" if "SqueezeNet" in subjects else "max pooling"
titles = {"guided Grad-CAM": "guided Grad-CAM", "× another class": "× another class's\nguided backprop",
          "× untrained": "× untrained\nguided backprop", "× edges (Sobel)": "× edges of the photo",
          "all of another class": "guided Grad-CAM\nof another class"}  # fmt: skip
figures.details(crops["cat"], {title: details[name][key][0] for key, title in titles.items()})

# %% [markdown]
# **Answer to prediction 10.** In the table on the left stand the products. Grad-CAM times noise has rank
# correlations from .4 to .6, and in SqueezeNet Grad-CAM times *1*, without any detail, has .7 to .8, as
# much as most of the others. The number says mostly that all these products share a factor, and cannot
# answer the question.
#
# So look on the right at the detail alone, where noise has 0. The untrained network's guided backprop has
# .3 to .5, and the photo's edges .2 to .5, both without any knowledge of a class; another class's has .3 to
# .8. (Three photos, one untrained network: read the ranges, not the decimals. nan: nothing came back for
# that class.) So a good part of the detail, not all of it, is there whatever the class.
#
# Does the product tell classes apart? With both factors of another class −.2 to .3 are left, with only guided
# backprop's exchanged .5 to .9. It is the coarse factor that knows the class.
#
# **Where guided Grad-CAM tells classes apart, it is mostly as finely as Grad-CAM does**, in 6×6 or 13×13
# places. Its fine lines look like evidence, and are not known to be any.

# %% [markdown]
# ## 10.10 Below the layer
#
# A class activation map sees the layer's maps and what comes *above*. What came before it does not enter.
# That the places of the layer are those of the photo is an assumption, and the enlarged map has it built
# in.
#
# ### Exercise 10.4 — hide a move (investigation)
# *Difficulty 4/5 · importance 5/5 · at most 25 minutes*
#
# Put a first convolution before the network that does nothing but *move* the image, and move the cat in the
# image the opposite way. Then every layer behind it gets what it got before, and the cat stands elsewhere.
#
# Write `moving_filter(rows, columns)`: the float64 weights (3, 3, k, k), output channel first,
# $k=2\max(|\text{rows}|,|\text{columns}|)+1$, of a convolution with padding $\lfloor k/2\rfloor$ that moves
# each channel down by `rows` and right by `columns`; negative ones move up and left. Worked example:
# `moving_filter(0, 1)` is 3×3, and every channel passes only to itself, with the 1 *left* of the centre:
# $y_{ij}=x_{i,j-1}$.
#
# Then run the cell below it with moves of your own, and with an earlier layer. Judge in three sentences: what
# the map still says rightly, what the overlay says wrongly, and which control notices.
#
# <details><summary>Hint</summary>
#
# $y_{ij}=\sum_{ab}w_{ab}\,x_{i+a-m,\,j+b-m}$ with $m=\lfloor k/2\rfloor$. For which $a$ is
# $i+a-m=i-\text{rows}$?
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def moving_filter(rows, columns):
#     middle = max(abs(rows), abs(columns))
#     weights = np.zeros((3, 3, 2 * middle + 1, 2 * middle + 1))
#     for channel in range(3):
#         weights[channel, channel, middle - rows, middle - columns] = 1
#     return weights
# ```
#
# </details>


# %%
def moving_filter(rows, columns):
    """Weights (3, 3, k, k) of a convolution that moves an image down by rows and right by columns."""
    return None  # your lines


tell(checks.check_moving_filter, moving_filter)


# %%
def reference_moving_filter(rows, columns):
    middle = max(abs(rows), abs(columns))
    weights = np.zeros((3, 3, 2 * middle + 1, 2 * middle + 1))
    weights[range(3), range(3), middle - rows, middle - columns] = 1
    return weights


def moved(rows, columns):
    """The network behind a convolution that moves images, and the image of a cat that stands elsewhere."""
    weights = reference_moving_filter(rows, columns).astype(np.float32)
    mover = mx.nn.Conv2d(3, 3, weights.shape[2], padding=weights.shape[2] // 2, bias=False)
    mover.load_state_dict({"weight": weights})
    x, box = np.zeros((1, 3, 32, 32), np.float32), np.zeros((32, 32), bool)  # 0 is the mean colour
    top, left = -rows, -columns
    x[0, :, top : top + 16, left : left + 16] = cnn.preprocess(crops["cat"])[0, :, ::2, ::2]
    box[top : top + 16, left : left + 16] = True
    return mx.nn.Sequential({"mover": mover, "network": cnn}).eval(), x, box


tell(checks.check_moving_filter, reference_moving_filter)

# %%
there = {"at rest": moved(0, 0), "moved": moved(-16, -16)}  # choose your own: −16 to 0 keep all of the cat
rows, found = {}, []
for title, (net, x, box) in there.items():
    e = grad_cam(net, x, cat, "network.classifier.3")
    covered = mx.methods.occlusion(net, x, cat, patch=4, stride=2, progress=False).map[0].sum(axis=0)
    answers = {"Grad-CAM": e.map[0].sum(axis=0), "occlusion, above 0": np.maximum(covered, 0)}
    rows[title] = (cnn.preprocess.photos(x)[0], answers)
    found.append(e.layer_map)
    inside = ", ".join(f"{name} {(each * box).sum() / each.sum():.2f}" for name, each in answers.items())
    print(f"{title}: logit {e.score[0]:.3f}; share in the cat's box, {box.mean():.2f} of the image: {inside}")
print(f"largest difference of the two layer maps: {np.abs(found[0] - found[1]).max():.0e}")
figures.over_photos(rows)

# %% [markdown]
# <details><summary>Three sentences, as one might write them</summary>
#
# Map and logit are those of the cat at rest, and of the *layer's places* the map is still right: those at
# the upper left made the score. Laid over the photo it is wrong: .13 of it lies in the box with the cat,
# less than the box's share of the image, .25, since a map of a layer knows nothing of what the layers below
# have done to the places. Occlusion changes pixels and asks the whole network; .97 of it lies on the cat
# after the move, so a control that touches the *input* finds what no map of a layer can.
#
# </details>
#
# ## 10.11 Where it fails
#
# - **Coarse and out of place.** A cell is what a place *paints*; it sees a large part of the photo, and
#   borders move the overlay (10.6).
# - **One number a map.** Grad-CAM's mean forgets which place counted (10.8); Grad-CAM++ also forgets what
#   speaks against the class (10.3).
# - **Silent below zero.** An empty map has two opposite meanings (10.8).
# - **A choice.** The layer decides what is seen, and may be chosen by it (10.7).
# - **Detail that is not its own.** Guided Grad-CAM's comes from the photo (10.9).
# - **Blind downwards.** Nothing below the layer enters (10.10).
#
# What remains is sound, and modest: *behind an average over all places, and one dense layer, CAM says exactly
# what each place of the last maps gives to the logit.*
#
# **Open question.** In 10.6 one place sees nearly all of the photo, and yet maps lie on objects. What in
# training makes a place speak of what is *near its centre*? How would you measure it, and in what network
# would you expect it to fail?
#
# ## References
# - B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba: *Learning deep features for discriminative
#   localization*, CVPR 2016, [arXiv 1512.04150](https://arxiv.org/abs/1512.04150). CAM.
# - R. R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra: *Grad-CAM: visual explanations
#   from deep networks via gradient-based localization*, ICCV 2017, [arXiv
#   1610.02391](https://arxiv.org/abs/1610.02391). Grad-CAM, guided Grad-CAM.
# - A. Chattopadhay, A. Sarkar, P. Howlader, V. N. Balasubramanian: *Grad-CAM++: generalized gradient-based
#   visual explanations for deep convolutional networks*, WACV 2018,
#   [arXiv 1710.11063](https://arxiv.org/abs/1710.11063).
# - R. L. Draelos, L. Carin: *Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
#   neural networks*, 2020, [arXiv 2011.08891](https://arxiv.org/abs/2011.08891).
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim: *Sanity checks for saliency maps*,
#   NeurIPS 2018, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292). Untrained networks and edges as
#   controls.
