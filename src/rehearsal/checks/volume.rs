//! A volume for the homes.

use anyhow::anyhow;

use super::{CHECK_TIMEOUT, Cluster, SOON};
use crate::failure::Result;
use crate::rehearsal::vm::VOLUME;

/// The blank volume was formatted, the homes are on it, and it is not formatted again.
pub(super) fn holds_homes(cluster: &mut Cluster) -> Result<String> {
    let homes = cluster.homes.clone();
    let uuid = mounted(cluster, &homes)?;
    cluster.hub.stdout_of(&["systemctl", "stop", "nfs-server", "imagegen-volume"])?;
    // Whoever looks into a home at this moment keeps it busy.
    let unmount = r#"! mountpoint -q "$1" || umount "$1""#;
    cluster.hub.wait_for_success("a volume that nobody uses", SOON, &["sh", "-c", unmount, "sh", &homes])?;
    cluster.hub.stdout_of(&["systemctl", "start", "imagegen-volume", "nfs-server"])?;
    let now = mounted(cluster, &homes)?;
    if now != uuid {
        return Err(anyhow!("the volume was formatted again: {uuid} is {now}").into());
    }
    let first = cluster.students.first().map(|student| student.name.clone()).unwrap_or_default();
    cluster.hub.stdout_of(&["test", "-d", &format!("{homes}/{first}")])?;
    Ok(format!("{homes} is on {uuid}, also the second time"))
}

/// Waits until the homes are the volume's file system, and gives its UUID.
fn mounted(cluster: &mut Cluster, homes: &str) -> Result<String> {
    let show = r#"findmnt --noheadings --output UUID --mountpoint "$1"; blkid -s UUID -o value "$2""#;
    let same = |printed: &str| {
        let (mounted, volume) = printed.split_once('\n')?;
        (mounted.trim() == volume).then(|| volume.to_owned())
    };
    let what = format!("the volume at {homes}");
    cluster.hub.wait_for_output(&what, CHECK_TIMEOUT, &["sh", "-c", show, "sh", homes, VOLUME], same)
}
