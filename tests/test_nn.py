"""Modules, their state, layers, optimisers and training."""

import numpy as np
import pytest

import minixai as mx
from minixai.errors import ShapeError
from tests.networks import Watched, put

RNG = np.random.default_rng(0)


def small_net(seed=0):
    rng = np.random.default_rng(seed)
    return mx.nn.Sequential(
        mx.nn.Conv2d(1, 3, 3, padding=1, rng=rng),
        mx.nn.BatchNorm2d(3),
        mx.nn.ReLU(),
        mx.nn.MaxPool2d(2),
        mx.nn.Flatten(),
        mx.nn.Dropout(0.5, rng=1),
        mx.nn.Linear(12, 2, rng=rng),
    )


class Shared(mx.nn.Module):
    """One layer that is called twice, and found under two names."""

    def __init__(self):
        self.body = mx.nn.Sequential(mx.nn.Linear(3, 3, rng=0), mx.nn.ReLU())
        self.again = self.body

    def forward(self, x):
        return self.again(self.body(x))


def test_keys_are_those_of_pytorch():
    assert list(small_net().state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "6.weight", "6.bias",
    ]  # fmt: skip


def test_a_shared_module_is_listed_once():
    net = Shared()
    assert len(net.parameters()) == 2
    assert [name for name, _ in net.named_modules()] == ["", "body", "body.0", "body.1"]


def test_a_reused_layer_collects_both_gradients():
    net, x = Shared(), mx.Tensor(RNG.standard_normal((2, 3)).astype(np.float32))
    w, b = (p.value for p in net.parameters())
    hidden = np.maximum(x.value @ w.T + b, 0)
    y = net(x)
    g = mx.backward(y)
    outer = np.where(y.value > 0, 1, 0)
    inner = np.where(hidden > 0, outer @ w, 0)
    np.testing.assert_allclose(g[net.body[0].weight], outer.T @ hidden + inner.T @ x.value, rtol=1e-5)


def test_trace_has_every_call_of_every_module():
    net = Shared()
    y, outputs = net.trace(mx.Tensor(np.ones((1, 3), np.float32)))
    assert {name: len(tensors) for name, tensors in outputs.items()} == {
        "": 1, "body": 2, "body.0": 2, "body.1": 2,
    }  # fmt: skip
    assert outputs["body.1"][1] is outputs["body"][1] is y
    assert y.node.layer == "body.1"


def test_loading_what_was_saved_changes_nothing(tmp_path):
    net, other = small_net(0), small_net(1)
    x = RNG.standard_normal((2, 1, 4, 4))
    assert not np.allclose(net.predict(x), other.predict(x))
    mx.models.save_weights(net, tmp_path / "net.safetensors")
    mx.models.load_weights(other, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(net.predict(x), other.predict(x))


def test_float64_weights_make_a_float64_model():
    net = small_net()
    net.load_state_dict({key: a.astype(np.float64) for key, a in net.state_dict().items()})
    assert net.dtype == np.float64
    assert net.predict(np.ones((1, 1, 4, 4), np.float32)).dtype == np.float64


def test_float16_weights_become_float32():
    net = mx.nn.Linear(3, 2)
    net.load_state_dict({key: a.astype(np.float16) for key, a in net.state_dict().items()})
    assert net.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("bias"), KeyError, "missing bias, unknown none"),
        (lambda s: s.update(extra=np.ones(1)), KeyError, "missing none, unknown extra"),
        (lambda s: s.update(weight=np.ones((3, 2), "f4")), ShapeError, "weight has shape"),
        (lambda s: s.update(bias=np.ones(2, "f8")), TypeError, "different dtypes"),
        (lambda s: s.update(bias=np.ones(2, int)), TypeError, "bias has dtype int64"),
        (lambda s: s.update(bias=np.array([1, np.nan], "f4")), ValueError, "bias holds NaN or inf"),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, error, message):
    net = mx.nn.Linear(3, 2, rng=0)
    before = net.state_dict()
    state = {key: np.ones_like(array) for key, array in before.items()}
    change(state)
    with pytest.raises(error, match=message):
        net.load_state_dict(state)
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_predict_is_in_eval_mode_and_leaves_the_modes_as_they_were():
    net = small_net()
    net[2].training = False
    x = RNG.standard_normal((5, 1, 4, 4))
    first = net.predict(x)
    np.testing.assert_array_equal(net.predict(x), first)
    assert [m.training for _, m in net.named_modules()] == [True, True, True, False, True, True, True, True]


