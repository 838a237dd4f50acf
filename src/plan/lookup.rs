//! Questions to systems outside: what a lookup takes and yields, as text on the wire and back.
//!
//! The room sends nothing itself: whoever carries a question out takes [`Lookup::request`] and gives [`Lookup::read`] what
//! came back. Invariant: only declared fields are kept of an answer (PII-03), each of its declared type, or the lookup failed.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::base::Masked;
use crate::base::bounds::LOOKUP_ANSWER_BYTES;

use super::value::{Currency, Money, Value, fixed};

/// How a lookup is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The values stand in the query.
    Get,
    /// The values stand in a JSON object. The only way in which secrets travel.
    Post,
}

impl Method {
    /// `GET`, `POST`
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// The type of a lookup's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// Digits, phone, name, idcard, card, text: a JSON string.
    Text,
    /// A JSON integer.
    Int,
    /// A JSON boolean.
    Bool,
    /// Seconds.
    Duration,
    /// A decimal number or a string of one, in yuan.
    Money,
    /// A decimal number or a string of one.
    Percent,
    /// `"2026-10-01"`
    Date,
    /// One of these words.
    Words(Arc<[Arc<str>]>),
    /// Any string, never shown.
    Opaque,
    /// Digits that nobody may see; only a lookup that accepts secrets takes them, none yields them.
    Secret,
}

/// A field: its name and type.
pub type Field = (Arc<str>, FieldKind);

/// A declared lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Its name in the plan.
    pub name: Arc<str>,
    /// How it is sent.
    pub method: Method,
    /// Where to.
    pub url: Arc<str>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What it takes.
    pub takes: Vec<Field>,
    /// What it yields.
    pub yields: Vec<Field>,
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Longer than any answer that a call waits for.
    #[error("the answer is longer than {LOOKUP_ANSWER_BYTES} octets")]
    TooLong,
    /// Not a JSON object.
    #[error("the answer is not a JSON object")]
    NotAnObject,
    /// A field is absent or not of its type. The value itself is not told.
    #[error("the field `{0}` is absent or not of its type")]
    Field(Arc<str>),
}

impl Lookup {
    /// The URL and, for `post`, the body that carry `values` (in the order of the declaration).
    pub fn request(&self, values: &[Value]) -> (String, Option<String>) {
        let pairs = self.takes.iter().zip(values);
        match self.method {
            Method::Get => {
                let mut url = self.url.to_string();
                for ((name, _), value) in pairs {
                    let mark = if url.contains('?') { '&' } else { '?' };
                    let _ = write!(url, "{mark}{}={}", escaped(name), escaped(&value.clear()));
                }
                (url, None)
            }
            Method::Post => {
                let body: Map<String, Json> =
                    pairs.map(|((name, _), value)| (name.to_string(), json(value))).collect();
                (self.url.to_string(), Some(Json::Object(body).to_string()))
            }
        }
    }

    /// The declared fields of an answer, in order.
    ///
    /// # Errors
    /// [`BadAnswer`] when a declared field is not there or not of its type: then the lookup has failed.
    pub fn read(&self, answer: &[u8]) -> Result<Arc<[Value]>, BadAnswer> {
        if answer.len() > LOOKUP_ANSWER_BYTES {
            return Err(BadAnswer::TooLong);
        }
        if self.yields.is_empty() {
            return Ok(Arc::new([]));
        }
        let Ok(Json::Object(fields)) = serde_json::from_slice(answer) else {
            return Err(BadAnswer::NotAnObject);
        };
        let read = |(name, kind): &Field| {
            let value = fields.get(&**name).and_then(|json| value(json, kind));
            value.ok_or_else(|| BadAnswer::Field(name.clone()))
        };
        self.yields.iter().map(read).collect()
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Int(number) => Json::from(*number),
        Value::Bool(truth) => Json::from(*truth),
        Value::Secret(pin) => Json::from(pin.expose()),
        other => Json::from(other.clear()),
    }
}

