"""The official CIFAR-10 batches: pickles, read without trusting them."""

import hashlib
import io
import pickle

import numpy
import torch

from alexnet_lib.data.download import Archive
from alexnet_lib.data.images import DataError, Examples

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
SIDE = 32
# All that a pickled numpy array needs. No other name is looked up, so no code in a file can run.
_ADMITTED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


def read_batches(files: dict[str, bytes], archive: Archive) -> tuple[Examples, Examples]:
    """Read training and test examples from the files of `cifar-10-batches-py`.

    Raises:
        DataError: a file is missing, differs from the official one, or holds anything else.
    """
    missing = sorted(set(archive.batches) - set(files))
    if missing:
        raise DataError(
            f"missing {', '.join(missing)}; expected all of {', '.join(archive.batches)}."
        )
    parts = {
        name: _read_batch(name, files[name], archive.batches[name]) for name in archive.batches
    }
    train = [parts[name] for name in sorted(parts) if name != "test_batch"]
    images, labels = (torch.cat(column) for column in zip(*train, strict=True))
    return Examples(images, labels), Examples(*parts["test_batch"])


def _read_batch(name: str, data: bytes, md5: str) -> tuple[torch.Tensor, torch.Tensor]:
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if digest != md5:
        raise DataError(f"{name} is damaged: its MD5 is {digest}; expected {md5}.")
    try:
        batch = _BatchUnpickler(io.BytesIO(data), encoding="bytes").load()
        images = torch.from_numpy(batch[b"data"]).reshape(-1, 3, SIDE, SIDE)
        labels = torch.tensor(batch[b"labels"], dtype=torch.int64)
        Examples(images, labels)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{name} is not a CIFAR-10 batch ({error}).") from error
    return images, labels


class _BatchUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        if name == "_reconstruct":  # numpy has moved it, and warns at its old place
            return numpy.zeros(0).__reduce__()[0]
        return super().find_class(module, name)
