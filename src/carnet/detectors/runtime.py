"""OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from typing import Any


def load_openvino() -> Any:
    """Import OpenVINO; raises `ImportError` when it is not installed.

    Its model converter comes with telemetry that writes an id into the home folder and calls out. Nothing here
    converts at run time, so the converter is never imported: an entry of None makes its import fail, which
    OpenVINO allows for.
    """
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type] # such an entry may be None
    import openvino

    return openvino
