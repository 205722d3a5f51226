"""What learners are shown of an exercise file: the visible checks, what is given, the answer without its bodies."""

import ast
import builtins

from grader.assignment import AssignmentError, Loaded
from grader.shipping import names_bound

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def visible_source(one: Loaded) -> str:
    """Return the cell of visible checks: the same functions, registered with the notebook's checker."""
    name = one.exercise.name
    tree = ast.parse(one.source)
    parts = [f"# What `{name}` must do: run this cell once. You may read it; the grader uses its own copy."]
    for node in visible_nodes(one, tree):
        text = source_of(one.source, node)
        parts.append(text.replace(f"@{name}.check\n", f"@check.{name}\n", 1))
    return "\n\n\n".join(parts)


def visible_nodes(one: Loaded, tree: ast.Module) -> list[ast.stmt]:
    """The visible checks, and before them the module-level definitions that they need, in file order."""
    top = {name: node for node in tree.body for name in names_bound(node)}
    shown = {check.name for check in one.exercise.visible}
    waiting = list(shown)
    while waiting:
        for node in ast.walk(top[waiting.pop()]):
            if isinstance(node, ast.Name) and node.id in top and node.id not in shown and node.id != one.exercise.name:
                shown.add(node.id)
                waiting.append(node.id)
    kept = [node for node in tree.body if shown & set(names_bound(node))]
    for node in kept:
        decorators = {ast.unparse(d).split("(")[0] for d in getattr(node, "decorator_list", [])}
        if decorators & {f"{one.exercise.name}.{kind}" for kind in ("hidden", "mutant", "variant", "stand_in")}:
            raise AssignmentError(f"{one.path}: a visible check uses `{node.name}`, which learners must not see")
    return kept


def given_nodes(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions at the top of a file marked `@given`: its answer may call them, the first cell has them."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if any(getattr(d, "id", "") == "given" for d in node.decorator_list)]


def given_source(one: Loaded, node: ast.FunctionDef) -> str:
    """Return such a function's source without the mark."""
    return source_of(one.source, node).removeprefix("@given\n")


def definition(tree: ast.Module, name: str) -> ast.FunctionDef | ast.ClassDef:
    return next(node for node in tree.body if name in names_bound(node))


def source_of(source: str, node: ast.stmt) -> str:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return "\n".join(source.splitlines()[first - 1 : node.end_lineno])


def answer_with_markers(one: Loaded) -> str:
    """Return the answer's source without decorators, each body that learners write between nbgrader's markers."""
    node = definition(ast.parse(one.source), one.exercise.name)
    _demand_self_contained(one, node)
    lines = one.source.splitlines()
    functions = (
        [node] if isinstance(node, ast.FunctionDef) else [m for m in node.body if isinstance(m, ast.FunctionDef)]
    )
    edits: list[tuple[int, int, list[str]]] = []
    for function in functions:
        given = next((d for d in function.decorator_list if getattr(d, "id", "") == "given"), None)
        if given is not None:
            edits.append((given.lineno, given.lineno, []))
            continue
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        if not body:
            raise AssignmentError(f"{one.path}: `{function.name}` has no body to write")
        indent = " " * body[0].col_offset
        first, last = body[0].lineno, function.end_lineno
        edits.append((first, last, [indent + BEGIN, *lines[first - 1 : last], indent + END]))
    for first, last, text in sorted(edits, reverse=True):
        lines[first - 1 : last] = text
    removed = sum(last - first + 1 - len(text) for first, last, text in edits)
    return "\n".join(lines[node.lineno - 1 : node.end_lineno - removed])


def answer_stub(one: Loaded) -> str:
    """Return the answer's source with the bodies that learners write left out."""
    kept, inside = [], False
    for line in answer_with_markers(one).splitlines():
        inside = (inside or line.strip() == BEGIN) and line.strip() != END
        if not inside and line.strip() != END:
            kept.append(line)
    return "\n".join(kept)


def _demand_self_contained(one: Loaded, node: ast.stmt) -> None:
    """The answer is all that a learner's cell holds: it may use imports, what is given, used exercises and builtins."""
    tree = ast.parse(one.source)
    imported = {
        (a.asname or a.name).split(".")[0]
        for n in tree.body
        if isinstance(n, (ast.Import, ast.ImportFrom))
        for a in n.names
    }
    allowed = (
        imported | set(dir(builtins)) | {use.rpartition("/")[2] for use in one.exercise.uses} | {one.exercise.name}
    )
    allowed |= {node.name for node in given_nodes(tree)}
    of_the_file = {name for top in tree.body for name in names_bound(top)}
    inside = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
    if outside := sorted((inside & of_the_file) - allowed):
        raise AssignmentError(
            f"{one.path}: the answer uses `{outside[0]}` of its file; a learner's cell holds the answer alone"
        )
