"""The fuzzed formats: undamaged files, known traps, mutations, and the way melgen reads each format."""

from __future__ import annotations

import io
import math
import pickle
import random
import shutil
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.corpora.midi_files import scale, write_midi
from tests.corpora.test_corpora_pickles import Hostile
from tests.corpora.test_corpora_scores import BILLION_LAUGHS, compressed, ending, note, repeat, score
from tests.data.melodies import stream_of
from torture import fuzz_mutations as change
from torture.fuzz_mutations import Mutation

CORPUS_TUNES_BYTES = 1500
"""Only about this much of a large corpus file is used, because each case is read as a whole."""

KEPT_RUN = (
    Path(__file__).parents[1] / "tests/formats/version1/control-lstm-1-seed0-batch_size-20-hidden_size-4-seq_length-20"
)
FINISHED_RUN = KEPT_RUN.with_name(KEPT_RUN.name.replace("lstm", "gru"))
RHYTHM_RUN = (
    KEPT_RUN.parents[1] / "rhythm2/control-lstm-1-seed0-batch_size-20-hidden_size-4-rhythm-factored-seq_length-20"
)
RUN_FILES = ("status.json", "result.json", "identity.json", "data.json", "metrics.csv", "config.yaml")


class FileNotNamedError(Exception):
    """A refusal that does not name the file."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        file_name: name of the file that the reader reads.
        share: cases of this format among the default of more than 100,000; fast formats get more.
        most_bytes: damaged files are cut to this size; slow reading of large files is not tested here.
        whole: returns undamaged files.
        traps: returns files that are hostile without any mutation; they come first.
        mutations: ways to damage the undamaged files.
        dictionary: byte strings with a meaning in this format.
        read: reads the file; returns the kind of the refusal, or an empty string.
        reader: returns the reader that melgen runs in a separate process (`melgen.corpora.workers`), which is ended
            when a file takes too long. None for a format that a command reads itself.
        put: writes a case to the place where it is read.
        repair: corrects the frame of every second file, so that its content is read.
    """

    file_name: str
    share: int
    most_bytes: int
    whole: Callable[[], Sequence[bytes]]
    traps: Callable[[], Sequence[bytes]]
    mutations: Sequence[Mutation]
    dictionary: Sequence[bytes]
    read: Callable[[Path], str]
    reader: Callable[[], Any] | None
    put: Callable[[Path, bytes], None] = Path.write_bytes  # type: ignore[assignment]
    repair: Mutation | None = None

    def case(self, seed: int, number: int, whole: Sequence[bytes]) -> bytes:
        """The damaged file of a number; the same number and seed give the same file."""
        rng = random.Random(f"{seed} {self.file_name} {number}")
        data = change.mutated(rng, whole, self.mutations, self.dictionary, self.most_bytes)
        return self.repair(rng, data, whole) if self.repair is not None and rng.random() < 0.5 else data


# --- tunes and pickles: read as an import reads them ----------------------------------------------------------------


def read_tunes(path: Path) -> str:
    """Read a file as melgen reads a user's corpus and a folder of songs."""
    return _read_source(path, tune_reader())


def tune_reader() -> Any:
    """The reader that chooses by the suffix."""
    from melgen.corpora.folder import read_file

    return read_file


def read_pickle(path: Path) -> str:
    """Read a file as melgen reads the paper's pickles."""
    from melgen.corpora.pickles import encoding_of

    encoding_of(path)  # reads the start of the file in the process of the command
    return _read_source(path, pickle_reader())


def pickle_reader() -> Any:
    """The reader for both published shapes."""
    from melgen.corpora.readers.song_lists import read_songs

    return read_songs


def _read_source(path: Path, reader: Any) -> str:
    from melgen.corpora.cleaning import Cleaning
    from melgen.corpora.importing import read_source
    from melgen.corpora.sources import Source

    reading = read_source(Source(path, path.name), lambda: None, reader, Cleaning(min_length_notes=1))
    pickle.dumps(reading)  # a worker process returns it pickled
    for rejection in reading.rejections:
        if not rejection.source.startswith(path.name):
            raise FileNotNamedError(f"{rejection.source!r}: {rejection.reason}: {rejection.detail}")
    for melody in reading.melodies:
        if not melody.source.startswith(path.name) or len(melody.pitches) == 0:
            raise FileNotNamedError(f"a melody of {len(melody.pitches)} notes from {melody.source!r}")
    if len(reading.melodies) or not reading.rejections:
        return ""
    rejection = reading.rejections[0]
    name, _, rest = rejection.detail.partition(":")
    return f"{rejection.reason} ({name})" if rest and name.isidentifier() else rejection.reason


