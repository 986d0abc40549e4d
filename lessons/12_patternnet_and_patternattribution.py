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
# # 12 · PatternNet and PatternAttribution: from estimator to backward pass
#
# The pattern $a$ of a unit says what of its input is signal. A network has thousands of units, layer upon
# layer. What is the signal of its score *in the pixels*? Put the patterns in the place of the weights, and
# walk back as the gradient does.
#
# **You will do:** write the two rules; walk a small network back by hand; keep the ledger of what gets lost;
# test the maps by taking patches away; measure whether they know which class they explain.
#
# **You will learn:** that both methods are one changed line of the gradient; why PatternNet's values mean
# nothing and its direction does; where PatternAttribution loses relevance although $w^\top a=1$; why its
# maps of different classes become alike; what a degradation curve can and cannot tell.
#
# **You need:** lesson 5 (signal, pattern, attribution) and the idea of walking a tape back.
#
# **Time:** 75 minutes, of which the cells run about 20 seconds. Everything runs offline: scikit-learn's
# digits (1 797 images of 8×8, a copy of a UCI test set, not MNIST), two CIFAR-10 networks that come with
# minixai, and the photos of scikit-image. The optional SqueezeNet cell takes its weights and class names
# (676 kB and 15 kB) from `MINIXAI_DATA` or fetches them once; without them it says so and does nothing.
# Code BSD-3-Clause, text CC BY 4.0.

# %%
from dataclasses import replace

import matplotlib
import numpy as np
import pooch
from PIL import Image
from sklearn.datasets import load_digits

import minixai as mx
from minixai.checks import patterns as checks
from minixai.checks import tell
from minixai.errors import WeightsNotFoundError
from minixai.evaluate import DegradationComparison, degrade
from minixai.plot import Picture, style

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr


def enlarged(image):
    """An image 8×8 of values 0 to 16 as 28×28 of values 0 to 1, with a black frame of 4 pixels."""
    resized = Image.fromarray(image.astype(np.float32)).resize((20, 20), Image.Resampling.BILINEAR)
    return np.pad(np.asarray(resized) / 16, 4)


digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = np.stack([enlarged(image) for image in digits.images[order]])[:, None].astype(np.float32)
labels = digits.target[order]
train, test = images[:1400], images[1400:]

net = mx.models.lenet5()
adam = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, train, labels[:1400], epochs=6, batch_size=32, optimiser=adam,
                       validation=(test, labels[1400:]), progress=False)  # fmt: skip
print(f"LeNet-5: {last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")

# %% [markdown]
# ## 12.1 One unit, one layer
#
# A unit reads $y=w^\top x+b$. Lesson 5 fitted its pattern, $a=\mathrm{cov}[x,y]/\mathrm{var}[y]$, with
# $w^\top a=1$, and told three questions apart. All three can be asked of a *layer*: something arrives at its
# outputs, $g_j$ at unit $j$, and is brought to its inputs.
#
# | question | one unit | a layer: input $i$ gets |
# |---|---|---|
# | function (gradient) | $w$ | $\sum_j w_{ij}\,g_j$ |
# | signal (PatternNet) | $a\,y$ | $\sum_j a_{ij}\,g_j$ |
# | attribution (PatternAttribution) | $w\odot a\,y$ | $\sum_j w_{ij}\,a_{ij}\,g_j$ |
#
# So in minixai both are tables with another rule for one operation. The toy of lesson 5, at the point
# $x=(\tfrac32,1)$ with $y=\tfrac12$:

# %%
sample = mx.data.toy(n=2000, angle=45, seed=0)
w_toy, _ = mx.signal.ridge(sample.x, sample.y)
spread = (sample.y - sample.y.mean())[:, None]
w_toy, a_toy = w_toy[None], ((sample.x * spread).mean(axis=0) / sample.y.var())[None]

x = mx.Tensor(np.array([[1.5, 1.0]]))
y = mx.ops.linear(x, w_toy)
tables = {
    "function      w    ": (1.0, {}),
    "signal        a·y  ": (y.value, {mx.ops.linear: lambda g, node: (g @ a_toy, None)}),
    "attribution   w⊙a·y": (y.value, {mx.ops.linear: lambda g, node: (g @ (w_toy * a_toy), None)}),
}
for name, (start, table) in tables.items():
    walked = mx.backward(y, np.full((1, 1), start), table, wrt=[x])[x][0]
    print(f"{name}  {walked + 0.0}   sum {round(walked.sum(), 3) + 0.0:.3f}")

