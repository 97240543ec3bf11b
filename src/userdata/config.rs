//! Files → cloud-config.

use crate::util::debug_only;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::context;
use serde::Serialize;

use super::file::{self, File};
use super::files;
use super::settings::LEVEL;
use super::table::Style;
use super::{ImageKind, InstanceRole, InstanceSpec, exchange, paths, stock};
use crate::failure::Result;
use crate::workshop::ADMIN_ID;

/// The keys that we use. cloud-init takes them in this spelling from 22.3 (Debian 12 has 22.4) to this day.
#[derive(Clone, Serialize)]
pub(super) struct CloudConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timezone: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) users: Vec<UserEntry>,
    /// Before cloud-init makes users.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) bootcmd: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) package_update: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) packages: Vec<String>,
    pub(super) runcmd: Vec<Vec<String>>,
    /// The last one, so that the text ends with the users, who may be many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) write_files: Vec<WriteFile>,
}

debug_only!(CloudConfig { timezone, packages });

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum UserEntry {
    /// The image's own login user, which a list without it would take away.
    Default(&'static str),
    Admin(Admin),
}

/// Who may log in by SSH.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Admin {
    name: &'static str,
    uid: u32,
    primary_group: &'static str,
    homedir: &'static str,
    shell: &'static str,
    sudo: &'static str,
    ssh_authorized_keys: Vec<String>,
}

#[derive(Clone, Serialize)]
pub(super) struct WriteFile {
    pub(super) path: String,
    /// Quoted in YAML: as a number cloud-init would take it for a decimal one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<&'static str>,
    pub(super) content: String,
}

debug_only!(WriteFile { path, permissions, encoding });

/// The administrator's name, and that of the group.
const ADMIN: &str = "imagegen-admin";

/// Says every minute that this machine has no programs for a text of this level. Golden images that have them started long
/// before cloud-init's last stage, in which this runs.
const EXPECT_PROGRAMS: &str = file::template!("expect-programs.sh");

/// The cloud-config of a machine, with all files as they are.
pub(super) fn of(machine: &InstanceSpec<'_>, table: Style) -> Result<CloudConfig> {
    let packages = packages(machine);
    Ok(CloudConfig {
        timezone: machine.workshop.timezone.clone(),
        users: users(machine),
        bootcmd: groups(machine),
        write_files: files(machine, table)?.into_iter().map(plain).collect(),
        package_update: !packages.is_empty(),
        packages,
        runcmd: commands(machine)?,
    })
}

/// What cloud-init writes: on an ordinary image, one archive in which the workshop's files are with the programs.
fn files(machine: &InstanceSpec<'_>, table: Style) -> Result<Vec<File>> {
    let mut own = files::own(machine);
    match machine.image {
        ImageKind::Golden => {
            let mut files = files::of_workshop(machine, table)?;
            let users = files.pop();
            files.append(&mut own);
            files.extend(users);
            Ok(files)
        }
        ImageKind::Stock => {
            let mut files = stock::programs(machine)?;
            let exchanges = exchange::exchanges(machine)?;
            let style = if exchanges { Style::Dense } else { Style::Lines };
            files.extend(files::of_workshop(machine, style)?);
            if exchanges && machine.role == InstanceRole::Hub {
                files.retain(|file| file.path != paths::USERS);
            }
            own.push(stock::archive(files)?);
            Ok(own)
        }
    }
}

fn packages(machine: &InstanceSpec<'_>) -> Vec<String> {
    let mut packages = machine.extras().packages.clone();
    if !machine.workshop.admin_ssh_keys.is_empty() {
        packages.extend(["openssh-server".to_owned(), "sudo".to_owned()]);
    }
    if generated_locale(machine).is_some() {
        packages.push("locales".to_owned());
    }
    packages
}

/// The locale, where it is not one that every Debian has.
fn generated_locale<'a>(machine: &InstanceSpec<'a>) -> Option<&'a str> {
    machine.workshop.locale.as_deref().filter(|locale| *locale != "C.UTF-8")
}

fn users(machine: &InstanceSpec<'_>) -> Vec<UserEntry> {
    let keys = &machine.workshop.admin_ssh_keys;
    if keys.is_empty() {
        return vec![];
    }
    let admin = UserEntry::Admin(Admin {
        name: ADMIN,
        uid: ADMIN_ID,
        primary_group: ADMIN,
        homedir: paths::ADMIN_HOME,
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        ssh_authorized_keys: keys.clone(),
    });
    if machine.image == ImageKind::Stock { vec![UserEntry::Default("default"), admin] } else { vec![admin] }
}

/// cloud-init gives a group the first free number, which may be one that the workshop means for somebody else.
fn groups(machine: &InstanceSpec<'_>) -> Vec<Vec<String>> {
    let id = ADMIN_ID.to_string();
    let command = ["groupadd", "-f", "-g", &id, ADMIN].map(str::to_owned).to_vec();
    if machine.workshop.admin_ssh_keys.is_empty() { vec![] } else { vec![command] }
}

