//! The failure of a tool: its own most telling sentence first; the command, the end of its output and its log after it.

use std::fmt;
use std::path::PathBuf;

/// How tools begin a line that says why they failed, and which tool does.
const PREFIXES: [(&str, &str); 5] = [
    ("E: ", "apt"),
    ("dpkg: error ", "dpkg"),
    ("ERROR: ", "pip"),
    ("npm error ", "npm"),
    ("npm ERR! ", "npm"),
];
/// What apt says before it lists why packages cannot be installed together.
const UNMET: &str = "The following packages have unmet dependencies:";
/// What mmdebstrap says of itself; the sentences of what it runs are more telling.
const MMDEBSTRAP: [&str; 6] =
    ["I: ", "W: ", "E: command failed: ", "E: setup failed: ", "E: run_", "E: mmdebstrap "];
/// What mmdebstrap says of a hook that failed; the hook follows.
const FAILED_HOOK: &str = "E: command failed: ";
/// What npm says beside its reason.
const BESIDE: [&str; 5] = ["code ", "errno ", "syscall ", "path ", "A complete log of this run"];

/// A tool that failed. It is shown with all that helps to mend the cause, the most telling first.
#[derive(Debug)]
pub struct ToolFailure {
    /// What failed, and how.
    what: String,
    /// The end of what it wrote.
    output: String,
    /// Where all of it is.
    log: Option<PathBuf>,
    complaint: Option<Complaint>,
}

/// A sentence in which a tool says why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The tool, where its sentence begins as that tool's do.
    pub tool: Option<&'static str>,
    /// The sentence.
    pub sentence: String,
}

impl ToolFailure {
    /// The failure of `what`, a command or a step with its status, that wrote `output`.
    #[must_use]
    pub fn new(what: String, output: String, log: Option<PathBuf>) -> Self {
        let complaint = complaint(&output);
        Self { what, output, log, complaint }
    }

    /// What the tool says of the cause.
    #[must_use]
    pub fn complaint(&self) -> Option<&Complaint> {
        self.complaint.as_ref()
    }

    /// What the tool says of the cause, to be put in the words of the recipe.
    pub fn complaint_mut(&mut self) -> Option<&mut Complaint> {
        self.complaint.as_mut()
    }

    /// The part of the work that failed: mmdebstrap's hook, or all of it.
    #[must_use]
    pub fn failed_part(&self) -> &str {
        let hook = self.output.lines().find_map(|line| line.split_once(FAILED_HOOK));
        hook.map_or(&self.what, |(_, hook)| hook)
    }
}

impl fmt::Display for ToolFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.complaint {
            None => write!(formatter, "{} without any output", self.what)?,
            // There is nothing else to show.
            Some(complaint) if complaint.sentence == self.output => {
                write!(formatter, "{complaint}\n{}", self.what)?;
            }
            Some(complaint) => {
                write!(formatter, "{complaint}\nThe output ends with:\n{}\n{}", self.output, self.what)?;
            }
        }
        self.log.as_ref().map_or(Ok(()), |log| write!(formatter, "\nthe complete log is {}", log.display()))
    }
}

impl std::error::Error for ToolFailure {}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = self.tool.map(|tool| format!("{tool}: ")).unwrap_or_default();
        write!(formatter, "{tool}{}", self.sentence)
    }
}

/// The most telling sentence of an output. A script may go on after the failure of a tool, so that its last line counts;
/// where that is a tool's complaint, the first one in the lines around it says why, and the later ones only what follows.
fn complaint(output: &str) -> Option<Complaint> {
    let is_foreign = |line: &&str| !MMDEBSTRAP.iter().any(|own| line.starts_with(own));
    let lines: Vec<&str> = output.lines().filter(is_foreign).filter(|line| !line.trim().is_empty()).collect();
    let last = lines.last()?.trim();
    let runs_script = output.contains(FAILED_HOOK);
    let is_part = |line: &str| line.starts_with(char::is_whitespace) || beginning(line).is_some();
    if runs_script && !is_part(lines[lines.len() - 1]) {
        return Some(Complaint { tool: None, sentence: last.to_owned() });
    }
    let unmet = lines.iter().position(|line| *line == UNMET).and_then(|at| lines.get(at + 1));
    let unmet = unmet.map(|line| Complaint { tool: Some("apt"), sentence: line.trim().to_owned() });
    unmet
        .or_else(|| lines.iter().enumerate().find_map(|(at, line)| told(line, &lines[at + 1..])))
        .or_else(|| Some(Complaint { tool: None, sentence: last.to_owned() }))
}

/// A line that begins as a tool's complaints do, with the line that goes on with it.
fn told(line: &str, after: &[&str]) -> Option<Complaint> {
    let (tool, sentence) = beginning(line)?;
    if tool == "npm" && BESIDE.iter().any(|beside| sentence.starts_with(beside)) {
        return None;
    }
    let rest = after.first().filter(|next| sentence.ends_with(':') && next.starts_with(char::is_whitespace));
    let rest = rest.map(|next| format!(" {}", next.trim())).unwrap_or_default();
    Some(Complaint { tool: Some(tool), sentence: format!("{}{rest}", sentence.trim()) })
}

