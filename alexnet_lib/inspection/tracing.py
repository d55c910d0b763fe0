"""What every layer makes of an image, without leaving a trace in the model."""

import difflib
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_input, check_shape, check_whole
from alexnet_lib.models.hooks import undisturbed

Prepare = Callable[[Tensor], Tensor]


class Call(NamedTuple):
    """One layer at work: what it was, what it read, what it wrote (both on the CPU)."""

    layer: nn.Module
    before: Tensor
    after: Tensor


def layer_names(model: nn.Module) -> list[str]:
    """Names of the layers that do something, in the order in which the model lists them.

    `trace` has them in the order in which they run.
    """
    return [
        name
        for name, module in model.named_modules()
        if name and not any(module.children()) and not isinstance(module, nn.Identity)
    ]


def check_layer(model: nn.Module, layer: str) -> None:
    """Refuse a name that the model does not have.

    Raises:
        ValueError: with the nearest name and all names there are.
    """
    names = layer_names(model)
    if layer not in names:
        near = difflib.get_close_matches(str(layer).lower(), names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"layer is {layer!r}; {hint}This model has {', '.join(names)}.")


def check_pictures(images: Tensor) -> None:
    """Refuse what is not a batch of at least one image, of numbers of any kind.

    Raises:
        TypeError: not a tensor of numbers.
        ValueError: wrong rank, or no image.
    """
    check_shape(images, ("N", "C", "H", "W"), "images", dtype="any")


def like_weights(model: nn.Module, x: Tensor) -> Tensor:
    """Bring images to the device and the precision of the model's weights, channels last."""
    weight = next(model.parameters(), x)
    layout = torch.channels_last if x.ndim == 4 else torch.preserve_format
    return x.to(weight.device, weight.dtype, memory_format=layout)


def trace(model: nn.Module, images: Tensor) -> dict[str, Call]:
    """Every layer's input and output for these images, by name, in the order in which they run.

    A layer that runs twice is there once, with its last call. Keep the result and many units can
    be explained without running the model again.

    Shape:
        images: (N, C, H, W) float, as the model takes them
    Raises:
        TypeError, ValueError: not a batch of images, or of another size than the model takes.
    Source: ours.
    """
    check_input(model, images, "images", anywhere=True)
    calls: dict[str, Call] = {}
    read: dict[str, Tensor] = {}

    def begin(name: str, _layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        read[name] = _copy(inputs[0])

    def note(name: str, layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.pop(name, None)  # a later call takes a later place
        calls[name] = Call(layer, read[name], _copy(output))

    names = layer_names(model)
    before, after = ({name: partial(hook, name) for name in names} for hook in (begin, note))
    with undisturbed(model, after, before=before), torch.no_grad():
        model(like_weights(model, images))
    return calls


def _copy(x: Tensor) -> Tensor:
    """What it is now, on the CPU: a layer may write into what it reads."""
    return x.detach().to("cpu", copy=True)


def feature_maps(
    model: nn.Module,
    images: Tensor,
    layer: str,
    *,
    prepare: Prepare | None = None,
    batch_size: int = 256,
) -> Tensor:
    """What a layer makes of images, batch by batch, in evaluation mode.

    Args:
        images: as the model takes them or, with `prepare`, of any kind.
        layer: a name of `layer_names`.
        prepare: makes a batch of images into what the model takes, such as `Preprocessing.enter`.
    Shape:
        images: (N, C, H, W) -> (N, M, h, w), or (N, M) after a dense layer; on the CPU
    Raises:
        TypeError, ValueError: an unknown layer (names the right ones), no images, a wrong shape.
    Source: ours.
    """
    return torch.cat(list(batched_maps(model, images, layer, prepare, batch_size)))


def batched_maps(
    model: nn.Module, images: Tensor, layer: str, prepare: Prepare | None, batch_size: int
) -> Iterator[Tensor]:
    """Yield `feature_maps` one batch after another; arguments and errors as there."""
    check_layer(model, layer)
    check_whole("batch_size", batch_size, 1)
    check_pictures(images)
    for part in images.split(batch_size):
        x = part if prepare is None else prepare(part)
        check_input(model, x, "images", anywhere=True)
        yield _run_to(model, x, layer)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Class probabilities of a batch, in evaluation mode and without gradients.

    Shape:
        images: (N, C, H, W) float -> (N, classes) in [0, 1], on the model's device
    Raises:
        TypeError, ValueError: not a batch of images, or of another size than the model takes.
    """
    check_input(model, images, "images", anywhere=True)
    with undisturbed(model), torch.no_grad():
        return model(like_weights(model, images)).softmax(1)


class _ArrivedError(Exception):
    """The layer has run: the rest of the model need not."""


def _run_to(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    with undisturbed(model), torch.no_grad():
        return output_of(model, like_weights(model, x), layer).cpu()


def output_of(model: nn.Module, x: Tensor, layer: str) -> Tensor:
    """What a layer makes of images; the model runs no further, in the mode and on the device it is.

    Raises:
        InputError: the layer never runs.
    """

    def stop(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        raise _ArrivedError(output)

    handle = model.get_submodule(layer).register_forward_hook(stop)
    try:
        model(x)
    except _ArrivedError as arrived:
        return arrived.args[0]
    finally:
        handle.remove()
    raise InputError(f"{layer} never runs in this {type(model).__name__}; choose another layer.")
