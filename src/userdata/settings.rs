//! `settings.json`: what the programs of a machine read of the workshop. `images/base/usr/lib/imagegen/schema.py` has its
//! shape.

use std::net::Ipv4Addr;

use serde_json::{Value as Json, json};

use super::{ImageKind, InstanceRole, InstanceSpec, exchange, table};
use crate::failure::Result;
use crate::workshop::{Engine, Material, Notebooks, SecurityUpdates, Transport, Web, Workshop};

/// The notebook image that golden nodes carry, for the classic engine, which places by no label.
const CARRIED: &str = "imagegen/notebook:latest";

/// The newest user-data that this imagegen writes; images of this level and above understand it. It grows by one when a
/// program in an image has to do something new for a text, and the texts of each level are kept as a test
/// (`tests/fixtures/levels`).
pub const LEVEL: u32 = 1;

/// The settings of a machine. The key for passwords is not among them: the rendezvous has no business with that.
pub(super) fn of(machine: &InstanceSpec<'_>) -> Result<Json> {
    let mut settings = common(machine);
    let own = match machine.role {
        InstanceRole::Hub => of_hub(machine),
        InstanceRole::Node { hub } => of_node(machine, hub),
    };
    for part in [engine(machine), own] {
        if let (Json::Object(settings), Json::Object(part)) = (&mut settings, part) {
            settings.extend(part);
        }
    }
    if machine.role == InstanceRole::Hub && exchange::exchanges(machine)? {
        settings["users_sha256"] = json!(table::digest(&machine.workshop.users));
    }
    Ok(settings)
}

/// What machines of both roles read. A key that would say nothing is left out.
fn common(machine: &InstanceSpec<'_>) -> Json {
    let workshop = machine.workshop;
    let id = machine.secrets.workshop_id(&workshop.name);
    let mut settings = json!({ "level": LEVEL, "workshop": workshop.name, "workshop_id": id });
    if machine.image == ImageKind::Stock {
        settings["stock"] = json!(true);
    } else if let Some(bytes) = workshop.notebooks.scratch.setting() {
        settings["scratch"] = json!(bytes);
    }
    if workshop.security_updates == SecurityUpdates::Never && machine.image == ImageKind::Golden {
        settings["security_updates"] = json!(false);
    }
    if workshop.homes.transport == Transport::MutualTls {
        settings["homes_tls"] = json!(true);
    }
    if workshop.docker.mtu.is_none() {
        settings["mtu_auto"] = json!(true);
    }
    if let Some(cidr) = workshop.network.cidr {
        settings["network"] = json!(cidr.to_string());
    }
    if !workshop.notebooks.reachable.is_empty() {
        let reachable = workshop.notebooks.reachable.iter().map(ToString::to_string);
        settings["reachable"] = json!(reachable.collect::<Vec<_>>());
    }
    if let Some(image) = own_image(machine) {
        settings["notebook_image"] = json!(image);
    }
    settings
}

/// The organiser's own notebook image, on machines that run notebooks.
fn own_image<'a>(machine: &InstanceSpec<'a>) -> Option<&'a str> {
    machine.workshop.notebooks.image.as_deref().filter(|_| machine.carries_notebooks())
}

fn engine(machine: &InstanceSpec<'_>) -> Json {
    match &machine.workshop.engine {
        Engine::Classic(images) => {
            json!({ "engine": "classic", "images": { "consul": images.consul, "swarm": images.swarm } })
        }
        Engine::Swarm => json!({ "engine": "swarm", "join_key": machine.secrets.join_key }),
    }
}

fn of_node(machine: &InstanceSpec<'_>, hub: Ipv4Addr) -> Json {
    let mut settings = json!({ "role": "node", "homes": "/home", "hub": hub });
    if machine.workshop.engine == Engine::Swarm {
        settings["hub_certificate"] = json!(machine.secrets.fingerprint());
    }
    settings
}

fn of_hub(machine: &InstanceSpec<'_>) -> Json {
    let workshop = machine.workshop;
    let mut settings = json!({
        "role": "hub",
        "homes": workshop.homes.export,
        "hub_ip": workshop.network.hub_ip,
        "volume": workshop.homes.volume,
        "adopt": workshop.homes.adopt,
        "shares": exported(workshop),
        "links": links(workshop),
        "on_hub": workshop.notebooks_on_hub,
    });
    if machine.image == ImageKind::Golden {
        settings["page"] = page(workshop);
        settings["quota"] = json!(workshop.homes.quota.setting());
    }
    // What says nothing takes room all the same.
    if let Json::Object(settings) = &mut settings {
        let empty = [Json::Null, json!(false), json!([]), json!({})];
        settings.retain(|_, value| !empty.contains(value));
    }
    settings
}

/// What JupyterHub and the services beside it read. An ordinary image has none of them.
fn page(workshop: &Workshop) -> Json {
    let accounts = workshop.users.accounts();
    json!({
        "admins": accounts.filter(|user| user.admin).map(|user| user.name).collect::<Vec<_>>(),
        "notebooks": notebooks(workshop),
        "web": web(&workshop.web),
        "materials": workshop.materials.iter().map(material).collect::<Vec<_>>(),
        "timezone": workshop.timezone,
    })
}

fn web(web: &Web) -> Json {
    let mut settings = json!({ "domain": web.domain, "email": web.email });
    for (key, value) in [("subdomains", web.subdomains), ("certificate", web.certificate.is_some())] {
        if value {
            settings[key] = json!(true);
        }
    }
    settings
}

/// The folders that nodes mount from the hub, each with whether they may write.
fn exported(workshop: &Workshop) -> Vec<(&str, bool)> {
    let own = workshop.autofs.shares.iter().filter(|share| share.server.is_none());
    own.map(|share| (share.folder.as_str(), share.writable)).collect()
}

/// Where notebooks on the hub itself look for what nodes mount from it.
fn links(workshop: &Workshop) -> Json {
    let own =
        workshop.autofs.shares.iter().filter(|share| share.server.is_none() && workshop.notebooks_on_hub);
    own.map(|share| (share.path.clone(), Json::from(share.folder.as_str()))).collect()
}

fn notebooks(workshop: &Workshop) -> Json {
    let Notebooks { image, memory, reserve, cpus, processes, idle_minutes, start_seconds, .. } =
        &workshop.notebooks;
    let classic = matches!(workshop.engine, Engine::Classic(_));
    let image = image.as_deref().or(classic.then_some(CARRIED));
    let shares = workshop.autofs.shares.iter();
    json!({
        "image": image,
        "memory": memory,
        "reserve": reserve,
        "cpus": cpus,
        "processes": processes,
        "idle_minutes": idle_minutes,
        "start_seconds": start_seconds,
        "on_hub": workshop.notebooks_on_hub,
        // Nodes have all homes here, wherever the hub has them.
        "homes": "/home",
        "shares": shares.map(|share| (share.path.as_str(), share.writable)).collect::<Vec<_>>(),
    })
}

fn material(material: &Material) -> Json {
    json!({
        "kind": if material.git { "git" } else { "archive" },
        "url": material.url,
        "name": material.name(),
        "ref": material.reference,
        "sha256": material.sha256,
        "into": if material.in_homes { "homes" } else { "share" },
    })
}
