"""Songs with rhythm: they follow the grammar, end, and depend on nothing but their seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from melgen.generation.composing import Composer
from melgen.generation.from_checkpoint import write_songs_by
from melgen.generation.headers import pickup_steps
from melgen.generation.primers import read_primer_melody
from melgen.generation.tune_sampling import sample_tunes
from melgen.music import Control, Factored, Grid, Interleaved, Interval, Joint, Melody, NoRhythm, PaperPairs
from melgen.music.encoding import Encoding
from melgen.music.events import Header, header_of
from melgen.music.metre import Metre, MetreChange
from melgen.networks import MelodyModel
from tests.builders import untrained
from tests.music.tunes import EXAMPLE

ENCODINGS = [
    Encoding(pitches, rhythm)
    for pitches in (Control(), Interval())
    for rhythm in (Joint(), Factored(), Grid(), Interleaved())
]
each_encoding = pytest.mark.parametrize(
    "encoding", ENCODINGS, ids=lambda each: f"{each.representation.name}-{each.rhythm.name}"
)
JIG = Melody((67, 69), (0, 12), (12, 24), metres=(MetreChange(0, Metre(6, 8)),), pickup=12)


def network(encoding):
    torch.manual_seed(0)
    vocabulary = encoding.vocabulary_of([encoding.encode(EXAMPLE), encoding.encode(JIG)])
    return MelodyModel(**vocabulary.sizes, hidden_size=8, layers=1), encoding, vocabulary


@each_encoding
def test_songs_are_valid_and_say_whether_they_ended(encoding):
    songs = sample_tunes(*network(encoding), Melody((), (), ()), songs=30, limit=6, seed=1)
    assert {song.has_ended for song in songs} == {True, False}
    for song in songs:
        assert 0 < len(song.melody) <= 6
        assert song.has_ended or len(song.melody) == 6 or encoding.rhythm.name == "grid"
        # Only canonical spellings are drawn, so a song that has ended is written back as it was.
        assert header_of(song.melody) in (Header(Metre(3, 4), 0), Header(Metre(6, 8), 12))
        assert encoding.reason_against(song.melody) is None


@each_encoding
def test_so_many_notes(encoding):
    songs = sample_tunes(*network(encoding), EXAMPLE, songs=5, notes=4)
    assert [len(song.melody) for song in songs] == [len(EXAMPLE) + 4] * 5
    for song in songs:
        assert song.melody.pitches[: len(EXAMPLE)] == EXAMPLE.pitches
        assert song.melody.onsets[: len(EXAMPLE)] == EXAMPLE.onsets
        assert song.melody.durations[: len(EXAMPLE)] == EXAMPLE.durations
        assert song.melody.metre == EXAMPLE.metre


@each_encoding
def test_a_song_depends_on_its_number_and_seed_only(encoding):
    parts = network(encoding)
    many = sample_tunes(*parts, JIG, songs=8, limit=9, seed=3)
    few = sample_tunes(*parts, JIG, songs=3, limit=9, seed=3)
    other = sample_tunes(*parts, JIG, songs=8, limit=9, seed=4)
    assert few == many[:3]
    assert other != many


@each_encoding
def test_a_primer_for_each_song(encoding):
    parts = network(encoding)
    songs = sample_tunes(*parts, [EXAMPLE, JIG], songs=2, notes=2)
    assert songs[0].melody.pitches[:8] == EXAMPLE.pitches
    assert songs[1].melody.pitches[:2] == JIG.pitches
    assert songs[0] == sample_tunes(*parts, EXAMPLE, songs=1, notes=2)[0]


def test_the_header_that_is_asked_for():
    parts = network(Encoding(Control(), Factored()))
    nothing = Melody((), (), ())
    (song,) = sample_tunes(*parts, nothing, songs=1, notes=3, header=Header(Metre(6, 8), None))
    assert header_of(song.melody) == Header(Metre(6, 8), 12)
    assert song.melody.bars[:2] == (0, 12)
    (song,) = sample_tunes(*parts, JIG, songs=1, notes=3, header=Header(Metre(3, 4), 24))
    assert header_of(song.melody) == Header(Metre(3, 4), 24)


def test_a_pickup_never_seen_begins_a_bar_of_the_commonest_metre():
    parts = network(Encoding(Control(), Factored()))
    (song,) = sample_tunes(*parts, Melody((), (), ()), songs=1, notes=3, header=Header(None, 6))
    assert header_of(song.melody) == Header(Metre(3, 4), 6)
    assert song.melody.bars[:2] == (0, 6)
    (song,) = sample_tunes(*parts, Melody((), (), ()), songs=1, notes=3, header=Header(None, 96))
    assert header_of(song.melody) == Header(None, 96), "no metre is long enough"


def test_a_header_that_a_network_cannot_read():
    _, _, vocabulary = network(Encoding(Control(), Factored()))
    assert vocabulary.unread(Header(Metre(6, 8), 12)) == vocabulary.unread(Header()) == []
    assert vocabulary.unread(Header(Metre(7, 8), 12)) == ["metre"]
    assert vocabulary.unread(Header(Metre(6, 8), 6)) == ["pickup"]
    _, _, without = network(Encoding(Control(), Factored(condition="none")))
    assert without.unread(Header(Metre(6, 8), 12)) == ["metre", "pickup"]


def test_a_note_and_its_duration_are_drawn_independently():
    encoding = Encoding(Control(), Factored())
    vocabulary = encoding.vocabulary_of([encoding.encode(Melody((60, 62), (0, 12), (12, 24)))])
    model = MelodyModel(**vocabulary.sizes, hidden_size=4, layers=1)
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
    drawn = Counter()
    for song in sample_tunes(model, encoding, vocabulary, Melody((), (), ()), songs=60, notes=20):
        drawn.update(zip(song.melody.pitches[1:], song.melody.durations[1:], strict=True))
    assert len(drawn) == 4
    assert all(count / drawn.total() == pytest.approx(1 / 4, abs=0.06) for count in drawn.values()), drawn


SEVENS = Melody((67, 69), (0, 12), (12, 24), metres=(MetreChange(0, Metre(7, 8)),), pickup=6)


@pytest.mark.parametrize(
    ("primer", "options", "unread"),
    [
        (JIG, {}, ""),
        ([67, 69], {}, ""),
        (JIG, {"metre": "7/8"}, "metre=7/8 was never seen in training"),
        (JIG, {"metre": "6/8", "pickup": "1/16"}, "pickup=1/16 was never seen in training"),
        (SEVENS, {}, "the primer's metre 7/8 and the primer's pickup 1/16 were never seen in training"),
        (SEVENS, {"metre": "6/8"}, "the primer's pickup 1/16 was never seen in training"),
        (SEVENS, {"metre": "6/8", "pickup": 0}, ""),
    ],
)
def test_a_metre_or_pickup_that_training_lacks_is_noted(primer, options, unread):
    model, encoding, vocabulary = network(Encoding(Control(), Factored()))
    note = Composer(model, Control(), vocabulary, encoding.rhythm).note_of_header(primer, **options)
    assert note.partition(":")[0] == unread
    if unread:
        assert "the bar lines follow" in note


def test_without_a_header_only_what_was_asked_for_is_noted():
    model, encoding, vocabulary = network(Encoding(Control(), Factored(condition="none")))
    composer = Composer(model, Control(), vocabulary, encoding.rhythm)
    assert composer.note_of_header(SEVENS) == ""
    assert composer.note_of_header(SEVENS, metre="6/8").startswith("metre=6/8 is not read with rhythm.condition=none:")


def test_greedy_songs_are_equal():
    songs = sample_tunes(*network(Encoding(Interval(), Grid())), JIG, songs=3, limit=5, selection="greedy")
    assert songs[0] == songs[1] == songs[2]


def test_a_network_that_never_ends_is_stopped_and_counted():
    encoding = Encoding(Control(), Grid())
    model, _, vocabulary = network(encoding)
    end = encoding.names(vocabulary).index("end")
    hold = encoding.names(vocabulary).index("hold")
    with torch.no_grad():
        model.output.bias[end] = -1e9
        model.output.bias[hold] = 1e9
    composer = Composer(model, Control(), vocabulary, Grid())
    songs, metadata = composer.compose([], songs=2, limit=3)
    assert metadata["songs_stopped_at_limit"] == 2
    assert all(len(song) == 1 for song in songs)


@pytest.mark.parametrize(
    ("songs", "limit", "sentence"),
    [
        (1, 1, "1 of 1 song did not end: it was stopped at the limit, 1 note after the primer"),
        (2, 3, "2 of 2 songs did not end: they were stopped at the limit, 3 notes after the primer"),
    ],
)
def test_songs_that_did_not_end_are_reported(tmp_path, caplog, songs, limit, sentence):
    trained = untrained(Control(), Factored(), [JIG])
    end = Encoding(Control(), Factored()).names(trained.vocabulary).index("end")
    with torch.no_grad():
        trained.model.output.bias[end] = -1e9
    write_songs_by(
        trained, tmp_path, Melody((), (), ()), {"songs": songs, "limit": limit, "seed": 0, "selection": "sample"}, "cpu"
    )
    assert caplog.messages == [sentence]


@pytest.mark.parametrize(("durations", "lost"), [((24, 12, 12), True), ((12, 12, 12), False)])
@pytest.mark.parametrize("rhythm", [NoRhythm(), Factored()], ids=lambda rhythm: rhythm.name)
def test_a_network_of_pitches_reports_that_it_leaves_out_the_rhythm_of_a_primer(durations, lost, rhythm):
    trained = untrained(Control(), rhythm, [JIG])
    composer = Composer(trained.model, trained.representation, trained.vocabulary, rhythm)
    note = composer.note_of_primer(Melody((67, 69, 71), (0, durations[0], durations[0] + 12), durations))
    assert ("its rhythm is left out" in note) == (lost and rhythm.name == "none")


SIXTEENTHS = Melody((62, 64, 65, 64, 60), (0, 48, 78, 96, 120), (48, 24, 18, 6, 12))
OPENING = Melody((62, 64, 65), (0, 48, 78), (48, 24, 18))


@pytest.mark.parametrize("representation", [Control(), Interval()], ids=lambda each: each.name)
def test_songs_of_the_pairs_of_the_paper(representation):
    """With intervals the network decides how long the last note of a primer is, and the last of a song is a quarter."""
    encoding = Encoding(representation, PaperPairs(condition="none"))
    vocabulary = encoding.vocabulary_of([encoding.encode(SIXTEENTHS)])
    torch.manual_seed(0)
    model = MelodyModel(**vocabulary.sizes, hidden_size=8, layers=1)
    stated = 3 - representation.is_relative
    for song in sample_tunes(model, encoding, vocabulary, OPENING, songs=20, notes=4):
        melody = song.melody
        assert len(melody) == 3 + 4
        assert melody.pitches[:3] == (62, 64, 65)
        assert melody.durations[:stated] == (48, 24, 18)[:stated]
        assert melody.durations[-1] == 24 or not representation.is_relative
    alone = sample_tunes(model, encoding, vocabulary, Melody((), (), ()), songs=20, notes=4)
    assert {len(song.melody) for song in alone} == {4 + representation.is_relative}
    freely = sample_tunes(model, encoding, vocabulary, Melody((), (), ()), songs=20)
    assert {song.has_ended for song in freely} == {True, False}
    assert all(encoding.reason_against(song.melody) is None for song in freely)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"limit": 0}, "limit=0"),
            ({"notes": 0}, "notes=0"),
            ({"metre": "6/7"}, "metre=6/7"),
            ({"pickup": "1/7"}, "pickup=.*1/7"),
            ({"pickup": "an eighth"}, "pickup=.*an eighth"),
        ],
    )
    def test_options(self, options, message):
        model, encoding, vocabulary = network(Encoding(Control(), Joint()))
        with pytest.raises(ValueError, match=message):
            Composer(model, encoding.representation, vocabulary, encoding.rhythm).compose([], songs=1, **options)

    @pytest.mark.parametrize("encoding", [each for each in ENCODINGS if each.rhythm.name != "grid"], ids=str)
    def test_a_primer_with_a_duration_never_seen(self, encoding):
        with pytest.raises(ValueError, match=r"primer: (?=.*[: ]5/16 )(?!.*1/4).* never occurred in training"):
            sample_tunes(*network(encoding), Melody((67, 69), (0, 30), (30, 24)), songs=1)

    @pytest.mark.parametrize("rhythm", [Joint(), Factored()], ids=lambda each: each.name)
    def test_a_refused_primer_is_named_as_it_was_typed(self, rhythm):
        typed = "G4:1/4 A4:5/16 r:7/32 G4:3"
        with pytest.raises(ValueError, match=r"^primer: A4:5/16, r:7/32, G4:3 never occurred in training"):
            sample_tunes(*network(Encoding(Control(), rhythm)), read_primer_melody(typed), songs=1)

    def test_a_primer_with_a_pitch_never_seen(self):
        with pytest.raises(ValueError, match=r"^primer: C9:1/4, C9:1/8 never occurred in training"):
            sample_tunes(
                *network(Encoding(Control(), Factored())),
                Melody((120, 67, 120, 120), (0, 24, 48, 60), (24, 24, 12, 12)),
                songs=1,
            )

    @pytest.mark.parametrize(("pickup", "name"), [(72, "3/4"), (100, "25/24")])
    def test_a_pickup_that_is_not_shorter_than_a_bar(self, pickup, name):
        parts = network(Encoding(Control(), Factored()))
        with pytest.raises(ValueError, match=f"^pickup={name}: must be shorter than a bar of metre=6/8$"):
            sample_tunes(*parts, JIG, songs=1, header=Header(Metre(6, 8), pickup))

    def test_a_primer_between_the_steps_of_a_grid(self):
        with pytest.raises(
            ValueError, match=r"^primer: rhythm=grid cannot write it: .* between the steps of a grid of 12"
        ):
            sample_tunes(*network(Encoding(Control(), Grid())), Melody((67, 69), (0, 9), (9, 24)), songs=1)

    def test_a_primer_that_overlaps(self):
        with pytest.raises(ValueError, match="overlapping"):
            sample_tunes(*network(ENCODINGS[0]), Melody((67, 69), (0, 12), (24, 24)), songs=1)


@pytest.mark.parametrize(("pickup", "steps"), [("1/4", 24), ("3/8", 36), ("0", 0), ("1", 96), ("1/12", 8)])
def test_pickups_are_fractions_of_a_whole_note(pickup, steps):
    assert pickup_steps(pickup) == steps


def test_a_pickup_of_many_digits_is_exact():
    many = 10**400
    assert pickup_steps(f"{many}/{4 * many}") == 24
    with pytest.raises(ValueError, match=r"pickup=.*: must be a fraction of a whole note.* in steps of 1/96"):
        pickup_steps(f"{many + 1}/{4 * many}")
