//! `imagegen cache`.

use crate::util::size;
use anyhow::Context;
use serde_json::json;

use crate::build::{Cache, CacheEntry, CacheKind, Pruning};
use crate::cli::{CacheAction, CacheArgs, PruneArgs};
use crate::failure::Result;
use crate::report;

/// How much of a key is shown to a person.
const KEY: usize = 12;

/// Runs the command.
pub fn run(args: &CacheArgs) -> Result<()> {
    let cache = Cache::open_default()?;
    match args.action {
        Some(CacheAction::Prune(prune)) => self::prune(&cache, prune),
        None if args.json => report::data(&as_json(&cache)?),
        None => report::data(&as_table(&cache)?),
    }
}

fn as_json(cache: &Cache) -> Result<String> {
    let entries = cache.listing()?;
    let value = json!({ "format": 1, "directory": cache.folder(), "entries": entries, "total_bytes": total(&entries) });
    Ok(serde_json::to_string_pretty(&value).context("writing the list of cache entries")? + "\n")
}

fn as_table(cache: &Cache) -> Result<String> {
    let entries = cache.listing()?;
    let lines: Vec<String> = lines(&entries).into_iter().map(|line| line + "\n").collect();
    let count = entries.len();
    let total = size(total(&entries));
    Ok(format!("{}{count} entries, {total}, in {}\n", lines.concat(), cache.folder().display()))
}

/// Packages are too many to name each.
fn lines(entries: &[CacheEntry]) -> Vec<String> {
    let (packages, others): (Vec<&CacheEntry>, Vec<&CacheEntry>) =
        entries.iter().partition(|entry| entry.kind == CacheKind::Package);
    let mut lines: Vec<String> = others.into_iter().map(line).collect();
    if !packages.is_empty() {
        let oldest = packages.iter().filter_map(|entry| entry.age).max().map(age).unwrap_or_default();
        let bytes = size(packages.iter().map(|entry| entry.bytes).sum());
        let count = packages.len();
        lines.push(format!(
            "{:<8}  {:<KEY$}  {bytes:>10}  {oldest:>8}  {count} of Debian's",
            CacheKind::Package,
            ""
        ));
    }
    lines
}

fn line(entry: &CacheEntry) -> String {
    let key: String = entry.key.chars().take(KEY).collect();
    let age = entry.age.map_or_else(|| "no age".to_owned(), age);
    let what = entry.what.as_deref().unwrap_or_default();
    let notes = [(entry.in_use, ", in use"), (!entry.usable, ", unusable")];
    let notes: String = notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| *note).collect();
    format!("{:<8}  {key:<KEY$}  {:>10}  {age:>8}  {what}{notes}", entry.kind, size(entry.bytes))
        .trim_end()
        .to_owned()
}

fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn prune(cache: &Cache, args: PruneArgs) -> Result<()> {
    let pruning = Pruning { all: args.all, older_than: args.older_than, max_size: args.max_size };
    let pruned = cache.prune(pruning)?;
    for line in lines(&pruned.in_use) {
        report::say(&format!("not removed, because a build uses it: {line}"));
    }
    for line in lines(&pruned.removed) {
        report::say(&format!("taken away: {line}"));
    }
    report::say(&format!("{} entries removed, {}", pruned.removed.len(), size(total(&pruned.removed))));
    Ok(())
}

fn total(entries: &[CacheEntry]) -> u64 {
    entries.iter().map(|entry| entry.bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted() {
        let package = |age| CacheEntry {
            kind: CacheKind::Package,
            key: String::new(),
            what: None,
            bytes: 3 << 20,
            age: Some(age),
            in_use: false,
            usable: true,
        };
        insta::assert_snapshot!(lines(&[package(60), package(7300)]).join("\n"), @"package                    6.0 MiB       2 h  2 of Debian's");
    }

    #[test]
    fn a_line_says_what_it_is_and_whether_it_is_of_use() {
        let entry = CacheEntry {
            kind: CacheKind::Layer,
            key: "0123456789abcdef".into(),
            what: Some("layer base".into()),
            bytes: 5 << 20,
            age: Some(180),
            in_use: true,
            usable: false,
        };
        insta::assert_snapshot!(line(&entry), @"layer     0123456789ab     5.0 MiB     3 min  layer base, in use, unusable");
    }
}
