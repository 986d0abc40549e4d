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
# # 6 · All-CNN and guided backprop
#
# Does a network need pooling? Springenberg et al. take it out, and lose nothing but the switches. So
# DeConvNet has nothing to hold on to, and they repair it by one more gate: guided backprop, whose sharp
# pictures are in many papers. Then we ask what these pictures are of.
#
# **You will do:** write p-norm pooling; replace pooling by convolution; write the three rules of ReLU and
# compare them in two trained networks, with and without pooling, with and without switches; ask them for
# the wrong class and for a network that has learned nothing.
#
# **You will learn:** that max pooling is one end of a family; what a rule needs to bring the image back; why
# the most beautiful maps say least about the class.
#
# **You need:** lesson 6 (DeConvNet, switches, tables of rules).
#
# **Time:** 75 minutes, of which the cells run about 20 seconds. Everything runs offline: the two networks
# come with minixai, the photos with scikit-image and scikit-learn. The networks were trained on CIFAR-10
# (32×32 pixels, ten classes), and **the photos are no CIFAR-10 images**: of the six only the cat belongs to
# one of the ten classes. Where CIFAR-10's test images are there (`cifar10-jpeg.zip`, 52 MB, in
# `MINIXAI_DATA`), twelve of them are measured as well; the findings are the same with the photos alone.
# Code BSD-3-Clause, text CC BY 4.0.

# %%
import matplotlib
import numpy as np

import minixai as mx
from minixai.checks import guided, tell
from minixai.errors import WeightsNotFoundError
from minixai.plot import Picture, style

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

allcnn = mx.models.pretrained("cifar10_allcnn").eval()
twin = mx.models.pretrained("cifar10_maxpool").eval()
names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
images = photos = allcnn.preprocess([mx.data.photo(name) for name in names])  # (6, 3, 32, 32)
try:
    tests, labels = mx.data.cifar10("test")
except WeightsNotFoundError:
    print("CIFAR-10's test images are not there: the six photos are used alone")
else:
    some = np.random.default_rng(0).permutation(len(labels))[:12]
    images = np.concatenate([photos, allcnn.preprocess(tests[some].transpose(0, 2, 3, 1))])

for title, net in {"All-CNN-C": allcnn, "max pooling": twin}.items():
    best = net.predict(photos).argmax(axis=1)
    print(
        f"{title}: {net.about['epochs']} epochs, {net.about['test accuracy']} of CIFAR-10's test images right"
    )
    print("    " + ", ".join(f"{name} → {net.classes[k]}" for name, k in zip(names, best, strict=True)))

# %% [markdown]
# ## 7.1 A family of poolings
#
# A pooling layer takes a window of each feature map and returns one number. Springenberg et al. begin with
# a whole family of such numbers, the $p$-norms of the window (their equation 1):
#
# $$s_{i,j,u}=\Big(\sum_{h,w}\lvert f_{r\cdot i+h,\;r\cdot j+w,\;u}\rvert^p\Big)^{1/p}$$
#
# with stride $r$, for each map $u$ on its own.
#
# ### Exercise 7.1 — p-norm pooling
# *Difficulty 2/5 · importance 3/5 · at most 10 minutes*
#
# Write `p_norm_pool(f, size, stride, p)`: `f` float64 (c, h, w), windows of `size` × `size` without padding,
# `p` ≥ 1; the result float64 (c, h', w') with $h'=\lfloor(h-\text{size})/\text{stride}\rfloor+1$. Worked
# example: `f = [[[3, 0, 6, -8], [-4, 0, 0, 0]]]`, size 2, stride 2, $p=2$: the windows hold $3,-4$ and
# $6,-8$, the result is `[[[5, 10]]]`.
#
# <details><summary>Hint</summary>
#
# Loop over `np.ndindex(h_out, w_out)`; the window of all maps is
# `f[:, i * stride : i * stride + size, j * stride : j * stride + size]`. Sum over its last two axes.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def p_norm_pool(f, size, stride, p):
#     c, h, w = f.shape
#     s = np.zeros((c, (h - size) // stride + 1, (w - size) // stride + 1))
#     for i, j in np.ndindex(s.shape[1:]):
#         window = f[:, i * stride : i * stride + size, j * stride : j * stride + size]
#         s[:, i, j] = (np.abs(window) ** p).sum(axis=(1, 2)) ** (1 / p)
#     return s
# ```
#
# </details>


