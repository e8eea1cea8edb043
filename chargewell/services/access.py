"""Who may do what at a broker that we start, written as each broker's own files.

The rules, for both: a station writes `ev/<its login>/from/#` and reads `ev/<its login>/to/#`; the bridge reads `ev/#`;
control alone writes `ev/+/to/#`; a declared aggregator writes `ev/+/from/#` and reads `ev/+/to/#`.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from chargewell.services.settings import MqttAccess

_ITERATIONS = 101  # Mosquitto's own default: its check runs on the broker's one thread at every login


def mosquitto_passwords(access: MqttAccess) -> str:
    """Mosquitto's password file: PBKDF2-HMAC-SHA512 with a salt, as `mosquitto_passwd` writes it."""
    return "".join(f"{login}:{_hashed(secret.get_secret_value())}\n" for login, secret in access.users.items())


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode("utf-8"), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def mosquitto_acl(access: MqttAccess) -> str:
    """Mosquitto's access list. The patterns hold for every login; they give the four kinds nothing they may abuse."""
    lines = [f"user {access.bridge}", "topic read ev/#", f"user {access.control}", "topic write ev/+/to/#"]
    for login in sorted(access.aggregators):
        lines += [f"user {login}", "topic write ev/+/from/#", "topic read ev/+/to/#"]
    lines += ["", "pattern write ev/%u/from/#", "pattern read ev/%u/to/#"]
    return "\n".join(lines) + "\n"


def artemis_users(access: MqttAccess) -> str:
    """Artemis' users file (name = password); plain, so the file is private."""
    return "".join(f"{_property(name)} = {_property(word.get_secret_value())}\n" for name, word in access.users.items())


def artemis_roles(access: MqttAccess) -> str:
    """Artemis' roles file: each login is a role of its own name."""
    return "".join(f"{_property(name)} = {_property(name)}\n" for name in access.users)


def _property(text: str) -> str:
    """A key or value of a Java properties file (ISO 8859-1, with escapes)."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.@") else f"\\u{ord(c):04x}" for c in text)


_USE = ("send", "consume", "createAddress", "createDurableQueue", "createNonDurableQueue", "deleteDurableQueue")
_READ = (*_USE[1:], "deleteNonDurableQueue", "browse")
_WRITE = ("send", "createAddress")


def artemis_security(access: MqttAccess) -> str:
    """Artemis' security settings: one entry per station, since its patterns cannot name the login.

    A login that is added later is known after a restart of the broker. An MQTT filter is checked as an address of
    its own: a station may subscribe to `ev/<login>/to/#` and to narrower filters below it, to nothing wider.
    """
    stations = sorted(set(access.users) - {access.bridge, access.control} - access.aggregators)
    speakers, hearers = sorted(access.aggregators), sorted(access.aggregators)
    entries = [
        _entry("#", {}),
        _entry("ev.#", {"read": [access.bridge]}),
        _entry("ev.*.from.#", {"read": [access.bridge], "write": speakers}),
        _entry("ev.*.to.#", {"read": [access.bridge, *hearers], "write": [access.control]}),
    ]
    for station in stations:
        name = station.replace(".", "\\.")
        entries.append(_entry(f"ev.{name}.from.#", {"read": [access.bridge], "write": [*speakers, station]}))
        entries.append(
            _entry(f"ev.{name}.to.#", {"read": [access.bridge, *hearers, station], "write": [access.control]})
        )
    return "\n".join(entries)


def _entry(match: str, roles: dict[str, list[str]]) -> str:
    lines = "".join(f"      {line}\n" for line in _permissions(roles))
    return f"    <security-setting match={quoteattr(match)}>\n{lines}    </security-setting>"


def _permissions(roles: dict[str, list[str]]) -> Iterator[str]:
    by_permission: dict[str, list[str]] = {}
    for use, permissions in (("read", _READ), ("write", _WRITE)):
        for permission in permissions:
            by_permission.setdefault(permission, []).extend(roles.get(use, ()))
    for permission, names in by_permission.items():
        if names:
            yield f"<permission type={quoteattr(permission)} roles={quoteattr(escape(','.join(names)))}/>"
