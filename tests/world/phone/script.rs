//! What a phone is told to do: acts with their times, and how it receives calls.

use std::net::IpAddr;
use std::time::Duration;

use ledgerline::base::Time;

use super::Phone;
use crate::world::sdp::{Faxing, Notation};

/// When an act is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long after the story's beginning.
    At(Duration),
    /// So long after what it belongs to: a call's being joined, a dialled number (for `cancels`), an INVITE's coming in (for
    /// `answers`, `rejects`, `redirects`).
    After(Duration),
}

/// One thing that a phone does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Register {
        expires_s: u32,
    },
    Dial {
        number: String,
        offer: bool,
    },
    HangUp,
    Cancel,
    Hold(Notation),
    Resume,
    /// An offer by UPDATE: a hold, or sending and receiving.
    Update(Option<Notation>),
    /// REFER to a number, with more header lines.
    Refer(String, &'static str),
    /// REFER in its first call to the far side of its last.
    ReferAttended,
    /// BYE within an early dialog of its own.
    LeaveEarly,
    /// A re-INVITE without an offer.
    Renew,
    /// A re-INVITE: the media are at another port from now on.
    Rehouse,
    /// A re-INVITE that offers media in clear.
    Bare,
    /// A re-INVITE that turns to fax, or back to sound.
    Fax(Faxing),
    /// A re-INVITE that adds video, or takes it away.
    Video(bool),
    /// A re-INVITE that offers nothing usable.
    OfferUnusable,
    /// A key as RFC 4733 events.
    Press(char),
    /// A key by INFO.
    PressByInfo(char),
    /// Has another address from now on, and tells nobody.
    Move(IpAddr),
    /// Neither hears nor speaks from now on.
    Vanish,
    /// The stream to the switch breaks.
    Cut,
    /// Subscribes to an event package of a user.
    Watch {
        event: String,
        user: String,
        expires_s: u32,
    },
    /// Prolongs its last subscription, or ends it.
    WatchOn {
        expires_s: u32,
    },
    /// Any message, as text with holes.
    Say(String),
    // What becomes of an INVITE that came in.
    Ring {
        early_media: bool,
    },
    Answer,
    /// A second 2xx, as behind a proxy that forks.
    AnswerAsAnother,
    Reject(u16),
    Redirect(String),
}

/// What becomes of an INVITE that comes in.
#[derive(Debug, Clone, PartialEq)]
pub struct Reception {
    /// How long until 180 (or 183 with media); `None`: not at all.
    pub ring: Option<Duration>,
    pub early_media: bool,
    /// The final answer and its time; `None`: never.
    pub last: Option<(When, Act)>,
}

impl Default for Reception {
    /// Rings for ever.
    fn default() -> Reception {
        Reception { ring: Some(Duration::from_millis(50)), early_media: false, last: None }
    }
}

/// What a phone does wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manners {
    /// Never acknowledges a 2xx.
    pub never_acks: bool,
    /// Never answers a BYE.
    pub never_answers_bye: bool,
    /// Sends no provisional answer of its own accord.
    pub never_rings: bool,
    /// Stands behind a proxy that forks: two phones answer one INVITE.
    pub answers_twice: bool,
    /// Its early media come from a machine with another To tag (ring-back tones in the network).
    pub rings_as_another: bool,
    /// Describes its session in 183 only and not again in 200.
    pub answers_bare: bool,
    /// What it answers to NOTIFYs in its subscriptions; 0: 200, 1: nothing.
    pub refuses_notices: u16,
    /// What it answers to MESSAGE; 0: 200, 1: nothing.
    pub refuses_texts: u16,
}

/// The time of a step that was just told; without a word it is the story's beginning, or at once.
pub struct Step<'a>(&'a mut When);

impl Step<'_> {
    /// So long after the story's beginning.
    pub fn at(self, since: Duration) {
        *self.0 = When::At(since);
    }

    /// So long after what it belongs to.
    pub fn after(self, gap: Duration) {
        *self.0 = When::After(gap);
    }
}

/// The story's verbs.
impl Phone {
    pub fn dials(&mut self, number: &str) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::Dial { number: number.into(), offer: true })
    }

    pub fn dials_without_offer(&mut self, number: &str) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::Dial { number: number.into(), offer: false })
    }

    pub fn hangs_up(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::HangUp)
    }

    pub fn cancels(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Cancel)
    }

    pub fn holds(&mut self, notation: Notation) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Hold(notation))
    }

    pub fn resumes(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Resume)
    }

    pub fn renews_without_offer(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Renew)
    }

    pub fn moves_its_media(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Rehouse)
    }

    pub fn goes_on_in_clear(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Bare)
    }

    pub fn turns_to_fax(&mut self, how: Faxing) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Fax(how))
    }

    pub fn adds_video(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Video(true))
    }

    pub fn offers_what_nobody_has(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::OfferUnusable)
    }

    pub fn presses(&mut self, key: char) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Press(key))
    }

    pub fn presses_by_info(&mut self, key: char) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::PressByInfo(key))
    }

    pub fn registers(&mut self) -> Step<'_> {
        self.registers_for(600)
    }

    pub fn registers_for(&mut self, expires_s: u32) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::Register { expires_s })
    }

    pub fn unregisters(&mut self) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::Register { expires_s: 0 })
    }

    pub fn vanishes(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Vanish)
    }

    pub fn moves_to(&mut self, ip: [u8; 4]) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Move(ip.into()))
    }

    pub fn loses_its_connection(&mut self) -> Step<'_> {
        self.will(When::After(Duration::ZERO), Act::Cut)
    }

    /// Any message, as text with the holes that [`Phone::say`] fills.
    pub fn says(&mut self, template: &str) -> Step<'_> {
        self.will(When::At(Duration::ZERO), Act::Say(template.into()))
    }

    /// Rings and answers.
    pub fn answers(&mut self) -> Step<'_> {
        self.receives(false, Act::Answer)
    }

    /// Sends media in a 183, then answers.
    pub fn answers_with_early_media(&mut self) -> Step<'_> {
        self.receives(true, Act::Answer)
    }

    pub fn rejects(&mut self, status: u16) -> Step<'_> {
        self.receives(false, Act::Reject(status))
    }

    pub fn redirects(&mut self, to: &str) -> Step<'_> {
        self.receives(false, Act::Redirect(to.into()))
    }

    pub fn will(&mut self, when: When, act: Act) -> Step<'_> {
        self.script.push((when, act));
        match self.script.last_mut() {
            Some((when, _)) => Step(when),
            None => unreachable!("just pushed"),
        }
    }

    fn receives(&mut self, early_media: bool, act: Act) -> Step<'_> {
        self.reception = Reception {
            ring: (!self.manners.never_rings).then_some(Duration::from_millis(50)),
            early_media,
            last: Some((When::After(Duration::ZERO), act)),
        };
        match &mut self.reception.last {
            Some((when, _)) => Step(when),
            None => unreachable!("just set"),
        }
    }
}

/// The moment of `when`, if it is one by itself.
pub fn moment(when: When, origin: Time) -> Option<Time> {
    match when {
        When::At(since) => Some(origin + since),
        When::After(_) => None,
    }
}
