"""The settings of a study: its configuration, checked, and the places that follow from it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from melgen.checking import require
from melgen.evaluation.comparing_cells.results import ComparisonOptions
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.probes import PROBES
from melgen.evaluation.run_metrics import check_is_not_of_test, check_lower_is_better
from melgen.generation.sampling import NOTES_WITHOUT_END, check_room, check_sampling
from melgen.runs.config import writes_rhythm
from melgen.runs.keys import keys_that
from melgen.studies.plan.planned_runs import STUDY_KEYS, as_typed
from melgen.studies.primers import StudyPrimer, primers_of
from melgen.studies.results import Run

SKIP = "skip"
LAYERS, CHECKPOINTS = "layers", "checkpoints"
"""Values of ``select.on_missing`` and ``select.by``."""

_TUNING, _RATES_FILE = "tuning", "learning_rates.json"
"""Trials are outside the directory of the runs, so that a study of all runs below it does not find them."""

_OF_ANY_STUDY = keys_that("is_shared_by_study")
"""Keys of a training that a study of existing runs reads too."""

_NOT_RECORDED = ("stages", "dry_run", "force", "progress")
"""Keys that change what is done now, and not what comes out."""


class StudySettings:
    """The configuration of a study.

    Args:
        config: as composed from ``conf/study.yaml``.
        hydra: Hydra's own part of it.

    Attributes:
        home: the directory of the runs.
        directory: the study's own, within `home`.
        rates_file: what the stage tune writes, in the directory of its trials.

    Raises:
        ValueError: if ``folder`` is not the name of a folder.
    """

    def __init__(self, config: DictConfig, hydra: DictConfig):
        self.config, self.hydra = config, hydra
        self.home = Path(config.runs).expanduser() if config.runs else Path(config.output_dir) / config.name
        self.directory = self.home / _checked_folder(config.folder)
        self.rates_file = self.home.parent / _TUNING / self.home.name / _RATES_FILE

    def check(self) -> None:
        """Check options that are read only after the training.

        Raises:
            ValueError: for an option of sampling or evaluation that is out of its range, for a criterion where higher
                is better or that is one of the test tunes, and for checkpoints that would be kept without the number
                that selects them.
        """
        check_lower_is_better("select.criterion", self.criterion)
        check_is_not_of_test("select.criterion", self.criterion)
        if self.is_by_checkpoints and not self.config.runs:
            _check_kept_are_validated(self.config)
        _ = self.options
        _ = self.comparing
        _ = self.primers
        _ = self.probes
        try:
            check_sampling(**(self.sampling | {"notes": self.notes}))
            check_room(self.sampling["songs"], self.notes)
        except (TypeError, ValueError) as error:
            raise ValueError(f"generate: {error}") from error

    @property
    def tunes_rates(self) -> bool:
        """Whether the learning rates are chosen before the sweep."""
        return self.config.tune.rates is not None

    @property
    def criterion(self) -> str:
        """The number of a run's result by which networks are selected; the lowest is the best."""
        return str(self.config.select.criterion)

    @property
    def is_by_layers(self) -> bool:
        """Whether the best layer count of each pair is selected."""
        return bool(self.config.select.by == LAYERS)

    @property
    def is_by_checkpoints(self) -> bool:
        """Whether several checkpoints of each run are selected."""
        return bool(self.config.select.by == CHECKPOINTS)

    @property
    def skips_missing(self) -> bool:
        """Whether the study goes on without runs that are not finished."""
        return bool(self.config.select.on_missing == SKIP)

    @cached_property
    def options(self) -> EvaluationOptions:
        """The options of measuring songs."""
        options: EvaluationOptions = instantiate(self.config.evaluation)
        return options

    @cached_property
    def comparing(self) -> ComparisonOptions:
        """The options of comparing cells."""
        options, region = self.options, self.config.compare.region_bits
        return ComparisonOptions(region, options.confidence, options.resamples, options.seed)

    @cached_property
    def probes(self) -> tuple[str, ...]:
        """The probes to do, in their own order."""
        wanted = self.config.probes
        rule = f"a list of some of {', '.join(PROBES)}, each once"
        names = list(wanted) if OmegaConf.is_list(wanted) else []
        is_list = OmegaConf.is_list(wanted) and set(names) <= set(PROBES) and len(set(names)) == len(names)
        require(is_list, "probes", names or wanted, rule)
        return tuple(probe for probe in PROBES if probe in names)

    @property
    def reference(self) -> str | None:
        """The cell that was asked for as the reference."""
        wanted = self.config.compare.reference
        return None if wanted is None else str(wanted)

    @cached_property
    def primers(self) -> list[StudyPrimer]:
        """The beginnings of songs. Tables and figures show songs after the first; the others are compared with it."""
        primers = primers_of(self.config.generate)
        # The runs that exist may be of networks with rhythm, which begin a song by themselves.
        if not self.config.runs and not writes_rhythm(self.config):
            for primer in primers:
                if primer.pitches == ():
                    raise ValueError(f"{primer.key}=[]: a song of a network of pitches starts with at least one note")
        return primers

    @property
    def main_primer(self) -> StudyPrimer:
        """The primer whose songs all tables and figures show."""
        return self.primers[0]

    @property
    def sampling(self) -> dict[str, Any]:
        """Options of the sampling, without the primer and the device."""
        plain = OmegaConf.to_container(self.config.generate, resolve=True)
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items() if key not in ("primer", "primers", "device")}

    @property
    def notes(self) -> int:
        """Notes after the primer of a song by a network that cannot end it."""
        notes = self.sampling["notes"]
        return NOTES_WITHOUT_END if notes is None else int(notes)

    @property
    def compared_notes(self) -> int:
        """Notes of a song and of an opening whose pitches are compared; a song with rhythm may have more."""
        return self.main_primer.notes + self.notes

    def sampling_of(self, run: Run) -> dict[str, Any]:
        """Options of the sampling of songs by the network of a run."""
        notes = self.sampling["notes"] if run.writes_rhythm else self.notes
        return self.sampling | {"notes": notes, "seed": self.sampling["seed"] + run.seed}

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """Configuration and command, as the manifest keeps them."""
        plain = OmegaConf.to_container(self.config, resolve=True)
        assert isinstance(plain, dict)
        if self.config.runs:  # the runs keep their own configuration; the study's default corpus is not read
            plain = {key: value for key, value in plain.items() if key in STUDY_KEYS | _OF_ANY_STUDY}
        return {
            "configuration": {key: value for key, value in plain.items() if key not in _NOT_RECORDED},
            "command": as_typed(self.hydra),
        }


def _check_kept_are_validated(config: DictConfig) -> None:
    """Refuse to keep checkpoints between two validations, since they have no ``val/loss``."""
    kept = OmegaConf.select(config, "callbacks.checkpoint.keep_every_n_steps")
    validated = config.trainer.val_check_interval
    if not (isinstance(kept, int) and isinstance(validated, int) and config.select.criterion.startswith("val/")):
        return
    require(
        kept % validated == 0,
        "callbacks.checkpoint.keep_every_n_steps",
        kept,
        f"a multiple of trainer.val_check_interval={validated}, since select.criterion={config.select.criterion} is "
        "measured at each validation",
    )


def _checked_folder(name: str) -> str:
    if not name or Path(name).name != name:
        raise ValueError(f"folder={name}: must be the name of a folder next to the runs")
    return name
