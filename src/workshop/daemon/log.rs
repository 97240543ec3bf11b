//! Log drivers: which there are, and which options each takes.

use super::log_drivers::DRIVERS;
use serde_json::{Map, Value as Json};

use super::places::OptionLocations;
use super::values::is_size;
use super::{Judge, findings};
use crate::document::{Findings, Node, Value};

/// What every driver takes.
const COMMON: &[&str] =
    &["mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];

/// Their values are texts, numbers too.
pub(super) fn judge_kinds(judge: &mut Judge<'_, '_>, node: &Node) {
    for (option, value) in judge.entries("log-opts", node, "log-opts: {compress: \"true\"}") {
        if !matches!(value.value, Value::Text(_)) {
            judge.wrong_kind(&option.name, value, "text", &format!("{}: \"3\"", option.name));
        }
    }
}

/// Judges the options that the log driver gets.
pub(super) fn judge(rendered: &Map<String, Json>, places: &OptionLocations<'_>, findings: &mut Findings) {
    let name = rendered
        .get("log-driver")
        .and_then(Json::as_str)
        .filter(|name| !name.is_empty())
        .unwrap_or("json-file");
    let Some((_, known, needed)) = DRIVERS.iter().find(|(driver, _, _)| *driver == name) else { return };
    let none = Map::new();
    let options = rendered.get("log-opts").and_then(Json::as_object).unwrap_or(&none);
    let known: Vec<&str> = known.iter().chain(COMMON).copied().collect();
    for (option, value) in options {
        let place = places.of(&["log-opts", option]);
        if name != "none" && !known.contains(&option.as_str()) {
            findings.push(findings::unknown_log_option(&place, option, name, &known));
        } else if let Some(wanted) = value.as_str().and_then(|text| unmet(option, text, options)) {
            findings.push(findings::wrong_log_option(&place, option, wanted));
        }
    }
    for option in needed.iter().filter(|option| !options.contains_key(**option)) {
        findings.push(findings::missing_log_option(&places.of(&["log-driver"]), option, name));
    }
    let compresses = options.get("compress").map_or(name == "local", |value| value == "true");
    if compresses && options.get("max-file").is_some_and(|value| value == "1") {
        findings.push(findings::nothing_to_compress(&places.of(&["log-opts", "max-file"])));
    }
}

/// What an option wants where it has something else.
fn unmet(option: &str, text: &str, options: &Map<String, Json>) -> Option<&'static str> {
    let number = |least: u32| text.parse::<u32>().is_ok_and(|number| number >= least);
    let is_truth = ["true", "false", "1", "0"].contains(&text);
    let (met, wanted) = match option {
        "max-size" => (is_size(text) && !text.starts_with('0'), "a size like `10m`"),
        "max-file" => (number(1), "a number from 1"),
        "compress"
        | "fluentd-async"
        | "fluentd-request-ack"
        | "fluentd-sub-second-precision"
        | "awslogs-create-group"
        | "splunk-gzip"
        | "splunk-insecureskipverify"
        | "splunk-verify-connection" => (is_truth, "`true` or `false`"),
        "mode" => (["blocking", "non-blocking"].contains(&text), "`blocking` or `non-blocking`"),
        "max-buffer-size" => (
            is_size(text) && options.get("mode").is_some_and(|mode| mode == "non-blocking"),
            "a size like `4m`, beside `mode: non-blocking`",
        ),
        "tag" => (
            is_template(text),
            "words and `{{.Name}}`, `{{.ID}}`, `{{.FullID}}`, `{{.ImageName}}` or `{{.DaemonName}}`",
        ),
        "labels-regex" | "env-regex" => (is_balanced(text), "a regular expression"),
        "gelf-address" => {
            (has_scheme(text, &["udp", "tcp"]), "an address like `udp://logs.example.org:12201`")
        }
        "syslog-address" => (
            has_scheme(text, &["udp", "tcp", "tcp+tls", "unix", "unixgram"]),
            "an address like `udp://logs.example.org:514`",
        ),
        "splunk-url" => {
            (has_scheme(text, &["http", "https"]), "an address like `https://splunk.example.org:8088`")
        }
        "fluentd-max-retries" => (number(0), "a number"),
        "fluentd-buffer-limit" => (is_size(text), "a size like `8m`"),
        "gelf-compression-type" => (["gzip", "zlib", "none"].contains(&text), "`gzip`, `zlib` or `none`"),
        _ => (true, ""),
    };
    (!met).then_some(wanted)
}

fn has_scheme(text: &str, schemes: &[&str]) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
}

/// A Go template of fields that a container's log has.
fn is_template(text: &str) -> bool {
    let fields = [
        ".ID",
        ".FullID",
        ".Name",
        ".ImageID",
        ".ImageFullID",
        ".ImageName",
        ".DaemonName",
        ".Hostname",
        ".Command",
    ];
    let mut parts = text.split("{{");
    let plain = parts.next().is_some_and(|start| !start.contains("}}"));
    plain
        && parts.all(|part| {
            part.split_once("}}")
                .is_some_and(|(field, rest)| fields.contains(&field.trim()) && !rest.contains("}}"))
        })
}

/// Whether the brackets of a regular expression are closed; Docker looks at the rest when a container starts.
fn is_balanced(text: &str) -> bool {
    let count = |letter: char| text.matches(letter).count();
    count('(') == count(')') && count('[') == count(']') && !text.starts_with(['*', '+', '?'])
}
