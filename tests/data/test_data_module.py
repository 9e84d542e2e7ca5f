"""The data module: from a corpus to windows and tunes, in every representation."""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest

from melgen.corpora import Cleaning, CorpusError, FolkCorpus, PicklesCorpus
from melgen.data import MelodyDataModule, Split
from melgen.data.recorded_splits import NO_SPLIT, write_splits
from melgen.music import DB12, REPRESENTATIONS, Control, Interval, Melody, Vocabulary
from melgen.music.melody import Melodies
from melgen.music.metre import Metre, MetreChange
from tests.builders import original_twelve_keys
from tests.data.melodies import melodies, stream_of, walks, write_songs

ALL = [Control, Interval, DB12]
HELD_OUT = (Split.VALIDATION, Split.TEST)


def module(songs, representation=Control, **options):
    options = {"batch_size": 2, "seq_length": 4} | options
    made = MelodyDataModule(melodies(songs), representation(), **options)
    made.setup()
    return made


def from_pickles(path, representation, **options):
    options = {"batch_size": 2, "seq_length": 4, "cleaning": Cleaning(min_length_notes=1)} | options
    return MelodyDataModule(PicklesCorpus(path), representation(), workers=1, progress=False, **options)


def pitches(made, split):
    return [tune.tolist() for tune in made.tunes_of(split)]


def transitions(made):
    """The pairs of values that one epoch trains on: a count of each (value, next value)."""
    values = made.vocabulary.values
    counts = Counter()
    for window in made.train_dataloader():
        pairs = zip(values[window.tokens].flatten(), values[window.targets].flatten(), strict=True)
        counts.update((int(a), int(b)) for a, b in pairs)
    return counts


def pairs_of(songs):
    return Counter(pair for song in songs for pair in pairwise(song))


def intervals(song):
    return [after - before for before, after in pairwise(song)]


TRAINING_SONGS = {
    Control: lambda song: [song],
    Interval: lambda song: [intervals(song)],
    DB12: original_twelve_keys,
}


@pytest.mark.parametrize("representation", ALL)
def test_an_epoch_trains_on_the_training_tunes_in_their_representation(representation):
    songs = walks(30)
    made = module(songs, representation, batch_size=1, seq_length=4)
    training = [version for song in pitches(made, Split.TRAIN) for version in TRAINING_SONGS[representation](song)]
    assert transitions(made) == pairs_of(training)
    assert made.vocabulary == Vocabulary(sorted({value for song in training for value in song}))


@pytest.mark.parametrize("representation", ALL)
def test_no_training_tune_is_held_out(representation):
    songs = walks(30)
    made = module(songs, representation)
    parts = [pitches(made, split) for split in Split]
    assert sorted(chain(*parts)) == sorted(songs)


def test_all_representations_have_the_same_splits():
    songs = walks(40)
    splits = [module(songs, representation).splits for representation in ALL]
    np.testing.assert_array_equal(splits[0], splits[1])
    np.testing.assert_array_equal(splits[0], splits[2])


def test_db12_transposes_after_the_split():
    # The corpus holds every tune in all keys. Transpositions made before the split would be in several splits.
    made = module(walks(30), DB12)
    assert len(made.splits) == 30
    training_shapes = {tuple(intervals(song)) for song in pitches(made, Split.TRAIN)}
    for split in HELD_OUT:
        assert not training_shapes & {tuple(intervals(song)) for song in pitches(made, split)}
    # Held-out tunes are scored once, in their own key.
    assert sum(batch.tokens.shape[0] for batch in made.val_dataloader()) == len(pitches(made, Split.VALIDATION))


def test_split_seed_splits_and_seed_shuffles():
    songs = walks(40)
    base, other_seed, other_split = (
        module(songs, seed=seed, split_seed=split_seed) for seed, split_seed in ((0, 0), (1, 0), (0, 1))
    )
    np.testing.assert_array_equal(base.splits, other_seed.splits)
    assert (base.splits != other_split.splits).any()
    first = [next(iter(made.train_dataloader())).tokens.tolist() for made in (base, other_seed)]
    assert first[0] != first[1]


