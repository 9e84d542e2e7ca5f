"""`melgen.render`: scores and sound of songs. The songs that `melgen.generate` prints."""

import json
import os
import sys
from pathlib import Path

import pytest

from melgen.corpora import read_melody
from melgen.generation.songs import write_songs
from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.rendering import batch
from melgen.rendering.batch import RenderOptions, read_formats, render_songs
from tests.builders import SONGS_METADATA
from tests.commands.calling import call, files_below
from tests.corpora.midi_files import scale, write_midi
from tests.tiers import quick_rows

pytestmark = pytest.mark.slow

SONGS = [
    Melody.from_pitches([60, 62, 64, 62, 60, 62, 64, 62, 67, 67]),
    Melody.from_pitches([0, 127]),
    Melody.from_pitches([69]),
]
ALL = "to=[wav,mp3,ogg,svg,png,pdf,musicxml,abc]"


@pytest.fixture
def songs(here):
    write_songs(here / "run" / "songs", SONGS, SONGS_METADATA)
    return Path("run/songs")


def render(folder, *overrides, code=0):
    answer = call("render", f"songs={folder}", *overrides)
    assert answer.code == code, answer.text
    assert "Traceback" not in answer.text
    return answer


@pytest.mark.slow
def test_every_format(songs, here):
    soundfile = pytest.importorskip("soundfile")
    from PIL import Image

    before = files_below(here)
    answer = render(songs, ALL, "width=700", "tempo_qpm=60", "sample_rate=22050")
    after = files_below(here)
    assert before.items() <= after.items(), "the songs are as they were"
    names = {f"song_00{number}.{kind}" for number in (1, 2, 3) for kind in batch.FORMATS}
    out = Path("run/songs-rendered")
    assert {path.name for path in out.iterdir()} == names | {"rendering.json"}
    assert f"3 songs as {', '.join(batch.FORMATS)} in" in answer.out
    assert "melgen.evaluate songs=run/songs" in answer.out
    for ending in ("wav", "mp3", "ogg"):
        info = soundfile.info(out / f"song_001.{ending}")
        assert (info.samplerate, info.channels) == (22_050, 1)
        assert info.duration == pytest.approx(10.4, abs=0.1)
    with Image.open(out / "song_001.png") as image:
        assert image.size[0] == 700
    assert (
        '<svg xmlns="http://www.w3.org/2000/svg" class="melgen-score" role="img" width="700"'
        in (out / "song_001.svg").read_text()
    )
    assert (out / "song_001.pdf").read_bytes().startswith(b"%PDF-")
    for ending in ("abc", "musicxml"):
        assert read_melody(out / f"song_001.{ending}").pitches == SONGS[0].pitches
    record = json.loads((out / "rendering.json").read_text())
    assert record["to"] == list(batch.FORMATS)
    assert record["options"]["tempo_qpm"] == 60


@pytest.mark.slow
def test_again_it_writes_the_same(songs, here):
    render(songs, "to=[mp3,ogg,png,pdf,svg]")
    before = files_below(here)
    render(songs, "to=[mp3,ogg,png,pdf,svg]")
    assert files_below(here) == before


@pytest.mark.slow
def test_files_of_other_songs_go_and_other_formats_of_the_same_songs_stay(here):
    def write(*songs):
        write_songs("songs", [Melody.from_pitches(song) for song in songs], SONGS_METADATA)

    def names():
        return sorted(path.name for path in Path("songs-rendered").iterdir() if path.name != "rendering.json")

    write([60, 62], [64, 65])
    render("songs", "to=abc")
    render("songs", "to=musicxml")
    assert names() == [f"song_00{number}.{ending}" for number in (1, 2) for ending in ("abc", "musicxml")]
    Path("song_002.abc").write_text("not ours")
    write([72, 74])
    render("songs", "to=musicxml")
    assert names() == ["song_001.musicxml"]
    record = json.loads(Path("songs-rendered/rendering.json").read_text())
    assert (record["to"], record["songs"]) == (["musicxml"], ["song_001"])
    record["songs"].append("../song_002")
    record["to"].append("abc")
    Path("songs-rendered/rendering.json").write_text(json.dumps(record))
    write([60, 62])
    render("songs", "to=abc")
    assert Path("song_002.abc").exists(), "a record cannot lead out of the folder"
    assert names() == ["song_001.abc"]


@pytest.mark.slow
def test_files_that_stay_are_recorded_with_their_own_options(songs, here):
    def tempos():
        record = json.loads(Path("run/songs-rendered/rendering.json").read_text())
        return {name: record["earlier_options"].get(name, record["options"])["tempo_qpm"] for name in record["to"]}

    render(songs, "to=abc", "tempo_qpm=60")
    render(songs, "to=musicxml")
    assert tempos() == {"abc": 60, "musicxml": 120}
    assert "Q:1/4=60" in Path("run/songs-rendered/song_001.abc").read_text()
    render(songs, "to=svg", "tempo_qpm=90")
    assert tempos() == {"abc": 60, "musicxml": 120, "svg": 90}
    render(songs, "to=[abc,svg]")
    assert tempos() == {"abc": 120, "musicxml": 120, "svg": 120}


