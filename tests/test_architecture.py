"""The house keeps its floors: imports go down, the package stays small, documented and clean."""

import ast
import importlib
import inspect
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "alexnet_lib"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the ground up. A module imports from floors below its own, and from its own subject.
FLOORS = (
    ("paper", "checks", "environment", "files", "lessons"),
    ("layers", "augment", "optim", "metrics", "convergence"),
    ("models", "data"),
    ("training", "experiments", "inspection"),
    ("figures",),
    ("widgets", "exercises"),
    ("bench", "train_command", "experiment_command"),
    ("cli",),
)
FLOOR_OF = {subject: floor for floor, subjects in enumerate(FLOORS) for subject in subjects}
NEIGHBOURS = {  # the only imports between subjects of one floor
    ("lessons", "environment"),
    ("exercises", "widgets"),
    ("experiments", "training"),
}
CORE, LESSON_SIDE = sum(FLOORS[:4], ()), sum(FLOORS[4:6], ())
LINES_OF_CODE = {"core": 5_850, "lesson side": 8_000}  # without empty lines, comments, docstrings


def name_of(path: Path) -> str:
    """alexnet_lib/models/alexnet.py -> alexnet_lib.models.alexnet."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def subject_of(module: str) -> str | None:
    """alexnet_lib.models.alexnet -> models; None for the package itself."""
    _, _, rest = module.partition(".")
    return rest.split(".")[0] or None


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.AST, top_level_only: bool = False) -> Iterator[str]:
    """Names of the modules that a file imports; on request, only when it is itself imported.

    What is imported for annotations alone (`if TYPE_CHECKING`) is never imported.
    """
    passed_over = {
        id(node)
        for part in ast.walk(tree)
        if (isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING")
        or (top_level_only and isinstance(part, ast.FunctionDef))
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in passed_over:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module
            if node.module == "alexnet_lib":
                yield from (f"alexnet_lib.{alias.name}" for alias in node.names)


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def each_file(paths: list[Path]):
    return pytest.mark.parametrize("path", paths, ids=[str(p.relative_to(ROOT)) for p in paths])


# --- Imports ------------------------------------------------------------------------------------


def test_every_module_has_its_floor():
    subjects = {subject_of(name_of(path)) for path in MODULES} - {None}
    assert subjects <= set(FLOOR_OF), f"no floor for {sorted(subjects - set(FLOOR_OF))}"


@each_file(MODULES)
def test_imports_go_down(path):
    own = subject_of(name_of(path))
    for module in imports_of(tree_of(path)):
        other = subject_of(module) if module.split(".")[0] == "alexnet_lib" else None
        if other in (None, own, "__version__") or (own, other) in NEIGHBOURS:
            continue
        assert own is not None, f"alexnet_lib itself imports {module}"
        assert FLOOR_OF[other] < FLOOR_OF[own], f"{own} imports {other}, which is not below it"


@each_file(MODULES)
def test_heavy_libraries_stay_where_they_belong(path):
    tree, own = tree_of(path), subject_of(name_of(path))
    modules = set(imports_of(tree))
    roots = {module.split(".")[0] for module in modules}
    drawing = {module for module in modules if module.split(".")[0] == "matplotlib"}
    if own == "widgets":
        drawing -= {"matplotlib.figure"}  # the type of what a render function gives back
    assert not drawing or own == "figures", f"{own} imports {sorted(drawing)}"
    assert not {"ipywidgets", "IPython"} & roots or own == "widgets"
    assert not any("pyplot" in module for module in modules)
    at_import = {module.split(".")[0] for module in imports_of(tree, top_level_only=True)}
    assert "torchvision" not in at_import, "import torchvision inside the function that needs it"


@each_file(MODULES)
def test_randomness_comes_from_torch_alone(path):
    tree = tree_of(path)
    modules = set(imports_of(tree))
    assert not modules & {"random", "numpy.random"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "random":
            assert not (isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"))


def test_the_paper_needs_the_standard_library_only():
    for subject in ("paper", "environment", "files", "lessons"):
        roots = {module.split(".")[0] for module in imports_of(tree_of(PACKAGE / f"{subject}.py"))}
        assert roots <= set(sys.stdlib_module_names) | {"alexnet_lib"}, subject


@pytest.mark.parametrize("module", ["alexnet_lib", "alexnet_lib.training", "alexnet_lib.models"])
def test_importing_loads_no_drawing_no_widgets_no_torchvision(module):
    code = (
        f"import sys, {module}; print([name for name in "
        "('matplotlib', 'ipywidgets', 'IPython', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


# --- Form ---------------------------------------------------------------------------------------


@each_file(MODULES)
def test_nothing_unsafe_and_no_assertions(path):
    tree = tree_of(path)
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise an error instead"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
        if isinstance(node, ast.keyword) and node.arg == "weights_only":
            assert isinstance(node.value, ast.Constant) and node.value.value is True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            assert any(word.arg == "weights_only" for word in node.keywords)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), f"line {node.lineno}: {node.func.id}"


MODEL_PATH = [p for p in MODULES if subject_of(name_of(p)) in ("layers", "optim", "models")]


@each_file(MODEL_PATH)
def test_networks_need_nothing_that_mps_lacks(path):
    for node in ast.walk(tree_of(path)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        assert name not in ("float64", "double") and not re.search("[Aa]daptive", str(name))


def lines_of_code(text: str) -> int:
    """Lines that do something: no empty line, no comment, no docstring."""
    prose = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            prose |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*silent, tokenize.ENDMARKER):
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - prose)


@pytest.mark.parametrize(("side", "subjects"), [("core", CORE), ("lesson side", LESSON_SIDE)])
def test_the_package_stays_small(side, subjects):
    files = [path for path in MODULES if subject_of(name_of(path)) in subjects]
    lines = sum(lines_of_code(path.read_text(encoding="utf-8")) for path in files)
    assert lines <= LINES_OF_CODE[side], f"{side}: {lines} lines"


@each_file(MODULES)
def test_files_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    longest = 350 if path.stem.startswith("nb") else 250  # exercises are mostly what they say
    assert len(text.splitlines()) <= longest
    for function in functions_of(ast.parse(text)):
        first = 1 if ast.get_docstring(function) and len(function.body) > 1 else 0
        length = function.end_lineno - function.body[first].lineno + 1
        assert length <= 50, f"{function.name}: {length} lines"


def public_parts(module) -> Iterator[tuple[str, object]]:
    """Public functions, classes and their public methods that this module defines."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            for method_name, method in vars(thing).items():
                method = getattr(method, "fget", None) or getattr(method, "__func__", method)
                if not method_name.startswith("_") and inspect.isfunction(method):
                    yield f"{name}.{method_name}", method


