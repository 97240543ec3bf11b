//! Help, completions, man pages, exit codes.

use imagegen::cli::visible_commands;

use crate::{imagegen, text};

/// Every command that a user can type, by its words after `imagegen`; clap's own list, so that none is forgotten.
fn commands() -> Vec<Vec<String>> {
    fn walk(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for subcommand in command.get_subcommands() {
            walk(subcommand, &[words, &[subcommand.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = vec![];
    walk(&visible_commands(), &[], &mut found);
    found
}

/// What `--help` of a command prints.
fn help(words: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn help_fits_a_terminal() {
    for words in commands() {
        for line in help(&words).lines() {
            assert!(line.chars().count() <= 100, "{words:?}: {line}");
        }
    }
}

/// The whole command line on one page: a changed flag changes this snapshot.
#[test]
fn reference() {
    let chapter = |words: &Vec<String>| {
        let name = [&["imagegen".to_owned()], &words[..]].concat().join(" ");
        format!("# {name}\n\n{}", help(words))
    };
    insta::assert_snapshot!(commands().iter().map(chapter).collect::<Vec<_>>().join("\n"));
}

#[test]
fn without_a_command_the_first_steps_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let output = imagegen(folder.path()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
    let said = text(&output.stderr);
    for step in ["imagegen init", "imagegen hub", "imagegen node --hub-ip"] {
        assert!(said.contains(step), "{said}");
    }
}

#[test]
fn colour_is_for_whoever_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("workshop.yaml"), "version: 9\n").unwrap();
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = imagegen(folder.path());
        command.arg("check").args(arguments).envs(variables.iter().copied());
        text(&command.output().unwrap().stderr).contains('\u{1b}')
    };
    assert!(!is_coloured(&[], &[]), "standard error is no terminal here");
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    imagegen(folder.path()).arg("frobnicate").assert().code(2);
    imagegen(folder.path()).args(["node", "--for", "mars"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "boot", "a", "--nodes", "2"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "boot", "a", "--datasource", "metadata"]).assert().code(2);
    imagegen(folder.path()).args(["rehearse", "run", "--network", "token-ring"]).assert().code(2);
}

#[test]
fn a_slow_service_that_nobody_asks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for late in ["--metadata-delay", "--metadata-failures"] {
        let output = imagegen(folder.path()).args(["rehearse", "run", late, "90"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("add `--datasource metadata`"), "{}", text(&output.stderr));
    }
}

#[test]
fn completions_offer_every_command_and_no_hidden_one() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = imagegen(folder.path()).args(["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        for word in commands().iter().flatten() {
            assert!(script.contains(word.as_str()), "{shell}: {word}");
        }
        assert!(!script.contains("reaper"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page_with_all_sections() {
    let folder = tempfile::tempdir().unwrap();
    imagegen(folder.path()).args(["man", "pages"]).assert().success();
    for words in commands() {
        let name = [&["imagegen".to_owned()], &words[..]].concat().join("-");
        let page = std::fs::read_to_string(folder.path().join(format!("pages/{name}.1"))).unwrap();
        for section in ["SYNOPSIS", "OPTIONS", "EXAMPLES", "ENVIRONMENT", "\"EXIT STATUS\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{name}: {section}\n{page}");
        }
        assert!(page.contains("130"), "{name}");
    }
    let page = std::fs::read_to_string(folder.path().join("pages/imagegen-build.1")).unwrap();
    assert!(page.contains("\n.SH FILES\n") && page.contains("imagegen/"), "{page}");
    assert_eq!(std::fs::read_dir(folder.path().join("pages")).unwrap().count(), commands().len());
}

#[test]
fn a_program_reads_what_a_check_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong.yaml"), "version: 1\nengin: swarm\n").unwrap();
    let check = |arguments: &[&str], code: i32| -> serde_json::Value {
        let output = imagegen(folder.path()).args(["check", "--json"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let wrong = check(&["wrong.yaml"], 1);
    assert_eq!((&wrong["format"], &wrong["workshop"]), (&1.into(), &serde_json::Value::Null));
    assert_eq!(wrong["findings"][0]["severity"], "error");
    assert_eq!(wrong["findings"][0]["locations"][0]["line"], 2);
    let missing = check(&["nowhere.yaml"], 1);
    assert!(missing["findings"][0]["message"].as_str().unwrap().contains("nowhere.yaml"), "{missing}");
    let [golden, stock] = [&[][..], &["--stock", "--for", "nova"]].map(|arguments| check(arguments, 0));
    assert_eq!(golden["workshop"]["users"], 30);
    assert_eq!(golden["workshop"]["userdata"][0]["platform"], "horizon");
    let bytes = |report: &serde_json::Value| report["workshop"]["userdata"][0]["bytes"].as_u64().unwrap();
    assert!(bytes(&stock) > bytes(&golden), "the programs travel along: {stock}");
}

#[test]
fn a_program_reads_a_plan_and_what_the_machine_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let json = |arguments: &[&str]| -> serde_json::Value {
        let mut command = imagegen(folder.path());
        command.args(arguments).env("PATH", "").env("XDG_CACHE_HOME", folder.path());
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    };
    let plan = json(&["build", "node", "--plan", "--json"]);
    let stages = plan["stages"].as_array().unwrap();
    let last = stages.last().unwrap();
    assert_eq!((&last["stage"], &last["requested"]), (&"image node".into(), &true.into()));
    assert!(stages.iter().all(|stage| stage["cached"] == false), "{plan}");
    assert!(stages.iter().any(|stage| stage["key"] == last["needs"][0]), "{plan}");
    let missing = json(&["doctor", "--json"]);
    assert_eq!(missing["commands"][0]["command"], "imagegen build");
    assert!(missing["commands"][0]["missing"][0]["fix"].is_string(), "{missing}");
}

#[test]
fn a_rehearsal_without_images_says_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in
        [vec!["rehearse", "run"], vec!["rehearse", "bench"], vec!["rehearse", "boot", "node.qcow2"]]
    {
        let output = imagegen(folder.path()).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("imagegen build all"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_host_without_the_tools_is_told_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no programs here");
    // What the cache has is not made anew, and needs no program.
    let cache = tempfile::tempdir().unwrap();
    for (arguments, missing) in [
        (["build", "all"], "apt-get install mmdebstrap"),
        (["rehearse", "run"], "apt-get install --allow-downgrades"),
    ] {
        let mut command = imagegen(folder.path());
        command.args(arguments).env("PATH", &path).env("XDG_CACHE_HOME", cache.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(missing), "{}", text(&output.stderr));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was begun");
    }
}

#[test]
fn the_version_is_said_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let [verb, option] = ["version", "--version"]
        .map(|argument| text(&imagegen(folder.path()).arg(argument).output().unwrap().stdout));
    assert_eq!(verb, option);
    // The commit, which only release builds name, is looked at by .ci/release-check.
    assert!(verb.starts_with(concat!("imagegen ", env!("CARGO_PKG_VERSION"))), "{verb}");
}
