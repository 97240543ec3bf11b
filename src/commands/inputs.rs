//! What the user names: the workshop and its secrets, images and archives.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{findings, output};
use crate::cli::WorkshopArgs;
use crate::document::{Finding, Findings, Source};
use crate::failure::{Failure, Result, cause};
use crate::host::destination::Destination;
use crate::host::lock::FileLock;
use crate::host::{clock, files, random};
use crate::report;
use crate::workshop::{self, Restored, Secrets, Workshop, secret_findings};

/// What to name where an image is wanted.
pub(super) const DISK_IMAGE: &str = "name a disk image, raw or qcow2";

/// The names of a workshop file that is read without being asked for.
pub(super) const WORKSHOPS: [&str; 2] = ["workshop.yaml", "workshop.yml"];
const SECRETS: &str = "workshop.secrets.yaml";

/// Reads the workshop; what is wrong with it goes to `findings`.
pub(super) fn workshop(args: &WorkshopArgs, findings: &mut Findings) -> Result<Workshop> {
    match workshop_file(args)? {
        None => Ok(Workshop::default_workshop()),
        Some(path) => match source_of(&path) {
            Ok(source) => {
                // What the workshop names is beside it.
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                let reader = |name: &str| source_of(&folder.join(name)).map_err(|error| cause(&error));
                Ok(workshop::parse(source, &reader, findings))
            }
            Err(error) => Err(findings::unreadable_workshop(&path.display().to_string(), &error).into()),
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
        ErrorKind::NotFound
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::PermissionDenied => {
            Finding::error(format!("{} cannot be read: {}", path.display(), cause(&error)), remedy).into()
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

/// Says which workshop it is where there is no workshop file, as in the wrong folder.
pub(super) fn note_defaults(args: &WorkshopArgs, workshop: &Workshop) -> Result<()> {
    if workshop_file(args)?.is_none() {
        let folder =
            std::env::current_dir().map_or_else(|_| ".".to_owned(), |folder| folder.display().to_string());
        let names: Vec<String> = workshop.users.accounts().map(|user| user.name).collect();
        let (first, last) =
            (names.first().map_or("", String::as_str), names.last().map_or("", String::as_str));
        report::say(&format!(
            "There is no workshop.yaml in {folder}: this is the default workshop `{}` with {} students, {first} to {last}. \
             `imagegen init` writes a file to change.",
            workshop.name,
            names.len(),
        ));
    }
    Ok(())
}

/// Reads the secrets, or makes them on first use.
pub(super) fn secrets(args: &WorkshopArgs, workshop: &Workshop) -> Result<Secrets> {
    if let Some(kept) = kept_secrets(args)? {
        return Ok(kept);
    }
    let secrets = Secrets::generate(clock::today(), random::fill)?;
    match keep(&secrets_file(args), &secrets.to_text(&workshop.name)?) {
        Ok(name) => {
            let (workshop, id) = (&workshop.name, secrets.workshop_id(&workshop.name));
            report::say(&format!(
                "The secrets are new, in {name}: keep the file. With them, the workshop {workshop} has the id {id}."
            ));
            Ok(secrets)
        }
        // Another imagegen may have made them a moment ago, and then they are the workshop's.
        Err(failure) => kept_secrets(args)?.ok_or(failure),
    }
}

/// Reads the secrets for a command that must not make any.
pub(super) fn existing_secrets(args: &WorkshopArgs) -> Result<Secrets> {
    let none = || secret_findings::no_secrets(&secrets_file(args).display().to_string()).into();
    kept_secrets(args)?.ok_or_else(none)
}

/// The workshop's secrets where there are some, and others for once where there are none: no new file is left behind.
pub(super) fn borrowed_secrets(args: &WorkshopArgs) -> Result<Secrets> {
    or_new(kept_secrets(args)?)
}

/// Secrets that are whole, for once.
pub(super) fn or_new(kept: Option<Secrets>) -> Result<Secrets> {
    let today = clock::today();
    kept.map_or_else(
        || Secrets::generate(today, random::fill),
        |kept| kept.with_authority(today, random::fill),
    )
}

/// The secrets to compare a text with: where there are none, every secret in it has changed.
pub(super) fn secrets_to_compare(args: &WorkshopArgs) -> Result<Secrets> {
    let kept = kept_secrets(args)?;
    if kept.is_none() {
        let name = secrets_file(args).display().to_string();
        report::findings(&secret_findings::no_secrets_to_compare(&name).into());
    }
    or_new(kept)
}

/// The secrets as the text of a hub with a page needs them: those of an earlier imagegen get an authority.
pub(super) fn secrets_with_authority(args: &WorkshopArgs, workshop: &Workshop) -> Result<Secrets> {
    let kept = secrets(args, workshop)?;
    if kept.have_authority() {
        return Ok(kept);
    }
    let path = secrets_file(args);
    let name = path.display().to_string();
    let file = match Destination::of(&path) {
        Ok(Destination::File(file)) => file,
        Ok(_) => return Err(findings::unwritable(&name, &ErrorKind::InvalidInput.into()).into()),
        Err(error) => return Err(findings::unwritable(&name, &error).into()),
    };
    output::private_mode(&name, &file)?;
    // Another imagegen may do the same, and only one authority can be the workshop's.
    let _lock = FileLock::take(&PathBuf::from(format!("{}.lock", file.display())), || {})?;
    let kept = existing_secrets(args)?;
    if kept.have_authority() {
        return Ok(kept);
    }
    let completed = kept.with_authority(clock::today(), random::fill)?;
    files::replace(&file, &completed.to_text(&workshop.name)?, 0o600)?;
    report::say(&format!(
        "{name} was made by an earlier imagegen, which put the authority's key into the hub's text. It now has a new authority \
         for the page, whose key stays in this file. Nodes go on with the text that they have. If a computer trusts the \
         `certificate` in this file, take that away there, and import what `imagegen authority` prints."
    ));
    Ok(completed)
}

/// Warns of a page's certificate that is not valid for long.
pub(super) fn note_page_certificate(args: &WorkshopArgs, secrets: &Secrets) {
    let name = secrets_file(args).display().to_string();
    if let Some(doubt) = secrets.doubt_about_the_page(&name, clock::today()) {
        report::findings(&doubt.into());
    }
}

/// Reads the secrets; none where there is no such file.
pub(super) fn kept_secrets(args: &WorkshopArgs) -> Result<Option<Secrets>> {
    let path = secrets_file(args);
    let name = path.display().to_string();
    let read = files::read_private(&path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => secret_findings::damaged_secrets(&name, "it is not text in UTF-8").into(),
        ErrorKind::PermissionDenied => secret_findings::secrets_of_another_user(&name).into(),
        _ => unusable(&path, error, "name a file for the workshop's secrets by --secrets"),
    })?;
    let Some((text, mode)) = read else { return Ok(None) };
    if !files::is_private(mode) {
        return Err(others_can_read(&name, &path, mode).into());
    }
    Ok(Some(Secrets::parse(&name, &text)?))
}

/// `chmod` helps only where the file system keeps what it says.
fn others_can_read(name: &str, path: &Path, mode: u32) -> Finding {
    let new_mode = match Destination::of(path) {
        Ok(Destination::File(file)) => files::private_mode(files::folder_of(&file)).ok(),
        _ => None,
    };
    match new_mode {
        Some(new_mode) if !files::is_private(new_mode) => secret_findings::open_secrets_for_good(name, mode),
        _ => secret_findings::open_secrets(name, mode),
    }
}

/// Writes a secrets file where there is none yet, and gives its name.
fn keep(path: &Path, text: &str) -> Result<String> {
    let name = path.display().to_string();
    // A link that leads to no file yet gets one.
    let file = match Destination::of(path) {
        Ok(Destination::File(file)) => file,
        Ok(_) => return Err(findings::secrets_are_there(&name).into()),
        Err(error) => return Err(findings::unwritable(&name, &error).into()),
    };
    let mode = output::private_mode(&name, &file)?;
    if !files::is_private(mode) {
        return Err(secret_findings::no_place_for_secrets(&name, mode).into());
    }
    files::create_private(&file, text)?;
    Ok(name)
}

/// Writes restored secrets where there are none yet, and gives the name of the file.
pub(super) fn keep_restored(args: &WorkshopArgs, restored: &Restored) -> Result<String> {
    let path = secrets_file(args);
    if path.exists() {
        return Err(findings::secrets_are_there(&path.display().to_string()).into());
    }
    keep(&path, &restored.secrets.to_text(&restored.workshop)?)
}

/// A hub's user-data, with its name.
pub(super) fn hub_text(path: &Path) -> Result<(String, Vec<u8>)> {
    let mut bytes = vec![];
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(("standard input".to_owned(), bytes));
    }
    open(path, "name a file with the output of `imagegen hub`, or `-` for standard input")?
        .read_to_end(&mut bytes)?;
    Ok((path.display().to_string(), bytes))
}

/// An older user-data, with its name.
pub(super) fn old_userdata(path: &Path) -> Result<(String, String)> {
    let name = path.display().to_string();
    match fs_err::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(crate::userdata::findings::not_userdata(&name, &cause(&error)).into()),
    }
}

/// The file that describes the workshop; none where the defaults do.
fn workshop_file(args: &WorkshopArgs) -> Result<Option<PathBuf>> {
    if args.workshop.is_some() {
        return Ok(args.workshop.clone());
    }
    let found: Vec<PathBuf> =
        WORKSHOPS.iter().map(PathBuf::from).filter(|path| files::is_there(path)).collect();
    match found.len() {
        0 | 1 => Ok(found.into_iter().next()),
        _ => Err(findings::two_workshop_files(WORKSHOPS).into()),
    }
}

fn secrets_file(args: &WorkshopArgs) -> PathBuf {
    let beside = || args.workshop.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).join(SECRETS);
    args.secrets.clone().unwrap_or_else(beside)
}

fn source_of(path: &Path) -> std::io::Result<Arc<Source>> {
    Ok(Source::new(path.display().to_string(), fs_err::read_to_string(path)?))
}
