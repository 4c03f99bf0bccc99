//! Resolution of parameters and hosts file into link options.
//!
//! Files are read at start, when a parameter that concerns them changes, and on a reconnect. A hosts file that does not
//! exist yet, as on a share that is mounted later, is retried like a server. Files are read on a thread of their own, so
//! that an unresponsive share does not block the node.

mod lookup;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::escape::escape_invisible;
use super::hosts::{HostsError, Site};
use super::{Config, ParameterError, ResolvedConfig};
use crate::connection::backoff::Backoff;
use crate::connection::options::LinkOptions;
use crate::connection::status::Endpoint;
use crate::connection::tls::CaFileError;
use crate::time::log_throttle::LogThrottle;
use lookup::{Lookup, LookupResult, PendingLookup, SiteSource};

/// Longest wait for a file before the lookup is reported or refused.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a new hosts file with invalid content is an error: before, it may still be being written.
const SETTLE_TIME: Duration = Duration::from_secs(5);
/// Log period of the same reason to wait.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// Result of a resolution: the parameters for the site, and the link options that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// Parameters with the settings of the site.
    pub config: ResolvedConfig,
    /// Options of the point stream's link.
    pub points: LinkOptions,
    /// Options of the output stream's link.
    pub output: LinkOptions,
}

impl Resolution {
    /// Derives the link options from resolved parameters.
    #[must_use]
    pub fn of(config: ResolvedConfig) -> Self {
        resolve_links(config, None)
    }
}

/// Parameters or files that cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Parameters are inconsistent with one another or with the site.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The hosts file cannot be used.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// `host` is neither a site nor an address.
    #[error(
        "host {} is neither a site of {} (it has: {}) nor an address{suggestion}; a host name without a dot must be the \
         address of a site there",
        escape_invisible(host), escape_invisible(hosts_file.display()), escape_invisible(known)
    )]
    UnknownSite {
        /// Value of `host`.
        host: String,
        /// Path of the hosts file.
        hosts_file: PathBuf,
        /// Sites in it.
        known: String,
        /// A site with a similar name, as a question. Empty if there is none.
        suggestion: String,
    },
    /// `host` is not an address, and there is no hosts file.
    #[error(
        "host {} is not an address, and there is no hosts file with such a site: set hosts_file",
        escape_invisible(host)
    )]
    NoHostsFile {
        /// Value of `host`.
        host: String,
    },
    /// The CA file of TLS cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// The file system does not respond.
    #[error(
        "no answer from the file system within {} s for {files}: is a network share away?", READ_TIMEOUT.as_secs()
    )]
    NoAnswer {
        /// Files that are read.
        files: String,
    },
    /// The thread cannot be started.
    #[error("cannot start the thread that reads hosts and CA files: {0}")]
    Thread(std::io::Error),
}

impl ResolveError {
    /// Returns whether a later attempt may succeed without a change of parameters or files.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Hosts(error) => error.is_transient(),
            Self::CaFile(error) => lookup::is_ca_file_transient(error),
            Self::NoAnswer { .. } | Self::Thread(_) => true,
            Self::Parameter(_) | Self::UnknownSite { .. } | Self::NoHostsFile { .. } => false,
        }
    }
}

/// Resolves configurations, and remembers the files' contents that it needs for later changes.
#[derive(Debug)]
pub struct Resolver {
    /// Hosts file if the parameters give none.
    shipped: Option<PathBuf>,
    /// Parameters as given.
    given: Config,
    /// Site of the parameters. `None`: `host` is an address, or its hosts file cannot be read yet.
    site: Option<Site>,
    /// CA file that has been checked, or that the links retry.
    ca_file: Option<PathBuf>,
    waiting: Option<Waiting>,
}

/// A hosts file that cannot be read yet.
#[derive(Debug)]
struct Waiting {
    reason: String,
    pending: Option<PendingLookup>,
    next_attempt: Instant,
    backoff: Backoff,
    random: SmallRng,
    throttle: LogThrottle,
    /// Since when the file has been readable with invalid content.
    invalid_since: Option<Instant>,
}

