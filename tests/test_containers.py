"""Modules in lists and dicts, names that hide no layer, and what modules hand each other."""

import numpy as np
import pytest

import minixai as mx
from minixai import nn, ops

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 3)).astype(np.float32)


def dense(seed=0):
    return nn.Linear(3, 3, rng=seed)


class Held(nn.Module):
    """Two layers and dropout, in a container or in one's own."""

    def __init__(self, body):
        self.body = body

    def forward(self, x):
        for layer in self.body.values() if hasattr(self.body, "values") else self.body:
            x = layer(x)
        return x


LAYERS = [dense(0), nn.Dropout(0.5, rng=0), dense(1)]
BY_NAME = dict(zip(("first", "drop", "last"), LAYERS, strict=True))
HELD = {
    "list": (LAYERS, "0", "2"),
    "tuple": (tuple(LAYERS), "0", "2"),
    "dict": (BY_NAME, "first", "last"),
    "Sequential": (nn.Sequential(*LAYERS), "0", "2"),
    "ModuleList": (nn.ModuleList(LAYERS), "0", "2"),
    "ModuleDict": (nn.ModuleDict(BY_NAME), "first", "last"),
}


@pytest.mark.parametrize("kind", HELD)
def test_modules_in_a_container_are_layers_like_others(kind):
    body, first, last = HELD[kind]
    model, plain = Held(body), nn.Sequential(*LAYERS)
    assert list(model.state_dict()) == [
        f"body.{layer}.{name}" for layer in (first, last) for name in ("weight", "bias")
    ]
    assert model.parameters() == plain.parameters()
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))  # dropout is off
    np.testing.assert_array_equal(mx.methods.gradient(model, X).map, mx.methods.gradient(plain, X).map)
    assert model.trace(mx.Tensor(X))[1][f"body.{first}"][0].node.layer == f"body.{first}"
    model.eval()
    assert not LAYERS[1].training
    model.train()
    model.load_state_dict(model.state_dict())


def test_what_is_added_later_and_what_stands_deeper_is_found():
    model = Held([])
    model.body.append([dense(), {"a": (dense(),)}])
    assert [name for name, _ in model.named_modules()] == ["", "body.0.0", "body.0.1.a.0"]
    model.scales = [nn.Parameter(np.ones(2, np.float32))]
    assert "scales.0" in model.state_dict()
    model.load_state_dict({key: 2 * array for key, array in model.state_dict().items()})
    np.testing.assert_array_equal(model.scales[0].value, 2)


def test_a_layer_in_a_list_is_trained():
    model = Held([dense(0), nn.ReLU(), dense(1)])
    before = model.state_dict()
    nn.fit(model, X, np.array([0, 1, 2, 0]), progress=False)
    assert all(np.any(model.state_dict()[key] != array) for key, array in before.items())


def test_batch_norm_in_a_list_is_merged():
    class Net(nn.Module):
        def __init__(self):
            self.body = [nn.Conv2d(2, 4, 3, rng=0), nn.BatchNorm2d(4), nn.ReLU()]

        def forward(self, x):
            for layer in self.body:
                x = layer(x)
            return ops.flatten(x)

    net, x = Net(), RNG.standard_normal((1, 2, 5, 5))
    net.body[1].running_mean = np.arange(4, dtype=np.float32)
    merged = nn.merge_batch_norm(net, x)
    assert [type(layer).__name__ for layer in merged.body] == ["Conv2d", "Identity", "ReLU"]
    assert [type(layer).__name__ for layer in net.body] == ["Conv2d", "BatchNorm2d", "ReLU"]
    np.testing.assert_allclose(merged.predict(x), net.predict(x), rtol=1e-4, atol=1e-5)


def test_a_slice_of_a_sequential_is_one_and_keeps_the_names():
    net = nn.Sequential(dense(0), nn.ReLU(), dense(1))
    part = net[1:]
    assert isinstance(part, nn.Sequential)
    assert list(part.state_dict()) == ["2.weight", "2.bias"]
    np.testing.assert_array_equal(part(net[:1](X)).value, net(X).value)
    assert net[-1] is part[-1] is net[2]
    assert len(net[:0]) == 0


def test_module_lists_do_what_lists_do():
    layers = nn.ModuleList([dense(0)]).append(dense(1)).extend([dense(2)])
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2"]
    assert len(layers) == len(list(layers)) == 3
    assert isinstance(layers[1:], nn.ModuleList)
    assert next(iter(layers[1:].state_dict())) == "0.weight"
    new = dense(3)
    layers[-1] = new
    assert layers[2] is new
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        layers(X)
    with pytest.raises(TypeError, match="ModuleList: 0 is 3, expected a minixai Module"):
        nn.ModuleList([3])


def test_module_dicts_do_what_dicts_do():
    layers = nn.ModuleDict({"a": dense(0), "b": dense(1)})
    layers["c"] = dense(2)
    del layers["a"]
    assert list(layers) == list(layers.keys()) == ["b", "c"]
    assert list(layers.values()) == [layers["b"], layers["c"]] == [each for _, each in layers.items()]
    assert "a" not in layers
    assert len(layers) == 2
    assert next(iter(layers.state_dict())) == "b.weight"
    with pytest.raises(KeyError, match="a"):
        layers["a"]
    with pytest.raises(TypeError, match="a key is 1, expected a string"):
        nn.ModuleDict({1: dense()})


