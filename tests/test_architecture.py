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

from house import (
    FLOOR_OF,
    FLOORS,
    MODULES,
    PACKAGE,
    ROOT,
    arrows,
    circle,
    floors,
    imports_of,
    name_of,
    room_of,
    tree_of,
)  # fmt: skip

COURSE, CORE = ("course", "cli"), tuple(room for room in FLOOR_OF if room not in ("course", "cli"))
LINES_OF_CODE = {CORE: 7_720, COURSE: 17_400}  # without empty lines, comments, docstrings
PAPER_LINES = 1_500
LONGEST_FILE = {"paper": 450, "training": 450}  # an idea has its file
LONGEST_ELSEWHERE = 400


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def in_package(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


# --- Imports ------------------------------------------------------------------------------------


def test_ten_rooms_on_seven_floors_and_imports_go_down():
    assert set(arrows()) == set(FLOOR_OF), "a room without a floor, or a floor without its room"
    assert len(FLOOR_OF) <= 10 and len(FLOORS) <= 7 and max(floors().values()) <= len(FLOORS)
    up = [
        f"{own} imports {other}, which is not below it"
        for own, others in arrows().items()
        for other in others - {"__version__", "lazy_names"}
        if FLOOR_OF[other] >= FLOOR_OF[own]
    ]
    assert not up


def test_no_module_imports_itself_by_a_circle():
    assert circle() == []


def test_the_paper_imports_torch_and_checks_only():
    for path in sorted((PACKAGE / "paper").glob("*.py")):
        for module in imports_of(tree_of(path)):
            root = module.split(".")[0]
            own = room_of(module) in ("paper", "checks") or module == "alexnet_lib"  # lazy_names
            assert root in sys.stdlib_module_names or root == "torch" or own, (path.name, module)


def test_heavy_libraries_stay_where_they_belong():
    wrong = []
    for path in MODULES:
        tree, own = tree_of(path), name_of(path)
        modules = set(imports_of(tree))
        roots = {module.split(".")[0] for module in modules}
        drawing = {module for module in modules if module.split(".")[0] == "matplotlib"}
        if ".widgets" in own:
            drawing -= {"matplotlib.figure"}  # the type of what a render function gives back
        if drawing and ".figures" not in own:
            wrong.append(f"{own} imports {sorted(drawing)}")
        if {"ipywidgets", "IPython"} & roots and ".widgets" not in own:
            wrong.append(f"{own} imports widgets")
        if any("pyplot" in module for module in modules):
            wrong.append(f"{own} imports pyplot")
        if "torchvision" in {m.split(".")[0] for m in imports_of(tree, at_import=True)}:
            wrong.append(f"{own}: import torchvision inside the function that needs it")
    assert not wrong


def test_randomness_comes_from_torch_alone():
    for path in MODULES:
        tree = tree_of(path)
        assert not set(imports_of(tree)) & {"random", "numpy.random"}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "random":
                assert ast.unparse(node.value) not in ("np", "numpy"), path


def test_importing_loads_no_drawing_no_widgets_no_torchvision():
    code = (
        "import sys, alexnet_lib; print('torch' in sys.modules); "
        "from alexnet_lib import AlexNet, PRESETS, LocalResponseNorm, PaperSGD, TrainConfig; "
        "from alexnet_lib import Trainer, load_cifar10, Augmentation, build_model; "
        "from alexnet_lib.inspection import feature_maps, top_patches; print([name for name in "
        "('matplotlib', 'ipywidgets', 'IPython', 'torchvision') if name in sys.modules])"
    )
    assert printed(code) == ["False", "[]"]


def printed(code: str) -> list[str]:
    """The words that a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split()


def test_a_training_loads_no_compiler():
    """torch's own optimisers import its compiler first, which no network here waits for."""
    code = (
        "import sys; from alexnet_lib import TrainConfig, Trainer; "
        "from alexnet_lib.data.synthetic import synthetic_images; data = synthetic_images(76, 10); "
        "trainer = Trainer(TrainConfig.for_preset('four-layer', epochs=1, batch_size=32, "
        "validation_size=44, device='cpu', model={'init': 'torch'}), data); "
        "trainer.fit(); trainer.load_state_dict(trainer.state_dict()); "
        "print([name for name in ('torch._dynamo', 'torch._inductor') if name in sys.modules])"
    )
    assert printed(code) == ["[]"]


def test_every_public_name_of_a_package_is_there():
    """A room's names are there, and still are when all its modules have been imported."""
    for path in MODULES:
        importlib.import_module(name_of(path))
    for path in PACKAGE.rglob("__init__.py"):
        room = importlib.import_module(name_of(path))
        if "lazy_names" not in path.read_text(encoding="utf-8"):
            continue
        modules = {file.stem for file in path.parent.iterdir()}
        for name in dir(room):
            assert getattr(room, name) is not None
            assert name not in modules, f"{room.__name__}: {name} is a module, too"


# --- Form ---------------------------------------------------------------------------------------


def test_nothing_unsafe_and_no_assertions():
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            where = f"{in_package(path)}, line {getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Assert), f"{where}: raise an error instead"
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{where}: bare except"
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{where}: relative import"
            if isinstance(node, ast.keyword) and node.arg == "weights_only":
                assert isinstance(node.value, ast.Constant) and node.value.value is True, where
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(word.arg == "weights_only" for word in node.keywords), where
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), f"{where}: {node.func.id}"


