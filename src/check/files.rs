//! Examination of hosts file and parameter files: all of their mistakes, which bridge and recorder would refuse one after
//! the other.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::arguments::CheckArguments;
use super::finding::Finding;
use super::targets::{absolute, namespace_of, node_name, with_file};
use crate::config::hosts::{Hosts, Site, shipped_hosts_file};
use crate::config::overrides::Overrides;
use crate::config::ros_arguments::RosArguments;
use crate::config::table::{BRIDGE, ParameterTable, RECORDER};
use crate::config::{Config, RecorderConfig, ResolvedConfig, Settings, Value};
use crate::connection::tls::{CaFileError, TlsOptions};

const HOSTS_FILE: &str = "hosts file";
const BRIDGE_PARAMETERS: &str = "bridge parameters";
const RECORDER_PARAMETERS: &str = "recorder parameters";
/// Subject of the findings about CA files, which the examination of a site may name too.
pub(super) const CA_FILE: &str = "ca file";

/// Examines the files that the arguments name, for the bridges and recorders of all sites that they name.
#[must_use]
pub fn check_files(arguments: &CheckArguments, ros: &RosArguments) -> Vec<Finding> {
    let mut examination = Examination {
        arguments,
        ros,
        findings: Vec::new(),
    };
    let sites = examination.check_bridges();
    if !arguments.no_record {
        examination.check_recorders(&sites);
    }
    examination.findings
}

/// Examination in progress.
struct Examination<'a> {
    arguments: &'a CheckArguments,
    ros: &'a RosArguments,
    findings: Vec<Finding>,
}

