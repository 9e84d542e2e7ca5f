import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation.rhythm_descriptors import (
    DISTRIBUTIONS,
    END_DESCRIPTORS,
    RHYTHM_DESCRIPTORS,
    ends_on_strong_beat,
    rhythm_distributions,
    rhythm_table,
)
from melgen.music import Melody
from melgen.music.key import Key
from melgen.music.melody import Melodies
from melgen.music.metre import Metre, MetreChange
from tests.evaluation.rhythms import in_metre, melody_of, rough_melodies


def of_muspy(melody, shift=0):
    import muspy

    notes = [
        muspy.Note(time=onset + shift, pitch=pitch, duration=duration)
        for pitch, onset, duration in zip(melody.pitches, melody.onsets, melody.durations, strict=True)
    ]
    return muspy.Music(resolution=24, tracks=[muspy.Track(notes=notes)])


def check_with_muspy(melody, row):
    import muspy

    np.testing.assert_allclose(row["empty_beat_rate"], muspy.empty_beat_rate(of_muspy(melody)), atol=1e-15)
    groove = math.nan
    if melody.metre is not None and melody.pickup is not None:
        bar = melody.metre.bar_steps
        groove = muspy.groove_consistency(of_muspy(melody, -melody.pickup % bar), bar)
    np.testing.assert_allclose(row["groove_consistency"], groove, atol=1e-15)


def by_loops(melody):
    """The descriptors that muspy lacks."""
    ends = [onset + duration for onset, duration in zip(melody.onsets, melody.durations, strict=True)]
    heard = {step for onset, end in zip(melody.onsets, ends, strict=True) for step in range(onset, end)}
    times = [after - before for before, after in pairwise(melody.onsets)]
    return {
        "n_notes": len(melody),
        "n_note_lengths": len(set(melody.durations)),
        "mean_note_length": sum(melody.durations) / len(melody) / 24,
        "commonest_note_length_share": max(Counter(melody.durations).values()) / len(melody),
        "mean_inter_onset_interval": np.mean(times) / 24 if times else math.nan,
        "silence_share": 1 - len(heard) / max(ends) if max(ends) else math.nan,
    }