fn commands(machine: &InstanceSpec<'_>) -> Result<Vec<Vec<String>>> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut commands: Vec<Vec<String>> = match machine.image {
        ImageKind::Golden => {
            vec![owned(&["sh", "-c", &file::render_template(EXPECT_PROGRAMS, context! { level => LEVEL })?])]
        }
        ImageKind::Stock => vec![owned(&["python3", "-c", &stock::unpacking()])],
    };
    if let Some(locale) = generated_locale(machine) {
        let place = locale.split('.').next().unwrap_or_default();
        commands.push(owned(&["localedef", "-i", place, "-f", "UTF-8", locale]));
    }
    Ok(commands)
}

fn plain(file: File) -> WriteFile {
    let whole = can_be_a_block(&file.content);
    let content = if whole { file.content } else { STANDARD.encode(file.content) };
    let usual = file.mode == USUAL_MODE;
    let permissions = (!usual).then_some(file.mode);
    WriteFile { path: file.path, permissions, encoding: (!whole).then_some("b64"), content }
}

/// Whether a literal block of YAML can hold a text as it is. Some clouds pass on ASCII alone unharmed; PyYAML refuses
/// control characters, and takes a carriage return for a line's end; a first line that is blank or begins with a space
/// changes what counts as indentation; and the last line must end like any other.
fn can_be_a_block(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\n' || byte == b'\t' || (b' '..=b'~').contains(&byte))
        && !text.starts_with([' ', '\t', '\n'])
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
}

/// What cloud-init gives a file of which nothing is said.
const USUAL_MODE: &str = "0644";

#[cfg(test)]
mod tests {
    use super::super::{InstanceRole, Platform};
    use super::*;
    use crate::workshop::{ExtraFile, Secrets, Workshop};

    fn config(workshop: &Workshop, image: ImageKind) -> (CloudConfig, String) {
        let text = include_str!("../../tests/fixtures/workshop.secrets.yaml");
        let secrets = Secrets::parse("test", text).expect("sound");
        let machine = InstanceSpec { workshop, secrets: &secrets, role: InstanceRole::Hub, image };
        let text = machine.render(Platform::Nova).expect("fits").text;
        (of(&machine, Style::Lines).expect("a config"), text)
    }

    #[test]
    fn students_are_no_users_of_cloud_inits_for_one_that_fails_would_end_the_list() {
        let (config, text) = config(&Workshop::default_workshop(), ImageKind::Golden);
        assert!(config.users.is_empty());
        assert!(!text.contains("chpasswd:"), "{text}");
    }

    #[test]
    fn an_administrator_does_not_take_away_the_images_own_user() {
        let workshop =
            Workshop { admin_ssh_keys: vec!["ssh-ed25519 AAAA".into()], ..Workshop::default_workshop() };
        assert!(matches!(
            config(&workshop, ImageKind::Stock).0.users[..],
            [UserEntry::Default("default"), UserEntry::Admin(_)]
        ));
        assert!(
            matches!(config(&workshop, ImageKind::Golden).0.users[..], [UserEntry::Admin(_)]),
            "a golden image has none"
        );
    }

    #[test]
    fn students_do_not_log_in_by_ssh_and_an_images_own_user_still_does() {
        let keys = vec!["ssh-ed25519 AAAA".to_owned()];
        for (admin_ssh_keys, image) in
            [(keys.clone(), ImageKind::Golden), (keys, ImageKind::Stock), (vec![], ImageKind::Stock)]
        {
            let workshop = Workshop { admin_ssh_keys, ..Workshop::default_workshop() };
            let text = config(&workshop, image).1;
            let files = super::super::read_back::files(&text).expect("our own text");
            let rules = &files["/etc/ssh/sshd_config.d/10-imagegen.conf"].content;
            assert!(rules.contains("PasswordAuthentication no\n"), "{rules}");
            assert!(rules.ends_with("\nAllowGroups imagegen-admin sudo\n"), "{rules}");
        }
    }

    #[test]
    fn templates_of_other_programs_pass_because_the_text_is_no_jinja_template() {
        let mut workshop = Workshop::default_workshop();
        let content = "docker info -f '{{.Swarm.LocalNodeState}}'\n".to_owned();
        workshop.hub.files.push(ExtraFile { path: "/etc/x".into(), content, mode: "0644".into() });
        let (_, text) = config(&workshop, ImageKind::Golden);
        assert!(text.starts_with("#cloud-config\n"));
        assert!(text.contains("   docker info -f '{{.Swarm.LocalNodeState}}'\n"));
    }

    #[test]
    fn nothing_depends_on_the_order_of_cloud_inits_modules() {
        let (config, _) = config(&Workshop::default_workshop(), ImageKind::Stock);
        // Files come before users and packages: so they have no owner, and are not deferred until either is there.
        let files = serde_json::to_value(&config.write_files).expect("JSON").to_string();
        assert!(!files.contains("\"owner\"") && !files.contains("\"defer\""));
        // Units are only queued: what waits for cloud-init's last stage must not be waited for by it.
        assert!(config.runcmd.iter().any(|command| command.iter().any(|word| word.contains("--no-block"))));
    }

    #[test]
    fn what_a_block_cannot_hold_is_base64() {
        for text in ["", "x", " x\n", "\nx\n", "x\n\n", "x\r\n", "é\n", "\u{1}\n"] {
            assert!(!can_be_a_block(text), "{text:?}");
        }
        assert!(can_be_a_block("x\n\n\ty  \nz\n"));
    }
}
