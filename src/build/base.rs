//! A cloud image of somebody else's: downloaded, verified before a byte of it is used, unpacked, and cached.

use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Sha256, Sha512};

use super::checked;
use super::context::BuildContext;
use super::entry::PendingEntry;
use crate::failure::{Failure, Result};
use crate::host::cmd::Cmd;
use crate::host::workdir::WorkDir;
use crate::host::{fetch, signals, tools};
use crate::inspect::header::{Header, MAGIC, feature};
use crate::plan::Stage;
use crate::plan::disk::SECTOR;
use crate::recipe::{CloudImage, Proof, Signature};
use crate::util::size;

/// How large a list of checksums or a signature may be, in bytes.
const LARGEST_LIST: u64 = 4 << 20;
/// The digits of a SHA-256 and of a SHA-512.
const DIGITS: [usize; 2] = [64, 128];
/// How a list begins that has its signature in itself (RFC 9580, section 7).
const SIGNED_MESSAGE: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const BUFFER: usize = 1 << 18;

/// A disk as it is cached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BaseDisk {
    /// QEMU's name of the format.
    pub(super) format: &'static str,
    /// The size of the disk in bytes.
    pub(super) virtual_bytes: u64,
}

/// Downloads a cloud image into the cache.
pub(super) fn fetch(context: &BuildContext<'_>, stage: &Stage, image: &CloudImage) -> Result<()> {
    context.keep(stage, &context.dirs.cache.bases, true, |target| download(context, stage, image, target))
}

fn download(
    context: &BuildContext<'_>,
    stage: &Stage,
    image: &CloudImage,
    target: &mut PendingEntry,
) -> Result<()> {
    let mut step = context.progress.step(format!("{}: downloaded and verified", stage.title()));
    let expected = expected(image, context.work)?;
    if let Some(path) = fetch::local(&image.url) {
        take(&path, &expected, image, target.path())?;
    } else {
        let tell = &mut |have, all: Option<u64>| {
            step.reached(&format!("{} of {}", size(have), all.map_or("?".into(), size)));
        };
        let partial = context.dirs.cache.bases.partial(&stage.key);
        let downloaded = fetch::to_file(&image.url, &partial, tell)?;
        let taken = take(downloaded.path(), &expected, image, target.path());
        // What is wrong would be gone on with the next time, and be wrong again; what is whole need not come again.
        if taken.as_ref().err().is_none_or(Failure::is_of_content) {
            downloaded.remove()?;
        }
        taken?;
    }
    target.proof = Some(with_kind(&expected));
    step.done(&size(target.bytes()?));
    Ok(())
}

/// Verifies a file and unpacks it.
fn take(file: &Path, expected: &str, image: &CloudImage, target: &Path) -> Result<()> {
    let found = digest(file, expected.len())?;
    if found != expected {
        let url = &image.url;
        return Err(anyhow!(
            "{url} is not the image that it should be\n  expected {expected}\n  found    {found}\nIt has changed since the \
             checksum was written, or somebody has tampered with it; nothing of it was used"
        )
        .into());
    }
    unpack(file, target)?;
    let told = || format!("{} cannot be a base", image.file_name());
    inspect(target).with_context(told)?;
    Ok(())
}

/// The checksum that the image must have.
fn expected(image: &CloudImage, work: &WorkDir) -> Result<String> {
    let (url, signature) = match &image.proof {
        Proof::Digest(digest) => return Ok(digest.clone()),
        Proof::Checksums { url, signature } => (url, signature),
    };
    let mut list = fetch::small(url, LARGEST_LIST)?;
    if let Some(signature) = signature {
        list = signed(&list, signature, work).with_context(|| format!("checking the signature of {url}"))?;
    }
    let name = image.file_name();
    let found = listed(&String::from_utf8_lossy(&list), name);
    Ok(found.with_context(|| format!("{url} has no checksum of {name}"))?)
}

