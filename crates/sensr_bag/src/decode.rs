//! The command `decode`: the recorded frames of `wire`, decoded again by the ingest and the encoders of the bridge.

mod bag_writer;
mod definitions;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ros_bag::{Topic as BagTopic, Value};
use sensr_bridge::config::ros_arguments::RosArguments;
use sensr_bridge::config::table::BRIDGE;
use sensr_bridge::config::{Config, ResolvedConfig};
use sensr_bridge::pipeline::frame_converter::{FrameConverter, FrameLink};
use sensr_bridge::pipeline::publish::Sink;
use sensr_bridge::recorder::topics::RECORDED;
use sensr_bridge::time::stamp::Stamp;
use sensr_bridge::topic::{AnyTopic, SensorTopics, Topic};

use super::arguments::DecodeOptions;
use super::error::Error;
use super::frames::{namespace_of, read_frames};
use super::messages::{Form, is_on, read_values};
use super::recording::Recording;
use bag_writer::BagWriter;

/// Writes what the bridge publishes for the recorded frames to a new bag.
pub(crate) fn run(options: &DecodeOptions) -> Result<(), Error> {
    let source = &options.source;
    let recording = Recording::open(&source.bag)?;
    let is_sought = |topic: &BagTopic| topic.kind == Topic::Wire.message_type();
    let wanted = "of recorded frames; publish.wire of the bridge must be on while recording";
    let topics = recording.topics(&source.topic, wanted, is_sought)?;
    let range = recording.range(source)?;
    let chosen = chosen_topics(&options.write)?;
    let mut bag: Option<Rc<RefCell<BagWriter>>> = None;
    let mut bridges: BTreeMap<String, Bridge> = BTreeMap::new();
    // Frames of `wire` have no coordinate frame: SENSR does not name any.
    let is_frame_given = options.frame_id.is_some() || !options.params_file.is_empty();
    let frames = if is_frame_given {
        BTreeMap::new()
    } else {
        read_frames(&recording)?
    };
    read_values(&recording, range, is_on(&topics), |message, value| {
        let topic = message.topic;
        let Some(frame) = frame_of(value) else {
            return Ok(Form::Damaged);
        };
        if !bridges.contains_key(&topic.name) {
            let namespace = namespace_of(topic).unwrap_or(&topic.name);
            let recorded = frames.get(namespace);
            let recorded = recorded.and_then(|frames| frames.frame_id.as_deref());
            let config = config_of(options, namespace, recorded)?;
            // Not before there is something to write, and nothing wrong with the parameters.
            let bag = if let Some(bag) = &bag {
                Rc::clone(bag)
            } else {
                let begun = BagWriter::create(&options.output, options.compression)?;
                Rc::clone(bag.insert(Rc::new(RefCell::new(begun))))
            };
            let sink = BagSink {
                bag,
                chosen: Rc::clone(&chosen),
                config: config.clone(),
                namespace: namespace.into(),
                sensors: Rc::default(),
                time_ns: Rc::default(),
            };
            let converter = FrameConverter::new(config, &sink);
            let sensors = Arc::clone(converter.sensor_topics());
            sink.sensors.get_or_init(|| sensors);
            bridges.insert(topic.name.clone(), Bridge { converter, sink });
        }
        let Some(bridge) = bridges.get_mut(&topic.name) else {
            return Ok(Form::Valid);
        };
        bridge.sink.time_ns.set(message.recorded_ns);
        let payload = Bytes::copy_from_slice(frame.payload);
        let converted = bridge
            .converter
            .convert(frame.link, frame.received, payload);
        converted.map_err(Error::Decode)?;
        Ok(Form::Valid)
    })?;
    let malformed: u64 = bridges.values().map(Bridge::malformed).sum();
    if malformed > 0 {
        log::warn!("{malformed} messages in the frames are malformed: the bridge dropped them too");
    }
    if bridges.is_empty() {
        let hint = "see `sensr_bag info` for its times".to_owned();
        return Err(Error::Nothing {
            path: source.bag.path.clone(),
            hint,
        });
    }
    drop(bridges);
    let bag = bag.and_then(Rc::into_inner).map(RefCell::into_inner);
    for (topic, messages) in bag.map(BagWriter::finish).transpose()?.unwrap_or_default() {
        log::info!("{topic}: {messages} messages");
    }
    Ok(())
}

/// Bridge whose frames were recorded on one topic.
struct Bridge {
    converter: FrameConverter<BagSink>,
    sink: BagSink,
}

impl Bridge {
    fn malformed(&self) -> u64 {
        let accounts = self.converter.accounts();
        accounts.iter().map(|account| account.malformed).sum()
    }
}

