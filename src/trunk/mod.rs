//! Trunks: carriers and other switches that calls go to and come from, by address or by registration.
//!
//! [`Trunks`] keeps what is known of each (where it is, whether it answers, whether it is registered, how many calls it carries) and
//! says in [`Want`]s what is to be asked and sent. Invariants: only a configured trunk's challenge is answered, only for its realm and
//! at most [`bounds::PROOFS`] times a request (reliability: digest leak); a number goes out only under a caller id of the trunk's list.

mod life;
mod proof;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use crate::base::bounds;
use crate::base::{Alarms, CallId, LegId, Random, Time};
use crate::config::{ForwardedBy, Srtp};
use crate::locate::{Answer, Question};
use crate::sip::{Builder, Flow, Message, Transport};

pub use life::seconds;
pub use proof::proof;
pub use rules::{Register, Rewrite, Rules};

use life::{Due, Life};

/// What the trunks want done.
#[derive(Debug)]
pub enum Want {
    /// An answer to a question: [`Trunks::answered`].
    Ask {
        /// Comes back with the answer.
        ticket: u64,
        /// The question.
        question: Question,
    },
    /// Whoever is connected to at `flow`'s address under TLS must prove this name.
    Expect {
        /// Where.
        flow: Flow,
        /// The domain that led there.
        name: Arc<str>,
    },
    /// Send a request of the trunk's own: [`Trunks::heard`], or [`Trunks::silent`].
    Send {
        /// For which.
        errand: Errand,
        /// Where to.
        flow: Flow,
        /// Without Via.
        request: Builder,
    },
    /// A line for the log.
    Log(String),
}

/// What a request of the trunk's own was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errand {
    trunk: usize,
    spot: usize,
    registers: bool,
    /// Proofs given so far.
    proofs: u8,
}

/// A way for one call.
#[derive(Debug, Clone)]
pub struct Way {
    /// The trunk's name.
    pub name: Arc<str>,
    /// Over which path.
    pub flow: Flow,
    /// The domain in Request-URI, To and From.
    pub domain: Arc<str>,
    /// The number in the trunk's form.
    pub number: String,
    /// The caller id: of the trunk's list.
    pub caller: String,
    /// Codecs in the order in which they are offered, by their names in SDP; empty: as the caller has them.
    pub codecs: Vec<String>,
    /// Whether media is encrypted; `None`: as the node has it.
    pub srtp: Option<Srtp>,
    /// Whether calls over it may have video.
    pub video: bool,
    /// How it is told who passed a call on.
    pub forwarded_by: ForwardedBy,
    /// Proofs given so far.
    pub proofs: u8,
    /// The last of them: the ACK repeats it (RFC 3261 §22.1).
    pub proof: Option<(crate::sip::Name<'static>, String)>,
}

/// Why there is no way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    /// No trunk and no group is called so.
    #[error("there is no such trunk")]
    Unknown,
    /// None answers.
    #[error("the trunk is down")]
    Down,
    /// Each carries as many calls as it may.
    #[error("the trunk has no room for another call")]
    Full,
    /// The trunk has no caller id.
    #[error("the trunk has no caller id")]
    NoCaller,
}

/// How a trunk is, for `ledgerline trunks`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TrunkView {
    /// Its name.
    pub name: String,
    /// `up`, `down`, `unlocated`.
    pub state: String,
    /// `registered`, `not registered`, or `by address`.
    pub registration: String,
    /// Calls that it carries, and how many it may.
    pub calls: usize,
    /// How many it may; 0: no limit of its own.
    pub limit: usize,
    /// Where it is: transport, address and whether it answers.
    pub places: Vec<String>,
}

/// Every trunk of a node.
#[derive(Debug, Default)]
pub struct Trunks {
    lives: Vec<Life>,
    listeners: Vec<(Transport, std::net::SocketAddr)>,
    /// The name of the trunk that each leg uses.
    carried: BTreeMap<(CallId, LegId), Arc<str>>,
    alarms: Alarms<(usize, Due)>,
    wants: VecDeque<Want>,
    /// The searches that are on their way: ticket to trunk.
    asked: BTreeMap<u64, usize>,
    last_ticket: u64,
}

