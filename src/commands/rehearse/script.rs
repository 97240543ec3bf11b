//! What the arguments and the workshop file make of a rehearsal.

use std::path::Path;
use std::time::Duration;

use crate::cli::{
    AttackArgs, BenchArgs, BootedBy, CloudArgs, ClusterArgs, DatasourceKind, NetworkKind, RunArgs,
    WorkshopArgs,
};
use crate::commands::inputs;
use crate::document::Findings;
use crate::failure::Result;
use crate::rehearsal::{self, Cloud, Datasource, Firmware, Manner, PortForward, Scenario, Student};
use crate::userdata::{ImageKind, InstanceRole, InstanceSpec, Platform};
use crate::workshop::{AccountEntry, Engine, Network, Secrets, Subnet, Web, Workshop};

/// What somebody wants to rehearse.
pub(super) struct Wanted<'a> {
    pub(super) nodes: u8,
    pub(super) students: u16,
    images: &'a Path,
    logs: &'a Path,
    plain: Option<&'a Path>,
    firmware: Firmware,
    timed: bool,
    /// Whether the images carry the classic engine's own, which need no stand-ins.
    real_engine: bool,
    forward: Option<PortForward>,
    cloud: Cloud,
    workshop: &'a WorkshopArgs,
}

impl<'a> Wanted<'a> {
    /// What is to be checked.
    pub(super) fn for_run(args: &'a RunArgs) -> Self {
        Self {
            students: args.students,
            real_engine: args.real_engine,
            plain: args.stock_image.as_deref(),
            forward: args.forward.map(|port| PortForward { port, then: args.exec.clone() }),
            ..Self::of(&args.cluster)
        }
    }

    /// What is to be measured.
    pub(super) fn for_bench(args: &'a BenchArgs) -> Self {
        Self { students: args.students, timed: true, ..Self::of(&args.cluster) }
    }

    /// Machines without students.
    fn of(args: &'a ClusterArgs) -> Self {
        Self {
            nodes: args.nodes,
            students: 0,
            images: &args.dirs.images,
            logs: &args.dirs.logs,
            plain: None,
            firmware: firmware(args.firmware),
            timed: false,
            forward: None,
            real_engine: false,
            cloud: cloud(&args.cloud),
            workshop: &args.workshop,
        }
    }

    /// Two students on one node, so that each has a neighbour there.
    pub(super) fn for_attacks(args: &'a AttackArgs) -> Self {
        Self {
            nodes: 1,
            students: 2,
            images: &args.dirs.images,
            logs: &args.dirs.logs,
            plain: None,
            firmware: Firmware::Bios,
            timed: false,
            real_engine: false,
            forward: None,
            cloud: Cloud::default(),
            workshop: &args.workshop,
        }
    }
}

pub(super) fn firmware(by: BootedBy) -> Firmware {
    match by {
        BootedBy::Bios => Firmware::Bios,
        BootedBy::Uefi => Firmware::Uefi,
        BootedBy::SecureBoot => Firmware::SecureBoot,
    }
}

