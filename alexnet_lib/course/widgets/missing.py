"""A name that no cell has made is told in words: which section makes it, and what to do.

A cell that was stopped, or never run, leaves its names unmade, and every later cell that needs one
ends in a NameError. A learner's own slip keeps its traceback: only names that the lesson makes are
explained.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from IPython import get_ipython


def explain_missing_names(notebook: Path) -> None:
    """From now on, tell of a missing name of this notebook in words, where there is a kernel."""
    shell = get_ipython()
    if shell is None or not notebook.is_file():
        return
    sections = made_in(notebook)

    def tell(
        shell: Any, kind: type, error: NameError, trace: TracebackType, tb_offset: int | None = None
    ) -> None:
        if kind is NameError and error.name in sections:
            error._render_traceback_ = lambda: [missing_words(error.name, sections[error.name])]
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)

    shell.set_custom_exc((NameError,), tell)


def missing_words(name: str, section: str) -> str:
    """What the learner reads in place of a traceback."""
    return (
        f"Not yet: `{name}` comes from a cell in {section}. That cell was stopped or has not been "
        "run. Run it, then this one."
    )


def made_in(notebook: Path) -> dict[str, str]:
    """For each name that a notebook's cells make, the section where that happens first."""
    section, sections = "the beginning", {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            for name in names_made(source):
                sections.setdefault(name, section)
        elif source.startswith("## "):
            section = f"“{source.splitlines()[0].removeprefix('## ')}”"
    return sections


def names_made(source: str) -> Iterator[str]:
    """Names that a cell makes, outside the functions and classes that it defines."""
    try:
        waiting: list[ast.AST] = list(ast.parse(source).body)
    except SyntaxError:
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.DictComp | ast.GeneratorExp):
            waiting += ast.iter_child_nodes(node)
