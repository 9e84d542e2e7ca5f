"""What probes measure of a network where a split has no tunes, or none with a repeat, known bars or a key."""

import math

import pytest

from melgen.data import Split
from melgen.music import Control, NoRhythm
from melgen.music.melody import Melody
from melgen.music.rhythms import Factored
from melgen.scoring.likelihood import likelihood_by_tune
from melgen.studies.probes.measuring import measure_copying, measure_states
from tests.builders import untrained
from tests.scoring.test_likelihood import TUNES, played

SHORT = Melody.from_pitches([60, 62, 64])


@pytest.mark.parametrize("rhythm", [NoRhythm(), Factored()], ids=lambda one: one.name)
def test_without_tunes_there_is_nothing_to_measure(rhythm):
    trained = untrained(Control(), rhythm, [played(tune, number) for number, tune in enumerate(TUNES)])
    found = measure_copying(trained, [], 0)
    assert (found["tunes"], found["all"]["notes"]) == (0, [])
    assert measure_copying(trained, [SHORT], 0)["all"]["notes"] == []
    assert {len(values) for values in likelihood_by_tune(trained, []).values()} == {0}
    for tunes in ([], [SHORT]):
        states = measure_states(trained, dict.fromkeys(Split, tunes), None, 0)
        assert (states["metre"], states["tunes"], states["without_key"]) == (None, len(tunes), len(tunes))
        for target in states["targets"].values():
            assert all(math.isnan(reader["accuracy"]) for reader in target.values())