def test_the_vocabulary_comes_from_the_training_split_only():
    songs = [song for song in walks(40, seed=1) if max(song) < 80]
    lonely = [90, 91, 92, 93, 94, 95, 96, 95, 94, 93, 92, 91]
    held_out = (m for m in (module([*songs, lonely], split_seed=s) for s in range(50)) if m.splits[-1])
    made = next(held_out)
    assert max(made.vocabulary.values) == max(max(song) for song in pitches(made, Split.TRAIN)) < 90
    name = Split(made.splits[-1]).name.lower()
    assert made.statistics[f"{name}_unseen_values"] == len(lonely)
    assert made.statistics[f"{name}_tunes_left_out_of_bits_per_note"] == 1


@pytest.mark.parametrize("representation", ALL)
@pytest.mark.parametrize("split", HELD_OUT)
def test_held_out_tunes_score_every_known_value_once(representation, split):
    songs = walks(40, longest=40)
    made = module(songs, representation)
    values = made.vocabulary.values
    encode = intervals if representation is Interval else list
    expected = Counter(
        pair
        for song in pitches(made, split)
        for pair in zip(encode(song), encode(song)[1:], strict=False)
        if pair[1] in values
    )
    scored = Counter()
    for batch in made._held_out[split]:
        targets = values[batch.targets][batch.counted.numpy()].tolist()
        tokens = values[batch.tokens][batch.counted.numpy()].tolist()
        scored.update(zip(tokens, targets, strict=True))
    # An unseen value is read as its nearest neighbour. Compare only pairs whose first value is known.
    unseen_left = {pair for pair in expected if pair[0] not in values}
    assert sum(scored.values()) == sum(expected.values())
    for pair, count in expected.items():
        assert pair in unseen_left or scored[pair] >= count


def compared_notes(made, split):
    return sum(int(batch.compared.sum()) for batch in made._held_out[split])


@pytest.mark.parametrize("seed", range(3))
def test_the_same_notes_are_compared_in_every_representation(seed):
    songs = [*walks(60, seed=seed, longest=40), [60], [62], [70, 71], [60, 61, 62]]
    rng = np.random.default_rng(seed)
    for song in songs[:6]:  # rare leaps and rare pitches, unseen by one representation or by another
        song[5] = int(rng.integers(20, 110))
    made = {name: module(songs, cls) for name, cls in REPRESENTATIONS.items()}
    control = made["control"]
    training = pitches(control, Split.TRAIN)
    seen = {
        name: {value for song in training for version in TRAINING_SONGS[cls](song) for value in version}
        for name, cls in REPRESENTATIONS.items()
    }
    for split in HELD_OUT:
        expressible = [
            song
            for song in pitches(control, split)
            if len(song) >= 3
            and set(song) <= seen["control"]
            and set(song) <= seen["db12"]
            and set(intervals(song)) <= seen["interval"]
        ]
        expected = sum(len(song) - 2 for song in expressible)  # notes 3..N
        assert {name: compared_notes(data, split) for name, data in made.items()} == dict.fromkeys(made, expected)
        left_out = len(pitches(control, split)) - len(expressible)
        for data in made.values():
            assert data.statistics[f"{split.name.lower()}_tunes_left_out_of_bits_per_note"] == left_out


@pytest.mark.parametrize("representation", ALL)
def test_compared_targets_are_the_third_note_and_all_after_it(representation):
    songs = walks(30, shortest=12, longest=12)
    made = module(songs, representation)
    for batch in made.val_dataloader():
        for counted, compared in zip(batch.counted, batch.compared, strict=True):
            if compared.any():
                # Pitches predict notes 2 to 12, intervals notes 3 to 12.
                first = 0 if representation is Interval else 1
                assert compared.tolist() == [False] * first + [True] * (len(compared) - first)
                assert counted.all()


def test_a_trained_network_lends_its_vocabulary():
    songs = walks(30)
    made = MelodyDataModule(melodies(songs), Control(), batch_size=2, seq_length=4)
    made.base_vocabulary = Vocabulary([1, 60, 127])
    made.setup()
    training = {pitch for song in pitches(made, Split.TRAIN) for pitch in song}
    assert made.vocabulary.values.tolist() == sorted(training | {1, 60, 127})
    assert transitions(made).keys() <= pairs_of(pitches(made, Split.TRAIN)).keys()


def test_one_note_tunes_add_to_the_vocabulary_and_give_no_pair():
    songs = [*walks(20), [100]]
    training = (made for made in (module(songs, split_seed=s) for s in range(20)) if made.splits[-1] == Split.TRAIN)
    made = next(training)
    assert 100 in made.vocabulary.values
    assert all(100 not in pair for pair in transitions(made))


