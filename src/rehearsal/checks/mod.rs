//! What must be true of a workshop whose machines are up. Each check looks from the inside, and gives a few words on
//! what it saw.

mod accounts;
mod carried;
mod classic;
mod cloud_init;
mod common;
pub(super) mod fetch;
mod homes;
mod hub;
mod identity;
mod materials;
pub(super) mod sandbox;
mod service;
mod storage;
pub(super) mod students;
mod volume;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::anyhow;

use super::check::ClusterCheck;
use super::{Cluster, boot_test};
use crate::failure::Result;
use crate::userdata::paths;
use crate::workshop::Transport;

use common::{API, GOSSIP, NFS, SSH, answers, connecting, until_it_answers};
pub(super) use common::{CHECK_TIMEOUT, SOON};

/// The checks for a rehearsal, in an order in which each finds ready what it needs.
pub(super) fn of(cluster: &Cluster, timed: bool) -> Vec<&'static ClusterCheck> {
    if cluster.nodes.is_empty() {
        return [EACH, ALONE].into_iter().flatten().collect();
    }
    let asked = if cluster.present == 0 { SCHEMA } else { &[] };
    let engine = if cluster.classic { CLASSIC } else { SWARM };
    let volume = if cluster.volume { VOLUME } else { &[] };
    let shares = if cluster.shares.is_empty() { &[] } else { SHARES };
    let encrypted = if cluster.transport == Transport::MutualTls { ENCRYPTED_HOMES } else { &[] };
    let image = if cluster.plain { PLAIN } else { GOLDEN };
    let filter = if cluster.classic && !cluster.plain { CLASSIC_FILTER } else { &[] };
    let last = if cluster.classic { CLASSIC_FAULTS } else { SWARM_FAULTS };
    let students: &[&[ClusterCheck]] = match (cluster.present, cluster.classic) {
        (0, _) => &[],
        (_, true) => &[CLASSIC_AT_WORK],
        (_, false) if timed => &[AT_WORK, SPEED, AMONG_NODES],
        (_, false) => &[AT_WORK, AMONG_NODES],
    };
    let materials = if cluster.materials > 0 { MATERIALS } else { &[] };
    let before = [engine, AMONG_MACHINES, EACH, asked, volume, shares, encrypted, image];
    before.iter().chain(students).chain(&[materials, filter, last]).copied().flatten().collect()
}

/// What attacks begin with: students at work, and what their notebooks reach.
pub(super) fn for_attacks() -> impl Iterator<Item = &'static ClusterCheck> {
    SWARM.iter().chain([&WORK, &SANDBOX])
}

const SWARM: &[ClusterCheck] =
    &[ClusterCheck { name: "every node is Ready in the hub's swarm", run: nodes_are_ready }];

const CLASSIC: &[ClusterCheck] = &[ClusterCheck {
    name: "`docker -H :4000 ps -a` on the hub shows every node",
    run: classic::manager_sees_nodes,
}];

const AMONG_MACHINES: &[ClusterCheck] = &[
    ClusterCheck {
        name: "the nodes were started before the hub and joined all the same",
        run: nodes_came_first,
    },
    ClusterCheck { name: "a file written in a home on the hub is read on every node", run: homes::travel },
    ClusterCheck { name: "engine ids and machine ids differ", run: identity::clones_differ },
];

const EACH: &[ClusterCheck] = &[
    ClusterCheck { name: "cloud-init finished without error on each machine", run: cloud_init::is_content },
    ClusterCheck {
        name: "every student's UID and GID are equal on all machines",
        run: identity::ids_are_equal,
    },
    ClusterCheck { name: "Docker's packets are as large as the machine's own", run: mtu_is_the_links },
    ClusterCheck { name: "the root file system has grown to the disk", run: disk_has_grown },
];

