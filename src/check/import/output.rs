//! The files that are written: hosts file, parameter files and launch command.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::target::Target;
use super::{ImportError, ImportOptions, shell_quote};
use crate::config::Settings;

const HOSTS: &str = "hosts.yaml";
const BRIDGE: &str = "sensr_bridge.yaml";
const RECORDER: &str = "sensr_recorder.yaml";
const LAUNCH: &str = "launch.sh";

/// Mode of files, and of the launch command, before the mask of the process.
const MODE: u32 = 0o666;
const EXECUTABLE_MODE: u32 = 0o777;

/// Writes the files. `source` is the name of the old file.
pub(super) fn write(
    target: &Target,
    source: &str,
    options: &ImportOptions,
) -> Result<Vec<PathBuf>, ImportError> {
    let source = source.escape_debug().to_string();
    let files = [
        (HOSTS, hosts_file(target, &source)),
        (
            BRIDGE,
            parameter_file(&target.bridge, &target.set_in_bridge, &source),
        ),
        (
            RECORDER,
            parameter_file(&target.recorder, &target.set_in_recorder, &source),
        ),
        (LAUNCH, launch_command(target, &source)),
    ];
    let folder = &options.folder;
    if !options.force {
        for (name, text) in &files {
            refuse_other_content(&folder.join(name), text)?;
        }
    }
    let write_error = |path: &Path, source| ImportError::Write {
        path: path.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(|error| write_error(folder, error))?;
    let mut written = Vec::new();
    for (name, text) in &files {
        let path = folder.join(name);
        let mode = if *name == LAUNCH {
            EXECUTABLE_MODE
        } else {
            MODE
        };
        write_file(&path, text, mode).map_err(|error| write_error(&path, error))?;
        written.push(path);
    }
    Ok(written)
}

/// Fails if a file is there with another content.
fn refuse_other_content(path: &Path, text: &str) -> Result<(), ImportError> {
    match fs::read(path) {
        Ok(content) if content == text.as_bytes() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(ImportError::Exists {
            path: path.to_owned(),
        }),
        Err(source) => Err(ImportError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

fn write_file(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn hosts_file(target: &Target, source: &str) -> String {
    let mut text = format!("# Sites, imported from {source} by sensr_check.\n");
    if target.sites.is_empty() {
        text.push_str("# It had no hosts. A site is written as `name: address`.\nsites: {}\n");
        return text;
    }
    text.push_str("sites:\n");
    for site in &target.sites {
        let _ = writeln!(text, "  {}:   # {}", quoted(&site.name), site.from);
        let _ = writeln!(text, "    address: {}", quoted(&site.address));
        if let Some(port) = site.output_port {
            let _ = writeln!(text, "    output_port: {port}");
        }
        if let Some(port) = site.points_port {
            let _ = writeln!(text, "    points_port: {port}");
        }
        if let Some(frame) = &site.frame_id {
            let _ = writeln!(text, "    frame_id: {}", quoted(frame));
        }
        let has_tls =
            site.ca_file.is_some() || site.server_name.is_some() || site.verify_name.is_some();
        if site.tls_enabled.is_none() && !has_tls {
            continue;
        }
        let enabled = site.tls_enabled.unwrap_or(site.ca_file.is_some());
        let _ = writeln!(text, "    tls:\n      enabled: {enabled}");
        if let Some(path) = &site.ca_file {
            let _ = writeln!(
                text,
                "      ca_file: {}",
                quoted(&path.display().to_string())
            );
        }
        if let Some(name) = &site.server_name {
            let _ = writeln!(text, "      server_name: {}", quoted(name));
        }
        if let Some(verify) = site.verify_name {
            let _ = writeln!(text, "      verify_name: {verify}");
        }
    }
    text
}

/// Returns a text in double quotes, which JSON and YAML write alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn parameter_file(settings: &Settings, set: &[(String, String)], source: &str) -> String {
    let executable = settings.table().executable;
    let mut text = format!(
        "# Parameters of {executable}, imported from {source} by sensr_check. Those that are not here have their \
         defaults:\n# `ros2 run sensr_bridge {executable} --print-params` explains all.\n/**:\n  ros__parameters:"
    );
    if set.is_empty() {
        text.push_str(" {}\n");
        return text;
    }
    text.push('\n');
    for (name, from) in set {
        let value = match settings.get(name) {
            Some(crate::config::Value::String(value)) => quoted(value),
            Some(value) => value.to_string(),
            None => continue,
        };
        let _ = writeln!(text, "    {name}: {value}   # {from}");
    }
    text
}

fn launch_command(target: &Target, source: &str) -> String {
    let mut text = format!(
        "#!/bin/sh\n# Starts what {source} of the old recorder was for; imported by sensr_check. Further arguments are \
         passed on,\n# such as check:=true.\nfolder=$(cd \"$(dirname \"$0\")\" && pwd) || exit 1\n"
    );
    let sites: Vec<&str> = target.launched.iter().map(String::as_str).collect();
    let launch = match &*sites {
        [] => "bridge.launch.py".to_owned(),
        [site] => format!("bridge.launch.py {}", shell_quote(&format!("host:={site}"))),
        sites => format!(
            "sites.launch.py {}",
            shell_quote(&format!("sites:={}", sites.join(",")))
        ),
    };
    if sites.is_empty() {
        text.push_str("# The old file had no address: the server is taken to be on this machine, unless host:= is given.\n");
    }
    if let Some((level, from)) = &target.log_level {
        let _ = writeln!(text, "# log_level:={level} is from {from}.");
    }
    let _ = write!(
        text,
        "exec ros2 launch sensr_bridge {launch} \\\n    \"hosts_file:=$folder/{HOSTS}\" \\\n    \
         \"params_file:=$folder/{BRIDGE}\" \\\n    record:={} \\\n    \"recorder_params_file:=$folder/{RECORDER}\" \\\n",
        target.record
    );
    if let Some((level, _)) = &target.log_level {
        let _ = writeln!(text, "    log_level:={level} \\");
    }
    text.push_str("    \"$@\"\n");
    text
}
