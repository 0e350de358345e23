"""A worker's environment keeps a deployment's paths within folders and buckets."""

import pytest

from image_tags.tasks.adapters.files.confinement import BUCKETS, FOLDERS, Confinement
from image_tags.tasks.contracts.errors import UsageError


def confined(**environment):
    return Confinement.from_environment(environment)


def test_without_variables_nothing_is_refused():
    for address in ("/etc/passwd", "s3://any/key", "relative"):
        confined().check("source", address)


def test_paths_are_judged_by_where_they_lead(tmp_path):
    data, other = tmp_path / "data", tmp_path / "data-of-others"
    data.mkdir()
    other.mkdir()
    (data / "link").symlink_to(other)
    confinement = confined(**{FOLDERS: f"{data}:/nowhere"})
    for inside in (data, data / "feed.csv", data / "sub" / "*.csv", data / ".." / "data" / "x"):
        confinement.check("source", str(inside))
    for outside in (other, data / ".." / "x", data / "link" / "x", "/etc/passwd", "x.csv", "~/x"):
        with pytest.raises(UsageError, match=f"may not use source .*{FOLDERS} allows"):
            confinement.check("source", str(outside))


def test_buckets_and_prefixes():
    confinement = confined(**{BUCKETS: "mine, shared/feed/"})
    for inside in ("s3://mine", "s3://mine/a/b", "s3://shared/feed", "s3://shared/feed/x"):
        confinement.check("store", inside)
    for outside in ("s3://mine2/a", "s3://shared/feeds/x", "s3://shared", "s3://other"):
        with pytest.raises(UsageError, match=f"may not use store .*{BUCKETS} allows mine"):
            confinement.check("store", outside)


def test_an_empty_variable_allows_nothing_of_its_kind():
    with pytest.raises(UsageError, match="no folder"):
        confined(**{FOLDERS: ""}).check("people", "/anywhere")
    confined(**{FOLDERS: ""}).check("store", "s3://any/key")
