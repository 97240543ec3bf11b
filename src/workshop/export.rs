//! The users of a workshop for people, spreadsheets, programs, and on paper.

use anyhow::Context;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::{Secrets, User, Workshop};
use crate::failure::Result;

const CARDS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/cards.html"));

/// How many cards stand on a page of A4.
const CARDS_ON_A_PAGE: usize = 8;

/// What stands in the place of the password of a user who brought one.
const OWN_PASSWORD: &str = "(your own)";

/// One user as all formats have it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    uid: u32,
    gid: u32,
    full_name: String,
    groups: Vec<String>,
    admin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

fn rows<'a>(workshop: &'a Workshop, secrets: Option<&'a Secrets>) -> impl Iterator<Item = Row> + 'a {
    workshop.users.accounts().map(move |user| Row {
        password: secrets.map(|secrets| password(workshop, &user, secrets)),
        name: user.name,
        uid: user.uid,
        gid: user.gid,
        full_name: user.full_name.unwrap_or_default(),
        groups: user.groups,
        admin: user.admin,
    })
}

fn password(workshop: &Workshop, user: &User, secrets: &Secrets) -> String {
    match user.password_hash {
        Some(_) => OWN_PASSWORD.to_owned(),
        None => secrets.password(&workshop.name, &user.name),
    }
}

/// A table with columns as wide as they must be. With `secrets` it has the passwords too, as all tables here.
#[must_use]
pub fn text(workshop: &Workshop, secrets: Option<&Secrets>) -> String {
    let mut table: Vec<Vec<String>> =
        vec![columns(secrets).iter().map(|name| (*name).to_uppercase()).collect()];
    table.extend(rows(workshop, secrets).map(cells));
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..table[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    table.iter().map(line).collect()
}

/// Comma-separated values with the columns that a roster has, so that one can be read again.
pub fn csv(workshop: &Workshop, secrets: Option<&Secrets>) -> Result<String> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut write = || -> csv::Result<()> {
        writer.write_record(columns(secrets))?;
        rows(workshop, secrets).try_for_each(|row| writer.write_record(cells(row)))
    };
    write().context("writing CSV")?;
    let bytes = writer.into_inner().context("writing CSV")?;
    Ok(String::from_utf8(bytes).context("writing CSV")?)
}

/// A list of objects.
pub fn json(workshop: &Workshop, secrets: Option<&Secrets>) -> Result<String> {
    let rows: Vec<Row> = rows(workshop, secrets).collect();
    Ok(serde_json::to_string_pretty(&rows).context("writing JSON")? + "\n")
}

fn columns(secrets: Option<&Secrets>) -> &'static [&'static str] {
    const COLUMNS: &[&str] = &["name", "uid", "gid", "full_name", "groups", "admin", "password"];
    if secrets.is_some() { COLUMNS } else { &COLUMNS[..6] }
}

fn cells(row: Row) -> Vec<String> {
    let admin = if row.admin { "yes" } else { "" };
    let mut cells = vec![
        row.name,
        row.uid.to_string(),
        row.gid.to_string(),
        row.full_name,
        row.groups.join(" "),
        admin.to_owned(),
    ];
    cells.extend(row.password);
    cells
}

/// Cards to print and cut: HTML with eight on a page of A4.
pub fn cards(workshop: &Workshop, secrets: &Secrets, address: &str) -> Result<String> {
    let rows: Vec<Row> = rows(workshop, Some(secrets)).collect();
    let pages: Vec<&[Row]> = rows.chunks(CARDS_ON_A_PAGE).collect();
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A public authority's certificate is known to every browser, and another one every two months.
    let own = workshop.web.has_own_authority();
    let page = own.then(|| secrets.page_certificate(workshop)).transpose()?;
    let fingerprint = page.map(|page| in_groups(&page.fingerprint));
    let pages = minijinja::value::Serde(&pages);
    let id = secrets.workshop_id(&workshop.name);
    let values = context! { workshop => &workshop.name, id, address, fingerprint, pages };
    Ok(environment.render_str(CARDS, values).context("filling in the cards")?)
}

/// A hexadecimal number as browsers show fingerprints: `AB:CD:…`.
fn in_groups(hexadecimal: &str) -> String {
    let bytes = hexadecimal.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase());
    bytes.collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::super::{AccountEntry, Users};
    use super::*;

    fn secrets() -> Secrets {
        Secrets::parse("test", include_str!("../../tests/fixtures/workshop.secrets.yaml")).expect("sound")
    }

    fn workshop() -> Workshop {
        let mut users = Users::usual();
        let ada =
            User { full_name: Some("<Ada> & \"Co\"".into()), admin: true, ..User::plain("ada".into(), 1815) };
        users.entries.push(AccountEntry::Single(ada));
        Workshop { users, ..Workshop::default_workshop() }
    }

    #[test]
    fn eight_cards_stand_on_a_page_and_names_cannot_break_it() {
        let html = cards(&workshop(), &secrets(), "jupyter.example.org").expect("cards");
        assert_eq!(html.matches("<section").count(), 4, "31 users");
        assert_eq!(html.matches("<article").count(), 31);
        assert!(html.contains("&lt;Ada&gt; &amp; &quot;Co&quot;"), "{html}");
        assert!(html.contains(&secrets().password("training", "training30")));
        assert_eq!(html.matches(&secrets().workshop_id("training")).count(), 31);
    }

    #[test]
    fn a_certificate_that_browsers_know_needs_no_fingerprint() {
        let mut workshop = workshop();
        let count = |workshop: &Workshop| {
            cards(workshop, &secrets(), "w.example.org").expect("cards").matches("SHA-256").count()
        };
        assert_eq!(count(&workshop), 31);
        workshop.web.domain = Some("w.example.org".into());
        assert_eq!(count(&workshop), 0);
    }

    #[test]
    fn tables_have_no_passwords_unless_they_are_asked_for() {
        let (workshop, secrets) = (workshop(), secrets());
        let password = secrets.password("training", "ada");
        assert!(!text(&workshop, None).contains(&password));
        for table in [
            text(&workshop, Some(&secrets)),
            csv(&workshop, Some(&secrets)).expect("CSV"),
            json(&workshop, Some(&secrets)).expect("JSON"),
        ] {
            assert!(table.contains(&password), "{table}");
        }
    }

    #[test]
    fn the_csv_table_is_a_roster() {
        let mut findings = crate::document::Findings::default();
        let source = crate::document::Source::new("roster.csv", csv(&workshop(), None).expect("CSV"));
        let claims = super::super::roster::read(&source, &mut findings);
        assert!(findings.is_empty(), "{findings:?}");
        let users: Vec<User> = claims.iter().flat_map(|claim| claim.entry.accounts()).collect();
        assert_eq!(users, workshop().users.accounts().collect::<Vec<_>>());
    }
}
