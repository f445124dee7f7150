"""Weights, inputs and noise that two implementations of one network can both make, from numbers alone.

`fill` gives the convolutions, norms and linear layers of any network the same weights as long as they are executed in
the same order, whatever they are called. Both sides compute `in_float64`, so that no processor's way of rounding shows.
The files beside this one hold what public code computed so: numbers, with the repository, the commit and the shapes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

LAYERS = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.Linear)
DROPOUTS = nn.modules.dropout._DropoutNd
POINTS = 16


@contextmanager
def in_float64() -> Iterator[None]:
    """Make new tensors float64, and let ``Tensor.float`` give float64 too: both sides call it before a loss.

    A function can be decorated with it.
    """
    lowered, default = Tensor.float, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    Tensor.float = Tensor.double
    try:
        yield
    finally:
        Tensor.float = lowered
        torch.set_default_dtype(default)


def fill(network: nn.Module, run: Callable[[], object], seed: int) -> None:
    """Fill every layer that ``run`` executes: layer i, in order of first execution, from ``default_rng([seed, i])``.

    Convolutions and linear layers: weights normal with standard deviation sqrt(2 / fan-in), biases 0.1 normal. Norms:
    weights 1 + 0.1 normal, biases 0.1 normal. Layers that are not executed keep what they have. Running statistics are
    left as they were before ``run``.
    """
    order: list[nn.Module] = []
    hooks = [
        layer.register_forward_pre_hook(lambda layer, _: None if layer in order else order.append(layer))
        for layer in network.modules()
        if isinstance(layer, LAYERS)
    ]
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with torch.no_grad():
        run()
        for hook in hooks:
            hook.remove()
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
        for index, layer in enumerate(order):
            _fill_layer(layer, np.random.default_rng([seed, index]))


def _fill_layer(layer: nn.Module, random: np.random.Generator) -> None:
    weight = random.standard_normal(tuple(layer.weight.shape))
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        weight = 1 + 0.1 * weight
    else:
        # Transposed convolutions hold (in, out, ...): counting weight[0] is the same rule for both sides.
        weight *= np.sqrt(2 / weight[0].size)
    layer.weight.copy_(torch.from_numpy(weight))
    if layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(0.1 * random.standard_normal(tuple(layer.bias.shape))))


def without_dropout(network: nn.Module) -> nn.Module:
    """Set the rate of every dropout to 0, so that the network can stay in training mode; returns the network."""
    for layer in network.modules():
        if isinstance(layer, DROPOUTS):
            layer.p = 0.0
    return network


def images(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Return standard normal images ``(B, 1, *S)``, float64."""
    return torch.from_numpy(np.random.default_rng([seed, 1000]).standard_normal(shape))


def labels(seed: int, shape: tuple[int, ...], classes: int) -> Tensor:
    """Return labels ``(L, *S)`` int64: balls around a drawn centre, one inside the other, class 1 the largest."""
    random = np.random.default_rng([seed, 1001])
    found = np.zeros(shape, np.int64)
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape[1:]), indexing="ij"))
    for sample in found:
        centre = np.array([random.uniform(0.4, 0.6) * size for size in shape[1:]])
        distance = np.sqrt(((grid.T - centre) ** 2).sum(axis=-1)).T
        for index in range(1, classes):
            sample[distance < min(shape[1:]) * 0.42 * (classes - index) / (classes - 1)] = index
    return torch.from_numpy(found)


@contextmanager
def counted_noise(seed: int) -> Iterator[None]:
    """Make the k-th call of ``torch.randn_like``, ``torch.rand`` or ``torch.rand_like`` draw from a numbered stream.

    Uniform and normal draws have a count of their own each; both sides must draw in the same order and shapes.
    """
    counts = {"normal": 0, "uniform": 0}

    def draw(kind: str, shape: tuple[int, ...]) -> Tensor:
        counts[kind] += 1
        random = np.random.default_rng([seed, 2000 if kind == "normal" else 3000, counts[kind]])
        values = random.standard_normal(shape) if kind == "normal" else random.random(shape)
        return torch.from_numpy(np.asarray(values))

    def shape_of(size: tuple) -> tuple[int, ...]:
        return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)

    saved = torch.randn_like, torch.rand_like, torch.rand
    torch.randn_like = lambda tensor, **_: draw("normal", tuple(tensor.shape))
    torch.rand_like = lambda tensor, **_: draw("uniform", tuple(tensor.shape))
    torch.rand = lambda *size, **_: draw("uniform", shape_of(size))
    try:
        yield
    finally:
        torch.randn_like, torch.rand_like, torch.rand = saved


def summary(tensor: Tensor) -> dict[str, float | list[float]]:
    """Return mean, root mean square, smallest and largest of all values, and 16 at places drawn for their number."""
    values = tensor.detach().double().flatten()
    places = np.random.default_rng(values.numel()).integers(values.numel(), size=POINTS)
    found = {"mean": values.mean(), "rms": values.square().mean().sqrt(), "min": values.min(), "max": values.max()}
    return {name: value.item() for name, value in found.items()} | {"points": values[torch.from_numpy(places)].tolist()}


def gradient_norm(network: nn.Module) -> float:
    """Return the L2 norm of all gradients of a network."""
    squares = [p.grad.double().square().sum() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt())
