"""Solutions behind a key: what `solution()` finds in the copies that a class gets.

`alexnet class make` packs the lessons' exercises, so that no solution is to be read in them, and
puts the solutions beside this file, sealed. The clone has no such file; there, all are open.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from alexnet_lib.checks import InputError

FILE_NAME = "solutions.sealed"
CLOSED = '# Your teacher has the key of this class: solution("the key") opens it.'
HINTS_ARE_OPEN = "hint(1), hint(2) and hint(3) are open to all."

_FILE = Path(__file__).with_name(FILE_NAME)
_SALT, _MARK, _ROUNDS = 16, 16, 200_000  # bytes, bytes, and some 0.1 s for each key that is tried


def are_sealed() -> bool:
    """Whether this package is a class's copy."""
    return _FILE.is_file()


def sealed_solution(exercise: str, key: str) -> str:
    """The source of one solution; without a key, a line that says who has it.

    Raises:
        InputError: the key is another one, or the file is damaged.
    """
    return unseal(_FILE.read_text(encoding="ascii"), key)[exercise] if key else CLOSED


def seal(texts: Mapping[str, str], key: str) -> str:
    """Texts as one line of letters, which nobody reads without the key."""
    plain, salt = json.dumps(dict(texts)).encode(), secrets.token_bytes(_SALT)
    secret = _secret(key, salt)
    return base64.b64encode(salt + _mark(secret, plain) + _mixed(secret, plain)).decode()


def unseal(sealed: str, key: str) -> dict[str, str]:
    """The texts again.

    Raises:
        InputError: the key is another one, or the sealed texts are damaged.
    """
    try:
        whole = base64.b64decode(sealed, validate=True)
    except ValueError as error:
        raise InputError(
            f"the sealed solutions are damaged ({error}); copy the kit anew."
        ) from None
    salt, mark, hidden = whole[:_SALT], whole[_SALT : _SALT + _MARK], whole[_SALT + _MARK :]
    secret = _secret(key, salt)
    plain = _mixed(secret, hidden)
    if not hmac.compare_digest(mark, _mark(secret, plain)):
        raise InputError("that is not the key of this class; it stands in teacher/key.txt.")
    return json.loads(plain)


def _secret(key: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", key.strip().encode(), salt, _ROUNDS)


def _mark(secret: bytes, plain: bytes) -> bytes:
    return hmac.digest(secret, b"mark" + plain, "sha256")[:_MARK]


def _mixed(secret: bytes, text: bytes) -> bytes:
    """The text with a stream of the secret's own bytes; mixed twice, it is itself again."""
    blocks = range(len(text) // 32 + 1)
    stream = b"".join(hmac.digest(secret, i.to_bytes(8, "big"), "sha256") for i in blocks)
    return bytes(one ^ other for one, other in zip(text, stream, strict=False))
