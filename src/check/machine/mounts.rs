//! Mounted file systems, from `/proc/self/mountinfo` (proc(5)).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::System;

/// File system types that are reached over a network.
const NETWORK_TYPES: [&str; 13] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ncpfs",
    "afs",
    "ceph",
    "lustre",
    "gfs2",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
];

/// Mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Folder on which it is mounted.
    pub(super) folder: PathBuf,
    /// Type, such as `ext4`.
    pub(super) kind: String,
    /// Device, share or word that the mount command was given.
    pub(super) source: String,
    /// Options of the mount and of the file system.
    options: Vec<String>,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(4);
        let (mount_point, mount_options) = (mount.next()?, mount.next()?);
        let mut file_system = file_system.splitn(3, ' ');
        let (kind, source) = (file_system.next()?, file_system.next()?);
        let options = mount_options.split(',');
        let options = options.chain(file_system.next().unwrap_or_default().split(','));
        Some(Self {
            folder: OsString::from_vec(unescape(mount_point)).into(),
            kind: kind.to_owned(),
            source: String::from_utf8_lossy(&unescape(source)).into_owned(),
            options: options.map(str::to_owned).collect(),
        })
    }

    /// Returns whether an option is in force, given as `ro`, or by its beginning as in `aname=`.
    fn has_option(&self, option: &str) -> bool {
        let is_same = |given: &String| {
            given == option || (option.ends_with('=') && given.starts_with(option))
        };
        self.options.iter().any(is_same)
    }

    /// True if nothing can be written.
    pub(super) fn is_read_only(&self) -> bool {
        self.has_option("ro")
    }

    /// True for a drive of Windows, as WSL mounts it.
    pub(super) fn is_windows_drive(&self) -> bool {
        let is_drive = |source: &str| {
            let mut letters = source.chars();
            letters
                .next()
                .is_some_and(|letter| letter.is_ascii_alphabetic())
                && letters.next() == Some(':')
        };
        let names_drvfs = self.options.iter().any(|option| option.contains("drvfs"));
        match self.kind.as_str() {
            "drvfs" => true,
            "9p" | "virtiofs" => names_drvfs || is_drive(&self.source),
            _ => false,
        }
    }

    /// True for a file system of another machine, or of the host of a virtual one.
    pub(super) fn is_remote(&self) -> bool {
        NETWORK_TYPES.contains(&self.kind.as_str()) || self.kind == "9p"
    }

    /// True if its files are gone after a restart of the machine.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs")
    }

    /// True for the layered file system of a container or of a live system, whose changes do not outlive it.
    pub(super) fn is_overlay(&self) -> bool {
        self.kind == "overlay" || self.kind == "aufs"
    }

    /// True for FAT, whose files are smaller than 4 GiB.
    pub(super) fn is_fat(&self) -> bool {
        matches!(self.kind.as_str(), "vfat" | "msdos")
    }
}

/// Replaces the octal escapes of blanks and other characters that separate.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            bytes.push(byte);
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Mounted file systems of a machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Mounts(Vec<Mount>);

impl Mounts {
    /// Reads the file systems that this process sees.
    pub(super) fn read(system: &System) -> io::Result<Self> {
        let text = system.read("/proc/self/mountinfo")?;
        Ok(Self(text.lines().filter_map(Mount::parse).collect()))
    }

    /// Returns the file system that holds a path without links. Later mounts hide earlier ones.
    pub(super) fn of(&self, path: &Path) -> Option<&Mount> {
        let holds = |mount: &&Mount| path.starts_with(&mount.folder);
        let depth = |mount: &&Mount| mount.folder.components().count();
        self.0.iter().filter(holds).max_by_key(depth)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_machine::TestMachine;
    use super::*;

    const MOUNTS: &str = "\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 24 0:23 / /dev/shm rw,nosuid - tmpfs tmpfs rw,size=65536k
40 27 8:1 / /media/usb\\040disk rw master:2 propagate_from:1 - vfat /dev/sda1 rw
41 27 0:40 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs;path=C:\\;uid=1000,trans=fd
42 27 0:41 / /nas rw - nfs4 192.0.2.1:/bags ro,vers=4.2
43 27 8:2 / /data rw - ext4 /dev/sdb1 rw
44 27 8:3 / /data ro - xfs /dev/sdc1 rw
45 27 0:50 / /nothing-after-type rw - overlay
not a mount
";

    fn mounts() -> Mounts {
        let machine = TestMachine::new();
        machine.write("/proc/self/mountinfo", MOUNTS);
        Mounts::read(&machine.system()).unwrap()
    }

    fn kind_of(path: &str) -> (String, String) {
        let mounts = mounts();
        let mount = mounts.of(Path::new(path)).unwrap();
        (mount.kind.clone(), mount.source.clone())
    }

    #[test]
    fn a_path_belongs_to_the_deepest_and_latest_mount() {
        let pair = |kind: &str, source: &str| (kind.to_owned(), source.to_owned());
        assert_eq!(kind_of("/home/x"), pair("ext4", "/dev/vda"));
        assert_eq!(kind_of("/dev/shmem"), pair("ext4", "/dev/vda"));
        assert_eq!(kind_of("/dev/shm/file"), pair("tmpfs", "tmpfs"));
        assert_eq!(kind_of("/media/usb disk/a"), pair("vfat", "/dev/sda1"));
        assert_eq!(kind_of("/data/bags"), pair("xfs", "/dev/sdc1"));
        assert_eq!(kind_of("/mnt/c/bags"), pair("9p", "C:\\"));
    }

    #[test]
    fn kinds_of_mounts_are_told_apart() {
        let mounts = mounts();
        let of = |path: &str| mounts.of(Path::new(path)).unwrap();
        assert!(of("/mnt/c").is_windows_drive() && of("/mnt/c").is_remote());
        assert!(of("/nas").is_remote() && of("/nas").is_read_only());
        assert!(of("/data").is_read_only() && !of("/data").is_remote());
        assert!(of("/dev/shm").is_in_memory());
        assert!(of("/media/usb disk").is_fat());
        let plain = of("/");
        assert!(!plain.is_read_only() && !plain.is_in_memory() && !plain.is_windows_drive());
        assert!(!plain.is_overlay() && !plain.is_fat() && !plain.is_remote());
    }
}
