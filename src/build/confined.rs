//! What the layer of a container image may have in it: nothing that names, or reaches, anything outside the layer. It
//! becomes a folder of the machine's own root file system, where whatever leads out of it is the machine's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use tar::{Entry, EntryType, Header};

use super::findings::Refusal;
use super::names::{self, Unfit, clean, folders_on};
use super::tarball;
use super::whiteouts::Mark;
use crate::failure::Result;

/// No file of ext4 with blocks of 4 KiB is larger, in bytes.
const LARGEST: u64 = 16 << 40;
/// No link of Linux has more bytes (`PATH_MAX`, which counts a zero).
const LONGEST_TARGET: usize = 4095;
/// The character devices that every container has anyway, by their numbers: null, zero, full, random, urandom, tty,
/// console, ptmx (runtime specification, "Default Devices").
const DEVICES: [(u32, u32); 8] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];
/// Attributes of overlayfs, which lead from one file to another.
const OVERLAY: [&[u8]; 2] = [b"SCHILY.xattr.trusted.overlay.", b"SCHILY.xattr.user.overlay."];

/// What an entry is that has been admitted.
enum Known {
    /// Also one that only other names are in.
    Folder,
    /// A symbolic link, as it is to be written once more where something is linked to it.
    Symlink(Box<Header>, Vec<u8>),
    /// Anything else.
    Other,
}

/// An entry as it is to be written.
pub(super) struct Admitted {
    /// Its name, which is clean.
    pub(super) name: Vec<u8>,
    pub(super) header: Header,
    /// Of a link. That of a hard link is clean.
    pub(super) target: Option<Vec<u8>>,
}

/// What becomes of an entry.
pub(super) enum EntryVerdict {
    Write(Box<Admitted>),
    /// It is not a file: the layer's root, a mark, or a comment.
    Skip,
    Refuse(Refusal),
}

/// The entries of a layer so far.
#[derive(Default)]
pub(super) struct Confined {
    known: BTreeMap<Vec<u8>, Known>,
}

impl Confined {
    /// Judges the next entry.
    pub(super) fn judge<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<EntryVerdict> {
        if entry.header().entry_type().is_pax_global_extensions() {
            return Ok(EntryVerdict::Skip);
        }
        // A few bytes claim a hole of any size, which would be written.
        if entry.header().entry_type().is_gnu_sparse() {
            return Ok(EntryVerdict::Refuse(Refusal::Holes));
        }
        let records = tarball::records(entry)?;
        let header = tarball::header_of(entry)?;
        let said = Said {
            name: &entry.path_bytes(),
            target: entry.link_name_bytes().map(Cow::into_owned),
            size: entry.size(),
            header,
        };
        let judged = attributes(&records).and_then(|()| self.admit(said));
        Ok(match judged {
            Ok(Some(admitted)) => EntryVerdict::Write(Box::new(admitted)),
            Ok(None) => EntryVerdict::Skip,
            Err(refusal) => EntryVerdict::Refuse(refusal),
        })
    }

    fn admit(&mut self, said: Said<'_>) -> Result<Option<Admitted>, Refusal> {
        let name = clean(said.name).map_err(|unfit| match unfit {
            Unfit::Upwards => Refusal::NameOutside,
            Unfit::Zero => Refusal::NameWithZero,
        })?;
        if name.is_empty() {
            return if said.header.entry_type().is_dir() { Ok(None) } else { Err(Refusal::NameOutside) };
        }
        match Mark::of(&name) {
            Mark::None => {}
            Mark::Unfit => return Err(Refusal::Mark),
            Mark::Removed(_) | Mark::Opaque(_) | Mark::Ignored => return Ok(None),
        }
        said.content()?;
        let (header, target) = self.resolved(&name, said)?;
        self.place(&name, &header, target.as_deref())?;
        Ok(Some(Admitted { name, header, target }))
    }

