//! The lab: what looks on at the network, and what interferes with it.

pub mod exam;
pub mod explain;
pub mod journal;
pub mod log;
pub mod trial;
pub mod verdict;

use crate::claims::random_number;
use crate::refusal::Refusal;
use crate::server::{self, Class, Event, MOST_TOGETHER, read};
use explain::Explainer;
use journal::Journal;
use std::io;
use trial::Trial;

/// What the command line has asked for.
#[derive(Debug)]
pub struct Tools {
    /// Looks on.
    pub journal: Journal,
    /// `--lose`: this share of the requests is lost, in percent, and of the replies.
    pub lose: u8,
    /// `--trial`: examines the clients.
    pub trial: Option<Trial>,
    /// `--explain`: answers a request that is refused with the reason.
    pub explainer: Option<Explainer>,
}

impl server::Lab for Tools {
    fn most_together(&self) -> usize {
        match self.trial {
            Some(_) => 1, // it examines copy by copy
            None => MOST_TOGETHER,
        }
    }

    fn arrives(&mut self, class: &Class, event: &mut Event) {
        if self.loses() {
            // Whose it was is for its group's time line; what nobody signed is nobody's.
            _ = read(class, event);
            event.group = event.group.filter(|_| event.id_request.is_some());
            event.outcome = Some(lost("request", "the request was discarded: send it again"));
        } else if let Some(trial) = &mut self.trial {
            trial.arrives(class, event);
        }
    }

    fn leaves(&mut self, class: &Class, event: &mut Event) {
        let said = self.explainer.as_mut().and_then(|explainer| explainer.explain(class, event));
        self.journal.details.push(said);
        if event.reply.is_none() {
            return;
        }
        if self.loses() {
            event.reply = None;
            if matches!(event.outcome, Some(Ok(_))) {
                event.outcome = Some(lost("reply", "its reply was discarded: send it again"));
            }
        } else if let Some(trial) = &mut self.trial {
            trial.leaves(class, event);
        }
    }

    fn saw(&mut self, class: &Class, events: &[Event]) {
        self.journal.saw(class, events);
    }

    fn saw_error(&mut self, error: &io::Error) {
        self.journal.saw_error(error);
    }
}

impl Tools {
    fn loses(&self) -> bool {
        let drawn =
            || random_number().is_ok_and(|number| u32::from(number) * 100 < u32::from(self.lose) * 20_001);
        self.lose > 0 && drawn()
    }
}

/// The outcome of a datagram that the lab has lost, and how.
pub(crate) fn lost(what: &'static str, how: impl Into<String>) -> Result<u64, Refusal> {
    Err(Refusal::LostOnPurpose(what, how.into()))
}
