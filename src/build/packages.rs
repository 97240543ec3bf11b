//! Debian packages, cached by the hash of their content: each is downloaded once for all root trees and builds, and
//! none is used that does not have its hash.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;

use super::bucket::CacheBucket;
use super::entry::UNFINISHED;
use super::hash::hash;
use crate::document::Findings;
use crate::failure::Result;
use crate::host::cmd::Cmd;
use crate::host::files::remove_if_there;
use crate::host::lock;
use crate::host::workdir::WorkDir;
use crate::plan::CacheKey;
use crate::plan::lock::{LockedPackage, findings};

/// The name of the lock that a build takes while it fetches packages.
const LOCK: &str = "package";
/// apt's own downloader: it knows this machine's proxies, and tries again when a connection breaks.
const DOWNLOADER: &str = "/usr/lib/apt/apt-helper";
/// What apt says of a file that a server does not have.
const NOT_FOUND: &str = " 404 ";
/// What it says when it could not ask.
const UNREACHABLE: [&str; 4] = ["Could not", "Unable to", "onnection", "Temporary failure"];
/// How many lines of what apt said are worth a message: it says the same for each package.
const LAST_LINES: usize = 8;

/// The cached packages of the current user. A package says itself by its name what its content has to be.
#[derive(Debug, Clone)]
pub struct PackageStore {
    bucket: CacheBucket,
}

/// What had to be done for packages to be in the cache.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Provided {
    /// How many were downloaded.
    pub(super) fetched: usize,
    /// How many were damaged in the cache and downloaded again.
    pub(super) damaged: usize,
}

impl Provided {
    /// What to say behind the number of packages.
    pub(super) fn told(self) -> String {
        let Self { fetched, damaged } = self;
        match damaged {
            0 => format!(", {fetched} downloaded"),
            _ => format!(", {fetched} downloaded, {damaged} of them because the cached copy was damaged"),
        }
    }
}

impl PackageStore {
    /// The package store on a bucket.
    pub(super) fn new(bucket: CacheBucket) -> Self {
        Self { bucket }
    }

    pub(super) fn bucket(&self) -> &CacheBucket {
        &self.bucket
    }

    /// Where the package with this SHA-256 is cached.
    #[must_use]
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.bucket.path(sha256)
    }

    /// Keeps all packages from being taken away as long as what this gives is there.
    pub(super) fn hold(&self) -> Result<File> {
        fs_err::create_dir_all(self.bucket.folder())?;
        let folder = lock::open(self.bucket.folder())?;
        // Whoever takes packages away holds the folder for moments.
        lock::when_free(|| lock::share(&folder))?;
        Ok(folder)
    }

    /// Takes a package away, unless a build is going on; says whether it did.
    pub(super) fn remove(&self, sha256: &str) -> Result<bool> {
        let Ok(folder) = lock::open(self.bucket.folder()) else { return Ok(false) };
        if !lock::claim(&folder)? {
            return Ok(false);
        }
        self.bucket.remove(sha256)
    }

    /// Sees to it that all `packages` are here, whole: what is not is downloaded from the first of the `archives` that
    /// has it. apt's output goes to `log`, which stays if a download fails. Where another root tree's packages are
    /// being seen to, calls `waiting` and waits: what both need is there afterwards.
    pub(super) fn provide(
        &self,
        packages: &[LockedPackage],
        archives: &[String],
        log: &Path,
        waiting: impl FnOnce(),
    ) -> Result<Provided> {
        if packages.is_empty() {
            return Ok(Provided::default());
        }
        // No package has this key. The lock is between the root trees of one build as well as between builds.
        let _alone = self.bucket.lock(&CacheKey::of(&LOCK), waiting)?;
        let mut provided = Provided::default();
        let mut missing = vec![];
        for package in packages {
            // Several root trees have it.
            if missing.iter().any(|known: &&LockedPackage| known.sha256 == package.sha256) {
                continue;
            }
            match self.state(package)? {
                DownloadState::Whole => continue,
                DownloadState::Damaged => provided.damaged += 1,
                DownloadState::Absent => {}
            }
            missing.push(package);
        }
        provided.fetched = missing.len();
        let mut complaints = vec![];
        for archive in archives {
            if !missing.is_empty() {
                complaints.extend(self.download(&missing, archive, log)?);
                missing.retain(|package| !self.path(&package.sha256).exists());
            }
        }
        if !missing.is_empty() {
            return Err(failure(&missing, archives, &complaints, log));
        }
        remove_if_there(log)?;
        Ok(provided)
    }

    /// Takes a damaged file away.
    fn state(&self, package: &LockedPackage) -> Result<DownloadState> {
        let path = self.path(&package.sha256);
        if !path.exists() {
            return Ok(DownloadState::Absent);
        }
        if is_whole(&path, package)? {
            return Ok(DownloadState::Whole);
        }
        remove_if_there(&path)?;
        Ok(DownloadState::Damaged)
    }

    /// Downloads what `archive` has; gives what apt complained about, if it did.
    fn download(&self, missing: &[&LockedPackage], archive: &str, log: &Path) -> Result<Option<String>> {
        let unfinished = WorkDir::named(self.bucket.folder(), UNFINISHED)?;
        let target = |package: &LockedPackage| unfinished.path(&package.sha256);
        let mut cmd = Cmd::new(DOWNLOADER)
            .logged(log)
            // The folder is ours alone, where apt's own user could not write.
            .args(["-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", "download-file"]);
        for package in missing {
            cmd = cmd
                .arg(format!("{archive}/{}", package.file))
                .arg(target(package))
                .arg(format!("SHA256:{}", package.sha256));
        }
        let mut running = cmd.spawn()?;
        let status = running.wait()?;
        for package in missing {
            let path = target(package);
            if path.exists() && is_whole(&path, package)? {
                // apt gives it the time of the archive's file, and here it is new.
                fs_err::OpenOptions::new().append(true).open(&path)?.set_modified(SystemTime::now())?;
                fs_err::rename(&path, self.path(&package.sha256))?;
            }
        }
        Ok((!status.success()).then(|| running.error_tail()))
    }
}

