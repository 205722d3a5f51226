"""Tiles of attention: their order, the bytes they move, and the widget's picture."""

import pytest

from course import tile_explorer, tiles


def test_every_tile_has_its_turn_row_by_row():
    assert tiles.visits(6, 2, 3) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_causal_leaves_out_what_lies_wholly_in_the_future():
    for tokens, tile_q, tile_k in ((12, 2, 3), (12, 3, 2), (16, 4, 4), (10, 4, 3)):
        kept = set(tiles.visits(tokens, tile_q, tile_k, causal=True))
        needed = {(q // tile_q, k // tile_k) for q in range(tokens) for k in range(q + 1)}
        assert needed <= kept
        assert all(j * tile_k <= min((i + 1) * tile_q, tokens + tile_q) - 1 for i, j in kept)


def test_bytes_by_hand():
    # 6 tokens of 2 numbers: the table has 36 numbers, the inputs 12 each
    assert tiles.plain_bytes(6, 2) == 2 * (4 * 36 + 4 * 12)
    # three tiles of two queries read all 12 numbers of K and of V each
    assert tiles.tiled_bytes(6, 2, 2, 2) == 2 * (12 + 12 + 3 * 24)
    assert tiles.tiled_bytes(6, 2, 6, 2) == 2 * 4 * 12  # all queries at once: everything once
    assert tiles.held_bytes(2, 2, 2) == 2 * (4 + 4 + 4 + 4 + 4)


def test_larger_tiles_of_queries_move_fewer_bytes_and_tiles_of_keys_do_not_matter():
    moved = [tiles.tiled_bytes(4096, 64, size, 64) for size in (32, 64, 128, 256)]
    assert moved == sorted(moved, reverse=True)
    assert len({tiles.tiled_bytes(4096, 64, 128, size) for size in (16, 64, 256)}) == 1


def test_the_picture_says_what_binds():
    figure, alt = tile_explorer.draw()
    assert "plain attention moves 136.3 MB and is bound by bytes" in alt
    _, alt = tile_explorer.draw(tile_q=256)
    assert "tiled moves 17.8 MB and is bound by operations" in alt
    figure, alt = tile_explorer.draw(tile_q=512, tile_k=512, where="NVIDIA T4")
    assert "does not fit" in alt
    assert "TOO LARGE" in figure.get_suptitle()
    _, alt = tile_explorer.draw(tokens=1024, tile_q=128, tile_k=128, causal=True)
    assert "36 of 64 tiles" in alt


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="longer than the text"):
        tile_explorer.draw(tokens=256, tile_q=512)
    with pytest.raises(ValueError, match="Fast memory is known for NVIDIA T4"):
        tile_explorer.draw(where="Raspberry Pi 5")
    explorer = tile_explorer.explore()
    explorer.knobs["tokens"].value = 256
    explorer.knobs["tile_q"].value = 512
    assert "longer than the text" in explorer.message
