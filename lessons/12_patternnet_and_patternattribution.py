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
# The pattern $a$ of a unit says what of its input is signal. A network has thousands of units. What is the
# signal of its score *in the pixels*? The answer of Kindermans et al.: put the patterns in the place of the
# weights, and walk back as the gradient does.
#
# **You will do:** write the two rules; walk back by hand; keep a ledger of what gets lost; reverse a ranking
# of methods by what you put where a patch was.
#
# **You will learn:** that both methods change a single line of the gradient; why PatternNet's values mean
# nothing while its direction does; where PatternAttribution loses relevance although $w^\top a=1$; the choice
# between maps that hold together and maps that know their class.
#
# **You need:** lesson 5 (signal, pattern, attribution), lesson 8 (ledger, products of matrices), lesson 11
# (the kinds of patterns).
#
# **Time:** 75 minutes, of which the cells run about half a minute. All runs offline: scikit-learn's digits
# (1 797 images of 8×8, not MNIST; enlarged to 24×24), two CIFAR-10 networks that come with minixai, and the
# photos of scikit-image. The optional SqueezeNet cell takes weights and class names (676 kB and 15 kB) from
# `MINIXAI_DATA` or fetches them once, else it does nothing. Code BSD-3-Clause, text CC BY 4.0.

# %%
from dataclasses import replace
from functools import partial

import numpy as np
import pooch
from figures import maps, projected  # needs lessons/figures/ beside this notebook
from figures import patternnet_and_patternattribution as figures
from figures.digits import digits

import minixai as mx
from minixai.checks import patterns as checks
from minixai.checks import tell
from minixai.errors import WeightsNotFoundError
from minixai.evaluate import DegradationComparison, bench, degrade
from minixai.similarity import cosine

np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr

# %% [markdown]
# The network has two convolutions and two dense layers. A unit that never fires has no positive pattern, and
# in a small network that is trained in haste there are many such units. So while it learns there is *batch
# norm* behind each of the layers but the last: it subtracts from each unit its mean over the batch and
# divides by its standard deviation, so that every unit fires for some of the images. In the trained network
# mean and deviation are fixed numbers; `merge_batch_norm` puts them into the weights and biases, and the
# plain network that is left gives the same outputs.

# %%
images, labels = digits()
train, test = images[:1400], images[1400:]
nn, rng = mx.nn, np.random.default_rng(0)
learning = nn.Sequential({
    "conv1": nn.Conv2d(1, 8, 5, rng=rng), "norm1": nn.BatchNorm2d(8), "relu1": nn.ReLU(),
    "pool1": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(8, 16, 3, rng=rng), "norm2": nn.BatchNorm2d(16), "relu2": nn.ReLU(),
    "pool2": nn.MaxPool2d(2), "flatten": nn.Flatten(),
    "dense1": nn.Linear(256, 48, rng=rng), "norm3": nn.BatchNorm1d(48), "relu3": nn.ReLU(),
    "dense2": nn.Linear(48, 10, rng=rng),
})  # fmt: skip
at_first = learning.state_dict()["conv1.weight"].copy()
adam = nn.Adam(learning.parameters(), lr=1e-2)
(*_, last) = nn.fit(learning, train, labels[:1400], epochs=12, batch_size=32, optimiser=adam,
                    validation=(test, labels[1400:]), progress=False)  # fmt: skip
net = nn.merge_batch_norm(learning.eval(), train[:1])
difference = np.abs(net.predict(test) - learning.predict(test)).max()
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")
print(f"merged, the outputs change by at most {difference:.0e}")

# %% [markdown]
# ## 12.1 One unit, one layer
#
# A unit reads $y=w^\top x+b$. Lesson 5 fitted its pattern, $a=\mathrm{cov}[x,y]/\mathrm{var}[y]$, for which
# $w^\top a=1$, and told three questions apart. All three can be asked of a *layer* as well. On the walk back
# something arrives at its outputs, $g_j$ at unit $j$, and the layer hands it on to its inputs. ($\odot$
# multiplies entry by entry.)
#
# | question | one unit | a layer: input $i$ gets |
# |---|---|---|
# | function (gradient) | $w$ | $\sum_j w_{ij}\,g_j$ |
# | signal (PatternNet) | $a\,y$ | $\sum_j a_{ij}\,g_j$ |
# | attribution (PatternAttribution) | $w\odot a\,y$ | $\sum_j w_{ij}\,a_{ij}\,g_j$ |
#
# So in minixai each method is a table of rules (lesson 6) that changes the rule of one operation. Here is the
# toy of lesson 5, at the point $x=(\tfrac32,1)$, where $y=\tfrac12$:

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
# Signal and attribution nearly agree here, because the signal is in $x_1$ alone, where $w$ is 1; the small
# value in $x_2$ is an error of the fit, as there were only 2 000 points. Both walks start with the *value*
# $y$: a score of 0 has no signal. The attribution adds up to $y$, since $w^\top a=1$; the sums of the other
# two mean nothing in particular.
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
# In the toy we knew what the unit was to read. In a network nobody tells us, so each pattern is fitted to the
# unit's own output $y$. `fit_patterns` reads the images once and fits three patterns to every unit (lesson
# 11): **linear** $a$, over all samples; **positive** $a_+$, the paper's, over those where the ReLU is active;
# and **centred**, the same, but with the mean of $y$ taken over the active samples only. For a convolution,
# $x$ is the patch under its filter. In the table below, $w^\top a$ is 1 for every pattern that could be
# fitted.
#
# > **Predict 1.** Below are the eight 5×5 filters of the first layer, and their patterns. Which of the four
# > rows will be smooth?

