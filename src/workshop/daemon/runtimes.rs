//! Programs that start containers beside runc.

use super::values::ANY;
use super::{Judge, basic, findings};
use crate::document::{MapKey, Node};

const EXAMPLE: &str = "runtimes: {crun: {path: /usr/bin/crun}}";
const KEYS: &[&str] = &["path", "runtimeArgs", "runtimeType", "options"];
/// What dockerd calls its own.
pub(super) const STOCK: &[&str] = &["runc", "io.containerd.runc.v2"];

/// Judges the mapping.
pub(super) fn judge(judge: &mut Judge<'_, '_>, node: &Node) {
    for (key, runtime) in judge.entries("runtimes", node, EXAMPLE) {
        if key.name == STOCK[0] {
            judge.findings.push(findings::reserved_runtime(judge.source, key));
        }
        let entries = judge.entries(&key.name, runtime, EXAMPLE);
        parts(judge, key, entries);
    }
}

fn parts(judge: &mut Judge<'_, '_>, key: &MapKey, entries: &[(MapKey, Node)]) {
    for (part, value) in entries {
        match part.name.as_str() {
            "path" | "runtimeType" => basic::text(judge, &part.name, value, &ANY),
            "runtimeArgs" => basic::texts(judge, "runtimeArgs", value, &ANY),
            "options" => drop(judge.entries("options", value, "options: {BinaryName: /usr/bin/crun}")),
            _ => judge.findings.push(crate::document::findings::unknown_key(judge.source, part, KEYS)),
        }
    }
    let has = |name: &str| entries.iter().any(|(key, _)| key.name == name);
    let sound = match (has("path"), has("runtimeType")) {
        (true, false) => !has("options"),
        (false, true) => !has("runtimeArgs"),
        _ => false,
    };
    if !sound {
        judge.findings.push(findings::path_or_type(judge.source, key));
    }
}
