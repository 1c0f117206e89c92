"""The account of what became law: complete, and honest about what only reports."""

from pathlib import Path

import pytest
import yaml

from carnet.errors import LawbookError
from carnet.law.coverage import beyond, count, outcomes_of, read_coverage, reason_of
from carnet.law.lawbook import COVERAGE, default_folder, load_lawbook
from carnet.law.orders import every_order
from carnet.service.cli.coverage import entries_of

FOLDERS = sorted(path.parent.name for path in default_folder().glob(f"*/{COVERAGE}"))


def order_in(folder: str):
    return next(one for one in every_order(load_lawbook()) if one.folder == folder)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_entry_is_carried_or_says_why_not(folder: str):
    order = order_in(folder)
    entries = entries_of(default_folder(), order)
    assert entries
    counts = count(entries, order)
    assert counts["entries"] == len(entries)
    for one in entries:
        if outcomes_of(one, order) == ("not modelled",):
            assert reason_of(one)


def test_a_rule_that_no_entry_names_is_told():
    order = order_in("cn")
    entries = entries_of(default_folder(), order)
    assert beyond(entries, order) == ()
    assert beyond(entries[:1], order)


def test_no_entry_on_china_is_left_out(shared: Path):
    base = yaml.safe_load((shared / "regulations" / "cn.yaml").read_text(encoding="utf-8"))
    told = {one.path for one in entries_of(default_folder(), order_in("cn"))}
    for section, entries in base.items():
        if section in {"meta", "sources", "instruments", "open_questions"}:
            continue
        if isinstance(entries, list):
            assert {f"{section}.{one['id']}" for one in entries} <= told
        else:
            assert any(path == section or path.startswith(f"{section}.") for path in told)


def test_a_rule_that_only_reports_is_not_modelled():
    order = order_in("cn")
    text = "coverage: v1\nentries:\n- {entry: a, rules: [cn/prov_2021/art_3_5]}\n"
    [entry] = read_coverage(text, "here", order)
    assert outcomes_of(entry, order) == ("not modelled",)
    assert reason_of(entry) == "only reported, by cn/prov_2021/art_3_5"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("- {entry: a}", "not modelled for a reason"),
        ("- {entry: a, rules: [cn/face_px], not_modelled: no}", "cn/face_px"),
        ("- {entry: a, rules: [cn/pipl/art_4], not_modelled: no}", "not modelled for a reason"),
        ("- {entry: a, parameters: [cn/face]}", "cn/face_px"),
        ("- {entry: a, not_modelled: x}\n- {entry: a, not_modelled: y}", "twice"),
        ("- {entry: a, why: x}", "why"),
    ],
)
def test_a_careless_account_is_refused(line: str, says: str):
    with pytest.raises(LawbookError) as caught:
        read_coverage(f"coverage: v1\nentries:\n{line}\n", "here", order_in("cn"))
    assert says in f"{caught.value.what} {caught.value.remedy}"


def test_the_account_is_no_part_of_the_digest():
    assert not any(path.endswith(COVERAGE) for path in load_lawbook().texts)
