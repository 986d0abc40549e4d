"""Patterns, PatternNet and PatternAttribution of small networks, by PyTorch and explicit patches, in float64.

An implementation of Kindermans et al. (2017) that never imports minixai: hooks collect the input of every
layer, `unfold` makes its patches, and the formulas are applied to all patches at once. Before anything is
written, plain loops over every index have to give the same moments, and the backward pass with w in the
place of a has to give the gradient.

    python -m tests.references.make_patterns        writes patterns.npz beside this file, prints a summary

The committed file was made with torch 2.13.0+cpu and numpy 2.4.6. NumPy draws all numbers, so that another
version of torch changes no more than the last digits.

The networks, with the names of their layers as in `nn.Sequential`, are in `networks.py`. Keys of the file,
for each network NET, layer NAME, and KIND of patterns `linear`, `positive`, `negative`:

    NET/state/NAME.weight, NET/state/NAME.bias
    NET/images (n, c, h, w)               what the patterns are fitted on
    NET/batch_sizes                       how a test may cut them; the patterns are those of all images
    NET/patterns/NAME/KIND                the weight's shape; zeros where undefined
    NET/patterns/NAME/count               (k,) the (image, position) pairs
    NET/patterns/NAME/count_positive      (k,) those with y > 0
    NET/patterns/NAME/mean_y              (k,) E[y] of all pairs, y = wᵀx + b
    NET/test/images, targets, logits      what the two methods explain
    NET/pattern_net/TABLE                 the map of each test image; TABLE is `positive` (positive patterns
    NET/pattern_attribution/TABLE         where a ReLU follows, linear elsewhere) or `linear` (everywhere)
    NET/pattern_attribution_sum/TABLE     (n,) the sum of each map

Definitions. x runs over the zero-padded patches at all positions of all images; a neuron is in the positive
regime where wᵀx + b > 0; E is the mean of all, E₊ and E₋ are those of a regime.

    linear     a  = cov[x, y] / var[y]
    positive   a₊ = (E₊[xy] − E₊[x]E[y]) / (wᵀE₊[xy] − wᵀE₊[x]E[y])
    negative   a₋ alike

A regime without patches, or a denominator of zero (up to rounding), gives a pattern of zeros. Both backward
passes start with the value of the target's logit and put a or w⊙a in the place of w.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, unfold

from tests.references.networks import NETWORKS

FILE = Path(__file__).with_name("patterns.npz")
ZERO = 1e-12  # a denominator below this share of the terms it is the difference of is rounding

Patterns = dict[str, dict[str, Tensor]]
Kernel = Any  # Conv2d or Linear, whose attributes torch types as those of any module
Record = dict[nn.Module, list[tuple[Tensor, Tensor]]]  # the (input, output) of each call


IMAGES = {"everything": (3, 11, 10), "averages": (3, 8, 8), "shared": (3, 9, 9)}
BATCH_SIZES = (9, 7, 4)
TARGETS = (2, 0, 4)


def main() -> None:
    arrays: dict[str, Any] = {}
    for seed, (name, build) in enumerate(NETWORKS.items()):
        rng = np.random.default_rng(seed)
        model = with_weights(build(nn), rng)
        if name == "everything":
            with_special_neurons(model)
        images = draw_images(rng, sum(BATCH_SIZES), IMAGES[name])
        test_images = draw_images(rng, len(TARGETS), IMAGES[name])
        arrays |= {
            f"{name}/{key}": value for key, value in describe(name, model, images, test_images).items()
        }
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size} bytes, torch {torch.__version__}")


def with_weights(model: nn.Sequential, rng: np.random.Generator) -> nn.Sequential:
    """N(0, 2/fan_in) for weights, N(0, .3²) for biases, in float64."""
    model = model.double().eval().requires_grad_(False)
    for parameter in model.parameters():
        fan_in = parameter[0].numel()
        scale = math.sqrt(2 / fan_in) if parameter.ndim > 1 else 0.3
        parameter.copy_(torch.from_numpy(rng.normal(0, scale, parameter.shape)))
    return model


def with_special_neurons(model: Any) -> None:
    """Dead: neuron 0 of layer 0. Always on: its neuron 1. Constant: 0 and 1 of layer 6, 3 of layer 8."""
    model[0].weight[1] /= 4  # or it would drown the others
    model[0].bias[:2] = torch.tensor([-12.0, 3.0])
    model[6].weight[:2] = 0
    model[6].bias[:2] = torch.tensor([0.7, -0.7])
    model[8].weight[3, 1:] = 0  # reads the constant 0.7 only


def draw_images(rng: np.random.Generator, n: int, shape: tuple[int, ...]) -> Tensor:
    """N(.25, 1), rounded to sixteenths, which compress well."""
    return torch.from_numpy(np.round(16 * rng.normal(0.25, 1, (n, *shape))) / 16)


def describe(name: str, model: nn.Sequential, images: Tensor, test_images: Tensor) -> dict[str, np.ndarray]:
    """All arrays of one network. Prints a line a layer."""
    kernels = {
        key: layer for key, layer in model.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
    }
    _, record = run(model, images)
    patterns: Patterns = {}
    tensors: dict[str, Tensor] = {"images": images, "batch_sizes": torch.tensor(BATCH_SIZES)}
    for key, layer in kernels.items():
        x, y = all_patches(layer, record[layer])
        check_moments(layer, record[layer], x, y)
        patterns[key] = {kind: fit(layer, x, y, kind) for kind in ("linear", "positive", "negative")}
        tensors |= {f"state/{key}.{part}": value for part, value in layer.state_dict().items()}
        tensors |= {f"patterns/{key}/{kind}": a for kind, a in patterns[key].items()}
        tensors[f"patterns/{key}/count"] = torch.full((y.shape[1],), len(y))
        tensors[f"patterns/{key}/count_positive"] = (y > 0).sum(0)
        tensors[f"patterns/{key}/mean_y"] = y.mean(0)
        share = [f"{n / len(y):.2f}" for n in (y > 0).sum(0).tolist()]
        print(f"{name} {key}: {len(y)} patches, share of positive ones {' '.join(share)}")

    logits, record = run(model, test_images)
    gradient = walk_back(model, record, start(logits), {layer: layer.weight for layer in kernels.values()})
    torch.testing.assert_close(gradient, vjp(model, test_images, start(logits)))
    tensors |= {"test/images": test_images, "test/targets": torch.tensor(TARGETS), "test/logits": logits}
    followed = {key: isinstance(model[int(key) + 1], nn.ReLU) for key in kernels if int(key) + 1 < len(model)}
    for table in ("positive", "linear"):
        kinds = {key: table if followed.get(key) else "linear" for key in kernels}
        a = {kernels[key]: patterns[key][kind] for key, kind in kinds.items()}
        wa = {layer: layer.weight * pattern for layer, pattern in a.items()}
        attribution = walk_back(model, record, start(logits), wa)
        tensors[f"pattern_net/{table}"] = walk_back(model, record, start(logits), a)
        tensors[f"pattern_attribution/{table}"] = attribution
        tensors[f"pattern_attribution_sum/{table}"] = attribution.sum(dim=(1, 2, 3))
        print(f"{name}: {kinds}, sums of PatternAttribution {attribution.sum(dim=(1, 2, 3)).tolist()}")
    return {key: value.numpy() for key, value in tensors.items()}


def run(model: nn.Sequential, images: Tensor) -> tuple[Tensor, Record]:
    """The logits, and the inputs and outputs of every layer."""
    record: Record = {layer: [] for layer in model}
    hooks = [
        layer.register_forward_hook(lambda layer, x, y: record[layer].append((x[0], y))) for layer in record
    ]
    logits = model(images)
    for hook in hooks:
        hook.remove()
    return logits, record


def all_patches(layer: Kernel, calls: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """x (N, groups, inputs of a neuron) and y (N, k) of all calls, images and positions."""
    pairs = [layer_patches(layer, *call) for call in calls]
    return torch.cat([x for x, _ in pairs]), torch.cat([y for _, y in pairs])


def layer_patches(layer: Kernel, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(layer, nn.Linear):
        return x[:, None], y
    columns = unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    patches = columns.transpose(1, 2).flatten(0, 1)  # from (n, c·kh·kw, positions)
    return patches.unflatten(1, (layer.groups, -1)), y.flatten(2).transpose(1, 2).flatten(0, 1)


def fit(layer: Kernel, x: Tensor, y: Tensor, kind: str) -> Tensor:
    """The patterns of all neurons of a layer, one after the other."""
    a = torch.zeros_like(layer.weight)
    neurons_of_a_group = y.shape[1] // x.shape[1]
    for j in range(y.shape[1]):
        w = layer.weight[j].flatten()
        a[j] = pattern(x[:, j // neurons_of_a_group], y[:, j], w, kind).reshape(a[j].shape)
    return a


def pattern(x: Tensor, y: Tensor, w: Tensor, kind: str) -> Tensor:
    """The pattern (d,) of one neuron from all its x (N, d) and y (N,)."""
    if kind == "linear":
        numerator = ((x - x.mean(0)) * (y - y.mean())[:, None]).mean(0)
        denominator, size = y.var(correction=0), (y**2).mean()
    else:
        regime = y > 0 if kind == "positive" else y <= 0
        if not regime.any():
            return torch.zeros_like(w)
        mean_x, mean_xy = x[regime].mean(0), (x * y[:, None])[regime].mean(0)
        numerator = mean_xy - mean_x * y.mean()
        denominator = w @ mean_xy - w @ mean_x * y.mean()
        size = w.abs() @ mean_xy.abs() + w.abs() @ mean_x.abs() * y.mean().abs()
    if denominator.abs() <= ZERO * size:
        return torch.zeros_like(w)
    return numerator / denominator


def start(logits: Tensor) -> Tensor:
    """The value of the target's logit at its place, zeros elsewhere."""
    seed = torch.zeros_like(logits)
    for i, target in enumerate(TARGETS):
        seed[i, target] = logits[i, target]
    return seed