/// At each boot cloud-init looks at the user-data with its schema and warns, which [`EACH`] would find. Asking it by its
/// command is a rehearsal's proof that it looks; where students work too, the machines have enough to do.
const SCHEMA: &[ClusterCheck] =
    &[ClusterCheck { name: "cloud-init's own schema accepts the user-data", run: cloud_init::accepts }];

const VOLUME: &[ClusterCheck] =
    &[ClusterCheck { name: "the homes are on the volume", run: volume::holds_homes }];

const SHARES: &[ClusterCheck] = &[ClusterCheck {
    name: "shared data of the hub is read on every node and not written",
    run: homes::shares_are_read,
}];

const ENCRYPTED_HOMES: &[ClusterCheck] = &[ClusterCheck {
    name: "homes travel over TLS by which hub and nodes know each other, and not without",
    run: storage::is_encrypted,
}];

const PASSWORDS: ClusterCheck = ClusterCheck {
    name: "the password on a card opens the account on the hub alone",
    run: accounts::passwords_are_the_cards,
};

const GOLDEN: &[ClusterCheck] = &[
    PASSWORDS,
    ClusterCheck { name: "nothing listens on port 22", run: no_ssh },
    ClusterCheck {
        name: "homes and shared folders are on file systems of their own, which nodes alone may mount",
        run: storage::is_apart,
    },
    ClusterCheck { name: "a student who stores too much is stopped alone", run: storage::is_limited },
    ClusterCheck {
        name: "Docker mounts the container images that came with the node",
        run: carried::are_mounted,
    },
    ClusterCheck {
        name: "a service that fails is reported on the console, with its last message",
        run: failures_are_told,
    },
];

const PLAIN: &[ClusterCheck] = &[ClusterCheck {
    name: "the image's own user and the administrator come in by SSH and are at home, and no student comes in",
    run: accounts::log_in_by_ssh,
}];

const ENCRYPTED: ClusterCheck = ClusterCheck {
    name: "plain HTTP leads to HTTPS with the workshop's certificate",
    run: hub::is_encrypted,
};
const WORK: ClusterCheck =
    ClusterCheck { name: "students log in and work in notebooks as themselves", run: students::work };
const SANDBOX: ClusterCheck =
    ClusterCheck { name: "a notebook reaches only what it may", run: sandbox::holds };

const RESTARTS: ClusterCheck =
    ClusterCheck { name: "servers survive restarts of hub and proxy", run: students::restarts_are_survived };

const AT_WORK: &[ClusterCheck] = &[
    ENCRYPTED,
    ClusterCheck { name: "the hub's services take little memory", run: hub::takes_little },
    WORK,
    ClusterCheck { name: "strangers are refused", run: students::strangers_are_refused },
    SANDBOX,
    RESTARTS,
    ClusterCheck { name: "the metrics are there for a token", run: hub::metrics_need_a_token },
];

/// A figure for the benchmark, after which nobody's server runs on.
const SPEED: &[ClusterCheck] = &[ClusterCheck {
    name: "a notebook starts about as fast as its image by hand",
    run: hub::starts_are_fast,
}];

/// What may be different where the hub carries the notebooks itself, and has more to lose.
const ALONE: &[ClusterCheck] = &[
    PASSWORDS,
    ENCRYPTED,
    WORK,
    SANDBOX,
    RESTARTS,
    ClusterCheck { name: "a kernel without bounds loses itself alone", run: students::memory_is_limited },
];

const AMONG_NODES: &[ClusterCheck] = &[ClusterCheck {
    name: "a lost node takes no student along for good, nor the files",
    run: students::a_lost_node_is_survived,
}];

const MATERIALS: &[ClusterCheck] =
    &[ClusterCheck { name: "materials are in the homes and in /share", run: materials::arrive }];

const SWARM_FAULTS: &[ClusterCheck] = &[
    ClusterCheck { name: "a service placed by the manager works as a student, at home", run: service::works },
    ClusterCheck { name: "a node that the swarm has lost joins again", run: lost_node_returns },
];

