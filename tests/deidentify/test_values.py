"""The order, masks, and numbers in text and on a bus: properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.deidentify import PARTS, Outcome, RedactionOrder, RedactionReport, Region
from carnet.deidentify.can_vin import CanVins
from carnet.deidentify.find import Finding, carried
from carnet.deidentify.masks import CELLS, SOLID, bounds, edges, mask_area, mask_picture, mask_planes
from carnet.deidentify.vin import find_vins, scrub, scrub_text
from carnet.detectors.box import Box
from carnet.errors import RedactionError
from carnet.model.factsheet import Tool
from carnet.model.ids import DataClass
from carnet.model.shares import lower_bound

VIN = b"L00CARNE3T0000000"
seconds = st.floats(0, 1e6, allow_nan=False)


@given(
    st.frozensets(st.sampled_from([p for p in PARTS if p not in {"trip_ends", "sensitive_places"}])),
    seconds,
    seconds,
    st.sampled_from(["release", "fast"]),
)
def test_an_order_reads_back(remove, head, tail, setting):
    order = RedactionOrder(remove, (DataClass("location"),), head, tail, setting)
    assert RedactionOrder.from_json(order.to_json()) == order


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"remove": ["voices"]}, "voices"),
        ({"remove": ["trip_ends"]}, "trimming"),
        ({"trim_head_s": -1}, "seconds"),
        ({"trim_head_s": float("nan")}, "seconds"),
        ({"setting": "best"}, "setting"),
        ({"keep_audio": True}, "sound"),
        ({"blur": 3}, "blur"),
        ({"trim_tail_s": "soon"}, "type"),
    ],
)
def test_a_wrong_order_is_refused(form, word):
    with pytest.raises(RedactionError, match=word):
        RedactionOrder.from_json(form)


def test_a_report_reads_back():
    outcome = Outcome(
        3,
        2,
        1,
        (Region(0, "cam", "face", (1.0, 2.0, 3.0, 4.0), 0.5, "track"),),
        ("/fix",),
        ("x",),
        {"m": 1},
        "cut",
    )
    report = RedactionReport(
        "a", "b", "0", "1", "fast", (Tool("t", "1"),), ("faces",), {"head_s": 0.0}, outcome
    )
    assert RedactionReport.from_json(report.to_json()) == report


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 60),
    st.integers(2, 60),
    st.sampled_from([SOLID, CELLS]),
    st.data(),
)
def test_a_mask_leaves_constant_cells_and_touches_nothing_else(seed, width, height, cells, data):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    made = image.copy()
    mask_area(made, (left, top, right, bottom), cells)
    outside = np.ones((height, width), dtype=bool)
    outside[top:bottom, left:right] = False
    assert (made[outside] == image[outside]).all()
    across, down = edges(left, right), edges(top, bottom)
    assert len(across) <= 5
    assert len(down) <= 5
    for row in range(len(down) - 1):
        for column in range(len(across) - 1):
            cell = made[down[row] : down[row + 1], across[column] : across[column + 1]]
            assert cell.size
            assert (cell == cell[0, 0]).all()


@given(st.integers(0, 2**32 - 1))
def test_a_mask_depends_on_cell_means_alone(seed):
    chance = np.random.default_rng(seed)
    image = chance.integers(0, 256, (32, 48), dtype=np.uint8)
    other = image.copy()
    across, down = edges(4, 44), edges(3, 31)
    for row in range(4):
        for column in range(4):
            part = np.s_[down[row] : down[row + 1], across[column] : across[column + 1]]
            shuffled = other[part].ravel()
            chance.shuffle(shuffled)
            other[part] = shuffled.reshape(other[part].shape)
    mask_area(image, (4, 3, 44, 31), CELLS)
    mask_area(other, (4, 3, 44, 31), CELLS)
    assert (image[3:31, 4:44] == other[3:31, 4:44]).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16]), st.integers(8, 16))
def test_a_mask_says_nothing_of_what_it_hides(seed, kind, bits):
    chance = np.random.default_rng(seed)
    made = []
    for _ in range(2):
        image = np.full((32, 48), (1 << min(bits, 8 * np.dtype(kind).itemsize)) - 1, dtype=kind)
        image[3:31, 4:44] = chance.integers(0, 200, (28, 40), dtype=kind)
        mask_area(image, (4, 3, 44, 31))
        made.append(image)
    assert (made[0] == made[1]).all()
    assert len(np.unique(made[0][3:31, 4:44])) == 1


def test_boxes_outside_the_picture_change_nothing():
    image = np.full((10, 10, 3), 7, dtype=np.uint8)
    assert mask_picture(image, [Box(50, 50, 5, 5, 1.0), Box(-20, 0, 5, 5, 1.0)]) == 0
    assert bounds(Box(8, 8, 10, 10, 1.0), 10, 10) == (6, 6, 10, 10)


def test_planes_of_half_size_are_masked_over_the_whole_box():
    full = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    half = np.random.default_rng(2).integers(0, 256, (32, 32), dtype=np.uint8)
    before = half.copy()
    assert mask_planes([(full, 1, 1), (half, 2, 2)], [Box(11, 11, 21, 21, 1.0)], 64, 64) == 1
    changed = np.argwhere(half != before)
    assert changed.min() == 4
    assert changed.max() >= 16


def test_a_finding_is_carried_to_a_frame_that_lacks_it():
    here = Finding("face", Box(0, 0, 10, 10, 0.9))
    near = Finding("face", Box(1, 0, 10, 10, 0.8))
    far = Finding("face", Box(40, 0, 10, 10, 0.8))
    found = carried((here,), (near, far))
    assert [one.by for one in found] == ["detector", "track"]
    assert found[1].box == far.box
    assert carried((), (near,))[0].by == "track"


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_known_vin_survives_and_lengths_stay(before, after):
    for spelt in (VIN, VIN.lower(), VIN.decode().encode("utf-16-le"), VIN.decode().encode("utf-16-be")):
        data = before + spelt + after
        made = scrub(data, [VIN])
        assert spelt not in made
        assert len(made) == len(data)


def test_vins_are_known_by_their_shape():
    assert find_vins(b"car L00CARNE3T0000000, and 12345678901234567") == {VIN}
    assert find_vins(b"ABCDEFGHJKLMNPRST") == set()
    assert find_vins(b"xL00CARNE3T0000000") == set()
    assert scrub_text("vin=1FTFW1ET5DFC10312;", []) == "vin=XXXXXXXXXXXXXXXXX;"
    text = b"nothing here"
    assert scrub(text, [VIN]) is text


def frames_isotp(vin=VIN):
    content = b"\x62\xf1\x90" + vin
    first = bytes([0x10, len(content)]) + content[:6]
    rest = [content[6 + 7 * n : 13 + 7 * n] for n in range(2)]
    return [first, *(bytes([0x21 + n]) + part for n, part in enumerate(rest))]


def run_bus(frames, **learned):
    vins = CanVins(**learned)
    for number, (can_id, data) in enumerate(frames):
        vins.learn(number, "can0", can_id, data)
    vins.finish()
    return vins, [vins.suppress(number, "can0", can_id, data) for number, (can_id, data) in enumerate(frames)]


def test_an_answer_over_isotp_loses_its_vin_and_nothing_else():
    other = bytes(range(8))
    vins, made = run_bus([(0x100, other), *((0x7E8, one) for one in frames_isotp())])
    assert vins.known == {VIN}
    assert made[0] is other
    assert made[1] == bytes([0x10, 20]) + b"\x62\xf1\x90" + bytes(3)
    assert made[2] == b"\x21" + bytes(7)
    assert made[3] == b"\x22" + bytes(7)


def test_an_answer_that_is_cut_loses_what_it_has():
    _, made = run_bus([(0x7E8, one) for one in frames_isotp()[:2]])
    assert made == [bytes([0x10, 20]) + b"\x62\xf1\x90" + bytes(3), b"\x21" + bytes(7)]


def test_an_answer_in_extended_addressing_loses_its_vin():
    content = b"\x62\xf1\x90" + VIN
    frames = [(0x612, b"\xf1" + bytes([0x10, 20]) + content[:5])]
    frames += [(0x612, b"\xf1" + bytes([0x21 + n]) + content[5 + 6 * n : 11 + 6 * n]) for n in range(3)]
    vins, made = run_bus(frames)
    assert vins.known == {VIN}
    assert made[0] == b"\xf1" + bytes([0x10, 20]) + b"\x62\xf1\x90" + bytes(2)
    assert not any(letter in data[2:] for data in made[1:] for letter in b"LCARNET")


@pytest.mark.parametrize("vin", [VIN, b"WDB9634031L123456"])
def test_a_j1939_message_loses_its_vin_among_others_of_its_sender(vin):
    def sent(payload: bytes, group: int) -> list[tuple[int, bytes]]:
        packets = -(-len(payload) // 7)
        head = bytes([32, len(payload), 0, packets, 255]) + group.to_bytes(3, "little")
        parts = [bytes([n + 1]) + payload[7 * n : 7 * n + 7].ljust(7, b"\xff") for n in range(packets)]
        return [(0x18ECFF00, head), *((0x18EBFF00, one) for one in parts)]

    others = [*sent(bytes(range(100, 139)), 65251), *sent(bytes(range(140, 170)), 65226)]
    frames = [*others, *sent(vin + b"*", 65260), *others]
    _, made = run_bus(frames)
    assert not any(vin[at : at + 4] in data for data in made for at in range(14))
    assert [data for _, data in others] == made[: len(others)] == made[-len(others) :]


def test_pieces_without_a_database_are_found_by_the_number():
    frames = [(0x580, VIN[:8]), (0x581, VIN[8:16]), (0x200, b"\x01\x02\x03\x04")]
    _, made = run_bus(frames, known={VIN})
    assert made == [bytes(8), bytes(8), b"\x01\x02\x03\x04"]


def test_multiplexed_text_without_a_database_is_put_together():
    frames = [(0x750, bytes([n]) + VIN[7 * n : 7 * n + 7].ljust(7, b"\x00")) for n in range(3)]
    vins, made = run_bus(frames)
    assert vins.known == {VIN}
    assert not any(letter in data for data in made for letter in b"LCARNET")


@given(st.lists(st.tuples(st.integers(0, 0x7FF), st.binary(max_size=8)), max_size=40))
def test_any_bus_keeps_ids_and_lengths(frames):
    _, made = run_bus(frames)
    assert [len(data) for _, data in frames] == [len(data) for data in made]


@given(st.integers(1, 400), st.data())
def test_the_lower_bound_is_below_the_share(of, data):
    hits = data.draw(st.integers(0, of))
    bound = lower_bound(hits, of)
    assert 0 <= bound <= hits / of or hits == 0


def test_the_lower_bound_is_that_of_the_article():
    assert lower_bound(10, 10) == pytest.approx(0.7411, abs=1e-4)
    assert lower_bound(9, 10) == pytest.approx(0.6058, abs=1e-4)
    assert lower_bound(148, 148) == pytest.approx(0.98, abs=1e-3)
    assert lower_bound(0, 5) == 0
    with pytest.raises(ValueError, match="hits"):
        lower_bound(6, 5)