def test_predict_in_batches_is_the_same():
    net, x = small_net(), RNG.standard_normal((5, 1, 4, 4))
    np.testing.assert_allclose(net.predict(x, batch_size=2), net.predict(x), rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((0, 1, 4, 4)), ShapeError, "not empty"),
        (np.full((1, 1, 4, 4), np.nan), ValueError, "predict: x holds NaN or inf"),
        (np.array([["a"]]), TypeError, "expected numbers"),
        (np.ones((1, 2, 4, 4)), ShapeError, r"x has 2 channels, weight expects 1"),
        (np.ones((1, 4, 4)), ShapeError, r"expected four axes"),
    ],
)
def test_predict_refuses_bad_input(x, error, message):
    with pytest.raises(error, match=message):
        small_net().predict(x)


def test_predict_names_the_weight_that_is_not_a_number():
    net = small_net()
    put(net[6].bias, np.nan, 0)
    with pytest.raises(ValueError, match=r"predict: the model's output is not finite.*6\.bias"):
        net.predict(np.ones((1, 1, 4, 4)))


def test_summary_counts():
    table = small_net().summary((1, 4, 4))
    assert "(3, 4, 4)" in table.splitlines()[1]
    assert table.splitlines()[-1].split() == ["total", "62"]


def test_batch_norm_follows_the_running_averages():
    layer = mx.nn.BatchNorm2d(2, momentum=0.25)
    x = RNG.standard_normal((4, 2, 3, 3)).astype(np.float32)
    layer(x)
    np.testing.assert_allclose(layer.running_mean, 0.25 * x.mean((0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var, 0.75 + 0.25 * x.var((0, 2, 3), ddof=1), rtol=1e-5)
    assert layer.num_batches_tracked == 1
    layer.eval()
    layer(x)
    assert layer.num_batches_tracked == 1
    assert layer.running_mean.dtype == np.float32


def test_batch_norm_without_momentum_averages_all_batches_alike():
    layer = mx.nn.BatchNorm1d(2, momentum=None)
    batches = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    for x in batches:
        layer(x)
    np.testing.assert_allclose(layer.running_mean, batches.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var, batches.var(1, ddof=1).mean(0), rtol=1e-5)
    assert layer.running_mean.dtype == np.float32


def test_batch_norm_without_running_statistics_uses_those_of_the_batch():
    layer = mx.nn.BatchNorm2d(2, track_running_stats=False)
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 3)).astype(np.float32)
    assert list(layer.state_dict()) == ["weight", "bias"]
    for mode in (True, False):
        np.testing.assert_allclose(layer.train(mode)(x).value.mean((0, 2, 3)), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (
            mx.nn.BatchNorm1d(2),
            (3, 2, 4, 4),
            r"BatchNorm1d: x has .*, expected \(n, c\) or \(n, c, l\)",
        ),
        (mx.nn.BatchNorm2d(2), (3, 2), r"BatchNorm2d: x has shape \(3, 2\), expected \(n, c, h, w\)"),
        (mx.nn.GroupNorm(2, 4), (3, 2, 5), r"GroupNorm: x has shape \(3, 2, 5\), expected \(n, 4, …\)"),
        (mx.nn.LayerNorm((4, 5)), (3, 5, 4), r"layer_norm: normalized_shape is \(4, 5\), expected the last"),
    ],
)
def test_normalisation_of_another_shape_is_refused(layer, shape, expected):
    with pytest.raises(ShapeError, match=expected):
        layer(np.ones(shape, np.float32))


def test_channels_that_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="GroupNorm: num_groups is 3, expected a divisor of num_channels 4"):
        mx.nn.GroupNorm(3, 4)
    for layer in (mx.nn.Conv1d, mx.nn.ConvTranspose2d):
        with pytest.raises(ValueError, match=f"{layer.__name__}: 4 and 6 channels, groups 4: expected"):
            layer(4, 6, 3, groups=4)


def test_weights_of_before_batches_were_counted_are_taken():
    net, other = small_net(0), small_net(1)
    net(np.random.default_rng(0).standard_normal((2, 1, 4, 4)).astype(np.float32))
    state = other.state_dict()
    del state["1.num_batches_tracked"]
    net.load_state_dict(state)
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, state.get(key, 1), err_msg=key)
    del state["1.running_mean"]
    with pytest.raises(KeyError, match=r"missing 1\.running_mean, unknown none"):
        net.load_state_dict(state)


def test_batch_norm_of_one_value_per_channel_is_refused_in_training_only():
    layer, x = mx.nn.BatchNorm2d(2), np.ones((1, 2, 1, 1), np.float32)
    for call in (layer, mx.ops.batch_norm):
        with pytest.raises(ShapeError, match=r"batch_norm: x \(1, 2, 1, 1\) has one value per channel"):
            call(x)
    assert layer.num_batches_tracked == 0
    np.testing.assert_allclose(layer.eval()(x).value, 1, rtol=1e-4)


