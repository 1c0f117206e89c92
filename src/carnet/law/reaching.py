"""Which legal orders have a say in a movement."""

from __future__ import annotations

from typing import Any

from carnet.law.closures import Truth
from carnet.law.compiled import OrderLaw
from carnet.law.conditions import MOVEMENT
from carnet.law.situation import Situation


class Reaching:
    """Finds which legal orders have a say, from what is known of the movement as a whole."""

    def __init__(self, facts: Situation) -> None:
        self.views = facts.views
        self.shared: dict[Any, Truth] = {}

    def by(self, law: OrderLaw) -> Truth:
        """Say whether an order has a say."""
        # Terms belong to one order, and to one day of it.
        self.shared.clear()
        return law.reached(self, MOVEMENT)
