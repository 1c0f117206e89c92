"""carnet keeps vehicle data in its country and lets out only what the law allows, with proof.

`carnet.redact(source, out)` is what `carnet redact` does; see `carnet.service.redaction`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carnet.service.redaction import redact as redact

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load what stands at the top only when it is asked for: the core needs none of it."""
    if name == "redact":
        from carnet.service.redaction import redact

        return redact
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
