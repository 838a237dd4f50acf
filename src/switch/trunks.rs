//! What trunks want done, and what comes of it.

use crate::base::Time;
use crate::sip::Message;
use crate::transaction::ClientKey;
use crate::trunk::Want;

use super::{Output, Switch};

impl Switch {
    /// Carries out what the trunks want.
    pub(super) fn run_errands(&mut self, now: Time) {
        while let Some(want) = self.trunks.poll() {
            match want {
                Want::Ask { ticket, question } => self.out.push_back(Output::Ask { ticket, question }),
                Want::Expect { flow, name } => {
                    self.out.push_back(Output::Expect { remote: flow.remote, name })
                }
                Want::Log(text) => self.log(false, text),
                Want::Send { errand, flow, request } => match self.layer.request(now, flow, request) {
                    Ok(key) => drop(self.errands.insert(key, errand)),
                    Err(_) => self.trunks.silent(now, errand),
                },
            }
        }
    }

    /// A response. `false` when it is to no request of a trunk's own.
    pub(super) fn on_errand_answered(&mut self, now: Time, key: ClientKey, message: &Message) -> bool {
        if message.status().is_some_and(|status| status < 200) {
            return self.errands.contains_key(&key);
        }
        let Some(errand) = self.errands.remove(&key) else { return false };
        self.trunks.heard(now, errand, message, &mut self.random);
        true
    }

    /// No answer came. `false` when the request was no trunk's own.
    pub(super) fn on_errand_failed(&mut self, now: Time, key: ClientKey) -> bool {
        let Some(errand) = self.errands.remove(&key) else { return false };
        self.trunks.silent(now, errand);
        true
    }
}
