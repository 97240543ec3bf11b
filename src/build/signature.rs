//! Signatures over images and attestations, in OpenSSH's format (its PROTOCOL.sshsig), made and checked by ssh-keygen.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::findings;
use super::hash::hash;
use crate::document::Finding;
use crate::failure::{Failure, Result, cause};
use crate::host::cmd::Cmd;
use crate::host::{files, tools};
use crate::report::{Progress, Published};

/// What a signature is for: one that was made for anything else, a login or a commit, does not count.
const NAMESPACE: &str = "imagegen";
/// How the name of a signature ends, after the whole name of the file.
const ENDING: &str = ".sig";
/// What is signed. A provenance names its image's other files by their hashes.
const SIGNED: [&str; 3] = [".qcow2", ".oci.tar", ".provenance.json"];
/// More than ssh-keygen ever writes for a key of any kind.
const LARGEST: u64 = 64 << 10;

/// A key that signs.
#[derive(Debug)]
pub struct Signer {
    key: PathBuf,
}

impl Signer {
    /// The private key in a file, or the one in the SSH agent whose public half is in the file. It is tried at once: a
    /// build takes minutes.
    ///
    /// # Errors
    /// A finding where the key cannot sign.
    pub fn with(key: &Path) -> Result<Self> {
        let signer = Self { key: key.to_owned() };
        signer.sign(Path::new("/dev/null"))?;
        Ok(signer)
    }

    /// Signs what a build has published, and adds the signatures to it.
    ///
    /// # Errors
    /// Where the key can sign no more, or the output folder cannot be written.
    pub fn sign_all(&self, published: &mut Vec<Published>, progress: &Progress) -> Result<()> {
        let step = progress.step("signatures");
        let signed = |file: &&Published| SIGNED.iter().any(|ending| file.path.ends_with(ending));
        let files: Vec<_> = published.iter().filter(signed).map(|file| PathBuf::from(&file.path)).collect();
        for file in &files {
            let signature = of(file);
            files::replace(&signature, &self.sign(file)?, 0o644)?;
            let (sha256, bytes) = hash(&signature)?;
            published.push(Published { path: signature.display().to_string(), bytes, sha256 });
        }
        published.sort_by(|one, other| one.path.cmp(&other.path));
        step.done(&format!("{} files", files.len()));
        Ok(())
    }

    fn sign(&self, file: &Path) -> Result<String> {
        let key = self.key.display().to_string();
        let sign = keygen("sign").args(["-n", NAMESPACE]).arg("-f").arg(&self.key);
        said(fed(sign, file), |reason| findings::cannot_sign(&key, reason))
    }
}

/// Fails unless a key of `signers` (ssh-keygen(1), "ALLOWED SIGNERS") has signed `file`, and gives who that is.
///
/// # Errors
/// A finding where there is no signature, or one of somebody else, or of another content.
fn check(file: &Path, signers: &Path) -> Result<String> {
    let (signature, list) = (of(file), signers.display().to_string());
    let size = fs_err::metadata(&signature)
        .map_err(|error| findings::no_signature(&signature.display().to_string(), &cause(&error)))?;
    let name = file.display().to_string();
    if size.len() > LARGEST {
        return Err(findings::other_content(&name, "the signature is too large").into());
    }
    let find = keygen("find-principals").arg("-s").arg(&signature).arg("-f").arg(signers);
    let found = said(find.output(), |reason| findings::no_signer(&name, &list, reason))?;
    let signer = found.lines().next().unwrap_or_default().to_owned();
    let verify = keygen("verify").args(["-n", NAMESPACE]).arg("-s").arg(&signature).arg("-f").arg(signers);
    said(fed(verify.arg("-I").arg(&signer), file), |reason| findings::other_content(&name, reason))?;
    Ok(signer)
}

/// Fails unless keys of `signers` have signed an image and the provenance beside it, which names the image and its manifest
/// as they are; gives who signed the image.
///
/// # Errors
/// A finding where a signature is missing, of somebody else or of another content, or where a file is of another build.
pub fn check_build(image: &Path, manifest: &Path, provenance: &Path, signers: &Path) -> Result<String> {
    check(provenance, signers)?;
    let shown = provenance.display().to_string();
    let statement = fs_err::read_to_string(provenance)?;
    let statement: serde_json::Value =
        serde_json::from_str(&statement).with_context(|| format!("reading {shown}"))?;
    for file in [image, manifest] {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let subject = json!({ "name": name, "digest": { "sha256": hash(file)?.0 } });
        if !statement["subject"].as_array().is_some_and(|subjects| subjects.contains(&subject)) {
            return Err(findings::of_another_build(&file.display().to_string(), &shown).into());
        }
    }
    check(image, signers)
}

/// Removes a file's signature before the file is replaced.
///
/// # Errors
/// Where it is there and cannot be removed.
pub(super) fn forget(file: &Path) -> Result<()> {
    files::remove_if_there(&of(file))
}

fn of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// What asks for a passphrase would wait for ever, or in a pipeline for nobody: keys with one belong into an agent.
fn keygen(action: &str) -> Cmd {
    let cmd = Cmd::new(tools::SSH_KEYGEN.name).args(["-Y", action]);
    cmd.env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "/bin/false")
}

