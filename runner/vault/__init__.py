"""Opening and sealing what is encrypted: values and whole files, in Ansible's format (read only) and in age's.

The only room that knows ciphers. What it opens is known to the redactor before anybody else sees it.
"""

from __future__ import annotations

from runner.vault.errors import CannotOpen
from runner.vault.identities import IdentityFiles
from runner.vault.keys import Keys
from runner.vault.passwords import VaultPassword

__all__ = ["CannotOpen", "IdentityFiles", "Keys", "VaultPassword"]
