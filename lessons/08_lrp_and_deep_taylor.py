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
# # 7 · LRP and deep Taylor: who gets which share?
#
# A network gives an image a score. How much of it does each pixel get? Layer-wise relevance propagation
# (LRP) answers layer by layer: what arrives at a neuron is shared among its inputs, until it reaches the
# pixels. Everything hangs on how one neuron shares, and on what gets lost on the way.
#
# **You will do:** derive four sharing rules and write each in a few lines; keep a ledger that closes; put
# rules together for a network; measure what the maps keep and what they ignore.
#
# **You will learn:** why the plain rule explodes; where biases and $\varepsilon$ take relevance; why deep
# Taylor is LRP with certain rules; that a sum which is right says little about a map; why all-positive
# rules forget which class they explain.
#
# **You need:** lesson 5 (what *attribution* means), matrix products, the idea of walking a network back.
#
# **Time:** 75 minutes, of which the cells run about 15 seconds. Everything runs offline, on scikit-learn's
# digits (1 797 images of 8×8, a copy of a UCI test set, not MNIST). One cell shows a photo through
# SqueezeNet: its weights and class names (676 kB and 15 kB) are taken from `MINIXAI_DATA` or fetched once;
# without them the cell says so and does nothing. Code BSD-3-Clause, text CC BY 4.0.

# %%
from dataclasses import replace

import matplotlib
import numpy as np
import pooch
from PIL import Image
from sklearn.datasets import load_digits

import minixai as mx
from minixai.checks import relevance, tell
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

