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
# # 7 · All-CNN and guided backprop
#
# Does a network need pooling? Springenberg et al. take it out and lose nothing but the switches. Without
# switches DeConvNet no longer works, and they repair it with one more gate. The result is guided backprop,
# whose sharp pictures have been in many papers since. What do they show?
#
# **You will do:** write p-norm pooling; replace it by convolution; write the three rules of ReLU and compare
# them in two networks, with and without switches; ask them for the wrong class; design a control.
#
# **You will learn:** that max pooling is one end of a family; what a rule needs in order to bring the image
# back; why the most beautiful maps say the least about the class; what makes a comparison a control.
#
# **You need:** lesson 6 (DeConvNet, switches, own and other images) and lesson 3 (training).
#
# **Time:** 90 minutes, of which the cells run for about 25 seconds, offline. The two networks, All-CNN and a
# *twin* with max pooling, come with minixai and were trained on CIFAR-10 (32×32 pixels, ten classes). **The
# photos are no CIFAR-10 images**: of the six only the cat belongs to one of its classes. Where CIFAR-10's
# test images are in `MINIXAI_DATA` (`cifar10-jpeg.zip`, 52 MB), twelve of them are measured as well. Code
# BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
from figures import allcnn_and_guided_backprop as figures  # needs lessons/figures/ beside this notebook
from figures import maps

import minixai as mx
from minixai.checks import guided, tell
from minixai.errors import WeightsNotFoundError
from minixai.similarity import cosine

np.set_printoptions(precision=3, suppress=True)

nets = {"All-CNN": mx.models.pretrained("cifar10_allcnn").eval(),
        "max pooling": mx.models.pretrained("cifar10_maxpool").eval()}  # fmt: skip
allcnn, twin = nets.values()
names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
photos = images = allcnn.preprocess([mx.data.photo(name) for name in names])  # (6, 3, 32, 32)
try:
    tests, labels = mx.data.cifar10("test")
except WeightsNotFoundError:
    print("CIFAR-10's test images are not there: the six photos are used alone")
else:
    some = np.random.default_rng(0).permutation(len(labels))[:12]
    images = np.concatenate([photos, allcnn.preprocess(tests[some].transpose(0, 2, 3, 1))])

# %%
for title, net in nets.items():
    print(
        f"{title}: {net.about['test accuracy']} of the test images right after {net.about['epochs']} epochs"
    )
    best = [net.classes[k] for k in net.predict(photos).argmax(axis=1)]
    print("    " + ", ".join(f"{name} → {category}" for name, category in zip(names, best, strict=True)))

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
# > pooling into the trained twin in place of its max pooling, and train nothing. From which $p$ on will it
# > not notice?

# %%
windows = {"1, 0, 0, 0": np.array([1.0, 0, 0, 0]), "1, 0.8, 0.3, 0": np.array([1, 0.8, 0.3, 0]),
           "1, 1, 1, 1": np.ones(4)}  # fmt: skip
with_max, changes = twin.predict(photos), {}
for p in (1, 2, 4, 8, 16, 64):
    pooled = mx.models.allcnn("C", "base", width=0.5, p=p).eval()
    pooled.load_state_dict(twin.state_dict())
    logits = pooled.predict(photos)
    changes[p] = np.abs(logits - with_max).mean() / np.abs(with_max).mean()
    same = np.sum(logits.argmax(axis=1) == with_max.argmax(axis=1))
    print(f"p = {p:2}: {same} of {len(photos)} photos keep their class, logits change by {changes[p]:.1%}")
figures.p_norms(windows, changes)

# %% [markdown]
# **Answer to prediction 1.** The norm falls with $p$, towards the **largest magnitude**, because whatever
# is small counts less and less. So max pooling is the end $p\to\infty$ of the family, and $p=1$, after a
# ReLU, is the plain sum of the window. From $p=8$ on all six photos keep their class, below it all but one,
# and from $p=16$ on the logits change by less than 2 %.
#
# What about the way back? The derivative is $\partial s/\partial f=\mathrm{sign}f\,(\lvert f\rvert/s)^{p-1}$:
# every pixel of the window gets a share, and the largest value the largest share. These are soft switches.
#
# ## 7.2 Convolution in place of pooling
#
# Look at the formula again. Without the root and the power it is a convolution of stride $r$ whose weights
# are fixed: 1 for the window's own map and 0 for all others. Why not learn them? Then pooling becomes a layer
# like any other, and the price is its weights:
#
# $$s_{i,j,o}=\mathrm{ReLU}\Big(\sum_{h,w,u}\theta_{h,w,u,o}\;f_{r\cdot i+h,\;r\cdot j+w,\;u}+b_o\Big).$$
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
# **Checkpoint.** The next cell holds the solutions so far. It also shows that sum pooling is a convolution
# with fixed weights, and counts the two networks, which are half as wide as the paper's, with stages of 48
# and 96 maps.
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
for title, net in nets.items():
    print(f"{title:>11}: {sum(parameter.value.size for parameter in net.parameters()):7,} parameters")
