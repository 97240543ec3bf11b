//! What an option takes.

use super::basic::{count, flag, mapping, text, texts};
use super::values::ValueKind;
use super::{Judge, builder, findings, log, runtimes, ulimits, values};
use crate::document::{MapKey, Node, Value};
use crate::workshop::Engine;

/// What an option takes.
#[derive(Clone, Copy)]
pub(super) enum OptionRule {
    /// True or false.
    Flag,
    /// Only one of the two, because the other one breaks a workshop: for that reason.
    Only(bool, &'static str),
    /// A whole number between these two.
    Count(i64, i64),
    /// Text of a kind.
    Text(&'static ValueKind),
    /// A list of such texts.
    Texts(&'static ValueKind),
    /// A mapping with such texts under these keys.
    Keys(&'static [&'static str], &'static ValueKind),
    /// A mapping with true or false under these keys.
    Flags(&'static [&'static str]),
    /// A key of the workshop file stands for it.
    Own(&'static str),
    /// Nothing, for a reason; and what to do.
    Refused(&'static str, &'static str),
    /// Nothing with the engine `swarm`.
    NotInASwarm(&'static str, &'static str),
    /// Listeners, each for the reason that it has.
    Hosts,
    /// Options of log drivers.
    LogOptions,
    /// Limits of processes.
    Ulimits,
    /// Programs that start containers.
    Runtimes,
    /// Where the list of system calls stands.
    Seccomp,
    /// Options of new networks.
    NetworkOptions,
    /// The garbage collection of what builds leave.
    Builder,
}

/// Applies the rule of an option to its value.
pub(super) fn apply(judge: &mut Judge<'_, '_>, rule: OptionRule, key: &MapKey, node: &Node) {
    let name = key.name.as_str();
    match rule {
        OptionRule::Flag => flag(judge, name, node),
        OptionRule::Only(wanted, reason) => only(judge, key, node, wanted, reason),
        OptionRule::Count(least, most) => count(judge, name, node, least, most),
        // To dockerd an empty text is an option that is not there.
        OptionRule::Text(_) if node.value == Value::Text(String::new()) => {}
        OptionRule::Text(kind) => text(judge, name, node, kind),
        OptionRule::Texts(kind) => texts(judge, name, node, kind),
        OptionRule::Keys(keys, kind) => {
            mapping(judge, name, node, keys, |judge, name, node| text(judge, name, node, kind));
        }
        OptionRule::Flags(keys) => mapping(judge, name, node, keys, flag),
        OptionRule::Own(own) => judge.findings.push(findings::key_of_our_own(judge.source, key, own)),
        OptionRule::Refused(reason, remedy) => {
            judge.findings.push(findings::refused(judge.source, key, reason, remedy));
        }
        OptionRule::NotInASwarm(reason, remedy) => not_in_a_swarm(judge, key, node, reason, remedy),
        OptionRule::Hosts => hosts(judge, key, node),
        OptionRule::LogOptions => log::judge_kinds(judge, node),
        OptionRule::Ulimits => ulimits::judge(judge, node),
        OptionRule::Runtimes => runtimes::judge(judge, node),
        OptionRule::Seccomp => seccomp(judge, node),
        OptionRule::NetworkOptions => network_options(judge, node),
        OptionRule::Builder => builder::judge(judge, node),
    }
}

fn only(judge: &mut Judge<'_, '_>, key: &MapKey, node: &Node, wanted: bool, reason: &str) {
    flag(judge, &key.name, node);
    if node.value == Value::Bool(!wanted) {
        judge.findings.push(findings::refused(judge.source, key, reason, "remove it"));
    }
}

fn not_in_a_swarm(judge: &mut Judge<'_, '_>, key: &MapKey, node: &Node, reason: &str, remedy: &str) {
    flag(judge, &key.name, node);
    if matches!(judge.machines.engine, Engine::Swarm) && node.value != Value::Bool(false) {
        judge.findings.push(findings::refused(judge.source, key, reason, remedy));
    }
}

fn hosts(judge: &mut Judge<'_, '_>, key: &MapKey, node: &Node) {
    let is_tcp = |node: &Node| matches!(&node.value, Value::Text(text) if text.starts_with("tcp:"));
    let tcp = match &node.value {
        Value::List(items) => items.iter().any(is_tcp),
        _ => is_tcp(node),
    };
    let (reason, remedy) = findings::listener(tcp, judge.machines.engine);
    judge.findings.push(findings::refused(judge.source, key, reason, remedy));
}

/// A profile is read when dockerd starts; the files of the workshop are there by then.
fn seccomp(judge: &mut Judge<'_, '_>, node: &Node) {
    let Value::Text(profile) = &node.value else {
        return judge.wrong_kind("seccomp-profile", node, "text", "seccomp-profile: builtin");
    };
    let machines = judge.machines;
    let carried = [machines.hub, machines.node]
        .iter()
        .all(|extras| extras.files.iter().any(|file| file.path == *profile));
    match profile.as_str() {
        "builtin" | "unconfined" => {}
        _ if carried => {}
        _ => judge.findings.push(findings::absent_profile(judge.source, profile, node)),
    }
}

fn network_options(judge: &mut Judge<'_, '_>, node: &Node) {
    const EXAMPLE: &str = "default-network-opts: {bridge: {com.docker.network.driver.mtu: \"1450\"}}";
    for (driver, options) in judge.entries("default-network-opts", node, EXAMPLE) {
        for (option, value) in judge.entries(&driver.name, options, EXAMPLE) {
            let is_mtu = option.name.rsplit('.').next() == Some("mtu");
            text(judge, &option.name, value, if is_mtu { &values::MTU } else { &values::ANY });
        }
    }
}
