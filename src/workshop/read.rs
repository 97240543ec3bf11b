//! YAML → workshop, with every finding on the way.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Docker, Network, Workshop, findings, names, users};
use crate::document::{Document, Fields, Findings, Node, Source};

const KEYS: &[&str] = &["version", "name", "engine", "users", "docker", "network"];
const DOCKER_KEYS: &[&str] = &["registry_mirrors", "log_max_size", "log_max_files", "mtu"];
const NETWORK_KEYS: &[&str] = &["cidr"];
/// From the smallest packet that every IPv4 host takes to what jumbo frames hold.
const MTU: std::ops::Range<i64> = 576..9001;

/// Reads a workshop file; what is wrong goes to `findings`, and stands in the result as its default.
pub fn parse(source: Arc<Source>, findings: &mut Findings) -> Workshop {
    match Document::parse(source) {
        Ok(document) => workshop(&document.source, &document.root, findings),
        Err(finding) => {
            findings.push(finding);
            Workshop::default()
        }
    }
}

fn workshop(source: &Arc<Source>, root: &Node, findings: &mut Findings) -> Workshop {
    let mut workshop = Workshop::default();
    let mut fields = Fields::of(source, "workshop", root, KEYS, findings);
    fields.expect_version();
    if let Some((name, node)) = fields.text("name", "name: galaxy-2026") {
        if !names::is_workshop_name(name) {
            fields.findings().push(findings::not_a_workshop_name(source, name, node));
        }
        name.clone_into(&mut workshop.name);
    }
    if let Some((engine, node)) =
        fields.text("engine", "engine: swarm").filter(|(engine, _)| *engine != "swarm")
    {
        fields.findings().push(findings::unknown_engine(source, engine, node));
    }
    let (docker, network) = (fields.get("docker"), fields.get("network"));
    if let Some(list) = fields.get("users") {
        workshop.users = users::read(source, list, fields.findings());
    }
    if let Some(node) = docker {
        workshop.docker = read_docker(source, node, findings);
    }
    workshop.network = network.and_then(|node| read_network(source, node, findings));
    workshop
}

