"""``python -m melgen.listen``: a blind listening test of a study's songs, and the analysis of its answers.

The recipe is `listen`; `main` wraps it for the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from melgen.checking import check_number, require, shown
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.known_keys import typed_keys
from melgen.configuration.user_modules import import_user_modules
from melgen.nested import flat
from melgen.pages.sources import find_source

if TYPE_CHECKING:
    from melgen.listening.planning import Assumptions
    from melgen.listening.rules import Rules

FOLDER = "listening-test"
"""The default directory of a test."""

OF_ANALYSES = frozenset(("study", "answers", "test", "out", "width", "imports", "cache_dir", "progress"))
"""The keys that may be given with ``answers``; the others make a test."""


def listen(config: DictConfig) -> Path:
    """Write the page of a test and its key, or analyse the answers to it.

    Args:
        config: as composed from ``conf/listen.yaml``.

    Returns:
        The page, or the directory of the results.

    Raises:
        ValueError: unless exactly one of ``study`` and ``answers`` is given, and for values that keys cannot have.
    """
    given = [key for key in ("study", "answers") if config[key] is not None]
    if len(given) != 1:
        what = ", got both" if given else ""
        raise ValueError(f"study=DIR or answers=DIR: exactly one of them is needed{what}")
    check_number("confidence", config.confidence, above=0, below=1)
    check_number("width", config.width, above=0, below=1)
    return make(config) if config.study is not None else analyse(config)


def make(config: DictConfig) -> Path:
    """Write the page and its key, and print how many judgements the wished width needs.

    Returns:
        The page.
    """
    find_source(str(config.study), "study", "study")  # an error before the imports that take seconds
    settings, rules, assumed = _settings(config), _rules(config), _assumptions(config)
    require(isinstance(config.equal_notes, bool), "equal_notes", config.equal_notes, "true or false")
    require(config.test is None, "test", config.test, "null with study=; out=DIR chooses the directory")
    from melgen.listening.making import make_test
    from melgen.listening.material import read_material
    from melgen.listening.writing import read_consent, summary, write_test

    import_user_modules(config.imports)
    consent = read_consent(config.consent)
    material = read_material(
        str(config.study),
        _listed(config.networks),
        config.anchor,
        equal_notes=config.equal_notes,
        cache_dir=config.cache_dir,
        progress=config.progress,
    )
    made = make_test(material, settings, rules, config.confidence, {"study": str(config.study), "seed": config.seed})
    page = write_test(Path(config.out or FOLDER).expanduser(), made, consent)
    print(summary(page, made, settings, assumed, config.width))
    return page


def analyse(config: DictConfig) -> Path:
    """Fit preferences to the answers, write tables and figure, and print them.

    Returns:
        The directory of the results.
    """
    from melgen.listening.analysis import analyse_folder
    from melgen.listening.reporting import report_text, write_results

    test = Path(config.test or config.out or FOLDER).expanduser()
    out = Path(config.out).expanduser() if config.out else test
    _check_as_made(config, test)
    analysis = analyse_folder(Path(str(config.answers)).expanduser(), test)
    written = write_results(out, analysis)
    print(report_text(analysis, config.width, written))
    return out


def _check_as_made(config: DictConfig, test: Path) -> None:
    """Refuse what the command line asks of a test that was made in another way: an analysis would not heed it.

    Raises:
        ValueError: for such a value, and if the test has no valid key; names the file of the key.
    """
    from melgen.listening.key import KEY_FILE, Key

    recorded, file = Key.read(test).settings, test / KEY_FILE
    hydra: Any = HydraConfig.get() if HydraConfig.initialized() else None
    typed = {} if hydra is None else typed_keys(hydra)
    for key, value in flat(_plain(config)):
        is_typed = any(key == other or key.startswith(f"{other}.") for other in typed)
        if not is_typed or key in OF_ANALYSES:
            continue
        if key not in recorded:
            raise ValueError(f"{key}={shown(value)}: is read with study= only; {file} is of a test that is made")
        if value != recorded[key]:
            raise ValueError(
                f"{key}={shown(value)}: must be {shown(recorded[key])}, as {file} records; "
                "the answers belong to a test with that value"
            )


def _settings(config: DictConfig) -> Any:
    from melgen.listening.making import Settings

    return Settings(**{name: config[name] for name in Settings.__dataclass_fields__})


def _rules(config: DictConfig) -> Rules:
    from melgen.listening.rules import Rules

    return Rules(**_plain(config.exclusion))


def _assumptions(config: DictConfig) -> Assumptions:
    from melgen.listening.planning import Assumptions

    return Assumptions(**_plain(config.planning))


def _plain(node: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(node, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _listed(given: Any) -> list[str] | None:
    if given is None:
        return None
    return [given] if isinstance(given, str) else [str(each) for each in given]


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="listen")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("listen", listen, config)


def main() -> None:
    """Entry point of the command."""
    run_app("listen", app)


if __name__ == "__main__":
    main()