# %%
KINDS = {"linear": "linear", "positive": "positive", "positive_centred": "centred"}
batches = [train[i : i + 100] for i in range(0, len(train), 100)]
patterns = mx.signal.fit_patterns(net, batches, kinds=tuple(KINDS), progress=False)
print(patterns)

weights = {name: net.state_dict()[f"{name}.weight"] for name in patterns}
rows = {"filter $w$": weights["conv1"]}
rows |= {name: patterns["conv1"].of(kind) for kind, name in KINDS.items()}
figures.kernels({name: kernels[:, 0] for name, kernels in rows.items()})

# %%
each = zip(at_first.reshape(8, -1), weights["conv1"].reshape(8, -1), strict=True)
likeness = [np.corrcoef(before, after)[0, 1] for before, after in each]
print("correlation of each filter with its random start:", np.array(likeness))

# %% [markdown]
# **Answer to prediction 1.** The three rows of patterns. Digits are smooth: a patch with ink in one pixel
# usually has ink in the next, so what *changes together* with an output is a whole stroke. The filters change
# sign from pixel to pixel, and it is tempting to read a purpose into that. But look at the printed
# correlations first: much of each filter is still the random noise that training started from.
#
# The printed table also counts the units that never fire on these images. Such a unit would get $a_+=0$, and
# with it $w^\top a=0$. Here there is none.

# %% [markdown]
# ## 12.3 From layer to layer
#
# The score $y$ is the output of a unit whose inputs are the hidden values $h$. Its signal in $h$ is $a\,y$.
# Entry $j$ of that, call it $v_j$, is the part of hidden unit $j$'s value that is signal. If unit $j$ is
# active, it is in turn a linear unit on the layer below, and there the signal of its value $v_j$ is $v_j$
# times its own pattern. If it is not active, small changes below do not change its 0, and nothing passes:
# this is the gradient's *gate*. Add up over the units, and go on:
#
# - **start** with the score, and with 0 for all other classes;
# - **dense and convolutional layers:** $a$, or $w\odot a$, in place of $w$; no bias;
# - **ReLU:** passes where its input was positive; **max pooling:** to the pixel that was the maximum.
#
# ### Exercise 12.2 — PatternAttribution of a small network
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Write `attribute(x, w1, b1, a1, w2, b2, a2, target)`: one image `x` (d,), a dense layer with weights `w1`
# and patterns `a1` (h, d) and bias `b1` (h,), a ReLU, a dense layer `w2`, `a2` (k, h), `b2` (k,), and the
# number of a class. Return the relevance of each input, (d,). Worked example: `x = [2, 1]`, `w1 = [[1, -1],
# [-1, 1]]`, `a1 = [[1, 0], [0, 1]]`, `b1 = 0`. Then $z=(1,-1)$ and $h=(1,0)$. With `w2 = [[2, 1], [0, 1]]`,
# `b2 = [1, 0]`, the score of class 0 is 3. With `a2 = [[0.25, 0.5], [0, 1]]` its relevance in $h$ is
# $3\cdot(2\cdot0.25,\,1\cdot0.5)=(1.5,\,1.5)$; the gate stops the second; the first becomes
# $1.5\cdot(1\cdot1,\,-1\cdot0)=(1.5,\,0)$.
#
# <details><summary>Hint 1</summary>
#
# Forward, with biases: `z`, `h`, `y`. Back, without them: start from an `r` (k,) that is `y[target]` at the
# target and 0 elsewhere; then come two products and, between them, the gate.
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
# **Checkpoint.** From here on we use reference code, so the lesson goes on whatever you wrote above. In code
# the rule is the same for dense and for convolutional layers: take the layer's own VJP, but give it a copy of
# the node in which another array stands where $w$ was. The next cells compare such a walk with minixai's
# methods.


