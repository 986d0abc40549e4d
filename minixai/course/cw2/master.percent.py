# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-title", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Coursework 2 · Convolution, pooling and unpooling as kernels
#
# Lesson 2 took one image at a time, and left the way back through a convolution to minixai. Here you write
# what a framework runs: loops over batches, with stride, padding and dilation, compiled by numba. You write
# the way back, too: the two VJPs of the convolution, and unpooling. At the end your kernels take the edges of
# a photo apart and put them together again.
#
# **You need:** lesson 2, and what a VJP is (lesson 1). **Time:** about 100 minutes.
#
# | | exercise | points |
# |---|---|---|
# | 1 | one axis, by hand | 5 |
# | 2 | `conv2d` | 20 |
# | 3 | its VJP with respect to the input | 15 |
# | 4 | its VJP with respect to the weight | 10 |
# | 5 | transposed filters | 10 |
# | 6 | max pooling with switches | 15 |
# | 7 | unpooling and its adjoint | 10 |
# | 8 | loops along the memory | 15 |
#
# **Rules.** The work is your own. Write loops. NumPy may make arrays and tell a NaN (`np.isnan`), nothing
# else; only exercise 5 is plain NumPy. No answer writes to the arrays that it is given. While the checks run,
# `minixai.ops`, `minixai.kernels`, `minixai.nn` and the checks themselves are out of reach: an answer that
# calls them gets nothing. Functions under `@numba.njit` must stay compiled; you may write helpers, under
# `@numba.njit`, too.
#
# **Indices.** Compiled code does not notice an index outside an array: it reads anything, or crashes. Python
# does notice. So the checks run your functions by Python first. So can you: `conv2d.py_func(x, w, 1, 1, 1)`.
#
# **Checks.** Below each exercise is a cell to try it in, and then a test cell. A test cell that prints nothing
# has passed; an error says what is wrong. Marking runs the same tests with other numbers and shapes, and some
# cases more that the text names. Before you hand in: *Restart and run all*, then save.
#
# Code BSD-3-Clause, text CC BY 4.0.

# %%
import timeit

import matplotlib
import numba
import numpy as np
from threadpoolctl import threadpool_limits

import minixai as mx
from minixai.course.cw2 import checks as cw2
from minixai.data import photo
from minixai.kernels import threads
from minixai.plot import Picture, style

matplotlib.rcParams.update(style.RC)
np.set_printoptions(precision=3, suppress=True)

SEED = 0
rng = np.random.default_rng(SEED)


@numba.njit
def warm_up(x):
    """The first call starts the compiler."""
    return x + 1


print("your numbers:", cw2.axis(SEED), "· numba", numba.__version__, "· ready:", warm_up(1) == 2)

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-by-hand-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1 One axis, by hand (5 points)
#
# Along one axis, output $r$ multiplies weight $u$ with the pixel
#
# $$\operatorname{row}(r, u) = r\,s + u\,d - p,$$
#
# with stride $s$, dilation $d$ and padding $p$. Pixels outside the image count as 0. All of this coursework
# is this one line. Take the numbers that the cell above has printed:
#
# - `places`: how many outputs are there? The dilated kernel must fit into the padded axis.
# - `readers`: the pixel with the index `pixel`, counted from 0, is multiplied with a weight how many times?
#   Count the pairs $(r, u)$ with $\operatorname{row}(r, u)$ = `pixel`, for outputs $r$ that exist. That many
#   products add up in its gradient.
#
# Worked example: size 5, kernel 3, stride 2, padding 1, dilation 1. There are 3 outputs. Pixel 1 has two
# readers, $(0, 2)$ and $(1, 0)$; pixel 2 has one, $(1, 1)$.

