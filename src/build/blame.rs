//! Which line of a recipe a failed tool complains about.

use super::mmdebstrap::INSIDE;
use crate::document::Location;
use crate::failure::Failure;
use crate::host::tool_failure::ToolFailure;
use crate::plan::RootTree;
use crate::recipe::Bundle;

/// The failure of a step that makes one of `trees`, with the line of the recipe that it is about.
pub(super) fn name_line(failure: Failure, trees: &[&RootTree]) -> Failure {
    let Failure::Work(mut error) = failure else { return failure };
    let Some(failed) = error.downcast_mut::<ToolFailure>() else { return error.into() };
    if let Some((path, location)) = trees.iter().find_map(|tree| script(failed.failed_part(), tree)) {
        let place = format!("{}: {path}", location.file_and_line());
        if let Some(complaint) = failed.complaint_mut() {
            // As the shell names the script, of whose place in the image nobody has to know.
            complaint.sentence = complaint.sentence.replace(&format!("{INSIDE}: "), "line ");
        }
        return error.context(place).into();
    }
    let sentence = failed.complaint().map(|complaint| complaint.sentence.clone()).unwrap_or_default();
    match trees.iter().find_map(|tree| package(&sentence, tree)) {
        Some(location) => error.context(location.file_and_line()).into(),
        None => error.into(),
    }
}

/// The failure of the download of a bundle, with the line of the recipe that names its lock.
pub(super) fn name_bundle(failure: Failure, bundle: &Bundle) -> Failure {
    match (failure, &bundle.location) {
        (Failure::Work(error), Some(location)) => {
            error.context(format!("{}: {}", location.file_and_line(), bundle.path)).into()
        }
        (failure, _) => failure,
    }
}

/// The script or bundle of a recipe that `part` of the work names.
fn script<'a>(part: &str, tree: &'a RootTree) -> Option<(&'a str, &'a Location)> {
    let words: Vec<&str> = part.split([' ', ';', '\'', '"', '(', ')']).collect();
    let bundles =
        tree.sets.iter().filter_map(|(_, bundle)| Some((bundle.path.as_str(), bundle.location.as_ref()?)));
    tree.places.scripts().chain(bundles).find(|(path, _)| words.contains(path))
}

/// The place of the first package of a recipe that a sentence names.
fn package<'a>(sentence: &str, tree: &'a RootTree) -> Option<&'a Location> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let words = sentence.split(|c: char| !is_of_name(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| !word.is_empty()).find_map(|word| tree.places.package(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, HostFacts, Request, plan};
    use crate::recipe::{Catalogue, Chain};

    fn tree() -> RootTree {
        let recipe = "version: 1\nsuite: trixie\npackages:\n- curl\n- jqq\nscripts: [scripts/a.sh]\n\
                      python: [{lock: locks/a.txt, into: opt/a, version: '3.13'}]\n";
        let files = [("a.yaml", recipe), ("scripts/a.sh", ""), ("locks/a.txt", "")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into_iter();
        let chain = Chain::load(&Catalogue::new("recipes", files.collect()), "a").expect("sound");
        let plan = plan(&Request { layers: vec![chain], ..Request::default() }, &HostFacts::default());
        let is_tree = |action| if let Action::Layer(tree) = action { Some(tree) } else { None };
        plan.stages.into_iter().find_map(|stage| is_tree(stage.action)).expect("a tree")
    }

    fn first_line(part: &str, output: &str) -> String {
        let failure = anyhow::Error::new(ToolFailure::new(part.into(), output.into(), None)).into();
        name_line(failure, &[&tree()]).to_string().lines().next().expect("a line").to_owned()
    }

    #[test]
    fn a_package_is_named_by_the_line_of_the_recipe_that_asks_for_it() {
        let output = "E: Unable to locate package jqq\nE: command failed: sh resolve \"$1\" add curl jqq\n";
        assert_eq!(first_line("`mmdebstrap`", output), "recipes/a.yaml:5: apt: Unable to locate package jqq");
        let output = "dpkg: error processing package curl (--configure):\n it failed\nE: Sub-process\n";
        let said = first_line("installing packages (exit code 100)", output);
        assert_eq!(said, "recipes/a.yaml:4: dpkg: error processing package curl (--configure): it failed");
    }

    #[test]
    fn a_script_is_named_with_the_line_inside_it() {
        let hook = "E: command failed: : scripts/a.sh; chroot \"$1\" sh -eu /imagegen-script";
        let output = format!("/imagegen-script: 3: nosuch: not found\n{hook}\n");
        assert_eq!(
            first_line("`mmdebstrap`", &output),
            "recipes/a.yaml:6: scripts/a.sh: line 3: nosuch: not found"
        );
        assert_eq!(
            first_line("running scripts/a.sh (exit code 1)", "no"),
            "recipes/a.yaml:6: scripts/a.sh: no"
        );
    }

    #[test]
    fn a_bundle_is_named_by_the_line_of_its_lock() {
        let output = "ERROR: No matching distribution found for a==1";
        let said = first_line("installing locks/a.txt (exit code 1)", output);
        let expected = "recipes/a.yaml:7: locks/a.txt: pip: No matching distribution found for a==1";
        assert_eq!(said, expected);
        let failure =
            anyhow::Error::new(ToolFailure::new("`pip3` failed".into(), output.into(), None)).into();
        let said = name_bundle(failure, &tree().sets[0].1).to_string();
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn what_is_in_no_recipe_has_no_line() {
        let output = "E: Failed to fetch http://archive.example/c/curlew_1_amd64.deb  404  Not Found";
        assert!(first_line("`apt`", output).starts_with("apt: Failed to fetch"));
    }
}
