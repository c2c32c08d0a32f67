"""The facts that ship with the tests match the service's document and reference pages."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.service_document import load_facts
from tests.service_document.extract import differences, document_facts, page_facts


def test_facts_match_the_document_of_the_service() -> None:
    """A failure lists the differences between a newer document and the data."""
    path = os.environ.get("RHOMBUS_OPENAPI")
    if path is None:
        pytest.skip("RHOMBUS_OPENAPI does not name the service's OpenAPI document")
    facts = document_facts(json.loads(Path(path).read_text(encoding="utf-8")))
    assert differences(facts, load_facts()["document"]) == []


def test_facts_match_the_pages_of_the_vendor() -> None:
    folder = os.environ.get("RHOMBUS_VENDOR_PAGES")
    if folder is None:
        pytest.skip("RHOMBUS_VENDOR_PAGES does not name a folder of the vendor's pages")
    pages = {
        path.name: page_facts(path.read_text(encoding="utf-8")) for path in Path(folder).iterdir()
    }
    assert pages
    assert differences(pages, load_facts()["pages"]) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a field", lambda schemas: schemas["Resolution"]["properties"].update(depth={})),
        ("a type", lambda schemas: schemas["Resolution"].update(type="array")),
        ("a member", lambda schemas: schemas["ClipStatusEnum"]["enum"].insert(2, "NEW")),
        ("an order", lambda schemas: schemas["ClipStatusEnum"]["enum"].reverse()),
        ("a schema", lambda schemas: schemas.pop("Resolution")),
    ],
)
def test_every_change_of_the_document_is_reported(name: str, change: Any) -> None:
    known, newer = load_facts()["document"], load_facts()["document"]
    change(newer["components"]["schemas"])
    assert len(differences(newer, known)) == 1, name