const CLASSIC_AT_WORK: &[ClusterCheck] = &[
    ENCRYPTED,
    ClusterCheck { name: "students work in containers that the manager places", run: classic::students_work },
];

const CLASSIC_FILTER: &[ClusterCheck] = &[
    ClusterCheck {
        name: "nobody reaches Docker's ports over IPv6",
        run: classic::ports_are_closed_over_ipv6,
    },
    ClusterCheck {
        name: "of the hub's services JupyterHub alone asks the manager",
        run: classic::jupyterhub_alone_asks,
    },
];

const CLASSIC_FAULTS: &[ClusterCheck] = &[
    ClusterCheck {
        name: "Docker's ports are open to the hub and to no container",
        run: classic::ports_are_closed,
    },
    ClusterCheck {
        name: "a broken Consul, a new manager and a node that was away end no server",
        run: classic::faults_are_survived,
    },
    ClusterCheck { name: "a hub that boots again ends no server", run: classic::a_reboot_is_survived },
];

fn nodes_are_ready(cluster: &mut Cluster) -> Result<String> {
    let wanted: Vec<String> = cluster.nodes.iter().map(|node| node.spec.name.clone()).collect();
    let list = ["docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}"];
    let ready = |printed: &str| all_ready(printed, &wanted).then_some(());
    cluster.hub.wait_for_output("every node once, ready and a worker", CHECK_TIMEOUT, &list, ready)?;
    Ok(wanted.join(", "))
}

fn lost_node_returns(cluster: &mut Cluster) -> Result<String> {
    let name = cluster.nodes[0].spec.name.clone();
    let filter = format!("name={name}");
    let show = ["docker", "node", "ls", "--filter", &filter, "--format", "{{.ID}} {{.Status}}"];
    let lost = cluster.hub.wait_for_output(&format!("{name}, ready"), CHECK_TIMEOUT, &show, ready_id)?;
    cluster.hub.stdout_of(&["docker", "node", "rm", "--force", &lost])?;
    let other = |printed: &str| ready_id(printed).filter(|id| *id != lost);
    let found = cluster.hub.wait_for_output(
        &format!("{name}, ready under another id"),
        CHECK_TIMEOUT,
        &show,
        other,
    )?;
    Ok(format!("{name} was {lost} and is {found}"))
}

/// The id of the one node in the list that is ready.
fn ready_id(list: &str) -> Option<String> {
    list.lines().find_map(|line| line.strip_suffix(" Ready")).map(str::to_owned)
}

/// Whether each of `wanted` stands once in the list, ready and a worker.
fn all_ready(list: &str, wanted: &[String]) -> bool {
    wanted
        .iter()
        .all(|name| list.lines().filter(|line| line.trim_end() == format!("{name} Ready")).count() == 1)
}

fn nodes_came_first(cluster: &mut Cluster) -> Result<String> {
    let hub = boot_time(&cluster.hub.stdout_of(&["grep", "btime", "/proc/stat"])?)?;
    let mut seen = vec![];
    for node in &mut cluster.nodes {
        let own = boot_time(&node.stdout_of(&["grep", "btime", "/proc/stat"])?)?;
        if own >= hub {
            return Err(anyhow!("{} was started {} s after the hub", node.spec.name, own - hub).into());
        }
        let joined =
            node.wait_for_success("the note that it has joined", CHECK_TIMEOUT, &["cat", paths::JOINED])?;
        seen.push(format!(
            "{} {} s earlier, joined {joined} s after its kernel started",
            node.spec.name,
            hub - own
        ));
    }
    Ok(seen.join("; "))
}

/// Seconds since 1970 in the line `btime 1764000000`.
fn boot_time(line: &str) -> Result<i64> {
    let number = line.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    Ok(number.ok_or_else(|| anyhow!("`{line}` is not a boot time"))?)
}

