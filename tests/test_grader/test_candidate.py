"""A candidate behaves like the object it stands for, and shares nothing with the check."""

import contextlib

import pytest
import torch
from torch import nn

from grader import CandidateError, backward, draws, library, steps, tensors, vjp
from grader.candidate import Candidate, Link, LocalChannel
from grader.lazy import LAZY, lazy


def link(**namespace) -> Link:
    return Link(LocalChannel(namespace))


def test_arguments_and_results_are_copies():
    kept = []

    def spoil(x, items):
        kept.append(x)
        x.zero_()
        items.clear()
        return x

    x, items = torch.ones(2), [1]
    result = link(spoil=spoil).look_up("spoil")(x, items)
    kept[0].fill_(7)
    assert x.tolist() == [1, 1]
    assert items == [1]
    assert result.tolist() == [0, 0]


def test_modules_work_through_the_proxy():
    module = link(Linear=nn.Linear).look_up("Linear")(3, 2, bias=False)
    weight = torch.arange(6.0).reshape(2, 3)
    module.load_state_dict({"weight": weight})
    x = torch.ones(1, 3)
    assert module(x).tolist() == [[3.0, 12.0]]
    assert list(module.state_dict()) == ["weight"]
    assert {name: p.shape for name, p in module.named_parameters()} == {"weight": (2, 3)}
    output, (gradient,), parameters = vjp(module, (x,), torch.ones(1, 2), parameters=True)
    assert output.tolist() == [[3.0, 12.0]]
    assert gradient.tolist() == [[3.0, 5.0, 7.0]]
    assert parameters["weight"].tolist() == [[1.0] * 3] * 2


def test_vjp_agrees_between_a_candidate_and_a_function():
    x, upstream = torch.tensor([0.3, -1.0]), torch.tensor([1.0, 2.0])
    ours, theirs = vjp(link(f=torch.tanh).look_up("f"), (x,), upstream), vjp(torch.tanh, (x,), upstream)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1][0], theirs[1][0])
    assert vjp(lambda x: x.detach(), (x,), upstream)[1] == [None]


def test_callbacks_iterators_and_attributes():
    def apply(f, x):
        return f(x) + 1

    class Point:
        def __init__(self, x):
            self.x = x

    def count():
        yield 1
        yield torch.ones(1)

    names = link(apply=apply, Point=Point, count=count)
    assert names.look_up("apply")(lambda x: x * 10, 2) == 21
    point = names.look_up("Point")(5)
    assert isinstance(point, Candidate)
    assert point.x == 5
    items = list(names.look_up("count")())
    assert items[0] == 1
    assert items[1].tolist() == [1.0]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, RecursionError])
def test_whatever_a_candidate_raises_is_a_candidate_error(kind):
    def fails():
        raise kind("why")

    with pytest.raises(CandidateError) as caught:
        link(fails=fails).look_up("fails")()
    assert caught.value.names[0] == kind.__name__
    assert "BaseException" in caught.value.names


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.eye(2).to_sparse(),
        lambda: torch.empty(2, device="meta"),
        lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]),
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    ],
    ids=["sparse", "meta", "nested", "quantized"],
)
@pytest.mark.filterwarnings("ignore")
def test_a_tensor_of_another_kind_is_refused_in_words(make):
    with pytest.raises(CandidateError, match=r"TypeError.* plain"):
        link(make=make).look_up("make")()


def test_a_name_bound_to_nothing_is_a_candidate_error():
    with pytest.raises(CandidateError, match="KeyError"):
        link().look_up("missing")


def test_an_exception_whose_text_breaks_does_no_harm():
    class Rude(Exception):
        def __str__(self):
            raise SystemExit

    def fails():
        raise Rude

    with pytest.raises(CandidateError, match="could not be read"):
        link(fails=fails).look_up("fails")()


def test_random_parameters_are_the_same_in_every_check():
    names = link(Linear=nn.Linear)
    names.begin()
    first = names.look_up("Linear")(2, 2).weight
    torch.rand(3)
    names.begin()
    assert torch.equal(first, names.look_up("Linear")(2, 2).weight)


def test_a_librarys_objects_are_made_beside_the_candidate():
    def draw(n, generator):
        return torch.rand(n, generator=generator)

    candidate = link(draw=draw).look_up("draw")
    generator = library(candidate, "torch.Generator")()
    generator.manual_seed(7)
    first, second = candidate(3, generator=generator), candidate(3, generator)
    expected = torch.Generator().manual_seed(7)
    assert torch.equal(first, torch.rand(3, generator=expected))
    assert torch.equal(second, torch.rand(3, generator=expected))
    with pytest.raises(CandidateError, match="ModuleNotFoundError"):
        library(candidate, "no_such_library.Thing")


