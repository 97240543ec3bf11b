//! Addresses of pages for people, where a repository or an archive is meant.

/// What a page should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// What the address leads to.
    pub(super) what: &'static str,
    /// What to write instead.
    pub(super) remedy: String,
}

impl Page {
    fn new(what: &'static str, remedy: impl Into<String>) -> Self {
        Self { what, remedy: remedy.into() }
    }
}

/// The parts of an address.
struct Url<'a> {
    whole: &'a str,
    host: &'a str,
    /// Between slashes, without a query.
    path: Vec<&'a str>,
    query: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (_, rest) = text.split_once("://")?;
        let rest = rest.split('#').next()?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = place.split_once('/').unwrap_or((place, ""));
        let host = host.strip_prefix("www.").unwrap_or(host);
        Some(Self {
            whole: text,
            host,
            path: path.split('/').filter(|part| !part.is_empty()).collect(),
            query,
        })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn is_on(&self, hosts: &[&str]) -> bool {
        let below = |host: &str| {
            self.host.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        hosts.iter().copied().any(below)
    }

    /// The address of the first parts of the path.
    fn top(&self, parts: usize) -> String {
        format!("https://{}/{}", self.host, self.path[..parts].join("/"))
    }
}

const ARCHIVES: &[&str] =
    &[".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.zst"];

fn is_archive(name: &str) -> bool {
    ARCHIVES.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending))
}

/// What is wrong with the address of a repository.
pub(super) fn instead_of_git(text: &str) -> Option<Page> {
    let url = Url::parse(text)?;
    drive(&url).or_else(|| in_forge(&url, Wanted::Repository)).or_else(|| {
        url.path.last().filter(|name| is_archive(name))?;
        Some(Page::new("an archive, not a repository", format!("write `archive: {text}`")))
    })
}

/// What is wrong with the address of an archive.
pub(super) fn instead_of_an_archive(text: &str) -> Option<Page> {
    let url = Url::parse(text)?;
    if url.path.last().and_then(|name| name.strip_suffix(".git")).is_some() {
        return Some(Page::new("a repository, not an archive", format!("write `git: {text}`")));
    }
    drive(&url).or_else(|| in_forge(&url, Wanted::Archive)).or_else(|| record(&url))
}

/// What the organiser asked for.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Repository,
    Archive,
}

/// Where a forge has the parts of a repository's pages.
struct Forge {
    /// How many parts of the path are the repository's.
    repository: usize,
    /// What stands between those and the page (GitLab's `-`).
    route: usize,
    kind: ForgeKind,
}

#[derive(Clone, Copy, PartialEq)]
enum ForgeKind {
    GitHub,
    GitLab,
    Gitea,
    Bitbucket,
    HuggingFace,
}

fn forge(url: &Url<'_>) -> Option<Forge> {
    let dash = url.path.iter().position(|part| *part == "-");
    let of = |repository, route, kind| Some(Forge { repository, route, kind });
    if url.is_on(&["github.com"]) && url.host != "gist.github.com" && !url.host.starts_with("codeload.") {
        of(2, 0, ForgeKind::GitHub)
    } else if let Some(dash) = dash.filter(|dash| *dash >= 2) {
        of(dash, 1, ForgeKind::GitLab)
    } else if url.is_on(&["bitbucket.org"]) {
        of(2, 0, ForgeKind::Bitbucket)
    } else if url.is_on(&["huggingface.co"]) {
        of(if ["datasets", "spaces"].contains(url.path.first()?) { 3 } else { 2 }, 0, ForgeKind::HuggingFace)
    } else if url.is_on(&["codeberg.org", "gitea.com"])
        || url.path.get(2..4).is_some_and(|part| part == ["src", "branch"])
    {
        of(2, 0, ForgeKind::Gitea)
    } else if url.is_on(&["gitlab.com"]) || url.host.starts_with("gitlab.") {
        of(url.path.len(), 0, ForgeKind::GitLab)
    } else if url.path.len() > 3 && ["tree", "blob"].contains(&url.path[2]) {
        of(2, 0, ForgeKind::GitHub)
    } else {
        None
    }
}

