//! The order of versions, against dpkg itself.

use std::cmp::Ordering;

use assert_cmd::Command;
use imagegen::inspect::advisories::compare_versions;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What dpkg says of many pairs, in one run of a shell: a program for each would take minutes.
fn by_dpkg(pairs: &[(String, String)]) -> Vec<Ordering> {
    const SCRIPT: &str = r#"while read -r one other; do
        if dpkg --compare-versions "$one" lt "$other"; then echo lt
        elif dpkg --compare-versions "$one" eq "$other"; then echo eq
        else echo gt
        fi
    done"#;
    let lines: Vec<String> = pairs.iter().map(|(one, other)| format!("{one} {other}\n")).collect();
    let output =
        Command::new(crate::program("sh")).args(["-c", SCRIPT]).write_stdin(lines.concat()).output().unwrap();
    let order = |word: &str| match word {
        "lt" => Ordering::Less,
        "eq" => Ordering::Equal,
        _ => Ordering::Greater,
    };
    crate::text(&output.stdout).lines().map(order).collect()
}

fn agree(pairs: &[(String, String)]) {
    let wanted = by_dpkg(pairs);
    assert_eq!(wanted.len(), pairs.len());
    for ((one, other), wanted) in pairs.iter().zip(wanted) {
        assert_eq!(compare_versions(one, other), wanted, "{one} and {other}");
    }
}

#[test]
fn versions_have_the_order_of_dpkg() {
    // Few letters, so that versions are often alike up to their end.
    let version = "([0-2]:)?[0-1][0-2.+~a]{0,5}(-[0-1a+~.]{1,4})?";
    let pairs = prop::collection::vec((version, version), 1500);
    let mut runner = TestRunner::new(Config { cases: 1, failure_persistence: None, ..Config::default() });
    runner
        .run(&pairs, |pairs| {
            agree(&pairs);
            Ok(())
        })
        .unwrap();
}

#[test]
fn versions_of_real_packages_have_the_order_of_dpkg() {
    let versions = [
        "0",
        "1",
        "1.0",
        "1.00",
        "1.0-0",
        "1.0-1",
        "0:1.0-1",
        "1:0.9",
        "1.0~rc1-1",
        "1.0~~",
        "1.0~",
        "1.0+b1",
        "1.0a",
        "2.41-12",
        "2.41-12+b1",
        "2.41-12+deb13u1",
        "3.5.1-1+deb13u1",
        "3.5.1-1+deb13u2",
        "3.5.10-1",
        "3.5.9-1",
        "12.2.0-14+deb12u1",
        "9.2p1-2+deb12u10",
        "9.2p1-2+deb12u9",
        "20230311",
        "20230311+deb12u1~bpo13+1",
        "1-2-3",
        "1-2",
        "99999999999999999999999",
        "99999999999999999999998",
        "1.2.3.4.5",
        "1.2.3.4.05",
        "1.0-1ubuntu2",
        "1.0-1build1",
    ];
    let pairs =
        versions.iter().flat_map(|one| versions.iter().map(|other| ((*one).to_owned(), (*other).to_owned())));
    agree(&pairs.collect::<Vec<_>>());
}
