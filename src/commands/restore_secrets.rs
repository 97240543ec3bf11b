//! `imagegen restore-secrets`.

use super::{findings, inputs};
use crate::cli::{RestoreSecretsArgs, WorkshopArgs};
use crate::document::Findings;
use crate::failure::Result;
use crate::host::{clock, random};
use crate::report;
use crate::userdata;
use crate::workshop::Restored;

/// Runs the command.
pub fn run(args: &RestoreSecretsArgs) -> Result<()> {
    let (name, text) = inputs::hub_text(&args.text)?;
    let mut restored = userdata::restore(&name, &text, random::fill)?;
    restored.secrets = restored.secrets.with_authority(clock::today(), random::fill)?;
    let file = inputs::keep_restored(&args.workshop, &restored)?;
    let Restored { secrets, workshop, new_join_key } = &restored;
    let id = secrets.workshop_id(workshop);
    report::say(&format!("The secrets of the workshop {workshop} with the id {id} are restored, in {file}."));
    report::say(
        "The authority for the page's certificate is new, because its key is in no text: passwords and nodes stay as they are, \
         but cards that are printed now have the fingerprint of the page's next certificate, which a hub shows that is \
         launched with a new text. Computers that trust the old authority have to trust the new one.",
    );
    if *new_join_key {
        report::say(
            "The text of a hub with the classic engine has no key for the swarm engine: the file has a new one.",
        );
    }
    warn_of_another_name(&args.workshop, workshop);
    Ok(())
}

/// Passwords depend on the name. What else is wrong with the workshop file is not of interest here.
fn warn_of_another_name(args: &WorkshopArgs, restored: &str) {
    if let Ok(own) = inputs::workshop(args, &mut Findings::default())
        && own.name != restored
    {
        report::findings(&findings::another_workshop(restored, &own.name).into());
    }
}