/// What a tool prints that reads a file.
fn fed(cmd: Cmd, file: &Path) -> Result<String> {
    let mut content = fs_err::File::open(file)?;
    cmd.run_stdin_then_stdout(
        |feed| Ok(std::io::copy(&mut content, feed).map(|_| ())?),
        |printed| Ok(std::io::read_to_string(printed)?),
    )
}

/// What it printed, or a finding of why it failed.
fn said(result: Result<String>, finding: impl FnOnce(&str) -> Finding) -> Result<String> {
    result.map_err(|failure| match failure {
        Failure::Work(error) => finding(&error.to_string()).into(),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a key, an image, and who may sign.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["key", "other"] {
            let key = folder.path().join(name);
            Cmd::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).run().unwrap();
        }
        let public = fs_err::read_to_string(folder.path().join("key.pub")).unwrap();
        let signers = format!("ci@example.org namespaces=\"imagegen\" {public}");
        fs_err::write(folder.path().join("signers"), signers).unwrap();
        fs_err::write(folder.path().join("hub.qcow2"), "an image").unwrap();
        folder
    }

    #[test]
    fn a_signed_image_under_another_name_or_with_another_manifest_is_refused() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs_err::write(at("hub.manifest.json"), "{}").unwrap();
        let subject =
            |name: &str| json!({ "name": name, "digest": { "sha256": hash(&at(name)).unwrap().0 } });
        let subjects = ["hub.qcow2", "hub.manifest.json"].map(subject);
        let statement = json!({ "subject": subjects });
        fs_err::write(at("hub.provenance.json"), statement.to_string()).unwrap();
        let mut files = published(folder.path(), &["hub.provenance.json", "hub.qcow2"]);
        Signer::with(&at("key")).unwrap().sign_all(&mut files, &Progress::start()).unwrap();
        let check = |image: &str| {
            check_build(&at(image), &at("hub.manifest.json"), &at("hub.provenance.json"), &at("signers"))
        };
        assert_eq!(check("hub.qcow2").unwrap(), "ci@example.org");

        fs_err::copy(at("hub.qcow2"), at("node.qcow2")).unwrap();
        fs_err::copy(at("hub.qcow2.sig"), at("node.qcow2.sig")).unwrap();
        let told = refused(check("node.qcow2"));
        assert!(told.contains("node.qcow2 is not from the build"), "{told}");

        fs_err::write(at("hub.manifest.json"), "{ }").unwrap();
        let told = refused(check("hub.qcow2"));
        assert!(told.contains("hub.manifest.json is not from the build"), "{told}");
    }

    fn published(folder: &Path, names: &[&str]) -> Vec<Published> {
        let published = |name: &&str| Published {
            path: folder.join(name).display().to_string(),
            bytes: 0,
            sha256: String::new(),
        };
        names.iter().map(published).collect()
    }

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
        match result.unwrap_err() {
            Failure::Input(findings) => format!("{findings:?}"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_image_is_signed_and_whoever_changes_it_is_found_out() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let mut files = published(folder.path(), &["SHA256SUMS", "hub.manifest.json", "hub.qcow2"]);
        Signer::with(&at("key")).unwrap().sign_all(&mut files, &Progress::start()).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.path.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["SHA256SUMS", "hub.manifest.json", "hub.qcow2", "hub.qcow2.sig"]);
        assert_eq!(check(&at("hub.qcow2"), &at("signers")).unwrap(), "ci@example.org");

        fs_err::write(at("hub.qcow2"), "another image").unwrap();
        let told = refused(check(&at("hub.qcow2"), &at("signers")));
        assert!(told.contains("hub.qcow2 differs from the file that was signed"), "{told}");

        forget(&at("hub.qcow2")).unwrap();
        let told = refused(check(&at("hub.qcow2"), &at("signers")));
        assert!(told.contains("hub.qcow2.sig cannot be read"), "{told}");
    }

    #[test]
    fn a_key_that_nobody_trusts_does_not_count_nor_does_a_signature_for_something_else() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let mut files = published(folder.path(), &["SHA256SUMS", "hub.manifest.json", "hub.qcow2"]);
        Signer::with(&at("other")).unwrap().sign_all(&mut files, &Progress::start()).unwrap();
        let told = refused(check(&at("hub.qcow2"), &at("signers")));
        assert!(told.contains("no key in"), "{told}");

        forget(&at("hub.qcow2")).unwrap();
        let sign = Cmd::new("ssh-keygen").args(["-q", "-Y", "sign", "-n", "git", "-f"]).arg(at("key"));
        sign.arg(at("hub.qcow2")).run().unwrap();
        refused(check(&at("hub.qcow2"), &at("signers")));
    }

    #[test]
    fn a_key_that_cannot_sign_is_refused_before_anything_is_built() {
        let folder = folder();
        let locked = folder.path().join("locked");
        Cmd::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "secret", "-f"])
            .arg(&locked)
            .run()
            .unwrap();
        for key in [locked, folder.path().join("missing"), folder.path().join("hub.qcow2")] {
            let told = refused(Signer::with(&key));
            assert!(told.contains("cannot sign"), "{told}");
        }
    }
}
