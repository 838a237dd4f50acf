//! `[features]`: what users do by dialling a code.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::checked::Check;
use super::written;
use crate::base::bounds;

/// `[features]`: what users do by dialling a code. A code goes before every route of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// Takes a call that rings somebody of one's group; `None`: nobody can.
    pub pickup: Option<String>,
    /// With a number behind it: takes the call that rings there.
    pub pickup_user: Option<String>,
    /// Pressed during a call, with a slot's number or none behind it: parks the other side.
    pub park: Option<String>,
    /// With a number behind it: calls it, and asks its phone to answer by itself.
    pub intercom: Option<String>,
    /// Rings its user back once whoever was busy in the user's last call is free.
    pub call_back: Option<String>,
    /// Rings its user back no more.
    pub call_back_off: Option<String>,
    /// How long that is waited for.
    pub call_back_for: Duration,
    /// Dials the last number again.
    pub redial: Option<String>,
    /// Dials the last caller.
    pub return_call: Option<String>,
    /// The numbers of the park slots; dialling one takes the call parked there.
    pub slots: Vec<String>,
    /// How long a call stays parked before it rings whoever parked it.
    pub park_for: Duration,
    /// What users set for themselves, by code.
    pub settings: BTreeMap<String, Code>,
    /// Ring groups by name: what `dial group NAME` rings in a plan.
    pub ring: BTreeMap<String, Ring>,
    /// Groups of users by name; who is in none together picks up nothing of the other. No groups: all users are one.
    pub groups: BTreeMap<String, Vec<String>>,
}

/// What a dialled number means, if it is a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// Take a call that rings somebody of the caller's group.
    PickUpAny,
    /// Take the call that rings this number.
    PickUp(String),
    /// Take the call that is parked in this slot.
    Retrieve(String),
    /// Set something, or no more: the number behind a code that wants one.
    Set(Code, Option<String>),
    /// Be called when whoever was busy is free, or by nobody any more.
    CallBack(bool),
}

/// Which number is dialled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The one that the user dialled last.
    Number,
    /// The one that called the user last.
    Caller,
}

/// A ring group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// In which order its members ring.
    pub strategy: Strategy,
    /// Its members: users by name or number.
    pub members: Vec<String>,
    /// How long each rings, where they ring one after another.
    pub each: Duration,
}

/// In which order the members of a ring group ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// All at once.
    All,
    /// One after another, the first always first.
    InOrder,
    /// One after another, beginning with the one after whom the last call began with.
    RoundRobin,
}

/// What a code sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Forward calls of this kind to the number behind the code.
    Forward(Forwards),
    /// Forward calls of this kind no more.
    ForwardOff(Forwards),
    /// Nobody is to disturb (or may again).
    Dnd(bool),
}

/// Which calls are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwards {
    /// All.
    Always,
    /// Those that find every phone busy.
    Busy,
    /// Those that nobody answers.
    NoAnswer,
    /// Those that find no phone registered.
    Unregistered,
}

/// The codes of settings and what each sets unless the file says otherwise.
const SETTINGS: [(&str, Code); 10] = [
    ("*72", Code::Forward(Forwards::Always)),
    ("*73", Code::ForwardOff(Forwards::Always)),
    ("*90", Code::Forward(Forwards::Busy)),
    ("*91", Code::ForwardOff(Forwards::Busy)),
    ("*92", Code::Forward(Forwards::NoAnswer)),
    ("*93", Code::ForwardOff(Forwards::NoAnswer)),
    ("*94", Code::Forward(Forwards::Unregistered)),
    ("*95", Code::ForwardOff(Forwards::Unregistered)),
    ("*78", Code::Dnd(true)),
    ("*79", Code::Dnd(false)),
];

/// Slots of a node: a lamp for each would fill the largest side car.
const SLOTS: u32 = 100;

impl Default for Features {
    fn default() -> Features {
        Features {
            pickup: Some("*8".into()),
            pickup_user: Some("**".into()),
            park: Some("*68".into()),
            intercom: Some("*80".into()),
            call_back: Some("*66".into()),
            call_back_off: Some("*86".into()),
            call_back_for: bounds::CALL_BACK,
            redial: Some("*61".into()),
            return_call: Some("*69".into()),
            slots: Vec::new(),
            park_for: Duration::from_secs(120),
            settings: SETTINGS.iter().map(|(code, sets)| (code.to_string(), *sets)).collect(),
            ring: BTreeMap::new(),
            groups: BTreeMap::new(),
        }
    }
}

