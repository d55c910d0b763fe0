"""Decoded images kept on the disk, so that only the first load takes seconds."""

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.environment import cache_dir
from alexnet_lib.files import atomic_write

_FORMAT = 1


def cached(
    key: str, make: Callable[[], ImageData], report: Callable[[str], None] = print
) -> ImageData:
    """Return what `make` once returned for this key, making it where that is not on the disk.

    A damaged file is made anew, and a folder that cannot be written costs only the speed.

    Args:
        key: whatever `make` depends on.
    """
    digest = hashlib.sha256(f"{_FORMAT}|{key}".encode()).hexdigest()
    path = cache_dir() / f"images-{digest[:16]}.safetensors"
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        report(f"The cached images are damaged ({error}); reading the source again.")
    data = make()
    try:
        with atomic_write(path) as temporary:
            _save(data, temporary)
    except OSError as error:
        report(f"The images cannot be cached ({error}); the next load takes as long as this one.")
    return data


def _save(data: ImageData, path: Path) -> None:
    tensors = {
        "train.images": data.train.images,
        "train.labels": data.train.labels,
        "test.images": data.test.images,
        "test.labels": data.test.labels,
    }
    about = {
        "name": data.name,
        "classes": data.classes,
        "is_synthetic": data.is_synthetic,
        "note": data.note,
        "crc32": _checksums(tensors),
    }
    save_file(tensors, path, {"about": json.dumps(about)})


def _load(path: Path) -> ImageData:
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if _checksums(tensors) != about["crc32"]:
        raise ValueError("checksum")
    train, test = (
        Examples(tensors[f"{part}.images"], tensors[f"{part}.labels"]) for part in ("train", "test")
    )
    classes = tuple(about["classes"])
    return ImageData(about["name"], classes, train, test, about["is_synthetic"], about["note"])


def _checksums(tensors: dict[str, Tensor]) -> dict[str, int]:
    return {name: zlib.crc32(tensor.numpy()) for name, tensor in sorted(tensors.items())}
