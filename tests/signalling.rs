//! How a call uses transactions, dialogs and the registrar together: the rooms without `call` and `switch`, a phone as text.

use std::time::Duration;

use bytes::Bytes;
use ledgerline::base::{Random, Secret, Time};
use ledgerline::dialog::{
    self, Accepted, Carrier, Dialog, Heard, Id, Invitation, OfferAnswer, Ring, Sense, Side,
};
use ledgerline::registrar::{Account, Algorithm, Bindings, Digest, Directory, Ha1, Proof, Rules, Verdict};
use ledgerline::sip::{
    Builder, Flow, Message, Method, Name, NameAddrBuf, Transport, UriBuf, digest::Authorization,
};
use ledgerline::transaction::{Key, Layer, Output, Received, ServerKey};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n";

struct Node {
    layer: Layer,
    digest: Digest,
    directory: Directory,
    now: Time,
    flow: Flow,
}

impl Node {
    fn new() -> Node {
        let mut random = Random::from_number(11);
        let alice = Account::new("alice", "ledgerline", &Secret::new("open sesame".to_string()));
        let address = |a: &str| a.parse().expect("an address");
        Node {
            layer: Layer::new(&mut random),
            digest: Digest::new("ledgerline", &Algorithm::DEFAULT, &mut random),
            directory: Directory::new([alice]).expect("one account"),
            now: Time::from_millis(5_000),
            flow: Flow {
                transport: Transport::Udp,
                local: address("192.0.2.1:5060"),
                remote: address("192.0.2.9:40000"),
                connection: 0,
            },
        }
    }

    /// The phone sends; a message that is not whole is a fault of the test.
    fn receive(&mut self, message: Message) -> Received {
        ledgerline::sip::validate(&message).expect("a valid message");
        self.layer.receive(self.now, self.flow, message)
    }

    fn request(&mut self, message: Message) -> (ServerKey, Message) {
        match self.receive(message) {
            Received::Request { key, message } => (key, message),
            other => panic!("not a new request: {other:?}"),
        }
    }

    fn sent(&mut self) -> Vec<Message> {
        let mut sent = Vec::new();
        while let Some(output) = self.layer.poll() {
            if let Output::Send { flow, bytes } = output {
                assert_eq!(flow, self.flow);
                sent.push(Message::parse(bytes).expect("we write messages"));
            }
        }
        sent
    }

    fn sent_one(&mut self) -> Message {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }
}

/// What a phone writes.
fn phone(method: Method, seq: u32, to_tag: Option<&str>, authorization: Option<String>) -> Message {
    let to = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    let mut request = Builder::request(&method, "sip:bob@ledgerline")
        .header(Name::Via, format!("SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{method}{seq}"))
        .header(Name::MaxForwards, "70")
        .header(Name::From, "<sip:alice@ledgerline>;tag=alice")
        .header(Name::To, format!("<sip:bob@ledgerline>{to}"))
        .header(Name::CallId, "call-1")
        .header(Name::CSeq, format!("{seq} {method}"))
        .header(Name::Contact, "<sip:alice@10.0.0.9:5060>");
    if let Some(authorization) = authorization {
        request = request.header(Name::Authorization, authorization);
    }
    if method == Method::Invite {
        request = request.body("application/sdp", OFFER);
    }
    request.message().expect("a message")
}

/// What a phone that knows the password answers to a 401.
fn credentials(challenge: &Message, word: &str, method: &Method) -> String {
    let value = challenge.header(Name::WwwAuthenticate).expect("a challenge");
    let challenge = Authorization::parse(value).and_then(|a| a.challenge()).expect("digest");
    let ha1 = Ha1::of(Algorithm::Sha256, "alice", challenge.realm, &Secret::new(word.to_string()));
    let uri = "sip:bob@ledgerline";
    let proof = Proof {
        nonce: challenge.nonce.as_bytes(),
        qop: Some((b"00000001", b"c")),
        method: method.as_str().as_bytes(),
        uri: uri.as_bytes(),
    };
    let response = String::from_utf8(proof.response(&ha1)).expect("hexadecimal");
    format!(
        "Digest username=\"alice\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"",
        challenge.realm, challenge.nonce
    )
}

