"""The dashboards and alert rules as files: what is committed, what compose provisions, what `check` compares."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import alert_rules, fleet, pipeline, port, predictive, reliability
from dashboards.variables import DEFAULT_CONTROL_URL

BUILDERS: Final[tuple[Callable[[str], Dashboard], ...]] = (
    fleet.build, port.build, reliability.build, predictive.build, pipeline.build,
)  # fmt: skip
RULES_FILE: Final = "provisioning/alerting/chargewell.yaml"
_HEAD: Final = "# Made by `chargewell dashboards write`: JSON, which YAML readers take.\n"

Json = dict[str, Any]


def all_dashboards(control_url: str = DEFAULT_CONTROL_URL) -> dict[str, Dashboard]:
    """Every dashboard by its uid; links lead to the control pages at `control_url`."""
    made = [build(control_url.rstrip("/")) for build in BUILDERS]
    return {str(dashboard.uid): dashboard for dashboard in made}


def as_json(made: object) -> Json:
    """What the SDK made, as plain JSON values."""
    plain: Json = json.loads(json.dumps(made, cls=JSONEncoder))
    return plain


def all_json(control_url: str = DEFAULT_CONTROL_URL) -> dict[str, Json]:
    """Every dashboard by its uid, as plain JSON values."""
    return {uid: as_json(dashboard) for uid, dashboard in all_dashboards(control_url).items()}


def rules_json(folder_uid: str = alert_rules.FOLDER_UID) -> list[Json]:
    """The alert rules as Grafana's provisioning API takes them."""
    rules: list[Json] = as_json(alert_rules.group(folder_uid))["rules"]
    return rules


def texts(control_url: str = DEFAULT_CONTROL_URL) -> dict[str, str]:
    """The text of every file, by its name: `json/UID.json` under dashboards/, the rules under deploy/grafana/."""
    found = {f"json/{uid}.json": _text(dashboard) for uid, dashboard in all_json(control_url).items()}
    return found | {RULES_FILE: _HEAD + _text(_provisioned())}


def write(dashboards: Path, deploy: Path, control_url: str = DEFAULT_CONTROL_URL) -> list[Path]:
    """Write the files that differ or lack: dashboards under `dashboards`, alert rules under `deploy`; which ones."""
    written = []
    for name, text in texts(control_url).items():
        path = (deploy if name == RULES_FILE else dashboards) / name
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            written.append(path)
    return written


def _provisioned() -> Mapping[str, Any]:
    """The rules as a provisioning file has them: there, folder and group are named around them, by title."""
    rules = [
        {key: value for key, value in rule.items() if key not in ("folderUID", "ruleGroup", "orgID")}
        for rule in rules_json()
    ]
    group = {
        "orgId": 1,
        "name": alert_rules.GROUP,
        "folder": alert_rules.FOLDER,
        "interval": f"{alert_rules.EVERY_S}s",
        "rules": rules,
    }
    return {"apiVersion": 1, "groups": [group]}


def _text(plain: Mapping[str, Any]) -> str:
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
