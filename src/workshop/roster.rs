//! A roster: users in a CSV file, as a spreadsheet writes it.

use std::ops::Range;
use std::sync::Arc;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::parsed_users::{ParsedUser, check_full_name, check_id, check_name};
use super::{AccountEntry, User, findings};
use crate::document::{Findings, Location, Source};

/// The columns; the first two must be there.
const COLUMNS: &[&str] = &["name", "uid", "gid", "full_name", "groups", "admin"];

/// What spreadsheets put between the cells, by country.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Reads a roster; what is wrong with a row goes to `findings`, and the row is left out.
pub(super) fn read(source: &Arc<Source>, findings: &mut Findings) -> Vec<ParsedUser> {
    let mut rows = rows(source).into_iter();
    let Some(header) = rows.next() else {
        COLUMNS[..2].iter().for_each(|name| findings.push(findings::roster_lacks_column(source, name, 0..0)));
        return vec![];
    };
    if !check_columns(&header, findings) {
        return vec![];
    }
    let columns: Vec<String> = header.cells.into_iter().map(|cell| cell.text).collect();
    let filled = rows.filter(|row| !row.cells.is_empty());
    let claims: Vec<ParsedUser> = filled.filter_map(|row| row.parsed_user(&columns, findings)).collect();
    if claims.is_empty() && !findings.has_errors() {
        findings.push(findings::empty_roster(source));
    }
    claims
}

/// All rows, the header among them; lines without a cell are none.
fn rows(source: &Arc<Source>) -> Vec<Row<'_>> {
    let text = source.text.trim_start_matches('\u{feff}');
    let skipped = source.text.len() - text.len();
    let header = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let separator = SEPARATORS.into_iter().find(|separator| header.contains(*separator)).unwrap_or(',');
    let mut reader = ReaderBuilder::new()
        .delimiter(u8::try_from(separator).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let place = |position: &Position| skipped + usize::try_from(position.byte()).unwrap_or(0);
    let mut rows = vec![];
    let mut record = StringRecord::new();
    // The reader cannot fail: it reads from memory, takes rows of any length, and the text is UTF-8.
    while reader.read_record(&mut record).unwrap_or(false) {
        let from = record.position().map_or(skipped, place);
        rows.push(Row::new(source, &record, from..place(reader.position()), separator));
    }
    rows
}

fn check_columns(header: &Row<'_>, findings: &mut Findings) -> bool {
    let mut wrong = Findings::default();
    for name in COLUMNS[..2].iter().filter(|name| !header.cells.iter().any(|cell| cell.text == **name)) {
        wrong.push(findings::roster_lacks_column(header.source, name, header.line.clone()));
    }
    for (number, Cell { text, span }) in header.cells.iter().enumerate() {
        if !COLUMNS.contains(&text.as_str()) {
            wrong.push(findings::unknown_column(header.source, text, span.clone(), COLUMNS));
        } else if header.cells[..number].iter().any(|before| before.text == *text) {
            wrong.push(findings::column_twice(header.source, text, span.clone()));
        }
    }
    let right = wrong.is_empty();
    findings.extend(wrong);
    right
}

/// A cell's text without blanks and quotes around it, and where that stands.
struct Cell {
    text: String,
    span: Range<usize>,
}

/// One row, and where it stands.
struct Row<'a> {
    source: &'a Arc<Source>,
    /// Up to the last one with something in it: spreadsheets write as many separators as other rows have.
    cells: Vec<Cell>,
    line: Range<usize>,
}

impl<'a> Row<'a> {
    /// The `record` that stands at `line`, with the ends of lines before and behind it.
    fn new(source: &'a Arc<Source>, record: &StringRecord, line: Range<usize>, separator: char) -> Self {
        let trimmed = without(&source.text, line, |letter| letter == '\r' || letter == '\n');
        let spans = spans(&source.text, &trimmed, separator);
        let of = |(number, text): (usize, &str)| Cell {
            text: text.to_owned(),
            // Where the file writes a row in another way than we take it apart, it is the whole row.
            span: spans.get(number).filter(|_| spans.len() == record.len()).unwrap_or(&trimmed).clone(),
        };
        let mut cells: Vec<Cell> = record.iter().enumerate().map(of).collect();
        while cells.last().is_some_and(|cell| cell.text.is_empty()) {
            cells.pop();
        }
        Self { source, cells, line: trimmed }
    }

    /// A cell; none where it is empty.
    fn cell(&self, columns: &[String], column: &str) -> Option<&Cell> {
        let index = columns.iter().position(|name| name == column)?;
        self.cells.get(index).filter(|cell| !cell.text.is_empty())
    }

    /// Where a cell stands; the whole row where it is empty.
    fn place(&self, cell: Option<&Cell>) -> Location {
        let span = cell.map_or(self.line.clone(), |cell| cell.span.clone());
        Location { source: Arc::clone(self.source), span }
    }

