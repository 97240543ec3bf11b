//! YAML → workshop, with every finding on the way.

use std::sync::Arc;

use super::daemon::{Machines, at};
use super::{ClassicImages, Engine, FileReader, SecurityUpdates, Transport, Users, Workshop};
use super::{autofs, docker, findings, machines, network, notebooks, overlaps, users, validate, web};
use crate::document::{Document, Fields, Findings, Location, Node, Source};

pub(super) const KEYS: &[&str] = &[
    "version",
    "name",
    "engine",
    "classic",
    "users",
    "groups",
    "docker",
    "network",
    "homes",
    "autofs",
    "notebooks",
    "web",
    "materials",
    "hub",
    "node",
    "admin_ssh_keys",
    "timezone",
    "locale",
    "security_updates",
];
pub(super) const CLASSIC_KEYS: &[&str] = &["consul_image", "swarm_image"];

/// Reads a workshop file; what is wrong goes to `findings`, and stands in the result as its default. `reader` gets the
/// files that it names.
pub fn parse(source: Arc<Source>, reader: FileReader<'_>, findings: &mut Findings) -> Workshop {
    let workshop = match Document::parse(source) {
        Ok(document) => workshop(&document.source, &document.root, reader, findings),
        Err(finding) => {
            findings.push(finding);
            Workshop::default_workshop()
        }
    };
    findings.sort_by_place();
    workshop
}

fn workshop(source: &Arc<Source>, root: &Node, reader: FileReader<'_>, findings: &mut Findings) -> Workshop {
    let mut fields = Fields::of(source, "workshop", root, KEYS, findings);
    fields.expect_version();
    let mut workshop = Workshop { name: name(source, &mut fields), ..Workshop::default_workshop() };
    workshop.engine = engine(source, &mut fields);
    if let Some(users) = read_users(source, &mut fields, reader) {
        workshop.users = users;
    }
    if let Some(node) = fields.get("network") {
        workshop.network = network::read(source, node, fields.findings());
    }
    if let Some(node) = fields.get("homes") {
        workshop.homes = network::read_homes(source, node, fields.findings());
    }
    if let Some(node) = fields.get("autofs") {
        workshop.autofs = autofs::read(source, node, &workshop.homes.export, fields.findings());
    }
    if let Some(node) = fields.get("notebooks") {
        workshop.notebooks = notebooks::read(source, node, fields.findings());
    }
    if let Some(node) = fields.get("web") {
        workshop.web = web::read(source, node, reader, fields.findings());
    }
    materials(source, &mut fields, &mut workshop);
    if let Some(node) = fields.get("hub") {
        hub(source, node, reader, &mut workshop, fields.findings());
    }
    if let Some(node) = fields.get("node") {
        workshop.node = machines::read_node(source, node, reader, fields.findings());
    }
    if let Some(node) = fields.get("docker") {
        let machines = Machines { engine: &workshop.engine, hub: &workshop.hub, node: &workshop.node };
        workshop.docker = docker::read(source, node, machines, fields.findings());
    }
    workshop.admin_ssh_keys = machines::ssh_keys(source, &mut fields);
    workshop.timezone = machines::timezone(source, &mut fields);
    workshop.locale = machines::locale(source, &mut fields);
    if fields.flag("security_updates", "security_updates: false") == Some(false) {
        workshop.security_updates = SecurityUpdates::Never;
    }
    addresses(source, root, &workshop, fields.findings());
    if workshop.engine != Engine::Swarm {
        without_swarm(source, root, &workshop, fields.findings());
    }
    workshop
}

fn hub(
    source: &Arc<Source>,
    node: &Node,
    reader: FileReader<'_>,
    workshop: &mut Workshop,
    findings: &mut Findings,
) {
    let (extras, carries) = machines::read_hub(source, node, reader, findings);
    workshop.hub = extras;
    workshop.notebooks_on_hub = carries.is_some();
    if let Some(flag) = carries.filter(|_| workshop.homes.export != "/home") {
        findings.push(findings::homes_elsewhere(source, flag));
    }
}

/// What the classic engine does not do.
fn without_swarm(source: &Arc<Source>, root: &Node, workshop: &Workshop, findings: &mut Findings) {
    let encrypted = workshop.homes.transport == Transport::MutualTls;
    let tls = at(root, "homes").and_then(|homes| at(homes, "tls"));
    if let Some(node) = tls.filter(|_| encrypted) {
        findings.push(findings::tls_without_rendezvous(source, node));
    }
    if let Some(node) = at(root, "notebooks").and_then(|notebooks| at(notebooks, "reserve")) {
        findings.push(findings::reserve_without_effect(source, node));
    }
}