impl Examination<'_> {
    /// Adds a finding, unless it is there for another site already.
    fn add(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Examines the files of the bridges. Returns the names of their sites, `None` for the host of the parameters.
    fn check_bridges(&mut self) -> Vec<Option<String>> {
        let own = self.ros.without_parameters_of(RECORDER.executable);
        let own = with_file(self.arguments.params_file.as_deref(), &own);
        let overrides = self.read_overrides(&own, &BRIDGE, BRIDGE_PARAMETERS);
        let settings = self.bridge_settings(&overrides, None, false);
        let (hosts, hosts_file) = self.check_hosts_file(&settings);
        let mut hosts_examined = Vec::new();
        let sites = self.site_names(&hosts);
        for name in &sites {
            let settings = self.bridge_settings(&overrides, name.as_deref(), true);
            hosts_examined.extend(self.check_bridge(&settings, &hosts, hosts_file.as_ref()));
        }
        self.pass_unless_faulty(BRIDGE_PARAMETERS);
        for (name, site) in hosts.sites() {
            if !hosts_examined.iter().any(|host| host == name) {
                self.check_other_site(name, site);
            }
        }
        if let Ok(config) = Config::from_settings(&settings) {
            self.check_same_servers(&hosts, &config);
        }
        sites
    }

    fn check_recorders(&mut self, sites: &[Option<String>]) {
        let own = self.ros.parameters_of(RECORDER.executable);
        let own = with_file(self.arguments.recorder_params_file.as_deref(), &own);
        let overrides = self.read_overrides(&own, &RECORDER, RECORDER_PARAMETERS);
        for name in sites {
            let mut settings = self.settings(&overrides, name.as_deref(), &RECORDER, true);
            if let Some(path) = &self.arguments.output_dir {
                self.set(&mut settings, "output_dir", &absolute(path));
            }
            for error in RecorderConfig::errors_of(&settings) {
                self.add(parameter_failure(&RECORDER, error));
            }
        }
        self.pass_unless_faulty(RECORDER_PARAMETERS);
    }

    /// Reads parameter files and `-p`, and adds their mistakes.
    fn read_overrides(
        &mut self,
        own: &RosArguments,
        table: &'static ParameterTable,
        subject: &'static str,
    ) -> Overrides {
        if let Some(unknown) = own.first_unknown() {
            self.add(Finding::fail(
                subject,
                format!("ROS arguments: {unknown} is unknown"),
                "correct it: ros2 run sensr_bridge sensr_bridge --help",
            ));
        }
        let (overrides, errors) = own.examine_overrides();
        for error in errors {
            self.add(parameter_failure(table, error));
        }
        overrides
    }

    /// Returns the values of a node's parameters, and adds their mistakes if these are wanted.
    fn settings(
        &mut self,
        overrides: &Overrides,
        site: Option<&str>,
        table: &'static ParameterTable,
        with_findings: bool,
    ) -> Settings {
        let node = node_name(self.ros, &namespace_of(self.ros, site), table);
        let (start, errors) = overrides.examine_for_node(&node, table);
        if with_findings {
            for error in errors {
                self.add(parameter_failure(table, error));
            }
            for warning in start.warnings {
                let cure = format!(
                    "correct or remove it; all parameters: ros2 run sensr_bridge {} --print-params",
                    table.executable
                );
                self.add(Finding::warn(subject_of(table), warning, cure));
            }
        }
        start.settings
    }

    fn bridge_settings(
        &mut self,
        overrides: &Overrides,
        site: Option<&str>,
        with_findings: bool,
    ) -> Settings {
        let arguments = self.arguments;
        let mut settings = self.settings(overrides, site, &BRIDGE, with_findings);
        if let Some(host) = site.or(arguments.host.as_deref()) {
            self.set(&mut settings, "host", host);
        }
        if let Some(path) = &arguments.hosts_file {
            self.set(&mut settings, "hosts_file", &absolute(path));
        }
        settings
    }

    fn set(&mut self, settings: &mut Settings, name: &str, text: &str) {
        if let Err(error) = settings.set(name, Value::String(text.to_owned())) {
            self.add(parameter_failure(settings.table(), error));
        }
    }

    /// Returns the names of the sites. `None`: the host of the parameters.
    fn site_names(&self, hosts: &Hosts) -> Vec<Option<String>> {
        let arguments = self.arguments;
        if arguments.all_sites {
            let names = hosts.site_names();
            names.map(|name| Some(name.to_owned())).collect()
        } else if arguments.sites.is_empty() {
            vec![None]
        } else {
            arguments.sites.iter().cloned().map(Some).collect()
        }
    }

    /// Examines the hosts file. Returns its valid sites, and its path.
    fn check_hosts_file(&mut self, settings: &Settings) -> (Hosts, Option<PathBuf>) {
        let given = match settings.get("hosts_file") {
            Some(Value::String(path)) if !path.is_empty() => settings.path("hosts_file").ok(),
            _ => None,
        };
        // That of the package is missing in the build tree, which is no fault.
        let shipped = || shipped_hosts_file().filter(|path| path.exists());
        let Some(path) = given.or_else(shipped) else {
            return (Hosts::default(), None);
        };
        // Absolute, as the bridge names it.
        let path = std::path::absolute(&path).unwrap_or(path);
        let (hosts, problems) = Hosts::examine(&path);
        let shown = path.display();
        for problem in &problems {
            let cure = if problem.is_transient() {
                format!("ls -l {shown}   (mount its share, or set hosts_file to the right path)")
            } else {
                format!("correct it in {shown} (nano {shown}); config/hosts.yaml explains all keys")
            };
            self.add(Finding::fail(HOSTS_FILE, problem.to_string(), cure));
        }
        if problems.is_empty() {
            let names: Vec<&str> = hosts.site_names().collect();
            let names = names.join(", ");
            self.add(Finding::pass(
                HOSTS_FILE,
                format!("{shown} has the sites {names}"),
            ));
        }
        (hosts, Some(path))
    }

    /// Examines the parameters of a bridge together with its site. Returns its host if they can be used.
    fn check_bridge(
        &mut self,
        settings: &Settings,
        hosts: &Hosts,
        hosts_file: Option<&PathBuf>,
    ) -> Option<String> {
        let mut is_valid = true;
        for error in Config::errors_of(settings) {
            is_valid = false;
            self.add(parameter_failure(&BRIDGE, error));
        }
        if !is_valid {
            return None;
        }
        let config = Config::from_settings(settings).ok()?;
        let host = config.host.clone();
        let site = hosts.site(&host).cloned();
        let (resolved, errors) = ResolvedConfig::examine_site(config, site.clone());
        for error in errors {
            let (subject, file) = match (&site, hosts_file) {
                (Some(_), Some(path)) => (HOSTS_FILE, path.display().to_string()),
                _ => (BRIDGE_PARAMETERS, "the parameters".to_owned()),
            };
            let cure = format!("correct it in {file}, for the site {host}");
            self.add(Finding::fail(subject, error.to_string(), cure).of_site(&host));
        }
        if let Some(tls) = resolved.enabled_tls()
            && !tls.ca_file.as_os_str().is_empty()
        {
            let path = tls.ca_file.display();
            self.add(match tls.check_ca_file() {
                Ok(()) => Finding::pass(CA_FILE, format!("{path} can be used")).of_site(&host),
                Err(error) => {
                    Finding::fail(CA_FILE, error.to_string(), ca_file_cure(&error)).of_site(&host)
                }
            });
        }
        Some(host)
    }

    /// Examines the CA file of a site that is not to be started now.
    fn check_other_site(&mut self, name: &str, site: &Site) {
        let Some(tls) = site.tls.as_ref().filter(|tls| tls.enabled) else {
            return;
        };
        let config = ResolvedConfig::examine_site(Config::default(), Some(site.clone())).0;
        if tls.ca_file.is_some()
            && let Some(Err(error)) = config.enabled_tls().map(TlsOptions::check_ca_file)
        {
            let cure = ca_file_cure(&error);
            self.add(Finding::warn(CA_FILE, error.to_string(), cure).of_site(name));
        }
    }

    /// Warns of sites of the hosts file that are the same server.
    fn check_same_servers(&mut self, hosts: &Hosts, config: &Config) {
        let mut servers: BTreeMap<(&str, u16, u16), Vec<&str>> = BTreeMap::new();
        for (name, site) in hosts.sites() {
            let output = site.output_port.unwrap_or(config.output_port);
            let points = site.points_port.unwrap_or(config.points_port);
            let server = (&*site.address, output, points);
            servers.entry(server).or_default().push(name);
        }
        for ((address, output, points), names) in servers {
            if names.len() > 1 {
                let names = names.join(", ");
                self.add(Finding::warn(
                    HOSTS_FILE,
                    format!("the sites {names} are the same server, {address} with the ports {output} and {points}"),
                    "give each site its own address, or leave only one of them",
                ));
            }
        }
    }

    fn pass_unless_faulty(&mut self, subject: &'static str) {
        if !self
            .findings
            .iter()
            .any(|finding| finding.subject == subject)
        {
            self.add(Finding::pass(subject, "no mistakes in files and arguments"));
        }
    }
}

fn subject_of(table: &ParameterTable) -> &'static str {
    if table.executable == RECORDER.executable {
        RECORDER_PARAMETERS
    } else {
        BRIDGE_PARAMETERS
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are used up here")]
fn parameter_failure(table: &ParameterTable, error: impl ToString) -> Finding {
    let executable = table.executable;
    let cure =
        format!("correct it; allowed values: ros2 run sensr_bridge {executable} --print-params");
    Finding::fail(subject_of(table), error.to_string(), cure)
}

fn ca_file_cure(error: &CaFileError) -> String {
    match error {
        CaFileError::Read { path, .. } => {
            format!(
                "ls -l {}   (copy sensr-ca.crt of the SENSR machine there)",
                path.display()
            )
        }
        CaFileError::Empty { path, .. } | CaFileError::Unusable { path, .. } => format!(
            "openssl x509 -in {} -noout -text   (copy sensr-ca.crt of the SENSR machine there)",
            path.display()
        ),
    }
}
