"""Commands that melgen prints: pasted into a shell, they give the intended values."""

import os
import random
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from melgen.pasting import command, hydra_quoted, override, path_text, shell_line
from melgen.runs.commands import generate_command, own_modules, report_command
from tests.tiers import quick_rows

PARSER = OverridesParser.create()
LETTERS = [*"ab1 -~./=,$[]{}()'\"\\:+*?!#&|;<>%@\t\n^`éß漢🎵", "${", "\udce9", "\x1b", "\u2028", "\u00a0"]
PLAIN = [letter for letter in LETTERS if letter.isprintable()]
TEXTS = [
    *("", "null", "True", "1e5", "0x10", "1_000", "NaN", "inf", "-1", ".5", "1.", "$", "${", "\\", "'", '"', "''"),
    *("~x", "~", "-x", "--x", "a: b", "no", "2020-01-01", "my runs", "läufe", "a=b", "a,b", "[a]", "{a:b}", "(a)"),
    *("a'b", 'a"b', "a'b\"c", "a\\", "a\\'", "$HOME", "${name}", "\\${name}", "a;b", "!x", "a\\\\'b", "glob(*)"),
]


def random_texts(letters, count):
    rng = random.Random(0)
    return ["".join(rng.choice(letters) for _ in range(rng.randrange(1, 9))) for _ in range(count)]


def value_of(word):
    """The value that a command reads from a word of its command line."""
    (parsed,) = PARSER.parse_overrides([word])
    config = OmegaConf.create({})
    OmegaConf.update(config, parsed.key_or_group, parsed.value())
    (value,) = OmegaConf.to_container(config, resolve=True).values()
    return value


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_comes_back(text):
    *start, word = shlex.split(command("render", {"songs": text}))
    assert start == ["python", "-m", "melgen.render"]
    assert value_of(word) == text
    if "${" not in text:
        assert PARSER.parse_overrides([word])[0].value() == text


@pytest.mark.slow
def test_any_text_comes_back():
    for text in random_texts(PLAIN, 2000):
        word = shlex.split(command("render", {"songs": text}))[-1]
        assert value_of(word) == text
        assert value_of(shlex.split(command("render", {"songs": [text, 1]}))[-1]) == [text, 1]


def test_a_shell_gives_the_words_back():
    """Also control characters, and bytes that are not UTF-8."""
    words = [override("songs", text) for text in [*TEXTS, *random_texts(LETTERS, 2000)]]
    line = b"printf '%s\\0' " + shell_line(*words).encode()
    printed = subprocess.run(["bash"], input=line, capture_output=True, check=True).stdout
    assert [os.fsdecode(word) for word in printed.split(b"\0")[:-1]] == words
    assert shell_line(*words).isprintable()


@pytest.mark.parametrize("value", [0, -3, 0.8, 1e-9, True, False, None, [1, 2], ["a b", None], [], Path("my runs")])
def test_a_value_comes_back(value):
    expected = str(value) if isinstance(value, Path) else value
    assert value_of(override("key", value)) == expected
    assert type(value_of(override("key", value))) is type(expected)


@quick_rows(30, "text", [*TEXTS, *random_texts(PLAIN, 200)], ids=ascii)
@pytest.mark.parametrize("quote", ["'", '"', None])
def test_either_quote_will_do(text, quote):
    assert PARSER.parse_overrides([f"key={hydra_quoted(text, quote)}"])[0].value() == text


def test_a_path_is_not_read_as_an_option_or_a_home_directory():
    for name in ("~songs", "-songs", "~root/songs"):
        assert Path(path_text(name)).expanduser().absolute() == Path(name).absolute()
        assert not path_text(name).startswith("-")
        assert value_of(override("songs", Path(name))) == path_text(name)


def run_with(folder, **config):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def words(line):
    return {override.key_or_group: override.value() for override in PARSER.parse_overrides(shlex.split(line)[3:])}


@pytest.mark.parametrize(
    ("config", "imports"),
    [
        ({"cell": {"_target_": "melgen.networks.LSTM"}}, None),
        ({"cell": {"_target_": "my_cells.MGU"}}, ["my_cells"]),
        ({"model": {"cell": {"_target_": "lab.cells.MGU"}}}, ["lab.cells"]),
        ({"cell": {"_target_": "melgen.networks.mixed", "stack": ["lstm", "my_cells.MGU"]}}, ["my_cells"]),
        ({"cell": {"_target_": "melgen.networks.mixed", "stack": [{"_target_": "b.B"}, "a.A"]}}, ["a", "b"]),
        ({"dataset": {"representation": {"_target_": "my_representations.Chroma"}}}, ["my_representations"]),
        ({"cell": {"_target_": "shlex.shlex.split"}}, ["shlex"]),
        ({}, None),
        ({"cell": 3, "model": None, "dataset": []}, None),
    ],
)
def test_a_users_own_network_is_imported(tmp_path, config, imports):
    run = run_with(tmp_path / "my runs" / "läufe=1", **config)
    found = words(generate_command(run, songs=20, temperature=0.8, out=Path("out")))
    assert found.pop("imports", None) == imports
    assert found == {"checkpoint": str(run), "songs": 20, "temperature": 0.8, "out": "out"}


def test_a_users_own_corpus_is_imported(tmp_path):
    run = run_with(tmp_path / "run", corpus={"_target_": "village.Corpus"}, cell={"_target_": "my_cells.MGU"})
    assert words(report_command(run)) == {"run": str(run), "imports": ["village"]}
    assert own_modules({"_target_": "melgen.corpora.FolkCorpus"}) == []


RHYTHM = {"rhythm": {"_target_": "melgen.music.Factored"}}


@pytest.mark.parametrize(
    ("config", "primer"),
    [
        ({"primer": [60, 62, 64, 62]}, None),
        ({"primer": [72, 74]}, [72, 74]),
        ({"primer": [72, 74], "callbacks": {"sampling": {"primer": [50, 52]}}}, [50, 52]),
        ({"primer": "a.mid", "callbacks": None}, "a.mid"),
        ({"primer": "C4 D4:1/8"}, "C4 D4:1/8"),
        ({"primer": ["F#4", "D4"]}, ["F#4", "D4"]),
        ({"primer": 60}, None),
        ({"primer": []} | RHYTHM, None),  # without one, a network with rhythm begins by itself
        ({"primer": [60, 62, 64, 62]} | RHYTHM, [60, 62, 64, 62]),
        ({"primer": [72, 74]} | RHYTHM, [72, 74]),
    ],
)
def test_the_primer_is_one_that_the_network_knows(tmp_path, config, primer):
    run = run_with(tmp_path / "run", **config)
    assert words(generate_command(run)).get("primer") == primer
