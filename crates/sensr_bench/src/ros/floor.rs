//! The floor: reads frames and publishes a message that is ready.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use r2r::{Context, Node, QosProfile};
use sensr_bench::client::{Client, ClientOptions, find_first_cloud};
use sensr_bench::cloud_message::CloudMessage;

use crate::arguments::FloorArguments;
use crate::print_line;

/// Publishes until the server closes the connection.
pub(crate) fn run(arguments: &FloorArguments) -> Result<(), Box<dyn Error>> {
    let mut node = Node::create(Context::create()?, "floor", "")?;
    let qos = QosProfile::default().volatile().keep_last(arguments.depth);
    let qos = if arguments.best_effort {
        qos.best_effort()
    } else {
        qos.reliable()
    };
    let publisher =
        node.create_publisher_untyped(&arguments.topic, "sensor_msgs/msg/PointCloud2", qos)?;
    let options = ClientOptions {
        ca_file: arguments.ca_file.as_deref(),
        pause: arguments.pause_us.map(Duration::from_micros),
    };
    let mut client = Client::connect(&arguments.host, arguments.port, &options)?;
    // By number of points.
    let mut messages = HashMap::new();
    let mut read = 0u64;
    loop {
        let message = match client.read_message() {
            Ok(message) => message,
            Err(error) if is_end(&error) => {
                print_line(&format!("DONE {{\"read\": {read}}}"))?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        read += 1;
        let cloud = find_first_cloud(message).ok_or("a frame has no cloud with points")?;
        let ready = messages
            .entry(cloud.points)
            .or_insert_with(|| CloudMessage::new(cloud.points));
        publisher.publish_raw(ready.with_number(cloud.x))?;
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    )
}
