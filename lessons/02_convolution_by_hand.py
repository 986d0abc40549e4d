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
# # 2 · Convolution by hand
#
# A convolutional layer is six nested loops around one multiplication. This lesson does them with pencil and
# paper, then in Python, then fast. It does the same for max pooling. What later lessons do with
# convolutional networks is these loops walked backwards.
#
# **You will do:** compute a published example by hand; write convolution, `im2col`, max pooling with
# switches and unpooling; measure how much faster a compiler (numba) and a matrix library (BLAS) make the
# loops.
#
# **You will learn:** what stride, padding, dilation and 1×1 kernels do; why the "convolution" of networks is
# a cross-correlation; why the backward pass of max pooling is unpooling; what makes a convolution fast.
#
# **You need:** NumPy, and what a vector-Jacobian product (VJP) is: the gradient of $\sum_i g_i\,y_i$ with
# respect to the input, for given numbers $g$. Nothing is fetched: the photos come with scikit-image.
#
# **Time:** 90 minutes, of which the cells run about 10 seconds. Code BSD-3-Clause, text CC BY 4.0.

# %%
import time
from functools import partial

import ipywidgets
import numpy as np
from figures import as_jpeg  # needs lessons/figures/ beside this notebook
from figures import convolution_by_hand as figures
from IPython.display import display
from numba import njit
from threadpoolctl import threadpool_limits

import minixai as mx
from minixai.checks import convolution as checks
from minixai.checks import tell
from minixai.data import photo
from minixai.kernels import threads

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## 2.1 One window
#
# The example comes from the notes of Stanford's course CS231n, where it is an animation. The input $x$ has 3
# channels of 5×5 pixels. There are two filters, $w_0$ and $w_1$. Each has a 3×3 kernel for *every* channel,
# and one bias $b_k$. Around $x$ lies a ring of zeros (padding 1), and the window moves two pixels at a time
# (stride 2):
#
# $$y_{k,r,q} = b_k + \sum_{c,u,v} x_{c,\;2r+u-1,\;2q+v-1}\; w_{k,c,u,v},\qquad x = 0 \text{ outside.}$$
#
# Here $k$ counts the filters, $r$ and $q$ the rows and columns of the output, $c$ the channels, and $u$ and
# $v$ the rows and columns of the kernel; all begin at 0.
#
# The picture shows how one number of $y$ is made. In the upper row are the padded channels, with the window
# in orange; below each of them are its kernel and the products with the pixels in the window. The products
# and the bias add up to the framed number. The numbers that come later are still blank.
#
# > **Predict 1.** How many multiplications make one number of $y$? How many numbers does $y$ have?


# %% tags=["thumbnail"]
example = checks.example()
x, w, b, published = example  # published: the y that the course shows
y = mx.ops.conv2d(mx.Tensor(x[None]), mx.Tensor(w), mx.Tensor(b), stride=2, padding=1).value[0]
print("x", x.shape, " w", w.shape, " b", b, " y", y.shape)
print(f"one number takes {w[0].size} multiplications, and y has {y.size} numbers")
print("all are as published:", np.array_equal(y, published))
figures.one_window(example, k=0, place=2)

# %% [markdown]
# **Answer to prediction 1.** A filter has $3\cdot3\cdot3=27$ weights, so one number takes 27 multiplications,
# and the two filters make $2\cdot3\cdot3=18$ numbers.
#
# Now the same with sliders. Move `place` to run the window along the rows. Then change the stride and the
# padding, and watch the size of $y$. With dilation 2 the window skips every other pixel.

# %%
start = {"k": 0, "place": 0, "stride": 2, "padding": 1, "dilation": 1}
ends = {"k": (0, 1), "place": (0, 24), "stride": (1, 3), "padding": (0, 1), "dilation": (1, 2)}
sliders = {
    name: ipywidgets.IntSlider(start[name], *ends[name], description=name, continuous_update=False)
    for name in start
}
shown = ipywidgets.interactive_output(
    lambda **values: display(figures.one_window(example, **values)), sliders
)
shown.layout.height = "560px"  # a fixed height does not flicker
ipywidgets.VBox([ipywidgets.HBox(list(sliders.values()), layout={"flex_flow": "row wrap"}), shown])

