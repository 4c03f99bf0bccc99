//! Search for processes that still use a bag.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// True if a running process names the folder in its command line, as the stock recorder does with its bag.
///
/// After a crash of its supervisor the stock recorder may still be writing its index. A bag that another supervisor
/// records is in use as well.
pub(super) fn is_in_use(folder: &Path) -> bool {
    let Ok(processes) = procfs::process::all_processes() else {
        return false;
    };
    processes.flatten().any(|process| {
        let Ok(arguments) = process.cmdline() else {
            return false;
        };
        arguments
            .iter()
            .any(|argument| names(argument.as_bytes(), folder.as_os_str().as_bytes()))
    })
}

/// True if the argument is the folder, alone or after `--option=`.
fn names(argument: &[u8], folder: &[u8]) -> bool {
    argument
        .strip_suffix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::child::test_support::wait_for;
    use std::process::{Command, Stdio};

    #[test]
    fn folder_is_in_use_while_a_process_names_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_in_use(folder.path()));
        // `cat -` reads its standard input first, until that is closed.
        let mut child = Command::new("cat")
            .args(["-".as_ref(), folder.path().as_os_str()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The kernel shows the arguments shortly after the start.
        wait_for("use of the folder", || {
            is_in_use(folder.path()).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_in_use(folder.path()));
    }

    #[test]
    fn only_the_folder_itself_counts() {
        assert!(names(b"/a/b", b"/a/b") && names(b"--output=/a/b", b"/a/b"));
        assert!(!names(b"/a/b_2", b"/a/b") && !names(b"/x/a/b", b"/a/b"));
        assert!(!names(b"/a/b/b_0.mcap", b"/a/b"));
    }
}
