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

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 6 · PatternNet, PatternAttribution, and a critical report
#
# The patterns are fitted. You write the two ways back that use them, look through them into a network of your
# own, and then do what papers often leave out: measure whether the maps say anything, by degradation and by
# whether they change with the class. What you find goes into a report, which a person marks.
#
# **You need:** lesson 11 (patterns), lesson 12 (the two methods, rank 1, degradation). **Time:** about 120
# minutes, 45 of them for the report. The cells run about 10 seconds. Nothing is fetched: the digits come with
# scikit-learn, the photos with scikit-image and scikit-learn, the CIFAR-10 network with minixai.
#
# | exercise | what | points |
# |---|---|---|
# | 1 | one unit by hand | 5 |
# | 2 | patterns of the right length | 10 |
# | 3 | the rule of PatternNet | 15 |
# | 4 | the rule of PatternAttribution | 10 |
# | 5 | the walk | 10 |
# | 6 | degradation | 15 |
# | 7 | the interval of a difference | 5 |
# | 8 | does the map change with the class? | 5 |
# | 9 | the report | 25 |
# | | | **100** |
#
# **Rules.** The work is your own. While the checks run, `mx.rules`, `mx.methods`, `mx.evaluate` and
# `mx.signal` are out of reach: an answer that calls them gets no points. All else of NumPy and minixai may be
# used. An answer does not write to the arrays it is given.
#
# **Checks.** Below each exercise a cell checks your answer. A test cell that prints nothing has passed; an error
# says what is wrong. Marking runs the same checks with other numbers, and some further cases that the text
# names. The exercises do not need each other, but the report needs all the figures.
#
# **To hand in:** *Kernel → Restart Kernel and Run All Cells*, see that no check fails, save.

# %%
import matplotlib
import numpy as np
from sklearn.datasets import load_digits

import minixai as mx
from minixai.course.cw6 import checks as cw6
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

digits = load_digits()
order = np.random.default_rng(SEED).permutation(len(digits.target))
images, labels = (digits.images[order, None] / 16).astype(np.float32), digits.target[order]

rng = np.random.default_rng(SEED)
net = mx.nn.Sequential({
    "conv1": mx.nn.Conv2d(1, 8, 3, padding=1, rng=rng), "relu1": mx.nn.ReLU(),
    "conv2": mx.nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": mx.nn.ReLU(), "pool": mx.nn.MaxPool2d(2),
    "conv3": mx.nn.Conv2d(16, 32, 3, rng=rng), "relu3": mx.nn.ReLU(),
    "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(128, 10, rng=rng),
})  # fmt: skip
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=6, batch_size=64, seed=SEED, progress=False,
                       optimiser=mx.nn.Adam(net.parameters(), lr=1e-2),
                       validation=(images[1400:], labels[1400:]))  # fmt: skip
print(f"{last.validation_accuracy:.1%} of {len(images) - 1400} digits that were not trained on are right")

fitted = mx.signal.fit_patterns(net, np.split(images[:1400], 14), ("linear", "positive"), progress=False)
print(fitted)
some = images[1400:1464]  # 64 digits to explain
top = net.predict(some).argmax(axis=1)

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# The table lists the patterns of your network; `wᵀa` is 0 for units that never fired, which have none.
#
# ## 1 · One unit by hand
#
# A unit computes $y=w^\top x+b$. It has a direction $d$, which says where its signal lies, but not how long
# its pattern is. A pattern has $w^\top a=1$ (Kindermans et al. 2017, section 4): a signal $a\,y$ must give
# back $w^\top(a\,y)=y$. The cotangent $g$ arrives at $y$. The numbers are your term's own.