print(f"{'':>11}  {reference_added_parameters((48, 96), 3):7,} by the formula of exercise 7.2")

# %% [markdown]
# **Answer to prediction 2.** It has almost half as many parameters again, and is right on 1.15 points more of
# the 10 000 test images, where one standard error of each is about .35. One short training each cannot tell
# whether that is due to the architecture.
#
# In the paper, at full width and after 350 epochs, All-CNN-C has an error of 9.08 % and its base, with max
# pooling, 9.74 %. Is it better *because* pooling is gone? It is also larger and deeper. The comparison
# confounds two changes, and the authors knew it, which is why their table has a third network.
#
# > **Predict 3.** What must this third network look like, so that it differs from All-CNN in the pooling
# > alone? How many parameters does it have?

# %%
for variant in ("base", "convpool", "all"):
    net = mx.models.allcnn("C", variant)
    short = {"Conv2d": "conv", "MaxPool2d": "pool"}
    kinds = [short.get(type(layer).__name__) for _, layer in net.features.named_children()]
    size = sum(parameter.value.size for parameter in net.parameters())
    print(f"{variant:>8}: {size:9,} parameters: {' '.join(kind for kind in kinds if kind)}")
errors = {  # Springenberg et al. 2014, table 3, without augmentation
    "A": {"base (max pooling)": 12.47, "ConvPool-CNN": 10.21, "All-CNN": 10.30},
    "B": {"base (max pooling)": 10.20, "ConvPool-CNN": 9.33, "All-CNN": 9.10},
    "C": {"base (max pooling)": 9.74, "ConvPool-CNN": 9.31, "All-CNN": 9.08},
}
standard_error = 100 * np.sqrt(0.093 * 0.907 / 10_000)
print(f"one standard error of an error of 9.3 % in 10 000 images: {standard_error:.2f} points")
figures.errors_of_the_paper(errors, standard_error)

# %% [markdown]
# **Answer to prediction 3.** ConvPool-CNN has the same additional convolutions *and* keeps the pooling, so it
# has exactly as many parameters as All-CNN. Read the lines of the figure in two steps. From the base to
# ConvPool-CNN the error falls by .4 to 2.3 points: that is what the added layers do. From there to All-CNN it
# changes by +.09 (A) and twice by −.23 points (B, C), less than one standard error of a single network on
# this test set: that is what *removing pooling* does. So the data say that pooling can go, not that learning
# to pool is better. (The test images are the same for all, so differences are somewhat more certain than the
# bars suggest; how much the seed of the training matters, the paper does not say.)
#
# For us it matters what went with the pooling. **A convolution of stride 2 has no switches.** On the way
# forward it chooses nothing, and on the way back it stamps its filters, the same for every image.

# %% [markdown]
# ## 7.3 Three rules for ReLU
#
# Let $f$ be the input of a ReLU and $R$ what comes back to its output. All three rules pass $R$ on through a
# gate, and differ in what opens the gate:
#
# | rule | passes on $R$ where | looks at the image | drops what speaks against |
# |---|---|---|---|
# | gradient | $f>0$ | yes | no |
# | DeConvNet | $R>0$ | no | yes |
# | guided backprop | $f>0$ **and** $R>0$ | yes | yes |
#
# The thought behind the third is to follow the units that were active *and* that raise the unit above.
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
# **Checkpoint.** The solution is in the next cell; put into a table, it gives what minixai's tables give.
#
# *Where we start.* These networks end in a convolution with one map of 6×6 for each class, a ReLU, and the
# average. If the map of a class is nowhere positive, its logit is 0 and nothing comes back from it. So we
# start before that ReLU, with 1 in all 36 places of the class's map, the layer `classifier.4`.
#
# > **Predict 4.** All-CNN has no switches. Which of the three rules will show the cat?


