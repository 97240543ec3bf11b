//! What a path stands for where a result is to be written.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::files;

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The program's own output, by any of its names.
    StandardOutput,
    /// A file that is replaced or made, by the path that links lead to.
    File(PathBuf),
    /// A pipe, a terminal or another device, which is written to as it is.
    Stream(PathBuf),
}

impl Destination {
    /// What `path` stands for. Links are followed, so that one that leads to a file stays a link.
    ///
    /// # Errors
    /// Where nothing can be written: at a folder, a disk or a socket, behind a loop of links or a folder without access.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::StandardOutput);
        }
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            if let Some(own) = of_descriptor(&path) {
                return Ok(own);
            }
            match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::File(path)),
                Err(error) => return Err(error),
                Ok(it) if it.is_symlink() => path = files::folder_of(&path).join(std::fs::read_link(&path)?),
                Ok(it) => return of_type(path, it.file_type()),
            }
        }
        Err(rustix::io::Errno::LOOP.into())
    }
}

/// An open file of the process, such as `/dev/stdout` and a shell's `>(…)`: opening it by the name of its file would be
/// another file, and its links cannot be followed.
fn of_descriptor(path: &Path) -> Option<Destination> {
    let folder = path.parent()?;
    let is_own = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"].map(Path::new).contains(&folder);
    let stdout = path.file_name()? == "1";
    is_own.then(|| if stdout { Destination::StandardOutput } else { Destination::Stream(path.to_owned()) })
}

fn of_type(path: PathBuf, kind: std::fs::FileType) -> std::io::Result<Destination> {
    match kind {
        _ if kind.is_file() => Ok(Destination::File(path)),
        _ if kind.is_fifo() || kind.is_char_device() => Ok(Destination::Stream(path)),
        _ if kind.is_dir() => Err(ErrorKind::IsADirectory.into()),
        _ => Err(std::io::Error::new(ErrorKind::InvalidInput, "it is a disk or a socket")),
    }
}

/// Writes to a pipe or a device. A reader that has gone away is not an error.
pub fn write_to_stream(path: &Path, text: &str) -> std::io::Result<()> {
    let mut stream = fs_err::OpenOptions::new().append(true).open(path)?;
    match stream.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn of(path: impl AsRef<Path>) -> Destination {
        Destination::of(path.as_ref()).expect("a destination")
    }

    #[test]
    fn standard_output_has_many_names() {
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert_eq!(of(name), Destination::StandardOutput, "{name}");
        }
        assert_eq!(of("/dev/fd/7"), Destination::Stream("/dev/fd/7".into()));
        assert_eq!(of("/dev/null"), Destination::Stream("/dev/null".into()));
    }

    #[test]
    fn a_link_stands_for_the_file_that_it_leads_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("deep")).expect("a folder");
        symlink("deep/second", at("first")).expect("a link");
        symlink("file", at("deep/second")).expect("a link");
        assert_eq!(of(at("first")), Destination::File(at("deep/file")));
        symlink("loop", at("loop")).expect("a link");
        assert!(Destination::of(&at("loop")).is_err());
    }

    #[test]
    fn a_folder_is_not_a_destination() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Destination::of(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
    }
}
