"""Place of a site: the transform to the parent frame, the origin on earth, and the transform from the earth."""

import math

import pytest
from sensor_msgs.msg import NavSatFix, NavSatStatus
from tf2_msgs.msg import TFMessage

from support.ros_observer import qos

LATCHED = qos(latched=True, depth=10)

#: Parameters of a site at 37.5° N, 127° E, 50 m, whose x axis points north.
PLACE = {
    "frame_id": "lidar",
    "parent_frame": "map",
    "transform.x_m": 1.5,
    "transform.y_m": -2.5,
    "transform.z_m": 4.0,
    "transform.yaw_deg": 90.0,
    "origin.enabled": True,
    "origin.latitude_deg": 37.5,
    "origin.longitude_deg": 127.0,
    "origin.altitude_m": 50.0,
    "origin.heading_deg": 0.0,
    "earth_frame": "earth",
}
#: The origin in the frame `earth`: pyproj 3.7, `Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)`.
EARTH_CENTRED = (-3049062.3651, 4046242.4224, 3861594.5369)


def start(environment, parameters, **options):
    """Starts a bridge without a server. Returns it, and late subscribers of both topics."""
    bridge = environment.bridge(environment.unserved_port, parameters, **options)
    observer = environment.observer()
    transforms = observer.subscribe("/tf_static", TFMessage, LATCHED)
    origins = observer.subscribe("origin", NavSatFix, LATCHED)
    return bridge, observer, transforms, origins


def by_frames(message):
    """Returns the transforms of a message by parent and child."""
    return {(one.header.frame_id, one.child_frame_id): one.transform for one in message.transforms}


def translation_of(transform):
    return transform.translation.x, transform.translation.y, transform.translation.z


def rotate(transform, vector):
    """Rotates a vector by the quaternion of a transform."""
    x, y, z, w = (getattr(transform.rotation, name) for name in "xyzw")
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return tuple(sum(one * other for one, other in zip(row, vector, strict=True)) for row in rows)


def test_late_subscribers_get_transforms_and_origin(environment):
    _, _, transforms, origins = start(environment, PLACE)
    found = by_frames(transforms.wait(1)[-1])
    assert found.keys() == {("map", "lidar"), ("earth", "map")}
    site = found["map", "lidar"]
    assert translation_of(site) == (1.5, -2.5, 4.0)
    assert rotate(site, (1, 0, 0)) == pytest.approx((0, 1, 0), abs=1e-12)
    earth = found["earth", "map"]
    assert translation_of(earth) == pytest.approx(EARTH_CENTRED, abs=0.001)
    # x points north, y west, z up.
    latitude, longitude = math.radians(37.5), math.radians(127.0)
    north = (
        -math.sin(latitude) * math.cos(longitude),
        -math.sin(latitude) * math.sin(longitude),
        math.cos(latitude),
    )
    west = (math.sin(longitude), -math.cos(longitude), 0.0)
    assert rotate(earth, (1, 0, 0)) == pytest.approx(north, abs=1e-12)
    assert rotate(earth, (0, 1, 0)) == pytest.approx(west, abs=1e-12)
    origin = origins.wait(1)[-1]
    assert (origin.latitude, origin.longitude, origin.altitude) == (37.5, 127.0, 50.0)
    assert (origin.header.frame_id, origin.status.status) == ("map", NavSatStatus.STATUS_FIX)
    assert origin.position_covariance_type == NavSatFix.COVARIANCE_TYPE_UNKNOWN


def test_changes_take_effect_at_once(environment):
    bridge, observer, transforms, origins = start(environment, PLACE)
    transforms.wait(1), origins.wait(1)
    parameters = environment.parameters(observer)
    parameters.set({"transform.x_m": 7.0})
    assert translation_of(by_frames(transforms.wait(2)[1])["map", "lidar"])[0] == 7.0
    parameters.set({"origin.altitude_m": 51.0})
    assert origins.wait(2)[1].altitude == 51.0
    assert by_frames(transforms.wait(3)[2])["earth", "map"].translation.x != EARTH_CENTRED[0]
    parameters.set({"parent_frame": ""})
    assert by_frames(transforms.wait(4)[3]).keys() == {("earth", "lidar")}
    assert origins.wait(3)[2].header.frame_id == "lidar"
    bridge.wait_for_output("no transform from map to lidar any more")
    parameters.set({"origin.enabled": False})
    gone = origins.wait(4)[3]
    assert gone.status.status == NavSatStatus.STATUS_NO_FIX
    assert math.isnan(gone.latitude)
    assert by_frames(transforms.wait(5)[4]) == {}
    assert "0.0 to 360.0" in parameters.refusal("origin.heading_deg", 361.0)
    assert "-90.0 to 90.0" in parameters.refusal("origin.latitude_deg", 91.0)
    assert "frame_id" in parameters.refusal("earth_frame", "lidar")


def test_the_hosts_file_places_a_site(environment):
    hosts = environment.folder / "hosts.yaml"
    hosts.write_text(
        "sites:\n"
        "  pier:\n"
        "    address: 127.0.0.1\n"
        "    frame_id: pier_lidar\n"
        "    parent_frame: map\n"
        "    transform: {z_m: 6, roll_deg: 180}\n"
        "    origin: {latitude_deg: 37.5, longitude_deg: 127, altitude_m: 50}\n"
        "    earth_frame: earth\n"
    )
    parameters = {"host": "pier", "hosts_file": str(hosts), "transform.y_m": 2.0}
    _, _, transforms, origins = start(environment, parameters)
    found = by_frames(transforms.wait(1)[-1])
    site = found["map", "pier_lidar"]
    assert translation_of(site) == (0.0, 2.0, 6.0)
    assert rotate(site, (0, 0, 1)) == pytest.approx((0, 0, -1), abs=1e-12)
    assert translation_of(found["earth", "map"]) == pytest.approx(EARTH_CENTRED, abs=0.001)
    assert origins.wait(1)[-1].latitude == 37.5


def test_a_site_without_an_origin_publishes_none(environment):
    _, observer, transforms, origins = start(environment, {"parent_frame": "map", "earth_frame": "earth"})
    assert by_frames(transforms.wait(1)[-1]).keys() == {("map", "sensr")}
    environment.parameters(observer).set({"transform.x_m": 1.0})
    transforms.wait(2)
    assert origins.count == 0
