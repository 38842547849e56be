"""A stand-in for Colab's own module, on the path of what must think that it runs there.

It writes each call as a line of JSON into the file `COLAB_CALLS`. `COLAB_DRIVE` is the folder that
is one's Drive, `COLAB_UPLOAD` the file that a person chooses in the upload dialogue, if any.
"""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace


def _record(name: str, *arguments: str) -> None:
    with open(os.environ["COLAB_CALLS"], "a", encoding="utf-8") as stream:
        stream.write(json.dumps([name, *arguments]) + "\n")


def _mount(mountpoint: str) -> None:
    _record("drive.mount", mountpoint)
    Path(mountpoint).mkdir(exist_ok=True)
    link = Path(mountpoint) / "MyDrive"
    if not link.is_symlink():
        link.symlink_to(os.environ["COLAB_DRIVE"], target_is_directory=True)


def _upload() -> dict[str, bytes]:
    _record("files.upload")
    chosen = os.environ.get("COLAB_UPLOAD")
    if not chosen:
        return {}
    path = Path(shutil.copy(chosen, Path.cwd()))
    return {path.name: path.read_bytes()}


def _enable_custom_widget_manager() -> None:
    _record("output.enable_custom_widget_manager")


drive = SimpleNamespace(mount=_mount)
files = SimpleNamespace(upload=_upload)
output = SimpleNamespace(enable_custom_widget_manager=_enable_custom_widget_manager)
