//! Command line with ROS arguments: those between `--ros-args` and `--` (or the end) are for ROS, the others are the
//! program's own.

use std::ffi::OsString;

use log::LevelFilter;

use super::ConfigError;
use super::overrides::{OverrideError, Overrides};

/// Flags without a value.
const SWITCHES: [&str; 6] = [
    "--enable-rosout-logs",
    "--disable-rosout-logs",
    "--enable-stdout-logs",
    "--disable-stdout-logs",
    "--enable-external-lib-logs",
    "--disable-external-lib-logs",
];
/// Flags followed by a value.
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

/// A command line, split into the program's own arguments and those for ROS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RosArguments {
    /// The program's own arguments, its name first.
    pub own: Vec<String>,
    /// Arguments for ROS, without the enclosing `--ros-args` and `--`.
    pub ros: Vec<String>,
}

impl RosArguments {
    /// Splits the command line of the process. r2r and rcl accept UTF-8 arguments only.
    pub fn from_command_line(
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let text = |arg: OsString| {
            arg.into_string().map_err(|arg| {
                let shown = arg.as_encoded_bytes().escape_ascii().to_string();
                ConfigError::Arguments(format!("{shown} is not UTF-8, use UTF-8 names"))
            })
        };
        let args: Vec<String> = args.into_iter().map(text).collect::<Result<_, _>>()?;
        Ok(Self::split(args))
    }

    /// Splits a command line.
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

    /// Returns the first argument for ROS that ROS does not know.
    ///
    /// rcl silently ignores those, and a misspelt `--params-file` would lose all its parameters. Values are checked by
    /// rcl.
    #[must_use]
    pub fn first_unknown(&self) -> Option<&str> {
        self.flags()
            .map(|(flag, _)| flag)
            .find(|flag| !OPTIONS.contains(flag) && !SWITCHES.contains(flag))
    }

    /// Returns whether parameters are given, for a program that has none.
    #[must_use]
    pub fn has_parameters(&self) -> bool {
        let mut flags = self.flags();
        flags.any(|(flag, _)| matches!(flag, "-p" | "--param" | "--params-file"))
    }

    /// Reads the parameter files and values. Fails with the first error.
    pub fn overrides(&self) -> Result<Overrides, OverrideError> {
        let (overrides, errors) = self.examine_overrides();
        errors.into_iter().next().map_or(Ok(overrides), Err)
    }

    /// Reads the parameter files and values. Returns those that can be used, and all errors.
    #[must_use]
    pub fn examine_overrides(&self) -> (Overrides, Vec<OverrideError>) {
        let mut overrides = Overrides::default();
        let mut errors = Vec::new();
        for (flag, value) in self.flags() {
            match (flag, value) {
                ("--params-file", Some(path)) => errors.extend(overrides.add_file(path)),
                ("-p" | "--param", Some(argument)) => {
                    errors.extend(overrides.add_argument(argument).err());
                }
                ("--params-file", None) => {
                    errors.push(missing_value_error(flag, "the path of a parameter file"));
                }
                ("-p" | "--param", None) => errors.push(missing_value_error(flag, "NAME:=VALUE")),
                _ => {}
            }
        }
        (overrides, errors)
    }

    /// Returns the value of the remapping `FROM:=VALUE`, or `NODE:FROM:=VALUE` for the node of that name, such as of
    /// `__ns`. The first one wins, as in rcl.
    #[must_use]
    pub fn remapped(&self, node: &str, from: &str) -> Option<&str> {
        self.flags().find_map(|(flag, value)| {
            let ("-r" | "--remap", Some(rule)) = (flag, value) else {
                return None;
            };
            let (name, to) = rule.split_once(":=")?;
            let name = match name.split_once(':') {
                Some((only, name)) if only == node => name,
                Some(_) => return None,
                None => name,
            };
            (name == from).then_some(to)
        })
    }

    /// Returns only the parameters that are given for the node of that name, as `-p NODE:NAME:=VALUE`, for any node: as
    /// `-p NAME:=VALUE`.
    #[must_use]
    pub fn parameters_of(&self, node: &str) -> Self {
        let parameters = self.flags().filter_map(|(flag, value)| {
            let ("-p" | "--param", Some(value)) = (flag, value) else {
                return None;
            };
            value.strip_prefix(node)?.strip_prefix(':')
        });
        Self {
            own: Vec::new(),
            ros: parameters
                .flat_map(|parameter| ["-p".to_owned(), parameter.to_owned()])
                .collect(),
        }
    }

    /// Returns the arguments without the parameters that are given for the node of that name.
    #[must_use]
    pub fn without_parameters_of(&self, node: &str) -> Self {
        let is_for_node = |flag: &str, value: Option<&str>| {
            matches!(flag, "-p" | "--param")
                && value
                    .and_then(|value| value.strip_prefix(node))
                    .is_some_and(|rest| rest.starts_with(':') && !rest.starts_with(":="))
        };
        let others = self
            .flags()
            .filter(|&(flag, value)| !is_for_node(flag, value));
        Self {
            own: self.own.clone(),
            ros: others
                .flat_map(|(flag, value)| std::iter::once(flag).chain(value))
                .map(str::to_owned)
                .collect(),
        }
    }