# %%
def p_norm_pool(f, size, stride, p):
    """s (c, h', w'): the p-norm of each window of f (c, h, w)."""
    return None  # your lines


tell(guided.check_p_norm_pool, p_norm_pool)

# %% [markdown]
# > **Predict 1.** As $p$ grows, does the $p$-norm of a window rise or fall, and towards what? We put p-norm
# > pooling into the trained twin, in the place of its max pooling, and train nothing. From which $p$ on will
# > it not notice?

# %%
windows = {
    "1, 0, 0, 0": np.array([1.0, 0, 0, 0]),
    "1, 0.8, 0.3, 0": np.array([1, 0.8, 0.3, 0]),
    "1, 1, 1, 1": np.ones(4),
}
ps = np.geomspace(1, 64, 60)
picture = Picture(figsize=(13, 4.2), dpi=70, layout="constrained")
left, right = picture.subplots(1, 2)
for (title, window), colour in zip(windows.items(), (style.INK, style.PATTERN, style.FILTER), strict=True):
    left.semilogx(ps, [(window**p).sum() ** (1 / p) for p in ps], color=colour, linewidth=3, label=title)
left.legend(title="window", frameon=False)
left.set(xlabel="p", ylim=(0, 4.2), title="p-norm of a window whose largest value is 1")

with_max, changes, tried = twin.predict(photos), [], (1, 2, 4, 8, 16, 64)
for p in tried:
    pooled = mx.models.allcnn("C", "base", width=0.5, p=p).eval()
    pooled.load_state_dict(twin.state_dict())
    logits = pooled.predict(photos)
    changes.append(np.abs(logits - with_max).mean() / np.abs(with_max).mean())
    same = np.sum(logits.argmax(axis=1) == with_max.argmax(axis=1))
    print(f"p = {p:2}: {same} of {len(photos)} photos keep their class, logits change by {changes[-1]:.1%}")
right.loglog(tried, changes, "o-", color=style.PATTERN, linewidth=3)
right.set(xlabel="p", title="twin: change of the logits when max → p-norm", ylim=(5e-4, 1.5))
right.set_yticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
for axes in (left, right):
    axes.set_xticks(tried, [str(p) for p in tried])
    axes.minorticks_off()
picture

# %% [markdown]
# The norm falls with $p$, towards the **largest magnitude**: what is small counts less and less. So max
# pooling is the end $p\to\infty$ of the family, and $p=1$, after a ReLU, is the plain sum of the window. The
# printed lines answer the second question.
#
# What about the way back? The derivative is $\partial s/\partial f=\mathrm{sign}f\,(\lvert f\rvert/s)^{p-1}$:
# every pixel of the window gets a share, and the largest gets the largest. These are soft switches.
#
# ## 7.2 Convolution in place of pooling
#
# Look at the formula again. Without the root and the power it is a convolution of stride $r$ whose weights
# are fixed: 1 for the window's own map and 0 for all others. Why not learn them? Then pooling becomes a
# layer like any other:
#
# $$s_{i,j,o}=\mathrm{ReLU}\Big(\sum_{h,w,u}\theta_{h,w,u,o}\;f_{r\cdot i+h,\;r\cdot j+w,\;u}+b_o\Big).$$
#
# That is All-CNN. What it costs is weights.
#
# ### Exercise 7.2 — what it costs
# *Difficulty 1/5 · importance 3/5 · at most 5 minutes*
#
# Write `added_parameters(maps, size)`: a network has `len(maps)` pooling layers, the k-th on `maps[k]`
# feature maps. Each becomes a convolution with filters of `size` × `size`, a bias, and as many maps after it
# as before. Return how many parameters that adds, an integer. Worked example: `maps = (2,)`, `size = 1`: two
# filters with two weights and a bias each, 6.
#
# <details><summary>Hint</summary>
#
# One filter sees all maps of its input: size · size · maps weights, and one bias. There are as many filters
# as maps.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def added_parameters(maps, size):
#     return sum(count * (size * size * count + 1) for count in maps)
# ```
#
# </details>


# %%
def added_parameters(maps, size):
    """The parameters of the convolutions that take the place of len(maps) poolings."""
    return None  # your line


tell(guided.check_added_parameters, added_parameters)

