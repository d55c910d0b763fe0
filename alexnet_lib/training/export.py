"""A trained network as one file for other programs, its preprocessing inside (ours)."""

import copy
import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from alexnet_lib.checks import InputError, check_choice
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.training.answers import side_of
from alexnet_lib.training.checkpoint import TrainedNetwork, writing

FORMATS = ("pt2", "onnx")

_MOST = 1e-4  # by which rounding may change a probability

Run = Callable[[Tensor], Tensor]


class Deployed(nn.Module):
    """From pixels to probabilities; the network is a copy.

    Shape:
        images: (N, 3, side, side) uint8 -> (N, classes) float32, probabilities
    """

    def __init__(self, network: TrainedNetwork) -> None:
        super().__init__()
        config = network.model.config
        self.side = side_of(network.model, network.preprocessing)
        self.model = copy.deepcopy(network.model).cpu().eval().requires_grad_(False)
        scale = network.preprocessing.cut(config.input_size, config.resize_to).to("cpu")
        self.size, self.resize_to = scale.size, scale.resize_to
        self.register_buffer("mean", scale.mean.clone())
        self.register_buffer("scale", scale.scale.clone())

    def forward(self, images: Tensor) -> Tensor:
        """Cut the centre, scale it, ask the network."""
        scale = Preprocessing(self.mean, self.scale, "aligned", self.size, self.resize_to)
        return self.model(scale.enter(images)).softmax(1)


def export(network: TrainedNetwork, path: str | Path, form: str = "pt2") -> float | None:
    """Write a network that takes pixels, any number of pictures at once; check what was written.

    Args:
        form: "pt2", what `torch.export.load` reads, or "onnx".
    Returns:
        The largest difference of a probability between the file and torch, on noise; None where
        nothing here can run the file (ONNX without onnxruntime).
    Raises:
        InputError: another form, a package is missing, or the file answers otherwise than torch.
    """
    check_choice("form", form, FORMATS)
    deployed = Deployed(network)
    some, others = (_noise(deployed.side, count) for count in (2, 5))
    with writing(path) as temporary, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own insides
        run = {"pt2": _pt2, "onnx": _onnx}[form](deployed, some, temporary)
        if run is None:
            return None
        difference = float((run(others) - deployed(others)).abs().max())
        if not difference <= _MOST:
            raise InputError(
                f"the file answers otherwise than torch: a probability differs by "
                f"{difference:.2g}; expected at most {_MOST:g}. It was not kept."
            )
    return difference


def _noise(side: int, count: int) -> Tensor:
    source = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=source)


def _pt2(deployed: Deployed, some: Tensor, path: Path) -> Run:
    count = torch.export.Dim("N", min=1, max=65_536)
    program = torch.export.export(deployed, (some,), dynamic_shapes=({0: count},))
    with open(path, "wb") as file:
        torch.export.save(program, file)
    with open(path, "rb") as file:
        return torch.export.load(file).module()


def _onnx(deployed: Deployed, some: Tensor, path: Path) -> Run | None:
    if lacking := [name for name in ("onnx", "onnxscript") if not importlib.util.find_spec(name)]:
        raise InputError(
            f"ONNX needs {' and '.join(lacking)}; expected them here: pip install onnx onnxscript. "
            "--to pt2 needs nothing more."
        )
    count = torch.export.Dim("N", min=1, max=65_536)
    program = torch.onnx.export(
        deployed, (some,), dynamo=True, dynamic_shapes=({0: count},), verbose=False,
        input_names=["images"], output_names=["probabilities"],
    )  # fmt: skip
    path.write_bytes(program.model_proto.SerializeToString())
    if not importlib.util.find_spec("onnxruntime"):
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
