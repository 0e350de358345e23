"""Commands in docs/deploying.md and docs/operating.md parse; settings, links and so on exist."""

import inspect
import re
import shlex
from pathlib import Path
from uuid import UUID

import click
import prefect.cli.flow_run
import prefect.settings
import pytest
import yaml
from cyclopts.exceptions import CycloptsError
from prefect.cli._app import _app

from image_tags.flows.cli import main

ROOT = Path(__file__).parents[3]
TEXT = "\n".join((ROOT / "docs" / name).read_text() for name in ("deploying.md", "operating.md"))
BLOCKS = re.findall(r"^ *```\w*\n(.*?)^ *```$", TEXT, re.DOTALL | re.MULTILINE)
PROGRAM = re.compile(r"^(?:ExecStart=\S*/)?(prefect|image-tags) (?=[-a-z])")


def commands(program):
    """Each command line of a program, in a block or in backticks, as its words."""
    lines = [line.strip() for block in BLOCKS for line in block.splitlines()] + re.findall(
        r"`([^`\n]+)`", TEXT
    )
    found = []
    for line in lines:
        said = PROGRAM.match(line)
        if said and said[1] == program:
            found.append(tuple(shlex.split(line[said.end() :], comments=True)))
    return sorted(set(found))


def prefect_parses(words):
    """Whether Prefect's command line takes these words; `--no-prompt` is taken off before, and `ID`
    stands for one.
    """
    given = [str(UUID(int=1)) if word == "ID" else word for word in words if word != "--no-prompt"]
    _app.parse_args(given, exit_on_error=False, print_error=False)


def unknown_to_image_tags(words):
    """Of the words, the command or the options that `image-tags` does not have."""
    command = main.get_command(click.Context(main), words[0])
    if command is None:
        return words[:1]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return [word for word in words[1:] if word.startswith("--") and word not in known | {"--help"}]


@pytest.mark.parametrize("words", commands("prefect"), ids=" ".join)
def test_prefect_has_this_command(words):
    prefect_parses(words)


@pytest.mark.parametrize("words", commands("image-tags"), ids=" ".join)
def test_image_tags_has_this_command(words):
    assert not unknown_to_image_tags(words)


@pytest.mark.parametrize(
    "words", ["server start --prot 1", "deploy --al", "worker start --poll x", "nothing"]
)
def test_a_command_that_is_not_there_would_be_seen(words):
    with pytest.raises(CycloptsError, match="Unknown"):
        prefect_parses(words.split())
    assert unknown_to_image_tags(words.split())
    assert unknown_to_image_tags(["doctor", "--sotre", "x"]) == ["--sotre"]


def test_every_setting_is_one_of_the_installed_prefect():
    names = set(re.findall(r"PREFECT_[A-Z_]+[A-Z]", TEXT))
    assert len(names) > 10
    # One is no setting: `prefect flow-run execute` alone reads it.
    elsewhere = inspect.getsource(prefect.cli.flow_run)
    unknown = {name for name in names if not hasattr(prefect.settings, name)}
    assert not [name for name in unknown if f'"{name}"' not in elsewhere]


def test_every_deployment_is_in_prefect_yaml_and_none_is_left_out():
    config = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    there = {
        f"image-tags/{one['name']}"
        for one in config["deployments"]
        if one["entrypoint"].endswith(".image_tags")
    }
    named = set(re.findall(r"`(image-tags/[a-z-]+)`", TEXT))
    assert named == there
    assert {
        words[2] for words in commands("prefect") if words[:2] == ("deployment", "run")
    } <= there


def test_the_lines_to_change_are_those_of_where():
    config = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    table = TEXT.split("change the lines below `where`")[1].split("\n\n")[1]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(
        config["definitions"]["where"]
    )


def test_its_links_lead_to_files_and_headings():
    for file, heading in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", TEXT):
        text = (ROOT / "docs" / file).read_text() if file else TEXT
        titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert heading in [
            "",
            *(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles),
        ]


def test_each_unit_has_the_settings_that_the_page_shows():
    units = [block for block in BLOCKS if "[Service]" in block]
    assert len(units) == 2
    for unit, name in zip(units, ("server", "worker"), strict=True):
        assert f"EnvironmentFile=/etc/image-tags/{name}.env" in unit
        assert f"`/etc/image-tags/{name}.env`" in TEXT