def midi_files() -> list[bytes]:
    """Files written by melgen, by mido, and by other programs."""
    import music21

    from melgen.music import Melody
    from melgen.music.midi import midi_bytes

    files = [midi_bytes(Melody((60, 62, 64, 60), (0, 4, 8, 16), (4, 4, 2, 8), title="Tune"))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tune.mid")
        files.append(write_midi(path, scale(60, 5), scale(40, 3), names=("lead", "bass"), tpq=96).read_bytes())
        files.append(write_midi(path, scale(36, 4), channels=(9,)).read_bytes())
    files.append(b"RIFF" + (len(files[0]) + 12).to_bytes(4, "little") + b"RMIDdata" + b"\x00\x00\x00\x00" + files[0])
    others = Path(music21.__file__).parent / "midi" / "testPrimitive"
    return files + [path.read_bytes() for path in sorted(others.glob("*.mid")) if path.stat().st_size < 2000]


def midi_traps() -> list[bytes]:
    """Short files that declare much content."""
    head = b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0"

    def track(events: bytes) -> bytes:
        return head + b"MTrk" + len(events).to_bytes(4, "big") + events

    return [
        b"",
        head,
        track(b""),
        track(b"\x00\xff\x01\x8f\xff\xff\x7f"),
        track(b"\x00\xf0\x8f\xff\xff\x7f" + b"\x00" * 20),
        track(b"\xff" * 40),
        track(b"\x00\x90\x3c\x40\x8f\xff\xff\x7f\x80\x3c\x40" * 40 + b"\x00\xff\x2f\x00"),
        track(b"\x00\x90\x3c\x40" * 4000),
        b"MThd\x00\x00\x00\x06\x00\x01\xff\xff\x01\xe0" + b"MTrk\x00\x00\x00\x00" * 65535,
        b"MThd\xff\xff\xff\xff\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x00\x00",
        head[:12] + b"\x00\x00" + track(b"\x00\x90\x3c\x40\x60\x80\x3c\x40")[14:],
    ]


def abc_files() -> list[bytes]:
    """The first tunes of the folk corpus, and one with all features of ABC."""
    from melgen.corpora.folk import music21_corpus_dir

    corpus = music21_corpus_dir()
    names = (
        "ryansMammoth/7thRegimentReel.abc",
        "airdsAirs/book1.abc",
        "oneills1850/0001-0050.abc",
        "essenFolksong/teste.abc",
    )
    return [ABC_OF_ALL_SORTS] + [_first_tunes((corpus / name).read_bytes()) for name in names]


ABC_OF_ALL_SORTS = (
    b"M:6/8\nL:1/8\n\nX:1\nT:All sorts\nC:Trad.\nM:C|\nL:1/8\nQ:1/4=120\nP:AABA\nR:hornpipe\nV:1 clef=treble\nK:Dmix\n"
    b"P:A\n|:\"Am\"~A2 {g}A>B (3cde f2-|f4 [Ace]2 z2|1 !trill!d4 _B2^c2:|2 d8|]\nP:B\n[M:3/4][K:Gm]G,A,B, c'd'e'|"
    b"z4 x2|w:la la la\n[V:2] D4 E2|&F6|\n\nX:2\nT:Second\nL:1/4\nM:4/4\nK:C\nCDEF|GABc:|\n"
)


def _first_tunes(data: bytes) -> bytes:
    """The start of a file up to the end of a tune, without a library's long lists of titles."""
    return data[: data.find(b"\n\n", data.find(b"X:") + CORPUS_TUNES_BYTES)] + b"\n\n"


def abc_traps() -> list[bytes]:
    """Lines and fields longer than a buffer, nested repeats, directives to the program that reads them."""
    head = b"X:1\nM:4/4\nL:1/8\nK:C\n"
    long = b"A" * 20_000
    return [
        *(b"X:1\n" + field + long + b"\nK:C\nCDEF|\n" for field in (b"M:", b"L:", b"P:", b"V:", b"K:")),
        b"X:1\nK:C " + long + b"\nCDEF|\n",
        head + b"[V:" + long + b"]C|\n",
        head + b"[P:" + long + b"]C|\n",
        head + b"C" * 200_000 + b"\n",
        head + b"C" + b"/" * 5000 + b"|\n",
        head + b"C99999999999999999999|D0/0|E1/0|[C99999999]\n",
        head + b"|:" * 3000 + b"C" + b":|" * 3000 + b"\n",
        head + b"(" * 10_000 + b"C" + b")" * 10_000 + b"\n",
        head + b"[" * 10_000 + b"C\n",
        head + b"(9999:9999:9999CDE|(3:2:99999CDE|\n",
        b"X:99999999999999999999\nM:0/0\nL:0/0\nK:C\nC|\n",
        b"X:1\nM:4/0\nL:1/99999999999\nK:C\nC|\n",
        b"X:1\nP:" + b"(A)9" * 9 + b"\nK:C\nP:A\nCDEF|\n",
        b"X:1\nP:" + b"(" * 60 + b"A" + b"9)" * 60 + b"\nK:C\nP:A\nCDEF|\n",
        b"X:1\n%%MIDI program 1\n%%MIDI makechordchannels 99\nK:C\n%%MIDI drum " + long + b"\nC|\n",
        b"X:1\nK:C\nI:MIDI=drumon\n[I:MIDI program 1]C\\\n%%abc-include /etc/passwd\nD|\n",
        b"X:1\n" * 20_000,
    ]


TRIPLET = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
SCORE_OF_ALL_SORTS = score(
    repeat("forward") + note("C4", 2, "<tie type='start'/>") + note("C4", 1, "<tie type='stop'/>") + note("D4"),
    ending(1, "start") + note("E4", 4) + ending(1, "stop"),
    ending(2, "start") + "<direction><sound tempo='120' dacapo='yes'/></direction>" + note("G5", 2, before="<grace/>")
    + note("F4", 2, TRIPLET)
    + ending(2, "stop"),
    "<harmony><root><root-step>C</root-step></root><kind>dominant</kind></harmony>" + note("A4", 2, "<voice>1</voice>")
    + note("E5", 2, "<voice>1</voice>", before="<chord/>") + "<backup><duration>2</duration></backup>"
    + note("A3", 2, "<voice>2</voice><type>half</type><dot/>") + "<forward><duration>1</duration></forward>",
    "<note><rest measure='yes'/><duration>4</duration></note><note><unpitched><display-step>C</display-step>"
    "<display-octave>4</display-octave></unpitched><duration>1</duration></note>",
    attributes="<key><fifths>-3</fifths><mode>minor</mode></key><time><beats>4</beats><beat-type>4</beat-type></time>"
    "<clef><sign>G</sign><line>2</line></clef><transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>",
).encode()  # fmt: skip


def scores() -> list[bytes]:
    """Scores written by hand, by melgen, and by other programs."""
    from melgen.corpora.folk import music21_corpus_dir
    from melgen.music import Melody
    from melgen.rendering.musicxml import to_musicxml

    demos = music21_corpus_dir() / "demos"
    ours = to_musicxml(Melody((60, 62, 61, 67), (0, 4, 8, 16), (4, 2, 6, 3), title="Tune"))
    return [SCORE_OF_ALL_SORTS, ours.encode(), (demos / "two-voices.xml").read_bytes()]


def score_traps() -> list[bytes]:
    """Entities that expand or refer to other files, in several encodings, and short scores with long durations."""
    plain = score(note("C4", 4))
    external = '<!DOCTYPE score-partwise [<!ENTITY x SYSTEM "file:///etc/passwd">]><score-partwise>&x;</score-partwise>'
    parameter = '<!DOCTYPE score-partwise [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><score-partwise/>'
    doctype = '<!DOCTYPE score-partwise SYSTEM "http://127.0.0.1:9/x.dtd"><score-partwise/>'
    quadratic = (
        f'<!DOCTYPE score-partwise [<!ENTITY a "{"a" * 50_000}">]><score-partwise>{"&a;" * 50_000}</score-partwise>'
    )
    texts = [BILLION_LAUGHS, external, parameter, doctype, quadratic, BILLION_LAUGHS.replace("<!ENTITY", "<!ENTITY\t")]
    encodings = ("utf-8", "utf-16", "utf-32", "utf-16-be", "cp037", "utf-7")
    return [text.encode(encoding) for text in texts[:3] for encoding in encodings] + [
        *(text.encode() for text in texts[3:]),
        *(plain.replace("UTF-8", name).encode() for name in ("UTF-7", "cp037", "rot13", "idna", "nowhere")),
        (b"<score-partwise>" + b"<part>" * 100_000),
        b"<score-partwise " + b" ".join(b"a%d='x'" % number for number in range(20_000)) + b"/>",
        score(note("C4", 10**9)).encode(),
        score(note("C4", 1), repeat("forward") + note("C4", 4) + repeat("backward")).replace(
            '<repeat direction="backward"/>', '<repeat direction="backward" times="99999999"/>'
        ).encode(),
        score("<attributes><measure-style><multiple-rest>99999999</multiple-rest></measure-style></attributes>").encode(),
        score(note("C4", 1, "<type>1024th</type>" + "<dot/>" * 5000)).encode(),
        score(note("C4", 1)).replace("<divisions>1<", "<divisions>0<").encode(),
        score(note("C999999999")).replace("<octave>9</octave>", "<octave>999999999</octave>").encode(),
        score(note("C4", 1)).replace("<pitch>", "<pitch><alter>1e300</alter>").encode(),
        score("<forward><duration>1e300</duration></forward>" + note("C4", 1)).encode(),
        *(
            score(note("C4"), attributes=f"<time><beats>{beats}</beats><beat-type>4</beat-type></time>").encode()
            for beats in ("9" * 4000, "1" + "+1" * 200)
        ),
    ]  # fmt: skip


SCORE_DICTIONARY = tuple(
    text.encode()
    for text in (
        repeat("forward"), repeat("backward"), ending(1, "start"), ending(1, "stop"), note("B9"), note("C0", 10**6),
        "<repeat direction='backward' times='9999999'/>", "<backup><duration>99</duration></backup>", "<chord/>",
        "<grace/>",
        "<sound dacapo='yes'/>", "<sound segno='1'/>", "<sound coda='1'/>", "<sound dalsegno='1'/>",
        "<sound fine='yes'/>",
        "<direction><direction-type><segno/></direction-type></direction>", "<!-- ", "-->", "<![CDATA[", "]]>",
        "<?x ?>",
        "<direction><direction-type><words>D.C. al Fine</words></direction-type></direction>", "&amp;", "&#0;", "&x;",
        "<time-modification><actual-notes>0</actual-notes><normal-notes>0</normal-notes></time-modification>",
        "<notations><tied type='start'/><slur type='start' number='1'/></notations>", "<!DOCTYPE x [",
        "<!ENTITY x 'y'>",
        "<measure-style><multiple-rest>99999</multiple-rest></measure-style>", "<score-timewise>",
        "<tie type='start'/>",
        "<attributes><divisions>0</divisions></attributes>", "<transpose><chromatic>99999</chromatic></transpose>",
    )
)  # fmt: skip


def archives() -> list[bytes]:
    """The scores, compressed."""
    from melgen.corpora.folk import music21_corpus_dir

    exercise = music21_corpus_dir() / "theoryExercises" / "checker_demo.mxl"
    return [*(compressed(data) for data in scores()[:2]), exercise.read_bytes()]


def archive_traps() -> list[bytes]:
    """Archive bombs, wrong sizes, names that refer to files outside the archive."""
    container = b'<container><rootfiles><rootfile full-path="%s"/></rootfiles></container>'
    inside = score(note("C4", 4)).encode()
    bomb = compressed(b" " * (60 * 2**20))
    stated = bytearray(bomb)  # states an unpacked size of 10 bytes
    place = stated.rfind(b"PK\x01\x02")
    stated[place + 24 : place + 28] = (10).to_bytes(4, "little")
    return [
        bomb,
        bytes(stated),
        compressed(compressed(b" " * 2**20)),
        *(compressed(trap) for trap in score_traps()[:6]),
        *(
            change.archived([("META-INF/container.xml", container % name), (name.decode(), inside)])
            for name in (b"../../escape.xml", b"/tmp/escape.xml", b"a/../../b.xml", b"META-INF/container.xml", b"x.txt")
        ),
        change.archived([("META-INF/container.xml", b" " * (60 * 2**20)), ("score.xml", inside)]),
        change.archived([(f"{number}.xml", b"") for number in range(20_000)]),
        change.archived([("score.xml", b" " * (60 * 2**20))], zipfile.ZIP_LZMA),
        change.archived([("score.xml", b" " * (60 * 2**20))], zipfile.ZIP_BZIP2),
        bomb[:-22] + b"\x00" * 70_000 + bomb[-22:],
    ]


KERN = "\n".join(
    [
        "**kern\t**kern", "*clefG2\t*clefF4", "*k[b-]\t*k[b-]", "*M2/4\t*M2/4", "=1!|:\t=1!|:", "4c\t4CC", "8d\t.",
        "[8e\t4r", "=2\t=2",
        "8e]\t2G 2B", "qg\t.", "8f\t.", "*^\t*", "4g\t4e\t.", "*v\t*v\t*", "=:|!\t=:|!", "2c\t2C", "==\t==", "*-\t*-",
        "",
    ]
).encode()  # fmt: skip


def kern_files() -> list[bytes]:
    """One file written by hand, and the beginning of a real one."""
    from melgen.corpora.folk import music21_corpus_dir

    lines = (music21_corpus_dir() / "palestrina" / "Agnus_08.krn").read_bytes().split(b"\n")
    spines = max(line.count(b"\t") for line in lines) + 1
    return [KERN, b"\n".join([*lines[:40], b"\t".join([b"*-"] * spines), b""])]


def kern_traps() -> list[bytes]:
    """Very many spines, and odd durations."""
    return [
        b"**kern\n" + b"*^\n" * 3000,
        b"**kern\n" + b"".join(b"\t".join([b"*^"] * 2**level) + b"\n" for level in range(13)),
        b"**kern\n4" + b"c" * 5000 + b"\n*-\n",
        b"**kern\n0000000c\n999999999c\n4%0c\n4%999999c\n" + b"4" + b"." * 5000 + b"c\n*-\n",
        b"**kern" * 20_000,
        b"**kern\n=1:|!\n" * 2000 + b"*-\n",
        b"**kern\n*>[A,A,A]\n*>A\n4c\n*>[" + b"A," * 5000 + b"]\n*-\n",
    ]


SONG_LIST = [[60, 62, 64, 65, 67], [60] * 13, [50, 51], [70], list(range(40, 60))]


def pickles() -> list[bytes]:
    """Both published shapes, in every protocol."""
    timed = [[(60 + place, place % 3) for place in range(12)], [(60, 35_791_394)] * 2]
    contents = (SONG_LIST, timed, stream_of(SONG_LIST))
    return [pickle.dumps(content, protocol) for content in contents for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]


def pickle_traps() -> list[bytes]:
    """Pickles that call functions, deep nests, and short pickles that need much memory or time."""
    import os

    def calls(*parts: Any) -> list[bytes]:
        return [pickle.dumps([SONG_LIST[0], Hostile(*parts)], protocol) for protocol in (0, 2, 4)]

    doubled = b"\x80\x02]q\x00" + b"K\x01a" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(40))
    lists = b"\x80\x02K\x3c" + b"".join(b"q%c]q%c(h%ch%ce" % (level, level + 1, level, level) for level in range(40))
    return [
        *calls(os.system, "touch escape"),
        *calls(exec, "open('escape', 'w')"),
        *calls(open, "escape", "w"),
        *calls(getattr, 1, "real"),
        *(b"\x80\x02]" + opcode + b"." for opcode in change.HOSTILE_OPCODES),
        *(opcode + b"." for opcode in change.HOSTILE_OPCODES),
        doubled + b".",
        doubled + b"\x8f(h\x00\x90.",
        lists + b"\x85.",  # a note of a song is nested lists: short as a pickle, huge when printed
        b"\x80\x02](" + lists[2:] + lists[2:] + b"\x86e.",
        b"\x80\x02}(" + doubled[2:] + b"K\x00u.",
        b"\x80\x02]" + b"(]" + b"K\x3ca" * 3 + b"q\x01" + b"h\x01" * 100_000 + b"e.",
        b"]" * 150_000 + b"a" * 149_999 + b".",
        b"(" * 150_000 + b".",
        pickle.dumps({"notes_dict": {0: 60}, "x": [60] * 9, "y": [[60]] * 9}),
        pickle.dumps({"notes_dict": {0: []}, "x": [60], "y": [60]}),
        pickle.dumps({"notes_dict": {0: 60.0, 1: math.nan}, "x": [60], "y": [60]}),
        pickle.dumps([[10**400], [2**70, True], [None], [(60,)], [(60, 4, 1)], "60", b"60", {60}, {60: 1}]),
        pickle.dumps([[(60, 2**31 - 1)] * 3]),
    ]


