//! What RFC 3261 §8.1.1 and §8.2 ask of every message before a transaction sees it, and checks that upper rooms ask for by name.

use super::address::NameAddr;
use super::message::{Message, cseq};
use super::name::{Code, Name};
use super::param::Params;
use super::refusal::{Malformed, Refusal};
use super::scan::Commas;
use super::uri::Uri;
use super::via::Via;
use crate::base::bounds;

/// Checks the values that everything above relies on. After it, [`Message::top_via`], [`Message::from`], [`Message::to`],
/// [`Message::call_id`], [`Message::cseq`] and, of a request, [`Message::request_uri`] are there and sound.
///
/// * Via, From, To, Call-ID, CSeq: there, the last four once, all readable; at most [`bounds::VIAS`] Via.
/// * Max-Forwards, Expires, Content-Type and other single values: once; Max-Forwards `0..=255`.
/// * Contact, Route, Record-Route: readable; `*` only in a REGISTER and alone.
/// * The CSeq's method is the request's.
///
/// Left to upper rooms: Max-Forwards 0 (483, a proxy's matter), unknown methods (501/405), schemes (416), Require (420,
/// [`unsupported_options`]), bodies (415), Accept (406, [`accepts`]), credentials.
///
/// # Errors
/// [`Refusal`] with 400 (483 for too many Via), carrying the message; silent for a response or an ACK.
pub fn validate(message: &Message) -> Result<(), Refusal> {
    check(message).map_err(|(status, header, Malformed(why))| Refusal {
        status,
        why,
        header,
        message: Some(message.clone()),
    })
}