rng = np.random.default_rng(0)
net = mx.nn.Sequential({
    "conv1": mx.nn.Conv2d(1, 8, 5, padding=2, rng=rng), "relu1": mx.nn.ReLU(), "pool1": mx.nn.MaxPool2d(2),
    "conv2": mx.nn.Conv2d(8, 16, 3, padding=1, rng=rng), "relu2": mx.nn.ReLU(), "pool2": mx.nn.MaxPool2d(2),
    "conv3": mx.nn.Conv2d(16, 32, 3, padding=1, rng=rng), "relu3": mx.nn.ReLU(), "pool3": mx.nn.MaxPool2d(2),
    "flatten": mx.nn.Flatten(), "dense": mx.nn.Linear(32 * 9, 10, rng=rng),
})  # fmt: skip
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=4, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
test, test_labels = images[1400:], labels[1400:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")

# %% [markdown]
# ## 8.1 One neuron
#
# A neuron computes $z_j=\sum_i x_i w_{ij}+b_j$, and relevance $R_j$ arrives at it. Each input shall get its
# share,
#
# $$R_i=\sum_j\frac{q_{ij}}{\sum_{i'} q_{i'j}+\dots}\,R_j .$$
#
# Two decisions make a rule: **what an input's claim $q_{ij}$ is**, and **what else stands in the
# denominator** (the dots). Whatever else stands there is a claimant too, and what it gets never reaches the
# input: that is the *leak*.
#
# | rule | claim $q_{ij}$ | what else is below the line |
# |---|---|---|
# | z, then ε | $x_iw_{ij}$ | $b_j$, and $\varepsilon\,\mathrm{sign}\,z_j$ |
# | γ (for $x\ge0$, $z\ge0$) | $x_i(w_{ij}+\gamma w_{ij}^+)$ | $b_j+\gamma b_j^+$ |
# | z⁺ | $(x_iw_{ij})^+$ | $b_j^+$ |
# | αβ | $(x_iw_{ij})^+$, times $\alpha$; less $(x_iw_{ij})^-$, times $\beta$ | $b_j^+$; $b_j^-$ |
# | w² | $w_{ij}^2$ | – |
#
# αβ shares twice, each time with its own denominator. Here $v^+=\max(v,0)$, $v^-=\min(v,0)$,
# $\mathrm{sign}\,0=+1$ and $\alpha-\beta=1$.
#
# > **Predict 1.** Three inputs contribute $3$, $-1.5$ and $-0.5$, so $z=1$, and $R=1$ arrives. How much
# > does the first input get by the z rule? More or less than what arrived?

# %%
x, w = mx.Tensor(np.array([[3.0, 1.5, 1.0]])), np.array([[1.0, -1.0, -0.5]])
z = mx.ops.linear(x, w, np.zeros(1))
rules = {
    "z": mx.rules.epsilon(0),
    "ε = 0.5": mx.rules.epsilon(0.5),
    "γ = 0.25": mx.rules.gamma(0.25),
    "z⁺": mx.rules.z_plus(),
    "α = 2, β = 1": mx.rules.alpha_beta(2, 1),
}
picture = Picture(figsize=(13, 3.6), dpi=76, layout="constrained")
for axes, (name, rule) in zip(picture.subplots(1, 5, sharey=True), rules.items(), strict=True):
    shares = mx.backward(z, rules={mx.ops.linear: rule}, wrt=[x])[x][0]
    axes.bar(range(3), shares, color=[style.FILTER if share > 0 else style.PATTERN for share in shares])
    axes.axhline(0, color=style.INK, linewidth=1)
    axes.set(title=f"{name}\nsum {shares.sum():.2f}", xticks=range(3))
    axes.set_xticklabels(["$x_1$", "$x_2$", "$x_3$"])
    print(f"{name:>13}: {shares}")
picture.axes[0].set_ylabel("share of R = 1")
picture

# %% [markdown]
# The first input gets three times what arrived, and the others pay for it. That is what *in proportion*
# means when claims cancel: the shares are $q_i/z$, and with a small $z$ they grow without limit. Every
# other rule is a way out. ε makes the denominator larger and so loses some: its bars do not add up to 1. γ
# weighs the positive claims more. z⁺ hears nobody else. αβ shares out more than there is and takes the rest
# back.
#
# ### Exercise 8.1 — the ε rule of a dense layer
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `epsilon_rule(x, w, b, r, epsilon)`: float64 `x` (d,), `w` (k, d), `b` (k,), the relevance `r` (k,)
# that arrives, and a number; the result float64 (d,). With $z_j$ *including the bias*,
#
# $$R_i=x_i\sum_j w_{ij}\,\frac{R_j}{z_j+\varepsilon\,\mathrm{sign}\,z_j}.$$
#
# (Here row $j$ of `w` has the weights of unit $j$, so $w_{ij}$ is `w[j, i]`.) Worked example: `x = [1, 2]`,
# `w = [[1, 1], [1, -1]]`, `b = [1, 0]`, `r = [4, -1]`, $\varepsilon=0$. Then $z=(4,-1)$, $R_j/z_j=(1,1)$,
# and $R=(1\cdot(1+1),\;2\cdot(1-1))=(2,0)$.
#
# <details><summary>Hint 1</summary>
#
# Four lines: the forward pass $z$; $s=R/(z+\dots)$; $c=W^\top s$; $x\odot c$. The third is the gradient's
# step, so any layer with a backward pass can do it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.sign(0)` is 0, and then nothing protects the denominator. `np.where(z >= 0, 1, -1)`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def epsilon_rule(x, w, b, r, epsilon):
#     z = w @ x + b
#     s = r / (z + epsilon * np.where(z >= 0, 1, -1))
#     return x * (w.T @ s)
# ```
#
# </details>


# %%
def epsilon_rule(x, w, b, r, epsilon):
    """The relevance (d,) of x (d,), for w (k, d), b (k,) and the relevance r (k,) that arrives."""
    return None  # your lines


tell(relevance.check_epsilon_rule, epsilon_rule)

# %% [markdown]
# ## 8.2 The ledger
#
# The bias and $\varepsilon$ stand below the line, so they get a share as well. How much? Put $b_j$ in the
# place of $q_{ij}$.
#
# ### Exercise 8.2 — what leaks, by formula
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `leaks(x, w, b, r, epsilon)`, with the arguments of 8.1. It returns two numbers: the relevance that
# goes to the bias, summed over the units, and the relevance that goes to $\varepsilon$. Do *not* call
# `epsilon_rule`. Worked example: `x`, `w`, `b` as above, `r = [5, -2]`, $\varepsilon=1$: the denominators
# are $4+1$ and $-1-1$, so $R_j/(\dots)=(1,1)$, the bias gets $1\cdot1+0\cdot1=1$, and $\varepsilon$ gets
# $1\cdot1+(-1)\cdot1=0$.
#
# <details><summary>Hint</summary>
#
# The same $s_j$ as before. The bias's claim is $b_j$, that of ε is $\varepsilon\,\mathrm{sign}\,z_j$.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def leaks(x, w, b, r, epsilon):
#     z = w @ x + b
#     offset = epsilon * np.where(z >= 0, 1, -1)
#     s = r / (z + offset)
#     return b @ s, offset @ s
# ```
#
# </details>


# %%
def leaks(x, w, b, r, epsilon):
    """The relevance that goes to the bias, and to ε: two numbers."""
    return None  # your lines


tell(relevance.check_leaks, leaks)

# %% [markdown]
# **Checkpoint.** From here on we use minixai's rules, and the two functions of the solutions, so you can go
# on whatever became of yours.
#
# Now the whole network, with the ε rule in every layer. A **composite** is a table from layers to rules;
# ReLU passes relevance through, max pooling gives it to the pixel that won. minixai books every step in a
# ledger.
#
# > **Predict 2.** The score is shared out over four layers with biases. Will more of it arrive at the
# > pixels than the score, or less?


# %%
def reference_epsilon(x, w, b, r, epsilon):
    """Σ over units: the relevance of the inputs, of the bias and of ε."""
    z = w @ x + b
    offset = epsilon * np.where(z >= 0, 1, -1)
    s = r / (z + offset)
    return x * (w.T @ s), b @ s, offset @ s


tell(relevance.check_epsilon_rule, lambda *layer: reference_epsilon(*layer)[0])
tell(relevance.check_leaks, lambda *layer: reference_epsilon(*layer)[1:])

only_epsilon = mx.rules.composite(conv=mx.rules.epsilon(0.25), dense=mx.rules.epsilon(0.25))
e = mx.methods.lrp(net, test[:1], rules=only_epsilon)
print(f"\nA {test_labels[0]}, explained as a {e.target[0]}\n\n{e.ledger}")

picture = e.ledger.plot("Where the score went: ε rule in every layer")
picture.set_dpi(74)
picture

# %% [markdown]
# Read it from the top: what came to each operation, what it passed on, what leaked and to whom. The last
# line is the account of the whole walk. Both kinds of leak can have either sign: a negative bias *adds*
# relevance to the pixels. So Predict 2 has no answer without the ledger.
#
# The first row is the dense layer. Let us do it by hand with the formula, on the input that it really had:

# %%
_, layers = net.trace(mx.Tensor(test[:1]))
hidden = layers["flatten"][0].value[0].astype(np.float64)
w, b = (net.state_dict()[f"dense.{name}"].astype(np.float64) for name in ("weight", "bias"))
r = np.where(np.arange(10) == e.target[0], e.score[0], 0.0)
passed_on, to_bias, to_epsilon = reference_epsilon(hidden, w, b, r, 0.25)

first = e.ledger.rows[0]
print(f"by hand     passed on {passed_on.sum():.5f}, bias {to_bias:.5f}, ε {to_epsilon:.5f}")
print(f"the ledger  passed on {first.passed_on[0]:.5f}, bias {first.leaks['bias'][0]:.5f}, "
      f"ε {first.leaks['epsilon'][0]:.5f}")  # fmt: skip
print(f"gap of the whole walk: {e.ledger.gap[0]:.1e}")

# %% [markdown]
# **Why by formula?** A leak that is computed as *what came less what was passed on* closes the books of any
# program, however wrong. A leak by formula closes them only if rule and formula are both right. The gap
# that the ledger prints is a test: what the formulas do not explain. Here it is rounding.
#
# ## 8.3 Only what speaks for it: z⁺
#
# The z rule explodes because claims of both signs cancel. So let only those be heard that pushed the neuron
# up: $q_{ij}=(x_iw_{ij})^+$, and of the bias its positive part. Then all shares lie between 0 and 1.
#
# ### Exercise 8.3 — the z⁺ rule
# *Difficulty 3/5 · importance 4/5 · at most 15 minutes*
#
# Write `z_plus_rule(x, w, b, r)`, shapes as in 8.1, for inputs of *either sign*. A unit without any
# positive claim passes nothing on. Worked example: `x = [1, 2]`, `w = [[1, 1], [1, -1]]`, `b = [1, -5]`,
# `r = [4, 3]`. The first unit has claims $(1,2)$ and $b^+=1$: it gives $(1,2)$, and 1 to the bias. The
# second has $(1,0)$ and $b^+=0$: it gives $(3,0)$. The sum is $(4,2)$.
#
# <details><summary>Hint 1</summary>
#
# $(x_iw_{ij})^+=x_i^+w_{ij}^++x_i^-w_{ij}^-$: two negative numbers have a positive product. For one layer
# you may simply write `q = np.maximum(x * w, 0)`, of shape (k, d).
#
# </details>
# <details><summary>Hint 2</summary>
#
# `np.divide(r, total, out=np.zeros_like(r), where=total > 0)` is 0 where the total is.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def z_plus_rule(x, w, b, r):
#     q = np.maximum(x * w, 0)
#     total = q.sum(axis=1) + np.maximum(b, 0)
#     return q.T @ np.divide(r, total, out=np.zeros_like(r), where=total > 0)
# ```
#
# For a convolution the matrix q would be huge. There one takes four passes with $w^+$ and $w^-$ instead:
# $x^+\odot(w^{+\top}s)+x^-\odot(w^{-\top}s)$.
#
# </details>


# %%
def z_plus_rule(x, w, b, r):
    """The relevance (d,) of x (d,), for w (k, d), b (k,) and the relevance r (k,) that arrives."""
    return None  # your lines


tell(relevance.check_z_plus_rule, z_plus_rule)

# %% [markdown]
# ## 8.4 Deep Taylor: where such rules come from
#
# z⁺ looks like an ad-hoc repair. Montavon et al. derive it. Take the relevance of a neuron as a function of
# its inputs, $R_j(x)=c\cdot\max(0,\,w^\top x+b)$, and find a point $\tilde x$ nearby where it is just zero,
# a **root**. Between the two the function is linear, so it splits exactly into parts of the inputs:
#
# $$R_j(x)=\sum_i\frac{\partial R_j}{\partial x_i}(x_i-\tilde x_i)=\sum_i c\,w_i\,(x_i-\tilde x_i).$$
#
# Search for the root along a direction $v$, from $x$ to $\tilde x=x-t\,v$. Zero is reached at
# $t=z/w^\top v$. Put that in:
#
# $$R_i=\frac{w_i v_i}{\sum_{i'}w_{i'}v_{i'}}\,R_j .$$
#
# **The claim is $q_i=w_iv_i$: a rule is the choice of a direction in which to look for a root.** It should
# stay where inputs can be:
#
# | inputs | direction $v_i$ | claim $w_iv_i$ | rule |
# |---|---|---|---|
# | any | $w_i$ | $w_i^2$ | w² |
# | after a ReLU, $x\ge0$ | $x_i$ where $w_i>0$, else 0 | $x_iw_i^+$ | z⁺ |
# | pixels, $l\le x\le h$ | $x_i-l$ where $w_i>0$, else $x_i-h$ | $(x_i-l)w_i^++(x_i-h)w_i^-$ | $z^B$ |
#
# Is the root for z⁺ within $x\ge0$? It is if $t\le1$, which means $z\le\sum_ix_iw_i^+$. The negative parts
# only help. The bias does not: **deep Taylor needs $b\le0$**. With a positive bias the root
# can lie outside, and minixai then books a share $b^+$ as a leak.
#
# ### Exercise 8.4 — the box rule $z^B$, for pixels
# *Difficulty 2/5 · importance 3/5 · at most 10 minutes*
#
# Write `box_rule(x, w, r, low, high)`: `x` (d,), `w` (k, d), `r` (k,), two numbers. There is no bias in the
# denominator. Worked example: `x = [0.5, 0.5]`, `w = [[2, -1]]`, `r = [3]`, low 0, high 1: the claims are
# $0.5\cdot2=1$ and $(-0.5)\cdot(-1)=0.5$, so the result is $(2,1)$.
#
# <details><summary>Hint</summary>
#
# Build q of shape (k, d) from `x - low`, `x - high`, `np.maximum(w, 0)` and `np.minimum(w, 0)`. It is never
# negative.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def box_rule(x, w, r, low, high):
#     q = (x - low) * np.maximum(w, 0) + (x - high) * np.minimum(w, 0)
#     return q.T @ (r / q.sum(axis=1))
# ```
#
# </details>


# %%
def box_rule(x, w, r, low, high):
    """The relevance (d,) of x (d,), low <= x <= high, for w (k, d) and the relevance r (k,) that arrives."""
    return None  # your lines


tell(relevance.check_box_rule, box_rule)

# %% [markdown]
# So deep Taylor is a composite: $z^B$ on the pixels, z⁺ everywhere else. That is all that minixai's
# `deep_taylor` does:

# %%
as_lrp = mx.rules.composite(first=mx.rules.box(0, 1), conv=mx.rules.z_plus(), dense=mx.rules.z_plus())
deep_taylor = mx.methods.deep_taylor(net, test[:8], low=0, high=1)
print("deep Taylor is LRP with this table:",
      np.array_equal(deep_taylor.map, mx.methods.lrp(net, test[:8], rules=as_lrp).map))  # fmt: skip
print(f"smallest value of its maps: {deep_taylor.map.min():.1e}")

# %% [markdown]
# ## 8.5 Composites
#
# A rule can be chosen layer by layer. The usual advice: ε where the network is nearly linear and the
# classes are told apart (the dense layers), z⁺, γ or αβ in the convolutions, which have too many cancelling
# claims for ε, and $z^B$ at the pixels.
#
# > **Predict 3.** A black pixel, $x_i=0$: under which of the rules can it get relevance?

# %% tags=["thumbnail"]
R = mx.rules
tables = {
    "z": R.composite(conv=R.epsilon(0), dense=R.epsilon(0)),
    "ε = 0.25": only_epsilon,
    "γ, ε": R.composite(conv=R.gamma(0.25), dense=R.epsilon()),
    "z⁺, ε": R.epsilon_plus(),
    "α2β1, ε": R.epsilon_alpha2_beta1(),
    "zᴮ, γ, ε": R.epsilon_gamma_box(0, 1),
    "z⁺ everywhere": R.composite(conv=R.z_plus(), dense=R.z_plus()),
    "deep Taylor": as_lrp,
}
explained = {name: mx.methods.lrp(net, test[:64], rules=table) for name, table in tables.items()}


def heat(axes, values, title=""):
    """A heat map of values (h, w) whose colours are centred on 0, with its scale below."""
    limit = np.abs(values).max()
    axes.imshow(values, "RdBu_r", vmin=-limit, vmax=limit)
    axes.set(xticks=[], yticks=[], title=title, xlabel=f"±{limit:.2g}")


picture = Picture(figsize=(15, 6), dpi=64, layout="constrained")
for i, row in enumerate(picture.subplots(3, 1 + len(tables))):
    row[0].imshow(test[i, 0], "gray")
    row[0].set(xticks=[], yticks=[], ylabel=f"score {deep_taylor.score[i]:.1f}")
    for axes, (name, one) in zip(row[1:], explained.items(), strict=True):
        heat(axes, one.map[i, 0], "" if i else name)
picture

# %% [markdown]
# Red speaks for the class, blue against it; each map has its own scale, the number below it. Same network,
# same digit, same score: eight answers. With z⁺ in all layers there is no blue. Only $z^B$ gives anything
# to a black pixel (the last table begins with it, too), because *being black* is a claim to it: $x_i-h$ is
# not zero.
#
# The same on a photo. SqueezeNet has no dense layer, its classifier is a convolution, so the rule for
# convolutions goes all the way. For each table the cell prints how alike the maps of two classes are, too:
# we come back to that.


# %%
def cosines(a, b):
    """The cosine between every map of a (n, …) and that of b."""
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (a, b))
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


