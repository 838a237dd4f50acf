//! `received` and `rport`: what the receiver of a request writes into the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::message::{Message, Parts};
use super::name::Name;
use super::via::Via;

impl Message {
    /// This request as it is kept after it came from `source`: the topmost Via has `;received=` when its sent-by is not that
    /// address, and `;rport=` filled when it was asked for (then `received` too). A clone when nothing is to be written.
    ///
    /// Values that the peer wrote itself under these names are replaced. Every answer built from the result finds its way back.
    pub fn stamped(&self, source: SocketAddr) -> Message {
        let Some((value, via)) = self.top_via_text() else { return self.clone() };
        let ip = source.ip().to_canonical();
        let differs = via.host.ip().map(|host| host.to_canonical()) != Some(ip);
        if !differs && !via.wants_rport() && !via.params.has("received") {
            return self.clone();
        }
        let front = value.find(';').map_or(value, |at| value.get(..at).unwrap_or(value)).trim_end();
        let mut stamped = front.to_string();
        for param in via.params.iter() {
            if param.name.eq_ignore_ascii_case("received") || param.name.eq_ignore_ascii_case("rport") {
                continue;
            }
            stamped.push(';');
            stamped.push_str(param.name);
            if let Some(value) = param.value {
                stamped.push('=');
                stamped.push_str(value);
            }
        }
        if via.wants_rport() {
            stamped.push_str(&format!(";rport={}", source.port()));
        }
        if differs || via.wants_rport() {
            stamped.push_str(&format!(";received={ip}"));
        }
        self.with_top_via(value, &stamped)
    }

    /// The text of the topmost Via value, and the same taken apart.
    fn top_via_text(&self) -> Option<(&str, Via<'_>)> {
        let value = self.list(Name::Via).next()?;
        Some((std::str::from_utf8(value).ok()?, Via::parse(value).ok()?))
    }

    /// The same message with `old`, a slice of its text, written as `new`; every offset behind it moves.
    fn with_top_via(&self, old: &str, new: &str) -> Message {
        let text = self.0.unfolded.as_ref().unwrap_or(&self.0.raw);
        let Some(at) = (old.as_ptr() as usize).checked_sub(text.as_ptr() as usize) else {
            return self.clone();
        };
        let end = at + old.len();
        let rewrite = |octets: &Bytes| {
            let mut out = Vec::with_capacity(octets.len() + new.len());
            out.extend_from_slice(octets.get(..at).unwrap_or(&[]));
            out.extend_from_slice(new.as_bytes());
            out.extend_from_slice(octets.get(end..).unwrap_or(&[]));
            Bytes::from(out)
        };
        let moved = |offset: u32| match (offset as usize) < end {
            true => offset,
            false => (offset as usize - old.len() + new.len()) as u32,
        };
        let mut parts = Parts::clone(&self.0);
        parts.raw = rewrite(&self.0.raw);
        parts.unfolded = self.0.unfolded.as_ref().map(rewrite);
        parts.body = moved(parts.body);
        for line in &mut parts.lines {
            for offset in [&mut line.name, &mut line.name_end, &mut line.value, &mut line.value_end] {
                *offset = moved(*offset);
            }
        }
        Message(Arc::new(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_stamped_with_where_it_came_from() {
        for (via, source, stamped) in [
            ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", "10.0.0.1:5060", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa"),
            (
                "SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa",
                "192.0.2.9:4711",
                "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa;rport=4711;received=192.0.2.9",
            ),
            (
                "SIP/2.0/UDP pc.example.com;received=6.6.6.6;x=\"a;b\", SIP/2.0/TCP b;branch=2",
                "[2001:db8::9]:5060",
                "SIP/2.0/UDP pc.example.com;x=\"a;b\";received=2001:db8::9, SIP/2.0/TCP b;branch=2",
            ),
        ] {
            let text = format!("OPTIONS sip:a SIP/2.0\r\nTo: a\r\nv: {via}\r\nX-A: y\r\nl: 2\r\n\r\nhi");
            let message = Message::parse(Bytes::from(text)).unwrap().stamped(source.parse().unwrap());
            assert_eq!(message.header_str(Name::Via), Some(stamped));
            assert_eq!((message.header_str(Name::Other("x-a")), message.body()), (Some("y"), &b"hi"[..]));
            let again = Message::parse(message.as_bytes().clone()).unwrap();
            assert_eq!(again.header_str(Name::Via), Some(stamped), "offsets and octets agree");
        }
    }
}
