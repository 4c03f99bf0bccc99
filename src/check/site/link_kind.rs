//! The two links of a site, with the words for them.

/// Words of a link.
#[derive(Debug)]
pub(super) struct LinkKind {
    /// Parameter that sets its port.
    pub(super) port_parameter: &'static str,
    /// Subject of the finding about the port.
    pub(super) port: &'static str,
    /// Subject of the finding about TLS.
    pub(super) tls: &'static str,
    /// Subject of the finding about the WebSocket handshake.
    pub(super) websocket: &'static str,
    /// Subject of the finding about the frames.
    pub(super) stream: &'static str,
}

/// Link of the point stream.
pub(super) static POINTS: LinkKind = LinkKind {
    port_parameter: "points_port",
    port: "point port",
    tls: "point tls",
    websocket: "point websocket",
    stream: "point stream",
};

/// Link of the output stream.
pub(super) static OUTPUT: LinkKind = LinkKind {
    port_parameter: "output_port",
    port: "output port",
    tls: "output tls",
    websocket: "output websocket",
    stream: "output stream",
};
