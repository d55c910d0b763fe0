"""Pictures: where they come from, what they are, batches of them; files and folders."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "files": "data_dir runs_dir",
        "images": "Examples ImageData",
        "cifar10": "load_cifar10",
        "synthetic": "synthetic_images",
        "batches": "Batches Preprocessing",
    },
)