# %% [markdown]
# The last two nearly agree here, because the signal is in $x_1$ alone, where $w$ is 1; the small rest in
# $x_2$ is there because the pattern is fitted to 2 000 points. Both start at the *value* $y$: there is no
# signal of a score of 0. The gradient adds up to nothing in particular, the attribution to $y$.
#
# ### Exercise 12.1 — the rule of PatternNet
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `pattern_net_rule(a)`. It takes the patterns of a dense layer, float64 `a` (k, d), one row for each
# unit, and returns a *rule*: a function `(g, node)` with `g` (n, k) what arrives. The layer was called with
# `x`, `w` and `b`, so the rule answers with a tuple of three, `(gx, None, None)`: `gx` (n, d), and nothing
# for weight and bias. Worked example: `a = [[1, 0], [1, 1]]`, `g = [[2, 1]]` give
# `gx = [[2·1 + 1·1, 2·0 + 1·1]] = [[3, 1]]`.
#
# <details><summary>Hint</summary>
#
# The gradient's rule is `lambda g, node: (g @ node.arrays[1], None, None)`; `node.arrays` are the values of
# `x`, `w` and `b`. Change one thing.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def pattern_net_rule(a):
#     return lambda g, node: (g @ a, None, None)
# ```
#
# </details>


# %%
def pattern_net_rule(a):
    """A rule (g, node) -> (gx, None, None), for the patterns a (k, d) of a dense layer."""
    return None  # your line


tell(checks.check_pattern_net_rule, pattern_net_rule)

# %% [markdown]
# ## 12.2 A pattern for every unit
#
# In a network no one tells us the signal; each unit's own output $y$ takes its place. `fit_patterns` reads
# the images once and fits two patterns to every unit: `linear`, over all samples, and `positive` (written
# $a_+$), over those where the ReLU is active. A convolution's $x$ is the patch under its filter.
#
# > **Predict 1.** Below are the six 5×5 filters of the first layer, and their patterns. Which row will be
# > smooth?

# %% tags=["thumbnail"]
batches = [train[i : i + 100] for i in range(0, len(train), 100)]
patterns = mx.signal.fit_patterns(net, batches, kinds=("linear", "positive"), progress=False)
print(patterns)

weights = {name: net.state_dict()[f"{name}.weight"] for name in patterns}
rows = {
    "filter $w$": weights["features.0"],
    "linear $a$": patterns["features.0"].linear,
    "positive $a_+$": patterns["features.0"].positive,
}
picture = Picture(figsize=(11, 6), dpi=70, layout="constrained")
for panels, (name, kernels) in zip(picture.subplots(3, 6), rows.items(), strict=True):
    for axes, kernel in zip(panels, kernels[:, 0], strict=True):
        limit = np.abs(kernel).max()
        axes.imshow(kernel, "RdBu_r", vmin=-limit, vmax=limit)
        axes.set(xticks=[], yticks=[], xlabel=f"±{limit:.2g}")
    panels[0].set_ylabel(name)
picture.suptitle("first layer of LeNet: each filter and its patterns")
picture

# %% [markdown]
# Filters change their sign from pixel to pixel. Patterns are smooth, because digits are: a patch that has
# ink in one pixel has ink in the next. The filter may subtract neighbours from each other; what *changes
# together* with its output is a whole stroke, or for some filters any ink at all.
#
# The table above says where no pattern is to be had. A unit that never fires on these images gets
# $a_+=0$, and $w^\top a=0$.
#
# ## 12.3 From layer to layer
#
# Take the score $y$, and let it be a unit on hidden values $h$. Its signal in $h$ is $a\,y$: so much of
# hidden unit $j$'s value is signal, call it $v_j$. If $j$ is active, it is again a linear unit on what lies
# below, and its value $v_j$ has the signal $a_jv_j$ there. If it is not, it gives 0 whatever lies below, and
# nothing passes: that is the *gate* of the gradient. Add up over the units, and go on:
#
# - **start** at the score, with 0 for all other classes;
# - **dense and convolutional layers:** $a$, or $w\odot a$, in place of $w$; no bias;
# - **ReLU:** passes where it was active; **max pooling:** to the pixel that won.
#
# ### Exercise 12.2 — PatternAttribution of a small network
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Write `attribute(x, w1, b1, a1, w2, b2, a2, target)`: one image `x` (d,), a dense layer `w1`, `a1` (h, d),
# `b1` (h,), a ReLU, a dense layer `w2`, `a2` (k, h), `b2` (k,), and a class. The result is (d,). Worked
# example: `x = [2, 1]`, `w1 = [[1, -1], [-1, 1]]`, `a1 = [[1, 0], [0, 1]]`, `b1 = 0`. Then $z=(1,-1)$ and
# $h=(1,0)$. With `w2 = [[2, 1], [0, 1]]`, `b2 = [1, 0]`, the score of class 0 is 3. With
# `a2 = [[0.25, 0.5], [0, 1]]` its relevance in $h$ is $3\cdot(2\cdot0.25,\,1\cdot0.5)=(1.5,\,1.5)$; the gate
# stops the second; the first becomes $1.5\cdot(1\cdot1,\,-1\cdot0)=(1.5,\,0)$.
#
# <details><summary>Hint 1</summary>
#
# Forward: `z`, `h`, `y`, with biases. Back, without them: `r` (k,) that is `y[target]` at the target and 0
# elsewhere; then two products and, between them, the gate.
#
# </details>
# <details><summary>Hint 2</summary>
#
# One layer back is `r @ (w * a)`. The gate is `r * (z > 0)`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def attribute(x, w1, b1, a1, w2, b2, a2, target):
#     z = w1 @ x + b1
#     y = w2 @ np.maximum(z, 0) + b2
#     r = y[target] * (w2 * a2)[target]
#     return (r * (z > 0)) @ (w1 * a1)
# ```
#
# </details>