# %%
def with_pattern(node, matrix):
    """The node of a layer, with another array in the place of its weight."""
    x, _, bias = node.arrays
    return replace(node, arrays=(x, matrix, bias), needs=(True, False, False))


def walk(x, target, matrices):
    """The maps (n, …) of images x, with matrices {layer: array} in the place of the weights."""
    leaf = mx.Tensor(x)
    y = net(leaf)
    rule = {
        name: (lambda g, node: node.op.vjp(g, with_pattern(node, matrices[node.layer]))) for name in matrices
    }
    wanted = np.arange(10) == target[:, None]
    return mx.backward(y, np.where(wanted, y.value, 0), rule, wrt=[leaf])[leaf]


def chosen(kind):
    """The patterns of one kind, {layer: array}; of the last layer, which has no ReLU, the linear one."""
    return {name: a for name, (a, _) in patterns.choose(kind).items()}


# %%
some = test[:32]
best = net.predict(some).argmax(axis=1)
pattern_net, pattern_attribution = mx.methods.pattern_net, mx.methods.pattern_attribution
attribution = pattern_attribution(net, some, patterns=patterns)
signal = pattern_net(net, some, patterns=patterns)
times_weight = {name: weights[name] * a for name, a in chosen("positive").items()}
for e, by_hand in [(signal, chosen("positive")), (attribution, times_weight)]:
    difference = np.abs(walk(some, best, by_hand) - e.map).max() / np.abs(e.map).max()
    print(f"{e.method}: by hand the same to {difference:.0e}")

# %% [markdown]
# > **Predict 2.** Seven maps of each digit: the gradient, then PatternNet and PatternAttribution with the
# > three kinds of patterns. Which will look like the digit?

# %%
explained = {"gradient": mx.methods.gradient(net, some)}
for title, method in {"PatternNet": pattern_net, "PatternAttr.": pattern_attribution}.items():
    for kind, name in KINDS.items():
        explained[f"{title}\n{name}"] = method(net, some, patterns=patterns, kind=kind)
maps.beside_images(some[:3, 0], attribution.score, {name: e.map[:, 0] for name, e in explained.items()})

# %% [markdown]
# **Answer to prediction 2.** (Each map has its own scale, the number below it.) The gradient is scattered.
# With linear and centred patterns PatternNet makes smooth shapes of both signs, and PatternAttribution
# follows the strokes. With the paper's positive patterns PatternAttribution falls into scattered entries of
# both signs, and PatternNet's values are a hundred times as large; 12.5 says why.
#
# So two columns, PatternAttribution with linear and with centred patterns, *look* like the digit. But any
# blob in the middle looks somewhat like a digit, since all digits have ink there. So we ask how much more a
# map is like its own image than like other images, or like the mean digit. The measure is the cosine.

# %%
others = [np.roll(some, k, axis=0) for k in range(1, len(some))]
mean_digit = np.broadcast_to(train.mean(axis=0), some.shape)
compared = {name: e.map for name, e in explained.items()} | {"the image\nas its map": some}
own = {name: cosine(each, some) for name, each in compared.items()}
grey = {
    name: (np.median([cosine(each, x) for x in others]), np.median(cosine(each, mean_digit)))
    for name, each in compared.items()
}
for name, (other, mean) in grey.items():
    flat = name.replace("\n", " ")
    print(f"{flat:>22}: own {np.median(own[name]):5.2f}, another {other:5.2f}, mean digit {mean:5.2f}")
figures.likeness(own, grey)

# %% [markdown]
# The dot is the median over 32 digits, the bar the middle half of them; the grey lines compare the same map
# with *another* digit and (dashed) with the *mean* digit. Only the distance between dot and lines says
# anything. PatternAttribution's cosines with linear and centred patterns, .7 to .8, look like a success, but
# the mean digit gets as much or more: those maps show *a digit*, not this one. PatternNet with linear and
# with centred patterns is clearly nearer to its own digit, by about .2. With positive ones it is so here,
# too, but in none of four networks that we trained from other seeds (not shown). The last column takes the
# image itself as the map. Even there the dashed line is at .88, so alike are all digits.
#
# Look at the scales below PatternNet's maps: a single pixel can have more than the whole score, printed at
# the left, or hundreds of times as much. What one unit calls its signal may be right for *that unit*, but
# many units see the same stroke, and each adds it once more. **Only the direction of a PatternNet map means
# something.** (In deep networks the values may overflow; `rescale=True` rescales them on the way.)

# %% [markdown]
# ## 12.4 The ledger of PatternAttribution
#
# The entries of $w\odot a$ add up to $w^\top a=1$ for every unit: each unit hands on exactly what it got. The
# ledger (lesson 8) notes, layer by layer, what arrives, what is handed on, and what leaks.
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
# $2$. Of the others the first has $w^\top a=1$ and the third, which has no pattern, $0$: the pattern leaks
# $1$. The answer is `(2, 1)`.
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


