"""Values of a sweep with which every job would be refused, so that no job is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from omegaconf import DictConfig

from melgen.errors import message_of
from melgen.sweeps.planned_job import PlannedJob


def refuse_hopeless_values(planned: Sequence[PlannedJob], axes: Mapping[str, list[str]]) -> None:
    """Refuse a value that the rules for values, the whole configuration or its parts rule out in every job.

    Raises:
        Exception: that of the jobs, if all fail alike.
        ValueError: naming the override with which every job would be refused.
    """
    from melgen.training.checks import check, check_values

    _refuse_where(check_values, planned, axes)  # of all jobs, before torch and Lightning are imported
    _refuse_where(check, planned, axes)
    from melgen.training.build import check_parts

    known: dict[str, Exception | None] = {}
    _refuse_where(lambda config: check_parts(config, known), planned, axes)


def _refuse_where(
    judge: Callable[[DictConfig], None], planned: Sequence[PlannedJob], axes: Mapping[str, list[str]]
) -> None:
    """Refuse a value with which every job is refused; jobs that fail by themselves leave their error in their run."""
    errors: dict[int, Exception] = {}
    for job in planned:
        try:
            judge(job.config)
        except Exception as error:
            errors[job.number] = error
    if not errors:
        return
    if len(errors) == len(planned) and len({message_of(error) for error in errors.values()}) == 1:
        raise errors[planned[0].number]  # whatever is swept over
    for override in (override for overrides in axes.values() if len(overrides) > 1 for override in overrides):
        with_it = [job.number for job in planned if override in job.overrides]
        if with_it and all(number in errors for number in with_it):
            reason = message_of(errors[with_it[0]])
            raise ValueError(f"{reason}\nEvery job with {override} would be refused, so that no job was started")
    if len(errors) == len(planned):
        raise errors[planned[0].number]
