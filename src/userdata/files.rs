//! Which files a machine gets, and what is in them.

use super::file::{File, file, template};
use super::paths::{self, DOCKER_OPTIONS, SETTINGS, UNITS};
use super::{ImageKind, InstanceRole, InstanceSpec, docker, maps, settings, table};
use crate::failure::Result;
use crate::workshop::Engine;

/// What imagegen puts on a machine: Docker's options, the settings, what its role needs, and the UID table at the end.
pub(super) fn of_workshop(machine: &InstanceSpec<'_>, table: table::Style) -> Result<Vec<File>> {
    let workshop = machine.workshop;
    let mut files = vec![
        file(DOCKER_OPTIONS, docker::options(&workshop.docker)?),
        private(format!("{SETTINGS}/settings.json"), docker::pretty(&settings::of(machine)?)?),
    ];
    files.extend(match machine.role {
        InstanceRole::Hub => hub(machine)?,
        InstanceRole::Node { hub } => node(machine, hub)?,
    });
    // Students have passwords for the hub's page alone, and write keys to their homes. An ordinary image has an sshd.
    if machine.image == ImageKind::Stock || !workshop.admin_ssh_keys.is_empty() {
        files.push(file("/etc/ssh/sshd_config.d/10-imagegen.conf", template!("sshd.conf")));
    }
    if let Some(locale) = &workshop.locale {
        files.push(file("/etc/default/locale", format!("LANG={locale}\n")));
    }
    files.push(file(paths::USERS, table::render(&workshop.users, table)?));
    Ok(files)
}

/// The organiser's own files, which cloud-init has to write before it installs packages.
pub(super) fn own(machine: &InstanceSpec<'_>) -> Vec<File> {
    let own = machine.extras().files.iter();
    own.map(|it| File { mode: it.mode.clone(), ..file(&it.path, &it.content) }).collect()
}

/// The maps of autofs, and what joins the hub.
fn node(machine: &InstanceSpec<'_>, hub: std::net::Ipv4Addr) -> Result<Vec<File>> {
    let script = match machine.workshop.engine {
        Engine::Swarm => template!("node/join.py"),
        Engine::Classic(_) => template!("node/join-classic.py"),
    };
    let mut files = maps::of_node(machine, hub)?;
    files.push(file(paths::JOIN_SCRIPT, script));
    files.push(file(format!("{UNITS}/imagegen-join.service"), template!("node/imagegen-join.service")));
    Ok(files)
}

/// Secrets, and the page's certificate where there is a page.
fn hub(machine: &InstanceSpec<'_>) -> Result<Vec<File>> {
    let (workshop, secrets) = (machine.workshop, machine.secrets);
    let mut files =
        vec![private(format!("{SETTINGS}/password-seed"), format!("{}\n", secrets.password_seed))];
    let hashes: String = workshop
        .users
        .accounts()
        .filter_map(|user| Some(format!("{}:{}\n", user.name, user.password_hash?.0)))
        .collect();
    if !hashes.is_empty() {
        files.push(private(format!("{SETTINGS}/passwords"), hashes));
    }
    files.push(file(format!("{SETTINGS}/hub.crt"), secrets.certificate.as_str()));
    files.push(private(format!("{SETTINGS}/hub.key"), secrets.certificate_key.as_str()));
    if machine.image == ImageKind::Golden {
        files.extend(page(machine)?);
    }
    files.extend(maps::of_hub(workshop)?);
    Ok(files)
}

/// The page's certificate and its key: the organiser's own, or the workshop's.
fn page(machine: &InstanceSpec<'_>) -> Result<[File; 2]> {
    let (chain, key) = if let Some(own) = &machine.workshop.web.certificate {
        (own.chain.clone(), own.key.clone())
    } else {
        let page = machine.secrets.page_certificate(machine.workshop)?;
        (page.certificate, page.key)
    };
    Ok([file(format!("{SETTINGS}/page.crt"), chain), private(format!("{SETTINGS}/page.key"), key)])
}

fn private(path: impl Into<String>, content: impl Into<String>) -> File {
    File { mode: "0600".into(), ..file(path, content) }
}
