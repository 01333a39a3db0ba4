//! The place of an output: standard output, a file, or a device that is written to as it is.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::patience::{Patience, Patient};
use crate::inputs::Input;
use crate::terminal::Problem;

#[derive(Debug)]
pub(crate) enum Destination {
    StandardOutput,
    /// A regular file, or one that is not there yet. Links are followed: what they point to is written.
    File {
        name: PathBuf,
        target: PathBuf,
    },
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
        let is_descriptor =
            ["/dev/stderr", "/dev/fd", "/proc"].iter().any(|descriptors| path.starts_with(descriptors));
        let target = match fs::metadata(path) {
            Ok(metadata) if is_descriptor || !(metadata.is_file() || metadata.is_dir()) => {
                return Destination::Direct(path.to_owned());
            }
            Ok(_) => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            Err(_) => end_of_links(path),
        };
        Destination::File { name: path.to_owned(), target }
    }

    /// As the user wrote it.
    pub(crate) fn name(&self) -> Option<&Path> {
        match self {
            Destination::StandardOutput => None,
            Destination::File { name, .. } | Destination::Direct(name) => Some(name),
        }
    }

    /// Whether it is the file at this place, there or not.
    pub(crate) fn is_file(&self, place: &Path) -> bool {
        let whole = |path: &Path| {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (fs::canonicalize(folder).ok(), path.file_name().map(ToOwned::to_owned))
        };
        matches!(self, Destination::File { target, .. } if whole(target) == whole(place))
    }

    pub(crate) fn is_direct(&self) -> bool {
        matches!(self, Destination::Direct(_))
    }

    /// The folder in which a file of this name can be made.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Destination::File { target, .. } => Some(
                target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            ),
            _ => None,
        }
    }

    /// Opens it for writing from the start. Only a file can run out of room that may come back.
    pub(crate) fn open(&self, patience: Patience) -> io::Result<Box<dyn Write + Send>> {
        match self {
            Destination::StandardOutput if metadata_of(&io::stdout()).is_some_and(|out| out.is_file()) => {
                Ok(Box::new(Patient::new(io::stdout(), patience)))
            }
            Destination::StandardOutput => Ok(Box::new(io::stdout())),
            Destination::File { target, .. } => Ok(Box::new(Patient::new(File::create(target)?, patience))),
            Destination::Direct(path) => open_direct(path),
        }
    }

    /// An output that is also an input would be emptied before it is read. What flags have been read from would be lost.
    pub(crate) fn refuse_what_is_read(&self, inputs: &[Input], files: &[&Path]) -> Result<(), Problem> {
        let output = match self {
            Destination::StandardOutput => metadata_of(&io::stdout()),
            Destination::File { name, .. } | Destination::Direct(name) => fs::metadata(name).ok(),
        };
        // Devices, pipes and terminals may well be both.
        let Some(output) = output.filter(fs::Metadata::is_file) else { return Ok(()) };
        let inputs = inputs.iter().filter_map(|input| match input {
            Input::File { file, name } => Some((file.metadata().ok()?, format!("the input {name}"))),
            Input::Standard => Some((metadata_of(&io::stdin())?, "the input on standard input".to_owned())),
            Input::Url(_) => None,
        });
        let files = files.iter().filter_map(|file| {
            Some((fs::metadata(file).ok()?, format!("read by a flag: {}", file.display())))
        });
        match inputs.chain(files).find(|(read, _)| is_same_file(read, &output)) {
            Some((_, what)) => Err(Problem::usage(
                format!("the output ({self}) is also {what}"),
                "write the records to another file",
            )),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            None => formatter.write_str("standard output"),
            Some(path) => write!(formatter, "{}", path.display()),
        }
    }
}

/// What a chain of links leads to, though there be no file yet.
fn end_of_links(path: &Path) -> PathBuf {
    /// As many as Linux follows; more are a circle, of which a link is left.
    const LONGEST_CHAIN: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
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

/// Whether an open file is still the one at this place, as far as that can be known.
#[cfg(unix)]
pub(super) fn is_in_place(file: &File, place: &Path) -> bool {
    let (Ok(file), Ok(there)) = (file.metadata(), fs::metadata(place)) else { return false };
    is_same_file(&file, &there)
}

#[cfg(not(unix))]
pub(super) fn is_in_place(_file: &File, place: &Path) -> bool {
    place.exists()
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
