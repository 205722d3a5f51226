"""The practice crawl: the same from its seed, and truthful about what was planted; the explorer of bands."""

import pytest
from matplotlib import pyplot

from course import crawl, exam, lsh_explorer


def test_same_seed_same_pages():
    first = crawl.pages()
    crawl.pages.cache_clear()
    assert crawl.pages() == first
    assert crawl.pages(1) != first


def test_every_page_has_an_address_of_its_own():
    addresses = [page.address for page in crawl.pages()]
    assert len(set(addresses)) == len(addresses) > 1000


def test_mirrors_name_pages_that_exist():
    there = {page.address: page for page in crawl.pages()}
    mirrors = [page for page in there.values() if page.planted in ("copy", "near copy", "exam")]
    assert {page.planted for page in mirrors} == {"copy", "near copy", "exam"}
    assert all(there[page.origin].planted == "" for page in mirrors)
    assert all(page.origin == "" for page in there.values() if page not in mirrors)


def test_rewording_changes_about_the_share_asked_for():
    from random import Random

    text = "one two three four five six seven eight nine ten\n" * 200
    changed = crawl.reword(text, 0.1, Random(0))
    pairs = list(zip(text.split(), changed.split(), strict=True))
    assert len(changed.splitlines()) == 200
    assert 0.07 < sum(a != b for a, b in pairs) / len(pairs) < 0.13
    assert crawl.reword(text, 0.0, Random(0)) == text.strip()


def test_the_exam_was_planted_where_the_page_says_so():
    from random import Random

    rng = Random(exam.EXAM_SEED)
    asked = [exam.passage(rng).prompt.split("\n")[0].replace("'", "\u2019") for _ in range(12)]
    forum = [page for page in crawl.pages() if page.planted == "exam"]
    assert len(forum) == 12
    found = sum(any(question.split(".")[0] in page.text.replace("'", "\u2019") for page in forum) for question in asked)
    assert found >= 9  # some were soiled past a plain comparison


def test_a_glance_is_one_line():
    line = crawl.glance(crawl.pages()[0])
    assert "\n" not in line
    assert len(line) < 140


@pytest.mark.parametrize(
    ("similarity", "bands", "rows", "chance"), [(0.8, 16, 8, 0.947), (1, 1, 32, 1), (0, 64, 1, 0), (0.5, 2, 1, 0.75)]
)
def test_the_chance_to_be_found(similarity, bands, rows, chance):
    assert lsh_explorer.found(similarity, bands, rows) == pytest.approx(chance, abs=1e-3)


def test_half_way_is_where_the_curve_passes_one_half():
    for bands, rows in [(16, 8), (1, 1), (64, 32)]:
        assert lsh_explorer.found(lsh_explorer.half_way(bands, rows), bands, rows) == pytest.approx(0.5)


def test_the_bands_redraw():
    widget = lsh_explorer.explore()
    before = widget.picture.value
    widget.knobs["bands"].value = 64
    assert widget.picture.value != before
    assert "64 bands of 8 rows (512 hashes)" in widget.alt
    assert not pyplot.get_fignums()