# %% [markdown]
# ### Exercise 2.1 — one number by hand
# *Difficulty 1/5 · importance 4/5 · at most 10 minutes*
#
# With pencil and paper: $y_{0,2,0}$, in the last row and first column of the first filter's output. Read $x$
# and $w_0$ off the picture above the sliders; the grey zeros are the padding. Worked example: the number
# framed there is $y_{0,0,2}$; its channels give $-4$, $2$ and $0$, the bias is $1$, so it is $-1$.
#
# <details><summary>Hint</summary>
#
# The window begins at row $2\cdot2-1=3$ and column $2\cdot0-1=-1$ of $x$, counted without the padding. So its
# first column and its last row lie in the zeros. Four pixels of each channel remain.
#
# </details>
# <details><summary>Solution</summary>
#
# The four pixels are in rows 3 and 4, columns 0 and 1 of $x$. They meet rows 0 and 1, columns 1 and 2 of the
# kernel:
#
# $$\begin{aligned}
# \text{channel 0:}&\quad 2\cdot(-1)+0\cdot(-1)+2\cdot0+0\cdot0=-2\\
# \text{channel 1:}&\quad 2\cdot0+0\cdot(-1)+1\cdot1+0\cdot(-1)=1\\
# \text{channel 2:}&\quad 2\cdot0+2\cdot(-1)+2\cdot0+2\cdot0=-2
# \end{aligned}$$
#
# With the bias: $-2+1-2+1=-2$.
#
# </details>

# %%
y_020 = None  # your number

tell(checks.check_one_output, y_020)

# %% [markdown]
# ## 2.2 Stride, padding, dilation, 1×1
#
# There are five ways below to lay windows over the same 5×5 pixels: a 3×3 kernel as it is, with stride 2,
# with padding 1, and with dilation 2 and padding 1; and a 1×1 kernel. Orange is what the first window sees;
# the dots are what the second one sees, to the right of it.
#
# > **Predict 2.** How many rows and columns does the output of each of the five have?

# %%
layouts = {
    "plain": (3, {}),
    "stride 2": (3, {"stride": 2}),
    "padding 1": (3, {"padding": 1}),
    "dilation 2, padding 1": (3, {"padding": 1, "dilation": 2}),
    "1×1 kernel": (1, {}),
}
sizes = {}
for name, (side, layout) in layouts.items():
    ones = mx.Tensor(np.ones((1, 1, 5, 5))), mx.Tensor(np.ones((1, 1, side, side)))
    sizes[name] = side, layout, mx.ops.conv2d(*ones, **layout).shape[2:]
figures.layouts(sizes)

# %% [markdown]
# **Answer to prediction 2.** The sizes stand in the titles. Padding 1 keeps the size with a 3×3 kernel, and a
# 1×1 kernel needs no padding for it.
#
# Now on a photo. The 1×1 kernel sees one pixel and mixes its channels: here red minus the mean of green and
# blue. The 3×3 kernel subtracts the left column of its window from the right one, so it responds to vertical
# edges. With dilation 4 the same nine weights respond to wider edges. With a stride of 3, fewer numbers are
# computed.

