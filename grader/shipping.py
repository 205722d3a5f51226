"""Make an answer of an exercise file stand alone, as the source of one cell: what a child is given in tests.

Stand-ins travel this way too, so that a learner's later exercise can be judged by itself.
"""

import ast

from grader.assignment import Loaded

_ABOUT_ANSWERS = ("check", "hidden", "mutant", "variant", "stand_in")


def standing_alone(one: Loaded, name: str) -> str:
    """Return source that binds the exercise's name to the definition `name` of its file.

    Args:
        one: the exercise.
        name: the answer itself, or one of its variants or mutants.
    """
    tree = ast.parse(one.source)
    wanted = _needed(tree, name)
    chosen = next(node for node in tree.body if name in names_bound(node))
    if isinstance(chosen, ast.ClassDef):  # a learner's class has the exercise's name, and PyTorch's errors quote it
        chosen.name = name = one.exercise.name
    parts = [
        ast.unparse(_bare(node))
        for node in tree.body
        if (isinstance(node, (ast.Import, ast.ImportFrom)) and not _ours(node))
        or node is chosen
        or wanted & set(names_bound(node))
    ]
    if name != one.exercise.name:
        parts.append(f"{one.exercise.name} = {name}")
    return "\n\n".join(parts)


def with_uses(one: Loaded, name: str, pool: dict[str, Loaded]) -> list[str]:
    """Return the same as cells, after the answers of the exercises that it uses, found in `pool`."""
    return [cell for use in one.exercise.uses for cell in with_uses(pool[use], use, pool)] + [standing_alone(one, name)]


def names_bound(node: ast.stmt) -> list[str]:
    """Return the names that a statement at the top of a file binds by def, class or assignment."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)]


def _needed(tree: ast.Module, name: str) -> set[str]:
    top = {bound: node for node in tree.body for bound in names_bound(node)}
    wanted, waiting = {name}, [name]
    while waiting:
        bare = _bare(top[waiting.pop()])
        for node in ast.walk(bare):
            if isinstance(node, ast.Name) and node.id in top and node.id not in wanted:
                wanted.add(node.id)
                waiting.append(node.id)
    return wanted


def _bare(node: ast.stmt) -> ast.stmt:
    """Return the statement without the decorators that make it part of an exercise."""
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return node
    kept = [d for d in node.decorator_list if not _is_ours(d)]
    copy = ast.parse(ast.unparse(node)).body[0]
    copy.decorator_list = kept
    for method in getattr(copy, "body", []):
        if isinstance(method, ast.FunctionDef):
            method.decorator_list = [d for d in method.decorator_list if not _is_ours(d)]
    return copy


def _is_ours(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(target, ast.Attribute):
        return target.attr in _ABOUT_ANSWERS
    return isinstance(target, ast.Name) and target.id in ("exercise", "given")


def _ours(node: ast.Import | ast.ImportFrom) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "grader"
