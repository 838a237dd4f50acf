//! What policies say of text messages between users: `forbid WORDS in messages`, `note WORDS in messages`.
//!
//! Invariant: compiled once, when the plan is; which version of a set counts is asked of the moment, so a version that begins at
//! midnight counts from midnight on.

use std::fmt;
use std::sync::Arc;

use crate::base::Wall;
use crate::compliance::words::{BadPhrase, Hit, WordSet, Words};

use super::declared;
use super::resolved::Window;

/// What holds for text messages between users, whoever they are.
#[derive(Debug, Default)]
pub struct TextRules {
    /// `None`: nothing is looked for.
    words: Option<Words>,
    versions: Vec<Version>,
}

/// One version of a set that some policy names.
struct Version {
    set: Arc<str>,
    version: Arc<str>,
    window: Window,
    forbidden: bool,
}

/// What the rules say of one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// Whether it may not go.
    pub refused: bool,
    /// Every phrase of it that some rule names, those that are excused too.
    pub hits: Vec<Hit>,
}

impl TextRules {
    /// Compiles sets, each with whether texts that hold its phrases are refused. A set that is there twice is refused if it is once.
    pub(super) fn compile(sets: &[(Arc<declared::WordSet>, bool)]) -> Result<TextRules, Vec<BadPhrase>> {
        let (mut versions, mut written): (Vec<Version>, Vec<WordSet>) = (Vec::new(), Vec::new());
        for (set, forbidden) in sets {
            if let Some(known) = versions.iter().position(|version| version.set == set.name) {
                let same = versions.iter_mut().skip(known).filter(|version| version.set == set.name);
                same.for_each(|version| version.forbidden |= forbidden);
                continue;
            }
            for version in &set.versions {
                written.push(set.phrases(version));
                versions.push(Version {
                    set: set.name.clone(),
                    version: version.version.clone(),
                    window: version.window,
                    forbidden: *forbidden,
                });
            }
        }
        let words = if written.is_empty() { None } else { Some(Words::compile(&written)?) };
        Ok(TextRules { words, versions })
    }

    /// Whether some set in force at `wall` stops texts: what cannot be read may not go then.
    pub fn forbid_any(&self, wall: Wall) -> bool {
        self.versions.iter().any(|version| version.forbidden && version.window.holds(wall))
    }

    /// Whether there is anything to look for at `wall`.
    pub fn are_empty(&self, wall: Wall) -> bool {
        !self.versions.iter().any(|version| version.window.holds(wall))
    }

    /// Judges a text at `wall`.
    pub fn judge(&self, wall: Wall, text: &str) -> Judged {
        let mut judged = Judged::default();
        for hit in self.words.iter().flat_map(|words| words.scan(text)) {
            if let Some(version) = self.in_force(wall, &hit) {
                judged.refused |= version.forbidden && !hit.excused;
                judged.hits.push(hit);
            }
        }
        judged
    }

    /// The version of a hit's set, if it is the one that counts at `wall`: of several in force the latest.
    fn in_force(&self, wall: Wall, hit: &Hit) -> Option<&Version> {
        let latest = self
            .versions
            .iter()
            .rev()
            .find(|version| version.set == hit.set && version.window.holds(wall))?;
        (latest.version == hit.version).then_some(latest)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.set, self.version, if self.forbidden { " forbidden" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Folder, load};

    use super::*;

    #[test]
    fn a_version_counts_while_it_is_in_force() {
        let plan = "edition 2026\n\
            words 金融 v1 until 2026-05-31 { \"稳赚\" \"保本\" }\n\
            words 金融 v2 from 2026-06-01 { \"保本保息\" \"!不承诺[..2]*\" homophones }\n\
            words 投诉 { \"投诉\" }\n\
            words 别的 { \"别的\" }\n\
            class 一年 { from call.end; at least 1y }\n\
            policy 短信 for all calls { forbid 金融 in scripts, messages; note 投诉 in messages; forbid 别的 in scripts }\n\
            route \"1\" from users -> hangup\n";
        let folder = Folder::new().with_plan("a.plan", plan);
        let (program, findings) = load(&folder, &["a.plan"]);
        let program = program.unwrap_or_else(|| panic!("{findings:?}"));
        let (may, july) =
            (Wall::from_micros(1_777_900_000_000_000), Wall::from_micros(1_783_500_000_000_000));
        for (wall, text, refused, hits) in [
            (may, "稳赚保本", true, 2),
            (july, "稳赚保本", false, 0),
            (may, "宝本保西", false, 0),
            (july, "宝本保西", true, 1),
            (july, "不承诺保本保息", false, 1),
            (july, "我要投诉", false, 1),
            (july, "别的", false, 0),
        ] {
            let judged = program.texts().judge(wall, text);
            assert_eq!((judged.refused, judged.hits.len()), (refused, hits), "{text} at {wall:?}");
        }
        assert!(program.texts().forbid_any(july) && !TextRules::default().forbid_any(july));
    }
}
