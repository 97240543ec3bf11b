//! Which files a machine gets, and what is in them.

use anyhow::Context;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::{Value as Json, json};

use super::paths::{self, DOCKER_OPTIONS, IMAGE_LIBRARY, LIBRARY, SETTINGS, UNITS};
use super::{Machine, Role, docker, hub_settings, maps, table};
use crate::failure::Result;
use crate::workshop::{Docker, Engine};

/// A file of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content: String,
    /// Permission bits in octal.
    pub(super) mode: String,
}

/// A file of `userdata/`, by its path in there.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/", $path))
    };
}

pub(super) use template;

/// A file of every golden image, by its path in there.
macro_rules! of_the_image {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/base/", $path))
    };
}

const PREPARE: &str = "imagegen-prepare.service";
const PACKAGES: &str = "imagegen-packages.service";
const VOLUME: &str = "imagegen-volume.service";
const PULL: &str = "imagegen-notebook.service";

/// The files of a machine: what all have, what its role and its engine add, what a plain image lacks, and the
/// organiser's own.
pub(super) fn of(machine: &Machine<'_>, table: table::Style) -> Result<Vec<File>> {
    let mut files = common(machine)?;
    files.extend(match machine.role {
        Role::Hub => hub(machine)?,
        Role::Node { hub } => maps::of_node(machine, hub)?,
    });
    files.extend(engine(machine)?);
    if machine.plain {
        files.extend(plain(machine)?);
    }
    if machine.plain || !machine.workshop.admin_ssh_keys.is_empty() {
        files.push(file("/etc/ssh/sshd_config.d/10-imagegen.conf", template!("common/sshd.conf")));
    }
    if let Some(locale) = &machine.workshop.locale {
        files.push(file("/etc/default/locale", format!("LANG={locale}\n")));
    }
    let own = machine.extras().files.iter();
    files.extend(own.map(|it| File { mode: it.mode.clone(), ..file(&it.path, &it.content) }));
    files.push(file(paths::USERS, table::render(&machine.workshop.users, table)));
    Ok(files)
}

fn common(machine: &Machine<'_>) -> Result<Vec<File>> {
    let workshop = machine.workshop;
    let units = context! { units => units(machine).join(" ") };
    let prepare = context! {
        after => if machine.plain { format!(" {PACKAGES}") } else { String::new() },
        commands => preparations(machine),
    };
    let docker = context! { classic => matches!(workshop.engine, Engine::Classic(_)) };
    let mut files = vec![
        file(DOCKER_OPTIONS, docker::options(&workshop.docker)?),
        unit("docker.service.d/imagegen.conf", &fill(template!("common/docker.conf"), docker)?),
        private(format!("{SETTINGS}/settings.json"), docker::pretty(&settings(machine))?),
        file(format!("{UNITS}/imagegen.target"), fill(template!("common/imagegen.target"), units)?),
        file(format!("{UNITS}/{PREPARE}"), fill(template!("common/imagegen-prepare.service"), prepare)?),
        file(format!("{SETTINGS}/firewall.nft"), firewall(machine)?),
        script("common.py", template!("common/common.py")),
        script("accounts.py", template!("common/accounts.py")),
        script("dockerd.py", template!("common/dockerd.py")),
    ];
    if let Some(image) = pulled(machine) {
        files.push(unit(PULL, &fill(template!("common/imagegen-notebook.service"), context! { image })?));
    }
    Ok(files)
}

/// What containers may reach.
fn firewall(machine: &Machine<'_>) -> Result<String> {
    let workshop = machine.workshop;
    let hub = match machine.role {
        Role::Hub => "fib daddr type local".to_owned(),
        Role::Node { hub } => format!("ip daddr {hub}"),
    };
    let allowed: Vec<String> = workshop.notebooks.reachable.iter().map(ToString::to_string).collect();
    let own = workshop.network.cidr.map(|cidr| cidr.to_string());
    fill(template!("common/firewall.nft"), context! { hub, allowed => allowed.join(", "), own })
}