def test_steps_count_python_work_and_nothing_else():
    def total(items, by_hand):
        if not by_hand:
            return sum(items)
        result = 0
        for item in items:
            result += item
        return result

    candidate = link(total=total).look_up("total")
    (small, few), (large, many) = (steps(candidate, list(range(n)), by_hand=True) for n in (10, 110))
    assert (small, large) == (45, 5995)
    assert many - few == 10 * (steps(candidate, list(range(20)), by_hand=True)[1] - few)
    assert steps(candidate, list(range(10)), False)[1] == steps(candidate, list(range(110)), False)[1]


def test_steps_pass_on_what_is_raised():
    def fail():
        raise ValueError("no")

    with pytest.raises(CandidateError, match="ValueError: no"):
        steps(link(fail=fail).look_up("fail"))


def test_draws_are_recorded_as_the_set_of_what_came():
    def draw(n, generator=None):
        return int(torch.randint(n, (), generator=generator))

    names = link(draw=draw)
    names.begin()
    candidate = names.look_up("draw")
    generator = library(candidate, "torch.Generator")()
    generator.manual_seed(3)
    came = draws(candidate, 200, 4, generator=generator)
    assert len(came) == 200
    assert len(set(came[:50])) == 4
    assert names.trace[-1] == (None, [0, 1, 2, 3], True)


def test_draws_of_lists_are_recorded_as_the_set_of_lists_that_came():
    def draw(generator):
        return [1] * int(torch.randint(1, 3, (), generator=generator))

    names = link(draw=draw)
    names.begin()
    candidate = names.look_up("draw")
    generator = library(candidate, "torch.Generator")()
    assert sorted(map(len, draws(candidate, 60, generator)))[::59] == [1, 2]
    assert names.trace[-1] == (None, [[1], [1, 1]], True)


def test_tensors_tells_what_was_made_and_how_much_was_held():
    def at_once(x):
        return (x[:, None] * x[None]).sum(-1)

    def row_by_row(x):
        return torch.stack([(row * x).sum() for row in x.clone()])

    def in_pieces(x):
        rows = [row * x for row in x]
        return torch.stack([row.sum() for row in rows])

    names = link(at_once=at_once, row_by_row=row_by_row, in_pieces=in_pieces)
    x = torch.arange(30.0)
    seen = {name: tensors(names.look_up(name), x) for name in ("at_once", "row_by_row", "in_pieces")}
    assert all(torch.equal(result, x * x.sum()) for result, _, _ in seen.values())
    assert seen["at_once"][1] == [(30,), (30, 30)]
    assert (30, 30) not in seen["in_pieces"][1]
    assert seen["at_once"][2] == 930
    assert seen["in_pieces"][2] >= 900 > 150 > seen["row_by_row"][2]
    assert torch.equal(names.trace[-1][1], x * x.sum())


def test_tensors_pass_on_what_is_raised():
    def fail():
        raise ValueError("no")

    with pytest.raises(CandidateError, match="ValueError: no"):
        tensors(link(fail=fail).look_up("fail"))


def test_draws_start_from_the_same_arguments_and_tell_when_one_was_changed():
    def pop(items):
        return items.pop()

    names = link(pop=pop)
    assert draws(names.look_up("pop"), 3, [1, 2]) == [2, 2, 2]
    assert names.trace[-1] == (None, [2], False)


def test_draws_pass_on_what_is_raised():
    def fail():
        raise ValueError("no")

    with pytest.raises(CandidateError, match="ValueError: no"):
        draws(link(fail=fail).look_up("fail"), 2)


def test_gradients_add_up_beside_the_candidate_until_they_are_forgotten():
    class Descent:
        def __init__(self, params):
            self.params = list(params)

        def step(self):
            with torch.no_grad():
                for p in self.params:
                    p -= p.grad

        def zero_grad(self):
            for p in self.params:
                p.grad = None

    candidate = link(Descent=Descent).look_up("Descent")
    here = torch.nn.Linear(2, 1, bias=False)
    layer = library(candidate, "torch.nn.Linear")(2, 1, bias=False)
    for one in (here, layer):
        one.load_state_dict({"weight": torch.tensor([[10.0, 20.0]])})
        for _ in range(2):
            backward(one, (torch.tensor([[1.0, 3.0]]),), torch.tensor([[2.0]]))
    assert here.weight.grad.tolist() == [[4.0, 12.0]]
    optimizer = candidate(layer.parameters())
    optimizer.step()
    assert layer.weight.tolist() == [[6.0, 8.0]]
    optimizer.zero_grad()
    backward(layer, (torch.tensor([[1.0, 0.0]]),), torch.tensor([[1.0]]))
    optimizer.step()
    assert layer.weight.tolist() == [[5.0, 8.0]]
    with pytest.raises(CandidateError, match="RuntimeError"):
        backward(layer, (torch.ones(1, 5),), torch.ones(1, 1))


def test_a_lazy_class_does_nothing_on_the_sly_either():
    class Counter:
        def __init__(self):
            self.n = 0

        def count(self):
            self.n += 1

    for make in LAZY.values():
        counter = lazy(Counter, make)()
        with contextlib.suppress(RuntimeError, ValueError):
            counter.count()
        assert counter.n == 0
