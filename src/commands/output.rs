//! Where the data of a command goes.

use std::io::ErrorKind;
use std::path::Path;

use super::findings;
use crate::cli::OutputArgs;
use crate::failure::Result;
use crate::host::destination::{self, Destination};
use crate::host::files;
use crate::report;

/// Standard output, or what the user has named instead.
pub(super) struct Output {
    name: String,
    destination: Destination,
    /// The permission bits that a private file gets there.
    mode: u32,
}

impl Output {
    /// Looks at the place before any work is done for it.
    pub(super) fn of(args: &OutputArgs) -> Result<Self> {
        let Some(path) = &args.output else {
            return Ok(Self { name: String::new(), destination: Destination::StandardOutput, mode: 0 });
        };
        let name = path.display().to_string();
        let destination = Destination::of(path).map_err(|error| findings::unwritable(&name, &error))?;
        let mode = match &destination {
            Destination::File(file) => private_mode(&name, file)?,
            Destination::StandardOutput | Destination::Stream(_) => 0,
        };
        Ok(Self { name, destination, mode })
    }

    /// Puts the data there, whole or not at all; a file that was there stays as it was until then.
    pub(super) fn write(&self, text: &str) -> Result<()> {
        match &self.destination {
            Destination::StandardOutput => report::data(text)?,
            Destination::Stream(path) => destination::write_to_stream(path, text)?,
            Destination::File(path) => files::replace(path, text, 0o600)?,
        }
        if !files::is_private(self.mode) {
            report::findings(&findings::others_can_read(&self.name, self.mode).into());
        }
        Ok(())
    }
}

/// The permission bits that a private file gets at this path; a finding where none can be made. `name` stands for the
/// path in messages.
pub(super) fn private_mode(name: &str, path: &Path) -> Result<u32> {
    let folder = files::folder_of(path);
    if !folder.is_dir() {
        return Err(findings::no_folder_for(name).into());
    }
    files::private_mode(folder).map_err(|error| match error.kind() {
        // What is wrong with the disk is not the user's choice of a place.
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::Other => error.into(),
        _ => findings::unwritable(name, &error).into(),
    })
}
