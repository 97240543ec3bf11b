//! What the machine gets to work with, as a tar on a drive of its own.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tar::{Builder, EntryType};

use crate::build::tarball::header;
use crate::failure::Result;
use crate::plan::{CacheKey, Provision, RootTree, hygiene};
use crate::recipe::Registry;

macro_rules! script {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/provision/", $name)))
    };
}

/// What runs inside.
const SCRIPTS: [(&str, &str); 4] =
    [script!("channel.py"), script!("finish.py"), script!("hygiene.py"), script!("provision.py")];
/// The file that installs a set of Python's.
const INSTALLER: &str = "python-set.sh";
const HOSTS: &str = "/etc/hosts";

/// Writes the tar; `set` says where the set of packages with a key is.
pub(super) fn write(
    provision: &Provision,
    set: &dyn Fn(&CacheKey) -> Result<PathBuf>,
    target: &Path,
) -> Result<()> {
    let mut payload = Payload(Builder::new(std::io::BufWriter::new(fs_err::File::create(target)?)));
    for (name, text) in SCRIPTS {
        payload.text(name, text)?;
    }
    let names = fs_err::read_to_string(HOSTS).unwrap_or_default();
    payload.text("settings.json", &settings(&provision.steps, &outside_names(&names)).to_string())?;
    for (step, layer) in provision.steps.iter().enumerate() {
        if !layer.installer.is_empty() {
            payload.text(INSTALLER, &layer.installer)?;
        }
        for (number, (key, _)) in layer.sets.iter().enumerate() {
            let mut file = fs_err::File::open(set(key)?)?.into_parts().0;
            payload.0.append_file(set_file(step, number), &mut file)?;
        }
        for (number, (_, text)) in layer.scripts.iter().enumerate() {
            payload.text(&script_file(step, number), text)?;
        }
    }
    payload.0.into_inner()?.flush()?;
    Ok(())
}

struct Payload<W: Write>(Builder<W>);

impl<W: Write> Payload<W> {
    fn text(&mut self, path: &str, text: &str) -> Result<()> {
        let mut header = header(EntryType::Regular, 0o644, 0, text.len() as u64);
        Ok(self.0.append_data(&mut header, path, text.as_bytes())?)
    }
}

fn set_file(step: usize, number: usize) -> String {
    format!("step-{step}-set-{number}.tar")
}

fn script_file(step: usize, number: usize) -> String {
    format!("step-{step}-script-{number}")
}

/// What userdata/provision/provision.py and finish.py are told.
fn settings(steps: &[RootTree], hosts: &str) -> Json {
    let of_step = |(step, layer): (usize, &RootTree)| {
        let sets = layer.sets.iter().enumerate().map(|(number, (_, set))| {
            let python = matches!(set.registry, Registry::Python(_));
            json!({"path": set.path, "into": set.into, "python": python, "file": set_file(step, number)})
        });
        let scripts = layer.scripts.iter().enumerate();
        let scripts =
            scripts.map(|(number, (path, _))| json!({"path": path, "file": script_file(step, number)}));
        json!({
            "recipe": layer.recipe,
            "packages": layer.packages,
            "sets": sets.collect::<Vec<_>>(),
            "scripts": scripts.collect::<Vec<_>>(),
        })
    };
    json!({
        "steps": steps.iter().enumerate().map(of_step).collect::<Vec<_>>(),
        "installer": INSTALLER,
        "overlay": OVERLAY,
        "hosts": hosts,
        "rules": hygiene::rules(),
    })
}

/// The lines of this machine's table of names that mean the same in another one.
fn outside_names(hosts: &str) -> String {
    let is_outside = |line: &&str| {
        let address = line.split_whitespace().next().and_then(|word| word.parse::<std::net::IpAddr>().ok());
        address.is_some_and(|address| {
            !address.is_loopback() && !address.is_multicast() && !address.is_unspecified()
        })
    };
    hosts.lines().filter(is_outside).flat_map(|line| [line, "\n"]).collect()
}

pub(super) const OVERLAY: &str = "imagegen-overlay";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_inside_know_the_same_places() {
        let text = |name| SCRIPTS.iter().find(|(script, _)| *script == name).unwrap().1;
        assert!(text("finish.py").contains(&format!("FOLDER = \"{}\"", super::super::FOLDER)));
        assert!(text("provision.py").contains(&format!("WHEELS = \"/{}\"", crate::build::stdin_tar::WHEELS)));
    }

    #[test]
    fn names_of_this_machine_itself_stay_here() {
        let hosts = "127.0.0.1 localhost\n# a comment\n::1 ip6-localhost\n203.0.113.80 mirror.example.org\nff02::1 all\n";
        assert_eq!(outside_names(hosts), "203.0.113.80 mirror.example.org\n");
    }
}