try:
    squeezenet, classes = mx.models.squeezenet1_0(weights="imagenet"), mx.data.imagenet_labels()
except WeightsNotFoundError as error:
    picture = None
    print(f"The photo is left out. {error}")
else:
    photo = squeezenet.preprocess(mx.data.photo("chelsea"))
    best, *_, other = np.argsort(-squeezenet.predict(photo)[0])[:8]
    print(f"the best class, {classes[best]}, and the cosine with the map of the eighth, {classes[other]}")
    mean = np.array(squeezenet.preprocess.mean, np.float32).reshape(3, 1, 1)
    sheet = []
    for name, first, rule in [
        ("ε", None, R.epsilon()),
        ("γ", None, R.gamma(0.25)),
        ("α2β1", None, R.alpha_beta(2, 1)),
        ("z⁺", None, R.z_plus()),
        ("zᴮ, then γ", R.box(0 - mean, 255 - mean), R.gamma(0.25)),
    ]:
        table = R.composite(first=first, conv=rule)
        one, two = (mx.methods.lrp(squeezenet, photo, target=k, rules=table) for k in (best, other))
        arrives, alike = one.map.sum() / one.score[0], cosines(one.map, two.map)[0]
        print(f"{name:>10}: {arrives:.1%} of the score arrives at the pixels, cosine {alike:.2f}")
        sheet.append(replace(one, method=name))
    picture = mx.methods.side_by_side(sheet, percentile=99.5, classes=classes)
    picture.set_dpi(90)
