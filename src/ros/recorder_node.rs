//! The running recorder: the main loop around [`Recorder`], which passes it what ROS tells, publishes its reports and serves
//! parameters and services.

mod bridge_presence;
mod bridge_statistics;
mod recorder_reporter;
mod recorder_services;
mod split_call;
mod split_sequence;
mod status_message;
mod stop_sequence;

use std::path::Path;
use std::time::{Duration, Instant};

use r2r::rosbag2_interfaces::msg::WriteSplitEvent;
use r2r::sensr_bridge::msg::BridgeStatistics;
use r2r::{Node, QosProfile};
use tokio_util::sync::CancellationToken;

use super::logging::Rosout;
use super::node::RosNode;
use super::parameter_services::ParameterServer;
use super::spinner::{SPIN_TIMEOUT, Spinner};
use super::subscription::Subscription;
use super::{Error, RuntimeError};
use crate::config::table::{ParameterTable, RECORDER};
use crate::config::{ConfigError, RecorderConfig, Settings, Value};
use crate::metrics::startup::Startup;
use crate::recorder::engine::Recorder;
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::workers::Worker;
use bridge_presence::BridgePresence;
use recorder_reporter::RecorderReporter;
use recorder_services::RecorderServices;
use stop_sequence::{StopSequence, StopStep};

/// Topic on which every stock recorder of a machine tells of a new split.
const WRITE_SPLIT_TOPIC: &str = "/events/write_split";
/// Limit of the whole shutdown, a little above that of its parts in [`stop_sequence`].
const FORCED_EXIT_TIMEOUT: Duration = Duration::from_secs(75);
/// Time for the thread of the signals to end on request. It takes milliseconds.
const JOIN_TIMEOUT: Duration = Duration::from_secs(3);

/// The running recorder.
pub(super) struct RecorderNode {
    recorder: Recorder,
    config: RecorderConfig,
    namespace: String,
    parameters: ParameterServer,
    services: RecorderServices,
    statistics: Subscription<BridgeStatistics>,
    splits: Subscription<WriteSplitEvent>,
    bridge: BridgePresence,
    reporter: RecorderReporter,
    signals: Worker,
    shutdown: CancellationToken,
    /// Ends the thread of the signals.
    ended: CancellationToken,
    heartbeat: Heartbeat,
}

impl RosNode for RecorderNode {
    const TABLE: &'static ParameterTable = &RECORDER;

    fn start(
        node: &mut Node,
        settings: Settings,
        _startup: Startup,
        runtime: LinkRuntime,
        signals: Signals,
    ) -> Result<Self, Error> {
        let config = RecorderConfig::from_settings(&settings)?;
        log_resolved_folder(&settings, &config);
        let namespace = node
            .namespace()
            .map_err(RuntimeError::ros("read the node's namespace"))?;
        let reporter = RecorderReporter::new(node)?;
        let parameters = ParameterServer::new(node, settings)?;
        let services = RecorderServices::new(node)?;
        let qos = QosProfile::default;
        let statistics = Subscription::create(node, bridge_presence::TOPIC, qos())?;
        let splits = Subscription::create(node, WRITE_SPLIT_TOPIC, qos())?;
        let recorder = Recorder::start(config.clone(), &namespace)?;

        let (shutdown, ended) = (CancellationToken::new(), CancellationToken::new());
        let heartbeat = Heartbeat::default();
        let watch = watch_process(signals, shutdown.clone(), heartbeat.clone());
        let end = ended.clone();
        let signals = Worker::spawn("signals", move || {
            runtime.run(end.cancelled_owned(), watch, Heartbeat::default());
            Ok(())
        })?;
        Ok(Self {
            recorder,
            config,
            bridge: BridgePresence::new(&namespace),
            namespace,
            parameters,
            services,
            statistics,
            splits,
            reporter,
            signals,
            shutdown,
            ended,
            heartbeat,
        })
    }

