//! What an ordinary cloud image is given of a golden one: the programs of its role and engine, packed into one file.

use super::exchange::exchanges;
use minijinja::context;

use super::file::{File, file, render_template, template};
use super::paths::UNITS;
use super::{InstanceRole, InstanceSpec, minify, pack, paths};
use crate::failure::Result;
use crate::workshop::Engine;

/// Files of `images/` by their paths there. The first part is the image, the rest the path on the instance.
macro_rules! of_images {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images/", $path)))),*]
    };
}

type Programs = &'static [(&'static str, &'static str)];

const COMMON: Programs = of_images![
    "base/usr/lib/imagegen/__init__.py",
    "base/usr/lib/imagegen/console.py",
    "base/usr/lib/imagegen/settings.py",
    "base/usr/lib/imagegen/files.py",
    "base/usr/lib/imagegen/routes.py",
    "base/usr/lib/imagegen/users.py",
    "base/usr/lib/imagegen/accounts.py",
    "base/usr/lib/imagegen/docker_options.py",
    "base/usr/lib/imagegen/identity.py",
    "base/usr/lib/imagegen/firewall.py",
    "base/usr/lib/imagegen/prepare.py",
    "base/usr/lib/imagegen/dockerd.py",
];
const COMMON_UNITS: Programs = of_images![
    "base/etc/systemd/system/imagegen-prepare.service",
    "base/etc/systemd/system/docker.service.d/imagegen.conf",
];
const HUB: Programs = of_images![
    "base/usr/lib/imagegen/hub/__init__.py",
    "base/usr/lib/imagegen/hub/address.py",
    "base/usr/lib/imagegen/hub/homes.py",
    "hub/etc/systemd/system/imagegen-homes.service",
    "hub/etc/nfs.conf.d/imagegen.conf",
];
const VOLUME: Programs = of_images![
    "base/usr/lib/imagegen/hub/volume.py",
    "hub/etc/systemd/system/imagegen-volume.service",
    "hub/etc/systemd/system/nfs-server.service.d/imagegen.conf",
];
const NODE: Programs =
    of_images!["base/usr/lib/imagegen/status.py", "base/etc/systemd/system/autofs.service.d/imagegen.conf",];
const LOCAL_HOMES: Programs = of_images!["base/usr/lib/imagegen/local_homes.py"];
const NOTEBOOK: Programs = of_images!["base/usr/lib/imagegen/notebook_image.py"];
const PULL: Programs = of_images!["base/etc/systemd/system/imagegen-notebook.service"];
const SWARM_HUB: Programs = of_images![
    "base/usr/lib/imagegen/hub/swarm.py",
    "base/usr/lib/imagegen/hub/rendezvous.py",
    "hub/etc/systemd/system/imagegen-swarm.service",
    "hub/etc/systemd/system/imagegen-rendezvous.service",
];
const SWARM_NODE: Programs =
    of_images!["base/usr/lib/imagegen/node/__init__.py", "base/usr/lib/imagegen/node/hub.py",];
const WORKER: Programs = of_images!["base/usr/lib/imagegen/node/swarm.py"];
const CLASSIC: Programs = of_images![
    "base/usr/lib/imagegen/classic/__init__.py",
    "base/usr/lib/imagegen/classic/containers.py",
    "base/usr/lib/imagegen/classic/health.py",
    "base/usr/lib/imagegen/classic/listener.py",
];
const CLASSIC_HUB: Programs = of_images![
    "base/usr/lib/imagegen/classic/manager.py",
    "hub/etc/systemd/system/imagegen-manager.service",
];
const CLASSIC_NODE: Programs = of_images!["base/usr/lib/imagegen/classic/member.py"];
/// Installs Debian's packages that a golden image has already.
const PACKAGES: &[(&str, &str)] = &[
    ("stock/usr/lib/imagegen/packages.sh", template!("stock/packages.sh")),
    ("stock/etc/systemd/system/imagegen-packages.service", template!("stock/imagegen-packages.service")),
];

/// What gets a node its programs from the hub.
const FETCH: Programs = &[
    ("stock/usr/lib/imagegen/fetch.py", template!("stock/fetch.py")),
    ("stock/etc/systemd/system/imagegen-fetch.service", template!("stock/imagegen-fetch.service")),
];
/// What lets a hub get the UID table from its nodes, and its nodes the programs from it.
const EXCHANGE: Programs =
    of_images!["base/usr/lib/imagegen/hub/exchange.py", "base/usr/lib/imagegen/packed.py"];

