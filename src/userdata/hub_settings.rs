//! What the hub's scripts and JupyterHub read of the workshop.

use serde_json::{Value as Json, json};

use crate::workshop::{Engine, Material, Notebooks, Workshop};

/// The notebook image that golden nodes carry, for the classic engine, which places by no label.
const CARRIED: &str = "imagegen/notebook:latest";

pub(super) fn of(workshop: &Workshop) -> Json {
    let accounts = workshop.users.accounts();
    json!({
        "homes": workshop.homes.export,
        "hub_ip": workshop.network.hub_ip,
        "network": workshop.network.cidr.map(|cidr| cidr.to_string()),
        "shares": exported(workshop),
        "links": links(workshop),
        "admins": accounts.filter(|user| user.admin).map(|user| user.name).collect::<Vec<_>>(),
        "notebooks": notebooks(workshop),
        "web": { "domain": workshop.web.domain, "email": workshop.web.email },
        "materials": workshop.materials.iter().map(material).collect::<Vec<_>>(),
        "timezone": workshop.timezone,
    })
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
