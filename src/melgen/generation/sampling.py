"""Drawing melodies from a network, note by note, many songs at a time.

Letters: N songs, P primer notes, T notes to write, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from melgen.checking import check_whole, is_whole, require
from melgen.generation.selection import Selection, check_options, select, selection_named
from melgen.music.melody import Melody
from melgen.music.representations import AbstractRepresentation
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel, map_state
from melgen.networks.model_stepping import ModelStepper
from melgen.pasting import override
from melgen.resources import available_memory

# Tokens [N, steps] and a state (None at first) to logits [N, steps, V] and the state after them.
NextNote = Callable[[Tensor, Any], tuple[Tensor, Any]]

_BYTES_PER_NOTE = 100
"""Of songs as melodies and as text; `melgen.generate` with 100 songs of 3,000 notes took 90 more than with 30 notes."""

NOTES_WITHOUT_END = 30
"""Notes after the primer of a song by a network of pitches, which cannot end it; as many as in the paper."""


def check_sampling(
    songs: int,
    notes: int,
    selection: str = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> None:
    """Check the options of `sample_values` without a network.

    Raises:
        ValueError: if an option is out of its range; names the option, its value and the rule.

    >>> check_sampling(songs=100, notes=30, temperature=0.8)
    """
    check_options(selection_named(selection), temperature, top_k, top_p)
    check_whole("songs", songs)
    check_whole("notes", notes)
    require(is_whole(seed) and 0 <= seed < 2**64, "seed", seed, "a whole number from 0 to 2**64-1")


def check_room(songs: int, notes: int, keys: tuple[str, str] = ("songs", "notes")) -> None:
    """Refuse more notes than the memory that can be used here can hold.

    Args:
        songs: how many songs.
        notes: the notes that each has, at least.
        keys: the options of both.

    Raises:
        ValueError: naming both options, the memory that they need and the memory there is.
    """
    needed, available = _BYTES_PER_NOTE * songs * notes, available_memory()
    if available is not None and needed > available:
        raise ValueError(
            f"{keys[0]}={songs} with {keys[1]}={notes}: the notes need {needed / 2**30:,.0f} GiB of memory, and "
            f"{available / 2**30:,.0f} GiB can be used here"
        )


def sample_values(
    model: NextNote,
    primer_tokens: Iterable[int] | Tensor,
    songs: int,
    notes: int,
    selection: Selection = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Tensor:
    """Continue a primer with a network, all songs in one batch.

    The network reads the primer once; then each note that it writes is its next input, with the state carried along.
    The songs depend only on `seed`: torch's global generators are neither used nor changed. Each song has its own
    random numbers (see `uniform_draws`), so fewer songs or notes are the beginning of more. The exception is a draw
    so near to a boundary that the rounding of the logits, which depends on the batch size and the processor, moves it
    across. A network in training mode is in evaluation mode during the call.

    Args:
        model: a callable ``(tokens [N, steps], state) -> (logits [N, steps, V], state)``; the first call has the
            state None. A `MelodyModel` reads note by note with a `ModelStepper`, which is faster.
        primer_tokens: the tokens of the primer, or of a primer for each song.
        songs: number of songs.
        notes: number of notes after the primer.
        selection, temperature, top_k, top_p: see `select`.
        seed: a whole number from 0 up to but not including 2**64.

    Shape:
        ``primer_tokens``: ``[P]``, or ``[N, P]`` for a primer for each song;
        the tokens written, without the primer: ``[N, T]``, int64, on the CPU.

    Raises:
        ValueError: if an option is out of range or the primer is empty.
    """
    selection = selection_named(selection)
    check_sampling(songs, notes, selection, temperature, top_k, top_p, seed)
    check_room(songs, notes)
    primer = torch.as_tensor(
        primer_tokens if isinstance(primer_tokens, Tensor) else list(primer_tokens), dtype=torch.int64
    )
    of_each_song = primer.ndim == 2 and len(primer) == songs
    if not (primer.ndim == 1 or of_each_song) or not primer.shape[-1]:
        raise ValueError(f"a primer must be a list of at least one token, got shape {list(primer.shape)}")
    written = torch.empty(songs, notes, dtype=torch.int64)
    with torch.inference_mode(), evaluating(model):
        logits, read = _begin(model, primer.to(_device_of(model)), songs)
        for note in range(notes):
            draws = uniform_draws(seed, note, songs) if selection == "sample" else None
            chosen = select(logits, selection, temperature, top_k, top_p, draws=draws)
            written[:, note] = chosen
            if note + 1 < notes:
                logits = read(chosen)
    return written


def _begin(model: NextNote, primer: Tensor, songs: int) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The scores after the primer, and a function from one more token of each song to the scores after it.

    Shape:
        primer ``[P]`` or ``[N, P]``, tokens ``[N]``, scores ``[N, V]``.
    """
    if isinstance(model, MelodyModel) and type(model).forward is MelodyModel.forward:
        rows = primer.reshape(-1, primer.shape[-1])
        logits, state = model(rows)
        # What all songs begin with is read once, and all begin with the same state.
        logits, state = map_state(
            lambda tensor: tensor.expand(songs, *tensor.shape[1:]).contiguous(), (logits[:, -1], state)
        )
        stepper = ModelStepper(model, songs, state)
        return logits, lambda tokens: stepper.logits(stepper.read(tokens))
    logits, state = model(primer.expand(songs, -1), None)

    def read(tokens: Tensor) -> Tensor:
        nonlocal state
        logits, state = model(tokens[:, None], state)
        return logits[:, -1]

    return logits[:, -1], read