/// The units that the machine's target wants beside the preparation.
fn units(machine: &Machine<'_>) -> Vec<&'static str> {
    let mut units = vec![];
    if machine.plain {
        units.push(PACKAGES);
    }
    if matches!(machine.role, Role::Hub) {
        units.extend(["imagegen-homes.service", "imagegen-passwords.service", "imagegen-hub.target"]);
    }
    if pulled(machine).is_some() {
        units.push(PULL);
    }
    units.extend(match (&machine.workshop.engine, machine.role) {
        (Engine::Swarm, Role::Hub) => &["imagegen-swarm.service", "imagegen-rendezvous.service"][..],
        (Engine::Swarm, Role::Node { .. }) => &["imagegen-join.service"],
        (Engine::Classic(_), Role::Hub) => &["imagegen-manager.service"],
        (Engine::Classic(_), Role::Node { .. }) => &["imagegen-member.service"],
    });
    units
}

/// The organiser's own notebook image, on machines that run notebooks.
fn own_image<'a>(machine: &Machine<'a>) -> Option<&'a str> {
    let carries = matches!(machine.role, Role::Node { .. }) || machine.workshop.notebooks_on_hub;
    machine.workshop.notebooks.image.as_deref().filter(|_| carries)
}

/// It, where a unit of its own fetches it. A node of a swarm does so before it joins.
fn pulled<'a>(machine: &Machine<'a>) -> Option<&'a str> {
    let joins = matches!((&machine.workshop.engine, machine.role), (Engine::Swarm, Role::Node { .. }));
    own_image(machine).filter(|_| !joins)
}

/// Whether Docker's data are elsewhere than where a golden image has its notebooks.
fn moves_data(machine: &Machine<'_>) -> bool {
    !machine.plain && machine.workshop.docker.data_root != Docker::default().data_root
}

/// What is done before dockerd and autofs start, in this order.
fn preparations(machine: &Machine<'_>) -> Vec<String> {
    let of_the_image = |name: &str| format!("/bin/sh {IMAGE_LIBRARY}/{name}");
    let python = |name: &str| format!("/usr/bin/python3 {LIBRARY}/{name}");
    let mut commands = vec![of_the_image("identity.sh")];
    if machine.workshop.docker.mtu.is_none() {
        commands.push(of_the_image("mtu.sh"));
    }
    if moves_data(machine) {
        commands.push(of_the_image("data-root.sh"));
    }
    if machine.keeps_local_homes() {
        commands.push(format!("/bin/sh {LIBRARY}/local-homes.sh"));
    }
    commands.push(python("accounts.py"));
    if matches!(machine.workshop.engine, Engine::Classic(_)) {
        commands.push(python("listener.py"));
    }
    commands
}

/// What the scripts read. The key for passwords is not among it: the rendezvous has no business with that.
fn settings(machine: &Machine<'_>) -> Json {
    let (workshop, secrets) = (machine.workshop, machine.secrets);
    let mut settings = match machine.role {
        Role::Hub => hub_settings::of(workshop),
        Role::Node { hub } => json!({ "homes": "/home", "hub": hub }),
    };
    settings["workshop"] = json!(workshop.name);
    match &workshop.engine {
        Engine::Classic(images) => {
            settings["images"] = json!({ "consul": images.consul, "swarm": images.swarm });
        }
        Engine::Swarm => {
            settings["join_key"] = json!(secrets.join_key);
            if matches!(machine.role, Role::Node { .. }) {
                settings["hub_certificate"] = json!(secrets.fingerprint());
            }
        }
    }
    settings
}

fn hub(machine: &Machine<'_>) -> Result<Vec<File>> {
    let workshop = machine.workshop;
    let requires = if workshop.homes.volume.is_some() { VOLUME } else { "" };
    let hashes = workshop
        .users
        .accounts()
        .filter_map(|user| Some(format!("{}:{}\n", user.name, user.password_hash?.0)));
    let page = machine.secrets.page_certificate(&workshop.network)?;
    let mut files = vec![
        private(format!("{SETTINGS}/password-seed"), format!("{}\n", machine.secrets.password_seed)),
        private(format!("{SETTINGS}/passwords"), hashes.collect::<String>()),
        file(format!("{SETTINGS}/hub.crt"), machine.secrets.certificate.as_str()),
        private(format!("{SETTINGS}/hub.key"), machine.secrets.certificate_key.as_str()),
        file(format!("{SETTINGS}/page.crt"), page.chain),
        private(format!("{SETTINGS}/page.key"), page.key),
        script("address.py", template!("hub/address.py")),
        script("files.py", template!("common/files.py")),
        script("homes.py", template!("hub/homes.py")),
        script("passwords.py", template!("hub/passwords.py")),
        unit(
            "imagegen-homes.service",
            &fill(template!("hub/imagegen-homes.service"), context! { requires })?,
        ),
        unit("imagegen-passwords.service", template!("hub/imagegen-passwords.service")),
    ];
    files.extend(maps::of_hub(workshop)?);
    if let Some(volume) = &workshop.homes.volume {
        let values = context! { volume, homes => &workshop.homes.export };
        files.extend([
            script("volume.sh", &fill(template!("hub/volume.sh"), values)?),
            unit(VOLUME, template!("hub/imagegen-volume.service")),
            unit("nfs-server.service.d/imagegen.conf", template!("hub/nfs-server.conf")),
        ]);
    }
    Ok(files)
}

