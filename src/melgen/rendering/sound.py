"""Melodies as sound: a plucked string made of partials, or FluidSynth with the user's sound font.

The built-in voice needs only NumPy. Each note is a sum of partials with a soft attack and release. Higher partials are
weaker and decay faster, as on a plucked string, whose damping grows with frequency. Partials above the Nyquist
frequency are left out to avoid aliasing.
"""

from __future__ import annotations

import io
import os
import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_number, check_one_of, check_whole
from melgen.files import replacing
from melgen.music.melody import STEPS_PER_QUARTER, Melody
from melgen.rendering.measures import playable
from melgen.rendering.musicxml import printable

SOUND_ENDINGS = (".wav", ".mp3", ".ogg")
INSTALL = "pip install soundfile"
FLUIDSYNTH_INSTALL = "pip install pyfluidsynth, and the FluidSynth library itself, e.g. apt install libfluidsynth3"

SAMPLE_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""In Hz: the sample rates of MP3."""
BIT_RATES_KBPS = (32, 320)
TEMPO_QPM = (4, 2_000)

TAIL_SECONDS = 0.4
"""The time for which a file continues after the end of the last note, while it decays."""

_ATTACK_SECONDS = 0.004
_RELEASE_SECONDS = 0.09
_PARTIALS = 16
_VOLUME = 0.45
_VELOCITY = 100
_FLUIDSYNTH_GAIN = 1.5
_ENCODED_SECONDS_AT_ONCE = 60


def synthesize(
    melody: Melody,
    *,
    tempo_qpm: float = 120,
    sample_rate: int = 44_100,
    sound_font: str | Path | None = None,
    program: int = 0,
) -> NDArray[np.float32]:
    """Play a melody.

    Args:
        melody: the melody.
        tempo_qpm: quarter notes per minute.
        sample_rate: in Hz, one of `SAMPLE_RATES`.
        sound_font: an .sf2 or .sf3 file, which FluidSynth plays instead of the built-in voice.
        program: of the sound font, 0 to 127 (0 is a piano in most).

    Returns:
        Samples between -1 and 1, ``[samples]``: the melody and `TAIL_SECONDS`; equal melodies give equal samples.

    Raises:
        ImportError: if a sound font is given and FluidSynth is missing; the message states what to install.
        ValueError: if a number is out of range, a pitch is not a MIDI pitch, the sound font cannot be loaded or has no
            such program, or a program is given without a sound font.

    >>> len(synthesize(Melody.from_pitches([60, 62]), sample_rate=8000)) / 8000
    1.4
    """
    check_tempo(tempo_qpm)
    check_sample_rate(sample_rate)
    check_program(program, sound_font)
    melody = playable(melody)
    seconds_per_step = 60 / tempo_qpm / STEPS_PER_QUARTER
    starts = [round(onset * seconds_per_step * sample_rate) for onset in melody.onsets]
    ends = [
        round((onset + duration) * seconds_per_step * sample_rate)
        for onset, duration in zip(melody.onsets, melody.durations, strict=True)
    ]
    length = (ends[-1] if ends else 0) + round(TAIL_SECONDS * sample_rate)
    if sound_font is not None:
        return _play_fluidsynth(melody, starts, ends, length, sample_rate, Path(sound_font).expanduser(), program)
    samples = np.zeros(length, np.float32)
    for pitch, start, end in zip(melody.pitches, starts, ends, strict=True):
        tone = _tone(pitch, end - start, sample_rate)
        samples[start : start + len(tone)] += tone[: length - start]
    # Short notes follow while those before them still decay; their sum may be louder than a file can hold.
    loudest = np.abs(samples).max(initial=0)
    return samples / loudest if loudest > 1 else samples


def write_sound(
    path: str | Path,
    melody: Melody,
    *,
    title: str = "",
    tempo_qpm: float = 120,
    sample_rate: int = 44_100,
    bit_rate_kbps: int = 128,
    sound_font: str | Path | None = None,
    program: int = 0,
) -> Path:
    """Write a melody as a mono sound file: WAV (16 bit), MP3 or OGG (Vorbis), by the suffix of the file.

    Equal melodies give equal bytes. The file is written whole or not at all.

    Args:
        title: written into the file; by default the melody's own.
        bit_rate_kbps: of MP3, constant; 32 to 320, but at most 160 below 32 kHz and at most 64 below 16 kHz. The bit
            rate of OGG is fixed, about 80.

    Raises:
        ImportError: if soundfile is missing, or FluidSynth for a sound font.
        ValueError: as `synthesize`, or for an unknown suffix or bit rate.
    """
    samples = synthesize(melody, tempo_qpm=tempo_qpm, sample_rate=sample_rate, sound_font=sound_font, program=program)
    write_samples(path, samples, sample_rate, title=title or melody.title, bit_rate_kbps=bit_rate_kbps)
    return Path(path)


def write_samples(
    path: str | Path, samples: NDArray[np.float32], sample_rate: int, *, title: str = "", bit_rate_kbps: int = 128
) -> None:
    """Write samples, ``[samples]``, as `write_sound` does."""
    path = Path(path)
    if path.suffix.lower() not in SOUND_ENDINGS:
        raise ValueError(f"{path}: the suffix of a sound file must be one of {', '.join(SOUND_ENDINGS)}")
    check_bit_rate(bit_rate_kbps)
    soundfile = import_soundfile()
    kind = path.suffix.lower()[1:]
    how: dict[str, Any] = {}
    if kind == "wav":
        how = {"subtype": "PCM_16"}
    elif kind == "ogg":
        how = {"subtype": "VORBIS", "compression_level": 0.4}
    elif kind == "mp3":
        how = {"bitrate_mode": "CONSTANT", "compression_level": _mp3_level(bit_rate_kbps, sample_rate)}
    encoded = io.BytesIO()  # libsndfile calls a full disk a "System error"
    with soundfile.SoundFile(encoded, "w", sample_rate, 1, format=kind.upper(), **how) as file:
        if name := printable(title):
            file.title = name
        # libsndfile's Vorbis encoder overflows its stack on a very long block.
        for first in range(0, len(samples), _ENCODED_SECONDS_AT_ONCE * sample_rate):
            file.write(samples[first : first + _ENCODED_SECONDS_AT_ONCE * sample_rate])
    with replacing(path) as temporary:
        temporary.write_bytes(with_fixed_serial(encoded.getvalue()) if kind == "ogg" else encoded.getvalue())


def import_soundfile() -> Any:
    """Import the library that writes sound files.

    Raises:
        ImportError: if it is not installed, or lacks libsndfile.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: its C library is missing
        raise ImportError(
            f"sound files need soundfile, which cannot be imported ({error}); install it with: {INSTALL}"
        ) from error
    return soundfile


