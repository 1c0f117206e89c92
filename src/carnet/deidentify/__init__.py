"""Takes people, plates, places and numbers out of recordings, in the vehicle's own formats.

`redact` makes the new file, `assurance` judges it with detectors that had no part in making it.
"""

from __future__ import annotations

from carnet.deidentify.order import PARTS, Outcome, RedactionOrder, RedactionReport, Region

__all__ = ["PARTS", "Outcome", "RedactionOrder", "RedactionReport", "Region"]
