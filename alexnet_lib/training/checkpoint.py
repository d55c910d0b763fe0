"""States and networks on disk."""

import base64
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from alexnet_lib.checks import InputError
from alexnet_lib.data.batches import Preprocessing
from alexnet_lib.data.files import atomic_write, cannot_write, check_seal, data_dir, without_clone
from alexnet_lib.models.registry import describe, from_description, model_config
from alexnet_lib.paper.network import PRESETS
from alexnet_lib.training.answers import Answer, classify, unread

SCHEMA = 1

_SECTIONS = ("config", "model", "optimizer", "schedule", "history", "environment")

_CONVERSION = (
    " An older version wrote it. To convert it, build its network, call load_into(model, "
    "torch.load(path, weights_only=True)['model']), and train on from there; momentum and schedule "
    "begin anew.",
    " A newer version of the course wrote it: update this one.",
)

_PLAIN = (type(None), bool, int, float, str)


class CheckpointError(InputError):
    """A checkpoint cannot be written, read or used; the message says why and what to do."""


def save_checkpoint(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a training state: tensors and plain Python values only, with a schema number.

    Raises:
        CheckpointError: a value of another type (its place is named), or the disk refuses.
    """
    _check_plain(state, "state")
    with writing(path) as temporary:
        torch.save({"schema": SCHEMA, **state}, temporary)


@contextmanager
def writing(path: str | Path) -> Iterator[Path]:
    """`files.atomic_write` that says in words why a file cannot be written.

    Raises:
        CheckpointError: the disk is full or the folder not writable.
    """
    try:
        with atomic_write(path) as temporary:
            yield temporary
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(cannot_write(path, error)) from error


def load_checkpoint(path: str | Path, allow_nonfinite: bool = False) -> dict[str, Any]:
    """Read a training state onto the CPU, wherever it was written, after verifying it.

    torch.load neither notices a flipped bit nor refuses NaN, so the archive's own checksums come
    first and a look at every number comes last. Nothing but tensors and plain values is built.

    Raises:
        CheckpointError: missing, cut, altered, not ours, of another schema, or not finite.
    """
    path = Path(path)
    try:
        state = _read(path)
        _check_schema(path, state)
        if not allow_nonfinite:
            _check_finite(path, state)
    except CheckpointError as error:
        raise CheckpointError(f"{error} {_way_out(path)}") from error.__cause__
    return state


def save_weights(path: str | Path, weights: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Write weights alone as safetensors, with a few words about them.

    Raises:
        CheckpointError: the disk refuses.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    with writing(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, dict(about))


def load_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_weights` wrote: weights on the CPU, and the words about them.

    Raises:
        CheckpointError: missing, cut, not safetensors, or not finite.
    """
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}
            about = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is missing or not whole ({error}).") from error
    _check_finite(Path(path), {"model": weights})
    return weights, about


