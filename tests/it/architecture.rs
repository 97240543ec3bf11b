//! The rules of `src/lib.rs`, each a function from sources to violations, and each shown to find a planted one.

mod graph;
mod secrets;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::{program, project, text};
use graph::{Sources, room};
use source::Source;

/// The rooms that each room may use. What is not used has no place here.
const ARROWS: &[(&str, &str)] = &[
    ("main", "cli commands report"),
    (
        "commands",
        "build cli document failure host inspect plan recipe rehearsal report userdata util vm workshop",
    ),
    ("cli", "userdata"),
    ("rehearsal", "document failure host ports report userdata util vm workshop"),
    ("build", "document failure host inspect plan recipe report userdata util vm"),
    ("inspect", "plan util"),
    ("userdata", "document failure util workshop"),
    ("vm", "failure host util"),
    ("plan", "document recipe util"),
    ("workshop", "document failure util"),
    ("recipe", "document util"),
    ("ports", "failure"),
    ("host", "failure util"),
    ("report", "document failure"),
    ("failure", "document"),
];

/// Rooms that decide and render, without the machine: the same inputs give the same results.
const PURE: [&str; 8] = ["document", "inspect", "plan", "ports", "recipe", "userdata", "util", "workshop"];

/// What the code may do in few places: how it is named there, and in which files or rooms it may be.
const CAPABILITIES: &[(&str, &[&str], &[&str])] = &[
    ("starts processes", &["std::process::Command", "process::Command"], &["host/cmd.rs"]),
    (
        "prints",
        &["print!", "println!", "eprint!", "eprintln!", "dbg!", "std::io::stdout", "std::io::stderr"],
        &["report"],
    ),
    (
        "reads the clock",
        &["SystemTime::now", "Instant::now", "OffsetDateTime::now_utc"],
        &["build/packages.rs", "host", "rehearsal", "report", "vm"],
    ),
    ("makes random numbers", &["getrandom"], &["host/random.rs"]),
    ("uses the network", &["reqwest", "TcpStream", "TcpListener", "UdpSocket"], &["host/fetch.rs"]),
];

/// What a pure room does not use.
const IMPURE: &[&str] = &["std::fs", "std::process", "std::net::TcpStream", "fs_err", "tempfile", "rustix"];

/// All of them, read once for all rules.
static SOURCES: LazyLock<Sources> = LazyLock::new(|| parsed(&texts()));

/// The text of each file below `src/`, but for those that hold tests alone.
fn texts() -> BTreeMap<String, String> {
    let listed = assert_cmd::Command::new(program("git"))
        .args(["ls-files", "src/*.rs"])
        .current_dir(project(""))
        .output();
    text(&listed.unwrap().stdout)
        .lines()
        .filter_map(|name| name.strip_prefix("src/"))
        .filter(|name| !name.ends_with("/tests.rs"))
        .map(|name| (name.to_owned(), std::fs::read_to_string(project("src").join(name)).unwrap()))
        .collect()
}

fn parsed(texts: &BTreeMap<String, String>) -> Sources {
    texts.iter().map(|(name, text)| (name.clone(), Source::of(name, text))).collect()
}

/// A planted source tree.
fn planted(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(name, text)| ((*name).to_owned(), Source::of(name, text))).collect()
}

fn wrong_arrows(sources: &Sources, allowed: &[(&str, &str)]) -> Vec<String> {
    let seen = graph::rooms(&graph::files(sources));
    let allowed: BTreeSet<(String, String)> = allowed
        .iter()
        .flat_map(|(from, to)| to.split(' ').map(|to| ((*from).to_owned(), to.to_owned())))
        .collect();
    let new = seen.iter().filter(|(arrow, _)| !allowed.contains(arrow));
    let new = new.map(|((from, to), example)| format!("{from} → {to} is not in the table: {example}"));
    let gone = allowed.iter().filter(|arrow| !seen.contains_key(arrow));
    new.chain(gone.map(|(from, to)| format!("{from} → {to} is in the table, and nothing uses it"))).collect()
}

/// Whether a file names something: a macro by its `!`, anything else by the parts that it ends or begins with.
fn names(source: &Source, wanted: &str) -> bool {
    if let Some(name) = wanted.strip_suffix('!') {
        return source.macros.iter().any(|it| it.rsplit("::").next() == Some(name));
    }
    let wanted: Vec<&str> = wanted.split("::").collect();
    let imported = source.imports.iter().map(|import| &import.path);
    imported.chain(&source.paths).any(|path| path.windows(wanted.len()).any(|part| part == wanted))
}

