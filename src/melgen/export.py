"""``python -m melgen.export``: write the network of a run as one file that can be shared.

The recipe is `export`; `main` wraps it for the command line.
"""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules
from melgen.pasting import command


def export(config: DictConfig) -> Path:
    """Write a model file, and print where it is and what its licence is.

    Args:
        config: as composed from ``conf/export.yaml``.

    Returns:
        The file.

    Raises:
        ValueError: for a run without a checkpoint, a licence that its corpus does not allow, or a place that is not
            free.
    """
    from melgen.checkpoint_files import find_checkpoint

    find_checkpoint(config.run, key="run")  # before torch is imported: a refusal is quick
    from melgen.exporting.writing import checked_place, export_run
    from melgen.network import load

    checked_place(config.to)
    import_user_modules(config.imports)
    path = export_run(config.run, config.to, config.licence)
    written = load(path)
    print(f"{path} ({path.stat().st_size / 1e3:,.0f} kB), licence {written.licence}")
    if written.notice:
        print(written.notice)
    print(f"to use it: {command('generate', {'checkpoint': path})}")
    return path


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="export")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("export", export, config)


def main() -> None:
    """Entry point of the command."""
    run_app("export", app)


if __name__ == "__main__":
    main()