def test_batch_norm_takes_the_moments_of_a_batch_once(monkeypatch):
    from minixai.ops import normalisation

    calls, moments = [], normalisation.channel_moments
    for module in (normalisation, mx.nn.normalisation):
        monkeypatch.setattr(module, "channel_moments", lambda x: calls.append(x) or moments(x))
    mx.nn.BatchNorm2d(2)(RNG.standard_normal((4, 2, 3, 3)).astype(np.float32))
    assert len(calls) == 1


def test_dropout_drops_and_rescales_while_training_only():
    layer, x = mx.nn.Dropout(0.25, rng=0), np.ones((100, 100), np.float32)
    y = layer(x).value
    assert set(np.unique(y)) == {np.float32(0), np.float32(4 / 3)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(layer.eval()(x).value, x)


def test_seeded_layers_are_equal_and_bounded_as_in_pytorch():
    for layer, shape, fan_in in (
        (mx.nn.Conv2d, (8, 4, 3, 3), 4 * 9),
        (mx.nn.Conv1d, (8, 4, 3), 4 * 3),
        (mx.nn.ConvTranspose2d, (4, 8, 3, 3), 8 * 9),
    ):
        a, b = layer(4, 8, 3, rng=5), layer(4, 8, 3, rng=5)
        assert a.weight.shape == shape
        assert a.bias.shape == (8,)
        np.testing.assert_array_equal(a.weight.value, b.weight.value)
        bound = 1 / np.sqrt(fan_in)
        assert 0.9 * bound < np.abs(a.weight.value).max() <= bound
        assert np.abs(a.bias.value).max() <= bound


@pytest.mark.parametrize(
    ("initialise", "variance"),
    [
        (mx.nn.init.kaiming_normal, 2 / 500),
        (mx.nn.init.kaiming_uniform, 2 / 500),
        (mx.nn.init.xavier_uniform, 2 / (500 + 300)),
    ],
)
def test_initialisers_have_their_variance(initialise, variance):
    w = initialise((300, 500), np.random.default_rng(0))
    assert w.dtype == np.float32
    assert abs(w.var() / variance - 1) < 0.02
    assert abs(w.mean()) < 1e-3


def test_a_module_without_forward_and_a_sequence_of_no_modules_are_refused():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        mx.nn.Module()(np.ones(1))
    with pytest.raises(TypeError, match="Sequential: 0 is a numpy ufunc, expected a minixai Module"):
        mx.nn.Sequential(np.tanh)
    with pytest.raises(ValueError, match="groups"):
        mx.nn.Conv2d(3, 4, 3, groups=2)


def test_repr_shows_the_tree():
    text = repr(Shared())
    assert text.startswith("Shared(\n  (body): Sequential(\n    (0): Linear()\n")


@pytest.mark.parametrize("optimiser", [mx.nn.SGD, mx.nn.Adam])
def test_optimisers_find_the_minimum(optimiser):
    p = mx.nn.Parameter(np.array([3.0, -2.0]))
    step = optimiser([p], lr=0.1)
    for _ in range(300):
        step.step(mx.backward(((p - 1.0) ** 2).sum()))
    np.testing.assert_allclose(p.value, 1, atol=1e-2)


def xor():
    x = RNG.uniform(-1, 1, (400, 2)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def mlp():
    rng = np.random.default_rng(0)
    return mx.nn.Sequential(mx.nn.Linear(2, 16, rng=rng), mx.nn.ReLU(), mx.nn.Linear(16, 2, rng=rng))


def test_fit_learns_xor_and_repeats_bit_for_bit():
    x, y = xor()
    runs = []
    for _ in range(2):
        model = mlp()
        adam = mx.nn.Adam(model.parameters(), lr=0.01)
        history = mx.nn.fit(model, x, y, 60, 32, adam, validation=(x, y), progress=False)
        runs.append((history, model.predict(x)))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    first, last = runs[0][0][0], runs[0][0][-1]
    assert last.validation_accuracy > 0.97 > first.validation_accuracy
    assert last.validation_loss < first.validation_loss


def test_fit_regresses_with_another_loss():
    x = RNG.standard_normal((200, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [-2.0], [0.5]])  # float64, cast to the model's dtype
    model = mx.nn.Linear(3, 1, rng=0)
    sgd = mx.nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = mx.nn.fit(model, x, y, 20, 20, sgd, mx.ops.mean_squared_error, (x, y), progress=False)
    assert history[-1].validation_loss < 1e-6
    assert history[-1].validation_accuracy is None
    np.testing.assert_allclose(model.weight.value, [[1, -2, 0.5]], atol=1e-3)


@pytest.mark.parametrize("loss", [mx.ops.mean_squared_error, lambda output, y: ((output - y) ** 2).mean()])
def test_fit_casts_targets_to_the_dtype_of_the_model(loss):
    x = np.random.default_rng(0).standard_normal((20, 2))
    for y in (x[:, :1] - x[:, 1:], np.arange(20).reshape(20, 1)):
        histories = []
        for dtype in (np.float64, np.float32):
            model = mx.nn.Linear(2, 1, rng=0)
            given = y.astype(dtype) if y.dtype.kind == "f" else y
            history = mx.nn.fit(model, x, given, 2, 5, loss=loss, validation=(x, given), progress=False)
            histories.append(history)
            assert model.dtype == np.float32
        assert histories[0] == histories[1]


def test_labels_that_are_floats_are_refused():
    x, y = xor()
    message = r"fit: y has .* dtype float64, expected labels \(n,\) of integers, as by y.astype\(int\)"
    with pytest.raises(mx.errors.ShapeError, match=message):
        mx.nn.fit(mlp(), x, y.astype(float), progress=False)


def modes(model):
    return [module.training for _, module in model.named_modules()]


@pytest.mark.parametrize("mode", [True, False, None])
def test_fit_trains_in_train_mode_and_leaves_the_mode_that_it_found(mode):
    x, y = RNG.standard_normal((6, 1, 4, 4)), np.array([0, 1] * 3)
    states = []
    for found in (True, mode):
        model = small_net().train(found is not False)
        model[1].training = found is True
        before = modes(model)
        with mx.no_tape():  # nor does the caller's context change what is trained
            history = mx.nn.fit(model, x, y, 2, 3, validation=(x, y), progress=False)
        assert modes(model) == before
        states.append((model.state_dict(), history))
    (expected, first), (state, second) = states
    assert first == second
    assert state["1.num_batches_tracked"] == 4
    for key, array in expected.items():
        np.testing.assert_array_equal(state[key], array)


@pytest.mark.parametrize("mode", [True, False])
def test_fit_leaves_the_mode_when_it_raises(mode):
    x, y = RNG.standard_normal((6, 1, 4, 4)), np.array([0, 1] * 3)
    model = Watched(small_net(), interrupted_at=3).train(mode)
    with pytest.raises(KeyboardInterrupt):
        mx.nn.fit(model, x, y, 2, 3, validation=(x, y), progress=False)
    with pytest.raises(ValueError, match="labels in"):
        mx.nn.fit(model, x, y + 7, progress=False)
    assert modes(model) == [mode] * len(modes(model))


def test_fit_shows_its_progress(capsys):
    x, y = xor()
    mx.nn.fit(mlp(), x, y, epochs=1)
    assert "epoch 1/1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"y": np.zeros(3, int)},
            ShapeError,
            r"^fit: x and y have shapes \(400, 2\) and \(3,\), expected as many of both",
        ),
        ({"epochs": 0}, ValueError, "epochs is 0"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"y": np.full(400, 7)}, ValueError, "labels in"),
    ],
)
def test_fit_refuses_bad_arguments(change, error, message):
    x, y = xor()
    with pytest.raises(error, match=message):
        mx.nn.fit(mlp(), **({"x": x, "y": y, "progress": False} | change))


