"""Builds, once per machine and recipe, the Debians and images that whole servers stand on.

Run as a program it builds them if they are not there yet, so that no test has to wait for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import Final

from tests.support.machine import STACK, Machine, Trees, create_machine
from tests.support.network import create_network
from tests.support.workplace import Workplace, cache, one_at_a_time

BUILD_SECONDS: Final = 900
RECIPE: Final = ("build.sh", "Dockerfile.postgres", "Dockerfile.api", "docker-entrypoint.sh", "api.py")
IMAGES: Final = {"postgres": "sentraplay-test/postgres:15", "api": "sentraplay-test/api:1"}


class CannotBuildError(Exception):
    """The trees cannot be built here; the message says why."""


def prepare_trees() -> Trees:
    """The trees, from the cache or built now (about three minutes and a Debian mirror). Raises CannotBuildError."""
    recipe = hashlib.sha256(b"\0".join((STACK / name).read_bytes() for name in RECIPE)).hexdigest()[:12]
    trees = Trees(cache() / f"trees-{recipe}")
    with one_at_a_time("trees"):
        if not trees.directory.exists():
            _build(trees)
    return trees


def _build(trees: Trees) -> None:
    for stale in cache().glob("trees-*"):
        # A keeper may be removing what a killed run left, at the same time.
        shutil.rmtree(stale, ignore_errors=True)
    partial = Trees(trees.directory.with_name(f"{trees.directory.name}.partial-{os.getpid()}"))
    workplace = Workplace()
    workplace.undo_with("rm", "-rf", "--one-file-system", str(partial.directory))
    try:
        partial.directory.mkdir(mode=0o755)
        _build_debians(partial)
        _build_images(workplace, partial)
        partial.directory.rename(trees.directory)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotBuildError(f"servers for tests cannot be built here: {error}") from error
    finally:
        workplace.close()


def _build_debians(trees: Trees) -> None:
    log = trees.directory / "build.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [str(STACK / "build.sh"), str(trees.directory)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=BUILD_SECONDS,
            check=False,
        )
    if done.returncode:
        raise OSError("build.sh: " + " / ".join(log.read_text(errors="replace").splitlines()[-3:]))


def _build_images(workplace: Workplace, trees: Trees) -> None:
    machine = create_machine(workplace, create_network(workplace), trees, "builder")
    try:
        _import_debian(machine)
        for name, image in IMAGES.items():
            context = f"/root/{name}"
            machine.path(context).mkdir()
            shutil.copy(STACK / f"Dockerfile.{name}", machine.path(context) / "Dockerfile")
            for file in ("docker-entrypoint.sh", "api.py"):
                shutil.copy(STACK / file, machine.path(context))
            machine.run("env", "DOCKER_BUILDKIT=0", "docker", "build", "-q", "-t", image, context)
        machine.run("sh", "-c", 'kill "$(cat /run/docker.pid)"; while [ -e /run/docker.pid ]; do sleep 0.1; done')
    finally:
        machine.power_off()
    shutil.move(machine.directory / "docker", trees.docker)
    shutil.rmtree(trees.image)


def _import_debian(machine: Machine) -> None:
    with subprocess.Popen(["tar", "-C", str(machine.trees.image), "-c", "."], stdout=subprocess.PIPE) as tar:
        argv = machine.enter(["docker", "import", "-", "sentraplay-test/debian:12"])
        subprocess.run(argv, stdin=tar.stdout, capture_output=True, check=True, timeout=300)
    if tar.returncode:
        raise OSError(f"tar of {machine.trees.image}: exit {tar.returncode}")


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        try:
            print(f"servers for the tests: {prepare_trees().directory}")
        except CannotBuildError as error:
            sys.exit(str(error))
