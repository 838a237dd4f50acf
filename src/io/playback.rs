//! A recording made ready to be heard on a phone: a prompt that lives in memory, and a plan of one route that plays it and hangs up.
//!
//! Invariants: the sound is never written in clear; its prompt has a random identity that nobody can ask for, and goes when its call
//! has ended; the plan records nothing, since what is played is recorded already.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::clock::wall;
use crate::base::{CallId, Masked, PromptId, Random, bounds};
use crate::media::Prompt;
use crate::plan::{Folder, Origin, Program, RouteId, load};
use crate::vault::{RATE_HZ, Sound};

/// The plan of every playback.
const PLAN: &str = "edition 2026\nmodule playback\n\
    policy heard for all calls {\n  record off\n}\n\
    prompt recording {\n  en \"recording.wav\"\n}\n\
    route names from users -> hearing\n\
    flow hearing {\n  play recording\n  hangup\n}\n";
const NAME: &str = "playback.plan";

/// Something to be played to somebody's phones.
pub(super) struct Playback {
    /// The call in which it will be heard.
    pub call: CallId,
    /// Whose phones ring.
    pub user: String,
    /// What the phone shows: the recording.
    pub label: Masked,
    /// The plan that the call is pinned to, and its route.
    pub program: Arc<Program>,
    pub route: RouteId,
    /// What its plan plays.
    pub id: PromptId,
    pub prompt: Prompt,
}

/// Why something is not played to a phone.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPlayable {
    /// It is longer than [`bounds::PLAYBACK`].
    #[error("longer than {} hours: write a file instead, with -o", bounds::PLAYBACK.as_secs() / 3_600)]
    Long,
    /// There is nothing in it.
    #[error("there is no sound in it")]
    Silent,
    /// The system gave no randomness, or our own plan does not load.
    #[error("{0}")]
    Failed(String),
}

/// Why a playback did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotStarted {
    /// [`bounds::PLAYBACKS`] are under way.
    #[error("{} recordings are played to phones already", bounds::PLAYBACKS)]
    Busy,
    /// There is no such user, or the node takes no calls.
    #[error("there is no such user, or the node takes no new calls")]
    Nobody,
}

impl Playback {
    /// `sound`, both tracks heard together, for the phones of `user`.
    pub(super) fn of(user: &str, label: String, sound: &Sound) -> Result<Playback, NotPlayable> {
        if sound.left.is_empty() {
            return Err(NotPlayable::Silent);
        }
        if sound.left.len() as u64 > bounds::PLAYBACK.as_secs() * u64::from(RATE_HZ) {
            return Err(NotPlayable::Long);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| NotPlayable::Failed(error.to_string()))?;
        let call = CallId::new(wall(), &mut Random::seeded(seed));
        let both: Vec<i16> =
            sound.left.iter().zip(&sound.right).map(|(left, right)| left.saturating_add(*right)).collect();
        let prompt = Prompt::from_samples(&both);
        let known = crate::plan::Sound::new(Sha256::digest(seed).into(), prompt.duration());
        let folder = Folder::new().with_plan(NAME, PLAN).with_sound("recording.wav", known);
        let (program, findings) = load(&folder, &[NAME]);
        let told =
            || findings.iter().map(|finding| finding.render(crate::plan::Lang::En)).collect::<String>();
        let program = program.ok_or_else(|| NotPlayable::Failed(told()))?;
        let route = program.route(&Origin::Users, "recording");
        let route = route.ok_or_else(|| NotPlayable::Failed("the plan has no route".into()))?;
        Ok(Playback {
            call,
            user: user.to_string(),
            label: Masked::new(label),
            program,
            route,
            id: known.id,
            prompt,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(samples: usize) -> Sound {
        Sound { left: vec![1_000; samples], right: vec![-3_000; samples], undecodable: Vec::new() }
    }

    #[test]
    fn a_playback_has_a_plan_that_loads_and_a_prompt_of_its_own() {
        let [one, other] = [0, 1].map(|_| Playback::of("8001", "r-1".into(), &sound(8_000)).expect("ready"));
        assert_ne!(one.id, other.id);
        assert_eq!(one.prompt.duration().as_secs(), 1);
        assert_eq!(one.program.prompts().iter().map(|prompt| prompt.id).collect::<Vec<_>>(), [one.id]);
        let heard = crate::rtp::g711::A_LAW[usize::from(one.prompt.a_law()[0])];
        assert!((-2_100..-1_900).contains(&heard), "both tracks together: {heard}");
    }

    #[test]
    fn what_is_no_sound_or_too_much_is_refused() {
        assert!(matches!(Playback::of("8001", "r-1".into(), &sound(0)), Err(NotPlayable::Silent)));
        let long = bounds::PLAYBACK.as_secs() as usize * 8_000 + 1;
        assert!(matches!(Playback::of("8001", "r-1".into(), &sound(long)), Err(NotPlayable::Long)));
    }
}
