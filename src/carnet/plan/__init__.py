"""What must be taken out, made coarser or done so that a movement may go: `plan(movement, lawbook) -> Plan`.

`atoms` knows what can be done to the data, `doing` what can be obtained, `search` tries the sets of atoms.
"""

from __future__ import annotations

from carnet.plan.atoms import Aggregating, Atom, Coarsening, Confirm, Removal, without
from carnet.plan.doing import BEFORE, Consent, Done, Step
from carnet.plan.search import MAX_ATOMS, MAX_CELLS, MAX_OPTIONS, Option, Plan, plan

__all__ = [
    "BEFORE",
    "MAX_ATOMS",
    "MAX_CELLS",
    "MAX_OPTIONS",
    "Aggregating",
    "Atom",
    "Coarsening",
    "Confirm",
    "Consent",
    "Done",
    "Option",
    "Plan",
    "Removal",
    "Step",
    "plan",
    "without",
]
