"""A log as vehicle back ends write it, in four languages: values planted at known places, others that look alike.

Written from the formats' descriptions, not from the recognisers that are measured with it: numbers of vehicles by
49 CFR 565.15 and ISO 3779, plates of China (GA 36), Germany, Japan and the United States, Chinese identity numbers
(GB 11643), telephones, mails, positions. Nothing in it is anybody's: makers' codes, areas and serials are drawn, mail
domains are those of RFC 2606.
"""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

VALUES = {**{str(n): n for n in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True))}
VALUES |= {**dict(zip("JKLMN", range(1, 6), strict=True)), "P": 7, "R": 9}
VALUES |= dict(zip("STUVWXYZ", range(2, 10), strict=True))
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
PLATE_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
SURNAMES = ("wang", "li", "zhang", "mueller", "schmidt", "sato", "suzuki", "smith", "jones", "weber")
NEW_ENERGY, RARE, PLANTED = 0.3, 0.05, 0.4
HEX = "0123456789abcdef"
AREAS = ("110101", "310112", "440305", "510104", "330106")


@dataclass(frozen=True, slots=True)
class Planted:
    """A value in the text: first character, the one behind, and its kind."""

    start: int
    end: int
    kind: str


class Drawer:
    """Draws values; `chance` makes the draw repeatable."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def digits(self, many: int) -> str:
        """Give so many digits."""
        return "".join(self.chance.choice(string.digits) for _ in range(many))

    def letters(self, many: int, among: str = PLATE_SIGNS) -> str:
        """Give so many letters."""
        return "".join(self.chance.choice(among) for _ in range(many))

    def vin(self) -> str:
        """Give a vehicle number; its check digit holds where makers set one."""
        maker = self.chance.choice(
            ("LSV", "LFV", "LGX", "1HG", "5YJ", "WVW", "WBA", "JTD", "KMH", "VF1", "L00")
        )
        body = maker + self.letters(5, SIGNS) + "0" + self.letters(2, SIGNS) + self.digits(6)
        if maker[0] in "WVJK":
            return body[:8] + self.chance.choice("Z0X" + string.digits) + body[9:]
        total = sum(VALUES[sign] * weight for sign, weight in zip(body, WEIGHTS, strict=True))
        return body[:8] + "0123456789X"[total % 11] + body[9:]

    def identity(self) -> str:
        """Give a Chinese identity number."""
        number = (
            self.chance.choice(AREAS)
            + f"{self.chance.randrange(1950, 2008)}"
            + f"{self.chance.randrange(1, 13):02d}{self.chance.randrange(1, 29):02d}"
            + self.digits(3)
        )
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        return number + "10X98765432"[sum(int(n) * w for n, w in zip(number, weights, strict=True)) % 11]

    def plate_cn(self) -> str:
        """Give a Chinese plate."""
        head = (
            self.chance.choice("京沪粤苏浙川渝鄂陕津")
            + self.chance.choice("ABCDEFGH")
            + self.chance.choice(("", "·", " "))
        )
        if self.chance.random() < NEW_ENERGY:
            return head + self.chance.choice("DF") + self.digits(5)
        return head + "".join(self.chance.choice(PLATE_SIGNS + string.digits * 3) for _ in range(5))

    def plate_de(self) -> str:
        """Give a German plate."""
        town = self.chance.choice(("M", "B", "HH", "WOB", "S", "IN", "KÖL", "F"))
        number = f"{self.chance.randrange(1, 9999)}{self.chance.choice(('', '', 'E'))}"
        return f"{town}-{self.letters(2)} {number}"

    def plate_jp(self) -> str:
        """Give a Japanese plate."""
        kana = self.chance.choice("さすせそたちつてとなにぬねのはひふほま")
        office = self.chance.choice(("品川", "横浜", "名古屋", "なにわ", "練馬"))
        return f"{office} {self.chance.choice((300, 330, 500, 580))} {kana} {self.digits(2)}-{self.digits(2)}"

    def plate_us(self) -> str:
        """Give a Californian plate."""
        return f"{self.chance.randrange(1, 9)}{self.letters(3)}{self.digits(3)}"

    def phone_cn(self) -> str:
        """Give a Chinese mobile number."""
        number = self.chance.choice(("138", "139", "150", "177", "186", "199")) + self.digits(8)
        return self.chance.choice(
            (
                number,
                f"+86 {number[:3]} {number[3:7]} {number[7:]}",
                f"+86{number}",
                f"{number[:3]}-{number[3:7]}-{number[7:]}",
            )
        )

    def phone_de(self) -> str:
        """Give a German telephone number."""
        return self.chance.choice(
            (
                f"+49 {self.chance.choice(('170', '151', '89', '30'))} {self.digits(7)}",
                f"+49{self.chance.choice(('170', '151', '89'))}{self.digits(8)}",
            )
        )

    def phone_jp(self) -> str:
        """Give a Japanese mobile number."""
        return self.chance.choice(
            (
                f"0{self.chance.choice('789')}0-{self.digits(4)}-{self.digits(4)}",
                f"+81 90 {self.digits(4)} {self.digits(4)}",
            )
        )

    def phone_us(self) -> str:
        """Give a North American number of those kept for fiction."""
        area = f"{self.chance.choice('23456789')}{self.digits(2)}"
        return self.chance.choice(
            (
                f"+1 ({area}) 555-{self.digits(4)}",
                f"+1-{area}-555-{self.digits(4)}",
                f"({area}) 555-{self.digits(4)}",
            )
        )

    def mail(self) -> str:
        """Give a mail address."""
        mark = self.chance.choice((".", "_", ""))
        name = f"{self.chance.choice(SURNAMES)}{mark}{self.letters(2, string.ascii_lowercase)}"
        domain = self.chance.choice(
            ("mail.example", "fleet.example.com", "auto.example.org", "kunde.example.net")
        )
        return f"{name}{self.chance.randrange(100)}@{domain}"

    def place(self) -> tuple[float, float]:
        """Give a place: degrees of latitude and longitude."""
        at = self.chance.choice(((31.2, 121.4), (48.1, 11.6), (35.7, 139.7), (37.4, -122.1), (-33.9, 151.2)))
        return at[0] + self.chance.uniform(-0.4, 0.4), at[1] + self.chance.uniform(-0.4, 0.4)


def planted_values(draw: Drawer) -> list[tuple[str, Callable[[], str], tuple[str, ...]]]:
    """Give kinds, how a value is drawn, and the sentences it stands in."""

    def pair(form: str) -> Callable[[], str]:
        return lambda: form.format(*draw.place())

    return [
        (
            "vin",
            draw.vin,
            (
                "车架号 {} 已登记",
                "vehicle {} left the depot",
                "Fahrgestellnummer: {}",
                "車台番号={} 受信",
                "vin={} ok",
                "session for {} opened",
                '{{"vehicle":"{}"}}',
            ),
        ),
        ("plate", draw.plate_cn, ("车牌 {} 驶入", "{} 已离开停车场", "plate {} at gate 3", "seen: {}")),
        ("plate", draw.plate_de, ("Kennzeichen {} erkannt", "Fahrzeug {} steht im Hof", "licence plate: {}")),
        ("plate", draw.plate_jp, ("ナンバー {} を検出", "{} が入庫", "plate {} recognised")),
        ("plate", draw.plate_us, ("license plate {} matched", "number plate: {}", "plate={} state CA")),
        ("identity", draw.identity, ("身份证 {} 核验通过", "id card {} checked", "公民身份号码:{}", "{} ok")),
        (
            "phone",
            draw.phone_cn,
            ("电话 {} 无人接听", "callback {} requested", "车主手机:{}", "dialled {} twice"),
        ),
        ("phone", draw.phone_de, ("Rückruf unter {} erbeten", "Tel. {}", "contact {} notified")),
        ("phone", draw.phone_jp, ("電話 {} に連絡", "携帯:{}", "call {} missed")),
        ("phone", draw.phone_us, ("owner phone {} verified", "call {} dropped", "sms to {} sent")),
        (
            "mail",
            draw.mail,
            (
                "邮箱 {} 已验证",
                "report sent to {}",
                "Nachricht an {} gesendet",
                "メール {} 宛",
                "<{}> bounced",
            ),
        ),
        (
            "position",
            pair("{:.6f},{:.6f}"),
            ("位置 {}", "last fix {}", "Standort {}", "現在地 {}", "geo:{}", '{{"pos":"{}"}}'),
        ),
        ("position", pair("{:.5f} {:.5f}"), ("fix {} hdop 0.9", "停车点 {}")),
        ("position", pair('"lat": {:.6f}, "lon": {:.6f}'), ("{{{}}}", "payload {{{}}}")),
        ("position", pair("lat={:.5f} lng={:.5f}"), ("{} sats=12", "gnss {}")),
        (
            "position",
            lambda: "Breite {:.6f}, Länge {:.6f}".format(*draw.place()).replace(".", ","),
            ("{}", "Ziel: {}"),
        ),
        ("position", pair("纬度 {:.6f} 经度 {:.6f}"), ("{}", "终点 {}")),
    ]


def look_alikes(draw: Drawer) -> list[Callable[[], str]]:
    """Give lines in which nothing identifies anybody, though it looks as if."""
    chance = draw.chance
    return [
        lambda: (
            f"part {draw.digits(1)}{draw.letters(1)}{draw.digits(1)} {draw.digits(3)} {draw.digits(3)} "
            f"{draw.letters(2)} in stock"
        ),
        lambda: f"Teilenummer A{draw.digits(3)} {draw.digits(3)} {draw.digits(2)} {draw.digits(2)} verbaut",
        lambda: f"commit {hashlib.sha1(draw.digits(8).encode()).hexdigest()}",  # noqa: S324 - a look-alike
        lambda: f"sha256:{hashlib.sha256(draw.digits(8).encode()).hexdigest()}",
        lambda: f"digest {hashlib.md5(draw.digits(8).encode()).hexdigest()[:17]}",  # noqa: S324 - as above
        lambda: "request " + "-".join(draw.letters(many, HEX) for many in (8, 4, 4, 4, 12)),
        lambda: (
            f"M{chance.choice((6, 8, 10, 12))}x{chance.choice((20, 25, 30))} "
            f"{chance.randrange(8, 180)} Nm + {chance.choice((90, 180))}°"
        ),
        lambda: (
            f"torque {chance.uniform(0, 400):.1f} {chance.uniform(0, 400):.1f} {chance.uniform(0, 400):.1f} Nm"
        ),
        lambda: f"t={1_700_000_000_000 + chance.randrange(10**11)} seq={draw.digits(9)}",
        lambda: f"counter {draw.digits(18)} wrapped",
        lambda: (
            f"firmware {chance.randrange(30)}.{chance.randrange(60)}.{draw.digits(4)} build {draw.digits(11)}"
        ),
        lambda: (
            f"calibration {chance.uniform(0.9, 1):.3f} {chance.uniform(0, 0.1):.3f} {chance.uniform(-1, 1):.3f}"
        ),
        lambda: f"0x{draw.letters(8, '0123456789ABCDEF')} 0x{draw.letters(8, '0123456789ABCDEF')} bus off",
        lambda: f"DTC P{draw.digits(4)} U{draw.digits(4)} 状态 {draw.digits(2)}",
        lambda: f"订单 {draw.digits(16)} 已完成",
        lambda: f"部品番号 {draw.digits(5)}-{draw.digits(5)} を交換",
        lambda: f"Auftrag {draw.digits(10)} abgeschlossen, {chance.randrange(1, 99)},{draw.digits(2)} EUR",
        lambda: f"latency p50 {chance.uniform(0, 90):.2f} p99 {chance.uniform(0, 900):.2f} ms",
        lambda: (
            f"GET /v2/{draw.letters(6, string.ascii_lowercase)}"
            f"?page={chance.randrange(99)} 200 {chance.randrange(9999)}"
        ),
        lambda: (
            f"host 10.{chance.randrange(255)}.{chance.randrange(255)}.{chance.randrange(255)} up {draw.digits(6)} s"
        ),
        lambda: (
            f"电池 {chance.uniform(300, 420):.2f} V {chance.uniform(-200, 200):.1f} A SOC {chance.randrange(100)}%"
        ),
        lambda: f"ISO 26262-{chance.randrange(1, 12)}:2018 ASIL-D item {draw.letters(2)}-{draw.digits(3)}",
        lambda: f"serial {draw.letters(3)}{draw.digits(7)} lot {draw.letters(1)}{draw.digits(5)}",
        lambda: (
            "Werkzeug WZ-AB 12 gewechselt" if chance.random() < RARE else f"Prüfstand {draw.digits(2)} frei"
        ),
    ]


def mixed_log(lines: int, seed: int = 1) -> tuple[str, list[Planted]]:
    """Draw a log.

    Args:
        lines: how many; two in five hold a planted value.
        seed: of the draw.

    Returns:
        The text, and what was planted where.
    """
    draw = Drawer(random.Random(seed))  # noqa: S311 - a repeatable draw
    values, alikes = planted_values(draw), look_alikes(draw)
    parts: list[str] = []
    planted: list[Planted] = []
    at = 0
    for number in range(lines):
        clock = f"{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
        head = f"2026-08-{1 + number // 86400 % 28:02d}T{clock}Z {draw.chance.choice(('INFO', 'WARN', 'DEBUG'))} "
        if draw.chance.random() < PLANTED:
            kind, make, sentences = values[number % len(values)]
            value = make()
            before, _, after = (
                draw.chance.choice(sentences).replace("{{", "\x01").replace("}}", "\x02").partition("{}")
            )
            before, after = (one.replace("\x01", "{").replace("\x02", "}") for one in (before, after))
            start = at + len(head) + len(before)
            planted.append(Planted(start, start + len(value), kind))
            text = before + value + after
        else:
            text = draw.chance.choice(alikes)()
        line = f"{head}{text}\n"
        parts.append(line)
        at += len(line)
    return "".join(parts), planted
