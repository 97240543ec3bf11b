//! Workshop → files → cloud-config → text that fits. Pure: the same inputs give the same bytes.
//!
//! The text is one `#cloud-config` part of plain ASCII with what the organiser decides: cloud-init writes the files in its
//! network stage. The programs that act on them are in golden images, where `imagegen-start.service` starts them; to any
//! other image they travel along, packed.

mod check;
mod compare;
mod config;
mod docker;
mod exchange;
mod file;
mod files;
pub mod findings;
mod hub_text;
mod instance;
mod maps;
mod minify;
mod pack;
pub mod paths;
mod platform;
mod read_back;
mod settings;
mod size;
mod stock;
mod table;
mod text;

pub use compare::compare;
pub(crate) use file::render_template;
pub use hub_text::restore;
pub use instance::{ImageKind, InstanceRole, InstanceSpec};
pub use platform::Platform;
pub use text::{Encoding, Part, Rendered};

use table::Style;

use crate::failure::Result;

impl InstanceSpec<'_> {
    /// The user-data, in the most readable form that fits the budget.
    ///
    /// # Errors
    /// Findings where it does not fit in any form.
    pub fn render(&self, platform: Platform) -> Result<Rendered> {
        check::sound(&config::of(self, Style::Lines)?)?;
        let title = self.title();
        let rendered = text::render(&self.heading(), |style| config::of(self, style), platform)?;
        if rendered.text.len() > platform.limit() {
            let largest = size::largest(self)?;
            return Err(findings::too_large(&title, rendered.text.len(), platform, &largest).into());
        }
        Ok(rendered)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::workshop::{
        AccountEntry, ClassicImages, Engine, Secrets, Share, Transport, User, Users, Workshop,
    };

    fn secrets() -> Secrets {
        Secrets::parse("test", include_str!("../../tests/fixtures/workshop.secrets.yaml")).expect("sound")
    }

    fn node(workshop: &Workshop, platform: Platform) -> Result<Rendered> {
        let role = InstanceRole::Node { hub: Ipv4Addr::new(10, 0, 0, 5) };
        InstanceSpec { workshop, secrets: &secrets(), role, image: ImageKind::Golden }.render(platform)
    }

    /// Names of five to nine random letters, and UIDs without an order: the worst that a university can do.
    fn unrelated(count: usize) -> Workshop {
        let uids = prop::sample::subsequence((1000..60_000).collect::<Vec<u32>>(), count).prop_shuffle();
        let people = (proptest::collection::vec("[a-z]{5,9}", count), uids);
        let (names, uids) =
            people.new_tree(&mut TestRunner::deterministic()).expect("nothing is refused").current();
        let entries =
            names.into_iter().zip(uids).map(|(name, uid)| AccountEntry::Single(User::plain(name, uid)));
        Workshop {
            users: Users { entries: entries.collect(), groups: vec![] },
            ..Workshop::default_workshop()
        }
    }

    #[test]
    fn a_node_of_ten_thousand_users_by_a_range_is_plain_text() {
        let mut workshop = Workshop::default_workshop();
        let Some(AccountEntry::Range(range)) = workshop.users.entries.first_mut() else { panic!("a range") };
        (range.count, range.width) = (10_000, 5);
        let rendered = node(&workshop, Platform::Horizon).expect("fits");
        assert_eq!(rendered.encoding, Encoding::Plain);
        assert!(rendered.text.len() <= Platform::Horizon.limit());
    }

    #[test]
    fn each_form_holds_the_same_files() {
        let (workshop, secrets) = (unrelated(700), secrets());
        let machine = InstanceSpec {
            workshop: &workshop,
            secrets: &secrets,
            role: InstanceRole::Hub,
            image: ImageKind::Golden,
        };
        let wanted = files::of_workshop(&machine, Style::Lines).expect("files");
        for budget in [Platform::Nova, Platform::Horizon] {
            let rendered = machine.render(budget).expect("fits");
            let read = read_back::files(&rendered.text).expect("our own text");
            for file in &wanted {
                let same = if file.path == paths::USERS {
                    table::in_lines(&read[&file.path].content)
                } else {
                    read[&file.path].content.clone()
                };
                assert_eq!(same, file.content, "{} for {budget:?}", file.path);
            }
        }
    }

    #[test]
    fn what_cannot_fit_is_told_with_what_the_organiser_can_change() {
        let crate::failure::Failure::Input(findings) = node(&unrelated(3000), Platform::Horizon).unwrap_err()
        else {
            panic!("not a matter of the input")
        };
        let finding = findings.iter().next().expect("a finding");
        assert!(finding.remedy.contains("`users` (3000 of them)"), "{finding:?}");
    }

    #[test]
    fn a_node_of_a_swarm_joins_with_the_workshops_own_image_and_other_machines_fetch_it_beside() {
        let image = "example.org/notebook@sha256:00";
        let mut workshop = Workshop { notebooks_on_hub: true, ..Workshop::default_workshop() };
        workshop.notebooks.image = Some(image.into());
        let classic = Workshop { engine: Engine::Classic(ClassicImages::default()), ..workshop.clone() };
        let node = InstanceRole::Node { hub: Ipv4Addr::new(10, 0, 0, 5) };
        for (workshop, role, beside) in
            [(&workshop, node, false), (&workshop, InstanceRole::Hub, true), (&classic, node, true)]
        {
            let machine = InstanceSpec { workshop, secrets: &secrets(), role, image: ImageKind::Golden };
            let files = files::of_workshop(&machine, Style::Lines).expect("files");
            let content = |name: &str| {
                files.iter().find(|file| file.path.ends_with(name)).map_or("", |file| file.content.as_str())
            };
            let settings = content("/settings.json");
            assert!(settings.contains(&format!("\"notebook_image\": \"{image}\"")), "{settings}");
            assert_eq!(machine.pulls_notebook_image(), beside);
        }
    }

    #[test]
    fn nodes_never_hold_the_hubs_key_or_the_passwords() {
        let secrets = secrets();
        let workshop = Workshop::default_workshop();
        let role = InstanceRole::Node { hub: Ipv4Addr::new(10, 0, 0, 5) };
        for file in files::of_workshop(
            &InstanceSpec { workshop: &workshop, secrets: &secrets, role, image: ImageKind::Stock },
            Style::Lines,
        )
        .expect("files")
        {
            assert!(!file.content.contains("PRIVATE KEY"), "{}", file.path);
            assert!(!file.content.contains(&secrets.password_seed), "{}", file.path);
        }
    }

    #[test]
    fn debug_shows_no_content_of_files() {
        let (secrets, workshop) = (secrets(), Workshop::default_workshop());
        let machine = InstanceSpec {
            workshop: &workshop,
            secrets: &secrets,
            role: InstanceRole::Hub,
            image: ImageKind::Golden,
        };
        let files = files::of_workshop(&machine, Style::Lines).expect("files");
        let shown = format!("{files:?} {:?}", config::of(&machine, Style::Lines).expect("a configuration"));
        for secret in [&secrets.password_seed, &secrets.certificate_key, &secrets.join_key] {
            assert!(!shown.contains(secret.lines().last().expect("a line")), "{shown}");
        }
    }

    fn hub(workshop: &Workshop) -> std::collections::BTreeMap<String, String> {
        files_of(workshop, InstanceRole::Hub)
    }

    fn files_of(workshop: &Workshop, role: InstanceRole) -> std::collections::BTreeMap<String, String> {
        let machine = InstanceSpec { workshop, secrets: &secrets(), role, image: ImageKind::Golden };
        let files = files::of_workshop(&machine, Style::Lines).expect("files");
        files.into_iter().map(|file| (file.path, file.content)).collect()
    }

    #[test]
    fn encrypted_homes_and_the_hubs_own_shares_are_mounted_by_the_name_in_its_certificate() {
        let share = |path: &str, server: Option<&str>| Share {
            path: path.into(),
            server: server.map(str::to_owned),
            folder: "/export".into(),
            writable: false,
            mount_options: vec![],
        };
        let mut workshop = Workshop::default_workshop();
        workshop.autofs.shares = vec![share("/data", None), share("/results", Some("nas"))];
        workshop.homes.transport = Transport::MutualTls;
        let files = files_of(&workshop, InstanceRole::Node { hub: Ipv4Addr::new(10, 0, 0, 5) });
        let homes = "* -fstype=nfs4,vers=4.2,hard,nosuid,nodev,noatime,xprtsec=mtls imagegen-hub:/home/&\n";
        assert_eq!(files["/etc/auto.imagegen"], homes);
        let shares = "/data -fstype=nfs4,vers=4.2,hard,nosuid,nodev,ro,xprtsec=mtls imagegen-hub:/export\n\
                      /results -fstype=nfs4,vers=4.2,hard,nosuid,nodev,ro nas:/export\n";
        assert_eq!(files["/etc/auto.imagegen-shares"], shares);
    }

    #[test]
    fn a_hub_with_notebooks_mounts_what_other_servers_have_and_nothing_of_its_own() {
        let share = |path: &str, server: Option<&str>, writable| Share {
            path: path.into(),
            server: server.map(str::to_owned),
            folder: "/export".into(),
            writable,
            mount_options: vec![],
        };
        let mut workshop = Workshop::default_workshop();
        workshop.autofs.shares = vec![share("/data", None, false)];
        workshop.notebooks_on_hub = true;
        assert!(!hub(&workshop).keys().any(|path| path.starts_with("/etc/auto.")));
        workshop.autofs.shares.push(share("/results", Some("nas"), true));
        let files = hub(&workshop);
        assert_eq!(
            files["/etc/auto.master.d/imagegen.autofs"],
            "/- /etc/auto.imagegen-shares --timeout=300\n"
        );
        let line = "/results -fstype=nfs4,vers=4.2,hard,nosuid,nodev,rw nas:/export\n";
        assert_eq!(files["/etc/auto.imagegen-shares"], line);
        assert!(!files.contains_key("/etc/auto.imagegen"), "the homes are its own");
        workshop.notebooks_on_hub = false;
        assert!(!hub(&workshop).keys().any(|path| path.starts_with("/etc/auto.")));
    }
}
