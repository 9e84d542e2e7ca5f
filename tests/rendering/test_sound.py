"""Sound: pitch measured by the spectrum, length, and files."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from melgen.music import Melody
from melgen.rendering import sound
from melgen.rendering.sound import TAIL_SECONDS, synthesize, with_fixed_serial, write_sound
from tests.rendering.melodies import EDGES, NONE, ONE, SCALE

soundfile = pytest.importorskip("soundfile")
RATE = 44_100


def frequency_of(pitch):
    return 440 * 2 ** ((pitch - 69) / 12)


def fundamental(samples, rate=RATE):
    """Frequency of the strongest partial, which is the first one in the built-in voice."""
    size = 1 << 18
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    return np.argmax(spectrum) * rate / size


def semitones_between(first, second):
    return 12 * np.log2(first / second)


def test_each_note_sounds_at_its_pitch():
    samples = synthesize(SCALE)
    for index, pitch in enumerate(SCALE.pitches):
        note = samples[int((index * 0.5 + 0.05) * RATE) : int((index * 0.5 + 0.45) * RATE)]
        assert abs(semitones_between(fundamental(note), frequency_of(pitch))) < 0.1


@pytest.mark.parametrize("pitch", [33, 45, 60, 81, 96, 108, 127])
def test_pitches_over_the_whole_range(pitch):
    samples = synthesize(Melody((pitch,), (0,), (96,)))
    assert abs(semitones_between(fundamental(samples), frequency_of(pitch))) < 0.1
    assert np.abs(samples).max() > 0.2


def test_nothing_folds_back():
    """A high note at a low rate has no partial below itself."""
    samples = synthesize(Melody((93,), (0,), (96,)), sample_rate=8000)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    below = spectrum[: int(len(spectrum) * 0.9 * frequency_of(93) / 4000)]
    assert below.max() < 0.01 * spectrum.max()
    silent = synthesize(Melody((127,), (0,), (24,)), sample_rate=8000)
    assert not silent.any(), "12.5 kHz do not exist at 8 kHz"


@pytest.mark.parametrize("melody", [SCALE, EDGES, ONE, NONE, Melody((0, 127), (0, 0), (0, 0))])
@pytest.mark.parametrize("tempo", [60, 120, 213.7])
def test_lengths_and_level(melody, tempo):
    samples = synthesize(melody, tempo_qpm=tempo)
    steps = max(
        (onset + (duration or 6) for onset, duration in zip(melody.onsets, melody.durations, strict=True)), default=0
    )
    steps += 6 * (melody.onsets == (0, 0))  # the second of two that start together
    assert len(samples) / RATE == pytest.approx(steps * 2.5 / tempo + TAIL_SECONDS, abs=1e-4)
    assert samples.dtype == np.float32
    assert np.abs(samples).max(initial=0) <= 1
    assert np.isfinite(samples).all()
    assert abs(samples[-1]) < 1e-3, "the sound has decayed"


def test_rests_are_silent_and_notes_are_not():
    samples = synthesize(Melody((60, 64), (24, 72), (24, 24)))
    loud = [
        np.abs(samples[int(begin * RATE) : int(end * RATE)]).max()
        for begin, end in ((0, 0.5), (0.5, 1), (1.2, 1.5), (1.5, 2))
    ]
    assert loud[0] == loud[2] == 0
    assert min(loud[1], loud[3]) > 0.2


def test_short_notes_that_sound_together_are_quieter_but_not_cut_off():
    short = Melody((40, 52, 64, 76), (0, 4, 5, 6), (4, 1, 1, 24))
    long = Melody((40, 52, 64, 76), (0, 24, 48, 72), (24,) * 4)
    samples = synthesize(short)
    assert np.abs(samples).max() == 1
    assert np.count_nonzero(np.abs(samples) == 1) == 1, "only the loudest sample is as loud as can be"
    assert np.abs(synthesize(long)).max() < 1


def test_triplets_sound_in_time():
    """A new note begins at each third of a second, and the sound gets louder there."""
    samples = synthesize(Melody((60, 67, 60), (0, 8, 16), (8, 8, 8)), tempo_qpm=60)
    third = RATE // 3
    for index, pitch in enumerate((60, 67, 60)):
        note = samples[index * third + 2000 : (index + 1) * third - 200]
        assert abs(semitones_between(fundamental(note), frequency_of(pitch))) < 0.2
    assert len(samples) == RATE + round(TAIL_SECONDS * RATE)


def test_equal_melodies_sound_equal():
    assert (synthesize(EDGES) == synthesize(EDGES)).all()
    tone = synthesize(ONE)
    tone *= 0
    assert synthesize(ONE).any(), "callers cannot change the cached notes"


@pytest.mark.parametrize("ending", ["wav", "mp3", "ogg"])
class TestFiles:
    def test_length_pitch_and_title(self, ending, tmp_path):
        path = write_sound(tmp_path / f"a.{ending}", SCALE, title="Tüne")
        samples, rate = soundfile.read(path)
        assert rate == RATE
        assert samples.ndim == 1
        assert len(samples) / rate == pytest.approx(4 + TAIL_SECONDS, abs=0.03)
        note = samples[int(2.55 * rate) : int(2.95 * rate)]
        assert abs(semitones_between(fundamental(note), frequency_of(69))) < 0.1
        with soundfile.SoundFile(path) as file:
            assert file.title == "Tüne"

    @pytest.mark.slow
    def test_equal_bytes(self, ending, tmp_path):
        first = write_sound(tmp_path / f"a.{ending}", ONE).read_bytes()
        time.sleep(1.1)  # libsndfile seeds random numbers with the clock
        assert write_sound(tmp_path / f"b.{ending}", ONE).read_bytes() == first

    def test_at_another_rate(self, ending, tmp_path):
        path = write_sound(tmp_path / f"a.{ending}", SCALE, sample_rate=22_050, tempo_qpm=240)
        assert soundfile.info(path).samplerate == 22_050
        assert soundfile.info(path).duration == pytest.approx(2 + TAIL_SECONDS, abs=0.06)

    def test_no_note(self, ending, tmp_path):
        path = write_sound(tmp_path / f"a.{ending}", NONE)
        assert soundfile.info(path).duration == pytest.approx(TAIL_SECONDS, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [64, 128, 192])
def test_bit_rates(rate, tmp_path):
    long = Melody.from_pitches([60] * 40)
    path = write_sound(tmp_path / "a.mp3", long, bit_rate_kbps=rate)
    assert path.stat().st_size * 8 / 1000 / soundfile.info(path).duration == pytest.approx(rate, rel=0.03)


def test_the_extreme_bit_rates(tmp_path):
    sizes = [write_sound(tmp_path / "a.mp3", SCALE, bit_rate_kbps=rate).stat().st_size for rate in (32, 320)]
    assert sizes[0] * 5 < sizes[1]


def test_a_fixed_serial_changes_nothing_but_itself(tmp_path):
    soundfile.write(tmp_path / "a.ogg", synthesize(SCALE), RATE, format="OGG", subtype="VORBIS")
    original = (tmp_path / "a.ogg").read_bytes()
    fixed = with_fixed_serial(original, serial=7)
    assert len(fixed) == len(original)
    assert fixed[14:18] == b"\x07\0\0\0"
    serial = int.from_bytes(original[14:18], "little")
    assert with_fixed_serial(fixed, serial) == original, "libsndfile's own checksums come out again"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"tempo_qpm": 0}, "tempo_qpm=0"),
        ({"tempo_qpm": "fast"}, "tempo_qpm=fast"),
        ({"sample_rate": 44_000}, "sample_rate=44000"),
        ({"bit_rate_kbps": 8}, "bit_rate_kbps=8"),
        ({"sound_font": "missing.sf2"}, "missing.sf2"),
    ],
)
def test_refusals(options, expected, tmp_path):
    with pytest.raises(ValueError, match=expected):
        write_sound(tmp_path / "a.mp3", SCALE, **options)
    assert not list(tmp_path.iterdir())


def test_unknown_ending(tmp_path):
    with pytest.raises(ValueError, match=r"\.wav, \.mp3, \.ogg"):
        write_sound(tmp_path / "a.flac", SCALE)


def test_without_soundfile(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(ImportError, match="pip install soundfile"):
        write_sound(tmp_path / "a.wav", SCALE)
    assert not list(tmp_path.iterdir())


def test_a_program_needs_a_sound_font():
    with pytest.raises(ValueError, match=r"program=5: an instrument of a sound font"):
        synthesize(SCALE, program=5)


class TestSoundFont:
    @pytest.fixture
    def font(self):
        """The sound font of pretty_midi, which muspy installs."""
        import importlib.util

        spec = importlib.util.find_spec("pretty_midi")
        fonts = sorted(Path(spec.origin).parent.glob("*.sf2")) if spec else []
        if not fonts:
            pytest.skip("no sound font here")
        return fonts[0]

    def test_the_error_names_what_is_missing(self, font, monkeypatch):
        monkeypatch.setitem(sys.modules, "fluidsynth", None)
        with pytest.raises(ImportError, match=r"pyfluidsynth.*libfluidsynth"):
            synthesize(SCALE, sound_font=font)

    def test_plays_at_pitch_and_length(self, font):
        try:
            sound.import_fluidsynth()
        except ImportError:
            pytest.skip("FluidSynth is not installed")
        melody = Melody.from_pitches([69, 76, 81])
        samples = synthesize(melody, sound_font=font, program=73)  # a flute
        assert len(samples) / RATE == pytest.approx(1.5 + TAIL_SECONDS, abs=1e-3)
        for index, pitch in enumerate(melody.pitches):
            note = samples[int((index * 0.5 + 0.1) * RATE) : int((index * 0.5 + 0.45) * RATE)]
            assert semitones_between(fundamental(note), frequency_of(pitch)) % 12 == pytest.approx(0, abs=0.3) or (
                semitones_between(fundamental(note), frequency_of(pitch)) % 12 == pytest.approx(12, abs=0.3)
            )
        assert (samples == synthesize(melody, sound_font=font, program=73)).all()

    def test_calls_fluidsynth_as_it_wants(self, font, monkeypatch):
        """Each note starts and ends at its sample, and the synthesiser is deleted; a substitute records the calls."""
        calls, now = [], 0

        class Synth:
            def __init__(self, gain, samplerate):
                assert samplerate == 44_100.0

            def sfload(self, path):
                return 3 if path == str(font) else -1

            def program_select(self, channel, bank, number, program):
                assert (channel, bank, number) == (0, 3, 0)
                return 0 if program == 5 else -1  # as FluidSynth answers

            def noteon(self, channel, pitch, velocity):
                calls.append((now, "on", pitch))

            def noteoff(self, channel, pitch):
                calls.append((now, "off", pitch))

            def get_samples(self, count):
                nonlocal now
                now += count
                return np.ones(2 * count, np.int16) * 16384

            def delete(self):
                calls.append("deleted")

        monkeypatch.setattr(sound, "import_fluidsynth", lambda: type("fluidsynth", (), {"Synth": Synth}))
        samples = synthesize(Melody((60, 60), (24, 48), (24, 24)), sound_font=font, program=5)
        quarter = RATE // 2
        assert calls == [(0, "on", 60), (quarter, "off", 60), (quarter, "on", 60), (2 * quarter, "off", 60), "deleted"]
        assert len(samples) == 3 * quarter + round(TAIL_SECONDS * RATE)
        assert not samples[:quarter].any()
        assert (samples[quarter:] == 0.5).all()
        with pytest.raises(ValueError, match=r"program=6: the sound font .* has no such instrument in bank 0"):
            synthesize(SCALE, sound_font=font, program=6)
        assert calls[-1] == "deleted"


def test_a_full_disk_has_its_own_error(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        write_sound(tmp_path / "a.wav", ONE)
    assert error.value.filename == str(tmp_path / "a.wav")