def walk_back(model: nn.Sequential, record: Record, g: Tensor, weights: dict[Kernel, Tensor]) -> Tensor:
    """The gradient pass from the logits to the images with other weights and no bias."""
    record = {layer: list(calls) for layer, calls in record.items()}
    for layer in reversed(model):
        x, y = record[layer].pop()
        if isinstance(layer, nn.ReLU):
            g = g * (y > 0)
        elif isinstance(layer, nn.Linear):
            g = g @ weights[layer]
        else:
            g = vjp(without_bias(layer, weights.get(layer)), x, g)
    return g


def without_bias(layer: Any, weight: Any) -> Callable[[Tensor], Tensor]:
    """A convolution with another weight; pools and flatten, which have none, as they are."""
    if weight is None:
        return layer
    settings = (layer.stride, layer.padding, layer.dilation, layer.groups)
    return lambda x: conv2d(x, weight, None, *settings)


def vjp(function: Callable[[Tensor], Tensor], x: Tensor, g: Tensor) -> Tensor:
    x = x.detach().requires_grad_(True)
    return torch.autograd.grad(function(x), x, g)[0]


def check_moments(layer: Kernel, calls: list[tuple[Tensor, Tensor]], x: Tensor, y: Tensor) -> None:
    """The sums Σ₊1, Σ₊x, Σ₊xy, Σy and Σxy of every neuron beside those of plain loops."""
    weight = layer.weight.reshape(len(layer.weight), -1).tolist()
    bias = [0.0] * len(weight) if layer.bias is None else layer.bias.tolist()
    groups, inputs = x.shape[1:]
    for j, (w, b) in enumerate(zip(weight, bias, strict=True)):
        group = j * groups // len(weight)
        count, sum_y = 0, 0.0
        sum_x, sum_xy, sum_xy_all = [0.0] * inputs, [0.0] * inputs, [0.0] * inputs
        for patch in plain_patches(layer, calls, group):
            value = b + sum(w_i * x_i for w_i, x_i in zip(w, patch, strict=True))
            sum_y += value
            for i, x_i in enumerate(patch):
                sum_xy_all[i] += x_i * value
            if value > 0:
                count += 1
                for i, x_i in enumerate(patch):
                    sum_x[i] += x_i
                    sum_xy[i] += x_i * value
        regime, x_j, y_j = (y[:, j] > 0).double(), x[:, group], y[:, j]
        assert count == int(regime.sum())
        fast = [y_j.sum(), *(x_j.T @ y_j), *(x_j.T @ regime), *(x_j.T @ (regime * y_j))]
        np.testing.assert_allclose(fast, [sum_y, *sum_xy_all, *sum_x, *sum_xy], rtol=1e-10, atol=1e-10)


def plain_patches(layer: Kernel, calls: list[tuple[Tensor, Tensor]], group: int) -> Iterator[list[float]]:
    """What the neurons of a group see, index by index; zeros outside the image."""
    for x, y in calls:
        images = x.tolist()
        if isinstance(layer, nn.Linear):
            yield from images
            continue
        depth, (kernel_h, kernel_w) = layer.in_channels // layer.groups, layer.kernel_size
        channels = range(group * depth, (group + 1) * depth)
        for image, row, column in itertools.product(images, range(y.shape[2]), range(y.shape[3])):
            patch = []
            for channel, i, j in itertools.product(channels, range(kernel_h), range(kernel_w)):
                at = (
                    row * layer.stride[0] + i * layer.dilation[0] - layer.padding[0],
                    column * layer.stride[1] + j * layer.dilation[1] - layer.padding[1],
                )
                inside = 0 <= at[0] < x.shape[2] and 0 <= at[1] < x.shape[3]
                patch.append(image[channel][at[0]][at[1]] if inside else 0.0)
            yield patch


if __name__ == "__main__":
    main()
