//! Call of the stock recorder's service `split_bagfile`, which rosbag2 has from Iron on.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use r2r::{ClientUntyped, Node, QosProfile};

use super::split_sequence::CallState;
use crate::ros::RuntimeError;

/// Name of the service below the name of the node.
const SERVICE: &str = "split_bagfile";
/// Its type, by name: the package of Humble has none of it.
const SERVICE_TYPE: &str = "rosbag2_interfaces/srv/SplitBagfile";

/// Client of the service of one node. r2r cannot destroy a client, so it is kept for all calls.
pub(super) struct SplitClient {
    node_name: String,
    client: ClientUntyped,
}

/// A call, polled by the thread that spins the node.
pub(super) struct SplitCall(Call);

enum Call {
    Discovering(LocalBoxFuture<'static, r2r::Result<()>>),
    Sent(LocalBoxFuture<'static, Result<(), String>>),
    Ended(CallState),
}

impl SplitClient {
    /// Creates a client for the node of that absolute name.
    pub(super) fn create(node: &mut Node, node_name: &str) -> Result<Self, RuntimeError> {
        let service = format!("{node_name}/{SERVICE}");
        let client = node
            .create_client_untyped(&service, SERVICE_TYPE, QosProfile::services_default())
            .map_err(RuntimeError::ros(format!("call {service}")))?;
        Ok(Self {
            node_name: node_name.to_owned(),
            client,
        })
    }

    /// Returns whether this is the client for the node of that name.
    pub(super) fn is_for(&self, node_name: &str) -> bool {
        self.node_name == node_name
    }

    /// Begins a call: first the service is discovered.
    pub(super) fn begin(&self) -> SplitCall {
        SplitCall(match Node::is_available(&self.client) {
            Ok(available) => Call::Discovering(available.boxed_local()),
            Err(error) => Call::Ended(CallState::Failed(error.to_string())),
        })
    }

    /// Proceeds with a call, and returns its state.
    pub(super) fn poll(&self, call: &mut SplitCall) -> CallState {
        if let Call::Discovering(available) = &mut call.0
            && let Some(discovered) = available.now_or_never()
        {
            let sent = discovered.and_then(|()| self.client.request(serde_json::json!({})));
            call.0 = match sent {
                Ok(response) => {
                    let outcome = response.map(|response| match response {
                        Ok(Ok(_)) => Ok(()),
                        Ok(Err(error)) | Err(error) => Err(error.to_string()),
                    });
                    Call::Sent(outcome.boxed_local())
                }
                Err(error) => Call::Ended(CallState::Failed(error.to_string())),
            };
        }
        if let Call::Sent(response) = &mut call.0
            && let Some(outcome) = response.now_or_never()
        {
            call.0 = Call::Ended(match outcome {
                Ok(()) => CallState::Sent,
                Err(reason) => CallState::Failed(reason),
            });
        }
        match &call.0 {
            Call::Discovering(_) => CallState::Undiscovered,
            Call::Sent(_) => CallState::Sent,
            Call::Ended(state) => state.clone(),
        }
    }
}
