"""Every figure that a test of this folder draws is held to the rules of figures."""

from collections.abc import Iterator
from typing import Any

import pytest
from figurerules import faults
from matplotlib.figure import Figure

from alexnet_lib.course.figures import style


@pytest.fixture(autouse=True)
def figures_keep_the_rules(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Look at the figures that a function of the package has described, the first of each label."""
    seen: dict[str, Figure] = {}
    named = Figure.set_label

    def set_label(figure: Any, label: str) -> None:  # `describe` says by it: this is finished
        named(figure, label)
        if isinstance(figure, Figure) and label:
            seen.setdefault(_kind(label), figure)

    monkeypatch.setattr(Figure, "set_label", set_label, raising=False)
    yield
    monkeypatch.undo()
    with style.drawing:
        found = {kind: told for kind, figure in seen.items() if (told := faults(figure))}
    assert not found, found


def _kind(label: str) -> str:
    return label[:12]