# %%
cup = photo("coffee")[:400, 100:500].reshape(200, 2, 200, 2, 3).mean(axis=(1, 3))
cup = cup.transpose(2, 0, 1) / 255.0  # (3, 200, 200), 0 to 1
red = np.array([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1)
sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
edge = np.tile(sobel / 3, (1, 3, 1, 1))  # the mean of the three channels
filters = {
    "1×1, red − others": (red, {}),
    "vertical edges": (edge, {}),
    "dilation 4": (edge, {"dilation": 4}),
    "stride 3": (edge, {"stride": 3}),
}
outputs = {
    title: mx.ops.conv2d(mx.Tensor(cup[None]), mx.Tensor(weight), **layout).value[0, 0]
    for title, (weight, layout) in filters.items()
}
as_jpeg(figures.filtered_photo(cup, outputs))

# %% [markdown]
# In words, along one axis: a kernel that is $k$ weights wide, with dilation $d$, spans $d(k-1)+1$ pixels. It
# must fit into the image of $n$ pixels with its padding $p$ on both sides, which is $n+2p$ pixels wide. From
# one place to the next it moves by the stride $s$.
#
# ### Exercise 2.2 — the size of the output
# *Difficulty 1/5 · importance 5/5 · at most 5 minutes*
#
# Write `output_size(size, kernel, stride, padding, dilation)`: `int` in, `int` out. Worked example:
# `output_size(5, 3, 2, 1, 1)` is 3, because the windows of our example begin at $-1$, $1$ and $3$.
#
# <details><summary>Hint</summary>
#
# By how many pixels can the window move until it hits the end? Divided by the stride and rounded down, that
# is the number of steps. The first place takes no step.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def output_size(size, kernel, stride=1, padding=0, dilation=1):
#     return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
# ```
#
# </details>


# %%
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """The number of places, along one axis, at which the kernel lies inside the padded image."""
    return None  # your line


tell(checks.check_output_size, output_size)

# %% [markdown]
# ### Exercise 2.3 — six loops
# *Difficulty 2/5 · importance 5/5 · at most 20 minutes*
#
# Write `conv2d(x, w, b, stride, padding)` for one image, without dilation: `x` (c, h, w), `w` (k, c, kh, kw)
# and `b` (k,); the result is float64 of shape (k, h', w'). Worked example: `x = [[[1, 2], [3, 4]]]`,
# `w = [[[[0.5, 1], [0, 0]]]]` and `b = [1]` give `[[[3.5]]]`, for
# $1\cdot\tfrac12+2\cdot1+3\cdot0+4\cdot0+1=3.5$.
#
# <details><summary>Hint 1</summary>
#
# Lay the zeros around the image first, with `np.pad(x, ((0, 0), (p, p), (p, p)))`. Then no index falls
# outside.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Three loops run over the output, `k, r, q`, and three over the weights of a filter, `c, u, v`.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def conv2d(x, w, b, stride=1, padding=0):
#     x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
#     filters, channels, kh, kw = w.shape
#     rows = (x.shape[1] - kh) // stride + 1
#     columns = (x.shape[2] - kw) // stride + 1
#     y = np.zeros((filters, rows, columns))
#     for k in range(filters):
#         for r in range(rows):
#             for q in range(columns):
#                 y[k, r, q] = b[k]
#                 for c in range(channels):
#                     for u in range(kh):
#                         for v in range(kw):
#                             y[k, r, q] += x[c, stride * r + u, stride * q + v] * w[k, c, u, v]
#     return y
# ```
#
# </details>


# %%
def conv2d(x, w, b, stride=1, padding=0):
    """y (k, h', w') from x (c, h, w), w (k, c, kh, kw) and b (k,)."""
    return None  # your lines


tell(checks.check_conv2d, conv2d)
print("the published y:", *published.astype(int), sep="\n")

# %% [markdown]
# If it says *right*, your loops have produced these 18 numbers, because the check ends with the example of
# 2.1.
#
# **Checkpoint.** From here on the lesson uses `mx.ops.conv2d`, so you can go on even if your loops are not
# finished.

# %% [markdown]
# ## 2.3 Cross-correlation and convolution
#
# In mathematics, convolution has a minus sign in its index. Networks compute the cross-correlation, with a
# plus:
#
# $$(w * x)_{r,q}=\sum_{u,v} w_{u,v}\;x_{r-u,\,q-v}\qquad\text{and}\qquad
# (w \star x)_{r,q}=\sum_{u,v} w_{u,v}\;x_{r+u,\,q+v}.$$
#
# Each is the other with the kernel turned by 180°. For learning it makes no difference: the network simply
# learns the turned kernel.
#
# > **Predict 3.** The input is a single 1 among zeros. Which of the two returns the kernel as it is? And the
# > VJP of the cross-correlation, if the cotangent $g$ is that single 1?

# %%
dot = np.zeros((1, 1, 5, 5))
dot[..., 2, 2] = 1
kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)


def correlate(x, w):
    """What a layer with padding 1 computes."""
    return mx.ops.conv2d(mx.Tensor(x), mx.Tensor(w), padding=1).value


