//! What fuzzers feed to imagegen (`.ci/fuzz`), once more: the corpora, with what was found by them.

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::project;

/// As libFuzzer has it in `.ci/fuzz`.
const LONGEST: Duration = Duration::from_secs(10);

#[test]
fn what_fuzzers_feed_is_read_to_its_end() {
    for (name, target) in targets::TARGETS {
        let folder = project(&format!("tests/fuzz/corpora/{name}"));
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            let began = Instant::now();
            target(&std::fs::read(&file).unwrap());
            assert!(began.elapsed() < LONGEST, "{}", file.display());
        }
    }
}

#[test]
fn each_corpus_has_a_target() {
    let corpora = std::fs::read_dir(project("tests/fuzz/corpora")).unwrap();
    let corpora: BTreeSet<_> = corpora.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    let targets = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(corpora, targets);
}
