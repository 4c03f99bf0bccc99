use super::*;
use crate::counters::Counter;
use crate::report::OutputCounts;

fn message(bytes: usize) -> Message {
    Message::output(vec![7; bytes].into(), OutputCounts::default())
}

fn queue() -> SendQueue {
    SendQueue::new(100, Arc::default())
}

/// What is written, in words, up to a close frame; each message is written at once.
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

/// Offered, delivered and cut.
fn books(queue: &SendQueue) -> [u64; 3] {
    let counters = &queue.counters;
    [&counters.offered, &counters.delivered, &counters.cut].map(Counter::get)
}

#[test]
fn refuses_what_does_not_fit_until_it_is_written() {
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
fn closing_after_all_delivers_what_waits() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_after_all(Close::FINISHED);
    queue.push(message(10)).expect("not offered");
    assert_eq!(drain(&queue), ["message of 10", "close 1000"]);
    assert_eq!(books(&queue), [1, 1, 0]);
}

#[test]
fn closing_now_forgets_what_waits_and_keeps_the_first_reason() {
    let queue = queue();
    queue.push(message(10)).expect("fits");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    queue.close_now(None, Close::STOPPED);
    queue.close_after_all(Close::FINISHED);
    assert_eq!(drain(&queue), ["close 1011"]);
    assert_eq!(books(&queue), [2, 0, 2]);
}

#[test]
fn pongs_overtake() {
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
    assert!(drain(&queue).is_empty(), "one stall goes on");
    drop(again);
    assert_eq!(drain(&queue), ["ping"]);
    drop(silence);
    assert_eq!(drain(&queue), ["message of 10"]);
}

#[test]
fn what_waits_or_is_half_written_at_the_end_is_cut_once() {
    let queue = queue();
    for _ in 0..3 {
        queue.push(message(10)).expect("fits");
    }
    assert!(queue.lock().take().is_some());
    queue.release(Release::HangUp);
    queue.push(message(10)).expect("not offered");
    queue.close_now(Some(message(3)), Close::OVERFLOW);
    assert!(drain(&queue).is_empty(), "nothing is written any more");
    assert_eq!(books(&queue), [3, 0, 2]);
    queue.retire();
    queue.retire();
    assert_eq!(books(&queue), [3, 0, 3]);
}
