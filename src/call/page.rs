//! What the agent's page shows of a call: what the plan pops, cards, texts, and words that were spoken, as they come.
//!
//! ```text
//!  pop, push, show, words ──> notes of the call ──┬─ the agent's page is open ──> the page, whole, whenever it changes
//!                                                 └─ it is not ───────────────> a text on the agent's phone
//! ```
//!
//! Invariant: everything on a page is made for people: numbers and names are masked; a page is made for whoever looks, and for nobody
//! else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::{LegId, Masked, bounds};
use crate::plan::{Card, Shows};

use super::desk::{Desk, Effect};
use super::leg::Stage;
use super::screen::Spoken;
use super::{CALLER, Call, Phase};

/// One call on an agent's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The call.
    pub call: String,
    /// `rings` or `talks`.
    pub stage: String,
    /// Who calls, masked.
    pub caller: String,
    /// What the plan pops, in its order.
    pub shows: Vec<Shown>,
    /// Cards that the plan pushes, or that words of the customer bring.
    pub cards: Vec<Shown>,
    /// Texts that the plan shows.
    pub texts: Vec<String>,
    /// Words that policies name, the last ones.
    pub hits: Vec<Spoken>,
}

/// A thing on a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shown {
    /// A value under its name.
    Value {
        /// Its name.
        name: String,
        /// The value, masked by its type.
        text: String,
    },
    /// A script in the version in force.
    Script {
        /// Its name.
        name: String,
        /// The version.
        version: String,
        /// What to say.
        text: String,
    },
    /// A script that no version of is in force: it cannot be used.
    Lapsed {
        /// Its name.
        name: String,
    },
    /// A card.
    Card {
        /// Its heading.
        title: String,
        /// What it says.
        text: Option<String>,
        /// Where more is.
        link: Option<String>,
    },
}

impl From<&Shows> for Shown {
    fn from(shows: &Shows) -> Shown {
        match shows {
            Shows::Value(name, text) => Shown::Value { name: name.to_string(), text: text.to_string() },
            Shows::Script(name, version, text) => {
                Shown::Script { name: name.to_string(), version: version.to_string(), text: text.to_string() }
            }
            Shows::Lapsed(name) => Shown::Lapsed { name: name.to_string() },
            Shows::Card(card) => Shown::from(&**card),
        }
    }
}

impl From<&Card> for Shown {
    fn from(card: &Card) -> Shown {
        let text = |text: &Option<Arc<str>>| text.as_ref().map(ToString::to_string);
        Shown::Card { title: card.title.to_string(), text: text(&card.text), link: text(&card.link) }
    }
}

/// What there is to show of a call.
#[derive(Debug, Default)]
pub(super) struct Notes {
    shows: Vec<Shows>,
    cards: Vec<Arc<Card>>,
    texts: Vec<Arc<str>>,
    /// Grows with every change.
    revision: u64,
    /// Who was shown what: the user, the stage and the revision.
    shown: Vec<(Masked, &'static str, u64)>,
}

impl Call {
    /// Tells the pages that are open what there is to see now. Asked after everything that happens to the call.
    pub fn mind_pages(&mut self, desk: &mut Desk<'_>) {
        if desk.pages.is_empty() {
            return;
        }
        let revision = self.notes.as_ref().map_or(0, |notes| notes.revision);
        let audience = self.audience(desk);
        let shown = self.notes.as_mut().map(|notes| std::mem::take(&mut notes.shown)).unwrap_or_default();
        if audience.is_empty() && shown.is_empty() {
            return;
        }
        let call = self.id;
        let looks = |user: &Masked| desk.pages.contains(user.reveal());
        let gone = |user: &Masked| looks(user) && !audience.iter().any(|(other, _)| other == user);
        for (user, ..) in shown.iter().filter(|(user, ..)| gone(user)) {
            desk.effects.push_back(Effect::Page { user: user.clone(), call, page: None });
        }
        for (user, stage) in &audience {
            if !shown.contains(&(user.clone(), *stage, revision)) {
                let page = Some(Box::new(self.page(stage)));
                desk.effects.push_back(Effect::Page { user: user.clone(), call, page });
            }
        }
        let now = audience.into_iter().map(|(user, stage)| (user, stage, revision)).collect();
        self.notes.get_or_insert_default().shown = now;
    }

    /// A user's page was opened anew: it knows nothing.
    pub fn page_opened(&mut self, user: &str) {
        if let Some(notes) = &mut self.notes {
            notes.shown.retain(|(known, ..)| known.reveal() != user);
        }
    }

