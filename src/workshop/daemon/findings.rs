//! The wording of what can be wrong with dockerd's options.

use std::sync::Arc;

use super::values::ValueKind;
use crate::document::findings::{instead, nearest};
use crate::document::{Finding, Location, MapKey, Node, Source};
use crate::workshop::Engine;

/// A key that dockerd does not have.
pub(super) fn unknown_key(source: &Arc<Source>, key: &MapKey, known: &[&str]) -> Finding {
    let remedy = match nearest(&key.name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "remove it; the keys of daemon.json are in dockerd's reference".to_owned(),
    };
    Finding::error(
        format!("`{}` is not an option of dockerd, which would not start with it", key.name),
        remedy,
    )
    .at(source, key.span.clone(), "unknown to dockerd")
}

/// A key of a later version than the images have.
pub(super) fn newer_key(source: &Arc<Source>, key: &MapKey, version: &str) -> Finding {
    Finding::error(
        format!(
            "`{}` is an option of Docker {version}; the images have 26.1.5, which would not start with it",
            key.name
        ),
        "remove it",
    )
    .at(source, key.span.clone(), "not in this version")
}

/// A key that has one of ours.
pub(super) fn key_of_our_own(source: &Arc<Source>, key: &MapKey, own: &str) -> Finding {
    Finding::error(format!("`{}` has a place of its own", key.name), format!("write it as `docker.{own}`"))
        .at(source, key.span.clone(), "not here")
}

/// An option that does harm.
pub(super) fn refused(source: &Arc<Source>, key: &MapKey, reason: &str, remedy: &str) -> Finding {
    Finding::error(reason, remedy).at(source, key.span.clone(), "refused")
}

/// Why dockerd gets no listeners.
pub(super) fn listener(tcp: bool, engine: &Engine) -> (&'static str, &'static str) {
    const OPEN: &str = "a TCP listener without TLS gives root to everybody who reaches it";
    match (tcp, engine) {
        (true, Engine::Swarm) => (
            OPEN,
            "remove it; the engine `swarm` needs no TCP listener, and `classic` makes its own behind a firewall",
        ),
        (true, Engine::Classic(_)) => {
            (OPEN, "remove it; the classic engine opens port 2375 itself, to the hub alone")
        }
        (false, _) => (
            "`hosts` beside systemd's `-H fd://` keeps dockerd from starting",
            "remove it; dockerd listens on its unix socket already",
        ),
    }
}

/// Text that an option does not take.
pub(super) fn wrong_text(
    source: &Arc<Source>,
    name: &str,
    text: &str,
    node: &Node,
    kind: &ValueKind,
) -> Finding {
    Finding::error(
        format!("`{name}` cannot be `{text}`: it takes {}", kind.wanted),
        format!("write it like `{}`", kind.example),
    )
    .at(source, node.span.clone(), "not possible")
}

/// What is weaker with an option, and what to do.
pub(super) type Loosening = (&'static str, &'static str);

/// An option that weakens something.
pub(super) fn loosens(source: &Arc<Source>, node: &Node, (reason, remedy): Loosening) -> Finding {
    Finding::warning(reason, remedy).at(source, node.span.clone(), "weakens protection")
}