/// Destination of the converted messages of one bridge.
#[derive(Clone)]
struct BagSink {
    bag: Rc<RefCell<BagWriter>>,
    chosen: Rc<BTreeSet<&'static str>>,
    config: ResolvedConfig,
    namespace: Rc<str>,
    /// Sensors with a topic of their own, once the converter is there.
    sensors: Rc<OnceCell<Arc<SensorTopics>>>,
    /// Time of recording of the frame at hand.
    time_ns: Rc<Cell<u64>>,
}

impl Sink for BagSink {
    type Error = String;

    fn subscribers(&self, topic: AnyTopic) -> usize {
        // Topics of sensors are written with that of all sensors.
        usize::from(self.chosen.contains(topic.row().name()))
    }

    fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), String> {
        let sensors = self.sensors.get();
        let name = match topic {
            AnyTopic::Listed(topic) => Some(topic.name()),
            AnyTopic::Sensor(_) => sensors.and_then(|sensors| sensors.name_of(topic)),
        };
        let name = format!("{}/{}", self.namespace, name.unwrap_or_default());
        let mut bag = self.bag.borrow_mut();
        bag.write(
            &name,
            topic.row(),
            &self.config,
            self.time_ns.get(),
            message,
        )
    }

    fn is_final(_: &String) -> bool {
        // A disk that takes no message takes none of the next ones.
        true
    }
}

/// Frame as recorded.
struct Frame<'a> {
    link: FrameLink,
    received: Stamp,
    payload: &'a [u8],
}

fn frame_of<'a>(message: &Value<'a>) -> Option<Frame<'a>> {
    let stamp_ns = message.get("header.stamp")?.as_nanoseconds()?;
    Some(Frame {
        link: match message.get("link")?.as_u64()? {
            0 => FrameLink::Points,
            1 => FrameLink::Output,
            _ => return None,
        },
        received: Stamp::from_ns(stamp_ns),
        payload: message.get("data")?.as_bytes()?,
    })
}

/// Returns the names of the topics to write.
fn chosen_topics(names: &[String]) -> Result<Rc<BTreeSet<&'static str>>, Error> {
    let is_original = |topic: &Topic| {
        let mut recorded = RECORDED.iter();
        recorded.any(|row| row.name == topic.name() && !row.is_derived)
    };
    // The frames are in the bag that is read.
    let all = Topic::ALL.into_iter().filter(|topic| *topic != Topic::Wire);
    let chosen: BTreeSet<&str> = if names.is_empty() {
        all.filter(is_original).map(Topic::name).collect()
    } else {
        let all: Vec<&str> = all.map(Topic::name).collect();
        let find = |name: &String| {
            let found = all
                .iter()
                .find(|topic| **topic == name.trim_start_matches('/'));
            found.copied().ok_or_else(|| {
                let known = all.join(", ");
                Error::Argument(format!("--write {name}: no such topic; there are {known}"))
            })
        };
        names.iter().map(find).collect::<Result<_, _>>()?
    };
    Ok(Rc::new(chosen))
}

/// Returns the configuration of the bridge in a namespace: that of the parameter files, or one that limits nothing, with the
/// recorded coordinate frame.
fn config_of(
    options: &DecodeOptions,
    namespace: &str,
    recorded_frame_id: Option<&str>,
) -> Result<ResolvedConfig, Error> {
    let config = if options.params_file.is_empty() {
        // Otherwise only one frame of a second would have a preview.
        ResolvedConfig::default().with_changes(|config| config.preview_interval = Duration::ZERO)
    } else {
        config_of_files(options, namespace)?
    };
    let frame_id = options.frame_id.as_deref().or(recorded_frame_id);
    Ok(match frame_id {
        Some(frame_id) => config.with_changes(|config| frame_id.clone_into(&mut config.frame_id)),
        None => config,
    })
}

fn config_of_files(options: &DecodeOptions, namespace: &str) -> Result<ResolvedConfig, Error> {
    let failure = |error: &dyn std::fmt::Display| Error::Argument(error.to_string());
    let files = options
        .params_file
        .iter()
        .flat_map(|file| ["--params-file".to_owned(), file.display().to_string()]);
    let arguments = RosArguments::split(std::iter::once("--ros-args".to_owned()).chain(files));
    let overrides = arguments.overrides().map_err(|error| failure(&error))?;
    let node = format!("{namespace}/sensr_bridge");
    let start = overrides.for_node(&node, &BRIDGE);
    let start = start.map_err(|error| failure(&error))?;
    for warning in start.warnings {
        log::warn!("{warning}");
    }
    let config = Config::from_settings(&start.settings);
    config
        .map(ResolvedConfig::unresolved)
        .map_err(|error| failure(&error))
}
