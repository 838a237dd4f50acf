//! What a plan declares besides flows: queues, groups, webhooks, cards, scripts, words, trunks, campaigns, owners.
//!
//! Invariant: names are resolved and texts checked; the engines that serve these read nothing else of a plan.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{PromptId, Wall};
use crate::compliance::words::{self, Level, Party};

use super::lookup::Lookup;
use super::pattern::Pattern;
use super::resolved::Window;
use super::template;
use super::value::Value;

/// Everything declared, by kind, in the order of the files.
#[derive(Debug, Default)]
pub struct Declared {
    /// Questions to systems outside.
    pub lookups: Vec<Arc<Lookup>>,
    /// What agents say.
    pub scripts: Vec<Script>,
    /// Words to listen for.
    pub words: Vec<Arc<WordSet>>,
    /// What the plan demands of trunks.
    pub trunks: Vec<TrunkRules>,
    /// People who are rung together.
    pub groups: Vec<Arc<Group>>,
    /// Where callers wait.
    pub queues: Vec<Arc<Queue>>,
    /// Outside systems that are told of what happens.
    pub webhooks: Vec<Arc<Webhook>>,
    /// Knowledge for screens.
    pub cards: Vec<Arc<Card>>,
    /// Calls that the switch makes by itself.
    pub campaigns: Vec<Campaign>,
    /// The emergency plans, by name.
    pub emergencies: Vec<Arc<str>>,
    /// Who answers for the files and who must sign them.
    pub modules: Vec<Module>,
}

impl Declared {
    /// Every set of words in the version that is in force at `wall`.
    pub fn phrases_at(&self, wall: Wall) -> Vec<words::WordSet> {
        self.words.iter().filter_map(|set| set.at(wall).map(|version| set.phrases(version))).collect()
    }
}

/// A file's owner and who must sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name.
    pub name: Arc<str>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    /// Roles, and how many people of each must sign.
    pub approvals: Vec<(Arc<str>, u8)>,
    /// Whether the author's signature does not count.
    pub others: bool,
    /// The file.
    pub file: Arc<str>,
}

/// A script in all its versions, the earliest first.
#[derive(Debug, Clone)]
pub struct Script {
    /// Its name.
    pub name: Arc<str>,
    /// Its versions.
    pub versions: Vec<ScriptVersion>,
}

impl Script {
    /// The version in force at `wall`; `None`: the script cannot be used.
    pub fn at(&self, wall: Wall) -> Option<&ScriptVersion> {
        self.versions.iter().rev().find(|version| version.window.holds(wall))
    }
}

/// One version of a script.
#[derive(Debug, Clone)]
pub struct ScriptVersion {
    /// `v7`; empty when there is only one.
    pub version: Arc<str>,
    pub(crate) window: Window,
    /// Its texts by language; holes are filled by number.
    pub(crate) texts: Vec<ScriptText>,
}

impl ScriptVersion {
    /// The text in `lang`, or in its first language, with values put in.
    pub(crate) fn say(&self, lang: Option<&str>, given: &[Value]) -> String {
        let of = |lang: &str| self.texts.iter().find(|text| &*text.lang == lang);
        let Some(text) = lang.and_then(of).or(self.texts.first()) else {
            return String::new();
        };
        let mut out = String::new();
        for part in &text.parts {
            match part {
                ScriptPart::Text(text) => out.push_str(text),
                ScriptPart::Own(value) => out.push_str(&value.shown(super::value::Shown::Text)),
                ScriptPart::Given(at, shown) => {
                    out.push_str(&given.get(*at).map(|value| value.shown(*shown)).unwrap_or_default());
                }
            }
        }
        out
    }
}

/// A script's text in one language.
#[derive(Debug, Clone)]
pub(crate) struct ScriptText {
    pub lang: Arc<str>,
    pub parts: Vec<ScriptPart>,
    pub sound: Option<PromptId>,
}

/// A part of a script.
#[derive(Debug, Clone)]
pub(crate) enum ScriptPart {
    Text(Arc<str>),
    /// A value of the version itself.
    Own(Value),
    /// The value of this number that the use of the script gives, and as what it is shown.
    Given(usize, super::value::Shown),
}