impl Resolver {
    /// Resolves the parameters given at start. Transient errors of the hosts file are retried; until then the links have an
    /// obstacle. `shipped` is the hosts file if the parameters name none; it need not exist.
    pub fn start(
        given: Config,
        shipped: Option<PathBuf>,
    ) -> Result<(Self, Resolution), ResolveError> {
        let mut resolver = Self {
            shipped,
            given: given.clone(),
            site: None,
            ca_file: None,
            waiting: None,
        };
        let pending = resolver.start_lookup(given.clone(), true, Instant::now())?;
        let config = match pending.wait() {
            Ok(result) => resolver.accept_result(given, result),
            Err(error) if error.is_transient() => {
                resolver.record_failure(&error, Instant::now());
                if matches!(error, ResolveError::NoAnswer { .. }) {
                    // Keeps the thread: another one would hang too.
                    resolver.set_pending(Some(pending));
                }
                resolver.unresolved()
            }
            Err(error) => return Err(error),
        };
        Ok((resolver, config))
    }

    /// Resolves changed parameters. Only files that the change concerns are read: the hosts file if `host` or `hosts_file`
    /// changes, the CA file if its path changes. They must be readable; after an error nothing has changed.
    pub fn change(&mut self, given: &Config) -> Result<Resolution, ResolveError> {
        let needs_hosts_file =
            given.host != self.given.host || given.hosts_file != self.given.hosts_file;
        if !needs_hosts_file && self.waiting.is_some() {
            self.given = given.clone();
            return Ok(self.unresolved());
        }
        let result = self
            .start_lookup(given.clone(), needs_hosts_file, Instant::now())?
            .wait()?;
        if let Some(error) = result.unread_ca {
            return Err(error.into());
        }
        Ok(self.accept_result(given.clone(), result))
    }

    /// Returns whether the hosts file cannot be read yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Reads the hosts file again. After an error nothing has changed.
    pub fn reread(&mut self) -> Result<Resolution, ResolveError> {
        // Continues a hanging lookup: another thread would hang too.
        let waiting = self.waiting.as_mut();
        let pending = match waiting.and_then(|waiting| waiting.pending.take()) {
            Some(pending) => pending,
            None => self.start_lookup(self.given.clone(), true, Instant::now())?,
        };
        let outcome = pending.wait();
        if matches!(outcome, Err(ResolveError::NoAnswer { .. })) {
            self.set_pending(Some(pending));
        }
        Ok(self.accept_result(self.given.clone(), outcome?))
    }

    /// Retries to read the hosts file when it is due. To be called regularly; never blocks. Returns the resolved
    /// configuration if it has changed, and an error if the file's content stays invalid.
    pub fn poll(&mut self, now: Instant) -> Result<Option<Resolution>, ResolveError> {
        let Some(waiting) = &self.waiting else {
            return Ok(None);
        };
        let Some(pending) = &waiting.pending else {
            if now < waiting.next_attempt {
                return Ok(None);
            }
            return Ok(match self.start_lookup(self.given.clone(), true, now) {
                Ok(pending) => {
                    self.set_pending(Some(pending));
                    None
                }
                Err(error) => {
                    self.record_failure(&error, now);
                    Some(self.unresolved())
                }
            });
        };
        let Some(outcome) = pending.try_result() else {
            let error = pending.timeout_error();
            let is_new_reason = pending.is_overdue(now) && waiting.reason != error.to_string();
            if is_new_reason {
                self.record_failure(&error, now);
            }
            return Ok(is_new_reason.then(|| self.unresolved()));
        };
        self.set_pending(None);
        match outcome {
            Ok(result) => {
                let resolved = self.accept_result(self.given.clone(), result);
                log::info!(
                    "hosts file read: host {} is {}",
                    escape_invisible(&self.given.host),
                    resolved.config.host
                );
                Ok(Some(resolved))
            }
            Err(error) => {
                if !error.is_transient() && self.is_invalid_for_long(now) {
                    return Err(error);
                }
                self.record_failure(&error, now);
                Ok(Some(self.unresolved()))
            }
        }
    }