# --- lists of songs: read by the commands themselves ----------------------------------------------------------------


def read_song_list(path: Path) -> str:
    """Read a file as `melgen.evaluate` and `melgen.render` read ``songs=``."""
    from melgen.generation.song_files import copy_song, read_song_folder
    from melgen.music import Melodies

    try:
        found = read_song_folder(path.parent, workers=1)
    except ValueError as error:
        return _named(error, path)
    Melodies.from_list(found.songs.values())
    for name in found.songs:
        if not name.isprintable():
            raise FileNotNamedError(f"a name of a song that cannot be printed: {name!r}")
        if len(found.songs) < 20:
            copy_song(found, name, Path(tempfile.gettempdir(), "copy.mid"))
    return "one song of a list, or the list" if found.unread else ""


def _named(error: Exception, path: Path) -> str:
    """The kind of a refusal; the refusal must name the file."""
    if path.name not in str(error):
        raise FileNotNamedError(f"{type(error).__name__}: {error}"[:400])
    if len(str(error)) > 5000:
        raise FileNotNamedError(f"a message of {len(str(error))} characters")
    return type(error).__name__


def song_lists() -> list[bytes]:
    """A list of songs as melgen writes it."""
    from melgen.generation.songs import SONGS_FILE, write_songs
    from melgen.music import Melody

    metadata = {"seed": 0, "model": "by hand", "primer": [60], "selection": "sample"}
    melodies = [Melody.from_pitches([60, 62, 64]), Melody((60, 67), (0, 6), (2, 4))]
    with tempfile.TemporaryDirectory() as folder:
        write_songs(Path(folder, "songs"), melodies, metadata)
        return [Path(folder, "songs", SONGS_FILE).read_bytes()]


