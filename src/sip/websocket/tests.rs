//! A browser's side of a WebSocket, by hand.

use proptest::prelude::*;

use super::*;
use crate::base::bounds;

const OPENING: &str = "GET / HTTP/1.1\r\nHost: pbx.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, sip\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A masked frame as a browser sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 99, 0, 255];
    let mut octets = vec![first];
    match payload.len() {
        brief @ 0..126 => octets.push(0x80 | u8::try_from(brief).expect("brief")),
        longer @ 126..65_536 => {
            octets.push(0x80 | 126);
            octets.extend_from_slice(&u16::try_from(longer).expect("fits").to_be_bytes());
        }
        long => {
            octets.push(0x80 | 127);
            octets.extend_from_slice(&u64::try_from(long).expect("fits").to_be_bytes());
        }
    }
    octets.extend_from_slice(&mask);
    octets.extend(payload.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    octets
}

fn open() -> Socket {
    let mut socket = Socket::new();
    socket.push(OPENING.as_bytes());
    assert!(matches!(socket.pop(), Some(Event::Open(_))));
    socket
}

fn events(socket: &mut Socket) -> Vec<Event> {
    std::iter::from_fn(|| socket.pop()).collect()
}

#[test]
fn the_handshake_of_the_rfc_opens_and_others_are_refused() {
    for (from, to, status) in [
        ("", "", "101"),
        ("Upgrade: websocket", "upgrade: WebSocket", "101"),
        ("GET", "POST", "400"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("chat, sip", "chat", "400"),
        ("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: x", "400"),
        ("Upgrade: websocket", "Upgrade: h2c", "426"),
        ("Version: 13", "Version: 8", "426"),
        ("Host: pbx.example\r\n", "", "426"),
    ] {
        let mut socket = Socket::new();
        socket.push(OPENING.replacen(from, to, 1).as_bytes());
        let (answer, opened) = match socket.pop() {
            Some(Event::Open(answer)) => (answer, true),
            Some(Event::Closed(answer)) => (answer, false),
            other => panic!("{other:?}"),
        };
        let answer = String::from_utf8(answer.to_vec()).expect("ASCII");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
        assert_eq!(opened, status == "101");
        assert_eq!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), opened);
        socket.push(&frame(0x81, b"OPTIONS"));
        assert_eq!(socket.pop().is_some(), opened, "after a refusal there is nothing more");
    }
    let mut endless = Socket::new();
    endless.push(&[b'x'; bounds::HANDSHAKE_BYTES + 1]);
    assert!(matches!(endless.pop(), Some(Event::Closed(_))));
}

#[test]
fn messages_come_whole_or_in_pieces_with_control_frames_between() {
    let mut socket = open();
    for octets in [
        frame(0x81, b"OPTIONS"),
        frame(0x02, b"INV"),
        frame(0x89, b"hi"),
        frame(0x00, b"I"),
        frame(0x8a, b""),
        frame(0x80, b"TE"),
    ] {
        socket.push(&octets);
    }
    assert_eq!(
        events(&mut socket),
        [
            Event::Message(Bytes::from_static(b"OPTIONS")),
            Event::Pong(Bytes::from_static(b"\x8a\x02hi")),
            Event::Pinged,
            Event::Message(Bytes::from_static(b"INVITE")),
        ]
    );
    assert!(!socket.is_partial());
    socket.push(&frame(0x88, &1_001_u16.to_be_bytes()));
    assert_eq!(events(&mut socket), [Event::Closed(Bytes::from_static(b"\x88\x02\x03\xe8"))]);
}

#[test]
fn what_breaks_the_protocol_closes_and_says_why() {
    let unmasked = b"\x81\x01x".to_vec();
    let half = bounds::MESSAGE_BYTES / 2 + 1;
    let in_pieces = [frame(0x01, &vec![b'x'; half]), frame(0x80, &vec![b'x'; half])].concat();
    for (octets, code) in [
        (unmasked, 1_002_u16),
        (frame(0xc1, b"x"), 1_002),
        (frame(0x83, b"x"), 1_002),
        (frame(0x09, b"x"), 1_002),
        (frame(0x89, &[0; 126]), 1_002),
        (frame(0x80, b"x"), 1_002),
        ([frame(0x01, b"x"), frame(0x81, b"x")].concat(), 1_002),
        (frame(0x81, &vec![b'x'; bounds::MESSAGE_BYTES + 1]), 1_009),
        (b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), 1_009),
        (in_pieces, 1_009),
    ] {
        let mut socket = open();
        socket.push(&octets);
        let [high, low] = code.to_be_bytes();
        assert_eq!(events(&mut socket), [Event::Closed(Bytes::from(vec![0x88, 2, high, low]))], "{code}");
        assert!(!socket.is_partial(), "nothing is held");
    }
}

#[test]
fn what_we_write_has_the_length_that_it_needs() {
    for (len, head) in [
        (0, &[0x81, 0][..]),
        (125, &[0x81, 125]),
        (126, &[0x81, 126, 0, 126]),
        (65_535, &[0x81, 126, 255, 255]),
    ] {
        let written = message(&vec![b'x'; len]);
        assert_eq!((&written[..head.len()], written.len()), (head, head.len() + len));
    }
    assert_eq!(message(b"\xff")[0], 0x82, "what is no text goes as octets");
    assert_eq!(ping()[..], [0x89, 0]);
}

proptest! {
    #[test]
    fn however_it_is_cut_the_same_comes_out(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        cuts in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let mut stream = OPENING.as_bytes().to_vec();
        payloads.iter().for_each(|payload| stream.extend(frame(0x82, payload)));
        let mut socket = Socket::new();
        let (mut got, mut rest, mut sizes) = (Vec::new(), &stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().expect("endless")));
            socket.push(piece);
            got.extend(events(&mut socket).into_iter().filter_map(|event| match event {
                Event::Message(octets) => Some(octets.to_vec()),
                _ => None,
            }));
            rest = after;
        }
        prop_assert_eq!(got, payloads);
    }

    #[test]
    fn no_octets_break_it(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut socket = open();
        socket.push(&octets);
        let seen = events(&mut socket);
        prop_assert!(seen.len() <= octets.len());
    }
}
