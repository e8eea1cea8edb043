"""Make the secrets of a compose deployment at its first start: passwords, broker logins, the settings file. Idempotent.

Usage: make_secrets.py FOLDER. Files that stand there are left as they are; a login is added by hand (docs/deploy.md).
Standard library only. Passwords of Mosquitto are kept as PBKDF2-SHA512, its own format ``$7$``.
"""

import base64
import hashlib
import os
import secrets
import sys
from pathlib import Path

OURS, MOSQUITTO = 10001, 1883
_ROUNDS = 210_000

MOSQUITTO_CONF = """\
listener 1883
allow_anonymous false
password_file /run/chargewell/mosquitto/passwords
acl_file /run/chargewell/mosquitto/acl
persistence true
persistence_location /mosquitto/data
autosave_interval 30
max_queued_messages 0
max_inflight_messages 0
"""
ACL = """\
# A station writes what it says and reads what it is told, under its own login only.
pattern write ev/%u/from/#
pattern read ev/%u/to/#

user bridge
topic read ev/#

user control
topic readwrite ev/+/to/#
"""


def mosquitto_hash(password: str) -> str:
    """A line of a Mosquitto password file holds this behind the login and a colon."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def put(path: Path, text: str, owner: int, mode: int = 0o400) -> None:
    """Write `text` for `owner` only, whole or not at all."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    if os.geteuid() == 0:
        os.chown(fresh, owner, owner)
    fresh.rename(path)


def make(folder: Path) -> bool:
    """Make everything under `folder`; False if it was made before."""
    settings = folder / "chargewell.toml"
    if settings.exists():
        return False
    words = {name: secrets.token_urlsafe(24) for name in ("postgres", "grafana", "bridge", "control")}
    put(folder / "postgres_password", words["postgres"], 70, 0o444)
    put(folder / "grafana_password", words["grafana"], 472)
    lines = [f"{login}:{mosquitto_hash(words[login])}" for login in ("bridge", "control")]
    put(folder / "mosquitto" / "passwords", "\n".join(lines) + "\n", MOSQUITTO)
    put(folder / "mosquitto" / "acl", ACL, MOSQUITTO)
    put(folder / "mosquitto" / "mosquitto.conf", MOSQUITTO_CONF, MOSQUITTO)
    put(
        settings,
        f'[database]\ndsn = "postgresql://chargewell:{words["postgres"]}@timescaledb/chargewell"\n\n'
        f'[mqtt]\nuser = "bridge"\npassword = "{words["bridge"]}"\n\n'
        f'[flows]\ntoken_key = "{secrets.token_urlsafe(32)}"\n\n'
        f'[control]\nsecret_key = "{secrets.token_urlsafe(32)}"\nmqtt_user = "control"\nmqtt_password = "{words["control"]}"\n',
        OURS,
    )
    return True


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print("secrets made" if make(folder) else "secrets were made before", f"in {folder}")  # noqa: T201