fn misplaced(sources: &Sources) -> Vec<String> {
    let mut found = vec![];
    for (file, source) in sources.iter().filter(|(file, _)| *file != "main.rs") {
        for (what, wanted, places) in CAPABILITIES {
            let allowed = places.iter().any(|place| file == place || room(file) == *place);
            found.extend(
                wanted
                    .iter()
                    .filter(|it| !allowed && names(source, it))
                    .map(|it| format!("{file} {what}: {it}")),
            );
        }
        let impure = IMPURE.iter().filter(|it| PURE.contains(&room(file)) && names(source, it));
        found.extend(impure.map(|it| format!("{file} is in a pure room and uses {it}")));
    }
    found
}

/// Whether a string is a program for an instance: it has a `#!` line, or more than one command that a shell or Python has to
/// understand. A list of arguments, and one pipeline of plain commands, is none.
fn is_script(string: &str) -> bool {
    const SHELL: [&str; 8] = ["set -e", "; do ", "; then ", "; fi", "; done", "| while ", "trap : ", "$(("];
    const PYTHON: [&str; 4] = ["import ", "def ", "with open(", "for "];
    let python =
        |line: &str| PYTHON.iter().any(|word| line.starts_with(word)) && line.contains([';', ':', '(']);
    string.starts_with("#!/")
        || SHELL.iter().any(|word| string.contains(word))
        || string
            .lines()
            .any(|line| python(line.trim_start()) && string.contains([';', '\n']) && string.contains('('))
}

fn scripts(sources: &Sources) -> Vec<String> {
    let found = sources.iter().flat_map(|(file, source)| source.strings.iter().map(move |it| (file, it)));
    found.filter(|(_, string)| is_script(string)).map(|(file, it)| format!("{file}: {it}")).collect()
}

/// The most files in which one type may have methods: its own, and two for groups of methods with a page of their own.
const FILES_OF_A_TYPE: usize = 3;

fn scattered(sources: &Sources) -> Vec<String> {
    let mut files: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (file, source) in sources {
        for name in &source.impls {
            files.entry((room(file), name)).or_default().insert(file);
        }
    }
    let many = files.iter().filter(|(_, files)| files.len() > FILES_OF_A_TYPE);
    many.map(|((room, name), files)| format!("{room}: {name} has methods in {files:?}")).collect()
}

fn flags(sources: &Sources) -> Vec<String> {
    let functions =
        sources.iter().flat_map(|(file, source)| source.functions.iter().map(move |it| (file, it)));
    let many = functions.filter(|(_, function)| function.flags > 1);
    many.map(|(file, function)| format!("{file}: {} takes {} flags", function.name, function.flags)).collect()
}

/// Functions of more than 50 lines, by the indentation that rustfmt gives them.
fn long_functions(texts: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = vec![];
    for (file, text) in texts {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let begins =
                ["fn ", "pub fn ", "const fn ", "pub const fn "].iter().any(|it| code.starts_with(it))
                    || code.starts_with("pub(") && code.contains(") fn ");
            if !begins || code.ends_with('}') || code.ends_with(';') {
                continue;
            }
            let end = format!("{}}}", " ".repeat(line.len() - code.len()));
            let length = lines[number..].iter().position(|line| *line == end).map_or(0, |length| length + 1);
            if length > 50 {
                found.push(format!("{file}:{}: {length} lines", number + 1));
            }
        }
    }
    found
}

#[test]
fn rooms_use_the_rooms_that_they_may() {
    assert_eq!(wrong_arrows(&SOURCES, ARROWS), Vec::<String>::new());
    let tree = [
        ("build/mod.rs", "use crate::workshop::Secrets;"),
        ("workshop/mod.rs", "pub use secrets::Secrets;\nmod secrets;"),
        ("workshop/secrets.rs", "pub struct Secrets;"),
    ];
    assert_eq!(
        wrong_arrows(&planted(&tree), &[("build", "plan")]),
        [
            "build → workshop is not in the table: build/mod.rs → workshop/secrets.rs",
            "build → plan is in the table, and nothing uses it",
        ]
    );
    let hidden = [("build/mod.rs", "fn a() { assert!(crate::host::is_there()); }"), ("host/mod.rs", "")];
    assert_eq!(wrong_arrows(&planted(&hidden), &[]).len(), 1, "a path in a macro");
    let tests = [("build/mod.rs", "#[cfg(test)]\nmod tests { use crate::host::a; }"), ("host/mod.rs", "")];
    assert_eq!(wrong_arrows(&planted(&tests), &[]).len(), 0, "tests may use everything");
}

