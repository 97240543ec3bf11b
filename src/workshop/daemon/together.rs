//! Options that want each other, or cannot be beside each other.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Map, Value as Json};

use super::places::OptionLocations;
use super::runtimes::STOCK;
use super::values::{interface_4, network_4};
use super::{Machines, findings};
use crate::document::Findings;

/// Judges the options as `daemon.json` has them.
pub(super) fn judge(
    rendered: &Map<String, Json>,
    places: &OptionLocations<'_>,
    machines: Machines<'_>,
    findings: &mut Findings,
) {
    let mut whole = Whole { rendered, places, findings };
    whole.ipv6();
    whole.containerd_store();
    whole.bridge();
    whole.control_groups();
    whole.runtime(machines);
    whole.resources();
}

/// The options, where they stand, and what is wrong with them.
struct Whole<'a, 'p, 'f> {
    rendered: &'a Map<String, Json>,
    places: &'p OptionLocations<'p>,
    findings: &'f mut Findings,
}

impl<'a> Whole<'a, '_, '_> {
    fn is_on(&self, key: &str) -> bool {
        self.rendered.get(key) == Some(&Json::Bool(true))
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.rendered.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn ipv6(&mut self) {
        if self.is_on("ipv6") && self.text("fixed-cidr-v6").is_none() {
            self.findings.push(findings::ipv6_without_network(&self.places.of(&["ipv6"])));
        }
        if self.is_on("ip6tables") && !self.is_on("experimental") {
            self.findings.push(findings::ip6tables_is_an_experiment(&self.places.of(&["ip6tables"])));
        }
        if self.is_on("ipv6") && self.text("fixed-cidr-v6").is_some() && !self.is_on("ip6tables") {
            self.findings.push(findings::ipv6_without_rules(&self.places.of(&["ipv6"])));
        }
    }

    /// The image that nodes carry is in Docker's own store.
    fn containerd_store(&mut self) {
        let features =
            self.rendered.get("features").and_then(|features| features.get("containerd-snapshotter"));
        if features == Some(&Json::Bool(true)) {
            let place = self.places.of(&["features", "containerd-snapshotter"]);
            self.findings.push(findings::another_image_store(&place));
        }
    }

    /// The network of Docker's bridge, what of it containers get, and their gateway.
    fn bridge(&mut self) {
        let bridge = self.text("bip").and_then(interface_4);
        let part = self.text("fixed-cidr").and_then(network_4);
        if let (Some(bridge), Some(part)) = (bridge, part)
            && !(contains(bridge, part.0) && part.1 >= bridge.1)
        {
            self.findings
                .push(findings::outside_of_the_bridge(&self.places.of(&["fixed-cidr"]), &written(bridge)));
        }
        let gateway = self.text("default-gateway").and_then(|text| text.parse::<Ipv4Addr>().ok());
        match (gateway, bridge.or(part)) {
            (Some(gateway), Some(network)) if contains(network, gateway) && gateway != network.0 => {}
            (Some(_), network) => {
                let network = network.map_or("the network of `bip`".to_owned(), written);
                self.findings
                    .push(findings::outside_of_the_bridge(&self.places.of(&["default-gateway"]), &network));
            }
            (None, _) => {}
        }
    }

    /// With systemd's driver, which the images have, a parent is a slice.
    fn control_groups(&mut self) {
        let by_files = self
            .rendered
            .get("exec-opts")
            .and_then(Json::as_array)
            .is_some_and(|options| options.iter().any(|option| option == "native.cgroupdriver=cgroupfs"));
        let is_slice = |name: &str| name.strip_suffix(".slice").is_some_and(|name| !name.is_empty());
        if self.text("cgroup-parent").is_some_and(|name| !by_files && !is_slice(name)) {
            self.findings.push(findings::not_a_slice(&self.places.of(&["cgroup-parent"])));
        }
    }

    /// The runtime that all containers are started with is in dockerd or among the options, and comes with a package.
    fn runtime(&mut self, machines: Machines<'_>) {
        let Some(name) = self.text("default-runtime").filter(|name| !STOCK.contains(name)) else { return };
        let place = self.places.of(&["default-runtime"]);
        let Some(runtime) = self.rendered.get("runtimes").and_then(|runtimes| runtimes.get(name)) else {
            self.findings.push(findings::absent_runtime(&place, name));
            return;
        };
        let program =
            runtime.get("path").or(runtime.get("runtimeType")).and_then(Json::as_str).unwrap_or_default();
        let own = runtime.get("runtimeArgs").or(runtime.get("options")).is_none();
        let known = ["runc", "/usr/bin/runc", "/usr/sbin/runc", STOCK[1]].contains(&program);
        let carried = [machines.hub, machines.node].iter().any(|extras| {
            !extras.packages.is_empty() || extras.files.iter().any(|file| file.path == program)
        });
        if !known || !own {
            self.findings.push(findings::another_runtime(&place));
        }
        if !known && !carried {
            self.findings.push(findings::nobody_brings_the_runtime(&place, program));
        }
    }

    /// A resource has a number or names, not both.
    fn resources(&mut self) {
        let listed = self.rendered.get("node-generic-resources").and_then(Json::as_array);
        let pairs = listed.into_iter().flatten().filter_map(|resource| resource.as_str()?.split_once('='));
        let mut kinds: BTreeMap<&str, bool> = BTreeMap::new();
        for (name, value) in pairs {
            let is_number = value.parse::<u64>().is_ok();
            if *kinds.entry(name).or_insert(is_number) != is_number {
                let place = self.places.of(&["node-generic-resources"]);
                return self.findings.push(findings::number_and_names(&place, name));
            }
        }
    }
}

fn contains((network, prefix): (Ipv4Addr, u8), address: Ipv4Addr) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    u32::from(network) & mask == u32::from(address) & mask
}

fn written((address, prefix): (Ipv4Addr, u8)) -> String {
    format!("{address}/{prefix}")
}
