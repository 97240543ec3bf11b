//! What has changed since a user-data that runs already.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use similar::TextDiff;

use super::read_back::{self, FoundFile};
use super::{findings, paths, table};
use crate::document::Finding;

/// Keys of settings whose values are nobody's business.
const SECRET_KEYS: &[&str] = &["join_key"];

/// The differences as a unified diff, file by file, with secrets masked; empty where there are none. `name` stands for
/// the old text in messages.
///
/// # Errors
/// A finding where the old text is no user-data.
pub fn compare(name: &str, old: &str, new: &str) -> Result<String, Finding> {
    let not_userdata = |reason: String| findings::not_userdata(name, &reason);
    let mask = Mask { salt: Sha256::new_with_prefix(old).chain_update(new) };
    let old = read_back::files(old).map_err(not_userdata)?;
    let new = read_back::files(new).map_err(not_userdata)?;
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    Ok(paths.into_iter().map(|path| file(path, old.get(path), new.get(path), &mask)).collect())
}

fn file(path: &str, old: Option<&FoundFile>, new: Option<&FoundFile>, mask: &Mask) -> String {
    let shown = |found: Option<&FoundFile>| found.map(|file| mask.file(path, file)).unwrap_or_default();
    let label = |found: Option<&FoundFile>, side: &str| {
        found.map_or("/dev/null".to_owned(), |_| format!("{side}:{path}"))
    };
    let (before, after) = (shown(old), shown(new));
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().header(&label(old, "old"), &label(new, "new")).to_string()
}

/// Replaces secrets by a few digits of a hash, so that it still shows whether they have changed. The hash begins with both
/// texts: whoever does not have them, and with them the secrets, cannot try passwords on it.
struct Mask {
    salt: Sha256,
}

impl Mask {
    /// A file as it is shown: with a line for each user, and without secrets. Where root alone may read a file, every line
    /// is one, but for the files of which we know better.
    fn file(&self, path: &str, FoundFile { content, private }: &FoundFile) -> String {
        let line: &dyn Fn(&str) -> String = match path.strip_prefix(paths::SETTINGS) {
            _ if path == paths::USERS => return table::in_lines(content),
            Some("/settings.json") => &|line| self.value(line, ": ", |key| SECRET_KEYS.contains(&key)),
            Some("/passwords") => &|line| self.value(line, ":", |_| true),
            _ if *private => &|line| self.secret(line),
            _ => return content.clone(),
        };
        content.lines().map(|text| line(text) + "\n").collect()
    }

    /// A line of a key and a value, which is masked where the key says so.
    fn value(&self, line: &str, separator: &str, is_secret: impl Fn(&str) -> bool) -> String {
        match line.split_once(separator) {
            Some((key, value)) if is_secret(key.trim().trim_matches('"')) => {
                format!("{key}{separator}{}", self.secret(value.trim_end_matches(',')))
            }
            _ => line.to_owned(),
        }
    }

    fn secret(&self, text: &str) -> String {
        let digest = self.salt.clone().chain_update(text).finalize();
        format!("(secret {:02x}{:02x}{:02x})", digest[0], digest[1], digest[2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(settings: &str, other: &str) -> String {
        format!(
            "#cloud-config\nwrite_files:\n- path: /etc/imagegen/settings.json\n  permissions: '0600'\n  content: |\n{settings}\
             - path: /etc/other\n  permissions: '0644'\n  content: |\n{other}runcmd: [[x]]\n"
        )
    }

    #[test]
    fn changes_are_shown_by_file_and_secrets_are_not() {
        let old = text("    {\"join_key\": \"hunter2\",\n    \"hub\": \"10.0.0.5\"}\n", "    a\n");
        let old = old.replace("{\"join_key\"", "{\n    \"join_key\"");
        let new = old.replace("hunter2", "hunter3").replace("    a\n", "    b\n");
        let shown = compare("old", &old, &new).expect("two texts");
        assert!(shown.contains("--- old:/etc/other\n+++ new:/etc/other\n@@ -1 +1 @@\n-a\n+b\n"), "{shown}");
        assert!(shown.contains("-\"join_key\": (secret "), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert_eq!(compare("old", &old, &old).expect("two texts"), "");
    }

    #[test]
    fn what_only_bears_the_name_of_a_file_of_ours_is_a_secret_in_every_line() {
        let old = text("    {}\n", "    a\n").replace("/etc/imagegen/settings.json", "/root/settings.json");
        let new = old.replace("{}", "{\"api_token\": \"hunter2\"}");
        let shown = compare("old", &old, &new).expect("two texts");
        assert!(shown.contains("+(secret ") && !shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn what_is_no_userdata_is_told() {
        assert!(compare("old", "#!/bin/sh\n", "").is_err());
        assert!(compare("old", "Content-Type: application/gzip\nMIME-Version: 1.0\n\n!!!", "").is_err());
    }
}
