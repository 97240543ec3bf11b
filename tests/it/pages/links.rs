//! Links between pages lead somewhere, and links lead from README to every page.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Page, page, pages, without_code};
use crate::project;

/// The targets of a page's links, each with its place.
fn links(page: &Page) -> Vec<(String, String)> {
    let links = page.prose().flat_map(|line| {
        let text = without_code(&line.text);
        let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
        targets.map(|target| (page.place(line), target)).collect::<Vec<_>>()
    });
    links.collect()
}

/// The name by which GitHub and GitLab lead to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || [' ', '-', '_'].contains(it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let headings = page.prose().filter(|line| line.text.starts_with('#'));
    headings.map(|line| anchor(line.text.trim_start_matches('#').trim())).collect()
}

/// A path with its `..` taken out, which is the same where nothing is a symbolic link.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Where a link leads: the path in the project, and the anchor.
fn target(from: &Page, link: &str) -> (PathBuf, Option<String>) {
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, it)| (path, Some(it.to_owned())));
    let folder = Path::new(&from.path).parent().unwrap();
    let path = if path.is_empty() { PathBuf::from(&from.path) } else { plain(&folder.join(path)) };
    (path, anchor)
}

/// What is wrong with a link.
fn fault(from: &Page, link: &str) -> Option<&'static str> {
    if link.starts_with("https://") {
        return None;
    }
    let (path, anchor) = target(from, link);
    if !project(path.to_str()?).exists() {
        return Some("leads to nothing");
    }
    let known = |anchor: &String| anchors(&page(path.to_str().unwrap())).contains(anchor);
    anchor.filter(|anchor| !known(anchor)).map(|_| "has an anchor that the page lacks")
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        for (place, link) in links(&page) {
            assert_eq!(fault(&page, &link), None, "{place}: {link}");
        }
    }
}

/// The pages that a page links to.
fn linked(from: &Page) -> BTreeSet<PathBuf> {
    let targets = links(from).into_iter().map(|(_, link)| target(from, &link).0);
    targets.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn links_lead_from_readme_to_every_page() {
    let mut reached = BTreeSet::from([PathBuf::from("README.md")]);
    let mut waiting: Vec<PathBuf> = reached.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        let more = linked(&page(path.to_str().unwrap()));
        waiting.extend(more.into_iter().filter(|path| reached.insert(path.clone())));
    }
    let all: BTreeSet<PathBuf> = pages().iter().map(|page| PathBuf::from(&page.path)).collect();
    assert_eq!(all, reached);
}

#[test]
fn a_broken_link_is_noticed() {
    let readme = page("README.md");
    assert_eq!(fault(&readme, "userdata/README.md#ports-and-firewall"), None);
    assert!(fault(&readme, "userdata/README.md#no-such-heading").is_some());
    assert!(fault(&readme, "userdata/missing.md").is_some());
    assert_eq!(anchor("User-data: `what` is pasted"), "user-data-what-is-pasted");
}
