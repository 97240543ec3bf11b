//! The hub's services: what they take, and what the organiser sees.

use super::fetch::fetch;
use anyhow::{Context, anyhow};

use super::students::{self, Task};
use super::{CHECK_TIMEOUT, Cluster};
use crate::failure::Result;

const SERVICES: [&str; 4] =
    ["jupyterhub.service", "imagegen-proxy.service", "imagegen-culler.service", "imagegen-web.service"];
/// What the services may take at rest, in MiB.
const LIMIT: u64 = 350;
/// Prints the proportional set sizes, in KiB, of the services in its arguments.
const MEMORY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/memory.sh"));
/// Starts the notebook image by hand, and prints the milliseconds until its server answers.
const BY_HAND: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/by_hand.sh"));

/// Asks Caddy whether it would take the settings of a workshop with a domain.
const DOMAIN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/domain.py"));

/// Plain HTTP leads to HTTPS, which has the certificate on the cards.
pub(super) fn is_encrypted(cluster: &mut Cluster) -> Result<String> {
    students::page_is_back(cluster)?;
    let address = cluster.hub.spec.address.address().to_string();
    let plain = format!("http://{address}/hub/login");
    let wanted = format!("301 https://{address}/hub/login");
    let what = "a page by HTTP that leads to HTTPS";
    fetch(cluster, what, &[&plain], |shown| (shown.lines().next() == Some(&wanted)).then_some(()))?;
    let script = r#"openssl s_client -connect "$1:443" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"#;
    let shown = cluster.hub.stdout_of(&["sh", "-c", script, "sh", &address])?;
    let found = shown.split('=').next_back().unwrap_or_default().replace(':', "").to_lowercase();
    if found != cluster.fingerprint {
        return Err(anyhow!(
            "the certificate has the fingerprint {found}, and the cards {}",
            cluster.fingerprint
        )
        .into());
    }
    let outcome = cluster.hub.script(&["python3", "-"], DOMAIN)?;
    cluster.hub.succeeded(&outcome, &["userdata/rehearsal/domain.py"])?;
    Ok("HTTP leads to HTTPS, with the fingerprint on the cards; Caddy takes the settings for a domain too"
        .into())
}

/// All services together, before anybody has logged in.
pub(super) fn takes_little(cluster: &mut Cluster) -> Result<String> {
    cluster.hub.wait_for_success(
        "all services",
        CHECK_TIMEOUT,
        &[&["systemctl", "is-active"][..], &SERVICES].concat(),
    )?;
    let outcome = cluster.hub.script(&[&["sh", "-s"][..], &SERVICES].concat(), MEMORY)?;
    let printed = cluster.hub.succeeded(&outcome, &["userdata/rehearsal/memory.sh"])?;
    let sizes: Vec<u64> = printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let total = sizes.iter().sum::<u64>() / 1024;
    let each: Vec<String> = SERVICES
        .iter()
        .zip(&sizes)
        .map(|(name, size)| format!("{} {}", name.trim_end_matches(".service"), size / 1024))
        .collect();
    let seen = format!("{total} MiB: {}", each.join(", "));
    if sizes.len() == SERVICES.len() && total <= LIMIT { Ok(seen) } else { Err(anyhow!("{seen}").into()) }
}

/// The time from the press on Start, beside what the same image takes by hand on the same node.
pub(super) fn starts_are_fast(cluster: &mut Cluster) -> Result<String> {
    let student = students::present(cluster).into_iter().next().context("nobody is present")?;
    // The first start of all finds no file of the image in memory, as would the first one by hand.
    let warm = students::ask(cluster, Task::of(&student).stops())?;
    let node = cluster.machine(&warm.node)?;
    let outcome = node.run_with_timeout(&["sh", "-s"], BY_HAND)?;
    let milliseconds = node.succeeded(&outcome, &["userdata/rehearsal/by_hand.sh"])?;
    let by_hand = milliseconds.trim().parse::<f64>().context("reading a time")? / 1000.0;
    let seen = students::alone(cluster, Task::of(&student).stops())?;
    let pressed = seen.seconds.with_context(|| format!("{seen:?}"))?;
    Ok(format!("{pressed:.1} s, and by hand {by_hand:.1} s: a ratio of {:.2}", pressed / by_hand))
}

/// The metrics are shown to whoever has the token, and to nobody else.
pub(super) fn metrics_need_a_token(cluster: &mut Cluster) -> Result<String> {
    let token = cluster.hub.stdout_of(&[
        "sh",
        "-c",
        ". /var/lib/imagegen/tokens/metrics.env; echo $IMAGEGEN_METRICS_TOKEN",
    ])?;
    let metrics = format!("https://{}/hub/metrics", cluster.hub.spec.address.address());
    let running =
        fetch(cluster, "the metric of running servers", &[&metrics, &format!("token {token}")], |shown| {
            let metric = |line: &str| Some(line.strip_prefix("jupyterhub_running_servers ")?.to_owned());
            shown.starts_with("200 ").then(|| shown.lines().find_map(metric))?
        })?;
    let status = |shown: &str| shown.split(' ').next().filter(|it| !it.starts_with('5')).map(str::to_owned);
    let closed = fetch(cluster, "the hub's answer without a token", &[&metrics], status)?;
    if closed != "403" {
        return Err(anyhow!("without a token, the metrics answer with status {closed}").into());
    }
    Ok(format!("{running} servers by the metrics"))
}