picture

# %% [markdown]
# ## 8.6 What is conserved, and what that proves
#
# > **Predict 4.** Which tables bring 100 % of the score to the pixels? What if no bias is positive?


# %%
def print_shares(explained):
    """What arrived and what leaked, as parts of the score, the mean over the images."""
    print(f"{'':>15}  arrives     bias        ε  zero denominators      gap")
    for name, one in explained.items():
        ledger = one.ledger
        means = [np.mean(part / one.score) for part in (ledger.arrived, *ledger.leaks.values())]
        row = " ".join(f"{mean:{width}.1%}" for mean, width in zip(means, (8, 8, 8, 18), strict=True))
        print(f"{name:>15} {row} {np.abs(ledger.gap).max():8.0e}")


print_shares(explained)

weights = net.state_dict()
net.load_state_dict({name: -np.abs(a) if name.endswith("bias") else a for name, a in weights.items()})
some = test[:64][net.predict(test[:64]).max(axis=1) > 0.5]
print(f"\nanother network: every bias b is now −|b| ({len(some)} images with a score above 0.5)")
print_shares({name: mx.methods.lrp(net, some, rules=table) for name, table in tables.items()})
net.load_state_dict(weights)

even = np.broadcast_to(deep_taylor.score[:, None, None, None] / test[0].size, deep_taylor.map.shape)
arrives = np.mean(even.sum((1, 2, 3)) / deep_taylor.score)
print(f"\nthe score spread evenly over all pixels: {arrives:.1%} arrives")

