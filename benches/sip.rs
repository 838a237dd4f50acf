//! The wire layer: an INVITE of 1.3 kB read, looked into, written; a stream cut into messages.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledgerline::sdp::Session;
use ledgerline::sip::framing::Framer;
use ledgerline::sip::{Builder, Message, Method, Name, validate};

fn invite() -> Bytes {
    let sdp = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.4\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n\
               m=audio 49170 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
               a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp:49171 IN IP4 192.0.2.4\r\n\
               a=sendrecv\r\n";
    let head = "INVITE sip:1002@pbx.example.com;transport=udp SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.4:5060;rport;branch=z9hG4bKPj3f1c0e0a9d8b4c7e8f6a5b4c3d2e1f00\r\n\
        Max-Forwards: 70\r\n\
        From: \"Alice Example\" <sip:1001@pbx.example.com>;tag=8a7b6c5d4e3f2a1b\r\n\
        To: <sip:1002@pbx.example.com>\r\n\
        Contact: <sip:1001@192.0.2.4:5060;ob>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\"\r\n\
        Call-ID: 3848276298220188511@192.0.2.4\r\n\
        CSeq: 17231 INVITE\r\n\
        Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n\
        Supported: replaces, 100rel, timer, norefersub\r\n\
        Session-Expires: 1800\r\n\
        Min-SE: 90\r\n\
        User-Agent: Example Phone T46 66.84.0.15\r\n\
        Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"5f3c1e9a7b2d4086\", \
        uri=\"sip:1002@pbx.example.com;transport=udp\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, \
        cnonce=\"0a4f113b\", qop=auth, nc=0000000a\r\n\
        Content-Type: application/sdp\r\n";
    Bytes::from(format!("{head}Content-Length: {}\r\n\r\n{sdp}", sdp.len()))
}

fn bench(c: &mut Criterion) {
    let raw = invite();
    let message = Message::receive(raw.clone()).expect("the message is whole");
    let mut group = c.benchmark_group("sip");
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.bench_function("parse", |b| b.iter(|| Message::parse(black_box(raw.clone()))));
    group.bench_function("validate", |b| b.iter(|| validate(black_box(&message))));
    group.bench_function("typed", |b| {
        b.iter(|| {
            let m = black_box(&message);
            let branch = m.top_via().and_then(|v| v.branch().map(str::len));
            let tags = (m.from().and_then(|f| f.tag().map(str::len)), m.to().map(|t| t.uri().port()));
            let contact = m.contacts().next().and_then(|c| c.params().get("+sip.instance").map(str::len));
            let auth = m.authorizations().next().and_then(|a| a.credentials().ok().and_then(|c| c.nc));
            (branch, tags, contact, auth, m.cseq())
        })
    });
    group.bench_function("reply", |b| {
        let source = "198.51.100.7:40000".parse().expect("an address");
        b.iter(|| Builder::reply_to(black_box(&message), 180).stamp(source).to_tag("a1b2c3d4").build())
    });
    group.bench_function("write", |b| b.iter(|| write(black_box(&message))));
    group.bench_function("frame", |b| {
        b.iter(|| {
            let mut framer = Framer::new();
            for part in raw.chunks(536) {
                framer.push(part);
            }
            framer.pop()
        })
    });
    group.bench_function("sdp", |b| {
        b.iter(|| Session::parse(black_box(message.body())).map(|s| s.to_bytes()))
    });
    group.finish();
}

/// The same INVITE written anew, as a B2BUA does.
fn write(message: &Message) -> Bytes {
    Builder::request(&Method::Invite, "sip:1002@198.51.100.20:5062")
        .header(Name::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK8d7f6a5s4d3f2a1s;rport")
        .header(Name::MaxForwards, "69")
        .copy(message, Name::From)
        .copy(message, Name::To)
        .header(Name::CallId, "0d2f7c1b5a9e4d38")
        .display(Name::CSeq, format_args!("{} {}", 1, Method::Invite))
        .header(Name::Contact, "<sip:192.0.2.1:5060>")
        .copy(message, Name::Allow)
        .copy(message, Name::Supported)
        .body("application/sdp", message.body_bytes())
        .build()
}

criterion_group!(benches, bench);
criterion_main!(benches);
