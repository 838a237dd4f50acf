//! The keep-alive of phones behind a NAT: a STUN Binding request on the SIP port, answered with the address it came from
//! (RFC 5389 §10 without credentials; RFC 5626 §3.5.2 and §4.4.2).
//!
//! Invariant: whether a datagram is STUN is decided by its first octets alone, which no SIP message has; what is no sound Binding
//! request gets no answer, so that two servers never answer each other.

use std::net::{IpAddr, SocketAddr};

/// RFC 5389 §6.
const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

const HEADER: usize = 20;

const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
const FINGERPRINT: u16 = 0x8028;

/// Whether a datagram on the SIP port is STUN: its first two bits are zero and the magic cookie is there (RFC 5389 §6).
pub fn is_stun(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| first & 0xc0 == 0) && octets.get(4..8) == Some(&MAGIC)
}

/// The success response to a Binding request that came from `source`; `None` for everything else. 32 octets for IPv4, 44 for IPv6.
pub fn answer(octets: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = octets.split_at_checked(HEADER)?;
    let length = u16::from_be_bytes([*header.get(2)?, *header.get(3)?]);
    let sound = is_stun(octets)
        && header.starts_with(&BINDING_REQUEST)
        && usize::from(length) == attributes.len()
        && attributes_are_sound(octets, attributes);
    if !sound {
        return None;
    }
    let transaction = header.get(4..)?;
    let value = xored(source, transaction);
    let value_len = u16::try_from(value.len()).ok()?;
    let mut answer = Vec::with_capacity(HEADER + 4 + value.len());
    answer.extend_from_slice(&BINDING_SUCCESS);
    answer.extend_from_slice(&(value_len + 4).to_be_bytes());
    answer.extend_from_slice(transaction);
    answer.extend_from_slice(&XOR_MAPPED_ADDRESS);
    answer.extend_from_slice(&value_len.to_be_bytes());
    answer.extend_from_slice(&value);
    Some(answer)
}

/// RFC 5389 §15.2. `key`: magic cookie and transaction id, with which the address is hidden from meddling routers.
fn xored(source: SocketAddr, key: &[u8]) -> Vec<u8> {
    let (family, ip) = match source.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let port = source.port().to_be_bytes();
    let hidden = |clear: &[u8]| clear.iter().zip(key).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    [vec![0, family], hidden(&port), hidden(&ip)].concat()
}

/// Whether the attributes fill their space exactly, none of them must be understood that we do not know (RFC 5389 §7.3.1: such a
/// request would want a longer answer, a refusal, and comes from no phone), and a FINGERPRINT is right and last (§15.5).
fn attributes_are_sound(octets: &[u8], mut attributes: &[u8]) -> bool {
    while let Some((head, rest)) = attributes.split_at_checked(4) {
        let [kind, length] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let padded = usize::from(length).next_multiple_of(4);
        let Some((value, after)) = rest.split_at_checked(padded) else { return false };
        if kind == FINGERPRINT {
            let before = octets.len().saturating_sub(8);
            let right = (crc32fast::hash(octets.get(..before).unwrap_or(&[])) ^ 0x5354_554e).to_be_bytes();
            return after.is_empty() && value == right;
        }
        if kind < 0x8000 {
            return false;
        }
        attributes = after;
    }
    attributes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 5769 §2.1 has credentials; this one is what phones send: a SOFTWARE attribute and a FINGERPRINT.
    fn request(fingerprint: bool) -> Vec<u8> {
        let mut octets = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
        octets.extend_from_slice(b"transaction!");
        octets.extend_from_slice(&[0x80, 0x22, 0, 3]);
        octets.extend_from_slice(b"abc\0");
        if fingerprint {
            octets[3] = 16;
            let sum = (crc32fast::hash(&octets) ^ 0x5354_554e).to_be_bytes();
            octets.extend_from_slice(&[0x80, 0x28, 0, 4]);
            octets.extend_from_slice(&sum);
        }
        octets
    }

    #[test]
    fn a_phone_learns_the_address_that_it_is_seen_at() {
        // RFC 5769 §2.2 and §2.3: the addresses with their transaction id, as XOR-MAPPED-ADDRESS has them.
        let id = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        request.extend_from_slice(&id);
        for (source, expected) in [
            ("192.0.2.1:32853", &[0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43][..]),
            (
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
                &[
                    0, 2, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
                    0xbe, 0xd2, 0xb9, 0xd9,
                ],
            ),
        ] {
            let answer = answer(&request, source.parse().expect("an address")).expect("an answer");
            assert_eq!(answer[..2], BINDING_SUCCESS);
            assert_eq!(usize::from(answer[3]), answer.len() - HEADER);
            assert_eq!(answer[4..20], request[4..20]);
            assert_eq!(answer[24..], *expected, "{source}");
        }
    }

    #[test]
    fn what_is_no_sound_request_gets_no_answer() {
        let source = "192.0.2.1:5060".parse().expect("an address");
        let sound = request(true);
        assert!(answer(&sound, source).is_some() && answer(&request(false), source).is_some());
        // An attribute in place of the FINGERPRINT (octets 28 and 29) would be one that need not be understood.
        for at in (0..sound.len()).filter(|at| !(28..30).contains(at)) {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x41;
            assert_eq!(answer(&damaged, source), None, "octet {at}");
            assert_eq!(answer(&sound[..at], source), None, "cut at {at}");
        }
        let own = answer(&sound, source).expect("an answer");
        assert_eq!(answer(&own, source), None, "an answer is not answered");
        let mut must_understand = request(false);
        must_understand[20] = 0;
        assert_eq!(answer(&must_understand, source), None);
    }

    #[test]
    fn no_sip_message_is_taken_for_stun() {
        assert!(is_stun(&request(false)));
        assert!(
            !is_stun(b"OPTIONS sip:a SIP/2.0\r\n\r\n") && !is_stun(b"SIP/2.0 200 OK\r\n") && !is_stun(b"")
        );
    }
}