# %%
def attribute(x, w1, b1, a1, w2, b2, a2, target):
    """The relevance (d,) of x (d,) for a class, through a dense layer, a ReLU and a dense layer."""
    return None  # your lines


tell(checks.check_attribute, attribute)

# %% [markdown]
# **Checkpoint.** From here on we use reference code, so you can go on whatever became of yours. Any layer's
# rule is its own way back with another weight: we make the node anew with $a$ where $w$ was. The cell
# compares such a walk with minixai's methods.
#
# > **Predict 2.** Seven maps of each digit: the gradient; then PatternNet and PatternAttribution, each with
# > filters for patterns ($S_w$: $a=w/w^\top w$), linear and positive ones. Which will look like the digit?


# %%
def with_pattern(node, matrix):
    """The node of a layer, with another array in the place of its weight."""
    x, _, bias = node.arrays
    return replace(node, arrays=(x, matrix, bias), needs=(True, False, False))


def walk(x, matrices, target):
    """The maps (n, …) of images x, with matrices {layer: array} in the place of the weights."""
    leaf = mx.Tensor(x)
    y = net(leaf)
    rule = {
        name: (lambda g, node: node.op.vjp(g, with_pattern(node, matrices[node.layer]))) for name in matrices
    }
    wanted = np.arange(10) == target[:, None]
    return mx.backward(y, np.where(wanted, y.value, 0), rule, wrt=[leaf])[leaf]


def filters(weights):
    """The patterns of S_w: w/(wᵀw) for every unit."""
    return {
        name: w / np.square(w).sum(axis=tuple(range(1, w.ndim)), keepdims=True) for name, w in weights.items()
    }


def chosen(kind):
    """The patterns of one kind, {layer: array}; of the last layer, which has no ReLU, the linear one."""
    return {name: a for name, (a, _) in patterns.choose(kind).items()}


some = test[:32]
best = net.predict(some).argmax(axis=1)
attribution = mx.methods.pattern_attribution(net, some, patterns=patterns)
signal = mx.methods.pattern_net(net, some, patterns=patterns)
for e, by_hand in [
    (signal, chosen("positive")),
    (attribution, {name: weights[name] * a for name, a in chosen("positive").items()}),
]:
    ours = walk(some, by_hand, best)
    print(f"{e.method}: by hand the same to {np.abs(ours - e.map).max() / np.abs(e.map).max():.0e}")

explained = {"gradient": mx.methods.gradient(net, some)}
for title, method in (
    ("PatternNet", mx.methods.pattern_net),
    ("PatternAttr.", mx.methods.pattern_attribution),
):
    explained[f"{title}\n$S_w$"] = method(net, some, patterns=filters(weights))
    for kind in ("linear", "positive"):
        explained[f"{title}\n{kind}"] = method(net, some, patterns=patterns, kind=kind)


def cosines(a, b):
    """The cosine between every map of a (n, …) and that of b."""
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (a, b))
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def heat(axes, values, title=""):
    """A heat map of values (h, w) whose colours are centred on 0, with its scale below."""
    limit = np.abs(values).max()
    axes.imshow(values, "RdBu_r", vmin=-limit, vmax=limit)
    axes.set(xticks=[], yticks=[], title=title, xlabel=f"±{limit:.2g}")


