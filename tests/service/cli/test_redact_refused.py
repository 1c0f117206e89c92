"""What the scan reads and nothing rewrites yet: `carnet redact` says so, by name, and leaves nothing behind."""

from __future__ import annotations

import io

import pytest

from carnet.service import cli


def parquet() -> bytes:
    pa = pytest.importorskip("pyarrow", reason="carnet[tables] is not installed")
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({"lat": [1.5, 2.5]}), out)
    return out.getvalue()


MADE = {"parquet": parquet}


@pytest.mark.parametrize("form", MADE)
def test_redact_names_the_format_that_it_does_not_rewrite(form, tmp_path, capsys):
    (tmp_path / "in").write_bytes(MADE[form]())
    with pytest.raises(SystemExit) as ended:
        cli.main(["redact", str(tmp_path / "in"), str(tmp_path / "out"), "--setting", "fast"])
    assert ended.value.code == 2
    assert f"carnet does not redact {form} yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
