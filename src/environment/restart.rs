//! Restart of the program in place: the same process with further arguments and variables.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Additional arguments and variables of the restarted program. Without any it is not restarted.
#[derive(Debug, Default)]
pub(super) struct Restart {
    ros_args: Vec<&'static str>,
    variables: Vec<(&'static str, String)>,
}

impl Restart {
    pub(super) fn add_ros_arg(&mut self, arg: &'static str) {
        self.ros_args.push(arg);
    }

    pub(super) fn set_variable(&mut self, name: &'static str, value: impl Display) {
        self.variables.push((name, value.to_string()));
    }

    /// Replaces the program by itself. Returns if that is not needed, or if it fails.
    pub(super) fn exec_if_needed(self) {
        if self.ros_args.is_empty() && self.variables.is_empty() {
            return;
        }
        let mut args = env::args_os();
        let (Some(name), Ok(program)) = (args.next(), env::current_exe()) else {
            return;
        };
        // The caller continues without the changes, or reports what is missing.
        let _ = Command::new(program)
            .arg0(name)
            .args(self.with_given(args))
            .envs(self.variables)
            .exec();
    }

    /// Puts the additional arguments first: at the end they might be taken for the value of the last flag.
    fn with_given(&self, given: impl Iterator<Item = OsString>) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if !self.ros_args.is_empty() {
            let words = ["--ros-args"].into_iter();
            let words = words.chain(self.ros_args.iter().copied()).chain(["--"]);
            arguments.extend(words.map(OsString::from));
        }
        arguments.extend(given);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments_of(restart: &Restart, given: &[&str]) -> Vec<OsString> {
        restart.with_given(given.iter().map(OsString::from))
    }

    #[test]
    fn given_arguments_follow_unchanged() {
        let given = ["--own", "--ros-args", "-p", "a:=1", "-p"];
        let mut restart = Restart::default();
        assert_eq!(arguments_of(&restart, &given), given);
        restart.add_ros_arg("--flag");
        let expected = ["--ros-args", "--flag", "--"];
        let expected = expected.into_iter().chain(given).collect::<Vec<_>>();
        assert_eq!(arguments_of(&restart, &given), expected);
    }
}