    /// Starts to read the files needed. Keeps the known site unless `needs_hosts_file`.
    fn start_lookup(
        &self,
        given: Config,
        needs_hosts_file: bool,
        now: Instant,
    ) -> Result<PendingLookup, ResolveError> {
        let lookup = Lookup {
            shipped: self.shipped.clone(),
            site: if needs_hosts_file {
                SiteSource::HostsFile
            } else {
                SiteSource::Known(self.site.clone().map(Box::new))
            },
            checked_ca_file: self.ca_file.clone(),
            given,
        };
        lookup.start(now)
    }

    /// Adopts the result of a lookup.
    fn accept_result(&mut self, given: Config, result: LookupResult) -> Resolution {
        let LookupResult {
            site,
            config,
            unread_ca,
        } = result;
        if let Some(error) = unread_ca {
            log::warn!("{error}; reading it again at each connection attempt");
        }
        self.ca_file = config.enabled_tls().map(|tls| tls.ca_file.clone());
        self.given = given;
        self.site = site;
        self.waiting = None;
        resolve_links(config, None)
    }

    /// Returns the parameters alone, while the hosts file cannot be read.
    fn unresolved(&self) -> Resolution {
        let reason = self.waiting.as_ref().map(|waiting| &*waiting.reason);
        resolve_links(ResolvedConfig::unresolved(self.given.clone()), reason)
    }

    fn set_pending(&mut self, pending: Option<PendingLookup>) {
        if let Some(waiting) = &mut self.waiting {
            waiting.pending = pending;
        }
    }

    fn is_invalid_for_long(&mut self, now: Instant) -> bool {
        self.waiting.as_mut().is_some_and(|waiting| {
            if waiting.invalid_since.is_none() {
                // The file exists now: retry soon to see whether its content stays invalid.
                waiting.backoff.reset();
            }
            let since = *waiting.invalid_since.get_or_insert(now);
            now.duration_since(since) >= SETTLE_TIME
        })
    }

    fn record_failure(&mut self, error: &ResolveError, now: Instant) {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            reason: String::new(),
            pending: None,
            next_attempt: now,
            backoff: Backoff::default(),
            random: SmallRng::from_os_rng(),
            throttle: LogThrottle::new(LOG_PERIOD),
            invalid_since: None,
        });
        if error.is_transient() {
            waiting.invalid_since = None;
        }
        let delay = waiting
            .backoff
            .next_delay(self.given.reconnect, &mut waiting.random);
        waiting.next_attempt = now + delay;
        let reason = error.to_string();
        if waiting.reason != reason {
            waiting.throttle = LogThrottle::new(LOG_PERIOD);
            waiting.reason = reason;
        }
        if let Some(suppressed) = waiting.throttle.try_acquire(now) {
            let delay = delay.as_secs_f64();
            log::warn!(
                "{}{suppressed}; trying again in {delay:.1} s",
                waiting.reason
            );
        }
    }
}

/// Derives the link options. An obstacle is the reason why the links cannot connect yet.
fn resolve_links(config: ResolvedConfig, obstacle: Option<&str>) -> Resolution {
    let link = |port| LinkOptions {
        endpoint: Endpoint {
            address: config.host.clone(),
            port,
            tls: config.enabled_tls().cloned(),
        },
        obstacle: obstacle.map(str::to_owned),
        max_message_bytes: config.max_message_bytes,
        backoff: config.reconnect,
        keep_alive: config.keep_alive,
        enabled: true,
        reconnect_generation: 0,
    };
    Resolution {
        points: link(config.points_port),
        output: link(config.output_port),
        config,
    }
}

#[cfg(test)]
mod tests;