one = pattern_attribution(net, test[:1], patterns=patterns, kind="positive_centred")
_, outputs = net.trace(mx.Tensor(test[:1]))
top = (weights["dense2"] * patterns["dense2"].linear)[one.target[0]]
z = outputs["dense1"][0].value[0]
gate, pattern = reference_leaks(
    one.score[0] * top, z, weights["dense1"], chosen("positive_centred")["dense1"]
)
booked = {row.layer: row.leaks for row in one.ledger.rows}
print(f"by hand     gate {gate:.4f}, pattern {round(pattern, 3) + 0.0:.3f}")
print(f"the ledger  gate {booked['relu3']['gate'][0]:.4f}, "
      f"pattern {round(booked['dense1']['pattern'][0], 3) + 0.0:.3f}\n")  # fmt: skip
for kind, name in KINDS.items():
    e = pattern_attribution(net, some, patterns=patterns, kind=kind)
    means = {reason: np.mean(leak / e.score) for reason, leak in e.ledger.leaks.items()}
    parts = ", ".join(f"{reason} {round(mean, 3) + 0.0:.1%}" for reason, mean in means.items())
    share = e.ledger.arrived / e.score
    print(f"{name:>8}: {share.mean():.1%} of the score arrives ({share.min():.0%} to {share.max():.0%}); "
          f"{parts}; gap {np.abs(e.ledger.gap).max():.0e}")  # fmt: skip

# %%
maps.waterfall(one.ledger, "Where the score went: PatternAttribution, centred patterns")

# %% [markdown]
# **Answer to prediction 3.** With linear or centred patterns, a quarter to a third. With the paper's positive
# ones it is a matter of luck: nearly all in the mean, but from a tenth to twice the score on single images,
# and in one of the four networks from other seeds not even the mean's sign was right. 12.5 says why. Dense
# and convolutional layers lose nothing, since $w^\top a=1$ (the tiny numbers in the figure are rounding). All
# the loss is at the gates. A pattern is
# a *mean* direction: the score's pattern gives a share to every hidden unit that tends to go with the class.
# On this image some of these units are not active, and their share stops at the gate. The ledger balances:
# map and leaks add up to the score, but for the printed gap.

# %% [markdown]
# ## 12.5 Hold together, or tell classes apart
#
# In every unit the entries of $w\odot a$ add up to 1, but how? One number tells: $\|w\|\cdot\|a\|$, which is
# $1/\cos(w,a)$, as $w^\top a=1$. Where it is near 1, $a$ is nearly parallel to $w$, the entries $w_ia_i$ are
# nearly all positive, and each input takes a share. Where it is a hundred, there are large entries of both
# signs, which cancel and leave 1. A few such units can tear a map apart, since the factors of the layers
# multiply.
#
# And does the map know which class it explains? We walk back from each of the ten scores, and take the
# $|\mathrm{cosine}|$ between the maps of two classes. If it is 1 for all pairs, the ten maps are multiples of
# one map, and the walk has **rank 1** (lesson 8). Besides the digits we take two small CIFAR-10 networks that
# come with minixai, and nine random crops of three photos. Those two were trained with care that no positive
# pattern explodes ([how](../experiments/recipes/README.md#patterns-that-do-not-explode)); ours was not.
#
# > **Predict 4.** Centring takes the mean off the paper's positive pattern (lesson 11). What will that do to
# > $\|w\|\cdot\|a\|$, and what to the likeness of the maps of two classes? In which network most?


# %%
def class_likeness(x, explain):
    """The median |cosine| between the maps of two classes, over x (n, …) and pairs; explain(x, targets)."""
    found = np.stack([explain(x, np.full(len(x), k)) for k in range(10)], axis=1)
    rows = found.reshape(len(x), 10, -1).astype(np.float64)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return np.nanmedian(np.abs(rows @ rows.transpose(0, 2, 1))[:, *np.triu_indices(10, 1)])


def lengths(model, patterns, kind):
    """‖w‖·‖a‖ of all units, {layer: array (units,)}."""
    state, found = model.state_dict(), {}
    for name, (a, _) in patterns.choose(kind).items():
        both = (each.reshape(len(a), -1) for each in (state[f"{name}.weight"], a))
        found[name] = np.prod([np.linalg.norm(each, axis=1) for each in both], axis=0)
    return found


# %%
def crops(names=("astronaut", "chelsea", "coffee"), each=3):
    """Square crops of photos, at random places."""
    rng, made = np.random.default_rng(0), []
    for photo in map(mx.data.photo, names):
        for _ in range(each):
            side = int(min(photo.shape[:2]) * rng.uniform(0.5, 1))
            top, left = (rng.integers(size - side + 1) for size in photo.shape[:2])
            made.append(photo[top : top + side, left : left + side])
    return made


