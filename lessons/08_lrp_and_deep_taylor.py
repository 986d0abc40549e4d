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
# # 8 · LRP and deep Taylor: who gets which share?
#
# A network gives an image a score. How much of it is owed to each pixel? Layer-wise relevance propagation
# (LRP) answers layer by layer: what arrives at a neuron is shared among its inputs, until it reaches the
# pixels. Everything depends on how a single neuron shares, and on what is lost on the way.
#
# **You will do:** derive sharing rules and write three of them in a few lines; keep a ledger that balances;
# put rules together for a network; measure what the maps keep and what they ignore; judge a map from a paper
# in three sentences.
#
# **You will learn:** why the plain rule explodes; where biases and $\varepsilon$ take relevance; why deep
# Taylor is LRP with certain rules; that a correct sum says little about a map; when all-positive rules forget
# which class they explain.
#
# **You need:** lesson 5 (what *attribution* means), matrix products, and lesson 1 (walking a network back).
#
# **Time:** 90 minutes, of which the cells run for about 20 seconds. Everything works offline, on
# scikit-learn's digits. One section uses a photo and SqueezeNet, whose weights and class names (676 kB and
# 15 kB) are taken from `MINIXAI_DATA` or fetched once; without them it is left out. Code BSD-3-Clause, text
# CC BY 4.0.

# %%
import numpy as np
import pooch
from figures import lrp_and_deep_taylor as figures  # needs lessons/figures/ beside this notebook
from figures import maps
from figures.digits import digits, network

import minixai as mx
from minixai.checks import relevance, tell
from minixai.errors import WeightsNotFoundError
from minixai.similarity import cosine

np.set_printoptions(precision=3, suppress=True)
pooch.get_logger().setLevel("WARNING")  # it writes of downloads to stderr

