"""Parts of blocks: what the writer keeps, halves or looks at row by row, each row with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from storage.log import Block, Record


def count(blocks: Sequence[Block]) -> int:
    """Rows of all blocks."""
    return sum([len(block.rows) for block in blocks])


def records(blocks: Sequence[Block]) -> Iterator[Record]:
    """Every row by itself."""
    for block in blocks:
        for seq, row in enumerate(block.rows, block.seq):
            yield Record(seq, block.table, block.project_id, row)


def only(blocks: Sequence[Block], keep: Callable[[int], bool]) -> list[Block]:
    """The rows whose `seq` is to be kept, as blocks without gaps."""
    kept: list[Block] = []
    for block in blocks:
        for wanted, run in groupby(range(block.seq, block.last + 1), keep):
            if wanted:
                kept.append(_part(block, list(run)))
    return kept


def halves(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The first and the second half of the rows; of one row, the first half is empty."""
    places = [seq for block in blocks for seq in range(block.seq, block.last + 1)]
    middle = places[len(places) // 2]
    return only(blocks, lambda seq: seq < middle), only(blocks, lambda seq: seq >= middle)


def _part(block: Block, run: list[int]) -> Block:
    if len(run) == len(block.rows):
        return block
    start = run[0] - block.seq
    return Block(run[0], block.table, block.project_id, block.rows[start : start + len(run)])
