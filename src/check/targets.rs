//! Sites to examine, resolved from arguments, parameters and hosts file as the bridge resolves them.

use std::path::{Path, PathBuf};

use super::arguments::CheckArguments;
use super::finding::Finding;
use super::machine::RecordingPlan;
use super::site::SiteTarget;
use crate::config::hosts::{Hosts, shipped_hosts_file};
use crate::config::overrides::Overrides;
use crate::config::resolve::{Resolution, ResolveError, Resolver};
use crate::config::ros_arguments::RosArguments;
use crate::config::table::{BRIDGE, ParameterTable, RECORDER};
use crate::config::{Config, RecorderConfig, ResolvedConfig, Settings, Value};

/// Subject of the findings about parameters and hosts file.
const SUBJECT: &str = "configuration";
const CURE: &str = "correct it as the message says, and run sensr_check again";

/// Bridges and recorders that are to be started.
#[derive(Debug, Default)]
pub struct Targets {
    /// Sites whose parameters are valid.
    pub sites: Vec<SiteTarget>,
    /// Recordings, without their rates. Empty if nothing is to be recorded.
    pub recordings: Vec<RecordingPlan>,
    /// Why the other sites cannot be examined.
    pub findings: Vec<Finding>,
}

/// Resolver of targets.
struct TargetResolver<'a> {
    arguments: &'a CheckArguments,
    ros: &'a RosArguments,
    bridge: Overrides,
    recorder: Overrides,
}

