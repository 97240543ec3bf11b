//! What the user names: the workshop and its secrets, images and archives.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::WorkshopArgs;
use crate::document::{Finding, Findings, Source};
use crate::failure::{Failure, Result};
use crate::host::files;
use crate::report;
use crate::workshop::{self, Secrets, Workshop, findings};

/// What to name where an image is wanted.
pub(super) const DISK_IMAGE: &str = "name a disk image, raw or qcow2";

/// The name of a workshop file that is read without being asked for.
const WORKSHOP: &str = "workshop.yaml";
const SECRETS: &str = "workshop.secrets.yaml";

/// Reads the workshop; what is wrong with it goes to `findings`.
pub(super) fn workshop(args: &WorkshopArgs, findings: &mut Findings) -> Result<Workshop> {
    match workshop_file(args) {
        None => Ok(Workshop::usual()),
        Some(path) => match source_of(&path) {
            Ok(source) => {
                // What the workshop names is beside it.
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                let reader =
                    |name: &str| source_of(&folder.join(name)).map_err(|error| error.kind().to_string());
                Ok(workshop::parse(source, &reader, findings))
            }
            Err(error) => Err(findings::unreadable(&path.display().to_string(), &error).into()),
        },
    }
}

/// Opens a file that the user names; `remedy` says what to name.
pub(super) fn open(path: &Path, remedy: &str) -> Result<fs_err::File> {
    let opened = fs_err::File::open(path).and_then(|file| {
        if file.metadata()?.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { Ok(file) }
    });
    opened.map_err(|error| unusable(path, error, remedy))
}

/// A path that is wrong is the user's to put right; a disk that does not read is not.
fn unusable(path: &Path, error: std::io::Error, remedy: &str) -> Failure {
    match error.kind() {
        kind @ (ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::PermissionDenied) => {
            Finding::error(format!("{} cannot be read: {kind}", path.display()), remedy).into()
        }
        _ => error.into(),
    }
}

/// Fails with the findings where one is an error, and shows the warnings among them otherwise.
pub(super) fn accept(findings: Findings) -> Result<()> {
    let ((), warnings) = findings.or_value(())?;
    report::findings(&warnings);
    Ok(())
}

/// Reads the secrets, or makes them on first use.
pub(super) fn secrets(args: &WorkshopArgs) -> Result<Secrets> {
    let path = secrets_file(args);
    if let Some(kept) = kept_secrets(&path)? {
        return Ok(kept);
    }
    let name = path.display().to_string();
    if !files::folder_of(&path).is_dir() {
        return Err(findings::no_folder_for(&name).into());
    }
    let secrets = Secrets::generate()?;
    if let Err(failure) = files::create_private(&path, &secrets.to_text()?) {
        // Another imagegen may have made them a moment ago, and then they are the workshop's.
        return kept_secrets(&path)?.ok_or(failure);
    }
    report::say(&format!("The workshop's secrets are new, in {name}: keep the file."));
    Ok(secrets)
}

fn kept_secrets(path: &Path) -> Result<Option<Secrets>> {
    let name = path.display().to_string();
    let read = files::read_private(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => findings::damaged_secrets(&name, "it is no text").into(),
        _ => unusable(path, error, "name a file for the workshop's secrets by --secrets"),
    })?;
    let Some((text, mode)) = read else { return Ok(None) };
    if mode & 0o077 != 0 {
        return Err(findings::open_secrets(&name, mode).into());
    }
    Ok(Some(Secrets::parse(&name, &text)?))
}

/// The workshop's secrets where there are some, and others for once where there are none: no new file is left behind.
pub(super) fn borrowed_secrets(args: &WorkshopArgs) -> Result<Secrets> {
    if secrets_file(args).exists() { secrets(args) } else { Secrets::generate() }
}

/// An older user-data, with its name.
pub(super) fn old_userdata(path: &Path) -> Result<(String, String)> {
    let name = path.display().to_string();
    match fs_err::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(crate::userdata::findings::not_userdata(&name, &error.kind().to_string()).into()),
    }
}

fn workshop_file(args: &WorkshopArgs) -> Option<PathBuf> {
    let usual = || Path::new(WORKSHOP).exists().then(|| PathBuf::from(WORKSHOP));
    args.workshop.clone().or_else(usual)
}

fn secrets_file(args: &WorkshopArgs) -> PathBuf {
    let beside = || args.workshop.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).join(SECRETS);
    args.secrets.clone().unwrap_or_else(beside)
}

fn source_of(path: &Path) -> std::io::Result<Arc<Source>> {
    Ok(Source::new(path.display().to_string(), fs_err::read_to_string(path)?))
}
