//! Supervision of the process and the files.

use std::time::Instant;

use super::memory_trend::MemoryTrend;
use super::{Recorder, RunningProcess};
use crate::recorder::child::{Exit, RecorderProcess};
use crate::recorder::files::{Event, Request};
use crate::recorder::report::RecordingState;
use crate::recorder::state::Action;

impl Recorder {
    pub(super) fn on_files(&mut self, event: Event, now: Instant) {
        match event {
            Event::Prepared(result) => {
                self.preparations -= 1;
                if self.preparations > 0 {
                    return;
                }
                let result = result.map(|prepared| self.prepared = Some(prepared));
                if let Err(reason) = &result {
                    self.note_failure(reason, now);
                }
                let action = self.machine.on_prepared(result, now);
                self.act(action, now);
            }
            Event::Snapshot(look) => {
                let full = look.full.clone();
                self.look = Some(*look);
                let action = self.machine.on_disk(full, now);
                self.act(action, now);
            }
            Event::Finished => self.machine.on_finished(),
        }
    }

    pub(super) fn act(&mut self, action: Option<Action>, now: Instant) {
        match action {
            None => {}
            Some(Action::Prepare) => {
                self.preparations += 1;
                self.files.send(Request::Prepare);
            }
            Some(Action::Start) => self.start_process(now),
            Some(Action::Interrupt) => {
                if let Some(running) = &self.process {
                    running.process.interrupt();
                }
            }
            Some(Action::Kill) => self.kill_process(),
            Some(Action::Finish) => {
                let deadline = self.stop_began.unwrap_or(now) + self.times.finish;
                self.files.send(Request::Finish { deadline });
            }
        }
    }

    fn start_process(&mut self, now: Instant) {
        let Some(prepared) = &self.prepared else {
            return;
        };
        let result = RecorderProcess::spawn(&self.programs, &prepared.arguments).map_err(|error| {
            format!(
                "cannot start the stock recorder: {error}; check the limits of processes and memory"
            )
        });
        let result = match result {
            Ok(process) => {
                log::info!(
                    "the stock recorder (process {}) records to {}",
                    process.pid(),
                    prepared.bag.display()
                );
                self.starts += 1;
                self.health.begin(now);
                self.process = Some(RunningProcess {
                    process,
                    memory: MemoryTrend::new(now),
                });
                Ok(())
            }
            Err(reason) => {
                self.note_failure(&reason, now);
                self.end_bag(false);
                Err(reason)
            }
        };
        let action = self.machine.on_started(result, now);
        self.act(action, now);
    }

    fn kill_process(&mut self) {
        if let Some(running) = &mut self.process {
            log::error!(
                "the stock recorder (process {}) did not end when interrupted and is killed; its open split will be \
                 repaired",
                running.process.pid()
            );
            running.process.kill();
        }
    }

    /// Tells the files thread that the stock recorder has ended.
    fn end_bag(&mut self, is_in_order: bool) {
        self.prepared = None;
        let state = self.machine.state().0;
        self.files.send(Request::BagEnded {
            is_in_order,
            is_paused: matches!(state, RecordingState::Paused | RecordingState::DiskFull),
        });
    }

    pub(super) fn observe_process(&mut self, now: Instant) {
        let Some(running) = &mut self.process else {
            return;
        };
        if let Some(exit) = running.process.try_wait(now) {
            self.lost_before += running.process.reported_lost();
            let is_killed = running.process.is_killed();
            self.process = None;
            self.on_exit(&exit, is_killed, now);
            return;
        }
        if let Some(bytes) = self.health.observe_process(&running.process, now) {
            running.memory.add(now, bytes);
        }
    }

    fn on_exit(&mut self, exit: &Exit, is_killed: bool, now: Instant) {
        self.end_bag(exit.is_success() && !is_killed);
        let reason = format!(
            "the stock recorder {}; see its lines in the log",
            exit.describe()
        );
        if self.machine.is_running() {
            self.note_failure(&reason, now);
        } else if exit.is_success() {
            log::info!("the stock recorder has closed its bag");
        } else {
            log::warn!("the stock recorder {} at its end", exit.describe());
        }
        let action = self.machine.on_exited(reason, now);
        self.act(action, now);
    }

    pub(super) fn observe_health(&mut self, now: Instant) {
        if !self.machine.is_running() {
            return;
        }
        let bag = self.prepared.as_ref().map(|prepared| &prepared.bag);
        let look = self.look.as_ref().and_then(|look| look.bag.as_ref());
        let look = look.filter(|look| Some(&look.folder) == bag);
        if self.health.observe_bag(look, now) {
            self.machine.on_written(now);
        }
        // While nothing is known about the files, nothing is concluded from that.
        let seen = self.look.as_ref().map_or(self.started, |look| look.at);
        let is_starting = self.machine.is_starting();
        let problem =
            self.health
                .problem(look, is_starting, self.config.stall_timeout, (seen, now));
        if let Some(problem) = problem {
            self.note_failure(&problem, now);
            let action = self.machine.on_problem(problem, now);
            self.act(action, now);
        }
    }

    /// Notes whether the files thread still answers.
    pub(super) fn observe_silence(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.last_answer);
        let is_silent = silence >= self.times.silence && !self.machine.is_stopped();
        if is_silent && !self.is_silent {
            log::error!("{}", self.silence_reason());
        } else if !is_silent && self.is_silent {
            log::info!(
                "the disk of {} responds again",
                self.config.output_dir.display()
            );
        }
        self.is_silent = is_silent;
    }

    /// Gives up a stop that takes too long.
    pub(super) fn observe_stop(&mut self, now: Instant) {
        let is_over = self
            .stop_began
            .is_some_and(|began| now >= began + self.times.stop);
        if !is_over || self.machine.is_stopped() {
            return;
        }
        if let Some(running) = self.process.take() {
            log::error!(
                "the stock recorder (process {}) cannot be killed and is left behind; check the disk, for which it waits",
                running.process.pid()
            );
        }
        log::error!(
            "the disk of {} does not respond; the last splits are completed at the next start of sensr_recorder",
            self.config.output_dir.display()
        );
        self.machine.on_finished();
    }

    pub(super) fn silence_reason(&self) -> String {
        format!(
            "the disk of {} does not respond; check the disk, or its network",
            self.config.output_dir.display()
        )
    }

    fn note_failure(&mut self, reason: &str, now: Instant) {
        reason.clone_into(&mut self.last_failure);
        // The same failure with other figures is a repetition.
        let kind: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        if let Some(suppressed) = self.throttle.try_acquire(&kind, now) {
            log::error!("{reason}; the recording is started again{suppressed}");
        }
    }
}
