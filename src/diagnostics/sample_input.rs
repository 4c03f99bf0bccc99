//! Diagnostics input of a healthy bridge, for tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{DiagnosticsInput, LinkInput, LogFigures};
use crate::config::ResolvedConfig;
use crate::connection::status::{LinkFigures, LinkState};
use crate::environment::shared_memory::UnreachableNodes;
use crate::metrics::Fill;
use crate::metrics::ledger::Account;
use crate::metrics::process_memory::ProcessMemory;
use crate::metrics::server_health::ServerHealthSnapshot;
use crate::time::clock_offset::{ClockAnomalies, Estimate};
use crate::time::stamp::Stamp;
use crate::topic::AnyTopic;
use sensr_protocol::health::{Edge, Node, SystemHealth};
use sensr_protocol::wire::proto::SensorStatus;
use sensr_protocol::wire::proto::system_health::{Status, node};

/// Input of an assessment with all values healthy, and the instant at which the bridge started.
pub(super) struct SampleInput {
    pub(super) start: Instant,
    pub(super) input: DiagnosticsInput,
}

impl SampleInput {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let input = DiagnosticsInput {
            now: start,
            points: connected_link(),
            output: connected_link(),
            accounts: [Account::default(); AnyTopic::COUNT],
            sensor_topics: Arc::default(),
            clock: Some(Estimate {
                offset_ns: 2_000_000,
                spread_ns: 1_000_000,
                drift_ppm: 0.5,
            }),
            anomalies: ClockAnomalies::default(),
            memory: Some(ProcessMemory {
                rss_bytes: 100 << 20,
                rss_peak_bytes: 120 << 20,
                shared_bytes: 0,
            }),
            memory_bound: 1 << 30,
            server: ServerHealthSnapshot::default(),
            config: Arc::new(ResolvedConfig::default()),
            others: Vec::new(),
            log: LogFigures::default(),
            unreachable: UnreachableNodes::default(),
        };
        Self { start, input }
    }

    pub(super) fn advance_time(&mut self, seconds: u64) {
        self.input.now += Duration::from_secs(seconds);
    }
}

fn connected_link() -> LinkInput {
    LinkInput {
        figures: LinkFigures {
            url: "ws://192.0.2.10:5051/".to_owned(),
            state: LinkState::Connected,
            connects: 1,
            ..LinkFigures::default()
        },
        queue: Fill {
            items: 0,
            bytes: 0,
            max_bytes: 64 << 20,
        },
        reliable: None,
    }
}

/// Health of a node with a sensor and an edge with another sensor, all OK.
pub(super) fn healthy_system() -> SystemHealth {
    let sensor = |name: &str| [(name.into(), SensorStatus::SensorAlive.into())].into();
    let edge = Edge {
        status: node::Status::Ok.into(),
        sensors: sensor("lidar 2"),
    };
    let algo = Node {
        status: node::Status::Ok.into(),
        sensors: sensor("lidar 1"),
        edges: [("east".into(), edge)].into(),
    };
    SystemHealth {
        master: Status::Ok.into(),
        nodes: [("algo".into(), algo)].into(),
    }
}

/// Stamp `sec` seconds after a fixed start.
pub(super) fn stamp_at(sec: i32) -> Stamp {
    Stamp {
        sec: 1_700_000_000 + sec,
        nanosec: 0,
    }
}
