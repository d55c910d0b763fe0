"""Small archives in memory, made as the official ones are."""

import hashlib
import io
import pickle
import tarfile

import torch

from alexnet_lib.data.download import Archive

BATCHES = ("data_batch_1", "data_batch_2", "test_batch")


def batch_bytes(seed: int, count: int = 20) -> bytes:
    """A batch as the official ones are: a pickled dict of bytes keys, protocol 2."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.randint(0, 256, (count, 3072), generator=generator, dtype=torch.uint8)
    return pickle.dumps({b"data": data.numpy(), b"labels": [i % 10 for i in range(count)]}, 2)


def tar_of(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar of these files, in memory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def archive_for(content: bytes, files: dict[str, bytes], urls: tuple[str, ...] = ()) -> Archive:
    """What a small archive must look like: the checks of the real one, other numbers."""
    return Archive(
        file_name="cifar-10-python.tar.gz",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        urls=urls,
        batches={name: hashlib.md5(files[name]).hexdigest() for name in files},
    )