# %%
w, d, g = cw6.unit(SEED)
print(f"w = {w}, d = {d}, g = {g}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-hand-question", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Take paper and pencil. What is the pattern $a$? What does PatternNet pass on to the three inputs, and what
# PatternAttribution? The check below looks only at the form of your answer. Whether the numbers are right,
# you learn from the marking.


# %% nbgrader={"grade": false, "grade_id": "cw6-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
def by_hand():
    """Your numbers, three for each, to three decimals or as fractions.

    Example: {"pattern": [1, 2, 3], "PatternNet": [4, 5, 6], "PatternAttribution": [7, 8, 9]},
    had these come out.
    """
    ### BEGIN SOLUTION
    a = d / (w @ d)
    return {"pattern": a, "PatternNet": g * a, "PatternAttribution": g * w * a}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-hand-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw6.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-scaled-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2 · Patterns of the right length
#
# Now for all units of a layer, and for convolutions too. A layer's weight has a unit in each entry of its
# first axis: (k, d) of a dense layer, (k, c, kh, kw) of a convolution. The directions have the same shape.
# Scale every direction by one number, so that $\sum w\odot a=1$ over all entries of the unit.
#
# A unit whose $w^\top d$ is exactly 0 gets the pattern 0.


# %% nbgrader={"grade": false, "grade_id": "cw6-scaled", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scaled(d, w):
    """Patterns along the directions d with wᵀa = 1.

    d, w: (k, ...), of one shape and floating dtype, a unit in each entry of the first axis.
    Returns a of that shape and dtype.

    Example: d = [[2., 0.], [1., 1.], [1., 1.]] and w = [[1., 5.], [1., 3.], [1., -1.]] give
    [[1., 0.], [0.25, 0.25], [0., 0.]].
    """
    ### BEGIN SOLUTION
    wd = (w * d).sum(axis=tuple(range(1, w.ndim)), keepdims=True)
    return np.divide(d, wd, out=np.zeros_like(d), where=wd != 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-scaled-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw6.check_scaled(scaled, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_scaled(scaled, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-net-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3 · The rule of PatternNet
#
# The gradient of a linear layer is $g_x=W^\top g$. PatternNet passes on $A^\top g$ instead: each unit's
# pattern in place of its weights (Kindermans et al. 2017, section 5). Biases do not take part.
#
# `mx.backward` asks a rule at each operation: a function of `(g, node)` which answers with a tuple, one
# cotangent for every input. `node.arrays` are the inputs: x, the weight and the bias, or `None` in its
# place where the layer has none. Only x gets a cotangent, the others get `None`: `(gx, None, None)`.
#
# You need not write a transposed convolution: `node.op` is the operation itself, `node.params` its settings (a
# convolution's stride, padding, dilation and groups), and `mx.backward` has its VJP. Build the operation with
# other weights, and walk it back.


# %% nbgrader={"grade": false, "grade_id": "cw6-net", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pattern_net_rule(a):
    """The rule of a layer (a convolution or a dense layer) that puts patterns in place of the weights.

    a: the patterns, of the weight's shape. Returns a function (g, node) -> (gx, None, None), a cotangent for
    every input; gx has the shape of x, node.arrays[0].

    Example: a dense layer with w = [[1, -1], [0, 1]], a = [[1, 0], [1, 1]] and g = [[2, 1]]:
    gx = 2·[1, 0] + 1·[1, 1] = [[3, 1]].
    """

    ### BEGIN SOLUTION
    def rule(g, node):
        x = mx.Tensor(node.arrays[0])
        with_patterns = node.op(x, a, **node.params)
        return (mx.backward(with_patterns, g, wrt=[x])[x], *[None] * (len(node.inputs) - 1))

    return rule
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-net-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw6.check_pattern_net_rule(pattern_net_rule, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_pattern_net_rule(pattern_net_rule, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-attribution-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 · The rule of PatternAttribution
#
# PatternNet answers *which signal*. PatternAttribution answers *how much each input gives to the output*: it
# walks with $w\odot a$ in place of $w$ (Kindermans et al. 2017, section 5). What a unit has, it gives to its
# inputs in the shares $w_ia_i$, which add up to 1.


# %% nbgrader={"grade": false, "grade_id": "cw6-attribution", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pattern_attribution_rule(a):
    """The rule of a layer (a convolution or a dense layer) that puts w ⊙ a in place of the weights.

    a: the patterns, of the weight's shape. Returns a rule as in exercise 3.

    Example: the layer of exercise 3: w ⊙ a = [[1, 0], [0, 1]], gx = [[2, 1]].
    """

    ### BEGIN SOLUTION
    def rule(g, node):
        x, w = mx.Tensor(node.arrays[0]), node.arrays[1]
        shared = node.op(x, w * a, **node.params)
        return (mx.backward(shared, g, wrt=[x])[x], *[None] * (len(node.inputs) - 1))

    return rule
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-attribution-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw6.check_pattern_attribution_rule(pattern_attribution_rule, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_pattern_attribution_rule(pattern_attribution_rule, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-map-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 · The walk
#
# Layers with weights take their pattern rule; ReLU and pooling keep their gradient. That keeps the gate: a
# unit that is not active passes nothing on. PatternAttribution starts with the *score* of the target class,
# since it shares the score out. For PatternNet we start with 1.
#
# `net` is in evaluation mode. `net.trace(tensor)` returns the output, of shape (n, classes), and a dictionary of
# all layers' outputs, each a list of tensors; you need only the output here.
# `mx.backward(output, cotangent, rules=…, wrt=[…])` returns a dictionary from tensor to cotangent. In the
# table `rules` a key can be a layer's name; a value is a rule, `make_rule(patterns)`.


# %% nbgrader={"grade": false, "grade_id": "cw6-map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pattern_map(net, x, target, patterns, make_rule, start):
    """Walk back from the score of a class to the input.

    x: (n, ...), an array. target: (n,), a class for each image. patterns: {layer's name: its patterns}.
    make_rule: such as pattern_net_rule; layers that are not in patterns keep their gradient.
    start: "one", or "score": what the walk starts with at the target, while all other classes get 0.
    Returns the map, an array of x's shape.

    Example: with no patterns at all, {}, and start "one" it is the gradient of the score.
    """
    ### BEGIN SOLUTION
    leaf = mx.Tensor(x)
    output, _ = net.trace(leaf)
    cotangent = np.zeros_like(output.value)
    at = np.arange(len(x)), target
    cotangent[at] = output.value[at] if start == "score" else 1
    rules = {layer: make_rule(a) for layer, a in patterns.items()}
    return mx.backward(output, cotangent, rules, wrt=[leaf])[leaf]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-map-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw6.check_pattern_map(pattern_map, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_pattern_map(pattern_map, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-look-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### Look at them
#
# Every estimator of the signal is a set of directions: `filter` takes the filters themselves ($S_w$), `linear`
# the patterns over all samples ($S_a$), `positive` those over the active samples ($S_{a\pm}$). Here they all go
# through your functions, once for your network, and once for the All-CNN-C that comes with minixai (87 % right
# on CIFAR-10), on photos it was not trained on. The title is the class the network sees; for most of these
# photos it is wrong, and the map explains that class.
#
# **Predict** before you run it: which rows will show the digit, and which only where it is?


# %%
def directions(net, fitted, kind):
    """{layer: patterns} of an estimator: its directions, scaled by your function."""
    weights = {layer: net.state_dict()[f"{layer}.weight"] for layer in fitted}
    chosen = fitted.choose(kind) if kind != "filter" else {layer: (w, None) for layer, w in weights.items()}
    return {layer: scaled(d.astype(np.float32), weights[layer]) for layer, (d, _) in chosen.items()}


def maps_of(net, x, target, fitted):
    """The maps of all methods, by name."""
    patterns = {kind: directions(net, fitted, kind) for kind in ("filter", "linear", "positive")}
    made = {
        "gradient": pattern_map(net, x, target, {}, pattern_net_rule, "one"),
        "PatternNet\nlinear": pattern_map(net, x, target, patterns["linear"], pattern_net_rule, "one"),
    }
    for kind, a in patterns.items():
        made[f"PatternAttr.\n{kind}"] = pattern_map(net, x, target, a, pattern_attribution_rule, "score")
    return made


def draw_maps(inputs, made, titles, anchors="C"):
    """A row for the inputs, and one for each method; anchors: where each column's images stand, in turn."""
    size = 1.5 + 1.15 * len(inputs), 0.7 + 1.05 * (1 + len(made))
    picture = Picture(figsize=size, dpi=80, layout="constrained")
    rows = picture.subplots(1 + len(made), len(inputs))
    for axes, image, title in zip(rows[0], inputs, titles, strict=True):
        axes.imshow(image, cmap="gray")
        axes.set_title(title)
    for row, (name, maps) in zip(rows[1:], made.items(), strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for axes, values in zip(row, maps.sum(axis=1), strict=True):
            limit = np.percentile(np.abs(values), 99.5) or 1
            axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for k, axes in enumerate(picture.axes):
        axes.set(xticks=[], yticks=[], anchor=anchors[k % len(anchors)])
        axes.spines[:].set_visible(True)
    picture.suptitle("red: above zero, blue: below; each map has its own scale")
    return picture


draw_maps(some[:8, 0], maps_of(net, some[:8], top[:8], fitted), [f"a {k}" for k in top[:8]])

# %%
photo_net = mx.models.pretrained("cifar10_allcnn").eval()
names = ("chelsea", "coffee", "astronaut", "china", "flower")
photos = photo_net.preprocess([mx.data.photo(name) for name in names])
seen_as = photo_net.predict(photos).argmax(axis=1)
made = maps_of(photo_net, photos, seen_as, photo_net.patterns)
draw_maps(photo_net.preprocess.photos(photos), made, [photo_net.classes[k] for k in seen_as])

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-degradation-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6 · Degradation
#
# Take away what a map calls most relevant, patch by patch, and see how fast the probability of the class falls
# (Kindermans et al. 2017, section 6). The image is cut into patches of `patch` × `patch` pixels, numbered row
# by row; the image's sides are multiples of `patch`. A patch is as relevant as the sum of the map over it, with its
# sign and over all channels. Of equal ones the patch with the smaller number goes first. Each is replaced by
# the `fill`: its own mean in each channel, or a number. What has been replaced stays replaced.
#
# The probability is the softmax of the logits. For large logits $e^y$ overflows: subtract the largest one
# first.


# %% nbgrader={"grade": false, "grade_id": "cw6-degradation", "locked": false, "schema_version": 3, "solution": true, "task": false}
def degradation(predict, x, heat, target, patch, fill="mean"):
    """The probability of the class while patches are replaced, the most relevant first.

    predict: a function of images (n, c, h, w) -> logits (n, k). x: (n, c, h, w). heat: the map, of x's
    shape. target: (n,), a class for each image. patch: the side of a patch in pixels.
    fill: "mean", the patch's own mean in each channel, or a number.
    Returns (n, 1 + number of patches): column j with the first j patches replaced.

    Example: one channel, an image [[8, 0], [2, 4]], heat [[1, 0], [5, 1]], patch 1 and fill 0: the 2 goes
    first, then the 8 (it stands before the 4), then the 4, then the 0: five columns.
    """

    ### BEGIN SOLUTION
    def probability(images):
        logits = predict(images)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p[np.arange(len(p)), target] / p.sum(axis=1)

    n, _, height, width = x.shape
    rows, columns = height // patch, width // patch
    relevance = heat.sum(axis=1).reshape(n, rows, patch, columns, patch).sum(axis=(2, 4)).reshape(n, -1)
    order = np.argsort(-relevance, axis=1, kind="stable")
    changed = x.copy()
    probabilities = [probability(changed)]
    for numbers in order.T:
        for image, number in zip(changed, numbers, strict=True):
            row, column = np.array(divmod(number, columns)) * patch
            window = image[:, row : row + patch, column : column + patch]
            window[:] = window.mean(axis=(1, 2), keepdims=True) if fill == "mean" else fill
        probabilities.append(probability(changed))
    return np.stack(probabilities, axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-degradation-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw6.check_degradation(degradation, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_degradation(degradation, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-interval-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 · The interval of a difference
#
# The *area* of a curve is its mean height. Two methods explained the same images, so compare them image by
# image: the mean of the differences of their areas. How far would it move with other images? The bootstrap
# draws n images from the n, *with* repetition, the same ones for both methods, and takes the mean difference
# again; many times over.
#
# So that the numbers can be checked, draw them by this line:
# `np.random.default_rng(seed).integers(n, size=(resamples, n))`. The interval reaches from the 2.5th to the
# 97.5th percentile of the means (`np.percentile`).


# %% nbgrader={"grade": false, "grade_id": "cw6-interval", "locked": false, "schema_version": 3, "solution": true, "task": false}
def difference_interval(areas, others, seed=0, resamples=2000):
    """The mean of areas - others, and its 95 % bootstrap interval.

    areas, others: (n,), two methods on the same n images. Returns three numbers: mean, low, high.

    Example: areas [1, 2, 3] and others [0, 1, 2] differ by 1 in every image: (1, 1, 1).
    """
    ### BEGIN SOLUTION
    differences = np.subtract(areas, others)
    n = len(differences)
    drawn = np.random.default_rng(seed).integers(n, size=(resamples, n))
    low, high = np.percentile(differences[drawn].mean(axis=1), [2.5, 97.5])
    return differences.mean(), low, high
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-interval-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw6.check_difference_interval(difference_interval, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_difference_interval(difference_interval, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-curves-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### The curves
#
# Five orders: a random one, input × gradient (as if all of x were signal, $S_x$), and PatternAttribution with
# three estimators. Three fills: the patch's mean as in the paper, black as is usual for digits, and mid-grey.
#
# The intervals are over the images only. Another random order, or the network of another training, can differ by
# more than they say.
#
# **Predict** before you run it: will the three fills agree on the best order?

# %%
made = maps_of(net, some, top, fitted)
heats = {
    "random": np.random.default_rng(SEED).normal(size=some.shape),
    "input × gradient": some * made["gradient"],
    "filter": made["PatternAttr.\nfilter"],
    "linear": made["PatternAttr.\nlinear"],
    "positive": made["PatternAttr.\npositive"],
}
colours = (style.FAINT, style.SIGNAL, style.DISTRACTOR, style.PATTERN, style.FILTER)


def draw_curves(axes, heats, patch, fill, title):
    """Draw the mean curve of every order; print areas and their differences. Returns {order: areas (n,)}."""
    curves = {name: degradation(net.predict, some, heat, top, patch, fill) for name, heat in heats.items()}
    areas = {name: each.mean(axis=1) for name, each in curves.items()}
    for (name, each), colour in zip(curves.items(), colours, strict=True):
        axes.plot(each.mean(axis=0), "o-", color=colour, linewidth=2.5, markersize=5, label=name)
    axes.set(title=title, xlabel="patches replaced", ylim=(0, 1.02), xmargin=0.02)
    axes.locator_params(axis="x", integer=True)

    def difference(one, other):
        mean, low, high = difference_interval(areas[one], areas[other])
        return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"

    print(f"\n{title}, patches of {patch}×{patch}: area; difference from random [95 % interval]")
    for name, of_images in areas.items():
        against = "" if name == "random" else f"; {difference(name, 'random')}"
        print(f"{name:>17} {of_images.mean():.3f}{against}")
    best, second, *_ = sorted(areas, key=lambda name: areas[name].mean())
    print(f"    the two best: {best} minus {second} {difference(best, second)}")
    return areas


picture = Picture(figsize=(14, 4.6), dpi=62, layout="constrained")
panels = picture.subplots(1, 3, sharey=True)
fills = {"own mean": "mean", "black": 0, "mid-grey": 0.5}
areas = {}
for axes, (title, fill) in zip(panels, fills.items(), strict=True):
    areas[title] = draw_curves(axes, heats, 2, fill, title)
panels[0].set_ylabel("probability of the class")
picture.suptitle(f"{len(some)} digits: patches of 2×2 replaced, the most relevant first")
picture.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
picture

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-similarity-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8 · Does the map change with the class?
#
# Explain the same digit for another class, and compare the two maps by the magnitude of the cosine of the angle
# between them:
#
# $$|\cos(a,b)|=\frac{|\sum_i a_ib_i|}{\sqrt{\sum_i a_i^2\,\sum_i b_i^2}}$$
#
# over all values of an image's two maps. 1 means that they are the same map, up to a factor or a sign. Where
# one of the maps is zero everywhere, the answer is `nan`. Compute in float64: the squares of tiny values vanish in
# float32.


# %% nbgrader={"grade": false, "grade_id": "cw6-similarity", "locked": false, "schema_version": 3, "solution": true, "task": false}
def similarity(maps, others):
    """The magnitude of the cosine between two maps of each image.

    maps, others: (n, ...). Returns float64 (n,).

    Example: maps [[3, 4], [1, 0], [0, 0]] and others [[-6, -8], [0, 2], [1, 1]] give [1, 0, nan].
    """
    ### BEGIN SOLUTION
    a, b = (np.reshape(each, (len(each), -1)).astype(np.float64) for each in (maps, others))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    undefined = np.full(len(a), np.nan)
    return np.divide(np.abs((a * b).sum(axis=1)), lengths, out=undefined, where=lengths > 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw6-similarity-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw6.check_similarity(similarity, SEED)
### BEGIN HIDDEN TESTS
cw6.mark_similarity(similarity, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-classes-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### The class and its neighbour
#
# The class that the network sees, and the next number (9 is followed by 0). Each pair is the same digit, first
# for its class, then for the other one. For most digits the other class's score is below zero, and the map that
# starts there changes its colour.

# %%
other = (top + 1) % 10
mine, theirs = maps_of(net, some, top, fitted), maps_of(net, some, other, fitted)
for name, maps in mine.items():
    alike = similarity(maps, theirs[name])
    low, middle, high = np.nanpercentile(alike, [25, 50, 75])
    name = name.replace("\n", " ")
    print(f"{name:>21}: |cos| median {middle:.2f}, half of the digits between {low:.2f} and {high:.2f}")

pairs = np.repeat(np.arange(4), 2)
shown = {name: np.stack([(mine, theirs)[k % 2][name][i] for k, i in enumerate(pairs)]) for name in mine}
titles = [f"as a {(top, other)[k % 2][i]}" for k, i in enumerate(pairs)]
draw_maps(some[pairs, 0], shown, titles, anchors="EW")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw6-report-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9 · The report
#
# At most 600 words, in full sentences, with the numbers of *your* network. The reader knows the lessons, and
# wants to know what to believe.
#
# 1. **Degradation** (8 points). Which order is best by each fill? Which differences from random, and which
#    between the two best, have an interval without 0? Which method would you have recommended, had you seen
#    only the first, only the second, only the third panel? Choose one more fill or patch size in the cell below
#    (as it stands, it repeats the first panel), and say what it adds. For a difference that is not printed:
#    `difference_interval(areas["black"]["filter"], areas["black"]["linear"])`.
# 2. **Class** (6 points). Which maps change with the class, and which do not? What follows for the sentence
#    "these pixels made the network say three"?
# 3. **What the maps show, and what not** (6 points). Choose one claim that somebody could make on the strength
#    of the figures (of the digits or of the photos), and refute it by a number or by another figure. Point to
#    one map that looks convincing and should not be trusted, and say why.
# 4. **What would change your mind** (5 points). One experiment that you could do with minixai in a day: what do
#    you measure, what do you compare with, which result would speak for the method, and which against?

# %%
# Your own experiment: choose another fill, another patch size (the images are 8×8), or both.
own_patch, own_fill = 2, "mean"

own_picture = Picture(figsize=(7, 4.6), dpi=62, layout="constrained")
axes = own_picture.subplots()
areas["own"] = draw_curves(axes, heats, own_patch, own_fill, f"my fill: {own_fill}")
axes.set_ylabel("probability of the class")
axes.legend(frameon=False)
own_picture

# %% [markdown] nbgrader={"grade": true, "grade_id": "cw6-report", "locked": false, "points": 25, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# (A model answer, without the numbers, which are those of the term. Each claim names the output it rests on.)
#
# **Degradation.** By black, input × gradient is far ahead of all patterns, and `positive` comes second; the
# interval between these two leaves out 0. By mid-grey both are about as good as random or worse, and `filter`
# and `linear` are best. By their own mean all orders are close together; `filter` and `linear` differ from
# random, but hardly from each other. The second panel alone would have made me recommend input × gradient, the
# first and the third `filter` or `linear`. So the fill decides the ranking: input × gradient is 0 at black
# pixels, and replacing black by black does nothing, which is an advantage of the fill and not of the
# explanation. My own experiment: with patches of 4×4 replaced by their mean, input × gradient is ahead of all
# others, and most intervals of PatternAttribution's differences from random contain 0: the patch's size decides
# the ranking, too.
#
# **Class.** The maps of PatternAttribution for a class and its neighbour have |cos| near 1 with `filter` and
# `linear`, and about 0.9 with `positive`. The gradient's change most, PatternNet's less. So PatternAttribution
# shows where the network finds a digit, not why this one: the sentence is not supported by a map that is the
# same for "four".
#
# **What the maps show, and what not.** Claim: "PatternAttribution with `positive` shows the strokes of the
# five, so it explains why the network says five." Yet its map for a six shows the same strokes, in the other
# sign: what is drawn is the digit, which the gates know, and the sign of the score. The chain of mostly
# positive matrices goes towards rank 1 (Sixt et al. 2020); how far, the measured |cos| says. On the photos the
# maps with `positive` draw the cat's face and look most convincing. Made for the nine other classes, they are
# nearly the same up to a factor: I measured a median |cos| of .92. They show what is in the photo, and are no
# reason for its class. Those with `filter`, which know of no pattern, look smooth. Smooth is what a long chain of
# positive matrices looks like: the maps of two photos have a |cos| of .8 to .9. Do not trust them either.
#
# **What would change my mind.** Train the same network with labels drawn at random, and explain it. If its maps
# degrade no better than a random order, and differ from those of the trained network, the maps speak of what
# was learnt. If they look the same, they show the input. To compare with: the gradient, and a random order;
# 64 digits, paired intervals.
# ### END SOLUTION

# %% [markdown]
# **References.** P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning
# how to explain neural networks: PatternNet and PatternAttribution*, 2017,
# [arXiv 1705.05598](https://arxiv.org/abs/1705.05598). L. Sixt, M. Granz, T. Landgraf: *When explanations lie:
# why many modified BP attributions fail*, ICML 2020, [arXiv 1912.09818](https://arxiv.org/abs/1912.09818).
