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
# # 14 · Inputs that excite, and looking at activations
#
# Which input does a unit like best? Follow the gradient of its score, but change the *input* and leave the
# weights alone. This lesson makes such pictures, and asks what they show. Then it looks at a layer from the
# other side: which images does it find alike?
#
# **You will do:** climb by hand on a linear unit; put a prior on the input; make class models and test them;
# follow a score along its flattest and steepest directions; compute PCA; watch t-SNE invent clusters; find
# the spurious part of an optimised input.
#
# **You will learn:** that the best input of a linear unit is its filter, not its pattern, and that the prior
# decides between the two; why a high score and a clear picture are at odds; what a Hessian says, and how far
# it holds; what the distances in an embedding do not mean.
#
# **You need:** lesson 5 (filter and pattern) and lesson 1 (the gradient); singular values.
#
# **Time:** 90 minutes, of which the cells run about half a minute. Everything works offline, on
# scikit-learn's digits, minixai's own networks, and a few photos. Where CIFAR-10's test images are in
# `MINIXAI_DATA` (`cifar10-jpeg.zip`, 52 MB), three cells use them, too. Code BSD-3-Clause, text CC BY 4.0.

# %%
import numpy as np
from figures import inputs_that_excite as figures  # needs lessons/figures/ beside this notebook
from figures.digits import digits, network
from figures.maps import sliders
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score, silhouette_score

import minixai as mx
from minixai.checks import exciting as checks
from minixai.checks import tell
from minixai.data import toy
from minixai.errors import WeightsNotFoundError

np.set_printoptions(precision=2, suppress=True)
maximise = mx.methods.maximise


def cosine(a, b):
    return float(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))


# %% [markdown]
# ## 14.1 One linear unit
#
# The unit computes $y=w^\top x$. Without a limit the best input is infinitely long, so let us compare inputs
# of one length, $\|x\|=r$. For these $w^\top x\le\|w\|\,r$ (Cauchy and Schwarz), with equality only at
#
# $$x^*=r\,\frac{w}{\|w\|}.$$
#
# **The input that excites a linear unit most is its filter.** The gradient of $y$ is $w$ everywhere, and a
# climb needs nothing else: take a step along $w$, go back to the sphere, repeat.
#
# ### Exercise 14.1 — climb
# *Difficulty 1/5 · importance 5/5 · at most 10 minutes*
#
# Write `climb(w, x, rate, steps)`: float64 `w` (d,), the start `x` (d,), a number and an int; the result
# float64 (d,). Each step adds rate times the gradient, and then gives the result the length that the start
# had. Worked example: `w = [3, 4]`, `x = [5, 0]`, rate 1, one step. $x+w=(8,4)$ has length $\sqrt{80}$, so
# the result is $(8,4)\cdot5/\sqrt{80}=(4.47,2.24)$.
#
# <details><summary>Hint</summary>
#
# Take the length of the start before the loop. `x = x + …` makes a new array, `x += …` would change the one
# that you were given.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def climb(w, x, rate, steps):
#     r = np.linalg.norm(x)
#     for _ in range(steps):
#         x = x + rate * w
#         x = x * r / np.linalg.norm(x)
#     return x
# ```
#
# </details>


# %%
def climb(w, x, rate, steps):
    """x (d,) after so many steps along the gradient of w·x, on the sphere of the start's length."""
    return None  # your lines


tell(checks.check_climb, climb)

# %% [markdown]
# **Checkpoint.** From here on we use solutions of our own, so you can carry on whatever you wrote.
#
# Now the toy of lesson 5: $x=a_s\,y+a_d\,\epsilon$, signal $a_s=(1,0)$, distractor $a_d=(1,1)$, filter
# $w=(1,-1)$. The pattern is $a=(1,0)$. We climb among inputs of the length for which the end has $y=0.8$.
#
# > **Predict 1.** Where does the climb end? Then take all *data* whose output is 0.8, too. Where is their
# > mean?


# %%
def reference_climb(w, x, rate, steps):
    r = np.linalg.norm(x)
    for _ in range(steps):
        x = x + rate * w
        x = x * r / np.linalg.norm(x)
    return x


tell(checks.check_climb, reference_climb)
w, sample = np.array([1.0, -1.0]), toy(20_000, seed=0)
y = sample.x @ w
r = 0.8 / np.linalg.norm(w)
start = r * np.array([-0.6, -0.8])
path = np.array([reference_climb(w, start, 0.15, steps) for steps in range(25)])
covariance = np.cov(sample.x.T)
pattern = covariance @ w / (w @ covariance @ w)  # cov[x, y] / var[y]
near = np.abs(y - 0.8) < 0.05
print(f"end of the climb {path[-1]}, output {path[-1] @ w:.3f}")
print(f"mean of {near.sum()} data with an output of 0.8 ± 0.05: {sample.x[near].mean(axis=0)}")
print(f"pattern by lesson 5: {pattern}; cosine of filter and pattern {cosine(w, pattern):.2f}")
figures.linear_unit(sample.x, y, path, 0.8, {"filter $w$": w / 2, "pattern $a$": pattern})