impl Trunks {
    /// Takes new rules in place of the old, a trunk's at the same place as before. What is known of a trunk that leads where it did stays:
    /// whether its hosts answer, its registration. One whose user or secret is another is registered with anew, at once.
    /// `listeners`: where the node listens.
    pub fn configure(
        &mut self,
        now: Time,
        rules: Vec<Rules>,
        listeners: Vec<(Transport, std::net::SocketAddr)>,
        random: &mut Random,
    ) {
        let moved = std::mem::replace(&mut self.listeners, listeners) != self.listeners;
        let mut before: Vec<Option<Life>> = std::mem::take(&mut self.lives).into_iter().map(Some).collect();
        let alarms = std::mem::take(&mut self.alarms);
        self.asked.clear();
        for (trunk, rules) in rules.into_iter().enumerate() {
            let old = before.get_mut(trunk).and_then(Option::take);
            let Some(mut life) = old.filter(|old| !moved && old.rules.leads_as(&rules)) else {
                self.lives.push(Life::new(rules, random));
                self.alarms.set((trunk, Due::Locate), now);
                continue;
            };
            for due in Due::ALL {
                if let Some(at) = alarms.of(&(trunk, due)) {
                    self.alarms.set((trunk, due), at);
                }
            }
            if life.take(rules) {
                self.alarms.set((trunk, Due::Register), now);
            }
            if life.searches() {
                // Its question is forgotten: it is asked anew.
                self.alarms.clear(&(trunk, Due::GiveUp));
                self.alarms.set((trunk, Due::Locate), now);
            }
            self.lives.push(life);
        }
    }

    /// Whether there is a trunk or a group of that name.
    pub fn has(&self, name: &str) -> bool {
        self.lives.iter().any(|life| life.rules.is_called(name))
    }

    /// The ways of `number` over the trunk or group `name`, the first to be tried first. `caller`: the number that calls, shown only if
    /// the trunk's list has it, and `only` too if that is not empty.
    ///
    /// # Errors
    /// [`NoWay`].
    pub fn ways(
        &self,
        now: Time,
        name: &str,
        number: &str,
        caller: &str,
        only: &[Arc<str>],
        random: &mut Random,
    ) -> Result<Vec<Way>, NoWay> {
        let mut named: Vec<usize> =
            (0..self.lives.len()).filter(|at| self.life(*at, |l| l.rules.is_called(name))).collect();
        if named.is_empty() {
            return Err(NoWay::Unknown);
        }
        rules::order(&mut named, &self.lives, random);
        let (mut ways, mut why) = (Vec::new(), NoWay::Down);
        for trunk in named {
            let Some(life) = self.lives.get(trunk) else { continue };
            let rules = &life.rules;
            if rules.calls > 0 && self.carries(&rules.name) >= rules.calls {
                why = NoWay::Full;
                continue;
            }
            let Some(caller) = rules.caller(caller, only) else {
                why = NoWay::NoCaller;
                continue;
            };
            ways.extend(life.usable(now).map(|(rests, flow)| {
                let way = Way {
                    name: Arc::clone(&rules.name),
                    flow,
                    domain: Arc::clone(&life.domain),
                    number: rules.outward(number),
                    caller: caller.clone(),
                    codecs: rules.codecs.clone(),
                    srtp: rules.srtp,
                    video: rules.video,
                    forwarded_by: rules.forwarded_by,
                    proofs: 0,
                    proof: None,
                };
                (rests, way)
            }));
        }
        // Across the trunks of a group too, who rests comes last.
        ways.sort_by_key(|(rests, _)| *rests);
        if ways.is_empty() { Err(why) } else { Ok(ways.into_iter().map(|(_, way)| way).collect()) }
    }

