from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.recognise.names import class_of_name, class_of_unit, is_frame_word, words


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("GPS_Latitude", "location.position"),
        ("gnss/fix", "location.position"),
        ("vehicleLocation.lng", "location.position"),
        ("纬度", "location.position"),
        ("LAT_ACCEL", "driving.dynamics"),
        ("VehSpd", "driving.dynamics"),
        ("WhlSpd_FL", "driving.dynamics"),
        ("YAW_RATE", "driving.dynamics"),
        ("Lenkradwinkel", "driving.dynamics"),
        ("车速", "driving.dynamics"),
        ("VIN_CHARS_01_07", "vehicle_id.vin"),
        ("vin", "vehicle_id.vin"),
        ("Fahrgestellnummer", "vehicle_id.vin"),
        ("licensePlate", "vehicle_id.plate"),
        ("driver_name", "identity.name"),
        ("heartRate", "biometric.heart"),
        ("/camera/front", "image.exterior"),
        ("/cabin_camera/image", "image.cabin"),
        ("/driver/cam0", "image.cabin"),
        ("battery_soc", "energy.battery"),
        ("DOOR_OPEN_FL", "body"),
        ("destinationLatitude", "location.destination"),
    ],
)
def test_names_that_tell(name, data):
    assert class_of_name(name, of="field").data == data


@pytest.mark.parametrize("name", ["latency", "foo", "translation_table", "Kevin", "avin", "belong", "x", ""])
def test_names_that_tell_nothing(name):
    assert class_of_name(name, of="field") is None


def test_words_are_split_at_case_digits_and_signs():
    assert words("VehSpd_FL") == " veh spd fl "
    assert words("GPSFix.position_covariance") == " gps fix position covariance "


@pytest.mark.parametrize("name", ["CHECKSUM", "SET_ME_X1", "GMT_DIFF", "AliveCounter", "CRC8"])
def test_frame_words(name):
    assert is_frame_word(name)


def test_units():
    assert class_of_unit("km/h").data == "driving.dynamics"
    assert class_of_unit("%") is None
    assert class_of_unit(None) is None


@given(st.text(max_size=60))
def test_any_name_is_taken(name):
    found = class_of_name(name, of="topic")
    assert found is None or found.rule.startswith("topic:")


@pytest.mark.parametrize("name", ["coordinates", "lonlat", "latLng", "lnglat"])
def test_pairs_of_coordinates_are_places_by_their_name(name):
    found = class_of_name(name, of="field")
    assert found is not None
    assert found.data == "location.position"
