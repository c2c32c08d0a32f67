"""Extract `facts.json` from the service's OpenAPI document and its reference pages.

``python -m tests.service_document.extract DOCUMENT PAGES`` writes it from the OpenAPI document and
a folder of reference pages saved as text.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.service_document import FACTS

# The other keys, such as descriptions, examples and tags, are prose or unrelated to types.
_KEPT = {"$ref", "type", "format", "nullable", "enum", "items", "additionalProperties", "required"}


def document_facts(document: dict[str, Any]) -> dict[str, Any]:
    """Return the paths and schemas of an OpenAPI document without its prose."""
    schemas = document["components"]["schemas"]
    return {
        "paths": {path: {"post": _operation(item["post"])} for path, item in _sorted(document)},
        "components": {"schemas": {name: _schema(schemas[name]) for name in sorted(schemas)}},
    }


def page_facts(page: str) -> Any:
    """Return the example response of a reference page with placeholders for its values."""
    return _placeholder(_longest_json_object(page))


def differences(facts: Any, known: Any, at: str = "$") -> list[str]:
    """Return the differences between *facts* and *known*, one line for each."""
    if isinstance(facts, dict) and isinstance(known, dict):
        lines = [f"{at}.{name}: absent from the data" for name in facts if name not in known]
        lines += [f"{at}.{name}: only in the data" for name in known if name not in facts]
        shared = [name for name in facts if name in known]
        return lines + [
            line
            for name in shared
            for line in differences(facts[name], known[name], f"{at}.{name}")
        ]
    if isinstance(facts, list) and isinstance(known, list) and facts != known:
        lines = [f"{at}: {item!r} is absent from the data" for item in facts if item not in known]
        lines += [f"{at}: {item!r} is only in the data" for item in known if item not in facts]
        return lines or [f"{at}: the order differs"]
    return [] if facts == known else [f"{at}: {facts!r}, but the data has {known!r}"]


def _sorted(document: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(document["paths"].items())


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    answer = operation["responses"]["200"]
    return {
        "requestBody": {"content": _content(operation["requestBody"])},
        "responses": {"200": {"content": _content(answer)}},
    }


def _content(body: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": _schema(body["content"]["application/json"]["schema"])}}


def _schema(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    kept = {name: schema[name] for name in sorted(_KEPT & schema.keys())}
    for name in ("items", "additionalProperties"):
        if name in kept:
            kept[name] = _schema(kept[name])
    if "properties" in schema:
        properties = schema["properties"]
        kept["properties"] = {name: _schema(properties[name]) for name in sorted(properties)}
    return kept


def _longest_json_object(page: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    found: list[tuple[int, dict[str, Any]]] = []
    for start, character in enumerate(page):
        if character == "{":
            try:
                value, end = decoder.raw_decode(page, start)
            except ValueError:
                continue
            found.append((end - start, value))
    return max(found, key=lambda pair: pair[0])[1]


def _placeholder(value: Any) -> Any:
    match value:
        case dict():
            return {name: _placeholder(value[name]) for name in sorted(value)}
        case list():
            return [_placeholder(item) for item in value]
        case str():
            is_member = re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", value) and len(set(value)) > 1
            return value if is_member else "text"
        case bool():
            return True
        case _:
            return 1


def main(document: str, pages: str) -> None:
    """Write `facts.json`."""
    facts = {
        "document": document_facts(json.loads(Path(document).read_text(encoding="utf-8"))),
        "pages": {
            page.name: page_facts(page.read_text(encoding="utf-8"))
            for page in sorted(Path(pages).glob("*.txt"))
        },
    }
    FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