# %% [markdown]
# **Answer to prediction 1.** The climb ends at $(0.4,-0.4)$, along the filter. The data with that output lie
# around $0.8\,a=(0.8,0)$. Write the end of the climb as signal and distractor:
# $(0.4,-0.4)=0.8\,a_s-0.4\,a_d$. It has a share of *distractor*, chosen because that shortens the vector
# and costs no output. In the data the distractor is independent of $y$. So even here, where nothing is
# nonlinear, the optimised input is a possible input, but not a typical one of that output.
#
# ## 14.2 A prior
#
# One can ask for more: $x^*=\arg\max_x\,w^\top x-h(x)$, where the penalty $h$ says which inputs are unlikely.
# Let it be quadratic, $h(x)=\tfrac12x^\top Mx$. Then $w=Mx^*$ and $x^*=M^{-1}w$. In the table
# $\Sigma=\mathrm{cov}[x]$, and $B_sx$ is what a blur takes away from the image at scale $s$, the difference
# in the formula below the table.
#
# | prior | $M$ | $x^*$ |
# |---|---|---|
# | short inputs (L2) | $I$ | $w$: the filter |
# | like the data | $\Sigma^{-1}$ | $\Sigma w=\mathrm{cov}[x,y]$: **the pattern**, but for its length |
# | smooth inputs | $2\sum_s B_s^\top B_s$ | something else |
# | smooth and short | $2\sum_s B_s^\top B_s+I$ | between the two |
#
# **The prior decides what one sees, and the right one turns the filter into the pattern.** For images nobody
# has it. Fleuret (lecture 9.4) penalises what a blur takes away, at all scales:
#
# $$h(x)=\sum_{s\ge0}\|\delta^s(x)-g*\delta^s(x)\|^2,$$
#
# $g$ a 5×5 Gaussian, and $\delta^s$ means that 2×2 pixels are replaced by their mean, $s$ times, as long as
# the image has more than 5 pixels a side. It spares large shapes.

# %% [markdown]
# ### Exercise 14.2 — the edge penalty
# *Difficulty 2/5 · importance 3/5 · at most 10 minutes*
#
# Write `edges(x, blur, half)` for one image `x`, float64 (h, w); `blur(x)` is $g*x$ and `half(x)` is
# $\delta(x)$; the result a number. Worked example, 7×7 pixels, one of them 1 and the rest 0. Its blur is the
# Gaussian itself, with $0.162$ at the middle and squares that add up to $0.083$. So
# $\|x-g*x\|^2=1-2\cdot0.162+0.083=0.758$. `half(x)` has 4×4 pixels (the last row and column stand alone),
# which is not more than 5, so $h=0.758$.
#
# <details><summary>Hint</summary>
#
# `while min(x.shape) > 5:`, and the image of the next turn is `half(x)`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def edges(x, blur, half):
#     total = 0.0
#     while min(x.shape) > 5:
#         total += np.sum((x - blur(x)) ** 2)
#         x = half(x)
#     return total
# ```
#
# </details>


# %%
def edges(x, blur, half):
    """Σ over scales of ‖x − blur(x)‖², of an image x (h, w), while it has more than 5 pixels a side."""
    return None  # your lines


tell(checks.check_edges, edges)

# %% [markdown]
# Blur and halving are matrices, applied to rows and columns. So we can build $M$ and solve for $x^*$.
#
# First the penalty of three images of 24×24 pixels, of equal norm: a disc, stripes, a chessboard. It should
# be larger from one to the next. Then a *linear* classifier of the digits: a score for each class,
# $y_k=w_k^\top x$, less the mean over the classes. Nothing has to be climbed, the formula gives all four
# answers. We compare them with something that none of them was made from: how the mean of a class differs
# from the mean of all, on images that were not trained on.
#
# > **Predict 2.** Which is nearer to that difference of means, the bare filter or the smooth input?


# %%
def blur_matrix(n):
    distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.exp(-(distance**2) / 2) * (distance <= 2) / (1 + 2 * np.exp(-0.5) + 2 * np.exp(-2))


