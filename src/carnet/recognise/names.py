"""The first look: what names say. Topics, fields, signals, units and comments are matched word by word.

Names are a convention, not a contract, so a name makes a class `likely` at most, unless a message type that
everybody uses gives it (`schemas.py`). Rules stand in order: the first that matches decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from carnet.model.factsheet import Certainty
from carnet.model.ids import DataClass

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SPLIT = re.compile(r"[^0-9a-z\u0080-\uffff]+")


@dataclass(frozen=True, slots=True)
class NameClass:
    """What a name says: class, certainty and the rule."""

    data: DataClass
    certainty: Certainty
    rule: str


# (rule, class, forms): in a form `_` is a space between words, `*` any ending, `|` parts whole forms.
_RULES: tuple[tuple[str, str, str], ...] = (
    (
        "vin",
        "vehicle_id.vin",
        (
            "vin*|fin|fin_nummer|vehicle_ident*|vehicle_id_number|fahrzeugident*|fahrgestell*|chassis_no|chassis_number|"
            "车架号*|车辆识别*|车身号|底盘号|車台番号|車体番号|車両識別番号"
        ),
    ),
    (
        "plate",
        "vehicle_id.plate",
        (
            "license_plate|licence_plate|number_plate|registration_plate|license_no|licence_no|"
            "kennzeichen*|nummernschild|plate_no|plate_number|车牌*|号牌*|牌照*|ナンバープレート|登録番号"
        ),
    ),
    (
        "device",
        "vehicle_id.device",
        (
            "imei|iccid|imsi|mac_addr*|device_id|serial_no|serial_num|serial_number|prod_sn|sensor_sn|tcu_id|key_id|key_fob*|"
            "telematics_id|device_token|sim_number|msisdn|设备号|设备编号|终端号|終端番号|機器番号|gerätenummer|seriennummer"
        ),
    ),
    (
        "person",
        "identity.name",
        (
            "driver_name|owner_name|operator_name|person_name|customer_name|last_name|first_name|surname|fahrername|"
            "given_name|family_name|full_name|nick_name|nickname|vorname|nachname|haltername|kundenname|姓名|"
            "车主姓名|驾驶员姓名|司机姓名|用户姓名|氏名|名前|運転者名|所有者名"
        ),
    ),
    (
        "contact",
        "identity.contact",
        (
            "email|e_mail|phone*|telephone|mobile_number|postal_address|street_address|contact|"
            "mobile_phone|cell_phone|home_address|billing_address|delivery_address|mailing_address|telefon*|handynummer|"
            "mailadresse|anschrift|wohnadresse|手机|手机号*|电话*|邮箱*|电子邮件|住址|家庭地址|联系方式|電話*|メール*|住所|携帯*"
        ),
    ),
    (
        "account",
        "identity.account",
        (
            "user_id|account_id|driver_id|owner_id|customer_id|login|user_name|username|"
            "gcid|person_id|party_id|mdm_id|idp_id|member_id|profile_id|account_number|account_no|benutzername|benutzer_id|"
            "kundennummer|konto_id|用户名|用户id|用户编号|账号|账户*|会员*|ユーザー名|ユーザーid|アカウント*|会員*"
        ),
    ),
    (
        "destination",
        "location.destination",
        "destination*|waypoint*|route_plan*|navi_target|nav_goal|route_line|zielort|目的地*|行き先",
    ),
    (
        "lateral",
        "driving.dynamics",
        "lat_acc*|lon_acc*|long_acc*|lat_vel*|lat_dist*|lat_offset|lat_g|lat_rate|lat_force|obj_lat_pos|obj_lon_pos",
    ),
    # A lidar's beams have an altitude, and it is an angle.
    ("lidar beams", "ranging.lidar", "beam_altitude*|beam_azimuth*|beam_intrinsics|lidar_intrinsics"),
    # What a receiver says of its clock and of how sure it is: no place.
    ("receiver clock", "diagnostics.log", "gps_week*|gps_glonass_sig_mask|gal*_sig_mask"),
    (
        "accuracy",
        "diagnostics.log",
        "latitude_std*|longitude_std*|height_std*|lat_std*|lon_std*|hgt_std*|latitude_sigma|longitude_sigma|*dop",
    ),
    (
        "location",
        "location.position",
        (
            "lat|lon|lng|latlon|latlng|lonlat|lnglat|latitude*|longitude*|breitengrad|längengrad|laengengrad|纬度|经度|緯度|経度|altitude*|gps*|gnss*|"
            "navsat*|geohash|geo_hash|geofence|geo_fence|utm|easting|northing|ecef|nmea|pseudorange*|pseudo_range*|"
            "odometry|odom|ego_pose*|ego_position|vehicle_pose|localization*|localisation*|"
            "vehicle_location*|car_location|parking_location|parked_location|last_location|last_position|origin_location|"
            "location_address*|address_formatted|formatted_address|vehicle_address|parking_address|coord|coords|"
            "geo_coord*|standort*|fahrzeugposition|fahrzeugstandort|*坐标|*座標|位置|位置信息|车辆位置|当前位置|停车位置|地理位置|"
            "位置情報|車両位置|現在地|停车地址|"
            # GeoJSON (RFC 7946).
            "coordinates|"
            # Raw ranges: no column is called latitude, yet a position is computed from them.
            "psr|psr_std|pr_mes|cp_mes|carrier_phase*|rxm|rawx|sfrbx|raw_range*|ephemeris"
        ),
    ),
    # What a vehicle could do is not what it did: a flag for speech holds no voice.
    ("capability", "software.version", "capabilities|capability|supported|*_supported"),
    (
        "lidar",
        "ranging.lidar",
        "lidar|velodyne|ouster|hesai|pointcloud*|point_cloud*|laser_scan|laserscan|points",
    ),
    ("radar", "ranging.radar", "radar"),
    ("ultrasonic", "ranging.ultrasonic", "ultrasonic*|sonar|uss|parking_distance"),
    ("face", "biometric.face", "face|faces|gaze|eyelid*|eye_lid*|drows*|head_pose"),
    ("heart", "biometric.heart", "heart_rate|pulse_rate|ecg|herzfrequenz"),
    ("voice", "audio.cabin", "audio|microphone|voice|speech|sound"),
    (
        "cabin camera",
        "image.cabin",
        (
            "cabin_cam*|interior_cam*|driver_cam*|inside_cam*|passenger_cam*|occupant_cam*|cabin_image*|interior_image*|"
            "driver_image*|cabin_video|interior_video|driver_monitor*|occupant_monitor*|dms|oms|cam*_cabin|cam*_interior|"
            "cam*_driver|cam*_inside"
        ),
    ),
    ("camera", "image.exterior", "cam*|image|images|video|picture"),
    (
        "automation",
        "driving.automation",
        (
            "acc|lka|lkas|lane*|cruise|adas|autopilot|aeb|fcw|pcm|autosteer|das|ldw|lead|set_speed|mini_car|distance|"
            "standstill|release|permit_braking|cut_in"
        ),
    ),
    ("offence", "driving.offence", "speeding|violation|offence|offense"),
    ("battery", "energy.battery", "soc|battery|hv|cell_volt*|cell_temp*|bms"),
    ("charging", "energy.charging", "charg*|evse|ladung*"),
    (
        "diagnosis",
        "diagnostics.log",
        "uds|obd|xcp|diag*|watchdog|library|version",
    ),
    ("fault", "diagnostics.fault", "fault*|error*|dtc*|mil|malfunction*|fehler*|lockout"),
    (
        "dynamics",
        "driving.dynamics",
        (
            "*speed|*speeds|spd|velocity|vel|geschwindigkeit*|车速|車速|accel*|yaw*|steer*|lenk*|torque*|*moment|brak*|brems*|"
            "gas|throttle*|pedal*|wheel*|whl*|rpm|gear*|lateral|longitudinal|roll*|pitch*|angular|gyro*|imu|kinematics|esp|"
            "abs|vsc*|tc|twist|heading|odometer|kilometer*|mileage|engine"
        ),
    ),
    (
        "body",
        "body",
        (
            "door*|seat*|belt*|window*|light*|lamp*|blink*|turn_signal*|turn_left|turn_right|hazard*|dimm*|hvac|climate|"
            "aircon*|air_con*|wiper*|brightness|mirror*|temperature|temp|parking*|trunk|hood|horn|meter|units|sun*"
        ),
    ),
)


def _pattern(forms: str) -> re.Pattern[str]:
    parts = [re.escape(one).replace(r"\*", r"\w*").replace("_", " ") for one in forms.split("|")]
    return re.compile(f" (?:{'|'.join(parts)}) ")


_COMPILED = tuple((rule, data, _pattern(forms)) for rule, data, forms in _RULES)

# Signals that keep a bus alive or tell the time: part of the frame, no data of their own.
_FRAME = re.compile(
    r" (checksum|chksum|crc\d*|counter|cnt|alive|rolling|set me \w+|year|month|day|hour|minute|second|gmt ?diff\w*) "
)

# Units that only one kind of quantity has.
_UNITS: dict[str, tuple[str, str]] = {
    "km/h": ("dynamics", "driving.dynamics"),
    "kph": ("dynamics", "driving.dynamics"),
    "mph": ("dynamics", "driving.dynamics"),
    "m/s": ("dynamics", "driving.dynamics"),
    "m/s^2": ("dynamics", "driving.dynamics"),
    "m/s2": ("dynamics", "driving.dynamics"),
    "g": ("dynamics", "driving.dynamics"),
    "deg/s": ("dynamics", "driving.dynamics"),
    "rad/s": ("dynamics", "driving.dynamics"),
    "nm": ("dynamics", "driving.dynamics"),
    "rpm": ("dynamics", "driving.dynamics"),
}


def words(name: str) -> str:
    """Give the words of a name in small letters, framed by spaces: `VehSpd_FL` is ` veh spd fl `."""
    return f" {' '.join(one for one in _SPLIT.split(_CAMEL.sub(' ', name).lower()) if one)} "


# As a field's whole name; within a longer one these words are said of seats and sensors as well.
_WHOLE = {" location ": "location.position", " ort ": "location.position", " 地址 ": "location.position"}
_LONGEST_KEPT = 200
_ACCURACY = frozenset({"std", "stdev", "stddev", "sigma", "covariance", "accuracy", "dop", "error", "err"})


def is_accuracy(name: str) -> bool:
    """Say whether a name is that of an error or a spread, which is no value of its own."""
    return not _ACCURACY.isdisjoint(words(name.rpartition(".")[2]).split())


def class_of_name(name: str, *, of: str) -> NameClass | None:
    """Say what a name tells; None when it tells nothing.

    Args:
        name: topic, field, signal, column or comment.
        of: what it is the name of, for the rule: `topic`, `field`, `signal`, `comment`.
    """
    return _class_of_name(name, of) if len(name) <= _LONGEST_KEPT else _class_of_name.__wrapped__(name, of)


@lru_cache(maxsize=8192)
def _class_of_name(name: str, of: str) -> NameClass | None:
    text = words(name)
    for rule, data, pattern in _COMPILED:
        if pattern.search(text):
            return NameClass(DataClass(data), Certainty.LIKELY, f"{of}:{rule}")
    whole = _WHOLE.get(words(name.rpartition(".")[2])) if of == "field" else None
    return NameClass(DataClass(whole), Certainty.POSSIBLE, f"{of}:location") if whole else None


def is_frame_word(name: str) -> bool:
    """Say whether a signal is a checksum, a counter or a clock."""
    return _FRAME.search(words(name)) is not None


def class_of_unit(unit: str | None) -> NameClass | None:
    """Say what a unit tells; None when it tells nothing."""
    found = _UNITS.get((unit or "").strip().lower())
    return NameClass(DataClass(found[1]), Certainty.POSSIBLE, f"unit:{found[0]}") if found else None
