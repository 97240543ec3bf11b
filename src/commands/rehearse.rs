//! `imagegen rehearse`.

use std::path::Path;
use std::time::Duration;

use super::inputs;
use crate::cli::{BootedBy, CloudArgs, DatasourceKind, NetworkKind, RehearseArgs};
use crate::document::Findings;
use crate::failure::Result;
use crate::host::{signals, tools};
use crate::rehearsal::{self, Cloud, Datasource, Door, Firmware, Manner, Script, Student, Texts, Trial};
use crate::report::{self, Progress};
use crate::userdata::{Budget, Image, Machine, Role};
use crate::workshop::{Engine, Entry, Network, Secrets, Subnet, Web, Workshop};

/// Runs the command.
pub fn run(args: &RehearseArgs) -> Result<()> {
    if let Some(image) = &args.boot {
        return boot(image, args);
    }
    let script = script(args)?;
    signals::listen()?;
    require(rehearsal::memory(args.nodes, args.students.into()), &[script.firmware])?;
    rehearsal::check_images(&script.images)?;
    if args.benchmark && args.students == 0 {
        let figures = rehearsal::benchmark(script, &Progress::start())?;
        return report::data(&format!("{figures}\n"));
    }
    rehearsal::run(script, &Progress::start())
}

/// Tries one image by itself.
fn boot(image: &Path, args: &RehearseArgs) -> Result<()> {
    let (first, then) = match args.firmware.map(firmware) {
        None => (Firmware::ALL.to_vec(), Firmware::ALL.to_vec()),
        Some(Firmware::Bios) => (vec![Firmware::Bios], vec![Firmware::Bios]),
        Some(other) => (vec![other], vec![Firmware::Bios, other]),
    };
    signals::listen()?;
    require(rehearsal::boot_memory(), &Firmware::ALL)?;
    rehearsal::check_images(&[image.to_owned()])?;
    let (workshop, secrets) = (Workshop::usual(), inputs::borrowed_secrets(&args.workshop)?);
    let text = |role| userdata(&workshop, &secrets, role, false);
    let texts = Texts { hub: text(Role::Hub)?, node: text(Role::Node { hub: rehearsal::hub_address() })? };
    let trial = Trial { image: image.to_owned(), first, then, texts, logs: args.logs.clone() };
    rehearsal::boot(&trial, &Progress::start())
}

fn require(memory: u64, firmware: &[Firmware]) -> Result<()> {
    let mut lacking = tools::lacking_for_rehearsal(memory);
    for shortage in firmware.iter().flat_map(|firmware| firmware.lacking()) {
        lacking.push(shortage);
    }
    tools::require(lacking)
}

fn firmware(by: BootedBy) -> Firmware {
    match by {
        BootedBy::Bios => Firmware::Bios,
        BootedBy::Uefi => Firmware::Uefi,
        BootedBy::SecureBoot => Firmware::SecureBoot,
    }
}

fn script(args: &RehearseArgs) -> Result<Script> {
    let mut findings = Findings::default();
    let mut workshop = inputs::workshop(&args.workshop, &mut findings)?;
    let cloud = cloud(&args.cloud);
    judge(args, &workshop, &cloud, &mut findings);
    inputs::accept(findings)?;
    // The rehearsal's LAN is not the workshop's network, and its hub has a volume of its own.
    workshop.network = network(args, &cloud);
    if args.plain.is_none() {
        without_mirror(&mut workshop);
    }
    with_known_passwords(&mut workshop);
    workshop.homes.volume = workshop.homes.volume.map(|_| rehearsal::VOLUME.to_owned());
    let secrets = inputs::borrowed_secrets(&args.workshop)?;
    let userdata = |role| userdata(&workshop, &secrets, role, args.plain.is_some());
    Ok(Script {
        images: match &args.plain {
            Some(image) => [image.clone(), image.clone()],
            None if args.nodes == 0 => [args.images.join("solo.qcow2"), args.images.join("solo.qcow2")],
            None => [args.images.join("hub.qcow2"), args.images.join("node.qcow2")],
        },
        plain: args.plain.is_some(),
        firmware: args.firmware.map_or(Firmware::Bios, firmware),
        logs: args.logs.clone(),
        hub: userdata(Role::Hub)?,
        node: userdata(Role::Node { hub: rehearsal::hub_address() })?,
        nodes: args.nodes,
        volume: workshop.homes.volume.is_some(),
        shares: shares(&workshop),
        classic: match &workshop.engine {
            Engine::Classic(images) => Some(vec![images.consul.clone(), images.swarm.clone()]),
            Engine::Swarm => None,
        },
        homes: workshop.homes.export.clone(),
        students: students(&workshop, &secrets),
        present: args.students.into(),
        materials: if args.students > 0 { workshop.materials.len() } else { 0 },
        fingerprint: secrets.page_certificate(&workshop)?.fingerprint,
        timed: args.benchmark,
        door: args.door.map(|port| Door { port, then: args.then.clone() }),
        cloud,
    })
}