def song_list_traps() -> list[bytes]:
    """Deep nests, huge numbers, names that refer to other places."""
    (whole,) = song_lists()
    text = whole.decode()
    names = ("../../escape", "/etc/passwd", "9" * 250, "9" * 5000, "\\u0000", "\\ud800", "a\\nb", ".", "..", "")
    return [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"format": "melgen songs", "format_version": 1, "metadata": {}, "songs": []}',
        *(text.replace("song_001.mid", name).encode() for name in names),
        *(
            text.replace("[60, 62, 64]", f"[{odd}]").encode()
            for odd in ("NaN, 1, 2", "1e999, 1, 2", "9" * 5000 + ", 1, 2")
        ),
        text.replace("[0, 4, 8]", f"[0, {2**31}, {2**62}]").encode(),
        text.replace("[0, 4, 8]", "[0, -4, -8]").encode(),
        text.replace('"songs"', f'"songs": [{",".join(["{}"] * 50_000)}], "songs"').encode(),
        b"\xff\xfe" + text.encode("utf-16-le"),
    ]


# --- checkpoints ----------------------------------------------------------------------------------------------------


def read_checkpoint(path: Path) -> str:
    """Read a file as `melgen.generate`, a study and a resumed training read checkpoints."""
    import torch

    from melgen.checkpoint import load_model
    from melgen.errors import CheckpointError

    try:
        trained = load_model(path)
        with torch.no_grad():
            shape = (1, 2) if trained.model.duration_size is None else (1, 2, 2)
            trained.model(torch.zeros(shape, dtype=torch.long))
    except CheckpointError as error:
        return _named(error, path)
    return ""