pub(super) const UNCONFINED: Loosening = (
    "without a list of system calls students can use every one of them",
    "remove it unless a program in a notebook fails for want of one",
);
pub(super) const RARE_SOCKETS: Loosening = (
    "Docker's own list of system calls lets students use AF_ALG and other rare kinds of sockets; that of the images does not",
    "remove it unless a program in a notebook needs such a socket",
);
pub(super) const HOST_CGROUPS: Loosening = (
    "with the host's control groups students see the names of all containers and services of their machine",
    "remove it; a container that needs them can get them by `docker run --cgroupns host`",
);
pub(super) const SHARED_IPC: Loosening = (
    "with shareable IPC another container of the machine can be started in a notebook's shared memory",
    "remove it; a container that shares its memory can be started by `docker run --ipc shareable`",
);
pub(super) const NEW_PRIVILEGES: Loosening = (
    "notebooks get no new privileges in any case, and with this other containers get them by set-uid programs",
    "remove it, or write `no-new-privileges: true`",
);
pub(super) const LOCAL_ROUTES: Loosening = (
    "without its proxy Docker has the kernel route 127.0.0.0/8 between its bridges and the machine, \
     where services listen that are for the machine alone",
    "remove it; the proxy takes a few megabytes for each notebook",
);
pub(super) const DEBUGGING: Loosening = (
    "at this level dockerd writes each request into the journal, with the tokens of students' servers",
    "remove it after the search for a fault, and delete the journal: `journalctl --rotate --vacuum-time=1s`",
);
pub(super) const ANY_REGISTRY: Loosening = (
    "dockerd does not verify this registry: an attacker on the network can give the machines another image",
    "give the registry a certificate that Debian knows, or name images by their digest: `name@sha256:…`",
);
pub(super) const ANY_LOG_SERVER: Loosening = (
    "dockerd does not verify the log server: an attacker on the network can read the output of notebooks",
    "remove it, and give the server's certificate authority instead",
);
pub(super) const TOKENS_IN_LOGS: Loosening = (
    "the environment of a notebook has the token of its server in JUPYTERHUB_API_TOKEN, and this can put it into the logs",
    "name the variables to log one by one in `env`, without tokens",
);
pub(super) const PRIORITY: Loosening = (
    "with this limit a student's program can go before those of all others on its machine",
    "remove it, or write 0 as `Hard` and `Soft`",
);

/// Addresses of IPv6 without rules.
pub(super) fn ipv6_without_rules(location: &Location) -> Finding {
    Finding::warning(
        "containers get addresses of IPv6, and Docker makes no firewall rules for them",
        "add `ip6tables: true` and `experimental: true`, or remove this",
    )
    .at_place(location, "without rules")
}

/// Another program that starts all containers.
pub(super) fn another_runtime(location: &Location) -> Finding {
    Finding::warning(
        "this runtime itself decides which limits of notebooks it enforces: that capabilities, AppArmor, the list of \
         system calls and `no-new-privileges` hold was seen with runc alone",
        "remove it, or try in a notebook what must not work there",
    )
    .at_place(location, "weakens protection")
}

/// A profile that dockerd would not find.
pub(super) fn absent_profile(source: &Arc<Source>, path: &str, node: &Node) -> Finding {
    Finding::error(
        format!("no file of the workshop is at `{path}`, and dockerd would not start without it"),
        format!(
            "add it to `files` of `hub` and of `node`, like `files: [{{path: {path}, from: seccomp.json}}]`"
        ),
    )
    .at(source, node.span.clone(), "not there")
}

/// A limit without a name that the kernel knows.
pub(super) fn unnamed_limit(source: &Arc<Source>, node: &Node, key: &str, known: &[&str]) -> Finding {
    let name = nearest(key, known).unwrap_or("nofile");
    Finding::error(
        "this limit has no name that Linux knows, and no container would start",
        format!("write it like `{name}: {{Name: {name}, Hard: 4096, Soft: 4096}}`"),
    )
    .at(source, node.span.clone(), "no `Name` of a limit")
}

/// A soft limit above the hard one.
pub(super) fn soft_above_hard(source: &Arc<Source>, soft: &Node, hard: &Node) -> Finding {
    Finding::error(
        "a soft limit above the hard one lets no container start",
        "make `Soft` at most as large as `Hard`; -1 means unlimited",
    )
    .at(source, soft.span.clone(), "larger")
    .at(source, hard.span.clone(), "than this")
}

/// More open files than the kernel lets anybody have.
pub(super) fn too_many_files(source: &Arc<Source>, node: &Node, most: i64) -> Finding {
    Finding::error(
        "the kernel allows no process so many open files, and no container would start",
        format!("choose a number up to {most}"),
    )
    .at(source, node.span.clone(), "too many")
}

/// A runtime with the name of dockerd's own.
pub(super) fn reserved_runtime(source: &Arc<Source>, key: &MapKey) -> Finding {
    Finding::error("the runtime `runc` is dockerd's own, which would not start", "choose another name").at(
        source,
        key.span.clone(),
        "reserved",
    )
}

/// A runtime of two kinds, or of none.
pub(super) fn path_or_type(source: &Arc<Source>, key: &MapKey) -> Finding {
    Finding::error(
        format!(
            "the runtime `{}` has not either a `path` or a `runtimeType`, and dockerd would not start",
            key.name
        ),
        "write `path`, perhaps with `runtimeArgs`, or `runtimeType`, perhaps with `options`",
    )
    .at(source, key.span.clone(), "not a runtime")
}

