//! A phone that plays a carrier's machine: it takes calls for whatever number, and may want requests proved.

use ledgerline::base::Time;

use super::Phone;
use crate::world::digest;
use crate::world::text::Heard;

/// What a carrier's machine wants of whoever calls it.
#[derive(Debug, Clone, Default)]
pub struct Carrier {
    /// Requests that it wants proved, by method.
    pub proves: Vec<&'static str>,
    /// The password that it wants.
    pub secret: String,
    /// Proofs that it has taken, by method.
    pub proved: Vec<String>,
    /// Challenges that it has sent.
    pub challenges: usize,
}

/// The realm of every carrier.
pub const CARRIER_REALM: &str = "carrier.test";

impl Phone {
    /// Plays a carrier from now on.
    pub fn is_carrier(&mut self) -> &mut Carrier {
        self.carrier.get_or_insert_default()
    }

    /// Challenges a request that is to be proved and is not. `true`: it is answered.
    pub fn challenges(&mut self, now: Time, heard: &Heard) -> bool {
        let Some(carrier) = &mut self.carrier else { return false };
        let method = heard.method().to_string();
        if !carrier.proves.contains(&method.as_str()) {
            return false;
        }
        let proof = heard.one("Proxy-Authorization");
        if digest::holds(proof, &carrier.secret, &method) {
            carrier.proved.push(method);
            return false;
        }
        carrier.challenges += 1;
        let nonce = format!("n{}", carrier.challenges);
        let line = format!(
            "Proxy-Authenticate: Digest realm=\"{CARRIER_REALM}\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"\n"
        );
        let dialog = self.dialog_of(heard.call_id(), heard.tag_of_to());
        if let Some(at) =
            dialog.and_then(|dialog| self.dialogs.get_mut(dialog)).filter(|_| method == "INVITE")
        {
            at.remote_invite = heard.cseq();
        }
        self.reply_with(now, heard, 407, &line, "");
        true
    }
}