picture = Picture(figsize=(14.5, 6.4), dpi=64, layout="constrained")
for i, panels in enumerate(picture.subplots(3, 1 + len(explained))):
    panels[0].imshow(some[i, 0], "gray")
    panels[0].set(xticks=[], yticks=[], ylabel=f"score {attribution.score[i]:.1f}")
    for axes, (name, e) in zip(panels[1:], explained.items(), strict=True):
        heat(axes, e.map[i, 0], "" if i else name)
others = [np.roll(some, k, axis=0) for k in range(1, len(some))]
mean_digit = np.broadcast_to(train.mean(axis=0), some.shape)
print("median cosine with:       own image  another  mean digit")
compared = {name: e.map for name, e in explained.items()} | {"the image as its map": some}
for name, maps in compared.items():
    other = np.mean([cosines(maps, x) for x in others], axis=0)
    found = (cosines(maps, some), other, cosines(maps, mean_digit))
    own, other, mean = np.median(found, axis=1)
    name = name.replace("\n", " ").replace("$", "")
    print(f"{name:>22} {own:12.2f} {other:8.2f} {mean:11.2f}")
picture

# %% [markdown]
# Each map has its own scale, the number below it. The gradient scatters, and $S_w$ is nearly the same: it
# only rescales the weights. Linear patterns make large smooth patches of both signs. With positive
# patterns, PatternNet draws a smooth ghost of a digit. PatternAttribution with fitted patterns follows
# the strokes, and nearly everything in its maps is positive.
#
# Read the cosines beside their baselines. All digits have ink in the middle, so two different ones are
# alike (last line), and any blob in the middle is like both. Every map is more like its own digit than like
# others. But PatternNet with positive patterns and PatternAttribution with linear ones are hardly more like
# it than like the *mean* digit, and with $S_w$ PatternAttribution is less like it. With positive patterns
# it is clearly nearest to its own. The gradient has a small cosine with its digit, and next to none with
# others.
#
# Look at the scales of PatternNet. They grow with every layer, to many times the score: a unit's signal
# $a_jv_j$ is right for *that unit*, but many units see the same stroke, and each puts it there once more.
# **Only the direction of a PatternNet map means something.** (In deep networks the values overflow;
# `rescale=True` rescales them on the way.)
#
# ## 12.4 The ledger of PatternAttribution
#
# $w\odot a$ adds up to $w^\top a=1$ for every unit: each unit hands on exactly what it got.
#
# > **Predict 3.** How much of the score arrives at the pixels?
#
# ### Exercise 12.3 — two leaks
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `leaks(r, z, w, a)`. Relevance `r` (h,) arrives at a ReLU whose input was `z` (h,). What passes
# arrives at the dense layer below, `w` and `a` (h, d). Return two numbers: what stops at the gate, and what
# is lost where $w_j^\top a_j\ne1$. Worked example: `r = [4, 2, 1]`, `z = [1, -3, 2]`,
# `w = [[1, 1], [1, 0], [2, 0]]`, `a = [[0.5, 0.5], [1, 0], [0, 0]]`. The second unit is off: the gate takes
# 2. Of the others the first has $w^\top a=1$ and the third, which has no pattern, 0: the pattern's leak is
# 1. The answer is `(2, 1)`.
#
# <details><summary>Hint</summary>
#
# `wa = (w * a).sum(axis=1)`; a unit loses $r_j(1-w_j^\top a_j)$, if anything came through its gate.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def leaks(r, z, w, a):
#     on = z > 0
#     wa = (w * a).sum(axis=1)
#     return r[~on].sum(), (r * (1 - wa))[on].sum()
# ```
#
# </details>


# %%
def leaks(r, z, w, a):
    """What leaks at the gate, and what leaks where wᵀa is not 1: two numbers."""
    return None  # your lines


tell(checks.check_leaks, leaks)


# %%
def reference_leaks(r, z, w, a):
    """What the ReLU's gate stops, and what the dense layer below it loses."""
    on = z > 0
    return r[~on].sum(), (r * (1 - (w * a).sum(axis=1)))[on].sum()


one = mx.methods.pattern_attribution(net, test[:1], patterns=patterns)
_, outputs = net.trace(mx.Tensor(test[:1]))
top = (weights["classifier.5"] * patterns["classifier.5"].linear)[one.target[0]]
z = outputs["classifier.3"][0].value[0]
gate, pattern = reference_leaks(
    one.score[0] * top, z, weights["classifier.3"], chosen("positive")["classifier.3"]
)
booked = {row.layer: row.leaks for row in one.ledger.rows}
print(f"by hand     gate {gate:.4f}, pattern {round(pattern, 4) + 0.0:.4f}")
print(f"the ledger  gate {booked['classifier.4']['gate'][0]:.4f}, "
      f"pattern {round(booked['classifier.3']['pattern'][0], 4) + 0.0:.4f}\n")  # fmt: skip
