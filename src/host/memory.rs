//! How much memory is free, of the machine and of the control groups that this process runs in, and who may have it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::MemfdFlags;

use super::sync::locked;

/// Where version 2 of control groups is mounted (cgroups(7)). Version 1 is not looked at.
const GROUPS: &str = "/sys/fs/cgroup";

/// Memory that a build may keep files in.
#[derive(Debug)]
pub struct MemoryBudget {
    /// Bytes that are promised to nobody.
    left: Arc<Mutex<u64>>,
}

/// Memory that is somebody's until this is dropped.
#[derive(Debug)]
pub struct MemoryReservation {
    left: Arc<Mutex<u64>>,
    bytes: u64,
}

/// A file with a path that others can open, until this is dropped.
#[derive(Debug)]
pub struct TemporaryFile {
    path: PathBuf,
    memory: Option<(OwnedFd, MemoryReservation)>,
}

impl MemoryBudget {
    /// What a build may use here: half of what is free, for there are others.
    #[must_use]
    pub fn of_build() -> Self {
        Self::of(available().unwrap_or(0) / 2)
    }

    fn of(bytes: u64) -> Self {
        Self { left: Arc::new(Mutex::new(bytes)) }
    }

    /// Memory for files of `bytes` in all, if twice that is there: what they take is only estimated.
    #[must_use]
    pub fn try_reserve(&self, bytes: u64) -> Option<MemoryReservation> {
        let bytes = bytes.checked_mul(2)?;
        let mut left = locked(&self.left);
        *left = left.checked_sub(bytes)?;
        Some(MemoryReservation { left: self.left.clone(), bytes })
    }

    /// A file of about `bytes`: in memory if there is plenty, and otherwise at `path`.
    #[must_use]
    pub fn file(&self, bytes: u64, path: PathBuf) -> TemporaryFile {
        let made = self.try_reserve(bytes).and_then(|promise| {
            // Where the system has no such files, the disk will do.
            Some((rustix::fs::memfd_create("imagegen", MemfdFlags::CLOEXEC).ok()?, promise))
        });
        match made {
            Some((file, promise)) => TemporaryFile {
                path: format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into(),
                memory: Some((file, promise)),
            },
            None => TemporaryFile::on_disk(path),
        }
    }
}

impl MemoryReservation {
    /// All of it, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        *locked(&self.left) += self.bytes;
    }
}

impl TemporaryFile {
    /// A file at `path`, where it is still to be made.
    #[must_use]
    pub fn on_disk(path: PathBuf) -> Self {
        Self { path, memory: None }
    }

    /// Where it can be opened; on a disk it may still have to be made.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if self.memory.is_none() {
            // What cannot be taken away goes with the folder that it is in.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

/// Bytes that can be had without swapping; nothing where the system does not say.
pub(super) fn available() -> Option<u64> {
    let machine = of_machine(&fs_err::read_to_string("/proc/meminfo").ok()?)?;
    let own = fs_err::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups(&own).into_iter().filter_map(|group| of_group(&group));
    Some(limits.fold(machine, u64::min))
}

/// `MemAvailable` in bytes.
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The folders of the group that `/proc/self/cgroup` tells, and of those around it.
fn groups(own: &str) -> Vec<PathBuf> {
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return vec![] };
    Path::new(path).ancestors().map(|group| Path::new(GROUPS).join(group)).collect()
}

/// What a group's limit leaves, in bytes; nothing where it has none. What it has read from files goes when it is needed.
fn of_group(group: &Path) -> Option<u64> {
    let text = |name| fs_err::read_to_string(group.join(name)).ok();
    let number = |name| text(name)?.trim().parse::<u64>().ok();
    let (limit, used) = (number("memory.max")?, number("memory.current")?);
    let stat = text("memory.stat").unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok());
    Some((limit + cached.unwrap_or(0)).saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_promised_to_one_at_a_time_and_twice_of_what_is_wanted() {
        let budget = MemoryBudget::of(100);
        let promise = budget.try_reserve(30).unwrap();
        assert_eq!(promise.bytes(), 60);
        assert!(budget.try_reserve(30).is_none());
        drop(promise);
        assert!(budget.try_reserve(50).is_some());
    }

    #[test]
    fn a_file_is_on_the_disk_where_memory_is_short_and_others_can_read_it_in_both() {
        let folder = tempfile::tempdir().unwrap();
        let on_disk = folder.path().join("file");
        for (memory, is_on_disk) in [(100, false), (99, true)] {
            let file = MemoryBudget::of(memory).file(50, on_disk.clone());
            fs_err::write(file.path(), "text").unwrap();
            assert_eq!(on_disk.exists(), is_on_disk);
            let read = super::super::cmd::Cmd::new("cat").arg(file.path()).output().unwrap();
            assert_eq!(read, "text");
            drop(file);
            assert!(!on_disk.exists());
        }
    }

    #[test]
    fn a_machine_tells_kibibytes() {
        let meminfo = "MemTotal: 2048 kB\nMemAvailable:   24283452 kB\n";
        assert_eq!(of_machine(meminfo), Some(24_283_452 * 1024));
    }

    #[test]
    fn the_groups_around_a_group_count_too() {
        let found = groups("1:cpu:/old\n0::/a/b\n");
        assert_eq!(found, ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup/"].map(PathBuf::from));
        assert!(groups("1:memory:/old\n").is_empty());
    }

    #[test]
    fn a_group_s_limit_counts_without_what_it_has_read_from_files() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs_err::write(group.path().join(name), text).unwrap();
        write("memory.max", "max\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 1\ninactive_file 200\n");
        assert_eq!(of_group(group.path()), None);
        write("memory.max", "1000\n");
        assert_eq!(of_group(group.path()), Some(500));
    }
}
