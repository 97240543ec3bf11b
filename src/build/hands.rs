//! Several stages at once: as many hands as the machine has processors take up what is ready.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::failure::{Failure, Result};
use crate::host::signals::Crew;
use crate::plan::{Order, Plan, Stage};

/// Works off the stages of `plan` that are not kept; gives what each resulted in, in the plan's order. After the first
/// failure, which is what one learns of, everything that goes on is stopped.
pub(super) fn work_off<'p, T: Send>(
    plan: &'p Plan,
    hands: usize,
    work: impl Fn(&'p Stage) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let desk = Desk {
        state: Mutex::new(State { order: Order::new(plan), results: vec![], failure: None }),
        changed: Condvar::new(),
        crew: Crew::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..hands.clamp(1, plan.stages.len().max(1)) {
            scope.spawn(|| desk.hand(plan, &work));
        }
    });
    let State { mut results, failure, .. } = desk.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    failure.map_or(Ok(results.into_iter().map(|(_, result)| result).collect()), Err)
}

/// What the hands share.
struct Desk<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    crew: Crew,
}

struct State<T> {
    order: Order,
    results: Vec<(usize, T)>,
    failure: Option<Failure>,
}

impl<T> Desk<T> {
    fn hand<'p>(&self, plan: &'p Plan, work: &impl Fn(&'p Stage) -> Result<T>) {
        self.crew.join();
        while let Some(number) = self.next() {
            // The others must not wait for one that panicked.
            let guard = Guard(self);
            let result = work(&plan.stages[number]);
            std::mem::forget(guard);
            self.put_down(number, result);
        }
    }

    /// The next stage; none where nothing is left to begin.
    fn next(&self) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.failure.is_some() || self.crew.is_stopped() || state.order.is_over() {
                return None;
            }
            if let Some(number) = state.order.begin() {
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put_down(&self, number: usize, result: Result<T>) {
        let mut state = self.state();
        state.order.end(number);
        match result {
            Ok(result) => state.results.push((number, result)),
            Err(failure) => {
                // The others fail because they are stopped.
                state.failure.get_or_insert(failure);
                self.crew.stop();
            }
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the crew where a hand panics.
struct Guard<'a, T>(&'a Desk<T>);

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.crew.stop();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::host::command::Tool;
    use crate::plan::{Action, Key};
    use crate::recipe::{PackageSet, Registry};

    /// A plan of stages that need nothing, each with a number.
    fn plan(count: usize) -> Plan {
        let stage = |number: usize| {
            let set = PackageSet {
                registry: Registry::Npm,
                path: number.to_string(),
                lock: String::new(),
                into: String::new(),
            };
            let action = Action::Set(set);
            Stage { key: Key::of(&action), action, kept: false, asked: false }
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
        assert_eq!(work_off(&plan(5), 2, slow_first).unwrap(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_first_failure_stops_the_others_and_is_what_one_learns() {
        let begun = Instant::now();
        let failure = work_off(&plan(3), 2, |stage| match number(stage) {
            0 => Tool::new("sleep").arg("60").run(),
            1 => Tool::new("sh").args(["-c", "sleep 0.3; echo 'it broke' >&2; exit 1"]).run(),
            _ => panic!("it begins after the failure"),
        })
        .unwrap_err();
        assert!(failure.to_string().contains("it broke"), "{failure}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
