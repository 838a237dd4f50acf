//! Header names: the ones that are spoken about, their compact forms, and all others as written.

use std::fmt;

macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?),* $(,)?) => {
        /// A header name. Known names compare as values, in whatever case or compact form they came; others by their text.
        ///
        /// [`Name::of`] gets a name from text; a message asked for `Name::Other("via")` looks for [`Name::Via`].
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

/// Places of the table below: a power of two, well above the number of names.
const PLACES: usize = 256;

/// Known names by [`place`], each an index into [`LONG`] plus one; names that share a place stand in the next free ones.
const TABLE: [u8; PLACES] = {
    let mut table = [0; PLACES];
    let mut i = 0;
    while i < LONG.len() {
        let mut at = place(LONG[i].0.as_bytes());
        while table[at] != 0 {
            at = (at + 1) % PLACES;
        }
        table[at] = i as u8 + 1;
        i += 1;
    }
    table
};

/// A hash over length, first, middle and last letter, without regard to case.
const fn place(name: &[u8]) -> usize {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let (first, middle, last) = (name[0] | 0x20, name[length / 2] | 0x20, name[length - 1] | 0x20);
    (length * 7 + first as usize * 31 + middle as usize * 59 + last as usize * 5) % PLACES
}

impl Code {
    /// The code of a name as it stands in a message, in any case, long or compact.
    pub(super) fn of(name: &[u8]) -> Code {
        if let [letter] = name {
            return compact(letter.to_ascii_lowercase());
        }
        let mut at = place(name);
        while let Some((text, code)) = TABLE.get(at).and_then(|i| LONG.get(usize::from(*i).checked_sub(1)?)) {
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return *code;
            }
            at = (at + 1) % PLACES;
        }
        Code::Other
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
