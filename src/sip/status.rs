//! Reason phrases. rsip's vocabulary of status codes gives them; where it has none or a wrong one, the table here does.

use std::borrow::Cow;

/// The default reason phrase of `status`: RFC 3261 §21 and the IANA registry of SIP response codes.
pub fn reason_of(status: u16) -> Cow<'static, str> {
    if let Some(phrase) = settled(status) {
        return Cow::Borrowed(phrase);
    }
    match rsip::StatusCode::from(status) {
        rsip::StatusCode::Other(..) => Cow::Borrowed(class_of(status)),
        known => Cow::Owned(spaced(known.to_string().split_once(' ').map_or("", |(_, name)| name))),
    }
}

/// The phrases of every call (kept out of the allocator's way) and those that rsip's identifiers do not yield.
const fn settled(status: u16) -> Option<&'static str> {
    Some(match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        414 => "Request-URI Too Long",
        416 => "Unsupported URI Scheme",
        417 => "Unknown Resource-Priority",
        430 => "Flow Failed",
        481 => "Call/Transaction Does Not Exist",
        487 => "Request Terminated",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        555 => "Push Notification Service Not Supported",
        606 => "Not Acceptable",
        608 => "Rejected",
        _ => return None,
    })
}

const fn class_of(status: u16) -> &'static str {
    match status / 100 {
        1 => "Progress",
        2 => "OK",
        3 => "Redirected",
        4 => "Request Failure",
        5 => "Server Failure",
        _ => "Global Failure",
    }
}

/// `BusyHere` → `Busy Here`.
fn spaced(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_those_of_the_registry() {
        for (status, phrase) in [
            (181, "Call Is Being Forwarded"),
            (200, "OK"),
            (202, "Accepted"),
            (423, "Interval Too Brief"),
            (428, "Use Identity Header"),
            (481, "Call/Transaction Does Not Exist"),
            (486, "Busy Here"),
            (494, "Security Agreement Required"),
            (606, "Not Acceptable"),
            (499, "Request Failure"),
        ] {
            assert_eq!(reason_of(status), phrase);
        }
    }
}