/// The checksum of a file in a list: as sha256sum(1) writes it, or BSD's programs.
pub(super) fn listed(list: &str, name: &str) -> Option<String> {
    let of_line = |line: &str| {
        let (digest, file) = match line.split_once(") = ") {
            Some((file, digest)) => (digest, file.split_once(" (")?.1),
            None => line.split_once(char::is_whitespace)?,
        };
        let file = file.trim().trim_start_matches('*').trim_start_matches("./");
        let digest = digest.trim().to_ascii_lowercase();
        let sound = DIGITS.contains(&digest.len()) && digest.bytes().all(|it| it.is_ascii_hexdigit());
        (file == name && sound).then_some(digest)
    };
    list.lines().find_map(of_line)
}

/// What of a list is signed by the key: all of it, or the message inside.
fn signed(list: &[u8], signature: &Signature, work: &WorkDir) -> Result<Vec<u8>> {
    // A folder of its own: another image's list may be checked at the same moment.
    let folder = tempfile::tempdir_in(work.path(""))?;
    let [keyring, message, detached] =
        ["keyring.gpg", "checksums", "signature"].map(|name| folder.path().join(name));
    fs_err::write(&keyring, binary(&signature.key)?)?;
    fs_err::write(&message, list)?;
    let gpgv = Cmd::new(tools::GPGV.name).arg("--homedir").arg(folder.path()).arg("--keyring").arg(&keyring);
    if list.starts_with(SIGNED_MESSAGE) {
        return Ok(gpgv.args(["--output", "-"]).arg(&message).output()?.into_bytes());
    }
    fs_err::write(&detached, fetch::small(&signature.url, LARGEST_LIST)?)?;
    gpgv.arg(&detached).arg(&message).run()?;
    Ok(list.to_vec())
}

/// A key without its armour, as gpgv wants it (RFC 9580, section 6).
fn binary(key: &[u8]) -> Result<Vec<u8>> {
    if !key.is_ascii() {
        return Ok(key.to_vec());
    }
    let text = String::from_utf8_lossy(key).replace('\r', "");
    let mut bytes = vec![];
    for block in text.split("-----BEGIN PGP PUBLIC KEY BLOCK-----\n").skip(1) {
        let body = block.split("-----END").next().unwrap_or_default();
        // Headers end with an empty line; a checksum begins with `=`.
        let body = body.split_once("\n\n").map_or(body, |(_, body)| body);
        let lines: String = body.lines().filter(|line| !line.starts_with('=')).collect();
        bytes.extend(STANDARD.decode(lines).context("reading an OpenPGP key")?);
    }
    Ok(bytes)
}

/// The checksum of a file by the hash function that gives so many digits.
fn digest(path: &Path, digits: usize) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let hashed = if digits == DIGITS[0] {
        checked::hash::<Sha256>(&mut file)
    } else {
        checked::hash::<Sha512>(&mut file)
    };
    Ok(hashed?.0)
}

/// Takes a file out of xz, gzip or zstd, whatever its name says, with holes where there are zeros.
fn unpack(file: &Path, target: &Path) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER, fs_err::File::open(file)?);
    let mut start = [0; 6];
    reader.read_exact(&mut start).with_context(|| format!("reading {}", file.display()))?;
    reader.rewind()?;
    match start {
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            copy(&mut liblzma::read::XzDecoder::new_multi_decoder(reader), target)
        }
        [0x1f, 0x8b, ..] => copy(&mut flate2::read::MultiGzDecoder::new(reader), target),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => copy(&mut zstd::Decoder::with_buffer(reader)?, target),
        _ => copy(&mut reader, target),
    }
}

fn copy(reader: &mut impl Read, target: &Path) -> Result<()> {
    let mut file = BufWriter::new(fs_err::OpenOptions::new().write(true).truncate(true).open(target)?);
    let mut buffer = vec![0; BUFFER];
    let mut length = 0;
    loop {
        signals::check()?;
        let read = reader.take(BUFFER as u64).read(&mut buffer).context("unpacking the download")?;
        if read == 0 {
            break;
        }
        length += read as u64;
        if buffer[..read].iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Start(length))?;
        } else {
            file.write_all(&buffer[..read])?;
        }
    }
    file.flush()?;
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.set_len(length)?;
    Ok(file.sync_all()?)
}

