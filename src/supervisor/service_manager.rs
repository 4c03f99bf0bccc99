//! Notification of the service manager, which is systemd as a rule: ready, alive, status, stopping.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Environment variable with the socket of the service manager.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Notifications that may wait for a service manager that does not read. Later ones are left out.
const QUEUE_LENGTH: usize = 16;

/// Notifies the service manager that started the process. Without one, nothing is done.
///
/// A thread of its own sends the notifications: a service manager that does not read blocks neither the caller nor the
/// data.
///
/// ```
/// use sensr_bridge::supervisor::service_manager::ServiceManager;
/// use std::time::Instant;
///
/// let mut service = ServiceManager::from_environment();
/// service.ready("connected");
/// service.alive(Instant::now());
/// service.stopping();
/// ```
#[derive(Debug, Default)]
pub struct ServiceManager {
    notifications: Option<SyncSender<Notification>>,
    /// Interval of the signs of life. `None` if the service manager wants none.
    interval: Option<Duration>,
    last_sign: Option<Instant>,
    is_ready: bool,
    status: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Notification {
    Ready(String),
    Status(String),
    Alive,
    Stopping,
}

impl ServiceManager {
    /// Finds the service manager by `NOTIFY_SOCKET`, and the interval of the signs of life by `WATCHDOG_USEC`: half of
    /// it, as `sd_watchdog_enabled(3)` recommends.
    #[must_use]
    pub fn from_environment() -> Self {
        if std::env::var_os(SOCKET).is_none() {
            return Self::default();
        }
        let (sender, receiver) = sync_channel(QUEUE_LENGTH);
        let thread = std::thread::Builder::new().name("notify".to_owned());
        match thread.spawn(move || send_all(&receiver)) {
            Ok(_) => Self::new(sender, sd_notify::watchdog_enabled()),
            Err(error) => {
                log::error!("the service manager is not notified: cannot start a thread: {error}");
                Self::default()
            }
        }
    }

    fn new(notifications: SyncSender<Notification>, timeout: Option<Duration>) -> Self {
        Self {
            notifications: Some(notifications),
            interval: timeout.map(|timeout| timeout / 2),
            ..Self::default()
        }
    }

    /// Returns whether there is a service manager. Without one, no status needs to be composed.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.notifications.is_some()
    }

    /// Tells once that the service has started, with a status of one line. Later calls tell the status only.
    pub fn ready(&mut self, status: &str) {
        if self.is_ready {
            self.status(status);
        } else if self.send(Notification::Ready(status.to_owned())) {
            self.is_ready = true;
            status.clone_into(&mut self.status);
        }
    }

    /// Tells the status in one line, if it has changed.
    pub fn status(&mut self, text: &str) {
        if self.status != text && self.send(Notification::Status(text.to_owned())) {
            text.clone_into(&mut self.status);
        }
    }

    /// Tells that the service works, as often as the service manager wants it. To be called at least twice as often, and
    /// only while it is true: the service manager restarts a service that no longer tells it.
    pub fn alive(&mut self, now: Instant) {
        let Some(interval) = self.interval else {
            return;
        };
        let is_due = |last: Instant| now.saturating_duration_since(last) >= interval;
        if self.last_sign.is_none_or(is_due) && self.send(Notification::Alive) {
            self.last_sign = Some(now);
        }
    }

    /// Tells that the service ends.
    pub fn stopping(&mut self) {
        self.send(Notification::Stopping);
    }

    /// Returns whether there is room for the notification.
    fn send(&self, notification: Notification) -> bool {
        let Some(notifications) = &self.notifications else {
            return false;
        };
        match notifications.try_send(notification) {
            // Without the thread there is nobody to notify.
            Ok(()) | Err(TrySendError::Disconnected(_)) => true,
            Err(TrySendError::Full(_)) => false,
        }
    }
}

/// Sends notifications until there will be no more. Each may wait for the service manager. Failures of the same kind are
/// logged once.
fn send_all(notifications: &Receiver<Notification>) {
    let mut failure = None;
    for notification in notifications {
        let error = send_one(&notification).err().map(|error| error.kind());
        if let Some(kind) = error
            && failure != error
        {
            log::warn!("the service manager cannot be notified ({SOCKET}): {kind}");
        }
        failure = error;
    }
}

fn send_one(notification: &Notification) -> io::Result<()> {
    match notification {
        Notification::Ready(status) => {
            sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
        }
        Notification::Status(status) => {
            sd_notify::notify(&[NotifyState::Status(&one_line(status))])
        }
        Notification::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        Notification::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    }
}

/// A line break would begin another notification.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn watched() -> (ServiceManager, Receiver<Notification>) {
        let (sender, receiver) = sync_channel(QUEUE_LENGTH);
        (ServiceManager::new(sender, Some(TIMEOUT)), receiver)
    }

    #[test]
    fn readiness_is_told_once_and_a_status_when_it_changes() {
        let (mut service, told) = watched();
        service.status("starting");
        service.ready("a");
        service.ready("a");
        service.ready("b");
        service.status("b");
        service.stopping();
        let told: Vec<_> = told.try_iter().collect();
        let expected = [
            Notification::Status("starting".to_owned()),
            Notification::Ready("a".to_owned()),
            Notification::Status("b".to_owned()),
            Notification::Stopping,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn signs_of_life_are_told_at_half_the_timeout() {
        let (mut service, told) = watched();
        let start = Instant::now();
        for tenths in 0..=100 {
            service.alive(start + Duration::from_millis(100 * tenths));
        }
        assert_eq!(told.try_iter().count(), 3);
    }

    #[test]
    fn no_sign_of_life_is_told_if_none_is_wanted() {
        let (sender, told) = sync_channel(QUEUE_LENGTH);
        ServiceManager::new(sender, None).alive(Instant::now());
        assert_eq!(told.try_iter().count(), 0);
    }

    #[test]
    fn a_service_manager_that_does_not_read_blocks_nobody_and_is_told_later() {
        let (mut service, told) = watched();
        for number in 0..2 * QUEUE_LENGTH {
            service.status(&number.to_string());
        }
        service.ready("full");
        assert_eq!(told.try_iter().count(), QUEUE_LENGTH);
        service.ready("now");
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!(told, [Notification::Ready("now".to_owned())]);
    }

    #[test]
    fn without_a_service_manager_nothing_is_done() {
        let mut service = ServiceManager::default();
        service.ready("ready");
        service.alive(Instant::now());
        service.stopping();
        assert!(!service.is_present());
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("a\nREADY=1\r"), "a READY=1 ");
    }
}
