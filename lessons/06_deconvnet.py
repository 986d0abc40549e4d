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
# # 5 · DeConvNet: the way back from a feature map to pixels
#
# Somewhere inside a network a number is large. Which part of the image made it so, and what does that part
# look like? Zeiler and Fergus walk back to the pixels through the same layers, each one turned round. It
# was one of the first looks beyond a trained network's first layer.
#
# **You will do:** write the three steps of the way back; project one activation by hand and compare with
# minixai; make a sheet of the strongest activations; take the switches away; slide a grey square over an
# image.
#
# **You will learn:** what switches are and how much of the picture comes from them; how DeConvNet differs
# from the gradient by one line; when its pictures are of the image rather than of what the network looks
# for.
#
# **You need:** lesson 2 (convolution, pooling, switches), a tape that is walked back (lesson 1).
#
# **Time:** 75 minutes, of which the cells run about 15 seconds. Everything runs offline, on scikit-learn's
# digits (1 797 images of 8×8, a copy of a UCI test set, not MNIST). One cell shows a photo through
# SqueezeNet: its weights (676 kB) are taken from `MINIXAI_DATA` or fetched once; without them the cell says
# so and does nothing. Code BSD-3-Clause, text CC BY 4.0.

# %%
import warnings

import matplotlib
import numpy as np
import pooch
from PIL import Image
from sklearn.datasets import load_digits

import minixai as mx
from minixai.checks import deconvnet, tell
from minixai.errors import WeightsNotFoundError
from minixai.plot import Picture, style

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr


def enlarged(image):
    """An image 8×8 of values 0 to 16 as 24×24 of values 0 to 1, with a black frame of 2 pixels."""
    resized = Image.fromarray(image.astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(resized) / 16, 2)


digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = np.stack([enlarged(image) for image in digits.images[order]])[:, None].astype(np.float32)
labels = digits.target[order]


def network(seed):
    """Three times convolution, ReLU and max pooling, then a dense layer: images (n, 1, 24, 24) → (n, 10)."""
    rng = np.random.default_rng(seed)
    nn = mx.nn
    return nn.Sequential({
        "conv1": nn.Conv2d(1, 8, 5, padding=2, rng=rng), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
        "conv3": nn.Conv2d(16, 32, 3, padding=1, rng=rng), "relu3": nn.ReLU(), "pool3": nn.MaxPool2d(2),
        "flatten": nn.Flatten(), "dense": nn.Linear(32 * 9, 10, rng=rng),
    })  # fmt: skip


