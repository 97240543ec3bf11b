//! `imagegen check`.

use std::net::Ipv4Addr;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use super::{inputs, userdata};
use crate::cli::{CheckArgs, WorkshopArgs};
use crate::document::Findings;
use crate::failure::{Failure, Result};
use crate::report;
use crate::userdata::{Encoding, ImageKind, InstanceRole, InstanceSpec};
use crate::workshop::{Engine, Secrets, Workshop};

/// Stands for the hub's address where the workshop does not say it: a private one, written as long as any.
const SOME_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 200);

/// What the workshop comes to.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    /// Known once there are secrets.
    id: Option<String>,
    users: u32,
    engine: &'static str,
    userdata: Vec<Text>,
}

/// The user-data of one role.
#[derive(Debug, Serialize)]
struct Text {
    role: &'static str,
    bytes: usize,
    limit: usize,
    platform: String,
    encoding: &'static str,
    /// The same for a person.
    #[serde(skip)]
    line: String,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<()> {
    let place = WorkshopArgs { workshop: args.file.clone(), secrets: args.secrets.clone() };
    let mut found = Findings::default();
    let checked = collected(checked(args, &place, &mut found), &mut found)?;
    if args.json {
        let summary = checked.as_ref().map(|(_, summary)| summary);
        let value = json!({ "format": 1, "workshop": summary, "findings": found.json() });
        report::data(&(serde_json::to_string_pretty(&value).context("writing the findings")? + "\n"))?;
    }
    match checked {
        Some((workshop, summary)) if found.is_empty() || !(args.strict || found.has_errors()) => {
            report::findings(&found);
            inputs::note_defaults(&place, &workshop)?;
            if args.json { Ok(()) } else { report::data(&summary.text()) }
        }
        _ => Err(found.into()),
    }
}

/// The workshop and its summary; none where something is wrong, which goes to `found`.
fn checked(
    args: &CheckArgs,
    place: &WorkshopArgs,
    found: &mut Findings,
) -> Result<Option<(Workshop, Summary)>> {
    let workshop = inputs::workshop(place, found)?;
    if args.stock {
        userdata::note_doubts_about_stock_hubs(&workshop, found);
    }
    if found.has_errors() {
        return Ok(None);
    }
    let summary = summary(args, place, &workshop, found)?;
    Ok(Some((workshop, summary)))
}

/// The result, where the input was right; what was wrong with it is put to the other findings.
fn collected<T>(result: Result<Option<T>>, found: &mut Findings) -> Result<Option<T>> {
    match result {
        Err(Failure::Input(more)) => {
            found.extend(more);
            Ok(None)
        }
        other => other,
    }
}

fn summary(
    args: &CheckArgs,
    place: &WorkshopArgs,
    workshop: &Workshop,
    found: &mut Findings,
) -> Result<Summary> {
    let kept = inputs::kept_secrets(place)?;
    let id = kept.as_ref().map(|secrets| secrets.workshop_id(&workshop.name));
    let secrets = inputs::or_new(kept)?;
    let hub = workshop.network.hub_ip.unwrap_or(SOME_ADDRESS);
    let mut texts = vec![];
    for (name, role) in [("hub", InstanceRole::Hub), ("node", InstanceRole::Node { hub })] {
        let text = text(args, workshop, &secrets, (name, role)).map(Some);
        texts.extend(collected(text, found)?);
    }
    Ok(Summary {
        name: workshop.name.clone(),
        id,
        users: workshop.users.count(),
        engine: match workshop.engine {
            Engine::Swarm => "swarm",
            Engine::Classic(_) => "classic",
        },
        userdata: texts,
    })
}

fn text(
    args: &CheckArgs,
    workshop: &Workshop,
    secrets: &Secrets,
    (name, role): (&'static str, InstanceRole),
) -> Result<Text> {
    let platform = args.platform;
    let image = if args.stock { ImageKind::Stock } else { ImageKind::Golden };
    let rendered = InstanceSpec { workshop, secrets, role, image }.render(platform)?;
    let (bytes, limit) = (rendered.text.len(), platform.limit());
    let (title, form) = (platform.title(), userdata::form(rendered.encoding));
    Ok(Text {
        role: name,
        bytes,
        limit,
        platform: args.platform.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default(),
        encoding: match rendered.encoding {
            Encoding::Plain => "plain",
            Encoding::PerFileGzip => "per-file-gzip",
            Encoding::MimeGzip => "mime-gzip",
        },
        line: format!("user-data of the {name}: {bytes} of {limit} bytes for {title}, {form}"),
    })
}

impl Summary {
    /// In a few lines.
    fn text(&self) -> String {
        let id = self.id.as_ref().map(|id| format!(", id {id}")).unwrap_or_default();
        let Self { name, users, engine, .. } = self;
        let mut lines = vec![format!("workshop {name}: {users} users, engine {engine}{id}")];
        lines.extend(self.userdata.iter().map(|text| text.line.clone()));
        lines.join("\n") + "\n"
    }
}
