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
        // /dev/stdout may lead to a regular file, which is still not ours to replace.
        let is_system = path.starts_with("/dev") || path.starts_with("/proc");
        match fs::metadata(path) {
            Ok(metadata) if is_system || !(metadata.is_file() || metadata.is_dir()) => {
                Destination::Direct(path.to_owned())
            }
            Ok(_) => Destination::File(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())),
            Err(_) => Destination::File(path.to_owned()),
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
        let Destination::File(path) = self else { return Ok(()) };
        let Ok(output) = fs::metadata(path) else { return Ok(()) };
        for input in inputs {
            if let Input::File { file, name } = input
                && file.metadata().is_ok_and(|input| is_same_file(&input, &output))
            {
                return Err(Problem::usage(
                    format!("the output {} is also the input {name}", path.display()),
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

#[cfg(unix)]
fn open_direct(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;
    if fs::metadata(path)?.file_type().is_socket() {
        return Ok(Box::new(UnixStream::connect(path)?));
    }
    Ok(Box::new(OpenOptions::new().write(true).open(path)?))
}

#[cfg(not(unix))]
fn open_direct(path: &Path) -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(OpenOptions::new().write(true).open(path)?))
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
