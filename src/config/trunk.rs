//! `[[trunk]]`: a carrier or another switch, as written and as checked.

use std::net::IpAddr;
use std::time::Duration;

use toml::Spanned;

use super::Srtp;
use super::checked::Check;
use super::written;
use crate::base::bounds;
use crate::sip::UriBuf;

/// One trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Its name in plans.
    pub name: String,
    /// A name that several trunks share.
    pub group: Option<String>,
    /// Among a group, lower first.
    pub priority: u16,
    /// Among the same priority, drawn in proportion to it.
    pub weight: u16,
    /// SIP URIs of its hosts, in the order in which they are tried.
    pub to: Vec<String>,
    /// Further addresses that its calls come from.
    pub from: Vec<IpAddr>,
    /// The registration interval that is asked for; `None`: it knows us by our address.
    pub register: Option<Duration>,
    /// The user that it knows us as.
    pub user: String,
    /// The only realm for which a proof is given; `None`: the host of the first of `to`.
    pub realm: Option<String>,
    /// The name of the sealed secret.
    pub secret: Option<String>,
    /// The numbers that may be shown as a caller's.
    pub caller_ids: Vec<String>,
    /// Calls at one time; 0: no limit.
    pub calls: usize,
    /// Leading digits and what takes their place on the way out.
    pub outward: Vec<(String, String)>,
    /// The same on the way in.
    pub inward: Vec<(String, String)>,
    /// How often it is asked whether it is there; `None`: never.
    pub ask: Option<Duration>,
    /// Codecs in the order in which they are offered.
    pub codecs: Vec<String>,
    /// Whether media is encrypted on the way to it; `None`: as `[media] srtp` says.
    pub srtp: Option<Srtp>,
    /// Whether calls over it may have video.
    pub video: bool,
    /// How it is told that a call was passed on, and by whom.
    pub forwarded_by: ForwardedBy,
}

/// How a trunk is told who passed a call on. Whichever it is, only numbers of the trunk's own list are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedBy {
    /// Not at all.
    Off,
    /// By Diversion (RFC 5806), which most carriers read.
    #[default]
    Diversion,
    /// By History-Info (RFC 7044).
    History,
    /// By both.
    Both,
}

impl ForwardedBy {
    /// Every choice by its word.
    pub const WORDS: [(&str, ForwardedBy); 4] = [
        ("off", ForwardedBy::Off),
        ("diversion", ForwardedBy::Diversion),
        ("history-info", ForwardedBy::History),
        ("both", ForwardedBy::Both),
    ];

    /// Whether Diversion is sent.
    pub const fn diversion(self) -> bool {
        matches!(self, ForwardedBy::Diversion | ForwardedBy::Both)
    }

    /// Whether History-Info is sent.
    pub const fn history(self) -> bool {
        matches!(self, ForwardedBy::History | ForwardedBy::Both)
    }
}

type Texts = Option<Spanned<Vec<Spanned<String>>>>;

pub(super) fn all(check: &mut Check<'_>, written: &[written::Trunk]) -> Vec<Trunk> {
    let mut trunks: Vec<Trunk> = Vec::new();
    for one in written {
        let trunk = checked(check, one);
        if let Some(name) = &one.name
            && trunks.iter().any(|other| other.name == trunk.name)
        {
            check.wrong(name.span(), "there are two trunks of this name", "give one of them another name");
        }
        trunks.push(trunk);
    }
    if let Some(last) = written.get(bounds::TRUNKS).and_then(|one| one.name.as_ref()) {
        check.wrong(last.span(), "there are too many trunks", format!("at most {}", bounds::TRUNKS));
    }
    trunks
}

/// The account at the carrier: the trunk's own name where nothing else is said, if a SIP address can hold it.
fn user(check: &mut Check<'_>, one: &written::Trunk, name: &str) -> String {
    match (&one.user, &one.secret) {
        (Some(user), _) => user.get_ref().clone(),
        (None, Some(secret)) if !name.is_ascii() => {
            check.wrong(secret.span(), "the account at the carrier is not said", "user = \"…\"");
            String::new()
        }
        (None, _) if name.is_ascii() => name.to_string(),
        (None, _) => "ledgerline".to_string(),
    }
}

