"""Small changes of a function's source, one at a time: what a tired mind writes instead.

    for words, mutant in mutants(output_size):
        ...                                     # "line 3: + becomes -", and a function to be called

Operators, comparisons, constants (axes among them), reductions, guards, arguments, the order of
what is returned, and single statements are changed. What refuses bad input stays as it is, since
an exercise gives none.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

OPERATORS = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Div, ast.Mult), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Lt: (ast.LtE, ast.GtE, ast.NotEq), ast.LtE: (ast.Lt, ast.Gt, ast.Eq),
    ast.Gt: (ast.GtE, ast.LtE, ast.NotEq), ast.GtE: (ast.Gt, ast.Lt, ast.Eq),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip

REDUCTIONS = {
    "sum": ("mean",), "mean": ("sum", "median"), "max": ("min",), "min": ("max",),
    "amax": ("amin", "mean"), "amin": ("amax",), "ceil": ("floor",), "floor": ("ceil",),
    "all": ("any",), "any": ("all",), "argmax": ("argmin",), "argmin": ("argmax",),
    "round": ("ceil", "floor"), "fmean": ("median",), "sqrt": ("square",),
}  # fmt: skip

Change = tuple[str, ast.AST]  # in words, and the node that takes the old one's place


def mutants(function: Callable) -> Iterator[tuple[str, Callable]]:
    """All mutants of a function; they know the names that its module knows."""
    source = textwrap.dedent(inspect.getsource(function))
    tree = ast.parse(source)
    arguments = [argument.arg for argument in tree.body[0].args.args]
    body = tree.body[0].body
    if ast.get_docstring(tree.body[0]):
        del body[0]
    count = sum(1 for statement in body for _ in ast.walk(statement))
    for number in range(count):
        for which in range(_changes_at(tree, number, arguments)):
            changed = copy.deepcopy(tree)
            words = _change(changed, number, which, arguments)
            if words:
                yield words, _compiled(changed, function)


def _nodes(tree: ast.Module) -> list[tuple[ast.AST, ast.AST, str, int | None]]:
    """Every node of the body, with where it hangs: parent, field, index."""
    found = []

    def walk(parent: ast.AST) -> None:
        for name, value in ast.iter_fields(parent):
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST) and not _refuses(child):
                    found.append((child, parent, name, index if isinstance(value, list) else None))
                    walk(child)

    function = tree.body[0]
    for index, statement in enumerate(function.body):
        if not _refuses(statement):
            found.append((statement, function, "body", index))
            walk(statement)
    return found


def _refuses(node: ast.AST) -> bool:
    """Whether this only turns away bad input, or is a type."""
    if isinstance(node, ast.If):
        return any(isinstance(child, ast.Raise) for child in node.body)
    if isinstance(node, ast.Expr):
        return "check_" in ast.unparse(node)
    return isinstance(node, ast.arguments | ast.Load | ast.Store)


def _changes_at(tree: ast.Module, number: int, arguments: list[str]) -> int:
    nodes = _nodes(tree)
    return len(list(_changes(*nodes[number][:2], arguments))) if number < len(nodes) else 0


def _change(tree: ast.Module, number: int, which: int, arguments: list[str]) -> str:
    node, parent, name, index = _nodes(tree)[number]
    words, new = list(_changes(node, parent, arguments))[which]
    line = getattr(node, "lineno", getattr(parent, "lineno", 0))
    ast.copy_location(new, node if hasattr(node, "lineno") else parent)
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new
    return f"line {line}: {words}"


def _changes(node: ast.AST, parent: ast.AST, arguments: list[str]) -> Iterator[Change]:
    for other in OPERATORS.get(type(node), ()):
        yield f"{type(node).__name__} becomes {other.__name__}", other()
    if isinstance(node, ast.Constant):
        yield from _constants(node)
    if isinstance(node, ast.UnaryOp):
        yield f"{ast.unparse(node)} loses its sign", node.operand
    if isinstance(node, ast.Attribute | ast.Name):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        for other in REDUCTIONS.get(name, ()) if isinstance(parent, ast.Call) else ():
            new = copy.deepcopy(node)
            setattr(new, "attr" if isinstance(node, ast.Attribute) else "id", other)
            yield f"{name} becomes {other}", new
    if isinstance(node, ast.Name) and node.id in arguments and isinstance(node.ctx, ast.Load):
        for other in arguments:
            if other != node.id:
                yield f"{node.id} becomes {other}", ast.Name(other, ast.Load())
    yield from _structure(node)


def _constants(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} becomes {not value}", ast.Constant(not value)
    elif isinstance(value, int):
        for other in (value + 1, value - 1):
            yield f"{value} becomes {other}", ast.Constant(other)
    elif isinstance(value, float):
        yield f"{value} becomes {value * 1.5}", ast.Constant(value * 1.5)


def _structure(node: ast.AST) -> Iterator[Change]:
    """Guards, calls and statements that are left out; what is returned in another order."""
    if isinstance(node, ast.If | ast.IfExp):
        for truth in (True, False):
            new = copy.deepcopy(node)
            new.test = ast.copy_location(ast.Constant(truth), node.test)
            yield f"if {ast.unparse(node.test)} becomes if {truth}", new
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
        not isinstance(node.func.value, ast.Name) or node.func.value.id not in ("F", "torch",
                                                                               "math", "nn")
    ):  # fmt: skip
        yield f".{node.func.attr}() is left out", node.func.value
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        yield f"{ast.unparse(node)} in reverse", ast.Tuple(node.elts[::-1], ast.Load())
    if isinstance(node, ast.AugAssign | ast.Expr | ast.Continue):
        yield f"{ast.unparse(node)} is left out", ast.Pass()
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.Name):
        yield f"{ast.unparse(node)} is left out", ast.Pass()


def _compiled(tree: ast.Module, function: Callable) -> Callable:
    function_node = tree.body[0]
    function_node.decorator_list, function_node.returns = [], None
    code = compile(ast.fix_missing_locations(tree), f"<mutant of {function.__name__}>", "exec")
    names: dict[str, Any] = dict(inspect.unwrap(function).__globals__)
    names |= dict(_extra())
    exec(code, names)
    return names[function.__name__]


def _extra() -> Iterator[tuple[str, Any]]:
    """Names that a mutant may call though its module does not."""
    import statistics

    yield "median", statistics.median