for name in ("linear", "positive"):
    e = mx.methods.pattern_attribution(net, some, patterns=patterns, kind=name)
    means = {reason: np.mean(leak / e.score) for reason, leak in e.ledger.leaks.items()}
    parts = ", ".join(f"{reason} {round(mean, 3) + 0.0:.1%}" for reason, mean in means.items())
    print(f"{name:>8}: {np.mean(e.ledger.arrived / e.score):.1%} of the score arrives; {parts}; "
          f"gap {np.abs(e.ledger.gap).max():.0e}")  # fmt: skip

picture = one.ledger.plot("Where the score went: PatternAttribution, positive patterns")
picture.set_dpi(74)
picture

# %% [markdown]
# A large part is lost, and none of it where $w^\top a$ is 1 (what is left there is rounding). A pattern is a
# *mean* direction: the score's pattern gives a share to every hidden unit that tends to go with the class.
# On this image some of them are not active, and their share stops at the gate. Padding takes a little, at
# the border. The books close: map and leaks add up to the score, up to the gap printed above.
#
# ## 12.5 Does the map know its class?
#
# For one image, the whole walk is a product of matrices from the ten scores to the pixels. If the product
# has **rank 1**, its ten maps are the same map with ten factors. The ratio of its two largest singular
# values, $\sigma_2/\sigma_1$, says how far it is from that: 0 is rank 1.
#
# > **Predict 4.** $w\odot a$ adds up to 1 in every unit, and most of its entries are positive. What does
# > lesson 8 say of products of such matrices? Whose maps will be most alike: the gradient's, PatternNet's or
# > PatternAttribution's?


# %%
def per_layer(model, x, table, top, names):
    """Per layer, from the top: σ₂/σ₁ of the product so far, and |cosine| between two classes; medians."""
    _, outputs = model.trace(mx.Tensor(x))
    start = outputs[top][0]
    inputs = [outputs[name][0].node.inputs[0] for name in reversed(names)]
    found = []
    for k in range(10):
        one = np.zeros(start.shape)
        one[:, k] = 1
        found.append(mx.backward(start, one, table, wrt=inputs))
    ratios, alike = [], []
    for tensor in inputs:
        product = np.stack([g[tensor].reshape(len(x), -1) for g in found], axis=1).astype(np.float64)
        gram = product @ product.transpose(0, 2, 1)  # its eigenvalues are σ²
        squares = np.linalg.eigvalsh(gram)
        ratios.append(np.median(np.sqrt(squares[:, -2] / squares[:, -1])))
        lengths = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
        between = gram / (lengths[:, :, None] * lengths[:, None])
        alike.append(np.median(np.abs(between[:, *np.triu_indices(10, 1)])))
    return ratios, alike


def draw_depth(results, labels, title):
    """Both measures against depth, a line for each method."""
    picture = Picture(figsize=(14, 4.8), dpi=62, layout="constrained")
    left, right = picture.subplots(1, 2)
    colours = (style.FAINT, style.PATTERN, "#56B4E9", style.DISTRACTOR, style.FILTER, "#009E73")
    for (name, (ratios, alike)), colour in zip(results.items(), colours, strict=True):
        line = {"color": colour, "linewidth": 3, "marker": "o"}
        left.plot(ratios, **line, label=name)
        right.plot(alike, **line)
        print(f"{name:>24}: at the pixels σ₂/σ₁ {ratios[-1]:.3f}, |cosine| of two classes {alike[-1]:.2f}")
    left.set(title=r"$\sigma_2/\sigma_1$ of the product", ylim=(0, 1))
    right.set(title="|cosine| between the maps of two classes", ylim=(0, 1.02))
    for axes in (left, right):
        axes.set(xticks=range(len(labels)), xlabel="walked back to the input of (of conv 1: the pixels)")
        axes.set_xticklabels(labels, rotation=25, ha="right")
    picture.suptitle(title)
    picture.legend(loc="outside right center", frameon=False)
    return picture


def tables_of(patterns, weights):
    """The tables of rules to compare; None is the gradient."""
    return {
        "gradient": None,
        "PatternNet, linear": mx.rules.pattern_net(patterns, "linear"),
        "PatternNet, positive": mx.rules.pattern_net(patterns, "positive"),
        "PatternAttr., $S_w$": mx.rules.pattern_attribution(filters(weights)),
        "PatternAttr., linear": mx.rules.pattern_attribution(patterns, "linear"),
        "PatternAttr., positive": mx.rules.pattern_attribution(patterns, "positive"),
    }