@pytest.mark.parametrize("name", ["forward", "training", "_mode", "_buffers", "predict", "a.b", ""])
@pytest.mark.parametrize("make", [nn.Sequential, nn.ModuleDict])
def test_a_name_that_would_hide_a_layer_is_refused(make, name):
    with pytest.raises(ValueError, match=f"{make.__name__}: a name is '{name}'"):
        make({name: dense()})


def test_a_name_of_a_method_is_refused_for_an_attribute_too():
    class Net(nn.Module):
        def score(self): ...

    for name in ("forward", "score", "parameters"):
        with pytest.raises(ValueError, match=f"Net: a name is '{name}', which is a method's"):
            setattr(Net(), name, dense())
    with pytest.raises(ValueError, match="'keys', which is a method's"):
        nn.ModuleDict({"keys": dense()})


def test_modules_where_nothing_would_find_them_are_refused():
    with pytest.raises(TypeError, match="body is a set that holds a Module, expected a list"):
        Held({dense()}).predict(X)
    with pytest.raises(TypeError, match=r"body\.1 is a set that holds a Parameter"):
        Held([dense(), {nn.Parameter(np.ones(1))}]).state_dict()
    with pytest.raises(TypeError, match="Net: layer is an attribute of the class: set it in __init__"):
        type("Net", (nn.Module,), {"layer": dense()})


def test_two_modules_of_one_name_are_refused():
    model = Held({0: dense(0), "0": dense(1)})
    with pytest.raises(ValueError, match=r"Held: two modules are called 'body\.0'"):
        model.state_dict()


def test_fit_with_nothing_to_train_raises():
    with pytest.raises(ValueError, match="fit: the model has no parameters, expected some to train"):
        nn.fit(nn.Sequential(nn.ReLU()), X, np.zeros(4, int), progress=False)
    for optimiser in (nn.SGD, nn.Adam):
        with pytest.raises(ValueError, match=f"{optimiser.__name__}: parameters is empty"):
            optimiser([], lr=0.1)
        with pytest.raises(TypeError, match=f"{optimiser.__name__}: parameters holds a Tensor"):
            optimiser([mx.Tensor(X)], lr=0.1)


# What modules hand each other


class Split(nn.Module):
    def __init__(self, make):
        self.make = make

    def forward(self, x):
        return self.make(x)


class Join(nn.Module):
    def forward(self, parts, more=None):
        assert more is None
        a, b = parts.values() if isinstance(parts, dict) else parts
        return a * b


class Branches(nn.Module):
    """x · 2x."""

    def __init__(self, make):
        self.split, self.join = Split(make), Join()

    def forward(self, x):
        return self.join(self.split(x), None)


@pytest.mark.parametrize(
    "make",
    [lambda x: [x, 2 * x], lambda x: (x, 2 * x), lambda x: {"a": x, "b": 2 * x}],
    ids=["list", "tuple", "dict"],
)
def test_tensors_in_a_container_are_passed_as_they_are(make):
    model, x = Branches(make), RNG.standard_normal((2, 3)).astype(np.float32)  # as many images as parts
    np.testing.assert_allclose(model.predict(x), 2 * x**2, rtol=1e-6)
    np.testing.assert_allclose(mx.methods.gradient(model, x, target=1).map[:, 1], 4 * x[:, 1], rtol=1e-6)
    assert "split" in model.summary((3,))


def test_the_whole_network_returns_one_tensor():
    for make, kind in (
        (lambda x: (x, x), "a tuple"),
        (lambda x: x.value, r"an array of shape \(\d, 3\)"),
        (lambda x: None, "None"),
    ):
        model = Split(make)
        for call, name in (
            (lambda model: model.predict(X), "predict"),
            (lambda model: mx.methods.gradient(model, X), "gradient"),
            (lambda model: mx.signal.fit_patterns(model, [X], progress=False), "fit_patterns"),
            (lambda model: nn.merge_batch_norm(model, X), "merge_batch_norm"),
        ):
            with pytest.raises(
                TypeError, match=rf"^{name}: Split\.forward returned {kind}, expected one Tensor"
            ):
                call(model)


def test_a_layer_that_returns_several_is_no_unit():
    with pytest.raises(TypeError, match="gradient: layer 'split' returned a list, expected one Tensor"):
        mx.methods.gradient(Branches(lambda x: [x, 2 * x]), X, layer="split")


def test_a_list_of_tensors_never_becomes_one_array():
    x = mx.Tensor(X)
    for call in (mx.Tensor, ops.relu, lambda both: x + both, dense().predict):
        with pytest.raises(TypeError, match="is a list of tensors, whose tape would be lost"):
            call([x, (2 * x)])
        with pytest.raises(TypeError, match="is a list of tensors, whose tape would be lost"):
            call([[x], [x]])