type Blame = (u16, Option<Name<'static>>, Malformed);

fn check(message: &Message) -> Result<(), Blame> {
    if message.is_request() {
        Uri::parse(message.request_uri_raw()).map_err(|e| (400, None, e))?;
    }
    single(message)?;
    vias(message)?;
    for name in [Name::From, Name::To] {
        let address = NameAddr::parse(there(message, name)?).map_err(|e| (400, Some(name), e))?;
        once(address.params(), "tag").map_err(|e| (400, Some(name), e))?;
    }
    if there(message, Name::CallId)?.iter().any(|&c| c <= b' ' || c == 0x7f) {
        return Err((400, Some(Name::CallId), Malformed("white space or control characters in Call-ID")));
    }
    let cseq = cseq(there(message, Name::CSeq)?).map_err(|e| (400, Some(Name::CSeq), e))?;
    if message.method().is_some_and(|method| *method != cseq.method) {
        return Err((400, Some(Name::CSeq), Malformed("CSeq method is not the request's")));
    }
    if message.header(Name::MaxForwards).is_some() && message.max_forwards().is_none() {
        return Err((400, Some(Name::MaxForwards), Malformed("Max-Forwards is out of range")));
    }
    for name in [Name::Contact, Name::Route, Name::RecordRoute] {
        addresses(message, name)?;
    }
    Ok(())
}

/// The bit of `code` in a set of names: there are fewer than 128 ([`Code::Other`] is the last).
const fn bit(code: Code) -> u128 {
    1 << code as u8
}

/// Fields of which a second one would be two truths.
const SINGLE: u128 = {
    use Code::*;
    let codes = [
        From,
        To,
        CallId,
        CSeq,
        MaxForwards,
        Expires,
        MinExpires,
        ContentType,
        ContentDisposition,
        Event,
        SubscriptionState,
        ReferTo,
        ReferredBy,
        Replaces,
        SessionExpires,
        MinSe,
        RAck,
        RSeq,
    ];
    let (mut set, mut i) = (0, 0);
    while i < codes.len() {
        set |= bit(codes[i]);
        i += 1;
    }
    set
};

fn single(message: &Message) -> Result<(), Blame> {
    let mut seen = 0;
    for code in message.0.lines.iter().map(|line| line.code) {
        if seen & bit(code) & SINGLE != 0 {
            return Err((400, code.name(), Malformed("header stands twice")));
        }
        seen |= bit(code);
    }
    Ok(())
}

fn vias(message: &Message) -> Result<(), Blame> {
    let blame = |e| (400, Some(Name::Via), e);
    let mut count = 0;
    for part in message.headers(Name::Via).flat_map(Commas::new) {
        let via = Via::parse(part).map_err(blame)?;
        once(via.params, "branch").map_err(blame)?;
        count += 1;
    }
    match count {
        0 => Err(blame(Malformed("no Via"))),
        n if n > bounds::VIAS => Err((483, Some(Name::Via), Malformed("too many Via"))),
        _ => Ok(()),
    }
}

fn there<'a>(message: &'a Message, name: Name<'static>) -> Result<&'a [u8], Blame> {
    message.header(name).filter(|v| !v.is_empty()).ok_or((
        400,
        Some(name),
        Malformed("mandatory header is missing"),
    ))
}

/// RFC 3261 §7.3.1: a parameter stands at most once. Asked of those on which identity rests.
fn once(params: Params<'_>, name: &str) -> Result<(), Malformed> {
    match params.iter().filter(|p| p.name.eq_ignore_ascii_case(name)).nth(1) {
        None => Ok(()),
        Some(_) => Err(Malformed("parameter stands twice")),
    }
}

fn addresses(message: &Message, name: Name<'static>) -> Result<(), Blame> {
    let blame = |why| (400, Some(name), Malformed(why));
    let (mut count, mut stars) = (0, 0);
    // A field without any value is as good as none.
    for part in message.headers(name).filter(|value| !value.is_empty()).flat_map(Commas::new) {
        count += 1;
        if part == b"*" && name == Name::Contact {
            stars += 1;
            continue;
        }
        let addr = NameAddr::parse(part).map_err(|Malformed(why)| blame(why))?;
        if addr.q_thousandths().is_none() {
            return Err(blame("q is not a q value"));
        }
    }
    match stars {
        0 => Ok(()),
        1 if count == 1 && message.is(&super::Method::Register) => Ok(()),
        _ => Err(blame("* does not stand alone in a REGISTER")),
    }
}

/// The option tags of `header` ([`Name::Require`] or [`Name::ProxyRequire`]) that are not in `known`, as written, for an
/// Unsupported header and 420 (RFC 3261 §8.2.2.3). Not to be asked of CANCEL or ACK.
pub fn unsupported_options<'a>(message: &'a Message, header: Name<'a>, known: &[&str]) -> Vec<&'a str> {
    message
        .list(header)
        .map(|tag| std::str::from_utf8(tag).unwrap_or("?"))
        .filter(|tag| !known.iter().any(|k| k.eq_ignore_ascii_case(tag)))
        .collect()
}

/// Whether the Accept header allows an answer of `media_type` (`application/sdp`): RFC 3261 §20.1. No Accept allows what the
/// method defaults to, which here is taken as all; an empty one allows nothing.
pub fn accepts(message: &Message, media_type: &str) -> bool {
    if message.header(Name::Accept).is_none() {
        return true;
    }
    let wanted_main = media_type.split('/').next().unwrap_or("");
    message.list(Name::Accept).any(|range| {
        let range = std::str::from_utf8(range).unwrap_or("");
        let range = range.split(';').next().unwrap_or("").trim();
        range == "*/*"
            || range.eq_ignore_ascii_case(media_type)
            || range.strip_suffix("/*").is_some_and(|main| main.eq_ignore_ascii_case(wanted_main))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verdicts on whole messages stand in `tests/torture.rs`; here, what a refusal carries.
    #[test]
    fn a_refusal_names_the_header_and_keeps_the_message() {
        let text = "BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n";
        let message = Message::parse(text.into()).unwrap();
        let refusal = validate(&message).unwrap_err();
        assert_eq!((refusal.status, refusal.header), (400, Some(Name::CSeq)));
        let answer = Message::parse(refusal.answer("t1").unwrap()).unwrap();
        assert_eq!(
            (answer.status(), answer.reason()),
            (Some(400), "CSeq method is not the request's".as_bytes())
        );
        assert_eq!(answer.to().and_then(|to| to.tag()), Some("t1"));
    }
}
