"""Every clock, fine and route has a page with its source."""

from __future__ import annotations

import pytest

from carnet.law.data_pages import data_of, data_page
from carnet.law.lawbook import load_lawbook
from carnet.law.rules import Parameter
from carnet.service.cli import main

DATA = list(data_of(load_lawbook()))


def test_every_page_names_source_and_certainty():
    assert len(DATA) > 200
    for one in DATA:
        if not isinstance(one, Parameter):
            page = data_page(one)
            assert one.cite in page
            assert f"Certainty: {one.certainty}" in page
            assert one.id in page
    assert len({one.id for one in DATA}) == len(DATA)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("eu/clock/nis2_final", "counted: 1 month from eu/clock/nis2_notice"),
        ("us/clock/sec_8k", "counted: 4 business days from the issuer has decided"),
        ("nz/clock/nz_notify", "expected by the authority: 72 hours"),
        ("jp/clock/jp_prelim", "about 5 days from awareness"),
        ("sg/fine/sg_fine", "where it is above SGD 10,000,000"),
        ("mx/fine/mx_general", "100 to 320,000 UMA"),
        ("us/fine/doj_civil", "2 times the transaction"),
        ("kr/fine/kr_aggravated", "from 10,000,000 persons affected"),
        ("ru/localisation", "held as data"),
        ("vn/dossier_days", "60 from 2026-01-01"),
    ],
)
def test_the_command_shows_it(capsys, name: str, says: str):
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", name])
    assert caught.value.code == 0
    assert says in capsys.readouterr().out


def test_a_name_that_is_near_is_suggested(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["law", "show", "eu/clock/gdpr_3"])
    assert caught.value.code == 2
    assert "eu/clock/gdpr_33" in capsys.readouterr().err
