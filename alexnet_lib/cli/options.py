"""The settings of a training run as options of the command line, one for each field."""

import argparse
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any, get_args, get_origin

from alexnet_lib.training.config import CHOICES, TrainConfig

_HOW = "how (defaults go with the preset)"
_GROUPS = {
    "what to train": ("preset", "model", "train_limit"),
    _HOW: (),  # all others
    "on what": ("precision", "device", "deterministic"),
}

_SHORTER = {"train_limit": "--limit-train"}  # a second spelling


def png_path(text: str) -> str:
    """The path of a picture that is drawn, as an option's value."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} will be a PNG; expected a name ending in .png")
    return text


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each field of `TrainConfig`; what is left out sets nothing.

    Whether a value will do is for `TrainConfig` to say; here it only gets its type.
    """
    helps = _helps()
    groups = {title: parser.add_argument_group(title) for title in _GROUPS}
    for field in fields(TrainConfig):
        title = next((title for title, names in _GROUPS.items() if field.name in names), _HOW)
        spellings = [_SHORTER.get(field.name), "--" + field.name.replace("_", "-")]
        groups[title].add_argument(
            *filter(None, spellings),
            dest=field.name,
            default=argparse.SUPPRESS,
            help=helps.get(field.name, "") + _choices(field),
            **_reading(field),
        )


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were named on the command line."""
    named = {field.name for field in fields(TrainConfig)} & vars(args).keys()
    settings = {name: getattr(args, name) for name in named}
    return settings | ({"model": dict(args.model)} if "model" in named else {})


def _helps() -> dict[str, str]:
    """What the docstring of `TrainConfig` says of each field."""
    arguments = (inspect.getdoc(TrainConfig) or "").partition("Args:\n")[2]
    entries = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", arguments, re.M)
    return {name: " ".join(text.split()).replace("%", "%%") for name, text in entries}


def _choices(field: Field) -> str:
    words = [str(choice).lower() for choice in CHOICES.get(field.name, ())]
    return f" ({', '.join(words)})" if words and field.type is not bool else ""


def _reading(field: Field) -> dict[str, Any]:
    """How argparse reads the words after an option of this type."""
    if field.type is bool:
        return {"action": argparse.BooleanOptionalAction}  # --flip, --no-flip
    if get_origin(field.type) is tuple:
        return {"nargs": "+", "type": float, "metavar": "SHARE"}
    if get_origin(field.type) is Mapping:
        return {"action": "extend", "nargs": "+", "type": _change, "metavar": "NAME=VALUE"}
    kind, *rest = get_args(field.type) or (field.type,)  # int | None: (int, NoneType)
    metavar = {int: "N", float: "NUMBER", str: "NAME"}[kind]
    return {"type": _or_none(kind) if rest else kind, "metavar": metavar}


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(word: str) -> Any:
        return None if word == "none" else kind(word)

    read.__name__ = kind.__name__  # for argparse: "invalid int value"
    return read


def _change(words: str) -> tuple[str, Any]:
    """A setting of the network: a number, true, none, a list [8, 8, 16], else a word."""
    name, equals, value = words.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{words!r}; expected NAME=VALUE, as in activation=tanh")
    if value == "none":  # as in --stop-at none
        return name, None
    if re.fullmatch(r"[-+]?(\d+\.|\.\d+)", value):  # .3 and 1., which JSON has not
        return name, float(value)
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
