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

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 3 · DeConvNet and guided backprop as rules
#
# A network is walked back from one of its units to the pixels. At every ReLU and at every pooling layer a
# *rule* decides what goes on. You write these rules, hang them into minixai's walk, and look through them
# into a trained network. At the end you measure what the pictures know of the class.
#
# **You need:** lesson 6 (DeConvNet, switches) and lesson 7 (guided backprop). **Time:** about 100 minutes;
# the cells run about 10 seconds. Nothing is fetched: the network comes with minixai, the photos with
# scikit-image and scikit-learn.
#
# | exercise | what | points |
# |---|---|---|
# | 1 | the family of ReLU rules | 10 |
# | 2 | unpooling with switches | 15 |
# | 3 | unpooling without | 10 |
# | 4 | three maps by hand | 10 |
# | 5 | where the walk starts | 10 |
# | 6 | the walk | 10 |
# | 7 | the strongest activations | 10 |
# | 8 | what a unit can see | 10 |
# | 9 | does the map depend on the class? | 15 |
# | | | **100** |
#
# **Rules.** The work is your own. While the checks run, `mx.rules` and `mx.methods` are out of reach:
# whoever calls them gets no points. In exercises 2 and 3 `mx.ops` is, too, and in exercise 8 `mx.nn`. All
# else of NumPy and minixai may be used. Where an exercise is given arrays, it does not write to them, and
# its result has their dtype (float32 stays float32) unless the text says otherwise. `SEED` is your term's:
# it draws the numbers, and 48 random crops of six photos. Leave it as it is.
#
# **Checks.** Below each exercise a cell checks your answer. A test cell that prints nothing has passed; an
# error says what is wrong. Marking runs the same checks with other numbers, and some further cases that the
# text names.
#
# The exercises do not need each other: if one will not work, go on with the next. The two cells that draw
# need nearly all of your functions and end in an error until they are there; they carry no points.
#
# **To hand in:** *Kernel → Restart Kernel and Run All Cells*, see that no check fails, save.

# %%
import matplotlib
import numpy as np

import minixai as mx
from minixai.course.cw3 import checks as cw3
from minixai.plot import Picture, style

SEED = 0

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

net = mx.models.pretrained("cifar10_maxpool").eval()
rng = np.random.default_rng(SEED)


def cut_out(photo):
    """A square of random size and place."""
    side = rng.integers(110, 260)
    top, left = (rng.integers(length - side) for length in photo.shape[:2])
    return photo[top : top + side, left : left + side]


names = ("chelsea", "coffee", "astronaut", "camera", "china", "flower")
photos = [mx.data.photo(name) for name in names]
images = net.preprocess([cut_out(photo) for photo in photos for _ in range(8)])  # (48, 3, 32, 32) float32
cat = net.preprocess([photos[0]])  # (1, 3, 32, 32)