# %% [markdown]
# - **z⁺** loses only to positive biases, and **$z^B$** to none. With $b\le0$ all of the score arrives: this
#   is the case that deep Taylor is derived for.
# - **z, ε and γ** let the bias take part with either sign. $b\le0$ does not help: the bias now adds
#   relevance, and what arrives can be more than the score.
# - **αβ** has another leak: a unit without any negative claim has no one to take the $\beta$ part back
#   from. Its denominator is zero, and the ledger books that by name.
# - The **gap** is rounding everywhere. So the ledger closes for rules that conserve and for rules that do
#   not.
#
# And what does a sum of 100 % prove? The last line spreads the score evenly over all pixels, without
# looking at the image. It conserves perfectly. **Conservation is bookkeeping: it says that nothing was
# lost, not that it went to the right place.**
#
# ## 8.7 Where it fails
#
# **The map depends on the rules.** How alike are the maps of two tables, for the same image and class? The
# cell shows their cosine: 1 is the same map up to a factor, 0 nothing in common.

# %%
names = list(tables)
alike = np.array([[np.median(cosines(explained[a].map, explained[b].map)) for b in names] for a in names])
picture = Picture(figsize=(8.6, 6.8), dpi=72, layout="constrained")
axes = picture.subplots()
shown = axes.imshow(alike, "RdBu_r", vmin=-1, vmax=1)
for (row, column), value in np.ndenumerate(alike):
    axes.text(column, row, f"{value:.2f}".replace("-", "−"), ha="center", va="center", size=12,
              color="white" if abs(value) > 0.6 else style.INK)  # fmt: skip