# %% tags=["thumbnail"]
shipped = {name: mx.models.pretrained(name) for name in ("cifar10_allcnn", "cifar10_maxpool")}
subjects = {"digits": (net, patterns, some)}
subjects |= {name: (cnn, cnn.patterns, cnn.preprocess(crops())) for name, cnn in shipped.items()}
trade = {}
for name, (model, fitted, x) in subjects.items():

    def explain(x, target, model=model, fitted=fitted, kind=None):
        if kind is None:
            return mx.methods.gradient(model, x, target).map
        return pattern_attribution(model, x, target, patterns=fitted, kind=kind).map

    trade[name, "gradient"] = (1, class_likeness(x, explain))
    for kind, label in KINDS.items():
        longest = np.concatenate([*lengths(model, fitted, kind).values()]).max()
        trade[name, label] = (longest, class_likeness(x, partial(explain, kind=kind)))
for (name, label), (length, alike) in trade.items():
    shown = "" if label == "gradient" else f"largest ‖w‖·‖a‖ {length:7.1f}, "
    print(f"{name:>16}, {label:>8}: {shown}|cosine| of two classes {alike:.2f}")
figures.trade_off(trade)

# %% [markdown]
# **Answer to prediction 4.** Centring shortens the longest patterns in all three networks, and makes the maps
# of two classes more alike in all three. Where positive patterns explode, in the digits network, both effects
# are large: from 107 to 3, and from .75 to .97. Where they do not, both are far smaller: from 26 and 43 to
# about 10, and from .86 and .82 to .90 and .88. So without huge entries the paper's own patterns, too, give
# nearly one map for all classes.
#
# So it seems that the class is in the huge entries. But the three networks differ in more than that. Is it so
# within *one* network? We centre the patterns of the digits network only where $\|w\|\cdot\|a\|$ is above
# 10, or only where it is not.

# %%
by_kind = {label: {n: weights[n] * a for n, a in chosen(kind).items()} for kind, label in KINDS.items()}
is_long = {name: length > 10 for name, length in lengths(net, patterns, "positive").items()}


def mixed(long, short):
    """The w⊙a of one kind where the positive pattern is long, of another elsewhere."""
    return {name: np.where(of.reshape(-1, *[1] * (weights[name].ndim - 1)), by_kind[long][name],
                           by_kind[short][name]) for name, of in is_long.items()}  # fmt: skip


print(f"‖w‖·‖a‖ is above 10 in {sum(of.sum() for of in is_long.values())} "
      f"of {sum(map(len, is_long.values()))} units")  # fmt: skip
for long in ("positive", "centred"):
    for short in ("positive", "centred"):
        alike = class_likeness(some, partial(walk, matrices=mixed(long, short)))
        print(f"those {long}, the others {short}: |cosine| of two classes {alike:.2f}")

# %% [markdown]
# Centring the long ones alone does most of what centring all does. With only the long ones left as the paper
# has them, the maps differ as much as if all were. (And the CIFAR-10 networks of minixai 0.2, of the same
# architectures but trained without that care, had a largest $\|w\|\cdot\|a\|$ of 4 470 and 9 227, and
# cosines of .37 and .42.) What tells the maps of two classes apart, and what tears a map apart, are the same
# entries. **You can have maps that hold together, or maps that differ by class; none of the three kinds gives
# both.** That they differ does not say that they are *right* about the class: 12.6 asks.
#
# Mostly positive $w\odot a$ need not lead to rank 1. Lesson 8 showed the exception: columns that stay
# orthogonal, as those of local filters do for a while. So we measure how fast it happens, layer by layer. At
# each layer the ten walks make a matrix with ten rows; the ratio of its two largest singular values,
# $\sigma_2/\sigma_1$, is 0 at rank 1. Sixt et al. (2020) list PatternAttribution among the methods that
# converge.


# %%
def per_layer(model, x, table, names):
    """From the top, at the input of each layer: σ₂/σ₁ of the walk from ten classes; medians over images."""
    _, outputs = model.trace(mx.Tensor(x))
    start = outputs[names[-1]][0]
    inputs = [outputs[name][0].node.inputs[0] for name in reversed(names)]
    found = []
    for k in range(10):
        one = np.zeros(start.shape)
        one[:, k] = 1
        found.append(mx.backward(start, one, table, wrt=inputs))
    ratios = []
    for tensor in inputs:
        product = np.stack([g[tensor].reshape(len(x), -1) for g in found], axis=1).astype(np.float64)
        squares = np.linalg.eigvalsh(product @ product.transpose(0, 2, 1))  # the σ², ascending
        ratios.append(np.median(np.sqrt(squares[:, -2] / squares[:, -1])))
    return ratios


