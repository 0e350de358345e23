"""The files below deploy/ fit the installed Prefect, and stay those of prefect.yaml."""

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from prefect.events.schemas.automations import AutomationCore
from prefect.server.events.schemas.automations import AutomationCore as ServerAutomation
from prefect.states import AwaitingRetry
from prefect.utilities.schema_tools.validation import validate

ROOT = Path(__file__).parents[3]
KINDS = ("docker", "kubernetes", "ecs")
AUTOMATIONS = sorted((ROOT / "deploy" / "automations").glob("*.yaml"))
STANDARD = {"Completed", "Failed", "Cancelled", "Crashed"}
ALIVE = {"heartbeat", AwaitingRetry().name}
"""Events of a run that is at work, and of one that waits for a worker to begin it again."""


def deployments(path):
    return yaml.safe_load((ROOT / path).read_text())["deployments"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_variant_differs_from_prefect_yaml_in_its_work_pool_only(kind):
    usual, variant = deployments("prefect.yaml"), deployments(f"deploy/{kind}.yaml")
    assert len(usual) == len(variant) > 3
    for one, other in zip(usual, variant, strict=True):
        assert other.pop("work_pool")["name"] == f"image-tags-{kind}"
        assert one.pop("work_pool") == {"name": "image-tags"}
        assert one == other


def find_template(kind):
    """The template that Prefect itself has for these work pools."""
    found = files("prefect.server.api.collections_data").joinpath(
        "views/aggregate-worker-metadata.json"
    )
    workers = {
        name: one
        for package in json.loads(found.read_text()).values()
        for name, one in package.items()
    }
    return workers[kind]["default_base_job_configuration"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_job_variable_is_one_of_prefect_s(kind):
    template = find_template(kind)
    known = template["variables"]["properties"]
    for one in deployments(f"deploy/{kind}.yaml"):
        given = one["work_pool"]["job_variables"]
        assert set(given) <= set(known)
        # As the server does when the deployment is made: by types and allowed values too.
        assert validate(given, template["variables"], ignore_required=True) == []


def test_a_wrong_job_variable_is_found():
    template = find_template("ecs")
    wrong = {"launch_type": "FARGAT", "cpu": "much"}
    errors = validate(wrong, template["variables"], ignore_required=True)
    assert {error.json_path for error in errors} == {"$.launch_type", "$.cpu"}


def automation(path):
    text = path.read_text()
    for placeholder in ("BLOCK-ID", "DEPLOYMENT-ID"):
        text = text.replace(placeholder, str(UUID(int=1)))
    return yaml.safe_load(text)


@pytest.mark.parametrize("path", AUTOMATIONS, ids=lambda path: path.stem)
def test_an_automation_is_one_for_prefect_and_waits_for_events_that_exist(path):
    given = automation(path)
    AutomationCore.model_validate(given)
    ServerAutomation.model_validate(given)
    expected = {name.rpartition(".")[2] for name in given["trigger"]["expect"]}
    assert expected <= STANDARD | ALIVE


def test_a_run_that_ended_or_begins_again_is_no_zombie():
    (zombies,) = [path for path in AUTOMATIONS if path.stem == "zombies"]
    expected = {name.rpartition(".")[2] for name in automation(zombies)["trigger"]["expect"]}
    assert expected == STANDARD | ALIVE


def test_the_image_runs_as_nobody_special_and_installs_by_the_script_that_is_tested():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert text.index("USER 10001") > text.index("useradd")
    assert "HEALTHCHECK" in text
    assert "deploy/image/install.sh" in text
    assert (ROOT / "deploy/image/install.sh").stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(ROOT / "deploy/image/install.sh")], check=True)
