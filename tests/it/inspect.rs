//! `imagegen inspect`: each check is shown to find its fault, on small images that have all that a golden one has.

mod advisories;
mod faults;
mod hostile;
mod sample;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

use serde_json::Value as Json;

use crate::{imagegen, program, text};
use sample::{Sample, qemu_img};

/// The report on an image in memory.
fn report(image: Vec<u8>) -> imagegen::inspect::Report {
    imagegen::inspect::inspect(Cursor::new(image)).unwrap()
}

/// The names of the checks that find something.
fn found(image: Vec<u8>) -> BTreeSet<String> {
    report(image).findings().iter().map(|finding| finding.check.to_owned()).collect()
}

#[test]
fn a_sound_image_has_no_finding() {
    let report = report(faults::sound().clone());
    assert_eq!(report.findings(), [], "{}", report.text("sound", false, imagegen::util::size));
}

#[test]
fn each_fault_is_found_by_its_check_and_by_no_other() {
    let mut covered: BTreeSet<_> = faults::PLACES.iter().map(|(check, _)| (*check).to_owned()).collect();
    let mut wrong = vec![];
    for fault in faults::all() {
        let image = fault.image();
        let expected: BTreeSet<String> = fault.checks.iter().map(|name| (*name).to_owned()).collect();
        let report = report(image);
        let names: BTreeSet<String> = report.findings().iter().map(|it| it.check.to_owned()).collect();
        if names != expected {
            wrong.push(format!(
                "{}: {:?}\n{}",
                fault.name,
                fault.checks,
                report.text("faulty", false, imagegen::util::size)
            ));
        }
        covered.extend(expected);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let json: Json = serde_json::from_str(&report(faults::sound().clone()).json().unwrap()).unwrap();
    let all = json["rules"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    assert_eq!(covered, all.collect::<BTreeSet<_>>(), "a check that no image shows to fail");
}

#[test]
fn everything_that_must_not_be_in_an_image_is_found_at_its_place() {
    for (check, path) in faults::PLACES {
        let mut sample = Sample::new();
        sample.write(path, "something");
        sample.mode(path, "0100600", 0, 0);
        let report = report(sample.image());
        let places: Vec<_> = report.findings().iter().map(|it| (it.check, it.place.as_str())).collect();
        assert_eq!(places, [(*check, format!("/{path}").as_str())]);
    }
}

#[test]
fn what_may_be_written_by_others_may() {
    let mut sample = Sample::new();
    for (path, mode, group) in
        [("tmp", "041777", 0), ("usr/local/lib", "042775", 50), ("var/mail", "042775", 8)]
    {
        std::fs::create_dir_all(sample.folder().join("tree").join(path)).unwrap();
        sample.mode(path, mode, 0, group);
    }
    sample.mode("var/log/wtmp", "0100664", 0, 43);
    assert_eq!(found(sample.image()), BTreeSet::new());
}

#[test]
fn nothing_hides_behind_a_name_that_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let sample = Sample::new();
    let name = std::ffi::OsStr::from_bytes(b"srv/caf\xe9");
    let folder = sample.folder().join("tree").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("id_rsa"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let report = report(sample.image());
    let places: Vec<_> = report.findings().iter().map(|it| (it.check, it.place.as_str())).collect();
    assert_eq!(places, [("private-key", "/srv/caf\\xe9/id_rsa")]);
}

#[test]
fn what_a_carried_container_image_holds_is_its_own_business() {
    let sample = Sample::new();
    sample.write("var/lib/docker/overlay2/0123/diff/etc/hostname", "notebook");
    sample.write("var/lib/docker/image/overlay2/repositories.json", "{}");
    assert_eq!(found(sample.image()), BTreeSet::new());
}

#[test]
fn a_report_for_a_person() {
    let sample = Sample::new();
    sample.write("etc/ssh/ssh_host_rsa_key", "key");
    sample.write("etc/ssh/ssh_host_ed25519_key", "key");
    sample.write("var/log/syslog", "Nov 25 booted");
    sample.write("etc/shadow", "root:*:1::::::\nada:$y$j9T$x:1::::::\n");
    sample.remove("etc/cloud/cloud.cfg.d/90-sources.cfg");
    let folder = sample.folder();
    std::fs::write(folder.join("faulty.raw"), sample.image()).unwrap();
    let output = imagegen(folder).args(["inspect", "faulty.raw", "--list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(text(&output.stdout) + "---\n" + &text(&output.stderr));
}

#[test]
fn a_report_for_a_program() {
    let sample = Sample::new();
    sample.write("etc/hostname", "builder");
    let folder = sample.folder();
    std::fs::write(folder.join("faulty.raw"), sample.image()).unwrap();
    let output = imagegen(folder).args(["inspect", "faulty.raw", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["format"], 1);
    assert_eq!(report["file"]["format"], "raw");
    assert_eq!(report["firmware"], serde_json::json!(["BIOS", "UEFI"]));
    assert_eq!(report["system"]["packages"][0]["version"], "25.1");
    assert_eq!(report["system"]["units"]["masked"], serde_json::json!(["apt-daily.timer"]));
    assert_eq!(report["findings"][0]["location"], "/etc/hostname");
    assert_eq!(report["findings"][0]["severity"], "error");
}

#[test]
fn the_same_disk_is_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("disk.raw"), faults::sound()).unwrap();
    let ways: [&[&str]; 6] = [
        &["-o", "compat=0.10"],
        &["-o", "cluster_size=512"],
        &["-o", "cluster_size=2M"],
        &["-c"],
        &["-c", "-o", "compression_type=zstd"],
        &["-c", "-o", "compression_type=zstd,cluster_size=4k"],
    ];
    for way in ways {
        qemu_img(folder, &[&["convert", "-O", "qcow2"], way, &["disk.raw", "disk.qcow2"]].concat());
        let output = imagegen(folder).args(["inspect", "disk.qcow2"]).output().unwrap();
        assert!(output.status.success(), "{way:?}\n{}", text(&output.stdout));
        assert!(text(&output.stdout).ends_with("0 errors, 0 warnings, 0 notes\n"), "{way:?}");
    }
}

#[test]
fn a_separate_boot_partition_counts() {
    let sample = Sample::new();
    assert_eq!(found(sample.image_with_boot_partition()), BTreeSet::new());
}

#[test]
fn what_is_no_image_is_told_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["nothing.qcow2", "."] {
        let output = imagegen(folder.path()).args(["inspect", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stderr).contains("name a disk image"), "{}", text(&output.stderr));
    }
    std::fs::write(folder.path().join("notes.txt"), "not an image\n").unwrap();
    let output = imagegen(folder.path()).args(["inspect", "notes.txt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("error[partition-table]"), "{}", text(&output.stdout));
}

/// The memory that the program took at most, in KiB, by the kernel's own account.
fn peak(folder: &Path, image: &str) -> u64 {
    let mut command = std::process::Command::new(program("time"));
    command.args(["-f", "%M", env!("CARGO_BIN_EXE_imagegen"), "inspect", image]).current_dir(folder);
    let said = text(&command.output().unwrap().stderr);
    said.lines().last().unwrap().parse().unwrap()
}

#[test]
fn a_large_disk_takes_no_more_memory_than_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("disk.raw"), faults::sound()).unwrap();
    qemu_img(folder, &["convert", "-O", "qcow2", "disk.raw", "small.qcow2"]);
    qemu_img(folder, &["convert", "-O", "qcow2", "-o", "cluster_size=2M", "disk.raw", "large.qcow2"]);
    qemu_img(folder, &["resize", "large.qcow2", "8T"]);
    assert!(peak(folder, "small.qcow2") < 150 << 10);
    assert!(peak(folder, "large.qcow2") < 150 << 10);
}
