"""What every operation's traits claim, in numbers: a trait wrongly declared makes wrong maps in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from minixai import ops
from minixai.op import Op, Trait
from minixai.tape import Tensor, tape_of

OPS = {name: op for name in ops.__all__ if isinstance(op := getattr(ops, name), Op)}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


class Call(NamedTuple):
    """A sample call: the first `paths` inputs come from what is explained, or that at `path` alone."""

    op: Op
    inputs: tuple[np.ndarray, ...]
    settings: dict[str, Any]
    paths: tuple[int, ...]

    def __call__(self, *xs: np.ndarray) -> np.ndarray:
        """The output where the paths have these values."""
        inputs = list(self.inputs)
        for k, x in zip(self.paths, xs, strict=True):
            inputs[k] = x
        return self.op(*inputs, **self.settings).value

    @property
    def xs(self) -> tuple[np.ndarray, ...]:
        return tuple(self.inputs[k] for k in self.paths)

    def traits(self) -> tuple[Trait, ...]:
        inputs = [Tensor(x) for x in self.inputs]
        y = self.op(*inputs, **self.settings)
        node = tape_of(y, [inputs[k] for k in self.paths])[y]
        assert node is not None
        return self.op.traits_of(node)


def call(name: str, *inputs: np.ndarray, paths: tuple[int, ...] = (0,), **settings: Any) -> Call:
    return Call(OPS[name], inputs, settings, paths)


MAPS, X = normal(2, 4, 6, 6), normal(3, 4)
CALLS = [
    *(call(name, 4 * X) for name in ("relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "softplus")),
    *(call(name, 4 * X) for name in ("silu", "gelu", "hardsigmoid", "hardswish", "step", "exp")),
    call("log", np.abs(X) + 1),
    call("power", X, np.array(3.0)),
    call("power", np.array(2.0), X, paths=(1,)),
    call("power", np.abs(X) + 1, normal(4, seed=1), paths=(0, 1)),
    call("softmax", X),
    call("log_softmax", X, axis=0),
    call("cross_entropy", X, labels=np.array([0, 3, 1])),
    call("mean_squared_error", X, normal(3, 4, seed=1)),
    call("linear", X, normal(5, 4), normal(5)),
    call("conv2d", MAPS, normal(6, 2, 3, 3), normal(6), stride=2, padding=1, groups=2),
    call("conv1d", MAPS[..., 0], normal(6, 2, 3), normal(6), stride=2, padding=1, groups=2),
    call(
        "conv_transpose2d",
        MAPS,
        normal(4, 3, 3, 2),
        normal(6),
        stride=2,
        padding=1,
        output_padding=1,
        groups=2,
    ),
    call("matmul", X, normal(4, 5)),
    call("matmul", X, normal(4, 5), paths=(0, 1)),
    *(call(name, X, normal(4, seed=1)) for name in ("add", "subtract", "multiply", "divide")),
    *(call(name, normal(4, seed=1), X, paths=(1,)) for name in ("add", "subtract", "multiply")),
    *(call(name, X, normal(4, seed=1), paths=(0, 1)) for name in ("add", "subtract", "multiply", "divide")),
    call("divide", X, normal(4, seed=1), paths=(1,)),
    call("negative", X),
    call("batch_norm", MAPS, normal(4), normal(4, seed=1), mean=normal(4), variance=np.ones(4) / 3),
    call("batch_norm", MAPS, normal(4), normal(4, seed=1)),
    call("layer_norm", MAPS, normalized_shape=(6, 6)),
    call("group_norm", MAPS, num_groups=2),
    call("max_pool2d", MAPS, kernel_size=3, stride=2, padding=1),
    call("avg_pool2d", MAPS, kernel_size=3, stride=2, padding=1),
    call("avg_pool2d", MAPS, kernel_size=3, padding=1, count_include_pad=False),
    call("adaptive_avg_pool2d", MAPS, output_size=(4, 5)),
    call("adaptive_avg_pool2d", MAPS, output_size=(7, 9)),
    call("adaptive_max_pool2d", MAPS, output_size=(4, 8)),
    call("upsample", MAPS, size=(8, 5)),
    call("upsample", MAPS, scale_factor=1.5, mode="bilinear"),
    call("upsample", MAPS, size=(8, 5), mode="bilinear", align_corners=True),
    call("p_norm_pool2d", MAPS, kernel_size=2, p=3),
    call(
        "max_unpool2d", normal(2, 4, 3, 3), switches=np.tile(np.arange(9) // 2, 8).reshape(2, 4, 3, 3), size=5
    ),
    call("sum", MAPS, axis=(2, 3)),
    call("sum", MAPS, axis=(-1, 1), keepdims=True),
    call("mean", MAPS, axis=1),
    call("mean", MAPS, axis=(-2, -1)),
    call("mean", MAPS),
    call("max", MAPS, axis=2),
    call("reshape", X, shape=(2, 6)),
    call("transpose", MAPS, axes=(0, 2, 3, 1)),
    call("slice", MAPS, index=(slice(None), [0, 0, 2])),
    call("pad", X, widths=((0, 0), (2, 1)), value=0.5),
    call("concat", X, normal(3, 2)),
    call("concat", X, normal(3, 2), paths=(0, 1)),
]


def is_linear(f: Callable[..., np.ndarray], *xs: np.ndarray) -> bool:
    """Whether f(2x − 3y) is 2·f(x) − 3·f(y), in all arguments at once."""
    ys = tuple(np.random.default_rng(7).standard_normal(x.shape) for x in xs)
    both = f(*(2 * x - 3 * y for x, y in zip(xs, ys, strict=True)))
    return np.allclose(both, 2 * f(*xs) - 3 * f(*ys), rtol=1e-9, atol=1e-9)


def is_homogeneous(f: Call) -> bool:
    return np.allclose(f(*(2.5 * x for x in f.xs)), 2.5 * f(*f.xs))


def is_entry_by_entry(f: Call) -> bool:
    """Whether an entry changes no other: f of a few entries changed is f changed at these."""
    y, (x,) = f(*f.xs), f.xs
    changed = np.random.default_rng(3).random(y.shape) < 0.4
    try:
        near = np.broadcast_to(x, y.shape) * np.where(changed, 0.9, 1)  # where x is broadcast, each use of it
        return np.array_equal(f(near), np.where(changed, f(0.9 * x), y))
    except ValueError:
        return False


def units(f: Call) -> bool:
    (x,), w = f.xs, f.inputs[1]
    others = [k for k in range(len(w)) if k != 1]
    silenced = np.where(np.arange(len(w)).reshape(-1, *[1] * (w.ndim - 1)) == 1, 0, w)
    y, less = (f.op(x, each, **f.settings).value for each in (w, silenced))
    return not less[:, 1].any() and np.array_equal(less[:, others], y[:, others])


def weighted(f: Call) -> bool:
    (x,), (_, w, *b) = f.xs, f.inputs
    linear = is_linear(lambda x: f.op(x, w, **f.settings).value, x)
    shift = f.op(x, w, *b, **f.settings).value - f.op(x, w, **f.settings).value
    return linear and np.allclose(shift, b[0].reshape(-1, *[1] * (shift.ndim - 2)) if b else 0)


def dense(f: Call) -> bool:
    """Every output of a row depends on every entry of it."""
    (x,) = f.xs
    y = f(x)
    return all((f(np.where(np.arange(x.shape[1]) == i, 0, x)) != y).all() for i in range(x.shape[1]))


def pool(f: Call) -> bool:
    (x,) = f.xs
    one_by_one = [f(e.reshape(x.shape)) for e in np.eye(x.size)[:: max(1, x.size // 50)]]
    return is_linear(f, x) and all((share >= 0).all() for share in one_by_one)


def move(f: Call) -> bool:
    """Every entry is one of x, or the same whatever x is."""
    elsewhere = [2 * x + 1 for x in f.xs]
    one, other = f(*f.xs), f(*elsewhere)
    of_one, of_other = (
        np.isin(y, np.concatenate([x.ravel() for x in xs])) for y, xs in ((one, f.xs), (other, elsewhere))
    )
    return bool(np.all((of_one & of_other) | (one == other)))


def rearrange(f: Call) -> bool:
    """Every entry is the one of x at a place that numbers in place of x tell."""
    sizes = np.cumsum([0, *(x.size for x in f.xs)])
    numbers = [
        np.arange(a, b, dtype=float).reshape(x.shape) for x, a, b in zip(f.xs, sizes, sizes[1:], strict=False)
    ]
    if len(f.paths) < len(f.inputs):  # a constant's entries are its own
        return rearrange(f._replace(paths=tuple(range(len(f.inputs)))))
    return np.array_equal(f(*f.xs), np.concatenate([x.ravel() for x in f.xs])[f(*numbers).astype(int)])


def rectifier(f: Call) -> bool:
    y, (x,) = f(*f.xs), f.xs
    return not y[x <= 0].any() and bool(np.all(y[x > 0] <= x[x > 0]))


def affine(f: Call) -> bool:
    with np.errstate(divide="ignore", invalid="ignore"):  # of 1/0: not finite, and so not linear
        zero = f(*(np.zeros_like(x) for x in f.xs))
        return is_linear(lambda x: f(x) - zero, *f.xs)


def product(f: Call) -> bool:
    with np.errstate(invalid="ignore"):  # of powers of negative numbers: NaN, and so not linear
        return not is_linear(f, *f.xs) and (len(f.paths) > 1 or not affine(f))


def normalise(f: Call) -> bool:
    """What is added, or multiplied, to all is divided out again."""
    same = [f(*(change(x) for x in f.xs)) for change in (lambda x: x + 3, lambda x: 4 * x)]
    return any(np.allclose(y, f(*f.xs), atol=1e-4) for y in same)


def standardise(f: Call) -> bool:
    """Rows of x, as many as what is saved has entries, have the mean 0 and the saved spread is theirs."""
    (x,) = f.xs
    tensor = Tensor(x)
    y = f.op(tensor, **f.settings)
    if y.node is None or np.ndim(y.node.saved) != 2:
        return False
    rows = x.reshape(len(y.node.saved), -1)
    centred = (rows - rows.mean(axis=1, keepdims=True)) * y.node.saved
    spread = y.value.reshape(rows.shape).std(axis=1)
    return np.allclose(y.value.reshape(rows.shape), centred) and np.allclose(spread, 1, atol=1e-3)


def link(f: Call) -> bool:
    y = f(*f.xs)
    p = np.exp(y) if np.all(y <= 0) else y
    axis = f.settings.get("axis", -1)
    order = np.array_equal(p.argsort(axis), f.xs[0].argsort(axis))
    return order and bool(np.all((p > 0) & (p < 1)))


CLAIMS: dict[Trait, Callable[[Call], bool]] = {
    Trait.UNITS: units,
    Trait.WEIGHTED: weighted,
    Trait.DENSE: dense,
    Trait.POOL: pool,
    Trait.REARRANGE: rearrange,
    Trait.MOVE: move,
    Trait.RECTIFIER: rectifier,
    Trait.GATE: is_entry_by_entry,
    Trait.AFFINE: lambda f: affine(f) and is_entry_by_entry(f),
    Trait.SUM: lambda f: len(f.paths) > 1 and is_linear(f, *f.xs),
    Trait.HOMOGENEOUS: is_homogeneous,
    Trait.PRODUCT: product,
    Trait.NORMALISE: normalise,
    Trait.STANDARDISE: standardise,
    Trait.LOSS: lambda f: f(*f.xs).ndim == 0,
    Trait.LINK: link,
}


@pytest.mark.parametrize("name", OPS)
def test_every_operation_has_traits_and_a_sample_call_for_each_set_of_them(name: str) -> None:
    calls = [each for each in CALLS if each.op is OPS[name]]
    if name == "dropout":  # draws: tables name it
        assert OPS[name].traits == (Trait.AFFINE,)
        return
    assert calls
    assert {each.traits() for each in calls} >= {OPS[name].traits}
    assert len({each.traits() for each in calls}) == (2 if OPS[name].unless else 1)


@pytest.mark.parametrize(
    ("one", "trait"),
    [
        pytest.param(one, trait, id=f"{one.op.name} {one.paths} {trait.name}")
        for one in CALLS
        for trait in one.traits()
    ],
)
def test_what_a_trait_claims(one: Call, trait: Trait) -> None:
    assert CLAIMS[trait](one)


@pytest.mark.parametrize(
    ("name", "trait"),
    [
        ("tanh", Trait.RECTIFIER),
        ("tanh", Trait.AFFINE),
        ("softmax", Trait.GATE),
        ("avg_pool2d", Trait.MOVE),
        ("max_pool2d", Trait.REARRANGE),
        ("max", Trait.REARRANGE),
        ("max_pool2d", Trait.POOL),
        ("p_norm_pool2d", Trait.POOL),
        ("conv2d", Trait.MOVE),
        ("exp", Trait.HOMOGENEOUS),
        ("tanh", Trait.LINK),
        ("gelu", Trait.RECTIFIER),
        ("hardsigmoid", Trait.AFFINE),
        ("conv_transpose2d", Trait.UNITS),
        ("layer_norm", Trait.GATE),
        ("group_norm", Trait.AFFINE),
        ("add", Trait.POOL),
        ("negative", Trait.POOL),
        ("exp", Trait.NORMALISE),
        ("softmax", Trait.STANDARDISE),
    ],
)
def test_a_false_claim_is_noticed(name: str, trait: Trait) -> None:
    assert not CLAIMS[trait](next(each for each in CALLS if each.op is OPS[name]))


def test_matmul_has_no_units_along_the_first_axis_of_its_weight() -> None:
    square = call("matmul", normal(4, 4), normal(4, 4, seed=2))
    assert Trait.UNITS not in square.traits()
    assert not units(square)
