from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from carnet.recognise.vss import _branches, class_of_vss, is_vss_path, values_said_by_path


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("Vehicle.VehicleIdentification.VIN", "vehicle_id.vin"),
        ("Vehicle.CurrentLocation.Latitude", "location.position"),
        ("fleet/7/Vehicle/CurrentLocation/Longitude", "location.position"),
        ("data.Vehicle.Cabin.Infotainment.Navigation.DestinationSet.Latitude", "location.destination"),
        ("Vehicle.Occupant.Row1.DriverSide.Identifier.Subject", "identity.account"),
        ("Vehicle.Driver.Identifier.Subject", "identity.account"),
        ("Vehicle.Driver.HeartRate", "biometric.heart"),
        ("Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted", "body"),
        ("Vehicle.ADAS.LaneDepartureDetection.IsWarning", "driving.automation"),
        ("Vehicle.Powertrain.TractionBattery.StateOfCharge.Current", "energy.battery"),
        ("Vehicle.Powertrain.TractionBattery.Charging.Location.Latitude", "location.position"),
    ],
)
def test_a_branch_says_what_is_under_it(path, data):
    found = class_of_vss(path)
    assert found.data == data
    assert found.rule.startswith("vss:Vehicle.")


@pytest.mark.parametrize("path", ["Vehicle.Acme.Secret.Value", "Vehicle", "MyVehicle.Speed", "speed", ""])
def test_what_no_branch_covers_stays_unknown(path):
    assert class_of_vss(path) is None


def test_the_overlay_names_known_classes_only():
    root = Path(__file__).resolve().parents[2]
    known = yaml.safe_load((root / "lawbook" / "vocabulary.yaml").read_text("utf-8"))["classes"]
    assert {str(one) for one in _branches().values()} <= set(known)


def test_every_leaf_of_the_catalogue_is_covered(shared):
    def leaves(node, path):
        if "children" not in node:
            yield path
        for name, inner in node.get("children", {}).items():
            yield from leaves(inner, f"{path}.{name}")

    tree = json.loads((shared / "data/vss/vss.json").read_bytes())
    paths = list(leaves(tree["Vehicle"], "Vehicle"))
    assert len(paths) == 1367
    assert [path for path in paths if class_of_vss(path) is None] == []


def test_a_viss_message_names_its_value():
    one = {
        "action": "get",
        "data": {"path": "Vehicle.Speed", "dp": {"value": "3", "ts": "2026-01-01T00:00:00Z"}},
    }
    many = {"data": [{"path": "Vehicle/Speed", "dp": [{"value": "3"}, {"value": "4"}]}]}
    assert list(values_said_by_path(one)) == [("data.dp.value", "Vehicle.Speed")]
    assert [where for where, _ in values_said_by_path(many)] == ["data.0.dp.0.value", "data.0.dp.1.value"]
    assert list(values_said_by_path({"path": "/etc/passwd", "value": 1})) == []


@given(st.text(max_size=60))
def test_no_name_makes_it_raise(name):
    class_of_vss(name)
    is_vss_path(f"Vehicle.{name}")