@settings(max_examples=30, deadline=None)  # the first example imports muspy
@given(st.lists(rough_melodies(), min_size=1, max_size=4))
def test_equal_to_muspy_and_to_loops(songs):
    table = rhythm_table(songs)
    assert list(table) == [*RHYTHM_DESCRIPTORS, *END_DESCRIPTORS]
    for index, song in enumerate(songs):
        row = {name: values[index] for name, values in table.items()}
        check_with_muspy(song, row)
        for name, expected in by_loops(song).items():
            np.testing.assert_allclose(row[name], expected, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_equal_to_muspy_on_real_tunes():
    tunes = FolkCorpus(["airds"]).load().melodies
    table = rhythm_table(tunes)
    for index in range(0, len(tunes), 61):
        check_with_muspy(tunes[index], {name: values[index] for name, values in table.items()})


def test_by_hand():
    """3/4 with a pickup: quarter | quarter, two eighths, rest | dotted half."""
    pairs = [(67, 24), (69, 24), (71, 12), (72, 12), (None, 24), (67, 72)]
    tune = melody_of(pairs, **in_metre(Metre(3, 4), pickup=24))
    row = {name: values[0] for name, values in rhythm_table([tune]).items()}
    assert row["n_notes"] == 5
    assert row["n_bars"] == 2
    assert row["n_note_lengths"] == 3
    assert row["mean_note_length"] == pytest.approx((1 + 1 + 0.5 + 0.5 + 3) / 5)
    assert row["commonest_note_length_share"] == pytest.approx(2 / 5)
    assert row["mean_inter_onset_interval"] == pytest.approx((1 + 1 + 0.5 + 1.5) / 4)
    assert row["silence_share"] == pytest.approx(1 / 7)
    assert row["empty_beat_rate"] == 0, "the eighth before the rest ends where the beat of the rest begins"
    # Onsets at steps 48 | 0, 24, 36 | 0 | none: 4, 2 and 1 differences in three pairs of bars of 72 steps.
    assert row["groove_consistency"] == pytest.approx(1 - 7 / (72 * 3))
    assert row["ends_on_strong_beat"] == 1


@pytest.mark.parametrize(
    ("metre", "onset", "strong"),
    [
        (Metre(4, 4), 0, 1), (Metre(4, 4), 24, 0), (Metre(4, 4), 48, 1), (Metre(4, 4), 60, 0),
        (Metre(2, 2), 48, 1), (Metre(2, 4), 24, 0), (Metre(2, 4), 0, 1), (Metre(3, 4), 24, 0), (Metre(3, 4), 48, 0),
        (Metre(6, 8), 36, 0), (Metre(6, 8), 0, 1), (Metre(12, 8), 72, 1), (Metre(12, 8), 36, 0), (Metre(9, 8), 36, 0),
        (Metre(6, 4), 72, 1),
    ],
)  # fmt: skip
def test_strong_beats(metre, onset, strong):
    for pickup in (0, 12):
        # Once by the metre alone, once by the bars, which may be repeated in parts.
        for bars in ((), (0, pickup, pickup + metre.bar_steps) if pickup else (0, metre.bar_steps)):
            begin = pickup + metre.bar_steps
            song = Melody((60, 62), (pickup, begin + onset), (12, 12), **in_metre(metre, pickup, bars))
            assert ends_on_strong_beat(song) == strong


def test_a_last_note_in_the_pickup_is_late_in_its_bar():
    song = Melody((60,), (0,), (24,), **in_metre(Metre(4, 4), pickup=48, bars=(0, 48)))
    assert ends_on_strong_beat(song) == 1, "the pickup begins on the third beat"


def test_bars_decide_where_a_repeat_cuts_one_short():
    """3/4: after a repeat the last bar of the first part lacks the beat of the pickup, which is played again."""
    bars = (0, 24, 96, 144, 168, 240)
    song = Melody((60, 62), (0, 240), (24, 48), **in_metre(Metre(3, 4), 24, bars))
    assert ends_on_strong_beat(song) == 1
    assert ends_on_strong_beat(Melody((60, 62), (0, 240), (24, 48), **in_metre(Metre(3, 4), 24))) == 1
    assert ends_on_strong_beat(Melody((60, 62), (0, 144), (24, 24), **in_metre(Metre(3, 4), 24, bars))) == 1


def test_a_place_beyond_the_length_of_a_bar_is_unknown():
    about = in_metre(Metre(4, 4), 0, bars=(0, 120))  # a bar of five quarters
    assert math.isnan(ends_on_strong_beat(Melody((60, 62), (0, 96), (24, 24), **about)))
    assert ends_on_strong_beat(Melody((60, 62), (0, 72), (24, 24), **about)) == 0
    assert ends_on_strong_beat(Melody((60, 62), (0, 120), (24, 24), **about)) == 1
    before = in_metre(Metre(4, 4), 48, bars=(48, 144))
    assert ends_on_strong_beat(Melody((60,), (0,), (24,), **before)) == 1, "the pickup begins on the third beat"


def test_the_metre_of_the_last_bar_counts():
    metres = (MetreChange(0, Metre(3, 4)), MetreChange(72, Metre(4, 4)))
    song = Melody((60, 62), (0, 120), (24, 24), metres=metres, pickup=0, bars=(0, 72))
    assert ends_on_strong_beat(song) == 1
    assert math.isnan(rhythm_table([song])["groove_consistency"][0]), "bars of different length"
    assert rhythm_table([song])["n_bars"].tolist() == [2]


@pytest.mark.parametrize(
    "about",
    [{}, {"bars": (0,)}, {"metres": (MetreChange(0, Metre(3, 4)),)}, {"pickup": 0}],
)
def test_what_the_source_does_not_state_is_not_made_up(about):
    song = Melody((60, 62), (0, 72), (24, 24), **about)
    table = rhythm_table([song])
    assert all(math.isnan(table[name][0]) for name in (*END_DESCRIPTORS, "n_bars", "groove_consistency"))
    assert rhythm_distributions([song])["bars"] == {}


def test_a_first_bar_that_is_short_is_a_pickup():
    song = Melody((60, 62), (0, 24), (24, 72), metres=(MetreChange(0, Metre(3, 4)),), bars=(0, 24))
    assert ends_on_strong_beat(song) == 1
    assert rhythm_table([song])["n_bars"].tolist() == [1]


@pytest.mark.parametrize(
    ("last", "key", "ends"),
    [
        (62, Key.on(2, "major"), 1), (38, Key.on(2, "dorian"), 1), (69, Key.on(2, "major"), 0),
        (69, Key.on(0, "major"), 0), (69, Key.on(9, "minor"), 1), (61, Key(7, "major"), 1), (62, None, math.nan),
    ],
)  # fmt: skip
def test_the_end_on_the_tonic(last, key, ends):
    table = rhythm_table([Melody((62, 64, last), (0, 24, 48), (24, 24, 24), key=key)])
    np.testing.assert_equal(table["ends_on_tonic"], [ends])


def test_beginnings_have_no_end():
    table = rhythm_table([melody_of([(60, 24)], **in_metre(Metre(3, 4)))], are_whole=False)
    assert list(table) == list(RHYTHM_DESCRIPTORS)


def test_notes_of_no_length():
    row = {name: values[0] for name, values in rhythm_table([Melody((60,), (0,), (0,))]).items()}
    assert math.isnan(row["silence_share"])
    assert math.isnan(row["empty_beat_rate"])
    assert row["mean_note_length"] == 0


def test_distributions_by_hand():
    songs = [
        melody_of([(60, 12), (62, 12), (None, 12), (64, 24)], **in_metre(Metre(4, 4))),
        melody_of([(60, 8), (60, 36)]),
    ]
    found = rhythm_distributions(songs)
    assert tuple(found) == DISTRIBUTIONS
    assert found["note_length"] == {"1/3": 1 / 5, "1/2": 2 / 5, "1": 1 / 5, "3/2": 1 / 5}
    assert found["note_length_transition"] == {"1/3 3/2": 1 / 3, "1/2 1/2": 1 / 3, "1/2 1": 1 / 3}
    assert found["inter_onset_interval"] == {"1/3": 1 / 3, "1/2": 1 / 3, "1": 1 / 3}
    assert found["notes"] == {"2": 1 / 2, "3": 1 / 2}
    assert found["bars"] == {"1": 1}


@settings(max_examples=40, deadline=None)
@given(st.lists(rough_melodies(), max_size=4))
def test_shares_add_up_to_one(songs):
    for name, shares in rhythm_distributions(songs).items():
        assert not shares or sum(shares.values()) == pytest.approx(1), name
    lengths = Counter(duration for song in songs for duration in song.durations)
    found = rhythm_distributions(songs)["note_length"]
    assert {int(Fraction(key) * 24): share for key, share in found.items()} == pytest.approx(
        {length: count / lengths.total() for length, count in lengths.items()}
    )


def test_packed_or_not():
    songs = [melody_of([(60, 12), (62, 24)], **in_metre(Metre(3, 4))), melody_of([(60, 12), (None, 6), (64, 9)])]
    packed = Melodies.from_list(songs)
    for name, values in rhythm_table(packed).items():
        np.testing.assert_array_equal(values, rhythm_table(songs)[name])
    assert rhythm_distributions(packed) == rhythm_distributions(songs)


def test_no_songs():
    assert {values.shape for values in rhythm_table([]).values()} == {(0,)}
    assert set(rhythm_distributions([])) == set(DISTRIBUTIONS)


def test_a_song_without_notes_is_refused():
    with pytest.raises(ValueError, match="melody 1 has 0"):
        rhythm_table([Melody((), (), ())])
