//! A roster: users in a CSV file, as a spreadsheet writes it.

use std::ops::Range;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::users::{Claim, check_full_name, check_id, check_name};
use super::{Entry, User, findings};
use crate::document::{Findings, Place, Source};

/// The columns; the first two must be there.
const COLUMNS: &[&str] = &["name", "uid", "gid", "full_name", "groups", "admin"];

/// What spreadsheets put between the cells, by country.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Reads a roster; what is wrong with a row goes to `findings`, and the row is left out.
pub(super) fn read(source: &Arc<Source>, findings: &mut Findings) -> Vec<Claim> {
    let header = source.text.lines().next().unwrap_or_default();
    let separator = SEPARATORS.into_iter().find(|separator| header.contains(*separator)).unwrap_or(',');
    let mut reader = ReaderBuilder::new()
        .delimiter(u8::try_from(separator).unwrap_or(b','))
        .flexible(true)
        .trim(Trim::All)
        .from_reader(source.text.trim_start_matches('\u{feff}').as_bytes());
    let columns: Vec<String> =
        reader.headers().map(|row| row.iter().map(str::to_owned).collect()).unwrap_or_default();
    if !check_columns(source, &columns, findings) {
        return vec![];
    }
    let mut claims = vec![];
    // The reader cannot fail: it reads from memory, takes rows of any length, and the text is UTF-8.
    for record in reader.records().map_while(Result::ok) {
        let row = Row::new(source, &columns, record);
        claims.extend(row.claim(findings));
    }
    if claims.is_empty() && !findings.has_errors() {
        findings.push(findings::empty_roster(source));
    }
    claims
}

fn check_columns(source: &Arc<Source>, columns: &[String], findings: &mut Findings) -> bool {
    let end = source.text.find('\n').unwrap_or(source.text.len());
    let missing: Vec<&str> =
        COLUMNS[..2].iter().filter(|name| !columns.iter().any(|it| it == *name)).copied().collect();
    let unknown: Vec<&str> =
        columns.iter().map(String::as_str).filter(|name| !COLUMNS.contains(name)).collect();
    for name in &missing {
        findings.push(findings::roster_lacks_column(source, name, 0..end));
    }
    for name in &unknown {
        let start = source.text[..end].find(name).unwrap_or(0);
        findings.push(findings::unknown_column(source, name, start..start + name.len(), COLUMNS));
    }
    missing.is_empty() && unknown.is_empty()
}

/// One row, and where it stands.
struct Row<'a> {
    source: &'a Arc<Source>,
    columns: &'a [String],
    record: StringRecord,
    line: Range<usize>,
}

impl<'a> Row<'a> {
    fn new(source: &'a Arc<Source>, columns: &'a [String], record: StringRecord) -> Self {
        let skipped = source.text.len() - source.text.trim_start_matches('\u{feff}').len();
        let at =
            record.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(0)) + skipped;
        let from = at + source.text[at..].len() - source.text[at..].trim_start().len();
        let end = source.text[from..].find('\n').map_or(source.text.len(), |length| from + length);
        Self { source, columns, record, line: from..end }
    }

    /// A cell's text; none where it is empty.
    fn cell(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        self.record.get(index).filter(|text| !text.is_empty())
    }

    /// Where a cell stands; the whole row where the file writes it in another way than it reads.
    fn place(&self, column: &str) -> Place {
        let line = &self.source.text[self.line.clone()];
        let found = self.cell(column).and_then(|text| line.find(text).map(|start| start..start + text.len()));
        let span =
            found.map_or(self.line.clone(), |span| self.line.start + span.start..self.line.start + span.end);
        Place { source: Arc::clone(self.source), span }
    }

    fn claim(&self, findings: &mut Findings) -> Option<Claim> {
        if self.record.len() > self.columns.len() {
            findings.push(findings::row_too_long(&self.place(""), self.columns.len()));
        }
        let uid = self.id("uid", "UID", findings);
        let gid = self.cell("gid").map(|_| self.id("gid", "GID", findings));
        let name = self.cell("name");
        if name.is_none() {
            findings.push(findings::row_lacks(&self.place(""), "name"));
        }
        let full_name = self.cell("full_name").map(str::to_owned);
        if let Some(text) = &full_name {
            check_full_name(text, &self.place("full_name"), findings);
        }
        let admin = self.admin(findings);
        let groups = self.cell("groups").map(|text| text.split_whitespace().map(str::to_owned).collect());
        let name = name?.to_owned();
        check_name("user", &name, &self.place("name"), findings);
        let uid = uid?;
        let user = User {
            gid: gid.flatten().unwrap_or(uid),
            full_name,
            groups: groups.unwrap_or_default(),
            admin,
            ..User::plain(name, uid)
        };
        Some(Claim {
            entry: Entry::Single(user),
            name: self.place("name"),
            uid: self.place("uid"),
            gid: self.place(if gid.is_some() { "gid" } else { "uid" }),
            groups: self.place("groups"),
        })
    }

    fn id(&self, column: &str, what: &str, findings: &mut Findings) -> Option<u32> {
        let place = self.place(column);
        let Some(text) = self.cell(column) else {
            findings.push(findings::row_lacks(&place, column));
            return None;
        };
        let Ok(id) = text.parse() else {
            findings.push(findings::not_a_number(&place, column, text));
            return None;
        };
        check_id(what, id, &place, findings)
    }

    fn admin(&self, findings: &mut Findings) -> bool {
        match self.cell("admin").map(str::to_lowercase).as_deref() {
            None | Some("no" | "false" | "0") => false,
            Some("yes" | "true" | "1" | "x") => true,
            Some(other) => {
                findings.push(findings::not_yes_or_no(&self.place("admin"), other));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<User>, Vec<String>) {
        let mut findings = Findings::default();
        let claims = read(&Source::new("roster.csv", text), &mut findings);
        let users = claims.iter().flat_map(|claim| claim.entry.accounts()).collect();
        (users, findings.iter().map(|finding| finding.message.clone()).collect())
    }

    #[test]
    fn rows_become_users_whatever_separates_their_cells() {
        for text in [
            "name,uid,full_name,admin,groups\nada,1815,\"Ada \"\"Countess\"\" Lovelace\",yes,a b\n",
            "\u{feff}name;uid;full_name;admin;groups\r\nada;1815;\"Ada \"\"Countess\"\" Lovelace\";yes;a b\r\n",
        ] {
            let (users, found) = read_text(text);
            assert_eq!(found, [""; 0]);
            assert_eq!(users[0].full_name.as_deref(), Some("Ada \"Countess\" Lovelace"));
            assert!(users[0].admin);
            assert_eq!(users[0].groups, ["a", "b"]);
        }
    }

    #[test]
    fn each_wrong_cell_is_told_and_the_right_rows_are_kept() {
        let (users, found) =
            read_text("name,uid,admin\nada,1815\nbob,two,no\n,2003,\neve,2004,perhaps\nmallory,1,,x\n");
        assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ada", "eve"]);
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn a_file_of_another_kind_is_told_by_its_columns() {
        assert_eq!(read_text("Name,Student number\nAda,12\n").1.len(), 4);
        assert_eq!(read_text("").1.len(), 2);
    }
}
