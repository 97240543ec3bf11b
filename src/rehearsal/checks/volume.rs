//! A volume for the homes.

use anyhow::anyhow;

use super::{PATIENCE, Stage};
use crate::failure::Result;
use crate::rehearsal::machine::VOLUME;

/// The blank volume was formatted, the homes are on it, and it is not formatted again.
pub(super) fn holds_homes(stage: &mut Stage) -> Result<String> {
    let homes = stage.homes.clone();
    let find = ["findmnt", "--noheadings", "--output", "FSTYPE,UUID", "--target", &homes];
    let found = stage.hub.until(PATIENCE, &find, |found| Some(found.to_owned()))?;
    let uuid = stage.hub.read(&["blkid", "-s", "UUID", "-o", "value", VOLUME])?;
    if !found.contains(&uuid) || uuid.is_empty() {
        return Err(anyhow!("{homes} is on `{found}` and the volume is {uuid}").into());
    }
    let again = "systemctl stop nfs-server imagegen-volume && umount \"$1\" && systemctl start imagegen-volume nfs-server";
    stage.hub.read(&["sh", "-c", again, "sh", &homes])?;
    let now = stage.hub.read(&["blkid", "-s", "UUID", "-o", "value", VOLUME])?;
    if now != uuid {
        return Err(anyhow!("the volume was formatted again: {uuid} is {now}").into());
    }
    let first = stage.students.first().map(|student| student.name.clone()).unwrap_or_default();
    stage.hub.read(&["test", "-d", &format!("{homes}/{first}")])?;
    Ok(format!("{homes} is on {uuid}, also the second time"))
}
