"""The settings as options and as the flow's parameters."""

import inspect
import shlex

import click
import pytest
from click.testing import CliRunner

from image_tags.flows.cli_options import option_name, read_settings, setting_options
from image_tags.flows.flow_parameters import find_group, flatten_parameters, list_settings
from image_tags.flows.rerun import rerun_command
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.settings import Settings


@click.command()
@click.argument("source")
@setting_options()
def read(**given):
    try:
        settings = read_settings(given)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    click.echo(settings.model_dump_json())


def given(*words):
    result = CliRunner().invoke(read, list(words))
    assert result.exit_code == 0, result.output
    return Settings.model_validate_json(result.output)


def test_every_setting_is_an_option_and_a_parameter_of_the_same_name():
    names = list(list_settings())
    assert set(names) == set(Settings.model_fields)
    assert names[:4] == ["source", "url_column", "store", "analyzer"]
    listed = {opt for parameter in read.params for opt in parameter.opts}
    assert {option_name(name) for name in names if name != "source"} <= listed
    signature = inspect.signature(flatten_parameters(lambda settings: settings))
    assert list(signature.parameters) == names


def test_the_flow_function_gets_settings_and_help():
    def tags(settings: Settings) -> Settings:
        """Say something."""
        return settings

    made = flatten_parameters(tags)
    assert made(source="x", operations=["detect_text"]).operations == ("detect_text",)
    assert "max_cost: [Analysis] budget in USD" in made.__doc__


def test_nothing_given_means_the_defaults():
    assert given("t.csv") == Settings(source="t.csv")


def test_values_arrive():
    settings = given(
        "t.csv",
        "--operations",
        "detect_text, detect_labels",
        "--max-cost",
        "1.5",
        "--allow-private-addresses",
        "--no-celebrity-only",
        "--metric",
        "likes, total",
        "--metric",
        "shares",
        "--extra-ports",
        "8080,8443",
    )
    assert settings.operations == ("detect_text", "detect_labels")
    assert settings.max_cost == 1.5
    assert settings.allow_private_addresses
    assert not settings.celebrity_only
    assert settings.metric == ("likes, total", "shares")
    assert settings.extra_ports == (8080, 8443)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--max-cost", "-1"], "--max-cost"),
        (["--batch-size", "x"], "--batch-size"),
        (["--analyzer", "x"], "--analyzer"),
    ],
)
def test_a_value_that_is_not_allowed_names_the_option(words, sentence):
    result = CliRunner().invoke(read, ["t.csv", *words])
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_the_rerun_command_gives_the_same_settings():
    settings = Settings(
        source="my tweets.csv",
        store="s3://b/p",
        operations=("detect_text",),
        metric=("a b", "c"),
        celebrity_only=False,
        max_cost=2.0,
        allow_private_addresses=True,
        blocked_names=("x", "y"),
    )
    words = shlex.split(rerun_command(settings))
    assert words[:2] == ["image-tags", "run"]
    assert given(*words[2:]) == settings


def test_each_setting_has_a_group_and_a_sentence():
    for name, field in list_settings().items():
        assert find_group(name)
        assert field.description


def test_the_help_shows_which_options_take_a_unit():
    help_text = CliRunner().invoke(read, ["--help"]).output
    for option in ("--fresh-for", "--ask-again-after", "--store-wait", "--deadline"):
        assert f"{option} DURATION" in help_text
    assert "--max-cost X" in help_text