def import_fluidsynth() -> Any:
    """Import the synthesiser that plays sound fonts.

    Raises:
        ImportError: if its Python package or its library is not installed.
    """
    try:
        import fluidsynth
    except (ImportError, OSError, AttributeError) as error:
        raise ImportError(
            f"sound_font: FluidSynth cannot be imported ({error}); install it with: {FLUIDSYNTH_INSTALL}; "
            "without sound_font the built-in voice plays"
        ) from error
    return fluidsynth


def check_tempo(tempo_qpm: float) -> None:
    """Refuse a tempo that is too slow or too fast.

    Raises:
        ValueError: naming key, value and rule; as the checks below.
    """
    slowest, fastest = TEMPO_QPM
    check_number("tempo_qpm", tempo_qpm, least=slowest, most=fastest)


def check_sample_rate(sample_rate: int) -> None:
    """Refuse a sample rate that is not one of `SAMPLE_RATES`."""
    check_one_of("sample_rate", sample_rate, SAMPLE_RATES)


def check_bit_rate(bit_rate_kbps: int) -> None:
    """Refuse a bit rate that MP3 does not have."""
    check_whole("bit_rate_kbps", bit_rate_kbps, *BIT_RATES_KBPS)


def check_program(program: int, sound_font: str | Path | None) -> None:
    """Refuse a number of an instrument that a sound font cannot have, and one without a sound font."""
    check_whole("program", program, 0, 127)
    if program and sound_font is None:
        raise ValueError(f"program={program}: an instrument of a sound font; set sound_font too")


