//! Equal values as SENSR's protobuf messages and as ROS messages.

use std::cell::Cell;

use prost_types::Timestamp;
use r2r::builtin_interfaces::msg::Time;
use r2r::geometry_msgs::msg::{Point, Point32, Vector3};
use r2r::sensr_bridge::msg::PolygonBox;
use r2r::std_msgs::msg::Header;
use sensr_bridge::encode::messages::OutputHeader;
use sensr_bridge::time::stamp::Stamp;
use sensr_protocol::wire::proto;

pub(crate) const STAMP: Stamp = Stamp {
    sec: 1_795_386_041,
    nanosec: 498_616_787,
};
/// Stamp of repeated messages.
pub(crate) const LATER_STAMP: Stamp = Stamp {
    sec: i32::MIN + 2,
    nanosec: 1,
};
const SERVER_STAMP: Stamp = Stamp {
    sec: i32::MAX,
    nanosec: 999_999_999,
};

/// Lengths of strings and lists, so that the fields behind them occur at every alignment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    /// Length of `frame_id`.
    pub(crate) frame: usize,
    /// Length of all other strings.
    pub(crate) text: usize,
    /// Length of lists.
    pub(crate) list: usize,
}

impl Lengths {
    /// Returns all combinations to test.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let texts = (0..=5).flat_map(|frame| (0..=8).map(move |text| (frame, text)));
        texts.flat_map(|(frame, text)| (0..=3).map(move |list| Self { frame, text, list }))
    }

    pub(crate) fn frame_id(self) -> &'static str {
        &"abcde"[..self.frame]
    }

    /// Returns a string that differs for each number.
    pub(crate) fn name(self, number: usize) -> String {
        format!("{number}{}", "x".repeat(self.text))
    }

    pub(crate) fn text(self) -> String {
        "y".repeat(self.text)
    }

    pub(crate) fn output_header(self) -> OutputHeader<'static> {
        OutputHeader {
            header: ros_cdr::Header {
                stamp: STAMP.into(),
                frame_id: self.frame_id(),
            },
            server_stamp: SERVER_STAMP,
        }
    }

    pub(crate) fn header(self) -> Header {
        Header {
            stamp: ros_time(STAMP),
            frame_id: self.frame_id().to_owned(),
        }
    }

    /// Header of a repeated message.
    pub(crate) fn later_header(self) -> Header {
        Header {
            stamp: ros_time(LATER_STAMP),
            ..self.header()
        }
    }

    /// Builds a list of SENSR's elements and the list of the same elements in ROS.
    pub(crate) fn list<A, B>(self, mut one: impl FnMut(usize) -> (A, B)) -> (Vec<A>, Vec<B>) {
        (0..self.list).map(&mut one).unzip()
    }
}

pub(crate) fn server_stamp() -> Time {
    ros_time(SERVER_STAMP)
}

pub(crate) fn ros_time(stamp: Stamp) -> Time {
    Time {
        sec: stamp.sec,
        nanosec: stamp.nanosec,
    }
}

/// Generator of values, no two of them equal.
#[derive(Debug, Default)]
pub(crate) struct Values(Cell<i16>);

impl Values {
    pub(crate) fn int(&self) -> i32 {
        self.0.set(self.0.get() + 1);
        let value = i32::from(self.0.get()) * 0x0101;
        if value % 2 == 0 { value } else { -value }
    }

    pub(crate) fn float(&self) -> f32 {
        self.0.set(self.0.get() + 1);
        f32::from(self.0.get()) / 3.0
    }

    pub(crate) fn time(&self) -> (Option<Timestamp>, Time) {
        // Times before 2000 are not believed.
        let count = self.int().abs();
        let sec = 1_700_000_000 + count;
        let time = Time {
            sec,
            nanosec: count.unsigned_abs() + 1,
        };
        let timestamp = Timestamp {
            seconds: sec.into(),
            nanos: count + 1,
        };
        (Some(timestamp), time)
    }

    fn vector3(&self) -> proto::Vector3 {
        let [x, y, z] = [self.float(), self.float(), self.float()];
        proto::Vector3 { x, y, z }
    }

    pub(crate) fn point(&self) -> (proto::Vector3, Point) {
        let vector = self.vector3();
        let proto::Vector3 { x, y, z } = vector;
        let [x, y, z] = [x, y, z].map(f64::from);
        (vector, Point { x, y, z })
    }

    pub(crate) fn vector(&self) -> (proto::Vector3, Vector3) {
        let (vector, Point { x, y, z }) = self.point();
        (vector, Vector3 { x, y, z })
    }

    pub(crate) fn polygon_box(&self, corners: usize) -> (proto::PolygonBox, PolygonBox) {
        let (min_z, max_z) = (self.float(), self.float());
        let corner = |_| {
            let (x, y) = (self.float(), self.float());
            (proto::Vector2 { x, y }, Point32 { x, y, z: min_z })
        };
        let (theirs, ours) = (0..corners).map(corner).unzip();
        let wire = proto::PolygonBox {
            points: theirs,
            min_z,
            max_z,
        };
        let ros = PolygonBox {
            points: ours,
            min_z,
            max_z,
        };
        (wire, ros)
    }
}