# %% [markdown]
# **Checkpoint.** The next cell holds the functions of the solutions so far.
#
# It also shows that sum pooling is a convolution with fixed weights, and counts the two networks. Both are
# half as wide as the paper's, with stages of 48 and 96 maps.
#
# > **Predict 2.** How much larger is All-CNN than its twin, and how much more accurate? (The accuracies are
# > printed above.)


# %%
def reference_p_norm_pool(f, size, stride, p):
    c, h, w = f.shape
    s = np.zeros((c, (h - size) // stride + 1, (w - size) // stride + 1))
    for i, j in np.ndindex(s.shape[1:]):
        window = f[:, i * stride : i * stride + size, j * stride : j * stride + size]
        s[:, i, j] = (np.abs(window) ** p).sum(axis=(1, 2)) ** (1 / p)
    return s


def reference_added_parameters(maps, size):
    return sum(count * (size * size * count + 1) for count in maps)


f = np.random.default_rng(0).uniform(size=(4, 9, 9))  # not negative, as after a ReLU
theta = np.zeros((4, 4, 3, 3))  # (o, u, h, w)
theta[range(4), range(4)] = 1
convolved = mx.ops.conv2d.forward(f[None], theta, stride=2)[0]
difference = np.abs(convolved - reference_p_norm_pool(f, 3, 2, 1)).max()
print(f"a convolution with fixed weights and 1-norm pooling differ by at most {difference:.1e}")

counts = {}
for title, net in {"All-CNN-C": allcnn, "max pooling": twin}.items():
    counts[title] = sum(parameter.value.size for parameter in net.parameters())
    print(f"{title:>11}: {counts[title]:7,} parameters")
print(f"{'':>11}  {reference_added_parameters((48, 96), 3):7,} by the formula of exercise 6.2")
for title, net in {"All-CNN-C": allcnn, "max pooling": twin}.items():
    kinds = [type(layer).__name__ for _, layer in net.features.named_children()]
    print(f"{title:>11}: " + ", ".join(kind for kind in kinds if kind not in ("Dropout", "ReLU")))

# %% [markdown]
# In accuracy the two are close: from one short training each one cannot tell which is better. In the paper,
# at full width and after 350 epochs, All-CNN-C had an error of 9.08 % and its base with max pooling 9.74 %,
# without augmentation. Pooling can go.
#
# For us what matters is what went with it. **A convolution of stride 2 has no switches.** On the way
# forward it chooses nothing, and on the way back it stamps its filters, the same for every image.
#
# ## 7.3 Three rules for ReLU
#
# Let $f$ be the input of a ReLU and $R$ what comes back to its output. All three rules pass on $R$ through
# a gate and differ in what opens the gate:
#
# | rule | passes on $R$ where | looks at the image | drops what speaks against |
# |---|---|---|---|
# | gradient | $f>0$ | yes | no |
# | DeConvNet | $R>0$ | no | yes |
# | guided backprop | $f>0$ **and** $R>0$ | yes | yes |
#
# The thought behind the third: follow the units that were active *and* that raise the unit above.
#
# ### Exercise 7.3 — the three rules
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `relu_rules(f, r)`: `f` and `r` float64 of one shape. Return a tuple of three arrays of this shape:
# what the gradient, DeConvNet and guided backprop pass on. Worked example: `f = [1, -2, 3, -4]`,
# `r = [5, 6, -7, -8]` give `[5, 0, -7, 0]`, `[5, 6, 0, 0]` and `[5, 0, 0, 0]`.
#
# <details><summary>Hint</summary>
#
# `(f > 0) * r`; a product of two conditions is true where both are.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def relu_rules(f, r):
#     return (f > 0) * r, (r > 0) * r, (f > 0) * (r > 0) * r
# ```
#
# </details>


# %%
def relu_rules(f, r):
    """What the gradient, DeConvNet and guided backprop pass on of r: three arrays."""
    return None  # your line


tell(guided.check_relu_rules, relu_rules)

# %% [markdown]
# ## 7.4 Side by side
#
# **Checkpoint.** The function of the solution is in the next cell; put into a table, it gives what minixai's
# methods give.
#
# *Where we start.* These networks end in a convolution with one map of 6×6 for each class, a ReLU, and the
# average. If the map of a class is nowhere positive, its logit is 0 and nothing comes back from it. We start
# before that ReLU: with 1 in all 36 places of the class's map. In minixai that is the unit
# `layer="classifier.4", neuron=(k,), seed="one"`.
#
# > **Predict 3.** All-CNN has no switches. Which of the three rules will show the cat?


# %%
def reference_relu_rules(f, r):
    return (f > 0) * r, (r > 0) * r, (f > 0) * (r > 0) * r


tell(guided.check_relu_rules, reference_relu_rules)

methods = {
    "gradient": mx.methods.gradient,
    "DeConvNet": mx.methods.deconvnet,
    "guided backprop": mx.methods.guided_backprop,
}
classes = allcnn.predict(photos).argmax(axis=1)


def map_of(method, net, x, k):
    """The map (n, 3, 32, 32) of class k by one of minixai's methods."""
    return method(net, x, layer="classifier.4", neuron=(int(k),), seed="one").map


leaf = mx.Tensor(photos[:1])
_, layers = allcnn.trace(leaf)
top = layers["classifier.4"][0]  # (1, 10, 6, 6)
start = np.zeros(top.shape, np.float32)
start[:, classes[0]] = 1
for number, (name, method) in enumerate(methods.items()):

    def rule(g, node, number=number):
        return (reference_relu_rules(node.arrays[0], g)[number],)

    by_hand = mx.backward(top, start, rules={mx.ops.relu: rule}, wrt=[leaf])[leaf]
    difference = np.abs(by_hand - map_of(method, allcnn, photos[:1], classes[0])).max()
    print(f"{name}: this rule and minixai differ by at most {difference:.1e}")


def show(axes, x, title=""):
    """A photo (3, 32, 32) in the network's scale."""
    axes.imshow(allcnn.preprocess.photos(x[None])[0], interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title)


def show_signal(axes, values, title=""):
    """A map (3, 32, 32) in colours: grey is 0; the strongest half percent of values is clipped."""
    limit = np.percentile(np.abs(values), 99.5)
    axes.imshow(np.clip(values.transpose(1, 2, 0) / (2 * limit) + 0.5, 0, 1), interpolation="nearest")
    axes.set(xticks=[], yticks=[], title=title)


picture = Picture(figsize=(14, 6.8), dpi=66, layout="constrained")
rows = picture.subplots(3, 7)
for i, row in enumerate(rows):
    show(row[0], photos[i])
    row[0].set_ylabel(f"class {allcnn.classes[classes[i]]}")
    for k, net in enumerate((allcnn, twin)):
        for axes, (name, method) in zip(row[1 + 3 * k :], methods.items(), strict=False):
            heading = f"{('All-CNN', 'max pooling')[k]}\n{name}"
            show_signal(axes, map_of(method, net, photos[i : i + 1], classes[i])[0], "" if i else heading)
picture

# %% [markdown]
# Each map has its own scale, and all are shown like signals to compare them, though the gradient is a
# *function* (lesson 5). The gradient is noise to the eye. DeConvNet shows outlines in the twin, and in
# All-CNN a pattern without any photo. Guided backprop shows the photo in both. This is the paper's
# observation: DeConvNet needs the switches, guided backprop does not.
#
# ## 7.5 Switches or gates
#
# What does each map know of the image? We can be exact. A map can learn of the image at three places: in the
# ReLU's gates ($f>0$), in the switches, and in the choice of the start, which is fixed here. The filters are
# the same for all images.
#
# > **Predict 4.** Two different photos, the same class. How alike are their DeConvNet maps in All-CNN? And
# > in the twin, if every window's value is put into its centre instead of where the maximum was?


# %% tags=["thumbnail"]
def cosines(a, b):
    """The cosine between every map of a (n, …) and that of b."""
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (a, b))
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def with_images(maps):
    """Cosines of maps of the images: with their own, with others (the mean), with their mean; medians."""
    others = [np.roll(images, k, axis=0) for k in range(1, len(images))]
    other = np.mean([cosines(maps, each) for each in others], axis=0)
    found = (cosines(maps, images), other, cosines(maps, np.mean(others, axis=0)))
    return [np.median(each) for each in found]


def without_switches(rules, kind):
    """A table of rules, and max pooling unpooled to the centre of its windows or at random."""
    return {**rules, mx.ops.max_pool2d: mx.rules.unpooling(kind)}


tables = {"DeConvNet": mx.rules.deconvnet(), "guided": mx.rules.guided_backprop()}
kinds = {"recorded": "switches", "centre": "centre", "random": "at random"}
cat = allcnn.classes.index("cat")
maps = {}
print(f"{'median cosine with:':>34}  another's map  own image  another  mean image")
for net_name, net in {"All-CNN": allcnn, "max pooling": twin}.items():
    leaf = mx.Tensor(images)
    _, layers = net.trace(leaf)
    top = layers["classifier.4"][0]
    start = np.zeros(top.shape, np.float32)
    start[:, cat] = 1
    for name, rules in tables.items():
        for kind in kinds if net is twin else ("recorded",):
            walked = mx.backward(top, start, without_switches(rules, kind), wrt=[leaf])[leaf]
            maps[net_name, name, kind] = walked
            shown = f"{net_name}, {name}" + (f", {kinds[kind]}" if net is twin else "")
            map_of_other = np.median(cosines(walked, np.roll(walked, 1, axis=0)))
            own, other, mean = with_images(walked)
            print(f"{shown:>34} {map_of_other:14.2f} {own:10.2f} {other:8.2f} {mean:11.2f}")
for net_name, kind in (("All-CNN", "recorded"), ("max pooling", "centre")):
    one, two = maps[net_name, "DeConvNet", kind][:2]
    print(f"DeConvNet, {net_name}, {kind}: the maps of two photos are equal: {np.array_equal(one, two)}")

picture = Picture(figsize=(14, 4.8), dpi=66, layout="constrained")
for i, row in enumerate(picture.subplots(2, 7)):
    show(row[0], images[i], "" if i else "photo,\nin the twin")
    for axes, (name, kind) in zip(row[1:], [(name, kind) for name in tables for kind in kinds], strict=True):
        show_signal(axes, maps["max pooling", name, kind][i], "" if i else f"{name}\n{kinds[kind]}")
picture

# %% [markdown]
# **DeConvNet knows the image by its switches alone.** In All-CNN its map is one and the same for every
# photo, to the last bit: the cat never entered the calculation. In the twin the same happens as soon as the
# values go to the centre. Placed at random, the maps differ, but only by chance.
#
# **Guided backprop knows it by the gates.** Taking the switches away does not cost it the image: the cosine
# is no smaller without them, and with other images it is next to 0.
#
# ## 7.6 Does it know the class?
#
# So guided backprop's map is of *this image*. Is it of *this class*? Ask for all ten. And ask a network that
# never saw a cat: the same architecture, with the random weights that training starts from.
#
# > **Predict 5.** Guided backprop on the photo of a cat, for the class *ship*: what will it show? And in the
# > untrained network (the last row): more of the photo, or less?


# %%
def class_maps(net, x, rules):
    """(10, n, 3, 32, 32): the maps of all classes."""
    leaf = mx.Tensor(x)
    _, layers = net.trace(leaf)
    top = layers["classifier.4"][0]
    maps = []
    for k in range(10):
        start = np.zeros(top.shape, np.float32)
        start[:, k] = 1
        maps.append(mx.backward(top, start, rules, wrt=[leaf])[leaf])
    return np.stack(maps)


rules_of = {
    "gradient": mx.rules.Rules({}),
    "DeConvNet": mx.rules.deconvnet(),
    "guided backprop": mx.rules.guided_backprop(),
}
untrained = {
    "All-CNN": mx.models.allcnn("C", "all", width=0.5, seed=5).eval(),
    "max pooling": mx.models.allcnn("C", "base", width=0.5, seed=5).eval(),
}
picture = Picture(figsize=(15, 6.2), dpi=64, layout="constrained")
rows = picture.subplots(4, 11)
shown = [(name, allcnn, rules) for name, rules in rules_of.items()]
shown.append(("guided, untrained", untrained["All-CNN"], rules_of["guided backprop"]))
for i, (row, (name, net, rules)) in enumerate(zip(rows, shown, strict=True)):
    show(row[0], photos[0], "" if i else "All-CNN")
    row[0].set_ylabel(name.replace(" ", "\n"))
    for axes, values, title in zip(
        row[1:], class_maps(net, photos[:1], rules)[:, 0], allcnn.classes, strict=True
    ):
        show_signal(axes, values, "" if i else title)
picture

# %% [markdown]
# The row of guided backprop shows the photo ten times: the map of *ship* has eyes and a nose. Below it is
# guided backprop in the network that has learned nothing, and it shows the photo best of all.
#
# Now in numbers, on all images, in both networks:

# %%
pairs = [(i, j) for i in range(10) for j in range(i)]
results = {}
print(f"{'median cosine with:':>38}  another class  own image  another  mean image")
for state, pair in {"trained": {"All-CNN": allcnn, "max pooling": twin}, "untrained": untrained}.items():
    for net_name, net in pair.items():
        for name, rules in rules_of.items():
            each = class_maps(net, images, rules)
            between = np.median([cosines(each[i], each[j]) for i, j in pairs])
            own, other, mean = np.median([with_images(one) for one in each], axis=0)
            results[net_name, state, name] = between, own, other
            print(f"{net_name:>11}, {state:>9}, {name:>15} {between:14.2f}", end="")
            print(f"{own:11.2f} {other:8.2f} {mean:11.2f}")
zeros = [np.mean(net.predict(images) == 0) for net in (allcnn, untrained["All-CNN"])]
print(f"\nlogits of All-CNN that are exactly 0: trained {zeros[0]:.0%}, untrained {zeros[1]:.0%}")

picture = Picture(figsize=(14, 4.6), dpi=70, layout="constrained")
colours = (style.FAINT, style.PATTERN, style.FILTER)
columns = [(net_name, state) for net_name in untrained for state in ("trained", "untrained")]
for number, (axes, title) in enumerate(
    zip(
        picture.subplots(1, 2, sharey=True),
        ("maps of two classes", "a map and its image\n(black lines: and another image)"),
        strict=True,
    )
):
    for k, (name, colour) in enumerate(zip(rules_of, colours, strict=True)):
        heights = [results[(*column, name)][number] for column in columns]
        places = np.arange(4) + 0.27 * (k - 1)
        axes.bar(places, heights, 0.25, color=colour, label=name)
        if number == 1:
            others = [results[(*column, name)][2] for column in columns]
            axes.hlines(others, places - 0.125, places + 0.125, color=style.INK, linewidth=3)
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(title=f"cosine of {title}, median", ylim=(-0.2, 1.05), xticks=range(4))
    axes.set_xticklabels([f"{net_name}\n{state}" for net_name, state in columns])
picture.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
picture

# %% [markdown]
# Read the orange bars. **Guided backprop is almost the same for two classes** and has much of the image in
# it, and next to nothing of another image (the black lines). Both are *stronger* without training. The
# gradient is at the other end: nothing of the image, and the classes told apart.
#
# DeConvNet in All-CNN looks good on the left, with a low cosine between classes once the network is trained.
# But we know from 7.5 that its map has nothing to do with the image. Nor is the gradient's low cosine a
# proof: noise would have it, too. **No single number certifies a map.**
#
# The last line is the trap of 7.4: from logits that are exactly 0, guided backprop and the gradient return a
# grey picture.
#
# ## 7.7 Why: random filters give the image back
#
# Nie et al. (2018) prove it for random weights. The smallest case is one layer. Let $w_1,\dots,w_n$ be
# random filters, $x$ the input (or a patch of it), and $R_k$ what comes back to the ReLU of filter $k$:
#
# $$\text{guided:}\quad\sum_k R_k^+\,[w_k^\top x>0]\;w_k .$$
#
# The gate keeps the filters that point to the same side as $x$, and adds them up with weights that are never
# negative. For Gaussian filters the mean of $[w^\top x>0]\,w$ is $x/(\sqrt{2\pi}\,\lVert x\rVert)$: **the sum
# points to $x$.** Take one of the two conditions away, and it does not:
#
# - gradient: $R_k$ has either sign, and the filters cancel;
# - DeConvNet: without the gate the filters are taken whichever side they point to. Their mean is 0.
#
# Nothing in this has to do with a class, or with learning. In the following cell a photo goes through *one*
# layer of random 3×3 filters, and what comes back is pure noise of either sign.
#
# > **Predict 6.** With more filters, where does the cosine with the photo go, for each of the rules?

# %%
numbers = (4, 8, 16, 32, 64, 128, 256)
rng = np.random.default_rng(0)
curves = {name: [] for name in rules_of}
returned = {}
for n in numbers:
    found = {name: [] for name in rules_of}
    for _ in range(5):  # draws
        filters = rng.normal(size=(n, 3, 3, 3)).astype(np.float32)
        leaf = mx.Tensor(photos)
        y = mx.ops.relu(mx.ops.conv2d(leaf, filters, padding=1))
        noise = rng.normal(size=y.shape).astype(np.float32)
        for name, rules in rules_of.items():
            walked = mx.backward(y, noise, rules, wrt=[leaf])[leaf]
            found[name].append([cosines(walked, x) for x in (photos, np.roll(photos, 1, axis=0))])
            returned[name, n] = walked[0]
    for name, values in found.items():
        curves[name].append(np.mean(values, axis=(0, 2)))  # with its own photo, and with another

picture = Picture(figsize=(14, 5), dpi=66, layout="constrained")
grid = picture.add_gridspec(2, 4, width_ratios=(2.2, 1, 1, 1))
axes = picture.add_subplot(grid[:, 0])
for (name, values), colour in zip(curves.items(), colours, strict=True):
    own, another = np.transpose(values)
    axes.semilogx(numbers, own, "o-", color=colour, linewidth=3, label=name)
    axes.semilogx(numbers, another, ":", color=colour, linewidth=2)
    print(f"{name:>15}: cosine {own[0]:5.2f} with {numbers[0]} filters, {own[-1]:5.2f} with 256; "
          f"with another photo {another[0]:5.2f} and {another[-1]:5.2f}")  # fmt: skip
axes.set_xticks(numbers, [str(n) for n in numbers])
axes.minorticks_off()
axes.legend(frameon=False, loc="upper left")
axes.set(
    xlabel="random filters",
    ylim=(-0.2, 1.3),
    title="cosine of what comes back and the photo\n(dotted: and another photo)",
)
axes.set_yticks([0, 0.5, 1])
show(picture.add_subplot(grid[0, 1]), photos[0], "photo\n")
panels = [("guided backprop", 4), ("guided backprop", 32)]
panels += [("guided backprop", 256), ("gradient", 256), ("DeConvNet", 256)]
for k, (name, n) in enumerate(panels, start=1):
    place = picture.add_subplot(grid[k // 3, 1 + k % 3])
    show_signal(place, returned[name, n], f"{name}\n{n} filters")
picture

# %% [markdown]
# From *noise* guided backprop makes the photo, with filters that know nothing; by the other two rules noise
# stays noise. (Photos have something in common, so it is a little like another one, too: the dotted line.)
# A trained network is not a random one, and 7.6 shows that training weakens the effect. But it does not
# undo it. Nie et al. add that it matters that filters are small: every patch recovers itself, in its place.
#
# ## 7.8 Where it fails
#
# **A sharp map is no evidence.** Its sharpness comes from the image, through the gates, and would be there
# in a network with random weights. "The network looks at the cat's eyes", read from such a map, may be said
# of any class and of a network that has learned nothing. Check a map before you believe it: ask for another
# class, take the weights away (Adebayo et al. 2018).
#
# **Dropping what speaks against.** The condition $R>0$ is one-sided: what *lowers* the class never shows up,
# though it may be just what sets it apart from another. In 7.6 the gradient and guided backprop differ in
# this condition alone: compare their cosines of two classes.
#
# **What is left?** As in lesson 6: inner units. The original paper uses guided backprop there, to show *what
# in a patch* a unit of a middle layer was active for, in many images side by side. The choice of the unit
# then carries the information, not the class.
#
# **Open question.** The gradient tells the classes apart and shows nothing to the eye, guided backprop is
# the other way round. Is there a backward rule that does both, or does what we like to see exclude what we
# want to know? Lessons 8 and 12 try others: ask their maps for two classes.
#
# ## References
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: *Striving for simplicity: the all
#   convolutional net*, 2014, [arXiv 1412.6806](https://arxiv.org/abs/1412.6806). All-CNN, p-norm pooling
#   (eq. 1), guided backprop.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). DeConvNet.
# - W. Nie, Y. Zhang, A. Patel: *A theoretical explanation for perplexing behaviors of backpropagation-based
#   visualizations*, ICML 2018, [arXiv 1805.07039](https://arxiv.org/abs/1805.07039). Partial recovery of the
#   image.
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim: *Sanity checks for saliency maps*,
#   NeurIPS 2018, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292).
