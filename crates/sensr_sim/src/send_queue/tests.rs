use super::*;
use crate::counters::Counter;
use crate::report::OutputCounts;

fn message(bytes: usize) -> Message {
    Message::output(vec![7; bytes].into(), OutputCounts::default())
}

fn queue() -> SendQueue {
    SendQueue::new(100, Arc::default())
}

/// Takes all items up to a close frame and describes them; each message counts as written at once.
fn take_all(queue: &SendQueue) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let next = queue.lock().take_item();
        match next {
            None => return all,
            Some(QueueItem::Message(message)) => {
                queue.mark_written(&message, message.len());
                all.push(format!("message of {}", message.len()));
            }
            Some(QueueItem::Close(close)) => {
                all.push(format!("close {}", close.code));
                return all;
            }
            Some(QueueItem::Pong(payload)) => all.push(format!("pong of {}", payload.len())),
            Some(QueueItem::Ping) => all.push("ping".to_owned()),
            Some(QueueItem::Fault(_)) => all.push("fault".to_owned()),
        }
    }
}

/// Returns the counts of offered, delivered and cut messages.
fn counts(queue: &SendQueue) -> [u64; 3] {
    let counters = &queue.counters;
    [&counters.offered, &counters.delivered, &counters.cut].map(Counter::get)
}

#[test]
fn message_is_refused_until_there_is_space_for_it() {
    let queue = queue();
    assert_eq!(queue.push(message(1000)), Ok(()), "empty takes any size");
    assert_eq!(queue.push(message(1)), Err(Full));
    let taken = queue.lock().take_item();
    assert!(matches!(taken, Some(QueueItem::Message(_))));
    assert_eq!(queue.push(message(1)), Err(Full), "still being written");
    queue.mark_written(&message(1000), 1000);
    assert_eq!(queue.push(message(60)), Ok(()));
    assert_eq!(queue.push(message(40)), Ok(()));
    assert_eq!(queue.push(message(1)), Err(Full));
    assert_eq!(counts(&queue), [6, 1, 3]);
}

#[test]
fn closing_after_queued_messages_delivers_them() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_after_queued(Close::FINISHED);
    queue.push(message(10)).expect("ignored");
    assert_eq!(take_all(&queue), ["message of 10", "close 1000"]);
    assert_eq!(counts(&queue), [1, 1, 0]);
}

#[test]
fn closing_now_drops_queued_messages_and_keeps_the_first_reason() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    queue.close_now(None, Close::STOPPING);
    queue.close_after_queued(Close::FINISHED);
    assert_eq!(take_all(&queue), ["close 1011"]);
    assert_eq!(counts(&queue), [2, 0, 2]);
}

#[test]
fn pongs_precede_pings_and_messages() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.queue_pong(Bytes::from_static(b"1"));
    queue.queue_pong(Bytes::from_static(b"22"));
    queue.queue_ping();
    assert_eq!(take_all(&queue), ["pong of 2", "ping", "message of 10"]);
}

#[test]
fn silence_holds_messages_and_a_stall_everything() {
    let queue = Arc::new(queue());
    queue.push(message(10)).expect("fits");
    queue.queue_ping();
    let silence = queue.begin_fault(OngoingFault::Silence);
    let (stall, second_stall) = (
        queue.begin_fault(OngoingFault::Stall),
        queue.begin_fault(OngoingFault::Stall),
    );
    assert!(take_all(&queue).is_empty());
    drop(stall);
    assert!(take_all(&queue).is_empty(), "one stall is still active");
    drop(second_stall);
    assert_eq!(take_all(&queue), ["ping"]);
    drop(silence);
    assert_eq!(take_all(&queue), ["message of 10"]);
}

#[test]
fn queued_and_half_written_messages_count_as_cut_once() {
    let queue = queue();
    for _ in 0..3 {
        queue.push(message(10)).expect("fits");
    }
    assert!(queue.lock().take_item().is_some());
    queue.disconnect(Disconnect::Immediate);
    queue.push(message(10)).expect("ignored");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    assert!(take_all(&queue).is_empty(), "writing has ended");
    assert_eq!(counts(&queue), [3, 0, 2]);
    queue.end_connection();
    queue.end_connection();
    assert_eq!(counts(&queue), [3, 0, 3]);
}
