import json
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_tags.tasks.adapters.analyzers.quotas import LARGE_REGIONS, published_quota
from image_tags.tasks.adapters.aws.policy import api_name, policy
from image_tags.tasks.contracts.errors import UsageError
from image_tags.tasks.contracts.operations import OPERATIONS


def actions(document):
    return [action for statement in document["Statement"] for action in statement["Action"]]


def test_without_a_prefix_the_whole_bucket_is_the_store():
    document = policy("my-bucket", operations=["detect_labels"])
    by_sid = {statement["Sid"]: statement for statement in document["Statement"]}
    assert by_sid["ListTheStore"]["Resource"] == "arn:aws:s3:::my-bucket"
    assert "Condition" not in by_sid["ListTheStore"]
    assert by_sid["KeepTheStore"]["Resource"] == "arn:aws:s3:::my-bucket/*"


def test_with_a_prefix_nothing_else_in_the_bucket_can_be_touched():
    by_sid = {
        statement["Sid"]: statement for statement in policy("b-b", "/tags/2026/")["Statement"]
    }
    assert by_sid["KeepTheStore"]["Resource"] == "arn:aws:s3:::b-b/tags/2026/*"
    assert by_sid["ListTheStore"]["Condition"] == {
        "StringLikeIfExists": {"s3:prefix": "tags/2026/*"}
    }


@given(st.lists(st.sampled_from(sorted(OPERATIONS)), unique=True))
def test_only_the_operations_asked_for_are_allowed(operations):
    asked = [
        action
        for action in actions(policy("b-b", operations=operations))
        if action.startswith("rekognition:")
    ]
    assert asked == [f"rekognition:{api_name(name)}" for name in operations]


def test_every_operation_has_the_name_that_aws_gives_it():
    names = (
        boto3.Session().client("rekognition", region_name="us-east-1").meta.method_to_api_mapping
    )
    assert {name: api_name(name) for name in OPERATIONS} == {
        name: names[name] for name in OPERATIONS
    }


def test_no_action_or_resource_is_wider_than_need_be():
    document = policy(
        "b-b", "p", OPERATIONS, kms_key="arn:aws:kms:eu-west-1:111122223333:key/k", quotas=True
    )
    assert not [action for action in actions(document) if "*" in action]
    for statement in document["Statement"]:
        # Rekognition and Service Quotas have no resources to name.
        if statement["Sid"] not in ("AskRekognition", "ReadTheQuotas"):
            assert statement["Resource"].startswith(
                ("arn:aws:s3:::b-b", "arn:aws:kms:eu-west-1:111122223333:key/k")
            )


def test_keys_and_quotas_are_allowed_only_if_they_are_used():
    assert not [
        action for action in actions(policy("b-b")) if action.startswith(("kms:", "servicequotas:"))
    ]
    wide = actions(policy("b-b", kms_key="arn:key", quotas=True))
    assert {"kms:GenerateDataKey", "kms:Decrypt", "servicequotas:ListServiceQuotas"} <= set(wide)


def test_an_unknown_operation_is_wrong_usage():
    with pytest.raises(UsageError, match="detect_lables"):
        policy("b-b", operations=["detect_lables"])


class TestDocs:
    TEXT = (Path(__file__).parents[5] / "docs" / "aws.md").read_text()

    def between(self, mark):
        return self.TEXT.split(f"<!-- {mark} -->\n")[1].split(f"<!-- /{mark} -->")[0]

    def test_the_policy_shown_is_the_one_printed(self):
        shown = json.dumps(policy("my-bucket", "image-tags"), indent=2)
        assert self.between("policy") == f"```json\n{shown}\n```\n"

    def test_the_quotas_shown_are_those_kept(self):
        rows = ["| region | faces, a second | each other operation, a second |", "|---|---|---|"]
        for name, region in [
            (", ".join(LARGE_REGIONS), LARGE_REGIONS[0]),
            ("elsewhere", "eu-central-1"),
        ]:
            faces, other = (published_quota(op, region) for op in ("detect_faces", "detect_labels"))
            rows.append(f"| {name} | {faces:.0f} | {other:.0f} |")
        assert self.between("quotas") == "\n".join(rows) + "\n"