impl Features {
    /// What `dialled` means; `None`: it is a number for the plan.
    pub fn of(&self, dialled: &str) -> Option<Feature> {
        if self.pickup.as_deref() == Some(dialled) {
            return Some(Feature::PickUpAny);
        }
        for (code, on) in [(&self.call_back, true), (&self.call_back_off, false)] {
            if code.as_deref() == Some(dialled) {
                return Some(Feature::CallBack(on));
            }
        }
        if self.slots.iter().any(|slot| slot == dialled) {
            return Some(Feature::Retrieve(dialled.to_string()));
        }
        let behind = |code: &str| dialled.strip_prefix(code).filter(|number| !number.is_empty());
        if let Some(number) = self.pickup_user.as_deref().and_then(behind) {
            return Some(Feature::PickUp(number.to_string()));
        }
        self.settings.iter().find_map(|(code, sets)| match sets {
            Code::Forward(_) => behind(code).map(|to| Feature::Set(*sets, Some(to.to_string()))),
            Code::ForwardOff(_) | Code::Dnd(_) => (code == dialled).then_some(Feature::Set(*sets, None)),
        })
    }

    /// The number behind the code for a call that the called phone answers by itself.
    pub fn intercom<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        dialled.strip_prefix(self.intercom.as_deref()?).filter(|number| !number.is_empty())
    }

    /// Which number the code stands for, if it stands for one.
    pub fn again(&self, dialled: &str) -> Option<Again> {
        let codes = [(&self.redial, Again::Number), (&self.return_call, Again::Caller)];
        codes.into_iter().find(|(code, _)| code.as_deref() == Some(dialled)).map(|(_, again)| again)
    }

    /// Whether `user` may take a call that rings `other` (both account names).
    pub fn may_pick_up(&self, user: &str, other: &str) -> bool {
        let both = |members: &Vec<String>| {
            members.iter().any(|name| name == user) && members.iter().any(|name| name == other)
        };
        self.groups.is_empty() || user == other || self.groups.values().any(both)
    }
}

/// Gives the section as written its meaning.
pub(super) fn checked(check: &mut Check<'_>, written: &written::Features) -> Features {
    let default = Features::default();
    let features = Features {
        pickup: code(check, written.pickup.as_ref(), default.pickup),
        pickup_user: code(check, written.pickup_user.as_ref(), default.pickup_user),
        park: code(check, written.park.as_ref(), default.park),
        intercom: code(check, written.intercom.as_ref(), default.intercom),
        call_back: code(check, written.call_back.as_ref(), default.call_back),
        call_back_off: code(check, written.call_back_off.as_ref(), default.call_back_off),
        call_back_for: seconds(check, written.call_back_for_s.as_ref(), default.call_back_for, 60..=14_400),
        redial: code(check, written.redial.as_ref(), default.redial),
        return_call: code(check, written.return_call.as_ref(), default.return_call),
        slots: slots(check, written.slots.as_ref()),
        park_for: seconds(check, written.park_for_s.as_ref(), default.park_for, 10..=3_600),
        settings: settings(check, written),
        ring: rings(check, written),
        groups: written.groups.clone().unwrap_or_default(),
    };
    let codes = [
        (&written.pickup, &features.pickup),
        (&written.pickup_user, &features.pickup_user),
        (&written.park, &features.park),
        (&written.intercom, &features.intercom),
        (&written.call_back, &features.call_back),
        (&written.call_back_off, &features.call_back_off),
        (&written.redial, &features.redial),
        (&written.return_call, &features.return_call),
    ];
    for (at, (place, one)) in codes.iter().enumerate() {
        let says = |n: usize, other: &Option<Spanned<String>>| n < at || (n > at && other.is_none());
        let twice =
            one.is_some() && codes.iter().enumerate().any(|(n, (place, code))| code == one && says(n, place));
        if let Some(place) = place.as_ref().filter(|_| twice) {
            check.wrong(place.span(), "two features have this code", "give each a code of its own");
        }
    }
    features
}

/// The ring groups.
fn rings(check: &mut Check<'_>, written: &written::Features) -> BTreeMap<String, Ring> {
    let mut rings = BTreeMap::new();
    for (name, ring) in written.ring.iter().flatten() {
        let strategy = match ring.strategy.get_ref().as_str() {
            "all" => Strategy::All,
            "in-order" => Strategy::InOrder,
            "round-robin" => Strategy::RoundRobin,
            _ => {
                check.wrong(ring.strategy.span(), "not a strategy", "all, in-order or round-robin");
                continue;
            }
        };
        let members = ring.members.get_ref().clone();
        if !(1..=bounds::FORKS).contains(&members.len()) {
            check.wrong(ring.members.span(), "not a group", format!("1 to {} users", bounds::FORKS));
        }
        let each = check.seconds(ring.each_s.as_ref(), bounds::PREFERENCE_STEP, 5..=300);
        rings.insert(name.clone(), Ring { strategy, members, each });
    }
    rings
}

