"""Exercises that name the mistake, one module per lesson."""

from importlib import import_module
from types import ModuleType
from typing import Any

_LESSONS = [f"nb{number:02}" for number in range(16)]


def __getattr__(name: str) -> ModuleType:
    """nb00 to nb15, each loaded when it is asked for."""
    if name not in _LESSONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def exercises_of(number: str) -> tuple[Any, ...]:
    """The exercises of a lesson, in order; none where there is no such lesson."""
    known = f"nb{number}" in _LESSONS
    return tuple(__getattr__(f"nb{number}").EXERCISES) if known else ()


def quiz_of(number: str) -> Any:
    """The quiz of a lesson."""
    return __getattr__(f"nb{number}").QUIZ