def convolve(x, w):
    """The same with the kernel turned by 180°."""
    return correlate(x, w[:, :, ::-1, ::-1])


def vjp(g, w):
    """The cotangent of the layer's input, from that of its output."""
    x = mx.Tensor(np.zeros_like(g))
    return mx.backward(mx.ops.conv2d(x, mx.Tensor(w), padding=1), g)[x]


# %%
print("one row: np.correlate", np.correlate([0, 0, 1, 0, 0], [1, 2, 3], "same"))
print("         np.convolve ", np.convolve([0, 0, 1, 0, 0], [1, 2, 3], "same"))
rng = np.random.default_rng(0)
g, weight = rng.normal(size=(1, 1, 5, 5)), rng.normal(size=(1, 1, 3, 3))
print("random g and w: the VJP is the convolution:", np.allclose(vjp(g, weight), convolve(g, weight)))
panels = {
    "$x$ or $g$": dot,
    "$w$": kernel,
    "$w \\star x$, the layer": correlate(dot, kernel),
    "$w * x$, convolution": convolve(dot, kernel),
    "VJP of the layer at $g$": vjp(dot, kernel),
}
figures.row_of_tables({title: values[0, 0] for title, values in panels.items()}, limit=9)

# %% [markdown]
# **Answer to prediction 3.** The layer returns the kernel turned; the convolution and the VJP return it as it
# is. Forward, each output reads the window around it. Backward, each output *adds* its cotangent, times the
# kernel, to the pixels that it read. So **a network correlates forward and convolves backward**. DeConvNet's
# "transposed filters" (lesson 6) are this backward step.

# %% [markdown]
# ## 2.4 One matrix product
#
# `im2col` writes every window as a *column* of a matrix. With every filter as a *row* of another, the whole
# convolution is one matrix product. For those there are very fast libraries, which share one interface,
# the **BLAS** (basic linear algebra subprograms); NumPy's `@` calls one. In the picture, orange is the window
# for the second row and last column of the output. Only channel 0 is written out.

# %%
x_pad = np.pad(x, ((0, 0), (1, 1), (1, 1)))
windows = np.lib.stride_tricks.sliding_window_view(x_pad, (3, 3), (1, 2))[:, ::2, ::2]  # (c, r, q, u, v)
as_columns = windows.transpose(0, 3, 4, 1, 2).reshape(27, 9)
as_rows = w.reshape(2, 27)
product = as_rows @ as_columns + b[:, None]
print("the product is the published y:", np.array_equal(product.reshape(2, 3, 3), published))

figures.windows_as_columns(x_pad, as_columns, as_rows, product, r=1, q=2)

# %% [markdown]
# ### Exercise 2.4 — im2col
# *Difficulty 3/5 · importance 4/5 · at most 15 minutes*
#
# Write `im2col(x, kh, kw, stride, padding)`: `x` (c, h, w), the result (c·kh·kw, h'·w') of the same dtype. A
# row belongs to one weight's place $(c,u,v)$, a column to one output's place $(r,q)$; as in the picture, the
# last index runs fastest. Worked example: `x = [[[0, 1, 2], [3, 4, 5]]]` and a 2×2 kernel give
# `[[0, 1], [1, 2], [3, 4], [4, 5]]`.
#
# <details><summary>Hint</summary>
#
# Fill an array of shape (c, kh, kw, h', w'), and reshape it at the end. Loops over `u` and `v` are enough:
# all pixels that one weight meets are a slice with a step.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def im2col(x, kh, kw, stride=1, padding=0):
#     x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
#     rows = (x.shape[1] - kh) // stride + 1
#     columns = (x.shape[2] - kw) // stride + 1
#     cols = np.empty((len(x), kh, kw, rows, columns), x.dtype)
#     for u in range(kh):
#         for v in range(kw):
#             cols[:, u, v] = x[:, u : u + stride * rows : stride, v : v + stride * columns : stride]
#     return cols.reshape(len(x) * kh * kw, rows * columns)
# ```
#
# </details>


