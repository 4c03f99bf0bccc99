//! The publisher's half for what must not be lost.

use super::hand_over::{HandOver, Sink, Stream};
use super::notice::{Notice, QueuedNotice};
use super::outflow::{Outflow, Work};
use crate::cdr::Header;
use crate::config::Config;
use crate::message::{self, Moment};
use crate::topic::Delivery;

/// For events, zones, health and status. On a thread of its own, so that it waits for nothing else.
pub type NoticeOutflow<S> = Outflow<NoticeWork, S>;

/// Serializes notices.
#[derive(Debug, Default)]
pub struct NoticeWork {
    buffer: Vec<u8>,
}

impl Work for NoticeWork {
    type Item = QueuedNotice;

    const STREAM: Stream = |stats| &stats.output;

    fn publish<S: Sink>(
        &mut self,
        queued: &QueuedNotice,
        config: &Config,
        hand_over: &mut HandOver<S>,
    ) {
        let buffer = &mut self.buffer;
        let topic = queued.notice.topic();
        let arrival = queued.times.arrival;
        let moment = Moment {
            header: Header {
                stamp: queued.times.stamp,
                frame_id: &config.frame_id,
            },
            server_stamp: queued.times.server,
        };
        if topic.delivery() == Delivery::Latched {
            hand_over.deliver_latched(topic, arrival, || encode(buffer, moment, queued));
        } else {
            hand_over.deliver(topic, arrival, || encode(buffer, moment, queued));
        }
    }
}

fn encode<'b>(buffer: &'b mut Vec<u8>, moment: Moment<'_>, queued: &QueuedNotice) -> &'b [u8] {
    let sequence = queued.sequence;
    // What is about the server and not about places.
    let nowhere = Moment {
        header: Header {
            frame_id: "",
            ..moment.header
        },
        ..moment
    };
    match &queued.notice {
        Notice::Zones(zones) => message::zone_array(buffer, moment, zones),
        Notice::ZoneEvent(event) => message::zone_event(buffer, moment, sequence, event),
        Notice::LosingEvent(event) => message::losing_event(buffer, moment, sequence, event),
        Notice::RecalibrationEvent(event) => {
            message::recalibration_event(buffer, moment, sequence, event);
        }
        Notice::Health { health, is_event } => {
            message::system_health(buffer, nowhere, health, *is_event);
        }
        Notice::ServerStatus(custom) => message::server_status(buffer, moment, custom),
    }
    buffer
}

#[cfg(test)]
mod tests {
    use super::super::NoticeQueue;
    use super::super::hand_over::test_sink::Recorder;
    use super::super::output_queue::Times;
    use super::*;
    use crate::sensr::health::SystemHealth;
    use crate::sensr::wire::proto::ZoneEvent;
    use crate::stamp::{Arrival, Stamp};
    use crate::stats::Stats;
    use crate::stats::ledger::{Account, Intake};
    use crate::topic::Topic;
    use std::sync::Arc;
    use tokio::sync::watch;

    #[test]
    fn latched_goes_out_even_if_nobody_is_there_yet_and_events_do_not() {
        let stats: Arc<Stats> = Arc::default();
        let queue = Arc::new(NoticeQueue::new(1 << 20));
        let health = SystemHealth::default();
        let notices = [
            Notice::Zones(Arc::new([])),
            Notice::ZoneEvent(ZoneEvent::default()),
            Notice::Health {
                health,
                is_event: true,
            },
        ];
        for notice in notices {
            stats.ledger.receive(notice.topic(), Intake::Queued);
            let times = Times {
                arrival: Arrival::now(),
                stamp: Stamp::now(),
                server: Stamp::default(),
            };
            let queued = QueuedNotice {
                times,
                sequence: 0,
                notice,
            };
            let cost = queued.cost();
            assert!(queue.push(queued, cost).is_empty());
        }
        queue.close();
        let mut recorder = Recorder {
            unwanted: Topic::ALL.into(),
            ..Recorder::default()
        };
        let (_sender, config) = watch::channel(Arc::default());
        NoticeOutflow::new(Arc::clone(&stats), queue, config, &mut recorder)
            .run()
            .expect("nothing is final");
        assert_eq!(recorder.topics(), [Topic::Zones, Topic::Health]);
        let accounts = stats.ledger.snapshot();
        assert!(accounts.iter().all(Account::balances));
        assert_eq!(accounts[Topic::ZoneEvents.index()].unsubscribed, 1);
    }
}
