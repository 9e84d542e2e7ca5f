"""The worked examples of ``docs/extending.md``: their files, written as shown, and their commands, run in order.

A block whose first line is a comment with a path, such as ``# conf/cell/mgu.yaml``, is that file.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from melgen.corpora import FolkCorpus
from melgen.music import Control, Interleaved, Interval, Melody
from melgen.music.encoding import Encoding
from melgen.music.events import REST, Events
from melgen.music.midi import midi_bytes
from melgen.networks import AbstractRecurrentLayer
from tests.commands.calling import TINY, Answer, call, spawn
from tests.docs.documents import ROOT, commands_of
from tests.docs.test_readme import as_program

EXTENDING = (ROOT / "docs/extending.md").read_text()


def section(title: str) -> str:
    """A part of the document, from its heading to the next one of the same depth."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", EXTENDING, re.MULTILINE | re.DOTALL)
    return text


OWN_CORPUS = section("A corpus of your own")
OWN_CELL = section("A cell of your own")
OWN_REPRESENTATION = section("A representation of your own")
OWN_RHYTHM = section("A rhythm of your own")
SPANS = {12: (92, 3), 24: (99, 44)}
"""Range of the representation in semitones; percent of the steps and of the tunes of Aird's Airs that it keeps."""


def files_of(text: str) -> dict[str, str]:
    """Every file that a document shows, by its path. Hydra reads the package of a file from its first line only.

    >>> files_of("```yaml\\n# conf/a.yaml\\nb: 1\\n```\\n```bash\\n# no file\\n```\\n")
    {'conf/a.yaml': '# conf/a.yaml\\nb: 1\\n'}
    """
    blocks = re.findall(
        r"^```\w+\n((?:# @package \S+\n)?# (\S+\.(?:py|yaml|txt))\n.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    return {path: content for content, path in blocks}


def lay_out(text: str, folder: Path) -> None:
    """Write the files of a document."""
    for path, content in files_of(text).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)


@pytest.fixture
def mine(here, monkeypatch):
    """An empty current directory. Its modules are forgotten after the test."""
    monkeypatch.syspath_prepend(here)
    monkeypatch.setattr(AbstractRecurrentLayer, "known", dict(AbstractRecurrentLayer.known))
    yield here
    for module in ("my_cells", "my_corpora", "my_representations", "my_rhythms"):
        sys.modules.pop(module, None)


def follow(text: str) -> dict[str, str]:
    """Run the commands of a document, shortened like those of the README. Return the output of each."""
    outputs = {}
    for line in commands_of(text):
        _, _, module, *arguments = as_program(line)
        verb = module.partition(".")[2]
        if any(argument.startswith("imports=") for argument in arguments):
            answer = spawn(verb, *arguments, cwd=Path.cwd())  # where nothing is imported yet
        else:
            answer = call(verb, *arguments)
        assert answer.code == 0, f"{line}\n{answer.text[-4000:]}"
        assert "no report page" not in answer.text
        outputs[line] = answer.text
    return outputs


def check_songs(run: Path) -> None:
    assert (run / "songs" / "song_002.mid").exists()
    assert (run / "report.html").exists()


@pytest.fixture(scope="module")
def representations(tmp_path_factory):
    """The module of the document, without running a command."""
    return module_of(OWN_REPRESENTATION, "my_representations", tmp_path_factory.mktemp("representation"))


@pytest.fixture(scope="module")
def time_first(tmp_path_factory):
    """The rhythm of the document, without running a command."""
    return module_of(OWN_RHYTHM, "my_rhythms", tmp_path_factory.mktemp("rhythm")).TimeFirst()


