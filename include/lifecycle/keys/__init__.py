"""Keys: named random keys, where they are kept, and what is done with them.

Ground floor: this room reads and writes key files and nothing else. It knows no database, no ledger and
no clock. Creating or destroying a key returns a value that the caller writes to the ledger.
"""

from lifecycle.keys.keyring import INTAKE_MASTER_KEY_VARIABLE, MASTER_KEY_VARIABLE, FileKeyring
from lifecycle.keys.provider import (
    KEY_BYTES,
    DestroyedKey,
    KeyProvider,
    PublicKey,
    Purpose,
    SigningKey,
    keyed_fingerprint,
)

__all__ = [
    "INTAKE_MASTER_KEY_VARIABLE",
    "KEY_BYTES",
    "MASTER_KEY_VARIABLE",
    "DestroyedKey",
    "FileKeyring",
    "KeyProvider",
    "PublicKey",
    "Purpose",
    "SigningKey",
    "keyed_fingerprint",
]