/// The codes of settings; two of one spelling are a fault.
fn settings(check: &mut Check<'_>, written: &written::Features) -> BTreeMap<String, Code> {
    let places = [
        &written.forward_always,
        &written.forward_always_off,
        &written.forward_busy,
        &written.forward_busy_off,
        &written.forward_no_answer,
        &written.forward_no_answer_off,
        &written.forward_unregistered,
        &written.forward_unregistered_off,
        &written.dnd,
        &written.dnd_off,
    ];
    let mut codes = BTreeMap::new();
    for (place, (default, sets)) in places.into_iter().zip(SETTINGS) {
        let Some(spelt) = code(check, place.as_ref(), Some(default.to_string())) else { continue };
        if codes.insert(spelt, sets).is_some()
            && let Some(place) = place
        {
            check.wrong(place.span(), "two features have this code", "give each a code of its own");
        }
    }
    codes
}

/// A code; an empty one turns its feature off.
fn code(check: &mut Check<'_>, value: Option<&Spanned<String>>, default: Option<String>) -> Option<String> {
    let Some(value) = value else { return default };
    let code = value.get_ref();
    let keys = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#');
    if code.len() > 8 || !code.chars().all(keys) {
        check.wrong(value.span(), "not a code", "up to 8 of 0-9, `*`, `#`; empty turns the feature off");
    }
    Some(code.clone()).filter(|code| !code.is_empty())
}

/// `"701-720"`: numbers of equal length.
fn slots(check: &mut Check<'_>, value: Option<&Spanned<String>>) -> Vec<String> {
    let Some(value) = value else { return Vec::new() };
    let range = value.get_ref().split_once('-').and_then(|(first, last)| {
        let digits = |text: &str| (1..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        let fits = digits(first) && digits(last) && first.len() == last.len();
        Some((first.parse::<u32>().ok()?, last.parse::<u32>().ok()?, first.len())).filter(|_| fits)
    });
    match range {
        Some((first, last, width)) if first <= last && last - first < SLOTS => {
            (first..=last).map(|slot| format!("{slot:0width$}")).collect()
        }
        _ => {
            let hint = format!("for example \"701-720\", at most {SLOTS} slots");
            check.wrong(value.span(), "not a range of park slots", hint);
            Vec::new()
        }
    }
}

fn seconds(
    check: &mut Check<'_>,
    value: Option<&Spanned<u64>>,
    default: Duration,
    range: RangeInclusive<u64>,
) -> Duration {
    let Some(value) = value else { return default };
    if !range.contains(value.get_ref()) {
        let hint = format!("{} to {} seconds", range.start(), range.end());
        check.wrong(value.span(), "not a time to wait", hint);
    }
    Duration::from_secs(*value.get_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Features {
        let slots = vec!["701".to_string(), "702".to_string()];
        let sales = vec!["alice".to_string(), "bob".to_string()];
        Features { slots, groups: BTreeMap::from([("sales".into(), sales)]), ..Features::default() }
    }

    #[test]
    fn a_code_is_told_from_a_number() {
        for (dialled, meant) in [
            ("*8", Some(Feature::PickUpAny)),
            ("**8002", Some(Feature::PickUp("8002".into()))),
            ("**", None),
            ("702", Some(Feature::Retrieve("702".into()))),
            ("703", None),
            ("8002", None),
            ("*80", None),
            ("*728003", Some(Feature::Set(Code::Forward(Forwards::Always), Some("8003".into())))),
            ("*72", None),
            ("*73", Some(Feature::Set(Code::ForwardOff(Forwards::Always), None))),
            ("*78", Some(Feature::Set(Code::Dnd(true), None))),
            ("*781", None),
            ("*66", Some(Feature::CallBack(true))),
            ("*86", Some(Feature::CallBack(false))),
            ("*61", None),
        ] {
            assert_eq!(features().of(dialled), meant, "{dialled}");
        }
        let off = Features { pickup: None, pickup_user: None, ..features() };
        assert_eq!((off.of("*8"), off.of("**8002")), (None, None));
    }

    #[test]
    fn a_number_behind_the_code_is_called_to_answer_by_itself() {
        for (dialled, number) in
            [("*808002", Some("8002")), ("*80bob", Some("bob")), ("*80", None), ("8002", None)]
        {
            assert_eq!(features().intercom(dialled), number, "{dialled}");
        }
        assert_eq!(Features { intercom: None, ..features() }.intercom("*808002"), None);
    }

    #[test]
    fn a_number_is_dialled_again_by_its_code() {
        for (dialled, again) in
            [("*61", Some(Again::Number)), ("*69", Some(Again::Caller)), ("*691", None), ("8002", None)]
        {
            assert_eq!(features().again(dialled), again, "{dialled}");
        }
        assert_eq!(Features { redial: None, ..features() }.again("*61"), None);
    }

    #[test]
    fn groups_pick_up_for_each_other() {
        for (user, other, may) in [
            ("alice", "bob", true),
            ("alice", "carol", false),
            ("carol", "carol", true),
            ("carol", "dave", false),
        ] {
            assert_eq!(features().may_pick_up(user, other), may, "{user} {other}");
        }
        assert!(Features::default().may_pick_up("carol", "dave"));
    }
}
