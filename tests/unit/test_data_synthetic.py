"""The synthetic stand-in: balanced, repeatable, natural, and neither trivial nor hopeless."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alexnet_lib.data.images import CIFAR10_CLASSES
from alexnet_lib.data.synthetic import synthetic_images


def test_same_arguments_same_images_other_seed_others():
    data, again, other = (synthetic_images(40, 20, seed) for seed in (0, 0, 1))
    assert torch.equal(data.train.images, again.train.images)
    assert torch.equal(data.test.labels, again.test.labels)
    assert not torch.equal(data.train.images, other.train.images)
    assert data.train.labels.bincount().tolist() == [4] * 10
    assert not torch.equal(data.train.images[:20], data.test.images)


def test_it_says_what_it_is():
    data = synthetic_images(10, 10)
    assert data.name == "synthetic stand-in"
    assert data.is_synthetic
    assert "SYNTHETIC" in data.banner
    assert not set(data.classes) & set(CIFAR10_CLASSES)


def test_its_colours_and_edges_are_those_of_photographs():
    images = synthetic_images(500, 10).train.images.float()
    assert ((images.mean((0, 2, 3)) - 120).abs() < 15).all()
    assert ((images.std((0, 2, 3)) - 60).abs() < 15).all()
    power = torch.fft.rfft2(images.mean(1) - images.mean()).abs().square().mean(0)[0, 1:16]
    slope = torch.linalg.lstsq(
        torch.stack([torch.arange(1, 16).float().log(), torch.ones(15)], 1), power.log()[:, None]
    ).solution[0]
    assert -3 < float(slope) < -1.2  # natural images: about -2


@pytest.mark.parametrize("counts", [(9, 10), (10, 0), (100.0, 10)])
def test_too_few_are_refused(counts):
    with pytest.raises(ValueError, match="expected a whole number of at least 10"):
        synthetic_images(*counts)


def accuracy(net: nn.Module, train, test, epochs: int, lr: float) -> float:
    mean = train.images.float().mean()
    x, y = (train.images.float() - mean) / 64, train.labels
    x, net = (part.to(memory_format=torch.channels_last) for part in (x, net))
    optimizer = torch.optim.Adam(net.parameters(), lr)
    steps = epochs * -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    order = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for ids in torch.randperm(len(x), generator=order).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[ids]), y[ids]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        predictions = net((test.images.float() - mean) / 64).argmax(1)
    return (predictions == test.labels).float().mean().item()


@pytest.mark.slow(seconds=15)
def test_a_linear_model_fails_and_a_small_network_succeeds():
    data = synthetic_images(4000, 2000)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
        layers = []
        for channels, width in ((3, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)]
        network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(576, 10))
    assert 0.2 < accuracy(linear, data.train, data.test, 5, 1e-3) < 0.45
    assert accuracy(network, data.train, data.test, 6, 8e-3) > 0.85
