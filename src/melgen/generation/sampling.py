"""Drawing melodies from a network, note by note, many songs at a time.

Letters: N songs, P primer notes, T notes to write, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from melgen.checking import check_number, check_one_of, check_whole, is_number, is_whole, require
from melgen.music.melody import Melody
from melgen.music.representations import AbstractRepresentation
from melgen.music.vocabulary import Vocabulary

Selection = Literal["sample", "greedy"]
FORMER_SELECTIONS = {"roulette": "sample", "max": "greedy"}
"""The names of the original, which are accepted too, and ours for them."""

# Tokens [N, steps] and a state (None at first) to logits [N, steps, V] and the state after them.
NextNote = Callable[[Tensor, Any], tuple[Tensor, Any]]

NOTES_WITHOUT_END = 30
"""Notes after the primer of a song by a network of pitches, which cannot end it; as many as in the paper."""
NUCLEUS_TOLERANCE = 1e-6
"""A relative tolerance: probabilities from single-precision logits are exact to about 1e-7; 0.5 may be 0.49999997."""


def select(
    logits: Tensor,
    selection: Selection = "sample",
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    draws: Tensor | None = None,
) -> Tensor:
    """Choose a token for each row of logits.

    ``greedy`` takes the most probable token and ignores the other options. ``sample`` draws from the softmax of
    ``logits / temperature``. It is first restricted to the `top_k` most probable tokens and normalised again, and then
    to the nucleus: the fewest of the most probable tokens whose probabilities add up to `top_p` (except for rounding:
    see `NUCLEUS_TOLERANCE`). Of equally probable tokens the lower counts as the more probable.

    Args:
        logits: the scores of the tokens.
        selection: ``sample`` or ``greedy``, or a former name of one.
        temperature: a positive number.
        top_k: at least 1; None for all tokens.
        top_p: above 0 and at most 1; None for all tokens.
        generator: a generator on the CPU. One uniform number per row is drawn there in double precision, so the
            result does not depend on the device, nor on how torch implements its distributions.
        draws: these uniform numbers, from 0 up to but not including 1; then `generator` is not used.

    Shape:
        logits ``[N, V]`` and draws ``[N]`` to ``[N]``, on the device of `logits`.

    Raises:
        ValueError: if an option is out of range, or `logits` contain NaN.

    >>> select(torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 5.0]]), "greedy")
    tensor([1, 0])
    """
    selection = selection_named(selection)
    _check_options(selection, temperature, top_k, top_p)
    scores = logits.detach().to("cpu", torch.float64)
    if scores.isnan().any():
        raise ValueError("cannot choose a note: the network's logits contain NaN")
    if selection == "greedy":
        return scores.argmax(dim=-1).to(logits.device)

    # The largest score becomes 0 before the division, so that a tiny temperature cannot overflow it.
    scores = (scores - scores.amax(dim=-1, keepdim=True)) / temperature
    ranked, tokens = scores.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        ranked[:, top_k:] = -torch.inf
    probabilities = ranked.softmax(dim=-1)
    if top_p is not None and top_p < 1:
        before = probabilities.cumsum(dim=-1).roll(1, dims=-1)
        before[:, 0] = 0
        probabilities = probabilities.masked_fill(before >= top_p * (1 - NUCLEUS_TOLERANCE), 0)

    mass = probabilities.cumsum(dim=-1)
    total = mass[:, -1:]
    if draws is None:
        draws = torch.rand(len(mass), dtype=torch.float64, generator=generator)
    drawn = draws[:, None] * total
    # If rounding raises the draw to the total, take the last token with a probability above 0.
    rank = torch.minimum((mass <= drawn).sum(dim=-1), (mass < total).sum(dim=-1))
    return tokens.gather(-1, rank[:, None]).squeeze(-1).to(logits.device)


def selection_named(name: str) -> Selection:
    """The way to select notes that has this name or former name.

    Raises:
        ValueError: if none has.

    >>> selection_named("sample"), selection_named("max")
    ('sample', 'greedy')
    """
    check_one_of("selection", name_now(name), get_args(Selection))
    return cast(Selection, name_now(name))


def name_now(selection: str) -> str:
    """The name today of a way to select notes; a name that is unknown is left as it is."""
    return FORMER_SELECTIONS.get(selection, selection) if isinstance(selection, str) else selection


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
    _check_options(selection_named(selection), temperature, top_k, top_p)
    check_whole("songs", songs)
    check_whole("notes", notes)
    require(is_whole(seed) and 0 <= seed < 2**64, "seed", seed, "a whole number from 0 to 2**64-1")


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
    so near to a boundary that the rounding of the logits, which depends on the batch size, moves it across. A network
    in training mode is in evaluation mode during the call.

    Args:
        model: a callable ``(tokens [N, steps], state) -> (logits [N, steps, V], state)``; the first call has the
            state None.
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
    primer = torch.as_tensor(
        primer_tokens if isinstance(primer_tokens, Tensor) else list(primer_tokens), dtype=torch.int64
    )
    of_each_song = primer.ndim == 2 and len(primer) == songs
    if not (primer.ndim == 1 or of_each_song) or not primer.shape[-1]:
        raise ValueError(f"a primer must be a list of at least one token, got shape {list(primer.shape)}")
    written = torch.empty(songs, notes, dtype=torch.int64)
    with torch.inference_mode(), evaluating(model):
        tokens = primer.to(_device_of(model)).expand(songs, -1)
        state = None
        for note in range(notes):
            logits, state = model(tokens, state)
            draws = uniform_draws(seed, note, songs) if selection == "sample" else None
            chosen = select(logits[:, -1], selection, temperature, top_k, top_p, draws=draws)
            written[:, note] = chosen
            tokens = chosen[:, None]
    return written


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
        raise ValueError(f"primer {list(pitches)}: {error}") from error


def _check_options(selection: Selection, temperature: float, top_k: int | None, top_p: float | None) -> None:
    rule = "a finite number above 0" if temperature == math.inf else "a number above 0"
    holds = is_number(temperature) and temperature > 0
    if is_number(temperature) and temperature == 0:
        # A temperature of 0 means greedy selection, so it is allowed with it, which does not use the temperature.
        holds = selection == "greedy"
        rule += "; selection=greedy takes the most probable note each time"
    require(holds, "temperature", temperature, rule)
    check_whole("top_k", top_k, null="for all")
    if top_p is not None:
        check_number("top_p", top_p, above=0, most=1)


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
