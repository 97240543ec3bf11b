//! Docker's `daemon.json`.

use anyhow::Context;
use serde_json::{Map, Value as Json, json};

use crate::failure::Result;
use crate::workshop::Docker;

/// The whole file: our own keys, and the organiser's merged into them.
pub(super) fn options(docker: &Docker) -> Result<String> {
    let mut options = Map::new();
    options.insert("log-driver".into(), json!("json-file"));
    // A driver without files knows no sizes, and dockerd would start no container with them.
    if docker.keeps_log_files() {
        let sizes = json!({"max-size": docker.log_max_size, "max-file": docker.log_max_files.to_string()});
        options.insert("log-opts".into(), sizes);
    }
    if !docker.registry_mirrors.is_empty() {
        options.insert("registry-mirrors".into(), json!(docker.registry_mirrors));
    }
    // Where it is not given, mtu.sh puts the machine's own in its place.
    options.insert("mtu".into(), json!(docker.mtu.unwrap_or(1500)));
    if !docker.address_pools.is_empty() {
        let pools =
            docker.address_pools.iter().map(|(base, size)| json!({"base": base.to_string(), "size": size}));
        options.insert("default-address-pools".into(), pools.collect());
    }
    let usual = Docker::default().data_root;
    if docker.data_root != usual {
        options.insert("data-root".into(), json!(docker.data_root));
    }
    for (key, value) in &docker.options {
        merge(options.entry(key.clone()).or_insert(Json::Null), value);
    }
    pretty(&Json::Object(options))
}

/// Puts `value` in place of what is there; of two mappings, key by key.
fn merge(there: &mut Json, value: &Json) {
    match (there, value) {
        (Json::Object(there), Json::Object(more)) => {
            for (key, value) in more {
                merge(there.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (there, value) => there.clone_from(value),
    }
}

/// JSON for people, with a line break at its end.
pub(super) fn pretty(value: &Json) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("writing JSON")? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_organiser_are_merged_key_by_key() {
        let mut docker = Docker::default();
        docker.options.insert("log-opts".into(), json!({"compress": "true"}));
        docker.options.insert("max-concurrent-downloads".into(), json!(6));
        let options: Json = serde_json::from_str(&options(&docker).expect("text")).expect("JSON");
        assert_eq!(options["log-opts"], json!({"compress": "true", "max-file": "3", "max-size": "10m"}));
        assert_eq!(options["max-concurrent-downloads"], json!(6));
    }

    #[test]
    fn a_log_driver_without_files_gets_no_sizes() {
        let mut docker = Docker::default();
        docker.options.insert("log-driver".into(), json!("journald"));
        assert!(!options(&docker).expect("text").contains("max-size"));
    }
}