# %%
def reference_relu_rules(f, r):
    return (f > 0) * r, (r > 0) * r, (f > 0) * (r > 0) * r


def map_of(net, x, k, rules):
    """The map (n, 3, 32, 32) of class k, from all places of its feature map."""
    leaf = mx.Tensor(x)
    _, layers = net.trace(leaf)
    top = layers["classifier.4"][0]  # (n, 10, 6, 6)
    start = np.zeros(top.shape, np.float32)
    start[:, k] = 1
    return mx.backward(top, start, rules, wrt=[leaf])[leaf]


tell(guided.check_relu_rules, reference_relu_rules)
rules_of = {"gradient": mx.rules.Rules(), "DeConvNet": mx.rules.deconvnet(),
            "guided backprop": mx.rules.guided_backprop()}  # fmt: skip
cat = allcnn.classes.index("cat")
for number, (name, rules) in enumerate(rules_of.items()):
    by_hand = {mx.ops.relu: lambda g, node, k=number: (reference_relu_rules(node.arrays[0], g)[k],)}
    difference = map_of(allcnn, photos[:1], cat, by_hand) - map_of(allcnn, photos[:1], cat, rules)
    print(f"{name}: this rule and minixai's differ by at most {np.abs(difference).max():.1e}")

# %%
shown = allcnn.preprocess.photos(photos)
classes = allcnn.predict(photos[:3]).argmax(axis=1)
columns = {
    f"{title}\n{name}": [map_of(net, photos[i : i + 1], k, rules)[0] for i, k in enumerate(classes)]
    for title, net in nets.items()
    for name, rules in rules_of.items()
}
figures.side_by_side(shown[:3], [f"class {allcnn.classes[k]}" for k in classes], columns)

# %% [markdown]
# **Answer to prediction 4.** Only guided backprop. The gradient is noise to the eye, with a hint of the cup
# at most, and DeConvNet shows outlines in the twin but, in All-CNN, a pattern without any photo in it.
# Guided backprop shows the photo in both. This is the paper's observation: DeConvNet needs the switches,
# guided backprop does not.
#
# All maps are shown like signals, so that they can be compared, though the gradient is a *function*
# (lesson 5).
#
# ## 7.5 Switches or gates
#
# What does each map know of the image? We can be exact. A map can learn of the image in three places: the
# ReLU's gates ($f>0$), the switches, and the choice of the start, which is fixed here. The filters are the
# same for all images.
#
# The measure is the cosine, as in lesson 6. From here on `cosine(a, b)` takes it of each map in `a` with the
# one in `b` of the same number. A map of zeros has no direction: its cosine is NaN.
#
# > **Predict 5.** Two different photos, the same class. How similar are their DeConvNet maps in All-CNN? And
# > in the twin, if every window's value is put into its centre instead of where the maximum was?


# %%
def with_images(maps):
    """Cosines (n,) of maps with their image, with the others (the mean), and with the others' mean image."""
    others = [np.roll(images, k, axis=0) for k in range(1, len(images))]
    other = np.mean([cosine(maps, each) for each in others], axis=0)
    return cosine(maps, images), other, cosine(maps, np.mean(others, axis=0))


def unpooled_at(rules, kind):
    """A table of rules, and max pooling unpooled to the centre of its windows or at random."""
    return rules | {mx.ops.max_pool2d: mx.rules.unpooling(kind)}


# %%
kinds = {"recorded": "switches", "centre": "centre", "random": "at random"}
cases = [("All-CNN", "recorded"), *(("max pooling", kind) for kind in kinds)]
of_cat, beside = {}, {}
print(f"{'median cosine with:':>40}  another's map  own image  another  mean image")
for rule in ("DeConvNet", "guided backprop"):
    for title, kind in cases:
        walked = map_of(nets[title], images, cat, unpooled_at(rules_of[rule], kind))
        of_cat[rule, title, kind] = walked
        own, other, mean = with_images(walked)
        another_map = np.median(cosine(walked, np.roll(walked, 1, axis=0)))
        where = title if title == "All-CNN" else f"{title}, {kinds[kind]}"
        label = f"{rule.split()[0]}, {where}".replace(", ", ",\n")
        beside[label] = own, np.median(other), np.median(mean)
        print(f"{rule + ', ' + where:>40} {another_map:14.2f} {np.median(own):10.2f} {np.median(other):8.2f} "
              f"{np.median(mean):11.2f}")  # fmt: skip