@lru_cache(maxsize=512)
def _tone(pitch: int, length: int, sample_rate: int) -> NDArray[np.float32]:
    """One note of the built-in voice, ``[length + release]``."""
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    count = min(_PARTIALS, int(0.45 * sample_rate / frequency))
    release = round(_RELEASE_SECONDS * sample_rate)
    times = np.arange(length + release) / sample_rate
    samples = np.zeros(len(times))
    # Decay of the fundamental per second: high strings decay faster.
    decay = 1.2 * 2 ** ((pitch - 60) / 24)
    for partial in range(1, count + 1):
        strength = partial**-1.6
        samples += (
            strength * np.exp(-times * decay * (0.7 + 0.3 * partial)) * np.sin(2 * np.pi * frequency * partial * times)
        )
    attack = round(_ATTACK_SECONDS * sample_rate)
    samples[:attack] *= np.sin(np.linspace(0, np.pi / 2, attack))[: len(samples)] ** 2
    samples[length:] *= np.cos(np.linspace(0, np.pi / 2, release)) ** 2
    tone = (_VOLUME * samples).astype(np.float32)
    tone.flags.writeable = False
    return tone


def _play_fluidsynth(
    melody: Melody, starts: list[int], ends: list[int], length: int, sample_rate: int, sound_font: Path, program: int
) -> NDArray[np.float32]:
    if not sound_font.is_file() or not os.access(sound_font, os.R_OK):
        raise ValueError(f"sound_font={sound_font}: no such file, or it cannot be read")
    fluidsynth = import_fluidsynth()
    synthesizer = fluidsynth.Synth(gain=_FLUIDSYNTH_GAIN, samplerate=float(sample_rate))
    try:
        bank = synthesizer.sfload(str(sound_font))
        if bank == -1:
            raise ValueError(f"sound_font={sound_font}: FluidSynth cannot load it; is it an .sf2 file?")
        if synthesizer.program_select(0, bank, 0, program) == -1:
            raise ValueError(f"program={program}: the sound font {sound_font} has no such instrument in bank 0")
        events = sorted(
            [(start, 1, pitch) for start, pitch in zip(starts, melody.pitches, strict=True)]
            + [(end, 0, pitch) for end, pitch in zip(ends, melody.pitches, strict=True)]
        )
        pieces = [np.zeros(2 * (events[0][0] if events else length), np.int16)]
        for (now, is_on, pitch), (following, _, _) in pairwise([*events, (length, 0, 0)]):
            if is_on:
                synthesizer.noteon(0, pitch, _VELOCITY)
            else:
                synthesizer.noteoff(0, pitch)
            if following > now:
                pieces.append(np.asarray(synthesizer.get_samples(following - now), np.int16))
    finally:
        synthesizer.delete()
    stereo = np.concatenate(pieces).reshape(-1, 2).astype(np.float32) / 32768
    return stereo.mean(axis=1, dtype=np.float32)


def _mp3_level(bit_rate_kbps: int, sample_rate: int) -> float:
    """libsndfile's compression level for a constant bit rate: linear from the highest rate to the lowest.

    >>> _mp3_level(320, 44_100), _mp3_level(176, 44_100)
    (0.0, 0.5)
    """
    low, high = (32, 320) if sample_rate >= 32_000 else (8, 160) if sample_rate >= 16_000 else (8, 64)
    return min((high - min(bit_rate_kbps, high)) / (high - low), 0.999)  # 1 itself is refused


def with_fixed_serial(ogg: bytes, serial: int = 1) -> bytes:
    """An Ogg file with a fixed serial number of its stream, which libsndfile derives from the clock.

    RFC 3533, section 6, describes the layout of a page.
    """
    content = bytearray(ogg)
    start = 0
    while start < len(content):
        if content[start : start + 4] != b"OggS":
            raise ValueError("not an Ogg file")
        segments = content[start + 26]
        end = start + 27 + segments + sum(content[start + 27 : start + 27 + segments])
        struct.pack_into("<I", content, start + 14, serial)
        struct.pack_into("<I", content, start + 22, 0)
        struct.pack_into("<I", content, start + 22, _ogg_checksum(bytes(content[start:end])))
        start = end
    return bytes(content)


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with polynomial 0x04c11db7, most significant bit first, from zero."""
    value, table = 0, _checksum_table()
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    return value


@lru_cache(maxsize=1)
def _checksum_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = value << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value)
    return table