fn checked(check: &mut Check<'_>, one: &written::Trunk) -> Trunk {
    let name = check.name(one.name.as_ref(), "trunk");
    let to = to(check, one);
    let from = each(check, &one.from, "a numeric address", |text| text.parse().ok());
    let codecs = each(check, &one.codecs, "PCMA or PCMU", |text| {
        ["PCMA", "PCMU"].contains(&text).then(|| text.to_string())
    });
    let number = |text: &str| {
        let fits =
            !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#'));
        fits.then(|| text.to_string())
    };
    let caller_ids = each(check, &one.caller_ids, "a number: digits, `+`, `*`, `#`", number);
    let hint = "`PREFIX -> WITH`, either may be empty: \"0 -> +49\"";
    let (outward, inward) =
        (each(check, &one.outward, hint, rewrite), each(check, &one.inward, hint, rewrite));
    let srtp = one.srtp.is_some().then(|| check.one_of(one.srtp.as_ref(), &Srtp::WORDS));
    let video = check.one_of(one.video.as_ref(), &super::media::ON_OFF);
    let forwarded_by = check.one_of(one.forwarded_by.as_ref(), &ForwardedBy::WORDS);
    let mut text = |value: &Option<Spanned<String>>| value.as_ref().map(|value| check.name(Some(value), ""));
    let (group, secret) = (text(&one.group), text(&one.secret));
    let realm = one.realm.as_ref().map(|realm| check.word(Some(realm), ""));
    let user = user(check, one, &name);
    let mut seconds = |value: &Option<Spanned<u32>>, least: u32| {
        let value = value.as_ref()?;
        if *value.get_ref() != 0 && !(least..=7_200).contains(value.get_ref()) {
            check.wrong(value.span(), "not a usable time", format!("{least} to 7200 seconds"));
        }
        Some(*value.get_ref())
    };
    let register = seconds(&one.register_s, 60).filter(|s| *s > 0);
    let ask = seconds(&one.ask_s, 5).unwrap_or(30);
    Trunk {
        name,
        group,
        priority: one.priority.unwrap_or(1),
        weight: one.weight.unwrap_or(1),
        to,
        from,
        register: register.map(|s| Duration::from_secs(s.into())),
        user,
        realm,
        secret,
        caller_ids,
        calls: one.calls.as_ref().map_or(0, |calls| usize::try_from(*calls.get_ref()).unwrap_or(0)),
        outward,
        inward,
        ask: (ask > 0).then(|| Duration::from_secs(ask.into())),
        codecs,
        srtp,
        video,
        forwarded_by,
    }
}

fn to(check: &mut Check<'_>, one: &written::Trunk) -> Vec<String> {
    let hint = "a SIP URI without a user: \"sip:sip.carrier.example\", \"sip:192.0.2.7:5060;transport=tcp\"";
    let to = each(check, &one.to, hint, |text| {
        let uri: UriBuf = text.parse().ok()?;
        let view = uri.view();
        let fits = view.host().is_some() && view.user_decoded().is_none();
        fits.then(|| text.to_string())
    });
    if one.to.as_ref().is_none_or(|to| to.get_ref().is_empty()) {
        let at = one.name.as_ref().map_or(0..0, Spanned::span);
        check.wrong(at, "the trunk leads nowhere", format!("`to = [{}]`", "\"sip:sip.carrier.example\""));
    }
    to
}

fn each<T>(check: &mut Check<'_>, list: &Texts, hint: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut all = Vec::new();
    for item in list.iter().flat_map(|list| list.get_ref()) {
        match read(item.get_ref()) {
            Some(value) => all.push(value),
            None => check.wrong(item.span(), format!("`{}` cannot be used here", item.get_ref()), hint),
        }
    }
    all
}

fn rewrite(text: &str) -> Option<(String, String)> {
    let (prefix, with) = text.split_once("->")?;
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#'));
    let (prefix, with) = (prefix.trim(), with.trim());
    (number(prefix) && number(with)).then(|| (prefix.to_string(), with.to_string()))
}