fn value(json: &Json, kind: &FieldKind) -> Option<Value> {
    let decimal = |places| match json {
        Json::Number(number) => fixed(&number.to_string(), places),
        Json::String(text) => fixed(text, places),
        _ => None,
    };
    Some(match kind {
        FieldKind::Text => match json {
            Json::Number(number) => Value::Text(Masked::new(number.to_string())),
            json => Value::Text(Masked::new(json.as_str()?)),
        },
        FieldKind::Int => Value::Int(json.as_i64()?),
        FieldKind::Bool => Value::Bool(json.as_bool()?),
        FieldKind::Duration => Value::Duration(Duration::from_secs(json.as_u64()?)),
        FieldKind::Money => Value::Money(Money { currency: Currency::Yuan, hundredths: decimal(2)? }),
        FieldKind::Percent => Value::Percent(decimal(3)?),
        FieldKind::Date => Value::Date(json.as_str()?.parse().ok()?),
        FieldKind::Words(words) => {
            let said = json.as_str()?;
            Value::Word(words.iter().find(|word| &***word == said)?.clone())
        }
        FieldKind::Opaque => Value::Opaque(Masked::new(json.as_str()?)),
        FieldKind::Secret => return None,
    })
}

/// Percent-encoded for a query (RFC 3986 §2.3: all but the unreserved).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(octet))
            }
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// The host of a URL, without its port; `None` when it is not `http` or `https` with a host.
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let plain = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '-');
    (!host.is_empty() && host.chars().all(plain) && !authority.contains('@')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::value::Pin;

    fn customer(method: Method) -> Lookup {
        let words: Arc<[Arc<str>]> = ["VIP".into(), "普通".into()].into();
        Lookup {
            name: "客户".into(),
            method,
            url: "http://risk.bank.intra/v1/c".into(),
            timeout: Duration::from_millis(800),
            takes: vec![("phone".into(), FieldKind::Text)],
            yields: vec![("级别".into(), FieldKind::Words(words)), ("余额".into(), FieldKind::Money)],
        }
    }

    #[test]
    fn a_question_travels_in_the_query_or_in_the_body() {
        let values = [Value::Text(Masked::new("+86 138"))];
        assert_eq!(customer(Method::Get).request(&values).0, "http://risk.bank.intra/v1/c?phone=%2B86%20138");
        assert_eq!(customer(Method::Post).request(&values).1.as_deref(), Some(r#"{"phone":"+86 138"}"#));
        let pin = [Value::Secret(Pin::new("135790".into()))];
        assert!(!customer(Method::Get).request(&pin).0.contains("135790"));
        assert!(customer(Method::Post).request(&pin).1.is_some_and(|body| body.contains("135790")));
    }

    #[test]
    fn only_declared_fields_of_their_types_are_kept() {
        let lookup = customer(Method::Get);
        let good = lookup.read(r#"{"级别":"VIP","余额":99.5,"身份证":"110105199001011234"}"#.as_bytes());
        let money = Value::Money(Money { currency: Currency::Yuan, hundredths: 9_950 });
        assert_eq!(good.as_deref(), Ok(&[Value::Word("VIP".into()), money][..]));
        for bad in [r#"{"级别":"金","余额":1}"#, r#"{"级别":"VIP"}"#, "[]", "x"] {
            assert!(lookup.read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(lookup.read(&vec![b' '; LOOKUP_ANSWER_BYTES + 1]), Err(BadAnswer::TooLong));
    }

    #[test]
    fn the_host_of_a_url_is_what_egress_names() {
        for (url, want) in [
            ("http://risk.bank.intra/v1/c", Some("risk.bank.intra")),
            ("https://core:8443?x", Some("core")),
            ("https://good.intra@evil.example/", None),
            ("ftp://x", None),
            ("http:///x", None),
        ] {
            assert_eq!(host(url), want, "{url}");
        }
    }
}
