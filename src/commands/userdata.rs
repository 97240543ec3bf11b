//! What `imagegen hub` and `imagegen node` do with a user-data.

use super::inputs;
use super::output::Output;
use crate::cli::UserdataArgs;
use crate::document::Findings;
use crate::failure::Result;
use crate::userdata::{self, Encoding, ImageKind, InstanceRole, InstanceSpec, Platform, Rendered};
use crate::workshop::{Transport, User, Workshop, findings};

/// Prints the text, or its sizes, or what has changed in it.
pub(super) fn print(args: &UserdataArgs, workshop: &Workshop, role: InstanceRole) -> Result<()> {
    let old = args.diff.as_deref().map(inputs::old_userdata).transpose()?;
    let output = Output::of(&args.output)?;
    inputs::note_defaults(&args.workshop, workshop)?;
    let has_page = role == InstanceRole::Hub && image(args) == ImageKind::Golden;
    // Secrets are made with the text that needs them, and not by a look at it.
    let secrets = match old {
        Some(_) => inputs::secrets_to_compare(&args.workshop)?,
        None if args.sizes => inputs::borrowed_secrets(&args.workshop)?,
        None if has_page => inputs::secrets_with_authority(&args.workshop, workshop)?,
        None => inputs::secrets(&args.workshop, workshop)?,
    };
    if has_page && workshop.web.has_own_authority() {
        inputs::note_page_certificate(&args.workshop, &secrets);
    }
    let platform = args.platform;
    let rendered = InstanceSpec { workshop, secrets: &secrets, role, image: image(args) }.render(platform)?;
    output.write(&match old {
        Some((name, old)) => userdata::compare(&name, &old, &rendered.text)?,
        None if args.sizes => sizes(&rendered, platform),
        None => rendered.text,
    })
}

/// What the machine boots.
fn image(args: &UserdataArgs) -> ImageKind {
    if args.stock { ImageKind::Stock } else { ImageKind::Golden }
}

/// The first user that an image's own packages make.
const FIRST_USER: u32 = 1000;

/// What goes wrong on an ordinary image, or may because it has users already.
pub(super) fn note_doubts_about_stock_images(workshop: &Workshop, found: &mut Findings) {
    let taken = |user: &User| user.uid == FIRST_USER || user.gid == FIRST_USER;
    if let Some(user) = workshop.users.accounts().find(taken) {
        found.push(findings::uid_of_the_images_user(&user.name));
    }
    if workshop.homes.transport == Transport::MutualTls {
        found.push(findings::tls_on_stock_images());
    }
}

/// What goes wrong on an ordinary image as a hub, or may.
pub(super) fn note_doubts_about_stock_hubs(workshop: &Workshop, found: &mut Findings) {
    note_doubts_about_stock_images(workshop, found);
    if workshop.homes.volume.is_some() && workshop.homes.export == "/home" {
        found.push(findings::volume_hides_local_homes());
    }
}

fn sizes(rendered: &Rendered, platform: Platform) -> String {
    let limit = platform.limit();
    let share = |bytes: usize| format!("{:.1} %", 100.0 * bytes as f64 / limit as f64);
    let mut lines = vec![format!("{:>8} {:>8} {:>7}  part", "content", "in text", "budget")];
    for part in &rendered.parts {
        lines.push(format!("{:>8} {:>8} {:>7}  {}", part.bytes, part.taken, share(part.taken), part.name));
    }
    let total = rendered.text.len();
    let content: usize = rendered.parts.iter().map(|part| part.bytes).sum();
    lines.push(format!(
        "{content:>8} {total:>8} {:>7}  all, {} of {limit} bytes for {}",
        share(total),
        form(rendered.encoding),
        platform.title()
    ));
    lines.join("\n") + "\n"
}

/// A form in words.
pub(super) fn form(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Plain => "as plain text",
        Encoding::PerFileGzip => "with the largest files compressed",
        Encoding::MimeGzip => "compressed as a whole",
    }
}