axes.set(xticks=range(len(names)), yticks=range(len(names)), yticklabels=names)
axes.set_xticklabels(names, rotation=40, ha="right")
axes.set_title(f"cosine between the maps of two tables\nmedian over {len(explained['z'].map)} digits")
picture.colorbar(shown, ax=axes)
picture

# %% [markdown]
# Nothing in LRP says which of them is right. A paper that shows "LRP maps" has chosen a table, often by
# looking at maps.
#
# **Rules without blue forget the class.** Explain each digit for all ten classes, right or wrong. (We
# start every walk with 1 in place of the score: a negative score would only flip the map.)
#
# > **Predict 5.** For which tables are the maps of two different classes most alike?

# %%
pairs = [(i, j) for i in range(10) for j in range(i)]
between = {}
for name, table in tables.items():
    maps = [mx.methods.lrp(net, test[:32], target=k, seed="one", rules=table).map for k in range(10)]
    between[name] = np.median([cosines(maps[i], maps[j]) for i, j in pairs])
    print(f"{name:>15}: the maps of two classes have a cosine of {between[name]:5.2f}")

depths, rng = range(1, 13), np.random.default_rng(0)
ratios = {"any sign": [], "none negative": []}
for _ in range(20):
    chain = {"any sign": np.eye(50), "none negative": np.eye(50)}
    for _ in depths:
        matrix = rng.normal(size=(50, 50))
        for kind, factor in (("any sign", matrix), ("none negative", np.maximum(matrix, 0))):
            chain[kind] = chain[kind] @ factor
            first, second, *_ = np.linalg.svd(chain[kind], compute_uv=False)
            ratios[kind].append(second / first)

