//! The sentences of a phone: SIP as text with holes.

pub const REQUEST: &str = "\
{method} {uri} SIP/2.0
Via: SIP/2.0/{transport} {own};branch={branch};rport
Max-Forwards: 70
From: <{local}>;tag={local_tag}
To: <{remote}>{remote_tag}
Call-ID: {call_id}
CSeq: {cseq} {method}
{more}Content-Length: {length}

{body}";

pub const RESPONSE: &str = "\
SIP/2.0 {status} {reason}
{vias}From: {from}
To: {to}
Call-ID: {call_id}
CSeq: {cseq}
{more}Content-Length: {length}

{body}";

/// What people read behind a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        486 => "Busy Here",
        487 => "Request Terminated",
        603 => "Decline",
        _ => "As It Is",
    }
}
