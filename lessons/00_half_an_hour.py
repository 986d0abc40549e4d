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
# # 0 · Half an hour: one idea from end to end
#
# A network calls a photo a cat. What in the photo made it say so? There are dozens of methods that answer,
# and they disagree. Most of them are one idea with one line changed: walk back through what the network
# computed, and decide at each step what to pass on.
#
# **You will do:** see a weight vector point away from the signal it reads; explain a photo by changing one
# rule; check a sum; mark maps where the right answer is known.
#
# **You will learn:** why a map needs a control before it may be believed, and which lesson goes deeper.
#
# **You need:** NumPy, and an idea of what a gradient is.
#
# **Time:** 30 minutes, of which the cells run about 10 seconds. Nothing is fetched: the photo is
# scikit-image's cat, and the network comes with minixai. Code BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
from figures import projected  # needs lessons/figures/ beside this notebook
from figures.half_an_hour import cloud, marked

import minixai as mx
from minixai.evaluate import marks

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 0.1 The weights are not the signal
#
# Two numbers are measured, $x=(x_1,x_2)$. We want $y$, which is in $x_1$ only. Something else, $\epsilon$,
# gets into both:
#
# $$x=(1,0)\,y+(1,1)\,\epsilon .$$
#
# The first term is the **signal**, the second the **distractor**. A linear model $w^\top x$ learns to read
# $y$ from 2 000 points.
#
# > **Predict 1.** There is no trace of $y$ in $x_2$. What weight will it get?

# %%
toy = mx.data.toy(n=2000, seed=0)
w, _ = mx.signal.ridge(toy.x, toy.y)
y_centred = toy.y - toy.y.mean()
a = (toy.x * y_centred[:, None]).mean(axis=0) / toy.y.var()
cloud(toy.x, toy.y, {"signal": toy.a_s, "distractor": toy.a_d, "filter w": w, "pattern a": a},
      "what a model reads, and how it reads it")  # fmt: skip

# %% [markdown]
# **Answer to prediction 1.** It gets −1, as large as the weight of $x_1$, for that is how the model gets rid
# of $\epsilon$. So it is the distractor that turns the **filter**, as we call the weights $w$. They say how
# to read $y$, not where $y$ is.
#
# What varies *together* with the output is something else. The **pattern**
# $a=\mathrm{cov}[x,y]/\mathrm{var}[y]$ points along the signal. Hold on to that pair of words.
# [Lesson 5](05_signal_and_distractor.ipynb) turns the distractor by hand, and shows when the pattern fails.
#
# ## 0.2 One walk, several rules
#
# A network is many such filters in a row. As it computes, minixai keeps a *tape* of what was done. The
# gradient walks that tape back: every operation is handed how much the score changes with its output (the
# *cotangent*) and answers how much it changes with its input.
#
# A table of rules gives some operations another answer. That is all that most methods are. The walk back
# through a network, with such a table or without, is called *backprop* (backpropagation).
#
# ### Exercise 0.1 — guided backprop
# *Difficulty 1/5 · importance 5/5 · at most 5 minutes*
#
# Write the rule of guided backprop for a ReLU: pass the cotangent `g` on where it is positive **and** where
# the ReLU's input was positive; 0 elsewhere. `x` and `g` are arrays of one shape. Worked example:
# `x = [1, -1, 2]` and `g = [3, 4, -5]` give `[3, 0, 0]`.
#
# <details><summary>Solution</summary>
#
# ```python
# def guided(g, x):
#     return g * (x > 0) * (g > 0)
# ```
#
# </details>


# %%
def guided(g, x):
    """What a ReLU with the input x passes on of the cotangent g."""
    return g * (x > 0)  # the gradient: one factor is missing


right = np.array_equal(guided(np.array([3.0, 4, -5]), np.array([1.0, -1, 2])), [3.0, 0, 0])
print("right" if right else "not yet: the third answer should be 0, for its cotangent is negative")

