//! Which files each role gets, and what is in them.

use std::net::Ipv4Addr;

use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::json;

use super::paths::{DOCKER_OPTIONS, LIBRARY, SETTINGS, UNITS};
use crate::failure::Result;
use crate::workshop::{Docker, Secrets, User, Workshop};

/// A file of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content: String,
    /// Readable by root alone.
    pub(super) private: bool,
}

/// A file of `userdata/`, by its path in there.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/", $path))
    };
}

/// The hub's files.
pub(super) fn hub(workshop: &Workshop, secrets: &Secrets) -> Result<Vec<File>> {
    let settings = json!({
        "join_key": secrets.join_key,
        "network": workshop.network.map(|network| network.to_string()),
        "workshop": workshop.name,
    });
    let mut files = common(workshop, secrets, "imagegen-hub.service imagegen-rendezvous.service", &settings)?;
    files.extend([
        private(format!("{SETTINGS}/hub.key"), secrets.certificate_key.as_str()),
        file(format!("{LIBRARY}/hub.py"), template!("hub/hub.py")),
        file(format!("{LIBRARY}/rendezvous.py"), template!("hub/rendezvous.py")),
        file(format!("{UNITS}/imagegen-hub.service"), template!("hub/imagegen-hub.service")),
        file(format!("{UNITS}/imagegen-rendezvous.service"), template!("hub/imagegen-rendezvous.service")),
    ]);
    Ok(files)
}

/// A node's files.
pub(super) fn node(workshop: &Workshop, secrets: &Secrets, hub: Ipv4Addr) -> Result<Vec<File>> {
    let settings = json!({
        "hub": hub,
        "hub_name": crate::workshop::HUB_NAME,
        "join_key": secrets.join_key,
        "workshop": workshop.name,
    });
    let mut files = common(workshop, secrets, "imagegen-join.service", &settings)?;
    let map = fill(template!("node/auto.imagegen"), context! { hub => hub.to_string() })?;
    files.extend([
        file("/etc/auto.master.d/imagegen.autofs", template!("node/auto.master")),
        file("/etc/auto.imagegen", map),
        file(format!("{LIBRARY}/join.py"), template!("node/join.py")),
        file(format!("{UNITS}/imagegen-join.service"), template!("node/imagegen-join.service")),
    ]);
    Ok(files)
}

fn common(
    workshop: &Workshop,
    secrets: &Secrets,
    units: &str,
    settings: &serde_json::Value,
) -> Result<Vec<File>> {
    let target = fill(template!("common/imagegen.target"), context! { units })?;
    Ok(vec![
        file(DOCKER_OPTIONS, pretty(&docker_options(&workshop.docker))?),
        file(format!("{UNITS}/docker.service.d/imagegen.conf"), template!("common/docker.conf")),
        private(format!("{SETTINGS}/settings.json"), pretty(settings)?),
        file(format!("{SETTINGS}/users.tsv"), uid_table(&workshop.users)),
        file(format!("{SETTINGS}/hub.crt"), secrets.certificate.as_str()),
        file(format!("{UNITS}/imagegen.target"), target),
        file(format!("{UNITS}/imagegen-identity.service"), template!("common/imagegen-identity.service")),
        file(format!("{UNITS}/imagegen-accounts.service"), template!("common/imagegen-accounts.service")),
        file(format!("{LIBRARY}/identity.sh"), template!("common/identity.sh")),
        file(format!("{LIBRARY}/common.py"), template!("common/common.py")),
        file(format!("{LIBRARY}/accounts.py"), template!("common/accounts.py")),
    ])
}

fn docker_options(docker: &Docker) -> serde_json::Value {
    let mut options = json!({
        "log-driver": "json-file",
        "log-opts": {"max-size": docker.log_max_size, "max-file": docker.log_max_files.to_string()},
    });
    if !docker.registry_mirrors.is_empty() {
        options["registry-mirrors"] = json!(docker.registry_mirrors);
    }
    if let Some(mtu) = docker.mtu {
        options["mtu"] = json!(mtu);
    }
    options
}

/// Name, UID, GID and, where it is known, full name, separated by tabs.
fn uid_table(users: &[User]) -> String {
    let line = |User { name, uid, gid, full_name }: &User| {
        let full_name = full_name.as_ref().map(|full_name| format!("\t{full_name}")).unwrap_or_default();
        format!("{name}\t{uid}\t{gid}{full_name}\n")
    };
    users.iter().map(line).collect::<Vec<_>>().concat()
}

fn fill(template: &str, values: minijinja::Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().context("template syntax")?);
    Ok(environment.render_str(template, values).context("filling in a template")?)
}

fn pretty(value: &serde_json::Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("writing JSON")? + "\n")
}

fn file(path: impl Into<String>, content: impl Into<String>) -> File {
    File { path: path.into(), content: content.into(), private: false }
}

fn private(path: impl Into<String>, content: impl Into<String>) -> File {
    File { private: true, ..file(path, content) }
}
