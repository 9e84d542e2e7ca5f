"""Real tunes: Aird's airs and a volume of the Essen collection, as in music21."""

import importlib.util
import re
from functools import cache
from pathlib import Path

SEMITONES = dict(zip("CDEFGABcdefgab", (60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83), strict=True))
ABC_NOTE = re.compile(r"([_^=]?)([A-Ga-g])([,']*)")


def rough_pitches(tune: str) -> list[int]:
    """Pitches of a tune in ABC without key signature and repeats: real melodic shapes, enough for tests."""
    body = "\n".join(line.split("%")[0] for line in tune.splitlines() if not re.match(r"[A-Za-z]:", line))
    body = re.sub(r'"[^"]*"|![^!]*!|\{[^}]*\}', "", body)
    return [
        SEMITONES[letter] + {"_": -1, "^": 1}.get(accidental, 0) + 12 * (marks.count("'") - marks.count(","))
        for accidental, letter, marks in ABC_NOTE.findall(body)
    ]


@cache
def real_tunes() -> list[list[int]]:
    package = importlib.util.find_spec("music21")
    assert package is not None
    assert package.origin is not None
    corpus = Path(package.origin).parent / "corpus"
    tunes = []
    for book in ("airdsAirs/book1.abc", "essenFolksong/altdeu10.abc"):
        text = (corpus / book).read_text(encoding="utf-8", errors="replace")
        tunes += [rough_pitches(tune) for tune in re.split(r"(?m)^X:", text)[1:]]
    tunes = [tune for tune in tunes if len(tune) >= 3]
    assert len(tunes) > 400
    return tunes
