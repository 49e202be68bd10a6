//! How long it takes, by chance: many plays of one client that keeps the rules, on a network that loses.

use crate::world::Setting;

/// xorshift64* (Vigna, 2014).
pub struct Random(pub u64);

impl Random {
    fn loses(&mut self, percent: u64) -> bool {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % 100 < percent
    }
}

/// How one play went.
#[derive(Clone, Copy, Default)]
pub struct Play {
    pub sends: u32,
    /// Each try without a reply is a second of waiting; a reply takes no time.
    pub seconds: u32,
    pub start_overs: u32,
    pub is_done: bool,
}

/// One client of a new group, from 1 until everyone is in, or until it gives up.
pub fn play(setting: &Setting, tries: u32, percent: u64, random: &mut Random) -> Play {
    let (mut play, mut state, mut seq_number, mut tried) = (Play::default(), 0, 1, 0);
    loop {
        play.sends += 1;
        let mut reply = None;
        if !random.loses(percent) {
            reply = setting.next_number(state, seq_number);
            if reply.is_some() {
                state = seq_number;
            }
        }
        match reply.filter(|_| !random.loses(percent)) {
            Some(0) => return Play { is_done: true, ..play },
            Some(next_number) => (seq_number, tried) = (next_number, 0),
            None => {
                play.seconds += 1;
                tried += 1;
            }
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
    let mut random = Random(1);
    let mut all: Vec<_> = (0..plays).map(|_| play(setting, tries, percent, &mut random)).collect();
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