    /// A leg of a call takes a way.
    pub fn took(&mut self, leg: (CallId, LegId), way: &Way) {
        self.carried.insert(leg, Arc::clone(&way.name));
    }

    /// A leg is gone.
    pub fn left(&mut self, leg: (CallId, LegId)) {
        self.carried.remove(&leg);
    }

    /// A call is over.
    pub fn over(&mut self, call: CallId) {
        self.carried.retain(|(of, _), _| *of != call);
    }

    /// A way failed with `status` (408 and 503 of our own included): it is left for last for a while, or for as long as it said.
    pub fn failed(&mut self, now: Time, way: &Way, retry_after: Option<Duration>) {
        if let Some(life) = self.lives.iter_mut().find(|life| life.rules.name == way.name) {
            life.rest(now, &way.flow, retry_after);
        }
    }

    /// The Authorization field that answers the challenge of the trunk called `name` to a request of ours, and its name. `None`: it is not
    /// to be answered.
    pub fn prove(
        &self,
        name: &str,
        challenge: &Message,
        method: &str,
        uri: &str,
        random: &mut Random,
    ) -> Option<(crate::sip::Name<'static>, String)> {
        let life = self.lives.iter().find(|life| *life.rules.name == *name)?;
        proof(&life.rules, challenge, method, uri, &random.token(16))
    }

    /// Whose calls come from `flow`: the trunk's rules.
    pub fn recognise(&self, flow: &Flow) -> Option<&Rules> {
        self.lives.iter().find(|life| life.is_at(flow)).map(|life| &life.rules)
    }

    /// What the trunk of this name says of encryption of media; `None`: as the node has it.
    pub fn srtp(&self, name: &str) -> Option<Srtp> {
        self.lives.iter().find(|life| *life.rules.name == *name)?.rules.srtp
    }

    /// Whether calls from the trunk of this name may have video.
    pub fn video(&self, name: &str) -> bool {
        self.lives.iter().any(|life| *life.rules.name == *name && life.rules.video)
    }

    /// The number of its list that the trunk called `name` is shown for `number`; `None`: it has none.
    pub fn shown(&self, name: &str, number: &str) -> Option<String> {
        self.lives.iter().find(|life| *life.rules.name == *name)?.rules.caller(number, &[])
    }

    /// Takes the next want; call until `None` after everything else.
    pub fn poll(&mut self) -> Option<Want> {
        self.wants.pop_front()
    }

    /// When [`Trunks::fire`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.deadline()
    }

    /// How each trunk is.
    pub fn view(&self, now: Time) -> Vec<TrunkView> {
        self.lives.iter().map(|life| life.view(now, self.carries(&life.rules.name))).collect()
    }

    /// Does what is due.
    pub fn fire(&mut self, now: Time, random: &mut Random) {
        while let Some((trunk, due)) = self.alarms.pop_due(now) {
            self.on_due(now, trunk, due, random);
        }
    }

    /// Takes the answer to a question.
    pub fn answered(&mut self, now: Time, ticket: u64, answer: Answer, random: &mut Random) {
        if let Some(trunk) = self.asked.remove(&ticket) {
            self.on_answer(now, trunk, answer, random);
        }
    }

    fn carries(&self, trunk: &str) -> usize {
        self.carried.values().filter(|of| ***of == *trunk).count()
    }

    fn life(&self, at: usize, ask: impl Fn(&Life) -> bool) -> bool {
        self.lives.get(at).is_some_and(ask)
    }

    /// The port that we listen on for `transport` at `local`, for Via and Contact.
    fn port(&self, transport: Transport, local: IpAddr) -> Option<u16> {
        let fits = |at: &std::net::SocketAddr| {
            at.ip() == local || (at.ip().is_unspecified() && at.is_ipv4() == local.is_ipv4())
        };
        self.listeners.iter().find(|(spoken, at)| *spoken == transport && fits(at)).map(|(_, at)| at.port())
    }
}
