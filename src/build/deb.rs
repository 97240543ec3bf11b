//! Reading a Debian package: an ar archive of `debian-binary`, `control.tar` and `data.tar` (deb(5)).

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, ensure};

use crate::failure::Result;

/// What ar(5) begins with.
const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Bytes of the header before each member.
const HEADER: usize = 60;

/// What imagegen wants to know of a package.
#[derive(Debug)]
pub(super) struct Deb {
    /// When it was built, in seconds since 1970: Debian's builds give `SOURCE_DATE_EPOCH` to it, the time of the
    /// changelog, so that it is a property of the package and not of the build.
    pub(super) epoch: u64,
    /// What it takes when it is installed, in bytes, as it says itself (`Installed-Size` in deb-control(5)).
    pub(super) installed: u64,
    /// The fields of its control file, without an empty line at the end.
    pub(super) control: String,
}

/// A member's header.
struct Member {
    name: String,
    epoch: u64,
    size: u64,
}

impl Deb {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let read = || -> anyhow::Result<Self> {
            let mut file = BufReader::new(fs_err::File::open(path)?);
            let mut magic = [0; MAGIC.len()];
            file.read_exact(&mut magic)?;
            ensure!(&magic == MAGIC, "it is not an ar archive");
            let mut epoch = None;
            loop {
                let member = Member::read(&mut file)?;
                let epoch = *epoch.get_or_insert(member.epoch);
                if let Some(ending) = member.name.strip_prefix("control.tar") {
                    let control = control((&mut file).take(member.size), ending)?;
                    return Ok(Self { epoch, installed: installed(&control), control });
                }
                // Members begin at even places.
                file.seek(SeekFrom::Current(i64::try_from(member.size.next_multiple_of(2))?))?;
            }
        };
        Ok(read().with_context(|| format!("reading the package {}", path.display()))?)
    }
}

impl Member {
    fn read(file: &mut impl Read) -> anyhow::Result<Self> {
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        let field = |from: usize, to: usize| String::from_utf8_lossy(&header[from..to]).trim().to_owned();
        Ok(Self {
            name: field(0, 16).trim_end_matches('/').to_owned(),
            epoch: field(16, 28).parse().context("a member without a time")?,
            size: field(48, 58).parse().context("a member without a size")?,
        })
    }
}

/// The field is in KiB, and may be left out.
fn installed(control: &str) -> u64 {
    let field = control.lines().find_map(|line| line.strip_prefix("Installed-Size:"));
    field.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The control file in a tar that is compressed as its `ending` says.
fn control(member: impl Read, ending: &str) -> anyhow::Result<String> {
    let tar: Box<dyn Read> = match ending {
        ".xz" => Box::new(liblzma::read::XzDecoder::new(member)),
        ".zst" => Box::new(zstd::Decoder::new(member)?),
        ".gz" => Box::new(flate2::read::GzDecoder::new(member)),
        _ => Box::new(member),
    };
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if super::names::relative(&entry.path_bytes()) == "control" {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            return Ok(text.trim_end().to_owned());
        }
    }
    anyhow::bail!("it has no control file")
}