# %%
descents = {}
for name, (model, fitted, x) in subjects.items():
    layers = list(fitted)
    tables = {"gradient": None} | {
        label: mx.rules.pattern_attribution(fitted, kind) for kind, label in KINDS.items()
    }
    descents[name] = {label: per_layer(model, x, table, layers) for label, table in tables.items()}
figures.descents(descents)

# %% [markdown]
# Ten maps of equal length at right angles would have a ratio of 1, ten multiples of one map a ratio of 0.
# With linear or centred patterns, most of what tells the classes apart is lost within three or four layers.
# With positive patterns more is left at the pixels: .3 for the digits, .15 to .2 for the networks without
# huge entries. With the gradient it is about .8.

# %% [markdown]
# ## 12.6 Degradation: take away what is called relevant
#
# Kindermans et al. test their maps in this way: cut the image into patches, order them by their summed
# attribution, and replace them one after the other, the most relevant first, each by its own mean colour. The
# faster the probability of the class falls, the better the order. Probability against the number of patches
# is a curve; the *area* under it, small for a good order, is printed below.
#
# ### Exercise 12.4 — one step of it
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `replace_patch(image, row, column, size)`: `image` (c, h, w), the patch in row `row` and column
# `column` of the grid of patches, each `size` × `size` pixels. Return a copy with every pixel of the patch
# replaced by the patch's mean, in each channel. At the border a patch may be cut off, and so be smaller.
# Worked example: of `[[[1, 3, 9], [5, 7, 9]]]` with row 0, column 0 and size 2 the patch is 1, 3, 5, 7 with
# mean 4: `[[[4, 4, 9], [4, 4, 9]]]`.
#
# <details><summary>Hint</summary>
#
# `patch = image[:, row * size : (row + 1) * size, …]` is a view, and slices are cut at the border. The mean
# is `patch.mean(axis=(1, 2), keepdims=True)`. Copy the image first.
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
# minixai's `degrade` does this for all images and steps. The estimators of lesson 11 compete as attributions:
# $S_x$ is input×gradient (all of $x$ is signal), the others are PatternAttribution with one kind of pattern
# each. A random order is the baseline. Where the difference from random is *negative*, the probability falls
# faster than at random, which is better.
#
# > **Predict 5.** Which order makes the probability fall fastest? And does it matter what a patch is replaced
# > by: its mean, or black?

# %%
competing = {"random": None, "$S_x$": mx.methods.input_x_gradient(net, some)}
competing |= {name: explained[f"PatternAttr.\n{name}"] for name in KINDS.values()}


def areas(model, x, orders, **how):
    """The curve of every order."""
    return {name: degrade(model, x, order, progress=False, **how) for name, order in orders.items()}


by_fill = {
    label: areas(net, some, competing, patch=4, steps=None, fill=fill)
    for label, fill in {"its mean": "patch mean", "black": 0.0}.items()
}
for found in by_fill.values():
    print(f"{DegradationComparison({name.replace('$', ''): c for name, c in found.items()})}\n")
figures.differences(by_fill, "32 digits, patches of 4×4")

# %% [markdown]
# Two intervals that overlap do not yet say that two orders cannot be told apart: some images are easy for
# every order, and that spread is in both. So we also take the differences from $S_x$ image by image:


# %%
def beside(first, found):
    """The curves as a table, with paired differences from the first."""
    rest = [name for name in found if name not in (first, "random")]
    return DegradationComparison({name.replace("$", ""): found[name] for name in [first, *rest]})


for found in by_fill.values():
    print(f"{beside('$S_x$', found)}\n")

# %% [markdown]
# **Answer to prediction 5.** (Points: the mean difference from random; bars: 95 % by bootstrap over the
# images; left of the line is better.) With the mean as the fill, $S_x$, linear and centred patterns cannot be
# told apart: the paired intervals contain 0. Positive patterns do no better than random: that their maps
# differ by class did not make them right. With black, $S_x$ has the smallest area (in pairs, too), but not
# for being the better explanation: it is 0 wherever the image is black, so it wastes no early step on
# *replacing black by black*, which does nothing. **A curve measures an order, a fill and a network
# together.**
#
# ### Exercise 12.5 — reverse the ranking (investigation)
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# Suppose that you want to show, on the same digits, that $S_x$ is *worse than a random order* and that
# linear and centred patterns are better than a random order. Choose a fill, a number from 0 (black) to 1
# (white), and a patch size for the cell below, so that the intervals of the differences say so. Then write
# three sentences: what you would report, what an honest report adds, and which fill you think is right for
# digits.
#
# <details><summary>Hint</summary>
#
# What does the fill do where there was background? What where there was ink? $S_x$ is 0 on the background.
#
# </details>
# <details><summary>Three sentences, as one might write them</summary>
#
# "With patches of 4×4 and white as the fill, $S_x$ does worse than random, and linear and centred patterns
# better (intervals of the differences apart from 0)." An honest report adds that three fills were tried, that
# with the other two $S_x$ is better than random, and why: white over ink changes little, so a method that
# ranks ink first loses. No fill is right as such: black changes nothing where there was nothing, white draws
# a new stroke, the mean leaves a digit in coarse blocks, and each makes images that the network has never
# seen.
#
# </details>