def test_the_error_for_too_little_data_names_sizes_that_fit():
    with pytest.raises(ValueError, match=r"too little training data: .*batch_size=\d+ would fit"):
        module(walks(10), batch_size=50, seq_length=50)


@pytest.mark.parametrize("songs", [[], [[60, 62, 64]] * 20, [[60, 62], [50, 52], [60, 61], [70, 71]]])
def test_too_few_distinct_tunes_are_refused(songs):
    with pytest.raises(ValueError, match="at least 3 distinct tunes"):
        module(songs)


def test_bad_fractions_are_refused_at_once():
    with pytest.raises(ValueError, match="split_fractions"):
        MelodyDataModule([], Control(), split_fractions=(0.5, 0.5, 0.5))


def test_setting_up_twice_changes_nothing():
    made = module(walks(20))
    loader, vocabulary = made.train_dataloader(), made.vocabulary
    made.setup("fit")
    assert made.train_dataloader() is loader
    assert made.vocabulary is vocabulary


def test_loaders_set_up_by_themselves():
    made = MelodyDataModule(melodies(walks(20)), Control(), batch_size=2, seq_length=4)
    assert len(made.val_dataloader()) >= 1
    assert made.updates_per_epoch == len(made.train_dataloader())


def test_the_statistics_add_up():
    songs = walks(40)
    made = module(songs)
    numbers = made.statistics
    assert sum(numbers[f"{split.name.lower()}_tunes"] for split in Split) == len(songs)
    assert sum(numbers[f"{split.name.lower()}_notes"] for split in Split) == sum(map(len, songs))
    assert numbers["training_tokens_per_epoch"] == sum(w.tokens.numel() for w in made.train_dataloader())
    assert numbers["updates_per_epoch"] == len(list(made.train_dataloader()))


def test_the_fingerprint_of_melodies_in_memory_is_their_notes():
    songs = walks(20)
    changed = [*songs[:-1], [*songs[-1][:-1], songs[-1][-1] + 1]]
    joined = [songs[0] + songs[1], *songs[2:]]
    assert module(songs).fingerprint == module(songs, Interval).fingerprint
    assert len({module(each).fingerprint for each in (songs, changed, joined)}) == 3


def test_the_fingerprint_covers_metres_pickups_and_bars():
    plain = [Melody.from_pitches(song) for song in walks(20)]
    stated = {"metres": (MetreChange(0, Metre(3, 4)),), "pickup": 0, "bars": (0, 72)}
    changed = [[replace(plain[0], **{key: value}), *plain[1:]] for key, value in stated.items()]
    later = [replace(plain[0], metres=(MetreChange(24, Metre(3, 4)),)), *plain[1:]]
    made = [MelodyDataModule(tunes, Control(), batch_size=2, seq_length=4) for tunes in (plain, *changed, later)]
    for each in made:
        each.setup()
    assert len({each.fingerprint for each in made}) == 5


def test_splits_that_a_run_has_recorded(tmp_path, caplog):
    tunes = [Melody.from_pitches(song, title=f"Tune {n}", source=f"a.abc#{n}") for n, song in enumerate(walks(30))]
    file = tmp_path / "splits.tsv"
    write_splits(file, np.array([n % 3 for n in range(20)], np.int8), Melodies.from_list(tunes[:20]))
    made = MelodyDataModule(tunes, Control(), batch_size=2, seq_length=4)
    made.recorded_splits = (file,)
    made.setup()
    assert made.splits.tolist() == [n % 3 for n in range(20)] + [NO_SPLIT] * 10
    assert made.has_recorded_splits
    assert not made.comparable[20:].any(), "tunes that may be training tunes are not compared"
    assert len(made.tunes_of(Split.TRAIN)) == 7
    assert sum(made.statistics[f"{split.name.lower()}_tunes"] for split in Split) == 20
    assert "names 20 of the 30 tunes" in caplog.text
    another = MelodyDataModule(map(Melody.from_pitches, walks(30, seed=5)), Control(), batch_size=2, seq_length=4)
    another.recorded_splits = (file,)
    another.setup()
    assert not another.has_recorded_splits, "the file is about another corpus"
    assert NO_SPLIT not in another.splits


@pytest.fixture
def declared(tmp_path):
    parts = {"train": walks(12, seed=1), "validation": walks(5, seed=2), "evaluation": walks(4, seed=3)}
    for name, songs in parts.items():
        write_songs(tmp_path / f"{name}_song_list.p", songs)
    return tmp_path, parts


