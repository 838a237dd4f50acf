//! Header names: the ones that are spoken about, their compact forms, and all others as written.

use std::fmt;

macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?),* $(,)?) => {
        /// A header name. Known names compare as values, in whatever case or compact form they came; others by their text.
        ///
        /// `Name::Other` of a known name's text equals nothing that a message yields: use [`Name::of`] to get a name from text.
        #[derive(Clone, Copy, Debug)]
        #[allow(missing_docs)] // each is the header of that name
        pub enum Name<'a> {
            $($variant,)*
            /// Any other name, as written.
            Other(&'a str),
        }

        impl<'a> Name<'a> {
            /// As it is written out: the registered spelling, long form.
            pub fn as_str(&self) -> &'a str {
                match self {
                    $(Name::$variant => $text,)*
                    Name::Other(text) => text,
                }
            }

            pub(super) const fn code(&self) -> Code {
                match self {
                    $(Name::$variant => Code::$variant,)*
                    Name::Other(_) => Code::Other,
                }
            }
        }

        /// A known name in one octet.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub(super) enum Code { $($variant,)* Other }

        impl Code {
            pub(super) const fn name(self) -> Option<Name<'static>> {
                match self {
                    $(Code::$variant => Some(Name::$variant),)*
                    Code::Other => None,
                }
            }
        }

        const LONG: &[(&str, Code)] = &[$(($text, Code::$variant),)*];

        const fn compact(letter: u8) -> Code {
            match letter {
                $($($compact => Code::$variant,)?)*
                _ => Code::Other,
            }
        }
    };
}

names! {
    Accept "Accept",
    AcceptContact "Accept-Contact" b'a',
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AlertInfo "Alert-Info",
    Allow "Allow",
    AllowEvents "Allow-Events" b'u',
    AuthenticationInfo "Authentication-Info",
    Authorization "Authorization",
    CallId "Call-ID" b'i',
    CallInfo "Call-Info",
    Contact "Contact" b'm',
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" b'e',
    ContentLanguage "Content-Language",
    ContentLength "Content-Length" b'l',
    ContentType "Content-Type" b'c',
    CSeq "CSeq",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" b'o',
    Expires "Expires",
    From "From" b'f',
    HistoryInfo "History-Info",
    Identity "Identity" b'y',
    InReplyTo "In-Reply-To",
    InfoPackage "Info-Package",
    MaxForwards "Max-Forwards",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAssertedIdentity "P-Asserted-Identity",
    PPreferredIdentity "P-Preferred-Identity",
    Path "Path",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    ProxyRequire "Proxy-Require",
    RAck "RAck",
    RSeq "RSeq",
    Reason "Reason",
    RecordRoute "Record-Route",
    RecvInfo "Recv-Info",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    RemotePartyId "Remote-Party-ID",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    Require "Require",
    RetryAfter "Retry-After",
    Route "Route",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" b'x',
    SessionId "Session-ID",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    Subject "Subject" b's',
    SubscriptionState "Subscription-State",
    Supported "Supported" b'k',
    TargetDialog "Target-Dialog",
    Timestamp "Timestamp",
    To "To" b't',
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    UserToUser "User-to-User",
    Via "Via" b'v',
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

/// Longest known name; longer ones need no search.
const LONGEST: usize = 20;

/// Indices into [`LONG`] by length, so that a name is compared with the few of its own length only.
const BY_LENGTH: ([u8; LONG.len()], [u8; LONGEST + 2]) = {
    let mut order = [0u8; LONG.len()];
    let mut starts = [0u8; LONGEST + 2];
    let (mut length, mut filled) = (0, 0);
    while length <= LONGEST {
        starts[length] = filled as u8;
        let mut i = 0;
        while i < LONG.len() {
            if LONG[i].0.len() == length {
                order[filled] = i as u8;
                filled += 1;
            }
            i += 1;
        }
        length += 1;
    }
    starts[LONGEST + 1] = filled as u8;
    assert!(filled == LONG.len());
    (order, starts)
};

impl Code {
    /// The code of a name as it stands in a message, in any case, long or compact.
    pub(super) fn of(name: &[u8]) -> Code {
        if let [letter] = name {
            return compact(letter.to_ascii_lowercase());
        }
        let (order, starts) = &BY_LENGTH;
        let (Some(&from), Some(&to)) = (starts.get(name.len()), starts.get(name.len() + 1)) else {
            return Code::Other;
        };
        order
            .get(usize::from(from)..usize::from(to))
            .unwrap_or(&[])
            .iter()
            .filter_map(|&i| LONG.get(usize::from(i)))
            .find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name))
            .map_or(Code::Other, |(_, code)| *code)
    }
}

impl<'a> Name<'a> {
    /// The name that `text` spells, in any case, long or compact: `Name::of("v")` is [`Name::Via`].
    pub fn of(text: &'a str) -> Name<'a> {
        Code::of(text.as_bytes()).name().unwrap_or(Name::Other(text))
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Name<'_>) -> bool {
        match (self, other) {
            (Name::Other(a), Name::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => self.code() == other.code(),
        }
    }
}

impl Eq for Name<'_> {}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_compact() {
        for (text, code) in LONG {
            assert_eq!(Code::of(text.as_bytes()), *code);
            assert_eq!(Code::of(text.to_ascii_uppercase().as_bytes()), *code);
            assert_eq!(code.name().unwrap().as_str(), *text);
            assert_eq!(code.name().unwrap().code(), *code);
        }
        for (letter, name) in [
            ("v", Name::Via),
            ("F", Name::From),
            ("t", Name::To),
            ("i", Name::CallId),
            ("m", Name::Contact),
            ("L", Name::ContentLength),
            ("c", Name::ContentType),
            ("e", Name::ContentEncoding),
            ("s", Name::Subject),
            ("k", Name::Supported),
            ("o", Name::Event),
            ("u", Name::AllowEvents),
            ("r", Name::ReferTo),
            ("b", Name::ReferredBy),
            ("x", Name::SessionExpires),
            ("a", Name::AcceptContact),
            ("y", Name::Identity),
        ] {
            assert_eq!(Name::of(letter), name);
        }
        assert_eq!(Name::of("X-Thing"), Name::Other("x-tHING"));
        assert_ne!(Name::of("z"), Name::of("q"));
        assert_eq!(Name::of(""), Name::Other(""));
        assert_eq!(Code::of(&[b'a'; 200]), Code::Other);
    }
}
