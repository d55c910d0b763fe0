"""The rival of `alexnet bench`: the plain recipe, as most re-implementations follow it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_lib.data.images import Examples, ImageData
from alexnet_lib.models.registry import build_model
from alexnet_lib.paper.layers import LocalResponseNorm

SIDE = 32


def noise(count: int) -> ImageData:
    """Pictures of noise: what they show costs nothing."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 3, SIDE, SIDE), generator=generator).byte()
    examples = Examples(pixels, torch.arange(count) % 10)
    return ImageData("noise", tuple("0123456789"), examples, examples)


def plain_model(preset: str, changes: dict[str, Any], device: torch.device) -> nn.Module:
    """A preset's network with torch's response normalisation in place of ours."""
    model = build_model(preset, **changes)
    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, LocalResponseNorm)]
    for name, norm in layers:  # torch's alpha weighs the mean of the squares
        alpha = norm.alpha * (norm.size if norm.convention == "paper" else 1)
        model.set_submodule(name, TorchNorm(norm.size, alpha=alpha, beta=norm.beta, k=norm.k))
    return model.to(device)


class TorchNorm(nn.LocalResponseNorm):
    """torch's layer; on a CPU it has no bfloat16, so that a user has to go through float32."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise across channels."""
        if x.device.type == "cpu" and x.dtype == torch.bfloat16:
            return super().forward(x.float()).to(x.dtype)
        return super().forward(x)


def plain_training(
    model: nn.Module, count: int, batch_size: int, device: torch.device
) -> Iterator[None]:
    """A step after another over so many pictures."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
    pictures = _PerImage(noise(count).train, model.config.input_size)
    for x, y in torch.utils.data.DataLoader(pictures, batch_size=batch_size, shuffle=True):
        x, y = x.to(device), y.to(device)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        yield


def plain_epoch(
    count: int, held_out: int, batch_size: int, path: Path, device: torch.device
) -> None:
    """An epoch of cifar-lite, its validation, and its weights on the disk."""
    model = plain_model("cifar-lite", {}, device)
    for _ in plain_training(model, count, batch_size, device):
        pass
    model.eval()
    pictures = _PerImage(noise(held_out).train, model.config.input_size)
    with torch.no_grad():
        for x, y in torch.utils.data.DataLoader(pictures, batch_size=batch_size):
            (model(x.to(device)).argmax(1) != y.to(device)).sum().item()
    torch.save(model.state_dict(), path)


class _PerImage(torch.utils.data.Dataset):
    """One image at a time through torchvision's transforms."""

    def __init__(self, examples: Examples, crop: int):
        from torchvision import transforms

        self.pixels, self.labels = examples.images.permute(0, 2, 3, 1).numpy(), examples.labels
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(crop),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.4914, 0.4822, 0.4465), (1 / 255, 1 / 255, 1 / 255)),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.pixels[index]), int(self.labels[index])
