"""Grafana over its HTTP API: folder, data source, dashboards and alert rules brought to what is wanted, and compared with it.

Idempotent: what is there as it should be is not touched. From Grafana 9.4 on.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException
from niquests.exceptions import RequestException

from connectors.grafana.settings import GrafanaSettings

OLDEST: Final = (9, 4)
SOURCE_NAME: Final = "Chargewell"
_NOT_COMPARED: Final = frozenset({"id", "version", "schemaVersion", "secureJsonData", "updated", "provenance", "orgID"})

Json = dict[str, Any]
Done = Literal["made", "changed", "as it was"]


class GrafanaError(RuntimeError):
    """Grafana did not do what was asked; the message says what, why, and what can be done."""


class Grafana:
    """One Grafana; a context manager that ends the connection. Every method raises GrafanaError."""

    def __init__(self, settings: GrafanaSettings) -> None:
        self._settings = settings
        self._url = str(settings.url).rstrip("/")
        credential: Any = None
        if settings.token is not None:
            credential = settings.token.get_secret_value()
        elif settings.user is not None and settings.password is not None:
            credential = (settings.user, settings.password.get_secret_value())
        else:
            raise GrafanaError("no login for Grafana: set grafana.token, or grafana.user and grafana.password")
        self._api = GrafanaApi.from_url(f"{self._url}/", credential, timeout=settings.timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.client.s.close()

    def version(self) -> str:
        """Grafana's version; refused where it is older than 9.4."""
        version = str(self._ask("say its version", lambda: self._api.version))
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers < OLDEST:
            raise GrafanaError(f"Grafana {version} at {self._url} is too old: 9.4 or newer is needed")
        return version

    def folder(self, uid: str, title: str) -> Done:
        """See that the folder is there."""
        if self._find(f"folder {uid}", lambda: self._api.folder.get_folder(uid)) is not None:
            return "as it was"
        self._ask(f"make the folder {title!r}", lambda: self._api.folder.create_folder(title, uid))
        return "made"

    def source(self, uid: str, kind: str) -> Done:
        """See that the data source is there, and as the settings say where they name a database."""
        found = self._source(uid)
        wanted = self._wanted_source(uid, kind)
        if found is None and wanted is None:
            raise GrafanaError(
                f"Grafana at {self._url} has no data source {uid!r}: set grafana.source_host (and _user, _password), or provision it"
            )
        if wanted is None or (found is not None and (found.get("readOnly") or _same_source(wanted, found))):
            return "as it was"
        if found is None:
            self._ask(f"make the data source {uid!r}", lambda: self._api.datasource.create_datasource(wanted))
            return "made"
        self._ask(
            f"change the data source {uid!r}", lambda: self._api.datasource.update_datasource(found["id"], wanted)
        )
        return "changed"

    def source_problem(self, uid: str) -> str | None:
        """What is wrong with the data source, as Grafana sees it; None if it answers."""
        if self._source(uid) is None:
            return f"data source {uid!r} is missing"
        health = self._ask(f"ask the data source {uid!r}", lambda: self._api.datasource.health_inquiry(uid))
        return None if health.success else f"data source {uid!r} does not answer: {health.message}"

    def dashboard(self, wanted: Json, folder_uid: str) -> Done:
        """See that the dashboard is there as wanted, in the folder."""
        state = self.dashboard_state(wanted)
        if state is None:
            return "as it was"
        body = {
            "dashboard": wanted | {"id": None},
            "folderUid": folder_uid,
            "overwrite": True,
            "message": "chargewell dashboards push",
        }
        self._ask(f"store the dashboard {wanted['uid']}", lambda: self._api.dashboard.update_dashboard(body))
        return "made" if state == "missing" else "changed"

    def dashboard_state(self, wanted: Json) -> str | None:
        """None if the dashboard is there as wanted, else `missing` or where it differs."""
        found = self._find(f"dashboard {wanted['uid']}", lambda: self._api.dashboard.get_dashboard(wanted["uid"]))
        return "missing" if found is None else difference(wanted, found["dashboard"])

    def rule(self, wanted: Json) -> Done:
        """See that the alert rule is there as wanted; people may still change it in Grafana."""
        state = self.rule_state(wanted)
        if state is None:
            return "as it was"
        api, uid = self._api.alertingprovisioning, wanted["uid"]
        if state == "missing":
            self._ask(f"make the alert rule {uid}", lambda: api.create_alertrule(wanted, disable_provenance=True))
            return "made"
        self._ask(f"change the alert rule {uid}", lambda: api.update_alertrule(uid, wanted, disable_provenance=True))
        return "changed"

    def rule_state(self, wanted: Json) -> str | None:
        """None if the alert rule is there as wanted, else `missing` or where it differs."""
        api = self._api.alertingprovisioning
        found = self._find(f"alert rule {wanted['uid']}", lambda: api.get_alertrule(wanted["uid"]))
        return "missing" if found is None else difference(wanted, found)

    def _source(self, uid: str) -> Json | None:
        found: Json | None = self._find(f"data source {uid}", lambda: self._api.datasource.get_datasource_by_uid(uid))
        return found

    def _wanted_source(self, uid: str, kind: str) -> Json | None:
        s = self._settings
        if s.source_host is None:
            return None
        secret = {"password": s.source_password.get_secret_value()} if s.source_password is not None else {}
        return {
            "uid": uid,
            "name": SOURCE_NAME,
            "type": kind,
            "access": "proxy",
            "url": s.source_host,
            "database": s.source_database,
            "user": s.source_user,
            "isDefault": False,
            "jsonData": {
                "sslmode": s.source_tls,
                "database": s.source_database,
                "postgresVersion": 1500,
                "timescaledb": s.source_timescaledb,
                "maxOpenConns": 10,
            },
            "secureJsonData": secret,
        }

    def _find(self, what: str, call: Callable[[], Any]) -> Any:
        """What `call` gives, or None where Grafana says that it is not there."""
        try:
            return call()
        except GrafanaClientError as error:
            if error.status_code == 404:
                return None
            raise self._refused(f"show the {what}", error) from error
        except (GrafanaException, RequestException) as error:
            raise self._refused(f"show the {what}", error) from error

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (GrafanaException, RequestException) as error:
            raise self._refused(what, error) from error

    def _refused(self, what: str, error: Exception) -> GrafanaError:
        code = getattr(error, "status_code", 0)
        remedy = {
            401: "the login is refused: check grafana.token, or grafana.user and grafana.password",
            403: "the login may not: a service account with the role Admin is needed",
        }.get(code, f"is grafana.url right, and does Grafana run? ({error})" if not code else str(error))
        return GrafanaError(f"Grafana at {self._url} did not {what}: {remedy}")


def difference(wanted: Any, found: Any, where: str = "") -> str | None:
    """Where `found` is not what `wanted` asks for, as a path; None if it is. What `found` has beyond it does not count."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        pairs = ((key, value) for key, value in wanted.items() if key not in _NOT_COMPARED or where)
        told = (difference(value, found.get(key), f"{where}.{key}" if where else str(key)) for key, value in pairs)
        return next((path for path in told if path is not None), None)
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            return where
        parts = (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(wanted, found, strict=True)))
        return next((path for path in parts if path is not None), None)
    return None if wanted == found or (wanted in (None, "", False, [], {}) and found is None) else where


def _same_source(wanted: Json, found: Json) -> bool:
    lacks_password = bool(wanted["secureJsonData"]) and not (found.get("secureJsonFields") or {}).get("password")
    return difference(wanted, found) is None and not lacks_password