net = network(seed=0)
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=4, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
test, test_labels = images[1400:], labels[1400:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")

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
# Max pooling forgets where in its window the maximum was. DeConvNet remembers: on the way forward each
# window leaves a **switch**, the index of its maximum in the flattened image, row · width + column.
#
# ### Exercise 6.1 — unpool
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `unpool(y, switches, size)`: `y` float64 (h', w'), `switches` integers (h', w'), `size` = (h, w);
# the result float64 (h, w), zero but for the switches. Where two windows overlap they can share a maximum:
# then their values add up. Worked example: `y = [[1, 2]]`, `switches = [[5, 2]]`, `size = (2, 4)`. Index 5
# is row 1, column 1, and index 2 is row 0, column 2: the result is `[[0, 0, 2, 0], [0, 1, 0, 0]]`.
#
# <details><summary>Hint 1</summary>
#
# `divmod(switch, w)` is (row, column). Loop over `np.ndindex(*y.shape)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Without a loop: `flat[switches] += y` adds only once where a switch occurs twice; `np.add.at` adds each
# time.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def unpool(y, switches, size):
#     x = np.zeros(size)
#     np.add.at(x.reshape(-1), switches, y)
#     return x
# ```
#
# </details>


# %%
def unpool(y, switches, size):
    """x (h, w) with y (h', w') at the switches (h', w'), 0 elsewhere, for size (h, w)."""
    return None  # your lines


tell(deconvnet.check_unpool, unpool)

# %% [markdown]
# > **Predict 1.** A digit is pooled by 4×4, then unpooled. What is missing? And if the value is put in the
# > upper left pixel of each window, whatever the switch?

# %% tags=["thumbnail"]
x = mx.Tensor(test[:1])
pooled = mx.ops.max_pool2d(x, 4)
with_switches = mx.ops.max_unpool2d(pooled, mx.ops.switches(pooled), (24, 24)).value[0, 0]
without = np.zeros((24, 24))
without[::4, ::4] = pooled.value[0, 0]
panels = {
    "image": x.value[0, 0],
    "pooled by 4×4": pooled.value[0, 0],
    "unpooled with switches": with_switches,
    "… without": without,
}
picture = Picture(figsize=(13, 3.7), dpi=72, layout="constrained")
for axes, (title, values) in zip(picture.subplots(1, 4), panels.items(), strict=True):
    axes.imshow(values, "gray", vmin=0, vmax=1, extent=(0, 24, 24, 0))
    axes.set(title=title, xticks=range(0, 25, 4), yticks=range(0, 25, 4))
    axes.tick_params(labelbottom=False, labelleft=False, length=0)
    axes.grid(color=style.FILTER, linewidth=0.6, alpha=0.7)

g = np.random.default_rng(0).normal(size=pooled.shape).astype(np.float32)
gradient = mx.backward(pooled, g, wrt=[x])[x]
unpooled = mx.ops.max_unpool2d(g, mx.ops.switches(pooled), (24, 24)).value
print("unpooling with switches is the gradient of max pooling:", np.array_equal(gradient, unpooled))
picture

# %% [markdown]
# Of each window one value survives, in its right place: with switches the strokes can still be made out.
# Without, there is a grid. The last line says something useful: **unpooling with switches is nothing new**,
# it is what the gradient does at a max pooling layer. The same holds for convolution, as we will see. So
# only ReLU is different.
#
# ## 6.2 Rectification
#
# On the way forward a ReLU passes $f$ where $f>0$. The gradient passes the cotangent $g$ through the same
# gate. DeConvNet instead rectifies what comes back, since a feature map is never negative, and asks nothing
# of the forward pass:
#
# $$\text{gradient}\quad g\cdot[f>0]\qquad\qquad\text{DeConvNet}\quad\max(g,0).$$
#
# In minixai that is one entry in a table from operations to rules.
# `mx.backward(y, g, rules={mx.ops.relu: rule})` asks `rule` at every ReLU and takes the gradient everywhere
# else.
#
# ### Exercise 6.2 — the rule of DeConvNet
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `relu_rule(g, node)`. `g` is what comes back to the ReLU's output; `node.arrays[0]` is its input,
# should you need it. Return a *tuple* with one array of the shape of `g`, since a rule has an answer for
# each input and a ReLU has one. Worked example: the input is `[[1, -2], [3, -4]]` and `g` is
# `[[5, 6], [-7, -8]]`: the result is `([[5, 6], [0, 0]],)`, where the gradient would be
# `([[5, 0], [-7, 0]],)`.
#
# <details><summary>Hint</summary>
#
# `np.maximum(g, 0)`, and mind the comma.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def relu_rule(g, node):
#     return (np.maximum(g, 0),)
# ```
#
# </details>


# %%
def relu_rule(g, node):
    """What a ReLU passes on of g: a tuple of one array of g's shape."""
    return None  # your line


tell(deconvnet.check_relu_rule, relu_rule)

# %% [markdown]
# ## 6.3 Transposed filters
#
# A convolution is a matrix, $y=Cx$ with $C$ made of the filter's weights. The way back is $C^\top g$: each
# value of $g$ *stamps* its filter into the image, times that value, and where stamps overlap they add up.
#
# ### Exercise 6.3 — stamp
# *Difficulty 3/5 · importance 4/5 · at most 15 minutes*
#
# Write `transposed_conv(g, w, stride)`: `g` float64 (k, h', w'), one plane for each of k filters; `w`
# float64 (k, c, kh, kw); the result float64 (c, h, w) with $h=(h'-1)\cdot\text{stride}+kh$, the same for
# $w$. Worked example: `g = [[[1, 2]]]`, `w = [[[[1, 10]]]]`, stride 1: the stamps are `[1, 10, 0]` and
# `[0, 2, 20]`, the result is `[[[1, 12, 20]]]`. As $C^\top$ it must satisfy
# $\sum(Cx)\,g=\sum x\,(C^\top g)$ for any $x$ and $g$, which the check tries.
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
# **Checkpoint.** The next cell holds the functions of the solutions, so you can go on whatever became of
# yours.
#
# We take the strongest activation in the second layer, set all others to zero, and walk back by hand:
# rectify, filter; unpool, rectify, filter. The convolutions have a padding of 1 and 2, so their border is
# cut off.
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


tell(deconvnet.check_unpool, reference_unpool)
tell(deconvnet.check_transposed_conv, reference_transposed_conv)

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

e = mx.methods.project(net, test[:1], "relu2", tuple(int(i) for i in unit))
difference = np.abs(pixels - e.map[0, 0]).max()
print(
    f"by hand and minixai differ by at most {difference:.1e}, the largest pixel is {np.abs(pixels).max():.2f}"
)
rows, columns = mx.nn.receptive_field(layers["relu2"][0], x, int(unit[1]), int(unit[2]))
print(f"{e.unit} sees rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}")


def show_signal(axes, values, title=""):
    """A signal (h, w): grey is 0, black and white are − and + its largest magnitude."""
    limit = np.abs(values).max()
    axes.imshow(values, "gray", vmin=-limit, vmax=limit, extent=(0, 24, 24, 0))
    axes.set(title=title, xticks=[], yticks=[])


def frame(axes, rows, columns):
    """A box around rows and columns."""
    across, down = (columns.start, columns.stop), (rows.start, rows.stop)
    axes.plot([across[k] for k in (0, 1, 1, 0, 0)], [down[k] for k in (0, 0, 1, 1, 0)], color=style.FILTER)


picture = Picture(figsize=(15, 3), dpi=72, layout="constrained")
panels = picture.subplots(1, 6)
panels[0].imshow(test[0, 0], "gray", extent=(0, 24, 24, 0))
panels[0].set(title="image", xticks=[], yticks=[])
frame(panels[0], rows, columns)
kept, removed = rectified.sum(axis=(1, 2)), (rectified - unpooled).sum(axis=(1, 2))
channel = int(np.minimum(kept, removed).argmax())  # one in which the rectifier has something to do
for axes, values, title in zip(
    panels[1:],
    (alone[unit[0]], filtered[channel], unpooled[channel], rectified[channel], pixels),
    ("one of relu2", f"filtered (map {channel})", "unpooled", "rectified", "filtered: pixels"),
    strict=True,
):
    show_signal(axes, values, title)
frame(panels[-1], rows, columns)
picture

# %% [markdown]
# Grey is zero; each panel has its own scale. The box is the **receptive field**, 10×10 pixels if it does
# not meet the edge: three pooled pixels are six, and the 5×5 filter adds two on each side. In between we
# show one map of eight, in which rectifying removes much; the pixels are made of all eight. The result can
# be negative, for after the last filter there is no ReLU.
#
# ## 6.5 What a feature map looks for: the nine strongest
#
# One activation in one image says little. Zeiler and Fergus look for the nine images in which a feature map
# is strongest, and project each of these activations on its own. Beside them they show what the unit saw.
#
# > **Predict 3.** Two maps of the third layer are shown below. Will their nine patches show the same digit,
# > or the same part of different digits?

# %%
top = mx.methods.top_activations(net, [test], "relu3", [0, 9], switches=("recorded", "centre", "random"),
                                 progress=False)  # fmt: skip
for channel, numbers in zip(top.channels, top.indices, strict=True):
    print(
        f"map {channel:2}: strongest in the digits {' '.join(str(label) for label in test_labels[numbers])}"
    )
picture = top.plot("relu3: the nine strongest images of two maps, and their projections")
picture.set_dpi(74)
picture

# %% [markdown]
# Read a row from left to right: the patches say *where* the map is strong, the projections *what in the
# patch* counts. Where the patches differ and the projections agree, the map has found something that they
# share. It is tempting to go on and give the map a name. Nine images are few, and all are from the top of
# the range: a name that fits them may be wrong for the rest.
#
# The printed digits answer Predict 3: each map is strongest in more than one digit. It looks for a part.
#
# The two columns on the right do without the switches. "centre" puts every value in the middle of its
# window (of a 2×2 window, in the upper left pixel), "random" anywhere in it.
#
# ## 6.6 What the switches know
#
# The ReLU rule does not look at the image, the filters do not, and the starting value only scales. **So all
# that the picture knows of the image is in the switches** (and in the choice of the unit). Let us test
# that: we take *one* unit, at a fixed place, and project it from different images.
#
# > **Predict 4.** How alike are its projections from different images with the recorded switches? And with
# > "centre"?


# %%
def cosines(maps):
    """The cosines of all pairs of maps (n, …), (n·(n − 1)/2,)."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat @ flat.T)[np.triu_indices(len(flat), 1)]


_, layers = net.trace(mx.Tensor(test))
at_centre = layers["relu3"][0].value[:, :, 3, 3]  # (397, 32)
channel = int((at_centre > 0).sum(axis=0).argmax())
active = test[at_centre[:, channel] > 0][:100]
neuron = (channel, 3, 3)
kinds = ("recorded", "centre", "random")
projections = {
    kind: mx.methods.project(net, active, "relu3", neuron, switches=kind).map[:, 0] for kind in kinds
}
print(f"map {channel} of relu3 at row 3, column 3, in {len(active)} images where it is active")
for kind, maps in projections.items():
    alike = cosines(maps)
    print(
        f"{kind:>9} switches: cosine of two projections {np.median(alike):.3f}, the least {alike.min():.3f}"
    )

picture = Picture(figsize=(13, 6.2), dpi=66, layout="constrained")
shown = picture.subplots(3, 6)
for k, column in enumerate(shown.T):
    column[0].imshow(active[k, 0], "gray")
    column[0].set(xticks=[], yticks=[])
    for axes, kind in zip(column[1:], ("recorded", "centre"), strict=True):
        show_signal(axes, projections[kind][k])
for axes, label in zip(shown[:, 0], ("image", "recorded\nswitches", "no switches\n(centre)"), strict=True):
    axes.set_ylabel(label)
picture

# %% [markdown]
# Without switches the same picture comes back from every image, up to its brightness: it depends on the
# network alone. This is why DeConvNet fails for networks without max pooling, and why guided backprop
# (lesson 7) brings the forward ReLU's gate back in.
#
# On a photo, through SqueezeNet, the difference is plain. The map is the strongest one behind its fourth
# fire module.

# %%
try:
    squeezenet = mx.models.squeezenet1_0(weights="imagenet").eval()
except WeightsNotFoundError as error:
    picture = None
    print(f"The photo is left out. {error}")
else:
    photo = squeezenet.preprocess(mx.data.photo("chelsea"))
    logits, layers = squeezenet.trace(mx.Tensor(photo))
    channel = int(layers["features.7"][0].value[0].max(axis=(1, 2)).argmax())
    picture = Picture(figsize=(13, 4.7), dpi=64, layout="constrained")
    first, *others = picture.subplots(1, 3)
    first.imshow(squeezenet.preprocess.photos(photo)[0])
    first.set(title="photo", xticks=[], yticks=[])
    for axes, kind in zip(others, ("recorded", "centre"), strict=True):
        e = mx.methods.project(squeezenet, photo, "features.7", (channel,), switches=kind)
        signal = squeezenet.preprocess.rgb(e.map)[0]
        limit = np.percentile(np.abs(signal[signal != 0]), 99.5)  # a few pixels are much stronger
        axes.imshow(np.clip(signal / (2 * limit) + 0.5, 0, 1))
        axes.set(title=f"map {channel} of features.7, {kind} switches", xticks=[], yticks=[])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        e = mx.methods.deconvnet(squeezenet, photo)
    print("\n".join(f"{w.category.__name__}: {w.message}" for w in caught))
    relus = {name: layers[name][0] for name in layers if name.endswith("squeeze_activation")}
    start = np.eye(1000)[[logits.value.argmax()]]
    came = mx.backward(logits, start, mx.rules.deconvnet(), wrt=relus.values())
    for name, relu in reversed(relus.items()):
        print(f"{name:>31}: {np.mean(came[relu] > 0):4.0%} of what comes back is positive")
picture

# %% [markdown]
# The map answers to the eyes and the nose, and with the switches one sees them in detail. Without, only
# *where* is left.
#
# The printed lines show a trap. From SqueezeNet's logit nothing comes back to the pixels at all, and
# minixai warns. The list says where it stops: at the ReLU of one squeeze layer nothing of what comes back
# is positive, so the rectifier lets nothing through. A grey picture would have been easy to take for an
# answer.
#
# ## 6.7 Occlusion: asking the network instead
#
# Is the part that a projection shows the part that counts? There is a test without any walk back: cover it.
# Zeiler and Fergus slide a grey square over the image and record, for each of its places, the sum of the
# strongest feature map, the probability of the class, and the most probable class.
#
# > **Predict 5.** A 5. Where must the square lie for the network to see another digit, and which?

# %%
measured = mx.evaluate.occlusion_sensitivity(
    net, test[5:6], layer="relu3", patch=6, stride=1, fill=0.5, progress=False
)
picture = measured.plot(title=f"A grey square of 6×6 pixels on a {test_labels[5]}")
picture.set_dpi(72)
picture

# %% [markdown]
# The last panel has the places where the class changes. Compare them with the projection in the middle: the
# projection shows a feature map's part, occlusion shows what the class depends on, and they need not agree.
# Nor is occlusion a neutral judge. A grey square on black is not "nothing": here it *adds* ink where the
# digit has a gap. What you cover it with is a part of the question.
#
# ## 6.8 Where it fails
#
# DeConvNet can start at a class, too: at its logit. So ask it for each of the ten classes, right or wrong,
# and compare with the gradient.
#
# > **Predict 6.** What does DeConvNet show of a 2 when asked for the class 7?


# %%
def all_classes(method, model, x):
    """(n, 10, 24, 24): the maps of all ten classes."""
    return np.stack([method(model, x, target=k).map[:, 0] for k in range(10)], axis=1)


def with_images(maps, x, mean):
    """Cosines of maps (n, k, h, w): with their image, with others (the mean), with mean; medians."""
    maps, x, mean = (a / np.linalg.norm(a, axis=(-2, -1), keepdims=True) for a in (maps, x, mean))
    each = np.einsum("ikhw,jhw->ijk", maps, x[:, 0])
    own = np.einsum("iik->ik", each)
    other = (each.sum(axis=1) - own) / (len(x) - 1)
    return [np.median(found) for found in (own, other, np.einsum("ikhw,hw->ik", maps, mean[0]))]


some, mean_digit = test[:50], images[:1400].mean(axis=0)
methods = {"DeConvNet": mx.methods.deconvnet, "gradient": mx.methods.gradient}
print("medians of the cosines of maps:  two classes  own image  another  mean digit")
for model_name, model in {"trained": net, "untrained": network(seed=5)}.items():
    for name, method in methods.items():
        maps = all_classes(method, model, some)
        classes = np.median([cosines(each) for each in maps])
        own, other, mean = with_images(maps, some, mean_digit)
        print(f"{model_name:>21}, {name:>9} {classes:12.2f} {own:10.2f} {other:8.2f} {mean:11.2f}")
own, other, mean = with_images(some, some, mean_digit)
print(f"{'the image as its map':>32} {'':12} {own:10.2f} {other:8.2f} {mean:11.2f}")

# %%
picture = Picture(figsize=(15, 3.4), dpi=66, layout="constrained")
for row, (name, method) in zip(picture.subplots(2, 11), methods.items(), strict=True):
    row[0].imshow(test[0, 0], "gray")
    row[0].set(xticks=[], yticks=[], ylabel=name)
    for k, (axes, values) in enumerate(zip(row[1:], all_classes(method, net, test[:1])[0], strict=True)):
        show_signal(axes, values, f"class {k}" if name == "DeConvNet" else "")
picture

# %% [markdown]
# Ten classes, nearly one picture, and it looks like the picture that we put in. Does it, in numbers? The
# cosine of a map and its own image seems high. But two different digits have one as high (last line), for
# all have their ink in the middle; and the trained network's map has most of it with *another* image, too.
# Only what is beyond these baselines is the image's own. DeConvNet's maps do have more: **DeConvNet partly
# reconstructs the image, whatever the class.** A crisp digit (or dog) in such a map is no evidence that the
# network saw a digit or a dog. Nie et al. (2018) prove it for random networks of great width; in our narrow
# untrained one the maps hardly show the image, but much is the same for all classes there, too.
#
# What is left? Projections of *inner* units, from many images, beside the patches, as in 6.5: there the
# unit is chosen by the image, and the comparison is between images.
#
# **Open question.** Rectification makes the pictures clean. Without it (the gradient) they are noisy, but
# they tell the classes apart. Is what the rectifier removes noise?
#
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
