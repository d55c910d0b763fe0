"""Networks for `torch.hub`: `torch.hub.load(".", "cifar_lite", source="local")`."""

dependencies = ["torch", "safetensors"]


def alexnet(preset: str = "paper", num_classes: int = 1000, seed: int = 0, **changes):
    """An untrained network by its name; arguments as `alexnet_lib.models.build_model`."""
    from alexnet_lib.models import build_model

    return build_model(preset, num_classes, seed, **changes)


def cifar_lite():
    """The course's CIFAR-10 network, trained: (N, 3, 28, 28), prepared -> logits (N, 10)."""
    return classifier("cifar-lite").model


def classifier(name: str = "cifar-lite"):
    """A trained network with its input scale and class names: `.classify(pictures)`."""
    from alexnet_lib.training import shipped_network

    return shipped_network(name)