    /// Header and target as they are to be written.
    fn resolved(&self, name: &[u8], said: Said<'_>) -> Result<(Header, Option<Vec<u8>>), Refusal> {
        match said.header.entry_type() {
            EntryType::Regular | EntryType::Directory | EntryType::Fifo => Ok((said.header, None)),
            EntryType::Symlink => said.symlink(),
            EntryType::Link => self.link(name, said),
            EntryType::Char | EntryType::Block => said.device(),
            other => Err(Refusal::Kind(char::from(other.as_byte()))),
        }
    }

    /// A hard link leads to an earlier entry. One to a symbolic link becomes that link once more, for who follows it
    /// while the tar is unpacked gets elsewhere.
    fn link(&self, name: &[u8], said: Said<'_>) -> Result<(Header, Option<Vec<u8>>), Refusal> {
        let asked = said.target.unwrap_or_default();
        let told = || names::quoted(&asked);
        let target = clean(&asked).map_err(|_| Refusal::LinkOutside(told()))?;
        match self.known.get(&target) {
            _ if asked.starts_with(b"/") => Err(Refusal::LinkOutside(told())),
            // What has a name goes before something else gets it.
            Some(_) if target == name => Err(Refusal::LinkToNothing(told())),
            None => Err(Refusal::LinkToNothing(told())),
            Some(Known::Folder) => Err(Refusal::LinkToFolder(told())),
            Some(Known::Symlink(header, target)) => Ok((Header::clone(header), Some(target.clone()))),
            Some(Known::Other) => Ok((said.header, Some(target))),
        }
    }

    /// Notes an entry, which has to be in folders.
    fn place(&mut self, name: &[u8], header: &Header, target: Option<&[u8]>) -> Result<(), Refusal> {
        self.within_folders(name)?;
        let is_folder = header.entry_type().is_dir();
        if self.known.get(name).is_some_and(|known| matches!(known, Known::Folder) != is_folder) {
            return Err(Refusal::Replaced);
        }
        for folder in folders_on(name) {
            if !self.known.contains_key(folder) {
                self.known.insert(folder.to_vec(), Known::Folder);
            }
        }
        let known = match (header.entry_type(), target) {
            (EntryType::Directory, _) => Known::Folder,
            (EntryType::Symlink, Some(target)) => Known::Symlink(Box::new(header.clone()), target.to_vec()),
            _ => Known::Other,
        };
        self.known.insert(name.to_vec(), known);
        Ok(())
    }

    /// Whether all that a name leads through are folders, or nothing yet.
    pub(super) fn within_folders(&self, name: &[u8]) -> Result<(), Refusal> {
        let is_other =
            |folder: &&[u8]| self.known.get(*folder).is_some_and(|it| !matches!(it, Known::Folder));
        match folders_on(name).find(is_other) {
            Some(folder) => Err(Refusal::Within(names::quoted(folder))),
            None => Ok(()),
        }
    }
}

/// What the tar says of an entry.
struct Said<'a> {
    name: &'a [u8],
    target: Option<Vec<u8>>,
    size: u64,
    header: Header,
}

impl Said<'_> {
    /// Programs do not agree on where the next entry begins if something else than a file has content.
    fn content(&self) -> Result<(), Refusal> {
        match (self.header.entry_type(), self.size) {
            (EntryType::Regular, size) if size > LARGEST => Err(Refusal::Size(size)),
            (EntryType::Regular, _) | (_, 0) => Ok(()),
            _ => Err(Refusal::Content),
        }
    }

    fn symlink(self) -> Result<(Header, Option<Vec<u8>>), Refusal> {
        let target = self.target.unwrap_or_default();
        if target.is_empty() || target.len() > LONGEST_TARGET || target.contains(&0) {
            return Err(Refusal::Target);
        }
        Ok((self.header, Some(target)))
    }

    fn device(self) -> Result<(Header, Option<Vec<u8>>), Refusal> {
        let number = |number: std::io::Result<Option<u32>>| number.ok().flatten().unwrap_or(0);
        let numbers = (number(self.header.device_major()), number(self.header.device_minor()));
        let is_character = self.header.entry_type().is_character_special();
        if is_character && DEVICES.contains(&numbers) {
            return Ok((self.header, None));
        }
        Err(Refusal::Device(if is_character { 'c' } else { 'b' }, numbers.0, numbers.1))
    }
}