    fn parsed_user(&self, columns: &[String], findings: &mut Findings) -> Option<ParsedUser> {
        if self.cells.len() > columns.len() {
            findings.push(findings::row_too_long(&self.place(None), columns.len()));
        }
        let cell = |column: &str| self.cell(columns, column);
        let uid = self.id(cell("uid"), "uid", "UID", findings);
        let gid = cell("gid").map(|gid| self.id(Some(gid), "gid", "GID", findings));
        let name = cell("name");
        if name.is_none() {
            findings.push(findings::row_lacks(&self.place(None), "name"));
        }
        let full_name = cell("full_name");
        if let Some(Cell { text, .. }) = full_name {
            check_full_name(text, &self.place(full_name), findings);
        }
        let admin = self.admin(cell("admin"), findings);
        let groups = cell("groups").map(|cell| cell.text.split_whitespace().map(str::to_owned).collect());
        let (name, place) = (name?.text.clone(), self.place(name));
        check_name("user", &name, &place, findings);
        let uid = uid?;
        let user = User {
            gid: gid.flatten().unwrap_or(uid),
            full_name: full_name.map(|cell| cell.text.clone()),
            groups: groups.unwrap_or_default(),
            admin,
            ..User::plain(name, uid)
        };
        Some(ParsedUser {
            entry: AccountEntry::Single(user),
            name: place,
            uid: self.place(cell("uid")),
            gid: self.place(cell("gid").or(cell("uid"))),
            groups: self.place(cell("groups")),
        })
    }

    fn id(&self, cell: Option<&Cell>, column: &str, what: &str, findings: &mut Findings) -> Option<u32> {
        let place = self.place(cell);
        let Some(Cell { text, .. }) = cell else {
            findings.push(findings::row_lacks(&place, column));
            return None;
        };
        let Ok(id) = text.parse() else {
            findings.push(findings::not_a_number(&place, column, text));
            return None;
        };
        check_id(what, id, &place, findings)
    }

    fn admin(&self, cell: Option<&Cell>, findings: &mut Findings) -> bool {
        match cell.map(|cell| cell.text.to_lowercase()).as_deref() {
            None | Some("no" | "false" | "0") => false,
            Some("yes" | "true" | "1" | "x") => true,
            Some(other) => {
                findings.push(findings::not_yes_or_no(&self.place(cell), other));
                false
            }
        }
    }
}

/// Where the cells of a line stand, without blanks and quotes around them.
fn spans(text: &str, line: &Range<usize>, separator: char) -> Vec<Range<usize>> {
    let mut quoted = false;
    let mut spans = vec![];
    let mut start = line.start;
    for (at, letter) in text[line.clone()].char_indices() {
        quoted ^= letter == '"';
        if letter == separator && !quoted {
            spans.push(start..line.start + at);
            start = line.start + at + letter.len_utf8();
        }
    }
    spans.push(start..line.end);
    let bare = |span| without(text, span, |letter| letter.is_whitespace() || letter == '"');
    spans.into_iter().map(bare).collect()
}

/// A stretch of a text without some letters at both ends.
fn without(text: &str, span: Range<usize>, drop: fn(char) -> bool) -> Range<usize> {
    let start = span.end - text[span.clone()].trim_start_matches(drop).len();
    start..start + text[start..span.end].trim_end_matches(drop).len()
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
    fn each_cell_is_told_where_it_stands() {
        let told = |text: &str| -> Vec<String> {
            let mut findings = Findings::default();
            let source = Source::new("roster.csv", text);
            read(&source, &mut findings);
            findings.iter().map(|finding| source.text[finding.labels[0].span.clone()].to_owned()).collect()
        };
        let only = |text: &str| told(text).remove(0);
        assert_eq!(only("name,uid\ns999,999\n"), "999");
        assert_eq!(only("\u{feff}name;uid;full_name\r\nada;12;\"Ada;12\"\r\n"), "12");
        assert_eq!(only("name\tuid\tgid\nada\t1815\t1815\n\t\t\nbob\ttwo\t\n"), "two");
        assert_eq!(only("name,uid,uid\nada,1815,1\n"), "uid");
        assert_eq!(only("name,uid,room\nada,1815,1\n"), "room");
        assert_eq!(only("\u{feff}name,uid\n"), "name,uid");
        for right in ["name;uid;\nada;1815;\n", "\n\nname;uid\nada;1815\n", "name,uid,gid\nada,1815\n"] {
            assert_eq!(told(right), [""; 0], "{right}");
        }
    }

    #[test]
    fn no_roster_makes_the_reader_panic() {
        proptest::proptest!(|(text in "[\u{feff}a-c0-9é\",;\t \r\n]{0,60}")| {
            for header in ["", "name,uid\n", "\u{feff}name;uid;full_name\r\n"] {
                read_text(&format!("{header}{text}"));
            }
        });
    }

    #[test]
    fn a_file_of_another_kind_is_told_by_its_columns() {
        assert_eq!(read_text("Name,Student number\nAda,12\n").1.len(), 4);
        assert_eq!(read_text("").1.len(), 2);
    }
}