def checkpoints() -> list[bytes]:
    """The checkpoints that the tests keep, with and without optimiser, and one for each other cell."""
    import torch

    from melgen.networks import MelodyModel
    from melgen.networks.cells import GRU, NAS, RNN, SLSTM, UGRNN, Attention, Mogrifier

    kept = [path.read_bytes() for path in sorted((KEPT_RUN / "checkpoints").glob("*.ckpt"))]
    content = torch.load(io.BytesIO(kept[0]), weights_only=True)
    torch.manual_seed(0)
    for cell in (GRU, NAS, RNN, UGRNN, SLSTM, Mogrifier, Attention):
        model = MelodyModel(content["melgen"]["model"]["vocab_size"], 4, 2, cell)
        weights = {f"model.{key}": value for key, value in model.state_dict().items()}
        kept.append(
            _saved({**content, "state_dict": weights, "melgen": {**content["melgen"], "model": model.describe()}})
        )
    return kept


def _saved(content: Any, **keys: Any) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer, **keys)
    return buffer.getvalue()


def odd_checkpoint(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A valid file in whose content parts are missing, doubled or replaced."""
    import torch

    try:
        content = torch.load(io.BytesIO(data), weights_only=True)
        changed = change.with_odd_parts(rng, content, [*change.ODD_VALUES, *_odd_tensors()])
        return _saved(changed)  # the older format names tensors by their addresses, which change
    except Exception:  # an earlier mutation has damaged it
        return change.flip_bits(rng, data, others)


def _odd_tensors() -> list[Any]:
    import torch

    return [
        torch.zeros(()),
        torch.zeros(0),
        torch.zeros(3, 4, dtype=torch.bool),
        torch.zeros(21, 4, dtype=torch.complex64),
        torch.full((21, 4), math.nan),
        torch.zeros(1).expand(100_000, 4),
        torch.zeros(21, 4).to_sparse(),
        torch.empty(21, 4, device="meta"),
        torch.arange(10**4),
    ]


def checkpoint_traps() -> list[bytes]:
    """Function calls, wrong sizes, descriptions of huge networks, archives that expand."""
    import os

    import torch

    whole = checkpoints()[0]
    content = torch.load(io.BytesIO(whole), weights_only=True)
    records = change.unarchived(whole)
    own = content["melgen"]
    model = own["model"]
    (layer,) = model["stack"]

    def with_model(**changes: Any) -> bytes:
        return _saved({**content, "melgen": {**own, "model": {**model, **changes}}})

    def with_own(**changes: Any) -> bytes:
        return _saved({**content, "melgen": {**own, **changes}})

    def with_record(name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
        changed = [(key, data if key.endswith(name) else value) for key, value in records]
        return change.archived(changed, compression)

    program = dict(records)["archive/data.pkl"]
    weights = {key: value.to_sparse() for key, value in content["state_dict"].items()}
    nested: Any = []
    for _ in range(100):
        nested = [nested]
    return [
        b"",
        b"PK\x05\x06" + b"\x00" * 18,
        _saved(nested),
        _saved([1, 2]),
        _saved({"melgen": 1}),
        _saved({"melgen": {"format_version": 1}}),
        _saved({"melgen": {"format_version": [1]}, "state_dict": {}}),
        _saved(content, _use_new_zipfile_serialization=False),
        pickle.dumps(Hostile(os.system, "touch escape")),
        _saved({"melgen": Hostile(os.system, "touch escape")}),
        _saved({"melgen": Hostile(exec, "open('escape', 'w')")}, _use_new_zipfile_serialization=False),
        with_model(vocab_size=2**31),
        with_model(vocab_size=10**9, hidden_size=1),
        with_model(hidden_size=10**6),
        with_model(hidden_size=2**40),
        with_model(hidden_size=2**70),
        with_model(embedding_size=10**8),
        with_model(hidden_size=True),
        with_model(hidden_size=4.5),
        with_model(stack=[layer] * 100_000),
        with_model(stack=[]),
        with_model(stack=[{"cell": "os.system", "options": {}}]),
        with_model(stack=[{"cell": "torch.nn.modules.rnn.LSTM", "options": {}}]),
        with_model(stack=[{"cell": "lstm", "options": {"module": "x"}}]),
        with_model(stack=[{"cell": "melgen.networks.layers.recurrent.AbstractRecurrentLayer", "options": {}}]),
        with_model(nonsense=1),
        with_model(input_keep_prob=math.nan),
        with_model(initialization=["paper"]),
        with_own(vocabulary={"values": [0, 2**62]}),
        with_own(vocabulary={"values": [0, 2**70]}),
        with_own(vocabulary={"values": list(range(100_000))}),
        with_own(vocabulary={"values": [[0]]}),
        with_own(vocabulary={"values": "abc"}),
        with_own(representation=["control"]),
        with_own(representation="os"),
        with_own(config=None, metrics=[], updates="many"),
        _saved({**content, "state_dict": weights}),
        _saved({**content, "state_dict": {key: value.to("meta") for key, value in content["state_dict"].items()}}),
        _saved({**content, "state_dict": list(content["state_dict"].items())}),
        _saved({**content, "state_dict": OrderedDict((number, value) for number, value in enumerate("abc"))}),
        change.archived(records, zipfile.ZIP_DEFLATED),
        *(with_record(name, b"\x00" * (200 * 2**20), zipfile.ZIP_DEFLATED) for name in ("data/0", "version",
        "serialization_id")), with_record("data/0", b""),
        with_record("data.pkl", program + b"\x00" * (200 * 2**20), zipfile.ZIP_DEFLATED),
        with_record("byteorder", b"middle"),
        with_record("version", b"99999999999999999999"),
        with_record(".format_version", b"\xff"),
        *(with_record("data.pkl", b"\x80\x02]" + opcode + b".") for opcode in change.HOSTILE_OPCODES),
        with_record("data.pkl", program.replace(b"FloatStorage", b"ByteStorage\n"[:11] + b"X")),
        with_record("data.pkl", program.replace(b"_rebuild_tensor_v2", b"_rebuild_tensor_v3")),
    ]  # fmt: skip


# --- model files ----------------------------------------------------------------------------------------------------


def read_model(path: Path) -> str:
    """Read a file as `melgen.generate` and `melgen.evaluate` read a model file."""
    from melgen.generation.song_files import read_song_folder

    refusal = read_checkpoint(path)
    try:
        read_song_folder(path)
    except ValueError as error:
        return refusal or _named(error, path)
    return refusal


def model_files() -> list[bytes]:
    """The runs that the tests keep, exported."""
    from melgen.exporting.writing import export_run

    with tempfile.TemporaryDirectory() as folder:
        return [
            export_run(run, Path(folder, f"net{number}.melgen")).read_bytes()
            for number, run in enumerate((FINISHED_RUN, RHYTHM_RUN))
        ]


def model_traps() -> list[bytes]:
    """Archives that expand, members from elsewhere, headers of weights that claim much."""
    whole = model_files()[0]
    members = dict(change.unarchived(whole))
    description, weights = members["model.json"], members["weights.safetensors"]
    pickled = pickle.dumps(Hostile(exec, "open('escape', 'w')"))

    def with_member(name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
        return change.archived([*{**members, name: data}.items()], compression)

    def with_layers(text: bytes) -> bytes:
        return with_member("model.json", description.replace(b'"stack": [', b'"stack": [' + text))

    return [
        b"",
        b"PK\x05\x06" + b"\x00" * 18,
        change.archived([*members.items()]),
        with_member("README.md", b" " * (200 * 2**20), zipfile.ZIP_DEFLATED),
        with_member("model.json", b"[" * 100_000),
        with_member("model.json", b'{"a":' * 100_000),
        with_member("model.json", b"9" * 10_000),
        with_member("model.json", pickled),
        with_member("weights.safetensors", pickled),
        with_member("weights.safetensors", b"\xff" * 8),
        with_member("weights.safetensors", (2**40).to_bytes(8, "little") + weights[8:]),
        with_member("weights.safetensors", weights.replace(b'"shape":[4', b'"shape":[9')),
        with_member("../escape", b"x"),
        with_member("escape.pkl", pickled),
        with_layers(b'{"cell": "os.system", "options": {}},'),
        with_layers(b'{"cell": "lstm", "options": {}},' * 100_000),
        with_member("model.json", description.replace(b'"hidden_size": 4', b'"hidden_size": 1099511627776')),
        with_member("songs/songs.json", b"[" * 100_000),
        *(with_member(f"songs/song_{number:03d}.mid", b"") for number in (1, 99_999)),
        change.archived([(f"songs/song_{number:05d}.mid", b"") for number in range(20_000)], zipfile.ZIP_STORED),
    ]


# --- runs -----------------------------------------------------------------------------------------------------------


def read_run(path: Path) -> str:
    """Read a directory as `melgen.status`, a sweep's table and a study read that of a run."""
    from melgen.errors import CheckpointError, IdentityError
    from melgen.runs.directory import RunDirectory
    from melgen.runs.history import read_history
    from melgen.runs.search import statuses_below
    from melgen.runs.status import STATES
    from melgen.studies.runs.reader import read_runs
    from melgen.sweeps.table import table_row, to_csv

    run = path.parent / "run"
    named = path.read_text()
    directory = RunDirectory(run)
    (status,) = statuses_below(path.parent)
    if status.state not in STATES:
        raise AssertionError(f"state {status.state!r}")
    try:
        to_csv([table_row(directory)])
        _ = directory.recorded_identity, directory.identity_file.software
        read_history(run / "metrics.csv")
        read_runs([run])
    except (IdentityError, CheckpointError, ValueError) as error:
        return _named(error, run / named)
    return ""


def put_run(path: Path, data: bytes) -> None:
    """Make a finished run in which one file is the case."""
    run = path.parent / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    for file in (*FINISHED_RUN.glob("*.*"), FINISHED_RUN / "checkpoints"):
        (run / file.name).symlink_to(file)
    name, _, content = data.partition(b"\n")
    (run / name.decode()).unlink(missing_ok=True)
    (run / name.decode()).write_bytes(content)
    path.write_bytes(name)


def run_files() -> list[bytes]:
    """Each file of a finished and of an unfinished run, with its name in the first line."""
    return [
        name.encode() + b"\n" + (folder / name).read_bytes()
        for folder in (FINISHED_RUN, KEPT_RUN)
        for name in RUN_FILES
        if (folder / name).is_file()
    ]


def of_run(mutation: Mutation) -> Mutation:
    """A mutation that keeps the name in the first line, and mixes only files of that name."""

    def mutate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
        name, _, content = data.partition(b"\n")
        alike = [other.partition(b"\n")[2] for other in others if other.startswith(name + b"\n")]
        return name + b"\n" + mutation(rng, content, alike)

    return mutate


def run_traps() -> list[bytes]:
    """Deep nests, aliases that expand, invalid numbers."""
    status = b'status.json\n{"state": "running", "host": "%s", "pid": %s}'
    swelling = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 10)
    )
    import socket

    host = socket.gethostname().encode()
    return [
        *(name.encode() + b"\n" + b"[" * 100_000 for name in RUN_FILES),
        *(name.encode() + b"\n" for name in RUN_FILES),
        *(name.encode() + b"\n[]" for name in RUN_FILES),
        *(status % (host, pid) for pid in (b"1e999", b"NaN", b"-1", b"0", b"9" * 40, b'"x"', b"[]", b"9" * 5000)),
        b'status.json\n{"state": ["finished"]}',
        b'status.json\n{"state": "finished", "error": 1}',
        b'result.json\n{"updates": "many"}',
        b'result.json\n{"updates": 1e999}',
        b'data.json\n{"updates_per_epoch": "xxxxxxxxxxxxxxxx"}',
        b'identity.json\n{"software": 3}',
        b'identity.json\n{"software": [1, 2]}',
        b'identity.json\n{"format_version": [1]}',
        b'identity.json\n{"format_version": 99}',
        b"metrics.csv\nstep,train/tokens_per_second\nnan,nan\n",
        b"metrics.csv\nstep,train/tokens_per_second\n1e999,1\n",
        b"metrics.csv\nstep,train/tokens_per_second\n1,2,3,4\n",
        b"metrics.csv\nstep,\x00\n1,2\n",
        b'metrics.csv\nstep,x\n1,"' + b"9" * 200_000 + b'"\n',
        b"config.yaml\n" + swelling,
        b"config.yaml\na: ${oc.env:HOME}\nb: ${b}\n",
        b"config.yaml\n!!python/object/apply:os.system ['touch escape']\n",
        b"config.yaml\nbatch_size: 0\nseq_length: 0\n",
        b"config.yaml\ntrainer: {max_steps: x, max_epochs: 1e999}\n",
    ]


