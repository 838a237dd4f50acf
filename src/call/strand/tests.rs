//! Strands: descriptions in the order of offers, and what is passed on.

use super::*;
use crate::base::Random;

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";
const SOUND: &str = "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
const VIDEO: &str = "m=video 6000 RTP/AVPF 97\r\nb=AS:9000\r\nb=TIAS:500000\r\na=rtpmap:97 H264/90000\r\n\
    a=fmtp:97 profile-level-id=42e01f\r\na=rtcp-fb:97 nack pli\r\na=rtcp:6009\r\na=rtcp-mux\r\na=candidate:1 1 UDP 1 192.0.2.1 6000 typ host\r\n\
    a=mid:1\r\na=sendonly\r\n";
const FAX: &str = "m=image 8000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

fn read(lines: &[&str]) -> Description {
    let text = format!("{HEAD}{}", lines.concat());
    Description::read_within(text.as_bytes(), Srtp::Optional).expect("usable")
}

/// A leg whose strands have ports.
fn stream() -> Stream {
    let mut random = Random::from_number(1);
    let mut stream = Stream { session: 7, ..Stream::default() };
    for (strand, port) in [(Strand::Video, 20_002), (Strand::Fax, 20_004)] {
        assert!(stream.strands.prepare(strand, Srtp::Off, false, &mut random));
        stream.strands.opened(strand, Some(SocketAddr::from(([198, 51, 100, 9], port))));
    }
    stream
}

fn local() -> SocketAddr {
    "198.51.100.9:20000".parse().expect("an address")
}

fn text(octets: &Bytes) -> String {
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    text.split_once("t=0 0\n").map(|(_, lines)| lines.to_string()).expect("a body")
}

fn sound(stream: &Stream, offer: &Description) -> Media {
    offer.answer(local().port(), &offer.formats, &stream.keys)
}

#[test]
fn an_answer_keeps_the_lines_of_its_offer_and_refuses_what_nobody_has() {
    let offer = read(&["m=application 9 UDP/BFCP *\r\n", VIDEO, SOUND, "m=video 7000 RTP/AVP 31\r\n", FAX]);
    let mut stream = stream();
    stream.strands.hear_offer(&offer);
    let sound = sound(&stream, &offer);
    expect_test::expect![[r#"
        m=application 0 UDP/BFCP *
        m=video 0 RTP/AVPF 97
        m=audio 20000 RTP/AVP 8
        a=rtpmap:8 PCMA/8000
        a=ptime:20
        a=sendrecv
        m=video 0 RTP/AVP 31
        m=image 0 udptl t38
    "#]]
    .assert_eq(&text(&stream.describe_answer(local(), &offer, Some(sound))));
}

#[test]
fn what_belongs_to_one_hop_stays_there() {
    let mut asker = stream();
    asker.strands.hear_wishes(&read(&[SOUND, VIDEO]));
    let mut other = stream();
    other.strands.offer_wish_of(&asker.strands, Strand::Video, 4_096);
    let formats = read(&[SOUND]).formats;
    expect_test::expect![[r#"
        m=audio 20000 RTP/AVP 8
        a=rtpmap:8 PCMA/8000
        a=ptime:20
        a=sendrecv
        m=video 20002 RTP/AVPF 97
        b=AS:4096
        b=TIAS:500000
        a=rtpmap:97 H264/90000
        a=fmtp:97 profile-level-id=42e01f
        a=rtcp-fb:97 nack pli
        a=sendrecv
    "#]]
    .assert_eq(&text(&other.describe_offer(local(), formats, None)));
}

#[test]
fn fax_stands_where_the_asker_has_it_and_the_sound_comes_back_to_its_place() {
    let silent = "m=audio 0 RTP/AVP 8\r\n";
    for (offer, lines, afterwards) in [
        (read(&[FAX]), vec!["m=image 20004"], vec!["m=audio 20000"]),
        (read(&[silent, FAX]), vec!["m=audio 0", "m=image 20004"], vec!["m=audio 20000", "m=image 0"]),
    ] {
        let mut other = stream();
        other.strands.hear_offer(&read(&[SOUND]));
        other.strands.offer_as(&offer, Strand::Fax, 0);
        let formats = read(&[SOUND]).formats;
        let heads = |octets: &Bytes| -> Vec<String> {
            let text = text(octets);
            let heads = text.lines().filter(|line| line.starts_with("m="));
            heads.map(|line| line.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(heads(&other.describe_offer(local(), formats.clone(), None)), lines);
        let mut answer = offer.clone();
        answer.session.media.iter_mut().for_each(|media| media.attributes.clear());
        assert!(other.hear_answer(answer));
        other.strands.next = None;
        assert!(other.strands.is_on(Strand::Fax) && other.strands.shape.silent);
        other.strands.next().drop(Strand::Fax);
        assert_eq!(heads(&other.describe_offer(local(), formats, None)), afterwards);
    }
}

#[test]
fn an_offer_that_is_refused_leaves_the_session_as_it_was() {
    let mut stream = stream();
    stream.strands.hear_offer(&read(&[SOUND]));
    let before = stream.describe_offer(local(), read(&[SOUND]).formats, None);
    stream.strands.offer_as(&read(&[FAX]), Strand::Fax, 0);
    assert_ne!(text(&stream.describe_offer(local(), Vec::new(), None)), text(&before));
    stream.strands.next = None;
    assert_eq!(text(&stream.describe_offer(local(), read(&[SOUND]).formats, None)), text(&before));
}

#[test]
fn what_is_more_is_told_from_what_was_agreed() {
    let may = |_: Strand| true;
    let other = VIDEO.replace("97", "98");
    let smaller = VIDEO.replace("H264", "H265");
    let mut stream = stream();
    let agreed = read(&[SOUND, VIDEO]);
    assert!(stream.strands.is_more(&agreed, may) && !stream.strands.is_more(&agreed, |_| false));
    let mut peer = self::stream();
    peer.strands.offer_as(&agreed, Strand::Video, 4_096);
    peer.strands.hear_answer(&agreed);
    stream.strands.answer_as(&peer.strands, Strand::Video, 4_096);
    stream.strands.hear_offer(&agreed);
    assert!(stream.strands.is_on(Strand::Video));
    for (lines, more) in [
        (vec![SOUND, VIDEO], false),
        (vec![SOUND], false),
        (vec![SOUND, "m=video 0 RTP/AVP 97\r\n"], false),
        (vec![SOUND, other.as_str()], true),
        (vec![SOUND, smaller.as_str()], true),
        (vec![SOUND, VIDEO, FAX], true),
        (vec![FAX], true),
    ] {
        assert_eq!(stream.strands.is_more(&read(&lines), may), more, "{lines:?}");
    }
}