# %%
def im2col(x, kh, kw, stride=1, padding=0):
    """The windows of x (c, h, w) as columns: (c·kh·kw, h'·w')."""
    return None  # your lines


tell(checks.check_im2col, im2col)

# %% [markdown]
# ## 2.5 How much faster numba and BLAS make it
#
# We compute the same numbers in several ways, with stride 1 and no padding:
#
# - **six loops**, the sum innermost, as in exercise 2.3;
# - **six loops in another order**: the output's column $q$ is innermost;
# - **im2col in loops**, and **BLAS** for the product;
# - the same loops **compiled by numba**, which translates a Python function into machine code at its first
#   call, without changing a character of them;
# - **minixai's** `conv2d`: no columns, its sums stay in the processor's registers; for 3×3 filters and many
#   channels by Winograd's algorithm, with a quarter of the multiplications.
#
# All run on one core, to be fair to the loops.
#
# > **Predict 4.** How many times faster does numba make the six loops: 3, 30, 300 or more? Does the order of
# > the loops matter in Python? Does it in numba?


# %%
def six_loops(x, w, y):
    """y[k, r, q] = Σ_{c,u,v} x[c, r + u, q + v] · w[k, c, u, v]."""
    for k in range(y.shape[0]):
        for r in range(y.shape[1]):
            for q in range(y.shape[2]):
                y[k, r, q] = 0
                for c in range(w.shape[1]):
                    for u in range(w.shape[2]):
                        for v in range(w.shape[3]):
                            y[k, r, q] += x[c, r + u, q + v] * w[k, c, u, v]


def another_order(x, w, y):
    """The same with q innermost."""
    for k in range(y.shape[0]):
        for r in range(y.shape[1]):
            y[k, r, :] = 0
            for c in range(w.shape[1]):
                for u in range(w.shape[2]):
                    for v in range(w.shape[3]):
                        for q in range(y.shape[2]):
                            y[k, r, q] += x[c, r + u, q + v] * w[k, c, u, v]


# %%
def copy_windows(x, cols):
    """cols[c, u, v, r, q] = x[c, r + u, q + v]."""
    for c in range(cols.shape[0]):
        for u in range(cols.shape[1]):
            for v in range(cols.shape[2]):
                for r in range(cols.shape[3]):
                    for q in range(cols.shape[4]):
                        cols[c, u, v, r, q] = x[c, r + u, q + v]


def through_columns(copy):
    """A convolution by im2col, where `copy` fills the columns, and BLAS."""

    def conv(x, w, y):
        cols = np.empty((*w.shape[1:], *y.shape[1:]), x.dtype)
        copy(x, cols)
        np.matmul(w.reshape(len(w), -1), cols.reshape(w[0].size, -1), out=y.reshape(len(y), -1))

    return conv


def packaged(x, w, y):
    """minixai's conv2d."""
    y[:] = mx.ops.conv2d(mx.Tensor(x[None]), mx.Tensor(w)).value[0]


# %%
def seconds(call):
    """The processor time of a call, without other programs' share: the mean of all that fit into 0.2 s."""
    calls, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < 0.2:
        call()
        calls += 1
    return spent / calls


python = {
    "six loops, Python": six_loops,
    "another order, Python": another_order,
    "im2col Python, BLAS": through_columns(copy_windows),
}
compiled = {
    "six loops, numba": njit(six_loops),
    "another order, numba": njit(another_order),
    "im2col numba, BLAS": through_columns(njit(copy_windows)),
    "minixai": packaged,
}
layers = {  # channels, filters, output's side, ways
    "8 → 16 channels, 16×16 outputs": (8, 16, 16, python | compiled),
    "64 → 64 channels, 28×28 outputs": (64, 64, 28, compiled),
}


# %%
def race(title, channels, filters, side, ways):
    """The times of all ways, on one core, and by how much their outputs differ."""
    image = rng.normal(size=(channels, side + 2, side + 2)).astype(np.float32)
    weight = rng.normal(size=(filters, channels, 3, 3)).astype(np.float32)
    outputs, times = {}, {}
    for name, way in ways.items():
        outputs[name] = np.empty((filters, side, side), np.float32)
        run = partial(way, image, weight, outputs[name])
        if name in compiled:
            run()  # untimed: numba compiles at the first call
        times[name] = seconds(run)
    difference = max(np.abs(out - outputs["minixai"]).max() for out in outputs.values())
    count = weight[0].size * outputs["minixai"].size
    print(f"{title}: {count:,} multiplications, the ways differ by {difference:.0e} at most")
    return times


