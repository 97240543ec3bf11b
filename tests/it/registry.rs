//! Container images from a registry: a real one on the loopback interface, which wants a name and a password.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::{convert, imagegen, program, recipes_with, text, wait_for};

const USER: &str = "ci";
const PASSWORD: &str = "ImagegenCredential0815";
/// Made by `htpasswd -Bbn` of Apache from both.
const HTPASSWD: &str = "ci:$2y$05$kF8STu55dT/NrmVMlTJYl.282EM8f.S4N8zx37hebRpfhCamxq1xe\n";
const CONFIG: &str = "version: 0.1\nstorage: {filesystem: {rootdirectory: ROOT/store}}\n\
                      http: {addr: '127.0.0.1:0', tls: {certificate: ROOT/ca.crt, key: ROOT/ca.key}}\n\
                      auth: {htpasswd: {realm: imagegen, path: ROOT/htpasswd}}\n";

/// A registry that ends with the test.
struct Registry {
    child: Child,
    address: String,
    /// Its files, and the home of whoever uses it, with its certificate where skopeo looks for it.
    folder: tempfile::TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Registry {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        certificate(folder.path());
        std::fs::write(at("htpasswd"), HTPASSWD).unwrap();
        let root = folder.path().to_str().unwrap();
        std::fs::write(at("config.yml"), CONFIG.replace("ROOT", root)).unwrap();
        let child = Command::new(program("docker-registry"))
            .arg("serve")
            .arg(at("config.yml"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        // It takes a free port, and says which.
        let address = wait_for("a registry that listens", || {
            let log = std::fs::read_to_string(at("log")).unwrap();
            let place = log.split("listening on ").nth(1).and_then(|rest| rest.split([',', '"']).next());
            place.map(str::to_owned).ok_or(log)
        });
        let registry = Self { child, address, folder };
        registry.introduce();
        registry
    }

    /// Writes down its certificate, and the password for it, where its users look for them.
    fn introduce(&self) {
        let trusted = self.at("home/.config/containers/certs.d").join(&self.address);
        std::fs::create_dir_all(&trusted).unwrap();
        std::fs::copy(self.at("ca.crt"), trusted.join("ca.crt")).unwrap();
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let mut auths = json!({});
        auths[&self.address] = json!({ "auth": login });
        std::fs::write(self.at("auth.json"), json!({ "auths": auths }).to_string()).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts an archive into the registry; gives the digest that it has there.
    fn push(&self, archive: &Path, name: &str) -> String {
        let digest = self.at("digest");
        let pushed = Command::new(program("skopeo"))
            .args(["copy", "--quiet", "--digestfile"])
            .arg(&digest)
            .arg(format!("docker-archive:{}", archive.display()))
            .arg(format!("docker://{}/{name}:1.0", self.address))
            .env("HOME", self.at("home"))
            .env("REGISTRY_AUTH_FILE", self.at("auth.json"))
            .output()
            .unwrap();
        assert!(pushed.status.success(), "{}", text(&pushed.stderr));
        std::fs::read_to_string(digest).unwrap().trim().to_owned()
    }

    /// imagegen, with the recipes of `folder` and credentials or none.
    fn imagegen(&self, folder: &Path, credentials: bool) -> assert_cmd::Command {
        let mut command = imagegen(folder);
        command.args(["build", "node", "--recipes", "recipes"]).env("HOME", self.at("home"));
        command.env("XDG_CACHE_HOME", folder.join("cache")).env_remove("XDG_RUNTIME_DIR");
        command.env_remove("REGISTRY_AUTH_FILE");
        if credentials {
            command.env("REGISTRY_AUTH_FILE", self.at("auth.json"));
        }
        command
    }
}

/// A certificate of its own for the loopback address.
fn certificate(folder: &Path) {
    let made = Command::new(program("openssl"))
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "ca.key", "-out", "ca.crt"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(vec![]);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A docker-archive, as `docker save` wrote it before Docker 25, of an image with these layers.
fn archive(path: &Path, tag: &str, layers: &[Vec<u8>]) {
    let digest = |bytes: &[u8]| imagegen::util::hex(&Sha256::digest(bytes));
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", digest(layer))).collect();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Cmd": ["true"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = config.to_string().into_bytes();
    let names: Vec<String> = layers.iter().map(|layer| format!("{}/layer.tar", digest(layer))).collect();
    let name = format!("{}.json", digest(&config));
    let table = json!([{ "Config": name, "RepoTags": [tag], "Layers": names }]).to_string();
    let mut files: Vec<(&str, &[u8])> = vec![("manifest.json", table.as_bytes()), (&name, &config)];
    files.extend(names.iter().map(String::as_str).zip(layers.iter().map(Vec::as_slice)));
    std::fs::write(path, tar_of(&files)).unwrap();
}

/// The built-in recipes in `folder`, with other containers for the node.
fn recipes(folder: &Path, containers: &str) {
    recipes_with(folder, &format!("version: 1\nfrom: base\ncontainers: [{containers}]\n"));
}

const HUB: &str = "opt/x/lib/python3.13/site-packages/jupyterhub-6.1.1.dist-info/METADATA";
const STATUS: &str =
    "Package: busybox\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.37.0-6\n\n";

/// Two layers, the lower of which `other` has too.
fn layers(other: bool) -> Vec<Vec<u8>> {
    let lower = tar_of(&[("etc/lower", b"shared by both"), ("var/lib/dpkg/status", STATUS.as_bytes())]);
    let upper = if other {
        tar_of(&[("etc/upper", b"of the other")])
    } else {
        tar_of(&[("etc/upper", b"of the app"), (HUB, b"Name: jupyterhub\nVersion: 6.1.1\nLicense: BSD-3\n")])
    };
    vec![lower, upper]
}

#[test]
fn what_a_registry_refuses_is_said_with_what_to_do() {
    let registry = Registry::start();
    archive(&registry.at("app.tar"), "app:1.0", &layers(false));
    let digest = registry.push(&registry.at("app.tar"), "team/app");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let address = &registry.address;
    for (reference, credentials, said) in [
        (format!("{address}/team/app@{digest}"), false, format!("run `skopeo login {address}`")),
        (format!("{address}/team/app@{wrong}"), true, format!("has no image {address}/team/app@{wrong}")),
        (format!("{address}/team/gone@{digest}"), true, format!("has no image {address}/team/gone@{digest}")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        recipes(folder.path(), &format!("'{reference}'"));
        let output = registry.imagegen(folder.path(), credentials).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{told}");
        assert!(told.contains(&said), "{told}");
        assert!(!told.contains(PASSWORD), "{told}");
        let kept = folder.path().join("cache/imagegen/containers");
        assert_eq!(std::fs::read_dir(kept).into_iter().flatten().count(), 0, "something was kept");
    }
}

/// The layers of the user's own cache: they are the same.
fn share_layers(folder: &Path) {
    let of_user = imagegen::build::Cache::open_default().unwrap();
    let layers = of_user.layers.folder();
    std::fs::create_dir_all(layers).unwrap();
    std::fs::create_dir_all(folder.join("cache/imagegen")).unwrap();
    symlink(layers, folder.join("cache/imagegen/layers")).unwrap();
}

#[test]
#[ignore = "slow: it builds a node"]
fn a_node_carries_what_was_fetched_once_and_no_credentials() {
    let registry = Registry::start();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    share_layers(folder.path());
    archive(&registry.at("app.tar"), "app:1.0", &layers(false));
    let reference =
        format!("{}/team/app:1.0@{}", registry.address, registry.push(&registry.at("app.tar"), "team/app"));
    recipes(folder.path(), &format!("archives/other.tar, '{reference}'"));
    std::fs::create_dir(at("recipes/archives")).unwrap();
    archive(&at("recipes/archives/other.tar"), "example/other:2.0", &layers(true));
    let output = registry.imagegen(folder.path(), true).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));

    carries(&at("dist/node.qcow2"), &reference, &at("raw"));
    let secret = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for secret in [PASSWORD, &secret] {
        let found = Command::new(program("grep"))
            .args(["--recursive", "--files-with-matches", "--text", "--fixed-strings", secret, "."])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(text(&found.stdout), "", "the credentials are in a file");
        assert!(!text(&output.stderr).contains(secret), "the credentials were printed");
    }

    // Kept by its digest: the registry is not asked again.
    drop(registry);
    let again = imagegen(folder.path())
        .args(["build", "node", "--recipes", "recipes"])
        .env("XDG_CACHE_HOME", at("cache"))
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
}

/// What Docker finds on the disk.
fn carries(image: &Path, reference: &str, raw: &Path) {
    convert(image, raw);
    let store = "var/lib/docker/image/overlay2";
    let repositories: Json =
        serde_json::from_str(&on_disk(raw, &format!("{store}/repositories.json"))).unwrap();
    let (tagged, digest) = reference.split_once('@').unwrap();
    let name = tagged.rsplit_once(':').unwrap().0;
    let app = &repositories["Repositories"][name];
    let id = app[tagged].as_str().unwrap();
    assert_eq!(app[format!("{name}@{digest}")], id);
    let other = &repositories["Repositories"]["example/other"];
    assert!(other["example/other:2.0"].is_string(), "{repositories}");

    let config = on_disk(raw, &format!("{store}/imagedb/content/sha256/{}", &id[7..]));
    let diff_ids: Json = serde_json::from_str(&config).unwrap();
    let lower = diff_ids["rootfs"]["diff_ids"][0].as_str().unwrap().trim_start_matches("sha256:");
    assert_eq!(on_disk(raw, &format!("var/lib/docker/overlay2/{lower}/diff/etc/lower")), "shared by both");
    // One lower layer of both, and an upper one of each.
    let folders = debugfs(raw, "ls -p /var/lib/docker/overlay2");
    let folders = folders.split('/').filter(|word| word.len() == 64).count();
    assert_eq!(folders, 3);

    let list: Json = serde_json::from_str(&on_disk(raw, "usr/share/imagegen/containers.json")).unwrap();
    let notebooks: Vec<&Json> =
        list.as_array().unwrap().iter().filter(|image| image["notebook"] == true).collect();
    assert_eq!((notebooks.len(), &notebooks[0]["name"]), (1, &json!(name)), "{list}");
    let options = on_disk(raw, "etc/default/docker");
    assert_eq!(options.matches("imagegen.notebook=").count(), 1, "{options}");
    assert!(options.contains(&format!("imagegen.notebook={name}@{digest}")), "{options}");
}

fn on_disk(raw: &Path, path: &str) -> String {
    debugfs(raw, &format!("cat /{path}"))
}

/// Reads the root file system, which is the last partition, where it lies.
pub fn debugfs(raw: &Path, request: &str) -> String {
    let disk = gpt::GptConfig::new().open(raw).unwrap();
    let start = disk.partitions().values().map(|partition| partition.first_lba).max().unwrap() * 512;
    let place = format!("{}?offset={start}", raw.display());
    let output = Command::new(program("debugfs")).args(["-R", request, &place]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
