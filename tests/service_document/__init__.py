"""The service's OpenAPI document and reference pages, reduced to facts that ship with the tests.

`facts.json` contains the paths, field names, types and enum members in the form of the document but
without its prose, and the example of each reference page. `extract` creates it.
"""

import json
from pathlib import Path
from typing import Any

# The reduced document does not contain these endpoints. Their facts are from the vendor's own
# clients, which send `alertUuid`, `savedClipTitle` and `savedClipDescription`.
UNDOCUMENTED_PATHS = frozenset({"/api/event/savePolicyAlertV2"})

FACTS = Path(__file__).with_name("facts.json")


def load_facts() -> dict[str, Any]:
    """Return the facts that ship with the tests, in the parts ``document`` and ``pages``."""
    facts: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return facts
