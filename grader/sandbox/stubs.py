"""A stub never overrides an answer: leave out definitions that are still stubs where a real one came before."""

import ast


def without_stubs(cells: list[str]) -> list[str]:
    """Return the cells with each stub blanked out whose name has a real definition earlier.

    A function is a stub when nothing but a docstring and `raise NotImplementedError` is its body; a class when some
    method is a stub and every other one stands in the earlier definition just so. Lines keep their numbers. A cell
    that is no plain Python stays as it is. To be used where hostile text may be parsed: in a limited process.
    """
    real: dict[str, ast.stmt] = {}
    return [_without(cell, real) for cell in cells]


def _without(cell: str, real: dict[str, ast.stmt]) -> str:
    try:
        tree = ast.parse(cell)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return cell
    lines = cell.split("\n")
    for node in tree.body:
        for name in _bound(node):
            if name in real and _is_stub(node, real[name]):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                lines[first - 1 : node.end_lineno] = ["pass"] + [""] * (node.end_lineno - first)
            elif not _is_stub(node, None):
                real[name] = node
    return "\n".join(lines)


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def _is_stub(node: ast.stmt, earlier: ast.stmt | None) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _is_empty(node)
    if not isinstance(node, ast.ClassDef):
        return False
    methods = _methods(node)
    left = {name: method for name, method in methods.items() if not _is_empty(method)}
    if len(left) == len(methods):
        return False
    before = _methods(earlier) if isinstance(earlier, ast.ClassDef) else {}
    return not left or all(name in before and ast.dump(left[name]) == ast.dump(before[name]) for name in left)


def _methods(node: ast.ClassDef) -> dict[str, ast.stmt]:
    return {item.name: item for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
