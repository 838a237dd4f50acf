//! An INVITE of ours and its forks.

use super::*;
use crate::base::bounds;
use crate::dialog::{Dialog, Heard, Invitation, Phase};
use crate::sip::{Builder, Method, NameAddrBuf, UriBuf};
use crate::transaction::{ClientKey, Received};

struct Bench {
    layer: Layer,
    invitation: Invitation,
    invite: Message,
    key: ClientKey,
}

impl Bench {
    fn new() -> Bench {
        let uri = |text: &str| text.parse::<UriBuf>().expect("a URI");
        let local = NameAddrBuf::new(uri("sip:us@ledgerline")).with_display("Us");
        let remote = NameAddrBuf::new(uri("sip:bob@ledgerline"));
        let target = uri("sip:bob@192.0.2.9:5062");
        let invitation = Invitation::new(
            &mut Random::from_number(4),
            flow(),
            target,
            local,
            remote,
            "<sip:us@192.0.2.1:5060>",
        );
        let mut layer = layer();
        let key = layer.request(NOW, flow(), invitation.request(70)).expect("room");
        let invite = sent(&mut layer).remove(0);
        Bench { layer, invitation, invite, key }
    }

    /// The fork `tag` answers with `status`.
    fn hear(&mut self, status: u16, tag: &str) -> Heard {
        let contact = format!("<sip:{tag}@192.0.2.9>");
        let response = Builder::reply_to(&self.invite, status)
            .to_tag(tag)
            .header(Name::Contact, contact)
            .header(Name::RecordRoute, "<sip:near;lr>, <sip:far;lr>");
        let response = response.message().expect("a message");
        match self.layer.receive(NOW, flow(), response) {
            Received::Response { message, key } => {
                assert_eq!(key, self.key);
                self.invitation.hear(NOW, &mut self.layer, &message)
            }
            other => panic!("{other:?}"),
        }
    }

    fn accepted(&mut self, tag: &str) -> Dialog {
        match self.hear(200, tag) {
            Heard::Accepted(dialog, _) => *dialog,
            other => panic!("{other:?}"),
        }
    }

    fn sent(&mut self) -> Vec<Message> {
        sent(&mut self.layer)
    }
}

#[test]
fn the_invite_is_whole() {
    let bench = Bench::new();
    let invite = &bench.invite;
    assert_eq!(invite.request_uri_raw(), b"sip:bob@192.0.2.9:5062");
    assert!(header(invite, Name::From).starts_with("\"Us\" <sip:us@ledgerline>;tag="));
    assert_eq!(header(invite, Name::To), "<sip:bob@ledgerline>");
    assert_eq!(header(invite, Name::Contact), "<sip:us@192.0.2.1:5060>");
    assert!(crate::sip::validate(invite).is_ok());
}

#[test]
fn forks_ring_at_once_and_the_first_that_answers_is_kept() {
    let mut bench = Bench::new();
    assert!(matches!(bench.hear(100, "x"), Heard::Progress));
    assert!(matches!(bench.hear(180, "a"), Heard::Early(id, _) if id.remote_tag() == "a"));
    assert!(matches!(bench.hear(183, "b"), Heard::Early(id, _) if id.remote_tag() == "b"));
    assert!(matches!(bench.hear(180, "a"), Heard::Early(..)));
    assert_eq!(bench.invitation.early().count(), 2);

    let mut dialog = bench.accepted("b");
    assert_eq!(
        (dialog.phase(), dialog.we_invited(), dialog.id().remote_tag()),
        (Phase::Confirmed, true, "b")
    );
    dialog.acknowledge(&mut bench.layer, bench.invitation.seq(), Some(Bytes::from_static(b"v=0\r\n")));
    let ack = bench.sent().remove(0);
    assert_eq!((ack.method(), ack.body()), (Some(&Method::Ack), &b"v=0\r\n"[..]));
    assert_eq!(header(&ack, Name::CSeq), "1 ACK");
    let routes: Vec<_> = ack.list(Name::Route).collect();
    assert_eq!(routes, [b"<sip:far;lr>", &b"<sip:near;lr>"[..]], "reversed");

    assert!(matches!(bench.hear(200, "b"), Heard::AcceptedAgain(id) if id == *dialog.id()));
    let again = Builder::reply_to(&bench.invite, 200).message().expect("a message");
    assert!(dialog.acknowledge_again(&mut bench.layer, &again));
    assert_eq!(bench.sent().remove(0).as_bytes(), ack.as_bytes());

    let bye = dialog.request(&Method::Bye).message().expect("a message");
    assert_eq!(
        (header(&bye, Name::CSeq).as_str(), bye.request_uri_raw()),
        ("2 BYE", &b"sip:b@192.0.2.9"[..])
    );
}

#[test]
fn other_forks_that_answer_are_sent_home() {
    let mut bench = Bench::new();
    bench.hear(180, "late");
    bench.accepted("first");
    for tag in ["late", "later"] {
        assert!(matches!(bench.hear(200, tag), Heard::Surplus), "{tag}");
        let sent = bench.sent();
        let kinds: Vec<_> = sent.iter().map(|m| (m.method().cloned(), header(m, Name::To))).collect();
        let to = format!("<sip:bob@ledgerline>;tag={tag}");
        assert_eq!(kinds, [(Some(Method::Ack), to.clone()), (Some(Method::Bye), to)]);
        assert!(matches!(bench.hear(200, tag), Heard::Surplus));
        assert_eq!(bench.sent().iter().map(|m| m.method().cloned()).collect::<Vec<_>>(), [Some(Method::Ack)]);
    }
}

#[test]
fn a_refusal_ends_all_early_dialogs() {
    let mut bench = Bench::new();
    bench.hear(180, "a");
    bench.hear(180, "b");
    assert!(matches!(bench.hear(486, "a"), Heard::Refused));
    assert_eq!(bench.invitation.early().count(), 0);
    let anew = bench.invitation.request_anew(69).message().expect("a message");
    assert_eq!(header(&anew, Name::CSeq), "2 INVITE");
    assert_eq!(header(&anew, Name::CallId), header(&bench.invite, Name::CallId));
    assert_eq!(header(&anew, Name::From), header(&bench.invite, Name::From));
}

#[test]
fn a_flood_of_forks_is_bounded() {
    let mut bench = Bench::new();
    for i in 0..200 {
        bench.hear(180, &format!("t{i}"));
    }
    assert_eq!(bench.invitation.early().count(), bounds::FORKED_DIALOGS);
    let dialog = bench.accepted("t199");
    assert_eq!(dialog.id().remote_tag(), "t199", "one that was not followed may still answer");
}
