//! An image from a cloud image: a machine boots it, applies the recipes to itself, and switches itself off.

mod payload;

use crate::inspect::Package;
use crate::util::size;
use payload::OVERLAY;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use minijinja::context;
use serde::Deserialize;

use super::artifacts::Artifacts;
use super::base::{self, BaseDisk};
use super::context::BuildContext;
use super::inventory::Inventory;
use super::manifest::{BaseOf, Product};
use super::resolved_inputs::ResolvedInputs;
use super::rootfs::Rootfs;
use super::{acceptance, assembly, blame, describe, preload, resolved_inputs};
use crate::failure::{Failure, Result};
use crate::host::cmd::Cmd;
use crate::host::tool_failure::ToolFailure;
use crate::host::{clock, tools};
use crate::inspect;
use crate::plan::{Provision, RootTree, Stage, hygiene};
use crate::report::Step;
use crate::userdata::render_template;
use crate::vm::Accelerator;
use crate::vm::config_drive::fresh_uuid;
use crate::vm::one_shot::OneShotVm;

const USER_DATA: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/provision/user-data.yaml"));
/// Where the payload is unpacked inside; userdata/provision/finish.py knows it too.
const FOLDER: &str = "/imagegen-provision";
/// The serial numbers of the two drives, at most 20 letters each.
const PAYLOAD: &str = "imagegen-payload";
/// How much larger the disk becomes than the cloud image's and what is laid over it, in bytes: room for packages.
const ROOM: u64 = 2 << 30;
const GIB: u64 = 1 << 30;

/// What the machine says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GuestEvent {
    /// What it is doing.
    Step(String),
    /// What it has taken out.
    Removed(String),
    /// What went wrong, and the end of what was said then.
    Failed { what: String, log: String },
    /// What is installed: name, version, architecture.
    Packages(Vec<(String, String, String)>),
    /// The code name of the release.
    Suite(String),
    /// The accounts at the end, without hashes of passwords, and forbidden files that are there.
    Accounts { passwd: String, shadow: String, forbidden: Vec<String> },
    /// Everything is done; the number is ours.
    Done(String),
}

/// What was heard of a machine.
#[derive(Debug, Default)]
struct GuestReport {
    removed: Vec<String>,
    packages: Vec<Package>,
    suite: String,
    faults: Vec<String>,
    done: Option<String>,
}

/// Makes the image.
pub(super) fn provision(
    context: &BuildContext<'_>,
    stage: &Stage,
    provision: &Provision,
) -> Result<Artifacts> {
    let title = stage.title();
    let step = context.progress.step(format!("{title}: overlay and payload"));
    let epoch = provision.epoch.unwrap_or_else(clock::now);
    let ([payload, overlay], laid_over) = drives(context, provision, epoch)?;
    let kept = context.hold(&provision.image.layer)?.path();
    let disk = base::inspect(&kept)?;
    let room = ROOM + fs_err::metadata(&overlay)?.len();
    let virtual_bytes = (disk.virtual_bytes + room).next_multiple_of(GIB);
    let changed = overlay_disk(context, provision, &kept, &disk, virtual_bytes)?;
    step.done(&size(fs_err::metadata(&payload)?.len() + fs_err::metadata(&overlay)?.len()));

    let (accelerator, reason) = Accelerator::probe(&context.work.path(""))?;
    context.progress.note(&reason);
    let mut step = context.progress.step(format!("{title}: a machine on {}", provision.base.file_name()));
    let nonce = fresh_uuid()?;
    let errand = errand(context, provision, &changed, [payload, overlay], accelerator, &nonce)?;
    let heard = watch(context, &errand, provision, &nonce, &mut step)?;
    step.done(&format!("{} packages", heard.packages.len()));
    for removed in &heard.removed {
        context.progress.note(&format!("{title}: removed {removed} of the cloud image"));
    }
    let step = context.progress.step(format!("{title}: qcow2"));
    let path = context.work.path(&format!("{}.qcow2", provision.image.recipe));
    assembly::compress_from("qcow2", &changed, &path)?;
    fs_err::remove_file(changed)?;
    let origin = resolved_inputs::on_cloud_image(context, &provision.image, epoch)?;
    let outcome = result(context, provision, path.clone(), virtual_bytes, heard, laid_over, &origin)?;
    step.done(&size(outcome.image_size));
    acceptance::accept(&path, &title, context.progress)?;
    Ok(outcome)
}

