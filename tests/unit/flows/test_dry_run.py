"""`image-tags plan`: what it tells about the source."""

from image_tags.flows.dry_run import plan_run
from image_tags.tasks.contracts.settings import Settings


def test_the_guesses_about_the_source_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("id|media\n1|http://127.0.0.1/1.jpg http://127.0.0.1/2.jpg\n")
    settings = Settings(
        source=str(tmp_path / "t.csv"),
        store=str(tmp_path / "store"),
        analyzer="rekognition",
        region="eu-west-1",
        operations=("detect_labels",),
    )
    planned = plan_run(settings, fetch=False)
    guesses = [
        "The delimiter is the bar, found by looking (see --delimiter).",
        "Links were taken from the column 'media', found by looking at the values.",
    ]
    assert planned.lines[:3] == ["1 row, 2 links, 2 of them distinct.", *guesses]
    assert planned.as_json()["remarks"] == guesses
