"""Damaging bytes as transfers, editors and attackers do."""

from collections.abc import Sequence

from hypothesis import strategies as st

MOST_CHANGES = 4
LONGEST = 30
"""Bytes that one change replaces or removes."""


@st.composite
def damaged(draw: st.DrawFn, data: bytes, pieces: Sequence[bytes]) -> bytes:
    """The bytes with some replaced, inserted, removed, repeated or cut off.

    Args:
        draw: Hypothesis' own.
        data: what is damaged.
        pieces: what is inserted, besides random bytes and copies of what is there.

    """
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, LONGEST)))
        copied = data[begin:end] * 3
        piece = draw(st.sampled_from([*pieces, b"", copied]) | st.binary(max_size=8))
        data = data[:begin] + piece + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data
