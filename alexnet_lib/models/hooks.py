"""A network lent out: looked at, tested or differentiated, and given back as it came."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import nn

Hooks = Mapping[str, Callable]  # by the layer's name in the model


@contextmanager
def undisturbed(
    model: nn.Module,
    after: Hooks | None = None,
    *,
    before: Hooks | None = None,
    training: bool | None = False,
) -> Iterator[None]:
    """Whatever happens inside, the network is left as it was found, errors or not.

    Each module's own mode, each parameter's gradient and `requires_grad` come back; hooks go.

    Args:
        after, before: called with (layer, inputs, output), and with (layer, inputs).
        training: mode of all modules meanwhile; None leaves each in its own.
    Source: ours.
    """
    modes = [(module, module.training) for module in model.modules()]
    found = [(p, p.grad, p.requires_grad) for p in model.parameters()]
    handles = []
    try:
        for name, hook in (before or {}).items():
            handles.append(model.get_submodule(name).register_forward_pre_hook(hook))
        for name, hook in (after or {}).items():
            handles.append(model.get_submodule(name).register_forward_hook(hook))
        if training is not None:
            model.train(training)
        for p, _, _ in found:
            p.grad = None  # a backward pass must not add to what was there
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode  # not train(mode), which would pass it on to the parts
        for p, gradient, wanted in found:
            p.grad = gradient
            if p.requires_grad != wanted:
                p.requires_grad_(wanted)
