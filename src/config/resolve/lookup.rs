//! Reads what a configuration needs of files, on a thread of its own.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Instant;

use super::{READ_LIMIT, ResolveError};
use crate::config::address::check_address;
use crate::config::escape::escape_invisible;
use crate::config::hosts::{Hosts, Site};
use crate::config::suggest::did_you_mean;
use crate::config::{Config, ParameterError};
use crate::connection::tls::CaFileError;

/// A request to look up a site.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) given: Config,
    /// The hosts file if the parameters give none.
    pub(super) shipped: Option<PathBuf>,
    pub(super) site: Source,
    /// This CA file need not be read.
    pub(super) good_ca_file: Option<PathBuf>,
}

/// The source of the site.
#[derive(Debug)]
pub(super) enum Source {
    /// It is known already. None: `host` is an address.
    Known(Option<Site>),
    HostsFile,
}

/// The result of a look-up.
#[derive(Debug)]
pub(super) struct Found {
    /// None: `host` is an address.
    pub(super) site: Option<Site>,
    /// The configuration as it is for the site.
    pub(super) config: Config,
    /// The CA file cannot be read, for now.
    pub(super) unread_ca: Option<CaFileError>,
}

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Running {
    result: Receiver<Result<Found, ResolveError>>,
    since: Instant,
    /// The hosts file, if the parameters give one.
    hosts_file: Option<PathBuf>,
}

impl Lookup {
    pub(super) fn start(self, now: Instant) -> Result<Running, ResolveError> {
        let hosts_file = self.given.hosts_file.clone();
        let (sender, result) = channel();
        std::thread::Builder::new()
            .name("hosts-file".to_owned())
            .spawn(move || {
                // Nobody waits any more if it has taken too long.
                let _ = sender.send(self.run());
            })
            .map_err(ResolveError::Thread)?;
        Ok(Running {
            result,
            since: now,
            hosts_file,
        })
    }

    fn run(self) -> Result<Found, ResolveError> {
        let site = match self.site {
            Source::Known(site) => site,
            Source::HostsFile => find_site(&self.given, self.shipped)?,
        };
        let config = self.given.at(site.clone())?;
        let tls = config.wanted_tls();
        let tls = tls.filter(|tls| self.good_ca_file.as_ref() != Some(&tls.ca_file));
        let unread_ca = match tls.map_or(Ok(()), crate::connection::tls::TlsOptions::check) {
            Ok(()) => None,
            Err(error) if may_come(&error) => Some(error),
            Err(error) => return Err(error.into()),
        };
        Ok(Found {
            site,
            config,
            unread_ca,
        })
    }
}

impl Running {
    /// Waits for the result, but not for ever.
    pub(super) fn wait(&self) -> Result<Found, ResolveError> {
        match self.result.recv_timeout(READ_LIMIT) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(self.no_answer())
            }
        }
    }

    /// The result, if it is there.
    pub(super) fn poll(&self) -> Option<Result<Found, ResolveError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(self.no_answer())),
        }
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= READ_LIMIT
    }

    pub(super) fn no_answer(&self) -> ResolveError {
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

/// Returns whether a CA file may become readable by itself. A folder stays one.
pub(super) fn may_come(error: &CaFileError) -> bool {
    // Other: not the operating system's, but said of what is no file.
    let lasting = [ErrorKind::IsADirectory, ErrorKind::Other];
    matches!(error, CaFileError::Read { source, .. } if !lasting.contains(&source.kind()))
}

/// The site that `host` names. None: it is an address.
fn find_site(given: &Config, shipped: Option<PathBuf>) -> Result<Option<Site>, ResolveError> {
    let host = &given.host;
    // Run from the build tree there is none, and nobody asked for it.
    let shipped = || shipped.filter(|path| path.exists());
    let path = given.hosts_file.clone().or_else(shipped);
    // Errors then say where it was looked for.
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
        Some(path) => unknown_site(host, path, &hosts),
        None => ResolveError::NoHostsFile { host: host.clone() },
    })
}

fn unknown_site(host: &str, hosts_file: PathBuf, hosts: &Hosts) -> ResolveError {
    ResolveError::UnknownSite {
        host: host.to_owned(),
        hosts_file,
        known: hosts.site_names().collect::<Vec<_>>().join(", "),
        suggestion: did_you_mean(host, hosts.site_names()),
    }
}
