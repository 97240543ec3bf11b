//! Several stages at once: a pool of workers takes up the stages that are ready.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::failure::{Failure, Result};
use crate::host::signals::CancelScope;
use crate::plan::{DependencyQueue, Plan, Stage};

/// Runs the stages of `plan` that are not cached; returns their results in the plan's order. After the first
/// failure, which is what one learns of, everything that goes on is stopped.
pub(super) fn run_stages<'p, T: Send>(
    plan: &'p Plan,
    hands: usize,
    work: impl Fn(&'p Stage) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let scheduler = Scheduler {
        state: Mutex::new(SchedulerState {
            queue: DependencyQueue::new(plan),
            results: vec![],
            failure: None,
        }),
        changed: Condvar::new(),
        scope: CancelScope::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..hands.clamp(1, plan.stages.len().max(1)) {
            scope.spawn(|| scheduler.run_worker(plan, &work));
        }
    });
    let SchedulerState { mut results, failure, .. } =
        scheduler.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    failure.map_or(Ok(results.into_iter().map(|(_, result)| result).collect()), Err)
}

/// What the workers share.
struct Scheduler<T> {
    state: Mutex<SchedulerState<T>>,
    changed: Condvar,
    scope: CancelScope,
}

struct SchedulerState<T> {
    queue: DependencyQueue,
    results: Vec<(usize, T)>,
    failure: Option<Failure>,
}

impl<T> Scheduler<T> {
    fn run_worker<'p>(&self, plan: &'p Plan, work: &impl Fn(&'p Stage) -> Result<T>) {
        self.scope.enter();
        while let Some(number) = self.next() {
            // The others must not wait for one that panicked.
            let guard = Guard(self);
            let result = work(&plan.stages[number]);
            std::mem::forget(guard);
            self.complete(number, result);
        }
    }

    /// The next stage; none where nothing is left to begin.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() || self.scope.is_cancelled() || state.queue.is_over() {
                return None;
            }
            if let Some(number) = state.queue.begin() {
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn complete(&self, number: usize, result: Result<T>) {
        let mut state = self.state();
        state.queue.end(number);
        match result {
            Ok(result) => state.results.push((number, result)),
            Err(failure) => {
                // The others fail because they are stopped.
                state.failure.get_or_insert(failure);
                self.scope.cancel();
            }
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, SchedulerState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the scope where a hand panics.
struct Guard<'a, T>(&'a Scheduler<T>);

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.scope.cancel();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::host::cmd::Cmd;
    use crate::plan::{Action, CacheKey};
    use crate::recipe::{Bundle, Registry};

    /// A plan of stages that need nothing, each with a number.
    fn plan(count: usize) -> Plan {
        let stage = |number: usize| {
            let bundle = Bundle {
                registry: Registry::Npm,
                path: number.to_string(),
                lock: String::new(),
                into: String::new(),
                location: None,
            };
            let action = Action::Set(bundle);
            Stage { key: CacheKey::of(&action), action, kept: false, asked: false }
        };
        Plan { stages: (0..count).map(stage).collect() }
    }

    fn number(stage: &Stage) -> usize {
        let Action::Set(set) = &stage.action else { panic!("all are sets") };
        set.path.parse().unwrap()
    }

    #[test]
    fn results_are_in_the_plans_order_whoever_is_done_first() {
        let slow_first = |stage: &Stage| {
            std::thread::sleep(Duration::from_millis(if number(stage) == 0 { 100 } else { 1 }));
            Ok(number(stage))
        };
        assert_eq!(run_stages(&plan(5), 2, slow_first).unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_first_failure_stops_the_others_and_is_what_one_learns() {
        let begun = Instant::now();
        let failure = run_stages(&plan(3), 2, |stage| match number(stage) {
            0 => Cmd::new("sleep").arg("60").run(),
            1 => Cmd::new("sh").args(["-c", "sleep 0.3; echo 'it broke' >&2; exit 1"]).run(),
            _ => panic!("it begins after the failure"),
        })
        .unwrap_err();
        assert!(failure.to_string().contains("it broke"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