one, two, *_ = of_cat["DeConvNet", "All-CNN", "recorded"]
print(f"DeConvNet in All-CNN: the maps of two photos are equal: {np.array_equal(one, two)}")
figures.own_image(beside)

# %% tags=["thumbnail"]
columns = {f"{rule.split()[0]}\n{kinds[kind]}": of_cat[rule, "max pooling", kind]
           for rule in ("DeConvNet", "guided backprop") for kind in kinds}  # fmt: skip
figures.side_by_side(shown[:2], ["in the twin"] * 2, columns)

# %% [markdown]
# **Answer to prediction 5.** **DeConvNet knows the image by its switches alone.** In All-CNN its map is one
# and the same for every photo, to the last bit: the cat never entered the calculation. In the twin the same
# happens as soon as the values go to the centre. With values placed at random, the maps still have much in
# common, which comes from the filters, and differ only by chance.
#
# **Guided backprop knows it by the gates.** Taking the switches away does not cost it the image: the cosine
# is no smaller without them. Here, unlike in lesson 6, the grey lines are near 0, as photos do not all have
# their ink in the middle. So the whole of that cosine is this image's own.
#
# ## 7.6 Does it know the class?
#
# Guided backprop's map is of *this image*, then. Is it of *this class*? Ask for all ten. And ask a network
# that has never seen a cat: the same architecture, with random weights as training starts from.
#
# > **Predict 6.** Guided backprop on the photo of a cat, for the class *ship*: what will it show? And in the
# > untrained network (the last row): more of the photo, or less?


# %%
def class_maps(net, x, rules):
    """(10, n, 3, 32, 32): the maps of all classes."""
    return np.stack([map_of(net, x, k, rules) for k in range(10)])


untrained = {
    "All-CNN": mx.models.allcnn("C", "all", width=0.5, seed=5).eval(),
    "max pooling": mx.models.allcnn("C", "base", width=0.5, seed=5).eval(),
}
rows = {
    name.replace(" ", "\n"): class_maps(allcnn, photos[:1], rules)[:, 0] for name, rules in rules_of.items()
}
guided_rules = rules_of["guided backprop"]
rows["guided,\nuntrained"] = class_maps(untrained["All-CNN"], photos[:1], guided_rules)[:, 0]
figures.all_classes(shown[0], allcnn.classes, rows)

# %% [markdown]
# **Answer to prediction 6.** The row of guided backprop shows the photo ten times: the map of *ship* has eyes
# and a nose. In the last row is guided backprop in the network that has learned nothing, and it shows the
# photo best of all. Run the next cell to try other photos, classes and rules.


# %%
def picture_of(network, rule, category, photo):
    """The map of one photo, beside it."""
    number, k = names.index(photo), allcnn.classes.index(category)
    walked = map_of(nets[network], photos[number : number + 1], k, rules_of[rule])
    return figures.side_by_side(
        shown[number : number + 1], [photo], {f"{network}, {rule}, {category}": walked}
    )


maps.sliders(
    picture_of, {"network": tuple(nets), "rule": tuple(rules_of), "category": allcnn.classes, "photo": names}
)

# %% [markdown]
# Now in numbers, on all images, in both networks:

# %%
pairs = [(i, j) for i in range(10) for j in range(i)]


def measured(net, rules):
    """The medians of the cosines of two classes, and of a map with its own image, another and the mean."""
    each = class_maps(net, images, rules)  # maps of zeros, which have no cosine, are left out
    between = np.nanmedian([cosine(each[i], each[j]) for i, j in pairs])
    return between, *np.nanmedian([with_images(one) for one in each], axis=(0, 2))


between, own = {}, {}
print(f"{'median cosine with:':>39}  another class  own image  another  mean image")
for title in nets:
    for state, net in {"trained": nets[title], "untrained": untrained[title]}.items():
        found = {name: measured(net, rules) for name, rules in rules_of.items()}
        between[f"{title},\n{state}"] = {name: values[0] for name, values in found.items()}
        own[f"{title},\n{state}"] = {name: values[1:] for name, values in found.items()}
        for name, values in found.items():
            numbers = " ".join(f"{value:11.2f}" for value in values)
            print(f"{title:>11}, {state:>9}, {name:>15} {numbers}")
figures.classes_and_images(between, own)

