"""The likelihood of each tune by itself, against that of all tunes together and of single ones."""

import math

import numpy as np
import pytest

from melgen.music import Control, Interval, NoRhythm
from melgen.music.melody import Melody
from melgen.music.rhythms import Factored, Interleaved, Joint
from melgen.scoring.likelihood import NOTES, likelihood, likelihood_by_tune
from tests.builders import airs, untrained

TUNES = [Melody.from_pitches(pitches[: 5 + 3 * number]) for number, pitches in enumerate(airs(7))]
# Of different lengths, so that batches are padded and their order is not that of the tunes.
ORDER = [3, 0, 6, 1, 5, 2, 4]


def played(melody, number):
    """With notes of different lengths."""
    durations = [24 if (i + number) % 3 else 12 for i in range(len(melody))]
    onsets = np.cumsum([0, *durations[:-1]]).tolist()
    return Melody(melody.pitches, tuple(onsets), tuple(durations))


@pytest.mark.parametrize("representation", [Control(), Interval()], ids=lambda one: one.name)
def test_the_bits_of_tunes_add_up(representation):
    trained = untrained(representation, NoRhythm(), TUNES)
    tunes = [TUNES[number] for number in ORDER]
    found = likelihood_by_tune(trained, tunes)
    assert found[NOTES].tolist() == [len(tune) - 2 for tune in tunes]
    whole = likelihood(trained, tunes, np.ones(len(tunes), bool))["bits_per_note"]
    assert found["bits_per_note"].sum() / found[NOTES].sum() == pytest.approx(whole, rel=1e-12)
    for number, tune in enumerate(tunes):
        alone = likelihood(trained, [tune], np.array([True]))["bits_per_note"]
        assert found["bits_per_note"][number] / found[NOTES][number] == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("rhythm", [Factored(), Joint(), Interleaved()], ids=lambda one: one.name)
def test_the_bits_of_pitch_and_rhythm_add_up(rhythm):
    melodies = [played(tune, number) for number, tune in enumerate(TUNES)]
    trained = untrained(Control(), rhythm, melodies)
    tunes = [melodies[number] for number in ORDER]
    found = likelihood_by_tune(trained, tunes)
    whole = likelihood(trained, tunes, np.ones(len(tunes), bool))
    notes = found[NOTES].sum()
    for part in ("pitch_bits_per_note", "rhythm_bits_per_note"):
        assert found[part].sum() / notes == pytest.approx(whole[part], rel=1e-9)
    for number, tune in enumerate(tunes):
        alone = likelihood(trained, [tune], np.array([True]))
        both = (found["pitch_bits_per_note"] + found["rhythm_bits_per_note"])[number] / found[NOTES][number]
        assert both == pytest.approx(alone["bits_per_note_with_rhythm"], rel=1e-4)


def test_a_tune_that_cannot_be_written_has_no_notes():
    melodies = [played(tune, number) for number, tune in enumerate(TUNES)]
    trained = untrained(Control(), Factored(), melodies)
    unseen = Melody(tuple(pitch + 40 for pitch in melodies[0].pitches), melodies[0].onsets, melodies[0].durations)
    overlapping = Melody((60, 62, 64), (0, 0, 24), (24, 24, 24))
    found = likelihood_by_tune(trained, [melodies[0], unseen, overlapping, melodies[1]])
    assert (found[NOTES] > 0).tolist() == [True, False, False, True]
    assert found["pitch_bits_per_note"][1:3].tolist() == [0, 0]
    assert all(math.isfinite(each) for values in found.values() for each in values)