names = list(weights)
results = {
    name: per_layer(net, some, table, names[-1], names)
    for name, table in tables_of(patterns, weights).items()
}
draw_depth(results, ["dense 3", "dense 2", "dense 1", "conv 2", "conv 1"], "LeNet, medians over 32 digits")

# %% [markdown]
# The maps of PatternAttribution for two different classes are almost the same map, up to a factor. Its chain
# of mostly positive matrices comes near rank 1, whichever of the three patterns it is made of. No law says
# that it must: it would not if columns stayed orthogonal or vanished, and how fast it goes is to be measured.
# Sixt et al. (2020) list PatternAttribution among the methods that converge. PatternNet with positive
# patterns does so, too. The gradient does not: its $\sigma_2/\sigma_1$ stays where it was. So the strokes of
# 12.3 show *that there is a digit*, more than why it is a two and not a three.
#
# ## 12.6 Degradation: take away what is called relevant
#
# Kindermans et al. test their maps so: cut the image into patches, order them by their summed attribution,
# and replace one after the other, the most relevant first, by its own mean colour. The faster the
# probability of the class falls, the better the order.
#
# ### Exercise 12.4 — one step of it
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `replace_patch(image, row, column, size)`: `image` (c, h, w), the patch in row `row` and column
# `column` of the grid of patches, each `size` × `size` pixels. Return a copy with every pixel of the patch
# replaced by the patch's mean, in each channel. At the border what is left of a patch can be smaller. Worked
# example: of `[[[1, 3, 9], [5, 7, 9]]]` with row 0, column 0 and size 2 the patch is 1, 3, 5, 7 with mean 4:
# `[[[4, 4, 9], [4, 4, 9]]]`.
#
# <details><summary>Hint</summary>
#
# `patch = image[:, row * size : (row + 1) * size, …]` is a view; slices beyond the border are cut.
# `patch.mean(axis=(1, 2), keepdims=True)`. Copy the image first.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def replace_patch(image, row, column, size):
#     image = image.copy()
#     patch = image[:, row * size : (row + 1) * size, column * size : (column + 1) * size]
#     patch[:] = patch.mean(axis=(1, 2), keepdims=True)
#     return image
# ```
#
# </details>


# %%
def replace_patch(image, row, column, size):
    """A copy of image (c, h, w), in which one patch is its own mean in each channel."""
    return None  # your lines


tell(checks.check_replace_patch, replace_patch)

# %% [markdown]
# minixai's `degrade` does it for all images and steps. The estimators compete as attributions: $S_x$ is
# input×gradient (all of $x$ is signal), the others are PatternAttribution with their patterns. A random
# order is the baseline.
#
# > **Predict 5.** Which order makes the probability fall fastest? And does it matter what the patch is
# > replaced by: its mean, or black?

# %%
orders = {
    "random": None,
    "$S_x$": mx.methods.input_x_gradient(net, some),
    "$S_w$": explained["PatternAttr.\n$S_w$"],
    "linear": explained["PatternAttr.\nlinear"],
    "positive": explained["PatternAttr.\npositive"],
}


def curves(model, x, orders, **how):
    """A table of the areas under the curves of all orders, and the curves."""
    found = {name: degrade(model, x, order, progress=False, **how) for name, order in orders.items()}
    print(f"{DegradationComparison({name.replace('$', ''): c for name, c in found.items()})}\n")
    return found


def draw_curves(axes, found, title):
    """The mean probability of every order, and between which values its 95 % interval lies."""
    colours = (style.FAINT, style.SIGNAL, style.DISTRACTOR, style.PATTERN, style.FILTER)
    for (name, curve), colour in zip(found.items(), colours, strict=True):
        axes.plot(curve.steps, curve.scores.mean(axis=0), color=colour, linewidth=3, label=name)
    axes.set(title=title, xlabel="patches replaced, most relevant first", ylim=(0, 1.02), xmargin=0)


picture = Picture(figsize=(14, 4.8), dpi=62, layout="constrained")
left, right = picture.subplots(1, 2, sharey=True)
draw_curves(left, curves(net, some, orders, patch=4, steps=None), "by their own mean")
draw_curves(right, curves(net, some, orders, patch=4, steps=None, fill=0), "by black")
left.set_ylabel("probability of the class")
picture.suptitle("LeNet: 32 digits, patches of 4×4 replaced")
picture.legend(*left.get_legend_handles_labels(), loc="outside right center", frameon=False)
picture