    /// Returns the flags for ROS with their values.
    fn flags(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let mut args = self.ros.iter().map(String::as_str);
        std::iter::from_fn(move || {
            let flag = args.next()?;
            let value = if OPTIONS.contains(&flag) {
                args.next()
            } else {
                None
            };
            Some((flag, value))
        })
    }

    /// Returns the level that `--log-level LEVEL` or `--log-level NAME:=LEVEL` sets for the logger `name`. rcl filters its
    /// console output by the same arguments.
    #[must_use]
    pub fn log_level(&self, name: &str) -> LevelFilter {
        let mut level = LevelFilter::Info;
        for (flag, value) in self.flags() {
            let ("--log-level", Some(value)) = (flag, value) else {
                continue;
            };
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

fn missing_value_error(flag: &str, value: &'static str) -> OverrideError {
    let flag = flag.to_owned();
    OverrideError::MissingValue { flag, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_noticed_in_all_spellings() {
        for given in ["-p a:=1", "--param a:=1", "--params-file a.yaml"] {
            assert!(split(&format!("x --ros-args {given}")).has_parameters());
        }
        assert!(!split("x -p --ros-args -r -p:=b --log-level info").has_parameters());
    }

    fn split(line: &str) -> RosArguments {
        RosArguments::split(line.split_whitespace().map(str::to_owned))
    }

    fn unknown(line: &str) -> Option<String> {
        split(line).first_unknown().map(str::to_owned)
    }

    #[test]
    fn own_and_ros_arguments_are_separated() {
        let own = |line: &str| split(line).own.join(" ");
        assert_eq!(own("x --print-params"), "x --print-params");
        assert_eq!(own("x --ros-args -p a:=1"), "x");
        assert_eq!(own("x --ros-args -p a:=1 -- --version"), "x --version");
    }

    #[test]
    fn first_remapping_for_the_node_is_returned() {
        let namespace = |line: &str| {
            split(line)
                .remapped("sensr_bridge", "__ns")
                .map(str::to_owned)
        };
        assert_eq!(namespace("x -r __ns:=/a"), None);
        assert_eq!(
            namespace("x --ros-args -r a:=b -r __ns:=/a -r __ns:=/b"),
            Some("/a".to_owned())
        );
        assert_eq!(
            namespace("x --ros-args -r other:__ns:=/a --remap sensr_bridge:__ns:=/b"),
            Some("/b".to_owned())
        );
    }

    #[test]
    fn parameters_of_a_node_are_those_with_its_name() {
        let all =
            split("x --ros-args -p a:=1 -p sensr_recorder:b:=2 --param sensr_recorder_2:c:=3");
        let own = all.parameters_of("sensr_recorder");
        assert_eq!(own.ros, ["-p", "b:=2"]);
    }

    #[test]
    fn parameters_of_another_node_are_left_out() {
        let all = split(
            "x --ros-args -p a:=1 -p sensr_recorder:b:=2 -p sensr_recorder:=3 --params-file f -r x:=y --log-level info",
        );
        let others = all.without_parameters_of("sensr_recorder");
        assert_eq!(
            others.ros.join(" "),
            "-p a:=1 -p sensr_recorder:=3 --params-file f -r x:=y --log-level info"
        );
    }

    #[test]
    fn known_arguments_are_accepted() {
        assert_eq!(
            unknown(
                "x --own --ros-args -p a:=1 -r __ns:=/a --params-file f --log-level debug \
                 --disable-rosout-logs -- --own"
            ),
            None
        );
    }

    #[test]
    fn unknown_arguments_are_found() {
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
    fn values_are_not_taken_for_flags() {
        assert_eq!(unknown("x --ros-args -r --nonsense"), None);
        let refusal = |line: &str| {
            let refusal = split(line).overrides().expect_err("refused");
            assert!(!refusal.is_transient());
            refusal.to_string()
        };
        assert!(refusal("x --ros-args -p --params-file").contains("-p --params-file: has no :="));
        assert!(refusal("x --ros-args -p").contains("NAME:=VALUE must follow -p"));
        assert!(refusal("x --ros-args --params-file").contains("must follow --params-file"));
        let missing = split("x --ros-args --params-file /no/such").overrides();
        let missing = missing.expect_err("refused");
        // The file may be on a share that is mounted later.
        assert!(missing.is_transient());
        assert!(missing.to_string().contains("/no/such cannot be read"));
        split("x --ros-args -r --params-file -- -p nothing")
            .overrides()
            .expect("no parameters in it");
    }

    #[test]
    fn argument_that_is_not_utf8_is_named() {
        use std::os::unix::ffi::OsStringExt as _;
        let args = ["x".into(), OsString::from_vec(b"caf\xe9".to_vec())];
        let refusal = RosArguments::from_command_line(args).expect_err("refused");
        assert!(matches!(refusal, ConfigError::Arguments(_)));
        assert!(
            refusal.to_string().contains("caf\\xe9 is not UTF-8"),
            "{refusal}"
        );
    }

    fn level(line: &str) -> LevelFilter {
        split(line).log_level("sensr_bridge")
    }

    #[test]
    fn log_level_is_that_of_the_arguments() {
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
