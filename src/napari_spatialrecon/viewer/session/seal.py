"""Which sessions were saved by this user: what they name elsewhere is opened without a question.

A session names the user's files by their paths, so one from a stranger could have any file of this
computer opened. What was saved here carries a seal of the paths, made with a key that stays in the
user's settings folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_BYTES = 32


def seal_of(paths: Iterable[str]) -> str:
    """Return the seal of paths; empty where the settings folder cannot hold the key."""
    key = _key()
    text = json.dumps(sorted(set(paths))).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest() if key else ""


def is_sealed(paths: Iterable[str], seal: object) -> bool:
    """Return whether the user of this computer sealed these paths."""
    expected = seal_of(paths)
    return bool(expected) and isinstance(seal, str) and hmac.compare_digest(expected, seal)


def key_file() -> Path:
    """Return the file that holds the key, for its owner alone to read."""
    import platformdirs

    return Path(platformdirs.user_config_dir("napari-spatialrecon")) / "session.key"


def _key() -> bytes:
    file = key_file()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(opened, "wb") as stream:
                stream.write(secrets.token_bytes(_BYTES))
        key = file.read_bytes()
        return key if len(key) == _BYTES else b""
    return b""