fn in_forge(url: &Url<'_>, wanted: Wanted) -> Option<Page> {
    let forge = forge(url)?;
    let repository = url.path.get(..forge.repository)?;
    let name = repository.last()?.trim_end_matches(".git");
    let top = url.top(forge.repository);
    let rest = &url.path[forge.repository + forge.route..];
    let Some(route) = rest.first() else {
        return (wanted == Wanted::Archive).then(|| {
            Some(Page::new("the page of a repository, not an archive", format!("write `git: {top}`")))
        })?;
    };
    let (reference, file) = reference(forge.kind, rest);
    let git = |reference: Option<&str>| match reference {
        Some(reference) => format!("write `git: {top}` and `ref: {reference}`"),
        None => format!("write `git: {top}`"),
    };
    match (*route, wanted) {
        ("tree" | "src" | "commits" | "commit" | "branches" | "tags", Wanted::Repository) => {
            Some(Page::new("a page about a repository, not the repository", git(reference)))
        }
        ("tree" | "src", Wanted::Archive) if file.is_empty() || forge.kind != ForgeKind::Bitbucket => {
            let reference = reference.unwrap_or("main");
            let archive = archive(forge.kind, &top, name, reference);
            Some(Page::new(
                "a page about a repository, not an archive",
                archive.map_or(git(Some(reference)), |it| format!("write `archive: {it}`")),
            ))
        }
        ("blob" | "raw" | "resolve", Wanted::Repository) => {
            Some(Page::new("a file of a repository, not the repository", git(reference)))
        }
        ("blob", Wanted::Archive) => blob(forge.kind, &top, reference, &file, &git(reference)),
        ("releases", _) => releases(forge.kind, &top, name, rest, wanted),
        ("archive", Wanted::Repository) => {
            Some(Page::new("an archive, not a repository", format!("write `archive: {}`", url.whole)))
        }
        (
            "wiki" | "issues" | "pull" | "pulls" | "actions" | "merge_requests" | "pipelines" | "discussions",
            _,
        ) => Some(Page::new("a page about a repository, not the repository", git(None))),
        _ => None,
    }
}

/// The branch or tag in the path of a page, and the file behind it.
fn reference<'a>(kind: ForgeKind, rest: &[&'a str]) -> (Option<&'a str>, String) {
    let skipped = if kind == ForgeKind::Gitea
        && rest.get(1).is_some_and(|part| ["branch", "tag", "commit"].contains(part))
    {
        2
    } else {
        1
    };
    (rest.get(skipped).copied(), rest.get(skipped + 1..).unwrap_or_default().join("/"))
}

/// The archive of a branch or tag.
fn archive(kind: ForgeKind, top: &str, name: &str, reference: &str) -> Option<String> {
    match kind {
        ForgeKind::GitHub | ForgeKind::Gitea => Some(format!("{top}/archive/{reference}.tar.gz")),
        ForgeKind::GitLab => Some(format!("{top}/-/archive/{reference}/{name}-{reference}.tar.gz")),
        ForgeKind::Bitbucket => Some(format!("{top}/get/{reference}.tar.gz")),
        ForgeKind::HuggingFace => None,
    }
}

fn blob(kind: ForgeKind, top: &str, reference: Option<&str>, file: &str, git: &str) -> Option<Page> {
    let reference = reference?;
    if !is_archive(file) {
        return Some(Page::new("a page about a file, not an archive", git));
    }
    let raw = match kind {
        ForgeKind::GitLab => format!("{top}/-/raw/{reference}/{file}"),
        ForgeKind::HuggingFace => format!("{top}/resolve/{reference}/{file}"),
        _ => format!("{top}/raw/{reference}/{file}"),
    };
    Some(Page::new("a page about a file, not the file", format!("write `archive: {raw}`")))
}

