//! Students in front of the page: a real client on the hub logs them in, starts their servers and runs code in kernels.

use crate::util::debug_only;
use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::failure::Result;
use crate::rehearsal::{Cluster, Student};

/// The client; it needs what JupyterHub needs, and so runs where that is.
const CLIENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/students.py"));
const PYTHON: &str = "/opt/jupyterhub/bin/python3";
/// How long a student's server, and each piece of code, may take under emulation, in seconds.
const STUDENT_TIMEOUT_SECONDS: u32 = 1500;

/// What one student does.
#[derive(Clone)]
pub(in crate::rehearsal) struct Task {
    name: String,
    password: String,
    code: Option<String>,
    stop: bool,
}

debug_only!(Task { name, stop });

impl Task {
    /// Logs in and starts the server, unless it runs.
    pub(in crate::rehearsal) fn of(student: &Student) -> Self {
        Self { name: student.name.clone(), password: student.password.clone(), code: None, stop: false }
    }

    /// Runs code in a new kernel.
    pub(in crate::rehearsal) fn runs(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// Stops the server at the end.
    pub(in crate::rehearsal) fn stops(self) -> Self {
        Self { stop: true, ..self }
    }

    /// With other words on the login page.
    pub(in crate::rehearsal) fn says(self, name: &str, password: &str) -> Self {
        Self { name: name.into(), password: password.into(), ..self }
    }

    fn to_json(&self) -> Json {
        let mut task = json!({ "name": self.name, "password": self.password, "stop": self.stop });
        if let Some(code) = &self.code {
            task["code"] = json!(code);
        }
        task
    }
}

/// What became of a student.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::rehearsal) struct StudentResult {
    pub(in crate::rehearsal) name: String,
    /// From the press on Start to the server's first answer.
    pub(in crate::rehearsal) seconds: Option<f64>,
    /// When the server was started, which tells it from every other.
    pub(in crate::rehearsal) server: Option<String>,
    pub(in crate::rehearsal) output: Option<String>,
    pub(in crate::rehearsal) refused: Option<String>,
    pub(in crate::rehearsal) failed: Option<String>,
}

impl StudentResult {
    /// The output of the code, of which the last line counts; a failure otherwise.
    pub(in crate::rehearsal) fn printed(&self) -> Result<&str> {
        let output = self.output.as_deref().and_then(|output| output.trim().lines().last());
        Ok(output.with_context(|| format!("{}: {}", self.name, self.trouble()))?)
    }

    fn trouble(&self) -> String {
        let said = [&self.refused, &self.failed];
        said.into_iter().flatten().next().cloned().unwrap_or_else(|| "nothing was printed".into())
    }
}

/// Lets students do their tasks, all at the same time but for `pace` seconds between them.
pub(in crate::rehearsal) fn at_work(
    cluster: &mut Cluster,
    tasks: &[Task],
    pace: f64,
) -> Result<Vec<StudentResult>> {
    let job = json!({
        "address": cluster.hub.spec.address.address(),
        "fingerprint": cluster.fingerprint,
        "pace": pace,
        "patience": STUDENT_TIMEOUT_SECONDS,
        "students": tasks.iter().map(Task::to_json).collect::<Vec<_>>(),
    });
    cluster.hub.write_file("/run/imagegen-students.py", CLIENT)?;
    let outcome = cluster.hub.run_with_timeout(&[PYTHON, "/run/imagegen-students.py"], &job.to_string())?;
    let printed = cluster.hub.succeeded(&outcome, &["userdata/rehearsal/students.py"])?;
    let last = printed.lines().last().unwrap_or_default();
    Ok(serde_json::from_str(last).with_context(|| format!("reading what the students saw: {printed}"))?)
}

/// One student alone.
pub(in crate::rehearsal) fn alone(cluster: &mut Cluster, task: Task) -> Result<StudentResult> {
    let seen = at_work(cluster, &[task], 0.0)?;
    Ok(seen.into_iter().next().ok_or_else(|| anyhow!("the student did nothing"))?)
}

/// The students of the rehearsal, who are the first ones of the workshop.
pub(in crate::rehearsal) fn present(cluster: &Cluster) -> Vec<Student> {
    cluster.students.iter().take(cluster.present).cloned().collect()
}

/// Who a kernel is and where, and proof that it writes at home, and reads there what an earlier one wrote.
pub(super) const WHO: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/who.py"));

/// What a kernel says of itself.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub(in crate::rehearsal) struct KernelIdentity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: String,
    name: String,
    found: String,
    pub(in crate::rehearsal) node: String,
    pub(in crate::rehearsal) container: String,
}

/// Starts a student's server unless it runs, and asks a kernel in it who and where it is.
pub(in crate::rehearsal) fn ask(cluster: &mut Cluster, task: Task) -> Result<KernelIdentity> {
    kernel(&alone(cluster, task.runs(WHO))?)
}