# %%
my_fill, my_patch = "patch mean", 4  # your choice
mine = areas(net, some, competing, patch=my_patch, steps=None, fill=my_fill)
print(DegradationComparison({name.replace("$", ""): curve for name, curve in mine.items()}))

# %% [markdown]
# ## 12.7 A network for photos
#
# The two CIFAR-10 networks come with patterns fitted to the 50 000 training images. Our photos are not like
# those, so a network's class need not be the one that we would name. The next figure is made with the network
# that has max pooling; when you run the lesson, there are sliders below it for the photo, the class, the
# method and the kind of pattern.

# %%
cnn = shipped["cifar10_maxpool"]
photos = {"cat": mx.data.photo("chelsea")[60:280, 100:320], "cup": mx.data.photo("coffee")[:, 100:500],
          "flower": mx.data.photo("flower")[:, 100:500]}  # fmt: skip
methods = {"PatternNet": pattern_net, "PatternAttribution": pattern_attribution}


def explain_photo(photo, target, method, kind):
    """The picture of a photo's map; target None is the class that the network chose."""
    x = cnn.preprocess([photos[photo]])
    number = None if target == "the network's" else cnn.classes.index(target)
    e = methods[method](cnn, x, number, kind={name: kind for kind, name in KINDS.items()}[kind])
    title = f"{method}, {kind}: {cnn.classes[e.target[0]]}, score {e.score[0]:.2f}".replace("-", "−")
    return figures.of_a_photo(photos[photo], e.map[0], title, method == "PatternNet")


sheet = []
for method in methods.values():
    for kind, name in KINDS.items():
        e = method(cnn, cnn.preprocess([photos["cat"]]), kind=kind)
        sheet.append(replace(e, method=f"{e.method.replace('Attribution', 'Attr.')}, {name}"))
projected(mx.methods.side_by_side(sheet, percentile=99.5, classes=cnn.classes))

# %%
maps.sliders(explain_photo, {
    "photo": tuple(photos), "target": ("the network's", *cnn.classes), "method": tuple(methods),
    "kind": tuple(KINDS.values()),
})  # fmt: skip

# %% [markdown]
# With linear and centred patterns, PatternNet shows blobs and edges, and PatternAttribution smooth spots over
# the object. With the paper's positive patterns, which do not explode in this network, PatternAttribution
# holds together, too, and is sharper: it follows the dark lines. PatternNet gives the whole photo a tint.
# Move the class slider, and PatternAttribution changes little with any of the three: this is one side of the
# trade-off of 12.5.
#
# Is the order of the patches any good? We degrade the nine crops of 12.5, in 24 of their 64 patches. As in
# the paper, each is replaced by its own mean.

# %%
x = subjects["cifar10_maxpool"][2]
on_photos = {"random": None, "$S_x$": mx.methods.input_x_gradient(cnn, x)}
on_photos |= {name: pattern_attribution(cnn, x, kind=kind) for kind, name in KINDS.items()}
found = areas(cnn, x, on_photos, patch=4, steps=24)
print(DegradationComparison({name.replace("$", ""): curve for name, curve in found.items()}))
for first in ("$S_x$", "positive"):
    print(f"\n{beside(first, found)}")

# %% [markdown]
# All four orders beat random. In pairs, positive patterns and $S_x$ cannot be told apart, and both beat
# linear and centred patterns. So the paper's patterns are the best of the three kinds here, where they do not
# explode; on the digits, where they do, they were the worst. On VGG16 and ImageNet, Kindermans et al. found
# the two-component patterns best by far, ahead of $S_x$ as well, which is not to be seen here. But these are
# only nine crops of three photos, unlike those that this small network was trained on, so that refutes
# nothing. **A ranking of methods belongs to the network, the data and the fill it was measured with.**

# %% [markdown]
# ## 12.8 Where the truth is known
#
# Degradation asks the network. The other question is whether a map is right about the *data*, and it can be
# asked where the data were made so that the answer is known (lesson 0): some pixels carry the class (the
# truth), and some only a distractor that lies over it (a suppressor). `bench` trains small networks on such
# problems and marks all methods in the same way, by $|\text{map}|$; here are three problems, with one
# training each. The marks:
#
# - **share on the truth**: the part of the map's sum that lies on the truth; of an even map, its size.
# - **precision**: if the truth has $k$ pixels, how many of the $k$ strongest are of it.
# - **ROC AUC**: the probability that a pixel of the truth gets more than another; ½ is chance.
# - **false alarms**: the part of the sum that lies on suppressors; less is better.
#
# > **Predict 6.** One of the problems has a suppressor. Which methods will be fooled by it?