    /// Users whose pages are open and whose call it is: whose phones ring, or the agent who talks.
    fn audience(&self, desk: &Desk<'_>) -> Vec<(Masked, &'static str)> {
        let user = |leg: LegId| match leg {
            CALLER => Some(&self.caller_name),
            leg => self.leg(leg).filter(|at| at.way.is_none()).map(|at| &at.user),
        };
        let mut audience: Vec<(Masked, &'static str)> = Vec::new();
        let mut add = |who: Option<&Masked>, stage| {
            if let Some(who) = who.filter(|who| desk.pages.contains(who.reveal()))
                && !audience.iter().any(|(known, _)| known == who)
            {
                audience.push((who.clone(), stage));
            }
        };
        match self.phase {
            Phase::Talking { .. } => add(self.agent().and_then(user), "talks"),
            Phase::Dialling(_) => {
                let rings = |stage: &Stage| matches!(stage, Stage::Calling { cancelled: false, .. });
                let ringing = self.legs.iter().filter(|leg| rings(&leg.stage) && !self.is_monitor(leg.id));
                ringing.for_each(|leg| add(user(leg.id), "rings"));
            }
            _ => {}
        }
        audience
    }

    fn page(&self, stage: &str) -> Page {
        let mut page = Page {
            call: self.id.to_string(),
            stage: stage.into(),
            caller: self.facts.caller.to_string(),
            shows: Vec::new(),
            cards: Vec::new(),
            texts: Vec::new(),
            hits: self.all_spoken(),
        };
        page.hits.drain(..page.hits.len().saturating_sub(bounds::PAGE_LINES));
        if let Some(notes) = &self.notes {
            page.shows = notes.shows.iter().map(Shown::from).collect();
            page.cards = notes.cards.iter().map(|card| Shown::from(&**card)).collect();
            page.texts = notes.texts.iter().map(ToString::to_string).collect();
        }
        page
    }

    /// Something is to be shown, or has changed.
    pub(super) fn page_changes(&mut self, change: impl FnOnce(&mut Notes)) {
        let notes = self.notes.get_or_insert_default();
        change(notes);
        notes.revision += 1;
        let (cards, texts) = (notes.cards.len(), notes.texts.len());
        notes.cards.drain(..cards.saturating_sub(bounds::PAGE_LINES));
        notes.texts.drain(..texts.saturating_sub(bounds::PAGE_LINES));
    }

    /// What the plan shows before the phone is answered.
    pub(super) fn pop(&mut self, shows: Vec<Shows>) {
        self.page_changes(|notes| notes.shows = shows);
    }

    /// A card for the agent's page; on the phone, while no page is open.
    pub(super) fn push_card(&mut self, desk: &mut Desk<'_>, card: Arc<Card>) {
        if let Some(user) = self.agents_user().filter(|user| !desk.pages.contains(user.reveal())) {
            let more = [&card.text, &card.link].into_iter().flatten();
            let text = more.fold(card.title.to_string(), |text, more| format!("{text}\n{more}"));
            desk.effects.push_back(Effect::Tell { user, text: text.into() });
        }
        self.page_changes(|notes| notes.cards.push(card));
    }

    /// A text for the agent's page. `false`: it is not open.
    pub(super) fn put_text(&mut self, desk: &Desk<'_>, user: &Masked, text: Arc<str>) -> bool {
        self.page_changes(|notes| notes.texts.push(text));
        desk.pages.contains(user.reveal())
    }

    /// Cards that wait for words of this set come up, each once a call.
    pub(super) fn cards_on(&mut self, desk: &mut Desk<'_>, set: &str) {
        let program = self.machine.program().clone();
        let waiting = program.declared().cards.iter().filter(|card| card.on.iter().any(|on| **on == *set));
        for card in waiting {
            let up = self.notes.iter().any(|notes| notes.cards.iter().any(|known| known.name == card.name));
            if !up {
                self.note(desk, format!("card {}: the customer speaks of it", card.name));
                self.push_card(desk, card.clone());
            }
        }
    }

    /// What was popped goes to the phone of an agent whose page is not open, now that the two talk.
    pub(super) fn tell_popped(&mut self, desk: &mut Desk<'_>) {
        let Some(user) = self.agents_user().filter(|user| !desk.pages.contains(user.reveal())) else {
            return;
        };
        let Some(notes) = self.notes.as_ref().filter(|notes| !notes.shows.is_empty()) else { return };
        let lines: Vec<String> = notes.shows.iter().map(ToString::to_string).collect();
        desk.effects.push_back(Effect::Tell { user, text: lines.join("\n").into() });
    }

    /// The agent, where it is a user of this node.
    fn agents_user(&self) -> Option<Masked> {
        match self.agent()? {
            CALLER => Some(self.caller_name.clone()),
            leg => self.leg(leg).filter(|at| at.way.is_none()).map(|at| at.user.clone()),
        }
    }
}