@pytest.mark.slow
def test_scores_that_are_read_again_as_songs_stay(here):
    write_songs("songs", SONGS, SONGS_METADATA)
    render("songs", "to=abc")
    render("songs-rendered", "to=svg", "out=songs-rendered")
    assert len(list(Path("songs-rendered").glob("*.abc"))) == len(list(Path("songs-rendered").glob("*.svg"))) == 3


@pytest.mark.slow
def test_files_of_foreign_songs_are_written_to_the_current_directory(here, tmp_path_factory):
    music = tmp_path_factory.mktemp("music") / "hymns"
    write_midi(music / "b" / "long.mid", scale(60, 30))
    write_midi(music / "a.mid", scale(72, 3))
    (music / "broken.mid").write_bytes(b"noise")
    before = files_below(music)
    answer = render(music, "to=abc")
    assert files_below(music) == before
    assert set(files_below(here)) == {f"hymns-rendered/{name}" for name in ("a.abc", "b/long.abc", "rendering.json")}
    assert "1 could not be read: broken.mid: " in answer.text
    assert "unreadable" not in answer.text, "that says it twice"


@pytest.mark.slow
def test_one_file(songs, here):
    render(songs / "song_001.mid", "to=abc", "out=x")
    assert set(files_below(here / "x")) == {"song_001.abc", "rendering.json"}


@pytest.mark.slow
def test_kept_processes_write_below_the_current_directory(here, monkeypatch):
    many = {f"song_{number}": SONGS[0] for number in range(batch._FEW_SONGS + 1)}
    for name in ("one", "other"):
        (here / name).mkdir()
        monkeypatch.chdir(here / name)
        assert not render_songs(many, Path("out"), ["abc"], workers=2, progress=False)
        assert len(list((here / name / "out").glob("*.abc"))) == len(many)


@pytest.mark.slow
def test_a_thousand_songs_on_several_processes(here):
    many = [Melody.from_pitches([60 + number % 20, 62, 64]) for number in range(1000)]
    write_songs(here / "songs", many, SONGS_METADATA)
    render("songs", "to=abc", "workers=2", "progress=false")
    found = list(Path("songs-rendered").glob("*.abc"))
    assert len(found) == 1000
    assert read_melody("songs-rendered/song_0777.abc").pitches == many[776].pitches


def test_bars_are_those_of_the_song_unless_another_metre_is_asked_for(here):
    jig = Melody(
        (60,) * 5, (0, 12, 48, 84, 120), (12, 36, 36, 36, 24), metres=(MetreChange(0, Metre(6, 8)),), pickup=12
    )
    for metre, first in (("auto", "C | C3 C3 | C3 C2 |]"), ("3/4", "C | C3 C2- C | C3 C2 |]")):
        assert not render_songs({"jig": jig}, here, ["abc", "musicxml", "svg", "mp3"], RenderOptions(metre=metre))
        text = (here / "jig.abc").read_text()
        assert first in text
        assert f"M:{'6/8' if metre == 'auto' else metre}\n" in text
    render_songs({"plain": SONGS[0]}, here, ["abc"])
    assert "M:4/4\n" in (here / "plain.abc").read_text()


def test_a_song_that_fails_does_not_stop_the_others(here, monkeypatch):
    good, bad = SONGS[0], Melody((60,), (-1,), (24,))
    problems = render_songs({"good": good, "bad": bad}, here, ["abc"])
    assert list(problems) == ["bad"]
    assert "-1" in problems["bad"]
    assert [path.name for path in here.iterdir()] == ["good.abc"]


def test_lines_now_and_then_where_no_terminal_is(here, monkeypatch, caplog):
    monkeypatch.setattr(batch, "_SECONDS_BETWEEN_LINES", 0.0)
    songs = {f"s{number}": SONGS[2] for number in range(20)}
    with caplog.at_level("INFO", logger="melgen.rendering.batch"):
        render_songs(songs, here, ["abc"])
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "4 of 20 songs", "8 of 20 songs", "12 of 20 songs", "16 of 20 songs",
    ]  # fmt: skip


class TestMissingLibraries:
    def test_the_other_formats_are_written(self, songs, here, monkeypatch):
        monkeypatch.setitem(sys.modules, "soundfile", None)
        answer = render(songs, "to=[mp3,abc]", code=1)
        assert len(list(Path("run/songs-rendered").glob("*.abc"))) == 3
        assert "3 songs as abc" in answer.out
        assert "pip install soundfile" in answer.err
        assert "not written: mp3" in answer.err

    def test_none_is_left(self, songs, here, monkeypatch):
        for module in ("verovio", "soundfile"):
            monkeypatch.setitem(sys.modules, module, None)
        before = files_below(here)
        answer = render(songs, code=1)
        assert "none of the formats" in answer.err
        assert "pip install verovio" in answer.err
        assert files_below(here) == before

    @pytest.mark.slow
    def test_fluidsynth(self, songs, here, monkeypatch):
        monkeypatch.setitem(sys.modules, "fluidsynth", None)
        Path("my.sf2").write_bytes(b"RIFF")
        answer = render(songs, "to=[wav,abc]", "sound_font=my.sf2", code=1)
        assert "pyfluidsynth" in answer.err
        assert len(list(Path("run/songs-rendered").glob("*.abc"))) == 3


