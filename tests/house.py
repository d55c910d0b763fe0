"""The house as its imports draw it: `python tests/house.py` prints rooms, lines, floors, arrows.

A room is a folder or a file right under `alexnet_lib`; an arrow says that one room imports another.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "alexnet_lib"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the ground up. A module imports from floors below its own, and from its own room.
FLOORS = (
    ("checks",),
    ("paper", "statistics"),
    ("models", "data"),
    ("training",),
    ("experiments", "inspection"),
    ("course",),
    ("cli",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def name_of(path: Path) -> str:
    """alexnet_lib/paper/network.py -> alexnet_lib.paper.network."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """alexnet_lib.paper.network -> paper; None for the package itself and for other packages."""
    package, _, rest = module.partition(".")
    return rest.split(".")[0] or None if package == "alexnet_lib" else None


NAMES = frozenset(name_of(path) for path in MODULES)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.AST, at_import: bool = False) -> Iterator[str]:
    """Names of the modules that a file imports; `at_import`: only when it is itself imported.

    What is imported for annotations alone (`if TYPE_CHECKING`) is never imported.
    """
    passed_over = {
        id(node)
        for part in ast.walk(tree)
        if (isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING")
        or (at_import and isinstance(part, ast.FunctionDef))
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [module for module in below if module in NAMES]
            yield from modules
            if len(modules) < len(below):
                yield node.module


def arrows() -> dict[str, set[str]]:
    """Room -> the rooms that it imports."""
    found = {room: set() for room in FLOOR_OF}
    for path in MODULES:
        own = room_of(name_of(path))
        if own is not None:
            others = {room_of(module) for module in imports_of(tree_of(path))}
            found.setdefault(own, set()).update(others - {None, own})
    return found


def circle() -> list[str]:
    """Modules that import each other in a circle, those imported inside functions too; else []."""
    names = {name_of(path) for path in MODULES} - {"alexnet_lib"}
    graph = {
        name_of(path): {module for module in imports_of(tree_of(path)) if module in names}
        for path in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def floors() -> dict[str, int]:
    """Room -> its floor: one above the highest room that it imports."""
    below, floor = arrows(), {}
    for room in TopologicalSorter(below).static_order():
        floor[room] = 1 + max((floor[other] for other in below[room]), default=0)
    return floor


def main() -> int:
    """Print the house."""
    floor, below = floors(), arrows()
    for room in sorted(floor, key=lambda room: (floor[room], room)):
        files = [path for path in MODULES if room_of(name_of(path)) == room]
        lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
        print(f"floor {floor[room]}  {room:<12} {len(files):>3} files {lines:>6} lines", end="  ")
        print("imports", ", ".join(sorted(below[room])) or "nothing")
    total = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES)
    print(
        f"{len(floor)} rooms, {max(floor.values())} floors, {sum(map(len, below.values()))} ",
        end="",
    )
    print(f"arrows, {len(MODULES)} files, {total} lines; circle: {' -> '.join(circle()) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
