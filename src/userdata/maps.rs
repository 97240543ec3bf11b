//! The maps of autofs: what a machine mounts of others.

use std::net::Ipv4Addr;

use minijinja::context;

use super::file::{File, file, render_template, template};
use super::{ImageKind, InstanceSpec};
use crate::failure::Result;
use crate::workshop::{Autofs, Share, Transport, Workshop};

/// The hub's name where NFS runs over TLS: tlshd compares names with certificates, and no addresses. Nodes find it in
/// `/etc/hosts` (`imagegen.homes_tls`).
const HUB: &str = "imagegen-hub";
/// Hub and node show each other their certificates (nfs(5)).
const MUTUAL_TLS: &str = "xprtsec=mtls";

/// For a node: the homes, and the shares.
pub(super) fn of_node(machine: &InstanceSpec<'_>, hub: Ipv4Addr) -> Result<Vec<File>> {
    let autofs = &machine.workshop.autofs;
    let encrypted = machine.workshop.homes.transport == Transport::MutualTls;
    let hub = if encrypted { HUB.to_owned() } else { hub.to_string() };
    let own: &[&str] = if encrypted { &[MUTUAL_TLS] } else { &[] };
    let options = own.iter().copied().chain(autofs.mount_options.iter().map(String::as_str));
    let map = context! {
        local_homes => machine.image == ImageKind::Stock,
        options => options.flat_map(|option| [",", option]).collect::<String>(),
        hub => &hub,
        homes => &machine.workshop.homes.export,
    };
    let homes = render_template(template!("node/auto.imagegen"), map)?;
    let shares = autofs.shares.iter().map(|share| match &share.server {
        Some(server) => share_line(share, server, &[]),
        None => share_line(share, &hub, own),
    });
    maps(autofs, Some(homes), &shares.collect::<Vec<_>>())
}

/// What notebooks on the hub itself need of other servers. Its own folders are links there.
pub(super) fn of_hub(workshop: &Workshop) -> Result<Vec<File>> {
    let shares = workshop.autofs.shares.iter().filter(|_| workshop.notebooks_on_hub);
    let foreign: Vec<_> =
        shares.filter_map(|share| Some(share_line(share, share.server.as_ref()?, &[]))).collect();
    if foreign.is_empty() { Ok(vec![]) } else { maps(&workshop.autofs, None, &foreign) }
}

/// The maps of autofs: the one of the homes, where they are on another machine, and the lines of the shares.
fn maps(autofs: &Autofs, homes: Option<String>, shares: &[minijinja::Value]) -> Result<Vec<File>> {
    let master =
        context! { timeout => autofs.timeout, homes => homes.is_some(), shares => !shares.is_empty() };
    let mut files = vec![file(
        "/etc/auto.master.d/imagegen.autofs",
        render_template(template!("node/auto.master"), master)?,
    )];
    files.extend(homes.map(|homes| file("/etc/auto.imagegen", homes)));
    if !shares.is_empty() {
        files.push(file(
            "/etc/auto.imagegen-shares",
            render_template(template!("node/auto.shares"), context! { shares })?,
        ));
    }
    Ok(files)
}

fn share_line(share: &Share, server: &str, own: &[&str]) -> minijinja::Value {
    let access = if share.writable { "rw" } else { "ro" };
    let options = ["vers=4.2", "hard", "nosuid", "nodev", access].into_iter();
    let options = options.chain(own.iter().copied());
    let options: Vec<&str> = options.chain(share.mount_options.iter().map(String::as_str)).collect();
    context! {
        path => &share.path,
        options => options.join(","),
        server,
        folder => &share.folder,
    }
}