FORMATS = {
    "midi": Format(
        "tune.mid", 40_000, 20_000, midi_files, midi_traps,
        (*change.BINARY, change.odd_variable_length, change.insert_midi_event, change.insert_midi_event,
         change.midi_from_events, change.right_chunk_lengths, change.right_chunk_lengths),
        (b"MThd", b"MTrk", b"\x00\xff\x2f\x00", b"\xff\x51\x03\x00\x00\x00", b"\xff\x58\x04\x00\xff\x00\x00",
        b"\x00\xf0", b"RIFF"), read_tunes, tune_reader, repair=change.right_chunk_lengths,
    ),
    "abc": Format(
        "tune.abc", 5_000, 20_000, abc_files, abc_traps, change.TEXT,
        (b"\nX:1\n", b"\nK:C\n", b"\nM:6/8\n", b"\nL:0/1\n", b"\nP:(AB)9\n", b"\nV:2\n", b"[V:1]", b"[K:Hp]",
        b"[M:none]",
         b"|:", b":|", b"::", b"|1", b":|2", b"(3", b"(9:9:9", b"{/abc}", b"[CEG]4/3", b"-", b"&", b"%%MIDI ", b"<<<",
         b">>>>"),
        read_tunes, tune_reader,
    ),
    "musicxml": Format(
        "tune.musicxml", 3_000, 40_000, scores, score_traps,
        (change.flip_bits, change.truncate, change.splice, *[change.shuffle_elements] * 7,
        *[change.odd_text_in_element] * 7), SCORE_DICTIONARY,
        read_tunes, tune_reader,
    ),
    "mxl": Format(
        "tune.mxl", 4_000, 200_000, archives, archive_traps,
        (*change.BINARY, change.rename_members, change.rename_members,
         *(change.member_of_archive(each) for each in (change.flip_bits, change.shuffle_elements,
         change.odd_text_in_element))),
        (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"),
        read_tunes, tune_reader,
    ),
    "kern": Format(
        "tune.krn", 1_500, 6_000, kern_files, kern_traps, change.TEXT,
        (b"*^\n", b"*v\t*v\n", b"*+\n", b"*x\n", b"*-\n", b"=:|!\n", b"=1!|:\n", b"**kern\n", b"**dynam\t", b"*>A\n",
        b"*M0/0\n"), read_tunes, tune_reader,
    ),
    "pickle": Format(
        "songs.p", 32_000, 200_000, pickles, pickle_traps, (*change.BINARY, *[change.shuffle_opcodes] * 6),
        change.HOSTILE_OPCODES, read_pickle, pickle_reader,
    ),
    "songs": Format(
        "songs.json", 12_000, 200_000, song_lists, song_list_traps, (*change.TEXT, *[change.odd_json] * 8),
        (b"NaN", b"Infinity", b"1e999", b"[[[[", b'{"file": "', b"null", b"true", b'"\\ud800"', b'"notes"'),
        read_song_list, None,
    ),
    "checkpoint": Format(
        "best.ckpt", 6_000, 200_000, checkpoints, checkpoint_traps,
        (*change.BINARY, change.member_of_archive(change.flip_bits, zipfile.ZIP_STORED),
         *[change.member_of_archive(change.shuffle_opcodes, zipfile.ZIP_STORED)] * 3, *[odd_checkpoint] * 6),
        (b"PK\x01\x02", b"PK\x03\x04", b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n"),
        read_checkpoint, None,
    ),
    "model": Format(
        "net.melgen", 6_000, 200_000, model_files, model_traps,
        (*change.BINARY, *[change.rename_members] * 2,
         *[change.member_of_archive(change.flip_bits, zipfile.ZIP_STORED)] * 3,
         *[change.member_of_archive(change.odd_json, zipfile.ZIP_STORED)] * 8),
        (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06"),
        read_model, None,
    ),
    "run": Format(
        "file-of-run", 3_000, 200_000, run_files, run_traps, [of_run(each) for each in (*change.TEXT,
        *[change.odd_json] * 6)], (), read_run, None, put=put_run,
    ),
}  # fmt: skip


# --- the fuzzer's own test ------------------------------------------------------------------------------------------


def misbehave(path: Path) -> str:
    """A reader with every fault that the fuzzer must find; the content of the file selects the fault."""
    import ctypes
    import os
    import subprocess
    import time

    match path.read_bytes():
        case b"exception":
            raise KeyError("an exception of a parser")
        case b"nameless":
            raise FileNotNamedError("something is wrong somewhere")
        case b"crash":
            ctypes.string_at(0)
        case b"hang":
            time.sleep(1000)
        case b"memory":
            _ = bytes(1) * 400 * 2**20
        case b"write":
            path.parent.with_name("elsewhere").write_text("here I was")
            (path.parent / "neighbour").write_text("here too")
        case b"run":
            subprocess.run(["true"], check=True)
        case b"connect":
            import socket

            socket.socket().close()
        case b"execute":
            exec(compile("1", "from the file", "exec"))
        case b"unpickle":
            pickle.loads(b"cos\ngetcwd\n.")
        case b"look":
            Path("/etc/passwd").read_text()
        case b"remove":
            with suppress(OSError):
                os.remove("/no/such/file")
        case b"refuse":
            return "as it should"
    return ""


MISCHIEF = (
    "read",
    "refuse",
    "exception",
    "nameless",
    "write",
    "run",
    "connect",
    "execute",
    "unpickle",
    "look",
    "remove",
)
FATAL_MISCHIEF = ("memory", "hang", "crash")

OWN_TEST = {
    "mischief": Format(
        "any", len(MISCHIEF + FATAL_MISCHIEF), 100, lambda: [b"read"],
        lambda: [name.encode() for name in (*MISCHIEF, *FATAL_MISCHIEF)], change.BINARY, (), misbehave, None,
    )
}  # fmt: skip
"""A reader with every fault, in place of a format: `--format mischief` must return 1."""
