"""The page of a model file: unpacked into a directory like that of a run, as far as the file has its parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from melgen.corpora.licences import notice_of
from melgen.files import write_json, write_text
from melgen.generation.songs import SONGS_FILE
from melgen.model_files.archive import SONGS, SONGS_FOLDER, member_text, opened
from melgen.model_files.description import Description, read_description
from melgen.pages.content import Content
from melgen.runs.config import CONFIG_FILE
from melgen.runs.directory import FINISHED, PROVENANCE_FILE


def unpack(file: Path, folder: Path, key: str) -> Description:
    """Write what a page needs of a model file into a folder, as the files of a run.

    Args:
        file: the model file.
        folder: the folder.
        key: the name of the file in errors.

    Raises:
        CheckpointError: if it is damaged; names the file.
    """
    with opened(file, key) as archive:
        stated = read_description(archive)
        songs = member_text(archive, SONGS)
    write_text(folder / CONFIG_FILE, yaml.safe_dump(stated.config, sort_keys=False))
    write_text(folder / SONGS_FOLDER / SONGS_FILE, songs)
    write_json(folder / "status.json", {"state": FINISHED})
    write_json(folder / "result.json", {"updates": stated.updates, "best_updates": stated.updates, **stated.metrics})
    write_json(folder / PROVENANCE_FILE, {**stated.provenance, "parameters": stated.parameters})
    return stated


def add_statements(stated: Sequence[Description], content: Content) -> None:
    """Add the licence and the origin of model files, which the files of runs lack, to the head of their page."""
    corpora = dict.fromkeys(corpus for each in stated for corpus in each.corpora)
    content.add_facts(
        {
            "Licence of the weights": ", ".join(dict.fromkeys(each.licence for each in stated)),
            "Trained on": " ".join(f"{corpus.name}: {corpus.title}." for corpus in corpora),
        }
    )
    a_file, its_run = ("a model file", "its run") if len(stated) == 1 else ("model files", "their runs")
    content.add_notice(
        f"This page was made from {a_file} with songs and numbers; the curves and the log are in {its_run}."
    )
    if notice := notice_of(corpora):
        content.add_notice(notice, strong=True)
