//! A share of the time: what may be spent on what a stranger's datagram can make the server do.

use std::time::{Duration, Instant};

/// Of so much time, one part may be spent.
const PARTS: u32 = 10;
/// How far the spending may be ahead of that: a class that is refused all at once is explained.
const AHEAD: Duration = Duration::from_millis(500);

/// A tenth of the time, and a short burst.
#[derive(Debug, Default)]
pub struct Budget {
    /// When what was spent will be a tenth of the time that has passed. None: nothing was spent.
    due: Option<Instant>,
}

impl Budget {
    /// Does some work and counts its time. None: too much is spent already, and nothing is done.
    pub fn spend<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        let start = Instant::now();
        let due = self.due.map_or(start, |due| due.max(start));
        if due > start + AHEAD {
            return None;
        }
        let done = work();
        self.due = Some(due + PARTS * start.elapsed());
        Some(done)
    }
}