# %% [markdown]
# By their own mean, nothing much happens whatever the order: a digit in blocks of 4×4 is still a digit. By
# black, all orders beat random, and $S_x$ beats the patterns. It has an advantage that is none of an
# explanation's: it never ranks a black pixel, and *replacing black by black does nothing*. **A curve
# measures an order, a fill and a network together.** Read the intervals in the table before you believe a
# difference.
#
# ## 12.7 Two networks for photos
#
# minixai brings two small networks for CIFAR-10, with patterns fitted to its 50 000 training images:
# All-CNN-C at half width, and the same with max pooling. They see photos that they were not made for, so
# their class is not always ours.


# %%
def crop(name, top, left, side):
    return mx.data.photo(name)[top : top + side, left : left + side]


photos = [crop("chelsea", 60, 100, 220), mx.data.photo("coffee"), mx.data.photo("flower")]
shipped = {name: mx.models.pretrained(name) for name in ("cifar10_allcnn", "cifar10_maxpool")}
for name, cnn in shipped.items():
    x = cnn.preprocess(photos)
    print(f"{name}, test accuracy {float(cnn.about['test accuracy']):.1%}:", end=" ")
    print(", ".join(cnn.classes[k] for k in cnn.predict(x).argmax(axis=1)))
    for kind in ("linear", "positive"):
        e = mx.methods.pattern_attribution(cnn, x, kind=kind)
        lengths = [
            np.linalg.norm(cnn.state_dict()[f"{name}.weight"].reshape(len(a), -1), axis=1)
            * np.linalg.norm(a.reshape(len(a), -1), axis=1)
            for name, (a, _) in cnn.patterns.choose(kind).items()
        ]
        stretch = np.concatenate(lengths)
        print(f"    {kind:>8}: of the score arrives {e.ledger.arrived / e.score}; "
              f"‖w‖·‖a‖ median {np.median(stretch):.1f}, largest {stretch.max():.0f}")  # fmt: skip
cnn = shipped["cifar10_maxpool"]
x = cnn.preprocess(photos)
sheet = [mx.methods.gradient(cnn, x)]
for kind in ("linear", "positive"):
    for method in (mx.methods.pattern_net, mx.methods.pattern_attribution):
        e = method(cnn, x, kind=kind)
        sheet.append(replace(e, method=f"{e.method.replace('Attribution', 'Attr.')}, {kind[:3]}."))
picture = mx.methods.side_by_side(sheet, percentile=99.5, classes=cnn.classes)
picture.set_dpi(62)
picture

# %% [markdown]
# (The sheet is that of the max-pooling network; *lin.* and *pos.* are the kinds of patterns.)
#
# With linear patterns, PatternNet shows edges and blobs, and PatternAttribution smooth spots over the
# object. Of the score next to nothing arrives: more gates, more loss.
#
# With positive patterns the maps fall apart, and what arrives is many times the score, or has the wrong
# sign. Why? As $w^\top a=1$, the number $\|w\|\cdot\|a\|$ is $1/\cos(w,a)$. Where it is large, the entries
# of $w\odot a$ are large, too, and add up to 1 only because they cancel. The positive pattern of the paper
# contains the mean of $x$ over the active samples; together with the bias that can bring its denominator
# close to zero. A few such units are enough, as the layers multiply.
#
# > **Predict 6.** Draw the two curves of 12.5 for this network. Which lines will be high on the right?

# %%
rng = np.random.default_rng(0)
many = []
for name in ("astronaut", "chelsea", "coffee"):
    height, width, _ = mx.data.photo(name).shape
    for _ in range(3):
        side = int(min(height, width) * rng.uniform(0.5, 1))
        many.append(crop(name, rng.integers(height - side + 1), rng.integers(width - side + 1), side))
x = cnn.preprocess(many)
names = list(cnn.patterns)
cnn_weights = {name: cnn.state_dict()[f"{name}.weight"] for name in names}
results = {
    name: per_layer(cnn, x, table, names[-1], names)
    for name, table in tables_of(cnn.patterns, cnn_weights).items()
}
draw_depth(results, [f"conv {k}" for k in range(7, 0, -1)], "max-pooling network, medians over 9 crops")

# %% [markdown]
# As in LeNet: PatternAttribution goes towards rank 1, the gradient does not. How far depends on the
# patterns and the images: positive ones are the least settled, as their $w\odot a$ has large entries of
# both signs. These, which spoiled the maps above, are also what keeps a little of the class. Measured on
# CIFAR-10, more of it is left (`experiments/README.md`, "Sanity checks").
#
# Is the order of the patches any good? As in the paper, each is replaced by its own mean.

