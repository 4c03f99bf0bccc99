//! From the parameters to the links: the site is looked up in the hosts file, once, and again when it must be.
//!
//! A hosts file that is not there yet (its share is mounted later) is waited for, as a server is. Files are read on a
//! thread of their own: a share that hangs must not keep the node from answering.

mod lookup;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::escape::escape_invisible;
use super::hosts::{HostsError, Site};
use super::{Config, ParameterError};
use crate::connection::backoff::Backoff;
use crate::connection::options::LinkOptions;
use crate::connection::status::Endpoint;
use crate::connection::tls::CaFileError;
use crate::time::log_throttle::LogThrottle;
use lookup::{Found, Lookup, Running, Source};

/// Longest wait for a file before something is said or refused.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// A hosts file that has just come may still be written. After this long it is as wrong as it looks.
const SETTLE: Duration = Duration::from_secs(5);
/// One log line in this time about the same reason to wait.
const LOG_PERIOD: Duration = Duration::from_secs(60);

/// The links of a configuration, with what the hosts file says of the site in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedConfig {
    /// As it is for the site.
    pub config: Config,
    /// LinkStatus of the point stream.
    pub points: LinkOptions,
    /// LinkStatus of the output stream.
    pub output: LinkOptions,
}

/// Parameters and files from which no links can be made.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Parameters do not fit one another or the site.
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
        /// The host.
        host: String,
        /// The hosts file.
        hosts_file: PathBuf,
        /// The sites there.
        known: String,
        /// A site with a similar name, as a question. Empty if there is none.
        suggestion: String,
    },
    /// `host` is no address, and there is no hosts file.
    #[error(
        "host {} is not an address, and there is no hosts file with such a site: set hosts_file",
        escape_invisible(host)
    )]
    NoHostsFile {
        /// The host.
        host: String,
    },
    /// The CA file of TLS cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// Reading takes for ever.
    #[error(
        "no answer from the file system within {} s for {files}: is a network share away?", READ_LIMIT.as_secs()
    )]
    NoAnswer {
        /// The files that are read.
        files: String,
    },
    /// There are no threads left.
    #[error("cannot start the thread that reads hosts and CA files: {0}")]
    Thread(std::io::Error),
}

impl ResolveError {
    /// Returns whether trying again later can help with no hand on parameters and files.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Hosts(error) => error.is_transient(),
            Self::CaFile(error) => lookup::may_come(error),
            Self::NoAnswer { .. } | Self::Thread(_) => true,
            Self::Parameter(_) | Self::UnknownSite { .. } | Self::NoHostsFile { .. } => false,
        }
    }
}

/// Makes targets of configurations, and remembers what it has read for that.
#[derive(Debug)]
pub struct Resolver {
    /// The hosts file if the parameters give none.
    shipped: Option<PathBuf>,
    given: Config,
    /// Site of the given configuration. None: its `host` is an address, or is waited for.
    site: Option<Site>,
    /// The CA file that was found good, or is waited for by the links.
    ca_file: Option<PathBuf>,
    waiting: Option<Waiting>,
}

/// A hosts file that cannot be read yet.
#[derive(Debug)]
struct Waiting {
    reason: String,
    reading: Option<Running>,
    next: Instant,
    backoff: Backoff,
    random: SmallRng,
    throttle: LogThrottle,
    /// The file can be read, but what is in it is wrong.
    unusable_since: Option<Instant>,
}

impl Resolver {
    /// Resolves the configuration given at start. What can mend itself is waited for: then the links of the target
    /// have an obstacle. `shipped` is the hosts file where the parameters name none; it need not exist.
    pub fn start(
        given: Config,
        shipped: Option<PathBuf>,
    ) -> Result<(Self, ResolvedConfig), ResolveError> {
        let mut resolver = Self {
            shipped,
            given: given.clone(),
            site: None,
            ca_file: None,
            waiting: None,
        };
        let running = resolver.look_up(given.clone(), true, Instant::now())?;
        let target = match running.wait() {
            Ok(found) => resolver.settle(given, found),
            Err(error) if error.is_transient() => {
                resolver.wait_for(&error, Instant::now());
                if matches!(error, ResolveError::NoAnswer { .. }) {
                    // Another thread would hang in the same place.
                    resolver.is_reading(Some(running));
                }
                resolver.unresolved()
            }
            Err(error) => return Err(error),
        };
        Ok((resolver, target))
    }

    /// Resolves a changed configuration. Files are read only where the change concerns them, and have to be there;
    /// with an error nothing has changed.
    pub fn change(&mut self, given: &Config) -> Result<ResolvedConfig, ResolveError> {
        let is_moved = given.host != self.given.host || given.hosts_file != self.given.hosts_file;
        if !is_moved && self.waiting.is_some() {
            self.given = given.clone();
            return Ok(self.unresolved());
        }
        let found = self
            .look_up(given.clone(), is_moved, Instant::now())?
            .wait()?;
        if let Some(error) = found.unread_ca {
            return Err(error.into());
        }
        Ok(self.settle(given.clone(), found))
    }