# %%
cores = threads.get_num_threads()
threads.set_num_threads(1)
with threadpool_limits(1, "blas"):
    found = {title: race(title, *layer) for title, layer in layers.items()}
threads.set_num_threads(cores)
small = next(iter(found.values()))
for how in ("Python", "numba"):
    factor = small[f"six loops, {how}"] / small[f"another order, {how}"]
    print(f"{how}: {factor:.1f} times as fast with q innermost")
figures.times(found, interpreted=python)

# %% [markdown]
# **Answer to prediction 4.** Orange bars are interpreted, blue ones compiled; the axis is logarithmic. Your
# numbers will differ from ours with your machine and with what else it is doing; the order of magnitude
# should not.
#
# - **numba removes the interpreter**, and makes the six loops several hundred times as fast. The loops and
#   their order are the same. What is gone is the work of finding out, at every step, what
#   `x[c, r + u, q + v]` means.
# - **Once compiled, the order of the loops counts.** With the sum innermost, each addition waits for the one
#   before. With $q$ innermost the additions do not depend on each other and run along the memory, so the
#   processor does several at once. In Python, interpreting each line costs so much that the order hardly
#   shows: compare the two factors printed above the figure.
# - **im2col helps even in Python**, because its loops do not run over the filters; BLAS does that.
# - **BLAS beats the compiled loops.** It works in blocks that stay in the processor's nearest memory, and
#   uses each number many times while it is there. The price is space: the columns hold each pixel up to nine
#   times.

# %% [markdown]
# minixai's convolution takes BLAS's idea and leaves out the columns: `minixai/kernels/microkernel.py`
# explains on its first screen how a number is used many times while it is in a register, and `winograd.py`
# how the multiplications become fewer. On a small image this is slower than the bare columns (the left
# panel), because it also checks its arguments and writes the tape; on the larger one that no longer matters.

# %% [markdown]
# ## 2.6 Max pooling and its switches
#
# Max pooling keeps the largest number of each window, in each channel by itself. Where it was found is its
# **switch**: the index in the plane, counted along the rows. **Unpooling** puts numbers back to where the
# switches point.
#
# ### Exercise 2.5 — max pooling with switches
# *Difficulty 2/5 · importance 5/5 · at most 15 minutes*
#
# Write `max_pool(x, size, stride)`: `x` (c, h, w); it returns `y` and `switches`, both (c, h', w'), the
# latter integers. At a tie the *first* maximum along the rows counts. Worked example:
# `x = [[[1, 2, 0, 0], [4, 3, 0, 0]]]` with size and stride 2 gives `y = [[[4, 0]]]` and
# `switches = [[[4, 2]]]`.
#
# <details><summary>Hint</summary>
#
# `argmax` of a window is the first maximum's index in the flattened window. `divmod` by the size turns it
# into a row and a column; add those of the window's corner.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def max_pool(x, size, stride):
#     channels, height, width = x.shape
#     y = np.empty((channels, (height - size) // stride + 1, (width - size) // stride + 1))
#     switches = np.empty(y.shape, int)
#     for c, r, q in np.ndindex(*y.shape):
#         top, left = r * stride, q * stride
#         window = x[c, top : top + size, left : left + size]
#         u, v = divmod(window.argmax(), size)
#         y[c, r, q] = window[u, v]
#         switches[c, r, q] = (top + u) * width + left + v
#     return y, switches
# ```
#
# </details>

