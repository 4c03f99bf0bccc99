//! Lookup of the site and check of the CA file, on a thread of its own.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Instant;

use super::{READ_TIMEOUT, ResolveError};
use crate::config::address::check_address;
use crate::config::escape::escape_invisible;
use crate::config::hosts::{Hosts, Site};
use crate::config::suggest::did_you_mean;
use crate::config::{Config, ParameterError, ResolvedConfig};
use crate::connection::tls::CaFileError;

/// Input of a lookup.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) given: Config,
    /// Hosts file if the parameters give none.
    pub(super) shipped: Option<PathBuf>,
    pub(super) site: SiteSource,
    /// CA file that has already been checked and is not read again.
    pub(super) checked_ca_file: Option<PathBuf>,
}

/// Source of the site's settings.
#[derive(Debug)]
pub(super) enum SiteSource {
    /// Already known. `None`: `host` is an address.
    Known(Option<Box<Site>>),
    /// To be read from the hosts file.
    HostsFile,
}

/// Result of a lookup.
#[derive(Debug)]
pub(super) struct LookupResult {
    /// `None`: `host` is an address.
    pub(super) site: Option<Site>,
    /// Parameters with the settings of the site.
    pub(super) config: ResolvedConfig,
    /// Error of a CA file that cannot be read yet.
    pub(super) unread_ca: Option<CaFileError>,
}

/// Lookup in progress.
#[derive(Debug)]
pub(super) struct PendingLookup {
    result: Receiver<Result<LookupResult, ResolveError>>,
    since: Instant,
    /// Hosts file, if the parameters give one.
    hosts_file: Option<PathBuf>,
}

impl Lookup {
    /// Starts the thread.
    pub(super) fn start(self, now: Instant) -> Result<PendingLookup, ResolveError> {
        let hosts_file = self.given.hosts_file.clone();
        let (sender, result) = channel();
        std::thread::Builder::new()
            .name("hosts-file".to_owned())
            .spawn(move || {
                // The receiver is gone if it has taken too long.
                let _ = sender.send(self.run());
            })
            .map_err(ResolveError::Thread)?;
        Ok(PendingLookup {
            result,
            since: now,
            hosts_file,
        })
    }

    fn run(self) -> Result<LookupResult, ResolveError> {
        let site = match self.site {
            SiteSource::Known(site) => site.map(|site| *site),
            SiteSource::HostsFile => find_site(&self.given, self.shipped)?,
        };
        let config = ResolvedConfig::for_site(self.given, site.clone())?;
        let tls = config.enabled_tls();
        let tls = tls.filter(|tls| self.checked_ca_file.as_ref() != Some(&tls.ca_file));
        let unread_ca = match tls.map_or(Ok(()), crate::connection::tls::TlsOptions::check_ca_file)
        {
            Ok(()) => None,
            Err(error) if is_ca_file_transient(&error) => Some(error),
            Err(error) => return Err(error.into()),
        };
        Ok(LookupResult {
            site,
            config,
            unread_ca,
        })
    }
}

impl PendingLookup {
    /// Waits for the result, up to [`READ_TIMEOUT`].
    pub(super) fn wait(&self) -> Result<LookupResult, ResolveError> {
        match self.result.recv_timeout(READ_TIMEOUT) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(self.timeout_error())
            }
        }
    }

    /// Returns the result if it is available.
    pub(super) fn try_result(&self) -> Option<Result<LookupResult, ResolveError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(self.timeout_error())),
        }
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= READ_TIMEOUT
    }

    pub(super) fn timeout_error(&self) -> ResolveError {
        let files = match &self.hosts_file {
            Some(path) => format!(
                "hosts file {} and the CA file",
                escape_invisible(path.display())
            ),
            None => "hosts and CA file".to_owned(),
        };
        ResolveError::NoAnswer { files }
    }
}

/// Returns whether a CA file may become readable later. A folder does not.
pub(super) fn is_ca_file_transient(error: &CaFileError) -> bool {
    // Other: reported for folders and special files, not by the operating system.
    let permanent = [ErrorKind::IsADirectory, ErrorKind::Other];
    matches!(error, CaFileError::Read { source, .. } if !permanent.contains(&source.kind()))
}

/// Looks up the site that `host` names. `None`: it is an address.
fn find_site(given: &Config, shipped: Option<PathBuf>) -> Result<Option<Site>, ResolveError> {
    let host = &given.host;
    // Missing when run from the build tree, which is no error: no parameter names it.
    let shipped = || shipped.filter(|path| path.exists());
    let path = given.hosts_file.clone().or_else(shipped);
    // Absolute, so that errors name the folder.
    let path = path.map(|path| std::path::absolute(&path).unwrap_or(path));
    let hosts = match &path {
        Some(path) => Hosts::load(path)?,
        None => Hosts::default(),
    };
    if let Some(site) = hosts.site(host) {
        return Ok(Some(site.clone()));
    }
    if hosts.accepts_host(host) {
        let name = "host";
        let checked = check_address(host);
        checked.map_err(|problem| ParameterError::Address { name, problem })?;
        return Ok(None);
    }
    Err(match path {
        Some(path) => unknown_site_error(host, path, &hosts),
        None => ResolveError::NoHostsFile { host: host.clone() },
    })
}

fn unknown_site_error(host: &str, hosts_file: PathBuf, hosts: &Hosts) -> ResolveError {
    ResolveError::UnknownSite {
        host: host.to_owned(),
        hosts_file,
        known: hosts.site_names().collect::<Vec<_>>().join(", "),
        suggestion: did_you_mean(host, hosts.site_names()),
    }
}