# %% nbgrader={"grade": false, "grade_id": "cw2-by-hand", "locked": false, "schema_version": 3, "solution": true, "task": false}
# In place of the line below, set places = … and readers = …
### BEGIN SOLUTION
numbers = cw2.axis(SEED)
reach = numbers.dilation * (numbers.kernel - 1) + 1
places = (numbers.size + 2 * numbers.padding - reach) // numbers.stride + 1
rows = [
    r * numbers.stride + u * numbers.dilation - numbers.padding
    for r in range(places)
    for u in range(numbers.kernel)
]
readers = rows.count(numbers.pixel)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "cw2-by-hand-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
cw2.check_by_hand(places, readers, SEED)

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-conv2d-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2 Convolution (20 points)
#
# For a batch of images and $K$ filters (Goodfellow, Bengio and Courville 2016, equation 9.8, here with
# padding and dilation and counted from 0):
#
# $$y_{n,k,r,q} = \sum_{c,u,v} x_{n,\;c,\;rs+ud-p,\;qs+vd-p}\; w_{k,c,u,v},\qquad x = 0 \text{ outside.}$$
#
# There is no bias, and stride, padding and dilation hold for both axes. Do not copy $x$ into a larger array
# of zeros: leave out the products whose pixel is outside.
#
# `np.zeros(shape, x.dtype)` works under numba. For float32 the result is float32, too.


# %% nbgrader={"grade": false, "grade_id": "cw2-conv2d", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def conv2d(x, w, stride, padding, dilation):
    """The cross-correlation of images with filters.

    x (n, c, height, width) and w (k, c, kh, kw): of the same float dtype; stride, padding, dilation: int.
    Returns y (n, k, rows, columns) of this dtype.

    Example: x = [[[[1, 2], [3, 4]]]], w = [[[[0, 1], [0, 10]]]] with stride 1, padding 1, dilation 1 give
    y = [[[[10, 20, 0], [31, 42, 0], [3, 4, 0]]]]. The 31 is 1 · 1 + 3 · 10.
    """
    ### BEGIN SOLUTION
    n, channels, height, width = x.shape
    filters, _, kh, kw = w.shape
    rows = (height + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, filters, rows, columns), x.dtype)
    for i in range(n):
        for k in range(filters):
            for r in range(rows):
                for q in range(columns):
                    total = 0.0
                    for c in range(channels):
                        for u in range(kh):
                            for v in range(kw):
                                row = r * stride + u * dilation - padding
                                column = q * stride + v * dilation - padding
                                if 0 <= row < height and 0 <= column < width:
                                    total += x[i, c, row, column] * w[k, c, u, v]
                    y[i, k, r, q] = total
    return y
    ### END SOLUTION


# %%
x = np.array([[[[1.0, 2], [3, 4]]]])
w = np.array([[[[0.0, 1], [0, 10]]]])
print(conv2d(x, w, 1, 1, 1))  # the example

