"""Files of MusicXML, plain and compressed, and of ``**kern``: from their bytes to their tunes.

Archives and entities that would expand to a large size are refused before they are parsed. The modules
:mod:`~melgen.corpora.readers.musicxml` and :mod:`~melgen.corpora.readers.kern` interpret the text.
"""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator

from melgen.corpora.extraction import Tune
from melgen.corpora.readers import MEGABYTE, decode, read_bytes
from melgen.corpora.readers.kern import kern_tunes
from melgen.corpora.readers.musicxml import musicxml_tune
from melgen.corpora.sources import Source
from melgen.errors import ReadError

MAX_BYTES = 50 * MEGABYTE  # of a file, and of a score once unpacked

_CONTAINER = "META-INF/container.xml"
_ROOT_FILE = re.compile(r"<rootfile\b[^>]*\bfull-path\s*=\s*[\"']([^\"']+)[\"']")
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError, EOFError)
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)
_DECLARATION = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9_-]{1,30})[\"']")
# Text encodings only: Python also has "encodings" that decompress data or interpret escapes.
_ENCODINGS = re.compile(
    r"utf-?8|iso-?8859-\d{1,2}|windows-\d{3,4}|cp\d{3,4}|latin-?1|shift[_-]jis|sjis|euc-(?:jp|kr)|gb2312|gbk|gb18030"
    r"|big5|koi8-[ru]|macintosh|mac[-_]?roman|(?:us-)?ascii",
    re.IGNORECASE,
)


def read_musicxml(source: Source) -> Iterator[Tune]:
    """The tune of a MusicXML file."""
    yield musicxml_tune(musicxml_text(read_bytes(source.path, MAX_BYTES)))


def read_kern(source: Source) -> Iterator[Tune]:
    """The tunes of a ``**kern`` file, usually one."""
    yield from kern_tunes(decode_any(read_bytes(source.path, MAX_BYTES)))


def musicxml_text(data: bytes) -> str:
    """The document in the bytes of a plain or compressed MusicXML file."""
    if data[:2] == b"PK":
        data = _unpack(data)
    text = decode_any(data)
    if _ENTITY.search(text):
        raise ReadError("the XML declares entities, which scores do not need and decompression bombs use")
    if "score-partwise" not in text and "score-timewise" not in text:
        raise ReadError("not MusicXML: neither score-partwise nor score-timewise")
    return text


def decode_any(data: bytes) -> str:
    """Decode UTF-16 if the data looks like it, the encoding of an XML declaration, UTF-8, or else Latin-1.

    >>> decode_any("<?xml version='1.0' encoding='Shift_JIS'?><a>荒城</a>".encode("shift_jis"))[-9:]
    '<a>荒城</a>'
    """
    for start, encoding in (
        (b"<\0?\0", "utf-16-le"),
        (b"\0<\0?", "utf-16-be"),
    ):
        if data.startswith(start):
            return data.decode(encoding, "replace")
    declared = _DECLARATION.match(data)
    if declared is not None and _ENCODINGS.fullmatch(name := declared[1].decode("ascii")):
        try:
            return data.decode(name).removeprefix("\ufeff")
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


def _unpack(data: bytes) -> bytes:
    """The score inside a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            score = None
            if _CONTAINER in names:
                match = _ROOT_FILE.search(decode(_member(archive, _CONTAINER)))
                score = match[1] if match is not None and match[1] in names else None
            if score is None:
                scores = [
                    name
                    for name in names
                    if name.lower().endswith((".xml", ".musicxml")) and not name.startswith(("META-INF", "__MACOSX"))
                ]
                if not scores:
                    raise ReadError("the archive contains no score")
                score = scores[0]
            return _member(archive, score)
    except _DAMAGED as error:
        raise ReadError(f"a damaged archive: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(MAX_BYTES + 1)  # the size that an archive states may be wrong
    if len(data) > MAX_BYTES:
        raise ReadError(f"{name} unpacks to more than {MAX_BYTES / MEGABYTE:.0f} MB")
    return data