# %% [markdown]
# Look at the orange bars. **Guided backprop's map is almost the same for two classes**, has much of its own
# image in it, and next to nothing of another image or of the mean image (the black lines). The gradient is at
# the other end: it shows nothing of the image, and tells the classes apart.
#
# DeConvNet's maps are almost the same for two classes, too, once the network is trained; in All-CNN, as we
# know from 7.5, they do not depend on the image either. In the *untrained* All-CNN they differ more (.78),
# and that is no merit: it knows neither photo nor class. Nor is the gradient's low cosine a proof, since
# noise would have it, too. **No single number certifies a map.**

# %% [markdown]
# ## 7.7 Design a control
#
# The untrained network shows more of the photo than the trained one. An author objects: "*It differs from
# ours in everything. Its weights have another spread, its biases are zero, other units are active. You have
# changed ten things at once, like a comparison of All-CNN with its base.*" The objection is fair. What we
# need is a network that differs from the trained one in **what it has learned, and in nothing else**.
#
# ### Exercise 7.4 — everything but what was learned
# *Difficulty 3/5 · importance 5/5 · at most 20 minutes*
#
# Write `control(weights, rng)`: `weights` is a state dict, names → float32 arrays; `rng` a random generator.
# Return another state dict with the same names and shapes. Before you write it, list what should stay the
# same (the number of layers? the values? their mean and spread? the biases?) and what has to go. The check
# holds you to these:
#
# - every array keeps **all its values**, so its distribution is the same to the last bit;
# - *which* value stands *where* is left to chance, also within a filter;
# - the given arrays stay as they are.
#
# <details><summary>Hint 1</summary>
#
# Shuffling whole filters is not enough: a filter that detects an edge detects it in any place of the list.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `rng.permutation(a.ravel())` returns a shuffled copy of all values. `rng.permutation(a)` moves rows.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def control(weights, rng):
#     return {name: rng.permutation(a.ravel()).reshape(a.shape) for name, a in weights.items()}
# ```
#
# Depth, widths, the values of all weights and biases stay, and with them every layer's scale; what goes is
# the arrangement, which is where training has put what it learned. It is still not perfect: the activations
# of deeper layers change, and no control could keep those.
#
# </details>


# %%
def control(weights, rng):
    """A state dict that has the values of `weights`, but nothing of what was learned."""
    return None  # your line


tell(guided.check_control, control)

# %% [markdown]
# **Checkpoint.** The solution is in the next cell, applied to both networks with three seeds each.
#
# > **Predict 7.** Suppose the author is right, and the photo in guided backprop's map is there because the
# > network has learned to see cats and cars. Which number has to fall in the control, and roughly to what?


# %%
def reference_control(weights, rng):
    return {name: rng.permutation(a.ravel()).reshape(a.shape) for name, a in weights.items()}


tell(guided.check_control, reference_control)
controls = {}
print(f"{'guided backprop, median cosine with:':>41}  another class  own image  another  mean image")
for title, variant in {"All-CNN": "all", "max pooling": "base"}.items():
    states = {"trained": nets[title], "untrained": untrained[title]}
    for seed in range(3):
        shuffled = mx.models.allcnn("C", variant, width=0.5).eval()
        shuffled.load_state_dict(reference_control(nets[title].state_dict(), np.random.default_rng(seed)))
        states[f"shuffled {seed}"] = shuffled
    controls[title] = {state: measured(net, guided_rules) for state, net in states.items()}
    for state, values in controls[title].items():
        print(f"{title:>21}, {state:>18} " + " ".join(f"{value:11.2f}" for value in values))
figures.controls(controls)

# %% [markdown]
# **Answer to prediction 7.** The cosine with the own image would have to fall towards the other images', to
# about 0. It *rises*. A network with the very same values, arranged by chance, shows more of the photo than
# the trained one, and both controls agree on it. So the photo in the map is not what was learned; if
# anything, learning takes some of it away. Nor does guided backprop tell the classes apart any better for it:
# the trained networks' maps of two classes have a cosine of .98 or more, the shuffled ones' of .99 or more.
#
# The third network of 7.2 had the same design: ConvPool-CNN keeps everything of All-CNN but the thing in
# question.

