"""A repository by its address: what an inventory would say, and never a key on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import UsageError
from runner.schema import schema, value_problems
from runner.wiring.addresses import definition, is_address


def test_a_bucket_with_its_options_is_what_an_inventory_would_say() -> None:
    found = definition("s3://company-backups/production/eu?region=eu-central-1&endpoint=https://s3.example.com")
    assert found == {
        "type": "s3",
        "bucket": "company-backups",
        "prefix": "production/eu",
        "region": "eu-central-1",
        "endpoint": "https://s3.example.com",
    }
    assert not value_problems(schema("definitions.json")["definitions"]["repository"], found, rendered=True)


def test_a_bucket_of_google_is_one_too() -> None:
    found = definition("gs://company-backups/production?service_account_file=/etc/backup.json&project=company")
    assert found == {
        "type": "gcs",
        "bucket": "company-backups",
        "prefix": "production",
        "service_account_file": "/etc/backup.json",
        "project": "company",
    }
    assert not value_problems(schema("definitions.json")["definitions"]["repository"], found, rendered=True)


def test_a_path_is_a_directory_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert definition("./backups") == {"type": "directory", "path": str(tmp_path / "backups")}


@pytest.mark.parametrize("name", ["s3://b", "gs://b/p", "/srv/backups", "./x", "../x", "~/x"])
def test_addresses_are_told_from_names(name: str) -> None:
    assert is_address(name)
    assert not is_address("offsite")


@pytest.mark.parametrize(
    "address",
    [
        "s3://key:secret@bucket",
        "s3://bucket?secret_access_key=x",
        "s3://bucket?session_token=x",
        "gs://bucket?service_account_contents={}",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="holds a key") as refused:
        definition(address)
    assert "secret@" not in str(refused.value)


@pytest.mark.parametrize("address", ["ftp://host/path", "s3://", "http://bucket", "gs://"])
def test_what_is_no_address_is_answered_with_how_one_looks(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        definition(address)
    assert "s3://bucket" in refused.value.hint