# %%
orders = {
    "random": None,
    "$S_x$": mx.methods.input_x_gradient(cnn, x),
    "$S_w$": mx.methods.pattern_attribution(cnn, x, patterns=filters(cnn_weights)),
    "linear": mx.methods.pattern_attribution(cnn, x, kind="linear"),
    "positive": mx.methods.pattern_attribution(cnn, x),
}
picture = Picture(figsize=(9, 4.8), dpi=70, layout="constrained")
axes = picture.subplots()
draw_curves(axes, curves(cnn, x, orders, patch=4, steps=24), "9 crops, patches of 4×4 replaced by their mean")
axes.set_ylabel("probability of the class")
picture.legend(loc="outside right center", frameon=False)
picture

# %% [markdown]
# The degradation experiment of the paper, with 9 crops only. Read the intervals of the differences from
# random: which of them leave out zero? On VGG16 and ImageNet, Kindermans et al. found the two-component
# patterns best by far. Nothing of the kind is to be seen here, with small networks, few images, and photos
# that the networks were not trained on. It is no refutation, and it is a warning: **a ranking of methods
# belongs to the network, the data and the fill it was measured with.**
#
# ## 12.8 Optional: SqueezeNet
#
# The same for a network of 26 layers, trained on ImageNet. We fit linear patterns to the nine crops, at
# 131×131 pixels to save time: enough to see the machinery work, far too few for patterns to trust.

# %%
try:
    squeezenet, classes = mx.models.squeezenet1_0(weights="imagenet"), mx.data.imagenet_labels()
except WeightsNotFoundError as error:
    picture = None
    print(f"SqueezeNet is left out. {error}")
else:
    small = replace(squeezenet.preprocess, size=131)
    inputs = small(many)
    few = mx.signal.fit_patterns(squeezenet, np.split(inputs, 3), ("linear",), progress=False)
    photo = small(crop("chelsea", 0, 75, 300))
    for rescale in (False, True):
        e = mx.methods.pattern_net(squeezenet, photo, patterns=few, kind="linear", rescale=rescale)
        print(f"PatternNet, rescale={rescale}: the largest value is {np.abs(e.map).max():.1e}")
    attribution = mx.methods.pattern_attribution(squeezenet, photo, patterns=few, kind="linear")
    print(f"of the score {attribution.ledger.arrived[0] / attribution.score[0]:.1e} arrives at the pixels")
    best, *_, other = np.argsort(-squeezenet.predict(photo)[0])[:8]
    two = mx.methods.pattern_attribution(squeezenet, photo, target=other, patterns=few, kind="linear")
    alike = cosines(attribution.map, two.map)[0]
    print(f"cosine of the maps of {classes[best]} and {classes[other]}: {alike:.3f}")
    picture = mx.methods.side_by_side([e, attribution], percentile=99.5, classes=classes)
    picture.set_dpi(46)
picture

# %% [markdown]
# With weights at hand, the cell prints how far PatternNet's values grow in 26 layers (hence
# `rescale=True`), how little of the score arrives, and how alike the maps of two classes are.
#
# ## 12.9 Where it fails
#
# - **One direction a unit.** A pattern is a mean over all images. A unit that stands for several things gets
#   their blur.
# - **As good as its data.** A unit that never fires has no pattern, and patterns of few images are noise.
# - **PatternNet counts signal many times,** PatternAttribution loses it at the gates; neither sum says
#   anything of the map's quality.
# - **Rank 1.** What looks like a clean map of the class is nearly the map of any class.
# - **The proof is for one unit.** Lesson 5 showed that $a$ finds the signal of a linear model. That the walk
#   through many layers finds the signal of the score is an analogy, and each sum over units an assumption.
#
# **Open question.** The walk gives each hidden unit its signal $v_j=a_jy$, and then forgets which value the
# unit really had. Could a rule make use of it, so that less stops at the gates? What would become of
# $\sigma_2/\sigma_1$?
#
# ## References
# - P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to
#   explain neural networks: PatternNet and PatternAttribution*, 2017,
#   [arXiv 1705.05598](https://arxiv.org/abs/1705.05598). The two methods, and the degradation experiment.
# - L. Sixt, M. Granz, T. Landgraf: *When explanations lie: why many modified BP attributions fail*, ICML
#   2020, [arXiv 1912.09818](https://arxiv.org/abs/1912.09818). The convergence to rank 1.
# - W. Samek, A. Binder, G. Montavon, S. Lapuschkin, K.-R. Müller: *Evaluating the visualization of what a
#   deep neural network has learned*, IEEE Transactions on Neural Networks and Learning Systems 28(11), 2017,
#   2660–2673. Region perturbation, from where degradation comes.
