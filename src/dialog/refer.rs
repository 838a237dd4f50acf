//! What a REFER asks for: RFC 3515, with Replaces for attended transfer (RFC 5589) and without a subscription (RFC 4488).

use super::replaces::Replaces;
use crate::base::bounds;
use crate::sip::{Message, Name, NameAddr, Scheme};

/// The option tag of RFC 4488.
pub const OPTION: &str = "norefersub";

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Refer {
    /// Who is to be called: the user of a SIP URI, the number of a tel URI, unescaped. A person's number may be among them.
    pub dialled: String,
    /// The call whose far side is to be joined with, instead of a new one.
    pub replaces: Option<Replaces>,
    /// Whether the sender wants to hear how it goes (not with `Refer-Sub: false`).
    pub subscribes: bool,
}

/// Why a REFER cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No Refer-To, more than one, or one that cannot be read.
    #[error("Refer-To is missing, doubled or broken")]
    Broken,
    /// A scheme other than sip, sips and tel.
    #[error("Refer-To has a scheme that cannot be called")]
    Scheme,
    /// A method other than INVITE.
    #[error("Refer-To asks for another method than INVITE")]
    Method,
    /// Nobody is named.
    #[error("Refer-To names nobody")]
    Nobody,
    /// The Replaces in it cannot be read.
    #[error("the Replaces of Refer-To names no dialog")]
    Replaces,
}

impl Unusable {
    /// What to answer.
    pub const fn status(self) -> u16 {
        match self {
            Unusable::Broken | Unusable::Replaces => 400,
            Unusable::Scheme => 416,
            Unusable::Method => 403,
            Unusable::Nobody => 404,
        }
    }
}

impl Refer {
    /// Reads a REFER.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn of(request: &Message) -> Result<Refer, Unusable> {
        let mut targets = request.headers(Name::ReferTo);
        let (Some(value), None) = (targets.next(), targets.next()) else { return Err(Unusable::Broken) };
        let target = NameAddr::parse(value).map_err(|_| Unusable::Broken)?;
        let uri = target.uri();
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel) {
            return Err(Unusable::Scheme);
        }
        if uri.params().get("method").is_some_and(|method| !method.eq_ignore_ascii_case("INVITE")) {
            return Err(Unusable::Method);
        }
        let dialled = uri.user_decoded().map(|user| user.into_owned()).unwrap_or_default();
        if dialled.is_empty() || dialled.len() > bounds::DIALLED {
            return Err(Unusable::Nobody);
        }
        let replaces = uri
            .header_pairs()
            .find(|(name, _)| name.eq_ignore_ascii_case("Replaces"))
            .map(|(_, value)| Replaces::read(&value).ok_or(Unusable::Replaces))
            .transpose()?;
        let quiet = request.header(Name::ReferSub).is_some_and(|value| {
            let word = value.split(|c| *c == b';').next().unwrap_or_default();
            word.trim_ascii().eq_ignore_ascii_case(b"false")
        });
        Ok(Refer { dialled, replaces, subscribes: !quiet })
    }
}

impl std::fmt::Debug for Refer {
    /// Not whom.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Refer(attended: {}, subscribes: {})", self.replaces.is_some(), self.subscribes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer(lines: &str) -> Result<Refer, Unusable> {
        let text = format!(
            "REFER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n\
             Call-ID: 1\r\nCSeq: 1 REFER\r\n{lines}\r\n"
        );
        Refer::of(&Message::parse(text.into()).expect("well formed"))
    }

    #[test]
    fn a_target_is_read_in_every_spelling() {
        for (lines, dialled) in [
            ("Refer-To: <sip:8003@pbx.test>\r\n", Ok("8003")),
            ("r: sip:8003@pbx.test\r\n", Ok("8003")),
            ("Refer-To: \"Carol\" <sip:%38003@pbx.test;method=INVITE>\r\n", Ok("8003")),
            ("Refer-To: <tel:+8613800138005>\r\n", Ok("+8613800138005")),
            ("Refer-To: <sip:pbx.test>\r\n", Err(Unusable::Nobody)),
            ("Refer-To: <http://pbx.test/x>\r\n", Err(Unusable::Scheme)),
            ("Refer-To: <sip:8003@pbx.test;method=BYE>\r\n", Err(Unusable::Method)),
            ("Refer-To: <sip:8003@pbx.test>\r\nRefer-To: <sip:8004@pbx.test>\r\n", Err(Unusable::Broken)),
            ("Refer-To: <<\r\n", Err(Unusable::Broken)),
            ("", Err(Unusable::Broken)),
            ("Refer-To: <sip:8003@pbx.test?Replaces=nothing>\r\n", Err(Unusable::Replaces)),
        ] {
            assert_eq!(refer(lines).as_ref().map(|r| r.dialled.as_str()).map_err(|e| *e), dialled, "{lines}");
        }
    }

    #[test]
    fn an_attended_transfer_names_the_other_dialog() {
        let read = refer(
            "Refer-To: <sip:8003@pbx.test?Replaces=x%40y%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs&Require=replaces>\r\nRefer-Sub: false\r\n",
        )
        .expect("usable");
        assert!(!read.subscribes);
        let replaces = read.replaces.expect("there");
        assert_eq!((replaces.dialog.call_id(), replaces.dialog.local_tag()), (&b"x@y"[..], "ours"));
        assert_eq!(replaces.dialog.remote_tag(), "theirs");
    }
}