fn read_docker(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Docker {
    let mut docker = Docker::default();
    let mut fields = Fields::of(source, "docker", node, DOCKER_KEYS, findings);
    for (mirror, node) in fields.texts("registry_mirrors", "registry_mirrors: [https://mirror.example.org]") {
        if !is_mirror(mirror) {
            fields.findings().push(findings::not_a_mirror(source, mirror, node));
        }
        docker.registry_mirrors.push(mirror.to_owned());
    }
    if let Some((size, node)) = fields.text("log_max_size", "log_max_size: 10m") {
        if !is_size(size) {
            fields.findings().push(findings::not_a_size(source, size, node));
        }
        size.clone_into(&mut docker.log_max_size);
    }
    if let Some((files, _)) = fields.int("log_max_files", 1..101, "log_max_files: 3") {
        docker.log_max_files = u8::try_from(files).unwrap_or(u8::MAX);
    }
    let mtu = fields.int("mtu", MTU, "mtu: 1450");
    docker.mtu = mtu.and_then(|(mtu, _)| u16::try_from(mtu).ok());
    docker
}

fn read_network(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> Option<Network> {
    let mut fields = Fields::of(source, "network", node, NETWORK_KEYS, findings);
    let (text, node) = fields.text("cidr", "cidr: 10.0.0.0/24")?;
    match network(text) {
        Ok(network) => Some(network),
        Err(remedy) => {
            fields.findings().push(findings::not_a_network(source, text, node, &remedy));
            None
        }
    }
}

/// A network from its notation, or what to write instead.
fn network(text: &str) -> Result<Network, String> {
    let usual = || "write it like `10.0.0.0/24`, with a prefix from 8 to 30".to_owned();
    let (address, prefix) = text.split_once('/').ok_or_else(usual)?;
    let address: Ipv4Addr = address.parse().map_err(|_| usual())?;
    let prefix: u8 = prefix.parse().map_err(|_| usual())?;
    if !(8..=30).contains(&prefix) {
        return Err(usual());
    }
    let first = Ipv4Addr::from(u32::from(address) & (u32::MAX << (32 - u32::from(prefix))));
    if first != address {
        return Err(format!("`{address}` lies within a network; write `{first}/{prefix}`"));
    }
    Ok(Network { address, prefix })
}

/// Docker takes a scheme and a host, and refuses a path or a user (dockerd's `ValidateMirror`).
fn is_mirror(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.map(|host| host.trim_end_matches('/')).is_some_and(|host| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
    })
}

/// docker's `max-size`: digits and a unit.
fn is_size(text: &str) -> bool {
    text.strip_suffix(['k', 'm', 'g'])
        .is_some_and(|digits| !digits.starts_with('0') && digits.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        parse(Source::new("workshop.yaml", text), &mut findings);
        findings.iter().map(|finding| finding.message.clone()).collect()
    }

    fn sound(text: &str) -> Workshop {
        let mut findings = Findings::default();
        let workshop = parse(Source::new("workshop.yaml", text), &mut findings);
        assert_eq!(findings, Findings::default());
        workshop
    }

    #[test]
    fn a_version_alone_is_the_default_workshop() {
        assert_eq!(sound("version: 1\n"), Workshop::default());
    }

    #[test]
    fn ranges_and_single_users_become_accounts() {
        let workshop = sound(
            "version: 1\nname: galaxy-2026\nusers:\n  - range: {prefix: s, first: 9, count: 2, width: 3, uid: 3000}\n  \
             - {name: ada, uid: 1815, gid: 1900, full_name: Ada Lovelace}\ndocker: {mtu: 1450, log_max_size: 5m}\n\
             network: {cidr: 10.0.0.0/24}\n",
        );
        let accounts: Vec<(&str, u32, u32)> =
            workshop.users.iter().map(|user| (user.name.as_str(), user.uid, user.gid)).collect();
        assert_eq!(accounts, [("s009", 3000, 3000), ("s010", 3001, 3001), ("ada", 1815, 1900)]);
        assert_eq!(workshop.docker.mtu, Some(1450));
        assert_eq!(workshop.network.expect("a network").to_string(), "10.0.0.0/24");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        insta::assert_snapshot!(
            messages(
                "version: 1\nname: Galaxy\nusrs: []\nengine: mesos\nusers:\n  - {name: docker, uid: 2001}\n  - {name: Ada!, uid: 2001}\n  \
                 - {name: bob, uid: 999}\n  - {name: eve}\n  - range: {prefix: t, count: 2, uid: 59999}\n\
                 docker: {log_max_size: huge, registry_mirrors: [ftp://x], mtu: 5}\nnetwork: {cidr: 10.0.0.5/24}\n"
            )
            .join("\n")
        );
    }

    #[test]
    fn two_ranges_that_overlap_are_one_clash_of_names_and_one_of_uids() {
        let found = messages(
            "version: 1\nusers:\n  - range: {prefix: t, count: 20, uid: 2001}\n  - range: {prefix: t, count: 5, first: 18, uid: 2010}\n",
        );
        assert_eq!(found, ["the name `t18` is given twice", "UID 2010 is given twice"]);
    }

    #[test]
    fn a_gid_that_is_taken_is_a_clash() {
        let found =
            messages("version: 1\nusers:\n  - {name: a, uid: 2001}\n  - {name: b, uid: 2002, gid: 2001}\n");
        assert_eq!(found, ["GID 2001 is given twice"]);
    }

    #[test]
    fn networks_know_their_addresses() {
        let network = network("192.168.4.0/22").expect("a network");
        assert!(network.contains(Ipv4Addr::new(192, 168, 7, 254)));
        assert!(!network.contains(Ipv4Addr::new(192, 168, 8, 1)));
        assert_eq!(network.broadcast(), Ipv4Addr::new(192, 168, 7, 255));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(version: 1\n)?(users:\n)?[a-z\\[\\]{}:, \\-0-9\n\"']{0,80}") {
            messages(&text);
        }
    }
}
