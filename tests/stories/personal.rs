//! Personal data of one working day: what is said, dialled and written must not be read anywhere but where it is sealed (PII-02).

use ledgerline::call::Answered;
use ledgerline::plan::Ended;
use ledgerline::speech::{News, Said};
use ledgerline::switch::Input;

use crate::world::*;

/// Somebody's own: a number that is a user's, one that is nobody's, a name, an identity card, a bank card.
const SEEDS: [&str; 5] = [MOBILE, "13912345678", "张三丰", "11010519491231002X", "6225880000001231"];

const LETTER: &str = "MESSAGE sip:bob@pbx.test SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: <sip:{user}@pbx.test>;tag={tag}\n\
    To: <sip:bob@pbx.test>\nCall-ID: {call_id}\nCSeq: 1 MESSAGE\nSubject: 张三丰\n{proof}Content-Type: text/plain\n\
    Content-Length: {length}\n\n我叫张三丰，身份证11010519491231002X，卡号6225880000001231，电话13912345678";

/// The same to somebody of whom only the number is known.
fn to_a_number() -> String {
    LETTER.replace("sip:bob@", "sip:13912345678@")
}

#[test]
fn a_day_of_calls_and_texts_prints_nobodys_data() {
    let mut world = World::seeded(512);
    world.printed = Some(String::new());
    world.phone("bob");
    world.phone("alice").dials(MOBILE).at(secs(1));
    world.phone("erin").answers().after(secs(1));
    world.at(secs(4), Deed::LookAround);
    world.phone("carol").dials("13912345678").at(secs(5));
    world.phone("frank").says(LETTER).at(secs(8));
    world.phone("frank").says(&to_a_number()).at(secs(12));
    world.at(secs(14), Deed::LookAround);
    world.run_until(secs(60));
    world.settle();

    assert!(
        world.phone("bob").texts.iter().any(|(_, text)| text.contains("张三丰")),
        "bob gets what was written"
    );
    let records: Vec<_> = world.calls().into_iter().filter_map(|call| world.cdr(call).cloned()).collect();
    assert!(records.iter().any(|cdr| cdr.dialled == MOBILE), "the sealed record knows who was called");

    let printed = world.printed.take().unwrap_or_default();
    for exit in ["Happened", "Report", "Answer", "Cdr", "Media", "138****8005", "139****5678"] {
        assert!(printed.contains(exit), "{exit} was let out, masked");
    }
    let mut exits =
        vec![("outputs", printed), ("ladder", world.ladder()), ("events", world.recorded_events())];
    exits.push(("happenings", format!("{:?}", world.happenings)));
    exits.push(("reports", format!("{:?}", world.reports)));
    exits.push(("records", format!("{records:?}")));
    for (exit, text) in exits {
        for seed in SEEDS {
            let line = text.lines().find(|line| line.contains(seed));
            assert!(line.is_none(), "{exit} shows {seed}: {line:?}");
        }
    }
}

/// What a customer's system answers, and every way in which a plan can show it.
const LOOKED_UP: &str = r#"lookup who(number: phone) -> { full: name, id: idcard, bank: card, mobile: phone }
  get "http://core.intra/who" timeout 2s
webhook crm { post "http://crm.intra/told" }
route "50" from users -> hotline
flow hotline {
  let c = lookup who(caller) else -> apology
  pop { full c.full, id c.id, bank c.bank, mobile c.mobile, caller caller }
  event seen "{c.full} {c.id} {c.bank}"
  tag "vip {c.mobile}"
  notify crm "{c.full} {c.mobile} {c.id}"
  dial user bob for 20s { answered -> end  else -> apology }
}
policy heard"#;

#[test]
fn what_is_looked_up_popped_told_and_said_is_read_nowhere() {
    let program = Plan::Screened.changed("policy heard", LOOKED_UP);
    let mut world = World::made(513, Plan::Screened, |setup| setup.program = program);
    world.printed = Some(String::new());
    world.handle(Input::Page { user: "bob".into(), open: true });
    world.phone("erin").dials("50").at(secs(1));
    world.phone("bob").answers().after(secs(1));
    world.run_until(ms(1_200));
    let question = world.asked.pop().expect("a question");
    let json =
        r#"{"full":"张三丰","id":"11010519491231002X","bank":"6225880000001231","mobile":"13912345678"}"#;
    let answer = question.lookup.read(json.as_bytes()).map_err(|_| Ended::Failed);
    assert!(answer.is_ok());
    let (call, number) = (question.call, question.number);
    world.handle(Input::Found(Answered { call, number, answer, why: None }));
    world.run_until(secs(5));
    let shown = format!("{:?}", world.pages.get("bob"));
    let text = "我叫张三丰，身份证11010519491231002X，我还不上了，电话13912345678";
    let said = Said { segment: 0, text: text.into(), from_ms: 0, to_ms: 900, marks: Vec::new(), last: true };
    world.hears("erin", News::Said(said));
    world.phone("erin").hangs_up().at(secs(7));
    world.run_until(secs(9));
    world.settle();

    assert!(
        shown.contains("张**") && shown.contains("110105****002X") && shown.contains("6225****1231"),
        "{shown}"
    );
    assert_eq!(world.letters.len(), 1);
    let exits = [
        ("the agent's page", shown),
        ("letters", format!("{:?}", world.letters)),
        ("outputs", world.printed.take().unwrap_or_default()),
        ("events", world.recorded_events()),
        ("record", format!("{:?}", world.only_cdr())),
        ("words", format!("{:?}", world.spoken)),
        ("ladder", world.ladder()),
    ];
    for (exit, text) in exits {
        for seed in SEEDS {
            let line = text.lines().find(|line| line.contains(seed));
            assert!(line.is_none(), "{exit} shows {seed}: {line:?}");
        }
    }
}
