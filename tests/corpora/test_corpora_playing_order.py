"""The order of playing: tables made by hand, and any marks at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora.readers.playing_order import MAX_PLAYED, Jump, Marks, playing_order
from melgen.errors import ReadError


def marks_of(text: str) -> tuple[list[Marks], list[str]]:
    """Segments from a line such as ``|: A [1 B :| [2 C ] D``, one letter a segment."""
    before: dict = {}
    segments: list[dict] = []
    names: list[str] = []
    for word in text.split():
        if word == "|:":
            before["starts_repeat"] = True
        elif word.startswith("["):
            before["starts_ending"] = frozenset(int(number) for number in word[1:].split(","))
        elif word in ("segno", "coda"):
            before[word] = True
        elif word.startswith(":|"):
            segments[-1]["ends_repeat"] = int(word[2:] or 2)
        elif word == "]":
            segments[-1]["ends_ending"] = True
        elif word == "||":
            segments[-1]["double_bar"] = True
        elif word in ("fine", "to_coda", "repeats_after_jump"):
            segments[-1][word] = True
        elif word.startswith(("DC", "DS")):
            until = {"": None, "fine": "fine", "coda": "coda"}[word[2:]]
            segments[-1]["jump"] = Jump("capo" if word[1] == "C" else "segno", until)
        else:
            names.append(word)
            segments.append(before)
            before = {}
    return [Marks(**each) for each in segments], names


def played(text: str) -> tuple[str, bool]:
    """The letters in the order of playing, and whether all marks add up."""
    segments, names = marks_of(text)
    order = playing_order(segments)
    return "".join(names[number] for number in order.segments), not order.faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("A B C", "ABC"),
        ("|: A B :| C", "ABABC"),
        ("A B :| C", "ABABC"),
        ("A B :| C D :| E", "ABABCDCDE"),
        ("A || B :| C", "ABBC"),
        ("|: A || B :| C", "ABABC"),
        ("A |: B :| C || D :|", "ABBCDD"),
        ("|: A :|3 B", "AAAB"),
        ("A :|1 B", "AB"),
        # nested
        ("|: A |: B :| C :| D", "ABBCABBCD"),
        ("|: A |: B [1 C :| [2 D ] E :|", "ABCBDEABCBDE"),
        # endings
        ("|: A [1 B :| [2 C", "ABAC"),
        ("A [1 B :| [2 C", "ABAC"),
        ("|: A [1 B ] :| [2 C ] D", "ABACD"),
        ("|: A [1 B :| [2 C :|", "ABAC"),
        ("|: A [1 B :| [2 C :| D :|", "ABACDD"),
        ("|: A [1 B :| [2 C || D E :|", "ABACDEDE"),
        ("A [1 B :| [2 C ] D E :|", "ABACDEDE"),
        ("|: A [1 B C :| [2 D E ] F", "ABCADEF"),
        ("|: A [1,2 B :| [3 C ] D", "ABABACD"),
        ("|: A [1,3 B :| [2,4 C :| D", "ABACABACD"),
        ("|: A [1 B :| [2 C :| [3 D ] E", "ABACADE"),
        ("|: A [1 B :| C", "ABAC"),
        ("|: A [1,2 B :| C", "ABABAC"),
        ("|: A [1 B :|3 [2 C ] D", "ABABACD"),
        ("|: A [1 B ] [2 C ] D :| E", "ABDACDE"),
        ("|: A [1 B :| [2 C ] |: D [1 E :| [2 F ] G", "ABACDEDFG"),
        ("A [1 B :| [2 C ] D [1 E :| [2 F ] G", "ABACDEDFG"),
        ("A [1 B :| [2 C || D [1 E :| [2 F || G", "ABACDEDFG"),
        ("|: A [1 B :| |: [2 C D :| E", "ABACDCDE"),
        # da capo, dal segno, coda
        ("A B DC", "ABAB"),
        ("A fine B DCfine", "ABA"),
        ("A fine B DC", "ABA"),
        ("A fine B DC C DC", "ABACA"),
        ("A fine B DCfine C DCfine", "ABACA"),
        ("|: A :| fine B DCfine C DCfine", "AABACA"),
        ("A segno B C DS D", "ABCBCD"),
        ("A segno B fine C DSfine", "ABCB"),
        ("A segno B to_coda C DScoda coda D E", "ABCBDE"),
        ("A to_coda B DC coda C", "ABAC"),
        ("A coda B DCcoda coda C", "ABAC"),
        ("|: A [1 B :| [2 C fine ] D DCfine", "ABACDAC"),
        ("|: A B fine :| |: C D :| DCfine", "ABABCDCDAB"),
        ("|: A B fine :| repeats_after_jump C DCfine", "ABABCABAB"),
        ("A segno |: B [1 C :| [2 D ] to_coda E DScoda coda F [1 G :| [2 H", "ABCBDEBDFGFH"),
        ("|: A :| segno B to_coda C DScoda coda |: D :| E", "AABCBDDE"),
        ("A fine segno B to_coda C DScoda coda D DCfine", "ABCBDA"),
        ("A segno B segno C DS D", "ABCCD"),
    ],
)
def test_marks_that_add_up(text, expected):
    assert played(text) == (expected, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("|: A B :| |: C D", "ABABCD"),
        ("|: A |: B C :|", "ABCBC"),
        ("|: A || |: B :| C :|", "ABBCC"),
        ("|: A [1 B [2 C", "ABAC"),
        ("|: A [1 B ] [2 C ] || D", "ABACD"),
        ("A [1 B ] C", "ABC"),
        ("|: A [1 B :| [3 C", "ABAC"),
        ("|: A :| [2 B ] C", "AABC"),
        ("A fine B C", "ABC"),
        ("A to_coda B coda C", "ABC"),
        ("A B DS C", "ABC"),
        ("A B DCfine", "ABAB"),
        ("A fine B DCfine C", "ABA"),
        ("A B DCcoda C", "ABABC"),
        ("A B DCcoda coda C", "ABABC"),
    ],
)
def test_marks_that_do_not_add_up_are_played_as_far_as_they_make_sense(text, expected):
    assert played(text) == (expected, False)


@pytest.mark.slow
def test_limits():
    with pytest.raises(ReadError, match="a repeat of 101 times"):
        playing_order([Marks(ends_repeat=101)])
    assert playing_order([Marks(ends_repeat=100)]).segments == [0] * 100
    nested = [Marks(starts_repeat=True)] * 6 + [Marks(ends_repeat=100)] * 6
    with pytest.raises(ReadError, match=f"more than {MAX_PLAYED} notes"):
        playing_order(nested)
    with pytest.raises(ReadError, match="notes"):
        playing_order([Marks(ends_repeat=2)], sizes=[MAX_PLAYED])
    with pytest.raises(ReadError, match="a repeat of 301"):
        playing_order([Marks(starts_ending=frozenset(range(1, 301)), ends_repeat=2), Marks()])
    many = [Marks(starts_repeat=True, segno=True)] * 20_000
    assert playing_order(many).segments == list(range(20_000))


any_marks = st.builds(
    Marks,
    starts_repeat=st.booleans(),
    starts_ending=st.frozensets(st.integers(1, 4), max_size=2),
    segno=st.booleans(),
    coda=st.booleans(),
    ends_ending=st.booleans(),
    ends_repeat=st.sampled_from([0, 0, 0, 1, 2, 3]),
    repeats_after_jump=st.booleans(),
    double_bar=st.booleans(),
    fine=st.booleans(),
    to_coda=st.booleans(),
    jump=st.none() | st.builds(Jump, st.sampled_from(["capo", "segno"]), st.sampled_from([None, "fine", "coda"])),
)


@pytest.mark.slow
@settings(deadline=None)
@given(segments=st.lists(any_marks, max_size=12))
def test_any_marks_come_to_an_end(segments):
    try:
        order = playing_order(segments)
    except ReadError:
        return
    assert set(order.segments) <= set(range(len(segments)))
    if not order.faults:
        assert set(order.segments) == set(range(len(segments)))
    if segments:
        assert order.segments


@given(length=st.integers(0, 50), bars=st.booleans())
def test_without_marks_the_order_is_that_of_writing(length, bars):
    assert playing_order([Marks(double_bar=bars, segno=bars, coda=bars)] * length) == (list(range(length)), ())
