//! Whether cloud-init will take a cloud-config: its own schema, and rules of ours for what the schema lets through.

use anyhow::Context;
use serde_json::Value as Json;

use super::config::CloudConfig;
use super::findings;
use crate::failure::Result;

/// The schema of Debian 13's cloud-init. It is stricter than those before: since 23.4 an unknown key is an error.
const SCHEMA: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/cloud-init/schema.json"));

/// Encodings that every cloud-init knows under this name.
const ENCODINGS: &[&str] = &["b64", "gz+b64"];

/// Fails with what is wrong.
pub(super) fn sound(config: &CloudConfig) -> Result<()> {
    let value = serde_json::to_value(config).context("looking at the cloud-config")?;
    let mut faults = schema_faults(&value)?;
    faults.extend(rule_faults(&value));
    if faults.is_empty() { Ok(()) } else { Err(findings::not_acceptable(&faults).into()) }
}

fn schema_faults(config: &Json) -> Result<Vec<String>> {
    let schema: Json = serde_json::from_str(SCHEMA).context("reading cloud-init's schema")?;
    let schema = only_used(schema, config);
    let validator =
        jsonschema::draft4::new(&schema).map_err(|error| anyhow::anyhow!("cloud-init's schema: {error}"))?;
    Ok(validator.iter_errors(config).map(|error| format!("{}: {error}", error.instance_path())).collect())
}

/// The schema without the modules of cloud-init that the text has no key of: they decide nothing, and reading them takes
/// longer than all the rest.
fn only_used(mut schema: Json, config: &Json) -> Json {
    let uses = |name: &str, definitions: &Json| {
        let keys = definitions[name]["properties"].as_object();
        keys.is_none_or(|keys| keys.keys().any(|key| config.get(key).is_some())) || name == "base_config"
    };
    let definitions = schema["$defs"].clone();
    if let Some(modules) = schema["allOf"].as_array_mut() {
        modules.retain(|module| {
            let name = module["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
            name.is_none_or(|name| uses(name, &definitions))
        });
    }
    schema
}

/// What the schema allows, and what goes wrong with some cloud-init all the same.
fn rule_faults(config: &Json) -> Vec<String> {
    let mut faults = vec![];
    for file in config["write_files"].as_array().into_iter().flatten() {
        faults.extend(file_faults(file));
    }
    for command in config["runcmd"].as_array().into_iter().flatten() {
        faults.extend(command_faults(command));
    }
    for user in config["users"].as_array().into_iter().flatten().filter_map(Json::as_object) {
        faults.extend(
            user.keys()
                .filter(|key| key.contains('-'))
                .map(|key| format!("the user key `{key}` has a hyphen, which Debian 12 does not know")),
        );
    }
    if !config.to_string().is_ascii() {
        faults.push("it is not plain ASCII".into());
    }
    faults
}

fn file_faults(file: &Json) -> Vec<String> {
    let path = file["path"].as_str().unwrap_or_default();
    let mut faults = vec![];
    if file.get("owner").is_some() {
        faults.push(format!(
            "{path} names an owner: one that is not there yet ends the writing of all files after it"
        ));
    }
    let mode = file.get("permissions").map_or("0644", |mode| mode.as_str().unwrap_or_default());
    if !(3..=4).contains(&mode.len()) || !mode.chars().all(|c| c.is_digit(8)) {
        faults.push(format!("{path} has no octal mode in quotes"));
    }
    if let Some(encoding) =
        file.get("encoding").filter(|it| !it.as_str().is_some_and(|name| ENCODINGS.contains(&name)))
    {
        faults
            .push(format!("{path} has the encoding {encoding}, which some cloud-init takes for plain text"));
    }
    for key in ["append", "defer", "source"].into_iter().filter(|key| file.get(key).is_some()) {
        faults.push(format!("{path} uses `{key}`, which is not the same in all versions"));
    }
    faults
}

/// A unit that is ordered after cloud-init and started in the foreground by its last stage waits for itself.
fn command_faults(command: &Json) -> Vec<String> {
    let words: Vec<&str> = command.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if words.is_empty() {
        return vec!["a command is not a list of words, and would go through a shell".into()];
    }
    let starts =
        words.first() == Some(&"systemctl") && words.iter().any(|word| ["start", "restart"].contains(word));
    if starts && !words.contains(&"--no-block") {
        return vec![format!("`{}` waits for cloud-init, which waits for it", words.join(" "))];
    }
    vec![]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(config: &Json) -> Vec<String> {
        let mut faults = schema_faults(config).expect("the schema is sound");
        faults.extend(rule_faults(config));
        faults
    }

    fn with_file(file: &Json) -> Json {
        json!({"write_files": [file], "runcmd": [["true"]]})
    }

    #[test]
    fn a_sound_text_has_no_fault() {
        assert_eq!(
            faults(&with_file(&json!({"path": "/a", "permissions": "0644", "content": "x"}))),
            [""; 0]
        );
    }

    #[test]
    fn a_misspelt_key_is_a_fault_that_debian_12_would_not_tell() {
        assert!(!faults(&json!({"write_file": []})).is_empty());
        assert!(!faults(&json!({"users": [{"name": "ada", "ssh-authorized-keys": []}]})).is_empty());
    }

    #[test]
    fn owners_decimal_modes_and_odd_encodings_are_faults() {
        for file in [
            json!({"path": "/a", "permissions": "0644", "owner": "ada:ada", "content": "x"}),
            json!({"path": "/a", "permissions": "rw-r--r--", "content": "x"}),
            json!({"path": "/a", "permissions": "0644", "encoding": "gzip", "content": "x"}),
            json!({"path": "/a", "permissions": "0644", "append": true, "content": "x"}),
        ] {
            assert_eq!(faults(&with_file(&file)).len(), 1, "{file}");
        }
    }

    #[test]
    fn a_command_that_waits_for_cloud_init_or_needs_a_shell_is_a_fault() {
        for command in [json!(["systemctl", "start", "imagegen.target"]), json!("echo $(id) > /tmp/x")] {
            assert_eq!(faults(&json!({"runcmd": [command]})).len(), 1);
        }
    }

    #[test]
    fn text_beyond_ascii_is_a_fault() {
        assert!(
            !faults(&with_file(&json!({"path": "/Zürich", "permissions": "0644", "content": "x"})))
                .is_empty()
        );
    }
}