#[test]
fn no_files_import_each_other() {
    assert_eq!(graph::cycles(&graph::files(&SOURCES)), Vec::<String>::new());
    let cycles = |files: &[(&str, &str)]| graph::cycles(&graph::files(&planted(files)));
    let mutual =
        [("a/mod.rs", "mod b;\nmod c;"), ("a/b.rs", "use super::c::C;"), ("a/c.rs", "use super::b::B;")];
    assert_eq!(cycles(&mutual), ["a/b.rs, a/c.rs"]);
    let parent = [("a/mod.rs", "mod b;\nstruct A;\nfn a() { b::b(); }"), ("a/b.rs", "use super::A;")];
    assert_eq!(cycles(&parent), ["a/b.rs, a/mod.rs"]);
    let exported =
        [("a/mod.rs", "mod b;\nmod c;\npub use b::B;"), ("a/b.rs", ""), ("a/c.rs", "use super::B;")];
    assert_eq!(cycles(&exported), Vec::<String>::new(), "a re-export is looked through");
}

#[test]
fn processes_printing_clock_randomness_and_network_have_their_places() {
    assert_eq!(misplaced(&SOURCES), Vec::<String>::new());
    for (file, code) in [
        ("build/a.rs", "use std::process::{self, Command};"),
        ("build/a.rs", "fn a() { std::process::Command::new(\"sh\"); }"),
        ("host/a.rs", "fn a() { println!(); }"),
        ("commands/a.rs", "fn a() { std::io::stdout().flush(); }"),
        ("build/a.rs", "fn a() { std::time::SystemTime::now(); }"),
        ("plan/a.rs", "use std::time::Instant; fn a() { Instant::now(); }"),
        ("workshop/a.rs", "fn a() { getrandom::fill(&mut []); }"),
        ("rehearsal/a.rs", "use std::net::{Ipv4Addr, TcpStream};"),
        ("build/a.rs", "use reqwest::blocking::Client;"),
        ("userdata/a.rs", "fn a() { fs_err::read(\"a\"); }"),
    ] {
        assert_ne!(misplaced(&planted(&[(file, code)])), Vec::<String>::new(), "{code}");
    }
}

#[test]
fn programs_of_instances_are_files() {
    assert_eq!(scripts(&SOURCES), Vec::<String>::new());
    for script in [
        r##"const A: &str = "#!/bin/sh\necho a\n";"##,
        r#"const A: &str = "set -e; echo a";"#,
        r#"const A: &str = "for a in b; do echo $a; done";"#,
        r#"const A: &str = "if true; then echo a; fi";"#,
        r#"const A: &str = "import os; print(os.getcwd())";"#,
    ] {
        assert_eq!(scripts(&planted(&[("a.rs", script)])).len(), 1, "{script}");
    }
    let plain = r#"const A: [&str; 3] = ["sh", "-c", "journalctl -b | grep -m 1 replaced"];"#;
    assert_eq!(scripts(&planted(&[("a.rs", plain)])), Vec::<String>::new());
}

#[test]
fn the_methods_of_a_type_are_together() {
    assert_eq!(scattered(&SOURCES), Vec::<String>::new());
    let many = ["a/b.rs", "a/c.rs", "a/d.rs", "a/e.rs"].map(|file| (file, "impl<'a> Job<'a> { fn a() {} }"));
    assert_eq!(scattered(&planted(&many)).len(), 1);
    let traits = ["a/b.rs", "a/c.rs", "a/d.rs"].map(|file| (file, "impl From<Job> for A { }"));
    assert_eq!(scattered(&planted(&traits)).len(), 0);
}

#[test]
fn no_function_takes_two_flags() {
    assert_eq!(flags(&SOURCES), Vec::<String>::new());
    assert_eq!(flags(&planted(&[("a.rs", "fn a(one: bool, number: u8, two: bool) {}")])).len(), 1);
    assert_eq!(flags(&planted(&[("a.rs", "fn a(one: bool, two: Option<bool>) {}")])).len(), 0);
}

#[test]
fn functions_fit_on_a_screen() {
    assert_eq!(long_functions(&texts()), Vec::<String>::new());
    let long = format!("    fn a() {{\n{}    }}\n", "        b();\n".repeat(49));
    assert_eq!(long_functions(&BTreeMap::from([("a.rs".to_owned(), long)])), ["a.rs:1: 51 lines"]);
}