/// What kind of disk a file is. An image that reads further files is none: they would be files of this machine.
pub(super) fn inspect(path: &Path) -> Result<BaseDisk> {
    let mut file = fs_err::File::open(path)?;
    let length = file.metadata()?.len();
    let mut start = [0; 512];
    file.read_exact(&mut start).context("it has less than 512 bytes")?;
    if !start.starts_with(&MAGIC) {
        // The mark of a boot sector, which a protective partition table has too.
        if start[510..] != [0x55, 0xaa] || length % SECTOR != 0 {
            return Err(anyhow!("it is neither a qcow2 image nor a raw disk with a partition table").into());
        }
        return Ok(BaseDisk { format: "raw", virtual_bytes: length });
    }
    let header = Header::read(&mut file.into_parts().0)?;
    if header.backing_file || header.features & feature::DATA_FILE != 0 {
        return Err(anyhow!("it is a qcow2 image that needs a backing file").into());
    }
    Ok(BaseDisk { format: "qcow2", virtual_bytes: header.size })
}

/// A checksum with its kind before it.
fn with_kind(digest: &str) -> String {
    let kind = if digest.len() == DIGITS[0] { "sha256" } else { "sha512" };
    format!("{kind}:{digest}")
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;
    use crate::util::hex;

    /// A raw disk of three parts, with a boot sector's mark, zeros and an end.
    fn raw_disk() -> Vec<u8> {
        let mut disk = vec![0; 3 * BUFFER];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk[3 * BUFFER - 1] = 7;
        disk
    }

    fn image(path: &Path, content: &[u8]) -> CloudImage {
        fs_err::write(path, content).unwrap();
        let proof = Proof::Digest(hex(&Sha256::digest(content)));
        CloudImage { url: format!("file://{}", path.display()), proof, location: None }
    }

    fn taken(content: &[u8]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("file"), folder.path().join("target"));
        fs_err::write(&target, "")?;
        let image = image(&file, content);
        let Proof::Digest(digest) = &image.proof else { unreachable!() };
        take(&file, digest, &image, &target)?;
        Ok(fs_err::read(target)?)
    }

    fn compressed(disk: &[u8]) -> [Vec<u8>; 3] {
        let mut xz = vec![];
        liblzma::read::XzEncoder::new(disk, 1).read_to_end(&mut xz).unwrap();
        let mut gz = vec![];
        flate2::read::GzEncoder::new(disk, flate2::Compression::fast()).read_to_end(&mut gz).unwrap();
        [xz, gz, zstd::encode_all(disk, 1).unwrap()]
    }

    #[test]
    fn raw_disks_and_qcow2_are_taken_out_of_xz_gzip_and_zstd() {
        let folder = tempfile::tempdir().unwrap();
        let [raw, qcow2] = ["disk.raw", "disk.qcow2"].map(|name| folder.path().join(name));
        fs_err::write(&raw, raw_disk()).unwrap();
        super::super::assembly::compress_from("raw", &raw, &qcow2).unwrap();
        for disk in [raw_disk(), fs_err::read(&qcow2).unwrap()] {
            assert_eq!(taken(&disk).unwrap(), disk);
            for packed in compressed(&disk) {
                assert_ne!(packed, disk);
                assert!(taken(&packed).unwrap() == disk);
            }
        }
        let size = 3 * BUFFER as u64;
        assert_eq!(inspect(&raw).unwrap(), BaseDisk { format: "raw", virtual_bytes: size });
        assert_eq!(inspect(&qcow2).unwrap(), BaseDisk { format: "qcow2", virtual_bytes: size });
    }

    #[test]
    fn zeros_become_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("file"), folder.path().join("target"));
        let mut disk = raw_disk();
        disk.resize(64 * BUFFER, 0);
        fs_err::write(&file, &disk).unwrap();
        fs_err::write(&target, "").unwrap();
        unpack(&file, &target).unwrap();
        let metadata = fs_err::metadata(&target).unwrap();
        assert_eq!(metadata.len(), disk.len() as u64);
        assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 < 8 * BUFFER as u64);
    }

    #[test]
    fn an_image_with_another_checksum_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (file, target) = (folder.path().join("file"), folder.path().join("target"));
        let image = image(&file, &raw_disk());
        for digits in DIGITS {
            let failure = take(&file, &"0".repeat(digits), &image, &target).unwrap_err().to_string();
            assert!(failure.contains("nothing of it was used"), "{failure}");
        }
        assert!(!target.exists());
        let sha512 = hex(&Sha512::digest(raw_disk()));
        fs_err::write(&target, "").unwrap();
        take(&file, &sha512, &image, &target).unwrap();
    }

    #[test]
    fn what_is_no_disk_or_needs_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [raw, child] = ["disk.raw", "child.qcow2"].map(|name| folder.path().join(name));
        fs_err::write(&raw, raw_disk()).unwrap();
        Cmd::new(tools::QEMU_IMG.name)
            .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
            .args([&raw, &child])
            .run()
            .unwrap();
        assert!(taken(&fs_err::read(&child).unwrap()).unwrap_err().to_string().contains("backing file"));
        for content in [&b"<html>Not found</html>"[..], &[0; 4096]] {
            assert!(taken(content).unwrap_err().to_string().contains("cannot be a base"));
        }
    }

    #[test]
    fn checksums_are_found_in_lists_of_both_kinds() {
        let (one, two) = ("a".repeat(64), "B".repeat(128));
        let list = format!("{one}  ./a.img\n{one} *b.img\nSHA512 (c.img) = {two}\nabc  d.img\n");
        for (name, expected) in [("a.img", Some(&one)), ("b.img", Some(&one)), ("d.img", None), ("img", None)]
        {
            assert_eq!(listed(&list, name).as_ref(), expected, "{name}");
        }
        assert_eq!(listed(&list, "c.img"), Some(two.to_ascii_lowercase()));
    }

    /// Somebody with a key of their own.
    struct Signer(tempfile::TempDir);

    impl Signer {
        fn new() -> Self {
            let signer = Self(tempfile::tempdir().unwrap());
            let key = ["--quick-generate-key", "somebody@example.org", "ed25519", "sign", "never"];
            signer.gpg(&key);
            signer
        }

        fn gpg(&self, arguments: &[&str]) {
            let gpg = Cmd::new("gpg").arg("--homedir").arg(self.0.path()).args([
                "--batch",
                "--yes",
                "--passphrase",
                "",
            ]);
            gpg.args(arguments).run().unwrap();
        }

        fn file(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }

        fn key(&self, armour: &str) -> Vec<u8> {
            self.gpg(&[armour, "--output", &self.file("key"), "--export"]);
            fs_err::read(self.file("key")).unwrap()
        }
    }

    #[test]
    fn a_list_counts_only_with_the_signature_of_the_pinned_key() {
        let (signer, other) = (Signer::new(), Signer::new());
        let folder = tempfile::tempdir().unwrap();
        let work = WorkDir::within(folder.path()).unwrap();
        let list = signer.file("SUMS");
        fs_err::write(&list, format!("{}  a.img\n", "a".repeat(64))).unwrap();
        signer.gpg(&["--detach-sign", "--output", &format!("{list}.gpg"), &list]);
        signer.gpg(&["--clear-sign", "--output", &format!("{list}.asc"), &list]);
        let expect = |list: String, key: Vec<u8>| {
            let signature = Some(Signature { url: format!("file://{list}.gpg"), key });
            let proof = Proof::Checksums { url: format!("file://{list}"), signature };
            expected(&CloudImage { url: "https://example.org/a.img".into(), proof, location: None }, &work)
        };
        for signed in [list.clone(), format!("{list}.asc")] {
            assert_eq!(expect(signed.clone(), signer.key("--no-armor")).unwrap(), "a".repeat(64));
            assert_eq!(expect(signed.clone(), signer.key("--armor")).unwrap(), "a".repeat(64));
            let failure = expect(signed, other.key("--armor")).unwrap_err().to_string();
            assert!(failure.contains("checking the signature"), "{failure}");
        }
        fs_err::write(&list, format!("{}  a.img\n", "b".repeat(64))).unwrap();
        assert!(expect(list, signer.key("--armor")).is_err());
    }
}
