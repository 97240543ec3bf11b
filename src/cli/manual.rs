//! What the man pages say beside what clap knows.

/// What is printed where no command is named.
pub const FIRST_STEPS: &str = "\
Golden images and cloud-init user-data for JupyterHub workshops on OpenStack. The usual first steps:

  imagegen init                      Write workshop.yaml, then edit it
  imagegen hub                       Print the hub's user-data, to paste into Horizon
  imagegen node --hub-ip 10.0.0.5    Print the user-data that all nodes share

`imagegen build all` builds the images that they boot, and `imagegen --help` lists all commands.";

/// The exit codes, and what each means.
pub const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "The command succeeded."),
    ("1", "The input is wrong. Findings on standard error say where, and how to correct it."),
    ("2", "The command line is wrong."),
    ("3", "This machine lacks something. Standard error says what, and the command that installs it."),
    ("4", "The work failed."),
    ("130", "The command was interrupted by a signal. Temporary files were removed."),
];

/// A file or a variable, the commands that it matters to (all, where none is named), and what it is for.
pub type Entry = (&'static str, &'static [&'static str], &'static str);

const WORKSHOP: &[&str] =
    &["init", "check", "hub", "node", "users", "authority", "restore-secrets", "rehearse"];
const IMAGES: &[&str] = &["build", "verify", "cache", "doctor"];

/// The files that commands read and write.
pub const FILES: [Entry; 5] = [
    (
        "workshop.yaml, workshop.yml",
        WORKSHOP,
        "The workshop file in the current directory, unless another one is named.",
    ),
    (
        "workshop.secrets.yaml",
        WORKSHOP,
        "The secrets beside the workshop file, readable by their owner alone. Made on first use; keep them as long as the \
         workshop runs.",
    ),
    (
        "dist/",
        &["build", "doctor", "rehearse"],
        "The built images, their manifests and attestations, and SHA256SUMS.",
    ),
    ("dist/rehearsal/", &["rehearse"], "The serial logs and journals of rehearsed machines."),
    (
        "~/.cache/imagegen/",
        IMAGES,
        "The cache: root file systems, packages, container and cloud images, and the logs of failed builds.",
    ),
];

/// The environment variables that commands read.
pub const ENVIRONMENT: [Entry; 8] = [
    (
        "XDG_CACHE_HOME",
        IMAGES,
        "The directory of the cache is `imagegen` in this one, instead of in ~/.cache.",
    ),
    ("TMPDIR", &["build", "verify", "doctor", "rehearse"], "Where temporary files go, instead of /tmp."),
    (
        "SOURCE_DATE_EPOCH",
        &["build"],
        "Seconds since 1970. No file of an image gets a later modification time.",
    ),
    ("http_proxy, https_proxy, no_proxy", &["build", "verify"], "The proxy for downloads."),
    ("REGISTRY_AUTH_FILE", &["build"], "The credentials for registries, which skopeo alone reads."),
    ("NO_COLOR", &[], "If set and not empty, output has no colour unless --color says otherwise."),
    ("CLICOLOR_FORCE", &[], "If set to anything but 0, output is coloured even where it is not a terminal."),
    ("TERM", &[], "If `dumb`, output has no colour and no moving progress lines."),
];

/// Examples by command: what they do, and the line. The first one of a command is its simplest use.
pub const EXAMPLES: [(&str, &[(&str, &str)]); 23] = [
    (
        "imagegen",
        &[
            ("Write a workshop file to edit", "imagegen init"),
            ("Print the hub's user-data", "imagegen hub --output hub.yaml"),
            ("Print the user-data of all nodes", "imagegen node --hub-ip 10.0.0.5 --output node.yaml"),
        ],
    ),
    ("imagegen-init", &[("Write workshop.yaml", "imagegen init")]),
    (
        "imagegen-check",
        &[
            ("Check workshop.yaml", "imagegen check"),
            ("In a pipeline, fail on warnings too", "imagegen check spring.yaml --strict --json"),
            (
                "Check that an ordinary cloud image can be used",
                "imagegen check spring.yaml --stock --for nova",
            ),
        ],
    ),
    (
        "imagegen-hub",
        &[
            ("Write the hub's user-data to a private file", "imagegen hub --output hub.yaml"),
            ("Show what a change of the workshop file changes", "imagegen hub --diff hub.yaml"),
        ],
    ),
    (
        "imagegen-node",
        &[
            (
                "Write the nodes' user-data to a private file",
                "imagegen node --hub-ip 10.0.0.5 --output node.yaml",
            ),
            ("Show how large each part is", "imagegen node --hub-ip 10.0.0.5 --sizes"),
        ],
    ),
    (
        "imagegen-users",
        &[
            ("Print the users", "imagegen users"),
            ("Make cards to print, with passwords", "imagegen users --format cards --output cards.html"),
        ],
    ),
    ("imagegen-authority", &[("Print the certificate to import", "imagegen authority")]),
    (
        "imagegen-restore-secrets",
        &[("Restore the secrets from a saved text", "imagegen restore-secrets hub.yaml")],
    ),
    ("imagegen-schema", &[("Write the schema for an editor", "imagegen schema")]),
    (
        "imagegen-build",
        &[
            ("Build hub, node and notebook", "imagegen build all"),
            ("Show what would be built", "imagegen build hub node --plan"),
            (
                "Build from a lock, with events for a pipeline",
                "imagegen build hub node --lock lock.yaml --json",
            ),
            (
                "Build from recipes of your own, two stages at a time",
                "imagegen build node --recipes images --jobs 2",
            ),
        ],
    ),
    (
        "imagegen-inspect",
        &[
            ("Show what an image holds", "imagegen inspect dist/node.qcow2"),
            (
                "Fail on vulnerabilities that are high or worse",
                "imagegen inspect dist/node.qcow2 --advisories debian.json --fail-on high",
            ),
        ],
    ),
    (
        "imagegen-verify",
        &[
            ("Rebuild an image and compare", "imagegen verify dist/node.qcow2"),
            ("Check its signature first", "imagegen verify dist/node.qcow2 --signers allowed_signers"),
        ],
    ),
    ("imagegen-version", &[("Name the version and its commit", "imagegen version")]),
    ("imagegen-cache", &[("Show the cache", "imagegen cache"), ("Show it as JSON", "imagegen cache --json")]),
    (
        "imagegen-cache-prune",
        &[
            ("Remove what no build can use", "imagegen cache prune"),
            ("Keep the cache below 5 GiB", "imagegen cache prune --older-than 30d --max-size 5G"),
        ],
    ),
    ("imagegen-rehearse", &[("Rehearse a workshop with two nodes", "imagegen rehearse run --nodes 2")]),
    (
        "imagegen-rehearse-run",
        &[
            (
                "Rehearse your own workshop with six students",
                "imagegen rehearse run --students 6 --workshop spring.yaml",
            ),
            ("Look at the hub's page in a browser", "imagegen rehearse run --students 1 --forward 8443"),
        ],
    ),
    (
        "imagegen-rehearse-boot",
        &[("Boot an image on BIOS, UEFI and with Secure Boot", "imagegen rehearse boot dist/node.qcow2")],
    ),
    (
        "imagegen-rehearse-bench",
        &[
            ("Measure how long a node takes to join", "imagegen rehearse bench"),
            ("Measure how long a notebook takes to start", "imagegen rehearse bench --students 1"),
        ],
    ),
    ("imagegen-rehearse-attacks", &[("Attack a workshop of one node", "imagegen rehearse attacks")]),
    ("imagegen-doctor", &[("Show what this machine lacks", "imagegen doctor")]),
    ("imagegen-completions", &[("Print the completion script for bash", "imagegen completions bash")]),
    ("imagegen-man", &[("Write the man pages", "imagegen man ~/.local/share/man/man1")]),
];

/// The examples of a command, by the name of its man page.
#[must_use]
pub fn examples(page: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES.iter().find(|(name, _)| *name == page).map_or(&[], |(_, examples)| examples)
}

/// What matters to a command, by the name of its man page.
pub fn entries_for<'a>(entries: &'a [Entry], page: &'a str) -> impl Iterator<Item = &'a Entry> {
    let verb = page.strip_prefix("imagegen-");
    let concerns =
        move |name: &str| verb.is_none_or(|verb| verb == name || verb.starts_with(&format!("{name}-")));
    entries
        .iter()
        .filter(move |(_, commands, _)| commands.is_empty() || commands.iter().any(|it| concerns(it)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, visible_commands};

    fn pages(command: &clap::Command, parent: &str, found: &mut Vec<String>) {
        let name = if parent.is_empty() {
            command.get_name().to_owned()
        } else {
            format!("{parent}-{}", command.get_name())
        };
        command.get_subcommands().for_each(|it| pages(it, &name, found));
        found.push(name);
    }

    #[test]
    fn every_command_has_examples_and_each_of_them_parses() {
        let mut found = vec![];
        pages(&visible_commands(), "", &mut found);
        assert_eq!(found.len(), EXAMPLES.len());
        for page in found {
            assert!(!examples(&page).is_empty(), "{page}");
            for (_, line) in examples(&page) {
                let words = shlex::split(line).expect("a line of a shell");
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{page}: {line}: {error}"));
            }
        }
    }

    #[test]
    fn the_help_names_every_exit_code() {
        let about = visible_commands().get_long_about().expect("a text").to_string();
        for (code, _) in EXIT_STATUS {
            assert!(about.contains(&format!(" {code} ")), "{code}");
        }
    }

    #[test]
    fn a_file_or_variable_is_listed_where_it_matters() {
        let names = |page| entries_for(&ENVIRONMENT, page).map(|(name, ..)| *name).collect::<Vec<_>>();
        assert!(names("imagegen-cache-prune").contains(&"XDG_CACHE_HOME"));
        assert!(!names("imagegen-hub").contains(&"XDG_CACHE_HOME"));
        assert_eq!(names("imagegen").len(), ENVIRONMENT.len());
    }
}
