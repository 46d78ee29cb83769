# Copyright: (c) 2026, pnow.infra contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action ``environment_status``: one picture of several environments, in the terminal and in files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible.utils.display import Display

from ..module_utils._domain.errors import Failed, InfraError, InvalidOption
from ..module_utils._domain.overview.model import Overview
from ..module_utils._domain.overview.page import page
from ..module_utils._domain.overview.survey import overview_of
from ..module_utils._domain.overview.terminal import lines
from ..module_utils._domain.plain import plain

display = Display()

_ENVIRONMENT = {
    "host": {"type": "str", "required": True},
    "name": {"type": "str"},
    "refused": {"type": "str"},
    "capabilities": {"type": "dict", "default": {}},
    "vault": {"type": "dict", "default": {}},
    "details": {"type": "dict", "default": {}},
    "drift": {"type": "dict"},
    "prices": {"type": "dict", "default": {}},
}
ARGUMENTS = {
    "environments": {"type": "list", "elements": "dict", "required": True, "options": _ENVIRONMENT},
    "files": {"type": "list", "elements": "path", "default": []},
    "tree": {"type": "bool", "default": False},
}


def _as_json(overview: Overview) -> str:
    return json.dumps(overview.fact(), indent=2) + "\n"


FORMATS: dict[str, Callable[[Overview], str]] = {".json": _as_json, ".html": page}


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            given, files = _options(plain(self._task.args))
            overview = overview_of(given["environments"], time())
            _show(overview, trees=given["tree"])
            for path in files:
                _write(path, FORMATS[path.suffix](overview))
        except InfraError as error:
            return {**result, "failed": True, "msg": f"{self._task.action}: {error}"}
        return {**result, "changed": False, "environments": overview.fact()["environments"]}


def _options(arguments: dict[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """The options, and the files among them. Raises InvalidOption, before anything was shown."""
    validated = ArgumentSpecValidator(ARGUMENTS).validate(arguments)
    if validated.error_messages:
        raise InvalidOption("; ".join(validated.error_messages), next_step="correct it")
    given = validated.validated_parameters
    files = [Path(path) for path in given["files"] if path]
    for path in files:
        if path.suffix not in FORMATS:
            raise InvalidOption(f"file {path} is neither JSON nor a page", next_step="let it end with .json or .html")
    return given, files


def _show(overview: Overview, *, trees: bool) -> None:
    """On the screen in colours, where it has them; in a log without."""
    display.display("\n".join(lines(overview, stringc, trees=trees)), screen_only=True)
    display.display("\n".join(lines(overview, trees=trees)), log_only=True)


def _write(path: Path, text: str) -> None:
    """Replaces the file as a whole: whoever looks sees the old one or the new one. Nobody else may read it."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise Failed(
            f"file {path} can not be written: {error.strerror or error}",
            next_step="correct the path or its permissions",
        ) from error
