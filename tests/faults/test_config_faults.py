"""Settings that cannot be: refused before any data is touched (F29)."""

import math

import pytest

from alexnet_lib.cli import main as cli
from alexnet_lib.cli import train as train_command
from alexnet_lib.training.config import TrainConfig

WRONG = [
    ("lr", math.nan), ("lr", 0), ("lr", -0.1), ("lr", "0.1"), ("momentum", math.nan),
    ("momentum", 1), ("weight_decay", -1e-9), ("weight_decay", math.inf), ("epochs", 0),
    ("epochs", 2.5), ("batch_size", 0), ("batch_size", True), ("seed", -1), ("drop_at", (0.5, 0.2)),
    ("drop_at", (1.0,)), ("colour_until", 1.1), ("train_limit", 0), ("schedule", "cosine"),
    ("precision", "float16"), ("device", "tpu"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_f29_a_wrong_setting_is_named_with_its_value_and_range(name, value):
    with pytest.raises(ValueError) as caught:
        TrainConfig(**{name: value})
    assert str(caught.value).startswith(f"{name} is {value!r}; expected ")


def test_f29_a_dropout_of_one_and_an_unknown_setting_are_refused():
    with pytest.raises(ValueError, match="Unknown setting 'learning_rate'"):
        TrainConfig.from_dict({"learning_rate": 0.1})
    from alexnet_lib.models.registry import build_model

    with pytest.raises(ValueError, match=r"dropout_p is 1\.0; expected a number in \[0, 1\)"):
        build_model("cifar-lite", dropout_p=1.0)


@pytest.mark.parametrize(
    ("option", "value"), [("--lr", "nan"), ("--batch-size", "0"), ("--preset", "alexnet")]
)
def test_f29_the_command_refuses_before_it_looks_for_data(
    option, value, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ALEXNET_HOME", str(tmp_path))
    monkeypatch.setattr(
        train_command, "load_cifar10", lambda *_, **__: pytest.fail("data was touched")
    )
    assert cli.main(["train", "--preset", "four-layer", "--epochs", "1", option, value]) == 2
    assert f"is {value.strip()}; expected" in capsys.readouterr().err.replace("'", "")
    assert not (tmp_path / "runs").exists()