def test_networks_need_nothing_that_mps_lacks():
    for path in MODULES:
        if room_of(name_of(path)) not in ("paper", "models"):
            continue
        for node in ast.walk(tree_of(path)):
            name = getattr(node, "attr", getattr(node, "id", ""))
            assert name not in ("float64", "double"), in_package(path)
            assert not re.search("[Aa]daptive", str(name)), in_package(path)


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


def test_the_package_stays_small():
    for rooms, most in LINES_OF_CODE.items():
        files = [path for path in MODULES if room_of(name_of(path)) in rooms]
        lines = sum(lines_of_code(path.read_text(encoding="utf-8")) for path in files)
        assert lines <= most, f"{', '.join(rooms)}: {lines} lines of code; at most {most}"


def test_the_paper_is_a_handful_of_files():
    files = sorted((PACKAGE / "paper").glob("*.py"))
    names = {"__init__", "facts", "layers", "network", "optim", "augment"}
    assert {path.stem for path in files} == names
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    assert lines <= PAPER_LINES, f"{lines} lines; at most {PAPER_LINES}"


def test_files_and_functions_are_short():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        longest = LONGEST_FILE.get(room_of(name_of(path)), LONGEST_ELSEWHERE)
        assert len(text.splitlines()) <= longest, in_package(path)
        for function in functions_of(ast.parse(text)):
            first = 1 if ast.get_docstring(function) and len(function.body) > 1 else 0
            length = function.end_lineno - function.body[first].lineno + 1
            assert length <= 50, f"{in_package(path)}: {function.name} has {length} lines"


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


def test_public_parts_are_documented_and_typed():
    wrong = []
    for path in MODULES:
        module = importlib.import_module(name_of(path))
        if not (
            module.__doc__ and module.__doc__.strip().splitlines()[0].endswith((".", ":", "!"))
        ):
            wrong.append(f"{in_package(path)}: no sentence at the top")
        for name, thing in public_parts(module):
            wrong += [f"{in_package(path)}: {name}: {what}" for what in untold(thing)]
    assert not wrong


def untold(thing: object) -> Iterator[str]:
    """What a reader of this public function or class is not told."""
    if not inspect.getdoc(thing):
        yield "no docstring"
    function = vars(thing).get("__init__") if inspect.isclass(thing) else thing
    if not inspect.isfunction(function):
        return
    signature = inspect.signature(function)
    for word, parameter in signature.parameters.items():
        free = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        untyped = parameter.annotation is inspect.Parameter.empty
        if untyped and not free and word not in ("self", "cls", "_"):
            yield f"no type for {word}"
    if not inspect.isclass(thing) and signature.return_annotation is inspect.Signature.empty:
        yield "no return type"


# --- What readers see ---------------------------------------------------------------------------

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROSE = [
    *MODULES, *NOTEBOOKS, *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("*.py")),
]  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(?:home|Users|root|work|tmp|mnt|opt)/[\w.-]+|[A-Z]:\\\\")


def test_no_path_of_some_machine():
    for path in PROSE:
        text = path.read_text(encoding="utf-8")
        found = MACHINE_PATH.search(text)
        assert not found, f"{path.name}: {text[max(0, found.start() - 40) : found.end() + 20]!r}"


def test_notebooks_import_in_one_cell():
    """Modules are imported in one cell, and none imports what the package keeps to itself."""
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        importing = [source for source in code if re.search(r"^(import|from) ", source, re.M)]
        assert len(importing) <= 1, path.name
        for source in importing:
            assert "matplotlib" not in source and "ipywidgets" not in source, path.name
