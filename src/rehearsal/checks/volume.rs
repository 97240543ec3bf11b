//! A volume for the homes.

use anyhow::anyhow;

use super::{PATIENCE, SOON, Stage};
use crate::failure::Result;
use crate::rehearsal::machine::VOLUME;

/// The blank volume was formatted, the homes are on it, and it is not formatted again.
pub(super) fn holds_homes(stage: &mut Stage) -> Result<String> {
    let homes = stage.homes.clone();
    let uuid = mounted(stage, &homes)?;
    stage.hub.read(&["systemctl", "stop", "nfs-server", "imagegen-volume"])?;
    // Whoever looks into a home at this moment keeps it busy.
    let unmount = r#"! mountpoint -q "$1" || umount "$1""#;
    stage.hub.until_ok("a volume that nobody uses", SOON, &["sh", "-c", unmount, "sh", &homes])?;
    stage.hub.read(&["systemctl", "start", "imagegen-volume", "nfs-server"])?;
    let now = mounted(stage, &homes)?;
    if now != uuid {
        return Err(anyhow!("the volume was formatted again: {uuid} is {now}").into());
    }
    let first = stage.students.first().map(|student| student.name.clone()).unwrap_or_default();
    stage.hub.read(&["test", "-d", &format!("{homes}/{first}")])?;
    Ok(format!("{homes} is on {uuid}, also the second time"))
}

/// Waits until the homes are the volume's file system, and gives its UUID.
fn mounted(stage: &mut Stage, homes: &str) -> Result<String> {
    let show = r#"findmnt --noheadings --output UUID --mountpoint "$1"; blkid -s UUID -o value "$2""#;
    let same = |printed: &str| {
        let (mounted, volume) = printed.split_once('\n')?;
        (mounted.trim() == volume).then(|| volume.to_owned())
    };
    let what = format!("the volume at {homes}");
    stage.hub.until(&what, PATIENCE, &["sh", "-c", show, "sh", homes, VOLUME], same)
}
