//! Ctrl-C and SIGTERM: remembered here, passed on to the children, and noticed at the next step, so that every guard
//! on the way out cleans up. The same way the threads of a scope stop each other.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Context;
use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, test_kill_process_group, waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::sync::locked;
use crate::failure::{Failure, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static OBSERVER: Mutex<Option<Box<dyn ChildObserver>>> = Mutex::new(None);

thread_local! {
    /// The scope that this thread works in.
    static CREW: RefCell<Option<CancelScope>> = const { RefCell::new(None) };
}

/// Threads that work on one thing: when one fails, the others and what they started are stopped.
#[derive(Debug, Clone, Default)]
pub struct CancelScope {
    stopped: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<u32>>>,
}

impl CancelScope {
    /// Makes the current thread one of the scope.
    pub fn enter(&self) {
        CREW.with(|scope| *scope.borrow_mut() = Some(self.clone()));
    }

    /// Stops all that the scope does.
    pub fn cancel(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        locked(&self.children).iter().for_each(|child| terminate(*child));
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

fn current_scope() -> Option<CancelScope> {
    CREW.with(|scope| scope.borrow().clone())
}

/// Is told of all that would be left behind if imagegen were killed.
pub(super) trait ChildObserver: Send {
    /// A process group begins.
    fn begun(&mut self, group: u32);
    /// A process group has ended.
    fn ended(&mut self, group: u32);
    /// There is a work folder.
    fn work_dir(&mut self, folder: &Path);
}

/// Starts listening, and tells `observer` from now on.
pub(super) fn listen(observer: Box<dyn ChildObserver>) -> Result<()> {
    *locked(&OBSERVER) = Some(observer);
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let hangup = (!ignores_hangup(&status)).then_some(SIGHUP);
    let mut signals =
        Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup)).context("listening for signals")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            locked(&CHILDREN).iter().for_each(|child| terminate(*child));
        }
    });
    Ok(())
}

/// Whether a process was begun by nohup(1), by its status in proc(5): the end of its terminal is not its own.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0);
    mask >> (SIGHUP - 1) & 1 == 1
}

/// Fails once a signal has come, or the thread's scope was stopped.
pub fn check() -> Result<()> {
    let stopped =
        INTERRUPTED.load(Ordering::SeqCst) || current_scope().is_some_and(|scope| scope.is_cancelled());
    if stopped { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Sleeps for `duration`, but not past a signal.
pub fn sleep(duration: std::time::Duration) -> Result<()> {
    let deadline = std::time::Instant::now() + duration;
    loop {
        check()?;
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(std::time::Duration::from_millis(100)));
    }
}

pub(super) fn track_group(child: u32) {
    if let Some(observer) = locked(&OBSERVER).as_mut() {
        observer.begun(child);
    }
    locked(&CHILDREN).push(child);
    if let Some(scope) = current_scope() {
        locked(&scope.children).push(child);
    }
    // A stop between the last check and now did not see the child.
    if check().is_err() {
        terminate(child);
    }
}

/// Tells the observer of a work folder.
pub(super) fn watch_dir(folder: &Path) {
    if let Some(observer) = locked(&OBSERVER).as_mut() {
        observer.work_dir(folder);
    }
}

pub(super) fn untrack_group(child: u32) {
    locked(&CHILDREN).retain(|known| *known != child);
    if let Some(scope) = current_scope() {
        locked(&scope.children).retain(|known| *known != child);
    }
    if let Some(observer) = locked(&OBSERVER).as_mut() {
        observer.ended(child);
    }
}

/// Asks a child, and all that it started, to end.
pub(super) fn terminate(child: u32) {
    signal_group(child, Signal::TERM);
}

/// Ends a child, and all that it started.
pub(super) fn kill(child: u32) {
    signal_group(child, Signal::KILL);
}

fn pid_of(child: u32) -> Option<Pid> {
    i32::try_from(child).ok().and_then(Pid::from_raw)
}

/// Whether a child, or anything that it started, is still there.
pub(super) fn is_alive(child: u32) -> bool {
    pid_of(child).is_some_and(|pid| test_kill_process_group(pid).is_ok())
}

/// Whether a child has ended. It stays where it is, so that nobody else can have its number yet.
pub(super) fn has_ended(child: u32) -> Result<bool> {
    Ok(look_at(child, WaitIdOptions::NOHANG)?.is_some())
}

/// Waits for the end of a child, which stays where it is.
pub(super) fn await_end(child: u32) -> Result<()> {
    look_at(child, WaitIdOptions::empty())?;
    Ok(())
}

fn look_at(child: u32, options: WaitIdOptions) -> Result<Option<WaitIdStatus>> {
    let pid = pid_of(child).context("a child without a number")?;
    let options = options | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    Ok(retry_on_intr(|| waitid(WaitId::Pid(pid), options)).context("waiting for a child")?)
}

/// Every child leads a process group. mmdebstrap itself only waits when it is asked to end: what it waits for has to be
/// asked too.
fn signal_group(leader: u32, signal: Signal) {
    // A child that has just ended is not an error.
    if let Some(pid) = pid_of(leader) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::cmd::Cmd;
    use super::*;

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let status = |mask: &str| format!("Name:\timagegen\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert!(ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001002")));
    }

    #[test]
    fn a_cancelled_scope_ends_what_its_threads_started_and_nothing_else() {
        let (cancel, begun) = (CancelScope::default(), Instant::now());
        let mut other = Cmd::new("sleep").arg("60").spawn().unwrap();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                cancel.enter();
                Cmd::new("sleep").arg("60").run()
            });
            std::thread::sleep(Duration::from_millis(300));
            cancel.cancel();
            assert!(matches!(worker.join().unwrap(), Err(Failure::Interrupted)));
        });
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(other.ended().unwrap().is_none());
        assert!(check().is_ok());
    }
}