/// A page with releases leads to files that only their own addresses name.
fn releases(kind: ForgeKind, top: &str, name: &str, rest: &[&str], wanted: Wanted) -> Option<Page> {
    const WHAT: &str = "a page about releases";
    let is_file = rest.get(1).is_some_and(|part| ["download", "permalink"].contains(part))
        || rest.contains(&"downloads");
    let tag = match kind {
        ForgeKind::GitLab => rest.get(1).copied(),
        _ => rest.get(2).copied().filter(|_| rest.get(1) == Some(&"tag")),
    };
    match (wanted, tag) {
        (Wanted::Archive, _) if is_file || rest.last().is_some_and(|name| is_archive(name)) => None,
        (Wanted::Repository, Some(tag)) => {
            Some(Page::new(WHAT, format!("write `git: {top}` and `ref: {tag}`")))
        }
        (Wanted::Repository, None) => Some(Page::new(WHAT, format!("write `git: {top}`"))),
        (Wanted::Archive, Some(tag)) => {
            let sources = archive(kind, top, name, tag).unwrap_or_default();
            Some(Page::new(
                WHAT,
                format!(
                    "copy the address of one of its files, or write `archive: {sources}` for the sources"
                ),
            ))
        }
        (Wanted::Archive, None) => Some(Page::new(
            WHAT,
            format!("copy the address of one of its files, or write `git: {top}` for the sources"),
        )),
    }
}

/// Pages of services where people share files.
fn drive(url: &Url<'_>) -> Option<Page> {
    const WHAT: &str = "a page of a drive, not the file";
    const ELSEWHERE: &str =
        "put the file where a download needs no page, as on a web server of your institution";
    let archive = |link: String| Some(Page::new(WHAT, format!("write `archive: {link}`")));
    if url.is_on(&["drive.google.com", "docs.google.com"]) {
        return Some(google(url));
    }
    if url.is_on(&["dropbox.com"]) && !url.is_on(&["dl.dropbox.com"]) {
        let ready = ["dl", "raw"].iter().any(|name| url.parameter(name) == Some("1"));
        let kept = url.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("dl="));
        let query = kept.chain(["dl=1"]).collect::<Vec<_>>().join("&");
        return (!ready)
            .then(|| archive(format!("https://www.dropbox.com/{}?{query}", url.path.join("/"))))?;
    }
    if url.is_on(&["sharepoint.com"]) && url.path.first().is_some_and(|part| part.starts_with(':')) {
        let ready = url.parameter("download") == Some("1");
        let join = if url.query.is_empty() { '?' } else { '&' };
        return (!ready).then(|| archive(format!("{}{join}download=1", url.whole)))?;
    }
    if url.is_on(&["onedrive.live.com"]) {
        let ready = url.path.first() == Some(&"download");
        return (!ready).then(|| archive(format!("https://onedrive.live.com/download?{}", url.query)))?;
    }
    // Nextcloud and ownCloud: a share has a token of 15 letters or digits.
    let share = url.path.iter().position(|part| *part == "s").filter(|at| at + 2 == url.path.len());
    let is_token = |token: &str| token.len() == 15 && token.chars().all(|c| c.is_ascii_alphanumeric());
    if share.is_some() && url.path.last().is_some_and(|token| is_token(token)) {
        return archive(format!("{}/download", url.top(url.path.len())));
    }
    let with_pages_alone = [
        "1drv.ms",
        "box.com",
        "wetransfer.com",
        "we.tl",
        "mega.nz",
        "icloud.com",
        "photos.google.com",
        "pcloud.com",
    ];
    if url.is_on(&with_pages_alone) { Some(Page::new(WHAT, ELSEWHERE)) } else { None }
}

fn google(url: &Url<'_>) -> Page {
    const WHAT: &str = "a page of Google Drive, not the file";
    let after = |part: &str| {
        let at = url.path.iter().position(|other| *other == part)?;
        url.path.get(at + 1).copied()
    };
    if url.path.contains(&"folders") {
        return Page::new(
            WHAT,
            "a folder cannot be fetched: pack it into an archive, share that, and write its address",
        );
    }
    match after("d").or(url.parameter("id")) {
        Some(id) => Page::new(
            WHAT,
            format!(
                "write `archive: https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t`"
            ),
        ),
        None => Page::new(WHAT, "share the file for everybody with the link, and write that"),
    }
}

