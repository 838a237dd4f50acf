//! The RFCs' own vectors, and every way in which a packet can be wrong.

use super::derive::{Label, derive};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn master(suite: Suite) -> Master {
    let octets: Vec<u8> = (0..suite.master_bytes() as u8).map(|n| n.wrapping_mul(37) ^ 0x5a).collect();
    Master::new(suite, &octets).unwrap()
}

fn packet(seq: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = seq.to_be_bytes();
    [&[0x80, 0, high, low, 0, 0, 1, 0, 0xca, 0xfe, 0xba, 0xbe][..], payload].concat()
}

fn protected(sender: &mut Sender, packet: &[u8]) -> Vec<u8> {
    let mut buffer = [packet, &[0; OVERHEAD]].concat();
    let len = sender.protect(&mut buffer, packet.len()).unwrap();
    buffer.truncate(len);
    buffer
}

/// RFC 3711 appendix B.3.
#[test]
fn session_keys_are_those_of_the_standard() {
    let octets = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let master = Master::new(Suite::AesCm128Sha80, &octets).unwrap();
    for (label, key) in [
        (Label::RtpCipher, "C61E7A93744F39EE10734AFE3FF7A087"),
        (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
        (Label::RtpAuthentication, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE"),
    ] {
        let key = hex(key);
        assert_eq!(*derive(&master, label, key.len()), key, "{label:?}");
    }
}

/// RFC 6188 §7.2: AES-256 in the derivation.
#[test]
fn long_session_keys_are_those_of_the_standard() {
    let octets =
        hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6 3b04803de51ee7c96423ab5b78d2");
    let master = Master::new(Suite::AesCm256Sha80, &octets).unwrap();
    for (label, key) in [
        (Label::RtpCipher, "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4"),
        (Label::RtpSalt, "fa31791685ca444a9e07c6c64e93"),
        (Label::RtpAuthentication, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
    ] {
        let key = hex(key);
        assert_eq!(*derive(&master, label, key.len()), key, "{label:?}");
    }
}

/// A packet that other implementations protect the same way under these keys.
#[test]
fn a_packet_comes_out_as_others_make_it() {
    let octets = hex("e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6");
    let mut sender = Sender::new(&Master::new(Suite::AesCm128Sha80, &octets).unwrap());
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let expected = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(protected(&mut sender, &plain), expected);
}

#[test]
fn what_is_protected_opens_once_and_only_as_it_was() {
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Sender::new(&master(suite)), Receiver::new(&master(suite)));
        for (seq, payload) in [(65_534, &b"hello"[..]), (65_535, b""), (0, &[7; 1_400]), (1, b"x")] {
            let plain = packet(seq, payload);
            let sent = protected(&mut sender, &plain);
            assert_eq!(sent.len(), plain.len() + suite.tag_bytes());
            assert!(payload.len() < 5 || sent[12..17] != plain[12..17], "{suite:?} sends in clear");
            for bit in 0..sent.len().min(40) * 8 {
                let mut forged = sent.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert!(receiver.open(&mut forged).is_err(), "{suite:?} {seq} bit {bit}");
            }
            for len in 0..sent.len() {
                assert!(receiver.open(&mut sent[..len].to_vec()).is_err(), "{suite:?} {seq} cut to {len}");
            }
            let mut datagram = sent.clone();
            assert_eq!(receiver.open(&mut datagram), Ok(plain.len()), "{suite:?} {seq}");
            assert_eq!(datagram[..plain.len()], plain);
            assert_eq!(receiver.open(&mut sent.clone()), Err(Rejected::Replayed), "{suite:?} {seq}");
        }
        let other = Master::new(suite, &vec![9; suite.master_bytes()]).unwrap();
        let stranger = protected(&mut Sender::new(&other), &packet(2, b"hello"));
        assert_eq!(receiver.open(&mut stranger.clone()), Err(Rejected::Forged));
    }
}

#[test]
fn late_packets_open_across_a_roll_over() {
    let suite = Suite::AesCm128Sha80;
    let (mut sender, mut receiver) = (Sender::new(&master(suite)), Receiver::new(&master(suite)));
    let mut sent: Vec<_> =
        (0..20u16).map(|n| protected(&mut sender, &packet(65_526u16.wrapping_add(n), &[n as u8]))).collect();
    sent.swap(8, 12);
    sent.swap(3, 9);
    for mut datagram in sent {
        assert!(receiver.open(&mut datagram).is_ok());
    }
}

#[test]
fn reports_open_once_and_only_as_they_were() {
    let report = hex("80c90001cafebabe 0000000000000000");
    for suite in Suite::ALL {
        let (mut sender, mut receiver) = (Sender::new(&master(suite)), Receiver::new(&master(suite)));
        for _ in 0..3 {
            let mut sent = [&report[..], &[0; OVERHEAD]].concat();
            let len = sender.protect_rtcp(&mut sent, report.len()).unwrap();
            sent.truncate(len);
            assert_ne!(sent[8..16], report[8..16], "{suite:?} sends in clear");
            for bit in 0..sent.len() * 8 {
                let mut forged = sent.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                assert!(receiver.open_rtcp(&mut forged).is_err(), "{suite:?} bit {bit}");
            }
            for len in 0..sent.len() {
                assert!(receiver.open_rtcp(&mut sent[..len].to_vec()).is_err(), "{suite:?} cut to {len}");
            }
            let mut datagram = sent.clone();
            assert_eq!(receiver.open_rtcp(&mut datagram), Ok(report.len()), "{suite:?}");
            assert_eq!(datagram[..report.len()], report);
            assert_eq!(receiver.open_rtcp(&mut sent), Err(Rejected::Replayed));
        }
    }
}

#[test]
fn contributing_sources_and_extensions_stay_readable() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sender, mut receiver) = (Sender::new(&master(suite)), Receiver::new(&master(suite)));
    let plain = hex("9200 0001 00000000 cafebabe 00000001 00000002 bede0001 10aa0000 0102030405");
    let sent = protected(&mut sender, &plain);
    assert_eq!(sent[..28], plain[..28]);
    let mut datagram = sent;
    assert_eq!(receiver.open(&mut datagram), Ok(plain.len()));
    assert_eq!(datagram[..plain.len()], plain);
    let endless = hex("9000 0001 00000000 cafebabe bedeffff 00000000");
    assert_eq!(receiver.open(&mut endless.clone()), Err(Rejected::Malformed));
}

#[test]
fn keys_do_not_show_themselves() {
    let master = master(Suite::AesCm128Sha80);
    assert_eq!(format!("{master:?}"), "Master(AES_CM_128_HMAC_SHA1_80)");
    let sender = format!("{:?}", Sender::new(&master));
    assert!(sender.contains("Keys(..)") && !sender.contains("salt"), "{sender}");
    assert_eq!(Master::new(Suite::AesCm128Sha80, &[0; 29]), None);
    for suite in Suite::ALL {
        assert_eq!(Suite::named(&suite.name().to_lowercase()), Some(suite));
    }
}
