//! How large user-data may become: for every fixture, for other secrets, and for large workshops.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use imagegen::document::{Findings, Source};
use imagegen::failure::Failure;
use imagegen::userdata::{Encoding, ImageKind, InstanceRole, InstanceSpec, Platform};
use imagegen::workshop::{self, Secrets, Workshop};
use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{project, sample};

/// What a golden machine's text may have, in bytes: half of what the oldest Horizon takes.
const GOLDEN: usize = 8_000;
/// What an ordinary hub's text may have.
const STOCK: usize = 14_000;
const NODE: InstanceRole = InstanceRole::Node { hub: Ipv4Addr::new(192, 168, 100, 200) };

fn workshop(name: &str, text: &str) -> Workshop {
    let folder = project("tests/fixtures/workshops");
    let reader = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).map_err(|error| error.to_string())?;
        Ok(Source::new(name, text))
    };
    let mut findings = Findings::default();
    let workshop = workshop::parse(Source::new(name, text), &reader, &mut findings);
    assert!(!findings.has_errors(), "{name}: {findings:?}");
    workshop
}

fn fixtures() -> Vec<(PathBuf, Workshop)> {
    let files = std::fs::read_dir(project("tests/fixtures/workshops")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.map(|file| (file.clone(), workshop("fixture", &std::fs::read_to_string(file).unwrap()))).collect()
}

fn secrets() -> Secrets {
    let today = time::Date::from_calendar_date(2026, time::Month::November, 28).unwrap();
    Secrets::generate(today, imagegen::host::random::fill).unwrap()
}

fn render(
    workshop: &Workshop,
    secrets: &Secrets,
    role: InstanceRole,
    image: ImageKind,
) -> (Encoding, String) {
    let rendered = InstanceSpec { workshop, secrets, role, image }.render(Platform::Horizon).unwrap();
    assert!(rendered.text.is_ascii());
    (rendered.encoding, rendered.text)
}

#[test]
fn golden_machines_of_every_fixture_have_a_short_readable_text_whatever_the_secrets() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 9);
    for _ in 0..100 {
        let secrets = secrets();
        for (name, workshop) in &fixtures {
            for role in [InstanceRole::Hub, NODE] {
                let (form, text) = render(workshop, &secrets, role, ImageKind::Golden);
                assert!(text.len() <= GOLDEN, "{name:?} {role:?}: {} bytes", text.len());
                assert_eq!(form, Encoding::Plain, "{name:?} {role:?}");
                let joins = text.contains("- path: /etc/imagegen/join.py\n  content: |\n   \"\"\"");
                assert_eq!(joins, role == NODE, "the join script is readable");
            }
        }
    }
}

/// 45 people with their names, and everything beside them that takes room on a hub.
fn large_class() -> Workshop {
    let first = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Ken", "Dennis", "Margaret"];
    let last = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov"];
    let people = (0..45).map(|number| {
        let (first, last) = (first[number % 9], last[number % 5]);
        let name = format!("{}{}", &first[..1], last).to_lowercase();
        format!("  - {{name: {name}{number}, uid: {}, full_name: {first} {last}}}\n", 1500 + 7 * number)
    });
    workshop(
        "large class",
        &format!(
            "version: 1\nname: galaxy-2026\nusers:\n{}homes: {{export: /srv/homes, volume: /dev/disk/by-id/virtio-0123456789abcdef0123}}\n\
             web: {{domain: jupyter.example.org, email: ada@example.org}}\nmaterials:\n  \
             - {{git: 'https://example.org/course.git', ref: v1.0, into: homes}}\n  \
             - {{archive: 'https://example.org/data.tar.gz', into: share}}\nadmin_ssh_keys:\n  \
             - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEe7xJlXn2mP0s7cQ4V1r8b6k3yZ5t9u2w4A6C8E0G1I ada@laptop\n",
            people.collect::<String>()
        ),
    )
}

#[test]
fn an_ordinary_hub_with_everything_fits_with_room_to_spare() {
    let secrets = secrets();
    let (_, text) = render(&large_class(), &secrets, InstanceRole::Hub, ImageKind::Stock);
    assert!(text.len() <= STOCK, "{} bytes", text.len());
}

/// A thousand people whose names and UIDs have nothing to do with each other: no table of them is small.
fn unrelated_people() -> impl Strategy<Value = Workshop> {
    let names = btree_set("[a-z]{5,10}[._-][a-z][0-9]{0,2}", 1000);
    let uids = prop::sample::subsequence((1001..60_000).collect::<Vec<u32>>(), 1000).prop_shuffle();
    (names, uids).prop_map(|(names, uids)| {
        let users = names.iter().zip(uids).map(|(name, uid)| format!("  - {{name: {name}, uid: {uid}}}\n"));
        workshop("thousand", &format!("version: 1\nusers:\n{}", users.collect::<String>()))
    })
}

#[test]
fn a_thousand_unrelated_people_fit_the_oldest_horizon() {
    let secrets = secrets();
    let mut runner = TestRunner::deterministic();
    for _ in 0..3 {
        let workshop = sample(&mut runner, &unrelated_people());
        for role in [InstanceRole::Hub, NODE] {
            for image in [ImageKind::Golden, ImageKind::Stock] {
                let (_, text) = render(&workshop, &secrets, role, image);
                assert!(text.len() <= Platform::Horizon.limit());
            }
        }
    }
}

#[test]
fn what_does_not_fit_names_what_the_organiser_can_change_and_nothing_of_ours() {
    let secrets = secrets();
    let large = "version: 1\nhub:\n  files: [{path: /etc/large, content: \"{}\"}]\n";
    // Random letters, which nothing compresses.
    let mut runner = TestRunner::deterministic();
    let letters = sample(&mut runner, &"[a-z0-9]{12000}");
    let workshop = workshop("large file", &large.replace("{}", &letters));
    let both = Workshop { users: sample(&mut runner, &unrelated_people()).users, ..workshop };
    for image in [ImageKind::Golden, ImageKind::Stock] {
        let machine = InstanceSpec { workshop: &both, secrets: &secrets, role: InstanceRole::Hub, image };
        let Failure::Input(findings) = machine.render(Platform::Horizon).unwrap_err() else {
            panic!("not a matter of the input")
        };
        let said: String =
            findings.iter().flat_map(|finding| [&*finding.message, "\n", &*finding.remedy]).collect();
        for part in ["`users` (1000 of them)", "`hub.files` with /etc/large", "--for nova"] {
            assert!(said.contains(part), "{said}");
        }
        for ours in [".py", ".service", "/var/lib/imagegen", "/etc/imagegen"] {
            assert!(!said.contains(ours), "{said}");
        }
    }
}