images, labels = digits()  # (1797, 1, 24, 24), enlarged
net = network(seed=0)  # that of lesson 6
optimiser = mx.nn.Adam(net.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(net, images[:1400], labels[:1400], epochs=4, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
test, test_labels = images[1400:], labels[1400:]
print(f"{last.validation_accuracy:.1%} of {len(test)} digits that were not trained on are right")
print(" → ".join(name for name, _ in net.named_children()))

# %% [markdown]
# ## 8.1 One neuron
#
# A neuron computes $z_j=\sum_i x_i w_{ij}+b_j$, and relevance $R_j$ arrives at it. Each input is to get its
# share,
#
# $$R_i=\sum_j\frac{q_{ij}}{\sum_{i'} q_{i'j}+\dots}\,R_j .$$
#
# Two decisions make a rule: **what an input's claim $q_{ij}$ is**, and **what else stands in the
# denominator** (the dots). Whatever else stands there is a claimant too, and since what it gets never reaches
# the input, that part is a *leak*.
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
    "w²": mx.rules.w_square(),
}
shares = {name: mx.backward(z, rules={mx.ops.linear: rule}, wrt=[x])[x][0] for name, rule in rules.items()}
for name, each in shares.items():
    print(f"{name:>13}: {each}")
figures.shares_of_one(shares)

# %% [markdown]
# **Answer to prediction 1.** The first input gets three times what arrived, and the others pay for it. That
# is what *in proportion* means when claims cancel: the shares are $q_i/z$, and as $z$ becomes small they grow
# without limit.
#
# Every other rule is a way out. ε makes the denominator larger and so loses some relevance, which is why its
# bars do not add up to 1. γ gives more weight to the positive claims, and z⁺ considers nothing else. αβ
# shares out more than there is and takes the surplus back from the negative claims. w² does not look at the
# input at all.
#
# ### Exercise 8.1 — the ε rule of a dense layer
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `epsilon_rule(x, w, b, r, epsilon)`: float64 `x` (d,), `w` (k, d), `b` (k,), the relevance `r` (k,)
# that arrives, and a number; the result float64 (d,). With $z_j$ *including the bias*,
#
# $$R_i=x_i\sum_j w_{ij}\,\frac{R_j}{z_j+\varepsilon\,\mathrm{sign}\,z_j}.$$
#
# (Row $j$ of `w` has the weights of unit $j$, so $w_{ij}$ is `w[j, i]`.) Worked example: `x = [1, 2]`,
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
# **Checkpoint.** From here on we use minixai's rules and, in the next cell, the two solutions in one
# function, so you can carry on even if yours do not work yet.
#
# Now for the whole network, with the ε rule in every layer. A **composite** is a table from layers to rules;
# ReLU passes relevance through, and max pooling gives it to the pixel that was the maximum. minixai enters
# every step in a ledger.
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

# %%
only_epsilon = mx.rules.composite(conv=mx.rules.epsilon(0.25), dense=mx.rules.epsilon(0.25))
e = mx.methods.lrp(net, test[:1], rules=only_epsilon)
print(f"A {test_labels[0]}, explained as a {e.target[0]}\n")
print(e.ledger)

# %%
maps.waterfall(e.ledger, "Where the score went: ε rule in every layer")

# %% [markdown]
# The next cell shows the walk itself, in the tape microscope, with the ledger growing as it goes: run it and
# press →.

# %%
e.trace()

# %% [markdown]
# Read the ledger from the top: what came to each operation, what it passed on, what leaked and to whom. The
# last line is the account of the whole walk.
#
# **Answer to prediction 2.** Here it is less, but there is no answer without the ledger. Both kinds of leak
# can have either sign, and a negative one *adds* relevance to the pixels, as at conv3.
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
# **Why by formula?** If a leak is computed as *what came less what was passed on*, the ledger of any program
# balances, however wrong the program is. If it is computed by formula, the ledger balances only if rule and
# formula are both right. So the gap that the ledger prints is a test: it is what the formulas do not explain.
# Here it is rounding.
#
# ## 8.3 Only what speaks for it: z⁺
#
# The z rule explodes because claims of both signs cancel. So let only those claims count that pushed the
# neuron up: $q_{ij}=(x_iw_{ij})^+$, and of the bias its positive part. Then all shares lie between 0 and 1.
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
# z⁺ looks like an ad-hoc repair, but Montavon et al. derive it. Take the relevance of a neuron as a function
# of its inputs, $R_j(x)=c\cdot\max(0,\,w^\top x+b)$, and find a point $\tilde x$ nearby where it just reaches
# zero, a **root**. Between the two the function is linear, so it splits exactly into parts of the inputs:
#
# $$R_j(x)=\sum_i\frac{\partial R_j}{\partial x_i}(x_i-\tilde x_i)=\sum_i c\,w_i\,(x_i-\tilde x_i).$$
#
# Search for the root along a direction $v$, from $x$ to $\tilde x=x-t\,v$. Zero is reached at
# $t=z/w^\top v$, and with that
#
# $$R_i=\frac{w_i v_i}{\sum_{i'}w_{i'}v_{i'}}\,R_j .$$
#
# **The claim is $q_i=w_iv_i$: to choose a rule is to choose a direction in which to look for a root.** It
# should stay where inputs can be:
#
# | inputs | direction $v_i$ | claim $w_iv_i$ | rule |
# |---|---|---|---|
# | any | $w_i$ | $w_i^2$ | w² |
# | after a ReLU, $x\ge0$ | $x_i$ where $w_i>0$, else 0 | $x_iw_i^+$ | z⁺ |
# | pixels, $l\le x\le h$ | $x_i-l$ where $w_i>0$, else $x_i-h$ | $(x_i-l)w_i^++(x_i-h)w_i^-$ | $z^B$ |
#
# Is the root for z⁺ within $x\ge0$? It is if $t\le1$, that is, if $z\le\sum_ix_iw_i^+$. Negative weights only
# help, but a positive bias does not: **deep Taylor needs $b\le0$**. With $b>0$ the root can lie outside, and
# minixai then books a share $b^+$ as a leak.
#
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
# A rule can be chosen layer by layer. The usual advice is ε where the network is nearly linear and the
# classes are told apart (the dense layers), z⁺, γ or αβ in the convolutions, which have too many cancelling
# claims for ε, and $z^B$ or w² at the pixels. Below, a table's name lists its rules from the pixels upwards:
# "zᴮ, γ, ε" has $z^B$ in the first layer, γ in the other convolutions and ε in the dense layer. (Where no
# value is given, ε is tiny and only keeps the denominator from being zero.)
#
# > **Predict 3.** A black pixel, $x_i=0$: under which of the rules can it get relevance? (Go back to the
# > tables of claims in 8.1 and 8.4.)

# %% tags=["thumbnail"]
R = mx.rules
tables = {
    "z": R.composite(conv=R.epsilon(0), dense=R.epsilon(0)),
    "ε = 0.25": only_epsilon,
    "γ, ε": R.composite(conv=R.gamma(0.25), dense=R.epsilon()),
    "z⁺, ε": R.epsilon_plus(),
    "α2β1, ε": R.epsilon_alpha2_beta1(),
    "zᴮ, γ, ε": R.epsilon_gamma_box(0, 1),
    "w², γ, ε": R.composite(first=R.w_square(), conv=R.gamma(0.25), dense=R.epsilon()),
    "z⁺ only": R.composite(conv=R.z_plus(), dense=R.z_plus()),
    "deep Taylor": as_lrp,
}
explained = {name: mx.methods.lrp(net, test[:64], rules=table) for name, table in tables.items()}
black = test[:64] == 0
for name, one in explained.items():
    on_black = (np.abs(one.map) * black).sum((1, 2, 3)) / np.abs(one.map).sum((1, 2, 3))
    print(f"{name:>11}: {on_black.mean():5.1%} of the relevance, by magnitude, lies on black pixels")
maps.beside_images(test[:3, 0], deep_taylor.score, {n: one.map[:, 0] for n, one in explained.items()})

# %% [markdown]
# Red speaks for the class, blue against it; each map has its own scale, the number below it. Same network,
# same digit, same score: nine answers. With z⁺ in all layers there is no blue.
#
# **Answer to prediction 3.** Under those whose claim at the pixels does not have $x_i$ as a factor: $z^B$,
# with which two of these tables begin, and w². To $z^B$ *being black* is a claim, since $x_i-h$ is not zero,
# and w² does not look at the pixel at all. All other rules multiply by $x_i$ and give exactly nothing. So
# whether the bay of a 2 "matters" has been decided before the network is asked.
#
# Try other classes and tables in the next cell. To which table do the classes make the least difference?


# %%
def explain(rules, digit, image):
    """The picture of one digit's map."""
    one = mx.methods.lrp(net, test[image : image + 1], target=digit, rules=tables[rules])
    title = f"{rules}, class {digit}, score {one.score[0]:.1f}".replace("-", "−")
    return maps.one_map(test[image, 0], one.map[0, 0], title)


explain("zᴮ, γ, ε", 7, 0)

# %%
maps.sliders(explain, {"rules": tuple(tables), "digit": range(10), "image": range(20)})

# %% [markdown]
# The same on a photo. SqueezeNet has no dense layer, as its classifier is a convolution, so the rule for
# convolutions goes all the way. For each table the cell also prints how similar the maps of two classes are;
# we shall come back to that.

# %%
try:
    squeezenet, classes = mx.models.squeezenet1_0(weights="imagenet").eval(), mx.data.imagenet_labels()
except WeightsNotFoundError as error:
    squeezenet = None
    print(f"The photo is left out. {error}")
else:
    photo = squeezenet.preprocess(mx.data.photo("chelsea"))
    ranked = np.argsort(-squeezenet.predict(photo)[0])
    best, eighth = ranked[0], ranked[7]
    print(f"the best class is {classes[best]}, the eighth {classes[eighth]}")
    mean = np.array(squeezenet.preprocess.mean, np.float32).reshape(3, 1, 1)

# %%
on_photo, picture = {}, None
if squeezenet:
    convolutions = {"ε": R.epsilon(), "γ": R.gamma(0.25), "α2β1": R.alpha_beta(2, 1), "z⁺": R.z_plus()}
    photo_tables = {name: R.composite(conv=rule) for name, rule in convolutions.items()}
    photo_tables["zᴮ, then γ"] = R.composite(first=R.box(0 - mean, 255 - mean), conv=R.gamma(0.25))
    for name, table in photo_tables.items():
        one, two = (mx.methods.lrp(squeezenet, photo, target=k, rules=table) for k in (best, eighth))
        on_photo[name] = one.map[0].sum(axis=0)
        print(f"{name:>10}: {one.map.sum() / one.score[0]:.1%} of the score arrives at the pixels; "
              f"cosine with the map of the eighth class {cosine(one.map, two.map)[0]:.2f}")  # fmt: skip
    picture = figures.of_a_photo(squeezenet.preprocess.photos(photo)[0], on_photo)
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
        leaked = (ledger.leaks.get(reason, 0 * one.score) for reason in ("bias", "epsilon", "zero"))
        means = [np.mean(part / one.score) for part in (ledger.arrived, *leaked)]
        row = " ".join(f"{mean:{width}.1%}" for mean, width in zip(means, (8, 8, 8, 18), strict=True))
        print(f"{name:>15} {row} {np.abs(ledger.gap).max():8.0e}")
    return {name: np.mean(one.ledger.arrived / one.score) for name, one in explained.items()}


arrived = {"as trained": print_shares(explained)}
weights = net.state_dict()
net.load_state_dict({name: -np.abs(a) if name.endswith("bias") else a for name, a in weights.items()})
some = test[:64][net.predict(test[:64]).max(axis=1) > 0.5]
print(f"\nanother network: every bias b is now −|b| ({len(some)} images with a score above 0.5)")
explained_anew = {name: mx.methods.lrp(net, some, rules=table) for name, table in tables.items()}
arrived["no positive bias"] = print_shares(explained_anew)
net.load_state_dict(weights)

even = np.broadcast_to(deep_taylor.score[:, None, None, None] / test[0].size, deep_taylor.map.shape)
even_share = np.mean(even.sum((1, 2, 3)) / deep_taylor.score)
print(f"\nthe score spread evenly over all pixels: {even_share:.1%} arrives")
figures.arrived(arrived)

# %% [markdown]
# **Answer to prediction 4.** As trained, none of them. With $b\le0$, z⁺ and deep Taylor do, and only these.
#
# - **z⁺** loses only to positive biases, and **$z^B$** and w² to none. With $b\le0$ all of the score arrives,
#   the case that deep Taylor is derived for.
# - **z, ε and γ** let the bias take part with either sign, so $b\le0$ does not help: now the bias adds
#   relevance, and what arrives can be more than the score.
# - **αβ** has another leak. A unit without any negative claim has no one to take the $\beta$ part back from;
#   its denominator is zero, and the ledger lists this under "zero denominators".
# - The **gap** is rounding everywhere: the ledger balances for rules that conserve and for rules that do not.
#
# And what does a sum of 100 % prove? The last line spreads the score evenly over all pixels, without looking
# at the image, and conserves it perfectly. **Conservation is bookkeeping: it says that nothing was lost, not
# that it went to the right place.**
#
# ## 8.7 The map depends on the rules
#
# How similar are the maps of two tables, for the same image and class? A cosine of 1 means the same map up to
# a factor, 0 nothing in common.

# %%
names = list(tables)
alike = np.array([[np.median(cosine(explained[a].map, explained[b].map)) for b in names] for a in names])
figures.similarity(alike, names, len(test[:64]))

# %% [markdown]
# Nothing in LRP says which of them is right. A paper that shows "LRP maps" has chosen a table, often by
# looking at maps.
#
# ## 8.8 Rules without blue forget the class
#
# Explain each digit for all ten classes, right or wrong. (Every walk starts with 1 in place of the score,
# since a negative score would only flip the map.)
#
# > **Predict 5.** For which tables are the maps of two different classes most similar?

# %%
pairs = [(i, j) for i in range(10) for j in range(i)]
between = {}
for name, table in tables.items():
    of_class = [mx.methods.lrp(net, test[:32], target=k, seed="one", rules=table).map for k in range(10)]
    between[name] = np.concatenate([cosine(of_class[i], of_class[j]) for i, j in pairs])
    print(f"{name:>15}: the maps of two classes have a median cosine of {np.median(between[name]):5.2f}")
figures.two_classes(between)

# %% [markdown]
# **Answer to prediction 5.** With z⁺ in every layer the maps of two classes are nearly the same, up to a
# factor. One dense layer with ε at the top tells the classes apart again, as it brings both signs in.
#
# Why? For a given image LRP is a product of matrices, one for each layer, and *only the vector at the very
# top knows the class*. With z⁺ no matrix has a negative entry, and such a product **tends to rank 1**, one
# and the same map whatever goes in, *unless* the columns of its factors stay orthogonal or vanish. (The
# identity has no negative entry, either, and however often you multiply it, nothing converges.) So the sign
# alone does not decide it: what counts is **which inputs a layer mixes**. A dense layer mixes all with all.
# A convolution mixes all channels, but only of neighbouring places.

# %% [markdown]
# We measure both. Our number for rank 1 is $\sigma_2/\sigma_1$, the ratio of the two largest singular values:
# it is 0 for a matrix of rank 1. Left: products of random 50×50 matrices, dense ones and "local" ones, which
# are zero except on the diagonal and next to it. Right: in our network, the maps of single units of relu2, by
# how far apart the two units lie.
#
# > **Predict 6.** Under z⁺, how similar are the maps of two *channels* at the same place? And of two units
# > five places apart?

# %%
rng, ratios = np.random.default_rng(0), {}
local = np.abs(np.subtract.outer(range(50), range(50))) <= 1
for kind, allowed in {"any sign": None, "none negative": True, "none negative, local": local}.items():
    each = np.zeros((20, 12))
    for chain in each:
        product = np.eye(50)
        for depth in range(12):
            factor = rng.normal(size=(50, 50))
            product = product @ (factor if allowed is None else np.maximum(factor, 0) * allowed)
            first, second, *_ = np.linalg.svd(product, compute_uv=False)
            chain[depth] = second / first
    ratios[kind] = each.mean(axis=0)
    print(f"{kind:>20}: σ₂/σ₁ {ratios[kind][0]:.2f} for one matrix, {ratios[kind][-1]:.2g} for twelve "
          "(mean of 20)")  # fmt: skip

# %%
units = rng.permutation(np.argwhere(layers["relu2"][0].value[0] > 0))[:200]  # (channel, row, column)
copies = mx.Tensor(np.repeat(test[:1], len(units), axis=0))
_, traced = net.trace(copies)
start = np.zeros(traced["relu2"][0].shape, np.float32)
start[(np.arange(len(units)), *units.T)] = 1
by_distance = {}
for name in ("z", "z⁺ only"):
    walked = mx.backward(traced["relu2"][0], start, tables[name], wrt=[copies])[copies]
    rows, lengths = walked.reshape(len(units), -1), np.sqrt(np.square(walked).sum(axis=(1, 2, 3)))
    rows, places = rows[lengths > 0] / lengths[lengths > 0, None], units[lengths > 0, 1:]
    apart = np.abs(places[:, None] - places[None]).max(axis=-1)
    pairs_at = np.triu(np.ones(apart.shape, bool), 1)
    by_distance[name] = [np.median((rows @ rows.T)[pairs_at & (apart == d)]) for d in range(6)]
    first, second, *_ = np.linalg.svd(rows, compute_uv=False)
    print(f"{name:>8}: same place {by_distance[name][0]:.2f}, five apart {by_distance[name][5]:.2f}; "
          f"σ₂/σ₁ of the maps of {len(rows)} units {second / first:.2f}")  # fmt: skip
figures.products_and_places(ratios, by_distance)

# %% [markdown]
# **Answer to prediction 6.** Under z⁺ two channels at the same place have nearly the same map: *which* of
# them it was is forgotten after two layers. But *where* it was is not. Units five places apart share no
# pixel, so their maps are orthogonal, and the maps of all units together are far from rank 1
# ($\sigma_2/\sigma_1$ is .97), as are the products of local matrices on the left (.5).
#
# So two classes get the same map to the extent that their relevance lies in the same *places* after the first
# mixing. How far that goes must be measured, layer by layer.
#
# > **Predict 7.** For z⁺, follow the relevance of two classes from the top to the pixels. In which layer do
# > they become alike? And does it go further in SqueezeNet, which is more than four times as deep?


# %%
def on_the_way_down(model, x, wanted, names, table, view=lambda relevance: relevance):
    """The median cosine of the relevance of two of the wanted classes, by layer down to the pixels."""
    leaf = mx.Tensor(x)
    logits, traced = model.trace(leaf)
    points = {name: traced[name][0] for name in names} | {"pixels": leaf}
    walks = []
    for k in wanted:
        start = np.zeros(logits.shape, np.float32)
        start[:, k] = 1
        walks.append(mx.backward(logits, start, table, wrt=points.values()))
    seen = {name: [view(walk[at]) for walk in walks] for name, at in points.items()}
    pairs = [(i, j) for i in range(len(walks)) for j in range(i)]
    return {name: np.median([cosine(each[i], each[j]) for i, j in pairs]) for name, each in seen.items()}


def show(panels):
    """Print what the picture shows."""
    for network_name, by_line in panels.items():
        for name, by_layer in by_line.items():
            numbers = " ".join(f"{value:5.2f}" for value in by_layer.values())
            print(f"{network_name:>30}, {name:>24}: {numbers}")
    return figures.on_the_way_down(panels)


# %%
three = {"z⁺": tables["z⁺ only"], "z⁺, ε in the dense layer": tables["z⁺, ε"], "z": tables["z"]}
asked = {"digits, 10 classes": (net, test[:32], range(10), ("pool3", "pool2", "pool1"))}
tried = {"digits, 10 classes": three}
if squeezenet:
    names = [f"features.{k}" for k in (12, 10, 8, 5, 3, 0)]
    asked["photo in SqueezeNet, 5 classes"] = (squeezenet, photo, ranked[[0, 7, 100, 500, 900]], names)
    tried["photo in SqueezeNet, 5 classes"] = {name: photo_tables[name] for name in ("z⁺", "γ", "ε")}
show({network_name: {name: on_the_way_down(*asked[network_name], table) for name, table in by_table.items()}
      for network_name, by_table in tried.items()})  # fmt: skip

# %% [markdown]
# **Answer to prediction 7.** In the digits network most of it happens in *one* convolution, conv3, between
# pool3 and pool2; later layers add little. **The deeper network ends up lower.** Over five classes spread
# through its ranking the median under z⁺ is .6; the best class and the eighth, two animals, reach .81 under
# z⁺, between .7 and .8 under γ, αβ and $z^B$, and .3 under ε (8.5).
#
# Is it the channels that are forgotten, and the places that are kept? Sum the relevance of each layer over
# its channels, which leaves the places, or over its places, which leaves the channels, and compare the two
# classes again:

# %%
views = {
    "all": lambda relevance: relevance,
    "places (channels summed)": lambda relevance: relevance.sum(axis=1),
    "channels (places summed)": lambda relevance: relevance.sum(axis=(2, 3)),
}
only_z_plus = {network_name: tried[network_name]["z⁺"] for network_name in asked}
show({network_name: {name: on_the_way_down(*asked[network_name], table, view) for name, view in views.items()}
      for network_name, table in only_z_plus.items()})  # fmt: skip

# %% [markdown]
# In both networks the channels of two classes are nearly the same after one or two layers, and from then on
# their relevance is as similar as its *places* are. On the digits' last map of 3×3 the places agree from the
# beginning. In SqueezeNet's 13×13 they do not, and no later layer mixes what is far apart. So it is mixing
# that makes maps collapse here, not depth.
#
# Sixt et al. (2020) found the convergence for nearly all methods that change the backward pass, in the
# networks that they tried. Whether it holds for yours depends on what its layers mix, so measure it, layer by
# layer.
#
# Having ε at the top, which tells the classes apart, has its price: in that layer shares can grow without
# limit, as in 8.1.

# %% [markdown]
# ## 8.9 Judge a map
#
# ### Exercise 8.4 — three sentences
# *Difficulty 3/5 · importance 5/5 · at most 15 minutes*
#
# A paper shows the photo's map under z⁺ (8.5) and writes: "*All relevance is positive and lies on eyes, nose
# and whiskers. As 99.0 % of the score is recovered at the pixels, the explanation is faithful: the network
# recognises the cat by its face.*"
#
# Write three sentences for the authors, each with a number or a picture of this lesson in it:
#
# 1. What does the 99.0 % show, and what does it not show?
# 2. Which part of the map's appearance was decided by the choice of rules, before the network was asked?
# 3. Which control does the claim need, and what does it say here?
#
# <details><summary>Hint</summary>
#
# 1: the last printed line of 8.6. 2: which of the nine tables of 8.5 can show blue at all? 3: what should
# change if the map were about *this* class?
#
# </details>
# <details><summary>Model answer</summary>
#
# 1. That 99.0 % of the score arrives shows that little went to biases, but as a score that is spread evenly
#    over all pixels arrives in full, 100.0 %, it does not show that any of it went to the right place.
# 2. That everything is positive follows from z⁺, which cannot produce a negative share, whatever the network:
#    under ε the same score is carried by red and blue alike.
# 3. The maps of other classes are needed beside it; that of Chihuahua, the eighth, has a cosine of .81 with
#    the cat's, and even over classes spread through the whole ranking the median is .6 (8.8), so most of what
#    the map shows is not about the cat, and only the differences could be.
#
# Give yourself a point for each sentence that a reader could *check*. "The map may be misleading" is not one.
#
# </details>
#
# Your sentences:
#
# 1. …
# 2. …
# 3. …

# %% [markdown]
# ## 8.10 What else it cannot say
#
# LRP shares out the score that there is. It does not say what would happen if a pixel changed (that is
# *function*), and a pixel with a large share is not for that reason a pixel that carries signal: the z rule
# gives $x_iw_i$ to a distractor as well (lesson 5).
#
# **Open question.** The ledgers of all nine tables balance, and yet their maps differ. Which measurement
# would make you prefer one, without a look at the maps? Lesson 12 tries one, degradation. What could it miss?
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