fn no_ssh(cluster: &mut Cluster) -> Result<String> {
    for machine in cluster.machines() {
        let sockets = machine.stdout_of(&["ss", "-H", "-l", "-t", "-n"])?;
        if let Some(line) = sockets.lines().find(|line| listens_on(line, SSH)) {
            return Err(anyhow!("on {}: {line}", machine.spec.name).into());
        }
    }
    let control = if cluster.classic { NFS } else { GOSSIP };
    let hub = cluster.hub.spec.address.address();
    // Without this one, the others would tell nothing.
    until_it_answers(&mut cluster.nodes[0], hub, control, SOON)?;
    let addresses: Vec<Ipv4Addr> = cluster.nodes.iter().map(|node| node.spec.address.address()).collect();
    for address in addresses {
        if answers(&mut cluster.hub, address, SSH)? {
            return Err(anyhow!("{address} answers on port {SSH}").into());
        }
    }
    if answers(&mut cluster.nodes[0], hub, SSH)? {
        return Err(anyhow!("{hub} answers on port {SSH}").into());
    }
    Ok(format!("neither a listener nor an answer, while port {control} answers"))
}

/// Horizon's log tab is all that an organiser sees of a machine.
fn failures_are_told(cluster: &mut Cluster) -> Result<String> {
    const TELLS: &str = "imagegen: The service imagegen-trial has failed. Its last words: Out of tea.";
    let fail = ["systemd-run", "--unit=imagegen-trial", "sh", "-c", "echo Out of tea.; exit 1"];
    for machine in cluster.machines() {
        machine.stdout_of(&fail)?;
        machine.wait_for_console(TELLS, CHECK_TIMEOUT)?;
        machine.stdout_of(&["systemctl", "reset-failed", "imagegen-trial"])?;
    }
    Ok("on all machines".into())
}

/// The rehearsal's LAN is told to be as narrow as a tenant network, or as wide as a provider's.
fn mtu_is_the_links(cluster: &mut Cluster) -> Result<String> {
    let wanted = format!("\"mtu\": {}", cluster.mtu);
    let mut seen = vec![];
    for machine in cluster.machines() {
        let mtu =
            machine.wait_for_success("docker0", CHECK_TIMEOUT, &["cat", "/sys/class/net/docker0/mtu"])?;
        let options = machine.stdout_of(&["grep", "mtu", "/etc/docker/daemon.json"])?;
        if options.trim().trim_end_matches(',') != wanted {
            return Err(anyhow!(
                "on {}: docker0 has {mtu}, and daemon.json says {options}",
                machine.spec.name
            )
            .into());
        }
        seen.push(format!("{} {}", machine.spec.name, options.trim().trim_end_matches(',')));
    }
    Ok(seen.join(", "))
}

/// Whether a line of `ss -Hltn` is a socket on this port.
fn listens_on(line: &str, port: u16) -> bool {
    line.split_whitespace().nth(3).is_some_and(|local| local.ends_with(&format!(":{port}")))
}

fn disk_has_grown(cluster: &mut Cluster) -> Result<String> {
    let mut sizes = BTreeMap::new();
    for machine in cluster.machines() {
        sizes.insert(machine.spec.name.clone(), boot_test::root_has_grown(machine)?);
    }
    Ok(sizes.iter().map(|(name, size)| format!("{name} {size} MiB")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_counts_as_ready_once_and_as_a_worker() {
        let wanted = ["node-1".to_owned()];
        assert!(all_ready("hub Ready Leader\nnode-1 Ready \n", &wanted));
        assert!(!all_ready("node-1 Down \n", &wanted));
        assert!(!all_ready("node-1 Ready \nnode-1 Ready \n", &wanted));
        assert!(!all_ready("node-1 Ready Reachable\n", &wanted));
        assert!(!all_ready("node-12 Ready \n", &wanted));
    }

    #[test]
    fn a_listener_is_known_by_its_local_port() {
        assert!(listens_on("LISTEN 0 128 [::]:22 [::]:*", 22));
        assert!(!listens_on("LISTEN 0 128 0.0.0.0:2222 0.0.0.0:22", 22));
    }
}
