"""Message types that everybody uses, and what their fields are in law.

ROS 2 common_interfaces (sensor_msgs, geometry_msgs, nav_msgs, ...), gps_common, can_msgs, Foxglove schemas. A
type that is not here is walked field by field by name and by value.
"""

from __future__ import annotations

import re

from carnet.formats.receiver_messages import CLASSES
from carnet.model.ids import DataClass

# Type name without package kind -> (pattern of the field's path, class), first match decides.
_TYPES: dict[str, tuple[tuple[str, str], ...]] = {
    "sensor_msgs/NavSatFix": ((r".*", "location.position"),),
    "gps_common/GPSFix": (
        (
            r"latitude|longitude|altitude|speed|track|climb|dip|err.*|.*dop|pitch|roll|rdd",
            "location.position",
        ),
        (r".*", "location.position"),
    ),
    "geographic_msgs/GeoPoint": ((r".*", "location.position"),),
    "geographic_msgs/GeoPoseStamped": ((r".*", "location.position"),),
    "foxglove.LocationFix": (
        (r"latitude|longitude|altitude", "location.position"),
        (r".*", "location.position"),
    ),
    "foxglove.LocationFixes": ((r".*", "location.position"),),
    "nmea_msgs/Sentence": ((r"sentence", "location.position"),),
    "nav_msgs/Odometry": ((r"pose\.pose\.position\..*", "location.position"), (r".*", "driving.dynamics")),
    "nav_msgs/Path": ((r".*", "location.position"),),
    "geometry_msgs/PoseStamped": ((r".*position\..*", "location.position"), (r".*", "driving.dynamics")),
    "geometry_msgs/PoseWithCovarianceStamped": (
        (r".*position\..*", "location.position"),
        (r".*", "driving.dynamics"),
    ),
    "tf2_msgs/TFMessage": ((r".*translation\..*", "location.position"), (r".*", "driving.dynamics")),
    "foxglove.PoseInFrame": ((r".*", "location.position"),),
    "foxglove.FrameTransform": ((r".*", "location.position"),),
    "sensor_msgs/Imu": ((r".*", "driving.dynamics"),),
    "sensor_msgs/MagneticField": ((r".*", "driving.dynamics"),),
    "geometry_msgs/TwistStamped": ((r".*", "driving.dynamics"),),
    "geometry_msgs/Twist": ((r".*", "driving.dynamics"),),
    "geometry_msgs/AccelStamped": ((r".*", "driving.dynamics"),),
    "sensor_msgs/CompressedImage": ((r".*", "image.exterior"),),
    "sensor_msgs/Image": ((r".*", "image.exterior"),),
    "foxglove.CompressedImage": ((r".*", "image.exterior"),),
    "foxglove.RawImage": ((r".*", "image.exterior"),),
    "foxglove.CompressedVideo": ((r".*", "image.exterior"),),
    "sensor_msgs/PointCloud2": ((r".*", "ranging.lidar"),),
    "sensor_msgs/PointCloud": ((r".*", "ranging.lidar"),),
    "sensor_msgs/LaserScan": ((r".*", "ranging.lidar"),),
    "velodyne_msgs/VelodyneScan": ((r".*", "ranging.lidar"),),
    "foxglove.PointCloud": ((r".*", "ranging.lidar"),),
    "foxglove.LaserScan": ((r".*", "ranging.lidar"),),
    "radar_msgs/RadarScan": ((r".*", "ranging.radar"),),
    "radar_msgs/RadarTracks": ((r".*", "ranging.radar"),),
    "sensor_msgs/Range": ((r".*", "ranging.ultrasonic"),),
    "audio_common_msgs/AudioData": ((r".*", "audio.cabin"),),
    "audio_common_msgs/AudioDataStamped": ((r".*", "audio.cabin"),),
    "foxglove.RawAudio": ((r".*", "audio.cabin"),),
    "vision_msgs/Detection2DArray": ((r".*", "perception.objects"),),
    "vision_msgs/Detection3DArray": ((r".*", "perception.objects"),),
    "sensor_msgs/BatteryState": ((r".*", "energy.battery"),),
    "diagnostic_msgs/DiagnosticArray": ((r".*", "diagnostics.log"),),
    "sensor_msgs/TimeReference": ((r".*", "diagnostics.log"),),
    "rosgraph_msgs/Clock": ((r".*", "diagnostics.log"),),
    "sensor_msgs/CameraInfo": ((r".*", "diagnostics.log"),),
    "rcl_interfaces/Log": ((r"msg", "text"), (r".*", "diagnostics.log")),
    "rosgraph_msgs/Log": ((r"msg", "text"), (r".*", "diagnostics.log")),
    "foxglove.Log": ((r"message", "text"), (r".*", "diagnostics.log")),
    "std_msgs/String": ((r"data", "text"),),
    "carnet/Line": ((r"text", "text"),),
    "carnet/LidarPacket": ((r".*", "ranging.lidar"),),
    "carnet/InertialPacket": ((r".*", "driving.dynamics"),),
    "carnet/PacketText": ((r"text", "text"),),
    "carnet/Rinex": ((r".*", "location.position"),),
    "carnet/GPX": (
        (r"rte\b.*", "location.destination"),
        (r"trk\.trkseg\.trkpt\.(.*\.)?(hr|heartrate)(\..*)?", "biometric.heart"),
        (r"trk\.trkseg\.trkpt\.(.*\.)?(atemp|wtemp|cad)", "body"),
        (r"(trk\.trkseg\.trkpt|wpt|metadata\.bounds|bounds)\..*", "location.position"),
        (r"(.*\.)?email\b.*", "identity.contact"),
        (r"(.*\.)?author\b.*", "identity.name"),
        (r"root\.(version|creator|schemaLocation)", "software.version"),
        (r"(.*\.)?(name|desc|cmt|keywords|src|text|href|link|type)", "text"),
        (r"(.*\.)?time", "diagnostics.log"),
    ),
    # ASAM OpenDRIVE: with a geoReference (a PROJ string) every x and y is a place on earth.
    "carnet/OpenDRIVE": (
        (r"header\.geoReference(\..*)?", "location.position"),
        (r".*\.userData(\..*)?", "unknown"),
        (r".*", "map.road"),
    ),
    # ASAM OpenSCENARIO XML: positions are on the road network that it names, but for GeoPosition.
    "carnet/OpenSCENARIO": (
        (r"(.*\.)?GeoPosition(\..*)?", "location.position"),
        (r"FileHeader\.author", "identity.name"),
        (r".*", "perception.scenario"),
    ),
    # ASAM OpenLABEL: labels; where a coordinate system is the earth's, transforms are places on it.
    "carnet/OpenLABEL": (
        (r"(.*[._])?(lat|lon|latitude|longitude)", "location.position"),
        (r".*\.annotator", "identity.name"),
        (r".*\.odometry(\..*)?", "location.position"),
        (r".*", "perception.labels"),
    ),
    "carnet/OpenLABEL on earth": (
        (r"(.*[._])?(lat|lon|latitude|longitude)", "location.position"),
        (r".*\.annotator", "identity.name"),
        (r".*\.(transforms|odometry|pose_wrt_parent|cuboid|point3d|poly3d)(\..*)?", "location.position"),
        (r".*", "perception.labels"),
    ),
    # nuScenes: poses are on the map that the log's location names.
    "nuscenes/ego_pose": ((r"translation.*", "location.position"), (r".*", "driving.dynamics")),
    "nuscenes/log": (
        (r"location", "location.position"),
        (r"vehicle|logfile", "vehicle_id.device"),
        (r".*", "perception.labels"),
    ),
    "nuscenes/map": ((r".*", "map.road"),),
    "nuscenes/sample_annotation": (
        (r"translation.*", "location.position"),
        (r".*", "perception.labels"),
    ),
    "nuscenes/sample_data": ((r"filename", "text"), (r".*", "perception.labels")),
    "nuscenes/calibrated_sensor": ((r".*", "diagnostics.log"),),
    "nuscenes/scene": ((r"description", "text"), (r".*", "perception.scenario")),
    # TopoJSON of areas alone is a map of borders; lines and points may be where somebody was.
    "carnet/TopoJSON areas": ((r".*", "map"),),
    "carnet/TopoJSON": ((r"(arcs|transform|bbox).*|.*\.coordinates.*", "location.position"), (r".*", "map")),
    # GeoJSON likewise; what a feature's properties are, their names say.
    "carnet/GeoJSON areas": ((r"(.*\.)?(coordinates|bbox)(\..*)?", "map"),),
    "carnet/GeoJSON places": ((r"(.*\.)?(coordinates|bbox)(\..*)?", "location.position"),),
    "carnet/GeoJSON": ((r"(.*\.)?(coordinates|bbox)(\..*)?", "location.position"),),
    # ESRI shapes: areas are a map, points and lines are places.
    "carnet/Shapes of areas": ((r".*", "map"),),
    "carnet/Shapes": ((r".*", "location.position"),),
    # Descriptions of signals: names and units, no vehicle's values.
    "carnet/VSS catalogue": ((r".*", "design.drawing"),),
    "carnet/List of fields": ((r".*", "design.drawing"),),
    # OpenStreetMap: who changed a thing is kept with it.
    "carnet/OSM": (
        (r"(.*\.)?(user|uid)", "identity.account"),
        (r"(.*\.)?(lat|lon|minlat|minlon|maxlat|maxlon)", "location.position"),
        (r".*", "map.road"),
    ),
}
_TYPES |= {name: ((r".*", data),) for name, data in CLASSES.items()}
_FRAMEWORK = re.compile(
    r"(^|.*\.)(header\.|stamp($|\.)|seq$|sec$|nsec$|nanosec$|frame_id$|child_frame_id$|.*covariance)"
)


def plain_type(schema: str | None) -> str:
    """Give a type's name as ROS 1 writes it, and Foxglove's as its own schemas do."""
    name = (schema or "").replace("/msg/", "/", 1)
    return f"foxglove.{name.removeprefix('foxglove_msgs/')}" if name.startswith("foxglove_msgs/") else name


def is_framework(path: str) -> bool:
    """Say whether a field is part of the frame (stamp, frame name, covariance) and no data of its own."""
    return _FRAMEWORK.match(path) is not None


def is_known(schema: str | None) -> bool:
    """Say whether this file knows the type."""
    return plain_type(schema) in _TYPES


def class_by_schema(schema: str | None, path: str) -> DataClass | None:
    """Give the class of a field of a known type; None when the type or the field is not known."""
    for pattern, data in _TYPES.get(plain_type(schema), ()):
        if re.fullmatch(pattern, path):
            return DataClass(data)
    return None


def classes_of_schema(schema: str | None) -> tuple[DataClass, ...]:
    """Give every class that a known type holds, without looking at fields."""
    return tuple(dict.fromkeys(DataClass(data) for _, data in _TYPES.get(plain_type(schema), ())))