def test_fit_stops_at_a_loss_that_is_no_number():
    x, y = xor()
    model = mlp()
    put(model[0].weight, np.inf)
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError, match="the loss is nan in epoch 1"):
        mx.nn.fit(model, x, y, progress=False)


class Scaled(mx.nn.Module):
    def __init__(self) -> None:
        self.layer = mx.nn.Linear(3, 2, rng=0)

    def forward(self, x: mx.Tensor, other: mx.Tensor | None = None, *, scale: float = 1.0) -> mx.Tensor:
        return self.layer(x if other is None else x + other) * scale


class Both(mx.nn.Module):
    def forward(self, x: mx.Tensor, y: mx.Tensor) -> mx.Tensor:
        return x + y


def test_arguments_with_a_name_reach_forward_as_they_are():
    x, model = np.ones((2, 3), np.float32), Scaled()
    np.testing.assert_array_equal(model(x, scale=2.0).value, 2 * model(x).value)
    np.testing.assert_array_equal(model(x, other=mx.Tensor(x)).value, model(2 * x).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: mx.nn.Sequential(mx.nn.ReLU())(x, x),
            r"Sequential: too many .*, expected \(x\)$",
        ),
        (lambda x: mx.nn.ReLU()(), r"ReLU: missing a required argument: 'x', expected \(x\)$"),
        (lambda x: Scaled()(x, scales=2), r"Scaled: .*'scales', expected \(x, other=None, \*, scale=1\.0\)$"),
        (
            lambda x: mx.methods.gradient(Both(), x),
            r"Both: .*'y', expected \(x, y\); methods, predict and fit give one",
        ),
        (lambda x: mx.nn.Sequential(Both()).predict(x), r"Both: missing a required argument: 'y', expected"),
    ],
)
def test_a_call_that_does_not_fit_names_the_module_and_what_it_takes(call, message):
    with pytest.raises(TypeError, match=message):
        call(np.ones((2, 3), np.float32))