# %% [markdown]
# The next cell puts that rule into a table, walks back from the photo's class to its pixels, and compares the
# result with minixai's own `guided_backprop`. In the table a rule is given the cotangent `g` and the tape's
# record of the operation, its *node*; `node.arrays[0]` is the input of the ReLU. (The rule is written out
# once more, so the cell runs even if yours is not finished.)
#
# The network sorts photos of 32×32 pixels into ten classes, those of the data set CIFAR-10. It returns one
# number per class, the **logit** or *score*, and the largest one decides.

# %%
net = mx.models.pretrained("cifar10_maxpool")
x = net.preprocess([mx.data.photo("chelsea")[60:280, 100:320]])
leaf = mx.Tensor(x)
logits = net(leaf)
top = int(logits.value.argmax())
start = np.zeros_like(logits.value)
start[0, top] = 1
table = {mx.ops.relu: lambda g, node: (g * (node.arrays[0] > 0) * (g > 0),)}
by_hand = mx.backward(logits, start, table, wrt=[leaf])[leaf]

methods = mx.methods
both = methods.guided_backprop(net, x)
print(f"the class is {net.classes[top]}; by hand the same: {np.allclose(by_hand, both.map, atol=1e-6)}")

# %% [markdown]
# A **map** holds one number for each number of the image, and is the answer of a method to the question *why
# this class?* The next cell draws the maps of four methods. You know the gradient and guided backprop; LRP
# (section 0.3) and PatternAttribution (patterns in place of filters, lesson 12) are two more tables of rules.
# The small word below each name says what kind of answer it is; lesson 5 explains the three kinds.
#
# > **Predict 2.** The upper row is for the class *cat*, the lower one for *ship*, with the same photo. Which
# > methods will notice that the question has changed?

# %% tags=["thumbnail"]
other = net.classes.index("ship")
explained = []
for target in (top, other):
    explained += [
        methods.gradient(net, x, target),
        methods.guided_backprop(net, x, target),
        methods.lrp(net, x, target),
        methods.pattern_attribution(net, x, target, kind="linear"),
    ]
projected(methods.side_by_side(explained, percentile=99.5, classes=net.classes))


# %%
def cosine(e, f):
    """The cosine between two maps."""
    e, f = np.asarray(e).ravel(), np.asarray(f).ravel()
    return e @ f / np.sqrt((e @ e) * (f @ f))


for cat, ship in zip(explained[:4], explained[4:], strict=True):
    noise = methods.random_map(net, x)
    print(f"{cat.method:>20}  cat and ship {cosine(cat, ship):5.2f}, cat and noise {cosine(cat, noise):5.2f}")

# %% [markdown]
# **Answer to prediction 2.** Read the second column first. It is the **control**: it shows which cosine to
# expect of maps that have nothing in common. By that measure only the gradient notices: its cosine, −.2, says
# that what would raise *cat* would rather lower *ship*. The other three, with .7 to .8, draw much the same
# picture for both classes, however much that picture looks like a cat. They tell you where the network found
# something, and hardly why it said *cat*. [Lesson 7](07_allcnn_and_guided_backprop.ipynb) follows this up for
# guided backprop, and [lesson 12](12_patternnet_and_patternattribution.ipynb) for the patterns.
#
# ## 0.3 A sum that must come out
#
# Layer-wise relevance propagation (LRP) shares the score out among the pixels, layer by layer. So one can
# keep a **ledger**: how much left a layer, how much arrived at the one before it, and where the rest went.
# What is shared out is called **relevance**. In the picture it starts with the score at the top and ends at
# the pixels at the bottom.

# %%
e = methods.lrp(net, x)
score, arrived, (gap,) = e.score[0], e.ledger.arrived[0], np.abs(e.ledger.gap)
print(f"score {score:.3f}, arrived at the pixels {arrived:.3f}, what the ledger cannot explain {gap:.0e}")
projected(e.ledger.plot())

