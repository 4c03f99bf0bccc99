use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::table::BRIDGE;
use crate::config::{Settings, Value};

/// Temporary folder, removed after the test.
struct TempFolder(PathBuf);

impl TempFolder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sensr-resolve-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        // Atomically: a reader must not see half of it.
        let unfinished = self.path("unfinished");
        std::fs::write(&unfinished, text).expect("written");
        std::fs::rename(unfinished, self.path(name)).expect("renamed");
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("removed");
    }

    /// Returns a configuration with this folder's `hosts.yaml`, retried without delay.
    fn config_with_hosts_file(&self, host: &str) -> Config {
        let mut config = config_of(host);
        config.hosts_file = Some(self.path("hosts.yaml"));
        config
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

fn config_of(host: &str) -> Config {
    let mut settings = Settings::of(&BRIDGE);
    settings
        .set("host", Value::String(host.to_owned()))
        .expect("a host");
    let mut config = Config::from_settings(&settings).expect("valid");
    config.reconnect.initial_delay = Duration::from_millis(1);
    config.reconnect.max_delay = Duration::from_millis(1);
    config
}

fn start_resolver(config: Config) -> Result<(Resolver, Resolution), ResolveError> {
    Resolver::start(config, None)
}

/// Polls until the result configuration has changed.
fn poll_until_changed(resolver: &mut Resolver) -> Result<Resolution, ResolveError> {
    loop {
        if let Some(result) = resolver.poll(Instant::now())? {
            return Ok(result);
        }
        std::thread::yield_now();
    }
}

fn resolved_address(result: &Resolution) -> &str {
    assert_eq!(result.points.obstacle, None);
    assert_eq!(result.points.endpoint.address, result.config.host);
    assert_eq!(result.output.endpoint.address, result.config.host);
    &result.config.host
}

const YARD: &str = "sites: {yard: 192.0.2.1}\n";

#[test]
fn sites_and_addresses_are_resolved() {
    let folder = TempFolder::new();
    folder.write(
        "hosts.yaml",
        "sites: {yard: {address: 192.0.2.1, points_port: 6051}, 7: a, 1.5: b}\n",
    );
    let (_, result) = start_resolver(folder.config_with_hosts_file("yard")).expect("a site");
    assert_eq!(resolved_address(&result), "192.0.2.1");
    assert_eq!(
        (result.points.endpoint.port, result.output.endpoint.port),
        (6051, 5050)
    );
    for (host, expected) in [("192.0.2.9", "192.0.2.9"), ("7", "a"), ("1.5", "b")] {
        let (_, result) = start_resolver(folder.config_with_hosts_file(host)).expect("taken");
        assert_eq!(resolved_address(&result), expected);
    }
}

#[test]
fn permanent_errors_are_refused_at_once() {
    let folder = TempFolder::new();
    folder.write("hosts.yaml", YARD);
    for (host, words) in [
        ("yrad", "did you mean yard?"),
        ("10", "neither a site of"),
        ("1.2.3", "parameter host: \"1.2.3\" is not an IPv4 address"),
        ("센서.example", "non-ASCII"),
    ] {
        let error = start_resolver(folder.config_with_hosts_file(host)).expect_err("refused");
        assert!(!error.is_transient());
        assert!(error.to_string().contains(words), "{error}");
    }
    for text in ["", "sites: [", "\u{0}"] {
        folder.write("hosts.yaml", text);
        let error = start_resolver(folder.config_with_hosts_file("yard")).expect_err("refused");
        assert!(!error.is_transient(), "{error}");
    }
    let mut of_a_folder = folder.config_with_hosts_file("yard");
    of_a_folder.hosts_file = Some("/".into());
    assert!(
        !start_resolver(of_a_folder)
            .expect_err("a folder")
            .is_transient()
    );
    let alone = start_resolver(config_of("yard"))
        .expect_err("no site")
        .to_string();
    assert!(
        alone.contains("there is no hosts file with such a site"),
        "{alone}"
    );
}

#[test]
fn shipped_file_need_not_exist() {
    let folder = TempFolder::new();
    let shipped = || Some(folder.path("hosts.yaml"));
    let (_, result) = Resolver::start(config_of("192.0.2.9"), shipped()).expect("an address");
    assert_eq!(resolved_address(&result), "192.0.2.9");
    folder.write("hosts.yaml", YARD);
    let (_, result) = Resolver::start(config_of("yard"), shipped()).expect("a site");
    assert_eq!(resolved_address(&result), "192.0.2.1");
}

#[test]
fn missing_hosts_file_is_retried() {
    let folder = TempFolder::new();
    let (mut resolver, result) =
        start_resolver(folder.config_with_hosts_file("yard")).expect("waiting");
    let obstacle = result.points.obstacle.clone().expect("an obstacle");
    let path = folder.path("hosts.yaml");
    let expected = format!("cannot read hosts file {}: No such file", path.display());
    assert!(obstacle.starts_with(&expected), "{obstacle}");
    assert_eq!(result.output.obstacle, Some(obstacle));
    // Other parameters can be changed meanwhile.
    let mut changed = folder.config_with_hosts_file("yard");
    changed.pointcloud_interval = Duration::from_secs(3);
    let result = resolver.change(&changed).expect("taken");
    assert_eq!(*result.config, changed);
    assert!(result.points.obstacle.is_some());
    folder.write("hosts.yaml", YARD);
    loop {
        let result = poll_until_changed(&mut resolver).expect("nothing wrong");
        if result.points.obstacle.is_none() {
            assert_eq!(resolved_address(&result), "192.0.2.1");
            assert_eq!(result.config.pointcloud_interval, Duration::from_secs(3));
            break;
        }
    }
    assert!(resolver.poll(Instant::now()).expect("done").is_none());
}

#[test]
fn another_host_or_a_reconnect_ends_the_retries() {
    let folder = TempFolder::new();
    let (mut resolver, _) = start_resolver(folder.config_with_hosts_file("yard")).expect("waiting");
    let refused = resolver
        .change(&folder.config_with_hosts_file("pier"))
        .expect_err("still missing");
    assert!(refused.is_transient());
    assert!(resolver.reread().is_err());
    let result = resolver
        .change(&config_of("192.0.2.9"))
        .expect("needs no file");
    assert_eq!(resolved_address(&result), "192.0.2.9");
    assert!(
        resolver
            .poll(Instant::now())
            .expect("nothing to do")
            .is_none()
    );

    let (mut resolver, _) = start_resolver(folder.config_with_hosts_file("yard")).expect("waiting");
    folder.write("hosts.yaml", YARD);
    assert_eq!(
        resolved_address(&resolver.reread().expect("there")),
        "192.0.2.1"
    );
}

#[test]
fn failed_reconnect_during_a_lookup_is_followed_by_further_attempts() {
    let folder = TempFolder::new();
    let (mut resolver, _) = start_resolver(folder.config_with_hosts_file("yard")).expect("waiting");
    // Late enough for the next attempt.
    let later = Instant::now() + Duration::from_secs(3600);
    assert!(resolver.poll(later).expect("reads").is_none());
    let error = resolver.reread().expect_err("still missing").to_string();
    assert!(error.contains("No such file"), "{error}");
    while let Ok(None) = resolver.poll(later) {
        std::thread::yield_now();
    }
    let waiting = resolver.waiting.as_ref().expect("waiting");
    assert!(
        waiting.reason.contains("No such file"),
        "{}",
        waiting.reason
    );
}

#[test]
fn hosts_file_that_stays_invalid_ends_the_retries() {
    let folder = TempFolder::new();
    let (mut resolver, _) = start_resolver(folder.config_with_hosts_file("yard")).expect("waiting");
    // As if it was being written.
    folder.write("hosts.yaml", "");
    while !next_obstacle(&mut resolver).contains("has no `sites:`") {}
    folder.write("hosts.yaml", "sites: {pier: 192.0.2.2}\n");
    while !next_obstacle(&mut resolver).contains("it has: pier") {}
    // After some time the content is still invalid.
    let later = Instant::now() + SETTLE_TIME;
    let error = loop {
        match resolver.poll(later) {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ResolveError::UnknownSite { .. }), "{error}");
    assert!(!error.is_transient());
}

fn next_obstacle(resolver: &mut Resolver) -> String {
    let result = poll_until_changed(resolver).expect("waiting");
    result.points.obstacle.expect("an obstacle")
}

#[test]
fn hosts_file_is_read_only_if_the_change_concerns_it() {
    let folder = TempFolder::new();
    folder.write("hosts.yaml", "sites: {yard: 192.0.2.1, pier: 192.0.2.2}\n");
    let given = folder.config_with_hosts_file("yard");
    let (mut resolver, before) = start_resolver(given.clone()).expect("a site");
    folder.remove("hosts.yaml");
    let mut changed = given.clone();
    changed.pointcloud_interval = Duration::from_secs(3);
    changed.points_port = 6051;
    let result = resolver.change(&changed).expect("no file is needed");
    assert_eq!(resolved_address(&result), resolved_address(&before));
    assert_eq!(result.points.endpoint.port, 6051);
    // Another site is looked up in the file, and a missing file is then an error.
    let error = resolver
        .change(&folder.config_with_hosts_file("pier"))
        .expect_err("missing")
        .to_string();
    assert!(error.contains("cannot read hosts file"), "{error}");
    let result = resolver.change(&changed).expect("as before");
    assert_eq!(resolved_address(&result), "192.0.2.1");
}

#[test]
fn reconnect_reads_the_file_again_or_keeps_the_known_site() {
    let folder = TempFolder::new();
    folder.write("hosts.yaml", YARD);
    let (mut resolver, _) = start_resolver(folder.config_with_hosts_file("yard")).expect("a site");
    folder.write("hosts.yaml", "sites: {yard: 192.0.2.5}\n");
    assert_eq!(
        resolved_address(&resolver.reread().expect("there")),
        "192.0.2.5"
    );
    for text in ["sites: [", "sites: {pier: 192.0.2.2}\n"] {
        folder.write("hosts.yaml", text);
        assert!(resolver.reread().is_err());
    }
    folder.remove("hosts.yaml");
    assert!(resolver.reread().is_err());
    let result = resolver
        .change(&folder.config_with_hosts_file("yard"))
        .expect("as before");
    assert_eq!(resolved_address(&result), "192.0.2.5");
}

fn with_ca(ca_file: &Path) -> Config {
    let mut config = config_of("192.0.2.1");
    config.tls_enabled = true;
    config.tls.ca_file = ca_file.to_owned();
    config
}

#[test]
fn missing_ca_file_is_left_to_the_links_at_start_and_refused_later() {
    let folder = TempFolder::new();
    let ca_file = folder.path("ca.crt");
    let (mut resolver, result) = start_resolver(with_ca(&ca_file)).expect("may come");
    assert_eq!(result.points.obstacle, None);
    assert_eq!(
        result.points.endpoint.tls.as_ref().map(|tls| &*tls.ca_file),
        Some(&*ca_file)
    );
    // Not read again for a change of other parameters.
    let mut changed = with_ca(&ca_file);
    changed.tls.verify_name = false;
    resolver.change(&changed).expect("the same file");
    let error = resolver
        .change(&with_ca(&folder.path("other.crt")))
        .expect_err("missing");
    assert!(
        matches!(error, ResolveError::CaFile(CaFileError::Read { .. })),
        "{error}"
    );
    assert!(error.is_transient());

    let error = start_resolver(with_ca(&folder.0)).expect_err("a folder");
    assert!(!error.is_transient(), "{error}");
    folder.write("ca.crt", "hello");
    let error = start_resolver(with_ca(&ca_file)).expect_err("no certificate");
    assert!(!error.is_transient(), "{error}");
    let (mut resolver, _) = start_resolver(config_of("192.0.2.1")).expect("no TLS");
    resolver
        .change(&with_ca(&ca_file))
        .expect_err("no certificate");

    let certified = rcgen::generate_simple_self_signed(vec!["sensr".to_owned()]).expect("made");
    folder.write("ca.crt", &certified.cert.pem());
    resolver.change(&with_ca(&ca_file)).expect("good");
    folder.remove("ca.crt");
    let mut changed = with_ca(&ca_file);
    changed.pointcloud_interval = Duration::from_secs(3);
    resolver.change(&changed).expect("needs no file");
}

#[test]
fn change_of_a_rate_limit_reads_neither_hosts_nor_ca_file() {
    let folder = TempFolder::new();
    let certified = rcgen::generate_simple_self_signed(vec!["sensr".to_owned()]).expect("made");
    let hosts = "sites: {yard: {address: 192.0.2.1, tls: {ca_file: ca.crt}}}\n";
    let is_unreadable = |error: ResolveError| error.is_transient();
    let is_invalid = |error: ResolveError| !error.is_transient();
    let make_invalid = |name: &str| folder.write(name, "\0");
    let remove = |name: &str| folder.remove(name);
    for (spoil, is_expected) in [
        (
            &make_invalid as &dyn Fn(&str),
            &is_invalid as &dyn Fn(ResolveError) -> bool,
        ),
        (&remove, &is_unreadable),
    ] {
        folder.write("hosts.yaml", hosts);
        folder.write("ca.crt", &certified.cert.pem());
        let given = folder.config_with_hosts_file("yard");
        let (mut resolver, before) = start_resolver(given.clone()).expect("a site");
        spoil("hosts.yaml");
        spoil("ca.crt");
        let mut changed = given;
        changed.pointcloud_interval = Duration::from_secs(3);
        let after = resolver.change(&changed).expect("no file is read");
        assert_eq!(after.config.pointcloud_interval, Duration::from_secs(3));
        assert_eq!((after.points, after.output), (before.points, before.output));
        // Either file would have been refused.
        assert!(is_expected(
            resolver.reread().expect_err("unusable hosts file")
        ));
        folder.write("hosts.yaml", hosts);
        resolver.ca_file = None;
        let unchecked = resolver.change(&changed);
        assert!(is_expected(unchecked.expect_err("unusable CA file")));
    }
}
