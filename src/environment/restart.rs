//! Starting the program again in its place: the same process, with other arguments and variables.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Arguments and variables that the restarted program gets in addition. None: no restart.
#[derive(Debug, Default)]
pub(super) struct Restart {
    ros_args: Vec<&'static str>,
    variables: Vec<(&'static str, String)>,
}

impl Restart {
    pub(super) fn ros_arg(&mut self, arg: &'static str) {
        self.ros_args.push(arg);
    }

    pub(super) fn variable(&mut self, name: &'static str, value: impl Display) {
        self.variables.push((name, value.to_string()));
    }

    /// Returns if there is nothing to be done, or if it cannot be done.
    pub(super) fn carry_out(self) {
        if self.ros_args.is_empty() && self.variables.is_empty() {
            return;
        }
        let mut args = env::args_os();
        let (Some(name), Ok(program)) = (args.next(), env::current_exe()) else {
            return;
        };
        // The caller sees to it that the program can go on as it is, or says why not.
        let _ = Command::new(program)
            .arg0(name)
            .args(self.arguments(args))
            .envs(self.variables)
            .exec();
    }

    /// In front: an argument at the end might be taken for the value of the last flag.
    fn arguments(&self, given: impl Iterator<Item = OsString>) -> Vec<OsString> {
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

    fn arguments(restart: &Restart, given: &[&str]) -> Vec<OsString> {
        restart.arguments(given.iter().map(OsString::from))
    }

    #[test]
    fn what_was_given_follows_unchanged() {
        let given = ["--own", "--ros-args", "-p", "a:=1", "-p"];
        let mut restart = Restart::default();
        assert_eq!(arguments(&restart, &given), given);
        restart.ros_arg("--flag");
        let expected = ["--ros-args", "--flag", "--"];
        let expected = expected.into_iter().chain(given).collect::<Vec<_>>();
        assert_eq!(arguments(&restart, &given), expected);
    }
}
