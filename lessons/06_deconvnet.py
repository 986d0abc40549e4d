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
# # 6 · DeConvNet: the way back from a feature map to pixels
#
# Somewhere inside a network a number is large. Which part of the image made it so, and what does it
# look like? Zeiler and Fergus walk back to the pixels through the same layers, each reversed. It was
# one of the first looks at what a trained network does beyond its first layer.
#
# **You will do:** stamp transposed filters; project one activation by hand; find the bugs planted in five
# walks; take the switches away; slide a grey square over an image; give a similarity its baseline.
#
# **You will learn:** what switches are and how much of the picture comes from them; how DeConvNet differs
# from the gradient by a single rule; when its pictures are of the image rather than of what the network
# looks for.
#
# **You need:** lesson 2 (convolution, max pooling, unpooling) and lesson 1 (a tape that is walked back).
#
# **Time:** 75 minutes, of which the cells run for about 15 seconds. Everything works offline, on
# scikit-learn's digits (1 797 images of 8×8 pixels, a copy of a UCI test set, not MNIST). One cell puts a
# photo through SqueezeNet, whose weights (676 kB) are taken from `MINIXAI_DATA` or fetched once; without them
# it is left out. Code BSD-3-Clause, text CC BY 4.0.

# %%
import warnings

import numpy as np
import pooch
from figures import deconvnet as figures  # needs lessons/figures/ beside this notebook
from figures import maps
from figures.digits import digits, network

import minixai as mx
from minixai.checks import deconvnet, tell
from minixai.errors import WeightsNotFoundError

np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr

