"""Weights from elsewhere."""

from torch import Tensor

from alexnet_lib.checks import InputError
from alexnet_lib.paper.network import AlexNet

# torchvision numbers its layers; these are the numbers of the ones that hold weights.
_TORCHVISION_NAMES = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}


def load_torchvision_weights(model: AlexNet, state: dict[str, Tensor]) -> AlexNet:
    """Copy the weights of `torchvision.models.alexnet` into a model of preset "torchvision".

    Args:
        model: `AlexNet(PRESETS["torchvision"])`.
        state: torchvision's state dict, for instance from
            `torchvision.models.alexnet(weights="DEFAULT").state_dict()`.
    Raises:
        ValueError: a weight is missing, unknown or of another shape; the model is then unchanged.
    Source: ours. torchvision ships the one-tower net of 2014, not the paper's.
    """
    renamed = {}
    for name, tensor in state.items():
        layer, _, kind = name.rpartition(".")
        if layer not in _TORCHVISION_NAMES:
            raise InputError(f"{name!r} is not a weight of torchvision's alexnet.")
        renamed[f"{_TORCHVISION_NAMES[layer]}.{kind}"] = tensor
    own = model.state_dict()
    for name, tensor in own.items():
        if name not in renamed:
            raise InputError(f"{name} is missing from the weights.")
        if renamed[name].shape != tensor.shape:
            raise InputError(
                f"{name} has shape {tuple(renamed[name].shape)}; the model expects "
                f"{tuple(tensor.shape)}. Build it from the preset 'torchvision'."
            )
    model.load_state_dict(renamed)
    return model
