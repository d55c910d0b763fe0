"""Pictures: where they come from, what they call themselves, and batches of them."""

from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.cifar10 import load_cifar10
from alexnet_lib.data.images import DataError, Examples, ImageData
from alexnet_lib.data.official import CIFAR10_CLASSES
from alexnet_lib.data.synthetic import synthetic_images

__all__ = [
    "CIFAR10_CLASSES", "Batches", "DataError", "Examples", "ImageData", "Preprocessing",
    "load_cifar10", "synthetic_images",
]  # fmt: skip
