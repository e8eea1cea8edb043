"""What may be stored of an RFID or contract id: a keyed hash, so that equal ids stay equal and nothing else is told."""

import hashlib
from collections.abc import Callable


def token_hasher(key: bytes) -> Callable[[str], str]:
    """The hash of an id under `key`: 32 hexadecimal digits (BLAKE2b). Ids are compared without regard to case, as in OCPP."""
    if not key:
        raise ValueError("the key under which ids are hashed is empty: set flows.token_key")
    short = key if len(key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(key).digest()

    def hashed(token: str) -> str:
        return hashlib.blake2b(token.upper().encode("utf-8", "replace"), key=short, digest_size=16).hexdigest()

    return hashed