/// Pages of archives of research data.
fn record(url: &Url<'_>) -> Option<Page> {
    const WHAT: &str = "a page about files, not a file";
    let number =
        url.path.get(1).filter(|_| url.path.len() == 2 && ["record", "records"].contains(&url.path[0]));
    if let Some(number) = number.filter(|_| url.is_on(&["zenodo.org"])) {
        return Some(Page::new(
            WHAT,
            format!("write `archive: https://zenodo.org/api/records/{number}/files-archive`"),
        ));
    }
    if url.is_on(&["doi.org"]) {
        return Some(Page::new(WHAT, "follow it, and copy the address of one of the files there"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const COURSE: &str = "write `git: https://github.com/ada/course`";
    const GOOGLE: &str = "write `archive: https://drive.usercontent.google.com/download?id=1AbC_d-E&export=download&confirm=t`";

    const REPOSITORIES: &[(&str, &str)] = &[
        ("https://github.com/ada/course", ""),
        ("https://github.com/ada/course.git", ""),
        ("https://github.com/ada/course/", ""),
        ("https://gist.github.com/ada/0123456789abcdef", ""),
        ("https://gitlab.com/group/sub/course.git", ""),
        ("https://git.example.org/tree/course.git", ""),
        ("https://example.org/course.git", ""),
        (
            "https://github.com/ada/course/tree/main",
            "write `git: https://github.com/ada/course` and `ref: main`",
        ),
        (
            "https://www.github.com/ada/course/tree/v2/lessons",
            "write `git: https://github.com/ada/course` and `ref: v2`",
        ),
        (
            "https://github.com/ada/course/blob/main/a.ipynb",
            "write `git: https://github.com/ada/course` and `ref: main`",
        ),
        ("https://github.com/ada/course/releases", COURSE),
        (
            "https://github.com/ada/course/releases/tag/v1.0",
            "write `git: https://github.com/ada/course` and `ref: v1.0`",
        ),
        ("https://github.com/ada/course/issues/3", COURSE),
        ("https://github.com/ada/course/wiki", COURSE),
        (
            "https://gitlab.com/g/sub/course/-/tree/main",
            "write `git: https://gitlab.com/g/sub/course` and `ref: main`",
        ),
        (
            "https://git.uni.example/g/course/-/blob/main/x.md",
            "write `git: https://git.uni.example/g/course` and `ref: main`",
        ),
        (
            "https://bitbucket.org/ada/course/src/main/",
            "write `git: https://bitbucket.org/ada/course` and `ref: main`",
        ),
        (
            "https://codeberg.org/ada/course/src/branch/dev",
            "write `git: https://codeberg.org/ada/course` and `ref: dev`",
        ),
        (
            "https://huggingface.co/datasets/ada/data/tree/main",
            "write `git: https://huggingface.co/datasets/ada/data` and `ref: main`",
        ),
        (
            "https://github.com/ada/course/archive/main.zip",
            "write `archive: https://github.com/ada/course/archive/main.zip`",
        ),
        ("https://example.org/course.tar.gz", "write `archive: https://example.org/course.tar.gz`"),
    ];

    const ARCHIVES_MEANT: &[(&str, &str)] = &[
        ("https://example.org/data.tar.gz", ""),
        ("https://example.org/download?file=3", ""),
        ("https://github.com/ada/course/archive/refs/tags/v1.tar.gz", ""),
        ("https://github.com/ada/course/releases/download/v1/data.zip", ""),
        ("https://github.com/ada/course/releases/latest/download/data.zip", ""),
        ("https://github.com/ada/course/raw/main/data.zip", ""),
        ("https://codeload.github.com/ada/course/zip/main", ""),
        ("https://gitlab.com/g/course/-/archive/main/course-main.zip", ""),
        ("https://zenodo.org/records/1234/files/data.zip?download=1", ""),
        ("https://www.dropbox.com/s/abc/data.zip?dl=1", ""),
        ("https://drive.usercontent.google.com/download?id=1&confirm=t", ""),
        ("https://cloud.example.org/s/0123456789abcde/download", ""),
        ("https://github.com/ada/course", "write `git: https://github.com/ada/course`"),
        ("https://github.com/ada/course.git", "write `git: https://github.com/ada/course.git`"),
        ("https://gitlab.com/g/sub/course", "write `git: https://gitlab.com/g/sub/course`"),
        (
            "https://github.com/ada/course/tree/main",
            "write `archive: https://github.com/ada/course/archive/main.tar.gz`",
        ),
        (
            "https://gitlab.com/g/course/-/tree/main",
            "write `archive: https://gitlab.com/g/course/-/archive/main/course-main.tar.gz`",
        ),
        (
            "https://github.com/ada/course/blob/main/d/data.zip",
            "write `archive: https://github.com/ada/course/raw/main/d/data.zip`",
        ),
        (
            "https://gitlab.com/g/course/-/blob/main/data.zip",
            "write `archive: https://gitlab.com/g/course/-/raw/main/data.zip`",
        ),
        (
            "https://huggingface.co/ada/m/blob/main/m.tar.gz",
            "write `archive: https://huggingface.co/ada/m/resolve/main/m.tar.gz`",
        ),
        ("https://drive.google.com/file/d/1AbC_d-E/view?usp=sharing", GOOGLE),
        ("https://drive.google.com/open?id=1AbC_d-E", GOOGLE),
        ("https://drive.google.com/uc?id=1AbC_d-E", GOOGLE),
        (
            "https://www.dropbox.com/scl/fi/x/data.zip?rlkey=k&dl=0",
            "write `archive: https://www.dropbox.com/scl/fi/x/data.zip?rlkey=k&dl=1`",
        ),
        (
            "https://www.dropbox.com/s/abc/data.zip",
            "write `archive: https://www.dropbox.com/s/abc/data.zip?dl=1`",
        ),
        (
            "https://uni-my.sharepoint.com/:u:/g/personal/x/E?e=1",
            "write `archive: https://uni-my.sharepoint.com/:u:/g/personal/x/E?e=1&download=1`",
        ),
        (
            "https://cloud.example.org/s/0123456789abcde",
            "write `archive: https://cloud.example.org/s/0123456789abcde/download`",
        ),
        (
            "https://cloud.example.org/index.php/s/0123456789abcde",
            "write `archive: https://cloud.example.org/index.php/s/0123456789abcde/download`",
        ),
        (
            "https://zenodo.org/records/1234",
            "write `archive: https://zenodo.org/api/records/1234/files-archive`",
        ),
    ];

    const WORDS: &[(&str, &str)] = &[
        ("https://drive.google.com/drive/folders/1AbC", "pack it"),
        ("https://1drv.ms/u/s!abc", "needs no page"),
        ("https://wetransfer.com/downloads/abc", "needs no page"),
        ("https://doi.org/10.5281/zenodo.1234", "follow it"),
        ("https://github.com/ada/course/releases", "one of its files"),
        ("https://github.com/ada/course/releases/latest", "one of its files"),
        ("https://github.com/ada/course/releases/tag/v1", "archive/v1.tar.gz"),
    ];

    fn remedy(found: Option<Page>) -> String {
        found.map(|page| page.remedy).unwrap_or_default()
    }

    #[test]
    fn pages_instead_of_a_repository_lead_to_it() {
        for (url, wanted) in REPOSITORIES {
            assert_eq!(remedy(instead_of_git(url)), *wanted, "{url}");
        }
    }

    #[test]
    fn pages_instead_of_an_archive_lead_to_it() {
        for (url, wanted) in ARCHIVES_MEANT {
            assert_eq!(remedy(instead_of_an_archive(url)), *wanted, "{url}");
        }
        for (url, words) in WORDS {
            assert!(remedy(instead_of_an_archive(url)).contains(words), "{url}");
        }
    }
}