images, labels = digits()  # (1797, 1, 24, 24), enlarged
net = network(seed=0)
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=4, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
test, test_labels = images[1400:], labels[1400:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")
print(" → ".join(name for name, _ in net.named_children()))

# %% [markdown]
# ## 6.1 Unpooling with switches
#
# To see what a unit responds to, set all other activations of its layer to zero and walk back:
#
# | forward | DeConvNet, backward |
# |---|---|
# | convolution with filters $w$ | convolution with the **transposed** filters |
# | ReLU | ReLU, **applied to what comes back** |
# | max pooling | **unpooling**: the value goes to where the maximum was |
#
# Max pooling forgets where in its window the maximum was, but DeConvNet remembers: on the way forward each
# window leaves a **switch**, the index of its maximum. You wrote both directions in lesson 2 (exercises 2.5
# and 2.6).
#
# > **Predict 1.** A digit is pooled by 4×4 and then unpooled. What is missing? And what if the value is put
# > in the upper left pixel of each window, whatever the switch?

# %% tags=["thumbnail"]
x = mx.Tensor(test[:1])
pooled = mx.ops.max_pool2d(x, 4)
with_switches = mx.ops.max_unpool2d(pooled, mx.ops.switches(pooled), (24, 24)).value[0, 0]
without = np.zeros((24, 24))
without[::4, ::4] = pooled.value[0, 0]

g = np.random.default_rng(0).normal(size=pooled.shape).astype(np.float32)
gradient = mx.backward(pooled, g, wrt=[x])[x]
unpooled = mx.ops.max_unpool2d(g, mx.ops.switches(pooled), (24, 24)).value
print("unpooling with switches is the gradient of max pooling:", np.array_equal(gradient, unpooled))
panels = {"image": x.value[0, 0], "pooled by 4×4": pooled.value[0, 0]}
figures.pooled_and_back(panels | {"unpooled with switches": with_switches, "… without": without}, windows=4)

# %% [markdown]
# **Answer to prediction 1.** One value of each window survives. With the switches it returns to its own
# place, and the strokes can still be made out; without them all that is left is a grid.
#
# The printed line matters more than it seems to: **unpooling with switches is nothing new**, it is what the
# gradient does at a max pooling layer. The same will turn out to be true of convolution, so that ReLU alone
# makes the difference.
#
# ## 6.2 Rectification
#
# On the way forward a ReLU passes $f$ where $f>0$, and the gradient sends the cotangent $g$ through the same
# gate. DeConvNet argues that a feature map is never negative and therefore rectifies what comes back, asking
# nothing of the forward pass:
#
# $$\text{gradient}\quad g\cdot[f>0]\qquad\qquad\text{DeConvNet}\quad\max(g,0).$$
#
# In minixai this is one entry in a table of rules, `{mx.ops.relu: rule}`: `mx.backward(y, g, rules)` asks the
# rule at every ReLU and takes the gradient everywhere else. In lesson 7 you will write this rule, together
# with its two relatives.


# %%
def rectify(g, node):
    """DeConvNet's rule: one answer, in a tuple, since a ReLU has one input."""
    return (np.maximum(g, 0),)


f = mx.Tensor(np.array([[1.0, -2.0], [3.0, -4.0]]))
y, g = mx.ops.relu(f), np.array([[5.0, 6.0], [-7.0, -8.0]])
print("what comes back          ", g.tolist())
print("the gradient passes on   ", mx.backward(y, g, wrt=[f])[f].tolist())
print("DeConvNet's rule passes on", mx.backward(y, g, {mx.ops.relu: rectify}, wrt=[f])[f].tolist())

# %% [markdown]
# ## 6.3 Transposed filters
#
# A convolution is a matrix, $y=Mx$, in which the filter's weights recur. The way back is $M^\top g$: each
# value of $g$ *stamps* its filter into the image, scaled by that value, and overlapping stamps add up.
#
# ### Exercise 6.1 — stamp
# *Difficulty 3/5 · importance 4/5 · at most 15 minutes*
#
# Write `transposed_conv(g, w, stride)`: `g` float64 (k, h', w'), one plane for each of k filters; `w`
# float64 (k, c, kh, kw); the result float64 (c, h, w) with $h=(h'-1)\cdot\text{stride}+kh$, and likewise for
# the width. Worked example: `g = [[[1, 2]]]`, `w = [[[[1, 10]]]]`, stride 1: the stamps are `[1, 10, 0]` and
# `[0, 2, 20]`, so the result is `[[[1, 12, 20]]]`. Being $M^\top$, it must satisfy
# $\langle Mx,g\rangle=\langle x,M^\top g\rangle$ for all $x$ and $g$. The check tries this **adjoint test**,
# and you will need it again in a moment.
#
# <details><summary>Hint 1</summary>
#
# Loop over rows and columns of `g` and over the filters; add `g[k, row, column] * w[k]` to a window of all
# channels.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The window starts at `row * stride` and is kh high. The filter is stamped as it is: deep learning's
# convolution does not turn it, so its transpose does not, either.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def transposed_conv(g, w, stride):
#     (k, rows, columns), (_, c, kh, kw) = g.shape, w.shape
#     x = np.zeros((c, (rows - 1) * stride + kh, (columns - 1) * stride + kw))
#     for row, column in np.ndindex(rows, columns):
#         top, left = row * stride, column * stride
#         x[:, top : top + kh, left : left + kw] += np.tensordot(g[:, row, column], w, 1)
#     return x
# ```
#
# </details>


# %%
def transposed_conv(g, w, stride):
    """x (c, h, w): the filters w (k, c, kh, kw) stamped with the values g (k, h', w')."""
    return None  # your lines


tell(deconvnet.check_transposed_conv, transposed_conv)

# %% [markdown]
# ## 6.4 One activation, back to the pixels
#
# **Checkpoint.** The next cell holds the solution of the exercise and lesson 2's unpooling, so you can carry
# on even if yours do not work yet.
#
# We take the strongest activation of the second layer, set all others to zero, and walk back by hand:
# rectify, filter; unpool, rectify, filter. The two convolutions have a padding of 1 and 2, so borders of
# that width are cut off.
#
# > **Predict 2.** How large is the part of the image that the result can cover? (One 3×3 filter, 2×2
# > pooling, one 5×5 filter.)


# %%
def reference_unpool(y, switches, size):
    x = np.zeros(size)
    np.add.at(x.reshape(-1), switches, y)
    return x


def reference_transposed_conv(g, w, stride):
    (_, rows, columns), (_, c, kh, kw) = g.shape, w.shape
    x = np.zeros((c, (rows - 1) * stride + kh, (columns - 1) * stride + kw))
    for row, column in np.ndindex(rows, columns):
        top, left = row * stride, column * stride
        x[:, top : top + kh, left : left + kw] += np.tensordot(g[:, row, column], w, 1)
    return x


tell(deconvnet.check_transposed_conv, reference_transposed_conv)

# %%
weights = net.state_dict()
x = mx.Tensor(test[:1])
_, layers = net.trace(x)
features = layers["relu2"][0].value[0]  # (16, 12, 12)
unit = np.unravel_index(features.argmax(), features.shape)
alone = np.zeros_like(features)
alone[unit] = features[unit]

filtered = reference_transposed_conv(np.maximum(alone, 0), weights["conv2.weight"], 1)[:, 1:-1, 1:-1]
switches = mx.ops.switches(layers["pool1"][0])[0]
unpooled = np.stack([reference_unpool(y, s, (24, 24)) for y, s in zip(filtered, switches, strict=True)])
rectified = np.maximum(unpooled, 0)
pixels = reference_transposed_conv(rectified, weights["conv1.weight"], 1)[0, 2:-2, 2:-2]

# %% [markdown]
# minixai's `project` does the same in one call:

# %%
e = mx.methods.project(net, test[:1], "relu2", tuple(int(i) for i in unit))
print(f"by hand and by minixai: the maps differ by at most {np.abs(pixels - e.map[0, 0]).max():.1e}, "
      f"and their largest value is {np.abs(pixels).max():.2f}")  # fmt: skip
e

# %%
field = mx.nn.receptive_field(layers["relu2"][0], x, int(unit[1]), int(unit[2]))
print(f"{e.unit} sees rows {field[0].start} to {field[0].stop - 1}, "
      f"columns {field[1].start} to {field[1].stop - 1}")  # fmt: skip
kept, removed = rectified.sum(axis=(1, 2)), (rectified - unpooled).sum(axis=(1, 2))
m = int(np.minimum(kept, removed).argmax())  # a map in which the rectifier has something to do
steps = {f"map {unit[0]} of relu2": alone[unit[0]], f"filtered: map {m}": filtered[m],
         "unpooled": unpooled[m], "rectified": rectified[m], "pixels": pixels}  # fmt: skip
figures.way_back(test[0, 0], steps, field)

# %% [markdown]
# **Answer to prediction 2.** The box is the **receptive field**, 10×10 pixels where it does not meet the
# edge: three pooled pixels are six, and the 5×5 filter adds two on each side.
#
# Of the eight maps in between we show one in which the rectifier removes a great deal; the pixels are made of
# all eight. The result can be negative, since no ReLU follows the last filter.
#
# In the tape microscope, below, DeConvNet and the gradient walk back from that unit side by side. (With
# `seed="value"` both start from the unit's value rather than from 1.) Press → to step through the walk: where
# do the two part?

# %%
one_unit = {"layer": "relu2", "neuron": tuple(int(i) for i in unit), "seed": "value"}
deconvolved = mx.methods.deconvnet(net, test[:1], **one_unit)
deconvolved.trace(mx.methods.gradient(net, test[:1], **one_unit))

# %% [markdown]
# ## 6.5 Five walks, some of them wrong
#
# A wrong rule still gives a picture, and often a plausible one. Here are five implementations of the same
# walk, from the strongest unit of relu3. Some are right, and each of the others has *one* bug in *one* layer:

# %%
x = mx.Tensor(test[:1])
_, layers = net.trace(x)
top = layers["relu3"][0]
start = np.where(top.value == top.value.max(), top.value, 0)
tables = deconvnet.suspects()
walked = {letter: mx.backward(top, start, table, wrt=[x])[x][0, 0] for letter, table in tables.items()}
for bug, meaning in deconvnet.BUGS.items():
    print(f"{bug:>11}: {meaning}")
figures.row_of_maps(test[0, 0], walked)

# %% [markdown]
# The maps alone do not settle it, as a map has no right answer printed beside it. So we keep accounts as
# well. For every layer of each walk the next cell prints quantities that are zero if the rule is correct:
#
# - at a convolution or a pooling layer $M$, how far the walk is from passing the adjoint test,
#   $\lvert\langle Mx,g\rangle-\langle x,g_x\rangle\rvert\,/\,\lVert Mx\rVert\lVert g\rVert$, with the $x$
#   that the layer really had, the $g$ that came and the $g_x$ that was passed on;
# - at a ReLU, what share of what it passes on is *negative*, and what share of the *positive* values that
#   came it has *stopped*.

# %%
accounts = {letter: deconvnet.account(top, start, table, x) for letter, table in tables.items()}
print(f"{'':24}" + "".join(f"{letter:>8}" for letter in accounts))
for layer, values in accounts["A"].items():
    wanted = ("passes on negative", "stops positive") if len(values) == 2 else ("adjoint gap",)
    for k, what in enumerate(wanted):
        row = "".join(f"{account[layer][k]:8.3f}" for account in accounts.values())
        print(f"{layer:>5} {what:<18}{row}")

# %% [markdown]
# ### Exercise 6.2 — find the bugs
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# Give each walk a verdict, in a dict `verdict` with the keys `"A"` to `"E"`: a pair of the bug's name from
# the list above and the layer that has it, as in `("switches", "pool1")`, or `("none", "")` for a walk
# without a bug. Then write *one sentence* for each that names the evidence. As you go, ask yourself which of
# them you would have noticed in its map alone, with no other map beside it.
#
# <details><summary>Hint 1</summary>
#
# Work through the rows, not the columns: each row accuses at most one walk.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Two walks pass on negative values. A ReLU that lets everything through stops nothing; one that asks the
# forward pass stops what comes back to inactive units, positive or not.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# verdict = {
#     "A": ("gate", "relu1"),
#     "B": ("turned", "conv2"),
#     "C": ("none", ""),
#     "D": ("switches", "pool2"),
#     "E": ("unrectified", "relu2"),
# }
# ```
#
# A: relu1 passes on negative values and stops some positive ones, so it asks for $f>0$; that is the
# gradient's gate. B: only conv2 fails the adjoint test, and a transposed filter is not a turned one. C: every
# row is zero. D: only pool2 fails the adjoint test, so its values are not where the maxima were. E: relu2
# passes on negative values and stops nothing at all. B and D still look like maps: a picture is no test.
#
# </details>

# %%
verdict = None  # {"A": ("…", "…"), …}

tell(deconvnet.check_verdict, verdict)

# %% [markdown]
# ## 6.6 What a feature map looks for: the nine strongest
#
# One activation in one image says little. Zeiler and Fergus search for the nine images in which a feature map
# is strongest, project each of these activations on its own, and show beside them what the unit saw.
#
# > **Predict 3.** Two maps of the third layer are shown below. Will their nine patches show the same digit,
# > or the same part of different digits?

# %%
kinds = ("recorded", "centre", "random")
top = mx.methods.top_activations(net, [test], "relu3", [0, 9], switches=kinds, progress=False)
for channel, numbers in zip(top.channels, top.indices, strict=True):
    found = " ".join(str(label) for label in test_labels[numbers])
    print(f"map {channel:2}: strongest in the digits {found}")
figures.strongest(top, test[:, 0])

# %% [markdown]
# **Answer to prediction 3.** The printed digits say that each map is strongest in more than one kind of
# digit, so it looks for a part rather than for a digit.
#
# Read a row from left to right: the patches say *where* the map is strong, the projections say *what in the
# patch* counts. Where the patches differ and the projections agree, the map has found something they share,
# and it is tempting to go on and give it a name. But nine images are few, all of them come from the top of
# the range, and a name that fits them may be wrong for the rest.
#
# The two columns on the right do without the switches: "centre" puts every value in the middle of its window
# (of 2×2, the upper left), "random" anywhere in it.
#
# ## 6.7 What the switches know
#
# The rule at the ReLU does not look at the image, nor do the filters, and the starting value only scales the
# result. **So all that the picture knows of the image is in the switches**, and in the choice of the unit. We
# test this by projecting *one* unit, at a fixed place, from a hundred images.
#
# > **Predict 4.** With the recorded switches, how similar are its projections from different images? And
# > with "centre"?


# %%
def cosines(maps):
    """The cosines of all pairs of maps (n, …), (n·(n − 1)/2,)."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat @ flat.T)[np.triu_indices(len(flat), 1)]


_, layers = net.trace(mx.Tensor(test))
in_the_middle = layers["relu3"][0].value[:, :, 3, 3]  # (397, 32)
channel = int((in_the_middle > 0).sum(axis=0).argmax())
active = test[in_the_middle[:, channel] > 0][:100]
found = {kind: mx.methods.project(net, active, "relu3", (channel, 3, 3), switches=kind).map[:, 0]
         for kind in kinds}  # fmt: skip
print(f"map {channel} of relu3 at row 3, column 3, in {len(active)} images in which it is active")
for kind, projections in found.items():
    low, middle, high = np.percentile(cosines(projections), (5, 50, 95))
    print(f"{kind:>9}: cosine of two projections {middle:.3f}, 90 % of all pairs in {low:.3f} to {high:.3f}")
rows = {"recorded\nswitches": found["recorded"][:8], "no switches\n(centre)": found["centre"][:8]}
figures.same_unit(active[:8, 0], rows)

# %% [markdown]
# **Answer to prediction 4.** With the switches the projections vary from image to image. With "centre" the
# same picture comes back every time, up to its brightness, and it depends on the network alone. (With random
# places the pictures differ, but only by chance.) This is why DeConvNet fails for networks without max
# pooling, and why guided backprop (lesson 7) brings the forward ReLU's gate back in.
#
# In a photo, seen through SqueezeNet, the difference is plain. This network is a stack of *fire modules*,
# blocks of convolutions, and the map shown is the strongest in the output of the fourth, the layer
# `features.7`.

# %%
try:
    squeezenet = mx.models.squeezenet1_0(weights="imagenet").eval()
except WeightsNotFoundError as error:
    squeezenet, picture = None, None
    print(f"The photo is left out. {error}")
else:
    photo = squeezenet.preprocess(mx.data.photo("chelsea"))
    logits, layers = squeezenet.trace(mx.Tensor(photo))
    channel = int(layers["features.7"][0].value[0].max(axis=(1, 2)).argmax())
    signals = {}
    for kind in ("recorded", "centre"):
        e = mx.methods.project(squeezenet, photo, "features.7", (channel,), switches=kind)
        signals[f"map {channel} of features.7,\n{kind} switches"] = squeezenet.preprocess.rgb(e.map)[0]
    picture = figures.of_a_photo(squeezenet.preprocess.photos(photo)[0], signals)
picture

# %% [markdown]
# The map responds to the eyes and the nose, and with the switches one sees them in detail. Without, nothing
# is left but *where* they are.
#
# Now start DeConvNet at the logit of the class that SqueezeNet chose:

# %%
if squeezenet:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mx.methods.deconvnet(squeezenet, photo)
    print("\n".join(f"{w.category.__name__}: {w.message}" for w in caught))
    relus = {name: layers[name][0] for name in layers if name.endswith("squeeze_activation")}
    start = np.eye(1000)[[logits.value.argmax()]]
    came = mx.backward(logits, start, mx.rules.deconvnet(), wrt=relus.values())
    for name, relu in reversed(relus.items()):
        print(f"{name:>31}: {np.mean(came[relu] > 0):4.0%} of what comes back is positive")

# %% [markdown]
# Nothing comes back to the pixels at all, and minixai warns. The list says where the walk stops. Every fire
# module begins with a *squeeze* layer, which has few channels, and at the ReLU of one of them nothing that
# comes back is positive, so the rectifier lets nothing through. It would have been easy to take a grey
# picture for an answer.
#
# ## 6.8 Occlusion: asking the network instead
#
# Is the part that a projection shows the part that counts? There is a test that needs no walk back: cover it.
# Zeiler and Fergus slide a grey square over the image and record, for each of its places, the sum of the
# strongest feature map, the probability of the class, and the most probable class.
#
# > **Predict 5.** The image is a 5. Where must the square lie for the network to see another digit, and
# > which one?

# %%
measured = mx.evaluate.occlusion_sensitivity(
    net, test[5:6], layer="relu3", patch=6, stride=1, fill=0.5, progress=False
)
low, high = measured.activation.min(), measured.activation.max()
print(f"the sum over map {measured.channel} lies between {low:.1f} and {high:.1f}")
print(f"the probability of class {measured.target} lies between {measured.probability.min():.2f} "
      f"and {measured.probability.max():.2f}")  # fmt: skip
figures.occluded(test[5, 0], measured)

# %% [markdown]
# **Answer to prediction 5.** The last panel marks the places: with the square in the gap at the upper right
# the network sees a 9, at a few places on the lower left a 0. Now compare them with the projection: it shows
# what one feature map responds to, whereas occlusion shows what the class depends on, and the two need not
# agree. The printed ranges say the same: the square changes the feature map's sum by a sixth at most, but
# takes the probability from 1 to nearly 0.
#
# Nor is occlusion a neutral judge. A grey square on black is not "nothing"; in the gap of a digit it *adds*
# ink. What you cover with is a part of the question.
#
# ## 6.9 Where it fails
#
# DeConvNet can also start at a class, that is, at its logit. So ask it for each of the ten classes, right or
# wrong, and compare with the gradient.
#
# > **Predict 6.** What does DeConvNet show of a 2 when asked for the class 7?


# %%
def all_classes(method, model, x):
    """(n, 10, 24, 24): the maps of all ten classes."""
    return np.stack([method(model, x, target=k).map[:, 0] for k in range(10)], axis=1)


methods = {"DeConvNet": mx.methods.deconvnet, "gradient": mx.methods.gradient}
figures.all_classes(test[0, 0], {name: all_classes(m, net, test[:1])[0] for name, m in methods.items()})

# %% [markdown]
# **Answer to prediction 6.** Ten classes, very nearly one picture, and it looks like the digit that we put
# in. Run the next cell to try other digits.

# %%
maps.sliders(
    lambda rule, digit, image: figures.row_of_maps(
        test[image, 0],
        {f"{rule}, class {digit}": methods[rule](net, test[image : image + 1], target=digit).map[0, 0]},
    ),
    {"rule": tuple(methods), "digit": range(10), "image": range(20)},
)

# %% [markdown]
# *Looks like* is a claim, though, and a claim needs a number. The obvious one is the cosine of a map with its
# own image; for DeConvNet's maps of all classes its median is .79. Is that high?
#
# ### Exercise 6.3 — a cosine needs a baseline
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `own_and_other(maps, x)`: both float64 (n, h, w). Return two arrays (n,): the cosine of each map with
# its own image, and the *mean* of its cosines with the $n-1$ other images. Worked example with two maps and
# images of two pixels: maps `[[3, 4]]` and `[[0, 2]]`, images `[[1, 0]]` and `[[0, 1]]` give own
# $(\tfrac35,1)$ and other $(\tfrac45,0)$.
#
# <details><summary>Hint</summary>
#
# Flatten both to (n, h·w), divide each row by its length: one matrix product has all n × n cosines. Own is
# its diagonal; the others are the sum of the row less the diagonal, divided by n − 1.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def own_and_other(maps, x):
#     maps, x = (a.reshape(len(a), -1) / np.linalg.norm(a, axis=(1, 2))[:, None] for a in (maps, x))
#     each = maps @ x.T
#     own = np.diag(each)
#     return own, (each.sum(axis=1) - own) / (len(x) - 1)
# ```
#
# </details>


# %%
def own_and_other(maps, x):
    """The cosines (n,) of maps (n, h, w) with their images x (n, h, w), and the mean with the others."""
    return None  # your lines


tell(deconvnet.check_own_and_other, own_and_other)

# %% [markdown]
# **Checkpoint.** The next cell holds the solution, and a second measure that needs no baseline but chance:
# which of the fifty images is a map most similar to, once the mean map and the mean image, which all of them
# share, have been subtracted? By luck it is its own in one case of fifty.
#
# > **Predict 7.** How much of DeConvNet's .79 is there with *another* image? And how often is the own image
# > found in a network that has learned nothing?


# %%
def reference_own_and_other(maps, x):
    maps, x = (a.reshape(len(a), -1) / np.linalg.norm(a, axis=(1, 2))[:, None] for a in (maps, x))
    each = maps @ x.T
    own = np.diag(each)
    return own, (each.sum(axis=1) - own) / (len(x) - 1)


def finds_its_image(maps, x):
    """The share of maps (n, h, w), less their mean, whose most similar image, less the mean, is their own."""
    maps, x = ((a - a.mean(axis=0)).reshape(len(a), -1) for a in (maps, x))
    each = maps @ (x / np.linalg.norm(x, axis=1, keepdims=True)).T
    return np.mean(each.argmax(axis=1) == np.arange(len(x)))


tell(deconvnet.check_own_and_other, reference_own_and_other)
x, mean_digit = test[:50, 0], images[:1400, 0].mean(axis=0)
own, other = reference_own_and_other(x, x)
mean = reference_own_and_other(x, np.broadcast_to(mean_digit, x.shape))[0]
print(f"an image as its own map: own {np.median(own):.2f}, another image {np.median(other):.2f}, "
      f"the mean digit {np.median(mean):.2f} (medians over 50 images)")  # fmt: skip

# %%
beside, found = {}, {}
print(f"{'medians of cosines:':>20}   own image     another  mean digit two classes  finds its image")
for state, model in {"trained": net, "untrained": network(seed=5)}.items():
    for name, method in methods.items():
        classes = all_classes(method, model, test[:50]).astype(np.float64)
        pairs = np.median([cosines(each) for each in classes])
        own, other = np.array([reference_own_and_other(classes[:, k], x) for k in range(10)]).swapaxes(0, 1)
        means = [reference_own_and_other(classes[:, k], np.broadcast_to(mean_digit, x.shape))[0]
                 for k in range(10)]  # fmt: skip
        key = f"{name},\n{state}"
        beside[key] = own.ravel(), np.median(other), np.median(means)
        found[key] = np.mean([finds_its_image(classes[:, k], x) for k in range(10)])
        row = (np.median(own), np.median(other), np.median(means), pairs)
        print(f"{name:>9}, {state:>9} " + " ".join(f"{value:11.2f}" for value in row) + f"{found[key]:16.0%}")
figures.own_image(beside, found, chance=1 / 50)

# %% [markdown]
# Dots are medians over 50 images and ten classes, and bars the middle half of them.
#
# **Answer to prediction 7.** Most of the .79 is there with any other image and with the mean digit, because
# all digits have their ink in the middle; two *images* are just as similar, .78 (printed in the cell before).
# A cosine of .79 on its own says nothing. What does count is the distance to the grey lines, and the right
# panel: a map nearly always finds its own image among fifty, **trained or not**, even where its cosine is
# only .16. The gradient's maps hardly ever do.
#
# So DeConvNet does partly reconstruct the image, whatever the class and without any training, which Nie et
# al. (2018) prove for random networks of great width. A crisp digit, or a crisp dog, in such a map is no
# evidence that the network saw one.
#
# What remains useful? Projections of *inner* units from many images, beside their patches, as in 6.6: there
# the unit chooses the images, and the comparison is between images.
#
# **Open question.** Rectification makes the pictures clean. Without it, that is, with the gradient, they are
# noisy, but they tell the classes apart (the column "two classes"). Is what the rectifier removes noise?

# %% [markdown]
# ## References
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). DeConvNet, the nine strongest, occlusion.
# - M. D. Zeiler, G. W. Taylor, R. Fergus: *Adaptive deconvolutional networks for mid and high level feature
#   learning*, ICCV 2011. Unpooling with switches.
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: *Striving for simplicity: the all
#   convolutional net*, 2014, [arXiv 1412.6806](https://arxiv.org/abs/1412.6806). What happens without
#   switches.
# - W. Nie, Y. Zhang, A. Patel: *A theoretical explanation for perplexing behaviors of backpropagation-based
#   visualizations*, ICML 2018, [arXiv 1805.07039](https://arxiv.org/abs/1805.07039). Partial
#   reconstruction.