/// The tars of both drives, and what is in the second.
fn drives(context: &BuildContext<'_>, provision: &Provision, epoch: u64) -> Result<([PathBuf; 2], Rootfs)> {
    let image = &provision.image;
    let [payload, overlay] =
        ["payload", "overlay"].map(|name| context.work.path(&format!("{}.{name}.tar", image.recipe)));
    let preloads = image
        .carried
        .iter()
        .map(|carried| preload::preload_set(context, carried))
        .collect::<Result<Vec<_>>>()?;
    let laid_over = super::compose::lay_over(image, &preloads, &overlay, epoch)?;
    payload::write(provision, &|set| Ok(context.hold(set)?.path()), &payload)?;
    for tar in [&payload, &overlay] {
        let length = fs_err::metadata(tar)?.len();
        // A drive has whole sectors; QEMU would pad it too, and say so.
        fs_err::OpenOptions::new().write(true).open(tar)?.set_len(length.next_multiple_of(4096))?;
    }
    Ok(([payload, overlay], laid_over))
}

/// What the machine changes: everything else is read from the kept image, which stays as it is.
fn overlay_disk(
    context: &BuildContext<'_>,
    provision: &Provision,
    kept: &Path,
    disk: &BaseDisk,
    bytes: u64,
) -> Result<PathBuf> {
    let path = context.work.path(&format!("{}.changed.qcow2", provision.image.recipe));
    Cmd::new(tools::QEMU_IMG.name)
        .args(["create", "-q", "-f", "qcow2", "-F", disk.format, "-b"])
        .arg(std::path::absolute(kept)?)
        .arg(&path)
        .arg(bytes.to_string())
        .run()?;
    Ok(path)
}

fn errand(
    context: &BuildContext<'_>,
    provision: &Provision,
    disk: &Path,
    [payload, overlay]: [PathBuf; 2],
    accelerator: Accelerator,
    nonce: &str,
) -> Result<OneShotVm> {
    // Emulation takes ten times as long.
    let minutes = |fast: u64, slow: u64| {
        Duration::from_secs(60 * if accelerator == Accelerator::Kvm { fast } else { slow })
    };
    Ok(OneShotVm {
        name: provision.image.recipe.clone(),
        disk: disk.to_owned(),
        drives: vec![(payload, PAYLOAD), (overlay, OVERLAY)],
        user_data: user_data(provision.mirror.as_deref(), nonce)?,
        accelerator,
        folder: context.work.path(""),
        first_event_timeout: minutes(5, 25),
        timeout: minutes(60, 240),
    })
}

fn watch(
    context: &BuildContext<'_>,
    vm: &OneShotVm,
    provision: &Provision,
    nonce: &str,
    step: &mut Step,
) -> Result<GuestReport> {
    let mut heard = GuestReport::default();
    let ran = vm.run(|word| {
        if let GuestEvent::Step(what) = &word {
            step.reached(what);
        }
        heard.on_event(word)
    });
    match ran.and_then(|()| heard.expect_done(nonce)) {
        Ok(()) => Ok(heard),
        Err(failure) => Err(with_log(context, failure, vm, provision)),
    }
}

/// The machine's own log tells more; it stays where the image would have come.
fn with_log(context: &BuildContext<'_>, failure: Failure, vm: &OneShotVm, provision: &Provision) -> Failure {
    let trees: Vec<&RootTree> = provision.steps.iter().collect();
    let failure = blame::name_line(failure, &trees);
    let Failure::Work(error) = failure else { return failure };
    let kept = context.dirs.output.join(format!("{}.provision.log", provision.image.recipe));
    let rest = match fs_err::copy(vm.log(), &kept) {
        Ok(_) => format!("the complete log is {}", kept.display()),
        Err(error) => format!("its log could not be copied: {error}"),
    };
    let (base, tail) = (&provision.base.url, vm.log_tail());
    anyhow!("{error:#}\nThe machine on {base} last wrote to its console:\n{tail}\n{rest}").into()
}

fn result(
    context: &BuildContext<'_>,
    provision: &Provision,
    path: PathBuf,
    virtual_bytes: u64,
    heard: GuestReport,
    laid_over: Rootfs,
    resolved: &ResolvedInputs,
) -> Result<Artifacts> {
    let base = BaseOf {
        url: provision.base.url.clone(),
        digest: resolved.base.clone().unwrap_or_default(),
        removed: heard.removed,
        virtual_bytes,
    };
    let image = crate::plan::DiskImage { suite: heard.suite, ..provision.image.clone() };
    let rootfs = Rootfs { packages: heard.packages, inventory: inventory(&path)?, ..laid_over };
    describe::described(context, &image, path, &Product::Provisioned(&base), &rootfs, resolved)
}

/// What the files of a finished image say of it.
fn inventory(image: &Path) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    let note = &mut |path: &str, content: &str| inventory.note(path, content.as_bytes());
    inspect::read_files(fs_err::File::open(image)?, &Inventory::wants, note)?;
    Ok(inventory)
}

