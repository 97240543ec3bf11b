//! Options that dockerd takes and that weaken what keeps notebooks, logs and images safe. An organiser may have a reason for
//! them, and reads what they cost.

use serde_json::Value as Json;

use super::findings::{self, Loosening};
use super::{Judge, json};
use crate::document::{MapKey, Node, Value};

/// What is weaker with an option, if anything is.
pub(super) fn judge(judge: &mut Judge<'_, '_>, key: &MapKey, node: &Node) {
    match (key.name.as_str(), &node.value) {
        ("insecure-registries", Value::List(items)) => {
            for item in items {
                judge.loosens(item, findings::ANY_REGISTRY);
            }
        }
        ("default-ulimits", Value::Map(limits)) => {
            for (_, limit) in limits.iter().filter(|(_, limit)| gives_priority(&json(limit))) {
                judge.loosens(limit, findings::PRIORITY);
            }
        }
        ("log-opts", Value::Map(options)) => {
            for (option, value) in options {
                if let Some(loosening) = in_logs(&option.name, &json(value)) {
                    judge.loosens(value, loosening);
                }
            }
        }
        ("seccomp-profile", Value::Text(profile)) => seccomp(judge, profile, node),
        (name, _) => {
            if let Some(loosening) = of_machine(name, &json(node)) {
                judge.loosens(node, loosening);
            }
        }
    }
}

/// Options with one value.
fn of_machine(name: &str, value: &Json) -> Option<Loosening> {
    let says = |text: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text));
    let (found, loosening) = match name {
        "debug" => (*value == true, findings::DEBUGGING),
        "log-level" => (says("debug") || says("trace"), findings::DEBUGGING),
        "default-cgroupns-mode" => (says("host"), findings::HOST_CGROUPS),
        "default-ipc-mode" => (says("shareable"), findings::SHARED_IPC),
        "no-new-privileges" => (*value == false, findings::NEW_PRIVILEGES),
        "userland-proxy" => (*value == false, findings::LOCAL_ROUTES),
        _ => return None,
    };
    found.then_some(loosening)
}

/// Options of log drivers.
fn in_logs(option: &str, value: &Json) -> Option<Loosening> {
    let text = value.as_str().unwrap_or_default();
    let (found, loosening) = match option {
        // Whatever this is set to; the driver looks no further.
        "syslog-tls-skip-verify" => (!text.is_empty(), findings::ANY_LOG_SERVER),
        "splunk-insecureskipverify" => (["true", "1"].contains(&text), findings::ANY_LOG_SERVER),
        "env" => (text.to_ascii_uppercase().contains("TOKEN"), findings::TOKENS_IN_LOGS),
        "env-regex" => (!text.is_empty(), findings::TOKENS_IN_LOGS),
        _ => return None,
    };
    found.then_some(loosening)
}

/// Whether a limit lets a program go before those of others.
fn gives_priority(limit: &Json) -> bool {
    let part = |name: &str| {
        let mut entries = limit.as_object().into_iter().flatten();
        entries.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let named = part("name").and_then(Json::as_str).unwrap_or_default().to_ascii_lowercase();
    let none = part("hard").and_then(Json::as_i64) == Some(0);
    ["rtprio", "nice"].contains(&named.as_str()) && !none
}

/// A seccomp profile that replaces the images' own.
fn seccomp(judge: &mut Judge<'_, '_>, profile: &str, node: &Node) {
    let files = [judge.machines.hub, judge.machines.node].into_iter().flat_map(|extras| &extras.files);
    let permits = |text: &str| serde_json::from_str::<Json>(text).is_ok_and(|profile| permits_all(&profile));
    match profile {
        "unconfined" => judge.loosens(node, findings::UNCONFINED),
        "builtin" => judge.loosens(node, findings::RARE_SOCKETS),
        _ if files.filter(|file| file.path == profile).any(|file| permits(&file.content)) => {
            judge.loosens(node, findings::UNCONFINED);
        }
        _ => {}
    }
}

/// Whether a list of system calls lets those pass that it does not name.
fn permits_all(profile: &Json) -> bool {
    let action = profile.get("defaultAction").and_then(Json::as_str).unwrap_or_default();
    ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"].contains(&action)
}