def half_matrix(n):
    return np.kron(np.eye(n // 2), [0.5, 0.5])


def reference_edges(x, blur, half):
    total = 0.0
    while min(x.shape) > 5:
        total += np.sum((x - blur(x)) ** 2)
        x = half(x)
    return total


def blur(x):
    return blur_matrix(len(x)) @ x @ blur_matrix(len(x)).T


def half(x):
    return half_matrix(len(x)) @ x @ half_matrix(len(x)).T


# %%
tell(checks.check_edges, reference_edges)
column, row = np.meshgrid(np.arange(24), np.arange(24))
drawn = {"a disc": (row - 11.5) ** 2 + (column - 11.5) ** 2 < 36, "stripes, 4 wide": column // 4 % 2,
         "a chessboard": (row + column) % 2}  # fmt: skip
for name, image in drawn.items():
    print(f"{name:>16}: h = {reference_edges(image / np.linalg.norm(image), blur, half):.3f}")

images, labels = digits()  # (1797, 1, 24, 24), values 0 to 1
linear = mx.nn.Sequential({"flatten": mx.nn.Flatten(),
                           "dense": mx.nn.Linear(576, 10, rng=np.random.default_rng(0))})  # fmt: skip
optimiser = mx.nn.Adam(linear.parameters(), lr=2e-3)
(*_, last) = mx.nn.fit(linear, images[:1400], labels[:1400], epochs=8, batch_size=32, optimiser=optimiser,
                       validation=(images[1400:], labels[1400:]), progress=False)  # fmt: skip
print(f"linear classifier: {last.validation_accuracy:.1%} of {len(images) - 1400} digits are right")

# %% tags=["thumbnail"]
w = linear.state_dict()["dense.weight"].astype(np.float64)
w -= w.mean(axis=0)
flat, held_out = images[:1400].reshape(1400, -1).astype(np.float64), images[1400:].reshape(-1, 576)
M, shrink = np.zeros((576, 576)), np.eye(576)
for n in (24, 12, 6):
    B = (np.eye(n * n) - np.kron(blur_matrix(n), blur_matrix(n))) @ shrink
    M += 2 * B.T @ B
    shrink = np.kron(half_matrix(n), half_matrix(n)) @ shrink
answers = {"L2:\nfilter": w, "smooth": np.linalg.solve(M, w.T).T,
           "smooth\n+ L2": np.linalg.solve(M + np.eye(576), w.T).T,
           "data:\npattern": w @ np.cov(flat.T)}  # fmt: skip
shown = [0, 2, 3, 7]
difference = [held_out[labels[1400:] == k].mean(axis=0) - held_out.mean(axis=0) for k in range(10)]
beside = {name: [cosine(each[k], difference[k]) for k in range(10)] for name, each in answers.items()}
for name, values in beside.items():
    elsewhere = [cosine(answers[name][k], difference[k - j]) for k in range(10) for j in range(1, 10)]
    print(f"{' '.join(name.split()):>14}: cosine {np.median(values):.2f}, median of ten classes ("
          f"{min(values):.2f} to {max(values):.2f}); another class's {np.median(elsewhere):.2f}")  # fmt: skip
signals = {name: each[shown].reshape(-1, 24, 24) for name, each in answers.items()}
figures.under_priors(signals, [str(k) for k in shown], beside)

# %% [markdown]
# **Answer to prediction 2.** The pattern is nearest. The smooth input is *further* than the bare filter,
# though it is the nicer picture. Mixed with L2, smoothness helps a little. (Control: with the difference of
# another class all are near 0.) Smooth is not the same as like the data. **That a prior makes a picture
# easier to look at does not make it truer.**
#
# ## 14.3 Class models
#
# In a network the gradient changes from place to place, so we must climb. `mx.methods.maximise` does it by
# Adam (lesson 3), from faint noise, within the range of photos. Its result for a class is a **class model**.
# The network is All-CNN of lesson 7 (CIFAR-10, 32×32 pixels, half as wide as the paper's); the scores are
# those of *cat* and *ship*. Four ways: without a penalty and without jitter; without a penalty, with jitter
# (each step first moves the image by up to two pixels); with jitter and a weak, or a strong edge penalty.
# Three seeds each: other noise to begin with.
#
# > **Predict 3.** Which way gives the highest score? In which does one see most? How similar are the inputs
# > of two seeds?

# %%
net, twin = (mx.models.pretrained(f"cifar10_{name}").eval() for name in ("allcnn", "maxpool"))
CAT, SHIP = 3, 8
targets = np.repeat([CAT, SHIP], 3)
names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
photos = net.preprocess([mx.data.photo(name) for name in names])
ways = {
    "nothing": {"penalty": None, "jitter": 0},
    "jitter": {"penalty": None},
    "jitter,\nweak edges": {"weight": 0.02},
    "jitter,\nstrong edges": {"weight": 1.0},
}
grown = {
    way: maximise(net, target=targets, steps=60, others=photos, progress=False, **settings)
    for way, settings in ways.items()
}
e, unit = grown["jitter,\nweak edges"], 1 / np.array(net.preprocess.std) / 4  # a quarter of the range
h = sum(reference_edges(channel / u, blur, half) for channel, u in zip(e.x[0], unit, strict=True))
print(f"penalty of the first input, by hand {0.02 * h:.4f}, by minixai {e.penalty[0]:.4f}")

# %%
figures.class_models({way: (e.images()[-1], e.score) for way, e in grown.items()}, ("cat", "ship"))


# %%
def pairs(rows):
    """The correlations of two seeds of a class, and of two classes, for rows (6, …): cats, then ships."""
    table = np.corrcoef(rows.reshape(6, -1))
    same = [part[np.triu_indices(3, 1)] for part in (table[:3, :3], table[3:, 3:])]
    return np.concatenate(same), table[:3, 3:]


scores = {way: (e.score, e.noise) for way, e in grown.items()}
alike = {way: pairs(e.x) for way, e in grown.items()}
for way, e in grown.items():
    seeds, classes = alike[way]
    agrees = np.sum(twin.predict(e.x).argmax(axis=1) == targets)
    print(f"{' '.join(way.split()):>20}: score {e.score.min():.1f} to {e.score.max():.1f}, noise to "
          f"{e.noise.max():.1f}; two seeds {seeds.min():.2f} to {seeds.max():.2f}, two classes "
          f"{classes.min():.2f} to {classes.max():.2f}; the other network agrees on {agrees}/6")  # fmt: skip


# %%
best = net.predict(photos).max()
print(f"best of six photos, the cat as a cat: {best:.1f}")
try:
    tests, test_classes = mx.data.cifar10("test")
    some = np.random.default_rng(0).permutation(len(tests))[:400]
    tests, test_classes = net.preprocess(tests[some].transpose(0, 2, 3, 1)), test_classes[some]
    reached = net.predict(tests)[np.arange(400), test_classes]
    middle, most = np.median(reached), reached.max()
    print(f"400 test images, score of their own class: median {middle:.1f}, at most {most:.1f}")
except WeightsNotFoundError:
    tests = None
    print("CIFAR-10's test images are not there: photos alone")
figures.scores_and_seeds(scores, alike, best)

# %% [markdown]
# **Answer to prediction 3.** (Pictures in raised contrast. Each dot is one input or one pair, nothing is
# averaged.)
#
# - **Scores.** Noise of the same norm scores little, so it is not size that excites. Without the strong
#   penalty the scores are more than twice those of photos; under it they are no higher than photos'.
# - **What one sees.** It does not follow the score. The highest scores have the most fine stripes and the
#   least to see. With the weak penalty the faces are plainest, at scores as high as with jitter alone. With
#   the strong penalty one blob is left, and who would call it a cat?
# - **Two seeds.** Without a penalty their correlation is .1 to .2, though they excite alike: the faces are in
#   other places. Such an input is *an* answer, not *the* answer, and none of its pixels must be as it is. The
#   strong penalty makes the seeds similar, since it leaves few directions to be different in.
# - **Two classes** correlate less, near 0 or below. So the inputs are about their class.
# - **The other network**, with weights of its own, agrees. So they are no accident of one set of weights. But
#   both learned from the same images, and may have learned the same shortcuts.

# %% [markdown]
# Climb yourself in the cells below. From which weight of the penalty on do you see the class without being
# told? What does more jitter change? And does another seed put things elsewhere?


# %%
def climbing(category, weight, jitter, seed):
    """Five frames of a climb to a class of All-CNN, with the scores and what the other network says."""
    e = maximise(net, target=[net.classes.index(category)], weight=weight, jitter=jitter, seed=seed,
                 steps=60, progress=False)  # fmt: skip
    kept = [int(np.argmin(np.abs(e.steps - step))) for step in (0, 5, 15, 30, 60)]
    scores_then = net.predict(e.frames[kept, 0])[:, e.target[0]]
    below = [f"score {score:.1f}" for score in scores_then]
    below[-1] += f"\nother network: {twin.classes[int(twin.predict(e.x)[0].argmax())]}"
    return figures.in_a_row({f"step {e.steps[k]}": e.images()[k, 0] for k in kept}, below)


climbing("horse", 0.02, 2, 0)

# %%
sliders(climbing, {"category": net.classes, "weight": (0.02, 0.1, 0.3, 1.0, 0.0), "jitter": (2, 0, 1, 5),
                   "seed": range(3)})  # fmt: skip

# %% [markdown]
# ## 14.4 Jitter, and is it adversarial?
#
# Jitter is a prior, too: it asks for an input whose score does not hang on the exact place. A test is to move
# the finished inputs, what goes out on one side coming in on the other.
#
# > **Predict 4.** All-CNN halves the image by convolutions of stride 2. What happens to the scores of the
# > inputs without jitter when they move by one pixel? And to a photo's?


# %%
def moved_scores(x, classes):
    """The mean score of x (n, …) moved by 0 to 6 pixels, over four directions."""
    values = []
    for by in range(7):
        moves = [np.roll(x, move, (2, 3)) for move in ((by, 0), (-by, 0), (0, by), (0, -by))]
        values.append(np.mean([net.predict(each)[np.arange(len(x)), classes].mean() for each in moves]))
    return np.array(values)


more = maximise(net, target=targets, steps=60, penalty=None, jitter=5, progress=False).x
finished = {"no jitter": grown["nothing"].x, "jitter up to 2": grown["jitter"].x, "jitter up to 5": more}
curves = {name: moved_scores(x, targets) for name, x in finished.items()}
curves["photo of a cat"] = moved_scores(photos[:1], [CAT])
if tests is not None:
    curves["40 test images"] = moved_scores(tests[:40], test_classes[:40])
for name, values in curves.items():
    print(f"{name:>15}: {values}")
figures.over_shifts(range(7), curves)

# %% [markdown]
# **Answer to prediction 4.** One pixel costs the inputs without jitter a quarter of their score: part of it
# lay in the exact place. After four pixels some of it returns, as two strides of 2 make a grid of 4. With
# jitter of two pixels the score holds for two, and falls beyond. With five it holds further, and begins
# lower. Each gets what it was asked for, and no more. Photos lose less than a tenth over all six pixels.
#
# Inputs that excite and look like nothing: are they *adversarial examples*? These are inputs in which a
# person sees one thing, and the network another, because little was changed. So start from the photo of the
# cat, and climb for *ship*, with nothing to keep the climb in order, for three steps and for ten.
#
# > **Predict 5.** What will the *other* network say to the two results?

# %%
cat = photos[:1]
freely = {"target": [SHIP], "start": cat, "penalty": None, "jitter": 0, "progress": False}
attacks = {steps: maximise(net, steps=steps, **freely).x for steps in (3, 10)}
change = attacks[3] - cat
noise = np.random.default_rng(0).normal(size=(50, *change.shape[1:]))
noise *= np.linalg.norm(change) / np.sqrt(np.sum(noise**2, axis=(1, 2, 3), keepdims=True))
noisy = (cat + noise).astype(np.float32)
levels = 255 * np.abs(change * np.reshape(net.preprocess.std, (3, 1, 1))).max()
share = np.linalg.norm(change) / np.linalg.norm(cat)
print(f"three steps change {share:.0%} of the photo's norm, a pixel by at most {levels:.0f} of 255 levels")
inputs = {"photo": cat, "3 steps": attacks[3], "photo + noise as large": noisy, "10 steps": attacks[10]}
below = []
for name, x in inputs.items():
    by_net, by_twin = (model.predict(x).mean(axis=0)[[CAT, SHIP]] for model in (net, twin))
    print(f"{name:>23}: cat, ship {by_net}; the other network {by_twin}")
    below.append("cat {:.1f}, ship {:.1f}\nother network: {:.1f}, {:.1f}".format(*by_net, *by_twin))
figures.in_a_row({name: net.preprocess.photos(x[:1])[0] for name, x in inputs.items()}, below)

# %% [markdown]
# **Answer to prediction 5.** After three steps this *is* adversarial: we see a cat, All-CNN a ship. Noise as
# large costs the cat some score and gives the ship none, and the other network stays with the cat. After ten
# steps it, too, says ship, while we see a cat, a little stained.
#
# It was the same climb as in 14.3. There nothing else was in the image, and it went on for sixty steps. So
# *adversarial* is no property of the method: it is a relation between a change, a person, and a network. But
# a climb takes every direction that raises the score, these among them. That is what priors try to keep
# out, and agreement of a second network does not prove that they did: it agreed here as well.

# %% [markdown]
# ## 14.5 What the unit does not mind
#
# An optimum has a neighbourhood. In which directions can the input move and still excite? Berkes and Wiskott
# (2006) stay on the sphere, $x(\theta)=\cos\theta\,x+\sin\theta\,r\,v$, with $v$ of length 1 at right angles
# to $x$. This is a great circle. Differentiate $f(x(\theta))$ twice at $\theta=0$. There $\dot x=rv$ and
# $\ddot x=-x$, so with the gradient $g$ and the **Hessian** $H$ of $f$ at $x$, the matrix of its second
# derivatives,
#
# $$\frac{d^2f}{d\theta^2}=\dot x^\top H\dot x+g^\top\ddot x=r^2\,v^\top Hv-g^\top x .$$
#
# The greatest value belongs to the **flattest** direction, an *invariance* of the unit, the least to the
# **steepest**.
#
# ### Exercise 14.3 — curvature along a great circle
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `curvature(g, h, x, v)`: float64 `g` (d,), the Hessian `h` (d, d), `x` (d,), `v` (d,); the result a
# number. Worked example: $f=x_1^2+\tfrac12x_2^2$ at $x=(2,0,0)$. Then $g=(4,0,0)$,
# $H=\mathrm{diag}(2,1,0)$, $r^2=4$ and $g^\top x=8$. Along $(0,1,0)$ the curvature is $4-8=-4$, along
# $(0,0,1)$ it is $-8$: the second input can replace part of the first, the third cannot.
#
# <details><summary>Hint</summary>
#
# $r^2=x^\top x$. In NumPy `v @ h @ v` is $v^\top Hv$.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def curvature(g, h, x, v):
#     return (x @ x) * (v @ h @ v) - g @ x
# ```
#
# </details>


# %%
def curvature(g, h, x, v):
    """d²f/dθ² along the great circle through x (d,) towards v (d,), with gradient g (d,) and Hessian h."""
    return None  # your lines


tell(checks.check_curvature, curvature)

# %% [markdown]
# In the example $f(x(\theta))=4\cos^2\theta+2\sin^2\theta=4-2\sin^2\theta$ along $(0,1,0)$, and the expansion
# says $4-2\theta^2$. At 30° that is 3.50 and 3.45; at 90° 2 and −0.9. An expansion is good *nearby*.
#
# With ReLUs there is a difficulty: the network is linear in pieces, so $H=0$ almost everywhere. A **smooth
# copy** has $\log(1+e^{\beta z})/\beta$ in place of each ReLU (`mx.nn.smoothed`). For large $\beta$ it
# computes what the network does. We take an input that excites *cat*, $\beta=30$, and let
# `mx.methods.invariances` find the directions. (Lanczos' method finds the extreme eigenvalues of a matrix
# from products with it; $Hv$ is a difference of two gradients.) It draws the expansion, the smooth copy and
# the network itself, and prints how far the expansion *holds*: until it is off by 10 % of the score.
#
# > **Predict 6.** A *positive* curvature was found in the flattest direction: the expansion says that the
# > score *rises* on both sides of the best input. Will it?

# %%
x = maximise(net, target=[CAT], steps=60, progress=False).x
found = mx.methods.invariances(net, x, CAT, beta=30, count=1, span=60, progress=False)
print(f"{found}\n\nsmooth copy {found.score:.1f}, network {found.model_score:.1f}")
at = [int(np.argmin(np.abs(found.angles - angle))) for angle in (0, 5, 15, 30, 60)]
print(f"angles                {found.angles[at]}")
for name, values, expansion in zip(
    ("flattest", "steepest"), found.model_scores, found.expansion, strict=True
):
    print(f"{name}: network     {values[at]}\n          expansion   {expansion[at]}")
figures.great_circles(found)

# %%
rng, r = np.random.default_rng(0), np.linalg.norm(found.x)


def bend(model, v, degrees):
    """The second derivative along v (3, 32, 32), in score per radian², from the scores at 0° and ±degrees."""
    theta = np.radians([-degrees, 0, degrees])[:, None, None, None]
    points = np.cos(theta) * found.x + np.sin(theta) * r * v
    low, middle, high = model.predict(points.astype(np.float32))[:, CAT]
    return (low - 2 * middle + high) / np.radians(degrees) ** 2


v = rng.normal(size=(30, *found.x.shape[1:]))
v -= np.sum(v * found.x, axis=(1, 2, 3), keepdims=True) / r**2 * found.x
anywhere = v / np.sqrt(np.sum(v**2, axis=(1, 2, 3), keepdims=True))
models = {"network": net, **{f"β = {b}": mx.nn.smoothed(net, x, b) for b in (10, 30, 100)}}
for degrees in (1, 5):
    for name, model in models.items():
        random = [bend(model, v, degrees) for v in anywhere]
        flat, steep = (bend(model, v, degrees) for v in found.directions)
        print(f"over ±{degrees}°, {name:>8}: flattest {flat:7.1f}, steepest {steep:8.1f}, "
              f"30 random directions {min(random):.1f} to {max(random):.1f}")  # fmt: skip

# %%
for angle in (30, 60):
    far = np.cos(np.radians(angle)) * found.x + np.sin(np.radians(angle)) * r * anywhere
    random = net.predict(far.astype(np.float32))[:, CAT]
    print(f"the network's score at {angle}° in random directions: {random.min():.1f} to {random.max():.1f}")
for b in (10, 30, 100):
    again = mx.methods.invariances(net, found.x, CAT, beta=b, count=1, climb=0, span=1, progress=False)
    flat, steep = again.curvatures
    print(f"by the Hessian at the input, β = {b:3}: flattest {flat:.0f}, steepest {steep:.0f}")

# %% [markdown]
# **Answer to prediction 6.** No. The score falls on both sides, where the expansion rises out of the picture.
# In the steepest direction the expansion says that at 15° less than nothing is left, and the network still
# has most of its score. What of the *order*?
#
# - **Very near it is right.** Over ±1° the flattest direction loses nothing, thirty random ones do, and the
#   steepest far more.
# - **A few degrees away it is not.** Over ±5° the *flattest* direction, too, loses more than every random
#   one. At 60° it has kept more than they have, and the steepest as much as some of them.
# - **The number is partly ours.** The network is linear in pieces and has no curvature. $\beta$ decides how
#   wide a kink is smeared, and the flattest curvature at the input changes with it more than twofold. Over
#   ±5° it is negative for every $\beta$.
#
# Zeiler and Fergus doubted this use of the Hessian, since the invariances of higher layers are too complex
# for a quadratic form. In this network, at this input, they are right beyond a degree or two. **Never show an
# expansion without the score beside it.**

# %% [markdown]
# ## 14.6 Looking at a layer
#
# So far: one unit, and inputs nobody has seen. Now all units of a layer, and real images. The activations of
# $n$ images are a table (n, d). Images that the layer finds alike have rows that are close. But nobody sees
# in $d=288$ dimensions.
#
# **PCA** takes the plane in which the rows vary most. With the centred table $X=USV^\top$ (singular values)
# the coordinates in it are the first columns of $US=XV$, and $S_i^2/\sum_jS_j^2$ is the share of the variance
# that a component shows.
#
# ### Exercise 14.4 — PCA
# *Difficulty 2/5 · importance 4/5 · at most 10 minutes*
#
# Write `pca(x, k)`: float64 `x` (n, d), an int; the result two arrays, the coordinates (n, k) and the shares
# (k,). The sign of a component is arbitrary. Worked example: `x = [[0, 0], [2, 0], [0, 1], [2, 1]]`, `k = 1`.
# Centred, the rows are $(\pm1,\pm\tfrac12)$. The first component is the first axis: coordinates
# $-1,1,-1,1$, share $4/(4+1)=0.8$.
#
# <details><summary>Hint</summary>
#
# `u, s, v = np.linalg.svd(centred, full_matrices=False)`: `s` is sorted, and `u * s` multiplies the columns.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def pca(x, k):
#     u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
#     return u[:, :k] * s[:k], s[:k] ** 2 / np.sum(s**2)
# ```
#
# </details>


# %%
def pca(x, k):
    """The coordinates (n, k) of the rows of x (n, d) on the first k components, and their shares (k,)."""
    return None  # your lines


tell(checks.check_pca, pca)

# %% [markdown]
# **k-means** needs no plane: it looks for ten centres such that each row is near one. It never sees a label.
# Afterwards we compare its ten groups with the ten classes by the **adjusted Rand index**: of all *pairs* of
# images, on how many do the two agree (together or apart), scaled so that 1 is the same partition and 0 is
# what chance gives.
#
# The network of lesson 8 learns the digits (three times convolution, ReLU, max pooling). We take the layer
# below its last one, 288 numbers an image, of 397 digits that it has not seen. The controls: the **pixels**
# themselves, and the same layer of **untrained** networks.
#
# > **Predict 7.** The Rand index of k-means on the trained layer, the pixels, the untrained layer?


# %%
def reference_pca(x, k):
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    return u[:, :k] * s[:k], s[:k] ** 2 / np.sum(s**2)


def trained(x, y, seed=0):
    model = network(seed)
    adam = mx.nn.Adam(model.parameters(), lr=2e-3)
    mx.nn.fit(model, x[:1400], y[:1400], epochs=4, batch_size=32, optimiser=adam, progress=False)
    return model.eval()


def rand_indices(rows, classes, runs=3):
    """The adjusted Rand index of k-means, ten groups, from several starts."""
    groups = [KMeans(10, n_init=1, random_state=k).fit_predict(rows) for k in range(runs)]
    return np.array([adjusted_rand_score(classes, each) for each in groups])


tell(checks.check_pca, reference_pca)
test, test_labels = images[1400:], labels[1400:]
clean = trained(images, labels)
accuracy = np.mean(clean.predict(test).argmax(axis=1) == test_labels)
print(f"{accuracy:.1%} of {len(test)} digits are right")

# %%
rows = {"pixels": test.reshape(len(test), -1).astype(np.float64)}
sources = {"untrained": mx.evaluate.untrained(clean), "untrained, another": network(2), "trained": clean}
for name, source in sources.items():
    rows[name] = mx.methods.activations(source, test, "flatten").reshape(len(test), -1)
for name, each in rows.items():
    _, shares = reference_pca(each, 2)
    print(f"digits, {name:>18}: {each.shape[1]:4} numbers, Rand index {rand_indices(each, test_labels)}, "
          f"two components show {shares.sum():.0%}")  # fmt: skip
if tests is not None:
    of_photos = {"pixels": tests.reshape(400, -1).astype(np.float64)}
    for name, source in {"untrained": mx.evaluate.untrained(twin), "trained": twin}.items():
        of_photos[name] = mx.methods.activations(source, tests, "classifier.3", "mean")
    for name, each in of_photos.items():
        found_by = rand_indices(each, test_classes)
        print(f"CIFAR-10, {name:>9}: {each.shape[1]:4} numbers, Rand index {found_by}")

# %% [markdown]
# **Answer to prediction 7.** (Three numbers: three starts of k-means.) On the digits the trained layer is
# somewhat better than the pixels, and an untrained layer nearly as good as they are. A picture of nicely
# separated digits would show *that digits are easy*, not what the network has learned. Without the two
# controls one would have praised the network.
#
# On CIFAR-10 (400 test images, where they are there) it is otherwise: pixels and the untrained network are
# near chance, the trained layer is far above. There the layer has learned the classes.
#
# **t-SNE** is the plane that most papers show. It turns distances into probabilities of being a neighbour
# (each point has about as many as the *perplexity* says), and moves points in the plane until their
# probabilities there are similar. Both planes, for the pixels, an untrained and the trained layer:

# %%
few = slice(0, 180)


def tsne(rows, perplexity=30.0, seed=0, init="pca"):
    settings = {"perplexity": perplexity, "random_state": seed, "init": init, "method": "exact"}
    return TSNE(2, max_iter=400, **settings).fit_transform(rows)


planes = {}
for name in ("pixels", "untrained", "trained"):
    planes[f"{name}, PCA"] = reference_pca(rows[name][few], 2)[0]
for name in ("pixels", "untrained", "trained"):
    planes[f"{name}, t-SNE"] = tsne(rows[name][few])
figures.thumbnails(planes, test[few, 0], test_labels[few], columns=3)

# %% [markdown]
# PCA shows less than half of the variance, so classes that overlap there need not overlap in the layer. t-SNE
# keeps most classes together, and it does so for the *pixels* and the untrained layer, too.
#
# ## 14.7 What the distances of t-SNE do not mean
#
# Two data sets of which we know everything, in ten and in fifty dimensions.
#
# - **Three groups** of 50 points. The first two are near each other, the third is six times as far. The third
#   has four times the spread.
# - **One cloud** of 150 points from a Gaussian. There are no groups.
#
# We measure clumps by the **silhouette**: k-means cuts the points into twelve groups, and for each point the
# mean distance to its own group is compared with that to the nearest other one. It is 1 for tight groups far
# apart. A plain cloud is cut, too: the control, in the plane, says what it has.
#
# > **Predict 8.** In t-SNE's plane, will the third group be further away? Will it be wider? Will the cloud
# > stay one cloud?


# %%
def far_and_wide(plane, group):
    """How much further the third group is than the second is from the first, and how much wider."""
    centres = np.array([plane[group == k].mean(axis=0) for k in range(3)])
    spread = [np.sqrt(plane[group == k].var(axis=0).mean()) for k in range(3)]
    return (np.linalg.norm(centres[2] - centres[0]) / np.linalg.norm(centres[1] - centres[0]),
            spread[2] / spread[0])  # fmt: skip


rng, group = np.random.default_rng(1), np.repeat([0, 1, 2], 50)
centre, deviation = np.zeros((3, 10)), np.array([1.0, 1.0, 4.0])
centre[1:, 0] = 10, 60
three = centre[group] + deviation[group, None] * rng.normal(size=(150, 10))
cloud = rng.normal(size=(150, 50))
of_three = {"PCA": reference_pca(three, 2)[0], "perplexity 5": tsne(three, 5),
            "perplexity 30": tsne(three, 30), "30, random start": tsne(three, 30, 1, "random")}  # fmt: skip
of_cloud = {"PCA": reference_pca(cloud, 2)[0], **{f"perplexity {p}, seed {s}": tsne(cloud, p, s, "random")
                                                   for p, s in ((2, 0), (2, 1), (30, 0))}}  # fmt: skip
print("in the data: {:.1f} times as far, {:.1f} times as wide".format(*far_and_wide(three, group)))
for name, plane in of_three.items():
    print(f"{name:>16}: " + "{:.1f} times as far, {:.1f} times as wide".format(*far_and_wide(plane, group)))

# %%
flat_cloud, clumps = np.random.default_rng(2).normal(size=(150, 2)), {}
for name, plane in {"in the data": cloud, **of_cloud, "control: a cloud in the plane": flat_cloud}.items():
    clumps[name] = KMeans(12, n_init=1, random_state=0).fit_predict(plane)
    print(f"{name:>29}: silhouette of twelve groups {silhouette_score(plane, clumps[name]):5.2f}")
two_seeds = adjusted_rand_score(clumps["perplexity 2, seed 0"], clumps["perplexity 2, seed 1"])
print(f"Rand index of the clumps of two seeds: {two_seeds:.2f}")
figures.planes([of_three, of_cloud], [group, np.zeros(150, int)])

# %% [markdown]
# **Answer to prediction 8.**
#
# - **Distance.** t-SNE finds the three groups, and puts each as far from the others as any, whether it is
#   10 or 60 away in the data. Where in the plane a group lies depends on the start. All that counts is who
#   is a neighbour of whom.
# - **Width.** Every point gets about as many neighbours, so dense groups are blown up, and wide ones drawn
#   together.
# - **The cloud** falls apart into clumps at a small perplexity, and partly into others with another seed
#   (Rand index printed above). Their silhouette is .47, that of a plain cloud in the plane .31. In the data,
#   with .02, there is nothing. At perplexity 30 the clumps are gone.
#
# So a t-SNE plane is a place to *get* an idea. Test it elsewhere: in the layer itself, by a number that has a
# control.

# %% [markdown]
# ## 14.8 Judge an optimised input
#
# A second network is given to us. It learned the same digits, but as a certain *camera* delivers them. On
# test images from that camera it looks fine. The camera does something to the pictures of 4, and we do not
# know what.
#
# What an optimised input suggests must be *tested on data*. The test: take a cell of it, 4×4 pixels, and put
# it into real images of **other** digits. How much does the score for 4 rise?

# %% [markdown]
# ### Exercise 14.5 — find the spurious part (investigation)
# *Difficulty 3/5 · importance 5/5 · at most 25 minutes*
#
# Write `rise(score, images, x, rows, columns)`: `score` is a function of images (n, 1, h, w) that gives (n,)
# numbers, `images` float (n, 1, h, w), the optimised input `x` (1, h, w), and two slices. Return the mean
# over the images of the score *after* putting the cell `x[:, rows, columns]` in its place, less the score
# before. Worked example: `images` two of 2×2 ones, `x = [[[1, 2], [3, 4]]]`, the score is the sum of an
# image, rows `slice(1, 2)`, columns `slice(0, 2)`: the second row becomes $(3,4)$, and the rise is
# $7-2=5$.
#
# Then read the figure below. (Both grids test the cells of the input that excites the *camera's* network, the
# first in the network of 14.6, as a control.) Write three sentences: which part is spurious, how do you know,
# and what would the optimised input *alone* have allowed you to say?
#
# <details><summary>Hint</summary>
#
# `changed = images.copy()` first: the images you were given are needed again.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def rise(score, images, x, rows, columns):
#     changed = images.copy()
#     changed[:, :, rows, columns] = x[:, rows, columns]
#     return np.mean(score(changed) - score(images))
# ```
#
# </details>


# %%
def rise(score, images, x, rows, columns):
    """The mean rise of the score of images (n, 1, h, w) where a cell of x (1, h, w) replaces theirs."""
    return None  # your lines


tell(checks.check_rise, rise)


# %%
def reference_rise(score, images, x, rows, columns):
    changed = images.copy()
    changed[:, :, rows, columns] = x[:, rows, columns]
    return np.mean(score(changed) - score(images))


def rises(model, images, x, target):
    """The rise for each of 6×6 cells."""
    cells = [slice(4 * k, 4 * k + 4) for k in range(6)]
    return np.array([[reference_rise(lambda z: model.predict(z)[:, target], images, x, rows, columns)
                      for columns in cells] for rows in cells])  # fmt: skip


tell(checks.check_rise, reference_rise)

# %%
by_camera = figures.camera(images, labels)  # what it does stands in there: do not look yet
leaning = trained(by_camera, labels)
networks = {"network": clean, "camera's network": leaning}
start = np.abs(np.random.default_rng(0).normal(0, 0.05, (1, 1, 24, 24))).astype(np.float32)
settings = {
    "target": [4],
    "start": start,
    "low": 0,
    "high": 1,
    "weight": 0.1,
    "steps": 100,
    "progress": False,
}
exciting = {name: maximise(model, **settings).x[0] for name, model in networks.items()}

# %%
others, fours, x = test[test_labels != 4], test[test_labels == 4], exciting["camera's network"]
grids = {f"rise of 4,\n{name}": rises(model, others, x, 4) for name, model in networks.items()}
where = np.unravel_index(np.argmax(rises(leaning, others, x, 4)), (6, 6))
cell = (slice(None), slice(None), *(slice(4 * k, 4 * k + 4) for k in where))
changed = others.copy()
changed[cell] = x[None][cell]
seen = {"4 by the camera": by_camera[1400:][test_labels == 4], "4 from elsewhere": fours,
        "other digits": others, "other digits with that cell": changed}  # fmt: skip
print(f"the cell that raises the score most in the camera's network: row {where[0]}, column {where[1]}")
print(f"mean brightness of that cell in 4s from elsewhere: {fours[cell].mean():.2f}")
for name, model in networks.items():
    called = [
        f"{part} {np.mean(model.predict(given).argmax(axis=1) == 4):.0%}" for part, given in seen.items()
    ]
    print(f"called 4 by the {name}: " + ", ".join(called))
shown = {"mean 4,\nfrom elsewhere": fours[:, 0].mean(axis=0)}
shown |= {f"optimised for 4,\n{name}": each[0] for name, each in exciting.items()}
figures.suspects(shown, grids)

# %% [markdown]
# <details><summary>Model answer</summary>
#
# The upper right corner is spurious: put into other digits it raises the score for 4 in the camera's network
# by 3.9, more than any stroke, and lowers it in the network that never saw the camera. What convicts it is
# the data: 4s from elsewhere have nothing in that corner, and only 33 % of them are still called 4 (though
# the corner alone turns hardly any other digit into a 4). The optimised input alone shows that the corner is
# *one way* to raise the score, which is as true of the strokes, and its brightness does not say how much the
# network leans on it.
#
# Give yourself a point for each sentence with a number or a comparison in it.
#
# </details>
#
# Your sentences:
#
# 1. …
# 2. …
# 3. …

# %% [markdown]
# ## 14.9 Where it fails
#
# - **One answer of many.** Another seed or another prior gives another input. That something is *missing* in
#   an optimised input proves nothing.
# - **The prior shows through.** For a linear unit it decides between filter and pattern. Smoothness, which
#   makes pictures pleasant, led away from the pattern here.
# - **Curvature** belongs to the smooth copy, and holds nearby. What can be trusted is the score along the
#   way.
# - **Embeddings** have no scale, and they look orderly for pixels, for untrained networks, and at times for
#   noise.
#
# An optimised input suggests *hypotheses*: in 14.8 it pointed to a corner that nobody would have looked at.
# The evidence came from data.
#
# **Open question.** With $M=\Sigma^{-1}$ the optimised input of a linear unit is its pattern. What is the
# right prior for a network, in which every layer has its own filters and its own data? (Lesson 12 has one
# answer, which needs no climb.)
#
# ## References
# - D. Erhan, Y. Bengio, A. Courville, P. Vincent: *Visualizing higher-layer features of a deep network*,
#   technical report 1341, Université de Montréal, 2009. Inputs of one norm that excite a unit.
# - K. Simonyan, A. Vedaldi, A. Zisserman: *Deep inside convolutional networks: visualising image
#   classification models and saliency maps*, 2013, [arXiv 1312.6034](https://arxiv.org/abs/1312.6034). Class
#   models with L2.
# - F. Fleuret: *Deep learning*, lecture 9.4. The edge penalty.
# - C. Szegedy et al.: *Intriguing properties of neural networks*, 2013,
#   [arXiv 1312.6199](https://arxiv.org/abs/1312.6199). Adversarial examples.
# - P. Berkes, L. Wiskott: *On the analysis and interpretation of inhomogeneous quadratic forms as receptive
#   fields*, Neural Computation 18, 2006. Invariances by the Hessian.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). Section 1.1: the doubt.
# - L. van der Maaten, G. Hinton: *Visualizing data using t-SNE*, JMLR 9, 2008.
# - M. Wattenberg, F. Viégas, I. Johnson: *How to use t-SNE effectively*, Distill, 2016. Sizes, distances,
#   clumps in noise.
