//! Ctrl-C and SIGTERM: remembered here, passed on to the children, and noticed at the next step, so that every guard
//! on the way out cleans up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Failure, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Starts listening; called by the commands that start processes.
pub fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            children().iter().for_each(|child| terminate(*child));
        }
    });
    Ok(())
}

/// Fails once a signal has come.
pub fn check() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) { Err(Failure::Interrupted) } else { Ok(()) }
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

pub(super) fn adopt(child: u32) {
    children().push(child);
}

pub(super) fn release(child: u32) {
    children().retain(|known| *known != child);
}

/// Asks a child, and all that it started, to end.
pub(super) fn terminate(child: u32) {
    signal_group(child, Signal::TERM);
}

/// Ends a child, and all that it started.
pub(super) fn kill(child: u32) {
    signal_group(child, Signal::KILL);
}

/// Every child leads a process group. mmdebstrap itself only waits when it is asked to end: what it waits for has to be
/// asked too.
fn signal_group(leader: u32, signal: Signal) {
    // A child that has just ended is no error.
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

fn children() -> std::sync::MutexGuard<'static, Vec<u32>> {
    CHILDREN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