def load_into(model: nn.Module, weights: Mapping[str, Tensor], source: str = "The file") -> None:
    """Copy weights into a model that fits them exactly; else leave it untouched.

    Raises:
        CheckpointError: missing, unknown or differently shaped weights, listed in words.
    """
    own = model.state_dict()
    problems = [f"has no {name}" for name in own if name not in weights]
    problems += [f"has an unknown {name}" for name in weights if name not in own]
    problems += [
        f"has {name} as {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if problems:
        raise CheckpointError(f"{source} is of another network: it {'; it '.join(problems[:8])}.")
    model.load_state_dict(weights)


def _read(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{path} was altered or damaged: {damaged} fails its checksum.")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist.") from error
    except CheckpointError:
        raise
    except Exception as error:  # half a dozen types, depending on where the file is cut
        raise CheckpointError(
            f"{path} is no whole checkpoint of this package ({type(error).__name__})."
        ) from error


def _check_schema(path: Path, state: Any) -> None:
    schema = state.get("schema") if isinstance(state, dict) else None
    if schema != SCHEMA:
        hint = _CONVERSION[schema > SCHEMA] if isinstance(schema, int) else ""
        raise CheckpointError(f"{path} has schema {schema!r}; this version reads {SCHEMA}.{hint}")
    missing = [name for name in _SECTIONS if name not in state]
    if missing:
        raise CheckpointError(f"{path} lacks {', '.join(missing)}.")


def _check_finite(path: Path, state: Mapping[str, Any]) -> None:
    for section in ("model", "optimizer"):
        for place, value in _leaves(state.get(section, {}), section):
            numbers = isinstance(value, Tensor) and value.is_floating_point()
            if (numbers and not value.isfinite().all()) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise CheckpointError(f"{path} holds NaN or infinity in {place}.")


def _check_plain(value: Any, place: str) -> None:
    for where, leaf in _leaves(value, place):
        if not isinstance(leaf, Tensor) and type(leaf) not in _PLAIN:
            raise CheckpointError(
                f"{where} is {type(leaf).__name__}; a checkpoint takes tensors and plain Python "
                "values only. Convert it first: float(…), str(…)."
            )


def _leaves(value: Any, place: str) -> list[tuple[str, Any]]:
    """Every value inside nested dicts, lists and tuples, with its place in words."""
    if type(value) is dict:
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{place}.{key}")]
    if type(value) in (list, tuple):
        return [leaf for i, item in enumerate(value) for leaf in _leaves(item, f"{place}[{i}]")]
    return [(place, value)]


def _way_out(path: Path) -> str:
    """Name the newest other checkpoint in the folder that can still be read."""
    others = [p for p in path.parent.glob("*.pt") if p != path] if path.parent.is_dir() else []
    for other in sorted(others, key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            _check_schema(other, _read(other))
        except CheckpointError:
            continue
        return f"{other} can be read: continue from that."
    return "Start the run anew in another folder."


_SCALES = ("mean", "scale")


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """All that is needed to use a network: no training images, no config.

    Args:
        model: carries its own config, from which it can be built again.
        preprocessing: as measured on its training images.
        classes: names, in the order of its outputs.
        about: where it comes from, as plain values: network, data, epoch, errors, commit.
    """

    model: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    about: Mapping[str, Any]

    def classify(self, pictures: Any, top: int = 5, batch_size: int = 128) -> list[Answer]:
        """The likeliest classes of pictures, with their probabilities.

        Args:
            pictures: a file, a folder, a PIL image, an array (H, W) or (H, W, 3), a tensor
                (3, H, W) or (N, 3, H, W), or a row of these. Numbers are uint8 in 0–255, or
                floating-point in 0–1, which are scaled.
            top: so many classes are named.
        Raises:
            InputError: numbers of another range, shape or type; pictures that cannot be read.
        """
        answers = list(
            classify(self.model, self.preprocessing, self.classes, pictures, top, batch_size)
        )
        unread(answers)
        return answers


def save_trained(
    path: str | Path, network: TrainedNetwork, dtype: torch.dtype = torch.float32
) -> None:
    """Write a network as one safetensors file, described by what it is, not by what it was called.

    Its tensors are the model's own weights and nothing else, so that any reader of such files can
    load them; the input scale stands among the words, as a small safetensors file of its own.

    Args:
        dtype: of the weights in the file; float16 halves it. The input scale stays float32.
    Raises:
        CheckpointError: the disk refuses, or no description can build such a network again.
    """
    tensors = {name: tensor.to(dtype) for name, tensor in network.model.state_dict().items()}
    scales = {name: getattr(network.preprocessing, name).cpu().contiguous() for name in _SCALES}
    words = {
        "network": description(network.model),
        "preprocessing": base64.b64encode(safetensors.torch.save(scales)).decode("ascii"),
        "mean_crop": network.preprocessing.mean_crop,
        "classes": network.classes,
        "about": dict(network.about),
    }
    save_weights(path, tensors, {name: json.dumps(value) for name, value in words.items()})


def description(model: nn.Module) -> dict[str, Any]:
    """What a network is, for a file that it can be built from again.

    Raises:
        CheckpointError: it is not of this package, or was altered after it was built.
    """
    try:
        return describe(model)
    except InputError as error:
        raise CheckpointError(f"This network cannot be saved: {error}") from error


def load_trained(path: str | Path) -> TrainedNetwork:
    """Read what `save_trained` wrote, or a run's folder; the model comes on the CPU, ready to test.

    Raises:
        CheckpointError: missing, damaged, not finite, weights alone without an input scale, or
            described in words that nothing can be built from.
    """
    path = Path(path) / "best.safetensors" if Path(path).is_dir() else Path(path)
    tensors, words = load_weights(path)
    needed = {"preprocessing", "mean_crop", "classes", "about"}
    needed |= {"preset", "settings"} if "preset" in words else {"network"}
    older = {name: tensors.pop(f"preprocessing.{name}", None) for name in _SCALES}
    told_before = {"preprocessing"} if None not in older.values() else set()
    if lacking := sorted(needed - words.keys() - told_before):
        raise CheckpointError(
            f"{path} holds weights alone; expected the input scale and the class names too, and it "
            f"lacks {', '.join(lacking)}. A run of `python train.py` leaves such a file as "
            "best.safetensors in its folder."
        )
    try:
        told = {name: json.loads(text) for name, text in words.items()}
        classes, about = tuple(told["classes"]), {"network": told.get("preset"), **told["about"]}
        scales = older if told_before else _scales_in(told["preprocessing"])
        mean, scale = (scales[name].float() for name in _SCALES)
        preprocessing = Preprocessing(mean, scale, told["mean_crop"])
        model = _blank(told)
    except (ValueError, TypeError, AttributeError) as error:  # also ours, and JSON's
        raise CheckpointError(
            f"{path} is described in words that nothing can be built from: {error} Take the file "
            "that `save_trained` or a run wrote."
        ) from error
    load_into(model, {name: tensor.float() for name, tensor in tensors.items()}, str(path))
    return TrainedNetwork(model.eval(), preprocessing, classes, about)


def _scales_in(text: str) -> dict[str, Tensor]:
    """The input scale, from the words of a file.

    Raises:
        CheckpointError: it cannot be read, or is not finite.
    """
    try:
        scales = safetensors.torch.load(base64.b64decode(text, validate=True))
        mean_and_scale = {name: scales[name] for name in _SCALES}
    except (ValueError, TypeError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"its input scale cannot be read ({error!r}).") from error
    if not all(bool(tensor.isfinite().all()) for tensor in scales.values()):
        raise CheckpointError("its input scale holds NaN or infinity.")
    return mean_and_scale


def _blank(told: Mapping[str, Any]) -> nn.Module:
    """The network that a file tells of, without its weights."""
    if "network" not in told:  # an older file, of a preset and changes to it
        name, settings = told["preset"], told["settings"]
        config = model_config(name, len(told["classes"]), **settings)
        kind = "alexnet" if name in PRESETS else name
        told = {"network": {"kind": kind, **vars(config)}}
    return from_description(told["network"], first_weights=False)


def find_trained(name: str | Path) -> TrainedNetwork:
    """The network of a run's folder or a file, as in `load_trained`, or a shipped one by its name.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    if Path(name).exists():
        return load_trained(name)
    folder = data_dir() / "weights"
    if (folder / f"{name}.safetensors").is_file():
        return shipped_network(str(name))
    raise CheckpointError(
        f"There is no {name}; expected a run's folder, a file such as best.safetensors, or a "
        f"shipped network ({_shipped(folder)}). {without_clone('weights')}".rstrip()
    )


def _shipped(folder: Path) -> str:
    """Names of the networks in a folder of weights, in words."""
    return ", ".join(sorted(file.stem for file in folder.glob("*.safetensors"))) or "none"


def shipped_network(name: str = "cifar-lite") -> TrainedNetwork:
    """A trained network of the course, from `data/weights`; its checksum is verified.

    Raises:
        CheckpointError: there is none of that name, or it is not the file that was shipped.
    """
    folder = data_dir() / "weights"
    path, sums = folder / f"{name}.safetensors", folder / "SHA256SUMS"
    if not path.is_file() or not sums.is_file():
        told = f"There are no weights {name!r} in {folder}; there: {_shipped(folder)}."
        raise CheckpointError(f"{told} {without_clone('weights')}".rstrip())
    seals = dict(line.split()[::-1] for line in sums.read_text().splitlines())
    again = "Restore it from the project."
    check_seal(path, seals.get(path.name), path, error=CheckpointError, advice=again)
    return load_trained(path)
