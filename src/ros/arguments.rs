//! The command line as ROS reads it: what stands between `--ros-args` and `--` (or the end) is for ROS,
//! the rest is the program's own.

use log::LevelFilter;

/// Flags that stand alone.
const SWITCHES: [&str; 6] = [
    "--enable-rosout-logs",
    "--disable-rosout-logs",
    "--enable-stdout-logs",
    "--disable-stdout-logs",
    "--enable-external-lib-logs",
    "--disable-external-lib-logs",
];
/// Flags that a value follows.
const OPTIONS: [&str; 10] = [
    "-p",
    "--param",
    "-r",
    "--remap",
    "--params-file",
    "--log-level",
    "--log-config-file",
    "--log-file-name",
    "-e",
    "--enclave",
];

/// A command line, taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The program's own, its name first.
    pub own: Vec<String>,
    /// For ROS, without the `--ros-args` and `--` around them.
    pub ros: Vec<String>,
}

impl Arguments {
    /// Takes a command line apart.
    pub fn split(args: impl IntoIterator<Item = String>) -> Self {
        let mut split = Self::default();
        let mut for_ros = false;
        for arg in args {
            match arg.as_str() {
                "--ros-args" => for_ros = true,
                "--" if for_ros => for_ros = false,
                _ if for_ros => split.ros.push(arg),
                _ => split.own.push(arg),
            }
        }
        split
    }

    /// The first argument for ROS that ROS does not know.
    ///
    /// rcl passes over those without a word, and a misspelt `--params-file` would cost all parameters in
    /// it. Values are left for rcl to judge.
    pub(super) fn first_unknown(&self) -> Option<&str> {
        let mut args = self.ros.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            if OPTIONS.contains(&arg) {
                args.next();
            } else if !SWITCHES.contains(&arg) {
                return Some(arg);
            }
        }
        None
    }

    /// The parameter files.
    pub(super) fn params_files(&self) -> impl Iterator<Item = &str> {
        let pairs = self
            .ros
            .windows(2)
            .filter(|pair| pair[0] == "--params-file");
        pairs.map(|pair| &*pair[1])
    }

    /// The level that `--log-level LEVEL` or `--log-level NAME:=LEVEL` sets for the logger `name`. rcl
    /// filters its console by the same arguments.
    pub(super) fn log_level(&self, name: &str) -> LevelFilter {
        let mut level = LevelFilter::Info;
        for pair in self.ros.windows(2) {
            let [flag, value] = pair else { continue };
            if flag != "--log-level" {
                continue;
            }
            let value = match value.split_once(":=") {
                Some((logger, value)) if logger == name => value,
                Some(_) => continue,
                None => value,
            };
            match value.to_ascii_lowercase().as_str() {
                "debug" => level = LevelFilter::Debug,
                "info" => level = LevelFilter::Info,
                "warn" => level = LevelFilter::Warn,
                "error" | "fatal" => level = LevelFilter::Error,
                _ => {}
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Arguments {
        Arguments::split(line.split_whitespace().map(str::to_owned))
    }

    fn unknown(line: &str) -> Option<String> {
        split(line).first_unknown().map(str::to_owned)
    }

    #[test]
    fn ros_arguments_are_left_to_ros() {
        let own = |line: &str| split(line).own.join(" ");
        assert_eq!(own("x --print-params"), "x --print-params");
        assert_eq!(own("x --ros-args -p a:=1"), "x");
        assert_eq!(own("x --ros-args -p a:=1 -- --version"), "x --version");
    }

    #[test]
    fn what_ros_knows_passes() {
        assert_eq!(
            unknown(
                "x --own --ros-args -p a:=1 -r __ns:=/a --params-file f --log-level debug \
                 --disable-rosout-logs -- --own"
            ),
            None
        );
    }

    #[test]
    fn what_it_does_not_know_is_found() {
        assert_eq!(
            unknown("x --ros-args --parms-file f"),
            Some("--parms-file".to_owned())
        );
        assert_eq!(
            unknown("x --ros-args -p a:=1 b:=2"),
            Some("b:=2".to_owned())
        );
    }

    #[test]
    fn parameter_files_are_found() {
        let args = split("x --ros-args --params-file a -r b:=c --params-file d");
        assert_eq!(args.params_files().collect::<Vec<_>>(), ["a", "d"]);
    }

    fn level(line: &str) -> LevelFilter {
        split(line).log_level("sensr_bridge")
    }

    #[test]
    fn the_level_is_that_of_the_arguments() {
        assert_eq!(level("sensr_bridge"), LevelFilter::Info);
        assert_eq!(level("x --ros-args --log-level debug"), LevelFilter::Debug);
        assert_eq!(
            level("x --ros-args --log-level sensr_bridge:=WARN"),
            LevelFilter::Warn
        );
        assert_eq!(
            level("x --ros-args --log-level rcl:=debug"),
            LevelFilter::Info
        );
        assert_eq!(level("x --log-level debug"), LevelFilter::Info);
    }
}
