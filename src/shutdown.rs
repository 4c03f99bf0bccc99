//! The wish to end, as a value that everything which can last races against.

use tokio::sync::watch;

/// Ends things. Cloneable; ending twice is ending once.
#[derive(Debug, Clone)]
pub struct Trigger(watch::Sender<bool>);

/// Tells when to end.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A connected pair.
#[must_use]
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks everybody to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether it is time.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is time. A vanished [`Trigger`] counts as a request: nobody is left to make one.
    pub async fn requested(&mut self) {
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_reaches_everybody_even_late() {
        let (trigger, shutdown) = channel();
        assert!(!shutdown.is_requested());
        trigger.clone().request();
        let mut late = shutdown.clone();
        late.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_vanished_trigger_is_a_request() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.requested().await;
    }
}
