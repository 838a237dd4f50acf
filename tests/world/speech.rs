//! Recognisers of the world: who is listened to, and what the story lets them hear.

use ledgerline::base::{CallId, LegId};
use ledgerline::speech::News;
use ledgerline::switch::Input;

use super::plans::Plan;
use super::{World, hearing};

impl World {
    /// The phones that are listened to now.
    pub fn listened(&self) -> Vec<&str> {
        self.ears.iter().filter_map(|(call, leg)| self.phone_at(*call, *leg)).collect()
    }

    /// The phones whose voices are gauged now.
    pub fn gauged(&self) -> Vec<&str> {
        self.gauges.iter().filter_map(|(call, leg)| self.phone_at(*call, *leg)).collect()
    }

    /// A recogniser has something to tell of a phone, at once. Of a phone that nobody listens to it tells of the last leg there was.
    pub fn hears(&mut self, name: &str, news: News) {
        let legs: Vec<(CallId, LegId)> = self.ever_heard.iter().copied().collect();
        let of = legs.into_iter().rfind(|(call, leg)| self.phone_at(*call, *leg) == Some(name));
        if let Some((call, leg)) = of {
            self.handle(Input::Speech { call, leg, news });
        }
    }

    /// Whether a tone is heard in somebody's place.
    pub fn bleeps(&self) -> bool {
        !self.plane.bleeps.is_empty()
    }

    /// By how much what a phone says reaches the others later.
    pub fn delay_of(&self, name: &str) -> std::time::Duration {
        let of = |((call, leg), delay): (&(CallId, LegId), &std::time::Duration)| {
            (self.phone_at(*call, *leg) == Some(name)).then_some(*delay)
        };
        self.plane.delays.iter().find_map(of).unwrap_or_default()
    }

    /// The texts that a phone was sent.
    pub fn texts_of(&self, name: &str) -> Vec<&str> {
        let phone = self.find(name).and_then(|at| self.phones.get(at));
        phone.into_iter().flat_map(|phone| &phone.texts).map(|(_, text)| text.as_str()).collect()
    }

    /// The node loads the plan of these stories with other words in the place of what agents may not promise.
    pub fn loads_words(&mut self, words: &str) {
        let before = "words promises v1 { \"保本保息\" \"稳赚不赔\" \"保本\" \"!不承诺[..4]*\" homophones }";
        self.handle(Input::Program(Plan::Screened.changed(before, words)));
    }

    fn phone_at(&self, call: CallId, leg: LegId) -> Option<&str> {
        let ((phone, _), _) = hearing::dialog_at(self.plane.address_of(call, leg)?, &self.phones)?;
        Some(&self.phones.get(phone)?.id.name)
    }
}