def module_of(text: str, name: str, folder: Path):
    lay_out(text, folder)
    spec = importlib.util.spec_from_file_location(f"{name}_of_the_document", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_documents_show_their_files():
    assert set(files_of(OWN_CORPUS)) == {"tunes/nursery.txt", "my_corpora.py", "conf/corpus/lines.yaml"}
    assert set(files_of(OWN_CELL)) == {"my_cells.py", "conf/cell/mgu.yaml", "check_mgu.py"}
    assert set(files_of(OWN_REPRESENTATION)) == {"my_representations.py", "conf/dataset/chroma.yaml"}
    assert set(files_of(OWN_RHYTHM)) == {"my_rhythms.py", "conf/rhythm/time_first.yaml"}


@pytest.mark.slow
def test_own_corpus(mine):
    lay_out(OWN_CORPUS, mine)
    (mine / "my_tunes").mkdir()
    for tune in range(12):
        steps = [0, 2, 4, 2, 0, -1, 0, 4 + tune % 3, 5, 4, 2, 0, 2, tune % 5, 0, 0]
        melody = Melody.from_pitches(60 + (step + tune) % 13 for step in steps)
        (mine / "my_tunes" / f"{tune}.mid").write_bytes(midi_bytes(melody))
    readme = [override for override in TINY if not override.startswith(("layers", "hidden_size"))]
    trained = call("train", *readme, "layers=2", "run_dir=multirun/folk/control-lstm-2-seed0")
    assert trained.code == 0, trained.text

    outputs = follow(OWN_CORPUS)
    prepared = next(text for line, text in outputs.items() if "prepare" in line and "lines" in line)
    (shown,) = re.findall(r"^```text\n(Import of .*?)^```", OWN_CORPUS, re.MULTILINE | re.DOTALL)
    assert shown in prepared

    named = re.findall(r"`(multirun/(?:my_tunes|lines)/[^`\s]*)`", OWN_CORPUS)
    assert len(named) == 2
    for path in named:
        check_songs(mine / path.removesuffix("/songs"))
    (tuned,) = (mine / "multirun/my_tunes").glob("*init_from-folk.control-lstm-2-seed0*")
    assert "started_from" in (tuned / "identity.json").read_text()
    assert (mine / named[1].removesuffix("/songs") / "songs-evaluation" / "evaluation.json").exists()


@pytest.mark.slow
def test_own_corpus_reports_what_it_dropped_and_sees_changes(tmp_path):
    lay_out(OWN_CORPUS, tmp_path)
    tunes, module = tmp_path / "tunes/nursery.txt", tmp_path / "my_corpora.py"

    def prepare() -> Answer:
        return spawn("prepare", "--config-dir=conf", "corpus=lines", "path=tunes", "workers=1", cwd=tmp_path)

    tunes.write_text(tunes.read_text() + f"{'C4 ' * 12}H4\nF#4 Bb3 C-1\n")
    report = prepare()
    assert report.code == 0, report.text
    for part in (
        "not in note names",
        "'H4' is not a note",
        "nursery.txt#8",
        "too short",
        "3 notes, min_length_notes=12",
    ):
        assert part in report.text
    module.write_text(module.read_text().replace('"A": 9', '"H": 11, "A": 9').replace("[A-G]", "[A-H]"))
    assert "'H4' is not a note" not in prepare().text


def equations_hold(folder: Path) -> bool:
    program = [sys.executable, "check_mgu.py"]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr or "AssertionError" in done.stderr, done.stderr
    return done.returncode == 0 and done.stdout == "as its paper says\n"


@pytest.mark.slow
def test_own_cell_equals_its_equations_and_the_check_can_fail(tmp_path):
    lay_out(OWN_CELL, tmp_path)
    assert equations_hold(tmp_path)
    module = tmp_path / "my_cells.py"
    module.write_text(module.read_text().replace("f * state", "state"))
    assert not equations_hold(tmp_path)


@pytest.mark.slow
def test_own_cell(mine):
    lay_out(OWN_CELL, mine)
    outputs = follow(OWN_CELL)
    (network,) = re.findall(r"^Network: .*", OWN_CELL, re.MULTILINE)
    assert network in outputs["python -m melgen.train --config-dir=conf cell=mgu corpus=airds"]
    run = mine / "multirun/airds/control-mgu-2-seed0"
    check_songs(run)
    assert (mine / "multirun/mgu-songs/song_002.mid").exists()
    gru = (mine / "multirun/airds/control-gru-2-seed0/train.log").read_text()
    (parameters,) = re.findall(r"`cell=gru` has ([\d,]*\d)", OWN_CELL)
    assert f"{parameters} parameters" in gru
    assert any("lstm + mgu of 128 units" in text for text in outputs.values())
    refused = spawn("generate", f"checkpoint={run}", "songs=2", "out=out", cwd=mine)
    assert refused.code == 1
    assert "unknown cell 'mgu'" in refused.text


@pytest.mark.slow
def test_own_representation(mine, representations, monkeypatch):
    lay_out(OWN_REPRESENTATION, mine)
    outputs = follow(OWN_REPRESENTATION)
    (network,) = re.findall(r"^Network: .*", OWN_REPRESENTATION, re.MULTILINE)
    assert network in next(iter(outputs.values()))
    check_songs(mine / "multirun/airds/chroma-lstm-2-seed0")
    songs = json.loads((mine / "multirun/chroma-songs/songs.json").read_text())["songs"]
    for song in songs:
        assert song["pitches"][:4] == [60, 62, 64, 62]
        assert set(np.diff(song["pitches"])) <= set(range(-6, 6))

    melodies = FolkCorpus(["airds"]).load(progress=False).melodies
    tunes = [melodies.pitches_of(number) for number in range(len(melodies))]
    steps = np.concatenate([np.diff(tune) for tune in tunes])
    for span, (of_steps, of_tunes) in SPANS.items():
        monkeypatch.setattr(representations, "SPAN", span)
        assert round(100 * np.mean((steps >= -span // 2) & (steps < span // 2))) == of_steps
        assert round(100 * np.mean([returns(representations.Chroma(), tune.tolist()) for tune in tunes])) == of_tunes
        assert f"{of_steps}%" in OWN_REPRESENTATION
        assert f"{of_tunes}%" in OWN_REPRESENTATION


def returns(representation, pitches: list[int]) -> bool:
    return representation.decode(representation.encode(pitches).tolist(), pitches[0]) == Melody.from_pitches(pitches)


def test_own_representation_as_in_its_table(representations):
    chroma, pitches = representations.Chroma(), [60, 62, 64, 60, 67, 57]
    assert chroma.encode(pitches).tolist() == [0, 2, 4, 0, 7, 9]
    assert chroma.decode([0, 2, 4, 0, 7, 9]).pitches == (60, 62, 64, 60, 55, 57)
    assert [chroma.value_name(value) for value in (0, 6, 11)] == ["C", "F#", "B"]
    assert [version.tolist() for version in chroma.augmentations(pitches)] == [[0, 2, 4, 0, 7, 9]]
    assert chroma.encode_primer([60]).tolist() == [0]
    with pytest.raises(ValueError, match="128"):
        chroma.encode([128])


@pytest.mark.parametrize("span", [12, 24])
def test_own_representation_keeps_what_it_claims(representations, monkeypatch, span):
    monkeypatch.setattr(representations, "SPAN", span)
    chroma, chance = representations.Chroma(), np.random.default_rng(0)
    for _ in range(200):
        steps = chance.integers(-span // 2, span // 2, 30)  # the upper end is left out
        pitches = np.cumsum([60, *steps])
        if pitches.min() >= 0 and pitches.max() <= 127:
            assert returns(chroma, pitches.tolist())
        values = chance.integers(-(2**15), 2**15, 30).tolist()
        anything = chroma.decode(values, first_pitch=int(chance.integers(-500, 500)))
        assert 0 <= min(anything.pitches) <= max(anything.pitches) <= 127
        assert chroma.encode(anything.pitches).tolist() == [value % span for value in values]
    for too_far in (span // 2, -span // 2 - 1):
        assert not returns(chroma, [60, 60 + too_far])


@pytest.mark.slow
def test_own_rhythm(mine):
    lay_out(OWN_RHYTHM, mine)
    outputs = follow(OWN_RHYTHM)
    (network,) = re.findall(r"^Network: .*", OWN_RHYTHM, re.MULTILINE)
    assert network in next(iter(outputs.values()))
    run = mine / "multirun/airds/control-lstm-2-seed0-rhythm-time_first"
    check_songs(run)
    songs = json.loads((mine / "multirun/time-first-songs/songs.json").read_text())["songs"]
    assert len({duration for song in songs for duration in song["durations"]}) > 1
    refused = spawn("generate", f"checkpoint={run}", "songs=2", "out=out", cwd=mine)
    assert refused.code == 1
    assert "unknown rhythm 'time_first'" in refused.text


def test_own_rhythm_as_in_its_table(time_first):
    events = Events(np.array([67, REST, 69]), np.array([24, 12, 12]))
    swapped = Interleaved().symbols(events).reshape(-1, 2)[:, ::-1].ravel()
    assert time_first.symbols(events)[:, 0].tolist() == swapped.tolist() == [2024, 67, 2012, REST, 2012, 69]
    assert [time_first.symbol_name(symbol, "G4") for symbol in (2024, 67)] == ["length 24", "G4"]


@pytest.mark.parametrize("representation", [Control(), Interval()], ids=lambda each: each.name)
def test_own_rhythm_keeps_what_it_claims(time_first, representation):
    """Each tune comes back, its spelling is allowed, the end follows notes only, and any symbols are a melody."""
    encoding, chance = Encoding(representation, time_first), np.random.default_rng(0)
    tunes = [Melody((67, 69, 67), (12, 36, 72), (24, 12, 24)), Melody((60, 62), (0, 24), (24, 8))]
    encoded = [encoding.encode(tune) for tune in tunes]
    vocabulary = encoding.vocabulary_of(encoded)
    grammar, end = encoding.grammar(vocabulary), encoding.names(vocabulary).index("end")
    for tune, written in zip(tunes, encoded, strict=True):
        assert encoding.decode(written.symbols, written.first_pitch) == tune
        reading, ends = grammar.begin([written.first_pitch]), []
        for token in vocabulary.symbols.encode(written.symbols[:, 0], strict=True):
            allowed = grammar.next_allowed(reading)[0]
            assert allowed[token]
            ends.append(bool(allowed[end]))
            reading = grammar.read(reading, np.array([token]))
        after_notes = [
            index > 0 and time_first.kind_of(symbol) in ("note", "first")
            for index, symbol in enumerate([0, *written.symbols[:-1, 0].tolist()])
        ]
        assert ends == after_notes
    for _ in range(200):
        symbols = chance.choice(vocabulary.symbols.values, (20, 1))
        melody = encoding.decode(symbols)
        if not len(melody):
            continue
        assert encoding.reason_against(melody) is None
        assert encoding.decode(encoding.encode(melody).symbols, melody.pitches[0]) == melody
