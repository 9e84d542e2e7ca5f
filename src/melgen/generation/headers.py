"""The header of a song with rhythm: its metre and its pickup, as options, as a primer states them, or the commonest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from melgen.checking import require
from melgen.music.events import Header, header_of
from melgen.music.melody import Melody
from melgen.music.metre import STEPS_PER_WHOLE, Metre
from melgen.music.tune_vocabulary import TuneVocabulary


def header_wanted(metre: str | None, pickup: str | int | None) -> Header:
    """The header that the options of a song ask for.

    Raises:
        ValueError: if the metre is not a time signature, or the pickup not a fraction of whole steps.
    """
    return Header(None if metre is None else Metre.parse(str(metre)), pickup_steps(pickup))


def pickup_steps(pickup: str | int | None) -> int | None:
    """A pickup as a fraction of a whole note, in steps.

    Raises:
        ValueError: if it is not a fraction, or not a whole number of steps.

    >>> pickup_steps("1/8"), pickup_steps(0), pickup_steps(None)
    (12, 0, None)
    """
    if pickup is None:
        return None
    rule = "a fraction of a whole note, such as 1/8; 0 for a complete first bar"
    parts = str(pickup).split("/")
    require(len(parts) in (1, 2) and all(part.strip().isdecimal() for part in parts), "pickup", pickup, rule)
    above, below = int(parts[0]), int(parts[1]) if len(parts) == 2 else 1
    require(below > 0, "pickup", pickup, rule)
    steps = Fraction(above * STEPS_PER_WHOLE, below)
    require(steps.denominator == 1, "pickup", pickup, f"{rule}, in steps of 1/{STEPS_PER_WHOLE}")
    return int(steps)


def header_for(primer: Melody, vocabulary: TuneVocabulary, wanted: Header | None = None) -> Header:
    """The metre and pickup of a song: those wanted, else those of its primer, else the commonest in training.

    Raises:
        ValueError: for a pickup that is not shorter than a bar.
    """
    metre, pickup = wanted or Header()
    own = header_of(primer)
    metre = own.metre if metre is None else metre
    pickup = own.pickup if pickup is None else pickup
    header = vocabulary.commonest_header(metre, pickup)
    if header.metre is not None and header.pickup is not None and header.pickup >= header.metre.bar_steps:
        raise ValueError(
            f"pickup={Fraction(header.pickup, STEPS_PER_WHOLE)}: must be shorter than a bar of "
            f"metre={header.metre.name}"
        )
    return header


def note_of_header(
    vocabulary: TuneVocabulary,
    primer: Melody | Sequence[int] | Sequence[Sequence[int]],
    metre: str | None = None,
    pickup: str | int | None = None,
) -> str:
    """A warning about a metre or pickup that a network cannot read; empty if it can read both.

    Args:
        vocabulary: of the network.
        primer: the beginning of the song; its metre and pickup count where the next two are None.
        metre, pickup: the options of the song.

    Raises:
        ValueError: as `header_wanted`.
    """
    asked = header_wanted(metre, pickup)
    unread = [
        f"{key}={value}" for key, value in (("metre", metre), ("pickup", pickup)) if key in vocabulary.unread(asked)
    ]
    if not vocabulary.has_header:
        reason, verbs = "not read with rhythm.condition=none", ("is", "are")
    else:
        reason, verbs = "never seen in training", ("was", "were")
        own = header_of(primer) if isinstance(primer, Melody) else Header()
        # The requested metre and pickup replace those of the primer.
        left = Header(own.metre if asked.metre is None else None, own.pickup if asked.pickup is None else None)
        stated = {"metre": left.metre and left.metre.name, "pickup": Fraction(left.pickup or 0, STEPS_PER_WHOLE)}
        unread += [f"the primer's {key} {stated[key]}" for key in vocabulary.unread(left)]
    if not unread:
        return ""
    verb, it = (verbs[0], "it") if len(unread) == 1 else (verbs[1], "them")
    return f"{' and '.join(unread)} {verb} {reason}: the network is not given {it}, only the bar lines follow {it}"