# %% [markdown]
# ### Exercise 2.6 — unpooling
# *Difficulty 2/5 · importance 5/5 · at most 10 minutes*
#
# Write `max_unpool(y, switches, h, w)`: `y` and `switches` (c, h', w'). The result (c, h, w) has `y` at the
# switches and 0 elsewhere. Where windows overlap, two can share a switch: then their numbers add up. Worked
# example: `y = [[[5, 6]]]` and `switches = [[[4, 2]]]` with h = 2, w = 4 give
# `[[[0, 0, 6, 0], [5, 0, 0, 0]]]`.
#
# <details><summary>Hint</summary>
#
# In `plane[switches] += y` NumPy keeps the last one of equal indices. A loop adds them all.
#
# </details>
# <details><summary>Solution</summary>
#
# ```python
# def max_unpool(y, switches, h, w):
#     x = np.zeros((len(y), h * w))
#     for c, r, q in np.ndindex(*y.shape):
#         x[c, switches[c, r, q]] += y[c, r, q]
#     return x.reshape(len(y), h, w)
# ```
#
# </details>


# %%
def max_pool(x, size, stride):
    """The maxima of the windows of x (c, h, w) and their switches, both (c, h', w')."""
    return None  # your lines


def max_unpool(y, switches, h, w):
    """y (c, h', w') at the switches of a plane (c, h, w), 0 elsewhere."""
    return None  # your lines


tell(checks.check_max_pool, max_pool)
tell(checks.check_max_unpool, max_unpool)

# %% [markdown]
# **Checkpoint.** minixai has both, as `mx.ops.max_pool2d` with `mx.ops.switches`, and `mx.ops.max_unpool2d`.
#
# > **Predict 5.** Which inputs does the output of max pooling depend on? So what is its VJP at a cotangent
# > $g$?

# %%
plane = mx.Tensor(rng.integers(-3, 8, size=(1, 1, 6, 6)).astype(float))
maxima = mx.ops.max_pool2d(plane, 2)
switches = mx.ops.switches(maxima)
g = np.arange(1.0, 10).reshape(1, 1, 3, 3)
unpooled = mx.ops.max_unpool2d(mx.Tensor(g), switches, (6, 6)).value
print("VJP = unpooled g:", np.array_equal(mx.backward(maxima, g)[plane], unpooled))

figures.pooling(plane.value, maxima.value, switches, g, unpooled)

# %% [markdown]
# **Answer to prediction 5.** Only the maxima reach the output, and each reaches it unchanged. So each
# cotangent goes back to its switch, and all other inputs get 0: **the VJP of max pooling is unpooling with
# switches.** The "unpooling" of DeConvNet (lesson 6) is therefore what the gradient does, too. (The frames
# show where the maxima are. One window has two 7s and another two 5s: the first one counts.)
#
# What do the switches carry? We take the edges of a photo (the vertical-edge kernel of 2.2, then a ReLU),
# pool them by 3×3, and put the maxima back in three ways: at their switches, at the top left of their
# windows, or in the middle. The printed cosine compares each picture with the edges; 1 would mean that it is
# the same up to a factor.
#
# > **Predict 6.** In which of the three pictures can you still follow the thin lines?

# %%
camera = photo("camera")[60:256, 130:326].mean(axis=2).reshape(98, 2, 98, 2).mean(axis=(1, 3)) / 255.0
edges = mx.ops.relu(mx.ops.conv2d(mx.Tensor(camera[None, None]), mx.Tensor(sobel[None, None])))
pooled = mx.ops.max_pool2d(edges, 3)
print("edges", edges.shape, " pooled", pooled.shape)
row, column = 3 * np.indices((32, 32))[:, None, None]
places = {
    "to the switches": mx.ops.switches(pooled),
    "to the top left": row * 96 + column,
    "to the middle": (row + 1) * 96 + column + 1,
}
shown = {"edges": edges.value, "pooled by 3×3": pooled.value}
for title, there in places.items():
    back = shown[title] = mx.ops.max_unpool2d(pooled, there, (96, 96)).value
    cosine = np.sum(back * edges.value) / np.linalg.norm(back) / np.linalg.norm(edges.value)
    print(f"{title}: cosine to the edges {cosine:.2f}")
figures.edges_and_back({title: values[0, 0] for title, values in shown.items()})

# %% [markdown]
# **Answer to prediction 6.** Only at their switches do the maxima draw lines. All three pictures hold the
# same numbers and differ only in the places, so the fine detail that comes back is in the switches. Remember
# this when an explanation looks sharp: its lines may come from the switches of the forward pass, whatever the
# question was.

