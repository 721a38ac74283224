"""What is written as YAML and JSON is read back as what it was, and is readable."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.deployment.rendering import WIDTH, Commented, Short, json_text, text, yaml_block

TEXTS = [
    "", " ", "-", "- a", "~", "*", "&a", "!Ref a", "%", "@", "`", "a: b", "a:b", ":", "a:", "a #b", "#", "{}", "{a",
    "[a", "a, b", "yes", "No", "null", "true", "y", "1", "1.5", "2012-10-17", "0x1", "rds:*", "it's",
    "a\nb", 'a "b"', 'a "b"\nc', "it's \"b\"", "ends in a space ",
    "\\{.*\\}", "$.type = 1", "arn:*:iam::1:role/*", "a" * 130,
]  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(TEXTS),
    st.text("aZ1-_:#'\"{}[], *&!|>%@`\\", max_size=8),
    st.integers(-99, 99),
    st.booleans(),
)
KEYS = st.sampled_from(["Name", "aws:SourceAccount", "No", "1", "a b", "a: b", "*", "Long" * 20])
NODES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
TREES = st.dictionaries(KEYS, NODES, min_size=1, max_size=3)


@given(TREES)
def test_yaml_is_read_back_as_it_was(node: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_block(node, 0)) == node


@given(TREES)
def test_json_is_read_back_as_it_was(node: dict[str, Any]) -> None:
    assert json.loads(json_text(node)) == node


def test_what_fits_into_a_line_is_one_and_what_does_not_is_several() -> None:
    short, long = {"Name": ["a", "b"]}, {"Name": ["a" * 50, "b" * 50, "c" * 50]}

    assert yaml_block(short, 1) == " Name: [a, b]"
    lines = yaml_block(long, 1).splitlines()
    assert lines[0] == " Name:"
    assert [line[:4] for line in lines[1:]] == [" - a", " - b", " - c"]
    assert all(len(line) <= WIDTH for line in lines)


def test_a_comment_is_above_what_it_is_about_even_where_that_would_fit_into_a_line() -> None:
    node = {"Statement": [Commented("Why this is so.", {"Effect": "Allow"}), {"Effect": "Deny"}]}

    assert yaml_block(node, 0).splitlines() == [
        "Statement:", "# Why this is so.", "- {Effect: Allow}", "- {Effect: Deny}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("AuroraRestoreState", "AuroraRestoreState"),
        ("${KmsKeyArn}", Short("Ref", "KmsKeyArn")),
        ("${AWS::Region}", Short("Ref", "AWS::Region")),
        ("${TopicKey.Arn}", Short("GetAtt", "TopicKey.Arn")),
        ("arn:*:rds:${AWS::Region}:*", Short("Sub", "arn:*:rds:${AWS::Region}:*")),
    ],
)
def test_what_cloudformation_puts_in_has_the_shortest_form_that_says_so(
    pattern: str, expected: object
) -> None:
    assert text(pattern) == expected
