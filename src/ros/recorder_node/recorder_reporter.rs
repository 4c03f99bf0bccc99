//! Reports of the recorder: the topic `recording`, `/diagnostics`, the service manager and the final lines of the log.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use r2r::sensr_bridge::msg::RecordingStatus;
use r2r::{Node, Publisher, QosProfile};

use super::status_message::status_message;
use crate::config::RecorderConfig;
use crate::recorder::report::{RecordingReport, RecordingState};
use crate::recorder::verdicts;
use crate::ros::RuntimeError;
use crate::ros::duplicate_node::DuplicateNodeCheck;
use crate::ros::status_publisher::{DIAGNOSTICS_PERIOD, StatusPublisher};
use crate::supervisor::service_manager::ServiceManager;
use crate::time::rate_limiter::RateLimiter;

/// Topic of the state of the recording, relative to the namespace.
const TOPIC: &str = "recording";
/// Period of its messages. Each change of state is published at once.
const STATUS_PERIOD: Duration = Duration::from_secs(1);

/// Publishes the reports.
pub(super) struct RecorderReporter {
    status: Publisher<RecordingStatus>,
    status_timer: RateLimiter,
    published: Option<ChangeKey>,
    diagnostics: StatusPublisher,
    diagnostics_timer: RateLimiter,
    duplicates: DuplicateNodeCheck,
    service: ServiceManager,
}

/// Parts of a report whose change is published at once.
#[derive(PartialEq)]
struct ChangeKey {
    state: RecordingState,
    splits_opened: u64,
    bag: Option<PathBuf>,
    recorder_pid: Option<u32>,
}

impl ChangeKey {
    fn of(report: &RecordingReport) -> Self {
        Self {
            state: report.state,
            splits_opened: report.splits_opened,
            bag: report.bag.clone(),
            recorder_pid: report.recorder_pid,
        }
    }
}

impl RecorderReporter {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let latched = QosProfile::default()
            .reliable()
            .transient_local()
            .keep_last(1);
        Ok(Self {
            status: node
                .create_publisher(TOPIC, latched)
                .map_err(RuntimeError::ros(format!("publish {TOPIC}")))?,
            status_timer: RateLimiter::default(),
            published: None,
            diagnostics: StatusPublisher::new(node)?,
            diagnostics_timer: RateLimiter::default(),
            duplicates: DuplicateNodeCheck::new(node, "recorder", TOPIC)?,
            service: ServiceManager::from_environment(),
        })
    }

    /// Publishes what is due, warns of another recorder, and tells the service manager that the node is alive.
    pub(super) fn publish_if_due(
        &mut self,
        node: &Node,
        report: &RecordingReport,
        config: &RecorderConfig,
        now: Instant,
    ) {
        self.notify_service_manager(report, now);
        let key = ChangeKey::of(report);
        let has_changed = self.published.as_ref() != Some(&key);
        if self.status_timer.is_due(now, STATUS_PERIOD) || has_changed {
            self.publish_status(report);
            self.published = Some(key);
        }
        self.duplicates.poll(node, now);
        if self.diagnostics_timer.is_due(now, DIAGNOSTICS_PERIOD) {
            let folder = config.output_dir.display().to_string();
            let statuses = verdicts::assess(report);
            self.diagnostics.publish(statuses, &folder, now);
        }
    }

    /// Tells the service manager that the node stops.
    pub(super) fn report_stop(&mut self) {
        self.service.stopping();
    }

    /// Publishes and logs the final account.
    pub(super) fn publish_last_report(&mut self, report: &RecordingReport) {
        self.publish_status(report);
        log::info!(
            "ran for {} s: {} splits opened, {} deleted, the stock recorder started {} times",
            report.uptime.as_secs(),
            report.splits_opened,
            report.deleted_splits,
            report.recorder_starts
        );
        for topic in report.topics.iter().filter(|topic| topic.missing > 0) {
            log::warn!(
                "{}: {} messages recorded, {} missing",
                topic.topic,
                topic.recorded,
                topic.missing
            );
        }
        let recorded: u64 = report.topics.iter().map(|topic| topic.recorded).sum();
        log::info!("{recorded} messages recorded, {} missing", report.missing);
    }

    fn publish_status(&self, report: &RecordingReport) {
        if let Err(error) = self.status.publish(&status_message(report)) {
            log::warn!("{TOPIC}: the middleware refused the message: {error}");
        }
    }

    fn notify_service_manager(&mut self, report: &RecordingReport, now: Instant) {
        if !self.service.is_present() {
            return;
        }
        self.service.alive(now);
        let status = service_status(report);
        // A recorder that retries or waits for disk space is ready: it goes on by itself.
        if report.state == RecordingState::Starting {
            self.service.status(&status);
        } else {
            self.service.ready(&status);
        }
    }
}

fn service_status(report: &RecordingReport) -> String {
    let state = report.state.name();
    match (&report.bag, &*report.reason) {
        (Some(bag), "") => format!("{state}: {}", bag.display()),
        (None, "") => state.to_owned(),
        (_, reason) => format!("{state}: {reason}"),
    }
}
