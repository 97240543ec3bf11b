//! How long a node takes from the start of its kernel to its place in the swarm, beside what the same image takes to boot
//! without user-data: both with the hub up, one after the other, on the same machine. And how long a large table of
//! accounts takes there, beside a single `useradd`.

use std::fmt;
use std::time::Duration;

use anyhow::anyhow;

use super::spec::Spec;
use super::vm::{BOOT_TIMEOUT, Vm};
use super::{Scenario, Testbed, TestbedSpec};
use crate::failure::Result;
use crate::report::Progress;
use crate::userdata::paths::{CLOUD_INIT_RESULT, JOINED};

/// Prints three times in milliseconds: one `useradd`, a table of accounts, and the same table again.
const ACCOUNTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/accounts.sh"));

/// What was measured, in seconds; the first two since the start of a kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Until `multi-user.target`, without user-data.
    pub boot: f64,
    /// Until the node had joined the swarm.
    pub joined: f64,
    /// One `useradd`, 5,000 accounts by a table, and the same table again.
    pub accounts: [f64; 3],
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot, joined, accounts: [useradd, table, again] } = self;
        writeln!(
            formatter,
            "kernel start to joined : {joined:.1} s, to multi-user.target {boot:.1} s: ratio {:.2}",
            joined / boot
        )?;
        writeln!(
            formatter,
            "5,000 accounts : {table:.2} s, one useradd {useradd:.2} s: ratio {:.1}",
            table / useradd
        )?;
        write!(formatter, "5,000 accounts that are there : {again:.2} s")
    }
}

/// Measures.
pub fn benchmark(scenario: Scenario, progress: &Progress) -> Result<Figures> {
    let testbed = Testbed::open(TestbedSpec::of(&scenario), progress)?;
    let step = progress.step("the hub boots and makes its swarm");
    let mut hub = Vm::start(Spec::hub(Some(scenario.hub)), &testbed.environment)?;
    hub.wait_for_success("the hub's swarm", BOOT_TIMEOUT, &["cat", "/run/imagegen-rendezvous/join.json"])?;
    hub.wait_for_success("the end of cloud-init", BOOT_TIMEOUT, &["cat", CLOUD_INIT_RESULT])?;
    step.done("");

    let step = progress.step("a node without user-data");
    let mut plain = Vm::start(Spec::node(1, None), &testbed.environment)?;
    let show =
        ["systemctl", "show", "--value", "--property=ActiveEnterTimestampMonotonic", "multi-user.target"];
    let boot = plain.wait_for_output("multi-user.target", BOOT_TIMEOUT, &show, microseconds)?;
    drop(plain);
    step.done(&format!("multi-user.target after {boot:.1} s"));

    let step = progress.step("a node with user-data");
    let mut node = Vm::start(Spec::node(2, Some(scenario.node)), &testbed.environment)?;
    let joined = node.wait_for_success("the note that it has joined", BOOT_TIMEOUT, &["cat", JOINED])?;
    step.done(&format!("joined after {joined} s"));
    let joined = joined.parse().map_err(|_| anyhow!("{JOINED} says `{joined}`"))?;
    Ok(Figures { boot, joined, accounts: accounts(&mut node, progress)? })
}

/// Applies a table of 5,000 single users to a node that has finished booting.
fn accounts(node: &mut Vm, progress: &Progress) -> Result<[f64; 3]> {
    let step = progress.step("5,000 accounts on that node");
    node.wait_for_success("the end of cloud-init", BOOT_TIMEOUT, &["cat", CLOUD_INIT_RESULT])?;
    let table: String =
        (10_000..15_000).map(|uid| format!("{uid}\tperson{uid}\n")).collect::<Vec<_>>().concat();
    let outcome = node.script(&["sh", "-c", ACCOUNTS], &table)?;
    let printed = node.succeeded(&outcome, &["userdata/rehearsal/accounts.sh"])?;
    let times: Vec<f64> =
        printed.lines().filter_map(|line| line.parse::<f64>().ok()).map(|ms| ms / 1000.0).collect();
    step.done("");
    Ok(times.try_into().map_err(|_| anyhow!("accounts.sh printed `{printed}`"))?)
}

/// systemd's monotonic time stamp in seconds; it is 0 before the unit was active.
fn microseconds(printed: &str) -> Option<f64> {
    let stamp: u64 = printed.trim().parse().ok()?;
    (stamp > 0).then(|| Duration::from_micros(stamp).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_was_never_active_has_no_time() {
        assert_eq!(microseconds("0\n"), None);
        assert_eq!(microseconds("71500000\n"), Some(71.5));
    }
}
