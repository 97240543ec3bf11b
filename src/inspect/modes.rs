//! Who may write a file and as whom it runs, against what packages make of it: the files that dpkg lists, its overrides
//! (dpkg-statoverride(1)), and the programs that Debian's and Ubuntu's packages have with a bit for their owner or group.

use super::mode::Mode;
use std::collections::{BTreeMap, BTreeSet};

use super::tree::{EntryKind, Tree};

const SET_USER: u16 = 0o4000;
const SET_GROUP: u16 = 0o2000;
const STICKY: u16 = 0o1000;
const OTHERS_WRITE: u16 = 0o002;
const GROUP_WRITES: u16 = 0o020;
const DPKG: &str = "var/lib/dpkg/info";
const OVERRIDES: &str = "var/lib/dpkg/statoverride";
/// What belongs to packages and the administrator, and is read or run as root.
const SYSTEM: [&str; 12] =
    ["bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "opt", "root", "sbin", "srv/imagegen", "usr"];
/// Where Debian lets a group write (Debian policy, 9.1.2): folders of the local administrator.
const LOCAL: (&str, &str) = ("usr/local", "staff");
/// What must not be read by everybody: hashes of passwords.
const SECRETS: [&str; 4] = ["etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-"];
/// The group that may read them.
const READERS: &str = "shadow";
/// Programs that run as their owner, which is root, or as their group: path below /usr, mode, group.
const PROGRAMS: &[(&str, u16, &str)] = &[
    ("bin/at", 0o6755, "daemon"),
    ("bin/bsd-write", 0o2755, "tty"),
    ("bin/chage", 0o2755, "shadow"),
    ("bin/chfn", 0o4755, "root"),
    ("bin/chsh", 0o4755, "root"),
    ("bin/crontab", 0o2755, "crontab"),
    ("bin/doas", 0o4755, "root"),
    ("bin/dotlockfile", 0o2755, "mail"),
    ("bin/expiry", 0o2755, "shadow"),
    ("bin/fusermount", 0o4755, "root"),
    ("bin/fusermount3", 0o4755, "root"),
    ("bin/gpasswd", 0o4755, "root"),
    ("bin/mlocate", 0o2755, "mlocate"),
    ("bin/mount", 0o4755, "root"),
    ("bin/newgidmap", 0o4755, "root"),
    ("bin/newgrp", 0o4755, "root"),
    ("bin/newuidmap", 0o4755, "root"),
    ("bin/ntfs-3g", 0o4755, "root"),
    ("bin/passwd", 0o4755, "root"),
    ("bin/ping", 0o4755, "root"),
    ("bin/pkexec", 0o4755, "root"),
    ("bin/plocate", 0o2755, "plocate"),
    ("bin/screen", 0o2755, "utmp"),
    ("bin/ssh-agent", 0o2755, "_ssh"),
    ("bin/ssh-agent", 0o2755, "ssh"),
    ("bin/su", 0o4755, "root"),
    ("bin/sudo", 0o4755, "root"),
    ("bin/umount", 0o4755, "root"),
    ("bin/wall", 0o2755, "tty"),
    ("bin/write.ul", 0o2755, "tty"),
    ("lib/chromium/chrome-sandbox", 0o4755, "root"),
    ("lib/cargo/bin/su", 0o4755, "root"),
    ("lib/cargo/bin/sudo", 0o4755, "root"),
    ("lib/dbus-1.0/dbus-daemon-launch-helper", 0o4754, "messagebus"),
    ("lib/eject/dmcrypt-get-device", 0o4755, "root"),
    ("lib/openssh/ssh-keysign", 0o4755, "root"),
    ("lib/policykit-1/polkit-agent-helper-1", 0o4755, "root"),
    ("lib/polkit-1/polkit-agent-helper-1", 0o4755, "root"),
    ("lib/snapd/snap-confine", 0o4755, "root"),
    ("lib/x86_64-linux-gnu/utempter/utempter", 0o2755, "utmp"),
    ("lib/xorg/Xorg.wrap", 0o4755, "root"),
    ("libexec/polkit-agent-helper-1", 0o4755, "root"),
    ("sbin/exim4", 0o4755, "root"),
    ("sbin/mount.cifs", 0o4755, "root"),
    ("sbin/mount.nfs", 0o4755, "root"),
    ("sbin/pam_extrausers_chkpwd", 0o2755, "shadow"),
    ("sbin/postdrop", 0o2555, "postdrop"),
    ("sbin/postlog", 0o2755, "postdrop"),
    ("sbin/postqueue", 0o2555, "postdrop"),
    ("sbin/pppd", 0o4754, "dip"),
    ("sbin/unix_chkpwd", 0o2755, "shadow"),
];

/// Files whose modes are not what packages make of them, each with what is to be said of it.
#[derive(Debug, Default)]
pub(super) struct Strange {
    /// They run as their owner or group.
    pub(super) privileged: Vec<(String, String)>,
    /// Somebody else than root may write them.
    pub(super) writable: Vec<(String, String)>,
    /// They belong to somebody else than root.
    pub(super) foreign: Vec<(String, String)>,
    /// Hashes of passwords that everybody may read.
    pub(super) open: Vec<(String, String)>,
}

/// The files that have to be compared, noted on a walk.
#[derive(Debug, Default)]
pub(super) struct Noted(Vec<(String, EntryKind, Mode)>);

impl Noted {
    /// Takes in what is at `path`, if there is anything to ask about it.
    pub(super) fn note(&mut self, path: &str, kind: EntryKind, mode: Mode) {
        let asks = is_privileged(kind, mode)
            || mode.bits & (OTHERS_WRITE | GROUP_WRITES) != 0
            || (is_system(path) && mode.user != 0)
            || SECRETS.contains(&path);
        if asks && kind != EntryKind::Link {
            self.0.push((path.to_owned(), kind, mode));
        }
    }

    /// Compares them with what packages make of them.
    pub(super) fn compare(self, tree: &Tree) -> Strange {
        let privileged = self.0.iter().filter(|(_, kind, mode)| is_privileged(*kind, *mode));
        let known = Known {
            overrides: overrides(tree),
            groups: numbers(&tree.text("etc/group").unwrap_or_default()),
            packaged: packaged(tree, &privileged.map(|(path, ..)| merged(path)).collect()),
        };
        let mut strange = Strange::default();
        for (path, kind, mode) in self.0 {
            if !known.is_overridden(&path, mode) {
                known.judge(&path, kind, mode, &mut strange);
            }
        }
        strange
    }
}

/// What the image says of its own modes.
struct Known {
    /// Paths and modes of dpkg-statoverride, with the names that it has for owners.
    overrides: BTreeMap<String, (u16, String)>,
    groups: BTreeMap<String, u32>,
    /// The privileged programs that a package has, below /usr.
    packaged: BTreeSet<String>,
}

impl Known {
    fn group(&self, name: &str) -> Option<u32> {
        if name == "root" { Some(0) } else { self.groups.get(name).copied() }
    }

    fn is_overridden(&self, path: &str, mode: Mode) -> bool {
        let found = self.overrides.get(path).or_else(|| self.overrides.get(merged(path)));
        found.is_some_and(|(bits, group)| *bits == mode.bits && self.group(group) == Some(mode.group))
    }

    fn judge(&self, path: &str, kind: EntryKind, mode: Mode, strange: &mut Strange) {
        let mut add = |list: fn(&mut Strange) -> &mut Vec<(String, String)>| {
            list(strange).push((path.to_owned(), mode.told()));
        };
        if is_privileged(kind, mode) && !self.is_of_package(path, mode) {
            add(|strange| &mut strange.privileged);
        }
        if self.is_writable(path, kind, mode) {
            add(|strange| &mut strange.writable);
        }
        if is_system(path) && mode.user != 0 {
            add(|strange| &mut strange.foreign);
        }
        let readers = mode.group == 0 || Some(mode.group) == self.group(READERS);
        if SECRETS.contains(&path) && (mode.bits & 0o137 != 0 || mode.user != 0 || !readers) {
            add(|strange| &mut strange.open);
        }
    }

    /// Whether a package has this program, and with this mode.
    fn is_of_package(&self, path: &str, mode: Mode) -> bool {
        let path = merged(path);
        let is_it = |(program, bits, group): &(&str, u16, &str)| {
            *program == path && *bits == mode.bits && self.group(group) == Some(mode.group)
        };
        mode.user == 0 && PROGRAMS.iter().any(is_it) && self.packaged.contains(path)
    }

    fn is_writable(&self, path: &str, kind: EntryKind, mode: Mode) -> bool {
        let by_all = mode.bits & OTHERS_WRITE != 0;
        let by_group = mode.bits & GROUP_WRITES != 0 && mode.group != 0;
        let local =
            path.starts_with(LOCAL.0) && Some(mode.group) == self.group(LOCAL.1) && kind == EntryKind::Folder;
        let shared = kind == EntryKind::Folder && mode.bits & STICKY != 0 && !is_system(path);
        let is_device = kind == EntryKind::Special;
        (by_all && !shared && !is_device) || (by_group && is_system(path) && !local)
    }
}

fn is_privileged(kind: EntryKind, mode: Mode) -> bool {
    kind == EntryKind::File && mode.bits & (SET_USER | SET_GROUP) != 0
}

fn is_system(path: &str) -> bool {
    SYSTEM
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// A path below /usr, which may stand at the root as well: there are links at the root, or there were folders.
fn merged(path: &str) -> &str {
    path.strip_prefix("usr/").unwrap_or(path)
}

/// Which of these paths below /usr a package lists.
fn packaged(tree: &Tree, wanted: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if wanted.is_empty() {
        return found;
    }
    let names =
        tree.list(DPKG).into_iter().filter_map(|(name, _)| Some(name.strip_suffix(".list")?.to_owned()));
    for name in names {
        let text = tree.text(&format!("{DPKG}/{name}.list")).unwrap_or_default();
        let paths = text.lines().map(|line| merged(line.trim_start_matches('/')));
        found.extend(paths.filter(|path| wanted.contains(path)).map(str::to_owned));
    }
    found
}

/// Lines of `OWNER GROUP MODE PATH`.
fn overrides(tree: &Tree) -> BTreeMap<String, (u16, String)> {
    let text = tree.text(OVERRIDES).unwrap_or_default();
    let lines = text.lines().filter_map(|line| {
        let [owner, group, mode, path] = line.splitn(4, ' ').collect::<Vec<_>>().try_into().ok()?;
        let bits = u16::from_str_radix(mode, 8).ok()?;
        // Nobody but root makes others run as somebody.
        let sound = owner == "root" || bits & (SET_USER | SET_GROUP) == 0;
        sound.then(|| (path.trim_start_matches('/').to_owned(), (bits, group.to_owned())))
    });
    lines.collect()
}

/// The numbers of groups (group(5)).
fn numbers(text: &str) -> BTreeMap<String, u32> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    });
    lines.collect()
}
