use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::{Settings, Value};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
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
        // At once: a reader must not see half of it.
        let unfinished = self.path("unfinished");
        std::fs::write(&unfinished, text).expect("written");
        std::fs::rename(unfinished, self.path(name)).expect("renamed");
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("removed");
    }

    /// A configuration with this folder's `hosts.yaml`, tried again without a pause.
    fn config(&self, host: &str) -> Config {
        let mut config = config(host);
        config.hosts_file = Some(self.path("hosts.yaml"));
        config
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = std::fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

fn config(host: &str) -> Config {
    let mut settings = Settings::default();
    settings
        .set("host", Value::String(host.to_owned()))
        .expect("a host");
    let mut config = Config::from_settings(&settings).expect("valid");
    config.reconnect.initial_delay = Duration::from_millis(1);
    config.reconnect.max_delay = Duration::from_millis(1);
    config
}

fn start(config: Config) -> Result<(Resolver, ResolvedConfig), ResolveError> {
    Resolver::start(config, None)
}

/// Polls until something has changed.
fn poll(resolver: &mut Resolver) -> Result<ResolvedConfig, ResolveError> {
    loop {
        if let Some(target) = resolver.poll(Instant::now())? {
            return Ok(target);
        }
        std::thread::yield_now();
    }
}

fn address(target: &ResolvedConfig) -> &str {
    assert_eq!(target.points.obstacle, None);
    assert_eq!(target.points.endpoint.address, target.config.host);
    assert_eq!(target.output.endpoint.address, target.config.host);
    &target.config.host
}

const YARD: &str = "sites: {yard: 192.0.2.1}\n";

#[test]
fn a_site_and_an_address() {
    let folder = Folder::new();
    folder.write(
        "hosts.yaml",
        "sites: {yard: {address: 192.0.2.1, points_port: 6051}, 7: a, 1.5: b}\n",
    );
    let (_, target) = start(folder.config("yard")).expect("a site");
    assert_eq!(address(&target), "192.0.2.1");
    assert_eq!(
        (target.points.endpoint.port, target.output.endpoint.port),
        (6051, 5050)
    );
    for (host, expected) in [("192.0.2.9", "192.0.2.9"), ("7", "a"), ("1.5", "b")] {
        let (_, target) = start(folder.config(host)).expect("taken");
        assert_eq!(address(&target), expected);
    }
}

#[test]
fn what_cannot_mend_itself_is_refused_at_once() {
    let folder = Folder::new();
    folder.write("hosts.yaml", YARD);
    for (host, words) in [
        ("yrad", "did you mean yard?"),
        ("10", "neither a site of"),
        ("1.2.3", "parameter host: \"1.2.3\" is not an IPv4 address"),
        ("센서.example", "non-ASCII"),
    ] {
        let error = start(folder.config(host)).expect_err("refused");
        assert!(!error.is_transient());
        assert!(error.to_string().contains(words), "{error}");
    }
    for text in ["", "sites: [", "\u{0}"] {
        folder.write("hosts.yaml", text);
        let error = start(folder.config("yard")).expect_err("refused");
        assert!(!error.is_transient(), "{error}");
    }
    let mut of_a_folder = folder.config("yard");
    of_a_folder.hosts_file = Some("/".into());
    assert!(!start(of_a_folder).expect_err("a folder").is_transient());
    let alone = start(config("yard")).expect_err("no site").to_string();
    assert!(
        alone.contains("there is no hosts file with such a site"),
        "{alone}"
    );
}

#[test]
fn the_shipped_file_need_not_exist() {
    let folder = Folder::new();
    let shipped = || Some(folder.path("hosts.yaml"));
    let (_, target) = Resolver::start(config("192.0.2.9"), shipped()).expect("an address");
    assert_eq!(address(&target), "192.0.2.9");
    folder.write("hosts.yaml", YARD);
    let (_, target) = Resolver::start(config("yard"), shipped()).expect("a site");
    assert_eq!(address(&target), "192.0.2.1");
}

#[test]
fn a_missing_hosts_file_is_waited_for() {
    let folder = Folder::new();
    let (mut resolver, target) = start(folder.config("yard")).expect("waits");
    let obstacle = target.points.obstacle.clone().expect("an obstacle");
    let path = folder.path("hosts.yaml");
    let expected = format!("cannot read hosts file {}: No such file", path.display());
    assert!(obstacle.starts_with(&expected), "{obstacle}");
    assert_eq!(target.output.obstacle, Some(obstacle));
    // What has nothing to do with it can be changed meanwhile.
    let mut changed = folder.config("yard");
    changed.pointcloud_interval = Duration::from_secs(3);
    let target = resolver.change(&changed).expect("taken");
    assert_eq!(target.config, changed);
    assert!(target.points.obstacle.is_some());
    folder.write("hosts.yaml", YARD);
    loop {
        let target = poll(&mut resolver).expect("nothing wrong");
        if target.points.obstacle.is_none() {
            assert_eq!(address(&target), "192.0.2.1");
            assert_eq!(target.config.pointcloud_interval, Duration::from_secs(3));
            break;
        }
    }
    assert!(resolver.poll(Instant::now()).expect("done").is_none());
}

#[test]
fn while_it_is_waited_for_another_host_or_a_reconnect_can_end_the_wait() {
    let folder = Folder::new();
    let (mut resolver, _) = start(folder.config("yard")).expect("waits");
    let refused = resolver
        .change(&folder.config("pier"))
        .expect_err("still missing");
    assert!(refused.is_transient());
    assert!(resolver.reread().is_err());
    let target = resolver
        .change(&config("192.0.2.9"))
        .expect("needs no file");
    assert_eq!(address(&target), "192.0.2.9");
    assert!(
        resolver
            .poll(Instant::now())
            .expect("nothing to do")
            .is_none()
    );

    let (mut resolver, _) = start(folder.config("yard")).expect("waits");
    folder.write("hosts.yaml", YARD);
    assert_eq!(address(&resolver.reread().expect("there")), "192.0.2.1");
}

#[test]
fn a_reconnect_that_takes_over_a_reading_leaves_none_without_an_answer() {
    let folder = Folder::new();
    let (mut resolver, _) = start(folder.config("yard")).expect("waits");
    // Due in any case.
    let later = Instant::now() + Duration::from_secs(3600);
    assert!(resolver.poll(later).expect("reads").is_none());
    let error = resolver.reread().expect_err("still missing").to_string();
    assert!(error.contains("No such file"), "{error}");
    while let Ok(None) = resolver.poll(later) {
        std::thread::yield_now();
    }
    let waiting = resolver.waiting.as_ref().expect("waits on");
    assert!(
        waiting.reason.contains("No such file"),
        "{}",
        waiting.reason
    );
}

#[test]
fn a_file_that_comes_and_stays_wrong_ends_the_wait() {
    let folder = Folder::new();
    let (mut resolver, _) = start(folder.config("yard")).expect("waits");
    // It is being written.
    folder.write("hosts.yaml", "");
    while !obstacle(&mut resolver).contains("has no `sites:`") {}
    folder.write("hosts.yaml", "sites: {pier: 192.0.2.2}\n");
    while !obstacle(&mut resolver).contains("it has: pier") {}
    // And after some time it is still no good.
    let later = Instant::now() + SETTLE;
    let error = loop {
        match resolver.poll(later) {
            Ok(_) => std::thread::yield_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ResolveError::UnknownSite { .. }), "{error}");
    assert!(!error.is_transient());
}

fn obstacle(resolver: &mut Resolver) -> String {
    let target = poll(resolver).expect("waits on");
    target.points.obstacle.expect("an obstacle")
}

#[test]
fn files_are_read_only_where_a_change_concerns_them() {
    let folder = Folder::new();
    folder.write("hosts.yaml", "sites: {yard: 192.0.2.1, pier: 192.0.2.2}\n");
    let given = folder.config("yard");
    let (mut resolver, before) = start(given.clone()).expect("a site");
    folder.remove("hosts.yaml");
    let mut changed = given.clone();
    changed.pointcloud_interval = Duration::from_secs(3);
    changed.points_port = 6051;
    let target = resolver.change(&changed).expect("no file is needed");
    assert_eq!(address(&target), address(&before));
    assert_eq!(target.points.endpoint.port, 6051);
    // Another site is looked for in the file, and a missing file is a slip of the finger.
    let error = resolver
        .change(&folder.config("pier"))
        .expect_err("missing")
        .to_string();
    assert!(error.contains("cannot read hosts file"), "{error}");
    let target = resolver.change(&changed).expect("as before");
    assert_eq!(address(&target), "192.0.2.1");
}

#[test]
fn a_reconnect_reads_the_file_again_or_keeps_what_it_knows() {
    let folder = Folder::new();
    folder.write("hosts.yaml", YARD);
    let (mut resolver, _) = start(folder.config("yard")).expect("a site");
    folder.write("hosts.yaml", "sites: {yard: 192.0.2.5}\n");
    assert_eq!(address(&resolver.reread().expect("there")), "192.0.2.5");
    for text in ["sites: [", "sites: {pier: 192.0.2.2}\n"] {
        folder.write("hosts.yaml", text);
        assert!(resolver.reread().is_err());
    }
    folder.remove("hosts.yaml");
    assert!(resolver.reread().is_err());
    let target = resolver.change(&folder.config("yard")).expect("as before");
    assert_eq!(address(&target), "192.0.2.5");
}

fn with_ca(ca_file: &Path) -> Config {
    let mut config = config("192.0.2.1");
    config.tls_enabled = true;
    config.tls.ca_file = ca_file.to_owned();
    config
}

#[test]
fn a_missing_ca_file_is_for_the_links_at_start_and_refused_later() {
    let folder = Folder::new();
    let ca_file = folder.path("ca.crt");
    let (mut resolver, target) = start(with_ca(&ca_file)).expect("may come");
    assert_eq!(target.points.obstacle, None);
    assert_eq!(
        target.points.endpoint.tls.as_ref().map(|tls| &*tls.ca_file),
        Some(&*ca_file)
    );
    // Not read again for the sake of anything else.
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

    let error = start(with_ca(&folder.0)).expect_err("a folder");
    assert!(!error.is_transient(), "{error}");
    folder.write("ca.crt", "hello");
    let error = start(with_ca(&ca_file)).expect_err("no certificate");
    assert!(!error.is_transient(), "{error}");
    let (mut resolver, _) = start(config("192.0.2.1")).expect("no TLS");
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
