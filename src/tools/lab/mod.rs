//! The lab: what looks on at the network, and what interferes with it.

pub mod budget;
pub mod exam;
pub mod explain;
pub mod journal;
pub mod log;
pub mod ports;
pub mod trial;

use crate::claims::random_number;
use crate::refusal::Refusal;
use crate::server::{self, Class, Datagram, Handled, Instead, MOST_TOGETHER, Reading};
use explain::Explainer;
use journal::{Journal, Known};
use ports::Ports;
use std::io;
use std::net::UdpSocket;
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
    /// With `-v` or `--explain`: looks whether anybody holds the port that a reply goes to.
    pub ports: Option<Ports>,
}

impl server::Lab for Tools {
    fn most_together(&self) -> usize {
        match self.trial {
            Some(_) => 1, // it examines copy by copy
            None => MOST_TOGETHER,
        }
    }

    fn waits(&mut self, socket: &UdpSocket) {
        let Some(trial) = &mut self.trial else { return };
        let due = trial.due();
        let pause = trial.pause();
        for (client, reply) in due {
            _ = socket.send_to(reply.as_bytes(), client);
        }
        _ = socket.set_read_timeout(pause); // without it a reply leaves when the next datagram has come
    }

    fn arrives(&mut self, _: &Class, datagram: &Datagram, reading: &Reading) -> Option<Refusal> {
        if self.loses() {
            return Some(lost("request", "the request was discarded: send it again"));
        }
        self.trial.as_mut()?.arrives(datagram, reading.as_ref().ok()?)
    }

    fn leaves(&mut self, class: &Class, handled: &Handled, reply: &str) -> Option<Instead> {
        let is_lost = self.loses();
        let instead = self.trial.as_mut().and_then(|trial| trial.leaves(class, handled, reply, is_lost));
        let is_sent = instead.as_ref().is_none_or(|instead| !instead.replies.is_empty());
        if is_lost && is_sent {
            let outcome = Err(lost("reply", "its reply was discarded: send it again"));
            return Some(Instead { replies: Vec::new(), outcome });
        }
        if let (None, Some(ports)) = (&instead, &mut self.ports) {
            let budget = self.explainer.as_mut().map(|explainer| &mut explainer.budget);
            ports.leaves(handled.datagram.sender, budget);
        }
        instead
    }

    fn sent(&mut self, class: &Class, batch: &[Handled], socket: &UdpSocket) {
        let budget = self.explainer.as_mut().map(|explainer| &mut explainer.budget);
        let left = self.ports.as_mut().map(|ports| ports.left(budget)).unwrap_or_default();
        for (handled, early) in batch.iter().zip(journal::early(batch)) {
            let explanation = self.explainer.as_mut().and_then(|explainer| explainer.explain(class, handled));
            let explanation = explanation.unwrap_or_default();
            let reply = explanation.reply.filter(|_| !self.loses());
            let sent = reply.map(|reply| socket.send_to(reply.as_bytes(), handled.datagram.sender));
            let port = handled.datagram.sender.port();
            let is_left = handled.datagram.peer().ip().is_loopback() && left.contains(&port);
            let (found, is_explained) = (explanation.found.as_ref(), sent.is_some_and(|sent| sent.is_ok()));
            self.journal.write(class, handled, Known { found, is_explained, is_left, early });
        }
        if let Some(trial) = &mut self.trial {
            trial.write();
        }
        self.journal.end();
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

/// What is said of a datagram that the lab has lost: a word for the log, and how.
pub(crate) fn lost(what: &'static str, how: impl Into<String>) -> Refusal {
    Refusal::LostOnPurpose(what, how.into())
}

/// The group that a datagram is of, or that it claims to be of.
pub(crate) fn group_of(reading: &Reading) -> Option<usize> {
    reading.as_ref().map_or_else(|unverified| unverified.claimed_group, |message| Some(message.group))
}
