"""Mutations: each takes a random generator, a file and other files of the same format, and returns a changed file.

All random choices come from the `random.Random` argument, so that the number of a case is enough to reproduce it.
"""

from __future__ import annotations

import io
import json
import math
import pickletools
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

_ODD_BYTES = (0, 1, 2, 0x0A, 0x22, 0x2F, 0x3C, 0x40, 0x7F, 0x80, 0x90, 0xC0, 0xF0, 0xF7, 0xFE, 0xFF)
_ODD_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
_ODD_TEXTS = (
    b"0", b"-1", b"00", b"1e9", b"1e400", b"nan", b"-inf", b"99999999999", b"9" * 400, b"1/0", b"0.0000001",
    b"\xc3\xa9",
    b"\xef\xbb\xbf", b"\x00", b"\xff\xfe", b"%s%n", b"A" * 5000, b"../../../escape", b"/tmp/escape", b"\xed\xa0\x80",
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_XML_PIECE = re.compile(rb"<[^>]*>|[^<]+")


def mutated(
    rng: random.Random,
    seeds: Sequence[bytes],
    mutations: Sequence[Mutation],
    dictionary: Sequence[bytes],
    most_bytes: int,
) -> bytes:
    """One of the seeds after one or several mutations, at most ``most_bytes`` long."""
    data = rng.choice(seeds)
    for _ in range(min(8, 1 + int(rng.expovariate(0.7)))):
        if dictionary and rng.random() < 0.2:
            data = _insert(rng, data, rng.choice(dictionary))
        else:
            data = rng.choice(mutations)(rng, data, seeds)[:most_bytes]
    return data


def flip_bits(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Flip some bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def odd_bytes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace some bytes by values that often break programs."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 5)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice(_ODD_BYTES)
    return bytes(changed)


def truncate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove the end, or less often the beginning."""
    place = rng.randrange(len(data) + 1)
    return data[place:] if rng.random() < 0.2 else data[:place]


def splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace the end or a piece by that of another file."""
    other = rng.choice(others)
    place, piece = rng.randrange(len(data) + 1), _piece(rng, other)
    return data[:place] + (other[rng.randrange(len(other) + 1) :] if rng.random() < 0.5 else piece + data[place:])


def move_piece(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, move or copy a piece."""
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + int(rng.expovariate(1 / 40)))
    piece = data[start:end]
    rest = data if rng.random() < 0.4 else data[:start] + data[end:]
    return rest if rng.random() < 0.3 else _insert(rng, rest, piece)


def repeat_piece(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Insert a piece many times."""
    return _insert(rng, data, _piece(rng, data) * rng.choice((2, 10, 100, 1000)))


def odd_integer(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace a number of one to eight bytes, such as a length."""
    width = rng.choice((1, 2, 4, 4, 8))
    number = (rng.choice(_ODD_NUMBERS) + rng.choice((-1, 0, 0, 1))) % 2 ** (8 * width)
    place = rng.randrange(max(1, len(data) - width + 1))
    return data[:place] + number.to_bytes(width, rng.choice(("big", "little"))) + data[place + width :]


def odd_number_in_text(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace a number written in digits by another number or by other text."""
    numbers = list(_NUMBER.finditer(data[:50_000]))
    if not numbers:
        return odd_bytes(rng, data, others)
    match = rng.choice(numbers)
    other = rng.choice(_ODD_TEXTS) if rng.random() < 0.5 else str(rng.choice(_ODD_NUMBERS)).encode()
    return data[: match.start()] + other + data[match.end() :]


def shuffle_lines(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, double or exchange lines, or take lines from another file."""
    lines = _shuffled(
        rng, _lines(data), others, _lines, lambda line: [flip_bits(rng, line, others)], rounds=(1, 2, 5), kinds=5
    )
    return b"\n".join(lines)


def _lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def _shuffled(
    rng: random.Random,
    pieces: list[bytes],
    others: Sequence[bytes],
    pieces_of: Callable[[bytes], list[bytes]],
    odd: Callable[[bytes], list[bytes]],
    *,
    rounds: Sequence[int],
    kinds: int,
) -> list[bytes]:
    """The pieces after some are removed, doubled, exchanged, taken from another file or replaced.

    Args:
        rng: the source of all choices.
        pieces: of a file, at least one; they are changed in place.
        others: other files.
        pieces_of: splits a file into its pieces.
        odd: what replaces a piece.
        rounds: numbers of changes to choose from.
        kinds: how many kinds of changes are equally likely; all beyond the first four replace a piece.
    """
    for _ in range(rng.choice(rounds)):
        place, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        match rng.randrange(kinds):
            case 0 if len(pieces) > 1:
                del pieces[place]
            case 1:
                pieces.insert(other, pieces[place])
            case 2:
                pieces[place], pieces[other] = pieces[other], pieces[place]
            case 3:
                pieces.insert(place, rng.choice(pieces_of(rng.choice(others))))
            case _:
                pieces[place : place + 1] = odd(pieces[place])
    return pieces


# --- MIDI -----------------------------------------------------------------------------------------------------------


def variable_length(number: int) -> bytes:
    """A number in the encoding of lengths in MIDI files: seven bits in each byte."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(0x80 | number & 0x7F)
    return bytes(reversed(parts))


def odd_variable_length(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Insert a long time or length, or one without an end, into a track."""
    number = variable_length(rng.choice(_ODD_NUMBERS)) if rng.random() < 0.8 else b"\xff" * rng.choice((4, 5, 20))
    return _insert(rng, data, number, first=min(22, len(data)))


def insert_midi_event(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Insert an event of any kind, whose lengths may be wrong."""
    return _insert(rng, data, midi_event(rng), first=min(22, len(data)))


def midi_event(rng: random.Random) -> bytes:
    """One valid or invalid event with its time."""
    time = variable_length(int(rng.expovariate(1 / 200)) if rng.random() < 0.9 else rng.choice(_ODD_NUMBERS))
    match rng.randrange(5):
        case 0 | 1:
            return time + bytes([0x80 | rng.randrange(32), rng.randrange(128), rng.randrange(128)])
        case 2:
            return time + bytes([rng.randrange(0xA0, 0xF0), *rng.choices(range(256), k=rng.choice((1, 2)))])
        case 3:
            content = rng.randbytes(rng.choice((0, 1, 2, 3, 4, 5, 40)))
            kind = rng.choice((0, 1, 2, 3, 0x20, 0x21, 0x2F, 0x51, 0x54, 0x58, 0x59, 0x7F, rng.randrange(256)))
            return time + bytes([0xFF, kind]) + _maybe_wrong_length(rng, content) + content
        case _:
            content = rng.randbytes(rng.randrange(20))
            return time + bytes([rng.choice((0xF0, 0xF7))]) + _maybe_wrong_length(rng, content) + content


def midi_from_events(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Make a file of random events in chunks with correct lengths, so that the events are read."""
    tracks = rng.choice((1, 1, 2, 5, 17))
    division = rng.choice((1, 96, 480, 32767, 0, 0xE728, 0x8000, rng.randrange(2**16)))
    file = b"MThd" + (6).to_bytes(4, "big") + rng.choice((0, 1, 1, 2, 3)).to_bytes(2, "big")
    file += (tracks if rng.random() < 0.9 else rng.randrange(2**16)).to_bytes(2, "big") + division.to_bytes(2, "big")
    for _ in range(tracks):
        events = b"".join(midi_event(rng) for _ in range(rng.randrange(60)))
        events += b"\x00\xff\x2f\x00" if rng.random() < 0.8 else b""
        file += b"MTrk" + len(events).to_bytes(4, "big") + events
    return file


def right_chunk_lengths(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Correct the lengths of all chunks, so that a reader reads beyond them."""
    head, *tracks = data.split(b"MTrk")
    if not tracks:
        return midi_from_events(rng, data, others)
    head = head[:10] + min(len(tracks), 65535).to_bytes(2, "big") + head[12:]
    return head + b"".join(b"MTrk" + max(0, len(track) - 4).to_bytes(4, "big") + track[4:] for track in tracks)


def _maybe_wrong_length(rng: random.Random, content: bytes) -> bytes:
    return variable_length(len(content) if rng.random() < 0.9 else rng.choice(_ODD_NUMBERS))


# --- XML and archives -----------------------------------------------------------------------------------------------


def shuffle_elements(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, double or nest elements, take some from another file, or sometimes remove a single tag."""
    pieces = _XML_PIECE.findall(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        if not pieces:
            return splice(rng, data, others)
        place, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
        match rng.randrange(12):
            case 0:
                del pieces[place]
            case 1 | 2 | 3:
                pieces[other:other] = _element(pieces, place) * rng.choice((1, 1, 2, 30))
            case 4 | 5 | 6:
                from_other = _XML_PIECE.findall(rng.choice(others)) or [b""]
                pieces[other:other] = _element(from_other, rng.randrange(len(from_other)))
            case 7:
                depth, element = rng.choice((2, 20, 500)), _element(pieces, place)
                pieces[place : place + len(element)] = [b"<note>"] * depth + element + [b"</note>"] * depth
            case _:
                del pieces[place : place + len(_element(pieces, place))]
    return b"".join(pieces)


def odd_text_in_element(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Replace the text between two tags or in an attribute."""
    places = list(re.finditer(rb">([^<>]+)<|\"([^\"<>]*)\"", data[:100_000]))
    if not places:
        return odd_number_in_text(rng, data, others)
    match = rng.choice(places)
    group = 1 if match[1] is not None else 2
    words = [*_ODD_TEXTS, *(other[group] for other in rng.choices(places, k=4) if other[group] is not None)]
    return data[: match.start(group)] + rng.choice(words) + data[match.end(group) :]


def _element(pieces: Sequence[bytes], place: int) -> list[bytes]:
    """The element that starts at a place, or the single piece if it is a text."""
    opening = re.match(rb"<([^\s/>!?]+)[^>]*(?<!/)>", pieces[place])
    if opening is None:
        return [pieces[place]]
    closing, depth = b"</" + opening[1] + b">", 0
    for end in range(place, min(len(pieces), place + 400)):
        depth += pieces[end].startswith(b"<" + opening[1]) - (pieces[end] == closing)
        if depth == 0:
            return list(pieces[place : end + 1])
    return [pieces[place]]


def archived(files: Sequence[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.filterwarnings("ignore", "Duplicate name")  # intended
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            archive.writestr(entry, content, compresslevel=1)  # fast, also for large content
    return buffer.getvalue()


def unarchived(data: bytes) -> list[tuple[str, bytes]]:
    """The files of an archive; an empty list for other data."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except Exception:
        return []


def member_of_archive(mutation: Mutation, compression: int = zipfile.ZIP_DEFLATED) -> Mutation:
    """A mutation of a file inside an archive, with corrected checksums."""

    def mutate(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
        files = unarchived(data)
        if not files:
            return flip_bits(rng, data, others)
        place = rng.randrange(len(files))
        name, content = files[place]
        alike = [inner for other in others for other_name, inner in unarchived(other) if other_name == name]
        files[place] = name, mutation(rng, content, alike or [content])
        return archived(files, compression)

    return mutate


def rename_members(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Rename, double or remove files of an archive; some names refer to places outside it."""
    files = unarchived(data)
    if not files:
        return flip_bits(rng, data, others)
    place = rng.randrange(len(files))
    name, content = files[place]
    names = (
        "../../escape.xml",
        "/tmp/escape.xml",
        "a/" * 200 + "x.xml",
        "",
        name.upper(),
        "META-INF/x.xml",
        "\u00e9.xml",
    )
    match rng.randrange(3):
        case 0:
            files[place] = rng.choice(names), content
        case 1:
            files.append((rng.choice(names), content))
        case _:
            del files[place]
    return archived(files, rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


# --- pickles --------------------------------------------------------------------------------------------------------

HOSTILE_OPCODES = (
    b"cos\nsystem\n(S'touch escape'\ntR", b"cbuiltins\neval\n(S'1'\ntR", b"c__builtin__\nexec\n", b"cposix\nsystem\n",
    b"\x8c\x02os\x8c\x06system\x93", b"\x8c\x08builtins\x8c\x07getattr\x93", b"(ios\nsystem\n", b"(cos\nsystem\no",
    b"cmelgen.train\nmain\n", b"cnumpy\nload\n", b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"Pescape\n",
    b"K\x01Q", b"R", b"b", b"\x81", b"\x92", b"}b", b"cbuiltins\nset\n]R", b"cbuiltins\nset\n]\x81",
    b"cbuiltins\nset\n}b",
    b"\x8b\xff\xff\xff\x7f", b"\x8b\x00\x00\x00\x80", b"B\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x7f",
    b"\x8d" + b"\xff" * 8, b"T\xff\xff\xff\x7f", b"X\xff\xff\xff\x7f", b"\x96" + b"\xff" * 7 + b"\x7f",
    b"\x95" + b"\xff" * 8, b"r\xff\xff\xff\x0f", b"j\xff\xff\xff\x7f", b"p999999999\n", b"g-1\n",
    b"I" + b"9" * 5000 + b"\n",
    b"L" + b"9" * 5000 + b"L\n", b"F1e999\n", b"\x97", b"\x98", b"\x94", b"2", b"0", b"1", b"(", b"t", b"a", b"e", b"s",
    b"u", b"l", b"d", b".", b"2\x86" * 60, b"]" + b"2a" * 50, b"(" * 2000, b"\x85" * 2000, b"]" * 2000,
)  # fmt: skip
"""Programs that call functions, need much memory, or build objects that contain themselves."""


def shuffle_opcodes(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, double or exchange instructions of a pickle, or insert others."""
    pieces = opcodes(data)
    if not pieces:
        return flip_bits(rng, data, others)
    pieces = _shuffled(
        rng,
        pieces,
        others,
        lambda other: opcodes(other) or [b"N"],
        lambda piece: [rng.choice(HOSTILE_OPCODES), piece],
        rounds=(1, 1, 2, 5),
        kinds=6,
    )
    return b"".join(pieces)


def opcodes(data: bytes) -> list[bytes]:
    """The instructions of a pickle up to the first invalid one, at most about 5000."""
    places = []
    try:
        for _, _, place in pickletools.genops(data):
            places.append(place)
            if len(places) > 5000:
                break
    except Exception:
        pass
    ends = [*places[1:], len(data)] if places else []
    return [data[start:end] for start, end in zip(places, ends, strict=True)]


# --- plain data -----------------------------------------------------------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 127, 128, 2**31, 2**63, -(2**63), 2**70, 10**30, 0.5, -0.0, 1e308, math.nan, math.inf,
    "",
    "x" * 1000, "../../escape", "/tmp/escape", "\x00", "\ud800", "9" * 300, [], {}, [[]], [None], {"": None},
    [0] * 1000,
)  # fmt: skip


def with_odd_parts(rng: random.Random, plain: Any, odd: Sequence[Any] = ODD_VALUES) -> Any:
    """A copy of nested lists and dictionaries in which some parts are missing, doubled or replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        plain = _with_odd_part(rng, plain, odd)
    return plain


def _with_odd_part(rng: random.Random, plain: Any, odd: Sequence[Any]) -> Any:
    if not isinstance(plain, (dict, list, tuple)) or not len(plain) or rng.random() < 0.08:
        return rng.choice(odd)
    items = list(plain.items()) if isinstance(plain, dict) else list(enumerate(plain))
    place = rng.randrange(len(items))
    key, value = items[place]
    match rng.randrange(10):
        case 0:
            del items[place]
        case 1:
            items.append((rng.choice(odd) if isinstance(plain, dict) and rng.random() < 0.5 else key, value))
        case 2:
            items[place] = key, rng.choice(items)[1]
        case _:
            items[place] = key, _with_odd_part(rng, value, odd)
    if isinstance(plain, dict):
        return {key if _is_hashable(key) else str(key): value for key, value in items}
    return type(plain)(value for _, value in items)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def odd_json(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, double or replace parts of JSON."""
    try:
        plain = json.loads(data)
        return json.dumps(with_odd_parts(rng, plain), skipkeys=True).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return odd_number_in_text(rng, data, others)


def _insert(rng: random.Random, data: bytes, piece: bytes, first: int = 0) -> bytes:
    place = rng.randint(first, len(data))
    return data[:place] + piece + data[place:]


def _piece(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[start : start + 1 + int(rng.expovariate(1 / 60))]


BINARY: tuple[Mutation, ...] = (flip_bits, odd_bytes, truncate, splice, move_piece, repeat_piece, odd_integer)
TEXT: tuple[Mutation, ...] = (
    flip_bits, odd_bytes, truncate, splice, move_piece, repeat_piece, odd_number_in_text, shuffle_lines,
)  # fmt: skip
