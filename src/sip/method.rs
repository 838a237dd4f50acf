//! Methods: RFC 3261 §7.1 and its extensions. Case matters: `invite` is an unknown method, not INVITE.

use std::fmt;
use std::str::FromStr;

use super::refusal::Malformed;
use super::scan;

macro_rules! methods {
    ($($variant:ident $text:literal $doc:literal),* $(,)?) => {
        /// A method. Unknown ones are kept as written, so that they can be refused with 501 or passed on.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method {
            $(#[doc = $doc] $variant,)*
            /// Any other token.
            Other(Box<str>),
        }

        impl Method {
            /// As it stands in a request line.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$variant => $text,)*
                    Method::Other(token) => token,
                }
            }

            /// Reads a method token.
            ///
            /// # Errors
            /// [`Malformed`] when `bytes` is no token (RFC 3261 §25.1).
            pub fn from_bytes(bytes: &[u8]) -> Result<Method, Malformed> {
                $(if bytes == $text.as_bytes() { return Ok(Method::$variant); })*
                scan::token_str(bytes).map(|t| Method::Other(t.into())).ok_or(Malformed("method is not a token"))
            }
        }
    };
}

methods! {
    Invite "INVITE" "RFC 3261 §13",
    Ack "ACK" "RFC 3261 §13, §17",
    Bye "BYE" "RFC 3261 §15",
    Cancel "CANCEL" "RFC 3261 §9",
    Register "REGISTER" "RFC 3261 §10",
    Options "OPTIONS" "RFC 3261 §11",
    Info "INFO" "RFC 6086",
    Prack "PRACK" "RFC 3262",
    Update "UPDATE" "RFC 3311",
    Subscribe "SUBSCRIBE" "RFC 6665",
    Notify "NOTIFY" "RFC 6665",
    Refer "REFER" "RFC 3515",
    Message "MESSAGE" "RFC 3428",
    Publish "PUBLISH" "RFC 3903",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Method, Malformed> {
        Method::from_bytes(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_and_any_token_is_a_method() {
        assert_eq!(Method::from_bytes(b"INVITE"), Ok(Method::Invite));
        assert_eq!(Method::from_bytes(b"invite"), Ok(Method::Other("invite".into())));
        assert_eq!(Method::from_bytes(b"RE%47IST%45R"), Ok(Method::Other("RE%47IST%45R".into())));
        for bad in [&b""[..], b"IN VITE", b"INVITE\r", b"INV:TE", "INV\u{ef}TE".as_bytes()] {
            assert!(Method::from_bytes(bad).is_err(), "{bad:?}");
        }
    }
}