fn attributes(records: &[(Vec<u8>, Vec<u8>)]) -> Result<(), Refusal> {
    if tarball::has_holes(records) {
        return Err(Refusal::Holes);
    }
    let overlay = records.iter().find(|(key, _)| OVERLAY.iter().any(|prefix| key.starts_with(prefix)));
    match overlay {
        Some((key, _)) => Err(Refusal::Attribute(names::quoted(&key[b"SCHILY.xattr.".len()..]))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use tar::{Archive, Builder};

    use super::super::archive::sha256;
    use super::super::compose::RootfsSpec;
    use super::super::preload::PreloadSet;
    use super::*;
    use crate::failure::Failure;
    use crate::plan::DiskImage;

    /// An entry as nobody stops a hostile program from writing it.
    struct Raw {
        name: Vec<u8>,
        kind: u8,
        target: Vec<u8>,
        size: u64,
        numbers: (u32, u32),
        record: Option<(&'static str, &'static str)>,
    }

    fn raw(name: &str, kind: char) -> Raw {
        let kind = u8::try_from(kind).unwrap();
        Raw { name: name.into(), kind, target: vec![], size: 0, numbers: (0, 0), record: None }
    }

    fn link(name: &str, kind: char, target: &str) -> Raw {
        Raw { target: target.into(), ..raw(name, kind) }
    }

    fn tar(entries: &[Raw]) -> Vec<u8> {
        let mut builder = Builder::new(vec![]);
        for entry in entries {
            if let Some((key, value)) = entry.record {
                builder.append_pax_extensions([(key, value.as_bytes())]).unwrap();
            }
            let mut header = tarball::header(EntryType::new(entry.kind), 0o644, 0, entry.size);
            header.as_old_mut().name[..entry.name.len()].copy_from_slice(&entry.name);
            header.as_old_mut().linkname[..entry.target.len()].copy_from_slice(&entry.target);
            header.set_device_major(entry.numbers.0).unwrap();
            header.set_device_minor(entry.numbers.1).unwrap();
            header.set_cksum();
            // A size beyond all sizes has nothing behind it.
            builder.append(&header, std::io::repeat(b'x').take(entry.size.min(4096))).unwrap();
        }
        builder.into_inner().unwrap()
    }

    /// What is refused of a layer.
    fn refused(entries: &[Raw]) -> Vec<Refusal> {
        let (tar, mut confined, mut refused) = (tar(entries), Confined::default(), vec![]);
        for entry in Archive::new(tar.as_slice()).entries().unwrap() {
            match confined.judge(&mut entry.unwrap()).unwrap() {
                EntryVerdict::Refuse(refusal) => refused.push(refusal),
                EntryVerdict::Write(_) | EntryVerdict::Skip => {}
            }
        }
        refused
    }

    fn one(entries: &[Raw]) -> Refusal {
        let mut all = refused(entries);
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn hard_links_lead_to_earlier_files_of_the_layer() {
        let outside = |target: &str| Refusal::LinkOutside(target.to_owned());
        let nothing = |target: &str| Refusal::LinkToNothing(target.to_owned());
        for (target, wanted) in [
            ("../../../../usr/bin/bash", outside("../../../../usr/bin/bash")),
            ("a/../../../link", outside("a/../../../link")),
            ("/usr/bin/bash", outside("/usr/bin/bash")),
            ("/a", outside("/a")),
            ("usr/bin/bash", nothing("usr/bin/bash")),
            ("s/bash", nothing("s/bash")),
            ("h2", nothing("h2")),
            ("", nothing("")),
            ("d", Refusal::LinkToFolder("d".into())),
        ] {
            let layer = [raw("a", '0'), raw("d/", '5'), link("s", '2', "/usr/bin"), link("h2", '1', target)];
            assert_eq!(one(&layer), wanted, "{target}");
        }
        assert_eq!(one(&[link("b", '1', "a"), raw("a", '0')]), nothing("a"), "it comes too late");
        assert_eq!(one(&[raw("a", '0'), link("a", '1', "./a")]), nothing("./a"), "it is itself");
        assert_eq!(refused(&[raw("a", '0'), link("./b", '1', "./a"), link("c", '1', "b")]), []);
    }

    #[test]
    fn a_hard_link_to_a_symbolic_link_becomes_one() {
        let tar = tar(&[link("s", '2', "/etc/shadow"), link("h", '1', "s")]);
        let mut confined = Confined::default();
        let mut archive = Archive::new(tar.as_slice());
        let kinds = archive.entries().unwrap().map(|entry| {
            let EntryVerdict::Write(admitted) = confined.judge(&mut entry.unwrap()).unwrap() else {
                panic!()
            };
            (admitted.header.entry_type(), admitted.target.unwrap())
        });
        let wanted = (EntryType::Symlink, b"/etc/shadow".to_vec());
        assert_eq!(kinds.collect::<Vec<_>>(), [wanted.clone(), wanted]);
    }

    #[test]
    fn names_stay_in_the_layer() {
        for name in ["../x", "a/../../x", "./../x", "a/.."] {
            assert_eq!(one(&[raw(name, '0')]), Refusal::NameOutside, "{name}");
        }
        let record = Raw { record: Some(("path", "a/../../../etc/shadow")), ..raw("a", '0') };
        assert_eq!(one(&[record]), Refusal::NameOutside);
        let zero = Raw { record: Some(("path", "a\0/../x")), ..raw("a", '0') };
        assert_eq!(one(&[zero]), Refusal::NameWithZero);
        assert_eq!(one(&[link("./", '2', "/etc")]), Refusal::NameOutside, "the layer itself is a folder");
    }

    #[test]
    fn what_is_in_a_folder_is_in_no_link() {
        let within = Refusal::Within("s".into());
        for kind in ['0', '1', '2', '3', '5', '6'] {
            let layer = [
                link("s", '2', "/usr/bin"),
                raw("a", '0'),
                Raw { target: b"a".to_vec(), ..raw("s/bash", kind) },
            ];
            let wanted = if kind == '3' { Refusal::Device('c', 0, 0) } else { within.clone() };
            assert_eq!(one(&layer), wanted, "{kind}");
        }
        let through_hard_link = [link("t", '2', "/usr"), link("s", '1', "t"), raw("s/bin/bash", '0')];
        assert_eq!(one(&through_hard_link), within);
        let later = [raw("s/bash", '0'), link("s", '2', "/usr/bin")];
        assert_eq!(one(&later), Refusal::Replaced, "it would be there for what comes after");
        assert_eq!(one(&[link("s", '2', "/usr"), raw("s", '5')]), Refusal::Replaced);
    }

    #[test]
    fn marks_remove_what_has_a_name() {
        for name in [".wh...", ".wh..", ".wh.", "a/.wh...", "a/.wh./x"] {
            assert_eq!(one(&[raw(name, '0')]), Refusal::Mark, "{name}");
        }
        assert_eq!(refused(&[raw(".wh.a", '0'), raw("b/.wh..wh..opq", '0'), raw(".wh..wh.plnk/1", '0')]), []);
    }

    #[test]
    fn devices_are_those_of_every_container() {
        let device = |kind, numbers| Raw { numbers, ..raw("dev/x", kind) };
        assert_eq!(refused(&[device('3', (1, 3)), device('3', (5, 2)), raw("pipe", '6')]), []);
        for (kind, letter, numbers) in
            [('4', 'b', (8, 0)), ('3', 'c', (1, 1)), ('3', 'c', (0, 0)), ('4', 'b', (1, 3))]
        {
            assert_eq!(one(&[device(kind, numbers)]), Refusal::Device(letter, numbers.0, numbers.1));
        }
    }

    #[test]
    fn nothing_is_read_in_two_ways() {
        let holes = Raw { record: Some(("GNU.sparse.name", "../x")), ..raw("a", '0') };
        assert_eq!(one(&[holes]), Refusal::Holes);
        let overlay =
            Raw { record: Some(("SCHILY.xattr.trusted.overlay.redirect", "/etc")), ..raw("a", '5') };
        assert_eq!(one(&[overlay]), Refusal::Attribute("trusted.overlay.redirect".into()));
        assert_eq!(one(&[Raw { size: 512, ..link("s", '2', "a") }]), Refusal::Content);
        assert_eq!(one(&[raw("a", 'V')]), Refusal::Kind('V'));
        assert_eq!(one(&[link("s", '2', "")]), Refusal::Target);
        let large = Raw { record: Some(("size", "17592186044417")), ..raw("a", '0') };
        let tar = tar(&[large]);
        let mut archive = Archive::new(tar.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let verdict = Confined::default().judge(&mut entry).unwrap();
        assert!(matches!(verdict, EntryVerdict::Refuse(Refusal::Size(17_592_186_044_417))));
    }

    #[test]
    fn what_layers_usually_have_is_admitted() {
        let layer = [
            raw("./", '5'),
            raw("usr/bin/", '5'),
            raw("usr/bin/perl", '0'),
            link("usr/bin/perl5.40", '1', "usr/bin/perl"),
            link("bin", '2', "usr/bin"),
            link("etc/mtab", '2', "../../proc/mounts"),
            raw("usr/bin/", '5'),
            raw("usr/bin/perl", '0'),
            Raw { name: b"caf\xe9".to_vec(), ..raw("", '0') },
            raw("pax_global_header", 'g'),
        ];
        assert_eq!(refused(&layer), []);
    }

    /// What is said of an image with these layers.
    fn said(layers: &[&[Raw]]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let tars: Vec<Vec<u8>> = layers.iter().map(|entries| tar(entries)).collect();
        let names: Vec<String> = (0..tars.len()).map(|number| format!("layer{number}")).collect();
        let hashes: Vec<String> = tars.iter().map(|tar| sha256(tar)).collect();
        let config = json!({ "rootfs": { "diff_ids": hashes } }).to_string();
        let table = json!([{ "Config": "config", "RepoTags": ["app:1"], "Layers": names }]).to_string();
        let mut builder = Builder::new(fs_err::File::create(folder.path().join("app.tar")).unwrap());
        let mut add = |name: &str, content: &[u8]| {
            let mut header = tarball::header(EntryType::Regular, 0o644, 0, content.len() as u64);
            builder.append_data(&mut header, name, content).unwrap();
        };
        add("manifest.json", table.as_bytes());
        add("config", config.as_bytes());
        names.iter().zip(&tars).for_each(|(name, tar)| add(name, tar));
        builder.finish().unwrap();
        fs_err::write(folder.path().join("layer.tar"), [0; 1024]).unwrap();
        refusals(folder.path())
    }

    fn refusals(folder: &Path) -> Vec<String> {
        let preloads = vec![PreloadSet::of(folder.join("app.tar"))];
        let image = DiskImage::bare();
        let spec = RootfsSpec { layer: folder.join("layer.tar"), image: &image, preloads, epoch: 0 };
        match spec.measure() {
            Err(Failure::Input(findings)) => findings.iter().map(|it| it.message.clone()).collect(),
            Err(other) => panic!("{other}"),
            Ok(_) => vec![],
        }
    }

    #[test]
    fn a_hostile_archive_is_refused_by_archive_layer_and_entry() {
        let lower = [raw("d/old", '0'), link("h2", '1', "../../../../usr/bin/bash")];
        let upper = [link("s", '2', "/usr"), raw("s/.wh.bin", '0'), raw("../x", '0')];
        let said = said(&[&lower, &upper]);
        assert_eq!(said.len(), 3, "{said:?}");
        for (finding, part) in said.iter().zip([
            "`h2`: a hard link to `../../../../usr/bin/bash`, which is outside the layer",
            "`../x`: its name leads out of the layer",
            "`s/bin`: it is in `s`, which an earlier entry makes something other than a folder",
        ]) {
            assert!(finding.contains("app.tar: layer sha256:") && finding.contains(part), "{finding}");
        }
    }

    #[test]
    fn an_image_without_such_entries_is_carried() {
        let upper = [raw("d/", '5'), raw("d/.wh..wh..opq", '0'), raw("d/new", '0')];
        assert_eq!(said(&[&[raw("d/old", '0')], &upper]), Vec::<String>::new());
    }
}