# %%
marked = bench(
    methods=("gradient", "lrp", "pattern_net", "pattern_attribution"),
    problems=("distractor", "linear_white", "rigid_white"), effort="quick", progress=False,
)  # fmt: skip
print(marked)

# %% [markdown]
# **Answer to prediction 6.** Of the methods LRP has most false alarms, .18; maps from linear and centred
# patterns have fewest, .09 to .11. The paper's $S_{a\pm}$ does not help: .16 and .13, where the gradient has
# .13. By ROC AUC, fitted patterns are ahead on these three, but for PatternAttribution with $S_{a\pm}$.
# Before you believe it, look at the last two columns: they say what the same method gets with an *untrained*
# network, and with one that was trained on shuffled labels. The
# [README](../README.md#which-explanation-is-right) has the table for thirteen problems and three trainings,
# where the lead is smaller and rests on the problems with suppressors.
#
# ## 12.9 Optional: SqueezeNet
#
# The same can be done for a network of 26 convolutions, trained on ImageNet. We fit linear patterns to the
# nine crops, at 131×131 pixels to save time. That is enough to see the machinery at work, and far too few
# images for patterns that one could trust.

# %%
try:
    squeezenet, classes = mx.models.squeezenet1_0(weights="imagenet"), mx.data.imagenet_labels()
except WeightsNotFoundError as error:
    picture = None
    print(f"SqueezeNet is left out. {error}")
else:
    small = replace(squeezenet.preprocess, size=131)
    few = mx.signal.fit_patterns(squeezenet, np.split(small(crops()), 3), ("linear",), progress=False)
    photo, settings = small(mx.data.photo("chelsea")[:, 75:375]), {"patterns": few, "kind": "linear"}
    for rescale in (False, True):
        e = pattern_net(squeezenet, photo, **settings, rescale=rescale)
        print(f"PatternNet, rescale={rescale}: the largest value is {np.abs(e.map).max():.1e}")
    one = pattern_attribution(squeezenet, photo, **settings)
    print(f"of the score {one.ledger.arrived[0] / one.score[0]:.1e} arrives at the pixels")
    best, *_, other = np.argsort(-squeezenet.predict(photo)[0])[:8]
    alike = cosine(one.map, pattern_attribution(squeezenet, photo, other, **settings).map)[0]
    print(f"cosine of the maps of {classes[best]} and {classes[other]}: {alike:.3f}")
    picture = projected(mx.methods.side_by_side([e, one], percentile=99.5, classes=classes))
picture

# %% [markdown]
# With weights at hand, the cell prints how far PatternNet's values grow on the way (hence `rescale=True`),
# how little of the score arrives, and how alike the maps of two classes are.

# %% [markdown]
# ## 12.10 Where it fails
#
# - **One direction for each unit.** A pattern is a mean over all images. If a unit stands for several things,
#   its pattern is a blend of them.
# - **No better than its data.** A unit that never fires has no positive pattern, and a pattern of few images
#   is mostly noise.
# - **PatternNet counts signal many times,** and PatternAttribution loses relevance at the gates; neither sum
#   says anything about the quality of the map.
# - **Towards rank 1.** Where the maps hold together, what looks like a clean map of the class is nearly the
#   map of any other class, too.
# - **The proof is for one unit.** Lesson 5 showed that $a$ finds the signal of a linear model. That the walk
#   through many layers finds the signal of the score is an analogy, and each sum over units an assumption.
#
# **Open question.** The walk gives each hidden unit its signal $v_j=a_jy$, and then forgets which value the
# unit really had. Could a rule make use of that value, so that less stops at the gates? And what would become
# of $\sigma_2/\sigma_1$?
#
# ## References
# - P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to
#   explain neural networks: PatternNet and PatternAttribution*, 2017,
#   [arXiv 1705.05598](https://arxiv.org/abs/1705.05598). The two methods, and the degradation experiment.
# - L. Sixt, M. Granz, T. Landgraf: *When explanations lie: why many modified BP attributions fail*, ICML
#   2020, [arXiv 1912.09818](https://arxiv.org/abs/1912.09818). The convergence to rank 1.
# - W. Samek, A. Binder, G. Montavon, S. Lapuschkin, K.-R. Müller: *Evaluating the visualization of what a
#   deep neural network has learned*, IEEE Transactions on Neural Networks and Learning Systems 28(11), 2017,
#   2660–2673. Region perturbation, from which degradation comes.
