"""The command line itself: help, misuse, exit codes."""

from __future__ import annotations

import pytest
from click import Context, Group, Option

from runner.cli.app import application
from runner.cli.lazy import LazyGroup
from tests.cli.program import Program


def commands(group: Group, prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in group.list_commands(Context(group)):
        command = group.get_command(Context(group), name)
        found.append((f"{prefix}{name}", command))
        if isinstance(command, Group):
            found += commands(command, f"{prefix}{name} ")
    return found


ALL = commands(application())


@pytest.mark.parametrize(("name", "command"), ALL, ids=[name for name, _ in ALL])
def test_every_option_is_explained(name: str, command: object) -> None:
    from click import Command

    assert isinstance(command, Command)
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, Option)]
    assert [option.name for option in options if not option.help] == []


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    group = application()
    assert isinstance(group, LazyGroup)
    for name, entry in group.entries.items():
        assert entry.load().get_short_help_str(limit=200) == entry.summary, name


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("runn", "x.yml"),
        ("run",),
        ("run", "--no-such-flag", "x.yml"),
        ("run", "missing.yml"),
        ("run", "."),
        ("run", "play.yml", "-i", "missing"),
        ("run", "play.yml", "--forks", "0"),
        ("run", "play.yml", "--forks", "many"),
        ("run", "play.yml", "--output", "xml"),
        ("run", "play.yml", "-e", "word"),
        ("run", "play.yml", "-e", "{not json"),
        ("run", "play.yml", "-e", "@missing.yml"),
        ("run", "play.yml", "-e", "not-a-name=1"),
        ("run", "play.yml", "-e", "a='b"),
        ("run", "play.yml", "-K"),
        ("resume", "--check"),
        ("runs", "forget"),
        ("validate",),
        ("validate", "missing.yml"),
        ("doc", "pg_dunp"),
    ],
    ids=" ".join,
)
def test_misuse_is_one_clear_message_and_exit_code_5(sentraplay: Program, argv: tuple[str, ...]) -> None:
    sentraplay.write("play.yml", "- hosts: localhost\n  tasks:\n    - debug: {msg: hello}\n")
    ended = sentraplay(*argv)
    assert ended.code == 5, ended.everything
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.everything
    assert ended.out == ""
    assert len(ended.err.splitlines()) <= 4, ended.err


def test_near_misses_are_answered_with_the_right_word(sentraplay: Program) -> None:
    sentraplay.write("restore.yml", "[]")
    assert "Did you mean 'run'?" in sentraplay("runn").err
    assert "did you mean restore.yml?" in sentraplay("run", "restor.yml").err
    assert "did you mean pg_dump?" in sentraplay("doc", "pg_dunp").err


def test_version_and_help_end_well(sentraplay: Program) -> None:
    assert sentraplay("--version").out.startswith("sentraplay, version ")
    for argv in (["--help"], ["run", "--help"], ["runs", "--help"], ["runs", "show", "--help"]):
        ended = sentraplay(*argv)
        assert ended.code == 0
        assert "Usage: sentraplay" in ended.out


def test_part_of_a_misquoted_password_is_not_repeated(sentraplay: Program) -> None:
    sentraplay.write("play.yml", "[]")
    ended = sentraplay("run", "play.yml", "-e", "db_password=two words")
    assert ended.code == 5
    assert "words" not in ended.everything.replace("two words'", "")
