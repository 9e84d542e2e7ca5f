"""The model card: the ``README.md`` of a model file, in Markdown with the head that the Hugging Face Hub reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import melgen
from melgen.corpora.licences import CorpusLicence, notice_of
from melgen.evaluation.run_metrics import RUN_METRICS
from melgen.model_files.description import Description
from melgen.pasting import program, shell_line
from melgen.plurals import counted

_OF_THE_HUB = frozenset(
    {"mit", "apache-2.0", "cc0-1.0"} | {f"cc-by{kind}-4.0" for kind in ("", "-sa", "-nd", "-nc", "-nc-sa", "-nc-nd")}
)
"""Licences that the Hub has a name for."""
_CITATION = """\
@software{melgen,
  title   = {melgen: train, compare and hear recurrent networks that write melodies},
  author  = {{melgen contributors}},
  license = {MIT}
}"""


def card_of(description: Description, songs: int) -> str:
    """The card of a model file.

    Args:
        description: of the network.
        songs: how many songs are in the file.
    """
    return "\n".join(_lines(description, songs)) + "\n"


def _lines(of: Description, songs: int) -> Iterator[str]:
    file = f"{of.name}.melgen"
    yield from ("---", *_head(of), "---", "")
    yield from (f"# {of.name}", "")
    yield f"A recurrent network that writes melodies, made with melgen {melgen.__version__}: {_what(of)}."
    yield ""
    if notice := notice_of(of.corpora):
        yield from (f"**{notice}**", "")
    yield from (
        "## Use it",
        "",
        "```python",
        "import melgen",
        "",
        f'net = melgen.load("{file}")',
        f"songs = net.continue_({_primer(of)}songs=10)",
        'songs.save("songs")',
        "```",
        "",
    )
    yield f"`{shell_line(*program('generate'), f'checkpoint={file}', 'songs=10')}` does the same without Python."
    yield f"The folder `songs/` in the file has {counted(songs, 'song')} of this network. The file is a ZIP."
    yield from ("", "## Training data", "")
    for corpus in of.corpora:
        yield from _corpus(corpus)
    yield from ("", "## Licence", "")
    yield f"The weights: {of.licence}. The program melgen: MIT."
    yield from ("", "## Numbers", "")
    yield from _metrics(of.metrics)
    yield from ("", "## How it was trained", "")
    yield from _training(of)
    yield from ("", "## Was a tune in the training data?", "")
    yield from _leaks(of, file)
    yield from ("", "## Cite", "", "```bibtex", *_CITATION.splitlines(), "```")


def _head(of: Description) -> Iterator[str]:
    licence = of.licence.lower()
    if licence in _OF_THE_HUB:
        yield f"license: {licence}"
    else:
        yield from ("license: other", f"license_name: {licence}")
    yield from ("library_name: melgen", "tags:", "- music", "- melody", "- music-generation")


def _what(of: Description) -> str:
    stack = of.model["stack"]
    cells = " and ".join(dict.fromkeys(str(layer["cell"]).rpartition(".")[2] for layer in stack))
    time = "pitches only" if of.rhythm is None else f"pitches and rhythm ({of.rhythm.get('name')})"
    around = f" in {of.model['block']} blocks" if "block" in of.model else ""
    return (
        f"{counted(len(stack), 'layer')} of {cells} with {of.model['hidden_size']} units{around}, "
        f"{of.parameters:,} parameters, representation {of.representation}, {time}"
    )


def _primer(of: Description) -> str:
    return '"C4 D4 E4 D4", ' if of.rhythm is None else ""


def _corpus(corpus: CorpusLicence) -> Iterator[str]:
    yield f"- `{corpus.name}`: {corpus.title}."
    if corpus.transcribers:
        yield f"  Transcribed by {corpus.transcribers}."
    if corpus.statement:
        yield f'  "{corpus.statement}" ({corpus.source})'
    else:
        yield "  melgen knows of no statement about the rights in these tunes; who made this file chose its licence."


def _metrics(metrics: Mapping[str, float]) -> Iterator[str]:
    shown = [(metric, metrics[metric.key]) for metric in RUN_METRICS if metric.key in metrics]
    if not shown:
        yield "None are recorded."
        return
    yield from ("| metric | value | unit | meaning |", "|---|---:|---|---|")
    for metric, value in shown:
        yield f"| {metric.label} | {value:.{metric.decimals}f} | {metric.unit} | {metric.meaning} |"


def _training(of: Description) -> Iterator[str]:
    command = of.provenance.get("command")
    if isinstance(command, list):
        yield from ("```bash", shell_line(*program("train"), *map(str, command)), "```", "")
    yield f"These are the weights after {of.updates:,} updates."
    software = of.provenance.get("software")
    if isinstance(software, dict):
        versions = ", ".join(f"{name} {version}" for name, version in software.items() if isinstance(version, str))
        commit = _commit(software)
        yield f"Software: {versions}{f'; commit {commit}' if commit else ''}."


def _commit(software: Mapping[str, Any]) -> str:
    git = software.get("git")
    commit = git.get("commit") if isinstance(git, dict) else None
    return commit[:12] if isinstance(commit, str) else ""


def _leaks(of: Description, file: str) -> Iterator[str]:
    if of.training_tunes is None:
        yield "The run did not record its training tunes."
        return
    own, inherited = len(of.training_tunes["own"]), len(of.training_tunes["inherited"])
    more = f", and of {inherited:,} of the networks that it was started from" if inherited else ""
    yield f"`model.json` has the hashes of the {counted(own, 'training tune')}{more}."
    yield "They are hashes of the intervals, so that a transposed copy is found too:"
    yield from ("", "```python", f'melgen.load("{file}").has_seen("C4 D4 E4 F4 G4")  # or the path of a file', "```")
    if not of.training_tunes["is_complete"]:
        yield from ("", "The hashes are incomplete: an earlier network that it was started from recorded none.")
