"""The service's OpenAPI document and reference pages, reduced to facts that ship with the tests.

`facts.json` has the paths, field names, types and enum members, in the document's own form and
without its prose, and the field names that each reference page shows. `extract` makes it.
"""

import json
from pathlib import Path
from typing import Any

# The reduced document does not contain these endpoints. Their facts are from the vendor's own
# clients, which send `alertUuid`, `savedClipTitle` and `savedClipDescription`.
UNDOCUMENTED_PATHS = frozenset({"/api/event/savePolicyAlertV2"})

FACTS = Path(__file__).with_name("facts.json")


def load_facts() -> dict[str, Any]:
    """The facts that ship with the tests: ``document`` and ``pages``."""
    facts: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return facts
