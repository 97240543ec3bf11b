//! Whether what a person reads is coloured.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ColorChoice;

static CHOICE: OnceLock<ColorChoice> = OnceLock::new();

/// Sets what `--color` says, once for the whole run.
pub fn set_colour(choice: ColorChoice) {
    // The first choice stays; a run has one command line.
    let _ = CHOICE.set(choice);
}

/// Whether talk is coloured.
pub(super) fn is_wanted() -> bool {
    let choice = CHOICE.get().copied().unwrap_or_default();
    decide(choice, |name| std::env::var_os(name), std::io::stderr().is_terminal())
}

/// Whether the terminal can move its cursor.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The command line decides before the environment, and the environment before the terminal: <https://no-color.org> and
/// <https://bixense.com/clicolors>.
fn decide(choice: ColorChoice, env: impl Fn(&str) -> Option<OsString>, is_terminal: bool) -> bool {
    let is_set = |name| env(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") => env("CLICOLOR_FORCE").is_some_and(|it| it != "0"),
        ColorChoice::Auto => is_terminal && env("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_stronger_than_the_environment_and_that_than_the_terminal() {
        let with = |choice, variables: &[(&str, &str)], terminal| {
            let env = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.into());
            decide(choice, env, terminal)
        };
        let (no, force, dumb) = (("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("TERM", "dumb"));
        for (wanted, choice, variables, terminal) in [
            (true, ColorChoice::Auto, &[][..], true),
            (false, ColorChoice::Auto, &[], false),
            (false, ColorChoice::Auto, &[no], true),
            (true, ColorChoice::Auto, &[("NO_COLOR", "")], true),
            (true, ColorChoice::Auto, &[force], false),
            (false, ColorChoice::Auto, &[("CLICOLOR_FORCE", "0")], false),
            (false, ColorChoice::Auto, &[no, force], true),
            (false, ColorChoice::Auto, &[dumb], true),
            (true, ColorChoice::Always, &[no, dumb], false),
            (false, ColorChoice::Never, &[force], true),
        ] {
            assert_eq!(with(choice, variables, terminal), wanted, "{choice} {variables:?} {terminal}");
        }
    }
}
