//! Attempts, and what became of them.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use serde::Deserialize;

use crate::failure::Result;
use crate::rehearsal::agent::CommandOutput as Ended;
use crate::rehearsal::vm::Vm;

/// What a program of `userdata/rehearsal/attacks` consists of.
macro_rules! program {
    ($($name:literal),+) => {
        concat!($(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/attacks/", $name
        ))),+)
    };
}
pub(super) use program;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AttemptOutcome {
    /// It got this.
    Got(String),
    /// It got nothing, for this reason.
    Refused(String),
    /// It failed by a fault of its own.
    Broken(String),
}

/// The attempts of one program, by name.
pub(super) type AttemptOutcomes = BTreeMap<String, AttemptOutcome>;

/// Runs a program with Python on a machine, with JSON on its standard input.
pub(super) fn on(machine: &mut Vm, program: &str, job: &serde_json::Value) -> Result<AttemptOutcomes> {
    const PATH: &str = "/run/imagegen-attempts.py";
    machine.write_file(PATH, program)?;
    let command = ["python3", PATH];
    let ended = machine.run_with_timeout(&command, &job.to_string())?;
    let printed = machine.succeeded(&ended, &command)?;
    read(&printed)
}

/// Reads what [`on`] ran elsewhere.
pub(super) fn ended(machine: &Vm, ended: &Ended) -> Result<AttemptOutcomes> {
    read(&machine.succeeded(ended, &["the attempts"])?)
}

/// Reads the last line that the attempts have printed.
pub(super) fn read(printed: &str) -> Result<AttemptOutcomes> {
    let last = printed.trim().lines().last().unwrap_or_default();
    Ok(serde_json::from_str(last).with_context(|| format!("reading what attempts printed: {printed}"))?)
}

/// All are refused, and all succeed in the control, where what refuses them is taken away.
pub(super) fn judge(held: &AttemptOutcomes, control: &AttemptOutcomes) -> Result<String> {
    let mut wrong = unexpected("with protection", held, |it| matches!(it, AttemptOutcome::Refused(_)));
    wrong.extend(unexpected("in the control", control, |it| matches!(it, AttemptOutcome::Got(_))));
    let alone = held.keys().filter(|name| !control.contains_key(*name));
    wrong.extend(alone.map(|name| format!("{name}: there is no control")));
    sound(held, &wrong)?;
    Ok(format!("{} attempts refused, which all succeed in the control", held.len()))
}

/// Fails where anything was got.
pub(super) fn all_refused(held: &AttemptOutcomes) -> Result<()> {
    sound(held, &unexpected("with protection", held, |it| matches!(it, AttemptOutcome::Refused(_))))
}

/// The names of those that got something.
pub(super) fn got(outcomes: &AttemptOutcomes) -> Vec<&str> {
    outcomes
        .iter()
        .filter(|(_, it)| matches!(it, AttemptOutcome::Got(_)))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn sound(held: &AttemptOutcomes, wrong: &[String]) -> Result<()> {
    if held.is_empty() {
        return Err(anyhow!("nothing was tried").into());
    }
    if wrong.is_empty() { Ok(()) } else { Err(anyhow!("{}", wrong.join("\n")).into()) }
}

fn unexpected(when: &str, outcomes: &AttemptOutcomes, right: fn(&AttemptOutcome) -> bool) -> Vec<String> {
    let wrong = outcomes.iter().filter(|(_, it)| !right(it));
    wrong.map(|(name, it)| format!("{when}, {name}: {it:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(outcome: AttemptOutcome) -> AttemptOutcomes {
        [("mount".to_owned(), outcome)].into()
    }

    #[test]
    fn only_what_is_refused_and_succeeds_in_the_control_counts() {
        let [got, refused, broken] = ["Got", "Refused", "Broken"].map(|kind| match kind {
            "Got" => outcomes(AttemptOutcome::Got("x".into())),
            "Refused" => outcomes(AttemptOutcome::Refused("x".into())),
            _ => outcomes(AttemptOutcome::Broken("x".into())),
        });
        assert!(judge(&refused, &got).is_ok());
        for (held, control) in [
            (&got, &got),
            (&refused, &refused),
            (&broken, &got),
            (&refused, &broken),
            (&refused, &AttemptOutcomes::new()),
            (&AttemptOutcomes::new(), &AttemptOutcomes::new()),
        ] {
            assert!(judge(held, control).is_err(), "{held:?} {control:?}");
        }
    }

    #[test]
    fn the_last_line_has_the_outcomes() {
        let read = read("a warning\n{\"mount\": {\"refused\": \"x\"}}\n").unwrap();
        assert_eq!(read, outcomes(AttemptOutcome::Refused("x".into())));
    }
}
