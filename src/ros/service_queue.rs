//! The waiting requests of a service, answered by the thread that spins the node.

use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::{Node, QosProfile, ServiceRequest, WrappedServiceTypeSupport};

use super::RuntimeError;

/// The waiting requests of one service.
pub(super) struct ServiceQueue<T: WrappedServiceTypeSupport>(
    Box<dyn Stream<Item = ServiceRequest<T>> + Unpin>,
);

impl<T: WrappedServiceTypeSupport + 'static> ServiceQueue<T> {
    /// Serves `~/name`.
    pub(super) fn open(node: &mut Node, name: &str, qos: QosProfile) -> Result<Self, RuntimeError> {
        let requests = node
            .create_service(&format!("~/{name}"), qos)
            .map_err(RuntimeError::ros(format!("serve ~/{name}")))?;
        Ok(Self(Box::new(requests)))
    }

    /// Answers all waiting requests. Returns how many there were.
    pub(super) fn answer(&mut self, mut answer: impl FnMut(&T::Request) -> T::Response) -> usize {
        let mut count = 0;
        while let Some(Some(request)) = self.0.next().now_or_never() {
            count += 1;
            let response = answer(&request.message);
            if let Err(error) = request.respond(response) {
                log::warn!("could not answer a service request: {error}");
            }
        }
        count
    }
}
