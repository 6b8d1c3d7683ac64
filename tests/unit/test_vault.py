"""Encrypted values and files: read with the right key, refused with a place otherwise, and never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.document import Cipher, Encrypted, load_text
from runner.document.encrypted import variable_names
from runner.errors import InvalidInput, Location, UsageError
from runner.secret import MASK, Redactor, Secret
from runner.template import Templar, TemplateError
from runner.vault import CannotOpen, IdentityFiles, Keys, VaultPassword
from runner.vault.age import seal, seal_value

MADE_BY_ANSIBLE = Path(__file__).parent.parent / "vaulted"
"""Files that the real ansible-vault wrote."""

ONE = VaultPassword(Secret("correct horse"))
DEV = VaultPassword(Secret("battery staple"), "dev")


def keys(*passwords: VaultPassword, required: bool = True) -> Keys:
    return Keys(Redactor(), passwords, required=required)


def values(name: str = "values.yml") -> dict[str, object]:
    data = keys().examine(MADE_BY_ANSIBLE / name).document
    assert data is not None
    assert isinstance(data.data, dict)
    return data.data


def opened(name: str, held: Keys) -> object:
    return Templar([], held.redactor, held).render("{{ " + name + " }}", values())


@pytest.mark.parametrize("passwords", [(ONE, DEV), (DEV, ONE)])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("db_password", "Tr0ub4dor&3"),
        ("api_token", "hunter22-dev"),
        ("note", "line one ä\nline two {{ not_a_template }}\n\nend"),
        ("nested.users[0].password", "nested-secret"),
    ],
)
def test_what_ansible_vault_encrypted_is_read_and_masked_from_then_on(
    name: str, value: str, passwords: tuple[VaultPassword, ...]
) -> None:
    held = keys(*passwords)
    assert opened(name, held) == value
    assert held.redactor.text(value) == MASK


def test_a_password_with_another_id_is_tried_too() -> None:
    assert opened("api_token", keys(VaultPassword(DEV.secret))) == "hunter22-dev"


@pytest.mark.parametrize(("name", "vault_id"), [("db_password", ""), ("api_token", " of the id 'dev'")])
def test_a_wrong_password_is_told_with_the_place(name: str, vault_id: str) -> None:
    with pytest.raises(TemplateError, match=f"'{name}': no vault password that was given opens this{vault_id}") as told:
        opened(name, keys(VaultPassword(Secret("wrong"))))
    assert f"values.yml:{ {'db_password': 2, 'api_token': 10}[name] }:{len(name) + 3}: " in told.value.message
    assert "damaged" in told.value.hint


def damaged(text: str) -> str:
    """With one digit of what was encrypted changed, far behind the salt."""
    return re.sub(r"(.)(\s*)$", lambda end: ("0" if end[1] != "0" else "1") + end[2], text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, "no vault password that was given opens this"),
        (lambda text: text[:-9], "damaged"),
        (lambda text: text.replace("1.1", "1.0"), "1.0 with AES256 is not supported"),
        (lambda text: text.replace("AES256", "AES"), "1.1 with AES is not supported"),
        (lambda text: "hello", "not in Ansible's vault format"),
        (lambda text: text.splitlines()[0], "damaged"),
        (lambda text: text.replace("6", "x"), "damaged|not supported"),
    ],
)
def test_damage_is_told_and_nothing_is_decrypted(change: object, message: str) -> None:
    value = values()["db_password"]
    assert isinstance(value, Encrypted)
    assert callable(change)
    broken = Encrypted(value.cipher, change(value.ciphertext), value.names, value.place)
    with pytest.raises(CannotOpen, match=message) as told:
        keys(ONE).value(broken)
    assert told.value.place == value.place


@settings(max_examples=20, deadline=None)
@given(value=st.text(max_size=200), password=st.text(min_size=1, max_size=20), label=st.sampled_from([None, "prod"]))
def test_whatever_the_real_ansible_vault_encrypts_is_read(value: str, password: str, label: str | None) -> None:
    vault = pytest.importorskip("ansible.parsing.vault", reason="ansible-core is not installed")
    secret = vault.VaultSecret(password.encode())
    made = vault.VaultLib([(label or "default", secret)]).encrypt(value, vault_id=label).decode()
    assert made.startswith(f"$ANSIBLE_VAULT;1.2;AES256;{label}\n" if label else "$ANSIBLE_VAULT;1.1;AES256\n")
    sealed = Encrypted(Cipher.ANSIBLE, made, ("a",), Location("f", 1, 1))
    assert keys(VaultPassword(Secret("another")), VaultPassword(Secret(password), label or "x")).value(sealed) == value


def test_without_a_password_it_says_how_to_give_one() -> None:
    with pytest.raises(TemplateError, match="'db_password' is encrypted, and no vault password was given") as told:
        opened("db_password", keys())
    assert "--vault-password-file" in told.value.hint


def test_a_whole_file_is_opened_and_everything_in_it_is_a_secret() -> None:
    held = keys(ONE)
    document = held.load_variables(MADE_BY_ANSIBLE / "whole.yml")
    assert isinstance(document.data, dict)
    templar = Templar([], held.redactor, held)
    assert held.redactor.redact("inside-the-file 54321") == "*** ***"
    dsn = templar.render("{{ whole_dsn }}", {**document.data, "db_host": "db1"})
    assert dsn == "postgres://app:in-the-dsn@db1/db"
    assert held.redactor.text(f"to {dsn}") == "to ***"


def test_a_whole_file_without_its_key_is_sealed_and_says_why() -> None:
    examined = keys().variables(MADE_BY_ANSIBLE / "whole_dev.yml")
    assert examined.sealed
    assert examined.document is None
    assert "the file is encrypted, and no key was given" in examined.problems[0].message
    with pytest.raises(InvalidInput, match="no vault password that was given opens this of the id 'dev'"):
        keys(ONE).load_variables(MADE_BY_ANSIBLE / "whole_dev.yml")


def test_what_is_unsafe_is_never_a_template() -> None:
    data = load_text("a: !unsafe '{{ b }}'\nc: !unsafe {d: ['{{ b }}', 3]}\nb: 1\n", "f.yml").data
    assert isinstance(data, dict)
    templar = Templar([], Redactor())
    assert templar.render("{{ a }}", data) == "{{ b }}"
    assert templar.render("{{ c.d }}", data) == ["{{ b }}", 3]
    assert templar.render(data["a"], data) == "{{ b }}"
    assert templar.usages(data) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!vault key: 1", "a key cannot be encrypted"),
        ("a: !age [x]", "the tag !age is for encrypted text"),
        ("a: !valt x", "the tag !valt is not known"),
    ],
)
def test_tags_in_the_wrong_place_are_errors(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_text(text, "f.yml")


# --- age


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, str]:
    """An identity file and its recipient."""
    return age_identity(tmp_path / "identity")


def age_identity(path: Path) -> tuple[Path, str]:
    import pyrage

    made = pyrage.x25519.Identity.generate()
    path.write_text(f"# created by a test\n{made}\n")
    path.chmod(0o600)
    return path, str(made.to_public())


def with_identity(*paths: Path, password: str | None = None) -> Keys:
    ask = (lambda _path: Secret(password)) if password else None
    return Keys(Redactor(), identities=IdentityFiles(paths, ask))


def yaml_of(**sealed: str) -> dict[str, object]:
    lines = [
        f"{name}: !age |\n" + "".join(f"  {line}\n" for line in text.splitlines()) for name, text in sealed.items()
    ]
    data = load_text("".join(lines), "f.yml").data
    assert isinstance(data, dict)
    return data


def test_an_age_value_is_read_by_each_of_its_recipients(tmp_path: Path) -> None:
    first, second = age_identity(tmp_path / "a"), age_identity(tmp_path / "b")
    sealed = seal_value("db_password", "tr0ub4dor ä\n", [first[1], second[1]])
    for path, _ in (first, second):
        held = with_identity(path)
        assert (
            Templar([], held.redactor, held).render("{{ db_password }}", yaml_of(db_password=sealed)) == "tr0ub4dor ä\n"
        )
        assert held.redactor.text("tr0ub4dor ä") == MASK


def test_a_value_moved_to_another_variable_is_refused(identity: tuple[Path, str]) -> None:
    path, recipient = identity
    sealed = seal_value("db_password", "x-secret-x", [recipient])
    with pytest.raises(CannotOpen, match="encrypted for the variable 'db_password', not for 'motd'") as told:
        with_identity(path).value(yaml_of(motd=sealed)["motd"])  # type: ignore[arg-type]
    assert str(told.value.place) == "f.yml:1:7"


def test_a_value_that_carries_no_name_is_refused(identity: tuple[Path, str]) -> None:
    path, recipient = identity
    with pytest.raises(CannotOpen, match="does not carry the name"):
        with_identity(path).value(yaml_of(a=seal(b"plain", [recipient]))["a"])  # type: ignore[arg-type]


def test_somebody_elses_value_is_refused(identity: tuple[Path, str], tmp_path: Path) -> None:
    other, _ = age_identity(tmp_path / "other")
    with pytest.raises(CannotOpen, match="no identity that was given opens this"):
        with_identity(other).value(yaml_of(a=seal_value("a", "x", [identity[1]]))["a"])  # type: ignore[arg-type]


def test_a_damaged_age_value_is_refused(identity: tuple[Path, str]) -> None:
    path, recipient = identity
    lines = seal_value("a", "x" * 200, [recipient]).splitlines()
    lines[-2] = lines[-2][::-1]
    with pytest.raises(CannotOpen, match="damaged"):
        with_identity(path).value(yaml_of(a="\n".join(lines))["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
def test_ssh_keys_are_recipients_and_identities(tmp_path: Path, kind: str, passphrase: str) -> None:
    public, private = ssh_key(tmp_path, kind, passphrase)
    sealed = seal_value("a", "by ssh", [public])
    assert with_identity(private, password=passphrase).value(yaml_of(a=sealed)["a"]) == "by ssh"  # type: ignore[arg-type]


def ssh_key(directory: Path, kind: str, passphrase: str) -> tuple[str, Path]:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    lock = form.BestAvailableEncryption(passphrase.encode()) if passphrase else form.NoEncryption()
    path = directory / f"id_{kind}"
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, lock))
    path.chmod(0o600)
    return key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode(), path


def test_a_wrong_passphrase_of_an_ssh_key_is_told(tmp_path: Path) -> None:
    public, private = ssh_key(tmp_path, "ed25519", "right")
    with pytest.raises(UsageError, match="the passphrase is another one"):
        with_identity(private, password="wrong").value(yaml_of(a=seal_value("a", "x", [public]))["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_an_identity_that_others_can_read_is_refused(identity: tuple[Path, str], mode: int) -> None:
    path, recipient = identity
    path.chmod(mode)
    with pytest.raises(UsageError, match="is not yours alone") as told:
        with_identity(path).value(yaml_of(a=seal_value("a", "x", [recipient]))["a"])  # type: ignore[arg-type]
    assert "chmod 600" in told.value.hint


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "AGE-SECRET-KEY-1NONSENSE\n", "-----BEGIN PRIVATE KEY-----\nx\n"]
)
def test_a_file_without_a_private_key_is_told(identity: tuple[Path, str], content: str) -> None:
    path, recipient = identity
    path.write_text(content)
    with pytest.raises(UsageError, match="holds no private key|cannot be used"):
        with_identity(path).value(yaml_of(a=seal_value("a", "x", [recipient]))["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize("recipient", ["age1nonsense", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1ABC", "", "me"])
def test_what_is_no_recipient_is_refused(recipient: str) -> None:
    with pytest.raises(UsageError, match="is no recipient"):
        seal(b"x", [recipient])


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (("db_password",), ("db_password",)),
        (("db", "password"), ("db.password",)),
        (("users", 0, "password"), ("users[].password",)),
        ((0, "vars", "db_password"), ("db_password",)),
        ((0, "tasks", 2, "block", 0, "vars", "a", "b"), ("a.b",)),
        ((0, "tasks", 2, "set_fact", "a"), ("a",)),
        ((0, "tasks", 2, "copy", "content"), ("copy.content",)),
        (("all", "vars", "a"), ("all.vars.a", "a")),
        (("all", "children", "db", "hosts", "db1", "a"), ("all.children.db.hosts.db1.a", "a")),
    ],
)
def test_a_variables_name_is_found_in_every_kind_of_file(path: tuple[str | int, ...], names: tuple[str, ...]) -> None:
    assert variable_names(path) == names