REFUSALS = {
    "unknown format": (["to=[mp3,jpg]"], ["to=", "jpg", "musicxml"]),
    "no format": (["to=[]"], ["to="]),
    "no such folder": (["songs=nowhere"], ["songs=nowhere"]),
    "nothing to render": (["songs=empty"], ["songs=empty", "no songs"]),
    "a file where the folder should be": (["out=file.txt"], ["out=file.txt", "is a file"]),
    "a folder of other things": (["out=thesis"], ["out=thesis", "not results of melgen.render"]),
    "too wide": (["width=100000"], ["width=100000"]),
    "half a pixel": (["width=700.5"], ["width=700.5"]),
    "no tempo": (["tempo_qpm=0"], ["tempo_qpm=0"]),
    "tempo in words": (["tempo_qpm=allegro"], ["tempo_qpm=allegro"]),
    "odd sample rate": (["sample_rate=44000"], ["sample_rate=44000", "44100"]),
    "bit rate": (["bit_rate_kbps=1000"], ["bit_rate_kbps=1000"]),
    "metre": (["metre=5"], ["metre=5"]),
    "paper": (["paper=a5"], ["paper=a5", "a4 or letter"]),
    "sound font": (["sound_font=missing.sf2"], ["sound_font=missing.sf2"]),
    "program": (["program=128"], ["program=128"]),
    "program without a sound font": (["program=5"], ["program=5", "set sound_font too"]),
    "workers": (["workers=0"], ["workers=0"]),
    "misspelt key": (["form=mp3"], ["form"]),
    "a sweep": (["-m", "width=300,600"], ["-m", "melgen.render"]),
}


@quick_rows(1, "name", REFUSALS)
def test_refused_with_key_value_and_rule(name, songs, here):
    overrides, expected = REFUSALS[name]
    Path("file.txt").write_text("mine")
    Path("empty").mkdir()
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("mine")
    before = files_below(here)
    answer = call("render", *([] if any("songs=" in each for each in overrides) else [f"songs={songs}"]), *overrides)
    assert answer.code == 1
    for part in expected:
        assert part in answer.text
    assert "Traceback" not in answer.text
    assert files_below(here) == before


@pytest.mark.slow
def test_songs_are_never_overwritten(here):
    folder = here / "tunes"
    render_songs({"a": SONGS[0]}, folder, ["abc"])
    (folder / "rendering.json").write_text('{"format": "melgen rendering"}')
    before = files_below(here)
    answer = render("tunes", "to=abc", "out=tunes", code=1)
    assert "is one of the songs" in answer.err
    assert files_below(here) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(songs, here):
    Path("closed").mkdir(mode=0o500)
    assert "no permission" in render(songs, "to=abc", "out=closed/x", code=1).err


def test_formats_and_options_from_python():
    assert read_formats(["PNG", ".abc", "png"]) == ("png", "abc")
    assert RenderOptions().width == 1200
    with pytest.raises(ValueError, match="jpg"):
        read_formats("jpg")


class TestGenerateShows:
    def test_names(self, trained, here):
        answer = call("generate", f"checkpoint={trained}", "songs=4", "notes=6", "out=a", "shown=2")
        assert answer.code == 0
        assert "song 1: C4 D4 E4 D4" in answer.text
        assert "song 2:" in answer.text
        assert "song 3:" not in answer.text
        assert "melgen.render songs=a" in answer.text

    @pytest.mark.slow
    def test_abc_that_reads_back(self, trained, here):
        answer = call("generate", f"checkpoint={trained}", "songs=3", "notes=6", "out=a", "show=abc", "shown=1")
        assert answer.code == 0
        tune = answer.out[answer.out.index("X:1") : answer.out.index("|]") + 2]
        Path("pasted.abc").write_text(tune + "\n")
        assert read_melody("pasted.abc").pitches == read_melody("a/song_001.mid").pitches
        assert "X:2" not in answer.out

    @pytest.mark.parametrize("option", ["show=none", "shown=0"])
    def test_nothing(self, option, trained, here):
        answer = call("generate", f"checkpoint={trained}", "songs=2", "notes=6", "out=a", option)
        assert answer.code == 0
        assert "song 1" not in answer.text
        assert "2 songs by" in answer.text

    @pytest.mark.parametrize(("option", "expected"), [("show=midi", "names, abc, none"), ("shown=-1", "shown=-1")])
    def test_refused_before_anything_is_written(self, option, expected, trained, here):
        answer = call("generate", f"checkpoint={trained}", "songs=2", "notes=6", "out=a", option)
        assert answer.code == 1
        assert expected in answer.err
        assert not files_below(here)
