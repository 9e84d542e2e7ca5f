"""Melodies, their representations for networks, and MIDI files. Needs NumPy, not torch."""

from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.key import Key
from melgen.music.melody import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    MIDDLE_C,
    STEPS_PER_QUARTER,
    Melodies,
    Melody,
    pitch_name,
)
from melgen.music.midi import midi_bytes, write_midi
from melgen.music.note_names import note_text
from melgen.music.paper_pairs import PaperPairs
from melgen.music.representations import (
    DB12,
    REPRESENTATIONS,
    AbstractRepresentation,
    Control,
    Interval,
    fold_pitch,
    representation_named,
    transpositions,
)
from melgen.music.rhythms import RHYTHMS, Factored, Grid, Interleaved, Joint, NoRhythm, rhythm_from
from melgen.music.vocabulary import Vocabulary

__all__ = [
    "DB12",
    "HIGHEST_PITCH",
    "LOWEST_PITCH",
    "MIDDLE_C",
    "REPRESENTATIONS",
    "RHYTHMS",
    "STEPS_PER_QUARTER",
    "AbstractRepresentation",
    "AbstractRhythm",
    "Control",
    "Factored",
    "Grid",
    "Interleaved",
    "Interval",
    "Joint",
    "Key",
    "Melodies",
    "Melody",
    "NoRhythm",
    "PaperPairs",
    "Vocabulary",
    "fold_pitch",
    "midi_bytes",
    "note_text",
    "pitch_name",
    "representation_named",
    "rhythm_from",
    "transpositions",
    "write_midi",
]
