//! How long it takes, by chance: many plays of one client that keeps the rules, on a network that loses.

use crate::world::Setting;

/// How one play went.
#[derive(Clone, Copy, Default)]
struct Play {
    sends: u32,
    /// Each try without a reply is a second of waiting; a reply takes no time.
    seconds: u32,
    start_overs: u32,
    is_done: bool,
}

/// One client of a new group, from 1 until everyone is in, or until it gives up.
fn play(setting: &Setting, tries: u32, mut is_lost: impl FnMut() -> bool) -> Play {
    let (mut play, mut state, mut seq_number, mut tried) = (Play::default(), 0, 1, 0);
    loop {
        play.sends += 1;
        let reply = if is_lost() { None } else { setting.next_number(state, seq_number) };
        state = if reply.is_some() { seq_number } else { state };
        match reply.filter(|_| !is_lost()) {
            Some(0) => return Play { is_done: true, ..play },
            Some(next_number) => (seq_number, tried) = (next_number, 0),
            None => (play.seconds, tried) = (play.seconds + 1, tried + 1),
        }
        if tried == tries {
            if play.start_overs == 3 {
                return play;
            }
            play.start_overs += 1;
            (seq_number, tried) = (0, 0);
        }
    }
}

/// What many plays of a group come to.
pub struct Figures {
    pub mean_sends: f64,
    pub mean_seconds: f64,
    /// The time within which 99 of 100 plays end.
    pub seconds_of_99: u32,
    /// Shares of the plays, in percent.
    pub start_over: f64,
    pub give_up: f64,
}

pub fn figures(setting: &Setting, tries: u32, percent: u64, plays: usize) -> Figures {
    let mut random = 1_u64;
    let mut is_lost = || {
        // xorshift64* (Vigna, 2014)
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        (random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % 100 < percent
    };
    let mut all: Vec<_> = (0..plays).map(|_| play(setting, tries, &mut is_lost)).collect();
    all.sort_by_key(|play| play.seconds);
    let mean = |of: fn(&Play) -> u32| f64::from(all.iter().map(of).sum::<u32>()) / plays as f64;
    Figures {
        mean_sends: mean(|play| play.sends),
        mean_seconds: mean(|play| play.seconds),
        seconds_of_99: all[plays * 99 / 100].seconds,
        start_over: 100.0 * mean(|play| u32::from(play.start_overs > 0)),
        give_up: 100.0 * mean(|play| u32::from(!play.is_done)),
    }
}