/// As [`ask`], two at the same time.
pub(in crate::rehearsal) fn ask_both(
    cluster: &mut Cluster,
    students: [&Student; 2],
) -> Result<[KernelIdentity; 2]> {
    let tasks = students.map(|student| Task::of(student).runs(WHO));
    let kernels = at_work(cluster, &tasks, 0.0)?.iter().map(kernel).collect::<Result<Vec<_>>>()?;
    Ok(kernels.try_into().map_err(|_| anyhow!("two students were asked"))?)
}

/// Asks a kernel who and where it is; a failure unless its server is the one `before`.
pub(super) fn ask_the_same(cluster: &mut Cluster, student: &Student, before: &StudentResult) -> Result<()> {
    let after = alone(cluster, Task::of(student).runs(WHO))?;
    kernel(&after)?;
    if before.server.is_none() || after.server != before.server {
        return Err(anyhow!("{before:?} became {after:?}").into());
    }
    Ok(())
}

fn kernel(seen: &StudentResult) -> Result<KernelIdentity> {
    let printed = seen.printed()?;
    Ok(serde_json::from_str(printed).with_context(|| format!("{}: {printed}", seen.name))?)
}

/// All log in at once, work as themselves, and are spread over all nodes.
pub(in crate::rehearsal) fn work(cluster: &mut Cluster) -> Result<String> {
    let (kernels, mut seconds) = all_work(cluster)?;
    let spread = spread(cluster, kernels.into_iter().map(|kernel| kernel.node))?;
    seconds.sort_by(f64::total_cmp);
    let (median, longest) = (seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
    Ok(format!("{spread}; the median started in {median:.0} s, the last in {longest:.0} s"))
}

/// All log in within ten seconds; each works as the own UID, in the own home, and the file is on the hub. Gives what the
/// kernels say, and how many seconds each server took to start.
pub(in crate::rehearsal) fn all_work(cluster: &mut Cluster) -> Result<(Vec<KernelIdentity>, Vec<f64>)> {
    let students = present(cluster);
    let tasks: Vec<Task> = students.iter().map(|student| Task::of(student).runs(WHO)).collect();
    let results = at_work(cluster, &tasks, 10.0 / tasks.len().max(1) as f64)?;
    let (mut kernels, mut troubles) = (vec![], vec![]);
    for seen in &results {
        match kernel(seen) {
            Ok(kernel) => kernels.push(kernel),
            Err(failure) => troubles.push(failure.to_string()),
        }
    }
    if !troubles.is_empty() {
        return Err(anyhow!(
            "{} of {} could not work: {}",
            troubles.len(),
            students.len(),
            troubles.join("; ")
        )
        .into());
    }
    for (student, kernel) in students.iter().zip(&kernels) {
        judge(student, kernel)?;
        file_is_on_the_hub(cluster, student)?;
    }
    Ok((kernels, results.iter().filter_map(|seen| seen.seconds).collect()))
}

/// How many students are where; a failure where a node stays empty.
pub(in crate::rehearsal) fn spread(
    cluster: &Cluster,
    places: impl Iterator<Item = String>,
) -> Result<String> {
    let mut nodes: BTreeMap<String, usize> = BTreeMap::new();
    places.for_each(|node| *nodes.entry(node).or_default() += 1);
    if nodes.len() < cluster.nodes.len().min(cluster.present) {
        return Err(anyhow!("all work on {}", nodes.into_keys().collect::<Vec<_>>().join(", ")).into());
    }
    Ok(nodes.iter().map(|(node, count)| format!("{count} on {node}")).collect::<Vec<_>>().join(", "))
}

fn judge(student: &Student, kernel: &KernelIdentity) -> Result<()> {
    let home = format!("/home/{}", student.name);
    let right = kernel.uid == student.uid
        && kernel.gid == student.gid
        && kernel.name == student.name
        && kernel.home == home
        && !kernel.groups.contains(&0);
    if right { Ok(()) } else { Err(anyhow!("{student:?} works as {kernel:?}").into()) }
}

fn file_is_on_the_hub(cluster: &mut Cluster, student: &Student) -> Result<()> {
    let file = format!("{}/{}/from-a-notebook", cluster.homes, student.name);
    let owner = cluster.hub.stdout_of(&["stat", "-c", "%u:%g", &file])?;
    let wanted = format!("{}:{}", student.uid, student.gid);
    if owner == wanted {
        Ok(())
    } else {
        Err(anyhow!("{file} belongs to {owner} instead of {wanted}").into())
    }
}

/// A wrong password and an unknown name do not get in, and read the same sentence.
pub(in crate::rehearsal) fn strangers_are_refused(cluster: &mut Cluster) -> Result<String> {
    let student = present(cluster).into_iter().next().context("nobody is present")?;
    let task = Task::of(&student);
    let wrong = task.clone().says(&student.name, "0000-0000-0000");
    let tasks = [wrong, task.clone().says("root", &student.password), task.says("nobody-here", "guess")];
    for seen in at_work(cluster, &tasks, 0.0)? {
        if !seen.refused.as_deref().is_some_and(|said| said.contains("Invalid username or password")) {
            return Err(anyhow!("{seen:?}").into());
        }
    }
    Ok("a wrong password, root and an unknown name: `Invalid username or password`".into())
}

/// When a node is lost, its students start again elsewhere, with their files; and the node comes back by itself.
pub(in crate::rehearsal) fn a_lost_node_is_survived(cluster: &mut Cluster) -> Result<String> {
    let student = present(cluster).into_iter().next().context("nobody is present")?;
    let before = ask(cluster, Task::of(&student))?;
    let lost = cluster.nodes.iter().position(|node| node.spec.name == before.node).context("no such node")?;
    set_link(cluster, lost, "down")?;
    let seen = after_the_loss(cluster, &student, &before);
    set_link(cluster, lost, "up")?;
    // The next check finds the node as this one did.
    let name = &before.node;
    wait_until_node_is(cluster, name, "Ready")?;
    let now = seen?;
    Ok(format!(
        "{name} was cut off, {} went on on {now} with the same files, and {name} is back",
        student.name
    ))
}

fn after_the_loss(cluster: &mut Cluster, student: &Student, before: &KernelIdentity) -> Result<String> {
    wait_until_node_is(cluster, &before.node, "Down")?;
    let after = ask(cluster, Task::of(student))?;
    let is_new = after.node != before.node && after.container != before.container;
    if !is_new || after.found != "written in a notebook\n" {
        return Err(anyhow!("{before:?} became {after:?}").into());
    }
    Ok(after.node)
}

fn wait_until_node_is(cluster: &mut Cluster, name: &str, wanted: &str) -> Result<()> {
    let show = ["docker", "node", "ls", "--filter", &format!("name={name}"), "--format", "{{.Status}}"];
    let what = format!("{name} to be {wanted}");
    cluster.hub.wait_for_output(&what, super::CHECK_TIMEOUT, &show, |status| (status == wanted).then_some(()))
}

/// Cuts a node off from the LAN (`down`), or connects it again (`up`).
pub(super) fn set_link(cluster: &mut Cluster, node: usize, to: &str) -> Result<()> {
    let script = r#"ip link set "$(basename "$(dirname "$(grep -l "$1" /sys/class/net/*/address)")")" "$2""#;
    let mac = cluster.nodes[node].spec.address.mac();
    cluster.nodes[node].stdout_of(&["sh", "-c", script, "sh", &mac.to_string(), to]).map(drop)
}

/// Neither the hub nor the proxy takes a student's server along when it starts again: the hub's API is where notebooks know
/// it, and they reach it.
pub(in crate::rehearsal) fn restarts_are_survived(cluster: &mut Cluster) -> Result<String> {
    let students = present(cluster);
    let student = students.last().context("nobody is present")?;
    let before = alone(cluster, Task::of(student).runs(WHO))?;
    let place = kernel(&before)?;
    let api = api_address(cluster)?;
    cluster.hub.stdout_of(&["systemctl", "restart", "jupyterhub.service", "imagegen-proxy.service"])?;
    page_is_back(cluster)?;
    let now = api_address(cluster)?;
    if now != api {
        return Err(
            anyhow!("the hub's API was at {api}, and is at {now}, where no notebook looks for it").into()
        );
    }
    let seen = api_answers(cluster, &place)?;
    ask_the_same(cluster, student, &before)?;
    Ok(format!("the server of {} was the same before and after, and reached {seen}", student.name))
}

/// Where JupyterHub listens for notebooks.
fn api_address(cluster: &mut Cluster) -> Result<String> {
    let show = ["ss", "-H", "-l", "-t", "-n", "sport", "=", &format!(":{}", super::API)];
    let local = |printed: &str| printed.split_whitespace().nth(3).map(str::to_owned);
    cluster.hub.wait_for_output("the hub's API", super::SOON, &show, local)
}

/// Asks the hub's API for its version, by the address that a container was given.
const ASK_THE_API: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/userdata/rehearsal/ask_api.py"));

fn api_answers(cluster: &mut Cluster, place: &KernelIdentity) -> Result<String> {
    let ask = ["docker", "exec", &place.container, "python3", "-c", ASK_THE_API];
    let what = format!("an answer of the hub's API to {}", place.name);
    cluster.machine(&place.node)?.wait_for_success(&what, super::SOON, &ask)
}

/// Waits until the hub answers through web server and proxy.
pub(in crate::rehearsal) fn page_is_back(cluster: &mut Cluster) -> Result<()> {
    let page = format!("https://{}/hub/health", cluster.hub.spec.address.address());
    super::fetch::fetch(cluster, "the hub's page", &[&page], |shown| shown.starts_with("200 ").then_some(()))
}

/// A kernel that takes more memory than there is dies, and nothing else does.
pub(in crate::rehearsal) fn memory_is_limited(cluster: &mut Cluster) -> Result<String> {
    let student = present(cluster).into_iter().next().context("nobody is present")?;
    let greedy = "hoard = []\nwhile True:\n    hoard.append(bytearray(b'x') * 2**24)\n";
    let seen = alone(cluster, Task::of(&student).runs(greedy))?;
    if seen.printed()? != "the kernel died" {
        return Err(anyhow!("{seen:?}").into());
    }
    ask_the_same(cluster, &student, &seen)?;
    Ok("the kernel died, and its server started another".into())
}