# %% [markdown]
# ## 2.7 Where it fails
#
# **At a tie no switch is right.** Taking the first maximum is a convention, and other programs have others.
# After a ReLU ties are frequent, because many windows contain only zeros.
#
# **A stride sees the image through a grid.** Shift the input of a layer with stride 1 by a pixel, and its
# output moves along. With stride 2 it would have to move by half a pixel.
#
# > **Predict 7.** Shift the photo by 1 and by 2 pixels. By how much, in per cent of its norm, does the output
# > of a strided layer differ from the old output, once that has been moved to where it fits best?

# %%
blocks = edges.value[0, 0].reshape(48, 2, 48, 2).swapaxes(1, 2).reshape(-1, 4)
tied = (blocks == blocks.max(axis=1, keepdims=True)).sum(axis=1) > 1
print(f"2×2 windows of the edges: {tied.mean():.0%} with a tie, {(blocks == 0).all(axis=1).mean():.0%} all 0")


def change(layer, stride, shift):
    """What a shift to the left changes in the output but for moving it, in per cent of the norm."""
    image = photo("camera")[:, :, 0] / 255.0
    before, after = (
        layer(mx.Tensor(image[None, None, 64:448, at : at + 384])).value for at in (64, 64 + shift)
    )
    width = before.shape[3] - 4
    differences = [
        np.linalg.norm(after[..., :width] - before[..., move : move + width]) / np.linalg.norm(before)
        for move in range(4)
    ]
    return 100 * min(differences)


# %%
strided = {
    "edges, stride 1": (lambda image: mx.ops.conv2d(image, mx.Tensor(sobel[None, None])), 1),
    "edges, stride 2": (lambda image: mx.ops.conv2d(image, mx.Tensor(sobel[None, None]), stride=2), 2),
    "max pooling 2×2": (lambda image: mx.ops.max_pool2d(image, 2), 2),
}
for name, (layer, stride) in strided.items():
    print(f"{name}: {change(layer, stride, 1):.1f} % by a shift of 1, {change(layer, stride, 2):.1f} % of 2")

# %% [markdown]
# **Answer to prediction 7.** A shift by the whole stride only moves the output. A shift by half a stride
# makes new numbers: for the thin edges nine tenths of the output's norm change, for the maxima one tenth. And
# networks stack such layers: after the five poolings of VGG16, one step is $2^5=32$ pixels of the image.
#
# **Open question.** An explanation follows the switches and strides of one image. Shift that image by one
# pixel, and others come into play, though nobody would say that the content has changed. Should an
# explanation move along exactly? If so, is it the explanation that must change, or the network?
#
# ## References
# - CS231n, Stanford: *Convolutional neural networks*, [course notes](https://cs231n.github.io/convolutional-networks/).
#   The example, and more on layers and their sizes.
# - V. Dumoulin, F. Visin: *A guide to convolution arithmetic for deep learning*, 2016,
#   [arXiv 1603.07285](https://arxiv.org/abs/1603.07285). Strides, padding and transposes, drawn.
# - M. Lin, Q. Chen, S. Yan: *Network in network*, 2013, [arXiv 1312.4400](https://arxiv.org/abs/1312.4400).
#   1×1 kernels.
# - F. Yu, V. Koltun: *Multi-scale context aggregation by dilated convolutions*, 2015,
#   [arXiv 1511.07122](https://arxiv.org/abs/1511.07122).
# - K. Chellapilla, S. Puri, P. Simard: *High performance convolutional neural networks for document
#   processing*, 2006. Convolution as one matrix product.
# - M. D. Zeiler, R. Fergus: *Visualizing and understanding convolutional networks*, 2013,
#   [arXiv 1311.2901](https://arxiv.org/abs/1311.2901). Switches and unpooling.
# - R. Zhang: *Making convolutional networks shift-invariant again*, 2019,
#   [arXiv 1904.11486](https://arxiv.org/abs/1904.11486). What strides do to shifts.
# - Photos: *coffee* by Rachel Michetti and *camera* by Lav Varshney, both CC0, from scikit-image.