enum DownloadState {
    Whole,
    Damaged,
    Absent,
}

fn is_whole(path: &Path, package: &LockedPackage) -> Result<bool> {
    Ok(fs_err::metadata(path)?.len() == package.bytes && hash(path)?.0 == package.sha256)
}

/// An archive that answers, and does not have a package, is one thing; one that does not answer is another.
fn failure(
    missing: &[&LockedPackage],
    archives: &[String],
    complaints: &[String],
    log: &Path,
) -> crate::failure::Failure {
    let answered = complaints
        .iter()
        .all(|said| said.contains(NOT_FOUND) && !UNREACHABLE.iter().any(|trouble| said.contains(trouble)));
    if answered && !complaints.is_empty() {
        let mut all = Findings::default();
        for package in missing {
            all.push(findings::gone(package));
        }
        return all.into();
    }
    let from = archives.join(" and ");
    let said = complaints.join("\n");
    // That one archive does not have what another has says nothing where there is more to say.
    let lines: Vec<&str> = said.lines().filter(|line| answered || !line.contains(NOT_FOUND)).collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let (count, log) = (missing.len(), log.display());
    anyhow!(
        "{count} packages could not be downloaded from {from}; apt ends with:\n{last}\nthe complete log is {log}"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sha2::{Digest, Sha256};

    use super::*;
    use crate::build::Cache;
    use crate::failure::Failure;
    use crate::plan::lock::tests::lock;
    use crate::util::hex;

    const CONTENT: &str = "what a package would be";

    /// An archive on the loopback interface that has one file, at `pool/a.deb`; how often that was requested.
    struct Server {
        address: String,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        fn with(content: &'static str) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}/debian", listener.local_addr().unwrap());
            let asked = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&asked);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let counter = Arc::clone(&counter);
                    std::thread::spawn(move || answer(&stream.unwrap(), content, &counter));
                }
            });
            Self { address, asked }
        }
    }

    /// Answers all requests of one connection.
    fn answer(mut stream: &TcpStream, content: &str, asked: &AtomicUsize) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(request)) = lines.next() {
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let found = request.starts_with("GET /debian/pool/a.deb ");
            asked.fetch_add(usize::from(found), Ordering::SeqCst);
            let (status, body) = if found { ("200 OK", content) } else { ("404 Not Found", "") };
            let length = body.len();
            if write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").is_err() {
                return;
            }
        }
    }

    fn package(file: &str) -> LockedPackage {
        LockedPackage {
            file: file.to_owned(),
            sha256: hex(&Sha256::digest(CONTENT)),
            bytes: CONTENT.len() as u64,
            ..lock().layers[0].packages[0].clone()
        }
    }

    fn store() -> (tempfile::TempDir, PackageStore) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::within(folder.path()).packages;
        (folder, cache)
    }

    /// What is called where somebody else provides packages, in a test where nobody does.
    fn free() {
        panic!("nobody else provides packages");
    }

    #[test]
    fn a_package_is_downloaded_once_and_again_when_it_is_damaged() {
        let (folder, store) = store();
        let (empty, server) = (Server::with(""), Server::with(CONTENT));
        let packages = [package("pool/a.deb")];
        let log = folder.path().join("log");
        let provide = || store.provide(&packages, std::slice::from_ref(&server.address), &log, free).unwrap();
        assert_eq!(provide().fetched, 1);
        assert_eq!(provide().fetched, 0);
        let path = store.path(&packages[0].sha256);
        fs_err::write(&path, CONTENT.replace("would", "could")).unwrap();
        let again = provide();
        assert_eq!((again.fetched, again.damaged), (1, 1));
        assert_eq!(fs_err::read_to_string(&path).unwrap(), CONTENT);
        assert_eq!(server.asked.load(Ordering::SeqCst), 2);
        assert_eq!(empty.asked.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn layers_that_are_made_at_once_download_what_both_need_once() {
        let (folder, store) = store();
        let server = Server::with(CONTENT);
        let (packages, archives) = ([package("pool/a.deb")], std::slice::from_ref(&server.address));
        let path = store.path(&packages[0].sha256);
        let provide = &|layer| store.provide(&packages, archives, &folder.path().join(layer), || ()).unwrap();
        for damaged in [0, 1] {
            let provided = std::thread::scope(|scope| {
                let layers = ["base", "notebook"].map(|layer| scope.spawn(move || provide(layer)));
                layers.map(|layer| layer.join().unwrap())
            });
            let sum = |count: fn(&Provided) -> usize| provided.iter().map(count).sum::<usize>();
            assert_eq!((sum(|it| it.fetched), sum(|it| it.damaged)), (1, damaged));
            assert_eq!(fs_err::read_to_string(&path).unwrap(), CONTENT);
            assert_eq!(server.asked.load(Ordering::SeqCst), damaged + 1);
            fs_err::write(&path, CONTENT.replace("would", "could")).unwrap();
        }
    }

    #[test]
    fn who_has_to_wait_for_the_packages_of_another_layer_says_so() {
        let (folder, store) = store();
        let server = Server::with(CONTENT);
        let other = store.bucket.lock(&CacheKey::of(&LOCK), free).unwrap();
        let mut has_said = false;
        let waiting = || {
            has_said = true;
            drop(other);
        };
        let log = folder.path().join("log");
        store.provide(&[package("pool/a.deb")], &[server.address], &log, waiting).unwrap();
        assert!(has_said);
    }

    #[test]
    fn what_has_another_hash_is_not_kept() {
        let (folder, store) = store();
        let server = Server::with("what an attacker would send");
        let log = folder.path().join("log");
        let failure = store.provide(&[package("pool/a.deb")], &[server.address], &log, free).unwrap_err();
        assert!(matches!(failure, Failure::Work(_)), "{failure}");
        assert_eq!(fs_err::read_dir(store.bucket.folder()).unwrap().count(), 0);
    }

    #[test]
    fn everything_that_the_archives_no_longer_have_is_named_at_once() {
        let (folder, store) = store();
        let (one, other) = (Server::with(CONTENT), Server::with(CONTENT));
        let gone = ["pool/b.deb", "pool/c.deb"].map(|file| LockedPackage {
            name: file.into(),
            sha256: hex(&Sha256::digest(file)),
            ..package(file)
        });
        let packages = [package("pool/a.deb"), gone[0].clone(), gone[1].clone()];
        let log = folder.path().join("log");
        let Failure::Input(findings) =
            store.provide(&packages, &[one.address, other.address], &log, free).unwrap_err()
        else {
            panic!("it is the lock that is out of date")
        };
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let wanted =
            ["pool/b.deb", "pool/c.deb"].map(|name| format!("the archive no longer has {name} 1:2.41-12"));
        assert_eq!(messages, wanted);
    }

    #[test]
    fn an_archive_that_does_not_answer_is_another_matter() {
        let (folder, store) = store();
        let log = folder.path().join("log");
        let failure = store
            .provide(&[package("pool/a.deb")], &["http://127.0.0.1:9/debian".into()], &log, free)
            .unwrap_err();
        let text = failure.to_string();
        assert!(matches!(failure, Failure::Work(_)) && text.contains("Could not connect"), "{text}");
        assert!(fs_err::read_to_string(&log).unwrap().contains("Could not connect"));
    }
}
