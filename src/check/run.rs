//! The program `sensr_check`: parses the command line, examines, and prints.

use std::env;
use std::io;
use std::process::ExitCode;
use std::thread;

use super::arguments::CheckArguments;
use super::files::{CA_FILE, check_files};
use super::finding::Finding;
use super::findings_output::FindingsOutput;
use super::import::{self, ImportOptions};
use super::json::format_json;
use super::machine::{MachineOptions, RecordingPlan, System, check_machine, sysctl_file};
use super::site;
use super::targets::{Targets, find_targets};
use super::text::{Counts, Terminal, format_text};
use crate::config::ros_arguments::RosArguments;
use crate::environment;
use crate::environment::terminal::wants_colors;

/// Exit code for wrong arguments and for output that cannot be written.
const EXIT_FAILURE: u8 = 2;

/// Bridge whose names on the ROS graph are to be free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphTarget {
    /// Name of the site.
    pub site: String,
    /// Namespace of bridge and recorder, absolute.
    pub namespace: String,
    /// True if a recorder is to be started too.
    pub has_recorder: bool,
}

/// Runs the program with the command line of the process. `check_graph` examines the middleware and the ROS graph.
#[must_use]
pub fn run(check_graph: fn(&[GraphTarget], &RosArguments) -> Vec<Finding>) -> ExitCode {
    let ros = match RosArguments::from_command_line(env::args_os()) {
        Ok(ros) => ros,
        Err(error) => CheckArguments::exit_with(&error.to_string()),
    };
    let arguments = CheckArguments::parse_own(&ros.own);
    if arguments.fix_print {
        return print(
            &mut FindingsOutput::take(),
            &sysctl_file(&System::current()),
            0,
        );
    }
    if let (Some(source), Some(folder)) = (&arguments.import, &arguments.output) {
        return run_import(&ImportOptions {
            source: source.clone(),
            folder: folder.clone(),
            force: arguments.force,
        });
    }
    // It may start the program again, which needs the original standard output.
    let log_folder = environment::prepare_process(&ros.ros).err();
    let mut output = FindingsOutput::take();
    let mut findings = Vec::new();
    if let Some(error) = log_folder {
        let cure = "export ROS_LOG_DIR=/tmp/ros_log";
        findings.push(Finding::fail("log folder", error.to_string(), cure));
    }
    if let Some(reason) = environment::missing_log_file_reason() {
        let cure = "export ROS_LOG_DIR=/tmp/ros_log   (or another folder that can be written)";
        findings.push(Finding::warn(
            "log folder",
            format!("bridge and recorder will have no log file: {reason}"),
            cure,
        ));
    }
    findings.extend(examine(&arguments, &ros, check_graph));
    let code = Counts::of(&findings).exit_code();
    if !arguments.json {
        let text = format_text(&findings, terminal_of(&output));
        return print(&mut output, &text, code);
    }
    match format_json(&findings) {
        Ok(document) => print(&mut output, &(document + "\n"), code),
        Err(error) => {
            let text = format!("cannot format the findings: {error}\n");
            print(&mut output, &text, EXIT_FAILURE)
        }
    }
}

/// Converts the configuration of the old recorder. The exit code is 1 if a value was not carried over.
fn run_import(options: &ImportOptions) -> ExitCode {
    match import::run(options) {
        Ok(report) => print(
            &mut FindingsOutput::take(),
            &report.to_string(),
            u8::from(report.has_losses()),
        ),
        Err(error) => CheckArguments::exit_with(&error.to_string()),
    }
}

/// Prints a text. Returns the exit code of the program.
fn print(output: &mut FindingsOutput, text: &str, code: u8) -> ExitCode {
    match output.write(text) {
        Ok(()) => ExitCode::from(code),
        // The reader has enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

/// Examines everything.
fn examine(
    arguments: &CheckArguments,
    ros: &RosArguments,
    check_graph: fn(&[GraphTarget], &RosArguments) -> Vec<Finding>,
) -> Vec<Finding> {
    let Targets {
        sites,
        mut recordings,
        findings: configuration,
    } = find_targets(arguments, ros);
    let mut findings = check_files(arguments, ros);
    // Why a site cannot be examined is often a mistake in the files, which is named there.
    let unnamed: Vec<Finding> = configuration
        .into_iter()
        .filter(|finding| {
            !findings
                .iter()
                .any(|named| named.message == finding.message)
        })
        .collect();
    findings.extend(unnamed);
    let graph: Vec<GraphTarget> = sites
        .iter()
        .map(|target| GraphTarget {
            site: target.name.clone(),
            namespace: target.namespace.clone(),
            has_recorder: recordings
                .iter()
                .any(|recording| recording.namespace == target.namespace),
        })
        .collect();
    // Both mostly wait.
    let (reports, graph) = thread::scope(|scope| {
        let reports = scope.spawn(|| site::check_sites(&sites, arguments.listen));
        let graph = check_graph(&graph, ros);
        (reports.join(), graph)
    });
    findings.extend(graph);
    let reports = match reports {
        Ok(Ok(reports)) => reports,
        Ok(Err(error)) => {
            findings.push(no_network_finding(&error.to_string()));
            Vec::new()
        }
        Err(panic) => std::panic::resume_unwind(panic),
    };
    // The links name the fault of a CA file too, unless their ports cannot be reached.
    findings.retain(|finding| {
        let mut named = reports.iter().flat_map(|report| &report.findings);
        finding.subject != CA_FILE || !named.any(|link| link.message == finding.message)
    });
    for (target, report) in sites.iter().zip(&reports) {
        let own = |recording: &&mut RecordingPlan| recording.namespace == target.namespace;
        if let Some(recording) = recordings.iter_mut().find(own) {
            recording.bytes_per_second = report.bytes_per_second;
        }
    }
    // After the sites: the disks are compared with what these send.
    findings.extend(check_machine(&MachineOptions {
        // A site that cannot be resolved will have one too.
        bridges: sites.len().max(1),
        recordings,
        system: System::current(),
    }));
    findings.extend(reports.into_iter().flat_map(|report| report.findings));
    findings
}

fn no_network_finding(reason: &str) -> Finding {
    Finding::fail(
        "network",
        format!("sites cannot be examined: {reason}"),
        "ulimit -n; ulimit -u   (raise the limits of open files and processes)",
    )
}

/// Returns the terminal that the output goes to, with colors if the environment wants them.
fn terminal_of(output: &FindingsOutput) -> Terminal {
    if !output.is_terminal() {
        return Terminal::default();
    }
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let size = ratatui::crossterm::terminal::size();
    Terminal {
        has_colors: wants_colors(variable),
        width: size.ok().map(|(width, _)| width).filter(|width| *width > 0),
    }
}
