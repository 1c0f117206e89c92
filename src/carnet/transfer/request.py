"""A request to move a recording: its states, who owns each, and the steps between them, as tables.

Four eyes: whoever asked does not approve. `check_step` raises with a reason, `can_step` is the same as a
yes or no, so there is one truth.
"""

from __future__ import annotations

from enum import StrEnum

from carnet.errors import RefusedError, RequestStateError
from carnet.model.ids import PersonId


class Role(StrEnum):
    """What a local account may do."""

    ENGINEER = "engineer"
    APPROVER = "approver"
    OFFICER = "officer"
    AUDITOR = "auditor"


class State(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    RELEASING = "releasing"
    RELEASED = "released"
    REFUSED = "refused"
    STOPPED = "stopped"
    PAUSED = "paused"


class Step(StrEnum):
    """What can be done with a request."""

    APPROVE = "approve"
    REFUSE = "refuse"
    STOP = "stop"
    PAUSE = "pause"
    AGAIN = "again"
    RELEASE = "release"
    SETTLE = "settle"


OWNERS: dict[State, frozenset[Role]] = {
    State.REQUESTED: frozenset({Role.APPROVER}),
    State.APPROVED: frozenset({Role.ENGINEER, Role.OFFICER}),
    State.RELEASING: frozenset(),
    State.RELEASED: frozenset(),
    State.REFUSED: frozenset(),
    State.STOPPED: frozenset(),
    State.PAUSED: frozenset({Role.ENGINEER, Role.OFFICER}),
}
"""Whose turn it is. `releasing` belongs to the node itself; released, refused and stopped are ends."""

STEPS: dict[tuple[State, Step], State] = {
    (State.REQUESTED, Step.APPROVE): State.APPROVED,
    (State.REQUESTED, Step.REFUSE): State.REFUSED,
    (State.REQUESTED, Step.STOP): State.STOPPED,
    (State.APPROVED, Step.STOP): State.STOPPED,
    (State.APPROVED, Step.RELEASE): State.RELEASING,
    (State.REQUESTED, Step.PAUSE): State.PAUSED,
    (State.APPROVED, Step.PAUSE): State.PAUSED,
    (State.PAUSED, Step.AGAIN): State.REQUESTED,
    (State.PAUSED, Step.REFUSE): State.REFUSED,
    (State.PAUSED, Step.STOP): State.STOPPED,
    (State.RELEASING, Step.SETTLE): State.RELEASED,
}
"""The steps there are. There is none out of `releasing` but the receipt: bytes may have left."""

WHO: dict[Step, frozenset[Role]] = {
    Step.APPROVE: frozenset({Role.APPROVER}),
    Step.REFUSE: frozenset({Role.APPROVER, Role.OFFICER}),
    Step.STOP: frozenset({Role.ENGINEER, Role.APPROVER, Role.OFFICER}),
    Step.RELEASE: frozenset({Role.ENGINEER, Role.OFFICER}),
    Step.SETTLE: frozenset(),
    Step.PAUSE: frozenset(),
    Step.AGAIN: frozenset({Role.ENGINEER, Role.OFFICER}),
}
"""Which roles may take a step; `settle` and `pause` are the node's own."""


def check_step(state: State, step: Step, *, role: Role, person: PersonId, requested_by: PersonId) -> State:
    """Give the state after the step.

    Raises:
        RequestStateError: the step does not start from this state.
        RefusedError: it is not this person's to take.
    """
    after = STEPS.get((state, step))
    if after is None:
        allowed = (
            ", ".join(one.value for (source, one) in STEPS if source is state and WHO[one])
            or "nothing: it has ended, or the node is at it"
        )
        raise RequestStateError(
            f"a request that is {state.value} cannot take the step {step.value}; it can: {allowed}",
            remedy="look at it first: carnet movement show",
        )
    if role not in WHO[step]:
        raise RefusedError(
            f"the role {role.value} may not {step.value}",
            remedy=f"ask somebody with the role {' or '.join(sorted(one.value for one in WHO[step])) or 'node'}",
        )
    if step is Step.APPROVE and person == requested_by:
        raise RefusedError(
            "whoever asked does not approve (four eyes)", remedy="ask a second person to look at it"
        )
    return after


def can_step(state: State, step: Step, *, role: Role, person: PersonId, requested_by: PersonId) -> bool:
    """Whether `check_step` would let it pass."""
    try:
        check_step(state, step, role=role, person=person, requested_by=requested_by)
    except RefusedError:
        return False
    return True
