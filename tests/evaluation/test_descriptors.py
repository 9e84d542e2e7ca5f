import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation import batches
from melgen.evaluation.descriptors import DESCRIPTORS, descriptor_table
from melgen.music.melody import Melodies

MUSPY_HAS = DESCRIPTORS[:5]
# Sums of twelve logarithms, whose last bit depends on the processor; all else is equal to the last bit.
ENTROPY_TOLERANCE = 1e-12

songs = st.lists(st.integers(58, 70) | st.integers(0, 127), min_size=1, max_size=40)


def muspy_descriptors(song):
    import muspy

    notes = [muspy.Note(time=i, pitch=int(pitch), duration=1) for i, pitch in enumerate(song)]
    music = muspy.Music(resolution=4, tracks=[muspy.Track(notes=notes)])
    return [getattr(muspy, name)(music) for name in MUSPY_HAS]


def by_hand(song):
    """The descriptors that muspy lacks, note by note."""
    sizes = [abs(song[i] - song[i - 1]) for i in range(1, len(song))]
    shares = [math.nan] * 3
    if sizes:
        shares = [
            sum(rule(size) for size in sizes) / len(sizes) for rule in ({1, 2}.__contains__, (2).__lt__, (0).__eq__)
        ]
    longest = max(j - i for i in range(len(song)) for j in range(i + 1, len(song) + 1) if len(set(song[i:j])) == 1)
    return [*shares, longest]


def check(table, melodies):
    assert list(table) == list(DESCRIPTORS)
    for index, song in enumerate(melodies):
        row = [table[name][index] for name in DESCRIPTORS]
        entropy, *rest = muspy_descriptors(song)
        assert row[0] == pytest.approx(entropy, abs=ENTROPY_TOLERANCE, rel=0)
        assert row[1:5] == rest
        np.testing.assert_equal(row[5:], by_hand(song))


@settings(max_examples=40, deadline=None)  # the first example imports muspy
@given(st.lists(songs, min_size=1, max_size=5))
def test_equal_to_muspy_and_to_loops(melodies):
    check(descriptor_table(melodies), melodies)


@pytest.mark.slow
def test_equal_to_muspy_on_real_tunes():
    tunes = FolkCorpus(["airds"]).load().melodies
    table = descriptor_table(tunes)
    chosen = range(0, len(tunes), 61)
    check({name: values[chosen] for name, values in table.items()}, [tunes.pitches_of(i).tolist() for i in chosen])
    for name, values in descriptor_table([tunes.pitches_of(i) for i in range(len(tunes))]).items():
        np.testing.assert_array_equal(values, table[name])


@pytest.mark.parametrize(
    ("song", "expected"),
    [
        # Two pitch classes, evenly: one bit. D flat major has both.
        ([60, 61, 60, 61], [1, 1, 1, 2, 2, 1, 0, 0, 1]),
        # Octaves are one pitch class; a leap each.
        ([60, 72, 84], [0, 1, 24, 3, 1, 0, 1, 0, 1]),
        # Chromatic: twelve classes, seven of which lie in any scale.
        (list(range(60, 72)), [math.log2(12), 7 / 12, 11, 12, 12, 1, 0, 0, 1]),
        # 2 semitones are a step, 3 are a leap; the repeated note at the end counts five notes.
        ([60, 62, 65, 65, 65, 65, 65], [None, 1, 5, 3, 3, 1 / 6, 1 / 6, 4 / 6, 5]),
        ([0, 127], [1, 1, 127, 2, 2, 0, 1, 0, 1]),
    ],
)
def test_by_hand(song, expected):
    row = [values[0] for values in descriptor_table([song]).values()]
    for value, wanted in zip(row, expected, strict=True):
        assert wanted is None or value == pytest.approx(wanted)


def test_one_note():
    row = [values[0] for values in descriptor_table([[60]]).values()]
    np.testing.assert_equal(row, [0, 1, 0, 1, 1, math.nan, math.nan, math.nan, 1])
    assert math.copysign(1, row[0]) == 1  # muspy gives -0.0, which is printed with its sign


def test_runs_do_not_join_songs():
    table = descriptor_table([[60, 60], [60, 60, 62], [62]])
    assert table["longest_repeated_note"].tolist() == [2, 2, 1]


def test_batches_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    melodies = [rng.integers(55, 75, rng.integers(1, 30)).tolist() for _ in range(50)]
    whole = descriptor_table(melodies)
    monkeypatch.setattr(batches, "_NOTES_PER_BATCH", 20)
    for name, values in descriptor_table(melodies).items():
        np.testing.assert_array_equal(values, whole[name])


def test_no_songs():
    assert {name: values.shape for name, values in descriptor_table([]).items()} == dict.fromkeys(DESCRIPTORS, (0,))
    assert descriptor_table(Melodies.from_list([]))["pitch_range"].shape == (0,)


@pytest.mark.parametrize(
    ("melodies", "message"),
    [
        ([[60], []], "melody 2 has 0"),
        ([[60, 128]], "from 0 to 127, got 128"),
        ([[60, -1]], "from 0 to 127, got -1"),
        ([[60, 61.5]], "a list of MIDI numbers, got float64"),
        ([[[60, 61]]], "in 2 dimensions"),
    ],
)
def test_invalid_arguments_are_refused(melodies, message):
    with pytest.raises(ValueError, match=message):
        descriptor_table(melodies)
