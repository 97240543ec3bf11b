//! The workshop and its secrets, from their files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::WorkshopArgs;
use crate::document::{Findings, Source};
use crate::failure::Result;
use crate::host::files;
use crate::report;
use crate::userdata::HORIZON_LIMIT;
use crate::workshop::{self, Secrets, Workshop, findings};

/// The name of a workshop file that is read without being asked for.
const WORKSHOP: &str = "workshop.yaml";
const SECRETS: &str = "workshop.secrets.yaml";

/// Reads the workshop; what is wrong with it goes to `findings`.
pub(super) fn workshop(args: &WorkshopArgs, findings: &mut Findings) -> Result<Workshop> {
    match workshop_file(args) {
        None => Ok(Workshop::default()),
        Some(path) => match source(&path) {
            Ok(source) => Ok(workshop::parse(source, findings)),
            Err(error) => Err(findings::unreadable(&path.display().to_string(), &error).into()),
        },
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
    if let Some((text, mode)) = files::read_private(&path)? {
        let name = path.display().to_string();
        if mode & 0o077 != 0 {
            return Err(findings::open_secrets(&name, mode).into());
        }
        return Ok(Secrets::parse(&name, &text)?);
    }
    let secrets = Secrets::generate()?;
    files::create_private(&path, &secrets.to_text()?)?;
    report::say(&format!("The workshop's secrets are new, in {}: keep the file.", path.display()));
    Ok(secrets)
}

/// The workshop's secrets where there are some; a rehearsal leaves no new file behind.
pub(super) fn rehearsal_secrets(args: &WorkshopArgs) -> Result<Secrets> {
    if secrets_file(args).exists() { secrets(args) } else { Secrets::generate() }
}

/// Prints user-data, with a warning where Horizon's box is too small for it.
pub(super) fn print_userdata(role: &str, text: &str) -> Result<()> {
    if text.len() > HORIZON_LIMIT {
        report::findings(&findings::too_large_for_horizon(role, text.len()).into());
    }
    report::data(text)
}

fn workshop_file(args: &WorkshopArgs) -> Option<PathBuf> {
    let usual = || Path::new(WORKSHOP).exists().then(|| PathBuf::from(WORKSHOP));
    args.workshop.clone().or_else(usual)
}

fn secrets_file(args: &WorkshopArgs) -> PathBuf {
    let beside = || args.workshop.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).join(SECRETS);
    args.secrets.clone().unwrap_or_else(beside)
}

fn source(path: &Path) -> std::io::Result<Arc<Source>> {
    Ok(Source::new(path.display().to_string(), fs_err::read_to_string(path)?))
}
