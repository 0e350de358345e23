"""Names of tags as they are compared."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.effects.traits import fold_text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("SALE", "sale"),
        ("“Sale!”", "sale"),
        ("don't", "dont"),
        ("50%", "50"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("Vote, now", "vote now"),
        ("!!!", "!!!"),
        ("$5", "$5"),
        ("\uff33\uff21\uff2c\uff25", "sale"),
    ],
)
def test_case_and_punctuation_are_folded(text, folded):
    assert fold_text(text) == folded


@given(st.text(min_size=1))
def test_folding_loses_no_text_and_is_settled_after_the_first_time(text):
    folded = fold_text(text)
    if text.strip() and unicodedata.normalize("NFKC", text).strip():
        assert folded
    assert fold_text(folded.upper()) == fold_text(folded.upper().lower())