    /// Returns whether it is not known yet where the links lead.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Reads the hosts file again, whatever it was before. With an error all stays as it was.
    pub fn reread(&mut self) -> Result<ResolvedConfig, ResolveError> {
        // One that hangs is waited for: another thread would hang in the same place.
        let waiting = self.waiting.as_mut();
        let running = match waiting.and_then(|waiting| waiting.reading.take()) {
            Some(running) => running,
            None => self.look_up(self.given.clone(), true, Instant::now())?,
        };
        let outcome = running.wait();
        if matches!(outcome, Err(ResolveError::NoAnswer { .. })) {
            self.is_reading(Some(running));
        }
        Ok(self.settle(self.given.clone(), outcome?))
    }

    /// Goes on with waiting. To be called again and again; never blocks. Returns a target if something has changed,
    /// and an error if the file has come and waiting for it is in vain.
    pub fn poll(&mut self, now: Instant) -> Result<Option<ResolvedConfig>, ResolveError> {
        let Some(waiting) = &self.waiting else {
            return Ok(None);
        };
        let Some(running) = &waiting.reading else {
            if now < waiting.next {
                return Ok(None);
            }
            return Ok(match self.look_up(self.given.clone(), true, now) {
                Ok(running) => {
                    self.is_reading(Some(running));
                    None
                }
                Err(error) => {
                    self.wait_for(&error, now);
                    Some(self.unresolved())
                }
            });
        };
        let Some(outcome) = running.poll() else {
            let error = running.no_answer();
            let is_news = running.is_overdue(now) && waiting.reason != error.to_string();
            if is_news {
                self.wait_for(&error, now);
            }
            return Ok(is_news.then(|| self.unresolved()));
        };
        self.is_reading(None);
        match outcome {
            Ok(found) => {
                let target = self.settle(self.given.clone(), found);
                log::info!(
                    "the hosts file can be read: {} is {}",
                    escape_invisible(&self.given.host),
                    target.config.host
                );
                Ok(Some(target))
            }
            Err(error) => {
                if !error.is_transient() && self.is_unusable_for_long(now) {
                    return Err(error);
                }
                self.wait_for(&error, now);
                Ok(Some(self.unresolved()))
            }
        }
    }

    /// Starts to read what is needed. The site is kept unless it is to be looked up.
    fn look_up(
        &self,
        given: Config,
        is_moved: bool,
        now: Instant,
    ) -> Result<Running, ResolveError> {
        let lookup = Lookup {
            shipped: self.shipped.clone(),
            site: if is_moved {
                Source::HostsFile
            } else {
                Source::Known(self.site.clone())
            },
            good_ca_file: self.ca_file.clone(),
            given,
        };
        lookup.start(now)
    }

    /// Takes over what was found.
    fn settle(&mut self, given: Config, found: Found) -> ResolvedConfig {
        let Found {
            site,
            config,
            unread_ca,
        } = found;
        if let Some(error) = unread_ca {
            log::warn!("{error}; it is read again with each attempt to connect");
        }
        self.ca_file = config.wanted_tls().map(|tls| tls.ca_file.clone());
        self.given = given;
        self.site = site;
        self.waiting = None;
        target(config, None)
    }

    /// The target while the hosts file is waited for: the parameters alone.
    fn unresolved(&self) -> ResolvedConfig {
        let reason = self.waiting.as_ref().map(|waiting| &*waiting.reason);
        target(self.given.clone(), reason)
    }

    fn is_reading(&mut self, running: Option<Running>) {
        if let Some(waiting) = &mut self.waiting {
            waiting.reading = running;
        }
    }

    fn is_unusable_for_long(&mut self, now: Instant) -> bool {
        self.waiting.as_mut().is_some_and(|waiting| {
            if waiting.unusable_since.is_none() {
                // It has come: what is wrong with it shows soon.
                waiting.backoff.reset();
            }
            let since = *waiting.unusable_since.get_or_insert(now);
            now.duration_since(since) >= SETTLE
        })
    }

    fn wait_for(&mut self, error: &ResolveError, now: Instant) {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            reason: String::new(),
            reading: None,
            next: now,
            backoff: Backoff::default(),
            random: SmallRng::from_os_rng(),
            throttle: LogThrottle::new(LOG_PERIOD),
            unusable_since: None,
        });
        if error.is_transient() {
            waiting.unusable_since = None;
        }
        let pause = waiting
            .backoff
            .next_delay(self.given.reconnect, &mut waiting.random);
        waiting.next = now + pause;
        let reason = error.to_string();
        if waiting.reason != reason {
            waiting.throttle = LogThrottle::new(LOG_PERIOD);
            waiting.reason = reason;
        }
        if let Some(suppressed) = waiting.throttle.try_acquire(now) {
            let pause = pause.as_secs_f64();
            log::warn!(
                "{}{suppressed}; trying again in {pause:.1} s",
                waiting.reason
            );
        }
    }
}

/// The links of a configuration. With an obstacle it is not known yet where they lead.
fn target(config: Config, obstacle: Option<&str>) -> ResolvedConfig {
    let link = |port| LinkOptions {
        endpoint: Endpoint {
            address: config.host.clone(),
            port,
            tls: config.wanted_tls().cloned(),
        },
        obstacle: obstacle.map(str::to_owned),
        max_message_bytes: config.max_message_bytes,
        backoff: config.reconnect,
        keep_alive: config.patience,
        enabled: true,
        reconnect_generation: 0,
    };
    ResolvedConfig {
        points: link(config.points_port),
        output: link(config.output_port),
        config,
    }
}

#[cfg(test)]
mod tests;
