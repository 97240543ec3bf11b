//! `imagegen inspect --advisories`.

use std::path::Path;

use super::{findings, inputs};
use crate::cli::{InspectArgs, Urgency};
use crate::document::Finding;
use crate::failure::{Result, cause};
use crate::host::destination::{self, Destination};
use crate::host::{clock, files};
use crate::inspect;
use crate::inspect::advisories::{self, Installed, Rating};
use crate::report;

const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
const STATUS: &str = "var/lib/dpkg/status";

/// Lists what applies to an image, writes down what does not, and fails where something is too bad.
pub(super) fn run(args: &InspectArgs, file: &Path) -> Result<()> {
    let name = args.image.display().to_string();
    let text = advisories_in(file)?;
    let installed = installed(args, &name)?;
    let verdicts = installed
        .judge(&text)
        .map_err(|reason| findings::unknown_advisories(&file.display().to_string(), &reason))?;
    if let Some(vex) = &args.vex {
        write(vex, &advisories::vex(&installed, &verdicts, clock::now()))?;
    }
    report::data(&advisories::report(&verdicts))?;
    let Some(limit) = args.fail_on.map(severity) else { return Ok(()) };
    match advisories::count_from(&verdicts, limit) {
        0 => Ok(()),
        count => Err(findings::vulnerable(&name, count, limit.name()).into()),
    }
}

fn advisories_in(file: &Path) -> Result<String> {
    let mut text = String::new();
    let remedy = "name the JSON of Debian's security tracker, or advisories in OSV's format";
    std::io::Read::read_to_string(&mut inputs::open(file, remedy)?, &mut text).map_err(|error| {
        Finding::error(format!("{} cannot be read: {}", file.display(), cause(&error)), remedy)
    })?;
    Ok(text)
}

/// The packages of the image, and the release that they are of.
fn installed(args: &InspectArgs, name: &str) -> Result<Installed> {
    let (mut os_release, mut status) = (String::new(), String::new());
    let wants = |path: &str, _| path == STATUS || OS_RELEASE.contains(&path);
    let image = inputs::open(&args.image, inputs::DISK_IMAGE)?;
    inspect::read_files(image, &wants, &mut |path, text| match path {
        STATUS => text.clone_into(&mut status),
        _ => text.clone_into(&mut os_release),
    })?;
    let installed = Installed::of(&os_release, &status);
    if installed.sources.is_empty() {
        return Err(findings::no_packages(name).into());
    }
    Ok(installed)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let name = path.display().to_string();
    match Destination::of(path).map_err(|error| findings::unwritable(&name, &error))? {
        Destination::StandardOutput => report::data(text)?,
        Destination::Stream(path) => destination::write_to_stream(&path, text)?,
        Destination::File(path) => files::replace(&path, text, 0o644)?,
    }
    Ok(())
}

fn severity(urgency: Urgency) -> Rating {
    match urgency {
        Urgency::Unimportant => Rating::Unimportant,
        Urgency::Low => Rating::Low,
        Urgency::Medium => Rating::Medium,
        Urgency::High => Rating::High,
        Urgency::Critical => Rating::Critical,
    }
}