/// Words, in all versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordSet {
    /// The name.
    pub name: Arc<str>,
    /// Each version with its words.
    pub versions: Vec<WordVersion>,
}

/// One version of a set of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordVersion {
    /// `v2026.08`; empty when there is only one.
    pub version: Arc<str>,
    pub(crate) window: Window,
    /// The words.
    pub words: Vec<Arc<str>>,
    /// Whether words count that sound alike, or nearly.
    pub level: Level,
    /// Whether calls in progress get them at once.
    pub urgent: bool,
}

impl WordSet {
    /// The version in force at `wall`.
    pub fn at(&self, wall: Wall) -> Option<&WordVersion> {
        self.versions.iter().rev().find(|version| version.window.holds(wall))
    }

    /// One of its versions, as what looks for words takes it.
    pub fn phrases(&self, version: &WordVersion) -> words::WordSet {
        words::WordSet {
            name: self.name.clone(),
            version: version.version.clone(),
            level: version.level,
            party: Party::Any,
            phrases: version.words.clone(),
        }
    }
}

/// What a plan demands of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkRules {
    /// The trunk's name, as in `ledgerline.toml`.
    pub name: Arc<str>,
    /// The only caller numbers; empty: the trunk's own rules.
    pub caller_ids: Vec<Arc<str>>,
    /// Rewrites of numbers, as patterns and texts.
    pub rewrites: Vec<(Arc<str>, Arc<str>)>,
}

impl TrunkRules {
    /// How `number` is written to the carrier: by the first rewrite whose pattern takes it; else as it is.
    pub fn written(&self, number: &str) -> String {
        let fits = self.rewrites.iter().find_map(|(from, to)| {
            let pattern = Pattern::parse(from).ok()?;
            pattern.matches(number).then_some((pattern, to))
        });
        let Some((pattern, to)) = fits else { return number.to_string() };
        let part = |part| match part {
            template::Part::Text(text) => text,
            template::Part::Hole { name, .. } => {
                let capture = pattern.captures.iter().find(|capture| *capture.name == *name);
                capture.map_or_else(String::new, |capture| pattern.captured(capture, number))
            }
            template::Part::Broken(_) => String::new(),
        };
        template::parts(to).into_iter().map(part).collect()
    }
}

/// A group of people.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name.
    pub name: Arc<str>,
    /// Its members, in order.
    pub(crate) members: Vec<super::resolved::TargetSource>,
    /// How they are rung.
    pub(crate) strategy: super::ast::Strategy,
    /// How long each rings, in order or by turns.
    pub each: Duration,
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The name.
    pub name: Arc<str>,
    /// The group of its agents.
    pub agents: Arc<str>,
    /// How many may wait.
    pub size: u32,
    /// What waiting callers hear; empty: the node's music.
    pub music: Vec<PromptId>,
    /// Which agent is next: the plan's word.
    pub order: Arc<str>,
    /// How often the place is told.
    pub announce: Option<Duration>,
}

/// An outside system that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The name.
    pub name: Arc<str>,
    /// Where to.
    pub url: Arc<str>,
}

/// A card of knowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The name.
    pub name: Arc<str>,
    /// The heading.
    pub title: Arc<str>,
    /// What it says.
    pub text: Option<Arc<str>>,
    /// Where more is.
    pub link: Option<Arc<str>>,
    /// Shown by itself when the customer says one of these words.
    pub on: Vec<Arc<str>>,
    /// The file and the line, from 1, where it is declared.
    pub place: (Arc<str>, u32),
}

/// Calls that the switch makes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// The name.
    pub name: Arc<str>,
    /// Minutes after midnight between which calls may be made.
    pub window: (u16, u16),
    /// Calls to one person in a day.
    pub limit: u32,
    /// Days overdue from, to, and the script.
    pub tiers: Vec<(u32, u32, Arc<str>)>,
    /// The numbers that are shown.
    pub caller_ids: Vec<Arc<str>>,
    /// The flow that takes over when somebody answers.
    pub flow: Arc<str>,
    /// Calls in an hour.
    pub pace: u32,
}