impl GuestReport {
    fn on_event(&mut self, word: GuestEvent) -> Result<()> {
        match word {
            GuestEvent::Step(_) => {}
            GuestEvent::Removed(what) => self.removed.push(what),
            GuestEvent::Failed { what, log } => {
                let failure = ToolFailure::new(what, log.trim().to_owned(), None);
                return Err(anyhow::Error::new(failure).into());
            }
            GuestEvent::Packages(packages) => {
                let package =
                    |(name, version, architecture)| Package { name, version, architecture, source: None };
                self.packages = packages.into_iter().map(package).collect();
            }
            GuestEvent::Suite(suite) => self.suite = suite,
            GuestEvent::Accounts { passwd, shadow, forbidden } => {
                self.faults = faults(&passwd, &shadow, &forbidden);
            }
            GuestEvent::Done(nonce) => self.done = Some(nonce),
        }
        Ok(())
    }

    /// A machine that is off has done its work only if it says so, by a number that nobody else knows.
    fn expect_done(&self, nonce: &str) -> Result<()> {
        if !self.faults.is_empty() {
            let faults = self.faults.join("\n  ");
            return Err(anyhow!("this must not become a golden image:\n  {faults}").into());
        }
        match &self.done {
            Some(done) if done == nonce => Ok(()),
            _ => Err(anyhow!("the machine powered off before it had finished").into()),
        }
    }
}

/// What is wrong with the accounts and files of a finished image, by the rules that hold for every image.
fn faults(passwd: &str, shadow: &str, forbidden: &[String]) -> Vec<String> {
    let users =
        hygiene::login_users(passwd).into_iter().map(|name| format!("there is a login user `{name}`"));
    let open = hygiene::accounts_with_password(shadow).into_iter();
    let open = open.map(|name| format!("the account `{name}` has a password"));
    let files = forbidden.iter().map(|path| {
        let reason = hygiene::forbidden(path).unwrap_or("no golden image has this file");
        format!("{reason} (/{path})")
    });
    users.chain(open).chain(files).collect()
}

fn user_data(mirror: Option<&str>, nonce: &str) -> Result<String> {
    // JSON is YAML, and quotes what needs it.
    let mirror = mirror.map(|url| serde_json::Value::from(url).to_string());
    render_template(USER_DATA, context! { mirror, nonce, folder => FOLDER, payload => PAYLOAD })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(words: &[&str]) -> Result<GuestReport> {
        let mut heard = GuestReport::default();
        for word in words {
            heard.on_event(serde_json::from_str(word).expect("a word"))?;
        }
        Ok(heard)
    }

    const CLEAN: &str = r#"{"accounts": {"passwd": "root:x:0:0::/root:/bin/bash\n", "shadow": "root:*:\n", "forbidden": []}}"#;

    #[test]
    fn only_the_number_that_was_given_counts_as_done() {
        assert!(hear(&[CLEAN, r#"{"done": "n"}"#]).unwrap().expect_done("n").is_ok());
        for words in [vec![CLEAN], vec![CLEAN, r#"{"done": "m"}"#], vec![]] {
            let failure = hear(&words).unwrap().expect_done("n").unwrap_err().to_string();
            assert!(failure.contains("before it had finished"), "{failure}");
        }
    }

    #[test]
    fn login_users_passwords_and_an_ssh_server_are_faults_although_the_machine_is_done() {
        let accounts = r#"{"accounts": {"passwd": "ada:x:1000:1000::/home/ada:/bin/sh\n", "shadow": "ada:$:\n", "forbidden": ["usr/sbin/sshd"]}}"#;
        let failure =
            hear(&[accounts, r#"{"done": "n"}"#]).unwrap().expect_done("n").unwrap_err().to_string();
        for part in ["login user `ada`", "`ada` has a password", "an SSH server is installed"] {
            assert!(failure.contains(part), "{failure}");
        }
    }

    #[test]
    fn a_failure_inside_begins_with_the_tool_s_error() {
        let failed = r#"{"failed": {"what": "installing the packages (exit code 100)", "log": "E: Unable to locate\n"}}"#;
        let failure = hear(&[failed]).unwrap_err().to_string();
        assert_eq!(
            failure,
            "apt: Unable to locate\nThe output ends with:\nE: Unable to locate\ninstalling the packages (exit code 100)"
        );
    }

    #[test]
    fn the_machine_s_user_data_has_no_user() {
        insta::assert_snapshot!(user_data(Some("http://127.0.0.1/debian"), "0123").unwrap(), @r#"
        #cloud-config
        # What a cloud image boots on once, while imagegen makes another image of it. It powers itself off.
        users: []
        ssh_deletekeys: false
        apt: {primary: [{arches: [default], uri: "http://127.0.0.1/debian"}]}
        runcmd:
          - [sh, -c, "mkdir -p /imagegen-provision && tar -C /imagegen-provision -xf /dev/disk/by-id/virtio-imagegen-payload"]
          - [python3, -B, "/imagegen-provision/provision.py", "0123"]
        "#);
    }
}