picture = Picture(figsize=(13, 4.2), dpi=74, layout="constrained")
left, right = picture.subplots(1, 2)
left.barh(range(len(between)), list(between.values()), color=style.PATTERN)
left.axvline(0, color=style.INK, linewidth=1)
left.set(yticks=range(len(between)), yticklabels=list(between), xlim=(min(0, *between.values()), 1))
left.invert_yaxis()
left.set_title("digits: median cosine between the maps of two classes")
for (kind, values), colour in zip(ratios.items(), (style.FILTER, style.PATTERN), strict=True):
    mean = np.mean(np.reshape(values, (20, -1)), axis=0)
    right.semilogy(depths, mean, color=colour, linewidth=3)
    right.text(8, mean[7] * 0.2, kind, color=colour, size=15, ha="right")
    print(
        f"{kind:>13}: σ₂/σ₁ {mean[0]:.2f} for one matrix, {mean[2]:.2g} for three, {mean[-1]:.2g} for twelve"
    )
right.set(xlabel="number of random matrices multiplied", ylabel=r"$\sigma_2/\sigma_1$", xticks=depths)
right.set_title("products of random matrices")
picture

# %% [markdown]
# With z⁺ in every layer the maps of two classes are nearly the same, up to a factor. Why? For a given
# image, LRP is a product of matrices, layer by layer, and *only the vector at the very top knows the
# class*. With z⁺ no matrix has a negative entry. A product of such matrices approaches rank 1 if their
# columns do not stay orthogonal (as those of the identity) or vanish. The right panel shows it for dense
# random ones: whatever vector goes in, one and the same map comes out. With both signs it hardly moves. Sixt
# et al. (2020) found this for nearly all methods that change the backward pass. How fast it goes in a
# network, whose convolutions are sparse and local, must be measured.
#
# One dense layer with ε at the top tells the classes apart again, as it brings both signs in. The price is
# the wild behaviour of 8.1 in that layer.
#
# On the photo of 8.5 it is the same: two classes as different as a cat and a dog have the most similar maps
# under z⁺, and the least similar ones under ε.
#
# **What else it cannot say.** LRP shares out the score that there is. It does not say what would happen if
# a pixel changed (that is *function*), and a pixel with a large share is not therefore a pixel that carries
# signal: the z rule gives $x_iw_i$ to a distractor as well (lesson 5).
#
# **Open question.** All eight tables close their books, and their maps differ. Which measurement would make
# you prefer one, without a look at the maps? Lesson 12 tries one, degradation. What could it miss?
#
# ## References
# - S. Bach, A. Binder, G. Montavon, F. Klauschen, K.-R. Müller, W. Samek: *On pixel-wise explanations for
#   non-linear classifier decisions by layer-wise relevance propagation*, PLoS ONE 10(7), 2015. The z, ε and
#   αβ rules.
# - G. Montavon, S. Lapuschkin, A. Binder, W. Samek, K.-R. Müller: *Explaining nonlinear classification
#   decisions with deep Taylor decomposition*, Pattern Recognition 65, 2017,
#   [arXiv 1512.02479](https://arxiv.org/abs/1512.02479). The roots, z⁺, $z^B$ and w².
# - G. Montavon, A. Binder, S. Lapuschkin, W. Samek, K.-R. Müller: *Layer-wise relevance propagation: an
#   overview*, in *Explainable AI*, Springer, 2019. The γ rule, composites.
# - L. Sixt, M. Granz, T. Landgraf: *When explanations lie: why many modified BP attributions fail*, ICML
#   2020, [arXiv 1912.09818](https://arxiv.org/abs/1912.09818). The convergence to rank 1.