fn engine(machine: &Machine<'_>) -> Result<Vec<File>> {
    Ok(match (&machine.workshop.engine, machine.role) {
        (Engine::Swarm, Role::Hub) => vec![
            script("swarm.py", template!("swarm/swarm.py")),
            script("rendezvous.py", template!("swarm/rendezvous.py")),
            unit("imagegen-swarm.service", template!("swarm/imagegen-swarm.service")),
            unit("imagegen-rendezvous.service", template!("swarm/imagegen-rendezvous.service")),
        ],
        (Engine::Swarm, Role::Node { .. }) => joining(machine)?,
        (Engine::Classic(_), Role::Hub) => vec![
            script("listener.py", template!("classic/listener.py")),
            script("containers.py", template!("classic/containers.py")),
            script("manager.py", template!("classic/manager.py")),
            unit("imagegen-manager.service", template!("classic/imagegen-manager.service")),
        ],
        (Engine::Classic(_), Role::Node { .. }) => vec![
            script("files.py", template!("common/files.py")),
            script("listener.py", template!("classic/listener.py")),
            script("containers.py", template!("classic/containers.py")),
            script("member.py", template!("classic/member.py")),
            unit("imagegen-member.service", template!("classic/imagegen-member.service")),
        ],
    })
}

/// The swarm gives new servers to the node with the fewest, also to one that has not got their image yet.
fn joining(machine: &Machine<'_>) -> Result<Vec<File>> {
    let image = own_image(machine);
    let command = image.map_or_else(|| "join.py".to_owned(), |image| format!("pull.py {image}"));
    let service = fill(template!("swarm/imagegen-join.service"), context! { command })?;
    let mut files =
        vec![script("join.py", template!("swarm/join.py")), unit("imagegen-join.service", &service)];
    files.extend(image.map(|_| script("pull.py", template!("swarm/pull.py"))));
    Ok(files)
}

/// What a golden image has of its own.
fn plain(machine: &Machine<'_>) -> Result<Vec<File>> {
    let (packages, services) = match machine.role {
        Role::Hub => ("docker.io iptables nftables nfs-kernel-server", "docker.service nfs-server.service"),
        Role::Node { .. } => {
            ("docker.io iptables nftables nfs-common autofs", "docker.service autofs.service")
        }
    };
    let packages = fill(template!("plain/packages.sh"), context! { packages, services })?;
    let mut files = vec![
        script("packages.sh", &packages),
        unit(PACKAGES, template!("plain/imagegen-packages.service")),
        file(format!("{IMAGE_LIBRARY}/identity.sh"), of_the_image!("usr/lib/imagegen/identity.sh")),
        file(format!("{IMAGE_LIBRARY}/mtu.sh"), of_the_image!("usr/lib/imagegen/mtu.sh")),
    ];
    if machine.keeps_local_homes() {
        files.push(script("local-homes.sh", template!("plain/local-homes.sh")));
    } else {
        let nfs =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/hub/etc/nfs.conf.d/imagegen.conf"));
        files.push(file("/etc/nfs.conf.d/imagegen.conf", nfs));
    }
    Ok(files)
}

/// A template with its values filled in; one that is missing is an error.
pub(crate) fn fill(template: &str, values: minijinja::Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().context("template syntax")?);
    Ok(environment.render_str(template, values).context("filling in a template")?)
}

pub(super) fn file(path: impl Into<String>, content: impl Into<String>) -> File {
    File { path: path.into(), content: content.into(), mode: "0644".into() }
}

fn private(path: impl Into<String>, content: impl Into<String>) -> File {
    File { mode: "0600".into(), ..file(path, content) }
}

fn script(name: &str, content: &str) -> File {
    file(format!("{LIBRARY}/{name}"), content)
}

fn unit(name: &str, content: &str) -> File {
    file(format!("{UNITS}/{name}"), content)
}