fn beginning(line: &str) -> Option<(&'static str, &str)> {
    let (prefix, tool) = PREFIXES.iter().find(|(prefix, _)| line.starts_with(prefix))?;
    // dpkg names itself, and `error` belongs to its sentence.
    let sentence = line.strip_prefix("dpkg: ").unwrap_or(&line[prefix.len()..]);
    Some((*tool, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(output: &str) -> String {
        complaint(output).expect("a complaint").to_string()
    }

    #[test]
    fn apt_says_which_package_it_does_not_find_and_mmdebstrap_is_not_quoted() {
        let output = "I: running --setup-hook in shell: sh -c 'sh \"$1\"/imagegen-resolve' exec /tmp/a\n\
                      E: Unable to locate package jqq\n\
                      E: command failed: sh \"$1\"/imagegen-resolve \"$1\" add jqq\n\
                      W: hooklistener errored out: E: received eof on socket\n";
        assert_eq!(told_of(output), "apt: Unable to locate package jqq");
        let output = "E: Failed to fetch http://archive.example/a.deb  404  Not Found [IP: 192.0.2.1 80]\n\
                      E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n";
        assert!(told_of(output).starts_with("apt: Failed to fetch"));
    }

    #[test]
    fn a_dependency_that_cannot_be_met_is_named() {
        let output = "Some packages could not be installed. This may mean that you have\n\
                      The following packages have unmet dependencies:\n \
                      a : Depends: b (>= 2) but it is not installable\n\
                      E: Unable to correct problems, you have held broken packages.\n";
        assert_eq!(told_of(output), "apt: a : Depends: b (>= 2) but it is not installable");
    }

    #[test]
    fn dpkg_goes_on_in_the_next_line() {
        let output = "Setting up a (1.0) ...\n\
                      dpkg: error processing package a (--configure):\n \
                      installed a package post-installation script subprocess returned error exit status 1\n\
                      Errors were encountered while processing:\n a\n\
                      E: Sub-process /usr/bin/dpkg returned an error code (1)\n";
        assert_eq!(
            told_of(output),
            "dpkg: error processing package a (--configure): \
             installed a package post-installation script subprocess returned error exit status 1"
        );
    }

    #[test]
    fn pip_and_npm_are_quoted_with_their_reason() {
        let output = "ERROR: Could not find a version that satisfies the requirement nosuch==1.0 (from versions: none)\n\
                      ERROR: No matching distribution found for nosuch==1.0\n";
        assert!(told_of(output).starts_with("pip: Could not find a version"), "{}", told_of(output));
        let output = "npm warn tarball tarball data for left-pad seems to be corrupted. Trying again.\n\
                      npm error code EINTEGRITY\n\
                      npm error sha512-AAAA== integrity checksum failed when using sha512\n\
                      npm error A complete log of this run can be found in: /root/.npm/_logs/0.log\n";
        assert_eq!(told_of(output), "npm: sha512-AAAA== integrity checksum failed when using sha512");
    }

    #[test]
    fn a_script_s_last_line_counts_unless_that_is_a_tool_s_complaint() {
        let failed = "\nE: command failed: : scripts/a.sh; chroot \"$1\" sh -eu /imagegen-script\n";
        let went_on = format!("E: Unable to locate package optional\nthe moon is full{failed}");
        assert_eq!(told_of(&went_on), "the moon is full");
        let in_memory = "I: skipping update as requested\none\nthe moon is full\n\
                         E: setup failed: E: command failed: : scripts/a.sh; chroot \"$1\" sh -eu /imagegen-script\n\
                         I: main() received signal PIPE: waiting for setup...\nE: mmdebstrap failed to run\n";
        assert_eq!(told_of(in_memory), "the moon is full");
        let ended = format!("going on\nE: Unable to locate package jqq{failed}");
        assert_eq!(told_of(&ended), "apt: Unable to locate package jqq");
    }

    #[test]
    fn the_complaint_comes_before_the_command_and_the_log_after_all() {
        let shown = |output: &str| {
            let log = Some(PathBuf::from("cache/logs/a"));
            ToolFailure::new("`apt-get` failed (exit status: 100)".into(), output.into(), log).to_string()
        };
        assert_eq!(
            shown("E: one\nE: two"),
            "apt: one\nThe output ends with:\nE: one\nE: two\n`apt-get` failed (exit status: 100)\n\
             the complete log is cache/logs/a"
        );
        assert_eq!(
            shown("one"),
            "one\n`apt-get` failed (exit status: 100)\nthe complete log is cache/logs/a"
        );
        assert!(shown("").starts_with("`apt-get` failed (exit status: 100) without any output\n"));
    }
}
