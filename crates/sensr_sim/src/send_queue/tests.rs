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
fn drain(queue: &SendQueue) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let next = queue.lock().take();
        match next {
            None => return all,
            Some(Outgoing::Message(message)) => {
                queue.written(&message, message.len());
                all.push(format!("message of {}", message.len()));
            }
            Some(Outgoing::Close(close)) => {
                all.push(format!("close {}", close.code));
                return all;
            }
            Some(Outgoing::Pong(payload)) => all.push(format!("pong of {}", payload.len())),
            Some(Outgoing::Ping) => all.push("ping".to_owned()),
            Some(Outgoing::Strike(_)) => all.push("strike".to_owned()),
        }
    }
}

/// Returns the counts of offered, delivered and cut messages.
fn books(queue: &SendQueue) -> [u64; 3] {
    let counters = &queue.counters;
    [&counters.offered, &counters.delivered, &counters.cut].map(Counter::get)
}

#[test]
fn message_is_refused_until_there_is_space_for_it() {
    let queue = queue();
    assert_eq!(queue.push(message(1000)), Ok(()), "empty takes any size");
    assert_eq!(queue.push(message(1)), Err(Full));
    let taken = queue.lock().take();
    assert!(matches!(taken, Some(Outgoing::Message(_))));
    assert_eq!(queue.push(message(1)), Err(Full), "still being written");
    queue.written(&message(1000), 1000);
    assert_eq!(queue.push(message(60)), Ok(()));
    assert_eq!(queue.push(message(40)), Ok(()));
    assert_eq!(queue.push(message(1)), Err(Full));
    assert_eq!(books(&queue), [6, 1, 3]);
}

#[test]
fn closing_after_queued_messages_delivers_them() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_after_all(Close::FINISHED);
    queue.push(message(10)).expect("ignored");
    assert_eq!(drain(&queue), ["message of 10", "close 1000"]);
    assert_eq!(books(&queue), [1, 1, 0]);
}

#[test]
fn closing_now_drops_queued_messages_and_keeps_the_first_reason() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    queue.close_now(None, Close::STOPPED);
    queue.close_after_all(Close::FINISHED);
    assert_eq!(drain(&queue), ["close 1011"]);
    assert_eq!(books(&queue), [2, 0, 2]);
}

#[test]
fn pongs_precede_pings_and_messages() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.pong(Bytes::from_static(b"1"));
    queue.pong(Bytes::from_static(b"22"));
    queue.ping();
    assert_eq!(drain(&queue), ["pong of 2", "ping", "message of 10"]);
}

#[test]
fn silence_holds_messages_and_a_stall_everything() {
    let queue = Arc::new(queue());
    queue.push(message(10)).expect("fits");
    queue.ping();
    let silence = queue.grip(Grip::Silence);
    let (stall, again) = (queue.grip(Grip::Stall), queue.grip(Grip::Stall));
    assert!(drain(&queue).is_empty());
    drop(stall);
    assert!(drain(&queue).is_empty(), "one stall is still active");
    drop(again);
    assert_eq!(drain(&queue), ["ping"]);
    drop(silence);
    assert_eq!(drain(&queue), ["message of 10"]);
}

#[test]
fn queued_and_half_written_messages_count_as_cut_once() {
    let queue = queue();
    for _ in 0..3 {
        queue.push(message(10)).expect("fits");
    }
    assert!(queue.lock().take().is_some());
    queue.release(Release::HangUp);
    queue.push(message(10)).expect("ignored");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    assert!(drain(&queue).is_empty(), "writing has ended");
    assert_eq!(books(&queue), [3, 0, 2]);
    queue.retire();
    queue.retire();
    assert_eq!(books(&queue), [3, 0, 3]);
}
