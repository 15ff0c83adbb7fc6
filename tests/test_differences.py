"""docs/differences.md is complete: what gensim offers is here, with the same arguments, or is named on that page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import TREE

import fastw2v

PAGE = TREE / "docs" / "differences.md"
TESTS = TREE / "tests"
SHARED_CLASSES = ("KeyedVectors", "Word2Vec")

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="there is no documentation beside the tests")


def rows() -> list[list[str]]:
    """The cells of all tables, without heads and rules."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0] != "what" and not row[0].startswith("---")]


def test_each_difference_is_pinned_by_tests_that_exist() -> None:
    assert len(rows()) > 40
    for row in rows():
        assert len(row) == 4, row
        named = re.findall(r"`(test_\w+\.py)`", row[3])
        assert named, row
        for name in named:
            assert (TESTS / name).exists(), row


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """Names and defaults; arguments that follow a star are ours alone."""
    found = inspect.signature(function).parameters.values()
    return [(found.name, found.default) for found in found if found.kind is not found.KEYWORD_ONLY]


@pytest.mark.parametrize("name", SHARED_CLASSES)
def test_all_that_gensim_s_class_offers_is_here_or_on_the_page(name: str) -> None:
    theirs = getattr(pytest.importorskip("gensim.models"), name)
    ours = getattr(fastw2v, name)
    on_the_page = set(re.findall(r"`(\w+)[^`]*`", " ".join(row[0] for row in rows())))
    unexplained = []
    for attribute in dir(theirs):
        if (attribute.startswith("_") and attribute != "__init__") or attribute in on_the_page:
            continue
        method = getattr(ours, attribute, None)
        if method is None:
            unexplained.append(f"{attribute} is missing")
        elif callable(method) and parameters(method) != parameters(getattr(theirs, attribute)):
            unexplained.append(
                f"{attribute}{inspect.signature(getattr(theirs, attribute))} is {inspect.signature(method)}"
            )
    assert not unexplained