leaf = mx.Tensor(cat)
logits, layers = net.trace(leaf)
mx.backward(logits, wrt=[leaf])  # numba compiles what it needs
print(f"the cat is taken for a {net.classes[logits.value.argmax()]}")
for name, layer in net.named_modules():
    if name.startswith(("features.", "classifier.")):
        print(f"{name:>13} {type(layer).__name__:<18} {layers[name][0].shape}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-relu-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1 · The family of ReLU rules
#
# A rule is a function `(g, node)`. `g` is the cotangent that arrives at an operation's output,
# `node.arrays[0]` its input $f$. A rule answers with a *tuple*, one cotangent for every input; a ReLU has
# one.
#
# Lesson 7 had three rules of ReLU. They differ in two gates:
#
# $$g_x=g\cdot[f>0\ \text{if forward}]\cdot[g>0\ \text{if backward}]$$
#
# | forward gate | backward gate | rule |
# |---|---|---|
# | yes | no | gradient |
# | no | yes | DeConvNet (Zeiler and Fergus 2014, section 2.1) |
# | yes | yes | guided backprop (Springenberg et al. 2014, section 3.4) |
# | no | no | everything passes |
#
# Write the function that *makes* these rules. At exactly 0 a gate is closed.


# %% nbgrader={"grade": false, "grade_id": "cw3-relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_rule(forward, backward):
    """The rule of ReLU with these gates.

    forward: whether only units with f > 0 pass g on. backward: whether only g > 0 is passed on.
    Returns a function (g, node) -> (gx,) of arrays of any shape, in which gx has g's shape and dtype.

    Example: f = [1, -2, 3, -4] and g = [5, 6, -7, -8] give
    (True, False): [5, 0, -7, 0]        (False, True): [5, 6, 0, 0]
    (True, True):  [5, 0, 0, 0]         (False, False): [5, 6, -7, -8]
    """

    ### BEGIN SOLUTION
    def rule(g, node):
        (f,) = node.arrays
        is_open = np.ones(g.shape, bool)
        if forward:
            is_open &= f > 0
        if backward:
            is_open &= g > 0
        return (np.where(is_open, g, 0),)

    return rule
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-relu-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_relu_rule(relu_rule, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_relu_rule(relu_rule, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-switches-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2 · Unpooling with switches
#
# On the way forward max pooling leaves its **switches** in `node.saved`: an integer array of the output's
# shape (n, c, h', w'). Each is the place of a window's maximum in *its own* plane (h, w) of the input,
# counted row · w + column. On the way back each value goes to its switch.
#
# In our network windows are 3×3 with stride 2: they overlap, and two windows can share a maximum. Then
# their values **add up**.
#
# Write the rule, for batches. Here `mx.ops` is out of reach.


# %% nbgrader={"grade": false, "grade_id": "cw3-switches", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unpool_switches(g, node):
    """The rule of max pooling: every value of g goes to where its window's maximum was.

    g, node.saved: (n, c, h', w'). node.arrays[0]: (n, c, h, w). Returns (gx,), gx (n, c, h, w) of g's dtype.

    Example, one image with one map: the input is 3×5, its largest value is in row 1, column 2. Windows of
    3×3 with stride 2 cover the columns 0 to 2 and 2 to 4, so both have that maximum: the switches are
    [[7, 7]]. For g = [[1, 10]] the result is 11 in row 1, column 2, and 0 elsewhere.
    """
    ### BEGIN SOLUTION
    (x,) = node.arrays
    gx = np.zeros(x.shape, g.dtype)
    for planes, place, values in zip(gx, node.saved, g, strict=True):
        for plane, switches, value in zip(planes, place, values, strict=True):
            np.add.at(plane.reshape(-1), switches, value)
    return (gx,)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-switches-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw3.check_unpool_switches(unpool_switches, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_unpool_switches(unpool_switches, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-centre-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3 · Unpooling without
#
# What are the switches worth? To see it, leave them out: put each value into the **centre** of its window,
# wherever the maximum was. The window of output (i, j) begins at row i · stride − padding and is
# kernel_size high; its centre is ⌊kernel_size / 2⌋ further on. The same holds for the columns.
# `node.params` is a dictionary with the numbers `"kernel_size"`, `"stride"` and `"padding"`. In all cases
# that come up the centre lies inside the image.
#
# `mx.ops` is out of reach here, too.


# %% nbgrader={"grade": false, "grade_id": "cw3-centre", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unpool_centre(g, node):
    """A rule of max pooling that ignores the switches: every value of g goes to its window's centre.

    g: (n, c, h', w'). node.arrays[0]: (n, c, h, w). Returns (gx,), gx (n, c, h, w) of g's dtype.

    Example: an input of 3×5, windows of 3×3, stride 2, padding 0, g = [[1, 10]]: the centres are row 1,
    column 1 and row 1, column 3. There the result is 1 and 10, and 0 elsewhere.
    """
    ### BEGIN SOLUTION
    (x,) = node.arrays
    offset = node.params["kernel_size"] // 2 - node.params["padding"]
    rows, columns = (offset + node.params["stride"] * np.arange(size) for size in g.shape[2:])
    gx = np.zeros(x.shape, g.dtype)
    gx[:, :, rows[:, None], columns] = g
    return (gx,)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-centre-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_unpool_centre(unpool_centre, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_unpool_centre(unpool_centre, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-by-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 · Three maps by hand
#
# A network of two inputs, four ReLU units and one output, $y=w_2^\top\max(W_1x,0)$, without biases. The
# numbers are your term's own. The walk starts with 1 at $y$. What arrives at $x$ under each rule of ReLU?

# %%
x, w1, w2 = cw3.small_network(SEED)
print(f"x = {x}\nW1 =\n{w1}\nw2 = {w2}")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-by-hand-question", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Take paper and pencil: which units are active, what arrives at each, which gates are open? The check
# says which map is wrong, but not what is right.


# %% nbgrader={"grade": false, "grade_id": "cw3-by-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
def by_hand():
    """Your numbers: two for each rule.

    Example: {"gradient": [1, 2], "DeConvNet": [3, 4], "guided": [5, 6]}, had these come out.
    """
    ### BEGIN SOLUTION
    active, raises = w1 @ x > 0, w2 > 0
    gates = {"gradient": active, "DeConvNet": raises, "guided": active & raises}
    return {name: (gate * w2) @ w1 for name, gate in gates.items()}
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-by-hand-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_by_hand(by_hand, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_by_hand(by_hand, SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-start-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 · Where the walk starts
#
# To see what *one* unit responds to, all others of its layer are set to zero. The walk starts with the
# unit's own value (as in Zeiler and Fergus), or with 1. There are three choices of the place: a row and a
# column, the same in all images; the map's largest activation, in each image its own (of equal ones the
# first alone, row by row); or the whole map.


# %% nbgrader={"grade": false, "grade_id": "cw3-start", "locked": false, "schema_version": 3, "solution": true, "task": false}
def start_at(y, channel, place=None, seed="one"):
    """The cotangent of a layer's output y (n, k, h, w): zero but for one unit, or one map, in each image.

    channel: the map. place: (row, column); or "max", the map's largest activation in that image; or None,
    the whole map. seed: "one", or "value": the activations themselves.
    Returns an array of y's shape and dtype.

    Example, one image, one map: y = [[1, 4], [3, 2]], place "max" and seed "value" give [[0, 4], [0, 0]];
    place (1, 0) and seed "one" give [[0, 0], [1, 0]].
    """
    ### BEGIN SOLUTION
    start = np.zeros_like(y)
    if place is None:
        start[:, channel] = 1
    elif place == "max":
        largest = y[:, channel].reshape(len(y), -1).argmax(axis=1)
        rows, columns = np.unravel_index(largest, y.shape[2:])
        start[np.arange(len(y)), channel, rows, columns] = 1
    else:
        start[:, channel, *place] = 1
    return start * y if seed == "value" else start
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-start-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_start_at(start_at, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_start_at(start_at, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-project-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6 · The walk
#
# `mx.Tensor(x)` puts an array on the tape, `tensor.value` is its array. `net.trace(tensor)` returns the
# network's output and a dictionary of its layers: `layers[name]` is what that layer returned, a list of
# tensors, here of one. `mx.backward(output, cotangent, rules=…, wrt=[…])` walks back from any tensor on the
# tape, an inner layer's too, and asks the table `rules` at every operation (an operation that is not in it
# takes its gradient). It returns a dictionary with the cotangent, an array, of every tensor in `wrt`. A
# table is a dictionary such as `{mx.ops.relu: rule}`; a key can also be a layer's name.
#
# Put them together.


# %% nbgrader={"grade": false, "grade_id": "cw3-project", "locked": false, "schema_version": 3, "solution": true, "task": false}
def project(net, x, layer, start, rules=None):
    """Walk back from a layer to the network's input.

    x: (n, ...), an array. layer: a name, such as "features.10". rules: a table, or None: the gradient.
    start: a function that gets the layer's output as an array, and returns the cotangent to start with,
    such as lambda y: start_at(y, 7, "max", "value").
    Returns the map, an array of x's shape.

    Example: from layer "features.2", a ReLU, with start=np.ones_like and rules=None comes the gradient of
    the sum of that layer's activations.
    """
    ### BEGIN SOLUTION
    leaf = mx.Tensor(x)
    _, layers = net.trace(leaf)
    output = layers[layer][0]
    return mx.backward(output, start(output.value), rules, wrt=[leaf])[leaf]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-project-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_project(project, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_project(project, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-strongest-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 · The strongest activations
#
# One activation in one image says little. Zeiler and Fergus (section 4, figure 2) look for the images in
# which a map is strongest. An image counts **once**, with its largest activation. Of equal activations the
# one in the earlier image comes first, and within an image the first place, row by row. (`np.argsort` keeps
# equal values in order only with `kind="stable"`.)


# %% nbgrader={"grade": false, "grade_id": "cw3-strongest", "locked": false, "schema_version": 3, "solution": true, "task": false}
def strongest(maps, channel, k):
    """The k images in which a map is strongest, the strongest first, and the places.

    maps: (n, c, h, w), a layer's output for n images. k: at most n.
    Returns integers (k, 3): image, row, column.

    Example: three images, one map of 1×2 each, maps = [[1, 5]], [[6, 7]], [[5, 0]], k = 2:
    [[1, 0, 1], [0, 0, 1]]. Image 1 has the two largest activations, 7 and 6, and counts once. Images 0 and 2
    both have 5: the earlier one is taken.
    """
    ### BEGIN SOLUTION
    flat = maps[:, channel].reshape(len(maps), -1)
    images = np.argsort(-flat.max(axis=1), kind="stable")[:k]
    rows, columns = np.unravel_index(flat[images].argmax(axis=1), maps.shape[2:])
    return np.stack([images, rows, columns], axis=1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-strongest-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_strongest(strongest, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_strongest(strongest, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-field-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8 · What a unit can see
#
# A unit of an inner layer sees a rectangle of the image, its receptive field. Go back layer by layer: if
# the unit needs rows $a$ to $b$ of a layer's output (both included), it needs of its input
#
# $$a\cdot\text{stride}-\text{padding}\quad\text{to}\quad
# b\cdot\text{stride}-\text{padding}+\text{kernel}-1.$$
#
# ReLU changes nothing. At the end, and only there, the rectangle is cut off at the image's border. The same
# for columns: all kernels here are square, but an image need not be. Without any layer the unit is a pixel
# and sees itself. `mx.nn` is out of reach.


# %% nbgrader={"grade": false, "grade_id": "cw3-field", "locked": false, "schema_version": 3, "solution": true, "task": false}
def receptive_field(windows, row, column, size):
    """The rectangle of the image that a unit can see.

    windows: for every convolution or pooling from the image to the unit, in the order of the forward pass,
    (kernel, stride, padding). row, column: the unit's place. size: (h, w) of the image.
    Returns four integers (top, bottom, left, right), so that image[top:bottom, left:right] is the patch:
    bottom and right are the first that are not in it.

    Example: windows = [(3, 1, 1), (2, 2, 0)], a 3×3 convolution and 2×2 pooling, row 1, column 0, an image
    of 8×6. The pool needs rows 2 to 3 and columns 0 to 1, so the convolution needs rows 1 to 4 and columns
    -1 to 2: the result is (1, 5, 0, 3).
    """
    ### BEGIN SOLUTION
    edges = []
    for place, length in zip((row, column), size, strict=True):
        first = last = place
        for kernel, stride, padding in reversed(windows):
            first, last = first * stride - padding, last * stride - padding + kernel - 1
        edges += [max(first, 0), min(last + 1, length)]
    return tuple(edges)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-field-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw3.check_receptive_field(receptive_field, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_receptive_field(receptive_field, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-look-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### What one map of the network looks for
#
# All of it together: one map of `features.10`. Of each photo we take the crop in which the map is strongest;
# the number above it is the activation. Below is what the unit sees, and what comes back by the rules (grey
# is 0, or outside the image).
#
# Has the map found something that the patches share? Can you see it in the patches, or only in the
# projections? Why is the row *no switches* the same picture in every column, but for the border?

# %%
LAYER, CHANNEL = "features.10", SEED % 96  # to see another map change CHANNEL
WINDOWS = [(3, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 1), (3, 1, 1)]  # up to features.10
FIELD = 15  # pixels: what a unit sees far from the border

methods = {  # forward gate, backward gate, unpooling
    "gradient": (True, False, unpool_switches),
    "DeConvNet": (False, True, unpool_switches),
    "DeConvNet,\nno switches": (False, True, unpool_centre),
    "guided": (True, True, unpool_switches),
}


def table(name):
    """The rules of a method."""
    forward, backward, unpool = methods[name]
    return {mx.ops.relu: relu_rule(forward, backward), mx.ops.max_pool2d: unpool}


def from_unit(channel, place=None, seed="one"):
    """The function that `project` calls for its start."""
    return lambda y: start_at(y, channel, place, seed)


def in_colours(values):
    """A map (3, h, w) as an image: grey is 0; the strongest half percent of values is clipped."""
    limit = np.percentile(np.abs(values), 99.5) + 1e-12
    return np.clip(values.transpose(1, 2, 0) / (2 * limit) + 0.5, 0, 1)


def framed(patch, top, left):
    """A patch in a square of one size: what the image's border cut off is grey."""
    edges = []
    for first, length in ((top, patch.shape[0]), (left, patch.shape[1])):
        missing = FIELD - length
        edges.append((missing, 0) if first == 0 else (0, missing))
    return np.pad(patch, [*edges, (0, 0)], constant_values=0.5)


# %%
_, layers = net.trace(mx.Tensor(images))
activations = layers[LAYER][0].value
places = strongest(activations, CHANNEL, len(images))
_, first = np.unique(places[:, 0] // 8, return_index=True)  # of the 8 crops of each photo
places = places[np.sort(first)]

picture = Picture(figsize=(10, 8.8), dpi=66, layout="constrained")
picture.suptitle(f"{LAYER}, map {CHANNEL}: where it is strongest in each of the six photos")
for axes, (image, row, column) in zip(picture.subplots(1 + len(methods), 6).T, places, strict=True):
    top, bottom, left, right = receptive_field(WINDOWS, row, column, (32, 32))
    alone = images[[image]]
    axes[0].imshow(framed(net.preprocess.photos(alone)[0, top:bottom, left:right] / 255, top, left))
    axes[0].set_title(f"activation {activations[image, CHANNEL, row, column]:.2f}")
    for below, name in zip(axes[1:], methods, strict=True):
        values = project(net, alone, LAYER, from_unit(CHANNEL, (row, column), "value"), table(name))
        below.imshow(framed(in_colours(values[0, :, top:bottom, left:right]), top, left))
for axes, name in zip(picture.axes[::6], ("patch", *methods), strict=True):
    axes.set_ylabel(name)
for axes in picture.axes:
    axes.set(xticks=[], yticks=[])
picture

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-correlation-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9 · Does the map depend on the class?
#
# If a map explains why the network says *cat*, the map for *ship* should look different. Measure it. For
# each image take the maps of all classes, and the Pearson correlation of every **pair** of different
# classes:
#
# $$r(a,b)=\frac{\sum_i(a_i-\bar a)(b_i-\bar b)}{\sqrt{\sum_i(a_i-\bar a)^2\,\sum_i(b_i-\bar b)^2}}$$
#
# over all values of the two maps. The result is the mean over the pairs. 1 says that the map does not
# depend on the class, up to its brightness and contrast.
#
# A map that has the same value everywhere has no correlation. Leave its pairs out; if no pair is left, the
# result is `nan`. Compare its values to find such a map. In floating point its standard deviation need not
# be exactly 0.


# %% nbgrader={"grade": false, "grade_id": "cw3-correlation", "locked": false, "schema_version": 3, "solution": true, "task": false}
def class_correlation(maps):
    """How alike the maps of different classes are: for each image the mean over all pairs of classes.

    maps: (k, n, ...), the maps of k >= 2 classes for n images. Returns float64 (n,).

    Example, three classes, one image of two pixels: maps [0, 1], [5, 9] and [3, 2]. The correlations are 1,
    -1 and -1, the result is [-1/3]. With [4, 4] in place of [3, 2] it is [1].
    """
    ### BEGIN SOLUTION
    k, n = maps.shape[:2]
    flat = maps.reshape(k, n, -1).astype(np.float64)
    result = np.full(n, np.nan)
    for image in range(n):
        varied = [values for values in flat[:, image] if np.ptp(values) > 0]
        pairs = [(a, b) for i, a in enumerate(varied) for b in varied[:i]]
        if pairs:
            result[image] = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "cw3-correlation-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw3.check_class_correlation(class_correlation, SEED)
### BEGIN HIDDEN TESTS
cw3.mark_class_correlation(class_correlation, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-classes-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ### What it shows
#
# The network's last convolution, `classifier.4`, has one map of 6×6 for each of the ten classes; we take it
# before the last ReLU, where a class can be negative, too. We start with 1 in all 36 places of a class's
# map, and walk back to the pixels, for the cat and for five of your images.
#
# **Predict** before you run it: which rule's maps change most with the class?

# %%
chosen = rng.permutation(len(images))[:5]
some = np.concatenate([cat, images[chosen]])
class_maps = {
    name: np.stack([project(net, some, "classifier.4", from_unit(k), table(name)) for k in range(10)])
    for name in methods
}
correlations = {name: class_correlation(maps) for name, maps in class_maps.items()}

print("r, the mean correlation of two classes' maps, for the cat and for crops of these photos")
print(f"{'':>22}" + "".join(f"{title:>11}" for title in ("the cat", *(names[k // 8] for k in chosen))))
for name, each in correlations.items():
    title = name.replace("\n", " ")
    print(f"{title:>22}" + "".join(f"{r:>11.2f}" for r in each))

shown = [3, 5, 8, 1]
picture = Picture(figsize=(10, 7.4), dpi=66, layout="constrained")
picture.suptitle("The cat's maps for four classes; r is the mean over all pairs of the ten classes")
photo, sheet = picture.subfigures(1, 2, width_ratios=(1, 3))
photo.subplots().imshow(net.preprocess.photos(cat)[0])
for axes, (name, maps) in zip(sheet.subplots(len(methods), 4), class_maps.items(), strict=True):
    axes[0].set_ylabel(f"{name}\nr = {correlations[name][0]:.2f}")
    for place, k in zip(axes, shown, strict=True):
        place.imshow(in_colours(maps[k, 0]))
for axes, k in zip(sheet.axes, shown, strict=False):
    axes.set_title(net.classes[k])
for axes in picture.axes:
    axes.set(xticks=[], yticks=[])
picture

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw3-questions", "locked": true, "schema_version": 3, "solution": false, "task": false}
# Three questions to discuss; nothing to hand in.
#
# - Which of the two gates makes the maps of two classes alike? Add a row without gates to `methods`, too.
# - Without switches DeConvNet's correlation is the same for every image, and about as high as with them. Why
#   the same? Do the two then show the same? Compare the maps of two *images*, too.
# - The gradient's correlation is the lowest: near 0, or a little below. (Ten maps cannot go below −1/9 in the
#   mean: why?) Maps of noise would have about 0. What would you measure to tell the gradient from noise?
#
# ## References
#
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). DeConvNet, the strongest activations.
# - J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller: *Striving for simplicity: the all
#   convolutional net*, 2014, [arXiv 1412.6806](https://arxiv.org/abs/1412.6806). Guided backprop.
# - W. Nie, Y. Zhang, A. Patel: *A theoretical explanation for perplexing behaviors of backpropagation-based
#   visualizations*, ICML 2018, [arXiv 1805.07039](https://arxiv.org/abs/1805.07039). Why maps show the image.