/// What addresses come to beside each other.
fn addresses(source: &Arc<Source>, root: &Node, workshop: &Workshop, findings: &mut Findings) {
    overlaps::note(source, root, workshop, findings);
    let written = at(root, "network").and_then(|network| at(network, "hub_ip"));
    if let Some((hub, node)) = workshop.network.hub_ip.zip(written) {
        overlaps::note_hub(workshop, hub, &Location::of(source, node), findings);
    }
}

/// What goes to all is one more folder that nodes mount from the hub.
fn materials(source: &Arc<Source>, fields: &mut Fields<'_, '_>, workshop: &mut Workshop) {
    workshop.materials = notebooks::read_materials(source, fields);
    let Some(share) = notebooks::share(&workshop.materials) else { return };
    if let Some(node) = fields.get("materials").filter(|_| workshop.autofs.has(&share.path)) {
        fields.findings().push(findings::share_is_taken(source, node));
    }
    workshop.autofs.shares.push(share);
}

fn name(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> String {
    let Some((name, node)) = fields.text("name", "name: galaxy-2026") else {
        return Workshop::default_workshop().name;
    };
    if !validate::is_workshop_name(name) {
        fields.findings().push(findings::not_a_workshop_name(source, name, node));
    }
    name.to_owned()
}

fn engine(source: &Arc<Source>, fields: &mut Fields<'_, '_>) -> Engine {
    let written = fields.text("engine", "engine: swarm");
    let images = fields.get("classic").map(|node| (node, classic(source, node, fields.findings())));
    match written {
        Some(("classic", node)) => {
            fields.findings().push(findings::classic_is_old(source, node));
            Engine::Classic(images.map(|(_, images)| images).unwrap_or_default())
        }
        other => {
            if let Some((name, node)) = other.filter(|(name, _)| *name != "swarm") {
                fields.findings().push(findings::unknown_engine(source, name, node));
            } else if let Some((node, _)) = images {
                fields.findings().push(findings::classic_without_its_engine(source, node));
            }
            Engine::Swarm
        }
    }
}

fn classic(source: &Arc<Source>, node: &Node, findings: &mut Findings) -> ClassicImages {
    let mut images = ClassicImages::default();
    let mut fields = Fields::of(source, "classic", node, CLASSIC_KEYS, findings);
    for (key, image) in [("consul_image", &mut images.consul), ("swarm_image", &mut images.swarm)] {
        if let Some((text, node)) = fields.text(key, "swarm_image: swarm:1.2.9") {
            if !validate::is_image(text) {
                fields.findings().push(findings::not_an_image(source, text, node));
            }
            text.clone_into(image);
        }
    }
    images
}

fn read_users(source: &Arc<Source>, fields: &mut Fields<'_, '_>, reader: FileReader<'_>) -> Option<Users> {
    let (list, groups) = (fields.get("users"), fields.get("groups"));
    if list.is_none() && groups.is_none() {
        return None;
    }
    let users = users::read(source, list, groups, reader, fields.findings());
    Some(if list.is_some() { users } else { Users { groups: users.groups, ..Users::usual() } })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::{Subnet, subnet};
    use super::*;

    fn no_files(_: &str) -> Result<Arc<Source>, String> {
        Err("there is none".into())
    }

    fn messages(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        parse(Source::new("workshop.yaml", text), &no_files, &mut findings);
        findings.iter().map(|finding| finding.message.clone()).collect()
    }

    fn sound(text: &str) -> Workshop {
        let mut findings = Findings::default();
        let workshop = parse(Source::new("workshop.yaml", text), &no_files, &mut findings);
        assert_eq!(findings, Findings::default());
        workshop
    }

    #[test]
    fn a_version_alone_is_the_usual_workshop() {
        assert_eq!(sound("version: 1\n"), Workshop::default_workshop());
    }

    #[test]
    fn homes_are_encrypted_where_a_rendezvous_gives_certificates() {
        assert_eq!(sound("version: 1\nhomes: {tls: true}\n").homes.transport, Transport::MutualTls);
        assert_eq!(sound("version: 1\nhomes: {tls: false}\n").homes.transport, Transport::Plain);
        let found = messages("version: 1\nengine: classic\nhomes: {tls: true}\n");
        assert!(found.iter().any(|message| message.contains("cannot encrypt homes")), "{found:?}");
    }

    #[test]
    fn what_nfs_runs_over_is_no_matter_of_mount_options_but_for_other_servers() {
        let autofs = |options: &str, server: &str| {
            let map = format!("{{path: /data, from: \"{server}:/srv/data\", mount_options: [{options}]}}");
            messages(&format!("version: 1\nautofs: {{mount_options: [noatime], maps: [{map}]}}\n"))
        };
        let homes = messages("version: 1\nautofs: {mount_options: [xprtsec=none]}\n");
        for found in [homes, autofs("xprtsec=mtls", "hub")] {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("exports would not match"), "{found:?}");
        }
        assert_eq!(autofs("xprtsec=tls", "nas.example.org"), [""; 0]);
    }

    #[test]
    fn the_classic_engine_reserves_what_it_likes() {
        let found = messages("version: 1\nengine: classic\nnotebooks: {memory: 2G, reserve: 1G}\n");
        assert!(found.iter().any(|message| message.contains("no effect")), "{found:?}");
        sound("version: 1\nnotebooks: {memory: 2G, reserve: 1G}\n");
    }

    #[test]
    fn ranges_and_single_users_become_accounts() {
        let workshop = sound(
            "version: 1\nname: galaxy-2026\nusers:\n  - range: {prefix: s, first: 9, count: 2, width: 3, uid: 3000}\n  \
             - {name: ada, uid: 1815, gid: 1900, full_name: Ada Lovelace}\ndocker: {mtu: 1450, log_max_size: 5m}\n\
             network: {cidr: 10.0.0.0/24}\n",
        );
        let accounts: Vec<(String, u32, u32)> =
            workshop.users.accounts().map(|user| (user.name, user.uid, user.gid)).collect();
        let wanted = [("s009", 3000, 3000), ("s010", 3001, 3001), ("ada", 1815, 1900)];
        assert_eq!(accounts, wanted.map(|(name, uid, gid)| (name.to_owned(), uid, gid)));
        assert_eq!(workshop.docker.mtu, Some(1450));
        assert_eq!(workshop.network.cidr.expect("a network").to_string(), "10.0.0.0/24");
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
    fn a_gid_that_is_taken_is_a_clash_unless_it_is_a_groups() {
        let users = "version: 1\nusers:\n  - {name: a, uid: 2001}\n  - {name: b, uid: 2002, gid: 2001}\n";
        assert_eq!(messages(users), ["GID 2001 is given twice"]);
        let shared = "version: 1\ngroups: [{name: course, gid: 3000}]\nusers:\n  - {name: a, uid: 2001, gid: 3000}\n  \
                      - {name: b, uid: 2002, gid: 3000, groups: [course]}\n";
        assert_eq!(sound(shared).users.count(), 2);
    }

    #[test]
    fn groups_are_declared_once_and_are_nobodys_name() {
        let found = messages(
            "version: 1\ngroups: [{name: docker, gid: 3000}, {name: ada, gid: 3001}]\nusers:\n  \
             - {name: ada, uid: 2001, groups: [course]}\n",
        );
        assert_eq!(
            found,
            [
                "the group name `docker` is reserved",
                "the name `ada` is given twice",
                "there is no group `course`"
            ]
        );
    }

    #[test]
    fn what_stands_beside_many_users_and_would_be_for_nobody_is_told() {
        let found = messages(
            "version: 1\nusers:\n  - {range: {prefix: t, count: 2, uid: 2001}, name: ada, admin: true}\n",
        );
        assert_eq!(
            found,
            ["`name` beside `range` would apply to no user", "`admin` beside `range` would apply to no user"]
        );
        let large = "version: 1\nusers: [{range: {prefix: t, count: 100, uid: 9223372036854775806}}]\n";
        assert_eq!(messages(large).len(), 1);
    }

    #[test]
    fn materials_bring_no_password_and_files_are_not_imagegens_own() {
        let material = |url: &str| messages(&format!("version: 1\nmaterials: [{{git: \"{url}\"}}]\n")).len();
        assert_eq!(material("https://user:secret@example.org/course.git"), 1);
        assert_eq!(material("https://example.org/@team/course.git"), 0);
        let file = |path: &str| {
            messages(&format!("version: 1\nnode: {{files: [{{path: {path}, content: x}}]}}\n")).len()
        };
        for own in [
            "/etc/ssh/sshd_config.d/10-imagegen.conf",
            "/etc/systemd/system/imagegen.target",
            "/usr/lib/imagegen/identity.sh",
            "/etc/auto.master.d/imagegen.autofs",
            "/etc/docker/daemon.json",
        ] {
            assert_eq!(file(own), 1, "{own}");
        }
        assert_eq!(file("/etc/imagegenerator.conf"), 0);
    }

    #[test]
    fn a_folder_of_the_hub_is_writable_for_all_or_for_none() {
        let maps = |second: &str| {
            format!(
                "version: 1\nautofs: {{maps: [{{path: /a, from: \"hub:/srv/x\"}}, {{path: /b, from: \"{second}\", writable: true}}]}}\n"
            )
        };
        assert_eq!(messages(&maps("hub:/srv/x")).len(), 1);
        assert_eq!(messages(&maps("hub:/srv/y")).len(), 0);
    }

    #[test]
    fn networks_know_their_addresses() {
        let network: Subnet = subnet::subnet("192.168.4.0/22").expect("a network");
        assert!(network.contains(Ipv4Addr::new(192, 168, 7, 254)));
        assert!(!network.contains(Ipv4Addr::new(192, 168, 8, 1)));
        assert_eq!(network.broadcast(), Ipv4Addr::new(192, 168, 7, 255));
    }

    #[test]
    fn dangerous_docker_options_are_refused_with_their_reason() {
        for (options, reason) in [
            ("{hosts: [\"unix:///run/docker.sock\"]}", "`hosts` beside systemd's `-H fd://`"),
            ("{hosts: [\"tcp://0.0.0.0:2375\"]}", "without TLS"),
            ("{live-restore: true}", "live-restore"),
            ("{registry-mirorrs: []}", "not an option"),
            ("{mtu: 1400}", "a place of its own"),
            ("{userns-remap: default}", "UIDs"),
            ("{log-opts: {max-file: 3}}", "`max-file` takes text"),
            ("{debug: \"yes\"}", "`debug` takes true or false"),
            ("{max-concurrent-downloads: many}", "takes a whole number"),
            ("{dns: 10.0.0.2}", "takes a list of texts"),
            ("{log-opts: {max-file: \"3\"}, dns: [10.0.0.2], shutdown-timeout: 20}", ""),
            ("{log-driver: journald}", ""),
        ] {
            let found = messages(&format!("version: 1\ndocker: {{options: {options}}}\n")).join("; ");
            assert!(found.contains(reason) && found.is_empty() == reason.is_empty(), "{options}: {found}");
        }
        let classic = "version: 1\nengine: classic\ndocker: {options: {live-restore: true}}\n";
        assert_eq!(messages(classic).len(), 1, "the classic engine lives with live-restore");
    }

    #[test]
    fn an_address_pool_that_covers_the_workshops_network_is_refused() {
        let found = messages(
            "version: 1\nnetwork: {cidr: 10.0.0.0/24}\ndocker: {address_pools: [{base: 10.0.0.0/8, size: 24}]}\n",
        );
        assert!(found[0].contains("10.0.0.0/8, which `docker.address_pools` gives"), "{found:?}");
    }

    /// Where each field that reaches a unit, a shell, an autofs map or an export stands in a workshop.
    const BARE: &[&str] = &[
        "{version: 1, name: @}",
        "{version: 1, users: [{name: @, uid: 2001}]}",
        "{version: 1, users: [{range: {prefix: @, count: 2, uid: 2001}}]}",
        "{version: 1, groups: [{name: @, gid: 2001}]}",
        "{version: 1, docker: {data_root: @}}",
        "{version: 1, docker: {log_max_size: @}}",
        "{version: 1, docker: {registry_mirrors: [@]}}",
        "{version: 1, network: {hub_name: @}}",
        "{version: 1, homes: {export: @}}",
        "{version: 1, homes: {volume: @}}",
        "{version: 1, autofs: {mount_options: [@]}}",
        "{version: 1, autofs: {maps: [{path: @, from: \"hub:/srv\"}]}}",
        "{version: 1, autofs: {maps: [{path: /data, from: @}]}}",
        "{version: 1, hub: {packages: [@]}}",
        "{version: 1, engine: classic, classic: {consul_image: @}}",
        "{version: 1, timezone: @}",
        "{version: 1, locale: @}",
        "{version: 1, users: [{name: ada, uid: 2001, password_hash: @}]}",
    ];

    proptest::proptest! {
        #[test]
        fn what_would_need_quotes_is_refused_where_nothing_is_quoted(
            start in "[a-z/]{0,3}",
            nasty in "[ '\"`$()<>|&;*?!#%~{}\\\\\n\t\r\u{e9}\u{2028}]",
            end in "[a-z0-9]{0,3}",
        ) {
            let text = serde_json::Value::from(format!("{start}{nasty}{end}")).to_string();
            for field in BARE {
                let mut findings = Findings::default();
                parse(Source::new("workshop.yaml", field.replace('@', &text)), &no_files, &mut findings);
                // A hash has dollars by nature, and a package may be of a version with a tilde; both reach no shell.
                let by_nature = field.contains("password_hash") && nasty == "$" || field.contains("packages") && nasty == "~";
                proptest::prop_assert!(findings.has_errors() || by_nature, "{field} with {text}");
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(
            text in "\u{feff}?(version: 1\n)?(# für 学生\n)?(users:\n)?[a-zéß学\\[\\]{}:, \\-0-9\n\"']{0,80}"
        ) {
            messages(&text);
        }
    }
}