/// The programs of a machine, as they travel.
pub(super) fn programs(machine: &InstanceSpec<'_>) -> Result<Vec<File>> {
    let exchanges = exchanges(machine)?;
    let swarm = machine.workshop.engine == Engine::Swarm;
    let hub = machine.role == InstanceRole::Hub;
    let mut sets = vec![PACKAGES, COMMON_UNITS, if hub { HUB } else { NODE }];
    sets.extend(match (exchanges, hub) {
        (false, true) => vec![COMMON],
        (false, false) => vec![COMMON, LOCAL_HOMES],
        // The hub has some of what only nodes need, so that both texts have about the same room left.
        (true, true) => vec![COMMON, LOCAL_HOMES, WORKER, EXCHANGE],
        (true, false) => vec![FETCH],
    });
    sets.extend(match (swarm, hub) {
        (true, true) => vec![SWARM_HUB],
        (true, false) if exchanges => vec![SWARM_NODE],
        (true, false) => vec![SWARM_NODE, WORKER],
        (false, true) => vec![CLASSIC, CLASSIC_HUB],
        (false, false) => vec![CLASSIC, CLASSIC_NODE],
    });
    if hub && machine.workshop.homes.volume.is_some() {
        sets.push(VOLUME);
    }
    if machine.carries_notebooks() && machine.workshop.notebooks.image.is_some() {
        sets.push(NOTEBOOK);
    }
    if machine.pulls_notebook_image() {
        sets.push(PULL);
    }
    let mut files: Vec<File> = sets.concat().into_iter().map(|(path, text)| travelling(path, text)).collect();
    let units = context! { units => units(machine)?.join(" ") };
    files.push(file(
        format!("{UNITS}/imagegen.target"),
        render_template(template!("stock/imagegen.target"), units)?,
    ));
    Ok(files)
}

fn travelling(path: &str, text: &str) -> File {
    let (_, place) = path.split_once('/').unwrap_or_default();
    let content = minify::minified(path, text);
    File { path: format!("/{place}"), content, mode: "0644".into() }
}

/// The archive of some files: mode, path and content of each, with NUL behind all three, as LZMA in base94. Small files of one kind
/// stand together, which compresses better.
pub(super) fn archive(mut files: Vec<File>) -> Result<File> {
    files.sort_by_key(|file| file.path.rsplit('.').next().map(str::to_owned));
    let fields = files.iter().flat_map(|file| [&file.mode, &file.path, &file.content]);
    let bytes: Vec<u8> = fields.flat_map(|field| field.bytes().chain([0])).collect();
    let content = pack::base94(&pack::lzma(&bytes)?) + "\n";
    Ok(File { path: paths::STOCK_ARCHIVE.into(), content, mode: "0600".into() })
}

/// The most that an archive may unpack to.
const LARGEST: u64 = 64 << 20;

/// The files of an archive; the reason where it is none.
pub(super) fn files(archive: &str) -> Result<Vec<File>, String> {
    let packed = pack::from_base94(archive).ok_or("its archive is not base94")?;
    let bytes = pack::from_lzma(&packed, LARGEST).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    let fields: Vec<&str> = text.split_terminator('\0').collect();
    let file = |fields: &[&str]| match fields {
        [mode, path, content] => {
            Ok(File { path: (*path).into(), content: (*content).into(), mode: (*mode).into() })
        }
        _ => Err("its archive is cut off".to_owned()),
    };
    fields.chunks(3).map(file).collect()
}

/// What cloud-init runs to unpack it and to start what was in it. Python is there wherever cloud-init is.
pub(super) fn unpacking() -> String {
    minify::minified("unpack.py", template!("stock/unpack.py"))
}

/// The units that a machine starts: an ordinary image has no program that finds out.
fn units(machine: &InstanceSpec<'_>) -> Result<Vec<&'static str>> {
    let mut units = vec!["imagegen-packages.service"];
    if machine.role != InstanceRole::Hub && exchanges(machine)? {
        units.push("imagegen-fetch.service");
    }
    units.extend(match (&machine.workshop.engine, machine.role) {
        (Engine::Swarm, InstanceRole::Hub) => &["imagegen-swarm.service", "imagegen-rendezvous.service"][..],
        (Engine::Classic(_), InstanceRole::Hub) => &["imagegen-manager.service"],
        (_, InstanceRole::Node { .. }) => &["imagegen-join.service"],
    });
    if machine.role == InstanceRole::Hub {
        units.push("imagegen-homes.service");
    }
    if machine.pulls_notebook_image() {
        units.push("imagegen-notebook.service");
    }
    Ok(units)
}
