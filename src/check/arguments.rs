//! Command line of `sensr_check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};

/// Longest time of listening, seconds.
const MAX_LISTEN: f64 = 600.0;

const DETAILS: &str = "\
Examines everything that a bridge and its recorder need, before they are started, and says how to cure what is wrong.

This machine: disk space and write speed, memory, shared memory, network buffers, middleware and its profile, rosbag2, \
clock. The files: every mistake in hosts and parameter files. Each site: name, ports, TLS, WebSocket, some seconds of \
both streams, states of nodes and sensors, clock of the server, and whether another bridge or recorder runs already.

It starts nothing, changes nothing, and leaves no file behind. A site that cannot be reached costs some seconds, and \
everything else is examined nevertheless. Each line begins with PASS, WARN or FAIL; below WARN and FAIL is the cure, a \
command where there is one.";

const EXAMPLES: &str = "\
Examples:
  sensr_check                                          this machine, and a server on it
  sensr_check --host 192.0.2.10                        a server by its address
  sensr_check --hosts-file hosts.yaml --site samyang   a site of a hosts file
  sensr_check --hosts-file hosts.yaml --all-sites --listen 15
  sensr_check --site samyang --output-dir /data/bags   and a recording of it in another folder
  sensr_check --json > check.json                      for programs
  sensr_check --fix-print | sudo tee /etc/sysctl.d/60-sensr-bridge.conf && sudo sysctl --system
  sensr_check --import old/config.yaml --output site   configuration of the old Python recorder
  sensr_check --ros-args --params-file bridge.yaml -r __ns:=/samyang   exactly as the bridge gets them
  sensr_check --ros-args -p sensr_recorder:split_size:=2000000000      a parameter of the recorder

Exit code: 0 if all is well, 1 with warnings, 2 with failures or wrong arguments.";

/// Command line of `sensr_check`.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "sensr_check",
    version,
    about = "Examines machine, configuration and sites before a run, with a cure for each fault",
    long_about = DETAILS,
    after_help = EXAMPLES,
    max_term_width = 100
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of the command line are independent of one another"
)]
pub struct CheckArguments {
    /// Site of the hosts file to examine; may be repeated, or several separated by commas. Its namespace is its name.
    #[arg(long = "site", value_name = "NAME", value_delimiter = ',', conflicts_with_all = ["all_sites", "host"])]
    pub sites: Vec<String>,

    /// Examine all sites of the hosts file
    #[arg(long, conflicts_with = "host")]
    pub all_sites: bool,

    /// Address of the SENSR server, or a site of the hosts file, like the parameter host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,

    /// Hosts file, like the parameter `hosts_file`
    #[arg(long, value_name = "FILE")]
    pub hosts_file: Option<PathBuf>,

    /// Parameter file of the bridge
    #[arg(long, value_name = "FILE")]
    pub params_file: Option<PathBuf>,

    /// Parameter file of `sensr_recorder`
    #[arg(long, value_name = "FILE")]
    pub recorder_params_file: Option<PathBuf>,

    /// Folder for recordings, like the recorder's parameter `output_dir`
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,

    /// Skip what only a recording needs
    #[arg(long, conflicts_with_all = ["output_dir", "recorder_params_file"])]
    pub no_record: bool,

    /// Time to listen to each stream; for the health of the server up to 12 s
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_listen)]
    pub listen: Duration,

    /// Print the findings as one JSON document
    #[arg(long)]
    pub json: bool,

    /// Print a file for /etc/sysctl.d that cures the network settings of this machine, and do nothing else
    #[arg(long, exclusive = true)]
    pub fix_print: bool,

    /// Convert the configuration file of the old Python recorder into files for the bridge, and do nothing else
    #[arg(long, value_name = "FILE", requires = "output")]
    pub import: Option<PathBuf>,

    /// Folder for the files of --import
    #[arg(long, value_name = "DIR", requires = "import")]
    pub output: Option<PathBuf>,

    /// Overwrite files of another content in the folder of --import
    #[arg(long, requires = "import")]
    pub force: bool,
}

impl CheckArguments {
    /// Parses the arguments that are not for ROS, the program's name first. Ends the process after `--help`, `--version`
    /// or an error.
    #[must_use]
    pub fn parse_own(own: &[String]) -> Self {
        Self::parse_from(own)
    }

    /// Ends the process with an error about the arguments.
    pub fn exit_with(message: &str) -> ! {
        Self::command()
            .error(clap::error::ErrorKind::ValueValidation, message)
            .exit()
    }
}

fn parse_listen(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    if (0.1..=MAX_LISTEN).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("from 0.1 to {MAX_LISTEN} seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CheckArguments, clap::Error> {
        CheckArguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn sites_may_be_repeated_or_listed() {
        let sites = |line| parse(line).expect("valid").sites;
        assert_eq!(sites("x --site a --site b"), ["a", "b"]);
        assert_eq!(sites("x --site a,b"), ["a", "b"]);
        assert_eq!(sites("x --all-sites"), Vec::<String>::new());
    }

    #[test]
    fn contradicting_arguments_are_refused() {
        for line in [
            "x --site a --all-sites",
            "x --host h --site a",
            "x --no-record --output-dir d",
            "x --import old.yaml",
            "x --output dir",
            "x --listen 0",
            "x --listen nan",
            "x --fix-print --json",
            "x unexpected",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn time_of_listening_may_be_a_fraction() {
        let listen = |line| parse(line).expect("valid").listen;
        assert_eq!(listen("x"), Duration::from_secs(5));
        assert_eq!(listen("x --listen 0.5"), Duration::from_millis(500));
    }

    #[test]
    fn command_is_consistent() {
        CheckArguments::command().debug_assert();
    }
}