@each_file(MODULES)
def test_public_parts_are_documented_and_typed(path):
    module = importlib.import_module(name_of(path))
    assert module.__doc__ and module.__doc__.strip().splitlines()[0].endswith((".", ":", "!"))
    for name, thing in public_parts(module):
        assert inspect.getdoc(thing), f"{name} has no docstring"
        function = vars(thing).get("__init__") if inspect.isclass(thing) else thing
        if not inspect.isfunction(function):
            continue
        parameters = inspect.signature(function).parameters
        untyped = [
            word
            for word, parameter in parameters.items()
            if word not in ("self", "cls", "_")
            and parameter.annotation is inspect.Parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        assert not untyped, f"{name}: no type for {untyped}"
        if not inspect.isclass(thing):
            returns = inspect.signature(function).return_annotation
            assert returns is not inspect.Signature.empty, f"{name}: no return type"


# --- What readers see ---------------------------------------------------------------------------

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROSE = [*MODULES, *NOTEBOOKS, *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("*.py"))]
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(?:home|Users|root|work|tmp|mnt|opt)/[\w.-]+|[A-Z]:\\\\")


@each_file(PROSE)
def test_no_path_of_some_machine(path):
    text = path.read_text(encoding="utf-8")
    found = MACHINE_PATH.search(text)
    assert not found, f"{found[0]} at {text[max(0, found.start() - 40) : found.end() + 20]!r}"


@each_file(NOTEBOOKS)
def test_notebooks_hold_no_logic_of_their_own(path):
    """Modules are imported in one cell, and none imports what the package keeps to itself."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    importing = [source for source in code if re.search(r"^(import|from) ", source, re.M)]
    assert len(importing) <= 1
    for source in importing:
        assert "matplotlib" not in source and "ipywidgets" not in source
