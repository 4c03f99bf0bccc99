//! The sink: subscribes without deserializing and records arrivals.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::{Context, Node, QosProfile};
use sensr_bench::MAX_NUMBER;
use sensr_bench::arrival::Arrival;
use sensr_bench::clock::{now_ns, wall_now_ns};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::arguments::SinkArguments;
use crate::print_line;

/// Time after which the sink looks at least whether it is to end.
const SPIN_TIMEOUT: Duration = Duration::from_millis(100);
/// Type whose messages carry a number.
const CLOUD_TYPE: &str = "sensor_msgs/msg/PointCloud2";

/// Counts of one topic.
#[derive(Debug, Clone, Copy, Default)]
struct TopicCounts {
    received: u64,
    bytes: u64,
}

/// Table of the arrivals, and their counts.
struct Table {
    csv: BufWriter<File>,
    has_unflushed_rows: bool,
    /// False for messages that are no clouds.
    has_numbers: bool,
    topics: Vec<TopicCounts>,
    invalid: u64,
}

impl Table {
    fn create(arguments: &SinkArguments) -> io::Result<Self> {
        let mut csv = BufWriter::new(File::create(&arguments.csv)?);
        writeln!(csv, "topic,number,arrival_ns,points,bytes,age_ns")?;
        Ok(Self {
            csv,
            has_unflushed_rows: true,
            has_numbers: arguments.message_type == CLOUD_TYPE,
            topics: vec![TopicCounts::default(); arguments.topics.len()],
            invalid: 0,
        })
    }

    /// Adds a message that has just arrived.
    fn add(&mut self, topic: usize, message: &[u8], now: Now) -> io::Result<()> {
        let counts = &mut self.topics[topic];
        if counts.received == 0 {
            print_line(&format!("FIRST {topic}"))?;
        }
        counts.received += 1;
        counts.bytes += message.len() as u64;
        let (number, points, age_ns) = if self.has_numbers {
            let Ok(cloud) = Arrival::read(message) else {
                self.invalid += 1;
                return Ok(());
            };
            let number = whole_number(cloud.number);
            (number, cloud.points, now.wall_ns - cloud.stamp_ns)
        } else {
            (-1, 0, 0)
        };
        let (arrival_ns, bytes) = (now.monotonic_ns, message.len());
        self.has_unflushed_rows = true;
        writeln!(
            self.csv,
            "{topic},{number},{arrival_ns},{points},{bytes},{age_ns}"
        )
    }

    /// Writes all rows to the file, so that a script that waits for the last one finds it.
    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.has_unflushed_rows) {
            self.csv.flush()?;
        }
        Ok(())
    }

    fn as_json(&self) -> serde_json::Value {
        let topics = self.topics.iter();
        json!({
            "received": topics.clone().map(|topic| topic.received).collect::<Vec<_>>(),
            "bytes": topics.map(|topic| topic.bytes).collect::<Vec<_>>(),
            "invalid": self.invalid,
        })
    }
}

/// Time on both clocks.
#[derive(Debug, Clone, Copy)]
struct Now {
    monotonic_ns: i64,
    wall_ns: i64,
}

impl Now {
    fn read() -> Self {
        Self {
            monotonic_ns: now_ns(),
            wall_ns: wall_now_ns(),
        }
    }
}

/// Records arrivals until SIGINT or SIGTERM.
pub(crate) fn run(arguments: &SinkArguments) -> Result<(), Box<dyn Error>> {
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&is_ended))?;
    }
    let mut table = Table::create(arguments)?;
    let mut node = Node::create(Context::create()?, "bench_sink", "")?;
    let qos = QosProfile::default().volatile().keep_last(arguments.depth);
    let qos = if arguments.best_effort {
        qos.best_effort()
    } else {
        qos.reliable()
    };
    let mut topics: Vec<Messages> = Vec::new();
    for topic in &arguments.topics {
        let messages = node.subscribe_raw(topic, &arguments.message_type, qos.clone())?;
        topics.push(Box::new(messages));
    }
    print_line("READY")?;
    while !is_ended.load(Ordering::Relaxed) {
        node.spin_once(SPIN_TIMEOUT);
        // A spin takes one message of each topic at most, so none waits long here.
        let now = Now::read();
        let mut is_idle = true;
        for (index, topic) in topics.iter_mut().enumerate() {
            while let Some(message) = topic.next().now_or_never().flatten() {
                table.add(index, &message, now)?;
                is_idle = false;
            }
        }
        if is_idle {
            table.flush()?;
        }
    }
    table.flush()?;
    print_line(&format!("DONE {}", table.as_json()))?;
    Ok(())
}

type Messages = Box<dyn Stream<Item = Vec<u8>> + Unpin>;

/// Returns the number of a frame, -1 for an x that is no number of a frame: a server of another kind sent the cloud.
fn whole_number(x: f32) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "MAX_NUMBER is a power of two")]
    let is_number = x.fract() == 0.0 && (0.0..=MAX_NUMBER as f32).contains(&x);
    #[expect(clippy::cast_possible_truncation, reason = "in range")]
    let number = x as i32;
    if is_number { number } else { -1 }
}
