"""Files that commands are asked to write: looked at before the work, not behind it."""

from pathlib import Path

from engine.errors import ConfigProblem


def raise_if_no_folder(file: Path | None) -> None:
    """Raise ConfigProblem when a file, None = none, could not be written for want of its folder."""
    if file is not None and not file.parent.is_dir():
        raise ConfigProblem(
            f"{file} cannot be written: there is no folder {file.parent}; make it, or name another"
        )