# %% nbgrader={"grade": true, "grade_id": "cw2-conv2d-test", "locked": true, "points": 20, "schema_version": 3, "solution": false, "task": false}
cw2.check_conv2d(conv2d, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_conv2d(conv2d, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-vjp-input-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3 The VJP with respect to the input (15 points)
#
# Let $g$ be the cotangent of $y$. Every product $x\,w$ that went into an output sends $g\,w$ back to its
# pixel:
#
# $$(g_x)_{n,\;c,\;rs+ud-p,\;qs+vd-p} \mathrel{+}= g_{n,k,r,q}\; w_{k,c,u,v}\qquad\text{for all } k,r,q,u,v.$$
#
# The forward pass *gathers*, this one *scatters* (Goodfellow et al., equation 9.13, solves for the pixel; you
# need not). Several windows read the same pixel, so it gets a sum: that of the readers of exercise 1. The
# output's size does not tell the input's, as with a stride some pixels may be left over. So the input's size
# is an argument.


# %% nbgrader={"grade": false, "grade_id": "cw2-vjp-input", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def conv2d_vjp_input(g, w, height, width, stride, padding, dilation):
    """The cotangent of x in y = conv2d(x, w, stride, padding, dilation).

    g (n, k, rows, columns) and w (k, c, kh, kw): of the same float dtype; height, width: those of x.
    Returns gx (n, c, height, width) of this dtype.

    Example: w = [[[[0, 1], [0, 10]]]], g = [[[[3, 0, 0], [1, 2, 0], [0, 0, 0]]]], height = width = 2,
    stride 1, padding 1, dilation 1 give gx = [[[[31, 2], [10, 20]]]]. The 31 is 1 · 1 + 3 · 10: this pixel
    went into y[0, 0, 1, 0] and y[0, 0, 0, 0].
    """
    ### BEGIN SOLUTION
    n, filters, rows, columns = g.shape
    _, channels, kh, kw = w.shape
    gx = np.zeros((n, channels, height, width), g.dtype)
    for i in range(n):
        for k in range(filters):
            for r in range(rows):
                for q in range(columns):
                    for c in range(channels):
                        for u in range(kh):
                            for v in range(kw):
                                row = r * stride + u * dilation - padding
                                column = q * stride + v * dilation - padding
                                if 0 <= row < height and 0 <= column < width:
                                    gx[i, c, row, column] += g[i, k, r, q] * w[k, c, u, v]
    return gx
    ### END SOLUTION


# %%
g = np.array([[[[3.0, 0, 0], [1, 2, 0], [0, 0, 0]]]])
print(conv2d_vjp_input(g, w, 2, 2, 1, 1, 1))  # the example

# %% nbgrader={"grade": true, "grade_id": "cw2-vjp-input-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw2.check_conv2d_vjp_input(conv2d_vjp_input, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_conv2d_vjp_input(conv2d_vjp_input, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-vjp-weight-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4 The VJP with respect to the weight (10 points)
#
# A weight is used in every image and at every place (Goodfellow et al., equation 9.11):
#
# $$(g_w)_{k,c,u,v} = \sum_{n,r,q} g_{n,k,r,q}\; x_{n,\;c,\;rs+ud-p,\;qs+vd-p}.$$
#
# This is what training needs. It is also how minixai fits patterns: at the cotangent $y$ it is the sum of
# $x\,y$ over all patches (lesson 11).


# %% nbgrader={"grade": false, "grade_id": "cw2-vjp-weight", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def conv2d_vjp_weight(g, x, kh, kw, stride, padding, dilation):
    """The cotangent of w in y = conv2d(x, w, stride, padding, dilation).

    g (n, k, rows, columns) and x (n, c, height, width): of the same float dtype; kh, kw: those of w.
    Returns gw (k, c, kh, kw) of this dtype.

    Example: x = [[[[1, 2], [3, 4]]]] and the g of exercise 3, with kh = kw = 2, stride 1, padding 1,
    dilation 1 give gw = [[[[2, 5], [6, 14]]]]. The 5 is 1 · 1 + 2 · 2.
    """
    ### BEGIN SOLUTION
    n, filters, rows, columns = g.shape
    _, channels, height, width = x.shape
    gw = np.zeros((filters, channels, kh, kw), g.dtype)
    for k in range(filters):
        for c in range(channels):
            for u in range(kh):
                for v in range(kw):
                    total = 0.0
                    for i in range(n):
                        for r in range(rows):
                            for q in range(columns):
                                row = r * stride + u * dilation - padding
                                column = q * stride + v * dilation - padding
                                if 0 <= row < height and 0 <= column < width:
                                    total += g[i, k, r, q] * x[i, c, row, column]
                    gw[k, c, u, v] = total
    return gw
    ### END SOLUTION


# %%
print(conv2d_vjp_weight(g, x, 2, 2, 1, 1, 1))  # the example

# %% nbgrader={"grade": true, "grade_id": "cw2-vjp-weight-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw2.check_conv2d_vjp_weight(conv2d_vjp_weight, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_conv2d_vjp_weight(conv2d_vjp_weight, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-transposed-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5 Transposed filters (10 points)
#
# DeConvNet goes back through a convolution with "transposed versions of the same filters" (Zeiler and Fergus
# 2014, section 2.1). With stride 1, the scatter of exercise 3 is itself a convolution of $g$:
#
# $$g_x = \mathtt{conv2d}(g,\, \tilde w,\, 1,\, \tilde p,\, d).$$
#
# Which filters $\tilde w$, and which padding $\tilde p$? Take square kernels with $S \times S$ weights. Solve
# $\operatorname{row}(r, u) = r + ud - p$ for $r$, and compare with $\operatorname{row}(r, u)$ itself: a weight
# that reads from the left when going forward must read from the right when going back. Filters and channels
# change places: $g$ has a channel for each filter. For $p > d\,(S-1)$ the padding $\tilde p$ is negative; your
# `conv2d` takes that, too. Plain NumPy here, without `@numba.njit`.


# %% nbgrader={"grade": false, "grade_id": "cw2-transposed", "locked": false, "schema_version": 3, "solution": true, "task": false}
def transposed(w, padding, dilation):
    """The filters and the padding of the convolution that takes g to gx, for stride 1.

    w (k, c, s, s) float; padding, dilation: int, those of the forward convolution.
    Returns the filters (c, k, s, s) and the padding, an int.

    Example: w = [[[[1, 2], [3, 4]]]] with padding 0 and dilation 1 gives filters [[[[4, 3], [2, 1]]]] and
    padding 1.
    """
    ### BEGIN SOLUTION
    filters = w.swapaxes(0, 1)[:, :, ::-1, ::-1]
    return filters, dilation * (w.shape[2] - 1) - padding
    ### END SOLUTION


# %%
print(transposed(np.array([[[[1.0, 2], [3, 4]]]]), 0, 1))  # the example

# With your own functions: both ways back are the same (0, or a rounding error).
cotangent, kernels = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(3, 2, 3, 3))
filters, border = transposed(kernels, 1, 2)
scattered = conv2d_vjp_input(cotangent, kernels, 10, 10, 1, 1, 2)
print("largest difference:", np.abs(conv2d(cotangent, filters, 1, border, 2) - scattered).max())

# %% nbgrader={"grade": true, "grade_id": "cw2-transposed-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw2.check_transposed(transposed, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_transposed(transposed, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-max-pool-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6 Max pooling with switches (15 points)
#
# $$y_{n,c,r,q} = \max_{0\le u,v<S} x_{n,\;c,\;rs+u-p,\;qs+v-p},\qquad x = -\infty \text{ outside.}$$
#
# The **switch** is the place of the maximum in its plane: row · width + column. It always points to a pixel
# of the image, never into the padding. The padding is at most half of the window's size, so each window has
# pixels of the image.
#
# - At a tie the first pixel along the rows counts.
# - NaN is larger than any number: a network that computes NaN should not hide it. The first NaN of a window
#   counts. Comparisons with NaN are false, so think about which ones you make.
# - A window may hold nothing but $-\infty$. Its switch is its first pixel inside the image.


# %% nbgrader={"grade": false, "grade_id": "cw2-max-pool", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def max_pool2d(x, size, stride, padding):
    """The maxima of square windows, and their switches.

    x (n, c, height, width) float; size, stride, padding: int.
    Returns y (n, c, rows, columns) of x's dtype, and switches, of the same shape, int64.

    Example: x = [[[[-1, -4, -2]]]] with size 3, stride 2, padding 1 gives y = [[[[-1, -2]]]] and
    switches = [[[[0, 2]]]].
    """
    ### BEGIN SOLUTION
    n, channels, height, width = x.shape
    rows = (height + 2 * padding - size) // stride + 1
    columns = (width + 2 * padding - size) // stride + 1
    y = np.zeros((n, channels, rows, columns), x.dtype)
    switches = np.zeros(y.shape, np.int64)
    for i in range(n):
        for c in range(channels):
            for r in range(rows):
                for q in range(columns):
                    top, left = max(r * stride - padding, 0), max(q * stride - padding, 0)
                    bottom = min(r * stride - padding + size, height)
                    right = min(q * stride - padding + size, width)
                    best, place = x[i, c, top, left], top * width + left
                    for row in range(top, bottom):
                        for column in range(left, right):
                            value = x[i, c, row, column]
                            if value > best or (np.isnan(value) and not np.isnan(best)):
                                best, place = value, row * width + column
                    y[i, c, r, q] = best
                    switches[i, c, r, q] = place
    return y, switches
    ### END SOLUTION


# %%
print(max_pool2d(np.array([[[[-1.0, -4, -2]]]]), 3, 2, 1))  # the example
print(max_pool2d(np.array([[[[1.0, np.nan, np.nan, 3]]]]), 3, 2, 1))  # NaN and NaN, switches 1 and 1

# %% nbgrader={"grade": true, "grade_id": "cw2-max-pool-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw2.check_max_pool2d(max_pool2d, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_max_pool2d(max_pool2d, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-unpool-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7 Unpooling and its adjoint (10 points)
#
# Unpooling (Zeiler and Fergus 2014, section 2.1) puts numbers to where the switches point, and 0 elsewhere.
# Where windows overlap, switches can coincide: then the numbers add up. That makes it the VJP of max pooling.
#
# It is linear in its numbers, so it has an adjoint: `gather` reads the pixels that the switches point to. For
# all $y$ and $x$ of the right shapes,
#
# $$\langle \mathtt{max\_unpool2d}(y), x\rangle = \langle y, \mathtt{gather}(x)\rangle.$$


# %% nbgrader={"grade": false, "grade_id": "cw2-unpool", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def max_unpool2d(y, switches, height, width):
    """y at the switches, added up where they coincide, and 0 elsewhere.

    y (n, c, rows, columns) float, and switches, of the same shape, int64; height, width: those of the result.
    Returns x (n, c, height, width) of y's dtype.

    Example: y = [[[[1, 2, 3, 4]]]], switches = [[[[1, 1, 1, 2]]]], height 1 and width 4 give
    [[[[0, 6, 4, 0]]]].
    """
    ### BEGIN SOLUTION
    x = np.zeros((y.shape[0], y.shape[1], height, width), y.dtype)
    for i in range(y.shape[0]):
        for c in range(y.shape[1]):
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    place = switches[i, c, r, q]
                    x[i, c, place // width, place % width] += y[i, c, r, q]
    return x
    ### END SOLUTION


@numba.njit
def gather(x, switches):
    """The pixels of x at the switches.

    x (n, c, height, width) float, and switches (n, c, rows, columns) int64.
    Returns y, of the shape of switches and x's dtype.

    Example: x = [[[[1, 5, 2, 0]]]] and switches = [[[[1, 1, 1, 2]]]] give [[[[5, 5, 5, 2]]]].
    """
    ### BEGIN SOLUTION
    width = x.shape[3]
    y = np.zeros(switches.shape, x.dtype)
    for i in range(y.shape[0]):
        for c in range(y.shape[1]):
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    place = switches[i, c, r, q]
                    y[i, c, r, q] = x[i, c, place // width, place % width]
    return y
    ### END SOLUTION


# %%
switches = np.array([[[[1, 1, 1, 2]]]])
print(max_unpool2d(np.array([[[[1.0, 2, 3, 4]]]]), switches, 1, 4))  # the examples
print(gather(np.array([[[[1.0, 5, 2, 0]]]]), switches))

# With your own functions: the two sides of the equation, for windows that overlap.
image = rng.normal(size=(2, 3, 9, 9))
maxima, switches = max_pool2d(image, 3, 2, 1)
numbers_in, image_in = rng.normal(size=maxima.shape), rng.normal(size=image.shape)
print(np.sum(max_unpool2d(numbers_in, switches, 9, 9) * image_in))
print(np.sum(numbers_in * gather(image_in, switches)))

# %% nbgrader={"grade": true, "grade_id": "cw2-unpool-test", "locked": true, "points": 10, "schema_version": 3, "solution": false, "task": false}
cw2.check_unpooling(max_unpool2d, gather, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_unpooling(max_unpool2d, gather, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown] nbgrader={"grade": false, "grade_id": "cw2-fast-text", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8 Loops along the memory (15 points)
#
# Your `conv2d` is compiled, but it asks at each product whether the pixel is inside, and its innermost sum
# makes each addition wait for the one before. Both go away:
#
# - **No question in the innermost loop.** For one weight $v$, let `offset` be $vd-p$. Output $q$ reads column
#   $qs+\mathtt{offset}$. Those $q$ that read inside the image are a range, `first` ≤ $q$ < `stop`. `inside`
#   computes it, from one division for each end. Python's `//` rounds down, for negative numbers, too.
# - **The columns of $y$ innermost.** For a fixed weight, the numbers of a row of $y$ do not depend on each
#   other, and with stride 1 they and their pixels lie side by side in memory, so the processor can do several
#   at once (it does when no index may be negative: see *What it brings*).
# - **Fewer indices.** Before the innermost loop, take out what it needs: the weight, the part of a row of
#   $y$, such as `out = y[i, k, r, first:stop]`, and the row of $x$. Slices copy nothing.
#
# The mark comes from no clock. The test runs your function by Python on an array that notes which pixels the
# loops read: with a 1×1 kernel and stride 1, most steps must lead from a pixel to the next one in memory. It
# also wants the right numbers, compiled.


# %% nbgrader={"grade": false, "grade_id": "cw2-fast", "locked": false, "schema_version": 3, "solution": true, "task": false}
@numba.njit
def inside(offset, size, stride, count):
    """The range of the q from 0 to count − 1 for which 0 ≤ q · stride + offset < size.

    Returns (first, stop), two ints with 0 ≤ first ≤ stop ≤ count, first = stop where there is no such q.

    Example: inside(-1, 5, 2, 4) is (1, 3): q = 0, 1, 2, 3 read the pixels −1, 1, 3, 5.
    """
    ### BEGIN SOLUTION
    first = min(max(0, -(offset // stride)), count)
    stop = min((size - 1 - offset) // stride + 1, count)
    return first, max(first, stop)
    ### END SOLUTION


@numba.njit
def conv2d_fast(x, w, stride, padding, dilation):
    """As conv2d, with the loop over the columns of y innermost, and in it no question whether a pixel is inside.

    No copy of x in a larger array, either.
    """
    ### BEGIN SOLUTION
    n, channels, height, width = x.shape
    filters, _, kh, kw = w.shape
    rows = (height + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, filters, rows, columns), x.dtype)
    for i in range(n):
        for k in range(filters):
            for c in range(channels):
                for u in range(kh):
                    top, bottom = inside(u * dilation - padding, height, stride, rows)
                    for v in range(kw):
                        offset = v * dilation - padding
                        left, right = inside(offset, width, stride, columns)
                        weight = w[k, c, u, v]
                        for r in range(top, bottom):
                            row = r * stride + u * dilation - padding
                            out = y[i, k, r, left:right]
                            pixels = x[i, c, row, left * stride + offset :]
                            for q in range(out.size):
                                out[q] += pixels[q * stride] * weight
    return y
    ### END SOLUTION


# %%
print(inside(-1, 5, 2, 4))  # the example
print(conv2d_fast(x, w, 1, 1, 1))  # the example of exercise 2

# %% nbgrader={"grade": true, "grade_id": "cw2-fast-test", "locked": true, "points": 15, "schema_version": 3, "solution": false, "task": false}
cw2.check_conv2d_fast(inside, conv2d_fast, SEED)
### BEGIN HIDDEN TESTS
cw2.mark_conv2d_fast(inside, conv2d_fast, HIDDEN_SEED)
### END HIDDEN TESTS

# %% [markdown]
# ## What it brings
#
# No marks from here on. The picture shows the time divided by the number of multiplications, those with the
# padding included, for a layer with 8 channels, 16 filters of 3×3 and 64×64 outputs in float32; Python runs a
# small part of it. NumPy multiplies copied windows by BLAS, as lesson 2 did. All use one core.
#
# numba lets an index be negative, as Python does, and asks about each whether it is. This keeps the processor
# from doing several products at once. `pixels[np.uint64(q * stride)]` spares it the question. The last two
# bars are the innermost loop alone, for one long row, without and with this.


# %%
def windows_and_blas(x, w):
    """NumPy: the windows copied side by side, times the filters, for padding 1."""
    framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(framed, w.shape[2:], (2, 3))
    return np.tensordot(windows, w, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


@numba.njit
def add_row(total, numbers, factor, step):
    for i in range(len(total)):
        total[i] += factor * numbers[i * step]


@numba.njit
def add_row_unsigned(total, numbers, factor, step):
    for i in range(len(total)):
        total[i] += factor * numbers[np.uint64(i * step)]


layer = rng.normal(size=(1, 8, 64, 64)).astype(np.float32), rng.normal(size=(16, 8, 3, 3)).astype(np.float32)
small = layer[0][:, :2, :16, :16].copy(), layer[1][:2, :2].copy()
tensors = mx.Tensor(layer[0]), mx.Tensor(layer[1])
row = np.zeros(8192, np.float32), np.zeros(8192, np.float32), np.float32(0.5), 1  # its stride is 1
ways = {  # what is timed, and its number of multiplications
    "conv2d, Python": (lambda: conv2d.py_func(*small, 1, 1, 1), small[1].size * 16**2),
    "conv2d, numba": (lambda: conv2d(*layer, 1, 1, 1), layer[1].size * 64**2),
    "conv2d_fast, numba": (lambda: conv2d_fast(*layer, 1, 1, 1), layer[1].size * 64**2),
    "NumPy, windows and BLAS": (lambda: windows_and_blas(*layer), layer[1].size * 64**2),
    "minixai": (lambda: mx.ops.conv2d(*tensors, padding=1).value, layer[1].size * 64**2),
    "one row": (lambda: add_row(*row), row[0].size),
    "one row, uint64": (lambda: add_row_unsigned(*row), row[0].size),
}
nanoseconds = {}
cores = threads.get_num_threads()
threads.set_num_threads(1)
with threadpool_limits(1):
    for name, (way, multiplications) in ways.items():
        way()  # untimed: numba compiles at the first call
        nanoseconds[name] = 1e9 * min(timeit.repeat(way, number=1, repeat=10)) / multiplications
threads.set_num_threads(cores)

picture = Picture(figsize=(10, 4), dpi=80, layout="constrained")
picture.get_layout_engine().set(w_pad=0.15, h_pad=0.1)
axes = picture.subplots()
colours = [style.FILTER, style.PATTERN, style.PATTERN, style.FAINT, style.FAINT, style.PATTERN, style.PATTERN]
bars = axes.barh(list(nanoseconds), list(nanoseconds.values()), color=colours)
axes.bar_label(bars, [f"{float(f'{t:.2g}'):g}" for t in nanoseconds.values()], padding=4)
axes.set(xscale="log", xlabel="nanoseconds a multiplication", xlim=(0.01, 2000))
axes.invert_yaxis()
picture

# %% [markdown]
# Compiling brings the most, by far. NumPy takes longer for copying the windows than for multiplying them;
# minixai copies them by compiled loops along the memory, and then multiplies by BLAS, too. When this was
# written, `np.uint64` made the loop over a row four to five times as fast, and a whole `conv2d_fast` three to
# four times: try it in yours.

# %% [markdown]
# ## The edges of a photo, and back
#
# Four filters look for edges in four directions. A ReLU keeps one sign, and max pooling keeps the largest
# number of each 4×4 window. Then the way back, as in a layer of DeConvNet: unpooling, and the filters
# transposed. (DeConvNet's ReLU on the way back has nothing to do here, as no maximum is negative.) The last
# picture is made of the same maxima, but each next to the middle of its window, not at its switch.
#
# In the photo light is bright; in the next three pictures, the darker the stronger. In the last two white is
# 0, red positive and blue negative, on the same scale.

# %%
grey = photo("chelsea")[50:180, 120:250].mean(axis=2) / 255.0
photo_in = grey[None, None].astype(np.float32)
across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
diagonal = np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])
edge_filters = np.array([across, across.T, diagonal, diagonal[:, ::-1]], np.float32)[:, None] / 4

edges = np.maximum(conv2d_fast(photo_in, edge_filters, 1, 0, 1), 0)  # (1, 4, 128, 128)
maxima, switches = max_pool2d(edges, 4, 4, 0)
unpooled = max_unpool2d(maxima, switches, 128, 128)
row, column = 4 * np.indices((32, 32)) + 1
fixed = max_unpool2d(maxima, np.broadcast_to(row * 128 + column, maxima.shape).copy(), 128, 128)
print("gathered again, these are the maxima:", np.array_equal(gather(unpooled, switches), maxima))

shown = {
    "photo": photo_in[0, 0],
    "edges, strongest of 4": edges[0].max(axis=0),
    "maxima of 4×4 windows": maxima[0].max(axis=0),
    "unpooled by the switches": unpooled[0].max(axis=0),
    "back, by the switches": conv2d_vjp_input(unpooled, edge_filters, 130, 130, 1, 0, 1)[0, 0],
    "back, without them": conv2d_vjp_input(fixed, edge_filters, 130, 130, 1, 0, 1)[0, 0],
}
picture = Picture(figsize=(12, 8.6), dpi=100, layout="constrained")
picture.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
for axes, (title, values) in zip(picture.subplots(2, 3).flat, shown.items(), strict=True):
    if title == "photo":
        axes.imshow(values, interpolation="nearest", cmap="gray", vmin=0, vmax=1)
    elif title.startswith("back"):
        axes.imshow(values, interpolation="nearest", cmap="RdBu_r", vmin=-0.3, vmax=0.3)
    else:
        axes.imshow(values, interpolation="nearest", cmap="gray_r", vmin=0, vmax=0.3)
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
picture

# %% [markdown]
# The maxima know to four pixels where an edge is, their switches know it to one. So the rims of the eye come
# back as curves with the switches, and in steps without. What an explanation shows of fine lines, it has from
# the switches.
#
# ## References
# - I. Goodfellow, Y. Bengio, A. Courville: *Deep Learning*, MIT Press 2016, section 9.5.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, ECCV 2014,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901), section 2.1.
# - V. Dumoulin, F. Visin: *A guide to convolution arithmetic for deep learning*, 2016,
#   [arXiv 1603.07285](https://arxiv.org/abs/1603.07285).
# - Photo: *chelsea* by Stéfan van der Walt, CC0, from scikit-image.