/// A runtime that is nowhere.
pub(super) fn absent_runtime(location: &Location, name: &str) -> Finding {
    Finding::error(
        format!("there is no runtime `{name}`, and dockerd would not start"),
        format!("add it, like `runtimes: {{{name}: {{path: /usr/bin/{name}}}}}`, or remove this"),
    )
    .at_place(location, "not a runtime")
}

/// A runtime that the images do not have.
pub(super) fn nobody_brings_the_runtime(location: &Location, program: &str) -> Finding {
    Finding::warning(
        format!("the images do not have `{program}`, and without it no container starts"),
        "name its package under `packages` of `node`, and of `hub` if that carries notebooks",
    )
    .at_place(location, "not in the images")
}

/// An option that a log driver does not have.
pub(super) fn unknown_log_option(location: &Location, option: &str, driver: &str, known: &[&str]) -> Finding {
    let remedy = if ["max-size", "max-file"].contains(&option) && driver != "local" {
        "remove it with `log_max_size` and `log_max_files`, or remove the other driver".to_owned()
    } else {
        instead(option, known, "options of this driver")
    };
    Finding::error(
        format!("the log driver `{driver}` has no option `{option}`, and dockerd would not start"),
        remedy,
    )
    .at_place(location, "unknown to the driver")
}

/// A value that an option of a log driver does not take.
pub(super) fn wrong_log_option(location: &Location, option: &str, wanted: &str) -> Finding {
    Finding::error(format!("`{option}` takes {wanted}"), "no container would start; correct it or remove it")
        .at_place(location, "not possible")
}

/// An option without which a log driver does nothing.
pub(super) fn missing_log_option(location: &Location, option: &str, driver: &str) -> Finding {
    Finding::error(
        format!("the log driver `{driver}` needs `{option}`, and no container would start"),
        format!("add it to `log-opts`: `{option}: …`"),
    )
    .at_place(location, "needs more")
}

/// Logs that are to be compressed and are never put aside.
pub(super) fn nothing_to_compress(location: &Location) -> Finding {
    Finding::error(
        "a single log file cannot be compressed, and no container would start",
        "keep 2 files or more, or write `log-opts: {compress: \"false\"}`",
    )
    .at_place(location, "a single one")
}

/// IPv6 without addresses.
pub(super) fn ipv6_without_network(location: &Location) -> Finding {
    Finding::error(
        "Docker's bridge has no IPv6 network, and dockerd would not start",
        "add one, like `fixed-cidr-v6: \"fd00:1::/64\"`",
    )
    .at_place(location, "needs `fixed-cidr-v6`")
}

/// Rules for IPv6 that this version has only for trial.
pub(super) fn ip6tables_is_an_experiment(location: &Location) -> Finding {
    Finding::error(
        "`ip6tables` is an experiment in Docker 26, which would not start with it unless `experimental` is set",
        "add `experimental: true`",
    )
    .at_place(location, "needs `experimental`")
}

/// Another store for images.
pub(super) fn another_image_store(location: &Location) -> Finding {
    Finding::error(
        "with containerd's image store dockerd would not see the image that nodes preload",
        "remove it",
    )
    .at_place(location, "hides the image")
}

/// What does not lie in the network of the bridge.
pub(super) fn outside_of_the_bridge(location: &Location, network: &str) -> Finding {
    Finding::error(
        format!(
            "this is not another address in Docker's own bridge, {network}: containers would have no network"
        ),
        "choose it within `bip`, like `bip: 172.30.0.1/24` with `fixed-cidr: 172.30.0.128/25`",
    )
    .at_place(location, "outside")
}

/// A parent of control groups that systemd does not take.
pub(super) fn not_a_slice(location: &Location) -> Finding {
    Finding::error(
        "systemd takes a slice as parent, and dockerd would not start",
        "write it like `workshop.slice`",
    )
    .at_place(location, "not a slice")
}

/// A resource that has both a number and names.
pub(super) fn number_and_names(location: &Location, name: &str) -> Finding {
    Finding::error(
        format!("the resource `{name}` has a number and names, and dockerd would not start"),
        format!("write `{name}=2`, or each by a name, like `{name}=a` and `{name}=b`"),
    )
    .at_place(location, "both")
}
