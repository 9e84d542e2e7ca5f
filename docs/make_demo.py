"""Write ``docs/demo.html``, the page of the networks that come with melgen, as a file that any web host can serve.

``python docs/make_demo.py`` (`make demo`) writes it. `melgen play` serves this page, so it is made again when the
networks or the code of pages change.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from melgen.bundled import REFERENCES
from melgen.pages.writing import write_report_of_several

DEMO = Path(__file__).resolve().parent / "demo.html"
MOST_BYTES = 3_000_000
"""A page of this size opens within seconds on a telephone."""
SCORES = 5
"""Engraved scores of the 30 songs of each network; the other songs have a piano roll."""
NOTES = """\
# Play with three networks

Play or write a few notes and press *Continue*: a recurrent network goes on in this page, without a server. *rhythmic*
writes notes with their lengths and an end, *pitches* and *intervals* write pitches only. Each is a GRU of two layers,
trained in minutes on one core of a CPU with melgen.

They were trained on tunes that come with music21: *Aird's Airs*, transcribed by Jack Campin; *O'Neill's Music of
Ireland*, by Henrik Norbeck, Bob Safranek, Trish O'Neil, John Chambers, Dan G. Petersen, Michael Hogan and others;
*Ryan's Mammoth Collection*, by Ray Davies, Bob Puckette, John B. Walsh and others. The weights have the licence
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/).
"""


def main() -> int:
    """Write the page, and refuse one that is too large."""
    with tempfile.TemporaryDirectory() as scratch:
        notes = Path(scratch, "notes.md")
        notes.write_text(NOTES, encoding="utf-8")
        write_report_of_several(REFERENCES, key="runs", out=DEMO, scores=SCORES, notes=notes)
    size = DEMO.stat().st_size
    print(f"{DEMO.name}: {size:,} bytes")
    if size >= MOST_BYTES:
        print(f"{DEMO.name}: must be below {MOST_BYTES:,} bytes", file=sys.stderr)
    return 0 if size < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
