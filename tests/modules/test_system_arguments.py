"""What is refused by schema of the modules for a system, before a host is touched."""

from __future__ import annotations

import pytest

from runner.schema import argument_problems, named


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("service", {"name": "x"}, "at least one of the arguments 'enabled' or 'state' is needed"),
        ("systemd", {"scope": "user"}, "'daemon_reload' or 'name' is needed"),
        ("apk", {"state": "present"}, "'name', 'update_cache' or 'upgrade' is needed"),
        ("apk", {"name": "x", "upgrade": True}, "exclude each other"),
        ("dnf", {"state": "latest"}, "'name' or 'update_cache' is needed"),
        ("apt", {"purge": True}, "or 'upgrade' is needed"),
        ("apt", {"deb": "https://x/y.deb"}, "expected an absolute path"),
        ("apt", {"name": "x", "force": True}, "'force'"),
        ("mount", {"path": "/x", "state": "mounted"}, "the argument 'src' is missing"),
        ("mount", {"path": "/x", "state": "present", "src": "y"}, "the argument 'fstype' is missing"),
        ("cron", {"name": "x"}, "the argument 'job' is missing"),
        ("user", {"name": "x", "append": True}, "the argument 'groups' is missing"),
        ("user", {"name": "x", "ssh_key_passphrase": "y"}, "'ssh_key_passphrase'"),
        ("sysctl", {"name": "x"}, "the argument 'value' is missing"),
        ("git", {"repo": "x", "dest": "relative"}, "expected an absolute path"),
        ("setup", {"gather_timeout": 0}, "gather_timeout"),
        ("package", {"name": "x"}, "the argument 'state' is missing"),
    ],
)
def test_what_cannot_work_is_refused_before_the_run(module: str, arguments: dict[str, object], said: str) -> None:
    problems = argument_problems(module, arguments, rendered=False)
    assert any(said in f"{problem.path} {problem.message}" for problem in problems), problems


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("mount", {"path": "/x", "state": "absent"}),
        ("cron", {"name": "x", "state": "absent"}),
        ("sysctl", {"key": "x", "val": 1}),
        ("mount", {"name": "/x", "state": "unmounted"}),
        ("user", {"name": "x", "groups": "", "comment": ""}),
        ("apt", {"update_cache": True}),
        ("systemd", {"daemon_reload": True}),
    ],
)
def test_what_can_work_is_accepted(module: str, arguments: dict[str, object]) -> None:
    assert argument_problems(module, named(module, arguments), rendered=False) == []
