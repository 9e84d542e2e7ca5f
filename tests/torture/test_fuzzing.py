"""A short run of the fuzzer, and a test that it finds each fault of a reader."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.corpora.readers.abc import read_tune, split_tunes
from melgen.corpora.readers.unpickling import load_plain
from melgen.errors import ReadError
from torture.fuzz_formats import FATAL_MISCHIEF, FORMATS, MISCHIEF
from torture.fuzzing import FINE, fuzz, main

pytestmark = pytest.mark.slow

SEED, SECONDS, MEGABYTES = 3, 40, 150
CASES = {
    "midi": 600, "abc": 30, "musicxml": 60, "mxl": 60, "kern": 30, "pickle": 300, "songs": 200, "checkpoint": 70,
    "model": 150, "run": 35,
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_and_damaged_files_are_read_or_refused_by_name(name, tmp_path):
    found = fuzz(name, SEED, range(CASES[name]), seconds=SECONDS, megabytes=MEGABYTES, keep=tmp_path)
    assert found.inputs == CASES[name]
    assert found.found == []
    assert found.counts["read"] > 0
    assert found.counts["refused"] > 0


def test_every_fault_of_a_reader_is_found(tmp_path, capsys):
    faults = (*MISCHIEF, *FATAL_MISCHIEF)
    found = fuzz("mischief", SEED, range(len(faults)), seconds=3, megabytes=MEGABYTES, keep=tmp_path)
    outcomes = {faults[number]: outcome for number, outcome, _ in found.found}
    own = {name: name for name in ("exception", "nameless", "memory", "hang", "crash")}
    assert outcomes == own | dict.fromkeys(
        ("write", "run", "connect", "execute", "unpickle", "look", "remove"), "escape"
    )
    assert {name: found.counts[name] for name in FINE} == {"read": 1, "refused": 1, "stopped": 0}
    assert {path.read_bytes().decode() for path in tmp_path.iterdir()} == set(outcomes), "the files are kept"
    assert main(["--format", "mischief", "--case", "2", "--findings", str(tmp_path)]) == 1
    assert "KeyError" in capsys.readouterr().out


def test_a_case_is_made_again_from_its_number():
    for name, kind in FORMATS.items():
        whole = kind.whole()
        once, again = ([kind.case(SEED, number, whole) for number in range(200, 230)] for _ in range(2))
        assert once == again, name
        assert len(set(once)) > 20, name
        assert once != [kind.case(SEED + 1, number, whole) for number in range(200, 230)], name


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=200)
@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_all_plain_data_passes(plain, protocol):
    assert load_plain(pickle.dumps(plain, protocol)) == plain


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL), st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_damaged_plain_data_passes_or_is_refused(plain, protocol, place, bytes_there):
    data = pickle.dumps(plain, protocol)
    place %= len(data)
    changed = data[:place] + bytes_there + data[place + len(bytes_there) :]
    if b"r" in changed or b"j" in changed:
        return  # a large memo index: the process that reads pickles has a memory limit for it
    with suppress(ReadError, MemoryError):  # a length of exabytes: the import names the file
        load_plain(changed)


ABC_LINE = st.one_of(
    st.sampled_from(["X:1", "T:x", "M:4/4", "L:1/8", "K:G", "V:1", "P:AB", "", "%%MIDI program 1", "|:", ":|", "w:la"]),
    st.text(st.sampled_from("ABCdefgz'|:[](){}!+\"%\\~^_=,0123/<>- &XKML\r\u00e9\x00"), max_size=30),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(ABC_LINE, max_size=30))
def test_any_lines_of_abc_are_tunes_or_refused(lines):
    for text in split_tunes("\n".join(lines)):
        with suppress(ReadError):
            tune = read_tune(text)
            assert "\n" not in tune.title
            assert all((track.notes[:, :2] >= 0).all() for track in tune.tracks)
