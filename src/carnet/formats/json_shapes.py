"""Which of the known kinds of document a JSON text is, told by its shape: the keys that its standard asks for.

ASAM OpenLABEL 1.0.0 and the VCD format before it; nuScenes tables (nuScenes devkit, schema); GeoJSON (RFC 7946)
and TopoJSON 1.0; COVESA VSS as its exporter writes it; lists of named and numbered fields such as Tesla's.
"""

from __future__ import annotations

from typing import Any

OPENLABEL, OPENLABEL_ON_EARTH = "carnet/OpenLABEL", "carnet/OpenLABEL on earth"
VSS_CATALOGUE, FIELD_LIST = "carnet/VSS catalogue", "carnet/List of fields"
TOPOJSON_AREAS, TOPOJSON = "carnet/TopoJSON areas", "carnet/TopoJSON"
GEOJSON_AREAS, GEOJSON_PLACES, GEOJSON = "carnet/GeoJSON areas", "carnet/GeoJSON places", "carnet/GeoJSON"
_AREAS = frozenset({"Polygon", "MultiPolygon"})
_POINTS = frozenset({"Point", "MultiPoint"})
_LINES = frozenset({"LineString", "MultiLineString"})
# The keys by which a table of nuScenes is told from the others.
_NUSCENES = {
    "ego_pose": {"rotation", "translation", "timestamp"},
    "log": {"logfile", "vehicle", "location"},
    "map": {"log_tokens", "filename"},
    "sample_annotation": {"sample_token", "instance_token", "translation"},
    "sample_data": {"sample_token", "ego_pose_token", "filename"},
    "calibrated_sensor": {"sensor_token", "translation", "rotation"},
    "scene": {"log_token", "first_sample_token"},
}
LONG_LIST = 4
"""Elements of a list that are looked at where they stand; those of a longer one are records of their own."""

_LOOKED_AT = 20
_FEWEST_FIELDS = 3


def shape_of(document: Any) -> str | None:
    """Name the kind of a document, as `classify` knows it by schema; None where no shape fits."""
    if isinstance(document, list):
        return _nuscenes(document)
    if not isinstance(document, dict):
        return None
    for root in ("openlabel", "vcd"):
        if isinstance(label := document.get(root), dict):
            return OPENLABEL_ON_EARTH if _on_earth(label) else OPENLABEL
    if document.get("type") == "Topology" and isinstance(document.get("arcs"), list):
        return TOPOJSON_AREAS if _areas_alone(document.get("objects")) else TOPOJSON
    if geometries := geometries_of(document):
        if geometries <= _AREAS:
            return GEOJSON_AREAS
        return GEOJSON_PLACES if geometries <= _POINTS | _AREAS else GEOJSON
    if document and all(_is_branch(one) for one in document.values()):
        return VSS_CATALOGUE
    if len(document) == 1:
        (entries,) = document.values()
        if (
            isinstance(entries, list)
            and len(entries) >= _FEWEST_FIELDS
            and all(isinstance(one, dict) and set(one) == {"name", "number"} for one in entries)
        ):
            return FIELD_LIST
    return None


def is_long_line(value: list[Any]) -> bool:
    """Say whether a list is a line of numbers, as tables by columns have them: it is one value, not many."""
    return len(value) > LONG_LIST and all(type(one) in {int, float} for one in value)


def geometries_of(document: dict[str, Any]) -> frozenset[str]:
    """Give the kinds of geometry in a GeoJSON document; none where it is no GeoJSON, or has no geometry."""
    todo: list[Any] = [document]
    found: set[str] = set()
    while todo:
        one = todo.pop()
        if not isinstance(one, dict):
            continue
        kind = one.get("type")
        if not isinstance(kind, str):
            continue
        if kind in _AREAS | _POINTS | _LINES and isinstance(one.get("coordinates"), list):
            found.add(kind)
        elif kind == "Feature":
            todo.append(one.get("geometry"))
        elif kind in {"FeatureCollection", "GeometryCollection"}:
            inner = one.get("features" if kind == "FeatureCollection" else "geometries")
            todo += inner if isinstance(inner, list) else []
    return frozenset(found)


def _is_branch(node: Any) -> bool:
    return (
        isinstance(node, dict) and node.get("type") == "branch" and isinstance(node.get("children", {}), dict)
    )


def _on_earth(label: dict[str, Any]) -> bool:
    """Say whether a coordinate system is one of the earth's: its type is `geo`."""
    systems = label.get("coordinate_systems")
    return isinstance(systems, dict) and any(
        isinstance(one, dict) and str(one.get("type", "")).startswith("geo") for one in systems.values()
    )


def _areas_alone(objects: Any) -> bool:
    """Say whether every geometry of a TopoJSON is an area: outlines, no line that somebody drove."""
    todo, found = list(objects.values()) if isinstance(objects, dict) else [], False
    while todo:
        one = todo.pop()
        if not isinstance(one, dict):
            return False
        if one.get("type") == "GeometryCollection" and isinstance(one.get("geometries"), list):
            todo += one["geometries"]
        elif one.get("type") not in _AREAS:
            return False
        else:
            found = True
    return found


def _nuscenes(rows: list[Any]) -> str | None:
    first = rows[:_LOOKED_AT]
    if not first or not all(isinstance(one, dict) and isinstance(one.get("token"), str) for one in first):
        return None
    # The table with the most keys of its own: some tables have another's keys too.
    fits = [name for name, keys in _NUSCENES.items() if all(keys <= set(one) for one in first)]
    return f"nuscenes/{max(fits, key=lambda name: len(_NUSCENES[name]))}" if fits else None
