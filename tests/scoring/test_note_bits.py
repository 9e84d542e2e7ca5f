"""Bits of single notes and states after them, against the likelihood of tunes and a tune that is read alone."""

import math

import numpy as np
import pytest
import torch

from melgen.music import Control, Grid, Interval, NoRhythm
from melgen.music.melody import Melody
from melgen.music.rhythms import Factored, Interleaved, Joint, PaperPairs
from melgen.scoring.likelihood import NOTES, likelihood_by_tune
from melgen.scoring.note_bits import note_bits
from melgen.scoring.note_states import note_states, untrained
from tests.builders import airs
from tests.builders import untrained as network
from tests.scoring.test_likelihood import ORDER, TUNES, played
from tests.tiers import quick_rows

PLAYED = [played(tune, number) for number, tune in enumerate(TUNES)]
RHYTHMS = [Factored(), Interleaved(), Joint(), Grid()]
each_rhythm = quick_rows(2, "rhythm", RHYTHMS, ids=lambda one: one.name)


@pytest.mark.parametrize("representation", [Control(), Interval()], ids=lambda one: one.name)
def test_the_bits_of_notes_add_up_to_those_of_the_tune(representation):
    trained = network(representation, NoRhythm(), TUNES)
    tunes = [TUNES[number] for number in ORDER]
    found, whole = note_bits(trained, tunes), likelihood_by_tune(trained, tunes)
    for number, (bits, tune) in enumerate(zip(found, tunes, strict=True)):
        assert np.isnan(bits.all).tolist() == [True, True] + [False] * (len(tune) - 2)
        assert np.array_equal(bits.all, bits.pitch, equal_nan=True)
        assert np.nansum(bits.all) == pytest.approx(whole["bits_per_note"][number], rel=1e-9)


def test_the_bits_of_a_note_are_those_of_its_own_pitch():
    trained = network(Control(), NoRhythm(), TUNES)
    bits = note_bits(trained, TUNES)[4].all
    tokens = torch.from_numpy(trained.vocabulary.encode(np.array(TUNES[4].pitches)))[None]
    logits, _ = trained.model(tokens[:, :-1])
    nats = -logits[0].log_softmax(-1).gather(-1, tokens[0, 1:, None])[:, 0]
    assert bits[2:] == pytest.approx(nats[1:].detach().numpy() / math.log(2), rel=1e-4)


@each_rhythm
def test_with_rhythm_all_bits_belong_to_notes_but_those_of_the_end(rhythm):
    trained = network(Control(), rhythm, PLAYED)
    tunes = [PLAYED[number] for number in ORDER]
    found, whole = note_bits(trained, tunes), likelihood_by_tune(trained, tunes)
    for number, bits in enumerate(found):
        assert np.count_nonzero(~np.isnan(bits.pitch)) == whole[NOTES][number]
        assert np.nansum(bits.pitch) == pytest.approx(whole["pitch_bits_per_note"][number], rel=1e-6)
        assert (bits.all[2:] >= bits.pitch[2:] - 1e-9).all()
        both = whole["pitch_bits_per_note"][number] + whole["rhythm_bits_per_note"][number]
        assert np.nansum(bits.all) < both, "the end and the rhythm of the first two notes are left out"


def test_a_pair_of_an_interval_and_the_duration_before_belongs_to_the_note_that_it_leads_to():
    trained = network(Interval(), PaperPairs(), PLAYED)
    tune = PLAYED[5]
    bits, states = note_bits(trained, [PLAYED[2], tune])[1], note_states(trained, [PLAYED[2], tune])[1]
    encoded = trained.encoding.encode(tune)
    tokens = torch.from_numpy(trained.vocabulary.encode(encoded))[None]
    pairs = len(encoded.symbols) - 1
    assert pairs == len(tune) - 1, "no rests, and none for the first note"
    opening = tokens.shape[1] - len(encoded.symbols)
    logits, _ = trained.model(tokens[:, :-1])
    nats = -logits[0, opening - 1 : -1].log_softmax(-1).gather(-1, tokens[0, opening:-1, None])[:, 0]
    assert bits.all[2:] == pytest.approx(nats[1:].detach().numpy() / math.log(2), rel=1e-4)
    assert np.isnan(bits.pitch).tolist() == [True, True] + [False] * (len(tune) - 2)
    output, _ = trained.model.read(tokens)
    assert np.isnan(states[0]).all(), "no symbol leads to the first note"
    assert np.allclose(states[1:], output[0, opening:-1].detach().numpy(), atol=1e-5)


