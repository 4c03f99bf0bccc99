//! The sink: subscribes without deserializing and records arrivals.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write as _};
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

/// Records arrivals until SIGINT or SIGTERM.
pub(crate) fn run(arguments: &SinkArguments) -> Result<(), Box<dyn Error>> {
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&is_ended))?;
    }
    let mut csv = BufWriter::new(File::create(&arguments.csv)?);
    writeln!(csv, "topic,number,arrival_ns,points,bytes,age_ns")?;
    let mut node = Node::create(Context::create()?, "bench_sink", "")?;
    let qos = QosProfile::default().volatile().keep_last(arguments.depth);
    let qos = if arguments.best_effort {
        qos.best_effort()
    } else {
        qos.reliable()
    };
    let mut topics = Vec::new();
    for topic in &arguments.topics {
        topics.push(subscribe(
            &mut node,
            topic,
            &arguments.message_type,
            qos.clone(),
        )?);
    }
    print_line("READY")?;
    let has_numbers = arguments.message_type == CLOUD_TYPE;
    let mut counts = vec![TopicCounts::default(); topics.len()];
    let mut invalid = 0u64;
    while !is_ended.load(Ordering::Relaxed) {
        node.spin_once(SPIN_TIMEOUT);
        // A spin takes one message of each topic at most, so none waits long here.
        let (arrival_ns, wall_ns) = (now_ns(), wall_now_ns());
        for (index, (topic, counts)) in topics.iter_mut().zip(&mut counts).enumerate() {
            while let Some(message) = topic.next().now_or_never().flatten() {
                if counts.received == 0 {
                    print_line(&format!("FIRST {index}"))?;
                }
                counts.received += 1;
                counts.bytes += message.len() as u64;
                let bytes = message.len();
                if !has_numbers {
                    writeln!(csv, "{index},-1,{arrival_ns},0,{bytes},0")?;
                } else if let Ok(cloud) = Arrival::read(&message) {
                    let Arrival {
                        number,
                        points,
                        stamp_ns,
                    } = cloud;
                    let number = whole_number(number);
                    let age_ns = wall_ns - stamp_ns;
                    writeln!(
                        csv,
                        "{index},{number},{arrival_ns},{points},{bytes},{age_ns}"
                    )?;
                } else {
                    invalid += 1;
                }
            }
        }
    }
    csv.flush()?;
    let done = json!({
        "received": counts.iter().map(|topic| topic.received).collect::<Vec<_>>(),
        "bytes": counts.iter().map(|topic| topic.bytes).collect::<Vec<_>>(),
        "invalid": invalid,
    });
    print_line(&format!("DONE {done}"))?;
    Ok(())
}

/// Returns the number of a frame, -1 for an x that is no number of a frame: a server of another kind sent the cloud.
fn whole_number(x: f32) -> i32 {
    #[expect(clippy::cast_precision_loss, reason = "MAX_NUMBER is a power of two")]
    let is_number = x.fract() == 0.0 && (0.0..=MAX_NUMBER as f32).contains(&x);
    #[expect(clippy::cast_possible_truncation, reason = "in range")]
    let number = x as i32;
    if is_number { number } else { -1 }
}

type Messages = Box<dyn Stream<Item = Vec<u8>> + Unpin>;

fn subscribe(
    node: &mut Node,
    topic: &str,
    message_type: &str,
    qos: QosProfile,
) -> Result<Messages, r2r::Error> {
    Ok(Box::new(node.subscribe_raw(topic, message_type, qos)?))
}
