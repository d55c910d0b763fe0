"""Testing a network: what is averaged, and what is left as it was."""

import pytest
import torch
from torch import nn

from alexnet_lib.data.batches import Batches, Preprocessing
from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.paper.augment import Augmentation
from alexnet_lib.training.evaluation import evaluate, pack_bits, unpack_bits


class Probe(nn.Module):
    """Logits from the mean colour, so that crops differ."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fc = nn.Linear(3, 10)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.fc(self.drop(x.mean((2, 3)) / 20))


@pytest.fixture(scope="module")
def batches():
    examples = synthetic_images(train=30, test=50).test
    return Batches(examples, 16, Preprocessing.fit(examples), Augmentation(24), shuffle=False)


def test_ten_views_average_probabilities_not_logits(batches):
    model = Probe().eval()
    with torch.no_grad():
        model.fc.weight.mul_(5)  # far from 0, and no probability underflows
        views = [(model(x.flatten(0, 1)).view(10, -1, 10), y) for x, y in batches.views("ten")]
    logits, y = torch.cat([v for v, _ in views], 1), torch.cat([y for _, y in views])
    probs = logits.softmax(-1).mean(0)
    evaluation = evaluate(model, batches, "ten")
    expected = -probs[torch.arange(50), y].log().mean()
    assert evaluation.loss == pytest.approx(expected.item(), rel=1e-4)
    of_logits = nn.functional.cross_entropy(logits.mean(0), y).item()
    assert evaluation.loss != pytest.approx(of_logits, rel=1e-3)


def test_counts_agree_with_the_confusion_matrix(batches):
    evaluation = evaluate(Probe(), batches)
    assert evaluation.count == 50 == evaluation.confusion.sum()
    assert evaluation.top1_error == 1 - evaluation.confusion.trace().item() / 50
    assert evaluation.top5_error <= evaluation.top1_error
    assert evaluation.interval.low < evaluation.top1_error < evaluation.interval.high


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_restored_and_dropout_is_off(batches, training):
    model = Probe().train(training)
    assert evaluate(model, batches).loss == evaluate(model, batches).loss
    assert model.training is training


def test_each_part_keeps_its_own_mode(batches):
    model = Probe().train()
    model.drop.eval()  # a learner may have switched one dropout off
    evaluate(model, batches)
    assert model.training and model.fc.training and not model.drop.training


def test_a_gradient_that_was_there_is_still_there(batches):
    model = Probe()
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    before = model.fc.weight.grad.clone()
    evaluate(model, batches)
    assert torch.equal(model.fc.weight.grad, before)


def test_nothing_keeps_a_gradient(batches):
    model = Probe()
    evaluate(model, batches)
    assert all(p.grad is None for p in model.parameters())


def test_unknown_views_are_refused(batches):
    with pytest.raises(ValueError, match="views is 'five'"):
        evaluate(Probe(), batches, "five")


def test_a_probability_of_zero_has_a_finite_loss(batches):
    model = Probe()
    with torch.no_grad():
        model.fc.weight.zero_()
        model.fc.bias.copy_(torch.arange(10) * 1000.0)
    assert torch.isfinite(torch.tensor(evaluate(model, batches).loss))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 10_000])
def test_bits_come_back_as_they_were(count):
    correct = torch.rand(count, generator=torch.Generator().manual_seed(count)) < 0.8
    text = pack_bits(correct)
    assert unpack_bits(text, count).equal(correct)
    assert len(text) <= 4 * (count // 24 + 1) and text.isascii()


def test_each_image_is_known_to_be_right_or_wrong(batches):
    model = Probe().eval()
    found = evaluate(model, batches)
    expected = torch.cat([model(x[0]).argmax(1) == y for x, y in batches.views()])
    assert found.correct.equal(expected) and 0 < expected.sum() < 50
    assert found.top1_error == 1 - expected.sum().item() / 50
