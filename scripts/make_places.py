"""Make `src/carnet/recognise/data/countries.json.gz`: country outlines for `carnet.recognise.places`.

Run it from a checkout that has the real data beside it: `python scripts/make_places.py ../shared/data`.
The source is Natural Earth 1:50m (public domain) as the npm package world-atlas 2.0.2 ships it (ISC). The
outlines are the source's, point for point; only their order of bytes is ours. Shapes without an ISO 3166-1
number stay in, under `null`: a point in one of them has no country.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parent.parent / "src" / "carnet" / "recognise" / "data" / "countries.json.gz"
# ISO 3166-1: numeric code and alpha-2.
NUMBERS = """
004AF 008AL 010AQ 012DZ 016AS 020AD 024AO 028AG 031AZ 032AR 036AU 040AT 044BS 048BH 050BD 051AM 052BB
056BE 060BM 064BT 068BO 070BA 072BW 074BV 076BR 084BZ 086IO 090SB 092VG 096BN 100BG 104MM 108BI 112BY
116KH 120CM 124CA 132CV 136KY 140CF 144LK 148TD 152CL 156CN 158TW 162CX 166CC 170CO 174KM 175YT 178CG
180CD 184CK 188CR 191HR 192CU 196CY 203CZ 204BJ 208DK 212DM 214DO 218EC 222SV 226GQ 231ET 232ER 233EE
234FO 238FK 239GS 242FJ 246FI 248AX 250FR 254GF 258PF 260TF 262DJ 266GA 268GE 270GM 275PS 276DE 288GH
292GI 296KI 300GR 304GL 308GD 312GP 316GU 320GT 324GN 328GY 332HT 334HM 336VA 340HN 344HK 348HU 352IS
356IN 360ID 364IR 368IQ 372IE 376IL 380IT 384CI 388JM 392JP 398KZ 400JO 404KE 408KP 410KR 414KW 417KG
418LA 422LB 426LS 428LV 430LR 434LY 438LI 440LT 442LU 446MO 450MG 454MW 458MY 462MV 466ML 470MT 474MQ
478MR 480MU 484MX 492MC 496MN 498MD 499ME 500MS 504MA 508MZ 512OM 516NA 520NR 524NP 528NL 531CW 533AW
534SX 535BQ 540NC 548VU 554NZ 558NI 562NE 566NG 570NU 574NF 578NO 580MP 581UM 583FM 584MH 585PW 586PK
591PA 598PG 600PY 604PE 608PH 612PN 616PL 620PT 624GW 626TL 630PR 634QA 638RE 642RO 643RU 646RW 652BL
654SH 659KN 660AI 662LC 663MF 666PM 670VC 674SM 678ST 682SA 686SN 688RS 690SC 694SL 702SG 703SK 704VN
705SI 706SO 710ZA 716ZW 724ES 728SS 729SD 732EH 740SR 744SJ 748SZ 752SE 756CH 760SY 762TJ 764TH 768TG
772TK 776TO 780TT 784AE 788TN 792TR 795TM 796TC 798TV 800UG 804UA 807MK 818EG 826GB 831GG 832JE 833IM
834TZ 840US 850VI 854BF 858UY 860UZ 862VE 876WF 882WS 887YE 894ZM
"""


def rings_of(topology: dict[str, Any], geometry: dict[str, Any]) -> list[list[list[int]]]:
    """Give the rings of a shape as points in the source's own grid, outer and inner alike."""
    polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
    rings = []
    for polygon in polygons:
        for arcs in polygon:
            ring: list[list[int]] = []
            for number in arcs:
                x = y = 0
                points = []
                for dx, dy in topology["arcs"][number if number >= 0 else ~number]:
                    x, y = x + dx, y + dy
                    points.append([x, y])
                points = points if number >= 0 else points[::-1]
                ring += points[1:] if ring else points
            rings.append(ring)
    return rings


def main() -> None:
    """Write the file and print its digest."""
    source = Path(sys.argv[1]) / "boundaries" / "countries-50m.json"
    raw = source.read_bytes()
    topology = json.loads(raw)
    codes = {one[:3]: one[3:] for one in NUMBERS.split()}
    shapes = []
    for geometry in topology["objects"]["countries"]["geometries"]:
        rings = []
        for ring in rings_of(topology, geometry):
            flat = list(ring[0])
            for (x0, y0), (x1, y1) in itertools.pairwise(ring):
                flat += [x1 - x0, y1 - y0]
            rings.append(flat)
        shapes.append({"code": codes.get(geometry.get("id")), "rings": rings})
    form = {
        "countries": "v1",
        "source": "Natural Earth 1:50m admin 0 countries, from npm world-atlas 2.0.2 (countries-50m.json)",
        "source_sha256": hashlib.sha256(raw).hexdigest(),
        "licence": "Natural Earth: public domain; packaging: ISC, Copyright 2013-2019 Michael Bostock",
        "grid": {"scale": topology["transform"]["scale"], "origin": topology["transform"]["translate"]},
        "shapes": shapes,
    }
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else OUT  # noqa: PLR2004 -- the second word
    out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(form, separators=(",", ":"))
    out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{out.name}: {out.stat().st_size} bytes, sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
