//! Requests of a service that wait for the thread that spins the node.

use futures::{FutureExt as _, Stream, StreamExt as _};
use r2r::{Node, QosProfile, ServiceRequest, WrappedServiceTypeSupport};

use super::RuntimeError;

/// Queue of the requests of one service.
pub(super) struct ServiceQueue<T: WrappedServiceTypeSupport>(
    Box<dyn Stream<Item = ServiceRequest<T>> + Unpin>,
);

impl<T: WrappedServiceTypeSupport + 'static> ServiceQueue<T> {
    /// Creates the service `~/name`.
    pub(super) fn create(
        node: &mut Node,
        name: &str,
        qos: QosProfile,
    ) -> Result<Self, RuntimeError> {
        let requests = node
            .create_service(&format!("~/{name}"), qos)
            .map_err(RuntimeError::ros(format!("serve ~/{name}")))?;
        Ok(Self(Box::new(requests)))
    }

    /// Answers all waiting requests. Returns their number.
    pub(super) fn answer_all(
        &mut self,
        mut answer: impl FnMut(&T::Request) -> T::Response,
    ) -> usize {
        let mut count = 0;
        while let Some(request) = self.next() {
            count += 1;
            let response = answer(&request.message);
            respond(request, response);
        }
        count
    }

    /// Takes the next waiting request, to be answered with [`respond`], later if need be.
    pub(super) fn next(&mut self) -> Option<ServiceRequest<T>> {
        self.0.next().now_or_never().flatten()
    }
}

/// Answers a request.
pub(super) fn respond<T: WrappedServiceTypeSupport + 'static>(
    request: ServiceRequest<T>,
    response: T::Response,
) {
    if let Err(error) = request.respond(response) {
        log::warn!("service: the response could not be sent: {error}");
    }
}