def test_declared_splits_are_kept(declared):
    folder, parts = declared
    for split_seed in (0, 1):
        made = from_pickles(folder, Control, split_seed=split_seed)
        made.setup()
        for split, name in zip(Split, parts, strict=True):
            assert sorted(pitches(made, split)) == sorted(parts[name])


@pytest.mark.slow
def test_copies_across_declared_splits_stay_with_a_warning(declared, caplog):
    folder, parts = declared
    copies = [parts["train"][0], [pitch + 1 for pitch in parts["train"][1]]]
    write_songs(folder / "evaluation_song_list.p", parts["evaluation"] + copies)
    made = from_pickles(folder, Control, cleaning=Cleaning(min_length_notes=1))
    with caplog.at_level(logging.WARNING):
        made.setup()
    assert len(made.melodies) == 23
    assert "4 tunes have a copy in another split" in caplog.text


STREAMS = {
    "control": "train_final_cleaned.p",
    "interval": "train_intervals_final_cleaned.p",
    "db12": "train_DB12_final_cleaned.p",
}


def ready_songs(name, songs):
    """Songs of a stream, none of which begins with the last value of the one before.

    The format could not separate such a song from the one before.
    """
    encoded = [version for song in songs for version in TRAINING_SONGS[REPRESENTATIONS[name]](song)]
    return [song for before, song in pairwise([[None], *encoded]) if song[0] != before[-1]]


@pytest.fixture(params=STREAMS)
def ready_stream(request, tmp_path):
    songs = ready_songs(request.param, walks(15))
    path = tmp_path / STREAMS[request.param]
    path.write_bytes(pickle.dumps(stream_of(songs), protocol=2))
    return request.param, path, songs


@pytest.mark.slow
def test_a_ready_stream_is_fed_as_it_is(ready_stream):
    name, path, songs = ready_stream
    made = from_pickles(path, REPRESENTATIONS[name], batch_size=1)
    made.setup()
    assert made.is_encoded
    assert sorted(song for split in Split for song in pitches(made, split)) == sorted(songs)
    # nothing is transposed or subtracted a second time
    assert transitions(made) == pairs_of(pitches(made, Split.TRAIN))
    for split in HELD_OUT:
        scored = sum(int(batch.counted.sum()) for batch in made._held_out[split])
        targets = [value for song in pitches(made, split) for value in song[1:]]
        assert scored == sum(value in made.vocabulary.values for value in targets)


def test_a_ready_stream_is_refused_under_another_dataset(ready_stream):
    name, path, _ = ready_stream
    for other, representation in REPRESENTATIONS.items():
        if other != name:
            with pytest.raises(CorpusError, match=f"dataset={other}: .* stream of dataset={name} "):
                from_pickles(path, representation).setup()


def test_transpositions_in_a_ready_db12_stream_stay_in_one_split(tmp_path):
    tunes = walks(15)
    path = tmp_path / STREAMS["db12"]
    path.write_bytes(pickle.dumps(stream_of(ready_songs("db12", tunes)), protocol=2))
    made = from_pickles(path, DB12)
    made.setup()
    shapes = [{tuple(intervals(song)) for song in pitches(made, split)} for split in Split]
    assert sum(map(len, shapes)) == len(tunes)


@pytest.mark.slow
def test_real_tunes_have_equal_compared_notes_and_the_batches_of_the_paper():
    made = {}
    for name, representation in REPRESENTATIONS.items():
        made[name] = MelodyDataModule(
            FolkCorpus(["misc_folk"]),
            representation(),
            batch_size=5,
            seq_length=10,
            shuffle=False,
            drop_tail=True,
            workers=1,
            progress=False,
        )
        made[name].setup()
    assert len(made["control"].melodies) > 150
    for split in HELD_OUT:
        assert len({compared_notes(data, split) for data in made.values()}) == 1
        assert compared_notes(made["db12"], split) > 100
    for name, data in made.items():
        songs = pitches(data, Split.TRAIN)
        training = [v for song in songs for v in TRAINING_SONGS[REPRESENTATIONS[name]](song)]
        stream = [value for song in training for value in song[:-1]]
        windows = len(stream) // 50
        rows = np.array(stream[: windows * 50]).reshape(5, -1)
        assert len(data.train_dataloader()) == windows
        for k, window in enumerate(data.train_dataloader()):
            values = data.vocabulary.values[window.tokens]
            np.testing.assert_array_equal(values, rows[:, 10 * k : 10 * (k + 1)])