/// INVITE → 401 → ACK → INVITE → 180 → 200 → (200 lost) → ACK → BYE.
#[test]
fn a_phone_calls_in_proves_itself_talks_and_hangs_up() {
    let mut node = Node::new();

    let (key, invite) = node.request(phone(Method::Invite, 1, None, None));
    assert!(matches!(
        node.digest.check(node.now, node.flow.remote.ip(), &invite, &node.directory),
        Verdict::Unproven { stale: false, wrong: None }
    ));
    let answer = node.layer.reply(key, 401).expect("open");
    node.layer.refuse(key, node.digest.challenge(node.now, node.flow.remote.ip(), answer, false));
    assert!(node.layer.is_empty(), "a stranger costs nothing");
    let challenge = node.sent_one();
    assert!(matches!(node.receive(phone(Method::Ack, 1, Some("x"), None)), Received::Ack { .. }));

    let proof = credentials(&challenge, "open sesame", &Method::Invite);
    let (key, invite) = node.request(phone(Method::Invite, 2, None, Some(proof)));
    let Verdict::Proven(account) =
        node.digest.check(node.now, node.flow.remote.ip(), &invite, &node.directory)
    else {
        panic!("unproven")
    };
    assert!(account.may_claim(invite.from().and_then(|from| from.uri().user()).expect("a user")));
    let tag = node.layer.local_tag(key).expect("open").to_string();
    let contact = dialog::contact(Some("bob"), &node.flow);
    let mut dialog = Dialog::answering(&invite, node.flow, &tag, &contact).expect("a dialog");
    let mut offers = OfferAnswer::new();
    assert_eq!(offers.on(Side::Theirs, Carrier::Invite, invite.has_sdp()), Ok(Sense::Offer));

    for status in [180, 200] {
        let mut answer = node.layer.reply(key, status).expect("open").copy(&invite, Name::RecordRoute);
        answer = answer.header(Name::Contact, dialog.contact());
        if status == 200 {
            assert_eq!(offers.on(Side::Ours, Carrier::Success, true), Ok(Sense::Answer));
            dialog.confirm(None);
            answer = answer.body("application/sdp", OFFER);
        }
        node.layer.respond(node.now, key, answer);
    }
    let mut accepted = Accepted::new(node.now);
    let answers = node.sent();
    let via = answers[1].top_via().expect("a Via");
    assert_eq!((via.rport(), via.received()), (Some(40_000), "192.0.2.9".parse().ok()));
    assert_eq!(answers[1].to().and_then(|to| to.tag()), Some(tag.as_str()));

    node.now = accepted.due();
    assert_eq!(accepted.ring(node.now), Ring::Repeat);
    node.layer.repeat(key);
    assert_eq!(node.sent_one().as_bytes(), answers[1].as_bytes());

    let Received::Ack { message: ack } = node.receive(phone(Method::Ack, 2, Some(&tag), None)) else {
        panic!("no ACK")
    };
    assert_eq!(Id::of_request(&ack).as_ref(), Some(dialog.id()));
    assert!(dialog.is_acknowledged_by(&ack));
    assert_eq!(offers.on(Side::Theirs, Carrier::Ack, ack.has_sdp()), Ok(Sense::Nothing));

    let (key, bye) = node.request(phone(Method::Bye, 3, Some(&tag), None));
    assert_eq!(Id::of_request(&bye).as_ref(), Some(dialog.id()));
    assert!(dialog.is_peer(&node.flow));
    dialog.take(&bye, node.flow).expect("in order");
    let answer = node.layer.reply(key, 200).expect("open");
    node.layer.respond(node.now, key, answer);
    assert_eq!(node.sent_one().status(), Some(200));

    node.now = node.now + Duration::from_secs(64);
    node.layer.fire(node.now);
    assert!(node.layer.is_empty());
}

