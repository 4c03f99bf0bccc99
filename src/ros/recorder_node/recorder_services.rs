//! Services `~/split`, `~/pause` and `~/resume`.

use std::time::Instant;

use r2r::std_srvs::srv::Trigger;
use r2r::{Node, QosProfile, ServiceRequest};

use super::split_call::{SplitCall, SplitClient};
use super::split_sequence::{SplitSequence, SplitStep};
use crate::recorder::engine::{Recorder, SplitMethod};
use crate::recorder::report::{RecordingReport, RecordingState};
use crate::ros::RuntimeError;
use crate::ros::service_queue::{ServiceQueue, respond};

/// Server of the services. The thread that spins the node has to call [`serve`](Self::serve).
pub(super) struct RecorderServices {
    split: ServiceQueue<Trigger::Service>,
    pause: ServiceQueue<Trigger::Service>,
    resume: ServiceQueue<Trigger::Service>,
    waiting: Option<WaitingSplit>,
    client: Option<SplitClient>,
}

/// Requests to split that wait for the same new split.
struct WaitingSplit {
    requests: Vec<ServiceRequest<Trigger::Service>>,
    sequence: SplitSequence,
    call: Option<SplitCall>,
}

impl RecorderServices {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        let mut service = |name| ServiceQueue::create(node, name, QosProfile::services_default());
        Ok(Self {
            split: service("split")?,
            pause: service("pause")?,
            resume: service("resume")?,
            waiting: None,
            client: None,
        })
    }

    /// Answers all requests that can be answered. Returns the number of those that have arrived or were answered.
    pub(super) fn serve(
        &mut self,
        node: &mut Node,
        recorder: &mut Recorder,
        now: Instant,
    ) -> usize {
        let mut served = self.pause.answer_all(|_| {
            let was = recorder.report(now).state;
            answer(
                "~/pause",
                recorder.pause().map(|()| pause_text(was).to_owned()),
            )
        });
        served += self.resume.answer_all(|_| {
            let was = recorder.report(now).state;
            answer(
                "~/resume",
                recorder.resume().map(|()| resume_text(was).to_owned()),
            )
        });
        while let Some(request) = self.split.next() {
            served += 1;
            self.begin_split(request, node, recorder, now);
        }
        served + self.proceed_with_split(recorder, now)
    }

    /// Refuses the requests that have not been answered.
    pub(super) fn refuse_waiting(&mut self, reason: &str) {
        if let Some(waiting) = self.waiting.take() {
            waiting.answer_all(Err(reason.to_owned()));
        }
    }

    fn begin_split(
        &mut self,
        request: ServiceRequest<Trigger::Service>,
        node: &mut Node,
        recorder: &mut Recorder,
        now: Instant,
    ) {
        if let Some(waiting) = &mut self.waiting {
            waiting.requests.push(request);
            return;
        }
        let opened = recorder.report(now).splits_opened;
        let (sequence, call) = match recorder.split() {
            Err(reason) => return respond(request, answer("~/split", Err(reason))),
            Ok(SplitMethod::NewBag) => (SplitSequence::new_bag(opened, now), None),
            Ok(SplitMethod::Service { node_name }) => match self.begin_call(node, &node_name) {
                Ok(call) => (SplitSequence::call(opened, now), Some(call)),
                Err(error) => {
                    log_new_bag(&error.to_string());
                    recorder.begin_new_bag();
                    (SplitSequence::new_bag(opened, now), None)
                }
            },
        };
        self.waiting = Some(WaitingSplit {
            requests: vec![request],
            sequence,
            call,
        });
    }

    fn begin_call(&mut self, node: &mut Node, node_name: &str) -> Result<SplitCall, RuntimeError> {
        let client = match self.client.take_if(|client| client.is_for(node_name)) {
            Some(client) => client,
            None => SplitClient::create(node, node_name)?,
        };
        Ok(self.client.insert(client).begin())
    }

    /// Returns the number of answered requests.
    fn proceed_with_split(&mut self, recorder: &mut Recorder, now: Instant) -> usize {
        let Some(mut waiting) = self.waiting.take() else {
            return 0;
        };
        let call = match (&self.client, &mut waiting.call) {
            (Some(client), Some(call)) => Some(client.poll(call)),
            _ => None,
        };
        let report = recorder.report(now);
        let result = match waiting.sequence.poll(now, call, report.splits_opened) {
            SplitStep::Done => Ok(split_text(&report)),
            SplitStep::Failed(reason) => Err(reason),
            step => {
                if let SplitStep::BeginNewBag(reason) = step {
                    log_new_bag(&reason);
                    recorder.begin_new_bag();
                }
                self.waiting = Some(waiting);
                return 0;
            }
        };
        waiting.answer_all(result)
    }
}

impl WaitingSplit {
    fn answer_all(self, result: Result<String, String>) -> usize {
        let response = answer("~/split", result);
        let count = self.requests.len();
        for request in self.requests {
            respond(request, response.clone());
        }
        count
    }
}

/// Logs and returns the answer to a request.
fn answer(service: &str, result: Result<String, String>) -> Trigger::Response {
    let success = result.is_ok();
    let message = result.unwrap_or_else(|reason| reason);
    if success {
        log::info!("{service}: {message}");
    } else {
        log::warn!("{service}: {message}");
    }
    Trigger::Response { success, message }
}

fn log_new_bag(reason: &str) {
    log::warn!(
        "~/split: the stock recorder did not split ({reason}): the recording goes on in a new bag"
    );
}

fn split_text(report: &RecordingReport) -> String {
    let bag = report.bag.as_deref();
    let bag = bag.map_or_else(String::new, |bag| format!(" in {}", bag.display()));
    match &report.split {
        Some(split) => format!("the split {split} is open{bag}"),
        None => format!("a new split is open{bag}"),
    }
}

fn pause_text(was: RecordingState) -> &'static str {
    match was {
        RecordingState::Paused => "the recording is paused already",
        _ => "the recording pauses; resume it with ~/resume",
    }
}

fn resume_text(was: RecordingState) -> &'static str {
    match was {
        RecordingState::Paused => "the recording goes on in a new bag",
        _ => "the recording is not paused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_tells_whether_the_request_changed_anything() {
        use RecordingState as State;
        assert!(pause_text(State::Recording).contains("~/resume"));
        assert!(pause_text(State::Paused).contains("already"));
        assert!(resume_text(State::Paused).contains("new bag"));
        assert!(resume_text(State::Recording).contains("not paused"));
        let refused = answer("~/pause", Err("stopping".to_owned()));
        assert_eq!((refused.success, &*refused.message), (false, "stopping"));
    }
}
