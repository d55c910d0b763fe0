"""Small archives in memory, made as the official ones are."""

import hashlib
import io
import struct
import tarfile

import torch

from alexnet_lib.data.download import Archive

BATCHES = ("data_batch_1", "data_batch_2", "test_batch")


def batch_pixels(seed: int, count: int = 20) -> torch.Tensor:
    """The pixels of `batch_bytes`, (count, 3072) uint8: red, green, blue, row by row."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3072), generator=generator, dtype=torch.uint8)


def batch_bytes(seed: int, count: int = 20) -> bytes:
    """A batch as the official ones are: a pickle of Python 2, its text plain bytes."""
    pixels = batch_pixels(seed, count).numpy().tobytes()
    return (
        b"\x80\x02}(U\x04data"  # {"data":
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01" + b"K" + bytes([count]) + b"M\x00\x0c\x86"  # version 1, shape (count, 3072)
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tb"
        b"U\x06labels](" + b"".join(b"K" + bytes([i % 10]) for i in range(count)) + b"eu."
    )


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
