//! A layer by mmdebstrap: bootstrapped, or another layer with more packages.

use std::path::Path;

use super::{Places, Settings};
use crate::failure::Result;
use crate::host::command::{Tool, quote};
use crate::host::tools;
use crate::host::work::WorkFolder;
use crate::plan::{Key, Layer};

/// Where a recipe's script stands inside the root file system while it runs.
const INSIDE: &str = "/imagegen-script";

/// Makes the layer and puts it into the store; gives its size in bytes.
pub(super) fn make(
    layer: &Layer,
    key: &Key,
    places: &Places,
    work: &WorkFolder,
    settings: Settings,
) -> Result<u64> {
    let unfinished = places.store.unfinished()?;
    let scripts = write_scripts(layer, work)?;
    let below = layer.below.as_ref().map(|below| places.store.path(below));
    mmdebstrap(layer, below.as_deref(), &scripts, &unfinished, settings).run()?;
    let bytes = fs_err::metadata(&unfinished)?.len();
    places.store.keep(unfinished, key)?;
    Ok(bytes)
}

fn write_scripts(layer: &Layer, work: &WorkFolder) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for (number, (_, text)) in layer.scripts.iter().enumerate() {
        let path = work.path(&format!("{}-script-{number}", layer.recipe));
        fs_err::write(&path, text)?;
        paths.push(path.to_string_lossy().into_owned());
    }
    Ok(paths)
}

fn mmdebstrap(
    layer: &Layer,
    below: Option<&Path>,
    scripts: &[String],
    target: &Path,
    settings: Settings,
) -> Tool {
    let mut tool = Tool::new(tools::MMDEBSTRAP.name)
        .arg(if settings.root { "--mode=root" } else { "--mode=unshare" })
        .arg("--format=tar")
        .arg(format!("--include={}", layer.packages.join(",")))
        // Neither option reaches an image: hygiene drops the files that carry them.
        .arg("--aptopt=Acquire::Retries \"3\"")
        .arg("--dpkgopt=force-unsafe-io")
        // The kernel fills /dev at boot, and device nodes cannot be unpacked in a user namespace.
        .arg("--skip=output/dev")
        .env("SOURCE_DATE_EPOCH", settings.epoch.to_string());
    tool = match below {
        None => tool.arg("--variant=minbase"),
        // The special hooks read our files outside the user namespace, where alone a user's own folder is open.
        Some(below) => tool
            .arg("--variant=custom")
            .arg(format!("--setup-hook=tar-in {} /", quote(&below.to_string_lossy())))
            // As an ordinary user mmdebstrap makes /dev in what it bootstraps alone, and packages need one.
            .arg("--setup-hook=mkdir -p \"$1\"/dev"),
    };
    for script in scripts {
        tool = tool
            .arg(format!("--customize-hook=upload {} {INSIDE}", quote(script)))
            .arg(format!("--customize-hook=chroot \"$1\" sh -eu {INSIDE}"))
            .arg(format!("--customize-hook=rm \"$1\"{INSIDE}"));
    }
    tool.arg(&layer.suite).arg(target).args(&layer.mirror)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(scripts: &[&str]) -> Layer {
        Layer {
            recipe: "hub".into(),
            suite: "trixie".into(),
            below: None,
            packages: vec!["nfs-common".into(), "autofs".into()],
            scripts: scripts.iter().map(|path| ((*path).into(), "true".into())).collect(),
            mirror: Some("http://127.0.0.1/debian".into()),
        }
    }

    #[test]
    fn an_ordinary_user_bootstraps_in_a_user_namespace() {
        let tool =
            mmdebstrap(&layer(&[]), None, &[], Path::new("out.tar"), Settings { epoch: 1, root: false });
        insta::assert_snapshot!(tool, @r#"`mmdebstrap '--mode=unshare' '--format=tar' '--include=nfs-common,autofs' '--aptopt=Acquire::Retries "3"' '--dpkgopt=force-unsafe-io' '--skip=output/dev' '--variant=minbase' trixie out.tar http://127.0.0.1/debian`"#);
    }

    #[test]
    fn a_layer_on_another_begins_with_its_tar_and_paths_are_quoted() {
        let scripts = ["work folder/script".to_owned()];
        let below = Some(Path::new("it's/base.tar"));
        let tool = mmdebstrap(
            &layer(&["a.sh"]),
            below,
            &scripts,
            Path::new("out.tar"),
            Settings { epoch: 1, root: true },
        );
        insta::assert_snapshot!(tool, @r#"`mmdebstrap '--mode=root' '--format=tar' '--include=nfs-common,autofs' '--aptopt=Acquire::Retries "3"' '--dpkgopt=force-unsafe-io' '--skip=output/dev' '--variant=custom' "--setup-hook=tar-in \"it's/base.tar\" /" '--setup-hook=mkdir -p "$1"/dev' "--customize-hook=upload 'work folder/script' /imagegen-script" '--customize-hook=chroot "$1" sh -eu /imagegen-script' '--customize-hook=rm "$1"/imagegen-script' trixie out.tar http://127.0.0.1/debian`"#);
    }
}