# %% [markdown]
# More than half of the score never reaches the pixels: the layers' biases have helped to make it, and they
# take their share. Each bar is computed by a formula of its own, not as what happens to be missing, and what
# is then left unexplained is rounding. That is bookkeeping, not truth: a rule that hands all the relevance to
# the first pixel balances just as well. [Lesson 8](08_lrp_and_deep_taylor.ipynb) derives the rules, and says
# what their sums prove.
#
# ## 0.4 Where the right answer is known
#
# Is a map *right*? For a photo nobody knows. So we build images for which we do: of their 8×8 pixels some
# carry the class (**truth**), and all carry noise. A distractor covers some pixels of the truth and others
# beside it; the others, which carry nothing of the class, are the **suppressor**. A linear classifier learns
# to tell two classes apart.
#
# We compare the weights themselves (of a linear model they are the gradient), LRP, PatternNet, which answers
# with patterns in place of weights, and a random map as the control.
#
# > **Predict 3.** The weights are all there is to this model. Will they be large on the truth, on the
# > suppressor, or on both?

# %%
planted = mx.data.suppressor_8x8(4000, seed=0)
scaled = (planted.x / planted.x.std()).astype(np.float32)
train, test = slice(0, 3000), slice(3000, None)
rng = np.random.default_rng(0)
reader = mx.nn.Sequential(mx.nn.Flatten(), mx.nn.Linear(64, 2, rng=rng))
adam = mx.nn.Adam(reader.parameters(), lr=1e-2)
(*_, last) = mx.nn.fit(reader, scaled[train], planted.y[train], epochs=40, batch_size=64, optimiser=adam,
                       validation=(scaled[test], planted.y[test]), progress=False)  # fmt: skip
fitted = mx.signal.fit_patterns(reader, [scaled[train]], kinds=("linear",), progress=False)
print(f"accuracy on new images: {last.validation_accuracy:.1%}")

# %%
images, truth, ones = scaled[test], planted.truth[test], np.ones(1000, int)
answers = {
    "filter (gradient)": methods.gradient(reader, images, ones),
    "LRP": methods.lrp(reader, images, ones),
    "PatternNet": methods.pattern_net(reader, images, ones, patterns=fitted, kind="linear"),
    "random map": methods.random_map(reader, images, ones),
}
lines = {"what is right": "red: truth\nblue: suppressor"}
print("mean strength of the map, the largest of the three = 1")
for name, e in answers.items():
    strength = [np.abs(e.map)[truth == k].mean() for k in (1, -1, 0)]
    of_truth, of_suppressor, of_rest = strength / max(strength)
    print(f"{name:>17}: truth {of_truth:.2f}, suppressor {of_suppressor:.2f}, else {of_rest:.2f}")
    lines[name] = f"ROC AUC {marks.roc_auc(e.map, truth).mean():.2f}"
marked({"what is right": truth[0, 0]} | {name: e.map[0, 0] for name, e in answers.items()}, lines)

# %% [markdown]
# **Answer to prediction 3.** The filter is as strong on the suppressor as on the truth: it needs both to
# read the class, as in 0.1. LRP multiplies it by the pixels and inherits that. The pattern is strong where
# something varies with the class, and weak everywhere else. (ROC AUC: the probability that a pixel of the
# truth is marked more strongly than another. ½ is chance, which the random map has to get, and gets.)
#
# This problem was made to tell filter and pattern apart. On others the order is a different one: the
# [bench](../README.md#which-explanation-is-right) has thirteen, with small networks, and the pattern methods
# do not win all of them.
#
# ## 0.5 Where it fails
#
# - **A map that looks right is no evidence.** You have seen maps of a cat that change little for *ship*.
# - **A sum that comes out is no evidence,** either; it says that the bookkeeping is right.
# - **A planted truth is evidence for that problem.** What it says of photos is a guess.
# - **One unit's pattern is a theorem, a network of them is an analogy.** See lesson 12's last section.
#
# **Open question.** Suppose a method gets full marks on every planted problem you can think of. What would
# you still not know about its maps of your own network?
#
# ## References
# - P.-J. Kindermans, K. T. Schütt, M. Alber, K.-R. Müller, D. Erhan, B. Kim, S. Dähne: *Learning how to
#   explain neural networks: PatternNet and PatternAttribution*, ICLR 2018,
#   [arXiv 1705.05598](https://arxiv.org/abs/1705.05598).
# - R. Wilming, C. Budding, K.-R. Müller, S. Haufe: *Scrutinizing XAI using linear ground-truth data with
#   suppressor variables*, Machine Learning, 2022, [arXiv 2111.07473](https://arxiv.org/abs/2111.07473).
