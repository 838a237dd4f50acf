//! Numbers that agents' phones may not see (`mask phone in agent`): what a phone shows in their place, and the number that it can
//! dial to call back all the same.
//!
//! Invariant: a stand-in is drawn at random and says nothing of the number behind it; whoever dials one dials that number with their
//! own rights and by the plan's routes. All of it is memory of this process.

use std::collections::{HashMap, VecDeque};

use crate::base::{Masked, Random, bounds};
use crate::compliance::personal::masked;
use crate::plan::Origin;

use super::desk::Desk;
use super::transfer::Shown;
use super::{CALLER, Call, LegId};

/// Digits of a stand-in: more than any number of a telephone network has (E.164: 15), so that it is nobody's.
const DIGITS: usize = 16;

/// Numbers and their stand-ins.
#[derive(Debug, Default)]
pub struct Veils {
    numbers: HashMap<String, Masked>,
    stand_ins: HashMap<Masked, String>,
    /// The oldest first.
    order: VecDeque<String>,
}

impl Veils {
    /// What stands in for `number`; the same for as long as it is remembered.
    fn over(&mut self, number: &Masked, random: &mut Random) -> Masked {
        if let Some(known) = self.stand_ins.get(number) {
            return Masked::new(known);
        }
        if self.order.len() >= bounds::VEILS
            && let Some(oldest) = self.order.pop_front()
            && let Some(number) = self.numbers.remove(&oldest)
        {
            self.stand_ins.remove(&number);
        }
        let mut digits =
            || std::iter::once('9').chain((1..DIGITS).map(|_| digit(random))).collect::<String>();
        let mut stand_in = digits();
        while self.numbers.contains_key(&stand_in) {
            stand_in = digits();
        }
        self.numbers.insert(stand_in.clone(), number.clone());
        self.stand_ins.insert(number.clone(), stand_in.clone());
        self.order.push_back(stand_in.clone());
        Masked::new(stand_in)
    }

    /// The number that somebody means who has dialled a stand-in.
    pub fn lift(&self, dialled: &str) -> Option<&Masked> {
        self.numbers.get(dialled)
    }
}

fn digit(random: &mut Random) -> char {
    char::from_digit(random.below(10) as u32, 10).unwrap_or('0')
}

impl Call {
    /// Who calls, as the phones of users may know it.
    pub(super) fn shown_to_users(&self, desk: &mut Desk<'_>) -> Shown {
        let Shown { user, display } = &self.shown;
        let rules = &self.machine.policy().rules;
        let (phone, name) = (rules.masks("phone", "agent"), rules.masks("name", "agent"));
        if !(phone || name) || desk.directory.find(user.reveal()).is_some() {
            return self.shown.clone();
        }
        let display = match display.reveal() {
            "" => String::new(),
            // A carrier writes the number where a name could stand.
            text if text.chars().any(char::is_numeric) => masked(text),
            text if name => crate::base::mask_name(text),
            text => text.to_string(),
        };
        // An extension names a desk, and needs no cover.
        if !phone || user.shown() == user.reveal() {
            return Shown { user: user.clone(), display: Masked::new(display) };
        }
        let display = if display.is_empty() { user.to_string() } else { display };
        Shown { user: desk.veils.over(user, desk.random), display: Masked::new(display) }
    }

    /// Whom a lamp may name: somebody outside is masked as on the phone that rings.
    pub(super) fn named_on_lamps(&self, leg: LegId, user: Masked, display: Masked) -> (Masked, Masked) {
        let outside = match leg {
            CALLER => self.facts.origin != Origin::Users,
            _ => self.leg(leg).is_some_and(|at| at.way.is_some()),
        };
        let rules = &self.machine.policy().rules;
        let masks = |what| outside && rules.masks(what, "agent");
        let user = if masks("phone") { Masked::new(user.to_string()) } else { user };
        let display = match display.reveal() {
            text if masks("phone") && text.chars().any(char::is_numeric) => Masked::new(masked(text)),
            text if masks("name") => Masked::new(crate::base::mask_name(text)),
            _ => display,
        };
        (user, display)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_kept_told_apart_and_forgotten_in_its_turn() {
        let (mut veils, mut random) = (Veils::default(), Random::from_number(7));
        let mut over = |veils: &mut Veils, number: &str| veils.over(&Masked::new(number), &mut random);
        let first = over(&mut veils, "13812345678");
        assert_eq!((first.reveal().len(), over(&mut veils, "13812345678")), (DIGITS, first.clone()));
        assert!(!first.reveal().contains("5678") && over(&mut veils, "13812345679") != first);
        assert_eq!(veils.lift(first.reveal()), Some(&Masked::new("13812345678")));
        assert_eq!(veils.lift("13812345678"), None);
        for n in 0..bounds::VEILS {
            over(&mut veils, &format!("139{n:08}"));
        }
        assert_eq!(veils.lift(first.reveal()), None, "the oldest goes");
        assert_eq!((veils.numbers.len(), veils.stand_ins.len()), (bounds::VEILS, bounds::VEILS));
    }
}