/// Resolves the sites that the arguments name: `--site`, `--all-sites`, or else the host of the parameters.
#[must_use]
pub fn find_targets(arguments: &CheckArguments, ros: &RosArguments) -> Targets {
    let mut targets = Targets::default();
    let bridge = read_overrides(arguments.params_file.as_deref(), ros);
    // The arguments are those of the bridge, and both have parameters of the same names.
    let recorder = ros.parameters_of(RECORDER.executable);
    let recorder = read_overrides(arguments.recorder_params_file.as_deref(), &recorder);
    let (bridge, recorder) = match (bridge, recorder) {
        (Ok(bridge), Ok(recorder)) => (bridge, recorder),
        (bridge, recorder) => {
            let errors = [bridge.err(), recorder.err()];
            targets.findings = errors.into_iter().flatten().collect();
            targets.findings.dedup();
            return targets;
        }
    };
    let resolver = TargetResolver {
        arguments,
        ros,
        bridge,
        recorder,
    };
    match resolver.site_names() {
        Ok(names) => {
            for name in names {
                resolver.add_site(name.as_deref(), &mut targets);
            }
        }
        Err(finding) => targets.findings.push(finding),
    }
    targets
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failure(error: impl ToString) -> Finding {
    Finding::fail(SUBJECT, error.to_string(), CURE)
}

/// Returns the namespace of a bridge: that of the arguments for ROS, and in it the name of the site.
pub(super) fn namespace_of(ros: &RosArguments, site: Option<&str>) -> String {
    let given = ros.remapped(BRIDGE.executable, "__ns").unwrap_or_default();
    let parts = given.split('/').chain(site);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

/// Returns the fully qualified name of a node of an executable.
pub(super) fn node_name(ros: &RosArguments, namespace: &str, table: &ParameterTable) -> String {
    let name = ros
        .remapped(table.executable, "__node")
        .unwrap_or(table.executable);
    format!("{}/{name}", namespace.trim_end_matches('/'))
}

/// Puts a parameter file before the arguments for ROS, which override it.
pub(super) fn with_file(file: Option<&Path>, ros: &RosArguments) -> RosArguments {
    let mut all = RosArguments::default();
    if let Some(file) = file {
        all.ros = vec!["--params-file".to_owned(), file.display().to_string()];
    }
    all.ros.extend(ros.ros.iter().cloned());
    all
}

/// Reads a parameter file, and over it the arguments for ROS.
fn read_overrides(file: Option<&Path>, ros: &RosArguments) -> Result<Overrides, Finding> {
    let all = with_file(file, ros);
    if let Some(unknown) = all.first_unknown() {
        return Err(failure(format!("ROS arguments: {unknown} is unknown")));
    }
    all.overrides().map_err(failure)
}

impl TargetResolver<'_> {
    /// Returns the names of the sites. `None`: the host of the parameters.
    fn site_names(&self) -> Result<Vec<Option<String>>, Finding> {
        if !self.arguments.all_sites {
            let sites = &self.arguments.sites;
            return Ok(if sites.is_empty() {
                vec![None]
            } else {
                sites.iter().cloned().map(Some).collect()
            });
        }
        let settings = self.bridge_settings(&self.namespace(None))?;
        let config = Config::from_settings(&settings).map_err(failure)?;
        let Some(path) = config.hosts_file.or_else(shipped_hosts_file) else {
            return Err(failure("there is no hosts file: give --hosts-file FILE"));
        };
        let hosts = Hosts::load(&path).map_err(failure)?;
        let names: Vec<_> = hosts
            .site_names()
            .map(|name| Some(name.to_owned()))
            .collect();
        if names.is_empty() {
            let path = path.display();
            return Err(failure(format!("hosts file {path} has no sites")));
        }
        Ok(names)
    }

    /// Returns the namespace of a bridge: that of the arguments for ROS, and in it the name of the site.
    fn namespace(&self, site: Option<&str>) -> String {
        namespace_of(self.ros, site)
    }

    fn settings(
        &self,
        overrides: &Overrides,
        namespace: &str,
        table: &'static ParameterTable,
    ) -> Result<Settings, Finding> {
        let node = node_name(self.ros, namespace, table);
        let start = overrides.for_node(&node, table).map_err(failure)?;
        Ok(start.settings)
    }

    fn bridge_settings(&self, namespace: &str) -> Result<Settings, Finding> {
        let mut settings = self.settings(&self.bridge, namespace, &BRIDGE)?;
        if let Some(host) = &self.arguments.host {
            set_text(&mut settings, "host", host)?;
        }
        if let Some(path) = &self.arguments.hosts_file {
            set_text(&mut settings, "hosts_file", &absolute(path))?;
        }
        Ok(settings)
    }

    fn add_site(&self, site: Option<&str>, targets: &mut Targets) {
        let namespace = self.namespace(site);
        match self.resolve_site(site, namespace.clone()) {
            Ok(target) => targets.sites.push(target),
            Err(finding) => targets.findings.push(match site {
                Some(site) => finding.of_site(site),
                None => finding,
            }),
        }
        if self.arguments.no_record {
            return;
        }
        match self.resolve_recorder(&namespace) {
            Ok(config) => targets.recordings.push(RecordingPlan {
                namespace,
                config,
                bytes_per_second: None,
            }),
            // The same for each site.
            Err(finding) if targets.findings.contains(&finding) => {}
            Err(finding) => targets.findings.push(finding),
        }
    }

    fn resolve_site(&self, site: Option<&str>, namespace: String) -> Result<SiteTarget, Finding> {
        let mut settings = self.bridge_settings(&namespace)?;
        if let Some(site) = site {
            set_text(&mut settings, "host", site)?;
        }
        let given = Config::from_settings(&settings).map_err(failure)?;
        let name = given.host.clone();
        let resolved = match Resolver::start(given.clone(), shipped_hosts_file()) {
            Ok((_, resolved)) => resolved,
            // The links report it, and name and ports can be examined without it.
            Err(ResolveError::CaFile(_)) => Resolution::of(without_ca_check(given)?),
            Err(error) => return Err(failure(error)),
        };
        if let Some(reason) = resolved.points.obstacle {
            return Err(failure(reason));
        }
        Ok(SiteTarget {
            name,
            namespace,
            config: resolved.config,
            points: resolved.points,
            output: resolved.output,
        })
    }

    fn resolve_recorder(&self, namespace: &str) -> Result<RecorderConfig, Finding> {
        let mut settings = self.settings(&self.recorder, namespace, &RECORDER)?;
        if let Some(path) = &self.arguments.output_dir {
            set_text(&mut settings, "output_dir", &absolute(path))?;
        }
        RecorderConfig::from_settings(&settings).map_err(failure)
    }
}

/// Resolves parameters whose CA file cannot be used.
fn without_ca_check(given: Config) -> Result<ResolvedConfig, Finding> {
    let path = given.hosts_file.clone().or_else(shipped_hosts_file);
    let hosts = match path.filter(|path| path.exists()) {
        Some(path) => Hosts::load(&path).map_err(failure)?,
        None => Hosts::default(),
    };
    ResolvedConfig::with_hosts(given, &hosts).map_err(failure)
}

fn set_text(settings: &mut Settings, name: &'static str, text: &str) -> Result<(), Finding> {
    settings
        .set(name, Value::String(text.to_owned()))
        .map_err(failure)
}

/// Path from the working directory, as text for a parameter.
pub(super) fn absolute(path: &Path) -> String {
    let absolute: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.display().to_string()
}
