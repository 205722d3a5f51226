"""The primer's modules: digits, descent on a real bowl, and its drawings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from course import descent, digits, plots
from course.graphs import depths, draw_graph
from course.matrices import draw_product


@pytest.mark.parametrize("shuffled", [True, False])
def test_parts_share_no_image_and_lose_none(shuffled):
    parts = digits.split(shuffled=shuffled)
    assert [len(part.labels) for part in parts] == [1077, 360, 360]
    together = np.concatenate([part.images for part in parts])
    everything = digits.everything().images
    assert np.array_equal(np.sort(together, axis=0), np.sort(everything, axis=0))


def test_shuffled_parts_have_each_digit_in_the_same_share():
    for part in digits.split():
        shares = np.bincount(part.labels, minlength=10) / len(part.labels)
        assert np.allclose(shares, 0.1, atol=0.01)


def test_unshuffled_test_part_is_the_end_of_the_file():
    images, labels = digits.everything()
    test = digits.split(shuffled=False).test
    assert np.array_equal(test.images, images[-360:])
    assert np.array_equal(test.labels, labels[-360:])


def test_pixels_run_from_paper_to_ink():
    images, labels = digits.everything()
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert set(labels) == set(range(10))


def test_gradient_agrees_with_nudges():
    problem, weights, h = descent.threes_and_eights(), np.array([0.3, -1.2]), 1e-6
    nudged = [(problem.loss(weights + h * e) - problem.loss(weights - h * e)) / (2 * h) for e in np.eye(2)]
    assert np.allclose(problem.gradient(weights), nudged, atol=1e-7)


def test_the_best_weights_have_no_slope():
    problem = descent.threes_and_eights()
    assert np.allclose(problem.gradient(problem.best()), 0, atol=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_descent_walks_the_path_of_torch_sgd(momentum):
    problem = descent.threes_and_eights()
    features, targets = torch.tensor(problem.features), torch.tensor(problem.targets)
    weights = torch.tensor(descent.START, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.1, momentum=momentum)
    for ours in descent.descend(problem, 0.1, momentum, steps=12):
        assert np.allclose(weights.detach(), ours)
        optimizer.zero_grad()
        ((features @ weights - targets) ** 2).mean().backward()
        optimizer.step()


def test_the_largest_stable_learning_rate_is_two_over_the_curvature():
    problem = descent.threes_and_eights()
    limit = 2 / problem.curvatures()[-1]
    below, above = (problem.loss(descent.descend(problem, limit * factor, steps=400)[-1]) for factor in (0.99, 1.01))
    start = problem.loss(np.array(descent.START))
    assert below < start < above


def test_verdict_says_what_the_losses_do():
    assert "grows" in descent.verdict(np.array([1.0, 2.0]), 0.5)
    assert "at step 2" in descent.verdict(np.array([1.0, 0.8, 0.501]), 0.5)
    assert "Not there" in descent.verdict(np.array([1.0, 0.9]), 0.5)


def test_explorer_redraws_when_a_knob_moves():
    explorer = descent.explorer()
    before = explorer.picture.value
    explorer.knobs["learning_rate"].value = 0.65
    assert explorer.picture.value != before
    assert "grows" in explorer.alt


class Node:
    """A bare node of a graph."""

    def __init__(self, name, *parents):
        self.name, self.value, self.grad, self.parents = name, 1.0, 2.0, parents


def test_a_leaf_stands_just_before_its_first_use():
    w, x, late = Node("w"), Node("x"), Node("late")
    product = Node("product", w, x)
    total = Node("sum", product, late)
    columns = depths([w, x, product, late, total])
    assert [columns[node] for node in (w, x, product, late, total)] == [0, 0, 1, 1, 2]


def test_graph_writes_each_value_and_gradient():
    w = Node("w")
    figure = draw_graph([w, Node("square", w, w)], "A square")
    words = [text.get_text() for text in figure.axes[0].texts]
    plots.close(figure)
    assert words.count("value 1") == 2
    assert words.count("gradient 2") == 2


def test_product_picture_holds_all_three_tables():
    figure = draw_product(np.array([[1, 2]]), np.array([[3], [4]]), row=0, column=0)
    numbers = sorted(text.get_text() for axes in figure.axes for text in axes.texts)
    plots.close(figure)
    assert numbers == ["1", "11", "2", "3", "4"]


def test_digits_grid_titles_each_picture():
    figure = digits.draw(digits.everything().images[:3], ["zero", "one", "two"], columns=2)
    titles = [axes.get_title() for axes in figure.axes]
    plots.close(figure)
    assert titles == ["zero", "one", "two", ""]
