//! The place of an output: standard output, a file, or a device that is written to as it is.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::inputs::Input;
use crate::terminal::Problem;

#[derive(Debug)]
pub(crate) enum Destination {
    StandardOutput,
    /// A regular file, or one that is not there yet. Links are followed: what they point to is written.
    File(PathBuf),
    /// A device, a FIFO or a socket, which is written to and never replaced.
    Direct(PathBuf),
}

impl Destination {
    pub(crate) fn new(output: Option<&Path>) -> Destination {
        let Some(path) = output.filter(|path| *path != Path::new("-")) else {
            return Destination::StandardOutput;
        };
        let names_of_standard_output = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
        if names_of_standard_output.iter().any(|name| path == Path::new(name)) {
            return Destination::StandardOutput;
        }
        // An open descriptor that leads to a regular file is still not ours to replace.
        let is_descriptor = path.starts_with("/dev/fd") || path.starts_with("/proc");
        match fs::metadata(path) {
            Ok(metadata) if is_descriptor || !(metadata.is_file() || metadata.is_dir()) => {
                Destination::Direct(path.to_owned())
            }
            Ok(_) => Destination::File(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())),
            Err(_) => Destination::File(link_target(path).unwrap_or_else(|| path.to_owned())),
        }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Destination::StandardOutput => None,
            Destination::File(path) | Destination::Direct(path) => Some(path),
        }
    }

    pub(crate) fn is_direct(&self) -> bool {
        matches!(self, Destination::Direct(_))
    }

    /// The folder in which a file of this name can be made.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Destination::File(path) => {
                Some(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
            }
            _ => None,
        }
    }

    /// Opens it for writing from the start.
    pub(crate) fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Destination::StandardOutput => Ok(Box::new(io::stdout())),
            Destination::File(path) => Ok(Box::new(File::create(path)?)),
            Destination::Direct(path) => open_direct(path),
        }
    }

    /// An output that is also an input would be emptied before it is read.
    pub(crate) fn refuse_inputs(&self, inputs: &[Input]) -> Result<(), Problem> {
        let output = match self {
            Destination::StandardOutput => metadata_of(&io::stdout()),
            Destination::File(path) | Destination::Direct(path) => fs::metadata(path).ok(),
        };
        // Devices, pipes and terminals may well be both.
        let Some(output) = output.filter(fs::Metadata::is_file) else { return Ok(()) };
        for input in inputs {
            let (input, name) = match input {
                Input::File { file, name } => (file.metadata().ok(), name.as_str()),
                Input::Standard => (metadata_of(&io::stdin()), "on standard input"),
                Input::Url(_) => continue,
            };
            if input.is_some_and(|input| is_same_file(&input, &output)) {
                return Err(Problem::usage(
                    format!("the output ({self}) is also the input {name}"),
                    "write the records to another file",
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            None => formatter.write_str("standard output"),
            Some(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// What a link points to that leads to no file yet.
fn link_target(path: &Path) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    Some(path.parent()?.join(target))
}

#[cfg(unix)]
fn metadata_of(stream: &impl std::os::fd::AsFd) -> Option<fs::Metadata> {
    File::from(stream.as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(not(unix))]
fn metadata_of<S>(_stream: &S) -> Option<fs::Metadata> {
    None
}

#[cfg(unix)]
fn open_direct(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    if fs::metadata(path)?.file_type().is_socket() {
        return Ok(Box::new(UnixStream::connect(path)?));
    }
    Ok(Box::new(OpenOptions::new().append(true).open(path)?))
}

#[cfg(not(unix))]
fn open_direct(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(OpenOptions::new().append(true).open(path)?))
}

#[cfg(unix)]
fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same_file(_one: &fs::Metadata, _other: &fs::Metadata) -> bool {
    false
}
