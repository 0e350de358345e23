"""The form that Prefect draws for a deployment, and what its server takes for the flow's
parameters.
"""

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import ValidationError, validate

from image_tags.flows.flow_parameters import FIRST, find_group, list_settings
from image_tags.flows.pipeline import image_tags
from image_tags.tasks.contracts.settings import Settings

SCHEMA = parameter_schema(image_tags).model_dump_for_openapi()
"""What `prefect deploy` sends; the server holds each run's parameters against it."""

EVERY = Settings(
    **{
        name: value
        for name, field in list_settings().items()
        if (
            value := {"tuple[int, ...]": (8080,), "tuple[str, ...]": ("a", "b")}.get(
                str(field.annotation)
            )
        )
        is not None
    },
    source="s3://bucket/feed/",
)
"""With something in every list."""


def test_the_form_has_every_setting_under_its_name_group_after_group():
    fields = SCHEMA["properties"]
    assert [name for name, _ in sorted(fields.items(), key=lambda one: one[1]["position"])] == list(
        list_settings()
    )
    short = sorted(fields, key=lambda name: fields[name]["position"])[: len(FIRST)]
    assert short == list(FIRST), "what most people fill in comes first"
    for name, setting in list_settings().items():
        assert fields[name]["title"] == name
        assert fields[name]["description"] == f"[{find_group(name)}] {setting.description}"
    assert SCHEMA["required"] == ["source"]


@pytest.mark.parametrize(
    "settings", [Settings(source="feed.csv"), EVERY], ids=["defaults", "lists"]
)
def test_every_parameter_goes_to_the_server_and_back_as_json(settings):
    """A list stands for a tuple, null for what is left open."""
    parameters = settings.model_dump(mode="json")
    assert all(parameters[name] == ["a", "b"] for name in ("metric", "blocked_names")) == (
        settings is EVERY
    )
    validate(parameters, SCHEMA, raise_on_error=True)
    assert Settings(**image_tags.validate_parameters(parameters)) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_cost", "ten"),
        ("max_cost", -1),
        ("operations", "detect_text"),
        ("extra_ports", ["http"]),
        ("analyzer", "gpt"),
        ("csv", "yes"),
        ("source", None),
        ("fresh_for", ["30 days"]),
    ],
)
def test_the_server_refuses_what_cannot_be(name, value):
    with pytest.raises(ValidationError, match=name):
        validate({"source": "feed.csv", name: value}, SCHEMA, raise_on_error=True)


@pytest.mark.parametrize(
    ("value", "seconds"), [("30 days", 2592000.0), (90, 90.0), ("20 h", 72000)]
)
def test_a_duration_is_a_number_of_seconds_or_text(value, seconds):
    parameters = {"source": "feed.csv", "fresh_for": value, "ask_again_after": value}
    validate(parameters, SCHEMA, raise_on_error=True)
    settings = Settings(**image_tags.validate_parameters(parameters))
    assert (settings.fresh_for, settings.ask_again_after) == (seconds, seconds)


def test_no_parameter_takes_a_secret():
    """They would stand in Prefect's database in plain text. `sse_kms_key` is the name of a key."""
    words = ("secret", "password", "token", "credential", "access_key", "api_key", "auth")
    assert not [name for name in list_settings() if any(word in name for word in words)]