/// What an organiser would have to say of the network, and nothing else.
fn network(args: &RehearseArgs, cloud: &Cloud) -> Network {
    // With a second network, the hub has to be told which one is the workshop's.
    let several = args.plain.is_some() || args.door.is_some() || cloud.second_interface;
    // From an address with a subnet of its own, the hub cannot tell where its nodes are.
    let alone = cloud.network == rehearsal::Network::Slash32;
    let (address, prefix) = rehearsal::LAN;
    Network {
        cidr: alone.then_some(Subnet { address, prefix }),
        hub_ip: several.then(rehearsal::hub_address),
        hub_name: None,
    }
}

/// Looks for what keeps this workshop from being rehearsed in this way.
fn judge(args: &RehearseArgs, workshop: &Workshop, cloud: &Cloud, findings: &mut Findings) {
    let alone = workshop.notebooks_on_hub && workshop.engine == Engine::Swarm && args.plain.is_none();
    if args.nodes == 0 && !alone {
        findings.push(rehearsal::findings::nobody_carries_notebooks());
    }
    let users = workshop.users.count();
    if !findings.has_errors() && u32::from(args.students) > users {
        findings.push(rehearsal::findings::fewer_users(users));
    }
    if cloud.datasource == Datasource::ConfigDrive && cloud.manner != Manner::default() {
        findings.push(rehearsal::findings::nobody_asks_the_service());
    }
}

fn cloud(args: &CloudArgs) -> Cloud {
    let seconds = |number: u16| Duration::from_secs(number.into());
    Cloud {
        datasource: match args.datasource {
            DatasourceKind::ConfigDrive => Datasource::ConfigDrive,
            DatasourceKind::Metadata => Datasource::Metadata,
        },
        product: args.product.clone(),
        manner: Manner { delay: seconds(args.metadata_delay), failures: seconds(args.metadata_failures) },
        network: match args.network {
            NetworkKind::Default => rehearsal::Network::Vxlan,
            NetworkKind::Dhcp => rehearsal::Network::Dhcp,
            NetworkKind::Geneve => rehearsal::Network::Geneve,
            NetworkKind::Jumbo => rehearsal::Network::Jumbo,
            NetworkKind::Slash32 => rehearsal::Network::Slash32,
            NetworkKind::DualStack => rehearsal::Network::DualStack,
        },
        second_interface: args.second_interface,
    }
}

/// What nodes mount from the hub and may not write.
fn shares(workshop: &Workshop) -> Vec<(String, String)> {
    let read_only = workshop.autofs.shares.iter().filter(|share| share.server.is_none() && !share.writable);
    read_only.map(|share| (share.path.clone(), share.folder.clone())).collect()
}

/// Machines of golden images see the LAN alone, so that nothing can be fetched there but what the rehearsal serves.
fn without_mirror(workshop: &mut Workshop) {
    workshop.materials.retain(|material| material.url.contains(rehearsal::EXAMPLE_ADDRESS));
    workshop.notebooks.image = None;
    workshop.web = Web::default();
    workshop.admin_ssh_keys.clear();
    workshop.hub.packages.clear();
    workshop.node.packages.clear();
    workshop.locale = None;
}

/// Everybody logs in with the password that is derived for the name: nobody here knows those behind hashes.
fn with_known_passwords(workshop: &mut Workshop) {
    for entry in &mut workshop.users.entries {
        if let Entry::Single(user) = entry {
            user.password_hash = None;
        }
    }
}

fn userdata(workshop: &Workshop, secrets: &Secrets, role: Role, plain: bool) -> Result<String> {
    let image = if plain { Image::Stock } else { Image::Golden };
    Ok(Machine { workshop, secrets, role, image }.render(Budget::Nova)?.text)
}

fn students(workshop: &Workshop, secrets: &Secrets) -> Vec<Student> {
    let accounts = workshop.users.accounts();
    accounts
        .map(|user| Student {
            password: secrets.password(&workshop.name, &user.name),
            name: user.name,
            uid: user.uid,
            gid: user.gid,
        })
        .collect()
}
