"""The source of a function, ready to be pasted into a cell."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType


def source_with_imports(function: Callable) -> str:
    """A function's own source under the imports that it needs of its module's names.

    Source: ours.
    """
    source = textwrap.dedent(inspect.getsource(function)).strip()
    module = inspect.getmodule(function)
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    names = (used & vars(module).keys()) - {function.__name__}
    imports = sorted(_import(name, module) for name in names)
    return "\n".join([*imports, "", source] if imports else [source])


def _import(name: str, module: ModuleType) -> str:
    """From where it was made, where it can be had there by this name: from torch import Tensor."""
    value = vars(module)[name]
    if inspect.ismodule(value):
        renamed = "" if value.__name__ == name else f" as {name}"
        return f"import {value.__name__}{renamed}"
    home = sys.modules.get(getattr(value, "__module__", ""))
    origin = home if getattr(home, name, None) is value else module
    return f"from {origin.__name__} import {name}"