    fn run(mut self, node: &mut Node, rosout: &Rosout) -> Result<(), Error> {
        let mut spinner = Spinner::default();
        let mut stop = None;
        while !self.advance_stop(node, &mut stop)? {
            if self.signals.has_ended() {
                return Err(self.signals.into_error().into());
            }
            self.run_once(node, &mut spinner)?;
            rosout.publish_waiting();
        }
        self.reporter
            .publish_last_report(&self.recorder.report(Instant::now()));
        self.ended.cancel();
        Ok(self.signals.join_until(Instant::now() + JOIN_TIMEOUT)?)
    }

    fn resolve(settings: &Settings) -> Result<serde_json::Value, Error> {
        Ok(RecorderConfig::from_settings(settings)?.as_json())
    }
}

impl RecorderNode {
    /// Runs one turn of the main loop.
    fn run_once(&mut self, node: &mut Node, spinner: &mut Spinner) -> Result<(), Error> {
        self.heartbeat.beat();
        let now = Instant::now();
        self.recorder.poll(now);
        let report = self.recorder.report(now);
        self.reporter
            .publish_if_due(node, &report, &self.config, now);
        spinner.spin(node, SPIN_TIMEOUT, |node| self.serve(node))?;
        Ok(())
    }

    /// Takes all that has arrived. Returns the number of messages and requests.
    fn serve(&mut self, node: &mut Node) -> usize {
        let mut served = 0;
        while let Some(statistics) = self.statistics.next() {
            served += 1;
            let counts =
                bridge_statistics::published_counts(&statistics, &self.namespace, &self.config);
            self.recorder.on_statistics(counts);
        }
        while let Some(event) = self.splits.next() {
            served += 1;
            let (closed, opened) = (Path::new(&event.closed_file), Path::new(&event.opened_file));
            self.recorder.on_write_split(closed, opened);
        }
        let Self {
            parameters,
            recorder,
            config,
            services,
            ..
        } = self;
        served += parameters.serve(|settings| {
            let changed = RecorderConfig::from_settings(settings)?;
            recorder.check(&changed).map_err(ConfigError::Recorder)?;
            if changed.output_dir != config.output_dir {
                log_resolved_folder(settings, &changed);
            }
            recorder.apply(changed.clone());
            *config = changed;
            Ok(())
        });
        served + services.serve(node, recorder, Instant::now())
    }

    /// Proceeds with the shutdown, once it has been requested. Returns true when it has completed.
    fn advance_stop(
        &mut self,
        node: &Node,
        stop: &mut Option<StopSequence>,
    ) -> Result<bool, Error> {
        if !self.shutdown.is_cancelled() {
            return Ok(false);
        }
        let now = Instant::now();
        let sequence = stop.get_or_insert_with(|| {
            self.services.refuse_waiting("sensr_recorder is stopping");
            self.reporter.report_stop();
            StopSequence::begin(now)
        });
        let is_present = sequence.needs_bridge() && self.bridge.is_present(node);
        match sequence.poll(now, is_present, self.recorder.is_stopped()) {
            StopStep::Wait => Ok(false),
            StopStep::BeginStop { is_bridge_present } => {
                if is_bridge_present {
                    log::info!(
                        "the bridge goes on publishing, and its messages are no longer recorded: stop it first to have all of them"
                    );
                }
                self.recorder.begin_stop();
                Ok(false)
            }
            StopStep::Finished => Ok(true),
            StopStep::TimedOut => {
                Err(RuntimeError::StopTimeout(stop_sequence::STOP_TIMEOUT).into())
            }
        }
    }
}

/// Forwards the signals, and ends the process if the main thread hangs. Never returns.
async fn watch_process(signals: Signals, shutdown: CancellationToken, heartbeat: Heartbeat) {
    tokio::join!(
        signals.forward(shutdown, FORCED_EXIT_TIMEOUT),
        heartbeat.watch()
    );
}

/// Logs the folder for recordings if it was given as a relative path.
fn log_resolved_folder(settings: &Settings, config: &RecorderConfig) {
    if let Some(Value::String(given)) = settings.get("output_dir")
        && !given.starts_with(['/', '~'])
    {
        log::info!(
            "output_dir {given:?} is relative to the working directory: recordings go to {}",
            config.output_dir.display()
        );
    }
}