@each_rhythm
def test_the_end_of_a_tune_belongs_to_no_note(rhythm):
    trained = network(Control(), rhythm, PLAYED)
    longer = PLAYED[5]
    shorter = Melody(longer.pitches[:-1], longer.onsets[:-1], longer.durations[:-1])
    found = note_bits(trained, [longer, shorter])
    assert np.allclose(found[0].all[2:-1], found[1].all[2:], rtol=1e-4)


def test_a_tune_read_alone_has_the_same_bits():
    trained = network(Control(), Factored(), PLAYED)
    for bits, tune in zip(note_bits(trained, PLAYED), PLAYED, strict=True):
        alone = note_bits(trained, [tune])[0]
        assert np.allclose(bits.all, alone.all, rtol=1e-4, equal_nan=True)


def test_what_is_unknown_is_nan():
    unseen = Melody((*PLAYED[0].pitches[:3], 120, *PLAYED[0].pitches[4:]), PLAYED[0].onsets, PLAYED[0].durations)
    overlapping = Melody((60, 62, 64), (0, 0, 24), (24, 24, 24))
    for rhythm in (NoRhythm(), Factored()):
        trained = network(Control(), rhythm, PLAYED)
        bits = note_bits(trained, [unseen])[0].all
        assert np.isnan(bits).tolist() == [True, True, False, True] + [False] * (len(unseen) - 4)
    found = note_bits(trained, [overlapping, PLAYED[0]])
    assert np.isnan(found[0].all).all()
    assert not np.isnan(found[1].all[2:]).any()


@pytest.mark.parametrize("rhythm", [NoRhythm(), Factored()], ids=lambda one: one.name)
def test_no_tunes_have_no_bits_and_no_states(rhythm):
    trained = network(Control(), rhythm, PLAYED)
    assert note_bits(trained, []) == note_states(trained, []) == []


# --- states


@pytest.mark.parametrize("representation", [Control(), Interval()], ids=lambda one: one.name)
def test_states_are_those_after_each_note(representation):
    trained = network(representation, NoRhythm(), TUNES)
    found = note_states(trained, [TUNES[number] for number in ORDER])
    for states, number in zip(found, ORDER, strict=True):
        values = representation.encode(np.array(TUNES[number].pitches))
        output, _ = trained.model.read(torch.from_numpy(trained.vocabulary.encode(values))[None])
        before = len(TUNES[number]) - len(values)
        assert np.isnan(states[:before]).all()
        assert np.isnan(states[-1]).all(), "nothing is predicted after the last note"
        assert np.allclose(states[before:-1], output[0, :-1].detach().numpy(), atol=1e-5)


@each_rhythm
def test_with_rhythm_states_are_those_after_the_symbol_that_begins_a_note(rhythm):
    trained = network(Control(), rhythm, PLAYED)
    tune = PLAYED[5]
    states = note_states(trained, [PLAYED[2], tune])[1]
    encoded = trained.encoding.encode(tune)
    tokens = torch.from_numpy(trained.vocabulary.encode(encoded))[None]
    output, _ = trained.model.read(tokens)
    opening = tokens.shape[1] - len(encoded.symbols)
    kinds = [rhythm.kind_of(symbol) for symbol in encoded.symbols[:, 0].tolist()]
    places = [opening + place for place, kind in enumerate(kinds) if kind == "note"]
    assert len(places) == len(tune)
    assert np.allclose(states, output[0, places].detach().numpy(), atol=1e-5)


def test_an_untrained_network_has_the_shape_and_other_weights_and_keeps_the_generator():
    trained = network(Control(), NoRhythm(), [Melody.from_pitches(tune) for tune in airs(3)])
    before = torch.random.get_rng_state()
    other, again = untrained(trained), untrained(trained)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert other.model.describe() == trained.model.describe()
    assert not torch.equal(other.model.output.weight, trained.model.output.weight)
    assert torch.equal(other.model.output.weight, again.model.output.weight)
