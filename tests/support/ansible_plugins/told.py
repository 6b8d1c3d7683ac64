"""A callback of Ansible's that writes what happened as JSON lines into the file named by SENTRAPLAY_TOLD."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: told
    type: notification
    short_description: writes what happened as JSON lines
    description: For the tests of SentraPlay, which compare it.
"""


def _plain(value: Any) -> Any:
    """The value without the marks Ansible puts on everything."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "told"
    CALLBACK_NEEDS_ENABLED = True

    def _tell(self, **told: Any) -> None:
        with Path(os.environ["SENTRAPLAY_TOLD"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(_plain(told)) + "\n")

    def _ended(self, status: str, result: Any) -> None:
        task = result._task
        name, host = task.get_name(), result._host.get_name()
        self._tell(status=status, task=name, host=host, action=task.action, result=result._result)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ended("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._ended("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._ended("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._ended("ignored" if result._task.ignore_unreachable else "unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._tell(recap={host: stats.summarize(host) for host in sorted(stats.processed)})
