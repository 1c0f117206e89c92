"""The tables of a request are complete, and four eyes are four."""

from __future__ import annotations

import itertools

import pytest

from carnet.errors import RefusedError, RequestStateError
from carnet.transfer.request import OWNERS, STEPS, WHO, Role, State, Step, can_step, check_step


def test_every_state_has_owners_and_every_step_has_people():
    assert set(OWNERS) == set(State)
    assert set(WHO) == set(Step)
    assert {step for _, step in STEPS} == set(Step)


def test_every_state_can_be_reached_and_the_ends_have_no_way_out():
    reached = {State.REQUESTED} | set(STEPS.values())
    assert reached == set(State)
    for end in (State.RELEASED, State.REFUSED, State.STOPPED):
        assert not [one for one in STEPS if one[0] is end]
    assert [one for one in STEPS if one[0] is State.RELEASING] == [(State.RELEASING, Step.SETTLE)]


@pytest.mark.parametrize(("state", "step", "role"), list(itertools.product(State, Step, Role)))
def test_a_step_is_possible_exactly_where_the_tables_say(state, step, role):
    possible = (state, step) in STEPS and role in WHO[step]
    assert can_step(state, step, role=role, person="zhou", requested_by="li") is possible


def test_whoever_asked_does_not_approve_whatever_the_role():
    with pytest.raises(RefusedError, match="four eyes"):
        check_step(State.REQUESTED, Step.APPROVE, role=Role.APPROVER, person="li", requested_by="li")


def test_a_step_out_of_place_says_what_is_possible():
    with pytest.raises(RequestStateError, match="approve, refuse, stop"):
        check_step(State.REQUESTED, Step.RELEASE, role=Role.ENGINEER, person="li", requested_by="li")
    with pytest.raises(RequestStateError, match="it has ended"):
        check_step(State.STOPPED, Step.APPROVE, role=Role.APPROVER, person="zhou", requested_by="li")