def uniform_draws(seed: int, note: int, songs: int) -> Tensor:
    """Random numbers that choose one note of each song; each depends only on the seed, the note and the song.

    They come from a counter-based generator (Philox; Salmon et al., 2011) with the key (seed, note). Its counter is
    the song, so the numbers of all songs are drawn at once. Only its raw bits are used, which NumPy guarantees not to
    change.

    Args:
        seed, note: whole numbers from 0 up to but not including 2**64.
        songs: how many numbers.

    Shape:
        ``[songs]``, float64, from 0 up to but not including 1.

    >>> torch.equal(uniform_draws(0, 5, songs=3), uniform_draws(0, 5, songs=100)[:3])
    True
    """
    bits = np.random.Philox(key=np.array([seed, note], np.uint64)).random_raw(songs)
    return torch.from_numpy((bits >> np.uint64(11)) * 2.0**-53)  # a double has 53 significant bits


def sample_melodies(
    model: NextNote,
    representation: AbstractRepresentation,
    vocabulary: Vocabulary,
    primer: Iterable[int] | Sequence[Sequence[int]],
    songs: int,
    notes: int,
    selection: Selection = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> list[Melody]:
    """Melodies that begin with `primer`, given in pitches, and continue for `notes` notes.

    A note that the representation decodes as a rest makes a melody shorter; see `Interval`.

    Args:
        model: see `sample_values`.
        representation, vocabulary: of the network.
        primer: pitches; or a list of pitches for each song, all equally long.
        songs, notes, selection, temperature, top_k, top_p, seed: see `sample_values`.

    Raises:
        ValueError: if an option is out of range, or the primer is too short, out of MIDI range or contains a
            value that never occurred in training.
    """
    given: list[Any] = list(primer)
    of_each_song = bool(given) and isinstance(given[0], Sequence)
    if of_each_song and (len(given) != songs or len(set(map(len, given))) > 1):
        raise ValueError(
            f"a list of primers must have one for each of {songs} songs, all equally long, got {len(given)}"
        )
    encoded = [_encoded_primer(pitches, representation, vocabulary) for pitches in (given if of_each_song else [given])]
    primer_tokens = torch.from_numpy(np.stack([tokens for _, tokens in encoded]))
    tokens = sample_values(
        model,
        primer_tokens if of_each_song else primer_tokens[0],
        songs,
        notes,
        selection,
        temperature,
        top_k,
        top_p,
        seed,
    )
    primers = (
        [(pitches[0], values) for pitches, (values, _) in zip(given, encoded, strict=True)]
        if of_each_song
        else [(given[0], encoded[0][0])] * songs
    )
    return [
        representation.decode(np.concatenate([primer_values, values]).tolist(), first_pitch=first)
        for (first, primer_values), values in zip(primers, vocabulary.decode(tokens.numpy()), strict=True)
    ]


def _encoded_primer(
    pitches: Sequence[int], representation: AbstractRepresentation, vocabulary: Vocabulary
) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """Values and tokens of a primer."""
    try:
        values = representation.encode_primer(pitches)
        return values, vocabulary.encode(values, strict=True)
    except ValueError as error:
        raise ValueError(f"{override('primer', list(pitches))}: {error}") from error


def _device_of(model: NextNote) -> torch.device:
    first = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return torch.device("cpu") if first is None else first.device


@contextmanager
def evaluating(model: NextNote) -> Iterator[None]:
    """Evaluation mode inside the block; afterwards each part is in its previous mode again, frozen ones too."""
    modes = [(part, part.training) for part in model.modules()] if isinstance(model, nn.Module) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
