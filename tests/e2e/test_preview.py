"""The preview: some points of all clouds of a frame."""

import struct

import pytest

from support import points_encoder
from support.points_encoder import BACKGROUND, GROUND, RAW, cloud, floats, result
from support.two_links import TwoLinks

PARAMETERS = {"preview.interval": 0.0, "preview.points": 10}


@pytest.fixture(scope="module")
def links(shared_environment):
    return TwoLinks(shared_environment, "points/raw", "points/ground", "points/preview", parameters=PARAMETERS)


def numbered(first, count, kind):
    """Encodes a cloud whose points and intensities are consecutive numbers."""
    numbers = range(first, first + count)
    points = b"".join(floats(number, -number, 0.5) for number in numbers)
    return cloud(points, floats(*numbers), kind)


def exchange(links, *clouds):
    """Sends a frame, and returns its preview."""
    count = links["points/preview"].count
    links.points.send(result(*clouds))
    return links["points/preview"].wait(count + 1)[count]


def points_of(preview):
    return list(struct.iter_unpack("<4f", preview.data))


def test_a_preview_holds_points_of_all_clouds_at_equal_distances(links):
    raw, ground = links["points/raw"].count, links["points/ground"].count
    preview = exchange(links, numbered(0, 12, RAW), numbered(12, 8, GROUND), numbered(20, 5, BACKGROUND))
    assert points_of(preview) == [(float(x), -float(x), 0.5, float(x)) for x in (0, 2, 5, 7, 10, 12, 15, 17, 20, 22)]
    assert (preview.height, preview.width, preview.point_step, preview.is_dense) == (1, 10, 16, True)
    links["points/raw"].wait(raw + 1)
    ground = links["points/ground"].wait(ground + 1)[ground]
    assert (preview.stamp_ns, preview.frame_id) == (ground.stamp_ns, ground.frame_id)


def test_few_points_are_all_there_bit_for_bit(links):
    odd = struct.pack("<3I", 0x7FC00001, 0x80000000, 0xFF800000)
    preview = exchange(links, cloud(odd, b"\x01\x02\x03\x04", RAW), numbered(5, 3, GROUND))
    assert preview.data[:16] == odd + b"\x01\x02\x03\x04"
    assert [point[0] for point in points_of(preview)[1:]] == [5.0, 6.0, 7.0]
    assert not preview.is_dense


def test_limits_change_at_run_time(links):
    links.parameters.set({"preview.points": 3})
    assert [point[0] for point in points_of(exchange(links, numbered(0, 9, RAW)))] == [0.0, 3.0, 6.0]
    before = links.settled_account("points/preview")
    links.parameters.set({"preview.interval": 3600.0})
    raw = links["points/raw"].count
    for number in range(4):
        links.send_cloud(number)
    links["points/raw"].wait(raw + 4)
    after = links.settled_account("points/preview")
    links.parameters.set(PARAMETERS)
    assert after.received == before.received + 4
    assert after.thinned >= before.thinned + 3


def test_a_frame_without_a_valid_cloud_has_no_preview(links):
    before = links.settled_account("points/preview")
    links.points.send(result(cloud(b"\0" * 13, b"", RAW)))
    links.points.send(points_encoder.field(1, b"\xff"))
    raw = links["points/raw"].count
    links.send_cloud(1)
    links["points/raw"].wait(raw + 1)
    assert links.settled_account("points/preview").received == before.received + 1


def test_without_a_subscriber_nothing_is_built(environment):
    links = TwoLinks(environment, "points/raw", parameters=PARAMETERS)
    links.send_cloud(1)
    links["points/raw"].wait(1)
    account = links.settled_account("points/preview")
    assert (account.received, account.unsubscribed, account.published) == (1, 1, 0)
