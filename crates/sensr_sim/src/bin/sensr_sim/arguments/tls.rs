//! Whether streams are served with TLS.

use std::path::PathBuf;

use clap::Args;
use sensr_sim::TlsOptions;

#[derive(Debug, Args)]
pub(super) struct TlsArguments {
    /// Serve both streams with TLS; the certificate of a throw-away CA is written to DIR/sensr-ca.crt
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,

    /// A DNS name or IP address in the server's certificate; may be given more than once [default:
    /// localhost, both loopback addresses and the one that is listened on]
    #[arg(long = "tls-name", value_name = "NAME", requires = "tls")]
    tls_names: Vec<String>,

    /// Use a certificate that expired yesterday
    #[arg(long, requires = "tls")]
    tls_expired: bool,
}

impl TlsArguments {
    pub(super) fn into_options(self) -> Option<TlsOptions> {
        Some(TlsOptions {
            dir: self.tls?,
            names: self.tls_names,
            is_expired: self.tls_expired,
        })
    }
}