/// The rehearsal, where nothing keeps the workshop from it.
pub(super) fn script(wanted: &Wanted) -> Result<Scenario> {
    let mut findings = Findings::default();
    let mut workshop = inputs::workshop(wanted.workshop, &mut findings)?;
    judge(wanted, &workshop, &mut findings);
    inputs::accept(findings)?;
    // The rehearsal's LAN is not the workshop's network, and its hub has a volume of its own.
    workshop.network = network(wanted);
    if wanted.plain.is_none() {
        without_mirror(&mut workshop);
    }
    with_known_passwords(&mut workshop);
    workshop.homes.volume = workshop.homes.volume.map(|_| rehearsal::VOLUME.to_owned());
    let secrets = inputs::borrowed_secrets(wanted.workshop)?;
    let userdata = |role| userdata(&workshop, &secrets, role, wanted.plain.is_some());
    Ok(Scenario {
        images: match wanted.plain {
            Some(image) => [image.to_owned(), image.to_owned()],
            None if wanted.nodes == 0 => [wanted.images.join("solo.qcow2"), wanted.images.join("solo.qcow2")],
            None => [wanted.images.join("hub.qcow2"), wanted.images.join("node.qcow2")],
        },
        plain: wanted.plain.is_some(),
        firmware: wanted.firmware,
        logs: wanted.logs.to_owned(),
        hub: userdata(InstanceRole::Hub)?,
        node: userdata(InstanceRole::Node { hub: rehearsal::hub_address() })?,
        nodes: wanted.nodes,
        volume: workshop.homes.volume.is_some(),
        transport: workshop.homes.transport,
        shares: shares(&workshop),
        classic: match &workshop.engine {
            Engine::Classic(_) if wanted.real_engine => Some(vec![]),
            Engine::Classic(images) => Some(vec![images.consul.clone(), images.swarm.clone()]),
            Engine::Swarm => None,
        },
        homes: workshop.homes.export.clone(),
        students: students(&workshop, &secrets),
        present: wanted.students.into(),
        materials: if wanted.students > 0 { workshop.materials.len() } else { 0 },
        fingerprint: secrets.page_certificate(&workshop)?.fingerprint,
        timed: wanted.timed,
        forward: wanted.forward.clone(),
        cloud: wanted.cloud.clone(),
    })
}

/// What an organiser would have to say of the network, and nothing else.
fn network(wanted: &Wanted) -> Network {
    // With a second network, the hub has to be told which one is the workshop's.
    let several = wanted.plain.is_some() || wanted.forward.is_some() || wanted.cloud.second_interface;
    // From an address with a subnet of its own, the hub cannot tell where its nodes are.
    let alone = wanted.cloud.network == rehearsal::LanLayout::Slash32;
    let (address, prefix) = rehearsal::LAN;
    Network {
        cidr: alone.then_some(Subnet { address, prefix }),
        hub_ip: several.then(rehearsal::hub_address),
        hub_name: None,
    }
}

/// Looks for what keeps this workshop from being rehearsed in this way.
fn judge(wanted: &Wanted, workshop: &Workshop, findings: &mut Findings) {
    let alone = workshop.notebooks_on_hub && workshop.engine == Engine::Swarm && wanted.plain.is_none();
    if wanted.nodes == 0 && !alone {
        findings.push(rehearsal::findings::nobody_carries_notebooks());
    }
    let users = workshop.users.count();
    if !findings.has_errors() && u32::from(wanted.students) > users {
        findings.push(rehearsal::findings::fewer_users(users));
    }
    if wanted.real_engine && workshop.engine == Engine::Swarm {
        findings.push(rehearsal::findings::no_engine_to_carry());
    }
    if wanted.cloud.datasource == Datasource::ConfigDrive && wanted.cloud.manner != Manner::default() {
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
            NetworkKind::Default => rehearsal::LanLayout::Vxlan,
            NetworkKind::Dhcp => rehearsal::LanLayout::Dhcp,
            NetworkKind::Geneve => rehearsal::LanLayout::Geneve,
            NetworkKind::Jumbo => rehearsal::LanLayout::Jumbo,
            NetworkKind::Slash32 => rehearsal::LanLayout::Slash32,
            NetworkKind::DualStack => rehearsal::LanLayout::DualStack,
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
        if let AccountEntry::Single(user) = entry {
            user.password_hash = None;
        }
    }
}

pub(super) fn userdata(
    workshop: &Workshop,
    secrets: &Secrets,
    role: InstanceRole,
    plain: bool,
) -> Result<String> {
    let image = if plain { ImageKind::Stock } else { ImageKind::Golden };
    Ok(InstanceSpec { workshop, secrets, role, image }.render(Platform::Nova)?.text)
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
