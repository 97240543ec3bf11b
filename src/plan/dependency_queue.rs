//! In which order the stages of a plan are worked off by several workers.

use std::collections::BTreeSet;

use super::{Action, Plan, Stage};

/// Which stages wait, run and are done. Kept ones count as done from the start.
#[derive(Debug)]
pub struct DependencyQueue {
    /// For each stage the stages before it that it needs.
    needs: Vec<Vec<usize>>,
    /// For each stage how long it and what waits for it will take, roughly.
    priority: Vec<u32>,
    waiting: BTreeSet<usize>,
    running: BTreeSet<usize>,
}

impl DependencyQueue {
    /// Nothing has begun.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let place = |key: &_| plan.stages.iter().position(|stage| stage.key == *key);
        let needs: Vec<Vec<usize>> =
            plan.stages.iter().map(|stage| stage.needs().into_iter().filter_map(place).collect()).collect();
        let mut priority: Vec<u32> = plan.stages.iter().map(cost).collect();
        // Each stage stands after what it needs, so that from the end its own urgency is known before it is passed on.
        for (number, needed) in needs.iter().enumerate().rev() {
            for need in needed {
                priority[*need] = priority[*need].max(cost(&plan.stages[*need]) + priority[number]);
            }
        }
        let waiting = (0..plan.stages.len()).filter(|number| !plan.stages[*number].kept).collect();
        Self { needs, priority, waiting, running: BTreeSet::new() }
    }

    /// Begins the most urgent of the stages that need nothing that is not done; none where there is none at the moment.
    pub fn begin(&mut self) -> Option<usize> {
        let is_open = |number: &usize| self.waiting.contains(number) || self.running.contains(number);
        let ready = self.waiting.iter().filter(|number| !self.needs[**number].iter().any(is_open));
        let next = *ready.max_by_key(|number| (self.priority[**number], std::cmp::Reverse(**number)))?;
        self.waiting.remove(&next);
        self.running.insert(next);
        Some(next)
    }

    /// Ends one that was begun.
    pub fn end(&mut self, number: usize) {
        self.running.remove(&number);
    }

    /// Whether no stage is left to begin.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// About how many seconds a stage takes on an ordinary machine. Only who goes first depends on it.
fn cost(stage: &Stage) -> u32 {
    match &stage.action {
        Action::Set(_) => 5,
        Action::Fetch(_) | Action::Base(_) => 30,
        Action::Provision(_) => 300,
        Action::Layer(_) => 40,
        Action::Container(_) => 20,
        Action::Image(_) => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan_of, titles};
    use super::*;

    /// The titles of what begins, where two workers run and the one that began first ends first.
    fn begun_by_two(plan: &Plan) -> Vec<String> {
        let (mut order, mut begun, mut running) = (DependencyQueue::new(plan), vec![], vec![]);
        loop {
            while running.len() < 2
                && let Some(number) = order.begin()
            {
                begun.push(number);
                running.push(number);
            }
            if running.is_empty() {
                assert!(order.is_over());
                return begun.into_iter().map(|number| titles(plan)[number].clone()).collect();
            }
            order.end(running.remove(0));
        }
    }

    #[test]
    fn a_stage_begins_when_what_it_needs_is_done_and_the_longest_way_goes_first() {
        let plan = plan_of(&["node", "hub"], &[]);
        assert_eq!(titles(&plan), ["layer base", "image node", "layer hub", "image hub"]);
        assert_eq!(begun_by_two(&plan), ["layer base", "layer hub", "image node", "image hub"]);
    }

    #[test]
    fn what_is_kept_does_not_begin() {
        let plan = plan_of(&["node", "hub"], &["layer base", "layer hub"]);
        assert_eq!(begun_by_two(&plan), ["image node", "image hub"]);
    }
}