# %% [markdown]
# ## 7.8 Why: random filters give the image back
#
# Nie et al. (2018) prove it for random weights. The smallest case is one layer. Let $w_1,\dots,w_n$ be
# random filters, $x$ the input (or a patch of it), and $R_k$ what comes back to the ReLU of filter $k$:
#
# $$\text{guided:}\quad\sum_k R_k^+\,[w_k^\top x>0]\;w_k .$$
#
# The gate keeps the filters that point to the same side as $x$ and adds them up with weights that are never
# negative. For Gaussian filters the mean of $[w^\top x>0]\,w$ is $x/(\sqrt{2\pi}\,\lVert x\rVert)$: **the sum
# points to $x$.** Take either condition away and it does not. In the gradient $R_k$ has either sign, and the
# filters cancel; in DeConvNet the filters are taken whichever way they point, and their mean is 0.
#
# Nothing in this has to do with a class, or with learning. In the following cell a photo goes through *one*
# layer of random 3×3 filters, and what comes back is pure noise of either sign.
#
# > **Predict 8.** With more filters, where does the cosine with the photo go, for each of the rules?

# %%
counts, rng = (4, 8, 16, 32, 64, 128, 256), np.random.default_rng(0)
curves, returned = {name: [] for name in rules_of}, {}
for n in counts:
    found = {name: [] for name in rules_of}
    for _ in range(5):  # draws
        leaf = mx.Tensor(photos)
        filters = rng.normal(size=(n, 3, 3, 3)).astype(np.float32)
        y = mx.ops.relu(mx.ops.conv2d(leaf, filters, padding=1))
        noise = rng.normal(size=y.shape).astype(np.float32)
        for name, rules in rules_of.items():
            walked = mx.backward(y, noise, rules, wrt=[leaf])[leaf]
            found[name].append([cosine(walked, x) for x in (photos, np.roll(photos, 1, axis=0))])
            returned[f"{name}\n{n} filters"] = walked[0]
    for name, values in found.items():
        curves[name].append(np.mean(values, axis=(0, 2)))  # with its own photo, and with another

# %%
for name, values in curves.items():
    (first, _), (last, other) = values[0], values[-1]
    print(f"{name:>15}: {first:5.2f} with 4 filters, {last:5.2f} with 256, another photo {other:.2f}")
wanted = [f"guided backprop\n{n} filters" for n in (4, 32, 256)]
wanted += ["gradient\n256 filters", "DeConvNet\n256 filters"]
figures.one_layer(curves, counts, shown[0], {name: returned[name] for name in wanted})

# %% [markdown]
# **Answer to prediction 8.** From *noise* guided backprop makes the photo, with filters that know nothing;
# under the other two rules noise stays noise. (Photos have something in common, so it resembles another one a
# little, too: the dotted line.) A trained network is not a random one, and 7.6 shows that training weakens
# the effect without undoing it. Nie et al. add that it matters that filters are small, so that every patch
# recovers itself, in its place.

# %% [markdown]
# ## 7.9 Where it fails
#
# **A sharp map is no evidence.** Its sharpness comes from the image, through the gates, and would be there in
# a network with random weights. If such a map makes you say "The network looks at the cat's eyes", you could
# say it just as well for any other class, and of a network that has learned nothing. Check a map before you
# believe it: ask for another class, and replace the weights by random ones (Adebayo et al. 2018; lesson 15).
#
# **Dropping what speaks against.** The condition $R>0$ is one-sided: what *lowers* the class never shows up,
# though it may be just what sets it apart from another. In 7.6 the gradient and guided backprop differ in
# this condition alone, so compare their cosines of two classes.
#
# **What is left?** As in lesson 6, inner units. The original paper uses guided backprop there, to show *what
# in a patch* a unit of a middle layer was active for, in many images side by side. It is then the choice of
# the unit that carries the information, not the class.

# %% [markdown]
# **Open question.** The gradient tells the classes apart and shows nothing to the eye; guided backprop is the
# other way round. Is there a backward rule that does both, or can we not have both what we like to see and
# what we want to know? Lessons 8 and 12 try others: ask their maps for two classes.
#
# ## References
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: *Striving for simplicity: the all
#   convolutional net*, 2014, [arXiv 1412.6806](https://arxiv.org/abs/1412.6806). All-CNN, p-norm pooling
#   (eq. 1), ConvPool-CNN (table 3), guided backprop.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). DeConvNet.
# - W. Nie, Y. Zhang, A. Patel: *A theoretical explanation for perplexing behaviors of backpropagation-based
#   visualizations*, ICML 2018, [arXiv 1805.07039](https://arxiv.org/abs/1805.07039). Partial recovery of the
#   image.
# - J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim: *Sanity checks for saliency maps*,
#   NeurIPS 2018, [arXiv 1810.03292](https://arxiv.org/abs/1810.03292).