/// Two phones ring; one answers, the other is cancelled; it answers all the same and is sent home.
#[test]
fn one_of_two_phones_answers_and_the_other_is_cancelled() {
    let mut node = Node::new();
    let mut bindings = Bindings::new(Rules::default(), &mut Random::from_number(1));
    let registration = "REGISTER sip:ledgerline SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKr\r\nFrom: <sip:bob@ledgerline>;tag=r\r\n\
        To: <sip:bob@ledgerline>\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nContact: <sip:desk@h1>, <sip:soft@h2>\r\n\r\n";
    let registration = Message::parse(Bytes::from(registration)).expect("a message");
    bindings.register(node.now, "bob", &registration, node.flow).expect("registered");

    let uri = |text: &str| text.parse::<UriBuf>().expect("a URI");
    let mut legs = Vec::new();
    for binding in bindings.lookup(node.now, "bob") {
        let (local, remote) =
            (NameAddrBuf::new(uri("sip:alice@ledgerline")), NameAddrBuf::new(uri("sip:bob@ledgerline")));
        let contact = dialog::contact(Some("alice"), &binding.flow);
        let target = binding.target();
        let invitation = Invitation::new(
            &mut Random::from_number(legs.len() as u64),
            binding.flow,
            target,
            local,
            remote,
            &contact,
        );
        let invite = invitation.request(70).body("application/sdp", OFFER);
        let key = node.layer.request(node.now, binding.flow, invite).expect("room");
        let invite = node.sent_one();
        legs.push((key, invitation, invite));
    }
    let [(desk, desk_side, desk_invite), (soft, soft_side, soft_invite)] = &mut legs[..] else {
        panic!("two legs")
    };

    let answer = |to: &Message, status| {
        Builder::reply_to(to, status)
            .to_tag("t")
            .header(Name::Contact, "<sip:x@h>")
            .message()
            .expect("a message")
    };
    for (invite, side, key) in
        [(&desk_invite, &mut *desk_side, *desk), (&soft_invite, &mut *soft_side, *soft)]
    {
        match node.receive(answer(invite, 180)) {
            Received::Response { key: from, message } if from == key => {
                assert!(matches!(side.hear(node.now, &mut node.layer, &message), Heard::Early(..)));
            }
            other => panic!("{other:?}"),
        }
    }

    let Received::Response { message, .. } = node.receive(answer(desk_invite, 200)) else {
        panic!("no response")
    };
    let Heard::Accepted(mut dialog, _) = desk_side.hear(node.now, &mut node.layer, &message) else {
        panic!("no dialog")
    };
    dialog.acknowledge(&mut node.layer, desk_side.seq(), None);
    node.layer.cancel(node.now, *soft, Some("SIP;cause=200;text=\"Call completed elsewhere\""));
    let sent = node.sent();
    assert_eq!(
        sent.iter().map(|m| m.method().cloned()).collect::<Vec<_>>(),
        [Some(Method::Ack), Some(Method::Cancel)]
    );

    let Received::Response { message, .. } = node.receive(answer(soft_invite, 200)) else {
        panic!("no response")
    };
    let Heard::Accepted(mut late, _) = soft_side.hear(node.now, &mut node.layer, &message) else {
        panic!("no dialog")
    };
    late.acknowledge(&mut node.layer, soft_side.seq(), None);
    late.hang_up(node.now, &mut node.layer, None).expect("room");
    let sent = node.sent();
    assert_eq!(
        sent.iter().map(|m| m.method().cloned()).collect::<Vec<_>>(),
        [Some(Method::Ack), Some(Method::Bye)]
    );
    assert!(matches!(node.receive(answer(&sent[1], 200)), Received::Response { .. }));

    let mut ended = Vec::new();
    while let Some(due) = node.layer.deadline() {
        node.now = due;
        node.layer.fire(due);
        while let Some(output) = node.layer.poll() {
            if let Output::Ended(Key::Client(key)) = output {
                ended.push(key);
            }
        }
    }
    assert!(ended.contains(desk) && ended.contains(soft));
    assert!(node.layer.is_empty());
}
